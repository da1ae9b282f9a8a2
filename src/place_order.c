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
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "order_document.h"
#include "order_listing.h"
#include "statement.h"

#define IDEMPOTENCY_KEY_MAX_LENGTH	255
#define ADDRESS_MAX_LENGTH			10000

/* Prices are below 1e12 and quantities below 2^31; more than this is a mistake. */
#define ORDER_AMOUNT_LIMIT	INT64CONST(1000000000000000)

/* The arguments of place_order(). */
typedef struct Request
{
	int64		user_id;
	NullableDatum shipping_address;
	NullableDatum idempotency_key;
	NullableDatum expected_amount;
} Request;

/* One product of the cart, and then one line of the order. */
typedef struct CartLine
{
	int64		product_id;
	int32		quantity;
	bool		is_active;		/* is there such a product, and is it sold? */
	NullableDatum currency;
	NullableDatum name;
	NullableDatum description;
	NullableDatum category_id;
	NullableDatum category_name;
	NullableDatum price;
	Datum		line_amount;
	int64		available;
} CartLine;

/* The whole cart, in the order of product ids. */
typedef struct Cart
{
	NullableDatum users_address;
	int32		stock_bucket;
	int			count;
	CartLine   *lines;
	Datum		product_ids;	/* of the lines, as an array */
	Datum		quantities;		/* likewise */
} Cart;

