-- The tables of version 4: what happens to an order.

CREATE FUNCTION ecommerce_migrations.migration_4() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS $migration$
DECLARE
    it record;
BEGIN

-- An open shop waits, in the order in which a placement locks.

SET CONSTRAINTS ALL IMMEDIATE;
LOCK TABLE ecommerce.users, ecommerce.carts, ecommerce.cart_items, ecommerce.orders,
           ecommerce.products, ecommerce.stock_levels, ecommerce.order_details,
           ecommerce.order_events
    IN ACCESS EXCLUSIVE MODE;


-- Payments

-- A column that is null costs an order nothing.
ALTER TABLE ecommerce.orders ADD COLUMN payment_due_at timestamptz;
COMMENT ON COLUMN ecommerce.orders.payment_due_at IS
'Until when the order has to be paid, or expire_unpaid_orders() cancels it: from a DEFAULT that '
'the shop sets, such as now() + interval ''30 min''. Null: it need not be paid in advance.';

CREATE TABLE ecommerce.order_payments (
    customer_id    bigint      NOT NULL,
    order_id       bigint      NOT NULL,
    payment_number integer     NOT NULL,
    kind           text        NOT NULL,
    provider       ecommerce.label NOT NULL,
    reference      ecommerce.label NOT NULL,
    amount         numeric     NOT NULL,
    payload        jsonb,
    actor          text        NOT NULL,
    person         text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_payments_pkey PRIMARY KEY (customer_id, order_id, payment_number),
    CONSTRAINT order_payments_one_of_a_kind_for_each_reference
        UNIQUE (customer_id, provider, reference, kind),
    CONSTRAINT order_payments_order_exists
        FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders (customer_id, id),
    CONSTRAINT order_payments_kind_known
        CHECK (kind IN ('authorized', 'captured', 'voided', 'failed', 'refund_requested',
                        'refunded', 'refund_failed', 'charged_back')),
    CONSTRAINT order_payments_amount_from_0_below_1e15 CHECK (amount >= 0 AND amount < 1e15)
);
COMMENT ON TABLE ecommerce.order_payments IS
'What was paid and paid back: a ledger that only grows.';
COMMENT ON COLUMN ecommerce.order_payments.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_payments.order_id IS 'Order it is for.';
COMMENT ON COLUMN ecommerce.order_payments.payment_number IS 'Number within the order, from 1.';
COMMENT ON COLUMN ecommerce.order_payments.kind IS
'authorized, captured, voided, failed, refund_requested, refunded, refund_failed or charged_back.';
COMMENT ON COLUMN ecommerce.order_payments.provider IS
'Who moved the money, such as the name of a payment service, or cash.';
COMMENT ON COLUMN ecommerce.order_payments.reference IS
'The name that it has at the provider: of a customer, one of a kind for each, all of one order. '
'Facts of one reference belong together, such as an authorization and what was captured of it.';
COMMENT ON COLUMN ecommerce.order_payments.amount IS
'Amount, in the currency of the order and in units of it; never negative.';
COMMENT ON COLUMN ecommerce.order_payments.payload IS 'What the provider said; null if not kept.';
COMMENT ON COLUMN ecommerce.order_payments.actor IS 'Database role that recorded it.';
COMMENT ON COLUMN ecommerce.order_payments.person IS
'Who recorded it: the sub of the request''s token, if it has one.';
COMMENT ON COLUMN ecommerce.order_payments.created_at IS
'When the transaction that recorded it began.';

CREATE TABLE ecommerce.order_balances (
    customer_id           bigint  NOT NULL,
    order_id              bigint  NOT NULL,
    due_at                timestamptz,
    authorized_amount     numeric NOT NULL DEFAULT 0,
    paid_amount           numeric NOT NULL DEFAULT 0,
    refunded_amount       numeric NOT NULL DEFAULT 0,
    refund_pending_amount numeric NOT NULL DEFAULT 0,
    returned_amount       numeric NOT NULL DEFAULT 0,
    return_count          integer NOT NULL DEFAULT 0,
    CONSTRAINT order_balances_pkey PRIMARY KEY (customer_id, order_id),
    CONSTRAINT order_balances_order_exists
        FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders (customer_id, id)
) WITH (fillfactor = 70);
CREATE INDEX order_balances_due_at_idx ON ecommerce.order_balances (due_at)
    WHERE due_at IS NOT NULL;
