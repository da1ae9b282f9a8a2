-- What the catalogue says of the extension: the functions of the contract with all
-- their properties, and of the tables that migrate() makes: keys, constraints,
-- indexes, comments, and that nothing happens behind the writer's back. For every
-- rule there are objects that break it, to show that it would be seen.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(68);
SELECT is(ecommerce.migrate(owner => current_user), 4, 'migrate() makes version 4');


-- The contract

SELECT results_eq(
    $$SELECT proname::text COLLATE "default", pg_get_function_arguments(oid), pg_get_function_result(oid),
             CASE provolatile WHEN 'v' THEN 'volatile' WHEN 's' THEN 'stable' WHEN 'i' THEN 'immutable' END,
             CASE proparallel WHEN 'u' THEN 'unsafe' WHEN 'r' THEN 'restricted' WHEN 's' THEN 'safe' END
      FROM pg_proc WHERE pronamespace = 'ecommerce'::regnamespace
        AND prorettype <> 'trigger'::regtype
      ORDER BY proname$$,
    $$VALUES ('acknowledge_order_events', 'ids bigint[]', 'integer', 'volatile', 'unsafe'),
             ('add_to_cart', 'user_id bigint, product_id bigint, quantity integer DEFAULT 1',
              'jsonb', 'volatile', 'unsafe'),
             ('archive_orders', 'before timestamp with time zone, max integer DEFAULT 1000', 'integer', 'volatile', 'unsafe'),
             ('cancel_order', 'user_id bigint, order_id bigint, reason text', 'jsonb', 'volatile', 'unsafe'),
             ('cart_json', 'user_id bigint', 'jsonb', 'stable', 'restricted'),
             ('clear_abandoned_carts', 'before timestamp with time zone, max integer DEFAULT 1000', 'integer', 'volatile', 'unsafe'),
             ('clear_cart', 'user_id bigint', 'jsonb', 'volatile', 'unsafe'),
             ('correct_order_status', 'user_id bigint, order_id bigint, status text, reason text',
              'jsonb', 'volatile', 'unsafe'),
             ('currency_digits', 'currency text', 'integer', 'immutable', 'safe'),
             ('current_user_id', '', 'bigint', 'stable', 'safe'),
             ('distribute', 'delegate boolean DEFAULT false', 'void', 'volatile', 'unsafe'),
             ('erase_user', 'user_id bigint, order_addresses boolean DEFAULT false', 'void', 'volatile', 'unsafe'),
             ('expire_unpaid_orders', 'max integer DEFAULT 100', 'integer', 'volatile', 'unsafe'),
             ('fail_order_events', 'ids bigint[], reason text', 'integer', 'volatile', 'unsafe'),
             ('find_order', 'order_id bigint DEFAULT NULL::bigint, number text DEFAULT NULL::text',
              'jsonb', 'stable', 'restricted'),
             ('grant_api', 'anonymous text DEFAULT NULL::text, shopper text DEFAULT NULL::text, staff text DEFAULT NULL::text',
              'void', 'volatile', 'unsafe'),
             ('ids_of_shard', 'shard integer, shards integer, beyond bigint DEFAULT 0', 'void', 'volatile', 'unsafe'),
             ('import_orders', 'orders jsonb', 'jsonb', 'volatile', 'unsafe'),
             ('merge_carts', 'from_user_id bigint, into_user_id bigint', 'jsonb', 'volatile', 'unsafe'),
             ('migrate', 'owner text DEFAULT NULL::text', 'integer', 'volatile', 'unsafe'),
             ('order_again', 'user_id bigint, order_id bigint', 'jsonb', 'volatile', 'unsafe'),
             ('order_integrity', '',
              'TABLE(invariant text, customer_id bigint, order_id bigint, product_id bigint, details jsonb)',
              'stable', 'restricted'),
             ('order_json', 'user_id bigint, order_id bigint', 'jsonb', 'stable', 'restricted'),
             ('order_listing_json', 'user_id bigint, page_size integer DEFAULT NULL::integer, '
              'before_id bigint DEFAULT NULL::bigint, status text DEFAULT NULL::text',
              'jsonb', 'stable', 'restricted'),
             ('order_queue', 'status text DEFAULT ''PROCESSING''::text, page_size integer DEFAULT 50, '
              'after_id bigint DEFAULT NULL::bigint, newest_first boolean DEFAULT false',
              'jsonb', 'stable', 'restricted'),
             ('outbox_metrics', '',
              'TABLE(event text, pending bigint, leased bigint, dead bigint, oldest_age interval)', 'stable', 'restricted'),
             ('place_order', 'user_id bigint, idempotency_key text DEFAULT NULL::text, '
              'expected_amount numeric DEFAULT NULL::numeric, fingerprint text DEFAULT NULL::text, '
              'shipping_address text DEFAULT NULL::text, metadata jsonb DEFAULT NULL::jsonb',
              'jsonb', 'volatile', 'unsafe'),
             ('profile_json', 'user_id bigint', 'jsonb', 'stable', 'restricted'),
             ('receive_stock', 'product_ids bigint[], quantities integer[]', 'jsonb', 'volatile', 'unsafe'),
             ('record_payment', 'user_id bigint, order_id bigint, provider text, reference text, kind text, amount numeric, '
              'payload jsonb DEFAULT NULL::jsonb',
              'jsonb', 'volatile', 'unsafe'),
             ('release_order_events', 'ids bigint[]', 'integer', 'volatile', 'unsafe'),
             ('request_refund', 'user_id bigint, order_id bigint, reference text, amount numeric DEFAULT NULL::numeric, '
              'provider text DEFAULT NULL::text, reason text DEFAULT NULL::text',
              'jsonb', 'volatile', 'unsafe'),
             ('return_items', 'user_id bigint, order_id bigint, items jsonb, restock boolean, '
              'reason text DEFAULT NULL::text, idempotency_key text DEFAULT NULL::text, '
              'expected_status text DEFAULT NULL::text',
              'jsonb', 'volatile', 'unsafe'),
             ('revoke_api', 'anonymous text DEFAULT NULL::text, shopper text DEFAULT NULL::text, staff text DEFAULT NULL::text',
              'void', 'volatile', 'unsafe'),
             ('set_cart_coupons', 'user_id bigint, codes text[]', 'jsonb', 'volatile', 'unsafe'),
             ('set_cart_item', 'user_id bigint, product_id bigint, quantity integer',
              'jsonb', 'volatile', 'unsafe'),
             ('set_cart_items', 'user_id bigint, product_ids bigint[], quantities integer[]',
              'jsonb', 'volatile', 'unsafe'),
             ('set_cart_shipping', 'user_id bigint, shipping_code text DEFAULT NULL::text, '
              'address jsonb DEFAULT NULL::jsonb, billing_address jsonb DEFAULT NULL::jsonb',
              'jsonb', 'volatile', 'unsafe'),
             ('set_order_address', 'user_id bigint, order_id bigint, shipping_address text', 'jsonb', 'volatile', 'unsafe'),
             ('set_order_status', 'user_id bigint, order_id bigint, status text, payload jsonb DEFAULT NULL::jsonb',
              'jsonb', 'volatile', 'unsafe'),
             ('set_owner', 'owner text', 'void', 'volatile', 'unsafe'),
             ('set_profile', 'user_id bigint, name text DEFAULT NULL::text, email text DEFAULT NULL::text, '
              'shipping_address text DEFAULT NULL::text, address jsonb DEFAULT NULL::jsonb', 'jsonb', 'volatile', 'unsafe'),
             ('set_promotion_limit', 'promotion_id bigint, usage_limit bigint', 'bigint', 'volatile', 'unsafe'),
             ('split_stock', 'product_id bigint, tills integer', 'integer', 'volatile', 'unsafe'),
             ('take_order_events', 'max integer, event text DEFAULT NULL::text, lease_seconds integer DEFAULT 300',
              'jsonb', 'volatile', 'unsafe'),
             ('transfer_stock', 'reference text, product_id bigint, quantity integer, from_bucket bigint DEFAULT NULL::bigint, to_bucket bigint DEFAULT NULL::bigint',
              'boolean', 'volatile', 'unsafe'),
             ('undistribute', '', 'void', 'volatile', 'unsafe'),
             ('warm_up', '', 'void', 'volatile', 'unsafe')$$,
    'functions');
