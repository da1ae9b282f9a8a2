/*-------------------------------------------------------------------------
 *
 * split_stock.c
 *		Splits the stock of a product into tills, and puts it together again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "tills.h"

PG_FUNCTION_INFO_V1(split_stock);

static int	split(int64 product_id, int tills);
pg_noreturn static void refuse_unknown_product(int64 product_id);

Datum
split_stock(PG_FUNCTION_ARGS)
{
	int64		product_id = bigint_argument(&fcinfo->args[0], "product_id");
	int			tills = integer_argument(&fcinfo->args[1], "tills",
										 PG_INT32_MIN);

	if (tills < 0 || tills > MAX_TILLS)
		refuse_argument("tills", "from 0 to " CppAsString2(MAX_TILLS));
	PG_RETURN_INT32(split(product_id, tills));
}

static int
split(int64 product_id, int tills)
{
	Access		access;
	int			before;

	begin_staff_access(&access);
	if (!set_tills(product_id, tills, &before))
		refuse_unknown_product(product_id);
	end_access(&access);
	return before;
}

static void
refuse_unknown_product(int64 product_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("product does not exist"),
			errdetail_internal("{\"code\": \"product_not_found\", \"product_id\": " INT64_FORMAT "}",
							   product_id),
			errhint("Put the product into the catalogue first."));
}
