-- Each function of ecommerce_api answers, as json, with the text that the jsonb of its twin in
-- ecommerce is sent as: with charges, problems, payments, returns, and any character in texts.

SET client_min_messages = warning;
SET TimeZone = 'Asia/Kolkata';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, email, address) VALUES
    (1, E'Ada "Tea" \\ \x01\x1f\x7f / é 🍵\r\n\t\b\f', 'ada@example.com',
     '{"name": "Ada \"Tea\" \\ \u001f", "line1": "Hauptstr. 1", "city": "Köln", "country": "DE"}');
INSERT INTO ecommerce.categories (id, name) VALUES (7, 'Tea & "pots"');
INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate, is_included) VALUES ('goods', 'DE', 'USt', 19.00, true);
INSERT INTO ecommerce.shipping_rates (code, name, price, currency, tax_class) VALUES ('post', 'Post', 4.90, 'EUR', 'goods');
INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', '10 %', 'percent', 10);
INSERT INTO ecommerce.products (id, name, description, price, currency, category_id, tax_class, sku, options) VALUES
    (11, 'Assam', E'strong\n"malty"', 1600.00, 'EUR', 7, 'goods', 'T-1', '{"size": {"g": 250.0}, "bags": [], "for": {}}'),
    (12, 'Pot', NULL, 0.05, 'EUR', NULL, 'goods', NULL, NULL),
    (13, 'Cup', '', 12.3400, 'EUR', 7, 'goods', NULL, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000), (12, 2), (13, 50);
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT now() + interval '1 day';

-- An order that was paid, and from which something came back; one that was not; and a cart with problems.
CREATE FUNCTION pg_temp.place(products bigint[], quantities integer[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT ecommerce.set_cart_items(1, products, quantities);
    SELECT ecommerce.set_cart_shipping(1, 'post');
    SELECT ecommerce.set_cart_coupons(1, '{ten}');
    SELECT (ecommerce.place_order(1, products::text, metadata => '{"note": "\u0001 \"", "n": [1.50, {}, []]}') ->> 'id')::bigint;
$$;
SELECT pg_temp.place('{11,12,13}', '{2,1,3}') AS paid, pg_temp.place('{13}', '{1}') AS unpaid \gset
SELECT ecommerce.record_payment(1, :paid, 'card', 'pi_1', 'captured', 1) IS NOT NULL AS recorded;
SELECT ecommerce.return_items(1, :paid, '[{"line": 1, "quantity": 1}]', true, E'dented \\ "here"') IS NOT NULL AS returned;
SELECT pg_temp.place('{12}', '{1}') > 0 AS placed;
SELECT ecommerce.set_cart_items(1, '{11,12,13}', '{1,9,1}') -> 'problems' AS problems;
SELECT ecommerce.set_cart_coupons(1, '{ten,"no\" such\\"}') #> '{problems,0,reason}' AS reason;

SELECT set_config('request.jwt.claims', '{"user_id": 1}', false);
CREATE TABLE pg_temp.calls (number serial, function name, arguments text);
INSERT INTO pg_temp.calls (function, arguments) VALUES
    ('add_to_cart', '13, 2'),
    ('set_cart_item', '12, 0'),
    ('set_cart_items', '''{11,13}'', ''{1,2}'''),
    ('set_cart_coupons', '''{ten}'''),
    ('set_cart_shipping', '''post'', billing_address => ''{"name": "\u0002"}'''),
    ('clear_cart', NULL),
    ('cart_json', NULL),
    ('order_again', :'paid'),
    ('place_order', '''key'', metadata => ''{"a": {"bb": 1, "c": 2.50}}'''),
    ('place_order', '''{12}'''),
    ('order_listing_json', '10'),
    ('order_listing_json', '10, status => ''RETURNED'''),
    ('order_json', :'paid'),
    ('order_json', '0'),
    ('cancel_order', :'unpaid'),
    ('set_order_address', :'unpaid' || ', ''{"line1": "\"2\"", "country": "DE"}'''),
    ('profile_json', NULL),
    ('set_profile', '''A "B" \ C''');

-- What a call answers, which is then undone. A new order needs a cart without problems.
CREATE FUNCTION pg_temp.answer(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM setval('ecommerce.orders_id_seq', 1000);
    IF call LIKE '%.place_order(%' THEN
        PERFORM ecommerce.set_cart_items(1, '{11,13}', '{1,2}'), ecommerce.set_cart_coupons(1, '{ten}');
    END IF;
    EXECUTE format('SELECT (%s)::text', call) INTO answer;
    RAISE SQLSTATE 'UNDO1';
EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
    RETURN answer;
END
$$;
CREATE VIEW pg_temp.answers AS
    SELECT function, arguments, pg_temp.answer(format('ecommerce_api.%s(%s)', function, arguments)) AS answer,
           pg_temp.answer(format('ecommerce.%s(%s)', function,
                                 concat_ws(', ', 1, arguments, CASE function WHEN 'cancel_order' THEN '''customer''' END))) AS of_twin
      FROM calls ORDER BY number;
SELECT function, arguments, coalesce(length(answer), 0) > 100 AS has_content, answer IS NOT DISTINCT FROM of_twin AS is_that_of_the_twin
  FROM answers;
SELECT bool_or(answer ~ '"charges": \{') AS charges, bool_or(answer ~ '"returns": \[\{') AS returns,
       bool_or(answer ~ '"payment": \{') AS payment, bool_or(answer ~ '"problems": \[\{') AS problems,
       bool_or(answer LIKE '%\\u0001%') AS control_characters, bool_or(answer ~ '\.[0-9]*0,') AS last_zeros
  FROM answers;

-- No function is left out, nor one that is new.
CREATE VIEW pg_temp.unheard AS
    SELECT proname, prorettype::regtype FROM pg_proc
     WHERE pronamespace = 'ecommerce_api'::regnamespace AND NOT proretset AND proname NOT IN (SELECT function FROM calls);
TABLE unheard;

-- It would be seen: keys in an order of their own, and a function that nobody calls.
ALTER FUNCTION ecommerce_api.profile_json RENAME TO profile;
CREATE FUNCTION ecommerce_api.profile_json() RETURNS json LANGUAGE sql AS
    'SELECT json_object_agg(key, value ORDER BY key) FROM jsonb_each(ecommerce.profile_json(1))';
SELECT function FROM answers WHERE answer IS DISTINCT FROM of_twin;
TABLE unheard;

-- A script of before has the functions answer with jsonb: until the update they do.
CREATE FUNCTION pg_temp.cart_of_before() RETURNS jsonb LANGUAGE c AS '$libdir/ecommerce', 'api_cart_json';
SELECT ROW(pg_temp.cart_of_before())::record *= ROW(ecommerce.cart_json(1))::record AS same;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
