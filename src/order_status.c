/*-------------------------------------------------------------------------
 *
 * order_status.c
 *		What becomes of an order once it has been placed.
 *
 * The row of the order is locked first, so its changes come one after the other
 * and each sees the status that the one before left: of a cancellation and a
 * shipment at once, one is refused; of two cancellations, the second finds
 * nothing left to do.
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
#include "cancellation.h"
#include "errors.h"
#include "order_balances.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "tables.h"
#include "texts.h"
#include "users.h"

/* Bytes of a payload. */
#define PAYLOAD_MAX_SIZE	16384

static Statement update_status = {
	.query =
	"UPDATE ecommerce.orders SET order_status = $3"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, TEXTOID)
};

/* What came back line by line, and cannot have come by mistake. */
static Statement select_return = {
	.query =
	"SELECT 1 FROM ecommerce.order_returns"
	" WHERE customer_id = $1 AND order_id = $2 LIMIT 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement select_status_before = {
	.query =
	"SELECT 1 FROM ecommerce.order_events"
	" WHERE customer_id = $1 AND order_id = $2 AND new_status = $3 LIMIT 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, TEXTOID)
};

PG_FUNCTION_INFO_V1(set_order_status_2);
PG_FUNCTION_INFO_V1(correct_order_status);
PG_FUNCTION_INFO_V1(cancel_order);
PG_FUNCTION_INFO_V1(api_cancel_order);

/* The same of versions before 2.0, without a payload. */
PG_FUNCTION_INFO_V1(set_order_status);

static Document *cancel(DocumentFormat format, int64 user_id, int64 order_id,
						const char *reason);
static void change_status(const Access *access, const LockedOrder *order,
						  const char *status, Jsonb *payload);
static void correct_status(const Access *access, const LockedOrder *order,
						   const char *status, const char *reason);
static bool had_status(const LockedOrder *order, const char *status);
static void give_status(const LockedOrder *order, const char *status);
static Jsonb *payload_argument(const NullableDatum *argument);
static void check_change(const LockedOrder *order, const char *status);
pg_noreturn static void refuse_change(const LockedOrder *order,
									  const char *status);
static void refuse_returned_items(const LockedOrder *order);

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
	LockedOrder order;
	Document   *result;

	if (event_of_status(status) == NULL ||
		strcmp(status, STATUS_CANCELLED) == 0)
		refuse_argument("status", STATUSES_PHRASE "; but CANCELLED only by cancel_order");
	begin_staff_access(&access);
	if (payload != NULL)
		hold_off_erasure(user_id);
	lock_order(&order, user_id, order_id);
	if (strcmp(order.status, status) != 0)
		change_status(&access, &order, status, payload);
	result = read_order(&access, AS_JSONB, user_id, order_id, NOT_A_PLACEMENT,
						FRESH_SNAPSHOT);
	end_access(&access);
	PG_RETURN_POINTER(result);
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
	LockedOrder order;
	Document   *result;

	if (!can_be_corrected(STATUS_DELIVERED, status) &&
		!can_be_corrected(STATUS_RETURNED, status))
		refuse_argument("status", "PROCESSING, SHIPPED or DELIVERED");
	check_text_argument(&fcinfo->args[3], "reason", REASON_MAX_LENGTH);
	begin_staff_access(&access);
	hold_off_erasure(user_id);
	lock_order(&order, user_id, order_id);
	if (strcmp(order.status, status) != 0)
		correct_status(&access, &order, status, reason);
	result = read_order(&access, AS_JSONB, user_id, order_id, NOT_A_PLACEMENT,
						FRESH_SNAPSHOT);
	end_access(&access);
	PG_RETURN_POINTER(result);
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
	PG_RETURN_POINTER(cancel(answer_format(fcinfo), user_id, order_id, reason));
}

