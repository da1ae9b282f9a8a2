/*-------------------------------------------------------------------------
 *
 * tills.c
 *		Products that are split, so that many customers buy them at once.
 *
 * Orders of one product wait for each other at its level until the one before
 * is on disk.  The levels 1 to products.tills of a bucket are tills, each with
 * some of the units; an order takes them from the till of its customer, and is
 * alone there, mostly.  The rest is in the reserve, the level 0.  A till that has
 * not enough gets a part of the reserve: the less there is, the smaller, so that
 * the last units are not in tills at which nobody asks for them.
 *
 * What products.tills says may be out of date by the time it is used.  Who
 * comes to a till that is not there any more goes to the reserve; who takes the
 * product for one that is not split does, too, and then to the tills, as to all
 * levels that are not his own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "tills.h"

/* The common order of a product that is split needs nothing but this. */
static Statement take_units = {
	.query =
	"UPDATE ecommerce.stock_levels SET quantity = quantity - $4"
	" WHERE bucket = $1 AND product_id = $2 AND till = $3 AND quantity >= $4",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, INT2OID, INT8OID)
};

static Statement lock_till = {
	.query =
	"SELECT quantity::bigint FROM ecommerce.stock_levels"
	" WHERE bucket = $1 AND product_id = $2 AND till = $3 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT2OID)
};

static Statement change_till = {
	.query =
	"UPDATE ecommerce.stock_levels SET quantity = quantity + $4"
	" WHERE bucket = $1 AND product_id = $2 AND till = $3",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, INT2OID, INT8OID)
};

/* Of two that change the tills of a product, one waits here. */
static Statement lock_product_no_key_update = {
	.query =
	"SELECT tills::smallint FROM ecommerce.products WHERE id = $1"
	" FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement update_product = {
	.query = "UPDATE ecommerce.products SET tills = $2 WHERE id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT2OID)
};

/*
 * In any order: whoever has locked one of these tills waits for none of the
 * product's others.
 */
static Statement delete_tills = {
	.query =
	"DELETE FROM ecommerce.stock_levels"
	" WHERE product_id = $1 AND (till > $2 OR till < 0::smallint)"
	" RETURNING bucket::bigint, quantity::bigint",
	.result = SPI_OK_DELETE_RETURNING,
	PARAMETERS(INT8OID, INT2OID)
};

static Statement select_buckets = {
	.query =
	"SELECT bucket::bigint FROM ecommerce.stock_levels"
	" WHERE product_id = $1 AND till = 0::smallint AND bucket <> 0",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement insert_till = {
	.query =
	"INSERT INTO ecommerce.stock_levels (bucket, product_id, till, quantity)"
	" VALUES ($1, $2, $3, 0)"
	" ON CONFLICT (product_id, bucket, till) DO NOTHING",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT2OID)
};

typedef struct BucketUnits
{
	int64		bucket;
	int64		quantity;
} BucketUnits;

static void return_to_reserves(int64 product_id, SPITupleTable *rows,
							   uint64 count);
static void make_tills(int64 bucket, int64 product_id, int tills);
static int	compare_buckets(const void *a, const void *b);

/*
 * The seed makes it another hash than the one that chooses a customer's shard:
 * on a shard, customers would otherwise be those of a few tills.
 */
int
till_of(int64 user_id, int tills)
{
	uint64		hash;

	if (tills <= 0)
		return 0;
	hash = DatumGetUInt64(DirectFunctionCall2(hashint8extended,
											  Int64GetDatum(user_id),
											  Int64GetDatum(1)));
	return 1 + (int) (hash % (uint64) tills);
}

