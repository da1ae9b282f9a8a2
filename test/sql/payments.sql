-- What was paid and paid back: recorded once, in any order, summed up; an order that has a deadline is sent when it is
-- paid, or expires, returns its stock once, and is never cancelled for being unpaid when it was paid.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Main Street');
INSERT INTO ecommerce.products (id, name, price, currency) VALUES (11, 'Pencil', 10, 'USD'), (12, 'Fude', 1000, 'JPY'), (13, 'Air', 0, 'USD');
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) VALUES (0, 11, 10000), (0, 12, 1000), (0, 13, 1000), (7, 11, 50);

-- Ten pencils cost 100.00.
CREATE FUNCTION pg_temp.placed(user_id bigint DEFAULT 1, product_id bigint DEFAULT 11) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.set_cart_item(user_id, product_id, 10);
    RETURN ecommerce.place_order(user_id) -> 'id';
END
$$;
CREATE FUNCTION pg_temp.paid(order_id bigint, kind text, reference text, amount numeric, provider text DEFAULT 'card') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', paid -> 'payment' ->> 'status',
                     (SELECT string_agg(key || '=' || value, ' ' ORDER BY key) FROM jsonb_each_text(paid -> 'payment')
                       WHERE key LIKE '%amount' AND value::numeric <> 0),
                     'due=' || (paid -> 'payment' ->> 'due_at'), CASE WHEN (paid ->> 'replayed')::boolean THEN 'replayed' END)
      FROM ecommerce.record_payment(1, order_id, provider, reference, kind, amount) AS paid
$$;
CREATE FUNCTION pg_temp.refund(order_id bigint, reference text, amount numeric DEFAULT NULL, provider text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', paid -> 'payment' ->> 'status', paid -> 'payment' ->> 'refund_pending_amount',
                     CASE WHEN (paid ->> 'replayed')::boolean THEN 'replayed' END)
      FROM ecommerce.request_refund(1, order_id, reference, amount, provider) AS paid
$$;
CREATE VIEW pg_temp.notes AS
SELECT order_id, event_number AS number, event, new_status AS status, payload
FROM ecommerce.order_events WHERE old_status = new_status ORDER BY order_id, event_number;

-- An order without payments or deadline has null; the answer to a payment is the order.
SELECT pg_temp.placed() AS id \gset
SELECT ecommerce.order_json(1, :id) -> 'payment' AS payment, (SELECT count(*) FROM ecommerce.order_balances) AS balances;
SELECT jsonb_pretty(ecommerce.record_payment(1, :id, 'card', 'pi_1', 'authorized', 100, '{"id": "evt_1"}') -> 'payment') AS payment;
SELECT ecommerce.record_payment(1, :id, 'card', 'pi_1', 'authorized', 100) - 'replayed' = ecommerce.order_json(1, :id) AS same,
       ecommerce.order_listing_json(1) = jsonb_build_array(ecommerce.order_json(1, :id)) AS listed;
SELECT pg_temp.paid(:id, 'captured', 'pi_1', 100);
SELECT payment_number, kind, provider, reference, amount, payload, actor = current_user AS by_me, person FROM ecommerce.order_payments;
TABLE pg_temp.notes;

-- Again, with as many decimals as anybody likes: nothing is written. Another amount, another order: the reference is taken.
SELECT pg_temp.paid(:id, 'captured', 'pi_1', 100.0000);
SELECT count(*) FROM ecommerce.order_payments;
SELECT pg_temp.paid(:id, 'captured', 'pi_1', 99.99);
SELECT pg_temp.paid(pg_temp.placed(), 'captured', 'pi_1', 100);

-- Whatever the order in which it becomes known, it comes to the same: all sequences of five facts.
CREATE TABLE pg_temp.facts (kind text, reference text, amount numeric);
INSERT INTO pg_temp.facts VALUES ('failed', 'pi', 100), ('authorized', 'pi', 100), ('captured', 'pi', 60), ('voided', 'pi', 40), ('refunded', 're', 20);
CREATE FUNCTION pg_temp.all_sequences() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    it record;
    fact text;
    last_state text;
