-- While a public function works it is the owner of the tables, with search_path pinned; on every
-- path out of it the caller has back what was his: user, role, search_path, security context.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(69);

CREATE ROLE regress_owner;
CREATE ROLE regress_staff;
CREATE ROLE regress_shopper;
CREATE ROLE regress_authenticator NOINHERIT;
GRANT regress_shopper, regress_staff TO regress_authenticator;
GRANT CREATE, USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_owner;
GRANT USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_shopper, regress_staff;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api TO regress_owner, regress_shopper, regress_staff;
SET ROLE regress_owner;
SELECT ecommerce.migrate() AS version \gset
GRANT REFERENCES ON ecommerce.orders TO regress_staff;

-- The owner himself does not see the row, except while FORCE ROW LEVEL SECURITY is suspended.
CREATE TABLE ecommerce.forced (secret integer);
INSERT INTO ecommerce.forced VALUES (1);
ALTER TABLE ecommerce.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One'), (2, 'Grace', 'Two'), (3, 'Edsger', NULL);
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Slate', 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100000);

CREATE SCHEMA regress;
GRANT USAGE, CREATE ON SCHEMA regress TO PUBLIC;

-- Who am I, whom do names belong to, and what am I allowed?
CREATE FUNCTION regress.may_set_role() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.set_config('role', current_user, true);
    RAISE SQLSTATE 'ZZ000';
EXCEPTION
    WHEN SQLSTATE 'ZZ000' THEN RETURN true;
    WHEN insufficient_privilege THEN RETURN false;
END
$$;
CREATE FUNCTION regress.context() RETURNS text LANGUAGE sql AS $$
    SELECT pg_catalog.format('user=%s session=%s role=%s path=%s may_set_role=%s claims=%s', current_user, session_user,
               pg_catalog.current_setting('role'), pg_catalog.current_setting('search_path'), regress.may_set_role(),
               pg_catalog.current_setting('request.jwt.claims', true))
$$;
CREATE FUNCTION regress.unforced() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM ecommerce.forced';

-- Runs queries one after another as a role; each may fail. True if nothing changed.
CREATE FUNCTION regress.is_restored(role_name text, queries text[], OUT restored boolean, OUT outcomes text) LANGUAGE plpgsql AS $$
DECLARE
    query text;
    context_before text;
    outcome text;
BEGIN
    PERFORM set_config('role', role_name, true);
    context_before := regress.context();
    FOREACH query IN ARRAY queries LOOP
        BEGIN
            EXECUTE query;
            outcome := 'ok';
        EXCEPTION WHEN OTHERS THEN
            outcome := SQLSTATE;
        END;
        outcomes := concat_ws(' ', outcomes, outcome);
        restored := coalesce(restored, true) AND regress.context() = context_before
                    AND current_setting('role') = role_name;
    END LOOP;
    PERFORM set_config('role', 'none', true);
END
$$;

CREATE FUNCTION pg_temp.restores(role_name text, query text, expected text, why text) RETURNS text LANGUAGE sql AS $$
    SELECT is(is_restored::text, format('(t,%s)', expected), why)
      FROM regress.is_restored(role_name, ARRAY [query])
$$;

SET LOCAL search_path = regress, public, pg_catalog;
SET LOCAL request.jwt.claims = '{"user_id": 1}';


-- During

CREATE TABLE regress.witness (number serial, event text, context text, unforced bigint, definers text);
GRANT INSERT ON regress.witness TO regress_owner;
GRANT USAGE ON SEQUENCE regress.witness_number_seq TO regress_owner;
SET LOCAL ROLE regress_owner;
CREATE FUNCTION regress.testify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress.witness (event, context, unforced) VALUES (TG_WHEN || ' ' || TG_OP || ' ' || TG_TABLE_NAME, regress.context(), regress.unforced());
    RETURN coalesce(NEW, OLD);
END
$$;
CREATE TRIGGER a_before BEFORE INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION regress.testify();
CREATE TRIGGER a_after AFTER INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION regress.testify();
CREATE TRIGGER a_statement AFTER UPDATE ON ecommerce.stock_levels FOR EACH STATEMENT EXECUTE FUNCTION regress.testify();
CREATE TRIGGER a_item BEFORE INSERT OR DELETE ON ecommerce.cart_items FOR EACH ROW EXECUTE FUNCTION regress.testify();
RESET ROLE;

