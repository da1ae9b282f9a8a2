-- Prices carts in shops that come as JSON documents, through the public interface.

CREATE SCHEMA numbers;
CREATE UNLOGGED TABLE numbers.shops (id bigint PRIMARY KEY, document jsonb NOT NULL);

-- Opens the shop, quotes and orders each of its carts, and closes it: the next is another.
CREATE FUNCTION numbers.play(document jsonb) RETURNS SETOF jsonb
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    cart jsonb;
    quote jsonb;
    placed jsonb;
    customer bigint;
    problem text;
    reads_the_same boolean;
    items jsonb;
    returned jsonb;
BEGIN
    INSERT INTO ecommerce.categories (id, name)
    SELECT DISTINCT category_id, 'Category'
      FROM jsonb_populate_recordset(NULL::ecommerce.products, document -> 'products')
     WHERE category_id IS NOT NULL
    ON CONFLICT DO NOTHING;
    INSERT INTO ecommerce.products (id, name, price, currency, category_id, tax_class, weight)
    SELECT id, 'Product', price, currency, category_id, tax_class, weight
      FROM jsonb_populate_recordset(NULL::ecommerce.products, document -> 'products');
    INSERT INTO ecommerce.stock_levels (product_id, quantity)
    SELECT id, 1000000000000
      FROM jsonb_populate_recordset(NULL::ecommerce.products, document -> 'products');
    INSERT INTO ecommerce.promotions (id, code, name, kind, value, currency, buy_quantity,
                                      free_quantity, product_id, category_id, min_amount, priority,
                                      combines, starts_at, ends_at, is_active)
    SELECT id, code, name, kind, value, currency, buy_quantity, free_quantity, product_id,
           category_id, min_amount, priority, combines, starts_at, ends_at, is_active
      FROM jsonb_populate_recordset(NULL::ecommerce.promotions, document -> 'promotions');
    INSERT INTO ecommerce.tax_rates (id, tax_class, country, state, name, rate, is_included,
                                     starts_at, ends_at)
    SELECT id, tax_class, country, state, name, rate, is_included, starts_at, ends_at
      FROM jsonb_populate_recordset(NULL::ecommerce.tax_rates, document -> 'tax_rates');
    INSERT INTO ecommerce.shipping_rates (code, name, country, from_amount, from_weight, price,
                                          currency, tax_class, is_active)
    SELECT code, name, country, from_amount, from_weight, price, currency, tax_class, is_active
      FROM jsonb_populate_recordset(NULL::ecommerce.shipping_rates, document -> 'shipping_rates');

    FOR cart IN SELECT jsonb_array_elements(document -> 'carts') LOOP
        INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Customer', '1 Main Street')
        RETURNING id INTO customer;
        PERFORM ecommerce.set_cart_items(
            customer,
            ARRAY(SELECT (item ->> 0)::bigint FROM jsonb_array_elements(cart -> 'items') AS item),
            ARRAY(SELECT (item ->> 1)::integer FROM jsonb_array_elements(cart -> 'items') AS item));
        IF cart -> 'coupons' <> '[]' THEN
            PERFORM ecommerce.set_cart_coupons(
                customer, ARRAY(SELECT jsonb_array_elements_text(cart -> 'coupons')));
        END IF;
        IF cart -> 'address' <> 'null' OR cart -> 'shipping_code' <> 'null' THEN
            PERFORM ecommerce.set_cart_shipping(customer, cart ->> 'shipping_code',
                                                nullif(cart -> 'address', 'null'));
        END IF;
        quote := ecommerce.cart_json(customer);
        placed := NULL;
        problem := NULL;
        reads_the_same := NULL;
        returned := NULL;
        BEGIN
            placed := ecommerce.place_order(
                customer,
                fingerprint => CASE WHEN cart ->> 'seen' = 'fingerprint'
                                    THEN quote ->> 'fingerprint' END,
                expected_amount => CASE WHEN cart ->> 'seen' = 'amount'
                                        THEN least((quote ->> 'cart_amount')::numeric, 1e15 - 1) END);
            reads_the_same := ecommerce.order_json(customer, (placed ->> 'id')::bigint)
                              = placed - 'replayed';
        EXCEPTION
            WHEN SQLSTATE 'PT409' OR numeric_value_out_of_range THEN
                GET STACKED DIAGNOSTICS problem = PG_EXCEPTION_DETAIL;
            -- No cart deserves another error: this is no code of a problem.
            WHEN OTHERS THEN
                problem := jsonb_build_object('code', SQLSTATE, 'message', SQLERRM);
        END;
        IF placed IS NOT NULL AND cart -> 'returns' <> '[]' THEN
            PERFORM ecommerce.set_order_status(customer, (placed ->> 'id')::bigint, 'SHIPPED');
            FOR items IN SELECT jsonb_array_elements(cart -> 'returns') LOOP
                returned := ecommerce.return_items(
                    customer, (placed ->> 'id')::bigint,
                    (SELECT jsonb_agg(jsonb_build_object('line', item -> 0, 'quantity', item -> 1))
                       FROM jsonb_array_elements(items) AS item), true);
            END LOOP;
        END IF;
        RETURN NEXT jsonb_build_object(
            'quote', quote, 'order', placed, 'refusal', problem::jsonb,
            'reads_the_same', reads_the_same, 'returned', returned);
    END LOOP;

    DELETE FROM ecommerce.promotions;
    DELETE FROM ecommerce.tax_rates;
    DELETE FROM ecommerce.shipping_rates;
    DELETE FROM ecommerce.cart_items;
    DELETE FROM ecommerce.products;
END
$$;

-- The documents choose the ids.
ALTER SEQUENCE ecommerce.products_id_seq RESTART 1000000000000;
ALTER SEQUENCE ecommerce.categories_id_seq RESTART 1000000000000;
