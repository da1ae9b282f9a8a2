-- The documents are what the server itself would store: the same to the last
-- byte as what jsonb's input makes of their text, and as what jsonb_agg() and
-- jsonb_build_object() make of the tables; whatever the strings, the numbers and
-- the nulls are, for none to 10,000 orders, up to the 256 MB that jsonb can hold.
-- And as json they are, to the last byte, the text that the server makes of them.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

-- The writer has to cope with more than the tables allow.
ALTER TABLE ecommerce.order_details
    DROP CONSTRAINT order_details_amount_is_price_times_positive_quantity;

-- The operator *= compares the bytes of the columns of two records, detoasted.
CREATE FUNCTION pg_temp.identical(a jsonb, b jsonb) RETURNS boolean LANGUAGE sql AS
    'SELECT ROW(a)::record *= ROW(b)::record';
CREATE FUNCTION pg_temp.as_the_server_stores(document jsonb) RETURNS boolean LANGUAGE sql AS
    'SELECT pg_temp.identical(document, document::text::jsonb)';

-- It can fail: these are equal to every operator of jsonb.
SELECT a = b AS equal, pg_temp.identical(a, b)
FROM (VALUES ('{"price": 1.5}'::jsonb, '{"price": 1.50}'::jsonb),
             ('[0]', '[0.0]')) AS pair (a, b);

-- A function answers as it is declared, so the same functions give the same documents as json.
CREATE FUNCTION pg_temp.listing_as_json(user_id bigint, page_size integer DEFAULT NULL, before_id bigint DEFAULT NULL,
                                        status text DEFAULT NULL) RETURNS json
    LANGUAGE c AS '$libdir/ecommerce', 'order_listing_json';
CREATE FUNCTION pg_temp.order_as_json(user_id bigint, order_id bigint) RETURNS json
    LANGUAGE c AS '$libdir/ecommerce', 'order_json';
CREATE FUNCTION pg_temp.cart_as_json(user_id bigint) RETURNS json
    LANGUAGE c AS '$libdir/ecommerce', 'cart_json';
CREATE FUNCTION pg_temp.placed_as_json(user_id bigint, idempotency_key text DEFAULT NULL, expected_amount numeric DEFAULT NULL,
                                       fingerprint text DEFAULT NULL, shipping_address text DEFAULT NULL,
                                       metadata jsonb DEFAULT NULL) RETURNS json
    LANGUAGE c AS '$libdir/ecommerce', 'place_order_2';
CREATE FUNCTION pg_temp.as_the_server_writes(document json, stored jsonb) RETURNS boolean LANGUAGE sql AS
    'SELECT document::text = stored::text COLLATE "C"';

-- The same documents in plain SQL.
CREATE FUNCTION pg_temp.orders_in_sql(user_id bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'customer_id', o.customer_id, 'order_date', o.order_date, 'order_amount', o.order_amount,
        'currency', o.currency, 'order_status', o.order_status, 'shipping_address', o.shipping_address,
        'number', o.number, 'address', o.address::jsonb, 'billing_address', o.billing_address::jsonb,
        'metadata', o.metadata::jsonb, 'charges', NULL::text, 'payment', NULL::text, 'returns', NULL::text,
        'order_details', coalesce(d.lines, '[]')) ORDER BY o.id DESC), '[]')
    FROM ecommerce.orders AS o
    LEFT JOIN (
        SELECT order_id, jsonb_agg(jsonb_build_object(
            'id', line_number, 'order_id', order_id, 'quantity', quantity,
            'unit_price', unit_price, 'line_amount', line_amount, 'sku', sku, 'options', options,
            'product_order_details', jsonb_build_object(
                'id', product_id, 'name', product_name, 'description', product_description,
                'price', unit_price, 'quantity', quantity,
                'category', CASE WHEN category_name IS NOT NULL
                                 THEN jsonb_build_object('id', category_id, 'name', category_name) END))
            ORDER BY line_number) AS lines
        FROM ecommerce.order_details WHERE customer_id = $1 GROUP BY order_id) AS d ON d.order_id = o.id
    WHERE o.customer_id = $1
