-- What a product allows: units that nobody counts, a minimum, a maximum and multiples of a
-- quantity, and so many units for a customer. The cart tells what an order would be refused for.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Side Street');
INSERT INTO ecommerce.products (id, name, price, is_counted, minimum_quantity, maximum_quantity, quantity_step, customer_limit) VALUES
    (11, 'Pencil', 0.25, true, NULL, NULL, NULL, NULL), (12, 'E-book', 9.99, false, NULL, NULL, NULL, NULL),
    (13, 'Bottle', 4, true, 6, 24, 6, NULL), (14, 'Console', 499, true, NULL, NULL, NULL, 2);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100), (13, 100), (14, 100);
CREATE VIEW pg_temp.stock AS
SELECT string_agg(format('%s=%s', product_id, quantity), ' ' ORDER BY product_id, bucket) AS stock FROM ecommerce.stock_levels;

-- Of what is not counted there is always enough, and nothing is taken from stock or put back.
SELECT ecommerce.add_to_cart(1, 12, 1000000) AS cart \gset
SELECT :'cart'::jsonb -> 'problems' AS problems, :'cart'::jsonb #> '{cart_items,0,products,quantity}' AS in_stock;
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
SELECT ecommerce.add_to_cart(1, 11, 3) -> 'problems' AS problems, ecommerce.add_to_cart(1, 12, 1) -> 'problems' AS none_more;
SELECT ecommerce.place_order(1) -> 'id' AS mixed \gset
SELECT order_id = :id AS first, product_id, quantity, is_counted FROM ecommerce.order_details ORDER BY order_id, line_number;
TABLE pg_temp.stock;
SELECT ecommerce.cancel_order(1, :id, 'customer') -> 'order_status' AS status, ecommerce.cancel_order(1, :mixed, 'customer') -> 'order_status' AS status_of_mixed;
TABLE pg_temp.stock;

-- Also if it has a stock level, of a time when it was counted; and one that is counted since
-- does not get units that it did not give.
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (12, 5);
SELECT ecommerce.add_to_cart(1, 12, 6) -> 'problems' AS problems, ecommerce.add_to_cart(1, 11, 1) -> 'problems' AS none_more;
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
TABLE pg_temp.stock;
UPDATE ecommerce.products SET is_counted = true WHERE id = 12;
SELECT ecommerce.cancel_order(1, :id, 'customer') -> 'order_status' AS status;
TABLE pg_temp.stock;
SELECT ecommerce.add_to_cart(1, 12, 6) -> 'problems' AS problems;
SELECT ecommerce.set_cart_item(1, 12, 5) -> 'problems' AS problems;
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
UPDATE ecommerce.products SET is_counted = false WHERE id = 12;
SELECT ecommerce.cancel_order(1, :id, 'customer') -> 'order_status' AS status;
TABLE pg_temp.stock;

-- What is counted and short is short, beside what is not; so it is in another bucket.
SELECT ecommerce.add_to_cart(1, 12, 1) -> 'problems' AS none, ecommerce.add_to_cart(1, 11, 101) -> 'problems' AS problems;
SELECT ecommerce.place_order(1);
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) VALUES (7, 11, 1);
SELECT ecommerce.place_order(1) -> 'order_amount' AS amount;
TABLE pg_temp.stock;

-- The catalogue.
SELECT name, quantity, minimum_quantity, maximum_quantity, quantity_step, customer_limit FROM ecommerce_api.products ORDER BY id;

-- Six bottles at least, in sixes, 24 at most.
SELECT n, ecommerce.set_cart_item(1, 13, n) #> '{problems,0}' AS problem FROM unnest('{1,5,6,7,12,24,30}'::integer[]) AS n;
SELECT ecommerce.place_order(1);
SELECT ecommerce.set_cart_item(1, 13, 7) IS NULL AS set;
SELECT ecommerce.place_order(1);
UPDATE ecommerce.products SET maximum_quantity = NULL WHERE id = 13;
SELECT ecommerce.set_cart_item(1, 13, 30) -> 'problems' AS problems;
SELECT ecommerce.place_order(1) -> 'order_amount' AS amount;

