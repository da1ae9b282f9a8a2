-- What place_order() is compared with: the same protocol in PL/pgSQL, with the same
-- guarantees and the same result. The peers have it easier: they neither ask who calls
-- them nor change user, their errors have no details, they take stock from the cart's own
-- bucket only, and they know of no charges.

\set ON_ERROR_STOP on

SET ROLE shop;

-- The document as types: an order costs a fifth less when to_jsonb() writes it from them
-- than with jsonb_build_object().
CREATE TYPE bench.category AS (id bigint, name text);
CREATE TYPE bench.product AS (
    id bigint, name text, description text, price numeric, quantity integer, category bench.category);
CREATE TYPE bench.line AS (
    id integer, order_id bigint, sku text, options jsonb, quantity integer, unit_price numeric, line_amount numeric,
    product_order_details bench.product);
CREATE TYPE bench.placed_order AS (
    id bigint, customer_id bigint, number text, order_date timestamptz, order_amount numeric, currency text,
    order_status text, shipping_address text, address jsonb, billing_address jsonb, metadata jsonb,
    charges jsonb, payment jsonb, returns jsonb, replayed boolean, order_details bench.line[]);

CREATE TYPE bench.wanted_item AS (product_id bigint, quantity integer, price numeric, currency text);
CREATE TYPE bench.item AS (
    product_id bigint, quantity integer, name text, description text, category_id bigint,
    category_name text, price numeric, amount numeric, sku text, options jsonb);

-- A few statements, each for the whole cart. Other forms were tried and are no faster:
-- all inserts in one statement, the document as json, an array for each column.
CREATE FUNCTION bench.place_order_by_sets(
    buyer bigint, key text DEFAULT NULL, expected numeric DEFAULT NULL, address text DEFAULT NULL)
    RETURNS jsonb LANGUAGE plpgsql AS $$
<<placement>>
DECLARE
    bucket bigint;
    home jsonb;
    billing_address jsonb;
    ids bigint[];
    quantities integer[];
    prices numeric[];
    currencies text[];
    found bigint;
    items bench.item[];
    amount numeric;
    are_active boolean;
    have_changed boolean;
    currency text;
    other_currency text;
    updated bigint;
    placed record;
    lines bench.line[];
