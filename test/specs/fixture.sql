-- What every spec finds: a shop with two customers and three products, views of what came of a
-- permutation, and the work of the shop in steps, to do it wrong. README.md says how it is used.
--
-- This is the first setup of each spec, so it must not contain a closing brace.

-- A new shop in the place of the one that the permutation before has left. Ids are 1, 2 and 3,
-- in this order, and come from the sequences, as order_integrity() expects.
DROP SCHEMA IF EXISTS test, ecommerce_api, ecommerce CASCADE;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate();
CREATE SCHEMA test;

INSERT INTO ecommerce.users (name, email, shipping_address)
VALUES ('Ann', 'ann@example.com', 'Rome'), ('Ben', 'ben@example.com', 'Oslo');
INSERT INTO ecommerce.products (name, price) VALUES ('pen', 1.50), ('ink', 4.00), ('pad', 2.50);
INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 0 FROM ecommerce.products;

-- The books: how many units of each product customers want, and how many there should be.
-- Rows are only added to them, so that no session waits for another because of them.
CREATE TABLE test.products AS SELECT id, name FROM ecommerce.products;
CREATE TABLE test.books (product_id bigint, wanted bigint, supplied bigint);

CREATE FUNCTION test.by_product(pen integer, ink integer, pad integer)
RETURNS TABLE (product_id bigint, quantity integer)
LANGUAGE sql AS $$
    SELECT id, quantity FROM unnest(ARRAY[pen, ink, pad]) WITH ORDINALITY AS unit (quantity, id)
     WHERE quantity <> 0
$$;

-- Units that come into the stock, or leave it.
CREATE PROCEDURE test.supply(pen integer DEFAULT 0, ink integer DEFAULT 0,
                             pad integer DEFAULT 0)
LANGUAGE sql AS $$
    UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity + unit.quantity
      FROM test.by_product(pen, ink, pad) AS unit WHERE stock.product_id = unit.product_id;
    INSERT INTO test.books (product_id, supplied) SELECT * FROM test.by_product(pen, ink, pad);
$$;

-- The same with a bucket of its own, where there is none.
CREATE PROCEDURE test.supply_bucket(bucket bigint, pen integer DEFAULT 0, ink integer DEFAULT 0,
                                    pad integer DEFAULT 0)
LANGUAGE sql AS $$
    INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity)
    SELECT bucket, unit.* FROM test.by_product(pen, ink, pad) AS unit;
    INSERT INTO test.books (product_id, supplied) SELECT * FROM test.by_product(pen, ink, pad);
$$;

-- Units that a session is going to put into a cart.
CREATE PROCEDURE test.want(pen integer DEFAULT 0, ink integer DEFAULT 0,
                           pad integer DEFAULT 0)
LANGUAGE sql AS $$
    INSERT INTO test.books (product_id, wanted) SELECT * FROM test.by_product(pen, ink, pad);
$$;

-- Units that are in a cart from the start.
CREATE PROCEDURE test.fill_cart(customer bigint, pen integer DEFAULT 0, ink integer DEFAULT 0,
                                pad integer DEFAULT 0)
LANGUAGE sql AS $$
    INSERT INTO ecommerce.carts (user_id) VALUES (customer) ON CONFLICT DO NOTHING;
    INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)
    SELECT customer, * FROM test.by_product(pen, ink, pad);
    CALL test.want(pen, ink, pad);
$$;

-- Units that have been ordered before it begins.
CREATE PROCEDURE test.buy(customer bigint, pen integer DEFAULT 0, ink integer DEFAULT 0,
                          pad integer DEFAULT 0)
LANGUAGE sql AS $$
    CALL test.fill_cart(customer, pen, ink, pad);
    SELECT ecommerce.place_order(customer);
$$;

-- The same, of orders that should have been paid by now.
CREATE PROCEDURE test.buy_unpaid(customer bigint, pen integer DEFAULT 0, ink integer DEFAULT 0,
                                 pad integer DEFAULT 0)
LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT '2001-01-01';
    CALL test.buy(customer, pen, ink, pad);
    ALTER TABLE ecommerce.orders ALTER payment_due_at DROP DEFAULT;
END $$;

-- A product that is split; its tills are empty at first.
CREATE PROCEDURE test.split(product bigint, tills integer)
LANGUAGE sql AS $$
    SELECT ecommerce.split_stock(product, tills);
$$;

-- The till of a customer, as the code chooses it: of 4, Ann's is 2 and Ben's is 4.
CREATE FUNCTION test.till_of(customer bigint, tills integer) RETURNS integer
LANGUAGE sql AS $$
    SELECT CASE WHEN tills = 0 THEN 0 ELSE
               1 + mod(mod(hashint8extended(customer, 1) + 2 ^ 64::numeric, 2 ^ 64::numeric), tills)
           END::integer
$$;

CALL test.supply(pen => 10, ink => 10, pad => 10);

-- Units that a session takes out of carts or stock otherwise than by ordering, if it says so
-- with SET test.removes = 'yes'.
CREATE FUNCTION test.note_removal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF tg_table_name = 'cart_items' THEN
        INSERT INTO test.books (product_id, wanted) VALUES (old.product_id, -old.quantity);
    ELSE
        INSERT INTO test.books (product_id, supplied) VALUES (old.product_id, -old.quantity);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER note_removal AFTER DELETE ON ecommerce.cart_items FOR EACH ROW
    WHEN (current_setting('test.removes', true) = 'yes') EXECUTE FUNCTION test.note_removal();
