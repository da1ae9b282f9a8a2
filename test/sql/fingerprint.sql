-- The customer pays what was shown: an order with the fingerprint of a cart is that cart, with
-- its products, quantities, prices, currency and address, or none. The amount alone, and
-- nothing at all, protect less, but never from another currency.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street'), ('Grace', '2 Side Street');
INSERT INTO ecommerce.products (name, price) VALUES ('Hat', 5), ('Scarf', 10), ('Piano', 5000);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 1000 FROM ecommerce.products;

-- A cart of 2 hats and a scarf is shown; then something happens; then it is ordered with the
-- fingerprint, with the amount, with both, and with neither. What came of each, undone.
CREATE FUNCTION pg_temp.place(arguments text, cart jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    placed jsonb;
    detail jsonb;
BEGIN
    EXECUTE format('SELECT ecommerce.place_order(1, %s)', arguments) INTO placed
    USING cart ->> 'fingerprint', (cart ->> 'cart_amount')::numeric;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = format('ordered for %s %s', placed ->> 'order_amount', placed ->> 'currency');
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    -- The cart that it is now.
    IF detail ? 'fingerprint' THEN
        ASSERT detail ->> 'fingerprint' = ecommerce.cart_json(1) ->> 'fingerprint' AND detail ->> 'fingerprint' <> cart ->> 'fingerprint';
        ASSERT detail -> 'cart_amount' = ecommerce.cart_json(1) -> 'cart_amount';
    END IF;
    RETURN concat_ws(' ', SQLSTATE, detail ->> 'code');
END
$$;
CREATE FUNCTION pg_temp.shown_then(event text, OUT by_fingerprint text, OUT by_amount text, OUT by_both text, OUT by_neither text)
LANGUAGE plpgsql AS $$
DECLARE
    cart jsonb;
BEGIN
    PERFORM ecommerce.set_cart_items(1, '{1,2}', '{2,1}');
    cart := ecommerce.cart_json(1);
    EXECUTE event;
    by_fingerprint := pg_temp.place('fingerprint => $1', cart);
    by_amount := pg_temp.place('expected_amount => $2', cart);
    by_both := pg_temp.place('NULL, $2, $1', cart);
    by_neither := pg_temp.place('NULL', cart);
    RAISE SQLSTATE 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN;
END
$$;
SELECT left(replace(event, 'ecommerce.', ''), 64) AS event, outcome.*
FROM unnest(ARRAY[
    'SELECT 1',
    -- what nobody pays for
    'UPDATE ecommerce.products SET name = ''Top hat'', description = ''Black'' WHERE id = 1',
    'UPDATE ecommerce.products SET price = 5.000000 WHERE id = 1',
    'UPDATE ecommerce.stock_levels SET quantity = 2',
    'SELECT ecommerce.set_cart_item(1, 1, 3); SELECT ecommerce.set_cart_item(1, 1, 2)',
    'UPDATE ecommerce.users SET name = ''Ada L.'' WHERE id = 1',
    -- prices
    'UPDATE ecommerce.products SET price = 6 WHERE id = 1',
    'UPDATE ecommerce.products SET price = 4.999 WHERE id = 1',
    'UPDATE ecommerce.products SET price = 5.000001 WHERE id = 1',
    'UPDATE ecommerce.products SET price = CASE id WHEN 1 THEN 6 ELSE 8 END WHERE id IN (1, 2)',
    'UPDATE ecommerce.products SET price = 0',
    'UPDATE ecommerce.products SET price = 6 WHERE id = 1; SELECT ecommerce.set_cart_item(1, 1, 2)',
    -- currencies
    'UPDATE ecommerce.products SET currency = ''KWD''',
    'UPDATE ecommerce.products SET currency = ''EUR''',
    'UPDATE ecommerce.products SET currency = ''EUR''; SELECT ecommerce.set_cart_items(1, ''{1,2}'', ''{2,1}'')',
    'UPDATE ecommerce.products SET currency = ''JPY'', price = price * 10',
    'UPDATE ecommerce.products SET currency = ''KWD''; SELECT ecommerce.set_cart_items(1, ''{1,2}'', ''{2,1}'')',
    'UPDATE ecommerce.products SET currency = ''EUR'' WHERE id = 1',
    -- products and quantities
    'SELECT ecommerce.add_to_cart(1, 3)',
    'SELECT ecommerce.set_cart_item(1, 2, 0)',
    'SELECT ecommerce.set_cart_items(1, ''{1}'', ''{4}'')',
    'SELECT ecommerce.set_cart_items(1, ''{2}'', ''{2}'')',
    'DELETE FROM ecommerce.products WHERE id = 2',
    'UPDATE ecommerce.products SET is_active = false WHERE id = 2',
    'UPDATE ecommerce.stock_levels SET quantity = 1',
    -- addresses
    'UPDATE ecommerce.users SET shipping_address = ''Elsewhere'' WHERE id = 1',
    'UPDATE ecommerce.users SET address = ''{"line1": "Elsewhere"}'' WHERE id = 1',
    'SELECT ecommerce.set_cart_shipping(1, address => ''{"line1": "Elsewhere"}'')',
    -- charges
    'INSERT INTO ecommerce.promotions (name, kind, value) VALUES (''Ten off'', ''percent'', 10)',
    'INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES (''post'', ''Post'', 5); SELECT ecommerce.set_cart_shipping(1, ''post'')',
    'INSERT INTO ecommerce.tax_rates (tax_class, name, rate, is_included) VALUES (''t'', ''VAT'', 21, true); UPDATE ecommerce.products SET tax_class = ''t'''
]) AS event, pg_temp.shown_then(event) AS outcome;

-- An address that is given with the order is another one than was shown.
SELECT ecommerce.set_cart_items(1, '{1,2}', '{2,1}') ->> 'fingerprint' AS shown \gset
\set VERBOSITY sqlstate
SELECT ecommerce.place_order(1, fingerprint => :'shown', shipping_address => 'Elsewhere');
\set VERBOSITY default
SELECT ecommerce.place_order(1, fingerprint => :'shown', shipping_address => '1 Main Street') -> 'order_amount' AS order_amount;
SELECT fingerprint = :'shown' AS stored FROM ecommerce.orders;

-- The same cart again is the same fingerprint, for each customer with that address.
SELECT ecommerce.set_cart_items(1, '{2,1}', '{1,2}') ->> 'fingerprint' = :'shown' AS again;
SELECT ecommerce.set_cart_items(2, '{1,2}', '{2,1}') ->> 'fingerprint' = :'shown' AS elsewhere;

-- With a key: the same request is answered with its order, whatever is in the cart by then; the
-- key with another fingerprint is refused, and one without agrees with any.
SELECT ecommerce.place_order(1, 'k1', fingerprint => :'shown') -> 'replayed' AS replayed;
SELECT ecommerce.add_to_cart(1, 3) ->> 'fingerprint' AS now_shown \gset
SELECT ecommerce.place_order(1, 'k1', fingerprint => :'shown') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k1', 20, :'shown', '1 Main Street') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k1') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k1', fingerprint => :'now_shown');
SELECT ecommerce.place_order(1, 'k2') -> 'order_amount' AS order_amount;
SELECT ecommerce.place_order(1, 'k2', fingerprint => :'now_shown');

-- Two clicks with two keys on one cart: the second is refused, and repeated later it does not
-- order what the customer is still looking at, if it says what it was for.
SELECT ecommerce.add_to_cart(1, 1) ->> 'fingerprint' AS shown \gset
SELECT ecommerce.place_order(1, 'click-1', fingerprint => :'shown') -> 'order_amount' AS order_amount;
SELECT ecommerce.place_order(1, 'click-2', fingerprint => :'shown');
SELECT ecommerce.add_to_cart(1, 3) -> 'cart_amount' AS still_looking;
\set VERBOSITY sqlstate
SELECT ecommerce.place_order(1, 'click-2', fingerprint => :'shown');
\set VERBOSITY default
SELECT ecommerce.cart_json(1) -> 'cart_amount' AS still_looking, count(*) AS orders_of_click_2
FROM ecommerce.orders WHERE idempotency_key = 'click-2';

-- Then the amount would do, too; a click that says nothing of what was shown would not.
SELECT ecommerce.place_order(1, 'click-2', expected_amount => 5);
SELECT ecommerce.place_order(1, 'click-2') -> 'order_amount' AS order_amount;
SELECT * FROM ecommerce.order_integrity();

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
