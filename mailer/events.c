/*-------------------------------------------------------------------------
 *
 * events.c
 *		Takes events of orders from the database, and says what became of
 *		them.
 *
 * Each statement is a transaction of its own: what is taken is known to be
 * taken before anything is sent, and no transaction is open while a server is
 * slow.
 *
 *-------------------------------------------------------------------------
 */
#include "events.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "report.h"
#include "wait.h"

/* How long the database may take to answer. */
#define DATABASE_TIMEOUT 10000

/*
 * Just below that, so that a statement that nobody waits for ends, and what
 * it took is taken back.  A time-out holds for the statements after it.
 */
#define LIMIT_STATEMENTS \
	"SELECT pg_catalog.set_config('statement_timeout', '9000', false)"

/*
 * Fails early, before anything was sent, for a role that may not say what
 * became of it.  No name of the queries is looked up in a schema where
 * somebody could have put his own.
 */
#define PREPARE_SESSION \
	"SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)," \
	"       ecommerce.acknowledge_order_events('{}')," \
	"       ecommerce.fail_order_events('{}', 'none')"

/* With the digits of its currency; as many as it has, if that is more. */
#define AMOUNT(document, key) \
	"round((" document " ->> '" key "')::numeric, greatest(digits," \
	"      min_scale((" document " ->> '" key "')::numeric)))"

/*
 * The database takes its JSON apart itself.  Each row is a line of an order, or
 * what came back of one, or, after the lines, a charge; only the first says
 * what holds of the whole order.  OFFSET 0 has the planner leave the sub-select
 * alone: otherwise the order is copied for each of its lines, once for each
 * column.  An order that has come in past the constraints, with no such
 * currency, must not keep the others from being taken.  A guest has given a
 * name and an e-mail address with the order only.
 */
#define TAKE_EVENTS \
	"SELECT event ->> 'id'," \
	"       to_char(timezone('UTC', (head ->> 'created_at')::timestamptz)," \
	"               'YYYYMMDDHH24MISSUS')," \
	"       head ->> 'event', head," \
	"       whole ->> 'id', coalesce(whole ->> 'number', whole ->> 'id')," \
	"       whole ->> 'order_status', head ->> 'new_status'," \
	"       to_char((whole ->> 'order_date')::timestamptz," \
	"               'YYYY-MM-DD HH24:MI TZ')," \
	"       " AMOUNT("whole", "order_amount") ", whole ->> 'currency'," \
	"       whole ->> 'shipping_address'," \
	"       " AMOUNT("(head -> 'payload')", "amount") "," \
	"       head #>> '{payload,carrier}'," \
	"       head #>> '{payload,tracking_number}'," \
	"       head #>> '{payload,tracking_url}'," \
	"       coalesce(CASE WHEN head #>> '{customer,email}' IS NULL" \
	"                     THEN whole #>> '{address,name}' END," \
	"                head -> 'customer' ->> 'name')," \
	"       coalesce(head -> 'customer' ->> 'email', whole #>> '{address,email}')," \
	"       is_line, line #>> '{product_order_details,name}'," \
	"       line ->> 'quantity', " AMOUNT("line", "unit_price") "," \
	"       " AMOUNT("line", "line_amount") ", line ->> 'name'," \
	"       " AMOUNT("line", "amount") ", line ->> 'is_included'" \
	"  FROM jsonb_array_elements(ecommerce.take_order_events(max => $1," \
	"           event => $3, lease_seconds => $2))" \
	"           WITH ORDINALITY AS taken (event, event_number)" \
	" CROSS JOIN LATERAL (SELECT event -> 'order'," \
	"           CASE WHEN event #>> '{order,currency}' ~ '^[A-Z]{3}$'" \
	"                THEN ecommerce.currency_digits(event #>> '{order,currency}')" \
	"           END OFFSET 0)" \
	"           AS ordered (document, digits)" \
	"  LEFT JOIN LATERAL (SELECT true, part, number" \
	"           FROM jsonb_array_elements(document -> 'order_details')" \
	"                WITH ORDINALITY AS ordered_lines (part, number)" \
	"          WHERE event ->> 'event' <> 'order_items_returned'" \
	"           UNION ALL" \
	"          SELECT true, jsonb_build_object('quantity', part -> 'quantity'," \
	"                                          'line_amount', part -> 'amount'," \
	"                                          'product_order_details'," \
	"                                          ordered_line -> 'product_order_details')," \
	"                 number" \
	"           FROM jsonb_array_elements(event #> '{payload,items}')" \
	"                WITH ORDINALITY AS returned_lines (part, number)" \
	"           LEFT JOIN jsonb_array_elements(document -> 'order_details')" \
	"                AS ordered_lines (ordered_line)" \
	"             ON ordered_line -> 'id' = part -> 'line'" \
	"          WHERE event ->> 'event' = 'order_items_returned'" \
	"           UNION ALL" \
	"          SELECT false, part, number +" \
	"                 jsonb_array_length(document -> 'order_details')" \
	"           FROM jsonb_array_elements(document #> '{charges,adjustments}')" \
	"                WITH ORDINALITY AS charges (part, number)" \
	"          WHERE event ->> 'event' <> 'order_items_returned')" \
	"           AS detail (is_line, line, line_number) ON true" \
	" CROSS JOIN LATERAL (SELECT" \
	"           CASE WHEN line_number > 1 THEN NULL ELSE event END," \
	"           CASE WHEN line_number > 1 THEN NULL ELSE document END)" \
	"           AS parts (head, whole)" \
	" ORDER BY event_number, line_number"

