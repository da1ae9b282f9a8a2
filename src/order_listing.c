/*-------------------------------------------------------------------------
 *
 * order_listing.c
 *		A user's orders, newest first, in pages; and one order.
 *
 * These functions neither write nor lock, so they run on a hot standby.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "arguments.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "users.h"

/* A request from outside gets pages, not a customer's whole history. */
#define API_DEFAULT_PAGE_SIZE	50
#define API_MAX_PAGE_SIZE		500

typedef struct Listing
{
	int64		user_id;
	NullableDatum page_size;	/* at most so many orders */
	NullableDatum before_id;	/* only orders older than this one */
	NullableDatum status;		/* only orders of this status */
} Listing;

#define LIST_ORDERS(conditions) { \
		.query = SELECT_ORDERS conditions " ORDER BY id DESC LIMIT $2", \
		.result = SPI_OK_SELECT, \
		PARAMETERS(INT8OID, INT4OID, INT8OID, TEXTOID) \
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

PG_FUNCTION_INFO_V1(order_listing_json);
PG_FUNCTION_INFO_V1(api_order_listing_json);
PG_FUNCTION_INFO_V1(order_json);
PG_FUNCTION_INFO_V1(api_order_json);

static void read_arguments(Listing *listing, const NullableDatum *arguments);
static Document *list_orders(const Listing *listing, DocumentFormat format);
static SPITupleTable *select_orders(const Listing *listing, uint64 *count);
static Document *show_order(DocumentFormat format, int64 user_id,
							int64 order_id);

Datum
order_listing_json(PG_FUNCTION_ARGS)
{
	Listing		listing = {.user_id = bigint_argument(&fcinfo->args[0], "user_id")};

	read_arguments(&listing, &fcinfo->args[1]);
	PG_RETURN_POINTER(list_orders(&listing, answer_format(fcinfo)));
}

/* Raises PT401 when the token names no user. */
Datum
api_order_listing_json(PG_FUNCTION_ARGS)
{
	Listing		listing = {.user_id = require_claimed_user()};

	read_arguments(&listing, fcinfo->args);
	if (listing.page_size.isnull)
		listing.page_size = integer_value(API_DEFAULT_PAGE_SIZE);
	else if (DatumGetInt32(listing.page_size.value) > API_MAX_PAGE_SIZE)
		refuse_argument("page_size", "1 to " CppAsString2(API_MAX_PAGE_SIZE));
	PG_RETURN_POINTER(list_orders(&listing, answer_format(fcinfo)));
}

/* There need be no such order or user: the answer is null then. */
Datum
order_json(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");
	int64		order_id = bigint_argument(&fcinfo->args[1], "order_id");
	Document   *order = show_order(answer_format(fcinfo), user_id, order_id);

	if (order == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(order);
}

Datum
api_order_json(PG_FUNCTION_ARGS)
{
	int64		user_id = require_claimed_user();
	int64		order_id = bigint_argument(&fcinfo->args[0], "order_id");
	Document   *order = show_order(answer_format(fcinfo), user_id, order_id);

	if (order == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(order);
}

/*
 * The three arguments behind the user; each may be null.  Raises 22023 for a
 * page without orders and for what is no status.
 */
static void
read_arguments(Listing *listing, const NullableDatum *arguments)
{
	listing->page_size = arguments[0];
	listing->before_id = arguments[1];
	listing->status = arguments[2];
	if (!listing->page_size.isnull)
		integer_argument(&listing->page_size, "page_size", 1);
	if (!listing->status.isnull &&
		event_of_status(TextDatumGetCString(listing->status.value)) == NULL)
		refuse_argument("status", STATUSES_PHRASE);
}

/*
 * A user without orders has an empty list, but there must be such a user.
 * Raises PT404 for an unknown user, 42501 or PT401 for a caller who may not
 * see them.
 */
static Document *
list_orders(const Listing *listing, DocumentFormat format)
{
	Access		access;
	OrderDocument document;
	SPITupleTable *orders;
	uint64		count;
	Document   *result;

	begin_access(&access, listing->user_id);

	/*
	 * A cursor that is no order of the user's is a mistake, not an empty
	 * page.
	 */
	if (!listing->before_id.isnull)
		require_order(listing->user_id,
					  DatumGetInt64(listing->before_id.value),
					  CALLERS_SNAPSHOT);
	orders = select_orders(listing, &count);
	if (count == 0 && listing->before_id.isnull)
		require_user(listing->user_id, CALLERS_SNAPSHOT);
	begin_order_document(&document, NOT_A_PLACEMENT, format,
						 access.result_context);
	jsonb_open_array(&document.writer);
	put_orders(&document, orders, count,
			   listing->status.isnull ? CONSECUTIVE : WITH_GAPS,
			   CALLERS_SNAPSHOT);
	jsonb_close_array(&document.writer);
	result = document_finish(&document.writer);
	end_access(&access);
	return result;
}

/* Newest first.  The rows are SPI's, and end with the access. */
static SPITupleTable *
select_orders(const Listing *listing, uint64 *count)
{
	NullableDatum values[] = {
		bigint_value(listing->user_id),
		listing->page_size,
		listing->before_id,
		listing->status
	};

	*count = execute(&list_orders_by[!listing->status.isnull][!listing->before_id.isnull],
					 values, CALLERS_SNAPSHOT);
	return SPI_tuptable;
}

/* NULL when the user has no such order. */
static Document *
show_order(DocumentFormat format, int64 user_id, int64 order_id)
{
	Access		access;
	Document   *order;

	begin_access(&access, user_id);
	order = seek_order(&access, format, user_id, order_id, NOT_A_PLACEMENT,
					   CALLERS_SNAPSHOT);
	end_access(&access);
	return order;
}
