-- What an order costs besides its lines: discounts, shipping, taxes. Each cart is
-- shown, ordered, and has to cost the same both times.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, address) VALUES
    (1, 'Ada', '{"line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}'),
    (2, 'Grace', '{"line1": "5th Avenue", "city": "New York", "state": "NY", "country": "US"}'),
    (3, 'Haru', '{"line1": "1-1", "city": "Tokyo", "country": "JP"}'),
    (4, 'Noor', '{"line1": "Bay 1", "city": "Kuwait", "country": "KW"}');
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (5, 'Edsger', 'somewhere');
INSERT INTO ecommerce.categories (id, name) VALUES (1, 'Tea'), (2, 'Pots');

INSERT INTO ecommerce.tax_rates (tax_class, country, state, name, rate, is_included) VALUES
    ('standard', 'DE', NULL, 'USt', 19, true),
    ('reduced', 'DE', NULL, 'USt', 7, true),
    ('goods', 'US', 'NY', 'State', 4, false),
    ('goods', 'US', 'NY', 'City', 4.5, false),
    ('goods', 'US', 'NY', 'Metro', 0.375, false),
    ('goods', 'US', 'OR', 'None', 0, false),
    ('food', 'JP', NULL, 'Consumption', 8, false),
    ('other', 'JP', NULL, 'Consumption', 10, false),
    ('mixed', NULL, NULL, 'Duty', 25, true),
    ('mixed', NULL, NULL, 'Sales', 10, false);
INSERT INTO ecommerce.shipping_rates (code, name, country, from_amount, from_weight, price, currency, tax_class) VALUES
    ('parcel', 'Parcel', 'DE', 0, 0, 4.90, 'EUR', 'standard'),
    ('parcel', 'Parcel abroad', NULL, 0, 0, 15, 'EUR', NULL),
    ('free50', 'Parcel', NULL, 0, 0, 4.90, 'EUR', NULL),
    ('free50', 'Parcel, free', NULL, 50, 0, 0, 'EUR', NULL),
    ('heavy', 'Letter', 'DE', 0, 0, 1, 'EUR', NULL),
    ('heavy', 'Pallet', 'DE', 0, 10, 99, 'EUR', NULL),
    ('us', 'Ground', 'US', 0, 0, 5.00, 'USD', NULL),
    ('big', 'Only much', NULL, 1000, 0, 5, 'EUR', NULL);

-- A cart of its own products for each case: [price, quantity, currency, tax class].
CREATE FUNCTION pg_temp.fill(buyer bigint, wanted jsonb, shipping text DEFAULT NULL, coupons text[] DEFAULT '{}')
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    item jsonb;
    product bigint;
    ids bigint[] = '{}';
    quantities integer[] = '{}';
BEGIN
    FOR item IN SELECT * FROM jsonb_array_elements(wanted) LOOP
        INSERT INTO ecommerce.products (name, price, currency, tax_class, category_id, weight)
        VALUES ('Thing', (item ->> 0)::numeric, item ->> 2, item ->> 3, (item ->> 4)::bigint, (item ->> 5)::numeric)
        RETURNING id INTO product;
        INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (product, 1000);
        ids := ids || product;
        quantities := quantities || (item ->> 1)::integer;
    END LOOP;
    PERFORM ecommerce.clear_cart(buyer), ecommerce.set_cart_items(buyer, ids, quantities),
            ecommerce.set_cart_shipping(buyer, shipping), ecommerce.set_cart_coupons(buyer, coupons);
END
$$;

