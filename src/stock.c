/*-------------------------------------------------------------------------
 *
 * stock.c
 *		Units in stock: only stock.c and tills.c read and write stock_levels.
 *
 * A level counts the units of a product in a bucket.  That of till 0 is the only
 * one of a product that is not split, and the reserve of one that is.
 *
 * Everyone waits for levels in one order, so that two orders never wait for each
 * other: tills by product id, then those of till 0 by product id, whether their
 * products are split or not.  For others than these nobody waits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/itemptr.h"
#include "utils/array.h"

#include "arguments.h"
#include "errors.h"
#include "stock.h"
#include "tills.h"

static Statement select_sums_of_bucket = {
	.query =
	"SELECT product_id::bigint, sum(quantity)::bigint"
	"  FROM ecommerce.stock_levels WHERE bucket = $1 AND product_id = ANY ($2)"
	" GROUP BY product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

/* What is in stock, wherever. */
static Statement select_sums = {
	.query =
	"SELECT product_id::bigint, sum(quantity)::bigint"
	"  FROM ecommerce.stock_levels WHERE product_id = ANY ($1)"
	" GROUP BY product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

/*
 * The rows are locked in the order in which they are sorted.  A constant of the
 * column's own type spares the index search for the operator of two types.
 */
static Statement lock_levels = {
	.query =
	"SELECT product_id::bigint, quantity::bigint, ctid"
	"  FROM ecommerce.stock_levels"
	" WHERE bucket = $1 AND till = 0::smallint AND product_id = ANY ($2)"
	" ORDER BY product_id FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static Statement find_other_levels = {
	.query =
	"SELECT bucket::bigint, till::smallint FROM ecommerce.stock_levels"
	" WHERE product_id = $1 AND (bucket <> $2 OR till <> 0) AND quantity > 0"
	" ORDER BY bucket <> $2, bucket, till",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/*
 * Whoever has locked levels may come for these: nobody waits for them while
 * holding others.
 */
static Statement lock_other_level = {
	.query =
	"SELECT quantity::bigint, ctid FROM ecommerce.stock_levels"
	" WHERE product_id = $1 AND bucket = $2 AND till = $3 AND quantity > 0"
	" FOR NO KEY UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT2OID)
};

/*
 * The lock keeps a row where it is: it is not looked for in the index again.
 * width_bucket() finds the place of a product in the sorted array of products by
 * binary search.  A join with unnest() costs a third more, and without knowing
 * how few rows it gives the planner may read the whole table for it.
 */
static Statement decrement_levels = {
	.query =
	"UPDATE ecommerce.stock_levels"
	"   SET quantity = quantity - ($3)[width_bucket(product_id, $2)]"
	" WHERE ctid = ANY ($4) AND bucket = $1 AND product_id = ANY ($2)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8ARRAYOID, INT8ARRAYOID, TIDARRAYOID)
};

static Statement increment_levels = {
	.query =
	"UPDATE ecommerce.stock_levels"
	"   SET quantity = quantity + ($3)[width_bucket(product_id, $2)]"
	" WHERE ctid = ANY ($4) AND bucket = $1 AND product_id = ANY ($2)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8ARRAYOID, INT8ARRAYOID, TIDARRAYOID)
};

static Statement increment_level = {
	.query =
	"UPDATE ecommerce.stock_levels SET quantity = quantity + $3"
	" WHERE bucket = $1 AND till = 0::smallint AND product_id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

/* As the foreign key of a stock level will lock it. */
static Statement lock_product_key_share = {
	.query = "SELECT 1 FROM ecommerce.products WHERE id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement insert_level = {
	.query =
	"INSERT INTO ecommerce.stock_levels AS stock"
	"       (bucket, product_id, quantity, till)"
	" VALUES ($1, $2, $3, 0)"
	" ON CONFLICT (product_id, bucket, till)"
	" DO UPDATE SET quantity = stock.quantity + excluded.quantity",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

/* What is available of a product whose level has not been found. */
#define NO_LEVEL	PG_INT64_MIN

typedef struct OtherLevel
{
	int64		product_id;
	int64		bucket;
	int64		quantity;
	Datum		place;
} OtherLevel;

static StockUnits *units_to_take(const StockUnits *units, int count,
								 int *nleft);
static void lock_levels_of(LockedStock *stock, StockUnits *units, int count);
static void take_locked(const LockedStock *stock, const StockUnits *units,
						int count);
static StockUnits *units_of_reserves(const StockUnits *units, int count,
									 int *ntaken);
static void read_quantities(StockUnits *units, int count, uint64 nrows);
static NullableDatum lock_own(StockUnits *units, int count, uint64 nlevels);
static NullableDatum places_value(Datum *places, int count);
static void note_quantity(StockUnits *units, int count,
						  const NullableDatum *row);
static int	select_short(const StockUnits *units, int count,
						 StockUnits **short_of);
static void lock_others(LockedStock *stock, StockUnits *units);
static void lock_other(LockedStock *stock, StockUnits *units,
					   const NullableDatum *key);
static void check_locked(StockUnits *units, int count,
						 const StockUnits *short_of, int nshort);
static void take_from(int64 bucket, const StockUnits *units, int count,
					  NullableDatum places);
static int	compare_products(const void *a, const void *b);
static NullableDatum quantities_value(const StockUnits *units, int count);
static void return_units(int64 bucket, const StockUnits *units);

StockUnits *
units_arguments(const NullableDatum *arguments, int32 minimum, int *count)
{
	int			nquantities;
	int64	   *ids = integers_argument(&arguments[0], "product_ids", INT8OID,
										count);
	int64	   *quantities = integers_argument(&arguments[1], "quantities",
											   INT4OID, &nquantities);
	StockUnits *units;

	if (nquantities != *count)
		refuse_argument("quantities", "as many as product_ids");
	units = palloc_extended(*count * sizeof(StockUnits),
							MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < *count; i++)
	{
		if (quantities[i] < minimum)
			refuse_argument("quantities", minimum == 0 ? "each 0 or more" :
							"each 1 or more");
		units[i].product_id = ids[i];
		units[i].quantity = quantities[i];
	}
	qsort(units, *count, sizeof(StockUnits), compare_products);
	for (int i = 1; i < *count; i++)
		if (units[i].product_id == units[i - 1].product_id)
			refuse_argument("product_ids", "each product once");
	return units;
}

int
add_up_units(StockUnits *units, int count)
{
	int			nproducts = 0;

	qsort(units, count, sizeof(StockUnits), compare_products);
	for (int i = 0; i < count; i++)
	{
		if (nproducts > 0 &&
			units[nproducts - 1].product_id == units[i].product_id)
			units[nproducts - 1].quantity += units[i].quantity;
		else
			units[nproducts++] = units[i];
	}
	return nproducts;
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

bool
is_split(const StockUnits *units, int count)
{
	for (int i = 0; i < count; i++)
		if (units[i].till > 0 && !units[i].is_uncounted)
			return true;
	return false;
}

void
read_stock(int64 bucket, StockUnits *units, int count, Visibility visibility)
{
	NullableDatum values[] = {
		bigint_value(bucket),
		product_ids_value(units, count)
	};
	StockUnits *short_of = palloc_extended(count * sizeof(StockUnits),
										   MCXT_ALLOC_HUGE);
	int			nshort = 0;

	read_quantities(units, count,
					execute(&select_sums_of_bucket, values, visibility));
	for (int i = 0; i < count; i++)
		if (units[i].available < units[i].quantity && !units[i].is_uncounted)
			short_of[nshort++] = units[i];
	if (nshort == 0)
		return;
	values[1] = product_ids_value(short_of, nshort);
	read_quantities(units, count,
					execute(&select_sums, &values[1], visibility));
}

void
read_all_stock(StockUnits *units, int count)
{
	NullableDatum ids = product_ids_value(units, count);

	read_quantities(units, count,
					execute(&select_sums, &ids, FRESH_SNAPSHOT));
}

void
lock_stock(LockedStock *stock, int64 bucket, StockUnits *units, int count)
{
	int			nleft;
	StockUnits *left;

	stock->bucket = bucket;
	stock->others = NIL;
	for (int i = 0; i < count; i++)
		if (units[i].till > 0 && !units[i].is_uncounted)
			take_at_till(bucket, &units[i]);

	left = units_to_take(units, count, &nleft);
	if (nleft == count)
		lock_levels_of(stock, units, count);
	else if (nleft > 0)
	{
		lock_levels_of(stock, left, nleft);
		for (int i = 0; i < nleft; i++)
			*find_units(units, count, left[i].product_id) = left[i];
	}
}

void
take_stock(const LockedStock *stock, const StockUnits *units, int count)
{
	int			nleft;
	StockUnits *left = units_to_take(units, count, &nleft);

	if (nleft == count)
		take_locked(stock, units, count);
	else if (nleft > 0)
		take_locked(stock, left, nleft);
}

bool
keep_product(int64 product_id)
{
	NullableDatum id = bigint_value(product_id);

	return execute(&lock_product_key_share, &id, FRESH_SNAPSHOT) > 0;
}

void
refuse_unknown_products(const char *ids)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("product does not exist"),
			errdetail_internal("{\"code\": \"product_not_found\", \"product_ids\": [%s]}",
							   ids),
			errhint("Put the product into the catalogue first."));
}

void
plan_stock(void)
{
	plan_statement(&select_sums_of_bucket);
	plan_tills();
	plan_statement(&lock_levels);
	plan_statement(&decrement_levels);
}

void
add_stock(int64 bucket, const StockUnits *units, int count)
{
	for (int i = 0; i < count; i++)
	{
		NullableDatum values[] = {
			bigint_value(bucket),
			bigint_value(units[i].product_id),
			bigint_value(units[i].quantity)
		};

		CHECK_FOR_INTERRUPTS();
		require_written(execute(&insert_level, values, FRESH_SNAPSHOT), 1);
	}
}

/*
 * Of two transfers in opposite directions both begin with the same bucket.
 * Nobody else waits for a bucket of a product while holding another of its own.
 */
bool
move_stock(NullableDatum from_bucket, NullableDatum to_bucket,
		   StockUnits *units)
{
	NullableDatum values[] = {to_bucket, product_ids_value(units, 1)};

	if (!from_bucket.isnull)
	{
		NullableDatum places;

		if (!to_bucket.isnull && DatumGetInt64(to_bucket.value) <
			DatumGetInt64(from_bucket.value))
			execute(&lock_levels, values, FRESH_SNAPSHOT);
		values[0] = from_bucket;
		places = lock_own(units, 1,
						  execute(&lock_levels, values, FRESH_SNAPSHOT));
		if (units->available < units->quantity)
			return false;
		take_from(DatumGetInt64(from_bucket.value), units, 1, places);
	}
	if (!to_bucket.isnull)
		add_stock(DatumGetInt64(to_bucket.value), units, 1);
	return true;
}

/* Levels that are not there come last, one by one. */
void
return_stock(int64 bucket, StockUnits *units, int count)
{
	NullableDatum values[] = {
		bigint_value(bucket),
		product_ids_value(units, count),
		quantities_value(units, count),
		NULL_VALUE
	};
	uint64		nlevels = execute(&lock_levels, values, FRESH_SNAPSHOT);

	for (int i = 0; i < count; i++)
		units[i].available = NO_LEVEL;
	values[3] = lock_own(units, count, nlevels);
	if (nlevels > 0)
		require_written(execute(&increment_levels, values, FRESH_SNAPSHOT),
						nlevels);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (units[i].available == NO_LEVEL)
			return_units(bucket, &units[i]);
	}
}

/*
 * Those that are counted and not taken yet, if there are others; they are few,
 * and copied then.
 */
static StockUnits *
units_to_take(const StockUnits *units, int count, int *nleft)
{
	StockUnits *left;
	int			nothers = 0;

	for (int i = 0; i < count; i++)
		nothers += units[i].is_uncounted || units[i].is_taken;
	*nleft = count - nothers;
	if (nothers == 0)
		return NULL;
	left = palloc_extended(*nleft * sizeof(StockUnits), MCXT_ALLOC_HUGE);
	for (int i = 0, n = 0; i < count; i++)
		if (!units[i].is_uncounted && !units[i].is_taken)
			left[n++] = units[i];
	return left;
}

static void
lock_levels_of(LockedStock *stock, StockUnits *units, int count)
{
	NullableDatum values[] = {
		bigint_value(stock->bucket),
		product_ids_value(units, count)
	};
	StockUnits *short_of;
	int			nshort;

	for (int i = 0; i < count; i++)
		units[i].available = 0;
	stock->places = lock_own(units, count,
							 execute(&lock_levels, values, FRESH_SNAPSHOT));
	for (int i = 0; i < count; i++)
	{
		units[i].in_reserve = units[i].available;
		if (units[i].till > 0 && units[i].in_till != NO_TILL &&
			units[i].available < units[i].quantity)
			units[i].available += Min(units[i].in_till, units[i].quantity);
	}
	for (int i = 0; i < count; i++)
		if (units[i].available < units[i].quantity)
			lock_others(stock, &units[i]);
	nshort = select_short(units, count, &short_of);
	if (nshort > 0)
		check_locked(units, count, short_of, nshort);
}

static void
take_locked(const LockedStock *stock, const StockUnits *units, int count)
{
	int			ntaken;
	StockUnits *taken = units_of_reserves(units, count, &ntaken);
	ListCell   *cell;

	if (ntaken > 0)
		take_from(stock->bucket, taken, ntaken, stock->places);
	foreach(cell, stock->others)
	{
		OtherLevel *level = lfirst(cell);
		StockUnits	other = {
			.product_id = level->product_id,
			.quantity = level->quantity
		};

		take_from(level->bucket, &other, 1, places_value(&level->place, 1));
	}
	for (int i = 0; i < count; i++)
		if (units[i].till > 0)
			settle_till(stock->bucket, &units[i]);
}

/* What the reserves give, to the order or to tills; those that give nothing are left out. */
static StockUnits *
units_of_reserves(const StockUnits *units, int count, int *ntaken)
{
	StockUnits *taken = palloc_extended(count * sizeof(StockUnits),
										MCXT_ALLOC_HUGE);

	*ntaken = 0;
	for (int i = 0; i < count; i++)
	{
		int64		quantity = units[i].till > 0 ? refill_of(&units[i]) :
		Min(units[i].quantity, units[i].in_reserve);

		if (quantity == 0)
			continue;
		taken[*ntaken] = units[i];
		taken[(*ntaken)++].quantity = quantity;
	}
	return taken;
}

/* Fills in what is available; a product without a stock level keeps its 0. */
static void
read_quantities(StockUnits *units, int count, uint64 nrows)
{
	for (uint64 i = 0; i < nrows; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		note_quantity(units, count, row);
	}
}

/* The same of levels that are locked; returns where all of these are. */
static NullableDatum
lock_own(StockUnits *units, int count, uint64 nlevels)
{
	Datum	   *places = palloc_extended(nlevels * sizeof(Datum),
										 MCXT_ALLOC_HUGE);

	for (uint64 i = 0; i < nlevels; i++)
	{
		NullableDatum row[3];

		read_row(SPI_tuptable, i, row, lengthof(row));
		note_quantity(units, count, row);
		places[i] = row[2].value;
	}
	return places_value(places, nlevels);
}

static NullableDatum
places_value(Datum *places, int count)
{
	return not_null(PointerGetDatum(construct_array(places, count, TIDOID,
													sizeof(ItemPointerData),
													false, TYPALIGN_SHORT)));
}

/*
 * A column that is not bigint any more can be equal to an id that is not quite
 * its own.
 */
static void
note_quantity(StockUnits *units, int count, const NullableDatum *row)
{
	StockUnits *found = find_units(units, count, DatumGetInt64(row[0].value));

	if (found != NULL)
		found->available = DatumGetInt64(row[1].value);
}

/* Those of which not enough is available yet. */
static int
select_short(const StockUnits *units, int count, StockUnits **short_of)
{
	int			nshort = 0;

	*short_of = NULL;
	for (int i = 0; i < count; i++)
	{
		if (units[i].available >= units[i].quantity)
			continue;
		if (*short_of == NULL)
			*short_of = palloc_extended(count * sizeof(StockUnits),
										MCXT_ALLOC_HUGE);
		(*short_of)[nshort++] = units[i];
	}
	return nshort;
}

static void
lock_others(LockedStock *stock, StockUnits *units)
{
	NullableDatum values[] = {
		bigint_value(units->product_id),
		bigint_value(stock->bucket),
		NULL_VALUE
	};
	uint64		nlevels = execute(&find_other_levels, values, FRESH_SNAPSHOT);
	SPITupleTable *levels = SPI_tuptable;

	for (uint64 i = 0; i < nlevels && units->available < units->quantity; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_row(levels, i, &values[1], 2);
		/* The customer's own till is locked already. */
		if (DatumGetInt64(values[1].value) != stock->bucket ||
			DatumGetInt16(values[2].value) != units->till)
			lock_other(stock, units, values);
	}
}

/* Notes how much of the level is going to be taken, if nobody else has it. */
static void
lock_other(LockedStock *stock, StockUnits *units, const NullableDatum *key)
{
	NullableDatum row[2];
	OtherLevel *level;

	if (execute(&lock_other_level, key, FRESH_SNAPSHOT) == 0)
		return;
	read_row(SPI_tuptable, 0, row, lengthof(row));
	level = palloc(sizeof(OtherLevel));
	level->product_id = units->product_id;
	level->bucket = DatumGetInt64(key[1].value);
	level->place = row[1].value;
	level->quantity = Min(DatumGetInt64(row[0].value),
						  units->quantity - units->available);
	units->available += level->quantity;
	stock->others = lappend(stock->others, level);
}

/*
 * What is still missing is either not in stock, or somebody has locked it, whose
 * transaction may end either way.
 */
static void
check_locked(StockUnits *units, int count, const StockUnits *short_of,
			 int nshort)
{
	NullableDatum ids = product_ids_value(short_of, nshort);
	uint64		nsums = execute(&select_sums, &ids, FRESH_SNAPSHOT);

	for (uint64 i = 0; i < nsums; i++)
	{
		NullableDatum row[2];
		StockUnits *found;
		int64		sum;

		read_row(SPI_tuptable, i, row, lengthof(row));
		found = find_units(units, count, DatumGetInt64(row[0].value));
		if (found == NULL)
			continue;
		sum = DatumGetInt64(row[1].value);
		if (sum >= found->quantity)
			ereport(ERROR,
					errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update"),
					errdetail_internal("{\"code\": \"stock_is_locked\", \"product_id\": " INT64_FORMAT "}",
									   found->product_id),
					errhint("The transaction might succeed if retried."));
		found->available = Max(found->available, sum);
	}
}

/* Decrements levels of one bucket, which are locked and have enough. */
static void
take_from(int64 bucket, const StockUnits *units, int count,
		  NullableDatum places)
{
	NullableDatum values[] = {
		bigint_value(bucket),
		product_ids_value(units, count),
		quantities_value(units, count),
		places
	};

	require_written(execute(&decrement_levels, values, FRESH_SNAPSHOT), count);
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
return_units(int64 bucket, const StockUnits *units)
{
	NullableDatum values[] = {
		bigint_value(bucket),
		bigint_value(units->product_id),
		bigint_value(units->quantity)
	};

	if (execute(&increment_level, values, FRESH_SNAPSHOT) == 0 &&
		keep_product(units->product_id))
		require_written(execute(&insert_level, values, FRESH_SNAPSHOT), 1);
}
