-- Several nodes

CREATE FUNCTION ecommerce.distribute(delegate boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.distribute FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.distribute IS
'Spreads the tables over the nodes of a Citus cluster: the catalogue to each, what belongs to '
'customers by customer, and the stock in buckets, of which each shard has one. Works as the owner '
'of the tables. With delegate, the functions that fill carts and place orders run on the node that '
'has the customer. Safe to repeat.
Errors: 22004 for a null; 55000 without Citus, before migrate(), or with an older extension; 42501 '
'unless the caller has the rights of the owner of the tables, for an owner without CREATE on both '
'schemas, and to delegate, unless the caller has the rights of the owner of the extension; and '
'those of Citus.';

CREATE FUNCTION ecommerce.undistribute() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.undistribute FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.undistribute IS
'Takes all rows back to the coordinator, into plain tables, as they were before distribute(). The '
'stock stays in its buckets. Safe to repeat.
Errors: 55000 without Citus, before migrate(), or with an older extension; 42501 unless the caller '
'has the rights of the owner of the tables, and for an owner without CREATE on both schemas; '
'23505 where customers of several shards have one e-mail address; and those of Citus.';

CREATE FUNCTION ecommerce_migrations.distribute(is_wanted boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    AS $function$
DECLARE
    -- The key of each; null for what every node has a copy of.
    tables CONSTANT json := '{
        "categories": null, "products": null, "promotions": null, "tax_rates": null,
        "shipping_rates": null, "stock_transfers": null,
        "users": "id", "carts": "user_id", "cart_items": "user_id", "orders": "customer_id",
        "order_details": "customer_id", "order_events": "customer_id",
        "order_adjustments": "customer_id", "order_payments": "customer_id",
        "order_balances": "customer_id", "order_returns": "customer_id",
        "order_return_lines": "customer_id", "archived_orders": "customer_id",
        "stock_levels": "bucket", "promotion_levels": "bucket"}';
    it record;
    foreign_keys text[] := '{}';
    lost text[] := '{}';
    first_hashes integer[];
    buckets bigint[];
    command text;
BEGIN

IF NOT EXISTS (SELECT FROM json_object_keys(tables) AS name
                WHERE is_wanted <> EXISTS (SELECT FROM pg_dist_partition
                                            WHERE logicalrelid = ('ecommerce.' || name)::regclass))
THEN
    RETURN;
END IF;

-- An open shop waits.
SET CONSTRAINTS ALL IMMEDIATE;
LOCK TABLE ecommerce.users, ecommerce.carts, ecommerce.cart_items, ecommerce.orders,
           ecommerce.products, ecommerce.stock_levels, ecommerce.order_details,
           ecommerce.order_events
    IN ACCESS EXCLUSIVE MODE;

PERFORM set_config('client_min_messages', 'warning', true);
-- What refers to tables that every node has is changed node by node.
PERFORM set_config('citus.multi_shard_modify_mode', 'sequential', true);
-- Ids come from one sequence, so they are unique. An e-mail address is unique in its shard, and
-- order_integrity() tells of those of several.
PERFORM set_config('citus.allow_unsafe_constraints', 'on', true);
-- The triggers read the row they are for, and others of the same customer.
PERFORM set_config('citus.enable_unsafe_triggers', 'on', true);

-- A table with a foreign key is not distributed before the one that it refers to, nor after.
FOR it IN
    SELECT conrelid::regclass AS relation, conname, pg_get_constraintdef(oid) AS definition
      FROM json_object_keys(tables) AS name
      JOIN pg_constraint ON conrelid = ('ecommerce.' || name)::regclass
     WHERE contype = 'f'
     ORDER BY oid
LOOP
    foreign_keys := foreign_keys || format('ALTER TABLE %s ADD CONSTRAINT %I %s',
                                           it.relation, it.conname, it.definition);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', it.relation, it.conname);
END LOOP;

IF is_wanted THEN
    -- Other nodes give ids beyond.
    FOR it IN
        SELECT seqrelid::regclass AS name
          FROM json_object_keys(tables) AS name
          JOIN pg_sequence ON seqrelid = to_regclass(format('ecommerce.%I_id_seq', name))
         WHERE seqmax > 281474976710655
    LOOP
        EXECUTE format('ALTER SEQUENCE %s MAXVALUE 281474976710655', it.name);
    END LOOP;

    -- They run where the rows are that they read.
    ALTER FUNCTION ecommerce.check_order_change() SET citus.allow_nested_distributed_execution = on;
    ALTER FUNCTION ecommerce.keep_unless_archived()
        SET citus.allow_nested_distributed_execution = on;
ELSE
    DROP FUNCTION ecommerce.choose_stock_bucket() CASCADE;

    -- Citus makes tables and views anew, without what is said of them, and what takes a row of a
    -- view goes with it.
    FOR it IN
        SELECT oid::regprocedure::text AS name, pg_get_functiondef(oid) AS definition,
               obj_description(oid, 'pg_proc') AS comment, proowner, proacl
          FROM pg_proc
         WHERE pronamespace = 'ecommerce_api'::regnamespace
           AND EXISTS (SELECT FROM pg_depend JOIN pg_type ON pg_type.oid = refobjid
                        WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid
                          AND refclassid = 'pg_type'::regclass AND typrelid <> 0)
    LOOP
        lost := lost || it.definition
            || format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', it.name)
            || format('COMMENT ON FUNCTION %s IS %L', it.name, it.comment);
        SELECT lost || array_agg(format('GRANT EXECUTE ON FUNCTION %s TO %s', it.name,
                                        CASE grantee WHEN 0 THEN 'PUBLIC'
                                                     ELSE grantee::regrole::text END))
          INTO lost FROM aclexplode(it.proacl) WHERE grantee <> it.proowner;
    END LOOP;
    SELECT lost || array_agg(format('COMMENT ON %s %s IS %L',
               CASE WHEN objsubid > 0 THEN 'COLUMN' WHEN relkind = 'v' THEN 'VIEW' ELSE 'TABLE' END,
               concat_ws('.', oid::regclass, (SELECT quote_ident(attname) FROM pg_attribute
                                                WHERE attrelid = oid AND attnum = objsubid)),
               description))
      INTO lost
      FROM pg_class JOIN pg_description ON objoid = oid AND classoid = 'pg_class'::regclass
     WHERE relkind IN ('r', 'v')
       AND relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace);
    SELECT lost || array_agg(format('GRANT %s ON %s TO %s', privilege_type, oid::regclass,
               CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END))
      INTO lost
      FROM pg_class, aclexplode(relacl)
     WHERE relkind = 'v' AND grantee <> relowner
       AND relnamespace = 'ecommerce_api'::regnamespace;

    FOR it IN
        SELECT logicalrelid AS relation FROM json_object_keys(tables) AS name
          JOIN pg_dist_partition ON logicalrelid = ('ecommerce.' || name)::regclass
    LOOP
        PERFORM undistribute_table(it.relation);
    END LOOP;
    ALTER FUNCTION ecommerce.check_order_change() RESET citus.allow_nested_distributed_execution;
    ALTER FUNCTION ecommerce.keep_unless_archived() RESET citus.allow_nested_distributed_execution;
