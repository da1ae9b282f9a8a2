-- Ada, Grace and a visitor, one after the other.

\set request 'ada: GET /rpc/cart_json'
\i send.sql
\set request 'grace: GET /rpc/cart_json'
\i send.sql
\set request 'anonymous: GET /rpc/cart_json'
\i send.sql
