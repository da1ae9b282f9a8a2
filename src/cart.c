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

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/numeric.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "jsonb_writer.h"
#include "statement.h"

typedef struct CartItem
{
	NullableDatum product_id;
	NullableDatum quantity;
	NullableDatum created_at;
	NullableDatum name;
	NullableDatum description;
	NullableDatum price;
	NullableDatum currency;
	bool		is_active;
	NullableDatum category_id;
	NullableDatum stock;
	NullableDatum line_amount;
	NullableDatum cart_amount;	/* of all items together */
	bool		one_currency;	/* do all items have the same? */
	bool		is_too_much;	/* is it more than an order may amount to? */
} CartItem;

/*
 * {id, currency, cart_amount, cart_items: [{id, quantity, line_amount,
 *	created_date, products: {id, name, description, price, currency, category_id,
 *		is_active, quantity (what is in stock)}}],
 *	problems: [{code, product_id, ...}]}
 *
 * As the web service had it, with keys added.  A cart is identified by its user
 * and an item by its product.  Keys are in stored order: by length, then bytes.
 */
static const char *const cart_keys[] = {
	"id", "currency", "problems", "cart_items", "cart_amount"
};
static const char *const item_keys[] = {
	"id", "products", "quantity", "line_amount", "created_date"
};
static const char *const product_keys[] = {
	"id", "name", "price", "currency", "quantity", "is_active", "category_id",
	"description"
};
static const char *const problem_keys[] = {"code"};
static const char *const inactive_keys[] = {"code", "product_id"};
static const char *const shortage_keys[] = {
	"code", "available", "requested", "product_id"
};

/* As the foreign key of the item will lock it. */
static Statement lock_cart = {
	.query = "SELECT 1 FROM ecommerce.carts WHERE user_id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement insert_cart = {
	.query =
	"INSERT INTO ecommerce.carts (user_id) VALUES ($1)"
	" ON CONFLICT (user_id) DO NOTHING",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID)
};

static Statement select_product = {
	.query = "SELECT is_active::boolean FROM ecommerce.products WHERE id = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

/* No row is touched when the sum would not be an integer any more. */
static Statement add_item = {
	.query =
	"INSERT INTO ecommerce.cart_items AS item (user_id, product_id, quantity)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (user_id, product_id)"
	" DO UPDATE SET quantity = item.quantity + excluded.quantity"
	" WHERE item.quantity <= 2147483647 - excluded.quantity",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID)
};

static Statement set_item = {
	.query =
	"INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)"
	" VALUES ($1, $2, $3)"
	" ON CONFLICT (user_id, product_id)"
	" DO UPDATE SET quantity = excluded.quantity",
	.result = SPI_OK_INSERT,
	PARAMETERS(INT8OID, INT8OID, INT4OID)
};

static Statement select_item = {
	.query =
	"SELECT 1 FROM ecommerce.cart_items WHERE user_id = $1 AND product_id = $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, INT8OID)
};

static Statement delete_item = {
	.query =
	"DELETE FROM ecommerce.cart_items WHERE user_id = $1 AND product_id = $2",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID, INT8OID)
};

enum item_column
{
	ITEM_PRODUCT_ID, ITEM_QUANTITY, ITEM_CREATED_AT, ITEM_NAME,
	ITEM_DESCRIPTION, ITEM_PRICE, ITEM_CURRENCY, ITEM_IS_ACTIVE,
	ITEM_CATEGORY_ID, ITEM_STOCK, ITEM_LINE_AMOUNT, ITEM_CART_AMOUNT,
	ITEM_ONE_CURRENCY, ITEM_TOO_MUCH, ITEM_NCOLUMNS
};

/*
 * OFFSET 0 and the sub-select keep products and stock from being joined any
 * other way than by looking up each item's: for a query that is run once,
 * reading all of a small catalogue looks cheaper.
 */
