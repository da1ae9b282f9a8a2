-- ecommerce 1.1: what happens after the order. Run ecommerce.migrate() afterwards.

\echo Use "ALTER EXTENSION ecommerce UPDATE TO '1.1'" to load this file. \quit


-- Tables

CREATE FUNCTION ecommerce.migration_2() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
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
REVOKE EXECUTE ON FUNCTION ecommerce.migration_2() FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.migration_2() IS
'Outbox with leases, and orders, lines and events that cannot be changed afterwards. Called by ecommerce.migrate(), never directly.';

COMMENT ON FUNCTION ecommerce.migrate() IS
'Creates the tables, or brings them up to the version of the installed code, and returns that version. Safe to repeat, and to run twice at once.
The role that ran it first owns the tables; later it runs as that role.
Errors: 0A000 in a database whose encoding is SQL_ASCII; 55000 when the tables are newer than the code, or the extension is older than its library; 42501 without CREATE on the schemas ecommerce and ecommerce_api, or for the tables of another role.';


-- Status

CREATE FUNCTION ecommerce.set_order_status(user_id bigint, order_id bigint, status text) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_order_status(bigint, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_order_status(bigint, bigint, text) IS
'Moves an order from PROCESSING to SHIPPED, from SHIPPED to DELIVERED, or from either of these two to RETURNED, writes an event, and returns the order. An order that has the status already is returned as it is. For roles that may INSERT into ecommerce.orders.
Errors: 22004 for a null; 22023 for another status; PT404 for an unknown order; PT409 for a status that cannot follow; 42501 for other roles; 55000 before migrate().';

CREATE FUNCTION ecommerce.cancel_order(user_id bigint, order_id bigint, reason text) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.cancel_order(bigint, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.cancel_order(bigint, bigint, text) IS
'Cancels an order that is PROCESSING, returns its units to the bucket of stock they came from, writes an event, and returns the order. reason is customer, inventory, fraud, declined, staff or other. Safe to repeat: an order that is cancelled already is returned as it is. Units of a product that has been deleted since are gone with it.
Errors: 22004 for a null; 22023 for another reason; PT404 for an unknown order; PT409 for an order that was shipped; 55000 before migrate(). After 40001, 40P01, 55P03 or a lost connection, repeat.
The reasons are those of the cancelReason of an order in Shopify''s Admin API.';

CREATE FUNCTION ecommerce_api.cancel_order(order_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_cancel_order';
REVOKE EXECUTE ON FUNCTION ecommerce_api.cancel_order(bigint) FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.cancel_order(bigint) IS
'Cancels an order

order_id: the order, which must not have been shipped. Returns the order. May be repeated.
Errors: 401 without a user; 404 for an unknown order; 409 for an order that was shipped; 400 for a null.';


-- Events

CREATE FUNCTION ecommerce.take_order_events(max integer, event text DEFAULT NULL, lease_seconds integer DEFAULT 300) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.take_order_events(integer, text, integer) FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.take_order_events(integer, text, integer) IS
'Takes up to max events that have not been acknowledged, oldest first, all or those of one name (order_placed, order_shipped, order_delivered, order_cancelled or order_returned), and returns them as an array, each with its order and customer. Nobody else is given them until lease_seconds have passed (twice as long with each further attempt, up to an hour or lease_seconds), or the transaction rolls back; then they come back. An event is given out only when the earlier ones of its order, of that name if one is given, have been acknowledged. For roles that may UPDATE ecommerce.order_events or INSERT into ecommerce.orders.
Errors: 22004 for a null max or lease; 22023 for a max or lease below 1, or an unknown name; 42501 for other roles; 54000 above 256 MB of JSON; 55000 before migrate().
The lease is the visibility timeout of Amazon SQS; the outbox is the Transactional Outbox of microservices.io.';

CREATE FUNCTION ecommerce.acknowledge_order_events(ids bigint[]) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.acknowledge_order_events(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.acknowledge_order_events(bigint[]) IS
'Marks events as delivered: they are never given out again. Returns how many of them were not marked before, so 0 when it is repeated. For roles that may UPDATE ecommerce.order_events or INSERT into ecommerce.orders.
Errors: 22004 for a null; 42501 for other roles; 55000 before migrate().';


-- Care

CREATE FUNCTION ecommerce.order_integrity(OUT invariant text, OUT customer_id bigint, OUT order_id bigint, OUT product_id bigint, OUT details jsonb) RETURNS SETOF record
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.order_integrity() FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.order_integrity() IS
'Checks the rules by which orders, lines, history, stock, carts and sequences agree, in one snapshot, and returns a row for each violation: the name of the rule, what breaks it, and the values that do; no row is healthy. Reads all tables and locks none. For roles that may INSERT into ecommerce.orders.
Errors: 42501 for other roles; 55000 before migrate().';

CREATE FUNCTION ecommerce.erase_user(user_id bigint, order_addresses boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.erase_user(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.erase_user(bigint, boolean) IS
'Removes a user''s personal data: name, e-mail and address, the cart, the idempotency keys of the orders, and with order_addresses the addresses of the orders too. Orders, lines, amounts and events stay. Safe to repeat. For roles that may INSERT into ecommerce.orders.
Errors: 22004 for a null; PT404 for an unknown user; 42501 for other roles; 09000 if a trigger keeps rows as they are; 55000 before migrate().';
