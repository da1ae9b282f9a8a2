/*-------------------------------------------------------------------------
 *
 * order_reader.c
 *		Reads orders with their lines into documents.
 *
 * Three statements read orders: the orders, kept in SPI's tuple table, their
 * balances, then the lines of all of them, which go straight from the executor
 * into the document; between these, one for what else was charged, if anything.
 * All come in descending order of their keys, because that is the direction
 * in which the primary key of orders has to be read to begin with the newest,
 * and lines read in the same direction can be merged with their orders as they
 * pass.  What is held in memory is thus the orders, without their lines, and
 * the document.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"

#include "order_reader.h"

/* Behind the customer the last of ORDER_COLUMNS. */
#define ITEMS_AMOUNT_ATTNUM	(1 + ORDER_NCOLUMNS)

/* Behind the order the last of ORDER_BALANCE_COLUMNS. */
#define RETURN_COUNT_ATTNUM	(1 + ORDER_BALANCE_NCOLUMNS)

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
	uint64		nadjustments;	/* of all orders, those of the newest first */
	uint64		next_adjustment;
	int64	   *adjusted_orders;
	OrderAdjustment *adjustments;
	SPITupleTable *balances;	/* those of the newest orders first */
	uint64		nbalances;
	uint64		next_balance;
	OrderBalance balance;		/* of the open order */
	uint64		nreturns;		/* the same of returns */
	uint64		next_return;
	OrderReturn *returns;
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

