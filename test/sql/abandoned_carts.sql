-- Carts that nobody has touched: how they are found, and clear_abandoned_carts().

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, email) VALUES
    (1, 'old', 'old@example.com'), (2, 'one product changed', NULL), (3, 'chose an address', NULL), (4, 'new', NULL),
    (5, 'empty', NULL), (6, 'only chose, long ago', NULL), (7, 'old, too', NULL), (8, 'chose long ago', NULL);
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Pen', 1.50);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100), (12, 100);
SELECT count(ecommerce.add_to_cart(user_id, product_id)) AS added
  FROM unnest('{1, 2, 3, 4, 7, 8}'::bigint[]) AS user_id, unnest('{11, 12}'::bigint[]) AS product_id;
UPDATE ecommerce.carts SET created_at = '2026-01-01', stock_bucket = 5;
UPDATE ecommerce.cart_items SET changed_at = '2026-01-02' WHERE user_id <> 4;
UPDATE ecommerce.cart_items SET changed_at = '2026-06-01' WHERE user_id = 2 AND product_id = 12;
SELECT ecommerce.set_cart_item(5, 11, 1) IS NOT NULL AS added, ecommerce.set_cart_item(5, 11, 0) IS NOT NULL AS taken_out;
SELECT count(ecommerce.set_cart_shipping(user_id, address => '{"city": "Rome", "country": "IT"}')) AS chosen
  FROM unnest('{3, 6}'::bigint[]) AS user_id;
SELECT ecommerce.set_cart_coupons(8, '{TEN}') IS NOT NULL AS chosen;
UPDATE ecommerce.carts SET created_at = '2026-01-01';
UPDATE ecommerce.carts SET changed_at = '2026-01-02' WHERE user_id IN (6, 8);

-- When carts that hold something were last touched.
SELECT name, count(product_id) AS products,
       greatest(cart.created_at, cart.changed_at, max(item.changed_at)) < '2026-03-01' AS is_abandoned
  FROM ecommerce.carts AS cart
  JOIN ecommerce.users ON users.id = cart.user_id
  LEFT JOIN ecommerce.cart_items AS item ON item.user_id = cart.user_id
 GROUP BY cart.user_id, name
 ORDER BY cart.user_id;

-- So many at a time; nothing is left of them but the row.
SELECT ecommerce.clear_abandoned_carts(before => '2026-03-01', max => 1);
SELECT ecommerce.clear_abandoned_carts(before => '2026-03-01');
SELECT ecommerce.clear_abandoned_carts(before => '2026-03-01');
SELECT name, stock_bucket, coupons, cart.address ->> 'city' AS city, count(product_id) AS products
  FROM ecommerce.carts AS cart
  JOIN ecommerce.users ON users.id = cart.user_id
  LEFT JOIN ecommerce.cart_items AS item ON item.user_id = cart.user_id
 GROUP BY cart.user_id, name ORDER BY cart.user_id;

-- Guests without a cart or an order can go altogether; a customer, or who has ordered, stays.
SELECT ecommerce.place_order(4, shipping_address => 'Here') ->> 'id' AS order_id;
WITH gone AS (
    DELETE FROM ecommerce.users AS guest
     WHERE email IS NULL AND created_at < now() + interval '1 day'
       AND NOT EXISTS (SELECT FROM ecommerce.cart_items WHERE user_id = guest.id)
       AND NOT EXISTS (SELECT FROM ecommerce.orders WHERE customer_id = guest.id)
    RETURNING name)
SELECT name FROM gone ORDER BY name;

-- Refused
SELECT ecommerce.clear_abandoned_carts(NULL);
SELECT ecommerce.clear_abandoned_carts('2026-03-01', NULL);
SELECT ecommerce.clear_abandoned_carts('2026-03-01', 0);
SELECT ecommerce.clear_abandoned_carts('-infinity');
SELECT ecommerce.clear_abandoned_carts('infinity');

SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';
DROP SCHEMA ecommerce_api, ecommerce CASCADE;
