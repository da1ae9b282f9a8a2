-- Bytes on disk for an order, of each table of the history and each index, all partitions
-- together. Prints results.

\set ON_ERROR_STOP on

SELECT 'growth', :orders, :'layout' || ' ' || regexp_replace(relname, '_p\d+', ''), 'bytes',
       round(sum(pg_relation_size(oid)) / :orders, 1)
  FROM pg_class
 WHERE relnamespace = 'ecommerce'::regnamespace AND relkind IN ('r', 'i') AND relname ~ '^order'
 GROUP BY 3
HAVING sum(pg_relation_size(oid)) >= :orders
 ORDER BY 3;
