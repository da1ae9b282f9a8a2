-- Prints the results, which come on standard input as lines of
-- section,size,peer,metric,value. Every figure is a median.

\set ON_ERROR_STOP on
\pset footer off
\pset null ''

CREATE TEMPORARY TABLE results (section text, size integer, peer text, metric text, value numeric);
\copy results FROM pstdin WITH (FORMAT csv)

CREATE FUNCTION pg_temp.median(_section text, _size integer, _peer text, _metric text) RETURNS numeric
    LANGUAGE sql AS $$
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric
  FROM results
 WHERE section = _section AND size = _size AND peer = _peer AND metric = _metric
$$;

CREATE FUNCTION pg_temp.has(_section text) RETURNS boolean LANGUAGE sql AS $$
SELECT EXISTS (SELECT FROM results WHERE section = _section)
$$;

CREATE TEMPORARY TABLE metrics (number serial, metric text, title text, unit integer);
INSERT INTO metrics (metric, title, unit) VALUES
    ('instructions', '1,000 instructions', 1000),
    ('first', 'same, first call', 1000),
    ('in turn', 'microseconds, in turn', 1),
    ('in a row', 'microseconds, in a row', 1),
    ('orders per second', 'orders per second', 1),
    ('p99', 'ms, 99 of 100 at most', 1000);

-- One row for each metric and size, with the median of each peer.
CREATE FUNCTION pg_temp.compare(_section text, peers text[])
    RETURNS TABLE (metric text, title text, unit integer, number integer, size integer, value numeric[])
    LANGUAGE sql AS $$
SELECT metrics.metric, title, unit, number, size,
       (SELECT array_agg(pg_temp.median(_section, size, peer, metrics.metric) ORDER BY ordinality)
          FROM unnest(peers) WITH ORDINALITY AS peer)
  FROM metrics, (SELECT DISTINCT size FROM results WHERE section = _section) AS sizes
 WHERE EXISTS (SELECT FROM results WHERE section = _section AND results.size = sizes.size
                                     AND results.metric = metrics.metric)
$$;

SELECT pg_temp.has('place_order') AS has_place_order, pg_temp.has('listing') AS has_listing,
       pg_temp.has('memory') AS has_memory, pg_temp.has('pages') AS has_pages,
       pg_temp.has('access') AS has_access, pg_temp.has('events') AS has_events,
       pg_temp.has('charges') AS has_charges, pg_temp.has('sent') AS has_sent, pg_temp.has('hot') AS has_hot,
       pg_temp.has('growth') AS has_growth \gset

\if :has_place_order
\echo 'place_order'
\echo '  as json     the same as ecommerce_api answers'
\echo '  unsent      the same, but its document is not sent to the client'
\echo '  writes      a client''s prepared statements that write the same, without locks and reads'
\echo '  statements  a client''s prepared statements for the whole protocol'
\echo '  sets, rows  the protocol in PL/pgSQL, set by set and row by row'
\echo '  warmed      the same as place_order in a connection that has called warm_up()'
\echo '  The first call is that of a new connection and plans everything. No time waits for the disk.'
SELECT title AS "one order", size AS lines, round(value[1] / unit) AS place_order, round(value[8] / unit) AS "as json",
       round(value[2] / unit) AS unsent, round(value[3] / unit) AS writes, round(value[4] / unit) AS statements,
       round(value[5] / unit) AS sets, round(value[6] / unit) AS rows, round(value[7] / unit) AS warmed,
       round(value[1] / value[3], 2) AS "to writes", round(value[1] / value[4], 2) AS "to statements",
       round(value[5] / value[1], 2) AS "sets to it", round(value[6] / value[1], 2) AS "rows to it"
  FROM pg_temp.compare('place_order', '{place_order, unsent, writes, statements, sets, rows, warmed, as_json}')
 ORDER BY number, size;
\endif

