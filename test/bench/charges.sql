-- The same shop, with all that an order may cost: an automatic promotion, a limited coupon,
-- shipping that is free from an amount, taxes of two rates. And what place_order() is
-- compared with: the protocol in PL/pgSQL, set by set, for the kinds of promotions and taxes
-- that this shop has.

\set ON_ERROR_STOP on

SET ROLE shop;

INSERT INTO ecommerce.promotions (id, code, name, kind, value, currency, min_amount, usage_limit) VALUES
    (1, NULL, 'Autumn sale', 'percent', 10, NULL, NULL, NULL),
    (2, 'WELCOME5', 'Welcome', 'amount', 5, 'USD', 20, 1000000);
INSERT INTO ecommerce.promotion_levels (promotion_id, remaining) VALUES (2, 1000000);
INSERT INTO ecommerce.shipping_rates (code, name, from_amount, price, tax_class) VALUES
    ('standard', 'Parcel', 0, 14.90, 'standard'), ('standard', 'Parcel', 100, 9.90, 'standard'),
    ('standard', 'Parcel', 5000, 0, 'standard');
INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate, is_included) VALUES
    ('standard', 'DE', 'VAT 19 %', 19, true), ('reduced', 'DE', 'VAT 7 %', 7, true),
    ('standard', 'AT', 'VAT 20 %', 20, true), ('reduced', 'AT', 'VAT 10 %', 10, true);
UPDATE ecommerce.products SET tax_class = CASE WHEN id % 3 = 0 THEN 'reduced' ELSE 'standard' END;
UPDATE ecommerce.carts
   SET coupons = '{welcome5}', shipping_code = 'standard',
       address = '{"name": "Ada Lovelace", "line1": "Hauptstraße 1", "postal_code": "10827", "city": "Berlin", "country": "DE"}';
RESET ROLE;
VACUUM ANALYZE ecommerce.products;
VACUUM ANALYZE ecommerce.carts;
ANALYZE ecommerce.promotions, ecommerce.promotion_levels, ecommerce.shipping_rates, ecommerce.tax_rates;

SET ROLE shop;

CREATE TYPE bench.charged_line AS (
    id integer, order_id bigint, sku text, options jsonb, quantity integer, unit_price numeric, line_amount numeric,
    discount_amount numeric, tax_rate numeric, tax_amount numeric, product_order_details bench.product);
CREATE TYPE bench.adjustment AS (
    kind text, code text, name text, rate numeric, amount numeric, is_included boolean);
CREATE TYPE bench.charges AS (
    items_amount numeric, discount_amount numeric, shipping_amount numeric, tax_amount numeric,
    adjustments bench.adjustment[]);
CREATE TYPE bench.charged_order AS (
    id bigint, customer_id bigint, number text, order_date timestamptz, order_amount numeric, currency text,
    order_status text, shipping_address text, address jsonb, billing_address jsonb, metadata jsonb,
    charges bench.charges, payment jsonb, returns jsonb, replayed boolean, order_details bench.charged_line[]);

-- Largest remainders. A loop over arrays was tried, and needs more.
CREATE FUNCTION bench.allocate(amount numeric, weights numeric[], digits integer) RETURNS numeric[]
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    unit numeric := 10.0 ^ -digits;
    units numeric := trunc(amount / unit);
    total numeric;
    shares numeric[];
BEGIN
    SELECT sum(weight) INTO total FROM unnest(weights) AS weight;
    SELECT array_agg(round((share + (rank <= remaining)::integer) * unit, digits) ORDER BY number) INTO shares
      FROM (SELECT number, share, row_number() OVER (ORDER BY remainder DESC, number) AS rank,
                   units - sum(share) OVER () AS remaining
              FROM (SELECT number, div(units * weight, total) AS share, mod(units * weight, total) AS remainder
                      FROM unnest(weights) WITH ORDINALITY AS line (weight, number)) AS divided) AS ranked;
    RETURN shares;
END
$$;

