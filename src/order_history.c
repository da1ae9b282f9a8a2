/*-------------------------------------------------------------------------
 *
 * order_history.c
 *		Writes what happens to orders: the only writer of order_events.
 *
 * An event is written in the transaction of what it tells of, so there is none
 * without the other.  Delivering events is for outbox.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "jsonb_writer.h"
#include "order_history.h"
#include "order_lifecycle.h"

static Statement select_last_number = {
	.query =
	"SELECT coalesce(max(event_number), 0)::integer FROM ecommerce.order_events"
	" WHERE customer_id = $1 AND order_id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement insert_event = {
	.query =
	"INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,"
	"       event, old_status, new_status, payload, actor, person)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID,
			   TEXTOID, TEXTOID)
};

#define PAST_EVENT_COLUMNS(COLUMN) \
	COLUMN(event_number, integer, INT4OID) \
	COLUMN(event, text, TEXTOID) \
	COLUMN(old_status, text, TEXTOID) \
	COLUMN(new_status, text, TEXTOID) \
	COLUMN(payload, jsonb, JSONBOID) \
	COLUMN(actor, text, TEXTOID) \
	COLUMN(created_at, timestamptz, TIMESTAMPTZOID) \
	COLUMN(delivered_at, timestamptz, TIMESTAMPTZOID)

#define PAST_EVENT_NCOLUMNS	(0 PAST_EVENT_COLUMNS(COLUMN_COUNT))

static const char *const past_event_columns[] = {PAST_EVENT_COLUMNS(COLUMN_NAME)};
static const Oid past_event_types[] = {PAST_EVENT_COLUMNS(COLUMN_OID)};

static RowInserter past_event_inserter = {
	.insert = "INSERT INTO ecommerce.order_events (customer_id, order_id",
	.ncolumns = PAST_EVENT_NCOLUMNS,
	.nusual = PAST_EVENT_NCOLUMNS,
	.columns = past_event_columns,
	.types = past_event_types
};

static void write_later_event(const Access *access, int64 user_id,
							  int64 order_id, const char *event,
							  const char *from, const char *to,
							  Jsonb *payload);
static void write_event(const NullableDatum *values);
static void refuse_taken_id(void);
static int32 last_number(int64 user_id, int64 order_id);

/* Of the events that are outstanding. */
static const RowNumber event_ids = {
	.indexes = {"order_events_undelivered_idx"},
	.refuse = refuse_taken_id
};

void
write_placement(const Access *access, int64 user_id, int64 order_id,
				NullableDatum status)
{
	NullableDatum values[] = {
		bigint_value(user_id),
		bigint_value(order_id),
		integer_value(1),
		text_value(event_of_status(STATUS_PLACED)),
		NULL_VALUE,
		status,
		NULL_VALUE,
		text_value(GetUserNameFromId(access->caller, false)),
		claimed_person()
	};

	write_event(values);
}

void
plan_placement(void)
{
	plan_statement(&insert_event);
}

void
write_status_change(const Access *access, int64 user_id, int64 order_id,
					const char *from, const char *to, Jsonb *payload)
{
	write_later_event(access, user_id, order_id, event_of_status(to), from,
					  to, payload);
}

void
write_correction(const Access *access, int64 user_id, int64 order_id,
				 const char *from, const char *to, Jsonb *payload)
{
	write_later_event(access, user_id, order_id, EVENT_CORRECTED, from, to,
					  payload);
}

void
write_note(const Access *access, int64 user_id, int64 order_id,
		   const char *event, const char *status, Jsonb *payload)
{
	write_later_event(access, user_id, order_id, event, status, status,
					  payload);
}

void
write_past_events(const Access *access, int64 user_id, int64 order_id,
				  const PastEvent *events, int count)
{
	NullableDatum *rows = palloc_extended(count * PAST_EVENT_NCOLUMNS * sizeof(NullableDatum),
										  MCXT_ALLOC_HUGE);
	NullableDatum actor = text_value(GetUserNameFromId(access->caller, false));
	NullableDatum now = timestamptz_value(GetCurrentTransactionStartTimestamp());

	for (int i = 0; i < count; i++)
	{
		NullableDatum row[PAST_EVENT_NCOLUMNS] = {
			integer_value(i + 1),
			text_value(event_of_status(events[i].status)),
			i == 0 ? NULL_VALUE : text_value(events[i - 1].status),
			text_value(events[i].status),
			events[i].payload,
			actor,
			events[i].created_at,
			now
		};

		memcpy(&rows[i * PAST_EVENT_NCOLUMNS], row, sizeof(row));
	}
	insert_rows(&past_event_inserter, user_id, order_id, rows, count);
}

static void
write_later_event(const Access *access, int64 user_id, int64 order_id,
				  const char *event, const char *from, const char *to,
				  Jsonb *payload)
{
	NullableDatum values[] = {
		bigint_value(user_id),
		bigint_value(order_id),
		integer_value(last_number(user_id, order_id) + 1),
		text_value(event),
		text_value(from),
		text_value(to),
		jsonb_value(payload),
		text_value(GetUserNameFromId(access->caller, false)),
		claimed_person()
	};

	write_event(values);
}

static void
write_event(const NullableDatum *values)
{
	require_written(execute_insert(&insert_event, values, &event_ids), 1);
}

/* After a restore without sequences, ids begin again. */
static void
refuse_taken_id(void)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("sequence of event ids is behind the events"),
			errdetail_internal("{\"code\": \"event_id_taken\"}"),
			errhint("Tell the shop: after a restore without sequences these are to be set, as order_integrity() shows."));
}

/*
 * 0 for an order without events.  The lock of the order keeps the number the
 * last.  An event that left the status may be newer than the snapshot of a
 * transaction that keeps to one, though the order's row is not.
 */
static int32
last_number(int64 user_id, int64 order_id)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	NullableDatum number;

	require_written(execute(&select_last_number, values, LATEST_SNAPSHOT), 1);
	read_row(SPI_tuptable, 0, &number, 1);
	return DatumGetInt32(number.value);
}

/* {reason} */
Jsonb *
reason_payload(NullableDatum reason)
{
	static const char *const keys[] = {"reason"};
	JsonbWriter writer;

	if (reason.isnull)
		return NULL;
	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(keys, lengthof(keys)));
	jsonb_put_text(&writer, reason);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
