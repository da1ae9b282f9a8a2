-- Who may do what to which object: ten roles by every table, view, sequence,
-- function and schema, before grant_api(), after it, and after revoke_api().

\set ON_ERROR_STOP 1
SET client_min_messages = error;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(1457);

CREATE ROLE regress_root SUPERUSER;
CREATE ROLE regress_owner;
CREATE ROLE regress_staff;
CREATE ROLE regress_manager;
CREATE ROLE regress_shopper;
CREATE ROLE regress_anonymous;
CREATE ROLE regress_authenticator NOINHERIT;
CREATE ROLE regress_reporting;
CREATE ROLE regress_nobody;
GRANT regress_staff TO regress_manager;
GRANT regress_shopper, regress_anonymous TO regress_authenticator;

SELECT ecommerce.migrate(owner => 'regress_owner') AS version \gset
SET ROLE regress_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA ecommerce TO regress_reporting;
RESET ROLE;
GRANT USAGE ON SCHEMA ecommerce TO regress_reporting;

INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One'), (2, 'Grace', 'Two');
INSERT INTO ecommerce.products (id, name, price, is_active) VALUES (11, 'Pencil', 0.25, true), (12, 'Quill', 1, false);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000);
SELECT ecommerce.add_to_cart(1, 11) IS NOT NULL AS filled, ecommerce.add_to_cart(2, 11) IS NOT NULL AS filled_too \gset
SELECT ecommerce.place_order(1) IS NOT NULL AS placed, ecommerce.place_order(2) IS NOT NULL AS placed_too \gset

-- Objects and the verbs that they have. A verb in parentheses is held for some columns only.
CREATE TABLE pg_temp.objects (kind text, name text, oid oid);
INSERT INTO objects
    SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' ELSE 'sequence' END, oid::regclass::text, oid FROM pg_class
     WHERE relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace) AND relkind NOT IN ('i', 'I', 't')
    UNION ALL SELECT 'function', regexp_replace(oid::regprocedure::text, '\(.*', '()'), oid FROM pg_proc
     WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace, 'ecommerce_migrations'::regnamespace)
    UNION ALL SELECT 'schema', nspname, oid FROM pg_namespace WHERE nspname LIKE 'ecommerce%';

CREATE FUNCTION pg_temp.verbs(role_name text, kind text, object oid) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(CASE
               WHEN kind IN ('table', 'view') THEN CASE
                   WHEN has_table_privilege(role_name, object, verb) THEN letter
                   WHEN verb IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(role_name, object, verb)
                       THEN '(' || letter || ')' END
               WHEN kind = 'sequence' AND has_sequence_privilege(role_name, object, verb) THEN letter
               WHEN kind = 'function' AND has_function_privilege(role_name, object, verb) THEN letter
               WHEN kind = 'schema' AND has_schema_privilege(role_name, object, verb) THEN letter END, '' ORDER BY number), '')
      FROM (VALUES (1, 'table', 'SELECT', 's'), (2, 'table', 'INSERT', 'i'), (3, 'table', 'UPDATE', 'u'), (4, 'table', 'DELETE', 'd'),
                   (5, 'table', 'TRUNCATE', 't'), (6, 'table', 'REFERENCES', 'r'), (7, 'table', 'TRIGGER', 'g'),
                   (1, 'sequence', 'USAGE', 'U'), (2, 'sequence', 'SELECT', 's'), (3, 'sequence', 'UPDATE', 'u'),
                   (1, 'function', 'EXECUTE', 'X'), (1, 'schema', 'USAGE', 'U'), (2, 'schema', 'CREATE', 'C'))
           AS verbs (number, of_kind, verb, letter)
     WHERE of_kind = CASE kind WHEN 'view' THEN 'table' ELSE kind END
$$;

