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
 *	 never wait for each other; then it is decremented.  So are the uses of
 *	 promotions that have a limit, by promotion id.  An order of a product that
 *	 is split comes to this last, for there others wait.
 *
 * Locks are taken in this order within every call: user, cart, cart items,
 * order, stock by product id, uses by promotion id, new rows.  There is no subtransaction and no
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
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "access.h"
#include "addresses.h"
#include "arguments.h"
#include "discounts.h"
#include "errors.h"
#include "money.h"
#include "order_history.h"
#include "order_reader.h"
#include "pricing.h"
#include "problems.h"
#include "tables.h"
#include "texts.h"

#define METADATA_MAX_SIZE	16384

/* The arguments of place_order(). */
typedef struct Request
{
	int64		user_id;
	NullableDatum idempotency_key;
	NullableDatum expected_amount;
	NullableDatum fingerprint;
	NullableDatum shipping_address;
	NullableDatum metadata;
} Request;

static Statement select_order_of_key = {
	.query =
	"SELECT id::bigint, order_amount::numeric, fingerprint::text,"
	"       shipping_address::text, address::jsonb, metadata::jsonb"
	"  FROM ecommerce.orders"
	" WHERE customer_id = $1 AND idempotency_key = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, TEXTOID)
};

enum order_of_key_column
{
	KEY_ORDER_ID, KEY_ORDER_AMOUNT, KEY_FINGERPRINT, KEY_SHIPPING_ADDRESS,
	KEY_ADDRESS, KEY_METADATA, KEY_NCOLUMNS
};

static Statement insert_order = {
	.query =
	"INSERT INTO ecommerce.orders (customer_id, order_amount, currency,"
	"       shipping_address, idempotency_key, stock_bucket, address,"
	"       billing_address, metadata, fingerprint, items_amount)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
	" RETURNING id::bigint, order_date::timestamptz, order_status::text,"
	"           number::text, payment_due_at::timestamptz",
	.result = SPI_OK_INSERT_RETURNING,
	PARAMETERS(INT8OID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, JSONBOID,
			   JSONBOID, JSONBOID, TEXTOID, NUMERICOID),
	DOMAINS(DOMAIN(2, "amount", NUMERICOID), DOMAIN(3, "currency", TEXTOID),
			DOMAIN(5, "idempotency_key", TEXTOID), DOMAIN(7, "address", JSONBOID),
			DOMAIN(8, "address", JSONBOID), DOMAIN(9, "metadata", JSONBOID),
			DOMAIN(11, "amount", NUMERICOID))
};

PG_FUNCTION_INFO_V1(place_order_2);
PG_FUNCTION_INFO_V1(api_place_order_2);

/*
 * The same of versions before 2.0, whose arguments were others, in another order.
 * A name of their own keeps a session that has the old library from reading a key
 * as an address.
 */
PG_FUNCTION_INFO_V1(place_order);
PG_FUNCTION_INFO_V1(api_place_order);

PG_FUNCTION_INFO_V1(warm_up);

static Document *place_order_of(DocumentFormat format, int64 user_id,
								const NullableDatum *arguments, bool *is_new);
static void check_request(const Request *request);
static Document *place(const Access *access, DocumentFormat format,
					   const Request *request, bool *is_new);
static void refuse_shortages(Checkout *checkout);
static void take_stock_and_uses(Checkout *checkout);
static Document *find_earlier_order(const Access *access,
									DocumentFormat format,
									const Request *request);
static bool agrees(PGFunction equals, NullableDatum argument,
				   NullableDatum stored);
static bool addresses_agree(NullableDatum argument, NullableDatum address,
							NullableDatum shipping_address);
pg_noreturn static void refuse_key(int64 order_id, const char *argument);
pg_noreturn static void refuse_empty_cart(int64 user_id);
static Seen what_was_seen(const Request *request);
static void check_what_was_seen(const Request *request,
								const Checkout *checkout);
pg_noreturn static void refuse_changed_cart(const Checkout *checkout,
											Datum fingerprint);
