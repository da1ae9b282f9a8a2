/*-------------------------------------------------------------------------
 *
 * import_orders.c
 *		Takes over the orders of a former shop.
 *
 * An order comes as the document that order_json() shows, with the number that
 * it had.  What the tables do not check, and order_integrity() would tell of, is
 * checked here: an order that has been imported is one like any other, but for
 * its date, its events, which nobody waits for, and the stock, which stays as it
 * is.
 *
 * One import at a time: a number is looked up when no other can be about to use
 * it.  Placements go on meanwhile.  What is there already is left out, so that an
 * import can be repeated.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/json.h"

#include "access.h"
#include "addresses.h"
#include "arguments.h"
#include "errors.h"
#include "jsonb_writer.h"
#include "money.h"
#include "order_adjustments.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_lines.h"
#include "tables.h"
#include "texts.h"
#include "users.h"

#define MAX_ORDERS			10000
#define NUMBER_MAX_LENGTH	255

/* A key that an object should not have, or null. */
#define UNKNOWN_KEY(document, keys) \
	"(SELECT min(key) FROM jsonb_each(" document ") AS field" \
	"  WHERE key <> ALL ('{" keys "}') AND field.value <> 'null')"

static Statement select_elements = {
	.query = "SELECT value FROM jsonb_array_elements($1)",
	.result = SPI_OK_SELECT,
	PARAMETERS(JSONBOID)
};

static Statement select_order = {
	.query =
	"SELECT customer_id, number, order_date, order_amount, currency,"
	"       order_status, shipping_address, address, billing_address, metadata,"
	"       order_details, charges -> 'adjustments', history,"
	UNKNOWN_KEY("$1", "id, number, customer_id, order_date, order_amount,"
				"currency, order_status, shipping_address, address, billing_address,"
				"metadata, order_details, charges, history")
	"  FROM jsonb_to_record($1) AS given (customer_id bigint, number text,"
	"       order_date timestamptz, order_amount numeric, currency text,"
	"       order_status text, shipping_address text, address jsonb,"
	"       billing_address jsonb, metadata jsonb, order_details jsonb,"
	"       charges jsonb, history jsonb)",
	.result = SPI_OK_SELECT,
	PARAMETERS(JSONBOID)
};

/* What of an order has to be there comes first, but for the lines. */
enum given_column
{
	GIVEN_CUSTOMER_ID, GIVEN_NUMBER, GIVEN_ORDER_DATE, GIVEN_ORDER_AMOUNT,
	GIVEN_CURRENCY, GIVEN_ORDER_STATUS, GIVEN_NREQUIRED,
	GIVEN_SHIPPING_ADDRESS = GIVEN_NREQUIRED, GIVEN_ADDRESS,
	GIVEN_BILLING_ADDRESS, GIVEN_METADATA, GIVEN_LINES, GIVEN_ADJUSTMENTS,
	GIVEN_HISTORY, GIVEN_UNKNOWN_KEY, GIVEN_NCOLUMNS
};

static const char *const required_fields[GIVEN_NREQUIRED] = {
	"customer_id", "number", "order_date", "order_amount", "currency",
	"order_status"
};

/*
 * What nobody counts has not been taken from stock by the former shop, so a
 * cancellation gives none back.
 */
static Statement select_lines = {
	.query =
	"SELECT place::integer, coalesce(product.id, 0), product.name,"
	"       product.description, category.id, category.name, unit_price,"
	"       quantity, line_amount, sku, options, discount_amount, tax_rate,"
	"       tax_amount, NULL::numeric,"
	"       (SELECT false FROM ecommerce.products"
	"         WHERE products.id = product.id AND NOT is_counted),"
	UNKNOWN_KEY("value", "id, order_id, unit_price, quantity, line_amount, sku,"
				"options, discount_amount, tax_rate, tax_amount,"
				"product_order_details")
	"  FROM jsonb_array_elements($1) WITH ORDINALITY AS element (value, place),"
	"       jsonb_to_record(value) AS given (unit_price numeric,"
	"           quantity integer, line_amount numeric, sku text, options jsonb,"
	"           discount_amount numeric, tax_rate numeric, tax_amount numeric,"
	"           product_order_details jsonb),"
	"       jsonb_to_record(coalesce(product_order_details, '{}')) AS product"
	"           (id bigint, name text, description text, category jsonb),"
	"       jsonb_to_record(coalesce(product.category, '{}')) AS category"
	"           (id bigint, name text)"
	" ORDER BY place",
	.result = SPI_OK_SELECT,
	PARAMETERS(JSONBOID)
};

