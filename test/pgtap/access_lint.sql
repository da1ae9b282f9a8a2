-- What can be read off the catalogue and the source: no SECURITY DEFINER, nothing for PUBLIC, writers and
-- readers labelled as what they are, no unqualified name, schemas of nobody else. For each rule there is a
-- function, view or table that breaks it, to show that the lint would see one.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;

-- A schema that somebody made before the extension

CREATE ROLE regress_squatter;
CREATE ROLE regress_owner;
SELECT plan(69);

CREATE FUNCTION pg_temp.create_extension() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    CREATE EXTENSION ecommerce;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = 'created';
EXCEPTION
    WHEN SQLSTATE 'ZZ000' THEN RETURN 'created';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RETURN concat_ws(' ', SQLSTATE, message, detail);
END
$$;
CREATE FUNCTION pg_temp.created_after(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE command;
    result := pg_temp.create_extension();
    RAISE SQLSTATE 'ZZ001' USING MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
    RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.created_after('SELECT'), 'created', 'the extension is created where there is nothing');
SELECT is(pg_temp.created_after(format('CREATE SCHEMA %I AUTHORIZATION regress_squatter', name)),
          format('42501 schema is owned by another role {"code": "schema_of_another_owner", "schema": "%s", "owner": "regress_squatter"}', name),
          'refused: a schema of somebody else''s called ' || name)
  FROM unnest('{ecommerce, ecommerce_api}'::text[]) AS name;
SELECT matches(pg_temp.created_after('CREATE SCHEMA ecommerce AUTHORIZATION regress_squatter; CREATE SCHEMA ecommerce_api'), '^42501 schema is owned by another role', 'refused: one of the two');
SELECT is(pg_temp.created_after('CREATE SCHEMA ecommerce'), 'created', 'a schema of the same owner''s is welcome');
SELECT is(pg_temp.created_after('CREATE SCHEMA ecommerce; CREATE SCHEMA ecommerce_api'), 'created', 'and two');
SELECT is(pg_temp.created_after('ALTER ROLE regress_squatter SUPERUSER; CREATE SCHEMA ecommerce AUTHORIZATION regress_squatter'), 'created', 'as is one of another superuser''s');

-- In a schema of its own, whatever is there before is not replaced: CREATE never says OR REPLACE.
SELECT matches(pg_temp.created_after('CREATE SCHEMA ecommerce; CREATE FUNCTION ecommerce.place_order(bigint, text, numeric, text, text, jsonb) RETURNS jsonb LANGUAGE sql AS ''SELECT NULL::jsonb'''),
               '^42723 ', 'refused: a function that is there already');
SELECT matches(pg_temp.created_after('CREATE SCHEMA ecommerce; CREATE SCHEMA ecommerce_api; CREATE FUNCTION ecommerce_api.cart_json() RETURNS jsonb LANGUAGE sql AS ''SELECT NULL::jsonb'''),
               '^42723 ', 'and in ecommerce_api');

-- Somebody who is no superuser cannot create it: it is not trusted.
SELECT is((SELECT trusted FROM pg_available_extension_versions WHERE name = 'ecommerce' AND version = '1.0'), false, 'the extension is not trusted');
SELECT is((SELECT superuser FROM pg_available_extension_versions WHERE name = 'ecommerce' AND version = '1.0'), true, 'and needs a superuser');

-- The attacker's functions in search_path and in pg_temp are not those that the install script calls.
CREATE SCHEMA regress;
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
CREATE FUNCTION regress.to_regnamespace(text) RETURNS regnamespace LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
CREATE FUNCTION regress.text_ne(name, name) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
CREATE OPERATOR regress.<> (FUNCTION = regress.text_ne, LEFTARG = name, RIGHTARG = name);
SET LOCAL search_path = regress, pg_catalog, public;
SELECT public.is(pg_temp.create_extension(), 'created', 'the install script is not hijacked by search_path');
RESET search_path;

