-- How the outbox stands

CREATE FUNCTION ecommerce.outbox_metrics() RETURNS TABLE (
    event text,
    pending bigint,
    leased bigint,
    dead bigint,
    oldest_age interval
)
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.outbox_metrics FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.outbox_metrics IS
'A row for each name of events: how many wait to be taken, how many are taken, how many have '
'failed, and how old the oldest is that waits or is taken (null if there is none). Costs as much '
'as there are events that have not been delivered. For roles with the privilege REFERENCES on '
'ecommerce.order_events or ecommerce.orders.
Errors: 42501 for other roles; 55000 before migrate().';