SELECT results_eq(
    $$SELECT relname::text COLLATE "default" FROM pg_class
      WHERE relnamespace = 'ecommerce'::regnamespace AND relkind NOT IN ('i', 'S') ORDER BY relname$$,
    $$VALUES ('archived_orders'), ('cart_items'), ('carts'), ('categories'), ('order_adjustments'), ('order_balances'), ('order_details'),
             ('order_events'), ('order_payments'), ('order_return_lines'), ('order_returns'), ('orders'),
             ('products'), ('promotion_levels'), ('promotions'), ('schema_migrations'), ('shipping_rates'),
             ('stock_levels'), ('stock_transfers'), ('tax_rates'), ('users')$$,
    'tables');
SELECT results_eq(
    $$SELECT conrelid::regclass::text, pg_get_constraintdef(pg_constraint.oid)
      FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
      WHERE contype IN ('p', 'u') AND connamespace = 'ecommerce'::regnamespace ORDER BY relname, contype$$,
    $$VALUES ('ecommerce.archived_orders', 'PRIMARY KEY (customer_id, order_id)'),
             ('ecommerce.cart_items', 'PRIMARY KEY (user_id, product_id)'),
             ('ecommerce.carts', 'PRIMARY KEY (user_id)'),
             ('ecommerce.categories', 'PRIMARY KEY (id)'),
             ('ecommerce.order_adjustments', 'PRIMARY KEY (customer_id, order_id, adjustment_number)'),
             ('ecommerce.order_balances', 'PRIMARY KEY (customer_id, order_id)'),
             ('ecommerce.order_details', 'PRIMARY KEY (customer_id, order_id, line_number)'),
             ('ecommerce.order_events', 'PRIMARY KEY (customer_id, order_id, event_number)'),
             ('ecommerce.order_payments', 'PRIMARY KEY (customer_id, order_id, payment_number)'),
             ('ecommerce.order_payments', 'UNIQUE (customer_id, provider, reference, kind)'),
             ('ecommerce.order_return_lines', 'PRIMARY KEY (customer_id, order_id, return_number, line_number)'),
             ('ecommerce.order_returns', 'PRIMARY KEY (customer_id, order_id, return_number)'),
             ('ecommerce.order_returns', 'UNIQUE (customer_id, order_id, idempotency_key)'),
             ('ecommerce.orders', 'PRIMARY KEY (customer_id, id)'),
             ('ecommerce.orders', 'UNIQUE (customer_id, idempotency_key)'),
             ('ecommerce.products', 'PRIMARY KEY (id)'),
             ('ecommerce.products', 'UNIQUE (sku)'),
             ('ecommerce.promotion_levels', 'PRIMARY KEY (promotion_id, bucket)'),
             ('ecommerce.promotions', 'PRIMARY KEY (id)'),
             ('ecommerce.schema_migrations', 'PRIMARY KEY (version)'),
             ('ecommerce.shipping_rates', 'PRIMARY KEY (id)'),
             ('ecommerce.shipping_rates', 'UNIQUE NULLS NOT DISTINCT (code, country, currency, from_amount, from_weight)'),
             ('ecommerce.stock_levels', 'PRIMARY KEY (product_id, bucket, till)'),
             ('ecommerce.stock_transfers', 'PRIMARY KEY (reference)'),
             ('ecommerce.tax_rates', 'PRIMARY KEY (id)'),
             ('ecommerce.users', 'PRIMARY KEY (id)')$$,
    'keys, those of a customer''s rows beginning with the customer');