SELECT pg_temp.restores('regress_shopper', 'SELECT ecommerce_api.add_to_cart(11)', 'ok', 'restored after add_to_cart');
SELECT pg_temp.restores('regress_shopper', 'SELECT ecommerce_api.place_order()', 'ok', 'restored after place_order');
SELECT results_eq(
    'SELECT event, context, unforced FROM regress.witness ORDER BY number',
    format($$ SELECT event, %L::text, 1::bigint FROM unnest('{BEFORE INSERT cart_items, BEFORE DELETE cart_items, AFTER UPDATE stock_levels,
               BEFORE INSERT orders, AFTER INSERT orders}'::text[]) AS event $$,
           format('user=regress_owner session=%s role=regress_shopper path=pg_catalog, pg_temp may_set_role=f claims={"user_id": 1}', session_user)),
    'in between, triggers run as the owner, path pinned, unable to change role');
SELECT is((SELECT actor FROM ecommerce.order_events WHERE customer_id = 1), 'regress_shopper', 'the actor of an event is the caller');
SET LOCAL ROLE regress_owner;
SELECT is(regress.unforced(), 0::bigint, 'FORCE ROW LEVEL SECURITY is in force again');
RESET ROLE;


-- After success, for everyone

SELECT pg_temp.restores(role_name, query, 'ok', format('restored for %s after %s', role_name, query))
  FROM unnest('{regress_shopper, regress_staff, regress_owner}'::text[]) AS role_name,
       unnest('{"SELECT ecommerce.current_user_id()", "SELECT ecommerce.add_to_cart(1, 11, 1)", "SELECT ecommerce.set_cart_item(1, 11, 2)",
                "SELECT ecommerce.cart_json(1)", "SELECT ecommerce.place_order(1)", "SELECT ecommerce.order_listing_json(1)",
                "SELECT ecommerce.order_json(1, 1)", "SELECT ecommerce.order_json(1, 0)"}'::text[]) WITH ORDINALITY AS queries (query, number)
 ORDER BY role_name, number;


-- After an error, caught in a subtransaction: before, during and after the change of user

SELECT pg_temp.restores('regress_shopper', query, sqlstate, format('restored after %s of %s', sqlstate, query))
  FROM (VALUES ('SELECT ecommerce.cart_json(NULL)', '22004'),
               ('SELECT ecommerce.cart_json(2)', '42501'),
               ('SELECT ecommerce.place_order(1)', 'PT404'),
               ('SELECT ecommerce.order_listing_json(1, 10, 0)', 'PT404'),
               ('SELECT ecommerce.add_to_cart(1, 99)', 'PT404'),
               ('SELECT ecommerce.order_listing_json(1) / 0', '42883'),
               ('SELECT ecommerce.order_json(1, id) FROM unnest(ARRAY [1, 2]) AS id WHERE 1 / (id - 2) < 0 OR ecommerce.order_json(1, id) IS NULL', '22012'))
       AS failures (query, sqlstate);
SELECT pg_temp.restores('regress_shopper', 'DO $do$ BEGIN PERFORM ecommerce.add_to_cart(1, 12); PERFORM ecommerce.place_order(1); END $do$',
                        'PT409', 'restored after a placement that failed half-way');

-- Errors of the shop's own code, deep inside.
SET LOCAL ROLE regress_owner;
CREATE FUNCTION regress.explode() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END';
CREATE TRIGGER z_explode AFTER INSERT ON ecommerce.order_events FOR EACH ROW EXECUTE FUNCTION regress.explode();
RESET ROLE;
SELECT ecommerce.add_to_cart(1, 11) IS NOT NULL AS filled \gset
SELECT pg_temp.restores('regress_shopper', 'SELECT ecommerce.place_order(1)', '22012', 'restored after an error of a trigger''s');
SELECT is(regress.is_restored('regress_shopper', array_fill('SELECT ecommerce.place_order(1)'::text, ARRAY [5]))::text,
          '(t,"22012 22012 22012 22012 22012")', 'and after five in a row');
DROP TRIGGER z_explode ON ecommerce.order_events;


-- Nested: a trigger of the shop's that calls the functions itself

