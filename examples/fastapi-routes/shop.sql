-- What PostgREST needs for the clients of the FastAPI service. Run it as a superuser, after
-- migrate() and grant_api(), with the roles of docs/postgrest.md: shop, anonymous, shopper.

-- Products as they were listed, each with its category.
CREATE VIEW ecommerce_api.product_listing WITH (security_invoker = true) AS
    SELECT id, name, quantity, description, price,
           CASE WHEN category_id IS NOT NULL
                THEN jsonb_build_object('id', category_id, 'name', category_name) END AS category
      FROM ecommerce_api.products;
COMMENT ON VIEW ecommerce_api.product_listing IS 'Products that can be ordered, with their category.';
GRANT SELECT ON ecommerce_api.product_listing TO anonymous, shopper;

CREATE SCHEMA fastapi_routes;
GRANT USAGE ON SCHEMA fastapi_routes TO anonymous, shopper, staff;

-- Who has the e-mail address, which visitors cannot read. PostgREST does not expose the schema.
CREATE FUNCTION fastapi_routes.user_of(sub text) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT id FROM ecommerce.users WHERE lower(email COLLATE "C") = lower(sub COLLATE "C") $$;
ALTER FUNCTION fastapi_routes.user_of OWNER TO shop;
REVOKE EXECUTE ON FUNCTION fastapi_routes.user_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fastapi_routes.user_of TO anonymous;

-- PostgREST runs this before each request (db-pre-request). The service's tokens name the user
-- by "sub", an e-mail address, and no role: such a request goes on as a shopper's.
CREATE FUNCTION fastapi_routes.pre_request() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    user_id bigint;
BEGIN
    IF current_setting('request.headers', true)::jsonb ->> 'x-routes' = 'fastapi' THEN
        PERFORM set_config('response.status',
                           CASE current_setting('request.path', true)
                                WHEN '/rpc/add_to_cart' THEN '201'
                                WHEN '/rpc/set_cart_item' THEN '204'
                           END, true);
    END IF;
    IF claims ->> 'role' = 'anonymous' AND claims ? 'sub' THEN
        user_id := fastapi_routes.user_of(claims ->> 'sub');
        IF user_id IS NULL THEN
            RAISE SQLSTATE 'PT401' USING MESSAGE = 'Could not validate credentials',
                                         DETAIL = '{"code": "no_identity"}',
                                         HINT = 'Log in again.';
        END IF;
        -- The history of orders keeps "sub": not the address.
        PERFORM set_config('request.jwt.claims', (claims || jsonb_build_object(
                               'user_id', user_id, 'sub', user_id::text, 'role', 'shopper'))::text, true),
                set_config('role', 'shopper', true);
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION fastapi_routes.pre_request FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fastapi_routes.pre_request TO anonymous, shopper, staff;

NOTIFY pgrst, 'reload schema';
