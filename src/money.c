/*-------------------------------------------------------------------------
 *
 * money.c
 *		Exact amounts of money, in units that a currency has.
 *
 * A payment service takes whole units: cents, yen, fils.  The number of decimals
 * of a currency is its minor unit in ISO 4217, list one.
 *
 * https://www.six-group.com/en/products-services/financial-information/data-standards.html
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"

#include "arguments.h"
#include "jsonb_writer.h"
#include "money.h"

/* The currencies that have not 2 decimals. */
static const struct
{
	int			digits;
	const char *currencies;
}			minor_units[] = {
	{0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
	{3, "BHD IQD JOD KWD LYD OMR TND"},
	{4, "CLF UYW"}
};

PG_FUNCTION_INFO_V1(currency_digits);

static bool is_currency(const char *code);
static Numeric round_amount(Numeric amount, int digits);
static Numeric calculate(PGFunction operation, Numeric a, Numeric b);
static bool compare(PGFunction comparison, Numeric a, Numeric b);

Datum
currency_digits(PG_FUNCTION_ARGS)
{
	const char *currency = text_argument(&fcinfo->args[0], "currency");

	if (!is_currency(currency))
		refuse_argument("currency", "the three capital letters of an ISO 4217 code");
	PG_RETURN_INT32(digits_of_currency(currency));
}

static bool
is_currency(const char *code)
{
	return strlen(code) == 3 &&
		strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

int
digits_of_currency(const char *currency)
{
	for (size_t i = 0; i < lengthof(minor_units); i++)
		if (is_currency(currency) &&
			strstr(minor_units[i].currencies, currency) != NULL)
			return minor_units[i].digits;
	return 2;
}

Numeric
add_amounts(Numeric a, Numeric b)
{
	return calculate(numeric_add, a, b);
}

/* What so many units cost: rounded, once. */
Numeric
multiply_price(Numeric price, int64 quantity, int digits)
{
	return round_amount(calculate(numeric_mul, price,
								  int64_to_numeric(quantity)), digits);
}

Numeric
price_as_shown(Numeric price, int digits)
{
	int			needed = DatumGetInt32(DirectFunctionCall1(numeric_min_scale,
														   NumericGetDatum(price)));

	return round_amount(price, Max(needed, digits));
}

bool
amounts_are_equal(Numeric a, Numeric b)
{
	return compare(numeric_eq, a, b);
}

void
require_finite(Numeric amount)
{
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		refuse_not_finite();
}

bool
is_below_amount_limit(Numeric amount)
{
	return compare(numeric_lt, amount, int64_to_numeric(AMOUNT_LIMIT));
}

bool
is_amount(Numeric amount)
{
	return !numeric_is_nan(amount) && !numeric_is_inf(amount) &&
		is_below_amount_limit(amount) &&
		compare(numeric_ge, amount, int64_to_numeric(0));
}

char *
amount_text(Numeric amount)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(amount)));
}

static Numeric
round_amount(Numeric amount, int digits)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_round,
											   NumericGetDatum(amount),
											   Int32GetDatum(digits)));
}

static Numeric
calculate(PGFunction operation, Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(operation, NumericGetDatum(a),
											   NumericGetDatum(b)));
}

static bool
compare(PGFunction comparison, Numeric a, Numeric b)
{
	return DatumGetBool(DirectFunctionCall2(comparison, NumericGetDatum(a),
											NumericGetDatum(b)));
}