-- What each role is expected to hold once grant_api() has run; regress_root holds all.
CREATE TABLE pg_temp.expected (name text, owner text, staff text, shopper text, anonymous text, reporting text, nobody text);
INSERT INTO expected VALUES
    ('ecommerce.users',                        'siudtrg', 'siu', '',    '',    's', ''),
    ('ecommerce.categories',                   'siudtrg', 'siud', '(s)', '(s)', 's', ''),
    ('ecommerce.products',                     'siudtrg', 'siud', '(s)', '(s)', 's', ''),
    ('ecommerce.stock_levels',                 'siudtrg', 'siu', '(s)', '(s)', 's', ''),
    ('ecommerce.carts',                        'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.cart_items',                   'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.orders',                       'siudtrg', 'sr', '(s)', '',    's', ''),
    ('ecommerce.order_details',                'siudtrg', 's',  '(s)', '',    's', ''),
    ('ecommerce.order_adjustments',            'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.order_payments',               'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.order_balances',               'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.order_returns',                'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.order_return_lines',           'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.archived_orders',              'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.stock_transfers',              'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.promotions',                   'siudtrg', 'siud', '',  '',    's', ''),
    ('ecommerce.promotion_levels',             'siudtrg', 'siud', '',  '',    's', ''),
    ('ecommerce.tax_rates',                    'siudtrg', 'siud', '',  '',    's', ''),
    ('ecommerce.shipping_rates',               'siudtrg', 'siud', '',  '',    's', ''),
    ('ecommerce.order_events',                 'siudtrg', 's',  '',    '',    's', ''),
    ('ecommerce.schema_migrations',            'siudtrg', '',   '',    '',    's', ''),
    ('ecommerce_api.categories',               'siudtrg', 's',  's',   's',   '',  ''),
    ('ecommerce_api.products',                 'siudtrg', 's',  's',   's',   '',  ''),
    ('ecommerce_api.orders',                   'siudtrg', 's',  's',   '',    '',  ''),
    ('ecommerce_api.order_lines',              'siudtrg', 's',  's',   '',    '',  ''),
    ('ecommerce.users_id_seq',                 'Usu',     'U',  '',    '',    '',  ''),
    ('ecommerce.categories_id_seq',            'Usu',     'U',  '',    '',    '',  ''),
    ('ecommerce.products_id_seq',              'Usu',     'U',  '',    '',    '',  ''),
    ('ecommerce.promotions_id_seq',            'Usu',     'U',  '',    '',    '',  ''),
    ('ecommerce.tax_rates_id_seq',             'Usu',     'U',  '',    '',    '',  ''),
    ('ecommerce.shipping_rates_id_seq',        'Usu',     'U',  '',    '',    '',  ''),
    ('ecommerce.orders_id_seq',                'Usu',     '',   '',    '',    '',  ''),
    ('ecommerce.order_events_id_seq',          'Usu',     '',   '',    '',    '',  ''),
    ('ecommerce.migrate()',                    'X',       '',   '',    '',    '',  ''),
    ('ecommerce.set_owner()',                  'X',       '',   '',    '',    '',  ''),
    ('ecommerce.distribute()',                 'X',       '',   '',    '',    '',  ''),
    ('ecommerce.undistribute()',               'X',       '',   '',    '',    '',  ''),
    ('ecommerce_migrations.migration_1()',     '',        '',   '',    '',    '',  ''),
    ('ecommerce_migrations.migration_2()',     '',        '',   '',    '',    '',  ''),
    ('ecommerce_migrations.migration_3()',     '',        '',   '',    '',    '',  ''),
    ('ecommerce_migrations.migration_4()',     '',        '',   '',    '',    '',  ''),
    ('ecommerce_migrations.carry_grants()',    '',        '',   '',    '',    '',  ''),
    ('ecommerce_migrations.distribute()',      '',        '',   '',    '',    '',  ''),
    ('ecommerce.keep_history()',               'X',       '',   '',    '',    '',  ''),
    ('ecommerce.keep_unless_archived()',       'X',       '',   '',    '',    '',  ''),
    ('ecommerce.check_order_change()',         'X',       '',   '',    '',    '',  ''),
    ('ecommerce.check_event_change()',         'X',       '',   '',    '',    '',  ''),
    ('ecommerce.check_payment_change()',       'X',       '',   '',    '',    '',  ''),
    ('ecommerce.cut_blanks()',                 'X',       '',   '',    '',    '',  ''),
    ('ecommerce.set_order_status()',           'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.correct_order_status()',       'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.cancel_order()',               'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.find_order()',                 'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.order_queue()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_order_address()',          'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.check_return_change()',        'X',       '',   '',    '',    '',  ''),
    ('ecommerce.return_items()',               'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.record_payment()',             'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.request_refund()',             'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.expire_unpaid_orders()',       'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.take_order_events()',          'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.acknowledge_order_events()',   'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.fail_order_events()',          'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.release_order_events()',       'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.receive_stock()',              'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.transfer_stock()',             'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.split_stock()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_promotion_limit()',        'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.outbox_metrics()',             'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.warm_up()',                    'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.order_integrity()',            'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.erase_user()',                 'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.import_orders()',              'X',       '',   '',    '',    '',  ''),
    ('ecommerce.archive_orders()',             'X',       '',   '',    '',    '',  ''),
    ('ecommerce.ids_of_shard()',               'X',       '',   '',    '',    '',  ''),
    ('ecommerce.grant_api()',                  'X',       '',   '',    '',    '',  ''),
    ('ecommerce.revoke_api()',                 'X',       '',   '',    '',    '',  ''),
    ('ecommerce.current_user_id()',            'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.currency_digits()',            'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.add_to_cart()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_cart_item()',              'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_cart_items()',             'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.clear_cart()',                 'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_cart_coupons()',           'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_cart_shipping()',          'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.cart_json()',                  'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.merge_carts()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.clear_abandoned_carts()',      'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.order_again()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.profile_json()',               'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.set_profile()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.place_order()',                'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.order_listing_json()',         'X',       'X',  '',    '',    '',  ''),
    ('ecommerce.order_json()',                 'X',       'X',  '',    '',    '',  ''),
    ('ecommerce_api.add_to_cart()',            'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.set_cart_item()',          'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.set_cart_items()',         'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.clear_cart()',             'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.set_cart_coupons()',       'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.set_cart_shipping()',      'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.cart_json()',              'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.order_again()',            'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.profile_json()',           'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.set_profile()',            'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.order_lines()',            'X',       'X',  'X',   '',    '',  ''),
    ('ecommerce_api.place_order()',            'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.order_listing_json()',     'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.order_json()',             'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.cancel_order()',           'X',       '',   'X',   '',    '',  ''),
    ('ecommerce_api.set_order_address()',      'X',       '',   'X',   '',    '',  ''),
    ('ecommerce',                              'U',       'U',  '',    '',    'U', ''),
    ('ecommerce_api',                          'U',       'U',  'U',   'U',   '',  ''),
    ('ecommerce_migrations',                   '',        '',   '',    '',    '',  '');
