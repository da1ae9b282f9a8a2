-- The views orders and order_lines of ecommerce_api show each reader what row-level security
-- lets the reader see, a customer's few rows without reading all others; lines can be embedded
-- in orders, and not the other way round.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
CREATE ROLE regress_owner;
CREATE ROLE regress_shopper;
CREATE ROLE regress_staff;
CREATE ROLE regress_reports BYPASSRLS;
CREATE ROLE regress_stranger;
SELECT ecommerce.migrate(owner => 'regress_owner');
SELECT ecommerce.grant_api(shopper => 'regress_shopper', staff => 'regress_staff');
GRANT USAGE ON SCHEMA ecommerce_api TO regress_reports, regress_stranger;
GRANT SELECT ON ecommerce.orders, ecommerce.order_details, ecommerce_api.orders, ecommerce_api.order_lines
    TO regress_reports, regress_stranger;

-- A shop of 2000 customers with 2 orders each, of 3 lines.
INSERT INTO ecommerce.users (id, name) SELECT n, 'Customer ' || n FROM generate_series(1, 2000) AS n;
INSERT INTO ecommerce.orders (customer_id, id, order_date, order_amount, currency, order_status, shipping_address)
SELECT customer, 2000 * round + customer, '2026-01-01 09:00:00Z', 3, 'USD', 'PROCESSING', customer || ' Main Street'
  FROM generate_series(1, 2000) AS customer, generate_series(0, 1) AS round ORDER BY round, customer;
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
SELECT customer_id, id, line, line, 'Product ' || line, 1, 1, 1 FROM ecommerce.orders, generate_series(1, 3) AS line
 ORDER BY id, line;
ANALYZE ecommerce.orders, ecommerce.order_details;

SELECT * FROM ecommerce_api.orders WHERE id = 2002 \gx
SELECT * FROM ecommerce_api.order_lines WHERE order_id = 2002 AND line_number = 2 \gx

-- How many orders and lines there are for whom.
CREATE FUNCTION public.seen(role_name text, claims text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM set_config('request.jwt.claims', claims, true), set_config('role', role_name, true);
    SELECT concat_ws(' orders, ', (SELECT count(*) FROM ecommerce_api.orders),
                     (SELECT count(*) FROM ecommerce_api.order_lines) || ' lines') INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
SELECT role_name, claims, public.seen(role_name, claims)
  FROM (VALUES ('regress_shopper', '{"user_id": 7}'), ('regress_shopper', '{"user_id": "8"}'), ('regress_shopper', ''),
               ('regress_shopper', '{"user_id": 0}'), ('regress_shopper', '{"user_id": "x"}'),
               ('regress_staff', ''), ('regress_staff', '{"user_id": 7}'), ('regress_staff', '{"user_id": "x"}'),
               ('regress_owner', ''), ('regress_reports', ''), ('regress_reports', '{"user_id": 7}'),
               ('regress_stranger', ''), ('regress_stranger', '{"user_id": 7}'), ('none', '')) AS reader (role_name, claims);

-- They can be read and nothing else.
SELECT table_name, is_updatable, is_insertable_into FROM information_schema.views
 WHERE table_schema = 'ecommerce_api' AND table_name IN ('orders', 'order_lines') ORDER BY table_name;

-- Nodes that were executed for a query, with the tables that they read.
CREATE FUNCTION public.executed(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON) ' || query INTO plan;
    RETURN QUERY
    SELECT DISTINCT concat_ws(' ', CASE WHEN node ->> 'Node Type' ~ '^(Index|Bitmap)' THEN 'index scan of'
                                        ELSE 'seq scan of' END, node ->> 'Relation Name')
      FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Relation Name"))') AS node
     WHERE (node ->> 'Actual Loops')::numeric > 0 ORDER BY 1;
END
$$;

SET request.jwt.claims = '{"user_id": 7}';
SET ROLE regress_shopper;
SELECT public.executed('SELECT * FROM ecommerce_api.orders');
SELECT public.executed('SELECT * FROM ecommerce_api.orders ORDER BY id DESC LIMIT 20');
SELECT public.executed('SELECT * FROM ecommerce_api.orders WHERE id = 2007');
SELECT public.executed('SELECT sum(line_amount) FROM ecommerce_api.order_lines');
-- What PostgREST makes of orders?select=id,order_lines(line_number,product_name)&order=id.desc
\set embedding 'SELECT orders.id, coalesce(lines.agg, ''[]'') AS order_lines FROM ecommerce_api.orders LEFT JOIN LATERAL (SELECT json_agg(line) AS agg FROM (SELECT line_number, product_name FROM ecommerce_api.order_lines(orders) ORDER BY line_number) AS line) AS lines ON true ORDER BY orders.id DESC'
:embedding;
SELECT public.executed(:'embedding');
-- The table itself, with the policies alone: what the views are for.
RESET ROLE;
GRANT USAGE ON SCHEMA ecommerce TO regress_stranger;
SET ROLE regress_stranger;
SELECT public.executed('SELECT id FROM ecommerce.orders');
RESET ROLE;

-- A report of staff's, and an ORM that asks for one customer's.
SET ROLE regress_staff;
SELECT order_status, currency, count(*), sum(order_amount) FROM ecommerce_api.orders GROUP BY order_status, currency;
SELECT public.executed('SELECT count(*) FROM ecommerce_api.order_lines');
SELECT public.executed('SELECT * FROM ecommerce_api.orders WHERE customer_id = 9');
RESET ROLE;

-- PostgREST knows a relationship by a foreign key of the table that a column of a view comes
-- from, which with UNION is none, or by a function of a row. There is one, from orders to lines.
SELECT proname, proargtypes[0]::regtype AS source, prorettype::regtype AS target
  FROM pg_proc WHERE pronamespace = 'ecommerce_api'::regnamespace AND pronargs = 1
   AND proargtypes[0] IN (SELECT reltype FROM pg_class) AND prorettype IN (SELECT reltype FROM pg_class);

DROP FUNCTION public.seen, public.executed;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP OWNED BY regress_reports, regress_stranger;
DROP ROLE regress_owner, regress_shopper, regress_staff, regress_reports, regress_stranger;
