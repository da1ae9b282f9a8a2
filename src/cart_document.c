/*-------------------------------------------------------------------------
 *
 * cart_document.c
 *		What a cart looks like as JSON.
 *
 * {id, currency, cart_amount, shipping_address, fingerprint,
 *	cart_items: [{id, quantity, line_amount, created_date,
 *		products: {id, name, description, price, currency, category_id,
 *			is_active, quantity (what is in stock; null if it is not counted)}}],
 *	problems: [{code, product_id, ...}]}
 *
 * As the web service had it that this replaces, with keys added.  A cart is
 * identified by its user and an item by its product.  Items come in the order
 * in which they were added, problems in that of pricing.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "cart_document.h"
#include "errors.h"
#include "jsonb_writer.h"
#include "pricing.h"
#include "problems.h"

/* In stored order: by length, then by bytes. */
static const char *const cart_keys[] = {
	"id", "address", "charges", "coupons", "currency", "problems",
	"cart_items", "cart_amount", "fingerprint", "shipping_code",
	"billing_address", "shipping_address"
};
static const char *const item_keys[] = {
	"id", "products", "quantity", "line_amount", "created_date"
};
static const char *const charged_item_keys[] = {
	"id", "products", "quantity", "tax_rate", "tax_amount", "line_amount",
	"created_date", "discount_amount"
};
static const char *const product_keys[] = {
	"id", "sku", "name", "price", "options", "currency", "quantity",
	"is_active", "category_id", "description"
};

static Statement select_item_seen_twice = {
	.query =
	"SELECT product_id::bigint FROM ecommerce.cart_items WHERE user_id = $1"
	" GROUP BY product_id HAVING count(*) > 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static void check_snapshot(int64 user_id);
static int *by_age(const Checkout *checkout);
static int	compare_ages(const void *a, const void *b, void *checkout);
static void put_coupons(JsonbWriter *writer, NullableDatum coupons);
static void put_item(JsonbWriter *writer, const Checkout *checkout, int number,
					 const JsonbShape *item_shape,
					 const JsonbShape *product_shape);

/* Each change answers with the whole cart: 8 milliseconds for a full one. */
Document *
changed_cart_document(int64 user_id, bool has_grown, DocumentFormat format,
					  MemoryContext context)
{
	Checkout	checkout;

	check_snapshot(user_id);
	price_cart(&checkout, user_id, FRESH_SNAPSHOT);
	if (has_grown && checkout.count > CART_MAX_ITEMS)
		refuse_full_cart(user_id);
	return cart_document(&checkout, format, context);
}

void
refuse_full_cart(int64 user_id)
{
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("cart is full"),
			errdetail_internal("{\"code\": \"cart_full\", \"user_id\": " INT64_FORMAT ", \"maximum\": %d}",
							   user_id, CART_MAX_ITEMS),
			errhint("Place an order, or take a product out with set_cart_item."));
}

/*
 * At REPEATABLE READ, an item that a placement took after the snapshot is still
 * visible beside the one just inserted, and the cart would be shown with both.
 */
static void
check_snapshot(int64 user_id)
{
	NullableDatum user = bigint_value(user_id);
	NullableDatum product;

	if (!IsolationUsesXactSnapshot() ||
		execute(&select_item_seen_twice, &user, FRESH_SNAPSHOT) == 0)
		return;
	read_row(SPI_tuptable, 0, &product, 1);
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not serialize access due to concurrent update"),
			errdetail_internal("{\"code\": \"cart_changed\", \"product_id\": " INT64_FORMAT "}",
							   DatumGetInt64(product.value)),
			errhint("The transaction might succeed if retried."));
}

