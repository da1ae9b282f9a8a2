/*-------------------------------------------------------------------------
 *
 * grants.c
 *		Who is granted what: the roles of an exposed shop, and its owner.
 *
 * The queries of the functions run as the owner of the tables (access.c), so
 * nobody needs a privilege on a table to use them.  The privileges on tables
 * below are for the views, which check the reader's, and for staff, whose
 * REFERENCES on orders is the mark that lets them act for any user (access.c).
 *
 * What a later version brings goes to whoever had everything of its kind: the
 * functions by the script that updates the extension, which runs with the rights
 * to grant them, the tables by migrate().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "access.h"
#include "arguments.h"
#include "grants.h"
#include "statement.h"
#include "tables.h"

typedef enum Kind
{
	CATALOGUE,					/* everybody's */
	CUSTOMER,
	STAFF,
	OWNER,						/* besides what all others have */
	KINDS
} Kind;

typedef struct FunctionPrivilege
{
	Kind		kind;
	const char *name;
} FunctionPrivilege;

typedef struct TablePrivilege
{
	Kind		kind;
	int			since;			/* the version of the tables that brought it */
	const char *verbs;			/* only one if there are columns */
	const char *relation;		/* to EXECUTE, a function that comes with them */
	const char *columns;		/* empty for the whole relation */
} TablePrivilege;

static const char *const schemas[] = {"ecommerce", "ecommerce_api"};

static const char *const schemas_of[KINDS] = {
	[CATALOGUE] = "ecommerce_api",
	[CUSTOMER] = "ecommerce_api",
	[STAFF] = "ecommerce",
	[OWNER] = "ecommerce, ecommerce_api",
};

static const FunctionPrivilege functions[] = {
	{CUSTOMER, "ecommerce_api.add_to_cart"},
	{CUSTOMER, "ecommerce_api.set_cart_item"},
	{CUSTOMER, "ecommerce_api.set_cart_items"},
	{CUSTOMER, "ecommerce_api.clear_cart"},
	{CUSTOMER, "ecommerce_api.set_cart_coupons"},
	{CUSTOMER, "ecommerce_api.set_cart_shipping"},
	{CUSTOMER, "ecommerce_api.cart_json"},
	{CUSTOMER, "ecommerce_api.order_again"},
	{CUSTOMER, "ecommerce_api.profile_json"},
	{CUSTOMER, "ecommerce_api.set_profile"},
	{CUSTOMER, "ecommerce_api.place_order"},
	{CUSTOMER, "ecommerce_api.order_listing_json"},
	{CUSTOMER, "ecommerce_api.order_json"},
	{CUSTOMER, "ecommerce_api.cancel_order"},
	{CUSTOMER, "ecommerce_api.set_order_address"},
	{STAFF, "ecommerce.add_to_cart"},
	{STAFF, "ecommerce.set_cart_item"},
	{STAFF, "ecommerce.set_cart_items"},
	{STAFF, "ecommerce.clear_cart"},
	{STAFF, "ecommerce.set_cart_coupons"},
	{STAFF, "ecommerce.set_cart_shipping"},
	{STAFF, "ecommerce.cart_json"},
	{STAFF, "ecommerce.merge_carts"},
	{STAFF, "ecommerce.clear_abandoned_carts"},
	{STAFF, "ecommerce.order_again"},
	{STAFF, "ecommerce.profile_json"},
	{STAFF, "ecommerce.set_profile"},
	{STAFF, "ecommerce.place_order"},
	{STAFF, "ecommerce.order_listing_json"},
	{STAFF, "ecommerce.order_json"},
	{STAFF, "ecommerce.set_order_status"},
	{STAFF, "ecommerce.correct_order_status"},
	{STAFF, "ecommerce.cancel_order"},
	{STAFF, "ecommerce.find_order"},
	{STAFF, "ecommerce.order_queue"},
	{STAFF, "ecommerce.set_order_address"},
	{STAFF, "ecommerce.record_payment"},
	{STAFF, "ecommerce.request_refund"},
	{STAFF, "ecommerce.expire_unpaid_orders"},
	{STAFF, "ecommerce.return_items"},
	{STAFF, "ecommerce.receive_stock"},
	{STAFF, "ecommerce.transfer_stock"},
	{STAFF, "ecommerce.split_stock"},
	{STAFF, "ecommerce.set_promotion_limit"},
	{STAFF, "ecommerce.take_order_events"},
	{STAFF, "ecommerce.acknowledge_order_events"},
	{STAFF, "ecommerce.fail_order_events"},
	{STAFF, "ecommerce.release_order_events"},
	{STAFF, "ecommerce.outbox_metrics"},
	{STAFF, "ecommerce.warm_up"},
	{STAFF, "ecommerce.order_integrity"},
	{STAFF, "ecommerce.erase_user"},
	{STAFF, "ecommerce.current_user_id"},
	{STAFF, "ecommerce.currency_digits"},
	{OWNER, "ecommerce.migrate"},
	{OWNER, "ecommerce.set_owner"},
	{OWNER, "ecommerce.distribute"},
	{OWNER, "ecommerce.undistribute"},
	{OWNER, "ecommerce.import_orders"},
	{OWNER, "ecommerce.archive_orders"},
	{OWNER, "ecommerce.ids_of_shard"},
	{OWNER, "ecommerce.grant_api"},
	{OWNER, "ecommerce.revoke_api"},
};

