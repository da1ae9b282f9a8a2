-- Row-level security, for roles that were granted the tables themselves: a shopper reads own
-- rows, without claims none, and writes none; staff read all, and write users and promotions;
-- and the claims are read once for a query.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(218);

CREATE ROLE regress_owner;
CREATE ROLE regress_shopper;
CREATE ROLE regress_staff;
CREATE ROLE regress_bypass BYPASSRLS;
GRANT CREATE, USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO regress_owner, regress_shopper;
GRANT USAGE ON SCHEMA ecommerce TO regress_shopper, regress_staff, regress_bypass;
SET ROLE regress_owner;
SELECT ecommerce.migrate() AS version \gset

-- Every verb but REFERENCES on orders, which is what makes staff.
GRANT SELECT, INSERT, UPDATE, DELETE ON ecommerce.users, ecommerce.carts, ecommerce.cart_items, ecommerce.order_details,
      ecommerce.order_events TO regress_shopper;
GRANT SELECT, INSERT, UPDATE, DELETE ON ecommerce.orders, ecommerce.order_adjustments, ecommerce.order_payments,
      ecommerce.order_balances, ecommerce.order_returns, ecommerce.order_return_lines,
      ecommerce.archived_orders TO regress_shopper;
GRANT SELECT ON ALL TABLES IN SCHEMA ecommerce TO regress_staff, regress_bypass;
GRANT REFERENCES ON ecommerce.orders TO regress_staff;
RESET ROLE;

INSERT INTO ecommerce.users (id, name, shipping_address) SELECT number, 'User ' || number, 'Street ' || number FROM generate_series(1, 3) AS number;
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Slate', 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000);
DO $$
BEGIN
    FOR customer IN 1 .. 3 LOOP
        PERFORM ecommerce.add_to_cart(customer, 11, customer), ecommerce.place_order(customer), ecommerce.add_to_cart(customer, 11, 1);
    END LOOP;
END
$$;

INSERT INTO ecommerce.order_adjustments (customer_id, order_id, adjustment_number, kind, name, amount)
SELECT customer_id, id, 1, 'fee', 'Gift wrapping', 0 FROM ecommerce.orders;
INSERT INTO ecommerce.order_payments (customer_id, order_id, payment_number, kind, provider, reference, amount, actor)
SELECT customer_id, id, 1, 'captured', 'cash', 'c' || id, 1, 'clerk' FROM ecommerce.orders;
INSERT INTO ecommerce.order_balances (customer_id, order_id, paid_amount) SELECT customer_id, id, 1 FROM ecommerce.orders;
INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor)
SELECT customer_id, id, 1, 0.25, true, 'clerk' FROM ecommerce.orders;
INSERT INTO ecommerce.order_return_lines (customer_id, order_id, return_number, line_number, quantity, amount)
SELECT customer_id, id, 1, 1, 1, 0.25 FROM ecommerce.orders;
INSERT INTO ecommerce.archived_orders (customer_id, order_id, order_date, document)
SELECT id, 100 + id, now(), '{}' FROM ecommerce.users;

CREATE TABLE pg_temp.protected (name text, customer text);
INSERT INTO protected VALUES ('users', 'id'), ('carts', 'user_id'), ('cart_items', 'user_id'), ('orders', 'customer_id'),
    ('order_details', 'customer_id'), ('order_adjustments', 'customer_id'), ('order_events', 'customer_id'),
    ('order_payments', 'customer_id'), ('order_balances', 'customer_id'), ('order_returns', 'customer_id'), ('order_return_lines', 'customer_id'),
    ('archived_orders', 'customer_id');

