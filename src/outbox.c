/*-------------------------------------------------------------------------
 *
 * outbox.c
 *		The outbox: events of orders go out to consumers, at least once.
 *
 * An event is written in the transaction of what it tells of, so there is none
 * without the other.  A consumer takes events, acts on them, and acknowledges
 * them.  Two things keep a taken event from others: the lock of its row until
 * the transaction ends, and from then on the lease in taken_until, so that a
 * consumer need not keep a transaction open while it talks to the world.  When
 * the consumer dies, the one or the other ends and the event comes back.
 *
 * Of each order only the first outstanding event is available, so a consumer
 * never hears of a shipment before the order.  Between orders there is no
 * sequence but that the oldest event is given out first.
 *
 * An event that can never be delivered is marked as failed, a dead letter: it is
 * outstanding no more, until staff release it.  What bears a mark of delivery is
 * told by its id alone, so an id that two undelivered events have, as after a
 * restore without sequences, marks neither.
 *
 * No lease is longer than LEASE_MAX, and one that seems to be is none: the clock
 * was ahead when it was given.
 *
 * What is available is found without locks, among all customers' events; then each
 * event is locked by its key, if it still is as it was found.  So consumers do not
 * meet, and where customers are distributed each lock is one shard's.  The rows of
 * other consumers are skipped, not waited for (SKIP LOCKED); they are few, so the
 * partial indexes on what is outstanding find the next ones at once, however long
 * the history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"

#include "arguments.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "tables.h"
#include "texts.h"
#include "users.h"

/* Seconds; and characters of the reason of a failure. */
#define LEASE_MAX			43200
#define FAILURE_MAX_LENGTH	1000

typedef struct Request
{
	int32		max;
	NullableDatum event;		/* only events of this name */
	int32		lease_seconds;
} Request;

/* The key comes first, wherever an event is found. */
enum found_column
{
	FOUND_CUSTOMER_ID, FOUND_ORDER_ID, FOUND_NUMBER, FOUND_NKEYS,
	FOUND_ID = FOUND_NKEYS, FOUND_TAKEN_UNTIL, FOUND_NCOLUMNS
};

#define FOUND_COLUMNS \
	"customer_id::bigint, order_id::bigint, event_number::integer, id::bigint," \
	" taken_until::timestamptz"

enum event_column
{
	EVENT_NAME, EVENT_OLD_STATUS, EVENT_NEW_STATUS, EVENT_PAYLOAD, EVENT_ACTOR,
	EVENT_ATTEMPT, EVENT_CREATED_AT, EVENT_NCOLUMNS
};

/* In stored order: by length, then by bytes. */
static const char *const event_keys[] = {
	"id", "actor", "event", "order", "attempt", "payload", "customer",
	"order_id", "created_at", "new_status", "old_status", "customer_id"
};

/*
 * Both are put as the predicates of the indexes: what is outstanding, by id and
 * by name, where no other index fits.
 */
#define OUTSTANDING "delivered_at IS NULL AND failed_at IS NULL"
#define OUTSTANDING_BY_NAME \
	"coalesce(delivered_at, failed_at, '-infinity') = '-infinity'"

/*
 * What an event that is found by its key must still be.  It fits no partial index:
 * where the statistics know of next to no outstanding event, the planner would read
 * all that there are for each key.
 */
#define STILL_OUTSTANDING "coalesce(delivered_at, failed_at) IS NULL"

/* With the dead letters: one index for each side of the OR. */
#define UNDELIVERED \
	"delivered_at IS NULL AND (failed_at IS NULL OR failed_at IS NOT NULL)"

/* A counter at its end stays there. */
#define NEXT_ATTEMPT "attempts + (attempts < 2147483647)::integer"

/*
 * The sub-select finds the order's first outstanding event by the primary key;
 * as NOT EXISTS it would be a join, for which the planner might read them all.
 *
 * $2 is from before the leases that others have given meanwhile, so it is too
 * early to judge how far in the future a lease ends.  $3 are those that have been
 * found before: a bound for the id would make the planner sort them all.
 */
