-- The orders of a former shop

CREATE FUNCTION ecommerce.import_orders(orders jsonb) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.import_orders FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.import_orders IS
'Takes over orders of a former shop: an array of at most 10000 documents such as order_json() '
'shows, each with the number that it had. A key besides those: history, an array of '
'{order_status, created_at, payload} of what came after the placement. Ids come from the '
'sequence, in the order of the array, so begin with the oldest: listings are by id. Stock stays '
'as it is, and no event waits to be delivered. An order that is there already, of the same '
'number, customer, date and amount, is left out. Returns {imported, present, out_of_sequence}: '
'how many were imported, were there already, and are listed before a newer order of their '
'customer. It is slow without an index on number. For the owner.
Errors: 22004 for a null; 22023 for what is no such array, or an order that is not valid or does '
'not add up (order_not_importable: position, number, field, accepted); PT404 for an unknown user; '
'42501 for other roles. The CONTEXT of any error names the order.';
