-- archive_orders(): orders that are old and done with leave the shop, whole, and nothing else
-- does. The triggers that keep history let go what is in the archive.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name) VALUES ('Ann'), ('Ben');
INSERT INTO ecommerce.products (name, price, customer_limit) VALUES ('Limited', 10, 1);
INSERT INTO ecommerce.promotions (code, name, kind, value, customer_limit) VALUES ('ONCE', 'Once', 'percent', 10, 1), ('TEN', 'Ten', 'percent', 10, NULL);
CREATE FUNCTION pg_temp.placed(number text, changes jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('number', number, 'customer_id', 1, 'order_date', '2010-01-01', 'order_amount', 18, 'currency', 'USD',
                              'order_status', 'DELIVERED', 'address', '{"name": "Ann", "city": "Rome", "country": "IT"}'::jsonb, 'metadata', '{"gift": true}'::jsonb,
                              'order_details', '[{"unit_price": 10, "quantity": 2, "product_order_details": {"name": "Quill"}}]'::jsonb,
                              'charges', '{"adjustments": [{"kind": "discount", "code": "TEN", "name": "Ten", "amount": -2}]}'::jsonb) || changes
$$;
SELECT ecommerce.import_orders(jsonb_build_array(
    pg_temp.placed('delivered'),
    pg_temp.placed('cancelled', '{"order_status": "CANCELLED"}'),
    pg_temp.placed('returned', '{"order_status": "RETURNED"}'),
    pg_temp.placed('of Ben', '{"customer_id": 2}'),
    pg_temp.placed('new', '{"order_date": "2020-01-01"}'),
    pg_temp.placed('under way', '{"order_status": "PROCESSING"}'),
    pg_temp.placed('sent', '{"order_status": "SHIPPED"}'),
    pg_temp.placed('delivered late', '{"history": [{"order_status": "SHIPPED", "created_at": "2010-01-02"}, {"order_status": "DELIVERED", "created_at": "2019-01-01"}]}'),
    pg_temp.placed('to be told'), pg_temp.placed('unpaid'), pg_temp.placed('to be refunded'), pg_temp.placed('once'),
    pg_temp.placed('authorized'), pg_temp.placed('half paid'), pg_temp.placed('paid twice'), pg_temp.placed('return not refunded'), pg_temp.placed('charged back'),
    pg_temp.placed('cancelled, not refunded', '{"order_status": "CANCELLED"}'), pg_temp.placed('returned, half refunded', '{"order_status": "RETURNED"}'),
    pg_temp.placed('one each', '{"order_details": [{"unit_price": 10, "quantity": 2, "product_order_details": {"id": 1, "name": "Limited"}}]}'))) AS imported;
UPDATE ecommerce.order_events SET delivered_at = NULL WHERE order_id = (SELECT id FROM ecommerce.orders WHERE number = 'to be told') AND event_number = 2;
UPDATE ecommerce.order_events SET delivered_at = NULL, failed_at = now(), failure = 'no such address'
 WHERE order_id = (SELECT id FROM ecommerce.orders WHERE number = 'delivered') AND event_number = 2;
INSERT INTO ecommerce.order_balances (customer_id, order_id, due_at) SELECT customer_id, id, '2010-02-01' FROM ecommerce.orders WHERE number = 'unpaid';
INSERT INTO ecommerce.order_balances (customer_id, order_id, paid_amount, refund_pending_amount)
SELECT customer_id, id, 18, 18 FROM ecommerce.orders WHERE number = 'to be refunded';
INSERT INTO ecommerce.order_balances (customer_id, order_id, authorized_amount, paid_amount, refunded_amount, returned_amount)
SELECT customer_id, id, authorized, paid, refunded, returned
  FROM ecommerce.orders JOIN (VALUES ('authorized', 18, 0, 0, 0), ('half paid', 0, 9, 0, 0), ('paid twice', 0, 36, 0, 0), ('return not refunded', 0, 18, 0, 9),
       ('charged back', 0, 18, 18, 0), ('cancelled', 0, 18, 18, 0), ('cancelled, not refunded', 0, 18, 0, 0), ('returned', 0, 18, 18, 0),
       ('returned, half refunded', 0, 18, 9, 0)) AS money (number, authorized, paid, refunded, returned) USING (number);
BEGIN;
ALTER TABLE ecommerce.order_adjustments DISABLE TRIGGER USER;
UPDATE ecommerce.order_adjustments SET promotion_id = 1 WHERE order_id = (SELECT id FROM ecommerce.orders WHERE number = 'once');
UPDATE ecommerce.order_adjustments SET promotion_id = 2 WHERE order_id = (SELECT id FROM ecommerce.orders WHERE number = 'delivered');
ALTER TABLE ecommerce.order_adjustments ENABLE TRIGGER USER;
COMMIT;
-- Rows of every table.
INSERT INTO ecommerce.order_payments (customer_id, order_id, payment_number, kind, provider, reference, amount, payload, actor, person)
SELECT customer_id, id, 1, 'captured', 'bank', 'ref 1', 18, '{"card": "4242"}', 'shop', 'clerk' FROM ecommerce.orders WHERE number = 'delivered';
INSERT INTO ecommerce.order_balances (customer_id, order_id, paid_amount, refunded_amount, returned_amount) SELECT customer_id, id, 18, 9, 9 FROM ecommerce.orders WHERE number = 'delivered';
INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, reason, idempotency_key, actor, person)
SELECT customer_id, id, 1, 9, true, 'Ann was ill', 'key', 'shop', 'clerk' FROM ecommerce.orders WHERE number = 'delivered';
INSERT INTO ecommerce.order_return_lines (customer_id, order_id, return_number, line_number, quantity, amount)
SELECT customer_id, id, 1, 1, 1, 9 FROM ecommerce.orders WHERE number = 'delivered';
SELECT sum(order_amount) AS before FROM ecommerce.orders;

