-- order_listing_json() lists a customer's orders, newest first, whole or in
-- pages, of all statuses or one; order_json() is one of them.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

-- Nine orders of Ada's with ids that are not dense, lines out of order, one
-- order without any; two of Grace's among them; Edsger has none.
INSERT INTO ecommerce.users (id, name) VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger');
INSERT INTO ecommerce.orders (customer_id, id, order_date, order_amount, currency, order_status, shipping_address)
SELECT CASE WHEN n IN (4, 8) THEN 2 ELSE 1 END, 10 * n, '2026-01-01 09:00:00Z'::timestamptz + n * interval '1 day',
       n * 1.50, 'USD', (ARRAY['PROCESSING', 'SHIPPED', 'DELIVERED'])[1 + n % 3], n || ' Main Street'
FROM generate_series(1, 11) AS n;
INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name,
                                     product_description, category_id, category_name, unit_price, quantity, line_amount)
SELECT customer_id, id, line, line, 'Product ' || line, 'Line ' || line || ' of ' || id, 7, 'Things',
       0.50, line, 0.50 * line
FROM ecommerce.orders, generate_series(2, 1, -1) AS line
WHERE id <> 30;

CREATE FUNCTION pg_temp.ids(listing jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$SELECT string_agg(an_order ->> 'id', ' ') FROM jsonb_array_elements(listing) AS an_order$$;

CREATE FUNCTION pg_temp.plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS
    'BEGIN RETURN QUERY EXECUTE ''EXPLAIN '' || query; END';

-- All, newest first; nobody else's.
SELECT pg_temp.ids(ecommerce.order_listing_json(1));
SELECT pg_temp.ids(ecommerce.order_listing_json(2));
SELECT ecommerce.order_listing_json(3);

-- The document; an order without lines has an empty list.
SELECT jsonb_pretty(ecommerce.order_listing_json(1, page_size => 1, before_id => 50));
SELECT jsonb_pretty(ecommerce.order_listing_json(1, page_size => 1, before_id => 50, status => 'PROCESSING'));

-- Lines are the order's own, in sequence.
SELECT an_order -> 'id' AS id, jsonb_path_query_array(an_order, '$.order_details[*].id') AS line_numbers,
       jsonb_path_query_array(an_order, '$.order_details[*].product_order_details.description') AS descriptions
FROM jsonb_array_elements(ecommerce.order_listing_json(1)) AS an_order;

-- Pages. The cursor is the id of the last order of the page before, itself left out.
SELECT pg_temp.ids(ecommerce.order_listing_json(1, 4));
SELECT pg_temp.ids(ecommerce.order_listing_json(1, 4, 60));
SELECT pg_temp.ids(ecommerce.order_listing_json(user_id => 1, page_size => 4, before_id => 20));
SELECT ecommerce.order_listing_json(1, 4, 10);
SELECT pg_temp.ids(ecommerce.order_listing_json(1, before_id => 30));
SELECT pg_temp.ids(ecommerce.order_listing_json(1, 9));
SELECT pg_temp.ids(ecommerce.order_listing_json(1, 2147483647));

-- Pages of any size, one after the other, are the whole listing.
CREATE FUNCTION pg_temp.read_in_pages(user_id bigint, page_size integer, status text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    listing jsonb := '[]';
    page jsonb := ecommerce.order_listing_json(user_id, page_size, NULL, status);
BEGIN
    WHILE page <> '[]' AND jsonb_array_length(listing) < 100 LOOP
        listing := listing || page;
        page := ecommerce.order_listing_json(user_id, page_size, (page #>> '{-1,id}')::bigint, status);
    END LOOP;
    RETURN listing;
END
$$;
SELECT coalesce(status, 'any') AS status,
       bool_and(pg_temp.read_in_pages(1, page_size, status) = ecommerce.order_listing_json(1, status => status))
FROM generate_series(1, 10) AS page_size, unnest(ARRAY[NULL, 'PROCESSING', 'SHIPPED', 'CANCELLED']) AS status
GROUP BY status ORDER BY status COLLATE "C";

-- One status, whole and in pages; the cursor may be an order of another status.
SELECT pg_temp.ids(ecommerce.order_listing_json(1, status => 'PROCESSING'));
SELECT pg_temp.ids(ecommerce.order_listing_json(1, status => 'SHIPPED'));
SELECT ecommerce.order_listing_json(1, status => 'RETURNED');
SELECT pg_temp.ids(ecommerce.order_listing_json(1, 2, NULL, 'SHIPPED'));
SELECT pg_temp.ids(ecommerce.order_listing_json(1, 2, 90, 'SHIPPED'));
SELECT ecommerce.order_listing_json(1, status => 'SHIPPED') =
       jsonb_path_query_array(ecommerce.order_listing_json(1), '$[*] ? (@.order_status == "SHIPPED")')
       AS as_in_the_whole;

-- One order is what the listing has for it.
SELECT bool_and(ecommerce.order_json(1, (an_order ->> 'id')::bigint) = an_order) AS as_in_the_listing
FROM jsonb_array_elements(ecommerce.order_listing_json(1)) AS an_order;

-- No such order, or somebody else's, is null.
SELECT ecommerce.order_json(1, 5) IS NULL AS unknown, ecommerce.order_json(1, 40) IS NULL AS of_grace,
       ecommerce.order_json(99, 10) IS NULL AS of_nobody;

-- A cursor that is no order of the customer's is a mistake, not an empty page.
SELECT ecommerce.order_listing_json(1, 4, 5);
SELECT ecommerce.order_listing_json(1, 4, 40);
SELECT ecommerce.order_listing_json(1, 4, -9223372036854775808);
SELECT ecommerce.order_listing_json(99, 4, 10);
SELECT ecommerce.order_listing_json(99);
SELECT ecommerce.order_listing_json(1, status => 'shipped');
SELECT ecommerce.order_listing_json(1, status => '');

-- The ends of the range of ids are ids like any other.
INSERT INTO ecommerce.orders (customer_id, id, order_amount, currency, shipping_address) VALUES
    (3, -9223372036854775808, 0, 'USD', ''), (3, 0, 0, 'USD', ''), (3, 9223372036854775807, 0, 'USD', '');
SELECT pg_temp.ids(ecommerce.order_listing_json(3));
SELECT pg_temp.ids(ecommerce.order_listing_json(3, before_id => 9223372036854775807));
SELECT pg_temp.ids(ecommerce.order_listing_json(3, before_id => -9223372036854775808));
SELECT ecommerce.order_json(3, -9223372036854775808) -> 'id' AS id;

-- The dates are in the session's time zone, as the server's own JSON is.
SET TimeZone = 'Asia/Kolkata';
SELECT ecommerce.order_json(1, 10) -> 'order_date' AS order_date;
SET DateStyle = 'German, DMY';
SELECT ecommerce.order_json(1, 10) -> 'order_date' AS order_date;
RESET DateStyle;
SET TimeZone = 'UTC';

-- Listings are read in a read-only transaction too, see what the transaction that
-- calls them has done, and not what the statement that calls them does.
BEGIN READ ONLY;
SELECT pg_temp.ids(ecommerce.order_listing_json(2));
ROLLBACK;
BEGIN;
INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
SELECT 2, id, 1, 'order_returned', 'RETURNED', '' FROM unnest('{40, 80}'::bigint[]) AS id;
UPDATE ecommerce.orders SET order_status = 'RETURNED' WHERE id = 40;
SELECT pg_temp.ids(ecommerce.order_listing_json(2, status => 'RETURNED'));
WITH returned AS (UPDATE ecommerce.orders SET order_status = 'RETURNED' WHERE id = 80 RETURNING customer_id)
SELECT pg_temp.ids(ecommerce.order_listing_json(customer_id, status => 'RETURNED')) FROM returned;
SELECT pg_temp.ids(ecommerce.order_listing_json(2, status => 'RETURNED'));
ROLLBACK;

-- Above the workers of a parallel plan, whose limits on what a function may do
-- hold for the leader too.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT bool_or(line LIKE '%Gather%') AS is_parallel FROM pg_temp.plan_of('
    SELECT ecommerce.order_listing_json(id) FROM ecommerce.users WHERE name = ''Grace''') AS line;
SELECT pg_temp.ids(ecommerce.order_listing_json(id)), ecommerce.order_json(id, 40) -> 'id' AS id,
       ecommerce.cart_json(id) -> 'cart_amount' AS cart_amount
FROM ecommerce.users WHERE name = 'Grace';

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
