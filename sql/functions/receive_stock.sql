-- Stock

CREATE FUNCTION ecommerce.receive_stock(product_ids bigint[], quantities integer[]) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.receive_stock FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.receive_stock IS
'Adds units of products to the stock, in bucket 0, and returns [{product_id, quantity}] with what '
'is in stock now, in all buckets, by product id. quantities has one for each of product_ids, 1 or '
'more. Locks products and stock in the order of ids, so that it never deadlocks with orders. For '
'roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22003 for more than a bigint can count; 22023 for a product twice, a '
'quantity below 1 or arrays that do not fit; PT404 for products that do not exist; 42501 for other '
'roles; 55000 before migrate(). After 40001, 40P01, 55P03 or a lost connection, look at the stock '
'before repeating: a delivery has no key.';
