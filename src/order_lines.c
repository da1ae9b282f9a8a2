/*-------------------------------------------------------------------------
 *
 * order_lines.c
 *		The lines of orders: the one list of their columns, and the writer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "order_lines.h"

/* Each number of lines has a plan of its own. */
#define SMALL_ORDER_NLINES	8

static const char *const line_columns[] = {ORDER_LINE_COLUMNS(COLUMN_NAME)};
static const Oid line_types[] = {ORDER_LINE_COLUMNS(COLUMN_OID)};

static RowInserter line_inserter = {
	.insert = "INSERT INTO ecommerce.order_details (customer_id, order_id",
	.ncolumns = ORDER_LINE_NCOLUMNS,
	.nusual = ORDER_LINE_NUSUAL,
	.columns = line_columns,
	.types = line_types
};

void
insert_order_lines(int64 user_id, int64 order_id, const OrderLine *lines,
				   int count)
{
	insert_rows(&line_inserter, user_id, order_id, lines->columns, count);
}

void
plan_order_lines(void)
{
	for (int nlines = 1; nlines <= SMALL_ORDER_NLINES; nlines++)
		plan_rows(&line_inserter, nlines);
}