#define FIND_AVAILABLE(outstanding, of_this_name) \
	"SELECT " FOUND_COLUMNS \
	"  FROM ecommerce.order_events AS outstanding" \
	" WHERE " outstanding of_this_name " AND id <> ALL ($3)" \
	"   AND (taken_until IS NULL OR taken_until <= $2" \
	"        OR taken_until > clock_timestamp() + interval '" CppAsString2(LEASE_MAX) " s')" \
	"   AND event_number =" \
	"       (SELECT min(event_number) FROM ecommerce.order_events" \
	"         WHERE customer_id = outstanding.customer_id" \
	"           AND order_id = outstanding.order_id" \
	"           AND " STILL_OUTSTANDING of_this_name ")" \
	" ORDER BY id LIMIT $1"

static Statement find_available = {
	.query = FIND_AVAILABLE(OUTSTANDING, ""),
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID, INT8ARRAYOID)
};

static Statement find_available_of_name = {
	.query = FIND_AVAILABLE(OUTSTANDING_BY_NAME, " AND event = $4"),
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID, INT8ARRAYOID, TEXTOID)
};

#define OF_KEY " WHERE customer_id = $1 AND order_id = $2 AND event_number = $3"

/* Whoever has taken it since has changed taken_until. */
static Statement lock_event = {
	.query =
	"SELECT event::text, old_status::text, new_status::text, payload::jsonb,"
	"       actor::text, (" NEXT_ATTEMPT ")::integer, created_at::timestamptz"
	"  FROM ecommerce.order_events" OF_KEY " AND " STILL_OUTSTANDING
	"   AND taken_until IS NOT DISTINCT FROM $4"
	" FOR NO KEY UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID)
};

/* Each further lease is twice as long, up to an hour: exponential back-off. */
static Statement lease_events = {
	.query =
	"UPDATE ecommerce.order_events"
	"   SET attempts = " NEXT_ATTEMPT ","
	"       taken_until = to_timestamp($2 + least("
	"           $3 * power(2, greatest(0, least(attempts, 30))), greatest($3, 3600)))"
	" WHERE id = ANY ($1) AND " OUTSTANDING,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID, FLOAT8OID, INT4OID)
};

/* In the order of ids, so that consumers never wait for each other in a circle. */
static Statement find_undelivered = {
	.query =
	"SELECT " FOUND_COLUMNS "  FROM ecommerce.order_events"
	" WHERE id = ANY ($1) AND " UNDELIVERED " ORDER BY id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

/* Marks an event that is in a state, and finds one that still is. */
typedef struct Mark
{
	Statement	update;
	Statement	select;
} Mark;

#define MARK(state, changes, ...) { \
		.update = { \
			.query = "UPDATE ecommerce.order_events SET " changes OF_KEY " AND " state, \
			.result = SPI_OK_UPDATE, \
			PARAMETERS(INT8OID, INT8OID, INT4OID __VA_ARGS__) \
		}, \
		.select = { \
			.query = "SELECT 1 FROM ecommerce.order_events" OF_KEY " AND " state, \
			.result = SPI_OK_SELECT, \
			PARAMETERS(INT8OID, INT8OID, INT4OID) \
		} \
	}

/* A dead letter that has been delivered after all is none. */
static Mark delivered =
MARK("delivered_at IS NULL",
	 "delivered_at = $4, failed_at = NULL, failure = NULL",, TIMESTAMPTZOID);

static Mark failed =
MARK(STILL_OUTSTANDING, "failed_at = $4, failure = $5",, TIMESTAMPTZOID, TEXTOID);

/* As if it had never been taken. */
static Mark released =
MARK("delivered_at IS NULL",
	 "failed_at = NULL, failure = NULL, taken_until = NULL, attempts = 0");

