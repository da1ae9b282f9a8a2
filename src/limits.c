/*-------------------------------------------------------------------------
 *
 * limits.c
 *		How many units of a product an order and a customer may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "limits.h"
#include "order_lifecycle.h"
#include "problems.h"

/* Lines of the customer's orders, which of the orders count, and what came back. */
static Statement select_lines = {
	.query =
	"SELECT order_id::bigint, line_number::integer, quantity::bigint,"
	"       product_id::bigint"
	"  FROM ecommerce.order_details"
	" WHERE customer_id = $1 AND product_id = ANY ($2)"
	" ORDER BY order_id, line_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static Statement select_orders_that_count = {
	.query =
	"SELECT id::bigint FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = ANY ($2)"
	"   AND order_status NOT IN ('" STATUS_CANCELLED "', '" STATUS_RETURNED "')"
	" ORDER BY id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static Statement select_returned = {
	.query =
	"SELECT order_id::bigint, line_number::integer, sum(quantity)::bigint"
	"  FROM ecommerce.order_return_lines"
	" WHERE customer_id = $1 AND order_id = ANY ($2)"
	" GROUP BY order_id, line_number ORDER BY order_id, line_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

/* What both statements of lines begin with. */
typedef struct LineUnits
{
	NullableDatum order_id;
	NullableDatum line_number;
	NullableDatum quantity;
	NullableDatum product_id;	/* not of what came back */
} LineUnits;

static void read_ordered(Checkout *checkout, StockUnits *limited, int count,
						 Visibility visibility);
static int64 units_returned(SPITupleTable *returned, uint64 count,
							uint64 *next, const LineUnits *line);
static int	compare_lines(const LineUnits *left, const LineUnits *right);
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
	uint64		nlines;
	uint64		norders;
	uint64		nreturned;
	uint64		next = 0;
	SPITupleTable *lines;
	SPITupleTable *orders;
	SPITupleTable *returned;

	if (visibility == FRESH_SNAPSHOT)
		visibility = LATEST_SNAPSHOT;
	nlines = execute(&select_lines, values, visibility);
	lines = SPI_tuptable;
	if (nlines == 0)
		return;
	values[1] = bigint_array(lines, nlines, 0);
	norders = execute(&select_orders_that_count, values, visibility);
	orders = SPI_tuptable;
	nreturned = execute(&select_returned, values, visibility);
	returned = SPI_tuptable;
	for (uint64 i = 0; i < nlines; i++)
	{
		LineUnits	line;
		int64		back;
		StockUnits *found;

		CHECK_FOR_INTERRUPTS();
		read_row(lines, i, (NullableDatum *) &line, 4);
		back = units_returned(returned, nreturned, &next, &line);
		found = find_units(checkout->units, checkout->count,
						   DatumGetInt64(line.product_id.value));
		if (found == NULL ||
			!has_bigint(orders, norders, DatumGetInt64(line.order_id.value)))
			continue;
		checkout->items[found - checkout->units].ordered +=
			DatumGetInt64(line.quantity.value) - back;
	}
}

/* Both come in the order of orders and lines: next is the first not seen yet. */
static int64
units_returned(SPITupleTable *returned, uint64 count, uint64 *next,
			   const LineUnits *line)
{
	while (*next < count)
	{
		LineUnits	back;
		int			order;

		read_row(returned, *next, (NullableDatum *) &back, 3);
		order = compare_lines(&back, line);
		if (order > 0)
			break;
		(*next)++;
		if (order == 0)
			return DatumGetInt64(back.quantity.value);
	}
	return 0;
}

static int
compare_lines(const LineUnits *left, const LineUnits *right)
{
	int64		orders[] = {DatumGetInt64(left->order_id.value), DatumGetInt64(right->order_id.value)};
	int32		numbers[] = {DatumGetInt32(left->line_number.value), DatumGetInt32(right->line_number.value)};

	if (orders[0] != orders[1])
		return orders[0] > orders[1] ? 1 : -1;
	return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1]);
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
