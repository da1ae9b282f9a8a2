-- The tables of version 3: money in units of its currency, and what an order costs.

CREATE FUNCTION ecommerce_migrations.migration_3() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS $migration$
DECLARE
    suspect record;
    blanks CONSTANT text :=
        '\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F-\u1160\u1680\u17B4-\u17B5\u180B-\u180F'
        '\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8'
        '\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF';
    without_blanks CONSTANT text := '[^' || blanks || '](?:.*[^' || blanks || '])?';
BEGIN

-- An open shop waits, in the order in which a placement locks.

SET CONSTRAINTS ALL IMMEDIATE;
LOCK TABLE ecommerce.users, ecommerce.carts, ecommerce.cart_items, ecommerce.orders,
           ecommerce.stock_levels, ecommerce.order_details, ecommerce.order_events
    IN ACCESS EXCLUSIVE MODE;


-- Domains

CREATE DOMAIN ecommerce.address AS jsonb
    CONSTRAINT address_has_known_fields_of_at_most_500_characters CHECK (
        jsonb_typeof(VALUE) = 'object'
        AND VALUE - '{name,phone,email,company,line1,line2,city,state,postal_code,country}'::text[]
            = '{}'
        AND NOT jsonb_path_exists(VALUE, '$.* ? (@.type() != "string")')
        -- The pattern is dear, and only of an address that is as long can a field be.
        AND (length(VALUE::text) <= 500
             OR NOT jsonb_path_exists(VALUE, '$.* ? (@ like_regex "^(.{250}){2}." flag "s")')))
    CONSTRAINT address_country_is_two_capital_letters CHECK (
        VALUE ->> 'country' ~ '^[A-Z]{2}$');
COMMENT ON DOMAIN ecommerce.address IS
'Address as a JSON object of texts: name, phone, email, company, line1, line2, city, state, '
'postal_code, country (ISO 3166-1 alpha-2). The fields are those of Stripe''s API.';

CREATE DOMAIN ecommerce.metadata AS jsonb
    CONSTRAINT metadata_is_an_object CHECK (jsonb_typeof(VALUE) = 'object');
COMMENT ON DOMAIN ecommerce.metadata IS 'Facts that come with an order: a JSON object.';

CREATE DOMAIN ecommerce.country AS text
    CONSTRAINT country_is_two_capital_letters CHECK (VALUE ~ '^[A-Z]{2}$');
COMMENT ON DOMAIN ecommerce.country IS 'ISO 3166-1 alpha-2 code of a country.';

-- In texts.h's meaning.
EXECUTE format($domain$
CREATE DOMAIN ecommerce.label AS text
    CONSTRAINT label_not_blank CHECK (VALUE ~ %L)
$domain$, '[^' || blanks || ']');
COMMENT ON DOMAIN ecommerce.label IS 'Text that shows something: not empty, not blank.';

CREATE DOMAIN ecommerce.adjustment_kind AS text
    CONSTRAINT adjustment_kind_known
        CHECK (VALUE IN ('discount', 'shipping', 'shipping_discount', 'tax', 'fee'));
COMMENT ON DOMAIN ecommerce.adjustment_kind IS
'What an order costs besides its lines: discount, shipping, shipping_discount, tax or fee.';

CREATE DOMAIN ecommerce.adjustment_amount AS numeric
    CONSTRAINT adjustment_amount_within_1e15 CHECK (VALUE > -1e15 AND VALUE < 1e15);
COMMENT ON DOMAIN ecommerce.adjustment_amount IS
'Exact amount of money that may be negative, in both directions below 1e15.';


-- Users

-- From the first to the last character that is not blank, in texts.h's meaning.
EXECUTE format($function$
CREATE FUNCTION ecommerce.cut_blanks() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    NEW.email := substring(NEW.email, %L);
    RETURN NEW;
END
$$
$function$, without_blanks);
REVOKE EXECUTE ON FUNCTION ecommerce.cut_blanks FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.cut_blanks IS
'Trigger function: cuts blanks off an e-mail address as it comes in, on both sides; one of '
'nothing else becomes null.';

CREATE TRIGGER cut_blanks BEFORE INSERT OR UPDATE OF email ON ecommerce.users
    FOR EACH ROW EXECUTE FUNCTION ecommerce.cut_blanks();

