/*-------------------------------------------------------------------------
 *
 * order_lines.h
 *		The lines of orders: the one list of their columns, and the writer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_LINES_H
#define ECOMMERCE_ORDER_LINES_H

#include "statement.h"

/*
 * The columns behind the key of the order, in the order of the table, so that
 * the executor can hand over stored rows without projecting them.  The struct,
 * the SELECT and the INSERT are made of this.  The first are those of every line.
 */
#define USUAL_LINE_COLUMNS(COLUMN) \
	COLUMN(line_number, integer, INT4OID) \
	COLUMN(product_id, bigint, INT8OID) \
	COLUMN(product_name, text, TEXTOID) \
	COLUMN(product_description, text, TEXTOID) \
	COLUMN(category_id, bigint, INT8OID) \
	COLUMN(category_name, text, TEXTOID) \
	COLUMN(unit_price, numeric, NUMERICOID) \
	COLUMN(quantity, integer, INT4OID) \
	COLUMN(line_amount, numeric, NUMERICOID)

#define ORDER_LINE_COLUMNS(COLUMN) \
	USUAL_LINE_COLUMNS(COLUMN) \
	COLUMN(sku, text, TEXTOID) \
	COLUMN(options, jsonb, JSONBOID) \
	COLUMN(discount_amount, numeric, NUMERICOID) \
	COLUMN(tax_rate, numeric, NUMERICOID) \
	COLUMN(tax_amount, numeric, NUMERICOID) \
	COLUMN(added_tax_amount, numeric, NUMERICOID) \
	COLUMN(is_counted, boolean, BOOLOID)

#define ORDER_LINE_NUSUAL	(0 USUAL_LINE_COLUMNS(COLUMN_COUNT))
#define ORDER_LINE_NCOLUMNS	(0 ORDER_LINE_COLUMNS(COLUMN_COUNT))

/* Values point to wherever the line was read from. */
typedef union OrderLine
{
	struct
	{
		ORDER_LINE_COLUMNS(COLUMN_FIELD)
	};
	NullableDatum columns[ORDER_LINE_NCOLUMNS];
} OrderLine;

/* What to select: the id of the order, then the columns of an OrderLine. */
#define SELECT_ORDER_LINES \
	"SELECT customer_id::bigint, order_id::bigint" \
	ORDER_LINE_COLUMNS(COLUMN_SELECTED) \
	"  FROM ecommerce.order_details"

enum order_line_key
{
	LINE_CUSTOMER_ID, LINE_ORDER_ID, LINE_NKEYS
};

extern void insert_order_lines(int64 user_id, int64 order_id,
							   const OrderLine *lines, int count);

/* Plans what that executes for the usual lines of a small order. */
extern void plan_order_lines(void);

#endif							/* ECOMMERCE_ORDER_LINES_H */
