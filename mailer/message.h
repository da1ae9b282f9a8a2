/*-------------------------------------------------------------------------
 *
 * message.h
 *		Composes e-mail messages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_MESSAGE_H
#define MAILER_MESSAGE_H

#include <stddef.h>
#include <time.h>

#include "texts.h"

typedef struct Sender
{
	const char *address;		/* from smtp_address(), in ASCII */
	const char *name;			/* the shop's; "" if it has none */
} Sender;

/*
 * Returns the message, which is the caller's to free, and its length.  It is
 * the same for the same arguments; Message-ID depends on the event and on the
 * domain of the sender only.
 */
extern char *compose_message(const Notice *notice, const Texts *texts,
							 const Sender *sender, time_t date,
							 size_t *length);

#endif							/* MAILER_MESSAGE_H */