SELECT results_eq(
    $$SELECT conname::text COLLATE "default", pg_get_constraintdef(oid) FROM pg_constraint
      WHERE contype = 'f' AND connamespace = 'ecommerce'::regnamespace ORDER BY conname$$,
    $$VALUES ('cart_items_cart_exists',
              'FOREIGN KEY (user_id) REFERENCES ecommerce.carts(user_id) ON DELETE CASCADE'),
             ('carts_user_exists', 'FOREIGN KEY (user_id) REFERENCES ecommerce.users(id) ON DELETE CASCADE'),
             ('order_balances_order_exists',
              'FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders(customer_id, id)'),
             ('order_details_order_exists',
              'FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders(customer_id, id)'),
             ('order_events_order_exists',
              'FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders(customer_id, id)'),
             ('order_payments_order_exists',
              'FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders(customer_id, id)'),
             ('order_return_lines_return_exists',
              'FOREIGN KEY (customer_id, order_id, return_number)'
              ' REFERENCES ecommerce.order_returns(customer_id, order_id, return_number)'),
             ('order_returns_order_exists',
              'FOREIGN KEY (customer_id, order_id) REFERENCES ecommerce.orders(customer_id, id)'),
             ('orders_customer_exists', 'FOREIGN KEY (customer_id) REFERENCES ecommerce.users(id)'),
             ('products_category_exists',
              'FOREIGN KEY (category_id) REFERENCES ecommerce.categories(id) ON DELETE SET NULL'),
             ('promotion_levels_promotion_exists',
              'FOREIGN KEY (promotion_id) REFERENCES ecommerce.promotions(id) ON DELETE CASCADE'),
             ('stock_levels_product_exists',
              'FOREIGN KEY (product_id) REFERENCES ecommerce.products(id) ON DELETE CASCADE')$$,
    'foreign keys: carts and stock go with what they are of, nothing deletes an order');
