-- Guests who log in

CREATE FUNCTION ecommerce.merge_carts(from_user_id bigint, into_user_id bigint) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.merge_carts FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.merge_carts IS
'Moves what is in the cart of from_user_id, a guest, into that of into_user_id, and returns the '
'latter as cart_json() does. Units of the same product are added, up to 2147483647. Coupons of '
'both are kept, the guest''s first, up to 10; how and where the order goes is the guest''s if an '
'address was chosen, else the customer''s. Safe to repeat. For roles with the privilege REFERENCES '
'on ecommerce.orders.
Errors: 22004 for a null; 22023 for twice the same user; PT404 for an unknown user; PT409 for more '
'than 1000 products (cart_full); 42501 for other roles.';
