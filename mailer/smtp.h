/*-------------------------------------------------------------------------
 *
 * smtp.h
 *		Hands messages to the SMTP server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_SMTP_H
#define MAILER_SMTP_H

#include <stddef.h>

#include "settings.h"

typedef enum Outcome
{
	ACCEPTED,					/* the server is responsible for it now */
	DEFERRED,					/* it does not take this message yet */
	REFUSED,					/* it never takes this message */
	UNREACHABLE					/* it takes no message, or does not say */
} Outcome;

/*
 * Sends a message and says why not, if so, in a string that is valid until
 * the next call.  Takes SMTP_TIMEOUT at most, about.  A request to stop ends
 * it only as long as the server does not have a part of the message: from
 * then on it might accept it.
 */
extern Outcome send_message(const Settings *settings, const char *recipient,
							const char *message, size_t length,
							const char **reason);

/* Ends the connection, which is kept from one message to the next. */
extern void hang_up(void);

#endif							/* MAILER_SMTP_H */