$$;
CREATE FUNCTION pg_temp.cart_in_sql(user_id bigint) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'id', $1, 'currency', min(product.currency), 'cart_amount', coalesce(sum(round(price * item.quantity, 2)), 0),
        'address', NULL::text, 'billing_address', NULL::text, 'charges', NULL::text, 'coupons', jsonb_build_array(),
        'shipping_code', NULL::text, 'shipping_address', (SELECT shipping_address FROM ecommerce.users WHERE id = $1),
        'cart_items', coalesce(jsonb_agg(jsonb_build_object(
            'id', product_id, 'quantity', item.quantity, 'line_amount', round(price * item.quantity, 2),
            'created_date', item.created_at,
            'products', jsonb_build_object(
                'id', product.id, 'name', name, 'description', description, 'price', round(price, greatest(2, min_scale(price))),
                'currency', product.currency, 'sku', sku, 'options', options,
                'category_id', category_id, 'is_active', is_active, 'quantity', coalesce(stock.quantity, 0)))
            ORDER BY item.created_at, product_id), '[]'),
        'problems', coalesce(jsonb_agg(jsonb_build_object(
            'code', 'insufficient_stock', 'available', coalesce(stock.quantity, 0), 'requested', item.quantity,
            'product_id', product_id) ORDER BY product_id)
            FILTER (WHERE coalesce(stock.quantity, 0) < item.quantity), '[]'))
    FROM ecommerce.cart_items AS item
    JOIN ecommerce.products AS product ON product.id = product_id
    LEFT JOIN ecommerce.stock_levels AS stock USING (product_id)
    WHERE item.user_id = $1
$$;

