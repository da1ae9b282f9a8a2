-- Orders become JSON

CREATE FUNCTION ecommerce.order_listing_json(
    user_id bigint,
    page_size integer DEFAULT NULL,
    before_id bigint DEFAULT NULL,
    status text DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.order_listing_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.order_listing_json IS
'The user''s orders, newest first, with their lines: all of them, or page_size at most, older '
'than the order before_id, of one status.
Errors: 22004 for a null user; 22023 for a page_size below 1 or an unknown status; PT404 for an '
'unknown user, or a before_id that is no order of the user''s; 54000 above 256 MB of JSON (ask '
'for pages).';

CREATE FUNCTION ecommerce_api.order_listing_json(
    page_size integer DEFAULT 50,
    before_id bigint DEFAULT NULL,
    status text DEFAULT NULL
) RETURNS json
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'api_order_listing_json';
REVOKE EXECUTE ON FUNCTION ecommerce_api.order_listing_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.order_listing_json IS
'Lists the orders, newest first

page_size: orders at most, 1 to 500. before_id: only orders older than this one, the last of '
'the page before. status: only PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED orders. '
'Returns the orders with their lines.
Errors: 401 without a user; 404 for an unknown before_id; 400 for a bad argument.';

CREATE FUNCTION ecommerce.order_json(user_id bigint, order_id bigint) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.order_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.order_json IS
'One order of the user''s with its lines, or null when there is no such order.
Errors: 22004 for a null; 54000 above 256 MB of JSON.';

CREATE FUNCTION ecommerce_api.order_json(order_id bigint) RETURNS json
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'api_order_json';
REVOKE EXECUTE ON FUNCTION ecommerce_api.order_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.order_json IS
'Shows one order

order_id: the order. Returns it with its lines, or null when the user has no such order.
Errors: 401 without a user; 400 for a null.';
