-- What breaks a rule

CREATE FUNCTION ecommerce.order_integrity() RETURNS TABLE (
    invariant text,
    customer_id bigint,
    order_id bigint,
    product_id bigint,
    details jsonb
)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.order_integrity FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.order_integrity IS
'Checks the rules by which orders, lines, history, stock, carts and sequences agree, in one '
'snapshot, and returns a row for each violation: the name of the rule, what breaks it, and the '
'values that do; no row is healthy. Reads all tables and locks none. For roles with the '
'privilege REFERENCES on ecommerce.orders.
Errors: 42501 for other roles; 55000 before migrate().';
