/*-------------------------------------------------------------------------
 *
 * order_adjustments.h
 *		What an order costs besides its lines: the one list of the columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_ORDER_ADJUSTMENTS_H
#define ECOMMERCE_ORDER_ADJUSTMENTS_H

#include "jsonb_writer.h"
#include "statement.h"

/* The columns behind the key of the order, in the order of the table. */
#define ORDER_ADJUSTMENT_COLUMNS(COLUMN) \
	COLUMN(adjustment_number, integer, INT4OID) \
	COLUMN(kind, text, TEXTOID) \
	COLUMN(code, text, TEXTOID) \
	COLUMN(name, text, TEXTOID) \
	COLUMN(promotion_id, bigint, INT8OID) \
	COLUMN(rate, numeric, NUMERICOID) \
	COLUMN(amount, numeric, NUMERICOID) \
	COLUMN(is_included, boolean, BOOLOID)

#define ORDER_ADJUSTMENT_NCOLUMNS	(0 ORDER_ADJUSTMENT_COLUMNS(COLUMN_COUNT))

typedef union OrderAdjustment
{
	struct
	{
		ORDER_ADJUSTMENT_COLUMNS(COLUMN_FIELD)
	};
	NullableDatum columns[ORDER_ADJUSTMENT_NCOLUMNS];
} OrderAdjustment;

#define KIND_DISCOUNT			"discount"
#define KIND_SHIPPING			"shipping"
#define KIND_SHIPPING_DISCOUNT	"shipping_discount"
#define KIND_TAX				"tax"

/* What to select: the id of the order, then the columns of an OrderAdjustment. */
#define SELECT_ORDER_ADJUSTMENTS \
	"SELECT order_id::bigint" ORDER_ADJUSTMENT_COLUMNS(COLUMN_SELECTED) \
	"  FROM ecommerce.order_adjustments"

extern void insert_order_adjustments(int64 user_id, int64 order_id,
									 const OrderAdjustment *adjustments,
									 int count);

/*
 * Puts what an order costs besides its lines, null when that is nothing:
 * {items_amount, discount_amount, shipping_amount, tax_amount, adjustments:
 * [{kind, code, name, rate, amount, is_included}]}.
 */
extern void put_charges(JsonbWriter *writer, NullableDatum items_amount,
						const OrderAdjustment *adjustments, int count);

#endif							/* ECOMMERCE_ORDER_ADJUSTMENTS_H */
