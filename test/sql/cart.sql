-- The cart: add_to_cart() adds units, set_cart_item() says how many, 0 takes the
-- product out, and each returns what cart_json() does, with the problems that
-- would keep the cart from being ordered.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name) VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO ecommerce.categories (id, name) VALUES (7, 'Writing');
INSERT INTO ecommerce.products (id, name, description, price, category_id) VALUES
    (11, 'Pencil', 'HB', 0.25, 7),
    (12, 'Pen', NULL, 1.5000, NULL),
    (13, 'Desk', 'Oak', 899.90, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000), (12, 3);

-- Each item as product x quantity = amount, in the order of the cart.
CREATE FUNCTION pg_temp.summary(cart jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ',
        (SELECT string_agg(format('%s x %s = %s', item #>> '{products,name}',
                                  item ->> 'quantity', item ->> 'line_amount'), ', ')
         FROM jsonb_array_elements(cart -> 'cart_items') AS item),
        'total ' || (cart ->> 'cart_amount'),
        (SELECT string_agg(concat_ws(' ', problem ->> 'code', problem ->> 'product_id',
                                     format('(%s of %s)', problem ->> 'available',
                                            problem ->> 'requested')), ', ')
         FROM jsonb_array_elements(cart -> 'problems') AS problem))
$$;

-- A user who never had one has an empty cart; neither reading it nor taking
-- something out makes one.
SELECT ecommerce.cart_json(1);
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 11, 0));
SELECT count(*) AS carts FROM ecommerce.carts;

-- One unit unless told otherwise; more of the same adds to the item.
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 11));
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 11));
SELECT pg_temp.summary(ecommerce.add_to_cart(user_id => 1, product_id => 11, quantity => 10));
SELECT count(*) AS carts FROM ecommerce.carts;

-- Another user's cart is another cart.
SELECT pg_temp.summary(ecommerce.add_to_cart(2, 11, 7));
SELECT pg_temp.summary(ecommerce.cart_json(1));

-- Setting replaces the quantity, whether the product was there or not.
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 11, 4));
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 12, 3));
SELECT pg_temp.summary(ecommerce.set_cart_item(user_id => 1, product_id => 12, quantity => 2));

-- The whole document, in which items come in the order in which they were added
-- and keep their place when the quantity changes.
UPDATE ecommerce.cart_items SET created_at = '2026-01-01 12:00:00.25Z' WHERE product_id = 12;
UPDATE ecommerce.cart_items SET created_at = '2026-01-01 12:00:01Z' WHERE product_id = 11;
SELECT jsonb_pretty(ecommerce.set_cart_item(1, 11, 8));
SELECT ecommerce.set_cart_item(1, 11, 9) AS returned \gset
SELECT :'returned' = ecommerce.cart_json(1) AS what_is_returned_is_the_cart;
SELECT ecommerce.add_to_cart(1, 12, 1) AS returned \gset
SELECT :'returned' = ecommerce.cart_json(1) AS what_is_returned_is_the_cart;

-- 0 takes the product out, and again is no error.
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 11, 0));
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 11, 0));
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 12, 0));

-- Problems: short stock, also of a product that has no stock level at all.
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 12, 3));
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 12, 1));
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 13, 1));

-- Another bucket has stock of its own.
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) VALUES (5, 13, 1), (5, 12, 2);
UPDATE ecommerce.carts SET stock_bucket = 5 WHERE user_id = 1;
SELECT pg_temp.summary(ecommerce.cart_json(1));
UPDATE ecommerce.carts SET stock_bucket = 0 WHERE user_id = 1;

-- A product that is not sold any more: no more of it goes in, it can go out.
UPDATE ecommerce.products SET is_active = false WHERE id = 12;
SELECT pg_temp.summary(ecommerce.cart_json(1));
SELECT ecommerce.add_to_cart(1, 12, 1);
SELECT ecommerce.set_cart_item(1, 12, 1);
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 13, 0));
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 12, 0));
UPDATE ecommerce.products SET is_active = true WHERE id = 12;

-- Amounts in two currencies have no sum.
UPDATE ecommerce.products SET currency = 'EUR' WHERE id = 12;
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 12, 1));
SELECT pg_temp.summary(ecommerce.add_to_cart(1, 11, 1));
SELECT cart -> 'currency' AS currency, cart -> 'cart_amount' AS cart_amount
FROM ecommerce.cart_json(1) AS cart;
UPDATE ecommerce.products SET currency = 'USD' WHERE id = 12;

-- A deleted product leaves the carts, a deleted user takes the cart along.
DELETE FROM ecommerce.products WHERE id = 12;
SELECT pg_temp.summary(ecommerce.cart_json(1));
DELETE FROM ecommerce.users WHERE id = 1;
SELECT ecommerce.cart_json(1);
SELECT count(*) AS carts FROM ecommerce.carts;

-- Carts are read, and only read, in a read-only transaction.
BEGIN READ ONLY;
SELECT pg_temp.summary(ecommerce.cart_json(2));
\set VERBOSITY sqlstate
SELECT ecommerce.add_to_cart(2, 11);
\set VERBOSITY default
ROLLBACK;

-- More than an order may amount to is a problem that the cart shows before.
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1001, 'Rich', '1 Main Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (1001, 'Moon', 999999999999.9999);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1001, 2000);
SELECT ecommerce.add_to_cart(1001, 1001, 1001) -> 'problems' AS problems;
SELECT ecommerce.place_order(1001);
SELECT ecommerce.set_cart_item(1001, 1001, 1000) -> 'problems' AS problems;
SELECT ecommerce.place_order(1001) -> 'order_amount' AS order_amount;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
