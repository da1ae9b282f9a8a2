/*-------------------------------------------------------------------------
 *
 * set_owner.c
 *		Gives a shop to another role.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "access.h"
#include "arguments.h"
#include "grants.h"
#include "statement.h"
#include "tables.h"

/*
 * Everything that the owner of the tables has in the schemas, with what the shop
 * has added: indexes, and sequences of columns, follow their tables.  Tables come
 * in the order in which they were made, which is that of the locks of an order.
 */
static Statement select_changes_of_owner = {
	.query = "SELECT format('ALTER %s %s OWNER TO %s', kind, name, quote_ident($2))"
	"  FROM (SELECT 'pg_class'::regclass, oid, relnamespace, relowner,"
	"               CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'"
	"                    WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE'"
	"                    ELSE 'TABLE' END, oid::regclass::text"
	"          FROM pg_class"
	"         WHERE relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS ("
	"                   SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass"
	"                      AND objid = pg_class.oid AND deptype IN ('a', 'i'))"
	"        UNION ALL"
	"        SELECT 'pg_type'::regclass, oid, typnamespace, typowner, 'TYPE', oid::regtype::text"
	"          FROM pg_type"
	"         WHERE typtype IN ('d', 'e', 'r') OR typtype = 'c' AND ("
	"                   SELECT relkind = 'c' FROM pg_class WHERE pg_class.oid = typrelid)"
	"        UNION ALL"
	"        SELECT 'pg_proc'::regclass, oid, pronamespace, proowner, 'ROUTINE',"
	"               oid::regprocedure::text"
	"          FROM pg_proc"
	"        UNION ALL"
	"        SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace, stxowner, 'STATISTICS',"
	"               format('%s.%I', stxnamespace::regnamespace, stxname)"
	"          FROM pg_statistic_ext) AS objects (class, id, schema, owner, kind, name)"
	"  JOIN pg_namespace ON pg_namespace.oid = schema"
	" WHERE owner = $1 AND nspname IN ('ecommerce', 'ecommerce_api')"
	"   AND NOT EXISTS (SELECT FROM pg_depend"
	"                    WHERE classid = class AND objid = id AND deptype = 'e')"
	" ORDER BY class, id",
	.result = SPI_OK_SELECT,
	PARAMETERS(OIDOID, TEXTOID)
};

PG_FUNCTION_INFO_V1(set_owner);

static void give_shop(const char *owner);
static void change_owners(Oid old_owner, const char *owner);

Datum
set_owner(PG_FUNCTION_ARGS)
{
	give_shop(text_argument(&fcinfo->args[0], "owner"));
	PG_RETURN_VOID();
}

/*
 * Waits for a migrate() or set_owner() that is under way.  Raises 42501 unless
 * the caller has the rights of the owners of extension and tables, 55000
 * without tables.
 */
static void
give_shop(const char *owner)
{
	Oid			new_owner = get_role_oid(owner, false);
	int			guc_nest_level = pin_search_path();
	Oid			old_owner;
	int			lent;

	PreventCommandDuringRecovery("set_owner()");
	LockDatabaseObject(NamespaceRelationId, get_namespace_oid("ecommerce", false), 0,
					   ShareUpdateExclusiveLock);
	old_owner = table_owner(orders_table());
	SPI_connect();
	require_rights_of_owners();
	grant_to_owner(new_owner);
	if (new_owner != old_owner)
	{
		/* What a role is given has to be where that role may CREATE. */
		lent = lend_create(new_owner);
		change_owners(old_owner, owner);
		take_back_create(new_owner, lent);
		revoke_from_owner(old_owner);
	}
	SPI_finish();
	unpin_search_path(guc_nest_level);
}

/* Locks every table against readers, too, until the end of the transaction. */
static void
change_owners(Oid old_owner, const char *owner)
{
	NullableDatum values[] = {
		not_null(ObjectIdGetDatum(old_owner)), text_value(owner)
	};

	execute(&select_changes_of_owner, values, FRESH_SNAPSHOT);
	execute_commands(SPI_tuptable);
}