/* The view of products shows no other columns of the tables behind it. */
static const TablePrivilege tables[] = {
	{CATALOGUE, 1, "SELECT", "ecommerce_api.categories", ""},
	{CATALOGUE, 1, "SELECT", "ecommerce_api.products", ""},
	{CATALOGUE, 1, "SELECT", "ecommerce.categories", "id, name"},
	{CATALOGUE, 1, "SELECT", "ecommerce.products",
	"id, name, description, price, currency, category_id, is_active"},
	{CATALOGUE, 1, "SELECT", "ecommerce.stock_levels", "product_id, quantity"},
	{CATALOGUE, 3, "SELECT", "ecommerce.products", "sku, options"},
	{CATALOGUE, 4, "SELECT", "ecommerce.products",
	"is_counted, minimum_quantity, maximum_quantity, quantity_step, customer_limit"},
	{CUSTOMER, 4, "SELECT", "ecommerce_api.orders", ""},
	{CUSTOMER, 4, "SELECT", "ecommerce_api.order_lines", ""},
	{CUSTOMER, 4, "EXECUTE", "ecommerce_api.order_lines", ""},
	{CUSTOMER, 4, "SELECT", "ecommerce.orders",
		"id, customer_id, number, order_date, order_amount, currency, order_status, "
	"shipping_address, address, billing_address, metadata, items_amount, payment_due_at"},
	{CUSTOMER, 4, "SELECT", "ecommerce.order_details",
		"order_id, line_number, customer_id, product_id, product_name, product_description, "
		"sku, options, category_id, category_name, unit_price, quantity, line_amount, "
	"discount_amount, tax_rate, tax_amount"},
	{STAFF, 1, "SELECT, INSERT, UPDATE", "ecommerce.users", ""},
	{STAFF, 1, "SELECT, INSERT, UPDATE, DELETE", "ecommerce.categories", ""},
	{STAFF, 1, "SELECT, INSERT, UPDATE, DELETE", "ecommerce.products", ""},
	{STAFF, 1, "SELECT, INSERT, UPDATE", "ecommerce.stock_levels", ""},
	{STAFF, 1, "SELECT", "ecommerce.carts", ""},
	{STAFF, 1, "SELECT", "ecommerce.cart_items", ""},
	{STAFF, 1, "SELECT, REFERENCES", "ecommerce.orders", ""},
	{STAFF, 1, "SELECT", "ecommerce.order_details", ""},
	{STAFF, 1, "SELECT", "ecommerce.order_events", ""},
	{STAFF, 1, "USAGE", "ecommerce.users_id_seq", ""},
	{STAFF, 1, "USAGE", "ecommerce.categories_id_seq", ""},
	{STAFF, 1, "USAGE", "ecommerce.products_id_seq", ""},
	{STAFF, 3, "SELECT", "ecommerce.order_adjustments", ""},
	{STAFF, 4, "SELECT", "ecommerce.order_payments", ""},
	{STAFF, 4, "SELECT", "ecommerce.order_balances", ""},
	{STAFF, 4, "SELECT", "ecommerce.order_returns", ""},
	{STAFF, 4, "SELECT", "ecommerce.order_return_lines", ""},
	{STAFF, 4, "SELECT", "ecommerce.archived_orders", ""},
	{STAFF, 4, "SELECT", "ecommerce.stock_transfers", ""},
	{STAFF, 4, "SELECT", "ecommerce_api.orders", ""},
	{STAFF, 4, "SELECT", "ecommerce_api.order_lines", ""},
	{STAFF, 4, "EXECUTE", "ecommerce_api.order_lines", ""},
	{STAFF, 3, "SELECT, INSERT, UPDATE, DELETE", "ecommerce.promotions", ""},
	{STAFF, 3, "SELECT, INSERT, UPDATE, DELETE", "ecommerce.promotion_levels", ""},
	{STAFF, 3, "SELECT, INSERT, UPDATE, DELETE", "ecommerce.tax_rates", ""},
	{STAFF, 3, "SELECT, INSERT, UPDATE, DELETE", "ecommerce.shipping_rates", ""},
	{STAFF, 3, "USAGE", "ecommerce.promotions_id_seq", ""},
	{STAFF, 3, "USAGE", "ecommerce.tax_rates_id_seq", ""},
	{STAFF, 3, "USAGE", "ecommerce.shipping_rates_id_seq", ""},
};