static void write_order(Order *order, const Request *request,
						const Checkout *checkout);
static void write_deadline(Order *order, NullableDatum due_at);
static void refuse_taken_id(void);
static Document *placed_order(const Access *access, DocumentFormat format,
							  const Order *order, const Checkout *checkout);

static const RowNumber order_ids = {
	.indexes = {"orders_pkey", "orders_id_key"},
	.refuse = refuse_taken_id
};

Datum
place_order_2(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	bool		is_new;

	PG_RETURN_POINTER(place_order_of(answer_format(fcinfo), user_id,
									 &fcinfo->args[1], &is_new));
}

Datum
api_place_order_2(PG_FUNCTION_ARGS)
{
	int64		user_id = require_claimed_user();
	bool		is_new;
	Document   *order = place_order_of(answer_format(fcinfo), user_id,
									   fcinfo->args, &is_new);

	if (is_new)
		answer_created();
	PG_RETURN_POINTER(order);
}

Datum
place_order(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	refuse_old_extension("ecommerce.place_order(bigint,text,numeric,text,text,jsonb)");
}

Datum
api_place_order(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	refuse_old_extension("ecommerce_api.place_order(text,numeric,text,text,jsonb)");
}

/*
 * Plans what place() is going to execute.  A connection's first order costs several
 * times as much as the next: the server reads the definitions of the tables and
 * plans each statement.  Nothing is executed here, so that no row is locked, no
 * sequence moves and no trigger of the shop's fires.
 */
Datum
warm_up(PG_FUNCTION_ARGS)
{
	Access		access;

	(void) fcinfo;
	begin_staff_access(&access);
	plan_checkout();
	plan_statement(&select_order_of_key);
	plan_pricing();
	plan_stock();
	plan_statement(&insert_order);
	plan_order_lines();
	plan_placement();
	end_access(&access);
	PG_RETURN_VOID();
}

static Document *
place_order_of(DocumentFormat format, int64 user_id,
			   const NullableDatum *arguments, bool *is_new)
{
	Request		request = {
		.user_id = user_id,
		.idempotency_key = arguments[0],
		.expected_amount = arguments[1],
		.fingerprint = arguments[2],
		.shipping_address = arguments[3],
		.metadata = arguments[4]
	};
	Access		access;
	Document   *order;

	check_request(&request);
	begin_access(&access, user_id);
	order = place(&access, format, &request, is_new);
	end_access(&access);
	return order;
}

static void
check_request(const Request *request)
{
	check_text_argument(&request->idempotency_key, "idempotency_key",
						KEY_MAX_LENGTH);
	if (!request->expected_amount.isnull &&
		!is_amount(DatumGetNumeric(request->expected_amount.value)))
		refuse_argument("expected_amount", "a number from 0, below "
						CppAsString2(AMOUNT_LIMIT) ", of at most "
						CppAsString2(AMOUNT_MAX_DECIMALS) " decimals");
	if (!request->shipping_address.isnull)
		(void) parse_address(request->shipping_address.value,
							 "shipping_address");
	if (!request->metadata.isnull)
	{
		Jsonb	   *metadata = DatumGetJsonbP(request->metadata.value);

		if (!JB_ROOT_IS_OBJECT(metadata) ||
			VARSIZE(metadata) > METADATA_MAX_SIZE)
			refuse_argument("metadata", "an object of at most "
							CppAsString2(METADATA_MAX_SIZE) " bytes");
	}
}

