-- Makes empty tables anew as partitioned ones. :layout is range: lines and events by ranges of
-- order ids, ten for :all orders; or hash: these and orders by customer, in 16. Views and
-- policies go with the old tables.

\set ON_ERROR_STOP on

SET client_min_messages = warning;

SELECT set_config('bench.layout', :'layout', false), set_config('bench.all', :'all', false) \g /dev/null

DO $$
DECLARE
    is_range  boolean := current_setting('bench.layout') = 'range';
    relations regclass[] := CASE WHEN is_range THEN '{}'::regclass[] ELSE '{ecommerce.orders}' END
                            || '{ecommerce.order_details,ecommerce.order_events}'::regclass[];
    key       text := CASE WHEN is_range THEN 'order_id' ELSE 'customer_id' END;
    relation  text;
    made      text[];
    it        record;
BEGIN
    -- Unique indexes have the key, or are not unique. Foreign keys come last.
    SELECT array_agg(statement ORDER BY number) INTO made FROM (
        SELECT 1, replace(pg_get_indexdef(indexrelid), CASE WHEN pg_get_indexdef(indexrelid) LIKE '%' || key || '%' THEN '' ELSE 'UNIQUE ' END, '')
          FROM pg_index WHERE indrelid = ANY (relations) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
        UNION ALL
        SELECT CASE contype WHEN 'f' THEN 2 ELSE 0 END, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
          FROM pg_constraint WHERE contype IN ('p', 'u') AND conrelid = ANY (relations) OR contype = 'f' AND (conrelid = ANY (relations) OR confrelid = ANY (relations))
        UNION ALL
        SELECT 3, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = ANY (relations) AND NOT tgisinternal
        UNION ALL
        SELECT 4, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', oid::regclass) FROM pg_class WHERE oid = ANY (relations)) AS definitions (number, statement);
    -- A sequence belongs to its column, and would be dropped with it.
    FOR it IN
        SELECT objid::regclass AS sequence FROM pg_depend
         WHERE classid = 'pg_class'::regclass AND refobjid = ANY (relations) AND deptype = 'a' AND objid::regclass::text LIKE '%\_seq'
    LOOP
        EXECUTE format('ALTER SEQUENCE %s OWNED BY NONE', it.sequence);
    END LOOP;
    FOREACH relation IN ARRAY relations::text[] LOOP
        EXECUTE format('CREATE TABLE %1$s_new (LIKE %1$s INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY %2$s (%3$I)',
                       relation, CASE WHEN is_range THEN 'RANGE' ELSE 'HASH' END, key);
    END LOOP;
    FOREACH relation IN ARRAY relations::text[] LOOP
        EXECUTE format('DROP TABLE %s CASCADE', relation);
        EXECUTE format('ALTER TABLE %s_new RENAME TO %I', relation, split_part(relation, '.', 2));
        FOR n IN 0 .. CASE WHEN is_range THEN 9 ELSE 15 END LOOP
            EXECUTE format('CREATE TABLE %1$s_p%2$s PARTITION OF %1$s FOR VALUES %3$s', relation, n,
                           CASE WHEN NOT is_range THEN format('WITH (MODULUS 16, REMAINDER %s)', n)
                                ELSE format('FROM (%s) TO (%s)', current_setting('bench.all')::bigint / 10 * n + 1,
                                            CASE n WHEN 9 THEN 'MAXVALUE' ELSE (current_setting('bench.all')::bigint / 10 * (n + 1) + 1)::text END) END);
        END LOOP;
    END LOOP;
    FOREACH relation IN ARRAY made LOOP
        EXECUTE relation;
    END LOOP;
END
$$;
