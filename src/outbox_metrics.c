/*-------------------------------------------------------------------------
 *
 * outbox_metrics.c
 *		How the outbox stands: for each name of events, what waits and what failed.
 *
 * Reads what has not been delivered by its partial indexes, so it costs as much
 * as the backlog is long, and not the history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "tcop/dest.h"

#include "access.h"
#include "order_lifecycle.h"

/*
 * Names of which nothing waits have a row, too: a series that begins with 1 has
 * not risen, to who watches it.  A lease that ends later than any may is none, as
 * in outbox.c.
 */
static Statement select_metrics = {
	.query =
	"SELECT coalesce(known, event)::text,"
	"       coalesce(pending, 0)::bigint, coalesce(leased, 0)::bigint,"
	"       coalesce(dead, 0)::bigint, ($1 - oldest)::interval"
	"  FROM unnest(ARRAY[" EVENT_LITERALS "]) AS known"
	"  FULL JOIN (SELECT event::text,"
	"                    count(*) FILTER (WHERE failed_at IS NULL AND NOT is_leased) AS pending,"
	"                    count(*) FILTER (WHERE failed_at IS NULL AND is_leased) AS leased,"
	"                    count(failed_at) AS dead,"
	"                    min(created_at) FILTER (WHERE failed_at IS NULL) AS oldest"
	"               FROM (SELECT event, failed_at, created_at,"
	"                            taken_until IS NOT NULL AND taken_until > $1"
	"                            AND taken_until <= $1 + interval '12 hours' AS is_leased"
	"                       FROM ecommerce.order_events"
	"                      WHERE delivered_at IS NULL"
	"                        AND (failed_at IS NULL OR failed_at IS NOT NULL)) AS undelivered"
	"              GROUP BY event) AS waiting ON event = known"
	" ORDER BY coalesce(known, event) COLLATE \"C\"",
	.result = SPI_OK_SELECT,
	PARAMETERS(TIMESTAMPTZOID)
};

PG_FUNCTION_INFO_V1(outbox_metrics);

static void read_metrics(ReturnSetInfo *result);

Datum
outbox_metrics(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	read_metrics((ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/* Raises 42501 for a caller who may not deliver events. */
static void
read_metrics(ReturnSetInfo *result)
{
	Access		access;
	NullableDatum now = timestamptz_value(GetCurrentTimestamp());
	DestReceiver *receiver = CreateTuplestoreDestReceiver();

	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory,
									false, NULL, NULL);
	begin_delivery_access(&access);
	execute_into(&select_metrics, &now, CALLERS_SNAPSHOT, receiver);
	end_access(&access);
	receiver->rDestroy(receiver);
}
