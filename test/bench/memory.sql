-- How much more memory a session uses at its peak, while a listing of :orders orders is
-- made, than before. Linux tells the peak, and forgets it when 5 is written to
-- clear_refs; pages of shared memory count once the session has touched them, so it
-- touches those of the listing first.

\set ON_ERROR_STOP on
\set buyer 1000010
SELECT :listing \g /dev/null
SELECT :listing \g /dev/null

SELECT 1000000 + :orders AS buyer \gset
SET enable_sort = off;
SELECT count(items_amount), (
           SELECT count(tax_amount)
             FROM (SELECT tax_amount FROM ecommerce.order_details WHERE customer_id = :buyer
                    ORDER BY order_id DESC, line_number DESC OFFSET 0) AS line)
  FROM (SELECT items_amount FROM ecommerce.orders WHERE customer_id = :buyer
         ORDER BY id DESC OFFSET 0) AS listed \g /dev/null
RESET enable_sort;

COPY (SELECT 5) TO '/proc/self/clear_refs';
SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)') AS before \gset
SELECT :listing AS bytes \gset
SELECT 'memory', :orders, :'peer', metric, value
  FROM (VALUES ('result', :bytes),
               ('peak', 1024 * (substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s+(\d+)')::integer
                                - :before))) AS measured (metric, value);
