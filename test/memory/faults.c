/*
 * faults.c
 *		Faults made on purpose, for the tests that must find such in src/.
 *
 * Each function is right for some arguments, so that only a fault, and not the
 * call, is what a test finds.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(successor);
PG_FUNCTION_INFO_V1(shift);
PG_FUNCTION_INFO_V1(element);
PG_FUNCTION_INFO_V1(unaligned);
PG_FUNCTION_INFO_V1(assertion);
PG_FUNCTION_INFO_V1(freed);
PG_FUNCTION_INFO_V1(released);

/* Undefined for 2147483647, unless the compiler is told otherwise. */
Datum
successor(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_INT32(0) + 1);
}

/* Undefined for 32. */
Datum
shift(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(1 << PG_GETARG_INT32(0));
}

/* Undefined for 4, though inside the struct. */
Datum
element(PG_FUNCTION_ARGS)
{
	static const struct
	{
		int32		list[4];
		int32		next;
	}			table = {{1, 2, 3, 4}, 5};

	PG_RETURN_INT32(table.list[PG_GETARG_INT32(0)]);
}

/* Undefined for 1, though harmless to this machine. */
Datum
unaligned(PG_FUNCTION_ARGS)
{
	char	   *bytes = palloc0(2 * sizeof(int32));

	PG_RETURN_INT32(*(int32 *) (bytes + PG_GETARG_INT32(0)));
}

/* Fails for 1. */
Datum
assertion(PG_FUNCTION_ARGS)
{
	Assert(PG_GETARG_INT32(0) != 1);
	PG_RETURN_INT32(0);
}

/* Reads what has been freed for 1. */
Datum
freed(PG_FUNCTION_ARGS)
{
	int32	   *value = palloc0(sizeof(int32));

	if (PG_GETARG_INT32(0) == 1)
		pfree(value);
	PG_RETURN_INT32(*value);
}

/* Reads a tuple of the catalogue after giving it back for 1. */
Datum
released(PG_FUNCTION_ARGS)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(RelationRelationId));
	Form_pg_class relation = (Form_pg_class) GETSTRUCT(tuple);
	bool		early = PG_GETARG_INT32(0) == 1;
	int32		result;

	if (early)
		ReleaseSysCache(tuple);
	result = relation->relowner - 10;
	if (!early)
		ReleaseSysCache(tuple);
	PG_RETURN_INT32(result);
}