SELECT set_eq('SELECT name FROM objects', 'SELECT name FROM expected', 'the matrix has every object: add a new one, with who may what');

-- Every privilege on every object, as aclexplode() sees it: an owner's own are spelt out.
CREATE FUNCTION pg_temp.privileges() RETURNS TABLE (privilege text) LANGUAGE sql AS $$
    SELECT concat_ws(' ', object, field, CASE grantor WHEN 0 THEN 'PUBLIC' ELSE grantor::regrole::text END,
                     CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, privilege_type, is_grantable)
      FROM (SELECT oid::regclass::text AS object, NULL AS field,
                   coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) AS acl FROM pg_class
             WHERE relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace) AND relkind NOT IN ('i', 'I', 't')
            UNION ALL SELECT attrelid::regclass::text, attname, attacl FROM pg_attribute
             WHERE attrelid IN (SELECT oid FROM objects) AND attacl IS NOT NULL
            UNION ALL SELECT oid::regprocedure::text, NULL, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
             WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace, 'ecommerce_migrations'::regnamespace)
            UNION ALL SELECT oid::regtype::text, NULL, coalesce(typacl, acldefault('T', typowner)) FROM pg_type
             WHERE typnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
            UNION ALL SELECT nspname, NULL, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
            UNION ALL SELECT datname, NULL, coalesce(datacl, acldefault('d', datdba)) FROM pg_database
           ) AS acls, aclexplode(acl)
    UNION ALL SELECT concat_ws(' ', 'member', roleid::regrole, member::regrole, admin_option) FROM pg_auth_members
    UNION ALL SELECT concat_ws(' ', 'default', defaclrole::regrole, defaclnamespace, defaclobjtype, defaclacl) FROM pg_default_acl