-- Any character, with control characters, quotes and backslashes more often than chance has it.
CREATE FUNCTION pg_temp.random_text(length integer) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(string_agg(CASE floor(random() * 5)
        WHEN 0 THEN chr(1 + floor(random() * 31)::integer)
        WHEN 1 THEN (ARRAY['"', '\', '/', ' ', '{', ']', ':', ',', '%', '''', 'null', '\u0000', '\n'])
                    [1 + floor(random() * 13)::integer]
        WHEN 2 THEN chr(32 + floor(random() * 224)::integer)
        WHEN 3 THEN chr(256 + floor(random() * (55296 - 256))::integer)
        ELSE chr(57344 + floor(random() * (1114112 - 57344))::integer) END, ''), '')
    FROM generate_series(1, length)
$$;
CREATE FUNCTION pg_temp.random_numeric() RETURNS numeric LANGUAGE sql VOLATILE AS $$
    SELECT CASE floor(random() * 4)
        WHEN 0 THEN (ARRAY[0, 0.0, 0.0000, 0.0001, 0.1, 1.10, 1600.00, 10000, 100000000, 99999999,
                           999999999999.9999, 12345678.9000, 1e11])[1 + floor(random() * 13)::integer]
        WHEN 1 THEN round(random()::numeric * 1e12, floor(random() * 5)::integer)
        ELSE round((random() * 1000)::numeric, floor(random() * 5)::integer) END
$$;

CREATE FUNCTION pg_temp.random_jsonb() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.4 THEN NULL WHEN random() < 0.1 THEN '{}' ELSE jsonb_build_object(
        pg_temp.random_text(3) || '!', pg_temp.random_text(9), 'number', pg_temp.random_numeric(), 'null', NULL, 'true', random() < 0.5,
        'list', jsonb_build_array(pg_temp.random_numeric(), pg_temp.random_text(3), jsonb_build_object('in', jsonb_build_array()))) END
$$;
CREATE FUNCTION pg_temp.random_address() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.6 THEN NULL WHEN random() < 0.1 THEN '{}' ELSE jsonb_build_object(
        'name', pg_temp.random_text(20), 'line1', pg_temp.random_text(5), 'city', '', 'country', 'NL') END
$$;

-- Random, but the same every time.
SELECT setseed(0.2026);

-- Orders of no line to as many as asked for.
CREATE PROCEDURE pg_temp.make_customer(orders integer, lines integer, text_length integer) LANGUAGE plpgsql AS $$
DECLARE
    customer bigint;
BEGIN
    INSERT INTO ecommerce.users (name) VALUES (orders || ' orders') RETURNING id INTO customer;
    INSERT INTO ecommerce.orders (customer_id, order_date, order_amount, currency, order_status, shipping_address,
                                  number, address, billing_address, metadata)
    SELECT customer, '2000-01-01Z'::timestamptz + random() * interval '100 years', pg_temp.random_numeric(), 'USD',
           (ARRAY['PROCESSING', 'SHIPPED'])[1 + n % 2], pg_temp.random_text(n % (text_length + 1)),
           CASE WHEN random() < 0.5 THEN pg_temp.random_text(n % 9) END, pg_temp.random_address(), pg_temp.random_address(),
           pg_temp.random_jsonb()
    FROM generate_series(1, orders) AS n;
    INSERT INTO ecommerce.order_details
    SELECT customer, o.id, line, 1000000 * random(), pg_temp.random_text(line % (text_length + 1)),
           CASE WHEN random() < 0.7 THEN pg_temp.random_text(floor(random() * (text_length + 1))::integer) END,
           category, CASE WHEN category > 0 THEN pg_temp.random_text(floor(random() * (text_length + 1))::integer) END,
           price, quantity, price * quantity, CASE WHEN random() < 0.5 THEN pg_temp.random_text(line % 12) END, pg_temp.random_jsonb()
    FROM ecommerce.orders AS o, generate_series(1, floor(0 * o.id + random() * (lines + 1))::integer) AS line,
         LATERAL (SELECT nullif(floor(3 * random()), 0)::bigint AS category, pg_temp.random_numeric() AS price,
                         1 + floor(random() ^ 9 * 2147483646)::integer AS quantity, line AS for_each_line) AS drawn
    WHERE customer_id = customer;
END
$$;
CALL pg_temp.make_customer(0, 0, 0);
CALL pg_temp.make_customer(1, 0, 0);
CALL pg_temp.make_customer(2, 2, 3);
CALL pg_temp.make_customer(31, 3, 10);
CALL pg_temp.make_customer(32, 3, 10);
CALL pg_temp.make_customer(33, 3, 10);
CALL pg_temp.make_customer(1000, 5, 20);
CALL pg_temp.make_customer(10000, 1, 1);
CALL pg_temp.make_customer(300, 40, 60);

-- Orders of 1 to 100 lines exactly.
INSERT INTO ecommerce.users (id, name) VALUES (1001, '1 to 100 lines');
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
SELECT 1001, 100000 + n, n, 'USD', '' FROM generate_series(1, 100) AS n;
INSERT INTO ecommerce.order_details
SELECT 1001, 100000 + n, line, line, 'n', NULL, NULL, NULL, 1, 1, 1
FROM generate_series(1, 100) AS n, generate_series(1, n) AS line;

-- Long strings: beyond 2 kB they are compressed, beyond that moved out of the
-- row, and the longest here are over 1 MB; such that compress and such that do not.
INSERT INTO ecommerce.users (id, name) VALUES (1002, 'Long strings');
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
SELECT 1002, 200000 + n, n, 'USD', repeat('é', length)
FROM unnest(ARRAY[126, 127, 2100, 10000, 1200000]) WITH ORDINALITY AS l (length, n);
INSERT INTO ecommerce.order_details
SELECT 1002, 200000 + n, 1, 1, 'compresses', repeat('"\é', length), 1, pg_temp.random_text(length), 1, 1, 1
FROM unnest(ARRAY[126, 127, 2100, 10000, 400000]) WITH ORDINALITY AS l (length, n);

-- Numbers that only a table without its constraints would hold, and dates.
INSERT INTO ecommerce.users (id, name) VALUES (1003, 'Numbers and dates');
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address, order_date)
SELECT 1003, 300000 + n, n, 'USD', '', order_date
FROM unnest(ARRAY['-infinity', 'infinity', '4713-11-24 00:00:00Z BC', '0044-03-15 12:00:00Z BC', '1900-01-01 00:00:00Z',
                  '2000-01-01 00:00:00Z', '2026-02-28 23:59:59.999999Z', '2026-06-30 12:00:00.1Z',
                  '294276-12-31 23:59:59.999999Z']::timestamptz[]) WITH ORDINALITY AS d (order_date, n);
INSERT INTO ecommerce.order_details
SELECT 1003, 300001, line, -line, 'n', NULL, NULL, 'category without an id', price, 1, price
FROM unnest(ARRAY[1e-4, 1e4, 1e-16383, 1e131071, 1e131071 + 1e-16383, -1, -0.0001, 9999, 9999.9999,
                  123456789012345678901234567890.1234567890]) WITH ORDINALITY AS d (price, line);
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES
    (1003, 9223372036854775807, 999999999999999.9999, 'USD', ''), (1003, -9223372036854775808, 0.00000, 'USD', '');

ANALYZE ecommerce.orders, ecommerce.order_details;

-- Every listing, whole, by status, and order by order.
CREATE TABLE pg_temp.listings AS
    SELECT id, name, ecommerce.order_listing_json(id) AS listing,
           ecommerce.order_listing_json(id, status => 'SHIPPED') AS shipped FROM ecommerce.users;
SELECT name, jsonb_array_length(listing) AS orders,
       pg_temp.as_the_server_stores(listing) AS as_the_server_stores,
       pg_temp.identical(listing, pg_temp.orders_in_sql(id)) AS as_in_sql,
       pg_temp.as_the_server_writes(pg_temp.listing_as_json(id), listing) AND
       pg_temp.as_the_server_writes(pg_temp.listing_as_json(id, status => 'SHIPPED'), shipped) AS as_it_writes,
       pg_temp.as_the_server_stores(shipped) AND
       pg_temp.identical(shipped, jsonb_path_query_array(listing, '$[*] ? (@.order_status == "SHIPPED")')) AS shipped
FROM listings ORDER BY id;
SELECT count(*) AS orders, sum(jsonb_array_length(one -> 'order_details')) > 0 AS have_lines,
       bool_and(pg_temp.as_the_server_stores(one)) AS as_the_server_stores,
       bool_and(pg_temp.identical(one, an_order)) AS as_in_the_listing,
       bool_and(pg_temp.as_the_server_writes(pg_temp.order_as_json(listings.id, (an_order ->> 'id')::bigint), one)) AS as_it_writes
FROM listings, jsonb_array_elements(listing) AS an_order,
     ecommerce.order_json(listings.id, (an_order ->> 'id')::bigint) AS one
WHERE jsonb_array_length(listing) BETWEEN 1 AND 1000;

-- Texts with one mistake each are found: every kind of value that can go wrong is in the data.
SELECT mistake, NOT bool_and(pg_temp.as_the_server_writes(wrong, listing)) AS is_found, bool_and(wrong::jsonb = listing) AS jsonb_is_the_same
FROM (VALUES ('keys in another order', '\{("id": \d+), ("name": "(?:[^"\\]|\\.)*")\}', '{\2, \1}'),
             ('a key twice', '\{("id": \d+), ', '{\1, \1, '),
             ('no space between elements', '\}, \{', '},{'),
             ('no space behind a key', '"quantity": ', '"quantity":'),
             ('a blank in an empty array', '": \[\]', '": [ ]'),
             ('a blank in an empty object', '": \{\}', '": { }'),
             ('a number without its last zeros', '("unit_price": \d+\.\d*[1-9])0+(?=,)', '\1'),
             ('a number with an exponent', '\m10000(?=[,}])', '1e4'),
             ('a capital in an escape', '\\u001f', '\\u001F'),
             ('an escape without its short form', '\\t', '\\u0009'),
             ('an escaped slash', '/', '\\/'),
             ('an escape of what needs none', 'é', '\\u00e9')) AS twin (mistake, pattern, replacement),
     LATERAL (SELECT listing, regexp_replace(pg_temp.listing_as_json(id)::text, pattern, replacement)::json AS wrong
              FROM listings WHERE jsonb_array_length(listing) < 1000) AS written
GROUP BY mistake ORDER BY mistake;

-- The data were what they were meant to be: long, wild and with nulls.
SELECT max(octet_length(product_description)) > 1000000 AS over_1_mb,
       bool_or(category_name LIKE '%"%') AND bool_or(category_name LIKE E'%\\\\%') AS quotes_and_backslashes,
       bool_or(category_name ~ '[\x01-\x1f]') AS control_characters,
       bool_or(octet_length(category_name) > 3 * length(category_name)) AS of_4_bytes,
       bool_or(product_description IS NULL) AND bool_or(category_name IS NULL) AND bool_or(options IS NULL) AS nulls,
       bool_or(product_description = '') AS empty,
       count(DISTINCT scale(unit_price)) > 5 AS scales,
       count(*) > 15000 AS many
FROM ecommerce.order_details;

-- Dates are those of the server in any time zone, also one with seconds.
SELECT setting AS time_zone, pg_temp.identical(ecommerce.order_listing_json(1003), pg_temp.orders_in_sql(1003)),
       pg_temp.as_the_server_writes(pg_temp.listing_as_json(1003), pg_temp.orders_in_sql(1003)) AS as_it_writes
FROM unnest(ARRAY['UTC', 'Asia/Kolkata', 'America/St_Johns', 'Africa/Monrovia']) AS zone,
     set_config('TimeZone', zone, false) AS setting;
RESET TimeZone;

-- The operators work on a document, and so does storing it.
SELECT listing -> 0 -> 'order_details' -> 1 ->> 'id' AS arrow, listing #> '{-1,id}' AS path,
       listing #>> '{99,order_details,0,product_order_details,name}' AS path_text,
       listing @> '[{"order_details": [{"id": 100}]}]' AS contains,
       listing -> 0 ? 'shipping_address' AS has_key, listing -> 0 ? 'nothing' AS has_other_key,
       (SELECT count(*) FROM jsonb_array_elements(listing)) AS elements,
       (SELECT count(*) FROM jsonb_path_query(listing, '$[*].order_details[*] ? (@.id > 50)')) AS found,
       (SELECT string_agg(key, ' ') FROM jsonb_object_keys(listing -> 0) AS key) AS keys,
       pg_temp.as_the_server_stores(jsonb_set(listing, '{0,id}', '0') || listing - 1) AS changed
FROM listings WHERE id = 1001;
SELECT bool_and(pg_temp.identical(listing, ecommerce.order_listing_json(id))) AS as_stored FROM listings;
CREATE INDEX ON listings USING gin (shipped);

-- Carts and orders just placed, of random products.
INSERT INTO ecommerce.categories (id, name) SELECT n, pg_temp.random_text(n) FROM generate_series(1, 10) AS n;
INSERT INTO ecommerce.products (id, name, description, price, category_id, sku, options)
SELECT n, pg_temp.random_text(n % 50), CASE WHEN n % 3 > 0 THEN pg_temp.random_text(n % 100) END,
       round((random() * 1000)::numeric, n % 7), nullif(n % 11, 0), CASE WHEN n % 2 > 0 THEN n || pg_temp.random_text(n % 12) END,
       pg_temp.random_jsonb()
FROM generate_series(1, 200) AS n;
INSERT INTO ecommerce.stock_levels (product_id, quantity)
SELECT n, 1000000 FROM generate_series(1, 200) AS n WHERE n % 9 > 0;
CREATE FUNCTION pg_temp.try_cart(size integer, OUT cart_is_right boolean, OUT order_is_right boolean,
                                 OUT replay_is_right boolean, OUT text_is_right boolean) LANGUAGE plpgsql AS $$
DECLARE
    customer bigint;
    cart jsonb;
    placed jsonb;
    address text;
    metadata jsonb := pg_temp.random_jsonb();
    placed_text json;
BEGIN
    INSERT INTO ecommerce.users (name, shipping_address)
    VALUES ('', pg_temp.random_text(CASE size % 50 WHEN 0 THEN 5000 ELSE size END) || '.') RETURNING id INTO customer;
    PERFORM ecommerce.add_to_cart(customer, 1);
    INSERT INTO ecommerce.cart_items (user_id, product_id, quantity, created_at)
    SELECT customer, id, 1 + floor(random() * 100), now() - random() * interval '1 day'
    FROM ecommerce.products WHERE id > 1 ORDER BY random() LIMIT size - 1;
    cart := ecommerce.cart_json(customer);
    cart_is_right := pg_temp.as_the_server_stores(cart) AND pg_temp.identical(cart - 'fingerprint', pg_temp.cart_in_sql(customer))
        AND cart ->> 'fingerprint' ~ '^[0-9a-f]{64}$';
    text_is_right := pg_temp.as_the_server_writes(pg_temp.cart_as_json(customer), cart);
    DELETE FROM ecommerce.cart_items WHERE product_id % 9 = 0 AND user_id = customer;
    -- The address is the argument or the user's own, either as it comes out of the table.
    address := CASE size % 4 WHEN 0 THEN '.' || left(shipping_address, 9999)
                             WHEN 1 THEN jsonb_build_object('line1', left(shipping_address, 500))::text END
               FROM ecommerce.users WHERE id = customer;
    IF size % 3 = 0 THEN
        placed_text := pg_temp.placed_as_json(customer, 'k', shipping_address => address, metadata => metadata);
        placed := placed_text;
        text_is_right := text_is_right AND pg_temp.as_the_server_writes(placed_text, placed);
    ELSE
        placed := ecommerce.place_order(customer, 'k', shipping_address => address, metadata => metadata);
    END IF;
    order_is_right := pg_temp.as_the_server_stores(placed) AND
        pg_temp.identical(placed, pg_temp.orders_in_sql(customer) -> 0 || '{"replayed": false}');
    replay_is_right := pg_temp.identical(ecommerce.place_order(customer, idempotency_key => 'k'),
                                         placed || '{"replayed": true}');
    text_is_right := text_is_right AND
        pg_temp.as_the_server_writes(pg_temp.placed_as_json(customer, 'k'), placed || '{"replayed": true}');
END
$$;
SELECT count(*), bool_and(cart_is_right) AS carts, bool_and(order_is_right) AS orders,
       bool_and(replay_is_right) AS replays, bool_and(text_is_right) AS as_it_writes
FROM generate_series(2, 150) AS size, LATERAL pg_temp.try_cart(size)
WHERE size <= 40 OR size % 10 IN (0, 7);

-- A document is at most 256 MB. Just below, it works; above, it says what to do,
-- a page works, and the session goes on. The text is compressed once, and copied so.
CREATE TABLE pg_temp.long (description text);
ALTER TABLE long ALTER description SET STORAGE MAIN;
INSERT INTO long VALUES (repeat('x', 599500));
INSERT INTO ecommerce.users (id, name) VALUES (2000, '269 MB');
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address)
SELECT 2000, 400000 + n, 1, 'USD', '' FROM generate_series(1, 448) AS n;
INSERT INTO ecommerce.order_details
SELECT 2000, 400000 + n, n, 1, '', description, NULL, NULL, 1, 1, 1 FROM long, generate_series(1, 448) AS n;
SELECT ecommerce.order_listing_json(2000);
\echo :SQLSTATE
SELECT pg_temp.listing_as_json(2000);
\echo :SQLSTATE
SELECT jsonb_array_length(listing) AS orders, pg_column_size(listing) BETWEEN 268000000 AND 268435455 + 4 AS nearly_full
FROM (SELECT ecommerce.order_listing_json(2000, 447) AS listing OFFSET 0) AS called_once;
SELECT pg_column_size(pg_temp.listing_as_json(2000, 447)) BETWEEN 268000000 AND 268435455 + 4 AS nearly_full;
SELECT jsonb_array_length(ecommerce.order_listing_json(2000, 160)) AS newest,
       jsonb_array_length(ecommerce.order_listing_json(2000, 160, 400289)) AS next,
       jsonb_array_length(ecommerce.order_listing_json(2000, 160, 400129)) AS oldest;
SELECT listing #> '{99,id}' AS last, length(listing #>> '{99,order_details,0,product_order_details,description}')
FROM (SELECT ecommerce.order_listing_json(2000, 100) AS listing OFFSET 0) AS called_once;

-- One value that is so long only as text.
INSERT INTO ecommerce.users (id, name) VALUES (2001, 'Control characters');
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address) VALUES (2001, 1, 'USD', repeat(E'\x01', 45000000));
SELECT pg_column_size(ecommerce.order_listing_json(2001)) BETWEEN 45000000 AND 46000000 AS as_jsonb;
SELECT pg_temp.listing_as_json(2001);
\echo :SQLSTATE

-- The same as one order of 448 lines, of which there are no pages.
ALTER TABLE ecommerce.order_details DISABLE TRIGGER USER;
UPDATE ecommerce.order_details SET order_id = 400001 WHERE customer_id = 2000;
SELECT ecommerce.order_json(2000, 400001);
\echo :SQLSTATE
SELECT jsonb_array_length(ecommerce.order_listing_json(2000, 447)) AS others;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
