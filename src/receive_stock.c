/*-------------------------------------------------------------------------
 *
 * receive_stock.c
 *		Puts a delivery into stock.
 *
 * Products are locked in the order of their ids, as everyone locks stock.  An
 * UPDATE of many rows locks them in the order in which it comes across them, and
 * deadlocks with orders.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"

#include "access.h"
#include "jsonb_writer.h"
#include "stock.h"

/* As the foreign keys of new stock levels will lock them. */
static Statement lock_products_key_share = {
	.query =
	"SELECT id::bigint FROM ecommerce.products WHERE id = ANY ($1)"
	" ORDER BY id FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

/* In stored order. */
static const char *const level_keys[] = {"quantity", "product_id"};

PG_FUNCTION_INFO_V1(receive_stock);

static Jsonb *receive(StockUnits *units, int count);
static void lock_products(StockUnits *units, int count);
static char *unknown_ids(const StockUnits *units, int count,
						 SPITupleTable *products, uint64 nproducts);
static Jsonb *stock_to_jsonb(const StockUnits *units, int count,
							 MemoryContext context);

Datum
receive_stock(PG_FUNCTION_ARGS)
{
	int			count;
	StockUnits *units = units_arguments(fcinfo->args, 1, &count);

	PG_RETURN_JSONB_P(receive(units, count));
}

static Jsonb *
receive(StockUnits *units, int count)
{
	Access		access;
	Jsonb	   *stock;

	begin_staff_access(&access);
	lock_products(units, count);
	add_stock(0, units, count);
	read_all_stock(units, count);
	stock = stock_to_jsonb(units, count, access.result_context);
	end_access(&access);
	return stock;
}

/* Nobody deletes them before their stock is there. */
static void
lock_products(StockUnits *units, int count)
{
	NullableDatum ids = product_ids_value(units, count);
	uint64		nproducts = execute(&lock_products_key_share, &ids,
									FRESH_SNAPSHOT);

	if (nproducts != (uint64) count)
		refuse_unknown_products(unknown_ids(units, count, SPI_tuptable,
											nproducts));
}

static char *
unknown_ids(const StockUnits *units, int count, SPITupleTable *products,
			uint64 nproducts)
{
	StringInfoData unknown;
	uint64		next = 0;

	/* Both are in the order of ids. */
	initStringInfo(&unknown);
	for (int i = 0; i < count; i++)
	{
		NullableDatum id = NULL_VALUE;

		if (next < nproducts)
			read_row(products, next, &id, 1);
		if (!id.isnull && DatumGetInt64(id.value) == units[i].product_id)
			next++;
		else
			appendStringInfo(&unknown, "%s" INT64_FORMAT,
							 unknown.len > 0 ? ", " : "",
							 units[i].product_id);
	}
	return unknown.data;
}

/* [{quantity, product_id}] */
static Jsonb *
stock_to_jsonb(const StockUnits *units, int count, MemoryContext context)
{
	JsonbShape *shape = jsonb_shape(level_keys, lengthof(level_keys));
	JsonbWriter writer;

	jsonb_begin(&writer, context);
	jsonb_open_array(&writer);
	for (int i = 0; i < count; i++)
	{
		jsonb_open_object(&writer, shape);
		jsonb_put_int64(&writer, units[i].available);
		jsonb_put_int64(&writer, units[i].product_id);
		jsonb_close_object(&writer);
	}
	jsonb_close_array(&writer);
	return jsonb_finish(&writer);
}
