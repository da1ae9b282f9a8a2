/*-------------------------------------------------------------------------
 *
 * order_returns.h
 *		What came back of orders: the one list of the columns, and what is out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_RETURNS_H
#define ECOMMERCE_ORDER_RETURNS_H

#include "jsonb_writer.h"
#include "stock.h"

/* The columns behind the key of the order that a document shows. */
#define ORDER_RETURN_COLUMNS(COLUMN) \
	COLUMN(return_number, integer, INT4OID) \
	COLUMN(amount, numeric, NUMERICOID) \
	COLUMN(is_restocked, boolean, BOOLOID) \
	COLUMN(reason, text, TEXTOID) \
	COLUMN(created_at, timestamptz, TIMESTAMPTZOID)

#define ORDER_RETURN_LINE_COLUMNS(COLUMN) \
	COLUMN(return_number, integer, INT4OID) \
	COLUMN(line_number, integer, INT4OID) \
	COLUMN(quantity, integer, INT4OID) \
	COLUMN(amount, numeric, NUMERICOID)

#define ORDER_RETURN_NCOLUMNS		(0 ORDER_RETURN_COLUMNS(COLUMN_COUNT))
#define ORDER_RETURN_LINE_NCOLUMNS	(0 ORDER_RETURN_LINE_COLUMNS(COLUMN_COUNT))

typedef union OrderReturnLine
{
	struct
	{
		ORDER_RETURN_LINE_COLUMNS(COLUMN_FIELD)
	};
	NullableDatum columns[ORDER_RETURN_LINE_NCOLUMNS];
} OrderReturnLine;

typedef struct OrderReturn
{
	int64		order_id;
	union
	{
		struct
		{
			ORDER_RETURN_COLUMNS(COLUMN_FIELD)
		};
		NullableDatum columns[ORDER_RETURN_NCOLUMNS];
	};
	int			nlines;
	const OrderReturnLine *lines;
} OrderReturn;

extern void insert_order_return_lines(int64 user_id, int64 order_id,
									  const OrderReturnLine *lines, int count);

/*
 * Reads the returns of a customer's orders, those of the newest order first.  The
 * values are the customer, and the first and the last id or an array of ids.
 */
extern OrderReturn *read_returns_between(const NullableDatum *values,
										 Visibility visibility, uint64 *count);
extern OrderReturn *read_returns_of(const NullableDatum *values,
									Visibility visibility, uint64 *count);

/*
 * Puts the returns of an order, null when there are none: [{return_number,
 * amount, reason, is_restocked, created_at, items: [{line, quantity, amount}]}].
 */
extern void put_returns(JsonbWriter *writer, const OrderReturn *returns,
						int count);

/* [{line, quantity, amount}] */
extern void put_return_lines(JsonbWriter *writer,
							 const OrderReturnLine *lines, int count);

/* A line as it was sold, and how many of its units have come back. */
typedef struct SoldLine
{
	int32		line_number;
	int64		product_id;
	int64		quantity;
	int64		returned;
	Numeric		total;			/* what it cost, with discounts and taxes */
	bool		is_counted;		/* its units came from stock */
} SoldLine;

/*
 * The lines of an order, which is locked, by their numbers.  Returns that were
 * committed since the transaction's snapshot count.
 */
extern SoldLine *read_sold_lines(int64 user_id, int64 order_id, int *count);

/*
 * Units of the lines as return_stock() takes them: quantities has one for each
 * line, of which those above 0 count.
 */
extern StockUnits *units_of_lines(const SoldLine *lines,
								  const int64 *quantities, int count,
								  int *nunits);

#endif							/* ECOMMERCE_ORDER_RETURNS_H */