static Statement select_items = {
	.query =
	"SELECT item.product_id::bigint, item.quantity::integer,"
	"       item.created_at::timestamptz, product.name::text,"
	"       product.description::text, product.price::numeric,"
	"       product.currency::text, product.is_active::boolean,"
	"       product.category_id::bigint,"
	"       coalesce((SELECT stock.quantity FROM ecommerce.stock_levels AS stock"
	"                  WHERE stock.bucket = cart.stock_bucket"
	"                    AND stock.product_id = item.product_id), 0)::bigint,"
	"       (product.price * item.quantity)::numeric,"
	"       (sum(product.price * item.quantity) OVER ())::numeric,"
	"       (min(product.currency) OVER () = max(product.currency) OVER ())::boolean,"
	"       (sum(product.price * item.quantity) OVER () >= 1e15)::boolean"
	"  FROM ecommerce.carts AS cart"
	"  JOIN ecommerce.cart_items AS item ON item.user_id = cart.user_id"
	" CROSS JOIN LATERAL"
	"       (SELECT * FROM ecommerce.products WHERE id = item.product_id OFFSET 0)"
	"       AS product"
	" WHERE cart.user_id = $1 AND item.user_id = $1"
	" ORDER BY item.created_at, item.product_id",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

PG_FUNCTION_INFO_V1(add_to_cart);
PG_FUNCTION_INFO_V1(set_cart_item);
PG_FUNCTION_INFO_V1(cart_json);

static Jsonb *change_item(int64 user_id, int64 product_id, int32 quantity,
						  Statement *statement);
static Jsonb *show_cart(int64 user_id);
static void require_product(int64 product_id, bool active);
static void require_cart(int64 user_id);
static void check_snapshot(int64 user_id, int64 product_id);
static Jsonb *read_cart(const Access *access, int64 user_id,
						Visibility visibility);
static void read_item(CartItem *item, SPITupleTable *rows, uint64 row);
static void put_problems(JsonbWriter *writer, SPITupleTable *rows,
						 uint64 count);
static void put_problem(JsonbWriter *writer, const char *code);
static void put_shortage(JsonbWriter *writer, const JsonbShape *shape,
						 const CartItem *item);
static void put_inactive(JsonbWriter *writer, const JsonbShape *shape,
						 const CartItem *item);
static void put_items(JsonbWriter *writer, SPITupleTable *rows, uint64 count);

Datum
add_to_cart(PG_FUNCTION_ARGS)
{
	int64		user_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id"));
	int64		product_id = DatumGetInt64(required_argument(fcinfo, 1, "product_id"));
	int32		quantity = bounded_argument(fcinfo, 2, "quantity", 1);

	PG_RETURN_JSONB_P(change_item(user_id, product_id, quantity, &add_item));
}

Datum
set_cart_item(PG_FUNCTION_ARGS)
{
	int64		user_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id"));
	int64		product_id = DatumGetInt64(required_argument(fcinfo, 1, "product_id"));
	int32		quantity = bounded_argument(fcinfo, 2, "quantity", 0);

	PG_RETURN_JSONB_P(change_item(user_id, product_id, quantity,
								  quantity > 0 ? &set_item : &delete_item));
}

Datum
cart_json(PG_FUNCTION_ARGS)
{
	int64		user_id = DatumGetInt64(required_argument(fcinfo, 0, "user_id"));

	PG_RETURN_JSONB_P(show_cart(user_id));
}

/*
 * Executes a statement that adds, sets or deletes the item.  Taking out a
 * product is always possible, also one that is not sold any more.
 */
static Jsonb *
change_item(int64 user_id, int64 product_id, int32 quantity,
			Statement *statement)
{
	Access		access;
	Datum		values[] = {
		Int64GetDatum(user_id),
		Int64GetDatum(product_id),
		Int32GetDatum(quantity)
	};
	uint64		changed;
	Jsonb	   *cart;

	begin_access(&access, user_id);
	if (quantity > 0)
		require_cart(user_id);
	else
		require_user(user_id, FRESH_SNAPSHOT);
	require_product(product_id, quantity > 0);
	changed = execute(statement, values, NULL, FRESH_SNAPSHOT);
	if (statement == &add_item && changed == 0 &&
		execute(&select_item, values, NULL, FRESH_SNAPSHOT) > 0)
		ereport(ERROR,
				errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("quantity in the cart is out of range"),
				errdetail_internal("{\"code\": \"quantity_out_of_range\", \"product_id\": " INT64_FORMAT ", \"requested\": %d, \"maximum\": %d}",
								   product_id, quantity, PG_INT32_MAX),
				errhint("Set a smaller quantity with set_cart_item."));
	if (statement != &delete_item)
		require_written(changed, 1);
	check_snapshot(user_id, product_id);
	cart = read_cart(&access, user_id, FRESH_SNAPSHOT);
	end_access(&access);
	return cart;
}

static Jsonb *
show_cart(int64 user_id)
{
	Access		access;
	Jsonb	   *cart;

	begin_access(&access, user_id);
	cart = read_cart(&access, user_id, CALLERS_SNAPSHOT);
	end_access(&access);
	return cart;
}

/*
 * A user's cart comes into being with the first product, or with the first
 * after erase_user(), which takes the cart away.
 */
static void
require_cart(int64 user_id)
{
	Datum		values[] = {Int64GetDatum(user_id)};

	if (execute(&lock_cart, values, NULL, FRESH_SNAPSHOT) > 0)
		return;
	require_user(user_id, FRESH_SNAPSHOT);
	execute(&insert_cart, values, NULL, FRESH_SNAPSHOT);
}

static void
require_product(int64 product_id, bool active)
{
	Datum		values[] = {Int64GetDatum(product_id)};
	bool		is_null;

	if (execute(&select_product, values, NULL, FRESH_SNAPSHOT) == 0)
		ereport(ERROR,
				errcode(ERRCODE_NOT_FOUND),
				errmsg("product does not exist"),
				errdetail_internal("{\"code\": \"product_not_found\", \"product_id\": " INT64_FORMAT "}",
								   product_id),
				errhint("Choose a product of the catalogue."));

	if (active &&
		!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 1, &is_null)))
		ereport(ERROR,
				errcode(ERRCODE_CONFLICT),
				errmsg("product is not active"),
				errdetail_internal("{\"code\": \"inactive_product\", \"product_ids\": [" INT64_FORMAT "]}",
								   product_id),
				errhint("Choose a product that is sold at the moment."));
}

