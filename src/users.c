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
refuse_unknown_user(int64 user_id)
{
	ereport(ERROR,
			errcode(ERRCODE_NOT_FOUND),
			errmsg("user does not exist"),
			errdetail_internal("{\"code\": \"user_not_found\", \"user_id\": " INT64_FORMAT "}",
							   user_id),
			errhint("Use the id of a user of the shop's."));
}
