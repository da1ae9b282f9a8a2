-- Parts of orders that come back

CREATE FUNCTION ecommerce.return_items(
    user_id bigint,
    order_id bigint,
    items jsonb,
    restock boolean,
    reason text DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    expected_status text DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.return_items FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.return_items IS
'Takes units out of an order that is PROCESSING, or takes them back from one that was sent, and '
'returns the order, with replayed. items is [{"line": 1, "quantity": 2}]: ids of order_details, '
'each once. restock says whether the units go back into stock, into the bucket that the order drew '
'on. reason is the shop''s own text, of at most 1000 characters, which the customer sees. Writes '
'the event order_items_returned, and order_returned when nothing is left of an order that was '
'sent. What the units had cost, with discounts and taxes, is added to the returns of the order: '
'all returns of a line add up to what it cost, to the last unit. With an idempotency_key of 1 to '
'255 characters it is safe to repeat: the order is returned as it is, with "replayed": true. With '
'an expected_status, nothing is done if the order has another one by then. For roles with the '
'privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for items, a reason, a key or a status that is none; PT404 for an '
'unknown order or line; PT409 for more units than are left, for all that is left of an order that '
'is PROCESSING, for an order that was cancelled, and for another status than was expected; PT422 '
'for a key that was used for another return; 42501 for other roles; 55000 before migrate(). After '
'40001, 40P01, 55P03 or a lost connection, repeat with the key.';