/* The extension's functions for users, by their names with the schema. */
#define MEMBERS \
	"(SELECT pg_proc.oid, proacl, format('%I.%I', nspname, proname) AS name" \
	"   FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace" \
	"   JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid" \
	"   JOIN pg_extension ON refclassid = 'pg_extension'::regclass" \
	"    AND refobjid = pg_extension.oid" \
	"  WHERE deptype = 'e' AND extname = 'ecommerce'" \
	"    AND nspname IN ('ecommerce', 'ecommerce_api')) AS members"

#define ROLE_NAME \
	"CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END"

/* Those of the names that a role, if one is given, may not execute yet. */
static Statement select_functions = {
	.query = "SELECT string_agg(oid::regprocedure::text, ', ')"
	"  FROM " MEMBERS
	" WHERE name = ANY ($1)"
	"   AND ($2 = 0 OR NOT has_function_privilege($2, oid, 'EXECUTE'))",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTARRAYOID, OIDOID)
};

/*
 * The GRANTs to make after an update.  $1 and $2 are the kinds and the names of
 * the functions; $3 has the privileges on the functions that were there before.
 * What has been dropped and made again goes to those who had it, what is new to
 * those who had all that there was of its kind.
 */
static Statement select_grants_to_carry = {
	.query = "WITH listed AS (SELECT kind, name FROM unnest($1, $2) AS listed (kind, name)),"
	" granted AS (SELECT name, grantee, is_grantable FROM json_to_recordset($3)"
	"                 AS granted (name text, grantee oid, is_grantable boolean)),"
	" holders AS (SELECT kind, grantee FROM listed JOIN granted USING (name)"
	"              GROUP BY kind, grantee"
	"             HAVING count(*) = (SELECT count(DISTINCT name)"
	"                                  FROM listed AS same JOIN granted USING (name)"
	"                                 WHERE same.kind = listed.kind)),"
	" heirs AS (SELECT name, grantee, is_grantable FROM granted"
	"           UNION ALL"
	"           SELECT name, grantee, false FROM listed JOIN holders USING (kind)"
	"            WHERE name NOT IN (SELECT name FROM granted))"
	" SELECT format('GRANT EXECUTE ON FUNCTION %s TO %s%s', oid::regprocedure, " ROLE_NAME ","
	"               CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)"
	"  FROM heirs JOIN " MEMBERS " USING (name)"
	" WHERE NOT EXISTS (SELECT FROM pg_proc, aclexplode(pg_proc.proacl) AS acl"
	"                    WHERE pg_proc.oid = members.oid AND acl.grantee = heirs.grantee)",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT4ARRAYOID, TEXTARRAYOID, JSONOID)
};

