/*-------------------------------------------------------------------------
 *
 * problems.c
 *		What keeps a cart from being ordered, told to people and programs.
 *
 * A problem is in the cart that is shown, and is the error of an order, in the
 * same words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "errors.h"
#include "money.h"
#include "problems.h"

/* The keys of facts, in stored order: by length, then by bytes. */
typedef struct Telling
{
	const char *code;
	int			sqlstate;
	const char *message;
	const char *hint;
	const char *list;			/* where DETAIL has what is like it, if it may */
	const char *fact_keys[PROBLEM_MAX_FACTS];
} Telling;

static const Telling tellings[] = {
	[PRODUCT_REMOVED] = {
		.code = "product_removed",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "product is not there any more",
		.hint = "Tell the customer, and take the products out of the cart with set_cart_item.",
		.list = "product_ids"
	},
	[INACTIVE_PRODUCT] = {
		.code = "inactive_product",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "product is not active",
		.hint = "Take the products out of the cart with set_cart_item.",
		.list = "product_ids"
	},
	[MIXED_CURRENCIES] = {
		.code = "mixed_currencies",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "cart has more than one currency",
		.hint = "Order products of one currency at a time.",
		.list = "currencies"
	},
	[PRICE_CHANGED] = {
		.code = "price_changed",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "price has changed since the product was put into the cart",
		.hint = "Show the customer the cart, then place the order with its fingerprint.",
		.list = "lines"
	},
	[COUPON_NOT_APPLICABLE] = {
		.code = "coupon_not_applicable",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "coupon is not applicable",
		.hint = "Take the coupons out of the cart with set_cart_coupons.",
		.list = "coupons",
		.fact_keys = {"coupon", "reason"}
	},
	[ADDRESS_NEEDED] = {
		.code = "address_needed",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "address is needed to compute what the order costs",
		.hint = "Give the cart an address with its country with set_cart_shipping."
	},
	[NO_SHIPPING_RATE] = {
		.code = "no_shipping_rate",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "cart cannot be shipped this way",
		.hint = "Choose another way or address with set_cart_shipping.",
		.list = "shipping",
		.fact_keys = {"country", "shipping_code"}
	},
	[NO_TAX_RATE] = {
		.code = "no_tax_rate",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "tax rate is not known",
		.hint = "Tell the shop: its tax class has no rate for the country.",
		.list = "rates",
		.fact_keys = {"country", "tax_class"}
	},
	[AMOUNT_OUT_OF_RANGE] = {
		.code = "amount_out_of_range",
		.sqlstate = ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
		.message = "order amount is out of range",
		.hint = "Reduce the quantities with set_cart_item."
	},
	[NO_SHIPPING_ADDRESS] = {
		.code = "no_shipping_address",
		.sqlstate = ERRCODE_NULL_VALUE_NOT_ALLOWED,
		.message = "order has no shipping address",
		.hint = "Give shipping_address, or store an address of the user's."
	},
	[QUANTITY_NOT_SOLD] = {
		.code = "quantity_not_sold",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "product is not sold in this quantity",
		.hint = "Set quantities that the products are sold in with set_cart_item.",
		.list = "lines"
	},
	[CUSTOMER_LIMIT_EXCEEDED] = {
		.code = "customer_limit_exceeded",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "customer may not order so many units",
		.hint = "Reduce the quantities with set_cart_item.",
		.list = "lines"
	},
	[INSUFFICIENT_STOCK] = {
		.code = "insufficient_stock",
		.sqlstate = ERRCODE_CONFLICT,
		.message = "stock is insufficient",
		.hint = "Reduce the quantities with set_cart_item.",
		.list = "lines"
	}
};

/* In stored order. */
static const char *const product_keys[] = {"code", "product_id"};
static const char *const shortage_keys[] = {
	"code", "available", "requested", "product_id"
};
static const char *const quantity_keys[] = {
	"code", "maximum", "minimum", "requested", "product_id", "multiple_of"
};
static const char *const limit_keys[] = {
	"code", "limit", "ordered", "requested", "product_id"
};
static const char *const price_keys[] = {
	"code", "price", "currency", "product_id", "added_price", "added_currency"
};

