/*-------------------------------------------------------------------------
 *
 * cancellation.c
 *		Cancels orders, and gives back what they had taken.
 *
 * All orders have been locked before.  Stock comes next, all of it, by bucket and
 * product id, then the uses of promotions, by promotion id: order by order, two
 * batches, or a batch and a placement, would wait for each other in a circle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "cancellation.h"
#include "discounts.h"
#include "order_balances.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_returns.h"
#include "stock.h"

static Statement update_status = {
	.query =
	"UPDATE ecommerce.orders SET order_status = '" STATUS_CANCELLED "'"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID)
};

/* Units that go back to a bucket. */
typedef struct ReturnedUnits
{
	int64		bucket;
	int64		product_id;
	int64		quantity;
} ReturnedUnits;

static void return_units_of_orders(const LockedOrder *orders, int count);
static ReturnedUnits *read_units(const LockedOrder *orders, int count,
								 uint64 *nunits);
static int	compare_units(const void *a, const void *b);

void
cancel_orders(const Access *access, const LockedOrder *orders, int count,
			  const char *reason)
{
	Jsonb	   *payload = reason_payload(text_value(reason));

	return_units_of_orders(orders, count);
	return_promotion_uses(orders, count);
	for (int i = 0; i < count; i++)
	{
		const LockedOrder *order = &orders[i];
		NullableDatum values[] = {bigint_value(order->user_id), bigint_value(order->id)};

		CHECK_FOR_INTERRUPTS();
		/* The event comes first: check_order_change() in SQL looks for it. */
		write_status_change(access, order->user_id, order->id, order->status,
							STATUS_CANCELLED, payload);
		require_written(execute(&update_status, values, FRESH_SNAPSHOT), 1);
		forget_deadline(order);
	}
}

/*
 * To the bucket that an order drew on: the cart may draw on another one by now.
 */
static void
return_units_of_orders(const LockedOrder *orders, int count)
{
	uint64		nunits;
	ReturnedUnits *units = read_units(orders, count, &nunits);
	StockUnits *levels = palloc_extended(nunits * sizeof(StockUnits),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint64		next = 0;

	qsort(units, nunits, sizeof(ReturnedUnits), compare_units);
	while (next < nunits)
	{
		int64		bucket = units[next].bucket;
		int			nlevels = 0;

		for (; next < nunits && units[next].bucket == bucket; next++)
		{
			if (nlevels == 0 ||
				levels[nlevels - 1].product_id != units[next].product_id)
			{
				levels[nlevels].product_id = units[next].product_id;
				levels[nlevels++].quantity = 0;
			}
			levels[nlevels - 1].quantity += units[next].quantity;
		}
		return_stock(bucket, levels, nlevels);
	}
}

/* What has not come back by itself. */
static ReturnedUnits *
read_units(const LockedOrder *orders, int count, uint64 *nunits)
{
	ReturnedUnits *units = NULL;

	*nunits = 0;
	for (int i = 0; i < count; i++)
	{
		int			nlines;
		SoldLine   *lines = read_sold_lines(orders[i].user_id, orders[i].id,
											&nlines);
		Size		size = (*nunits + nlines + 1) * sizeof(ReturnedUnits);

		CHECK_FOR_INTERRUPTS();
		units = units == NULL ? palloc_extended(size, MCXT_ALLOC_HUGE) :
			repalloc_huge(units, size);
		for (int line = 0; line < nlines; line++)
		{
			if (!lines[line].is_counted ||
				lines[line].returned >= lines[line].quantity)
				continue;
			units[*nunits].bucket = orders[i].stock_bucket;
			units[*nunits].product_id = lines[line].product_id;
			units[*nunits].quantity = lines[line].quantity - lines[line].returned;
			(*nunits)++;
		}
		pfree(lines);
	}
	return units;
}

static int
compare_units(const void *a, const void *b)
{
	const ReturnedUnits *left = a;
	const ReturnedUnits *right = b;

	if (left->bucket != right->bucket)
		return left->bucket > right->bucket ? 1 : -1;
	return (left->product_id > right->product_id) -
		(left->product_id < right->product_id);
}
