/*-------------------------------------------------------------------------
 *
 * distribute.c
 *		Spreads the tables over the nodes of a Citus cluster, and takes them back.
 *
 * What is done is DDL, in sql/functions/distribute.sql.  It runs as the owner of
 * the tables, as migrate() does, and nothing here needs Citus to be built.
 *
 * Functions that only read are never delegated: a delegated function that is
 * STABLE, in a CTE, crashes the coordinator.  Those that are delegated begin
 * with a user, and are not told who asks: settings, such as
 * request.jwt.claims, stay on the coordinator.  Citus delegates nothing in a
 * transaction block, which is where PostgREST calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "access.h"
#include "arguments.h"
#include "grants.h"
#include "statement.h"
#include "tables.h"

static Statement delegate_functions = {
	.query =
	"SELECT create_distributed_function(oid::regprocedure, 'user_id',"
	"                                   colocate_with => 'ecommerce.users')"
	"  FROM pg_proc"
	" WHERE pronamespace = 'ecommerce'::regnamespace"
	"   AND proname IN ('add_to_cart', 'set_cart_item', 'set_cart_items', 'clear_cart',"
	"                   'place_order', 'cancel_order')",
	.result = SPI_OK_SELECT
};

PG_FUNCTION_INFO_V1(distribute);
PG_FUNCTION_INFO_V1(undistribute);

static void change_tables(bool is_wanted, bool delegate);
static void require_citus(void);
static void run_as_owner(Oid owner, bool is_wanted);

Datum
distribute(PG_FUNCTION_ARGS)
{
	change_tables(true, DatumGetBool(required_argument(&fcinfo->args[0], "delegate")));
	PG_RETURN_VOID();
}

Datum
undistribute(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	change_tables(false, false);
	PG_RETURN_VOID();
}

/* Waits for a migrate(), set_owner() or distribute() that is under way. */
static void
change_tables(bool is_wanted, bool delegate)
{
	int			guc_nest_level = pin_search_path();
	Oid			orders;
	Oid			owner;

	PreventCommandDuringRecovery("distribute()");
	LockDatabaseObject(NamespaceRelationId, get_namespace_oid("ecommerce", false), 0,
					   ShareUpdateExclusiveLock);
	orders = orders_table();
	owner = table_owner(orders);
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot distribute the tables of another role"),
				errdetail_internal("{\"code\": \"tables_of_another_owner\"}"),
				errhint("Run this as the owner of the tables, or as a member of that role."));
	require_citus();
	require_current_tables(orders);
	SPI_connect();
	require_create(owner);
	run_as_owner(owner, is_wanted);
	/* Citus refuses whoever does not own them. */
	if (delegate)
		execute(&delegate_functions, NULL, FRESH_SNAPSHOT);
	SPI_finish();
	unpin_search_path(guc_nest_level);
}

static void
require_citus(void)
{
	if (!OidIsValid(get_extension_oid("citus", true)))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("database is not part of a Citus cluster"),
				errdetail_internal("{\"code\": \"no_citus\"}"),
				errhint("Install Citus on every node, then run CREATE EXTENSION citus; and SELECT citus_add_node(...); for each."));
}

/* The step is called as a migration is: nobody may call it otherwise. */
static void
run_as_owner(Oid owner, bool is_wanted)
{
	Oid			schema = get_namespace_oid("ecommerce_migrations", true);
	Oid			types[] = {BOOLOID};
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
										   CStringGetDatum("distribute"),
										   PointerGetDatum(buildoidvector(types, 1)),
										   ObjectIdGetDatum(schema));
	Oid			caller;
	int			caller_context;
	FmgrInfo	info;

	LOCAL_FCINFO(fcinfo, 1);

	if (!OidIsValid(function))
		refuse_old_extension("ecommerce_migrations.distribute(boolean)");
	GetUserIdAndSecContext(&caller, &caller_context);
	SetUserIdAndSecContext(owner, caller_context | SECURITY_LOCAL_USERID_CHANGE |
						   (owner != caller ? SECURITY_RESTRICTED_OPERATION : 0));
	fmgr_info(function, &info);
	InitFunctionCallInfoData(*fcinfo, &info, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = BoolGetDatum(is_wanted);
	fcinfo->args[0].isnull = false;
	(void) FunctionCallInvoke(fcinfo);
	SetUserIdAndSecContext(caller, caller_context);
}