static Statement lock_user = {
	.query =
	"SELECT shipping_address::text FROM ecommerce.users"
	" WHERE id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement lock_cart = {
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

enum product_column
{
	PRODUCT_ID, PRODUCT_IS_ACTIVE, PRODUCT_CURRENCY, PRODUCT_PRICE,
	PRODUCT_NAME, PRODUCT_DESCRIPTION, PRODUCT_CATEGORY_ID,
	PRODUCT_CATEGORY_NAME, PRODUCT_NCOLUMNS
};

static Statement select_products = {
	.query =
	"SELECT product.id::bigint, product.is_active::boolean,"
	"       product.currency::text, product.price::numeric,"
	"       product.name::text, product.description::text,"
	"       category.id::bigint, category.name::text"
	"  FROM ecommerce.products AS product"
	"  LEFT JOIN ecommerce.categories AS category"
	"    ON category.id = product.category_id"
	" WHERE product.id = ANY ($1)",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

/* The rows are locked in the order in which they are sorted. */
static Statement lock_stock = {
	.query =
	"SELECT product_id::bigint, quantity::bigint FROM ecommerce.stock_levels"
	" WHERE bucket = $1 AND product_id = ANY ($2)"
	" ORDER BY product_id FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT4OID, INT8ARRAYOID)
};

/*
 * width_bucket() finds the place of a product in the sorted array of products by
 * binary search.  A join with unnest() costs a third more, and without knowing
 * how few rows it gives the planner may read the whole table for it.
 */
static Statement decrement_stock = {
	.query =
	"UPDATE ecommerce.stock_levels"
	"   SET quantity = quantity - ($3)[width_bucket(product_id, $2)]"
	" WHERE bucket = $1 AND product_id = ANY ($2)",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT4OID, INT8ARRAYOID, INT4ARRAYOID)
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

/*
 * Lines are inserted up to 16 at a time.  Each statement executed costs, among
 * other things, reading the table's constraints from their stored form.
 */
#define LINE_ROW(number, product_id, product_name, product_description, \
				 category_id, category_name, unit_price, quantity, amount) \
	"($1, $2, $" #number ", $" #product_id ", $" #product_name ", $" \
	#product_description ", $" #category_id ", $" #category_name ", $" \
	#unit_price ", $" #quantity ", $" #amount ")"
#define LINE_ROWS_1	LINE_ROW(3, 4, 5, 6, 7, 8, 9, 10, 11)
#define LINE_ROWS_2 LINE_ROWS_1 ", " LINE_ROW(12, 13, 14, 15, 16, 17, 18, 19, 20)
#define LINE_ROWS_3 LINE_ROWS_2 ", " LINE_ROW(21, 22, 23, 24, 25, 26, 27, 28, 29)
#define LINE_ROWS_4 LINE_ROWS_3 ", " LINE_ROW(30, 31, 32, 33, 34, 35, 36, 37, 38)
#define LINE_ROWS_5 LINE_ROWS_4 ", " LINE_ROW(39, 40, 41, 42, 43, 44, 45, 46, 47)
#define LINE_ROWS_6 LINE_ROWS_5 ", " LINE_ROW(48, 49, 50, 51, 52, 53, 54, 55, 56)
#define LINE_ROWS_7 LINE_ROWS_6 ", " LINE_ROW(57, 58, 59, 60, 61, 62, 63, 64, 65)
#define LINE_ROWS_8 LINE_ROWS_7 ", " LINE_ROW(66, 67, 68, 69, 70, 71, 72, 73, 74)
#define LINE_ROWS_9 LINE_ROWS_8 ", " LINE_ROW(75, 76, 77, 78, 79, 80, 81, 82, 83)
#define LINE_ROWS_10 LINE_ROWS_9 ", " LINE_ROW(84, 85, 86, 87, 88, 89, 90, 91, 92)
#define LINE_ROWS_11 LINE_ROWS_10 ", " LINE_ROW(93, 94, 95, 96, 97, 98, 99, 100, 101)
#define LINE_ROWS_12 LINE_ROWS_11 ", " LINE_ROW(102, 103, 104, 105, 106, 107, 108, 109, 110)
#define LINE_ROWS_13 LINE_ROWS_12 ", " LINE_ROW(111, 112, 113, 114, 115, 116, 117, 118, 119)
#define LINE_ROWS_14 LINE_ROWS_13 ", " LINE_ROW(120, 121, 122, 123, 124, 125, 126, 127, 128)
#define LINE_ROWS_15 LINE_ROWS_14 ", " LINE_ROW(129, 130, 131, 132, 133, 134, 135, 136, 137)
#define LINE_ROWS_16 LINE_ROWS_15 ", " LINE_ROW(138, 139, 140, 141, 142, 143, 144, 145, 146)

#define LINE_TYPES_1 \
	INT4OID, INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, NUMERICOID, INT4OID, \
	NUMERICOID
#define LINE_TYPES_2 LINE_TYPES_1, LINE_TYPES_1
#define LINE_TYPES_3 LINE_TYPES_2, LINE_TYPES_1
#define LINE_TYPES_4 LINE_TYPES_3, LINE_TYPES_1
#define LINE_TYPES_5 LINE_TYPES_4, LINE_TYPES_1
#define LINE_TYPES_6 LINE_TYPES_5, LINE_TYPES_1
#define LINE_TYPES_7 LINE_TYPES_6, LINE_TYPES_1
#define LINE_TYPES_8 LINE_TYPES_7, LINE_TYPES_1
#define LINE_TYPES_9 LINE_TYPES_8, LINE_TYPES_1
#define LINE_TYPES_10 LINE_TYPES_9, LINE_TYPES_1
#define LINE_TYPES_11 LINE_TYPES_10, LINE_TYPES_1
#define LINE_TYPES_12 LINE_TYPES_11, LINE_TYPES_1
#define LINE_TYPES_13 LINE_TYPES_12, LINE_TYPES_1
#define LINE_TYPES_14 LINE_TYPES_13, LINE_TYPES_1
#define LINE_TYPES_15 LINE_TYPES_14, LINE_TYPES_1
#define LINE_TYPES_16 LINE_TYPES_15, LINE_TYPES_1

#define INSERT_LINES(rows, types) { \
		.query = \
		"INSERT INTO ecommerce.order_details (customer_id, order_id, line_number," \
		"       product_id, product_name, product_description, category_id," \
		"       category_name, unit_price, quantity, line_amount)" \
		" VALUES " rows, \
		.result = SPI_OK_INSERT, \
		PARAMETERS(INT8OID, INT8OID, types) \
	}

/* insert_lines[i] inserts i + 1 lines. */
static Statement insert_lines[] = {
	INSERT_LINES(LINE_ROWS_1, LINE_TYPES_1),
	INSERT_LINES(LINE_ROWS_2, LINE_TYPES_2),
	INSERT_LINES(LINE_ROWS_3, LINE_TYPES_3),
	INSERT_LINES(LINE_ROWS_4, LINE_TYPES_4),
	INSERT_LINES(LINE_ROWS_5, LINE_TYPES_5),
	INSERT_LINES(LINE_ROWS_6, LINE_TYPES_6),
	INSERT_LINES(LINE_ROWS_7, LINE_TYPES_7),
	INSERT_LINES(LINE_ROWS_8, LINE_TYPES_8),
	INSERT_LINES(LINE_ROWS_9, LINE_TYPES_9),
	INSERT_LINES(LINE_ROWS_10, LINE_TYPES_10),
	INSERT_LINES(LINE_ROWS_11, LINE_TYPES_11),
	INSERT_LINES(LINE_ROWS_12, LINE_TYPES_12),
	INSERT_LINES(LINE_ROWS_13, LINE_TYPES_13),
	INSERT_LINES(LINE_ROWS_14, LINE_TYPES_14),
	INSERT_LINES(LINE_ROWS_15, LINE_TYPES_15),
	INSERT_LINES(LINE_ROWS_16, LINE_TYPES_16)
};