END IF;

-- Citus takes no sub-select in a policy, and without one a policy is slower. A table is not there
-- yet on the other nodes, or is made anew, while others have a policy that names it.
FOR it IN
    SELECT polrelid::regclass AS relation, polname AS name,
           CASE polname
               WHEN 'own_rows' THEN
                   format('%I = %%s', value)
               ELSE '%s'
           END AS form,
           CASE polname
               WHEN 'own_rows' THEN
                   $$(nullif(current_setting('request.jwt.claims', true), '')::jsonb
                  ->> 'user_id')::bigint$$
               ELSE format($$has_table_privilege('ecommerce.orders'%s, 'REFERENCES')$$,
                           CASE WHEN NOT is_wanted THEN '::regclass' END)
           END AS question
      FROM json_each_text(tables)
      JOIN pg_policy ON polrelid = ('ecommerce.' || key)::regclass
       AND polname IN ('own_rows', 'staff')
LOOP
    EXECUTE format('ALTER POLICY %I ON %s USING (%s)', it.name, it.relation,
        format(it.form, CASE WHEN is_wanted THEN it.question
                             ELSE format('(SELECT %s)', it.question) END));
END LOOP;

IF is_wanted THEN
    PERFORM create_reference_table(('ecommerce.' || key)::regclass)
       FROM json_each_text(tables)
      WHERE value IS NULL AND NOT EXISTS (SELECT FROM pg_dist_partition
                                           WHERE logicalrelid = ('ecommerce.' || key)::regclass);

    IF NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'ecommerce.users'::regclass)
    THEN
        PERFORM create_distributed_table('ecommerce.users', 'id', colocate_with => 'none');

        -- The bucket of a shard is the lowest number whose hash is in its range, so that the stock
        -- of its customers is on their node.
        SELECT array_agg(shardminvalue::integer ORDER BY shardminvalue::integer) INTO first_hashes
          FROM pg_dist_shard WHERE logicalrelid = 'ecommerce.users'::regclass;
        SELECT array_agg(lowest ORDER BY shard) INTO buckets
          FROM (SELECT width_bucket(worker_hash(bucket), first_hashes) AS shard,
                       min(bucket) AS lowest
                  FROM generate_series(0::bigint, 64 * cardinality(first_hashes)) AS bucket
                 GROUP BY 1) AS found
         RIGHT JOIN generate_series(1, cardinality(first_hashes)) AS shard USING (shard);
        UPDATE ecommerce.carts
           SET stock_bucket = buckets[width_bucket(worker_hash(user_id), first_hashes)];
        WITH counted AS (
            DELETE FROM ecommerce.stock_levels RETURNING product_id, quantity
        )
        INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity)
        SELECT bucket, product_id,
               quantity / cardinality(buckets)
               + (number <= quantity % cardinality(buckets))::integer
          FROM (SELECT product_id, sum(quantity)::bigint AS quantity
                  FROM counted GROUP BY product_id) AS counted
         CROSS JOIN unnest(buckets) WITH ORDINALITY AS shard (bucket, number);
        INSERT INTO ecommerce.stock_levels (bucket, product_id, till, quantity)
        SELECT bucket, id, till, 0
          FROM ecommerce.products
         CROSS JOIN unnest(buckets) AS bucket, generate_series(1, tills) AS till;

        -- A new cart is given that of its shard, where it is put.
        CREATE FUNCTION ecommerce.choose_stock_bucket() RETURNS trigger
            LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
            AS $trigger$
        DECLARE
            shard record;
        BEGIN
            SELECT shardminvalue::integer AS first, shardmaxvalue::integer AS last
              INTO STRICT shard
              FROM pg_dist_shard WHERE shardid = substring(TG_TABLE_NAME FROM '[0-9]+$')::bigint;
            IF worker_hash(NEW.stock_bucket) NOT BETWEEN shard.first AND shard.last THEN
                NEW.stock_bucket := 0;
            END IF;
            WHILE worker_hash(NEW.stock_bucket) NOT BETWEEN shard.first AND shard.last LOOP
                NEW.stock_bucket := NEW.stock_bucket + 1;
            END LOOP;
            RETURN NEW;
        END
        $trigger$;
        REVOKE EXECUTE ON FUNCTION ecommerce.choose_stock_bucket FROM PUBLIC;
        COMMENT ON FUNCTION ecommerce.choose_stock_bucket IS
        'Trigger function of distributed tables: gives a new cart the bucket of its shard.';
        CREATE TRIGGER choose_stock_bucket BEFORE INSERT ON ecommerce.carts
            FOR EACH ROW EXECUTE FUNCTION ecommerce.choose_stock_bucket();
    END IF;

    PERFORM create_distributed_table(('ecommerce.' || key)::regclass, value,
                                     colocate_with => 'ecommerce.users')
       FROM json_each_text(tables)
      WHERE value IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_dist_partition
                         WHERE logicalrelid = ('ecommerce.' || key)::regclass);