PG_FUNCTION_INFO_V1(take_order_events);
PG_FUNCTION_INFO_V1(acknowledge_order_events);
PG_FUNCTION_INFO_V1(fail_order_events);
PG_FUNCTION_INFO_V1(release_order_events);

static Jsonb *take(const Request *request);
static uint64 find(const Request *request, TimestampTz now, int64 max,
				   ArrayBuildState *before);
static bool take_event(OrderDocument *document, const JsonbShape *event_shape,
					   const NullableDatum *found);
static void lease(const Request *request, TimestampTz now,
				  ArrayBuildState *taken);
static uint64 find_undelivered_events(NullableDatum ids);
static void put_event(OrderDocument *document, const JsonbShape *event_shape,
					  const NullableDatum *found, const NullableDatum *event);
static NullableDatum ids_argument(const NullableDatum *argument);
static NullableDatum reason_argument(const NullableDatum *argument);
static int32 mark_events(NullableDatum ids, Mark *mark, NullableDatum at,
						 NullableDatum reason);
pg_noreturn static void refuse_repeated_id(int64 id);

Datum
take_order_events(PG_FUNCTION_ARGS)
{
	Request		request = {
		.max = integer_argument(&fcinfo->args[0], "max", 1),
		.event = fcinfo->args[1],
		.lease_seconds = DatumGetInt32(required_argument(&fcinfo->args[2], "lease_seconds"))
	};

	if (request.lease_seconds < 1 || request.lease_seconds > LEASE_MAX)
		refuse_argument("lease_seconds", "1 to " CppAsString2(LEASE_MAX));
	if (!request.event.isnull &&
		!is_order_event(TextDatumGetCString(request.event.value)))
		refuse_argument("event", EVENTS_PHRASE);
	PG_RETURN_JSONB_P(take(&request));
}

Datum
acknowledge_order_events(PG_FUNCTION_ARGS)
{
	Access		access;
	NullableDatum ids = ids_argument(&fcinfo->args[0]);
	NullableDatum now = timestamptz_value(GetCurrentTimestamp());
	int32		count;

	begin_delivery_access(&access);
	PreventCommandDuringRecovery("acknowledge_order_events()");
	count = mark_events(ids, &delivered, now, NULL_VALUE);
	end_access(&access);
	PG_RETURN_INT32(count);
}

Datum
fail_order_events(PG_FUNCTION_ARGS)
{
	Access		access;
	NullableDatum ids = ids_argument(&fcinfo->args[0]);
	NullableDatum reason = reason_argument(&fcinfo->args[1]);
	NullableDatum now = timestamptz_value(GetCurrentTimestamp());
	int32		count;

	begin_delivery_access(&access);
	PreventCommandDuringRecovery("fail_order_events()");
	count = mark_events(ids, &failed, now, reason);
	end_access(&access);
	PG_RETURN_INT32(count);
}

Datum
release_order_events(PG_FUNCTION_ARGS)
{
	Access		access;
	NullableDatum ids = ids_argument(&fcinfo->args[0]);
	NullableDatum none = NULL_VALUE;
	int32		count;

	begin_staff_access(&access);
	PreventCommandDuringRecovery("release_order_events()");
	count = mark_events(ids, &released, none, none);
	end_access(&access);
	PG_RETURN_INT32(count);
}

/*
 * Locks the events until the transaction ends, and leases them beyond it.  For as
 * long as others have locked what was found, further events are looked for, more
 * each time.
 *
 * Raises 42501 for a caller who may not deliver events, 55000 for older tables.
 */
