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

\echo '\n== Another day: taxes that German prices include, parcels, and a coupon for one order'
INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate, is_included) VALUES
    ('standard', 'DE', 'USt', 19, true), ('reduced', 'DE', 'USt', 7, true);
INSERT INTO ecommerce.shipping_rates (code, name, country, price, currency, tax_class) VALUES
    ('parcel', 'Parcel', 'DE', 4.90, 'EUR', 'standard');
INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES
    ('TEN', '10 % off', 'percent', 10);
SELECT ecommerce.set_promotion_limit(promotion_id => 1, usage_limit => 1);
INSERT INTO ecommerce.products (name, price, currency, tax_class, sku) VALUES
    ('Kettle', 119.00, 'EUR', 'standard', 'KT-1'), ('Tea', 10.70, 'EUR', 'reduced', 'TE-7');
SELECT ecommerce.receive_stock(product_ids => '{3,4}', quantities => '{5,50}');
INSERT INTO ecommerce.users (name, email, address) VALUES
    ('Ada', 'ada@example.com',
     '{"name": "Ada", "line1": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}');

\echo '\n== A whole cart in one call, the way of shipping, and the coupon: the cart is the quote'
SELECT ecommerce.set_cart_items(user_id => 2, product_ids => '{3,4}', quantities => '{1,2}') \g /dev/null
SELECT ecommerce.set_cart_shipping(user_id => 2, shipping_code => 'parcel') \g /dev/null
SELECT ecommerce.set_cart_coupons(user_id => 2, codes => '{ten}') AS quote \gset
SELECT jsonb_pretty(:'quote'::jsonb - 'cart_items');

\echo '\n== The order is what was quoted, or there is none'
SELECT jsonb_pretty(ecommerce.place_order(
    user_id => 2, idempotency_key => 'a7f3', fingerprint => :'quote'::jsonb ->> 'fingerprint'));

\echo '\n== The coupon is used up: the next cart with it is refused'
SELECT ecommerce.add_to_cart(user_id => 2, product_id => 4) \g /dev/null
SELECT ecommerce.set_cart_coupons(user_id => 2, codes => '{TEN}') -> 'problems';
\set ON_ERROR_STOP off
SELECT ecommerce.place_order(user_id => 2);
\set ON_ERROR_STOP on
\set ECHO none
SELECT set_config('demo.coupon', :'SQLSTATE', false) AS refusal \gset

DO $$
BEGIN
    ASSERT current_setting('demo.coupon') = 'PT409',
        'the coupon that is used up was not refused with PT409';
    ASSERT (SELECT order_amount = 131.26 FROM ecommerce.orders WHERE customer_id = 2),
        'the order is not what 126.36 of goods and 4.90 of shipping come to';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.order_integrity()),
        'something does not add up';
    ASSERT current_setting('demo.refusal') = 'PT404',
        'the empty cart was not refused with PT404';
    ASSERT (SELECT array_agg((o->'order_amount')::numeric ORDER BY number)
            FROM jsonb_array_elements(ecommerce.order_listing_json(1))
                 WITH ORDINALITY AS listing (o, number)) = '{1200, 1600}',
        'the listing does not hold the two orders, the newest first';
    ASSERT (SELECT array_agg(quantity ORDER BY product_id)
            FROM ecommerce.stock_levels) = '{19, 9, 4, 48}',
        'the stock is not what was not sold';
END
$$;
