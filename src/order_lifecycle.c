/*-------------------------------------------------------------------------
 *
 * order_lifecycle.c
 *		What can become of an order: statuses, events, transitions, reasons.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "order_lifecycle.h"

#define COMMA	,
#define STATUS_ENTRY(status, event)	{status, event}
#define TRANSITION_ENTRY(from, to)	{from, to}
#define NOTE_ENTRY(event)			event
#define REASON_ENTRY(reason)		reason

static const struct
{
	const char *status;
	const char *event;
}			statuses[] = {ORDER_STATUSES(STATUS_ENTRY, COMMA, COMMA)};

static const char *const notes[] = {ORDER_NOTES(NOTE_ENTRY, COMMA, COMMA)};

static const struct
{
	const char *from;
	const char *to;
}			transitions[] = {ORDER_TRANSITIONS(TRANSITION_ENTRY, COMMA)};

static const char *const reasons[] = {
	CANCEL_REASONS(REASON_ENTRY, COMMA, COMMA)
};

const char *
event_of_status(const char *status)
{
	for (size_t i = 0; i < lengthof(statuses); i++)
		if (strcmp(status, statuses[i].status) == 0)
			return statuses[i].event;
	return NULL;
}

bool
is_order_event(const char *name)
{
	for (size_t i = 0; i < lengthof(statuses); i++)
		if (strcmp(name, statuses[i].event) == 0)
			return true;
	for (size_t i = 0; i < lengthof(notes); i++)
		if (strcmp(name, notes[i]) == 0)
			return true;
	return false;
}

bool
can_follow(const char *from, const char *to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
		if (strcmp(from, transitions[i].from) == 0 &&
			strcmp(to, transitions[i].to) == 0)
			return true;
	return false;
}

bool
is_cancel_reason(const char *reason)
{
	for (size_t i = 0; i < lengthof(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}
