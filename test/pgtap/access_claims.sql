-- Who may act for whom: every public function, with every kind of claims, and
-- every way of holding (or nearly holding) REFERENCES on ecommerce.orders.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(368);

CREATE ROLE regress_owner;
CREATE ROLE regress_shopper;
GRANT CREATE, USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_owner;
GRANT USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_shopper;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api TO regress_owner, regress_shopper;
SET ROLE regress_owner;
SELECT ecommerce.migrate() AS version \gset
RESET ROLE;

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One'), (2, 'Grace', 'Two');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000);
DO $$
BEGIN
    FOR customer IN 1 .. 2 LOOP
        PERFORM ecommerce.add_to_cart(customer, 11, customer), ecommerce.place_order(customer),
                ecommerce.add_to_cart(customer, 11, customer);
    END LOOP;
END
$$;

-- Runs a query as a role with claims and undoes everything: 'ok', or its SQLSTATE.
-- Null claims are claims that the session never had: '' is what a reset leaves.
CREATE FUNCTION pg_temp.attempt(role_name text, claims text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    IF claims IS NOT NULL THEN
        PERFORM set_config('request.jwt.claims', claims, true);
    END IF;
    PERFORM set_config('role', role_name, true);
    EXECUTE query INTO result;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'ZZ000' THEN 'ok' ELSE SQLSTATE END;
END
$$;

-- The same, but returns what the query returned, or its SQLSTATE.
CREATE FUNCTION pg_temp.answer(role_name text, claims text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM set_config('request.jwt.claims', claims, true), set_config('role', role_name, true);
    EXECUTE query INTO result;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'ZZ000' THEN SQLERRM ELSE SQLSTATE END;
END
$$;

-- Each function as it is called for user 1. What a function of ecommerce_api says
-- names the user whom it acted for.
CREATE TABLE pg_temp.calls (function regprocedure, query text);
INSERT INTO calls VALUES
    ('ecommerce.add_to_cart(bigint, bigint, integer)', 'SELECT ecommerce.add_to_cart(1, 11, 1) ->> ''id'''),
    ('ecommerce.set_cart_item(bigint, bigint, integer)', 'SELECT ecommerce.set_cart_item(1, 11, 1) ->> ''id'''),
    ('ecommerce.set_cart_items(bigint, bigint[], integer[])', 'SELECT ecommerce.set_cart_items(1, ''{11}'', ''{1}'') ->> ''id'''),
    ('ecommerce.clear_cart(bigint)', 'SELECT ecommerce.clear_cart(1) ->> ''id'''),
    ('ecommerce.set_cart_coupons(bigint, text[])', 'SELECT ecommerce.set_cart_coupons(1, ''{}'') ->> ''id'''),
    ('ecommerce.set_cart_shipping(bigint, text, jsonb, jsonb)', 'SELECT ecommerce.set_cart_shipping(1) ->> ''id'''),
    ('ecommerce.cart_json(bigint)', 'SELECT ecommerce.cart_json(1) ->> ''id'''),
    ('ecommerce.order_again(bigint, bigint)', 'SELECT ecommerce.order_again(1, 1) ->> ''id'''),
    ('ecommerce.profile_json(bigint)', 'SELECT ecommerce.profile_json(1) ->> ''id'''),
    ('ecommerce.set_profile(bigint, text, text, text, jsonb)', 'SELECT ecommerce.set_profile(1) ->> ''id'''),
    ('ecommerce.place_order(bigint, text, numeric, text, text, jsonb)', 'SELECT ecommerce.place_order(1) ->> ''customer_id'''),
    ('ecommerce.order_listing_json(bigint, integer, bigint, text)', 'SELECT ecommerce.order_listing_json(1) #>> ''{0,customer_id}'''),
    ('ecommerce.order_json(bigint, bigint)', 'SELECT ecommerce.order_json(1, 1) ->> ''customer_id'''),
    ('ecommerce.cancel_order(bigint, bigint, text)', 'SELECT ecommerce.cancel_order(1, 1, ''customer'') ->> ''customer_id'''),
    ('ecommerce.set_order_address(bigint, bigint, text)', 'SELECT ecommerce.set_order_address(1, 1, ''x'') ->> ''customer_id'''),
    ('ecommerce_api.add_to_cart(bigint, integer)', 'SELECT ecommerce_api.add_to_cart(11, 1) ->> ''id'''),
    ('ecommerce_api.set_cart_item(bigint, integer)', 'SELECT ecommerce_api.set_cart_item(11, 1) ->> ''id'''),
    ('ecommerce_api.set_cart_items(bigint[], integer[])', 'SELECT ecommerce_api.set_cart_items(''{11}'', ''{1}'') ->> ''id'''),
    ('ecommerce_api.clear_cart()', 'SELECT ecommerce_api.clear_cart() ->> ''id'''),
    ('ecommerce_api.set_cart_coupons(text[])', 'SELECT ecommerce_api.set_cart_coupons(''{}'') ->> ''id'''),
    ('ecommerce_api.set_cart_shipping(text, jsonb, jsonb)', 'SELECT ecommerce_api.set_cart_shipping() ->> ''id'''),
    ('ecommerce_api.cart_json()', 'SELECT ecommerce_api.cart_json() ->> ''id'''),
    ('ecommerce_api.order_again(bigint)',
     'SELECT ecommerce_api.order_again((ecommerce_api.order_listing_json() #>> ''{0,id}'')::bigint) ->> ''id'''),
    ('ecommerce_api.profile_json()', 'SELECT ecommerce_api.profile_json() ->> ''id'''),
    ('ecommerce_api.set_profile(text, text, text, jsonb)', 'SELECT ecommerce_api.set_profile() ->> ''id'''),
    ('ecommerce_api.place_order(text, numeric, text, text, jsonb)', 'SELECT ecommerce_api.place_order() ->> ''customer_id'''),
    ('ecommerce_api.order_listing_json(integer, bigint, text)', 'SELECT ecommerce_api.order_listing_json() #>> ''{0,customer_id}'''),
    ('ecommerce_api.order_json(bigint)', 'SELECT coalesce(ecommerce_api.order_json(1), ecommerce_api.order_json(2)) ->> ''customer_id'''),
    ('ecommerce_api.set_order_address(bigint, text)',
     'SELECT ecommerce_api.set_order_address((ecommerce_api.order_listing_json() #>> ''{0,id}'')::bigint, ''x'') ->> ''customer_id'''),
    ('ecommerce_api.cancel_order(bigint)',
     'SELECT ecommerce_api.cancel_order((ecommerce_api.order_listing_json() #>> ''{0,id}'')::bigint) ->> ''customer_id''');
-- And those that no token is enough for.
CREATE TABLE pg_temp.staff_calls (function regprocedure, query text);
INSERT INTO staff_calls VALUES
    ('ecommerce.find_order(bigint, text)', 'SELECT ecommerce.find_order(1) #>> ''{order,customer_id}'''),
    ('ecommerce.order_queue(text, integer, bigint, boolean)', 'SELECT ecommerce.order_queue() #>> ''{0,order,customer_id}'''),
    ('ecommerce.correct_order_status(bigint, bigint, text, text)',
     'SELECT ecommerce.correct_order_status(1, 1, ''PROCESSING'', ''x'') ->> ''customer_id'''),
    ('ecommerce.set_order_status(bigint, bigint, text, jsonb)', 'SELECT ecommerce.set_order_status(1, 1, ''SHIPPED'') ->> ''customer_id'''),
    ('ecommerce.record_payment(bigint, bigint, text, text, text, numeric, jsonb)',
     'SELECT ecommerce.record_payment(1, 1, ''card'', ''pi_1'', ''captured'', 1)'),
    ('ecommerce.request_refund(bigint, bigint, text, numeric, text, text)', 'SELECT ecommerce.request_refund(1, 1, ''re_1'', 1)'),
    ('ecommerce.expire_unpaid_orders(integer)', 'SELECT ecommerce.expire_unpaid_orders()'),
    ('ecommerce.take_order_events(integer, text, integer)', 'SELECT ecommerce.take_order_events(1) #>> ''{0,customer_id}'''),
    ('ecommerce.acknowledge_order_events(bigint[])', 'SELECT ecommerce.acknowledge_order_events(''{1}'')'),
    ('ecommerce.fail_order_events(bigint[], text)', 'SELECT ecommerce.fail_order_events(''{1}'', ''x'')'),
    ('ecommerce.release_order_events(bigint[])', 'SELECT ecommerce.release_order_events(''{1}'')'),
    ('ecommerce.return_items(bigint, bigint, jsonb, boolean, text, text, text)',
     'SELECT ecommerce.return_items(1, 1, ''[{"line": 1, "quantity": 1}]'', true) ->> ''customer_id'''),
    ('ecommerce.receive_stock(bigint[], integer[])', 'SELECT ecommerce.receive_stock(''{11}'', ''{1}'')'),
    ('ecommerce.transfer_stock(text, bigint, integer, bigint, bigint)', 'SELECT ecommerce.transfer_stock(''a'', 11, 1, to_bucket => 1)'),
    ('ecommerce.split_stock(bigint, integer)', 'SELECT ecommerce.split_stock(11, 4)'),
    ('ecommerce.set_promotion_limit(bigint, bigint)', 'SELECT ecommerce.set_promotion_limit(1, 1)'),
    ('ecommerce.merge_carts(bigint, bigint)', 'SELECT ecommerce.merge_carts(1, 2) ->> ''id'''),
    ('ecommerce.clear_abandoned_carts(timestamp with time zone, integer)', 'SELECT ecommerce.clear_abandoned_carts(''-infinity'')'),
    ('ecommerce.import_orders(jsonb)', 'SELECT ecommerce.import_orders(''[]'')'),
    ('ecommerce.archive_orders(timestamp with time zone, integer)', 'SELECT ecommerce.archive_orders(''-infinity'')'),
    ('ecommerce.ids_of_shard(integer, integer, bigint)', 'SELECT ecommerce.ids_of_shard(0, 2)'),
    ('ecommerce.warm_up()', 'SELECT ecommerce.warm_up()'),
    ('ecommerce.outbox_metrics()', 'SELECT count(*) FROM ecommerce.outbox_metrics()'),
    ('ecommerce.order_integrity()', 'SELECT count(*) FROM ecommerce.order_integrity()'),
    ('ecommerce.erase_user(bigint, boolean)', 'SELECT ecommerce.erase_user(1)');

SELECT set_eq(
    $$ SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
          AND prorettype <> 'trigger'::regtype
          AND proname !~ '^(migrate|set_owner|distribute|undistribute|grant_api|revoke_api|current_user_id|currency_digits|order_lines)$' $$,
    'SELECT function FROM calls UNION ALL SELECT function FROM staff_calls',
    'this test knows every public function: add a new one to calls');

-- All the answers that a role with claims gets from the functions of a schema.
CREATE FUNCTION pg_temp.answers(role_name text, claims text, schema_name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT pg_temp.answer(role_name, claims, query), ' ')
      FROM calls WHERE split_part(query, '.', 1) ~ ('\m' || schema_name || '$')
$$;

-- Before this session has ever had claims.
SELECT is(current_setting('request.jwt.claims', true), NULL, 'there are no claims yet');
SELECT is(pg_temp.attempt('regress_shopper', NULL, query), 'PT401', 'without claims: ' || query) FROM calls;
SELECT is(pg_temp.attempt('regress_shopper', NULL, 'SELECT ecommerce.current_user_id() / 0'), 'ok', 'current_user_id() is null');

SELECT is(pg_temp.attempt('regress_shopper', claims, query), '42501', 'staff only: ' || query)
  FROM staff_calls, unnest(ARRAY[NULL, '{"user_id": 1}', '{"user_id": 1, "role": "regress_staff"}']) AS claims;

-- In ecommerce the user is an argument, 1; in ecommerce_api it is the claims'.
CREATE TABLE pg_temp.claims (number serial, claims text, ecommerce text, ecommerce_api text);
INSERT INTO claims (claims, ecommerce, ecommerce_api) VALUES
    -- none
    ('', 'PT401', 'PT401'),
    ('{}', 'PT401', 'PT401'),
    ('null', 'PT401', 'PT401'),
    ('{"user_id": null}', 'PT401', 'PT401'),
    ('{"sub": 1, "role": "postgres", "userid": 1, "User_id": 1, "user_id ": 1, " user_id": 1}', 'PT401', 'PT401'),
    ('{"claims": {"user_id": 1}}', 'PT401', 'PT401'),
    ('{"": 1}', 'PT401', 'PT401'),
    -- documents that are no objects
    ('1', 'PT401', 'PT401'),
    ('"user_id"', 'PT401', 'PT401'),
    ('true', 'PT401', 'PT401'),
    ('[]', 'PT401', 'PT401'),
    ('["user_id", 1]', 'PT401', 'PT401'),
    ('[{"user_id": 1}]', 'PT401', 'PT401'),
    ('"{\"user_id\": 1}"', 'PT401', 'PT401'),
    -- the user's own
    ('{"user_id": 1}', '1', '1'),
    ('{"user_id": "1"}', '1', '1'),
    (E'\n\t{ "user_id"\r: 1 }  ', '1', '1'),
    ('{"user_id": "01"}', '1', '1'),
    ('{"user_id": 1e0}', '1', '1'),
    ('{"user\u005fid": "\u0031"}', '1', '1'),
    ('{"user_id": 1, "exp": 1e400, "role": "x", "a": {"user_id": 2}, "b": [2]}', '1', '1'),
    -- another's: what was signed is what counts, whatever came before it
    ('{"user_id": 2}', '42501', '2'),
    ('{"user_id": "2"}', '42501', '2'),
    ('{"user_id": 1, "user_id": 2}', '42501', '2'),
    ('{"user_id": 2, "user_id": 1}', '1', '1'),
    ('{"user_id": 1, "user_id": null}', 'PT401', 'PT401'),
    -- not one bigint
    ('{"user_id": 9223372036854775808}', '22003', '22003'),
    ('{"user_id": -9223372036854775809}', '22003', '22003'),
    ('{"user_id": 18446744073709551617}', '22003', '22003'),
    ('{"user_id": 4294967297000000000000}', '22003', '22003'),
    ('{"user_id": 1e1000}', '22003', '22003'),
    ('{"user_id": 1e131072}', '22003', '22003'),
    ('{"user_id": 1.0}', '22P02', '22P02'),
    ('{"user_id": 1.5}', '22P02', '22P02'),
    ('{"user_id": 1e-1}', '22P02', '22P02'),
    ('{"user_id": true}', '22P02', '22P02'),
    ('{"user_id": ""}', '22P02', '22P02'),
    ('{"user_id": " "}', '22P02', '22P02'),
    ('{"user_id": "null"}', '22P02', '22P02'),
    ('{"user_id": "1 2"}', '22P02', '22P02'),
    ('{"user_id": "1,2"}', '22P02', '22P02'),
    ('{"user_id": "1; SELECT 2"}', '22P02', '22P02'),
    ('{"user_id": "1 OR true"}', '22P02', '22P02'),
    ('{"user_id": "1''"}', '22P02', '22P02'),
    ('{"user_id": "\uff11"}', '22P02', '22P02'),
    ('{"user_id": "1\u0000"}', '22P05', '22P05'),
    ('{"user_id": [1]}', '22P02', '22P02'),
    ('{"user_id": []}', '22P02', '22P02'),
    ('{"user_id": {"user_id": 1}}', '22P02', '22P02'),
    ('{"user_id": {}}', '22P02', '22P02'),
    -- not JSON
    (' ', '22P02', '22P02'),
    ('{', '22P02', '22P02'),
    ('{"user_id": 1', '22P02', '22P02'),
    ('{"user_id": 1} {"user_id": 1}', '22P02', '22P02'),
    ('{"user_id": 1}}', '22P02', '22P02'),
    ('{"user_id": 1,}', '22P02', '22P02'),
    ('{user_id: 1}', '22P02', '22P02'),
    ('{''user_id'': 1}', '22P02', '22P02'),
    ('{"user_id": 01}', '22P02', '22P02'),
    ('{"user_id": +1}', '22P02', '22P02'),
    ('{"user_id": 0x1}', '22P02', '22P02'),
    ('{"user_id": NaN}', '22P02', '22P02'),
    ('{"user_id": Infinity}', '22P02', '22P02'),
    ('{"user_id": "1}', '22P02', '22P02'),
    ('{"user_id": "\ud800"}', '22P02', '22P02'),
    ('{"user_id": 1} -- ', '22P02', '22P02'),
    ('user_id=1', '22P02', '22P02');

SELECT is(pg_temp.answers('regress_shopper', claims, 'ecommerce'), ecommerce, 'ecommerce.*(1) with claims ' || to_json(claims))
  FROM claims ORDER BY number;
SELECT is(pg_temp.answers('regress_shopper', claims, 'ecommerce_api'), ecommerce_api, 'ecommerce_api.*() with claims ' || to_json(claims))
  FROM claims ORDER BY number;
SELECT is(pg_temp.answer('regress_shopper', claims, 'SELECT ecommerce.current_user_id()'),
          CASE ecommerce_api WHEN 'PT401' THEN 'null' ELSE ecommerce_api END, 'current_user_id() with claims ' || to_json(claims))
  FROM claims ORDER BY number;
SELECT is(pg_temp.answers('regress_shopper', repeat('[', 1000000), 'ecommerce'), '54001', 'claims as deep as an abyss are the server''s own error');

-- Users that there are not: nobody learns who exists by acting for them.
SELECT is(pg_temp.answers('regress_shopper', format('{"user_id": %s}', missing), 'ecommerce'), '42501',
          'user 1 cannot be acted for as ' || missing)
  FROM unnest('{0, -1, -9223372036854775808, 9223372036854775807}'::bigint[]) AS missing;
SELECT is(pg_temp.answer('regress_shopper', '{"user_id": 1}', format('SELECT ecommerce.%s', call)), '42501',
          'whether there is a user 99 is not told by ' || call)
  FROM unnest('{"cart_json(99)", "add_to_cart(99, 11)", "set_cart_item(99, 11, 0)", "place_order(99)",
                "order_listing_json(99)", "order_json(99, 1)"}'::text[]) AS call;

-- What a token's user does is seen by no other.
SELECT is(pg_temp.answer('regress_shopper', '{"user_id": 2}', 'SELECT coalesce(ecommerce_api.order_json(1)::text, ''none'')'),
          'none', 'an order of somebody else''s is no order');
SELECT is(pg_temp.answer('regress_shopper', '{"user_id": 2}', 'SELECT ecommerce_api.order_listing_json(before_id => 1)'),
          'PT404', 'an order of somebody else''s is no cursor');


-- REFERENCES on ecommerce.orders
-- One function stands for all: which is shown to be right above.

CREATE FUNCTION pg_temp.acts_for_others(role_name text) RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE pg_temp.answers(role_name, '{"user_id": 2}', 'ecommerce') WHEN '1' THEN true WHEN '42501' THEN false END
$$;

CREATE ROLE regress_staff;
CREATE ROLE regress_heir;
CREATE ROLE regress_grandchild;
CREATE ROLE regress_aloof NOINHERIT;
CREATE ROLE regress_column;
CREATE ROLE regress_all_but_references;
CREATE ROLE regress_powerful CREATEDB CREATEROLE BYPASSRLS REPLICATION;
CREATE ROLE regress_writer;
CREATE ROLE regress_root SUPERUSER;
GRANT regress_staff TO regress_heir, regress_aloof;
GRANT regress_heir TO regress_grandchild;
GRANT pg_read_all_data TO regress_powerful;
GRANT pg_write_all_data TO regress_writer;
GRANT REFERENCES ON ecommerce.orders TO regress_staff;
GRANT REFERENCES (customer_id, id, order_date, order_amount, currency, order_status, shipping_address, idempotency_key, stock_bucket)
   ON ecommerce.orders TO regress_column;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER ON ecommerce.orders TO regress_all_but_references;
GRANT ALL ON ecommerce.users, ecommerce.carts, ecommerce.cart_items, ecommerce.order_details, ecommerce.order_events TO regress_all_but_references;
GRANT USAGE ON SCHEMA ecommerce TO regress_staff, regress_column, regress_all_but_references, regress_powerful, regress_writer, regress_aloof;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce
   TO regress_staff, regress_column, regress_all_but_references, regress_powerful, regress_writer, regress_aloof;

SELECT is(pg_temp.acts_for_others(role_name), expected, format('%s acts for others: %s', role_name, why))
  FROM (VALUES ('regress_root', true, 'a superuser'), ('regress_owner', true, 'the owner'),
               ('regress_staff', true, 'granted REFERENCES'), ('regress_heir', true, 'inherits'),
               ('regress_grandchild', true, 'inherits twice'), ('regress_writer', false, 'pg_write_all_data holds no REFERENCES'),
               ('regress_shopper', false, 'holds nothing'), ('regress_aloof', false, 'does not inherit'),
               ('regress_column', false, 'REFERENCES on every column is not REFERENCES on the table'),
               ('regress_all_but_references', false, 'every other privilege is not REFERENCES'),
               ('regress_powerful', false, 'attributes of the role are not REFERENCES')) AS roles (role_name, expected, why);

-- Who acts for anyone needs no claims for that, and no good ones, unless the person is noted.
SELECT is(pg_temp.answers('regress_staff', claims, 'ecommerce'), '1', 'staff needs no claims: ' || coalesce(claims, 'null'))
  FROM unnest(ARRAY [NULL, '', '{"user_id": 2}', '{"user_id": "x"}', '{"sub": 7}', '[1]']) AS claims;
SELECT is(pg_temp.answer('regress_staff', '{', query), CASE WHEN query ~ 'place_order|cancel_order|set_order_address' THEN '22P02' ELSE '1' END,
          'staff with claims that are no JSON: ' || query)
  FROM calls WHERE query ~ 'ecommerce\.';
SELECT is(pg_temp.answer('regress_root', '', 'SELECT ecommerce_api.cart_json()'), 'PT401', 'in ecommerce_api a superuser is nobody without claims');
SELECT is(pg_temp.answer('regress_root', '{"user_id": 2}', 'SELECT ecommerce_api.cart_json() ->> ''id'''), '2', 'and the user of the claims with them');

-- Grants and revocations count at once.
REVOKE REFERENCES ON ecommerce.orders FROM regress_staff;
SELECT ok(NOT pg_temp.acts_for_others('regress_staff'), 'REFERENCES revoked: staff no more, in the same session');
SELECT ok(NOT pg_temp.acts_for_others('regress_grandchild'), 'nor those who inherited it');
GRANT REFERENCES ON ecommerce.orders TO regress_heir;
SELECT ok(pg_temp.acts_for_others('regress_heir'), 'REFERENCES granted: counts at once');
REVOKE regress_heir FROM regress_grandchild;
SELECT is(pg_temp.answer('regress_grandchild', '', 'SELECT ecommerce.cart_json(1)'), '42501', 'membership revoked: counts at once');
GRANT REFERENCES ON ecommerce.orders TO PUBLIC;
SELECT ok(pg_temp.acts_for_others('regress_shopper'), 'REFERENCES granted to PUBLIC makes everybody staff');
REVOKE REFERENCES ON ecommerce.orders FROM PUBLIC;
SELECT ok(NOT pg_temp.acts_for_others('regress_shopper'), 'and revoked, nobody');
REVOKE REFERENCES ON ecommerce.orders FROM regress_owner;
SELECT ok(NOT pg_temp.acts_for_others('regress_owner'), 'an owner who gave up REFERENCES is no exception');
SELECT is(pg_temp.answer('regress_shopper', '{"user_id": 1}', 'SELECT ecommerce.place_order(1) ->> ''customer_id'''), '1', 'but customers still order');
GRANT REFERENCES ON ecommerce.orders TO regress_owner;
ALTER TABLE ecommerce.orders OWNER TO regress_root;
SELECT ok(NOT pg_temp.acts_for_others('regress_owner'), 'a former owner acts for nobody');
ALTER TABLE ecommerce.orders OWNER TO regress_owner;
SELECT ok(pg_temp.acts_for_others('regress_owner'), 'and an owner again for all');

-- EXECUTE is needed whoever one is.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api FROM regress_shopper;
SELECT is(pg_temp.answers('regress_shopper', '{"user_id": 1}', 'ecommerce'), '42501', 'no EXECUTE in ecommerce, no call');
SELECT is(pg_temp.answers('regress_shopper', '{"user_id": 1}', 'ecommerce_api'), '42501', 'nor in ecommerce_api');

SELECT * FROM finish();
ROLLBACK;
