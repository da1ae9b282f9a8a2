/*-------------------------------------------------------------------------
 *
 * statement.c
 *		A query that is planned once a session and then only executed.
 *
 * Every plan is generic from its first execution on, unless the session's
 * plan_cache_mode says otherwise.  The default policy plans the first five
 * executions anew, which would make the first orders of each pooled connection
 * several times as expensive as the rest; and no query here has a parameter
 * whose value should change its plan.  Where tables are distributed, a query that
 * is not for one shard can only be planned with its values.  An engine says so by
 * a generic plan at a price that nobody would choose (Citus:
 * DissuadePlannerFromUsingPlan()), and is given the values then.
 *
 * Queries name schemas and cast parameters and results, so a column renamed or
 * retyped under a saved plan makes the plan's revalidation fail with the
 * server's own error, or the cast work.  Operators and functions are the
 * built-in ones: access.c has pinned search_path to pg_catalog by the time
 * anything is prepared, or planned again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "statement.h"

/* No query of ours has more. */
#define MAX_COLUMNS	24

/* No plan that can be executed costs as much, whatever has been disabled. */
#define PROHIBITIVE_COST	1e20

/* Of what is kept of a statement's domains; some 40 kB are in use. */
#define DOMAINS_MAX_SIZE	(256 * 1024)

static int	execute_plan(Statement *statement, const NullableDatum *values,
						 Visibility visibility);
static bool is_index_of(const RowNumber *number, const ErrorData *error);
static void check_domains(Statement *statement, const NullableDatum *values);
static bool is_of_domain_before(const Statement *statement, int domain);
static void forget_checks(Statement *statement);
static void forget_rewritten(Statement *statement);
pg_noreturn static void refuse_written(uint64 written, uint64 expected);
static void insert_some_rows(const char *file, RowInserter *inserter,
							 int64 customer_id, int64 order_id,
							 const NullableDatum *rows, int nrows);
static bool are_usual(const RowInserter *inserter, const NullableDatum *rows,
					  int nrows);
static void make_statement(Statement *statement, const RowInserter *inserter,
						   int ncolumns, int nrows);
static void name_domains(Statement *statement, const RowInserter *inserter,
						 int ncolumns, int nrows);
static SPIPlanPtr plan_query(const char *file, const Statement *statement,
							 int options);
static void keep_generic_plan(const char *file, Statement *statement);
static bool has_generic_plan(SPIPlanPtr plan);
static char *with_comment(const char *file, const char *query);
static bool has_its_domains(const Statement *statement);
static Oid	find_domain(const DomainParameter *domain);

uint64
execute_from(const char *file, Statement *statement,
			 const NullableDatum *values, Visibility visibility)
{
	int			result;

	plan_from(file, statement);
	result = execute_plan(statement, values, visibility);
	if (result == SPI_OK_REWRITTEN)
	{
		forget_rewritten(statement);
		refuse_written(0, 1);
	}
	if (result != statement->result)
		elog(ERROR, "SPI_execute_plan returned %s for \"%s\"",
			 SPI_result_code_string(result), statement->query);
	return SPI_processed;
}

