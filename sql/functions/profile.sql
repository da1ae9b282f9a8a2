-- A user's own data

CREATE FUNCTION ecommerce.profile_json(user_id bigint) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.profile_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.profile_json IS
'The user: id, name, email, shipping_address, address, created_at.
Errors: 22004 for a null; PT404 for an unknown user.';

CREATE FUNCTION ecommerce_api.profile_json() RETURNS json
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'api_profile_json';
REVOKE EXECUTE ON FUNCTION ecommerce_api.profile_json FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.profile_json IS
'Shows your name, e-mail address and addresses

Errors: 401 without a user; 404 for an unknown user.';

CREATE FUNCTION ecommerce.set_profile(
    user_id bigint,
    name text DEFAULT NULL,
    email text DEFAULT NULL,
    shipping_address text DEFAULT NULL,
    address jsonb DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.set_profile FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.set_profile IS
'Changes what is given of the user, and returns the user as profile_json() does. What is null '
'stays as it is; an email or shipping_address that is blank, and an address without fields, are '
'taken away. Orders that were placed keep what they have.
Errors: 22004 for a null user_id; 22023 for a blank name, one of more than 500 characters, an '
'email that is no e-mail address, or an address with other fields or longer ones; PT404 for an '
'unknown user; PT409 for an email that another user has (email_taken).';

CREATE FUNCTION ecommerce_api.set_profile(
    name text DEFAULT NULL,
    email text DEFAULT NULL,
    shipping_address text DEFAULT NULL,
    address jsonb DEFAULT NULL
) RETURNS json
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'api_set_profile';
REVOKE EXECUTE ON FUNCTION ecommerce_api.set_profile FROM PUBLIC;
COMMENT ON FUNCTION ecommerce_api.set_profile IS
'Changes your name, e-mail address and addresses

name: 1 to 500 characters. email: your e-mail address; a blank one takes it away. '
'shipping_address: where orders go, as text; a blank one takes it away. address: the same as an '
'object of texts: name, phone, email, company, line1, line2, city, state, postal_code, country; '
'one without fields takes it away. What is left out stays as it is. Returns your profile.
Errors: 401 without a user; 409 for an e-mail address that another user has; 400 for a bad name, '
'e-mail address or address.';
