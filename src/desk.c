/*-------------------------------------------------------------------------
 *
 * desk.c
 *		What staff do with the orders of all customers.
 *
 * Finding and queueing neither write nor lock, so they run on a hot standby.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "access.h"
#include "addresses.h"
#include "arguments.h"
#include "errors.h"
#include "order_history.h"
#include "order_lifecycle.h"
#include "order_reader.h"
#include "texts.h"
#include "users.h"

#define SELECT_KEYS \
	"SELECT customer_id::bigint, id::bigint FROM ecommerce.orders"

enum key_column
{
	KEY_CUSTOMER_ID, KEY_ORDER_ID, KEY_NCOLUMNS
};

/* Two at most: one is found, a second makes it ambiguous. */
static Statement select_by_id = {
	.query = SELECT_KEYS " WHERE id = $1 LIMIT 2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement select_by_number = {
	.query = SELECT_KEYS " WHERE number = $1 LIMIT 2",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID)
};

#define SELECT_QUEUE(conditions, direction) { \
		.query = SELECT_KEYS conditions " ORDER BY id " direction " LIMIT $2", \
		.result = SPI_OK_SELECT, \
		PARAMETERS(INT8OID, INT4OID, TEXTOID) \
	}

/* By which orders, and whether the newest come first. */
enum queued
{
	ALL_ORDERS, PLACED_ORDERS, ORDERS_OF_STATUS, NQUEUED
};

/* What is to be packed has an index, which fits no parameter. */
static Statement select_queue[NQUEUED][2] = {
	[ALL_ORDERS] = {
		SELECT_QUEUE(" WHERE id > $1", "ASC"),
		SELECT_QUEUE(" WHERE id < $1", "DESC")
	},
	[PLACED_ORDERS] = {
		SELECT_QUEUE(" WHERE order_status = '" STATUS_PLACED "' AND id > $1", "ASC"),
		SELECT_QUEUE(" WHERE order_status = '" STATUS_PLACED "' AND id < $1", "DESC")
	},
	[ORDERS_OF_STATUS] = {
		SELECT_QUEUE(" WHERE order_status = $3 AND id > $1", "ASC"),
		SELECT_QUEUE(" WHERE order_status = $3 AND id < $1", "DESC")
	}
};

