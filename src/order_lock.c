/*-------------------------------------------------------------------------
 *
 * order_lock.c
 *		Locks an order before something happens to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "errors.h"
#include "money.h"
#include "order_lock.h"

static Statement lock_order_no_key_update = {
	.query =
	"SELECT " LOCKED_ORDER_COLUMNS " FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = $2 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

enum locked_order_column
{
	LOCKED_STATUS, LOCKED_STOCK_BUCKET, LOCKED_ITEMS_AMOUNT, LOCKED_ORDER_AMOUNT,
	LOCKED_CURRENCY, LOCKED_PAYMENT_DUE_AT
};

void
lock_order(LockedOrder *order, int64 user_id, int64 order_id)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	NullableDatum row[LOCKED_ORDER_NCOLUMNS];

	if (execute(&lock_order_no_key_update, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_order(user_id, order_id);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	order->user_id = user_id;
	order->id = order_id;
	read_locked_order(order, row);
}

void
read_locked_order(LockedOrder *order, const NullableDatum *row)
{
	describe_order(order, row[LOCKED_STATUS], row[LOCKED_ORDER_AMOUNT],
				   row[LOCKED_CURRENCY]);
	order->stock_bucket = row[LOCKED_STOCK_BUCKET].isnull ? 0 :
		DatumGetInt64(row[LOCKED_STOCK_BUCKET].value);
	order->is_charged = !row[LOCKED_ITEMS_AMOUNT].isnull;
	order->payment_due_at = row[LOCKED_PAYMENT_DUE_AT];
}

/* A table that has lost its NOT NULL may have nulls. */
void
describe_order(LockedOrder *order, NullableDatum status, NullableDatum amount,
			   NullableDatum currency)
{
	order->status = status.isnull ? "" : TextDatumGetCString(status.value);
	order->digits = currency.isnull ? 0 :
		digits_of_currency(TextDatumGetCString(currency.value));
	order->amount = amount_or_zero(amount, order->digits);
}

void
refuse_unknown_order(int64 user_id, int64 order_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("order does not exist"),
			errdetail_internal("{\"code\": \"order_not_found\", \"user_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}",
							   user_id, order_id),
			errhint("Use the id of an order of this user's."));
}
