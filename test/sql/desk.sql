-- Staff find an order by its id or number, whoever ordered it, page through what is to be done,
-- and change where an order goes; what they said of a customer goes with erase_user().

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.users (id, name, email, shipping_address) VALUES
    (1, 'Ada', 'ada@example.com', '1 Main Street'), (2, 'Grace', NULL, '2 Side Street');
INSERT INTO ecommerce.products (id, name, price) VALUES (11, 'Pencil', 0.25), (12, 'Pen', 1.50);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000), (12, 1000);
ALTER TABLE ecommerce.orders ALTER number SET DEFAULT 'N' || currval('ecommerce.orders_id_seq') + 1000;
CREATE FUNCTION pg_temp.placed(customer bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT ecommerce.add_to_cart(customer, 12, 2), ecommerce.add_to_cart(customer, 11, 1);
    SELECT (ecommerce.place_order(customer) -> 'id')::bigint
$$;
SELECT count(pg_temp.placed(1 + n % 2)) AS placed FROM generate_series(1, 7) AS n;

-- The order is that of the listing.
SET request.jwt.claims = '{"sub": "clerk-7"}';
SELECT ecommerce.set_order_status(2, 1, 'SHIPPED', '{"tracking_number": "XY 1"}') -> 'order_status' AS status;
RESET request.jwt.claims;
SELECT jsonb_pretty(ecommerce.find_order(1) #- '{order,order_details}' #- '{order,order_date}'
                    #- '{events,0,created_at}' #- '{events,1,created_at}' #- '{events,0,actor}' #- '{events,1,actor}');
SELECT ecommerce.find_order(1) -> 'order' = ecommerce.order_json(2, 1) AS same,
       ecommerce.find_order(1) = ecommerce.find_order(number => 'N1001') AS same_by_number,
       ecommerce.find_order(1) #>> '{events,0,actor}' = current_user AS by_me,
       (ecommerce.find_order(1) #>> '{events,0,created_at}')::timestamptz <= now() AS has_time;
SELECT ecommerce.find_order(2) #>> '{customer,email}' AS email, ecommerce.find_order(2) #>> '{events,0,person}' AS person;
SELECT ecommerce.find_order(99) IS NULL AND ecommerce.find_order(number => 'n1001') IS NULL AS none;
SELECT ecommerce.find_order();
SELECT ecommerce.find_order(1, 'N1001');

-- A number that two orders have is told with both of them.
BEGIN;
ALTER TABLE ecommerce.orders ALTER number SET DEFAULT 'N1003';
SELECT pg_temp.placed(2) AS id;
SELECT ecommerce.find_order(number => 'N1003');
ROLLBACK;

-- A queue in pages: what is to be packed, what has another status, all, the newest.
CREATE FUNCTION pg_temp.ids(queue jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(entry #>> '{order,id}', left(entry #>> '{customer,name}', 1)), ' ' ORDER BY n)
      FROM jsonb_array_elements(queue) WITH ORDINALITY AS entries (entry, n)
$$;
SELECT ecommerce.set_order_status(1, 4, 'DELIVERED') -> 'order_status' AS picked_up,
       ecommerce.cancel_order(2, 3, 'staff') -> 'order_status' AS cancelled;
SELECT pg_temp.ids(ecommerce.order_queue()) AS processing,
       pg_temp.ids(ecommerce.order_queue(page_size => 2)) AS page,
       pg_temp.ids(ecommerce.order_queue(page_size => 2, after_id => 5)) AS next,
       pg_temp.ids(ecommerce.order_queue(after_id => 7)) AS none;
SELECT pg_temp.ids(ecommerce.order_queue(newest_first => true)) AS processing,
       pg_temp.ids(ecommerce.order_queue(newest_first => true, page_size => 2, after_id => 6)) AS next,
       pg_temp.ids(ecommerce.order_queue(NULL)) AS orders,
       pg_temp.ids(ecommerce.order_queue(NULL, 3, newest_first => true)) AS newest,
       pg_temp.ids(ecommerce.order_queue(NULL, 3, 5, true)) AS next;
SELECT status, pg_temp.ids(ecommerce.order_queue(status)) AS orders, pg_temp.ids(ecommerce.order_queue(status, newest_first => true)) AS newest
  FROM unnest('{SHIPPED,DELIVERED,CANCELLED,RETURNED}'::text[]) AS status;
SELECT ecommerce.order_queue('RETURNED') AS empty;
SELECT (SELECT jsonb_agg(entry -> 'order') FROM jsonb_array_elements(ecommerce.order_queue(NULL)) AS entry)
       = (SELECT jsonb_agg(ecommerce.order_json(customer_id, id) ORDER BY id) FROM ecommerce.orders) AS orders_are_those_of_the_listing,
       ecommerce.order_queue(page_size => 1) -> 0 -> 'customer' AS customer;
SELECT ecommerce.order_queue('shipped');
SELECT ecommerce.order_queue(page_size => 0);
SELECT ecommerce.order_queue(page_size => NULL);
SELECT ecommerce.order_queue(newest_first => NULL);

-- Of many orders, only those of the page are read: by the index of what is PROCESSING, or of ids.
BEGIN;
ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, order_status)
SELECT 1, 1, 'USD', 'Here', 'SHIPPED' FROM generate_series(1, 20000);
SELECT pg_temp.placed(1) - 20000 AS id;
ANALYZE ecommerce.orders;
CREATE FUNCTION pg_temp.pages(call text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    after bigint;
BEGIN
    PERFORM pg_stat_clear_snapshot(), pg_stat_force_next_flush();
    SELECT seq_tup_read + idx_tup_fetch INTO before FROM pg_stat_xact_user_tables WHERE relid = 'ecommerce.orders'::regclass;
    EXECUTE 'SELECT ' || call;
    SELECT seq_tup_read + idx_tup_fetch INTO after FROM pg_stat_xact_user_tables WHERE relid = 'ecommerce.orders'::regclass;
    RETURN after - before < 100;
END
$$;
SELECT pg_temp.pages('ecommerce.order_queue()') AS queue,
       pg_temp.pages('ecommerce.order_queue(newest_first => true)') AS newest_of_queue,
       pg_temp.pages('ecommerce.order_queue(NULL, 20, newest_first => true)') AS newest,
       pg_temp.pages('ecommerce.find_order(20000)') AS found,
       pg_temp.pages('ecommerce.order_queue(''RETURNED'')') AS and_a_status_without_an_index;
ROLLBACK;

-- Where an order goes, before it is sent: a text, or fields.
SELECT ecommerce.set_order_address(1, 2, '1a Main Street') -> 'shipping_address' AS shipping_address;
SELECT ecommerce.set_order_address(1, 2, '{"name": "Ada", "line1": "1b Main Street", "country": "GB"}') AS "order" \gset
SELECT :'order'::jsonb -> 'shipping_address' AS shipping_address, :'order'::jsonb -> 'address' AS address,
       :'order'::jsonb = ecommerce.order_json(1, 2) AS returns_the_order;
SELECT ecommerce.set_order_address(1, 2, '{"country": "GB", "line1": "1b Main Street", "name": "Ada"}') = :'order'::jsonb AS again;
SELECT event_number, event, old_status, new_status, payload FROM ecommerce.order_events WHERE order_id = 2 ORDER BY event_number;
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';

-- A customer the own order's, by the token.
SET request.jwt.claims = '{"user_id": 1, "sub": "ada-1"}';
SELECT ecommerce_api.set_order_address(2, '1c Main Street') -> 'shipping_address' AS shipping_address;
SELECT ecommerce_api.set_order_address(5, '1c Main Street');
RESET request.jwt.claims;
SELECT ecommerce.find_order(2) #>> '{events,3,person}' AS person;

-- What cannot be.
SELECT ecommerce.set_order_address(2, 1, '2a Side Street');
SELECT ecommerce.set_order_address(2, 1, '2 Side Street') -> 'shipping_address' AS it_goes_there_already;
SELECT ecommerce.set_order_address(2, 2, '2a Side Street');
SELECT ecommerce.set_order_address(9, 2, '2a Side Street');
SELECT ecommerce.set_order_address(1, 2, ' ');
SELECT ecommerce.set_order_address(1, 2, '{"zip": "1"}');
SELECT ecommerce.set_order_address(1, 2, '{"phone": "1"}');
SELECT ecommerce.set_order_address(1, 2, '{');
SELECT ecommerce.set_order_address(1, 2, NULL);

-- Nor another country or state, of which taxes and shipping were computed.
INSERT INTO ecommerce.tax_rates (tax_class, country, state, name, rate) VALUES ('x', 'US', 'CA', 'Sales tax', 7.25), ('x', 'US', 'NY', 'Sales tax', 4);
UPDATE ecommerce.products SET tax_class = 'x';
UPDATE ecommerce.users SET address = '{"line1": "1", "state": "ca", "country": "US"}' WHERE id = 1;
SELECT pg_temp.placed(1) AS id \gset
SELECT ecommerce.set_order_address(1, :id, '{"line1": "2", "state": "CA", "country": "US"}') -> 'shipping_address' AS shipping_address;
SELECT ecommerce.set_order_address(1, :id, '{"line1": "2", "state": "NY", "country": "US"}');
SELECT ecommerce.set_order_address(1, :id, '{"line1": "2", "state": "CA", "country": "CA"}');
SELECT ecommerce.set_order_address(1, :id, 'Elsewhere');

-- A user who is erased takes along what was said: persons, parcels, reasons, addresses before.
-- The reasons of cancellations are not theirs.
SELECT ecommerce.correct_order_status(1, 4, 'PROCESSING', 'Ada called') -> 'order_status' AS corrected,
       ecommerce.set_order_status(1, 4, 'SHIPPED', '{"tracking_number": "XY 2"}') -> 'order_status' AS shipped,
       ecommerce.cancel_order(1, 6, 'customer') -> 'order_status' AS cancelled;
SELECT ecommerce.erase_user(1);
SELECT event, payload, person, count(*) FROM ecommerce.order_events WHERE customer_id = 1 GROUP BY 1, 2, 3 ORDER BY 1;
SELECT event, payload, person FROM ecommerce.order_events WHERE customer_id = 2 AND event = 'order_shipped';
SELECT ecommerce.erase_user(1, true);
SELECT ecommerce.find_order(2) -> 'customer' AS customer, ecommerce.find_order(2) #> '{order,shipping_address}' AS shipping_address;
SELECT * FROM ecommerce.order_integrity() WHERE invariant <> 'sequence_is_not_behind_the_ids';

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
