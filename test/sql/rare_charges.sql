-- What few carts meet, and a random test found: rates in another order, promotions that take
-- the goods below what is shipped, and lines that add up to more than an order can hold.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street');
INSERT INTO ecommerce.products (name, price, tax_class) VALUES
    ('Pencil', 0.50, 'goods'), ('Book', 0.50, 'books'), ('Desk', 50.00, NULL),
    ('House', 999999999999.00, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 1000000 FROM ecommerce.products;

CREATE FUNCTION pg_temp.summary(cart jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ',
        (SELECT string_agg(concat_ws(' ', charge ->> 'kind', charge ->> 'name', charge ->> 'amount'), ', ')
         FROM jsonb_array_elements(cart #> '{charges,adjustments}') AS charge),
        'total ' || (cart ->> 'cart_amount'),
        (SELECT string_agg(concat_ws(' ', problem ->> 'code', problem ->> 'reason'), ', ')
         FROM jsonb_array_elements(cart -> 'problems') AS problem))
$$;

-- The same rates are one group, in whatever order they are: 10.9 % of 1.00 are 0.11, but of 0.50
-- twice 0.05.
INSERT INTO ecommerce.tax_rates (tax_class, name, rate) VALUES
    ('goods', 'State', 5), ('goods', 'City', 5.9), ('books', 'City', 5.9), ('books', 'State', 5);
SELECT pg_temp.summary(ecommerce.set_cart_items(1, '{1, 2}', '{1, 1}'));
-- As many rates, but others: two groups, 10.9 and 11.8 % of 0.50.
UPDATE ecommerce.tax_rates SET rate = 5.9, name = 'City' WHERE tax_class = 'books';
SELECT pg_temp.summary(ecommerce.cart_json(1));

-- A promotion that does not combine is better only if it can be shipped with it: 20.00 off leaves
-- less than is shipped, so what combines is taken.
INSERT INTO ecommerce.shipping_rates (code, name, from_amount, price) VALUES
    ('post', 'Post', 40, 5.00), ('post', 'Free post', 49, 0.00);
INSERT INTO ecommerce.promotions (name, kind, value, combines, currency) VALUES
    ('Little', 'amount', 2.00, true, 'USD'), ('Much', 'amount', 20.00, false, 'USD');
SELECT pg_temp.summary(ecommerce.set_cart_items(1, '{3}', '{1}'));
SELECT pg_temp.summary(ecommerce.set_cart_shipping(1, 'post'));

-- One that does not apply is no choice: the post would be free for 50.00, but promotions apply, and
-- it is 48.00 + 5.00.
UPDATE ecommerce.promotions SET min_amount = 1000 WHERE name = 'Much';
SELECT pg_temp.summary(ecommerce.cart_json(1));

-- The lines of an order add up to less than 1e15, whatever is off.
DELETE FROM ecommerce.promotions;
INSERT INTO ecommerce.promotions (name, kind, value) VALUES ('Half', 'percent', 50);
SELECT pg_temp.summary(ecommerce.set_cart_items(1, '{4}', '{1001}'));
SELECT ecommerce.place_order(1);
SELECT pg_temp.summary(ecommerce.set_cart_items(1, '{4}', '{1000}'));
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;

-- The tax of shipping can be more than shipping, for rates add up to more than 100 percent.
DELETE FROM ecommerce.promotions;
INSERT INTO ecommerce.tax_rates (tax_class, name, rate) VALUES ('luxury', 'Duty', 100), ('luxury', 'City', 20);
UPDATE ecommerce.shipping_rates SET tax_class = 'luxury', price = 5.00;
SELECT pg_temp.summary(ecommerce.set_cart_items(1, '{3}', '{1}'));
SELECT ecommerce.place_order(1) -> 'order_amount' AS order_amount;

-- A tax that is added from now on, and comes to what was included: it is another cart.
UPDATE ecommerce.tax_rates SET rate = 1, is_included = true WHERE tax_class = 'goods' AND name = 'State';
DELETE FROM ecommerce.tax_rates WHERE tax_class = 'goods' AND name = 'City';
UPDATE ecommerce.carts SET shipping_code = NULL;
SELECT pg_temp.summary(ecommerce.set_cart_items(1, '{1}', '{2}'));
SELECT ecommerce.cart_json(1) ->> 'fingerprint' AS shown \gset
UPDATE ecommerce.tax_rates SET is_included = false WHERE tax_class = 'goods';
SELECT pg_temp.summary(ecommerce.cart_json(1)), ecommerce.cart_json(1) ->> 'fingerprint' = :'shown' AS same;
SELECT * FROM ecommerce.order_integrity();

-- What one row can tell is refused, whoever writes it.
CREATE FUNCTION pg_temp.refusal(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    EXECUTE command;
    RETURN 'none';
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME;
    RETURN name;
END
$$;
SELECT kind, amount, is_included, pg_temp.refusal(format(
           'INSERT INTO ecommerce.order_adjustments (customer_id, order_id, adjustment_number, kind, name, amount, is_included)'
           ' VALUES (1, 1, %s, %L, $$Test$$, %L, %L)', 100 + number, kind, amount, is_included)) AS refused_by
FROM (SELECT *, row_number() OVER () AS number FROM (VALUES
             ('discount', '-1', false), ('discount', '0', false), ('tax', '1', true), ('fee', '1', false),
             ('gift', '1', false), ('', '1', false), ('tax', '-0.01', false), ('discount', '0.01', false),
             ('shipping_discount', '0.01', false), ('shipping', '-0.01', false), ('shipping', '1', true),
             ('discount', '-1', true), ('tax', '1e15', false), ('discount', '-1e15', false), ('tax', 'NaN', false),
             ('discount', '-Infinity', false)) AS it (kind, amount, is_included)) AS it
ORDER BY number;
SELECT quantity, unit_price, line_amount, discount_amount, pg_temp.refusal(format(
           'INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, quantity,'
           ' unit_price, line_amount, discount_amount) VALUES (1, 1, %s, 1, $$Test$$, %s, %L, %L, %L)',
           100 + number, quantity, unit_price, line_amount, discount_amount)) AS refused_by
FROM (SELECT *, row_number() OVER () AS number FROM (VALUES
             (1, '1', '1', NULL), (3, '0.335', '1.01', '1.01'), (1, '0', '0', '0'),
             (0, '1', '0', NULL), (-1, '0', '0', NULL), (-1, '-1', '1', NULL), (1, '-1', '-1', NULL), (2, '1', '1', NULL),
             (1, '1', '1', '1.01'), (1, '1', '1', '-0.01'), (1, '1e15', '1e15', NULL), (1, 'NaN', 'NaN', NULL),
             (1, 'Infinity', 'Infinity', NULL), (1, '1', '1', 'NaN'))
             AS it (quantity, unit_price, line_amount, discount_amount)) AS it
ORDER BY number;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
