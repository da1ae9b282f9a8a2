-- Ids of a database that is one of several

CREATE FUNCTION ecommerce.ids_of_shard(
    shard integer,
    shards integer,
    beyond bigint DEFAULT 0
) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.ids_of_shard FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.ids_of_shard IS
'Makes this database the one of number shard, from 0, among shards databases that are one shop: '
'new ids of users, orders, events and the catalogue are those that leave the remainder shard when '
'divided by shards, so that no two databases give the same, and an id tells where its row is. '
'beyond: they are higher than this, the highest id of a shop that was there before and is shard 0. '
'No sequence goes back; ids that are there stay, so a shard that has users or orders keeps its '
'number, and the shop its number of shards. ids_of_shard(0, 1) is a shop in one database. '
'Waits for transactions that have taken ids, and keeps others from taking any until this one ends. '
'Safe to repeat. For the owner.
Errors: 22004 for a null; 22023 for a shard below 0 or not below shards, shards not from 1 to '
'1024, or beyond not from 0 to 2^48; 42501 for other roles; 55000 for a database that has given '
'ids of another shard, and before migrate(). After 40001, 40P01, 55P03 or a lost connection, '
'repeat.';
