-- Orders that are not paid in time

CREATE FUNCTION ecommerce.expire_unpaid_orders(max integer DEFAULT 100) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.expire_unpaid_orders FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.expire_unpaid_orders IS
'Cancels up to max orders whose payment_due_at has passed and for which nothing was paid nor all '
'authorized, with the reason unpaid, and returns how many. Locks all of them, then all their '
'stock in one order; orders that somebody has locked are left to the next call. For roles with '
'the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for a max below 1; 42501 for other roles; 55000 before '
'migrate(). After 40001, 40P01, 55P03 or a lost connection, repeat.';