-- Two consoles for a customer, in all orders that stand.
SELECT ecommerce.add_to_cart(1, 14, 3) -> 'problems' AS problems;
SELECT ecommerce.place_order(1);
SELECT ecommerce.set_cart_item(1, 14, 1) -> 'problems' AS problems;
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
SELECT ecommerce.set_cart_item(1, 14, 2) -> 'problems' AS problems;
SELECT ecommerce.place_order(1);
SELECT ecommerce.add_to_cart(2, 14, 2) -> 'problems' AS another_customers;
SELECT ecommerce.cancel_order(1, :id, 'customer') -> 'order_status' AS status;
SELECT ecommerce.cart_json(1) -> 'problems' AS problems;
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
SELECT ecommerce.add_to_cart(1, 14, 1) -> 'problems' AS problems;

-- What was returned does not count, all of an order or a part of it.
BEGIN;
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED') -> 'order_status' AS status, ecommerce.set_order_status(1, :id, 'RETURNED') -> 'order_status' AS then;
SELECT ecommerce.cart_json(1) -> 'problems' AS problems;
ROLLBACK;
INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor) VALUES (1, :id, 1, 499, true, 'me');
INSERT INTO ecommerce.order_return_lines VALUES (1, :id, 1, 1, 1, 499);
SELECT ecommerce.cart_json(1) -> 'problems' AS problems;
SELECT ecommerce.place_order(1) -> 'order_amount' AS amount;

-- Several at once are told together; what is not sold at all comes first. A limit that comes later
-- leaves orders as they are.
UPDATE ecommerce.products SET minimum_quantity = 10 WHERE id IN (11, 12);
SELECT ecommerce.add_to_cart(1, 11, 2) IS NOT NULL, ecommerce.add_to_cart(1, 12, 2) IS NOT NULL, ecommerce.add_to_cart(1, 14, 200) IS NOT NULL;
SELECT problem FROM jsonb_array_elements(ecommerce.cart_json(1) -> 'problems') WITH ORDINALITY AS problems (problem, n) ORDER BY n;
SELECT ecommerce.place_order(1);
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids' AND invariant NOT LIKE '%return%';

-- Limits that make no sense.
UPDATE ecommerce.products SET minimum_quantity = 0;
UPDATE ecommerce.products SET customer_limit = -1;
UPDATE ecommerce.products SET quantity_step = 0;
UPDATE ecommerce.products SET minimum_quantity = 9, maximum_quantity = 8;

-- Limits that no quantity meets, and those that one does.
CREATE FUNCTION pg_temp.outcome(minimum integer, maximum integer, step integer, of_customer integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    violated text;
BEGIN
    UPDATE ecommerce.products SET minimum_quantity = minimum, maximum_quantity = maximum, quantity_step = step, customer_limit = of_customer WHERE id = 11;
    RETURN 'sold';
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
    RETURN violated;
END $$;
SELECT minimum, maximum, step, of_customer, pg_temp.outcome(minimum, maximum, step, of_customer) FROM (VALUES
    (1, 6, 6, 6, 6), (2, NULL, 5, 6, NULL), (3, NULL, 6, 6, NULL), (4, 7, 11, 6, NULL), (5, 7, 12, 6, NULL), (6, NULL, NULL, 6, 5), (7, NULL, NULL, 6, 6),
    (8, 3, NULL, NULL, 2), (9, 3, NULL, NULL, 3), (10, 7, NULL, 6, 11), (11, 7, NULL, 6, 12), (12, 2147483647, NULL, NULL, NULL), (13, 2147483647, NULL, 2, NULL),
    (14, 2147483647, NULL, 2147483647, NULL), (15, NULL, NULL, NULL, NULL), (16, NULL, NULL, NULL, 0)) AS limits (n, minimum, maximum, step, of_customer) ORDER BY n;
UPDATE ecommerce.products SET is_counted = NULL;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
