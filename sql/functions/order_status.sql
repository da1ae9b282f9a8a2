-- What becomes of an order

CREATE FUNCTION ecommerce.set_order_status(
    user_id bigint,
    order_id bigint,
    status text
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_order_status FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_order_status IS
'Moves an order from PROCESSING to SHIPPED, from SHIPPED to DELIVERED, or from either of these '
'two to RETURNED, writes an event, and returns the order. An order that has the status already '
'is returned as it is. For roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for another status; PT404 for an unknown order; PT409 for a '
'status that cannot follow, or an order with a deadline that is neither paid nor authorized in '
'full; 42501 for other roles; 55000 before migrate().';

CREATE FUNCTION ecommerce.cancel_order(user_id bigint, order_id bigint, reason text) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.cancel_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.cancel_order IS
'Cancels an order that is PROCESSING, returns its units to the bucket of stock they came from, '
'writes an event, and returns the order. reason is customer, inventory, fraud, declined, '
'unpaid, staff or other. Safe to repeat: an order that is cancelled already is returned as it is. '
'Units of a product that has been deleted since are gone with it.
Errors: 22004 for a null; 22023 for another reason; PT404 for an unknown order; PT409 for an '
'order that was shipped; 55000 before migrate(). After 40001, 40P01, 55P03 or a lost connection, '
'repeat.
The reasons are those of the cancelReason of an order in Shopify''s Admin API, and unpaid.';

CREATE FUNCTION ecommerce_api.cancel_order(order_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_cancel_order';
REVOKE EXECUTE ON FUNCTION ecommerce_api.cancel_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.cancel_order IS
'Cancels an order

order_id: the order, which must not have been shipped. Returns the order. May be repeated.
Errors: 401 without a user; 404 for an unknown order; 409 for an order that was shipped; 400 '
'for a null.';
