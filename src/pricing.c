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

#include "addresses.h"
#include "discounts.h"
#include "limits.h"
#include "money.h"
#include "pricing.h"
#include "problems.h"
#include "shipping.h"
#include "taxes.h"
#include "texts.h"
#include "tills.h"

enum product_column
{
	PRODUCT_ID, PRODUCT_IS_ACTIVE, PRODUCT_CURRENCY, PRODUCT_PRICE,
	PRODUCT_NAME, PRODUCT_DESCRIPTION, PRODUCT_CATEGORY_ID,
	PRODUCT_CATEGORY_NAME, PRODUCT_SKU, PRODUCT_OPTIONS, PRODUCT_TAX_CLASS,
	PRODUCT_WEIGHT, PRODUCT_IS_COUNTED, PRODUCT_MINIMUM_QUANTITY,
	PRODUCT_MAXIMUM_QUANTITY, PRODUCT_QUANTITY_STEP, PRODUCT_CUSTOMER_LIMIT,
	PRODUCT_TILLS, PRODUCT_HAS_AUTOMATIC, PRODUCT_NCOLUMNS
};

/* Whether there are promotions to read is asked once, not for each product. */
static Statement select_products = {
	.query =
	"SELECT product.id::bigint, product.is_active::boolean,"
	"       product.currency::text, product.price::numeric,"
	"       product.name::text, product.description::text,"
	"       category.id::bigint, category.name::text,"
	"       product.sku::text, product.options::jsonb,"
	"       product.tax_class::text, product.weight::numeric,"
	"       product.is_counted::boolean, product.minimum_quantity::integer,"
	"       product.maximum_quantity::integer, product.quantity_step::integer,"
	"       product.customer_limit::integer, product.tills::smallint,"
	"       EXISTS (SELECT FROM ecommerce.promotions"
	"                WHERE code IS NULL AND promotions.is_active)"
	"  FROM ecommerce.products AS product"
	"  LEFT JOIN ecommerce.categories AS category"
	"    ON category.id = product.category_id"
	" WHERE product.id = ANY ($1)",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8ARRAYOID)
};

static void read_products(Checkout *checkout, Visibility visibility);
static void choose_address(Checkout *checkout, NullableDatum address);
static void add_up(Checkout *checkout);
static bool may_be_charged(const Checkout *checkout);
static void add_charges(Checkout *checkout, Visibility visibility);
static Numeric charge_shipping(Checkout *checkout, const ShippingRates *rates,
							   const Promotion *free_shipping, Numeric goods,
							   NullableDatum *tax_class);
static void find_discounted_lines(Checkout *checkout);
static void find_problems(Checkout *checkout, Seen seen);
static bool price_has_changed(const Checkout *checkout, int item, Seen seen);
static bool is_too_large(NullableDatum amount);
static int	digits_of(NullableDatum currency);
static void compute_line(OrderLine *line, int64 quantity, int digits);

void
price_checkout(Checkout *checkout, NullableDatum address, Seen seen,
			   Visibility visibility)
{
	read_products(checkout, visibility);
	choose_address(checkout, address);
	add_up(checkout);
	if (!checkout->amount.isnull && !checkout->currency.isnull &&
		may_be_charged(checkout))
		add_charges(checkout, visibility);
	find_problems(checkout, seen);
	find_excesses(checkout, visibility);
}

void
plan_pricing(void)
{
	plan_statement(&select_products);
}

void
price_cart(Checkout *checkout, int64 user_id, Visibility visibility)
{
	read_checkout(checkout, user_id, visibility);
	price_checkout(checkout, NULL_VALUE, SEEN_NOTHING, visibility);
	read_stock(checkout->stock_bucket, checkout->units, checkout->count,
			   visibility);
	find_shortages(checkout);
}

