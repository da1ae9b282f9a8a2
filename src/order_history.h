/*-------------------------------------------------------------------------
 *
 * order_history.h
 *		Writes what happens to orders: the only writer of order_events.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_HISTORY_H
#define ECOMMERCE_ORDER_HISTORY_H

#include "access.h"

/* The first event of an order that was just written. */
extern void write_placement(const Access *access, int64 user_id,
							int64 order_id, NullableDatum status);

/* Plans what is executed for that. */
extern void plan_placement(void);

/*
 * An event that gives an order a status.  The caller holds the lock of the
 * order, so that nobody else writes an event of it.  The payload may be NULL.
 */
extern void write_status_change(const Access *access, int64 user_id,
								int64 order_id, const char *from,
								const char *to, Jsonb *payload);

/* The same of one that takes back a status that was set by mistake. */
extern void write_correction(const Access *access, int64 user_id,
							 int64 order_id, const char *from, const char *to,
							 Jsonb *payload);

/* The same of an event that leaves the order the status it has. */
extern void write_note(const Access *access, int64 user_id, int64 order_id,
					   const char *event, const char *status,
					   Jsonb *payload);

/* Characters of a reason that people give. */
#define REASON_MAX_LENGTH	1000

/* What an event has of which only the reason is to be told; NULL without one. */
extern Jsonb *reason_payload(NullableDatum reason);

/* An event of long ago, that gave an order of another shop's a status. */
typedef struct PastEvent
{
	const char *status;
	NullableDatum payload;
	NullableDatum created_at;
} PastEvent;

/* All events of an order that was just written.  Nobody waits for them. */
extern void write_past_events(const Access *access, int64 user_id,
							  int64 order_id, const PastEvent *events,
							  int count);

#endif							/* ECOMMERCE_ORDER_HISTORY_H */
