-- warm_up() plans all that placing an order of up to 8 lines executes, and executes none of it

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (name, shipping_address) SELECT 'User ' || n, '1 Main Street' FROM generate_series(1, 4) AS n;
INSERT INTO ecommerce.products (name, price) SELECT 'Product ' || n, 1 FROM generate_series(1, 9) AS n;
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 10 FROM ecommerce.products;
SELECT count(ecommerce.add_to_cart(users.id, products.id, 1)) FROM ecommerce.users, ecommerce.products
WHERE (users.id, products.id) IN ((1, 1), (3, 1)) OR users.id = 2 AND products.id <= 8 OR users.id = 4;

-- The statements of the extension that this session has planned for good.
CREATE VIEW planned AS
    SELECT DISTINCT ident AS statement FROM pg_backend_memory_contexts
    WHERE name = 'CachedPlan' AND ident ~ ' ecommerce\.' AND ident !~ 'pg_backend_memory_contexts';
CREATE TABLE warm (statement text);

-- In a new session there is none, then all that orders need.
\c
SELECT count(*) FROM planned;
SELECT ecommerce.warm_up();
INSERT INTO warm SELECT statement FROM planned;
SELECT count(*) > 15 AS several FROM warm;
SELECT ecommerce.place_order(1) ->> 'order_amount' AS amount, ecommerce.place_order(2, 'key') ->> 'order_amount' AS of_eight;
SELECT statement AS planned_since FROM planned EXCEPT SELECT statement FROM warm;

-- The check finds what is left: an order of more lines.
SELECT ecommerce.place_order(4) ->> 'order_amount' AS of_nine;
SELECT count(*) AS planned_since FROM (SELECT statement FROM planned EXCEPT SELECT statement FROM warm) AS since;

-- A second time there is nothing left to do, and no sequence has moved.
SELECT ecommerce.warm_up();
SELECT (ecommerce.place_order(3) ->> 'id')::bigint - 3 AS orders_between;

DROP TABLE warm;
DROP VIEW planned;
SET client_min_messages = warning;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;