COMMENT ON TABLE ecommerce.order_balances IS
'Sums of payments and returns, of orders that have any, or a deadline.';
COMMENT ON COLUMN ecommerce.order_balances.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_balances.order_id IS 'Order.';
COMMENT ON COLUMN ecommerce.order_balances.due_at IS
'payment_due_at of the order, until something is paid, all of it authorized, or it is sent or '
'cancelled; then null.';
COMMENT ON COLUMN ecommerce.order_balances.authorized_amount IS
'Authorized, and neither captured nor voided yet.';
COMMENT ON COLUMN ecommerce.order_balances.paid_amount IS 'Captured.';
COMMENT ON COLUMN ecommerce.order_balances.refunded_amount IS 'Refunded or charged back.';
COMMENT ON COLUMN ecommerce.order_balances.refund_pending_amount IS
'Requested to be refunded, of which the provider has not said yet what became of it.';
COMMENT ON COLUMN ecommerce.order_balances.returned_amount IS 'What the returned units had cost.';
COMMENT ON COLUMN ecommerce.order_balances.return_count IS
'How many returns there are; those of units that cost nothing count, too.';


-- Returns

-- What a line cost is its line_amount, less its discounts, and what taxes add to it.
ALTER TABLE ecommerce.order_details ADD COLUMN added_tax_amount numeric;
COMMENT ON COLUMN ecommerce.order_details.added_tax_amount IS
'What of tax_amount was added to the price; null if nothing.';

CREATE TABLE ecommerce.order_returns (
    customer_id     bigint      NOT NULL,
    order_id        bigint      NOT NULL,
    return_number   integer     NOT NULL,
    amount          numeric     NOT NULL,
    is_restocked    boolean     NOT NULL,
    reason          text,
    idempotency_key ecommerce.idempotency_key,
    actor           text        NOT NULL,
    person          text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT order_returns_pkey PRIMARY KEY (customer_id, order_id, return_number),
    CONSTRAINT order_returns_one_for_each_idempotency_key
        UNIQUE (customer_id, order_id, idempotency_key),
    CONSTRAINT order_returns_order_exists
        FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders (customer_id, id),
    CONSTRAINT order_returns_amount_from_0_below_1e15 CHECK (amount >= 0 AND amount < 1e15)
);
COMMENT ON TABLE ecommerce.order_returns IS
'Parts of orders that came back, or were cancelled before they were sent.';
COMMENT ON COLUMN ecommerce.order_returns.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_returns.order_id IS 'Order.';
COMMENT ON COLUMN ecommerce.order_returns.return_number IS 'Number within the order, from 1.';
COMMENT ON COLUMN ecommerce.order_returns.amount IS
'What the units had cost, in the currency of the order: the sum of the lines of the return.';
COMMENT ON COLUMN ecommerce.order_returns.is_restocked IS 'Whether the units went back into stock.';
COMMENT ON COLUMN ecommerce.order_returns.reason IS
'Why, in the shop''s words; the customer sees it.';
COMMENT ON COLUMN ecommerce.order_returns.idempotency_key IS
'Key the client gave, if any; one return for each key of an order.';
COMMENT ON COLUMN ecommerce.order_returns.actor IS 'Database role that recorded it.';
COMMENT ON COLUMN ecommerce.order_returns.person IS
'Who recorded it: the sub of the request''s token, if it has one.';
COMMENT ON COLUMN ecommerce.order_returns.created_at IS
'When the transaction that recorded it began.';

CREATE FUNCTION ecommerce.check_return_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (NEW.customer_id, NEW.order_id, NEW.return_number, NEW.amount, NEW.is_restocked, NEW.actor,
        NEW.created_at)
       IS DISTINCT FROM
       (OLD.customer_id, OLD.order_id, OLD.return_number, OLD.amount, OLD.is_restocked, OLD.actor,
        OLD.created_at)
       OR (NEW.reason IS NOT NULL AND NEW.reason IS DISTINCT FROM OLD.reason)
       OR (NEW.idempotency_key IS NOT NULL
           AND NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key)
       OR (NEW.person IS NOT NULL AND NEW.person IS DISTINCT FROM OLD.person)
    THEN
        RAISE EXCEPTION 'history of orders cannot be changed'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = format('{"code": "history_is_kept", "table": %s, "operation": "%s", '
                                  '"order_id": %s}', to_json(TG_TABLE_NAME), TG_OP, OLD.order_id),
                  HINT = 'Only the reason, the key and the person can be taken away.';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ecommerce.check_return_change FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.check_return_change IS