BEGIN
    FOR it IN
        WITH RECURSIVE sequences AS (
            SELECT ARRAY[kind] AS kinds FROM pg_temp.facts
            UNION ALL
            SELECT kinds || kind FROM sequences, pg_temp.facts WHERE kind <> ALL (kinds))
        SELECT kinds, pg_temp.placed() AS order_id FROM sequences WHERE cardinality(kinds) = (SELECT count(*) FROM pg_temp.facts)
    LOOP
        FOREACH fact IN ARRAY it.kinds LOOP
            SELECT pg_temp.paid(it.order_id, kind, reference || it.order_id, amount) INTO last_state FROM pg_temp.facts WHERE kind = fact;
        END LOOP;
        RETURN NEXT last_state;
    END LOOP;
END
$$;
SELECT state, count(*) FROM pg_temp.all_sequences() AS state GROUP BY state;

-- A refund is requested, then settled; one that failed after it had succeeded has failed.
DELETE FROM pg_temp.facts;
INSERT INTO pg_temp.facts VALUES ('captured', 'pi', 100), ('refunded', 're', 30), ('refund_failed', 're', 30), ('charged_back', 'dp', 100);
SELECT state, count(*) FROM pg_temp.all_sequences() AS state GROUP BY state;

-- The statuses
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'failed', 'a', 100), pg_temp.paid(:id, 'authorized', 'b', 99), pg_temp.paid(:id, 'authorized', 'c', 1),
       pg_temp.paid(:id, 'captured', 'b', 60), pg_temp.paid(:id, 'captured', 'd', 40), pg_temp.paid(:id, 'captured', 'e', 1),
       pg_temp.paid(:id, 'refunded', 'f', 1), pg_temp.paid(:id, 'refunded', 'g', 100) \gx

-- Refunds: all that is left, or a part of it, reserved at once; a request stands for one refund.
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.refund(:id, 'r0');
SELECT pg_temp.paid(:id, 'captured', 'pi_2', 70), pg_temp.paid(:id, 'captured', 'gift', 30, 'voucher');
SELECT pg_temp.refund(:id, 'r1', 10);
SELECT pg_temp.refund(:id, 'r1', 10, 'card'), pg_temp.refund(:id, 'r1', 10), pg_temp.refund(:id, 'r1');
SELECT pg_temp.refund(:id, 'r1', 11);
SELECT pg_temp.refund(:id, 'r2', 60.01, 'card');
SELECT pg_temp.refund(:id, 'r2', 90.01, 'card');
SELECT pg_temp.refund(:id, 'r2', NULL, 'bank');
SELECT pg_temp.refund(:id, 'r2', NULL, 'voucher');
SELECT pg_temp.refund(:id, 'r3', 0.01, 'voucher');
SELECT pg_temp.paid(:id, 'refunded', 'r1', 10);
SELECT pg_temp.paid(:id, 'refund_failed', 'r2', 30, 'voucher');
SELECT pg_temp.refund(:id, 'r3', NULL, 'voucher'), pg_temp.refund(:id, 'r4', NULL, 'card');
SELECT pg_temp.paid(:id, 'refunded', 'r4', 60);
SELECT number, event, status, payload FROM pg_temp.notes WHERE order_id = :id;
SELECT ecommerce.request_refund(1, :id, 'r5', 1, reason => 'torn');
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'pi_3', 50);
SELECT ecommerce.request_refund(1, :id, 'r6', 20, reason => 'torn') -> 'payment' ->> 'status' AS status;
SELECT provider, amount, payload FROM ecommerce.order_payments WHERE kind = 'refund_requested' AND reference = 'r6';

-- Currencies without coins
SELECT pg_temp.placed(1, 12) AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'jpy', 10000.5);
SELECT pg_temp.paid(:id, 'captured', 'jpy', 10000.00);
SELECT ecommerce.order_json(1, :id) -> 'payment' AS payment;