CREATE FUNCTION pg_temp.attempt(role_name text, claims text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    row_count bigint;
BEGIN
    PERFORM set_config('request.jwt.claims', claims, true), set_config('role', role_name, true);
    IF query ~ '^SELECT' THEN
        EXECUTE query INTO result;
    ELSE
        EXECUTE query;
        GET DIAGNOSTICS row_count = ROW_COUNT;
        result := row_count || ' rows';
    END IF;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'ZZ000' THEN SQLERRM ELSE SQLSTATE END;
END
$$;

SELECT set_eq($$ SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
                  WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND attname IN ('user_id', 'customer_id') AND NOT attisdropped
                 UNION SELECT 'ecommerce.users' $$,
              $$ SELECT 'ecommerce.' || name FROM protected $$, 'these are the tables with a customer in them');
SELECT ok(relrowsecurity AND NOT relforcerowsecurity, name || ' has row-level security')
  FROM protected JOIN pg_class ON oid = ('ecommerce.' || name)::regclass ORDER BY name;


-- Reading

SELECT is(pg_temp.attempt(role_name, claims, format('SELECT coalesce(string_agg(DISTINCT %I::text, '','' ORDER BY %I::text), ''none'') FROM ecommerce.%I', customer, customer, name)),
          expected, format('%s with claims %s reads %s of %s', role_name, claims, expected, name))
  FROM protected, (VALUES ('regress_shopper', '{"user_id": 2}', '2'), ('regress_shopper', '{"user_id": "3"}', '3'), ('regress_shopper', '', 'none'),
                          ('regress_shopper', '{}', 'none'), ('regress_shopper', '{"user_id": null}', 'none'), ('regress_shopper', '[2]', 'none'),
                          ('regress_shopper', '{"user_id": 99}', 'none'), ('regress_shopper', '{"user_id": "x"}', '22P02'),
                          ('regress_shopper', '{', '22P02'), ('regress_staff', '', '1,2,3'), ('regress_staff', '{"user_id": 2}', '1,2,3'))
       AS readers (role_name, claims, expected)
 ORDER BY name, role_name, claims;
SELECT is(pg_temp.attempt('regress_bypass', '', 'SELECT count(*) FROM ecommerce.orders'), '3', 'BYPASSRLS is what it says');

-- row_security = off does not open anything: it fails.
SELECT is(pg_temp.attempt('regress_shopper', '{"user_id": 2}', $$SELECT set_config('row_security', 'off', true)$$), 'off', 'a shopper may switch row_security off');
SET LOCAL row_security = off;
SELECT is(pg_temp.attempt('regress_shopper', '{"user_id": 2}', 'SELECT count(*) FROM ecommerce.' || name), '42501', 'row_security = off refuses ' || name) FROM protected ORDER BY name;
SELECT is(pg_temp.attempt('regress_shopper', '{"user_id": 2}', 'SELECT ecommerce.order_listing_json(2) #>> ''{0,customer_id}'''), '2', 'but the functions work');
SET LOCAL row_security = on;

-- A leaky function sees no row that the policy hides.
CREATE TABLE pg_temp.leaked (entry text);
GRANT INSERT ON pg_temp.leaked TO PUBLIC;
CREATE FUNCTION pg_temp.leak(entry text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS 'BEGIN INSERT INTO pg_temp.leaked VALUES (entry); RETURN true; END';
SET LOCAL request.jwt.claims = '{"user_id": 2}';
SET LOCAL ROLE regress_shopper;
SELECT count(*) AS own FROM ecommerce.users WHERE pg_temp.leak(name) \gset
SELECT count(*) AS own_too FROM ecommerce.orders WHERE pg_temp.leak(shipping_address) \gset
RESET ROLE;
SELECT set_eq('SELECT entry FROM leaked', '{"User 2", "Street 2"}'::text[], 'a leaky function sees own rows only');


-- Writing

-- Row-level security alone: what was ordered cannot be changed by anybody.
ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
ALTER TABLE ecommerce.order_details DISABLE TRIGGER USER;
ALTER TABLE ecommerce.order_events DISABLE TRIGGER USER;
SELECT is(pg_temp.attempt('regress_shopper', '{"user_id": 2}', query), expected, query)
  FROM (VALUES
    ('UPDATE ecommerce.users SET name = ''mine''', '0 rows'),
    ('UPDATE ecommerce.users SET name = ''mine'' WHERE id = 1', '0 rows'),
    ('UPDATE ecommerce.users SET id = 4 WHERE id = 2', '0 rows'),
    ('INSERT INTO ecommerce.users (id, name) VALUES (5, ''x'')', '42501'),
    ('INSERT INTO ecommerce.carts (user_id) VALUES (1) ON CONFLICT DO NOTHING', '42501'),
    ('INSERT INTO ecommerce.carts (user_id) VALUES (1) ON CONFLICT (user_id) DO UPDATE SET stock_bucket = 1', '42501'),
    ('UPDATE ecommerce.carts SET stock_bucket = 1', '0 rows'),
    ('UPDATE ecommerce.carts SET user_id = 1', '0 rows'),
    ('DELETE FROM ecommerce.carts', '0 rows'),
    ('INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (2, 12, 1)', '42501'),
    ('INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (1, 12, 1)', '42501'),
    ('INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (2, 12, 1), (1, 12, 1)', '42501'),
    ('UPDATE ecommerce.cart_items SET quantity = 7', '0 rows'),
    ('UPDATE ecommerce.cart_items SET user_id = 1, product_id = 12', '0 rows'),
    ('DELETE FROM ecommerce.cart_items', '0 rows'),
    ('DELETE FROM ecommerce.cart_items WHERE user_id <> 2', '0 rows'),
    ('UPDATE ecommerce.orders SET order_status = ''CANCELLED''', '0 rows'),
    ('UPDATE ecommerce.orders SET customer_id = 1', '0 rows'),
    ('DELETE FROM ecommerce.order_events', '0 rows'),
    ('UPDATE ecommerce.order_details SET product_name = ''x'' WHERE customer_id = 1', '0 rows'),
    ('INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, id, event, actor) VALUES (1, 1, 2, 99, ''forged'', ''x'')', '42501'),
    ('INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (1, 999, 1, ''USD'', ''x'')', '42501'))
    AS writes (query, expected);


-- The claims are read once for a query, and by the index

CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    lines text;
BEGIN
    PERFORM set_config('role', 'regress_shopper', true), set_config('enable_seqscan', 'off', true);
    FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
        lines := concat_ws(E'\n', lines, line);
    END LOOP;
    PERFORM set_config('role', 'none', true), set_config('enable_seqscan', 'on', true);
    RETURN lines;
END
$$;
-- Where a setting is read but by an InitPlan: in a Filter or an index condition.
CREATE FUNCTION pg_temp.reads_claims_for_each_row(query text) RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_or(line ~ 'Filter:|Cond:' AND line ~ 'current_setting|has_table_privilege')
      FROM regexp_split_to_table(pg_temp.plan(query), E'\n') AS line
$$;
SELECT ok(NOT pg_temp.reads_claims_for_each_row(query) AND pg_temp.plan(query) ~ 'InitPlan', 'the claims are read once by ' || query)
  FROM (SELECT 'SELECT * FROM ecommerce.' || name FROM protected ORDER BY name) AS queries (query);
CREATE TABLE ecommerce.slow (customer_id bigint);
GRANT SELECT ON ecommerce.slow TO regress_shopper;
ALTER TABLE ecommerce.slow ENABLE ROW LEVEL SECURITY;
CREATE POLICY without_sub_select ON ecommerce.slow USING (
    customer_id = (current_setting('request.jwt.claims', true)::jsonb ->> 'user_id')::bigint);
SELECT ok(pg_temp.reads_claims_for_each_row('SELECT * FROM ecommerce.slow'), 'this test sees a policy without sub-select');
SELECT is_empty($$ SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'ecommerce' AND tablename <> 'slow'
                    AND (permissive <> 'PERMISSIVE' OR roles <> '{public}' OR with_check IS NOT NULL) $$,
                'each policy is for all roles, and checks what is written as it checks what is read');
SELECT set_eq($$ SELECT tablename || ' ' || policyname FROM pg_policies WHERE schemaname = 'ecommerce' AND cmd = 'ALL' AND tablename <> 'slow' $$,
              '{users staff, promotions staff, promotion_levels staff}'::text[], 'only staff write, what has no history');
SELECT set_eq($$ SELECT tablename || ' ' || policyname FROM pg_policies WHERE schemaname = 'ecommerce' AND cmd = 'SELECT' $$,
              $$ SELECT name || ' own_rows' FROM protected UNION SELECT name || ' staff' FROM protected WHERE name <> 'users' $$,
              'and the rest is for reading');

-- The policies agree with current_user_id() about whose the claims are.
SELECT is(pg_temp.attempt('regress_shopper', claims, 'SELECT coalesce(max(id)::text, ''none'') FROM ecommerce.users'),
          CASE pg_temp.attempt('regress_shopper', claims, 'SELECT ecommerce.current_user_id()') WHEN 'null' THEN 'none'
               ELSE pg_temp.attempt('regress_shopper', claims, 'SELECT ecommerce.current_user_id()') END,
          'policy and current_user_id() agree about ' || to_json(claims))
  FROM unnest(ARRAY ['', '{}', 'null', '1', '"user_id"', '[]', '[{"user_id": 1}]', '{"user_id": 1}', '{"user_id": " 2 "}', '{"user_id": 1, "user_id": 2}',
                     '{"user_id": 1.0}', '{"user_id": 1e0}', '{"user_id": true}', '{"user_id": [1]}', '{"user_id": 9223372036854775808}', '{"user_id": "1\u0000"}',
                     '{"user_id": ""}', 'x', ' ']) AS claims;

SELECT * FROM finish();
ROLLBACK;
