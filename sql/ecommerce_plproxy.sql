-- A router: a database in which the functions of schema ecommerce have their names and
-- arguments, and run on the shard that has the user, by way of PL/Proxy. docs/scale.md tells
-- how shards are made. To be run in the router's database, with psql --file, by whoever may
-- create functions in the language plproxy there; again after each update of the extension.
--
-- ecommerce_shards.f(on_shard, claims, ...)   calls f on a shard, in PL/Proxy, which takes a
--                                             number that no shard has for one that one has
-- ecommerce_router.f(on_shard, ...)           the same, with the errors that f raised there
-- ecommerce.f(...)                            knows the shard
--
-- route() makes all of them, from what shard 0 has, which it trusts as it trusts this script.

\set ON_ERROR_STOP on
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog;

CREATE SCHEMA IF NOT EXISTS ecommerce;
CREATE SCHEMA IF NOT EXISTS ecommerce_router;
CREATE SCHEMA IF NOT EXISTS ecommerce_shards;

-- What a shard has

CREATE OR REPLACE FUNCTION ecommerce_shards.public_functions(on_shard integer) RETURNS TABLE (
    name text,
    arguments text,
    names text[],
    result text,
    is_set boolean,
    description text
)
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT proname::text AS name,
           pg_catalog.pg_get_function_arguments(f.oid) AS arguments,
           coalesce(proargnames[1:pronargs], '{}')::text[] AS names,
           pg_catalog.pg_get_function_result(f.oid) AS result,
           proretset AS is_set,
           pg_catalog.obj_description(f.oid, 'pg_proc') AS description
      FROM pg_catalog.pg_proc AS f
      JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = f.oid
      JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
     WHERE f.pronamespace = 'ecommerce'::pg_catalog.regnamespace AND d.deptype = 'e' AND e.extname = 'ecommerce'
       AND f.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype;
$plproxy$;

CREATE OR REPLACE FUNCTION ecommerce_shards.numbering(on_shard integer) RETURNS TABLE (
    shard bigint,
    shards bigint,
    next_id bigint
)
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT last_value % seqincrement AS shard, seqincrement AS shards,
           last_value + CASE WHEN is_called THEN seqincrement ELSE 0 END AS next_id
      FROM ecommerce.orders_id_seq, pg_catalog.pg_sequence
     WHERE seqrelid = 'ecommerce.orders_id_seq'::pg_catalog.regclass;
$plproxy$;

CREATE OR REPLACE FUNCTION ecommerce_shards.misplaced_id(
    on_shard integer,
    shards integer,
    beyond bigint
) RETURNS bigint
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT min(id) FROM (SELECT id FROM ecommerce.users
                         UNION ALL
                         SELECT id FROM ecommerce.order_events WHERE delivered_at IS NULL) AS given
     WHERE CASE WHEN id > beyond THEN id % shards ELSE 0 END <> on_shard;
$plproxy$;

-- What went wrong there

