-- Tables that were changed under the functions' saved plans: a column renamed,
-- dropped, retyped or without its NOT NULL, a table made anew. Each function then
-- gives the right result or an error of the server's: never a wrong result, never
-- a crash. Right is what plain SQL, with the same casts, reads from the tables.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

-- Values that survive a change of type, and nulls wherever they are allowed.
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', '1 Main Street');
INSERT INTO ecommerce.categories (id, name) VALUES (1, 'Writing');
INSERT INTO ecommerce.products (id, name, description, price, category_id, sku, options) VALUES
    (11, 'Pencil', 'HB', 2, 1, '7', '{"colour": "red"}'), (12, 'Pen', NULL, 15, NULL, NULL, NULL), (13, 'Desk', 'Oak', 899, 1, '8', '{}'),
    (14, 'Lamp', NULL, 40, NULL, NULL, NULL);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 100 FROM ecommerce.products;

-- Nothing but the functions themselves shall stand in the way of a change, and
-- rows are to come straight from the indexes.
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT format('DROP VIEW %s CASCADE', oid::regclass) FROM pg_class
        WHERE relkind = 'v' AND relnamespace = to_regnamespace('ecommerce_api')
        UNION ALL
        SELECT format('DROP POLICY %I ON %s', polname, polrelid::regclass) FROM pg_policy
        UNION ALL
        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
        WHERE connamespace = 'ecommerce'::regnamespace AND contype IN ('c', 'f') AND conrelid <> 0
    LOOP
        EXECUTE command;
    END LOOP;
END
$$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SET jit = off;

-- The plans are saved.
SELECT count(ecommerce.add_to_cart(1, id, 2)) AS added FROM ecommerce.products;
SELECT ecommerce.place_order(1, idempotency_key => 'k') -> 'id' AS id;
SELECT count(ecommerce.add_to_cart(1, id, 3)) AS added FROM ecommerce.products;
SELECT ecommerce.set_cart_item(1, 13, 1) -> 'cart_amount' AS cart_amount;
SELECT jsonb_array_length(ecommerce.order_listing_json(1)) AS orders,
       jsonb_array_length(ecommerce.order_listing_json(1, 10, 1, 'PROCESSING')) AS older,
       ecommerce.order_json(1, 1) -> 'id' AS id;

CREATE FUNCTION pg_temp.orders_in_sql() RETURNS jsonb LANGUAGE plpgsql AS $function$
DECLARE
    orders jsonb;
BEGIN
    EXECUTE $$
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', id::bigint, 'customer_id', customer_id::bigint, 'order_date', order_date::timestamptz,
            'order_amount', order_amount::numeric, 'currency', currency::text, 'order_status', order_status::text,
            'shipping_address', shipping_address::text, 'number', number::text, 'address', address::jsonb,
            'billing_address', billing_address::jsonb, 'metadata', metadata::jsonb, 'charges', NULL::text, 'payment', NULL::text, 'returns', NULL::text,
            'order_details', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'id', line_number::integer, 'order_id', order_id::bigint, 'quantity', quantity::integer,
                    'unit_price', unit_price::numeric, 'line_amount', line_amount::numeric,
                    'sku', sku::text, 'options', options::jsonb,
                    'product_order_details', jsonb_build_object(
                        'id', product_id::bigint, 'name', product_name::text, 'description', product_description::text,
                        'price', unit_price::numeric, 'quantity', quantity::integer,
                        'category', CASE WHEN category_name IS NOT NULL THEN
                            jsonb_build_object('id', category_id::bigint, 'name', category_name::text) END))
                    ORDER BY line_number::integer), '[]')
                FROM ecommerce.order_details WHERE order_details.customer_id = 1 AND order_id = orders.id))
            ORDER BY id::bigint DESC), '[]')
        FROM ecommerce.orders WHERE customer_id = 1 $$ INTO orders;
    RETURN orders;
END
$function$;
CREATE FUNCTION pg_temp.cart_in_sql() RETURNS jsonb LANGUAGE plpgsql AS $function$
DECLARE
    cart jsonb;
