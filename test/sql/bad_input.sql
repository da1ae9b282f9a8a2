-- Bad input of every kind gets a clear error, or the right result if it is not
-- so bad after all; after each error the carts, the stock and the orders are as
-- they were.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street'), (2, 'Grace', NULL);
INSERT INTO ecommerce.products (id, name, price, is_active) VALUES
    (11, 'Pencil', 0.25, true), (12, 'Yacht', 999999999999.9999, true), (13, 'Quill', 1, false), (14, 'Slate', 1, true);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100), (12, 9000000000), (13, 10);
SELECT ecommerce.add_to_cart(1, 11, 2) -> 'cart_amount' AS cart_amount;
SELECT ecommerce.place_order(1, idempotency_key => 'k') -> 'id' AS id;
SELECT ecommerce.add_to_cart(1, 11, 3) -> 'cart_amount' AS cart_amount;

-- All that there is. "Intact" is whether it is as it was when last remembered.
CREATE VIEW pg_temp.everything AS
    SELECT 'user' AS kind, u::text AS entry FROM ecommerce.users AS u
    UNION ALL SELECT 'product', p::text FROM ecommerce.products AS p
    UNION ALL SELECT 'stock', s::text FROM ecommerce.stock_levels AS s
    UNION ALL SELECT 'cart', c::text FROM ecommerce.carts AS c
    UNION ALL SELECT 'item', i::text FROM ecommerce.cart_items AS i
    UNION ALL SELECT 'order', o::text FROM ecommerce.orders AS o
    UNION ALL SELECT 'line', d::text FROM ecommerce.order_details AS d
    UNION ALL SELECT 'event', e::text FROM ecommerce.order_events AS e;
CREATE TABLE pg_temp.remembered AS TABLE everything;
CREATE VIEW pg_temp.intact AS
    SELECT NOT EXISTS ((TABLE everything EXCEPT TABLE remembered) UNION ALL (TABLE remembered EXCEPT TABLE everything))
           AS intact;
CREATE PROCEDURE pg_temp.remember() LANGUAGE sql AS
    'TRUNCATE pg_temp.remembered; INSERT INTO pg_temp.remembered TABLE pg_temp.everything';
