-- Parts of an order come back, before or after it was sent: what was ordered stays as it was,
-- units go back into stock once or not at all, and what they had cost adds up to the line.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Main Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Cup', 4), (12, 'Pot', 29.99), (13, 'Leaflet', 0), (14, 'Tea', 0.335);
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity)
SELECT bucket, id, 100 FROM ecommerce.products, (VALUES (0), (7)) AS buckets (bucket);

CREATE FUNCTION pg_temp.placed(buyer bigint, wanted jsonb, bucket bigint DEFAULT 0) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.set_cart_item(buyer, product::bigint, quantity::integer) FROM jsonb_each_text(wanted) AS item (product, quantity);
    UPDATE ecommerce.carts SET stock_bucket = bucket WHERE user_id = buyer;
    RETURN ecommerce.place_order(buyer) -> 'id';
END
$$;
-- One unit after the other.
CREATE PROCEDURE pg_temp.return_units(buyer bigint, id bigint, line integer, units integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..units LOOP
        PERFORM ecommerce.return_items(buyer, id, jsonb_build_array(jsonb_build_object('line', line, 'quantity', 1)), true);
    END LOOP;
END
$$;
-- What came of a call: the status, then what is back and what that is worth.
CREATE FUNCTION pg_temp.told(placed jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws('; ', placed ->> 'order_status', 'replayed ' || (placed ->> 'replayed'),
        (SELECT string_agg(concat_ws(' ', back ->> 'return_number', '=', back ->> 'amount',
                                     CASE WHEN (back ->> 'is_restocked')::boolean THEN 'restocked' END, back ->> 'reason',
                                     (SELECT string_agg(format('%s x %s = %s', line ->> 'quantity', line ->> 'line', line ->> 'amount'), ', ')
                                        FROM jsonb_array_elements(back -> 'items') AS line)), '; ')
           FROM jsonb_array_elements(nullif(placed -> 'returns', 'null')) AS back))
$$;
CREATE VIEW pg_temp.stock AS
SELECT string_agg(format('%s:%s=%s', bucket, product_id, quantity), ' ' ORDER BY bucket, product_id) AS stock
  FROM ecommerce.stock_levels WHERE quantity <> 100;
CREATE VIEW pg_temp.history AS
SELECT order_id, event_number AS number, event, old_status, new_status, payload FROM ecommerce.order_events ORDER BY order_id, event_number;


-- One broken cup of six is taken out before the order is sent: it is not sold again.

SELECT pg_temp.placed(1, '{"11": 6, "12": 1}') AS id \gset
SELECT pg_temp.told(ecommerce.order_json(1, :id)), ecommerce.order_json(1, :id) -> 'returns' AS returns;
BEGIN;
SELECT jsonb_pretty((placed - 'order_details' - 'order_date') #- '{returns,0,created_at}') AS returned,
       (placed #> '{returns,0,created_at}') = to_jsonb(now()) AS now
  FROM ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', false, 'broken') AS placed;
COMMIT;
SELECT ecommerce.order_json(1, :id) = ecommerce.order_listing_json(1) -> 0 AS same;
TABLE pg_temp.stock;

-- The customer wants two less, and no pot: these are sold again.
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 2, "quantity": 1}, {"line": 1, "quantity": 2}]', true));
TABLE pg_temp.stock;

-- What is left is sent; it comes back in two parcels, and then the order is returned.
SELECT pg_temp.told(ecommerce.set_order_status(1, :id, 'SHIPPED'));
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true));
SELECT pg_temp.told(ecommerce.set_order_status(1, :id, 'DELIVERED'));
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}]', true, 'too small'));
SELECT jsonb_path_query_array(ecommerce.order_listing_json(1), '$[*].returns[*].amount') AS listed;
TABLE pg_temp.stock;
TABLE pg_temp.history;
SELECT return_number, amount, is_restocked, reason, idempotency_key, actor = current_user AS by_me, person FROM ecommerce.order_returns ORDER BY 1;
TABLE ecommerce.order_return_lines ORDER BY 1, 2, 3, 4;
SELECT returned_amount, return_count FROM ecommerce.order_balances;
SELECT quantity, line_amount FROM ecommerce.order_details ORDER BY line_number;
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';