CREATE TRIGGER note_removal AFTER DELETE ON ecommerce.stock_levels FOR EACH ROW
    WHEN (current_setting('test.removes', true) = 'yes') EXECUTE FUNCTION test.note_removal();

-- What came of it: the orders, and where the units are of each product that anything happened
-- to. What was cancelled is not ordered any more, nor wanted, unless it has been shipped all
-- the same. Cancelled units of a deleted product have been in stock again or not, so that
-- nothing can be said of them.
CREATE VIEW test.orders AS
SELECT users.name AS customer, order_status AS status, order_amount AS amount,
       string_agg(line.quantity || ' ' || line.product_name || ' at ' || line.unit_price, ', '
                  ORDER BY line.line_number) AS lines,
       order_amount - coalesce(sum(line.line_amount), 0) AS "amount not in lines",
       (SELECT string_agg(concat_ws(' for ', event, payload ->> 'reason'), ', '
                          ORDER BY event_number)
          FROM ecommerce.order_events AS event WHERE event.order_id = orders.id) AS events
  FROM ecommerce.orders
  JOIN ecommerce.users ON users.id = orders.customer_id
  LEFT JOIN ecommerce.order_details AS line ON line.order_id = orders.id
 GROUP BY users.name, orders.customer_id, orders.id
 ORDER BY orders.id;

CREATE VIEW test.units AS
SELECT name AS product, wanted - cancelled AS wanted, in_cart, ordered, supplied, in_stock,
       wanted - cancelled - in_cart - ordered AS "units lost or doubled",
       CASE WHEN cancelled = 0 OR EXISTS (SELECT FROM ecommerce.products WHERE id = product.id)
            THEN supplied - ordered - in_stock END AS "stock lost or oversold"
  FROM test.products AS product,
       LATERAL (SELECT coalesce(sum(wanted), 0) AS wanted, count(wanted) > 0 AS was_wanted,
                       coalesce(sum(supplied), 0) AS supplied
                  FROM test.books WHERE product_id = product.id) AS book,
       LATERAL (SELECT coalesce(sum(quantity), 0) AS in_cart
                  FROM ecommerce.cart_items WHERE product_id = product.id) AS cart,
       LATERAL (SELECT coalesce(sum(quantity) FILTER (WHERE counts), 0) AS ordered,
                       coalesce(sum(quantity) FILTER (WHERE NOT counts), 0) AS cancelled
                  FROM ecommerce.order_details AS line
                  JOIN ecommerce.orders ON orders.id = order_id,
                       LATERAL (SELECT order_status <> 'CANCELLED' OR EXISTS (
                                    SELECT FROM ecommerce.order_events AS event
                                     WHERE event.order_id = orders.id
                                       AND event = 'order_shipped') AS counts) AS history
                 WHERE product_id = product.id) AS line,
       LATERAL (SELECT coalesce(sum(quantity), 0) AS in_stock
                  FROM ecommerce.stock_levels WHERE product_id = product.id) AS stock
 WHERE was_wanted OR in_cart > 0 OR ordered > 0 OR in_stock <> supplied
 ORDER BY id;

-- Of products that a customer may have so many of, how many somebody has.
CREATE VIEW test.limits AS
SELECT products.name AS product, customer_limit, users.name AS customer, sum(quantity) AS ordered,
       greatest(sum(quantity) - customer_limit, 0) AS "units too many"
  FROM ecommerce.products
  JOIN ecommerce.order_details AS line ON line.product_id = products.id
  JOIN ecommerce.users ON users.id = line.customer_id
 WHERE customer_limit IS NOT NULL
 GROUP BY products.id, users.id ORDER BY products.id, users.id;
-- What is known of the payments of each order, and how much of it its balance has.
CREATE VIEW test.payments AS
SELECT users.name AS customer, order_status AS status, order_amount AS amount,
       string_agg(concat_ws(' ', kind, payment.amount), ', ' ORDER BY payment_number) AS ledger,
       paid_amount AS paid, refunded_amount AS refunded, refund_pending_amount AS pending,
       due_at IS NOT NULL AS is_due,
       paid_amount - coalesce(sum(payment.amount) FILTER (WHERE kind = 'captured'), 0) AS "money made up",
       greatest(refunded_amount + refund_pending_amount - paid_amount, 0) AS "refunded too much",
       CASE WHEN order_status = 'CANCELLED' THEN paid_amount - refunded_amount - refund_pending_amount
            END AS "held for nothing"
  FROM ecommerce.orders
  JOIN ecommerce.users ON users.id = orders.customer_id
  LEFT JOIN ecommerce.order_balances AS balance ON balance.order_id = orders.id
  LEFT JOIN ecommerce.order_payments AS payment ON payment.order_id = orders.id
 GROUP BY users.name, orders.customer_id, orders.id, balance.customer_id, balance.order_id
 ORDER BY orders.id;

CREATE VIEW test.buckets AS
SELECT name AS product, bucket, quantity
  FROM ecommerce.stock_levels JOIN test.products ON id = product_id
 WHERE product_id IN (SELECT product_id FROM ecommerce.stock_levels WHERE bucket <> 0)
 ORDER BY product_id, bucket;

CREATE VIEW test.tills AS
SELECT name AS product,
       string_agg(CASE till WHEN 0 THEN 'reserve' ELSE 'till ' || till END || ' ' || quantity, ', '
                  ORDER BY till) AS levels
  FROM ecommerce.stock_levels JOIN test.products ON id = product_id
 WHERE quantity > 0
   AND product_id IN (SELECT product_id FROM ecommerce.stock_levels WHERE till <> 0
                      UNION ALL SELECT id FROM ecommerce.products WHERE tills <> 0)
 GROUP BY product_id, name ORDER BY product_id;

