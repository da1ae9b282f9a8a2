/*-------------------------------------------------------------------------
 *
 * statement.h
 *		A query that is planned once a session and then only executed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ECOMMERCE_STATEMENT_H
#define ECOMMERCE_STATEMENT_H

#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "compat.h"

/*
 * A parameter for a column whose type is a domain of ours.  Its value is checked
 * with what is kept of the domain for the session.  A query that casts its
 * parameter sets up the domain's constraints anew in each execution.
 */
typedef struct DomainParameter
{
	int			number;			/* the n of $n */
	const char *name;			/* in the schema ecommerce */
	Oid			base_type;
	Oid			type;			/* base_type where there is no such domain */
	void	   *check;			/* of the first of several of one domain */
} DomainParameter;

/* Declared static beside the code that runs it; plan starts out NULL. */
typedef struct Statement
{
	const char *query;
	int			result;			/* the SPI_OK_ code that executing it gives */
	int			nparameters;
	Oid		   *parameters;		/* their types */
	int			ndomains;
	bool		needs_values;	/* there is no generic plan */
	DomainParameter *domains;
	MemoryContext domain_context;	/* where their checks are */
	SPIPlanPtr	plan;
} Statement;

#define PARAMETERS(...) \
	.nparameters = lengthof(((Oid[]) {__VA_ARGS__})), \
	.parameters = (Oid[]) {__VA_ARGS__}

#define DOMAIN(parameter, domain, oid) \
	{.number = parameter, .name = domain, .base_type = oid}
#define DOMAINS(...) \
	.ndomains = lengthof(((DomainParameter[]) {__VA_ARGS__})), \
	.domains = (DomainParameter[]) {__VA_ARGS__}

/*
 * A list of columns is a macro that takes what to make of each: of its name, its
 * type in SQL, and its type's OID.
 */
#define COLUMN_FIELD(name, type, oid)		NullableDatum name;
#define COLUMN_COUNT(name, type, oid)		+ 1
#define COLUMN_SELECTED(name, type, oid)	", " #name "::" #type
#define COLUMN_NAME(name, type, oid)		#name,
#define COLUMN_OID(name, type, oid)			oid,

/* The place of a column in the struct of fields that is made of the list. */
#define COLUMN_INDEX(row, name)		(offsetof(row, name) / sizeof(NullableDatum))

/*
 * What the statements of one call may see.  STABLE functions keep to the
 * snapshot of the query that called them; VOLATILE ones must see, in every
 * statement, what was committed while the statement before waited for a lock.
 * At REPEATABLE READ and above that is nothing but what the transaction's
 * snapshot has: a statement that must not overlook newer rows asks for the
 * latest, as foreign keys do, and gets 40001 when it would change one.
 */
typedef enum Visibility
{
	CALLERS_SNAPSHOT,
	FRESH_SNAPSHOT,
	LATEST_SNAPSHOT
} Visibility;

/* The values of parameters. */

#define NULL_VALUE	((NullableDatum) {.isnull = true})

static inline NullableDatum
not_null(Datum value)
{
	NullableDatum result = {.value = value};

	return result;
}

#define bigint_value(value)			not_null(Int64GetDatum(value))
#define boolean_value(value)		not_null(BoolGetDatum(value))
#define integer_value(value)		not_null(Int32GetDatum(value))
#define smallint_value(value)		not_null(Int16GetDatum((int16) (value)))
#define numeric_value(value)		not_null(NumericGetDatum(value))
#define text_value(value)			not_null(CStringGetTextDatum(value))
#define timestamptz_value(value)	not_null(TimestampTzGetDatum(value))

/* NULL is null. */
static inline NullableDatum
jsonb_value(Jsonb *value)
{
	return value == NULL ? NULL_VALUE : not_null(JsonbPGetDatum(value));
}

/*
 * Executes the statement and returns the number of rows; the rows are in
 * SPI_tuptable.  There is a value for each parameter.  SPI must be connected.
 * Any error of the server's passes through.
 */
