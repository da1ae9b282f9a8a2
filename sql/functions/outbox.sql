-- Events, for their consumers

CREATE FUNCTION ecommerce.take_order_events(
    max integer,
    event text DEFAULT NULL,
    lease_seconds integer DEFAULT 300
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.take_order_events FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.take_order_events IS
'Takes up to max events that have not been acknowledged, oldest first, all or those of one name '
'(order_placed, order_shipped, order_delivered, order_cancelled or order_returned), and returns '
'them as an array, each with its order and customer. Nobody else is given them until '
'lease_seconds have passed (twice as long with each further attempt, up to an hour or '
'lease_seconds), or the transaction rolls back; then they come back. An event is given out only '
'when the earlier ones of its order, of that name if one is given, have been acknowledged. For '
'roles that may UPDATE ecommerce.order_events or INSERT into ecommerce.orders.
Errors: 22004 for a null max or lease; 22023 for a max or lease below 1, or an unknown name; '
'42501 for other roles; 54000 above 256 MB of JSON; 55000 before migrate().
The lease is the visibility timeout of Amazon SQS; the outbox is the Transactional Outbox of '
'microservices.io.';

CREATE FUNCTION ecommerce.acknowledge_order_events(ids bigint[]) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.acknowledge_order_events FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.acknowledge_order_events IS
'Marks events as delivered: they are never given out again. Returns how many of them were not '
'marked before, so 0 when it is repeated. For roles that may UPDATE ecommerce.order_events or '
'INSERT into ecommerce.orders.
Errors: 22004 for a null; 42501 for other roles; 55000 before migrate().';
