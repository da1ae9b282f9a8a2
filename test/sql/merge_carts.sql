-- merge_carts(): what a guest has put into the cart becomes a part of a customer's
-- cart, once: units are added, choices kept, and nothing is in both carts.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, email, shipping_address) VALUES
    (1, 'Ada', 'ada@example.com', '1 Main Street'), (2, 'guest', NULL, NULL), (3, 'guest', NULL, NULL);
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Pen', 1.50), (13, 'Desk', 899.90);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000), (12, 1000), (13, 1);
INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', 'Ten off', 'percent', 10), ('ONE', 'One off', 'percent', 1);
INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES ('post', 'Post', 5), ('fast', 'Express', 9);

CREATE VIEW pg_temp.carts AS
    SELECT users.id, coupons, shipping_code AS code, carts.address ->> 'city' AS city, billing_address ->> 'city' AS bill,
           (SELECT string_agg(concat_ws(' ', quantity, product_name, 'at', unit_price, currency), ', ' ORDER BY product_id)
              FROM ecommerce.cart_items WHERE user_id = users.id) AS items
      FROM ecommerce.users LEFT JOIN ecommerce.carts ON carts.user_id = users.id ORDER BY users.id;

-- Of neither user is there a cart; then only the customer has one.
SELECT ecommerce.merge_carts(2, 1) - 'fingerprint' AS cart;
SELECT ecommerce.add_to_cart(1, 11, 4) IS NOT NULL AS added, ecommerce.add_to_cart(1, 13) IS NOT NULL AS added_too;
SELECT ecommerce.merge_carts(from_user_id => 2, into_user_id => 1) -> 'cart_amount' AS cart_amount;

-- Units are added, other products come along, and the cart is what cart_json() shows then.
SELECT ecommerce.add_to_cart(2, 11, 3) IS NOT NULL AS added, ecommerce.add_to_cart(2, 12, 2) IS NOT NULL AS added_too;
SELECT ecommerce.merge_carts(2, 1) AS returned \gset
SELECT :'returned' = ecommerce.cart_json(1) AS what_is_returned_is_the_cart;
SELECT * FROM pg_temp.carts;

-- Repeated, it does nothing.
SELECT :'returned' = ecommerce.merge_carts(2, 1) AS same;

-- In the other direction, too.
SELECT ecommerce.merge_carts(from_user_id => 1, into_user_id => 2) -> 'cart_amount' AS cart_amount;
SELECT * FROM pg_temp.carts;
SELECT ecommerce.merge_carts(from_user_id => 2, into_user_id => 1) -> 'cart_amount' AS cart_amount;

-- Of a product that is in both, the price that was seen last is remembered.
UPDATE ecommerce.cart_items SET changed_at = '2026-01-01' WHERE user_id = 1;
UPDATE ecommerce.products SET price = 2 WHERE id = 12;
SELECT ecommerce.add_to_cart(3, 12) -> 'cart_amount' AS cart_amount;
SELECT ecommerce.merge_carts(3, 1) -> 'problems' AS problems;
SELECT * FROM pg_temp.carts WHERE id = 1;
UPDATE ecommerce.products SET price = 3 WHERE id = 12;
SELECT ecommerce.add_to_cart(3, 12) -> 'cart_amount' AS cart_amount;
UPDATE ecommerce.cart_items SET changed_at = '2026-01-01' WHERE user_id = 3;
SELECT ecommerce.merge_carts(3, 1) -> 'problems' AS problems;
SELECT * FROM pg_temp.carts WHERE id = 1;

-- Products that are not sold any more come along, with the problem.
SELECT ecommerce.clear_cart(1) -> 'cart_items' AS items, ecommerce.add_to_cart(3, 13) -> 'cart_amount' AS cart_amount;
UPDATE ecommerce.products SET is_active = false WHERE id = 13;
SELECT ecommerce.merge_carts(3, 1) -> 'problems' AS problems;
UPDATE ecommerce.products SET is_active = true WHERE id = 13;

-- Without an address of the guest's, how and where the order goes stays as it was.
SELECT ecommerce.set_cart_shipping(1, 'post', '{"city": "Rome", "country": "IT"}', '{"city": "Bari", "country": "IT"}') IS NOT NULL AS chosen,
       ecommerce.set_cart_coupons(1, '{TEN, ten}') IS NOT NULL AS given,
       ecommerce.set_cart_shipping(3, 'fast') IS NOT NULL AS chosen_too, ecommerce.set_cart_coupons(3, '{ONE, TEN}') IS NOT NULL AS given_too;
SELECT ecommerce.merge_carts(3, 1) -> 'coupons' AS coupons;
SELECT * FROM pg_temp.carts;
-- With one it is the guest's, all of it.
SELECT ecommerce.set_cart_shipping(3, 'fast', '{"city": "Oslo", "country": "NO"}') IS NOT NULL AS chosen;
SELECT ecommerce.merge_carts(3, 1) -> 'coupons' AS coupons;
SELECT * FROM pg_temp.carts;
-- At most ten coupons, the guest's first.
SELECT ecommerce.set_cart_coupons(3, '{A, B, C, D, E, F, G, H, I}') IS NOT NULL AS given;
SELECT ecommerce.merge_carts(3, 1) -> 'coupons' AS coupons;

-- No sum is beyond an integer.
SELECT ecommerce.clear_cart(1) -> 'coupons' AS coupons;
SELECT ecommerce.set_cart_item(1, 11, 2147483647) IS NOT NULL AS added, ecommerce.add_to_cart(3, 11, 5) IS NOT NULL AS added_too;
SELECT ecommerce.merge_carts(3, 1) -> 'problems' AS problems;

-- Not more than 1000 products: then nothing has changed.
INSERT INTO ecommerce.products (id, name, price) SELECT id, 'Bead', 1 FROM generate_series(1001, 2000) AS id;
SELECT ecommerce.set_cart_items(1, ARRAY(SELECT generate_series(1001, 1600)), array_fill(1, '{600}')) IS NOT NULL AS filled,
       ecommerce.set_cart_items(3, ARRAY(SELECT generate_series(1601, 2000)), array_fill(1, '{400}')) IS NOT NULL AS filled_too;
SELECT ecommerce.add_to_cart(3, 11) IS NOT NULL AS one_more;
SELECT ecommerce.merge_carts(3, 1);
SELECT user_id, count(*) FROM ecommerce.cart_items GROUP BY user_id ORDER BY user_id;
SELECT ecommerce.set_cart_item(3, 11, 0) IS NOT NULL AS taken_out;
SELECT jsonb_array_length(ecommerce.merge_carts(3, 1) -> 'cart_items') AS products;

-- Refused
SELECT ecommerce.merge_carts(NULL, 1);
SELECT ecommerce.merge_carts(1, NULL);
SELECT ecommerce.merge_carts(1, 1);
SELECT ecommerce.merge_carts(1, 99);
SELECT ecommerce.merge_carts(99, 1);

SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';
DROP SCHEMA ecommerce_api, ecommerce CASCADE;
