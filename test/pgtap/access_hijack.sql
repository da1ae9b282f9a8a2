-- Attempts to make the functions run somebody else's code, or to run them with somebody else's authority: through
-- search_path, operators, types, temporary tables, triggers, views, rules, roles, settings and saved plans. Next to
-- the extension's functions stands a careless one, SECURITY DEFINER with unqualified names, which the same attacks take.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(101);

CREATE ROLE regress_owner;
CREATE ROLE regress_new_owner;
CREATE ROLE regress_staff;
CREATE ROLE regress_shopper;
GRANT CREATE, USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_owner, regress_new_owner;
GRANT USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_shopper, regress_staff;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api TO regress_owner, regress_new_owner, regress_shopper, regress_staff;

-- The attacker, a shopper, has a schema; what runs there tells as whom it ran.
CREATE SCHEMA evil AUTHORIZATION regress_shopper;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE public.hijacked (number serial, what text, as_whom name DEFAULT current_user);
GRANT INSERT ON public.hijacked TO PUBLIC;
GRANT USAGE ON SEQUENCE public.hijacked_number_seq TO PUBLIC;
SET LOCAL ROLE regress_shopper;
CREATE FUNCTION evil.take(what text) RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.hijacked (what) VALUES (what); END';
CREATE FUNCTION evil.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''=''); RETURN true; END';
CREATE FUNCTION evil.le(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''<=''); RETURN true; END';
CREATE FUNCTION evil.text_eq(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''text =''); RETURN true; END';
CREATE FUNCTION evil.minus(bigint, integer) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''-''); RETURN 9999; END';
CREATE FUNCTION evil.times(numeric, integer) RETURNS numeric LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''*''); RETURN 0; END';
CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR evil.<= (FUNCTION = evil.le, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR evil.>= (FUNCTION = evil.le, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR evil.= (FUNCTION = evil.text_eq, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR evil.- (FUNCTION = evil.minus, LEFTARG = bigint, RIGHTARG = integer);
CREATE OPERATOR evil.* (FUNCTION = evil.times, LEFTARG = numeric, RIGHTARG = integer);
CREATE FUNCTION evil.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''unnest''); END';
CREATE FUNCTION evil.unnest(bigint[], integer[]) RETURNS SETOF record LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''unnest''); END';
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''now''); RETURN ''epoch''; END';
CREATE FUNCTION evil.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''nextval''); RETURN 1; END';
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION evil.min(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''min''); RETURN NULL; END';
CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM evil.take('current_setting'); RETURN '{"user_id": 2}'; END$$;
CREATE FUNCTION evil.has_table_privilege(regclass, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''has_table_privilege''); RETURN true; END';
CREATE FUNCTION evil.pg_has_role(oid, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''pg_has_role''); RETURN true; END';
CREATE AGGREGATE evil.sum(numeric) (SFUNC = numeric_add, STYPE = numeric, INITCOND = '1000000');
CREATE DOMAIN evil.numeric AS pg_catalog.numeric CHECK (VALUE = 0);
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (VALUE = 'x');
CREATE DOMAIN evil.bigint AS pg_catalog.int8 CHECK (VALUE < 0);
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (VALUE IS NULL);
CREATE TABLE evil.orders (customer_id int8, id int8);
CREATE TABLE evil.users AS SELECT 2::int8 AS id;
CREATE TABLE evil.carts AS SELECT 2::int8 AS user_id, 0 AS stock_bucket;
CREATE FUNCTION evil.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(TG_TABLE_NAME); RETURN NEW; END';
RESET ROLE;

-- migrate(), too, ran with all of it in front.
SET LOCAL ROLE regress_owner;
SET LOCAL search_path = evil, pg_catalog, public;
SELECT ecommerce.migrate() AS version \gset
RESET search_path;
RESET ROLE;
GRANT REFERENCES ON ecommerce.orders TO regress_staff;
SELECT is_empty('SELECT what, as_whom FROM public.hijacked', 'migrate() is not hijacked');
SELECT is_empty($$ SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
                    WHERE relnamespace = 'ecommerce'::regnamespace AND typnamespace NOT IN ('pg_catalog'::regnamespace, 'ecommerce'::regnamespace) $$, 'nor are the types of columns');
