-- import_orders(): orders of a former shop become orders like any other, but for their dates
-- and their events, which nobody is told of.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, email) VALUES ('Ann', 'ann@example.com'), ('Ben', 'ben@example.com');
INSERT INTO ecommerce.products (name, price) VALUES ('Pen', 10);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 9);

-- A shop that has set its own defaults: they are not for orders that are imported.
ALTER TABLE ecommerce.orders ALTER COLUMN number SET DEFAULT 'new', ALTER COLUMN payment_due_at SET DEFAULT now() + interval '30 min';

-- What an order costs is given and checked; what is left out of a line is computed.
SELECT ecommerce.import_orders('[{
    "number": "1001", "customer_id": 1, "order_date": "2019-05-01T12:00:00Z", "order_amount": 24.95, "currency": "USD",
    "order_status": "DELIVERED", "shipping_address": "1 Old Street",
    "order_details": [{"unit_price": 10, "quantity": 2, "product_order_details": {"id": 1, "name": "Pen"}}],
    "charges": {"adjustments": [{"kind": "shipping", "name": "Post", "amount": 4.95}]},
    "history": [{"order_status": "SHIPPED", "created_at": "2019-05-02T08:00:00Z", "payload": {"tracking": "RR1"}},
                {"order_status": "DELIVERED", "created_at": "2019-05-04T08:00:00Z"}]}]');
SELECT jsonb_pretty(ecommerce.order_json(1, 1));
SELECT event_number, event, old_status, new_status, payload, created_at, delivered_at IS NOT NULL AS is_delivered
  FROM ecommerce.order_events ORDER BY event_number;
SELECT ecommerce.take_order_events(10) AS events, sum(quantity) AS in_stock FROM ecommerce.stock_levels;
SELECT payment_due_at FROM ecommerce.orders;

-- Every status, without a history, and every key.
CREATE FUNCTION pg_temp.placed(number text, changes jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('number', number, 'customer_id', 2, 'order_date', '2020-01-01', 'order_amount', 20, 'currency', 'USD',
                              'order_status', 'DELIVERED', 'shipping_address', 'Rome', 'order_details',
                              '[{"unit_price": 10, "quantity": 2, "product_order_details": {"name": "Quill"}}]'::jsonb) || changes
$$;
SELECT ecommerce.import_orders(jsonb_agg(pg_temp.placed(status, jsonb_build_object('order_status', status, 'order_date', date '2020-01-01' + place::integer)) ORDER BY place))
  FROM unnest('{PROCESSING,SHIPPED,DELIVERED,CANCELLED,RETURNED}'::text[]) WITH ORDINALITY AS it (status, place);
SELECT number, order_date, order_status, array_agg(concat_ws(' ', event, payload, event.created_at) ORDER BY event_number) AS events
  FROM ecommerce.orders JOIN ecommerce.order_events AS event ON order_id = orders.id WHERE orders.customer_id = 2
 GROUP BY orders.customer_id, orders.id ORDER BY orders.id;
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('W-7', '{
    "id": 7, "order_date": "2020-02-01", "order_amount": 132.57, "currency": "EUR", "order_status": "CANCELLED", "shipping_address": null,
    "address": {"name": "Ben", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}, "billing_address": {"name": "Firma", "country": "DE"},
    "metadata": {"gift": true}, "history": [{"order_status": "CANCELLED", "created_at": "2020-02-02", "payload": {"reason": "customer", "by": "phone"}}],
    "charges": {"adjustments": [{"kind": "discount", "code": "TEN", "name": "10 %", "rate": 10, "amount": -14.04},
                                {"kind": "shipping", "code": "post", "name": "Post", "amount": 6.21},
                                {"kind": "tax", "code": "standard", "name": "USt", "rate": 19, "amount": 18.10, "is_included": true},
                                {"kind": "tax", "code": "reduced", "name": "USt", "rate": 7, "amount": 1.26, "is_included": true}]},
    "order_details": [
        {"id": 1, "order_id": 7, "unit_price": 119, "quantity": 1, "line_amount": 119.000, "sku": "A", "options": {"size": "M"},
         "discount_amount": 11.90, "tax_rate": 19, "tax_amount": 17.10,
         "product_order_details": {"id": 99, "name": "Desk", "description": "Oak", "price": 119, "quantity": 1, "category": {"id": 3, "name": "Office"}}},
        {"unit_price": 10.70, "quantity": 2, "discount_amount": 2.14, "tax_rate": 7, "tax_amount": 1.26, "product_order_details": {"name": "Book", "category": null}}]}')));
SELECT jsonb_pretty(ecommerce.order_json(2, max(id))) FROM ecommerce.orders;

-- Discounts and taxes of the whole order are divided over its lines.
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('W-8', '{"order_amount": 0.14, "order_details": [
    {"unit_price": 0.05, "quantity": 1, "product_order_details": {"name": "a"}}, {"unit_price": 0.05, "quantity": 1, "product_order_details": {"name": "b"}},
    {"unit_price": 0.05, "quantity": 1, "product_order_details": {"name": "c"}}],
    "charges": {"items_amount": 0.15, "adjustments": [{"kind": "discount", "name": "Off", "amount": -0.02}, {"kind": "tax", "name": "Tax", "amount": 0.01}]}}')));