'Trigger function: refuses with 23001 to change more of a return than to take its reason, its '
'key or its person away.';

CREATE TABLE ecommerce.order_return_lines (
    customer_id   bigint  NOT NULL,
    order_id      bigint  NOT NULL,
    return_number integer NOT NULL,
    line_number   integer NOT NULL,
    quantity      integer NOT NULL,
    amount        numeric NOT NULL,
    CONSTRAINT order_return_lines_pkey
        PRIMARY KEY (customer_id, order_id, return_number, line_number),
    CONSTRAINT order_return_lines_return_exists
        FOREIGN KEY (customer_id, order_id, return_number)
        REFERENCES ecommerce.order_returns (customer_id, order_id, return_number),
    CONSTRAINT order_return_lines_quantity_positive CHECK (quantity > 0),
    CONSTRAINT order_return_lines_amount_from_0_below_1e15 CHECK (amount >= 0 AND amount < 1e15)
);
COMMENT ON TABLE ecommerce.order_return_lines IS 'How many units of which lines came back.';
COMMENT ON COLUMN ecommerce.order_return_lines.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_return_lines.order_id IS 'Order.';
COMMENT ON COLUMN ecommerce.order_return_lines.return_number IS 'Return.';
COMMENT ON COLUMN ecommerce.order_return_lines.line_number IS 'Line of the order.';
COMMENT ON COLUMN ecommerce.order_return_lines.quantity IS 'Units that came back.';
COMMENT ON COLUMN ecommerce.order_return_lines.amount IS
'What these units had cost: the line''s total, telescoped.';


-- The desk

-- An order reads them with the product.
ALTER TABLE ecommerce.products
    ADD COLUMN is_counted       boolean,
    ADD COLUMN minimum_quantity integer,
    ADD COLUMN maximum_quantity integer,
    ADD COLUMN quantity_step    integer,
    ADD COLUMN customer_limit   integer,
    ADD COLUMN tills            smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT products_tills_from_0_to_256 CHECK (tills BETWEEN 0 AND 256),
    ADD CONSTRAINT products_quantities_positive
        CHECK (least(minimum_quantity, maximum_quantity, quantity_step, customer_limit) > 0),
    -- The smallest multiple of the step that is not below the minimum.
    ADD CONSTRAINT products_some_quantity_is_sold
        CHECK (ceil(greatest(minimum_quantity, 1)::numeric / greatest(quantity_step, 1))
               * greatest(quantity_step, 1)
               <= least(maximum_quantity, customer_limit, 2147483647));
-- Rows are written anew: while a column is missing from rows, every scan of the table projects.
ALTER TABLE ecommerce.products
    ALTER COLUMN is_counted TYPE boolean USING true,
    ALTER COLUMN is_counted SET DEFAULT true,
    ALTER COLUMN is_counted SET NOT NULL;
COMMENT ON COLUMN ecommerce.products.is_counted IS
'Whether stock_levels counts the units. False for a download, a service or what is made to '
'order: there is always enough of it.';
COMMENT ON COLUMN ecommerce.products.tills IS
'Into how many tills the stock of each bucket is split, so that many customers buy the product at '
'once; 0: into none. Set by split_stock().';
COMMENT ON COLUMN ecommerce.products.minimum_quantity IS
'Units of an order at least; null: no minimum.';
COMMENT ON COLUMN ecommerce.products.maximum_quantity IS
'Units of an order at most; null: no maximum.';
COMMENT ON COLUMN ecommerce.products.quantity_step IS
'Units of an order are a multiple of this; null: any number.';
COMMENT ON COLUMN ecommerce.products.customer_limit IS
'Units of all orders of a customer at most, of those that are neither cancelled nor returned; '
'null: no limit.';

-- A cancellation must know, whatever has become of the product.
ALTER TABLE ecommerce.order_details ADD COLUMN is_counted boolean;
COMMENT ON COLUMN ecommerce.order_details.is_counted IS
'False if the product was not counted, so that no units of it were taken from stock and none go '
'back; null if they were.';