CREATE FUNCTION pg_temp.told(document jsonb, lines jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ',
        (SELECT string_agg(concat_ws(' ', line ->> 'line_amount', '-' || (line ->> 'discount_amount'),
                                     'tax ' || (line ->> 'tax_amount') || ' at ' || (line ->> 'tax_rate')), ', ')
           FROM jsonb_array_elements(lines) AS line),
        (SELECT string_agg(concat_ws(' ', adjustment ->> 'kind', adjustment ->> 'code', adjustment ->> 'rate',
                                     adjustment ->> 'amount',
                                     CASE WHEN (adjustment ->> 'is_included')::boolean THEN 'included' END), ', ')
           FROM jsonb_array_elements(document #> '{charges,adjustments}') AS adjustment),
        concat_ws(' ', document #>> '{charges,items_amount}', '-', document #>> '{charges,discount_amount}', '+',
                  document #>> '{charges,shipping_amount}', 'with tax', document #>> '{charges,tax_amount}'),
        (SELECT string_agg(concat_ws(' ', problem ->> 'code', problem ->> 'coupon', problem ->> 'reason',
                                     problem ->> 'country', problem ->> 'tax_class', problem ->> 'shipping_code'), ', ')
           FROM jsonb_array_elements(document -> 'problems') AS problem))
$$;

-- The quote, and the order, which has to be told in the same words.
CREATE FUNCTION pg_temp.quote(buyer bigint) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ', cart ->> 'cart_amount', pg_temp.told(cart, cart -> 'cart_items'))
      FROM ecommerce.cart_json(buyer) AS cart
$$;
CREATE FUNCTION pg_temp.buy(buyer bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    cart jsonb := ecommerce.cart_json(buyer);
    quoted text := pg_temp.quote(buyer);
    placed jsonb := ecommerce.place_order(buyer, fingerprint => cart ->> 'fingerprint');
    ordered text := concat_ws('; ', placed ->> 'order_amount', pg_temp.told(placed, placed -> 'order_details'));
BEGIN
    IF ordered IS DISTINCT FROM quoted THEN
        RAISE EXCEPTION 'quoted %, ordered %', quoted, ordered;
    END IF;
    IF placed - 'replayed' IS DISTINCT FROM ecommerce.order_json(buyer, (placed ->> 'id')::bigint) THEN
        RAISE EXCEPTION 'what was placed is not what is read';
    END IF;
    RETURN ordered;
END
$$;


-- The examples of the design.

SELECT pg_temp.fill(1, '[[119.00, 1, "EUR", "standard"], [10.70, 2, "EUR", "reduced"]]', 'parcel');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(2, '[[19.99, 3, "USD", "goods"]]', 'us');
SELECT pg_temp.buy(2);
INSERT INTO ecommerce.promotions (id, code, name, kind, value, priority)
VALUES (1, 'TEN', '10 %', 'percent', 10, 1), (2, 'FIFTEEN', '15 %', 'percent', 15, 0);
SELECT pg_temp.fill(1, '[[0.05, 1, "EUR"], [0.05, 1, "EUR"], [0.05, 1, "EUR"]]', NULL, '{ten}');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(3, '[[105, 1, "JPY", "food"], [107, 1, "JPY", "food"], [333, 1, "JPY", "other"]]');
SELECT pg_temp.buy(3);
SELECT pg_temp.fill(4, '[[1.235, 3, "KWD"]]', NULL, '{Fifteen}');
SELECT pg_temp.buy(4);
SELECT pg_temp.fill(1, '[[25.00, 2, "EUR"]]', 'free50');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[25.00, 2, "EUR"]]', 'free50', '{TEN}');
SELECT pg_temp.buy(1);


-- Taxes: what is included comes off before what is added; a rate of zero is a rate; lines
-- of two classes with the same rates are rounded together.

SELECT pg_temp.fill(1, '[[100, 1, "EUR", "mixed"]]');
SELECT pg_temp.buy(1);
INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate, is_included) VALUES ('books', 'DE', 'USt', 7, true);
SELECT pg_temp.fill(1, '[[0.50, 1, "EUR", "books"], [0.50, 1, "EUR", "reduced"]]');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(2, '[[10, 1, "USD", "goods"]]');
SELECT ecommerce.set_cart_shipping(2, address => '{"line1": "1", "country": "US", "state": "OR"}') -> 'cart_amount';
SELECT ecommerce.set_cart_shipping(2, address => '{"line1": "1", "country": "US", "state": "or"}') -> 'cart_amount';
SELECT pg_temp.buy(2);

-- What the address does not tell, and what the shop does not know, is never a silent zero.
SELECT pg_temp.fill(2, '[[10, 1, "USD", "goods"]]');
SELECT ecommerce.set_cart_shipping(2, address => '{"line1": "1", "country": "US"}') -> 'problems';
SELECT ecommerce.set_cart_shipping(2, address => '{"line1": "1", "country": "US", "state": "TX"}') -> 'problems';
SELECT ecommerce.set_cart_shipping(2, address => '{"line1": "1", "country": "FR"}') -> 'problems';
SELECT ecommerce.place_order(2);
SELECT pg_temp.fill(5, '[[10, 1, "EUR", "standard"]]', 'parcel');
SELECT pg_temp.quote(5);
SELECT ecommerce.place_order(5);
SELECT pg_temp.fill(5, '[[10, 1, "EUR", "mixed"]]', 'free50');
SELECT pg_temp.buy(5);
SELECT pg_temp.fill(1, '[[10, 1, "EUR", "unheard of"]]');
SELECT pg_temp.quote(1);
-- The address of the request says it, too.
SELECT pg_temp.fill(5, '[[10, 1, "EUR", "standard"]]', 'parcel');
SELECT order_amount, shipping_address, address, billing_address
  FROM jsonb_to_record(ecommerce.place_order(5, shipping_address => '{"line1": "Weg 1", "country": "DE"}'))
       AS placed (order_amount numeric, shipping_address text, address jsonb, billing_address jsonb);


-- Shipping: the country's own rates come before those for all, and of these the highest
-- threshold that is reached.

SELECT pg_temp.fill(1, '[[10, 3, "EUR", null, null, 3.3]]', 'heavy');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[10, 3, "EUR", null, null, 3.4]]', 'heavy');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', 'big');
SELECT pg_temp.quote(1);
SELECT ecommerce.place_order(1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', 'pigeon');
SELECT pg_temp.quote(1);
UPDATE ecommerce.shipping_rates SET is_active = false WHERE code = 'heavy';
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', 'heavy');
SELECT pg_temp.quote(1);
SELECT pg_temp.fill(4, '[[10, 1, "EUR"]]', 'heavy');
SELECT pg_temp.quote(4);
-- A shop that always ships.
BEGIN;
ALTER TABLE ecommerce.carts ALTER COLUMN shipping_code SET DEFAULT 'parcel';
SELECT ecommerce.set_cart_shipping(1) -> 'charges' -> 'shipping_amount';
ROLLBACK;


-- Promotions, by priority, each on what is left.

SELECT pg_temp.fill(1, '[[100, 1, "EUR"]]', NULL, '{ten,fifteen,TEN}');
SELECT pg_temp.buy(1);
INSERT INTO ecommerce.promotions (id, code, name, kind, value, currency, min_amount, priority, product_id, category_id) VALUES
    (3, 'FIVE', '5 off', 'amount', 5, 'EUR', NULL, 9, NULL, NULL),
    (4, 'TEA', 'Tea', 'percent', 50, NULL, NULL, 0, NULL, 1),
    (5, 'RICH', 'From 50', 'amount', 5.005, 'EUR', 50, 9, NULL, NULL);
INSERT INTO ecommerce.promotions (id, code, name, kind, buy_quantity, free_quantity)
VALUES (6, 'TWO', 'Two for one', 'quantity', 1, 1);
INSERT INTO ecommerce.promotions (id, code, name, kind, priority) VALUES (7, 'POST', 'Free post', 'free_shipping', 5);
SELECT pg_temp.fill(1, '[[3, 1, "EUR"]]', NULL, '{FIVE}');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[8, 1, "EUR", null, 1], [8, 1, "EUR", null, 2], [8, 1, "EUR"]]', NULL, '{TEA}');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[9.99, 5, "EUR"], [1, 1, "EUR"]]', NULL, '{TWO}');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[50, 1, "EUR"]]', 'parcel', '{RICH,POST}');
SELECT pg_temp.buy(1);

