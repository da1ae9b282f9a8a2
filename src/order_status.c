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
#include "stock.h"
#include "tables.h"
#include "texts.h"
#include "users.h"

/* Bytes of a payload, and characters of the reason of a correction. */
#define PAYLOAD_MAX_SIZE	16384
#define REASON_MAX_LENGTH	1000

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

static Statement select_quantities = {
	.query =
	"SELECT product_id::bigint, sum(quantity)::bigint"
	"  FROM ecommerce.order_details WHERE customer_id = $1 AND order_id = $2"
	"   AND is_counted IS NOT FALSE"
	" GROUP BY product_id ORDER BY product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* What came back line by line, and cannot have come by mistake. */
static Statement select_return = {
	.query =
	"SELECT 1 FROM ecommerce.order_returns"
	" WHERE customer_id = $1 AND order_id = $2 LIMIT 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

typedef struct LockedOrder
{
	const char *status;
	int64		stock_bucket;
	bool		is_charged;		/* for more than its lines */
} LockedOrder;

PG_FUNCTION_INFO_V1(set_order_status_2);
PG_FUNCTION_INFO_V1(correct_order_status);
PG_FUNCTION_INFO_V1(cancel_order);
PG_FUNCTION_INFO_V1(api_cancel_order);

/* The same of versions before 2.0, without a payload. */
PG_FUNCTION_INFO_V1(set_order_status);

static Jsonb *cancel(int64 user_id, int64 order_id, const char *reason);
static Jsonb *change_status(const Access *access, int64 user_id,
							int64 order_id, const char *status,
							Jsonb *payload);
static Jsonb *correct_status(const Access *access, int64 user_id,
							 int64 order_id, const char *status,
							 const char *reason);
static Jsonb *payload_argument(const NullableDatum *argument);
static LockedOrder lock_and_read_order(int64 user_id, int64 order_id);
pg_noreturn static void refuse_change(int64 order_id, const char *from,
									  const char *to);
static void refuse_returned_items(int64 user_id, int64 order_id);
static void return_units_of_order(int64 user_id, int64 order_id,
								  int64 stock_bucket);
static Jsonb *reason_payload(const char *reason);

/*
 * Cancelling is left to cancel_order(), which needs a reason and returns the
 * stock.
 */
Datum
set_order_status_2(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	const char *status = text_argument(&fcinfo->args[2], "status");
	Jsonb	   *payload = payload_argument(&fcinfo->args[3]);
	Access		access;
	Jsonb	   *order;

	if (event_of_status(status) == NULL ||
		strcmp(status, STATUS_CANCELLED) == 0)
		refuse_argument("status", STATUSES_PHRASE "; but CANCELLED only by cancel_order");
	begin_staff_access(&access);
	if (payload != NULL)
		hold_off_erasure(user_id);
	order = change_status(&access, user_id, order_id, status, payload);
	end_access(&access);
	PG_RETURN_JSONB_P(order);
}

Datum
set_order_status(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	refuse_old_extension("ecommerce.set_order_status(bigint,bigint,text,jsonb)");
}

/* A cancellation stays: its units are somebody else's by now. */
Datum
correct_order_status(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	const char *status = text_argument(&fcinfo->args[2], "status");
	const char *reason = text_argument(&fcinfo->args[3], "reason");
	Access		access;
	Jsonb	   *order;

	if (!can_be_corrected(STATUS_DELIVERED, status) &&
		!can_be_corrected(STATUS_RETURNED, status))
		refuse_argument("status", "PROCESSING, SHIPPED or DELIVERED");
	if (is_blank(fcinfo->args[3].value) ||
		length_of(fcinfo->args[3].value) > REASON_MAX_LENGTH)
		refuse_argument("reason", "1 to " CppAsString2(REASON_MAX_LENGTH)
						" characters that are not all blank");
	begin_staff_access(&access);
	hold_off_erasure(user_id);
	order = correct_status(&access, user_id, order_id, status, reason);
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

/*
 * The event is one of its own, so nobody is told once more that the order was
 * placed or sent.
 */
static Jsonb *
correct_status(const Access *access, int64 user_id, int64 order_id,
			   const char *status, const char *reason)
{
	LockedOrder order = lock_and_read_order(user_id, order_id);

	if (strcmp(order.status, status) != 0)
	{
		NullableDatum values[] = {
			bigint_value(user_id),
			bigint_value(order_id),
			text_value(status)
		};

		if (!can_be_corrected(order.status, status))
			refuse_change(order_id, order.status, status);
		if (strcmp(order.status, STATUS_RETURNED) == 0)
			refuse_returned_items(user_id, order_id);
		write_correction(access, user_id, order_id, order.status, status,
						 reason_payload(reason));
		require_written(execute(&update_status, values, FRESH_SNAPSHOT), 1);
	}
	return read_order(access, user_id, order_id, NOT_A_PLACEMENT,
					  FRESH_SNAPSHOT);
}

/* What the shop knows of the change, such as the number of a parcel. */
static Jsonb *
payload_argument(const NullableDatum *argument)
{
	Jsonb	   *payload;

	if (argument->isnull)
		return NULL;
	payload = DatumGetJsonbP(argument->value);
	if (!JB_ROOT_IS_OBJECT(payload) || VARSIZE(payload) > PAYLOAD_MAX_SIZE)
		refuse_argument("payload", "an object of at most "
						CppAsString2(PAYLOAD_MAX_SIZE) " bytes");
	return payload;
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

static void
refuse_returned_items(int64 user_id, int64 order_id)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};

	if (execute(&select_return, values, FRESH_SNAPSHOT) == 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("items of the order have been returned"),
			errdetail_internal("{\"code\": \"items_returned\", \"user_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}",
							   user_id, order_id),
			errhint("Place a new order for what the customer has after all."));
}

/*
 * To the bucket that the order drew on: the cart may draw on another one by
 * now.  The order is locked; stock is locked next, by product id.
 */
static void
return_units_of_order(int64 user_id, int64 order_id, int64 stock_bucket)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	int			count = execute(&select_quantities, values, FRESH_SNAPSHOT);
	StockUnits *units = palloc_extended(count * sizeof(StockUnits),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int i = 0; i < count; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		units[i].product_id = DatumGetInt64(row[0].value);
		units[i].quantity = DatumGetInt64(row[1].value);
	}
	return_stock(stock_bucket, units, count);
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
