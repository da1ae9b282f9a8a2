/*-------------------------------------------------------------------------
 *
 * checkout.c
 *		A cart on its way to becoming an order.
 *
 * The cart that is shown and the one that is ordered have the same columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "checkout.h"
#include "texts.h"
#include "users.h"

#define SELECT_USER \
	"SELECT address::jsonb, shipping_address::text FROM ecommerce.users" \
	" WHERE id = $1"

#define SELECT_CART \
	"SELECT stock_bucket::bigint, address::jsonb, billing_address::jsonb," \
	"       coupons::text[], shipping_code::text" \
	"  FROM ecommerce.carts WHERE user_id = $1"

#define ITEM_COLUMNS \
	" product_id::bigint, quantity::integer, created_at::timestamptz," \
	" unit_price::numeric, currency::text, product_name::text"

enum item_column
{
	ITEM_PRODUCT_ID, ITEM_QUANTITY, ITEM_CREATED_AT, ITEM_UNIT_PRICE,
	ITEM_CURRENCY, ITEM_PRODUCT_NAME, ITEM_NCOLUMNS
};

typedef NullableDatum ItemRow[ITEM_NCOLUMNS];

static Statement select_user = {
	.query = SELECT_USER,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement lock_user_key_share = {
	.query = SELECT_USER " FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement select_cart = {
	.query = SELECT_CART,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement lock_cart_no_key_update = {
	.query = SELECT_CART " FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement select_items = {
	.query =
	"SELECT" ITEM_COLUMNS "  FROM ecommerce.cart_items WHERE user_id = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement delete_items = {
	.query =
	"DELETE FROM ecommerce.cart_items WHERE user_id = $1"
	" RETURNING" ITEM_COLUMNS,
	.result = SPI_OK_DELETE_RETURNING,
	PARAMETERS(INT8OID)
};

/* As the foreign key of the item will lock it. */
static Statement lock_cart_key_share = {
	.query = "SELECT 1 FROM ecommerce.carts WHERE user_id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement insert_cart = {
	.query =
	"INSERT INTO ecommerce.carts (user_id) VALUES ($1)"
	" ON CONFLICT (user_id) DO NOTHING",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID)
};

static Statement reset_choices = {
	.query =
	"UPDATE ecommerce.carts"
	"   SET coupons = NULL, address = $2, billing_address = $2"
	" WHERE user_id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, JSONBOID),
	DOMAINS(DOMAIN(2, "address", JSONBOID))
};

static void read_user_and_cart(Checkout *checkout, int64 user_id,
							   Statement *user, Statement *cart,
							   Visibility visibility);
static void read_items(Checkout *checkout, Statement *statement,
					   Visibility visibility);
static int	compare_products(const void *a, const void *b);

void
read_checkout(Checkout *checkout, int64 user_id, Visibility visibility)
{
	read_user_and_cart(checkout, user_id, &select_user, &select_cart,
					   visibility);
	read_items(checkout, &select_items, visibility);
}

void
lock_checkout(Checkout *checkout, int64 user_id)
{
	read_user_and_cart(checkout, user_id, &lock_user_key_share,
					   &lock_cart_no_key_update, FRESH_SNAPSHOT);
}

void
lock_or_make_cart(Checkout *checkout, int64 user_id)
{
	lock_checkout(checkout, user_id);
	if (checkout->has_cart)
		return;
	require_cart(user_id);
	lock_checkout(checkout, user_id);
}

/* What the customer chose for one order is not for the next. */
void
forget_choices(const Checkout *checkout)
{
	NullableDatum values[] = {bigint_value(checkout->user_id), NULL_VALUE};

	if (!checkout->coupons.isnull || !checkout->carts_address.isnull ||
		!checkout->billing_address.isnull)
		require_written(execute(&reset_choices, values, FRESH_SNAPSHOT), 1);
}

/* Without a cart nothing was locked, so nothing is taken. */
void
take_items(Checkout *checkout)
{
	if (checkout->has_cart)
		read_items(checkout, &delete_items, FRESH_SNAPSHOT);
}

void
plan_checkout(void)
{
	plan_statement(&lock_user_key_share);
	plan_statement(&lock_cart_no_key_update);
	plan_statement(&delete_items);
}

/*
 * A user's cart comes into being with the first product, or with the first
 * after erase_user(), which takes the cart away.  The user is locked for as long
 * as it takes, or the foreign key of the cart would be what says that the user
 * is gone.
 */
