/*-------------------------------------------------------------------------
 *
 * cart_choices.c
 *		What a customer chooses for the order besides products.
 *
 * Coupons, the way of shipping and the addresses are in the row of the cart,
 * which place_order() locks: a choice is in the order or comes after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "access.h"
#include "addresses.h"
#include "arguments.h"
#include "cart_document.h"
#include "pricing.h"
#include "texts.h"

#define CODE_MAX_LENGTH	50

static Statement set_coupons = {
	.query =
	"UPDATE ecommerce.carts SET coupons = $2, changed_at = now()"
	" WHERE user_id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, TEXTARRAYOID)
};

static Statement set_shipping = {
	.query =
	"UPDATE ecommerce.carts"
	"   SET address = $2, billing_address = $3, shipping_code = $4,"
	"       changed_at = now()"
	" WHERE user_id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, JSONBOID, JSONBOID, TEXTOID)
};

/* A shop that always ships has a default that is not null. */
static Statement set_default_shipping = {
	.query =
	"UPDATE ecommerce.carts"
	"   SET address = $2, billing_address = $3, shipping_code = DEFAULT,"
	"       changed_at = now()"
	" WHERE user_id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, JSONBOID, JSONBOID)
};

PG_FUNCTION_INFO_V1(set_cart_coupons);
PG_FUNCTION_INFO_V1(api_set_cart_coupons);
PG_FUNCTION_INFO_V1(set_cart_shipping);
PG_FUNCTION_INFO_V1(api_set_cart_shipping);

static Document *choose_coupons(DocumentFormat format, int64 user_id,
								const NullableDatum *arguments);
static NullableDatum coupons_argument(const NullableDatum *argument);
static Document *choose_shipping(DocumentFormat format, int64 user_id,
								 const NullableDatum *arguments);
static bool is_code(Datum code);
static Document *change_cart(DocumentFormat format, int64 user_id,
							 Statement *statement,
							 const NullableDatum *values);

Datum
set_cart_coupons(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(choose_coupons(answer_format(fcinfo), user_id,
									 &fcinfo->args[1]));
}

Datum
api_set_cart_coupons(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(choose_coupons(answer_format(fcinfo), require_claimed_user(),
									 fcinfo->args));
}

Datum
set_cart_shipping(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(choose_shipping(answer_format(fcinfo), user_id,
									  &fcinfo->args[1]));
}

Datum
api_set_cart_shipping(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(choose_shipping(answer_format(fcinfo),
									  require_claimed_user(), fcinfo->args));
}

static Document *
choose_coupons(DocumentFormat format, int64 user_id,
			   const NullableDatum *arguments)
{
	NullableDatum values[] = {
		bigint_value(user_id),
		coupons_argument(&arguments[0])
	};

	return change_cart(format, user_id, &set_coupons, values);
}

/* None is null: the row of the cart then says so without being unpacked. */
static NullableDatum
coupons_argument(const NullableDatum *argument)
{
	ArrayType  *coupons = DatumGetArrayTypeP(required_argument(argument, "codes"));
	Datum	   *elements;
	int			count;

	if (array_contains_nulls(coupons))
		refuse_null("codes");
	deconstruct_array(coupons, TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  NULL, &count);
	if (ARR_NDIM(coupons) > 1 || count > MAX_COUPONS)
		refuse_argument("codes", "an array of at most "
						CppAsString2(MAX_COUPONS) " codes");
	for (int i = 0; i < count; i++)
		if (!is_code(elements[i]))
			refuse_argument("codes", "each 1 to " CppAsString2(CODE_MAX_LENGTH)
							" characters that are not all blank");
	return count == 0 ? NULL_VALUE : not_null(PointerGetDatum(coupons));
}

static Document *
choose_shipping(DocumentFormat format, int64 user_id,
				const NullableDatum *arguments)
{
	NullableDatum values[] = {
		bigint_value(user_id),
		arguments[1],
		arguments[2],
		arguments[0]
	};

	if (!arguments[0].isnull && !is_code(arguments[0].value))
		refuse_argument("shipping_code", "1 to " CppAsString2(CODE_MAX_LENGTH)
						" characters that are not all blank");
	return change_cart(format, user_id,
					   arguments[0].isnull ? &set_default_shipping :
					   &set_shipping, values);
}

static bool
is_code(Datum code)
{
	return !is_blank(code) && length_of(code) <= CODE_MAX_LENGTH;
}

/* Makes the change, of a row that comes into being with it, and shows the cart. */
static Document *
change_cart(DocumentFormat format, int64 user_id, Statement *statement,
			const NullableDatum *values)
{
	Access		access;
	Checkout	checkout;
	Document   *cart;

	begin_access(&access, user_id);
	if (statement != &set_coupons)
	{
		check_address_argument(&values[1], "address");
		check_address_argument(&values[2], "billing_address");
	}
	require_cart(user_id);
	require_written(execute(statement, values, FRESH_SNAPSHOT), 1);
	price_cart(&checkout, user_id, FRESH_SNAPSHOT);
	cart = cart_document(&checkout, format, access.result_context);
	end_access(&access);
	return cart;
}
