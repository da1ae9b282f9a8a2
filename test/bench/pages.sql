-- Buffers that a page of 20 of 100,000 orders reads: in a session's first call, and then
-- at each depth. Prints results whose metric ends with :state.

\set ON_ERROR_STOP on

CREATE FUNCTION pg_temp.buffers(query text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || query INTO plan;
    RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::integer + (plan->0->'Plan'->>'Shared Read Blocks')::integer;
END
$$;
CREATE FUNCTION pg_temp.page_buffers(before_id text) RETURNS integer LANGUAGE sql AS $$
SELECT pg_temp.buffers(format('SELECT ecommerce.order_listing_json(1100000, 20, %s)', before_id))
$$;
SELECT 'pages', 20, depth, 'buffers ' || :'state', pg_temp.page_buffers(before_id)
  FROM (VALUES (1, 'first', 'NULL'), (2, 'newest', 'NULL'), (3, 'middle', :'middle'), (4, 'oldest', :'oldest'))
       AS page (number, depth, before_id)
 ORDER BY number;