-- What is to be packed, oldest first. Costs an order 14,000 instructions, 0.9 % of 5 lines.
CREATE INDEX orders_processing_idx ON ecommerce.orders (id) WHERE order_status = 'PROCESSING';

-- As PostgREST shows it.
CREATE OR REPLACE VIEW ecommerce_api.products WITH (security_invoker = true) AS
    SELECT id, name, description, price, currency::text,
           CASE WHEN true THEN category_id END AS category_id,
           CASE WHEN is_counted IS NOT FALSE
                THEN coalesce((SELECT sum(stock.quantity) FROM ecommerce.stock_levels AS stock
                                WHERE stock.product_id = products.id), 0)::bigint
           END AS quantity,
           sku, options,
           (SELECT categories.name FROM ecommerce.categories
             WHERE categories.id = products.category_id) AS category_name,
           minimum_quantity, maximum_quantity, quantity_step, customer_limit
      FROM ecommerce.products
     WHERE is_active;
COMMENT ON COLUMN ecommerce_api.products.quantity IS
'Units in stock; null if they are not counted: there is always enough.';
COMMENT ON COLUMN ecommerce_api.products.minimum_quantity IS 'Units of an order at least, if any.';
COMMENT ON COLUMN ecommerce_api.products.maximum_quantity IS 'Units of an order at most, if any.';
COMMENT ON COLUMN ecommerce_api.products.quantity_step IS
'Units of an order are a multiple of this, if any.';
COMMENT ON COLUMN ecommerce_api.products.customer_limit IS
'Units of all orders of a customer at most, if any.';

-- An order that is picked up is delivered without being shipped. A status that was set by
-- mistake is taken back with an event that says so.
CREATE OR REPLACE FUNCTION ecommerce.check_order_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    change text := concat_ws(' ', OLD.order_status, NEW.order_status);
    last   record;
BEGIN
    IF (NEW.customer_id, NEW.id, NEW.order_date, NEW.order_amount, NEW.currency, NEW.stock_bucket,
        NEW.number, NEW.items_amount, NEW.payment_due_at)
       IS DISTINCT FROM
       (OLD.customer_id, OLD.id, OLD.order_date, OLD.order_amount, OLD.currency, OLD.stock_bucket,
        OLD.number, OLD.items_amount, OLD.payment_due_at)
       OR (NEW.idempotency_key IS NOT NULL
           AND NEW.idempotency_key IS DISTINCT FROM OLD.idempotency_key)
       OR (NEW.fingerprint IS NOT NULL AND NEW.fingerprint IS DISTINCT FROM OLD.fingerprint)
    THEN
        RAISE EXCEPTION 'history of orders cannot be changed'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = format('{"code": "history_is_kept", "table": %s, "operation": "%s", '
                                  '"order_id": %s}', to_json(TG_TABLE_NAME), TG_OP, OLD.id),
                  HINT = 'Only the status, the addresses, the metadata and columns of your own can '
                         'be changed, and the key taken away.';
    END IF;
    IF NEW.order_status IS NOT DISTINCT FROM OLD.order_status THEN
        RETURN NEW;
    END IF;
    SELECT event, new_status INTO last FROM ecommerce.order_events
     WHERE customer_id = NEW.customer_id AND order_id = NEW.id
     ORDER BY event_number DESC LIMIT 1;
    IF (CASE WHEN last.event = 'order_corrected' AND last.new_status = NEW.order_status::text
             THEN change NOT IN
                  ('SHIPPED PROCESSING', 'DELIVERED PROCESSING', 'DELIVERED SHIPPED',
                   'RETURNED SHIPPED', 'RETURNED DELIVERED')
             ELSE change NOT IN
                  ('PROCESSING SHIPPED', 'PROCESSING DELIVERED', 'PROCESSING CANCELLED',
                   'SHIPPED DELIVERED', 'SHIPPED RETURNED', 'DELIVERED RETURNED') END)
    THEN
        RAISE EXCEPTION 'order cannot change to this status'
            USING ERRCODE = 'PT409',
                  DETAIL = format('{"code": "illegal_status_change", "order_id": %s, "from": %s, '
                                  '"to": %s}', OLD.id,
                                  coalesce(to_json(OLD.order_status)::text, 'null'),
                                  coalesce(to_json(NEW.order_status)::text, 'null')),
                  HINT = 'Look at the order again: its status may have changed meanwhile.';
    END IF;
    IF last.new_status IS DISTINCT FROM NEW.order_status::text THEN
        RAISE EXCEPTION 'status of an order changes with an event only'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = format('{"code": "status_without_event", "order_id": %s, "from": %s, '
                                  '"to": %s}', OLD.id,
                                  coalesce(to_json(OLD.order_status)::text, 'null'),
                                  coalesce(to_json(NEW.order_status)::text, 'null')),
                  HINT = 'Use set_order_status or cancel_order, which write the event.';
    END IF;
    RETURN NEW;
