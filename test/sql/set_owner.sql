-- set_owner() gives a shop to another role, with all that migrate() and the shop itself
-- have put into the schemas, and whoever was granted something works on as before.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_shop_owner;
CREATE ROLE regress_next_owner;
CREATE ROLE regress_visitor;
CREATE ROLE regress_shopper;
CREATE ROLE regress_staff;
CREATE EXTENSION ecommerce;

SELECT ecommerce.set_owner('regress_shop_owner');
SELECT ecommerce.migrate(owner => current_user);
ALTER ROLE regress_visitor SET statement_timeout = '1min';
ALTER ROLE regress_visitor SET lock_timeout = '1min';
ALTER ROLE regress_shopper SET statement_timeout = '1min';
ALTER ROLE regress_shopper SET lock_timeout = '1min';
ALTER ROLE regress_staff SET statement_timeout = '1min';
ALTER ROLE regress_staff SET lock_timeout = '1min';
SELECT ecommerce.grant_api('regress_visitor', 'regress_shopper', 'regress_staff');
INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 1.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 100);

-- What the shop has added, of every kind; and what is somebody else's.
CREATE TABLE ecommerce.suppliers (id bigint GENERATED ALWAYS AS IDENTITY, product_id bigint, name text);
CREATE STATISTICS ecommerce.suppliers_statistics ON product_id, name FROM ecommerce.suppliers;
CREATE SEQUENCE ecommerce.invoices;
CREATE TYPE ecommerce.contact AS (street text, city text);
CREATE TYPE ecommerce.colour AS ENUM ('red', 'blue');
CREATE MATERIALIZED VIEW ecommerce.bestsellers AS SELECT product_id FROM ecommerce.order_details;
CREATE FUNCTION ecommerce.announce() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE PROCEDURE ecommerce.close_day() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE ecommerce.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE TABLE ecommerce.reports (day date);
ALTER TABLE ecommerce.reports OWNER TO regress_staff;

-- Owners of all that is in the schemas, but for the extension's own; and what others may
-- do with relations and columns.
CREATE VIEW owners AS
    SELECT owner::regrole::text AS owner, least(count(*), 100) AS objects, string_agg(DISTINCT kind, ' ' ORDER BY kind) AS kinds
    FROM (SELECT 'relation-' || relkind::text, oid, relowner, relnamespace FROM pg_class
          UNION ALL SELECT 'type-' || typtype::text, oid, typowner, typnamespace FROM pg_type
          UNION ALL SELECT 'routine-' || prokind::text, oid, proowner, pronamespace FROM pg_proc
          UNION ALL SELECT 'statistics', oid, stxowner, stxnamespace FROM pg_statistic_ext)
         AS objects (kind, id, owner, schema)
    WHERE schema IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = id AND deptype = 'e')
    GROUP BY owner ORDER BY owner;
CREATE VIEW privileges AS
    SELECT name, grantee, privilege_type, is_grantable
    FROM (SELECT oid::regclass::text, relowner, relacl FROM pg_class
          UNION ALL SELECT attrelid::regclass || '.' || attname, relowner, attacl
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid) AS acls (name, owner, acl), aclexplode(acl)
    WHERE name ~ '^ecommerce' AND grantee <> owner;
CREATE TABLE privileges_before AS TABLE privileges;
SELECT count(*) > 30 AS there_are_some FROM privileges;
SELECT owner = current_user AS is_mine, objects, kinds FROM owners WHERE owner <> 'regress_staff';

-- A day of a visitor, a shopper and somebody of the staff.
CREATE PROCEDURE day() LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL ROLE regress_visitor;
    RAISE WARNING 'visitor: %', (SELECT quantity FROM ecommerce_api.products WHERE id = 1);
    SET LOCAL ROLE regress_shopper;
    SET LOCAL request.jwt.claims = '{"user_id": 1}';
    PERFORM ecommerce_api.add_to_cart(1, 2);
    RAISE WARNING 'shopper: %', ecommerce_api.place_order()::jsonb - '{order_date,order_details}'::text[];
    RAISE WARNING 'shopper: % orders', json_array_length(ecommerce_api.order_listing_json());
    SET LOCAL ROLE regress_staff;
    UPDATE ecommerce.stock_levels SET quantity = quantity + 1;
    INSERT INTO ecommerce.categories (name) VALUES ('New');
    PERFORM ecommerce.set_order_status(1, max(id), 'SHIPPED') FROM ecommerce.orders;
    RAISE WARNING 'staff: % events', jsonb_array_length(ecommerce.take_order_events(10));
    RAISE WARNING 'staff: % violations', (SELECT count(*) FROM ecommerce.order_integrity());
END
$$;
CALL day();

SELECT ecommerce.set_owner('regress_shop_owner');
SELECT * FROM owners;
CALL day();
TABLE privileges EXCEPT TABLE privileges_before;
TABLE privileges_before EXCEPT TABLE privileges;

-- The owner has all that he needs, and his successor then, who takes it from him.
SET ROLE regress_shop_owner;
SELECT ecommerce.migrate();
SELECT ecommerce.cart_json(1) -> 'id' AS cart;
SELECT nextval('ecommerce.invoices');
SELECT ecommerce.set_owner('regress_next_owner');
\echo :SQLSTATE
RESET ROLE;
SELECT ecommerce.set_owner('regress_next_owner');
SELECT ecommerce.set_owner('regress_next_owner');
SELECT * FROM owners;
CALL day();
SET ROLE regress_next_owner;
SELECT ecommerce.order_json(1, 1) -> 'order_status' AS status;
RESET ROLE;
SET request.jwt.claims = '{"user_id": 1}';
SET ROLE regress_shop_owner;
SELECT ecommerce.cart_json(1);
SELECT ecommerce_api.cart_json();
RESET ROLE;
RESET request.jwt.claims;
SELECT nspname, has_schema_privilege('regress_next_owner', oid, 'CREATE') AS may_create
FROM pg_namespace WHERE nspname IN ('ecommerce', 'ecommerce_api') ORDER BY nspname;

SELECT ecommerce.set_owner(NULL);
\echo :SQLSTATE
SELECT ecommerce.set_owner('regress_nobody');
\echo :SQLSTATE

DROP VIEW owners, privileges;
DROP TABLE privileges_before;
DROP PROCEDURE day();
DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shop_owner, regress_next_owner, regress_visitor, regress_shopper, regress_staff;
