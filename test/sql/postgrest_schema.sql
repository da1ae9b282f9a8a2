-- PostgREST finds in the catalogue what it needs to route requests and to describe the
-- shop (OpenAPI); and the checks of the tests postgrest*.sql find what they are for,
-- shown on functions that are wrong in one way each.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql
RESET SESSION AUTHORIZATION;

-- What would keep PostgREST from serving ecommerce_api, or from serving it safely.
CREATE VIEW regress_postgrest.complaints AS
    WITH argument AS (
        SELECT pg_proc.oid AS function, proname, coalesce(name, '') AS name, type
          FROM pg_catalog.pg_proc, unnest(proargnames, proargtypes) AS _ (name, type)
         WHERE pronamespace = 'ecommerce_api'::regnamespace AND type IS NOT NULL
    )
    SELECT format('function %s is not callable: an argument has no name', proname) AS complaint
      FROM argument WHERE name = ''
    UNION ALL
    SELECT format('argument %s of function %s is a word of PostgREST''s own', name, proname)
      FROM argument WHERE name IN ('select', 'order', 'limit', 'offset', 'columns', 'on_conflict', 'and', 'or', 'not')
    UNION ALL
    SELECT format('argument %s of function %s is not in its comment', name, proname)
      FROM argument
     WHERE name <> '' AND coalesce(obj_description(function, 'pg_proc'), '') NOT LIKE '%' || name || ': %'
    UNION ALL
    SELECT format('function %s is overloaded', proname)
      FROM pg_catalog.pg_proc WHERE pronamespace = 'ecommerce_api'::regnamespace
     GROUP BY proname HAVING count(*) > 1
    UNION ALL
    SELECT format('function %s %s', proname, what)
      FROM pg_catalog.pg_proc
      CROSS JOIN LATERAL (VALUES
          ('has no comment of a title, an empty line and a description',
              coalesce(obj_description(pg_proc.oid, 'pg_proc'), '') !~ '^[^\n]+\n\n[^\n]'),
          ('has the privileges of its owner', prosecdef),
          ('is a window function, an aggregate or a procedure', prokind <> 'f'),
          ('is executable by everybody',
              EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0))
      ) AS fault (what, is_so)
     WHERE pronamespace = 'ecommerce_api'::regnamespace AND is_so
    UNION ALL
    SELECT format('relation %s %s', relname, what)
      FROM pg_catalog.pg_class
      CROSS JOIN LATERAL (VALUES
          ('has no comment', obj_description(pg_class.oid, 'pg_class') IS NULL),
          ('is not a view', relkind <> 'v'),
          ('has the privileges of its owner',
              NOT coalesce(reloptions, '{}') && '{security_invoker=true}'),
          ('has a column without a comment', EXISTS (
              SELECT FROM pg_catalog.pg_attribute
               WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
                 AND col_description(attrelid, attnum) IS NULL))
      ) AS fault (what, is_so)
     WHERE relnamespace = 'ecommerce_api'::regnamespace AND is_so
    UNION ALL
    SELECT 'schema ecommerce_api has no comment'
     WHERE obj_description('ecommerce_api'::regnamespace, 'pg_namespace') IS NULL;
GRANT SELECT ON regress_postgrest.complaints TO PUBLIC;

\echo
\echo ---- What the schema cache reads, with the role of PostgREST and an empty search path
SET SESSION AUTHORIZATION regress_pgrst_pool;
SET search_path = '';
SELECT proname, provolatile,
       (SELECT string_agg(format('%s %s%s', name, type::regtype,
                                 CASE WHEN position > pronargs - pronargdefaults THEN '?' END), ', ' ORDER BY position)
          FROM unnest(proargnames, proargtypes) WITH ORDINALITY AS _ (name, type, position)) AS arguments,
       prorettype::regtype, split_part(obj_description(oid, 'pg_proc'), E'\n', 1) AS summary
  FROM pg_catalog.pg_proc WHERE pronamespace = 'ecommerce_api'::regnamespace
 ORDER BY proname;
SELECT relname, attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
  FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
 WHERE relnamespace = 'ecommerce_api'::regnamespace AND attnum > 0 ORDER BY relname, attnum;
