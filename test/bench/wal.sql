-- Bytes of WAL for an order of 5 lines, a transaction each, without pages as a whole, of which
-- there are the fewer the more orders there are between two checkpoints. Prints a result.

\set ON_ERROR_STOP on

SELECT pg_current_wal_insert_lsn() AS before \gset
SET ROLE shop;
SELECT format('SELECT ecommerce.place_order(%s)', user_id) FROM generate_series(401, 500) AS user_id
\o /dev/null
\gexec
\o
RESET ROLE;
SELECT 'growth', :orders, :'layout' || ' placed', 'wal', (pg_current_wal_insert_lsn() - :'before') / 100;
