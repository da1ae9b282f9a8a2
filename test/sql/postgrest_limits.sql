-- What one visitor can make the server do has an end: PostgREST derives no embedding that
-- could go round in circles, and a request of any length ends with the time-out of its role.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql
RESET SESSION AUTHORIZATION;

-- The embeddings that PostgREST derives in a schema: of relations whose columns are those of a
-- foreign key, and those that it refers to. A column of a view is the one of the table that
-- the server notes as its origin, and none if it is an expression, or that of a UNION.
CREATE FUNCTION regress_postgrest.embeddings(schema text) RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH columns AS (
        SELECT attrelid AS relation, attrelid AS origin, attnum AS origin_column
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relkind = 'r' AND relnamespace = schema::regnamespace
        UNION
        SELECT ev_class, origin[1]::oid, origin[2]::integer
          FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class,
               regexp_matches(ev_action, ':resorigtbl (\d+) :resorigcol (\d+)', 'g') AS origin
         WHERE relkind = 'v' AND relnamespace = schema::regnamespace AND origin[1] <> '0'
           AND ev_action::text !~ ':setOperations \{(?!.*:setOperations )'
    )
    SELECT format('%s and %s', referring.relation::regclass, referred.relation::regclass)
      FROM pg_constraint
      JOIN columns AS referring ON referring.origin = conrelid
      JOIN columns AS referred ON referred.origin = confrelid
     WHERE contype = 'f'
     GROUP BY pg_constraint.oid, referring.relation, referred.relation
    HAVING array_agg(DISTINCT referring.origin_column::integer) @> (SELECT array_agg(k::integer) FROM pg_constraint AS it, unnest(conkey) AS k WHERE it.oid = pg_constraint.oid)
       AND array_agg(DISTINCT referred.origin_column::integer) @> (SELECT array_agg(k::integer) FROM pg_constraint AS it, unnest(confkey) AS k WHERE it.oid = pg_constraint.oid)
     ORDER BY 1
$$;

\echo
\echo ---- Visitors can embed nothing
SELECT regress_postgrest.embeddings('ecommerce_api');
\echo ---- That is seen: with the column itself they could, each the other
BEGIN;
CREATE OR REPLACE VIEW ecommerce_api.products WITH (security_invoker = true) AS
    SELECT id, name, description, price, currency::text, category_id,
           0::bigint AS quantity, sku, options, ''::text AS category_name,
           minimum_quantity, maximum_quantity, quantity_step, customer_limit
      FROM ecommerce.products WHERE is_active;
SELECT regress_postgrest.embeddings('ecommerce_api');
ROLLBACK;
\echo ---- The index of the category is still found
BEGIN;
SET LOCAL enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM ecommerce_api.products WHERE category_id = 7;
ROLLBACK;

-- The loop, as PostgREST would send it: each level is a LATERAL of the one before. All roads
-- lead to category 7.
CREATE FUNCTION regress_postgrest.loop(levels integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    inner_levels text := '';
    more text := '';
BEGIN
    FOR level IN REVERSE levels .. 1 LOOP
        inner_levels := format(
            ' LEFT JOIN LATERAL (SELECT json_agg("level") AS "level" FROM (SELECT "it_%1$s"."id"%2$s'
            ' FROM "ecommerce_api".%3$I AS "it_%1$s"%4$s WHERE "it_%1$s".%5$I = "it_%6$s".%7$I) AS "level")'
            ' AS "level_%1$s" ON TRUE', level, more,
            CASE level % 2 WHEN 1 THEN 'products' ELSE 'categories' END, inner_levels,
            CASE level % 2 WHEN 1 THEN 'category_id' ELSE 'id' END, level - 1,
            CASE level % 2 WHEN 1 THEN 'id' ELSE 'category_id' END);
        more := format(', "level_%s"."level"', level);
    END LOOP;
    RETURN format('WITH pgrst_source AS (SELECT "it_0"."id"%s FROM "ecommerce_api"."categories" AS "it_0"%s'
                  ' WHERE "it_0"."id" = 7)'
                  ' SELECT length(coalesce(json_agg(_postgrest_t), ''[]'')::text) > 1000 AS is_there FROM pgrst_source AS _postgrest_t',
                  more, inner_levels);
END
$$;
INSERT INTO ecommerce.products (id, name, price, category_id) SELECT n, 'Crayon ' || n, 1, 7 FROM generate_series(1001, 2000) AS n;
ANALYZE ecommerce.products;
ALTER ROLE regress_pgrst_anonymous SET statement_timeout = '1s';
SET SESSION AUTHORIZATION regress_pgrst_pool;
\set variables 'EXECUTE pgrst_variables(''"ecommerce_api"'', ''regress_pgrst_anonymous'', ''{}'', ''GET'', ''/categories'', ''{}'', ''{}'')'

\echo
\echo ---- A request that goes round ends when its time is over, with 500
SELECT regress_postgrest.loop(1) AS short, regress_postgrest.loop(7) AS long \gset
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
:variables \g /dev/null
SHOW statement_timeout;
:short;
:long;
COMMIT;
SELECT regress_postgrest.status(:'LAST_ERROR_SQLSTATE', '', false) AS status, :'LAST_ERROR_SQLSTATE' AS sqlstate;
\echo ---- and the next one has its own
\set request 'anonymous: GET /categories'
\i send.sql
SHOW statement_timeout;
\i close.sql
