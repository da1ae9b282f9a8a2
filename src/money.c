/*-------------------------------------------------------------------------
 *
 * money.c
 *		Exact amounts of money.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"

#include "jsonb_writer.h"
#include "money.h"

static Numeric calculate(PGFunction operation, Numeric a, Numeric b);
static bool compare(PGFunction comparison, Numeric a, Numeric b);

Numeric
add_amounts(Numeric a, Numeric b)
{
	return calculate(numeric_add, a, b);
}

Numeric
multiply_price(Numeric price, int32 quantity)
{
	return calculate(numeric_mul, price, int64_to_numeric(quantity));
}

bool
amounts_are_equal(Numeric a, Numeric b)
{
	return compare(numeric_eq, a, b);
}

bool
is_below_amount_limit(Numeric amount)
{
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		refuse_not_finite();
	return compare(numeric_lt, amount, int64_to_numeric(AMOUNT_LIMIT));
}

char *
amount_text(Numeric amount)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(amount)));
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
