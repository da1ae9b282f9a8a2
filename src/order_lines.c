/*-------------------------------------------------------------------------
 *
 * order_lines.c
 *		The lines of orders: the one list of their columns, and the writer.
 *
 * Lines are inserted up to 16 at a time, with VALUES.  Each statement executed
 * costs, among other things, reading the table's constraints from their stored
 * form; and INSERT ... SELECT would not stay on one shard when the tables are
 * distributed by customer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "order_lines.h"

#define MAX_ROWS	16

#define COLUMN_NAME(name, type, oid)	", " #name
#define COLUMN_OID(name, type, oid)	oid,

/* Followed by rows of parameters. */
static const char insert_lines[] =
"INSERT INTO ecommerce.order_details (customer_id, order_id"
ORDER_LINE_COLUMNS(COLUMN_NAME) ") VALUES ";

static const Oid line_types[] = {ORDER_LINE_COLUMNS(COLUMN_OID)};

/* insert_rows[i] inserts i + 1 lines; made when first needed. */
static Statement insert_rows[MAX_ROWS];

static void insert_some(int64 user_id, int64 order_id, const OrderLine *lines,
						int count);
static Statement *statement_for(int nrows);

void
insert_order_lines(int64 user_id, int64 order_id, const OrderLine *lines,
				   int count)
{
	for (int first = 0; first < count; first += MAX_ROWS)
		insert_some(user_id, order_id, &lines[first],
					Min(count - first, MAX_ROWS));
}

static void
insert_some(int64 user_id, int64 order_id, const OrderLine *lines, int count)
{
	NullableDatum values[LINE_NKEYS + MAX_ROWS * ORDER_LINE_NCOLUMNS];

	values[LINE_CUSTOMER_ID] = bigint_value(user_id);
	values[LINE_ORDER_ID] = bigint_value(order_id);
	for (int i = 0; i < count; i++)
		memcpy(&values[LINE_NKEYS + i * ORDER_LINE_NCOLUMNS], lines[i].columns,
			   sizeof(lines[i].columns));
	require_written(execute(statement_for(count), values, FRESH_SNAPSHOT),
					count);
}

/* INSERT INTO ... VALUES ($1, $2, $3, ...), ($1, $2, $12, ...) */
static Statement *
statement_for(int nrows)
{
	Statement  *statement = &insert_rows[nrows - 1];
	StringInfoData query;
	Oid		   *parameters;
	int			nparameters = LINE_NKEYS;

	if (statement->query != NULL)
		return statement;

	parameters = MemoryContextAlloc(TopMemoryContext,
									(LINE_NKEYS + nrows * ORDER_LINE_NCOLUMNS) * sizeof(Oid));
	parameters[LINE_CUSTOMER_ID] = parameters[LINE_ORDER_ID] = INT8OID;
	initStringInfo(&query);
	appendStringInfoString(&query, insert_lines);
	for (int row = 0; row < nrows; row++)
	{
		appendStringInfoString(&query, row == 0 ? "($1, $2" : ", ($1, $2");
		for (int column = 0; column < ORDER_LINE_NCOLUMNS; column++)
		{
			parameters[nparameters++] = line_types[column];
			appendStringInfo(&query, ", $%d", nparameters);
		}
		appendStringInfoChar(&query, ')');
	}
	statement->result = SPI_OK_INSERT;
	statement->nparameters = nparameters;
	statement->parameters = parameters;
	statement->query = MemoryContextStrdup(TopMemoryContext, query.data);
	return statement;
}
