-- The stock of a product that many customers buy at once: split into tills, sold from them to the
-- last unit, and put together again.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, email, shipping_address)
SELECT 'User ' || n, 'user' || n || '@example.com', 'Rome' FROM generate_series(1, 40) AS n;
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Console', 499), (12, 'Cable', 9), (13, 'Case', 19);
SELECT setval('ecommerce.products_id_seq', 13);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100), (12, 1000), (13, 5);
INSERT INTO ecommerce.carts (user_id) SELECT id FROM ecommerce.users;

CREATE VIEW pg_temp.stock AS
SELECT product_id, bucket, string_agg(till || '=' || quantity, ' ' ORDER BY till) AS tills, sum(quantity)
  FROM ecommerce.stock_levels GROUP BY 1, 2 ORDER BY 1, 2;
-- The till of a customer, as the C code chooses it.
CREATE FUNCTION pg_temp.till(user_id bigint, tills integer) RETURNS integer LANGUAGE sql AS $$
    SELECT 1 + mod(mod(hashint8extended(user_id, 1)::numeric + 18446744073709551616, 18446744073709551616), tills)::integer
$$;
CREATE FUNCTION pg_temp.buy(customer bigint, product bigint, units integer DEFAULT 1) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (customer, product, units);
    PERFORM ecommerce.place_order(customer);
    RETURN 'ordered';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || detail;
END $$;

-- Arguments.
SELECT ecommerce.split_stock(NULL, 1);
SELECT ecommerce.split_stock(11, NULL);
SELECT ecommerce.split_stock(11, -1);
SELECT ecommerce.split_stock(11, 257);
SELECT ecommerce.split_stock(99, 4);

-- Tills are empty at first, and the sum is what it was.
SELECT ecommerce.split_stock(11, 4);
SELECT * FROM pg_temp.stock;
SELECT tills FROM ecommerce.products WHERE id = 11;
SELECT ecommerce.order_integrity();

-- The first order fills its till with an eighth of the reserve, the second takes nothing but from there.
SELECT id, pg_temp.till(id, 4) FROM ecommerce.users WHERE id <= 8 ORDER BY id;
SELECT pg_temp.buy(1, 11, 2);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT pg_temp.buy(1, 11, 3);
SELECT * FROM pg_temp.stock WHERE product_id = 11;

-- One that wants more than an eighth of what is left gets that.
SELECT pg_temp.buy(2, 11, 30);
SELECT * FROM pg_temp.stock WHERE product_id = 11;

-- What is shown is the sum, and so is what an error tells; with a plain product that is short, too.
SELECT jsonb_path_query(ecommerce.set_cart_item(3, 11, 70), '$.problems[*]');
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (3, 13, 6);
SELECT ecommerce.place_order(3);
DELETE FROM ecommerce.cart_items;
SELECT quantity FROM ecommerce_api.products WHERE id = 11;

-- A cancellation gives units back to the reserve, and a delivery comes there.
SELECT ecommerce.cancel_order(2, (SELECT max(id) FROM ecommerce.orders WHERE customer_id = 2), 'customer') -> 'order_status' AS status;
SELECT ecommerce.receive_stock('{11}', '{5}');
SELECT ecommerce.return_items(1, (SELECT min(id) FROM ecommerce.orders WHERE customer_id = 1), '[{"line": 1, "quantity": 1}]', true) -> 'order_status' AS status;
SELECT * FROM pg_temp.stock WHERE product_id = 11;

-- An order of all there is takes it from everywhere: of its till, the reserve, the other tills.
SELECT pg_temp.buy(4, 11, 101);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT pg_temp.buy(5, 11, 1);
SELECT ecommerce.receive_stock('{11}', '{1}');
SELECT pg_temp.buy(5, 11, 2);
SELECT pg_temp.buy(5, 11, 1);
SELECT * FROM pg_temp.stock WHERE product_id = 11;

-- Other numbers of tills: those that go give their units to the reserve.
SELECT ecommerce.receive_stock('{11}', '{100}');
SELECT string_agg(pg_temp.buy(id, 11), ' ' ORDER BY id) FROM ecommerce.users WHERE id <= 8;
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT ecommerce.split_stock(11, 2);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT ecommerce.split_stock(11, 2);
SELECT ecommerce.split_stock(11, 3);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT ecommerce.split_stock(11, 0);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT tills FROM ecommerce.products WHERE id = 11;

