/*-------------------------------------------------------------------------
 *
 * ids_of_shard.c
 *		Ids of a database that is one of several which are one shop.
 *
 * Of n databases, the one of number k gives the ids of which k is the remainder
 * when they are divided by n.  So no two give the same, and an id tells where
 * its row is.  A shop that was there before is number 0, with ids of every
 * remainder; those that the others give are beyond them.  Whose users and
 * orders have ids by such a rule never gets another: they would be looked for in
 * other databases, which give their ids anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"

#define MAX_SHARDS				1024
#define MAX_BEYOND				(INT64CONST(1) << 48)

/* The tables whose ids are seen outside, each with a sequence. */
static const char *const tables[] = {
	"users", "categories", "products", "promotions", "tax_rates",
	"shipping_rates", "orders", "order_events"
};

#define NUMBERING_OF(name) \
	"ecommerce." name "_id_seq JOIN pg_sequence ON seqrelid = 'ecommerce." name "_id_seq'::regclass"

/* A sequence that has given nothing is at its start, wherever that is. */
#define HAS_GIVEN "(is_called OR last_value > seqstart)"

/* What it is, if it is another and has given ids. */
static Statement select_other_numbering = {
	.query =
	"SELECT last_value % seqincrement, seqincrement FROM " NUMBERING_OF("users")
	" WHERE seqincrement > 1 AND (last_value % seqincrement, seqincrement) <> ($1, $2)"
	"   AND (" HAS_GIVEN
	"        OR (SELECT " HAS_GIVEN " FROM " NUMBERING_OF("orders") ")"
	"        OR EXISTS (SELECT FROM ecommerce.users)"
	"        OR EXISTS (SELECT FROM ecommerce.orders))",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/*
 * Beyond what the sequence has given, and what is in the table.  Ids of other
 * databases, which may be there too, do not matter.
 */
#define NEXT_ID(name) \
	"SELECT 'ecommerce." name "_id_seq', " HAS_GIVEN "," \
	"       greatest($3, last_value - (NOT is_called)::integer," \
	"       (SELECT max(id) FROM ecommerce." name " WHERE (id - $1) % $2 = 0))" \
	"  FROM " NUMBERING_OF(name)

static Statement select_restarts = {
	.query =
	"SELECT format('ALTER SEQUENCE %s INCREMENT BY %s START WITH %s RESTART WITH %s',"
	"              name, $2,"
	"              CASE WHEN NOT has_given THEN next_id WHEN $1 = 0 THEN $2 ELSE $1 END,"
	"              next_id)"
	"  FROM (SELECT name, has_given,"
	"               last_id + 1 + (($1 - last_id - 1) % $2 + $2) % $2 AS next_id"
	"  FROM (" NEXT_ID("users")
	" UNION ALL " NEXT_ID("categories")
	" UNION ALL " NEXT_ID("products")
	" UNION ALL " NEXT_ID("promotions")
	" UNION ALL " NEXT_ID("tax_rates")
	" UNION ALL " NEXT_ID("shipping_rates")
	" UNION ALL " NEXT_ID("orders")
	" UNION ALL " NEXT_ID("order_events") ") AS given (name, has_given, last_id))"
	"    AS restarts",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

PG_FUNCTION_INFO_V1(ids_of_shard);

static void number_shard(int32 shard, int32 shards, int64 beyond);
pg_noreturn static void refuse_other_numbering(SPITupleTable *rows);

Datum
ids_of_shard(PG_FUNCTION_ARGS)
{
	int32		shard = integer_argument(&fcinfo->args[0], "shard", 0);
	int32		shards = integer_argument(&fcinfo->args[1], "shards", 1);
	int64		beyond = bigint_argument(&fcinfo->args[2], "beyond");

	if (shards > MAX_SHARDS)
		refuse_argument("shards", psprintf("%d or less", MAX_SHARDS));
	if (beyond < 0 || beyond > MAX_BEYOND)
		refuse_argument("beyond", psprintf("from 0 to " INT64_FORMAT, MAX_BEYOND));
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
		execute_command(psprintf("ALTER SEQUENCE ecommerce.%s_id_seq NO CYCLE",
								 tables[i]));
	if (execute(&select_other_numbering, values, LATEST_SNAPSHOT) > 0)
		refuse_other_numbering(SPI_tuptable);
	execute(&select_restarts, values, LATEST_SNAPSHOT);
	execute_commands(SPI_tuptable);
	end_access(&access);
}

static void
refuse_other_numbering(SPITupleTable *rows)
{
	NullableDatum numbering[2];

	read_row(rows, 0, numbering, lengthof(numbering));
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("database has given ids of another shard"),
			errdetail_internal("{\"code\": \"shard_has_ids\", \"shard\": " INT64_FORMAT ", \"shards\": " INT64_FORMAT "}",
							   DatumGetInt64(numbering[0].value),
							   DatumGetInt64(numbering[1].value)),
			errhint("Leave the shard its number, and the shop its number of shards."));
}