/* Who has all of these privileges, granted to the role itself, besides the owner $4. */
static Statement select_grantees = {
	.query = "WITH wanted AS (SELECT to_regclass(relation) AS relation,"
	"                      to_regproc(relation) AS function, verb, column_name"
	"                  FROM unnest($1, $2, $3) AS listed (verbs, relation, columns),"
	"                       LATERAL string_to_table(verbs, ', ') AS verb"
	"                  LEFT JOIN LATERAL string_to_table(columns, ', ') AS column_name ON true)"
	" SELECT string_agg(" ROLE_NAME ", ', ')"
	"  FROM (SELECT grantee FROM wanted, LATERAL ("
	"            SELECT grantee FROM pg_class, aclexplode(relacl)"
	"             WHERE oid = relation AND privilege_type = verb"
	"            UNION"
	"            SELECT grantee FROM pg_attribute, aclexplode(attacl)"
	"             WHERE attrelid = relation AND attname = column_name"
	"               AND privilege_type = verb"
	"            UNION"
	"            SELECT grantee FROM pg_proc, aclexplode(proacl)"
	"             WHERE oid = function AND privilege_type = verb) AS holders"
	"         WHERE grantee <> $4"
	"         GROUP BY grantee HAVING count(*) = (SELECT count(*) FROM wanted)) AS grantees",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, OIDOID)
};

/* Who has all of these functions, granted to the role itself, besides their owner. */
static Statement select_callers = {
	.query = "SELECT string_agg(" ROLE_NAME ", ', ')"
	"  FROM (SELECT grantee FROM " MEMBERS ", aclexplode(proacl)"
	"         WHERE name = ANY ($1) AND grantee <> $2 AND grantee <> grantor"
	"         GROUP BY grantee HAVING count(*) = cardinality($1)) AS grantees",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTARRAYOID, OIDOID)
};

/*
 * What a role lacks for its requests to end: time-outs that PostgREST, which looks
 * for them at the role itself, or the database sets.  Their names as JSON, and the
 * commands that set them.
 */
static Statement select_missing_timeouts = {
	.query = "SELECT json_agg(name ORDER BY name)::text,"
	"       string_agg(format('ALTER ROLE %I SET %s = %L;', $1, name, value), ' ' ORDER BY name)"
	"  FROM (VALUES ('statement_timeout', '10s'), ('lock_timeout', '2s')) AS wanted (name, value)"
	" WHERE (SELECT setting FROM pg_db_role_setting, unnest(setconfig) AS setting"
	"         WHERE (setdatabase = 0 AND setrole = to_regrole(quote_ident($1))"
	"                OR setrole = 0"
	"                AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))"
	"           AND starts_with(setting, name || '=')"
	"         ORDER BY setrole = 0 LIMIT 1) ~ '=0*[1-9]' IS NOT TRUE"
	" HAVING count(*) > 0",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID)
};

enum missing_timeouts_column
{
	MISSING_NAMES = 1, MISSING_COMMANDS
};

/* A function of the extension's, if another one has its name. */
static Statement select_overloaded = {
	.query = "SELECT format('%I.%I', nspname, proname)"
	"  FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace"
	" WHERE nspname IN ('ecommerce', 'ecommerce_api')"
	" GROUP BY nspname, proname"
	" HAVING count(*) > 1 AND bool_or(EXISTS ("
	"     SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass"
	"        AND objid = pg_proc.oid AND deptype = 'e'))",
	.result = SPI_OK_SELECT
};