static Document *
place(const Access *access, DocumentFormat format, const Request *request,
	  bool *is_new)
{
	Checkout	checkout;
	Order		order;
	Document   *earlier;
	Document   *document;
	bool		is_hot;

	lock_checkout(&checkout, request->user_id);
	earlier = find_earlier_order(access, format, request);
	*is_new = earlier == NULL;
	if (earlier != NULL)
		return earlier;

	take_items(&checkout);
	if (checkout.count == 0)
		refuse_empty_cart(request->user_id);
	price_checkout(&checkout, request->shipping_address,
				   what_was_seen(request), FRESH_SNAPSHOT);
	refuse_problems(&checkout);
	check_what_was_seen(request, &checkout);
	is_hot = is_split(checkout.units, checkout.count);
	if (is_hot)
		refuse_shortages(&checkout);
	else
		take_stock_and_uses(&checkout);
	write_order(&order, request, &checkout);
	insert_order_lines(order.user_id, DatumGetInt64(order.id.value),
					   checkout.lines, checkout.count);
	if (checkout.nadjustments > 0)
		insert_order_adjustments(order.user_id, DatumGetInt64(order.id.value),
								 checkout.adjustments, checkout.nadjustments);
	write_placement(access, order.user_id, DatumGetInt64(order.id.value),
					order.order_status);
	forget_choices(&checkout);
	document = placed_order(access, format, &order, &checkout);
	if (is_hot)
		take_stock_and_uses(&checkout);
	return document;
}

/*
 * What is short now is refused before anything is written, and before anybody is
 * waited for.  At REPEATABLE READ and above the snapshot may have less than there
 * is by now: that is for the locks to find out.
 */
static void
refuse_shortages(Checkout *checkout)
{
	read_stock(checkout->stock_bucket, checkout->units, checkout->count,
			   LATEST_SNAPSHOT);
	find_shortages(checkout);
	refuse_problems(checkout);
}

static void
take_stock_and_uses(Checkout *checkout)
{
	LockedStock stock;

	lock_stock(&stock, checkout->stock_bucket, checkout->units,
			   checkout->count);
	find_shortages(checkout);
	take_promotion_uses(checkout);
	refuse_problems(checkout);
	take_stock(&stock, checkout->units, checkout->count);
}

/*
 * The order that was placed with the same key before, or NULL.  It has to be
 * looked up under the lock of the cart: two requests with one key would
 * otherwise both find nothing.  At REPEATABLE READ and above, one that was
 * placed since the snapshot is found, but cannot be read.
 */
static Document *
find_earlier_order(const Access *access, DocumentFormat format,
				   const Request *request)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		request->idempotency_key
	};
	NullableDatum row[KEY_NCOLUMNS];
	int64		order_id;
	Document   *order;

	if (request->idempotency_key.isnull ||
		execute(&select_order_of_key, values, LATEST_SNAPSHOT) == 0)
		return NULL;
	read_row(SPI_tuptable, 0, row, lengthof(row));
	order_id = DatumGetInt64(row[KEY_ORDER_ID].value);
	if (!agrees(numeric_eq, request->expected_amount, row[KEY_ORDER_AMOUNT]))
		refuse_key(order_id, "expected_amount");
	if (!agrees(texteq, request->fingerprint, row[KEY_FINGERPRINT]))
		refuse_key(order_id, "fingerprint");
	if (!addresses_agree(request->shipping_address, row[KEY_ADDRESS],
						 row[KEY_SHIPPING_ADDRESS]))
		refuse_key(order_id, "shipping_address");
	if (!agrees(jsonb_eq, request->metadata, row[KEY_METADATA]))
		refuse_key(order_id, "metadata");

	order = seek_order(access, format, request->user_id, order_id,
					   PLACED_EARLIER, FRESH_SNAPSHOT);
	if (order == NULL)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"),
				errdetail_internal("{\"code\": \"order_is_newer\", \"order_id\": " INT64_FORMAT "}",
								   order_id),
				errhint("The transaction might succeed if retried."));
	return order;
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

static bool
addresses_agree(NullableDatum argument, NullableDatum address,
				NullableDatum shipping_address)
{
	NullableDatum structured = NULL_VALUE;

	if (!argument.isnull)
		structured = parse_address(argument.value, "shipping_address");
	return structured.isnull ? agrees(texteq, argument, shipping_address) :
		agrees(jsonb_eq, structured, address);
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
refuse_empty_cart(int64 user_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("cart is empty"),
			errdetail_internal("{\"code\": \"empty_cart\", \"user_id\": " INT64_FORMAT "}",
							   user_id),
			errhint("Put a product into the cart with add_to_cart."));
}

