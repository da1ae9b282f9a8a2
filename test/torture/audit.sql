-- The books that the torture keeps beside the shop's, and what is wrong with the
-- shop's according to them. Run in a shop that has customers, products and stock.

CREATE SCHEMA audit;

-- Written in the transaction that changes the cart: what came in, or went out (below 0).
CREATE TABLE audit.ledger (user_id bigint, product_id bigint, quantity integer);

-- Written in the transaction that changes the stock, or the price.
CREATE TABLE audit.received (product_id bigint, quantity bigint);
CREATE TABLE audit.prices (product_id bigint, price numeric);

-- Written in the transaction that lets a promotion be used so many times more.
CREATE TABLE audit.granted (promotion_id bigint, uses bigint);

-- Written in the transaction that takes units back.
CREATE TABLE audit.returned (user_id bigint, order_id bigint, line_number integer,
    quantity integer, is_restocked boolean);

-- What does not change: how orders are charged.
CREATE TABLE audit.promotions AS
SELECT id, name, kind, value, customer_limit FROM ecommerce.promotions;
CREATE TABLE audit.taxes AS
SELECT tax_class, sum(rate) AS rate, bool_and(is_included) AS is_included
FROM ecommerce.tax_rates GROUP BY tax_class;
CREATE TABLE audit.classes AS SELECT id AS product_id, tax_class FROM ecommerce.products;
CREATE TABLE audit.shipped AS
SELECT user_id FROM ecommerce.carts WHERE shipping_code IS NOT NULL;
INSERT INTO audit.granted SELECT promotion_id, remaining FROM ecommerce.promotion_levels;

-- What the clients wrote down when they were answered. The kind is order, cancelled,
-- shipped, returned, lost (the connection), doubt (whether there is an order that had no key),
-- conflict (a 40001 that was to be expected), an SQLSTATE, or the code in the DETAIL where
-- that says more.
-- The level is that of the transactions' isolation.
CREATE TABLE audit.answers (kind text, user_id bigint, order_id bigint,
    idempotency_key text, order_amount numeric, replayed boolean, level text);
INSERT INTO audit.received SELECT product_id, quantity FROM ecommerce.stock_levels;
INSERT INTO audit.prices SELECT id, price FROM ecommerce.products;

-- Adds the products from first to last, each in a transaction of its own. These do not
-- wait for the disk: what a crash takes is gone from the cart and the ledger alike.
CREATE PROCEDURE audit.add(customer bigint, first integer, last integer, quantity integer)
LANGUAGE plpgsql AS $$
DECLARE
    product bigint;
BEGIN
    FOREACH product IN ARRAY
        ARRAY(SELECT generate_series(first, last, CASE WHEN last < first THEN -1 ELSE 1 END))
    LOOP
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM ecommerce.add_to_cart(customer, product, quantity);
        INSERT INTO audit.ledger VALUES (customer, product, quantity);
        COMMIT;
    END LOOP;
END $$;

-- Changes the items of these products to a quantity, 0 to take them out. Nobody else
-- changes an item between the look at its quantity and the change.
CREATE PROCEDURE audit.change(customer bigint, first integer, last integer, target integer)
LANGUAGE plpgsql AS $$
DECLARE
    present integer;
BEGIN
    FOR product IN first .. last LOOP
        PERFORM set_config('synchronous_commit', 'off', true);
        SELECT quantity INTO present FROM ecommerce.cart_items
        WHERE user_id = customer AND product_id = product FOR UPDATE;
        IF FOUND THEN
            PERFORM ecommerce.set_cart_item(customer, product, target);
            INSERT INTO audit.ledger VALUES (customer, product, target - present);
        END IF;
        COMMIT;
    END LOOP;
END $$;

