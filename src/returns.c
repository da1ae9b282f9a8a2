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

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "money.h"
#include "order_balances.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "order_returns.h"
#include "stock.h"
#include "texts.h"

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

/* An order, which is locked, and what comes back of it. */
typedef struct Parcel
{
	LockedOrder order;
	int			nlines;
	SoldLine   *lines;
	int64	   *quantities;		/* of each line, what comes back now */
} Parcel;

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
	"items", "amount", "is_restocked", "return_number"
};
static const char *const number_keys[] = {"return_number"};

PG_FUNCTION_INFO_V1(return_items);

static void read_request(Request *request, const NullableDatum *arguments);
static int	compare_line_numbers(const void *a, const void *b);
static Document *return_lines(const Access *access, const Request *request);
static bool was_returned_earlier(const Request *request);
static bool has_items(const Request *request, int32 return_number);
pg_noreturn static void refuse_key(const Request *request,
								   int32 return_number, const char *argument);
static void check_status(const LockedOrder *order, const Request *request);
static void find_lines(Parcel *parcel, const Request *request);
pg_noreturn static void refuse_unknown_lines(const Parcel *parcel,
											 const Request *request);
static SoldLine *find_line(const Parcel *parcel, int32 number);
static void check_quantities(const Parcel *parcel, const Request *request);
static bool is_everything_back(const Parcel *parcel);
static Numeric worth_of(const Parcel *parcel, OrderReturnLine *lines);
static Numeric worth_of_first(const SoldLine *line, int64 units, int digits);
static void restock(const Parcel *parcel);
static NullableDatum write_return(const Access *access, const Request *request,
								  const LockedOrder *order, Numeric amount,
								  OrderReturnLine *lines);
static void set_status(const Access *access, const LockedOrder *order,
					   NullableDatum return_number);
static Jsonb *return_payload(const Request *request,
							 NullableDatum return_number, Numeric amount,
							 const OrderReturnLine *lines);
static Jsonb *number_payload(NullableDatum return_number);