static Statement select_events = {
	.query =
	"SELECT id::bigint, actor::text, event::text, person::text, payload::jsonb,"
	"       created_at::timestamptz, new_status::text, old_status::text"
	"  FROM ecommerce.order_events WHERE customer_id = $1 AND order_id = $2"
	" ORDER BY event_number",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

enum event_column
{
	EVENT_ID, EVENT_ACTOR, EVENT_NAME, EVENT_PERSON, EVENT_PAYLOAD,
	EVENT_CREATED_AT, EVENT_NEW_STATUS, EVENT_OLD_STATUS, EVENT_NCOLUMNS
};

static Statement lock_order_no_key_update = {
	.query =
	"SELECT order_status::text, shipping_address::text, address::jsonb,"
	"       items_amount IS NOT NULL"
	"  FROM ecommerce.orders"
	" WHERE customer_id = $1 AND id = $2 FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

enum order_column
{
	ORDER_STATUS, ORDER_SHIPPING_ADDRESS, ORDER_ADDRESS, ORDER_IS_CHARGED,
	LOCKED_NCOLUMNS
};

static Statement update_address = {
	.query =
	"UPDATE ecommerce.orders SET shipping_address = $3, address = $4"
	" WHERE customer_id = $1 AND id = $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, INT8OID, TEXTOID, JSONBOID)
};

/* In stored order: by length, then by bytes. */
static const char *const entry_keys[] = {"order", "customer"};
static const char *const found_keys[] = {"order", "events", "customer"};
static const char *const event_keys[] = {
	"id", "actor", "event", "person", "payload", "created_at", "new_status",
	"old_status"
};
static const char *const old_address_keys[] = {
	"old_address", "old_shipping_address"
};

PG_FUNCTION_INFO_V1(find_order);
PG_FUNCTION_INFO_V1(order_queue);
PG_FUNCTION_INFO_V1(set_order_address);
PG_FUNCTION_INFO_V1(api_set_order_address);

static Jsonb *find(const NullableDatum *order_id, const NullableDatum *number);
static Jsonb *found_to_jsonb(const Access *access, int64 user_id,
							 int64 order_id);
static void put_events(JsonbWriter *writer, int64 user_id, int64 order_id);
pg_noreturn static void refuse_ambiguous(SPITupleTable *orders);
static Jsonb *queue(Statement *statement, const NullableDatum *values);
static void put_entry(OrderDocument *document, const JsonbShape *shape,
					  SPITupleTable *orders, uint64 row);
static Document *set_address(DocumentFormat format, int64 user_id,
							 const NullableDatum *arguments);
static void change_address(const Access *access, int64 user_id,
						   int64 order_id, NullableDatum address,
						   NullableDatum shipping_address);
static void check_charges(int64 order_id, const NullableDatum *order,
						  NullableDatum address);
static bool fields_are_equal(NullableDatum a, NullableDatum b,
							 const char *name);
static bool addresses_are_equal(NullableDatum a, NullableDatum b);
static Jsonb *old_address(const NullableDatum *order);

/* Null when there is no such order. */
Datum
find_order(PG_FUNCTION_ARGS)
{
	Jsonb	   *order;

	if (PG_ARGISNULL(0) == PG_ARGISNULL(1))
		refuse_argument("number", "given if order_id is not");
	order = find(&fcinfo->args[0], &fcinfo->args[1]);
	if (order == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(order);
}

Datum
order_queue(PG_FUNCTION_ARGS)
{
	const char *status = PG_ARGISNULL(0) ? NULL :
	TextDatumGetCString(PG_GETARG_DATUM(0));
	int32		page_size = integer_argument(&fcinfo->args[1], "page_size", 1);
	bool		newest_first = DatumGetBool(required_argument(&fcinfo->args[3],
															  "newest_first"));
	NullableDatum values[] = {
		PG_ARGISNULL(2) ? bigint_value(newest_first ? PG_INT64_MAX : PG_INT64_MIN) :
		fcinfo->args[2],
		integer_value(page_size),
		fcinfo->args[0]
	};
	enum queued queued = ORDERS_OF_STATUS;

	if (status == NULL)
		queued = ALL_ORDERS;
	else if (event_of_status(status) == NULL)
		refuse_argument("status", STATUSES_PHRASE);
	else if (strcmp(status, STATUS_PLACED) == 0)
		queued = PLACED_ORDERS;
	PG_RETURN_JSONB_P(queue(&select_queue[queued][newest_first], values));
}

Datum
set_order_address(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(set_address(answer_format(fcinfo), user_id,
								  &fcinfo->args[1]));
}

Datum
api_set_order_address(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(set_address(answer_format(fcinfo), require_claimed_user(),
								  fcinfo->args));
}

static Jsonb *
find(const NullableDatum *order_id, const NullableDatum *number)
{
	Access		access;
	uint64		count;
	Jsonb	   *order = NULL;

	begin_staff_access(&access);
	count = order_id->isnull ?
		execute(&select_by_number, number, CALLERS_SNAPSHOT) :
		execute(&select_by_id, order_id, CALLERS_SNAPSHOT);
	if (count > 1)
		refuse_ambiguous(SPI_tuptable);
	if (count > 0)
	{
		NullableDatum key[KEY_NCOLUMNS];

		read_row(SPI_tuptable, 0, key, lengthof(key));
		order = found_to_jsonb(&access,
							   DatumGetInt64(key[KEY_CUSTOMER_ID].value),
							   DatumGetInt64(key[KEY_ORDER_ID].value));
	}
	end_access(&access);
	return order;
}

/* With all that happened to it, and who did it: a customer is not told. */
static Jsonb *
found_to_jsonb(const Access *access, int64 user_id, int64 order_id)
{
	OrderDocument document;
	JsonbWriter *writer = &document.writer;

	begin_order_document(&document, NOT_A_PLACEMENT, AS_JSONB,
						 access->result_context);
	jsonb_open_object(writer, jsonb_shape(found_keys, lengthof(found_keys)));
	put_order(&document, user_id, order_id, CALLERS_SNAPSHOT);
	put_events(writer, user_id, order_id);
	put_customer(writer, user_id, CALLERS_SNAPSHOT);
	jsonb_close_object(writer);
	return jsonb_finish(writer);
}

static void
put_events(JsonbWriter *writer, int64 user_id, int64 order_id)
{
	NullableDatum values[] = {bigint_value(user_id), bigint_value(order_id)};
	uint64		count = execute(&select_events, values, CALLERS_SNAPSHOT);
	const JsonbShape *shape = jsonb_shape(event_keys, lengthof(event_keys));

	jsonb_open_array(writer);
	for (uint64 i = 0; i < count; i++)
	{
		NullableDatum event[EVENT_NCOLUMNS];

		CHECK_FOR_INTERRUPTS();
		read_row(SPI_tuptable, i, event, lengthof(event));
		jsonb_open_object(writer, shape);
		jsonb_put_int8(writer, event[EVENT_ID]);
		jsonb_put_text(writer, event[EVENT_ACTOR]);
		jsonb_put_text(writer, event[EVENT_NAME]);
		jsonb_put_text(writer, event[EVENT_PERSON]);
		jsonb_put_jsonb(writer, event[EVENT_PAYLOAD]);
		jsonb_put_timestamptz(writer, event[EVENT_CREATED_AT]);
		jsonb_put_text(writer, event[EVENT_NEW_STATUS]);
		jsonb_put_text(writer, event[EVENT_OLD_STATUS]);
		jsonb_close_object(writer);
	}
	jsonb_close_array(writer);
}

/* A shop's own numbers need not be unique, nor ids without their index. */
static void
refuse_ambiguous(SPITupleTable *orders)
{
	NullableDatum first[KEY_NCOLUMNS];
	NullableDatum second[KEY_NCOLUMNS];

	read_row(orders, 0, first, lengthof(first));
	read_row(orders, 1, second, lengthof(second));
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("more than one order is meant"),
			errdetail_internal("{\"code\": \"ambiguous_order\", \"orders\": [{\"user_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}, {\"user_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}]}",
							   DatumGetInt64(first[KEY_CUSTOMER_ID].value),
							   DatumGetInt64(first[KEY_ORDER_ID].value),
							   DatumGetInt64(second[KEY_CUSTOMER_ID].value),
							   DatumGetInt64(second[KEY_ORDER_ID].value)),
			errhint("Look at them with order_json, and have the numbers made unique."));
}

static Jsonb *
queue(Statement *statement, const NullableDatum *values)
{
	Access		access;
	OrderDocument document;
	SPITupleTable *orders;
	uint64		count;
	const JsonbShape *shape;
	Jsonb	   *result;

	begin_staff_access(&access);

	/*
	 * The planner takes a LIMIT that it does not know for a tenth of the
	 * rows, and would have code compiled, at a hundred times the cost of the
	 * query.
	 */
	pin_setting("jit", "off");
	count = execute(statement, values, CALLERS_SNAPSHOT);
	orders = SPI_tuptable;
	shape = jsonb_shape(entry_keys, lengthof(entry_keys));
	begin_order_document(&document, NOT_A_PLACEMENT, AS_JSONB,
						 access.result_context);
	jsonb_open_array(&document.writer);
	for (uint64 i = 0; i < count; i++)
		put_entry(&document, shape, orders, i);
	jsonb_close_array(&document.writer);
	result = jsonb_finish(&document.writer);
	end_access(&access);
	return result;
}

static void
put_entry(OrderDocument *document, const JsonbShape *shape,
		  SPITupleTable *orders, uint64 row)
{
	NullableDatum key[KEY_NCOLUMNS];

	CHECK_FOR_INTERRUPTS();
	read_row(orders, row, key, lengthof(key));
	jsonb_open_object(&document->writer, shape);
	put_order(document, DatumGetInt64(key[KEY_CUSTOMER_ID].value),
			  DatumGetInt64(key[KEY_ORDER_ID].value), CALLERS_SNAPSHOT);
	put_customer(&document->writer, DatumGetInt64(key[KEY_CUSTOMER_ID].value),
				 CALLERS_SNAPSHOT);
	jsonb_close_object(&document->writer);
}

static Document *
set_address(DocumentFormat format, int64 user_id,
			const NullableDatum *arguments)
{
	int64		order_id = bigint_argument(&arguments[0], "order_id");
	NullableDatum shipping_address = not_null(required_argument(&arguments[1],
																"shipping_address"));
	NullableDatum address = parse_address(shipping_address.value,
										  "shipping_address");
	Access		access;
	Document   *order;

	begin_access(&access, user_id);
	if (!address.isnull)
	{
		check_address(address.value, "shipping_address");
		shipping_address = address_text(address);
		if (shipping_address.isnull)
			refuse_argument("shipping_address",
							"an address with something to read on a parcel");
	}
	hold_off_erasure(user_id);
	change_address(&access, user_id, order_id, address, shipping_address);
	order = read_order(&access, format, user_id, order_id, NOT_A_PLACEMENT,
					   FRESH_SNAPSHOT);
	end_access(&access);
	return order;
}

/* Called again with the same address, it writes nothing: a retry is safe. */
static void
change_address(const Access *access, int64 user_id, int64 order_id,
			   NullableDatum address, NullableDatum shipping_address)
{
	NullableDatum values[] = {
		bigint_value(user_id),
		bigint_value(order_id),
		shipping_address,
		address
	};
	NullableDatum order[LOCKED_NCOLUMNS];
	const char *status;

	if (execute(&lock_order_no_key_update, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_order(user_id, order_id);
	read_row(SPI_tuptable, 0, order, lengthof(order));
	if (texts_are_equal(order[ORDER_SHIPPING_ADDRESS], shipping_address) &&
		addresses_are_equal(order[ORDER_ADDRESS], address))
		return;

	status = order[ORDER_STATUS].isnull ? "" :
		TextDatumGetCString(order[ORDER_STATUS].value);
	if (strcmp(status, STATUS_PLACED) != 0)
	{
		StringInfoData stored;

		initStringInfo(&stored);
		escape_json(&stored, status);
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("address of the order cannot change any more"),
				errdetail_internal("{\"code\": \"address_is_final\", \"order_id\": " INT64_FORMAT ", \"order_status\": %s}",
								   order_id, stored.data),
				errhint("Only the address of an order that is " STATUS_PLACED " can change."));
	}
	if (DatumGetBool(order[ORDER_IS_CHARGED].value))
		check_charges(order_id, order, address);
	write_note(access, user_id, order_id, EVENT_ADDRESS_CHANGED, status,
			   old_address(order));
	require_written(execute(&update_address, values, FRESH_SNAPSHOT), 1);
}

/* Taxes and shipping were computed for a country and a state of it. */
static void
check_charges(int64 order_id, const NullableDatum *order, NullableDatum address)
{
	if (!fields_are_equal(order[ORDER_ADDRESS], address, "country") ||
		!fields_are_equal(order[ORDER_ADDRESS], address, "state"))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("address would change what the order costs"),
				errdetail_internal("{\"code\": \"address_changes_charges\", \"order_id\": " INT64_FORMAT "}",
								   order_id),
				errhint("Keep the country and the state, or cancel the order and place it again."));
}

/* Without regard to the case of ASCII letters, as states of tax rates. */
static bool
fields_are_equal(NullableDatum a, NullableDatum b, const char *name)
{
	NullableDatum left = address_field(a, name);
	NullableDatum right = address_field(b, name);

	if (left.isnull || right.isnull)
		return left.isnull && right.isnull;
	return texts_are_equal(upper_case(left.value), upper_case(right.value));
}

static bool
addresses_are_equal(NullableDatum a, NullableDatum b)
{
	if (a.isnull || b.isnull)
		return a.isnull && b.isnull;
	return DatumGetBool(DirectFunctionCall2Coll(jsonb_eq, C_COLLATION_OID,
												a.value, b.value));
}

/* The new one is the order's, until the next event has it. */
static Jsonb *
old_address(const NullableDatum *order)
{
	JsonbWriter writer;

	jsonb_begin(&writer, CurrentMemoryContext);
	jsonb_open_object(&writer, jsonb_shape(old_address_keys,
										   lengthof(old_address_keys)));
	jsonb_put_jsonb(&writer, order[ORDER_ADDRESS]);
	jsonb_put_text(&writer, order[ORDER_SHIPPING_ADDRESS]);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}