-- Whether an order is placed, or fails otherwise than expected.
CREATE FUNCTION pg_temp.accepts_key(key text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.place_order(1, idempotency_key => key);
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;
CREATE FUNCTION pg_temp.accepts_fingerprint(fingerprint text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    detail jsonb;
BEGIN
    PERFORM ecommerce.place_order(1, fingerprint => fingerprint);
    RETURN true;
EXCEPTION WHEN SQLSTATE 'PT409' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail ->> 'code' <> 'cart_changed';
END
$$;
TABLE intact;
BEGIN;
UPDATE ecommerce.stock_levels SET quantity = 99 WHERE product_id = 12;
TABLE intact;
ROLLBACK;

-- NULL where there must be a value.
SELECT ecommerce.add_to_cart(NULL, 11, 1);
SELECT ecommerce.add_to_cart(1, NULL, 1);
SELECT ecommerce.add_to_cart(1, 11, NULL);
SELECT ecommerce.set_cart_item(NULL, 11, 1);
SELECT ecommerce.set_cart_item(1, NULL, 1);
SELECT ecommerce.set_cart_item(1, 11, NULL);
SELECT ecommerce.cart_json(NULL);
SELECT ecommerce.place_order(NULL);
SELECT ecommerce.order_listing_json(NULL);
SELECT ecommerce.order_json(NULL, 1);
SELECT ecommerce.order_json(1, NULL);
TABLE intact;

-- NULL where it means that nothing was said.
SELECT jsonb_array_length(ecommerce.order_listing_json(1, NULL, NULL, NULL)) AS orders;

-- Quantities: none, negative, too large for the column, too large together.
SELECT ecommerce.add_to_cart(1, 11, 0);
SELECT ecommerce.add_to_cart(1, 11, -1);
SELECT ecommerce.add_to_cart(1, 11, -2147483648);
SELECT ecommerce.set_cart_item(1, 11, -1);
SELECT ecommerce.set_cart_item(1, 11, -2147483648);
SELECT ecommerce.add_to_cart(1, 11, 2147483647);
TABLE intact;
SELECT ecommerce.add_to_cart(1, 11, 2147483644) #> '{cart_items,0,quantity}' AS as_many_as_there_can_be;
CALL pg_temp.remember();
SELECT ecommerce.add_to_cart(1, 11, 1);
SELECT ecommerce.place_order(1);
TABLE intact;
SELECT ecommerce.set_cart_item(1, 11, 3) #> '{cart_items,0,quantity}' AS quantity;
CALL pg_temp.remember();
\set VERBOSITY sqlstate
SELECT ecommerce.add_to_cart(1, 11, 2147483648);
SELECT ecommerce.add_to_cart(1, 11, 1.5);
SELECT ecommerce.add_to_cart(1, 11, 'many');
\set VERBOSITY default
TABLE intact;

-- Products and users that are not, are no more, or are not sold.
SELECT ecommerce.add_to_cart(1, 99, 1);
SELECT ecommerce.add_to_cart(1, 0, 1);
SELECT ecommerce.add_to_cart(1, -9223372036854775808, 1);
SELECT ecommerce.set_cart_item(1, 99, 0) -> 'cart_amount' AS never_was_in;
SELECT ecommerce.add_to_cart(1, 13, 1);
SELECT ecommerce.set_cart_item(1, 13, 1);
DELETE FROM ecommerce.products WHERE id = 14;
CALL pg_temp.remember();
SELECT ecommerce.add_to_cart(1, 14, 1);
SELECT ecommerce.set_cart_item(1, 14, 1);
SELECT ecommerce.add_to_cart(99, 11, 1);
SELECT ecommerce.add_to_cart(99, 99, 1);
SELECT ecommerce.set_cart_item(-1, 11, 0);
SELECT ecommerce.cart_json(99);
SELECT ecommerce.place_order(99);
SELECT ecommerce.place_order(99, 'k', 1, 'f', 'Main Street', '{}');
SELECT ecommerce.order_listing_json(99);
SELECT ecommerce.order_json(99, 1);
SELECT ecommerce.order_json(1, -1);
TABLE intact;

-- A user who never had a cart.
SELECT ecommerce.place_order(2);
SELECT ecommerce.place_order(2, 'k', 1, 'f', 'Main Street', '{}');
TABLE intact;

-- Pages.
SELECT ecommerce.order_listing_json(1, 0);
SELECT ecommerce.order_listing_json(1, -1);
SELECT ecommerce.order_listing_json(1, -2147483648);
SELECT ecommerce.order_listing_json(1, 10, 99);
SELECT ecommerce.order_listing_json(1, 10, 0);
SELECT ecommerce.order_listing_json(1, 10, 9223372036854775807);
SELECT ecommerce.order_listing_json(1, 10, NULL, 'UNKNOWN');
SELECT ecommerce.order_listing_json(1, 10, NULL, repeat('x', 10000));
TABLE intact;

-- Keys.
SELECT ecommerce.place_order(1, idempotency_key => '');
SELECT ecommerce.place_order(1, idempotency_key => repeat('k', 256));
SELECT ecommerce.place_order(1, idempotency_key => repeat('k', 10000));
SELECT ecommerce.place_order(1, idempotency_key => repeat('é', 256));
SELECT to_json(key) AS accepted
FROM (VALUES (' '), (E'\t\r\n\x0B\f'), (E'\u00A0'), (E'\u2028\u2029'), (E'\u3000'), (E'\u200B'), (E'\uFEFF'), (E'\u00AD'), (E'\u3164')) AS blank (key)
WHERE pg_temp.accepts_key(key);
TABLE intact;

-- Addresses: as text, or an object, if the text begins with a brace.
SELECT ecommerce.place_order(1, shipping_address => '');
SELECT ecommerce.place_order(1, shipping_address => '   ');
SELECT ecommerce.place_order(1, shipping_address => E' \t\r\n\x0B\f');
SELECT ecommerce.place_order(1, shipping_address => E'\u00A0\u3000\u200B');
SELECT ecommerce.place_order(1, 'k', shipping_address => '');
SELECT ecommerce.place_order(1, shipping_address => repeat('é', 10001));
SELECT ecommerce.place_order(1, shipping_address => '{}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": " ", "city": ""}');
SELECT ecommerce.place_order(1, shipping_address => '{"phone": "+31 40 2479111", "email": "e@example.com"}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "1 Main Street", "zip": "5611"}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": null}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "1 Main Street", "postal_code": 5611}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": {"street": "Main Street"}}');
SELECT ecommerce.place_order(1, shipping_address => jsonb_build_object('line1', repeat('é', 501))::text);
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "1 Main Street", "country": "nl"}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "1 Main Street", "country": "NLD"}');
SELECT ecommerce.place_order(1, shipping_address => E'{"line1": "1 Main Street", "country": "NL\\n"}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "1 Main Street", "country": ""}');
SELECT ecommerce.place_order(1, shipping_address => '{"name, phone": "1"}');
\set VERBOSITY sqlstate
SELECT ecommerce.place_order(1, shipping_address => '{1 Main Street}');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "1 Main Street"');
SELECT ecommerce.place_order(1, shipping_address => E' \n {');
SELECT ecommerce.place_order(1, shipping_address => '{"line1": "\u0000"}');
\set VERBOSITY default
TABLE intact;
BEGIN;
SELECT length(ecommerce.place_order(1, shipping_address => repeat('é', 10000)) ->> 'shipping_address') AS characters;
ROLLBACK;
BEGIN;
SELECT length(ecommerce.place_order(1, shipping_address => jsonb_build_object('line1', repeat('é', 500))::text) ->> 'shipping_address') AS characters;
ROLLBACK;
BEGIN;
SELECT ecommerce.place_order(1, shipping_address => '[1 Main Street]') -> 'shipping_address' AS a_text;
ROLLBACK;

