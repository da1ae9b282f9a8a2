-- Ends with an error unless peers return what they are compared with.

\set ON_ERROR_STOP on

CREATE TEMPORARY TABLE documents (ours jsonb, theirs jsonb);

-- The queries come as variables, with "buyer" for their parameter.
INSERT INTO documents
SELECT ecommerce.order_listing_json(buyer), peer
  FROM unnest(ARRAY[1000001, 1000010, 1001000]) AS buyer,
       LATERAL (VALUES ((:listing_jsonb)), ((:listing_json)::jsonb), (bench.order_listing_as_json(buyer)::jsonb)) AS peers (peer);

-- The same carts once for each way to place an order, with the same order id.
BEGIN;
SELECT user_id AS buyer FROM ecommerce.cart_items GROUP BY 1 HAVING count(*) = 5 LIMIT 1 \gset
SELECT last_value AS last_order FROM ecommerce.orders_id_seq \gset
SAVEPOINT cart;
SELECT ecommerce.place_order(:buyer) AS place_order \gset
ROLLBACK TO cart;
SELECT setval('ecommerce.orders_id_seq', :last_order) \g /dev/null
SELECT bench.place_order_by_sets(:buyer) AS sets \gset
ROLLBACK TO cart;
SELECT setval('ecommerce.orders_id_seq', :last_order) \g /dev/null
SELECT bench.place_order_by_rows(:buyer) AS rows \gset
ROLLBACK TO cart;
SELECT setval('ecommerce.orders_id_seq', :last_order) \g /dev/null
SELECT bench.place_order_as_json(:buyer) AS as_json \gset
ROLLBACK TO cart;
INSERT INTO documents VALUES (:'place_order', :'sets'), (:'place_order', :'rows'), (:'place_order', :'as_json');
COMMIT;

DO $$
BEGIN
    IF EXISTS (SELECT FROM documents WHERE ours IS DISTINCT FROM theirs OR ours::text <> theirs::text) THEN
        RAISE EXCEPTION 'a peer returns another document'
            USING DETAIL = (SELECT format(E'%s\n%s', ours, theirs) FROM documents WHERE ours IS DISTINCT FROM theirs LIMIT 1);
    END IF;
END
$$;
