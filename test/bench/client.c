/*
 * client.c
 *		Sends what a client of the shop sends, and times it or marks it.
 *
 * client time ARGUMENTS ROUNDS TIMES PEER...
 *		Each peer has a connection of its own.  In each round the peers come
 *		in random order, each TIMES times in a row.  Prints a line "NAME
 *		MICROSECONDS", the time of one call, for each peer and round.
 *
 * client mark ARGUMENTS TIMES,TIMES,... PEER
 *		Calls the peer as many times as the first number says, then as many as
 *		the second, and so on, with a call of pg_sleep(0) before, between and
 *		after, at which callgrind is told to write its counts.  Prints the
 *		process id of the server process.
 *
 * A PEER is NAME=SQL, a statement with at most one parameter, $1.  ARGUMENTS is
 * a query for the values of $1, which are used in turn, over and over.  Two
 * names need no SQL: they place orders the way a client does that knows nothing
 * of the extension, with a statement for each step, all prepared.
 *		writes		only the statements that write, as if the client knew the
 *					catalogue and nobody else ever bought anything
 *		statements	all the steps of place_order.c, with their locks
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_PEERS 16
#define MAX_LINES 1000
#define LINE_COLUMNS 9

typedef enum Step
{
	BEGIN, LOCK_USER, LOCK_CART, DELETE_ITEMS, SELECT_PRODUCTS, LOCK_STOCK,
	DECREMENT_STOCK, INSERT_ORDER, INSERT_LINES, INSERT_EVENT, COMMIT, CALL,
	NSTEPS
} Step;

/*
 * What the SQL of src/place_order.c does, each in the fastest form found: the
 * lines are one statement, and width_bucket() finds the place of a product in
 * the ids, which are sorted.
 */
static const char *const step_sql[NSTEPS] = {
	[BEGIN] = "BEGIN",
	[LOCK_USER] = 
	"SELECT address, shipping_address FROM ecommerce.users WHERE id = $1 FOR KEY SHARE",
	[LOCK_CART] =
	"SELECT stock_bucket, address, billing_address, coupons, shipping_code"
	"  FROM ecommerce.carts WHERE user_id = $1 FOR NO KEY UPDATE",
	[DELETE_ITEMS] =
	"DELETE FROM ecommerce.cart_items WHERE user_id = $1"
	" RETURNING product_id, quantity, unit_price, currency, product_name",
	[SELECT_PRODUCTS] =
	"SELECT product.id, product.is_active, product.currency, product.price,"
	"       product.name, product.description, category.id, category.name,"
	"       product.sku, product.options, product.tax_class, product.weight"
	"  FROM ecommerce.products AS product"
	"  LEFT JOIN ecommerce.categories AS category ON category.id = product.category_id"
	" WHERE product.id = ANY ($1)",
	[LOCK_STOCK] =
	"SELECT product_id, quantity FROM ecommerce.stock_levels"
	" WHERE bucket = 0 AND product_id = ANY ($1) ORDER BY product_id FOR NO KEY UPDATE",
	[DECREMENT_STOCK] =
	"UPDATE ecommerce.stock_levels SET quantity = quantity -"
	"       ($2::integer[])[width_bucket(product_id, $1::bigint[])]"
	" WHERE bucket = 0 AND product_id = ANY ($1)",
	[INSERT_ORDER] =
	"INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address,"
	"       idempotency_key, stock_bucket)"
	" VALUES ($1::bigint, $2::numeric, 'USD', $3::text, NULL, 0) RETURNING id, order_date, order_status",
	[INSERT_EVENT] =
	"INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event,"
	"       new_status, actor)"
	" VALUES ($1, $2, 1, 'order_placed', 'PROCESSING', current_user)",
	[COMMIT] = "COMMIT",
};

/* The catalogue, in the order of columns of the lines. */
enum product_column
{
	PRODUCT_ID, PRODUCT_NAME, PRODUCT_DESCRIPTION, PRODUCT_CATEGORY_ID,
	PRODUCT_CATEGORY_NAME, PRODUCT_PRICE
};

