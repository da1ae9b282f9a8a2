-- What a customer chooses for the order besides products

CREATE FUNCTION ecommerce.set_cart_coupons(user_id bigint, codes text[]) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_cart_coupons FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_cart_coupons IS
'Sets the coupons of the user''s cart, in place of those it has; an empty array takes them away. '
'Returns the cart as cart_json() does, where coupons that do not apply are problems of code '
'coupon_not_applicable with a reason. An order that is placed takes the coupons out of the cart.
Errors: 22004 for a null; 22023 for more than 10 codes, or one that is blank or longer than 50 '
'characters; PT404 for an unknown user.';

CREATE FUNCTION ecommerce_api.set_cart_coupons(codes text[]) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_cart_coupons';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_cart_coupons FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_cart_coupons IS
'Sets the coupons of the cart

codes: the coupons; an empty array takes them away. Returns the cart, where a coupon that does '
'not apply is a problem with a reason.
Errors: 401 without a user; 404 for an unknown user; 400 for bad codes.';

CREATE FUNCTION ecommerce.set_cart_shipping(
    user_id bigint,
    shipping_code text DEFAULT NULL,
    address jsonb DEFAULT NULL,
    billing_address jsonb DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_cart_shipping FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_cart_shipping IS
'Sets how and where the order of the user''s cart goes, in place of what was set, and returns '
'the cart as cart_json() does. shipping_code: a code of shipping_rates; null: the default of '
'carts.shipping_code. address: where the order goes; null: to the user''s own. billing_address: '
'where the bill goes; null: where the order goes. Addresses are objects of texts: name, phone, '
'email, company, line1, line2, city, state, postal_code, country. An order that is placed takes '
'the addresses out of the cart.
Errors: 22004 for a null user_id; 22023 for a code that is blank or longer than 50 characters, or '
'an address with other fields, longer ones than 500 characters, or a country that is not two '
'capital letters; PT404 for an unknown user.';

CREATE FUNCTION ecommerce_api.set_cart_shipping(
    shipping_code text DEFAULT NULL,
    address jsonb DEFAULT NULL,
    billing_address jsonb DEFAULT NULL
) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_cart_shipping';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_cart_shipping FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_cart_shipping IS
'Sets how and where the order goes

All of it, in place of what was set: send the address again with another way of shipping. '
'shipping_code: the way of shipping, the shop''s default if left out. address: where the order '
'goes, your own if left out. billing_address: where the bill goes, there too if left out. '
'Addresses are objects of texts: name, phone, email, company, line1, line2, city, state, '
'postal_code, country. Returns the cart.
Errors: 401 without a user; 404 for an unknown user; 400 for a bad code or address.';
