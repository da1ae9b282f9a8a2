/*-------------------------------------------------------------------------
 *
 * checkout.h
 *		A cart on its way to becoming an order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_CHECKOUT_H
#define ECOMMERCE_CHECKOUT_H

#include "nodes/pg_list.h"

#include "order_adjustments.h"
#include "order_lines.h"
#include "stock.h"

/* Coupons of a cart at most. */
#define MAX_COUPONS	10

/* What the cart knows of a product, besides what its order line has. */
typedef struct CartItem
{
	NullableDatum created_at;	/* in a cart that is shown */
	NullableDatum added_price;	/* what the product cost when it was put in */
	NullableDatum added_currency;
	NullableDatum added_name;
	bool		exists;			/* is there such a product? */
	bool		is_active;		/* and is it sold? */
	NullableDatum currency;
	NullableDatum tax_class;
	NullableDatum weight;		/* of one unit */
	NullableDatum minimum_quantity; /* integers; null where there is none */
	NullableDatum maximum_quantity;
	NullableDatum quantity_step;
	NullableDatum customer_limit;
	int64		ordered;		/* earlier, if there is a limit */
	Numeric		net;			/* what the line costs after discounts */
} CartItem;

typedef struct Checkout
{
	int64		user_id;

	/* Of the user. */
	NullableDatum users_address;
	NullableDatum users_address_text;

	/* Of the cart. */
	bool		has_cart;
	int64		stock_bucket;
	NullableDatum carts_address;
	NullableDatum billing_address;
	NullableDatum coupons;		/* text[] */
	NullableDatum shipping_code;

	/* Of its items: arrays of count, by product id. */
	int			count;
	StockUnits *units;			/* what the customer wants */
	CartItem   *items;
	OrderLine  *lines;			/* what the order's lines are going to be */

	/* What pricing.c makes of it, and problems.c tells. */
	NullableDatum address;		/* where the order goes: a jsonb, a text */
	NullableDatum shipping_address;
	NullableDatum currency;		/* of the first product; null without any */
	int			digits;			/* of that currency */
	NullableDatum amount;		/* null when there are several currencies */
	bool		has_automatic;	/* are there promotions without a coupon? */
	NullableDatum items_amount; /* of the lines; null when nothing else is
								 * charged */
	int			nadjustments;
	OrderAdjustment *adjustments;
	List	   *limited;		/* of Promotion: those whose uses are counted */
	List	   *problems;		/* of Problem */
} Checkout;

/* Reads user, cart and items. Raises PT404 when there is no such user. */
extern void read_checkout(Checkout *checkout, int64 user_id,
						  Visibility visibility);

/*
 * The same in two steps, for an order.  The first locks the user FOR KEY SHARE,
 * as the foreign key of the order will, and the cart FOR NO KEY UPDATE, so that
 * a customer's orders are placed one after the other.  The second takes the
 * items out of the cart: what is ordered is what was removed.
 */
extern void lock_checkout(Checkout *checkout, int64 user_id);
extern void take_items(Checkout *checkout);

/* The first step, also for a user who had no cart yet. */
extern void lock_or_make_cart(Checkout *checkout, int64 user_id);

/*
 * Makes sure that the user has a cart, which is locked FOR KEY SHARE or new.
 * Raises PT404 when there is no such user.
 */
extern void require_cart(int64 user_id);

/* Plans what the two steps execute. */
extern void plan_checkout(void);

/* Takes coupons and addresses out of the cart whose order was placed. */
extern void forget_choices(const Checkout *checkout);

/* A new adjustment, without what is null in most. */
extern OrderAdjustment *add_adjustment(Checkout *checkout, const char *kind,
									   NullableDatum name, Numeric amount);

/* NULL when all items have the currency of the checkout, or none. */
extern const CartItem *item_of_other_currency(const Checkout *checkout);

#endif							/* ECOMMERCE_CHECKOUT_H */
