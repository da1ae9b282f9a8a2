/*-------------------------------------------------------------------------
 *
 * merge_carts.c
 *		The cart of a guest becomes a part of a customer's.
 *
 * Both carts are locked, that of the lower id first, so two merges wait for each
 * other in one place, and neither cart is ordered meanwhile.  What is moved is
 * what DELETE ... RETURNING took out of the one cart, so nothing is lost, and
 * nothing is in both.  Repeating it moves what the guest has put in since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"
#include "cart_document.h"

/* In the order of product ids, in which they are then locked in the other cart. */
static Statement move_items_out = {
	.query =
	"WITH moved AS (DELETE FROM ecommerce.cart_items WHERE user_id = $1"
	"               RETURNING *)"
	" SELECT product_id::bigint, quantity::integer, unit_price::numeric,"
	"        currency::text, product_name::text, created_at::timestamptz,"
	"        changed_at::timestamptz"
	"   FROM moved ORDER BY product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

#define MOVED_NCOLUMNS	7

/* Of a product that is in both carts, the price is the one that was seen last. */
#define SEEN_LAST(column) \
	" " column " = CASE WHEN excluded.changed_at > item.changed_at" \
	"                   THEN excluded." column " ELSE item." column " END,"

static Statement move_item_in = {
	.query =
	"INSERT INTO ecommerce.cart_items AS item (user_id, product_id, quantity,"
	"       unit_price, currency, product_name, created_at, changed_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	" ON CONFLICT (user_id, product_id) DO UPDATE SET"
	SEEN_LAST("unit_price") SEEN_LAST("currency") SEEN_LAST("product_name")
	" changed_at = greatest(item.changed_at, excluded.changed_at),"
	" quantity = least(item.quantity::bigint + excluded.quantity, 2147483647)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID, NUMERICOID, TEXTOID, TEXTOID,
			   TIMESTAMPTZOID, TIMESTAMPTZOID)
};

static Statement set_choices = {
	.query =
	"UPDATE ecommerce.carts"
	"   SET address = $2, billing_address = $3, shipping_code = $4,"
	"       changed_at = now(),"
	"       coupons = (SELECT array_agg(code ORDER BY place)"
	"                    FROM (SELECT code, min(place) AS place"
	"                            FROM unnest($5 || coupons) WITH ORDINALITY"
	"                                 AS chosen (code, place)"
	"                           GROUP BY code ORDER BY min(place)"
	"                           LIMIT " CppAsString2(MAX_COUPONS) ") AS kept)"
	" WHERE user_id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, JSONBOID, JSONBOID, TEXTOID, TEXTARRAYOID)
};

PG_FUNCTION_INFO_V1(merge_carts);

static void lock_carts(Checkout *from, int64 from_user_id, Checkout *into,
					   int64 into_user_id);
static void move_items(int64 from_user_id, int64 into_user_id);
static void move_choices(const Checkout *from, const Checkout *into);

/* For staff: no token names both users. */
Datum
merge_carts(PG_FUNCTION_ARGS)
{
	int64		from_user_id = bigint_argument(&fcinfo->args[0], "from_user_id");
	int64		into_user_id = bigint_argument(&fcinfo->args[1], "into_user_id");
	Access		access;
	Checkout	from;
	Checkout	into;
	Document   *cart;

	if (from_user_id == into_user_id)
		refuse_argument("into_user_id", "another user than from_user_id");
	begin_staff_access(&access);
	lock_carts(&from, from_user_id, &into, into_user_id);
	if (from.has_cart)
	{
		move_items(from_user_id, into_user_id);
		move_choices(&from, &into);
	}
	cart = changed_cart_document(into_user_id, true, AS_JSONB,
								 access.result_context);
	end_access(&access);
	PG_RETURN_POINTER(cart);
}

static void
lock_carts(Checkout *from, int64 from_user_id, Checkout *into,
		   int64 into_user_id)
{
	if (from_user_id < into_user_id)
		lock_checkout(from, from_user_id);
	lock_or_make_cart(into, into_user_id);
	if (from_user_id > into_user_id)
		lock_checkout(from, from_user_id);
}

static void
move_items(int64 from_user_id, int64 into_user_id)
{
	NullableDatum values[1 + MOVED_NCOLUMNS] = {bigint_value(from_user_id)};
	uint64		count = execute(&move_items_out, values, FRESH_SNAPSHOT);
	SPITupleTable *items = SPI_tuptable;

	values[0] = bigint_value(into_user_id);
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_row(items, i, &values[1], MOVED_NCOLUMNS);
		require_written(execute(&move_item_in, values, FRESH_SNAPSHOT), 1);
	}
}

/*
 * The guest's coupons come first; how and where the order goes is the guest's if
 * that was chosen, all of it, else the customer's.
 */
static void
move_choices(const Checkout *from, const Checkout *into)
{
	bool		has_address = !from->carts_address.isnull ||
	!from->billing_address.isnull;
	const Checkout *way = has_address ? from : into;
	NullableDatum values[] = {
		bigint_value(into->user_id),
		way->carts_address,
		way->billing_address,
		way->shipping_code,
		from->coupons
	};

	if (has_address || !from->coupons.isnull)
		require_written(execute(&set_choices, values, FRESH_SNAPSHOT), 1);
	forget_choices(from);
}