static Statement select_adjustments = {
	.query =
	"SELECT place::integer, kind, code, name, NULL::bigint, rate, amount,"
	"       coalesce(is_included, false),"
	UNKNOWN_KEY("value", "kind, code, name, rate, amount, is_included")
	"  FROM jsonb_array_elements($1) WITH ORDINALITY AS element (value, place),"
	"       jsonb_to_record(value) AS given (kind text, code text, name text,"
	"           rate numeric, amount numeric, is_included boolean)"
	" ORDER BY place",
	.result = SPI_OK_SELECT,
	PARAMETERS(JSONBOID)
};

static Statement select_history = {
	.query =
	"SELECT order_status, created_at, payload,"
	UNKNOWN_KEY("value", "order_status, created_at, payload")
	"  FROM jsonb_array_elements($1) WITH ORDINALITY AS element (value, place),"
	"       jsonb_to_record(value) AS given (order_status text,"
	"           created_at timestamptz, payload jsonb)"
	" ORDER BY place",
	.result = SPI_OK_SELECT,
	PARAMETERS(JSONBOID)
};

enum history_column
{
	STEP_STATUS, STEP_CREATED_AT, STEP_PAYLOAD, STEP_UNKNOWN_KEY, STEP_NCOLUMNS
};

/*
 * A row for each order of the number, and whether it is this one.  An index is
 * the shop's to make, for every placement would pay for it.
 */
static Statement select_numbered = {
	.query =
	"SELECT (customer_id = $2 AND order_date = $3 AND order_amount = $4)"
	"  FROM ecommerce.orders WHERE number = $1"
	" UNION ALL"
	" SELECT (customer_id = $2 AND order_date = $3"
	"         AND (document -> 'order_amount')::numeric = $4)"
	"  FROM ecommerce.archived_orders WHERE number = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID, INT8OID, TIMESTAMPTZOID, NUMERICOID)
};

/* A deadline for payments, which the shop may have set as a default, is none. */
static Statement insert_order = {
	.query =
	"INSERT INTO ecommerce.orders (customer_id, number, order_date,"
	"       order_amount, currency, order_status, shipping_address, address,"
	"       billing_address, metadata, items_amount, payment_due_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL)"
	" RETURNING id::bigint",
	.result = SPI_OK_INSERT_RETURNING,
	PARAMETERS(INT8OID, TEXTOID, TIMESTAMPTZOID, NUMERICOID, TEXTOID, TEXTOID,
			   TEXTOID, JSONBOID, JSONBOID, JSONBOID, NUMERICOID),
	DOMAINS(DOMAIN(4, "amount", NUMERICOID), DOMAIN(5, "currency", TEXTOID),
			DOMAIN(6, "order_status", TEXTOID), DOMAIN(8, "address", JSONBOID),
			DOMAIN(9, "address", JSONBOID), DOMAIN(10, "metadata", JSONBOID),
			DOMAIN(11, "amount", NUMERICOID))
};

/*
 * Orders since an id that come, in the order of ids, behind a later one of the
 * same customer.
 */