-- An order with a deadline is not sent before it is paid, or all of it authorized; then the deadline is gone.
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT '2001-01-01';
SELECT pg_temp.placed() AS id \gset
SELECT ecommerce.order_json(1, :id) -> 'payment' AS payment;
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED');
SELECT pg_temp.paid(:id, 'authorized', 'pi_4', 99.99);
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED');
SELECT pg_temp.paid(:id, 'authorized', 'pi_5', 0.01);
SELECT pg_temp.paid(:id, 'voided', 'pi_5', 0.01);
SELECT pg_temp.paid(:id, 'captured', 'pi_5', 0.01);
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED') -> 'payment' ->> 'status' AS payment;
SELECT order_status, due_at FROM ecommerce.orders JOIN ecommerce.order_balances ON order_id = id WHERE id = :id;

-- What the answer to a placement says is what the order says; an order that costs nothing has no deadline.
SELECT ecommerce.set_cart_item(2, 13, 1) IS NOT NULL AS put;
SELECT ecommerce.place_order(2) AS free \gset
SELECT :'free'::jsonb - 'replayed' = ecommerce.order_json(2, (:'free'::jsonb -> 'id')::bigint) AS same, :'free'::jsonb -> 'payment' AS payment;

-- Expiry: those that are due, and no others.
CREATE FUNCTION pg_temp.expired(max integer DEFAULT 100) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', ecommerce.expire_unpaid_orders(max), 'of', (SELECT count(*) FROM ecommerce.order_balances WHERE due_at IS NOT NULL))
$$;
CREATE VIEW pg_temp.stock AS
SELECT string_agg(format('%s:%s=%s', bucket, product_id, quantity), ' ' ORDER BY bucket, product_id) AS stock FROM ecommerce.stock_levels;
TABLE pg_temp.stock;
SELECT pg_temp.placed() AS unpaid \gset
SELECT pg_temp.placed() AS paid \gset
SELECT pg_temp.placed() AS partly \gset
SELECT pg_temp.placed() AS authorized \gset
SELECT pg_temp.placed() AS refunded \gset
SELECT pg_temp.placed() AS shipped \gset
SELECT pg_temp.placed() AS cancelled \gset
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT now() + interval '30 min';
SELECT pg_temp.placed() AS later \gset
ALTER TABLE ecommerce.orders ALTER payment_due_at DROP DEFAULT;
SELECT pg_temp.placed() AS without \gset
SELECT pg_temp.paid(:paid, 'captured', 'x1', 100), pg_temp.paid(:partly, 'captured', 'x2', 1), pg_temp.paid(:authorized, 'authorized', 'x3', 100),
       pg_temp.paid(:refunded, 'captured', 'x4', 100), pg_temp.paid(:refunded, 'refunded', 'x4', 100), pg_temp.paid(:shipped, 'captured', 'x5', 100);
SELECT ecommerce.set_order_status(1, :shipped, 'SHIPPED') ->> 'order_status' AS shipped, ecommerce.cancel_order(1, :cancelled, 'customer') ->> 'order_status' AS cancelled;
TABLE pg_temp.stock;
SELECT pg_temp.expired();
TABLE pg_temp.stock;
SELECT name, order_status, due_at FROM ecommerce.orders LEFT JOIN ecommerce.order_balances ON order_id = id
  JOIN (VALUES (:unpaid, 'unpaid'), (:paid, 'paid'), (:partly, 'partly'), (:authorized, 'authorized'), (:refunded, 'refunded'), (:shipped, 'shipped'),
               (:cancelled, 'cancelled'), (:without, 'without')) AS names (order_id, name) ON names.order_id = id ORDER BY name;
SELECT event_number AS number, event, old_status, new_status, payload FROM ecommerce.order_events WHERE order_id = :unpaid ORDER BY 1;
SELECT pg_temp.expired(), ecommerce.cancel_order(1, :unpaid, 'customer') ->> 'order_status' AS again;

