-- outbox_metrics() counts what waits in the outbox, is taken and has failed, for each name of
-- events, and tells how old the oldest is; it reads what has not been delivered, and no more.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (1, 'Pencil', 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 100);

CREATE VIEW pg_temp.metrics AS
    SELECT event, pending, leased, dead, date_trunc('minute', oldest_age) AS oldest_age FROM ecommerce.outbox_metrics();

-- Nothing waits: every name has a row.
SELECT * FROM metrics;

DO $$
BEGIN
    FOR number IN 1 .. 8 LOOP
        PERFORM ecommerce.add_to_cart(1, 1, 1), ecommerce.place_order(1);
    END LOOP;
    PERFORM ecommerce.set_order_status(1, 1, 'SHIPPED'), ecommerce.cancel_order(1, 2, 'staff');
END
$$;
SELECT * FROM metrics WHERE pending + leased + dead > 0;

-- Five are taken, one of them delivered, one given up, one taken up again.
SELECT jsonb_path_query_array(ecommerce.take_order_events(5, 'order_placed'), '$[*].id') AS taken;
SELECT ecommerce.acknowledge_order_events('{1}'), ecommerce.fail_order_events('{2}', 'no address'),
       ecommerce.release_order_events('{3}');
SELECT * FROM metrics WHERE pending + leased + dead > 0;

-- The oldest is one that waits or is taken, not what has failed or was delivered; a lease that
-- has ended, or that no clock can have given, is none; and a name of the shop's own has a row.
ALTER TABLE ecommerce.order_events DISABLE TRIGGER USER;
UPDATE ecommerce.order_events SET created_at = now() - interval '1 day' WHERE id IN (1, 2);
UPDATE ecommerce.order_events SET created_at = now() - interval '90 minutes' WHERE id = 4;
UPDATE ecommerce.order_events SET taken_until = now() - interval '1 second' WHERE id = 5;
UPDATE ecommerce.order_events SET taken_until = now() + interval '13 hours' WHERE id = 6;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, id, event, new_status, actor)
VALUES (1, 8, 2, 100, 'gift_wrapped', 'PROCESSING', 'shop');
SELECT * FROM metrics WHERE pending + leased + dead > 0;

-- Whoever delivers events may look, and nobody else.
CREATE ROLE regress_consumer;
CREATE ROLE regress_nobody;
GRANT USAGE ON SCHEMA ecommerce TO regress_consumer, regress_nobody;
GRANT EXECUTE ON FUNCTION ecommerce.outbox_metrics TO regress_consumer, regress_nobody;
GRANT REFERENCES ON ecommerce.order_events TO regress_consumer;
SET ROLE regress_consumer;
SELECT sum(pending) AS pending, sum(leased) AS leased, sum(dead) AS dead FROM ecommerce.outbox_metrics();
SET ROLE regress_nobody;
SELECT * FROM ecommerce.outbox_metrics();
RESET ROLE;

-- However long the history.
UPDATE ecommerce.order_events SET delivered_at = now() WHERE failed_at IS NULL;
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
SELECT 1, n, 1, 'USD', 'x' FROM generate_series(1001, 6000) AS n;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, id, event, new_status, actor, delivered_at)
SELECT 1, n, 1, n, 'order_placed', 'PROCESSING', 'shop', now() FROM generate_series(1001, 6000) AS n;
VACUUM ANALYZE ecommerce.order_events;
CREATE FUNCTION pg_temp.pages_read(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
    RETURN (plan -> 0 -> 'Plan' ->> 'Shared Hit Blocks')::bigint + (plan -> 0 -> 'Plan' ->> 'Shared Read Blocks')::bigint;
END
$$;
SELECT pg_temp.pages_read('SELECT * FROM ecommerce.outbox_metrics()') IS NOT NULL AS is_planned;
SELECT pg_temp.pages_read('SELECT count(*) FROM ecommerce.order_events') > 50 AS many,
       pg_temp.pages_read('SELECT * FROM ecommerce.outbox_metrics()') < 25 AS few;

-- However long the backlog, of which statistics do not know yet: what is taken is read, and
-- not all that is outstanding for each of it.
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
SELECT 1, n, 1, 'USD', 'x' FROM generate_series(6001, 8000) AS n;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, id, event, new_status, actor)
SELECT 1, n, 1, n, 'order_placed', 'PROCESSING', 'shop' FROM generate_series(6001, 8000) AS n;
SELECT jsonb_array_length(ecommerce.take_order_events(20)) AS taken;
CREATE FUNCTION pg_temp.events_read(event text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'ecommerce.order_events'::regclass);
BEGIN
    PERFORM ecommerce.take_order_events(20, event);
    RETURN (SELECT idx_tup_fetch - before FROM pg_stat_xact_user_tables WHERE relid = 'ecommerce.order_events'::regclass);
END
$$;
SELECT pg_temp.events_read(NULL) < 500 AS few, pg_temp.events_read('order_placed') < 500 AS few_of_a_name;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP OWNED BY regress_consumer, regress_nobody;
DROP ROLE regress_consumer, regress_nobody;