#define WORD_EVENT(function) \
	"SELECT subject, text, html FROM " function "($1::jsonb)"

#define ACKNOWLEDGE_EVENT \
	"SELECT ecommerce.acknowledge_order_events(ARRAY[$1::bigint])"

#define FAIL_EVENT \
	"SELECT ecommerce.fail_order_events(ARRAY[$1::bigint], $2)"

/* Columns of TAKE_EVENTS. */
enum
{
	EVENT_ID, EVENT_TIME, EVENT_NAME, EVENT_JSON,
	ORDER_ID, ORDER_NUMBER, ORDER_STATUS, EVENT_STATUS, ORDER_DATE,
	ORDER_AMOUNT, CURRENCY, SHIPPING_ADDRESS,
	EVENT_AMOUNT, CARRIER, TRACKING_NUMBER, TRACKING_URL,
	CUSTOMER_NAME, CUSTOMER_EMAIL,
	IS_LINE, PRODUCT_NAME, QUANTITY, UNIT_PRICE, LINE_AMOUNT,
	CHARGE_NAME, CHARGE_AMOUNT, CHARGE_IS_INCLUDED
};

static PGconn *connection = NULL;

static int	mark_event(const char *statement, int nvalues,
					   const char *const *values);
static PGresult *query(const char *statement, int nvalues,
					   const char *const *values, bool until_stop);
static const char *why(const PGresult *result);
static bool connect_database(bool until_stop);
static bool prepare_session(const char *statement, bool until_stop);
static void drop_notice(void *data, const char *message);
static PGresult *execute(const char *statement, int nvalues,
						 const char *const *values, bool until_stop);
static void hand_over(const PGresult *rows, int first, int nrows,
					  EventReceiver receiver, void *data);
static int	count_lines(const PGresult *rows, int first, int nrows);
static void read_charges(const PGresult *rows, int first, int nrows,
						 Charge *charges);

