/*-------------------------------------------------------------------------
 *
 * shipping.h
 *		What shipping costs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_SHIPPING_H
#define ECOMMERCE_SHIPPING_H

#include "checkout.h"

#define SHIPPING_RATE_COLUMNS(COLUMN) \
	COLUMN(name, text, TEXTOID) \
	COLUMN(country, text, TEXTOID) \
	COLUMN(from_amount, numeric, NUMERICOID) \
	COLUMN(from_weight, numeric, NUMERICOID) \
	COLUMN(price, numeric, NUMERICOID) \
	COLUMN(tax_class, text, TEXTOID)

#define SHIPPING_RATE_NCOLUMNS	(0 SHIPPING_RATE_COLUMNS(COLUMN_COUNT))

typedef union ShippingRate
{
	struct
	{
		SHIPPING_RATE_COLUMNS(COLUMN_FIELD)
	};
	NullableDatum columns[SHIPPING_RATE_NCOLUMNS];
} ShippingRate;

/* The rates of a cart's way of shipping that its destination has. */
typedef struct ShippingRates
{
	int			count;
	ShippingRate *rates;		/* the highest thresholds first */
	bool		need_country;	/* there are some, for countries */
	Numeric		weight;			/* of the cart */
	int			digits;			/* of the currency */
} ShippingRates;

/* Without a way of shipping there are none. */
extern void read_shipping_rates(const Checkout *checkout, ShippingRates *rates,
								Visibility visibility);

/* The rate for goods of this amount; NULL when there is none. */
extern const ShippingRate *choose_shipping_rate(const ShippingRates *rates,
												Numeric goods);

/* In units of the currency. */
extern Numeric shipping_price(const ShippingRates *rates,
							  const ShippingRate *rate);

#endif							/* ECOMMERCE_SHIPPING_H */