static int	compare_problems(const ListCell *a, const ListCell *b);
static void append_problem(StringInfo detail, const Checkout *checkout,
						   const Problem *problem);
static void append_fields(StringInfo detail, const Checkout *checkout,
						  const Problem *problem);
static void append_other_currencies(StringInfo detail,
									const Checkout *checkout);
static void append_key(StringInfo detail, const char *key);
static void append_integer(StringInfo detail, const char *key,
						   NullableDatum value);
static void put_problem(JsonbWriter *writer, const Checkout *checkout,
						const Problem *problem);
static void put_facts(JsonbWriter *writer, const Problem *problem);
static NullableDatum added_price(const CartItem *item);

void
add_problem(Checkout *checkout, ProblemKind kind, int item)
{
	Problem    *problem = palloc(sizeof(Problem));

	problem->kind = kind;
	problem->item = item;
	problem->number = list_length(checkout->problems);
	for (int i = 0; i < PROBLEM_MAX_FACTS; i++)
		problem->facts[i] = NULL_VALUE;
	checkout->problems = lappend(checkout->problems, problem);
}

void
add_problem_of(Checkout *checkout, ProblemKind kind, NullableDatum fact,
			   NullableDatum other_fact)
{
	Problem    *problem;

	add_problem(checkout, kind, -1);
	problem = llast(checkout->problems);
	problem->facts[0] = fact;
	problem->facts[1] = other_fact;
}

void
refuse_problems(Checkout *checkout)
{
	StringInfoData detail;
	const Telling *telling;
	const Problem *worst;
	const char *separator = "";
	ListCell   *cell;

	if (checkout->problems == NIL)
		return;
	list_sort(checkout->problems, compare_problems);
	worst = linitial(checkout->problems);
	telling = &tellings[worst->kind];
	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"code\": \"%s\"", telling->code);
	if (telling->list == NULL)
		append_fields(&detail, checkout, worst);
	else
	{
		appendStringInfo(&detail, ", \"%s\": [", telling->list);
		foreach(cell, checkout->problems)
		{
			const Problem *problem = lfirst(cell);

			if (problem->kind != worst->kind)
				break;
			appendStringInfoString(&detail, separator);
			append_problem(&detail, checkout, problem);
			separator = ", ";
		}
		appendStringInfoChar(&detail, ']');
	}
	appendStringInfoChar(&detail, '}');
	ereport(ERROR,
			errcode(telling->sqlstate),
			errmsg_internal("%s", telling->message),
			errdetail_internal("%s", detail.data),
			errhint("%s", telling->hint));
}

void
put_problems(JsonbWriter *writer, Checkout *checkout)
{
	ListCell   *cell;

	list_sort(checkout->problems, compare_problems);
	jsonb_open_array(writer);
	foreach(cell, checkout->problems)
		put_problem(writer, checkout, lfirst(cell));
	jsonb_close_array(writer);
}

/* Of one kind, as they were noted; list_sort() is not stable. */
static int
compare_problems(const ListCell *a, const ListCell *b)
{
	const Problem *left = lfirst(a);
	const Problem *right = lfirst(b);

	return left->kind != right->kind ? (int) left->kind - (int) right->kind :
		left->number - right->number;
}

/* An element of the list of DETAIL. */
static void
append_problem(StringInfo detail, const Checkout *checkout,
			   const Problem *problem)
{
	switch (problem->kind)
	{
		case PRODUCT_REMOVED:
		case INACTIVE_PRODUCT:
			appendStringInfo(detail, INT64_FORMAT,
							 checkout->units[problem->item].product_id);
			break;
		case MIXED_CURRENCIES:
			append_other_currencies(detail, checkout);
			break;
		default:
			appendStringInfoChar(detail, '{');
			append_fields(detail, checkout, problem);
			appendStringInfoChar(detail, '}');
	}
}