-- ASCII only, so that it is the same whatever the collation of the database.
DROP INDEX ecommerce.users_email_key;
SELECT array_agg(id ORDER BY id) AS ids INTO suspect
  FROM ecommerce.users GROUP BY lower(email COLLATE "C") HAVING count(email) > 1 LIMIT 1;
IF FOUND THEN
    RAISE EXCEPTION 'two users have one e-mail address'
        USING ERRCODE = 'unique_violation',
              DETAIL = format('{"code": "email_has_two_users", "user_ids": %s}',
                              to_json(suspect.ids)),
              HINT = 'Change one of the addresses, then migrate again.';
END IF;
CREATE UNIQUE INDEX users_email_key ON ecommerce.users (lower(email COLLATE "C"));

-- Where another user has the same address without the blanks, or with others, order_integrity()
-- tells.
UPDATE ecommerce.users AS it SET email = email
  FROM (SELECT id, address, count(address) OVER (PARTITION BY lower(address COLLATE "C")) AS users
          FROM (SELECT id, email, substring(email, without_blanks) AS address
                  FROM ecommerce.users WHERE email IS NOT NULL) AS trimmed) AS cut
 WHERE cut.id = it.id AND cut.address IS DISTINCT FROM it.email AND cut.users <= 1;

ALTER TABLE ecommerce.users
    ADD COLUMN address ecommerce.address,
    -- More than that is for the SMTP server to judge.
    ADD CONSTRAINT users_email_has_an_at CHECK (email LIKE '%_@_%') NOT VALID,
    ADD CONSTRAINT users_shipping_address_at_most_10000_characters
        CHECK (length(shipping_address) <= 10000) NOT VALID;
COMMENT ON COLUMN ecommerce.users.email IS
'Address for confirmations; blanks around it are cut off, and it is unique without regard to the '
'case of ASCII letters.';
COMMENT ON COLUMN ecommerce.users.shipping_address IS
'Where orders go that name no address of their own, as text; used if there is no address.';
COMMENT ON COLUMN ecommerce.users.address IS
'Where orders go that name no address of their own.';


-- Catalogue

-- A category that is deleted leaves its products without one.
ALTER TABLE ecommerce.products
    DROP CONSTRAINT products_category_exists,
    DROP CONSTRAINT products_price_at_most_4_decimals,
    ADD COLUMN sku       text,
    ADD COLUMN options   jsonb,
    ADD COLUMN tax_class text,
    ADD COLUMN weight    numeric,
    ADD CONSTRAINT products_category_exists
        FOREIGN KEY (category_id) REFERENCES ecommerce.categories (id) ON DELETE SET NULL,
    -- 19.900000 needs one.
    ADD CONSTRAINT products_price_at_most_6_decimals CHECK (min_scale(price) <= 6),
    ADD CONSTRAINT products_sku_key UNIQUE (sku),
    ADD CONSTRAINT products_options_are_an_object CHECK (jsonb_typeof(options) = 'object'),
    ADD CONSTRAINT products_weight_from_0_below_1e9 CHECK (weight >= 0 AND weight < 1e9);
COMMENT ON COLUMN ecommerce.products.price IS
'Price of one unit, exact, at most 6 decimals, in currency. It may be finer than the currency: '
'the amount of a line is rounded.';
COMMENT ON COLUMN ecommerce.products.sku IS
'Stock keeping unit, the shop''s own number of the product; copied into order lines.';
COMMENT ON COLUMN ecommerce.products.options IS
'What tells the product from its variants, such as {"size": "M"}; copied into order lines.';
COMMENT ON COLUMN ecommerce.products.tax_class IS
'Class of tax_rates that applies; null: the product is not taxed.';
COMMENT ON COLUMN ecommerce.products.weight IS
'Weight of one unit, in the unit that shipping_rates has.';

-- As PostgREST shows it. From a column that is a foreign key PostgREST would derive that
-- categories and products embed each other, without end: one request could read all of the
-- catalogue again and again. So category_id is an expression here; the planner looks through it.
CREATE OR REPLACE VIEW ecommerce_api.products WITH (security_invoker = true) AS
    SELECT id, name, description, price, currency::text,
           CASE WHEN true THEN category_id END AS category_id,
           coalesce((SELECT sum(stock.quantity) FROM ecommerce.stock_levels AS stock
                      WHERE stock.product_id = products.id), 0)::bigint AS quantity,
           sku, options,
           (SELECT categories.name FROM ecommerce.categories
             WHERE categories.id = products.category_id) AS category_name
      FROM ecommerce.products
     WHERE is_active;
