/*-------------------------------------------------------------------------
 *
 * limits.c
 *		How many units of a product an order and a customer may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "limits.h"
#include "order_lifecycle.h"
#include "problems.h"

/* Units that the customer has, or is going to have. */
static Statement select_ordered = {
	.query =
	"SELECT line.product_id::bigint,"
	"       sum(line.quantity - coalesce(back.quantity, 0))::bigint"
	"  FROM ecommerce.orders AS placed"
	"  JOIN ecommerce.order_details AS line"
	"    ON line.customer_id = placed.customer_id AND line.order_id = placed.id"
	"  LEFT JOIN (SELECT customer_id, order_id, line_number,"
	"                    sum(quantity) AS quantity"
	"               FROM ecommerce.order_return_lines WHERE customer_id = $1"
	"              GROUP BY customer_id, order_id, line_number) AS back"
	"    ON back.customer_id = line.customer_id"
	"   AND back.order_id = line.order_id AND back.line_number = line.line_number"
	" WHERE placed.customer_id = $1 AND line.customer_id = $1"
	"   AND line.product_id = ANY ($2)"
	"   AND placed.order_status NOT IN"
	"       ('" STATUS_CANCELLED "', '" STATUS_RETURNED "')"
	" GROUP BY line.product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static void read_ordered(Checkout *checkout, StockUnits *limited, int count,
						 Visibility visibility);
static bool is_sold_so(const CartItem *item, int64 quantity);

void
find_excesses(Checkout *checkout, Visibility visibility)
{
	StockUnits *limited = NULL;
	int			nlimited = 0;

	for (int i = 0; i < checkout->count; i++)
	{
		const CartItem *item = &checkout->items[i];

		if (!item->exists)
			continue;
		if (!is_sold_so(item, checkout->units[i].quantity))
			add_problem(checkout, QUANTITY_NOT_SOLD, i);
		if (item->customer_limit.isnull)
			continue;
		if (limited == NULL)
			limited = palloc_extended(checkout->count * sizeof(StockUnits),
									  MCXT_ALLOC_HUGE);
		limited[nlimited++] = checkout->units[i];
	}
	if (nlimited == 0)
		return;

	read_ordered(checkout, limited, nlimited, visibility);
	for (int i = 0; i < checkout->count; i++)
	{
		const CartItem *item = &checkout->items[i];

		if (item->exists && !item->customer_limit.isnull &&
			item->ordered + checkout->units[i].quantity >
			DatumGetInt32(item->customer_limit.value))
			add_problem(checkout, CUSTOMER_LIMIT_EXCEEDED, i);
	}
}

/*
 * The lock of the cart keeps the customer's next order waiting.  At REPEATABLE
 * READ and above, one that was placed since the snapshot counts all the same.
 */
static void
read_ordered(Checkout *checkout, StockUnits *limited, int count,
			 Visibility visibility)
{
	NullableDatum values[] = {
		bigint_value(checkout->user_id),
		product_ids_value(limited, count)
	};
	uint64		nproducts = execute(&select_ordered, values,
									visibility == CALLERS_SNAPSHOT ?
									CALLERS_SNAPSHOT : LATEST_SNAPSHOT);

	for (uint64 i = 0; i < nproducts; i++)
	{
		NullableDatum row[2];
		StockUnits *found;

		read_row(SPI_tuptable, i, row, lengthof(row));
		found = find_units(checkout->units, checkout->count,
						   DatumGetInt64(row[0].value));
		if (found != NULL)
			checkout->items[found - checkout->units].ordered =
				DatumGetInt64(row[1].value);
	}
}

/* A step of 0 is one of a table that has lost its CHECK. */
static bool
is_sold_so(const CartItem *item, int64 quantity)
{
	if (!item->minimum_quantity.isnull &&
		quantity < DatumGetInt32(item->minimum_quantity.value))
		return false;
	if (!item->maximum_quantity.isnull &&
		quantity > DatumGetInt32(item->maximum_quantity.value))
		return false;
	return item->quantity_step.isnull ||
		DatumGetInt32(item->quantity_step.value) == 0 ||
		quantity % DatumGetInt32(item->quantity_step.value) == 0;
}