/* Of orders that have any, the same. */
static Statement select_adjustments_between = {
	.query =
	SELECT_ORDER_ADJUSTMENTS
	" WHERE customer_id = $1 AND order_id >= $2 AND order_id <= $3"
	" ORDER BY order_id DESC, adjustment_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

static Statement select_adjustments_of = {
	.query =
	SELECT_ORDER_ADJUSTMENTS
	" WHERE customer_id = $1 AND order_id = ANY ($2)"
	" ORDER BY order_id DESC, adjustment_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static Statement select_balances_between = {
	.query =
	SELECT_ORDER_BALANCES
	" WHERE customer_id = $1 AND order_id >= $2 AND order_id <= $3"
	" ORDER BY order_id DESC",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

static Statement select_balances_of = {
	.query =
	SELECT_ORDER_BALANCES
	" WHERE customer_id = $1 AND order_id = ANY ($2)"
	" ORDER BY order_id DESC",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static bool any_is_charged(SPITupleTable *orders, uint64 count);
static void read_adjustments(LineReceiver *receiver, Statement *statement,
							 const NullableDatum *values,
							 Visibility visibility);
static void find_adjustments(LineReceiver *receiver);
static void read_balances(LineReceiver *receiver, Statement *statement,
						  const NullableDatum *values, Visibility visibility);
static void find_balance(LineReceiver *receiver);
static bool any_is_returned(const LineReceiver *receiver);
static void find_returns(LineReceiver *receiver);
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
	NullableDatum values[3];
	Order		newest;
	Order		oldest;
	bool		is_charged;

	if (count == 0)
		return;
	receiver.pub.receiveSlot = receive_line;
	is_charged = any_is_charged(orders, count);
	read_order_row(&newest, orders, 0);
	values[0] = bigint_value(newest.user_id);
	if (sequence == CONSECUTIVE)
	{
		read_order_row(&oldest, orders, count - 1);
		values[1] = oldest.id;
		values[2] = newest.id;
		if (is_charged)
			read_adjustments(&receiver, &select_adjustments_between, values,
							 visibility);
		read_balances(&receiver, &select_balances_between, values, visibility);
		if (any_is_returned(&receiver))
			receiver.returns = read_returns_between(values, visibility,
													&receiver.nreturns);
		open_next_order(&receiver);
		execute_into(&select_lines_between, values, visibility, &receiver.pub);
	}
	else
	{
		values[1] = bigint_array(orders, count, ORDERS_ID_COLUMN);
		if (is_charged)
			read_adjustments(&receiver, &select_adjustments_of, values,
							 visibility);
		read_balances(&receiver, &select_balances_of, values, visibility);
		if (any_is_returned(&receiver))
			receiver.returns = read_returns_of(values, visibility,
											   &receiver.nreturns);
		open_next_order(&receiver);
		execute_into(&select_lines_of, values, visibility, &receiver.pub);
	}
	while (receiver.next < count)
		open_next_order(&receiver);
	close_order(document, &receiver.order, LAST_LINE_FIRST);
	SPI_freetuptable(receiver.balances);
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

Document *
seek_order(const Access *access, DocumentFormat format, int64 user_id,
		   int64 order_id, Replayed replayed, Visibility visibility)
{
	OrderDocument document;

	begin_order_document(&document, replayed, format, access->result_context);
	if (!put_order(&document, user_id, order_id, visibility))
		return NULL;
	return document_finish(&document.writer);
}

Document *
read_order(const Access *access, DocumentFormat format, int64 user_id,
		   int64 order_id, Replayed replayed, Visibility visibility)
{
	Document   *order = seek_order(access, format, user_id, order_id, replayed,
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

static void
read_order_row(Order *order, SPITupleTable *orders, uint64 row)
{
	NullableDatum fields[1 + ORDER_NCOLUMNS];

	read_row(orders, row, fields, lengthof(fields));
	order->user_id = DatumGetInt64(fields[0].value);
	memcpy(order->columns, &fields[1], sizeof(order->columns));
	order->nadjustments = 0;
	order->adjustments = NULL;
	order->balance = NULL;
	order->nreturns = 0;
	order->returns = NULL;
}

static bool
any_is_charged(SPITupleTable *orders, uint64 count)
{
	for (uint64 i = 0; i < count; i++)
		if (!heap_attisnull(orders->vals[i], ITEMS_AMOUNT_ATTNUM,
							orders->tupdesc))
			return true;
	return false;
}

static void
read_adjustments(LineReceiver *receiver, Statement *statement,
				 const NullableDatum *values, Visibility visibility)
{
	uint64		count = execute(statement, values, visibility);

	receiver->nadjustments = count;
	receiver->adjusted_orders = palloc_extended(count * sizeof(int64),
												MCXT_ALLOC_HUGE);
	receiver->adjustments = palloc_extended(count * sizeof(OrderAdjustment),
											MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum row[1 + ORDER_ADJUSTMENT_NCOLUMNS];

		CHECK_FOR_INTERRUPTS();
		read_row(SPI_tuptable, i, row, lengthof(row));
		receiver->adjusted_orders[i] = DatumGetInt64(row[0].value);
		memcpy(receiver->adjustments[i].columns, &row[1],
			   sizeof(receiver->adjustments[i].columns));
	}
}

/* Those of the order that is being opened; others are of none that was read. */
static void
find_adjustments(LineReceiver *receiver)
{
	Order	   *order = &receiver->order;
	uint64		next = receiver->next_adjustment;

	if (receiver->nadjustments == 0)
		return;
	while (next < receiver->nadjustments &&
		   receiver->adjusted_orders[next] > receiver->order_id)
		next++;
	order->adjustments = &receiver->adjustments[next];
	while (next < receiver->nadjustments &&
		   receiver->adjusted_orders[next] == receiver->order_id)
	{
		order->nadjustments++;
		next++;
	}
	receiver->next_adjustment = next;
}

static void
read_balances(LineReceiver *receiver, Statement *statement,
			  const NullableDatum *values, Visibility visibility)
{
	receiver->nbalances = execute(statement, values, visibility);
	receiver->balances = SPI_tuptable;
}

/* That of the order that is being opened; others are of none that was read. */
static void
find_balance(LineReceiver *receiver)
{
	while (receiver->next_balance < receiver->nbalances)
	{
		NullableDatum row[1 + ORDER_BALANCE_NCOLUMNS];
		int64		order_id;

		read_row(receiver->balances, receiver->next_balance, row, lengthof(row));
		order_id = DatumGetInt64(row[0].value);
		if (order_id < receiver->order_id)
			return;
		receiver->next_balance++;
		if (order_id == receiver->order_id)
		{
			memcpy(receiver->balance.columns, &row[1],
				   sizeof(receiver->balance.columns));
			receiver->order.balance = &receiver->balance;
			return;
		}
	}
}

static bool
any_is_returned(const LineReceiver *receiver)
{
	for (uint64 i = 0; i < receiver->nbalances; i++)
	{
		bool		isnull;
		Datum		count = SPI_getbinval(receiver->balances->vals[i],
										  receiver->balances->tupdesc,
										  RETURN_COUNT_ATTNUM, &isnull);

		if (!isnull && DatumGetInt32(count) > 0)
			return true;
	}
	return false;
}

/* As find_adjustments(). */
static void
find_returns(LineReceiver *receiver)
{
	Order	   *order = &receiver->order;
	uint64		next = receiver->next_return;

	while (next < receiver->nreturns &&
		   receiver->returns[next].order_id > receiver->order_id)
		next++;
	order->returns = &receiver->returns[next];
	while (next < receiver->nreturns &&
		   receiver->returns[next].order_id == receiver->order_id)
	{
		order->nreturns++;
		next++;
	}
	receiver->next_return = next;
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
	find_adjustments(receiver);
	find_balance(receiver);
	if (receiver->nreturns > 0)
		find_returns(receiver);
	open_order(receiver->document, &receiver->order);
}
