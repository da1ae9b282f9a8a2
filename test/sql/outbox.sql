-- The outbox: every event goes out at least once, to one consumer at a time, the
-- events of an order in sequence, and comes back unless it is acknowledged.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, email, shipping_address) VALUES
    (1, 'Ada', 'ada@example.com', '1 Main Street'), (2, 'Grace', NULL, '2 Main Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100);
CREATE PROCEDURE pg_temp.place(customer bigint) LANGUAGE sql AS $$
    SELECT ecommerce.add_to_cart(customer, 11, 2), ecommerce.place_order(customer)
$$;
CREATE FUNCTION pg_temp.shown(events jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', event -> 'order_id', event ->> 'event', event -> 'attempt'), ', ' ORDER BY place), 'none')
      FROM jsonb_array_elements(events) WITH ORDINALITY AS given (event, place)
$$;
CREATE FUNCTION pg_temp.ids(events jsonb) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT array_agg((event ->> 'id')::bigint) FROM jsonb_array_elements(events) AS event
$$;
-- As if the lease of every taken event had run out.
CREATE PROCEDURE pg_temp.let_leases_end() LANGUAGE sql AS $$
    UPDATE ecommerce.order_events SET taken_until = now() - interval '1 second' WHERE taken_until IS NOT NULL
$$;

SELECT ecommerce.take_order_events(10);

-- What an event tells: the order as it is, and the customer.
CALL pg_temp.place(1);
SELECT jsonb_pretty(event - 'created_at' #- '{order,order_date}') AS event,
       event -> 'created_at' = event #> '{order,order_date}' AS is_dated, event -> 'order' = ecommerce.order_json(1, 1) AS is_the_order
FROM jsonb_array_elements(ecommerce.take_order_events(10)) AS event;

-- What is taken is nobody else's; acknowledged, it is gone for good.
SELECT pg_temp.shown(ecommerce.take_order_events(10));
SELECT ecommerce.acknowledge_order_events('{1}'), ecommerce.acknowledge_order_events('{1}'), ecommerce.acknowledge_order_events('{}');
CALL pg_temp.let_leases_end();
SELECT pg_temp.shown(ecommerce.take_order_events(10));

-- Not acknowledged, it comes back when the lease has ended, and says so.
CALL pg_temp.place(2);
SELECT pg_temp.shown(ecommerce.take_order_events(10));
CALL pg_temp.let_leases_end();
SELECT pg_temp.shown(ecommerce.take_order_events(10)), pg_temp.shown(ecommerce.take_order_events(10));
-- Late is not too late, and an unknown event is nobody's.
CALL pg_temp.let_leases_end();
SELECT ecommerce.acknowledge_order_events('{2, 2, 999}');
SELECT pg_temp.shown(ecommerce.take_order_events(10));

-- A transaction that rolls back has taken nothing.
CALL pg_temp.place(1);
BEGIN;
SELECT pg_temp.shown(ecommerce.take_order_events(10));
ROLLBACK;
SELECT pg_temp.shown(ecommerce.take_order_events(10));

-- Each further lease is twice as long, up to an hour, or what was asked for.
CREATE FUNCTION pg_temp.leases(seconds integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    leases text[];
BEGIN
    FOR attempt IN 1 .. 40 LOOP
        UPDATE ecommerce.order_events SET attempts = attempt - 1, taken_until = NULL WHERE id = 3;
        PERFORM ecommerce.take_order_events(1, lease_seconds => seconds);
        SELECT leases || (10 * round(extract(epoch FROM taken_until - clock_timestamp()) / 10))::text INTO leases
          FROM ecommerce.order_events WHERE id = 3 AND attempts = attempt;
    END LOOP;
    RETURN array_to_string(leases[1:6], ' ') || ' ... ' || leases[40];
END
$$;
SELECT pg_temp.leases(300), pg_temp.leases(7200), pg_temp.leases(43200);
SELECT ecommerce.acknowledge_order_events('{3}');

-- The events of an order come one after the other, those of others meanwhile; oldest first, at most so many.
CALL pg_temp.place(1);
CALL pg_temp.place(2);
SELECT id AS first FROM ecommerce.orders WHERE customer_id = 1 ORDER BY id DESC LIMIT 1 \gset
SELECT ecommerce.set_order_status(1, :first, 'SHIPPED') -> 'order_status' AS status;
SELECT ecommerce.set_order_status(1, :first, 'DELIVERED') -> 'order_status' AS status;
SELECT pg_temp.shown(ecommerce.take_order_events(1)), pg_temp.shown(ecommerce.take_order_events(1)), pg_temp.shown(ecommerce.take_order_events(1));
SELECT ecommerce.acknowledge_order_events('{4}');
SELECT pg_temp.shown(ecommerce.take_order_events(9)), pg_temp.shown(ecommerce.take_order_events(9));
CALL pg_temp.let_leases_end();
SELECT pg_temp.shown(ecommerce.take_order_events(9));
SELECT ecommerce.acknowledge_order_events('{5, 6, 7}');
SELECT pg_temp.shown(ecommerce.take_order_events(9));
SELECT count(*) AS outstanding FROM ecommerce.order_events WHERE delivered_at IS NULL;

-- A consumer of one kind of event does not wait for the others'.
CALL pg_temp.place(1);
CALL pg_temp.place(2);
SELECT id AS last FROM ecommerce.orders ORDER BY id DESC LIMIT 1 \gset
SELECT ecommerce.cancel_order(2, :last, 'fraud') -> 'order_status' AS status;
SELECT pg_temp.shown(ecommerce.take_order_events(9, 'order_cancelled')), pg_temp.shown(ecommerce.take_order_events(9, 'order_shipped'));
SELECT pg_temp.shown(ecommerce.take_order_events(9, event => 'order_placed', lease_seconds => 60));
CALL pg_temp.let_leases_end();
SELECT ecommerce.take_order_events(9, 'order_cancelled') #> '{0,payload}' AS payload;
SELECT count(*) AS outstanding FROM ecommerce.order_events WHERE delivered_at IS NULL;

-- A payload of the shop's own, of any kind, is handed over as it is.
SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, payload, actor)
SELECT 1, 1, 100 + number, 'of_the_shop', payload, 'me' FROM unnest(ARRAY['{"a": [1, {"b": null}], "long": 1.50, "x": "y"}', '[]', '{}', '"text"', '1.500',
       '-1e100', 'true', 'null', '[1, "two", [3.25, {"four": 4}]]']::jsonb[]) WITH ORDINALITY AS given (payload, number);
CREATE FUNCTION pg_temp.all_payloads() RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    events jsonb;
BEGIN
    LOOP
        events := ecommerce.take_order_events(1);
        EXIT WHEN events = '[]';
        ASSERT events = events::text::jsonb AND jsonb_send(events) = jsonb_send(events::text::jsonb);
        RETURN NEXT events #> '{0,payload}';
        PERFORM ecommerce.acknowledge_order_events(pg_temp.ids(events));
    END LOOP;
END
$$;
SELECT * FROM pg_temp.all_payloads();

-- What cannot be.
\set VERBOSITY sqlstate
SELECT ecommerce.take_order_events(0);
SELECT ecommerce.take_order_events(NULL);
SELECT ecommerce.take_order_events(1, 'order');
SELECT ecommerce.take_order_events(1, lease_seconds => 0);
SELECT ecommerce.take_order_events(1, lease_seconds => NULL);
SELECT ecommerce.acknowledge_order_events(NULL);
SELECT ecommerce.acknowledge_order_events('{1, NULL}');
\set VERBOSITY default

-- A role for consumers needs to act for nobody, and can change nothing by itself.
CREATE ROLE regress_mailer;
GRANT USAGE ON SCHEMA ecommerce TO regress_mailer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO regress_mailer;
CALL pg_temp.place(1);
SET ROLE regress_mailer;
\set VERBOSITY terse
SELECT ecommerce.take_order_events(1);
SELECT ecommerce.acknowledge_order_events('{1}');
RESET ROLE;
GRANT REFERENCES ON ecommerce.order_events TO regress_mailer;
SET ROLE regress_mailer;
SELECT pg_temp.shown(ecommerce.take_order_events(1)) ~ 'order_placed 1' AS taken;
SELECT ecommerce.acknowledge_order_events('{1}');
UPDATE ecommerce.order_events SET delivered_at = now();
SELECT ecommerce.cart_json(1);
SELECT ecommerce.set_order_status(1, 1, 'SHIPPED');
SELECT ecommerce.erase_user(1);
SELECT * FROM ecommerce.order_integrity();
\set VERBOSITY default
RESET ROLE;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_mailer;
