-- Tills

CREATE FUNCTION ecommerce.split_stock(product_id bigint, tills integer) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.split_stock FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.split_stock IS
'Splits the stock of a product that many customers buy at once into so many tills in each bucket, '
'256 at most, or into none with 0, and returns how many there were. Each customer''s orders take '
'units from a till of their own, which is filled from the reserve; they wait for each other no '
'more. What is in stock stays the same, and all of it is sold. Works while the shop is open. For '
'roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22003 for more than a bigint can count; 22023 for tills below 0 or above '
'256; PT404 for an unknown product; 42501 for other roles; 55000 before migrate(). After 40001, '
'40P01, 55P03 or a lost connection, repeat.';
