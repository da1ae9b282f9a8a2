-- Who is asking

CREATE FUNCTION ecommerce.current_user_id() RETURNS bigint
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.current_user_id FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.current_user_id IS
'The user_id in the claims of the request''s JSON web token (setting request.jwt.claims), or '
'null when there is none.
Errors: class 22 when the claims are not JSON or user_id is not an integer.';
