/*-------------------------------------------------------------------------
 *
 * api.c
 *		The functions of schema ecommerce_api: those of a customer, who is the
 *		user of the request's token and no argument.
 *
 * Each calls the function of the same name in schema ecommerce.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "access.h"
#include "arguments.h"

/* A request from outside gets pages, not a customer's whole history. */
#define API_DEFAULT_PAGE_SIZE	50
#define API_MAX_PAGE_SIZE		500

#define API_MAX_ARGUMENTS		3

extern Datum add_to_cart(PG_FUNCTION_ARGS);
extern Datum set_cart_item(PG_FUNCTION_ARGS);
extern Datum cart_json(PG_FUNCTION_ARGS);
extern Datum place_order(PG_FUNCTION_ARGS);
extern Datum order_listing_json(PG_FUNCTION_ARGS);
extern Datum order_json(PG_FUNCTION_ARGS);
extern Datum cancel_order(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(api_add_to_cart);
PG_FUNCTION_INFO_V1(api_set_cart_item);
PG_FUNCTION_INFO_V1(api_cart_json);
PG_FUNCTION_INFO_V1(api_place_order);
PG_FUNCTION_INFO_V1(api_order_listing_json);
PG_FUNCTION_INFO_V1(api_order_json);
PG_FUNCTION_INFO_V1(api_cancel_order);

static Datum call_for_claimed_user(PGFunction function, FunctionCallInfo fcinfo);
static void put_user_in_front(FunctionCallInfo call, FunctionCallInfo fcinfo);

Datum
api_add_to_cart(PG_FUNCTION_ARGS)
{
	return call_for_claimed_user(add_to_cart, fcinfo);
}

Datum
api_set_cart_item(PG_FUNCTION_ARGS)
{
	return call_for_claimed_user(set_cart_item, fcinfo);
}

Datum
api_cart_json(PG_FUNCTION_ARGS)
{
	return call_for_claimed_user(cart_json, fcinfo);
}

Datum
api_place_order(PG_FUNCTION_ARGS)
{
	return call_for_claimed_user(place_order, fcinfo);
}

Datum
api_order_listing_json(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 1 + API_MAX_ARGUMENTS);
	NullableDatum *page_size = &call->args[1];

	put_user_in_front(call, fcinfo);
	if (page_size->isnull)
	{
		page_size->value = Int32GetDatum(API_DEFAULT_PAGE_SIZE);
		page_size->isnull = false;
	}
	else if (DatumGetInt32(page_size->value) > API_MAX_PAGE_SIZE)
		refuse_argument("page_size", "1 to 500");
	return order_listing_json(call);
}

Datum
api_order_json(PG_FUNCTION_ARGS)
{
	return call_for_claimed_user(order_json, fcinfo);
}

/* The other reasons are the shop's to give. */
Datum
api_cancel_order(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 1 + API_MAX_ARGUMENTS);

	put_user_in_front(call, fcinfo);
	call->args[2].value = CStringGetTextDatum("customer");
	call->args[2].isnull = false;
	return cancel_order(call);
}

static Datum
call_for_claimed_user(PGFunction function, FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(call, 1 + API_MAX_ARGUMENTS);
	Datum		result;

	put_user_in_front(call, fcinfo);
	result = function(call);
	fcinfo->isnull = call->isnull;
	return result;
}

/* Makes a call with the user of the token in front of the arguments. */
static void
put_user_in_front(FunctionCallInfo call, FunctionCallInfo fcinfo)
{
	if (fcinfo->nargs > API_MAX_ARGUMENTS)
		elog(ERROR, "a function of ecommerce_api has %d arguments", fcinfo->nargs);
	InitFunctionCallInfoData(*call, fcinfo->flinfo, 1 + fcinfo->nargs,
							 fcinfo->fncollation, NULL, NULL);
	call->args[0].value = Int64GetDatum(require_claimed_user());
	call->args[0].isnull = false;
	memcpy(&call->args[1], fcinfo->args, fcinfo->nargs * sizeof(NullableDatum));
}
