-- An order's status changes as it may, each change is one event, cancelling returns
-- the stock once, and what was ordered cannot be changed by anybody.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Main Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Pen', 1.50), (13, 'Quill', 9);
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) VALUES
    (0, 11, 100), (0, 12, 100), (0, 13, 100), (7, 11, 50), (7, 12, 50);

-- An order of two pencils, three pens and a quill, from the given bucket.
CREATE FUNCTION pg_temp.placed(bucket integer DEFAULT 0) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.set_cart_item(1, 12, 3), ecommerce.set_cart_item(1, 11, 2);
    IF bucket = 0 THEN
        PERFORM ecommerce.set_cart_item(1, 13, 1);
    END IF;
    UPDATE ecommerce.carts SET stock_bucket = bucket WHERE user_id = 1;
    RETURN ecommerce.place_order(1) -> 'id';
END
$$;
CREATE VIEW pg_temp.stock AS
SELECT string_agg(format('%s:%s=%s', bucket, product_id, quantity), ' ' ORDER BY bucket, product_id) AS stock
FROM ecommerce.stock_levels;
CREATE VIEW pg_temp.history AS
SELECT order_id, event_number AS number, event, old_status, new_status, payload, actor = current_user AS by_me, created_at = now() AS now
FROM ecommerce.order_events ORDER BY order_id, event_number;

-- A cancellation returns the order, and its units to where they came from.
SELECT pg_temp.placed() AS id \gset
TABLE pg_temp.stock;
SELECT ecommerce.cancel_order(1, :id, 'customer') - 'order_date' AS cancelled;
TABLE pg_temp.stock;

-- Repeated, whatever the reason, it returns the same and writes nothing.
SELECT ecommerce.cancel_order(1, :id, 'fraud') = ecommerce.order_json(1, :id) AS same;
TABLE pg_temp.stock;
SELECT payload, count(*) FROM ecommerce.order_events WHERE new_status = 'CANCELLED' GROUP BY 1;

-- To the bucket, and while the cart draws on another one.
SELECT pg_temp.placed(7) AS id \gset
UPDATE ecommerce.carts SET stock_bucket = 0;
TABLE pg_temp.stock;
SELECT ecommerce.cancel_order(1, :id, 'inventory') -> 'order_status' AS status;
TABLE pg_temp.stock;

-- A stock level that is gone is made again; that of a product that is gone is not.
SELECT pg_temp.placed() AS id \gset
DELETE FROM ecommerce.stock_levels WHERE bucket = 0 AND product_id = 12;
DELETE FROM ecommerce.products WHERE id = 13;
SELECT ecommerce.cancel_order(1, :id, 'declined') -> 'order_status' AS status;
TABLE pg_temp.stock;

-- The same product in two lines, as an import may have it.
SELECT id FROM ecommerce.orders ORDER BY id DESC LIMIT 1 \gset
INSERT INTO ecommerce.orders (id, customer_id, order_amount, currency, shipping_address) VALUES (900, 2, 3, 'USD', 'Here');
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
VALUES (2, 900, 1, 11, 'Pencil', 1, 1, 1), (2, 900, 2, 11, 'Pencil', 1, 2, 2);
SELECT ecommerce.cancel_order(2, 900, 'other') -> 'order_status' AS status;
TABLE pg_temp.stock;
SELECT * FROM pg_temp.history WHERE order_id = 900;