$$;
CREATE TABLE pg_temp.at_first AS SELECT * FROM pg_temp.privileges();


-- Before grant_api() nobody but the owner and a superuser may anything

SELECT is(string_agg(pg_temp.verbs(role_name, kind, oid), '' ORDER BY name) FILTER (WHERE NOT (role_name = 'regress_reporting' AND kind IN ('table', 'schema'))),
          '', role_name || ' holds nothing before grant_api()')
  FROM objects, unnest('{regress_staff, regress_manager, regress_shopper, regress_anonymous, regress_authenticator,
                         regress_reporting, regress_nobody, public}'::text[]) AS role_name
 WHERE NOT (kind = 'schema' AND pg_temp.verbs('public', kind, oid) <> '')
 GROUP BY role_name ORDER BY role_name;


-- After grant_api()

SELECT ecommerce.grant_api(anonymous => 'regress_anonymous', shopper => 'regress_shopper', staff => 'regress_staff') AS granted \gset

SELECT is(pg_temp.verbs(role_name, kind, oid), verbs, format('%s on %s %s: %s', role_name, kind, name, coalesce(nullif(verbs, ''), 'nothing')))
  FROM objects JOIN expected USING (name),
       LATERAL (VALUES
           ('regress_root', CASE kind WHEN 'table' THEN 'siudtrg' WHEN 'view' THEN 'siudtrg' WHEN 'sequence' THEN 'Usu' WHEN 'function' THEN 'X' ELSE 'UC' END),
           ('regress_owner', owner), ('regress_staff', staff), ('regress_manager', staff), ('regress_shopper', shopper),
           ('regress_anonymous', anonymous), ('regress_authenticator', nobody), ('regress_reporting', reporting),
           ('regress_nobody', nobody), ('public', nobody)) AS cells (role_name, verbs)
 ORDER BY role_name, kind, name;
SELECT cmp_ok((SELECT count(*) FROM (SELECT name, regexp_split_to_table('siud', '') FROM objects WHERE kind = 'table'
                                     UNION SELECT name, '' FROM objects WHERE kind <> 'table') AS cells), '>=', 30::bigint, 'at least 30 objects and verbs');
SELECT is(pg_temp.verbs('regress_shopper', 'table', 'ecommerce.products'::regclass)
          || (SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute
               WHERE attrelid IN ('ecommerce.products'::regclass, 'ecommerce.categories'::regclass, 'ecommerce.stock_levels'::regclass,
                                  'ecommerce.orders'::regclass, 'ecommerce.order_details'::regclass)
                 AND attnum > 0 AND NOT has_column_privilege('regress_shopper', attrelid, attnum, 'SELECT')),
          '(s)added_tax_amount bucket fingerprint idempotency_key is_counted stock_bucket tax_class till tills weight', 'the columns behind the views, and no others');
SELECT is_empty($$ SELECT privilege FROM pg_temp.privileges() WHERE privilege ~ '^ecommerce.* t$' AND privilege !~ '(regress_owner|postgres|regress_root) [A-Z]+ t$'
                   AND privilege ~ 'regress_(staff|shopper|anonymous)' $$, 'nothing is granted with grant option');
SELECT is_empty($$ SELECT privilege FROM pg_temp.privileges() EXCEPT SELECT privilege FROM at_first
                   EXCEPT SELECT privilege FROM pg_temp.privileges() WHERE privilege ~ ' regress_(staff|shopper|anonymous) [A-Z]+ f$' $$,
                'nobody else gains anything');