CREATE FUNCTION bench.place_charged_order_by_sets(buyer bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
<<placement>>
DECLARE
    bucket bigint;
    home jsonb;
    address text;
    billing_address jsonb;
    coupons text[];
    shipping_code text;
    country text;
    ids bigint[];
    quantities integer[];
    prices numeric[];
    currencies text[];
    nproducts bigint;
    items bench.item[];
    classes text[];
    items_amount numeric;
    weight numeric;
    are_active boolean;
    have_changed boolean;
    currency text;
    other_currency text;
    digits integer;
    nets numeric[];
    goods numeric;
    promotion record;
    applied integer := 0;
    discount numeric;
    discounts numeric := 0;
    limited bigint[] := '{}';
    shares numeric[];
    shipping record;
    tax_group record;
    tax numeric;
    taxes numeric := 0;
    added numeric := 0;
    rates numeric[];
    line_taxes numeric[];
    adjustments bench.adjustment[];
    updated bigint;
    placed record;
    lines bench.charged_line[];
BEGIN
    SELECT users.address, shipping_address INTO home, address FROM ecommerce.users WHERE id = buyer FOR KEY SHARE;
    SELECT stock_bucket, coalesce(carts.address, home), carts.billing_address, carts.coupons, carts.shipping_code
      INTO bucket, home, billing_address, coupons, shipping_code
      FROM ecommerce.carts WHERE user_id = buyer FOR NO KEY UPDATE;
    country := home ->> 'country';
    address := concat_ws(', ', home ->> 'name', home ->> 'company', home ->> 'line1', home ->> 'line2',
                         concat_ws(' ', home ->> 'postal_code', home ->> 'city'), home ->> 'state', country);

    WITH removed AS (
        DELETE FROM ecommerce.cart_items WHERE user_id = buyer
        RETURNING product_id, quantity, unit_price, cart_items.currency)
    SELECT array_agg(product_id), array_agg(quantity), array_agg(unit_price), array_agg(item.currency)
      INTO ids, quantities, prices, currencies
      FROM (SELECT * FROM removed ORDER BY product_id) AS item;
    IF ids IS NULL THEN
        RAISE EXCEPTION 'cart is empty' USING ERRCODE = 'PT404';
    END IF;

    SELECT count(*), array_agg(item ORDER BY (item).product_id), array_agg(tax_class ORDER BY (item).product_id),
           array_agg((item).amount ORDER BY (item).product_id), sum((item).amount), sum(all_weight),
           bool_and(is_active), bool_or(has_changed), min(product.currency), max(product.currency), min(product.digits)
      INTO nproducts, items, classes, nets, items_amount, weight, are_active, have_changed, currency, other_currency, digits
      FROM (SELECT ROW(product.id, item.quantity, product.name, product.description, category.id, category.name,
                       round(product.price, greatest(min_scale(product.price), unit.digits)),
                       round(product.price * item.quantity, unit.digits), product.sku, product.options)::bench.item AS item,
                   tax_class, product.weight * item.quantity AS all_weight, is_active, product.currency, unit.digits,
                   item.currency <> product.currency OR item.price <> product.price AS has_changed
              FROM unnest(ids, quantities, prices, currencies) AS item (product_id, quantity, price, currency)
              JOIN ecommerce.products AS product ON product.id = item.product_id
              LEFT JOIN ecommerce.categories AS category ON category.id = product.category_id,
                   LATERAL ecommerce.currency_digits(product.currency) AS unit (digits) OFFSET 0) AS product;
    IF nproducts <> cardinality(ids) OR NOT are_active THEN
        RAISE EXCEPTION 'product is not active' USING ERRCODE = 'PT409';
    ELSIF currency <> other_currency THEN
        RAISE EXCEPTION 'cart has more than one currency' USING ERRCODE = 'PT409';
    ELSIF have_changed THEN
        RAISE EXCEPTION 'price of a product has changed' USING ERRCODE = 'PT409';
    END IF;

    goods := items_amount;
    FOR promotion IN
        SELECT it.id, it.code, it.name, it.kind, it.value, it.usage_limit
          FROM ecommerce.promotions AS it
          LEFT JOIN ecommerce.promotion_levels AS level ON level.promotion_id = it.id AND level.bucket = 0
         WHERE (it.code IS NULL OR upper(it.code COLLATE "C") IN (SELECT upper(code COLLATE "C") FROM unnest(coupons) AS code))
           AND it.is_active AND coalesce(it.starts_at <= now(), true) AND coalesce(it.ends_at > now(), true)
           AND coalesce(it.currency = placement.currency, true) AND coalesce(it.min_amount <= goods, true)
           AND (it.usage_limit IS NULL OR level.remaining > 0)
         ORDER BY it.priority, it.id
    LOOP
        discount := CASE promotion.kind WHEN 'percent' THEN round(goods * promotion.value / 100, digits)
                                        ELSE least(round(promotion.value, digits), goods) END;
        shares := bench.allocate(discount, nets, digits);
        SELECT array_agg(net - share) INTO nets FROM unnest(nets, shares) AS line (net, share);
        goods := goods - discount;
        discounts := discounts + discount;
        applied := applied + (promotion.code IS NOT NULL)::integer;
        IF promotion.usage_limit IS NOT NULL THEN
            limited := limited || promotion.id;
        END IF;
        adjustments := adjustments || ROW('discount', promotion.code, promotion.name,
                                          CASE promotion.kind WHEN 'percent' THEN promotion.value END, -discount,
                                          false)::bench.adjustment;
    END LOOP;
    IF applied <> coalesce(cardinality(coupons), 0) THEN
        RAISE EXCEPTION 'coupon does not apply' USING ERRCODE = 'PT409';
    END IF;

    SELECT name, round(price, digits) AS price, tax_class INTO shipping
      FROM ecommerce.shipping_rates AS rate
     WHERE code = shipping_code AND rate.currency = placement.currency AND is_active
       AND (rate.country = placement.country OR rate.country IS NULL)
       AND from_amount <= placement.goods AND from_weight <= coalesce(weight, 0)
     ORDER BY rate.country NULLS LAST, from_amount DESC, from_weight DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cart cannot be shipped this way' USING ERRCODE = 'PT409';
    END IF;
    adjustments := adjustments || ROW('shipping', shipping_code, shipping.name, NULL, shipping.price,
                                      false)::bench.adjustment;

    rates := array_fill(NULL::numeric, ARRAY[cardinality(ids)]);
    line_taxes := rates;
    FOR tax_group IN
        SELECT member.tax_class, rate.name, rate.rate, rate.is_included,
               array_agg(member.number ORDER BY member.number) AS numbers,
               array_agg(member.amount ORDER BY member.number) AS amounts, sum(member.amount) AS amount
          FROM (SELECT * FROM unnest(classes, nets) WITH ORDINALITY AS line (tax_class, amount, number)
                 UNION ALL SELECT shipping.tax_class, shipping.price, cardinality(ids) + 1) AS member
          LEFT JOIN ecommerce.tax_rates AS rate
            ON rate.tax_class = member.tax_class AND (rate.country = placement.country OR rate.country IS NULL)
           AND coalesce(rate.starts_at <= now(), true) AND coalesce(rate.ends_at > now(), true)
         WHERE member.tax_class IS NOT NULL
         GROUP BY member.tax_class, rate.name, rate.rate, rate.is_included
         ORDER BY min(member.number)
    LOOP
        IF tax_group.rate IS NULL THEN
            RAISE EXCEPTION 'tax is not known' USING ERRCODE = 'PT409';
        END IF;
        tax := CASE WHEN tax_group.is_included THEN round(tax_group.amount * tax_group.rate / (100 + tax_group.rate), digits)
                    ELSE round(tax_group.amount * tax_group.rate / 100, digits) END;
        shares := bench.allocate(tax, tax_group.amounts, digits);
        FOR i IN 1 .. cardinality(tax_group.numbers) LOOP
            IF tax_group.numbers[i] <= cardinality(ids) THEN
                rates[tax_group.numbers[i]] := tax_group.rate;
                line_taxes[tax_group.numbers[i]] := shares[i];
            END IF;
        END LOOP;
        taxes := taxes + tax;
        added := added + CASE WHEN tax_group.is_included THEN 0 ELSE tax END;
        adjustments := adjustments || ROW('tax', tax_group.tax_class, tax_group.name, tax_group.rate, tax,
                                          tax_group.is_included)::bench.adjustment;
    END LOOP;

    PERFORM FROM ecommerce.stock_levels AS stock
      WHERE stock.bucket = placement.bucket AND product_id = ANY (ids)
      ORDER BY product_id FOR NO KEY UPDATE;
    UPDATE ecommerce.stock_levels AS stock SET quantity = quantity - quantities[width_bucket(product_id, ids)]
     WHERE stock.bucket = placement.bucket AND product_id = ANY (ids)
       AND quantity >= quantities[width_bucket(product_id, ids)];
    GET DIAGNOSTICS updated = ROW_COUNT;
    IF updated <> cardinality(ids) THEN
        RAISE EXCEPTION 'stock is insufficient' USING ERRCODE = 'PT409';
    END IF;
    PERFORM FROM ecommerce.promotion_levels AS level
      WHERE level.bucket = 0 AND promotion_id = ANY (limited)
      ORDER BY promotion_id FOR NO KEY UPDATE;
    UPDATE ecommerce.promotion_levels AS level SET remaining = remaining - 1
     WHERE level.bucket = 0 AND promotion_id = ANY (limited) AND remaining > 0;
    GET DIAGNOSTICS updated = ROW_COUNT;
    IF updated <> cardinality(limited) THEN
        RAISE EXCEPTION 'coupon is used up' USING ERRCODE = 'PT409';
    END IF;

    INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, stock_bucket, address,
           billing_address, items_amount)
    VALUES (buyer, goods + shipping.price + added, placement.currency, placement.address, bucket, home,
            placement.billing_address, placement.items_amount)
    RETURNING id, orders.number, order_date, order_amount::numeric, order_status INTO placed;
    WITH line AS (
        INSERT INTO ecommerce.order_details
               (customer_id, order_id, line_number, product_id, product_name, product_description,
                category_id, category_name, unit_price, quantity, line_amount, sku, options, discount_amount,
                tax_rate, tax_amount)
        SELECT buyer, placed.id, line_number, product_id, name, description, category_id, category_name,
               price, quantity, item.amount, sku, options, nullif(item.amount - nets[line_number], 0),
               rates[line_number], line_taxes[line_number]
          FROM unnest(items) WITH ORDINALITY AS item (product_id, quantity, name, description, category_id,
                                                      category_name, price, amount, sku, options, line_number)
        RETURNING *)
    SELECT array_agg(ROW(line_number, order_id, sku, options, quantity, unit_price, line_amount, line.discount_amount,
                         tax_rate, line.tax_amount,
                         ROW(product_id, product_name, product_description, unit_price, quantity,
                             CASE WHEN category_name IS NOT NULL THEN
                                 ROW(category_id, category_name)::bench.category
                             END)::bench.product)::bench.charged_line)
      INTO lines FROM line;
    INSERT INTO ecommerce.order_adjustments
           (customer_id, order_id, adjustment_number, kind, code, name, promotion_id, rate, amount, is_included)
    SELECT buyer, placed.id, number, kind, code, name,
           CASE kind WHEN 'discount' THEN coalesce(limited[1 - (code IS NULL)::integer], 1) END, rate, amount, is_included
      FROM unnest(adjustments) WITH ORDINALITY AS it (kind, code, name, rate, amount, is_included, number);
    INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
    VALUES (buyer, placed.id, 1, 'order_placed', placed.order_status, current_user);
    UPDATE ecommerce.carts SET coupons = NULL, address = NULL, billing_address = NULL WHERE user_id = buyer;

    RETURN to_jsonb(ROW(placed.id, buyer, placed.number, placed.order_date, placed.order_amount, currency,
                        placed.order_status, address, home, billing_address, NULL,
                        ROW(items_amount, discounts, shipping.price, taxes, adjustments)::bench.charges, NULL,
                        NULL, false, lines)::bench.charged_order);
END
$$;
RESET ROLE;

-- The same cart, with the same order id.
BEGIN;
SELECT user_id AS buyer FROM ecommerce.cart_items GROUP BY 1 HAVING count(*) = 5 LIMIT 1 \gset
SELECT last_value AS last_order FROM ecommerce.orders_id_seq \gset
SAVEPOINT cart;
SELECT ecommerce.place_order(:buyer) AS ours \gset
ROLLBACK TO cart;
SELECT setval('ecommerce.orders_id_seq', :last_order) \g /dev/null
SELECT bench.place_charged_order_by_sets(:buyer) AS theirs \gset
ROLLBACK TO cart;
COMMIT;
SELECT :'ours' <> :'theirs' AS differ, :'ours'::jsonb #> '{charges,adjustments,4}' IS NULL AS lack_something \gset
\if :differ
\echo :ours
\echo :theirs
DO $$ BEGIN RAISE EXCEPTION 'a peer returns another document'; END $$;
\elif :lack_something
DO $$ BEGIN RAISE EXCEPTION 'the order does not have all charges'; END $$;
\endif