-- Nothing is old enough; then so many at a time.
SELECT ecommerce.archive_orders('2010-01-01');
SELECT ecommerce.archive_orders(before => '2015-01-01', max => 1);
SELECT ecommerce.archive_orders('2015-01-01');
SELECT ecommerce.archive_orders('2015-01-01');
SELECT number FROM ecommerce.orders ORDER BY id;
SELECT customer_id, order_id, number, order_date FROM ecommerce.archived_orders ORDER BY order_id;
SELECT jsonb_pretty(regexp_replace(regexp_replace(document::text, '"delivered_at": "[^"]*"|"failed_at": "[^"]*"|"created_at": "202[6-9][^"]*"', '"at": "now"', 'g'), '"actor": "[^"]*"', '"actor": "owner"', 'g')::jsonb)
  FROM ecommerce.archived_orders WHERE order_id = 1;
SELECT document -> 'cancel_reason' AS cancel_reason FROM ecommerce.archived_orders WHERE number = 'cancelled';

-- Nothing is left of them, nothing is lost, and nothing is wrong but what was made wrong above.
SELECT relation, count(*) FROM (
    SELECT 'lines', order_id FROM ecommerce.order_details UNION ALL SELECT 'adjustments', order_id FROM ecommerce.order_adjustments
    UNION ALL SELECT 'events', order_id FROM ecommerce.order_events UNION ALL SELECT 'payments', order_id FROM ecommerce.order_payments
    UNION ALL SELECT 'balances', order_id FROM ecommerce.order_balances UNION ALL SELECT 'returns', order_id FROM ecommerce.order_returns
    UNION ALL SELECT 'return lines', order_id FROM ecommerce.order_return_lines) AS parts (relation, order_id)
 WHERE order_id IN (SELECT order_id FROM ecommerce.archived_orders) GROUP BY relation;
SELECT sum(amount) AS after FROM (SELECT order_amount FROM ecommerce.orders UNION ALL SELECT (document -> 'order_amount')::numeric FROM ecommerce.archived_orders) AS all_of_them (amount);
SELECT ecommerce.order_json(1, 1) AS order_1, jsonb_array_length(ecommerce.order_listing_json(1)) AS orders_of_ann;

-- What is not in the archive is kept; so is every line of an order, and every table.
DELETE FROM ecommerce.orders;
DELETE FROM ecommerce.order_details WHERE line_number = 1;
DELETE FROM ecommerce.order_adjustments WHERE order_id = (SELECT max(id) FROM ecommerce.orders);
DELETE FROM ecommerce.order_events WHERE event_number = 2;
INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor)
SELECT customer_id, id, 1, 9, true, 'shop' FROM ecommerce.orders WHERE number = 'new';
DELETE FROM ecommerce.order_returns;
UPDATE ecommerce.order_details SET quantity = 3;
TRUNCATE ecommerce.orders CASCADE;
TRUNCATE ecommerce.order_events;

-- An import of the same history again brings back nothing.
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('delivered'), pg_temp.placed('new', '{"order_date": "2020-01-01"}')));
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('delivered', '{"order_date": "2011-01-01"}')));

-- A customer's personal data are taken out of the archive as well; without orders, the user can go.
SELECT ecommerce.erase_user(1);
SELECT document -> 'shipping_address' AS shipping_address FROM ecommerce.archived_orders WHERE order_id = 1;
SELECT ecommerce.erase_user(1, order_addresses => true);
SELECT order_id, document -> 'shipping_address' AS shipping_address, document -> 'address' AS address FROM ecommerce.archived_orders ORDER BY order_id;
DELETE FROM ecommerce.users WHERE id = 2;
SELECT * FROM ecommerce.order_integrity() WHERE customer_id = 2 OR order_id IN (SELECT order_id FROM ecommerce.archived_orders);

-- The owner says how long the archive is kept.
DELETE FROM ecommerce.archived_orders WHERE order_date < '2012-01-01';
SELECT count(*) FROM ecommerce.archived_orders;

-- A row that leaves is looked up in the archive, which is not read as a whole, also where it
-- was empty before.
DELETE FROM ecommerce.archived_orders;
VACUUM ecommerce.archived_orders;
\connect -
SET client_min_messages = warning;
SELECT ecommerce.import_orders((SELECT jsonb_agg(jsonb_build_object('number', 'of many ' || n, 'customer_id', 1, 'order_date', '2010-01-01',
           'order_amount', 20, 'currency', 'USD', 'order_status', 'DELIVERED', 'shipping_address', 'Rome',
           'order_details', '[{"unit_price": 10, "quantity": 2, "product_order_details": {"name": "Quill"}}]'::jsonb))
      FROM generate_series(1, 100) AS n)) -> 'imported' AS imported;
BEGIN;
SELECT ecommerce.archive_orders('2012-01-01') AS archived;
SELECT seq_tup_read < 100 AS few FROM pg_stat_xact_user_tables WHERE relid = 'ecommerce.archived_orders'::regclass;
ROLLBACK;

-- Refused
SELECT ecommerce.archive_orders(NULL);
SELECT ecommerce.archive_orders('2015-01-01', NULL);
SELECT ecommerce.archive_orders('2015-01-01', 0);

DROP SCHEMA ecommerce_api, ecommerce CASCADE;
