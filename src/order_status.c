/*-------------------------------------------------------------------------
 *
 * order_status.c
 *		What becomes of an order once it has been placed.
 *
 * Read change_status() from top to bottom.  The row of the order is locked
 * first, so its changes come one after the other and each sees the status that
 * the one before left: of a cancellation and a shipment at once, one is
 * refused; of two cancellations, the second finds nothing left to do.  Stock
 * comes after the order, by product id, which is the order of place_order.c.
 *
 * Every change of status is one row of ecommerce.order_events, written in the
 * same transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "jsonb_writer.h"
#include "order_listing.h"
#include "order_status.h"
#include "statement.h"

/* Which status can follow which.  check_order_change() in SQL has the same. */
static const struct
{
	const char *from;
	const char *to;
}			transitions[] = {
	{"PROCESSING", "SHIPPED"},
	{"PROCESSING", "CANCELLED"},
	{"SHIPPED", "DELIVERED"},
	{"SHIPPED", "RETURNED"},
	{"DELIVERED", "RETURNED"}
};

static const struct
{
	const char *status;
	const char *event;
}			events[] = {
	{"PROCESSING", "order_placed"},
	{"SHIPPED", "order_shipped"},
	{"DELIVERED", "order_delivered"},
	{"CANCELLED", "order_cancelled"},
	{"RETURNED", "order_returned"}
};

/* Whose units of a product go back into stock. */
typedef struct Restock
{
	int32		bucket;
	int64		product_id;
	int64		quantity;
} Restock;

static Statement lock_order = {
	.query =
	"SELECT order_status::text, stock_bucket::integer FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = $2 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement update_status = {
	.query =
	"UPDATE ecommerce.orders SET order_status = $3"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, TEXTOID)
};

static Statement insert_event = {
	.query =
	"INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,"
	"       event, old_status, new_status, payload, actor)"
	" VALUES ($1, $2,"
	"         (SELECT coalesce(max(event_number), 0) + 1"
	"            FROM ecommerce.order_events"
	"           WHERE customer_id = $1 AND order_id = $2),"
	"         $3, $4, $5, $6, $7)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID)
};

static Statement select_quantities = {
	.query =
	"SELECT product_id::bigint, sum(quantity)::bigint"
	"  FROM ecommerce.order_details WHERE customer_id = $1 AND order_id = $2"
	" GROUP BY product_id ORDER BY product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement increment_stock = {
	.query =
	"UPDATE ecommerce.stock_levels SET quantity = quantity + $3"
	" WHERE bucket = $1 AND product_id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT4OID, INT8OID, INT8OID)
};

static Statement lock_product = {
	.query = "SELECT 1 FROM ecommerce.products WHERE id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement insert_stock = {
	.query =
	"INSERT INTO ecommerce.stock_levels AS stock (bucket, product_id, quantity)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (bucket, product_id)"
	" DO UPDATE SET quantity = stock.quantity + excluded.quantity",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT4OID, INT8OID, INT8OID)
};

PG_FUNCTION_INFO_V1(set_order_status);
PG_FUNCTION_INFO_V1(cancel_order);

static void check_reason(const char *reason);
static Jsonb *change_status(const Access *access, int64 user_id,
							int64 order_id, const char *status,
							Jsonb *payload);
static const char *lock_and_read_order(int64 user_id, int64 order_id,
									   int32 *stock_bucket);
static bool can_follow(const char *from, const char *to);
pg_noreturn static void refuse_change(int64 order_id, const char *from,
									  const char *to);
static void return_stock(int64 user_id, int64 order_id, int32 bucket);
static void return_units(const Restock *restock);
static void write_event(const Access *access, int64 user_id, int64 order_id,
						const char *from, const char *to, Jsonb *payload);
static Jsonb *reason_payload(const char *reason);

Datum
set_order_status(PG_FUNCTION_ARGS)
{
	int64		user_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id"));
	int64		order_id = DatumGetInt64(required_argument(fcinfo, 1, "order_id"));
	const char *status = TextDatumGetCString(required_argument(fcinfo, 2, "status"));
	Access		access;
	Jsonb	   *order;

	if (event_of_status(status) == NULL || strcmp(status, "CANCELLED") == 0)
		refuse_argument("status", "PROCESSING, SHIPPED, DELIVERED or RETURNED; to cancel, call cancel_order");
	begin_staff_access(&access);
	order = change_status(&access, user_id, order_id, status, NULL);
	end_access(&access);
	PG_RETURN_JSONB_P(order);
}

Datum
cancel_order(PG_FUNCTION_ARGS)
{
	int64		user_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id"));
	int64		order_id = DatumGetInt64(required_argument(fcinfo, 1, "order_id"));
	const char *reason = TextDatumGetCString(required_argument(fcinfo, 2, "reason"));
	Access		access;
	Jsonb	   *order;

	check_reason(reason);
	begin_access(&access, user_id);
	order = change_status(&access, user_id, order_id, "CANCELLED",
						  reason_payload(reason));
	end_access(&access);
	PG_RETURN_JSONB_P(order);
}

const char *
event_of_status(const char *status)
{
	for (size_t i = 0; i < lengthof(events); i++)
		if (strcmp(status, events[i].status) == 0)
			return events[i].event;
	return NULL;
}

