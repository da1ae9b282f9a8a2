-- order_integrity() finds nothing in a healthy shop. For each of its rules there is a
-- shop that breaks it, and it names the rule, what breaks it, and the values that do.
-- It reads only, and takes no lock that anybody could wait for.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

-- A shop without anything, then one with orders of every status.
SELECT * FROM ecommerce.order_integrity();
INSERT INTO ecommerce.users (name, email, shipping_address) VALUES
    ('Ada', 'ada@example.com', '1 Main Street'), ('Grace', NULL, '2 Side Street'), ('Edsger', NULL, '3 Hill Road'), ('Donald', NULL, '4 Far Street');
INSERT INTO ecommerce.categories (name) VALUES ('Writing');
INSERT INTO ecommerce.products (name, description, price, currency, category_id) VALUES
    ('Pencil', 'HB', 0.25, 'USD', 1), ('Pen', NULL, 1.5000, 'USD', NULL), ('Ink', NULL, 4, 'USD', 1),
    ('Leaflet', NULL, 0, 'USD', NULL), ('Desk', 'Oak', 899.90, 'EUR', NULL), ('Book', NULL, 10, 'USD', NULL);
INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity) SELECT bucket, id, 100
  FROM generate_series(0, 1) AS bucket, ecommerce.products;
