/*-------------------------------------------------------------------------
 *
 * migrate.c
 *		Brings the tables up to the version of the installed code.
 *
 * The tables belong to the shop, not to the extension: pg_dump dumps them like
 * any others, and DROP EXTENSION leaves them alone.  Each step is a function of
 * the install script, ecommerce_migrations.migration_1() and so on; a step that
 * has been released never changes.  Sessions that migrate wait for each other on
 * a lock on the schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "access.h"
#include "arguments.h"
#include "grants.h"
#include "tables.h"

/* The number of the last migration_N() in the install script. */
#define SCHEMA_VERSION	4

PG_FUNCTION_INFO_V1(migrate);

static int	migrate_tables(const char *named_owner);
static Oid	future_owner(Oid migrations, const char *name);
static void become_owner(Oid owner, Oid caller, int caller_context);
static int	tables_version(Oid migrations);
static void check_encoding(int version);
static void run_migrations(int version, Oid owner, Oid caller, int caller_context);
static void keep_to_this_node(void);
static void run_migration(int version);
static void keep_partitions(void);
static void warn_of_superuser(void);
pg_noreturn static void rethrow_briefly(MemoryContext context);
static char *without_middle(char *text);

/*
 * The migrate() of an extension that has not been updated yet has no argument.
 * Errors are caught only to be shortened, and go on.
 */
Datum
migrate(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int version = 0;

	if (PG_NARGS() == 0)
		refuse_old_extension("ecommerce.migrate(text)");
	PG_TRY();
	{
		version = migrate_tables(PG_ARGISNULL(0) ? NULL :
								 text_to_cstring(PG_GETARG_TEXT_PP(0)));
	}
	PG_CATCH();
	{
		rethrow_briefly(context);
	}
	PG_END_TRY();
	PG_RETURN_INT32(version);
}

/*
 * What the owner needs is granted as the caller.  Everything else runs as the
 * owner, who could otherwise have put code of his own, such as a trigger, where a
 * superuser who upgrades the shop would run it.
 */
static int
migrate_tables(const char *named_owner)
{
	Oid			schema = get_namespace_oid("ecommerce", false);
	int			guc_nest_level = pin_search_path();
	Oid			migrations;
	Oid			owner;
	Oid			caller;
	int			caller_context;
	int			version;

	/*
	 * The planner takes the arrays in the queries for privileges for long
	 * ones, and compiling code for them takes thirty times as long as all the
	 * rest, while placements wait.
	 */
	pin_setting("jit", "off");
	PreventCommandDuringRecovery("migrate()");
	LockDatabaseObject(NamespaceRelationId, schema, 0, ShareUpdateExclusiveLock);
	GetUserIdAndSecContext(&caller, &caller_context);
	migrations = get_relname_relid("schema_migrations", schema);
	owner = future_owner(migrations, named_owner);
	SPI_connect();

	become_owner(owner, caller, caller_context);
	version = tables_version(migrations);
	check_encoding(version);
	SetUserIdAndSecContext(caller, caller_context);

	grant_to_owner(owner);
	if (version < SCHEMA_VERSION)
	{
		if (version == 0)
			keep_to_this_node();
		run_migrations(version, owner, caller, caller_context);
		notify_postgrest();
	}
	become_owner(owner, caller, caller_context);
	keep_partitions();
	SetUserIdAndSecContext(caller, caller_context);
	if (version == 0 && named_owner == NULL && superuser_arg(owner))
		warn_of_superuser();
	SPI_finish();
	unpin_search_path(guc_nest_level);
	return SCHEMA_VERSION;
}

/* The owner of the tables; as long as there are none, whoever is to become it. */
static Oid
future_owner(Oid migrations, const char *name)
{
	Oid			named = name ? get_role_oid(name, false) : InvalidOid;
	Oid			owner;

	if (OidIsValid(migrations))
		owner = table_owner(migrations);
	else
		owner = name ? named : GetUserId();
	if (name && named != owner)
		refuse_argument("owner", "the owner of the tables, which set_owner() changes");
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot migrate the tables of another role"),
				errdetail_internal("{\"code\": \"tables_of_another_owner\"}"),
				errhint("Run this as the owner of the tables, or as a member of that role."));
	return owner;
}

/*
 * Code of somebody else's leaves nothing for the end of the transaction, which
 * comes when the caller is back (a deferred trigger, a cursor WITH HOLD).
 */
static void
become_owner(Oid owner, Oid caller, int caller_context)
{
	SetUserIdAndSecContext(owner, caller_context | SECURITY_LOCAL_USERID_CHANGE |
						   (owner != caller ? SECURITY_RESTRICTED_OPERATION : 0));
}