CREATE TABLE pg_temp.granted AS SELECT * FROM pg_temp.privileges();
SELECT ecommerce.grant_api(anonymous => 'regress_anonymous', shopper => 'regress_shopper', staff => 'regress_staff') AS granted \gset
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM granted', 'repeating grant_api() changes nothing');
SELECT ecommerce.grant_api() AS granted, ecommerce.grant_api(NULL, NULL, NULL) AS granted_again, ecommerce.revoke_api() AS revoked \gset
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM granted', 'and so does naming nobody');
SELECT ecommerce.migrate() AS version \gset
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM granted', 'and so does migrate()');


-- What the roles can do, by doing it

CREATE FUNCTION pg_temp.attempt(role_name text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM set_config('request.jwt.claims', '{"user_id": 1}', true), set_config('role', role_name, true);
    IF query ~ '^SELECT|RETURNING' THEN
        EXECUTE query INTO result;
    ELSE
        EXECUTE query;
    END IF;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = coalesce(result, 'null');
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN 'ZZ000' THEN SQLERRM ELSE SQLSTATE END;
END
$$;
SELECT is(pg_temp.attempt('regress_' || role_name, query), expected, format('%s: %s', role_name, query))
  FROM (VALUES
    ('SELECT count(*) FROM ecommerce_api.products',                '1', '1', '1', '42501', '1'),
    ('SELECT count(*) FROM ecommerce_api.categories',              '0', '0', '0', '42501', '0'),
    ('SELECT quantity FROM ecommerce_api.products',                '998', '998', '998', '42501', '998'),
    ('INSERT INTO ecommerce_api.products (id, name, price, currency) VALUES (13, ''x'', 1, ''USD'')', '0A000', '0A000', '0A000', '42501', '0A000'),
    ('UPDATE ecommerce_api.categories SET name = name RETURNING id', '42501', '42501', '42501', '42501', 'null'),
    ('SELECT count(*) FROM ecommerce.products',                    '2', '42501', '42501', '42501', '2'),
    ('SELECT count(*) FROM ecommerce.orders',                      '2', '42501', '42501', '42501', '2'),
    ('SELECT count(*) FROM ecommerce.users',                       '2', '42501', '42501', '42501', '2'),
    ('INSERT INTO ecommerce.users (id, name) VALUES (3, ''x'') RETURNING name', 'x', '42501', '42501', '42501', 'x'),
    ('INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address) VALUES (1, 1, ''USD'', ''x'')', '42501', '42501', '42501', '42501', 'null'),
    ('INSERT INTO ecommerce.promotions (name, kind) VALUES (''x'', ''free_shipping'') RETURNING name', 'x', '42501', '42501', '42501', 'x'),
    ('DELETE FROM ecommerce.orders RETURNING id',                  '42501', '42501', '42501', '42501', '23001'),
    ('UPDATE ecommerce.orders SET order_amount = 0 RETURNING 1',   '42501', '42501', '42501', '42501', '23001'),
    ('TRUNCATE ecommerce.order_events',                            '42501', '42501', '42501', '42501', '23001'),
    ('SELECT ecommerce_api.cart_json() ->> ''id''',                '42501', '1', '42501', '42501', '1'),
    ('SELECT ecommerce_api.order_json(1) ->> ''id''',              '42501', '1', '42501', '42501', '1'),
    ('SELECT ecommerce_api.add_to_cart(11) ->> ''id''',            '42501', '1', '42501', '42501', '1'),
    ('SELECT ecommerce.cart_json(2) ->> ''id''',                   '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.cart_json(1) ->> ''id''',                   '1', '42501', '42501', '42501', '1'),
    ('SELECT ecommerce.add_to_cart(2, 11) ->> ''id''',             '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.set_order_status(2, 2, ''SHIPPED'') ->> ''id''', '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.correct_order_status(2, 2, ''PROCESSING'', ''x'') ->> ''id''', '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.set_order_address(2, 2, ''x'') ->> ''id''', '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce_api.set_order_address(1, ''x'') ->> ''id''', '42501', '1', '42501', '42501', '1'),
    ('SELECT ecommerce.find_order(2) #>> ''{order,id}''',          '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.order_queue(NULL) #>> ''{0,order,id}''',    '1', '42501', '42501', '42501', '1'),
    ('SELECT ecommerce.cancel_order(2, 2, ''staff'') ->> ''id''',    '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce_api.cancel_order(1) ->> ''id''',            '42501', '1', '42501', '42501', '1'),
    ('SELECT ecommerce.return_items(2, 2, ''[{"line": 1, "quantity": 1}]'', true) ->> ''id''', 'PT409', '42501', '42501', '42501', 'PT409'),
    ('SELECT ecommerce.record_payment(2, 2, ''card'', ''pi_1'', ''captured'', 1) ->> ''id''', '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.request_refund((ecommerce.record_payment(2, 2, ''card'', ''pi_2'', ''captured'', 1) ->> ''customer_id'')::bigint, 2, ''re_1'') ->> ''id''',
     '2', '42501', '42501', '42501', '2'),
    ('SELECT ecommerce.expire_unpaid_orders()',                    '0', '42501', '42501', '42501', '0'),
    ('SELECT ecommerce.take_order_events(1) #>> ''{0,id}''',       '1', '42501', '42501', '42501', '1'),
    ('SELECT ecommerce.fail_order_events(''{1}'', ''x'')',         '1', '42501', '42501', '42501', '1'),
    ('SELECT ecommerce.release_order_events(''{1}'')',             '1', '42501', '42501', '42501', '1'),
    ('SELECT ecommerce.acknowledge_order_events(''{1}'')',         '1', '42501', '42501', '42501', '1'),
    ('SELECT count(*) >= 10 FROM ecommerce.outbox_metrics()', 'true', '42501', '42501', '42501', 'true'),
    ('SELECT ecommerce.warm_up()',                                 '', '42501', '42501', '42501', ''),
    ('SELECT count(*) FROM ecommerce.order_integrity() WHERE order_id > 0', '0', '42501', '42501', '42501', '0'),
    ('SELECT ecommerce.erase_user(2)',                             '', '42501', '42501', '42501', ''),
    ('SELECT ecommerce.migrate()',                                 '42501', '42501', '42501', '42501', '4'),
    ('SELECT ecommerce_migrations.migration_1()',                  '42501', '42501', '42501', '42501', '42501'),
    ('SELECT ecommerce.set_owner(current_user)',                   '42501', '42501', '42501', '42501', '42501'),
    ('SELECT ecommerce.distribute()',                              '42501', '42501', '42501', '42501', '55000'),
    ('SELECT ecommerce.undistribute()',                            '42501', '42501', '42501', '42501', '55000'),
    ('SELECT ecommerce.grant_api(shopper => current_user)',          '42501', '42501', '42501', '42501', '42501'),
    ('CREATE TABLE ecommerce.x ()',                                '42501', '42501', '42501', '42501', '42501'),
    ('CREATE VIEW ecommerce_api.x AS SELECT 1',                    '42501', '42501', '42501', '42501', '42501'),
    ('DROP FUNCTION ecommerce.cart_json(bigint)',                  '42501', '42501', '42501', '42501', '42501'),
    ('ALTER TABLE ecommerce.orders DISABLE ROW LEVEL SECURITY',    '42501', '42501', '42501', '42501', 'null'))
    AS attempts (query, staff, shopper, anonymous, nobody, owner),
    LATERAL (VALUES ('staff', staff), ('shopper', shopper), ('anonymous', anonymous), ('nobody', nobody), ('owner', owner)) AS outcomes (role_name, expected);


-- After revoke_api()

SELECT ecommerce.revoke_api(anonymous => 'regress_anonymous', shopper => 'regress_shopper', staff => 'regress_staff') AS revoked \gset
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM at_first', 'revoke_api() leaves what was before grant_api()');
SELECT ecommerce.revoke_api(anonymous => 'regress_anonymous', shopper => 'regress_shopper', staff => 'regress_staff') AS revoked \gset
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM at_first', 'and may be repeated');
SELECT is(pg_temp.attempt('regress_shopper', 'SELECT ecommerce_api.cart_json()'), '42501', 'a shopper who was revoked may not call');
SELECT lives_ok($$ DROP ROLE regress_shopper; DROP ROLE regress_anonymous; DROP ROLE regress_manager; DROP ROLE regress_staff $$, 'nothing refers to the roles any more');


-- Names, and who may grant

CREATE ROLE "regress ""odd""; DROP TABLE ecommerce.orders; --";
CREATE ROLE "Regress_Upper";
CREATE ROLE "regress_select";
SELECT ecommerce.grant_api(staff => 'regress "odd"; DROP TABLE ecommerce.orders; --', shopper => 'Regress_Upper', anonymous => 'regress_select') AS granted \gset
SELECT ok(has_function_privilege('regress "odd"; DROP TABLE ecommerce.orders; --', 'ecommerce.place_order(bigint, text, numeric, text, text, jsonb)', 'EXECUTE')
          AND has_function_privilege('Regress_Upper', 'ecommerce_api.cart_json()', 'EXECUTE')
          AND has_table_privilege('regress_select', 'ecommerce_api.products', 'SELECT'), 'role names are taken as they are');
SELECT ecommerce.revoke_api(staff => 'regress "odd"; DROP TABLE ecommerce.orders; --', shopper => 'Regress_Upper', anonymous => 'regress_select') AS revoked \gset
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM at_first WHERE privilege !~ ''^member regress_(staff|shopper|anonymous)''', 'and taken back');

SELECT throws_ok(format('SELECT ecommerce.grant_api(%s => %L)', argument, name), '42704', NULL, format('there is no role %s for %s', to_json(name), argument))
  FROM unnest('{anonymous, shopper, staff}'::text[]) AS argument,
       unnest(ARRAY ['public', 'PUBLIC', 'current_user', 'session_user', 'none', '', ' ', 'regress_upper', 'REGRESS_OWNER', ' regress_owner', '"regress_owner"',
                     'regress_owner, regress_nobody', 'regress_owner WITH GRANT OPTION', repeat('x', 64), repeat('x', 100000)]) AS name;
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM at_first WHERE privilege !~ ''^member regress_(staff|shopper|anonymous)''', 'and nobody was granted anything');
SELECT throws_ok($$ SELECT ecommerce.grant_api(anonymous => 'regress_nobody', shopper => 'regress_nobody', staff => 'nonexistent') $$, '42704', NULL, 'one unknown role');
SELECT bag_eq('SELECT * FROM pg_temp.privileges()', 'SELECT * FROM at_first WHERE privilege !~ ''^member regress_(staff|shopper|anonymous)''', 'and none is granted anything');

-- Somebody who may call grant_api() but not grant gets an error, never half of it.
GRANT USAGE ON SCHEMA ecommerce TO regress_reporting;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO regress_reporting;
SELECT is(pg_temp.attempt('regress_reporting', format('SELECT ecommerce.grant_api(%s => ''regress_nobody'')', argument)), '42501',
          'who may not grant, cannot grant as ' || argument)
  FROM unnest('{anonymous, shopper, staff}'::text[]) AS argument;
SELECT is(pg_temp.attempt('regress_owner', format('SELECT ecommerce.grant_api(%s => ''regress_nobody'')', argument)), '42501',
          'an owner of the tables who may not grant USAGE on ecommerce_api gets an error, not a part, as ' || argument)
  FROM unnest('{anonymous, shopper, staff}'::text[]) AS argument;
SELECT is(pg_temp.attempt('regress_owner', 'SELECT ecommerce.revoke_api(anonymous => ''regress_owner'')'), '42501', 'nor does a revocation that revokes nothing');

SELECT * FROM finish();
ROLLBACK;
