-- What an order knows besides its lines and its amount: where it goes, what was sold exactly,
-- a number for people, facts of the shop's own. Each as it was when it was ordered.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street'), ('Grace', NULL);
INSERT INTO ecommerce.products (name, price, sku, options) VALUES
    ('Shirt', 5, 'SH-RED-M', '{"size": "M", "colour": "red"}'), ('Shirt', 5, 'SH-RED-L', '{"size": "L", "colour": "red"}'), ('Hat', 7, NULL, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 1000 FROM ecommerce.products;
CREATE FUNCTION pg_temp.order(arguments text DEFAULT '') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    placed jsonb;
BEGIN
    PERFORM ecommerce.set_cart_items(1, '{1,3}', '{1,1}');
    PERFORM ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events;
    EXECUTE format('SELECT ecommerce.place_order(1%s)', ', ' || nullif(arguments, '')) INTO placed;
    -- Whoever reads it later reads the same.
    ASSERT placed - 'replayed' = ecommerce.order_json(1, (placed ->> 'id')::bigint);
    ASSERT placed - 'replayed' = ecommerce.order_listing_json(1, 1) -> 0;
    ASSERT placed - 'replayed' = ecommerce.take_order_events(1, lease_seconds => 1) #> '{0,order}';
    RETURN placed;
END
$$;

-- What distinguishes a product from its variants is in the cart, and in the line as it was sold.
SELECT jsonb_path_query(ecommerce.set_cart_items(1, '{1,2,3}', '{1,1,1}'), '$.cart_items[*].products.keyvalue() ? (@.key == "sku" || @.key == "options").value')
       AS in_the_cart;
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
UPDATE ecommerce.products SET sku = 'NEW-' || id, options = '{}';
DELETE FROM ecommerce.products WHERE id = 2;
SELECT line -> 'sku' AS sku, line -> 'options' AS options
FROM jsonb_array_elements(ecommerce.order_json(1, :id) -> 'order_details') AS line;
SELECT line_number, sku, options FROM ecommerce.order_details ORDER BY line_number;
\set VERBOSITY sqlstate
UPDATE ecommerce.order_details SET sku = 'ELSE';
INSERT INTO ecommerce.products (name, price, sku) VALUES ('Twin', 1, 'NEW-1');
UPDATE ecommerce.products SET options = '["M"]' WHERE id = 1;
UPDATE ecommerce.products SET options = '"M"' WHERE id = 1;
\set VERBOSITY default

-- Columns of the shop's own are filled by a trigger of its own.
ALTER TABLE ecommerce.products ADD COLUMN shelf text;
ALTER TABLE ecommerce.order_details ADD COLUMN shelf text;
UPDATE ecommerce.products SET shelf = 'B7' WHERE id = 1;
CREATE FUNCTION ecommerce.copy_shelf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.shelf := (SELECT shelf FROM ecommerce.products WHERE id = NEW.product_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER copy_shelf BEFORE INSERT ON ecommerce.order_details FOR EACH ROW EXECUTE FUNCTION ecommerce.copy_shelf();
SELECT pg_temp.order() -> 'id' AS id \gset
SELECT product_id, shelf FROM ecommerce.order_details WHERE order_id = :id ORDER BY line_number;
DROP TRIGGER copy_shelf ON ecommerce.order_details;

-- A number for people comes from a default that the shop sets.
SELECT pg_temp.order() -> 'number' AS number;
CREATE SEQUENCE ecommerce.order_numbers START 1001;
ALTER TABLE ecommerce.orders ALTER number SET DEFAULT 'W-' || nextval('ecommerce.order_numbers');
SELECT pg_temp.order() -> 'number' AS number;
SELECT pg_temp.order($$'k1'$$) -> 'number' AS number;
SELECT ecommerce.place_order(1, 'k1') -> 'number' AS number;
SELECT ecommerce.set_order_status(1, max(id), 'SHIPPED') -> 'number' AS number FROM ecommerce.orders;
\set VERBOSITY sqlstate
UPDATE ecommerce.orders SET number = 'W-1';
\set VERBOSITY default

-- Facts of the shop's own.
SELECT pg_temp.order($$metadata => '{"gift": true, "note": "Überraschung", "weights": [1.50, null, {}]}'$$) -> 'metadata' AS metadata;
SELECT pg_temp.order($$metadata => '{}'$$) -> 'metadata' AS metadata;
SELECT pg_temp.order() -> 'metadata' AS metadata;
SELECT pg_temp.order($$'k2', metadata => '{"gift": 1.0}'$$) -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k2', metadata => '{"gift": 1}') -> 'replayed' AS the_same_number;
SELECT ecommerce.place_order(1, 'k2') -> 'metadata' AS metadata;
SELECT ecommerce.place_order(1, 'k2', metadata => '{"gift": 2}');
SELECT ecommerce.place_order(1, 'k2', metadata => '{}');
SELECT pg_temp.order($$'k3'$$) -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k3', metadata => '{}');
UPDATE ecommerce.orders SET metadata = metadata || '{"picked_by": "Bob"}' WHERE idempotency_key = 'k2' RETURNING metadata;
\set VERBOSITY sqlstate
UPDATE ecommerce.orders SET metadata = '[]' WHERE idempotency_key = 'k2';
\set VERBOSITY default

-- Where it goes: as text, as a structured address, which is also written as text, or the first
-- that there is of the cart's, the user's, and the user's text.
CREATE FUNCTION pg_temp.address(an_order jsonb, OUT shipping_address jsonb, OUT address jsonb, OUT billing_address jsonb) LANGUAGE sql AS
    $$ SELECT an_order -> 'shipping_address', an_order -> 'address', an_order -> 'billing_address' $$;
SELECT * FROM pg_temp.address(pg_temp.order());
SELECT * FROM pg_temp.address(pg_temp.order($$shipping_address => 'Somewhere else'$$));
SELECT * FROM pg_temp.address(pg_temp.order($$shipping_address => ' {"country": "NL", "city": "Nuenen", "line1": "Plataanstraat 5", "name": "Edsger", "postal_code": "5671 AL",
    "state": "NB", "line2": " ", "company": "ACM", "phone": "+31 40", "email": "e@example.com"}'$$));
UPDATE ecommerce.users SET address = '{"line1": "2 Users Way", "country": "US"}' WHERE id = 1;
SELECT * FROM pg_temp.address(pg_temp.order());
SELECT ecommerce.set_cart_shipping(1, address => '{"line1": "3 Cart Lane", "country": "GB"}', billing_address => '{"company": "Bank", "country": "CH"}')
       -> 'shipping_address' AS in_the_cart;
SELECT * FROM pg_temp.address(pg_temp.order());
SELECT * FROM pg_temp.address(pg_temp.order());
SELECT ecommerce.set_cart_shipping(1, billing_address => '{"company": "Bank"}') -> 'billing_address' AS in_the_cart;
SELECT * FROM pg_temp.address(pg_temp.order($$shipping_address => 'Somewhere else'$$));
UPDATE ecommerce.users SET address = '{"phone": "1"}' WHERE id = 1;
SELECT pg_temp.order();
UPDATE ecommerce.users SET address = NULL WHERE id = 1;

-- A structured address with a key: equal as JSON, whatever its text.
SELECT pg_temp.order($$'k4', shipping_address => '{"line1": "Here", "country": "NL"}'$$) -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k4', shipping_address => E'\n{"country":"NL", "line1":"Here"}') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k4', shipping_address => 'Here, NL') -> 'replayed' AS replayed;
SELECT ecommerce.place_order(1, 'k4', shipping_address => '{"line1": "There", "country": "NL"}');
SELECT ecommerce.place_order(1, 'k4', shipping_address => 'There');

-- One limit for an address, whoever has it.
\set VERBOSITY sqlstate
UPDATE ecommerce.users SET shipping_address = repeat('y', 10001) WHERE id = 1;
SELECT ecommerce.place_order(1, shipping_address => repeat('y', 10001));
\set VERBOSITY default
UPDATE ecommerce.users SET shipping_address = repeat('y', 10000) WHERE id = 1;
SELECT length(pg_temp.order() ->> 'shipping_address') AS characters;

-- One of before the limit stays, and can be ordered to: it is not the customer's fault.
BEGIN;
ALTER TABLE ecommerce.users DROP CONSTRAINT users_shipping_address_at_most_10000_characters;
UPDATE ecommerce.users SET shipping_address = repeat('y', 10001) WHERE id = 1;
SELECT length(pg_temp.order() ->> 'shipping_address') AS characters;
ROLLBACK;

-- The address can be put right, and taken away with the person; the rest is history.
UPDATE ecommerce.orders SET shipping_address = 'Corrected', address = '{"line1": "Corrected"}' WHERE id = :id;
SELECT * FROM pg_temp.address(ecommerce.order_json(1, :id));
SELECT ecommerce.erase_user(1, order_addresses => true);
SELECT DISTINCT shipping_address, address, billing_address FROM ecommerce.orders;
SELECT * FROM ecommerce.order_integrity();

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
