/*-------------------------------------------------------------------------
 *
 * order_listing.c
 *		Reads orders and their lines, newest order first.
 *
 * Two statements read a listing: the orders, kept in SPI's tuple table, then
 * the lines of all of them, which go straight from the executor into the
 * document.  Both come in descending order of their keys, because that is the
 * direction in which the primary key of orders has to be read to begin with
 * the newest, and lines read in the same direction can be merged with their
 * orders as they pass.  What is held in memory is thus the orders, without
 * their lines, and the document.
 *
 * A listing neither writes nor locks, so it runs on a hot standby.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "arguments.h"
#include "order_listing.h"
#include "order_status.h"

typedef struct Listing
{
	int64		customer_id;
	NullableDatum size;			/* at most so many orders */
	NullableDatum before_id;	/* only orders older than this one */
	NullableDatum status;		/* only orders of this status */
} Listing;

/* Merges lines into their orders: a receiver of LINE_COLUMNS. */
typedef struct LineReceiver
{
	DestReceiver pub;
	OrderDocument *document;
	int64		customer_id;
	SPITupleTable *orders;
	uint64		count;			/* of orders */
	uint64		next;			/* the order to open next */
	Order		order;			/* the one that is open, once next > 0 */
} LineReceiver;

enum order_column
{
	ORDER_ID, ORDER_DATE, ORDER_AMOUNT, ORDER_CURRENCY, ORDER_STATUS,
	ORDER_ADDRESS, ORDER_NCOLUMNS
};

#define SELECT_ORDERS \
	"SELECT id::bigint, order_date::timestamptz, order_amount::numeric," \
	"       currency::text, order_status::text, shipping_address::text" \
	"  FROM ecommerce.orders" \
	" WHERE customer_id = $1"

#define LIST_ORDERS(conditions) { \
		.query = SELECT_ORDERS conditions " ORDER BY id DESC LIMIT $2", \
		.result = SPI_OK_SELECT, \
		PARAMETERS(INT8OID, INT8OID, INT8OID, TEXTOID) \
	}

/*
 * By whether there is a status, and whether there is an order to be older than.
 * One query for all, with "$4 IS NULL OR", would make the planner expect so few
 * orders that it may read and sort all of them for a page.
 */
static Statement list_orders_by[2][2] = {
	{
		LIST_ORDERS(""),
		LIST_ORDERS(" AND id < $3")
	},
	{
		LIST_ORDERS(" AND order_status = $4"),
		LIST_ORDERS(" AND id < $3 AND order_status = $4")
	}
};

static Statement select_order = {
	.query = SELECT_ORDERS " AND id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

/*
 * All columns in the order of the table, so that the executor can hand over
 * the stored rows without projecting them.
 */
enum line_column
{
	LINE_CUSTOMER_ID, LINE_ORDER_ID, LINE_NUMBER, LINE_PRODUCT_ID, LINE_PRODUCT_NAME,
	LINE_PRODUCT_DESCRIPTION, LINE_CATEGORY_ID, LINE_CATEGORY_NAME,
	LINE_UNIT_PRICE, LINE_QUANTITY, LINE_AMOUNT
};

#define LINE_COLUMNS \
	" customer_id::bigint, order_id::bigint, line_number::integer," \
	" product_id::bigint, product_name::text, product_description::text," \
	" category_id::bigint, category_name::text, unit_price::numeric," \
	" quantity::integer, line_amount::numeric "

/* For orders that follow one another. */
static Statement select_lines_between = {
	.query =
	"SELECT" LINE_COLUMNS
	"  FROM ecommerce.order_details"
	" WHERE customer_id = $1 AND order_id >= $2 AND order_id <= $3"
	" ORDER BY order_id DESC, line_number DESC",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID, INT8OID)
};

