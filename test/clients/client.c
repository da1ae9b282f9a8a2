/*
 * client.c
 *		Orders with libpq.
 *
 * client show USER			shows how ids, money, times and errors arrive
 * client buy USER [KEY]	buys a product; only with a key is a repeat safe
 *
 * The environment says which database: PGHOST, PGDATABASE and so on.
 *
 * libpq gives text, so nothing is rounded, but it does not read JSON: the database
 * takes apart what it has put together.
 */
#include <assert.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 10

#define ADD_TO_CART \
	"SELECT ecommerce.add_to_cart(user_id => $1, product_id => 1, quantity => 3)"
#define PLACE_ORDER \
	"SELECT placed ->> 'id', placed ->> 'replayed'" \
	"  FROM ecommerce.place_order(user_id => $1, idempotency_key => $2," \
	"                             expected_amount => '0.30') AS placed"
#define LISTING \
	"SELECT listed ->> 'id', listed ->> 'order_amount', listed ->> 'order_date'," \
	"       (listed ->> 'order_date')::timestamptz = orders.order_date" \
	"  FROM jsonb_array_elements(ecommerce.order_listing_json(user_id => $1, page_size => 20))" \
	"       AS listed" \
	"  JOIN ecommerce.orders ON customer_id = $1 AND id = (listed ->> 'id')::bigint"

typedef struct Order
{
	long long	id;
	bool		replayed;
} Order;

/* Executes a statement and leaves its result, or its error, in *result. */
static bool
execute(PGconn *conn, PGresult **result, const char *sql, int nvalues,
		const char *const *values)
{
	PQclear(*result);
	*result = PQexecParams(conn, sql, nvalues, NULL, values, NULL, NULL, 0);
	return PQresultStatus(*result) == PGRES_TUPLES_OK ||
		PQresultStatus(*result) == PGRES_COMMAND_OK;
}

/* NULL if the server did not say anything: the connection is lost. */
static const char *
sqlstate(const PGresult *error)
{
	return PQresultErrorField(error, PG_DIAG_SQLSTATE);
}

/* Can the same request succeed later?  A PTxyz is an answer, and stays what it is. */
static bool
may_repeat(const PGresult *error)
{
	const char *code = sqlstate(error);

	return code == NULL ||
		strcmp(code, "40001") == 0 || strcmp(code, "40P01") == 0 ||
		strcmp(code, "55P03") == 0 ||
		strncmp(code, "08", 2) == 0 || strncmp(code, "57", 2) == 0;
}

/* One attempt: the whole transaction. */
static bool
try_to_buy(PGconn *conn, PGresult **result, const char *user, const char *key,
		   Order *order)
{
	const char *values[] = {user, key};

	if (!execute(conn, result, "BEGIN", 0, NULL) ||
		!execute(conn, result, ADD_TO_CART, 1, values) ||
		!execute(conn, result, PLACE_ORDER, 2, values))
		return false;
	order->id = strtoll(PQgetvalue(*result, 0, 0), NULL, 10);
	order->replayed = strcmp(PQgetvalue(*result, 0, 1), "true") == 0;

	/*
	 * If an earlier attempt did it all, then what this one put into the cart
	 * must not stay.
	 */
	return execute(conn, result, order->replayed ? "ROLLBACK" : "COMMIT", 0, NULL);
}

/* Buys; after a failure that may pass, does all of it again. */
static void
buy(const char *user, const char *key, Order *order)
{
	for (int attempt = 1;; attempt++)
	{
		PGconn	   *conn = PQconnectdb("");
		PGresult   *result = NULL;
		bool		bought = try_to_buy(conn, &result, user, key, order);

		if (!bought && (attempt == ATTEMPTS || !may_repeat(result)))
		{
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(1);
		}
		if (!bought)
			printf("%s, again\n", sqlstate(result) ? sqlstate(result) : "connection lost");
		PQclear(result);
		PQfinish(conn);
		if (bought)
			return;
		usleep(rand() % (10000 << (attempt < 6 ? attempt : 6)));
	}
}

static void
show(const char *user)
{
	PGconn	   *conn = PQconnectdb("");
	PGresult   *result = NULL;
	Order		order,
				again;
	const char *detail;

	buy(user, "shown", &order);
	buy(user, "shown", &again);
	assert(!order.replayed && again.replayed && again.id == order.id);

	/*
	 * Ids fit into 64 bits, money stays text, times have the session's time
	 * zone.
	 */
	assert(execute(conn, &result, LISTING, 1, &user) && PQntuples(result) == 1);
	assert(order.id > 1LL << 53 && strtoll(PQgetvalue(result, 0, 0), NULL, 10) == order.id);
	assert(strcmp(PQgetvalue(result, 0, 1), "0.30") == 0);
	assert(strlen(PQgetvalue(result, 0, 2)) >= strlen("2026-11-23T09:26:53+00:00"));
	assert(strcmp(PQgetvalue(result, 0, 3), "t") == 0);

	/* What an error is about is JSON in the detail. */
	assert(!execute(conn, &result, "SELECT ecommerce.place_order(user_id => $1)", 1, &user));
	assert(!may_repeat(result));
	assert(strcmp(sqlstate(result), "PT404") == 0);
	assert(strcmp(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), "cart is empty") == 0);
	assert(strcmp(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT),
				  "Put a product into the cart with add_to_cart.") == 0);
	detail = strdup(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
	assert(execute(conn, &result, "SELECT $1::jsonb ->> 'code'", 1, &detail));
	assert(strcmp(PQgetvalue(result, 0, 0), "empty_cart") == 0);

	free((char *) detail);
	PQclear(result);
	PQfinish(conn);
}

int
main(int argc, char **argv)
{
	srand(getpid());
	if (argc == 3 && strcmp(argv[1], "show") == 0)
		show(argv[2]);
	else if (argc >= 3 && strcmp(argv[1], "buy") == 0)
	{
		Order		order;

		buy(argv[2], argv[3], &order);
		printf("replayed %s\n", order.replayed ? "true" : "false");
	}
	else
		return 2;
	return 0;
}
