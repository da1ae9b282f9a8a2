/*-------------------------------------------------------------------------
 *
 * archive_orders.c
 *		Moves orders that are old and done with out of the shop.
 *
 * Nothing deletes history; what is in the archive is history that is elsewhere,
 * and that is what the triggers of the tables let go (keep_unless_archived()).
 * Orders are locked FOR UPDATE, which holds up whoever changes one, and then
 * looked at again.  Those that are locked are in use, and are passed over.
 *
 * The archive leaves out what erase_user() would take away of any order, so that
 * it has to be told only of addresses.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"
#include "order_lifecycle.h"

/*
 * Nothing is to become of the order any more, nothing has since the time, and
 * nothing that is counted counts on it.  What was paid, if anything, is what the
 * order costs: more is the customer's, less is the shop's.  An order that was
 * returned may have been refunded without a word of its units.
 */
#define IS_DONE_WITH \
	" order_date < $1" \
	" AND order_status IN ('" STATUS_DELIVERED "', '" STATUS_CANCELLED "', '" STATUS_RETURNED "')" \
	" AND NOT EXISTS (SELECT FROM ecommerce.order_events AS event" \
	"                  WHERE event.customer_id = placed.customer_id" \
	"                    AND event.order_id = placed.id" \
	"                    AND (event.created_at >= $1" \
	"                         OR coalesce(delivered_at, failed_at) IS NULL))" \
	" AND NOT EXISTS (SELECT FROM ecommerce.order_balances AS balance" \
	"                  WHERE balance.customer_id = placed.customer_id" \
	"                    AND balance.order_id = placed.id" \
	"                    AND (due_at IS NOT NULL OR authorized_amount > 0" \
	"                         OR refund_pending_amount > 0" \
	"                         OR ((paid_amount <> 0 OR refunded_amount <> 0)" \
	"                             AND paid_amount - refunded_amount <> ALL" \
	"                                 (CASE order_status" \
	"                                  WHEN '" STATUS_CANCELLED "' THEN ARRAY[0]" \
	"                                  WHEN '" STATUS_RETURNED "'" \
	"                                  THEN ARRAY[0, order_amount - returned_amount]" \
	"                                  ELSE ARRAY[order_amount - returned_amount] END))))" \
	" AND NOT EXISTS (SELECT FROM ecommerce.order_adjustments AS adjustment" \
	"                   JOIN ecommerce.promotions AS promotion" \
	"                     ON promotion.id = adjustment.promotion_id" \
	"                  WHERE adjustment.customer_id = placed.customer_id" \
	"                    AND adjustment.order_id = placed.id" \
	"                    AND (usage_limit IS NOT NULL" \
	"                         OR customer_limit IS NOT NULL))" \
	" AND NOT EXISTS (SELECT FROM ecommerce.order_details AS line" \
	"                   JOIN ecommerce.products AS product" \
	"                     ON product.id = line.product_id" \
	"                  WHERE line.customer_id = placed.customer_id" \
	"                    AND line.order_id = placed.id" \
	"                    AND product.customer_limit IS NOT NULL)"

/*
 * The oldest have the lowest ids.  By customer, each call would read all that is
 * not old of the customers that the calls before were done with.  Behind one that
 * has been found before; an id alone may be that of two, in a shop that was
 * restored without its sequences.
 */
static Statement find_old_orders = {
	.query =
	"SELECT customer_id::bigint, id::bigint FROM ecommerce.orders AS placed"
	" WHERE (id, customer_id) > ($4, $3) AND" IS_DONE_WITH
	" ORDER BY id, customer_id LIMIT $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(TIMESTAMPTZOID, INT4OID, INT8OID, INT8OID)
};

