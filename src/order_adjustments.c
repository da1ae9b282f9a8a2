/*-------------------------------------------------------------------------
 *
 * order_adjustments.c
 *		What an order costs besides its lines: the one list of the columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "order_adjustments.h"

static const Oid adjustment_types[] = {ORDER_ADJUSTMENT_COLUMNS(COLUMN_OID)};

static RowInserter adjustment_inserter = {
	.insert =
	"INSERT INTO ecommerce.order_adjustments (customer_id, order_id"
	ORDER_ADJUSTMENT_COLUMNS(COLUMN_INSERTED) ") VALUES ",
	.ncolumns = ORDER_ADJUSTMENT_NCOLUMNS,
	.types = adjustment_types
};

void
insert_order_adjustments(int64 user_id, int64 order_id,
						 const OrderAdjustment *adjustments, int count)
{
	insert_rows(&adjustment_inserter, user_id, order_id, adjustments->columns,
				count);
}
