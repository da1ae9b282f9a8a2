/*-------------------------------------------------------------------------
 *
 * cancellation.h
 *		Cancels orders, and gives back what they had taken.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_CANCELLATION_H
#define ECOMMERCE_CANCELLATION_H

#include "access.h"
#include "order_lock.h"

/*
 * Cancels orders that are locked and may be cancelled: returns their units to the
 * buckets of stock that they came from and their uses of promotions, writes their
 * events, and ends their deadlines.
 */
extern void cancel_orders(const Access *access, const LockedOrder *orders,
						  int count, const char *reason);

#endif							/* ECOMMERCE_CANCELLATION_H */
