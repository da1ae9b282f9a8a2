-- Goes on with the history of a shop, from the orders that it has to :orders, of :all in ten
-- years. A customer has 10 orders of 5 lines, but for customer 1, who has 1,000 more each
-- time. All are DELIVERED, and their events delivered, but for the last 1,000. Customers 2 to
-- 501 have full carts.

\set ON_ERROR_STOP on

-- Foreign keys and triggers would take most of the time.
SET session_replication_role = replica;
SELECT last_value AS before FROM ecommerce.orders_id_seq \gset
SELECT greatest(1000, :orders / 10) AS customers, :orders - :before AS count \gset

INSERT INTO ecommerce.users (id, name, email, shipping_address)
SELECT n, 'Customer ' || n, 'customer' || n || '@example.com', n || ' Hinkle Deegan Lake Road, Syracuse, New York'
  FROM generate_series((SELECT coalesce(max(id), 0) + 1 FROM ecommerce.users), :customers) AS n;
INSERT INTO ecommerce.carts (user_id)
SELECT id FROM ecommerce.users WHERE id > (SELECT coalesce(max(user_id), 0) FROM ecommerce.carts) ORDER BY id;
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity, unit_price, currency, product_name)
SELECT user_id, product.id, item % 3 + 1, product.price, product.currency, product.name
  FROM generate_series(2, 501) AS user_id, generate_series(1, 5) AS item
  JOIN LATERAL (SELECT * FROM ecommerce.products WHERE id = (user_id * 37 + item * 13) % 20000 + 1) AS product ON true
    ON CONFLICT DO NOTHING;

-- What was under way has been delivered since.
UPDATE ecommerce.orders SET order_status = 'DELIVERED' WHERE order_status = 'PROCESSING';
UPDATE ecommerce.order_events SET delivered_at = created_at WHERE delivered_at IS NULL;

CREATE TEMPORARY VIEW history AS
SELECT n AS id, CASE WHEN n % (:count / 1000) = 0 THEN 1 ELSE 1 + (hashint8(n) & 2147483647) % :customers END AS customer_id,
       timestamptz '2016-11-29' + n::float8 / :all * interval '10 years' AS order_date, n > :orders - 1000 AS is_new
  FROM generate_series(:before::bigint + 1, :orders) AS n;
INSERT INTO ecommerce.orders (customer_id, id, order_date, order_amount, currency, order_status, shipping_address, idempotency_key)
SELECT customer_id, id, order_date, id * 7919 % 100000 / 100.0, 'USD', CASE WHEN is_new THEN 'PROCESSING' ELSE 'DELIVERED' END,
       customer_id || ' Hinkle Deegan Lake Road, Syracuse, New York', md5(id::text)::uuid
  FROM history;
SELECT setval('ecommerce.orders_id_seq', :orders) \g /dev/null
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name,
       product_description, category_id, category_name, unit_price, quantity, line_amount)
SELECT customer_id, history.id, line, product.id, product.name, product.description, category.id,
       category.name, product.price, line % 3 + 1, product.price * (line % 3 + 1)
  FROM history, generate_series(1, 5) AS line,
       ecommerce.products AS product, ecommerce.categories AS category
 WHERE product.id = (history.id * 37 + line * 13) % 20000 + 1 AND category.id = product.category_id;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, old_status, new_status, actor, created_at, delivered_at)
SELECT customer_id, id, number, 'order_' || name, old_status, new_status, 'shop', order_date, CASE WHEN NOT is_new THEN order_date END
  FROM history, (VALUES (1, 'placed', NULL, 'PROCESSING'), (2, 'shipped', 'PROCESSING', 'SHIPPED'), (3, 'delivered', 'SHIPPED', 'DELIVERED'))
       AS step (number, name, old_status, new_status)
 WHERE number = 1 OR NOT is_new;
