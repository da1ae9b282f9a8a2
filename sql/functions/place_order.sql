-- A cart becomes an order

CREATE FUNCTION ecommerce.place_order(
    user_id bigint,
    idempotency_key text DEFAULT NULL,
    expected_amount numeric DEFAULT NULL,
    fingerprint text DEFAULT NULL,
    shipping_address text DEFAULT NULL,
    metadata jsonb DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'place_order_2';
REVOKE EXECUTE ON FUNCTION ecommerce.place_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.place_order IS
'Turns the user''s cart into an order, all of it or nothing, and returns the order. A call '
'repeated with the same idempotency_key (1 to 255 characters, not all blank) returns the same '
'order, with "replayed": true. fingerprint is that of the cart that the customer was shown, and '
'expected_amount its amount: if the cart is another now, nothing is ordered. shipping_address is '
'a text, or an address as JSON; left out, the order goes to the cart''s address, or the user''s. '
'metadata is an object of at most 16384 bytes that is kept with the order.
Errors: 22004 for a null user or no address; 22023 for an address that is blank, longer than '
'10000 characters or no address, a key that is blank or longer, an amount below 0, of 1e15 and '
'more or of more than 20 decimals, metadata that are no object; 22P02 for an address that begins '
'with { and is no JSON; 22003 for an order of 1e15 and more; PT404 for an unknown user or an '
'empty cart; PT409 for what a cart''s problems tell, another cart or amount; PT422 for a key used '
'with other arguments; 55000 when the sequence of ids is behind. After 40001, 40P01, 55P03 or a '
'lost connection, repeat with the same key.
The key follows the Idempotency-Key HTTP header field '
'(draft-ietf-httpapi-idempotency-key-header).';

CREATE FUNCTION ecommerce.warm_up() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.warm_up FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.warm_up IS
'Plans what placing an order executes that costs what its lines do, so that the first customer of '
'a connection does not wait for it: for a pool to call on each new connection. Reads and writes no '
'row. For roles with the privilege REFERENCES on ecommerce.orders.
Errors: 42501 for other roles; 55000 before migrate().';

CREATE FUNCTION ecommerce_api.place_order(
    idempotency_key text DEFAULT NULL,
    expected_amount numeric DEFAULT NULL,
    fingerprint text DEFAULT NULL,
    shipping_address text DEFAULT NULL,
    metadata jsonb DEFAULT NULL
) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_place_order_2';
REVOKE EXECUTE ON FUNCTION ecommerce_api.place_order FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.place_order IS
'Turns the cart into an order

idempotency_key: 1 to 255 characters; a request repeated with the same key returns the same '
'order, with "replayed": true. fingerprint: that of the cart the customer saw; expected_amount: '
'its amount; if the cart is another now, nothing is ordered. shipping_address: where the order '
'goes, a text or an object, the cart''s or the user''s own address if left out. metadata: an '
'object of your own. Returns the order, with 201 if it is new.
Errors: 401 without a user; 404 for an empty cart; 409 for what the cart''s problems tell, '
'another cart or amount; 422 for a key used with other arguments; 400 for a bad argument.';