-- What came back of the orders. What is out has been sold and is not in stock again; a unit that
-- was not to be sent is doubled if the order was sent before.
CREATE VIEW test.returned AS
SELECT name AS product, sold, returned, restocked, in_stock,
       greatest(returned - sold, 0) AS "returned more than sold",
       supplied - out - in_stock AS "stock lost or doubled", sent AS "sent and on the shelf"
  FROM test.products AS product,
       LATERAL (SELECT coalesce(sum(supplied), 0) AS supplied
                  FROM test.books WHERE product_id = product.id) AS book,
       LATERAL (SELECT coalesce(sum(quantity), 0) AS sold, coalesce(sum(line.returned), 0) AS returned,
                       coalesce(sum(line.restocked), 0) AS restocked, coalesce(sum(line.sent), 0) AS sent,
                       coalesce(sum(CASE WHEN order_status = 'CANCELLED' THEN line.returned
                                         ELSE quantity END - line.restocked), 0) AS out
                  FROM (SELECT line.quantity, order_status,
                               coalesce(sum(back.quantity), 0) AS returned,
                               coalesce(sum(back.quantity) FILTER (WHERE is_restocked), 0) AS restocked,
                               coalesce(sum(back.quantity) FILTER (WHERE reason = 'not sent'
                                   AND old_status <> 'PROCESSING'), 0) AS sent
                          FROM ecommerce.order_details AS line
                          JOIN ecommerce.orders ON orders.id = order_id
                          LEFT JOIN ecommerce.order_return_lines AS back USING (order_id, line_number)
                          LEFT JOIN ecommerce.order_returns USING (order_id, return_number)
                          LEFT JOIN ecommerce.order_events AS event
                            ON event.order_id = orders.id AND event = 'order_items_returned'
                           AND (payload -> 'return_number')::integer = return_number
                         WHERE product_id = product.id
                         GROUP BY line.order_id, line.line_number, line.quantity, order_status) AS line) AS line,
       LATERAL (SELECT coalesce(sum(quantity), 0) AS in_stock
                  FROM ecommerce.stock_levels WHERE product_id = product.id) AS stock
 WHERE sold > 0
 ORDER BY id;

-- What is kept of each customer.
CREATE VIEW test.customers AS
SELECT id, name, email, shipping_address AS address,
       (SELECT count(*) FROM ecommerce.carts WHERE user_id = users.id) AS carts,
       (SELECT coalesce(sum(quantity), 0)
          FROM ecommerce.cart_items WHERE user_id = users.id) AS in_cart,
       ARRAY(SELECT concat_ws(' ', order_amount, 'to', shipping_address,
                              'with ' || idempotency_key)
               FROM ecommerce.orders WHERE customer_id = users.id ORDER BY id) AS orders
  FROM ecommerce.users
 ORDER BY id;

-- What was listed.
CREATE TABLE test.listings (number serial, listing jsonb);

CREATE VIEW test.listed AS
SELECT number AS listing, order_amount AS amount, jsonb_array_length(order_details) AS lines,
       order_amount - line_amounts AS "amount not in lines"
  FROM test.listings,
       jsonb_to_recordset(listing)
           AS placed (id bigint, order_amount numeric, order_details jsonb),
       LATERAL (SELECT coalesce(sum((line -> 'line_amount')::numeric), 0) AS line_amounts
                  FROM jsonb_array_elements(order_details) AS line) AS line
 ORDER BY number, id DESC;

-- How two requests with the same key, 'key', were answered.
CREATE TABLE test.answers (order_id bigint);

CREATE FUNCTION test.note_answer(answer jsonb) RETURNS TABLE (amount numeric, replayed boolean)
LANGUAGE sql AS $$
    INSERT INTO test.answers VALUES ((answer -> 'id')::bigint);
    SELECT (answer -> 'order_amount')::numeric, (answer -> 'replayed')::boolean
$$;

CREATE VIEW test.requests AS
SELECT 2 - count(*) AS "requests without an order",
       (SELECT count(*) - 1 FROM ecommerce.orders WHERE idempotency_key = 'key')
           AS "orders too many"
  FROM test.answers JOIN ecommerce.orders ON id = order_id AND idempotency_key = 'key';

-- All rows of all tables, locked as firmly as rows can be, and the tables as by whoever writes.
CREATE FUNCTION test.lock_everything() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN SELECT oid FROM pg_class
                     WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
                     ORDER BY oid
    LOOP
        EXECUTE format('LOCK TABLE %s IN ROW EXCLUSIVE MODE', relation);
        EXECUTE format('SELECT FROM %s FOR UPDATE', relation);
    END LOOP;
END $$;

