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

/* Values point to wherever the caller read them from. */
typedef struct Order
{
	int64		id;
	int64		customer_id;
	NullableDatum order_date;
	NullableDatum order_amount;
	NullableDatum currency;
	NullableDatum order_status;
	NullableDatum shipping_address;
} Order;

typedef struct OrderLine
{
	int64		order_id;
	int32		line_number;
	NullableDatum product_id;
	NullableDatum product_name;
	NullableDatum product_description;
	NullableDatum category_id;
	NullableDatum category_name;
	NullableDatum unit_price;
	NullableDatum quantity;
	NullableDatum line_amount;
} OrderLine;

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
	JsonbShape *order_shape;
	JsonbShape *line_shape;
	JsonbShape *product_shape;
	JsonbShape *category_shape;
} OrderDocument;

/*
 * Between begin and jsonb_finish(): any number of orders, each opened, its
 * lines put, and closed.  With more than one order the caller opens an array.
 */
extern void begin_order_document(OrderDocument *document, Replayed replayed,
								 MemoryContext context);
extern void open_order(OrderDocument *document, const Order *order);
extern void put_order_line(OrderDocument *document, const OrderLine *line);
extern void close_order(OrderDocument *document, const Order *order,
						LineSequence sequence);

#endif							/* ECOMMERCE_ORDER_DOCUMENT_H */