COMMENT ON COLUMN ecommerce_api.products.price IS
'Price of one unit, exact, in currency; the amount of a line is rounded.';
COMMENT ON COLUMN ecommerce_api.products.sku IS 'Stock keeping unit, the shop''s own number.';
COMMENT ON COLUMN ecommerce_api.products.options IS
'What tells the product from its variants, such as {"size": "M"}.';
COMMENT ON COLUMN ecommerce_api.products.category_name IS 'Name of the category, if any.';


-- Carts

-- A product that is deleted stays in carts, where the customer is told: no foreign key.
ALTER TABLE ecommerce.cart_items
    DROP CONSTRAINT cart_items_product_exists,
    ADD COLUMN unit_price   numeric,
    ADD COLUMN currency     text,
    ADD COLUMN product_name text,
    ADD COLUMN changed_at   timestamptz NOT NULL DEFAULT now();
DROP INDEX ecommerce.cart_items_product_id_idx;
COMMENT ON COLUMN ecommerce.cart_items.product_id IS 'Product; it may have been deleted since.';
COMMENT ON COLUMN ecommerce.cart_items.unit_price IS
'Price of the product when the customer last changed the quantity.';
COMMENT ON COLUMN ecommerce.cart_items.currency IS 'Currency of that price.';
COMMENT ON COLUMN ecommerce.cart_items.product_name IS 'Name of the product then.';
COMMENT ON COLUMN ecommerce.cart_items.changed_at IS
'When the customer last changed the quantity.';

ALTER TABLE ecommerce.carts
    ALTER COLUMN stock_bucket TYPE bigint,
    ADD COLUMN coupons         text[],
    ADD COLUMN shipping_code   text,
    ADD COLUMN address         ecommerce.address,
    ADD COLUMN billing_address ecommerce.address;
COMMENT ON COLUMN ecommerce.carts.coupons IS
'Codes of promotions that the customer wants; null for none.';
COMMENT ON COLUMN ecommerce.carts.shipping_code IS
'Code of the shipping_rates that the order is sent by; null: nothing is charged for shipping. A '
'shop that always ships sets a default.';
COMMENT ON COLUMN ecommerce.carts.address IS 'Where the order goes; null: to the user''s own.';
COMMENT ON COLUMN ecommerce.carts.billing_address IS
'Where the bill goes; null: where the order goes.';


-- Stock

-- The rows of one product are beside each other. Updates find room on the row's own page. A
-- CHECK of the till would cost each order 2 % of its instructions, and units of any till are sold.
ALTER TABLE ecommerce.stock_levels
    ALTER COLUMN bucket TYPE bigint,
    ADD COLUMN till smallint NOT NULL DEFAULT 0,
    DROP CONSTRAINT stock_levels_pkey,
    ADD CONSTRAINT stock_levels_pkey PRIMARY KEY (product_id, bucket, till),
    SET (fillfactor = 70);
DROP INDEX ecommerce.stock_levels_product_id_idx;
COMMENT ON COLUMN ecommerce.stock_levels.bucket IS
'Part of the stock that the row counts, such as that of a warehouse or a shard; 0 where there is '
'one. A cart draws on its own bucket first, then on the others.';
COMMENT ON COLUMN ecommerce.stock_levels.till IS
'Of a product that split_stock() has split: a till, from which the orders of some customers take '
'units, or 0, the reserve, which fills the tills and where units come back. Else 0.';


-- What an order costs