void
take_at_till(int64 bucket, StockUnits *units)
{
	NullableDatum values[] = {
		bigint_value(bucket),
		bigint_value(units->product_id),
		smallint_value(units->till),
		bigint_value(units->quantity)
	};
	NullableDatum quantity;
	uint64		ntaken = execute(&take_units, values, FRESH_SNAPSHOT);

	units->is_taken = ntaken > 0;
	if (units->is_taken)
	{
		require_written(ntaken, 1);
		units->available = units->quantity;
		return;
	}
	units->in_till = NO_TILL;
	if (execute(&lock_till, values, FRESH_SNAPSHOT) == 0)
		return;
	read_row(SPI_tuptable, 0, &quantity, 1);
	units->in_till = DatumGetInt64(quantity.value);
}

void
plan_tills(void)
{
	plan_statement(&take_units);
}

int64
refill_of(const StockUnits *units)
{
	int64		missing;

	if (units->in_till == NO_TILL)
		return Min(units->quantity, units->in_reserve);
	missing = units->quantity - units->in_till;
	if (missing <= 0)
		return 0;
	return Min(Max(missing, units->in_reserve / (2 * (int64) units->tills)),
			   units->in_reserve);
}

void
settle_till(int64 bucket, const StockUnits *units)
{
	int64		refill = refill_of(units);
	int64		change = refill - Min(units->quantity, units->in_till + refill);
	NullableDatum values[] = {
		bigint_value(bucket),
		bigint_value(units->product_id),
		smallint_value(units->till),
		bigint_value(change)
	};

	if (units->in_till != NO_TILL && change != 0)
		require_written(execute(&change_till, values, FRESH_SNAPSHOT), 1);
}

bool
set_tills(int64 product_id, int tills, int *before)
{
	NullableDatum values[] = {bigint_value(product_id), smallint_value(tills)};
	NullableDatum row;
	SPITupleTable *buckets;
	uint64		count;

	if (execute(&lock_product_no_key_update, values, FRESH_SNAPSHOT) == 0)
		return false;
	read_row(SPI_tuptable, 0, &row, 1);
	*before = DatumGetInt16(row.value);
	require_written(execute(&update_product, values, FRESH_SNAPSHOT), 1);

	count = execute(&delete_tills, values, FRESH_SNAPSHOT);
	return_to_reserves(product_id, SPI_tuptable, count);

	if (tills > 0)
	{
		count = execute(&select_buckets, values, FRESH_SNAPSHOT);
		buckets = SPI_tuptable;
		make_tills(0, product_id, tills);
		for (uint64 i = 0; i < count; i++)
		{
			read_row(buckets, i, &row, 1);
			make_tills(DatumGetInt64(row.value), product_id, tills);
		}
	}
	return true;
}

/* In the order of buckets, as cancellations of many orders lock them. */
static void
return_to_reserves(int64 product_id, SPITupleTable *rows, uint64 count)
{
	BucketUnits *returned = palloc_extended(count * sizeof(BucketUnits),
											MCXT_ALLOC_HUGE);

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[2];

		read_row(rows, i, row, lengthof(row));
		returned[i].bucket = DatumGetInt64(row[0].value);
		returned[i].quantity = DatumGetInt64(row[1].value);
	}
	qsort(returned, count, sizeof(BucketUnits), compare_buckets);
	for (uint64 i = 0; i < count; i++)
	{
		StockUnits	units = {
			.product_id = product_id,
			.quantity = returned[i].quantity
		};

		if (units.quantity != 0)
			add_stock(returned[i].bucket, &units, 1);
	}
}

static void
make_tills(int64 bucket, int64 product_id, int tills)
{
	for (int till = 1; till <= tills; till++)
	{
		NullableDatum values[] = {
			bigint_value(bucket),
			bigint_value(product_id),
			smallint_value(till)
		};

		CHECK_FOR_INTERRUPTS();
		execute(&insert_till, values, FRESH_SNAPSHOT);
	}
}

static int
compare_buckets(const void *a, const void *b)
{
	int64		left = ((const BucketUnits *) a)->bucket;
	int64		right = ((const BucketUnits *) b)->bucket;

	return (left > right) - (left < right);
}
