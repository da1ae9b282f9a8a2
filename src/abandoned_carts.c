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

#include "access.h"
#include "arguments.h"

static Statement lock_abandoned_for_update = {
	.query =
	"SELECT user_id::bigint FROM ecommerce.carts AS cart"
	" WHERE greatest(created_at, changed_at) < $1"
	"   AND NOT EXISTS (SELECT FROM ecommerce.cart_items AS item"
	"                    WHERE item.user_id = cart.user_id"
	"                      AND item.changed_at >= $1)"
	"   AND (coupons IS NOT NULL OR address IS NOT NULL"
	"        OR billing_address IS NOT NULL"
	"        OR EXISTS (SELECT FROM ecommerce.cart_items AS item"
	"                    WHERE item.user_id = cart.user_id))"
	" ORDER BY user_id LIMIT $2 FOR UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(TIMESTAMPTZOID, INT4OID)
};

static Statement select_untouched = {
	.query =
	"SELECT user_id::bigint FROM unnest($2) AS locked (user_id)"
	" WHERE NOT EXISTS (SELECT FROM ecommerce.cart_items AS item"
	"                    WHERE item.user_id = locked.user_id"
	"                      AND item.changed_at >= $1)",
	.result = SPI_OK_SELECT,
	PARAMETERS(TIMESTAMPTZOID, INT8ARRAYOID)
};

static Statement delete_items = {
	.query = "DELETE FROM ecommerce.cart_items WHERE user_id = ANY ($1)",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8ARRAYOID)
};

static Statement reset_choices = {
	.query =
	"UPDATE ecommerce.carts"
	"   SET coupons = NULL, address = NULL, billing_address = NULL"
	" WHERE user_id = ANY ($1)"
	"   AND (coupons IS NOT NULL OR address IS NOT NULL"
	"        OR billing_address IS NOT NULL)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8ARRAYOID)
};

PG_FUNCTION_INFO_V1(clear_abandoned_carts);

static uint64 clear_carts(NullableDatum before, int32 max);

Datum
clear_abandoned_carts(PG_FUNCTION_ARGS)
{
	Datum		before = required_argument(&fcinfo->args[0], "before");
	int32		max = integer_argument(&fcinfo->args[1], "max", 1);

	PG_RETURN_INT32((int32) clear_carts(not_null(before), max));
}

static uint64
clear_carts(NullableDatum before, int32 max)
{
	Access		access;
	NullableDatum values[] = {before, integer_value(max)};
	uint64		count;

	begin_staff_access(&access);
	count = execute(&lock_abandoned_for_update, values, FRESH_SNAPSHOT);
	values[1] = bigint_array(SPI_tuptable, count, 0);
	count = execute(&select_untouched, values, LATEST_SNAPSHOT);
	values[0] = bigint_array(SPI_tuptable, count, 0);
	execute(&delete_items, values, LATEST_SNAPSHOT);
	execute(&reset_choices, values, LATEST_SNAPSHOT);
	end_access(&access);
	return count;
}
