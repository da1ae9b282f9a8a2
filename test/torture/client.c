/*
 * client.c
 *		Customers and staff of a shop, who do not give up when it crashes.
 *
 * client SEED SECONDS WORKERS KEYS PLACE CANCEL GIVE_BACK
 *		Each worker has a connection of its own and chooses at random what to
 *		do next, until the time is over.  Whatever a worker is answered it
 *		writes to standard output, at once, as a row of audit.answers.
 *
 * KEYS is what the idempotency keys begin with.  PLACE, CANCEL and GIVE_BACK are
 * the statements to place an order ($1 customer, $2 key or null), to cancel one
 * ($1 customer, $2 order) and to take a part of it back ($3 which, and the key of
 * that).  PLACE returns id, amount, and whether it is replayed.  The other
 * statements are those of audit.sql.
 *
 * A worker that loses its connection in the middle of a request does not know
 * whether it took effect.  It connects again, and repeats the request until it
 * has an answer, if it is one that can be repeated.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CUSTOMERS 4
#define PRODUCTS 40
#define HOT_PRODUCTS 3
#define FEW_PRODUCTS 8
#define RECENT_ORDERS 4
#define COUPON_CHOICES 15
#define TWO_COUPONS 6
#define THE_OTHER_WAY_ROUND 8
#define FIRST_LIMITED 3
#define LIMITED_PROMOTIONS 3
#define MOST_TILLS 4
#define PAYMENTS 14
#define MOST_EXPIRED 20
#define MAX_WORKERS 64
#define CALLS_FOR_KEY 2
#define RECONNECT_SECONDS 120

/* How long to wait at most before the next try, in microseconds. */
#define PAUSE_AFTER_CONFLICT 10000
#define PAUSE_BEFORE_CONNECTING 200000

typedef enum Step
{
	ADD, CHANGE, GIVE_COUPONS, GIVE_IN, PLACE, CANCEL, SHIP, GIVE_BACK, RECEIVE,
	SPLIT, RAISE_PRICE, GRANT_USES, LIST, PAY, EXPIRE, NSTEPS
} Step;

static const char *step_sql[NSTEPS] = {
	[ADD] = "CALL audit.add($1, $2, $3, $4)",
	[CHANGE] = "CALL audit.change($1, $2, $3, $4)",
	[GIVE_COUPONS] = "SELECT audit.give_coupons($1, $2)",
	[GIVE_IN] = "SELECT audit.give_in($1)",
	[SHIP] = "SELECT ecommerce.set_order_status($1, $2, 'SHIPPED')",
	[RECEIVE] = "SELECT audit.receive($1, $2)",
	[SPLIT] = "SELECT audit.split($1, $2)",
	[RAISE_PRICE] = "SELECT audit.raise_price($1)",
	[GRANT_USES] = "SELECT audit.grant_uses($1, $2)",
	[LIST] = "SELECT audit.listed_wrong($1)",
	[PAY] = "SELECT audit.pay($1, $2, $3)",
	[EXPIRE] = "SELECT ecommerce.expire_unpaid_orders($1)",
};

typedef enum Outcome
{
	DONE,						/* the result has it */
	REFUSED,					/* no, and the same again would be too */
	ROLLED_BACK,				/* without effect, but can be repeated */
	LOST						/* nobody knows */
} Outcome;

typedef struct Worker
{
	pthread_t	thread;
	unsigned short random[3];
	PGconn	   *conn;
	PGresult   *result;
} Worker;

typedef struct Order
{
	int			customer;
	long long	id;
} Order;

static double end;
static const char *key_prefix;
static atomic_int keyed_calls[CUSTOMERS + 1];

/* What somebody has placed lately, for everybody to cancel, to ship or to pay for. */
static Order recent_orders[RECENT_ORDERS];
static pthread_mutex_t recent_orders_lock = PTHREAD_MUTEX_INITIALIZER;

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* From 0 to below 1. */
static double
chance(Worker *worker)
{
	return erand48(worker->random);
}

/* From 1 to count. */
static int
one_of(Worker *worker, int count)
{
	return 1 + (int) (chance(worker) * count);
}

static void
fail(const char *message)
{
	fprintf(stderr, "client: %s\n", message);
	exit(1);
}

/* What a server says as it crashes would fill the pipe that is standard error. */
static void
ignore_notice(void *argument, const char *message)
{
	(void) argument;
	(void) message;
}

/* The server may be about to come back. */
static void
connect_again(Worker *worker)
{
	double		limit = seconds() + RECONNECT_SECONDS;

	for (;;)
	{
		bool		prepared;

		PQfinish(worker->conn);
		worker->conn = PQconnectdb("");
		PQsetNoticeProcessor(worker->conn, ignore_notice, NULL);
		prepared = PQstatus(worker->conn) == CONNECTION_OK;
		for (int step = 0; step < NSTEPS && prepared; step++)
		{
			char		name[8];
			PGresult   *result;

			snprintf(name, sizeof(name), "%d", step);
			result = PQprepare(worker->conn, name, step_sql[step], 0, NULL);
			prepared = PQresultStatus(result) == PGRES_COMMAND_OK;
			PQclear(result);
		}
		if (prepared)
			return;
		if (seconds() > limit)
			fail(PQerrorMessage(worker->conn));
		usleep(PAUSE_BEFORE_CONNECTING * chance(worker));
	}
}