SELECT is_empty($$ SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
                    WHERE refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
                      AND (refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'evil'::regnamespace)
                        OR refobjid IN (SELECT oid FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace))
                      AND pg_describe_object(classid, objid, objsubid) ~ 'ecommerce' $$, 'nor does any default, constraint, policy, index or view depend on the attacker''s');

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One'), (2, 'Grace', 'Two');
INSERT INTO ecommerce.categories (id, name) VALUES (5, 'Office');
INSERT INTO ecommerce.products (id, name, price, category_id) VALUES (11, 'Pencil', 0.25, 5), (12, 'Slate', 1, 5);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100000), (12, 100000);

-- A shopper's whole day. What it says must not depend on anything that the shopper did before.
CREATE FUNCTION public.day() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    placed pg_catalog.jsonb;
    seen pg_catalog.jsonb;
BEGIN
    PERFORM ecommerce_api.add_to_cart(11, 2), ecommerce_api.set_cart_item(12, 3);
    seen := ecommerce_api.cart_json();
    placed := ecommerce_api.place_order();
    RETURN pg_catalog.concat_ws(' ', pg_catalog.jsonb_extract_path_text(seen, 'cart_amount'), pg_catalog.jsonb_extract_path_text(placed, 'order_amount'),
        pg_catalog.json_extract_path_text(ecommerce_api.order_json(pg_catalog.jsonb_extract_path_text(placed, 'id')::pg_catalog.int8), 'customer_id'),
        pg_catalog.json_array_length(pg_catalog.json_extract_path(ecommerce_api.order_listing_json(1, NULL, 'PROCESSING'), '0', 'order_details')),
        pg_catalog.json_extract_path_text(ecommerce_api.order_listing_json(), '0', 'customer_id'));
EXCEPTION WHEN OTHERS THEN
    RETURN pg_catalog.concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;
GRANT EXECUTE ON FUNCTION public.day() TO PUBLIC;
-- The careless one: its owner's authority, the caller's names.
CREATE FUNCTION public.careless_total(customer pg_catalog.int8) RETURNS pg_catalog.int8 LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN (SELECT count(*) FROM ecommerce.orders WHERE customer_id = customer AND order_date <= now());
END
$$;
ALTER FUNCTION public.careless_total(pg_catalog.int8) OWNER TO regress_owner;

-- Runs something as the shopper with a search_path.
CREATE FUNCTION pg_temp.as_shopper(path text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result pg_catalog.text;
BEGIN
    PERFORM pg_catalog.set_config('request.jwt.claims', '{"user_id": 1}', true), pg_catalog.set_config('role', 'regress_shopper', true),
            pg_catalog.set_config('search_path', path, true);
    BEGIN
        EXECUTE query INTO result;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    PERFORM pg_catalog.set_config('role', 'none', true), pg_catalog.set_config('search_path', 'public, pg_catalog', true);
    RETURN result;
END
$$;
SET LOCAL search_path = public, pg_catalog;


-- search_path: the very first call of the session, and later ones

SELECT is(pg_temp.as_shopper(path, 'SELECT public.day()'), '3.50 3.50 1 2 1', 'a shopper''s day with search_path ' || to_json(path))
  FROM unnest(ARRAY ['evil, pg_catalog', 'evil', 'evil, ecommerce, public', '', 'pg_temp, evil, pg_catalog', '"$user", evil', 'nonexistent', 'pg_catalog, evil', 'ecommerce_api, evil']) AS path;
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'nothing of the attacker''s ran');
SELECT isnt(pg_temp.as_shopper('evil, pg_catalog', 'SELECT public.careless_total(1)'), NULL, 'the careless function is called the same way');
SELECT ok(EXISTS (SELECT FROM hijacked WHERE as_whom = 'regress_owner'), 'and is taken: the attacker''s code ran as the owner');
TRUNCATE hijacked;

-- Policies and views are what they were when they were made.
GRANT SELECT ON ecommerce.users, ecommerce.orders TO regress_shopper;
SELECT is(pg_temp.as_shopper('evil, pg_catalog', 'SELECT pg_catalog.count(*) FROM ecommerce.users'), '1', 'policies are not hijacked');
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'by nothing of the attacker''s');
REVOKE SELECT ON ecommerce.users, ecommerce.orders FROM regress_shopper;


