/*-------------------------------------------------------------------------
 *
 * taxes.h
 *		Taxes on an order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_TAXES_H
#define ECOMMERCE_TAXES_H

#include "checkout.h"

/*
 * Sets the tax of each line, notes the taxes as adjustments, and what is missing
 * as problems.  The class is that of shipping, which costs so much.  Returns what
 * is added to the order: taxes that prices include are in them.
 */
extern Numeric apply_taxes(Checkout *checkout, NullableDatum shipping_class,
						   Numeric shipping_amount, Visibility visibility);

#endif							/* ECOMMERCE_TAXES_H */