CREATE TABLE ecommerce.promotions (
    id             bigserial   NOT NULL,
    code           ecommerce.label,
    name           ecommerce.label NOT NULL,
    kind           text        NOT NULL,
    value          numeric,
    currency       ecommerce.currency,
    buy_quantity   integer,
    free_quantity  integer,
    product_id     bigint,
    category_id    bigint,
    min_amount     numeric,
    priority       integer     NOT NULL DEFAULT 0,
    combines       boolean     NOT NULL DEFAULT true,
    usage_limit    bigint,
    customer_limit integer,
    starts_at      timestamptz,
    ends_at        timestamptz,
    is_active      boolean     NOT NULL DEFAULT true,
    CONSTRAINT promotions_pkey PRIMARY KEY (id),
    CONSTRAINT promotions_code_at_most_50_characters_without_space
        CHECK (length(code) <= 50 AND code !~ '[[:space:]]'),
    CONSTRAINT promotions_kind_known
        CHECK (kind IN ('percent', 'amount', 'quantity', 'free_shipping')),
    CONSTRAINT promotions_percent_has_value_above_0_to_100
        CHECK (kind <> 'percent' OR (value > 0 AND value <= 100 AND min_scale(value) <= 4) IS TRUE),
    CONSTRAINT promotions_amount_has_value_and_currency
        CHECK (kind <> 'amount' OR (value > 0 AND value < 1e15 AND currency IS NOT NULL) IS TRUE),
    CONSTRAINT promotions_quantity_has_buy_and_free
        CHECK (kind <> 'quantity' OR (buy_quantity > 0 AND free_quantity > 0) IS TRUE),
    CONSTRAINT promotions_only_what_the_kind_needs
        CHECK ((kind IN ('percent', 'amount')) = (value IS NOT NULL)
               AND (kind = 'quantity') = (buy_quantity IS NOT NULL)
               AND (kind = 'quantity') = (free_quantity IS NOT NULL)
               AND (kind <> 'free_shipping' OR (product_id IS NULL AND category_id IS NULL))),
    CONSTRAINT promotions_min_amount_has_currency
        CHECK (min_amount IS NULL
               OR (min_amount >= 0 AND min_amount < 1e15 AND currency IS NOT NULL) IS TRUE),
    CONSTRAINT promotions_limits_positive
        CHECK (usage_limit >= 0 AND customer_limit > 0),
    CONSTRAINT promotions_end_after_they_start CHECK (ends_at > starts_at)
);
CREATE UNIQUE INDEX promotions_code_key ON ecommerce.promotions (upper(code COLLATE "C"));
CREATE INDEX promotions_automatic_idx ON ecommerce.promotions (priority, id) WHERE code IS NULL;
COMMENT ON TABLE ecommerce.promotions IS
'Discounts: automatic ones, and those of coupons.';
COMMENT ON COLUMN ecommerce.promotions.id IS 'Identifies the promotion.';
COMMENT ON COLUMN ecommerce.promotions.code IS
'Coupon code that customers give; unique without regard to the case of ASCII letters. Null: the '
'promotion applies by itself.';
COMMENT ON COLUMN ecommerce.promotions.name IS 'Name shown to customers.';
COMMENT ON COLUMN ecommerce.promotions.kind IS
'percent: value percent off. amount: value off, in currency. quantity: of buy_quantity plus '
'free_quantity units of a product, free_quantity cost nothing. free_shipping: no shipping costs.';
COMMENT ON COLUMN ecommerce.promotions.value IS
'Percent above 0 to 100, or an amount; what the kind says.';
COMMENT ON COLUMN ecommerce.promotions.currency IS
'Currency of value and min_amount; the promotion applies to carts of no other. Null: to all.';
COMMENT ON COLUMN ecommerce.promotions.buy_quantity IS
'Units to pay for, of each buy_quantity + free_quantity units.';
COMMENT ON COLUMN ecommerce.promotions.free_quantity IS 'Units that cost nothing then.';
COMMENT ON COLUMN ecommerce.promotions.product_id IS
'Product it is for; null: any. A product that is deleted takes the promotion out of use.';
COMMENT ON COLUMN ecommerce.promotions.category_id IS 'Category of products it is for; null: any.';
COMMENT ON COLUMN ecommerce.promotions.min_amount IS
'Applies if the goods it is for, after the discounts before it, come to this.';
COMMENT ON COLUMN ecommerce.promotions.priority IS
'Promotions apply by priority, lowest first, then by id; each sees what those before it left.';
COMMENT ON COLUMN ecommerce.promotions.combines IS
'False: applies alone, if that costs the customer less, before taxes, than all that combine.';
COMMENT ON COLUMN ecommerce.promotions.usage_limit IS
'Orders that may use it; promotion_levels counts what is left, so set it with '
'set_promotion_limit(). Null: no limit.';
COMMENT ON COLUMN ecommerce.promotions.customer_limit IS
'Orders of one customer that may use it; null: no limit.';
COMMENT ON COLUMN ecommerce.promotions.starts_at IS 'From when it applies; null: from ever.';
COMMENT ON COLUMN ecommerce.promotions.ends_at IS 'Until when, exclusive; null: for ever.';
COMMENT ON COLUMN ecommerce.promotions.is_active IS 'False: it does not apply.';

