-- The same again

CREATE FUNCTION ecommerce.order_again(user_id bigint, order_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.order_again FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.order_again IS
'Puts the products of an order of the user''s into the cart again, at least as many units as were '
'ordered, beside what is in it, and returns the cart as cart_json() does. What has become of them '
'since is among the problems: product_removed, inactive_product, price_changed. Lines that are no '
'product of the catalogue, of an order that was imported, are left out. Safe to repeat.
Errors: 22004 for a null; PT404 for an unknown user or order; PT409 for more than 1000 products '
'(cart_full).';

CREATE FUNCTION ecommerce_api.order_again(order_id bigint) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_order_again';
REVOKE EXECUTE ON FUNCTION ecommerce_api.order_again FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.order_again IS
'Puts what was ordered before into the cart again

order_id: an order of yours. What is in the cart stays. Returns the cart, whose problems tell what '
'has become of products and prices since.
Errors: 401 without a user; 404 for an unknown order; 409 for too many products.';
