/*-------------------------------------------------------------------------
 *
 * grants.c
 *		What the roles of an exposed shop are granted, and lose again.
 *
 * The queries of the functions run as the owner of the tables (access.c), so
 * nobody needs a privilege on a table to use them.  The privileges on tables
 * below are for the views, which check the reader's, and for staff, whose INSERT
 * on orders is what lets them act for any user.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "access.h"
#include "tables.h"

/* The view of products shows no other columns of the tables behind it. */
#define CATALOGUE \
	"USAGE ON SCHEMA ecommerce_api", \
	"SELECT ON ecommerce_api.categories, ecommerce_api.products", \
	"SELECT (id, name) ON ecommerce.categories", \
	"SELECT (id, name, description, price, currency, category_id, is_active)" \
	" ON ecommerce.products", \
	"SELECT (product_id, quantity) ON ecommerce.stock_levels"

static const char *const anonymous_privileges[] = {
	CATALOGUE,
	NULL
};

static const char *const shopper_privileges[] = {
	CATALOGUE,
	"EXECUTE ON FUNCTION"
	" ecommerce_api.add_to_cart(bigint, integer),"
	" ecommerce_api.set_cart_item(bigint, integer),"
	" ecommerce_api.cart_json(),"
	" ecommerce_api.place_order(text, text, numeric),"
	" ecommerce_api.order_listing_json(integer, bigint, text),"
	" ecommerce_api.order_json(bigint),"
	" ecommerce_api.cancel_order(bigint)",
	NULL
};

static const char *const staff_privileges[] = {
	CATALOGUE,
	"USAGE ON SCHEMA ecommerce",
	"EXECUTE ON FUNCTION"
	" ecommerce.add_to_cart(bigint, bigint, integer),"
	" ecommerce.set_cart_item(bigint, bigint, integer),"
	" ecommerce.cart_json(bigint),"
	" ecommerce.place_order(bigint, text, text, numeric),"
	" ecommerce.order_listing_json(bigint, integer, bigint, text),"
	" ecommerce.order_json(bigint, bigint),"
	" ecommerce.set_order_status(bigint, bigint, text),"
	" ecommerce.cancel_order(bigint, bigint, text),"
	" ecommerce.take_order_events(integer, text, integer),"
	" ecommerce.acknowledge_order_events(bigint[]),"
	" ecommerce.order_integrity(),"
	" ecommerce.erase_user(bigint, boolean),"
	" ecommerce.current_user_id()",
	"SELECT ON ecommerce.users, ecommerce.categories, ecommerce.products,"
	" ecommerce.stock_levels, ecommerce.carts, ecommerce.cart_items,"
	" ecommerce.orders, ecommerce.order_details, ecommerce.order_events",
	"INSERT, UPDATE ON ecommerce.users, ecommerce.categories,"
	" ecommerce.products, ecommerce.stock_levels",
	"DELETE ON ecommerce.categories, ecommerce.products",
	"INSERT ON ecommerce.orders",
	"USAGE ON SEQUENCE ecommerce.users_id_seq, ecommerce.categories_id_seq,"
	" ecommerce.products_id_seq",
	NULL
};

PG_FUNCTION_INFO_V1(grant_api);
PG_FUNCTION_INFO_V1(revoke_api);

static void change_privileges(FunctionCallInfo fcinfo, const char *verb,
							  const char *preposition);
static void execute_utility(const char *command);
static void require_owner(void);

Datum
grant_api(PG_FUNCTION_ARGS)
{
	change_privileges(fcinfo, "GRANT", "TO");
	PG_RETURN_VOID();
}

Datum
revoke_api(PG_FUNCTION_ARGS)
{
	change_privileges(fcinfo, "REVOKE", "FROM");
	PG_RETURN_VOID();
}

/* The arguments are names of roles; null ones are left out. */
static void
change_privileges(FunctionCallInfo fcinfo, const char *verb,
				  const char *preposition)
{
	const char *const *const privileges[] = {
		anonymous_privileges, shopper_privileges, staff_privileges
	};
	int			guc_nest_level = pin_search_path();
	Oid			orders = orders_table();

	SPI_connect();
	require_owner();
	for (size_t i = 0; i < lengthof(privileges); i++)
	{
		char	   *role;
		Oid			role_id;

		if (PG_ARGISNULL(i))
			continue;
		role = text_to_cstring(PG_GETARG_TEXT_PP(i));
		role_id = get_role_oid(role, false);
		if (privileges[i] != staff_privileges &&
			pg_class_aclcheck(orders, role_id, ACL_INSERT) == ACLCHECK_OK)
			ereport(WARNING,
					errmsg("a role that is not staff may act for any user"),
					errhint("Revoke INSERT on ecommerce.orders from the roles of visitors and shoppers, and from the default privileges."));
		for (const char *const *privilege = privileges[i]; *privilege; privilege++)
			execute_utility(psprintf("%s %s %s %s", verb, *privilege, preposition,
									 quote_identifier(role)));
	}
	SPI_finish();
	unpin_search_path(guc_nest_level);
	notify_postgrest();
}

static void
execute_utility(const char *command)
{
	if (SPI_execute(command, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not execute \"%s\"", command);
}

/*
 * A GRANT that has nothing to give ends with a warning, which would leave roles
 * with half of what they need.
 */
static void
require_owner(void)
{
	bool		is_null;

	if (SPI_execute("SELECT bool_and(pg_has_role(owner, 'USAGE'))"
					"  FROM (SELECT nspowner FROM pg_namespace"
					"         WHERE nspname IN ('ecommerce', 'ecommerce_api')"
					"         UNION SELECT relowner FROM pg_class"
					"         WHERE oid = 'ecommerce.orders'::regclass"
					"         UNION SELECT extowner FROM pg_extension"
					"         WHERE extname = 'ecommerce') AS owners (owner)",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the owners of the extension");
	if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, 1, &is_null)))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot grant what belongs to another role"),
				errdetail_internal("{\"code\": \"not_the_owner\"}"),
				errhint("Run this as a superuser, or as a role with the rights of the owners of the extension and of the tables."));
}
