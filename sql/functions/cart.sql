-- Cart

CREATE FUNCTION ecommerce.add_to_cart(
    user_id bigint,
    product_id bigint,
    quantity integer DEFAULT 1
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.add_to_cart FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.add_to_cart IS
'Adds units of a product to the user''s cart and returns the cart as cart_json() does.
Errors: 22004 for a null; 22023 for a quantity below 1; 22003 when the cart would hold more '
'than 2147483647 units; PT404 for an unknown user or product; PT409 for an inactive product.';

CREATE FUNCTION ecommerce_api.add_to_cart(
    product_id bigint,
    quantity integer DEFAULT 1
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_add_to_cart';
REVOKE EXECUTE ON FUNCTION ecommerce_api.add_to_cart FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.add_to_cart IS
'Adds a product to the cart

product_id: the product. quantity: units to add, 1 or more. Returns the cart.
Errors: 401 without a user; 404 for an unknown product; 409 for an inactive product; 400 for a '
'bad quantity.';

CREATE FUNCTION ecommerce.set_cart_item(
    user_id bigint,
    product_id bigint,
    quantity integer
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_cart_item FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_cart_item IS
'Sets how many units of a product are in the user''s cart, 0 to take it out, and returns the '
'cart as cart_json() does.
Errors: 22004 for a null; 22023 for a negative quantity; PT404 for an unknown user or product; '
'PT409 for an inactive product, unless quantity is 0.';

CREATE FUNCTION ecommerce_api.set_cart_item(product_id bigint, quantity integer) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_cart_item';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_cart_item FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_cart_item IS
'Sets how many units of a product are in the cart

product_id: the product. quantity: units, 0 takes the product out. Returns the cart.
Errors: 401 without a user; 404 for an unknown product; 409 for an inactive product; 400 for a '
'bad quantity.';

CREATE FUNCTION ecommerce.cart_json(user_id bigint) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.cart_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.cart_json IS
'The user''s cart: items in the order in which they were added, cart_amount, currency, and the '
'problems that would keep place_order() from accepting it.
Errors: 22004 for a null; PT404 for an unknown user.';

CREATE FUNCTION ecommerce_api.cart_json() RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'api_cart_json';
REVOKE EXECUTE ON FUNCTION ecommerce_api.cart_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.cart_json IS
'Shows the cart

Returns the items, the amount, and the problems that would keep the cart from being ordered.
Errors: 401 without a user; 404 for an unknown user.';