bool
is_order_event(const char *name)
{
	for (size_t i = 0; i < lengthof(events); i++)
		if (strcmp(name, events[i].event) == 0)
			return true;
	return false;
}

void
refuse_unknown_order(int64 user_id, int64 order_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("order does not exist"),
			errdetail_internal("{\"code\": \"order_not_found\", \"user_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}",
							   user_id, order_id),
			errhint("Use the id of an order of this user's."));
}

/* The reasons of Shopify's Admin API, OrderCancelReason. */
static void
check_reason(const char *reason)
{
	static const char *const reasons[] = {
		"customer", "inventory", "fraud", "declined", "staff", "other"
	};

	for (size_t i = 0; i < lengthof(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return;
	refuse_argument("reason",
					"customer, inventory, fraud, declined, staff or other");
}

/* Called again for the same status, it writes nothing: a retry is safe. */
static Jsonb *
change_status(const Access *access, int64 user_id, int64 order_id,
			  const char *status, Jsonb *payload)
{
	int32		stock_bucket;
	const char *old_status;

	/* migrate() first completes the history of orders changed by hand. */
	require_version_2();
	old_status = lock_and_read_order(user_id, order_id, &stock_bucket);

	if (strcmp(old_status, status) != 0)
	{
		Datum		values[] = {
			Int64GetDatum(user_id),
			Int64GetDatum(order_id),
			CStringGetTextDatum(status)
		};

		if (!can_follow(old_status, status))
			refuse_change(order_id, old_status, status);
		if (strcmp(status, "CANCELLED") == 0)
			return_stock(user_id, order_id, stock_bucket);
		/* The event comes first: check_order_change() in SQL looks for it. */
		write_event(access, user_id, order_id, old_status, status, payload);
		require_written(execute(&update_status, values, NULL, FRESH_SNAPSHOT),
						1);
	}
	return read_order(access, user_id, order_id, NOT_A_PLACEMENT,
					  FRESH_SNAPSHOT);
}

/* Returns the status; a table that has lost its NOT NULL may have none. */
static const char *
lock_and_read_order(int64 user_id, int64 order_id, int32 *stock_bucket)
{
	Datum		values[] = {Int64GetDatum(user_id), Int64GetDatum(order_id)};
	NullableDatum row[2];

	if (execute(&lock_order, values, NULL, FRESH_SNAPSHOT) == 0)
		refuse_unknown_order(user_id, order_id);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	*stock_bucket = row[1].isnull ? 0 : DatumGetInt32(row[1].value);
	return row[0].isnull ? "" : TextDatumGetCString(row[0].value);
}

static bool
can_follow(const char *from, const char *to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
		if (strcmp(from, transitions[i].from) == 0 &&
			strcmp(to, transitions[i].to) == 0)
			return true;
	return false;
}

static void
refuse_change(int64 order_id, const char *from, const char *to)
{
	StringInfoData stored;

	initStringInfo(&stored);
	escape_json(&stored, from);
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("order cannot change to this status"),
			errdetail_internal("{\"code\": \"illegal_status_change\", \"order_id\": " INT64_FORMAT ", \"from\": %s, \"to\": \"%s\"}",
							   order_id, stored.data, to),
			errhint("Look at the order again: its status may have changed meanwhile."));
}

/* Units of a product that has been deleted are gone with it. */
static void
return_stock(int64 user_id, int64 order_id, int32 bucket)
{
	Datum		values[] = {Int64GetDatum(user_id), Int64GetDatum(order_id)};
	uint64		count = execute(&select_quantities, values, NULL,
								FRESH_SNAPSHOT);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[2];
		Restock		restock = {.bucket = bucket};

		CHECK_FOR_INTERRUPTS();
		read_row(rows, i, row, lengthof(row));
		restock.product_id = DatumGetInt64(row[0].value);
		restock.quantity = DatumGetInt64(row[1].value);
		return_units(&restock);
	}
}

/*
 * A stock level that is not there any more is made again as long as there is
 * the product, which must not be deleted in between.
 */
static void
return_units(const Restock *restock)
{
	Datum		values[] = {
		Int32GetDatum(restock->bucket),
		Int64GetDatum(restock->product_id),
		Int64GetDatum(restock->quantity)
	};

	if (execute(&increment_stock, values, NULL, FRESH_SNAPSHOT) == 0 &&
		execute(&lock_product, &values[1], NULL, FRESH_SNAPSHOT) > 0)
		require_written(execute(&insert_stock, values, NULL, FRESH_SNAPSHOT),
						1);
}

static void
write_event(const Access *access, int64 user_id, int64 order_id,
			const char *from, const char *to, Jsonb *payload)
{
	Datum		values[] = {
		Int64GetDatum(user_id),
		Int64GetDatum(order_id),
		CStringGetTextDatum(event_of_status(to)),
		CStringGetTextDatum(from),
		CStringGetTextDatum(to),
		JsonbPGetDatum(payload),
		CStringGetTextDatum(GetUserNameFromId(access->caller, false))
	};
	const char *nulls = payload == NULL ? "     n " : "       ";

	require_written(execute(&insert_event, values, nulls, FRESH_SNAPSHOT), 1);
}

/* {reason} */
static Jsonb *
reason_payload(const char *reason)
{
	static const char *const keys[] = {"reason"};
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(keys, lengthof(keys)));
	jsonb_put_cstring(&writer, reason);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
