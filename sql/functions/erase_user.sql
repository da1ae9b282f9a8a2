-- Personal data

CREATE FUNCTION ecommerce.erase_user(
    user_id bigint,
    order_addresses boolean DEFAULT false
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.erase_user FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.erase_user IS
'Removes a user''s personal data: name, e-mail and addresses, the cart, the idempotency keys and '
'fingerprints of the orders, the persons of their events and what staff said in them, and with '
'order_addresses the addresses of the orders too. Orders, lines, amounts and events stay, and the '
'metadata, which are the shop''s own. Safe to repeat. For roles with the privilege REFERENCES on '
'ecommerce.orders.
Errors: 22004 for a null; PT404 for an unknown user; 42501 for other roles; 09000 if a trigger '
'keeps rows as they are; 55000 before migrate().';
