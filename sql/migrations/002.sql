-- The tables of version 2. Released: what the function does never changes.

CREATE FUNCTION ecommerce_migrations.migration_2() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS $migration$

-- An open shop waits, in the order in which a placement writes: whoever holds one of these
-- tables is done with it before this goes on. What the shop has deferred comes first.

SET CONSTRAINTS ALL IMMEDIATE;
LOCK TABLE ecommerce.orders, ecommerce.order_details IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE ecommerce.order_events IN ACCESS EXCLUSIVE MODE;

-- A shop of version 1 changed the status by hand, and may have imported orders. What
-- such an order must have gone through becomes its history, which nobody waits for. This
-- comes before the new columns: the server analyzes it before it executes anything.

INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, old_status, new_status,
                                    payload, actor, created_at, delivered_at)
SELECT placed.customer_id, placed.id,
       coalesce(last.event_number, 0) + row_number() OVER (PARTITION BY placed.customer_id, placed.id ORDER BY step.number),
       'order_' || CASE step.number WHEN 1 THEN 'placed' ELSE lower(step.new_status) END, step.old_status, step.new_status,
       CASE step.new_status WHEN 'CANCELLED' THEN '{"reason": "other"}'::jsonb END,
       current_user, CASE step.number WHEN 1 THEN placed.order_date ELSE now() END, now()
  FROM ecommerce.orders AS placed
  LEFT JOIN LATERAL (SELECT event_number, new_status FROM ecommerce.order_events AS event
                      WHERE event.customer_id = placed.customer_id AND event.order_id = placed.id
                      ORDER BY event_number DESC LIMIT 1) AS last ON true
  JOIN (VALUES (1, NULL, 'PROCESSING'), (2, 'PROCESSING', 'SHIPPED'), (3, 'PROCESSING', 'CANCELLED'),
               (4, 'SHIPPED', 'DELIVERED'), (5, 'SHIPPED', 'RETURNED')) AS step (number, old_status, new_status)
    ON step.number = 1 AND last.event_number IS NULL
    OR step.number = 2 AND placed.order_status IN ('SHIPPED', 'DELIVERED', 'RETURNED')
    OR step.number > 2 AND placed.order_status = step.new_status
 WHERE last.event_number IS NULL OR last.new_status = 'PROCESSING' AND placed.order_status <> 'PROCESSING';

-- The outbox

ALTER TABLE ecommerce.order_events
    ADD COLUMN attempts    integer NOT NULL DEFAULT 0,
    ADD COLUMN taken_until timestamptz;
-- Its condition is put so that only the queries for one name fit it, and fit no other
-- index: they would otherwise wade through the backlog of all names, in the order of ids.
CREATE INDEX order_events_undelivered_by_event_idx
    ON ecommerce.order_events (event, id) WHERE coalesce(delivered_at, '-infinity') = '-infinity';
COMMENT ON COLUMN ecommerce.order_events.event IS 'What happened: order_placed, order_shipped, order_delivered, order_cancelled or order_returned.';
COMMENT ON COLUMN ecommerce.order_events.payload IS 'Facts that are not in the order, such as the reason of a cancellation; null when there are none.';
COMMENT ON COLUMN ecommerce.order_events.attempts IS 'How often take_order_events() has given the event to a consumer.';
COMMENT ON COLUMN ecommerce.order_events.taken_until IS 'Until when the event is left to the consumer that took it last.';

-- What has been written stays. These triggers only refuse: a restore or a replica that
-- does not fire them has the same rows. They belong to the shop like its tables, not to
-- the extension, and can be left out where a table cannot have any.

CREATE FUNCTION ecommerce.keep_history() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION 'history of orders cannot be changed'
        USING ERRCODE = 'restrict_violation',
              DETAIL = json_build_object('code', 'history_is_kept', 'table', TG_TABLE_NAME, 'operation', TG_OP),
              HINT = 'Cancel orders with cancel_order; remove personal data with erase_user.';
END
$$;
REVOKE EXECUTE ON FUNCTION ecommerce.keep_history() FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.keep_history() IS
'Trigger function: refuses every change with 23001.';

