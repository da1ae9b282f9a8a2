/*-------------------------------------------------------------------------
 *
 * returns.c
 *		Parts of an order that come back, or are not sent at all.
 *
 * Read return_lines() from top to bottom.  The row of the order is locked first,
 * as by every change of it, so that of two returns the second sees what the first
 * has left, and a cancellation what both have; stock comes after the order, by
 * product id.
 *
 * What a return is worth telescopes: of a line of n units that cost T, the first
 * r units are worth T * r / n, rounded, and a return is worth the difference of
 * what was back after and before it.  All of them together are worth T, to the
 * last unit of the currency, however they were divided.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "money.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "order_returns.h"
#include "stock.h"
#include "texts.h"

#define REASON_MAX_LENGTH	1000

/* The arguments of return_items(). */
typedef struct Request
{
	int64		user_id;
	int64		order_id;
	int			nitems;
	IntegerPair *items;			/* numbers and quantities, by line number */
	bool		restock;
	NullableDatum reason;
	NullableDatum idempotency_key;
	const char *expected_status;	/* NULL: any */
} Request;

static Statement lock_order_no_key_update = {
	.query =
	"SELECT order_status::text, stock_bucket::bigint, currency::text"
	"  FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = $2 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

typedef struct LockedOrder
{
	const char *status;
	int64		stock_bucket;
	int			digits;			/* of its currency */
	int			nlines;
	SoldLine   *lines;
	int64	   *quantities;		/* of each line, what comes back now */
} LockedOrder;

static Statement select_return_of_key = {
	.query =
	"SELECT return_number::integer, is_restocked::boolean, reason::text"
	"  FROM ecommerce.order_returns"
	" WHERE customer_id = $1 AND order_id = $2 AND idempotency_key = $3",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, TEXTOID)
};

static Statement select_lines_of_return = {
	.query =
	"SELECT line_number::integer, quantity::integer"
	"  FROM ecommerce.order_return_lines"
	" WHERE customer_id = $1 AND order_id = $2 AND return_number = $3"
	" ORDER BY line_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT4OID)
};

static Statement upsert_balance = {
	.query =
	"INSERT INTO ecommerce.order_balances AS balance"
	"       (customer_id, order_id, returned_amount, return_count)"
	" VALUES ($1, $2, $3, 1)"
	" ON CONFLICT (customer_id, order_id) DO UPDATE"
	"   SET returned_amount = balance.returned_amount + excluded.returned_amount,"
	"       return_count = balance.return_count + 1"
	" RETURNING return_count::integer",
	.result = SPI_OK_INSERT_RETURNING,
	PARAMETERS(INT8OID, INT8OID, NUMERICOID)
};

static Statement insert_return = {
	.query =
	"INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number,"
	"       amount, is_restocked, reason, idempotency_key, actor, person)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID, NUMERICOID, BOOLOID, TEXTOID, TEXTOID,
			   TEXTOID, TEXTOID),
	DOMAINS(DOMAIN(7, "idempotency_key", TEXTOID))
};

static Statement set_returned = {
	.query =
	"UPDATE ecommerce.orders SET order_status = '" STATUS_RETURNED "'"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID)
};

/* In stored order. */
static const char *const payload_keys[] = {
	"lines", "amount", "is_restocked", "return_number"
};
static const char *const number_keys[] = {"return_number"};

PG_FUNCTION_INFO_V1(return_items);

static void read_request(Request *request, const NullableDatum *arguments);
static int	compare_line_numbers(const void *a, const void *b);
static Jsonb *return_lines(const Access *access, const Request *request);
static void lock_order(LockedOrder *order, const Request *request);
static bool was_returned_earlier(const Request *request);
static bool has_items(const Request *request, int32 return_number);
pg_noreturn static void refuse_key(const Request *request,
								   int32 return_number, const char *argument);
static void check_status(const LockedOrder *order, const Request *request);
static void find_lines(LockedOrder *order, const Request *request);
pg_noreturn static void refuse_unknown_lines(const LockedOrder *order,
											 const Request *request);
static SoldLine *find_line(const LockedOrder *order, int32 number);
static void check_quantities(const LockedOrder *order, const Request *request);
static bool is_everything_back(const LockedOrder *order);
static Numeric worth_of(const LockedOrder *order, const Request *request,
						OrderReturnLine *lines);
static Numeric worth_of_first(const SoldLine *line, int64 units, int digits);
static int32 write_return(const Access *access, const Request *request,
						  Numeric amount, OrderReturnLine *lines);
static NullableDatum add_to_balance(const Request *request, Numeric amount);
static void write_events(const Access *access, const Request *request,
						 const LockedOrder *order, int32 return_number,
						 Numeric amount, const OrderReturnLine *lines);
