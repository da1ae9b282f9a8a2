/*-------------------------------------------------------------------------
 *
 * place_order.c
 *		Turns a user's cart into an order.
 *
 * Read place() from top to bottom: it is the protocol.  What makes it safe, at
 * READ COMMITTED and above, is that each step is a statement of its own and so
 * sees what was committed while the one before waited:
 *
 * - The row of the cart is locked first, so one customer's orders are placed one
 *	 after the other, and a key is looked up only when nobody else can be about
 *	 to use it.  (Before it, the user's row is locked as the foreign key of the
 *	 order will lock it, so that deleting the user cannot come in between.)
 * - What is ordered is what DELETE ... RETURNING took out of the cart; the cart
 *	 is never read, then emptied.
 * - Stock is locked in the order of product ids, by everyone, so that two orders
 *	 never wait for each other; then it is decremented.
 *
 * Locks are taken in this order within every call: user, cart, cart items,
 * order, stock by product id, new rows.  There is no subtransaction and no
 * retry in here: an error, the server's or ours, aborts the caller's
 * transaction and leaves cart and stock as they were.
 *
 * Statements keep to forms that stay on one shard when the tables are
 * distributed by customer: each has the customer or the bucket as "= $1", and
 * rows are inserted with VALUES.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "money.h"
#include "order_history.h"
#include "order_reader.h"
#include "pricing.h"
#include "users.h"

#define KEY_MAX_LENGTH		255
#define ADDRESS_MAX_LENGTH	10000

/* The arguments of place_order(). */
typedef struct Request
{
	int64		user_id;
	NullableDatum shipping_address;
	NullableDatum idempotency_key;
	NullableDatum expected_amount;
} Request;

/* What the locks of user and cart keep as it is. */
typedef struct LockedCart
{
	NullableDatum users_address;
	bool		exists;			/* without a cart there is nothing to lock */
	int32		stock_bucket;
} LockedCart;

static Statement lock_user_key_share = {
	.query =
	"SELECT shipping_address::text FROM ecommerce.users"
	" WHERE id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement lock_cart_no_key_update = {
	.query =
	"SELECT stock_bucket::integer FROM ecommerce.carts"
	" WHERE user_id = $1 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement select_order_of_key = {
	.query =
	"SELECT id::bigint, order_amount::numeric, shipping_address::text"
	"  FROM ecommerce.orders"
	" WHERE customer_id = $1 AND idempotency_key = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TEXTOID)
};

static Statement delete_items = {
	.query =
	"DELETE FROM ecommerce.cart_items WHERE user_id = $1"
	" RETURNING product_id::bigint, quantity::integer",
	.result = SPI_OK_DELETE_RETURNING,
	PARAMETERS(INT8OID)
};

#define INSERT_ORDER(on_conflict) { \
		.query = \
		"INSERT INTO ecommerce.orders (customer_id, order_amount, currency," \
		"       shipping_address, idempotency_key, stock_bucket)" \
		" VALUES ($1, $2, $3, $4, $5, $6)" on_conflict \
		" RETURNING id::bigint, order_date::timestamptz, order_status::text", \
		.result = SPI_OK_INSERT_RETURNING, \
		PARAMETERS(INT8OID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID, INT4OID) \
	}

static Statement insert_order = INSERT_ORDER("");

/*
 * At REPEATABLE READ and above, an order with the same key may have been placed
 * since the snapshot.  The server then does nothing but raise 40001.
 */
static Statement insert_order_in_snapshot =
INSERT_ORDER(" ON CONFLICT (customer_id, idempotency_key) DO NOTHING");

PG_FUNCTION_INFO_V1(place_order);
PG_FUNCTION_INFO_V1(api_place_order);

static Jsonb *place_order_of(int64 user_id, const NullableDatum *arguments);
static void check_request(const Request *request);
static int	length_of(Datum string);
static bool is_blank(Datum address);
static Jsonb *place(const Request *request);
static void lock_user_and_cart(LockedCart *cart, int64 user_id);
static bool find_earlier_order(const Request *request, int64 *order_id);
static bool agrees(PGFunction equals, NullableDatum argument,
				   NullableDatum stored);
pg_noreturn static void refuse_key(int64 order_id, const char *argument);
static void take_items(Checkout *checkout, int64 user_id,
					   const LockedCart *cart);
pg_noreturn static void refuse_empty_cart(int64 user_id);
static void check_amount(const Request *request, const Checkout *checkout);
static NullableDatum address_of(const Request *request,
								const LockedCart *cart);