SELECT results_eq(
    $$SELECT relname::text COLLATE "default" FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
      WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND attname = 'id' ORDER BY relname$$,
    $$VALUES ('categories'), ('order_events'), ('orders'), ('products'), ('promotions'), ('shipping_rates'), ('tax_rates'),
             ('users')$$,
    'tables with an id of their own');


-- The rules: each query finds what breaks it.

CREATE VIEW pg_temp.functions AS
    SELECT p.oid::regprocedure AS signature, nspname AS schema_name, proname AS name, lanname AS language, p.*
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace JOIN pg_language AS l ON l.oid = prolang
    WHERE nspname IN ('ecommerce', 'ecommerce_api');
CREATE VIEW pg_temp.relations AS
    SELECT c.oid::regclass AS relation, nspname AS schema_name, c.*
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname IN ('ecommerce', 'ecommerce_api');
CREATE VIEW pg_temp.columns AS
    SELECT relation, attname AS name, relkind, relname, coalesce(nullif(typbasetype, 0), atttypid)::regtype AS type,
           pg_get_expr(adbin, adrelid) AS initial,
           attrelid, attnum, attnotnull, attidentity, attacl
    FROM relations JOIN pg_attribute AS a ON attrelid = relation JOIN pg_type ON pg_type.oid = atttypid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped;
CREATE VIEW pg_temp.constraints AS
    SELECT * FROM pg_constraint WHERE connamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace);