#define MAX_LINES_AT_ONCE	((int) lengthof(insert_lines))
#define LINE_NPARAMETERS	9	/* behind the customer and the order */

static Statement insert_event = {
	.query =
	"INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,"
	"       event, new_status, actor)"
	" VALUES ($1, $2, 1, 'order_placed', $3, $4)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, TEXTOID, TEXTOID)
};

PG_FUNCTION_INFO_V1(place_order);

static void check_request(const Request *request);
static int	length_of(Datum string);
static bool is_blank(Datum address);
static Jsonb *place(const Request *request);
static bool lock_user_and_cart(Cart *cart, int64 user_id);
static bool find_earlier_order(const Request *request, int64 *order_id);
static bool agrees(PGFunction equals, NullableDatum argument,
				   NullableDatum stored);
pg_noreturn static void refuse_key(int64 order_id, const char *argument);
static int	take_items(Cart *cart, int64 user_id);
pg_noreturn static void refuse_empty_cart(int64 user_id);
static int	compare_lines(const void *a, const void *b);
static void make_arrays(Cart *cart);
static void read_products(Cart *cart);
static CartLine *find_line(Cart *cart, int64 product_id);
static void check_products(const Cart *cart);
static void require_same_currency(const CartLine *first, const CartLine *other);
static void take_stock(Cart *cart);
static void check_stock(const Cart *cart);
static Datum add_up(Cart *cart);
static void check_amount(const Request *request, Datum order_amount);
static NullableDatum address_of(const Request *request, const Cart *cart);
static void write_order(Order *order, const Request *request,
						const Cart *cart);
static void write_lines(const Order *order, const Cart *cart);
static void write_some_lines(const Order *order, const Cart *cart, int first,
							 int count);
static void set_line_parameters(const CartLine *line, int line_number,
								Datum *values, char *nulls);
static void write_event(const Order *order, Oid actor);
static void set_parameter(NullableDatum field, Datum *value, char *is_null);
static Jsonb *order_to_jsonb(const Access *access, const Order *order,
							 const Cart *cart);

Datum
place_order(PG_FUNCTION_ARGS)
{
	Request		request = {
		.user_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id")),
		.shipping_address = fcinfo->args[1],
		.idempotency_key = fcinfo->args[2],
		.expected_amount = fcinfo->args[3]
	};

	check_request(&request);
	PG_RETURN_JSONB_P(place(&request));
}