-- The server's message for 40001 depends on its version: where it does, the call is made here.
CREATE FUNCTION test.plain_40001(call text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
BEGIN
    EXECUTE 'SELECT ' || call INTO answer;
    RETURN answer;
EXCEPTION WHEN serialization_failure THEN
    RAISE serialization_failure;
END $$;

-- An error is told by its code and that of its DETAIL.
CREATE FUNCTION test.call(call text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    answer jsonb;
    state text;
    detail text;
BEGIN
    EXECUTE 'SELECT to_jsonb(' || call || ')' INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
    RAISE EXCEPTION USING
        ERRCODE = state, MESSAGE = concat_ws(' ', state, substring(detail FROM '"code": "(\w+)"'),
                                             substring(detail FROM '"reason": "(\w+)"'));
END $$;

-- Placing an order step by step, each of them a statement with a snapshot of its own. Right are:
--     'lock cart', 'take items', 'read products', 'take stock', 'write order'
-- The order is written with the products and the amount that were read, or else with what the
-- products are by then. A variable of a table's type would open that table, and wait for who
-- has locked it, before the first step: it is an array or a record instead.
CREATE FUNCTION test.write_order(customer bigint, items ecommerce.cart_items[],
                                 products ecommerce.products[], amount numeric) RETURNS numeric
LANGUAGE sql AS $$
    WITH line AS (
        SELECT id, name, price, quantity
          FROM unnest(items) AS item
          JOIN unnest(coalesce(products, ARRAY(
                   SELECT product FROM ecommerce.products AS product))) ON id = product_id
    ), placed AS (
        INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address)
        SELECT customer, coalesce(amount, sum(price * quantity)), 'USD', 'Rome' FROM line
        RETURNING *
    ), written AS (
        INSERT INTO ecommerce.order_details (customer_id, order_id, line_number,
               product_id, product_name, unit_price, quantity, line_amount)
        SELECT customer, placed.id, row_number() OVER (ORDER BY line.id),
               line.id, name, price, quantity, price * quantity
          FROM placed, line
    ), noted AS (
        INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, actor)
        SELECT customer, id, 1, 'order_placed', 'test' FROM placed
    )
    SELECT order_amount FROM placed
$$;

-- What is left of these levels when the items have been taken, of the own till and bucket first.
CREATE FUNCTION test.what_is_left(first_bucket bigint, items ecommerce.cart_items[],
                                  levels ecommerce.stock_levels[], own_till integer DEFAULT 0)
RETURNS ecommerce.stock_levels[]
LANGUAGE plpgsql AS $$
DECLARE
    item record;
    level ecommerce.stock_levels;
    missing bigint;
    taken bigint;
    remaining ecommerce.stock_levels[];
BEGIN
    FOR item IN SELECT * FROM unnest(items) LOOP
        missing := item.quantity;
        FOR level IN SELECT * FROM unnest(levels) WHERE product_id = item.product_id
                      ORDER BY till <> own_till, bucket <> first_bucket, bucket, till
        LOOP
            taken := least(missing, level.quantity);
            missing := missing - taken;
            level.quantity := level.quantity - taken;
            remaining := remaining || level;
        END LOOP;
        IF missing > 0 THEN
            RAISE EXCEPTION 'stock is insufficient';
        END IF;
    END LOOP;
    RETURN remaining;
END $$;

-- Where the step 'pause' waits for whoever has locked it, one session after the other.
CREATE TABLE test.paused ();

CREATE FUNCTION test.place_order(customer bigint, VARIADIC steps text[]) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
    step text;
    cart_bucket bigint := 0;
    own_till integer := 0;
    next_item record;
    items ecommerce.cart_items[];
    products ecommerce.products[];
    levels ecommerce.stock_levels[];
    amount numeric;
