/*-------------------------------------------------------------------------
 *
 * order_document.c
 *		What an order looks like as JSON.
 *
 * {id, customer_id, number, order_date, order_amount, currency, order_status,
 *	shipping_address, address, billing_address, metadata, charges, payment,
 *	returns, replayed (only from what can be repeated), order_details:
 *	[{id, order_id, quantity, unit_price, line_amount,
 *		product_order_details: {id, name, description, price, quantity,
 *			category: {id, name} or null}}]}
 *
 * The names and types are those of the web service that this replaces, so that
 * its clients keep working.  A line's id is its number within the order, and
 * the product is the product as it was sold.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "order_document.h"

/* In stored order: by length, then by bytes. */
static const char *const order_keys[] = {
	"id", "number", "address", "charges", "payment", "returns", "currency",
	"metadata", "order_date", "customer_id", "order_amount", "order_status", "order_details",
	"billing_address", "shipping_address"
};
static const char *const placed_order_keys[] = {
	"id", "number", "address", "charges", "payment", "returns", "currency",
	"metadata", "replayed", "order_date", "customer_id", "order_amount", "order_status",
	"order_details", "billing_address", "shipping_address"
};
static const char *const line_keys[] = {
	"id", "sku", "options", "order_id", "quantity", "unit_price",
	"line_amount", "product_order_details"
};
static const char *const charged_line_keys[] = {
	"id", "sku", "options", "order_id", "quantity", "tax_rate", "tax_amount",
	"unit_price", "line_amount", "discount_amount", "product_order_details"
};
static const char *const product_keys[] = {
	"id", "name", "price", "category", "quantity", "description"
};
static const char *const category_keys[] = {"id", "name"};

static void put_product(OrderDocument *document, const OrderLine *line);
static void put_category(OrderDocument *document, const OrderLine *line);

void
begin_order_document(OrderDocument *document, Replayed replayed,
					 DocumentFormat format, MemoryContext context)
{
	static JsonbShape *order;
	static JsonbShape *placed_order;
	static JsonbShape *line;
	static JsonbShape *charged_line;
	static JsonbShape *product;
	static JsonbShape *category;

	document->replayed = replayed;
	document->order_shape = replayed == NOT_A_PLACEMENT ?
		KEPT_SHAPE(order, order_keys) :
		KEPT_SHAPE(placed_order, placed_order_keys);
	document->line_shape = KEPT_SHAPE(line, line_keys);
	document->charged_line_shape = KEPT_SHAPE(charged_line, charged_line_keys);
	document->product_shape = KEPT_SHAPE(product, product_keys);
	document->category_shape = KEPT_SHAPE(category, category_keys);
	document_begin(&document->writer, format, context);
}

void
open_order(OrderDocument *document, const Order *order)
{
	JsonbWriter *writer = &document->writer;

	jsonb_open_object(writer, document->order_shape);
	jsonb_put_int8(writer, order->id);
	jsonb_put_text(writer, order->number);
	jsonb_put_jsonb(writer, order->address);
	put_charges(writer, order->items_amount, order->adjustments,
				order->nadjustments);
	put_payment(writer, order->order_amount, order->currency,
				order->order_status, order->balance);
	put_returns(writer, order->returns, order->nreturns);
	jsonb_put_text(writer, order->currency);
	jsonb_put_jsonb(writer, order->metadata);
	if (document->replayed != NOT_A_PLACEMENT)
		jsonb_put_bool(writer, document->replayed == PLACED_EARLIER);
	jsonb_put_timestamptz(writer, order->order_date);
	jsonb_put_int64(writer, order->user_id);
	jsonb_put_numeric(writer, order->order_amount);
	jsonb_put_text(writer, order->order_status);
	jsonb_open_array(writer);
}

void
put_order_line(OrderDocument *document, const Order *order,
			   const OrderLine *line)
{
	JsonbWriter *writer = &document->writer;
	bool		is_charged = !order->items_amount.isnull;

	jsonb_open_object(writer, is_charged ? document->charged_line_shape :
					  document->line_shape);
	jsonb_put_int4(writer, line->line_number);
	jsonb_put_text(writer, line->sku);
	jsonb_put_jsonb(writer, line->options);
	jsonb_put_int8(writer, order->id);
	jsonb_put_int4(writer, line->quantity);
	if (is_charged)
	{
		jsonb_put_numeric(writer, line->tax_rate);
		jsonb_put_numeric(writer, line->tax_amount);
	}
	jsonb_put_numeric(writer, line->unit_price);
	jsonb_put_numeric(writer, line->line_amount);
	if (is_charged)
		jsonb_put_numeric(writer, line->discount_amount);
	put_product(document, line);
	jsonb_close_object(writer);
}

void
close_order(OrderDocument *document, const Order *order, LineSequence sequence)
{
	JsonbWriter *writer = &document->writer;

	if (sequence == LAST_LINE_FIRST)
		jsonb_close_array_reversed(writer);
	else
		jsonb_close_array(writer);
	jsonb_put_jsonb(writer, order->billing_address);
	jsonb_put_text(writer, order->shipping_address);
	jsonb_close_object(writer);
}

/* The product as it was sold: nothing of it is from the catalogue. */
static void
put_product(OrderDocument *document, const OrderLine *line)
{
	JsonbWriter *writer = &document->writer;

	jsonb_open_object(writer, document->product_shape);
	jsonb_put_int8(writer, line->product_id);
	jsonb_put_text(writer, line->product_name);
	jsonb_put_numeric(writer, line->unit_price);
	put_category(document, line);
	jsonb_put_int4(writer, line->quantity);
	jsonb_put_text(writer, line->product_description);
	jsonb_close_object(writer);
}

/* Null for a product that was in no category when it was sold. */
static void
put_category(OrderDocument *document, const OrderLine *line)
{
	JsonbWriter *writer = &document->writer;

	if (line->category_name.isnull)
	{
		jsonb_put_null(writer);
		return;
	}
	jsonb_open_object(writer, document->category_shape);
	jsonb_put_int8(writer, line->category_id);
	jsonb_put_text(writer, line->category_name);
	jsonb_close_object(writer);
}