static void
check_request(const Request *request)
{
	if (!request->shipping_address.isnull &&
		(is_blank(request->shipping_address.value) ||
		 length_of(request->shipping_address.value) > ADDRESS_MAX_LENGTH))
		refuse_argument("shipping_address", "1 to 10000 characters that are not all blank");
	if (!request->idempotency_key.isnull)
	{
		int			length = length_of(request->idempotency_key.value);

		if (length < 1 || length > IDEMPOTENCY_KEY_MAX_LENGTH)
			refuse_argument("idempotency_key", "1 to 255 characters");
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
	Cart		cart;
	Order		order;
	int64		earlier_order_id;
	bool		has_cart;
	Jsonb	   *document;

	begin_access(&access, request->user_id);
	has_cart = lock_user_and_cart(&cart, request->user_id);
	if (find_earlier_order(request, &earlier_order_id))
		document = read_order(&access, request->user_id, earlier_order_id,
							  PLACED_EARLIER, FRESH_SNAPSHOT);
	else
	{
		if (!has_cart || take_items(&cart, request->user_id) == 0)
			refuse_empty_cart(request->user_id);
		read_products(&cart);
		check_products(&cart);
		take_stock(&cart);
		order.order_amount.value = add_up(&cart);
		order.order_amount.isnull = false;
		check_amount(request, order.order_amount.value);
		write_order(&order, request, &cart);
		write_lines(&order, &cart);
		write_event(&order, access.caller);
		document = order_to_jsonb(&access, &order, &cart);
	}
	end_access(&access);
	return document;
}

/* Returns whether the user has a cart: without one there is nothing to lock. */
static bool
lock_user_and_cart(Cart *cart, int64 user_id)
{
	Datum		values[] = {Int64GetDatum(user_id)};
	NullableDatum field;

	if (execute(&lock_user, values, NULL, FRESH_SNAPSHOT) == 0)
		refuse_unknown_user(user_id);
	read_row(SPI_tuptable, 0, &cart->users_address, 1);

	if (execute(&lock_cart, values, NULL, FRESH_SNAPSHOT) == 0)
		return false;
	read_row(SPI_tuptable, 0, &field, 1);
	cart->stock_bucket = DatumGetInt32(field.value);
	return true;
}

/*
 * The order that was placed with the same key before.  It has to be looked up
 * under the lock of the cart: two requests with one key would otherwise both
 * find nothing.
 */
static bool
find_earlier_order(const Request *request, int64 *order_id)
{
	Datum		values[] = {
		Int64GetDatum(request->user_id),
		request->idempotency_key.value
	};
	NullableDatum row[3];

	if (request->idempotency_key.isnull ||
		execute(&select_order_of_key, values, NULL, FRESH_SNAPSHOT) == 0)
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

/* Returns how many there were. */
static int
take_items(Cart *cart, int64 user_id)
{
	Datum		values[] = {Int64GetDatum(user_id)};
	uint64		count = execute(&delete_items, values, NULL, FRESH_SNAPSHOT);

	cart->count = count;
	cart->lines = palloc_extended(count * sizeof(CartLine),
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < cart->count; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		cart->lines[i].product_id = DatumGetInt64(row[0].value);
		cart->lines[i].quantity = DatumGetInt32(row[1].value);
	}
	qsort(cart->lines, cart->count, sizeof(CartLine), compare_lines);
	make_arrays(cart);
	return cart->count;
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

static int
compare_lines(const void *a, const void *b)
{
	int64		left = ((const CartLine *) a)->product_id;
	int64		right = ((const CartLine *) b)->product_id;

	return (left > right) - (left < right);
}

static void
make_arrays(Cart *cart)
{
	Datum	   *ids = palloc(cart->count * sizeof(Datum));
	Datum	   *quantities = palloc(cart->count * sizeof(Datum));

	for (int i = 0; i < cart->count; i++)
	{
		ids[i] = Int64GetDatum(cart->lines[i].product_id);
		quantities[i] = Int32GetDatum(cart->lines[i].quantity);
	}
	cart->product_ids =
		PointerGetDatum(construct_array(ids, cart->count, INT8OID,
										sizeof(int64), FLOAT8PASSBYVAL,
										TYPALIGN_DOUBLE));
	cart->quantities =
		PointerGetDatum(construct_array(quantities, cart->count, INT4OID,
										sizeof(int32), true, TYPALIGN_INT));
}

static void
read_products(Cart *cart)
{
	uint64		count = execute(&select_products, &cart->product_ids, NULL,
								FRESH_SNAPSHOT);

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[PRODUCT_NCOLUMNS];
		CartLine   *line;

		read_row(SPI_tuptable, i, row, lengthof(row));
		line = find_line(cart, DatumGetInt64(row[PRODUCT_ID].value));
		if (line == NULL)
			continue;
		line->is_active = DatumGetBool(row[PRODUCT_IS_ACTIVE].value) &&
			!row[PRODUCT_CURRENCY].isnull && !row[PRODUCT_PRICE].isnull;
		line->currency = row[PRODUCT_CURRENCY];
		line->price = row[PRODUCT_PRICE];
		line->name = row[PRODUCT_NAME];
		line->description = row[PRODUCT_DESCRIPTION];
		line->category_id = row[PRODUCT_CATEGORY_ID];
		line->category_name = row[PRODUCT_CATEGORY_NAME];
	}
}

/*
 * NULL when the product is none of the cart's: a column that is not bigint any
 * more can be equal to an id that is not quite its own.
 */
static CartLine *
find_line(Cart *cart, int64 product_id)
{
	CartLine	key = {.product_id = product_id};

	return bsearch(&key, cart->lines, cart->count, sizeof(CartLine),
				   compare_lines);
}

static void
check_products(const Cart *cart)
{
	StringInfoData unavailable;

	initStringInfo(&unavailable);
	for (int i = 0; i < cart->count; i++)
		if (!cart->lines[i].is_active)
			appendStringInfo(&unavailable, "%s" INT64_FORMAT,
							 unavailable.len > 0 ? ", " : "",
							 cart->lines[i].product_id);
	if (unavailable.len > 0)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("product is not active"),
				errdetail_internal("{\"code\": \"inactive_product\", \"product_ids\": [%s]}",
								   unavailable.data),
				errhint("Take the products out of the cart with set_cart_item."));

	for (int i = 1; i < cart->count; i++)
		require_same_currency(&cart->lines[0], &cart->lines[i]);
}

static void
require_same_currency(const CartLine *first, const CartLine *other)
{
	StringInfoData currencies;

	if (DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
											 first->currency.value,
											 other->currency.value)))
		return;
	initStringInfo(&currencies);
	escape_json(&currencies, TextDatumGetCString(first->currency.value));
	appendStringInfoString(&currencies, ", ");
	escape_json(&currencies, TextDatumGetCString(other->currency.value));
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("cart has more than one currency"),
			errdetail_internal("{\"code\": \"mixed_currencies\", \"currencies\": [%s]}",
							   currencies.data),
			errhint("Order products of one currency at a time."));
}

