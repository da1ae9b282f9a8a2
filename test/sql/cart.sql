-- The cart: add_to_cart() adds units, set_cart_item() says how many, 0 takes the
-- product out, and each returns what cart_json() does, with the problems that
-- would keep the cart from being ordered.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES
    (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Side Street'), (3, 'Edsger', NULL);
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
                                     '(' || (problem ->> 'available') || ' of ' || (problem ->> 'requested') || ')',
                                     '(' || (problem ->> 'added_price') || ' ' || (problem ->> 'added_currency') || ' then, now '
                                     || (problem ->> 'price') || ' ' || (problem ->> 'currency') || ')'), ', ')
         FROM jsonb_array_elements(cart -> 'problems') AS problem))
$$;

-- A user who never had one has an empty cart; neither reading it nor taking
-- something out makes one.
SELECT ecommerce.cart_json(1) - 'fingerprint' AS cart;
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
SELECT jsonb_pretty(ecommerce.set_cart_item(1, 11, 8) - 'fingerprint');
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

-- What is in stock is in stock in any bucket, whichever the cart draws on first.
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

-- A deleted product stays in the cart, with the name it had, so that the customer is
-- told; no more of it goes in, it can go out. A deleted user takes the cart along.
DELETE FROM ecommerce.products WHERE id = 12;
SELECT pg_temp.summary(ecommerce.cart_json(1));
SELECT jsonb_path_query_first(ecommerce.cart_json(1), '$.cart_items[0]') - 'created_date' AS item;
SELECT ecommerce.place_order(1);
SELECT ecommerce.add_to_cart(1, 12, 1);
SELECT ecommerce.set_cart_item(1, 12, 1);
SELECT pg_temp.summary(ecommerce.set_cart_item(1, 12, 0));
DELETE FROM ecommerce.users WHERE id = 1;
SELECT ecommerce.cart_json(1);
SELECT count(*) AS carts FROM ecommerce.carts;

-- Without an address, of the user's or the cart's, there is no order.
SELECT pg_temp.summary(ecommerce.add_to_cart(3, 11, 1));
UPDATE ecommerce.users SET shipping_address = E' \u3000\u200B' WHERE id = 3;
SELECT pg_temp.summary(ecommerce.cart_json(3)), ecommerce.cart_json(3) -> 'shipping_address' AS shipping_address;
UPDATE ecommerce.carts SET address = '{"name": "Edsger", "city": "Nuenen", "country": "NL"}' WHERE user_id = 3;
SELECT pg_temp.summary(ecommerce.cart_json(3)), ecommerce.cart_json(3) -> 'shipping_address' AS shipping_address;

-- A price that is not the one which the product had when it was put in: the cart tells it
-- until the customer changes the quantity, or the price comes back. So does an order, unless
-- it says what the customer was shown.
CREATE FUNCTION pg_temp.price(new_price numeric, new_currency text DEFAULT 'USD') RETURNS text LANGUAGE sql AS $$
    UPDATE ecommerce.products SET price = new_price, currency = new_currency WHERE id = 11;
    SELECT pg_temp.summary(ecommerce.cart_json(3));
$$;
SELECT pg_temp.price(0.5);
SELECT ecommerce.place_order(3);
SELECT ecommerce.cart_json(3) -> 'problems' AS problems;
SELECT pg_temp.summary(ecommerce.add_to_cart(3, 13, 1));
SELECT pg_temp.summary(ecommerce.set_cart_item(3, 13, 0));
SELECT pg_temp.price(0.25000);
SELECT pg_temp.price(0.24);
SELECT pg_temp.price(0.24, 'EUR');
SELECT pg_temp.price(0.25, 'EUR');
SELECT ecommerce.place_order(3);
SELECT pg_temp.summary(ecommerce.add_to_cart(3, 11, 1));
SELECT pg_temp.price(0);
SELECT pg_temp.summary(ecommerce.set_cart_item(3, 11, 1));
SELECT pg_temp.price(0.25);
SELECT pg_temp.summary(ecommerce.set_cart_item(3, 11, 1));

