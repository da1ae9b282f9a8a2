/*-------------------------------------------------------------------------
 *
 * shipping.c
 *		What shipping costs.
 *
 * Of the way of shipping that the cart names, the rates of the destination's
 * country, or else those for any, and of these the one with the highest
 * thresholds that the cart reaches: first of the amount, then of the weight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "addresses.h"
#include "money.h"
#include "problems.h"
#include "shipping.h"
#include "texts.h"

static Statement select_rates = {
	.query =
	"SELECT true" SHIPPING_RATE_COLUMNS(COLUMN_SELECTED)
	"  FROM ecommerce.shipping_rates"
	" WHERE code = $1 AND currency = $2 AND is_active",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID, TEXTOID)
};

static Numeric weight_of(const Checkout *checkout);
static int	compare_rates(const void *a, const void *b);
static bool serves(const ShippingRate *rate, NullableDatum country);

void
read_shipping_rates(const Checkout *checkout, ShippingRates *rates,
					Visibility visibility)
{
	NullableDatum values[] = {checkout->shipping_code, checkout->currency};
	NullableDatum country = address_field(checkout->address, "country");
	uint64		nrows;
	int			nof_country = 0;

	rates->count = 0;
	rates->need_country = false;
	rates->weight = weight_of(checkout);
	rates->digits = checkout->digits;
	if (checkout->shipping_code.isnull)
		return;
	nrows = execute(&select_rates, values, visibility);
	rates->rates = palloc_extended(nrows * sizeof(ShippingRate),
								   MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < nrows; i++)
	{
		NullableDatum row[1 + SHIPPING_RATE_NCOLUMNS];
		ShippingRate *rate = &rates->rates[rates->count];

		read_row(SPI_tuptable, i, row, lengthof(row));
		memcpy(rate->columns, &row[1], sizeof(rate->columns));
		if (!serves(rate, country))
			continue;
		nof_country += !rate->country.isnull;
		rates->count++;
	}
	qsort(rates->rates, rates->count, sizeof(ShippingRate), compare_rates);
	if (nof_country > 0)
	{
		rates->need_country = country.isnull;
		rates->count = country.isnull ? 0 : nof_country;
	}
}

/* Those of a country come before those for any. */
static int
compare_rates(const void *a, const void *b)
{
	const ShippingRate *left = a;
	const ShippingRate *right = b;
	int			order;

	if (left->country.isnull != right->country.isnull)
		return left->country.isnull ? 1 : -1;
	order = compare_amounts(DatumGetNumeric(right->from_amount.value),
							DatumGetNumeric(left->from_amount.value));
	return order != 0 ? order :
		compare_amounts(DatumGetNumeric(right->from_weight.value),
						DatumGetNumeric(left->from_weight.value));
}

const ShippingRate *
choose_shipping_rate(const ShippingRates *rates, Numeric goods)
{
	for (int i = 0; i < rates->count; i++)
	{
		const ShippingRate *rate = &rates->rates[i];

		if (compare_amounts(goods, DatumGetNumeric(rate->from_amount.value)) >= 0 &&
			compare_amounts(rates->weight, DatumGetNumeric(rate->from_weight.value)) >= 0)
			return rate;
	}
	return NULL;
}

Numeric
shipping_price(const ShippingRates *rates, const ShippingRate *rate)
{
	return round_amount(DatumGetNumeric(rate->price.value), rates->digits);
}

static Numeric
weight_of(const Checkout *checkout)
{
	Numeric		weight = int64_to_numeric(0);

	for (int i = 0; i < checkout->count; i++)
	{
		NullableDatum each = checkout->items[i].weight;
		int64		quantity = checkout->units[i].quantity;

		if (!each.isnull)
			weight = add_amounts(weight,
								 multiply(DatumGetNumeric(each.value), quantity));
	}
	return weight;
}

/* A table that has lost its constraints may have nulls, which are no rates. */
static bool
serves(const ShippingRate *rate, NullableDatum country)
{
	if (rate->from_amount.isnull || rate->from_weight.isnull ||
		rate->price.isnull)
		return false;
	return rate->country.isnull || country.isnull ||
		texts_are_equal(rate->country, country);
}