BEGIN
    EXECUTE $$
        WITH item AS (
            SELECT item.product_id::bigint, coalesce(item.quantity::integer, 0) AS quantity, item.created_at::timestamptz,
                   CASE WHEN product.id IS NULL THEN item.product_name::text ELSE product.name::text END AS name,
                   product.id IS NOT NULL AS exists, description::text, product.currency::text,
                   round(price::numeric, greatest(2, min_scale(price::numeric))) AS price, sku::text, options::jsonb,
                   coalesce(is_active::boolean, false) AND price IS NOT NULL AND product.currency IS NOT NULL AS is_active,
                   category.id::bigint AS category_id,
                   round(unit_price::numeric, greatest(2, min_scale(unit_price::numeric))) AS added_price, item.currency::text AS added_currency,
                   coalesce((SELECT sum(stock.quantity)::bigint FROM ecommerce.stock_levels AS stock
                              WHERE stock.product_id = item.product_id), 0) AS stock
            FROM ecommerce.cart_items AS item
            LEFT JOIN ecommerce.products AS product ON product.id = item.product_id
            LEFT JOIN ecommerce.categories AS category ON category.id = product.category_id
            WHERE item.user_id = 1
        ), cart AS (
            SELECT shipping_address::text, users.address::jsonb AS users_address, carts.address::jsonb, billing_address::jsonb,
                   coupons::text[], shipping_code::text
            FROM ecommerce.users LEFT JOIN ecommerce.carts ON user_id = users.id WHERE users.id = 1
        ), problem AS (
            SELECT product_id, 1 AS number, jsonb_build_object('code', 'product_removed', 'product_id', product_id) AS problem
            FROM item WHERE NOT exists
            UNION ALL
            SELECT product_id, 2, jsonb_build_object('code', 'inactive_product', 'product_id', product_id)
            FROM item WHERE exists AND NOT is_active
            UNION ALL
            SELECT NULL, 3, '{"code": "mixed_currencies"}' FROM item HAVING min(currency) < max(currency)
            UNION ALL
            SELECT product_id, 4, jsonb_build_object(
                'code', 'price_changed', 'product_id', product_id, 'price', price, 'currency', currency,
                'added_price', added_price, 'added_currency', added_currency)
            FROM item WHERE (currency, price) IS NOT NULL AND added_price IS NOT NULL
                        AND (added_currency, added_price) IS DISTINCT FROM (currency, price)
            UNION ALL
            SELECT NULL, 5, '{"code": "no_shipping_address"}' FROM cart WHERE (btrim(shipping_address) <> '') IS NOT TRUE
            UNION ALL
            SELECT product_id, 6, jsonb_build_object(
                'code', 'insufficient_stock', 'product_id', product_id, 'requested', quantity, 'available', stock)
            FROM item WHERE exists AND stock < quantity
        )
        SELECT jsonb_build_object(
            'id', 1,
            'currency', CASE WHEN min(currency) = max(currency) THEN min(currency) END,
            'cart_amount', CASE WHEN (min(currency) < max(currency)) IS NOT TRUE
                                THEN coalesce(sum(round(price * quantity, 2)), 0) END,
            'problems', (SELECT coalesce(jsonb_agg(problem ORDER BY number, product_id), '[]')
                         FROM problem),
            'cart_items', jsonb_agg(jsonb_build_object(
                'id', product_id, 'quantity', quantity, 'line_amount', round(price * quantity, 2), 'created_date', created_at,
                'products', jsonb_build_object(
                    'id', product_id, 'name', name, 'description', description, 'price', price, 'currency', currency,
                    'sku', sku, 'options', options, 'category_id', category_id, 'is_active', is_active, 'quantity', stock))
                ORDER BY created_at, product_id),
            'charges', NULL::text)
            || (SELECT jsonb_build_object('shipping_address', shipping_address, 'address', coalesce(address, users_address),
                    'billing_address', billing_address, 'coupons', coalesce(to_jsonb(coupons), '[]'), 'shipping_code', shipping_code)
                FROM cart)
        FROM item $$ INTO cart;
    RETURN cart;