CREATE TABLE pg_temp.rules (number integer GENERATED ALWAYS AS IDENTITY, rule text, query text);
INSERT INTO rules (rule, query) VALUES
    ('functions are in C, triggers, which stay without the extension, in PL/pgSQL, and what goes with views in SQL',
     $$SELECT signature FROM functions WHERE language <> CASE WHEN name = 'order_lines' THEN 'sql'
         ELSE CASE WHEN prorettype = 'trigger'::regtype THEN 'plpgsql' ELSE 'c' END END$$),
    ('the symbol of a C function is its name, or a new one where the arguments are others',
     $$SELECT signature FROM functions
       WHERE language = 'c' AND prosrc <> CASE schema_name WHEN 'ecommerce_api' THEN 'api_' ELSE '' END || name
            || CASE WHEN name IN ('place_order', 'set_order_status') THEN '_2' ELSE '' END$$),
    ('no function answers a null argument with a null result',
     $$SELECT signature FROM functions WHERE proisstrict$$),
    ('functions are not SECURITY DEFINER',
     $$SELECT signature FROM functions WHERE prosecdef$$),
    ('whatever writes is parallel unsafe, whatever reads is not, and only what is told of currencies never changes',
     $$SELECT signature FROM functions WHERE (provolatile = 'v') <> (proparallel = 'u') OR provolatile = 'i' AND name <> 'currency_digits'$$),
    ('nothing is executable by PUBLIC',
     $$SELECT signature FROM functions, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0$$),
    ('every function has a comment',
     $$SELECT signature FROM functions WHERE obj_description(oid, 'pg_proc') IS NULL$$),
    ('no name is overloaded',
     $$SELECT name FROM functions GROUP BY schema_name, name HAVING count(*) > 1$$),
    ('every argument has a name, and none that means something to PostgREST',
     $$SELECT signature FROM functions WHERE pronargs > coalesce(cardinality(proargnames), 0)
          OR proargnames && '{limit, offset, order, select, columns, and, or, not, on_conflict, ""}'$$),
    -- Nor the reason of a cancellation, which is the customer's. Its document comes as text.
    ('a function of ecommerce_api is that of ecommerce without the user, and answers with json',
     $$SELECT api.signature FROM functions AS api
       LEFT JOIN functions AS f ON f.schema_name = 'ecommerce' AND f.name = api.name AND f.proargnames[1] = 'user_id'
       WHERE api.schema_name = 'ecommerce_api' AND api.name <> 'order_lines'
         AND (f.oid IS NULL OR (api.provolatile, api.proparallel) <> (f.provolatile, f.proparallel)
              OR (api.prorettype, f.prorettype) <> ('json'::regtype, 'jsonb'::regtype)
              OR coalesce(api.proargnames, '{}') || CASE api.name WHEN 'cancel_order' THEN '{reason}' ELSE '{}' END::text[] <>
                 f.proargnames[2:]
              OR oidvectortypes(f.proargtypes) <>
                 concat_ws(', ', 'bigint', nullif(oidvectortypes(api.proargtypes), ''),
                           CASE api.name WHEN 'cancel_order' THEN 'text' END))$$),
    ('the extension consists of functions, and the schema of its migrations: no table is a member',
     $$SELECT pg_describe_object(classid, objid, 0) FROM pg_depend JOIN pg_extension ON pg_extension.oid = refobjid
       WHERE refclassid = 'pg_extension'::regclass AND extname = 'ecommerce' AND deptype = 'e'
         AND classid <> 'pg_proc'::regclass
         AND (classid, objid) <> ('pg_namespace'::regclass, 'ecommerce_migrations'::regnamespace)$$),
    ('every table and view has a comment',
     $$SELECT relation FROM relations WHERE relkind IN ('r', 'v') AND obj_description(relation, 'pg_class') IS NULL$$),
    ('every column has a comment',
     $$SELECT relation, name FROM columns WHERE col_description(attrelid, attnum) IS NULL$$),
    ('every domain has a comment',
     $$SELECT typname FROM pg_type WHERE typtype = 'd' AND typnamespace = 'ecommerce'::regnamespace
         AND obj_description(oid, 'pg_type') IS NULL$$),
    ('PUBLIC has no privilege on a table, view, column or sequence',
     $$SELECT relation FROM relations, aclexplode(relacl) WHERE grantee = 0
       UNION ALL SELECT relation FROM columns, aclexplode(attacl) WHERE grantee = 0$$),
    ('PUBLIC has no privilege on the schemas',
     $$SELECT nspname FROM pg_namespace, aclexplode(nspacl)
       WHERE grantee = 0 AND nspname IN ('ecommerce', 'ecommerce_api')$$),
    ('an id is a bigint, from a sequence of its own by default, and no identity column',
     $$SELECT relation FROM columns WHERE name = 'id' AND relkind = 'r'
         AND (type <> 'bigint'::regtype OR NOT attnotnull OR attidentity <> '' OR initial IS DISTINCT FROM
              format('nextval(%L::regclass)', pg_get_serial_sequence(relation::text, name)))$$),
    ('sequences do not run out or around',
     $$SELECT seqrelid::regclass FROM pg_sequence JOIN relations ON relation = seqrelid
       WHERE seqmax <> 9223372036854775807 OR seqcycle$$),
    ('what refers to an id is a bigint too',
     $$SELECT relation, name FROM columns WHERE name ~ '_id$' AND type <> 'bigint'::regtype$$),
    ('money is numeric, a time has a zone, a text has no length',
     $$SELECT relation, name FROM columns
       WHERE name ~ '(price|amount)$' AND type <> 'numeric'::regtype
          OR name ~ '(_at|_date)$' AND type <> 'timestamptz'::regtype
          OR type IN ('real', 'double precision', 'money', 'timestamp', 'character', 'character varying')$$),
    ('every foreign key has an index that begins with its columns',
     $$SELECT conname FROM constraints WHERE contype = 'f' AND NOT EXISTS (
           SELECT FROM pg_index WHERE indrelid = conrelid AND indpred IS NULL
              AND (indkey::smallint[])[0:cardinality(conkey) - 1] @> conkey)$$),
    ('no index is the beginning of another',
     $$SELECT i.indexrelid::regclass FROM pg_index AS i JOIN relations ON relation = i.indrelid
       JOIN pg_index AS j ON j.indrelid = i.indrelid AND j.indexrelid <> i.indexrelid
       WHERE i.indpred IS NULL AND j.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indisunique
         AND (j.indkey::smallint[])[0:i.indnatts - 1] = (i.indkey::smallint[])[0:i.indnatts - 1]$$),
    ('constraints say by their names what they demand',
     $$SELECT conname FROM constraints WHERE contype IN ('c', 'f') AND conname ~ '_(check|fkey)\d*$'$$),
    -- But for those that came with version 3, which old rows may break.
    ('constraints hold for the rows that are there',
     $$SELECT conname FROM constraints WHERE NOT convalidated AND conname NOT IN
           ('users_email_has_an_at', 'users_shipping_address_at_most_10000_characters')$$),
    ('no trigger but those that refuse to change the history, or cut blanks off an address',
     $$SELECT tgname FROM pg_trigger JOIN relations ON relation = tgrelid WHERE NOT tgisinternal
         AND (tgname, tgfoid::regproc::text) NOT IN (
             ('check_order_change', 'ecommerce.check_order_change'), ('check_event_change', 'ecommerce.check_event_change'),
             ('check_return_change', 'ecommerce.check_return_change'),
             ('keep_returns', 'ecommerce.keep_history'), ('keep_return_lines', 'ecommerce.keep_history'),
             ('check_payment_change', 'ecommerce.check_payment_change'),
             ('keep_orders', 'ecommerce.keep_history'), ('keep_lines', 'ecommerce.keep_history'),
             ('keep_events', 'ecommerce.keep_history'), ('keep_payments', 'ecommerce.keep_history'), ('keep_unchanged', 'ecommerce.keep_history'), ('keep_adjustments', 'ecommerce.keep_history'),
             ('keep_unless_archived', 'ecommerce.keep_unless_archived'), ('cut_blanks', 'ecommerce.cut_blanks'))$$),
    ('no rule',
     $$SELECT rulename FROM pg_rewrite JOIN relations ON relation = ev_class WHERE rulename <> '_RETURN'$$),
    ('tables are logged and not parts of others',
     $$SELECT relation FROM relations
       WHERE relkind IN ('r', 'p', 'f') AND (relkind <> 'r' OR relpersistence <> 'p' OR relispartition)$$),
    ('customers'' tables have row-level security',
     $$SELECT relation FROM relations WHERE relkind = 'r' AND NOT relrowsecurity
         AND (relname = 'users' OR EXISTS (SELECT FROM columns WHERE columns.relation = relations.relation
                                             AND name IN ('user_id', 'customer_id')))$$),
    ('views check the privileges of the reader',
     $$SELECT relation FROM relations
       WHERE relkind = 'v' AND NOT coalesce(reloptions @> '{security_invoker=true}', false)$$);

