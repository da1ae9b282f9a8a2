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
'(order_placed, order_shipped, order_delivered, order_cancelled, order_returned, order_paid, '
'refund_requested, order_refunded, order_items_returned or order_address_changed), and returns '
'them as an array, each with its order and customer. Nobody else is given them until '
'lease_seconds, at most 43200, have passed (twice as long with each further attempt, up to an '
'hour or lease_seconds), or the transaction rolls back; then they come back. An event is given '
'out only when the earlier ones of its order, of that name if one is given, have been '
'acknowledged or have failed. For roles with the privilege REFERENCES on '
'ecommerce.order_events or ecommerce.orders.
Errors: 22004 for a null max or lease; 22023 for a max below 1, a lease out of range, or an '
'unknown name; 42501 for other roles; 54000 above 256 MB of JSON; 55000 before migrate(), or '
'when two events have one id.
The lease is the visibility timeout of Amazon SQS; the outbox is the Transactional Outbox of '
'microservices.io.';

CREATE FUNCTION ecommerce.acknowledge_order_events(ids bigint[]) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.acknowledge_order_events FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.acknowledge_order_events IS
'Marks events as delivered: they are never given out again. Returns how many of them were not '
'marked before, so 0 when it is repeated. One that has failed is delivered after all. For roles '
'with the privilege REFERENCES on ecommerce.order_events or ecommerce.orders.
Errors: 22004 for a null; 42501 for other roles; 55000 before migrate(), or when two events that '
'have not been delivered have one id: then none is marked.';

CREATE FUNCTION ecommerce.fail_order_events(ids bigint[], reason text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.fail_order_events FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.fail_order_events IS
'Marks events as ones that can never be delivered, for the reason, which should name no person: '
'they are given out no more, and later ones of the same order are, until release_order_events() '
'takes them up again. Returns how many of them were outstanding, so 0 when it is repeated. For '
'roles with the privilege REFERENCES on ecommerce.order_events or ecommerce.orders.
Errors: 22004 for a null; 22023 for a reason that is blank or longer than 1000 characters; 42501 '
'for other roles; 55000 before migrate(), or when two events that have not been delivered have '
'one id: then none is marked.
What has failed is what others call a dead letter: SELECT * FROM ecommerce.order_events WHERE '
'failed_at IS NOT NULL.';

CREATE FUNCTION ecommerce.release_order_events(ids bigint[]) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.release_order_events FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.release_order_events IS
'Takes up again events that have failed, and ends the leases of those that are taken: they are '
'given out as if they had never been taken, also when a consumer is at work on one. Returns how '
'many of them have not been delivered; those that have are left alone. For roles with the '
'privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 42501 for other roles; 55000 before migrate(), or when two events that '
'have not been delivered have one id: then none is released.';