-- What products.tills says may be wrong: tills that are not there, and some that are.
UPDATE ecommerce.products SET tills = 4 WHERE id = 11;
SELECT pg_temp.buy(1, 11, 2);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT ecommerce.split_stock(11, 4);
SELECT string_agg(pg_temp.buy(id, 11), ' ' ORDER BY id) FROM ecommerce.users WHERE id <= 8;
UPDATE ecommerce.products SET tills = 0 WHERE id = 11;
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT pg_temp.buy(1, 11, 80);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
SELECT ecommerce.order_integrity();
-- Splitting sets it right.
SELECT ecommerce.split_stock(11, 4);
SELECT * FROM pg_temp.stock WHERE product_id = 11;

-- A product without a level gets tills, and one whose reserve was deleted a new one.
DELETE FROM ecommerce.stock_levels WHERE product_id = 11;
SELECT ecommerce.split_stock(11, 2);
SELECT ecommerce.receive_stock('{11}', '{9}');
SELECT pg_temp.buy(1, 11, 2);
SELECT * FROM pg_temp.stock WHERE product_id = 11;
DELETE FROM ecommerce.stock_levels WHERE product_id = 11 AND till = 0;
SELECT ecommerce.split_stock(11, 0);
SELECT * FROM pg_temp.stock WHERE product_id = 11;

-- Each bucket has its own reserve and tills; the customer's till of the own bucket comes first, then
-- its reserve, its other tills, then the other buckets.
TRUNCATE ecommerce.stock_levels;
INSERT INTO ecommerce.stock_levels (product_id, bucket, quantity) VALUES (11, 0, 10), (11, 5, 20);
SELECT ecommerce.split_stock(11, 2);
UPDATE ecommerce.carts SET stock_bucket = 5;
SELECT pg_temp.till(6, 2), pg_temp.buy(6, 11, 2);
SELECT * FROM pg_temp.stock;
SELECT pg_temp.buy(6, 11, 4);
SELECT * FROM pg_temp.stock;
SELECT pg_temp.buy(6, 11, 20);
SELECT * FROM pg_temp.stock;
-- What is not in the bucket comes from the other one.
UPDATE ecommerce.stock_levels SET quantity = 4 WHERE bucket = 0;
SELECT pg_temp.buy(6, 11, 5);
SELECT * FROM pg_temp.stock;
-- A cancellation returns to the reserve of the bucket that the order drew on.
SELECT ecommerce.cancel_order(6, (SELECT max(id) FROM ecommerce.orders WHERE customer_id = 6), 'customer') -> 'order_status' AS status;
SELECT * FROM pg_temp.stock;
UPDATE ecommerce.carts SET stock_bucket = 0;

-- Orders of split and other products together, counted or not.
TRUNCATE ecommerce.stock_levels;
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 40), (12, 40), (13, 40);
SELECT ecommerce.split_stock(11, 2), ecommerce.split_stock(13, 4);
SELECT ecommerce.set_cart_items(7, '{11,12,13}', '{1,2,3}') -> 'problems' AS problems;
SELECT jsonb_path_query_array(ecommerce.place_order(7), '$.order_details[*].line_amount') AS lines;
SELECT product_id, sum FROM pg_temp.stock;
UPDATE ecommerce.products SET is_counted = false WHERE id = 13;
SELECT ecommerce.set_cart_items(7, '{11,12,13}', '{1,2,300}') -> 'problems' AS problems;
SELECT jsonb_path_query_array(ecommerce.place_order(7), '$.order_details[*].line_amount') AS lines;
SELECT product_id, sum FROM pg_temp.stock;
UPDATE ecommerce.products SET is_counted = true;

-- Sold to the last unit by many customers, though in tills.
TRUNCATE ecommerce.stock_levels;
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 97);
SELECT ecommerce.split_stock(11, 16);
SELECT result, count(*)
  FROM generate_series(1, 100) AS turn, LATERAL (SELECT pg_temp.buy(1 + turn % 40, 11) AS result) AS bought
 GROUP BY result ORDER BY result;
SELECT sum(quantity) FROM ecommerce.stock_levels;

-- The most tills there can be, and more units than can be counted.
SELECT ecommerce.split_stock(11, 256);
SELECT count(*), max(till) FROM ecommerce.stock_levels;
UPDATE ecommerce.products SET tills = 257;
UPDATE ecommerce.stock_levels SET quantity = 9223372036854775807 WHERE till <= 1;
SELECT ecommerce.split_stock(11, 0);
-- A trigger of the shop's that keeps a till as it is, is told.
UPDATE ecommerce.stock_levels SET quantity = 1;
CREATE FUNCTION pg_temp.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE UPDATE ON ecommerce.stock_levels FOR EACH ROW WHEN (old.till > 0) EXECUTE FUNCTION pg_temp.keep();
SELECT pg_temp.buy(8, 11);
DROP SCHEMA ecommerce, ecommerce_api CASCADE;
