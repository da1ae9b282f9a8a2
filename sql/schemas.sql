-- ecommerce: functions. The tables are made by ecommerce.migrate().

\echo Use "CREATE EXTENSION ecommerce" to load this file. \quit


-- Schemas
-- Neither schema is a member of the extension: both hold objects of the shop's too,
-- which DROP EXTENSION must leave. A schema that was there before the extension, as
-- in a restore, must not be owned by somebody who could replace what is put into it.

DO $$
DECLARE
    suspect record;
BEGIN
    SELECT nspname, rolname INTO suspect
      FROM pg_catalog.pg_namespace
      JOIN pg_catalog.pg_roles ON pg_roles.oid = nspowner
     WHERE nspname IN ('ecommerce', 'ecommerce_api')
       AND rolname <> current_user AND NOT rolsuper;
    IF FOUND THEN
        RAISE EXCEPTION 'schema is owned by another role'
            USING ERRCODE = 'insufficient_privilege',
                  DETAIL = pg_catalog.format(
                      '{"code": "schema_of_another_owner", "schema": %s, "owner": %s}',
                      pg_catalog.to_json(suspect.nspname), pg_catalog.to_json(suspect.rolname)),
                  HINT = 'Make sure that you trust what is in the schema, then change its owner.';
    END IF;

    IF pg_catalog.to_regnamespace('ecommerce_api') IS NULL THEN
        CREATE SCHEMA ecommerce_api;
        ALTER EXTENSION ecommerce DROP SCHEMA ecommerce_api;
    END IF;
END
$$;

COMMENT ON SCHEMA ecommerce_api IS
'Shop, for customers: the catalogue, and functions for the user of the token';

COMMENT ON SCHEMA ecommerce IS
'Shop, for staff: the tables, and functions for any user';

