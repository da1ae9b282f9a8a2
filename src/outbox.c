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
 * The rows of other consumers are skipped, not waited for (SKIP LOCKED); they
 * are few, so the partial indexes on what is outstanding find the next ones
 * at once, however long the history.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"

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

enum event_column
{
	EVENT_ID, EVENT_NAME, EVENT_ORDER_ID, EVENT_CUSTOMER_ID, EVENT_OLD_STATUS,
	EVENT_NEW_STATUS, EVENT_PAYLOAD, EVENT_ACTOR, EVENT_ATTEMPT,
	EVENT_CREATED_AT, EVENT_NCOLUMNS
};

/* In stored order: by length, then by bytes. */
static const char *const event_keys[] = {
	"id", "actor", "event", "order", "attempt", "payload", "customer",
	"order_id", "created_at", "new_status", "old_status", "customer_id"
};

enum undelivered_column
{
	UNDELIVERED_ID, UNDELIVERED_IS_FAILED, UNDELIVERED_NCOLUMNS
};

/*
 * Both are put as the predicates of the indexes: what is outstanding, by id and
 * by name, where no other index fits.
 */
#define OUTSTANDING "delivered_at IS NULL AND failed_at IS NULL"
#define OUTSTANDING_BY_NAME \
	"coalesce(delivered_at, failed_at, '-infinity') = '-infinity'"

/* With the dead letters: one index for each side of the OR. */
#define UNDELIVERED \
	"delivered_at IS NULL AND (failed_at IS NULL OR failed_at IS NOT NULL)"

/* A counter at its end stays there. */
#define NEXT_ATTEMPT "attempts + (attempts < 2147483647)::integer"

/*
 * The sub-select finds the order's first outstanding event by the primary key;
 * as NOT EXISTS it would be a join, for which the planner might read them all.
 *
 * $2 is from before the locks that this waits for, so it is too early to judge
 * how far in the future a lease ends.
 */
#define LOCK_EVENTS(outstanding, of_this_name) \
	"SELECT id::bigint, event::text, order_id::bigint, customer_id::bigint," \
	"       old_status::text, new_status::text, payload::jsonb, actor::text," \
	"       (" NEXT_ATTEMPT ")::integer, created_at::timestamptz" \
	"  FROM ecommerce.order_events AS outstanding" \
	" WHERE " outstanding of_this_name \
	"   AND (taken_until IS NULL OR taken_until <= $2" \
	"        OR taken_until > clock_timestamp() + interval '" CppAsString2(LEASE_MAX) " s')" \
	"   AND event_number =" \
	"       (SELECT min(event_number) FROM ecommerce.order_events" \
	"         WHERE customer_id = outstanding.customer_id" \
	"           AND order_id = outstanding.order_id" \
	"           AND " OUTSTANDING of_this_name ")" \
	" ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED"

static Statement lock_events = {
	.query = LOCK_EVENTS(OUTSTANDING, ""),
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID)
};

static Statement lock_events_of_name = {
	.query = LOCK_EVENTS(OUTSTANDING_BY_NAME, " AND event = $3"),
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID, TEXTOID)
};

/* Each further lease is twice as long, up to an hour: exponential back-off. */
static Statement lease_events = {
	.query =
	"UPDATE ecommerce.order_events"
	"   SET attempts = " NEXT_ATTEMPT ","
	"       taken_until = $2 + make_interval(secs =>"
	"           least($3 * power(2, greatest(0, least(attempts, 30))), greatest($3, 3600)))"
	" WHERE id = ANY ($1) AND " OUTSTANDING,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID, TIMESTAMPTZOID, INT4OID)
};

/* In the order of ids, so that consumers never wait for each other in a circle. */
static Statement lock_undelivered = {
	.query =
	"SELECT id::bigint, (failed_at IS NOT NULL)::boolean"
	"  FROM ecommerce.order_events"
	" WHERE id = ANY ($1) AND " UNDELIVERED
	" ORDER BY id FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

/* A dead letter that has been delivered after all is none. */
static Statement mark_delivered = {
	.query =
	"UPDATE ecommerce.order_events"
	"   SET delivered_at = $2, failed_at = NULL, failure = NULL"
	" WHERE id = ANY ($1) AND " UNDELIVERED,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID, TIMESTAMPTZOID)
};

static Statement mark_failed = {
	.query =
	"UPDATE ecommerce.order_events SET failed_at = $2, failure = $3"
	" WHERE id = ANY ($1) AND " OUTSTANDING,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID)
};

/* As if they had never been taken. */
static Statement release = {
	.query =
	"UPDATE ecommerce.order_events"
	"   SET failed_at = NULL, failure = NULL, taken_until = NULL, attempts = 0"
	" WHERE id = ANY ($1) AND " UNDELIVERED,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID)
};

PG_FUNCTION_INFO_V1(take_order_events);
PG_FUNCTION_INFO_V1(acknowledge_order_events);
PG_FUNCTION_INFO_V1(fail_order_events);
PG_FUNCTION_INFO_V1(release_order_events);

static Jsonb *take(const Request *request);
static uint64 lock_available_events(const Request *request, TimestampTz now);
static void lease(const Request *request, SPITupleTable *events, uint64 count,
				  TimestampTz now);
static void put_event(OrderDocument *document, const JsonbShape *event_shape,
					  SPITupleTable *events, uint64 row);
