/*-------------------------------------------------------------------------
 *
 * order_listing.h
 *		Reads orders and their lines, newest order first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_LISTING_H
#define ECOMMERCE_ORDER_LISTING_H

#include "access.h"
#include "order_document.h"
#include "statement.h"

/*
 * One order as a document; raises PT404 when the customer has no such order.
 * Called between begin_access() and end_access(); the result is the caller's.
 */
extern Jsonb *read_order(const Access *access, int64 customer_id,
						 int64 order_id, Replayed replayed,
						 Visibility visibility);

/* The same, as the next value of a document; false when there is no order. */
extern bool put_order(OrderDocument *document, int64 customer_id,
					  int64 order_id, Visibility visibility);

#endif							/* ECOMMERCE_ORDER_LISTING_H */
