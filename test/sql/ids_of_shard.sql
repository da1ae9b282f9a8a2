-- Ids of a database that is one of several: they leave the shard's remainder, never come again,
-- and order_integrity() tells a sequence that is behind its own from one that others are ahead of.

SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
CREATE VIEW pg_temp.sequences AS
    SELECT sequencename, start_value AS start, increment_by AS by, last_value AS last
      FROM pg_sequences WHERE schemaname = 'ecommerce' ORDER BY sequencename;

-- A shop that is empty: the first ids are the shard's.
SELECT ecommerce.ids_of_shard(2, 3);
TABLE sequences;
INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street'), ('Grace', '2 Side Street') RETURNING id;
INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 1) RETURNING id;
INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (2, 100);
DO $$ BEGIN
    FOR n IN 1 .. 3 LOOP
        PERFORM ecommerce.add_to_cart(5, 2), ecommerce.place_order(5);
    END LOOP;
END $$;
SELECT id, (SELECT array_agg(event.id ORDER BY event.id) FROM ecommerce.order_events AS event WHERE event.order_id = placed.id) AS events
  FROM ecommerce.orders AS placed ORDER BY id;

-- Repeated, it changes nothing, and leaves no id out.
SELECT ecommerce.ids_of_shard(2, 3);
SELECT nextval('ecommerce.orders_id_seq') AS next_order, nextval('ecommerce.users_id_seq') AS next_user,
       nextval('ecommerce.tax_rates_id_seq') AS next_tax_rate;
SELECT ecommerce.ids_of_shard(2, 3);
SELECT nextval('ecommerce.orders_id_seq') AS next_order;

-- Who has given ids as one shard does not become another: users would be looked for elsewhere.
SELECT ecommerce.ids_of_shard(0, 4);
SELECT ecommerce.ids_of_shard(2, 4);
SELECT ecommerce.ids_of_shard(1, 3);
SELECT ecommerce.ids_of_shard(0, 1);
SELECT nextval('ecommerce.orders_id_seq') AS next_order;
DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- Neither does one with users that were brought, or with orders that are gone.
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
SELECT ecommerce.ids_of_shard(1, 2, 100);
BEGIN;
INSERT INTO ecommerce.users (id, name) VALUES (3, 'Brought');
SELECT ecommerce.ids_of_shard(0, 2);
ROLLBACK;
SELECT nextval('ecommerce.orders_id_seq') AS next_order;
SELECT ecommerce.ids_of_shard(1, 2);
SELECT ecommerce.ids_of_shard(0, 2);
DROP SCHEMA ecommerce, ecommerce_api CASCADE;

-- As long as none was given it may become any, of more, and again of one, and is never taken back.
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
SELECT ecommerce.ids_of_shard(1, 2, 100);
SELECT ecommerce.ids_of_shard(3, 4, 50);
SELECT ecommerce.ids_of_shard(0, 4);
TABLE sequences;
SELECT ecommerce.ids_of_shard(0, 1);
INSERT INTO ecommerce.users (name) VALUES ('Ada') RETURNING id;
SELECT nextval('ecommerce.orders_id_seq') AS next_order;

-- A shop that was one database becomes a shard, unless that is undone.
BEGIN;
SELECT ecommerce.ids_of_shard(7, 100);
ROLLBACK;
SELECT nextval('ecommerce.orders_id_seq') AS next_order;

-- Ids that are there: only those that this shard would give count.
SELECT ecommerce.ids_of_shard(1, 2);
SELECT invariant, details FROM ecommerce.order_integrity();
INSERT INTO ecommerce.products (id, name, price) VALUES (1000, 'From elsewhere', 1);
INSERT INTO ecommerce.users (id, name) VALUES (2000, 'Moved here');
SELECT invariant, details FROM ecommerce.order_integrity();
INSERT INTO ecommerce.users (id, name) VALUES (2001, 'Not by the sequence');
SELECT invariant, details FROM ecommerce.order_integrity();
SELECT ecommerce.ids_of_shard(1, 2);
SELECT invariant, details FROM ecommerce.order_integrity();
SELECT nextval('ecommerce.users_id_seq') AS next_user, nextval('ecommerce.products_id_seq') AS next_product;

-- A restore without sequences is told.
SELECT setval('ecommerce.users_id_seq', 5, false);
SELECT invariant, details FROM ecommerce.order_integrity();
SELECT ecommerce.ids_of_shard(1, 2);
SELECT invariant, details FROM ecommerce.order_integrity();

-- Beyond the ids of a shop that was there before, and not back either.
SELECT ecommerce.ids_of_shard(1, 2, beyond => 5000);
SELECT nextval('ecommerce.orders_id_seq') AS next_order, nextval('ecommerce.users_id_seq') AS next_user;
SELECT ecommerce.ids_of_shard(1, 2, beyond => 3000);
SELECT nextval('ecommerce.orders_id_seq') AS next_order, nextval('ecommerce.users_id_seq') AS next_user;
SELECT invariant, details FROM ecommerce.order_integrity();

-- Two shards never give the same: this is a copy of the other until then, which had no number.
CREATE TEMPORARY TABLE given AS SELECT nextval('ecommerce.orders_id_seq') AS id FROM generate_series(1, 100);
BEGIN;
ALTER SEQUENCE ecommerce.users_id_seq INCREMENT BY 1;
SELECT ecommerce.ids_of_shard(0, 2);
CREATE TEMPORARY TABLE of_other AS SELECT nextval('ecommerce.orders_id_seq') AS id FROM generate_series(1, 100);
SELECT count(*), count(DISTINCT id % 2) AS remainders FROM of_other;
SELECT count(*) AS given_twice FROM given JOIN of_other USING (id);
ROLLBACK;

-- What it does not take.
SELECT ecommerce.ids_of_shard(2, 2);
SELECT ecommerce.ids_of_shard(-1, 2);
SELECT ecommerce.ids_of_shard(0, 0);
SELECT ecommerce.ids_of_shard(0, 1025);
SELECT ecommerce.ids_of_shard(0, 2, -1);
SELECT ecommerce.ids_of_shard(1, 2, 281474976710657);
SELECT ecommerce.ids_of_shard(1, 2, 9223372036854775800);
SELECT ecommerce.ids_of_shard(NULL, 2);
SELECT ecommerce.ids_of_shard(0, NULL);
SELECT ecommerce.ids_of_shard(0, 1, NULL);

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
