/*-------------------------------------------------------------------------
 *
 * money.h
 *		Exact amounts of money, in units that a currency has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_MONEY_H
#define ECOMMERCE_MONEY_H

#include "utils/numeric.h"

#include "compat.h"

/* Amounts are below these, in C and, with CppAsString2(), in SQL. */
#define AMOUNT_LIMIT	1000000000000000	/* of a line, of an order */
#define AMOUNT_MAX_DECIMALS	20	/* that anybody may expect, as a float has */
#define PRICE_LIMIT		1000000000000	/* of a unit */

/* Needed decimals of a price; a line is rounded, a price need not be. */
#define PRICE_MAX_DECIMALS	6

/* The currencies that have not 2 decimals. */
#define CURRENCIES_OF_0_DIGITS \
	"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
#define CURRENCIES_OF_3_DIGITS	"BHD IQD JOD KWD LYD OMR TND"
#define CURRENCIES_OF_4_DIGITS	"CLF UYW"

/* Decimals of the smallest unit of the currency; in SQL, of an expression. */
#define DIGITS_OF(currency) \
	"CASE WHEN position(" currency " IN '" CURRENCIES_OF_0_DIGITS "') > 0 THEN 0" \
	"     WHEN position(" currency " IN '" CURRENCIES_OF_3_DIGITS "') > 0 THEN 3" \
	"     WHEN position(" currency " IN '" CURRENCIES_OF_4_DIGITS "') > 0 THEN 4" \
	"     ELSE 2 END"
extern int	digits_of_currency(const char *currency);

/* Whether it is written as one: three capital letters. */
extern bool is_currency(const char *code);

/*
 * All amounts are numeric values; none of these changes its arguments.  Rounding
 * is half away from zero, as numeric's own.
 */
extern Numeric add_amounts(Numeric a, Numeric b);
extern Numeric multiply(Numeric amount, int64 factor);
extern Numeric multiply_price(Numeric price, int64 quantity, int digits);
extern bool amounts_are_equal(Numeric a, Numeric b);

extern Numeric subtract_amounts(Numeric a, Numeric b);
extern int	compare_amounts(Numeric a, Numeric b);
extern bool is_zero(Numeric amount);
extern Numeric negate_amount(Numeric amount);
extern Numeric round_amount(Numeric amount, int digits);

/* So many percent of the amount, and how much of it such a tax is. */
extern Numeric percent_of(Numeric amount, Numeric percent, int digits);
extern Numeric included_in(Numeric amount, Numeric percent, int digits);

/* The share that part has in the whole; neither is negative. */
extern Numeric share_of(Numeric amount, int64 part, int64 whole, int digits);

/*
 * Divides an amount, not negative, in proportion to weights, exactly: what
 * rounding down leaves goes, a unit each, to the largest remainders, and among
 * equal ones to the first (largest remainder method).
 */
extern void allocate(Numeric amount, const Numeric *weights, int count,
					 int digits, Numeric *shares);

/* With the digits of its currency, or more where it needs them. */
extern Numeric price_as_shown(Numeric price, int digits);

/* Raises 22003 for NaN and the infinities, which the others are not made for. */
extern void require_finite(Numeric amount);

/* A value of a row, which may be null where a constraint is lost. */
extern Numeric amount_or_zero(NullableDatum value, int digits);

extern bool is_below_amount_limit(Numeric amount);

/* From 0, below the limit, and not longer than a float. */
extern bool is_amount(Numeric amount);

/* Those that it is written with; -1 if it is not finite. */
extern int	decimals_of(Numeric amount);

/* As text, for DETAIL. */
extern char *amount_text(Numeric amount);

#endif							/* ECOMMERCE_MONEY_H */
