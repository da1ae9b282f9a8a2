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

#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"

#include "arguments.h"
#include "jsonb_writer.h"
#include "money.h"

static const struct
{
	int			digits;
	const char *currencies;
}			minor_units[] = {
	{0, CURRENCIES_OF_0_DIGITS},
	{3, CURRENCIES_OF_3_DIGITS},
	{4, CURRENCIES_OF_4_DIGITS}
};

/* Amounts have at most 4 decimals, as has a rate of a tax. */
#define WEIGHT_DECIMALS		4

/* Together with the decimals these fit into 64 bits. */
#define INTEGER_MAX_DIGITS	14

PG_FUNCTION_INFO_V1(currency_digits);

static bool allocate_small(Numeric amount, const Numeric *weights, int count,
						   int digits, Numeric *shares);
static bool read_integer(Numeric amount, int decimals, int64 *integer);
static void allocate_any(Numeric amount, const Numeric *weights, int count,
						 int digits, Numeric *shares);
static Numeric round_ratio(Numeric numerator, Numeric denominator,
						   int digits);
static Numeric units_of(Numeric amount, int digits);
static Numeric amount_of(Numeric units, int digits);
static int	compare_remainders(const void *a, const void *b, void *remainders);
static int	compare_integers(const void *a, const void *b, void *remainders);
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

bool
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

Numeric
subtract_amounts(Numeric a, Numeric b)
{
	return calculate(numeric_sub, a, b);
}

int
compare_amounts(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a),
											 NumericGetDatum(b)));
}

bool
is_zero(Numeric amount)
{
	return compare_amounts(amount, int64_to_numeric(0)) == 0;
}

Numeric
negate_amount(Numeric amount)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_uminus,
											   NumericGetDatum(amount)));
}

Numeric
round_amount(Numeric amount, int digits)
{
	if (decimals_of(amount) == digits)
		return amount;
	return DatumGetNumeric(DirectFunctionCall2(numeric_round,
											   NumericGetDatum(amount),
											   Int32GetDatum(digits)));
}

Numeric
percent_of(Numeric amount, Numeric percent, int digits)
{
	Numeric		hundredth = int64_div_fast_to_numeric(1, 2);

	return round_amount(calculate(numeric_mul, amount,
								  calculate(numeric_mul, percent, hundredth)),
						digits);
}

Numeric
included_in(Numeric amount, Numeric percent, int digits)
{
	return round_ratio(calculate(numeric_mul, amount, percent),
					   add_amounts(int64_to_numeric(100), percent), digits);
}

Numeric
share_of(Numeric amount, int64 part, int64 whole, int digits)
{
	return round_ratio(multiply(amount, part),
					   int64_to_numeric(whole), digits);
}

void
allocate(Numeric amount, const Numeric *weights, int count, int digits,
		 Numeric *shares)
{
	if (!allocate_small(amount, weights, count, digits, shares))
		allocate_any(amount, weights, count, digits, shares);
}

Numeric
multiply(Numeric amount, int64 factor)
{
	return calculate(numeric_mul, amount, int64_to_numeric(factor));
}

/* What so many units cost: rounded, once. */
Numeric
multiply_price(Numeric price, int64 quantity, int digits)
{
	return round_amount(multiply(price, quantity), digits);
}

Numeric
price_as_shown(Numeric price, int digits)
{
	int			needed;

	if (decimals_of(price) == digits)
		return price;
	needed = DatumGetInt32(DirectFunctionCall1(numeric_min_scale,
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

Numeric
amount_or_zero(NullableDatum value, int digits)
{
	return value.isnull ? round_amount(int64_to_numeric(0), digits) :
		DatumGetNumeric(value.value);
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
		decimals_of(amount) <= AMOUNT_MAX_DECIMALS &&
		is_below_amount_limit(amount) &&
		compare(numeric_ge, amount, int64_to_numeric(0));
}

int
decimals_of(Numeric amount)
{
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		return -1;
	return DatumGetInt32(DirectFunctionCall1(numeric_scale,
											 NumericGetDatum(amount)));
}

char *
amount_text(Numeric amount)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(amount)));
}

/*
 * Integers are enough for what people buy, and a tenth of the work.  False, with
 * nothing done, where they are not.
 */
