/*-------------------------------------------------------------------------
 *
 * ids_of_shard.c
 *		Ids of a database that is one of several which are one shop.
 *
 * Of n databases, the one of number k gives the ids of which k is the remainder
 * when they are divided by n.  So no two give the same, and an id tells where
 * its row is.  A shop that was there before is number 0, with ids of every
 * remainder; those that the others give are beyond them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "access.h"
#include "arguments.h"

/* The tables whose ids are seen outside, each with a sequence. */
static const char *const tables[] = {
	"users", "categories", "products", "promotions", "tax_rates",
	"shipping_rates", "orders", "order_events"
};

/*
 * Beyond what the sequence has given, and what is in the table.  Ids of other
 * databases, which may be there too, do not matter.
 */
#define NEXT_ID(name) \
	"SELECT 'ecommerce." name "_id_seq', greatest($3, last_value - (NOT is_called)::integer," \
	"       (SELECT max(id) FROM ecommerce." name " WHERE (id - $1) % $2 = 0))" \
	"  FROM ecommerce." name "_id_seq"

static Statement select_restarts = {
	.query =
	"SELECT format('ALTER SEQUENCE %s START WITH %s RESTART WITH %s', name,"
	"              CASE $1 WHEN 0 THEN $2 ELSE $1 END,"
	"              last_id + 1 + (($1 - last_id - 1) % $2 + $2) % $2)"
	"  FROM (" NEXT_ID("users")
	" UNION ALL " NEXT_ID("categories")
	" UNION ALL " NEXT_ID("products")
	" UNION ALL " NEXT_ID("promotions")
	" UNION ALL " NEXT_ID("tax_rates")
	" UNION ALL " NEXT_ID("shipping_rates")
	" UNION ALL " NEXT_ID("orders")
	" UNION ALL " NEXT_ID("order_events") ") AS given (name, last_id)",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

PG_FUNCTION_INFO_V1(ids_of_shard);

static void number_shard(int32 shard, int32 shards, int64 beyond);

Datum
ids_of_shard(PG_FUNCTION_ARGS)
{
	int32		shard = integer_argument(&fcinfo->args[0], "shard", 0);
	int32		shards = integer_argument(&fcinfo->args[1], "shards", 1);
	int64		beyond = bigint_argument(&fcinfo->args[2], "beyond");

	if (shard >= shards)
		refuse_argument("shard", "below shards");
	number_shard(shard, shards, beyond);
	PG_RETURN_VOID();
}

/*
 * The first ALTER keeps others from taking ids, so that what is read then is the
 * last one.  All of it is undone if the transaction does not commit.
 */
static void
number_shard(int32 shard, int32 shards, int64 beyond)
{
	Access		access;
	NullableDatum values[] = {
		bigint_value(shard), bigint_value(shards), bigint_value(beyond)
	};

	begin_staff_access(&access);
	for (size_t i = 0; i < lengthof(tables); i++)
		execute_command(psprintf("ALTER SEQUENCE ecommerce.%s_id_seq INCREMENT BY %d",
								 tables[i], shards));
	execute(&select_restarts, values, LATEST_SNAPSHOT);
	execute_commands(SPI_tuptable);
	end_access(&access);
}