-- Cancelled afterwards, an order gives back what was still in it, and no more.

SELECT pg_temp.placed(1, '{"11": 6, "12": 2}', 7) AS id \gset
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}]', false)),
       pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 2}]', true));
TABLE pg_temp.stock;
UPDATE ecommerce.carts SET stock_bucket = 0;
SELECT pg_temp.told(ecommerce.cancel_order(1, :id, 'customer'));
TABLE pg_temp.stock;
SELECT pg_temp.told(ecommerce.cancel_order(1, :id, 'customer'));
TABLE pg_temp.stock;
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true);


-- All of an order that was not sent is cancelled, not returned.

SELECT pg_temp.placed(1, '{"11": 2, "13": 1}') AS id \gset
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}, {"line": 2, "quantity": 1}]', true);
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}]', true));
SELECT ecommerce.return_items(1, :id, '[{"line": 2, "quantity": 1}]', true);

-- What was given away comes back, too.
SELECT pg_temp.told(ecommerce.set_order_status(1, :id, 'SHIPPED')),
       pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 2, "quantity": 1}]', false));
SELECT pg_temp.placed(1, '{"13": 3}') AS id \gset
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true));

-- A status that staff has set says nothing of the units: they can still be booked.
SELECT pg_temp.placed(1, '{"11": 2}') AS id \gset
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED') ->> 'order_status', ecommerce.set_order_status(1, :id, 'RETURNED') ->> 'order_status';
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true)),
       pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', false));
SELECT number, event, old_status, new_status FROM pg_temp.history WHERE order_id = :id;
TABLE pg_temp.stock;


-- Each return is worth the difference of what is worth what is back: together all that was paid.

INSERT INTO ecommerce.tax_rates (tax_class, name, rate, is_included) VALUES
    ('included', 'VAT', 19, true), ('added', 'Sales', 8.875, false), ('both', 'Duty', 25, true), ('both', 'Sales', 10, false);