/* A product that has no stock level has nothing in stock. */
void
find_shortages(Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
		if (checkout->items[i].exists && !checkout->units[i].is_uncounted &&
			checkout->units[i].available < checkout->units[i].quantity)
			add_problem(checkout, INSUFFICIENT_STOCK, i);
}

Datum
fingerprint_of(const Checkout *checkout)
{
	StringInfoData shown;
	Datum		hash;

	initStringInfo(&shown);
	if (!checkout->currency.isnull)
		append_text(&shown, "currency", checkout->currency);
	if (!checkout->shipping_address.isnull)
		append_text(&shown, "address", checkout->shipping_address);
	for (int i = 0; i < checkout->count; i++)
	{
		const OrderLine *line = &checkout->lines[i];

		appendStringInfo(&shown, "\n" INT64_FORMAT " " INT64_FORMAT,
						 checkout->units[i].product_id,
						 checkout->units[i].quantity);
		append_amount(&shown, "price", line->unit_price);
		append_amount(&shown, "amount", line->line_amount);
	}
	for (int i = 0; i < checkout->nadjustments; i++)
	{
		const OrderAdjustment *adjustment = &checkout->adjustments[i];

		appendStringInfoChar(&shown, '\n');
		append_text(&shown, "kind", adjustment->kind);
		append_text(&shown, "code", adjustment->code);
		append_text(&shown, "name", adjustment->name);
		append_amount(&shown, "rate", adjustment->rate);
		append_amount(&shown, "amount", adjustment->amount);
		if (DatumGetBool(adjustment->is_included.value))
			appendStringInfoString(&shown, ", included");
	}
	hash = DirectFunctionCall1(sha256_bytea,
							   PointerGetDatum(cstring_to_text_with_len(shown.data,
																		shown.len)));
	return DirectFunctionCall2(binary_encode, hash, CStringGetTextDatum("hex"));
}

/* What is not found stays null: the product of an item without one. */
static void
read_products(Checkout *checkout, Visibility visibility)
{
	NullableDatum ids = product_ids_value(checkout->units, checkout->count);
	uint64		nproducts = execute(&select_products, &ids, visibility);

	for (int i = 0; i < checkout->count; i++)
	{
		checkout->items[i].currency = NULL_VALUE;
		checkout->items[i].tax_class = checkout->items[i].weight = NULL_VALUE;
		checkout->lines[i].product_name = checkout->items[i].added_name;
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
		item->exists = true;
		item->is_active = DatumGetBool(row[PRODUCT_IS_ACTIVE].value) &&
			!row[PRODUCT_CURRENCY].isnull && !row[PRODUCT_PRICE].isnull;
		item->currency = row[PRODUCT_CURRENCY];
		item->tax_class = row[PRODUCT_TAX_CLASS];
		item->weight = row[PRODUCT_WEIGHT];
		item->minimum_quantity = row[PRODUCT_MINIMUM_QUANTITY];
		item->maximum_quantity = row[PRODUCT_MAXIMUM_QUANTITY];
		item->quantity_step = row[PRODUCT_QUANTITY_STEP];
		item->customer_limit = row[PRODUCT_CUSTOMER_LIMIT];
		units->is_uncounted = !row[PRODUCT_IS_COUNTED].isnull &&
			!DatumGetBool(row[PRODUCT_IS_COUNTED].value);
		units->tills = DatumGetInt16(row[PRODUCT_TILLS].value);
		units->till = till_of(checkout->user_id, units->tills);
		if (units->is_uncounted)
			line->is_counted = boolean_value(false);
		line->unit_price = row[PRODUCT_PRICE];
		line->product_name = row[PRODUCT_NAME];
		line->product_description = row[PRODUCT_DESCRIPTION];
		line->category_id = row[PRODUCT_CATEGORY_ID];
		line->category_name = row[PRODUCT_CATEGORY_NAME];
		line->sku = row[PRODUCT_SKU];
		line->options = row[PRODUCT_OPTIONS];
		checkout->has_automatic = DatumGetBool(row[PRODUCT_HAS_AUTOMATIC].value);
	}
}

