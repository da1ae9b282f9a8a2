-- Promotions

CREATE FUNCTION ecommerce.set_promotion_limit(
    promotion_id bigint,
    usage_limit bigint
) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_promotion_limit FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_promotion_limit IS
'Sets how many orders may use a promotion, null for any number, and returns how many still can. '
'Orders that use it already count, unless they were cancelled. An order that is being placed '
'while a promotion gets its first limit may be missed: order_integrity() tells, and setting the '
'limit again counts it. For roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null promotion_id; 22023 for a negative limit; PT404 for an unknown promotion; '
'PT409 when more orders use it already (limit_below_uses); 42501 for other roles; 55000 before '
'migrate(). After 40001, 40P01, 55P03 or a lost connection, repeat.';
