-- Orders that are old

CREATE FUNCTION ecommerce.archive_orders(
    before timestamptz,
    max integer DEFAULT 1000
) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.archive_orders FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.archive_orders IS
'Moves orders that were placed before a time into ecommerce.archived_orders, max of them at most, '
'and returns how many. They are DELIVERED, CANCELLED or RETURNED, nothing has happened to them '
'since, nobody waits for an event of theirs, they hold and owe no money, and no promotion or '
'product with a limit counts them. For the owner.
Errors: 22004 for a null; 22023 for max below 1; 42501 for other roles.';
