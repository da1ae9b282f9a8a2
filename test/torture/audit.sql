-- The books that the torture keeps beside the shop's, and what is wrong with the
-- shop's according to them. Run in a shop that has customers, products and stock.

CREATE SCHEMA audit;

-- Written in the transaction that changes the cart: what came in, or went out (below 0).
CREATE TABLE audit.ledger (user_id bigint, product_id bigint, quantity integer);

-- Written in the transaction that changes the stock, or the price.
CREATE TABLE audit.received (bucket integer, product_id bigint, quantity bigint);
CREATE TABLE audit.prices (product_id bigint, price numeric);

-- What the clients wrote down when they were answered. The kind is order, cancelled,
-- shipped, lost (the connection), doubt (whether there is an order that had no key),
-- conflict (a 40001 that was to be expected) or an SQLSTATE. PT422 is that of a key whose
-- order, placed meanwhile, has another amount than the cart that was shown.
-- The level is that of the transactions' isolation.
CREATE TABLE audit.answers (kind text, user_id bigint, order_id bigint,
    idempotency_key text, order_amount numeric, replayed boolean, level text);
INSERT INTO audit.received SELECT bucket, product_id, quantity FROM ecommerce.stock_levels;
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

CREATE FUNCTION audit.receive(product bigint, units bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE ecommerce.stock_levels SET quantity = quantity + units
    WHERE bucket = 0 AND product_id = product;
    UPDATE ecommerce.stock_levels SET quantity = quantity + units / 2
    WHERE bucket = 1 AND product_id = product;
    INSERT INTO audit.received VALUES (0, product, units), (1, product, units / 2);
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

-- How many of a customer's latest orders are listed with an amount that is not that of
-- their lines.
CREATE FUNCTION audit.listed_wrong(customer bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*)
    FROM jsonb_array_elements(ecommerce.order_listing_json(customer, 20)) AS listed
    WHERE (listed->'order_amount')::numeric IS DISTINCT FROM
          (SELECT sum((line->'line_amount')::numeric)
           FROM jsonb_array_elements(listed->'order_details') AS line)
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
-- Each unit received is in stock or in an order that stands; one that is cancelled puts all
-- of its units into one bucket, wherever they came from.
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
      WHERE order_status IS DISTINCT FROM 'CANCELLED') AS units
GROUP BY product_id HAVING sum(quantity) <> 0
UNION ALL
-- Amounts are exact, and rounded once.
SELECT format('order %s: line %s has a wrong amount', order_id, line_number)
FROM ecommerce.order_details
LEFT JOIN audit.prices
     ON (prices.product_id, price) = (order_details.product_id, unit_price)
WHERE price IS NULL OR line_amount IS DISTINCT FROM round(price * quantity, 2)
UNION ALL
SELECT format('order %s: amount or lines are wrong', coalesce(id, order_id))
FROM ecommerce.orders
FULL JOIN (SELECT customer_id, order_id, sum(line_amount) AS amount, count(*) AS lines,
                  min(line_number) AS first, max(line_number) AS last,
                  count(DISTINCT product_id) AS products
           FROM ecommerce.order_details GROUP BY 1, 2) AS line
     ON (line.customer_id, order_id) = (orders.customer_id, id)
WHERE (order_amount, 1, lines, lines) IS DISTINCT FROM (amount, first, last, products)
UNION ALL
-- Each change of an order is an event, once.
SELECT format('order %s: it is %s, and its events are %s', coalesce(id, order_id),
              order_status, events)
FROM ecommerce.orders
FULL JOIN (SELECT customer_id, order_id,
                  string_agg(event || ' ' || event_number, ', ' ORDER BY event_number) AS events
           FROM ecommerce.order_events GROUP BY 1, 2) AS history
     ON (history.customer_id, order_id) = (orders.customer_id, id)
WHERE events IS DISTINCT FROM
      'order_placed 1' || CASE order_status WHEN 'PROCESSING' THEN ''
                          ELSE ', order_' || lower(order_status) || ' 2' END
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
   OR kind IN ('cancelled', 'shipped') AND upper(kind) IS DISTINCT FROM order_status
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
UNION ALL
SELECT format('clients got %s errors %s', count(*), kind)
FROM audit.answers
WHERE kind NOT IN ('order', 'cancelled', 'shipped', 'lost', 'doubt', 'conflict',
                   'PT404', 'PT409', 'PT422')
GROUP BY kind;
