-- What becomes of an order

CREATE FUNCTION ecommerce.set_order_status(
    user_id bigint,
    order_id bigint,
    status text,
    payload jsonb DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'set_order_status_2';
REVOKE EXECUTE ON FUNCTION ecommerce.set_order_status FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_order_status IS
'Moves an order from PROCESSING to SHIPPED, from either to DELIVERED, or from SHIPPED or '
'DELIVERED to RETURNED, writes an event with the payload, such as {"tracking_number": "..."}, and '
'returns the order. An order that has the status already is returned as it is. For roles with the '
'privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for another status, or a payload that is no object of at most '
'16384 bytes; PT404 for an unknown order; PT409 for a status that cannot follow; 42501 for other '
'roles; 55000 before migrate().';

CREATE FUNCTION ecommerce.correct_order_status(
    user_id bigint,
    order_id bigint,
    status text,
    reason text
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.correct_order_status FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.correct_order_status IS
'Takes back a status that was set by mistake: from SHIPPED or DELIVERED to PROCESSING, from '
'DELIVERED or RETURNED to SHIPPED, or from RETURNED to DELIVERED, if the order had that status '
'before; writes the event order_corrected with the reason, and returns the order. An order that '
'has the status already is returned as it is. For roles with the privilege REFERENCES on '
'ecommerce.orders.
Errors: 22004 for a null; 22023 for another status, or a reason that is blank or longer than 1000 '
'characters; PT404 for an unknown order; PT409 for a status that this one cannot be corrected to, '
'or if items came back with return_items(); 42501 for other roles; 55000 before migrate().';

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

CREATE FUNCTION ecommerce_api.cancel_order(order_id bigint) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_cancel_order';
REVOKE EXECUTE ON FUNCTION ecommerce_api.cancel_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.cancel_order IS
'Cancels an order

order_id: the order, which must not have been shipped. Returns the order. May be repeated.
Errors: 401 without a user; 404 for an unknown order; 409 for an order that was shipped; 400 '
'for a null.';
