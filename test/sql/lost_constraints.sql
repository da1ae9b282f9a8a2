-- Tables that have lost what keeps them whole: a foreign key, a NOT NULL, a check, the
-- type of a column. What is asked for then is refused, or given without what cannot be
-- told, and never a wrong amount.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 2), (9007199254740993, 'Far', 3);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 100 FROM ecommerce.products;
SELECT ecommerce.add_to_cart(1, 11) IS NOT NULL AS added;
SELECT ecommerce.place_order(1, idempotency_key => 'a') -> 'id' AS id;
SELECT ecommerce.add_to_cart(1, 11, 2) IS NOT NULL AS added;
SELECT ecommerce.place_order(1, idempotency_key => 'b') -> 'id' AS id;
SELECT ecommerce.add_to_cart(1, 11, 3) IS NOT NULL AS added;
SELECT ecommerce.place_order(1, idempotency_key => 'c') -> 'id' AS id;

-- Every order with the quantities of its lines, newest first.
CREATE VIEW pg_temp.listing AS
SELECT placed -> 'id' AS id, jsonb_path_query_array(placed, '$.order_details[*].quantity') AS quantities
FROM jsonb_array_elements(ecommerce.order_listing_json(1)) AS placed;
SELECT * FROM listing;

-- The lines of an order that is gone are no other order's.
BEGIN;
ALTER TABLE ecommerce.order_details DROP CONSTRAINT order_details_order_exists;
ALTER TABLE ecommerce.order_events DROP CONSTRAINT order_events_order_exists;
ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
DELETE FROM ecommerce.orders WHERE id = 2;
SELECT * FROM listing;
ROLLBACK;

-- Nor are those whose order is not told exactly: as double precision, 2^53 + 1 is 2^53.
BEGIN;
ALTER SEQUENCE ecommerce.orders_id_seq RESTART 9007199254740993;
SELECT ecommerce.add_to_cart(1, 11, 4) IS NOT NULL AS added;
SELECT ecommerce.place_order(1) -> 'id' AS id;
ALTER TABLE ecommerce.order_details DROP CONSTRAINT order_details_order_exists;
DROP VIEW ecommerce_api.order_lines CASCADE;
ALTER TABLE ecommerce.order_details ALTER order_id TYPE double precision;
SELECT * FROM listing;
SELECT ecommerce.order_json(1, 9007199254740993) -> 'order_details' AS order_details;
ROLLBACK;

-- A stock level that is not told exactly is no stock.
BEGIN;
SELECT ecommerce.add_to_cart(1, 9007199254740993) IS NOT NULL AS added;
ALTER TABLE ecommerce.stock_levels DROP CONSTRAINT stock_levels_product_exists;
DROP VIEW ecommerce_api.products;
ALTER TABLE ecommerce.stock_levels ALTER product_id TYPE double precision;
SELECT ecommerce.place_order(1);
ROLLBACK;

-- An order without an amount is not the one that is asked for again with an amount; a
-- request without an amount leaves that open.
BEGIN;
ALTER TABLE ecommerce.orders ALTER order_amount DROP NOT NULL;
ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
UPDATE ecommerce.orders SET order_amount = NULL WHERE id = 1;
SELECT placed -> 'order_amount' AS order_amount, placed -> 'replayed' AS replayed
FROM ecommerce.place_order(1, idempotency_key => 'a') AS placed;
SELECT ecommerce.place_order(1, idempotency_key => 'a', expected_amount => 2);
ROLLBACK;

-- An event whose order is gone, or the customer, still goes out, with null in its place.
BEGIN;
ALTER TABLE ecommerce.order_details DROP CONSTRAINT order_details_order_exists;
ALTER TABLE ecommerce.order_events DROP CONSTRAINT order_events_order_exists;
ALTER TABLE ecommerce.orders DROP CONSTRAINT orders_customer_exists;
ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
DELETE FROM ecommerce.orders WHERE id = 2;
SELECT event -> 'order_id' AS order_id, jsonb_typeof(event -> 'order') AS "order", event -> 'customer' AS customer
FROM jsonb_array_elements(ecommerce.take_order_events(2)) AS event;
DELETE FROM ecommerce.users WHERE id = 1;
SELECT event -> 'order_id' AS order_id, jsonb_typeof(event -> 'order') AS "order", event -> 'customer' AS customer
FROM jsonb_array_elements(ecommerce.take_order_events(2)) AS event;
ROLLBACK;

-- Who may take events cannot be told from a table that is gone: only staff may.
BEGIN;
CREATE ROLE regress_mailer;
GRANT USAGE ON SCHEMA ecommerce TO regress_mailer;
GRANT EXECUTE ON FUNCTION ecommerce.take_order_events(integer, text, integer) TO regress_mailer;
DROP TABLE ecommerce.order_events;
SET ROLE regress_mailer;
SELECT ecommerce.take_order_events(1);
ROLLBACK;

-- Nothing costs infinitely much, whatever the limit of a price.
BEGIN;
SELECT ecommerce.add_to_cart(1, 11) IS NOT NULL AS added;
ALTER TABLE ecommerce.products DROP CONSTRAINT products_price_from_0_below_1e12;
UPDATE ecommerce.products SET price = 'Infinity' WHERE id = 11;
SELECT ecommerce.place_order(1);
ROLLBACK;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
