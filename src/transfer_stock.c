/*-------------------------------------------------------------------------
 *
 * transfer_stock.c
 *		Moves stock between buckets, of one database or of two.
 *
 * Two databases do not commit at once.  What leaves one and comes into the other
 * under one reference is two transactions, each of which records the reference
 * together with the change: repeated after whatever went wrong, each is done
 * once.  In between the units are in no stock, so none is sold twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"

#include "access.h"
#include "arguments.h"
#include "errors.h"
#include "stock.h"
#include "texts.h"

#define REFERENCE_MAX_LENGTH	255

typedef struct Transfer
{
	NullableDatum reference;
	int64		product_id;
	int32		quantity;
	NullableDatum from_bucket;	/* null: the units come from elsewhere */
	NullableDatum to_bucket;	/* null: they go elsewhere */
} Transfer;

/* One that has the same reference waits here for the end of the other. */
static Statement insert_transfer = {
	.query =
	"INSERT INTO ecommerce.stock_transfers (reference, product_id, quantity,"
	"       from_bucket, to_bucket, actor)"
	" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (reference) DO NOTHING",
	.result = SPI_OK_INSERT,
	PARAMETERS(TEXTOID, INT8OID, INT4OID, INT8OID, INT8OID, TEXTOID),
	DOMAINS(DOMAIN(1, "label", TEXTOID))
};

static Statement select_difference = {
	.query =
	"SELECT CASE WHEN product_id <> $2 THEN 'product_id'"
	"            WHEN quantity <> $3 THEN 'quantity'"
	"            WHEN from_bucket IS DISTINCT FROM $4 THEN 'from_bucket'"
	"            WHEN to_bucket IS DISTINCT FROM $5 THEN 'to_bucket' END"
	"  FROM ecommerce.stock_transfers WHERE reference = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID, INT8OID, INT4OID, INT8OID, INT8OID)
};

PG_FUNCTION_INFO_V1(transfer_stock);

static bool transfer(const Transfer *transfer);
static bool record_transfer(const Access *access, const Transfer *transfer);
pg_noreturn static void refuse_shortage(const StockUnits *units);

Datum
transfer_stock(PG_FUNCTION_ARGS)
{
	Transfer	wanted = {
		.reference = not_null(required_argument(&fcinfo->args[0], "reference")),
		.product_id = bigint_argument(&fcinfo->args[1], "product_id"),
		.quantity = integer_argument(&fcinfo->args[2], "quantity", 1),
		.from_bucket = fcinfo->args[3],
		.to_bucket = fcinfo->args[4]
	};

	check_text_argument(&wanted.reference, "reference", REFERENCE_MAX_LENGTH);
	if (wanted.from_bucket.isnull && wanted.to_bucket.isnull)
		refuse_argument("to_bucket", "a bucket, unless from_bucket is one");
	if (!wanted.from_bucket.isnull && !wanted.to_bucket.isnull &&
		DatumGetInt64(wanted.from_bucket.value) ==
		DatumGetInt64(wanted.to_bucket.value))
		refuse_argument("to_bucket", "another bucket than from_bucket");
	PG_RETURN_BOOL(transfer(&wanted));
}

/* Returns false when it has been done before. */
static bool
transfer(const Transfer *transfer)
{
	Access		access;
	StockUnits	units = {
		.product_id = transfer->product_id,
		.quantity = transfer->quantity
	};
	bool		is_new;

	begin_staff_access(&access);
	is_new = record_transfer(&access, transfer);
	if (is_new)
	{
		if (!keep_product(transfer->product_id))
			refuse_unknown_products(psprintf(INT64_FORMAT, transfer->product_id));
		if (!move_stock(transfer->from_bucket, transfer->to_bucket, &units))
			refuse_shortage(&units);
	}
	end_access(&access);
	return is_new;
}

static bool
record_transfer(const Access *access, const Transfer *transfer)
{
	NullableDatum values[] = {
		transfer->reference,
		bigint_value(transfer->product_id),
		integer_value(transfer->quantity),
		transfer->from_bucket,
		transfer->to_bucket,
		text_value(GetUserNameFromId(access->caller, false))
	};
	NullableDatum argument;

	if (execute(&insert_transfer, values, FRESH_SNAPSHOT) == 1)
		return true;
	require_written(execute(&select_difference, values, LATEST_SNAPSHOT), 1);
	read_row(SPI_tuptable, 0, &argument, 1);
	if (!argument.isnull)
		ereport(ERROR,
				errcode(ERRCODE_KEY_REUSED),
				errmsg("reference was used for another transfer"),
				errdetail_internal("{\"code\": \"transfer_reference_reused\", \"argument\": \"%s\"}",
								   TextDatumGetCString(argument.value)),
				errhint("Repeat a transfer with the arguments it had, or use a new reference for a new one."));
	return false;
}

static void
refuse_shortage(const StockUnits *units)
{
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("stock is insufficient"),
			errdetail_internal("{\"code\": \"insufficient_stock\", \"lines\": [{\"product_id\": " INT64_FORMAT ", \"requested\": " INT64_FORMAT ", \"available\": " INT64_FORMAT "}]}",
							   units->product_id, units->quantity,
							   units->available),
			errhint("Move no more than the bucket has."));
}
