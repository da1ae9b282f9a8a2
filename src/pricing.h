/*-------------------------------------------------------------------------
 *
 * pricing.h
 *		What a cart costs, and what keeps it from being ordered.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_PRICING_H
#define ECOMMERCE_PRICING_H

#include "nodes/pg_list.h"

#include "order_lines.h"
#include "stock.h"

/* What the cart knows of a product, besides what its order line has. */
typedef struct CartItem
{
	NullableDatum created_at;	/* in a cart that is shown */
	bool		is_active;		/* is there such a product, and is it sold? */
	NullableDatum currency;
} CartItem;

/* A cart on its way to becoming an order: arrays of count, by product id. */
typedef struct Checkout
{
	int64		user_id;
	int32		stock_bucket;
	int			count;
	StockUnits *units;			/* what the customer wants */
	CartItem   *items;
	OrderLine  *lines;			/* what the order's lines are going to be */
	NullableDatum currency;		/* of the first product; null without any */
	NullableDatum amount;		/* null when there are several currencies */
	List	   *problems;		/* of Problem, the most important first */
} Checkout;

/* What keeps a cart from being ordered, the most important first. */
typedef enum ProblemKind
{
	INACTIVE_PRODUCT,
	MIXED_CURRENCIES,
	AMOUNT_OUT_OF_RANGE,
	INSUFFICIENT_STOCK
} ProblemKind;

typedef struct Problem
{
	ProblemKind kind;
	int			item;			/* -1: of the whole cart */
} Problem;

/*
 * Makes room for so many items.  The caller fills in what the customer wants,
 * by product id, then has it priced.
 */
extern void begin_checkout(Checkout *checkout, int64 user_id,
						   int32 stock_bucket, int count);

/* Reads the products, and computes what the cart costs from what was read. */
extern void price_checkout(Checkout *checkout, Visibility visibility);

/* Note what is wrong: with products and amount, then with the stock as read. */
extern void find_problems(Checkout *checkout);
extern void find_shortages(Checkout *checkout);

/* Raises the first of the problems, with all that are like it. */
extern void refuse_problems(const Checkout *checkout);

/* What a problem is called in errors and carts alike. */
extern const char *problem_code(ProblemKind kind);

#endif							/* ECOMMERCE_PRICING_H */