static bool
allocate_small(Numeric amount, const Numeric *weights, int count, int digits,
			   Numeric *shares)
{
	int64		units;
	int64		left;
	int64		sum = 0;
	int64	   *parts;
	int64	   *remainders;
	int		   *by_remainder;

	if (!read_integer(amount, digits, &units))
		return false;
	parts = palloc_extended(count * sizeof(int64), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!read_integer(weights[i], WEIGHT_DECIMALS, &parts[i]) ||
			pg_add_s64_overflow(sum, parts[i], &sum))
			return false;
	}
	if (pg_mul_s64_overflow(units, sum, &left))
		return false;

	left = units;
	remainders = palloc_extended(count * sizeof(int64), MCXT_ALLOC_HUGE);
	by_remainder = palloc_extended(count * sizeof(int), MCXT_ALLOC_HUGE);
	for (int i = 0; i < count; i++)
	{
		int64		product = units * parts[i];

		parts[i] = sum == 0 ? 0 : product / sum;
		remainders[i] = sum == 0 ? 0 : product % sum;
		by_remainder[i] = i;
		left -= parts[i];
	}
	if (left > 0 && sum > 0)
	{
		qsort_arg(by_remainder, count, sizeof(int), compare_integers,
				  remainders);
		for (int i = 0; i < left; i++)
			parts[by_remainder[i]]++;
	}
	for (int i = 0; i < count; i++)
		shares[i] = int64_div_fast_to_numeric(parts[i], digits);
	return true;
}

/*
 * The amount, not negative, with so many decimals but without the point.  False
 * when it has more decimals, or is too large.
 */
static bool
read_integer(Numeric amount, int decimals, int64 *integer)
{
	int			ndigits = 0;
	bool		after_point = false;

	*integer = 0;
	for (const char *c = amount_text(amount); *c != '\0'; c++)
	{
		if (*c == '.')
		{
			after_point = true;
			continue;
		}
		if (*c < '0' || *c > '9' || ++ndigits > INTEGER_MAX_DIGITS)
			return false;
		if (after_point && decimals-- == 0)
			return false;
		*integer = *integer * 10 + (*c - '0');
	}
	for (; decimals > 0; decimals--)
		*integer *= 10;
	return true;
}

static void
allocate_any(Numeric amount, const Numeric *weights, int count, int digits,
			 Numeric *shares)
{
	Numeric		units = units_of(amount, digits);
	Numeric		left = units;
	Numeric		sum = int64_to_numeric(0);
	Numeric		one = int64_to_numeric(1);
	Numeric    *remainders;
	int		   *by_remainder;

	for (int i = 0; i < count; i++)
		sum = add_amounts(sum, weights[i]);
	if (is_zero(units) || is_zero(sum))
	{
		for (int i = 0; i < count; i++)
			shares[i] = round_amount(int64_to_numeric(0), digits);
		return;
	}

	if (count == 1)
	{
		shares[0] = round_amount(amount, digits);
		return;
	}
	remainders = palloc(count * sizeof(Numeric));
	by_remainder = palloc(count * sizeof(int));
	for (int i = 0; i < count; i++)
	{
		Numeric		product = calculate(numeric_mul, units, weights[i]);

		CHECK_FOR_INTERRUPTS();
		shares[i] = calculate(numeric_div_trunc, product, sum);
		remainders[i] = subtract_amounts(product,
										 calculate(numeric_mul, shares[i], sum));
		by_remainder[i] = i;
		left = subtract_amounts(left, shares[i]);
	}
	qsort_arg(by_remainder, count, sizeof(int), compare_remainders, remainders);
	for (int i = 0; !is_zero(left); i++)
	{
		int			next = by_remainder[i];

		shares[next] = add_amounts(shares[next], one);
		left = subtract_amounts(left, one);
	}
	for (int i = 0; i < count; i++)
		shares[i] = amount_of(shares[i], digits);
}

/* Half away from zero; neither is negative. */
static Numeric
round_ratio(Numeric numerator, Numeric denominator, int digits)
{
	Numeric		two = int64_to_numeric(2);
	Numeric		doubled = calculate(numeric_mul, two, units_of(numerator, digits));

	return amount_of(calculate(numeric_div_trunc,
							   add_amounts(doubled, denominator),
							   calculate(numeric_mul, two, denominator)),
					 digits);
}

static Numeric
units_of(Numeric amount, int digits)
{
	static const int64 units[] = {1, 10, 100, 1000, 10000};

	return multiply(amount, units[digits]);
}

static Numeric
amount_of(Numeric units, int digits)
{
	return calculate(numeric_mul, units, int64_div_fast_to_numeric(1, digits));
}

/* The largest first. */
static int
compare_remainders(const void *a, const void *b, void *remainders)
{
	int			left = *(const int *) a;
	int			right = *(const int *) b;
	const Numeric *remainder = remainders;
	int			order = compare_amounts(remainder[right], remainder[left]);

	return order != 0 ? order : left - right;
}

static int
compare_integers(const void *a, const void *b, void *remainders)
{
	int			left = *(const int *) a;
	int			right = *(const int *) b;
	const int64 *remainder = remainders;

	if (remainder[left] != remainder[right])
		return remainder[left] > remainder[right] ? -1 : 1;
	return left - right;
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