BEGIN
    FOREACH step IN ARRAY steps LOOP
        CASE step
        WHEN 'lock cart' THEN
            SELECT stock_bucket INTO cart_bucket FROM ecommerce.carts
             WHERE user_id = customer FOR NO KEY UPDATE;
        WHEN 'take items' THEN
            WITH taken AS (DELETE FROM ecommerce.cart_items AS taken WHERE user_id = customer
                           RETURNING taken)
            SELECT array_agg(taken ORDER BY (taken).created_at) INTO items FROM taken;
        WHEN 'read items' THEN
            items := ARRAY(SELECT present FROM ecommerce.cart_items AS present
                            WHERE user_id = customer);
        WHEN 'lock cart and read items' THEN
            WITH cart AS MATERIALIZED (
                SELECT user_id FROM ecommerce.carts WHERE user_id = customer FOR NO KEY UPDATE
            )
            SELECT array_agg(present) INTO items
              FROM cart JOIN ecommerce.cart_items AS present USING (user_id);
        WHEN 'empty cart' THEN
            DELETE FROM ecommerce.cart_items WHERE user_id = customer;

        WHEN 'read products' THEN
            products := ARRAY(SELECT product FROM ecommerce.products AS product
                                JOIN unnest(items) ON id = product_id);
        WHEN 'check products' THEN
            PERFORM FROM unnest(items) JOIN ecommerce.products ON id = product_id
              WHERE NOT is_active;
            IF FOUND THEN
                RAISE EXCEPTION 'product is not active';
            END IF;
        WHEN 'check limits' THEN
            PERFORM FROM unnest(items) AS item JOIN ecommerce.products ON id = product_id
              WHERE customer_limit < quantity + (
                    SELECT coalesce(sum(quantity), 0) FROM ecommerce.order_details AS line
                     WHERE line.customer_id = customer AND line.product_id = products.id);
            IF FOUND THEN
                RAISE EXCEPTION 'customer has too many';
            END IF;
        WHEN 'read active products' THEN
            products := ARRAY(SELECT product FROM ecommerce.products AS product
                                JOIN unnest(items) ON id = product_id WHERE is_active);
        WHEN 'compute amount' THEN
            SELECT sum(price * quantity) INTO amount
              FROM unnest(items) JOIN ecommerce.products ON id = product_id;

        WHEN 'check stock' THEN
            PERFORM FROM ecommerce.stock_levels AS stock
               JOIN unnest(items) AS item USING (product_id)
              WHERE stock.quantity < item.quantity;
            IF FOUND THEN
                RAISE EXCEPTION 'stock is insufficient';
            END IF;
        WHEN 'take stock' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity - item.quantity
              FROM unnest(items) AS item
             WHERE stock.bucket = cart_bucket AND stock.product_id = item.product_id;
        WHEN 'take stock in cart order' THEN
            FOR next_item IN SELECT * FROM unnest(items) LOOP
                UPDATE ecommerce.stock_levels SET quantity = quantity - next_item.quantity
                 WHERE product_id = next_item.product_id;
            END LOOP;
        WHEN 'read stock' THEN
            levels := ARRAY(SELECT level FROM ecommerce.stock_levels AS level
                              JOIN unnest(items) USING (product_id));
        WHEN 'write stock' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = level.quantity - item.quantity
              FROM unnest(items) AS item JOIN unnest(levels) AS level USING (product_id)
             WHERE stock.product_id = item.product_id;

        -- What is left of each level, of the own bucket first, when it has been taken.
        WHEN 'find stock of all buckets' THEN
            levels := test.what_is_left(cart_bucket, items, ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                  JOIN unnest(items) USING (product_id)));
        WHEN 'lock own bucket' THEN
            levels := ARRAY(SELECT level FROM ecommerce.stock_levels AS level
                             WHERE bucket = cart_bucket
                               AND product_id IN (SELECT product_id FROM unnest(items))
                             ORDER BY product_id FOR NO KEY UPDATE);
        WHEN 'lock other buckets' THEN
            levels := test.what_is_left(cart_bucket, items, levels || ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                 WHERE bucket <> cart_bucket
                   AND product_id IN (SELECT product_id FROM unnest(items))
                 ORDER BY product_id, bucket FOR NO KEY UPDATE));
        WHEN 'lock other buckets that are free' THEN
            levels := test.what_is_left(cart_bucket, items, levels || ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                 WHERE bucket <> cart_bucket
                   AND product_id IN (SELECT product_id FROM unnest(items))
                 ORDER BY product_id, bucket FOR NO KEY UPDATE SKIP LOCKED));
        WHEN 'write stock of all buckets' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = level.quantity
              FROM unnest(levels) AS level
             WHERE (stock.product_id, stock.bucket, stock.till)
                   = (level.product_id, level.bucket, level.till);

        -- The same of one product that is split: its till, its reserve, its other tills.
        WHEN 'read till' THEN
            own_till := (SELECT test.till_of(customer, tills) FROM ecommerce.products
                           JOIN unnest(items) ON id = product_id);
        WHEN 'take at till' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity - item.quantity
              FROM unnest(items) AS item
             WHERE stock.product_id = item.product_id AND stock.till = own_till;
        WHEN 'find stock of till and reserve' THEN
            levels := test.what_is_left(cart_bucket, items, ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                  JOIN unnest(items) USING (product_id) WHERE level.till IN (0, own_till)), own_till);
        WHEN 'lock till' THEN
            levels := levels || ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                 WHERE product_id IN (SELECT product_id FROM unnest(items)) AND level.till = own_till
                   FOR NO KEY UPDATE);
        WHEN 'lock reserve' THEN
            levels := levels || ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                 WHERE product_id IN (SELECT product_id FROM unnest(items)) AND level.till = 0
                   FOR NO KEY UPDATE);
        WHEN 'lock other tills' THEN
            levels := levels || ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                 WHERE product_id IN (SELECT product_id FROM unnest(items))
                   AND level.till NOT IN (0, own_till)
                 ORDER BY till FOR NO KEY UPDATE);
        WHEN 'lock other tills that are free' THEN
            levels := levels || ARRAY(
                SELECT level FROM ecommerce.stock_levels AS level
                 WHERE product_id IN (SELECT product_id FROM unnest(items))
                   AND level.till NOT IN (0, own_till)
                 ORDER BY till FOR NO KEY UPDATE SKIP LOCKED);
        WHEN 'find what is left' THEN
            levels := test.what_is_left(cart_bucket, items, levels, own_till);

        WHEN 'pause' THEN
            LOCK test.paused IN SHARE ROW EXCLUSIVE MODE;

        WHEN 'write order' THEN
            amount := test.write_order(customer, items, products, amount);
        WHEN 'write order, whatever happens' THEN
            BEGIN
                amount := test.write_order(customer, items, products, amount);
            EXCEPTION WHEN OTHERS THEN
                NULL;
            END;
        END CASE;
    END LOOP;
    RETURN amount;
END $$;

-- Changing the status of an order step by step. Right are, to cancel it:
--     'lock order', 'check status', 'return stock', 'write status'
-- The number of an event, for which no session waits.
CREATE SEQUENCE test.event_numbers START 2;

-- The argument items of return_items(), of one line.
CREATE FUNCTION test.items(line integer, quantity integer) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('line', line, 'quantity', quantity))
$$;

