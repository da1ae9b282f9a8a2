/*-------------------------------------------------------------------------
 *
 * order_status.h
 *		What becomes of an order once it has been placed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_STATUS_H
#define ECOMMERCE_ORDER_STATUS_H

#include "compat.h"

/* The name of the event that gives an order the status, or NULL: no status. */
extern const char *event_of_status(const char *status);

extern bool is_order_event(const char *name);

/* Raises PT404. */
pg_noreturn extern void refuse_unknown_order(int64 user_id, int64 order_id);

#endif							/* ECOMMERCE_ORDER_STATUS_H */
