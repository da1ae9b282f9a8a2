-- Stock: what comes in, and what several buckets of one product make of an order.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street'), ('Grace', '2 Side Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 0.25), ('Pen', 1.50), ('Desk', 899.90);


-- A delivery adds to what is there, and makes levels that are not.

SELECT ecommerce.receive_stock('{2,1}', '{5,10}');
SELECT ecommerce.receive_stock(product_ids => '{1}', quantities => '{2147483647}');
SELECT ecommerce.receive_stock('{}', '{}');
SELECT ecommerce.receive_stock('{3,9,1,8}', '{1,1,1,1}');
SELECT ecommerce.receive_stock('{1}', '{0}');
SELECT ecommerce.receive_stock('{1,1}', '{1,1}');
SELECT ecommerce.receive_stock('{1,2}', '{1}');
SELECT ecommerce.receive_stock(NULL, '{1}');
SELECT ecommerce.receive_stock('{1}', NULL);
SELECT ecommerce.receive_stock('{1}', '{NULL}');
SELECT ecommerce.receive_stock('{{1}}', '{{1}}');
UPDATE ecommerce.stock_levels SET quantity = 9223372036854775807 WHERE product_id = 1;
SELECT ecommerce.receive_stock('{1}', '{1}');
TABLE ecommerce.stock_levels ORDER BY product_id;


-- What is shown can be bought: the cart's bucket first, then the others by their numbers.

TRUNCATE ecommerce.stock_levels;
INSERT INTO ecommerce.stock_levels (product_id, bucket, quantity) VALUES
    (1, 0, 2), (1, 1, 3), (1, 7, 4), (2, 7, 1), (3, 1, 5);
SELECT FROM ecommerce.set_cart_items(1, '{1,2,3}', '{6,1,5}');
UPDATE ecommerce.carts SET stock_bucket = 1;
SELECT jsonb_path_query_array(cart, '$.cart_items[*].products.quantity') AS shown, cart -> 'problems' AS problems
  FROM ecommerce.cart_json(1) AS cart;
SELECT array_agg(quantity ORDER BY id) AS shown FROM ecommerce_api.products;
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
SELECT product_id, bucket, quantity FROM ecommerce.stock_levels ORDER BY product_id, bucket;

-- Cancelling returns everything to the cart's bucket.
SELECT ecommerce.cancel_order(1, 1, 'customer') ->> 'order_status' AS order_status;
SELECT product_id, bucket, quantity FROM ecommerce.stock_levels ORDER BY product_id, bucket;

-- One unit more than there is is refused, with the true sum.
SELECT FROM ecommerce.set_cart_items(1, '{1,3}', '{10,6}');
SELECT ecommerce.cart_json(1) -> 'problems' AS problems;
SELECT ecommerce.place_order(1);
SELECT FROM ecommerce.set_cart_items(1, '{1}', '{9}');
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
SELECT sum(quantity) FROM ecommerce.stock_levels WHERE product_id = 1;

-- A bucket is as big as a customer's number.
UPDATE ecommerce.carts SET stock_bucket = 9223372036854775807 WHERE user_id = 1;
SELECT FROM ecommerce.add_to_cart(1, 3, 5);
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;
SELECT * FROM ecommerce.order_integrity();

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