-- An authorization that is voided makes the order due again, a capture that comes too late is recorded.
SELECT pg_temp.paid(:authorized, 'voided', 'x3', 100);
SELECT pg_temp.expired();
SELECT pg_temp.paid(:authorized, 'captured', 'x6', 100);
SELECT event FROM ecommerce.order_events WHERE order_id = :authorized ORDER BY event_number;
SELECT pg_temp.refund(:authorized, 'late');

-- A batch returns all units of all orders, to their buckets, and takes those that have waited longest first.
TABLE pg_temp.stock;
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT '2002-02-02';
SELECT pg_temp.placed() AS third \gset
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT '2001-01-01';
SELECT pg_temp.placed() AS first, pg_temp.placed(2) AS second \gset
UPDATE ecommerce.carts SET stock_bucket = 7 WHERE user_id = 2;
SELECT pg_temp.placed(2) AS fourth \gset
TABLE pg_temp.stock;
SELECT pg_temp.expired(3), (SELECT order_status FROM ecommerce.orders WHERE id = :third) AS third;
SELECT pg_temp.expired(3), (SELECT order_status FROM ecommerce.orders WHERE id = :third) AS third;
TABLE pg_temp.stock;

-- The ledger only grows; what it says of persons can be taken away.
UPDATE ecommerce.order_payments SET amount = 1;
UPDATE ecommerce.order_payments SET payload = '{}';
UPDATE ecommerce.order_payments SET person = 'somebody';
UPDATE ecommerce.order_payments SET payload = NULL, person = NULL;
DELETE FROM ecommerce.order_payments;

-- Arguments
SELECT ecommerce.record_payment(NULL, :paid, 'card', 'x', 'captured', 1);
SELECT ecommerce.record_payment(1, NULL, 'card', 'x', 'captured', 1);
SELECT ecommerce.record_payment(1, :paid, NULL, 'x', 'captured', 1);
SELECT ecommerce.record_payment(1, :paid, 'card', NULL, 'captured', 1);
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', NULL, 1);
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'captured', NULL);
SELECT ecommerce.record_payment(1, :paid, ' ', 'x', 'captured', 1);
SELECT ecommerce.record_payment(1, :paid, 'card', repeat('x', 256), 'captured', 1);
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'refund_requested', 1);
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'captured', -1);
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'captured', 'NaN');
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'captured', 0.001);
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'captured', 1, '[]');
SELECT ecommerce.record_payment(1, :paid, 'card', 'x', 'captured', 1, jsonb_build_object('a', repeat('x', 65536)));
SELECT ecommerce.record_payment(2, :paid, 'card', 'x', 'captured', 1);
SELECT ecommerce.request_refund(1, :paid, NULL);
SELECT ecommerce.request_refund(1, :paid, '');
SELECT ecommerce.request_refund(1, :paid, 'x', 0);
SELECT ecommerce.request_refund(1, :paid, 'x', 1, ' ');
SELECT ecommerce.request_refund(1, :paid, 'x', 1, reason => repeat('x', 1001));
SELECT ecommerce.request_refund(2, :paid, 'x', 1);
SELECT ecommerce.expire_unpaid_orders(NULL);
SELECT ecommerce.expire_unpaid_orders(0);

-- Money that is gone, or about to go, sends nothing; a refund of a part does not hold the order up, nor does one that has failed.
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'g1', 100), pg_temp.refund(:id, 'g2', 40);
SELECT pg_temp.refund(:id, 'g3', 60);
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED');
SELECT pg_temp.paid(:id, 'refunded', 'g2', 40), pg_temp.paid(:id, 'refunded', 'g3', 60);
SELECT ecommerce.set_order_status(1, :id, 'DELIVERED');
SELECT pg_temp.paid(:id, 'refund_failed', 'g3', 60), ecommerce.set_order_status(1, :id, 'SHIPPED') ->> 'order_status' AS status;
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'g4', 100), pg_temp.paid(:id, 'charged_back', 'g5', 100);
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED');
SELECT pg_temp.paid(:id, 'authorized', 'g6', 1), ecommerce.set_order_status(1, :id, 'SHIPPED') ->> 'order_status' AS status;

