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
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"
#include "cancellation.h"
#include "order_balances.h"
#include "order_lifecycle.h"

/* Those that have waited longest. */
static Statement find_due_orders = {
	.query =
	"SELECT customer_id::bigint, order_id::bigint FROM ecommerce.order_balances"
	" WHERE due_at <= $2 ORDER BY due_at LIMIT $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID)
};

static Statement lock_free_order = {
	.query =
	"SELECT " LOCKED_ORDER_COLUMNS " FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = $2 FOR NO KEY UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

PG_FUNCTION_INFO_V1(expire_unpaid_orders);

static int	expire(int32 max);
static LockedOrder *find_orders(int32 max, TimestampTz now, int *count);
static int	compare_orders(const void *a, const void *b);
static bool lock_if_free(LockedOrder *order);
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
	int			nfound;
	int			nlocked = 0;
	int			ndue = 0;

	begin_staff_access(&access);
	PreventCommandDuringRecovery("expire_unpaid_orders()");
	orders = find_orders(max, now, &nfound);
	qsort(orders, nfound, sizeof(LockedOrder), compare_orders);
	for (int i = 0; i < nfound; i++)
		if (lock_if_free(&orders[i]))
			orders[nlocked++] = orders[i];
	for (int i = 0; i < nlocked; i++)
		if (is_due(&orders[i], now))
			orders[ndue++] = orders[i];
	if (ndue > 0)
		cancel_orders(&access, orders, ndue, REASON_UNPAID);
	end_access(&access);
	return ndue;
}

/* Of each only the keys. */
static LockedOrder *
find_orders(int32 max, TimestampTz now, int *count)
{
	NullableDatum values[] = {bigint_value(max), timestamptz_value(now)};
	LockedOrder *orders;

	*count = execute(&find_due_orders, values, FRESH_SNAPSHOT);
	orders = palloc_extended(*count * sizeof(LockedOrder),
							 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < *count; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		orders[i].user_id = DatumGetInt64(row[0].value);
		orders[i].id = DatumGetInt64(row[1].value);
	}
	return orders;
}

static int
compare_orders(const void *a, const void *b)
{
	const LockedOrder *left = a;
	const LockedOrder *right = b;

	if (left->user_id != right->user_id)
		return left->user_id > right->user_id ? 1 : -1;
	return (left->id > right->id) - (left->id < right->id);
}

static bool
lock_if_free(LockedOrder *order)
{
	NullableDatum values[] = {bigint_value(order->user_id), bigint_value(order->id)};
	NullableDatum row[LOCKED_ORDER_NCOLUMNS];

	CHECK_FOR_INTERRUPTS();
	if (execute(&lock_free_order, values, FRESH_SNAPSHOT) == 0)
		return false;
	read_row(SPI_tuptable, 0, row, lengthof(row));
	read_locked_order(order, row);
	return true;
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