static void write_order(Order *order, const Request *request,
						const LockedCart *cart, Checkout *checkout);
static Jsonb *order_to_jsonb(const Access *access, const Order *order,
							 const Checkout *checkout);

Datum
place_order(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_JSONB_P(place_order_of(user_id, &fcinfo->args[1]));
}

Datum
api_place_order(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(place_order_of(require_claimed_user(), fcinfo->args));
}

static Jsonb *
place_order_of(int64 user_id, const NullableDatum *arguments)
{
	Request		request = {
		.user_id = user_id,
		.shipping_address = arguments[0],
		.idempotency_key = arguments[1],
		.expected_amount = arguments[2]
	};

	check_request(&request);
	return place(&request);
}

static void
check_request(const Request *request)
{
	if (!request->shipping_address.isnull &&
		(is_blank(request->shipping_address.value) ||
		 length_of(request->shipping_address.value) > ADDRESS_MAX_LENGTH))
		refuse_argument("shipping_address", "1 to " CppAsString2(ADDRESS_MAX_LENGTH) " characters that are not all blank");
	if (!request->idempotency_key.isnull)
	{
		int			length = length_of(request->idempotency_key.value);

		if (length < 1 || length > KEY_MAX_LENGTH)
			refuse_argument("idempotency_key", "1 to " CppAsString2(KEY_MAX_LENGTH) " characters");
	}
	if (!request->expected_amount.isnull)
	{
		Numeric		amount = DatumGetNumeric(request->expected_amount.value);

		if (numeric_is_nan(amount) || numeric_is_inf(amount))
			refuse_argument("expected_amount", "a finite number");
	}
}

