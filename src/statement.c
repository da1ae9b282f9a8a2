/*-------------------------------------------------------------------------
 *
 * statement.c
 *		A query that is planned once a session and then only executed.
 *
 * Every plan is generic from its first execution on.  The default policy
 * plans the first five executions anew, which would make the first orders of
 * each pooled connection several times as expensive as the rest; and no query
 * here has a parameter whose value should change its plan.
 *
 * Queries name schemas and cast parameters and results, so a column renamed or
 * retyped under a saved plan makes the plan's revalidation fail with the
 * server's own error, or the cast work.  Operators and functions are the
 * built-in ones: access.c has pinned search_path to pg_catalog by the time
 * anything is prepared, and a plan is revalidated under the search_path that
 * it was prepared with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "nodes/params.h"

#include "statement.h"

/* No query of ours has more. */
#define MAX_COLUMNS	16

static void prepare(Statement *statement);

uint64
execute(Statement *statement, Datum *values, const char *nulls,
		Visibility visibility)
{
	int			result;

	prepare(statement);
	result = SPI_execute_plan(statement->plan, values, nulls,
							  visibility == CALLERS_SNAPSHOT, 0);
	if (result != statement->result)
		elog(ERROR, "SPI_execute_plan returned %s for \"%s\"",
			 SPI_result_code_string(result), statement->query);
	return SPI_processed;
}

void
execute_into(Statement *statement, Datum *values, Visibility visibility,
			 DestReceiver *receiver)
{
	SPIExecuteOptions options = {0};
	int			result;

	prepare(statement);
	options.params = makeParamList(statement->nparameters);
	for (int i = 0; i < statement->nparameters; i++)
	{
		ParamExternData *parameter = &options.params->params[i];

		parameter->value = values[i];
		parameter->isnull = false;
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = statement->parameters[i];
	}
	options.read_only = (visibility == CALLERS_SNAPSHOT);
	options.dest = receiver;

	/* To SPI, a query whose rows it does not return itself is a utility. */
	result = SPI_execute_plan_extended(statement->plan, &options);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute_plan_extended returned %s for \"%s\"",
			 SPI_result_code_string(result), statement->query);
}

void
read_row(SPITupleTable *rows, uint64 row, NullableDatum *fields)
{
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
	int			ncolumns = rows->tupdesc->natts;

	if (ncolumns > MAX_COLUMNS)
		elog(ERROR, "a result has %d columns", ncolumns);
	heap_deform_tuple(rows->vals[row], rows->tupdesc, values, nulls);
	for (int i = 0; i < ncolumns; i++)
	{
		fields[i].value = values[i];
		fields[i].isnull = nulls[i];
	}
}

static void
prepare(Statement *statement)
{
	SPIPlanPtr	plan;

	if (statement->plan != NULL)
		return;
	plan = SPI_prepare_cursor(statement->query, statement->nparameters,
							  statement->parameters, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor returned %s for \"%s\"",
			 SPI_result_code_string(SPI_result), statement->query);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed for \"%s\"", statement->query);
	statement->plan = plan;
}
