/*-------------------------------------------------------------------------
 *
 * events.h
 *		Takes events of orders from the database, and says what became of
 *		them.
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
typedef void (*EventReceiver) (const Notice *notice, const char *event,
							   void *data);

/*
 * Takes at most so many events of a name for so many seconds, hands each to
 * the receiver, which also gets it as JSON, and returns how many there were.
 * All functions connect if need be; if the database fails them they say so,
 * close the connection and return -1.
 */
extern int	take_events(const char *name, int most, int lease,
						EventReceiver receiver, void *data);

/*
 * Has the shop's own function put an event, which is JSON, into words.
 * Returns how many messages it makes of it: 1, or 0.
 */
extern int	word_event(const char *function, const char *event, Texts *texts);

/* Returns 1, or 0 if the event had been acknowledged before. */
extern int	acknowledge_event(const char *id);

/*
 * For a message that can never be delivered.  Returns 1, or 0 if the event had
 * been acknowledged or had failed before.
 */
extern int	fail_event(const char *id, const char *reason);

extern void disconnect(void);

#endif							/* MAILER_EVENTS_H */
