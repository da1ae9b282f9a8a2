-- migrate() makes the tables: nothing works before it, it can be repeated, it
-- records what it did, it is all or nothing, it refuses tables of a later
-- version, and what it made belongs to the role that is named, or else to the
-- caller, and outlives the extension.

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
\set SHOW_CONTEXT always
SELECT ecommerce.migrate();
\set SHOW_CONTEXT never
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
INSERT INTO ecommerce.schema_migrations (version, name) VALUES (5, 'migration_5');
SELECT ecommerce.migrate();
\echo :SQLSTATE
SELECT version, name FROM ecommerce.schema_migrations ORDER BY version;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- Whoever runs it owns the tables; nothing of it needs a superuser. A role that may
-- not create them is told before anything is tried.
CREATE ROLE regress_shop_owner;
CREATE EXTENSION ecommerce;
GRANT USAGE ON SCHEMA ecommerce TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
RESET ROLE;
GRANT EXECUTE ON FUNCTION ecommerce.migrate TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
\echo :SQLSTATE
RESET ROLE;
GRANT CREATE ON SCHEMA ecommerce, ecommerce_api TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
RESET ROLE;
GRANT USAGE ON SCHEMA ecommerce_api TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
SELECT DISTINCT relkind, relowner::regrole AS owner FROM pg_class
WHERE relnamespace = 'ecommerce'::regnamespace ORDER BY 1;
SELECT DISTINCT applied_by FROM ecommerce.schema_migrations;
RESET ROLE;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- A superuser names the owner, who needs nothing before, and is left with the functions,
-- but not with CREATE.
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => 'regress_nobody');
SELECT ecommerce.migrate(owner => 'regress_shop_owner');
SELECT DISTINCT relkind, relowner::regrole AS owner FROM pg_class
WHERE relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace) ORDER BY 1;
SELECT nspname, has_schema_privilege('regress_shop_owner', oid, 'USAGE') AS usage,
       has_schema_privilege('regress_shop_owner', oid, 'CREATE') AS create
FROM pg_namespace WHERE nspname LIKE 'ecommerce%' ORDER BY nspname;
SELECT pronamespace::regnamespace AS schema,
       bool_and(has_function_privilege('regress_shop_owner', oid, 'EXECUTE')) AS may_execute
FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'ecommerce%' GROUP BY 1 ORDER BY 1;
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
INSERT INTO ecommerce.users (name) VALUES ('Ada');
SELECT ecommerce.cart_json(1) -> 'cart_items' AS cart_items;
RESET ROLE;

-- Later it is the same owner, or left out.
SELECT ecommerce.migrate(owner => 'regress_shop_owner');
SELECT ecommerce.migrate(owner => current_user);
\echo :SQLSTATE
SELECT ecommerce.migrate();

-- Then, too, it runs as the owner: a superuser who upgrades the shop runs nothing of his
-- as a superuser. Nobody else may migrate another role's tables.
GRANT CREATE ON SCHEMA ecommerce TO regress_shop_owner;
SET ROLE regress_shop_owner;
ALTER TABLE ecommerce.schema_migrations RENAME TO migrations;
CREATE FUNCTION ecommerce.spy() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'this runs as %', current_user;
    RETURN 4;
END
$$;
CREATE VIEW ecommerce.schema_migrations AS SELECT ecommerce.spy() AS version;
RESET ROLE;
SELECT ecommerce.migrate();
SELECT current_user = session_user AS is_restored;
CREATE ROLE regress_stranger;
GRANT USAGE ON SCHEMA ecommerce TO regress_stranger;
GRANT EXECUTE ON FUNCTION ecommerce.migrate TO regress_stranger;
SET ROLE regress_stranger;
SELECT ecommerce.migrate();
RESET ROLE;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- The owner may CREATE while it runs, and code of his may run then; but he makes nothing
-- that others would call in place of the extension's.
CREATE EXTENSION ecommerce VERSION '1.0';
GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO regress_shop_owner;
GRANT EXECUTE ON FUNCTION ecommerce.migration_1 TO regress_shop_owner;
SET ROLE regress_shop_owner;
SELECT ecommerce.migration_1();
INSERT INTO ecommerce.schema_migrations (version, name) VALUES (1, 'migration_1');
CREATE FUNCTION ecommerce.shadow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CREATE OR REPLACE FUNCTION ecommerce.migrate() RETURNS integer LANGUAGE sql AS 'SELECT 666';
    RETURN NULL;
END
$$;
CREATE TRIGGER shadow AFTER INSERT ON ecommerce.schema_migrations
FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.shadow();
RESET ROLE;
REVOKE CREATE ON SCHEMA ecommerce, ecommerce_api FROM regress_shop_owner;
ALTER EXTENSION ecommerce UPDATE;
SELECT ecommerce.migrate();
\echo :SQLSTATE
DROP TRIGGER shadow ON ecommerce.schema_migrations;
SELECT ecommerce.migrate();
SELECT has_schema_privilege('regress_shop_owner', 'ecommerce', 'CREATE') AS may_create;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- Who has the schemas, and is a member of the role that is to be the owner, may do it too,
-- but for what is not his to grant.
CREATE ROLE regress_admin;
GRANT regress_shop_owner TO regress_admin;
CREATE EXTENSION ecommerce;
ALTER SCHEMA ecommerce OWNER TO regress_admin;
ALTER SCHEMA ecommerce_api OWNER TO regress_admin;
GRANT EXECUTE ON FUNCTION ecommerce.migrate TO regress_admin;
SET ROLE regress_admin;
SELECT ecommerce.migrate(owner => 'regress_stranger');
SELECT ecommerce.migrate(owner => 'regress_shop_owner');
RESET ROLE;
SELECT relowner::regrole FROM pg_class WHERE oid = 'ecommerce.orders'::regclass;
SELECT has_schema_privilege('regress_shop_owner', 'ecommerce', 'USAGE') AS usage,
       has_schema_privilege('regress_shop_owner', 'ecommerce', 'CREATE') AS create,
       has_function_privilege('regress_shop_owner', 'ecommerce.migrate(text)', 'EXECUTE') AS execute;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shop_owner, regress_stranger, regress_admin;