CREATE TABLE ecommerce.promotion_levels (
    bucket       bigint NOT NULL DEFAULT 0,
    promotion_id bigint NOT NULL,
    remaining    bigint NOT NULL,
    CONSTRAINT promotion_levels_pkey PRIMARY KEY (promotion_id, bucket),
    CONSTRAINT promotion_levels_promotion_exists
        FOREIGN KEY (promotion_id) REFERENCES ecommerce.promotions (id) ON DELETE CASCADE,
    CONSTRAINT promotion_levels_never_negative CHECK (remaining >= 0)
) WITH (fillfactor = 70);
COMMENT ON TABLE ecommerce.promotion_levels IS
'Uses that are left of promotions with a usage_limit. One without a row has none.';
COMMENT ON COLUMN ecommerce.promotion_levels.bucket IS
'0; uses in others are not drawn on.';
COMMENT ON COLUMN ecommerce.promotion_levels.promotion_id IS 'Promotion.';
COMMENT ON COLUMN ecommerce.promotion_levels.remaining IS 'Orders that can still use it.';

CREATE TABLE ecommerce.tax_rates (
    id          bigserial   NOT NULL,
    tax_class   ecommerce.label NOT NULL,
    country     ecommerce.country,
    state       ecommerce.label,
    name        ecommerce.label NOT NULL,
    rate        numeric     NOT NULL,
    is_included boolean     NOT NULL DEFAULT false,
    starts_at   timestamptz,
    ends_at     timestamptz,
    CONSTRAINT tax_rates_pkey PRIMARY KEY (id),
    CONSTRAINT tax_rates_rate_from_0_to_100 CHECK (rate >= 0 AND rate <= 100),
    CONSTRAINT tax_rates_rate_at_most_4_decimals CHECK (min_scale(rate) <= 4),
    CONSTRAINT tax_rates_state_has_country CHECK (state IS NULL OR country IS NOT NULL),
    CONSTRAINT tax_rates_end_after_they_start CHECK (ends_at > starts_at)
);
CREATE INDEX tax_rates_tax_class_idx ON ecommerce.tax_rates (tax_class, country);
COMMENT ON TABLE ecommerce.tax_rates IS
'Taxes. Of a class and a destination the most specific rows apply: of the state, else of the '
'country, else those for all; several rows are components of one tax.';
COMMENT ON COLUMN ecommerce.tax_rates.id IS 'Identifies the rate.';
COMMENT ON COLUMN ecommerce.tax_rates.tax_class IS
'Class of products and shipping rates that it is for, such as standard or reduced.';
COMMENT ON COLUMN ecommerce.tax_rates.country IS
'Country of the address that the order goes to; null: any, and no address is needed.';
COMMENT ON COLUMN ecommerce.tax_rates.state IS
'State of that address, without regard to the case of ASCII letters; null: any.';
COMMENT ON COLUMN ecommerce.tax_rates.name IS 'Name shown to customers.';
COMMENT ON COLUMN ecommerce.tax_rates.rate IS 'Percent, at most 4 decimals.';
COMMENT ON COLUMN ecommerce.tax_rates.is_included IS
'Whether prices include the tax; else it is added.';
COMMENT ON COLUMN ecommerce.tax_rates.starts_at IS 'From when it applies; null: from ever.';
COMMENT ON COLUMN ecommerce.tax_rates.ends_at IS 'Until when, exclusive; null: for ever.';

