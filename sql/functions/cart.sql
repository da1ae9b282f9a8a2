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
'than 2147483647 units; PT404 for an unknown user or product; PT409 for an inactive product, or '
'more than 1000 products (cart_full).';

CREATE FUNCTION ecommerce_api.add_to_cart(
    product_id bigint,
    quantity integer DEFAULT 1
) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_add_to_cart';
REVOKE EXECUTE ON FUNCTION ecommerce_api.add_to_cart FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.add_to_cart IS
'Adds a product to the cart

product_id: the product. quantity: units to add, 1 or more. Returns the cart.
Errors: 401 without a user; 404 for an unknown product; 409 for an inactive product or too many '
'products; 400 for a bad quantity.';

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
'PT409 for an inactive product, or more than 1000 products (cart_full), unless quantity is 0.';

CREATE FUNCTION ecommerce_api.set_cart_item(product_id bigint, quantity integer) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_cart_item';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_cart_item FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_cart_item IS
'Sets how many units of a product are in the cart

product_id: the product. quantity: units, 0 takes the product out. Returns the cart.
Errors: 401 without a user; 404 for an unknown product; 409 for an inactive product or too many '
'products; 400 for a bad quantity.';

CREATE FUNCTION ecommerce.set_cart_items(
    user_id bigint,
    product_ids bigint[],
    quantities integer[]
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_cart_items FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_cart_items IS
'Puts exactly these products into the user''s cart, in place of what is in it, and returns the '
'cart as cart_json() does. quantities has one for each of product_ids, 0 or more. Locks the cart.
Errors: 22004 for a null; 22023 for a product twice, a negative quantity or arrays that do not '
'fit; PT404 for an unknown user or product; PT409 for an inactive product, or more than 1000 '
'products (cart_full).';

CREATE FUNCTION ecommerce_api.set_cart_items(
    product_ids bigint[],
    quantities integer[]
) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_cart_items';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_cart_items FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_cart_items IS
'Puts exactly these products into the cart

product_ids: the products. quantities: units, one for each product. What else was in the cart is '
'taken out. Returns the cart.
Errors: 401 without a user; 404 for an unknown product; 409 for an inactive product or too many '
'products; 400 for bad quantities.';

CREATE FUNCTION ecommerce.clear_cart(user_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.clear_cart FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.clear_cart IS
'Takes everything out of the user''s cart, coupons and addresses too, and returns the cart as '
'cart_json() does.
Errors: 22004 for a null; PT404 for an unknown user.';

CREATE FUNCTION ecommerce_api.clear_cart() RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_clear_cart';
REVOKE EXECUTE ON FUNCTION ecommerce_api.clear_cart FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.clear_cart IS
'Takes everything out of the cart

Coupons and addresses too. Returns the cart.
Errors: 401 without a user; 404 for an unknown user.';

CREATE FUNCTION ecommerce.cart_json(user_id bigint) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.cart_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.cart_json IS
'The user''s cart: items in the order in which they were added, cart_amount, currency, and the '
'problems that would keep place_order() from accepting it.
Errors: 22004 for a null; PT404 for an unknown user.';

CREATE FUNCTION ecommerce_api.cart_json() RETURNS json
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'api_cart_json';
REVOKE EXECUTE ON FUNCTION ecommerce_api.cart_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.cart_json IS
'Shows the cart

Returns the items, the amount, and the problems that would keep the cart from being ordered.
Errors: 401 without a user; 404 for an unknown user.';
