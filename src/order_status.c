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

static Statement update_status = {
	.query =
	"UPDATE ecommerce.orders SET order_status = $3"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, TEXTOID)
};

PG_FUNCTION_INFO_V1(set_order_status);
PG_FUNCTION_INFO_V1(cancel_order);
PG_FUNCTION_INFO_V1(api_cancel_order);

static Jsonb *cancel(int64 user_id, int64 order_id, const char *reason);
static void change_status(const Access *access, const LockedOrder *order,
						  const char *status);
static void check_change(const LockedOrder *order, const char *status);
pg_noreturn static void refuse_change(const LockedOrder *order,
									  const char *status);

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
	LockedOrder order;
	Jsonb	   *result;

	if (event_of_status(status) == NULL ||
		strcmp(status, STATUS_CANCELLED) == 0)
		refuse_argument("status", STATUSES_PHRASE "; but CANCELLED only by cancel_order");
	begin_staff_access(&access);
	lock_order(&order, user_id, order_id);
	if (strcmp(order.status, status) != 0)
		change_status(&access, &order, status);
	result = read_order(&access, user_id, order_id, NOT_A_PLACEMENT,
						FRESH_SNAPSHOT);
	end_access(&access);
	PG_RETURN_JSONB_P(result);
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
 * Called again, it writes nothing: a retry is safe.  Raises what check_change()
 * does, and 42501 or PT401 for a caller who may not.
 */
static Jsonb *
cancel(int64 user_id, int64 order_id, const char *reason)
{
	Access		access;
	LockedOrder order;
	Jsonb	   *result;

	begin_access(&access, user_id);
	lock_order(&order, user_id, order_id);
	if (strcmp(order.status, STATUS_CANCELLED) != 0)
	{
		check_change(&order, STATUS_CANCELLED);
		cancel_orders(&access, &order, 1, reason);
	}
	result = read_order(&access, user_id, order_id, NOT_A_PLACEMENT,
						FRESH_SNAPSHOT);
	end_access(&access);
	return result;
}

static void
change_status(const Access *access, const LockedOrder *order,
			  const char *status)
{
	NullableDatum values[] = {
		bigint_value(order->user_id),
		bigint_value(order->id),
		text_value(status)
	};

	check_change(order, status);
	if (strcmp(order->status, STATUS_PLACED) == 0)
		require_payment(order);
	/* The event comes first: check_order_change() in SQL looks for it. */
	write_status_change(access, order->user_id, order->id, order->status,
						status, NULL);
	require_written(execute(&update_status, values, FRESH_SNAPSHOT), 1);
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