static void
take_stock(Cart *cart)
{
	Datum		values[] = {
		Int32GetDatum(cart->stock_bucket), cart->product_ids, cart->quantities
	};
	uint64		count = execute(&lock_stock, values, NULL, FRESH_SNAPSHOT);

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[2];
		CartLine   *line;

		read_row(SPI_tuptable, i, row, lengthof(row));
		line = find_line(cart, DatumGetInt64(row[0].value));
		if (line != NULL)
			line->available = DatumGetInt64(row[1].value);
	}
	check_stock(cart);
	require_written(execute(&decrement_stock, values, NULL, FRESH_SNAPSHOT),
					cart->count);
}

/* A product that has no stock level has nothing in stock. */
static void
check_stock(const Cart *cart)
{
	StringInfoData shortages;

	initStringInfo(&shortages);
	for (int i = 0; i < cart->count; i++)
		if (cart->lines[i].available < cart->lines[i].quantity)
			appendStringInfo(&shortages,
							 "%s{\"product_id\": " INT64_FORMAT ", \"requested\": %d, \"available\": " INT64_FORMAT "}",
							 shortages.len > 0 ? ", " : "",
							 cart->lines[i].product_id,
							 cart->lines[i].quantity,
							 cart->lines[i].available);
	if (shortages.len > 0)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("stock is insufficient"),
				errdetail_internal("{\"code\": \"insufficient_stock\", \"lines\": [%s]}",
								   shortages.data),
				errhint("Reduce the quantities with set_cart_item."));
}

/* The amount of each line, and their sum, both exact. */
static Datum
add_up(Cart *cart)
{
	Datum		sum = 0;

	for (int i = 0; i < cart->count; i++)
	{
		CartLine   *line = &cart->lines[i];
		Numeric		quantity = int64_to_numeric(line->quantity);

		CHECK_FOR_INTERRUPTS();
		line->line_amount = DirectFunctionCall2(numeric_mul, line->price.value,
												NumericGetDatum(quantity));
		sum = i == 0 ? line->line_amount :
			DirectFunctionCall2(numeric_add, sum, line->line_amount);
	}
	return sum;
}

static void
check_amount(const Request *request, Datum order_amount)
{
	Numeric		limit = int64_to_numeric(ORDER_AMOUNT_LIMIT);
	Numeric		amount = DatumGetNumeric(order_amount);

	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		refuse_not_finite();
	if (DatumGetBool(DirectFunctionCall2(numeric_ge, order_amount,
										 NumericGetDatum(limit))))
		ereport(ERROR,
				errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("order amount is out of range"),
				errdetail_internal("{\"code\": \"amount_out_of_range\", \"order_amount\": %s, \"below\": " INT64_FORMAT "}",
								   DatumGetCString(DirectFunctionCall1(numeric_out, order_amount)),
								   ORDER_AMOUNT_LIMIT),
				errhint("Reduce the quantities with set_cart_item."));

	if (!request->expected_amount.isnull &&
		!DatumGetBool(DirectFunctionCall2(numeric_eq, order_amount,
										  request->expected_amount.value)))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("order amount has changed"),
				errdetail_internal("{\"code\": \"amount_changed\", \"expected_amount\": %s, \"order_amount\": %s}",
								   DatumGetCString(DirectFunctionCall1(numeric_out, request->expected_amount.value)),
								   DatumGetCString(DirectFunctionCall1(numeric_out, order_amount))),
				errhint("Show the customer the cart again, then place the order with its amount."));
}

