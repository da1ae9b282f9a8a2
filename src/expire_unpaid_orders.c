/*-------------------------------------------------------------------------
 *
 * expire_unpaid_orders.c
 *		Cancels the orders that were not paid in time.
 *
 * Whoever pays for an order or cancels it holds its lock, so which of them are
 * still due is known once they are locked.  Orders that somebody else has locked
 * are left to the next call: whoever holds one may be paying for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "access.h"
#include "arguments.h"
#include "cancellation.h"
#include "order_balances.h"
#include "order_lifecycle.h"

/* Those that have waited longest; locked in the order in which they are sorted. */
static Statement lock_due_orders = {
	.query =
	"SELECT customer_id::bigint, id::bigint, " LOCKED_ORDER_COLUMNS
	"  FROM ecommerce.orders"
	" WHERE (customer_id, id) IN"
	"       (SELECT customer_id, order_id FROM ecommerce.order_balances"
	"         WHERE due_at <= $2 ORDER BY due_at LIMIT $1)"
	" ORDER BY customer_id, id FOR NO KEY UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID)
};

PG_FUNCTION_INFO_V1(expire_unpaid_orders);

static int	expire(int32 max);
static LockedOrder *lock_orders(int32 max, TimestampTz now, int *count);
static bool is_due(const LockedOrder *order, TimestampTz now);

Datum
expire_unpaid_orders(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(expire(integer_argument(&fcinfo->args[0], "max", 1)));
}

/* Returns how many it has cancelled. */
static int
expire(int32 max)
{
	TimestampTz now = GetCurrentTimestamp();
	Access		access;
	LockedOrder *orders;
	int			nlocked;
	int			ndue = 0;

	begin_staff_access(&access);
	orders = lock_orders(max, now, &nlocked);
	for (int i = 0; i < nlocked; i++)
		if (is_due(&orders[i], now))
			orders[ndue++] = orders[i];
	if (ndue > 0)
		cancel_orders(&access, orders, ndue, REASON_UNPAID);
	end_access(&access);
	return ndue;
}

static LockedOrder *
lock_orders(int32 max, TimestampTz now, int *count)
{
	NullableDatum values[] = {bigint_value(max), timestamptz_value(now)};
	LockedOrder *orders;

	*count = execute(&lock_due_orders, values, FRESH_SNAPSHOT);
	orders = palloc_extended(*count * sizeof(LockedOrder), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *count; i++)
	{
		NullableDatum row[2 + LOCKED_ORDER_NCOLUMNS];

		read_row(SPI_tuptable, i, row, lengthof(row));
		orders[i].user_id = DatumGetInt64(row[0].value);
		orders[i].id = DatumGetInt64(row[1].value);
		read_locked_order(&orders[i], &row[2]);
	}
	return orders;
}

/* It may have been paid or cancelled after it was found, before it was locked. */
static bool
is_due(const LockedOrder *order, TimestampTz now)
{
	OrderBalance balance;

	return read_balance(order, &balance) && !balance.due_at.isnull &&
		DatumGetTimestampTz(balance.due_at.value) <= now &&
		can_follow(order->status, STATUS_CANCELLED);
}