static Statement count_out_of_sequence = {
	.query =
	"SELECT count(*)"
	"  FROM (SELECT id, order_date, max(order_date) OVER"
	"               (PARTITION BY customer_id ORDER BY id"
	"                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest"
	"          FROM ecommerce.orders"
	"         WHERE customer_id = ANY (SELECT customer_id FROM ecommerce.orders"
	"                                   WHERE id >= $1)) AS placed"
	" WHERE id >= $1 AND order_date < latest",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

typedef struct Import
{
	int			position;		/* of the order at hand, from 1 */
	NullableDatum number;		/* of it; null as long as it is not known */
	NullableDatum first_id;		/* of what has been imported */
	int64		imported;
	int64		present;		/* before already */
} Import;

/* An order as it was given, and what its rows are made of. */
typedef struct GivenOrder
{
	NullableDatum columns[GIVEN_NCOLUMNS];
	int			digits;			/* of its currency */
	int			nlines;
	OrderLine  *lines;
	int			nadjustments;
	OrderAdjustment *adjustments;
	NullableDatum items_amount;
	int			nevents;
	PastEvent  *events;
} GivenOrder;

/* In stored order: by length, then by bytes. */
static const char *const result_keys[] = {
	"present", "imported", "out_of_sequence"
};

PG_FUNCTION_INFO_V1(import_orders);

static Jsonb *import_all(NullableDatum orders);
static void tell_order(void *arg);
static void import_order(const Access *access, Import *import,
						 NullableDatum document);
static void read_order(const Import *import, GivenOrder *order);
static bool is_present(const Import *import, const GivenOrder *order);
static void read_lines(const Import *import, GivenOrder *order);
static void check_line(const Import *import, const GivenOrder *order,
					   OrderLine *line);
static void read_adjustments(const Import *import, GivenOrder *order);
static void complete_lines(const Import *import, GivenOrder *order);
static void divide_added_tax(GivenOrder *order);
static Numeric sum_of_kinds(const GivenOrder *order, const char *kind,
							const char *other_kind);
static Numeric sum_of_lines(const GivenOrder *order, int offset, bool *is_given);
static void divide(const Import *import, GivenOrder *order, Numeric amount,
				   int offset);
static void check_amount(const Import *import, const GivenOrder *order);
static void read_history(const Import *import, GivenOrder *order);
static void add_event(const Import *import, GivenOrder *order,
					  const NullableDatum *step);
static void add_step(const Import *import, GivenOrder *order,
					 const char *status);
static bool has_cancel_reason(Datum payload);
static void write_order(const Access *access, Import *import,
						const GivenOrder *order);
static bool is_object_or_null(NullableDatum value);
static bool is_in_units(NullableDatum amount, int digits);
static void refuse_unknown_key(const Import *import, NullableDatum key);
pg_noreturn static void refuse_order(const Import *import, const char *field,
									 int place, const char *accepted);
static Jsonb *result_to_jsonb(const Import *import, NullableDatum out_of_sequence,
							  MemoryContext context);

#define LINE_AMOUNT		offsetof(OrderLine, line_amount)
#define DISCOUNT_AMOUNT	offsetof(OrderLine, discount_amount)
#define TAX_AMOUNT		offsetof(OrderLine, tax_amount)
#define LINE_FIELD(line, offset) \
	((NullableDatum *) ((char *) (line) + (offset)))

Datum
import_orders(PG_FUNCTION_ARGS)
{
	Datum		orders = required_argument(&fcinfo->args[0], "orders");
	Jsonb	   *document = DatumGetJsonbP(orders);

	if (!JB_ROOT_IS_ARRAY(document) || JB_ROOT_IS_SCALAR(document) ||
		JB_ROOT_COUNT(document) > MAX_ORDERS)
		refuse_argument("orders", "an array of at most "
						CppAsString2(MAX_ORDERS) " orders");
	PG_RETURN_JSONB_P(import_all(not_null(orders)));
}

/* What one order needs of memory is freed with a connection of its own. */
static Jsonb *
import_all(NullableDatum orders)
{
	Access		access;
	Import		import = {.number = NULL_VALUE,.first_id = NULL_VALUE};
	ErrorContextCallback teller = {.callback = tell_order,.arg = &import};
	NullableDatum out_of_sequence = bigint_value(0);
	SPITupleTable *documents;
	uint64		count;
	Jsonb	   *result;

	begin_staff_access(&access);
	PreventCommandDuringRecovery("import_orders()");
	LockRelationOid(orders_table(), ShareUpdateExclusiveLock);
	count = execute(&select_elements, &orders, FRESH_SNAPSHOT);
	documents = SPI_tuptable;
	teller.previous = error_context_stack;
	error_context_stack = &teller;
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum document;

		CHECK_FOR_INTERRUPTS();
		import.position++;
		read_row(documents, i, &document, 1);
		SPI_connect();
		import_order(&access, &import, document);
		import.number = NULL_VALUE; /* it goes with the connection */
		SPI_finish();
	}
	error_context_stack = teller.previous;
	if (import.imported > 0)
	{
		execute(&count_out_of_sequence, &import.first_id, FRESH_SNAPSHOT);
		read_row(SPI_tuptable, 0, &out_of_sequence, 1);
	}
	result = result_to_jsonb(&import, out_of_sequence, access.result_context);
	end_access(&access);
	return result;
}

/* An error of the server's names the order, too. */
static void
tell_order(void *arg)
{
	const Import *import = arg;

	if (import->number.isnull)
		errcontext("import of order %d", import->position);
	else
		errcontext("import of order %d, number %s", import->position,
				   TextDatumGetCString(import->number.value));
}

