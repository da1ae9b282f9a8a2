/*-------------------------------------------------------------------------
 *
 * pricing.c
 *		What a cart costs, and what keeps it from being ordered.
 *
 * The one computation, for the cart that is shown and the order that is placed,
 * and the only file that knows a rule of a checkout.  Amounts come from exactly
 * what was read here, and are exact.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "errors.h"
#include "money.h"
#include "pricing.h"

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

static const char *const problem_codes[] = {
	[INACTIVE_PRODUCT] = "inactive_product",
	[MIXED_CURRENCIES] = "mixed_currencies",
	[AMOUNT_OUT_OF_RANGE] = "amount_out_of_range",
	[INSUFFICIENT_STOCK] = "insufficient_stock"
};

static void read_products(Checkout *checkout, Visibility visibility);
static const CartItem *item_of_other_currency(const Checkout *checkout);
static void compute_lines(Checkout *checkout);
static NullableDatum add_up_lines(const Checkout *checkout);
static void add_problem(Checkout *checkout, ProblemKind kind, int item);
pg_noreturn static void refuse_inactive_products(const Checkout *checkout);
pg_noreturn static void refuse_currencies(const Checkout *checkout);
pg_noreturn static void refuse_shortages(const Checkout *checkout);
pg_noreturn static void refuse_amount(const Checkout *checkout);

void
begin_checkout(Checkout *checkout, int64 user_id, int32 stock_bucket,
			   int count)
{
	int			flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;

	*checkout = (Checkout)
	{
		.user_id = user_id,
			.stock_bucket = stock_bucket,
			.count = count,
			.units = palloc_extended(count * sizeof(StockUnits), flags),
			.items = palloc_extended(count * sizeof(CartItem), flags),
			.lines = palloc_extended(count * sizeof(OrderLine), flags),
			.currency = NULL_VALUE,
			.amount = NULL_VALUE
	};
}

void
price_checkout(Checkout *checkout, Visibility visibility)
{
	read_products(checkout, visibility);
	for (int i = 0; i < checkout->count && checkout->currency.isnull; i++)
		checkout->currency = checkout->items[i].currency;
	compute_lines(checkout);
	if (item_of_other_currency(checkout) == NULL)
		checkout->amount = add_up_lines(checkout);
}

void
find_problems(Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
		if (!checkout->items[i].is_active)
			add_problem(checkout, INACTIVE_PRODUCT, i);
	if (checkout->amount.isnull)
		add_problem(checkout, MIXED_CURRENCIES, -1);
	else if (!is_below_amount_limit(DatumGetNumeric(checkout->amount.value)))
		add_problem(checkout, AMOUNT_OUT_OF_RANGE, -1);
}

/* A product that has no stock level has nothing in stock. */
void
find_shortages(Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
		if (checkout->units[i].available < checkout->units[i].quantity)
			add_problem(checkout, INSUFFICIENT_STOCK, i);
}

void
refuse_problems(const Checkout *checkout)
{
	if (checkout->problems == NIL)
		return;
	switch (((Problem *) linitial(checkout->problems))->kind)
	{
		case INACTIVE_PRODUCT:
			refuse_inactive_products(checkout);
		case MIXED_CURRENCIES:
			refuse_currencies(checkout);
		case AMOUNT_OUT_OF_RANGE:
			refuse_amount(checkout);
		case INSUFFICIENT_STOCK:
			refuse_shortages(checkout);
	}
}

const char *
problem_code(ProblemKind kind)
{
	return problem_codes[kind];
}

/* What is not read stays null: the product of an item without one. */
static void
read_products(Checkout *checkout, Visibility visibility)
{
	NullableDatum ids = product_ids_value(checkout->units, checkout->count);
	uint64		nproducts = execute(&select_products, &ids, visibility);

	for (int i = 0; i < checkout->count; i++)
	{
		OrderLine  *line = &checkout->lines[i];

		for (int column = 0; column < ORDER_LINE_NCOLUMNS; column++)
			line->columns[column] = NULL_VALUE;
		checkout->items[i].currency = NULL_VALUE;
		line->line_number = integer_value(i + 1);
		line->product_id = bigint_value(checkout->units[i].product_id);
		line->quantity = integer_value(checkout->units[i].quantity);
	}
	for (uint64 i = 0; i < nproducts; i++)
	{
		NullableDatum row[PRODUCT_NCOLUMNS];
		StockUnits *units;
		CartItem   *item;
		OrderLine  *line;

		read_row(SPI_tuptable, i, row, lengthof(row));
		units = find_units(checkout->units, checkout->count,
						   DatumGetInt64(row[PRODUCT_ID].value));
		if (units == NULL)
			continue;
		item = &checkout->items[units - checkout->units];
		line = &checkout->lines[units - checkout->units];
		item->is_active = DatumGetBool(row[PRODUCT_IS_ACTIVE].value) &&
			!row[PRODUCT_CURRENCY].isnull && !row[PRODUCT_PRICE].isnull;
		item->currency = row[PRODUCT_CURRENCY];
		line->unit_price = row[PRODUCT_PRICE];
		line->product_name = row[PRODUCT_NAME];
		line->product_description = row[PRODUCT_DESCRIPTION];
		line->category_id = row[PRODUCT_CATEGORY_ID];
		line->category_name = row[PRODUCT_CATEGORY_NAME];
	}
}