\if :has_listing
\echo 'order_listing_json, orders of 5 lines'
\echo '  scan   only reads the same rows'
\echo '  jsonb  the best query with jsonb_agg()'
\echo '  cast   the best query with json_agg(), cast to jsonb'
\echo '  json   the best query with json_agg()'
\echo '  In turn, another has used the processor''s caches before each call; in a row, only before the'
\echo '  first of several. Nothing is sent to the client.'
SELECT title AS "one listing", size AS orders, round(value[1] / unit) AS listing, round(value[2] / unit) AS scan,
       round(value[3] / unit) AS jsonb, round(value[4] / unit) AS "cast", round(value[5] / unit) AS json,
       round(value[1] / value[2], 2) AS "to scan", round(value[3] / value[1], 1) AS "jsonb to it",
       round(value[4] / value[1], 1) AS "cast to it", round(value[5] / value[1], 1) AS "json to it"
  FROM pg_temp.compare('listing', '{listing, scan, jsonb, cast, json}')
 ORDER BY number, size;
\endif

\if :has_sent
\echo 'The same, sent to the client as text'
\echo '  as json  order_listing_json as ecommerce_api answers'
SELECT title AS "one listing", size AS orders, round(value[1] / unit) AS "as json", round(value[2] / unit) AS listing,
       round(value[3] / unit) AS jsonb, round(value[4] / unit) AS json, round(value[2] / value[1], 2) AS "listing to as json",
       round(value[3] / value[1], 1) AS "jsonb to it", round(value[4] / value[1], 1) AS "json to it"
  FROM pg_temp.compare('sent', '{as_json, listing, jsonb, json}')
 ORDER BY number, size;
\endif

\if :has_memory
\echo 'Memory at the peak of a listing, beyond what the session had'
SELECT size AS orders, peer AS query, pg_temp.median('memory', size, peer, 'result') AS "bytes of result",
       pg_temp.median('memory', size, peer, 'peak') AS "bytes at peak",
       round(pg_temp.median('memory', size, peer, 'peak') / pg_temp.median('memory', size, peer, 'result'), 2) AS "peak to result"
  FROM (SELECT DISTINCT size, peer FROM results WHERE section = 'memory' AND peer <> 'scan') AS measured
 ORDER BY size, 5;
\endif

\if :has_pages
\echo 'A page of 20 of a customer with 100,000 orders. A session''s first call also plans.'
SELECT page, round(pg_temp.median('pages', 20, page, 'instructions') / 1000) AS "1,000 instructions",
       round(pg_temp.median('pages', 20, page, 'in turn')) AS microseconds,
       pg_temp.median('pages', 20, page, 'buffers analyzed') AS buffers,
       pg_temp.median('pages', 20, page, 'buffers never analyzed') AS "before ANALYZE"
  FROM unnest('{first, newest, middle, oldest}'::text[]) WITH ORDINALITY AS page (page, number)
 ORDER BY number;
\endif

\if :has_access
\echo 'order_json of an order that does not exist, each call one of 1,000 in a statement'
SELECT caller, round((instructions - pg_temp.median('access', 1000, 'nothing', 'instructions')) / 1000) AS instructions,
       round(pg_temp.median('access', 1000, peer, 'begin_access') / 1000) AS "in begin_access",
       round(pg_temp.median('access', 1000, peer, 'end_access') / 1000) AS "in end_access",
       round((pg_temp.median('access', 1000, peer, 'in turn') - pg_temp.median('access', 1000, 'nothing', 'in turn'))
             / 1000, 2) AS microseconds
  FROM (VALUES (1, 'pg_backend_pid() instead', 'trivial'), (2, 'owner of the tables', 'owner'),
               (3, 'shopper with claims', 'claims')) AS callers (number, caller, peer),
       LATERAL pg_temp.median('access', 1000, peer, 'instructions') AS instructions
 ORDER BY number;
\endif

\if :has_events
\echo 'Events: an order of 5 lines without any index for the outbox, with each, and with a NOTIFY; its'
\echo 'cancellation; taking and acknowledging, with a long backlog'
SELECT peer AS what, size, round(pg_temp.median('events', size, peer, 'instructions') / 1000) AS "1,000 instructions",
       round(pg_temp.median('events', size, peer, 'instructions') / pg_temp.median('events', 5, 'placed', 'instructions'), 3) AS "to placed"
  FROM (SELECT DISTINCT size, peer FROM results WHERE section = 'events' AND metric = 'instructions') AS measured
 ORDER BY peer, size;