/* The sum of amounts in different currencies is not an amount: it is null. */
Document *
cart_document(Checkout *checkout, DocumentFormat format,
			  MemoryContext context)
{
	const JsonbShape *item_shape = checkout->items_amount.isnull ?
	jsonb_shape(item_keys, lengthof(item_keys)) :
	jsonb_shape(charged_item_keys, lengthof(charged_item_keys));
	const JsonbShape *product_shape = jsonb_shape(product_keys,
												  lengthof(product_keys));
	const int  *items = by_age(checkout);
	JsonbWriter writer;

	document_begin(&writer, format, context);
	jsonb_open_object(&writer, jsonb_shape(cart_keys, lengthof(cart_keys)));
	jsonb_put_int64(&writer, checkout->user_id);
	jsonb_put_jsonb(&writer, checkout->address);
	put_charges(&writer, checkout->items_amount, checkout->adjustments,
				checkout->nadjustments);
	put_coupons(&writer, checkout->coupons);
	jsonb_put_text(&writer, checkout->amount.isnull ? NULL_VALUE :
				   checkout->currency);
	put_problems(&writer, checkout);
	jsonb_open_array(&writer);
	for (int i = 0; i < checkout->count; i++)
		put_item(&writer, checkout, items[i], item_shape, product_shape);
	jsonb_close_array(&writer);
	jsonb_put_numeric(&writer, checkout->amount);
	jsonb_put_text(&writer, not_null(fingerprint_of(checkout)));
	jsonb_put_text(&writer, checkout->shipping_code);
	jsonb_put_jsonb(&writer, checkout->billing_address);
	jsonb_put_text(&writer, checkout->shipping_address);
	jsonb_close_object(&writer);
	return document_finish(&writer);
}

/* The numbers of the items in the order in which they were added. */
static int *
by_age(const Checkout *checkout)
{
	int		   *numbers = palloc_extended(checkout->count * sizeof(int),
										  MCXT_ALLOC_HUGE);

	for (int i = 0; i < checkout->count; i++)
		numbers[i] = i;
	qsort_arg(numbers, checkout->count, sizeof(int), compare_ages,
			  unconstify(Checkout *, checkout));
	return numbers;
}

/* Of the same age, by product id, in which the items of a checkout come. */
static int
compare_ages(const void *a, const void *b, void *checkout)
{
	int			left = *(const int *) a;
	int			right = *(const int *) b;
	const CartItem *items = ((const Checkout *) checkout)->items;
	int			ages = timestamptz_cmp_internal(DatumGetTimestampTz(items[left].created_at.value),
												DatumGetTimestampTz(items[right].created_at.value));

	return ages != 0 ? ages : left - right;
}

static void
put_item(JsonbWriter *writer, const Checkout *checkout, int number,
		 const JsonbShape *item_shape, const JsonbShape *product_shape)
{
	const CartItem *item = &checkout->items[number];
	const OrderLine *line = &checkout->lines[number];
	bool		is_charged = !checkout->items_amount.isnull;

	CHECK_FOR_INTERRUPTS();
	jsonb_open_object(writer, item_shape);
	jsonb_put_int8(writer, line->product_id);
	jsonb_open_object(writer, product_shape);
	jsonb_put_int8(writer, line->product_id);
	jsonb_put_text(writer, line->sku);
	jsonb_put_text(writer, line->product_name);
	jsonb_put_numeric(writer, line->unit_price);
	jsonb_put_jsonb(writer, line->options);
	jsonb_put_text(writer, item->currency);
	if (checkout->units[number].is_uncounted)
		jsonb_put_null(writer);
	else
		jsonb_put_int64(writer, checkout->units[number].available);
	jsonb_put_bool(writer, item->is_active);
	jsonb_put_int8(writer, line->category_id);
	jsonb_put_text(writer, line->product_description);
	jsonb_close_object(writer);
	jsonb_put_int4(writer, line->quantity);
	if (is_charged)
	{
		jsonb_put_numeric(writer, line->tax_rate);
		jsonb_put_numeric(writer, line->tax_amount);
	}
	jsonb_put_numeric(writer, line->line_amount);
	jsonb_put_timestamptz(writer, item->created_at);
	if (is_charged)
		jsonb_put_numeric(writer, line->discount_amount);
	jsonb_close_object(writer);
}

static void
put_coupons(JsonbWriter *writer, NullableDatum coupons)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count = 0;

	if (!coupons.isnull)
		deconstruct_array(DatumGetArrayTypeP(coupons.value), TEXTOID, -1,
						  false, TYPALIGN_INT, &elements, &nulls, &count);
	jsonb_open_array(writer);
	for (int i = 0; i < count; i++)
	{
		NullableDatum coupon = {.value = elements[i],.isnull = nulls[i]};

		jsonb_put_text(writer, coupon);
	}
	jsonb_close_array(writer);
}