-- Items of a cart of before version 2 remember no price, and cannot have another.
UPDATE ecommerce.cart_items SET unit_price = NULL, currency = NULL, product_name = NULL WHERE user_id = 3;
SELECT pg_temp.price(77);
SELECT pg_temp.price(0.25);
SELECT pg_temp.summary(ecommerce.set_cart_item(3, 11, 1));

-- A cart is identified by its fingerprint: the same after reading, and after there and back;
-- another with another product, quantity, price, currency or address.
CREATE FUNCTION pg_temp.fingerprint() RETURNS text LANGUAGE sql AS $$ SELECT ecommerce.cart_json(3) ->> 'fingerprint' $$;
SELECT pg_temp.fingerprint() AS shown \gset
SELECT :'shown' ~ '^[0-9a-f]{64}$' AS is_a_hash, pg_temp.fingerprint() = :'shown' AS stays;
SELECT ecommerce.set_cart_item(3, 11, 2) ->> 'fingerprint' <> :'shown' AS quantity,
       ecommerce.set_cart_item(3, 11, 1) ->> 'fingerprint' = :'shown' AS and_back;
SELECT ecommerce.set_cart_item(3, 13, 1) ->> 'fingerprint' <> :'shown' AS product,
       ecommerce.set_cart_item(3, 13, 0) ->> 'fingerprint' = :'shown' AS and_back;
UPDATE ecommerce.products SET price = 0.251 WHERE id = 11;
SELECT ecommerce.cart_json(3) -> 'cart_amount' AS cart_amount, pg_temp.fingerprint() <> :'shown' AS price;
UPDATE ecommerce.products SET price = 0.250000 WHERE id = 11;
SELECT pg_temp.fingerprint() = :'shown' AS and_back;
UPDATE ecommerce.products SET currency = 'EUR' WHERE id = 11;
SELECT pg_temp.fingerprint() <> :'shown' AS currency;
UPDATE ecommerce.products SET currency = 'USD', name = 'Red pencil', category_id = NULL WHERE id = 11;
SELECT pg_temp.fingerprint() = :'shown' AS and_back;
UPDATE ecommerce.carts SET address = NULL WHERE user_id = 3;
SELECT pg_temp.fingerprint() <> :'shown' AS address;
UPDATE ecommerce.products SET name = 'Pencil', category_id = 7 WHERE id = 11;

-- A cart has at most 1000 different products. Those in it can still be changed, and more
-- that came past the functions taken out.
INSERT INTO ecommerce.products (id, name, price) SELECT 2000 + i, 'Bead ' || i, 0.01 FROM generate_series(1, 1001) AS i;
SELECT count(ecommerce.set_cart_item(3, 2000 + i, 1)) FROM generate_series(1, 999) AS i;
SELECT jsonb_array_length(ecommerce.cart_json(3) -> 'cart_items') AS items;
SELECT ecommerce.add_to_cart(3, 3000, 1);
SELECT ecommerce.set_cart_item(3, 3000, 1);
SELECT ecommerce.set_cart_item(3, 2999, 5) -> 'cart_amount' AS cart_amount,
       ecommerce.add_to_cart(3, 2999, 1) -> 'cart_amount' AS one_more;
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (3, 3000, 1), (3, 3001, 1);
SELECT ecommerce.add_to_cart(3, 2999, 1);
SELECT jsonb_array_length(ecommerce.set_cart_item(3, 3000, 0) -> 'cart_items') AS items;
SELECT jsonb_array_length(ecommerce.set_cart_item(3, 3001, 0) -> 'cart_items') AS items;
SELECT jsonb_array_length(ecommerce.add_to_cart(3, 2999, 1) -> 'cart_items') AS items;

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