uint64
execute_insert_from(const char *file, Statement *statement,
					const NullableDatum *values, const RowNumber *number)
{
	MemoryContext context = CurrentMemoryContext;
	uint64		inserted;

	PG_TRY();
	{
		inserted = execute_from(file, statement, values, FRESH_SNAPSHOT);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_UNIQUE_VIOLATION)
		{
			ErrorData  *error;

			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			if (is_index_of(number, error))
			{
				FlushErrorState();
				number->refuse();
			}
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	return inserted;
}

static bool
is_index_of(const RowNumber *number, const ErrorData *error)
{
	for (size_t i = 0; i < lengthof(number->indexes); i++)
		if (number->indexes[i] != NULL && error->constraint_name != NULL &&
			strcmp(number->indexes[i], error->constraint_name) == 0)
			return true;
	return false;
}

/* Returns the SPI_OK_ code, with the rows in SPI_tuptable. */
static int
execute_plan(Statement *statement, const NullableDatum *values,
			 Visibility visibility)
{
	Datum	   *datums = palloc(statement->nparameters * sizeof(Datum));
	char	   *nulls = palloc(statement->nparameters * sizeof(char));

	for (int i = 0; i < statement->nparameters; i++)
	{
		datums[i] = values[i].value;
		nulls[i] = values[i].isnull ? 'n' : ' ';
	}
	if (statement->ndomains > 0)
		check_domains(statement, values);
	if (visibility == LATEST_SNAPSHOT && IsolationUsesXactSnapshot())
	{
		/* As in ri_PerformCheck(): what this transaction did is seen, too. */
		CommandCounterIncrement();
		return SPI_execute_snapshot(statement->plan, datums, nulls,
									GetLatestSnapshot(),
									GetTransactionSnapshot(),
									false, true, 0);
	}
	return SPI_execute_plan(statement->plan, datums, nulls,
							visibility == CALLERS_SNAPSHOT, 0);
}

/*
 * What is kept of a domain grows with each change of it, or of any other, that
 * comes to the session's ears: it is made anew from time to time.
 */
static void
check_domains(Statement *statement, const NullableDatum *values)
{
	void	  **check = NULL;

	if (statement->domain_context != NULL &&
		MemoryContextMemAllocated(statement->domain_context, true) >
		DOMAINS_MAX_SIZE)
		forget_checks(statement);
	if (statement->domain_context == NULL)
		statement->domain_context =
			AllocSetContextCreate(TopMemoryContext, "ecommerce domains",
								  ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < statement->ndomains; i++)
	{
		DomainParameter *domain = &statement->domains[i];
		const NullableDatum *value = &values[domain->number - 1];

		if (!is_of_domain_before(statement, i))
			check = &domain->check;
		if (domain->type != domain->base_type)
			domain_check(value->value, value->isnull, domain->type,
						 check, statement->domain_context);
	}
}

/* What is known of the domain of the parameter before need not be found again. */
static bool
is_of_domain_before(const Statement *statement, int domain)
{
	return domain > 0 &&
		statement->domains[domain].type == statement->domains[domain - 1].type;
}

static void
forget_checks(Statement *statement)
{
	for (int i = 0; i < statement->ndomains; i++)
		statement->domains[i].check = NULL;
	MemoryContextDelete(statement->domain_context);
	statement->domain_context = NULL;
}

void
execute_into_from(const char *file, Statement *statement,
				  const NullableDatum *values, Visibility visibility,
				  DestReceiver *receiver)
{
	SPIExecuteOptions options = {0};
	int			result;

	plan_from(file, statement);

	/* To an engine, a list without entries is one that lacks values. */
	if (statement->nparameters > 0)
		options.params = makeParamList(statement->nparameters);
	for (int i = 0; i < statement->nparameters; i++)
	{
		ParamExternData *parameter = &options.params->params[i];

		parameter->value = values[i].value;
		parameter->isnull = values[i].isnull;
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = statement->parameters[i];
	}
	options.read_only = (visibility == CALLERS_SNAPSHOT);
	options.dest = receiver;

	/*
	 * To SPI, a query whose rows go to a receiver without a kind is a
	 * utility.
	 */
	result = SPI_execute_plan_extended(statement->plan, &options);
	if (result != SPI_OK_UTILITY && result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan_extended returned %s for \"%s\"",
			 SPI_result_code_string(result), statement->query);
}

void
execute_command(const char *command)
{
	int			result = SPI_execute(command, false, 0);

	if (result != SPI_OK_UTILITY)
		elog(ERROR, "SPI_execute returned %s for \"%s\"",
			 SPI_result_code_string(result), command);
}

void
execute_commands(SPITupleTable *commands)
{
	for (uint64 i = 0; i < commands->numvals; i++)
		execute_command(SPI_getvalue(commands->vals[i], commands->tupdesc, 1));
}

/*
 * Rows are inserted up to 16 at a time.  Each statement executed costs, among
 * other things, reading the table's constraints from their stored form; and
 * INSERT ... SELECT would not stay on one shard when the tables are distributed
 * by customer.
 */
void
insert_rows_from(const char *file, RowInserter *inserter, int64 customer_id,
				 int64 order_id, const NullableDatum *rows, int nrows)
{
	for (int first = 0; first < nrows; first += MAX_ROWS_AT_ONCE)
		insert_some_rows(file, inserter, customer_id, order_id,
						 &rows[first * inserter->ncolumns],
						 Min(nrows - first, MAX_ROWS_AT_ONCE));
}

void
plan_rows_from(const char *file, RowInserter *inserter, int nrows)
{
	Statement  *statement = &inserter->usual_statements[nrows - 1];

	if (statement->query == NULL)
		make_statement(statement, inserter, inserter->nusual, nrows);
	plan_from(file, statement);
}

static void
insert_some_rows(const char *file, RowInserter *inserter, int64 customer_id,
				 int64 order_id, const NullableDatum *rows, int nrows)
{
	bool		usual = are_usual(inserter, rows, nrows);
	Statement  *statement = usual ? &inserter->usual_statements[nrows - 1] :
	&inserter->statements[nrows - 1];
	int			ncolumns = usual ? inserter->nusual : inserter->ncolumns;
	NullableDatum *values = palloc((2 + nrows * ncolumns) * sizeof(NullableDatum));

	values[0] = bigint_value(customer_id);
	values[1] = bigint_value(order_id);
	for (int row = 0; row < nrows; row++)
		memcpy(&values[2 + row * ncolumns], &rows[row * inserter->ncolumns],
			   ncolumns * sizeof(NullableDatum));
	if (statement->query == NULL)
		make_statement(statement, inserter, ncolumns, nrows);
	require_written(execute_from(file, statement, values, FRESH_SNAPSHOT), nrows);
}

static bool
are_usual(const RowInserter *inserter, const NullableDatum *rows, int nrows)
{
	for (int row = 0; row < nrows; row++)
		for (int column = inserter->nusual; column < inserter->ncolumns; column++)
			if (!rows[row * inserter->ncolumns + column].isnull)
				return false;
	return true;
}

/* INSERT INTO ... VALUES ($1, $2, $3, ...), ($1, $2, $12, ...) */
static void
make_statement(Statement *statement, const RowInserter *inserter, int ncolumns,
			   int nrows)
{
	int			nparameters = 2 + nrows * ncolumns;
	Oid		   *parameters = MemoryContextAlloc(TopMemoryContext,
												nparameters * sizeof(Oid));
	StringInfoData query;
	int			number = 2;

	parameters[0] = parameters[1] = INT8OID;
	initStringInfo(&query);
	appendStringInfoString(&query, inserter->insert);
	for (int column = 0; column < ncolumns; column++)
		appendStringInfo(&query, ", %s", inserter->columns[column]);
	appendStringInfoString(&query, ") VALUES ");
	for (int row = 0; row < nrows; row++)
	{
		appendStringInfoString(&query, row == 0 ? "($1, $2" : ", ($1, $2");
		for (int column = 0; column < ncolumns; column++)
		{
			parameters[number++] = inserter->types[column];
			appendStringInfo(&query, ", $%d", number);
		}
		appendStringInfoChar(&query, ')');
	}
	statement->result = SPI_OK_INSERT;
	statement->nparameters = nparameters;
	statement->parameters = parameters;
	if (inserter->domains != NULL)
		name_domains(statement, inserter, ncolumns, nrows);
	statement->query = MemoryContextStrdup(TopMemoryContext, query.data);
}

/* Those of one column, and so of one domain, are beside each other. */
static void
name_domains(Statement *statement, const RowInserter *inserter, int ncolumns,
			 int nrows)
{
	DomainParameter *domains =
	MemoryContextAllocZero(TopMemoryContext,
						   nrows * ncolumns * sizeof(DomainParameter));
	int			count = 0;

	for (int column = 0; column < ncolumns; column++)
	{
		if (inserter->domains[column] == NULL)
			continue;
		for (int row = 0; row < nrows; row++)
		{
			domains[count].number = 2 + row * ncolumns + column + 1;
			domains[count].name = inserter->domains[column];
			domains[count].base_type = inserter->types[column];
			count++;
		}
	}
	statement->domains = domains;
	statement->ndomains = count;
}

/*
 * A plan that a rule has emptied depends on no table, and would be valid for
 * ever: it is given up, so that the session recovers when the rule is gone.
 */
static void
forget_rewritten(Statement *statement)
{
	SPIPlanPtr	plan = statement->plan;

	statement->plan = NULL;
	SPI_freeplan(plan);
}

void
require_written(uint64 written, uint64 expected)
{
	if (written != expected)
		refuse_written(written, expected);
}

static void
refuse_written(uint64 written, uint64 expected)
{
	ereport(ERROR,
			errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
			errmsg("rows were not written"),
			errdetail_internal("{\"code\": \"rows_not_written\", \"expected\": " UINT64_FORMAT ", \"written\": " UINT64_FORMAT "}",
							   expected, written),
			written < expected ?
			errhint("Look for a trigger or rule on the ecommerce tables that suppresses rows.") :
			errhint("Several rows have one key: order_integrity() shows which."));
}

void
read_row(SPITupleTable *rows, uint64 row, NullableDatum *fields, int nfields)
{
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];

	if (rows->tupdesc->natts != nfields || nfields > MAX_COLUMNS)
		elog(ERROR, "a result has %d columns, not %d",
			 rows->tupdesc->natts, nfields);
	heap_deform_tuple(rows->vals[row], rows->tupdesc, values, nulls);
	for (int i = 0; i < nfields; i++)
	{
		fields[i].value = values[i];
		fields[i].isnull = nulls[i];
	}
}

