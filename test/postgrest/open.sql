-- Opens a shop for the tests postgrest*.sql, which \include this first: the tables
-- belong to a role of the shop's, not to a superuser; three customers; four roles;
-- and schema regress_postgrest, which makes of a request the statements that
-- PostgREST sends for it. Ends connected as PostgREST is, as regress_pgrst_pool.
--
-- The statements and the statuses are those of PostgREST 16.2. Versions 13 and 14
-- send the same, but for the count of the page of a function's result.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;

CREATE ROLE regress_pgrst_shop;
CREATE ROLE regress_pgrst_anonymous;
CREATE ROLE regress_pgrst_shopper;
CREATE ROLE regress_pgrst_staff;
CREATE ROLE regress_pgrst_nobody;
-- PostgREST's own role may become the others, and is nothing by itself.
CREATE ROLE regress_pgrst_pool NOINHERIT;
GRANT regress_pgrst_anonymous, regress_pgrst_shopper, regress_pgrst_staff, regress_pgrst_nobody
    TO regress_pgrst_pool;

GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO regress_pgrst_shop;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO regress_pgrst_shop;
SET ROLE regress_pgrst_shop;
SELECT ecommerce.migrate() AS version \gset
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES
    (1, 'Ada', '1 Main Street'), (2, 'Grace', '2 Main Street'), (3, 'Emmy', NULL);
INSERT INTO ecommerce.categories (id, name) VALUES (7, 'Writing');
INSERT INTO ecommerce.products (id, name, description, price, currency, category_id, is_active) VALUES
    (11, 'Pencil', 'HB', 0.25, 'USD', 7, true),
    (12, 'Pen', NULL, 1.5000, 'USD', NULL, true),
    (13, 'Quill', 'Goose', 3, 'USD', 7, false),
    (14, 'Feder', NULL, 2, 'EUR', NULL, true);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 100), (12, 5), (14, 5);
RESET ROLE;
ALTER ROLE regress_pgrst_anonymous SET statement_timeout = '1min';
ALTER ROLE regress_pgrst_anonymous SET lock_timeout = '1min';
ALTER ROLE regress_pgrst_shopper SET statement_timeout = '1min';
ALTER ROLE regress_pgrst_shopper SET lock_timeout = '1min';
ALTER ROLE regress_pgrst_staff SET statement_timeout = '1min';
ALTER ROLE regress_pgrst_staff SET lock_timeout = '1min';
SELECT ecommerce.grant_api('regress_pgrst_anonymous', 'regress_pgrst_shopper', 'regress_pgrst_staff') \g /dev/null

CREATE SCHEMA regress_postgrest;
GRANT USAGE ON SCHEMA regress_postgrest TO PUBLIC;

-- Who sends a request: what PostgREST takes from the token, or db-anon-role.
CREATE TABLE regress_postgrest.identities (
    name    text PRIMARY KEY,
    role    text NOT NULL,
    claims  jsonb NOT NULL DEFAULT '{}'
);
GRANT SELECT ON regress_postgrest.identities TO PUBLIC;
INSERT INTO regress_postgrest.identities VALUES
    ('anonymous', 'regress_pgrst_anonymous', DEFAULT),
    ('ada', 'regress_pgrst_shopper', '{"user_id": 1}'),
    ('grace', 'regress_pgrst_shopper', '{"user_id": 2}'),
    ('emmy', 'regress_pgrst_shopper', '{"user_id": 3}'),
    ('staff', 'regress_pgrst_staff', DEFAULT),
    ('nobody', 'regress_pgrst_nobody', '{"user_id": 1}');

-- The arguments of a function, as in PostgREST's schema cache. No row when there
-- is none that takes exactly such keys: PostgREST answers that itself.
CREATE FUNCTION regress_postgrest.arguments(schema text, function text, keys text[],
    OUT names text[], OUT types text[]) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT array_agg(name ORDER BY position) FILTER (WHERE name = ANY (keys)),
           array_agg(type::regtype::text ORDER BY position) FILTER (WHERE name = ANY (keys))
      FROM pg_catalog.pg_proc
      LEFT JOIN LATERAL unnest(proargnames, proargtypes) WITH ORDINALITY AS argument (name, type, position) ON true
     WHERE pronamespace = schema::regnamespace AND proname = function
     GROUP BY pg_proc.oid, pronargs, pronargdefaults
    HAVING keys <@ coalesce(array_agg(name) FILTER (WHERE name IS NOT NULL), '{}')
       AND keys @> coalesce(array_agg(name) FILTER (WHERE position <= pronargs - pronargdefaults), '{}')
