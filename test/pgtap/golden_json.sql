-- A client of the web service that this replaces finds every key of its documents,
-- with the same JSON type. What it expects is written down here, and compared with
-- recorded responses of the service where the developers have them, in ../shared/golden.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user) AS version \gset
SELECT plan(27);

-- Where each value of a document is, and its type: $.cart_items[].id number.
CREATE FUNCTION pg_temp.paths(document jsonb) RETURNS TABLE (path text) LANGUAGE sql AS $$
    WITH RECURSIVE node (path, value) AS (
        SELECT '$', document
        UNION ALL
        SELECT node.path || child.step, child.value
        FROM node, LATERAL (
            SELECT '.' || key, value
            FROM jsonb_each(CASE jsonb_typeof(node.value) WHEN 'object' THEN node.value ELSE '{}' END) AS m
            UNION ALL
            SELECT '[]', value
            FROM jsonb_array_elements(CASE jsonb_typeof(node.value) WHEN 'array' THEN node.value ELSE '[]' END) AS e
        ) AS child (step, value)
    )
    SELECT DISTINCT node.path || ' ' || jsonb_typeof(value) FROM node
$$;
-- What of the expected paths a document has not, or null.
CREATE FUNCTION pg_temp.missing(document jsonb, expected text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(path, ', ' ORDER BY path COLLATE "C")
    FROM (SELECT unnest(expected) EXCEPT SELECT path FROM pg_temp.paths(document)) AS missing (path)
$$;
SELECT set_eq($$SELECT pg_temp.paths('{"a": [1, {"b": null}, {"b": "x"}], "c": {}, "d": [], "e": true}')$$,
              $$VALUES ('$ object'), ('$.a array'), ('$.a[] number'), ('$.a[] object'), ('$.a[].b null'),
                       ('$.a[].b string'), ('$.c object'), ('$.d array'), ('$.e boolean')$$,
              'paths() finds every value');
SELECT is(pg_temp.missing('{"id": "1", "more": 1}', '{$ object, $.id number, $.name string, $.more number}'),
          '$.id number, $.name string', 'missing() finds another type, and a key that is not there');


-- The story of the recorded responses.

INSERT INTO ecommerce.users (name, shipping_address)
VALUES ('John Doe', '587 Hinkle Deegan Lake Road, Syracuse, New York');
INSERT INTO ecommerce.categories (name) VALUES ('MobilePhones'), ('Electronics');
INSERT INTO ecommerce.products (name, description, price, category_id)
VALUES ('IPhone 13', 'Apple IPhone 13', 1600.0, 1), ('IPhone 12', 'Apple IPhone 12', 1200.0, 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 20), (2, 10);

CREATE TABLE pg_temp.documents (number integer GENERATED ALWAYS AS IDENTITY, name text, kind text, document jsonb);
INSERT INTO documents (name, kind, document) VALUES ('cart_list_empty', 'empty cart', ecommerce.cart_json(1));
INSERT INTO documents (name, kind, document) VALUES ('orders_list_empty', 'no orders', ecommerce.order_listing_json(1));
INSERT INTO documents (name, kind, document) VALUES ('cart_list_one', 'cart', ecommerce.add_to_cart(1, 1));
INSERT INTO documents (name, kind, document)
VALUES ('order_place_1', 'order', ecommerce.place_order(1, idempotency_key => 'first'));
INSERT INTO documents (name, kind, document) VALUES ('orders_list_one', 'orders', ecommerce.order_listing_json(1));
SELECT ecommerce.add_to_cart(1, 2) AS cart \gset
INSERT INTO documents (name, kind, document) VALUES ('order_place_2', 'order', ecommerce.place_order(1));
INSERT INTO documents (name, kind, document) VALUES ('orders_list_two', 'orders', ecommerce.order_listing_json(1));
SELECT ecommerce.add_to_cart(1, 1), ecommerce.add_to_cart(1, 1), ecommerce.add_to_cart(1, 2) \gset cart_
INSERT INTO documents (name, kind, document) VALUES ('cart_list_three', 'cart', ecommerce.cart_json(1));
INSERT INTO documents (name, kind, document) VALUES ('order_place_3lines', 'order', ecommerce.place_order(1));
INSERT INTO documents (name, kind, document) VALUES ('orders_list_three', 'orders', ecommerce.order_listing_json(1));
-- These the service did not have; they are like the others.
INSERT INTO documents (name, kind, document) VALUES
    ('a replayed order', 'order', ecommerce.place_order(1, idempotency_key => 'first')),
    ('order_json', 'order', ecommerce.order_json(1, 1));


-- What its clients read.

CREATE TABLE pg_temp.expected AS
WITH an_order (path) AS (
    VALUES (''), ('.id number'), ('.order_date string'), ('.order_amount number'), ('.order_status string'),
           ('.shipping_address string'), ('.order_details array'), ('.order_details[] object'),
           ('.order_details[].id number'), ('.order_details[].order_id number'),
           ('.order_details[].product_order_details object'),
           ('.order_details[].product_order_details.id number'),
           ('.order_details[].product_order_details.name string'),
           ('.order_details[].product_order_details.quantity number'),
           ('.order_details[].product_order_details.description string'),
           ('.order_details[].product_order_details.price number'),
           ('.order_details[].product_order_details.category object'),
           ('.order_details[].product_order_details.category.id number'),
           ('.order_details[].product_order_details.category.name string')
)
SELECT 'order' AS kind, array_agg('$' || coalesce(nullif(path, ''), ' object')) AS paths FROM an_order
UNION ALL SELECT 'orders', array_agg('$[]' || coalesce(nullif(path, ''), ' object')) || '$ array'::text FROM an_order
UNION ALL SELECT 'no orders', '{$ array}'
UNION ALL SELECT 'empty cart', '{$ object, $.id number, $.cart_items array}'
UNION ALL SELECT 'cart', '{$ object, $.id number, $.cart_items array, $.cart_items[] object, $.cart_items[].id number,
    $.cart_items[].created_date string, $.cart_items[].products object, $.cart_items[].products.id number,
    $.cart_items[].products.name string, $.cart_items[].products.quantity number,
    $.cart_items[].products.description string, $.cart_items[].products.price number,
    $.cart_items[].products.category_id number}';
