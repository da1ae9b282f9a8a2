/*-------------------------------------------------------------------------
 *
 * stock.h
 *		Units in stock: the only file that reads and writes stock_levels.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_STOCK_H
#define ECOMMERCE_STOCK_H

#include "nodes/pg_list.h"

#include "statement.h"

/* Units of a product that a cart wants, an order takes or gives back. */
typedef struct StockUnits
{
	int64		product_id;
	int64		quantity;
	int64		available;		/* in all buckets, once read; 0 without any */
	int64		in_bucket;		/* in the bucket of the cart, once locked */
	bool		is_uncounted;	/* there is always enough, and none is taken */
} StockUnits;

/* Stock that was locked: of other buckets what the cart's has not. */
typedef struct LockedStock
{
	int64		bucket;
	NullableDatum places;		/* tid[]: where its levels are */
	List	   *others;			/* of OtherLevel */
} LockedStock;

/*
 * The units that the arguments product_ids and quantities name, in the order of
 * product ids.  Raises 22023 when they do not fit each other.
 */
extern StockUnits *units_arguments(const NullableDatum *arguments,
								   int32 minimum, int *count);

/*
 * Sorts units by product id and makes one of those of a product, whose quantities
 * are added up.  Returns how many products there are.
 */
extern int	add_up_units(StockUnits *units, int count);

/* Each of these takes the units in the order of product ids, and none twice. */

/* NULL when there are none of the product. */
extern StockUnits *find_units(StockUnits *units, int count, int64 product_id);

/* The product ids as an array. */
extern NullableDatum product_ids_value(const StockUnits *units, int count);

/* Fills in what is available, without a lock. */
extern void read_stock(StockUnits *units, int count, Visibility visibility);

/*
 * Fills in what is available, and locks it until the end of the transaction if
 * it is enough.  The bucket is drawn on first, then the others in their order.
 * Raises 40001 when what is missing is locked by somebody else just now.
 */
extern void lock_stock(LockedStock *stock, int64 bucket, StockUnits *units,
					   int count);

/* Takes the units, which are locked and available. */
extern void take_stock(const LockedStock *stock, const StockUnits *units,
					   int count);

/* Plans what the two execute where the bucket has enough. */
extern void plan_stock(void);

/* Adds units of products that exist, and makes levels that do not. */
extern void add_stock(int64 bucket, const StockUnits *units, int count);

/*
 * Puts the units back.  A stock level that is not there any more is made again
 * as long as there is the product; units of a product that has been deleted
 * are gone with it.
 */
extern void return_stock(int64 bucket, StockUnits *units, int count);

#endif							/* ECOMMERCE_STOCK_H */