END
$$;

-- What staff and services have said of an order may be personal: erase_user() takes it away,
-- but not a reason of ours, nor what is still to be done.
CREATE OR REPLACE FUNCTION ecommerce.check_event_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (NEW.customer_id, NEW.order_id, NEW.event_number, NEW.id, NEW.event, NEW.old_status,
        NEW.new_status, NEW.actor, NEW.created_at)
       IS DISTINCT FROM
       (OLD.customer_id, OLD.order_id, OLD.event_number, OLD.id, OLD.event, OLD.old_status,
        OLD.new_status, OLD.actor, OLD.created_at)
       OR (NEW.payload IS DISTINCT FROM OLD.payload
           AND (NEW.payload IS NOT NULL OR OLD.event IN ('order_cancelled', 'refund_requested')))
       OR (NEW.person IS NOT NULL AND NEW.person IS DISTINCT FROM OLD.person)
    THEN
        RAISE EXCEPTION 'history of orders cannot be changed'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = format('{"code": "history_is_kept", "table": %s, "operation": "%s", '
                                  '"order_id": %s}', to_json(TG_TABLE_NAME), TG_OP,
                                  OLD.order_id),
                  HINT = 'Only the marks of delivery can be changed, and the person and the '
                         'payload taken away.';
    END IF;
    RETURN NEW;
END
$$;


-- Carts

-- Null, and so free, until something is chosen.
ALTER TABLE ecommerce.carts ADD COLUMN changed_at timestamptz;
COMMENT ON COLUMN ecommerce.carts.changed_at IS
'When coupons, shipping or addresses were last chosen; null: never. What is in the cart has a '
'changed_at of its own.';


-- Retention

-- Whoever ordered may be gone by then: no foreign key.
CREATE TABLE ecommerce.archived_orders (
    customer_id bigint      NOT NULL,
    order_id    bigint      NOT NULL,
    number      text,
    order_date  timestamptz NOT NULL,
    document    jsonb       NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT archived_orders_pkey PRIMARY KEY (customer_id, order_id)
);
CREATE INDEX archived_orders_number_idx ON ecommerce.archived_orders (number)
    WHERE number IS NOT NULL;
COMMENT ON TABLE ecommerce.archived_orders IS
'Orders that archive_orders() has moved out of the other tables. How long they stay is for the '
'owner to say.';
COMMENT ON COLUMN ecommerce.archived_orders.customer_id IS
'User who ordered; the user may have been deleted since.';
COMMENT ON COLUMN ecommerce.archived_orders.order_id IS 'Id that the order had.';
COMMENT ON COLUMN ecommerce.archived_orders.number IS 'Number that was shown to people, if any.';
COMMENT ON COLUMN ecommerce.archived_orders.order_date IS 'When it was placed.';
COMMENT ON COLUMN ecommerce.archived_orders.document IS
'The row of the order, with those of other tables under their names, without keys, fingerprints, '
'persons, and what services and staff have said.';
COMMENT ON COLUMN ecommerce.archived_orders.archived_at IS 'When it was moved.';


-- Stock

