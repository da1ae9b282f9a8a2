-- A new order is answered with 201, and one that was placed before with the same key with 200.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql
\set answer ':''reply_body''::jsonb - ''{order_date,order_details}''::text[]'

\set request 'ada: POST /rpc/place_order {"idempotency_key": "k", "shipping_address": "x"}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 11}'
\set answer ''''''
\i send.sql
\set answer ':''reply_body''::jsonb -> ''replayed'''
\set request 'ada: POST /rpc/place_order {"idempotency_key": "k"}'
\i send.sql
\i send.sql
\set request 'ada: POST /rpc/place_order {"idempotency_key": "k", "expected_amount": 9}'
\i send.sql
\set request 'ada: POST /rpc/place_order {}'
\i send.sql

\echo ---- Whoever calls it otherwise finds nothing of that in the session
BEGIN;
SET LOCAL request.jwt.claims = '{"user_id": 2}';
SET LOCAL ROLE regress_pgrst_shopper;
SELECT ecommerce_api.add_to_cart(11) IS NOT NULL AS filled, ecommerce_api.place_order() -> 'replayed' AS replayed;
SELECT coalesce(current_setting('response.status', true), '') = '' AS is_not_set;
COMMIT;
\echo ---- nor do staff, whose function leaves the answer as it is
\set request 'staff@ecommerce: POST /rpc/add_to_cart {"user_id": 1, "product_id": 11}'
\set answer ''''''
\i send.sql
\set request 'staff@ecommerce: POST /rpc/place_order {"user_id": 1}'
\i send.sql
\i close.sql
