/*-------------------------------------------------------------------------
 *
 * tills.h
 *		Products that are split, so that many customers buy them at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_TILLS_H
#define ECOMMERCE_TILLS_H

#include "stock.h"

/* Of a product in each bucket; the table checks it, too. */
#define MAX_TILLS	256

/*
 * The till of a customer at a product that has so many, the same as long as it
 * has: from 1, or 0 when the product is not split.
 */
extern int	till_of(int64 user_id, int tills);

/*
 * Takes the units at their till if it has enough.  Else fills in what it has,
 * and locks it, if it is there.
 */
extern void take_at_till(int64 bucket, StockUnits *units);

/* Plans what that executes where the till has enough. */
extern void plan_tills(void);

/*
 * How many units the reserve gives to a till that is locked, as the reserve is:
 * what is missing, or more, so that the next orders need not come for it.
 */
extern int64 refill_of(const StockUnits *units);

/* Puts into the till what the reserve has given to it, less what is taken. */
extern void settle_till(int64 bucket, const StockUnits *units);

/*
 * Splits the product into so many tills in each bucket, empty ones at first, or
 * into none.  Units of tills that it has no more go back to the reserve.
 * Tells how many there were; returns false when there is no such product.
 */
extern bool set_tills(int64 product_id, int tills, int *before);

#endif							/* ECOMMERCE_TILLS_H */