Datum
return_items(PG_FUNCTION_ARGS)
{
	Request		request;
	Access		access;
	Document   *order;

	read_request(&request, fcinfo->args);
	begin_staff_access(&access);
	order = return_lines(&access, &request);
	end_access(&access);
	PG_RETURN_POINTER(order);
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

static Document *
return_lines(const Access *access, const Request *request)
{
	Parcel		parcel;
	OrderReturnLine *lines;
	Numeric		amount;
	NullableDatum return_number;

	lock_order(&parcel.order, request->user_id, request->order_id);
	if (was_returned_earlier(request))
		return read_order(access, AS_JSONB, request->user_id,
						  request->order_id, PLACED_EARLIER, FRESH_SNAPSHOT);

	check_status(&parcel.order, request);
	find_lines(&parcel, request);
	check_quantities(&parcel, request);
	lines = palloc_extended(request->nitems * sizeof(OrderReturnLine),
							MCXT_ALLOC_HUGE);
	amount = worth_of(&parcel, lines);
	if (request->restock)
		restock(&parcel);
	return_number = write_return(access, request, &parcel.order, amount, lines);
	if (is_everything_back(&parcel) &&
		strcmp(parcel.order.status, STATUS_RETURNED) != 0)
		set_status(access, &parcel.order, return_number);
	return read_order(access, AS_JSONB, request->user_id, request->order_id,
					  PLACED_NOW, FRESH_SNAPSHOT);
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
find_lines(Parcel *parcel, const Request *request)
{
	parcel->lines = read_sold_lines(request->user_id, request->order_id,
									&parcel->nlines);
	parcel->quantities = palloc_extended(parcel->nlines * sizeof(int64),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < request->nitems; i++)
	{
		SoldLine   *line = find_line(parcel, request->items[i].first);

		if (line == NULL)
			refuse_unknown_lines(parcel, request);
		parcel->quantities[line - parcel->lines] = request->items[i].second;
	}
}

static void
refuse_unknown_lines(const Parcel *parcel, const Request *request)
{
	StringInfoData unknown;

	initStringInfo(&unknown);
	for (int i = 0; i < request->nitems; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (find_line(parcel, request->items[i].first) == NULL)
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
find_line(const Parcel *parcel, int32 number)
{
	int			low = 0;
	int			high = parcel->nlines;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (parcel->lines[middle].line_number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < parcel->nlines && parcel->lines[low].line_number == number ?
		&parcel->lines[low] : NULL;
}

/*
 * No more comes back than is out.  An order of which nothing would be sent is
 * cancelled as a whole: shipping is not paid then, coupons can be used again.
 */
static void
check_quantities(const Parcel *parcel, const Request *request)
{
	StringInfoData few;

	initStringInfo(&few);
	for (int i = 0; i < parcel->nlines; i++)
	{
		const SoldLine *line = &parcel->lines[i];
		int64		left = line->quantity - line->returned;

		if (parcel->quantities[i] > left)
			appendStringInfo(&few, "%s{\"line\": %d, \"requested\": " INT64_FORMAT ", \"left\": " INT64_FORMAT "}",
							 few.len > 0 ? ", " : "", line->line_number,
							 parcel->quantities[i], left);
	}
	if (few.len > 0)
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("more units than are left"),
				errdetail_internal("{\"code\": \"insufficient_units\", \"order_id\": " INT64_FORMAT ", \"lines\": [%s]}",
								   request->order_id, few.data),
				errhint("Look at the order again: its returns tell what has come back."));
	if (strcmp(parcel->order.status, STATUS_PLACED) == 0 && is_everything_back(parcel))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("nothing would be left of the order"),
				errdetail_internal("{\"code\": \"nothing_left\", \"order_id\": " INT64_FORMAT "}",
								   request->order_id),
				errhint("Cancel the order with cancel_order."));
}

/* After this return. */
static bool
is_everything_back(const Parcel *parcel)
{
	for (int i = 0; i < parcel->nlines; i++)
		if (parcel->lines[i].returned + parcel->quantities[i] <
			parcel->lines[i].quantity)
			return false;
	return true;
}

/* Of the lines of which something comes back, by line number, as the items are. */
static Numeric
worth_of(const Parcel *parcel, OrderReturnLine *lines)
{
	Numeric		sum = round_amount(int64_to_numeric(0), parcel->order.digits);
	int			nreturned = 0;

	for (int i = 0; i < parcel->nlines; i++)
	{
		const SoldLine *line = &parcel->lines[i];
		int64		quantity = parcel->quantities[i];
		OrderReturnLine *returned = &lines[nreturned];
		Numeric		amount;

		if (quantity == 0)
			continue;
		amount = subtract_amounts(worth_of_first(line, line->returned + quantity, parcel->order.digits),
								  worth_of_first(line, line->returned, parcel->order.digits));
		returned->line_number = integer_value(line->line_number);
		returned->quantity = integer_value(quantity);
		returned->amount = numeric_value(amount);
		nreturned++;
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
	Numeric		share;

	if (units >= line->quantity)
		return line->total;
	share = share_of(line->total, units, line->quantity, digits);
	return compare_amounts(share, line->total) > 0 ? line->total : share;
}

static void
restock(const Parcel *parcel)
{
	int			nunits;
	StockUnits *units = units_of_lines(parcel->lines, parcel->quantities,
									   parcel->nlines, &nunits);

	return_stock(parcel->order.stock_bucket, units, nunits);
}

/*
 * Returns its number.  At REPEATABLE READ and above, writing the balance is what
 * raises 40001 when there is a return that is newer than the snapshot.
 */
static NullableDatum
write_return(const Access *access, const Request *request,
			 const LockedOrder *order, Numeric amount, OrderReturnLine *lines)
{
	OrderBalance balance;
	bool		has_balance = read_balance(order, &balance);
	bool		was_paid = is_paid(order, &balance);
	NullableDatum number = integer_value(DatumGetInt32(balance.return_count.value) + 1);
	NullableDatum values[] = {
		bigint_value(request->user_id),
		bigint_value(request->order_id),
		number,
		numeric_value(amount),
		boolean_value(request->restock),
		request->reason,
		request->idempotency_key,
		text_value(GetUserNameFromId(access->caller, false)),
		claimed_person()
	};

	require_written(execute(&insert_return, values, FRESH_SNAPSHOT), 1);
	for (int i = 0; i < request->nitems; i++)
		lines[i].return_number = number;
	insert_order_return_lines(request->user_id, request->order_id, lines,
							  request->nitems);
	write_note(access, request->user_id, request->order_id,
			   EVENT_ITEMS_RETURNED, order->status,
			   return_payload(request, number, amount, lines));
	balance.return_count = number;
	balance.returned_amount =
		numeric_value(add_amounts(amount_or_zero(balance.returned_amount,
												 order->digits), amount));
	write_balance(access, order, &balance, has_balance, was_paid, NULL);
	return number;
}

/* When the last unit is back, that is a status of the order, too. */
static void
set_status(const Access *access, const LockedOrder *order,
		   NullableDatum return_number)
{
	NullableDatum values[] = {bigint_value(order->user_id), bigint_value(order->id)};

	/* The event comes first: check_order_change() in SQL looks for it. */
	write_status_change(access, order->user_id, order->id, order->status,
						STATUS_RETURNED, number_payload(return_number));
	require_written(execute(&set_returned, values, FRESH_SNAPSHOT), 1);
}

/*
 * {return_number, amount, is_restocked, items: [{line, quantity, amount}]}.  The
 * reason is not in it: events stay when a user's data are erased.
 */
static Jsonb *
return_payload(const Request *request, NullableDatum return_number,
			   Numeric amount, const OrderReturnLine *lines)
{
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(payload_keys,
										   lengthof(payload_keys)));
	put_return_lines(&writer, lines, request->nitems);
	jsonb_put_numeric(&writer, numeric_value(amount));
	jsonb_put_bool(&writer, request->restock);
	jsonb_put_int4(&writer, return_number);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}

/* {return_number} */
static Jsonb *
number_payload(NullableDatum return_number)
{
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(number_keys, lengthof(number_keys)));
	jsonb_put_int4(&writer, return_number);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
