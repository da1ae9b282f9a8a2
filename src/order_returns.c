/*-------------------------------------------------------------------------
 *
 * order_returns.c
 *		What came back of orders: the one list of the columns, and what is out.
 *
 * What was sold stays in order_details as it was; a return is a row of its own.
 * The difference is what is still out, and the lock of the order is what keeps
 * it: returns and cancellations of an order come one after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "order_returns.h"

#define SELECT_RETURNS(condition, ...) { \
		.query = \
		"SELECT order_id::bigint" ORDER_RETURN_COLUMNS(COLUMN_SELECTED) \
		"  FROM ecommerce.order_returns" \
		" WHERE customer_id = $1 AND " condition \
		" ORDER BY order_id DESC, return_number", \
		.result = SPI_OK_SELECT, \
		PARAMETERS(INT8OID, __VA_ARGS__) \
	}

#define SELECT_RETURN_LINES(condition, ...) { \
		.query = \
		"SELECT order_id::bigint" ORDER_RETURN_LINE_COLUMNS(COLUMN_SELECTED) \
		"  FROM ecommerce.order_return_lines" \
		" WHERE customer_id = $1 AND " condition \
		" ORDER BY order_id DESC, return_number, line_number", \
		.result = SPI_OK_SELECT, \
		PARAMETERS(INT8OID, __VA_ARGS__) \
	}

/* For orders that follow one another. */
static Statement select_returns_between = SELECT_RETURNS("order_id >= $2 AND order_id <= $3",
														 INT8OID, INT8OID);
static Statement select_lines_between = SELECT_RETURN_LINES("order_id >= $2 AND order_id <= $3",
															INT8OID, INT8OID);

/* For orders with any number of others in between. */
static Statement select_returns_of = SELECT_RETURNS("order_id = ANY ($2)",
													INT8ARRAYOID);
static Statement select_lines_of = SELECT_RETURN_LINES("order_id = ANY ($2)",
													   INT8ARRAYOID);

/*
 * The quantity of a line fits an integer, the sum of what came back of it is no
 * more.  A bigint holds both in tables that have lost their constraints.
 */
