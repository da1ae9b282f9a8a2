/*-------------------------------------------------------------------------
 *
 * order_reader.h
 *		Reads orders with their lines into documents.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_READER_H
#define ECOMMERCE_ORDER_READER_H

#include "access.h"
#include "order_document.h"
#include "order_lock.h"

/* What to select of an order: its user, then the columns of an Order. */
#define SELECT_ORDERS \
	"SELECT customer_id::bigint" ORDER_COLUMNS(COLUMN_SELECTED) \
	"  FROM ecommerce.orders" \
	" WHERE customer_id = $1"

/* How the orders of a document were chosen, of all of the user's. */
typedef enum Sequence
{
	CONSECUTIVE,
	WITH_GAPS
} Sequence;

/* The column of a row of SELECT_ORDERS that has the id. */
#define ORDERS_ID_COLUMN	1

/*
 * Puts orders that SELECT_ORDERS has found, all of one user, newest first, with
 * their lines.
 */
extern void put_orders(OrderDocument *document, SPITupleTable *orders,
					   uint64 count, Sequence sequence, Visibility visibility);

/* Puts one order, if there is such; false if not. */
extern bool put_order(OrderDocument *document, int64 user_id, int64 order_id,
					  Visibility visibility);

/*
 * One order as a document, or NULL.  Called between begin_access() and
 * end_access(); the result is the caller's.
 */
extern Document *seek_order(const Access *access, DocumentFormat format,
							int64 user_id, int64 order_id,
							Replayed replayed, Visibility visibility);

/* The same; raises PT404 when the user has no such order. */
extern Document *read_order(const Access *access, DocumentFormat format,
							int64 user_id, int64 order_id,
							Replayed replayed, Visibility visibility);

/* Raises PT404 when the user has no such order. */
extern void require_order(int64 user_id, int64 order_id,
						  Visibility visibility);

#endif							/* ECOMMERCE_ORDER_READER_H */
