-- Calls of functions that write, each with the statements that auto_explain tells the
-- client of. What is written with \warn names the call.

INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate, is_included) VALUES ('standard', 'DE', 'USt', 19, true);
INSERT INTO ecommerce.shipping_rates (code, name, country, price, currency) VALUES ('parcel', 'Parcel', 'DE', 5, 'USD');
INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', '10 % off', 'percent', 10);
UPDATE ecommerce.products SET tax_class = 'standard';
SELECT ecommerce.add_to_cart(1, 1);
SELECT ecommerce.add_to_cart(2, 1);

LOAD 'auto_explain';
SET auto_explain.log_level = notice;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_min_duration = 0;
SET client_min_messages = notice;

\warn call: set_promotion_limit
SELECT ecommerce.set_promotion_limit(1, 10);
\warn call: add_to_cart
SELECT ecommerce.add_to_cart(1, 1);
\warn call: set_cart_item
SELECT ecommerce.set_cart_item(1, 1, 3);
\warn call: set_cart_items
SELECT ecommerce.set_cart_items(1, '{1,2}', '{1,1}');
\warn call: set_cart_coupons
SELECT ecommerce.set_cart_coupons(1, '{TEN}');
\warn call: set_cart_shipping
SELECT ecommerce.set_cart_shipping(1, 'parcel', '{"name": "Ada", "country": "DE"}');
\warn call: place_order
SELECT ecommerce.place_order(1, 'key') -> 'id' AS id \gset
\warn call: cancel_order
SELECT ecommerce.cancel_order(1, :id, 'customer');
\warn call: clear_cart
SELECT ecommerce.clear_cart(1);
\warn call: receive_stock
SELECT ecommerce.receive_stock('{1,2}', '{1,1}');
\warn call: transfer_stock
SELECT ecommerce.transfer_stock('a', 1, 1, 0, 1);
\warn call: split_stock
SELECT ecommerce.split_stock(1, 1);
\warn call: preparation
SELECT ecommerce.split_stock(1, 0);
SELECT ecommerce.add_to_cart(1, 1);
SELECT ecommerce.set_cart_shipping(1, 'parcel', '{"name": "Ada", "country": "DE"}');
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
\warn call: set_order_address
SELECT ecommerce.set_order_address(1, :id, '{"name": "Ada", "line1": "2 Main Street", "country": "DE"}');
\warn call: set_order_status
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED');
\warn call: correct_order_status
SELECT ecommerce.correct_order_status(1, :id, 'PROCESSING', 'by mistake');
\warn call: preparation
SELECT ecommerce.set_order_status(1, :id, 'SHIPPED');
\warn call: record_payment
SELECT ecommerce.record_payment(1, :id, 'card', 'pi_1', 'captured', 1000);
\warn call: return_items
SELECT ecommerce.return_items(1, :id, '[{"line": 1, "quantity": 1}]', true);
\warn call: request_refund
SELECT ecommerce.request_refund(1, :id, 're_1');
\warn call: preparation
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT now();
SELECT ecommerce.add_to_cart(1, 1);
SELECT ecommerce.set_cart_shipping(1, 'parcel', '{"name": "Ada", "country": "DE"}');
SELECT ecommerce.set_cart_coupons(1, '{TEN}');
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
ALTER TABLE ecommerce.orders ALTER payment_due_at DROP DEFAULT;
\warn call: expire_unpaid_orders
SELECT ecommerce.expire_unpaid_orders();
\warn call: take_order_events
SELECT ecommerce.take_order_events(1);
\warn call: acknowledge_order_events
SELECT ecommerce.acknowledge_order_events('{1}');
\warn call: fail_order_events
SELECT ecommerce.fail_order_events('{2}', 'no such mailbox');
\warn call: release_order_events
SELECT ecommerce.release_order_events('{2}');
\warn call: merge_carts
SELECT ecommerce.merge_carts(2, 1);
\warn call: order_again
SELECT ecommerce.order_again(1, :id);
\warn call: clear_abandoned_carts
SELECT ecommerce.clear_abandoned_carts(now() + interval '1 day');
\warn call: set_profile
SELECT ecommerce.set_profile(1, name => 'Ada');
\warn call: import_orders
SELECT ecommerce.import_orders(jsonb_build_array(ecommerce.order_json(1, 1) - '{payment,returns}'::text[] || '{"number": "A1"}'));
\warn call: archive_orders
SELECT ecommerce.archive_orders(now() + interval '1 day');
\warn call: erase_user
SELECT ecommerce.erase_user(1);