static void
append_fields(StringInfo detail, const Checkout *checkout,
			  const Problem *problem)
{
	int			item = Max(problem->item, 0);

	switch (problem->kind)
	{
		case PRICE_CHANGED:
			appendStringInfo(detail, "\"product_id\": " INT64_FORMAT,
							 checkout->units[item].product_id);
			append_amount(detail, "price", checkout->lines[item].unit_price);
			append_text(detail, "currency", checkout->items[item].currency);
			append_amount(detail, "added_price",
						  added_price(&checkout->items[item]));
			append_text(detail, "added_currency",
						checkout->items[item].added_currency);
			break;
		case INSUFFICIENT_STOCK:
			appendStringInfo(detail,
							 "\"product_id\": " INT64_FORMAT ", \"requested\": " INT64_FORMAT ", \"available\": " INT64_FORMAT,
							 checkout->units[item].product_id,
							 checkout->units[item].quantity,
							 checkout->units[item].available);
			break;
		case QUANTITY_NOT_SOLD:
			appendStringInfo(detail,
							 "\"product_id\": " INT64_FORMAT ", \"requested\": " INT64_FORMAT,
							 checkout->units[item].product_id,
							 checkout->units[item].quantity);
			append_integer(detail, "minimum",
						   checkout->items[item].minimum_quantity);
			append_integer(detail, "maximum",
						   checkout->items[item].maximum_quantity);
			append_integer(detail, "multiple_of",
						   checkout->items[item].quantity_step);
			break;
		case CUSTOMER_LIMIT_EXCEEDED:
			appendStringInfo(detail,
							 "\"product_id\": " INT64_FORMAT ", \"requested\": " INT64_FORMAT ", \"ordered\": " INT64_FORMAT,
							 checkout->units[item].product_id,
							 checkout->units[item].quantity,
							 checkout->items[item].ordered);
			append_integer(detail, "limit",
						   checkout->items[item].customer_limit);
			break;
		case AMOUNT_OUT_OF_RANGE:
			append_amount(detail, "order_amount", checkout->amount);
			if (!checkout->items_amount.isnull)
				append_amount(detail, "items_amount", checkout->items_amount);
			appendStringInfoString(detail,
								   ", \"below\": " CppAsString2(AMOUNT_LIMIT));
			break;
		case NO_SHIPPING_ADDRESS:
			append_key(detail, "user_id");
			appendStringInfo(detail, INT64_FORMAT, checkout->user_id);
			break;
		default:
			for (int i = 0; i < PROBLEM_MAX_FACTS; i++)
				if (tellings[problem->kind].fact_keys[i] != NULL)
					append_text(detail, tellings[problem->kind].fact_keys[i],
								problem->facts[i]);
	}
}

static void
append_other_currencies(StringInfo detail, const Checkout *checkout)
{
	const CartItem *other = item_of_other_currency(checkout);

	escape_json(detail, TextDatumGetCString(checkout->currency.value));
	appendStringInfoString(detail, ", ");
	escape_json(detail, TextDatumGetCString(other->currency.value));
}

static void
append_key(StringInfo detail, const char *key)
{
	appendStringInfo(detail, "%s\"%s\": ",
					 detail->len > 0 && detail->data[detail->len - 1] == '{' ?
					 "" : ", ", key);
}

static void
append_integer(StringInfo detail, const char *key, NullableDatum value)
{
	append_key(detail, key);
	if (value.isnull)
		appendStringInfoString(detail, "null");
	else
		appendStringInfo(detail, "%d", DatumGetInt32(value.value));
}

void
append_amount(StringInfo detail, const char *key, NullableDatum amount)
{
	append_key(detail, key);
	appendStringInfoString(detail, amount.isnull ? "null" :
						   amount_text(DatumGetNumeric(amount.value)));
}

