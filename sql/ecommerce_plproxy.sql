-- A router: a database in which the functions of schema ecommerce have their names and
-- arguments, and run on the shard that has the user, by way of PL/Proxy. docs/scale.md tells
-- how shards are made. To be run in the router's database, with psql --file, by whoever may
-- create functions in the language plproxy there; again after each update of the extension.
--
-- ecommerce_shards.f(on_shard, claims, ...)   calls f on a shard, in PL/Proxy
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
    IF ecommerce_router.shard_of(from_user_id) <> ecommerce_router.shard_of(into_user_id) THEN
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

CREATE OR REPLACE FUNCTION ecommerce_router.check_shards(shards integer, beyond bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    numbering record;
BEGIN
    IF shards = 0 THEN
        RAISE EXCEPTION 'server "ecommerce" has no partitions'
            USING ERRCODE = '55000',
                  DETAIL = '{"code": "no_shards"}',
                  HINT = 'Create a server of this name with a partition for each shard.';
    END IF;
    FOR shard IN 0 .. shards - 1 LOOP
        SELECT * INTO numbering FROM ecommerce_shards.numbering(shard);
        IF (numbering.shard, numbering.shards) IS DISTINCT FROM (shard::bigint, shards::bigint)
           OR shard > 0 AND numbering.next_id <= beyond THEN
            RAISE EXCEPTION 'a shard has the ids of another'
                USING ERRCODE = '55000',
                      DETAIL = format('{"code": "wrong_ids", "shard": %s, "shards": %s, "ids_of_shard": %s, "ids_of_shards": %s, "next_id": %s}',
                                      shard, shards, numbering.shard, numbering.shards, numbering.next_id),
                      HINT = format('Call ecommerce.ids_of_shard(%s, %s, %s) there, if it is the right one.', shard, shards,
                                    CASE shard WHEN 0 THEN 0 ELSE beyond END);
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
               FROM ecommerce_shards.public_functions(0) ORDER BY name LOOP
        body := CASE WHEN f.has_user THEN $body$
BEGIN
    RETURN ecommerce_router.NAME(ecommerce_router.shard_of(user_id), ARGUMENTS);
END$body$ ELSE ecommerce_router.body_of(f.name) END;

        -- Whoever asks here is who asks there.
        PERFORM ecommerce_router.make_function('ecommerce_shards', f.name,
            'on_shard integer, claims text' || coalesce(f.more_arguments, ''), f.result, 'plproxy', '',
            format('CLUSTER ''ecommerce''; RUN ON $1; ' ||
                   CASE WHEN f.is_set THEN 'SELECT answer.* FROM ecommerce.%I(%s) AS answer;'
                   ELSE 'SELECT ecommerce.%I(%s) FROM pg_catalog.set_config(''request.jwt.claims'', $2, true);' END,
                   f.name, f.numbers));
        PERFORM ecommerce_router.make_function('ecommerce_router', f.name,
            'on_shard integer' || coalesce(f.more_arguments, ''), f.result, 'plpgsql', calling,
            format($body$
DECLARE
    error_message text;
    error_detail text;
    error_hint text;
BEGIN
    %s ecommerce_shards.%I(on_shard, current_setting('request.jwt.claims', true)%s);
EXCEPTION WHEN OTHERS OR query_canceled THEN
    GET STACKED DIAGNOSTICS error_message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL,
                            error_hint = PG_EXCEPTION_HINT;
    PERFORM ecommerce_router.raise_again(on_shard, SQLSTATE, error_message, error_detail, error_hint);
    RAISE;
END$body$, CASE WHEN f.is_set THEN 'RETURN QUERY SELECT * FROM' WHEN f.result = 'void' THEN 'PERFORM' ELSE 'RETURN' END,
                   f.name, f.passed));
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
'Every shard must be there, and have its ids. beyond: up to this, all ids are on shard 0, a shop that '
'was there before; null: as it was, at first 0. Safe to repeat.';

-- Stock from one shard to another

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
BEGIN
    PERFORM ecommerce_router.transfer_stock(from_shard, reference, product_id, quantity, from_bucket => bucket);
    PERFORM ecommerce_router.transfer_stock(to_shard, reference, product_id, quantity, to_bucket => bucket);
END
$function$;
COMMENT ON FUNCTION ecommerce_router.move_stock IS
'Takes units out of the stock of one shard and puts them into that of another. Each of the two '
'happens once for a reference, however often this is called: after an error, repeat it with the '
'same arguments until it succeeds.';

CREATE OR REPLACE FUNCTION ecommerce_shards.half_transfers(on_shard integer) RETURNS TABLE (
    reference text,
    product_id bigint,
    quantity integer
)
    LANGUAGE plproxy
AS $plproxy$
    CLUSTER 'ecommerce';
    RUN ON on_shard;
    SELECT t.reference::text AS reference, t.product_id, t.quantity
      FROM ecommerce.stock_transfers AS t WHERE (from_bucket IS NULL) <> (to_bucket IS NULL);
$plproxy$;

CREATE OR REPLACE FUNCTION ecommerce_router.stock_in_transit() RETURNS TABLE (
    reference text,
    product_id bigint,
    quantity integer
)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
        SELECT half.reference, min(half.product_id), min(half.quantity)
          FROM generate_series(0, ecommerce_router.shards() - 1) AS shard,
               LATERAL ecommerce_shards.half_transfers(shard) AS half
         GROUP BY half.reference HAVING count(*) = 1
         ORDER BY half.reference;
END
$function$;
COMMENT ON FUNCTION ecommerce_router.stock_in_transit IS
'What has left one shard and not arrived at another: repeat move_stock() for these references.';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce_router, ecommerce_shards FROM PUBLIC;
COMMIT;