-- Why a coupon does not apply; the order is refused.
INSERT INTO ecommerce.promotions (id, code, name, kind, value, starts_at, ends_at, is_active, usage_limit, customer_limit, currency, combines) VALUES
    (10, 'OFF', 'off', 'percent', 1, NULL, NULL, false, NULL, NULL, NULL, true),
    (11, 'SOON', 'soon', 'percent', 1, now() + interval '1 hour', NULL, true, NULL, NULL, NULL, true),
    (12, 'OVER', 'over', 'percent', 1, NULL, now(), true, NULL, NULL, NULL, true),
    (13, 'GONE', 'gone', 'percent', 1, NULL, NULL, true, 5, NULL, NULL, true),
    (14, 'ONCE', 'once', 'percent', 1, NULL, NULL, true, NULL, 1, NULL, true),
    (15, 'YEN', 'yen', 'percent', 1, NULL, NULL, true, NULL, NULL, 'JPY', true),
    (16, 'ALONE', 'alone', 'percent', 12, NULL, NULL, true, NULL, NULL, NULL, false);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', NULL, '{OFF,SOON,OVER,GONE,YEN,RICH,TEA,POST,nope}');
SELECT pg_temp.quote(1);
SELECT ecommerce.place_order(1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', NULL, '{ONCE}');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', NULL, '{once}');
SELECT pg_temp.quote(1);
-- Cancelling gives the use back, to the customer too.
SELECT ecommerce.cancel_order(1, max(order_id), 'customer') ->> 'order_status'
  FROM ecommerce.order_adjustments WHERE customer_id = 1 AND promotion_id = 14;