static void
import_order(const Access *access, Import *import, NullableDatum document)
{
	GivenOrder	order = {.items_amount = NULL_VALUE};

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(document.value)))
		refuse_order(import, "order", 0, "an object");
	import->number = jsonb_field(document.value, "number");
	execute(&select_order, &document, FRESH_SNAPSHOT);
	read_row(SPI_tuptable, 0, order.columns, lengthof(order.columns));
	read_order(import, &order);
	if (is_present(import, &order))
	{
		import->present++;
		return;
	}
	read_lines(import, &order);
	read_adjustments(import, &order);
	complete_lines(import, &order);
	check_amount(import, &order);
	read_history(import, &order);
	write_order(access, import, &order);
	import->imported++;
}

static void
read_order(const Import *import, GivenOrder *order)
{
	NullableDatum *columns = order->columns;
	TimestampTz date;

	refuse_unknown_key(import, columns[GIVEN_UNKNOWN_KEY]);
	for (int i = 0; i < GIVEN_NREQUIRED; i++)
		if (columns[i].isnull)
			refuse_order(import, required_fields[i], 0, "a value");
	if (is_blank(columns[GIVEN_NUMBER].value) ||
		length_of(columns[GIVEN_NUMBER].value) > NUMBER_MAX_LENGTH)
		refuse_order(import, "number", 0, "1 to " CppAsString2(NUMBER_MAX_LENGTH)
					 " characters that are not all blank");
	date = DatumGetTimestampTz(columns[GIVEN_ORDER_DATE].value);
	if (TIMESTAMP_NOT_FINITE(date) || date > GetCurrentTimestamp())
		refuse_order(import, "order_date", 0, "a time that has passed");
	if (event_of_status(TextDatumGetCString(columns[GIVEN_ORDER_STATUS].value)) == NULL)
		refuse_order(import, "order_status", 0, STATUSES_PHRASE);
	check_address_argument(&columns[GIVEN_ADDRESS], "address");
	check_address_argument(&columns[GIVEN_BILLING_ADDRESS], "billing_address");
	if (columns[GIVEN_SHIPPING_ADDRESS].isnull)
		columns[GIVEN_SHIPPING_ADDRESS] = address_text(columns[GIVEN_ADDRESS]);
	if (columns[GIVEN_SHIPPING_ADDRESS].isnull ||
		is_blank(columns[GIVEN_SHIPPING_ADDRESS].value))
		refuse_order(import, "shipping_address", 0,
					 "a text that is not blank, or an address");
	if (!is_currency(TextDatumGetCString(columns[GIVEN_CURRENCY].value)))
		refuse_order(import, "currency", 0, "three capital letters");
	if (!is_object_or_null(columns[GIVEN_METADATA]))
		refuse_order(import, "metadata", 0, "an object");
	order->digits = digits_of_currency(TextDatumGetCString(columns[GIVEN_CURRENCY].value));
}

/* At REPEATABLE READ, too, what another import has brought meanwhile is seen. */
static bool
is_present(const Import *import, const GivenOrder *order)
{
	NullableDatum values[] = {
		order->columns[GIVEN_NUMBER],
		order->columns[GIVEN_CUSTOMER_ID],
		order->columns[GIVEN_ORDER_DATE],
		order->columns[GIVEN_ORDER_AMOUNT]
	};
	uint64		count = execute(&select_numbered, values, LATEST_SNAPSHOT);

	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum is_same;

		read_row(SPI_tuptable, i, &is_same, 1);
		if (!DatumGetBool(is_same.value))
			refuse_order(import, "number", 0,
						 "one that no order of another customer, date or amount has");
	}
	return count > 0;
}

static void
read_lines(const Import *import, GivenOrder *order)
{
	SPITupleTable *rows;

	if (!order->columns[GIVEN_LINES].isnull)
		order->nlines = execute(&select_lines, &order->columns[GIVEN_LINES],
								FRESH_SNAPSHOT);
	if (order->nlines == 0)
		refuse_order(import, "order_details", 0, "1 line or more");
	rows = SPI_tuptable;
	order->lines = palloc_extended(order->nlines * sizeof(OrderLine),
								   MCXT_ALLOC_HUGE);
	for (int i = 0; i < order->nlines; i++)
	{
		OrderLine  *line = &order->lines[i];
		NullableDatum row[ORDER_LINE_NCOLUMNS + 1];

		read_row(rows, i, row, lengthof(row));
		refuse_unknown_key(import, row[ORDER_LINE_NCOLUMNS]);
		memcpy(line->columns, row, sizeof(line->columns));
		check_line(import, order, line);
	}
}

