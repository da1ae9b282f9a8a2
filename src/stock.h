/*-------------------------------------------------------------------------
 *
 * stock.h
 *		Units in stock: only stock.c and tills.c read and write stock_levels.
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
	int64		available;		/* once read; 0 without any */
	int64		in_reserve;		/* in the reserve of the cart's bucket, once
								 * locked */
	bool		is_uncounted;	/* there is always enough, and none is taken */

	/* Of a product that is split: see tills.h. */
	int			tills;			/* how many there are of a bucket; else 0 */
	int			till;			/* the customer's; else 0 */
	int64		in_till;		/* once locked; NO_TILL if there is no such
								 * row */
	bool		is_taken;		/* of the till, which had enough */
} StockUnits;

#define NO_TILL		(-1)

/* Stock that was locked: of other levels what the cart's have not. */
typedef struct LockedStock
{
	int64		bucket;
	NullableDatum places;		/* tid[]: where its reserves are */
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

/* Whether there is a product that is split: others want it, too. */
extern bool is_split(const StockUnits *units, int count);

/*
 * Fills in what is available, without a lock: in the bucket, or in all of them
 * where that is not enough.
 */
extern void read_stock(int64 bucket, StockUnits *units, int count,
					   Visibility visibility);

/* The same of all buckets. */
extern void read_all_stock(StockUnits *units, int count);

/*
 * Fills in what is available, and locks it until the end of the transaction if
 * it is enough; what a till has enough of is taken at once.  The bucket is drawn
 * on first, the till and then the reserve, then its other tills, then the other
 * buckets in their order.  Raises 40001 when what is missing is locked by
 * somebody else just now.
 */
extern void lock_stock(LockedStock *stock, int64 bucket, StockUnits *units,
					   int count);

/* Takes what is locked and available. */
extern void take_stock(const LockedStock *stock, const StockUnits *units,
					   int count);

/* Plans what the two execute where the bucket has enough. */
extern void plan_stock(void);

/*
 * Keeps a product from being deleted before its stock level is there.  Returns
 * false if there is no such product.
 */
extern bool keep_product(int64 product_id);

/* The ids are those of products, one or several with commas in between. */
pg_noreturn extern void refuse_unknown_products(const char *ids);

/*
 * Adds units of products that exist, and makes levels that do not.  Units come
 * into the reserve, here and in what follows.
 */
extern void add_stock(int64 bucket, const StockUnits *units, int count);

/*
 * Moves units of one product from a bucket to another, of which one may be null:
 * elsewhere.  Returns false, with what is available, if that is not enough.
 */
extern bool move_stock(NullableDatum from_bucket, NullableDatum to_bucket,
					   StockUnits *units);

/*
 * Puts the units back.  A stock level that is not there any more is made again
 * as long as there is the product; units of a product that has been deleted
 * are gone with it.
 */
extern void return_stock(int64 bucket, StockUnits *units, int count);

#endif							/* ECOMMERCE_STOCK_H */