static Jsonb *return_payload(const Request *request, int32 return_number,
							 Numeric amount, const OrderReturnLine *lines);
static Jsonb *number_payload(int32 return_number);

Datum
return_items(PG_FUNCTION_ARGS)
{
	Request		request;
	Access		access;
	Jsonb	   *order;

	read_request(&request, fcinfo->args);
	begin_staff_access(&access);
	order = return_lines(&access, &request);
	end_access(&access);
	PG_RETURN_JSONB_P(order);
}

static void
read_request(Request *request, const NullableDatum *arguments)
{
	request->user_id = bigint_argument(&arguments[0], "user_id");
	request->order_id = bigint_argument(&arguments[1], "order_id");
	request->items = integer_pairs_argument(&arguments[2], "items", "line",
											"quantity", &request->nitems);
	qsort(request->items, request->nitems, sizeof(IntegerPair),
		  compare_line_numbers);
	for (int i = 1; i < request->nitems; i++)
		if (request->items[i].first == request->items[i - 1].first)
			refuse_argument("items", "each line once");
	request->restock = DatumGetBool(required_argument(&arguments[3], "restock"));
	request->reason = arguments[4];
	check_text_argument(&request->reason, "reason", REASON_MAX_LENGTH);
	request->idempotency_key = arguments[5];
	check_text_argument(&request->idempotency_key, "idempotency_key",
						KEY_MAX_LENGTH);
	request->expected_status = NULL;
	if (!arguments[6].isnull)
		request->expected_status = TextDatumGetCString(arguments[6].value);
	if (request->expected_status != NULL &&
		event_of_status(request->expected_status) == NULL)
		refuse_argument("expected_status", STATUSES_PHRASE);
}

static int
compare_line_numbers(const void *a, const void *b)
{
	int32		left = ((const IntegerPair *) a)->first;
	int32		right = ((const IntegerPair *) b)->first;

	return (left > right) - (left < right);
}

static Jsonb *
return_lines(const Access *access, const Request *request)
{
	LockedOrder order;
	OrderReturnLine *lines;
	Numeric		amount;
	int32		return_number;

	lock_order(&order, request);
	if (was_returned_earlier(request))
		return read_order(access, request->user_id, request->order_id,
						  PLACED_EARLIER, FRESH_SNAPSHOT);

	check_status(&order, request);
	find_lines(&order, request);
	check_quantities(&order, request);
	lines = palloc_extended(request->nitems * sizeof(OrderReturnLine),
							MCXT_ALLOC_HUGE);
	amount = worth_of(&order, request, lines);
	if (request->restock)
	{
		int			nunits;
		StockUnits *units = units_of_lines(order.lines, order.quantities,
										   order.nlines, &nunits);

		return_stock(order.stock_bucket, units, nunits);
	}
	return_number = write_return(access, request, amount, lines);
	write_events(access, request, &order, return_number, amount, lines);
	return read_order(access, request->user_id, request->order_id, PLACED_NOW,
					  FRESH_SNAPSHOT);
}

/* A table that has lost its NOT NULL may have no status. */
static void
lock_order(LockedOrder *order, const Request *request)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id)
	};
	NullableDatum row[3];

	if (execute(&lock_order_no_key_update, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_order(request->user_id, request->order_id);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	order->status = row[0].isnull ? "" : TextDatumGetCString(row[0].value);
	order->stock_bucket = row[1].isnull ? 0 : DatumGetInt64(row[1].value);
	order->digits = row[2].isnull ? 2 :
		digits_of_currency(TextDatumGetCString(row[2].value));
}

/*
 * Looked up under the lock of the order: two requests with one key would
 * otherwise both find nothing.  At REPEATABLE READ and above, a return that is
 * newer than the snapshot is found, but cannot be read.
 */
static bool
was_returned_earlier(const Request *request)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id),
		request->idempotency_key
	};
	NullableDatum row[3];
	int32		return_number;

	if (request->idempotency_key.isnull ||
		execute(&select_return_of_key, values, LATEST_SNAPSHOT) == 0)
		return false;
	read_row(SPI_tuptable, 0, row, lengthof(row));
	return_number = DatumGetInt32(row[0].value);
	if (execute(&select_return_of_key, values, FRESH_SNAPSHOT) == 0)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"),
				errdetail_internal("{\"code\": \"return_is_newer\", \"order_id\": " INT64_FORMAT ", \"return_number\": %d}",
								   request->order_id, return_number),
				errhint("The transaction might succeed if retried."));
	if (!has_items(request, return_number))
		refuse_key(request, return_number, "items");
	if (DatumGetBool(row[1].value) != request->restock)
		refuse_key(request, return_number, "restock");
	if (!request->reason.isnull && !texts_are_equal(request->reason, row[2]))
		refuse_key(request, return_number, "reason");
	return true;
}

