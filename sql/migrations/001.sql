-- The tables of version 1. Released: what the function does never changes.

CREATE SCHEMA ecommerce_migrations;
COMMENT ON SCHEMA ecommerce_migrations IS
'What ecommerce.migrate() runs to make the tables. Nobody needs a privilege on it.';

CREATE FUNCTION ecommerce_migrations.migration_1() RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS $migration$

CREATE TABLE ecommerce.schema_migrations (
    version     integer     NOT NULL,
    name        text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    applied_by  name        NOT NULL DEFAULT current_user,
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
);
COMMENT ON TABLE ecommerce.schema_migrations IS 'The migrations that ecommerce.migrate() has applied to these tables.';
COMMENT ON COLUMN ecommerce.schema_migrations.version IS 'Number of the migration; the highest is the version of the tables.';
COMMENT ON COLUMN ecommerce.schema_migrations.name IS 'Function of the extension that made the change.';
COMMENT ON COLUMN ecommerce.schema_migrations.applied_at IS 'When.';
COMMENT ON COLUMN ecommerce.schema_migrations.applied_by IS 'Role that the migration ran as.';

-- Domains, not table constraints, check what every order writes: the server reads a
-- table's constraints from their stored form for each statement, a domain's once a
-- session. For the rows of one statement it is the other way round: see order_details.

CREATE DOMAIN ecommerce.amount AS numeric
    -- Leaves out NaN and the infinities too: they sort beyond every number.
    CONSTRAINT amount_from_0_below_1e15 CHECK (VALUE >= 0 AND VALUE < 1e15);
COMMENT ON DOMAIN ecommerce.amount IS 'Exact amount of money: from 0, below 1e15.';

CREATE DOMAIN ecommerce.currency AS text
    CONSTRAINT currency_iso_4217 CHECK (VALUE ~ '^[A-Z]{3}$');
COMMENT ON DOMAIN ecommerce.currency IS 'ISO 4217 code of a currency: three capital letters.';

CREATE DOMAIN ecommerce.order_status AS text
    CONSTRAINT order_status_known
        CHECK (VALUE IN ('PROCESSING', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'RETURNED'));
COMMENT ON DOMAIN ecommerce.order_status IS 'PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED.';

CREATE DOMAIN ecommerce.idempotency_key AS text
    CONSTRAINT idempotency_key_1_to_255_characters CHECK (length(VALUE) BETWEEN 1 AND 255);
COMMENT ON DOMAIN ecommerce.idempotency_key IS 'Key that a client gives a request, to repeat it safely: 1 to 255 characters.';

