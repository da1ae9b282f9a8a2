-- The owner of the tables cannot become superuser through a function that a superuser calls. The owner's code runs in
-- it, out of a trigger or of a view in the place of a table, and tries to leave something behind in the superuser's
-- session. Beside the functions stands a careless one that runs the same code as the owner, without more: there the
-- attacks succeed.

\set ON_ERROR_STOP 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(81);

CREATE ROLE regress_root SUPERUSER;
CREATE ROLE regress_owner;
CREATE ROLE regress_new_owner;
SELECT ecommerce.migrate(owner => 'regress_owner') AS version \gset
-- migrate() fires what is deferred at once, to the end of its transaction.
SET CONSTRAINTS ALL DEFERRED;
GRANT CREATE ON SCHEMA ecommerce, ecommerce_api TO regress_owner;
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One'), (2, 'Grace', 'Two');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000);
INSERT INTO ecommerce.promotions (id, code, name, kind, value) VALUES (1, 'TEN', 'Ten off', 'percent', 10);
SET request.jwt.claims = '{"user_id": 1}';
SELECT ecommerce.add_to_cart(1, 11, 3) IS NOT NULL AS filled, ecommerce.place_order(1) IS NOT NULL AS placed,
       ecommerce.add_to_cart(1, 11, 3) IS NOT NULL AS filled_again,
       ecommerce.record_payment(1, 1, 'card', 'pi_0', 'captured', 0.25) IS NOT NULL AS paid \gset
-- An order that can be archived.
SELECT ecommerce.add_to_cart(2, 11) IS NOT NULL AS filled, ecommerce.place_order(2) IS NOT NULL AS placed,
       ecommerce.cancel_order(2, 2, 'other') IS NOT NULL AS cancelled \gset
UPDATE ecommerce.order_events SET delivered_at = now() WHERE order_id = 2;
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, payment_due_at) VALUES (2, 1000, 1, 'USD', 'Two', now());
INSERT INTO ecommerce.order_balances (customer_id, order_id, due_at) VALUES (2, 1000, now());


-- What the owner tries, wherever code of the owner's runs