/*
 * At REPEATABLE READ, an item that a placement took after the snapshot is still
 * visible beside the one just inserted, and the cart would be shown with both.
 */
static void
check_snapshot(int64 user_id, int64 product_id)
{
	Datum		values[] = {Int64GetDatum(user_id), Int64GetDatum(product_id)};

	if (IsolationUsesXactSnapshot() &&
		execute(&select_item, values, NULL, FRESH_SNAPSHOT) > 1)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent update"),
				errdetail_internal("{\"code\": \"cart_changed\", \"product_id\": " INT64_FORMAT "}",
								   product_id),
				errhint("The transaction might succeed if retried."));
}

/* The sum of amounts in different currencies is not an amount: it is null. */
static Jsonb *
read_cart(const Access *access, int64 user_id, Visibility visibility)
{
	Datum		values[] = {Int64GetDatum(user_id)};
	uint64		count = execute(&select_items, values, NULL, visibility);
	SPITupleTable *rows = SPI_tuptable;
	NullableDatum currency = {.isnull = true};
	NullableDatum amount = {.value = NumericGetDatum(int64_to_numeric(0))};
	JsonbWriter writer;

	if (count == 0)
		require_user(user_id, visibility);
	else
	{
		CartItem	first;

		read_item(&first, rows, 0);
		currency = first.currency;
		amount = first.cart_amount;
		if (!first.one_currency)
			currency.isnull = amount.isnull = true;
	}

	jsonb_begin(&writer, access->result_context);
	jsonb_open_object(&writer, jsonb_shape(cart_keys, lengthof(cart_keys)));
	jsonb_put_int64(&writer, user_id);
	jsonb_put_text(&writer, currency);
	put_problems(&writer, rows, count);
	put_items(&writer, rows, count);
	jsonb_put_numeric(&writer, amount);
	jsonb_close_object(&writer);
	return jsonb_finish(&writer);
}

