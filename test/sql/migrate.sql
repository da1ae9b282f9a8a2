-- migrate() makes the tables: nothing works before it, it can be repeated, it
-- records what it did, it is all or nothing, it refuses tables of a later
-- version, and what it made belongs to the caller and outlives the extension.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;

-- Before it, every function says what to run.
SELECT ecommerce.add_to_cart(1, 1);
\echo :SQLSTATE
SELECT ecommerce.set_cart_item(1, 1, 0);
\echo :SQLSTATE
SELECT ecommerce.cart_json(1);
\echo :SQLSTATE
SELECT ecommerce.place_order(1);
\echo :SQLSTATE
SELECT ecommerce.order_listing_json(1);
\echo :SQLSTATE
SELECT ecommerce.order_json(1, 1);
\echo :SQLSTATE

-- A table in the way stops it, and it leaves nothing half made.
CREATE TABLE ecommerce.order_events (note text);
\set VERBOSITY sqlstate
SELECT ecommerce.migrate();
\set VERBOSITY default
SELECT relname FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace ORDER BY 1;
DROP TABLE ecommerce.order_events;

-- No object of the caller's gets in between, nor does anything depend on one.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
CREATE FUNCTION hostile.lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''x''::text';
CREATE DOMAIN hostile.numeric AS pg_catalog.numeric;
SET search_path = hostile, pg_catalog;
SELECT ecommerce.migrate();
SHOW search_path;
RESET search_path;
DROP FUNCTION hostile.now(), hostile.lower(text);
DROP DOMAIN hostile.numeric;
DROP SCHEMA hostile;

-- Again is the same.
SELECT ecommerce.migrate();
SELECT version, name, applied_by = current_user AS by_me, applied_at <= now() AS dated
FROM ecommerce.schema_migrations ORDER BY version;
SELECT relname FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' ORDER BY 1;

-- The tables are the shop's: they survive the extension, orders and all.
INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 1.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 10);
SELECT ecommerce.add_to_cart(1, 1, 2) -> 'cart_amount' AS cart_amount;
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
SELECT count(*) AS tables_of_the_extension FROM pg_depend
WHERE classid = 'pg_class'::regclass AND deptype = 'e'
  AND objid IN (SELECT oid FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace);
DROP EXTENSION ecommerce;
SELECT id, order_amount FROM ecommerce.orders;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate();
SELECT ecommerce.order_listing_json(1) #> '{0,order_amount}' AS order_amount;

-- Tables that later code has migrated are left alone.
INSERT INTO ecommerce.schema_migrations (version, name) VALUES (3, 'migration_3');
SELECT ecommerce.migrate();
\echo :SQLSTATE
SELECT version, name FROM ecommerce.schema_migrations ORDER BY version;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- Whoever runs it owns the tables; nothing of it needs a superuser.
CREATE ROLE regress_shop_owner;
CREATE EXTENSION ecommerce;
GRANT USAGE ON SCHEMA ecommerce TO regress_shop_owner;
SET ROLE regress_shop_owner;
\set VERBOSITY sqlstate
SELECT ecommerce.migrate();
RESET ROLE;
GRANT EXECUTE ON FUNCTION ecommerce.migrate() TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
\set VERBOSITY default
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
SELECT DISTINCT relkind, relowner::regrole AS owner FROM pg_class
WHERE relnamespace = 'ecommerce'::regnamespace ORDER BY 1;
SELECT DISTINCT applied_by FROM ecommerce.schema_migrations;

-- Later it runs as the owner: a superuser who upgrades the shop runs nothing of his
-- as a superuser. Nobody else may migrate another role's tables.
ALTER TABLE ecommerce.schema_migrations RENAME TO migrations;
CREATE FUNCTION ecommerce.spy() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'this runs as %', current_user;
    RETURN 2;
END
$$;
CREATE VIEW ecommerce.schema_migrations AS SELECT ecommerce.spy() AS version;
RESET ROLE;
SELECT ecommerce.migrate();
SELECT current_user = session_user AS is_restored;
CREATE ROLE regress_stranger;
GRANT USAGE ON SCHEMA ecommerce TO regress_stranger;
GRANT EXECUTE ON FUNCTION ecommerce.migrate() TO regress_stranger;
SET ROLE regress_stranger;
SELECT ecommerce.migrate();
RESET ROLE;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shop_owner, regress_stranger;
