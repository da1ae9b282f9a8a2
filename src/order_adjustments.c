/*-------------------------------------------------------------------------
 *
 * order_adjustments.c
 *		What an order costs besides its lines: the one list of the columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "money.h"
#include "order_adjustments.h"

/* In stored order: by length, then by bytes. */
static const char *const charges_keys[] = {
	"tax_amount", "adjustments", "items_amount", "discount_amount",
	"shipping_amount"
};
static const char *const adjustment_keys[] = {
	"code", "kind", "name", "rate", "amount", "is_included"
};

static Numeric sum_of(const OrderAdjustment *adjustments, int count,
					  const char *kind, const char *other_kind, int digits);
static bool is_kind(const OrderAdjustment *adjustment, const char *kind);

static const char *const adjustment_columns[] = {ORDER_ADJUSTMENT_COLUMNS(COLUMN_NAME)};
static const Oid adjustment_types[] = {ORDER_ADJUSTMENT_COLUMNS(COLUMN_OID)};

static const char *const adjustment_domains[ORDER_ADJUSTMENT_NCOLUMNS] = {
	[COLUMN_INDEX(OrderAdjustment, kind)] = "adjustment_kind",
	[COLUMN_INDEX(OrderAdjustment, amount)] = "adjustment_amount"
};

static RowInserter adjustment_inserter = {
	.insert = "INSERT INTO ecommerce.order_adjustments (customer_id, order_id",
	.ncolumns = ORDER_ADJUSTMENT_NCOLUMNS,
	.nusual = ORDER_ADJUSTMENT_NCOLUMNS,
	.columns = adjustment_columns,
	.types = adjustment_types,
	.domains = adjustment_domains
};

void
insert_order_adjustments(int64 user_id, int64 order_id,
						 const OrderAdjustment *adjustments, int count)
{
	insert_rows(&adjustment_inserter, user_id, order_id, adjustments->columns,
				count);
}

/*
 * discount_amount is what is off the goods, shipping_amount what is left to pay
 * for shipping, tax_amount all taxes, included or added.
 */
void
put_charges(JsonbWriter *writer, NullableDatum items_amount,
			const OrderAdjustment *adjustments, int count)
{
	static JsonbShape *charges_shape;
	static JsonbShape *adjustment_shape;
	int			digits;

	if (items_amount.isnull)
	{
		jsonb_put_null(writer);
		return;
	}
	digits = decimals_of(DatumGetNumeric(items_amount.value));
	jsonb_open_object(writer, KEPT_SHAPE(charges_shape, charges_keys));
	jsonb_put_numeric(writer, numeric_value(sum_of(adjustments, count, KIND_TAX,
												   NULL, digits)));
	jsonb_open_array(writer);
	for (int i = 0; i < count; i++)
	{
		jsonb_open_object(writer, KEPT_SHAPE(adjustment_shape,
											 adjustment_keys));
		jsonb_put_text(writer, adjustments[i].code);
		jsonb_put_text(writer, adjustments[i].kind);
		jsonb_put_text(writer, adjustments[i].name);
		jsonb_put_numeric(writer, adjustments[i].rate);
		jsonb_put_numeric(writer, adjustments[i].amount);
		jsonb_put_bool(writer, DatumGetBool(adjustments[i].is_included.value));
		jsonb_close_object(writer);
	}
	jsonb_close_array(writer);
	jsonb_put_numeric(writer, items_amount);
	jsonb_put_numeric(writer, numeric_value(negate_amount(sum_of(adjustments, count,
																 KIND_DISCOUNT,
																 NULL, digits))));
	jsonb_put_numeric(writer, numeric_value(sum_of(adjustments, count,
												   KIND_SHIPPING,
												   KIND_SHIPPING_DISCOUNT,
												   digits)));
	jsonb_close_object(writer);
}

static Numeric
sum_of(const OrderAdjustment *adjustments, int count, const char *kind,
	   const char *other_kind, int digits)
{
	Numeric		sum = round_amount(int64_to_numeric(0), digits);

	for (int i = 0; i < count; i++)
		if (is_kind(&adjustments[i], kind) ||
			(other_kind != NULL && is_kind(&adjustments[i], other_kind)))
			sum = add_amounts(sum, DatumGetNumeric(adjustments[i].amount.value));
	return sum;
}

static bool
is_kind(const OrderAdjustment *adjustment, const char *kind)
{
	return strcmp(TextDatumGetCString(adjustment->kind.value), kind) == 0;
}