-- A record of what was done, so no foreign key.
CREATE TABLE ecommerce.stock_transfers (
    reference   ecommerce.label NOT NULL,
    product_id  bigint      NOT NULL,
    quantity    integer     NOT NULL,
    from_bucket bigint,
    to_bucket   bigint,
    actor       text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stock_transfers_pkey PRIMARY KEY (reference),
    CONSTRAINT stock_transfers_quantity_positive CHECK (quantity > 0),
    CONSTRAINT stock_transfers_buckets_differ CHECK (from_bucket IS DISTINCT FROM to_bucket)
);
COMMENT ON TABLE ecommerce.stock_transfers IS
'Units that transfer_stock() has moved: each reference once.';
COMMENT ON COLUMN ecommerce.stock_transfers.reference IS 'What the shop calls the transfer.';
COMMENT ON COLUMN ecommerce.stock_transfers.product_id IS
'Product; it may have been deleted since.';
COMMENT ON COLUMN ecommerce.stock_transfers.quantity IS 'Units.';
COMMENT ON COLUMN ecommerce.stock_transfers.from_bucket IS
'Bucket that they left; null: they came from another database.';
COMMENT ON COLUMN ecommerce.stock_transfers.to_bucket IS
'Bucket that they came to; null: they went to another database.';
COMMENT ON COLUMN ecommerce.stock_transfers.actor IS 'Database role that did it.';
COMMENT ON COLUMN ecommerce.stock_transfers.created_at IS 'When the transaction that did it began.';


-- Events

COMMENT ON COLUMN ecommerce.order_events.event IS
'What happened: order_placed, order_shipped, order_delivered, order_cancelled or order_returned '
'gave the order its status; order_corrected took back one that was set by mistake; order_paid, '
'refund_requested, order_refunded, order_items_returned or order_address_changed left it.';


-- Authority: everybody reads what is their own, staff all.

FOR it IN
    SELECT relation FROM (VALUES ('order_payments'), ('order_balances'), ('order_returns'),
                                 ('order_return_lines'), ('archived_orders')) AS own (relation)
LOOP
    EXECUTE format('ALTER TABLE ecommerce.%I ENABLE ROW LEVEL SECURITY', it.relation);
    EXECUTE format($policy$CREATE POLICY own_rows ON ecommerce.%I FOR SELECT USING (customer_id =
        (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb
                 ->> 'user_id')::bigint))
        $policy$, it.relation);
    EXECUTE format($policy$CREATE POLICY staff ON ecommerce.%I FOR SELECT USING (
        (SELECT has_table_privilege('ecommerce.orders'::regclass, 'REFERENCES')))
        $policy$, it.relation);
END LOOP;


-- History: returns and their lines stay as they are.

CREATE TRIGGER check_return_change BEFORE UPDATE ON ecommerce.order_returns
    FOR EACH ROW EXECUTE FUNCTION ecommerce.check_return_change();
CREATE TRIGGER keep_returns BEFORE DELETE OR TRUNCATE ON ecommerce.order_returns
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();
CREATE TRIGGER keep_return_lines BEFORE UPDATE OR DELETE OR TRUNCATE ON ecommerce.order_return_lines
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();


-- The ledger of payments only grows; what they say of persons can be taken away.

CREATE FUNCTION ecommerce.check_payment_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (NEW.customer_id, NEW.order_id, NEW.payment_number, NEW.kind, NEW.provider, NEW.reference,
        NEW.amount, NEW.actor, NEW.created_at)
       IS DISTINCT FROM
       (OLD.customer_id, OLD.order_id, OLD.payment_number, OLD.kind, OLD.provider, OLD.reference,
        OLD.amount, OLD.actor, OLD.created_at)
       OR (NEW.payload IS NOT NULL AND NEW.payload IS DISTINCT FROM OLD.payload)
       OR (NEW.person IS NOT NULL AND NEW.person IS DISTINCT FROM OLD.person)
    THEN
        RAISE EXCEPTION 'history of orders cannot be changed'
            USING ERRCODE = 'restrict_violation',
                  DETAIL = format('{"code": "history_is_kept", "table": %s, "operation": "%s", '
                                  '"order_id": %s}', to_json(TG_TABLE_NAME), TG_OP,
                                  OLD.order_id),
                  HINT = 'Only the payload and the person can be taken away.';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ecommerce.check_payment_change FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.check_payment_change IS
'Keeps the ledger of payments as it is, but for the payload and the person.';
CREATE TRIGGER check_payment_change BEFORE UPDATE ON ecommerce.order_payments
    FOR EACH ROW EXECUTE FUNCTION ecommerce.check_payment_change();
CREATE TRIGGER keep_payments BEFORE DELETE OR TRUNCATE ON ecommerce.order_payments
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();


-- What is in the archive can go, and nothing else; a table is never truncated. Partitions have
-- the triggers of their table for rows; migrate() makes those for TRUNCATE.