CREATE TABLE ecommerce.shipping_rates (
    id          bigserial NOT NULL,
    code        ecommerce.label NOT NULL,
    name        ecommerce.label NOT NULL,
    country     ecommerce.country,
    from_amount numeric   NOT NULL DEFAULT 0,
    from_weight numeric   NOT NULL DEFAULT 0,
    price       numeric   NOT NULL,
    currency    ecommerce.currency NOT NULL DEFAULT 'USD',
    tax_class   text,
    is_active   boolean   NOT NULL DEFAULT true,
    CONSTRAINT shipping_rates_pkey PRIMARY KEY (id),
    CONSTRAINT shipping_rates_one_for_each_case
        UNIQUE NULLS NOT DISTINCT (code, country, currency, from_amount, from_weight),
    CONSTRAINT shipping_rates_code_at_most_50_characters CHECK (length(code) <= 50),
    CONSTRAINT shipping_rates_from_0_below_1e15
        CHECK (from_amount >= 0 AND from_amount < 1e15 AND from_weight >= 0 AND from_weight < 1e15),
    CONSTRAINT shipping_rates_price_from_0_below_1e12 CHECK (price >= 0 AND price < 1e12)
);
COMMENT ON TABLE ecommerce.shipping_rates IS
'What shipping costs. Of a cart''s code, the row of the country, else of any, with the highest '
'thresholds that the cart reaches applies.';
COMMENT ON COLUMN ecommerce.shipping_rates.id IS 'Identifies the rate.';
COMMENT ON COLUMN ecommerce.shipping_rates.code IS
'Way of shipping that a cart names, such as standard or express.';
COMMENT ON COLUMN ecommerce.shipping_rates.name IS 'Name shown to customers.';
COMMENT ON COLUMN ecommerce.shipping_rates.country IS
'Country of the address that the order goes to; null: any, and no address is needed.';
COMMENT ON COLUMN ecommerce.shipping_rates.from_amount IS
'Applies if the goods, after discounts, come to this; 0 for all.';
COMMENT ON COLUMN ecommerce.shipping_rates.from_weight IS
'Applies if the goods weigh this; 0 for all.';
COMMENT ON COLUMN ecommerce.shipping_rates.price IS
'Price of shipping, in currency; it is rounded to a unit of the currency.';
COMMENT ON COLUMN ecommerce.shipping_rates.currency IS 'Currency of the price and from_amount.';
COMMENT ON COLUMN ecommerce.shipping_rates.tax_class IS
'Class of tax_rates that applies to shipping; null: it is not taxed.';
COMMENT ON COLUMN ecommerce.shipping_rates.is_active IS 'False: it cannot be chosen.';


-- Orders

-- Columns that are null cost an order nothing.
ALTER TABLE ecommerce.orders
    ALTER COLUMN stock_bucket TYPE bigint,
    ADD COLUMN number          text,
    ADD COLUMN address         ecommerce.address,
    ADD COLUMN billing_address ecommerce.address,
    ADD COLUMN metadata        ecommerce.metadata,
    ADD COLUMN fingerprint     text,
    ADD COLUMN items_amount    ecommerce.amount;
COMMENT ON COLUMN ecommerce.orders.order_amount IS
'What the customer is charged, in currency, in units of it: the sum of the lines, less discounts, '
'plus shipping and taxes that prices do not include.';
COMMENT ON COLUMN ecommerce.orders.shipping_address IS
'Where the order goes, as text; written from address, if there is one.';
COMMENT ON COLUMN ecommerce.orders.number IS
'Number shown to people, of the shop''s own: it comes from a DEFAULT that the shop sets.';
COMMENT ON COLUMN ecommerce.orders.address IS 'Where the order goes.';
COMMENT ON COLUMN ecommerce.orders.billing_address IS
'Where the bill goes; null: where the order goes.';
COMMENT ON COLUMN ecommerce.orders.metadata IS
'Facts that place_order() was given, by a customer perhaps.';
COMMENT ON COLUMN ecommerce.orders.fingerprint IS
'What the customer was shown, if place_order() was told.';
COMMENT ON COLUMN ecommerce.orders.items_amount IS
'Sum of the lines, if the order has more to it than its lines: see order_adjustments.';

-- A restore without sequences hands out ids twice. Where that has happened already, the
-- index cannot keep it from happening again: order_integrity() tells. Nor can it where orders
-- are partitioned, by customer.
IF EXISTS (SELECT FROM ecommerce.orders GROUP BY id HAVING count(*) > 1)
   OR EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'ecommerce.orders'::regclass)
THEN
    CREATE INDEX orders_id_key ON ecommerce.orders (id);
ELSE
    CREATE UNIQUE INDEX orders_id_key ON ecommerce.orders (id);
END IF;