/* The other reasons are the shop's to give. */
Datum
api_cancel_order(PG_FUNCTION_ARGS)
{
	int64		user_id = require_claimed_user();
	int64		order_id = bigint_argument(&fcinfo->args[0], "order_id");

	PG_RETURN_POINTER(cancel(answer_format(fcinfo), user_id, order_id,
							 REASON_CUSTOMER));
}

/*
 * Called again, it writes nothing: a retry is safe.  Raises what check_change()
 * does, and 42501 or PT401 for a caller who may not.
 */
static Document *
cancel(DocumentFormat format, int64 user_id, int64 order_id,
	   const char *reason)
{
	Access		access;
	LockedOrder order;
	Document   *result;

	begin_access(&access, user_id);
	lock_order(&order, user_id, order_id);
	if (strcmp(order.status, STATUS_CANCELLED) != 0)
	{
		check_change(&order, STATUS_CANCELLED);
		cancel_orders(&access, &order, 1, reason);
	}
	result = read_order(&access, format, user_id, order_id, NOT_A_PLACEMENT,
						FRESH_SNAPSHOT);
	end_access(&access);
	return result;
}

static void
change_status(const Access *access, const LockedOrder *order,
			  const char *status, Jsonb *payload)
{
	check_change(order, status);
	if (strcmp(order->status, STATUS_PLACED) == 0)
		require_payment(order);
	/* The event comes first: check_order_change() in SQL looks for it. */
	write_status_change(access, order->user_id, order->id, order->status,
						status, payload);
	give_status(order, status);
}

/*
 * The event is one of its own, so nobody is told once more that the order was
 * placed or sent.
 */
static void
correct_status(const Access *access, const LockedOrder *order,
			   const char *status, const char *reason)
{
	LockedOrder corrected = *order;

	if (!can_be_corrected(order->status, status))
		refuse_change(order, status);
	if (strcmp(order->status, STATUS_RETURNED) == 0)
		refuse_returned_items(order);
	if (!had_status(order, status))
		refuse_change(order, status);
	write_correction(access, order->user_id, order->id, order->status, status,
					 reason_payload(text_value(reason)));
	give_status(order, status);
	corrected.status = status;
	renew_deadline(&corrected);
}

/* An order that came in past place_order() may have no event of its placement. */
static bool
had_status(const LockedOrder *order, const char *status)
{
	NullableDatum values[] = {
		bigint_value(order->user_id),
		bigint_value(order->id),
		text_value(status)
	};

	return strcmp(status, STATUS_PLACED) == 0 ||
		execute(&select_status_before, values, FRESH_SNAPSHOT) > 0;
}

static void
give_status(const LockedOrder *order, const char *status)
{
	NullableDatum values[] = {
		bigint_value(order->user_id),
		bigint_value(order->id),
		text_value(status)
	};

	require_written(execute(&update_status, values, FRESH_SNAPSHOT), 1);
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

static void
check_change(const LockedOrder *order, const char *status)
{
	if (!can_follow(order->status, status))
		refuse_change(order, status);
}

/*
 * The status that is stored may be any text, in a table that has lost its
 * CHECK.
 */
static void
refuse_change(const LockedOrder *order, const char *status)
{
	StringInfoData stored;

	initStringInfo(&stored);
	escape_json(&stored, order->status);
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("order cannot change to this status"),
			errdetail_internal("{\"code\": \"illegal_status_change\", \"order_id\": " INT64_FORMAT ", \"from\": %s, \"to\": \"%s\"}",
							   order->id, stored.data, status),
			errhint("Look at the order again: its status may have changed meanwhile."));
}

static void
refuse_returned_items(const LockedOrder *order)
{
	NullableDatum values[] = {
		bigint_value(order->user_id),
		bigint_value(order->id)
	};

	if (execute(&select_return, values, FRESH_SNAPSHOT) == 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("items of the order have been returned"),
			errdetail_internal("{\"code\": \"items_returned\", \"user_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}",
							   order->user_id, order->id),
			errhint("Place a new order for what the customer has after all."));
}