/*
 * The address of the request, the cart, or the user: the first that there is.
 * One that is not structured says nothing about taxes.
 */
static void
choose_address(Checkout *checkout, NullableDatum address)
{
	checkout->address = NULL_VALUE;
	if (!address.isnull)
	{
		checkout->address = parse_address(address.value, "shipping_address");
		if (!checkout->address.isnull)
			check_address(checkout->address.value, "shipping_address");
		else
			checkout->shipping_address = address;
	}
	else if (!checkout->carts_address.isnull)
		checkout->address = checkout->carts_address;
	else
		checkout->address = checkout->users_address;

	if (!checkout->address.isnull)
		checkout->shipping_address = address_text(checkout->address);
	else if (address.isnull)
		checkout->shipping_address = checkout->users_address_text;
	if (!checkout->shipping_address.isnull &&
		is_blank(checkout->shipping_address.value))
		checkout->shipping_address = NULL_VALUE;
}

/* The amount is the sum of the lines, which are rounded, each once. */
static void
add_up(Checkout *checkout)
{
	Numeric		sum = NULL;

	checkout->currency = checkout->amount = checkout->items_amount = NULL_VALUE;
	for (int i = 0; i < checkout->count && checkout->currency.isnull; i++)
		checkout->currency = checkout->items[i].currency;
	checkout->digits = digits_of(checkout->currency);
	for (int i = 0; i < checkout->count; i++)
	{
		OrderLine  *line = &checkout->lines[i];
		NullableDatum currency = checkout->items[i].currency;

		CHECK_FOR_INTERRUPTS();
		compute_line(line, checkout->units[i].quantity,
					 texts_are_equal(currency, checkout->currency) ?
					 checkout->digits : digits_of(currency));
		if (line->line_amount.isnull)
			continue;
		checkout->items[i].net = DatumGetNumeric(line->line_amount.value);
		sum = sum == NULL ? DatumGetNumeric(line->line_amount.value) :
			add_amounts(sum, DatumGetNumeric(line->line_amount.value));
	}
	if (item_of_other_currency(checkout) == NULL)
		checkout->amount = numeric_value(sum == NULL ? int64_to_numeric(0) : sum);
}

/* Whether an order can cost anything besides its lines. */
static bool
may_be_charged(const Checkout *checkout)
{
	if (checkout->has_automatic || !checkout->coupons.isnull ||
		!checkout->shipping_code.isnull)
		return true;
	for (int i = 0; i < checkout->count; i++)
		if (!checkout->items[i].tax_class.isnull)
			return true;
	return false;
}

/* What an order costs besides its lines: first discounts, taxes last. */
static void
add_charges(Checkout *checkout, Visibility visibility)
{
	ShippingRates rates;
	const Promotion *free_shipping;
	NullableDatum shipping_class = NULL_VALUE;
	Numeric		goods = round_amount(int64_to_numeric(0), checkout->digits);
	Numeric		shipping;
	Numeric		added;

	read_shipping_rates(checkout, &rates, visibility);
	free_shipping = apply_promotions(checkout, &rates, visibility);
	for (int i = 0; i < checkout->count; i++)
		if (!checkout->lines[i].line_amount.isnull)
			goods = add_amounts(goods, checkout->items[i].net);
	shipping = charge_shipping(checkout, &rates, free_shipping, goods,
							   &shipping_class);
	added = apply_taxes(checkout, shipping_class, shipping, visibility);
	if (checkout->nadjustments == 0)
		return;

	find_discounted_lines(checkout);
	checkout->items_amount = checkout->amount;
	checkout->amount = numeric_value(add_amounts(add_amounts(goods, shipping),
												 added));
}