END IF;

-- Citus joins what every node has with sums of what is distributed, and does not look up each.
EXECUTE format($view$
CREATE OR REPLACE VIEW ecommerce_api.products WITH (security_invoker = true) AS
    SELECT id, name, description, price, currency::text,
           CASE WHEN true THEN category_id END AS category_id,
           CASE WHEN is_counted IS NOT FALSE THEN coalesce(%s, 0)::bigint END AS quantity,
           sku, options,
           (SELECT categories.name FROM ecommerce.categories
             WHERE categories.id = products.category_id) AS category_name,
           minimum_quantity, maximum_quantity, quantity_step, customer_limit
      FROM ecommerce.products%s
     WHERE is_active
$view$,
    CASE WHEN is_wanted THEN 'counted.units'
         ELSE '(SELECT sum(stock.quantity) FROM ecommerce.stock_levels AS stock
                 WHERE stock.product_id = products.id)' END,
    CASE WHEN is_wanted THEN
        ' LEFT JOIN (SELECT product_id, sum(quantity) AS units
                       FROM ecommerce.stock_levels GROUP BY product_id) AS counted
            ON counted.product_id = products.id' END);

FOREACH command IN ARRAY foreign_keys || lost LOOP
    EXECUTE command;
END LOOP;

END
$function$;
REVOKE EXECUTE ON FUNCTION ecommerce_migrations.distribute FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_migrations.distribute IS
'Distributes the tables, or takes them back. Called by ecommerce.distribute() and undistribute(), '
'never directly.';
