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

/* Plans what is executed for that where nothing is charged but the items. */
extern void plan_pricing(void);

/* Reads a cart that is to be shown, with its prices, problems and stock. */
extern void price_cart(Checkout *checkout, int64 user_id,
					   Visibility visibility);

/* Notes what of the stock, as read, is not enough. */
extern void find_shortages(Checkout *checkout);

/*
 * Stands for what the customer is shown: products, quantities, prices, currency,
 * amounts, address.  64 hexadecimal digits.
 */
extern Datum fingerprint_of(const Checkout *checkout);

#endif							/* ECOMMERCE_PRICING_H */
