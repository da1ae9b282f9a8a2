-- The best PL/pgSQL to record a payment and to cancel a batch of unpaid orders, with the
-- same locks and the same rows; and orders that are due.

CREATE FUNCTION bench.record_payment(customer bigint, placed bigint, provider text, reference text, kind text, amount numeric)
RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    target record;
    sums record;
    known numeric;
BEGIN
    SELECT order_status, order_amount, payment_due_at INTO target FROM ecommerce.orders
     WHERE customer_id = customer AND id = placed FOR NO KEY UPDATE;
    SELECT payment.amount INTO known FROM ecommerce.order_payments AS payment
     WHERE payment.customer_id = customer AND payment.provider = provider AND payment.reference = reference AND payment.kind = kind;
    IF NOT FOUND THEN
        INSERT INTO ecommerce.order_payments (customer_id, order_id, payment_number, kind, provider, reference, amount, actor)
        SELECT customer, placed, 1 + count(*), kind, provider, reference, amount, current_user
          FROM ecommerce.order_payments WHERE customer_id = customer AND order_id = placed;
        SELECT coalesce(sum(payment.amount) FILTER (WHERE payment.kind = 'captured'), 0) AS paid,
               coalesce(sum(payment.amount) FILTER (WHERE payment.kind IN ('refunded', 'charged_back')), 0) AS refunded INTO sums
          FROM ecommerce.order_payments AS payment WHERE customer_id = customer AND order_id = placed;
        INSERT INTO ecommerce.order_balances AS balance (customer_id, order_id, paid_amount, refunded_amount)
        VALUES (customer, placed, sums.paid, sums.refunded)
        ON CONFLICT (customer_id, order_id) DO UPDATE
        SET paid_amount = sums.paid, refunded_amount = sums.refunded, due_at = NULL;
    ELSIF known <> amount THEN
        RAISE SQLSTATE 'PT422';
    END IF;
    RETURN ecommerce.order_json(customer, placed) || jsonb_build_object('replayed', FOUND);
END
$$;

CREATE FUNCTION bench.expire(most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    customers bigint[];
    ids bigint[];
BEGIN
    SELECT array_agg(customer_id), array_agg(id) INTO customers, ids FROM (
        SELECT customer_id, id FROM ecommerce.orders
         WHERE (customer_id, id) IN (SELECT customer_id, order_id FROM ecommerce.order_balances
                                      WHERE due_at <= now() ORDER BY due_at LIMIT most)
         ORDER BY customer_id, id FOR NO KEY UPDATE SKIP LOCKED) AS locked;
    PERFORM FROM ecommerce.stock_levels
      WHERE bucket = 0 AND product_id IN (SELECT product_id FROM ecommerce.order_details JOIN unnest(customers, ids) AS o (customer, id)
                                            ON customer_id = customer AND order_id = id)
      ORDER BY product_id FOR NO KEY UPDATE;
    UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity + units.quantity
      FROM (SELECT product_id, sum(quantity) AS quantity FROM ecommerce.order_details
              JOIN unnest(customers, ids) AS o (customer, id) ON customer_id = customer AND order_id = id GROUP BY product_id) AS units
     WHERE bucket = 0 AND stock.product_id = units.product_id;
    INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, old_status, new_status, payload, actor)
    SELECT customer, id, (SELECT 1 + max(event_number) FROM ecommerce.order_events WHERE customer_id = customer AND order_id = id),
           'order_cancelled', 'PROCESSING', 'CANCELLED', '{"reason": "unpaid"}', current_user
      FROM unnest(customers, ids) AS o (customer, id);
    UPDATE ecommerce.orders SET order_status = 'CANCELLED' FROM unnest(customers, ids) AS o (customer, due)
     WHERE customer_id = customer AND id = due;
    UPDATE ecommerce.order_balances SET due_at = NULL FROM unnest(customers, ids) AS o (customer, due)
     WHERE customer_id = customer AND order_id = due;
    RETURN cardinality(ids);
END
$$;

-- Orders that the shop has sent, as if it had not.
ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
WITH due AS (UPDATE ecommerce.orders SET payment_due_at = '2001-01-01', order_status = 'PROCESSING'
              WHERE id IN (SELECT id FROM ecommerce.orders ORDER BY id DESC LIMIT 1500)
             RETURNING customer_id, id)
INSERT INTO ecommerce.order_balances (customer_id, order_id, due_at) SELECT customer_id, id, '2001-01-01' FROM due;
ALTER TABLE ecommerce.orders ENABLE TRIGGER USER;
ANALYZE ecommerce.order_balances;