void
require_cart(int64 user_id)
{
	NullableDatum values[] = {bigint_value(user_id)};

	if (execute(&lock_cart_key_share, values, FRESH_SNAPSHOT) > 0)
		return;
	lock_user(user_id);
	if (execute(&insert_cart, values, FRESH_SNAPSHOT) == 0)
		/* Somebody else has, meanwhile. */
		require_written(execute(&lock_cart_key_share, values, FRESH_SNAPSHOT),
						1);
}

OrderAdjustment *
add_adjustment(Checkout *checkout, const char *kind, NullableDatum name,
			   Numeric amount)
{
	OrderAdjustment *adjustment;
	int			number = ++checkout->nadjustments;

	if (number == 1)
		checkout->adjustments = palloc(sizeof(OrderAdjustment));
	else
		checkout->adjustments = repalloc(checkout->adjustments,
										 number * sizeof(OrderAdjustment));
	adjustment = &checkout->adjustments[number - 1];
	for (int i = 0; i < ORDER_ADJUSTMENT_NCOLUMNS; i++)
		adjustment->columns[i] = NULL_VALUE;
	adjustment->adjustment_number = integer_value(number);
	adjustment->kind = text_value(kind);
	adjustment->name = name;
	adjustment->amount = numeric_value(amount);
	adjustment->is_included = boolean_value(false);
	return adjustment;
}

const CartItem *
item_of_other_currency(const Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
		if (!checkout->items[i].currency.isnull &&
			!texts_are_equal(checkout->items[i].currency, checkout->currency))
			return &checkout->items[i];
	return NULL;
}

static void
read_user_and_cart(Checkout *checkout, int64 user_id, Statement *user,
				   Statement *cart, Visibility visibility)
{
	NullableDatum values[] = {bigint_value(user_id)};
	NullableDatum row[5];

	memset(checkout, 0, sizeof(Checkout));
	checkout->user_id = user_id;
	checkout->carts_address = checkout->billing_address = NULL_VALUE;
	checkout->coupons = checkout->shipping_code = NULL_VALUE;

	if (execute(user, values, visibility) == 0)
		refuse_unknown_user(user_id);
	read_row(SPI_tuptable, 0, row, 2);
	checkout->users_address = row[0];
	checkout->users_address_text = row[1];

	checkout->has_cart = execute(cart, values, visibility) > 0;
	if (!checkout->has_cart)
		return;
	read_row(SPI_tuptable, 0, row, 5);
	checkout->stock_bucket = DatumGetInt64(row[0].value);
	checkout->carts_address = row[1];
	checkout->billing_address = row[2];
	checkout->coupons = row[3];
	checkout->shipping_code = row[4];
}

/* A table that has lost its constraints may have a null for a number. */
static void
read_items(Checkout *checkout, Statement *statement, Visibility visibility)
{
	NullableDatum values[] = {bigint_value(checkout->user_id)};
	int			flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;
	int			count = execute(statement, values, visibility);
	ItemRow    *rows = palloc_extended(count * sizeof(ItemRow), flags);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_row(SPI_tuptable, i, rows[i], ITEM_NCOLUMNS);
	}
	qsort(rows, count, sizeof(ItemRow), compare_products);

	checkout->count = count;
	checkout->units = palloc_extended(count * sizeof(StockUnits), flags);
	checkout->items = palloc_extended(count * sizeof(CartItem), flags);
	checkout->lines = palloc_extended(count * sizeof(OrderLine), flags);
	for (int i = 0; i < count; i++)
	{
		StockUnits *units = &checkout->units[i];
		CartItem   *item = &checkout->items[i];
		OrderLine  *line = &checkout->lines[i];

		units->product_id = DatumGetInt64(rows[i][ITEM_PRODUCT_ID].value);
		units->quantity = DatumGetInt32(rows[i][ITEM_QUANTITY].value);
		item->created_at = rows[i][ITEM_CREATED_AT];
		item->added_price = rows[i][ITEM_UNIT_PRICE];
		item->added_currency = rows[i][ITEM_CURRENCY];
		item->added_name = rows[i][ITEM_PRODUCT_NAME];
		for (int column = 0; column < ORDER_LINE_NCOLUMNS; column++)
			line->columns[column] = NULL_VALUE;
		line->line_number = integer_value(i + 1);
		line->product_id = bigint_value(units->product_id);
		line->quantity = integer_value((int32) units->quantity);
	}
}

static int
compare_products(const void *a, const void *b)
{
	int64		left = DatumGetInt64((*(const ItemRow *) a)[ITEM_PRODUCT_ID].value);
	int64		right = DatumGetInt64((*(const ItemRow *) b)[ITEM_PRODUCT_ID].value);

	return (left > right) - (left < right);
}
