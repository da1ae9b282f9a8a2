-- place_order() turns the whole cart into one order: its lines, its amount, its
-- event, the stock taken, the cart emptied; once for each idempotency key, and
-- only for the amount that the customer was shown.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES
    (1, 'Ada', '1 Main Street'), (2, 'Grace', NULL), (3, 'Edsger', E' \t\n');
INSERT INTO ecommerce.categories (id, name) VALUES (7, 'Writing');
INSERT INTO ecommerce.products (id, name, description, price, category_id) VALUES
    (11, 'Pencil', 'HB', 0.25, 7),
    (12, 'Pen', NULL, 1.5000, NULL),
    (13, 'Desk', 'Oak', 899.90, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000), (12, 30), (13, 2);

-- What an order must change, and a failed one must not.
CREATE VIEW pg_temp.shop AS SELECT
    (SELECT string_agg(format('%s: %s x %s', user_id, quantity, product_id), ', ' ORDER BY user_id, product_id)
     FROM ecommerce.cart_items) AS carts,
    (SELECT string_agg(concat(quantity, ' x ', product_id, ' in ' || nullif(bucket, 0)), ', '
                       ORDER BY bucket, product_id)
     FROM ecommerce.stock_levels) AS stock,
    (SELECT count(*) FROM ecommerce.orders) AS orders,
    (SELECT count(*) FROM ecommerce.order_details) AS lines,
    (SELECT count(*) FROM ecommerce.order_events) AS events;

-- Takes {"product id": quantity, ...}.
CREATE PROCEDURE pg_temp.put_into_cart(user_id bigint, products jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.add_to_cart(user_id, key::bigint, value::integer) FROM jsonb_each_text(products);
END
$$;

-- Whether two documents are the same to the last byte, not only equal.
CREATE FUNCTION pg_temp.identical(a jsonb, b jsonb) RETURNS boolean LANGUAGE sql AS
    'SELECT ROW(a)::record *= ROW(b)::record';

-- An order.
CALL pg_temp.put_into_cart(1, '{"13": 1, "11": 3}');
CALL pg_temp.put_into_cart(2, '{"11": 5}');
TABLE shop;
SELECT ecommerce.place_order(1) AS placed \gset
SELECT jsonb_pretty(:'placed'::jsonb - 'order_date');
SELECT :'placed'::jsonb -> 'order_date' = to_jsonb(order_date) AS dated,
       order_date = created_at AS as_the_event
FROM ecommerce.orders JOIN ecommerce.order_events ON orders.id = order_id;
TABLE shop;

-- What was stored is what was returned, and nothing but the flag is different.
SELECT id, customer_id, order_amount, currency, order_status, shipping_address, idempotency_key, stock_bucket
FROM ecommerce.orders;
SELECT line_number, product_id, product_name, product_description AS description, category_id, category_name,
       unit_price, quantity, line_amount
FROM ecommerce.order_details ORDER BY line_number;
SELECT customer_id, order_id, event_number, event, old_status, new_status, payload, actor = current_user AS by_me,
       delivered_at
FROM ecommerce.order_events;
SELECT pg_temp.identical(:'placed'::jsonb - 'replayed', ecommerce.order_json(1, 1));

-- A cart that was ordered is empty, and there is no more to order.
SELECT ecommerce.cart_json(1) -> 'cart_items' AS cart_items;
SELECT ecommerce.place_order(1);
TABLE shop;

-- The address: given, or the user's own; a blank one is none.
SELECT ecommerce.place_order(2);
UPDATE ecommerce.users SET shipping_address = '' WHERE id = 2;
SELECT ecommerce.place_order(2);
SELECT ecommerce.place_order(2, shipping_address => E' \t\n');
TABLE shop;
SELECT ecommerce.place_order(2, shipping_address => ' 2 Side Street ') -> 'shipping_address' AS shipping_address;
CALL pg_temp.put_into_cart(3, '{"11": 1}');
SELECT ecommerce.place_order(3);
UPDATE ecommerce.users SET shipping_address = '3 Hill Road' WHERE id = 3;
SELECT ecommerce.place_order(3) -> 'shipping_address' AS shipping_address;
UPDATE ecommerce.users SET shipping_address = '4 Hill Road' WHERE id = 3;
SELECT ecommerce.order_listing_json(3) #> '{0,shipping_address}' AS stays;

-- The amount that the customer was shown: any other is refused, whatever the
-- scale; then nothing has happened.
CALL pg_temp.put_into_cart(1, '{"12": 2}');
TABLE shop;
SELECT ecommerce.place_order(1, expected_amount => 3.01);
SELECT ecommerce.place_order(1, expected_amount => 0);
SELECT ecommerce.place_order(1, expected_amount => -3);
TABLE shop;
SELECT ecommerce.place_order(1, expected_amount => 3) -> 'order_amount' AS order_amount;
CALL pg_temp.put_into_cart(1, '{"12": 2}');
UPDATE ecommerce.products SET price = 1.75 WHERE id = 12;
SELECT ecommerce.place_order(1, expected_amount => 3.00);
SELECT ecommerce.place_order(1, expected_amount => 3.50) -> 'order_amount' AS order_amount;

-- The key: the same request again is the same order, and changes nothing, also
-- when there is a cart again and the price, the address and the product are
-- different by now.
CALL pg_temp.put_into_cart(1, '{"12": 2}');
SELECT ecommerce.place_order(1, idempotency_key => 'k1', expected_amount => 3.50) AS placed \gset
SELECT :'placed'::jsonb -> 'replayed' AS replayed;
CALL pg_temp.put_into_cart(1, '{"12": 1}');
UPDATE ecommerce.users SET shipping_address = 'Elsewhere' WHERE id = 1;
UPDATE ecommerce.products SET price = 2, name = 'Fountain pen', is_active = false WHERE id = 12;
TABLE shop;
SELECT ecommerce.place_order(1, idempotency_key => 'k1', expected_amount => 3.50) AS replayed \gset
SELECT :'replayed'::jsonb -> 'replayed' AS replayed,
       pg_temp.identical(:'placed'::jsonb - 'replayed', :'replayed'::jsonb - 'replayed');

-- An argument left out agrees with any; one that is given must be the order's.
SELECT ecommerce.place_order(1, idempotency_key => 'k1') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k1', 3.5, shipping_address => '1 Main Street') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k1', shipping_address => 'Elsewhere');
SELECT ecommerce.place_order(1, idempotency_key => 'k1', expected_amount => 2);
SELECT ecommerce.place_order(1, 'k1', 2, shipping_address => 'Elsewhere');
TABLE shop;