/* NULL when all items have the currency of the checkout, or none. */
static const CartItem *
item_of_other_currency(const Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
	{
		NullableDatum currency = checkout->items[i].currency;

		if (!currency.isnull &&
			!DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
												  checkout->currency.value,
												  currency.value)))
			return &checkout->items[i];
	}
	return NULL;
}

static void
compute_lines(Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
	{
		OrderLine  *line = &checkout->lines[i];

		CHECK_FOR_INTERRUPTS();
		if (!line->unit_price.isnull)
			line->line_amount =
				numeric_value(multiply_price(DatumGetNumeric(line->unit_price.value),
											 checkout->units[i].quantity));
	}
}

static NullableDatum
add_up_lines(const Checkout *checkout)
{
	Numeric		sum = NULL;

	for (int i = 0; i < checkout->count; i++)
	{
		const OrderLine *line = &checkout->lines[i];

		if (line->line_amount.isnull)
			continue;
		sum = sum == NULL ? DatumGetNumeric(line->line_amount.value) :
			add_amounts(sum, DatumGetNumeric(line->line_amount.value));
	}
	return numeric_value(sum == NULL ? int64_to_numeric(0) : sum);
}

static void
add_problem(Checkout *checkout, ProblemKind kind, int item)
{
	Problem    *problem = palloc(sizeof(Problem));

	problem->kind = kind;
	problem->item = item;
	checkout->problems = lappend(checkout->problems, problem);
}

static void
refuse_inactive_products(const Checkout *checkout)
{
	StringInfoData ids;
	ListCell   *cell;

	initStringInfo(&ids);
	foreach(cell, checkout->problems)
	{
		Problem    *problem = lfirst(cell);

		if (problem->kind == INACTIVE_PRODUCT)
			appendStringInfo(&ids, "%s" INT64_FORMAT, ids.len > 0 ? ", " : "",
							 checkout->units[problem->item].product_id);
	}
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("product is not active"),
			errdetail_internal("{\"code\": \"%s\", \"product_ids\": [%s]}",
							   problem_code(INACTIVE_PRODUCT), ids.data),
			errhint("Take the products out of the cart with set_cart_item."));
}

static void
refuse_currencies(const Checkout *checkout)
{
	StringInfoData currencies;

	initStringInfo(&currencies);
	escape_json(&currencies, TextDatumGetCString(checkout->currency.value));
	appendStringInfoString(&currencies, ", ");
	escape_json(&currencies,
				TextDatumGetCString(item_of_other_currency(checkout)->currency.value));
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("cart has more than one currency"),
			errdetail_internal("{\"code\": \"%s\", \"currencies\": [%s]}",
							   problem_code(MIXED_CURRENCIES), currencies.data),
			errhint("Order products of one currency at a time."));
}

static void
refuse_shortages(const Checkout *checkout)
{
	StringInfoData shortages;
	ListCell   *cell;

	initStringInfo(&shortages);
	foreach(cell, checkout->problems)
	{
		Problem    *problem = lfirst(cell);
		StockUnits *units = &checkout->units[problem->item];

		if (problem->kind == INSUFFICIENT_STOCK)
			appendStringInfo(&shortages,
							 "%s{\"product_id\": " INT64_FORMAT ", \"requested\": " INT64_FORMAT ", \"available\": " INT64_FORMAT "}",
							 shortages.len > 0 ? ", " : "",
							 units->product_id, units->quantity,
							 units->available);
	}
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("stock is insufficient"),
			errdetail_internal("{\"code\": \"%s\", \"lines\": [%s]}",
							   problem_code(INSUFFICIENT_STOCK), shortages.data),
			errhint("Reduce the quantities with set_cart_item."));
}

static void
refuse_amount(const Checkout *checkout)
{
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("order amount is out of range"),
			errdetail_internal("{\"code\": \"%s\", \"order_amount\": %s, \"below\": %s}",
							   problem_code(AMOUNT_OUT_OF_RANGE),
							   amount_text(DatumGetNumeric(checkout->amount.value)),
							   CppAsString2(AMOUNT_LIMIT)),
			errhint("Reduce the quantities with set_cart_item."));
}
