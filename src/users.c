/*-------------------------------------------------------------------------
 *
 * users.c
 *		The shop's users, who own carts and orders.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "errors.h"
#include "users.h"

static Statement select_user = {
	.query = "SELECT 1 FROM ecommerce.users WHERE id = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

/* As foreign keys that refer to the user will lock it. */
static Statement lock_user_key_share = {
	.query = "SELECT 1 FROM ecommerce.users WHERE id = $1 FOR KEY SHARE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement select_customer = {
	.query = "SELECT name::text, email::text FROM ecommerce.users WHERE id = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

/* In stored order: by length, then by bytes. */
static const char *const customer_keys[] = {"name", "email"};

void
require_user(int64 user_id, Visibility visibility)
{
	NullableDatum values[] = {bigint_value(user_id)};

	if (execute(&select_user, values, visibility) == 0)
		refuse_unknown_user(user_id);
}

void
lock_user(int64 user_id)
{
	NullableDatum values[] = {bigint_value(user_id)};

	if (execute(&lock_user_key_share, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_user(user_id);
}

void
hold_off_erasure(int64 user_id)
{
	NullableDatum user = bigint_value(user_id);

	execute(&lock_user_key_share, &user, FRESH_SNAPSHOT);
}

void
put_customer(JsonbWriter *writer, int64 user_id, Visibility visibility)
{
	static JsonbShape *shape;
	NullableDatum user = bigint_value(user_id);
	uint64		count = execute(&select_customer, &user, visibility);
	SPITupleTable *customers = SPI_tuptable;

	if (count == 0)
		jsonb_put_null(writer);
	else
	{
		NullableDatum row[2];

		read_row(customers, 0, row, lengthof(row));
		jsonb_open_object(writer, KEPT_SHAPE(shape, customer_keys));
		jsonb_put_text(writer, row[0]);
		jsonb_put_text(writer, row[1]);
		jsonb_close_object(writer);
	}
	SPI_freetuptable(customers);
}

void
refuse_unknown_user(int64 user_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("user does not exist"),
			errdetail_internal("{\"code\": \"user_not_found\", \"user_id\": " INT64_FORMAT "}",
							   user_id),
			errhint("Use the id of a user of the shop's."));
}