-- A return of an order's first line, in steps. Right are:
--     'lock order', 'check status', 'check quantity', 'restock', 'write return'
-- With a key, 'find key' comes behind the lock, and ends it if there is one.
CREATE FUNCTION test.return_items(changed bigint, units integer, restocked boolean, key text,
                                  VARIADIC steps text[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    step text;
    returned bigint;
    new_number integer;
BEGIN
    FOREACH step IN ARRAY steps LOOP
        CASE step
        WHEN 'lock order' THEN
            PERFORM FROM ecommerce.orders WHERE id = changed FOR NO KEY UPDATE;
        WHEN 'find key' THEN
            PERFORM FROM ecommerce.order_returns WHERE order_id = changed AND idempotency_key = key;
            IF FOUND THEN
                RETURN 0;
            END IF;
        WHEN 'check status' THEN
            PERFORM FROM ecommerce.orders WHERE id = changed AND order_status <> 'CANCELLED';
            IF NOT FOUND THEN
                RAISE EXCEPTION 'order is cancelled';
            END IF;
        WHEN 'check quantity' THEN
            PERFORM FROM ecommerce.order_details AS line
              WHERE order_id = changed AND line_number = 1
                AND quantity - units >= (SELECT coalesce(sum(quantity), 0)
                                           FROM ecommerce.order_return_lines AS back
                                          WHERE back.order_id = changed AND back.line_number = 1);
            IF NOT FOUND THEN
                RAISE EXCEPTION 'more units than are left';
            END IF;
        WHEN 'restock' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity + units
              FROM ecommerce.order_details AS line
             WHERE order_id = changed AND line_number = 1 AND stock.product_id = line.product_id;
        WHEN 'write return' THEN
            new_number := nextval('test.event_numbers');
            INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount,
                                                 is_restocked, idempotency_key, actor)
            SELECT customer_id, id, new_number, 0, restocked, key, 'test'
              FROM ecommerce.orders WHERE id = changed;
            INSERT INTO ecommerce.order_return_lines (customer_id, order_id, return_number,
                                                      line_number, quantity, amount)
            SELECT customer_id, id, new_number, 1, units, 0 FROM ecommerce.orders WHERE id = changed;
        END CASE;
    END LOOP;
    RETURN units;
END $$;

CREATE FUNCTION test.change_status(changed bigint, new_status text, reason text,
                                   VARIADIC steps text[]) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    step text;
    next_line record;
    levels ecommerce.stock_levels[];
BEGIN
    FOREACH step IN ARRAY steps LOOP
        CASE step
        WHEN 'lock order' THEN
            PERFORM FROM ecommerce.orders WHERE id = changed FOR NO KEY UPDATE;
        WHEN 'check status' THEN
            PERFORM FROM ecommerce.orders WHERE id = changed AND order_status = 'PROCESSING';
            IF NOT FOUND THEN
                RAISE EXCEPTION 'order is not processing';
            END IF;

        WHEN 'return stock' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity + line.quantity
              FROM ecommerce.order_details AS line
             WHERE order_id = changed AND stock.product_id = line.product_id;
        WHEN 'return stock from the last line' THEN
            FOR next_line IN SELECT * FROM ecommerce.order_details WHERE order_id = changed
                         ORDER BY line_number DESC
            LOOP
                UPDATE ecommerce.stock_levels SET quantity = quantity + next_line.quantity
                 WHERE product_id = next_line.product_id;
            END LOOP;
        WHEN 'return stock of the products there are' THEN
            INSERT INTO ecommerce.stock_levels AS stock (product_id, quantity)
            SELECT product_id, quantity
              FROM ecommerce.order_details JOIN ecommerce.products ON id = product_id
             WHERE order_id = changed ORDER BY product_id
                ON CONFLICT (product_id, bucket, till)
                DO UPDATE SET quantity = stock.quantity + excluded.quantity;
        WHEN 'read stock' THEN
            levels := ARRAY(SELECT level FROM ecommerce.stock_levels AS level);
        WHEN 'write stock' THEN
            UPDATE ecommerce.stock_levels AS stock SET quantity = level.quantity + line.quantity
              FROM ecommerce.order_details AS line
              JOIN unnest(levels) AS level USING (product_id)
             WHERE order_id = changed AND stock.product_id = line.product_id;

        WHEN 'write status' THEN
            INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event,
                                                old_status, new_status, payload, actor)
            SELECT customer_id, id, nextval('test.event_numbers'),
                   'order_' || lower(new_status), 'PROCESSING', new_status,
                   jsonb_build_object('reason', reason), 'test'
              FROM ecommerce.orders WHERE id = changed;
            UPDATE ecommerce.orders SET order_status = new_status WHERE id = changed;
        END CASE;
    END LOOP;
    RETURN new_status;
END $$;

-- What workers were given of the outbox: which events, in sequence, and whether an earlier one
-- of the same order was unacknowledged then. A worker notes it in the transaction in which it
-- took the events, and so never was given what it rolls back.
CREATE TABLE test.given (number serial, worker text, event_id bigint, too_early boolean);
CREATE TABLE test.expired (event_id bigint);

CREATE FUNCTION test.note_events(worker text, events jsonb)
RETURNS TABLE (id bigint, event text, of_order bigint, attempt integer)
LANGUAGE sql AS $$
    INSERT INTO test.given (worker, event_id, too_early)
    SELECT worker, id, EXISTS (
               SELECT FROM ecommerce.order_events AS earlier
                WHERE earlier.order_id = taken.order_id AND earlier.id < taken.id
                  AND delivered_at IS NULL)
      FROM jsonb_to_recordset(events) AS taken (id bigint, order_id bigint);
    SELECT * FROM jsonb_to_recordset(events)
        AS taken (id bigint, event text, order_id bigint, attempt integer)
$$;