typedef struct Peer
{
	char	   *name;
	const char *sql;			/* NULL for the two that send steps */
	bool		reads;			/* does it send the steps that only read? */
	bool		prepared[NSTEPS];
	PGconn	   *conn;
} Peer;

typedef struct Item
{
	int			product_id;
	int			quantity;
} Item;

static PGresult *arguments;
static int	next_argument = 0;
static PGresult *catalogue;		/* product id n is row n - 1 */

static void
fail(const char *message)
{
	fprintf(stderr, "client: %s\n", message);
	exit(1);
}

static PGresult *
check(PGconn *conn, PGresult *result)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK &&
		PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQerrorMessage(conn));
	return result;
}

/* What a pool executes in a new connection is not counted. */
static PGconn *
connect_to_server(void)
{
	PGconn	   *conn = PQconnectdb("");
	const char *greeting = getenv("BENCH_GREETING");

	if (PQstatus(conn) != CONNECTION_OK)
		fail(PQerrorMessage(conn));
	if (greeting != NULL)
		PQclear(check(conn, PQexec(conn, greeting)));
	return conn;
}

/* Prepares a step when it is first needed, and executes it. */
static PGresult *
send_step(Peer *peer, Step step, const char *sql, int nvalues,
		  const char *const *values)
{
	char		name[8];

	snprintf(name, sizeof(name), "s%d", step);
	if (!peer->prepared[step])
		PQclear(check(peer->conn, PQprepare(peer->conn, name, sql, 0, NULL)));
	peer->prepared[step] = true;
	return check(peer->conn, PQexecPrepared(peer->conn, name, nvalues, values,
											NULL, NULL, 0));
}

/* Executes a step, and checks how many rows it returned or wrote. */
static void
run_step(Peer *peer, Step step, const char *sql, int nvalues,
		 const char *const *values, int rows)
{
	PGresult   *result = send_step(peer, step, sql, nvalues, values);

	if (rows >= 0 && atoi(PQcmdTuples(result)) != rows)
		fail("a statement did not find all rows");
	PQclear(result);
}

static int
compare_items(const void *a, const void *b)
{
	return ((const Item *) a)->product_id - ((const Item *) b)->product_id;
}

static int
take_items(Peer *peer, const char *user_id, Item *items)
{
	PGresult   *result = send_step(peer, DELETE_ITEMS, step_sql[DELETE_ITEMS],
								   1, &user_id);
	int			count = PQntuples(result);

	if (count < 1 || count > MAX_LINES)
		fail("no cart is left, or one has too many items");
	for (int i = 0; i < count; i++)
	{
		items[i].product_id = atoi(PQgetvalue(result, i, 0));
		items[i].quantity = atoi(PQgetvalue(result, i, 1));
	}
	qsort(items, count, sizeof(Item), compare_items);
	PQclear(result);
	return count;
}

/* One statement for all lines, in which customer and order are sent once. */
static const char *
insert_lines_sql(int count)
{
	static char sql[MAX_LINES * LINE_COLUMNS * 16];
	static const char *const types[] = {
		"integer", "bigint", "text", "text", "bigint", "text", "numeric", "integer",
		"numeric"
	};
	char	   *end = sql;

	end += sprintf(end, "INSERT INTO ecommerce.order_details (customer_id, order_id,"
				   " line_number, product_id, product_name, product_description,"
				   " category_id, category_name, unit_price, quantity, line_amount) VALUES");
	for (int i = 0; i < count; i++)
	{
		end += sprintf(end, "%s ($1::bigint, $2::bigint", i > 0 ? "," : "");
		for (int column = 0; column < LINE_COLUMNS; column++)
			end += sprintf(end, ", $%d::%s", 3 + i * LINE_COLUMNS + column, types[column]);
		end += sprintf(end, ")");
	}
	return sql;
}

