/*-------------------------------------------------------------------------
 *
 * discounts.h
 *		Promotions: which apply to a cart, and what they take off.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_DISCOUNTS_H
#define ECOMMERCE_DISCOUNTS_H

#include "checkout.h"
#include "order_lock.h"
#include "shipping.h"

typedef struct Promotion Promotion;

/*
 * Reads the promotions of the cart, sets what each line costs after discounts,
 * and notes these as adjustments, and the coupons that do not apply as problems.
 * Returns the one that makes shipping free, or NULL.
 */
extern const Promotion *apply_promotions(Checkout *checkout,
										 const ShippingRates *rates,
										 Visibility visibility);

/* Notes what the promotion takes off; the kind is that of a discount. */
extern void add_discount(Checkout *checkout, const char *kind,
						 const Promotion *promotion, Numeric amount);

/*
 * Takes one use of each promotion that has a limit, locking them by promotion
 * id, or none, and notes coupons that are used up meanwhile as problems.  Raises
 * 40001 for a promotion that came by itself: tried again, the order goes without
 * it.
 */
extern void take_promotion_uses(Checkout *checkout);

/* Gives the uses of orders that are being cancelled back, by promotion id. */
extern void return_promotion_uses(const LockedOrder *orders, int count);

#endif							/* ECOMMERCE_DISCOUNTS_H */
