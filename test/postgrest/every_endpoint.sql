-- Sends a request to every function and view of ecommerce_api as :who.

\set request :who ': GET /categories?order=id.asc'
\i send.sql
\set request :who ': GET /products?order=id.asc'
\i send.sql
\set request :who ': POST /products {"name": "Forged", "price": 0}'
\i send.sql
\set request :who ': PATCH /products?id=eq.11 {"price": 0}'
\i send.sql
\set request :who ': DELETE /categories?id=eq.7'
\i send.sql
\set request :who ': POST /rpc/add_to_cart {"product_id": 11, "quantity": 2}'
\i send.sql
\set request :who ': POST /rpc/set_cart_item {"product_id": 11, "quantity": 1}'
\i send.sql
\set request :who ': GET /rpc/cart_json'
\i send.sql
\set request :who ': POST /rpc/place_order {"idempotency_key": "k1", "expected_amount": 0.25}'
\i send.sql
\set request :who ': GET /rpc/order_listing_json?page_size=1'
\i send.sql
\set request :who ': GET /rpc/order_json?order_id=1'
\i send.sql
