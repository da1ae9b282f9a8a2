-- Money as people pay it: the amount of a line, and of an order, is a whole number of the
-- smallest units of its currency, rounded once, half away from zero; prices may be finer, and
-- are shown with the decimals of the currency, or more where they need them.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

-- The decimals of each currency are those of its minor unit in ISO 4217, list one.
SELECT currency_digits, string_agg(code, ' ' ORDER BY code) AS currencies
FROM unnest(string_to_array('AED BHD BIF CHF CLF CLP CNY CZK DJF EUR GBP GNF HUF INR IQD ISK JOD JPY KMF KRW KWD LYD '
                            'MXN OMR PLN PYG RWF SEK TND TWD UGX USD UYI UYU UYW VND VUV XAF XOF XPF XTS', ' ')) AS code,
     ecommerce.currency_digits(code)
GROUP BY currency_digits ORDER BY currency_digits;
\set VERBOSITY sqlstate
SELECT ecommerce.currency_digits(NULL);
SELECT ecommerce.currency_digits('');
SELECT ecommerce.currency_digits('usd');
SELECT ecommerce.currency_digits('US');
SELECT ecommerce.currency_digits('USDX');
SELECT ecommerce.currency_digits('US ');
SELECT ecommerce.currency_digits(E'USD\n');
SELECT ecommerce.currency_digits('ÄÖÜ');
SELECT ecommerce.currency_digits('KWDJPY');
\set VERBOSITY default

-- What so many units at this price cost: shown in the cart, ordered, stored, and listed as the
-- same text; beside the exact product.
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street');
CREATE FUNCTION pg_temp.buy(price numeric, currency text, quantity integer, OUT unit_price text, OUT amount text)
LANGUAGE plpgsql AS $$
DECLARE
    product bigint;
    cart jsonb;
    placed jsonb;
BEGIN
    INSERT INTO ecommerce.products (name, price, currency) VALUES ('Thing', price, currency) RETURNING id INTO product;
    INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (product, quantity);
    cart := ecommerce.add_to_cart(1, product, quantity);
    placed := ecommerce.place_order(1, expected_amount => (cart ->> 'cart_amount')::numeric);
    unit_price := placed #>> '{order_details,0,unit_price}';
    amount := placed ->> 'order_amount';
    ASSERT cart #>> '{cart_items,0,products,price}' = unit_price;
    ASSERT cart #>> '{cart_items,0,line_amount}' = amount AND cart ->> 'cart_amount' = amount;
    ASSERT placed #>> '{order_details,0,line_amount}' = amount;
    ASSERT placed #>> '{order_details,0,product_order_details,price}' = unit_price;
    ASSERT placed - 'replayed' = ecommerce.order_json(1, (placed ->> 'id')::bigint);
    ASSERT (SELECT order_amount::text FROM ecommerce.orders WHERE id = (placed ->> 'id')::bigint) = amount;
END
$$;
SELECT price, currency, quantity, unit_price, amount, trim_scale(price * quantity) AS exact
FROM (VALUES
    -- of no decimals
    (10.005, 'JPY', 3), (0.5, 'JPY', 1), (0.49, 'JPY', 1), (1.5, 'JPY', 1), (2.5, 'JPY', 1), (1980, 'JPY', 2), (1980.00, 'JPY', 1),
    (0.333333, 'KRW', 3), (99.999999, 'ISK', 1),
    -- of 2
    (0.335, 'USD', 3), (0.005, 'USD', 1), (0.0049, 'USD', 1), (0.004999, 'EUR', 1), (1.005, 'EUR', 1), (2.675, 'EUR', 1), (1.115, 'GBP', 3),
    (0.001, 'USD', 5), (0.001, 'USD', 1000), (19.99, 'USD', 3), (7, 'USD', 1), (2.5, 'USD', 1), (1.2500, 'USD', 2), (0, 'USD', 9),
    (123456789012.345678, 'USD', 1), (999999999999.994999, 'USD', 1000),
    -- of 3
    (1.2345, 'KWD', 1), (1.2344, 'KWD', 1), (3.75, 'KWD', 1), (0.0005, 'BHD', 1), (0.00049, 'BHD', 1), (0.335, 'TND', 3),
    -- of 4
    (0.335, 'CLF', 3), (0.00005, 'CLF', 1), (0.000049, 'UYW', 1), (1.23456, 'CLF', 2),
    -- trailing zeros are no decimals
    (19.900000, 'USD', 1), (7.000000, 'JPY', 1), (1.1000, 'KWD', 1), (5.0000000000, 'USD', 1), (0.000000, 'USD', 1))
    AS priced (price, currency, quantity), pg_temp.buy(price, currency, quantity);

-- A line is rounded, not the sum of the lines, and not the price: 3 x 0.335 is 1.005, so 1.01,
-- where three lines of 1 would be 1.02, and one price of 0.34 also.
INSERT INTO ecommerce.products (id, name, price) SELECT 900 + n, 'Screw ' || n, 0.335 FROM generate_series(1, 3) AS n;
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT 900 + n, 100 FROM generate_series(1, 3) AS n;
SELECT ecommerce.add_to_cart(1, 901, 3) -> 'cart_amount' AS one_line,
       ecommerce.set_cart_items(1, '{901,902,903}', '{1,1,1}') -> 'cart_amount' AS three_lines;
SELECT order_amount, jsonb_path_query_array(order_details, '$[*].line_amount') AS lines
FROM jsonb_to_record(ecommerce.place_order(1, expected_amount => 1.02)) AS placed (order_amount numeric, order_details jsonb);

-- The amount expected is a number: 1.01 is 1.01000000, and 1.0100000000000000000001 is not.
SELECT ecommerce.add_to_cart(1, 901, 3) -> 'cart_amount' AS cart_amount;
SELECT ecommerce.place_order(1, expected_amount => 1.005);
SELECT ecommerce.place_order(1, expected_amount => 1.0100000000000000000001);
SELECT ecommerce.place_order(1, expected_amount => 1.01000000) -> 'order_amount' AS order_amount;

-- Prices from a table of other software are taken as they are, if they need no more than 6 decimals.
CREATE TABLE pg_temp.old_shop (name text, price numeric(20, 9));
INSERT INTO old_shop VALUES ('Cup', 19.9), ('Plate', 7), ('Bolt', 0.000001);
INSERT INTO ecommerce.products (name, price) SELECT name, price FROM old_shop;
SELECT name, price FROM ecommerce.products WHERE name IN ('Cup', 'Plate', 'Bolt') ORDER BY name;
\set VERBOSITY sqlstate
INSERT INTO ecommerce.products (name, price) VALUES ('Dust', 0.0000001);
INSERT INTO ecommerce.products (name, price) VALUES ('Debt', -0.000001);
INSERT INTO ecommerce.products (name, price) VALUES ('Planet', 1000000000000.00);
\set VERBOSITY default

-- No order has a part of a unit, nor a line.
SELECT count(*) > 35 AS there_are_orders,
       count(*) FILTER (WHERE min_scale(order_amount) > ecommerce.currency_digits(currency)) AS parts_of_units,
       count(*) FILTER (WHERE scale(order_amount) <> ecommerce.currency_digits(currency)) AS otherwise_shown
FROM ecommerce.orders;
SELECT count(*) AS parts_of_units
FROM ecommerce.order_details JOIN ecommerce.orders ON orders.id = order_id
WHERE min_scale(line_amount) > ecommerce.currency_digits(currency);
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