static Jsonb *
take(const Request *request)
{
	Access		access;
	TimestampTz now = GetCurrentTimestamp();
	OrderDocument document;
	JsonbShape *event_shape;
	int64		wanted = request->max;
	uint64		nfound;
	ArrayBuildState *known = initArrayResult(INT8OID, CurrentMemoryContext,
											 false);
	ArrayBuildState *taken = initArrayResult(INT8OID, CurrentMemoryContext,
											 false);
	Jsonb	   *result;

	begin_delivery_access(&access);
	PreventCommandDuringRecovery("take_order_events()");

	/*
	 * The planner takes a LIMIT that it does not know for a tenth of the
	 * rows, and would have code compiled, at a hundred times the cost of the
	 * query.
	 */
	pin_setting("jit", "off");
	event_shape = jsonb_shape(event_keys, lengthof(event_keys));
	begin_order_document(&document, NOT_A_PLACEMENT, AS_JSONB,
						 access.result_context);
	jsonb_open_array(&document.writer);
	do
	{
		SPITupleTable *events;

		nfound = find(request, now, wanted, known);
		events = SPI_tuptable;
		for (uint64 i = 0; i < nfound && taken->nelems < request->max; i++)
		{
			NullableDatum found[FOUND_NCOLUMNS];

			CHECK_FOR_INTERRUPTS();
			read_row(events, i, found, lengthof(found));
			accumArrayResult(known, found[FOUND_ID].value, false, INT8OID,
							 CurrentMemoryContext);
			if (take_event(&document, event_shape, found))
				accumArrayResult(taken, found[FOUND_ID].value, false, INT8OID,
								 CurrentMemoryContext);
		}
		SPI_freetuptable(events);
		if (nfound < (uint64) wanted)
			break;
		wanted *= 2;
	} while (taken->nelems < request->max);
	jsonb_close_array(&document.writer);
	if (taken->nelems > 0)
		lease(request, now, taken);
	result = jsonb_finish(&document.writer);
	end_access(&access);
	return result;
}

/* Leaves the events in SPI_tuptable. */
static uint64
find(const Request *request, TimestampTz now, int64 max,
	 ArrayBuildState *before)
{
	NullableDatum values[] = {
		bigint_value(max),
		timestamptz_value(now),
		not_null(makeArrayResult(before, CurrentMemoryContext)),
		request->event
	};

	return execute(request->event.isnull ? &find_available :
				   &find_available_of_name, values, FRESH_SNAPSHOT);
}

/* False if somebody else has it, or had. */
static bool
take_event(OrderDocument *document, const JsonbShape *event_shape,
		   const NullableDatum *found)
{
	NullableDatum values[FOUND_NKEYS + 1];
	NullableDatum event[EVENT_NCOLUMNS];
	SPITupleTable *events;
	uint64		locked;

	memcpy(values, found, FOUND_NKEYS * sizeof(NullableDatum));
	values[FOUND_NKEYS] = found[FOUND_TAKEN_UNTIL];
	locked = execute(&lock_event, values, FRESH_SNAPSHOT);
	events = SPI_tuptable;
	if (locked > 0)
	{
		read_row(events, 0, event, lengthof(event));
		put_event(document, event_shape, found, event);
	}
	SPI_freetuptable(events);
	return locked > 0;
}

/*
 * Raises 09000 when a trigger of the shop's keeps an event from being leased: it
 * would be given out again at once.
 */
static void
lease(const Request *request, TimestampTz now, ArrayBuildState *taken)
{
	NullableDatum values[] = {
		not_null(makeArrayResult(taken, CurrentMemoryContext)),
		not_null(DirectFunctionCall2(timestamptz_part,
									 CStringGetTextDatum("epoch"),
									 TimestampTzGetDatum(now))),
		integer_value(request->lease_seconds)
	};
	uint64		leased = execute(&lease_events, values, FRESH_SNAPSHOT);

	/* Raises the error that says so, if ids are the reason. */
	if (leased > (uint64) taken->nelems)
		find_undelivered_events(values[0]);
	require_written(leased, taken->nelems);
}