-- What an address in the tables can be.
\set VERBOSITY sqlstate
UPDATE ecommerce.users SET address = '[]' WHERE id = 2;
UPDATE ecommerce.users SET address = '"1 Main Street"' WHERE id = 2;
UPDATE ecommerce.users SET address = 'null' WHERE id = 2;
UPDATE ecommerce.users SET address = '{"zip": "5611"}' WHERE id = 2;
UPDATE ecommerce.users SET address = '{"line1": null}' WHERE id = 2;
UPDATE ecommerce.users SET address = '{"line1": 1}' WHERE id = 2;
UPDATE ecommerce.users SET address = jsonb_build_object('line1', repeat('é', 501)) WHERE id = 2;
UPDATE ecommerce.users SET address = '{"country": "nl"}' WHERE id = 2;
UPDATE ecommerce.users SET address = E'{"country": "NL\\n"}' WHERE id = 2;
UPDATE ecommerce.users SET address = '{"country": ""}' WHERE id = 2;
UPDATE ecommerce.users SET shipping_address = repeat('é', 10001) WHERE id = 2;
\set VERBOSITY default
TABLE intact;
BEGIN;
UPDATE ecommerce.users SET shipping_address = repeat('é', 10000),
       address = jsonb_build_object('line1', repeat(E'é\n', 250), 'country', 'NL') WHERE id = 2 RETURNING length(shipping_address), length(address ->> 'line1');
ROLLBACK;

-- Facts of the shop's own: an object, not too large.
SELECT ecommerce.place_order(1, metadata => '1');
SELECT ecommerce.place_order(1, metadata => '"{}"');
SELECT ecommerce.place_order(1, metadata => 'null');
SELECT ecommerce.place_order(1, metadata => '[{"channel": "web"}]');
SELECT ecommerce.place_order(1, metadata => jsonb_build_object('note', repeat('n', 16384)));
SELECT ecommerce.place_order(1, metadata => (SELECT jsonb_object_agg(n, n) FROM generate_series(1, 1000) AS n));
TABLE intact;
BEGIN;
SELECT length(ecommerce.place_order(1, metadata => jsonb_build_object('note', repeat('n', 16000))) #>> '{metadata,note}') AS characters;
ROLLBACK;
BEGIN;
SELECT ecommerce.place_order(1, metadata => '{}') -> 'metadata' AS metadata;
ROLLBACK;

-- Fingerprints that are none of this cart.
SELECT left(f, 10) AS accepted FROM (VALUES (''), (' '), ('x'), (repeat('0', 64)), (repeat('f', 1000000)),
    (upper(ecommerce.cart_json(1) ->> 'fingerprint')), ((ecommerce.cart_json(1) ->> 'fingerprint') || ' ')) AS wrong (f)
WHERE pg_temp.accepts_fingerprint(f);
TABLE intact;

-- Amounts.
SELECT ecommerce.place_order(1, expected_amount => 'NaN');
SELECT ecommerce.place_order(1, expected_amount => 'Infinity');
SELECT ecommerce.place_order(1, expected_amount => '-Infinity');
SELECT ecommerce.place_order(1, expected_amount => 0.7500000001);
SELECT ecommerce.place_order(1, expected_amount => -0.75);
SELECT ecommerce.place_order(1, expected_amount => -1);
SELECT ecommerce.place_order(1, expected_amount => -1e-1000);
SELECT ecommerce.place_order(1, expected_amount => 1e15);
SELECT ecommerce.place_order(1, expected_amount => 10::numeric ^ 131071);
SELECT ecommerce.place_order(1, expected_amount => 999999999999999.999999);
SELECT ecommerce.place_order(1, expected_amount => 0.30000000000000004441);
SELECT ecommerce.place_order(1, expected_amount => 0.75 + 1e-16383);
TABLE intact;

-- An amount that is beyond any order, from prices and quantities that are not.
SELECT ecommerce.set_cart_item(1, 12, 1000) -> 'cart_amount' AS cart_amount;
CALL pg_temp.remember();
SELECT ecommerce.place_order(1);
SELECT ecommerce.place_order(1, expected_amount => 1000000000000000.6500);
TABLE intact;
SELECT ecommerce.set_cart_item(1, 12, 2147483647) -> 'cart_amount' AS cart_amount;
CALL pg_temp.remember();
SELECT ecommerce.place_order(1);
TABLE intact;
SELECT ecommerce.set_cart_item(1, 11, 0) IS NOT NULL AS taken_out;
SELECT ecommerce.set_cart_item(1, 12, 1000) -> 'cart_amount' AS just_below;
SELECT ecommerce.place_order(1) -> 'order_amount' AS just_below;
CALL pg_temp.remember();

-- Prices, stock and the rest that no order could be made of are kept out of the tables.
\set VERBOSITY sqlstate
INSERT INTO ecommerce.products (name, price) VALUES ('', 'NaN');
INSERT INTO ecommerce.products (name, price) VALUES ('', 'Infinity');
INSERT INTO ecommerce.products (name, price) VALUES ('', -0.01);
INSERT INTO ecommerce.products (name, price) VALUES ('', 1e12);
INSERT INTO ecommerce.products (name, price) VALUES ('', 0.0000001);
INSERT INTO ecommerce.products (name, price, currency) VALUES ('', 1, 'usd');
INSERT INTO ecommerce.products (name, price, currency) VALUES ('', 1, E'USD\n');
INSERT INTO ecommerce.products (name, price, category_id) VALUES ('', 1, 99);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (13, 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (99, 1);
UPDATE ecommerce.stock_levels SET quantity = -1;
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (1, 11, 0);
INSERT INTO ecommerce.users (name, email) VALUES ('', 'a@example.com'), ('', 'A@EXAMPLE.COM');
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address) VALUES (1, 'NaN', 'USD', '');
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, order_status)
VALUES (1, 1, 'USD', '', 'UNKNOWN');
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, idempotency_key)
VALUES (1, 1, 'USD', '', '');
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, idempotency_key)
VALUES (1, 1, 'USD', '', 'k');
INSERT INTO ecommerce.order_details SELECT customer_id, order_id, 99, product_id, product_name, product_description, category_id,
       category_name, unit_price, quantity, line_amount + 0.501 FROM ecommerce.order_details;