/* The address of the request, else the user's own. */
static NullableDatum
address_of(const Request *request, const Cart *cart)
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
write_order(Order *order, const Request *request, const Cart *cart)
{
	Datum		values[6];
	char		nulls[] = "      ";
	NullableDatum row[3];

	order->customer_id = request->user_id;
	order->currency = cart->lines[0].currency;
	order->shipping_address = address_of(request, cart);
	values[0] = Int64GetDatum(order->customer_id);
	set_parameter(order->order_amount, &values[1], &nulls[1]);
	set_parameter(order->currency, &values[2], &nulls[2]);
	set_parameter(order->shipping_address, &values[3], &nulls[3]);
	set_parameter(request->idempotency_key, &values[4], &nulls[4]);
	values[5] = Int32GetDatum(cart->stock_bucket);
	require_written(execute(IsolationUsesXactSnapshot() ?
							&insert_order_in_snapshot : &insert_order,
							values, nulls, FRESH_SNAPSHOT), 1);

	read_row(SPI_tuptable, 0, row, lengthof(row));
	order->id = DatumGetInt64(row[0].value);
	order->order_date = row[1];
	order->order_status = row[2];
}

static void
write_lines(const Order *order, const Cart *cart)
{
	for (int first = 0; first < cart->count; first += MAX_LINES_AT_ONCE)
		write_some_lines(order, cart, first,
						 Min(cart->count - first, MAX_LINES_AT_ONCE));
}

static void
write_some_lines(const Order *order, const Cart *cart, int first, int count)
{
	Datum		values[2 + MAX_LINES_AT_ONCE * LINE_NPARAMETERS];
	char		nulls[2 + MAX_LINES_AT_ONCE * LINE_NPARAMETERS];

	values[0] = Int64GetDatum(order->customer_id);
	values[1] = Int64GetDatum(order->id);
	nulls[0] = nulls[1] = ' ';
	for (int i = 0; i < count; i++)
		set_line_parameters(&cart->lines[first + i], first + i + 1,
							values + 2 + i * LINE_NPARAMETERS,
							nulls + 2 + i * LINE_NPARAMETERS);
	require_written(execute(&insert_lines[count - 1], values, nulls,
							FRESH_SNAPSHOT), count);
}

static void
set_line_parameters(const CartLine *line, int line_number, Datum *values,
					char *nulls)
{
	memset(nulls, ' ', LINE_NPARAMETERS);
	values[0] = Int32GetDatum(line_number);
	values[1] = Int64GetDatum(line->product_id);
	set_parameter(line->name, &values[2], &nulls[2]);
	set_parameter(line->description, &values[3], &nulls[3]);
	set_parameter(line->category_id, &values[4], &nulls[4]);
	set_parameter(line->category_name, &values[5], &nulls[5]);
	set_parameter(line->price, &values[6], &nulls[6]);
	values[7] = Int32GetDatum(line->quantity);
	values[8] = line->line_amount;
}

static void
write_event(const Order *order, Oid actor)
{
	Datum		values[4];
	char		nulls[] = "    ";

	values[0] = Int64GetDatum(order->customer_id);
	values[1] = Int64GetDatum(order->id);
	set_parameter(order->order_status, &values[2], &nulls[2]);
	values[3] = CStringGetTextDatum(GetUserNameFromId(actor, false));
	require_written(execute(&insert_event, values, nulls, FRESH_SNAPSHOT), 1);
}

/* Puts a value that may be null into the arrays that SPI takes. */
static void
set_parameter(NullableDatum field, Datum *value, char *is_null)
{
	*value = field.value;
	*is_null = field.isnull ? 'n' : ' ';
}

static Jsonb *
order_to_jsonb(const Access *access, const Order *order, const Cart *cart)
{
	OrderDocument document;

	begin_order_document(&document, PLACED_NOW, access->result_context);
	open_order(&document, order);
	for (int i = 0; i < cart->count; i++)
	{
		const CartLine *item = &cart->lines[i];
		OrderLine	line = {
			.order_id = order->id,
			.line_number = i + 1,
			.product_id = {.value = Int64GetDatum(item->product_id)},
			.product_name = item->name,
			.product_description = item->description,
			.category_id = item->category_id,
			.category_name = item->category_name,
			.unit_price = item->price,
			.quantity = {.value = Int32GetDatum(item->quantity)},
			.line_amount = {.value = item->line_amount}
		};

		CHECK_FOR_INTERRUPTS();
		put_order_line(&document, &line);
	}
	close_order(&document, order, FIRST_LINE_FIRST);
	return jsonb_finish(&document.writer);
}