/* The amount that is given may be written with other decimals than the line's. */
static void
check_line(const Import *import, const GivenOrder *order, OrderLine *line)
{
	int			place = DatumGetInt32(line->line_number.value);
	Numeric		amount;

	if (line->product_name.isnull || is_blank(line->product_name.value))
		refuse_order(import, "product_order_details.name", place,
					 "a text that is not blank");
	if (DatumGetInt64(line->product_id.value) < 0)
		refuse_order(import, "product_order_details.id", place,
					 "an id, or 0 for no product of the catalogue");
	if (!line->sku.isnull && is_blank(line->sku.value))
		refuse_order(import, "sku", place, "a text that is not blank");
	if (!is_object_or_null(line->options))
		refuse_order(import, "options", place, "an object");
	if (line->quantity.isnull || DatumGetInt32(line->quantity.value) < 1)
		refuse_order(import, "quantity", place, "1 or more");
	if (line->unit_price.isnull ||
		!is_amount(DatumGetNumeric(line->unit_price.value)))
		refuse_order(import, "unit_price", place,
					 "a number from 0, of at most "
					 CppAsString2(AMOUNT_MAX_DECIMALS) " decimals");
	amount = multiply_price(DatumGetNumeric(line->unit_price.value),
							DatumGetInt32(line->quantity.value), order->digits);
	if (!line->line_amount.isnull &&
		!amounts_are_equal(DatumGetNumeric(line->line_amount.value), amount))
		refuse_order(import, "line_amount", place, amount_text(amount));
	line->line_amount = numeric_value(amount);
	if (!is_in_units(line->discount_amount, order->digits))
		refuse_order(import, "discount_amount", place,
					 "a number from 0, in units of the currency");
	if (!line->tax_rate.isnull &&
		(compare_amounts(DatumGetNumeric(line->tax_rate.value), int64_to_numeric(0)) < 0 ||
		 compare_amounts(DatumGetNumeric(line->tax_rate.value), int64_to_numeric(100)) > 0))
		refuse_order(import, "tax_rate", place, "a number from 0 to 100");
	if (!is_in_units(line->tax_amount, order->digits))
		refuse_order(import, "tax_amount", place,
					 "a number from 0, in units of the currency");
}

/* What is a kind, and the sign of its amount, is for the table to check. */
static void
read_adjustments(const Import *import, GivenOrder *order)
{
	SPITupleTable *rows;

	if (order->columns[GIVEN_ADJUSTMENTS].isnull)
		return;
	order->nadjustments = execute(&select_adjustments,
								  &order->columns[GIVEN_ADJUSTMENTS],
								  FRESH_SNAPSHOT);
	rows = SPI_tuptable;
	order->adjustments = palloc_extended(order->nadjustments * sizeof(OrderAdjustment),
										 MCXT_ALLOC_HUGE);
	for (int i = 0; i < order->nadjustments; i++)
	{
		OrderAdjustment *adjustment = &order->adjustments[i];
		NullableDatum row[ORDER_ADJUSTMENT_NCOLUMNS + 1];
		NullableDatum absolute = NULL_VALUE;

		read_row(rows, i, row, lengthof(row));
		refuse_unknown_key(import, row[ORDER_ADJUSTMENT_NCOLUMNS]);
		memcpy(adjustment->columns, row, sizeof(adjustment->columns));
		if (!adjustment->amount.isnull)
			absolute = not_null(DirectFunctionCall1(numeric_abs,
													adjustment->amount.value));
		if (adjustment->kind.isnull || adjustment->name.isnull ||
			absolute.isnull || !is_in_units(absolute, order->digits))
			refuse_order(import, "charges.adjustments", i + 1,
						 "a kind, a name, and an amount in units of the currency");
	}
}

/*
 * Discounts and taxes of the order are divided over its lines, unless the lines
 * have them: by what they cost, as those of an order of today.
 */
