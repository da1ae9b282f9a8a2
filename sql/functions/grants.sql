-- Who may do what

CREATE FUNCTION ecommerce.grant_api(
    anonymous text DEFAULT NULL,
    shopper text DEFAULT NULL,
    staff text DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.grant_api FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.grant_api IS
'Grants each of the named roles what it needs, and no more. anonymous: reads the catalogue in '
'ecommerce_api. shopper: also calls the functions of ecommerce_api. staff: calls the functions '
'of ecommerce for any user, keeps the catalogue, stock, promotions, rates and users. A null '
'leaves a role out. Safe to repeat; undone by revoke_api(). Warns of a role of visitors or '
'shoppers that may act for any user, and of any whose requests no time-out ends.
Errors: 42704 for an unknown role; 42501 unless the caller has the rights of the owners of the '
'extension and of the tables; 55000 before migrate().';

CREATE FUNCTION ecommerce.revoke_api(
    anonymous text DEFAULT NULL,
    shopper text DEFAULT NULL,
    staff text DEFAULT NULL
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.revoke_api FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.revoke_api IS
'Takes back from each of the named roles what grant_api() granted it. A null leaves a role out.
Errors: 42704 for an unknown role; 42501 unless the caller has the rights of the owners of the '
'extension and of the tables; 55000 before migrate().';

-- In an update, whoever had a function keeps it, and has what is new of its kind.

CREATE FUNCTION ecommerce_migrations.carry_grants(before json) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce_migrations.carry_grants FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_migrations.carry_grants IS
'Grants functions that an update has dropped and made again to the roles that had them, and new '
'ones to the roles that had all functions of their kind. before has the name of each function '
'that there was, with each grantee, and is_grantable. Called by scripts of the extension.';