SET LOCAL ROLE regress_owner;
CREATE FUNCTION regress.reward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    context_before text := regress.context();
BEGIN
    IF NEW.customer_id = 1 THEN
        PERFORM ecommerce.order_listing_json(1), ecommerce.add_to_cart(2, 11), ecommerce.place_order(2);
        IF regress.context() <> context_before THEN
            RAISE 'context is %, was %', regress.context(), context_before;
        END IF;
        BEGIN
            PERFORM ecommerce.place_order(2);
        EXCEPTION WHEN SQLSTATE 'PT404' THEN
            NULL;
        END;
        IF regress.context() <> context_before OR regress.unforced() <> 1 THEN
            RAISE 'context is %, was %', regress.context(), context_before;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER z_reward AFTER INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION regress.reward();
RESET ROLE;
SELECT pg_temp.restores('regress_shopper', 'SELECT ecommerce.place_order(1)', 'ok', 'restored after nested calls, one of which failed');
SELECT is((SELECT count(*) FROM ecommerce.orders WHERE customer_id = 2), 1::bigint, 'the nested order was placed, by the owner''s authority');
SELECT is((SELECT actor FROM ecommerce.order_events WHERE customer_id = 2), 'regress_owner', 'and the owner was its actor');
DROP TRIGGER z_reward ON ecommerce.orders;
SELECT pg_temp.restores('regress_shopper', 'SELECT ecommerce.order_json(1, (ecommerce.order_listing_json(1) #>> ''{0,id}'')::bigint)', 'ok', 'restored after a call within a call''s arguments');


-- Between the rows of a cursor

SET LOCAL ROLE regress_shopper;
SELECT context() AS before \gset
DECLARE orders NO SCROLL CURSOR FOR SELECT number, ecommerce.order_json(1, number) FROM generate_series(1, 100) AS number;
FETCH 3 FROM orders \g /dev/null
SELECT context() = :'before' AS restored \gset
MOVE FORWARD 20 FROM orders;
SELECT context() = :'before' AS moved \gset
SET LOCAL ROLE regress_staff;
FETCH 1 FROM orders \g /dev/null
SELECT current_user = 'regress_staff' AS other_role \gset
CLOSE orders;
RESET ROLE;
SELECT ok(:'restored', 'restored between two FETCHes');
SELECT ok(:'moved', 'restored after MOVE');
SELECT ok(:'other_role', 'restored for the role that fetches, not for the one that declared');
SELECT pg_temp.restores('regress_shopper', $$DO $do$ DECLARE row record; BEGIN
    FOR row IN SELECT ecommerce.order_json(1, number) FROM generate_series(1, 30) AS number LOOP
        IF current_user <> 'regress_shopper' OR current_setting('search_path') !~ '^regress' THEN RAISE 'wrong'; END IF;
    END LOOP; END $do$ $$, 'ok', 'restored in a loop over a query');


-- In SECURITY DEFINER functions and functions with a path of their own

CREATE FUNCTION regress.for_grace() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = regress, pg_temp AS $$
DECLARE
    context_before text := regress.context();
BEGIN
    PERFORM ecommerce.cart_json(2), ecommerce.add_to_cart(2, 11);
    BEGIN
        PERFORM ecommerce.cart_json(99);
    EXCEPTION WHEN SQLSTATE 'PT404' THEN
        NULL;
    END;
    RETURN CASE regress.context() WHEN context_before THEN 'same ' ELSE 'other ' END || regress.context();
END
$$;
ALTER FUNCTION regress.for_grace() OWNER TO regress_staff;
SELECT pg_temp.restores('regress_shopper', 'SELECT regress.for_grace()', 'ok', 'restored after a SECURITY DEFINER function of staff''s');
SET LOCAL ROLE regress_shopper;
SELECT regress.for_grace() AS definers \gset
RESET ROLE;
SELECT is(:'definers'::text, format('same user=regress_staff session=%s role=regress_shopper path=regress, pg_temp may_set_role=f claims={"user_id": 1}', session_user),
          'within it the definer''s context came back, and the definer''s authority counted');
ALTER FUNCTION regress.for_grace() SECURITY INVOKER;
SELECT pg_temp.restores('regress_shopper', 'SELECT regress.for_grace()', '42501', 'without SECURITY DEFINER the shopper''s authority counts');


-- Chains of SET ROLE, as PostgREST's pooled sessions do it