CREATE EXTENSION ecommerce;
GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO regress_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api TO regress_owner;
SET LOCAL ROLE regress_owner;
SET LOCAL search_path = regress, pg_catalog;
SELECT ecommerce.migrate() AS version \gset
RESET search_path;
RESET ROLE;


-- The lint: a row for each object of the schemas that breaks a rule

CREATE FUNCTION pg_temp.lint(schemas text[], OUT rule text, OUT object text) RETURNS SETOF record LANGUAGE sql AS $$
    WITH namespaces AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY (schemas)),
         functions AS (
             SELECT pg_proc.*, pg_proc.oid::regprocedure::text AS signature, lanname,
                    proname ~ '_json$|^current_user_id$|^order_integrity$|^order_lines$|^outbox_metrics$|^find_order$|^order_queue$' AS reads,
                    -- What embeds lines in orders takes the row of a view, and belongs to the shop like the views.
                    proname = 'order_lines' AND lanname = 'sql' AND prosrc ~ '^\s*SELECT \* FROM ecommerce_api.order_lines ' AS embeds,
                    proname = 'currency_digits' AND provolatile = 'i' AND proparallel = 's' AS computes,
                    pronamespace::regnamespace::text = 'ecommerce_migrations' AND proconfig = '{"search_path=pg_catalog, pg_temp"}'
                    AND lanname = CASE WHEN proname IN ('migration_1', 'migration_2') THEN 'sql' ELSE 'plpgsql' END AS migrates,
                    -- A trigger function that can only refuse belongs to the shop, like the tables.
                    prorettype = 'trigger'::regtype AND lanname = 'plpgsql' AND proconfig = '{"search_path=pg_catalog, pg_temp"}'
                    AND prosrc !~* '\m(insert|update|delete|merge|truncate|perform|execute|call|set|notify|:=)\M' AS only_refuses
               FROM pg_proc JOIN pg_language ON pg_language.oid = prolang JOIN namespaces ON namespaces.oid = pronamespace),
         relations AS (SELECT pg_class.*, pg_class.oid::regclass::text AS name FROM pg_class JOIN namespaces ON namespaces.oid = relnamespace)
    SELECT 'is SECURITY DEFINER', signature FROM functions WHERE prosecdef
    UNION ALL SELECT 'is executable by PUBLIC', signature FROM functions
     WHERE EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
    UNION ALL SELECT 'writes, but is not VOLATILE', signature FROM functions WHERE NOT reads AND NOT computes AND provolatile <> 'v'
    UNION ALL SELECT 'writes, but is not PARALLEL UNSAFE', signature FROM functions WHERE NOT reads AND NOT computes AND proparallel <> 'u'
    UNION ALL SELECT 'reads, but is not STABLE', signature FROM functions WHERE reads AND provolatile <> 's'
    UNION ALL SELECT 'reads, but is PARALLEL UNSAFE', signature FROM functions WHERE reads AND proparallel = 'u'
    UNION ALL SELECT 'runs queries, but is PARALLEL SAFE', signature FROM functions WHERE proparallel = 's' AND proname <> 'current_user_id' AND NOT computes
    UNION ALL SELECT 'is STRICT: a null would pass for success', signature FROM functions WHERE proisstrict
    UNION ALL SELECT 'is LEAKPROOF', signature FROM functions WHERE proleakproof
    UNION ALL SELECT 'has settings of its own', signature FROM functions WHERE proconfig IS NOT NULL AND NOT only_refuses AND NOT migrates
    UNION ALL SELECT 'has no comment', signature FROM functions WHERE obj_description(oid, 'pg_proc') IS NULL
    UNION ALL SELECT 'is neither C of the extension''s nor a migration', signature FROM functions
     WHERE NOT (lanname = 'c' AND probin = '$libdir/ecommerce' OR migrates OR only_refuses OR embeds)
    UNION ALL SELECT 'has two overloads', max(signature) FROM functions GROUP BY pronamespace, proname HAVING count(*) > 1
    UNION ALL SELECT 'has an argument without a name, or with one that is PostgREST''s', signature FROM functions
     WHERE pronargs > 0 AND (proargnames IS NULL OR proargnames && '{"", limit, offset, order, select, columns, and, or, not, on_conflict}')
    UNION ALL SELECT 'is a view that checks its owner''s privileges', name FROM relations
     WHERE relkind IN ('v', 'm') AND NOT coalesce(reloptions @> '{security_invoker=true}', false)
    UNION ALL SELECT 'has a customer, but no row-level security', name FROM relations
     WHERE relkind IN ('r', 'p') AND NOT relrowsecurity
       AND (relname = 'users' OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = relations.oid AND attname IN ('user_id', 'customer_id')))
    UNION ALL SELECT 'has row-level security, but no policy', name FROM relations
     WHERE relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = relations.oid)
    UNION ALL SELECT 'has something for PUBLIC', name FROM relations, aclexplode(relacl) WHERE grantee = 0
    UNION ALL SELECT 'has a trigger', name FROM relations JOIN pg_trigger ON tgrelid = relations.oid
     WHERE NOT tgisinternal AND NOT EXISTS (SELECT FROM functions WHERE functions.oid = tgfoid AND only_refuses)
    UNION ALL SELECT 'has a rule', name FROM relations JOIN pg_rewrite ON ev_class = relations.oid WHERE rulename <> '_RETURN'
    UNION ALL SELECT 'is an operator or cast', oprname || ' in ' || nspname FROM pg_operator JOIN namespaces ON namespaces.oid = oprnamespace
    UNION ALL SELECT 'is open to PUBLIC', nspname FROM namespaces WHERE has_schema_privilege('public', oid, 'USAGE') OR has_schema_privilege('public', oid, 'CREATE')
