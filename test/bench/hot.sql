-- Products that everybody wants: 1 is split, 4 has 32 buckets, 2 and 3 are as any other.

\set ON_ERROR_STOP on

ALTER SYSTEM SET fsync = on;
SELECT pg_reload_conf();
SET ROLE shop;
DELETE FROM ecommerce.cart_items;
UPDATE ecommerce.carts SET stock_bucket = 1 + user_id % 32 WHERE user_id > 2000;
INSERT INTO ecommerce.stock_levels (product_id, bucket, quantity)
SELECT 4, bucket, 1000000000 FROM generate_series(1, 32) AS bucket;
SELECT ecommerce.split_stock(1, 64);
RESET ROLE;
VACUUM ANALYZE;
