-- PostgREST serves the shop: the statements that it sends for each function and view
-- of ecommerce_api are accepted, and the answers are what a client gets.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql

\set show on
\echo
\echo ---- What PostgREST sends, in full, and again from its prepared statements
\set request 'ada: POST /rpc/add_to_cart {"quantity": 3, "product_id": 11}'
\i send.sql
\i send.sql
\set request 'ada: GET /rpc/cart_json'
\i send.sql
\set request 'ada: GET /rpc/order_json?order_id=1'
\i send.sql
\set request 'anonymous: GET /products?price=lt.1&order=name.asc'
\i send.sql
\set show off

\echo
\echo ---- The catalogue, filtered and sorted; what is not sold is not shown
\set request 'anonymous: GET /products?order=price.desc'
\i send.sql
\set request 'anonymous: GET /products?id=eq.13'
\i send.sql
\set request 'anonymous: GET /products?name=ilike.p%&currency=eq.USD&order=id.asc'
\i send.sql
\set request 'anonymous: GET /products?id=eq.eleven'
\i send.sql
\set request 'anonymous: HEAD /categories'
\i send.sql

\echo
\echo ---- Arguments may be left out, and come in any order, from JSON, a form or the address
\set request 'ada: POST /rpc/add_to_cart {"product_id": 12}'
\i send.sql
\set request 'ada: FORM /rpc/set_cart_item quantity=2&product_id=12'
\i send.sql
\set request 'ada: POST /rpc/set_cart_item {"product_id": "12", "quantity": "0"}'
\i send.sql
\set request 'ada: POST /rpc/cart_json {}'
\i send.sql
\set request 'ada: POST /rpc/cart_json'
\i send.sql

\echo
\echo ---- Of an array only the first element is called, once
\set request 'ada: POST /rpc/add_to_cart [{"product_id": 11, "quantity": 1}, {"product_id": 11, "quantity": 90}]'
\i send.sql

\echo
\echo ---- An order, repeated with its key, and read again
\set request 'ada: POST /rpc/place_order {"idempotency_key": "a7f3", "expected_amount": 1.00}'
\i send.sql
\set request 'ada: POST /rpc/place_order {"idempotency_key": "a7f3", "expected_amount": 1.75}'
\i send.sql
\i send.sql
\set request 'ada: GET /rpc/order_json?order_id=1'
\i send.sql
\set request 'ada: POST /rpc/order_json {"order_id": 1}'
\i send.sql
\set request 'ada: GET /rpc/order_listing_json'
\i send.sql
\set request 'ada: GET /rpc/order_listing_json?status=SHIPPED'
\i send.sql
\set request 'ada: POST /rpc/order_listing_json {"page_size": null, "before_id": 1, "status": null}'
\i send.sql

\echo
\echo ---- Pages: 50 orders unless told otherwise, at most 500
RESET SESSION AUTHORIZATION;
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address)
SELECT 2, n, 'USD', 'x' FROM generate_series(1, 510) AS n;
SET SESSION AUTHORIZATION regress_pgrst_pool;
\set whole_answer :answer
\set answer 'format(''%s orders'', jsonb_array_length(:''reply_body''::jsonb))'
\set request 'grace: GET /rpc/order_listing_json'
\i send.sql
\set request 'grace: POST /rpc/order_listing_json {"page_size": null}'
\i send.sql
\set request 'grace: GET /rpc/order_listing_json?page_size=500'
\i send.sql
\set request 'grace: GET /rpc/order_listing_json?page_size=501'
\i send.sql
\set request 'grace: GET /rpc/order_listing_json?page_size=0'
\i send.sql
\set answer :whole_answer

\echo
\echo ---- GET is read-only: it changes nothing, whatever function it names
\set request 'ada: GET /rpc/add_to_cart?product_id=11'
\i send.sql
\set request 'ada: HEAD /rpc/add_to_cart?product_id=11'
\i send.sql
\set request 'ada: GET /rpc/set_cart_item?product_id=11&quantity=5'
\i send.sql
\set request 'ada: GET /rpc/set_cart_item?product_id=11&quantity=0'
\i send.sql
\set request 'ada: GET /rpc/place_order'
\i send.sql
\set request 'ada: GET /rpc/place_order?idempotency_key=a7f3'
\i send.sql
\set request 'emmy: GET /rpc/place_order'
\i send.sql
\set request 'ada: GET /rpc/cart_json'
\i send.sql
\i close.sql