/* For orders of one status, with any number of others in between. */
static Statement select_lines_of = {
	.query =
	"SELECT" LINE_COLUMNS
	"  FROM ecommerce.order_details"
	" WHERE customer_id = $1 AND order_id = ANY ($2)"
	" ORDER BY order_id DESC, line_number DESC",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

PG_FUNCTION_INFO_V1(order_listing_json);
PG_FUNCTION_INFO_V1(order_json);

static void check_status(Datum status);
static Jsonb *list_orders(const Listing *listing);
static Jsonb *find_order(int64 customer_id, int64 order_id);
static Jsonb *read_order_if_any(const Access *access, int64 customer_id,
								int64 order_id, Replayed replayed,
								Visibility visibility);
static SPITupleTable *select_orders(const Listing *listing, uint64 *count);
static void require_order(int64 customer_id, int64 order_id);
static void put_orders(OrderDocument *document, const Listing *listing,
					   SPITupleTable *orders, uint64 count,
					   Visibility visibility);
static void read_order_row(Order *order, int64 customer_id,
						   SPITupleTable *orders, uint64 row);
static bool receive_line(TupleTableSlot *slot, DestReceiver *self);
static NullableDatum line_field(TupleTableSlot *slot, enum line_column column);
static void open_next_order(LineReceiver *receiver);

Datum
order_listing_json(PG_FUNCTION_ARGS)
{
	Listing		listing = {
		.customer_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id")),
		.size = fcinfo->args[1],
		.before_id = fcinfo->args[2],
		.status = fcinfo->args[3]
	};

	if (!listing.size.isnull)
		listing.size.value = Int64GetDatum(bounded_argument(fcinfo, 1, "page_size", 1));
	if (!listing.status.isnull)
		check_status(listing.status.value);
	PG_RETURN_JSONB_P(list_orders(&listing));
}

Datum
order_json(PG_FUNCTION_ARGS)
{
	int64		customer_id;
	int64		order_id;
	Jsonb	   *order;

	customer_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id"));
	order_id = DatumGetInt64(required_argument(fcinfo, 1, "order_id"));
	order = find_order(customer_id, order_id);
	if (order == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(order);
}

static void
check_status(Datum status)
{
	if (event_of_status(TextDatumGetCString(status)) == NULL)
		refuse_argument("status",
						"PROCESSING, SHIPPED, DELIVERED, CANCELLED or RETURNED");
}

static Jsonb *
list_orders(const Listing *listing)
{
	Access		access;
	OrderDocument document;
	SPITupleTable *orders;
	uint64		count;
	Jsonb	   *result;

	begin_access(&access, listing->customer_id);
	if (!listing->before_id.isnull)
		require_order(listing->customer_id,
					  DatumGetInt64(listing->before_id.value));
	orders = select_orders(listing, &count);
	if (count == 0 && listing->before_id.isnull)
		require_user(listing->customer_id, CALLERS_SNAPSHOT);
	begin_order_document(&document, NOT_A_PLACEMENT, access.result_context);
	jsonb_open_array(&document.writer);
	put_orders(&document, listing, orders, count, CALLERS_SNAPSHOT);
	jsonb_close_array(&document.writer);
	result = jsonb_finish(&document.writer);
	end_access(&access);
	return result;
}

static Jsonb *
find_order(int64 customer_id, int64 order_id)
{
	Access		access;
	Jsonb	   *order;

	begin_access(&access, customer_id);
	order = read_order_if_any(&access, customer_id, order_id, NOT_A_PLACEMENT,
							  CALLERS_SNAPSHOT);
	end_access(&access);
	return order;
}

Jsonb *
read_order(const Access *access, int64 customer_id, int64 order_id,
		   Replayed replayed, Visibility visibility)
{
	Jsonb	   *order = read_order_if_any(access, customer_id, order_id, replayed,
										  visibility);

	if (order == NULL)
		refuse_unknown_order(customer_id, order_id);
	return order;
}

/* NULL when the customer has no such order. */
static Jsonb *
read_order_if_any(const Access *access, int64 customer_id, int64 order_id,
				  Replayed replayed, Visibility visibility)
{
	OrderDocument document;

	begin_order_document(&document, replayed, access->result_context);
	if (!put_order(&document, customer_id, order_id, visibility))
		return NULL;
	return jsonb_finish(&document.writer);
}

bool
put_order(OrderDocument *document, int64 customer_id, int64 order_id,
		  Visibility visibility)
{
	Listing		any_status = {
		.customer_id = customer_id,
		.status.isnull = true
	};
	Datum		values[] = {Int64GetDatum(customer_id), Int64GetDatum(order_id)};
	uint64		count = execute(&select_order, values, NULL, visibility);
	SPITupleTable *orders = SPI_tuptable;

	put_orders(document, &any_status, orders, count, visibility);
	/* A document may have thousands of orders that were read one by one. */
	SPI_freetuptable(orders);
	return count > 0;
}

static SPITupleTable *
select_orders(const Listing *listing, uint64 *count)
{
	bool		has_status = !listing->status.isnull;
	bool		has_cursor = !listing->before_id.isnull;
	Datum		values[] = {
		Int64GetDatum(listing->customer_id),
		listing->size.value,
		listing->before_id.value,
		listing->status.value
	};
	char		nulls[] = {
		' ',
		listing->size.isnull ? 'n' : ' ',
		has_cursor ? ' ' : 'n',
		has_status ? ' ' : 'n'
	};

	*count = execute(&list_orders_by[has_status][has_cursor], values, nulls,
					 CALLERS_SNAPSHOT);
	return SPI_tuptable;
}

/* A cursor that is no order of the customer's is a mistake, not an empty page. */
static void
require_order(int64 customer_id, int64 order_id)
{
	Datum		values[] = {Int64GetDatum(customer_id), Int64GetDatum(order_id)};

	if (execute(&select_order, values, NULL, CALLERS_SNAPSHOT) == 0)
		refuse_unknown_order(customer_id, order_id);
}

/* Puts these orders of the listing, with their lines. */
static void
put_orders(OrderDocument *document, const Listing *listing,
		   SPITupleTable *orders, uint64 count, Visibility visibility)
{
	LineReceiver receiver = {
		.pub = *None_Receiver,
		.document = document,
		.customer_id = listing->customer_id,
		.orders = orders,
		.count = count
	};
	Order		oldest;

	if (count == 0)
		return;
	receiver.pub.receiveSlot = receive_line;
	read_order_row(&oldest, listing->customer_id, receiver.orders, count - 1);
	open_next_order(&receiver);
	if (listing->status.isnull)
	{
		Datum		values[] = {
			Int64GetDatum(listing->customer_id),
			Int64GetDatum(oldest.id),
			Int64GetDatum(receiver.order.id)
		};

		execute_into(&select_lines_between, values, visibility, &receiver.pub);
	}
	else
	{
		Datum		values[] = {
			Int64GetDatum(listing->customer_id),
			bigint_array(receiver.orders, count, ORDER_ID)
		};

		execute_into(&select_lines_of, values, visibility, &receiver.pub);
	}
	while (receiver.next < count)
		open_next_order(&receiver);
	close_order(document, &receiver.order, LAST_LINE_FIRST);
}

static void
read_order_row(Order *order, int64 customer_id, SPITupleTable *orders,
			   uint64 row)
{
	NullableDatum fields[ORDER_NCOLUMNS];

	read_row(orders, row, fields, lengthof(fields));
	order->id = DatumGetInt64(fields[ORDER_ID].value);
	order->customer_id = customer_id;
	order->order_date = fields[ORDER_DATE];
	order->order_amount = fields[ORDER_AMOUNT];
	order->currency = fields[ORDER_CURRENCY];
	order->order_status = fields[ORDER_STATUS];
	order->shipping_address = fields[ORDER_ADDRESS];
}

/*
 * A line belongs to the open order or to an older one of the listing; or to
 * none, in a table that has lost its foreign key.
 */
static bool
receive_line(TupleTableSlot *slot, DestReceiver *self)
{
	LineReceiver *receiver = (LineReceiver *) self;
	OrderLine	line;

	slot_getallattrs(slot);
	line.order_id = DatumGetInt64(line_field(slot, LINE_ORDER_ID).value);
	while (receiver->order.id > line.order_id && receiver->next < receiver->count)
		open_next_order(receiver);
	if (receiver->order.id != line.order_id)
		return true;

	line.line_number = DatumGetInt32(line_field(slot, LINE_NUMBER).value);
	line.product_id = line_field(slot, LINE_PRODUCT_ID);
	line.product_name = line_field(slot, LINE_PRODUCT_NAME);
	line.product_description = line_field(slot, LINE_PRODUCT_DESCRIPTION);
	line.category_id = line_field(slot, LINE_CATEGORY_ID);
	line.category_name = line_field(slot, LINE_CATEGORY_NAME);
	line.unit_price = line_field(slot, LINE_UNIT_PRICE);
	line.quantity = line_field(slot, LINE_QUANTITY);
	line.line_amount = line_field(slot, LINE_AMOUNT);
	put_order_line(receiver->document, &line);
	return true;
}

static NullableDatum
line_field(TupleTableSlot *slot, enum line_column column)
{
	NullableDatum field = {
		.value = slot->tts_values[column],
		.isnull = slot->tts_isnull[column]
	};

	return field;
}

/* Closes the order that is open, if any, and opens the next one. */
static void
open_next_order(LineReceiver *receiver)
{
	CHECK_FOR_INTERRUPTS();
	if (receiver->next > 0)
		close_order(receiver->document, &receiver->order, LAST_LINE_FIRST);
	read_order_row(&receiver->order, receiver->customer_id, receiver->orders,
				   receiver->next++);
	open_order(receiver->document, &receiver->order);
}
