/*-------------------------------------------------------------------------
 *
 * texts.h
 *		What a message says, if the shop has no words of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_TEXTS_H
#define MAILER_TEXTS_H

#include <stdbool.h>

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
 * What a message tells of.  The names, the order's number, the address and the
 * carrier's texts may hold anything; the rest are ids, amounts, dates and
 * codes.
 */
typedef struct Notice
{
	const char *event;
	const char *event_id;
	const char *event_time;		/* tells apart events of two databases */
	const char *order_id;
	const char *order_number;	/* the shop's own, or the id */
	const char *order_date;
	const char *order_amount;
	const char *currency;
	const char *shipping_address;
	bool		cancelled;		/* the order, by now */
	bool		not_sent;		/* the order was not, when it happened */
	const char *amount;			/* refunded or paid; "" if it is not known */
	const char *carrier;		/* each "" if it is not known */
	const char *tracking_number;
	const char *tracking_url;
	const char *name;
	const char *recipient;		/* from smtp_address() */
	int			nlines;
	const Line *lines;			/* of the order, or what came back of it */
	int			ncharges;
	const Charge *charges;
} Notice;

/* UTF-8, lines ending in "\n".  The html may be NULL. */
typedef struct Texts
{
	char	   *subject;
	char	   *text;
	char	   *html;
} Texts;

/* Whether there are words for it. */
extern bool can_tell_of(const char *event);

/* The texts are the caller's to free. */
extern Texts compose_texts(const Notice *notice, const char *shop);

extern void free_texts(Texts *texts);

#endif							/* MAILER_TEXTS_H */