/* The SQLSTATE, or the code in the DETAIL where that says more. */
static const char *
kind_of_error(const PGresult *result)
{
	static const char *const codes[] = {
		"coupon_not_applicable", "stock_is_locked", "promotion_exhausted"
	};
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]) && detail; i++)
		if (strstr(detail, codes[i]) != NULL)
			return codes[i];
	return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

/* Executes a step, and leaves its result with the worker. */
static Outcome
execute(Worker *worker, Step step, int nvalues, const char *const *values)
{
	char		name[8];
	const char *code;

	snprintf(name, sizeof(name), "%d", step);
	PQclear(worker->result);
	worker->result = PQexecPrepared(worker->conn, name, nvalues, values, NULL,
									NULL, 0);
	if (PQresultStatus(worker->result) == PGRES_TUPLES_OK ||
		PQresultStatus(worker->result) == PGRES_COMMAND_OK)
		return DONE;

	code = PQresultErrorField(worker->result, PG_DIAG_SQLSTATE);
	if (PQstatus(worker->conn) == CONNECTION_BAD || code == NULL)
	{
		puts("lost|||||");
		connect_again(worker);
		return LOST;
	}
	printf("%s|||||\n", kind_of_error(worker->result));
	if (strncmp(code, "40", 2) != 0)
		return REFUSED;
	usleep(PAUSE_AFTER_CONFLICT * chance(worker));
	return ROLLED_BACK;
}

static Outcome
execute_with_numbers(Worker *worker, Step step, int count,
					 const long long *numbers)
{
	char		texts[4][24];
	const char *values[4] = {NULL};

	for (int i = 0; i < count; i++)
	{
		snprintf(texts[i], sizeof(texts[i]), "%lld", numbers[i]);
		values[i] = texts[i];
	}
	return execute(worker, step, count, values);
}

/* The numbers are long longs, as what comes after the step. */
#define EXECUTE(worker, step, ...) \
	execute_with_numbers(worker, step, \
						 sizeof((long long[]) {__VA_ARGS__}) / \
						 sizeof(long long), \
						 (long long[]) {__VA_ARGS__})

/*
 * Adds one of the hot products, or several products, or all, in either
 * direction, so that two carts have them in opposite orders.
 */
static void
add(Worker *worker, int customer)
{
	double		choice = chance(worker);
	int			first = 1;
	int			last = PRODUCTS;
	int			quantity = one_of(worker, 3);

	if (choice < 0.80)
		first = last = one_of(worker, HOT_PRODUCTS);
	else if (choice < 0.98)
		last = one_of(worker, one_of(worker, FEW_PRODUCTS));
	if (chance(worker) < 0.5)
		EXECUTE(worker, ADD, customer, first, last, quantity);
	else
		EXECUTE(worker, ADD, customer, last, first, quantity);
}

/*
 * Often the same two that are limited, in either order, so that two carts have
 * them in opposite orders.
 */
static void
give_coupons(Worker *worker, int customer)
{
	int			choice = one_of(worker, COUPON_CHOICES);

	if (chance(worker) < 0.5)
		choice = TWO_COUPONS + (choice & THE_OTHER_WAY_ROUND);
	EXECUTE(worker, GIVE_COUPONS, customer, choice);
}

static void
place(Worker *worker, int customer, const char *key)
{
	char		text[24];
	const char *values[] = {text, key};
	Outcome		outcome;
	PGresult   *result;

	snprintf(text, sizeof(text), "%d", customer);
	do
		outcome = execute(worker, PLACE, 2, values);
	while (outcome == ROLLED_BACK || (outcome == LOST && key != NULL));

	if (outcome == LOST)
		printf("doubt|%d||||\n", customer);
	if (outcome == REFUSED && chance(worker) < 0.6)
		EXECUTE(worker, GIVE_IN, customer);
	if (outcome != DONE)
		return;

	result = worker->result;
	printf("order|%d|%s|%s|%s|%s\n", customer, PQgetvalue(result, 0, 0),
		   key ? key : "", PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2));
	pthread_mutex_lock(&recent_orders_lock);
	recent_orders[one_of(worker, RECENT_ORDERS) - 1] = (Order)
	{
		customer, atoll(PQgetvalue(result, 0, 0))
	};
	pthread_mutex_unlock(&recent_orders_lock);
}