INSERT INTO ecommerce.shipping_rates (code, name, price, tax_class) VALUES ('post', 'Post', 5, 'added');
INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', '10 %', 'percent', 10);
INSERT INTO ecommerce.products (id, name, price, tax_class) VALUES
    (21, 'a', 10, 'included'), (22, 'b', 10, 'added'), (23, 'c', 10, 'both'), (24, 'd', 10, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (21, 100), (22, 100), (23, 100), (24, 100);
SELECT ecommerce.set_cart_coupons(2, '{TEN}') ->> 'id', ecommerce.set_cart_shipping(2, 'post') ->> 'id';
SELECT pg_temp.placed(2, '{"21": 7, "22": 7, "23": 7, "24": 7}') AS id \gset
SELECT order_amount, items_amount FROM ecommerce.orders WHERE id = :id;
SELECT line_number, quantity, line_amount, discount_amount, tax_rate, tax_amount, added_tax_amount FROM ecommerce.order_details WHERE order_id = :id ORDER BY 1;
SELECT kind, code, rate, amount, is_included FROM ecommerce.order_adjustments WHERE order_id = :id ORDER BY adjustment_number;
SELECT ecommerce.set_order_status(2, :id, 'SHIPPED') ->> 'order_status';
SELECT pg_temp.told(ecommerce.return_items(2, :id, '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 1}, {"line": 3, "quantity": 1}, {"line": 4, "quantity": 1}]', true));
CALL pg_temp.return_units(2, :id, 2, 6);
SELECT amount FROM ecommerce.order_return_lines WHERE order_id = :id AND line_number = 2 ORDER BY return_number;
SELECT FROM ecommerce.return_items(2, :id, '[{"line": 1, "quantity": 6}, {"line": 3, "quantity": 6}, {"line": 4, "quantity": 6}]', true);
SELECT line.line_number, sum(back.amount) AS back, line_amount - discount_amount + coalesce(added_tax_amount, 0) AS paid
  FROM ecommerce.order_return_lines AS back JOIN ecommerce.order_details AS line USING (order_id, line_number)
 WHERE order_id = :id GROUP BY line.line_number, paid ORDER BY 1;
-- All but shipping, and the tax on it.
SELECT order_status, order_amount - returned_amount AS kept FROM ecommerce.orders JOIN ecommerce.order_balances ON order_id = id WHERE id = :id;

-- The units of other currencies, and amounts of a time that did not round.
INSERT INTO ecommerce.orders (id, customer_id, order_amount, currency, shipping_address) VALUES
    (901, 2, 1000, 'JPY', 'Here'), (902, 2, 1.000, 'KWD', 'Here'), (903, 2, 0.6, 'JPY', 'Here'), (904, 2, 3, 'USD', 'Here');
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount) VALUES
    (2, 901, 1, 11, 'x', 333.3333, 3, 1000), (2, 902, 1, 11, 'x', 0.3333, 3, 1.000), (2, 903, 1, 11, 'x', 0.06, 10, 0.6),
    (2, 904, 1, 11, 'Cup', 0.5, 2, 1.00), (2, 904, 2, 12, 'Pot', 1, 1, 1.00), (2, 904, 3, 11, 'Cup', 1, 1, 1.00);
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
SELECT 2, id, 1, 'order_placed', 'PROCESSING', 'import' FROM ecommerce.orders WHERE id > 900;
SELECT FROM (VALUES (901), (902), (903)) AS imported (id), ecommerce.set_order_status(2, id, 'SHIPPED');
CALL pg_temp.return_units(2, 901, 1, 3);
CALL pg_temp.return_units(2, 902, 1, 3);
CALL pg_temp.return_units(2, 903, 1, 10);
SELECT order_id, array_agg(amount ORDER BY return_number), sum(amount) FROM ecommerce.order_returns WHERE order_id > 900 GROUP BY 1 ORDER BY 1;

-- Lines of one product, as an import may have them; levels and products that are gone.
TABLE pg_temp.stock;
SELECT pg_temp.told(ecommerce.return_items(2, 904, '[{"line": 1, "quantity": 1}, {"line": 3, "quantity": 1}]', true));
DELETE FROM ecommerce.stock_levels WHERE product_id = 11;
DELETE FROM ecommerce.products WHERE id = 12;
SELECT pg_temp.told(ecommerce.return_items(2, 904, '[{"line": 2, "quantity": 1}]', true));
SELECT pg_temp.told(ecommerce.cancel_order(2, 904, 'other'));
TABLE pg_temp.stock;


-- A key stands for one return of an order.

SELECT pg_temp.placed(1, '{"14": 10}') AS id \gset
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}]', true, 'late', 'key'));
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true));
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"quantity": 2, "line": 1.0}]', true, idempotency_key => 'key', expected_status => 'SHIPPED'));
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 3}]', true, 'late', 'key');
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}, {"line": 9, "quantity": 2}]', true, 'late', 'key');
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}]', false, 'late', 'key');
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 2}]', true, 'early', 'key');
SELECT pg_temp.placed(1, '{"14": 3}') AS other \gset
SELECT pg_temp.told(ecommerce.return_items(1, :other, '[{"line": 1, "quantity": 2}]', true, 'late', 'key'));
TABLE pg_temp.stock;


-- What cannot be.

SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 8}, {"line": 2, "quantity": 1}, {"line": 7, "quantity": 1}]', true);
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 8}]', true);
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true, expected_status => 'SHIPPED');
SELECT ecommerce.return_items(2, :id, '[{"line": 1, "quantity": 1}]', true);
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}, {"line": 1, "quantity": 1}]', true);
SELECT ecommerce.return_items(1, :id, '[]', true);
\set VERBOSITY sqlstate
DO $$
DECLARE
    bad text;
