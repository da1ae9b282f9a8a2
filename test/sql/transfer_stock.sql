-- Stock that moves between buckets, of one database or of two: each reference once.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 0.25), ('Pen', 1.50);
SELECT ecommerce.receive_stock('{1,2}', '{10,10}');
CREATE VIEW pg_temp.stock AS SELECT product_id, bucket, quantity FROM ecommerce.stock_levels ORDER BY product_id, bucket;

-- Between buckets, into one that is new, and back.
SELECT ecommerce.transfer_stock('a', 1, 4, 0, 7);
SELECT ecommerce.transfer_stock('b', 1, 1, from_bucket => 7, to_bucket => 0);
TABLE stock;

-- Repeated, it does nothing.
SELECT ecommerce.transfer_stock('a', 1, 4, 0, 7);
SELECT ecommerce.transfer_stock('b', 1, 1, 7, 0);
TABLE stock;

-- Out of this database, and into it.
SELECT ecommerce.transfer_stock('out', 1, 7, from_bucket => 0);
SELECT ecommerce.transfer_stock('out', 1, 7, from_bucket => 0);
SELECT ecommerce.transfer_stock('in', 2, 5, to_bucket => 3);
SELECT ecommerce.transfer_stock('in', 2, 5, to_bucket => 3);
TABLE stock;
SELECT reference, product_id, quantity, from_bucket, to_bucket, actor = current_user AS mine FROM ecommerce.stock_transfers ORDER BY created_at, reference;

-- No more than there is; what is refused may be asked again when there is more.
SELECT ecommerce.transfer_stock('c', 1, 1, 0, 1);
SELECT ecommerce.transfer_stock('c', 1, 1, 9, 1);
SELECT ecommerce.receive_stock('{1}', '{1}');
SELECT ecommerce.transfer_stock('c', 1, 1, 0, 1);
TABLE stock;

-- A reference is one transfer's.
SELECT ecommerce.transfer_stock('a', 2, 4, 0, 7);
SELECT ecommerce.transfer_stock('a', 1, 5, 0, 7);
SELECT ecommerce.transfer_stock('a', 1, 4, 1, 7);
SELECT ecommerce.transfer_stock('a', 1, 4, 0, 8);
SELECT ecommerce.transfer_stock('out', 1, 7, to_bucket => 0);

-- What it does not take.
SELECT ecommerce.transfer_stock(NULL, 1, 1, 0, 1);
SELECT ecommerce.transfer_stock('d', NULL, 1, 0, 1);
SELECT ecommerce.transfer_stock('d', 1, NULL, 0, 1);
SELECT ecommerce.transfer_stock(' ', 1, 1, 0, 1);
SELECT ecommerce.transfer_stock(repeat('x', 256), 1, 1, 0, 1);
SELECT ecommerce.transfer_stock('d', 1, 0, 0, 1);
SELECT ecommerce.transfer_stock('d', 1, 1);
SELECT ecommerce.transfer_stock('d', 1, 1, 1, 1);
SELECT ecommerce.transfer_stock('d', 3, 1, 0, 1);
SELECT ecommerce.transfer_stock('d', 3, 1, to_bucket => 1);
UPDATE ecommerce.stock_levels SET quantity = 9223372036854775807 WHERE product_id = 2 AND bucket = 3;
SELECT ecommerce.transfer_stock('d', 2, 1, 0, 3);
TABLE stock;

-- A product that has been deleted since: what was done stays done.
DELETE FROM ecommerce.products WHERE id = 1;
SELECT ecommerce.transfer_stock('a', 1, 4, 0, 7);
SELECT ecommerce.transfer_stock('e', 1, 4, 0, 7);

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
