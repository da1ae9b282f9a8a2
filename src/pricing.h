/*-------------------------------------------------------------------------
 *
 * pricing.h
 *		What a cart costs, and what keeps it from being ordered.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_PRICING_H
#define ECOMMERCE_PRICING_H

#include "checkout.h"

/* What keeps a cart from being ordered, the most important first. */
typedef enum ProblemKind
{
	PRODUCT_REMOVED,
	INACTIVE_PRODUCT,
	MIXED_CURRENCIES,
	PRICE_CHANGED,
	AMOUNT_OUT_OF_RANGE,
	NO_SHIPPING_ADDRESS,
	INSUFFICIENT_STOCK
} ProblemKind;

typedef struct Problem
{
	ProblemKind kind;
	int			item;			/* -1: of the whole cart */
} Problem;

/* What of the cart the customer is known to have seen. */
typedef enum Seen
{
	SEEN_NOTHING,				/* only what it cost when it was put in */
	SEEN_AMOUNT,
	SEEN_CART
} Seen;

/*
 * Reads the products, computes what the cart costs from exactly what was read,
 * and notes what is wrong with it.  The order goes to the given address, a text,
 * or else to the cart's or the user's.
 */
extern void price_checkout(Checkout *checkout, NullableDatum address,
						   Seen seen, Visibility visibility);

/* Notes what of the stock, as read, is not enough. */
extern void find_shortages(Checkout *checkout);

/* Raises the first of the problems, with all that are like it. */
extern void refuse_problems(const Checkout *checkout);

/* What a problem is called in errors and carts alike. */
extern const char *problem_code(ProblemKind kind);

/*
 * Stands for what the customer is shown: products, quantities, prices, currency,
 * amounts, address.  64 hexadecimal digits.
 */
extern Datum fingerprint_of(const Checkout *checkout);

#endif							/* ECOMMERCE_PRICING_H */