/* A row if the role may do something in the schema. */
static Statement select_right_in_schema = {
	.query = "SELECT true WHERE has_schema_privilege($1, $2, $3)",
	.result = SPI_OK_SELECT,
	PARAMETERS(OIDOID, TEXTOID, TEXTOID)
};

/* A row if the caller has the rights of the owners. */
static Statement select_rights_on_schemas = {
	.query = "SELECT true FROM pg_namespace WHERE nspname IN ('ecommerce', 'ecommerce_api')"
	" HAVING bool_and(pg_has_role(nspowner, 'USAGE'))",
	.result = SPI_OK_SELECT
};

static Statement select_rights_on_extension = {
	.query = "SELECT true FROM pg_extension"
	" WHERE extname = 'ecommerce' AND pg_has_role(extowner, 'USAGE')",
	.result = SPI_OK_SELECT
};

/* A row if there is the relation, with these columns, or the function. */
static Statement select_relation = {
	.query = "SELECT true"
	" WHERE CASE $3 WHEN 'EXECUTE' THEN to_regproc($1) IS NOT NULL"
	"       ELSE to_regclass($1) IS NOT NULL END"
	"   AND NOT EXISTS (SELECT FROM string_to_table($2, ', ') AS column_name"
	"                    WHERE NOT EXISTS ("
	"                        SELECT FROM pg_attribute"
	"                         WHERE attrelid = to_regclass($1) AND attname = column_name))",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID, TEXTOID, TEXTOID)
};

PG_FUNCTION_INFO_V1(grant_api);
PG_FUNCTION_INFO_V1(revoke_api);
PG_FUNCTION_INFO_V1(carry_grants);

static void change_api(FunctionCallInfo fcinfo, bool is_grant);
static void warn_of_authority(const char *role);
static void warn_of_missing_timeouts(const char *role);
static char *json_string(const char *text);
static void change_kind(Kind kind, const char *verb, const char *preposition,
						const char *role);
static void change_functions(Kind kind, Oid lacking, const char *verb,
							 const char *preposition, const char *role);
static void change_tables(Kind kind, int since, const char *verb,
						  const char *preposition, const char *roles);
static char *table_grantees(Kind kind, int version);
static char *function_grantees(Kind kind);
static int	names_of_kind(Kind kind, const char **names);
static bool may_in_schema(Oid role, const char *schema, const char *verb);
static char *first_value(Statement *statement, const NullableDatum *values);
static NullableDatum text_array_value(const char *const *elements, int count);
static const char *role_name(Oid role);

