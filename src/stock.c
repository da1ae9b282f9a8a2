/*-------------------------------------------------------------------------
 *
 * stock.c
 *		Units in stock: the only file that reads and writes stock_levels.
 *
 * Everyone locks stock in the order of product ids, so that two orders never
 * wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "stock.h"

static Statement select_levels = {
	.query =
	"SELECT product_id::bigint, quantity::bigint FROM ecommerce.stock_levels"
	" WHERE bucket = $1 AND product_id = ANY ($2)",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT4OID, INT8ARRAYOID)
};

/* The rows are locked in the order in which they are sorted. */
static Statement lock_levels = {
	.query =
	"SELECT product_id::bigint, quantity::bigint FROM ecommerce.stock_levels"
	" WHERE bucket = $1 AND product_id = ANY ($2)"
	" ORDER BY product_id FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT4OID, INT8ARRAYOID)
};

/*
 * width_bucket() finds the place of a product in the sorted array of products by
 * binary search.  A join with unnest() costs a third more, and without knowing
 * how few rows it gives the planner may read the whole table for it.
 */
static Statement decrement_levels = {
	.query =
	"UPDATE ecommerce.stock_levels"
	"   SET quantity = quantity - ($3)[width_bucket(product_id, $2)]"
	" WHERE bucket = $1 AND product_id = ANY ($2)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT4OID, INT8ARRAYOID, INT8ARRAYOID)
};

static Statement increment_level = {
	.query =
	"UPDATE ecommerce.stock_levels SET quantity = quantity + $3"
	" WHERE bucket = $1 AND product_id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT4OID, INT8OID, INT8OID)
};

/* The product must not be deleted before its stock level is there again. */
static Statement lock_product_key_share = {
	.query = "SELECT 1 FROM ecommerce.products WHERE id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement insert_level = {
	.query =
	"INSERT INTO ecommerce.stock_levels AS stock (bucket, product_id, quantity)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (bucket, product_id)"
	" DO UPDATE SET quantity = stock.quantity + excluded.quantity",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT4OID, INT8OID, INT8OID)
};

static void read_levels(Statement *statement, int32 bucket, StockUnits *units,
						int count, Visibility visibility);
static int	compare_products(const void *a, const void *b);
static NullableDatum quantities_value(const StockUnits *units, int count);
static void return_units(int32 bucket, const StockUnits *units);

void
sort_units(StockUnits *units, int count)
{
	qsort(units, count, sizeof(StockUnits), compare_products);
}

StockUnits *
find_units(StockUnits *units, int count, int64 product_id)
{
	StockUnits	key = {.product_id = product_id};

	return bsearch(&key, units, count, sizeof(StockUnits), compare_products);
}

NullableDatum
product_ids_value(const StockUnits *units, int count)
{
	Datum	   *ids = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		ids[i] = Int64GetDatum(units[i].product_id);
	return bigint_array_value(ids, count);
}

void
read_stock(int32 bucket, StockUnits *units, int count, Visibility visibility)
{
	read_levels(&select_levels, bucket, units, count, visibility);
}

void
lock_stock(int32 bucket, StockUnits *units, int count)
{
	read_levels(&lock_levels, bucket, units, count, FRESH_SNAPSHOT);
}

void
take_stock(int32 bucket, const StockUnits *units, int count)
{
	NullableDatum values[] = {
		integer_value(bucket),
		product_ids_value(units, count),
		quantities_value(units, count)
	};

	require_written(execute(&decrement_levels, values, FRESH_SNAPSHOT), count);
}

void
return_stock(int32 bucket, const StockUnits *units, int count)
{
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		return_units(bucket, &units[i]);
	}
}

/* Fills in what is available; a product without a stock level keeps its 0. */
static void
read_levels(Statement *statement, int32 bucket, StockUnits *units, int count,
			Visibility visibility)
{
	NullableDatum values[] = {
		integer_value(bucket),
		product_ids_value(units, count)
	};
	uint64		nlevels = execute(statement, values, visibility);

	for (uint64 i = 0; i < nlevels; i++)
	{
		NullableDatum row[2];
		StockUnits *found;

		read_row(SPI_tuptable, i, row, lengthof(row));
		found = find_units(units, count, DatumGetInt64(row[0].value));

		/*
		 * A column that is not bigint any more can be equal to an id that is
		 * not quite its own.
		 */
		if (found != NULL)
			found->available = DatumGetInt64(row[1].value);
	}
}

static int
compare_products(const void *a, const void *b)
{
	int64		left = ((const StockUnits *) a)->product_id;
	int64		right = ((const StockUnits *) b)->product_id;

	return (left > right) - (left < right);
}

static NullableDatum
quantities_value(const StockUnits *units, int count)
{
	Datum	   *quantities = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		quantities[i] = Int64GetDatum(units[i].quantity);
	return bigint_array_value(quantities, count);
}

/*
 * Into the stock level that is there, else into a new one if the product is
 * still there.  Locks the level, in the second case the product first.
 */
static void
return_units(int32 bucket, const StockUnits *units)
{
	NullableDatum values[] = {
		integer_value(bucket),
		bigint_value(units->product_id),
		bigint_value(units->quantity)
	};

	if (execute(&increment_level, values, FRESH_SNAPSHOT) == 0 &&
		execute(&lock_product_key_share, &values[1], FRESH_SNAPSHOT) > 0)
		require_written(execute(&insert_level, values, FRESH_SNAPSHOT), 1);
}
