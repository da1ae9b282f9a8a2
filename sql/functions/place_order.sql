-- A cart becomes an order

CREATE FUNCTION ecommerce.place_order(
    user_id bigint,
    shipping_address text DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    expected_amount numeric DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.place_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.place_order IS
'Turns the user''s cart into an order, all of it or nothing, and returns the order. '
'shipping_address defaults to the user''s own. A call repeated with the same idempotency_key (1 '
'to 255 characters) returns the same order, with "replayed": true. expected_amount is what the '
'customer was shown: if the order''s amount is another, nothing is ordered.
Errors: 22004 for a null user or no address; 22023 for an address that is blank or longer than '
'10000 characters, a key of another length, an amount that is not a number; 22003 for an amount '
'of 1e15 or more; PT404 for an unknown user or an empty cart; PT409 for insufficient stock, an '
'inactive product, mixed currencies, another amount; PT422 for a key used with other arguments. '
'After 40001, 40P01, 55P03 or a lost connection, repeat with the same key.
The key follows the Idempotency-Key HTTP header field '
'(draft-ietf-httpapi-idempotency-key-header).';

CREATE FUNCTION ecommerce_api.place_order(
    shipping_address text DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    expected_amount numeric DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_place_order';
REVOKE EXECUTE ON FUNCTION ecommerce_api.place_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.place_order IS
'Turns the cart into an order

shipping_address: where the order goes, the user''s own address if left out. idempotency_key: 1 '
'to 255 characters; a request repeated with the same key returns the same order, with '
'"replayed": true. expected_amount: the amount the customer saw; if it is another now, nothing '
'is ordered. Returns the order.
Errors: 401 without a user; 404 for an empty cart; 409 for insufficient stock, an inactive '
'product, several currencies, another amount; 422 for a key used with other arguments; 400 for a '
'bad argument.';