Datum
grant_api(PG_FUNCTION_ARGS)
{
	change_api(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
revoke_api(PG_FUNCTION_ARGS)
{
	change_api(fcinfo, false);
	PG_RETURN_VOID();
}

/* The arguments are names of roles; null ones are left out. */
static void
change_api(FunctionCallInfo fcinfo, bool is_grant)
{
	const Kind	kinds[] = {CATALOGUE, CUSTOMER, STAFF};
	const char *verb = is_grant ? "GRANT" : "REVOKE";
	const char *preposition = is_grant ? "TO" : "FROM";
	int			guc_nest_level = pin_search_path();
	Oid			orders = orders_table();

	SPI_connect();
	require_rights_of_owners();
	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		char	   *role;
		Oid			role_id;

		if (PG_ARGISNULL(i))
			continue;
		role = text_to_cstring(PG_GETARG_TEXT_PP(i));
		role_id = get_role_oid(role, false);
		if (is_grant && kinds[i] != STAFF &&
			pg_class_aclcheck(orders, role_id, ACL_REFERENCES) == ACLCHECK_OK)
			warn_of_authority(role);
		change_kind(CATALOGUE, verb, preposition, quote_identifier(role));
		if (kinds[i] != CATALOGUE)
			change_kind(kinds[i], verb, preposition, quote_identifier(role));
		if (is_grant)
			warn_of_missing_timeouts(role);
	}
	SPI_finish();
	unpin_search_path(guc_nest_level);
	notify_postgrest();
}

static void
warn_of_authority(const char *role)
{
	ereport(WARNING,
			errmsg("a role that is not staff may act for any user"),
			errdetail_internal("{\"code\": \"not_staff_but_acts_for_any_user\", \"role\": %s}",
							   json_string(role)),
			errhint("Revoke REFERENCES on ecommerce.orders from the roles of visitors and shoppers, and from the default privileges."));
}

/*
 * Not set here: a setting of a role is one of the whole cluster, and may need
 * rights that the caller has not.
 */
static void
warn_of_missing_timeouts(const char *role)
{
	NullableDatum name = text_value(role);
	HeapTuple	missing;

	if (execute(&select_missing_timeouts, &name, FRESH_SNAPSHOT) == 0)
		return;
	missing = SPI_tuptable->vals[0];
	ereport(WARNING,
			errmsg("requests of a role may take forever"),
			errdetail_internal("{\"code\": \"no_timeout\", \"role\": %s, \"missing\": %s}",
							   json_string(role),
							   SPI_getvalue(missing, SPI_tuptable->tupdesc, MISSING_NAMES)),
			errhint("Set time-outs, then have PostgREST read them: %s NOTIFY pgrst, 'reload config';",
					SPI_getvalue(missing, SPI_tuptable->tupdesc, MISSING_COMMANDS)));
}

static char *
json_string(const char *text)
{
	StringInfoData string;

	initStringInfo(&string);
	escape_json(&string, text);
	return string.data;
}

void
require_rights_of_owners(void)
{
	if (execute(&select_rights_on_schemas, NULL, FRESH_SNAPSHOT) == 0 ||
		execute(&select_rights_on_extension, NULL, FRESH_SNAPSHOT) == 0 ||
		!has_privs_of_role(GetUserId(), table_owner(orders_table())))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot grant what belongs to another role"),
				errdetail_internal("{\"code\": \"not_the_owner\"}"),
				errhint("Run this as a superuser, or as a role with the rights of the owners of the extension and of the tables."));
}

/*
 * The last statement of a script that updates the extension.  What is granted
 * while such a script runs becomes a part of the extension, which pg_dump leaves
 * out (recordExtensionInitPriv()).  But these privileges are the shop's.
 */
Datum
carry_grants(PG_FUNCTION_ARGS)
{
	bool		is_in_script = creating_extension;
	int			guc_nest_level = pin_search_path();
	Datum		kinds[lengthof(functions)];
	const char *names[lengthof(functions)];
	NullableDatum values[3];

	for (size_t i = 0; i < lengthof(functions); i++)
	{
		kinds[i] = Int32GetDatum(functions[i].kind);
		names[i] = functions[i].name;
	}
	values[0] = not_null(PointerGetDatum(construct_array(kinds, lengthof(kinds), INT4OID,
														 sizeof(int32), true, TYPALIGN_INT)));
	values[1] = text_array_value(names, lengthof(names));
	values[2] = not_null(required_argument(&fcinfo->args[0], "before"));
	SPI_connect();
	execute(&select_grants_to_carry, values, FRESH_SNAPSHOT);
	creating_extension = false;
	execute_commands(SPI_tuptable);
	creating_extension = is_in_script;
	SPI_finish();
	unpin_search_path(guc_nest_level);
	PG_RETURN_VOID();
}

void
grant_to_owner(Oid owner)
{
	if (execute(&select_rights_on_schemas, NULL, FRESH_SNAPSHOT) > 0)
		for (size_t i = 0; i < lengthof(schemas); i++)
			if (!may_in_schema(owner, schemas[i], "USAGE"))
				execute_command(psprintf("GRANT USAGE ON SCHEMA %s TO %s",
										 schemas[i], role_name(owner)));
	if (execute(&select_rights_on_extension, NULL, FRESH_SNAPSHOT) > 0)
		for (Kind kind = 0; kind < KINDS; kind++)
			change_functions(kind, owner, "GRANT", "TO", role_name(owner));
}