CREATE SCHEMA evil AUTHORIZATION regress_owner;
SET LOCAL ROLE regress_owner;
CREATE TABLE evil.taken (what text, as_whom name DEFAULT current_user);
GRANT INSERT ON evil.taken TO PUBLIC;
CREATE TABLE evil.attacks (what text PRIMARY KEY, command text);
CREATE TABLE evil.outcomes (call text DEFAULT current_setting('evil.call'), what text, outcome text, as_whom name DEFAULT current_user);
GRANT SELECT ON evil.attacks TO PUBLIC;
GRANT INSERT ON evil.outcomes TO PUBLIC;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.take(what text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO evil.taken VALUES (what); RETURN true; END';
CREATE FUNCTION evil.attack() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    attack evil.attacks;
BEGIN
    FOR attack IN SELECT * FROM evil.attacks LOOP
        BEGIN
            EXECUTE attack.command;
            INSERT INTO evil.outcomes (what, outcome) VALUES (attack.what, 'done');
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO evil.outcomes (what, outcome) VALUES (attack.what, SQLSTATE);
        END;
    END LOOP;
    RETURN true;
END
$$;
CREATE FUNCTION evil.attack_by_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM evil.attack(); RETURN coalesce(NEW, OLD); END';
RESET ROLE;

-- What is refused while another's code runs, though the owner may do it.
INSERT INTO evil.attacks VALUES
    ('temporary table',     'CREATE TEMP TABLE pg_stat_activity AS SELECT 1 AS pid'),
    ('temporary view',      'CREATE TEMP VIEW pg_locks AS SELECT evil.take(''view'')'),
    ('temporary sequence',  'CREATE TEMP SEQUENCE pg_seclabels'),
    ('temporary type',      'CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (evil.take(''domain''))'),
    ('cursor WITH HOLD',    'DECLARE evil_held CURSOR WITH HOLD FOR SELECT evil.take(''cursor'')'),
    ('prepared statement',  'PREPARE evil_statement AS SELECT evil.take(''statement'')'),
    ('LISTEN',              'LISTEN evil_channel');

-- What the server's own REFRESH lets the owner do in a superuser's session: temporary types,
-- where the server is older than November 2026.
SAVEPOINT control;
SELECT set_config('evil.call', 'control', true) AS call \gset
SET LOCAL ROLE regress_owner;
CREATE MATERIALIZED VIEW evil.refreshed AS SELECT evil.attack() WITH NO DATA;
RESET ROLE;
REFRESH MATERIALIZED VIEW evil.refreshed;
SELECT coalesce(string_agg(what, ',') FILTER (WHERE outcome <> '42501'), '') AS allowed FROM evil.outcomes WHERE call = 'control' \gset
ROLLBACK TO control;

-- Runs a query as the superuser, and forgets what it changed of tables.
CREATE FUNCTION pg_temp.call(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows evil.outcomes[];
    answer text := 'ok';
BEGIN
    PERFORM set_config('evil.call', query, true);
    BEGIN
        EXECUTE query;
        rows := ARRAY(SELECT row FROM evil.outcomes AS row WHERE call = query);
        RAISE SQLSTATE 'ZZ000';
    EXCEPTION
        WHEN SQLSTATE 'ZZ000' THEN NULL;
        WHEN OTHERS THEN answer := SQLSTATE || ' ' || SQLERRM;
    END;
    INSERT INTO evil.outcomes SELECT * FROM unnest(rows);
    RETURN answer;
END
$$;

CREATE TABLE pg_temp.calls (function text, query text PRIMARY KEY, by text);
INSERT INTO calls VALUES
    ('ecommerce.add_to_cart', 'SELECT ecommerce.add_to_cart(1, 11, 1)', 'trigger'),
    ('ecommerce.set_cart_item', 'SELECT ecommerce.set_cart_item(1, 11, 2)', 'trigger'),
    ('ecommerce.set_cart_items', 'SELECT ecommerce.set_cart_items(1, ''{11}'', ''{2}'')', 'trigger'),
    ('ecommerce.clear_cart', 'SELECT ecommerce.clear_cart(1)', 'trigger'),
    ('ecommerce.set_cart_coupons', 'SELECT ecommerce.set_cart_coupons(1, ''{TEN}'')', 'trigger'),
    ('ecommerce.set_cart_shipping', 'SELECT ecommerce.set_cart_shipping(1, ''post'')', 'trigger'),
    ('ecommerce.receive_stock', 'SELECT ecommerce.receive_stock(''{11}'', ''{1}'')', 'trigger'),
    ('ecommerce.transfer_stock', 'SELECT ecommerce.transfer_stock(''a'', 11, 1, 0, 1)', 'trigger'),
    ('ecommerce.split_stock', 'SELECT ecommerce.split_stock(11, 2), ecommerce.split_stock(11, 0)', 'trigger'),
    ('ecommerce.set_promotion_limit', 'SELECT ecommerce.set_promotion_limit(1, 1)', 'trigger'),
    ('ecommerce.place_order', 'SELECT ecommerce.place_order(1)', 'trigger'),
    ('ecommerce.cancel_order', 'SELECT ecommerce.cancel_order(1, 1, ''staff'')', 'trigger'),
    ('ecommerce.return_items', 'SELECT ecommerce.return_items(1, 1, ''[{"line": 1, "quantity": 1}]'', true)', 'trigger'),
    ('ecommerce.set_order_status', 'SELECT ecommerce.set_order_status(1, 1, ''SHIPPED'')', 'trigger'),
    ('ecommerce.correct_order_status', 'SELECT ecommerce.set_order_status(1, 1, ''SHIPPED''), ecommerce.correct_order_status(1, 1, ''PROCESSING'', ''x'')', 'trigger'),
    ('ecommerce.set_order_address', 'SELECT ecommerce.set_order_address(1, 1, ''x'')', 'trigger'),
    ('ecommerce.record_payment', 'SELECT ecommerce.record_payment(1, 1, ''card'', ''pi_1'', ''captured'', 1)', 'trigger'),
    ('ecommerce.request_refund', 'SELECT ecommerce.request_refund(1, 1, ''re_1'', 0.25)', 'trigger'),
    ('ecommerce.expire_unpaid_orders', 'SELECT ecommerce.expire_unpaid_orders()', 'trigger'),
    ('ecommerce.take_order_events', 'SELECT ecommerce.take_order_events(1)', 'trigger'),
    ('ecommerce.acknowledge_order_events', 'SELECT ecommerce.acknowledge_order_events(ARRAY(SELECT id FROM ecommerce.order_events))', 'trigger'),
    ('ecommerce.fail_order_events', 'SELECT ecommerce.fail_order_events(ARRAY(SELECT id FROM ecommerce.order_events), ''x'')', 'trigger'),
    ('ecommerce.release_order_events', 'SELECT ecommerce.release_order_events(ARRAY(SELECT id FROM ecommerce.order_events))', 'trigger'),
    ('ecommerce.erase_user', 'SELECT ecommerce.erase_user(1)', 'trigger'),
    ('ecommerce.merge_carts', 'SELECT ecommerce.merge_carts(1, 2)', 'trigger'),
    ('ecommerce.clear_abandoned_carts', 'SELECT ecommerce.clear_abandoned_carts(''infinity'')', 'trigger'),
    ('ecommerce.order_again', 'SELECT ecommerce.order_again(1, 1)', 'trigger'),
    ('ecommerce.set_profile', 'SELECT ecommerce.set_profile(1, name => ''Ada L.'')', 'trigger'),
    ('ecommerce.import_orders', 'SELECT ecommerce.import_orders(jsonb_build_array(ecommerce.order_json(1, 1) - ''payment'' - ''returns'' || ''{"number": "7"}''))', 'trigger'),
    ('ecommerce.archive_orders', 'SELECT ecommerce.archive_orders(''infinity'')', 'trigger'),
    ('ecommerce_api.order_again', 'SELECT ecommerce_api.order_again(1)', 'trigger'),
    ('ecommerce_api.set_profile', 'SELECT ecommerce_api.set_profile(name => ''Ada L.'')', 'trigger'),
    ('ecommerce_api.add_to_cart', 'SELECT ecommerce_api.add_to_cart(11, 1)', 'trigger'),
    ('ecommerce_api.set_cart_item', 'SELECT ecommerce_api.set_cart_item(11, 2)', 'trigger'),
    ('ecommerce_api.set_cart_items', 'SELECT ecommerce_api.set_cart_items(''{11}'', ''{2}'')', 'trigger'),
    ('ecommerce_api.clear_cart', 'SELECT ecommerce_api.clear_cart()', 'trigger'),
    ('ecommerce_api.set_cart_coupons', 'SELECT ecommerce_api.set_cart_coupons(''{TEN}'')', 'trigger'),
    ('ecommerce_api.set_cart_shipping', 'SELECT ecommerce_api.set_cart_shipping(''post'')', 'trigger'),
    ('ecommerce_api.place_order', 'SELECT ecommerce_api.place_order()', 'trigger'),
    ('ecommerce_api.cancel_order', 'SELECT ecommerce_api.cancel_order(1)', 'trigger'),
    ('ecommerce_api.set_order_address', 'SELECT ecommerce_api.set_order_address(1, ''x'')', 'trigger'),
    ('ecommerce.find_order', 'SELECT ecommerce.find_order(1)', 'view'),
    ('ecommerce.order_queue', 'SELECT ecommerce.order_queue()', 'view'),
    ('ecommerce.cart_json', 'SELECT ecommerce.cart_json(1)', 'view'),
    ('ecommerce.profile_json', 'SELECT ecommerce.profile_json(1)', 'view'),
    ('ecommerce_api.profile_json', 'SELECT ecommerce_api.profile_json()', 'view'),
    ('ecommerce.order_json', 'SELECT ecommerce.order_json(1, 1)', 'view'),
    ('ecommerce.order_listing_json', 'SELECT ecommerce.order_listing_json(1)', 'view'),
    ('ecommerce.order_integrity', 'SELECT count(*) FROM ecommerce.order_integrity()', 'view'),
    ('ecommerce_api.cart_json', 'SELECT ecommerce_api.cart_json()', 'view'),
    ('ecommerce_api.order_json', 'SELECT ecommerce_api.order_json(1)', 'view'),
    ('ecommerce_api.order_listing_json', 'SELECT ecommerce_api.order_listing_json()', 'view'),
    ('ecommerce.outbox_metrics', 'SELECT count(*) FROM ecommerce.outbox_metrics()', 'other view'),
    ('ecommerce.ids_of_shard', 'SELECT ecommerce.ids_of_shard(0, 2)', 'other view'),
    -- Its own code runs as the owner, with the same restriction.
    ('ecommerce.migrate', 'SELECT ecommerce.migrate()', 'other view');
-- These run no code of the owner's.
CREATE TABLE pg_temp.harmless (function text, query text PRIMARY KEY);
INSERT INTO harmless VALUES
    ('ecommerce.current_user_id', 'SELECT ecommerce.current_user_id()'),
    ('ecommerce.warm_up', 'SELECT ecommerce.warm_up()'),
    ('ecommerce.currency_digits', 'SELECT ecommerce.currency_digits(''EUR'')'),
    ('ecommerce.grant_api', 'SELECT ecommerce.grant_api(''regress_new_owner'', ''regress_new_owner'', ''regress_new_owner'')'),
    ('ecommerce.revoke_api', 'SELECT ecommerce.revoke_api(''regress_new_owner'', ''regress_new_owner'', ''regress_new_owner'')'),
    ('ecommerce.set_owner', 'SELECT ecommerce.set_owner(''regress_new_owner'')');
SELECT set_eq($$ SELECT format('%s.%s', pronamespace::regnamespace, proname) FROM pg_proc
                  WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace) AND prorettype <> 'trigger'::regtype
                    -- Without Citus these do nothing.
                    AND proname NOT IN ('order_lines', 'distribute', 'undistribute') $$,
              'SELECT function FROM calls UNION SELECT function FROM harmless', 'this test knows every public function: add a new one to calls');

-- A trigger on each table, then a view in the place of those that readers read.
CREATE FUNCTION pg_temp.set_traps(kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    SET LOCAL ROLE regress_owner;
    IF kind = 'trigger' THEN
        FOR name IN SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('CREATE TRIGGER a_trap BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION evil.attack_by_trigger()', name);
        END LOOP;
    ELSE
        FOREACH name IN ARRAY CASE kind WHEN 'view' THEN '{products, order_details, users}'::text[] ELSE '{schema_migrations, order_events}' END LOOP
            EXECUTE format('ALTER TABLE ecommerce.%I RENAME TO %I', name, 'real_' || name);
            EXECUTE format('CREATE VIEW ecommerce.%I AS SELECT * FROM ecommerce.%I WHERE evil.attack()', name, 'real_' || name);
        END LOOP;
    END IF;
    RESET ROLE;
END
$$;

SET SESSION AUTHORIZATION regress_root;
CREATE TABLE pg_temp.answers AS SELECT query, ''::pg_catalog.text AS answer FROM pg_temp.calls LIMIT 0;
SELECT set_traps AS set_traps FROM pg_temp.set_traps('trigger') \gset
INSERT INTO answers SELECT query, pg_temp.call(query) FROM calls WHERE by = 'trigger';
SELECT set_traps AS set_traps FROM pg_temp.set_traps('view') \gset
INSERT INTO answers SELECT query, pg_temp.call(query) FROM calls WHERE by = 'view';
SELECT set_traps AS set_traps FROM pg_temp.set_traps('other view') \gset
INSERT INTO answers SELECT query, pg_temp.call(query) FROM calls WHERE by = 'other view';
INSERT INTO answers SELECT query, pg_temp.call(query) FROM harmless;

SELECT is((SELECT string_agg(DISTINCT answer, ', ') FROM answers WHERE query = calls.query), 'ok', 'called: ' || query) FROM (TABLE calls UNION ALL SELECT *, 'nothing' FROM harmless) AS calls ORDER BY query;
SELECT bag_eq('SELECT DISTINCT call, as_whom FROM evil.outcomes', $$ SELECT query, 'regress_owner'::name FROM calls $$,
              'in each of them, and in no others, code of the owner''s ran, as the owner');
SELECT is_empty(format('SELECT call, outcome FROM evil.outcomes WHERE what = %L AND outcome <> ''42501'' AND what <> ALL (string_to_array(%L, '',''))', what, :'allowed'),
                'none leaves a ' || what)
  FROM evil.attacks ORDER BY what;
SELECT is((SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relowner = 'regress_owner'::regrole), 0::bigint, 'nor any other relation');


-- The same code in a function that is careless: everything is left, and then runs as the superuser

CREATE FUNCTION evil.careless() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM ecommerce.order_details';
ALTER FUNCTION evil.careless() OWNER TO regress_owner;
SET LOCAL evil.call = 'careless';
SAVEPOINT before;
DELETE FROM evil.outcomes;
SELECT evil.careless() AS lines \gset
SELECT string_agg(DISTINCT what, ', ' ORDER BY what) AS done FROM evil.outcomes WHERE outcome = 'done' \gset
SELECT count(*) AS locks FROM pg_locks \gset
SELECT 'x'::text AS letter \gset
EXECUTE evil_statement \g /dev/null
SELECT string_agg(what || ' as ' || as_whom, ', ' ORDER BY what) AS ran FROM (SELECT DISTINCT what, as_whom FROM evil.taken) AS taken \gset
ROLLBACK TO SAVEPOINT before;
DEALLOCATE evil_statement;
SELECT is(:'done'::text, (SELECT string_agg(what, ', ' ORDER BY what) FROM evil.attacks), 'what a careless function leaves');
SELECT is(:'ran'::text, 'domain as regress_root, statement as regress_root, view as regress_root', 'and what then runs as the superuser');


-- What the owner may do, without any effect on the superuser, and what it may not

TRUNCATE evil.attacks;
INSERT INTO evil.attacks VALUES
    ('SET search_path',      'SET search_path = evil, pg_catalog'),
    ('SET LOCAL work_mem',   'SET LOCAL work_mem = ''99MB'''),
    ('SET claims',           'SET request.jwt.claims = ''{"user_id": 2}'''),
    ('temporary function',   'CREATE FUNCTION pg_temp.evil_function() RETURNS integer LANGUAGE sql AS ''SELECT 1'''),
    ('temporary operator',   'CREATE OPERATOR pg_temp.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer)'),
    -- To the end of the transaction, for whoever fetches from what he has not declared.
    ('cursor',               'DECLARE evil_cursor CURSOR FOR SELECT 1'),
    ('SET ROLE',             'SET ROLE regress_root'),
    ('RESET ROLE',           'RESET ROLE'),
    ('SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT'),
    ('superuser''s setting', 'SET session_replication_role = replica'),
    ('SUPERUSER',            'ALTER ROLE regress_owner SUPERUSER'),
    ('program',              'COPY evil.taken TO PROGRAM ''cat''');
CREATE FUNCTION pg_temp.settings() RETURNS text LANGUAGE sql AS $$
    SELECT concat(md5(string_agg(name || '=' || setting, ' ' ORDER BY name)), current_user, session_user, current_setting('role'),
                  current_setting('request.jwt.claims'), current_setting('evil.call')) FROM pg_settings
$$;
SAVEPOINT before;
SET LOCAL work_mem = '5MB';
SELECT pg_temp.settings() AS settings_before \gset
DELETE FROM evil.outcomes;
SELECT ecommerce.cart_json(1) IS NOT NULL AS read, ecommerce.set_cart_item(1, 11, 1) IS NOT NULL AS written \gset
SELECT pg_temp.settings() = :'settings_before' AS same, current_setting('work_mem') AS work_mem \gset
SELECT to_regprocedure('evil_function()') IS NULL AND to_regoperator('===(integer, integer)') IS NULL AS hidden,
       to_regprocedure('pg_temp.evil_function()') IS NOT NULL AS there \gset
SELECT string_agg(what, ', ' ORDER BY what) AS done FROM (SELECT what FROM evil.outcomes GROUP BY what HAVING bool_or(outcome = 'done')) AS attacks \gset
SELECT evil.careless() AS lines \gset
SELECT current_setting('work_mem') AS careless_work_mem \gset
ROLLBACK TO SAVEPOINT before;
SELECT is(:'done'::text, 'SET LOCAL work_mem, SET claims, SET search_path, cursor, temporary function, temporary operator', 'what the owner may do');
SELECT is(:'same' || ' ' || :'work_mem', 't 5MB', 'every setting, user and role is as it was');
SELECT ok(:'there' AND :'hidden', 'functions and operators of pg_temp are found by nobody who does not name it');
SELECT is(:'careless_work_mem'::text, '99MB', 'the settings of a careless function stay');


-- Deferred triggers would run at commit, as the superuser

TRUNCATE evil.attacks;
SET LOCAL ROLE regress_owner;
CREATE FUNCTION evil.take_by_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM evil.take(''deferred''); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER z_deferred AFTER INSERT ON ecommerce.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil.take_by_trigger();
RESET ROLE;
SELECT throws_ok('SELECT ecommerce.place_order(1)', '42501', 'cannot fire deferred trigger within security-restricted operation', 'a deferred trigger is refused');
SET LOCAL ROLE regress_owner;
SELECT lives_ok('SELECT ecommerce.place_order(1)', 'but not to the owner');
RESET ROLE;
SELECT is_empty('SELECT as_whom FROM evil.taken', 'whose trigger runs later, too');
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address) VALUES (1, 1, 'USD', 'x');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT ok('regress_root' IN (SELECT as_whom FROM evil.taken), 'after a superuser''s own INSERT it runs as the superuser: this test would see it');

SELECT * FROM finish();
ROLLBACK;