CREATE FUNCTION test.acknowledge(given_to text) RETURNS integer
LANGUAGE sql AS $$
    SELECT ecommerce.acknowledge_order_events(
        ARRAY(SELECT event_id FROM test.given WHERE worker = given_to ORDER BY event_id DESC))
$$;

-- All leases run out.
CREATE PROCEDURE test.expire_leases()
LANGUAGE sql AS $$
    WITH expired AS (
        UPDATE ecommerce.order_events SET taken_until = now() - interval '1 second'
         WHERE taken_until > now() RETURNING id
    )
    INSERT INTO test.expired SELECT id FROM expired
$$;

CREATE VIEW test.events AS
SELECT id, event, order_id AS of_order, attempts, delivered_at IS NOT NULL AS delivered,
       given_to, greatest(given - leases, 0) AS "given twice", too_early AS "given too early"
  FROM ecommerce.order_events AS event,
       LATERAL (SELECT string_agg(worker, ', ' ORDER BY number) AS given_to, count(*) AS given,
                       bool_or(too_early) AS too_early
                  FROM test.given WHERE event_id = id) AS given,
       LATERAL (SELECT 1 + count(*) AS leases FROM test.expired WHERE event_id = id) AS lease
 ORDER BY id;

-- Taking events step by step. Right are, in one statement:
--     'lock and read', 'lease'
CREATE TABLE test.cursor AS SELECT 0 AS last_id;

CREATE FUNCTION test.take_events(max integer, VARIADIC steps text[]) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    step text;
    events ecommerce.order_events[];
BEGIN
    FOREACH step IN ARRAY steps LOOP
        CASE step
        WHEN 'lock and read' THEN
            events := ARRAY(SELECT outstanding FROM ecommerce.order_events AS outstanding
                             WHERE delivered_at IS NULL
                             ORDER BY id LIMIT max FOR NO KEY UPDATE SKIP LOCKED);
        WHEN 'read' THEN
            events := ARRAY(SELECT outstanding FROM ecommerce.order_events AS outstanding
                             WHERE delivered_at IS NULL
                               AND (taken_until IS NULL OR taken_until <= now())
                             ORDER BY id LIMIT max);
        WHEN 'read after the last' THEN
            events := ARRAY(SELECT outstanding
                              FROM ecommerce.order_events AS outstanding, test.cursor
                             WHERE id > last_id ORDER BY id LIMIT max);
        WHEN 'read customers' THEN
            PERFORM FROM ecommerce.users;
        WHEN 'lock' THEN
            events := ARRAY(SELECT outstanding FROM ecommerce.order_events AS outstanding
                             WHERE id IN (SELECT id FROM unnest(events)) AND delivered_at IS NULL
                             ORDER BY id FOR NO KEY UPDATE SKIP LOCKED);
        WHEN 'lease' THEN
            UPDATE ecommerce.order_events AS event
               SET attempts = event.attempts + 1, taken_until = now() + interval '5 minutes'
              FROM unnest(events) AS taken WHERE event.id = taken.id;
        WHEN 'note the last' THEN
            UPDATE test.cursor
               SET last_id = greatest(last_id, (SELECT max(id) FROM unnest(events)));
        END CASE;
    END LOOP;
    RETURN to_jsonb(events);
END $$;

-- A promotion of 1.00 off, of a coupon or, without a code, for everybody.
CREATE PROCEDURE test.promote(code text, usage_limit bigint DEFAULT NULL,
                              customer_limit integer DEFAULT NULL)
LANGUAGE sql AS $$
    INSERT INTO ecommerce.promotions (code, name, kind, value, currency, usage_limit,
                                      customer_limit)
    VALUES (code, coalesce(code, 'sale'), 'amount', 1, 'USD', usage_limit, customer_limit);
    INSERT INTO ecommerce.promotion_levels (promotion_id, remaining)
    SELECT currval('ecommerce.promotions_id_seq'), usage_limit WHERE usage_limit IS NOT NULL;
$$;

CREATE PROCEDURE test.give_coupons(customer bigint, VARIADIC codes text[])
LANGUAGE sql AS $$
    UPDATE ecommerce.carts SET coupons = codes WHERE user_id = customer;
$$;

-- What the orders cost.
CREATE VIEW test.bills AS
SELECT users.name AS customer, order_status AS status, items_amount AS goods, charges,
       order_amount AS amount,
       order_amount - line_amounts - coalesce(charged, 0) AS "amount not in charges"
  FROM ecommerce.orders
  JOIN ecommerce.users ON users.id = orders.customer_id,
       LATERAL (SELECT sum(line_amount) AS line_amounts
                  FROM ecommerce.order_details WHERE order_id = orders.id) AS line,
       LATERAL (SELECT string_agg(concat_ws(' ', coalesce(code, name), amount), ', '
                                  ORDER BY adjustment_number) AS charges,
                       sum(amount) FILTER (WHERE NOT is_included) AS charged
                  FROM ecommerce.order_adjustments WHERE order_id = orders.id) AS charge
 ORDER BY orders.id;