BEGIN
    FOREACH bad IN ARRAY ARRAY['{}', '1', '"x"', 'null', '[null]', '[1]', '["x"]', '[[]]', '[{}]', '[[1, 1]]', '[{"line": 1}]',
                               '[{"line": 1, "quantity": 0}]', '[{"line": 0, "quantity": 1}]', '[{"line": -1, "quantity": 1}]',
                               '[{"line": 1.5, "quantity": 1}]', '[{"line": 1, "quantity": 2147483648}]',
                               '[{"line": 1, "quantity": 1e100}]', '[{"line": "1", "quantity": 1}]', '[{"line": 1, "quantity": null}]',
                               '[{"line": 1, "quantity": 1, "more": 1}]', '[{"line": 1, "quantity": [1]}]', '[{"line": 1, "amount": 1}]'] LOOP
        BEGIN
            PERFORM ecommerce.return_items(1, 1, bad::jsonb, true);
            RAISE EXCEPTION 'accepted %', bad;
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;
        END;
    END LOOP;
END
$$;
SELECT ecommerce.return_items(NULL, 1, '[{"line": 1, "quantity": 1}]', true);
SELECT ecommerce.return_items(1, NULL, '[{"line": 1, "quantity": 1}]', true);
SELECT ecommerce.return_items(1, 1, NULL, true);
SELECT ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', NULL);
SELECT ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', true, ' ');
SELECT ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', true, repeat('x', 1001));
SELECT ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', true, NULL, ' ');
SELECT ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', true, NULL, repeat('x', 256));
SELECT ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', true, NULL, NULL, 'shipped');

-- A return stays as it is, whoever writes.
UPDATE ecommerce.order_returns SET amount = 0;
UPDATE ecommerce.order_returns SET is_restocked = NOT is_restocked;
UPDATE ecommerce.order_returns SET reason = 'another';
UPDATE ecommerce.order_returns SET idempotency_key = 'another';
UPDATE ecommerce.order_returns SET person = 'another';
UPDATE ecommerce.order_returns SET actor = 'another';
UPDATE ecommerce.order_returns SET created_at = '2001-01-01';
UPDATE ecommerce.order_returns SET return_number = return_number + 10;
DELETE FROM ecommerce.order_returns;
TRUNCATE ecommerce.order_returns CASCADE;
UPDATE ecommerce.order_return_lines SET quantity = quantity;
DELETE FROM ecommerce.order_return_lines;
TRUNCATE ecommerce.order_return_lines;
\set VERBOSITY default
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids' ORDER BY 1, 3;


-- Customers read their own returns, and who recorded them is staff's; what names people can go.

CREATE ROLE regress_shopper;
CREATE ROLE regress_staff;
ALTER ROLE regress_shopper SET statement_timeout = '1min';
ALTER ROLE regress_shopper SET lock_timeout = '1min';
SELECT ecommerce.grant_api(shopper => 'regress_shopper', staff => 'regress_staff');
SET ROLE regress_shopper;
SET request.jwt.claims = '{"user_id": 1}';
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true);
SELECT pg_temp.told(ecommerce_api.order_json(:other)::jsonb);
RESET ROLE;
SET ROLE regress_staff;
SET request.jwt.claims = '{"sub": "clerk"}';
SELECT pg_temp.told(ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true, 'wrong colour, said Ada'));
SELECT actor, person, reason FROM ecommerce.order_returns WHERE order_id = :id ORDER BY return_number DESC LIMIT 1;
SELECT ecommerce.erase_user(1, order_addresses => true);
RESET ROLE;
SELECT DISTINCT idempotency_key, reason, person FROM ecommerce.order_returns WHERE customer_id = 1;
SELECT pg_temp.told(ecommerce.order_json(1, :id));
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids' ORDER BY 1, 3;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shopper, regress_staff;
