-- Every error that a client can cause has the HTTP status of the reference, and no
-- data of the client's gets into the status line.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql

\echo
\echo ---- The status of every SQLSTATE of the reference, and of the server
SELECT sqlstate, regress_postgrest.status(sqlstate, '', true) AS status
  FROM unnest('{PT401,PT404,PT409,PT422,42501,22004,22023,22003,22P02,54000,55000,27000,25006,40001,40P01,55P03,57014,23503,42883}'::text[]) AS sqlstate;
SELECT 'without a token', sqlstate, regress_postgrest.status(sqlstate, '', false) FROM unnest('{42501,PT401}'::text[]) AS sqlstate;

\echo
\echo ---- What PostgREST refuses without asking the database
\set request 'ada: POST /rpc/add_to_cart {"product_id": '
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"quantity": 1}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 11, "user_id": 2}'
\i send.sql
\set request 'ada: POST /rpc/set_cart_item {"product_id": 11}'
\i send.sql
\set request 'ada: POST /rpc/cart_json {"user_id": 2}'
\i send.sql
\set request 'ada: GET /rpc/place_order?customer_id=2'
\i send.sql
\set request 'ada: POST /rpc/migrate'
\i send.sql

\echo
\echo ---- Bad bodies and bad types that reach the database: 400
\set request 'ada: POST /rpc/add_to_cart?columns=product_id {"product_id": '
\i send.sql
\set request 'ada: POST /rpc/add_to_cart?columns=product_id "text"'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": "eleven"}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 1.5}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": {"id": 11}}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 99999999999999999999}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 11, "quantity": 2147483648}'
\i send.sql
\set request 'ada: GET /rpc/order_json?order_id=one'
\i send.sql
\set request 'ada: POST /rpc/place_order?columns=idempotency_key {"idempotency_key": "a\\u0000b"}'
\i send.sql

\echo
\echo ---- Values that are not accepted: 400
\set request 'ada: POST /rpc/add_to_cart {"product_id": null}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 11, "quantity": 0}'
\i send.sql
\set request 'ada: POST /rpc/set_cart_item {"product_id": 11, "quantity": -1}'
\i send.sql
\set request 'ada: GET /rpc/order_listing_json?status=LOST'
\i send.sql
\set request 'ada: POST /rpc/order_json {"order_id": null}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"idempotency_key": ""}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"shipping_address": " "}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"expected_amount": "NaN"}'
\i send.sql

\echo
\echo ---- Things that are not there: 404
\set request 'ada: POST /rpc/add_to_cart {"product_id": 99}'
\i send.sql
\set request 'ada: GET /rpc/order_listing_json?before_id=99'
\i send.sql
\set request 'ada: POST /rpc/place_order'
\i send.sql

\echo
\echo ---- Conflicts: 409, and 422 for a key that was used for something else
\set request 'ada: POST /rpc/add_to_cart {"product_id": 13}'
\i send.sql
\set whole_answer :answer
\set answer ':''reply_body''::jsonb - ''{cart_items,order_details,fingerprint}''::text[]'
\set request 'ada: POST /rpc/add_to_cart {"product_id": 12, "quantity": 6}'
\i send.sql
\set request 'ada: POST /rpc/place_order'
\i send.sql
\set request 'ada: POST /rpc/set_cart_item {"product_id": 12, "quantity": 2}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"expected_amount": 2.99}'
\i send.sql
\set request 'ada: POST /rpc/add_to_cart {"product_id": 14}'
\i send.sql
\set request 'ada: POST /rpc/place_order'
\i send.sql
\set request 'ada: POST /rpc/set_cart_item {"product_id": 14, "quantity": 0}'
\i send.sql
\set answer ':''reply_body''::jsonb - ''order_details'' - ''order_date'''
\set request 'ada: POST /rpc/place_order {"idempotency_key": "k"}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"idempotency_key": "k", "expected_amount": 4}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"idempotency_key": "k", "shipping_address": "9 Other Street"}'
\i send.sql
\set answer :whole_answer
\set request 'emmy: POST /rpc/set_cart_item {"product_id": 11, "quantity": 1}'
\i send.sql
\set request 'emmy: POST /rpc/place_order'
\i send.sql

