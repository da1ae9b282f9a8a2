-- Dead letters: an event that can never be delivered is given out no more, holds up
-- nothing, and can be taken up again. And what must not harm the consumers: leases
-- without end, counters at their end, marks that no consumer made, ids used twice.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street'), ('Grace', '2 Main Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 0.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 100);
CREATE PROCEDURE pg_temp.place(customer bigint) LANGUAGE sql AS $$
    SELECT ecommerce.add_to_cart(customer, 1, 2), ecommerce.place_order(customer)
$$;
CREATE FUNCTION pg_temp.taken(event text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', taken -> 'id', taken -> 'attempt'), ', ' ORDER BY place), 'none')
      FROM jsonb_array_elements(ecommerce.take_order_events(10, event)) WITH ORDINALITY AS given (taken, place)
$$;
CREATE PROCEDURE pg_temp.let_leases_end() LANGUAGE sql AS $$
    UPDATE ecommerce.order_events SET taken_until = now() - interval '1 second' WHERE taken_until IS NOT NULL
$$;
CREATE FUNCTION pg_temp.broken() RETURNS TABLE (invariant text, order_id bigint, details jsonb) LANGUAGE sql AS $$
    SELECT invariant, order_id, details - '{failed_at,delivered_at,taken_until}'::text[] FROM ecommerce.order_integrity() ORDER BY 1, 2
$$;

-- What has failed is given out no more, whoever asks, and does not hold up the rest.
CALL pg_temp.place(1);
CALL pg_temp.place(2);
SELECT ecommerce.set_order_status(1, 1, 'SHIPPED') -> 'order_status' AS status;
SELECT pg_temp.taken();
SELECT ecommerce.fail_order_events('{1}', 'SMTP reply 550'), ecommerce.fail_order_events('{1, 999}', 'again'), ecommerce.fail_order_events('{}', 'none');
CALL pg_temp.let_leases_end();
SELECT pg_temp.taken(), pg_temp.taken('order_placed');
CALL pg_temp.let_leases_end();
SELECT pg_temp.taken('order_placed');

-- Staff list the dead letters, and take them up again.
SELECT id, order_id, event, attempts, failure, failed_at > created_at AS later FROM ecommerce.order_events WHERE failed_at IS NOT NULL;
SELECT * FROM ecommerce.order_integrity();
SELECT ecommerce.release_order_events('{1}');
SELECT pg_temp.taken();
SELECT id, attempts, failed_at, failure, taken_until > now() AS leased FROM ecommerce.order_events ORDER BY id;

-- The lease of a consumer that hangs ends, too.
SELECT pg_temp.taken();
SELECT ecommerce.release_order_events('{1, 2, 3, 999}');
SELECT pg_temp.taken();

-- Delivered is delivered: it neither fails nor comes back. What failed can be delivered after all.
SELECT ecommerce.acknowledge_order_events('{1}');
SELECT ecommerce.fail_order_events('{1, 2}', 'too late for one'), ecommerce.release_order_events('{1}');
SELECT ecommerce.acknowledge_order_events('{1, 2}'), ecommerce.acknowledge_order_events('{1, 2}');
SELECT id, delivered_at IS NOT NULL AS delivered, failed_at, failure FROM ecommerce.order_events ORDER BY id;

-- Marking reads no more than two indexes, of which the one is as good as empty.
CREATE FUNCTION pg_temp.indexes(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN (SELECT string_agg(DISTINCT name[1], ', ' ORDER BY name[1]) FROM regexp_matches(plan::text, '"Index Name": "([^"]*)"', 'g') AS name);
END
$$;
SET enable_seqscan = off;
SELECT pg_temp.indexes($$UPDATE ecommerce.order_events SET delivered_at = now()
                         WHERE id = ANY ('{1,2}') AND delivered_at IS NULL AND (failed_at IS NULL OR failed_at IS NOT NULL)$$);
SELECT pg_temp.indexes('SELECT id FROM ecommerce.order_events WHERE failed_at IS NOT NULL');
RESET enable_seqscan;

-- What cannot be.
\set VERBOSITY terse
SELECT ecommerce.fail_order_events(NULL, 'reason');
SELECT ecommerce.fail_order_events('{1, NULL}', 'reason');
SELECT ecommerce.release_order_events(NULL);
SELECT ecommerce.release_order_events('{NULL}');
SELECT ecommerce.fail_order_events('{1}', NULL);
\set VERBOSITY default
SELECT ecommerce.fail_order_events('{1}', E' \u3000');
SELECT ecommerce.fail_order_events('{1}', repeat('x', 1001));
SELECT ecommerce.fail_order_events('{999}', repeat('ä', 1000));

-- A lease has a ceiling, and one that ends later was given by a clock that was ahead.
SELECT ecommerce.take_order_events(1, lease_seconds => 43201);
SELECT ecommerce.take_order_events(10, lease_seconds => 43200) #> '{0,id}' AS id;
SELECT pg_temp.taken();
UPDATE ecommerce.order_events SET taken_until = taken_until + interval '1 minute' WHERE id = 3;
SELECT * FROM pg_temp.broken();
SELECT pg_temp.taken();
UPDATE ecommerce.order_events SET taken_until = 'infinity' WHERE id = 3;
SELECT pg_temp.taken('order_shipped');
SELECT * FROM pg_temp.broken();

-- A counter at its end, wherever it came from, harms nobody, and staff can set it back.
UPDATE ecommerce.order_events SET attempts = 2147483647, taken_until = NULL WHERE id = 3;
CALL pg_temp.place(2);
SELECT pg_temp.taken();
SELECT attempts, taken_until <= clock_timestamp() + interval '1 hour' AS within_an_hour FROM ecommerce.order_events WHERE id = 3;
SELECT * FROM pg_temp.broken();
UPDATE ecommerce.order_events SET attempts = -2147483648, taken_until = NULL WHERE id = 3;
SELECT pg_temp.taken();
SELECT * FROM pg_temp.broken();
SELECT ecommerce.release_order_events('{3}');
SELECT pg_temp.taken();
SELECT * FROM pg_temp.broken();

-- Marks that disagree are found.
UPDATE ecommerce.order_events SET failed_at = now() WHERE id = 1;
UPDATE ecommerce.order_events SET failure = 'why' WHERE id = 2;
SELECT * FROM pg_temp.broken();
UPDATE ecommerce.order_events SET failed_at = NULL, failure = NULL WHERE id < 3;

-- A consumer has the mark of authority and no privilege to write with: whatever token it gives
-- itself, it changes no mark but by the functions. Releasing is for staff.
CREATE ROLE regress_consumer;
GRANT USAGE ON SCHEMA ecommerce TO regress_consumer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO regress_consumer;
SET ROLE regress_consumer;
\set VERBOSITY terse
SELECT ecommerce.take_order_events(1);
SELECT ecommerce.fail_order_events('{3}', 'reason');
RESET ROLE;
GRANT REFERENCES ON ecommerce.order_events TO regress_consumer;
SET ROLE regress_consumer;
SET request.jwt.claims = '{"user_id": 1}';
SELECT pg_temp.taken();
SELECT ecommerce.release_order_events('{3}');
UPDATE ecommerce.order_events SET delivered_at = now();
UPDATE ecommerce.order_events SET attempts = 2147483647 WHERE customer_id = 1;
UPDATE ecommerce.order_events SET taken_until = 'infinity';
UPDATE ecommerce.order_events SET failed_at = NULL;
SELECT id FROM ecommerce.order_events;
SELECT id FROM ecommerce.order_events FOR UPDATE;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, actor) VALUES (1, 1, 9, 'forged', 'me');
SELECT ecommerce.fail_order_events('{3}', 'reason'), ecommerce.acknowledge_order_events('{3}');
RESET request.jwt.claims;
\set VERBOSITY default
RESET ROLE;

-- An id that two events have, as after a restore without sequences, marks neither of them.
SELECT ecommerce.acknowledge_order_events('{4}');
CALL pg_temp.place(1);
CALL pg_temp.place(2);
DROP INDEX ecommerce.order_events_undelivered_idx;
ALTER TABLE ecommerce.order_events DISABLE TRIGGER USER;
UPDATE ecommerce.order_events SET id = 5 WHERE id = 6;
ALTER TABLE ecommerce.order_events ENABLE TRIGGER USER;
SELECT invariant, details FROM ecommerce.order_integrity() WHERE invariant = 'event_id_is_used_once';
SELECT ecommerce.take_order_events(1);
\echo :SQLSTATE
SELECT ecommerce.acknowledge_order_events('{4, 5}');
SELECT ecommerce.fail_order_events('{5, 5}', 'reason');
SELECT ecommerce.release_order_events('{5}');
-- Also when one of them is a dead letter.
UPDATE ecommerce.order_events SET failed_at = now(), failure = 'why' WHERE id = 5 AND order_id = 4;
SELECT ecommerce.acknowledge_order_events('{5}');
SELECT ecommerce.release_order_events('{5}');
SELECT count(*) FILTER (WHERE delivered_at IS NULL) AS undelivered, count(*) FILTER (WHERE failed_at IS NULL) AS not_failed FROM ecommerce.order_events WHERE id = 5;

-- With the index such an event cannot even be written.
UPDATE ecommerce.order_events SET delivered_at = now(), failed_at = NULL, failure = NULL WHERE id = 5 AND order_id = 4;
CREATE UNIQUE INDEX order_events_undelivered_idx ON ecommerce.order_events (id) WHERE delivered_at IS NULL AND failed_at IS NULL;
SELECT setval('ecommerce.order_events_id_seq', 4) AS behind;
\set VERBOSITY sqlstate
CALL pg_temp.place(1);
\set VERBOSITY default

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_consumer;
