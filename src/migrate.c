/*-------------------------------------------------------------------------
 *
 * migrate.c
 *		Brings the tables up to the version of the installed code.
 *
 * The tables belong to the shop, not to the extension: pg_dump dumps them like
 * any others, and DROP EXTENSION leaves them alone.  Each step is an SQL
 * function of the install script, ecommerce.migration_1() and so on; a step
 * that has been released never changes.  Sessions that migrate wait for each
 * other on a lock on the schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "access.h"
#include "tables.h"

/* The number of the last migration_N() in the install script. */
#define SCHEMA_VERSION	2

PG_FUNCTION_INFO_V1(migrate);

static int	migrate_tables(void);
static Oid	future_owner(Oid schema);
static int	tables_version(Oid schema);
static void check_encoding(int version);
static void run_migration(int version);

Datum
migrate(PG_FUNCTION_ARGS)
{
	(void) fcinfo;				/* there are no arguments */
	PG_RETURN_INT32(migrate_tables());
}

/*
 * The first migration runs as the caller, who becomes the owner of the tables.
 * Later ones run as that owner, who could otherwise have put code of his own,
 * such as a trigger, where a superuser who upgrades the shop would run it; nor
 * may such code leave anything for the end of the transaction, which comes
 * when the superuser is back (a deferred trigger, a cursor WITH HOLD).
 */
static int
migrate_tables(void)
{
	Oid			schema = get_namespace_oid("ecommerce", false);
	int			guc_nest_level = pin_search_path();
	Oid			owner;
	Oid			caller;
	int			caller_context;
	int			version;

	PreventCommandDuringRecovery("migrate()");
	LockDatabaseObject(NamespaceRelationId, schema, 0, ShareUpdateExclusiveLock);
	GetUserIdAndSecContext(&caller, &caller_context);
	owner = future_owner(schema);
	SetUserIdAndSecContext(owner, caller_context | SECURITY_LOCAL_USERID_CHANGE |
						   (owner != caller ? SECURITY_RESTRICTED_OPERATION : 0));
	SPI_connect();
	version = tables_version(schema);
	if (version > SCHEMA_VERSION)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("tables are newer than the code"),
				errdetail_internal("{\"code\": \"tables_too_new\", \"tables\": %d, \"code_version\": %d}",
								   version, SCHEMA_VERSION),
				errhint("Install the version of the extension that migrated them, or a later one."));
	check_encoding(version);
	if (version < SCHEMA_VERSION)
		notify_postgrest();
	while (version < SCHEMA_VERSION)
		run_migration(++version);
	SPI_finish();
	SetUserIdAndSecContext(caller, caller_context);
	unpin_search_path(guc_nest_level);
	return version;
}

/* The owner of the tables, or the caller as long as there are none. */
static Oid
future_owner(Oid schema)
{
	Oid			migrations = get_relname_relid("schema_migrations", schema);
	Oid			owner;

	if (!OidIsValid(migrations))
		return GetUserId();
	owner = table_owner(migrations);
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot migrate the tables of another role"),
				errdetail_internal("{\"code\": \"tables_of_another_owner\"}"),
				errhint("Run this as the owner of the tables, or as a member of that role."));
	return owner;
}

/* 0 before the first migration. */
static int
tables_version(Oid schema)
{
	bool		is_null;
	Datum		version;

	if (!OidIsValid(get_relname_relid("schema_migrations", schema)))
		return 0;
	if (SPI_execute("SELECT coalesce(max(version), 0)::integer"
					"  FROM ecommerce.schema_migrations", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read ecommerce.schema_migrations");
	version = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							&is_null);
	return DatumGetInt32(version);
}

/*
 * In a database without an encoding, text is whatever bytes each client sends:
 * lengths count bytes, and what one client writes is another text to the next,
 * or none.  No shop is opened there, and one that was opened before this check
 * is told; it can be dumped and restored into another database.
 *
 * Any other encoding keeps text intact: what it lacks is refused on the way in.
 */
static void
check_encoding(int version)
{
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		ereport(version == 0 ? ERROR : WARNING,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("database does not know the encoding of its text"),
				errdetail_internal("{\"code\": \"no_encoding\", \"encoding\": \"%s\"}",
								   GetDatabaseEncodingName()),
				errhint("Use a database that was created with ENCODING 'UTF8'."));
	if (GetDatabaseEncoding() != PG_UTF8 &&
		GetDatabaseEncoding() != PG_SQL_ASCII)
		ereport(WARNING,
				errmsg("database cannot hold every character"),
				errdetail_internal("{\"code\": \"limited_encoding\", \"encoding\": \"%s\"}",
								   GetDatabaseEncodingName()),
				errhint("Text with other characters will be refused with 22P05; a database with ENCODING 'UTF8' has all of them."));
}

/*
 * The step is called without a look at its privileges: whoever may run
 * migrate() may run it.  It returns void, which is null.
 */
static void
run_migration(int version)
{
	char	   *name = psprintf("migration_%d", version);
	List	   *qualified_name = list_make2(makeString("ecommerce"),
											makeString(name));
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(version), CStringGetTextDatum(name)};
	Oid			function = LookupFuncName(qualified_name, 0, NULL, true);

	FmgrInfo	step;

	LOCAL_FCINFO(fcinfo, 0);

	if (!OidIsValid(function))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("extension is older than its library"),
				errdetail_internal("{\"code\": \"extension_not_updated\", \"missing\": \"%s\"}",
								   name),
				errhint("Run ALTER EXTENSION ecommerce UPDATE; then migrate() again."));
	fmgr_info(function, &step);
	InitFunctionCallInfoData(*fcinfo, &step, 0, InvalidOid, NULL, NULL);
	(void) FunctionCallInvoke(fcinfo);
	if (SPI_execute_with_args("INSERT INTO ecommerce.schema_migrations"
							  " (version, name) VALUES ($1, $2)",
							  2, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write ecommerce.schema_migrations");
}