-- Who has used which promotion, and whether that is what has been counted.
CREATE VIEW test.promotions AS
SELECT name AS promotion, usage_limit, remaining, customers AS used_by,
       usage_limit - remaining - uses AS "uses lost or doubled",
       greatest(of_one_customer - customer_limit, 0) AS "uses too many of a customer"
  FROM ecommerce.promotions AS promotion
  LEFT JOIN ecommerce.promotion_levels ON promotion_id = promotion.id,
       LATERAL (SELECT coalesce(sum(uses), 0) AS uses, max(uses) AS of_one_customer,
                       string_agg(name, ', ' ORDER BY customer_id) AS customers
                  FROM (SELECT customer_id, users.name, count(*) AS uses
                          FROM ecommerce.order_adjustments AS adjustment
                          JOIN ecommerce.orders USING (customer_id)
                          JOIN ecommerce.users ON users.id = customer_id
                         WHERE orders.id = order_id AND order_status <> 'CANCELLED'
                           AND adjustment.promotion_id = promotion.id
                         GROUP BY customer_id, users.name) AS customer) AS used
 ORDER BY promotion.id;

-- Placing an order with promotions that test.promote() has made, step by step. Right are:
--     'lock cart', 'read coupons', 'count own uses', 'lock uses', 'check uses', 'take uses',
--     'write order'
CREATE FUNCTION test.place_with_promotions(customer bigint, VARIADIC steps text[])
RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
    step text;
    ids bigint[];
    next_id bigint;
    levels ecommerce.promotion_levels[];
    amount numeric;
BEGIN
    FOREACH step IN ARRAY steps LOOP
        CASE step
        WHEN 'lock cart' THEN
            PERFORM FROM ecommerce.carts WHERE user_id = customer FOR NO KEY UPDATE;
        WHEN 'read coupons' THEN
            ids := ARRAY(SELECT id FROM ecommerce.carts,
                                LATERAL unnest(coupons) WITH ORDINALITY AS coupon (code, place)
                           JOIN ecommerce.promotions USING (code)
                          WHERE user_id = customer ORDER BY place);
        WHEN 'read automatic promotions' THEN
            ids := ARRAY(SELECT id FROM ecommerce.promotions
                           LEFT JOIN ecommerce.promotion_levels ON promotion_id = id
                          WHERE code IS NULL AND coalesce(remaining, 1) > 0);
        WHEN 'count own uses' THEN
            PERFORM FROM ecommerce.promotions
              WHERE promotions.id = ANY (ids)
                AND customer_limit <= (
                    SELECT count(*) FROM ecommerce.order_adjustments
                     WHERE customer_id = customer AND promotion_id = promotions.id);
            IF FOUND THEN
                RAISE EXCEPTION 'coupon was used by the customer';
            END IF;

        WHEN 'lock uses' THEN
            PERFORM FROM ecommerce.promotion_levels WHERE promotion_id = ANY (ids)
              ORDER BY promotion_id FOR NO KEY UPDATE;
        WHEN 'check uses' THEN
            PERFORM FROM ecommerce.promotion_levels
              WHERE promotion_id = ANY (ids) AND remaining <= 0;
            IF FOUND THEN
                RAISE EXCEPTION 'coupon is exhausted';
            END IF;
        WHEN 'take uses' THEN
            UPDATE ecommerce.promotion_levels SET remaining = remaining - 1
             WHERE promotion_id = ANY (ids);
        WHEN 'take uses in cart order' THEN
            FOREACH next_id IN ARRAY ids LOOP
                UPDATE ecommerce.promotion_levels SET remaining = remaining - 1
                 WHERE promotion_id = next_id;
            END LOOP;
        WHEN 'take uses if there are any' THEN
            UPDATE ecommerce.promotion_levels SET remaining = remaining - 1
             WHERE promotion_id = ANY (ids) AND remaining > 0;
        WHEN 'read uses' THEN
            levels := ARRAY(SELECT level FROM ecommerce.promotion_levels AS level
                             WHERE promotion_id = ANY (ids));
        WHEN 'write uses' THEN
            UPDATE ecommerce.promotion_levels AS level SET remaining = read.remaining - 1
              FROM unnest(levels) AS read WHERE level.promotion_id = read.promotion_id;

        WHEN 'write order' THEN
            WITH taken AS (
                DELETE FROM ecommerce.cart_items WHERE user_id = customer
                RETURNING product_id, quantity
            ), line AS (
                SELECT id, name, price, quantity FROM taken
                  JOIN ecommerce.products ON id = product_id
            ), placed AS (
                INSERT INTO ecommerce.orders (customer_id, order_amount, currency,
                                              shipping_address, items_amount)
                SELECT customer, sum(price * quantity) - cardinality(ids), 'USD', 'Rome',
                       sum(price * quantity)
                  FROM line
                RETURNING *
            ), written AS (
                INSERT INTO ecommerce.order_details (customer_id, order_id, line_number,
                       product_id, product_name, unit_price, quantity, line_amount)
                SELECT customer, placed.id, row_number() OVER (ORDER BY line.id),
                       line.id, name, price, quantity, price * quantity
                  FROM placed, line
            ), charged AS (
                INSERT INTO ecommerce.order_adjustments (customer_id, order_id,
                       adjustment_number, kind, code, name, promotion_id, amount)
                SELECT customer, placed.id, row_number() OVER (ORDER BY promotions.id),
                       'discount', code, name, promotions.id, -value
                  FROM placed, ecommerce.promotions WHERE promotions.id = ANY (ids)
            ), noted AS (
                INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event,
                                                    new_status, actor)
                SELECT customer, id, 1, 'order_placed', 'PROCESSING', 'test' FROM placed
            ), emptied AS (
                UPDATE ecommerce.stock_levels AS stock
                   SET quantity = stock.quantity - taken.quantity
                  FROM taken WHERE stock.product_id = taken.product_id
            )
            SELECT order_amount INTO amount FROM placed;
        END CASE;
    END LOOP;
    RETURN amount;
END $$;
