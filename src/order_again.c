/*-------------------------------------------------------------------------
 *
 * order_again.c
 *		Puts what was ordered before into the cart again.
 *
 * The items remember what the order's lines cost, so the cart shows what has
 * become of price and product since as it does for any other item.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"
#include "cart_document.h"
#include "order_reader.h"

/*
 * An order that was imported may have several lines of one product, and lines of
 * what is no product of the catalogue: there is nothing to put into a cart.
 */
static Statement select_units = {
	.query =
	"SELECT product_id::bigint, least(sum(quantity), 2147483647)::integer,"
	"       min(unit_price)::numeric, min(product_name)::text"
	"  FROM ecommerce.order_details WHERE customer_id = $1 AND order_id = $2"
	"   AND product_id <> 0"
	" GROUP BY product_id ORDER BY product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement select_currency = {
	.query =
	"SELECT currency::text FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* Not added to what is there: repeating it changes nothing. */
static Statement put_item = {
	.query =
	"INSERT INTO ecommerce.cart_items AS item (user_id, product_id, quantity,"
	"       unit_price, product_name, currency)"
	" VALUES ($1, $2, $3, $4, $5, $6)"
	" ON CONFLICT (user_id, product_id) DO UPDATE SET changed_at = excluded.changed_at,"
	" quantity = greatest(item.quantity, excluded.quantity)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID, NUMERICOID, TEXTOID, TEXTOID)
};

#define UNITS_NCOLUMNS	4

PG_FUNCTION_INFO_V1(order_again);
PG_FUNCTION_INFO_V1(api_order_again);

static Document *fill_cart(DocumentFormat format, int64 user_id,
						   int64 order_id);
static NullableDatum currency_of_order(int64 user_id, int64 order_id);
static void put_items(int64 user_id, int64 order_id, NullableDatum currency);

Datum
order_again(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");

	PG_RETURN_POINTER(fill_cart(answer_format(fcinfo), user_id, order_id));
}

Datum
api_order_again(PG_FUNCTION_ARGS)
{
	int64		user_id = require_claimed_user();
	int64		order_id = bigint_argument(&fcinfo->args[0], "order_id");

	PG_RETURN_POINTER(fill_cart(answer_format(fcinfo), user_id, order_id));
}

/* Many items at once, so the cart is locked, as set_cart_items() does. */
static Document *
fill_cart(DocumentFormat format, int64 user_id, int64 order_id)
{
	Access		access;
	Checkout	checkout;
	Document   *cart;

	begin_access(&access, user_id);
	lock_or_make_cart(&checkout, user_id);
	put_items(user_id, order_id, currency_of_order(user_id, order_id));
	cart = changed_cart_document(user_id, true, format,
								 access.result_context);
	end_access(&access);
	return cart;
}

/* Raises PT404 when the user has no such order. */
static NullableDatum
currency_of_order(int64 user_id, int64 order_id)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	NullableDatum currency;

	if (execute(&select_currency, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_order(user_id, order_id);
	read_row(SPI_tuptable, 0, &currency, 1);
	return currency;
}

static void
put_items(int64 user_id, int64 order_id, NullableDatum currency)
{
	NullableDatum values[2 + UNITS_NCOLUMNS] = {
		bigint_value(user_id),
		bigint_value(order_id)
	};
	uint64		count = execute(&select_units, values, FRESH_SNAPSHOT);
	SPITupleTable *units = SPI_tuptable;

	values[1 + UNITS_NCOLUMNS] = currency;
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_row(units, i, &values[1], UNITS_NCOLUMNS);
		require_written(execute(&put_item, values, FRESH_SNAPSHOT), 1);
	}
}