static bool
has_items(const Request *request, int32 return_number)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id),
		integer_value(return_number)
	};
	uint64		count = execute(&select_lines_of_return, values,
								FRESH_SNAPSHOT);

	if (count != (uint64) request->nitems)
		return false;
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[2];

		read_row(SPI_tuptable, i, row, lengthof(row));
		if (DatumGetInt32(row[0].value) != request->items[i].first ||
			DatumGetInt32(row[1].value) != request->items[i].second)
			return false;
	}
	return true;
}

static void
refuse_key(const Request *request, int32 return_number, const char *argument)
{
	ereport(ERROR,
			errcode(ERRCODE_KEY_REUSED),
			errmsg("idempotency key was used for another request"),
			errdetail_internal("{\"code\": \"idempotency_key_reused\", \"order_id\": " INT64_FORMAT ", \"return_number\": %d, \"argument\": \"%s\"}",
							   request->order_id, return_number, argument),
			errhint("Repeat a request with the arguments it had, or use a new key for a new return."));
}

/*
 * Of an order that has not been sent parts are taken out, of one that has they
 * come back.  The stored status may be any text, in a table that has lost its
 * CHECK.
 */
static void
check_status(const LockedOrder *order, const Request *request)
{
	StringInfoData stored;

	initStringInfo(&stored);
	escape_json(&stored, order->status);
	if (request->expected_status != NULL &&
		strcmp(request->expected_status, order->status) != 0)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("order has another status"),
				errdetail_internal("{\"code\": \"status_changed\", \"order_id\": " INT64_FORMAT ", \"expected_status\": \"%s\", \"order_status\": %s}",
								   request->order_id,
								   request->expected_status, stored.data),
				errhint("Look at the order again, then decide what comes back of it."));
	if (strcmp(order->status, STATUS_PLACED) != 0 &&
		strcmp(order->status, STATUS_RETURNED) != 0 &&
		!can_follow(order->status, STATUS_RETURNED))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("items of this order cannot come back"),
				errdetail_internal("{\"code\": \"not_returnable\", \"order_id\": " INT64_FORMAT ", \"order_status\": %s}",
								   request->order_id, stored.data),
				errhint("Look at the order again: what was cancelled has given all its units back."));
}

/* Notes how many units of each line come back. */
static void
find_lines(LockedOrder *order, const Request *request)
{
	order->lines = read_sold_lines(request->user_id, request->order_id,
								   &order->nlines);
	order->quantities = palloc_extended(order->nlines * sizeof(int64),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < request->nitems; i++)
	{
		SoldLine   *line = find_line(order, request->items[i].first);

		if (line == NULL)
			refuse_unknown_lines(order, request);
		order->quantities[line - order->lines] = request->items[i].second;
	}
}

static void
refuse_unknown_lines(const LockedOrder *order, const Request *request)
{
	StringInfoData unknown;

	initStringInfo(&unknown);
	for (int i = 0; i < request->nitems; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (find_line(order, request->items[i].first) == NULL)
			appendStringInfo(&unknown, "%s%d", unknown.len > 0 ? ", " : "",
							 request->items[i].first);
	}
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("order has no such line"),
			errdetail_internal("{\"code\": \"line_not_found\", \"order_id\": " INT64_FORMAT ", \"lines\": [%s]}",
							   request->order_id, unknown.data),
			errhint("Use the ids of order_details of the order."));
}

static SoldLine *
find_line(const LockedOrder *order, int32 number)
{
	int			low = 0;
	int			high = order->nlines;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (order->lines[middle].line_number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < order->nlines && order->lines[low].line_number == number ?
		&order->lines[low] : NULL;
}

/*
 * No more comes back than is out.  An order of which nothing would be sent is
 * cancelled as a whole: shipping is not paid then, coupons can be used again.
 */
static void
check_quantities(const LockedOrder *order, const Request *request)
{
	StringInfoData few;

	initStringInfo(&few);
	for (int i = 0; i < order->nlines; i++)
	{
		const SoldLine *line = &order->lines[i];
		int64		left = line->quantity - line->returned;

		if (order->quantities[i] > left)
			appendStringInfo(&few, "%s{\"line\": %d, \"requested\": " INT64_FORMAT ", \"left\": " INT64_FORMAT "}",
							 few.len > 0 ? ", " : "", line->line_number,
							 order->quantities[i], left);
	}
	if (few.len > 0)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("more units than are left"),
				errdetail_internal("{\"code\": \"insufficient_units\", \"order_id\": " INT64_FORMAT ", \"lines\": [%s]}",
								   request->order_id, few.data),
				errhint("Look at the order again: its returns tell what has come back."));
	if (strcmp(order->status, STATUS_PLACED) == 0 && is_everything_back(order))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("nothing would be left of the order"),
				errdetail_internal("{\"code\": \"nothing_left\", \"order_id\": " INT64_FORMAT "}",
								   request->order_id),
				errhint("Cancel the order with cancel_order."));
}