$$;
SELECT is_empty($$ SELECT * FROM pg_temp.lint('{ecommerce, ecommerce_api, ecommerce_migrations}') $$, 'nothing breaks a rule');

-- What breaks each rule.
CREATE SCHEMA regress_broken;
GRANT USAGE ON SCHEMA regress_broken TO PUBLIC;
SET LOCAL search_path = regress_broken, public, pg_catalog;
CREATE FUNCTION f_definer(x int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION f_public(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f_writes_stable(x int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION f_writes_safe(x int) RETURNS int LANGUAGE sql PARALLEL RESTRICTED AS 'SELECT 1';
CREATE FUNCTION f_volatile_json(x int) RETURNS int LANGUAGE sql PARALLEL RESTRICTED AS 'SELECT 1';
CREATE FUNCTION f_unsafe_json(x int) RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION f_safe_json(x int) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 1';
CREATE FUNCTION f_strict(x int) RETURNS int LANGUAGE sql STRICT AS 'SELECT 1';
CREATE FUNCTION f_leakproof(x int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1';
CREATE FUNCTION f_settings(x int) RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1';
CREATE FUNCTION f_silent(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f_language(x int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION f_overload(x int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f_overload(x int, y int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f_unnamed(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f_limit("limit" int) RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA regress_broken FROM PUBLIC;
GRANT EXECUTE ON FUNCTION f_public(int) TO PUBLIC;
DO $$
DECLARE
    function regprocedure;
BEGIN
    FOR function IN SELECT oid FROM pg_proc WHERE pronamespace = 'regress_broken'::regnamespace AND proname <> 'f_silent' LOOP
        EXECUTE format('COMMENT ON FUNCTION %s IS ''broken''', function);
    END LOOP;
END
$$;
CREATE VIEW v_owner AS SELECT 1 AS one;
CREATE TABLE t_open (customer_id bigint);
CREATE TABLE users (id bigint);
CREATE TABLE t_closed (user_id bigint);
ALTER TABLE t_closed ENABLE ROW LEVEL SECURITY;
CREATE TABLE t_public (id bigint);
GRANT SELECT ON t_public TO PUBLIC;
CREATE TABLE t_triggered (id bigint);
CREATE TRIGGER t BEFORE UPDATE ON t_triggered FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE t_ruled (id bigint);
CREATE RULE r AS ON INSERT TO t_ruled DO INSTEAD NOTHING;
CREATE OPERATOR = (FUNCTION = int84eq, LEFTARG = bigint, RIGHTARG = integer);
RESET search_path;
SELECT ok(EXISTS (SELECT FROM pg_temp.lint('{regress_broken}') AS lint WHERE lint.rule = expected.rule AND lint.object ~ expected.object),
          format('the lint sees what %s: %s', expected.rule, expected.object))
  FROM (VALUES ('is SECURITY DEFINER', 'f_definer'), ('is executable by PUBLIC', 'f_public'), ('writes, but is not VOLATILE', 'f_writes_stable'),
               ('writes, but is not PARALLEL UNSAFE', 'f_writes_safe'), ('reads, but is not STABLE', 'f_volatile_json'),
               ('reads, but is PARALLEL UNSAFE', 'f_unsafe_json'), ('runs queries, but is PARALLEL SAFE', 'f_safe_json'),
               ('is STRICT: a null would pass for success', 'f_strict'), ('is LEAKPROOF', 'f_leakproof'), ('has settings of its own', 'f_settings'),
               ('has no comment', 'f_silent'), ('is neither C of the extension''s nor a migration', 'f_language'), ('has two overloads', 'f_overload'),
               ('has an argument without a name, or with one that is PostgREST''s', 'f_unnamed'),
               ('has an argument without a name, or with one that is PostgREST''s', 'f_limit'),
               ('is a view that checks its owner''s privileges', 'v_owner'), ('has a customer, but no row-level security', 't_open'),
               ('has a customer, but no row-level security', 'users'), ('has row-level security, but no policy', 't_closed'),
               ('has something for PUBLIC', 't_public'), ('has a trigger', 't_triggered'), ('has a rule', 't_ruled'),
               ('is an operator or cast', '='), ('is open to PUBLIC', 'regress_broken')) AS expected (rule, object);


-- The extension

SELECT is_empty($$ SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
                    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_proc'::regclass
                      AND (classid, objid) <> ('pg_namespace'::regclass, 'ecommerce_migrations'::regnamespace)
                      AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'ecommerce') $$, 'the members of the extension are functions, and the schema of its migrations');
SELECT set_eq($$ SELECT oid FROM pg_proc WHERE pronamespace::regnamespace::text ~ '^ecommerce' AND prorettype <> 'trigger'::regtype
                    AND proname <> 'order_lines' $$,
              $$ SELECT objid FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_proc'::regclass
                    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'ecommerce') $$, 'and all functions of the schemas are members, but for those of triggers and views');
SELECT is_empty($$ SELECT oid::regclass FROM pg_class WHERE relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
                    AND relowner <> 'regress_owner'::regrole $$, 'the tables and views belong to the role that ran migrate()');
SELECT is_empty($$ SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
                    AND prorettype <> 'trigger'::regtype AND proname <> 'order_lines' AND pg_has_role('regress_owner', proowner, 'USAGE') $$, 'who cannot replace the functions');
SELECT is_empty($$ SELECT oid::regclass FROM pg_class WHERE relnamespace = 'ecommerce_api'::regnamespace AND relkind <> 'v' $$, 'ecommerce_api has views and functions only');
SELECT is_empty($$ SELECT * FROM pg_init_privs WHERE privtype = 'e' AND classoid = 'pg_proc'::regclass
                    AND objoid IN (SELECT oid FROM pg_proc WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace))
                    AND EXISTS (SELECT FROM aclexplode(initprivs) WHERE grantee = 0) $$, 'nor is anything for PUBLIC after a dump and restore');


-- No unqualified name: everything is planned for the first time in this session with an empty search_path

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One');
INSERT INTO ecommerce.categories (id, name) VALUES (1, 'Office');
INSERT INTO ecommerce.products (id, name, price, category_id) SELECT number, 'Product ' || number, number, 1 FROM generate_series(1, 20) AS number;
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT number, 1000 FROM generate_series(1, 20) AS number;
CREATE FUNCTION pg_temp.works(call text) RETURNS text LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    result text;
BEGIN
    PERFORM pg_catalog.set_config('request.jwt.claims', '{"user_id": 1}', true);
    EXECUTE 'SELECT ' || call INTO result;
    RETURN pg_catalog.concat('works', result);
EXCEPTION WHEN OTHERS THEN
    RETURN pg_catalog.concat(SQLSTATE, ' ', SQLERRM);
END
$$;
-- Orders of 1 to 8 and of 20 lines, for which there are different statements.
CREATE FUNCTION pg_temp.order_lines(lines integer) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    FOR number IN 1 .. lines LOOP
        PERFORM ecommerce.set_cart_item(1, number, 1);
    END LOOP;
    RETURN ecommerce.place_order(1, idempotency_key => lines::text, expected_amount => lines * (lines + 1) / 2);
END
$$;
SELECT is(pg_temp.works(call), 'works', 'with an empty search_path: ' || call)
  FROM (VALUES (1, 'substr(ecommerce.add_to_cart(1, 1)::text, 1, 0)'), (2, 'substr(ecommerce.set_cart_item(1, 1, 0)::text, 1, 0)'),
               (3, 'substr(ecommerce.set_cart_item(1, 1, 2)::text, 1, 0)'), (4, 'substr(ecommerce.cart_json(1)::text, 1, 0)'),
               (5, 'substr(string_agg(pg_temp.order_lines(lines)::text, ''''), 1, 0) FROM unnest(''{1, 2, 3, 4, 5, 6, 7, 8, 20}''::int[]) AS lines'),
               (6, 'substr(ecommerce.place_order(1, idempotency_key => ''1'')::text, 1, 0)'),
               (7, 'substr(ecommerce.order_listing_json(1)::text, 1, 0)'), (8, 'substr(ecommerce.order_listing_json(1, 2, 4, ''PROCESSING'')::text, 1, 0)'),
               (9, 'substr(ecommerce.order_json(1, 1)::text, 1, 0)'), (10, 'substr(ecommerce_api.cart_json()::text, 1, 0)'),
               (11, 'substr(ecommerce_api.order_listing_json()::text, 1, 0)'), (12, 'substr(ecommerce.migrate()::text, 1, 0)'),
               (13, 'ecommerce.grant_api(staff => ''regress_squatter'')'), (14, 'ecommerce.revoke_api(staff => ''regress_squatter'')'))
       AS calls (number, call) ORDER BY number;

-- Whoever is granted all functions of the schemas is not granted what migrate() alone runs.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api TO regress_squatter;
SELECT set_eq($$ SELECT proname, proconfig FROM pg_proc WHERE proname ~ '^migration_' $$,
              $$ SELECT name, '{"search_path=pg_catalog, pg_temp"}'::text[] FROM unnest('{migration_1, migration_2, migration_3, migration_4}'::name[]) AS name $$,
              'each migration has a search_path of its own');
SELECT is_empty($$ SELECT oid::regprocedure FROM pg_proc
                    WHERE (proname ~ '^migration_' OR pronamespace = 'ecommerce_migrations'::regnamespace) AND has_function_privilege('regress_squatter', oid, 'EXECUTE') $$,
                'GRANT EXECUTE ON ALL FUNCTIONS does not hand out the migrations');
SELECT ok(has_function_privilege('regress_squatter', 'ecommerce.migrate(text)', 'EXECUTE')
          AND NOT has_schema_privilege('regress_squatter', 'ecommerce_migrations', 'USAGE'), 'but what else is there');

-- And so says the source: what a statement reads or writes is named with its schema. The server's own catalogue
-- is found without: search_path is pg_catalog.
\set source `cat src/*.c 2>/dev/null || cat ../../src/*.c`
CREATE FUNCTION pg_temp.unqualified(source text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT words[1] || ' ' || words[2]
      FROM regexp_matches(replace(regexp_replace(source, '/\*.*?\*/', '', 'g'), 'DISTINCT FROM', ''), '"((?:[^"\\\n]|\\.)*)"', 'g') AS literals (literal),
           regexp_matches(literal[1], '\m(FROM|JOIN|INTO|UPDATE|TABLE|USING)\s+([[:alnum:]_.]+)', 'g') AS words
     WHERE words[2] !~ '^(ecommerce(_api)?\.|pg_[a-z_]+$|unnest$|json_to_recordset$|jsonb_each$|jsonb_(to_record|object_keys|array_elements)$|substring$|string_to_table$|SET$|LATERAL$|ON$|SKIP$)'
       -- What WITH has given a name.
       AND source !~ format('(WITH| )%s( \([a-z, ]*\))? AS \(', words[2])
$$;
SELECT cmp_ok(regexp_count, '>=', 15, 'the source is there')
  FROM (SELECT count(*)::integer AS regexp_count FROM regexp_matches(:'source', '\m(FROM|INTO|JOIN|UPDATE) ecommerce\.', 'g')) AS found;
SELECT is_empty(format('SELECT * FROM pg_temp.unqualified(%L)', :'source'), 'no statement in the source has an unqualified name');
SELECT results_eq($$ SELECT * FROM pg_temp.unqualified('/* no */ execute("SELECT 1 FROM orders" " JOIN ecommerce.users" " UPDATE stock") /* no */') $$,
                  '{FROM orders, UPDATE stock}'::text[], 'this test sees one that has');
SELECT ok(:'source' !~ 'SECURITY_DEFINER|SPI_execute\("SELECT[^"]*%|appendStringInfo[^;]*(SELECT|INSERT|UPDATE|DELETE) ', 'no query is pasted together');

-- A hint speaks to whoever gets the error, who may be a customer and know no table; grant_api() speaks to the owner.
CREATE FUNCTION pg_temp.hints_of_tables(source text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT found[1] FROM regexp_matches(source, '"([A-Z][a-z][^"\n]*\mecommerce\.[a-z_]+\M(?!\()[^"\n]*)"', 'g') AS found
$$;
SELECT results_eq(format('SELECT * FROM pg_temp.hints_of_tables(%L)', :'source'),
                  '{"Revoke REFERENCES on ecommerce.orders from the roles of visitors and shoppers, and from the default privileges."}'::text[],
                  'no hint for customers speaks of a table');
SELECT results_eq($$ SELECT * FROM pg_temp.hints_of_tables('errhint("Insert the user into ecommerce.users first.")') $$,
                  '{Insert the user into ecommerce.users first.}'::text[], 'this test sees one that does');

-- What sql/ shows is for readers: no line is longer than 100 characters, but for what is released.
\set scripts `cat sql/schemas.sql sql/functions/*.sql sql/upgrades/* $(ls sql/migrations/* | grep -v '/00[12]')`
CREATE FUNCTION pg_temp.longer(scripts text, characters integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM string_to_table(scripts, E'\n') AS line WHERE length(line) > characters
$$;
SELECT is(pg_temp.longer(:'scripts', 100), 0::bigint, 'no line of SQL is longer than 100 characters');
SELECT cmp_ok(pg_temp.longer(:'scripts', 90), '>', 10::bigint, 'there are some to look at');
SELECT ok(:'scripts' !~ '(REVOKE|COMMENT)[A-Z ]* FUNCTION [a-z_.]+\(', 'REVOKE and COMMENT name functions without their arguments');

SELECT * FROM finish();
ROLLBACK;
