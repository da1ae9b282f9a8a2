/*-------------------------------------------------------------------------
 *
 * promotions.c
 *		How many orders may use a promotion.
 *
 * The limit and what remains of it are changed together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "order_lifecycle.h"

static Statement lock_promotion_no_key_update = {
	.query =
	"SELECT 1 FROM ecommerce.promotions WHERE id = $1 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

/* Orders that use it take or give back a use under this lock. */
static Statement lock_level_for_update = {
	.query =
	"SELECT 1 FROM ecommerce.promotion_levels"
	" WHERE bucket = 0 AND promotion_id = $1 FOR UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement count_uses = {
	.query =
	"SELECT count(DISTINCT (placed.customer_id, placed.id))"
	"  FROM ecommerce.order_adjustments AS adjustment"
	"  JOIN ecommerce.orders AS placed"
	"    ON placed.customer_id = adjustment.customer_id"
	"   AND placed.id = adjustment.order_id"
	" WHERE adjustment.promotion_id = $1"
	"   AND placed.order_status <> '" STATUS_CANCELLED "'",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement set_limit = {
	.query =
	"UPDATE ecommerce.promotions SET usage_limit = $2 WHERE id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement set_level = {
	.query =
	"INSERT INTO ecommerce.promotion_levels (bucket, promotion_id, remaining)"
	" VALUES (0, $1, $2)"
	" ON CONFLICT (promotion_id, bucket)"
	" DO UPDATE SET remaining = excluded.remaining",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement delete_levels = {
	.query = "DELETE FROM ecommerce.promotion_levels WHERE promotion_id = $1",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID)
};

PG_FUNCTION_INFO_V1(set_promotion_limit);

static NullableDatum change_limit(int64 promotion_id, NullableDatum limit);
static int64 uses_of(int64 promotion_id);
pg_noreturn static void refuse_unknown_promotion(int64 promotion_id);
pg_noreturn static void refuse_limit(int64 promotion_id, int64 limit,
									 int64 uses);

Datum
set_promotion_limit(PG_FUNCTION_ARGS)
{
	int64		promotion_id = bigint_argument(&fcinfo->args[0], "promotion_id");
	NullableDatum limit = fcinfo->args[1];
	NullableDatum remaining;

	if (!limit.isnull && DatumGetInt64(limit.value) < 0)
		refuse_argument("usage_limit", "0 or more");
	remaining = change_limit(promotion_id, limit);
	if (remaining.isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(remaining.value);
}

/* Returns what remains, or null for a promotion without a limit. */
static NullableDatum
change_limit(int64 promotion_id, NullableDatum limit)
{
	Access		access;
	NullableDatum values[] = {bigint_value(promotion_id), limit};
	NullableDatum remaining = NULL_VALUE;

	begin_staff_access(&access);
	if (execute(&lock_promotion_no_key_update, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_promotion(promotion_id);
	/* First of all: Citus writes no reference table after reading all shards. */
	require_written(execute(&set_limit, values, FRESH_SNAPSHOT), 1);
	execute(&lock_level_for_update, values, FRESH_SNAPSHOT);
	if (limit.isnull)
		execute(&delete_levels, values, FRESH_SNAPSHOT);
	else
	{
		int64		uses = uses_of(promotion_id);

		if (DatumGetInt64(limit.value) < uses)
			refuse_limit(promotion_id, DatumGetInt64(limit.value), uses);
		remaining = bigint_value(DatumGetInt64(limit.value) - uses);
		values[1] = remaining;
		require_written(execute(&set_level, values, FRESH_SNAPSHOT), 1);
	}
	end_access(&access);
	return remaining;
}

static int64
uses_of(int64 promotion_id)
{
	NullableDatum value = bigint_value(promotion_id);
	NullableDatum uses;

	execute(&count_uses, &value, LATEST_SNAPSHOT);
	read_row(SPI_tuptable, 0, &uses, 1);
	return DatumGetInt64(uses.value);
}

static void
refuse_unknown_promotion(int64 promotion_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("promotion does not exist"),
			errdetail_internal("{\"code\": \"promotion_not_found\", \"promotion_id\": " INT64_FORMAT "}",
							   promotion_id),
			errhint("Use the id of a promotion of the shop's."));
}

static void
refuse_limit(int64 promotion_id, int64 limit, int64 uses)
{
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("more orders use the promotion already"),
			errdetail_internal("{\"code\": \"limit_below_uses\", \"promotion_id\": " INT64_FORMAT ", \"usage_limit\": " INT64_FORMAT ", \"uses\": " INT64_FORMAT "}",
							   promotion_id, limit, uses),
			errhint("Set a limit that is not below the uses, or make the promotion inactive."));
}
