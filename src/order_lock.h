/*-------------------------------------------------------------------------
 *
 * order_lock.h
 *		Locks an order before something happens to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_LOCK_H
#define ECOMMERCE_ORDER_LOCK_H

#include "statement.h"

/* What has to be known of an order that something happens to. */
#define LOCKED_ORDER_COLUMNS \
	"order_status::text, stock_bucket::bigint, items_amount::numeric," \
	" order_amount::numeric, currency::text, payment_due_at::timestamptz"

#define LOCKED_ORDER_NCOLUMNS	6

typedef struct LockedOrder
{
	int64		user_id;
	int64		id;
	const char *status;			/* "" in a table that has lost its NOT NULL */
	int64		stock_bucket;
	bool		is_charged;		/* for more than its lines */
	Numeric		amount;
	int			digits;			/* of the order's currency */
	NullableDatum payment_due_at;
} LockedOrder;

/*
 * Locks the order FOR NO KEY UPDATE, so that its changes come one after the other
 * and each sees what the one before left.  Raises PT404 when the user has no
 * such order.
 */
extern void lock_order(LockedOrder *order, int64 user_id, int64 order_id);

/* From a row's LOCKED_ORDER_COLUMNS; the keys are for the caller to fill in. */
extern void read_locked_order(LockedOrder *order, const NullableDatum *row);

/* Only the status, the amount and its digits. */
extern void describe_order(LockedOrder *order, NullableDatum status,
						   NullableDatum amount, NullableDatum currency);

/* Raises the PT404. */
pg_noreturn extern void refuse_unknown_order(int64 user_id, int64 order_id);

#endif							/* ECOMMERCE_ORDER_LOCK_H */