CREATE TABLE ecommerce.users (
    id               bigserial   NOT NULL,
    name             text        NOT NULL,
    email            text,
    shipping_address text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX users_email_key ON ecommerce.users (lower(email));
COMMENT ON TABLE ecommerce.users IS 'Customers.';
COMMENT ON COLUMN ecommerce.users.id IS 'Identifies the user in every function, as user_id.';
COMMENT ON COLUMN ecommerce.users.name IS 'Full name.';
COMMENT ON COLUMN ecommerce.users.email IS 'Address for confirmations; unique without regard to case.';
COMMENT ON COLUMN ecommerce.users.shipping_address IS 'Where orders go that name no address of their own.';
COMMENT ON COLUMN ecommerce.users.created_at IS 'When the user was added.';

CREATE TABLE ecommerce.categories (
    id   bigserial NOT NULL,
    name text      NOT NULL,
    CONSTRAINT categories_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE ecommerce.categories IS 'Groups of products.';
COMMENT ON COLUMN ecommerce.categories.id IS 'Identifies the category.';
COMMENT ON COLUMN ecommerce.categories.name IS 'Name shown to customers.';

CREATE TABLE ecommerce.products (
    id          bigserial NOT NULL,
    name        text      NOT NULL,
    description text,
    price       numeric   NOT NULL,
    currency    ecommerce.currency NOT NULL DEFAULT 'USD',
    category_id bigint,
    is_active   boolean   NOT NULL DEFAULT true,
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_category_exists
        FOREIGN KEY (category_id) REFERENCES ecommerce.categories (id),
    -- Leaves out NaN and the infinities too: they sort beyond every number.
    CONSTRAINT products_price_from_0_below_1e12 CHECK (price >= 0 AND price < 1e12),
    CONSTRAINT products_price_at_most_4_decimals CHECK (scale(price) <= 4)
);
CREATE INDEX products_category_id_idx ON ecommerce.products (category_id);
COMMENT ON TABLE ecommerce.products IS 'The catalogue. What is in stock is in stock_levels.';
COMMENT ON COLUMN ecommerce.products.id IS 'Identifies the product.';
COMMENT ON COLUMN ecommerce.products.name IS 'Name shown to customers; copied into order lines.';
COMMENT ON COLUMN ecommerce.products.description IS 'Description shown to customers; copied into order lines.';
COMMENT ON COLUMN ecommerce.products.price IS 'Price of one unit, exact, at most 4 decimals, in currency.';
COMMENT ON COLUMN ecommerce.products.currency IS 'ISO 4217 code of the currency of the price.';
COMMENT ON COLUMN ecommerce.products.category_id IS 'Category, if any.';
COMMENT ON COLUMN ecommerce.products.is_active IS 'Whether the product can be put into carts and ordered.';

CREATE TABLE ecommerce.carts (
    user_id      bigint      NOT NULL,
    stock_bucket integer     NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT carts_pkey PRIMARY KEY (user_id),
    CONSTRAINT carts_user_exists
        FOREIGN KEY (user_id) REFERENCES ecommerce.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE ecommerce.carts IS 'One row for each user who has ever put a product into the cart. place_order() locks it, so a customer''s orders are placed one after the other.';
COMMENT ON COLUMN ecommerce.carts.user_id IS 'Whose cart it is.';
COMMENT ON COLUMN ecommerce.carts.stock_bucket IS 'Bucket of stock_levels that the orders of this cart draw on.';
COMMENT ON COLUMN ecommerce.carts.created_at IS 'When the user first put a product into the cart.';

CREATE TABLE ecommerce.cart_items (
    user_id    bigint      NOT NULL,
    product_id bigint      NOT NULL,
    quantity   integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cart_items_pkey PRIMARY KEY (user_id, product_id),
    CONSTRAINT cart_items_cart_exists
        FOREIGN KEY (user_id) REFERENCES ecommerce.carts (user_id) ON DELETE CASCADE,
    CONSTRAINT cart_items_product_exists
        FOREIGN KEY (product_id) REFERENCES ecommerce.products (id) ON DELETE CASCADE,
    CONSTRAINT cart_items_quantity_positive CHECK (quantity > 0)
);
CREATE INDEX cart_items_product_id_idx ON ecommerce.cart_items (product_id);
COMMENT ON TABLE ecommerce.cart_items IS 'Products in carts, one row for each. Placing an order takes the rows out.';
COMMENT ON COLUMN ecommerce.cart_items.user_id IS 'Whose cart the product is in.';
COMMENT ON COLUMN ecommerce.cart_items.product_id IS 'Product.';
COMMENT ON COLUMN ecommerce.cart_items.quantity IS 'Units the customer wants.';
COMMENT ON COLUMN ecommerce.cart_items.created_at IS 'When the product was put into the cart.';

-- After cart_items: foreign keys act in the order in which they were made, so that
-- deleting a product takes locks in the order in which placing an order does.
CREATE TABLE ecommerce.stock_levels (
    bucket     integer NOT NULL DEFAULT 0,
    product_id bigint  NOT NULL,
    quantity   bigint  NOT NULL,
    CONSTRAINT stock_levels_pkey PRIMARY KEY (bucket, product_id),
    CONSTRAINT stock_levels_product_exists
        FOREIGN KEY (product_id) REFERENCES ecommerce.products (id) ON DELETE CASCADE,
    CONSTRAINT stock_levels_never_negative CHECK (quantity >= 0)
);
CREATE INDEX stock_levels_product_id_idx ON ecommerce.stock_levels (product_id);
COMMENT ON TABLE ecommerce.stock_levels IS 'Units in stock. A product without a row has none.';
COMMENT ON COLUMN ecommerce.stock_levels.bucket IS 'Part of the stock that the row counts; 0 unless the shop splits a hot product. A cart draws on one bucket.';
COMMENT ON COLUMN ecommerce.stock_levels.product_id IS 'Product.';
COMMENT ON COLUMN ecommerce.stock_levels.quantity IS 'Units that can still be ordered.';

CREATE TABLE ecommerce.orders (
    customer_id      bigint      NOT NULL,
    id               bigserial   NOT NULL,
    order_date       timestamptz NOT NULL DEFAULT now(),
    order_amount     ecommerce.amount NOT NULL,
    currency         ecommerce.currency NOT NULL,
    order_status     ecommerce.order_status NOT NULL DEFAULT 'PROCESSING',
    shipping_address text        NOT NULL,
    idempotency_key  ecommerce.idempotency_key,
    stock_bucket     integer     NOT NULL DEFAULT 0,
    CONSTRAINT orders_pkey PRIMARY KEY (customer_id, id),
    CONSTRAINT orders_one_for_each_idempotency_key UNIQUE (customer_id, idempotency_key),
    CONSTRAINT orders_customer_exists
        FOREIGN KEY (customer_id) REFERENCES ecommerce.users (id)
);
COMMENT ON TABLE ecommerce.orders IS 'Orders. Nothing deletes them: a user who has any cannot be deleted.';
COMMENT ON COLUMN ecommerce.orders.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.orders.id IS 'Identifies the order, and sorts a customer''s orders in the order in which they were placed.';
COMMENT ON COLUMN ecommerce.orders.order_date IS 'When the transaction that placed the order began.';
COMMENT ON COLUMN ecommerce.orders.order_amount IS 'Exact sum of the lines, in currency.';
COMMENT ON COLUMN ecommerce.orders.currency IS 'ISO 4217 code of the currency of all amounts of the order.';
COMMENT ON COLUMN ecommerce.orders.order_status IS 'PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED.';
COMMENT ON COLUMN ecommerce.orders.shipping_address IS 'Where the order goes.';
COMMENT ON COLUMN ecommerce.orders.idempotency_key IS 'Key the client gave, if any; one order for each key of a customer.';
COMMENT ON COLUMN ecommerce.orders.stock_bucket IS 'Bucket of stock_levels that the order was taken from.';

CREATE TABLE ecommerce.order_details (
    customer_id         bigint  NOT NULL,
    order_id            bigint  NOT NULL,
    line_number         integer NOT NULL,
    product_id          bigint  NOT NULL,
    product_name        text    NOT NULL,
    product_description text,
    category_id         bigint,
    category_name       text,
    unit_price          numeric NOT NULL,
    quantity            integer NOT NULL,
    line_amount         numeric NOT NULL,
    CONSTRAINT order_details_pkey PRIMARY KEY (customer_id, order_id, line_number),
    CONSTRAINT order_details_order_exists
        FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders (customer_id, id),
    CONSTRAINT order_details_amount_is_price_times_positive_quantity
        CHECK (quantity > 0 AND unit_price >= 0 AND line_amount = unit_price * quantity
               AND line_amount < 1e15)
);
COMMENT ON TABLE ecommerce.order_details IS 'Lines of orders: the product as it was sold, whatever becomes of the catalogue.';
COMMENT ON COLUMN ecommerce.order_details.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_details.order_id IS 'Order the line belongs to.';
COMMENT ON COLUMN ecommerce.order_details.line_number IS 'Number of the line within its order, from 1.';
COMMENT ON COLUMN ecommerce.order_details.product_id IS 'Product; it may have been deleted since.';
COMMENT ON COLUMN ecommerce.order_details.product_name IS 'Name the product had.';
COMMENT ON COLUMN ecommerce.order_details.product_description IS 'Description the product had.';
COMMENT ON COLUMN ecommerce.order_details.category_id IS 'Category the product had, if any.';
COMMENT ON COLUMN ecommerce.order_details.category_name IS 'Name the category had.';
COMMENT ON COLUMN ecommerce.order_details.unit_price IS 'Price of one unit, in the currency of the order.';
COMMENT ON COLUMN ecommerce.order_details.quantity IS 'Units ordered.';
COMMENT ON COLUMN ecommerce.order_details.line_amount IS 'unit_price times quantity, exact.';

CREATE TABLE ecommerce.order_events (
    customer_id  bigint      NOT NULL,
    order_id     bigint      NOT NULL,
    event_number integer     NOT NULL,
    id           bigserial   NOT NULL,
    event        text        NOT NULL,
    old_status   text,
    new_status   text,
    payload      jsonb,
    actor        text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    CONSTRAINT order_events_pkey PRIMARY KEY (customer_id, order_id, event_number),
    CONSTRAINT order_events_order_exists
        FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders (customer_id, id)
);
CREATE INDEX order_events_undelivered_idx ON ecommerce.order_events (id) WHERE delivered_at IS NULL;
COMMENT ON TABLE ecommerce.order_events IS 'What happened to orders, written in the same transaction: their history, and a transactional outbox.';
COMMENT ON COLUMN ecommerce.order_events.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_events.order_id IS 'Order the event is about.';
COMMENT ON COLUMN ecommerce.order_events.event_number IS 'Number of the event within its order, from 1.';
COMMENT ON COLUMN ecommerce.order_events.id IS 'Identifies the event for consumers.';
COMMENT ON COLUMN ecommerce.order_events.event IS 'What happened: order_placed.';
COMMENT ON COLUMN ecommerce.order_events.old_status IS 'Status of the order before, if it had one.';
COMMENT ON COLUMN ecommerce.order_events.new_status IS 'Status of the order after.';
COMMENT ON COLUMN ecommerce.order_events.payload IS 'Facts that are not in the order; null when there are none.';
COMMENT ON COLUMN ecommerce.order_events.actor IS 'Database role that did it.';
COMMENT ON COLUMN ecommerce.order_events.created_at IS 'When the transaction that did it began.';
COMMENT ON COLUMN ecommerce.order_events.delivered_at IS 'When a consumer acknowledged the event; null until then.';

-- Row-level security, for roles that read the tables directly: a shopper's own rows,
-- staff's all rows. The functions run as the owner, to whom it does not apply. The
-- policies spell out current_user_id() so that they do not depend on the extension.
-- Each condition is a sub-select so that it is evaluated once for a query, and staff's
-- comes first so that their tokens need no user_id.

ALTER TABLE ecommerce.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_row_or_staff ON ecommerce.users USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'INSERT'))
    OR id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id')::bigint));

ALTER TABLE ecommerce.carts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows_or_staff ON ecommerce.carts USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'INSERT'))
    OR user_id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id')::bigint));

