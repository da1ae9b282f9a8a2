-- Ids of orders and events are given once. A restore that leaves the sequences behind is told
-- so, with the cart as it was, and nobody's order takes the number of another's; nor does
-- anybody write an order past place_order(), staff neither.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street'), ('Grace', '2 Side Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 1000);
CREATE VIEW pg_temp.shop AS SELECT
    (SELECT string_agg(format('%s: %s', user_id, quantity), ', ' ORDER BY user_id) FROM ecommerce.cart_items) AS carts,
    (SELECT quantity FROM ecommerce.stock_levels) AS stock,
    (SELECT string_agg(format('%s of %s', id, customer_id), ', ' ORDER BY id) FROM ecommerce.orders) AS orders,
    (SELECT string_agg(format('%s of %s', id, order_id), ', ' ORDER BY id, order_id) FROM ecommerce.order_events) AS events;

-- Three orders as they came out of a dump of rows only.
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
SELECT 1, n, 1, 'USD', 'x' FROM generate_series(1, 3) AS n;
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
SELECT 1, n, 1, 1, 'Pencil', 1, 1, 1 FROM generate_series(1, 3) AS n;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, id, event, new_status, actor)
SELECT 1, n, 1, n, 'order_placed', 'PROCESSING', 'x' FROM generate_series(1, 3) AS n;

-- An order fails, another customer's and the same one's, with a key and without.
SELECT ecommerce.add_to_cart(2, 1, 2) -> 'cart_amount' AS of_grace, ecommerce.add_to_cart(1, 1, 3) -> 'cart_amount' AS of_ada;
TABLE shop;
SELECT ecommerce.place_order(2);
SELECT ecommerce.place_order(1, idempotency_key => 'k');
TABLE shop;
SELECT invariant, details FROM ecommerce.order_integrity();

-- The sequences are set, one after the other.
SELECT setval('ecommerce.orders_id_seq', max(id)) FROM ecommerce.orders;
SELECT ecommerce.place_order(2);
TABLE shop;
SELECT setval('ecommerce.order_events_id_seq', max(id)) FROM ecommerce.order_events;
SELECT ecommerce.place_order(2) -> 'id' AS id;
SELECT ecommerce.place_order(1, idempotency_key => 'k') -> 'replayed' AS replayed;
TABLE shop;
SELECT invariant, details FROM ecommerce.order_integrity();

-- So is a change of a status.
SELECT setval('ecommerce.order_events_id_seq', max(id), false) FROM ecommerce.order_events;
SELECT ecommerce.cancel_order(1, 1, 'customer');
SELECT order_status, quantity FROM ecommerce.orders, ecommerce.stock_levels WHERE orders.id = 1;
SELECT ecommerce.cancel_order(1, 1, 'customer') -> 'order_status' AS order_status;

-- An event that has been delivered may have its id given again: nobody is given both.
SELECT ecommerce.acknowledge_order_events(array_agg(id)) AS acknowledged FROM ecommerce.order_events;
SELECT setval('ecommerce.order_events_id_seq', 1, false);
SELECT ecommerce.cancel_order(1, 2, 'customer') -> 'order_status' AS order_status;
SELECT count(*) AS with_id_1, count(*) FILTER (WHERE delivered_at IS NULL) AS outstanding FROM ecommerce.order_events WHERE id = 1;
SELECT jsonb_path_query(ecommerce.take_order_events(5), '$[*].order_id') AS taken;
SELECT ecommerce.acknowledge_order_events('{1}') AS acknowledged;
SELECT count(*) FILTER (WHERE delivered_at IS NULL) AS outstanding FROM ecommerce.order_events;
SELECT setval('ecommerce.order_events_id_seq', max(id)) FROM ecommerce.order_events;

-- Staff act for any customer, and write no order themselves, nor lines nor events.
CREATE ROLE regress_staff;
ALTER ROLE regress_staff SET statement_timeout = '1min';
ALTER ROLE regress_staff SET lock_timeout = '1min';
SELECT ecommerce.grant_api(staff => 'regress_staff');
SET ROLE regress_staff;
\set VERBOSITY sqlstate
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (2, 7, 1, 'USD', 'x');
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
VALUES (1, 1, 2, 1, 'Pencil', 1, 1, 1);
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor) VALUES (1, 3, 2, 'order_shipped', 'SHIPPED', 'x');
UPDATE ecommerce.orders SET order_status = 'SHIPPED' WHERE id = 3;
UPDATE ecommerce.order_events SET delivered_at = now();
DELETE FROM ecommerce.orders;
SELECT nextval('ecommerce.orders_id_seq');
\set VERBOSITY default
SELECT ecommerce.add_to_cart(2, 1) ->> 'id' AS cart_of, ecommerce.place_order(2) -> 'customer_id' AS order_of;
RESET ROLE;
TABLE shop;
SELECT invariant, details FROM ecommerce.order_integrity();
DROP OWNED BY regress_staff;
DROP ROLE regress_staff;

-- An order is found by its number, and the newest orders, without reading them all.
INSERT INTO ecommerce.users (name) SELECT 'Customer ' || n FROM generate_series(3, 1000) AS n;
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address)
SELECT 1 + n % 1000, 10, 'USD', 'x' FROM generate_series(1, 20000) AS n;
ANALYZE ecommerce.orders;
CREATE FUNCTION pg_temp.scan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON, COSTS OFF) ' || query INTO plan;
    RETURN (SELECT string_agg(concat_ws(' ', node ->> 'Node Type', 'by ' || (node ->> 'Index Name')), ', ')
            FROM jsonb_path_query(plan::jsonb, 'strict $.** ? (@."Node Type" like_regex "Scan")') AS node);
END
$$;
SELECT query, pg_temp.scan(query) FROM (VALUES
    ('SELECT * FROM ecommerce.orders WHERE id = 4711'), ('SELECT * FROM ecommerce.orders ORDER BY id DESC LIMIT 20'),
    ('SELECT * FROM ecommerce.orders WHERE shipping_address = ''y''')) AS queries (query);

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
