-- The defects of the web service that this replaces: none may come back.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES
    (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Side Street'), (3, 'Edsger', '3 Hill Road');
INSERT INTO ecommerce.categories (id, name) VALUES (1, 'MobilePhones');
INSERT INTO ecommerce.products (id, name, description, price, category_id) VALUES
    (1, 'IPhone 13', 'Apple IPhone 13', 1600.00, 1), (2, 'IPhone 12', 'Apple IPhone 12', 1200.00, 1),
    (3, 'Screw', NULL, 0.1, NULL), (4, 'Nail', NULL, 0.2, NULL), (5, 'Ship', NULL, 899999999999.99, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 1000 FROM ecommerce.products;

CREATE VIEW pg_temp.shop AS SELECT
    (SELECT string_agg(format('%s: %s x %s', user_id, quantity, product_id), ', ' ORDER BY user_id, product_id)
     FROM ecommerce.cart_items) AS carts,
    (SELECT string_agg(format('%s x %s', quantity, product_id), ', ' ORDER BY product_id)
     FROM ecommerce.stock_levels) AS stock,
    (SELECT count(*) FROM ecommerce.orders) AS orders,
    (SELECT count(*) FROM ecommerce.order_details) AS lines,
    (SELECT count(*) FROM ecommerce.order_events) AS events;
CREATE PROCEDURE pg_temp.put_into_cart(user_id bigint, products jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.add_to_cart(user_id, key::bigint, value::integer) FROM jsonb_each_text(products);
END
$$;
CREATE FUNCTION pg_temp.lines(an_order jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s x %s = %s', line -> 'quantity', line #>> '{product_order_details,name}',
                             line -> 'line_amount'), ', ')
    FROM jsonb_array_elements(an_order -> 'order_details') AS line
$$;

-- Other people's cart items: an order takes the customer's own, and no others.
CALL pg_temp.put_into_cart(1, '{"1": 1}');
CALL pg_temp.put_into_cart(2, '{"1": 2, "2": 1}');
CALL pg_temp.put_into_cart(3, '{"2": 5}');
SELECT pg_temp.lines(ecommerce.place_order(2));
TABLE shop;
SELECT customer_id, count(*) AS orders FROM ecommerce.orders GROUP BY customer_id ORDER BY customer_id;
SELECT ecommerce.order_listing_json(1) AS of_ada, ecommerce.order_listing_json(3) AS of_edsger;

-- Quantities: what is charged and taken from stock is what was ordered.
SELECT placed -> 'order_amount' AS order_amount, pg_temp.lines(placed) FROM ecommerce.place_order(3) AS placed;
TABLE shop;

-- A product that was added twice is one line, and short or not as a whole.
CALL pg_temp.put_into_cart(3, '{"2": 500}');
CALL pg_temp.put_into_cart(3, '{"2": 500}');
SELECT ecommerce.place_order(3);
SELECT ecommerce.set_cart_item(3, 2, 994) -> 'problems' AS problems;
SELECT pg_temp.lines(ecommerce.place_order(3));
TABLE shop;

-- Floats: amounts are exact, small ones, large ones and many of them.
SELECT 0.1::float8 + 0.2::float8 = 0.3::float8 AS floats_are_exact;
CALL pg_temp.put_into_cart(3, '{"3": 1, "4": 1}');
SELECT ecommerce.place_order(3, expected_amount => 0.3) -> 'order_amount' AS order_amount;
CALL pg_temp.put_into_cart(3, '{"3": 3, "5": 999}');
SELECT placed -> 'order_amount' AS order_amount, pg_temp.lines(placed) FROM ecommerce.place_order(3) AS placed;
INSERT INTO ecommerce.products (id, name, price) SELECT n, 'Grain', 0.1 FROM generate_series(101, 400) AS n;
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT n, 1 FROM generate_series(101, 400) AS n;
SELECT jsonb_object_agg(n, 1) AS grains FROM generate_series(101, 400) AS n \gset
CALL pg_temp.put_into_cart(3, :'grains');
SELECT sum(0.1::float8) = 30 AS floats_are_exact FROM generate_series(1, 300);
SELECT ecommerce.place_order(3, expected_amount => 30) -> 'order_amount' AS order_amount;
DELETE FROM ecommerce.products WHERE id > 100;

-- Deleted and changed products: an order keeps what was sold as it was sold.
SELECT ecommerce.order_listing_json(2) AS listing \gset
SELECT pg_temp.lines(:'listing'::jsonb -> 0);
UPDATE ecommerce.products SET name = 'IPhone XIII', description = NULL, price = 1, category_id = NULL WHERE id = 1;
UPDATE ecommerce.categories SET name = 'Antiques';
UPDATE ecommerce.stock_levels SET quantity = 7 WHERE product_id = 1;
SELECT ecommerce.order_listing_json(2) = :'listing' AS unchanged;
DELETE FROM ecommerce.products WHERE id = 2;
UPDATE ecommerce.products SET category_id = NULL;
DELETE FROM ecommerce.categories WHERE id = 1;
SELECT ecommerce.order_listing_json(2) = :'listing' AS unchanged;
TABLE shop;

-- Double submit: with a key it is one order, told twice; without one the second
-- finds an empty cart.
CALL pg_temp.put_into_cart(2, '{"1": 2}');
SELECT placed -> 'id' AS id, placed -> 'replayed' AS replayed
FROM ecommerce.place_order(2, idempotency_key => 'click') AS placed;
SELECT placed -> 'id' AS id, placed -> 'replayed' AS replayed
FROM ecommerce.place_order(2, idempotency_key => 'click') AS placed;
SELECT ecommerce.place_order(2);
TABLE shop;

-- Unknown product, missing cart, unknown user: each has its own error.
SELECT ecommerce.add_to_cart(2, 2);
SELECT ecommerce.place_order(2);
DELETE FROM ecommerce.carts WHERE user_id = 2;
SELECT ecommerce.place_order(2);
SELECT cart -> 'cart_items' AS cart_items, cart -> 'cart_amount' AS cart_amount FROM ecommerce.cart_json(2) AS cart;
SELECT ecommerce.place_order(4);
TABLE shop;

-- Stock: what is not there is not sold.
CALL pg_temp.put_into_cart(2, '{"1": 6}');
SELECT ecommerce.place_order(2);
TABLE shop;

-- Several commits for an order: it is all or nothing, whichever of the writes
-- fails, even if none does before the caller commits.
SELECT ecommerce.set_cart_item(2, 1, 5) -> 'problems' AS problems;
CREATE TABLE pg_temp.before AS TABLE shop;
CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE 'no % of %', lower(TG_OP), TG_TABLE_NAME; END$$;
CREATE PROCEDURE pg_temp.fail_at(operation text, table_name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE CONSTRAINT TRIGGER fail AFTER %s ON ecommerce.%I DEFERRABLE FOR EACH ROW
                    EXECUTE FUNCTION pg_temp.fail()', operation, table_name);
    BEGIN
        PERFORM ecommerce.place_order(2, idempotency_key => 'unlucky');
    EXCEPTION WHEN raise_exception THEN
        RAISE WARNING '%, and all is as before: %', SQLERRM,
            (SELECT bool_and(shop = before) FROM pg_temp.shop, pg_temp.before);
    END;
    EXECUTE format('DROP TRIGGER fail ON ecommerce.%I', table_name);
END
$$;
CALL pg_temp.fail_at('DELETE', 'cart_items');
CALL pg_temp.fail_at('UPDATE', 'stock_levels');
CALL pg_temp.fail_at('INSERT', 'orders');
CALL pg_temp.fail_at('INSERT', 'order_details');
CALL pg_temp.fail_at('INSERT', 'order_events');
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON ecommerce.order_events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pg_temp.fail();
BEGIN;
SELECT ecommerce.place_order(2, idempotency_key => 'unlucky') -> 'order_amount' AS order_amount;
COMMIT;
TABLE shop;
DROP TRIGGER fail ON ecommerce.order_events;
SELECT placed -> 'order_amount' AS order_amount, placed -> 'replayed' AS replayed
FROM ecommerce.place_order(2, idempotency_key => 'unlucky') AS placed;
TABLE shop;

-- After all that every order still is the sum of its lines.
SELECT customer_id, count(*) AS orders,
       bool_and(order_amount = (SELECT sum(line_amount) FROM ecommerce.order_details
                                WHERE order_details.customer_id = orders.customer_id AND order_id = id)) AS add_up
FROM ecommerce.orders GROUP BY customer_id ORDER BY customer_id;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