SELECT pg_temp.median('events', 16, 'silent', 'orders per second')::integer AS "orders per second, 16 clients",
       pg_temp.median('events', 16, 'announced', 'orders per second')::integer AS "with NOTIFY",
       round(pg_temp.median('events', 16, 'announced', 'orders per second')
             / pg_temp.median('events', 16, 'silent', 'orders per second'), 2) AS ratio
 WHERE EXISTS (SELECT FROM results WHERE section = 'events' AND metric = 'orders per second');
\endif

\if :has_charges
\echo 'An order of 5 lines with an automatic promotion, a limited coupon, shipping and taxes of two rates'
\echo '  plain  the order without these'
\echo '  quote  its cart_json'
\echo '  sets   the same order in PL/pgSQL, set by set'
SELECT title AS "one order", round(value[1] / unit) AS charged, round(value[2] / unit) AS plain,
       round(value[3] / unit) AS quote, round(value[4] / unit) AS sets,
       round(value[1] / value[2], 2) AS "to plain", round(value[3] / value[1], 2) AS "quote to it",
       round(value[4] / value[1], 2) AS "sets to it"
  FROM pg_temp.compare('charges', '{charged, plain, quote, sets}')
 ORDER BY number;
\endif

\if :has_growth
\echo 'Growth of a shop: thousands of instructions, and to those at its first size; bytes of WAL; bytes on disk'
SELECT peer, size AS orders, round(pg_temp.median('growth', size, peer, 'instructions') / 1000) AS "1,000 instructions",
       round(pg_temp.median('growth', size, peer, 'instructions')
             / pg_temp.median('growth', (min(size) OVER ())::integer, peer, 'instructions'), 3) AS "to first",
       pg_temp.median('growth', size, peer, 'wal') AS "WAL"
  FROM (SELECT DISTINCT peer, size FROM results WHERE section = 'growth' AND metric = 'instructions') AS measured
 ORDER BY peer, size;
SELECT split_part(peer, ' ', 1) AS layout, coalesce(split_part(peer, ' ', 2), 'all') AS relation, size AS orders, sum(value) AS "bytes an order"
  FROM results WHERE section = 'growth' AND metric = 'bytes'
 GROUP BY 1, size, GROUPING SETS ((split_part(peer, ' ', 2)), ()) ORDER BY 1, size, 4;
\endif

\if :has_hot
\echo 'Orders of one product that everybody wants, on disk when answered'
\echo '  split    its stock has 64 tills'
\echo '  unsplit  it has one row, as any product'
\echo '  plpgsql  one row, in PL/pgSQL'
\echo '  buckets  32 rows, of which each customer gets one, in PL/pgSQL, which leaves units unsold'
\echo '  spread   any of 20,000 products, one row each'
SELECT title AS "one order", size AS clients, round(value[1], 1) AS split, round(value[2], 1) AS unsplit,
       round(value[3], 1) AS plpgsql, round(value[4], 1) AS buckets, round(value[5], 1) AS spread,
       round(value[1] / value[5], 2) AS "split to spread", round(value[1] / value[3], 2) AS "split to plpgsql"
  FROM (SELECT title, number, size, ARRAY(SELECT it / unit FROM unnest(value) WITH ORDINALITY AS of_peer (it, peer)
                                           ORDER BY peer) AS value
          FROM pg_temp.compare('hot', '{split, unsplit, plpgsql, buckets, spread}')) AS measured
 ORDER BY number, size;
\endif

