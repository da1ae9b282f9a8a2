/*-------------------------------------------------------------------------
 *
 * limits.h
 *		How many units of a product an order and a customer may have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_LIMITS_H
#define ECOMMERCE_LIMITS_H

#include "checkout.h"

/*
 * Notes what is too little, too much or no multiple.  For an order the caller
 * holds the lock of the cart, so that nobody else orders for the customer.
 */
extern void find_excesses(Checkout *checkout, Visibility visibility);

#endif							/* ECOMMERCE_LIMITS_H */