/* 0 before the first migration. */
static int
tables_version(Oid migrations)
{
	bool		is_null;
	int			version;

	if (!OidIsValid(migrations))
		return 0;
	if (SPI_execute("SELECT coalesce(max(version), 0)::integer"
					"  FROM ecommerce.schema_migrations", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read ecommerce.schema_migrations");
	version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &is_null));
	if (version > SCHEMA_VERSION)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("tables are newer than the code"),
				errdetail_internal("{\"code\": \"tables_too_new\", \"tables\": %d, \"code_version\": %d}",
								   version, SCHEMA_VERSION),
				errhint("Install the version of the extension that migrated them, or a later one."));
	return version;
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
 * The owner may CREATE in the schemas meanwhile.  Raises 42501 when he may
 * not, and the caller may not grant it.
 */
static void
run_migrations(int version, Oid owner, Oid caller, int caller_context)
{
	int			lent = lend_create(owner);

	become_owner(owner, caller, caller_context);
	for (int step = version + 1; step <= SCHEMA_VERSION; step++)
		run_migration(step);
	grant_new_tables(version);
	SetUserIdAndSecContext(caller, caller_context);
	take_back_create(owner, lent);
}

/*
 * In a Citus cluster new tables, and what comes with them, are this node's until
 * distribute(): the others have not heard of what has been lent the owner, and
 * would refuse him.
 */
static void
keep_to_this_node(void)
{
	const char *propagation = "citus.enable_ddl_propagation";

	if (GetConfigOption(propagation, true, false) != NULL)
		pin_setting(propagation, "off");
}

/*
 * The step is found and called without a look at privileges: whoever may run
 * migrate() may run it, and nobody may call it otherwise.  It returns void, which
 * is null.
 */
static void
run_migration(int version)
{
	char	   *name = psprintf("migration_%d", version);
	Oid			schema = get_namespace_oid("ecommerce_migrations", true);
	Oid			function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
										   CStringGetDatum(name),
										   PointerGetDatum(buildoidvector(NULL, 0)),
										   ObjectIdGetDatum(schema));
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(version), CStringGetTextDatum(name)};
	FmgrInfo	step;

	LOCAL_FCINFO(fcinfo, 0);

	if (!OidIsValid(function))
		refuse_old_extension(name);
	fmgr_info(function, &step);
	InitFunctionCallInfoData(*fcinfo, &step, 0, InvalidOid, NULL, NULL);
	(void) FunctionCallInvoke(fcinfo);
	if (SPI_execute_with_args("INSERT INTO ecommerce.schema_migrations"
							  " (version, name) VALUES ($1, $2)",
							  2, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write ecommerce.schema_migrations");
}

/*
 * Triggers for rows come to a partition with those of its table; one for TRUNCATE
 * does not.
 */
static void
keep_partitions(void)
{
	if (SPI_execute("SELECT 'CREATE TRIGGER ' || quote_ident(kept.tgname)"
					"       || ' BEFORE TRUNCATE ON ' || part.relid"
					"       || ' FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history()'"
					"  FROM pg_trigger AS kept, pg_partition_tree(kept.tgrelid) AS part"
					" WHERE kept.tgfoid = 'ecommerce.keep_history'::regproc"
					"   AND kept.tgtype & 32 <> 0 AND part.level > 0"
					"   AND NOT EXISTS (SELECT FROM pg_trigger AS its"
					"                    WHERE its.tgrelid = part.relid"
					"                      AND its.tgfoid = kept.tgfoid"
					"                      AND its.tgtype & 32 <> 0)"
					" GROUP BY kept.tgname, part.relid",
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the triggers of partitions");
	execute_commands(SPI_tuptable);
}

static void
warn_of_superuser(void)
{
	ereport(WARNING,
			errmsg("tables belong to a superuser"),
			errdetail_internal("{\"code\": \"owner_is_superuser\"}"),
			errhint("The functions run with the rights of the owner. Give the shop to a role of its own:\n"
					"CREATE ROLE shop LOGIN;\n"
					"SELECT ecommerce.set_owner('shop');"));
}

/*
 * The same error, without the text of the migration: an SQL function reports all
 * of its own text, PL/pgSQL that of the statement.
 */
static void
rethrow_briefly(MemoryContext context)
{
	ErrorData  *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	error->internalquery = NULL;
	error->internalpos = 0;
	error->detail = without_middle(error->detail);
	error->hint = without_middle(error->hint);
	error->context = without_middle(error->context);
	ReThrowError(error);
}

/* The first line and the last, if there are more. */
static char *
without_middle(char *text)
{
	char	   *first_end = text ? strchr(text, '\n') : NULL;
	char	   *last = text ? strrchr(text, '\n') : NULL;

	if (first_end == last)
		return text;

	return psprintf("%.*s ...%s", (int) (first_end - text), text, last);
}