CREATE FUNCTION ecommerce.keep_unless_archived() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    key bigint;
BEGIN
    IF TG_ARGV[0] = 'id' THEN
        key := OLD.id;
    ELSE
        key := OLD.order_id;
    END IF;
    IF EXISTS (SELECT FROM ecommerce.archived_orders
                WHERE customer_id = OLD.customer_id AND order_id = key)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'history of orders cannot be changed'
        USING ERRCODE = 'restrict_violation',
              DETAIL = format('{"code": "history_is_kept", "table": %s, "operation": "%s"}',
                              to_json(TG_TABLE_NAME), TG_OP),
              HINT = 'Cancel orders with cancel_order; remove personal data with erase_user; '
                     'archive what is old with archive_orders.';
END
$$;
REVOKE EXECUTE ON FUNCTION ecommerce.keep_unless_archived FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.keep_unless_archived IS
'Trigger function: refuses with 23001 to delete a row of an order that is not in archived_orders. '
'Its argument is the column that has the id of the order.';

FOR it IN
    SELECT tgname, tgrelid::regclass AS relation, tgtype & 16 <> 0 AS is_for_update,
           CASE tgrelid WHEN 'ecommerce.orders'::regclass THEN 'id' ELSE 'order_id' END AS key
      FROM pg_trigger WHERE tgfoid = 'ecommerce.keep_history'::regproc AND tgtype & 8 <> 0
LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', it.tgname, it.relation);
    EXECUTE format('CREATE TRIGGER keep_unless_archived BEFORE DELETE ON %s
        FOR EACH ROW EXECUTE FUNCTION ecommerce.keep_unless_archived(%I)', it.relation, it.key);
    IF it.is_for_update THEN
        EXECUTE format('CREATE TRIGGER keep_unchanged BEFORE UPDATE ON %s
            FOR EACH ROW EXECUTE FUNCTION ecommerce.keep_history()', it.relation);
    END IF;
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history()', it.tgname, it.relation);
END LOOP;


-- Interfaces: views for clients that want rows

-- A name that ORMs know.
ALTER TABLE ecommerce.schema_migrations
    ALTER COLUMN applied_by TYPE text, ALTER COLUMN applied_by SET DEFAULT (current_user::text);

-- Row-level security decides who sees what. But with its OR of two policies alone, every
-- order would be read for a customer's few: in the views, each of the two kinds of readers
-- has a way to the rows of its own. No type is a domain, which some ORMs do not know.
FOR it IN
    SELECT name, relation, columns FROM (VALUES
        ('orders', 'orders',
         'id, customer_id, number, order_date, order_amount::numeric AS order_amount,'
         ' currency::text AS currency, order_status::text AS order_status, shipping_address,'
         ' address::jsonb AS address, billing_address::jsonb AS billing_address,'
         ' metadata::jsonb AS metadata, items_amount::numeric AS items_amount, payment_due_at'),
        ('order_lines', 'order_details',
         'order_id, line_number, customer_id, product_id, product_name, product_description,'
         ' sku, options, category_id, category_name, unit_price, quantity, line_amount,'
         ' discount_amount, tax_rate, tax_amount')) AS views (name, relation, columns)
LOOP
    EXECUTE format($view$
CREATE VIEW ecommerce_api.%1$I WITH (security_invoker = true) AS
    SELECT %3$s
      FROM ecommerce.%2$I
     WHERE NOT (SELECT %4$s)
       AND customer_id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb
                                  ->> 'user_id')::bigint)
    UNION ALL
    SELECT %3$s
      FROM ecommerce.%2$I
     WHERE (SELECT %4$s)
    $view$, it.name, it.relation, it.columns,
        $all$has_table_privilege('ecommerce.orders'::regclass, 'REFERENCES')
             OR NOT row_security_active('ecommerce.orders'::regclass)$all$);
END LOOP;