SELECT line_number, product_id, line_amount, discount_amount, tax_amount, added_tax_amount FROM ecommerce.order_details
 WHERE order_id = (SELECT max(id) FROM ecommerce.orders) ORDER BY line_number;

-- Nothing is wrong with any of it.
SELECT * FROM ecommerce.order_integrity();

-- Repeated, also in part, nothing happens; what is new is imported.
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('CANCELLED', '{"order_date": "2020-01-05"}'),
                                                 pg_temp.placed('W-9', '{"order_date": "2020-03-01"}'), pg_temp.placed('W-9', '{"order_date": "2020-03-01"}')));
SELECT count(*), count(DISTINCT number) FROM ecommerce.orders;
SELECT ecommerce.import_orders('[]');

-- A listing is by id: an older order is listed before the newer ones.
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('W-10', '{"order_date": "2018-01-01"}'),
                                                 pg_temp.placed('W-11', '{"order_date": "2021-01-01"}'), pg_temp.placed('W-12', '{"order_date": "2020-12-31"}')));

-- Orders of this shop, as another one would get them.
SELECT jsonb_agg((placed || jsonb_build_object('number', 'copy of ' || (placed ->> 'number'))) - 'payment' - 'returns' ORDER BY placed -> 'id') AS copies
  FROM jsonb_array_elements(ecommerce.order_listing_json(2)) AS placed \gset
SELECT ecommerce.import_orders(:'copies');
SELECT bool_and(copy - '{id,number,order_details}'::text[] = placed - '{id,number,order_details}'::text[]
                AND regexp_replace(copy ->> 'order_details', '"order_id": \d+', '', 'g') = regexp_replace(placed ->> 'order_details', '"order_id": \d+', '', 'g')) AS same
  FROM jsonb_array_elements(ecommerce.order_listing_json(2)) AS copy
  JOIN jsonb_array_elements(ecommerce.order_listing_json(2)) AS placed ON copy ->> 'number' = 'copy of ' || (placed ->> 'number');
SELECT * FROM ecommerce.order_integrity();

-- Then the shop goes on: an order that was underway is shipped here, and told of.
SELECT ecommerce.set_order_status(2, id, 'SHIPPED') -> 'order_status' AS status FROM ecommerce.orders WHERE number = 'PROCESSING';
SELECT event -> 'event' AS event FROM jsonb_array_elements(ecommerce.take_order_events(10)) AS event;
SELECT ecommerce.order_again(2, id) -> 'cart_items' AS nothing FROM ecommerce.orders WHERE number = 'PROCESSING';

-- Cancelled, its units go back to stock; not those of what nobody counts, or what is no product.
INSERT INTO ecommerce.products (name, price, is_counted) VALUES ('Warranty', 5, false);
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('W-13', '{"order_date": "2022-01-01", "order_amount": 35, "order_status": "PROCESSING", "order_details": [
    {"unit_price": 10, "quantity": 2, "product_order_details": {"id": 1, "name": "Pen"}},
    {"unit_price": 5, "quantity": 1, "product_order_details": {"id": 2, "name": "Warranty"}},
    {"unit_price": 10, "quantity": 1, "product_order_details": {"name": "Quill"}}]}')));
SELECT line_number, product_id, is_counted FROM ecommerce.order_details
 WHERE order_id = (SELECT max(id) FROM ecommerce.orders) ORDER BY line_number;
SELECT ecommerce.cancel_order(2, max(id), 'other') -> 'order_status' AS status FROM ecommerce.orders;
SELECT product_id, sum(quantity) AS in_stock FROM ecommerce.stock_levels GROUP BY product_id ORDER BY product_id;
-- Ordered again, what is a product is in the cart.
SELECT item -> 'id' AS product_id, item -> 'quantity' AS quantity
  FROM jsonb_array_elements(ecommerce.order_again(2, (SELECT max(id) FROM ecommerce.orders)) -> 'cart_items') AS item;