/* Returns what is left to pay for shipping, and the class of its taxes. */
static Numeric
charge_shipping(Checkout *checkout, const ShippingRates *rates,
				const Promotion *free_shipping, Numeric goods,
				NullableDatum *tax_class)
{
	Numeric		nothing = round_amount(int64_to_numeric(0), checkout->digits);
	const ShippingRate *rate;
	Numeric		price;

	if (checkout->shipping_code.isnull)
		return nothing;
	rate = choose_shipping_rate(rates, goods);
	if (rate == NULL)
	{
		if (rates->need_country)
			add_problem(checkout, ADDRESS_NEEDED, -1);
		else
			add_problem_of(checkout, NO_SHIPPING_RATE,
						   address_field(checkout->address, "country"),
						   checkout->shipping_code);
		return nothing;
	}
	price = shipping_price(rates, rate);
	add_adjustment(checkout, KIND_SHIPPING, rate->name, price)->code =
		checkout->shipping_code;
	*tax_class = rate->tax_class;
	if (free_shipping == NULL)
		return price;
	add_discount(checkout, KIND_SHIPPING_DISCOUNT, free_shipping, price);
	return nothing;
}

static void
find_discounted_lines(Checkout *checkout)
{
	for (int i = 0; i < checkout->count; i++)
	{
		OrderLine  *line = &checkout->lines[i];
		Numeric		discount;

		if (line->line_amount.isnull)
			continue;
		discount = subtract_amounts(DatumGetNumeric(line->line_amount.value),
									checkout->items[i].net);
		if (!is_zero(discount))
			line->discount_amount = numeric_value(discount);
	}
}

static void
find_problems(Checkout *checkout, Seen seen)
{
	for (int i = 0; i < checkout->count; i++)
		if (!checkout->items[i].exists)
			add_problem(checkout, PRODUCT_REMOVED, i);
	for (int i = 0; i < checkout->count; i++)
		if (checkout->items[i].exists && !checkout->items[i].is_active)
			add_problem(checkout, INACTIVE_PRODUCT, i);
	if (checkout->amount.isnull)
		add_problem(checkout, MIXED_CURRENCIES, -1);
	for (int i = 0; i < checkout->count; i++)
		if (price_has_changed(checkout, i, seen))
			add_problem(checkout, PRICE_CHANGED, i);
	if (is_too_large(checkout->amount) || is_too_large(checkout->items_amount))
		add_problem(checkout, AMOUNT_OUT_OF_RANGE, -1);
	if (checkout->shipping_address.isnull)
		add_problem(checkout, NO_SHIPPING_ADDRESS, -1);
}

/*
 * The customer pays what was shown.  An amount says nothing about the currency,
 * which was that of the price that the product had when it was put in.
 */
static bool
price_has_changed(const Checkout *checkout, int item, Seen seen)
{
	const CartItem *it = &checkout->items[item];
	NullableDatum price = checkout->lines[item].unit_price;

	if (seen == SEEN_CART || it->added_price.isnull ||
		it->currency.isnull || price.isnull)
		return false;
	if (!texts_are_equal(it->added_currency, it->currency))
		return true;
	return seen == SEEN_NOTHING &&
		!amounts_are_equal(DatumGetNumeric(it->added_price.value),
						   DatumGetNumeric(price.value));
}

static bool
is_too_large(NullableDatum amount)
{
	return !amount.isnull &&
		!is_below_amount_limit(DatumGetNumeric(amount.value));
}

static int
digits_of(NullableDatum currency)
{
	return currency.isnull ? 2 :
		digits_of_currency(TextDatumGetCString(currency.value));
}

static void
compute_line(OrderLine *line, int64 quantity, int digits)
{
	Numeric		price;

	CHECK_FOR_INTERRUPTS();
	if (line->unit_price.isnull)
		return;
	price = DatumGetNumeric(line->unit_price.value);
	require_finite(price);
	line->unit_price = numeric_value(price_as_shown(price, digits));
	line->line_amount = numeric_value(multiply_price(price, quantity, digits));
}