ALTER TABLE ecommerce.order_details
    DROP CONSTRAINT order_details_amount_is_price_times_positive_quantity,
    ADD COLUMN sku             text,
    ADD COLUMN options         jsonb,
    ADD COLUMN discount_amount numeric,
    ADD COLUMN tax_rate        numeric,
    ADD COLUMN tax_amount      numeric,
    -- Each statement that inserts lines reads and plans their constraints anew: a comparison
    -- costs an order some 10,000 instructions, a constant that has to be cast a third of that.
    -- least() passes over nulls.
    ADD CONSTRAINT order_details_amount_is_price_times_positive_quantity
        CHECK (quantity > 0 AND least(unit_price, discount_amount) >= 0.0
               AND line_amount = round(unit_price * quantity, scale(line_amount))
               AND discount_amount <= line_amount AND line_amount < 1e15);
COMMENT ON COLUMN ecommerce.order_details.line_amount IS
'unit_price times quantity, rounded to a unit of the currency, before discounts.';
COMMENT ON COLUMN ecommerce.order_details.sku IS 'Stock keeping unit the product had.';
COMMENT ON COLUMN ecommerce.order_details.options IS 'Options the product had.';
COMMENT ON COLUMN ecommerce.order_details.discount_amount IS
'The line''s share of the discounts; null if there are none.';
COMMENT ON COLUMN ecommerce.order_details.tax_rate IS
'Percent of tax on the line, all components together; null if it is not taxed.';
COMMENT ON COLUMN ecommerce.order_details.tax_amount IS
'The line''s share of the taxes, included or added; null if it is not taxed.';

-- No foreign key: it would look each row's order up, a tenth of an order's work, and only
-- place_order() writes these, with the order. order_integrity() tells of one without an order.
CREATE TABLE ecommerce.order_adjustments (
    customer_id       bigint  NOT NULL,
    order_id          bigint  NOT NULL,
    adjustment_number integer NOT NULL,
    kind              ecommerce.adjustment_kind NOT NULL,
    code              text,
    name              text    NOT NULL,
    promotion_id      bigint,
    rate              numeric,
    amount            ecommerce.adjustment_amount NOT NULL,
    is_included       boolean NOT NULL DEFAULT false,
    CONSTRAINT order_adjustments_pkey PRIMARY KEY (customer_id, order_id, adjustment_number),
    CONSTRAINT order_adjustments_discounts_are_negative
        CHECK (CASE WHEN kind LIKE '%discount' THEN amount <= 0.0 ELSE amount >= 0.0 END),
    CONSTRAINT order_adjustments_only_tax_is_included CHECK (is_included <= (kind = 'tax'))
);
ALTER TABLE ecommerce.order_adjustments ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE ecommerce.order_adjustments IS
'What an order costs besides its lines, and why.';
COMMENT ON COLUMN ecommerce.order_adjustments.customer_id IS 'User who ordered.';
COMMENT ON COLUMN ecommerce.order_adjustments.order_id IS 'Order it belongs to.';
COMMENT ON COLUMN ecommerce.order_adjustments.adjustment_number IS
'Number within the order, from 1.';
COMMENT ON COLUMN ecommerce.order_adjustments.kind IS
'discount, shipping, shipping_discount, tax or fee.';
COMMENT ON COLUMN ecommerce.order_adjustments.code IS
'Coupon, way of shipping or class of tax; null for an automatic promotion.';
COMMENT ON COLUMN ecommerce.order_adjustments.name IS 'Name shown to customers.';
COMMENT ON COLUMN ecommerce.order_adjustments.promotion_id IS
'Promotion of a discount; it may have been deleted since.';
COMMENT ON COLUMN ecommerce.order_adjustments.rate IS 'Percent of a tax or a discount.';
COMMENT ON COLUMN ecommerce.order_adjustments.amount IS
'What it adds to the order, negative for a discount; of a tax that is included, how much of the '
'prices is tax.';
COMMENT ON COLUMN ecommerce.order_adjustments.is_included IS
'Whether the amount is in the others already: a tax that prices include.';


-- Authority
-- A mark that allows no writing: REFERENCES on orders for who acts for any user, on
-- order_events for who delivers events. INSERT and UPDATE, which were the marks, allowed an
-- order without lines, and events that nobody is given any more.

FOR suspect IN
    SELECT oid::regclass AS relation, privilege_type,
           CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
               AS grantee
      FROM pg_class, aclexplode(relacl)
     WHERE grantee <> relowner
       AND (oid, privilege_type) IN (('ecommerce.orders'::regclass, 'INSERT'),
                                     ('ecommerce.order_events'::regclass, 'UPDATE'))