$$;

-- The statements of a request such as
--     ada: GET /rpc/order_json?order_id=1
--     staff@ecommerce: POST /rpc/cart_json {"user_id": 1}
-- where the part after @ is the header Content-Profile or Accept-Profile, and FORM
-- stands for a POST with Content-Type: application/x-www-form-urlencoded.
CREATE FUNCTION regress_postgrest.statements(request text,
    OUT opening text, OUT variables text, OUT prepare text, OUT main text, OUT authenticated boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    part text[] := regexp_match(request,
        '^(\w+)(?:@(\w+))?: (GET|HEAD|POST|FORM|PATCH|DELETE) /(rpc/)?(\w*)(?:\?(\S*))?(?: (.*))?$');
    who text := part[1];
    schema text := coalesce(part[2], 'ecommerce_api');
    method text := part[3];
    is_call boolean := part[4] IS NOT NULL;
    target text := part[5];
    query text := coalesce(CASE WHEN method = 'FORM' THEN part[7] ELSE part[6] END, '');
    body text := part[7];
    qualified text := format('"%s"."%s"', schema, target);
    body_keys text[];
    query_keys text[];
    query_values text[];
    types text[];
    literals text;
    parameters text := '';
    takes_body boolean;
    is_read boolean := method IN ('GET', 'HEAD');
    source text;
    result text;
    role text;
    claims jsonb;
BEGIN
    SELECT identities.role, identities.claims INTO STRICT role, claims
      FROM regress_postgrest.identities WHERE name = who;
    SELECT coalesce(array_agg(split_part(term, '=', 1)), '{}'),
           coalesce(array_agg(regexp_replace(term, '^[^=]*=', '')), '{}')
      INTO query_keys, query_values
      FROM regexp_split_to_table(nullif(query, ''), '&') AS term;

    authenticated := role <> 'regress_pgrst_anonymous';
    variables := format('EXECUTE pgrst_variables(%L, %L, %L, %L, %L, %L, %L)',
        format('"%s", "public"', schema), role, claims || jsonb_build_object('role', role),
        CASE method WHEN 'FORM' THEN 'POST' ELSE method END, '/' || coalesce(part[4], '') || target,
        '{"accept":"*/*","host":"shop.example","user-agent":"curl/8.5.0"}', '{}');

    IF NOT is_read AND method <> 'FORM' AND body IS NOT NULL THEN
        IF 'columns' = ANY (query_keys) THEN
            -- With ?columns= the body goes to the database unread.
            body_keys := string_to_array(query_values[array_position(query_keys, 'columns')], ',');
        ELSE
            BEGIN
                SELECT coalesce(array_agg(key), '{}') INTO body_keys
                  FROM jsonb_object_keys(CASE jsonb_typeof(body::jsonb)
                                              WHEN 'array' THEN body::jsonb -> 0 ELSE body::jsonb END) AS key;
            EXCEPTION WHEN invalid_text_representation THEN
                RAISE SQLSTATE 'PT400' USING MESSAGE = 'PostgREST: PGRST102, Empty or invalid json';
            END;
        END IF;
        parameters := '(json)';
    END IF;

    IF is_call THEN
        takes_body := parameters <> '' AND EXISTS (
            SELECT FROM pg_catalog.pg_proc WHERE pronamespace = schema::regnamespace AND proname = target
               AND proargnames IS NULL AND oidvectortypes(proargtypes) = 'json');
        SELECT names, arguments.types INTO body_keys, types
          FROM regress_postgrest.arguments(schema, target, CASE WHEN parameters = '' THEN query_keys ELSE body_keys END);
        IF NOT FOUND AND NOT takes_body THEN
            RAISE SQLSTATE 'PT404' USING MESSAGE = 'PostgREST: PGRST202, Could not find the function';
        END IF;
        IF takes_body THEN
            -- A single argument without a name is the whole body.
            source := format('SELECT pgrst_call.pgrst_scalar FROM (SELECT %s($1::json) pgrst_scalar) pgrst_call', qualified);
            body := format('(%L)', body);
        ELSIF body_keys IS NULL THEN
            parameters := '';
            body := '';
            source := format('SELECT pgrst_call.pgrst_scalar FROM (SELECT %s() pgrst_scalar) pgrst_call', qualified);
        ELSIF parameters = '' THEN
            SELECT format('SELECT pgrst_call.pgrst_scalar FROM (SELECT %s(%s) pgrst_scalar) pgrst_call',
                          qualified, string_agg(format('"%s" := $%s::%s', name, position, type), ', ' ORDER BY position)),
                   format('(%s)', string_agg(quote_literal(query_values[array_position(query_keys, name)]), ', ' ORDER BY position))
              INTO source, body
              FROM unnest(body_keys, types) WITH ORDINALITY AS argument (name, type, position);
        ELSE
            SELECT format('SELECT pgrst_call.pgrst_scalar FROM (SELECT $1 AS json_data) pgrst_payload, '
                          'LATERAL (SELECT %s FROM %s(pgrst_payload.json_data) AS _(%s) LIMIT 1) pgrst_body , '
                          'LATERAL (SELECT %s(%s) pgrst_scalar) pgrst_call',
                          string_agg(format('"%s"', name), ', ' ORDER BY position),
                          CASE WHEN body ~ '^\s*\{' THEN 'json_to_record' ELSE 'json_to_recordset' END,
                          string_agg(format('"%s" %s', name, type), ', ' ORDER BY position),
                          qualified,
                          string_agg(format('"%s" := pgrst_body."%s"', name, name), ', ' ORDER BY position))
              INTO source
              FROM unnest(body_keys, types) WITH ORDINALITY AS argument (name, type, position);
            body := format('(%L)', body);
        END IF;
        -- A function that says it does not write cannot.
        is_read := is_read OR (SELECT bool_and(provolatile <> 'v') FROM pg_catalog.pg_proc
                                WHERE pronamespace = schema::regnamespace AND proname = target);
        result := format('SELECT null::bigint AS total_result_set, 1 AS page_total, '
                         'coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, ''null'') AS body, '
                         'nullif(current_setting(''response.headers'', true), '''') AS response_headers, '
                         'nullif(current_setting(''response.status'', true), '''') AS response_status, '
                         ''''' AS response_inserted '
                         'FROM (SELECT "%s".* FROM "pgrst_source" AS "%s"   ) _postgrest_t', target, target);
    ELSE
        SELECT coalesce(' WHERE ' || string_agg(format(' %s."%s" %s $%s', qualified, key,
                            CASE split_part(value, '.', 1) WHEN 'eq' THEN '=' WHEN 'lt' THEN '<' WHEN 'gt' THEN '>'
                                 WHEN 'ilike' THEN 'ilike' END,
                            row_number), ' AND '), ''),
               string_agg(quote_literal(regexp_replace(value, '^\w+\.', '')), ', ')
          INTO source, literals
          FROM (SELECT key, value, row_number() OVER (ORDER BY position) + CASE parameters WHEN '' THEN 0 ELSE 1 END AS row_number
                  FROM unnest(query_keys, query_values) WITH ORDINALITY AS term (key, value, position)
                 WHERE key NOT IN ('order', 'limit', 'offset', 'select', 'columns')) AS terms;
        IF method IN ('GET', 'HEAD') THEN
            source := format(' SELECT %s.* FROM %s%s %s ', qualified, qualified, source,
                'ORDER BY ' || qualified || '."' || replace(query_values[array_position(query_keys, 'order')], '.', '" '));
            body := '(' || literals || ')';
        ELSIF method = 'DELETE' THEN
            source := format('DELETE FROM %s %s RETURNING 1', qualified, source);
            body := '(' || literals || ')';
        ELSE
            SELECT format(CASE method WHEN 'POST' THEN 'INSERT INTO %1$s(%2$s) SELECT %3$s ' ELSE 'UPDATE %1$s SET %4$s ' END
                          || 'FROM (SELECT $1 AS json_data) pgrst_payload, '
                          'LATERAL (SELECT %2$s FROM json_to_record(pgrst_payload.json_data) AS _(%5$s) ) pgrst_body %6$s RETURNING 1',
                          qualified, string_agg(format('"%s"', key), ', '),
                          string_agg(format('pgrst_body."%s"', key), ', '),
                          string_agg(format('"%s" = pgrst_body."%s"', key, key), ', '),
                          string_agg(format('"%s" %s', attname, format_type(atttypid, NULL)), ', '), source)
              INTO source
              FROM unnest(body_keys) AS key
              JOIN pg_catalog.pg_attribute ON attname = key
              JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
                                      AND relname = target AND relnamespace = schema::regnamespace;
            body := format('(%L%s)', body, ', ' || literals);
        END IF;
        result := format('SELECT %s AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, '
                         '%s AS body, nullif(current_setting(''response.headers'', true), '''') AS response_headers, '
                         'nullif(current_setting(''response.status'', true), '''') AS response_status, '
                         ''''' AS response_inserted FROM ( SELECT * FROM pgrst_source ) _postgrest_t',
                         CASE WHEN is_read THEN 'null::bigint' ELSE '''''' END,
                         CASE WHEN is_read THEN 'coalesce(json_agg(_postgrest_t), ''[]'')' ELSE '''''::text' END);
    END IF;

    opening := format('BEGIN ISOLATION LEVEL READ COMMITTED %s', CASE WHEN is_read THEN 'READ ONLY' ELSE 'READ WRITE' END);
    source := format('WITH pgrst_source AS (%s) %s', source, result);
    -- PostgREST prepares each text once for a connection.
    SELECT format('EXECUTE %I%s', name, body), '' INTO main, prepare
      FROM pg_catalog.pg_prepared_statements WHERE position(source IN statement) > 0;
    IF NOT FOUND THEN
        target := format('pgrst_%s', (SELECT count(*) FROM pg_catalog.pg_prepared_statements));
        prepare := format('PREPARE %I%s AS %s', target, parameters, source);
        main := format('EXECUTE %I%s', target, body);
    END IF;
END
$$;

-- PostgREST's status for an error of the database: class by class, some states by
-- themselves, and PTxyz as the function says.
CREATE FUNCTION regress_postgrest.status(sqlstate text, message text, authenticated boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN sqlstate = '00000' THEN '200'
        WHEN sqlstate ~ '^PT\d{3}$' THEN substr(sqlstate, 3)
        WHEN sqlstate = '42501' THEN CASE WHEN authenticated THEN '403' ELSE '401' END
        WHEN sqlstate = '25006' THEN '405'
        WHEN sqlstate IN ('23503', '23505') THEN '409'
        WHEN sqlstate = '22023' AND message ~ '^role.*does not exist$' THEN '401'
        WHEN sqlstate IN ('42883', '42P01') THEN '404'
        WHEN sqlstate = 'P0001' THEN '400'
        WHEN sqlstate IN ('53400', '42P17', '21000') THEN '500'
        WHEN sqlstate = '57P01' THEN '503'
        WHEN sqlstate ~ '^(08|53)' THEN '503'
        WHEN sqlstate ~ '^(0L|0P|28)' THEN '403'
        WHEN sqlstate ~ '^(09|25|2D|38|39|3B|40|54|55|57|58|F0|HV|P0|PT|XX)' THEN '500'
        ELSE '400'
    END
$$;

-- What is left in the connection of the request before, which must be nothing.
CREATE FUNCTION regress_postgrest.left_behind() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format('role %s', current_user) WHERE current_user <> 'regress_pgrst_pool'
    UNION ALL
    SELECT format('%s %s', name, current_setting(name, true))
      FROM unnest(ARRAY['request.jwt.claims', 'request.method', 'request.path', 'request.headers',
                        'response.status', 'response.headers']) AS name
     WHERE current_setting(name, true) <> ''
    UNION ALL
    SELECT format('search_path %s', current_setting('search_path'))
     WHERE current_setting('search_path') <> '"$user", public'
    UNION ALL
    SELECT format('transaction_read_only %s', current_setting('transaction_read_only'))
     WHERE current_setting('transaction_read_only') <> 'off'
$$;

-- An answer with the time, which is never the same, taken out.
CREATE FUNCTION regress_postgrest.timeless(body text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(regexp_replace(body, '"\d{4}-\d\d-\d\dT[\d:.+-]+"', '"<time>"', 'g'),
                          '"[0-9a-f]{64}"', '"<fingerprint>"', 'g')
$$;

SET SESSION AUTHORIZATION regress_pgrst_pool;
SET client_min_messages = warning;
-- PostgREST knows the settings of the roles, and writes them out here.
PREPARE pgrst_variables AS
    select set_config('search_path', $1, true),
        (select count(set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true))
           from pg_roles, unnest(rolconfig) as setting where rolname = $2),
        set_config('role', $2, true),
        set_config('request.jwt.claims', $3, true), set_config('request.method', $4, true),
        set_config('request.path', $5, true), set_config('request.headers', $6, true),
        set_config('request.cookies', $7, true);

\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
\set show off
-- What is printed of an answer.
\set answer 'regress_postgrest.timeless(:''reply_body'')'