static NullableDatum ids_argument(const NullableDatum *argument);
static NullableDatum reason_argument(const NullableDatum *argument);
static uint64 lock(NullableDatum ids, uint64 *failed);
static void refuse_repeated_id(int64 id);

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
	NullableDatum values[] = {
		ids_argument(&fcinfo->args[0]),
		timestamptz_value(GetCurrentTimestamp())
	};
	uint64		failed;
	uint64		undelivered;

	begin_delivery_access(&access);
	undelivered = lock(values[0], &failed);
	require_written(execute(&mark_delivered, values, FRESH_SNAPSHOT),
					undelivered);
	end_access(&access);
	PG_RETURN_INT32(undelivered);
}

Datum
fail_order_events(PG_FUNCTION_ARGS)
{
	Access		access;
	NullableDatum values[] = {
		ids_argument(&fcinfo->args[0]),
		timestamptz_value(GetCurrentTimestamp()),
		reason_argument(&fcinfo->args[1])
	};
	uint64		failed;
	uint64		outstanding;

	begin_delivery_access(&access);
	outstanding = lock(values[0], &failed) - failed;
	require_written(execute(&mark_failed, values, FRESH_SNAPSHOT),
					outstanding);
	end_access(&access);
	PG_RETURN_INT32(outstanding);
}

Datum
release_order_events(PG_FUNCTION_ARGS)
{
	Access		access;
	NullableDatum ids = ids_argument(&fcinfo->args[0]);
	uint64		failed;
	uint64		undelivered;

	begin_staff_access(&access);
	undelivered = lock(ids, &failed);
	require_written(execute(&release, &ids, FRESH_SNAPSHOT), undelivered);
	end_access(&access);
	PG_RETURN_INT32(undelivered);
}

/*
 * Locks the events until the transaction ends, and leases them beyond it.
 * Raises 42501 for a caller who may not deliver events, 55000 for older
 * tables.
 */
static Jsonb *
take(const Request *request)
{
	Access		access;
	TimestampTz now = GetCurrentTimestamp();
	OrderDocument document;
	JsonbShape *event_shape;
	SPITupleTable *events;
	uint64		count;
	Jsonb	   *result;

	begin_delivery_access(&access);

	/*
	 * The planner takes a LIMIT that it does not know for a tenth of the
	 * rows, and would have code compiled, at a hundred times the cost of the
	 * query.
	 */
	pin_setting("jit", "off");
	count = lock_available_events(request, now);
	events = SPI_tuptable;
	lease(request, events, count, now);

	event_shape = jsonb_shape(event_keys, lengthof(event_keys));
	begin_order_document(&document, NOT_A_PLACEMENT, AS_JSONB,
						 access.result_context);
	jsonb_open_array(&document.writer);
	for (uint64 i = 0; i < count; i++)
		put_event(&document, event_shape, events, i);
	jsonb_close_array(&document.writer);
	result = jsonb_finish(&document.writer);
	end_access(&access);
	return result;
}

/* Leaves the events in SPI_tuptable. */
static uint64
lock_available_events(const Request *request, TimestampTz now)
{
	NullableDatum values[] = {
		bigint_value(request->max),
		timestamptz_value(now),
		request->event
	};

	return execute(request->event.isnull ? &lock_events : &lock_events_of_name,
				   values, FRESH_SNAPSHOT);
}

/*
 * Raises 09000 when a trigger of the shop's keeps an event from being leased:
 * it would be given out again at once.
 */
static void
lease(const Request *request, SPITupleTable *events, uint64 count,
	  TimestampTz now)
{
	NullableDatum values[] = {
		bigint_array(events, count, EVENT_ID),
		timestamptz_value(now),
		integer_value(request->lease_seconds)
	};

	uint64		leased = execute(&lease_events, values, FRESH_SNAPSHOT);
	uint64		failed;

	/* Raises the error that says so, if ids are the reason. */
	if (leased > count)
		lock(values[0], &failed);
	require_written(leased, count);
}

/* Order and customer are as they are now, not as they were at the event. */
static void
put_event(OrderDocument *document, const JsonbShape *event_shape,
		  SPITupleTable *events, uint64 row)
{
	JsonbWriter *writer = &document->writer;
	NullableDatum event[EVENT_NCOLUMNS];
	int64		customer_id;
	int64		order_id;

	CHECK_FOR_INTERRUPTS();
	read_row(events, row, event, lengthof(event));
	customer_id = DatumGetInt64(event[EVENT_CUSTOMER_ID].value);
	order_id = DatumGetInt64(event[EVENT_ORDER_ID].value);

	jsonb_open_object(writer, event_shape);
	jsonb_put_int8(writer, event[EVENT_ID]);
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
 * Locks those of the events that have not been delivered, and returns how many
 * they are, and how many of them have failed.  Raises 55000 if two have one id.
 */
static uint64
lock(NullableDatum ids, uint64 *failed)
{
	uint64		count = execute(&lock_undelivered, &ids, FRESH_SNAPSHOT);
	SPITupleTable *events = SPI_tuptable;
	int64		previous = 0;

	*failed = 0;
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum event[UNDELIVERED_NCOLUMNS];
		int64		id;

		CHECK_FOR_INTERRUPTS();
		read_row(events, i, event, lengthof(event));
		id = DatumGetInt64(event[UNDELIVERED_ID].value);
		if (i > 0 && id == previous)
			refuse_repeated_id(id);
		previous = id;
		*failed += DatumGetBool(event[UNDELIVERED_IS_FAILED].value);
	}
	SPI_freetuptable(events);
	return count;
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