END
$function$;

-- Makes a change, calls every function, undoes it all, and returns a row for each
-- function: 'right', 'wrong: ...', or the SQLSTATE; or one row when the server
-- itself refused the change. In the SQL, $1 is what the function gave.
CREATE FUNCTION pg_temp.try_change(change text) RETURNS TABLE (step text, outcome text) LANGUAGE plpgsql AS $$
DECLARE
    calls text[] := ARRAY[
        ['cart_json', 'ecommerce.cart_json(1) - ''fingerprint''', 'pg_temp.cart_in_sql()'],
        ['add_to_cart', 'ecommerce.add_to_cart(1, 11, 1) - ''fingerprint''', 'pg_temp.cart_in_sql()'],
        ['set_cart_item', 'ecommerce.set_cart_item(1, 12, 7) - ''fingerprint''', 'pg_temp.cart_in_sql()'],
        ['order_listing_json', 'ecommerce.order_listing_json(1)', 'pg_temp.orders_in_sql()'],
        ['order_listing_json, status', 'ecommerce.order_listing_json(1, status => ''PROCESSING'')',
         'jsonb_path_query_array(pg_temp.orders_in_sql(), ''$[*] ? (@.order_status == "PROCESSING")'')'],
        ['order_json', 'ecommerce.order_json(1, 1)', 'pg_temp.orders_in_sql() -> 0'],
        ['place_order, key of before', 'ecommerce.place_order(1, idempotency_key => ''k'')',
         'pg_temp.orders_in_sql() -> 0 || jsonb_build_object(''replayed'', $1 -> ''replayed'')'],
        ['place_order', 'ecommerce.place_order(1, idempotency_key => ''l'')',
         'pg_temp.orders_in_sql() -> 0 || ''{"replayed": false}'''],
        ['order_listing_json, page', 'ecommerce.order_listing_json(1, 2)', 'pg_temp.orders_in_sql()'],
        ['cancel_order', 'ecommerce.cancel_order(1, 1, ''customer'')',
         'jsonb_path_query_first(pg_temp.orders_in_sql(), ''$[*] ? (@.id == 1)'')'],
        ['return_items', 'ecommerce.return_items(1, (SELECT max(id) FROM ecommerce.orders)::bigint,'
         ' ''[{"line": 1, "quantity": 1}]'', true) -> ''order_status''', 'to_jsonb(''PROCESSING''::text)'],
        ['take_order_events', 'ecommerce.take_order_events(10) #> ''{0,order}''',
         'jsonb_path_query_first(pg_temp.orders_in_sql(), ''$[*] ? (@.id == 1)'')'
         ' || jsonb_build_object(''payment'', $1 -> ''payment'', ''returns'', $1 -> ''returns'')'],
        ['acknowledge_order_events',
         'to_jsonb(ecommerce.acknowledge_order_events(ARRAY(SELECT id::bigint FROM ecommerce.order_events)) > 0)', 'to_jsonb(true)'],
        ['erase_user', 'to_jsonb(ecommerce.erase_user(1, true)::text)', 'to_jsonb(''''::text)'],
        ['order_integrity', 'to_jsonb((SELECT count(*) FROM ecommerce.order_integrity()) >= 0)', 'to_jsonb(true)']];
    call text[];
    given jsonb;
    wanted jsonb;
    outcomes text[];
BEGIN
    BEGIN
        EXECUTE change;
        FOREACH call SLICE 1 IN ARRAY calls LOOP
            BEGIN
                EXECUTE 'SELECT ' || call[2] INTO given;
                EXECUTE 'SELECT ' || call[3] INTO wanted USING given;
                outcomes := outcomes || CASE WHEN given IS NOT DISTINCT FROM wanted THEN 'right'
                                             ELSE format('wrong: %s, not %s', given, wanted) END;
            EXCEPTION WHEN OTHERS THEN
                outcomes := outcomes || SQLSTATE::text;
            END;
        END LOOP;
        RAISE 'undone' USING ERRCODE = 'P9999';
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE <> 'P9999' THEN
            RETURN QUERY SELECT 'refused', SQLSTATE::text;
            RETURN;
        END IF;
    END;
    RETURN QUERY SELECT calls[n][1], outcomes[n] FROM generate_subscripts(outcomes, 1) AS n;
END
$$;

-- Without a change all is right, and what is not right would be seen.
SELECT * FROM pg_temp.try_change('SELECT');
SELECT step, left(outcome, 5) AS outcome FROM pg_temp.try_change(
    'CREATE OR REPLACE FUNCTION pg_temp.cart_in_sql() RETURNS jsonb LANGUAGE sql AS $$SELECT ''{}''::jsonb$$');

-- Every column is renamed, dropped, made null, and given each of these types; and
-- the integers and nullable texts of a table are given others at once, which once
-- made a null a pointer to the integer before it.
CREATE TABLE pg_temp.changes AS
WITH col AS (
    SELECT attrelid::regclass AS tab, relname, attname, attnum, attnotnull, atttypid,
           EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)) AS in_key,
           (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum) AS initial
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
      AND attnum > 0 AND NOT attisdropped
), retyped AS (
    SELECT col.*, type, concat_ws(', ',
        format('ALTER %I DROP DEFAULT', attname),
        format('ALTER %I TYPE %s USING %1$I::text::%2$s', attname, type),
        'ALTER ' || quote_ident(attname) || ' SET DEFAULT ' || initial) AS action
    FROM col, unnest(ARRAY['text', 'varchar(60)', 'character(60)', 'name', 'smallint', 'integer', 'bigint', 'numeric',
                           'numeric(12,2)', 'double precision', 'date', 'timestamp', 'timestamptz']) AS type
)
SELECT relname, attname, 'renamed' AS change, format('ALTER TABLE %s RENAME %I TO renamed', tab, attname) AS command
FROM col
UNION ALL
SELECT relname, attname, 'dropped', format('ALTER TABLE %s DROP %I CASCADE', tab, attname) FROM col
UNION ALL
SELECT relname, attname, 'null', format(
    'ALTER TABLE %1$s ALTER %2$I DROP DEFAULT; ALTER TABLE %1$s ALTER %2$I DROP NOT NULL; ALTER TABLE %1$s DISABLE TRIGGER USER; '
    'UPDATE %1$s SET %2$I = NULL; ALTER TABLE %1$s ENABLE TRIGGER USER',
    tab, attname)
FROM col WHERE NOT in_key
UNION ALL
SELECT relname, attname, type, format('ALTER TABLE %s %s', tab, action) FROM retyped
UNION ALL
SELECT relname, NULL, 'all retyped', format('ALTER TABLE %s %s', tab, string_agg(action, ', ' ORDER BY attnum))
FROM retyped JOIN pg_type ON pg_type.oid = atttypid
WHERE NOT in_key AND type = CASE
    WHEN format_type(atttypid, NULL) = 'bigint' THEN 'integer'
    WHEN typcategory = 'N' THEN 'bigint'
    WHEN typcategory = 'S' AND NOT attnotnull THEN 'character(60)' END
GROUP BY tab, relname;
CREATE TABLE pg_temp.outcomes AS
SELECT relname, attname, change, step, outcome FROM changes, LATERAL pg_temp.try_change(command);

-- Nothing is wrong, and nothing is an internal error or a mistake of this test.
SELECT relname, attname, change, step, outcome FROM outcomes
WHERE outcome LIKE 'wrong%' OR outcome LIKE 'XX%' OR outcome = '42601' ORDER BY 1, 2, 3, 4;

-- There was something to get wrong: changes that were made, to either end.
SELECT change IN ('renamed', 'dropped') AS is_gone, change = 'null' AS is_null,
       count(DISTINCT (relname, attname, change)) > 30 AS many, bool_or(step = 'refused') AS some_refused,
       bool_or(outcome = 'right') AS some_right, bool_or(outcome <> 'right') AS some_fail
FROM outcomes WHERE step <> 'refused' OR change IN ('renamed', 'dropped', 'null') GROUP BY 1, 2 ORDER BY 1, 2;

-- What is gone is missed by those who read or write it, and by nobody else.
SELECT relname, string_agg(attname, ', ' ORDER BY attname) AS missed_by_none FROM (
    SELECT relname, attname FROM outcomes WHERE change = 'renamed'
    GROUP BY relname, attname HAVING bool_and(outcome = 'right')) AS unneeded
GROUP BY relname ORDER BY relname;
SELECT step, string_agg(DISTINCT outcome, ' ') AS outcomes FROM outcomes WHERE change = 'renamed'
GROUP BY step ORDER BY step COLLATE "C";

-- A table dropped and made anew, its columns in another sequence and one more of them.
SELECT * FROM pg_temp.try_change($change$
    CREATE TABLE ecommerce.anew AS
        SELECT 'new' AS note, is_counted, added_tax_amount, tax_rate, tax_amount, discount_amount, options, sku, line_amount, quantity, unit_price, category_name, category_id, product_description,
               product_name, product_id, line_number, order_id, customer_id FROM ecommerce.order_details;
    DROP TABLE ecommerce.order_details;
    ALTER TABLE ecommerce.anew RENAME TO order_details;
    CREATE TABLE ecommerce.anew AS SELECT quantity, till, product_id, bucket FROM ecommerce.stock_levels;
    DROP TABLE ecommerce.stock_levels;
    ALTER TABLE ecommerce.anew RENAME TO stock_levels;
$change$);

-- A table that is a view by now.
SELECT * FROM pg_temp.try_change($change$
    ALTER TABLE ecommerce.products RENAME TO all_products;
    CREATE VIEW ecommerce.products AS SELECT * FROM ecommerce.all_products;
    ALTER TABLE ecommerce.order_details RENAME TO all_lines;
    CREATE VIEW ecommerce.order_details AS SELECT * FROM ecommerce.all_lines;
$change$);

-- A table that is gone.
SELECT relname, string_agg(DISTINCT outcome, ' ') AS outcomes FROM pg_class,
    LATERAL pg_temp.try_change(format('DROP TABLE %s CASCADE', pg_class.oid::regclass))
WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' GROUP BY relname ORDER BY relname;

-- A trigger that keeps rows from being written.
CREATE FUNCTION pg_temp.suppress() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT event, relname, outcome FROM (VALUES
    ('INSERT', 'orders'), ('INSERT', 'order_details'), ('INSERT', 'order_events'), ('UPDATE', 'stock_levels'),
    ('DELETE', 'cart_items')) AS t (event, relname),
    LATERAL pg_temp.try_change(format('CREATE TRIGGER nothing BEFORE %s ON ecommerce.%s
                                       FOR EACH ROW EXECUTE FUNCTION pg_temp.suppress()', event, relname))
WHERE step = 'place_order' ORDER BY event, relname;

-- A rule that does; and when it is gone, so is what the session made of it.
SELECT event, relname, step, outcome FROM (VALUES
    ('INSERT', 'order_details'), ('UPDATE', 'stock_levels'), ('DELETE', 'cart_items'), ('INSERT', 'cart_items'))
    AS t (event, relname),
    LATERAL pg_temp.try_change(format('CREATE RULE nothing AS ON %s TO ecommerce.%s DO INSTEAD NOTHING',
                                      event, relname))
WHERE outcome <> 'right' ORDER BY event, relname, step;
SELECT step, outcome FROM pg_temp.try_change('SELECT') WHERE outcome <> 'right';

-- A key that is equal to what it is not: as double precision, 2^53 + 1 is 2^53.
BEGIN;
INSERT INTO ecommerce.products (id, name, price) VALUES (9007199254740993, 'Far', 1);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (9007199254740993, 1);
SELECT ecommerce.add_to_cart(1, 9007199254740993) IS NOT NULL AS added;
ALTER TABLE ecommerce.products ALTER id TYPE double precision;
SELECT ecommerce.place_order(1);
ROLLBACK;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
