-- The desk: orders of all customers, for staff

CREATE FUNCTION ecommerce.find_order(
    order_id bigint DEFAULT NULL,
    number text DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.find_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.find_order IS
'The order with this id, or with this number of the shop''s own, whoever ordered it: {order, '
'customer, events}, with all that happened to it and who did it; null when there is no such order. '
'For roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22023 unless one of both is given; PT409 if several orders have the number; 42501 for '
'other roles; 55000 before migrate().';

CREATE FUNCTION ecommerce.order_queue(
    status text DEFAULT 'PROCESSING',
    page_size integer DEFAULT 50,
    after_id bigint DEFAULT NULL,
    newest_first boolean DEFAULT false
) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.order_queue FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.order_queue IS
'Orders of all customers that have the status, or all if it is null, oldest first: page_size at '
'most, those that come after the order after_id, each as {order, customer}. For roles with the '
'privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null page_size or newest_first; 22023 for a page_size below 1 or an unknown '
'status; 42501 for other roles; 54000 above 256 MB of JSON; 55000 before migrate().';

CREATE FUNCTION ecommerce.set_order_address(
    user_id bigint,
    order_id bigint,
    shipping_address text
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_order_address FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_order_address IS
'Changes where an order goes that is PROCESSING, writes the event order_address_changed with the '
'old address, and returns the order. shipping_address: a text; one that begins with { is an '
'address as a JSON object. An order that has the address already is returned as it is.
Errors: 22004 for a null; 22023 for a blank or malformed address; PT404 for an unknown order; '
'PT409 for an order that is not PROCESSING, or has charges that depend on the country or state; '
'55000 before migrate(). After 40001, 40P01, 55P03 or a lost connection, repeat.';

CREATE FUNCTION ecommerce_api.set_order_address(
    order_id bigint,
    shipping_address text
) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_order_address';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_order_address FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_order_address IS
'Changes where an order goes

order_id: the order, which must not have been shipped. shipping_address: a text; one that begins '
'with { is an address as a JSON object. Returns the order. May be repeated.
Errors: 401 without a user; 404 for an unknown order; 409 for an order that was shipped, or has '
'charges that depend on the country or state; 400 for a null or a malformed address.';