SET LOCAL SESSION AUTHORIZATION regress_authenticator;
SET LOCAL ROLE regress_shopper;
SELECT ecommerce.cart_json(1) IS NOT NULL AS called, current_user || ' ' || session_user AS one \gset
SET LOCAL ROLE regress_staff;
SELECT ecommerce.cart_json(2) IS NOT NULL AS called, current_user || ' ' || session_user AS two \gset
SET LOCAL ROLE NONE;
SELECT current_user || ' ' || session_user AS three \gset
RESET SESSION AUTHORIZATION;
SELECT is(:'one'::text, 'regress_shopper regress_authenticator', 'SET ROLE to the shopper, a call, and still the shopper');
SELECT is(:'two'::text, 'regress_staff regress_authenticator', 'on to staff');
SELECT is(:'three'::text, 'regress_authenticator regress_authenticator', 'and back to nobody');


-- What the caller set, locally or for the session, is as he set it

SET LOCAL ROLE regress_shopper;
SET search_path = regress, public;
SELECT ecommerce.cart_json(1) IS NOT NULL AS called, current_setting('search_path') AS set_for_session \gset
SET LOCAL search_path = public, regress;
SELECT ecommerce.cart_json(1) IS NOT NULL AS called, current_setting('search_path') AS set_locally \gset
RESET search_path;
SELECT ecommerce.cart_json(1) IS NOT NULL AS called, current_setting('search_path') AS reset_path \gset
SET LOCAL search_path = '';
SELECT ecommerce.cart_json(1) IS NOT NULL AS called, pg_catalog.current_setting('search_path') AS empty_path \gset
SET LOCAL search_path = regress, public, pg_catalog;
RESET ROLE;
SELECT is(:'set_for_session'::text, 'regress, public', 'search_path set for the session');
SELECT is(:'set_locally'::text, 'public, regress', 'search_path set for the transaction');
SELECT is(:'reset_path'::text, '"$user", public', 'search_path reset');
SELECT is(:'empty_path'::text, '""', 'empty search_path');
SELECT is(current_schemas(false)::text, '{regress,public,pg_catalog}', 'and what names mean is what search_path says')
  FROM (SELECT ecommerce.cart_json(1)) AS call;


-- A trigger of the owner's cannot leave anything behind for the caller

SET LOCAL search_path = regress, public, pg_catalog;
SET LOCAL ROLE regress_owner;
CREATE FUNCTION regress.mischief() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE TG_ARGV[0];
    RETURN NEW;
END
$$;
RESET ROLE;
CREATE TYPE regress.result AS (restored boolean, outcomes text);
CREATE FUNCTION pg_temp.mischief(command text, expected text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result regress.result;
BEGIN
    PERFORM ecommerce.add_to_cart(1, 11);
    EXECUTE format('CREATE TRIGGER m BEFORE INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION regress.mischief(%L)', command);
    result := regress.is_restored('regress_shopper', '{SELECT ecommerce.place_order(1)}');
    PERFORM pg_catalog.set_config('search_path', 'regress, public, pg_catalog', true),
            pg_catalog.set_config('request.jwt.claims', '{"user_id": 1}', true);
    DROP TRIGGER m ON ecommerce.orders;
    RETURN is(result, (true, expected)::regress.result, 'restored after a trigger''s ' || command);
END
$$;
SELECT pg_temp.mischief('SET LOCAL search_path = evil', 'ok');
SELECT pg_temp.mischief('SET search_path = evil', 'ok');
SELECT pg_temp.mischief('RESET search_path', 'ok');
SELECT pg_temp.mischief('SET request.jwt.claims = ''{"user_id": 2}''', 'ok');
SELECT pg_temp.mischief('SET ROLE regress_staff', '42501');
SELECT pg_temp.mischief('SET LOCAL ROLE NONE', '42501');
SELECT pg_temp.mischief('RESET ROLE', '42501');
SELECT pg_temp.mischief('SET SESSION AUTHORIZATION regress_staff', '42501');
SELECT pg_temp.mischief('RESET SESSION AUTHORIZATION', '42501');
SELECT pg_temp.mischief('RESET ALL', 'ok');

-- The check would have seen it: a function that forgets to put the path back.
CREATE FUNCTION regress.forgetful() RETURNS void LANGUAGE sql AS 'SELECT set_config(''search_path'', ''pg_catalog, pg_temp'', false)';
SELECT restored AS forgetful FROM regress.is_restored('regress_shopper', '{SELECT regress.forgetful()}') \gset
SET LOCAL search_path = regress, public, pg_catalog;
SELECT ok(NOT :'forgetful', 'this test sees a search_path that is not restored');

SELECT * FROM finish();
ROLLBACK;