static void
complete_lines(const Import *import, GivenOrder *order)
{
	Numeric		zero = int64_to_numeric(0);
	Numeric		discount = negate_amount(sum_of_kinds(order, KIND_DISCOUNT, NULL));
	Numeric		tax = sum_of_kinds(order, KIND_TAX, NULL);
	Numeric		shipping = sum_of_kinds(order, KIND_SHIPPING,
										KIND_SHIPPING_DISCOUNT);
	bool		has_discounts;
	bool		has_taxes;

	order->items_amount = numeric_value(sum_of_lines(order, LINE_AMOUNT, NULL));
	sum_of_lines(order, DISCOUNT_AMOUNT, &has_discounts);
	sum_of_lines(order, TAX_AMOUNT, &has_taxes);
	if (compare_amounts(shipping, zero) < 0)
		refuse_order(import, "charges.adjustments", 0,
					 "discounts on shipping that are not above it");
	if (!has_discounts && !is_zero(discount))
		divide(import, order, discount, DISCOUNT_AMOUNT);
	if (!has_taxes && !is_zero(tax))
		divide(import, order, tax, TAX_AMOUNT);
	if (!amounts_are_equal(discount, sum_of_lines(order, DISCOUNT_AMOUNT, NULL)))
		refuse_order(import, "charges.adjustments", 0,
					 "discounts that come to those of the lines");
	if (compare_amounts(tax, sum_of_lines(order, TAX_AMOUNT, NULL)) < 0 ||
		(is_zero(shipping) &&
		 !amounts_are_equal(tax, sum_of_lines(order, TAX_AMOUNT, NULL))))
		refuse_order(import, "charges.adjustments", 0,
					 "taxes that come to those of the lines, or more with shipping");
	divide_added_tax(order);
}

/* What of the lines' taxes is added to their prices, not included in them. */
static void
divide_added_tax(GivenOrder *order)
{
	Numeric    *weights = palloc(order->nlines * sizeof(Numeric));
	Numeric    *shares = palloc(order->nlines * sizeof(Numeric));
	Numeric		added = int64_to_numeric(0);
	Numeric		of_lines = sum_of_lines(order, TAX_AMOUNT, NULL);

	for (int i = 0; i < order->nadjustments; i++)
	{
		const OrderAdjustment *adjustment = &order->adjustments[i];

		if (!DatumGetBool(adjustment->is_included.value) &&
			strcmp(TextDatumGetCString(adjustment->kind.value), KIND_TAX) == 0)
			added = add_amounts(added, DatumGetNumeric(adjustment->amount.value));
	}
	if (compare_amounts(added, of_lines) > 0)
		added = of_lines;
	if (is_zero(added))
		return;
	for (int i = 0; i < order->nlines; i++)
		weights[i] = order->lines[i].tax_amount.isnull ? int64_to_numeric(0) :
			DatumGetNumeric(order->lines[i].tax_amount.value);
	allocate(added, weights, order->nlines, order->digits, shares);
	for (int i = 0; i < order->nlines; i++)
		if (!order->lines[i].tax_amount.isnull)
			order->lines[i].added_tax_amount = numeric_value(shares[i]);
}

static Numeric
sum_of_kinds(const GivenOrder *order, const char *kind, const char *other_kind)
{
	Numeric		sum = int64_to_numeric(0);

	for (int i = 0; i < order->nadjustments; i++)
	{
		const OrderAdjustment *adjustment = &order->adjustments[i];
		const char *its_kind = TextDatumGetCString(adjustment->kind.value);

		if (strcmp(its_kind, kind) == 0 ||
			(other_kind != NULL && strcmp(its_kind, other_kind) == 0))
			sum = add_amounts(sum, DatumGetNumeric(adjustment->amount.value));
	}
	return sum;
}

/* Says, if asked, whether any line has the amount. */
static Numeric
sum_of_lines(const GivenOrder *order, int offset, bool *is_given)
{
	Numeric		sum = round_amount(int64_to_numeric(0), order->digits);
	bool		found = false;

	for (int i = 0; i < order->nlines; i++)
	{
		const NullableDatum *amount = LINE_FIELD(&order->lines[i], offset);

		if (amount->isnull)
			continue;
		found = true;
		sum = add_amounts(sum, DatumGetNumeric(amount->value));
	}
	if (is_given != NULL)
		*is_given = found;
	return sum;
}

