/*-------------------------------------------------------------------------
 *
 * cart.c
 *		A user's cart: putting products in, changing quantities, reading it.
 *
 * Adding takes no lock on the cart beyond what its foreign keys take, which is
 * compatible with the lock that place_order() holds: a product added while an
 * order is being placed is not lost, it is in the cart that comes after.  Two
 * changes of the same item, or a change and a placement, wait for each other
 * on the item's row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"
#include "cart_document.h"
#include "errors.h"
#include "pricing.h"
#include "users.h"

/* Price, currency and name, as read_product() reads and an item stores them. */
#define PRODUCT_NFACTS	3

/*
 * Without a lock: a product that is deleted stays in carts, where the customer is
 * told, so it may as well be deleted a moment after it was put into one.  Locks
 * of what every node has a copy of, as of the catalogue in a Citus cluster, are
 * of the whole table, and each customer would wait for all others.
 */
static Statement select_product = {
	.query =
	"SELECT is_active::boolean, price::numeric, currency::text, name::text"
	"  FROM ecommerce.products WHERE id = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

#define INSERT_ITEM(quantity, condition) { \
		.query = \
		"INSERT INTO ecommerce.cart_items AS item (user_id, product_id, quantity," \
		"       unit_price, currency, product_name)" \
		" VALUES ($1, $2, $3, $4, $5, $6)" \
		" ON CONFLICT (user_id, product_id)" \
		" DO UPDATE SET quantity = " quantity ", unit_price = excluded.unit_price," \
		"               currency = excluded.currency," \
		"               product_name = excluded.product_name," \
		"               changed_at = excluded.changed_at" \
		condition, \
		.result = SPI_OK_INSERT, \
		PARAMETERS(INT8OID, INT8OID, INT4OID, NUMERICOID, TEXTOID, TEXTOID) \
	}

/* No row is touched when the sum would not be an integer any more. */
static Statement add_item =
INSERT_ITEM("item.quantity + excluded.quantity",
			" WHERE item.quantity <= 2147483647 - excluded.quantity");

static Statement set_item = INSERT_ITEM("excluded.quantity", "");

static Statement select_item = {
	.query =
	"SELECT 1 FROM ecommerce.cart_items WHERE user_id = $1 AND product_id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement delete_other_items = {
	.query =
	"DELETE FROM ecommerce.cart_items"
	" WHERE user_id = $1 AND product_id <> ALL ($2)",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID, INT8ARRAYOID)
};

static Statement delete_item = {
	.query =
	"DELETE FROM ecommerce.cart_items WHERE user_id = $1 AND product_id = $2",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID, INT8OID)
};

PG_FUNCTION_INFO_V1(add_to_cart);
PG_FUNCTION_INFO_V1(api_add_to_cart);
PG_FUNCTION_INFO_V1(set_cart_item);
PG_FUNCTION_INFO_V1(api_set_cart_item);
PG_FUNCTION_INFO_V1(set_cart_items);
PG_FUNCTION_INFO_V1(api_set_cart_items);
PG_FUNCTION_INFO_V1(clear_cart);
PG_FUNCTION_INFO_V1(api_clear_cart);
PG_FUNCTION_INFO_V1(cart_json);
PG_FUNCTION_INFO_V1(api_cart_json);

static Document *add_units(DocumentFormat format, int64 user_id,
						   const NullableDatum *arguments);
static Document *set_units(DocumentFormat format, int64 user_id,
						   const NullableDatum *arguments);
static Document *change_item(DocumentFormat format, int64 user_id,
							 int64 product_id, int32 quantity,
							 Statement *statement);
static Document *set_items(DocumentFormat format, int64 user_id,
						   const NullableDatum *arguments);
static Document *replace_items(DocumentFormat format, int64 user_id,
							   const StockUnits *units, int count);
static Document *empty_cart(DocumentFormat format, int64 user_id);
static Document *show_cart(DocumentFormat format, int64 user_id);
static void read_product(int64 product_id, NullableDatum *facts);
pg_noreturn static void refuse_quantity(int64 product_id, int32 quantity);

Datum
add_to_cart(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(add_units(answer_format(fcinfo), user_id,
								&fcinfo->args[1]));
}

Datum
api_add_to_cart(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(add_units(answer_format(fcinfo), require_claimed_user(),
								fcinfo->args));
}

Datum
set_cart_item(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(set_units(answer_format(fcinfo), user_id,
								&fcinfo->args[1]));
}

Datum
api_set_cart_item(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(set_units(answer_format(fcinfo), require_claimed_user(),
								fcinfo->args));
}

Datum
set_cart_items(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(set_items(answer_format(fcinfo), user_id,
								&fcinfo->args[1]));
}

Datum
api_set_cart_items(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(set_items(answer_format(fcinfo), require_claimed_user(),
								fcinfo->args));
}

Datum
clear_cart(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(empty_cart(answer_format(fcinfo),
								 bigint_argument(&fcinfo->args[0], "user_id")));
}

Datum
api_clear_cart(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(empty_cart(answer_format(fcinfo),
								 require_claimed_user()));
}

Datum
cart_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(show_cart(answer_format(fcinfo),
								bigint_argument(&fcinfo->args[0], "user_id")));
}

Datum
api_cart_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(show_cart(answer_format(fcinfo), require_claimed_user()));
}