/* A superuser has these privileges without a grant. */
void
revoke_from_owner(Oid owner)
{
	if (superuser_arg(owner))
		return;
	execute_command(psprintf("REVOKE USAGE ON SCHEMA %s FROM %s", schemas_of[OWNER],
							 role_name(owner)));
	for (Kind kind = 0; kind < KINDS; kind++)
		change_functions(kind, InvalidOid, "REVOKE", "FROM", role_name(owner));
}

int
lend_create(Oid owner)
{
	bool		may_lend = execute(&select_rights_on_schemas, NULL, FRESH_SNAPSHOT) > 0;
	int			lent = 0;

	for (size_t i = 0; i < lengthof(schemas); i++)
	{
		if (may_in_schema(owner, schemas[i], "CREATE") &&
			may_in_schema(owner, schemas[i], "USAGE"))
			continue;
		if (!may_lend)
			ereport(ERROR,
					errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("owner of the tables may not create them"),
					errdetail_internal("{\"code\": \"may_not_create\", \"schema\": \"%s\"}",
									   schemas[i]),
					errhint("Have a superuser run SELECT ecommerce.migrate(owner => %s); or first GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO %s.",
							quote_literal_cstr(GetUserNameFromId(owner, false)),
							role_name(owner)));
		execute_command(psprintf("GRANT CREATE ON SCHEMA %s TO %s", schemas[i],
								 role_name(owner)));
		lent |= 1 << i;
	}
	return lent;
}

void
take_back_create(Oid owner, int lent)
{
	char	   *overloaded;

	if (lent == 0)
		return;
	for (size_t i = 0; i < lengthof(schemas); i++)
		if (lent & (1 << i))
			execute_command(psprintf("REVOKE CREATE ON SCHEMA %s FROM %s", schemas[i],
									 role_name(owner)));
	overloaded = first_value(&select_overloaded, NULL);
	if (overloaded)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_FUNCTION),
				errmsg("another function has the name of one of the extension"),
				errdetail_internal("{\"code\": \"overloaded_function\", \"function\": \"%s\"}",
								   overloaded),
				errhint("Drop the function that is not the extension's: calls might run it instead."));
}

/*
 * To distribute() it cannot be lent: the nodes would hear of it in one session,
 * and be asked to make tables in another, before that is committed.
 */
void
require_create(Oid owner)
{
	for (size_t i = 0; i < lengthof(schemas); i++)
		if (!may_in_schema(owner, schemas[i], "CREATE") ||
			!may_in_schema(owner, schemas[i], "USAGE"))
			ereport(ERROR,
					errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("owner of the tables may not create them"),
					errdetail_internal("{\"code\": \"may_not_create\", \"schema\": \"%s\"}",
									   schemas[i]),
					errhint("First GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO %s.",
							role_name(owner)));
}

void
grant_new_tables(int version)
{
	for (Kind kind = 0; kind < KINDS; kind++)
	{
		char	   *grantees = table_grantees(kind, version);

		if (grantees)
			change_tables(kind, version + 1, "GRANT", "TO", grantees);
	}
}

static void
change_kind(Kind kind, const char *verb, const char *preposition, const char *role)
{
	execute_command(psprintf("%s USAGE ON SCHEMA %s %s %s", verb, schemas_of[kind],
							 preposition, role));
	change_functions(kind, InvalidOid, verb, preposition, role);
	change_tables(kind, 1, verb, preposition, role);
}

