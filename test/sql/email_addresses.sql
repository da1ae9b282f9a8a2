-- E-mail addresses: blanks around one are cut off and never make a second account, what
-- has no @ is refused, and uniqueness regards no case, whatever the database's collation.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (name, email) VALUES ('a', E' \tann@example.com\u00A0\u3000\n'), ('b', E'"ann smith"@example.com\u200B'), ('c', 'taro..yamada@example.com'),
    ('d', 'info@bücher.example'), ('e', 'x@y'), ('f', E' \uFEFF'), ('g', ''), ('h', NULL), ('i', NULL);
SELECT name, email FROM ecommerce.users ORDER BY id;
UPDATE ecommerce.users SET email = E'\u2003ann@example.org ' WHERE name = 'e' RETURNING email;

-- One account for each address.
\set VERBOSITY terse
INSERT INTO ecommerce.users (name, email) VALUES ('second', 'ann@example.com');
INSERT INTO ecommerce.users (name, email) VALUES ('second', ' ANN@example.COM ');
UPDATE ecommerce.users SET email = E'\u3000Ann@example.com' WHERE name = 'b';
INSERT INTO ecommerce.users (name, email) VALUES ('another', 'INFO@BÜCHER.example') RETURNING email;
INSERT INTO ecommerce.users (name, email) VALUES ('second', 'INFO@Bücher.example');

-- What is no address at all.
INSERT INTO ecommerce.users (name, email) VALUES ('none', 'no address');
INSERT INTO ecommerce.users (name, email) VALUES ('none', '@example.com');
INSERT INTO ecommerce.users (name, email) VALUES ('none', 'ann@');
INSERT INTO ecommerce.users (name, email) VALUES ('none', E' ann@\u00A0');
UPDATE ecommerce.users SET email = '@' WHERE name = 'a';
\set VERBOSITY default

-- Blank is what is blank everywhere else: the first and last character of each range, and those
-- beside them, are cut off if and only if a reason of nothing else is refused.
CREATE FUNCTION pg_temp.is_refused(reason text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce.fail_order_events('{}', reason);
    RETURN false;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN true;
END
$$;
CREATE FUNCTION pg_temp.is_cut(blank text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    cut text;
BEGIN
    UPDATE ecommerce.users SET email = blank || 'a' || blank || '@' || blank || 'z' || blank || blank WHERE name = 'i' RETURNING email INTO cut;
    RETURN cut = 'a' || blank || '@' || blank || 'z';
END
$$;
CREATE TABLE pg_temp.blanks (first integer, last integer);
INSERT INTO pg_temp.blanks VALUES (1, 32), (127, 160), (173, 173), (847, 847), (1564, 1564), (4447, 4448), (5760, 5760), (6068, 6069), (6155, 6159), (8192, 8207), (8232, 8239),
    (8287, 8303), (12288, 12288), (12644, 12644), (65024, 65039), (65279, 65279), (65440, 65440), (65520, 65528), (113824, 113827), (119155, 119162), (917504, 921599);
SELECT count(*) AS characters, count(*) FILTER (WHERE is_blank) AS blanks,
       count(*) FILTER (WHERE pg_temp.is_cut(chr(code)) <> is_blank) AS cut_wrongly, count(*) FILTER (WHERE pg_temp.is_refused(chr(code)) <> is_blank) AS refused_wrongly
FROM (SELECT DISTINCT code, EXISTS (SELECT FROM pg_temp.blanks AS b WHERE code BETWEEN b.first AND b.last) AS is_blank
      FROM pg_temp.blanks, LATERAL (VALUES (first - 1), (first), (last), (last + 1)) AS edge (code) WHERE code > 0) AS edges;

-- However many blanks there are inside, it takes no time.
SET statement_timeout = '20s';
UPDATE ecommerce.users SET email = 'a@' || repeat(' ', 200000) || 'z' WHERE name = 'h' RETURNING length(email);
RESET statement_timeout;
UPDATE ecommerce.users SET email = NULL WHERE name IN ('h', 'i');
SELECT * FROM ecommerce.order_integrity();

-- Where the constraints have been lost, order_integrity() tells.
ALTER TABLE ecommerce.users DISABLE TRIGGER USER, DROP CONSTRAINT users_email_has_an_at;
DROP INDEX ecommerce.users_email_key;
UPDATE ecommerce.users SET email = E'ANN@example.com\u3000' WHERE name = 'h';
UPDATE ecommerce.users SET email = 'none' WHERE name = 'i';
SELECT invariant, customer_id, details FROM ecommerce.order_integrity() ORDER BY invariant;

DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- An upgrade cuts the blanks off where that makes no second account of an address, and keeps
-- what has no @, of which none comes in any more.
CREATE PROCEDURE pg_temp.open_shop_of_version_2() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ecommerce_migrations.migration_1(), ecommerce_migrations.migration_2();
    INSERT INTO ecommerce.schema_migrations (version, name) VALUES (1, 'migration_1'), (2, 'migration_2');
END
$$;
CREATE EXTENSION ecommerce;
CALL pg_temp.open_shop_of_version_2();
INSERT INTO ecommerce.users (name, email) VALUES ('a', E' ann@example.com\u00A0'), ('b', ' bob@example.com'), ('c', E'BOB@example.com\u3000'),
    ('d', 'bob@example.com'), ('e', ' '), ('f', E'\t'), ('g', 'no address '), ('h', NULL), ('i', NULL);
SELECT ecommerce.migrate(owner => current_user);
SELECT name, replace(replace(email, E'\u00A0', '_'), E'\u3000', '_') AS email FROM ecommerce.users ORDER BY id;
SELECT invariant, customer_id, details FROM ecommerce.order_integrity() ORDER BY invariant;
UPDATE ecommerce.users SET email = 'cleo@example.com ' WHERE name = 'c' RETURNING email;
\set VERBOSITY sqlstate
UPDATE ecommerce.users SET name = 'G' WHERE name = 'g';
\set VERBOSITY default
DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- Two addresses that are one but for the case of ASCII letters stop it, as a collation allows.
CREATE EXTENSION ecommerce;
CALL pg_temp.open_shop_of_version_2();
DROP INDEX ecommerce.users_email_key;
CREATE INDEX users_email_key ON ecommerce.users (email);
INSERT INTO ecommerce.users (name, email) VALUES ('a', 'ann@example.com'), ('b', 'Ann@example.com'), ('c', NULL), ('d', NULL);
\set SHOW_CONTEXT never
SELECT ecommerce.migrate(owner => current_user);
\echo :SQLSTATE

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
