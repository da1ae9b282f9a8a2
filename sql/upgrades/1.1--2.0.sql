-- ecommerce 2.0: what an upgrade does besides defining the functions of the present, which
-- follow. Run ecommerce.migrate() afterwards.

\echo Use "ALTER EXTENSION ecommerce UPDATE TO '2.0'" to load this file. \quit

-- Whoever may CREATE in schema ecommerce puts nothing in front of the server's own.
SET LOCAL search_path = pg_catalog, pg_temp;


-- Privileges
-- Who may execute what, for grants.sql at the end. What this very update has made, from a
-- version before 1.1, and nobody has been granted, is new, too.

SELECT set_config('ecommerce_migrations.before', json_agg(granted)::text, true)
  FROM (SELECT format('%I.%I', nspname, proname) AS name, grantee,
               bool_or(is_grantable) AS is_grantable
          FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace,
               aclexplode(coalesce(proacl, acldefault('f', proowner)))
         WHERE nspname IN ('ecommerce', 'ecommerce_api')
           AND (pg_proc.xmin <> pg_current_xact_id()::xid
                OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee <> proowner))
         GROUP BY nspname, proname, grantee) AS granted;


-- Schemas

COMMENT ON SCHEMA ecommerce IS
'Shop, for staff: the tables, and functions for any user';

COMMENT ON SCHEMA ecommerce_api IS
'Shop, for customers: the catalogue, and functions for the user of the token';


-- Functions
-- Those that are made again with other arguments, or another result, and the migrations,
-- which have a schema of their own from now on.

DROP FUNCTION ecommerce.migration_1();
DROP FUNCTION ecommerce.migration_2();
DROP FUNCTION ecommerce.migrate();
DROP FUNCTION ecommerce.order_integrity();
DROP FUNCTION ecommerce.place_order(bigint, text, text, numeric);
DROP FUNCTION ecommerce.set_order_status(bigint, bigint, text);
DROP FUNCTION ecommerce_api.place_order(text, text, numeric);
DROP FUNCTION ecommerce_api.add_to_cart(bigint, integer);
DROP FUNCTION ecommerce_api.set_cart_item(bigint, integer);
DROP FUNCTION ecommerce_api.cart_json();
DROP FUNCTION ecommerce_api.order_listing_json(integer, bigint, text);
DROP FUNCTION ecommerce_api.order_json(bigint);
DROP FUNCTION ecommerce_api.cancel_order(bigint);


