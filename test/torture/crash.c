/*
 * crash.c
 *		A module that has the backend kill itself at a chosen point of a
 *		transaction, the way the kernel kills one when there is no memory left.
 *
 * The setting crash.at is the point: the number of a row event, as the trigger
 * crash_point() counts them, or "before commit" (everything is
 * written but the record of the commit) or "after commit" (that is written too,
 * but the client has no answer).
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(crash_point);
PG_FUNCTION_INFO_V1(row_events);

void		_PG_init(void);

static int	events = 0;

static void
crash_at(const char *point)
{
	const char *chosen = GetConfigOption("crash.at", true, false);

	if (chosen != NULL && strcmp(chosen, point) == 0)
		kill(getpid(), SIGKILL);
}

static void
crash_at_end(XactEvent event, void *argument pg_attribute_unused())
{
	if (events > 0 && event == XACT_EVENT_PRE_COMMIT)
		crash_at("before commit");
	if (events > 0 && event == XACT_EVENT_COMMIT)
		crash_at("after commit");
}

void
_PG_init(void)
{
	RegisterXactCallback(crash_at_end, NULL);
}

Datum
crash_point(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	char		point[12];

	snprintf(point, sizeof(point), "%d", ++events);
	crash_at(point);
	PG_RETURN_POINTER(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
					  trigger->tg_newtuple : trigger->tg_trigtuple);
}

/* How many there have been in this session since it was asked last. */
Datum
row_events(PG_FUNCTION_ARGS)
{
	int			counted = events;

	(void) fcinfo;				/* there are no arguments */
	events = 0;
	PG_RETURN_INT32(counted);
}
