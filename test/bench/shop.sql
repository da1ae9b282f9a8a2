-- Full carts of 1, 5, 20 and 100 items, and earlier orders.

\set ON_ERROR_STOP on

-- The functions as ecommerce_api has them, but for any user, and without its limit of a page.
CREATE FUNCTION bench.place_order_as_json(
    user_id bigint, idempotency_key text DEFAULT NULL, expected_amount numeric DEFAULT NULL, fingerprint text DEFAULT NULL,
    shipping_address text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS '$libdir/ecommerce', 'place_order_2';
CREATE FUNCTION bench.order_listing_as_json(
    user_id bigint, page_size integer DEFAULT NULL, before_id bigint DEFAULT NULL, status text DEFAULT NULL) RETURNS json
    LANGUAGE c STABLE PARALLEL RESTRICTED AS '$libdir/ecommerce', 'order_listing_json';

SET ROLE shop;

-- Users 1 to :carts have one item in the cart, the next :carts have 5, and so on.
INSERT INTO ecommerce.users (name, email, shipping_address)
SELECT 'Customer ' || n, 'customer' || n || '@example.com', n || ' Hinkle Deegan Lake Road, Syracuse, New York'
  FROM generate_series(1, 4 * :carts) AS n;
INSERT INTO ecommerce.carts (user_id)
SELECT id FROM ecommerce.users ORDER BY id;
INSERT INTO ecommerce.cart_items (user_id, product_id, quantity, unit_price, currency, product_name)
SELECT user_id, product.id, item % 3 + 1, product.price, product.currency, product.name
  FROM ecommerce.carts
 CROSS JOIN LATERAL generate_series(1, (ARRAY[1, 5, 20, 100])[(user_id - 1) / :carts + 1]) AS item
  JOIN ecommerce.products AS product ON product.id = (user_id * 37 + item * 13) % 20000 + 1
 ORDER BY user_id, item;

-- Earlier orders: user 1000000 + n has n of them, all others have 8. They are mixed,
-- as time would have mixed them.
INSERT INTO ecommerce.users (id, name, shipping_address)
SELECT 1000000 + n, 'Customer with ' || n || ' orders', '587 Hinkle Deegan Lake Road, Syracuse, New York'
  FROM unnest(ARRAY[1, 10, 100, 1000, 10000, 100000]) AS n;
INSERT INTO ecommerce.orders (customer_id, order_date, order_amount, currency, order_status, shipping_address)
SELECT id, timestamptz '2024-01-01' + n * interval '83 minutes 1.001 seconds', id * n % 100000 / 100.0, 'USD',
       'DELIVERED', shipping_address
  FROM ecommerce.users, LATERAL generate_series(1, CASE WHEN id > 1000000 THEN id - 1000000 ELSE 8 END) AS n
 ORDER BY hashint8(id * 1000003 + n);
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name,
       product_description, category_id, category_name, unit_price, quantity, line_amount)
SELECT orders.customer_id, orders.id, line, product.id, product.name, product.description, category.id,
       category.name, product.price, line % 3 + 1, product.price * (line % 3 + 1)
  FROM ecommerce.orders, generate_series(1, 5) AS line,
       ecommerce.products AS product, ecommerce.categories AS category
 WHERE product.id = (orders.id * 37 + line * 13) % 20000 + 1 AND category.id = product.category_id
 ORDER BY orders.id, line;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
SELECT customer_id, id, 1, 'order_placed', 'PROCESSING', current_user FROM ecommerce.orders ORDER BY id;
RESET ROLE;