-- A failed request uses no key up.
SELECT ecommerce.place_order(1, idempotency_key => 'k2');
UPDATE ecommerce.products SET is_active = true WHERE id = 12;
SELECT replay -> 'replayed' AS replayed, replay -> 'order_amount' AS order_amount
FROM ecommerce.place_order(1, idempotency_key => 'k2', expected_amount => 2) AS replay;

-- A key is one customer's: another's order of the same key is another order.
-- Keys differ by every character, and may be long.
CALL pg_temp.put_into_cart(3, '{"11": 1}');
SELECT ecommerce.place_order(3, idempotency_key => 'k1') -> 'replayed' AS replayed;
CALL pg_temp.put_into_cart(3, '{"11": 1}');
SELECT ecommerce.place_order(3, idempotency_key => 'K1') -> 'replayed' AS replayed;
CALL pg_temp.put_into_cart(3, '{"11": 1}');
SELECT ecommerce.place_order(3, idempotency_key => 'k1 ') -> 'replayed' AS replayed;
CALL pg_temp.put_into_cart(3, '{"11": 1}');
SELECT ecommerce.place_order(3, idempotency_key => repeat('é', 255)) -> 'replayed' AS replayed;
SELECT ecommerce.place_order(3, idempotency_key => repeat('é', 255)) -> 'replayed' AS replayed;
SELECT id, customer_id, rtrim(idempotency_key, 'é') AS key, length(idempotency_key) AS key_length
FROM ecommerce.orders WHERE idempotency_key IS NOT NULL ORDER BY id;

-- Stock: the very last unit can be ordered, one more cannot. Every line that is
-- short is named, and then no stock is taken from any.
UPDATE ecommerce.stock_levels SET quantity = 2 WHERE product_id = 12;
DELETE FROM ecommerce.stock_levels WHERE product_id = 13;
CALL pg_temp.put_into_cart(1, '{"11": 10, "12": 3, "13": 1}');
TABLE shop;
SELECT ecommerce.place_order(1);
TABLE shop;
SELECT ecommerce.set_cart_item(1, 12, 2) AS first, ecommerce.set_cart_item(1, 13, 0) AS second \gset cart_
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
TABLE shop;

