/*-------------------------------------------------------------------------
 *
 * tables.c
 *		Whether there are tables, whose they are, and of which version.
 *
 * The tables are the shop's, made by migrate(): a database that has the
 * extension may have none yet, or older ones than the code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/attnum.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "tables.h"

Oid
orders_table(void)
{
	Oid			schema = get_namespace_oid("ecommerce", true);
	Oid			orders = get_relname_relid("orders", schema);

	if (!OidIsValid(orders))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("ecommerce has no tables in this database"),
				errdetail_internal("{\"code\": \"not_migrated\"}"),
				errhint("Run SELECT ecommerce.migrate(); as the role that is to own the tables."));
	return orders;
}

Oid
events_table(void)
{
	return get_relname_relid("order_events",
							 get_namespace_oid("ecommerce", false));
}

/* Version 4 is the one that has this column. */
void
require_current_tables(Oid orders)
{
	if (get_attnum(orders, "payment_due_at") == InvalidAttrNumber)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("tables are older than the code"),
				errdetail_internal("{\"code\": \"not_migrated\"}"),
				errhint("Run SELECT ecommerce.migrate(); as the owner of the tables."));
}

void
refuse_old_extension(const char *missing)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("extension is older than its library"),
			errdetail_internal("{\"code\": \"extension_not_updated\", \"missing\": \"%s\"}",
							   missing),
			errhint("Run ALTER EXTENSION ecommerce UPDATE; then SELECT ecommerce.migrate();"));
}

Oid
table_owner(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", table);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}