-- Sent for an authorization that was voided since, and taken back: it is due again; one that was paid is not.
SELECT pg_temp.placed() AS id, pg_temp.placed() AS paid_id \gset
SELECT pg_temp.paid(:id, 'authorized', 'v1', 100), ecommerce.set_order_status(1, :id, 'SHIPPED') ->> 'order_status' AS status, pg_temp.paid(:id, 'voided', 'v1', 100);
SELECT ecommerce.correct_order_status(1, :id, 'PROCESSING', 'another parcel') -> 'payment' AS payment;
SELECT pg_temp.paid(:paid_id, 'captured', 'v2', 100), ecommerce.set_order_status(1, :paid_id, 'SHIPPED') ->> 'order_status' AS sent, ecommerce.set_order_status(1, :paid_id, 'DELIVERED') ->> 'order_status' AS status;
SELECT ecommerce.correct_order_status(1, :paid_id, 'SHIPPED', 'not yet') #> '{payment,due_at}' AS shipped, ecommerce.correct_order_status(1, :paid_id, 'PROCESSING', 'not at all') #> '{payment,due_at}' AS due_at;
SELECT invariant, details FROM ecommerce.order_integrity() WHERE invariant LIKE 'deadline%';
SELECT pg_temp.expired();
SELECT order_status FROM ecommerce.orders WHERE id = :id;

-- A deadline is that of the placement.
UPDATE ecommerce.orders SET payment_due_at = now() WHERE id = :paid_id;
UPDATE ecommerce.orders SET payment_due_at = NULL WHERE id = :paid_id;
UPDATE ecommerce.orders SET payment_due_at = now() WHERE id = :without;
UPDATE ecommerce.orders SET payment_due_at = payment_due_at WHERE id = :paid_id;

-- A reference of the customer is of one order, whatever the kind; another customer or provider has names of his own.
SELECT pg_temp.placed() AS one, pg_temp.placed() AS two, pg_temp.placed(2) AS hers \gset
SELECT pg_temp.paid(:one, 'authorized', 'n1', 100), pg_temp.paid(:two, 'captured', 'n2', 100);
SELECT pg_temp.paid(:two, 'captured', 'n1', 100);
SELECT pg_temp.paid(:one, 'failed', 'n2', 100);
SELECT pg_temp.refund(:two, 'n1', 10);
SELECT pg_temp.paid(:two, 'captured', 'n1', 1, 'bank'), ecommerce.record_payment(2, :hers, 'card', 'n1', 'captured', 100) #> '{payment,status}' AS hers;

-- What has failed of a refund is a sum: not more than that is taken off, in any sequence, and it is requested again by another name.
CREATE TABLE pg_temp.trials (name text, kind text, reference text, amount numeric);
INSERT INTO pg_temp.trials VALUES
    ('part', 'captured', 'pi', 100), ('part', 'refunded', 're', 30), ('part', 'refund_failed', 're', 10),
    ('more', 'captured', 'pi', 100), ('more', 'refunded', 're', 30), ('more', 'refund_failed', 're', 40);
CREATE FUNCTION pg_temp.sequences_of(trial text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pg_temp.facts;
    INSERT INTO pg_temp.facts SELECT kind, reference, amount FROM pg_temp.trials WHERE name = trial;
    RETURN QUERY SELECT pg_temp.all_sequences();
END
$$;
SELECT name, state, count(*) FROM (VALUES ('part'), ('more')) AS trials (name), pg_temp.sequences_of(name) AS state GROUP BY name, state ORDER BY name;
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'f1', 100), pg_temp.refund(:id, 'f2', 30), pg_temp.paid(:id, 'refunded', 'f2', 20), pg_temp.paid(:id, 'refund_failed', 'f2', 10) \gx
SELECT pg_temp.refund(:id, 'f2', 30);
SELECT pg_temp.refund(:id, 'f2', 10, 'card');
SELECT pg_temp.refund(:id, 'f3', 40), pg_temp.paid(:id, 'refund_failed', 'f3', 40), pg_temp.paid(:id, 'refunded', 'f3', 40);
SELECT pg_temp.refund(:id, 'f4', 80.01), pg_temp.refund(:id, 'f4', 80);
SELECT pg_temp.refund(:id, 'f4', 80), pg_temp.paid(:id, 'refund_failed', 'f5', 5), pg_temp.paid(:id, 'refunded', 'f5', 5);
SELECT pg_temp.refund(:id, 'f5');
SELECT invariant, details FROM ecommerce.order_integrity() WHERE invariant LIKE '%ledger';