static Seen
what_was_seen(const Request *request)
{
	if (!request->fingerprint.isnull)
		return SEEN_CART;
	return request->expected_amount.isnull ? SEEN_NOTHING : SEEN_AMOUNT;
}

static void
check_what_was_seen(const Request *request, const Checkout *checkout)
{
	if (!request->fingerprint.isnull)
	{
		NullableDatum fingerprint = not_null(fingerprint_of(checkout));

		if (!agrees(texteq, request->fingerprint, fingerprint))
			refuse_changed_cart(checkout, fingerprint.value);
	}
	if (!agrees(numeric_eq, request->expected_amount, checkout->amount))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("order amount has changed"),
				errdetail_internal("{\"code\": \"amount_changed\", \"expected_amount\": %s, \"order_amount\": %s, \"currency\": \"%s\"}",
								   amount_text(DatumGetNumeric(request->expected_amount.value)),
								   amount_text(DatumGetNumeric(checkout->amount.value)),
								   TextDatumGetCString(checkout->currency.value)),
				errhint("Show the customer the cart again, then place the order with its amount."));
}

static void
refuse_changed_cart(const Checkout *checkout, Datum fingerprint)
{
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("cart has changed"),
			errdetail_internal("{\"code\": \"cart_changed\", \"cart_amount\": %s, \"currency\": \"%s\", \"fingerprint\": \"%s\"}",
							   amount_text(DatumGetNumeric(checkout->amount.value)),
							   TextDatumGetCString(checkout->currency.value),
							   TextDatumGetCString(fingerprint)),
			errhint("Show the customer the cart again, then place the order with its fingerprint."));
}

static void
write_order(Order *order, const Request *request, const Checkout *checkout)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		checkout->amount,
		checkout->currency,
		checkout->shipping_address,
		request->idempotency_key,
		bigint_value(checkout->stock_bucket),
		checkout->address,
		checkout->billing_address,
		request->metadata,
		request->fingerprint,
		checkout->items_amount
	};
	NullableDatum row[5];

	require_written(execute_insert(&insert_order, values, &order_ids), 1);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	order->user_id = request->user_id;
	order->id = row[0];
	order->order_date = row[1];
	order->order_status = row[2];
	order->number = row[3];
	order->order_amount = checkout->amount;
	order->currency = checkout->currency;
	order->shipping_address = checkout->shipping_address;
	order->address = checkout->address;
	order->billing_address = checkout->billing_address;
	order->metadata = request->metadata;
	order->items_amount = checkout->items_amount;
	order->nadjustments = checkout->nadjustments;
	order->adjustments = checkout->adjustments;
	order->nreturns = 0;
	order->returns = NULL;
	order->balance = NULL;
	if (!row[4].isnull)
		write_deadline(order, row[4]);
}

/* The order is unpaid until then, and that is all that is known of it. */
static void
write_deadline(Order *order, NullableDatum due_at)
{
	LockedOrder unpaid = {
		.user_id = order->user_id,
		.id = DatumGetInt64(order->id.value),
		.payment_due_at = due_at
	};
	OrderBalance *balance = palloc(sizeof(OrderBalance));

	describe_order(&unpaid, order->order_status, order->order_amount,
				   order->currency);
	insert_unpaid_balance(&unpaid, balance);
	order->balance = balance;
}

/* After a restore without sequences, ids begin again. */
static void
refuse_taken_id(void)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("sequence of order ids is behind the orders"),
			errdetail_internal("{\"code\": \"order_id_taken\"}"),
			errhint("Tell the shop: after a restore without sequences these are to be set, as order_integrity() shows."));
}

static Document *
placed_order(const Access *access, DocumentFormat format, const Order *order,
			 const Checkout *checkout)
{
	OrderDocument document;

	begin_order_document(&document, PLACED_NOW, format,
						 access->result_context);
	open_order(&document, order);
	for (int i = 0; i < checkout->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_order_line(&document, order, &checkout->lines[i]);
	}
	close_order(&document, order, FIRST_LINE_FIRST);
	return document_finish(&document.writer);
}