static Statement lock_order_for_update = {
	.query =
	"SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 AND id = $2"
	" FOR UPDATE SKIP LOCKED",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* The rows of a table that belong to the order, as an array, without some columns. */
#define ROWS_OF(relation, number, without) \
	"'" relation "', (SELECT coalesce(jsonb_agg(to_jsonb(its) - '{customer_id," without "}'::text[]" \
	"                                 ORDER BY " number "), '[]')" \
	"                   FROM ecommerce." relation " AS its" \
	"                  WHERE its.customer_id = $2 AND its.order_id = $3)"

static Statement select_document = {
	.query =
	"SELECT number::text, order_date::timestamptz,"
	"       to_jsonb(placed) - '{idempotency_key,fingerprint}'::text[]"
	"       || jsonb_build_object("
	ROWS_OF("order_details", "line_number", "order_id") ","
	ROWS_OF("order_adjustments", "adjustment_number", "order_id") ","
	ROWS_OF("order_payments", "payment_number", "order_id,person,payload") ","
	ROWS_OF("order_balances", "order_id", "order_id") ","
	ROWS_OF("order_returns", "return_number", "order_id,person,reason,idempotency_key") ","
	ROWS_OF("order_return_lines", "return_number, line_number", "order_id") ","
	ROWS_OF("order_events", "event_number", "order_id,person,payload") ","
	"       'cancel_reason', (SELECT payload -> 'reason'"
	"                           FROM ecommerce.order_events AS event"
	"                          WHERE event.customer_id = $2 AND event.order_id = $3"
	"                            AND event.event = '" EVENT_CANCELLED "'))"
	"  FROM ecommerce.orders AS placed"
	" WHERE placed.customer_id = $2 AND placed.id = $3 AND" IS_DONE_WITH,
	.result = SPI_OK_SELECT,
	PARAMETERS(TIMESTAMPTZOID, INT8OID, INT8OID)
};

#define DOCUMENT_NCOLUMNS	3

static Statement insert_archived = {
	.query =
	"INSERT INTO ecommerce.archived_orders (customer_id, order_id, number,"
	"       order_date, document)"
	" VALUES ($1, $2, $3, $4, $5)",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, JSONBOID)
};

#define DELETE_ROWS(relation, order_id) { \
		.query = \
		"DELETE FROM ecommerce." relation \
		" WHERE customer_id = $1 AND " order_id " = $2", \
		.result = SPI_OK_DELETE, \
		PARAMETERS(INT8OID, INT8OID) \
	}

/* What refers to others comes before them. */
static Statement delete_parts[] = {
	DELETE_ROWS("order_return_lines", "order_id"),
	DELETE_ROWS("order_returns", "order_id"),
	DELETE_ROWS("order_payments", "order_id"),
	DELETE_ROWS("order_balances", "order_id"),
	DELETE_ROWS("order_events", "order_id"),
	DELETE_ROWS("order_adjustments", "order_id"),
	DELETE_ROWS("order_details", "order_id")
};

static Statement delete_order = DELETE_ROWS("orders", "id");

PG_FUNCTION_INFO_V1(archive_orders);

static int32 archive(NullableDatum before, int32 max);
static bool archive_order(NullableDatum before, const NullableDatum *keys);

Datum
archive_orders(PG_FUNCTION_ARGS)
{
	Datum		before = required_argument(&fcinfo->args[0], "before");
	int32		max = integer_argument(&fcinfo->args[1], "max", 1);

	PG_RETURN_INT32(archive(not_null(before), max));
}

static int32
archive(NullableDatum before, int32 max)
{
	Access		access;
	NullableDatum values[] = {
		before,
		NULL_VALUE,
		bigint_value(PG_INT64_MIN),
		bigint_value(PG_INT64_MIN)
	};
	int32		archived = 0;
	uint64		wanted;
	uint64		nfound;

	begin_staff_access(&access);
	PreventCommandDuringRecovery("archive_orders()");
	pin_setting("TimeZone", "UTC"); /* of times in documents */
	/* Triggers plan how to look into the archive when next to nothing is there. */
	pin_setting("enable_seqscan", "off");
	do
	{
		SPITupleTable *orders;

		wanted = max - archived;
		values[1] = integer_value((int32) wanted);
		nfound = execute(&find_old_orders, values, FRESH_SNAPSHOT);
		orders = SPI_tuptable;
		for (uint64 i = 0; i < nfound; i++)
		{
			CHECK_FOR_INTERRUPTS();
			read_row(orders, i, &values[2], 2);
			archived += archive_order(before, &values[2]);
		}
		SPI_freetuptable(orders);
	} while (nfound == wanted && archived < max);
	end_access(&access);
	return archived;
}

static bool
archive_order(NullableDatum before, const NullableDatum *keys)
{
	NullableDatum done[] = {before, keys[0], keys[1]};
	NullableDatum row[2 + DOCUMENT_NCOLUMNS] = {keys[0], keys[1]};
	SPITupleTable *documents;
	bool		is_done;

	if (execute(&lock_order_for_update, keys, FRESH_SNAPSHOT) == 0)
		return false;
	is_done = execute(&select_document, done, LATEST_SNAPSHOT) > 0;
	documents = SPI_tuptable;
	if (is_done)
	{
		read_row(documents, 0, &row[2], DOCUMENT_NCOLUMNS);
		require_written(execute(&insert_archived, row, LATEST_SNAPSHOT), 1);
		for (size_t i = 0; i < lengthof(delete_parts); i++)
			execute(&delete_parts[i], keys, LATEST_SNAPSHOT);
		require_written(execute(&delete_order, keys, LATEST_SNAPSHOT), 1);
	}
	SPI_freetuptable(documents);
	return is_done;
}