-- Money goes back the way it came; nothing is left where a bank took it, no amount is negative, and none larger than one refund can be.
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'w1', 60), pg_temp.paid(:id, 'captured', 'w2', 40, 'bank'), pg_temp.paid(:id, 'charged_back', 'w3', 70);
SELECT pg_temp.refund(:id, 'w4', NULL, 'card');
SELECT pg_temp.refund(:id, 'w4', 1, 'card');
SELECT pg_temp.refund(:id, 'w4', 30.01, 'bank');
SELECT pg_temp.refund(:id, 'w4');
SELECT pg_temp.refund(:id, 'w4', NULL, 'bank');
SELECT pg_temp.paid(:id, 'charged_back', 'w5', 100);
SELECT pg_temp.refund(:id, 'w6');
SELECT pg_temp.refund(:id, 'w6', 1);
SELECT pg_temp.placed() AS id \gset
SELECT pg_temp.paid(:id, 'captured', 'w7', 999999999999999.99), pg_temp.paid(:id, 'captured', 'w8', 0.01);
SELECT pg_temp.refund(:id, 'w9');
SELECT pg_temp.refund(:id, 'w9', 999999999999999.99), pg_temp.refund(:id, 'w10');

-- The queries of docs/payments.md: orders that wait for money, what cancelled ones hold, what was refunded before it was sent.
\getenv directory PG_ABS_SRCDIR
\cd :directory
\set page `cat ../docs/payments.md`
SELECT substring(:'page' FROM '(SELECT id, order_amount - [^;]*)') AS waiting,
       substring(:'page' FROM '(SELECT order_id, provider, reference, sum[^;]*)') AS held,
       substring(:'page' FROM '(SELECT id\nFROM ecommerce.orders JOIN[^;]*)') AS refunded \gset
SELECT pg_temp.placed() AS held_id, pg_temp.placed() AS refunded_id, pg_temp.placed() AS waiting_id, pg_temp.placed() AS returned_id \gset
SELECT pg_temp.paid(:held_id, 'authorized', 'q1', 100), pg_temp.paid(:held_id, 'voided', 'q1', 40), ecommerce.cancel_order(1, :held_id, 'customer') ->> 'order_status' AS status;
SELECT pg_temp.paid(:refunded_id, 'captured', 'q2', 100), pg_temp.paid(:refunded_id, 'refunded', 'q3', 100);
SELECT pg_temp.paid(:returned_id, 'captured', 'q4', 90), ecommerce.return_items(1, :returned_id, '[{"line": 1, "quantity": 1}]', true) #> '{payment,status}' AS returned;
SELECT pg_temp.paid(:waiting_id, 'captured', 'q5', 60), ecommerce.return_items(1, :waiting_id, '[{"line": 1, "quantity": 1}]', true) #> '{payment,status}' AS returned;
SELECT id = :waiting_id AS waiting, owed, paid FROM (:waiting) AS waiting WHERE id >= :held_id;
SELECT order_id = :held_id AS holds, provider, reference, held FROM (:held) AS held WHERE order_id >= :held_id;
SELECT id = :refunded_id AS refunded FROM (:refunded) AS refunded WHERE id >= :held_id;

DROP SCHEMA ecommerce, ecommerce_api, ecommerce_migrations CASCADE;