int
take_events(const char *name, int most, int lease, EventReceiver receiver,
			void *data)
{
	char		most_text[16];
	char		lease_text[16];
	const char *values[] = {most_text, lease_text, name};
	PGresult   *rows;
	int			nevents = 0;

	snprintf(most_text, sizeof(most_text), "%d", most);
	snprintf(lease_text, sizeof(lease_text), "%d", lease);
	rows = query(TAKE_EVENTS, 3, values, true);
	if (rows == NULL)
		return -1;

	for (int first = 0, next; first < PQntuples(rows); first = next)
	{
		const char *id = PQgetvalue(rows, first, EVENT_ID);

		for (next = first + 1; next < PQntuples(rows); next++)
		{
			if (strcmp(PQgetvalue(rows, next, EVENT_ID), id) != 0)
				break;
		}
		hand_over(rows, first, next - first, receiver, data);
		nevents++;
	}
	PQclear(rows);
	return nevents;
}

int
word_event(const char *function, const char *event, Texts *texts)
{
	char		statement[256];
	PGresult   *rows;
	int			nrows;

	snprintf(statement, sizeof(statement), WORD_EVENT("%s"), function);
	rows = query(statement, 1, &event, true);
	if (rows == NULL)
		return -1;
	/* A subject that is null, too, says that there is nothing to send. */
	nrows = PQntuples(rows) > 0 && !PQgetisnull(rows, 0, 0) ? 1 : 0;
	if (nrows > 0)
	{
		texts->subject = copy(PQgetvalue(rows, 0, 0));
		texts->text = copy(PQgetvalue(rows, 0, 1));
		texts->html = PQgetisnull(rows, 0, 2) ? NULL :
			copy(PQgetvalue(rows, 0, 2));
	}
	PQclear(rows);
	return nrows;
}

int
acknowledge_event(const char *id)
{
	return mark_event(ACKNOWLEDGE_EVENT, 1, &id);
}

int
fail_event(const char *id, const char *reason)
{
	const char *values[] = {id, reason};

	return mark_event(FAIL_EVENT, 2, values);
}

void
disconnect(void)
{
	PQfinish(connection);
	connection = NULL;
}

/*
 * The program stops when it knows whether what became of a message is known to
 * the database.
 */
static int
mark_event(const char *statement, int nvalues, const char *const *values)
{
	PGresult   *rows = query(statement, nvalues, values, false);
	int			marked;

	if (rows == NULL)
		return -1;
	marked = atoi(PQgetvalue(rows, 0, 0));
	PQclear(rows);
	return marked;
}