DELETE FROM ecommerce.users WHERE id = 1;
\set VERBOSITY default
TABLE intact;

-- A cart of 10,000 lines, one of which is short at first: all of it, or nothing.
INSERT INTO ecommerce.products (id, name, price)
SELECT 10000 + n, 'Bead ' || n, 0.01 * n FROM generate_series(1, 10000) AS n;
INSERT INTO ecommerce.stock_levels (product_id, quantity)
SELECT 10000 + n, CASE n WHEN 9999 THEN 1 ELSE 2 END FROM generate_series(1, 10000) AS n;
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)
SELECT 1, 10000 + n, 2 FROM generate_series(1, 10000) AS n;
SELECT cart -> 'cart_amount' AS cart_amount, jsonb_array_length(cart -> 'cart_items') AS items,
       cart -> 'problems' AS problems
FROM ecommerce.cart_json(1) AS cart;
CALL pg_temp.remember();
SELECT ecommerce.place_order(1);
TABLE intact;
UPDATE ecommerce.stock_levels SET quantity = 2 WHERE product_id = 19999;
SELECT placed -> 'order_amount' AS order_amount, jsonb_array_length(placed -> 'order_details') AS lines,
       placed -> 'order_details' @> '[{"id": 10000, "product_order_details": {"id": 20000}}]' AS in_sequence
FROM ecommerce.place_order(1) AS placed;
SELECT count(*) AS lines, sum(line_amount) AS amount FROM ecommerce.order_details WHERE product_id > 10000;
SELECT sum(quantity) AS left_in_stock FROM ecommerce.stock_levels WHERE product_id > 10000;
SELECT jsonb_array_length(listing #> '{0,order_details}') AS lines FROM ecommerce.order_listing_json(1, 1) AS listing;

-- 10,000 lines that are all short: the error names every one.
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)
SELECT 1, 10000 + n, 1 FROM generate_series(1, 10000) AS n;
CALL pg_temp.remember();
DO $$
DECLARE
    detail text;
BEGIN
    PERFORM ecommerce.place_order(1);
EXCEPTION WHEN SQLSTATE 'PT409' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE WARNING '% lines are short', jsonb_array_length(detail::jsonb -> 'lines');
END
$$;
TABLE intact;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
