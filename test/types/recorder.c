/*-------------------------------------------------------------------------
 *
 * recorder.c
 *		Writes down what the functions of the extension answer.
 *
 * A library for session_preload_libraries.  Every answer that is JSON, and every
 * error and warning with a DETAIL in JSON, becomes a line of the file that the
 * setting recorder.file names, which is JSON itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

PG_MODULE_MAGIC;

static char *file = NULL;
static emit_log_hook_type next_log_hook = NULL;

/* Of the call that is about to begin. */
static PGFunction original = NULL;

void		_PG_init(void);

static bool is_of_interest(Oid function);
static void divert(FmgrHookEventType event, FmgrInfo *function, Datum *memory);
static Datum record_answer(PG_FUNCTION_ARGS);
static void record_error(ErrorData *error);
static void begin_line(StringInfo line);
static void append_text(StringInfo line, const char *key, const char *value);
static void write_line(const StringInfoData *line);

void
_PG_init(void)
{
	DefineCustomStringVariable("recorder.file", "Where answers are written.", NULL,
							   &file, "", PGC_SUSET, 0, NULL, NULL, NULL);
	needs_fmgr_hook = is_of_interest;
	fmgr_hook = divert;
	next_log_hook = emit_log_hook;
	emit_log_hook = record_error;
}

static bool
is_of_interest(Oid function)
{
	char	   *schema = get_namespace_name(get_func_namespace(function));
	Oid			result = get_func_rettype(function);

	return (result == JSONBOID || result == JSONOID) && schema != NULL &&
		(strcmp(schema, "ecommerce") == 0 || strcmp(schema, "ecommerce_api") == 0);
}

/*
 * The hook is not told what a function returns: another function is called in its
 * place.  It is also called for functions with settings of their own.
 */
static void
divert(FmgrHookEventType event, FmgrInfo *function, Datum *memory)
{
	if (event != FHET_START || !is_of_interest(function->fn_oid))
		return;
	if (function->fn_addr != record_answer)
	{
		*memory = PointerGetDatum(function->fn_addr);
		function->fn_addr = record_answer;
	}
	original = (PGFunction) DatumGetPointer(*memory);
}

static Datum
record_answer(PG_FUNCTION_ARGS)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	Datum		answer = original(fcinfo);
	StringInfoData line;

	begin_line(&line);
	append_text(&line, "function", get_func_name(function));
	appendStringInfoString(&line, ", \"answer\": ");
	if (fcinfo->isnull)
		appendStringInfoString(&line, "null");
	else if (get_func_rettype(function) == JSONOID)
		appendStringInfoString(&line, TextDatumGetCString(answer));
	else
		(void) JsonbToCString(&line, &DatumGetJsonbP(answer)->root, 0);
	appendStringInfoString(&line, "}\n");
	write_line(&line);
	return answer;
}

static void
record_error(ErrorData *error)
{
	StringInfoData line;

	if (next_log_hook)
		next_log_hook(error);
	if (error->detail == NULL || error->detail[0] != '{')
		return;
	begin_line(&line);
	append_text(&line, "sqlstate", unpack_sql_state(error->sqlerrcode));
	append_text(&line, "message", error->message);
	append_text(&line, "hint", error->hint);
	append_text(&line, "detail", error->detail);
	appendStringInfoString(&line, "}\n");
	write_line(&line);
}

static void
begin_line(StringInfo line)
{
	initStringInfo(line);
	appendStringInfoString(line, "{\"test\": ");
	escape_json(line, application_name ? application_name : "");
}

static void
append_text(StringInfo line, const char *key, const char *value)
{
	appendStringInfo(line, ", \"%s\": ", key);
	if (value == NULL)
		appendStringInfoString(line, "null");
	else
		escape_json(line, value);
}

/* In one piece, so that lines of several processes do not mix. */
static void
write_line(const StringInfoData *line)
{
	int			fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0 || write(fd, line->data, line->len) != line->len)
		abort();
	close(fd);
}