COMMENT ON VIEW ecommerce_api.orders IS
'Orders: your own, or all of them for who acts for any user. Embeds order_lines.';
COMMENT ON COLUMN ecommerce_api.orders.id IS 'Identifies the order.';
COMMENT ON COLUMN ecommerce_api.orders.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce_api.orders.number IS 'Number shown to people, if the shop has any.';
COMMENT ON COLUMN ecommerce_api.orders.order_date IS 'When it was placed.';
COMMENT ON COLUMN ecommerce_api.orders.order_amount IS 'What is charged, exact, in currency.';
COMMENT ON COLUMN ecommerce_api.orders.currency IS
'ISO 4217 code of the currency of all amounts of the order.';
COMMENT ON COLUMN ecommerce_api.orders.order_status IS
'PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED.';
COMMENT ON COLUMN ecommerce_api.orders.shipping_address IS 'Where it goes, as text.';
COMMENT ON COLUMN ecommerce_api.orders.address IS 'Where it goes, as an object of texts, if known.';
COMMENT ON COLUMN ecommerce_api.orders.billing_address IS
'Where the bill goes; null: where the order goes.';
COMMENT ON COLUMN ecommerce_api.orders.metadata IS 'Facts that were given with the order.';
COMMENT ON COLUMN ecommerce_api.orders.items_amount IS
'Sum of the lines, if the order has discounts, shipping or taxes.';
COMMENT ON COLUMN ecommerce_api.orders.payment_due_at IS
'Until when it has to be paid, if it has to be paid in advance.';

COMMENT ON VIEW ecommerce_api.order_lines IS
'Lines of orders, the products as they were sold: your own, or all of them for who acts for any '
'user.';
COMMENT ON COLUMN ecommerce_api.order_lines.order_id IS 'Order.';
COMMENT ON COLUMN ecommerce_api.order_lines.line_number IS 'Number within the order, from 1.';
COMMENT ON COLUMN ecommerce_api.order_lines.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce_api.order_lines.product_id IS
'Product; it may have been deleted since.';
COMMENT ON COLUMN ecommerce_api.order_lines.product_name IS 'Name the product had.';
COMMENT ON COLUMN ecommerce_api.order_lines.product_description IS 'Description it had.';
COMMENT ON COLUMN ecommerce_api.order_lines.sku IS 'Stock keeping unit it had.';
COMMENT ON COLUMN ecommerce_api.order_lines.options IS 'Options it had.';
COMMENT ON COLUMN ecommerce_api.order_lines.category_id IS 'Category it had, if any.';
COMMENT ON COLUMN ecommerce_api.order_lines.category_name IS 'Name the category had.';
COMMENT ON COLUMN ecommerce_api.order_lines.unit_price IS
'Price of one unit, exact, in the currency of the order.';
COMMENT ON COLUMN ecommerce_api.order_lines.quantity IS 'Units ordered.';
COMMENT ON COLUMN ecommerce_api.order_lines.line_amount IS
'unit_price times quantity, rounded to a unit of the currency, before discounts.';
COMMENT ON COLUMN ecommerce_api.order_lines.discount_amount IS
'Share of the discounts; null if there are none.';
COMMENT ON COLUMN ecommerce_api.order_lines.tax_rate IS 'Percent of tax; null if it is not taxed.';
COMMENT ON COLUMN ecommerce_api.order_lines.tax_amount IS
'Share of the taxes, included or added; null if it is not taxed.';

-- What PostgREST embeds lines in orders by. A function leads one way only: with a foreign
-- key, a request could go from orders to lines and back, without end.
CREATE FUNCTION ecommerce_api.order_lines(placed ecommerce_api.orders)
    RETURNS SETOF ecommerce_api.order_lines
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
    AS $$
    SELECT * FROM ecommerce_api.order_lines AS line
     WHERE line.customer_id = placed.customer_id AND line.order_id = placed.id
$$;
REVOKE EXECUTE ON FUNCTION ecommerce_api.order_lines FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.order_lines IS
'Lines of an order

For embedding: orders?select=*,order_lines(*). placed: the order.';


-- Details of errors, spelt as all others

CREATE OR REPLACE FUNCTION ecommerce.keep_history() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION 'history of orders cannot be changed'
        USING ERRCODE = 'restrict_violation',
              DETAIL = format('{"code": "history_is_kept", "table": %s, "operation": "%s"}',
                              to_json(TG_TABLE_NAME), TG_OP),
              HINT = 'Cancel orders with cancel_order; remove personal data with erase_user.';
END
$$;

END
$migration$;
REVOKE EXECUTE ON FUNCTION ecommerce_migrations.migration_4 FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_migrations.migration_4 IS
'What happens to an order: payments, returns and the rest. Called by ecommerce.migrate(), never '
'directly.';