SELECT is(pg_temp.missing(document, paths), NULL, name || ': all keys are there, with their types')
FROM documents JOIN expected USING (kind) ORDER BY number;
SELECT is((SELECT document FROM documents WHERE name = 'orders_list_empty'), '[]', 'a listing of nothing is a list');
SELECT is(jsonb_path_query_array(document, '$[*].order_amount'), '[4400.0, 1200.0, 1600.0]',
          'the amounts, newest first')
FROM documents WHERE name = 'orders_list_three';


-- What the service answered.

\set has_folder `test -d "../shared/golden" && echo true || echo false`
\if :has_folder
CREATE TABLE pg_temp.golden (name text, document jsonb);
\set document `cat "../shared/golden/cart_list_empty.json"`
INSERT INTO golden VALUES ('cart_list_empty', :'document');
\set document `cat "../shared/golden/cart_list_one.json"`
INSERT INTO golden VALUES ('cart_list_one', :'document');
\set document `cat "../shared/golden/cart_list_three.json"`
INSERT INTO golden VALUES ('cart_list_three', :'document');
\set document `cat "../shared/golden/order_place_1.json"`
INSERT INTO golden VALUES ('order_place_1', :'document');
\set document `cat "../shared/golden/order_place_2.json"`
INSERT INTO golden VALUES ('order_place_2', :'document');
\set document `cat "../shared/golden/order_place_3lines.json"`
INSERT INTO golden VALUES ('order_place_3lines', :'document');
\set document `cat "../shared/golden/orders_list_empty.json"`
INSERT INTO golden VALUES ('orders_list_empty', :'document');
\set document `cat "../shared/golden/orders_list_one.json"`
INSERT INTO golden VALUES ('orders_list_one', :'document');
\set document `cat "../shared/golden/orders_list_two.json"`
INSERT INTO golden VALUES ('orders_list_two', :'document');
\set document `cat "../shared/golden/orders_list_three.json"`
INSERT INTO golden VALUES ('orders_list_three', :'document');
SELECT is(concat_ws('; ',
              'not here: ' || pg_temp.missing(ours.document, ARRAY(SELECT pg_temp.paths(golden.document))),
              'not recorded: ' || pg_temp.missing(golden.document, paths),
              'not written down: ' || (SELECT string_agg(path, ', ') FROM pg_temp.paths(golden.document)
                                       WHERE path <> ALL (paths))),
          '', name || ': as recorded, and as written down')
FROM documents AS ours JOIN golden USING (name) JOIN expected USING (kind) ORDER BY number;
SELECT set_eq(format('SELECT jsonb_path_query(%L, ''$[*].order_amount'')', ours.document),
              format('SELECT jsonb_path_query(%L, ''$[*].order_amount'')', golden.document),
              'the amounts are as recorded')
FROM documents AS ours JOIN golden USING (name) WHERE name = 'orders_list_three';
\else
SELECT skip('there are no recorded responses in ../shared/golden', 11);
\endif

SELECT * FROM finish();
ROLLBACK;
