/*-------------------------------------------------------------------------
 *
 * message.h
 *		Composes the confirmation of an order as an e-mail message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_MESSAGE_H
#define MAILER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef struct Line
{
	const char *name;
	const char *quantity;
	const char *unit_price;
	const char *line_amount;
} Line;

/* A discount, shipping, a tax. */
typedef struct Charge
{
	const char *name;
	const char *amount;
	bool		is_included;	/* in the prices already */
} Charge;

/*
 * What a confirmation says.  The names, the order's number and the address may
 * hold anything; the rest are ids, amounts, dates and codes.
 */
typedef struct Confirmation
{
	const char *event_id;
	const char *event_time;		/* tells apart events of two databases */
	const char *order_id;
	const char *order_number;	/* the shop's own, or the id */
	const char *order_date;
	const char *order_amount;
	const char *currency;
	const char *shipping_address;
	bool		cancelled;
	const char *name;
	const char *recipient;		/* from smtp_address() */
	int			nlines;
	const Line *lines;
	int			ncharges;
	const Charge *charges;
} Confirmation;

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
extern char *compose_message(const Confirmation *confirmation,
							 const Sender *sender, time_t date,
							 size_t *length);

#endif							/* MAILER_MESSAGE_H */