/* All functions of the kind, or those that a role lacks. */
static void
change_functions(Kind kind, Oid lacking, const char *verb, const char *preposition,
				 const char *role)
{
	const char *names[lengthof(functions)];
	NullableDatum values[2];
	char	   *list;

	values[0] = text_array_value(names, names_of_kind(kind, names));
	values[1] = not_null(ObjectIdGetDatum(lacking));
	list = first_value(&select_functions, values);
	if (list)
		execute_command(psprintf("%s EXECUTE ON FUNCTION %s %s %s", verb, list,
								 preposition, role));
}

/*
 * What a version of the tables has brought, and later ones.  Some may not be
 * there yet: the code can be newer than the tables.
 */
static void
change_tables(Kind kind, int since, const char *verb, const char *preposition,
			  const char *roles)
{
	for (const TablePrivilege *table = tables; table < tables + lengthof(tables); table++)
	{
		NullableDatum values[] = {
			text_value(table->relation), text_value(table->columns),
			text_value(table->verbs)
		};
		bool		has_columns = *table->columns != '\0';
		bool		is_function = strcmp(table->verbs, "EXECUTE") == 0;

		if (table->kind == kind && table->since >= since &&
			execute(&select_relation, values, FRESH_SNAPSHOT) > 0)
			execute_command(psprintf("%s %s%s%s%s ON %s%s %s %s", verb, table->verbs,
									 has_columns ? " (" : "", table->columns,
									 has_columns ? ")" : "", is_function ? "FUNCTION " : "",
									 table->relation, preposition, roles));
	}
}

/*
 * NULL if there is nobody.  Customers had no privileges on tables before version 4:
 * they are told by their functions.
 */
static char *
table_grantees(Kind kind, int version)
{
	const char *verbs[lengthof(tables)];
	const char *relations[lengthof(tables)];
	const char *columns[lengthof(tables)];
	int			count = 0;
	NullableDatum values[4];

	for (size_t i = 0; i < lengthof(tables); i++)
		if (tables[i].kind == kind && tables[i].since <= version)
		{
			verbs[count] = tables[i].verbs;
			relations[count] = tables[i].relation;
			columns[count++] = tables[i].columns;
		}
	if (count == 0)
		return kind == CUSTOMER && version > 0 ? function_grantees(kind) : NULL;
	values[0] = text_array_value(verbs, count);
	values[1] = text_array_value(relations, count);
	values[2] = text_array_value(columns, count);
	values[3] = not_null(ObjectIdGetDatum(GetUserId()));
	return first_value(&select_grantees, values);
}

static char *
function_grantees(Kind kind)
{
	const char *names[lengthof(functions)];
	NullableDatum values[2];

	values[0] = text_array_value(names, names_of_kind(kind, names));
	values[1] = not_null(ObjectIdGetDatum(GetUserId()));
	return first_value(&select_callers, values);
}

/* Returns how many functions there are. */
static int
names_of_kind(Kind kind, const char **names)
{
	int			count = 0;

	for (size_t i = 0; i < lengthof(functions); i++)
		if (functions[i].kind == kind)
			names[count++] = functions[i].name;
	return count;
}

static bool
may_in_schema(Oid role, const char *schema, const char *verb)
{
	NullableDatum values[] = {
		not_null(ObjectIdGetDatum(role)), text_value(schema), text_value(verb)
	};

	return execute(&select_right_in_schema, values, FRESH_SNAPSHOT) > 0;
}

/* The first column of the first row as text; NULL if it is null or there is none. */
static char *
first_value(Statement *statement, const NullableDatum *values)
{
	if (execute(statement, values, FRESH_SNAPSHOT) == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static NullableDatum
text_array_value(const char *const *elements, int count)
{
	Datum		texts[Max(lengthof(functions), lengthof(tables))];

	for (int i = 0; i < count; i++)
		texts[i] = CStringGetTextDatum(elements[i]);
	return not_null(PointerGetDatum(construct_array(texts, count, TEXTOID, -1, false,
													TYPALIGN_INT)));
}

static const char *
role_name(Oid role)
{
	return quote_identifier(GetUserNameFromId(role, false));
}