SELECT pg_temp.buy(1);

-- One that does not combine applies alone if that is better, and then the other is refused.
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', NULL, '{ALONE,TEN}');
SELECT pg_temp.quote(1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', NULL, '{ALONE,FIFTEEN}');
SELECT pg_temp.quote(1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', NULL, '{ALONE}');
SELECT pg_temp.buy(1);

-- Automatic ones: those that do not apply are left away in silence.
INSERT INTO ecommerce.promotions (id, name, kind, value, currency, min_amount, usage_limit)
VALUES (20, '1 off from 20', 'amount', 1, 'EUR', 20, NULL), (21, 'First', 'percent', 50, NULL, NULL, 1);
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]');
SELECT pg_temp.buy(1);
SELECT ecommerce.set_promotion_limit(21, 1);
SELECT pg_temp.fill(1, '[[40, 1, "EUR"]]');
SELECT pg_temp.buy(1);
SELECT pg_temp.fill(1, '[[40, 1, "EUR"]]');
SELECT pg_temp.buy(1);

SELECT setval('ecommerce.promotions_id_seq', 100), setval('ecommerce.users_id_seq', 100), setval('ecommerce.categories_id_seq', 100);


-- Limits.

SELECT ecommerce.set_promotion_limit(21, 3), ecommerce.set_promotion_limit(21, NULL), ecommerce.set_promotion_limit(21, 1);
SELECT remaining FROM ecommerce.promotion_levels WHERE promotion_id = 21;
SELECT ecommerce.set_promotion_limit(21, 0);
SELECT ecommerce.set_promotion_limit(21, -1);
SELECT ecommerce.set_promotion_limit(99, 1);
SELECT ecommerce.set_promotion_limit(NULL, 1);
-- Another user's uses are none of this one's, but count for all.
SELECT ecommerce.set_promotion_limit(14, 2);
SELECT pg_temp.fill(4, '[[10, 1, "EUR"]]', NULL, '{ONCE}');
SELECT pg_temp.buy(4);
SELECT pg_temp.fill(3, '[[10, 1, "EUR"]]', NULL, '{ONCE}');
SELECT pg_temp.quote(3);


-- Whole carts.

SELECT pg_temp.fill(1, '[[1, 1, "EUR"], [2, 2, "EUR"]]', 'parcel', '{TEN}');
SELECT jsonb_path_query_array(ecommerce.set_cart_items(1, ARRAY[max(id), max(id) - 1], '{3,0}'), '$.cart_items[*].quantity')
  FROM ecommerce.products;
SELECT ecommerce.set_cart_items(1, '{1,1}', '{1,1}');
SELECT ecommerce.set_cart_items(1, '{1}', '{1,1}');
SELECT ecommerce.set_cart_items(1, '{1}', '{-1}');
SELECT ecommerce.set_cart_items(1, '{1,NULL}', '{1,1}');
SELECT ecommerce.set_cart_items(1, '{{1}}', '{{1}}');
SELECT ecommerce.set_cart_items(1, NULL, '{}');
SELECT ecommerce.set_cart_items(1, '{99999}', '{1}');
SELECT ecommerce.set_cart_items(1, '{99999}', '{0}') -> 'cart_items';
SELECT ecommerce.set_cart_items(1, array_agg(n), array_agg(1)) FROM generate_series(1, 1001) AS n;
SELECT ecommerce.set_cart_items(99, '{1}', '{1}');
SELECT ecommerce.set_cart_items(1, '{1}', '{1}') -> 'charges' -> 'discount_amount';
SELECT cart -> 'cart_items', cart -> 'coupons', cart -> 'shipping_code' FROM ecommerce.clear_cart(1) AS cart;
SELECT ecommerce.clear_cart(99);


-- Coupons and addresses that make no sense.

SELECT ecommerce.set_cart_coupons(1, NULL);
SELECT ecommerce.set_cart_coupons(1, '{TEN,NULL}');
SELECT ecommerce.set_cart_coupons(1, E'{"\u00A0"}');
SELECT ecommerce.set_cart_coupons(1, ARRAY[repeat('x', 51)]);
SELECT ecommerce.set_cart_coupons(1, array_agg(n::text)) FROM generate_series(1, 11) AS n;
SELECT ecommerce.set_cart_coupons(99, '{TEN}');
SELECT ecommerce.set_cart_shipping(1, ' ');
SELECT ecommerce.set_cart_shipping(1, repeat('x', 51));
SELECT ecommerce.set_cart_shipping(1, address => '[]');
SELECT ecommerce.set_cart_shipping(1, address => '{"street": "1"}');
SELECT ecommerce.set_cart_shipping(1, address => '{"country": "de"}');
SELECT ecommerce.set_cart_shipping(1, billing_address => '{"line1": 1}');
SELECT ecommerce.set_cart_shipping(1, billing_address => jsonb_build_object('line1', repeat('x', 501)));
SELECT ecommerce.set_cart_shipping(99);

-- They are of one order; the way of shipping stays.
SELECT pg_temp.fill(1, '[[10, 1, "EUR"]]', 'parcel', '{TEN}');
SELECT ecommerce.set_cart_shipping(1, 'parcel', '{"line1": "Weg 2", "country": "DE"}', '{"line1": "Bank", "country": "DE"}') -> 'billing_address';
SELECT placed -> 'address', placed -> 'billing_address' FROM ecommerce.place_order(1) AS placed;
SELECT coupons, shipping_code, address, billing_address FROM ecommerce.carts WHERE user_id = 1;


-- A number of the shop's own, facts of its own, and what the product had.

CREATE SEQUENCE ecommerce.order_numbers;
ALTER TABLE ecommerce.orders ALTER COLUMN number SET DEFAULT 'A-' || nextval('ecommerce.order_numbers');
SELECT pg_temp.fill(4, '[[10, 1, "EUR"]]');
UPDATE ecommerce.products SET sku = 'P-1', options = '{"size": "M"}'
 WHERE id = (SELECT max(product_id) FROM ecommerce.cart_items WHERE user_id = 4);
SELECT placed ->> 'number', placed -> 'metadata', placed #> '{order_details,0,sku}', placed #> '{order_details,0,options}'
  FROM ecommerce.place_order(4, metadata => '{"gift": true}') AS placed;


-- What nobody sells: the tables refuse it by name.

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN others THEN
    GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME;
    RETURN concat_ws(' ', SQLSTATE, nullif(name, ''), CASE WHEN name = '' THEN SQLERRM END);
END
$$;
SELECT columns, pg_temp.refusal('INSERT INTO ecommerce.promotions ' || columns)
  FROM (VALUES ('(name, kind, value) VALUES (''a'', ''percent'', 0)'),
               ('(name, kind, value) VALUES (''a'', ''percent'', 100.1)'),
               ('(name, kind, value) VALUES (''a'', ''percent'', ''NaN'')'),
               ('(name, kind) VALUES (''a'', ''percent'')'),
               ('(name, kind, value) VALUES (''a'', ''amount'', 1)'),
               ('(name, kind, value, currency) VALUES (''a'', ''amount'', -1, ''EUR'')'),
               ('(name, kind, value, currency) VALUES (''a'', ''amount'', ''Infinity'', ''EUR'')'),
               ('(name, kind, buy_quantity) VALUES (''a'', ''quantity'', 1)'),
               ('(name, kind, buy_quantity, free_quantity) VALUES (''a'', ''quantity'', 0, 1)'),
               ('(name, kind, value) VALUES (''a'', ''free_shipping'', 1)'),
               ('(name, kind, product_id) VALUES (''a'', ''free_shipping'', 1)'),
               ('(name, kind) VALUES (''a'', ''gift'')'),
               ('(name, kind, code) VALUES (''a'', ''free_shipping'', ''a b'')'),
               ('(name, kind, code) VALUES (''a'', ''free_shipping'', '''')'),
               ('(name, kind, code) VALUES (''a'', ''free_shipping'', U&''\200B'')'),
               ('(name, kind) VALUES ('' '', ''free_shipping'')'),
               ('(name, kind, code) VALUES (''a'', ''free_shipping'', ''post'')'),
               ('(name, kind, min_amount) VALUES (''a'', ''free_shipping'', 1)'),
               ('(name, kind, usage_limit) VALUES (''a'', ''free_shipping'', -1)'),
               ('(name, kind, customer_limit) VALUES (''a'', ''free_shipping'', 0)'),
               ('(name, kind, starts_at, ends_at) VALUES (''a'', ''free_shipping'', now(), now())'),
               ('(name, kind) VALUES (NULL, ''free_shipping'')')) AS nonsense (columns);
SELECT columns, pg_temp.refusal('INSERT INTO ecommerce.tax_rates ' || columns)
  FROM (VALUES ('(tax_class, name, rate) VALUES (''a'', ''a'', -1)'),
               ('(tax_class, name, rate) VALUES (''a'', ''a'', 101)'),
               ('(tax_class, name, rate) VALUES (''a'', ''a'', ''NaN'')'),
               ('(tax_class, name, rate) VALUES (''a'', ''a'', 1.23456)'),
               ('(tax_class, name, rate) VALUES ('''', ''a'', 1)'),
               ('(tax_class, name, rate) VALUES (''a'', U&''\3000'', 1)'),
               ('(tax_class, name, rate, country, state) VALUES (''a'', ''a'', 1, ''US'', '''')'),
               ('(tax_class, name, rate, country) VALUES (''a'', ''a'', 1, ''de'')'),
               ('(tax_class, name, rate, state) VALUES (''a'', ''a'', 1, ''NY'')'),
               ('(tax_class, name, rate, starts_at, ends_at) VALUES (''a'', ''a'', 1, now(), now())')) AS nonsense (columns);
SELECT columns, pg_temp.refusal('INSERT INTO ecommerce.shipping_rates ' || columns)
  FROM (VALUES ('(code, name, price) VALUES ('''', ''a'', 1)'),
               ('(code, name, price) VALUES (repeat(''a'', 51), ''a'', 1)'),
               ('(code, name, price) VALUES (''a'', U&''\2060'', 1)'),
               ('(code, name, price) VALUES (''a'', ''a'', -1)'),
               ('(code, name, price) VALUES (''a'', ''a'', ''NaN'')'),
               ('(code, name, price, from_amount) VALUES (''a'', ''a'', 1, -1)'),
               ('(code, name, price, from_weight) VALUES (''a'', ''a'', 1, ''Infinity'')'),
               ('(code, name, price, currency) VALUES (''a'', ''a'', 1, ''euro'')'),
               ('(code, name, price, currency) VALUES (''free50'', ''a'', 1, ''EUR'')')) AS nonsense (columns);
SELECT pg_temp.refusal('INSERT INTO ecommerce.promotion_levels VALUES (0, 1, -1)');
SELECT pg_temp.refusal('UPDATE ecommerce.order_adjustments SET amount = 0');
SELECT pg_temp.refusal('DELETE FROM ecommerce.order_adjustments');

-- All of it adds up.
SELECT * FROM ecommerce.order_integrity();

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