\echo
\echo ---- Tokens: who the request acts for
RESET SESSION AUTHORIZATION;
INSERT INTO regress_postgrest.identities VALUES
    ('unnamed', 'regress_pgrst_shopper', '{}'),
    ('named_null', 'regress_pgrst_shopper', '{"user_id": null}'),
    ('in_a_string', 'regress_pgrst_shopper', '{"user_id": "3"}'),
    ('of_no_user', 'regress_pgrst_shopper', '{"user_id": 99}'),
    ('in_words', 'regress_pgrst_shopper', '{"user_id": "three"}'),
    ('in_an_array', 'regress_pgrst_shopper', '{"user_id": [3]}'),
    ('in_an_object', 'regress_pgrst_shopper', '{"user_id": {"id": 3}}'),
    ('with_a_fraction', 'regress_pgrst_shopper', '{"user_id": 3.5}'),
    ('too_large', 'regress_pgrst_shopper', '{"user_id": 99999999999999999999}'),
    ('of_two', 'regress_pgrst_shopper', '{"user_id": "3", "User_Id": 1, "sub": "1"}'),
    ('with_a_line_break', 'regress_pgrst_shopper', '{"user_id": "3\r\nSet-Cookie: a=b"}'),
    ('of_no_role', 'regress_pgrst_nowhere', '{"user_id": 3}'),
    ('of_another_role', 'regress_pgrst_shop', '{"user_id": 3}');
SET SESSION AUTHORIZATION regress_pgrst_pool;
\set request 'unnamed: GET /rpc/cart_json'
\i send.sql
\set request 'unnamed: POST /rpc/place_order'
\i send.sql
\set request 'named_null: GET /rpc/cart_json'
\i send.sql
\set request 'in_a_string: POST /rpc/set_cart_item {"product_id": 11, "quantity": 0}'
\i send.sql
\set request 'of_no_user: GET /rpc/cart_json'
\i send.sql
\set request 'of_no_user: POST /rpc/add_to_cart {"product_id": 11}'
\i send.sql
\set request 'of_no_user: GET /rpc/order_listing_json'
\i send.sql
\set request 'in_words: GET /rpc/cart_json'
\i send.sql
\set request 'in_an_array: GET /rpc/cart_json'
\i send.sql
\set request 'in_an_object: GET /rpc/cart_json'
\i send.sql
\set request 'with_a_fraction: GET /rpc/cart_json'
\i send.sql
\set request 'too_large: GET /rpc/cart_json'
\i send.sql
\set request 'of_two: GET /rpc/cart_json'
\i send.sql
\set request 'with_a_line_break: GET /rpc/cart_json'
\i send.sql
\set request 'of_no_role: GET /rpc/cart_json'
\i send.sql
\set request 'of_another_role: GET /rpc/cart_json'
\i send.sql

\echo
\echo ---- Line breaks that would end the status line, in every argument that takes text
\set request 'ada: POST /rpc/place_order {"shipping_address": "\\r\\nSet-Cookie: a=b", "idempotency_key": "k"}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"idempotency_key": "\\r\\nSet-Cookie: a=b"}'
\i send.sql
\set request 'ada: POST /rpc/order_listing_json {"status": "SHIPPED\\r\\nSet-Cookie: a=b"}'
\i send.sql

\echo
\echo ---- Before migrate(): 500, for the shop to put right
RESET SESSION AUTHORIZATION;
ALTER TABLE ecommerce.orders RENAME TO regress_orders;
SET SESSION AUTHORIZATION regress_pgrst_pool;
\set request 'ada: GET /rpc/cart_json'
\i send.sql
RESET SESSION AUTHORIZATION;
ALTER TABLE ecommerce.regress_orders RENAME TO orders;
SET SESSION AUTHORIZATION regress_pgrst_pool;
\set request 'ada: POST /rpc/place_order {"idempotency_key": "k", "expected_amount": 4}'
\i send.sql
\i close.sql