/* By what the lines cost, less their discounts. */
static void
divide(const Import *import, GivenOrder *order, Numeric amount, int offset)
{
	Numeric    *weights = palloc(order->nlines * sizeof(Numeric));
	Numeric    *shares = palloc(order->nlines * sizeof(Numeric));

	for (int i = 0; i < order->nlines; i++)
	{
		const OrderLine *line = &order->lines[i];

		weights[i] = DatumGetNumeric(line->line_amount.value);
		if (!line->discount_amount.isnull)
			weights[i] = subtract_amounts(weights[i],
										  DatumGetNumeric(line->discount_amount.value));
		if (compare_amounts(weights[i], int64_to_numeric(0)) < 0)
			refuse_order(import, "discount_amount", i + 1,
						 "at most what the line costs");
	}
	if (compare_amounts(amount, int64_to_numeric(0)) < 0)
		refuse_order(import, "charges.adjustments", 0,
					 "discounts that are negative, and taxes that are not");
	allocate(amount, weights, order->nlines, order->digits, shares);
	for (int i = 0; i < order->nlines; i++)
		*LINE_FIELD(&order->lines[i], offset) = numeric_value(shares[i]);
}

static void
check_amount(const Import *import, const GivenOrder *order)
{
	Numeric		sum = DatumGetNumeric(order->items_amount.value);

	for (int i = 0; i < order->nadjustments; i++)
		if (!DatumGetBool(order->adjustments[i].is_included.value))
			sum = add_amounts(sum, DatumGetNumeric(order->adjustments[i].amount.value));
	if (!amounts_are_equal(DatumGetNumeric(order->columns[GIVEN_ORDER_AMOUNT].value),
						   sum))
		refuse_order(import, "order_amount", 0,
					 psprintf("%s, to which lines and adjustments come",
							  amount_text(sum)));
}

/* Without one, what the status must have come after is all that is known. */
static void
read_history(const Import *import, GivenOrder *order)
{
	const char *status = TextDatumGetCString(order->columns[GIVEN_ORDER_STATUS].value);
	const char *last;
	uint64		count = 0;
	SPITupleTable *rows = NULL;

	if (!order->columns[GIVEN_HISTORY].isnull)
	{
		count = execute(&select_history, &order->columns[GIVEN_HISTORY],
						FRESH_SNAPSHOT);
		rows = SPI_tuptable;
	}
	order->events = palloc_extended((count + 3) * sizeof(PastEvent),
									MCXT_ALLOC_HUGE);
	add_step(import, order, STATUS_PLACED);
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum step[STEP_NCOLUMNS];

		read_row(rows, i, step, lengthof(step));
		refuse_unknown_key(import, step[STEP_UNKNOWN_KEY]);
		add_event(import, order, step);
	}
	if (order->columns[GIVEN_HISTORY].isnull && strcmp(status, STATUS_PLACED) != 0)
	{
		if (!can_follow(STATUS_PLACED, status))
			add_step(import, order, STATUS_SHIPPED);
		add_step(import, order, status);
	}
	last = order->events[order->nevents - 1].status;
	if (strcmp(last, status) != 0)
		refuse_order(import, "history", 0,
					 psprintf("one that ends with %s", status));
}

static void
add_step(const Import *import, GivenOrder *order, const char *status)
{
	NullableDatum step[STEP_NCOLUMNS] = {
		text_value(status),
		order->columns[GIVEN_ORDER_DATE],
		NULL_VALUE,
		NULL_VALUE
	};

	add_event(import, order, step);
}

static void
add_event(const Import *import, GivenOrder *order, const NullableDatum *step)
{
	PastEvent  *event = &order->events[order->nevents];
	int			place = order->nevents;
	NullableDatum payload = step[STEP_PAYLOAD];
	TimestampTz date;

	if (step[STEP_STATUS].isnull || step[STEP_CREATED_AT].isnull)
		refuse_order(import, "history", place, "an order_status and created_at");
	date = DatumGetTimestampTz(step[STEP_CREATED_AT].value);
	if (date < DatumGetTimestampTz(order->columns[GIVEN_ORDER_DATE].value) ||
		date > GetCurrentTimestamp())
		refuse_order(import, "history", place,
					 "a created_at from order_date on that has passed");
	event->status = TextDatumGetCString(step[STEP_STATUS].value);
	if (place > 0 && !can_follow(event[-1].status, event->status))
		refuse_order(import, "history", place,
					 psprintf("a status that can follow %s", event[-1].status));
	if (strcmp(event->status, STATUS_CANCELLED) == 0)
	{
		if (payload.isnull)
			payload = not_null(DirectFunctionCall1(jsonb_in,
												   CStringGetDatum("{\"reason\": \"other\"}")));
		if (!has_cancel_reason(payload.value))
			refuse_order(import, "history", place,
						 "a payload with a reason: " REASONS_PHRASE);
	}
	event->payload = payload;
	event->created_at = step[STEP_CREATED_AT];
	order->nevents++;
}