CREATE PROCEDURE pg_temp.order(user_id bigint, products jsonb, key text DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.add_to_cart(user_id, product::bigint, quantity::integer)
       FROM jsonb_each_text(products) AS items (product, quantity);
    PERFORM ecommerce.place_order(user_id, idempotency_key => key);
END
$$;
CALL pg_temp.order(2, '{"1": 3, "2": 2, "3": 1}', 'k1');
CALL pg_temp.order(1, '{"2": 1}');
CALL pg_temp.order(2, '{"3": 4}', 'k2');
CALL pg_temp.order(1, '{"3": 1, "4": 1}');
CALL pg_temp.order(3, '{"5": 1}', 'k1');
UPDATE ecommerce.carts SET stock_bucket = 1 WHERE user_id = 1;
CALL pg_temp.order(1, '{"4": 7}');

-- An order that costs more, and less, than its lines: 3 off, 5 for shipping, 21 % of 27.
INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', 'Ten off', 'percent', 10);
INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES ('post', 'Post', 5);
INSERT INTO ecommerce.tax_rates (tax_class, name, rate) VALUES ('standard', 'VAT', 21);
UPDATE ecommerce.products SET tax_class = 'standard' WHERE name = 'Book';
SELECT ecommerce.set_promotion_limit(1, 5) AS remaining, ecommerce.set_cart_coupons(4, '{TEN}') ->> 'id' AS coupon_of,
       ecommerce.set_cart_shipping(4, 'post') ->> 'id' AS shipping_of;
CALL pg_temp.order(4, '{"6": 3}');
SELECT order_amount, items_amount FROM ecommerce.orders WHERE id = 7;

SELECT order_id, ecommerce.set_order_status(user_id, order_id, status) -> 'order_status' AS order_status
FROM (VALUES (2, 1, 'SHIPPED'), (2, 1, 'DELIVERED'), (2, 3, 'SHIPPED'), (1, 6, 'SHIPPED'), (1, 6, 'DELIVERED'),
             (1, 6, 'RETURNED'), (3, 5, 'SHIPPED'), (3, 5, 'RETURNED')) AS changes (user_id, order_id, status);
SELECT ecommerce.cancel_order(1, 2, 'customer') -> 'order_status' AS order_status;
SELECT ecommerce.return_items(user_id, order_id, items, restock) -> 'order_status' AS order_status
FROM (VALUES (2, 1, '[{"line": 1, "quantity": 1}]'::jsonb, true), (2, 1, '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 2}]', false),
             (2, 3, '[{"line": 1, "quantity": 4}]', true)) AS changes (user_id, order_id, items, restock);
-- Orders that are paid for, one of them in advance, one too late, one not yet.
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT '2100-01-01';
CALL pg_temp.order(2, '{"1": 4}');
CALL pg_temp.order(2, '{"1": 8}');
CALL pg_temp.order(2, '{"1": 12}');
CALL pg_temp.order(2, '{"1": 16}');
ALTER TABLE ecommerce.orders ALTER payment_due_at DROP DEFAULT;
SELECT order_id, ecommerce.record_payment(2, order_id, 'card', reference, kind, amount) #> '{payment,status}' AS payment
FROM (VALUES (8, 'pi_8', 'authorized', 1), (8, 'pi_8', 'captured', 0.75), (8, 'pi_8b', 'captured', 0.25), (9, 'pi_9', 'authorized', 2)) AS payments (order_id, reference, kind, amount);
SELECT ecommerce.request_refund(2, 8, 're_8', 0.5) #> '{payment,status}' AS payment, ecommerce.cancel_order(2, 10, 'unpaid') -> 'order_status' AS order_status;
SELECT order_id, ecommerce.record_payment(2, order_id, 'card', reference, kind, amount) #> '{payment,status}' AS payment
FROM (VALUES (8, 're_8', 'refunded', 0.5), (10, 'pi_10', 'captured', 3)) AS payments (order_id, reference, kind, amount);
SELECT invariant, order_id, details FROM ecommerce.order_integrity();
SELECT ecommerce.request_refund(2, 10, 're_10') #> '{payment,status}' AS payment;
-- A deleted product stays in carts.
SELECT ecommerce.add_to_cart(1, 2) IS NOT NULL AND ecommerce.add_to_cart(2, 1) IS NOT NULL AND ecommerce.add_to_cart(4, 5) IS NOT NULL AS filled;
DELETE FROM ecommerce.products WHERE name = 'Desk';
SELECT ecommerce.erase_user(3, order_addresses => true);
SELECT * FROM ecommerce.order_integrity();

-- What breaks the rules. {"column": value, ...} replaces values of a row.
CREATE FUNCTION pg_temp.with(anyelement, jsonb) RETURNS anyelement LANGUAGE sql AS 'SELECT jsonb_populate_record($1, $2)';
CREATE TABLE pg_temp.damages (number serial, invariant text, damage text);
INSERT INTO pg_temp.damages (invariant, damage) VALUES
    ('order_amount_is_the_sum_of_its_lines', 'UPDATE ecommerce.orders SET order_amount = order_amount + 0.01 WHERE id = 1'),
    ('order_amount_is_the_sum_of_its_lines', 'DELETE FROM ecommerce.order_details WHERE order_id = 4'),
    ('order_amount_is_the_sum_of_its_lines', 'DELETE FROM ecommerce.order_details WHERE order_id = 1 AND line_number = 3'),
    ('order_amount_is_the_sum_of_its_lines', 'UPDATE ecommerce.order_adjustments SET amount = amount + 1 WHERE kind = ''shipping'''),
    ('charges_are_those_of_lines_and_adjustments', 'UPDATE ecommerce.order_details SET discount_amount = discount_amount - 1 WHERE order_id = 7'),
    ('charges_are_those_of_lines_and_adjustments', 'UPDATE ecommerce.order_details SET tax_amount = tax_amount + 0.01 WHERE order_id = 7'),
    ('charges_are_those_of_lines_and_adjustments', 'UPDATE ecommerce.order_details SET discount_amount = 0.25 WHERE order_id = 1 AND line_number = 1'),
    ('charges_are_those_of_lines_and_adjustments', 'UPDATE ecommerce.orders SET items_amount = items_amount + 1 WHERE id = 7'),
    ('charges_are_those_of_lines_and_adjustments', 'UPDATE ecommerce.orders SET items_amount = NULL WHERE id = 7'),
    ('charges_are_those_of_lines_and_adjustments', 'UPDATE ecommerce.order_details SET added_tax_amount = 5.68 WHERE order_id = 7'),
    ('charges_are_units_of_the_currency', 'UPDATE ecommerce.order_adjustments SET amount = amount + 0.001 WHERE kind = ''shipping'''),
    ('adjustments_are_numbered_from_1', 'UPDATE ecommerce.order_adjustments SET adjustment_number = 9 WHERE adjustment_number = 1'),
    ('adjustments_are_numbered_from_1', 'UPDATE ecommerce.order_adjustments SET adjustment_number = 2 WHERE adjustment_number = 1'),
    ('adjustment_has_an_order', 'INSERT INTO ecommerce.order_adjustments SELECT (pg_temp.with(a, ''{"order_id": 99}'')).* FROM ecommerce.order_adjustments AS a'),
    ('limit_of_a_promotion_is_uses_and_what_remains', 'UPDATE ecommerce.promotion_levels SET remaining = remaining - 1'),
    ('limit_of_a_promotion_is_uses_and_what_remains', 'UPDATE ecommerce.promotions SET usage_limit = 6'),
    ('order_amount_is_in_range', 'UPDATE ecommerce.orders SET order_amount = ''NaN'' WHERE id = 1'),
    ('order_amount_is_in_range', 'UPDATE ecommerce.orders SET order_amount = -order_amount WHERE id = 1'),
    ('order_amount_is_in_range', 'UPDATE ecommerce.orders SET currency = ''usd'' WHERE id = 1'),
    ('order_amount_is_in_range', 'UPDATE ecommerce.orders SET currency = NULL WHERE id = 1'),
    ('order_has_a_customer', 'DELETE FROM ecommerce.users WHERE id = 3'),
    ('order_has_an_address', 'UPDATE ecommerce.orders SET shipping_address = E'' \t'' WHERE id = 1'),
    ('order_has_an_address', 'UPDATE ecommerce.orders SET shipping_address = NULL WHERE id = 1'),
    ('order_id_is_used_once', 'INSERT INTO ecommerce.orders SELECT (pg_temp.with(o, ''{"customer_id": 1}'')).* FROM ecommerce.orders AS o WHERE id = 1'),
    ('idempotency_key_has_one_order', 'UPDATE ecommerce.orders SET idempotency_key = ''k1'' WHERE id = 3'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET line_amount = line_amount + 0.01 WHERE order_id = 1 AND line_number = 1'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET quantity = 4 WHERE order_id = 1 AND line_number = 1'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET unit_price = ''NaN'', line_amount = ''NaN'' WHERE order_id = 1 AND line_number = 1'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET quantity = 0 WHERE product_id = 4'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET unit_price = -unit_price, quantity = -quantity WHERE order_id = 3'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET unit_price = -unit_price, line_amount = -line_amount WHERE order_id = 3'),
    ('line_amount_is_unit_price_times_quantity', 'UPDATE ecommerce.order_details SET quantity = NULL WHERE order_id = 3'),
    ('lines_are_numbered_from_1', 'UPDATE ecommerce.order_details SET line_number = 4 WHERE order_id = 1 AND line_number = 3'),
    ('lines_are_numbered_from_1', 'UPDATE ecommerce.order_details SET line_number = 0 WHERE order_id = 4 AND line_number = 2'),
    ('lines_are_numbered_from_1', 'UPDATE ecommerce.order_details SET line_number = 1 WHERE order_id = 1 AND line_number = 2'),
    ('lines_are_numbered_from_1', 'UPDATE ecommerce.order_details SET line_number = 0 WHERE order_id = 1 AND line_number = 2'),
    ('lines_are_numbered_from_1', 'UPDATE ecommerce.order_details SET line_number = NULL WHERE order_id = 3'),
    ('line_has_an_order', 'INSERT INTO ecommerce.order_details SELECT (pg_temp.with(line, ''{"order_id": 99}'')).* FROM ecommerce.order_details AS line WHERE order_id = 3'),
    ('line_has_an_order', 'UPDATE ecommerce.order_details SET customer_id = 1 WHERE order_id = 3'),
    ('balance_is_that_of_the_ledger', 'UPDATE ecommerce.order_balances SET paid_amount = paid_amount + 0.01 WHERE order_id = 8'),
    ('balance_is_that_of_the_ledger', 'UPDATE ecommerce.order_balances SET authorized_amount = 1 WHERE order_id = 8'),
    ('balance_is_that_of_the_ledger', 'UPDATE ecommerce.order_balances SET refund_pending_amount = 0 WHERE order_id = 10'),
    ('balance_is_that_of_the_ledger', 'UPDATE ecommerce.order_balances SET refunded_amount = NULL WHERE order_id = 10'),
    ('balance_is_that_of_the_ledger', 'DELETE FROM ecommerce.order_balances WHERE order_id = 8'),
    ('balance_is_that_of_the_ledger', 'DELETE FROM ecommerce.order_payments WHERE order_id = 9'),
    ('balance_is_that_of_the_ledger', 'UPDATE ecommerce.order_payments SET kind = ''refund_failed'' WHERE kind = ''refunded'''),
    ('refunds_do_not_exceed_payments', 'UPDATE ecommerce.order_balances SET refunded_amount = 1.01 WHERE order_id = 8'),
    ('cancelled_order_holds_no_money', 'UPDATE ecommerce.order_balances SET refund_pending_amount = 2.99 WHERE order_id = 10'),
    ('deadline_is_that_of_an_unpaid_order', 'UPDATE ecommerce.order_balances SET due_at = ''2100-01-01'' WHERE order_id = 9'),
    ('deadline_is_that_of_an_unpaid_order', 'UPDATE ecommerce.order_balances SET due_at = NULL WHERE order_id = 11'),
    ('deadline_is_that_of_an_unpaid_order', 'DELETE FROM ecommerce.order_balances WHERE order_id = 11'),
    ('deadline_is_that_of_an_unpaid_order', 'UPDATE ecommerce.orders SET payment_due_at = NULL WHERE id = 11'),
    ('payment_is_recorded_once', 'UPDATE ecommerce.order_payments SET reference = ''pi_8'' WHERE order_id = 10 AND kind = ''captured'''),
    ('payment_is_recorded_once', 'UPDATE ecommerce.order_payments SET reference = ''re_10'' WHERE order_id = 9'),
    ('payments_are_numbered_from_1', 'UPDATE ecommerce.order_payments SET payment_number = 9 WHERE order_id = 8 AND payment_number = 1'),
    ('payments_are_numbered_from_1', 'UPDATE ecommerce.order_payments SET payment_number = 2 WHERE order_id = 8 AND payment_number = 1'),
    ('payment_is_of_a_kind_and_in_units_of_the_currency', 'UPDATE ecommerce.order_payments SET amount = 0.755 WHERE order_id = 8 AND payment_number = 2'),
    ('payment_is_of_a_kind_and_in_units_of_the_currency', 'UPDATE ecommerce.order_payments SET amount = -1 WHERE order_id = 8 AND payment_number = 2'),
    ('payment_is_of_a_kind_and_in_units_of_the_currency', 'UPDATE ecommerce.order_payments SET amount = ''NaN'' WHERE order_id = 8 AND payment_number = 2'),
    ('payment_is_of_a_kind_and_in_units_of_the_currency', 'UPDATE ecommerce.order_payments SET kind = ''paid'' WHERE order_id = 8 AND payment_number = 2'),
    ('payment_has_an_order', 'INSERT INTO ecommerce.order_payments SELECT (pg_temp.with(p, ''{"order_id": 99, "reference": "pi_99"}'')).* FROM ecommerce.order_payments AS p WHERE order_id = 9'),
    ('balance_has_an_order', 'INSERT INTO ecommerce.order_balances SELECT (pg_temp.with(b, ''{"order_id": 99}'')).* FROM ecommerce.order_balances AS b WHERE order_id = 9'),
    ('key_is_used_once', 'INSERT INTO ecommerce.order_balances TABLE ecommerce.order_balances ORDER BY order_id LIMIT 1'),
    ('events_are_numbered_from_1', 'UPDATE ecommerce.order_events SET event_number = 9 WHERE order_id = 1 AND event_number = 3'),
    ('events_are_numbered_from_1', 'UPDATE ecommerce.order_events SET event_number = 2 WHERE order_id = 4'),
    ('events_are_numbered_from_1', 'UPDATE ecommerce.order_events SET event_number = 0 WHERE order_id = 1 AND event_number = 2'),
    ('events_are_numbered_from_1', 'DELETE FROM ecommerce.order_events WHERE order_id = 4'),
    ('events_are_numbered_from_1', 'INSERT INTO ecommerce.order_events SELECT (pg_temp.with(e, ''{"id": 99}'')).* FROM ecommerce.order_events AS e WHERE order_id = 3 AND event_number = 1; '
     'UPDATE ecommerce.order_events SET event_number = 3 WHERE order_id = 3 AND event_number = 2'),
    ('event_follows_the_one_before', 'UPDATE ecommerce.order_events SET old_status = ''PROCESSING'' WHERE order_id = 1 AND event_number = 3'),
    ('event_follows_the_one_before', 'UPDATE ecommerce.order_events SET event = ''order_returned'' WHERE order_id = 1 AND event_number = 3'),
    ('event_follows_the_one_before', 'UPDATE ecommerce.order_events SET event = NULL WHERE order_id = 4'),
    ('event_follows_the_one_before', 'UPDATE ecommerce.order_events SET event = ''order_placed PROCESSING'', new_status = NULL WHERE order_id = 1 AND event_number = 1; '
     'UPDATE ecommerce.order_events SET old_status = NULL WHERE order_id = 1 AND event_number = 2'),
    ('event_follows_the_one_before', 'UPDATE ecommerce.order_events SET event = ''order_corrected'' WHERE order_id = 1 AND event_number = 3'),
    ('event_follows_the_one_before', 'DELETE FROM ecommerce.order_events WHERE order_id = 1 AND event_number = 2'),
    ('status_is_that_of_the_last_event', 'UPDATE ecommerce.orders SET order_status = ''SHIPPED'' WHERE id = 4'),
    ('status_is_that_of_the_last_event', 'UPDATE ecommerce.orders SET order_status = ''PROCESSING'' WHERE id = 1'),
    ('cancellation_has_a_reason', 'UPDATE ecommerce.order_events SET payload = NULL WHERE event = ''order_cancelled'''),
    ('cancellation_has_a_reason', 'UPDATE ecommerce.order_events SET payload = ''{"reason": "whim"}'' WHERE event = ''order_cancelled'''),
    ('archived_order_is_not_in_the_shop', 'INSERT INTO ecommerce.archived_orders VALUES (2, 1, NULL, ''2026-11-23'', ''{}'', ''2026-11-23'')'),
    ('event_has_an_order', 'INSERT INTO ecommerce.order_events SELECT (pg_temp.with(e, ''{"order_id": 99, "id": 9}'')).* FROM ecommerce.order_events AS e WHERE order_id = 4'),
    ('event_id_is_used_once', 'UPDATE ecommerce.order_events SET id = 1 WHERE order_id = 4'),
    ('attempts_are_counted', 'UPDATE ecommerce.order_events SET attempts = -1 WHERE order_id = 4'),
    ('attempts_are_counted', 'UPDATE ecommerce.order_events SET attempts = 2147483647 WHERE order_id = 4'),
    ('attempts_are_counted', 'UPDATE ecommerce.order_events SET attempts = NULL WHERE order_id = 4'),
    ('lease_ends_in_12_hours_at_most', 'UPDATE ecommerce.order_events SET delivered_at = NULL, taken_until = ''infinity'' WHERE order_id = 4'),
    ('failed_event_has_a_reason_and_is_not_delivered', 'UPDATE ecommerce.order_events SET failed_at = ''2026-11-23'', failure = ''why'', delivered_at = ''2026-11-23'' WHERE order_id = 4'),
    ('failed_event_has_a_reason_and_is_not_delivered', 'UPDATE ecommerce.order_events SET failed_at = ''2026-11-23'' WHERE order_id = 4'),
    ('failed_event_has_a_reason_and_is_not_delivered', 'UPDATE ecommerce.order_events SET failure = ''why'' WHERE order_id = 4'),
    ('key_is_used_once', 'INSERT INTO ecommerce.users TABLE ecommerce.users ORDER BY id LIMIT 1'),
    ('key_is_used_once', 'INSERT INTO ecommerce.categories TABLE ecommerce.categories'),
    ('key_is_used_once', 'INSERT INTO ecommerce.products TABLE ecommerce.products ORDER BY id LIMIT 1'),
    ('key_is_used_once', 'INSERT INTO ecommerce.stock_levels TABLE ecommerce.stock_levels ORDER BY bucket, product_id LIMIT 1'),
    ('key_is_used_once', 'INSERT INTO ecommerce.carts TABLE ecommerce.carts ORDER BY user_id LIMIT 1'),
    ('key_is_used_once', 'INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (1, 2, 5)'),
    ('email_has_one_user', 'UPDATE ecommerce.users SET email = ''Ada@Example.COM'' WHERE id = 2'),
    ('email_has_one_user', 'UPDATE ecommerce.users SET email = E''ada@example.com\u00A0'' WHERE id = 2'),
    ('email_has_an_at', 'UPDATE ecommerce.users SET email = ''ada'' WHERE id = 2'),
    ('stock_is_never_negative', 'UPDATE ecommerce.stock_levels SET quantity = -1 WHERE bucket = 1 AND product_id = 2'),
    ('stock_is_never_negative', 'UPDATE ecommerce.stock_levels SET quantity = NULL WHERE bucket = 1 AND product_id = 2'),
    ('stock_has_a_product', 'INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (99, 1)'),
    ('price_is_in_range', 'UPDATE ecommerce.products SET price = -0.01 WHERE id = 1'),
    ('price_is_in_range', 'UPDATE ecommerce.products SET price = 1e12 WHERE id = 1'),
    ('price_is_in_range', 'UPDATE ecommerce.products SET price = ''Infinity'' WHERE id = 1'),
    ('price_is_in_range', 'UPDATE ecommerce.products SET price = 0.0000001 WHERE id = 1'),
    ('price_is_in_range', 'UPDATE ecommerce.products SET price = NULL WHERE id = 1'),
    ('price_is_in_range', 'UPDATE ecommerce.products SET currency = ''$'' WHERE id = 1'),
    ('product_has_its_category', 'UPDATE ecommerce.products SET category_id = 99 WHERE id = 1'),
    ('cart_has_a_user', 'INSERT INTO ecommerce.carts (user_id) VALUES (99)'),
    ('cart_item_has_a_cart', 'INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (3, 1, 2)'),
    ('cart_quantity_is_positive', 'UPDATE ecommerce.cart_items SET quantity = 0 WHERE user_id = 1'),
    ('cart_quantity_is_positive', 'UPDATE ecommerce.cart_items SET quantity = NULL WHERE user_id = 1'),
    ('sequence_is_not_behind_the_ids', 'ALTER SEQUENCE ecommerce.users_id_seq RESTART'),
    ('sequence_is_not_behind_the_ids', 'ALTER SEQUENCE ecommerce.categories_id_seq RESTART'),
    ('sequence_is_not_behind_the_ids', 'ALTER SEQUENCE ecommerce.products_id_seq RESTART WITH 2'),
    ('sequence_is_not_behind_the_ids', 'ALTER SEQUENCE ecommerce.promotions_id_seq RESTART'),
    ('sequence_is_not_behind_the_ids', 'ALTER SEQUENCE ecommerce.orders_id_seq RESTART WITH 7'),
    ('returned_units_were_sold', 'UPDATE ecommerce.order_return_lines SET quantity = 3 WHERE order_id = 1 AND return_number = 1'),
    ('returned_units_were_sold', 'UPDATE ecommerce.order_return_lines SET line_number = 9 WHERE order_id = 1 AND return_number = 1'),
    ('returned_units_were_sold', 'UPDATE ecommerce.order_return_lines SET quantity = 0 WHERE order_id = 1 AND return_number = 1'),
    ('returns_of_a_line_are_worth_its_share', 'UPDATE ecommerce.order_return_lines SET amount = amount + 0.01 WHERE order_id = 1 AND return_number = 1'),
    ('returns_of_a_line_are_worth_its_share', 'UPDATE ecommerce.order_return_lines SET quantity = 3 WHERE order_id = 3'),
    ('return_amount_is_the_sum_of_its_lines', 'UPDATE ecommerce.order_returns SET amount = amount + 0.01 WHERE order_id = 1 AND return_number = 1'),
    ('return_amount_is_the_sum_of_its_lines', 'DELETE FROM ecommerce.order_return_lines WHERE order_id = 3'),
    ('balance_has_the_returns', 'UPDATE ecommerce.order_balances SET returned_amount = returned_amount + 0.01 WHERE order_id = 1'),
    ('balance_has_the_returns', 'UPDATE ecommerce.order_balances SET return_count = 1 WHERE order_id = 1'),
    ('balance_has_the_returns', 'UPDATE ecommerce.order_returns SET return_number = 3 WHERE order_id = 1 AND return_number = 1'),
    ('balance_has_the_returns', 'DELETE FROM ecommerce.order_balances WHERE order_id = 1'),
    ('return_has_an_event', 'DELETE FROM ecommerce.order_events WHERE order_id = 3 AND event = ''order_items_returned'''),
    ('return_has_an_event', 'UPDATE ecommerce.order_events SET payload = payload || ''{"amount": 1}'' WHERE order_id = 3 AND event = ''order_items_returned'''),
    ('return_has_an_event', 'UPDATE ecommerce.order_returns SET is_restocked = NOT is_restocked WHERE order_id = 3'),
    ('return_has_an_event', 'UPDATE ecommerce.order_events SET payload = payload || ''{"return_number": 9}'' WHERE order_id = 3 AND event = ''order_items_returned'''),
    ('return_has_an_order', 'UPDATE ecommerce.order_return_lines SET return_number = 9 WHERE order_id = 3'),
    ('return_has_an_order', 'UPDATE ecommerce.order_returns SET customer_id = 99 WHERE order_id = 3'),
    ('order_of_which_all_came_back_is_returned', 'UPDATE ecommerce.orders SET order_status = ''SHIPPED'' WHERE id = 3'),
    ('sequence_is_not_behind_the_ids', 'ALTER SEQUENCE ecommerce.order_events_id_seq RESTART'),
    ('sequence_is_not_behind_the_ids', 'INSERT INTO ecommerce.categories (id, name) VALUES (2, ''By hand'')'),
    ('partition_of_history_is_not_truncated', 'CREATE TABLE ecommerce.part () INHERITS (ecommerce.order_details)');

-- Does the damage, looks, and undoes it. Returns what was found, or the error that prevented the damage.
CREATE FUNCTION pg_temp.try(damage text, OUT violations jsonb, OUT prevented text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE damage;
    BEGIN
        SELECT coalesce(jsonb_agg(to_jsonb(violation)), '[]') INTO violations
          FROM ecommerce.order_integrity() AS violation;
    EXCEPTION WHEN OTHERS THEN
        violations := jsonb_build_array(jsonb_build_object('invariant', SQLERRM));
    END;
    RAISE SQLSTATE 'ZZ000';
EXCEPTION WHEN OTHERS THEN
    prevented := nullif(SQLSTATE, 'ZZ000');
END
$$;

-- Constraints and triggers prevent nearly all of it.
SELECT invariant, regexp_replace(damage, '^(\w+) .*?ecommerce\.(\w+).*', '\1 \2') AS damage, prevented
FROM pg_temp.damages, pg_temp.try(damage) ORDER BY number;

-- Without them, all of it can be done, and is found; and undone, leaves nothing to find.
BEGIN;
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('ALTER TABLE %s DISABLE TRIGGER USER', oid::regclass) FROM pg_class
         WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
        UNION ALL
        (SELECT CASE WHEN contypid = 0 THEN format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                     ELSE format('ALTER DOMAIN %s DROP CONSTRAINT %I', contypid::regtype, conname) END
           FROM pg_constraint WHERE connamespace = 'ecommerce'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
          ORDER BY contype = 'f' DESC)
        UNION ALL
        SELECT format('ALTER TABLE %s ALTER %I DROP NOT NULL', attrelid::regclass, attname)
          FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
         WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND attnum > 0 AND attnotnull
        UNION ALL
        SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
         WHERE relnamespace = 'ecommerce'::regnamespace AND indisunique
           AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
    LOOP
        EXECUTE command;
    END LOOP;
END
$$;
CREATE TABLE pg_temp.findings AS
SELECT number, damages.invariant, prevented, violation.invariant AS finding, customer_id, order_id, product_id, details
FROM pg_temp.damages
CROSS JOIN pg_temp.try(damage)
LEFT JOIN jsonb_to_recordset(violations) AS violation (invariant text, customer_id bigint, order_id bigint,
                                                       product_id bigint, details jsonb) ON true;
SELECT number, CASE WHEN finding = invariant THEN 'sought' ELSE 'also' END AS is, finding, customer_id, order_id, product_id,
       details
FROM pg_temp.findings ORDER BY number, finding <> invariant, finding, customer_id, order_id, details;
SELECT number, invariant AS not_found, prevented FROM pg_temp.damages
LEFT JOIN (SELECT number, max(prevented) AS prevented, bool_or(finding = invariant) AS found
             FROM pg_temp.findings GROUP BY number) AS findings USING (number)
WHERE found IS NOT TRUE;
SELECT * FROM ecommerce.order_integrity();

-- A sequence that has not been used, but begins after the ids, is healthy.
ALTER SEQUENCE ecommerce.orders_id_seq RESTART WITH 12;
SELECT * FROM ecommerce.order_integrity();

-- No rule of the source is left out.
\set source `cat "$PG_ABS_SRCDIR"/../src/order_integrity.c`
SELECT count(*) >= 25 AS there_are_rules,
       bool_and(EXISTS (SELECT FROM pg_temp.findings WHERE finding = name AND invariant = name)) AS each_was_broken
FROM regexp_matches(:'source', 'INVARIANT\("(\w+)"', 'g') AS rules (names), unnest(names) AS name;
ROLLBACK;

-- It reads, and takes no other lock than every query does.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT count(*) AS violations FROM ecommerce.order_integrity();
SELECT mode, count(DISTINCT relation) FILTER (WHERE relkind = 'r') AS tables,
       count(DISTINCT relation) FILTER (WHERE relkind = 'S') AS sequences
FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND relnamespace = 'ecommerce'::regnamespace GROUP BY mode;
COMMIT;

-- It is for the shop's people.
CREATE ROLE regress_staff;
CREATE ROLE regress_shopper;
ALTER ROLE regress_staff SET statement_timeout = '1min';
ALTER ROLE regress_staff SET lock_timeout = '1min';
ALTER ROLE regress_shopper SET statement_timeout = '1min';
ALTER ROLE regress_shopper SET lock_timeout = '1min';
SELECT ecommerce.grant_api(staff => 'regress_staff', shopper => 'regress_shopper');
SET ROLE regress_staff;
SELECT count(*) AS violations FROM ecommerce.order_integrity();
SET ROLE regress_shopper;
SELECT count(*) AS violations FROM ecommerce.order_integrity();
RESET ROLE;
GRANT USAGE ON SCHEMA ecommerce TO regress_shopper;
GRANT EXECUTE ON FUNCTION ecommerce.order_integrity() TO regress_shopper;
SET ROLE regress_shopper;
SET request.jwt.claims = '{"user_id": 1}';
SELECT count(*) AS violations FROM ecommerce.order_integrity();
RESET ROLE;
DROP OWNED BY regress_staff, regress_shopper;
DROP ROLE regress_staff, regress_shopper;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