/* Several workers use the same key at about the same time. */
static void
place_with_key(Worker *worker, int customer)
{
	char		key[64];

	snprintf(key, sizeof(key), "%s.%d", key_prefix,
			 atomic_fetch_add(&keyed_calls[customer], 1) / CALLS_FOR_KEY);
	place(worker, customer, key);
}

/* Cancels, ships or takes back of an order, which others may be about to do too. */
static void
end_order(Worker *worker, Step step, const char *done)
{
	Order		order;
	Outcome		outcome;
	long		choice;

	pthread_mutex_lock(&recent_orders_lock);
	order = recent_orders[one_of(worker, RECENT_ORDERS) - 1];
	pthread_mutex_unlock(&recent_orders_lock);
	if (order.customer == 0)
		return;

	choice = nrand48(worker->random);
	do
		outcome = step == GIVE_BACK ?
			EXECUTE(worker, step, order.customer, order.id, choice) :
			EXECUTE(worker, step, order.customer, order.id);
	while (outcome == ROLLED_BACK || outcome == LOST);
	if (outcome == DONE && PQntuples(worker->result) > 0)
		printf("%s|%d|%lld|||\n", done, order.customer, order.id);
}

/* Of a payment whose answer is lost nobody knows anything, so it is told again. */
static void
pay(Worker *worker)
{
	int			choice = one_of(worker, PAYMENTS);
	Order		order;
	Outcome		outcome;

	pthread_mutex_lock(&recent_orders_lock);
	order = recent_orders[one_of(worker, RECENT_ORDERS) - 1];
	pthread_mutex_unlock(&recent_orders_lock);
	if (order.customer == 0)
		return;

	do
		outcome = EXECUTE(worker, PAY, order.customer, order.id, choice);
	while (outcome == ROLLED_BACK || outcome == LOST);
}

static void
list(Worker *worker, int customer)
{
	if (EXECUTE(worker, LIST, customer) == DONE &&
		strcmp(PQgetvalue(worker->result, 0, 0), "0") != 0)
		printf("listed wrong|%d||||\n", customer);
}

static void *
work(void *argument)
{
	Worker	   *worker = argument;

	connect_again(worker);
	while (seconds() < end)
	{
		int			customer = one_of(worker, CUSTOMERS);
		int			product = one_of(worker, PRODUCTS);
		double		choice = chance(worker);

		if (choice < 0.10)
			add(worker, customer);
		else if (choice < 0.13)
			EXECUTE(worker, CHANGE, customer, product, product,
					one_of(worker, 3) - 1);
		else if (choice < 0.14)
			EXECUTE(worker, CHANGE, customer, 1, PRODUCTS, 0);
		else if (choice < 0.18)
			EXECUTE(worker, RECEIVE, one_of(worker, PRODUCTS - 2), 20);
		else if (choice < 0.22)
			EXECUTE(worker, RECEIVE, 1, 20);
		else if (choice < 0.32)
			end_order(worker, CANCEL, "cancelled");
		else if (choice < 0.34)
			end_order(worker, SHIP, "shipped");
		else if (choice < 0.40)
			end_order(worker, GIVE_BACK, "returned");
		else if (choice < 0.42)
			list(worker, customer);
		else if (choice < 0.425)
			EXECUTE(worker, RAISE_PRICE, product);
		else if (choice < 0.45)
			EXECUTE(worker, GRANT_USES,
					FIRST_LIMITED - 1 + one_of(worker, LIMITED_PROMOTIONS),
					one_of(worker, 5));
		else if (choice < 0.55)
			pay(worker);
		else if (choice < 0.56)
			EXECUTE(worker, EXPIRE, one_of(worker, MOST_EXPIRED));
		else if (choice < 0.58)
			EXECUTE(worker, SPLIT, one_of(worker, product),
					one_of(worker, 1 + MOST_TILLS) - 1);
		else
		{
			if (chance(worker) < 0.7)
				add(worker, customer);
			if (chance(worker) < 0.3)
				give_coupons(worker, customer);
			if (chance(worker) < 0.8)
				place_with_key(worker, customer);
			else
				place(worker, customer, NULL);
		}
	}
	PQclear(worker->result);
	PQfinish(worker->conn);
	return NULL;
}

int
main(int argc, char **argv)
{
	static Worker workers[MAX_WORKERS];
	int			count = argc == 8 ? atoi(argv[3]) : 0;

	if (count < 1 || count > MAX_WORKERS)
		fail("wrong arguments");
	end = seconds() + atof(argv[2]);
	key_prefix = argv[4];
	step_sql[PLACE] = argv[5];
	step_sql[CANCEL] = argv[6];
	step_sql[GIVE_BACK] = argv[7];

	/* A line is written when it ends, and as a whole. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < count; i++)
	{
		unsigned int seed = atoi(argv[1]) + i * 7919;

		workers[i].random[0] = seed;
		workers[i].random[1] = seed >> 16;
		workers[i].random[2] = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			fail("there is no thread to be had");
	}
	for (int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	return 0;
}