SELECT obj_description('ecommerce_api'::regnamespace, 'pg_namespace');

\echo
\echo ---- Complaints: none
TABLE regress_postgrest.complaints;
RESET search_path;

\echo
\echo ---- What the root, GET /, shows to each role
RESET SESSION AUTHORIZATION;
SELECT identities.name,
       coalesce((SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_catalog.pg_class
                  WHERE relnamespace = 'ecommerce_api'::regnamespace
                    AND has_table_privilege(identities.role, oid, 'SELECT')), '-') AS views,
       coalesce((SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_catalog.pg_proc
                  WHERE pronamespace = 'ecommerce_api'::regnamespace
                    AND has_function_privilege(identities.role, oid, 'EXECUTE')), '-') AS functions
  FROM regress_postgrest.identities ORDER BY identities.name;

\echo
\echo ---- PostgREST is told to read the catalogue again by what changes it
\o |sed 's/ received from.*//'
LISTEN pgrst;
SELECT 'revoke_api', ecommerce.revoke_api(staff => 'regress_pgrst_nobody');
SELECT 'grant_api', ecommerce.grant_api('regress_pgrst_anonymous');
UNLISTEN pgrst;
\o

\echo
\echo ---- Functions that are wrong, and what finds them
CREATE FUNCTION ecommerce_api.writes_but_says_stable(product_id bigint) RETURNS json
    LANGUAGE sql STABLE AS 'SELECT ecommerce_api.add_to_cart(product_id)';
CREATE FUNCTION ecommerce_api.reads_but_says_volatile() RETURNS json
    LANGUAGE sql VOLATILE AS 'SELECT ecommerce_api.cart_json()';
CREATE FUNCTION ecommerce_api.acts_as_its_owner(user_id bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT ecommerce.cart_json(user_id)';
CREATE FUNCTION ecommerce_api.remembers_who() RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN current_setting('request.jwt.claims')::jsonb ->> 'user_id'; END $$;
CREATE FUNCTION ecommerce_api.quotes_in_its_message(name text) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE SQLSTATE 'PT404' USING MESSAGE = format('there is no %s', name); END $$;
CREATE FUNCTION ecommerce_api.order_json(order_id bigint, "limit" integer) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
CREATE FUNCTION ecommerce_api.unnamed(text, integer) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE TABLE ecommerce_api.secrets (id bigint);
CREATE VIEW ecommerce_api.customers AS SELECT name FROM ecommerce.users;
TABLE regress_postgrest.complaints ORDER BY complaint COLLATE "C";

SET SESSION AUTHORIZATION regress_pgrst_pool;
\echo A function that writes must not say it does not: even POST refuses it.
\set request 'ada: POST /rpc/writes_but_says_stable {"product_id": 11}'
\i send.sql
\echo One that reads and says it writes works, and takes a transaction that a standby refuses.
\set show on
\set request 'ada: POST /rpc/reads_but_says_volatile'
\i send.sql
\set show off
\echo With the privileges of its owner anybody acts for anybody.
\set request 'ada: POST /rpc/acts_as_its_owner {"user_id": 2}'
\i send.sql
\echo Immutable, it answers Grace with what it knew of Ada: the saved plan keeps it.
\set request 'ada: GET /rpc/remembers_who'
\i send.sql
\set request 'grace: GET /rpc/remembers_who'
\i send.sql
\echo Data in the message of PTxyz gets into the status line.
\set request 'ada: POST /rpc/quotes_in_its_message {"name": "x\\r\\nSet-Cookie: a=b"}'
\i send.sql

\echo
\echo ---- Settings that are not LOCAL stay for the next request
DEALLOCATE pgrst_variables;
PREPARE pgrst_variables AS
    select set_config('search_path', $1, true), set_config('role', $2, true),
        set_config('request.jwt.claims', $3, false), set_config('request.method', $4, true),
        set_config('request.path', $5, true), set_config('request.headers', $6, true),
        set_config('request.cookies', $7, true);
\set request 'ada: GET /rpc/cart_json'
\i send.sql
BEGIN;
SET LOCAL ROLE regress_pgrst_shopper;
SELECT ecommerce_api.cart_json() -> 'id' AS whoever_comes_next_is_ada;
ROLLBACK;
\i close.sql
