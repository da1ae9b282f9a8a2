-- order_again(): what was ordered before is put into the cart again, and what has become of
-- it since is among the problems.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Side Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Pen', 1.50), (13, 'Desk', 899.90), (14, 'Ink', 4);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 10 FROM ecommerce.products;
SELECT ecommerce.set_cart_items(1, '{11, 12, 13, 14}', '{4, 2, 1, 8}') -> 'problems' AS problems;
SELECT ecommerce.place_order(1) ->> 'id' AS order_id \gset

CREATE FUNCTION pg_temp.items(cart jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' x ', item -> 'products' ->> 'name', item ->> 'quantity'), ', ')
      FROM jsonb_array_elements(cart -> 'cart_items') AS item
$$;

-- Into an empty cart; what has become of the products is told.
UPDATE ecommerce.products SET price = 1.75 WHERE id = 12;
UPDATE ecommerce.products SET is_active = false WHERE id = 13;
SELECT ecommerce.order_again(1, :order_id) AS returned \gset
SELECT :'returned' = ecommerce.cart_json(1) AS what_is_returned_is_the_cart;
SELECT pg_temp.items(:'returned');
SELECT jsonb_array_elements(:'returned'::jsonb -> 'problems') AS problem;
DELETE FROM ecommerce.products WHERE id = 13;
SELECT ecommerce.cart_json(1) #> '{problems, 0}' AS problem;

-- Repeated, it changes nothing; less is made as much again, more stays, as what else there is.
SELECT pg_temp.items(ecommerce.order_again(user_id => 1, order_id => :order_id));
SELECT count(ecommerce.set_cart_item(1, product_id, quantity)) AS changed FROM (VALUES (11, 1), (12, 5), (13, 0)) AS item (product_id, quantity);
SELECT pg_temp.items(ecommerce.order_again(1, :order_id));
SELECT count(ecommerce.set_cart_item(1, product_id, 0)) AS taken_out FROM unnest('{11, 12, 14}'::bigint[]) AS product_id;
INSERT INTO ecommerce.products (id, name, price) VALUES (15, 'Pad', 2);
SELECT pg_temp.items(ecommerce.add_to_cart(1, 15));
SELECT pg_temp.items(ecommerce.order_again(1, :order_id));

-- The order is one of the user's.
SELECT ecommerce.order_again(2, :order_id);
SELECT ecommerce.order_again(99, :order_id);
SELECT ecommerce.order_again(1, NULL);
SELECT ecommerce.order_again(NULL, :order_id);

-- A customer, by token
SET request.jwt.claims = '{"user_id": 1}';
SELECT pg_temp.items(ecommerce_api.order_again(:order_id)::jsonb);
SET request.jwt.claims = '{"user_id": 2}';
SELECT ecommerce_api.order_again(:order_id);
SET request.jwt.claims = '';
SELECT ecommerce_api.order_again(:order_id);

-- Not more than 1000 products
INSERT INTO ecommerce.products (id, name, price) SELECT id, 'Bead', 1 FROM generate_series(1001, 1997) AS id;
SELECT ecommerce.set_cart_items(1, ARRAY(SELECT generate_series(1001, 1997)), array_fill(1, '{997}')) IS NOT NULL AS filled;
SELECT ecommerce.order_again(1, :order_id);

SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';
DROP SCHEMA ecommerce_api, ecommerce CASCADE;