ALTER TABLE ecommerce.cart_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows_or_staff ON ecommerce.cart_items USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'INSERT'))
    OR user_id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id')::bigint));

ALTER TABLE ecommerce.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows_or_staff ON ecommerce.orders USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'INSERT'))
    OR customer_id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id')::bigint));

ALTER TABLE ecommerce.order_details ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows_or_staff ON ecommerce.order_details USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'INSERT'))
    OR customer_id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id')::bigint));

ALTER TABLE ecommerce.order_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows_or_staff ON ecommerce.order_events USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'INSERT'))
    OR customer_id = (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'user_id')::bigint));

-- The catalogue as PostgREST shows it

CREATE VIEW ecommerce_api.categories WITH (security_invoker = true) AS
    SELECT id, name FROM ecommerce.categories;
COMMENT ON VIEW ecommerce_api.categories IS 'Groups of products.';
COMMENT ON COLUMN ecommerce_api.categories.id IS 'Identifies the category.';
COMMENT ON COLUMN ecommerce_api.categories.name IS 'Name of the category.';

CREATE VIEW ecommerce_api.products WITH (security_invoker = true) AS
    SELECT id, name, description, price, currency::text, category_id,
           coalesce((SELECT sum(stock.quantity) FROM ecommerce.stock_levels AS stock
                      WHERE stock.product_id = products.id), 0)::bigint AS quantity
      FROM ecommerce.products
     WHERE is_active;
COMMENT ON VIEW ecommerce_api.products IS 'Products that can be ordered.';
COMMENT ON COLUMN ecommerce_api.products.id IS 'Identifies the product.';
COMMENT ON COLUMN ecommerce_api.products.name IS 'Name of the product.';
COMMENT ON COLUMN ecommerce_api.products.description IS 'Description of the product.';
COMMENT ON COLUMN ecommerce_api.products.price IS 'Price of one unit, exact, in currency.';
COMMENT ON COLUMN ecommerce_api.products.currency IS 'ISO 4217 code of the currency of the price.';
COMMENT ON COLUMN ecommerce_api.products.category_id IS 'Category, if any.';
COMMENT ON COLUMN ecommerce_api.products.quantity IS 'Units in stock.';

$migration$;
REVOKE EXECUTE ON FUNCTION ecommerce_migrations.migration_1 FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_migrations.migration_1 IS
'First version of the tables.';
