-- A shop's first day, told by demo/run. Whatever goes otherwise than told ends it
-- with an error.

\set ON_ERROR_STOP on
\set VERBOSITY verbose
\pset format unaligned
\pset tuples_only on
\set ECHO queries

\echo '\n== The extension brings code; migrate() makes the tables, which are the shop\'s own'
CREATE EXTENSION ecommerce;
CREATE ROLE shop;
SELECT ecommerce.migrate(owner => 'shop');

\echo '\n== A small catalogue and a customer'
INSERT INTO ecommerce.categories (name) VALUES ('MobilePhones'), ('Electronics');
INSERT INTO ecommerce.products (name, description, price, category_id) VALUES
    ('IPhone 13', 'Apple IPhone 13', 1600.00, 1),
    ('IPhone 12', 'Apple IPhone 12', 1200.00, 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 20), (2, 10);
INSERT INTO ecommerce.users (name, email, shipping_address) VALUES
    ('John Doe', 'john@example.com', '587 Hinkle Deegan Lake Road, Syracuse, New York');

\echo '\n== No order yet'
SELECT jsonb_pretty(ecommerce.order_listing_json(user_id => 1));

\echo '\n== An iPhone 13 goes into the cart'
SELECT jsonb_pretty(ecommerce.add_to_cart(user_id => 1, product_id => 1, quantity => 1));

\echo '\n== The cart becomes an order'
SELECT jsonb_pretty(ecommerce.place_order(user_id => 1));

\echo '\n== The listing has it'
SELECT jsonb_pretty(ecommerce.order_listing_json(user_id => 1));

\echo '\n== An iPhone 12 goes into the cart'
SELECT jsonb_pretty(ecommerce.add_to_cart(user_id => 1, product_id => 2, quantity => 1));

\echo '\n== And becomes an order as well'
SELECT jsonb_pretty(ecommerce.place_order(user_id => 1));

\echo '\n== Ordering once more is refused, for the cart is empty'
\set ON_ERROR_STOP off
SELECT ecommerce.place_order(user_id => 1);
\set ON_ERROR_STOP on
\set ECHO none
SELECT set_config('demo.refusal', :'SQLSTATE', false) AS refusal \gset
\set ECHO queries

\echo '\n== The listing has both orders, the newest first'
SELECT jsonb_pretty(ecommerce.order_listing_json(user_id => 1));

\set ECHO none
DO $$
BEGIN
    ASSERT current_setting('demo.refusal') = 'PT404',
        'the empty cart was not refused with PT404';
    ASSERT (SELECT array_agg((o->'order_amount')::numeric ORDER BY number)
            FROM jsonb_array_elements(ecommerce.order_listing_json(1))
                 WITH ORDINALITY AS listing (o, number)) = '{1200, 1600}',
        'the listing does not hold the two orders, the newest first';
    ASSERT (SELECT array_agg(quantity ORDER BY product_id)
            FROM ecommerce.stock_levels) = '{19, 9}',
        'the stock is not what was not sold';
END
$$;
