-- A corpus of hostile strings through every text argument, every claim and all data that comes back as JSON.
-- Each string is stored and comes back unchanged, or is refused with a documented SQLSTATE and a message that
-- is the same for every string: PostgREST copies the message into the HTTP status line.

\set ON_ERROR_STOP 1
SET client_min_messages = warning;
BEGIN;
CREATE EXTENSION pgtap;
CREATE EXTENSION ecommerce;
SELECT plan(52);

CREATE ROLE regress_owner;
CREATE ROLE regress_shopper;
GRANT CREATE, USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_owner;
GRANT USAGE ON SCHEMA ecommerce, ecommerce_api TO regress_shopper;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api TO regress_owner, regress_shopper;
SET ROLE regress_owner;
SELECT ecommerce.migrate() AS version \gset
RESET ROLE;
INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (1, 'Ada', 'One');
INSERT INTO ecommerce.categories (id, name) VALUES (5, 'Office');
INSERT INTO ecommerce.products (id, name, price, category_id) VALUES (11, 'Pencil', 0.25, 5);
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (11, 1000);
SELECT ecommerce.add_to_cart(1, 11) IS NOT NULL AS filled \gset


-- The corpus: each fragment by itself and in each setting

CREATE TABLE pg_temp.fragments (fragment text);
INSERT INTO fragments VALUES
    -- quotes and escapes
    (''''), (''''''), ('"'), ('""'), ('`'), ('\'), ('\\'), ('\'''), ('\"'), ('\\'''), ('''\'), (E'\\x27'), ('\047'), ('U&''\0027'''), ('E''\'''''),
    ('´'), ('’'), ('＇'), ('«'), ('ʼ'),
    -- dollar quotes, parameters, comments
    ('$$'), ('$'), ('$1'), ('$2; $1'), ('$a$'), ('$$; DROP TABLE ecommerce.orders; $$'), ('$migration$'), (':1'), (':''x'''), ('?'), ('@x'), ('${x}'), ('#{x}'), ('{{x}}'),
    ('--'), ('-- x'), ('/*'), ('*/'), ('/* x */'), ('/*/**/'), (';'), (';;'), (E';\n\\! ls'), (E'\\.'),
    -- SQL
    ('''; DROP TABLE ecommerce.orders; --'), ('''; DROP SCHEMA ecommerce CASCADE; --'), ('"; DROP TABLE ecommerce.orders; --'),
    (''' OR ''1''=''1'), (''' OR 1=1 --'), ('1 OR 1=1'), ('1; UPDATE ecommerce.products SET price = 0'), (''') ON CONFLICT DO NOTHING; --'),
    (''' UNION SELECT rolname, rolpassword FROM pg_authid --'), ('''||(SELECT current_user)||'''), ('(SELECT 1)'), ('1::bigint'), ('now()'), ('DEFAULT'), ('NULL'),
    ('''; COPY ecommerce.users TO PROGRAM ''sh''; --'), ('''; SELECT pg_sleep(0); --'), ('''; SET ROLE postgres; --'), ('''; GRANT ALL ON ALL TABLES IN SCHEMA ecommerce TO PUBLIC; --'),
    ('ROLLBACK'), ('; COMMIT; BEGIN;'), ('SELECT'), ('ecommerce.orders'), ('pg_catalog.pg_authid'), ('WITH GRANT OPTION'), ('regress_shopper, regress_owner'),
    ('regress_shopper WITH GRANT OPTION'), ('"regress_shopper"'), ('PUBLIC'), ('public'), ('CURRENT_USER'), ('SESSION_USER'), ('none'), ('group regress_shopper'),
    -- JSON
    ('{}'), ('[]'), ('{'), ('}'), ('["'), ('"]'), ('{"code": "empty_cart"}'), ('", "code": "forged'), ('"}'), ('null'), ('true'), ('\u0000'), ('\u0027'), ('\ud800'), ('\n'), ('\r\n'),
    ('{"user_id": 1}'), ('", "user_id": 2, "x": "'), ('user_id'), ('"user_id"'), ('1'), ('-1'), ('1.0'), ('1e400'), ('NaN'), ('Infinity'), ('0xZZ'), ('9223372036854775808'), ('1,000'),
    -- format specifiers
    ('%'), ('%%'), ('%s'), ('%n'), ('%s%s%s%s%s%s%s%s%n%n%n'), ('%d'), ('%x'), ('%m'), ('%1$s'), ('%99999999d'), ('%I'), ('%L'), ('%.*s'), ('%lld'),
    -- HTTP, HTML, shells, paths
    (E'\r\n'), (E'\n'), (E'\r'), (E'x\r\nSet-Cookie: admin=1'), (E'x\r\n\r\n<script>alert(1)</script>'), (E'\nHTTP/1.1 200 OK'), ('%0d%0aSet-Cookie: a=b'), ('%00'), ('%27'),
    ('<script>alert(1)</script>'), ('&amp;'), ('<!--'), (']]>'), ('$(id)'), ('`id`'), ('| id'), ('../../etc/passwd'), ('C:\con'), ('%SYSTEMROOT%'), ('javascript:1'), ('=cmd|'' /C calc''!A0'),
    -- Unicode
    ('ß'), ('İ'), ('ı'), ('ﬀ'), ('é'), (E'e\u0301'), (E'\u00a0'), (E'\u0085'), (E'\u2028'), (E'\u2029'), (E'\u200b'), (E'\u202e'), (E'\ufeff'), (E'\ufffd'), (E'\uffff'), (E'\U0010ffff'),
    (E'\u037e'), (E'\uff1b'), ('日本語'), ('العربية'), ('👩‍👩‍👧'), (E'\U0001F600'), (E'\u0660\u0661'), ('𝟏'), (repeat(E'\u0301', 300)),
    -- blank, long
    (''), (' '), (E'\t'), (E' \t\r\n\v\f'), (repeat(' ', 1000)), (repeat('''', 1000)), (repeat('\', 1001)), (repeat('"', 1000)), (repeat('%n', 500)), (repeat('(', 10000)),
    (repeat('[', 1000)), (repeat('{"a":', 1000)), (repeat('x', 255)), (repeat('x', 256)), (repeat('€', 255)), (repeat('€', 256)), (repeat('x', 64)), (repeat('x', 1000000)), (repeat(E'\r\n', 10000));
-- Control characters, but NUL, which no text holds.
INSERT INTO fragments SELECT chr(code) FROM generate_series(1, 31) AS code UNION ALL SELECT chr(code) FROM generate_series(127, 159) AS code;

CREATE TABLE pg_temp.corpus (number serial, string text UNIQUE);
CREATE INDEX ON corpus (number);
ALTER TABLE corpus DROP CONSTRAINT corpus_string_key;
INSERT INTO corpus (string)
    SELECT DISTINCT string COLLATE "C" FROM fragments,
           LATERAL (VALUES (fragment), ('a' || fragment), (fragment || 'a'), ('''' || fragment || ''''), ('"' || fragment || '"'), (fragment || '''; SELECT 1/0; --'),
                           (E'\r\n' || fragment), ('{"user_id": "' || fragment || '"}')) AS strings (string)
     WHERE length(fragment) < 100000 OR string = fragment
     ORDER BY 1;
SELECT cmp_ok((SELECT count(*) FROM corpus), '>=', 500::bigint, 'there are at least 500 strings');
SELECT cmp_ok((SELECT count(DISTINCT fragment) FROM fragments), '>=', 180::bigint, 'of at least 180 fragments');


-- The places

CREATE FUNCTION pg_temp.place(address text, key text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS 'SELECT ecommerce_api.place_order(shipping_address => address, idempotency_key => key)';
CREATE FUNCTION pg_temp.through_address(string text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    placed jsonb := pg_temp.place(string);
    listed jsonb := ecommerce_api.order_listing_json() -> 0;
    shown jsonb := ecommerce_api.order_json((placed -> 'id')::bigint);
BEGIN
    IF listed <> shown OR placed - 'replayed' <> shown THEN
        RAISE 'documents differ';
    END IF;
    RETURN shown ->> 'shipping_address';
END
$$;
CREATE FUNCTION pg_temp.through_key(string text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    placed jsonb := pg_temp.place(NULL, string);
    replayed jsonb := pg_temp.place(NULL, string);
BEGIN
    IF placed -> 'replayed' <> 'false' OR replayed -> 'replayed' <> 'true' OR placed - 'replayed' <> replayed - 'replayed' THEN
        RAISE 'not replayed';
    END IF;
    PERFORM set_config('role', 'none', true);
    RETURN (SELECT idempotency_key FROM ecommerce.orders WHERE id = (placed -> 'id')::bigint);
END
$$;
CREATE FUNCTION pg_temp.through_catalogue(string text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    cart jsonb;
    placed jsonb;
    shown jsonb;
BEGIN
    PERFORM set_config('role', 'none', true);
    UPDATE ecommerce.products SET name = string, description = string;
    UPDATE ecommerce.categories SET name = string;
    PERFORM set_config('role', 'regress_shopper', true);
    cart := ecommerce_api.cart_json() #> '{cart_items,0,products}';
    placed := ecommerce_api.place_order() #> '{order_details,0,product_order_details}';
    shown := ecommerce_api.order_listing_json() #> '{0,order_details,0,product_order_details}';
    IF placed <> shown THEN
        RAISE 'documents differ';
    END IF;
    RETURN CASE WHEN string = ALL (ARRAY [cart ->> 'name', cart ->> 'description', shown ->> 'name', shown ->> 'description', shown #>> '{category,name}'])
                THEN string ELSE 'changed' END;
END
$$;
CREATE FUNCTION pg_temp.through_own_address(string text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', true);
    UPDATE ecommerce.users SET name = string, shipping_address = string;
    PERFORM set_config('role', 'regress_shopper', true);
    RETURN pg_temp.place(NULL) ->> 'shipping_address';
END
$$;
CREATE FUNCTION pg_temp.through_claims(claims text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    PERFORM set_config('request.jwt.claims', claims, true);
    EXECUTE 'SELECT ' || call INTO result;
    RETURN result;
END
$$;
-- As the owner of what is granted, who is asked to grant it to a role of that name.
CREATE FUNCTION pg_temp.through_role(string text, call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', true);
    EXECUTE format('SELECT ecommerce.%s(%s => $1)', split_part(call, ' ', 1), split_part(call, ' ', 2)) USING string;
    RETURN 'granted';
END
$$;

-- What may come of a string: to come back, or one of these SQLSTATEs.
CREATE TABLE pg_temp.places (name text, query text, comes_back boolean, documented text[], PRIMARY KEY (name));
INSERT INTO places VALUES
    ('shipping_address', 'SELECT pg_temp.through_address($1)', true, '{22023, 22004, 22P02, 22P05}'),
    ('idempotency_key', 'SELECT pg_temp.through_key($1)', true, '{22023}'),
    ('status', 'SELECT ecommerce_api.order_listing_json(status => $1)', false, '{22023}'),
    ('product and category', 'SELECT pg_temp.through_catalogue($1)', true, '{}'),
    ('user''s own address', 'SELECT pg_temp.through_own_address($1)', true, '{22004, 23514}'),
    ('claims, cart_json', 'SELECT pg_temp.through_claims($1, ''ecommerce_api.cart_json()'')', false, '{PT401, PT404, 22P02, 22P05, 22003}'),
    ('claims, place_order', 'SELECT pg_temp.through_claims($1, ''ecommerce.place_order(2)'')', false, '{PT401, PT404, 42501, 22P02, 22P05, 22003}'),
    ('claims, current_user_id', 'SELECT pg_temp.through_claims($1, ''ecommerce.current_user_id()'')', false, '{22P02, 22P05, 22003}'),
    ('user_id', 'SELECT pg_temp.through_claims(json_build_object(''user_id'', $1)::text, ''ecommerce_api.add_to_cart(11)'')', false, '{PT404, 22P02, 22003}'),
    ('name of a claim', 'SELECT pg_temp.through_claims(json_build_object($1, 1)::text, ''ecommerce_api.cart_json()'')', false, '{PT401}'),
    ('grant_api, anonymous', 'SELECT pg_temp.through_role($1, ''grant_api anonymous'')', false, '{42704}'),
    ('grant_api, shopper', 'SELECT pg_temp.through_role($1, ''grant_api shopper'')', false, '{42704}'),
    ('grant_api, staff', 'SELECT pg_temp.through_role($1, ''grant_api staff'')', false, '{42704}'),
    ('revoke_api, staff', 'SELECT pg_temp.through_role($1, ''revoke_api staff'')', false, '{42704}');

CREATE TABLE pg_temp.outcomes (place text, string text, sqlstate text, message text, detail text, hint text, result text);
CREATE FUNCTION pg_temp.probe(query text, string text, OUT code text, OUT message text, OUT detail text, OUT hint text, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('request.jwt.claims', '{"user_id": 1}', true), set_config('role', 'regress_shopper', true);
    EXECUTE query INTO answer USING string;
    RAISE SQLSTATE 'ZZ000';
EXCEPTION
    WHEN SQLSTATE 'ZZ000' THEN
        code := 'ok';
        result := answer;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;

-- All there is in the catalogue, and all rows.
CREATE FUNCTION pg_temp.fingerprint() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name regclass;
    part text;
    fingerprint text := '';
BEGIN
    FOREACH name IN ARRAY '{pg_authid, pg_auth_members, pg_namespace, pg_proc, pg_policy, pg_constraint, pg_trigger, pg_rewrite, pg_depend, pg_default_acl,
                            pg_type, pg_operator, pg_db_role_setting, pg_extension, pg_largeobject_metadata, ecommerce.users, ecommerce.products, ecommerce.categories,
                            ecommerce.stock_levels, ecommerce.carts, ecommerce.cart_items, ecommerce.orders, ecommerce.order_details, ecommerce.order_events}'::regclass[] LOOP
        EXECUTE format('SELECT md5(string_agg(entry::text, '''' ORDER BY entry::text)) FROM %s AS entry', name) INTO part;
        fingerprint := concat_ws(E'\n', fingerprint, name || ' ' || part);
    END LOOP;
    SELECT md5(string_agg(concat(oid, relname, relowner, relkind, relacl, relrowsecurity, reloptions), '' ORDER BY oid)) INTO part FROM pg_class;
    fingerprint := fingerprint || E'\npg_class ' || part;
    SELECT md5(string_agg(concat(attrelid, attname, atttypid, attnotnull, attacl), '' ORDER BY attrelid, attnum)) INTO part FROM pg_attribute;
    RETURN fingerprint || E'\npg_attribute ' || part;
END
$$;
SELECT pg_temp.fingerprint() AS before \gset
INSERT INTO outcomes SELECT name, string, probe.* FROM places, corpus, pg_temp.probe(query, string);
SELECT is(pg_temp.fingerprint(), :'before', 'afterwards every schema, role, privilege and row is as it was');
SELECT is((SELECT count(*) FROM outcomes), (SELECT count(*) FROM corpus) * (SELECT count(*) FROM places), 'each string went through each place');


-- What came of them

SELECT is_empty(format('SELECT DISTINCT sqlstate, left(message, 60), left(string, 40) FROM outcomes WHERE place = %L AND sqlstate <> ''ok'' AND sqlstate <> ALL (%L)', name, documented),
                name || ': no error that is not documented')
  FROM places ORDER BY name;
SELECT is_empty(format('SELECT left(string, 40), left(result, 40) FROM outcomes WHERE place = %L AND sqlstate = ''ok'' AND result IS DISTINCT FROM string', name),
                name || ': what is stored comes back unchanged')
  FROM places WHERE comes_back ORDER BY name;
SELECT cmp_ok(count(*), '>=', 500::bigint, name || ': at least 500 strings came back')
  FROM places JOIN outcomes ON place = name AND sqlstate = 'ok' WHERE comes_back GROUP BY name ORDER BY name;
SELECT is_empty(format('SELECT left(string, 40) FROM outcomes WHERE place = %L AND sqlstate = ''ok''', name), name || ': none is accepted')
  FROM places WHERE name = 'status' OR name ~ '_api,' ORDER BY name;

-- What is refused is refused for a reason. Blank is what src/texts.h says.
CREATE FUNCTION pg_temp.is_blank(string text) RETURNS boolean LANGUAGE sql AS $$
    SELECT string ~ ('^[\u0001-\u0020\u007F-\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5'
                     '\u180B-\u180F\u2000-\u200F\u2028-\u202F\u205F-\u206F'
                     '\u3000\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]*$')
$$;
SELECT is_empty($$ SELECT to_json(string)::text, sqlstate FROM outcomes WHERE place = 'shipping_address' AND string !~ '^\s*\{' AND (sqlstate = 'ok') = (pg_temp.is_blank(string) OR length(string) > 10000) $$, 'an address is refused if it is blank or too long, and only then');
SELECT is_empty($$ SELECT to_json(string)::text, sqlstate FROM outcomes WHERE place = 'idempotency_key' AND (sqlstate = 'ok') = (pg_temp.is_blank(string) OR length(string) > 255) $$, 'a key is refused if it is blank or long, and only then');
SELECT is_empty($$ SELECT string FROM outcomes WHERE place = 'name of a claim' AND (sqlstate = 'PT401') = (string = 'user_id') $$, 'a claim is user_id by that name only')
  WHERE EXISTS (SELECT FROM corpus WHERE string = 'user_id');
SELECT set_eq($$ SELECT DISTINCT string COLLATE "C" FROM outcomes WHERE place = 'user_id' AND sqlstate IN ('ok', 'PT404') $$,
              $$ SELECT string COLLATE "C" FROM corpus WHERE string ~ '^[ \t\r\n\v\f]*[-+]?[0-9]{1,18}[ \t\r\n\v\f]*$' $$, 'a user_id is a bigint and nothing else');

-- One message for each condition, whatever the string: no line break, no format specifier, no data.
SELECT is_empty(format($$ SELECT sqlstate, count(DISTINCT message), left(min(message), 60) FROM outcomes
                           WHERE place = %L AND sqlstate <> 'ok' GROUP BY sqlstate HAVING count(DISTINCT message) > 1 + (sqlstate = '22P02')::integer $$, name),
                name || ': one message for each condition (not JSON, and not a bigint, are two)')
  FROM places WHERE name !~ '_api,' ORDER BY name;
SELECT is_empty($$ SELECT left(message, 60), left(string, 40) FROM outcomes WHERE place ~ '_api,' AND message <> format('role "%s" does not exist', string) $$,
                'of a role there is the server''s own message');
SELECT is_empty($$ SELECT place, count(*) AS messages FROM outcomes WHERE message ~ '[\r\n]' AND place !~ '_api,' GROUP BY place $$, 'no message has a line break');
SELECT is_empty($$ SELECT place, sqlstate, message FROM outcomes GROUP BY place, sqlstate, message HAVING count(DISTINCT hint) > 1 $$, 'and hints are constant too');

-- DETAIL is JSON with a code wherever the error is ours.
CREATE FUNCTION pg_temp.code(detail text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN detail::jsonb ->> 'code';
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;
SELECT is_empty($$ SELECT DISTINCT sqlstate, left(detail, 60) FROM outcomes WHERE (sqlstate ~ '^PT' OR sqlstate IN ('22023', '22004')) AND pg_temp.code(detail) IS NULL $$,
                'DETAIL is JSON with a code');


-- The same for functions that paste strings into SQL, or into a message: the checks above see both

CREATE FUNCTION pg_temp.pastes(string text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE 'SELECT ''' || string || '''' INTO result;
    RETURN result;
END
$$;
CREATE FUNCTION pg_temp.tells(string text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE invalid_parameter_value USING MESSAGE = 'cannot use ' || string;
END
$$;
INSERT INTO outcomes SELECT 'pastes', string, probe.* FROM corpus, pg_temp.probe('SELECT pg_temp.pastes($1)', string);
INSERT INTO outcomes SELECT 'tells', string, probe.* FROM corpus, pg_temp.probe('SELECT pg_temp.tells($1)', string);
SELECT isnt_empty($$ SELECT FROM outcomes WHERE place = 'pastes' AND sqlstate NOT IN ('ok', '22023') $$, 'the corpus breaks a function that pastes');
SELECT isnt_empty($$ SELECT FROM outcomes WHERE place = 'pastes' AND sqlstate = 'ok' AND result IS DISTINCT FROM string $$, 'and changes what it returns');
SELECT cmp_ok((SELECT count(DISTINCT message) FROM outcomes WHERE place = 'tells'), '>', 100::bigint, 'and a message with data in it is seen');

SELECT * FROM finish();
ROLLBACK;