BEGIN
    SELECT users.address, coalesce(place_order_by_sets.address, shipping_address) INTO home, address
      FROM ecommerce.users WHERE id = buyer FOR KEY SHARE;
    SELECT stock_bucket, coalesce(carts.address, home), carts.billing_address INTO bucket, home, billing_address
      FROM ecommerce.carts WHERE user_id = buyer FOR NO KEY UPDATE;
    IF key IS NOT NULL AND EXISTS (
        SELECT FROM ecommerce.orders WHERE customer_id = buyer AND idempotency_key = key) THEN
        RAISE EXCEPTION 'replays are not measured';
    END IF;

    WITH removed AS (
        DELETE FROM ecommerce.cart_items WHERE user_id = buyer
        RETURNING product_id, quantity, unit_price, cart_items.currency)
    SELECT array_agg(product_id), array_agg(quantity), array_agg(unit_price), array_agg(item.currency)
      INTO ids, quantities, prices, currencies
      FROM (SELECT * FROM removed ORDER BY product_id) AS item;
    IF ids IS NULL THEN
        RAISE EXCEPTION 'cart is empty' USING ERRCODE = 'PT404';
    END IF;

    SELECT count(*),
           array_agg(ROW(product.id, item.quantity, product.name, product.description, category.id, category.name,
                         round(product.price, greatest(min_scale(product.price), digits)),
                         round(product.price * item.quantity, digits), product.sku, product.options)::bench.item
                     ORDER BY product.id),
           sum(round(product.price * item.quantity, digits)), bool_and(product.is_active),
           bool_or(item.currency <> product.currency OR (expected IS NULL AND item.price <> product.price)),
           min(product.currency), max(product.currency)
      INTO found, items, amount, are_active, have_changed, currency, other_currency
      FROM unnest(ids, quantities, prices, currencies) AS item (product_id, quantity, price, currency)
      JOIN ecommerce.products AS product ON product.id = item.product_id
      LEFT JOIN ecommerce.categories AS category ON category.id = product.category_id,
           LATERAL ecommerce.currency_digits(product.currency) AS digits;
    IF found <> cardinality(ids) OR NOT are_active THEN
        RAISE EXCEPTION 'product is not active' USING ERRCODE = 'PT409';
    ELSIF currency <> other_currency THEN
        RAISE EXCEPTION 'cart has more than one currency' USING ERRCODE = 'PT409';
    ELSIF have_changed THEN
        RAISE EXCEPTION 'price of a product has changed' USING ERRCODE = 'PT409';
    ELSIF amount >= 1e15 THEN
        RAISE EXCEPTION 'order amount is out of range' USING ERRCODE = '22003';
    ELSIF expected <> amount THEN
        RAISE EXCEPTION 'order amount has changed' USING ERRCODE = 'PT409';
    END IF;

    PERFORM FROM ecommerce.stock_levels AS stock
      WHERE stock.bucket = placement.bucket AND product_id = ANY (ids)
      ORDER BY product_id FOR NO KEY UPDATE;
    -- width_bucket() finds the place of the product in ids, which are sorted.
    UPDATE ecommerce.stock_levels AS stock SET quantity = quantity - quantities[width_bucket(product_id, ids)]
     WHERE stock.bucket = placement.bucket AND product_id = ANY (ids)
       AND quantity >= quantities[width_bucket(product_id, ids)];
    GET DIAGNOSTICS updated = ROW_COUNT;
    IF updated <> cardinality(ids) THEN
        RAISE EXCEPTION 'stock is insufficient' USING ERRCODE = 'PT409';
    END IF;

    INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, idempotency_key, stock_bucket,
           address, billing_address)
    VALUES (buyer, amount, placement.currency, place_order_by_sets.address, key, bucket, home, placement.billing_address)
    RETURNING id, orders.number, order_date, order_status INTO placed;
    WITH line AS (
        INSERT INTO ecommerce.order_details
               (customer_id, order_id, line_number, product_id, product_name, product_description,
                category_id, category_name, unit_price, quantity, line_amount, sku, options)
        SELECT buyer, placed.id, line_number, product_id, name, description, category_id, category_name,
               price, quantity, item.amount, sku, options
          FROM unnest(items) WITH ORDINALITY AS item (product_id, quantity, name, description, category_id,
                                                      category_name, price, amount, sku, options, line_number)
        RETURNING *)
    SELECT array_agg(ROW(line_number, order_id, sku, options, quantity, unit_price, line_amount,
                         ROW(product_id, product_name, product_description, unit_price, quantity,
                             CASE WHEN category_name IS NOT NULL THEN
                                 ROW(category_id, category_name)::bench.category
                             END)::bench.product)::bench.line)
      INTO lines FROM line;
    INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
    VALUES (buyer, placed.id, 1, 'order_placed', placed.order_status, current_user);

    RETURN to_jsonb(ROW(placed.id, buyer, placed.number, placed.order_date, amount, currency, placed.order_status,
                        address, home, billing_address, NULL, NULL, NULL, NULL, false, lines)::bench.placed_order);
END
$$;

-- The way it is usually written: line by line.
CREATE FUNCTION bench.place_order_by_rows(
    buyer bigint, key text DEFAULT NULL, expected numeric DEFAULT NULL, address text DEFAULT NULL)
    RETURNS jsonb LANGUAGE plpgsql AS $$
<<placement>>
DECLARE
    bucket bigint;
    home jsonb;
    billing_address jsonb;
    wanted bench.wanted_item[];
    want bench.wanted_item;
    items bench.item[];
    item bench.item;
    product record;
    amount numeric := 0;
    currency text;
    placed record;
    line jsonb;
    lines jsonb := '[]';