/* Order and customer are as they are now, not as they were at the event. */
static void
put_event(OrderDocument *document, const JsonbShape *event_shape,
		  const NullableDatum *found, const NullableDatum *event)
{
	JsonbWriter *writer = &document->writer;
	int64		customer_id = DatumGetInt64(found[FOUND_CUSTOMER_ID].value);
	int64		order_id = DatumGetInt64(found[FOUND_ORDER_ID].value);

	jsonb_open_object(writer, event_shape);
	jsonb_put_int8(writer, found[FOUND_ID]);
	jsonb_put_text(writer, event[EVENT_ACTOR]);
	jsonb_put_text(writer, event[EVENT_NAME]);
	if (!put_order(document, customer_id, order_id, FRESH_SNAPSHOT))
		jsonb_put_null(writer);
	jsonb_put_int4(writer, event[EVENT_ATTEMPT]);
	jsonb_put_jsonb(writer, event[EVENT_PAYLOAD]);
	put_customer(writer, customer_id, FRESH_SNAPSHOT);
	jsonb_put_int64(writer, order_id);
	jsonb_put_timestamptz(writer, event[EVENT_CREATED_AT]);
	jsonb_put_text(writer, event[EVENT_NEW_STATUS]);
	jsonb_put_text(writer, event[EVENT_OLD_STATUS]);
	jsonb_put_int64(writer, customer_id);
	jsonb_close_object(writer);
}

static NullableDatum
ids_argument(const NullableDatum *argument)
{
	Datum		ids = required_argument(argument, "ids");

	if (array_contains_nulls(DatumGetArrayTypeP(ids)))
		refuse_null("ids");
	return not_null(ids);
}

static NullableDatum
reason_argument(const NullableDatum *argument)
{
	Datum		reason = required_argument(argument, "reason");

	if (is_blank(reason) || length_of(reason) > FAILURE_MAX_LENGTH)
		refuse_argument("reason", "1 to " CppAsString2(FAILURE_MAX_LENGTH)
						" characters, not all of them blank");
	return not_null(reason);
}

/*
 * Returns how many of the events have not been delivered, with these in
 * SPI_tuptable.  Raises 55000 if two of them have one id.
 */
static uint64
find_undelivered_events(NullableDatum ids)
{
	uint64		count = execute(&find_undelivered, &ids, FRESH_SNAPSHOT);
	int64		previous = 0;

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum found[FOUND_NCOLUMNS];
		int64		id;

		read_row(SPI_tuptable, i, found, lengthof(found));
		id = DatumGetInt64(found[FOUND_ID].value);
		if (i > 0 && id == previous)
			refuse_repeated_id(id);
		previous = id;
	}
	return count;
}

/*
 * Marks those of the events that are in the state for it, which is known once
 * their rows are locked, and returns how many.  Raises 55000 if two events have
 * one id, and 09000 when a trigger of the shop's keeps one as it was.
 */
static int32
mark_events(NullableDatum ids, Mark *mark, NullableDatum at,
			NullableDatum reason)
{
	uint64		count = find_undelivered_events(ids);
	SPITupleTable *events = SPI_tuptable;
	int32		marked = 0;

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum found[FOUND_NCOLUMNS];
		NullableDatum values[FOUND_NKEYS + 2];
		uint64		written;

		CHECK_FOR_INTERRUPTS();
		read_row(events, i, found, lengthof(found));
		memcpy(values, found, FOUND_NKEYS * sizeof(NullableDatum));
		values[FOUND_NKEYS] = at;
		values[FOUND_NKEYS + 1] = reason;
		written = execute(&mark->update, values, FRESH_SNAPSHOT);
		if (written == 0)
			require_written(0, execute(&mark->select, values, LATEST_SNAPSHOT));
		else
			require_written(written, 1);
		marked += written;
	}
	SPI_freetuptable(events);
	return marked;
}

static void
refuse_repeated_id(int64 id)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("two events have one id"),
			errdetail_internal("{\"code\": \"event_id_used_twice\", \"event_id\": " INT64_FORMAT "}",
							   id),
			errhint("Give one of them another id: order_integrity() shows their orders."));
}