static Document *
add_units(DocumentFormat format, int64 user_id, const NullableDatum *arguments)
{
	int64		product_id = bigint_argument(&arguments[0], "product_id");
	int32		quantity = integer_argument(&arguments[1], "quantity", 1);

	return change_item(format, user_id, product_id, quantity, &add_item);
}

static Document *
set_units(DocumentFormat format, int64 user_id, const NullableDatum *arguments)
{
	int64		product_id = bigint_argument(&arguments[0], "product_id");
	int32		quantity = integer_argument(&arguments[1], "quantity", 0);

	return change_item(format, user_id, product_id, quantity,
					   quantity > 0 ? &set_item : &delete_item);
}

/*
 * Executes a statement that adds, sets or deletes the item.  Taking out a
 * product is always possible, also one that is not sold any more, or not there.
 */
static Document *
change_item(DocumentFormat format, int64 user_id, int64 product_id,
			int32 quantity, Statement *statement)
{
	Access		access;
	NullableDatum values[3 + PRODUCT_NFACTS] = {
		bigint_value(user_id),
		bigint_value(product_id),
		integer_value(quantity)
	};
	uint64		changed;
	Document   *cart;

	begin_access(&access, user_id);
	if (quantity > 0)
	{
		require_cart(user_id);
		read_product(product_id, &values[3]);
	}
	changed = execute(statement, values, FRESH_SNAPSHOT);
	if (statement == &add_item && changed == 0 &&
		execute(&select_item, values, FRESH_SNAPSHOT) > 0)
		refuse_quantity(product_id, quantity);
	if (quantity > 0)
		require_written(changed, 1);
	cart = changed_cart_document(user_id, quantity > 0, format,
								 access.result_context);
	end_access(&access);
	return cart;
}

static Document *
set_items(DocumentFormat format, int64 user_id, const NullableDatum *arguments)
{
	int			count;
	StockUnits *units = units_arguments(arguments, 0, &count);

	if (count > CART_MAX_ITEMS)
		refuse_full_cart(user_id);
	return replace_items(format, user_id, units, count);
}

/*
 * The lock of the cart lets in one of those who change many items at a time, so
 * that they do not wait for each other in a circle.  The user is locked before
 * the cart, as everyone does who locks both.
 */
static Document *
replace_items(DocumentFormat format, int64 user_id, const StockUnits *units,
			  int count)
{
	Access		access;
	NullableDatum values[3 + PRODUCT_NFACTS] = {bigint_value(user_id)};
	Checkout	checkout;
	Document   *cart;

	begin_access(&access, user_id);
	lock_or_make_cart(&checkout, user_id);
	values[1] = product_ids_value(units, count);
	execute(&delete_other_items, values, FRESH_SNAPSHOT);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[1] = bigint_value(units[i].product_id);
		values[2] = integer_value((int32) units[i].quantity);
		if (units[i].quantity > 0)
		{
			read_product(units[i].product_id, &values[3]);
			require_written(execute(&set_item, values, FRESH_SNAPSHOT), 1);
		}
		else
			execute(&delete_item, values, FRESH_SNAPSHOT);
	}
	cart = changed_cart_document(user_id, true, format,
								 access.result_context);
	end_access(&access);
	return cart;
}

static Document *
empty_cart(DocumentFormat format, int64 user_id)
{
	Access		access;
	Checkout	checkout;
	Document   *cart;

	begin_access(&access, user_id);
	lock_checkout(&checkout, user_id);
	take_items(&checkout);
	forget_choices(&checkout);
	price_cart(&checkout, user_id, FRESH_SNAPSHOT);
	cart = cart_document(&checkout, format, access.result_context);
	end_access(&access);
	return cart;
}

static Document *
show_cart(DocumentFormat format, int64 user_id)
{
	Access		access;
	Checkout	checkout;
	Document   *cart;

	begin_access(&access, user_id);
	price_cart(&checkout, user_id, CALLERS_SNAPSHOT);
	cart = cart_document(&checkout, format, access.result_context);
	end_access(&access);
	return cart;
}

/* What the item remembers of the product, to tell the customer of changes. */
static void
read_product(int64 product_id, NullableDatum *facts)
{
	NullableDatum values[] = {bigint_value(product_id)};
	NullableDatum row[1 + PRODUCT_NFACTS];

	if (execute(&select_product, values, FRESH_SNAPSHOT) == 0)
		ereport(ERROR,
				errcode(ERRCODE_NOT_FOUND),
				errmsg("product does not exist"),
				errdetail_internal("{\"code\": \"product_not_found\", \"product_id\": " INT64_FORMAT "}",
								   product_id),
				errhint("Choose a product of the catalogue."));

	read_row(SPI_tuptable, 0, row, lengthof(row));
	if (!DatumGetBool(row[0].value))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("product is not active"),
				errdetail_internal("{\"code\": \"inactive_product\", \"product_ids\": [" INT64_FORMAT "]}",
								   product_id),
				errhint("Choose a product that is sold at the moment."));
	memcpy(facts, &row[1], PRODUCT_NFACTS * sizeof(NullableDatum));
}

static void
refuse_quantity(int64 product_id, int32 quantity)
{
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("quantity in the cart is out of range"),
			errdetail_internal("{\"code\": \"quantity_out_of_range\", \"product_id\": " INT64_FORMAT ", \"requested\": %d, \"maximum\": %d}",
							   product_id, quantity, PG_INT32_MAX),
			errhint("Set a smaller quantity with set_cart_item."));
}
