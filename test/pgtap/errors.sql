-- Every error that a function of ecommerce raises: SQLSTATE, message, data and hint.
-- The message is a constant for each condition, all data is in DETAIL, as JSON, and
-- the errors are those that the comments of the functions and docs/errors.md name.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(334);

-- The error that a command ends with, undone; no row when it ends with none.
CREATE FUNCTION pg_temp.error_of(command text)
    RETURNS TABLE (state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                            hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;
CREATE FUNCTION pg_temp.as_json(detail text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN detail::jsonb;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

CREATE TABLE pg_temp.conditions (
    number  integer GENERATED ALWAYS AS IDENTITY,
    state   text,
    message text,
    detail  jsonb,
    call    text,
    caller  text GENERATED ALWAYS AS (substring(call FROM '.*SELECT ecommerce\.(\w+)')) STORED,
    given_state   text,
    given_message text,
    given_detail  text,
    given_hint    text
);
CREATE PROCEDURE pg_temp.make_errors() LANGUAGE sql AS $$
    UPDATE conditions
    SET (given_state, given_message, given_detail, given_hint) = (SELECT * FROM pg_temp.error_of(call))
    WHERE given_state IS NULL
$$;

-- Before migrate()

INSERT INTO conditions (state, message, detail, call)
SELECT '55000', 'ecommerce has no tables in this database', '{"code": "not_migrated"}', 'SELECT ecommerce.' || call
FROM unnest(ARRAY['add_to_cart(1, 1)', 'set_cart_item(1, 1, 1)', 'cart_json(1)', 'place_order(1)',
                  'order_listing_json(1)', 'order_json(1, 1)', 'set_order_status(1, 1, ''SHIPPED'')',
                  'cancel_order(1, 1, ''other'')', 'correct_order_status(1, 1, ''SHIPPED'', ''x'')', 'find_order(1)',
                  'order_queue()', 'set_order_address(1, 1, ''x'')', 'take_order_events(1)', 'acknowledge_order_events(''{}'')',
                  'fail_order_events(''{}'', ''x'')', 'release_order_events(''{}'')', 'set_cart_items(1, ''{1}'', ''{1}'')',
                  'clear_cart(1)', 'set_cart_coupons(1, ''{}'')', 'set_cart_shipping(1)', 'receive_stock(''{1}'', ''{1}'')',
                  'transfer_stock(''a'', 1, 1, 0, 1)', 'set_promotion_limit(1, 1)', 'split_stock(1, 1)', 'return_items(1, 1, ''[{"line": 1, "quantity": 1}]'', true)',
                  'record_payment(1, 1, ''x'', ''x'', ''captured'', 1)', 'request_refund(1, 1, ''x'')',
                  'expire_unpaid_orders()', 'merge_carts(1, 2)', 'clear_abandoned_carts(now())', 'order_again(1, 1)', 'profile_json(1)',
                  'set_profile(1)', 'import_orders(''[]'')', 'archive_orders(now())', 'ids_of_shard(0, 2)',
                  'outbox_metrics()', 'warm_up()', 'order_integrity()', 'erase_user(1)', 'grant_api()', 'revoke_api()',
                  'set_owner(current_user)', 'distribute()', 'undistribute()']) AS call;
CALL pg_temp.make_errors();
SELECT ecommerce.migrate(owner => current_user) AS version \gset

-- A customer for each condition

CREATE ROLE regress_shopper;
GRANT USAGE ON SCHEMA ecommerce TO regress_shopper;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO regress_shopper;
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES
    (1, 'ready', 'One'), (2, 'no address', NULL), (3, 'empty cart', 'Three'), (4, 'no cart', 'Four'),
    (5, 'two lines short', 'Five'), (6, 'inactive products', 'Six'), (7, 'two currencies', 'Seven'),
    (8, 'too expensive', 'Eight'), (9, 'has ordered', 'Nine'), (10, 'has too much', 'Ten'), (12, 'repriced', 'Twelve'),
    (13, 'removed', 'Thirteen'), (14, 'wants more', 'Fourteen'), (15, 'has it all', 'Fifteen');
INSERT INTO ecommerce.users (id, name, address) VALUES (16, 'of Nuenen', '{"city": "Nuenen", "country": "NL"}');
INSERT INTO ecommerce.products (id, name, price, currency) VALUES
    (11, 'Pencil', 0.25, 'USD'), (12, 'Pen', 1.5, 'USD'), (13, 'Quill', 2, 'USD'), (14, 'Stylo', 3, 'EUR'),
    (15, 'Yacht', 999999999999, 'USD'), (16, 'Sold out', 1, 'USD'), (17, 'Gadget', 1, 'USD'), (18, 'Gizmo', 1, 'USD'),
    (19, 'Fad', 1, 'USD'), (20, 'Craze', 1, 'USD'), (21, 'Taxed', 1, 'USD');
UPDATE ecommerce.products SET tax_class = 'standard' WHERE id = 21;
INSERT INTO ecommerce.products (id, name, price) SELECT 1000 + n, 'Bead', 1 FROM generate_series(1, 1001) AS n;
INSERT INTO ecommerce.promotions (id, code, name, kind, value, is_active) VALUES (1, 'TEN', 'Ten off', 'percent', 10, true),
    (2, 'OLD', 'Old one', 'percent', 10, false);
INSERT INTO ecommerce.shipping_rates (code, name, country, price) VALUES ('post', 'Post', 'DE', 5);
INSERT INTO ecommerce.stock_levels (product_id, quantity)
SELECT id, 10000 FROM ecommerce.products WHERE id <> 16;
SELECT count(ecommerce.add_to_cart(user_id, product_id, quantity)) AS added FROM (VALUES
    (1, 11, 4), (2, 11, 1), (3, 11, 1), (5, 12, 10001), (5, 16, 1), (5, 11, 1), (6, 13, 1), (6, 12, 1), (7, 12, 1),
    (7, 14, 1), (8, 15, 2000), (9, 11, 2), (12, 17, 1), (12, 18, 2), (12, 11, 1), (13, 19, 1), (13, 11, 1), (13, 20, 1), (14, 21, 1),
    (16, 21, 1)) AS item (user_id, product_id, quantity) \gset
SELECT ecommerce.set_cart_item(3, 11, 0) AS cart, ecommerce.place_order(9, 'key', metadata => '{"a": 1}') -> 'id' AS earlier_id,
       ecommerce.set_cart_items(15, ARRAY(SELECT generate_series(1001, 2000)), array_fill(1, '{1000}')) AS full_cart \gset
UPDATE ecommerce.products SET is_active = false WHERE id = 13;
UPDATE ecommerce.products SET price = 2.5, currency = 'EUR' WHERE id = 17;
UPDATE ecommerce.products SET price = 3 WHERE id = 18;
DELETE FROM ecommerce.products WHERE id IN (19, 20);
SELECT ecommerce.cart_json(1) ->> 'fingerprint' AS fingerprint_1, ecommerce.cart_json(8) ->> 'fingerprint' AS fingerprint_8 \gset
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (10, 100, 1, 'USD', '');
INSERT INTO ecommerce.order_details
SELECT 10, 100, n, 1, repeat('x', 1000000), NULL, NULL, NULL, 1, 1, 1 FROM generate_series(1, 269) AS n;

-- The conditions, each with different data where there can be any

INSERT INTO conditions (state, message, detail, call) VALUES
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     'SELECT ecommerce.add_to_cart(NULL, 11)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "product_id"}',
     'SELECT ecommerce.add_to_cart(1, NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "quantity"}',
     'SELECT ecommerce.add_to_cart(1, 11, NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     'SELECT ecommerce.set_cart_item(NULL, 11, 1)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "product_id"}',
     'SELECT ecommerce.set_cart_item(1, NULL, 1)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "quantity"}',
     'SELECT ecommerce.set_cart_item(1, 11, NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     'SELECT ecommerce.cart_json(NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     'SELECT ecommerce.place_order(NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     'SELECT ecommerce.order_listing_json(NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     'SELECT ecommerce.order_json(NULL, 1)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "order_id"}',
     'SELECT ecommerce.order_json(1, NULL)'),
    ('22004', 'order has no shipping address', '{"code": "no_shipping_address", "user_id": 2}',
     'SELECT ecommerce.place_order(2)'),
    ('22004', 'order has no shipping address', '{"code": "no_shipping_address", "user_id": 1}',
     $$UPDATE ecommerce.users SET shipping_address = E'\n'; SELECT ecommerce.place_order(1)$$),

    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "quantity", "accepted": "1 or more"}',
     'SELECT ecommerce.add_to_cart(1, 11, 0)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "quantity", "accepted": "0 or more"}',
     'SELECT ecommerce.set_cart_item(1, 11, -1)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "page_size", "accepted": "1 or more"}',
     'SELECT ecommerce.order_listing_json(1, 0)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "status",
       "accepted": "PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED"}',
     $$SELECT ecommerce.order_listing_json(1, status => E'\r\nSet-Cookie: x')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shipping_address",
       "accepted": "1 to 10000 characters that are not all blank"}',
     $$SELECT ecommerce.place_order(1, shipping_address => ' ')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shipping_address",
       "accepted": "1 to 10000 characters that are not all blank"}',
     $$SELECT ecommerce.place_order(1, shipping_address => repeat('x', 10001))$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shipping_address", "accepted": "an object with name, phone, email, company, line1, line2, city, state, postal_code, country, each a text of at most 500 characters, country two capital letters"}',
     $$SELECT ecommerce.place_order(1, shipping_address => '{"zip": "5611"}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "metadata", "accepted": "an object of at most 16384 bytes"}',
     $$SELECT ecommerce.place_order(1, metadata => '[]')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "idempotency_key",
       "accepted": "1 to 255 characters that are not all blank"}',
     $$SELECT ecommerce.place_order(1, idempotency_key => '')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "expected_amount",
       "accepted": "a number from 0, below 1000000000000000, of at most 20 decimals"}',
     $$SELECT ecommerce.place_order(1, expected_amount => 'NaN')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "currency", "accepted": "the three capital letters of an ISO 4217 code"}',
     $$SELECT ecommerce.currency_digits('usd')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "currency"}',
     $$SELECT ecommerce.currency_digits(NULL)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "product_ids"}',
     $$SELECT ecommerce.set_cart_items(1, NULL, '{1}')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "quantities"}',
     $$SELECT ecommerce.set_cart_items(1, '{11}', '{NULL}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "quantities", "accepted": "as many as product_ids"}',
     $$SELECT ecommerce.set_cart_items(1, '{11}', '{}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "quantities", "accepted": "each 0 or more"}',
     $$SELECT ecommerce.set_cart_items(1, '{11}', '{-1}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "product_ids", "accepted": "each product once"}',
     $$SELECT ecommerce.set_cart_items(1, '{11, 12, 11}', '{1, 1, 1}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "product_ids", "accepted": "an array of one dimension"}',
     $$SELECT ecommerce.set_cart_items(1, '{{11, 12}}', '{1, 1}')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     $$SELECT ecommerce.clear_cart(NULL)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "codes"}',
     $$SELECT ecommerce.set_cart_coupons(1, '{TEN, NULL}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "codes", "accepted": "an array of at most 10 codes"}',
     $$SELECT ecommerce.set_cart_coupons(1, array_fill('TEN'::text, '{11}'))$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "codes", "accepted": "each 1 to 50 characters that are not all blank"}',
     $$SELECT ecommerce.set_cart_coupons(1, ARRAY['TEN', ''])$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "user_id"}',
     $$SELECT ecommerce.set_cart_shipping(NULL)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shipping_code", "accepted": "1 to 50 characters that are not all blank"}',
     $$SELECT ecommerce.set_cart_shipping(1, E'\u3000')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "address", "accepted": "an object with name, phone, email, company, line1, line2, city, state, postal_code, country, each a text of at most 500 characters, country two capital letters"}',
     $$SELECT ecommerce.set_cart_shipping(1, address => '{"country": "nl"}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "billing_address", "accepted": "an object with name, phone, email, company, line1, line2, city, state, postal_code, country, each a text of at most 500 characters, country two capital letters"}',
     $$SELECT ecommerce.set_cart_shipping(1, billing_address => '"text"')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "product_ids"}',
     $$SELECT ecommerce.receive_stock('{NULL}', '{1}')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "quantities", "accepted": "each 1 or more"}',
     $$SELECT ecommerce.receive_stock('{11}', '{0}')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "reference"}',
     'SELECT ecommerce.transfer_stock(NULL, 11, 1, 0, 1)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "to_bucket", "accepted": "a bucket, unless from_bucket is one"}',
     $$SELECT ecommerce.transfer_stock('a', 11, 1)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "to_bucket", "accepted": "another bucket than from_bucket"}',
     $$SELECT ecommerce.transfer_stock('a', 11, 1, 0, 0)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shard", "accepted": "below shards"}',
     'SELECT ecommerce.ids_of_shard(2, 2)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shards", "accepted": "1024 or less"}',
     'SELECT ecommerce.ids_of_shard(2, 1025)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "beyond", "accepted": "from 0 to 281474976710656"}',
     'SELECT ecommerce.ids_of_shard(0, 2, -1)'),
    ('55000', 'database has given ids of another shard', '{"code": "shard_has_ids", "shard": 0, "shards": 2}',
     'SELECT ecommerce.ids_of_shard(0, 2); SELECT ecommerce.ids_of_shard(0, 3)'),
    ('55000', 'database has given ids of another shard', '{"code": "shard_has_ids", "shard": 1, "shards": 3}',
     'SELECT ecommerce.ids_of_shard(1, 3); SELECT ecommerce.ids_of_shard(0, 1)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "tills"}',
     'SELECT ecommerce.split_stock(11, NULL)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "tills", "accepted": "from 0 to 256"}',
     'SELECT ecommerce.split_stock(11, -1)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "tills", "accepted": "from 0 to 256"}',
     'SELECT ecommerce.split_stock(11, 257)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "promotion_id"}',
     $$SELECT ecommerce.set_promotion_limit(NULL, 1)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "usage_limit", "accepted": "0 or more"}',
     $$SELECT ecommerce.set_promotion_limit(1, -1)$$),

    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "from_user_id"}',
     'SELECT ecommerce.merge_carts(NULL, 1)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "into_user_id"}',
     'SELECT ecommerce.merge_carts(1, NULL)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "into_user_id", "accepted": "another user than from_user_id"}',
     'SELECT ecommerce.merge_carts(1, 1)'),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     'SELECT ecommerce.merge_carts(99, 1)'),
    ('PT409', 'cart is full', '{"code": "cart_full", "user_id": 15, "maximum": 1000}',
     'SELECT ecommerce.merge_carts(1, 15)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "order_id"}',
     'SELECT ecommerce.order_again(1, NULL)'),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 99}',
     'SELECT ecommerce.order_again(1, 99)'),
    ('PT409', 'cart is full', '{"code": "cart_full", "user_id": 15, "maximum": 1000}',
     $$SELECT ecommerce.add_to_cart(15, 2001), ecommerce.place_order(15); SELECT ecommerce.set_cart_items(15, ARRAY(SELECT generate_series(1001, 2000)), array_fill(1, '{1000}'));
       SELECT ecommerce.order_again(15, max(id)) FROM ecommerce.orders$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "before"}',
     'SELECT ecommerce.clear_abandoned_carts(NULL)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "max", "accepted": "1 or more"}',
     'SELECT ecommerce.clear_abandoned_carts(now(), 0)'),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     'SELECT ecommerce.profile_json(99)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "name", "accepted": "1 to 500 characters that are not all blank"}',
     $$SELECT ecommerce.set_profile(1, name => ' ')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "email", "accepted": "an e-mail address of at most 320 characters, or blank for none"}',
     $$SELECT ecommerce.set_profile(1, email => 'ada')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shipping_address", "accepted": "at most 10000 characters"}',
     $$SELECT ecommerce.set_profile(1, shipping_address => repeat('x', 10001))$$),
    ('PT409', 'email address is taken', '{"code": "email_taken"}',
     $$UPDATE ecommerce.users SET email = 'ada@example.com' WHERE id = 2; SELECT ecommerce.set_profile(1, email => 'ada@example.com')$$),
    ('PT409', 'email address is taken', '{"code": "email_taken"}',
     $$UPDATE ecommerce.users SET email = 'ada@example.com' WHERE id = 2; SELECT ecommerce.set_profile(1, email => ' ADA@example.com', name => 'Ada')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "orders", "accepted": "an array of at most 10000 orders"}',
     $$SELECT ecommerce.import_orders('{}')$$),
    ('22023', 'order cannot be imported',
     '{"code": "order_not_importable", "position": 1, "number": null, "field": "order", "accepted": "an object"}',
     $$SELECT ecommerce.import_orders('[1]')$$),
    ('22023', 'order cannot be imported',
     '{"code": "order_not_importable", "position": 1, "number": "W\r\n-1", "field": "customer_id", "accepted": "a value"}',
     $$SELECT ecommerce.import_orders('[{"number": "W\r\n-1"}]')$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.import_orders('[{"number": "1", "customer_id": 99, "order_date": "2020-01-01", "order_amount": 1, "currency": "USD", "order_status": "SHIPPED",
           "shipping_address": "Here", "order_details": [{"unit_price": 1, "quantity": 1, "product_order_details": {"name": "Pen"}}]}]')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "before"}',
     'SELECT ecommerce.archive_orders(NULL)'),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "max", "accepted": "1 or more"}',
     'SELECT ecommerce.archive_orders(now(), 0)'),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.merge_carts(1, 2)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.clear_abandoned_carts(now())$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.import_orders('[]')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.archive_orders(now())$$),

    ('22003', 'quantity in the cart is out of range',
     '{"code": "quantity_out_of_range", "product_id": 11, "requested": 2147483647, "maximum": 2147483647}',
     'SELECT ecommerce.add_to_cart(1, 11, 2147483647)'),
    ('22003', 'quantity in the cart is out of range',
     '{"code": "quantity_out_of_range", "product_id": 12, "requested": 2147473647, "maximum": 2147483647}',
     'SELECT ecommerce.add_to_cart(5, 12, 2147473647)'),
    ('22003', 'order amount is out of range',
     '{"code": "amount_out_of_range", "order_amount": 1999999999998000.00, "below": 1000000000000000}',
     'SELECT ecommerce.place_order(8)'),
    ('22003', 'order amount is out of range',
     '{"code": "amount_out_of_range", "order_amount": 1000000000000000.00, "below": 1000000000000000}',
     $$UPDATE ecommerce.products SET price = 500000000000.0000 WHERE id = 15;
       SELECT ecommerce.set_cart_item(8, 15, 2000); SELECT ecommerce.place_order(8)$$),
    ('22003', 'JSON has no NaN and no infinity', '{"code": "not_a_finite_number"}',
     $$ALTER TABLE ecommerce.order_details
           DROP CONSTRAINT order_details_amount_is_price_times_positive_quantity;
       ALTER TABLE ecommerce.order_details DISABLE TRIGGER USER;
       UPDATE ecommerce.order_details SET unit_price = 'NaN' WHERE customer_id = 9;
       SELECT ecommerce.order_listing_json(9)$$),
    ('22003', 'JSON has no NaN and no infinity', '{"code": "not_a_finite_number"}',
     $$ALTER TABLE ecommerce.order_details
           DROP CONSTRAINT order_details_amount_is_price_times_positive_quantity;
       ALTER TABLE ecommerce.order_details DISABLE TRIGGER USER;
       UPDATE ecommerce.order_details SET line_amount = '-Infinity' WHERE customer_id = 9;
       SELECT ecommerce.order_listing_json(9)$$),
    ('22003', 'JSON has no NaN and no infinity', '{"code": "not_a_finite_number"}',
     $$ALTER TABLE ecommerce.products DROP CONSTRAINT products_price_from_0_below_1e12;
       UPDATE ecommerce.products SET price = 'NaN' WHERE id = 11;
       SELECT ecommerce.place_order(1)$$),

    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     'SELECT ecommerce.add_to_cart(99, 11)'),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": -1}',
     'SELECT ecommerce.set_cart_item(-1, 11, 1)'),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 0}',
     'SELECT ecommerce.cart_json(0)'),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 9223372036854775807}',
     'SELECT ecommerce.place_order(9223372036854775807)'),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.place_order(99, idempotency_key => 'key')$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": -9223372036854775808}',
     'SELECT ecommerce.order_listing_json(-9223372036854775808)'),
    ('PT404', 'product does not exist', '{"code": "product_not_found", "product_id": 99}',
     'SELECT ecommerce.add_to_cart(1, 99)'),
    ('PT404', 'product does not exist', '{"code": "product_not_found", "product_id": -1}',
     'SELECT ecommerce.set_cart_item(1, -1, 1)'),
    ('PT404', 'product does not exist', '{"code": "product_not_found", "product_id": 99}',
     $$SELECT ecommerce.set_cart_items(1, '{99, 11}', '{1, 1}')$$),
    ('PT404', 'product does not exist', '{"code": "product_not_found", "product_ids": [1, 99]}',
     $$SELECT ecommerce.receive_stock('{99, 11, 1}', '{1, 1, 1}')$$),
    ('PT404', 'product does not exist', '{"code": "product_not_found", "product_ids": [99]}',
     $$SELECT ecommerce.transfer_stock('a', 99, 1, 0, 1)$$),
    ('PT409', 'stock is insufficient', '{"code": "insufficient_stock", "lines": [{"product_id": 11, "requested": 1, "available": 0}]}',
     $$SELECT ecommerce.transfer_stock('a', 11, 1, 7, 1)$$),
    ('PT422', 'reference was used for another transfer', '{"code": "transfer_reference_reused", "argument": "quantity"}',
     $$SELECT ecommerce.transfer_stock('a', 11, 1, to_bucket => 1); SELECT ecommerce.transfer_stock('a', 11, 2, to_bucket => 1)$$),
    ('PT422', 'reference was used for another transfer', '{"code": "transfer_reference_reused", "argument": "from_bucket"}',
     $$SELECT ecommerce.transfer_stock('b', 11, 1, to_bucket => 1); SELECT ecommerce.transfer_stock('b', 11, 1, 1, 0)$$),
    ('PT404', 'product does not exist', '{"code": "product_not_found", "product_id": 99}',
     'SELECT ecommerce.split_stock(99, 4)'),
    ('PT404', 'promotion does not exist', '{"code": "promotion_not_found", "promotion_id": 99}',
     $$SELECT ecommerce.set_promotion_limit(99, 1)$$),
    ('PT404', 'promotion does not exist', '{"code": "promotion_not_found", "promotion_id": -1}',
     $$SELECT ecommerce.set_promotion_limit(-1, NULL)$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.set_cart_items(99, '{11}', '{1}')$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.clear_cart(99)$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.set_cart_coupons(99, '{TEN}')$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.set_cart_shipping(99, 'post')$$),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 99}',
     'SELECT ecommerce.order_listing_json(1, before_id => 99)'),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 100}',
     $$SELECT ecommerce.order_listing_json(1, 5, 100, 'SHIPPED')$$),
    ('PT404', 'cart is empty', '{"code": "empty_cart", "user_id": 3}',
     'SELECT ecommerce.place_order(3)'),
    ('PT404', 'cart is empty', '{"code": "empty_cart", "user_id": 4}',
     $$SELECT ecommerce.place_order(4, 'key', 0, 'x', 'Four', '{}')$$),

    ('PT409', 'product is not active', '{"code": "inactive_product", "product_ids": [13]}',
     'SELECT ecommerce.add_to_cart(1, 13)'),
    ('PT409', 'product is not active', '{"code": "inactive_product", "product_ids": [13]}',
     'SELECT ecommerce.set_cart_item(1, 13, 1)'),
    ('PT409', 'product is not active', '{"code": "inactive_product", "product_ids": [13]}',
     'SELECT ecommerce.place_order(6)'),
    ('PT409', 'product is not active', '{"code": "inactive_product", "product_ids": [12, 13]}',
     'UPDATE ecommerce.products SET is_active = false; SELECT ecommerce.place_order(6)'),
    ('PT409', 'product is not active', '{"code": "inactive_product", "product_ids": [13]}',
     $$SELECT ecommerce.set_cart_items(1, '{11, 13}', '{1, 1}')$$),
    ('PT409', 'product is not there any more', '{"code": "product_removed", "product_ids": [19, 20]}',
     'SELECT ecommerce.place_order(13)'),
    ('PT409', 'product is not there any more', '{"code": "product_removed", "product_ids": [11]}',
     'DELETE FROM ecommerce.products WHERE id = 11; SELECT ecommerce.place_order(1, expected_amount => 1)'),
    ('PT409', 'price has changed since the product was put into the cart',
     '{"code": "price_changed", "lines": [{"product_id": 18, "price": 3.00, "currency": "USD", "added_price": 1.00, "added_currency": "USD"}]}',
     'SELECT ecommerce.set_cart_item(12, 17, 0); SELECT ecommerce.place_order(12)'),
    ('PT409', 'price has changed since the product was put into the cart',
     '{"code": "price_changed", "lines": [{"product_id": 17, "price": 2.50, "currency": "EUR", "added_price": 1.00, "added_currency": "USD"}]}',
     $$SELECT ecommerce.set_cart_item(12, 18, 0); SELECT ecommerce.set_cart_item(12, 11, 0);
       SELECT ecommerce.place_order(12, expected_amount => 2.5)$$),
    ('PT409', 'cart has changed', format('{"code": "cart_changed", "cart_amount": 1.00, "currency": "USD", "fingerprint": "%s"}',
                                         :'fingerprint_1')::jsonb,
     $$SELECT ecommerce.place_order(1, fingerprint => 'x')$$),
    ('PT409', 'cart has changed', format('{"code": "cart_changed", "cart_amount": 1.00, "currency": "USD", "fingerprint": "%s"}',
                                         :'fingerprint_1')::jsonb,
     $$SELECT ecommerce.place_order(1, fingerprint => upper(ecommerce.cart_json(1) ->> 'fingerprint'))$$),
    ('PT409', 'coupon is not applicable', '{"code": "coupon_not_applicable", "coupons": [{"coupon": "NONE", "reason": "unknown"}]}',
     $$SELECT ecommerce.set_cart_coupons(1, '{TEN, NONE}'); SELECT ecommerce.place_order(1)$$),
    ('PT409', 'coupon is not applicable', '{"code": "coupon_not_applicable", "coupons": [{"coupon": "OLD", "reason": "inactive"}]}',
     $$SELECT ecommerce.set_cart_coupons(1, '{old}'); SELECT ecommerce.place_order(1)$$),
    ('PT409', 'tax rate is not known', '{"code": "no_tax_rate", "rates": [{"country": "NL", "tax_class": "standard"}]}',
     'SELECT ecommerce.place_order(16)'),
    ('PT409', 'tax rate is not known', '{"code": "no_tax_rate", "rates": [{"country": null, "tax_class": "standard"}]}',
     'SELECT ecommerce.place_order(14)'),
    ('PT409', 'address is needed to compute what the order costs', '{"code": "address_needed"}',
     $$INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate) VALUES ('standard', 'NL', 'VAT', 21);
       SELECT ecommerce.place_order(14)$$),
    ('PT409', 'address is needed to compute what the order costs', '{"code": "address_needed"}',
     $$SELECT ecommerce.set_cart_shipping(1, 'post'); SELECT ecommerce.place_order(1)$$),
    ('PT409', 'cart cannot be shipped this way', '{"code": "no_shipping_rate", "shipping": [{"country": "NL", "shipping_code": "post"}]}',
     $$SELECT ecommerce.set_cart_shipping(1, 'post', '{"country": "NL"}'); SELECT ecommerce.place_order(1)$$),
    ('PT409', 'cart cannot be shipped this way', '{"code": "no_shipping_rate", "shipping": [{"country": null, "shipping_code": "drone"}]}',
     $$SELECT ecommerce.set_cart_shipping(1, 'drone'); SELECT ecommerce.place_order(1)$$),
    ('PT409', 'cart is full', '{"code": "cart_full", "user_id": 15, "maximum": 1000}',
     'SELECT ecommerce.add_to_cart(15, 11)'),
    ('PT409', 'cart is full', '{"code": "cart_full", "user_id": 15, "maximum": 1000}',
     'SELECT ecommerce.set_cart_item(15, 2001, 1)'),
    ('PT409', 'cart is full', '{"code": "cart_full", "user_id": 1, "maximum": 1000}',
     $$SELECT ecommerce.set_cart_items(1, ARRAY(SELECT generate_series(1001, 2001)), array_fill(1, '{1001}'))$$),
    ('PT409', 'more orders use the promotion already',
     '{"code": "limit_below_uses", "promotion_id": 1, "usage_limit": 0, "uses": 1}',
     $$SELECT ecommerce.set_cart_coupons(1, '{TEN}'); SELECT ecommerce.place_order(1); SELECT ecommerce.set_promotion_limit(1, 0)$$),
    ('PT409', 'more orders use the promotion already',
     '{"code": "limit_below_uses", "promotion_id": 1, "usage_limit": 1, "uses": 2}',
     $$SELECT ecommerce.set_cart_coupons(1, '{TEN}'); SELECT ecommerce.place_order(1);
       SELECT ecommerce.add_to_cart(1, 11); SELECT ecommerce.set_cart_coupons(1, '{TEN}'); SELECT ecommerce.place_order(1);
       SELECT ecommerce.set_promotion_limit(1, 1)$$),
    ('PT409', 'cart has more than one currency', '{"code": "mixed_currencies", "currencies": ["USD", "EUR"]}',
     'SELECT ecommerce.place_order(7)'),
    ('PT409', 'cart has more than one currency', '{"code": "mixed_currencies", "currencies": ["GBP", "EUR"]}',
     $$UPDATE ecommerce.products SET currency = 'GBP' WHERE id = 12; SELECT ecommerce.place_order(7)$$),
    ('PT409', 'cart has more than one currency', '{"code": "mixed_currencies", "currencies": ["\"\\\r\n", "EUR"]}',
     $$ALTER DOMAIN ecommerce.currency DROP CONSTRAINT currency_iso_4217;
       UPDATE ecommerce.products SET currency = E'"\\\r\n' WHERE id = 12; SELECT ecommerce.place_order(7)$$),
    ('PT409', 'product is not sold in this quantity',
     '{"code": "quantity_not_sold", "lines": [{"product_id": 11, "requested": 4, "minimum": null, "maximum": null, "multiple_of": 3}]}',
     'UPDATE ecommerce.products SET quantity_step = 3 WHERE id = 11; SELECT ecommerce.place_order(1)'),
    ('PT409', 'product is not sold in this quantity',
     '{"code": "quantity_not_sold", "lines": [{"product_id": 11, "requested": 1, "minimum": 2, "maximum": 8, "multiple_of": null},
                                              {"product_id": 12, "requested": 10001, "minimum": 2, "maximum": 8, "multiple_of": null},
                                              {"product_id": 16, "requested": 1, "minimum": 2, "maximum": 8, "multiple_of": null}]}',
     'UPDATE ecommerce.products SET minimum_quantity = 2, maximum_quantity = 8; SELECT ecommerce.place_order(5)'),
    ('PT409', 'customer may not order so many units',
     '{"code": "customer_limit_exceeded", "lines": [{"product_id": 11, "requested": 4, "ordered": 0, "limit": 3}]}',
     'UPDATE ecommerce.products SET customer_limit = 3; SELECT ecommerce.place_order(1)'),
    ('PT409', 'customer may not order so many units',
     '{"code": "customer_limit_exceeded", "lines": [{"product_id": 11, "requested": 2, "ordered": 2, "limit": 3}]}',
     'UPDATE ecommerce.products SET customer_limit = 3; SELECT ecommerce.add_to_cart(9, 11, 2); SELECT ecommerce.place_order(9)'),
    ('PT409', 'stock is insufficient',
     '{"code": "insufficient_stock", "lines": [{"product_id": 12, "requested": 10001, "available": 10000},
                                               {"product_id": 16, "requested": 1, "available": 0}]}',
     'SELECT ecommerce.place_order(5)'),
    ('PT409', 'stock is insufficient',
     '{"code": "insufficient_stock", "lines": [{"product_id": 11, "requested": 4, "available": 3}]}',
     'UPDATE ecommerce.stock_levels SET quantity = 3; SELECT ecommerce.place_order(1)'),
    ('PT409', 'order amount has changed', '{"code": "amount_changed", "expected_amount": 1.0001, "order_amount": 1.00,
      "currency": "USD"}',
     'SELECT ecommerce.place_order(1, expected_amount => 1.0001)'),
    ('PT409', 'order amount has changed', '{"code": "amount_changed", "expected_amount": 0, "order_amount": 1.00,
      "currency": "USD"}',
     'SELECT ecommerce.place_order(1, expected_amount => 0)'),

    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 100}',
     $$SELECT ecommerce.cancel_order(1, 100, 'customer')$$),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 100}',
     $$SELECT ecommerce.set_order_status(1, 100, 'SHIPPED')$$),
    ('PT404', 'user does not exist', '{"code": "user_not_found", "user_id": 99}',
     $$SELECT ecommerce.erase_user(99)$$),
    ('PT409', 'order cannot change to this status',
     '{"code": "illegal_status_change", "order_id": 100, "from": "PROCESSING", "to": "RETURNED"}',
     $$SELECT ecommerce.set_order_status(10, 100, 'RETURNED')$$),
    ('PT409', 'order cannot change to this status',
     '{"code": "illegal_status_change", "order_id": 100, "from": "PROCESSING", "to": "SHIPPED"}',
     $$SELECT ecommerce.correct_order_status(10, 100, 'SHIPPED', 'Mistake')$$),
    ('PT409', 'items of the order have been returned', '{"code": "items_returned", "user_id": 9, "order_id": 101}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, order_status) VALUES (9, 101, 1, 'USD', '', 'RETURNED');
       INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor) VALUES (9, 101, 1, 1, true, 'me');
       SELECT ecommerce.correct_order_status(9, 101, 'DELIVERED', 'Mistake')$$),
    ('PT409', 'items of the order have been returned', '{"code": "items_returned", "user_id": 1, "order_id": 102}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, order_status) VALUES (1, 102, 1, 'USD', '', 'RETURNED');
       INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor) VALUES (1, 102, 1, 1, true, 'me');
       SELECT ecommerce.correct_order_status(1, 102, 'SHIPPED', 'Mistake')$$),
    ('PT409', 'more than one order is meant',
     '{"code": "ambiguous_order", "orders": [{"user_id": 1, "order_id": 101}, {"user_id": 2, "order_id": 102}]}',
     $$INSERT INTO ecommerce.orders (customer_id, id, number, order_amount, currency, shipping_address)
       VALUES (1, 101, 'x', 1, 'USD', ''), (2, 102, 'x', 1, 'USD', ''); SELECT ecommerce.find_order(number => 'x')$$),
    ('PT409', 'more than one order is meant',
     '{"code": "ambiguous_order", "orders": [{"user_id": 1, "order_id": 103}, {"user_id": 2, "order_id": 103}]}',
     $$DROP INDEX ecommerce.orders_id_key; INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
       VALUES (1, 103, 1, 'USD', ''), (2, 103, 1, 'USD', ''); SELECT ecommerce.find_order(103)$$),
    ('PT409', 'address of the order cannot change any more', '{"code": "address_is_final", "order_id": 101, "order_status": "SHIPPED"}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, order_status) VALUES (9, 101, 1, 'USD', '', 'SHIPPED');
       SELECT ecommerce.set_order_address(9, 101, 'Nine')$$),
    ('PT409', 'address of the order cannot change any more', '{"code": "address_is_final", "order_id": 100, "order_status": "\"\r\n"}',
     $$ALTER DOMAIN ecommerce.order_status DROP CONSTRAINT order_status_known; ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
       UPDATE ecommerce.orders SET order_status = E'"\r\n' WHERE id = 100; SELECT ecommerce.set_order_address(10, 100, 'Ten')$$),
    ('PT409', 'address would change what the order costs', '{"code": "address_changes_charges", "order_id": 100}',
     $$ALTER TABLE ecommerce.orders DISABLE TRIGGER USER; UPDATE ecommerce.orders SET items_amount = 1, address = '{"country": "NL"}' WHERE id = 100;
       SELECT ecommerce.set_order_address(10, 100, '{"line1": "1", "country": "BE"}')$$),
    ('PT409', 'address would change what the order costs', '{"code": "address_changes_charges", "order_id": 101}',
     $$INSERT INTO ecommerce.orders (customer_id, id, items_amount, order_amount, currency, shipping_address, address)
       VALUES (9, 101, 1, 1, 'USD', 'x', '{"state": "CA"}'); SELECT ecommerce.set_order_address(9, 101, 'CA')$$),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 100}',
     $$SELECT ecommerce.set_order_address(1, 100, 'One')$$),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 99, "order_id": 1}',
     $$SELECT ecommerce.correct_order_status(99, 1, 'PROCESSING', 'Mistake')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "payload", "accepted": "an object of at most 16384 bytes"}',
     $$SELECT ecommerce.set_order_status(10, 100, 'SHIPPED', '"x"')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "status", "accepted": "PROCESSING, SHIPPED or DELIVERED"}',
     $$SELECT ecommerce.correct_order_status(10, 100, 'CANCELLED', 'Mistake')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "reason", "accepted": "1 to 1000 characters that are not all blank"}',
     $$SELECT ecommerce.correct_order_status(10, 100, 'SHIPPED', E'\u3000')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "number", "accepted": "given if order_id is not"}',
     $$SELECT ecommerce.find_order()$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "shipping_address", "accepted": "an address with something to read on a parcel"}',
     $$SELECT ecommerce.set_order_address(10, 100, '{}')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "newest_first"}',
     $$SELECT ecommerce.order_queue(newest_first => NULL)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.find_order(100)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.order_queue()$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.correct_order_status(10, 100, 'PROCESSING', 'x')$$),
    ('PT409', 'order cannot change to this status',
     '{"code": "illegal_status_change", "order_id": 100, "from": "\"\r\n", "to": "SHIPPED"}',
     $$ALTER DOMAIN ecommerce.order_status DROP CONSTRAINT order_status_known; ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
       UPDATE ecommerce.orders SET order_status = E'"\r\n' WHERE id = 100; SELECT ecommerce.set_order_status(10, 100, 'SHIPPED')$$),
    ('PT409', 'order cannot change to this status',
     '{"code": "illegal_status_change", "order_id": 101, "from": "SHIPPED", "to": "CANCELLED"}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 101, 1, 'USD', '');
       SELECT ecommerce.set_order_status(9, 101, 'SHIPPED'); SELECT ecommerce.cancel_order(9, 101, 'customer')$$),
    ('PT409', 'order cannot change to this status',
     '{"code": "illegal_status_change", "order_id": 100, "from": "PROCESSING", "to": "RETURNED"}',
     $$UPDATE ecommerce.orders SET order_status = 'RETURNED' WHERE id = 100$$),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 100}',
     $$SELECT ecommerce.return_items(1, 100, '[{"line": 1, "quantity": 1}]', true)$$),
    ('PT404', 'order has no such line', '{"code": "line_not_found", "order_id": 100, "lines": [270, 271]}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 271, "quantity": 1}, {"line": 2, "quantity": 1}, {"line": 270, "quantity": 1}]', true)$$),
    ('PT404', 'order has no such line', '{"code": "line_not_found", "order_id": 100, "lines": [2147483647]}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 2147483647, "quantity": 1}]', true)$$),
    ('PT409', 'more units than are left',
     '{"code": "insufficient_units", "order_id": 100, "lines": [{"line": 1, "requested": 2147483647, "left": 1}]}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 2147483647}]', true)$$),
    ('PT409', 'nothing would be left of the order', '{"code": "nothing_left", "order_id": 102}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 102, 1, 'USD', '');
       INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
       VALUES (9, 102, 1, 11, 'x', 1, 2, 2);
       SELECT ecommerce.return_items(9, 102, '[{"line": 1, "quantity": 1}]', true);
       SELECT ecommerce.return_items(9, 102, '[{"line": 1, "quantity": 1}]', true)$$),
    ('PT409', 'order has another status',
     '{"code": "status_changed", "order_id": 100, "expected_status": "CANCELLED", "order_status": "PROCESSING"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true, expected_status => 'CANCELLED')$$),
    ('PT409', 'items of this order cannot come back', '{"code": "not_returnable", "order_id": 101, "order_status": "CANCELLED"}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 101, 1, 'USD', '');
       SELECT ecommerce.cancel_order(9, 101, 'customer');
       SELECT ecommerce.return_items(9, 101, '[{"line": 1, "quantity": 1}]', true)$$),
    ('PT409', 'more units than are left',
     '{"code": "insufficient_units", "order_id": 100, "lines": [{"line": 1, "requested": 3, "left": 1}, {"line": 7, "requested": 2, "left": 1}]}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 7, "quantity": 2}, {"line": 2, "quantity": 1}, {"line": 1, "quantity": 3}]', true)$$),
    ('PT409', 'nothing would be left of the order', '{"code": "nothing_left", "order_id": 101}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 101, 1, 'USD', '');
       INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
       VALUES (9, 101, 1, 11, 'x', 1, 1, 1);
       SELECT ecommerce.return_items(9, 101, '[{"line": 1, "quantity": 1}]', true)$$),
    ('PT409', 'order has another status',
     '{"code": "status_changed", "order_id": 100, "expected_status": "SHIPPED", "order_status": "PROCESSING"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true, expected_status => 'SHIPPED')$$),
    ('PT409', 'items of this order cannot come back',
     '{"code": "not_returnable", "order_id": 100, "order_status": "\"\r\n"}',
     $$ALTER DOMAIN ecommerce.order_status DROP CONSTRAINT order_status_known; ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
       UPDATE ecommerce.orders SET order_status = E'"\r\n' WHERE id = 100;
       SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "items",
       "accepted": "an array of objects with line and quantity, each a whole number from 1"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 0}]', true)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "items", "accepted": "each line once"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}, {"line": 1, "quantity": 1}]', true)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "reason", "accepted": "1 to 1000 characters that are not all blank"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true, '')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "idempotency_key", "accepted": "1 to 255 characters that are not all blank"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true, NULL, ' ')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "expected_status",
       "accepted": "PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true, expected_status => 'OPEN')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "items"}',
     $$SELECT ecommerce.return_items(10, 100, NULL, true)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "restock"}',
     $$SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', NULL)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.return_items(10, 100, '[{"line": 1, "quantity": 1}]', true)$$),
    ('23001', 'status of an order changes with an event only',
     '{"code": "status_without_event", "order_id": 100, "from": "PROCESSING", "to": "SHIPPED"}',
     $$UPDATE ecommerce.orders SET order_status = 'SHIPPED' WHERE id = 100$$),
    ('23001', 'status of an order changes with an event only',
     '{"code": "status_without_event", "order_id": 100, "from": "PROCESSING", "to": "CANCELLED"}',
     $$UPDATE ecommerce.orders SET order_status = 'CANCELLED' WHERE id = 100$$),
    ('23001', 'history of orders cannot be changed',
     '{"code": "history_is_kept", "table": "orders", "operation": "DELETE"}',
     $$DELETE FROM ecommerce.orders$$),
    ('23001', 'history of orders cannot be changed',
     '{"code": "history_is_kept", "table": "orders", "operation": "UPDATE", "order_id": 100}',
     $$UPDATE ecommerce.orders SET order_amount = 2 WHERE id = 100$$),
    ('23001', 'history of orders cannot be changed',
     '{"code": "history_is_kept", "table": "order_events", "operation": "TRUNCATE"}',
     $$TRUNCATE ecommerce.order_events$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "reason",
       "accepted": "customer, inventory, fraud, declined, unpaid, staff or other"}',
     $$SELECT ecommerce.cancel_order(10, 100, 'Customer')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "status",
       "accepted": "PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED; but CANCELLED only by cancel_order"}',
     $$SELECT ecommerce.set_order_status(10, 100, 'CANCELLED')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "event",
       "accepted": "order_placed, order_shipped, order_delivered, order_cancelled, order_returned, order_corrected, order_paid, refund_requested, order_refunded, order_items_returned or order_address_changed"}',
     $$SELECT ecommerce.take_order_events(1, 'ORDER_PLACED')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "max", "accepted": "1 or more"}',
     $$SELECT ecommerce.take_order_events(-1)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "lease_seconds", "accepted": "1 to 43200"}',
     $$SELECT ecommerce.take_order_events(1, lease_seconds => 0)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "reason"}',
     $$SELECT ecommerce.cancel_order(10, 100, NULL)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "status"}',
     $$SELECT ecommerce.set_order_status(10, 100, NULL)$$),
    ('PT404', 'order does not exist', '{"code": "order_not_found", "user_id": 1, "order_id": 100}',
     $$SELECT ecommerce.record_payment(1, 100, 'card', 'pi_1', 'captured', 1)$$),
    ('PT409', 'order is not paid',
     '{"code": "not_paid", "order_id": 102, "payment_status": "UNPAID", "amount": 5.00, "paid_amount": 0.00, "authorized_amount": 0.00}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, payment_due_at)
       VALUES (9, 102, 5, 'USD', '', now());
       SELECT ecommerce.set_order_status(9, 102, 'SHIPPED')$$),
    ('PT409', 'order is not paid',
     '{"code": "not_paid", "order_id": 102, "payment_status": "PARTIALLY_PAID", "amount": 5.00, "paid_amount": 2.00, "authorized_amount": 2.99}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, payment_due_at)
       VALUES (9, 102, 5, 'USD', '', now());
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 2),
              ecommerce.record_payment(9, 102, 'card', 'pi_2', 'authorized', 2.99);
       SELECT ecommerce.set_order_status(9, 102, 'SHIPPED')$$),
    ('PT409', 'refund exceeds what was paid',
     '{"code": "refund_exceeds_payment", "order_id": 100, "amount": 0.00, "refundable_amount": 0.00}',
     $$SELECT ecommerce.request_refund(10, 100, 're_1')$$),
    ('PT409', 'refund exceeds what was paid',
     '{"code": "refund_exceeds_payment", "order_id": 102, "amount": 0.51, "refundable_amount": 0.50}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 102, 5, 'USD', '');
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 0.5);
       SELECT ecommerce.request_refund(9, 102, 're_1', 0.51)$$),
    ('PT409', 'order was paid through several providers',
     '{"code": "provider_needed", "order_id": 102, "providers": ["\"\r\n", "card"]}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 102, 5, 'USD', '');
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 0.5),
              ecommerce.record_payment(9, 102, E'"\r\n', 'pi_1', 'captured', 0.5);
       SELECT ecommerce.request_refund(9, 102, 're_1')$$),
    ('PT409', 'order was paid through several providers',
     '{"code": "provider_needed", "order_id": 102, "providers": ["card", "cash"]}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 102, 5, 'USD', '');
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 0.5),
              ecommerce.record_payment(9, 102, 'cash', 'pi_1', 'captured', 0.5);
       SELECT ecommerce.request_refund(9, 102, 're_1', 1)$$),
    ('PT422', 'reference was used for another payment',
     '{"code": "payment_reference_reused", "order_id": 102, "argument": "amount"}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 102, 5, 'USD', '');
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 0.5);
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 0.6)$$),
    ('PT422', 'reference was used for another payment', '{"code": "payment_reference_reused", "argument": "order_id"}',
     $$INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES (9, 102, 1, 'USD', ''), (9, 103, 1, 'USD', '');
       SELECT ecommerce.record_payment(9, 102, 'card', 'pi_1', 'captured', 0.5);
       SELECT ecommerce.record_payment(9, 103, 'card', 'pi_1', 'captured', 0.5)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "kind",
       "accepted": "authorized, captured, voided, failed, refunded, refund_failed or charged_back"}',
     $$SELECT ecommerce.record_payment(10, 100, 'card', 'pi_1', 'paid', 1)$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "amount", "accepted": "a multiple of the unit of the order''s currency"}',
     $$SELECT ecommerce.record_payment(10, 100, 'card', 'pi_1', 'captured', 0.001)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "reference"}',
     $$SELECT ecommerce.request_refund(10, 100, NULL)$$),
    ('23001', 'history of orders cannot be changed',
     '{"code": "history_is_kept", "table": "order_payments", "operation": "UPDATE", "order_id": 100}',
     $$INSERT INTO ecommerce.order_payments (customer_id, order_id, payment_number, kind, provider, reference, amount, actor)
       VALUES (10, 100, 1, 'captured', 'card', 'pi_1', 1, 'x'); UPDATE ecommerce.order_payments SET amount = 2$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "order_addresses"}',
     $$SELECT ecommerce.erase_user(10, NULL)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "max"}',
     $$SELECT ecommerce.take_order_events(NULL)$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "ids"}',
     $$SELECT ecommerce.acknowledge_order_events(ARRAY[1, NULL])$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "reason", "accepted": "1 to 1000 characters, not all of them blank"}',
     $$SELECT ecommerce.fail_order_events('{}', E'\t')$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "lease_seconds", "accepted": "1 to 43200"}',
     $$SELECT ecommerce.take_order_events(1, lease_seconds => 43201)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.fail_order_events('{1}', 'x')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.release_order_events('{1}')$$),
    ('55000', 'two events have one id', '{"code": "event_id_used_twice", "event_id": 1}',
     $$SELECT ecommerce.place_order(1); DROP INDEX ecommerce.order_events_undelivered_idx;
       ALTER TABLE ecommerce.order_events DISABLE TRIGGER USER;
       UPDATE ecommerce.order_events SET id = 1; SELECT ecommerce.acknowledge_order_events('{1}')$$),
    ('55000', 'two events have one id', '{"code": "event_id_used_twice", "event_id": 7}',
     $$SELECT ecommerce.place_order(1); DROP INDEX ecommerce.order_events_undelivered_idx;
       ALTER TABLE ecommerce.order_events DISABLE TRIGGER USER;
       UPDATE ecommerce.order_events SET id = 7; SELECT ecommerce.release_order_events('{7}')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SET LOCAL request.jwt.claims = '{"user_id": 10}';
       SELECT ecommerce.set_order_status(10, 100, 'SHIPPED')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.take_order_events(1)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.acknowledge_order_events('{1}')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.order_integrity()$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.outbox_metrics()$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.warm_up()$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.erase_user(1)$$),
    ('55000', 'tables are older than the code', '{"code": "not_migrated"}',
     $$ALTER TABLE ecommerce.orders DROP COLUMN payment_due_at CASCADE; SELECT ecommerce.take_order_events(1)$$),
    ('55000', 'tables are older than the code', '{"code": "not_migrated"}',
     $$ALTER TABLE ecommerce.orders RENAME payment_due_at TO x; SELECT ecommerce.cart_json(1)$$),

    ('PT422', 'idempotency key was used for another request',
     format('{"code": "idempotency_key_reused", "order_id": %s, "argument": "shipping_address"}', :earlier_id)::jsonb,
     $$SELECT ecommerce.place_order(9, 'key', shipping_address => 'Ninety')$$),
    ('PT422', 'idempotency key was used for another request',
     format('{"code": "idempotency_key_reused", "order_id": %s, "argument": "fingerprint"}', :earlier_id)::jsonb,
     $$SELECT ecommerce.place_order(9, 'key', fingerprint => 'x')$$),
    ('PT422', 'idempotency key was used for another request',
     format('{"code": "idempotency_key_reused", "order_id": %s, "argument": "metadata"}', :earlier_id)::jsonb,
     $$SELECT ecommerce.place_order(9, 'key', metadata => '{"a": 2}')$$),
    ('PT422', 'idempotency key was used for another request',
     format('{"code": "idempotency_key_reused", "order_id": %s, "argument": "expected_amount"}', :earlier_id)::jsonb,
     $$SELECT ecommerce.place_order(9, idempotency_key => 'key', expected_amount => 0.51)$$),

    ('PT401', 'request names no user', '{"code": "no_identity"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.place_order(1)$$),
    ('PT401', 'request names no user', '{"code": "no_identity"}',
     $$SET LOCAL ROLE regress_shopper; SET LOCAL request.jwt.claims = '{"role": "regress_shopper"}';
       SELECT ecommerce.cart_json(1)$$),
    ('42501', 'cannot act for another user', '{"code": "other_user", "user_id": 1}',
     $$SET LOCAL ROLE regress_shopper; SET LOCAL request.jwt.claims = '{"user_id": 2}';
       SELECT ecommerce.place_order(1)$$),
    ('42501', 'cannot act for another user', '{"code": "other_user", "user_id": 3}',
     $$SET LOCAL ROLE regress_shopper; SET LOCAL request.jwt.claims = '{"user_id": "2"}';
       SELECT ecommerce.order_listing_json(3)$$),
    ('22P02', 'user of the request is not an integer', '{"code": "malformed_identity"}',
     $$SET LOCAL ROLE regress_shopper; SET LOCAL request.jwt.claims = '{"user_id": "1; DROP TABLE"}';
       SELECT ecommerce.cart_json(1)$$),
    ('22P02', 'user of the request is not an integer', '{"code": "malformed_identity"}',
     $$SET LOCAL request.jwt.claims = '{"user_id": 1.5}'; SELECT ecommerce.current_user_id()$$),
    ('22003', 'user of the request is out of range', '{"code": "malformed_identity"}',
     $$SET LOCAL ROLE regress_shopper; SET LOCAL request.jwt.claims = '{"user_id": 9223372036854775808}';
       SELECT ecommerce.order_json(1, 1)$$),
    ('22003', 'user of the request is out of range', '{"code": "malformed_identity"}',
     $$SET LOCAL request.jwt.claims = '{"user_id": -9223372036854775809}'; SELECT ecommerce.current_user_id()$$),

    ('54000', 'JSON document is too large', '{"code": "document_too_large", "maximum_bytes": 268435455}',
     'SELECT ecommerce.order_listing_json(10)'),
    ('54000', 'JSON document is too large', '{"code": "document_too_large", "maximum_bytes": 268435455}',
     'SELECT ecommerce.order_json(10, 100)'),
    ('55000', 'tables are newer than the code', '{"code": "tables_too_new", "tables": 5, "code_version": 4}',
     $$INSERT INTO ecommerce.schema_migrations (version, name) VALUES (5, 'later'); SELECT ecommerce.migrate()$$),
    ('55000', 'tables are newer than the code', '{"code": "tables_too_new", "tables": 7, "code_version": 4}',
     $$INSERT INTO ecommerce.schema_migrations (version, name) VALUES (7, 'later'); SELECT ecommerce.migrate()$$),
    ('55000', 'sequence of order ids is behind the orders', '{"code": "order_id_taken"}',
     $$SELECT setval('ecommerce.orders_id_seq', 100, false); SELECT ecommerce.place_order(1)$$),
    ('55000', 'sequence of order ids is behind the orders', '{"code": "order_id_taken"}',
     $$SELECT setval('ecommerce.orders_id_seq', 100, false); SELECT ecommerce.place_order(1, 'k', 1)$$),
    ('55000', 'sequence of event ids is behind the events', '{"code": "event_id_taken"}',
     $$SELECT setval('ecommerce.order_events_id_seq', (SELECT min(id) FROM ecommerce.order_events), false); SELECT ecommerce.place_order(1)$$),
    ('55000', 'sequence of event ids is behind the events', '{"code": "event_id_taken"}',
     $$SELECT setval('ecommerce.order_events_id_seq', (SELECT max(id) FROM ecommerce.order_events), false); SELECT ecommerce.place_order(1, 'k')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.receive_stock('{11}', '{1}')$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.transfer_stock('a', 11, 1, 0, 1)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.ids_of_shard(0, 1)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.split_stock(11, 4)$$),
    ('42501', 'role may not do this', '{"code": "not_staff"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.set_promotion_limit(1, 1)$$),
    ('42501', 'cannot grant what belongs to another role', '{"code": "not_the_owner"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.grant_api(shopper => 'regress_shopper')$$),
    ('42501', 'cannot grant what belongs to another role', '{"code": "not_the_owner"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.revoke_api(staff => 'regress_shopper')$$),
    ('42501', 'cannot grant what belongs to another role', '{"code": "not_the_owner"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.set_owner('regress_shopper')$$),
    ('42501', 'cannot migrate the tables of another role', '{"code": "tables_of_another_owner"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.migrate()$$),
    ('42501', 'cannot migrate the tables of another role', '{"code": "tables_of_another_owner"}',
     $$DELETE FROM ecommerce.schema_migrations; SET LOCAL ROLE regress_shopper; SELECT ecommerce.migrate()$$),
    ('42501', 'owner of the tables may not create them', '{"code": "may_not_create", "schema": "ecommerce"}',
     $$DELETE FROM ecommerce.schema_migrations; ALTER TABLE ecommerce.schema_migrations OWNER TO regress_shopper;
       SET LOCAL ROLE regress_shopper; SELECT ecommerce.migrate()$$),
    ('42501', 'owner of the tables may not create them', '{"code": "may_not_create", "schema": "ecommerce_api"}',
     $$DELETE FROM ecommerce.schema_migrations; ALTER TABLE ecommerce.schema_migrations OWNER TO regress_shopper;
       GRANT CREATE ON SCHEMA ecommerce TO regress_shopper; SET LOCAL ROLE regress_shopper; SELECT ecommerce.migrate()$$),
    ('22023', 'argument is out of range',
     '{"code": "argument_out_of_range", "argument": "owner", "accepted": "the owner of the tables, which set_owner() changes"}',
     $$SELECT ecommerce.migrate(owner => 'regress_shopper')$$),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "owner"}',
     'SELECT ecommerce.set_owner(NULL)'),
    ('22004', 'argument must not be null', '{"code": "null_argument", "argument": "delegate"}',
     'SELECT ecommerce.distribute(NULL)'),
    ('42501', 'cannot distribute the tables of another role', '{"code": "tables_of_another_owner"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.distribute()$$),
    ('42501', 'cannot distribute the tables of another role', '{"code": "tables_of_another_owner"}',
     $$SET LOCAL ROLE regress_shopper; SELECT ecommerce.undistribute()$$),
    ('55000', 'database is not part of a Citus cluster', '{"code": "no_citus"}', 'SELECT ecommerce.distribute()'),
    ('55000', 'database is not part of a Citus cluster', '{"code": "no_citus"}', 'SELECT ecommerce.undistribute()'),
    ('09000', 'rows were not written', '{"code": "rows_not_written", "expected": 1, "written": 0}',
     $$CREATE TRIGGER suppress BEFORE INSERT ON ecommerce.orders FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
       SELECT ecommerce.place_order(1)$$),
    ('09000', 'rows were not written', '{"code": "rows_not_written", "expected": 2, "written": 1}',
     $$CREATE TRIGGER suppress BEFORE INSERT ON ecommerce.order_details
           FOR EACH ROW WHEN (NEW.line_number = 1) EXECUTE FUNCTION pg_temp.suppress();
       SELECT ecommerce.add_to_cart(1, 12), ecommerce.place_order(1)$$),
    ('09000', 'rows were not written', '{"code": "rows_not_written", "expected": 1, "written": 0}',
     $$CREATE TRIGGER suppress BEFORE INSERT ON ecommerce.cart_items
           FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
       SELECT ecommerce.add_to_cart(1, 12)$$),
    ('09000', 'rows were not written', '{"code": "rows_not_written", "expected": 1, "written": 0}',
     $$CREATE TRIGGER suppress BEFORE UPDATE ON ecommerce.cart_items
           FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress();
       SELECT ecommerce.set_cart_item(1, 11, 7)$$),
    ('09000', 'rows were not written', '{"code": "rows_not_written", "expected": 1, "written": 0}',
     $$CREATE RULE suppress AS ON INSERT TO ecommerce.order_events DO INSTEAD NOTHING;
       SELECT ecommerce.place_order(1)$$);
CREATE FUNCTION pg_temp.suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CALL pg_temp.make_errors();

SELECT is(format('%s %s %s', given_state, given_message, pg_temp.as_json(given_detail)),
          format('%s %s %s', state, message, detail), regexp_replace(call, '\s+', ' ', 'g'))
FROM conditions ORDER BY number;

-- What holds for all of them

CREATE VIEW pg_temp.errors AS
    SELECT *, pg_temp.as_json(given_detail) ->> 'code' AS code FROM conditions WHERE given_state IS NOT NULL;
SELECT is_empty($$SELECT call FROM errors WHERE given_message !~ '^[[:alpha:] ]+$'$$,
                'a message is letters and spaces: there is no data in it, nor a line break');
SELECT is_empty($$SELECT given_message FROM errors
                  GROUP BY given_message HAVING count(DISTINCT (given_state, code)) > 1$$,
                'a message stands for one condition: it has one SQLSTATE and one code');
SELECT is_empty($$SELECT given_message FROM errors GROUP BY given_message HAVING count(*) < 2$$,
                'and is the same whatever the data: each was raised at least twice');
SELECT is_empty($$SELECT call FROM errors WHERE given_detail ~ '\n'$$, 'DETAIL is one line');
SELECT is_empty($$SELECT call FROM errors WHERE given_hint !~ '^[[:upper:]].*\.$'$$,
                'every error has a hint, which is a sentence');
SELECT is_empty($$SELECT call FROM errors WHERE code = 'document_too_large' AND given_hint !~ 'page_size'$$,
                'the hint for too large a document names page_size');
SELECT is_empty($$SELECT call FROM errors
                  WHERE code = 'not_migrated' AND given_hint !~ 'SELECT ecommerce.migrate\(\);'$$,
                'the hint before migrate() is what to run');

-- What is true of every function is told once, in docs/errors.md.
SELECT is_empty(
    $$SELECT DISTINCT caller, state FROM errors
      WHERE code NOT IN ('not_migrated', 'no_identity', 'other_user', 'malformed_identity', 'rows_not_written',
                         'not_a_finite_number')
        AND (SELECT string_agg(obj_description(oid, 'pg_proc'), ' ') FROM pg_proc
             WHERE pronamespace = 'ecommerce'::regnamespace AND proname = caller) !~ ('Errors:.*' || state)$$,
    'the comment of a function names the SQLSTATEs of its errors');
\set page `cat docs/errors.md 2>/dev/null`
SELECT :'page' = '' AS is_missing \gset
\if :is_missing
SELECT skip('there is no docs/errors.md in the current directory', 1);
\else
-- But for those that take another session, database, version or no extension.
SELECT bag_eq(
    $$SELECT DISTINCT state, code FROM errors
      UNION VALUES ('40001', 'cart_changed'), ('40001', 'order_is_newer'), ('40001', 'return_is_newer'), ('40001', 'stock_is_locked'),
                   ('40001', 'promotion_exhausted'), ('23505', 'email_has_two_users'), ('42501', 'schema_of_another_owner'), ('0A000', 'no_encoding'),
                   ('55000', 'extension_not_updated'), ('42723', 'overloaded_function'), ('08006', 'shard_unavailable'), ('0A000', 'different_shards'),
                   ('55000', 'wrong_ids'), ('55000', 'misplaced_ids'), ('55000', 'no_shards'), ('55000', 'no_router')$$,
    format($$SELECT unnest(regexp_split_to_array(cell[1], '[`, ]+')) AS state, code
             FROM regexp_matches(%L, '^\| `([A-Z\d`, ]{5,})` \| `([a-z_\d`, ]+)` \|', 'gn') AS cell,
                  unnest(regexp_split_to_array(cell[2], '[`, ]+')) AS code$$, :'page'),
    'docs/errors.md names the same');
\endif

SELECT * FROM finish();
ROLLBACK;
