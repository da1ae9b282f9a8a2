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

typedef struct Transition
{
	const char *from;
	const char *to;
} Transition;

static const Transition transitions[] = {
	ORDER_TRANSITIONS(TRANSITION_ENTRY, COMMA)
};

static const Transition corrections[] = {
	ORDER_CORRECTIONS(TRANSITION_ENTRY, COMMA)
};

static const char *const reasons[] = {
	CANCEL_REASONS(REASON_ENTRY, COMMA, COMMA)
};

static bool is_among(const Transition *list, size_t count, const char *from,
					 const char *to);

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
	return strcmp(name, EVENT_CORRECTED) == 0;
}

bool
can_follow(const char *from, const char *to)
{
	return is_among(transitions, lengthof(transitions), from, to);
}

bool
can_be_corrected(const char *from, const char *to)
{
	return is_among(corrections, lengthof(corrections), from, to);
}

bool
is_cancel_reason(const char *reason)
{
	for (size_t i = 0; i < lengthof(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

static bool
is_among(const Transition *list, size_t count, const char *from,
		 const char *to)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(from, list[i].from) == 0 && strcmp(to, list[i].to) == 0)
			return true;
	return false;
}
