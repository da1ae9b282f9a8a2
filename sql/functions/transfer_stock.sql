-- Stock from one bucket to another

CREATE FUNCTION ecommerce.transfer_stock(
    reference text,
    product_id bigint,
    quantity integer,
    from_bucket bigint DEFAULT NULL,
    to_bucket bigint DEFAULT NULL
) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.transfer_stock FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.transfer_stock IS
'Moves units of a product from one bucket of stock to another and returns true. A bucket that is '
'null is in another database: units leave this one if it is to_bucket, and come in if it is '
'from_bucket. Take them out there, then put them in here, under one reference of 1 to 255 '
'characters. Repeated with the same reference, it moves nothing and returns false: after any '
'error, repeat both with the same arguments until they succeed. For roles with the privilege '
'REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22003 for more than a bigint can count; 22023 for a reference that is '
'blank or longer, a quantity below 1, no bucket or the same twice; PT404 for an unknown product; '
'PT409 when the bucket has fewer units; PT422 for a reference used for another transfer; 42501 for '
'other roles; 55000 before migrate(). After 40001, 40P01, 55P03 or a lost connection, repeat.';