CREATE OR REPLACE FUNCTION ecommerce_router.raise_again(
    on_shard integer,
    state text,
    message text,
    detail text,
    hint text
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- PL/Proxy's "function(arguments): [database] REMOTE severity: message"
    said constant text[] := regexp_match(message, '^[^:]*\(\d+\): \[[^]]*\] REMOTE (\S+): (.*)$');
BEGIN
    IF said IS NOT NULL AND (said[1] = '(null)' OR state ~ '^(08|57P)')
       OR state = 'XX000' AND message ~ '^PL/Proxy function [^:]*: (\[[^]]*\] PQ|connect timeout|query timeout)' THEN
        RAISE LOG 'shard % is not available: %', on_shard, message;
        RAISE EXCEPTION 'shard is not available'
            USING ERRCODE = '08006',
                  DETAIL = format('{"code": "shard_unavailable", "shard": %s}', on_shard),
                  HINT = 'What was asked may have been done or not. Repeat it, with the key that it had.';
    ELSIF said IS NULL THEN
        RETURN;
    END IF;
    detail := regexp_replace(detail, '^Remote detail: ', '');
    hint := regexp_replace(hint, '^Remote hint: ', '');
    -- An empty text would be shown.
    IF detail <> '' AND hint <> '' THEN
        RAISE EXCEPTION '%', said[2] USING ERRCODE = state, DETAIL = detail, HINT = hint;
    ELSIF detail <> '' THEN
        RAISE EXCEPTION '%', said[2] USING ERRCODE = state, DETAIL = detail;
    ELSIF hint <> '' THEN
        RAISE EXCEPTION '%', said[2] USING ERRCODE = state, HINT = hint;
    END IF;
    RAISE EXCEPTION '%', said[2] USING ERRCODE = state;
END
$function$;
COMMENT ON FUNCTION ecommerce_router.raise_again IS
'Raises the error that a shard raised, as it was before PL/Proxy told of it; 08006 if the shard '
'did not answer. Returns if the error is none of a shard''s.';

CREATE OR REPLACE FUNCTION ecommerce_router.refuse_null(argument text) RETURNS void
    LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'argument must not be null'
        USING ERRCODE = '22004',
              DETAIL = format('{"code": "null_argument", "argument": "%s"}', argument),
              HINT = 'Give the argument a value.';
END
$function$;

CREATE OR REPLACE FUNCTION ecommerce_router.refuse_argument(argument text, accepted text) RETURNS void
    LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION 'argument is out of range'
        USING ERRCODE = '22023',
              DETAIL = format('{"code": "argument_out_of_range", "argument": "%s", "accepted": "%s"}', argument, accepted),
              HINT = 'Give the argument a value that is accepted.';
END
$function$;

CREATE OR REPLACE FUNCTION ecommerce_router.check_shard(argument text, shard integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF shard IS NULL THEN
        PERFORM ecommerce_router.refuse_null(argument);
    ELSIF shard NOT BETWEEN 0 AND ecommerce_router.shards() - 1 THEN
        PERFORM ecommerce_router.refuse_argument(argument, 'from 0 to ' || ecommerce_router.shards() - 1);
    END IF;
END
$function$;

-- How a function that has no user_id finds its shards

CREATE OR REPLACE FUNCTION ecommerce_router.body_of(function_name text) RETURNS text
    LANGUAGE sql IMMUTABLE
AS $function$
    SELECT CASE
        WHEN function_name IN ('currency_digits', 'current_user_id') THEN $body$
BEGIN
    RETURN ecommerce_router.NAME(ecommerce_router.any_shard(), ARGUMENTS);
END$body$

        WHEN function_name IN ('archive_orders', 'clear_abandoned_carts', 'expire_unpaid_orders') THEN $body$
DECLARE
    answer integer := 0;
BEGIN
    FOR shard IN 0 .. ecommerce_router.shards() - 1 LOOP
        answer := answer + ecommerce_router.NAME(shard, ARGUMENTS);
    END LOOP;
    RETURN answer;
END$body$

        WHEN function_name = 'warm_up' THEN $body$
BEGIN
    FOR shard IN 0 .. ecommerce_router.shards() - 1 LOOP
        PERFORM ecommerce_router.NAME(shard, ARGUMENTS);
    END LOOP;
END$body$

        WHEN function_name = 'order_integrity' THEN $body$
BEGIN
    FOR shard IN 0 .. ecommerce_router.shards() - 1 LOOP
        RETURN QUERY SELECT found.invariant, found.customer_id, found.order_id, found.product_id,
                            found.details || jsonb_build_object('shard', shard)
                       FROM ecommerce_router.NAME(shard) AS found;
    END LOOP;
END$body$

        WHEN function_name = 'outbox_metrics' THEN $body$
BEGIN
    FOR shard IN 0 .. ecommerce_router.shards() - 1 LOOP
        RETURN QUERY SELECT * FROM ecommerce_router.NAME(shard, ARGUMENTS);
    END LOOP;
END$body$

        WHEN function_name IN ('acknowledge_order_events', 'fail_order_events', 'release_order_events') THEN $body$
DECLARE
    answer integer := 0;
    all_ids constant bigint[] := ids;
BEGIN
    IF ids IS NULL OR ids = '{}' THEN
        RETURN ecommerce_router.NAME(ecommerce_router.any_shard(), ARGUMENTS);
    END IF;
    FOR shard IN 0 .. ecommerce_router.shards() - 1 LOOP
        SELECT array_agg(id) INTO ids FROM unnest(all_ids) AS id WHERE ecommerce_router.shard_of(id) = shard;
        IF ids IS NOT NULL THEN
            answer := answer + ecommerce_router.NAME(shard, ARGUMENTS);
        END IF;
    END LOOP;
    RETURN answer;
END$body$

        -- A shard that does not answer keeps nobody from the events of the others.
        WHEN function_name = 'take_order_events' THEN $body$
DECLARE
    first_shard constant integer := ecommerce_router.any_shard();
    shard integer;
    missing integer;
    answer jsonb;
BEGIN
    FOR n IN 0 .. ecommerce_router.shards() - 1 LOOP
        shard := (first_shard + n) % ecommerce_router.shards();
        BEGIN
            answer := ecommerce_router.NAME(shard, ARGUMENTS);
        EXCEPTION WHEN connection_failure THEN
            missing := shard;
            CONTINUE;
        END;
        IF answer <> '[]' THEN
            RETURN answer;
        END IF;
    END LOOP;
    IF missing IS NOT NULL THEN
        RETURN ecommerce_router.NAME(missing, ARGUMENTS);
    END IF;
    RETURN '[]';
END$body$

        -- Orders from before the shards may have any id.
        WHEN function_name = 'find_order' THEN $body$
DECLARE
    first_shard constant integer := ecommerce_router.shard_of(order_id);
    answer jsonb;
BEGIN
    FOR n IN 0 .. ecommerce_router.shards() - 1 LOOP
        answer := ecommerce_router.NAME((first_shard + n) % ecommerce_router.shards(), ARGUMENTS);
        EXIT WHEN answer IS NOT NULL;
    END LOOP;
    RETURN answer;
END$body$

        WHEN function_name = 'order_queue' THEN $body$
DECLARE
    answers jsonb := '[]';
BEGIN
    FOR shard IN 0 .. ecommerce_router.shards() - 1 LOOP
        answers := answers || ecommerce_router.NAME(shard, ARGUMENTS);
    END LOOP;
    RETURN (SELECT coalesce(jsonb_agg(answer ORDER BY place), '[]')
              FROM (SELECT answer, CASE WHEN newest_first THEN -id ELSE id END AS place
                      FROM jsonb_array_elements(answers) AS answer,
                           LATERAL (SELECT (answer #>> '{order,id}')::bigint) AS ids (id)
                     ORDER BY place LIMIT page_size) AS page);
END$body$

        -- One shard takes both carts, or none.
        WHEN function_name = 'merge_carts' THEN $body$
BEGIN
    IF from_user_id IS NULL OR into_user_id IS NULL THEN
        RETURN ecommerce_router.NAME(ecommerce_router.any_shard(), ARGUMENTS);
    ELSIF ecommerce_router.shard_of(from_user_id) <> ecommerce_router.shard_of(into_user_id) THEN
        RAISE EXCEPTION 'carts are on different shards'
            USING ERRCODE = '0A000',
                  DETAIL = format('{"code": "different_shards", "from_user_id": %s, "into_user_id": %s}',
                                  from_user_id, into_user_id),
                  HINT = 'Put what the one holds into the other with add_to_cart, then call clear_cart.';
    END IF;
    RETURN ecommerce_router.NAME(ecommerce_router.shard_of(into_user_id), ARGUMENTS);
END$body$

        -- Any other is called on a shard that the caller names.
    END
$function$;

-- Makes the functions

CREATE OR REPLACE FUNCTION ecommerce_router.make_function(
    schema text,
    name text,
    arguments text,
    result text,
    language text,
    options text,
    body text
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    other regprocedure;
BEGIN
    -- Of another version.
    FOR other IN SELECT oid FROM pg_proc
                  WHERE pronamespace = to_regnamespace(schema) AND proname = name
                    AND (pg_get_function_arguments(oid), pg_get_function_result(oid)) <> (arguments, result) LOOP
        EXECUTE format('DROP FUNCTION %s', other);
    END LOOP;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE %I %s AS %L',
                   schema, name, arguments, result, language, options, body);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %I.%I FROM PUBLIC', schema, name);
END
$function$;

CREATE OR REPLACE FUNCTION ecommerce_router.make_caller(function_name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    f record;
BEGIN
    -- Whoever asks here is who asks there.
    SELECT replace(pg_get_function_arguments(oid), ', claims text', '') AS arguments,
           pg_get_function_result(oid) AS result, proretset AS is_set, 'claims' = ANY (proargnames) AS is_of_shop,
           (SELECT string_agg(CASE argument WHEN 'claims' THEN 'current_setting(''request.jwt.claims'', true)'
                              ELSE quote_ident(argument) END, ', ' ORDER BY place)
              FROM unnest(proargnames[1:pronargs]) WITH ORDINALITY AS argument (argument, place)) AS passed
      INTO STRICT f
      FROM pg_proc WHERE pronamespace = 'ecommerce_shards'::regnamespace AND proname = function_name;
    PERFORM ecommerce_router.make_function('ecommerce_router', function_name, f.arguments, f.result, 'plpgsql',
        'SET search_path = pg_catalog, pg_temp SET client_min_messages = warning',
        format($body$
DECLARE
    error_message text;
    error_detail text;
    error_hint text;
BEGIN%s
    %s ecommerce_shards.%I(%s);
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS error_message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL,
                            error_hint = PG_EXCEPTION_HINT;
    PERFORM ecommerce_router.raise_again(on_shard, SQLSTATE, error_message, error_detail, error_hint);
    RAISE;
END$body$, CASE WHEN f.is_of_shop THEN '
    IF (on_shard BETWEEN 0 AND ecommerce_router.shards() - 1) IS NOT TRUE THEN
        PERFORM ecommerce_router.check_shard(''on_shard'', on_shard);
    END IF;' END,
           CASE WHEN f.is_set THEN 'RETURN QUERY SELECT * FROM' WHEN f.result = 'void' THEN 'PERFORM' ELSE 'RETURN' END,
           function_name, f.passed));
END
$function$;

CREATE OR REPLACE FUNCTION ecommerce_router.check_shards(shards integer, beyond bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    numbering record;
    misplaced bigint;
BEGIN
    IF shards = 0 THEN
        RAISE EXCEPTION 'server "ecommerce" has no partitions'
            USING ERRCODE = '55000',
                  DETAIL = '{"code": "no_shards"}',
                  HINT = 'Create a server of this name with a partition for each shard.';
    END IF;
    FOR shard IN 0 .. shards - 1 LOOP
        SELECT * INTO numbering FROM ecommerce_router.numbering(shard);
        IF (numbering.shard, numbering.shards) IS DISTINCT FROM (shard::bigint, shards::bigint)
           OR shard > 0 AND numbering.next_id <= beyond THEN
            RAISE EXCEPTION 'a shard has the ids of another'
                USING ERRCODE = '55000',
                      DETAIL = format('{"code": "wrong_ids", "shard": %s, "shards": %s, "ids_of_shard": %s, "ids_of_shards": %s, "next_id": %s}',
                                      shard, shards, numbering.shard, numbering.shards, numbering.next_id),
                      HINT = format('Name the shards in their order. Only a database that has never been a shard may become this one: call ecommerce.ids_of_shard(%s, %s, %s) there.',
                                    shard, shards, CASE shard WHEN 0 THEN 0 ELSE beyond END);
        END IF;
        misplaced := ecommerce_router.misplaced_id(shard, shards, beyond);
        IF misplaced IS NOT NULL THEN
            RAISE EXCEPTION 'an id would be looked for on another shard'
                USING ERRCODE = '55000',
                      DETAIL = format('{"code": "misplaced_ids", "shard": %s, "shards": %s, "beyond": %s, "id": %s}',
                                      shard, shards, beyond, misplaced),
                      HINT = 'Give route() the number beyond which other shards than 0 give ids, and leave the number of shards as it was.';
        END IF;
    END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION ecommerce_router.route(beyond bigint DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    calling constant text := 'SET search_path = pg_catalog, pg_temp SET client_min_messages = warning';
    f record;
    shards integer;
    body text;
    made integer := 0;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'ecommerce') THEN
        RAISE EXCEPTION 'a shop is in this database'
            USING ERRCODE = '55000',
                  DETAIL = '{"code": "no_router"}',
                  HINT = 'Make the router in a database without the extension "ecommerce".';
    END IF;
    SELECT count(*) INTO shards
      FROM pg_foreign_server, unnest(srvoptions) AS option
     WHERE srvname = 'ecommerce' AND option ~ '^p(artition_)?\d+=';
    IF beyond IS NULL THEN
        beyond := 0;
        IF to_regproc('ecommerce_router.old_ids') IS NOT NULL THEN
            beyond := ecommerce_router.old_ids();
        END IF;
    END IF;
    PERFORM ecommerce_router.check_shards(shards, beyond);
    PERFORM ecommerce_router.make_function('ecommerce_router', 'old_ids', '', 'bigint', 'sql', 'IMMUTABLE PARALLEL SAFE',
        format('SELECT %s::pg_catalog.int8', beyond));
    PERFORM ecommerce_router.make_function('ecommerce_router', 'shards', '', 'integer', 'sql', 'IMMUTABLE PARALLEL SAFE',
        format('SELECT %s', shards));
    PERFORM ecommerce_router.make_function('ecommerce_router', 'shard_of', 'id bigint', 'integer', 'sql', 'IMMUTABLE PARALLEL SAFE',
        format('SELECT CASE WHEN id > %s THEN (id %% %s)::pg_catalog.int4 ELSE 0 END', beyond, shards));
    PERFORM ecommerce_router.make_function('ecommerce_router', 'any_shard', '', 'integer', 'sql', 'VOLATILE',
        format('SELECT pg_catalog.floor(pg_catalog.random() * %s)::pg_catalog.int4', shards));

    FOR f IN SELECT name, arguments, result, is_set, description,
                    coalesce(', ' || (SELECT string_agg(quote_ident(argument), ', ' ORDER BY place)
                                        FROM unnest(names) WITH ORDINALITY AS argument (argument, place)), '') AS passed,
                    coalesce((SELECT string_agg('$' || place + 2, ', ' ORDER BY place)
                                FROM generate_series(1, cardinality(names)) AS place), '') AS numbers,
                    'user_id' = ANY (names) AS has_user, ', ' || nullif(arguments, '') AS more_arguments
               FROM ecommerce_router.public_functions(0) ORDER BY name LOOP
        body := CASE WHEN f.has_user THEN $body$
BEGIN
    RETURN ecommerce_router.NAME(ecommerce_router.shard_of(user_id), ARGUMENTS);
END$body$ ELSE ecommerce_router.body_of(f.name) END;

        PERFORM ecommerce_router.make_function('ecommerce_shards', f.name,
            'on_shard integer, claims text' || coalesce(f.more_arguments, ''), f.result, 'plproxy', '',
            format('CLUSTER ''ecommerce''; RUN ON $1; ' ||
                   CASE WHEN f.is_set THEN 'SELECT answer.* FROM ecommerce.%I(%s) AS answer;'
                   ELSE 'SELECT ecommerce.%I(%s) FROM pg_catalog.set_config(''request.jwt.claims'', $2, true);' END,
                   f.name, f.numbers));
        PERFORM ecommerce_router.make_caller(f.name);
        IF body IS NOT NULL THEN
            body := replace(replace(body, 'NAME', quote_ident(f.name)), ', ARGUMENTS', f.passed);
            IF f.result = 'void' THEN
                body := replace(body, 'RETURN', 'PERFORM');
            END IF;
            PERFORM ecommerce_router.make_function('ecommerce', f.name, f.arguments, f.result, 'plpgsql', calling, body);
            EXECUTE format('COMMENT ON FUNCTION ecommerce.%I IS %L', f.name, f.description);
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$function$;
COMMENT ON FUNCTION ecommerce_router.route IS
'Makes the functions of schema ecommerce, as the shards have them, and returns how many there are. '
'Every shard must be there, and have its ids and no others. beyond: up to this, all ids are on shard 0, a shop that '
'was there before; null: as it was, at first 0. Safe to repeat.';

-- Stock from one shard to another

-- The shards are part of the reference that each of them records, so no half of one transfer is
-- ever taken for that of another.

CREATE OR REPLACE FUNCTION ecommerce_shards.transfers_among(on_shard integer, wanted text[]) RETURNS text[]
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT array_agg(reference::text) FROM ecommerce.stock_transfers WHERE reference = ANY (wanted);
$plproxy$;

CREATE OR REPLACE FUNCTION ecommerce_shards.has_product(on_shard integer, product_id bigint) RETURNS boolean
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT EXISTS (SELECT FROM ecommerce.products WHERE id = product_id);
$plproxy$;

CREATE OR REPLACE FUNCTION ecommerce_router.move_stock(
    reference text,
    product_id bigint,
    quantity integer,
    from_shard integer,
    to_shard integer,
    bucket bigint DEFAULT 0
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    shards constant integer := ecommerce_router.shards();
    recorded constant text := format('%s>%s %s', from_shard, to_shard, reference);
    shard integer;
    used text[];
BEGIN
    PERFORM ecommerce_router.refuse_null(argument)
       FROM (VALUES ('reference', reference IS NULL), ('product_id', product_id IS NULL), ('quantity', quantity IS NULL),
                    ('bucket', bucket IS NULL)) AS given (argument, is_null) WHERE is_null;
    PERFORM ecommerce_router.check_shard('from_shard', from_shard);
    PERFORM ecommerce_router.check_shard('to_shard', to_shard);
    IF from_shard = to_shard THEN
        PERFORM ecommerce_router.refuse_argument('to_shard', 'another shard than from_shard');
    ELSIF reference !~ '\S' OR length(reference) > 240 THEN
        PERFORM ecommerce_router.refuse_argument('reference', '1 to 240 characters that are not all blank');
    END IF;

    -- What has left may arrive. Else nothing leaves that could not, or has its reference from another.
    PERFORM pg_advisory_xact_lock(hashtextextended('ecommerce_router.move_stock ' || reference, 0));
    FOR n IN 0 .. shards - 1 LOOP
        shard := (from_shard + n) % shards;
        used := ecommerce_router.transfers_among(shard,
            ARRAY (SELECT format('%s>%s %s', shard, other, reference) FROM generate_series(0, shards - 1) AS other));
        EXIT WHEN recorded = ANY (used);
        IF used IS NOT NULL THEN
            RAISE EXCEPTION 'reference was used for another transfer'
                USING ERRCODE = 'PT422',
                      DETAIL = format('{"code": "transfer_reference_reused", "argument": "%s"}',
                                      CASE shard WHEN from_shard THEN 'to_shard' ELSE 'from_shard' END),
                      HINT = 'Repeat a transfer with the arguments it had, or use a new reference for a new one.';
        END IF;
    END LOOP;
    IF used IS NULL AND NOT ecommerce_router.has_product(to_shard, product_id) THEN
        RAISE EXCEPTION 'product does not exist'
            USING ERRCODE = 'PT404',
                  DETAIL = format('{"code": "product_not_found", "product_ids": [%s]}', product_id),
                  HINT = 'Put the product into the catalogue first.';
    END IF;

    PERFORM ecommerce_router.transfer_stock(from_shard, recorded, product_id, quantity, from_bucket => bucket);
    PERFORM ecommerce_router.transfer_stock(to_shard, recorded, product_id, quantity, to_bucket => bucket);
END
$function$;
COMMENT ON FUNCTION ecommerce_router.move_stock IS
'Takes units out of the stock of one shard and puts them into that of another. Each of the two '
'happens once for a reference and the two shards, however often this is called: after an error, '
'repeat it with the same arguments until it succeeds. A reference that was used between other '
'shards is refused. All shards have to be there before units leave, then these two.';

CREATE OR REPLACE FUNCTION ecommerce_shards.half_transfers(on_shard integer) RETURNS TABLE (
    reference text,
    product_id bigint,
    quantity integer,
    has_left boolean
)
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT t.reference::text AS reference, t.product_id, t.quantity, to_bucket IS NULL AS has_left
      FROM ecommerce.stock_transfers AS t WHERE (from_bucket IS NULL) <> (to_bucket IS NULL);
$plproxy$;

CREATE OR REPLACE FUNCTION ecommerce_router.stock_in_transit() RETURNS TABLE (
    reference text,
    product_id bigint,
    quantity integer,
    from_shard integer,
    to_shard integer
)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
        SELECT coalesce(part[3], half.reference), min(half.product_id), min(half.quantity),
               part[1]::integer, part[2]::integer
          FROM generate_series(0, ecommerce_router.shards() - 1) AS shard,
               LATERAL ecommerce_router.half_transfers(shard) AS half,
               LATERAL regexp_match(half.reference, '^(\d{1,4})>(\d{1,4}) (.*)$') AS part
         GROUP BY half.reference, part
        HAVING count(*) FILTER (WHERE has_left) > count(*) FILTER (WHERE NOT has_left)
         ORDER BY half.reference;
END
$function$;
COMMENT ON FUNCTION ecommerce_router.stock_in_transit IS
'What has left one shard and not arrived at another: repeat move_stock() with these arguments. '
'Without shards: a transfer that was made by transfer_stock().';

DO $do$ BEGIN
    PERFORM ecommerce_router.make_caller(proname)
       FROM pg_proc WHERE pronamespace = 'ecommerce_shards'::regnamespace AND NOT 'claims' = ANY (proargnames);
END $do$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce_router, ecommerce_shards FROM PUBLIC;
COMMIT;
