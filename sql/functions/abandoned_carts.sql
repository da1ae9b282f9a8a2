-- Carts that nobody has touched

CREATE FUNCTION ecommerce.clear_abandoned_carts(
    before timestamptz,
    max integer DEFAULT 1000
) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.clear_abandoned_carts FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.clear_abandoned_carts IS
'Takes everything out of carts in which nothing has changed since a time, coupons and addresses '
'too, of max carts at most, and returns of how many. Carts that are in use just now are left for '
'the next call. For roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for max below 1; 42501 for other roles.';