BEGIN
    SELECT users.address, coalesce(place_order_by_rows.address, shipping_address) INTO home, address
      FROM ecommerce.users WHERE id = buyer FOR KEY SHARE;
    SELECT stock_bucket, coalesce(carts.address, home), carts.billing_address INTO bucket, home, billing_address
      FROM ecommerce.carts WHERE user_id = buyer FOR NO KEY UPDATE;
    IF key IS NOT NULL AND EXISTS (
        SELECT FROM ecommerce.orders WHERE customer_id = buyer AND idempotency_key = key) THEN
        RAISE EXCEPTION 'replays are not measured';
    END IF;

    WITH removed AS (
        DELETE FROM ecommerce.cart_items WHERE user_id = buyer
        RETURNING product_id, quantity, unit_price, cart_items.currency)
    SELECT array_agg(ROW(product_id, quantity, unit_price, removed.currency)::bench.wanted_item ORDER BY product_id)
      INTO wanted FROM removed;
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'cart is empty' USING ERRCODE = 'PT404';
    END IF;

    FOREACH want IN ARRAY wanted LOOP
        SELECT sold.name, sold.description, category.id AS category_id, category.name AS category_name,
               round(sold.price, greatest(min_scale(sold.price), digits)) AS price, sold.is_active, sold.currency,
               round(sold.price * want.quantity, digits) AS amount, sold.sku, sold.options
          INTO product
          FROM ecommerce.products AS sold
          LEFT JOIN ecommerce.categories AS category ON category.id = sold.category_id,
               LATERAL ecommerce.currency_digits(sold.currency) AS digits
         WHERE sold.id = want.product_id;
        IF product.is_active IS NOT TRUE THEN
            RAISE EXCEPTION 'product is not active' USING ERRCODE = 'PT409';
        ELSIF currency <> product.currency THEN
            RAISE EXCEPTION 'cart has more than one currency' USING ERRCODE = 'PT409';
        ELSIF want.currency <> product.currency OR (expected IS NULL AND want.price <> product.price) THEN
            RAISE EXCEPTION 'price of a product has changed' USING ERRCODE = 'PT409';
        END IF;
        currency := product.currency;
        amount := amount + product.amount;
        items := items || ROW(want.product_id, want.quantity, product.name, product.description, product.category_id,
                              product.category_name, product.price, product.amount, product.sku,
                              product.options)::bench.item;
        UPDATE ecommerce.stock_levels AS stock SET quantity = quantity - want.quantity
         WHERE stock.bucket = placement.bucket AND product_id = want.product_id AND quantity >= want.quantity;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'stock is insufficient' USING ERRCODE = 'PT409';
        END IF;
    END LOOP;
    IF amount >= 1e15 THEN
        RAISE EXCEPTION 'order amount is out of range' USING ERRCODE = '22003';
    ELSIF expected <> amount THEN
        RAISE EXCEPTION 'order amount has changed' USING ERRCODE = 'PT409';
    END IF;

    INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, idempotency_key, stock_bucket,
           address, billing_address)
    VALUES (buyer, amount, placement.currency, place_order_by_rows.address, key, bucket, home, placement.billing_address)
    RETURNING id, orders.number, order_date, order_status INTO placed;
    FOR number IN 1 .. cardinality(items) LOOP
        item := items[number];
        INSERT INTO ecommerce.order_details
               (customer_id, order_id, line_number, product_id, product_name, product_description,
                category_id, category_name, unit_price, quantity, line_amount, sku, options)
        VALUES (buyer, placed.id, number, item.product_id, item.name, item.description, item.category_id,
                item.category_name, item.price, item.quantity, item.amount, item.sku, item.options)
        RETURNING jsonb_build_object(
               'id', line_number, 'order_id', order_id, 'sku', sku, 'options', options, 'quantity', quantity, 'unit_price', unit_price,
               'line_amount', line_amount,
               'product_order_details', jsonb_build_object(
                   'id', product_id, 'name', product_name, 'description', product_description,
                   'price', unit_price, 'quantity', quantity,
                   'category', CASE WHEN category_name IS NOT NULL THEN
                       jsonb_build_object('id', category_id, 'name', category_name) END)) INTO line;
        lines := lines || line;
    END LOOP;
    INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
    VALUES (buyer, placed.id, 1, 'order_placed', placed.order_status, current_user);

    RETURN jsonb_build_object(
        'id', placed.id, 'customer_id', buyer, 'number', placed.number, 'order_date', placed.order_date,
        'order_amount', amount, 'currency', currency, 'order_status', placed.order_status,
        'shipping_address', address, 'address', home, 'billing_address', billing_address, 'metadata', NULL,
        'charges', NULL, 'payment', NULL, 'returns', NULL, 'replayed', false, 'order_details', lines);
END
$$;
RESET ROLE;