-- A delivery of three products. It comes into bucket 0, and carts of bucket 1 have to draw on
-- that before long.
CREATE FUNCTION audit.receive(first bigint, units bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM ecommerce.receive_stock(ARRAY[first + 2, first + 1, first],
                                    array_fill(units::integer, ARRAY[3]));
    INSERT INTO audit.received SELECT generate_series(first, first + 2), units;
END $$;

-- Which products were split into how many tills, and how many they had had.
CREATE TABLE audit.splits (product_id bigint, before integer, after integer);

-- Splits a product, or puts it together again: only in a shop that knows of tills, which those
-- that are made wrong do not.
CREATE FUNCTION audit.split(product bigint, tills bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    IF current_setting('audit.splits', true) = 'on' THEN
        INSERT INTO audit.splits VALUES (product, ecommerce.split_stock(product, tills::integer), tills);
    END IF;
END $$;

-- Gives a cart some of the coupons, which are those of promotions 2 to 4, in either order.
CREATE FUNCTION audit.give_coupons(customer bigint, choice integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM ecommerce.set_cart_coupons(customer, ARRAY(
        SELECT code FROM ecommerce.promotions
        WHERE code IS NOT NULL AND (choice >> (id - 2)::integer) & 1 = 1
        ORDER BY CASE WHEN choice < 8 THEN id ELSE -id END));
END $$;

-- A customer whose order was refused gives up the coupons, and accepts the prices there are.
CREATE FUNCTION audit.give_in(customer bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    item ecommerce.cart_items;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM ecommerce.set_cart_coupons(customer, '{}');
    FOR item IN
        SELECT cart_items.* FROM ecommerce.cart_items JOIN ecommerce.products ON id = product_id
        WHERE user_id = customer AND price <> unit_price
        ORDER BY product_id FOR UPDATE OF cart_items
    LOOP
        PERFORM ecommerce.set_cart_item(customer, item.product_id, item.quantity);
    END LOOP;
END $$;

-- Lets a promotion be used more often: one with the function, the others with SQL, so that a
-- count that is wrong stays wrong.
CREATE FUNCTION audit.grant_uses(promotion bigint, units bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    raised bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT usage_limit + units INTO raised FROM ecommerce.promotions
    WHERE id = promotion FOR NO KEY UPDATE;
    IF raised IS NULL THEN
        RETURN;
    ELSIF promotion = 4 THEN
        PERFORM ecommerce.set_promotion_limit(promotion, raised);
    ELSE
        UPDATE ecommerce.promotions SET usage_limit = raised WHERE id = promotion;
        UPDATE ecommerce.promotion_levels SET remaining = remaining + units
        WHERE promotion_id = promotion;
    END IF;
    INSERT INTO audit.granted VALUES (promotion, units);
END $$;

-- Takes a unit or two of a line back, once, however often it is called with this choice.
CREATE FUNCTION audit.give_back(customer bigint, placed bigint, choice bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    line integer := 1 + choice / 4 % greatest(1, (SELECT count(*) FROM ecommerce.order_details
                                                   WHERE (customer_id, order_id) = (customer, placed)));
    units integer := 1 + choice / 2 % 2;
    restock boolean := choice % 2 = 0;
    answer jsonb := ecommerce.return_items(
        customer, placed, jsonb_build_array(jsonb_build_object('line', line, 'quantity', units)),
        restock, idempotency_key => choice::text);
BEGIN
    IF NOT (answer -> 'replayed')::boolean THEN
        INSERT INTO audit.returned VALUES (customer, placed, line, units, restock);
    END IF;
END $$;

CREATE FUNCTION audit.raise_price(product bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    raised numeric;
BEGIN
    UPDATE ecommerce.products SET price = price + 0.0001 WHERE id = product
    RETURNING price INTO raised;
    INSERT INTO audit.prices VALUES (product, raised);
END $$;

-- Written in the transaction that records it: money in, out, or about to go out.
CREATE TABLE audit.money (customer_id bigint, order_id bigint, kind text, reference text, amount numeric);

-- Tells something of the payment of an order, maybe again. Repeated, it is the same. Only a shop
-- that sells for money, which those that are made wrong do not.
CREATE FUNCTION audit.pay(customer bigint, placed bigint, drawn integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    choice integer := (ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 6, 6, 6, 7])[drawn];
    whole numeric;
    name text := format('%s of %s', (ARRAY[1, 2, 3, 3, 3, 6, 6, 6])[choice], placed);
    told text := (ARRAY['captured', 'captured', 'authorized', 'voided', 'captured', 'refund_requested',
                        'refunded', 'refund_failed'])[choice];
    paid jsonb;
BEGIN
    IF current_setting('audit.pays', true) IS DISTINCT FROM 'on' THEN
        RETURN;
    END IF;
    SELECT round(order_amount, 2) INTO whole FROM ecommerce.orders WHERE (customer_id, id) = (customer, placed);
    IF choice IN (2, 6, 7, 8) THEN
        whole := 0.50;
    END IF;
    IF choice = 6 THEN
        BEGIN
            paid := ecommerce.request_refund(customer, placed, name, whole, 'card');
        EXCEPTION WHEN SQLSTATE 'PT422' THEN
            IF SQLERRM <> 'reference is that of a refund that has failed' THEN
                RAISE;
            END IF;
            RETURN;
        END;
    ELSIF choice < 6 OR EXISTS (SELECT FROM ecommerce.order_payments WHERE customer_id = customer AND reference = name) THEN
        paid := ecommerce.record_payment(customer, placed, 'card', name, told, whole);
    END IF;
    IF NOT (paid -> 'replayed')::boolean THEN
        INSERT INTO audit.money VALUES (customer, placed, told, name, whole);
    END IF;
END $$;

-- How many of a customer's latest orders are listed with an amount that is not that of
-- their lines and charges.
CREATE FUNCTION audit.listed_wrong(customer bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*)
    FROM jsonb_array_elements(ecommerce.order_listing_json(customer, 20)) AS listed
    WHERE (listed->'order_amount')::numeric IS DISTINCT FROM
          (SELECT sum((line->'line_amount')::numeric)
           FROM jsonb_array_elements(listed->'order_details') AS line) +
          (SELECT coalesce(sum((adjustment->'amount')::numeric), 0)
           FROM jsonb_path_query(listed, '$.charges.adjustments[*] ? (@.is_included == false)')
                AS adjustment)
$$;

CREATE VIEW audit.violations (violation) AS
-- Each unit added is ordered, in the cart or removed.
SELECT format('customer %s, product %s: %s units %s between cart and orders', user_id,
              product_id, abs(sum(quantity)),
              CASE WHEN sum(quantity) > 0 THEN 'lost' ELSE 'doubled' END)
FROM (SELECT user_id, product_id, quantity FROM audit.ledger
      UNION ALL
      SELECT user_id, product_id, -quantity FROM ecommerce.cart_items
      UNION ALL
      SELECT customer_id, product_id, -quantity FROM ecommerce.order_details) AS units
GROUP BY user_id, product_id HAVING sum(quantity) <> 0
UNION ALL
-- Each unit received is in stock or in an order that stands.
SELECT format('product %s: %s units %s between stock and orders',
              product_id, abs(sum(quantity)),
              CASE WHEN sum(quantity) > 0 THEN 'lost' ELSE 'doubled' END)
FROM (SELECT product_id, quantity FROM audit.received
      UNION ALL
      SELECT product_id, -quantity FROM ecommerce.stock_levels
      UNION ALL
      SELECT line.product_id, -line.quantity
      FROM ecommerce.order_details AS line
      LEFT JOIN ecommerce.orders
           ON (orders.customer_id, orders.id) = (line.customer_id, line.order_id)
      WHERE order_status IS DISTINCT FROM 'CANCELLED'
      UNION ALL
      -- What came back is in stock again, or else gone for good.
      SELECT line.product_id, CASE WHEN order_status IS DISTINCT FROM 'CANCELLED' AND is_restocked
                                   THEN back.quantity
                                   WHEN order_status = 'CANCELLED' AND NOT is_restocked
                                   THEN -back.quantity ELSE 0 END
      FROM audit.returned AS back
      JOIN ecommerce.order_details AS line
           ON (line.customer_id, line.order_id, line.line_number)
              = (back.user_id, back.order_id, back.line_number)
      LEFT JOIN ecommerce.orders
           ON (orders.customer_id, orders.id) = (line.customer_id, line.order_id)) AS units
GROUP BY product_id HAVING sum(quantity) <> 0
UNION ALL
-- What came back is what was taken back, and no more than was sold.
SELECT format('order %s, line %s: %s of %s units were taken back, and %s came back',
              order_id, line_number, taken, sold, back)
FROM (SELECT customer_id, order_id, line_number, sum(sold) AS sold, sum(taken) AS taken,
             sum(back) AS back
      FROM (SELECT customer_id, order_id, line_number, quantity AS sold, 0 AS taken, 0 AS back
            FROM ecommerce.order_details
            UNION ALL
            SELECT user_id, order_id, line_number, 0, quantity, 0 FROM audit.returned
            UNION ALL
            SELECT customer_id, order_id, line_number, 0, 0, quantity
            FROM ecommerce.order_return_lines) AS units
      GROUP BY 1, 2, 3) AS line
WHERE taken <> back OR taken > sold
UNION ALL
-- Amounts are exact.
SELECT format('order %s: line %s has a wrong amount', order_id, line_number)
FROM ecommerce.order_details
LEFT JOIN audit.prices
     ON (prices.product_id, price) = (order_details.product_id, unit_price)
WHERE price IS NULL OR line_amount IS DISTINCT FROM round(price * quantity, 2)
UNION ALL
SELECT format('order %s: amount or lines are wrong', coalesce(id, line.order_id))
FROM ecommerce.orders
FULL JOIN (SELECT customer_id, order_id, sum(line_amount) AS amount, count(*) AS lines,
                  min(line_number) AS first, max(line_number) AS last,
                  count(DISTINCT product_id) AS products
           FROM ecommerce.order_details GROUP BY 1, 2) AS line
     ON (line.customer_id, order_id) = (orders.customer_id, id)
LEFT JOIN (SELECT customer_id, order_id, sum(amount) AS charged
           FROM ecommerce.order_adjustments WHERE NOT is_included GROUP BY 1, 2) AS charge
     ON (charge.customer_id, charge.order_id) = (orders.customer_id, id)
WHERE (order_amount, 1, lines, lines)
      IS DISTINCT FROM (amount + coalesce(charged, 0), first, last, products)
UNION ALL
-- A promotion takes off what it says of what the promotions before it have left, and the
-- lines have all of it.
SELECT format('order %s: promotion %s takes off %s of %s', order_id, promotion_id, -amount, base)
FROM (SELECT order_id, promotion_id, amount,
             items_amount + sum(amount) OVER earlier - amount AS base
      FROM ecommerce.order_adjustments AS adjustment
      JOIN ecommerce.orders
           ON (orders.customer_id, id) = (adjustment.customer_id, order_id)
      WHERE kind = 'discount'
      WINDOW earlier AS (PARTITION BY orders.customer_id, order_id ORDER BY adjustment_number))
     AS discount
LEFT JOIN audit.promotions ON id = promotion_id
WHERE -amount IS DISTINCT FROM CASE kind WHEN 'percent' THEN round(base * value / 100, 2)
                                         ELSE least(value, base) END
UNION ALL
SELECT format('order %s: its lines have %s of the discount %s', order_id, in_lines, -discount)
FROM (SELECT customer_id, order_id, sum(coalesce(discount_amount, 0)) AS in_lines
      FROM ecommerce.order_details GROUP BY 1, 2) AS line
FULL JOIN (SELECT customer_id, order_id, sum(amount) AS discount
           FROM ecommerce.order_adjustments WHERE kind = 'discount' GROUP BY 1, 2) AS charge
     USING (customer_id, order_id)
WHERE coalesce(in_lines, 0) + coalesce(discount, 0) <> 0
UNION ALL
-- Goods of 8.90 are shipped free.
SELECT format('order %s: shipping of %s costs %s', id, goods, shipping)
FROM ecommerce.orders
JOIN (SELECT customer_id, order_id, sum(line_amount - coalesce(discount_amount, 0)) AS goods
      FROM ecommerce.order_details GROUP BY 1, 2) AS line
     ON (line.customer_id, order_id) = (orders.customer_id, id)
LEFT JOIN (SELECT customer_id, order_id, sum(amount) AS shipping
           FROM ecommerce.order_adjustments WHERE kind = 'shipping' GROUP BY 1, 2) AS charge
     ON (charge.customer_id, charge.order_id) = (orders.customer_id, id)
WHERE shipping IS DISTINCT FROM CASE WHEN orders.customer_id IN (SELECT user_id FROM audit.shipped)
                                     THEN CASE WHEN goods < 8.90 THEN 4.90 ELSE 0 END END
UNION ALL
-- What is taxed alike is taxed together.
SELECT format('order %s: %s of the class %s is taxed %s', coalesce(order_id, taxed_order),
              base, tax_class, tax)
FROM (SELECT customer_id, order_id, tax_class, sum(amount) AS base
      FROM (SELECT customer_id, order_id, tax_class,
                   line_amount - coalesce(discount_amount, 0) AS amount
            FROM ecommerce.order_details JOIN audit.classes USING (product_id)
            UNION ALL
            SELECT customer_id, order_id, 'goods', amount
            FROM ecommerce.order_adjustments WHERE kind = 'shipping') AS part
      WHERE tax_class IS NOT NULL GROUP BY 1, 2, 3) AS taxable
JOIN audit.taxes USING (tax_class)
FULL JOIN (SELECT customer_id AS taxed_customer, order_id AS taxed_order, code,
                  sum(amount) AS tax
           FROM ecommerce.order_adjustments WHERE kind = 'tax' GROUP BY 1, 2, 3) AS charge
     ON (taxed_customer, taxed_order, code) = (customer_id, order_id, tax_class)
WHERE tax IS DISTINCT FROM round(base * rate / (100 + CASE WHEN is_included THEN rate ELSE 0 END),
                                 2)
UNION ALL
-- Each use that was granted remains, or is of an order that stands.
SELECT format('promotion %s: %s uses %s', promotion_id, abs(sum(uses)),
              CASE WHEN sum(uses) > 0 THEN 'lost' ELSE 'doubled' END)
FROM (SELECT promotion_id, uses FROM audit.granted
      UNION ALL
      SELECT promotion_id, -remaining FROM ecommerce.promotion_levels
      UNION ALL
      SELECT promotion_id, -1
      FROM ecommerce.order_adjustments AS adjustment
      JOIN ecommerce.orders ON (orders.customer_id, id) = (adjustment.customer_id, order_id)
      WHERE order_status <> 'CANCELLED'
            AND promotion_id IN (SELECT promotion_id FROM audit.granted)) AS uses
GROUP BY promotion_id HAVING sum(uses) <> 0
UNION ALL
SELECT format('customer %s: has used promotion %s %s times', orders.customer_id, promotion_id,
              count(*))
FROM ecommerce.order_adjustments AS adjustment
JOIN ecommerce.orders ON (orders.customer_id, orders.id) = (adjustment.customer_id, order_id)
JOIN audit.promotions ON promotions.id = promotion_id
WHERE order_status <> 'CANCELLED'
GROUP BY orders.customer_id, promotion_id, customer_limit HAVING count(*) > customer_limit
UNION ALL
-- Each change of an order is an event, once.
SELECT format('order %s: it is %s, and its events are %s', coalesce(id, order_id),
              order_status, events)
FROM ecommerce.orders
FULL JOIN (SELECT customer_id, order_id,
                  string_agg(event || ' ' || number, ', ' ORDER BY number) AS events
           FROM (SELECT *, event_number - count(*) FILTER (WHERE old_status = new_status)
                        OVER (PARTITION BY customer_id, order_id ORDER BY event_number) AS number
                 FROM ecommerce.order_events) AS event
           WHERE old_status IS DISTINCT FROM new_status GROUP BY 1, 2) AS history
     ON (history.customer_id, order_id) = (orders.customer_id, id)
WHERE events IS DISTINCT FROM
      'order_placed 1' || CASE order_status WHEN 'PROCESSING' THEN ''
                          WHEN 'RETURNED' THEN ', order_shipped 2, order_returned 3'
                          ELSE ', order_' || lower(order_status) || ' 2' END
UNION ALL
-- What is in the books is in the ledger, and in the balances: what came in is held or went out.
SELECT format('order %s: %s %s of %s is %s', coalesce(money.order_id, payment.order_id), kind, reference,
              money.amount, payment.amount)
FROM audit.money
FULL JOIN ecommerce.order_payments AS payment USING (customer_id, kind, reference)
WHERE (money.order_id, money.amount) IS DISTINCT FROM (payment.order_id, payment.amount)
UNION ALL
SELECT format('order %s: %s came in, %s went out, %s is about to; its balance has %s, %s, %s',
              coalesce(book.order_id, balance.order_id), came_in, went_out, is_about_to,
              paid_amount, refunded_amount, refund_pending_amount)
FROM (SELECT customer_id, order_id, coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0) AS came_in,
             coalesce(sum(amount) FILTER (WHERE kind = 'refunded' AND NOT failed), 0) AS went_out,
             coalesce(sum(amount) FILTER (WHERE kind = 'refund_requested' AND NOT settled), 0) AS is_about_to
      FROM (SELECT *, bool_or(kind = 'refund_failed') OVER same AS failed,
                   bool_or(kind IN ('refunded', 'refund_failed')) OVER same AS settled
            FROM audit.money WINDOW same AS (PARTITION BY customer_id, reference)) AS told
      GROUP BY 1, 2) AS book
FULL JOIN ecommerce.order_balances AS balance USING (customer_id, order_id)
WHERE (coalesce(came_in, 0), coalesce(went_out, 0), coalesce(is_about_to, 0))
      IS DISTINCT FROM (paid_amount, refunded_amount, refund_pending_amount)
UNION ALL
-- No order is unpaid and due that was paid, or is sent that has to be paid first and was not.
SELECT format('order %s: it is %s, and %s of %s was paid', id, order_status, paid_amount, order_amount)
FROM ecommerce.orders
JOIN ecommerce.order_balances USING (customer_id)
WHERE order_id = id AND payment_due_at IS NOT NULL
      AND (due_at IS NOT NULL AND (paid_amount > 0 OR order_status <> 'PROCESSING')
           OR order_status = 'SHIPPED' AND paid_amount < round(order_amount - returned_amount, 2)
              AND NOT EXISTS (SELECT FROM audit.money
                              WHERE money.order_id = id AND kind = 'authorized'))
UNION ALL
-- One order a key.
SELECT format('customer %s: key %s has %s orders', customer_id, idempotency_key, count(*))
FROM ecommerce.orders WHERE idempotency_key IS NOT NULL
GROUP BY customer_id, idempotency_key HAVING count(*) > 1
UNION ALL
-- What a client was told is so.
SELECT format('order %s: a client was told otherwise: %s', answers.order_id, answers)
FROM audit.answers
LEFT JOIN ecommerce.orders ON (customer_id, id) = (user_id, order_id)
WHERE kind = 'order'
      AND (answers.idempotency_key, answers.order_amount)
          IS DISTINCT FROM (orders.idempotency_key, orders.order_amount)
   OR kind IN ('cancelled', 'shipped') AND upper(kind) IS DISTINCT FROM
      CASE order_status WHEN 'RETURNED' THEN 'SHIPPED' ELSE order_status END
   OR kind = 'returned' AND NOT EXISTS (SELECT FROM audit.returned AS back
           WHERE (back.user_id, back.order_id) = (answers.user_id, answers.order_id))
   OR id IS NULL AND order_id IS NOT NULL
UNION ALL
SELECT format('order %s: %s clients were told that they placed it', order_id, count(*))
FROM audit.answers WHERE kind = 'order' AND NOT replayed
GROUP BY order_id HAVING count(*) > 1
UNION ALL
-- Nobody orders what no client knows of. A client that lost its connection, and had no
-- key to ask again with, is in doubt.
SELECT format('customer %s: nobody was told of %s orders', customer_id, count(*))
FROM ecommerce.orders
WHERE NOT EXISTS (SELECT FROM audit.answers
                  WHERE kind = 'order' AND (user_id, order_id) = (customer_id, id))
GROUP BY customer_id, idempotency_key
HAVING idempotency_key IS NOT NULL
    OR count(*) > (SELECT count(*) FROM audit.answers
                   WHERE kind = 'doubt' AND user_id = customer_id)
UNION ALL
-- The extension finds nothing that this does not.
SELECT format('%s', integrity) FROM ecommerce.order_integrity() AS integrity
WHERE invariant <> 'cancelled_order_holds_no_money'
UNION ALL
SELECT format('clients got %s errors %s', count(*), kind)
FROM audit.answers
WHERE kind NOT IN ('order', 'cancelled', 'shipped', 'returned', 'lost', 'doubt', 'conflict',
                   'PT404', 'PT409', 'coupon_not_applicable', 'stock_is_locked',
                   'promotion_exhausted')
GROUP BY kind;