\echo 'Goals'
WITH goals (number, goal, measured, bound, figure) AS (
    SELECT 1, goal, metric, bound, figure
      FROM pg_temp.compare('place_order', '{place_order, writes, statements, warmed}'),
           LATERAL (VALUES ('place_order, 5 lines: at most 1.10 of the bare writes', 'instructions', '<= 1.10', value[1] / value[2]),
                           ('place_order, 5 lines: at most 0.9 of the statements', 'instructions', '<= 0.9', value[1] / value[3]),
                           ('first order of a connection, in millions', 'first', '<= 9.9', value[1] / 1e6),
                           ('the same after warm_up()', 'first', '<= 9.9', value[4] / 1e6))
           AS of_orders (goal, of_metric, bound, figure)
     WHERE size = 5 AND metric = of_metric
    UNION ALL
    SELECT 2, 'PL/pgSQL, 5 lines: at least 1.9 of place_order', metric, '>= 1.9', value[1] / value[2]
      FROM pg_temp.compare('place_order', '{sets, place_order}') WHERE size = 5 AND metric = 'instructions'
    UNION ALL
    SELECT 3, 'jsonb_agg, 1,000 orders: at least 11 of the listing', metric, '>= 11', value[1] / value[2]
      FROM pg_temp.compare('listing', '{jsonb, listing}') WHERE size = 1000 AND metric <> 'first'
    UNION ALL
    SELECT 4, 'listing, 1,000 orders: at most 2.0 of the scan', metric, '<= 2.0', value[1] / value[2]
      FROM pg_temp.compare('listing', '{listing, scan}') WHERE size = 1000 AND metric <> 'first'
    UNION ALL
    SELECT 5, 'listing sent, 1,000 orders: at least 3.0 of it as json', metric, '>= 3.0', value[2] / value[1]
      FROM pg_temp.compare('sent', '{as_json, listing}') WHERE size = 1000 AND metric = 'instructions'
    UNION ALL
    SELECT 6, 'memory of the listing: at most 2.0 of the result', size || ' orders', '<= 2.0',
           pg_temp.median('memory', size, 'listing', 'peak') / pg_temp.median('memory', size, 'listing', 'result')
      FROM (SELECT DISTINCT size FROM results WHERE section = 'memory') AS sizes
    UNION ALL
    -- Rows lie on few or many pages by chance, and machines are busy by chance; a cost
    -- that grew with the depth would grow a hundredfold.
    SELECT 7, 'a page at any depth: dearest to cheapest', metric,
           CASE metric WHEN 'instructions' THEN '<= 1.3' ELSE '<= 3.0' END, max(value) / min(value)
      FROM (SELECT metric, peer, pg_temp.median('pages', 20, peer, metric) AS value
              FROM (SELECT DISTINCT metric, peer FROM results
                     WHERE section = 'pages' AND peer <> 'first' AND metric <> 'first') AS measured) AS page
     GROUP BY metric
    UNION ALL
    SELECT 8, goal, metric, bound, figure
      FROM pg_temp.compare('charges', '{charged, plain, quote, sets}'),
           LATERAL (VALUES ('charges, 5 lines: at most 1.35 of the plain order', '<= 1.35', value[1] / value[2]),
                           ('a quote: at most 0.6 of its order', '<= 0.6', value[3] / value[1]),
                           ('PL/pgSQL with charges: at least 1.5 of place_order', '>= 1.5', value[4] / value[1]))
           AS of_charges (goal, bound, figure)
     WHERE metric = 'instructions'
    UNION ALL
    SELECT 9, goal, metric, bound, figure
      FROM pg_temp.compare('hot', '{split, plpgsql, spread}'),
           LATERAL (VALUES ('orders per second', 'hot, 64 clients: at least 0.7 of spread', '>= 0.7', value[1] / value[3]),
                           ('orders per second', 'hot, 64 clients: at least 5 of PL/pgSQL', '>= 5', value[1] / value[2]),
                           ('orders per second', 'hot, 64 clients: no fewer than with 8', '>= 1.0',
                            value[1] / pg_temp.median('hot', 8, 'split', metric)),
                           ('p99', 'hot, 64 clients: at most 2.0 of spread', '<= 2.0', value[1] / value[3]))
           AS of_hot (of_metric, goal, bound, figure)
     WHERE size = 64 AND metric = of_metric
    UNION ALL
    SELECT 9, 'growth: dearest to cheapest size', peer, '<= 1.1', max(value) / min(value)
      FROM (SELECT peer, pg_temp.median('growth', size, peer, 'instructions') AS value
              FROM (SELECT DISTINCT peer, size FROM results
                     WHERE section = 'growth' AND metric = 'instructions') AS measured) AS grown
     GROUP BY peer
    UNION ALL
    SELECT 10, 'WAL of an order of 5 lines: at most 3,000 bytes', peer, '<= 3000', max(value)
      FROM results WHERE section = 'growth' AND metric = 'wal' GROUP BY peer)
SELECT goal, measured AS "measured in", bound, round(figure, 2) AS figure,
       CASE WHEN bound LIKE '<%' AND figure <= substr(bound, 4)::numeric
              OR bound LIKE '>%' AND figure >= substr(bound, 4)::numeric THEN 'met' ELSE 'missed' END AS "is"
  FROM goals
 ORDER BY number, measured;
