/*-------------------------------------------------------------------------
 *
 * erase_user.c
 *		Removes a user's personal data and keeps the accounts.
 *
 * The user's row is locked FOR UPDATE first, which waits for placements under
 * way and holds up later ones, so that no order is written with an address
 * that has been read before it was erased.  Locking changes no row, so what
 * was written while it waited is overlooked by a snapshot that is older: cart
 * and orders are looked for in the latest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "access.h"
#include "arguments.h"
#include "order_lifecycle.h"
#include "users.h"

static Statement lock_user_for_update = {
	.query = "SELECT 1 FROM ecommerce.users WHERE id = $1 FOR UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement delete_cart = {
	.query = "DELETE FROM ecommerce.carts WHERE user_id = $1",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID)
};

/* They go with the cart, but where there is no foreign key. */
static Statement delete_items = {
	.query = "DELETE FROM ecommerce.cart_items WHERE user_id = $1",
	.result = SPI_OK_DELETE,
	PARAMETERS(INT8OID)
};

static Statement select_cart = {
	.query =
	"SELECT 1 FROM ecommerce.carts WHERE user_id = $1"
	" UNION ALL SELECT 1 FROM ecommerce.cart_items WHERE user_id = $1",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement erase_account = {
	.query =
	"UPDATE ecommerce.users"
	"   SET name = 'erased', email = NULL, shipping_address = NULL,"
	"       address = NULL"
	" WHERE id = $1",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID)
};

/*
 * A key is whatever the client made it of, and a fingerprint has the address in
 * it; metadata are the shop's own.
 */
#define WITH_PERSONAL_DATA \
	" WHERE customer_id = $1" \
	"   AND ($2 OR idempotency_key IS NOT NULL OR fingerprint IS NOT NULL)"

static Statement select_orders = {
	.query = "SELECT 1 FROM ecommerce.orders" WITH_PERSONAL_DATA,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, BOOLOID)
};

static Statement erase_orders = {
	.query =
	"UPDATE ecommerce.orders"
	"   SET idempotency_key = NULL, fingerprint = NULL,"
	"       shipping_address ="
	"           CASE WHEN $2 THEN 'erased' ELSE shipping_address END,"
	"       address = CASE WHEN $2 THEN NULL ELSE address END,"
	"       billing_address = CASE WHEN $2 THEN NULL ELSE billing_address END"
	WITH_PERSONAL_DATA,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, BOOLOID)
};

/*
 * The names that the login service has for whoever acted, and what staff have
 * said, such as the number of a parcel, a reason or the address before.
 */
#define SAID \
	"event IN ('" EVENT_SHIPPED "', '" EVENT_DELIVERED "', '" EVENT_RETURNED "'," \
	" '" EVENT_CORRECTED "', '" EVENT_ADDRESS_CHANGED "')"
#define OF_PERSON \
	" WHERE customer_id = $1" \
	"   AND (person IS NOT NULL OR payload IS NOT NULL AND " SAID ")"

static Statement select_events = {
	.query = "SELECT 1 FROM ecommerce.order_events" OF_PERSON,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement erase_events = {
	.query =
	"UPDATE ecommerce.order_events"
	"   SET person = NULL, payload = CASE WHEN " SAID " THEN NULL ELSE payload END"
	OF_PERSON,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID)
};

/* Whatever happens to an order holds its lock, and may write such a name. */
static Statement lock_orders_no_key_update = {
	.query =
	"SELECT 1 FROM ecommerce.orders WHERE customer_id = $1"
	" ORDER BY id FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

/* What a provider said, or the shop, of a payment is whatever they like. */
#define PAYMENTS_OF_PERSON \
	" WHERE customer_id = $1 AND (payload IS NOT NULL OR person IS NOT NULL)"

static Statement select_payments = {
	.query = "SELECT 1 FROM ecommerce.order_payments" PAYMENTS_OF_PERSON,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement erase_payments = {
	.query =
	"UPDATE ecommerce.order_payments SET payload = NULL, person = NULL"
	PAYMENTS_OF_PERSON,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID)
};

/* A reason is whatever staff wrote. */
#define OF_RETURN \
	" WHERE customer_id = $1" \
	"   AND (reason IS NOT NULL OR idempotency_key IS NOT NULL OR person IS NOT NULL)"

static Statement select_returns = {
	.query = "SELECT 1 FROM ecommerce.order_returns" OF_RETURN,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement erase_returns = {
	.query =
	"UPDATE ecommerce.order_returns"
	"   SET reason = NULL, idempotency_key = NULL, person = NULL" OF_RETURN,
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID)
};

/* Keys, fingerprints and persons are not in the archive. */
#define ADDRESSES_ERASED \
	"'{\"shipping_address\": \"erased\", \"address\": null," \
	"  \"billing_address\": null}'"

static Statement select_archived = {
	.query =
	"SELECT 1 FROM ecommerce.archived_orders WHERE customer_id = $1 AND $2",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID, BOOLOID)
};

static Statement erase_archived = {
	.query =
	"UPDATE ecommerce.archived_orders"
	"   SET document = document || " ADDRESSES_ERASED
	" WHERE customer_id = $1 AND $2",
	.result = SPI_OK_UPDATE,
	PARAMETERS(INT8OID, BOOLOID)
};

/* What to erase of orders, once they are locked, and how. */
static const struct
{
	Statement  *select;
	Statement  *erase;
}			erasures[] = {
	{&select_orders, &erase_orders},
	{&select_events, &erase_events},
	{&select_returns, &erase_returns},
	{&select_payments, &erase_payments},
	{&select_archived, &erase_archived}
};

PG_FUNCTION_INFO_V1(erase_user);

static void erase(int64 user_id, Datum order_addresses);

Datum
erase_user(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	erase(user_id, required_argument(&fcinfo->args[1], "order_addresses"));
	PG_RETURN_VOID();
}

/*
 * Locks the user, then the cart, then the orders.  Raises PT404 for an unknown
 * user, and 09000 when a trigger of the shop's keeps what should go.
 */
static void
erase(int64 user_id, Datum order_addresses)
{
	Access		access;
	NullableDatum values[] = {bigint_value(user_id), not_null(order_addresses)};

	begin_staff_access(&access);
	if (execute(&lock_user_for_update, values, FRESH_SNAPSHOT) == 0)
		refuse_unknown_user(user_id);
	execute(&delete_cart, values, LATEST_SNAPSHOT);
	execute(&delete_items, values, LATEST_SNAPSHOT);
	/* A trigger of the shop's may have kept rows. */
	require_written(0, execute(&select_cart, values, LATEST_SNAPSHOT));
	require_written(execute(&erase_account, values, FRESH_SNAPSHOT), 1);
	execute(&lock_orders_no_key_update, values, LATEST_SNAPSHOT);
	for (size_t i = 0; i < lengthof(erasures); i++)
	{
		uint64		count = execute(erasures[i].select, values,
									LATEST_SNAPSHOT);

		require_written(execute(erasures[i].erase, values, LATEST_SNAPSHOT),
						count);
	}
	end_access(&access);
}
