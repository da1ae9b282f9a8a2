-- Whose the shop is

CREATE FUNCTION ecommerce.set_owner(owner text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_owner FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_owner IS
'Gives the shop to another role: the tables, and what else their owner has in the schemas '
'ecommerce and ecommerce_api. The new owner is granted the schemas and the functions, the old '
'one loses them; what others have been granted stays. Locks all tables. Safe to repeat.
Errors: 22004 for a null; 42704 for an unknown role; 42501 unless the caller has the rights of '
'the owners of the extension and of the tables; 55000 before migrate().';