CREATE FUNCTION ecommerce.check_order_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (NEW.customer_id, NEW.id, NEW.order_date, NEW.order_amount, NEW.currency, NEW.stock_bucket)
       IS DISTINCT FROM
       (OLD.customer_id, OLD.id, OLD.order_date, OLD.order_amount, OLD.currency, OLD.stock_bucket)
       OR (NEW.idempotency_key IS NOT NULL AND NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key)
    THEN
        RAISE EXCEPTION 'history of orders cannot be changed'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = json_build_object('code', 'history_is_kept', 'table', TG_TABLE_NAME, 'operation', TG_OP,
                                             'order_id', OLD.id),
                  HINT = 'Only the status, the address and columns of your own can be changed, and the key taken away.';
    END IF;
    IF NEW.order_status IS NOT DISTINCT FROM OLD.order_status THEN
        RETURN NEW;
    END IF;
    IF concat_ws(' ', OLD.order_status, NEW.order_status) NOT IN
       ('PROCESSING SHIPPED', 'PROCESSING CANCELLED', 'SHIPPED DELIVERED', 'SHIPPED RETURNED', 'DELIVERED RETURNED')
    THEN
        RAISE EXCEPTION 'order cannot change to this status'
            USING ERRCODE = 'PT409',
                  DETAIL = json_build_object('code', 'illegal_status_change', 'order_id', OLD.id,
                                             'from', OLD.order_status, 'to', NEW.order_status),
                  HINT = 'Look at the order again: its status may have changed meanwhile.';
    END IF;
    IF (SELECT new_status FROM ecommerce.order_events
         WHERE customer_id = NEW.customer_id AND order_id = NEW.id
         ORDER BY event_number DESC LIMIT 1) IS DISTINCT FROM NEW.order_status::text
    THEN
        RAISE EXCEPTION 'status of an order changes with an event only'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = json_build_object('code', 'status_without_event', 'order_id', OLD.id,
                                             'from', OLD.order_status, 'to', NEW.order_status),
                  HINT = 'Use set_order_status or cancel_order, which write the event.';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ecommerce.check_order_change() FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.check_order_change() IS
'Trigger function: refuses with 23001 to change what was ordered, and a status of which there is no event; with PT409 a status that cannot follow.';

CREATE FUNCTION ecommerce.check_event_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (NEW.customer_id, NEW.order_id, NEW.event_number, NEW.id, NEW.event, NEW.old_status, NEW.new_status,
        NEW.payload, NEW.actor, NEW.created_at)
       IS DISTINCT FROM
       (OLD.customer_id, OLD.order_id, OLD.event_number, OLD.id, OLD.event, OLD.old_status, OLD.new_status,
        OLD.payload, OLD.actor, OLD.created_at)
    THEN
        RAISE EXCEPTION 'history of orders cannot be changed'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = json_build_object('code', 'history_is_kept', 'table', TG_TABLE_NAME, 'operation', TG_OP,
                                             'order_id', OLD.order_id),
                  HINT = 'Only the marks of delivery can be changed.';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ecommerce.check_event_change() FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.check_event_change() IS
'Trigger function: refuses with 23001 to change more of an event than its marks of delivery.';

CREATE TRIGGER check_order_change BEFORE UPDATE ON ecommerce.orders
    FOR EACH ROW EXECUTE FUNCTION ecommerce.check_order_change();
CREATE TRIGGER check_event_change BEFORE UPDATE ON ecommerce.order_events
    FOR EACH ROW EXECUTE FUNCTION ecommerce.check_event_change();
CREATE TRIGGER keep_orders BEFORE DELETE OR TRUNCATE ON ecommerce.orders
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();
CREATE TRIGGER keep_lines BEFORE UPDATE OR DELETE OR TRUNCATE ON ecommerce.order_details
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();
CREATE TRIGGER keep_events BEFORE DELETE OR TRUNCATE ON ecommerce.order_events
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();

$migration$;
REVOKE EXECUTE ON FUNCTION ecommerce_migrations.migration_2 FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_migrations.migration_2 IS
'Outbox with leases, and orders, lines and events that cannot be changed afterwards.';
