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
#include "utils/json.h"

#include "access.h"
#include "arguments.h"
#include "discounts.h"
#include "errors.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "order_returns.h"
#include "stock.h"
#include "tables.h"

static Statement lock_order_no_key_update = {
	.query =
	"SELECT order_status::text, stock_bucket::bigint, items_amount IS NOT NULL"
	"  FROM ecommerce.orders"
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

typedef struct LockedOrder
{
	const char *status;
	int64		stock_bucket;
	bool		is_charged;		/* for more than its lines */
} LockedOrder;

PG_FUNCTION_INFO_V1(set_order_status);
PG_FUNCTION_INFO_V1(cancel_order);
PG_FUNCTION_INFO_V1(api_cancel_order);

static Jsonb *cancel(int64 user_id, int64 order_id, const char *reason);
static Jsonb *change_status(const Access *access, int64 user_id,
							int64 order_id, const char *status,
							Jsonb *payload);
static LockedOrder lock_and_read_order(int64 user_id, int64 order_id);
pg_noreturn static void refuse_change(int64 order_id, const char *from,
									  const char *to);
static void return_units_of_order(int64 user_id, int64 order_id,
								  int64 stock_bucket);
static Jsonb *reason_payload(const char *reason);

/*
 * Cancelling is left to cancel_order(), which needs a reason and returns the
 * stock.
 */
Datum
set_order_status(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	const char *status = text_argument(&fcinfo->args[2], "status");
	Access		access;
	Jsonb	   *order;

	if (event_of_status(status) == NULL ||
		strcmp(status, STATUS_CANCELLED) == 0)
		refuse_argument("status", STATUSES_PHRASE "; but CANCELLED only by cancel_order");
	begin_staff_access(&access);
	order = change_status(&access, user_id, order_id, status, NULL);
	end_access(&access);
	PG_RETURN_JSONB_P(order);
}

/* Whoever may act for the user may cancel, and name any reason. */
Datum
cancel_order(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	const char *reason = text_argument(&fcinfo->args[2], "reason");

	if (!is_cancel_reason(reason))
		refuse_argument("reason", REASONS_PHRASE);
	PG_RETURN_JSONB_P(cancel(user_id, order_id, reason));
}

/* The other reasons are the shop's to give. */
Datum
api_cancel_order(PG_FUNCTION_ARGS)
{
	int64		user_id = require_claimed_user();
	int64		order_id = bigint_argument(&fcinfo->args[0], "order_id");

	PG_RETURN_JSONB_P(cancel(user_id, order_id, REASON_CUSTOMER));
}

/*
 * Raises what change_status() does, and 42501 or PT401 for a caller who may
 * not.
 */
static Jsonb *
cancel(int64 user_id, int64 order_id, const char *reason)
{
	Access		access;
	Jsonb	   *order;

	begin_access(&access, user_id);
	order = change_status(&access, user_id, order_id, STATUS_CANCELLED,
						  reason_payload(reason));
	end_access(&access);
	return order;
}

/* Called again for the same status, it writes nothing: a retry is safe. */
static Jsonb *
change_status(const Access *access, int64 user_id, int64 order_id,
			  const char *status, Jsonb *payload)
{
	LockedOrder order = lock_and_read_order(user_id, order_id);

	if (strcmp(order.status, status) != 0)
	{
		NullableDatum values[] = {
			bigint_value(user_id),
			bigint_value(order_id),
			text_value(status)
		};

		if (!can_follow(order.status, status))
			refuse_change(order_id, order.status, status);
		if (strcmp(status, STATUS_CANCELLED) == 0)
		{
			return_units_of_order(user_id, order_id, order.stock_bucket);
			if (order.is_charged)
				return_promotion_uses(user_id, order_id);
		}
		/* The event comes first: check_order_change() in SQL looks for it. */
		write_status_change(access, user_id, order_id, order.status, status,
							payload);
		require_written(execute(&update_status, values, FRESH_SNAPSHOT), 1);
	}
	return read_order(access, user_id, order_id, NOT_A_PLACEMENT,
					  FRESH_SNAPSHOT);
}

/* Returns the status; a table that has lost its NOT NULL may have none. */
static LockedOrder
lock_and_read_order(int64 user_id, int64 order_id)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	NullableDatum row[3];
	LockedOrder order;

	if (execute(&lock_order_no_key_update, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_order(user_id, order_id);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	order.status = row[0].isnull ? "" : TextDatumGetCString(row[0].value);
	order.stock_bucket = row[1].isnull ? 0 : DatumGetInt64(row[1].value);
	order.is_charged = DatumGetBool(row[2].value);
	return order;
}

/*
 * The status that is stored may be any text, in a table that has lost its
 * CHECK.
 */
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

/*
 * What has not come back by itself, to the bucket that the order drew on: the
 * cart may draw on another one by now.  The order is locked; stock is locked
 * next, by product id.
 */
static void
return_units_of_order(int64 user_id, int64 order_id, int64 stock_bucket)
{
	int			count;
	SoldLine   *lines = read_sold_lines(user_id, order_id, &count);
	int64	   *out = palloc_extended(count * sizeof(int64), MCXT_ALLOC_HUGE);
	StockUnits *units;
	int			nunits;

	for (int i = 0; i < count; i++)
		out[i] = lines[i].quantity - lines[i].returned;
	units = units_of_lines(lines, out, count, &nunits);
	return_stock(stock_bucket, units, nunits);
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