static void
read_item(CartItem *item, SPITupleTable *rows, uint64 row)
{
	NullableDatum fields[ITEM_NCOLUMNS];

	CHECK_FOR_INTERRUPTS();
	read_row(rows, row, fields, lengthof(fields));
	item->product_id = fields[ITEM_PRODUCT_ID];
	item->quantity = fields[ITEM_QUANTITY];
	item->created_at = fields[ITEM_CREATED_AT];
	item->name = fields[ITEM_NAME];
	item->description = fields[ITEM_DESCRIPTION];
	item->price = fields[ITEM_PRICE];
	item->currency = fields[ITEM_CURRENCY];
	item->is_active = DatumGetBool(fields[ITEM_IS_ACTIVE].value);
	item->category_id = fields[ITEM_CATEGORY_ID];
	item->stock = fields[ITEM_STOCK];
	item->line_amount = fields[ITEM_LINE_AMOUNT];
	item->cart_amount = fields[ITEM_CART_AMOUNT];
	item->one_currency = DatumGetBool(fields[ITEM_ONE_CURRENCY].value);
	item->is_too_much = DatumGetBool(fields[ITEM_TOO_MUCH].value);
}

/* What would keep place_order() from accepting the cart as it is now. */
static void
put_problems(JsonbWriter *writer, SPITupleTable *rows, uint64 count)
{
	const JsonbShape *inactive = jsonb_shape(inactive_keys,
											 lengthof(inactive_keys));
	const JsonbShape *shortage = jsonb_shape(shortage_keys,
											 lengthof(shortage_keys));
	CartItem	item = {.one_currency = true};

	jsonb_open_array(writer);
	for (uint64 i = 0; i < count; i++)
	{
		read_item(&item, rows, i);
		if (!item.is_active)
			put_inactive(writer, inactive, &item);
		if (DatumGetInt64(item.stock.value) < DatumGetInt32(item.quantity.value))
			put_shortage(writer, shortage, &item);
	}
	if (!item.one_currency)
		put_problem(writer, "mixed_currencies");
	else if (item.is_too_much)
		put_problem(writer, "amount_out_of_range");
	jsonb_close_array(writer);
}

/* A problem of the whole cart. */
static void
put_problem(JsonbWriter *writer, const char *code)
{
	jsonb_open_object(writer, jsonb_shape(problem_keys, lengthof(problem_keys)));
	jsonb_put_cstring(writer, code);
	jsonb_close_object(writer);
}

static void
put_inactive(JsonbWriter *writer, const JsonbShape *shape,
			 const CartItem *item)
{
	jsonb_open_object(writer, shape);
	jsonb_put_cstring(writer, "inactive_product");
	jsonb_put_int8(writer, item->product_id);
	jsonb_close_object(writer);
}

static void
put_shortage(JsonbWriter *writer, const JsonbShape *shape,
			 const CartItem *item)
{
	jsonb_open_object(writer, shape);
	jsonb_put_cstring(writer, "insufficient_stock");
	jsonb_put_int8(writer, item->stock);
	jsonb_put_int4(writer, item->quantity);
	jsonb_put_int8(writer, item->product_id);
	jsonb_close_object(writer);
}

static void
put_items(JsonbWriter *writer, SPITupleTable *rows, uint64 count)
{
	const JsonbShape *item_shape = jsonb_shape(item_keys, lengthof(item_keys));
	const JsonbShape *product_shape = jsonb_shape(product_keys,
												  lengthof(product_keys));

	jsonb_open_array(writer);
	for (uint64 i = 0; i < count; i++)
	{
		CartItem	item;

		read_item(&item, rows, i);
		jsonb_open_object(writer, item_shape);
		jsonb_put_int8(writer, item.product_id);
		jsonb_open_object(writer, product_shape);
		jsonb_put_int8(writer, item.product_id);
		jsonb_put_text(writer, item.name);
		jsonb_put_numeric(writer, item.price);
		jsonb_put_text(writer, item.currency);
		jsonb_put_int8(writer, item.stock);
		jsonb_put_bool(writer, item.is_active);
		jsonb_put_int8(writer, item.category_id);
		jsonb_put_text(writer, item.description);
		jsonb_close_object(writer);
		jsonb_put_int4(writer, item.quantity);
		jsonb_put_numeric(writer, item.line_amount);
		jsonb_put_timestamptz(writer, item.created_at);
		jsonb_close_object(writer);
	}
	jsonb_close_array(writer);
}