LOOP
    EXECUTE format('GRANT REFERENCES ON %s TO %s', suspect.relation, suspect.grantee);
    EXECUTE format('REVOKE %s ON %s FROM %s', suspect.privilege_type, suspect.relation,
                   suspect.grantee);
END LOOP;

-- Everybody else reads what is their own, and changes nothing past the functions.
FOR suspect IN
    SELECT polname AS policy, polrelid::regclass AS relation FROM pg_policy
     WHERE polname IN ('own_row_or_staff', 'own_rows_or_staff')
       AND (SELECT relnamespace FROM pg_class WHERE oid = polrelid) = 'ecommerce'::regnamespace
LOOP
    EXECUTE format('DROP POLICY %I ON %s', suspect.policy, suspect.relation);
END LOOP;
FOR suspect IN
    SELECT relation, owner
      FROM (VALUES ('users', 'id'), ('carts', 'user_id'), ('cart_items', 'user_id'),
                   ('orders', 'customer_id'), ('order_details', 'customer_id'),
                   ('order_adjustments', 'customer_id'), ('order_events', 'customer_id'))
           AS own (relation, owner)
LOOP
    EXECUTE format($policy$CREATE POLICY own_rows ON ecommerce.%I FOR SELECT USING (%I =
        (SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb
                 ->> 'user_id')::bigint))
        $policy$, suspect.relation, suspect.owner);
    EXECUTE format($policy$CREATE POLICY staff ON ecommerce.%I FOR SELECT USING (
        (SELECT has_table_privilege('ecommerce.orders'::regclass, 'REFERENCES')))
        $policy$, suspect.relation);
END LOOP;
DROP POLICY staff ON ecommerce.users;
CREATE POLICY staff ON ecommerce.users USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'REFERENCES')));

ALTER TABLE ecommerce.promotions ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON ecommerce.promotions USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'REFERENCES')));
ALTER TABLE ecommerce.promotion_levels ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON ecommerce.promotion_levels USING (
    (SELECT has_table_privilege('ecommerce.orders'::regclass, 'REFERENCES')));


-- Events

ALTER TABLE ecommerce.order_events
    ADD COLUMN person    text,
    ADD COLUMN failed_at timestamptz,
    ADD COLUMN failure   text;
COMMENT ON COLUMN ecommerce.order_events.person IS
'Who did it: the sub of the request''s token, if it has one.';
COMMENT ON COLUMN ecommerce.order_events.failed_at IS
'Since when the event cannot be delivered and is given out no more: a dead letter.';
COMMENT ON COLUMN ecommerce.order_events.failure IS 'Why; null if it has not failed.';

-- What has failed is not among the outstanding, so however much it is, nobody wades through it.
DROP INDEX ecommerce.order_events_undelivered_idx, ecommerce.order_events_undelivered_by_event_idx;
IF EXISTS (SELECT FROM ecommerce.order_events WHERE delivered_at IS NULL
            GROUP BY id HAVING count(*) > 1)
   OR EXISTS (SELECT FROM pg_partitioned_table
               WHERE partrelid = 'ecommerce.order_events'::regclass)
THEN
    CREATE INDEX order_events_undelivered_idx
        ON ecommerce.order_events (id) WHERE delivered_at IS NULL AND failed_at IS NULL;
ELSE
    CREATE UNIQUE INDEX order_events_undelivered_idx
        ON ecommerce.order_events (id) WHERE delivered_at IS NULL AND failed_at IS NULL;
END IF;
CREATE INDEX order_events_undelivered_by_event_idx
    ON ecommerce.order_events (event, id)
    WHERE coalesce(delivered_at, failed_at, '-infinity') = '-infinity';
CREATE INDEX order_events_failed_idx ON ecommerce.order_events (id) WHERE failed_at IS NOT NULL;


-- History

CREATE TRIGGER keep_adjustments
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ecommerce.order_adjustments
    FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();

END
$migration$;
REVOKE EXECUTE ON FUNCTION ecommerce_migrations.migration_3 FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_migrations.migration_3 IS
'Money in units of its currency, and what an order costs. Called by ecommerce.migrate(), never '
'directly.';