-- Temporary objects: pg_temp comes last, and holds no functions or operators that are found without its name

SET LOCAL ROLE regress_shopper;
CREATE TEMP TABLE orders (customer_id int8, id int8, order_amount numeric);
CREATE TEMP TABLE carts AS SELECT 1::int8 AS user_id, 0 AS stock_bucket;
CREATE TEMP TABLE cart_items AS SELECT 1::int8 AS user_id, 12::int8 AS product_id, 99 AS quantity;
CREATE TEMP TABLE products AS SELECT 11::int8 AS id, 0.00 AS price;
CREATE TEMP VIEW stock_levels AS SELECT evil.take('view')::pg_catalog.text AS taken, 11::int8 AS product_id;
CREATE TEMP TABLE pg_class AS SELECT 1 AS oid;
CREATE TEMP TABLE pg_namespace (oid oid, nspname name, nspowner oid);
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (VALUE = 'x');
CREATE DOMAIN pg_temp."numeric" AS pg_catalog.numeric CHECK (VALUE = 0);
CREATE FUNCTION pg_temp.coalesce(int8, int8) RETURNS int8 LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON pg_temp.carts FOR EACH ROW EXECUTE FUNCTION evil.trap();
CREATE TRIGGER trap BEFORE INSERT ON pg_temp.orders FOR EACH ROW EXECUTE FUNCTION evil.trap();
GRANT ALL ON pg_temp.orders, pg_temp.carts, pg_temp.cart_items, pg_temp.products TO PUBLIC;
RESET ROLE;
SELECT is(pg_temp.as_shopper(path, 'SELECT public.day()'), '3.50 3.50 1 2 1', 'temporary tables, with search_path ' || to_json(path))
  FROM unnest(ARRAY ['', 'pg_temp', 'pg_temp, pg_catalog', 'pg_temp, ecommerce, pg_catalog', 'evil, pg_temp']) AS path;
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'nothing of the attacker''s ran');
SELECT is_empty('SELECT * FROM pg_temp.orders', 'nor was anything written to it');
SELECT is(pg_temp.as_shopper('', 'CREATE TEMP TABLE ecommerce.orders ()'), '42501', 'no temporary table is in schema ecommerce');
SELECT is(pg_temp.as_shopper('', 'CREATE SCHEMA pg_temp'), '42501', 'nor may anybody make a schema pg_temp');
DROP TABLE pg_temp.pg_class, pg_temp.pg_namespace, pg_temp.orders, pg_temp.carts, pg_temp.cart_items, pg_temp.products CASCADE;
DROP VIEW pg_temp.stock_levels;
DROP DOMAIN pg_temp.text, pg_temp."numeric";


-- Triggers of the owner's that use unqualified names: as the owner, and the names are not the shopper's

SET LOCAL ROLE regress_owner;
CREATE TABLE ecommerce.audit (entry text, as_whom name DEFAULT current_user, path text DEFAULT current_setting('search_path'));
CREATE FUNCTION ecommerce.audit_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.customer_id = 1 AND now() >= NEW.order_date THEN
        INSERT INTO ecommerce.audit VALUES ('audited');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER audit BEFORE INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION ecommerce.audit_order();
RESET ROLE;
SELECT is(pg_temp.as_shopper('evil, pg_catalog', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'a trigger with unqualified functions and operators works');
SELECT results_eq('SELECT * FROM ecommerce.audit', $$ VALUES ('audited', 'regress_owner'::name, 'pg_catalog, pg_temp') $$, 'as the owner, with the path pinned');
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'and nothing of the attacker''s ran in it');
SET LOCAL ROLE regress_owner;
CREATE OR REPLACE FUNCTION ecommerce.audit_order() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit VALUES (''found''); RETURN NEW; END';
RESET ROLE;
SET LOCAL ROLE regress_shopper;
CREATE TABLE evil.audit (entry pg_catalog.text);
GRANT ALL ON evil.audit TO PUBLIC;
CREATE TRIGGER trap BEFORE INSERT ON evil.audit FOR EACH ROW EXECUTE FUNCTION evil.trap();
RESET ROLE;
SELECT is(left(pg_temp.as_shopper('evil, pg_catalog', 'SELECT public.day()'), 5), '42P01', 'an unqualified table is not found in the shopper''s schema');
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'and nothing of the attacker''s ran');
-- By way of contrast, an INSERT of the owner's own with that path.
SET LOCAL ROLE regress_owner;
SET LOCAL search_path = evil, pg_catalog;
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address) VALUES (1, 1, 'USD', 'x');
SET LOCAL search_path = public, pg_catalog;
RESET ROLE;
SELECT results_eq('SELECT DISTINCT as_whom FROM hijacked', '{regress_owner}'::name[], 'without the pinned path, it is taken: this test would see it');
TRUNCATE hijacked;
DROP TRIGGER audit ON ecommerce.orders;

