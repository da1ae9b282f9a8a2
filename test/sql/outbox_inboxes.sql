-- Several consumers of one event, as docs/events.md has it: each gets every event once, and
-- what cannot be handed out to all is handed out to none.

\set ECHO errors
\pset format unaligned
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user) \gset
INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 0.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 100);
DO $$
BEGIN
    FOR number IN 1 .. 3 LOOP
        PERFORM ecommerce.add_to_cart(1, 1, 1), ecommerce.place_order(1);
        PERFORM ecommerce.set_order_status(1, number, 'SHIPPED');
    END LOOP;
END
$$;

-- The page's own statements.
\set page `sed -n '/^### Several consumers of one event/,/^SELECT inbox/p' docs/events.md | sed -n '/^CREATE SCHEMA/,/^END \$\$;/p'`
:page
\set ECHO all

SELECT inbox.hand_out(2);
SELECT consumer, id, event ->> 'order_id' AS order_id FROM inbox.events ORDER BY consumer, id;

-- One that cannot be given to all consumers waits for them.
ALTER TABLE inbox.events ADD CONSTRAINT no_newsletter CHECK (consumer <> 'newsletter') NOT VALID;
SELECT inbox.hand_out(2);
SELECT count(*) FROM inbox.events;
SELECT order_id FROM ecommerce.order_events WHERE event = 'order_shipped' AND delivered_at IS NULL;
ALTER TABLE inbox.events DROP CONSTRAINT no_newsletter;
SELECT inbox.hand_out(2);
SELECT consumer, count(*) FROM inbox.events GROUP BY consumer ORDER BY consumer;
SELECT inbox.hand_out(2);

-- A page that acknowledged first would lose it.
CREATE OR REPLACE FUNCTION inbox.hand_out(max integer) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN ecommerce.acknowledge_order_events(ARRAY(SELECT (event ->> 'id')::bigint
        FROM jsonb_array_elements(ecommerce.take_order_events(max, 'order_shipped')) AS event));
END $$;
SELECT ecommerce.add_to_cart(1, 1, 1) IS NOT NULL AS added, ecommerce.place_order(1) IS NOT NULL AS placed;
SELECT ecommerce.set_order_status(1, 4, 'SHIPPED') ->> 'order_status' AS order_status;
SELECT inbox.hand_out(2);
SELECT consumer, count(*) FROM inbox.events GROUP BY consumer ORDER BY consumer;

DROP SCHEMA inbox, ecommerce, ecommerce_api CASCADE;