/* In characters. */
static int
length_of(Datum string)
{
	text	   *value = DatumGetTextPP(string);

	return pg_mbstrlen_with_len(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static bool
is_blank(Datum address)
{
	text	   *value = DatumGetTextPP(address);
	const char *data = VARDATA_ANY(value);

	for (size_t i = 0; i < VARSIZE_ANY_EXHDR(value); i++)
		if (strchr(" \t\n\v\f\r", data[i]) == NULL)
			return false;
	return true;
}

static Jsonb *
place(const Request *request)
{
	Access		access;
	LockedCart	cart;
	Checkout	checkout;
	Order		order;
	int64		earlier_order_id;
	Jsonb	   *document;

	begin_access(&access, request->user_id);
	lock_user_and_cart(&cart, request->user_id);
	if (find_earlier_order(request, &earlier_order_id))
		document = read_order(&access, request->user_id, earlier_order_id,
							  PLACED_EARLIER, FRESH_SNAPSHOT);
	else
	{
		take_items(&checkout, request->user_id, &cart);
		price_checkout(&checkout, FRESH_SNAPSHOT);
		find_problems(&checkout);
		refuse_problems(&checkout);
		lock_stock(checkout.stock_bucket, checkout.units, checkout.count);
		find_shortages(&checkout);
		refuse_problems(&checkout);
		take_stock(checkout.stock_bucket, checkout.units, checkout.count);
		check_amount(request, &checkout);
		write_order(&order, request, &cart, &checkout);
		insert_order_lines(order.user_id, DatumGetInt64(order.id.value),
						   checkout.lines, checkout.count);
		write_placement(&access, order.user_id, DatumGetInt64(order.id.value),
						order.order_status);
		document = order_to_jsonb(&access, &order, &checkout);
	}
	end_access(&access);
	return document;
}

static void
lock_user_and_cart(LockedCart *cart, int64 user_id)
{
	NullableDatum values[] = {bigint_value(user_id)};
	NullableDatum bucket;

	if (execute(&lock_user_key_share, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_user(user_id);
	read_row(SPI_tuptable, 0, &cart->users_address, 1);

	cart->exists = execute(&lock_cart_no_key_update, values, FRESH_SNAPSHOT) > 0;
	if (cart->exists)
	{
		read_row(SPI_tuptable, 0, &bucket, 1);
		cart->stock_bucket = DatumGetInt32(bucket.value);
	}
}

/*
 * The order that was placed with the same key before.  It has to be looked up
 * under the lock of the cart: two requests with one key would otherwise both
 * find nothing.
 */
static bool
find_earlier_order(const Request *request, int64 *order_id)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		request->idempotency_key
	};
	NullableDatum row[3];

	if (request->idempotency_key.isnull ||
		execute(&select_order_of_key, values, FRESH_SNAPSHOT) == 0)
		return false;
	read_row(SPI_tuptable, 0, row, lengthof(row));
	*order_id = DatumGetInt64(row[0].value);
	if (!agrees(numeric_eq, request->expected_amount, row[1]))
		refuse_key(*order_id, "expected_amount");
	if (!agrees(texteq, request->shipping_address, row[2]))
		refuse_key(*order_id, "shipping_address");
	return true;
}

/*
 * A key stands for one order.  An argument that is given must be the order's;
 * one that is left out agrees with any.
 */
static bool
agrees(PGFunction equals, NullableDatum argument, NullableDatum stored)
{
	if (argument.isnull)
		return true;
	if (stored.isnull)
		return false;
	return DatumGetBool(DirectFunctionCall2Coll(equals, C_COLLATION_OID,
												argument.value, stored.value));
}

static void
refuse_key(int64 order_id, const char *argument)
{
	ereport(ERROR,
			errcode(ERRCODE_KEY_REUSED),
			errmsg("idempotency key was used for another request"),
			errdetail_internal("{\"code\": \"idempotency_key_reused\", \"order_id\": " INT64_FORMAT ", \"argument\": \"%s\"}",
							   order_id, argument),
			errhint("Repeat a request with the arguments it had, or use a new key for a new order."));
}

static void
take_items(Checkout *checkout, int64 user_id, const LockedCart *cart)
{
	NullableDatum values[] = {bigint_value(user_id)};
	uint64		count = 0;

	if (cart->exists)
		count = execute(&delete_items, values, FRESH_SNAPSHOT);
	if (count == 0)
		refuse_empty_cart(user_id);

	begin_checkout(checkout, user_id, cart->stock_bucket, count);
	for (int i = 0; i < checkout->count; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		checkout->units[i].product_id = DatumGetInt64(row[0].value);
		checkout->units[i].quantity = DatumGetInt32(row[1].value);
	}
	sort_units(checkout->units, checkout->count);
}

static void
refuse_empty_cart(int64 user_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("cart is empty"),
			errdetail_internal("{\"code\": \"empty_cart\", \"user_id\": " INT64_FORMAT "}",
							   user_id),
			errhint("Put a product into the cart with add_to_cart."));
}

static void
check_amount(const Request *request, const Checkout *checkout)
{
	Numeric		amount = DatumGetNumeric(checkout->amount.value);
	Numeric		expected;

	if (request->expected_amount.isnull)
		return;
	expected = DatumGetNumeric(request->expected_amount.value);
	if (!amounts_are_equal(amount, expected))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("order amount has changed"),
				errdetail_internal("{\"code\": \"amount_changed\", \"expected_amount\": %s, \"order_amount\": %s}",
								   amount_text(expected), amount_text(amount)),
				errhint("Show the customer the cart again, then place the order with its amount."));
}

/* The address of the request, else the user's own. */
static NullableDatum
address_of(const Request *request, const LockedCart *cart)
{
	if (!request->shipping_address.isnull)
		return request->shipping_address;
	if (cart->users_address.isnull || is_blank(cart->users_address.value))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("order has no shipping address"),
				errdetail_internal("{\"code\": \"no_shipping_address\", \"user_id\": " INT64_FORMAT "}",
								   request->user_id),
				errhint("Give shipping_address, or store one in ecommerce.users."));
	return cart->users_address;
}

static void
write_order(Order *order, const Request *request, const LockedCart *cart,
			Checkout *checkout)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		checkout->amount,
		checkout->currency,
		address_of(request, cart),
		request->idempotency_key,
		integer_value(checkout->stock_bucket)
	};
	NullableDatum row[3];

	require_written(execute(IsolationUsesXactSnapshot() ?
							&insert_order_in_snapshot : &insert_order,
							values, FRESH_SNAPSHOT), 1);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	order->user_id = request->user_id;
	order->order_amount = checkout->amount;
	order->currency = checkout->currency;
	order->shipping_address = values[3];
	order->id = row[0];
	order->order_date = row[1];
	order->order_status = row[2];
}

static Jsonb *
order_to_jsonb(const Access *access, const Order *order,
			   const Checkout *checkout)
{
	OrderDocument document;

	begin_order_document(&document, PLACED_NOW, access->result_context);
	open_order(&document, order);
	for (int i = 0; i < checkout->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_order_line(&document, order, &checkout->lines[i]);
	}
	close_order(&document, order, FIRST_LINE_FIRST);
	return jsonb_finish(&document.writer);
}
