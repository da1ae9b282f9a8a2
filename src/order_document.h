/*-------------------------------------------------------------------------
 *
 * order_document.h
 *		What an order looks like as JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_DOCUMENT_H
#define ECOMMERCE_ORDER_DOCUMENT_H

#include "jsonb_writer.h"
#include "order_adjustments.h"
#include "order_balances.h"
#include "order_lines.h"
#include "order_returns.h"

/* The columns of an order that its document shows. */
#define ORDER_COLUMNS(COLUMN) \
	COLUMN(id, bigint, INT8OID) \
	COLUMN(order_date, timestamptz, TIMESTAMPTZOID) \
	COLUMN(order_amount, numeric, NUMERICOID) \
	COLUMN(currency, text, TEXTOID) \
	COLUMN(order_status, text, TEXTOID) \
	COLUMN(shipping_address, text, TEXTOID) \
	COLUMN(number, text, TEXTOID) \
	COLUMN(address, jsonb, JSONBOID) \
	COLUMN(billing_address, jsonb, JSONBOID) \
	COLUMN(metadata, jsonb, JSONBOID) \
	COLUMN(items_amount, numeric, NUMERICOID)

#define ORDER_NCOLUMNS	(0 ORDER_COLUMNS(COLUMN_COUNT))

/* Values point to wherever the order was read from. */
typedef struct Order
{
	int64		user_id;
	union
	{
		struct
		{
			ORDER_COLUMNS(COLUMN_FIELD)
		};
		NullableDatum columns[ORDER_NCOLUMNS];
	};
	int			nadjustments;
	const OrderAdjustment *adjustments; /* when items_amount is not null */
	const OrderBalance *balance;	/* NULL if it has none */
	int			nreturns;
	const OrderReturn *returns;
} Order;

/* Whether a document says if the order was placed now or earlier. */
typedef enum Replayed
{
	NOT_A_PLACEMENT,
	PLACED_NOW,
	PLACED_EARLIER
} Replayed;

/* The sequence in which the lines of an order were put. */
typedef enum LineSequence
{
	FIRST_LINE_FIRST,
	LAST_LINE_FIRST
} LineSequence;

typedef struct OrderDocument
{
	JsonbWriter writer;
	Replayed	replayed;
	const JsonbShape *order_shape;
	const JsonbShape *line_shape;
	const JsonbShape *charged_line_shape;
	const JsonbShape *product_shape;
	const JsonbShape *category_shape;
} OrderDocument;

/*
 * Between begin and document_finish(): any number of orders, each opened, its
 * lines put, and closed.  With more than one order the caller opens an array.
 */
extern void begin_order_document(OrderDocument *document, Replayed replayed,
								 DocumentFormat format,
								 MemoryContext context);
extern void open_order(OrderDocument *document, const Order *order);
extern void put_order_line(OrderDocument *document, const Order *order,
						   const OrderLine *line);
extern void close_order(OrderDocument *document, const Order *order,
						LineSequence sequence);

#endif							/* ECOMMERCE_ORDER_DOCUMENT_H */
