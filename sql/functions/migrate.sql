-- Tables

CREATE FUNCTION ecommerce.migrate(owner text DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.migrate FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.migrate IS
'Creates the tables, or brings them up to the version of the installed code, and returns that '
'version. Safe to repeat, and to run twice at once.
The tables belong to owner, or to the role that runs it first, and it works as that role. Run by '
'a superuser, it grants the owner the functions too, and CREATE on the schemas for as long as it '
'runs. A role that has all that a kind of role was granted on the tables gets what is new of it.
Errors: 0A000 in a database whose encoding is SQL_ASCII; 55000 when the tables are newer than '
'the code, or the extension is older than its library; 42704 for an unknown role; 22023 for an '
'owner who is not that of the tables; 42501 without CREATE on the schemas ecommerce and '
'ecommerce_api, or for the tables of another role; 42723 when the owner meanwhile gives a '
'function the name of one of the extension''s.';
