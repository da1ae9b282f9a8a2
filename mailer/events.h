/*-------------------------------------------------------------------------
 *
 * events.h
 *		Takes events of placed orders from the database, and says what became
 *		of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_EVENTS_H
#define MAILER_EVENTS_H

#include <stdbool.h>

#include "message.h"

/*
 * What an event is about, which is ours until its lease ends.  The recipient
 * is "" if there is none, and may not be an address.  Valid only during the
 * call.
 */
typedef void (*EventReceiver) (const Confirmation *confirmation,
							   void *data);

/*
 * Takes at most so many events for so many seconds, hands each to the
 * receiver and returns how many there were.  All functions connect if need be;
 * if the database fails them they say so, close the connection and return
 * -1.
 */
extern int	take_events(int most, int lease, EventReceiver receiver,
						void *data);

/* Returns 1, or 0 if the event had been acknowledged before. */
extern int	acknowledge_event(const char *id);

/*
 * For a message that can never be delivered.  Returns 1, or 0 if the event had
 * been acknowledged or had failed before.
 */
extern int	fail_event(const char *id, const char *reason);

extern void disconnect(void);

#endif							/* MAILER_EVENTS_H */