-- Refused, with the order named; nothing of the call is imported.
SELECT count(*) AS orders FROM ecommerce.orders;
CREATE FUNCTION pg_temp.refusal(changes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; detail text; context text;
BEGIN
    PERFORM ecommerce.import_orders(jsonb_build_array(pg_temp.placed('Good'), pg_temp.placed('Bad', changes)));
    RETURN 'imported';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    IF detail ~ 'order_not_importable' THEN
        RETURN concat_ws(' ', state, detail::jsonb - 'code');
    END IF;
    RETURN concat_ws(' ', state, SQLERRM, substring(context FROM 'import of order[^\n]*'));
END $$;
SELECT pg_temp.refusal(changes) FROM (VALUES
    (1, '{"nmuber": 1}'::jsonb), (2, '{"number": null}'), (3, '{"number": " "}'), (4, jsonb_build_object('number', repeat('x', 256))),
    (5, '{"customer_id": null}'), (6, '{"customer_id": 99}'), (7, '{"customer_id": "Ann"}'),
    (8, '{"order_date": "yesterday week"}'), (9, '{"order_date": "infinity"}'), (10, '{"order_date": "2999-01-01"}'),
    (11, '{"currency": "dollar"}'), (12, '{"order_status": "SENT"}'), (13, '{"shipping_address": " "}'), (14, '{"address": {"zip": "1"}}'),
    (15, '{"billing_address": []}'), (16, '{"metadata": []}'), (17, '{"order_details": []}'), (18, '{"order_details": {}}'),
    (20, '{"order_amount": 19.99}'), (21, '{"number": "DELIVERED"}'), (22, '{"number": "1001", "order_date": "2019-05-01T12:00:00Z"}'),
    (23, '{"history": []}'), (24, '{"history": [{"order_status": "DELIVERED", "created_at": "2020-01-02"}, {"order_status": "SHIPPED", "created_at": "2020-01-02"}]}'),
    (25, '{"history": [{"order_status": "SHIPPED"}]}'), (26, '{"history": [{"order_status": "SHIPPED", "at": "2020-01-01"}]}'),
    (27, '{"order_status": "CANCELLED", "history": [{"order_status": "CANCELLED", "created_at": "2020-01-02", "payload": {"reason": "rain"}}]}'),
    (28, '{"order_status": "CANCELLED", "history": [{"order_status": "CANCELLED", "created_at": "2020-01-02", "payload": []}]}'),
    (29, '{"currency": "usd"}'), (30, '{"metadata": "gift"}'), (31, '{"history": [{"order_status": "DELIVERED", "created_at": "2019-12-31"}]}'),
    (32, '{"history": [{"order_status": "DELIVERED", "created_at": "infinity"}]}'))
    AS wrong (number, changes) ORDER BY number;
SELECT pg_temp.refusal(jsonb_build_object('order_details', jsonb_build_array('{"unit_price": 10, "quantity": 1, "product_order_details": {"name": "Pen"}}'::jsonb,
    '{"unit_price": 10, "quantity": 1, "product_order_details": {"name": "Pen"}}'::jsonb || changes)))
  FROM (VALUES (1, '{"color": "red"}'::jsonb), (2, '{"product_order_details": {}}'), (3, '{"quantity": 0}'), (4, '{"quantity": 1.5}'), (5, '{"unit_price": -1}'),
    (6, '{"unit_price": null}'), (7, '{"line_amount": 9.99}'), (8, '{"discount_amount": 0.001}'), (9, '{"discount_amount": 1}'), (10, '{"tax_amount": -1}'),
    (11, '{"tax_amount": 1}'), (12, '{"unit_price": 1e14, "quantity": 2000}'), (13, '{"product_order_details": {"name": " "}}'),
    (14, '{"sku": " "}'), (15, '{"options": []}'), (16, '{"options": "M"}'), (17, '{"product_order_details": {"id": -1, "name": "Pen"}}'), (18, '{"tax_rate": -0.01}'),
    (19, '{"tax_rate": 100.01}'), (20, '{"tax_rate": "NaN"}')) AS wrong (number, changes) ORDER BY number;
SELECT pg_temp.refusal(jsonb_build_object('charges', jsonb_build_object('adjustments', adjustments)))
  FROM (VALUES (1, '[{"kind": "shipping", "name": "Post"}]'::jsonb), (2, '[{"kind": "postage", "name": "Post", "amount": 0}]'), (3, '[{"kind": "shipping", "amount": 1}]'),
    (4, '[{"kind": "shipping", "name": "Post", "amount": 0.001}]'), (5, '[{"kind": "shipping", "name": "Post", "amount": 5}]'),
    (6, '[{"kind": "shipping", "name": "Post", "amount": 1}, {"kind": "shipping_discount", "name": "Free", "amount": -2}]'),
    (7, '[{"kind": "discount", "name": "Off", "amount": 1}]'), (8, '[{"kind": "discount", "name": "Off", "amount": -21}]'),
    (9, '[{"kind": "tax", "name": "Tax", "amount": -1}]'), (10, '[{"kind": "fee", "name": "Fee", "amount": 0, "is_included": true}]'),
    (11, '[{"kind": "discount", "name": "Off", "amount": -1, "promotion_id": 1}]')) AS wrong (number, adjustments) ORDER BY number;
SELECT count(*) AS orders FROM ecommerce.orders;

SELECT ecommerce.import_orders(NULL);
SELECT ecommerce.import_orders('{}');
SELECT ecommerce.import_orders('1');
SELECT ecommerce.import_orders('[1]');
SELECT ecommerce.import_orders((SELECT jsonb_agg(n) FROM generate_series(1, 10001) AS n));
SELECT ecommerce.import_orders(jsonb_build_array(pg_temp.placed('B "7"', '{"order_amount": 1}')));

DROP SCHEMA ecommerce_api, ecommerce CASCADE;