static void
read_catalogue(PGconn *conn)
{
	catalogue = check(conn, PQexec(conn,
								   "SELECT product.id, product.name, description,"
								   "       category.id, category.name, price"
								   "  FROM ecommerce.products AS product"
								   "  JOIN ecommerce.categories AS category"
								   "    ON category.id = category_id ORDER BY 1"));
}

static int64_t
cents(int product_id)
{
	char		price[32];
	char	   *point;

	snprintf(price, sizeof(price), "%s", PQgetvalue(catalogue, product_id - 1, PRODUCT_PRICE));
	point = strchr(price, '.');
	memmove(point, point + 1, strlen(point));
	return atoll(price);
}

static void
write_amount(char text[32], int64_t cents)
{
	snprintf(text, 32, "%lld.%02lld", (long long) cents / 100, (long long) cents % 100);
}

static void
write_lines(Peer *peer, const char *user_id, const char *order_id,
			const Item *items, int count)
{
	static char texts[MAX_LINES][3][32];
	const char *values[2 + MAX_LINES * LINE_COLUMNS] = {user_id, order_id};
	const char **value = values + 2;

	for (int i = 0; i < count; i++)
	{
		int			row = items[i].product_id - 1;

		snprintf(texts[i][0], sizeof(texts[i][0]), "%d", i + 1);
		snprintf(texts[i][1], sizeof(texts[i][1]), "%d", items[i].quantity);
		write_amount(texts[i][2], cents(items[i].product_id) * items[i].quantity);
		*value++ = texts[i][0];
		*value++ = PQgetvalue(catalogue, row, PRODUCT_ID);
		*value++ = PQgetvalue(catalogue, row, PRODUCT_NAME);
		*value++ = PQgetvalue(catalogue, row, PRODUCT_DESCRIPTION);
		*value++ = PQgetvalue(catalogue, row, PRODUCT_CATEGORY_ID);
		*value++ = PQgetvalue(catalogue, row, PRODUCT_CATEGORY_NAME);
		*value++ = PQgetvalue(catalogue, row, PRODUCT_PRICE);
		*value++ = texts[i][1];
		*value++ = texts[i][2];
	}
	run_step(peer, INSERT_LINES, insert_lines_sql(count), value - values, values,
			 count);
}

static void
place_with_steps(Peer *peer, const char *user_id)
{
	Item		items[MAX_LINES];
	char		ids[MAX_LINES * 12] = "{";
	char		quantities[MAX_LINES * 12] = "{";
	const char *arrays[] = {ids, quantities};
	char		sum_text[32];
	const char *order[] = {
		user_id, sum_text, "587 Hinkle Deegan Lake Road, Syracuse, New York"
	};
	const char *event[2] = {user_id};
	int64_t		sum = 0;
	int			count;
	PGresult   *result;

	run_step(peer, BEGIN, step_sql[BEGIN], 0, NULL, -1);
	if (peer->reads)
	{
		run_step(peer, LOCK_USER, step_sql[LOCK_USER], 1, &user_id, 1);
		run_step(peer, LOCK_CART, step_sql[LOCK_CART], 1, &user_id, 1);
	}
	count = take_items(peer, user_id, items);
	for (int i = 0; i < count; i++)
	{
		const char *separator = i < count - 1 ? "," : "}";

		sprintf(ids + strlen(ids), "%d%s", items[i].product_id, separator);
		sprintf(quantities + strlen(quantities), "%d%s", items[i].quantity, separator);
		sum += cents(items[i].product_id) * items[i].quantity;
	}
	if (peer->reads)
	{
		run_step(peer, SELECT_PRODUCTS, step_sql[SELECT_PRODUCTS], 1, arrays, count);
		run_step(peer, LOCK_STOCK, step_sql[LOCK_STOCK], 1, arrays, count);
	}
	run_step(peer, DECREMENT_STOCK, step_sql[DECREMENT_STOCK], 2, arrays, count);

	write_amount(sum_text, sum);
	result = send_step(peer, INSERT_ORDER, step_sql[INSERT_ORDER], 3, order);
	write_lines(peer, user_id, PQgetvalue(result, 0, 0), items, count);
	event[1] = PQgetvalue(result, 0, 0);
	run_step(peer, INSERT_EVENT, step_sql[INSERT_EVENT], 2, event, 1);
	run_step(peer, COMMIT, step_sql[COMMIT], 0, NULL, -1);
	PQclear(result);
}