-- No status is reached but by a way that leads there: from each of the five, by each
-- function, and by whoever writes to the table.
INSERT INTO ecommerce.products (id, name, price) VALUES (13, 'Quill', 9);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (13, 1000);
UPDATE ecommerce.stock_levels SET quantity = 1000;
CREATE FUNCTION pg_temp.order_that_is(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint := pg_temp.placed();
BEGIN
    IF wanted = 'CANCELLED' THEN
        PERFORM ecommerce.cancel_order(1, id, 'staff');
    END IF;
    IF wanted IN ('SHIPPED', 'DELIVERED', 'RETURNED') THEN
        PERFORM ecommerce.set_order_status(1, id, 'SHIPPED');
    END IF;
    IF wanted IN ('DELIVERED', 'RETURNED') THEN
        PERFORM ecommerce.set_order_status(1, id, 'DELIVERED');
    END IF;
    IF wanted = 'RETURNED' THEN
        PERFORM ecommerce.set_order_status(1, id, 'RETURNED');
    END IF;
    RETURN id;
END
$$;
CREATE FUNCTION pg_temp.outcome(command text, before text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    made bigint := pg_temp.order_that_is(before);
    after text;
    detail text;
BEGIN
    EXECUTE format(command, made);
    SELECT order_status INTO after FROM ecommerce.orders WHERE id = made;
    RETURN after;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', SQLSTATE, nullif(detail, '')::jsonb ->> 'code');
END
$$;
CREATE VIEW pg_temp.changes AS
SELECT b, before, w, wanted,
       CASE WHEN wanted = 'CANCELLED' THEN 'SELECT ecommerce.cancel_order(1, %s, ''other'')'
            ELSE format('SELECT ecommerce.set_order_status(1, %%s, %L)', wanted) END AS by_function,
       format('UPDATE ecommerce.orders SET order_status = %L WHERE id = %%s', wanted) AS by_update
FROM (VALUES (1, 'PROCESSING'), (2, 'SHIPPED'), (3, 'DELIVERED'), (4, 'CANCELLED'), (5, 'RETURNED')) AS b (b, before),
     (VALUES (1, 'PROCESSING'), (2, 'SHIPPED'), (3, 'DELIVERED'), (4, 'CANCELLED'), (5, 'RETURNED')) AS w (w, wanted);

-- The code refuses by itself what the trigger would refuse.
ALTER TABLE ecommerce.orders DISABLE TRIGGER check_order_change;
CREATE TEMPORARY TABLE outcomes_without_trigger AS
SELECT b, w, pg_temp.outcome(by_function, before) AS by_code FROM pg_temp.changes;
ALTER TABLE ecommerce.orders ENABLE TRIGGER check_order_change;
SELECT before, wanted, by_code,
       pg_temp.outcome(by_function, before) AS by_function, pg_temp.outcome(by_update, before) AS by_update
FROM pg_temp.changes JOIN outcomes_without_trigger USING (b, w)
ORDER BY b, w;

-- A status that was set by mistake is taken back by a correction only, to where it can have come
-- from; the trigger would refuse the same.
CREATE VIEW pg_temp.corrections AS
SELECT b, before, w, wanted,
       format('SELECT ecommerce.correct_order_status(1, %%s, %L, ''Mistake'')', wanted) AS by_function,
       format('INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, old_status, new_status, actor)
               SELECT 1, id, 1 + (SELECT count(*) FROM ecommerce.order_events WHERE order_id = orders.id), ''order_corrected'', order_status, %1$L, ''me''
                 FROM ecommerce.orders WHERE orders.id = %%1$s;
               UPDATE ecommerce.orders SET order_status = %1$L WHERE id = %%1$s', wanted) AS by_update
FROM pg_temp.changes WHERE before <> wanted;
ALTER TABLE ecommerce.orders DISABLE TRIGGER check_order_change;
CREATE TEMPORARY TABLE corrections_without_trigger AS
SELECT b, w, pg_temp.outcome(by_function, before) AS by_code FROM pg_temp.corrections;
ALTER TABLE ecommerce.orders ENABLE TRIGGER check_order_change;
SELECT before, wanted, by_code,
       pg_temp.outcome(by_function, before) AS by_function, pg_temp.outcome(by_update, before) AS by_update
FROM pg_temp.corrections JOIN corrections_without_trigger USING (b, w)
ORDER BY b, w;

-- It is an event of its own, once, so that nobody is told again that the order was placed; what
-- follows is told, with what the shop knows of it. The stock stays where it is.
BEGIN;
SELECT pg_temp.placed() AS id \gset
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED', '{"tracking_number": "XY 1"}') -> 'order_status' AS status;
TABLE pg_temp.stock;
SELECT ecommerce.correct_order_status(1, :id, 'PROCESSING', 'It was the other parcel') AS corrected \gset
SELECT ecommerce.order_json(1, :id) = :'corrected' AS returns_the_order;
SELECT ecommerce.correct_order_status(1, :id, 'PROCESSING', 'Again') -> 'order_status' AS again;
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED', '{"tracking_number": "XY 2"}') -> 'order_status' AS status;
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED', '{"tracking_number": "XY 3"}') -> 'order_status' AS again;
SELECT ecommerce.set_order_status(1, :id, 'DELIVERED') -> 'order_status' AS status;
SELECT ecommerce.correct_order_status(1, :id, 'PROCESSING', 'Nothing was sent') -> 'order_status' AS corrected;
SELECT number, event, old_status, new_status, payload, by_me FROM pg_temp.history WHERE order_id = :id;
SELECT ecommerce.cancel_order(1, :id, 'staff') -> 'order_status' AS status;
TABLE pg_temp.stock;
SELECT * FROM ecommerce.order_integrity() WHERE order_id = :id;
ROLLBACK;

-- What came back line by line did not come back by mistake.
BEGIN;
SELECT pg_temp.order_that_is('RETURNED') AS id \gset
INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor) VALUES (1, :id, 1, 1, true, 'me');
SELECT ecommerce.correct_order_status(1, :id, 'DELIVERED', 'Mistake');
ROLLBACK;

-- What was picked up was never on its way, and what came back unopened was never delivered.
BEGIN;
SELECT pg_temp.placed() AS picked_up, pg_temp.placed() AS refused \gset
SELECT ecommerce.set_order_status(1, :picked_up, 'DELIVERED') -> 'order_status' AS picked_up,
       ecommerce.set_order_status(1, :refused, 'SHIPPED') -> 'order_status' AS sent, ecommerce.set_order_status(1, :refused, 'RETURNED') -> 'order_status' AS refused;
SAVEPOINT before;
SELECT ecommerce.correct_order_status(1, :picked_up, 'SHIPPED', 'Mistake');
ROLLBACK TO before;
SELECT ecommerce.correct_order_status(1, :refused, 'DELIVERED', 'Mistake');
ROLLBACK TO before;
SELECT ecommerce.correct_order_status(1, :picked_up, 'PROCESSING', 'Mistake') -> 'order_status' AS picked_up,
       ecommerce.correct_order_status(1, :refused, 'SHIPPED', 'Mistake') -> 'order_status' AS refused;
ROLLBACK;

-- Each change is one event that tells who, when, from what to what.
BEGIN;
SELECT pg_temp.placed() AS id \gset
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED') -> 'order_status' AS status;
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED') -> 'order_status' AS again;
SELECT ecommerce.set_order_status(1, :id, 'DELIVERED') -> 'order_status' AS status;
SELECT ecommerce.set_order_status(1, :id, 'RETURNED') -> 'order_status' AS status;
SELECT number, event, old_status, new_status, payload, by_me, now FROM pg_temp.history WHERE order_id = :id;
COMMIT;

-- What cannot be.
SELECT ecommerce.cancel_order(1, :id, 'customer');
SELECT ecommerce.cancel_order(2, :id, 'customer');
SELECT ecommerce.cancel_order(1, :id, 'no reason');
SELECT ecommerce.cancel_order(1, :id, NULL);
SELECT ecommerce.set_order_status(1, :id, 'CANCELLED');
SELECT ecommerce.set_order_status(1, :id, 'shipped');
SELECT ecommerce.set_order_status(1, -1, 'SHIPPED');
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED', '[]');
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED', jsonb_build_object('x', repeat('x', 16384)));
SELECT ecommerce.correct_order_status(1, -1, 'SHIPPED', 'Mistake');
SELECT ecommerce.correct_order_status(1, :id, 'CANCELLED', 'Mistake');
SELECT ecommerce.correct_order_status(1, :id, 'RETURNED', 'Mistake');
SELECT ecommerce.correct_order_status(1, :id, 'SHIPPED', ' ');
SELECT ecommerce.correct_order_status(1, :id, 'SHIPPED', repeat('x', 1001));
SELECT ecommerce.correct_order_status(1, :id, 'SHIPPED', NULL);
\set VERBOSITY default

-- What was ordered, and what happened, stays, whoever writes; the shop's own columns do not matter.
\set VERBOSITY sqlstate
UPDATE ecommerce.orders SET order_amount = order_amount + 1;
UPDATE ecommerce.orders SET currency = 'EUR';
UPDATE ecommerce.orders SET customer_id = 2 WHERE customer_id = 1;
UPDATE ecommerce.orders SET id = id + 1000;
UPDATE ecommerce.orders SET order_date = now();
UPDATE ecommerce.orders SET stock_bucket = 1;
UPDATE ecommerce.orders SET idempotency_key = id::text;
DELETE FROM ecommerce.orders;
TRUNCATE ecommerce.orders CASCADE;
UPDATE ecommerce.order_details SET quantity = quantity;
DELETE FROM ecommerce.order_details;
TRUNCATE ecommerce.order_details;
UPDATE ecommerce.order_events SET actor = 'nobody';
UPDATE ecommerce.order_events SET event_number = event_number + 1;
UPDATE ecommerce.order_events SET id = -id;
UPDATE ecommerce.order_events SET event = 'x';
UPDATE ecommerce.order_events SET old_status = 'x';
UPDATE ecommerce.order_events SET new_status = 'x';
UPDATE ecommerce.order_events SET payload = '{}';
UPDATE ecommerce.order_events SET created_at = now();
UPDATE ecommerce.order_events SET order_id = 900 WHERE order_id <> 900;
DELETE FROM ecommerce.order_events;
TRUNCATE ecommerce.order_events;
MERGE INTO ecommerce.orders USING (VALUES (900)) AS it (id) ON orders.id = it.id WHEN MATCHED THEN DELETE;
\set VERBOSITY default
DELETE FROM ecommerce.order_events;
UPDATE ecommerce.orders SET order_amount = 0 WHERE id = 900;
UPDATE ecommerce.order_events SET actor = 'nobody' WHERE order_id = 900;
\set VERBOSITY default
ALTER TABLE ecommerce.orders ADD COLUMN gift_note text;
UPDATE ecommerce.orders SET gift_note = 'For you', shipping_address = 'Elsewhere' WHERE id = 900 RETURNING id, gift_note, shipping_address;

-- None of that has changed anything.
SELECT * FROM ecommerce.order_integrity() WHERE order_id IS DISTINCT FROM 900 AND invariant <> 'sequence_is_not_behind_the_ids';

-- The customer's own function is for the user of the token, whose reason is the customer's.
SELECT pg_temp.placed() AS id \gset
CREATE ROLE regress_shopper;
ALTER ROLE regress_shopper SET statement_timeout = '1min';
ALTER ROLE regress_shopper SET lock_timeout = '1min';
SELECT ecommerce.grant_api(shopper => 'regress_shopper');
SET ROLE regress_shopper;
\set VERBOSITY sqlstate
SELECT ecommerce_api.cancel_order(:id);
SET request.jwt.claims = '{"user_id": 2}';
SELECT ecommerce_api.cancel_order(:id);
SET request.jwt.claims = '{"user_id": 1}';
SELECT ecommerce_api.cancel_order(NULL);
SELECT ecommerce_api.cancel_order(:id) -> 'order_status' AS status;
\set VERBOSITY default
RESET ROLE;
SELECT event, payload, actor FROM ecommerce.order_events WHERE order_id = :id ORDER BY event_number;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shopper;