extern uint64 execute_from(const char *file, Statement *statement,
						   const NullableDatum *values, Visibility visibility);

/*
 * A statement ends with a comment that names the file, so that pg_stat_statements
 * and logs tell whose it is.
 */
#define execute(statement, values, visibility) \
	execute_from(__FILE__, statement, values, visibility)

/* Plans the statement, as its first execution would, and executes nothing. */
extern void plan_from(const char *file, Statement *statement);
#define plan_statement(statement) plan_from(__FILE__, statement)

/*
 * For an INSERT of a row that a sequence numbers: refuse() raises an error if one
 * of these unique indexes has the number already.  That costs nothing until then,
 * while ON CONFLICT looks into every index, every time.
 */
typedef struct RowNumber
{
	const char *indexes[2];
	void		(*refuse) (void);
} RowNumber;

extern uint64 execute_insert_from(const char *file, Statement *statement,
								  const NullableDatum *values,
								  const RowNumber *number);
#define execute_insert(statement, values, number) \
	execute_insert_from(__FILE__, statement, values, number)

/* For a SELECT: each row goes to the receiver. */
extern void execute_into_from(const char *file, Statement *statement,
							  const NullableDatum *values,
							  Visibility visibility, DestReceiver *receiver);
#define execute_into(statement, values, visibility, receiver) \
	execute_into_from(__FILE__, statement, values, visibility, receiver)

/*
 * Executes a command that is no query, such as GRANT, or those that a query has
 * put together.  Names in it are quoted.
 */
extern void execute_command(const char *command);
extern void execute_commands(SPITupleTable *commands);

/*
 * INSERT ... VALUES with any number of rows, of which each has the values of a
 * customer and an order in front of its own.  The columns behind the usual ones
 * are left out where all of them are null.  Statements are made when they are
 * first needed, statements[i] for i + 1 rows.
 */
#define MAX_ROWS_AT_ONCE	16

typedef struct RowInserter
{
	const char *insert;			/* up to the key of the order */
	int			ncolumns;		/* behind the customer and the order */
	int			nusual;			/* of these; the others may be null */
	const char *const *columns;
	const Oid  *types;
	const char *const *domains; /* ours; NULL for a column that has none, or
								 * for all */
	Statement	statements[MAX_ROWS_AT_ONCE];
	Statement	usual_statements[MAX_ROWS_AT_ONCE];
} RowInserter;

/* rows are ncolumns values each, one row behind the other. */
extern void insert_rows_from(const char *file, RowInserter *inserter,
							 int64 customer_id, int64 order_id,
							 const NullableDatum *rows, int nrows);
#define insert_rows(inserter, customer_id, order_id, rows, nrows) \
	insert_rows_from(__FILE__, inserter, customer_id, order_id, rows, nrows)

/* Plans the statement that inserts so many rows, of which none is unusual. */
extern void plan_rows_from(const char *file, RowInserter *inserter, int nrows);
#define plan_rows(inserter, nrows) plan_rows_from(__FILE__, inserter, nrows)

/* Reads a row of a result into one field for each column; 0 where it is null. */
extern void read_row(SPITupleTable *rows, uint64 row, NullableDatum *fields,
					 int nfields);

/* bigint values as an array. */
extern NullableDatum bigint_array_value(Datum *elements, int count);

/* A list of NullableDatum, texts that are not null, as an array. */
extern NullableDatum text_list_value(const List *texts);

/* The column of all rows as an array; it must be a bigint that is never null. */
extern NullableDatum bigint_array(SPITupleTable *rows, uint64 count,
								  int column);

/* Whether one of the rows has it, which have one bigint each and are sorted. */
extern bool has_bigint(SPITupleTable *rows, uint64 count, int64 value);

/*
 * Raises 09000 unless as many rows were written as should have been.  Only a
 * trigger or a rule of the shop's can be the reason.
 */
extern void require_written(uint64 written, uint64 expected);

#endif							/* ECOMMERCE_STATEMENT_H */