NullableDatum
bigint_array_value(Datum *elements, int count)
{
	ArrayType  *array = construct_array(elements, count, INT8OID,
										sizeof(int64), FLOAT8PASSBYVAL,
										TYPALIGN_DOUBLE);

	return not_null(PointerGetDatum(array));
}

NullableDatum
text_list_value(const List *texts)
{
	Datum	   *elements = palloc(list_length(texts) * sizeof(Datum));

	for (int i = 0; i < list_length(texts); i++)
		elements[i] = ((NullableDatum *) list_nth(texts, i))->value;
	return not_null(PointerGetDatum(construct_array(elements,
													list_length(texts),
													TEXTOID, -1, false,
													TYPALIGN_INT)));
}

NullableDatum
bigint_array(SPITupleTable *rows, uint64 count, int column)
{
	Datum	   *elements = palloc(count * sizeof(Datum));
	bool		isnull;

	for (uint64 i = 0; i < count; i++)
		elements[i] = SPI_getbinval(rows->vals[i], rows->tupdesc, column + 1,
									&isnull);
	return bigint_array_value(elements, count);
}

bool
has_bigint(SPITupleTable *rows, uint64 count, int64 value)
{
	uint64		first = 0;

	while (first < count)
	{
		uint64		middle = first + (count - first) / 2;
		bool		isnull;
		int64		found = DatumGetInt64(SPI_getbinval(rows->vals[middle],
														rows->tupdesc, 1,
														&isnull));

		if (found == value)
			return true;
		if (found < value)
			first = middle + 1;
		else
			count = middle;
	}
	return false;
}