-- A cart draws on its bucket first, then on the others, and the order remembers which.
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) VALUES (5, 12, 1);
UPDATE ecommerce.carts SET stock_bucket = 5 WHERE user_id = 1;
CALL pg_temp.put_into_cart(1, '{"12": 1}');
SELECT ecommerce.place_order(1, idempotency_key => 'from bucket 5') -> 'order_amount' AS order_amount;
SELECT stock_bucket FROM ecommerce.orders WHERE idempotency_key = 'from bucket 5';
CALL pg_temp.put_into_cart(1, '{"11": 1}');
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
TABLE shop;
UPDATE ecommerce.stock_levels SET quantity = 1 WHERE bucket = 5;
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) VALUES (7, 12, 3), (9223372036854775807, 12, 1);
CALL pg_temp.put_into_cart(1, '{"11": 1, "12": 6}');
SELECT ecommerce.place_order(1);
SELECT ecommerce.set_cart_item(1, 12, 3) -> 'problems' AS problems;
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
TABLE shop;
DELETE FROM ecommerce.stock_levels WHERE bucket > 5;

-- What cannot be ordered: products that are not sold any more, every one named,
-- and two currencies at once.
UPDATE ecommerce.carts SET stock_bucket = 0;
CALL pg_temp.put_into_cart(1, '{"11": 1, "12": 1, "13": 1}');
UPDATE ecommerce.products SET is_active = false WHERE id IN (11, 13);
SELECT ecommerce.place_order(1);
UPDATE ecommerce.products SET is_active = true, currency = CASE id WHEN 12 THEN 'EUR' ELSE 'USD' END;
SELECT ecommerce.place_order(1);
TABLE shop;

-- An order of another currency, which the customer has seen.
SELECT ecommerce.set_cart_item(1, 11, 0) AS first, ecommerce.set_cart_item(1, 13, 0) AS second \gset cart_
UPDATE ecommerce.stock_levels SET quantity = 100;
SELECT ecommerce.place_order(1, expected_amount => 2);
SELECT placed -> 'currency' AS currency, placed -> 'order_amount' AS order_amount
FROM ecommerce.place_order(1, fingerprint => ecommerce.cart_json(1) ->> 'fingerprint') AS placed;

-- What is free of charge can be ordered too.
UPDATE ecommerce.products SET price = 0 WHERE id = 12;
CALL pg_temp.put_into_cart(1, '{"12": 2}');
SELECT ecommerce.place_order(1, expected_amount => 0) -> 'order_amount' AS order_amount;

-- A trigger of the shop's can call the functions, even place another order.
CREATE FUNCTION pg_temp.gift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.add_to_cart(2, 11, 5);
    RAISE WARNING 'order of % lines brings one of %, and a cart of % items',
        jsonb_array_length(ecommerce.order_json(1, NEW.order_id) -> 'order_details'),
        ecommerce.place_order(2, shipping_address => 'Next door') -> 'order_amount',
        jsonb_array_length(ecommerce.cart_json(1) -> 'cart_items');
    RETURN NULL;
END
$$;
CREATE TRIGGER gift AFTER INSERT ON ecommerce.order_details
    FOR EACH ROW WHEN (NEW.customer_id = 1 AND NEW.line_number = 2) EXECUTE FUNCTION pg_temp.gift();
UPDATE ecommerce.products SET currency = 'USD';
CALL pg_temp.put_into_cart(1, '{"11": 1, "12": 1}');
SELECT placed -> 'order_amount' AS order_amount, jsonb_array_length(placed -> 'order_details') AS lines
FROM ecommerce.place_order(1) AS placed;
DROP TRIGGER gift ON ecommerce.order_details;
TABLE shop;

-- At every isolation level, with a key and without, and again in the same transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ;
CALL pg_temp.put_into_cart(1, '{"11": 2}');
SELECT placed -> 'order_amount' AS order_amount, placed -> 'replayed' AS replayed
FROM ecommerce.place_order(1, idempotency_key => 'snapshot') AS placed;
SELECT ecommerce.place_order(1, idempotency_key => 'snapshot') -> 'replayed' AS replayed;
CALL pg_temp.put_into_cart(1, '{"11": 2}');
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT ecommerce.place_order(1, idempotency_key => 'snapshot') -> 'replayed' AS replayed;
CALL pg_temp.put_into_cart(1, '{"11": 2}');
SELECT ecommerce.place_order(1, idempotency_key => 'serial') -> 'replayed' AS replayed;
SELECT jsonb_path_query_array(ecommerce.order_listing_json(1, 3), '$[*].order_amount') AS newest;
COMMIT;
TABLE shop;

-- An order is part of the caller's transaction.
BEGIN;
CALL pg_temp.put_into_cart(1, '{"12": 2}');
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
ROLLBACK;
TABLE shop;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
