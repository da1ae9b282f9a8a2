/*-------------------------------------------------------------------------
 *
 * abandoned_carts.c
 *		Empties carts that nobody has touched for long.
 *
 * The row of a cart is locked FOR UPDATE, which holds up whoever puts something
 * in, and is then looked at again: what was put in between the first look and
 * the lock keeps the cart as it is.  Carts that are locked are in use, and are
 * passed over.  The row stays, as it does when an order is placed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"

/* By user, behind one that has been found before. */
static Statement find_abandoned = {
	.query =
	"SELECT user_id::bigint FROM ecommerce.carts AS cart"
	" WHERE user_id > $3 AND greatest(created_at, changed_at) < $1"
	"   AND NOT EXISTS (SELECT FROM ecommerce.cart_items AS item"
	"                    WHERE item.user_id = cart.user_id"
	"                      AND item.changed_at >= $1)"
	"   AND (coupons IS NOT NULL OR address IS NOT NULL"
	"        OR billing_address IS NOT NULL"
	"        OR EXISTS (SELECT FROM ecommerce.cart_items AS item"
	"                    WHERE item.user_id = cart.user_id))"
	" ORDER BY user_id LIMIT $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(TIMESTAMPTZOID, INT4OID, INT8OID)
};

static Statement lock_cart_for_update = {
	.query =
	"SELECT 1 FROM ecommerce.carts"
	" WHERE user_id = $1 AND greatest(created_at, changed_at) < $2"
	" FOR UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID)
};

static Statement select_touched = {
	.query =
	"SELECT 1 FROM ecommerce.cart_items"
	" WHERE user_id = $1 AND changed_at >= $2 LIMIT 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TIMESTAMPTZOID)
};

static Statement delete_items = {
	.query = "DELETE FROM ecommerce.cart_items WHERE user_id = $1",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID)
};

static Statement reset_choices = {
	.query =
	"UPDATE ecommerce.carts"
	"   SET coupons = NULL, address = NULL, billing_address = NULL"
	" WHERE user_id = $1"
	"   AND (coupons IS NOT NULL OR address IS NOT NULL"
	"        OR billing_address IS NOT NULL)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID)
};

PG_FUNCTION_INFO_V1(clear_abandoned_carts);

static int32 clear_carts(NullableDatum before, int32 max);
static bool clear_cart_of(NullableDatum user_id, NullableDatum before);

Datum
clear_abandoned_carts(PG_FUNCTION_ARGS)
{
	Datum		before = required_argument(&fcinfo->args[0], "before");
	int32		max = integer_argument(&fcinfo->args[1], "max", 1);

	PG_RETURN_INT32(clear_carts(not_null(before), max));
}

static int32
clear_carts(NullableDatum before, int32 max)
{
	Access		access;
	NullableDatum values[] = {before, NULL_VALUE, bigint_value(PG_INT64_MIN)};
	int32		cleared = 0;
	uint64		wanted;
	uint64		nfound;

	begin_staff_access(&access);
	PreventCommandDuringRecovery("clear_abandoned_carts()");
	do
	{
		SPITupleTable *carts;

		wanted = max - cleared;
		values[1] = integer_value((int32) wanted);
		nfound = execute(&find_abandoned, values, FRESH_SNAPSHOT);
		carts = SPI_tuptable;
		for (uint64 i = 0; i < nfound; i++)
		{
			CHECK_FOR_INTERRUPTS();
			read_row(carts, i, &values[2], 1);
			cleared += clear_cart_of(values[2], before);
		}
		SPI_freetuptable(carts);
	} while (nfound == wanted && cleared < max);
	end_access(&access);
	return cleared;
}

static bool
clear_cart_of(NullableDatum user_id, NullableDatum before)
{
	NullableDatum values[] = {user_id, before};

	if (execute(&lock_cart_for_update, values, FRESH_SNAPSHOT) == 0 ||
		execute(&select_touched, values, LATEST_SNAPSHOT) > 0)
		return false;
	execute(&delete_items, values, LATEST_SNAPSHOT);
	execute(&reset_choices, values, LATEST_SNAPSHOT);
	return true;
}
