-- Through PostgREST everybody gets what grant_api() promises and nothing else: each
-- role at each function and view, and identities that take turns in one connection.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql

\echo
\echo ---- A visitor without a token reads the catalogue
\set who anonymous
\i every_endpoint.sql
\echo
\echo ---- A shopper shops for the user of the token
\set who ada
\i every_endpoint.sql
\echo
\echo ---- A role that was granted nothing, whatever its token says
\set who nobody
\i every_endpoint.sql
\echo
\echo ---- Staff read the catalogue here ...
\set who staff
\i every_endpoint.sql
\echo
\echo ---- ... and serve any user where schema ecommerce is exposed too
\set request 'staff@ecommerce: POST /rpc/add_to_cart {"user_id": 2, "product_id": 12}'
\i send.sql
\set request 'staff@ecommerce: POST /rpc/place_order {"user_id": 2, "idempotency_key": "s1"}'
\i send.sql
\set request 'staff@ecommerce: GET /rpc/order_json?user_id=2&order_id=2'
\i send.sql
\set request 'staff@ecommerce: GET /stock_levels?product_id=eq.12'
\i send.sql
\set request 'staff@ecommerce: PATCH /stock_levels?product_id=eq.12 {"quantity": 40}'
\i send.sql
\set request 'staff@ecommerce: PATCH /orders?id=eq.2 {"order_amount": 0}'
\i send.sql
\set request 'staff@ecommerce: POST /rpc/migrate'
\i send.sql
\set request 'anonymous@ecommerce: GET /orders'
\i send.sql
\set request 'anonymous@ecommerce: POST /rpc/cart_json {"user_id": 1}'
\i send.sql
\set request 'ada@ecommerce: POST /rpc/cart_json {"user_id": 1}'
\i send.sql
\set request 'ada@ecommerce: POST /rpc/grant_api {"shopper": "regress_pgrst_nobody"}'
\i send.sql

\echo
\echo ---- One connection, Ada, Grace and a visitor in turn, well beyond the five calls
\echo ---- after which saved plans become generic: everyone sees what is theirs
\set request 'ada: POST /rpc/add_to_cart {"product_id": 11, "quantity": 10}'
\i send.sql
\set request 'grace: POST /rpc/add_to_cart {"product_id": 11, "quantity": 20}'
\i send.sql
\set whole_answer :answer
\set answer 'format(''cart of user %s: %s units'', :''reply_body''::jsonb -> ''id'', :''reply_body''::jsonb #> ''{cart_items,0,quantity}'')'
\i turns.sql
\i turns.sql
\i turns.sql
\i turns.sql
SELECT count(*) FILTER (WHERE generic_plans > 0) > 0 AS statements_of_the_connection_went_generic
FROM pg_prepared_statements;
\set answer :whole_answer

\echo
\echo ---- An order belongs to its customer, also by number
\set request 'grace: GET /rpc/order_json?order_id=1'
\i send.sql
\set request 'grace: GET /rpc/order_listing_json?before_id=1'
\i send.sql
\set request 'ada: GET /rpc/order_json?order_id=2'
\i send.sql

\echo
\echo ---- A request that fails leaves nothing to the next
\set request 'ada: POST /rpc/place_order {"expected_amount": 1}'
\i send.sql
\set request 'anonymous: GET /rpc/cart_json'
\i send.sql
\set request 'grace: GET /rpc/order_json?order_id=2'
\i send.sql

\echo
\echo ---- What is revoked is refused at once, in connections that are open too
RESET SESSION AUTHORIZATION;
SELECT ecommerce.revoke_api(shopper => 'regress_pgrst_shopper') \g /dev/null
SET SESSION AUTHORIZATION regress_pgrst_pool;
\set request 'ada: GET /rpc/cart_json'
\i send.sql
\set request 'ada: GET /categories'
\i send.sql
\i close.sql