void
append_text(StringInfo detail, const char *key, NullableDatum value)
{
	append_key(detail, key);
	if (value.isnull)
		appendStringInfoString(detail, "null");
	else
		escape_json(detail, TextDatumGetCString(value.value));
}

static void
put_problem(JsonbWriter *writer, const Checkout *checkout,
			const Problem *problem)
{
	const char *code = tellings[problem->kind].code;
	int			item = Max(problem->item, 0);

	switch (problem->kind)
	{
		case PRODUCT_REMOVED:
		case INACTIVE_PRODUCT:
			jsonb_open_object(writer, jsonb_shape(product_keys,
												  lengthof(product_keys)));
			jsonb_put_cstring(writer, code);
			jsonb_put_int64(writer, checkout->units[item].product_id);
			break;
		case PRICE_CHANGED:
			jsonb_open_object(writer, jsonb_shape(price_keys,
												  lengthof(price_keys)));
			jsonb_put_cstring(writer, code);
			jsonb_put_numeric(writer, checkout->lines[item].unit_price);
			jsonb_put_text(writer, checkout->items[item].currency);
			jsonb_put_int64(writer, checkout->units[item].product_id);
			jsonb_put_numeric(writer, added_price(&checkout->items[item]));
			jsonb_put_text(writer, checkout->items[item].added_currency);
			break;
		case INSUFFICIENT_STOCK:
			jsonb_open_object(writer, jsonb_shape(shortage_keys,
												  lengthof(shortage_keys)));
			jsonb_put_cstring(writer, code);
			jsonb_put_int64(writer, checkout->units[item].available);
			jsonb_put_int64(writer, checkout->units[item].quantity);
			jsonb_put_int64(writer, checkout->units[item].product_id);
			break;
		case QUANTITY_NOT_SOLD:
			jsonb_open_object(writer, jsonb_shape(quantity_keys,
												  lengthof(quantity_keys)));
			jsonb_put_cstring(writer, code);
			jsonb_put_int4(writer, checkout->items[item].maximum_quantity);
			jsonb_put_int4(writer, checkout->items[item].minimum_quantity);
			jsonb_put_int64(writer, checkout->units[item].quantity);
			jsonb_put_int64(writer, checkout->units[item].product_id);
			jsonb_put_int4(writer, checkout->items[item].quantity_step);
			break;
		case CUSTOMER_LIMIT_EXCEEDED:
			jsonb_open_object(writer, jsonb_shape(limit_keys,
												  lengthof(limit_keys)));
			jsonb_put_cstring(writer, code);
			jsonb_put_int4(writer, checkout->items[item].customer_limit);
			jsonb_put_int64(writer, checkout->items[item].ordered);
			jsonb_put_int64(writer, checkout->units[item].quantity);
			jsonb_put_int64(writer, checkout->units[item].product_id);
			break;
		default:
			put_facts(writer, problem);
	}
	jsonb_close_object(writer);
}

static void
put_facts(JsonbWriter *writer, const Problem *problem)
{
	const Telling *telling = &tellings[problem->kind];
	const char *keys[1 + PROBLEM_MAX_FACTS] = {"code"};
	int			nkeys = 1;

	while (nkeys <= PROBLEM_MAX_FACTS && telling->fact_keys[nkeys - 1] != NULL)
	{
		keys[nkeys] = telling->fact_keys[nkeys - 1];
		nkeys++;
	}
	jsonb_open_object(writer, jsonb_shape(keys, nkeys));
	jsonb_put_cstring(writer, telling->code);
	for (int i = 0; i < nkeys - 1; i++)
		jsonb_put_text(writer, problem->facts[i]);
}

/* As a price is shown, also one that has been stored in another form. */
static NullableDatum
added_price(const CartItem *item)
{
	Numeric		price = DatumGetNumeric(item->added_price.value);
	int			digits = item->added_currency.isnull ? 2 :
	digits_of_currency(TextDatumGetCString(item->added_currency.value));

	require_finite(price);
	return numeric_value(price_as_shown(price, digits));
}