/* Returns the rows, or NULL, having said why and closed the connection. */
static PGresult *
query(const char *statement, int nvalues, const char *const *values,
	  bool until_stop)
{
	PGresult   *result = NULL;

	if (connection != NULL || connect_database(until_stop))
		result = execute(statement, nvalues, values, until_stop);
	if (result != NULL && PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;

	if (!stop_requested() || !until_stop)
		report("database: %s", why(result));
	PQclear(result);
	disconnect();
	return NULL;
}

static const char *
why(const PGresult *result)
{
	if (result != NULL)
		return PQresultErrorMessage(result);
	if (*PQerrorMessage(connection) != '\0')
		return PQerrorMessage(connection);
	return "no answer";
}

static bool
connect_database(bool until_stop)
{
	static const char *const keywords[] = {
		"client_encoding", "fallback_application_name", NULL
	};
	static const char *const values[] = {"UTF8", "ecommerce-mailer", NULL};

	connection = PQconnectdbParams(keywords, values, false);
	if (PQstatus(connection) != CONNECTION_OK)
		return false;
	/* Details of an error may quote rows. */
	PQsetErrorVerbosity(connection, PQERRORS_TERSE);
	PQsetNoticeProcessor(connection, drop_notice, NULL);
	return prepare_session(LIMIT_STATEMENTS, until_stop) &&
		prepare_session(PREPARE_SESSION, until_stop);
}

static bool
prepare_session(const char *statement, bool until_stop)
{
	PGresult   *result = execute(statement, 0, NULL, until_stop);
	bool		prepared = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return prepared;
}

/* A notice is the shop's own, if it has any, and may name persons. */
static void
drop_notice(void *data, const char *message)
{
	(void) data;
	(void) message;
}

/*
 * PQexecParams() with an end: returns NULL at the time-out or if it was
 * stopped.
 */
static PGresult *
execute(const char *statement, int nvalues, const char *const *values,
		bool until_stop)
{
	long long	deadline = current_time() + DATABASE_TIMEOUT;
	PGresult   *result = NULL;

	if (!PQsendQueryParams(connection, statement, nvalues, NULL, values,
						   NULL, NULL, 0))
		return NULL;
	for (;;)
	{
		PGresult   *next;

		while (PQisBusy(connection))
		{
			if (!wait_readable(PQsocket(connection), deadline, until_stop) ||
				!PQconsumeInput(connection))
			{
				PQclear(result);
				return NULL;
			}
		}
		next = PQgetResult(connection);
		if (next == NULL)
			return result;
		PQclear(result);
		result = next;
	}
}

static void
hand_over(const PGresult *rows, int first, int nrows, EventReceiver receiver,
		  void *data)
{
	int			nlines = count_lines(rows, first, nrows);
	Line	   *lines = calloc(nrows, sizeof(Line));
	Charge	   *charges = calloc(nrows, sizeof(Charge));
	Notice		notice = {
		.event = PQgetvalue(rows, first, EVENT_NAME),
		.event_id = PQgetvalue(rows, first, EVENT_ID),
		.event_time = PQgetvalue(rows, first, EVENT_TIME),
		.order_id = PQgetvalue(rows, first, ORDER_ID),
		.order_number = PQgetvalue(rows, first, ORDER_NUMBER),
		.order_date = PQgetvalue(rows, first, ORDER_DATE),
		.order_amount = PQgetvalue(rows, first, ORDER_AMOUNT),
		.currency = PQgetvalue(rows, first, CURRENCY),
		.shipping_address = PQgetvalue(rows, first, SHIPPING_ADDRESS),
		.cancelled = strcmp(PQgetvalue(rows, first, ORDER_STATUS),
							"CANCELLED") == 0,
		.not_sent = strcmp(PQgetvalue(rows, first, EVENT_STATUS),
						   "PROCESSING") == 0,
		.amount = PQgetvalue(rows, first, EVENT_AMOUNT),
		.carrier = PQgetvalue(rows, first, CARRIER),
		.tracking_number = PQgetvalue(rows, first, TRACKING_NUMBER),
		.tracking_url = PQgetvalue(rows, first, TRACKING_URL),
		.name = PQgetvalue(rows, first, CUSTOMER_NAME),
		.recipient = PQgetvalue(rows, first, CUSTOMER_EMAIL),
		.nlines = nlines,
		.lines = lines,
		.ncharges = nrows - nlines,
		.charges = charges
	};

	if (lines == NULL || charges == NULL)
		out_of_memory();
	for (int i = 0; i < nlines; i++)
	{
		Line	   *line = &lines[i];

		line->name = PQgetvalue(rows, first + i, PRODUCT_NAME);
		line->quantity = PQgetvalue(rows, first + i, QUANTITY);
		line->unit_price = PQgetvalue(rows, first + i, UNIT_PRICE);
		line->line_amount = PQgetvalue(rows, first + i, LINE_AMOUNT);
	}
	read_charges(rows, first + nlines, nrows - nlines, charges);
	receiver(&notice, PQgetvalue(rows, first, EVENT_JSON), data);
	free(lines);
	free(charges);
}

static int
count_lines(const PGresult *rows, int first, int nrows)
{
	int			nlines = 0;

	while (nlines < nrows &&
		   strcmp(PQgetvalue(rows, first + nlines, IS_LINE), "f") != 0)
		nlines++;
	return nlines;
}

static void
read_charges(const PGresult *rows, int first, int nrows, Charge *charges)
{
	for (int i = 0; i < nrows; i++)
	{
		charges[i].name = PQgetvalue(rows, first + i, CHARGE_NAME);
		charges[i].amount = PQgetvalue(rows, first + i, CHARGE_AMOUNT);
		charges[i].is_included =
			strcmp(PQgetvalue(rows, first + i, CHARGE_IS_INCLUDED),
				   "true") == 0;
	}
}