CREATE FUNCTION pg_temp.offenders(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(offender::text, '' '' ORDER BY offender::text COLLATE "C") FROM (%s) AS offender',
                   query) INTO result;
    RETURN result;
END
$$;
SELECT is(pg_temp.offenders(query), NULL, rule) FROM rules ORDER BY number;


-- What breaks the rules is seen.

CREATE FUNCTION ecommerce.cart_json(bigint, "limit" bigint) RETURNS jsonb LANGUAGE sql
    STRICT SECURITY DEFINER PARALLEL SAFE AS 'SELECT NULL::jsonb';
CREATE FUNCTION ecommerce.other() RETURNS bigint LANGUAGE c AS '$libdir/ecommerce', 'current_user_id';
CREATE FUNCTION ecommerce_api.migrate() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE DOMAIN ecommerce.code AS varchar(3);
CREATE UNLOGGED TABLE ecommerce.refunds (
    id          integer GENERATED ALWAYS AS IDENTITY,
    customer_id integer,
    order_id    bigint,
    category_id bigint REFERENCES ecommerce.categories,
    amount      double precision CHECK (amount > 0),
    paid_at     timestamp,
    PRIMARY KEY (id, customer_id)
);
ALTER TABLE ecommerce.refunds ADD CONSTRAINT refunds_in_the_past CHECK (paid_at < '2000-01-01') NOT VALID;
CREATE INDEX ON ecommerce.refunds (id);
CREATE TRIGGER refunds_trigger BEFORE UPDATE ON ecommerce.refunds
    FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE RULE refunds_rule AS ON DELETE TO ecommerce.refunds DO INSTEAD NOTHING;
CREATE VIEW ecommerce_api.refunds AS SELECT * FROM ecommerce.refunds;
GRANT SELECT ON ecommerce.refunds TO PUBLIC;
GRANT USAGE ON SCHEMA ecommerce TO PUBLIC;
ALTER EXTENSION ecommerce ADD TABLE ecommerce.refunds;
SELECT isnt(pg_temp.offenders(query), NULL, 'seen when broken: ' || rule) FROM rules ORDER BY number;
SELECT is(pg_temp.offenders(query), wanted, 'what is named: ' || rule)
FROM rules JOIN (VALUES
    ('no name is overloaded', '(cart_json)'),
    ('money is numeric, a time has a zone, a text has no length',
     '(ecommerce.refunds,amount) (ecommerce.refunds,paid_at) '
     '(ecommerce_api.refunds,amount) (ecommerce_api.refunds,paid_at)'),
    ('every foreign key has an index that begins with its columns', '(refunds_category_id_fkey)'),
    ('every table and view has a comment', '(ecommerce.refunds) (ecommerce_api.refunds)')) AS seen (rule, wanted)
    USING (rule) ORDER BY number;

SELECT * FROM finish();
ROLLBACK;