static void
call(Peer *peer)
{
	const char *argument = PQgetvalue(arguments, next_argument, 0);

	next_argument = (next_argument + 1) % PQntuples(arguments);
	if (peer->sql == NULL)
		place_with_steps(peer, argument);
	else
		run_step(peer, CALL, peer->sql, strstr(peer->sql, "$1") ? 1 : 0,
				 &argument, -1);
}

static void
open_peer(Peer *peer, char *argument)
{
	char	   *equals = strchr(argument, '=');

	memset(peer, 0, sizeof(Peer));
	peer->name = argument;
	if (equals != NULL)
	{
		*equals = '\0';
		peer->sql = equals + 1;
	}
	peer->reads = strcmp(argument, "statements") == 0;
	if (equals == NULL && !peer->reads && strcmp(argument, "writes") != 0)
		fail("unknown peer");
	peer->conn = connect_to_server();
}

static double
microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void
time_peers(Peer *peers, int npeers, int rounds, int times)
{
	/* Round 0 warms up. */
	for (int round = 0; round <= rounds; round++)
	{
		for (int i = npeers - 1; i > 0; i--)
		{
			int			other = random() % (i + 1);
			Peer		peer = peers[i];

			peers[i] = peers[other];
			peers[other] = peer;
		}
		for (int i = 0; i < npeers; i++)
		{
			double		start = microseconds();

			for (int n = 0; n < times; n++)
				call(&peers[i]);
			if (round > 0)
				printf("%s %.2f\n", peers[i].name, (microseconds() - start) / times);
		}
	}
}

static void
mark_peer(Peer *peer, char *counts)
{
	PGconn	   *conn = peer->conn;

	PQclear(check(conn, PQprepare(conn, "mark", "SELECT pg_catalog.pg_sleep(0)", 0, NULL)));
	PQclear(check(conn, PQexecPrepared(conn, "mark", 0, NULL, NULL, NULL, 0)));
	for (char *count = strtok(counts, ","); count; count = strtok(NULL, ","))
	{
		for (int i = 0; i < atoi(count); i++)
			call(peer);
		PQclear(check(conn, PQexecPrepared(conn, "mark", 0, NULL, NULL, NULL, 0)));
	}
	printf("%d\n", PQbackendPID(conn));
}

int
main(int argc, char **argv)
{
	bool		timing = argc > 1 && strcmp(argv[1], "time") == 0;
	char	  **names = argv + (timing ? 5 : 4);
	int			npeers = argc - (names - argv);
	Peer		peers[MAX_PEERS];
	PGconn	   *conn;

	if (npeers < 1 || npeers > MAX_PEERS)
		fail("wrong arguments");
	conn = connect_to_server();
	arguments = check(conn, PQexec(conn, argv[2]));
	if (PQntuples(arguments) == 0)
		fail("there is nothing to call the peers with");
	for (int i = 0; i < npeers; i++)
	{
		open_peer(&peers[i], names[i]);
		if (peers[i].sql == NULL && catalogue == NULL)
			read_catalogue(conn);
	}
	if (timing)
		time_peers(peers, npeers, atoi(argv[3]), atoi(argv[4]));
	else
		mark_peer(&peers[0], argv[3]);
	for (int i = 0; i < npeers; i++)
		PQfinish(peers[i].conn);
	PQfinish(conn);
	return 0;
}