static Statement select_sold_lines = {
	.query =
	"SELECT line_number::integer, product_id::bigint, quantity::bigint,"
	"       (line_amount - coalesce(discount_amount, 0)"
	"        + coalesce(added_tax_amount, 0))::numeric,"
	"       is_counted IS NOT FALSE"
	"  FROM ecommerce.order_details WHERE customer_id = $1 AND order_id = $2"
	" ORDER BY line_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement select_returned_units = {
	.query =
	"SELECT line_number::integer, sum(quantity)::bigint"
	"  FROM ecommerce.order_return_lines WHERE customer_id = $1 AND order_id = $2"
	" GROUP BY line_number ORDER BY line_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* In stored order. */
static const char *const return_keys[] = {
	"items", "amount", "reason", "created_at", "is_restocked", "return_number"
};
static const char *const line_keys[] = {"line", "amount", "quantity"};

static const char *const line_columns[] = {ORDER_RETURN_LINE_COLUMNS(COLUMN_NAME)};
static const Oid line_types[] = {ORDER_RETURN_LINE_COLUMNS(COLUMN_OID)};

static RowInserter line_inserter = {
	.insert = "INSERT INTO ecommerce.order_return_lines (customer_id, order_id",
	.ncolumns = ORDER_RETURN_LINE_NCOLUMNS,
	.nusual = ORDER_RETURN_LINE_NCOLUMNS,
	.columns = line_columns,
	.types = line_types
};

static OrderReturn *read_returns(Statement *returns_query,
								 Statement *lines_query,
								 const NullableDatum *values,
								 Visibility visibility, uint64 *count);
static void find_lines(OrderReturn *returns, uint64 count,
					   SPITupleTable *rows, uint64 nrows);
static void read_returned(SoldLine *lines, int count,
						  const NullableDatum *values);

void
insert_order_return_lines(int64 user_id, int64 order_id,
						  const OrderReturnLine *lines, int count)
{
	insert_rows(&line_inserter, user_id, order_id, lines->columns, count);
}

OrderReturn *
read_returns_between(const NullableDatum *values, Visibility visibility,
					 uint64 *count)
{
	return read_returns(&select_returns_between, &select_lines_between,
						values, visibility, count);
}

OrderReturn *
read_returns_of(const NullableDatum *values, Visibility visibility,
				uint64 *count)
{
	return read_returns(&select_returns_of, &select_lines_of, values,
						visibility, count);
}

/* Values point into SPI's tables. */
static OrderReturn *
read_returns(Statement *returns_query, Statement *lines_query,
			 const NullableDatum *values, Visibility visibility,
			 uint64 *count)
{
	OrderReturn *returns;
	SPITupleTable *rows;

	*count = execute(returns_query, values, visibility);
	rows = SPI_tuptable;
	returns = palloc_extended(*count * sizeof(OrderReturn),
							  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < *count; i++)
	{
		NullableDatum row[1 + ORDER_RETURN_NCOLUMNS];

		CHECK_FOR_INTERRUPTS();
		read_row(rows, i, row, lengthof(row));
		returns[i].order_id = DatumGetInt64(row[0].value);
		memcpy(returns[i].columns, &row[1], sizeof(returns[i].columns));
	}
	if (*count > 0)
	{
		uint64		nrows = execute(lines_query, values, visibility);

		find_lines(returns, *count, SPI_tuptable, nrows);
	}
	return returns;
}

/*
 * Both come in the same sequence.  A line without its return, in a table that
 * has lost its foreign key, is of none that was read.
 */
static void
find_lines(OrderReturn *returns, uint64 count, SPITupleTable *rows,
		   uint64 nrows)
{
	OrderReturnLine *lines = palloc_extended(nrows * sizeof(OrderReturnLine),
											 MCXT_ALLOC_HUGE);
	uint64		next = 0;

	for (uint64 i = 0; i < nrows; i++)
	{
		NullableDatum row[1 + ORDER_RETURN_LINE_NCOLUMNS];
		int64		order_id;
		int32		number;

		CHECK_FOR_INTERRUPTS();
		read_row(rows, i, row, lengthof(row));
		memcpy(lines[i].columns, &row[1], sizeof(lines[i].columns));
		order_id = DatumGetInt64(row[0].value);
		number = DatumGetInt32(lines[i].return_number.value);
		while (next < count &&
			   (returns[next].order_id > order_id ||
				(returns[next].order_id == order_id &&
				 DatumGetInt32(returns[next].return_number.value) < number)))
			next++;
		if (next == count)
			break;
		if (returns[next].order_id != order_id ||
			DatumGetInt32(returns[next].return_number.value) != number)
			continue;
		if (returns[next].nlines++ == 0)
			returns[next].lines = &lines[i];
	}
}

void
put_returns(JsonbWriter *writer, const OrderReturn *returns, int count)
{
	static JsonbShape *return_shape;

	if (count == 0)
	{
		jsonb_put_null(writer);
		return;
	}
	jsonb_open_array(writer);
	for (int i = 0; i < count; i++)
	{
		jsonb_open_object(writer, KEPT_SHAPE(return_shape, return_keys));
		put_return_lines(writer, returns[i].lines, returns[i].nlines);
		jsonb_put_numeric(writer, returns[i].amount);
		jsonb_put_text(writer, returns[i].reason);
		jsonb_put_timestamptz(writer, returns[i].created_at);
		jsonb_put_bool(writer, DatumGetBool(returns[i].is_restocked.value));
		jsonb_put_int4(writer, returns[i].return_number);
		jsonb_close_object(writer);
	}
	jsonb_close_array(writer);
}

void
put_return_lines(JsonbWriter *writer, const OrderReturnLine *lines, int count)
{
	static JsonbShape *line_shape;

	jsonb_open_array(writer);
	for (int i = 0; i < count; i++)
	{
		jsonb_open_object(writer, KEPT_SHAPE(line_shape, line_keys));
		jsonb_put_int4(writer, lines[i].line_number);
		jsonb_put_numeric(writer, lines[i].amount);
		jsonb_put_int4(writer, lines[i].quantity);
		jsonb_close_object(writer);
	}
	jsonb_close_array(writer);
}

SoldLine *
read_sold_lines(int64 user_id, int64 order_id, int *count)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	SoldLine   *lines;

	*count = execute(&select_sold_lines, values, FRESH_SNAPSHOT);
	lines = palloc_extended(*count * sizeof(SoldLine),
							MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < *count; i++)
	{
		NullableDatum row[5];

		CHECK_FOR_INTERRUPTS();
		read_row(SPI_tuptable, i, row, lengthof(row));
		lines[i].line_number = DatumGetInt32(row[0].value);
		lines[i].product_id = DatumGetInt64(row[1].value);
		lines[i].quantity = DatumGetInt64(row[2].value);
		lines[i].total = row[3].isnull ? int64_to_numeric(0) :
			DatumGetNumericCopy(row[3].value);
		lines[i].is_counted = DatumGetBool(row[4].value);
	}
	/* A batch reads the lines of many orders. */
	SPI_freetuptable(SPI_tuptable);
	read_returned(lines, *count, values);
	return lines;
}

/* A return changes no row of the order: an older snapshot would overlook it. */
static void
read_returned(SoldLine *lines, int count, const NullableDatum *values)
{
	uint64		nrows = execute(&select_returned_units, values, LATEST_SNAPSHOT);
	int			next = 0;

	for (uint64 i = 0; i < nrows; i++)
	{
		NullableDatum row[2];
		int32		number;

		read_row(SPI_tuptable, i, row, lengthof(row));
		number = DatumGetInt32(row[0].value);
		while (next < count && lines[next].line_number < number)
			next++;
		if (next < count && lines[next].line_number == number)
			lines[next].returned = DatumGetInt64(row[1].value);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* An order that was imported may have several lines of one product. */
StockUnits *
units_of_lines(const SoldLine *lines, const int64 *quantities, int count,
			   int *nunits)
{
	StockUnits *units = palloc_extended(count * sizeof(StockUnits),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int			nlines = 0;

	for (int i = 0; i < count; i++)
	{
		if (quantities[i] <= 0 || !lines[i].is_counted)
			continue;
		units[nlines].product_id = lines[i].product_id;
		units[nlines++].quantity = quantities[i];
	}
	*nunits = add_up_units(units, nlines);
	return units;
}
