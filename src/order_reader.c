/*-------------------------------------------------------------------------
 *
 * order_reader.c
 *		Reads orders with their lines into documents.
 *
 * Two statements read orders: the orders, kept in SPI's tuple table, then the
 * lines of all of them, which go straight from the executor into the document.
 * Both come in descending order of their keys, because that is the direction
 * in which the primary key of orders has to be read to begin with the newest,
 * and lines read in the same direction can be merged with their orders as they
 * pass.  What is held in memory is thus the orders, without their lines, and
 * the document.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"

#include "errors.h"
#include "order_reader.h"

/* Merges lines into their orders: a receiver of SELECT_ORDER_LINES. */
typedef struct LineReceiver
{
	DestReceiver pub;
	OrderDocument *document;
	SPITupleTable *orders;
	uint64		count;			/* of orders */
	uint64		next;			/* the order to open next */
	Order		order;			/* the one that is open, once next > 0 */
	int64		order_id;		/* its id */
} LineReceiver;

static Statement select_order = {
	.query = SELECT_ORDERS " AND id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/* For orders that follow one another. */
static Statement select_lines_between = {
	.query =
	SELECT_ORDER_LINES
	" WHERE customer_id = $1 AND order_id >= $2 AND order_id <= $3"
	" ORDER BY order_id DESC, line_number DESC",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

/* For orders with any number of others in between. */
static Statement select_lines_of = {
	.query =
	SELECT_ORDER_LINES
	" WHERE customer_id = $1 AND order_id = ANY ($2)"
	" ORDER BY order_id DESC, line_number DESC",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static void read_order_row(Order *order, SPITupleTable *orders, uint64 row);
static bool receive_line(TupleTableSlot *slot, DestReceiver *self);
static void open_next_order(LineReceiver *receiver);

void
put_orders(OrderDocument *document, SPITupleTable *orders, uint64 count,
		   Sequence sequence, Visibility visibility)
{
	LineReceiver receiver = {
		.pub = *None_Receiver,
		.document = document,
		.orders = orders,
		.count = count
	};

	if (count == 0)
		return;
	receiver.pub.receiveSlot = receive_line;
	open_next_order(&receiver);
	if (sequence == CONSECUTIVE)
	{
		NullableDatum values[3] = {bigint_value(receiver.order.user_id)};
		Order		oldest;

		read_order_row(&oldest, orders, count - 1);
		values[1] = oldest.id;
		values[2] = receiver.order.id;
		execute_into(&select_lines_between, values, visibility, &receiver.pub);
	}
	else
	{
		NullableDatum values[] = {
			bigint_value(receiver.order.user_id),
			bigint_array(orders, count, ORDERS_ID_COLUMN)
		};

		execute_into(&select_lines_of, values, visibility, &receiver.pub);
	}
	while (receiver.next < count)
		open_next_order(&receiver);
	close_order(document, &receiver.order, LAST_LINE_FIRST);
}

bool
put_order(OrderDocument *document, int64 user_id, int64 order_id,
		  Visibility visibility)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	uint64		count = execute(&select_order, values, visibility);
	SPITupleTable *orders = SPI_tuptable;

	put_orders(document, orders, count, CONSECUTIVE, visibility);
	/* A document may have thousands of orders that were read one by one. */
	SPI_freetuptable(orders);
	return count > 0;
}

Jsonb *
find_order(const Access *access, int64 user_id, int64 order_id,
		   Replayed replayed, Visibility visibility)
{
	OrderDocument document;

	begin_order_document(&document, replayed, access->result_context);
	if (!put_order(&document, user_id, order_id, visibility))
		return NULL;
	return jsonb_finish(&document.writer);
}

Jsonb *
read_order(const Access *access, int64 user_id, int64 order_id,
		   Replayed replayed, Visibility visibility)
{
	Jsonb	   *order = find_order(access, user_id, order_id, replayed,
								   visibility);

	if (order == NULL)
		refuse_unknown_order(user_id, order_id);
	return order;
}

void
require_order(int64 user_id, int64 order_id, Visibility visibility)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};

	if (execute(&select_order, values, visibility) == 0)
		refuse_unknown_order(user_id, order_id);
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

static void
read_order_row(Order *order, SPITupleTable *orders, uint64 row)
{
	NullableDatum fields[1 + ORDER_NCOLUMNS];

	read_row(orders, row, fields, lengthof(fields));
	order->user_id = DatumGetInt64(fields[0].value);
	memcpy(order->columns, &fields[1], sizeof(order->columns));
}

/*
 * A line belongs to the open order or to an older one of those read; or to
 * none, in a table that has lost its foreign key.
 */
static bool
receive_line(TupleTableSlot *slot, DestReceiver *self)
{
	LineReceiver *receiver = (LineReceiver *) self;
	OrderLine	line;
	int64		order_id;

	slot_getallattrs(slot);
	order_id = DatumGetInt64(slot->tts_values[LINE_ORDER_ID]);
	while (receiver->order_id > order_id && receiver->next < receiver->count)
		open_next_order(receiver);
	if (receiver->order_id != order_id)
		return true;

	for (int i = 0; i < ORDER_LINE_NCOLUMNS; i++)
	{
		line.columns[i].value = slot->tts_values[LINE_NKEYS + i];
		line.columns[i].isnull = slot->tts_isnull[LINE_NKEYS + i];
	}
	put_order_line(receiver->document, &receiver->order, &line);
	return true;
}

/* Closes the order that is open, if any, and opens the next one. */
static void
open_next_order(LineReceiver *receiver)
{
	CHECK_FOR_INTERRUPTS();
	if (receiver->next > 0)
		close_order(receiver->document, &receiver->order, LAST_LINE_FIRST);
	read_order_row(&receiver->order, receiver->orders, receiver->next++);
	receiver->order_id = DatumGetInt64(receiver->order.id.value);
	open_order(receiver->document, &receiver->order);
}