/*
 * The plan is kept for the session, and published only when it is whole: after
 * an error in here the next call plans anew.
 */
void
plan_from(const char *file, Statement *statement)
{
	SPIPlanPtr	plan;
	volatile bool is_generic = false;

	if (statement->plan != NULL && has_its_domains(statement))
	{
		keep_generic_plan(file, statement);
		return;
	}
	for (int i = 0; i < statement->ndomains; i++)
	{
		DomainParameter *domain = &statement->domains[i];

		domain->type = find_domain(domain);
		domain->check = NULL;
		statement->parameters[domain->number - 1] = domain->type;
	}
	plan = plan_query(file, statement, CURSOR_OPT_GENERIC_PLAN);
	PG_TRY();
	{
		is_generic = has_generic_plan(plan);
	}
	PG_CATCH();
	{
		SPI_freeplan(plan);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (!is_generic)
	{
		SPI_freeplan(plan);
		plan = plan_query(file, statement, CURSOR_OPT_CUSTOM_PLAN);
	}
	statement->needs_values = !is_generic;
	statement->plan = plan;
}

/*
 * Tables may have been distributed since.  The old plan, which a trigger may still
 * be executing, is not freed.
 */
static void
keep_generic_plan(const char *file, Statement *statement)
{
	if (statement->needs_values || SPI_plan_is_valid(statement->plan) ||
		has_generic_plan(statement->plan))
		return;
	statement->plan = plan_query(file, statement, CURSOR_OPT_CUSTOM_PLAN);
	statement->needs_values = true;
}

static SPIPlanPtr
plan_query(const char *file, const Statement *statement, int options)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(with_comment(file, statement->query),
										  statement->nparameters,
										  statement->parameters, options);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor returned %s for \"%s\"",
			 SPI_result_code_string(SPI_result), statement->query);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed for \"%s\"", statement->query);
	return plan;
}

/* It is made, or made anew, here rather than in the execution, for which it stays. */
static bool
has_generic_plan(SPIPlanPtr plan)
{
	CachedPlan *generic = SPI_plan_get_cached_plan(plan);
	bool		is_usable = true;
	ListCell   *cell;

	foreach(cell, generic->stmt_list)
	{
		const PlannedStmt *planned = lfirst_node(PlannedStmt, cell);

		if (planned->planTree != NULL &&
			planned->planTree->total_cost > PROHIBITIVE_COST)
			is_usable = false;
	}
	ReleaseCachedPlan(generic, CurrentResourceOwner);
	return is_usable;
}

/*
 * The comment names the file without its folder: place_order.c.  It comes last,
 * as that of sqlcommenter does: since version 18 of the server a statement
 * begins with its first word for who counts statements.
 */
static char *
with_comment(const char *file, const char *query)
{
	const char *separator = strrchr(file, '/');

	return psprintf("%s /* ecommerce: %s */",
					query, separator ? separator + 1 : file);
}

/*
 * Not where the tables were made again in this session.  The old plan, which a
 * trigger may still be executing, is not freed.
 */
static bool
has_its_domains(const Statement *statement)
{
	for (int i = 0; i < statement->ndomains; i++)
		if (!is_of_domain_before(statement, i) &&
			!SearchSysCacheExists1(TYPEOID,
								   ObjectIdGetDatum(statement->domains[i].type)))
			return false;
	return true;
}

/* A shop may have given a column another type, and dropped the domain. */
static Oid
find_domain(const DomainParameter *domain)
{
	Oid			schema = get_namespace_oid("ecommerce", false);
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum(domain->name),
									   ObjectIdGetDatum(schema));

	return OidIsValid(type) && get_typtype(type) == TYPTYPE_DOMAIN &&
		getBaseType(type) == domain->base_type ? type : domain->base_type;
}