/* After this return. */
static bool
is_everything_back(const LockedOrder *order)
{
	for (int i = 0; i < order->nlines; i++)
		if (order->lines[i].returned + order->quantities[i] <
			order->lines[i].quantity)
			return false;
	return true;
}

/* Both the items and the lines of the order come by line number. */
static Numeric
worth_of(const LockedOrder *order, const Request *request,
		 OrderReturnLine *lines)
{
	Numeric		sum = round_amount(int64_to_numeric(0), order->digits);

	for (int i = 0; i < request->nitems; i++)
	{
		const SoldLine *line = find_line(order, request->items[i].first);
		int64		after = line->returned + request->items[i].second;
		Numeric		amount = subtract_amounts(worth_of_first(line, after, order->digits),
											  worth_of_first(line, line->returned, order->digits));

		lines[i].line_number = integer_value(line->line_number);
		lines[i].quantity = integer_value(request->items[i].second);
		lines[i].amount = numeric_value(amount);
		sum = add_amounts(sum, amount);
	}
	return sum;
}

/*
 * A line of a version before 2.0 may cost what is no multiple of the unit: its
 * last units are worth what is left, and no units are worth more than all.
 */
static Numeric
worth_of_first(const SoldLine *line, int64 units, int digits)
{
	Numeric		total = line->total.isnull ? int64_to_numeric(0) :
		DatumGetNumeric(line->total.value);
	Numeric		share;

	if (units >= line->quantity)
		return total;
	share = share_of(total, units, line->quantity, digits);
	return compare_amounts(share, total) > 0 ? total : share;
}

/*
 * Returns its number.  The balance comes first: at REPEATABLE READ and above, it
 * is what tells of a return that is newer than the snapshot.
 */
static int32
write_return(const Access *access, const Request *request, Numeric amount,
			 OrderReturnLine *lines)
{
	NullableDatum return_number = add_to_balance(request, amount);
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id),
		return_number,
		numeric_value(amount),
		boolean_value(request->restock),
		request->reason,
		request->idempotency_key,
		text_value(GetUserNameFromId(access->caller, false)),
		claimed_person()
	};

	require_written(execute(&insert_return, values, FRESH_SNAPSHOT), 1);
	for (int i = 0; i < request->nitems; i++)
		lines[i].return_number = return_number;
	insert_order_return_lines(request->user_id, request->order_id, lines,
							  request->nitems);
	return DatumGetInt32(return_number.value);
}

/* Returns how many returns of the order there are now. */
static NullableDatum
add_to_balance(const Request *request, Numeric amount)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id),
		numeric_value(amount)
	};
	NullableDatum count;

	require_written(execute(&upsert_balance, values, FRESH_SNAPSHOT), 1);
	read_row(SPI_tuptable, 0, &count, 1);
	return count;
}

/* When the last unit is back, that is a status of the order, too. */
static void
write_events(const Access *access, const Request *request,
			 const LockedOrder *order, int32 return_number, Numeric amount,
			 const OrderReturnLine *lines)
{
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id)
	};

	write_note(access, request->user_id, request->order_id,
			   EVENT_ITEMS_RETURNED, order->status,
			   return_payload(request, return_number, amount, lines));
	if (!is_everything_back(order) ||
		strcmp(order->status, STATUS_RETURNED) == 0)
		return;
	/* The event comes first: check_order_change() in SQL looks for it. */
	write_status_change(access, request->user_id, request->order_id,
						order->status, STATUS_RETURNED,
						number_payload(return_number));
	require_written(execute(&set_returned, values, FRESH_SNAPSHOT), 1);
}

/*
 * {return_number, amount, is_restocked, lines: [{line, quantity, amount}]}.  The
 * reason is not in it: events stay when a user's data are erased.
 */
static Jsonb *
return_payload(const Request *request, int32 return_number, Numeric amount,
			   const OrderReturnLine *lines)
{
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(payload_keys,
										   lengthof(payload_keys)));
	put_return_lines(&writer, lines, request->nitems);
	jsonb_put_numeric(&writer, numeric_value(amount));
	jsonb_put_bool(&writer, request->restock);
	jsonb_put_int64(&writer, return_number);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}

/* {return_number} */
static Jsonb *
number_payload(int32 return_number)
{
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(number_keys, lengthof(number_keys)));
	jsonb_put_int64(&writer, return_number);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