-- A deferred trigger would run at commit, as whoever commits. (migrate() fires what is deferred at once, to the end of
-- its transaction.)
SET CONSTRAINTS ALL DEFERRED;
SET LOCAL ROLE regress_owner;
CREATE FUNCTION ecommerce.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.hijacked (what) VALUES (''deferred''); RETURN NEW; END';
CREATE CONSTRAINT TRIGGER note AFTER INSERT ON ecommerce.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ecommerce.note();
RESET ROLE;
SELECT is(pg_temp.as_shopper('', 'SELECT public.day()'), '42501 cannot fire deferred trigger within security-restricted operation', 'a deferred trigger is refused');
DROP TRIGGER note ON ecommerce.orders;

-- Rules of the owner's, and a view in the place of a table.
SET LOCAL ROLE regress_owner;
CREATE TABLE ecommerce.shadow (id bigint, as_whom name);
CREATE RULE shadow AS ON INSERT TO ecommerce.order_details DO ALSO INSERT INTO ecommerce.shadow VALUES (NEW.customer_id, current_user);
RESET ROLE;
SELECT is(pg_temp.as_shopper('evil', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'a rule of the owner''s works');
SELECT results_eq('SELECT DISTINCT id, as_whom FROM ecommerce.shadow', $$ VALUES (1::bigint, 'regress_owner'::name) $$, 'as the owner');
DROP RULE shadow ON ecommerce.order_details;
SELECT is(pg_temp.as_shopper('', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'and can be dropped under saved plans');


-- Settings of the session's

CREATE FUNCTION pg_temp.day_with(setting text, setting_value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value_before text := current_setting(setting, true);
    result text;
BEGIN
    PERFORM set_config(setting, setting_value, true);
    result := pg_temp.as_shopper('evil, pg_catalog', 'SELECT public.day()');
    PERFORM set_config(setting, value_before, true);
    RETURN result;
END
$$;
SELECT is(pg_temp.day_with(setting, setting_value), '3.50 3.50 1 2 1', format('with %s = %s', setting, setting_value))
  FROM (VALUES ('row_security', 'off'), ('transform_null_equals', 'on'), ('backslash_quote', 'on'),
               -- PostgreSQL 19 has only the standard's strings.
               ('standard_conforming_strings', CASE WHEN current_setting('server_version_num')::int < 190000 THEN 'off' ELSE 'on' END),
               ('plan_cache_mode', 'force_custom_plan'), ('plan_cache_mode', 'force_generic_plan'), ('default_transaction_isolation', 'serializable'),
               ('default_transaction_read_only', 'on'), ('enable_indexscan', 'off'), ('enable_seqscan', 'off'), ('enable_bitmapscan', 'off'),
               ('constraint_exclusion', 'on'), ('quote_all_identifiers', 'on'), ('array_nulls', 'off'), ('bytea_output', 'escape'), ('jit_above_cost', '0'),
               ('lock_timeout', '10000'), ('work_mem', '64'), ('check_function_bodies', 'off'), ('session_replication_role', 'origin'),
               ('ecommerce.user_id', '2'), ('request.jwt.claim.user_id', '2'), ('role.user_id', '2'))
       AS settings (setting, setting_value);
SELECT name AS parallel, set_config(name, 'on', true) AS value FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SELECT is(pg_temp.as_shopper('evil', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'with parallel plans forced');
SELECT set_config(:'parallel', 'off', true) AS value \gset
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'nothing of the attacker''s ran');
SELECT is(pg_temp.as_shopper('', format('SELECT pg_catalog.set_config(%L, %L, true)', setting, setting_value)), '42501', format('a shopper may not set %s', setting))
  FROM (VALUES ('session_replication_role', 'replica'), ('zero_damaged_pages', 'on'), ('allow_system_table_mods', 'on'),
               ('lo_compat_privileges', 'on')) AS settings (setting, setting_value);


-- Other people's authority

-- A session of the shopper's own: one that was a superuser's could always SET SESSION AUTHORIZATION again.
CREATE FUNCTION pg_temp.refusal(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
CREATE TABLE pg_temp.refusals (number serial, what text, query text, refusal text);
INSERT INTO refusals (what, query) VALUES
    ('SET ROLE to staff', 'SET LOCAL ROLE regress_staff'), ('SET ROLE to the owner', 'SET LOCAL ROLE regress_owner'),
    ('make a C function of the library''s symbols', $$CREATE FUNCTION evil.mine(bigint) RETURNS pg_catalog.jsonb LANGUAGE c AS '$libdir/ecommerce', 'cart_json'$$),
    ('disable triggers', 'ALTER TABLE ecommerce.orders DISABLE TRIGGER ALL'),
    ('make a trigger', 'CREATE TRIGGER trap BEFORE INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION evil.trap()'),
    ('make a rule', 'CREATE RULE trap AS ON INSERT TO ecommerce.orders DO ALSO SELECT 1'),
    ('make a policy', 'CREATE POLICY all_rows ON ecommerce.orders USING (true)'),
    ('make an index on it', 'CREATE INDEX ON ecommerce.orders (evil.lower(shipping_address))'),
    ('inherit from it', 'CREATE TABLE evil.child () INHERITS (ecommerce.orders)'),
    ('refer to it', 'CREATE TABLE evil.child (id int8 REFERENCES ecommerce.users)'),
    ('replace a function', 'CREATE OR REPLACE FUNCTION ecommerce.current_user_id() RETURNS bigint LANGUAGE sql AS ''SELECT 2::bigint'''),
    ('change a function', 'ALTER FUNCTION ecommerce.place_order(bigint, text, numeric, text, text, jsonb) SECURITY DEFINER'),
    ('put a search_path on a function', 'ALTER FUNCTION ecommerce.place_order(bigint, text, numeric, text, text, jsonb) SET search_path = evil'),
    ('make a view in the schema', 'CREATE VIEW ecommerce.all_orders AS TABLE ecommerce.orders'),
    ('read through a view of its own', 'CREATE VIEW evil.all_orders AS TABLE ecommerce.orders; SELECT * FROM evil.all_orders'),
    ('read through COPY', 'COPY ecommerce.orders TO PROGRAM ''cat'''),
    ('change the default privileges of others', 'ALTER DEFAULT PRIVILEGES FOR ROLE regress_owner GRANT ALL ON TABLES TO PUBLIC'),
    ('alter the extension', 'ALTER EXTENSION ecommerce ADD FUNCTION evil.take(pg_catalog.text)'),
    ('drop the extension', 'DROP EXTENSION ecommerce CASCADE');
GRANT ALL ON pg_temp.refusals TO regress_shopper;
SET LOCAL SESSION AUTHORIZATION regress_shopper;
UPDATE refusals SET refusal = pg_temp.refusal(query);
RESET SESSION AUTHORIZATION;
SELECT is(refusal, '42501', 'a shopper may not ' || what) FROM refusals ORDER BY number;

-- A shopper's view or SECURITY DEFINER function of these functions acts for its reader, or for its owner: for nobody else.
SET LOCAL ROLE regress_shopper;
CREATE VIEW evil.trojan AS SELECT ecommerce.cart_json(2) AS cart;
CREATE FUNCTION evil.definer() RETURNS pg_catalog.jsonb LANGUAGE sql SECURITY DEFINER AS 'SELECT ecommerce.cart_json(2)';
RESET ROLE;
SELECT is(pg_temp.as_shopper('', 'SELECT cart FROM evil.trojan'), '42501', 'a view gives its reader no authority');
SELECT is(pg_temp.as_shopper('', 'SELECT evil.definer()'), '42501', 'nor does a SECURITY DEFINER function of the shopper''s');
SET LOCAL request.jwt.claims = '{"user_id": 1}';
SET LOCAL ROLE regress_staff;
SELECT throws_ok('SELECT evil.definer()', '42501', NULL, 'to staff either: the definer''s counts');
RESET ROLE;

-- Claims for the session, the transaction, a subtransaction and a function.
SET LOCAL ROLE regress_shopper;
SET request.jwt.claims = '{"user_id": 1}';
SAVEPOINT before;
SET LOCAL request.jwt.claims = '{"user_id": 2}';
SELECT ecommerce.current_user_id() AS local_claims \gset
ROLLBACK TO SAVEPOINT before;
SELECT ecommerce.current_user_id() AS restored_claims \gset
RESET request.jwt.claims;
SELECT coalesce(ecommerce.current_user_id()::pg_catalog.text, 'none') AS reset_claims \gset
RESET ROLE;
SELECT is(:'local_claims' || ' ' || :'restored_claims' || ' ' || :'reset_claims', '2 1 none', 'claims are those of this moment');


-- Saved plans: made under one owner, one role, one policy; used under another

SELECT is(pg_temp.as_shopper('', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'plans are saved by now');
ALTER TABLE ecommerce.orders FORCE ROW LEVEL SECURITY;
ALTER TABLE ecommerce.cart_items FORCE ROW LEVEL SECURITY;
ALTER TABLE ecommerce.order_details FORCE ROW LEVEL SECURITY;
SELECT is(pg_temp.as_shopper('', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'FORCE ROW LEVEL SECURITY');
DROP POLICY own_rows ON ecommerce.orders;
DROP POLICY staff ON ecommerce.orders;
SELECT is(pg_temp.as_shopper('', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'forced, and no policy at all');
GRANT SELECT ON ecommerce.orders TO regress_shopper;
SELECT is(pg_temp.as_shopper('', 'SELECT pg_catalog.count(*) FROM ecommerce.orders'), '0', 'which hides everything from direct reads');
SELECT is(pg_temp.as_shopper('', 'SELECT ecommerce.order_json(2, 1)'), '42501', 'and the other user is still refused');

ALTER TABLE ecommerce.orders OWNER TO regress_new_owner;
SELECT is(left(pg_temp.as_shopper('', 'SELECT public.day()'), 5), '42501', 'an owner of orders alone has no right to the other tables');
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO regress_new_owner', name);
    END LOOP;
END
$$;
SELECT is(pg_temp.as_shopper('', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'ALTER TABLE OWNER: the new owner''s authority counts at once');
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND relowner = 'regress_owner'::regrole), 0::bigint, 'nothing is the old owner''s');
SET LOCAL ROLE regress_owner;
SET LOCAL request.jwt.claims = '';
SELECT throws_ok('SELECT ecommerce.cart_json(2)', 'PT401', NULL, 'who acts for nobody any more');
RESET ROLE;

-- The tables dropped and made again, by the first owner: the plans are those of the new tables.
DO $$
DECLARE
    name regclass;
BEGIN
    DROP VIEW ecommerce_api.products, ecommerce_api.categories;
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('DROP TABLE %s CASCADE', name);
    END LOOP;
    FOR name IN SELECT oid FROM pg_type WHERE typnamespace = 'ecommerce'::regnamespace AND typtype = 'd' LOOP
        EXECUTE format('DROP DOMAIN %s', name::oid::regtype);
    END LOOP;
    DROP FUNCTION ecommerce.check_order_change, ecommerce.check_event_change,
                  ecommerce.check_payment_change, ecommerce.check_return_change, ecommerce.keep_history,
                  ecommerce.keep_unless_archived, ecommerce.cut_blanks;
END
$$;
SELECT is(pg_temp.as_shopper('', 'SELECT ecommerce.cart_json(1)'), '55000', 'no tables');
SET LOCAL ROLE regress_owner;
SELECT ecommerce.migrate() AS version \gset
RESET ROLE;
SELECT is(pg_temp.as_shopper('', 'SELECT ecommerce_api.cart_json()'), 'PT404', 'tables of the same name, and no users');
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Slate', 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100), (12, 100);
SELECT is(pg_temp.as_shopper('evil', 'SELECT public.day()'), '3.50 3.50 1 2 1', 'and business as usual');
SELECT is_empty('SELECT what, as_whom FROM hijacked', 'nothing of the attacker''s ran, to the end');

SELECT * FROM finish();
ROLLBACK;