static bool
has_cancel_reason(Datum payload)
{
	NullableDatum reason;

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(payload)))
		return false;
	reason = jsonb_field(payload, "reason");
	return !reason.isnull && is_cancel_reason(TextDatumGetCString(reason.value));
}

/* Raises PT404 for an unknown customer. */
static void
write_order(const Access *access, Import *import, const GivenOrder *order)
{
	int64		user_id = DatumGetInt64(order->columns[GIVEN_CUSTOMER_ID].value);
	NullableDatum values[] = {
		order->columns[GIVEN_CUSTOMER_ID],
		order->columns[GIVEN_NUMBER],
		order->columns[GIVEN_ORDER_DATE],
		numeric_value(round_amount(DatumGetNumeric(order->columns[GIVEN_ORDER_AMOUNT].value),
								   order->digits)),
		order->columns[GIVEN_CURRENCY],
		order->columns[GIVEN_ORDER_STATUS],
		order->columns[GIVEN_SHIPPING_ADDRESS],
		order->columns[GIVEN_ADDRESS],
		order->columns[GIVEN_BILLING_ADDRESS],
		order->columns[GIVEN_METADATA],
		order->nadjustments > 0 ? order->items_amount : NULL_VALUE
	};
	NullableDatum id;

	lock_user(user_id);
	require_written(execute(&insert_order, values, FRESH_SNAPSHOT), 1);
	read_row(SPI_tuptable, 0, &id, 1);
	if (import->first_id.isnull)
		import->first_id = id;
	insert_order_lines(user_id, DatumGetInt64(id.value), order->lines,
					   order->nlines);
	if (order->nadjustments > 0)
		insert_order_adjustments(user_id, DatumGetInt64(id.value),
								 order->adjustments, order->nadjustments);
	write_past_events(access, user_id, DatumGetInt64(id.value), order->events,
					  order->nevents);
}

static bool
is_object_or_null(NullableDatum value)
{
	return value.isnull || JB_ROOT_IS_OBJECT(DatumGetJsonbP(value.value));
}

/* A null is. */
static bool
is_in_units(NullableDatum amount, int digits)
{
	Numeric		number;

	if (amount.isnull)
		return true;
	number = DatumGetNumeric(amount.value);
	return is_amount(number) &&
		amounts_are_equal(number, round_amount(number, digits));
}

/* A key that is misspelt would be a value that is lost; null is no value. */
static void
refuse_unknown_key(const Import *import, NullableDatum key)
{
	if (!key.isnull)
		refuse_order(import, TextDatumGetCString(key.value), 0,
					 "the keys that are documented");
}

/* place counts the elements of an array from 1; 0 is none of them. */
static void
refuse_order(const Import *import, const char *field, int place,
			 const char *accepted)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"code\": \"order_not_importable\", \"position\": %d, \"number\": ",
					 import->position);
	if (import->number.isnull)
		appendStringInfoString(&detail, "null");
	else
		escape_json(&detail, TextDatumGetCString(import->number.value));
	appendStringInfoString(&detail, ", \"field\": ");
	escape_json(&detail, field);
	if (place > 0)
		appendStringInfo(&detail, ", \"place\": %d", place);
	appendStringInfoString(&detail, ", \"accepted\": ");
	escape_json(&detail, accepted);
	appendStringInfoChar(&detail, '}');
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("order cannot be imported"),
			errdetail_internal("%s", detail.data),
			errhint("Correct the order, then import again: what is there already is left out."));
}

static Jsonb *
result_to_jsonb(const Import *import, NullableDatum out_of_sequence,
				MemoryContext context)
{
	JsonbWriter writer;

	jsonb_begin(&writer, context);
	jsonb_open_object(&writer, jsonb_shape(result_keys, lengthof(result_keys)));
	jsonb_put_int64(&writer, import->present);
	jsonb_put_int64(&writer, import->imported);
	jsonb_put_int8(&writer, out_of_sequence);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
