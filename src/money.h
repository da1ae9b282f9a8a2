/*-------------------------------------------------------------------------
 *
 * money.h
 *		Exact amounts of money.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_MONEY_H
#define ECOMMERCE_MONEY_H

#include "utils/numeric.h"

/* Below these, in C and, with CppAsString2(), in SQL. */
#define AMOUNT_LIMIT	1000000000000000	/* of a line, of an order */
#define PRICE_LIMIT		1000000000000	/* of a unit */

extern Numeric add_amounts(Numeric a, Numeric b);
extern Numeric multiply_price(Numeric price, int32 quantity);
extern bool amounts_are_equal(Numeric a, Numeric b);

/* Raises 22003 for NaN and the infinities. */
extern bool is_below_amount_limit(Numeric amount);

/* As text, for DETAIL. */
extern char *amount_text(Numeric amount);

#endif							/* ECOMMERCE_MONEY_H */
