-- A shop to measure, of which there is only the catalogue yet.

\set ON_ERROR_STOP on

CREATE EXTENSION ecommerce;
CREATE SCHEMA bench;
SELECT format('CREATE ROLE %s LOGIN', name) FROM unnest('{shop, shopper}'::name[]) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
GRANT CREATE, USAGE ON SCHEMA ecommerce, ecommerce_api, bench TO shop;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO shop;
-- The shopper is a customer, who has no privilege on any table.
GRANT USAGE ON SCHEMA ecommerce TO shopper;
GRANT EXECUTE ON FUNCTION ecommerce.order_json TO shopper;
SET ROLE shop;
SELECT ecommerce.migrate() \g /dev/null

INSERT INTO ecommerce.categories (name)
SELECT 'Category ' || n FROM generate_series(1, 20) AS n;

-- Names of 16 to 36 bytes, descriptions of 30 to 80.
INSERT INTO ecommerce.products (name, description, price, category_id)
SELECT colour || ' ' || material || ' ' || thing,
       'A ' || lower(material || ' ' || thing) || ' in ' || lower(colour)
           || left(', made to last and sent in a box of cardboard', n % 45),
       round((n * 7919 % 50000 + 99) / 100.0, 2), n % 20 + 1
  FROM generate_series(0, 19999) AS n,
       LATERAL (SELECT (ARRAY['White', 'Red', 'Ivory', 'Midnight', 'Green', 'Vintage', 'Pink', 'Grey',
                              'Turquoise', 'Black'])[n % 10 + 1],
                       (ARRAY['Wooden', 'Metal', 'Ceramic', 'Cotton', 'Glass', 'Enamel', 'Paper', 'Knitted',
                              'Porcelain', 'Wicker'])[n / 10 % 10 + 1],
                       (ARRAY['Lantern', 'Hot Water Bottle', 'Cake Stand', 'Lunch Bag', 'Photo Frame',
                              'Alarm Clock', 'Doormat', 'T-Light Holder', 'Storage Jar',
                              'Coat Rack'])[n / 100 % 10 + 1]) AS word (colour, material, thing);
INSERT INTO ecommerce.stock_levels (product_id, quantity)
SELECT id, 1000000000 FROM ecommerce.products ORDER BY id;
RESET ROLE;
