/*
 * client.c
 *		Calls every public function with whatever comes.
 *
 * client SEED CALLS ALLOWED UPKEEP AUDIT
 *		Makes CALLS calls, and prints a line "outcome SQLSTATE CODE COUNT" for
 *		each way in which calls ended, "success FUNCTION COUNT" for each
 *		function, "unexpected ..." for each error that is none of the classes
 *		22, 23, 42 and 54, nor ALLOWED (SQLSTATEs with a comma behind each), nor
 *		what the call asked for, and "violation ..." for each row of the query
 *		AUDIT.  UPKEEP is executed from time to time.
 *
 * Functions and their arguments come from the catalogue, so none is left out.
 * A call is a transaction: BEGIN, then settings and a role, then one statement,
 * sent in the simple or the extended protocol, with literals and with text or
 * binary parameters.
 */
#include <libpq-fe.h>
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPKEEP_INTERVAL	100
#define AUDIT_INTERVAL	1000
#define MAX_OUTCOMES	200
#define MAX_PARAMETERS	8
#define MAX_TEXT		(1 << 16)
#define lengthof(array)	(sizeof(array) / sizeof((array)[0]))
#define pick(array)		((array)[below(lengthof(array))])

enum type_oid
{
	BOOL = 16, INT8 = 20, INT4 = 23, TEXT = 25, INT4ARRAY = 1007, TEXTARRAY = 1009,
	INT8ARRAY = 1016, TIMESTAMPTZ = 1184, NUMERIC = 1700, JSONB = 3802
};

/* Text that grows up to its limit: what does not fit is cut off. */
typedef struct Text
{
	char		data[MAX_TEXT];
	int			length;
} Text;

/* A parameter of the extended protocol. */
typedef struct Parameter
{
	Oid			type;
	int			format;			/* 1 is binary */
	int			length;
	const char *value;
	char		data[512];
} Parameter;

/*
 * Values are written as in a literal, or, behind "=", as an expression.  Those
 * of an argument's name are such that calls succeed.
 */
typedef struct Values
{
	const char *argument;
	Oid			type;
	const char *values[16];
} Values;

static const Values good_values[] = {
	{"user_id", 0, {"1", "1", "1", "1", "2", "3", "4", "5", "6", "7"}},
	{"from_user_id", 0, {"1", "2", "3", "4"}},
	{"into_user_id", 0, {"1", "2", "3", "5"}},
	{"product_id", 0, {"1", "1", "2", "2", "3", "3", "4", "4", "5", "6", "7", "8"}},
	{"order_id", 0, {"1", "2", "5", "20",
			"=(SELECT max(id) FROM ecommerce.orders)",
			"=(SELECT max(id) FROM ecommerce.orders WHERE customer_id = 1)",
			"=(SELECT min(id) FROM ecommerce.orders WHERE customer_id = 1 AND order_status = 'SHIPPED')",
			"=(SELECT min(id) FROM ecommerce.orders WHERE customer_id = 1 AND order_status = 'PROCESSING')"}},
	{"before_id", 0, {"2", "100", "1000000"}},
	{"before", 0, {"2020-01-01", "epoch", "=now()", "=now() - interval '1 hour'"}},
	{"name", 0, {"Edsger", "=NULL"}},
	{"email", 0, {"='e' || pg_backend_pid() || '@example.com'", "=NULL", ""}},
	{"orders", 0, {"[]", "[1]", "[{\"number\": \"7\"}]", "=(SELECT jsonb_agg((placed || jsonb_build_object('number', clock_timestamp(), 'order_status', 'DELIVERED')) - 'payment' - 'returns')"
			" FROM jsonb_array_elements(ecommerce.order_listing_json(1, 3)) AS placed)"}},
	{"quantity", 0, {"1", "2", "3", "10", "0"}},
	{"after_id", 0, {"1", "100", "=NULL"}},
	{"number", 0, {"=NULL", "=NULL", "N1"}},
	{"newest_first", 0, {"true", "false"}},
	{"payload", 0, {"=NULL", "{\"tracking_number\": \"1\"}"}},
	{"provider", 0, {"card", "card", "cash", "=NULL"}},
	{"reference", 0, {"a", "b", "=clock_timestamp()::text", "=clock_timestamp()::text"}},
	{"kind", 0, {"authorized", "captured", "captured", "voided", "failed", "refunded", "refund_failed", "charged_back"}},
	{"amount", 0, {"1.99", "3.98", "5", "0.01", "=NULL"}},
	{"payload", 0, {"{}", "{\"id\": \"evt_1\"}", "=NULL"}},
	{"items", 0, {"[{\"line\": 1, \"quantity\": 1}]", "[{\"line\": 1, \"quantity\": 1}]",
			"[{\"line\": 2, \"quantity\": 1}, {\"line\": 1, \"quantity\": 1}]",
			"[{\"line\": 1, \"quantity\": 0}]", "[{\"line\": 1.5, \"quantity\": 1}]",
			"[{\"line\": 1, \"quantity\": 2147483647}]", "[{\"line\": 1}]", "[[1, 1]]",
			"=jsonb_build_array(jsonb_build_object('line', 1, 'quantity', 1e100))",
			"=(SELECT jsonb_agg(jsonb_build_object('line', n, 'quantity', 1)) FROM generate_series(1, 10000) AS n)"}},
	{"restock", 0, {"true", "false"}},
	{"expected_status", 0, {"PROCESSING", "SHIPPED", "=NULL", "=NULL", "=NULL"}},
	{"max", 0, {"1", "5", "100"}},
	{"lease_seconds", 0, {"1", "300"}},
	{"page_size", 0, {"1", "5", "20", "500"}},
	{"expected_amount", 0, {"1.99", "3.98", "4.980000", "=NULL", "=NULL", "=NULL", "=NULL"}},
	{"idempotency_key", 0, {"a", "b", "c", "=clock_timestamp()::text",
			"=clock_timestamp()::text"}},
	{"fingerprint", 0, {"=NULL", "=NULL", "=NULL",
			"=(ecommerce.cart_json(1) ->> 'fingerprint')"}},
	{"shipping_address", 0, {"Here", "There", "{\"line1\": \"Here\", \"country\": \"NL\"}"}},
	{"metadata", 0, {"{}", "{\"a\": [1.50, null]}", "=NULL"}},
	{"address", 0, {"{\"city\": \"Nuenen\", \"country\": \"NL\"}", "=NULL"}},
	{"billing_address", 0, {"{\"name\": \"Edsger\"}", "=NULL"}},
	{"shipping_code", 0, {"post", "post", "=NULL"}},
	{"codes", 0, {"{}", "{TEN}", "{ten}", "{NONE}", "=ARRAY['TEN', 'TEN']"}},
	{"product_ids", 0, {"{1,2}", "{2,1}", "{3,4}"}},
	{"quantities", 0, {"{1,2}", "{3,1}", "{10,10}"}},
	{"promotion_id", 0, {"1", "1", "1", "2"}},
	{"tills", 0, {"0", "2", "16"}},
	{"usage_limit", 0, {"=NULL", "1000000", "100"}},
	{"currency", 0, {"USD", "JPY", "KWD", "CLF"}},
	{"status", 0, {"SHIPPED", "SHIPPED", "SHIPPED", "DELIVERED", "RETURNED", "CANCELLED", "PROCESSING"}},
	{"reason", 0, {"customer", "inventory", "fraud", "declined", "unpaid", "staff", "other"}},
	{"event", 0, {"order_placed", "order_shipped", "order_cancelled"}},
	{"ids", 0, {"{1,2,3}", "{}", "=ARRAY(SELECT id FROM ecommerce.order_events LIMIT 3)"}},
	{"order_addresses", 0, {"true", "false"}},
	{"anonymous", 0, {"guest"}},
	{"shopper", 0, {"buyer"}},
	{"staff", 0, {"helper"}},
	{"from_bucket", 0, {"0", "0", "1", "=NULL"}},
	{"to_bucket", 0, {"0", "1", "1", "=NULL"}},
	{"shard", 0, {"0", "1"}},
	{"shards", 0, {"1", "2", "3"}},
	{"beyond", 0, {"0", "100", "100000"}},
	{"delegate", 0, {"true", "false"}},
	{"owner", 0, {"shop"}}
};

static const Values extreme_values[] = {
	{NULL, INT8, {"0", "-1", "9223372036854775807", "-9223372036854775808",
			"9223372036854775808", " 7 ", "0x10", "1e3", "", "7.5",
			"=2^62::bigint", "=pg_backend_pid()", "=-(-9223372036854775808)"}},
	{NULL, INT4, {"0", "-1", "2147483647", "-2147483648", "2147483648", "+5", "",
			"=1/0", "='5'::char::integer"}},
	{NULL, NUMERIC, {"NaN", "Infinity", "-Infinity", "0", "-0.0", "1e1000", "1e-1000",
			"1e131071", "1e131072", "1e-16383", "1e-16384", "999999999999999.99",
			"=1e131071", "=('0.' || repeat('9', 16383))::numeric",
			"=repeat('9', 100000)::numeric"}},
	{NULL, TEXT, {"", " ", "'", "\\", "\b\t\n\f\r", "\x01\x02\x1b\x7f", "\xef\xbf\xbe",
			"e\xcc\x81\xcc\x82\xcc\x83", "\xf0\x9f\x9b\x92", "\xd7\xa9\xe2\x80\xae\xd7\x9c\xe2\x80\xac",
			"=repeat('x', 256)", "=repeat(chr(128722), 255)", "=repeat('x', 10001)",
			"=repeat(chr(1114111), 10485760 / 4)", "=E'\\uD83D\\uDED2'", "=U&'\\D83D'"}},
	{NULL, TEXT, {"\xc3", "\xed\xa0\x80", "\xc0\x80", "\xff\xfe", "$1", "{\"code\": 1}",
			"public", "postgres", "\"", "=chr(0)", "=E'\\xC3'", "=chr(65534)", "NULL",
			"=(SELECT string_agg(chr(n), '') FROM generate_series(1, 55295) AS n)",
			"=convert_from('\\xff', 'UTF8')", "='\\xff'::bytea::text"}},
	{NULL, TIMESTAMPTZ, {"infinity", "-infinity", "294276-12-31", "4713-01-01 BC", "294277-01-01", "2020-02-30", "",
			"24:00", "J2451187", "=now() + interval '200000 years'", "=to_timestamp('NaN')"}},
	{NULL, BOOL, {"true", "f", "2", "maybe", ""}},
	{NULL, JSONB, {"{", "[]", "null", "1", "\"x\"", "{\"line1\": null}", "{\"line1\": 1e1000}",
			"{\"zip\": \"\"}", "{\"country\": \"nl\"}", "{\"line1\": \"\\u0000\"}",
			"{\"name, phone\": \"\"}", "=jsonb_build_object('line1', repeat('x', 501))",
			"=jsonb_build_object('line1', repeat(chr(128722), 500))",
			"=(SELECT jsonb_object_agg(n, n) FROM generate_series(1, 5000) AS n)",
			"=(repeat('[', 1000) || repeat(']', 1000))::jsonb", "=to_jsonb(1e131071)"}},
	{NULL, TEXTARRAY, {"{NULL}", "{\"\"}", "{{TEN},{ONE}}", "[5:5]={TEN}", "{", "{{}}", "{' '}",
			"=array_fill('TEN'::text, ARRAY[11])", "=array_fill('TEN'::text, ARRAY[100000])",
			"=ARRAY[repeat('x', 51)]", "=ARRAY[repeat(chr(12288), 5)]", "=ARRAY[chr(8203)]"}},
	{NULL, INT4ARRAY, {"{NULL,1}", "{0,0}", "{-1,1}", "{2147483647,2147483647}", "{2147483648,1}",
			"{{1,2}}", "[5:6]={1,2}", "{1}", "{}", "{1,2,3}", "{",
			"=array_fill(1, ARRAY[100000])"}},
	{NULL, INT8ARRAY, {"{NULL}", "{{1,2},{3,4}}", "[5:6]={1,2}", "{9223372036854775807}",
			"{1,1,1}", "{", "[2147483647:2147483647]={1}", "{1,NULL,2}", "{{}}",
			"=array_fill(1::bigint, ARRAY[100000])", "=ARRAY[ARRAY[]::bigint[]]",
			"=array_fill(1::bigint, ARRAY[2,2,2,2,2,2])", "=ARRAY[1,NULL]::bigint[]"}}
};

static const char *const wrong_values[] = {
	"NULL", "'x'", "'7'", "7", "7::smallint", "7.5", "7.5::real", "'NaN'::float8",
	"true", "ARRAY[1, NULL]", "'{}'::text[]", "ROW(1, 2)", "'{\"a\": 1}'::jsonb",
	"'[1]'::json", "now()", "'1 day'::interval", "'\\x00ff'::bytea", "int4range(1, 5)",
	"point(1, 2)", "'a'::\"char\"", "'a'::name", "1::oid", "'pg_class'::regclass",
	"(SELECT users FROM ecommerce.users LIMIT 1)", "(SELECT 1, 2)", "$9", "*",
	"VARIADIC ARRAY[1]", "DEFAULT", "(SELECT 1 UNION SELECT 2)", "count(*)",
	"generate_series(1, 2)", "'(1,2)'::tid", "B'101'", "'<a/>'::xml", "",
	"ecommerce.current_user_id()", "nowhere.nothing()", "unknown_column"
};

static const char *const claims[] = {
	"''", "'{}'", "'null'", "'[]'", "'7'", "'\"7\"'", "'{'", "'not JSON'",
	"'{\"user_id\": null}'", "'{\"user_id\": {}}'", "'{\"user_id\": [1]}'",
	"'{\"user_id\": 1e3}'", "'{\"user_id\": 1.0}'", "'{\"user_id\": \"  7 \"}'",
	"'{\"user_id\": \"0x7\"}'", "'{\"user_id\": true}'", "'{\"user_id\": \"\"}'",
	"'{\"user_id\": 9223372036854775808}'", "'{\"user_id\": -1}'", "E'\\x01'",
	"'{\"user_id\": 1e100000}'", "'{\"user_id\": 1, \"user_id\": 2}'",
	"'{\"user_id\": \"\\u0000\"}'", "'{\"user_id\": \"\\ud800\"}'",
	"repeat('[', 100000)", "'{\"user_id\": ' || repeat('9', 100000) || '}'",
	"repeat('[', 1000) || repeat(']', 1000)", "repeat('x', 100000)",
	"'{\"user_id\": \"' || repeat('1', 100000) || '\"}'"
};

static const char *const tokens[] = {
	"'{\"user_id\": 1}'", "'{\"user_id\": 1}'", "'{\"user_id\": 1}'",
	"'{\"user_id\": 1}'", "'{\"user_id\": 2}'", "'{\"user_id\": \"3\"}'",
	"'{\"user_id\": 4}'", "'{\"user_id\": 5}'", "'{\"user_id\": 6}'",
	"'{\"user_id\": 7}'"
};

/* visitor may do nothing, stranger may call everything but only as the token's user. */
static const char *const roles[] = {
	"shop", "shop", "clerk", "clerk", "clerk", "postgres", "stranger", "stranger",
	"stranger", "visitor"
};

/* How a transaction begins, and which SQLSTATE is then to be expected. */
typedef struct Condition
{
	const char *sql;
	const char *expected;
} Condition;

static const Condition beginnings[] = {
	{"BEGIN", ""}, {"BEGIN", ""}, {"BEGIN", ""}, {"BEGIN", ""}, {"BEGIN", ""},
	{"BEGIN; SAVEPOINT s", ""},
	{"BEGIN READ ONLY", "25006"},
	{"BEGIN ISOLATION LEVEL REPEATABLE READ", ""},
	{"BEGIN ISOLATION LEVEL SERIALIZABLE", ""},
	{"BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE", "25006"}
};

static const Condition settings[] = {
	{"client_encoding = LATIN1", ""}, {"client_encoding = SQL_ASCII", ""},
	{"client_encoding = SJIS", ""}, {"client_encoding = GB18030", ""},
	{"client_encoding = EUC_JP", ""}, {"DateStyle = 'SQL, DMY'", ""},
	{"DateStyle = German", ""}, {"TimeZone = 'Asia/Kathmandu'", ""},
	{"TimeZone = '<x>-167:00'", ""}, {"IntervalStyle = sql_standard", ""},
	{"extra_float_digits = -15", ""}, {"search_path = ''", ""},
	{"search_path = ecommerce, ecommerce_api, pg_temp", ""},
	{"search_path = decoy, pg_catalog", ""}, {"row_security = off", ""},
	{"standard_conforming_strings = off", "0A000"}, {"array_nulls = off", ""},
	{"transform_null_equals = on", ""}, {"max_stack_depth = '100kB'", ""},
	{"work_mem = '64kB'", ""}, {"plan_cache_mode = force_custom_plan", ""},
	{"enable_indexscan = off", ""}, {"enable_seqscan = off", ""},
	{"parallel_setup_cost = 0", ""}, {"jit_above_cost = 0", ""},
	{"lc_monetary = 'C'", ""}, {"bytea_output = escape", ""},
	{"client_min_messages = debug5", ""}, {"constraint_exclusion = on", ""},
	{"track_functions = 'all'", ""}, {"debug_discard_caches = 0", ""},
	{"statement_timeout = 1", "57014"}, {"lock_timeout = 1", "55P03"},
	{"temp_file_limit = 0", "53400"}, {"xmloption = document", ""}
};

/* Statements around the call: only the first two can take a set. */
static const char *const statements[] = {
	"SELECT %s", "SELECT * FROM %s AS f", "SELECT %s", "SELECT %s", "SELECT %s",
	"SELECT (%s) IS NULL", "SELECT count(*) FROM (SELECT %s OFFSET 0) AS f",
	"SELECT %s FROM generate_series(1, 2)", "VALUES (%s)",
	"SELECT CASE WHEN current_user <> '' THEN %s END",
	"SELECT 1 FROM generate_series(1, 3) AS n WHERE n::text = (%s)::text",
	"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT %s",
	/* those that can take no parameters */
	"COPY (SELECT %s) TO STDOUT",
	"DECLARE c SCROLL CURSOR FOR SELECT %s; FETCH ALL FROM c; FETCH FIRST FROM c",
	"DO $do$ BEGIN PERFORM %s; EXCEPTION WHEN others THEN RAISE; END $do$"
};
#define STATEMENTS_FOR_SETS			2
#define STATEMENTS_WITH_PARAMETERS	12

/*
 * What chance would hardly bring about: what another session does first, how the
 * transaction begins, what the other session does then, and the call, which is
 * any if there is none.  Product 9 is sold in scenes only, so it is always there.
 */
typedef struct Scene
{
	const char *prepared;
	const char *beginning;
	const char *meanwhile;
	const char *call;
} Scene;

#define FILL_CART \
	"SELECT ecommerce.clear_cart(2); SELECT ecommerce.set_cart_shipping(2);" \
	" SELECT ecommerce.add_to_cart(2, 9)"
#define PLACE	FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here')"
#define LAST_ORDER	"SELECT max(id) FROM ecommerce.orders WHERE customer_id = 2"
#define SHIP(status)	"SELECT ecommerce.set_order_status(2, (" LAST_ORDER "), '" status "')"
#define BEGIN_SNAPSHOT \
	"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ecommerce.carts"

#define BEGIN_AND_PLACE \
	"BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here')"
#define OF_PLACED " FROM ecommerce.orders WHERE customer_id = 2"
#define RETURN_ITEMS(items) \
	"ecommerce.return_items(2, (SELECT max(id)" OF_PLACED "), '" items "', true, NULL, 'scene')"

static const Scene scenes[] = {
	{.beginning = "BEGIN; SELECT 1/0"},
	{.beginning = "BEGIN; ALTER TABLE ecommerce.orders RENAME TO elsewhere"},
	{.beginning = "BEGIN; ALTER TABLE ecommerce.orders RENAME payment_due_at TO sum",
	.call = "ecommerce.take_order_events(1)"},
	{.beginning = "BEGIN; INSERT INTO ecommerce.schema_migrations VALUES (99, 'later')",
	.call = "ecommerce.migrate()"},
	{.beginning = "BEGIN; " FILL_CART ";"
		" ALTER TABLE ecommerce.products DROP CONSTRAINT products_price_from_0_below_1e12;"
		" UPDATE ecommerce.products SET price = 'NaN' WHERE id = 9",
	.call = "ecommerce.cart_json(2)"},
	{.beginning = "BEGIN; " FILL_CART "; CREATE TRIGGER suppress BEFORE INSERT"
		" ON ecommerce.order_events FOR EACH ROW EXECUTE FUNCTION audit.suppress()",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.set_cart_item(2, 9, 2147483647)",
	.call = "ecommerce.add_to_cart(2, 9)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.set_cart_item(2, 9, 2147483647)",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.users SET shipping_address = NULL",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, 'scene', shipping_address => 'Here')",
	.call = "ecommerce.place_order(2, 'scene', shipping_address => 'There')"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.set_order_status(2, (SELECT max(id) FROM ecommerce.orders"
		" WHERE customer_id = 2), 'RETURNED')"},
	{.beginning = "BEGIN; " PLACE "; " SHIP("SHIPPED"),
	.call = "ecommerce.correct_order_status(2, (" LAST_ORDER "), 'PROCESSING', 'Mistake')"},
	{.beginning = "BEGIN; " PLACE "; " SHIP("SHIPPED") "; " SHIP("RETURNED") ";"
		" INSERT INTO ecommerce.order_returns (customer_id, order_id, return_number, amount, is_restocked, actor)"
		" SELECT 2, (" LAST_ORDER "), 1, 0, false, 'me'",
	.call = "ecommerce.correct_order_status(2, (" LAST_ORDER "), 'DELIVERED', 'Mistake')"},
	{.beginning = "BEGIN; " PLACE "; " SHIP("DELIVERED"),
	.call = "ecommerce.set_order_address(2, (" LAST_ORDER "), 'There')"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.set_cart_shipping(2, 'post');"
		" SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.set_order_address(2, (" LAST_ORDER "), '{\"line1\": \"1\", \"country\": \"NL\"}')"},
	{.beginning = "BEGIN; ALTER TABLE ecommerce.orders ALTER number SET DEFAULT 'N1'; " PLACE "; " PLACE,
	.call = "ecommerce.find_order(number => 'N1')"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.products SET minimum_quantity = 2 WHERE id = 9",
	.call = "ecommerce.place_order(2, shipping_address => 'Here')"},
	{.beginning = "BEGIN; " PLACE "; " FILL_CART "; UPDATE ecommerce.products SET customer_limit = 1 WHERE id = 9",
	.call = "ecommerce.place_order(2, shipping_address => 'Here')"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.products SET is_counted = false WHERE id = 9",
	.call = "ecommerce.place_order(2, shipping_address => 'Here')"},
	{.beginning = BEGIN_AND_PLACE, .call = RETURN_ITEMS("[{\"line\": 1, \"quantity\": 1}]")},
	{.beginning = BEGIN_AND_PLACE, .call = RETURN_ITEMS("[{\"line\": 1, \"quantity\": 2}]")},
	{.beginning = BEGIN_AND_PLACE, .call = RETURN_ITEMS("[{\"line\": 9, \"quantity\": 1}]")},
	{.beginning = BEGIN_AND_PLACE "; SELECT ecommerce.cancel_order(2, max(id), 'other')" OF_PLACED,
	.call = RETURN_ITEMS("[{\"line\": 1, \"quantity\": 1}]")},
	{.beginning = BEGIN_AND_PLACE "; SELECT ecommerce.set_order_status(2, max(id), 'SHIPPED')" OF_PLACED,
	.call = RETURN_ITEMS("[{\"line\": 1, \"quantity\": 1}]")},
	{.beginning = BEGIN_AND_PLACE "; SELECT ecommerce.set_order_status(2, max(id), 'SHIPPED')" OF_PLACED ";"
		" SELECT ecommerce.return_items(2, max(id), '[{\"line\": 1, \"quantity\": 1}]', false, NULL, 'scene')" OF_PLACED,
	.call = RETURN_ITEMS("[{\"line\": 1, \"quantity\": 1}]")},
	{.prepared = FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here') FROM"
		" ecommerce.set_cart_item(2, 9, 2); SELECT ecommerce.set_order_status(2, max(id), 'SHIPPED')" OF_PLACED,
		.beginning = BEGIN_SNAPSHOT,
		.meanwhile = "SELECT " RETURN_ITEMS("[{\"line\": 1, \"quantity\": 1}]"),
	.call = RETURN_ITEMS("[{\"line\": 1, \"quantity\": 1}]")},
	{.beginning = BEGIN_AND_PLACE,
	.call = "ecommerce.return_items(2, (SELECT max(id) FROM ecommerce.orders WHERE customer_id = 2),"
		" '[{\"line\": 1, \"quantity\": 1}]', true, expected_status => 'SHIPPED')"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.request_refund(2, (SELECT max(id) FROM ecommerce.orders"
		" WHERE customer_id = 2), 'scene', 1)"},
	{.beginning = "BEGIN; ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT now(); " FILL_CART ";"
		" SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.set_order_status(2, (SELECT max(id) FROM ecommerce.orders"
		" WHERE customer_id = 2), 'SHIPPED')"},
	{.beginning = "BEGIN; ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT now(); " FILL_CART ";"
		" SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.expire_unpaid_orders(1)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here');"
		" SELECT ecommerce.record_payment(2, max(id), 'card', 'scene 1', 'captured', 1),"
		" ecommerce.record_payment(2, max(id), 'cash', 'scene 1', 'captured', 1)"
		" FROM ecommerce.orders WHERE customer_id = 2",
	.call = "ecommerce.request_refund(2, (SELECT max(id) FROM ecommerce.orders"
		" WHERE customer_id = 2), 'scene 2')"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here');"
		" SELECT ecommerce.record_payment(2, max(id), 'card', 'scene 4', 'captured', 1)"
		" FROM ecommerce.orders WHERE customer_id = 2",
	.call = "ecommerce.request_refund(2, (SELECT max(id) FROM ecommerce.orders"
		" WHERE customer_id = 2), 'scene 5', 0.5)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here');"
		" SELECT ecommerce.record_payment(2, max(id), 'card', 'scene 3', 'captured', 1)"
		" FROM ecommerce.orders WHERE customer_id = 2",
	.call = "ecommerce.record_payment(2, (SELECT max(id) FROM ecommerce.orders"
		" WHERE customer_id = 2), 'card', 'scene 3', 'captured', 2)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.stock_levels SET quantity = 0 WHERE product_id = 9",
	.call = "ecommerce.place_order(2, shipping_address => 'Here')"},
	{.beginning = "BEGIN; " FILL_CART "; DELETE FROM ecommerce.products WHERE id = 9",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.products SET price = 1 WHERE id = 9",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART, .call = "ecommerce.place_order(2, fingerprint => 'x')"},
	{.beginning = "BEGIN; " FILL_CART, .call = "ecommerce.place_order(2, expected_amount => 0)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.products SET is_active = false WHERE id = 9",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.add_to_cart(2, 1);"
		" UPDATE ecommerce.products SET currency = 'EUR' WHERE id = 9",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.set_cart_coupons(2, '{NONE}')",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.set_cart_shipping(2, 'drone')",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.products SET tax_class = 'x'",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.products SET tax_class = 'x';"
		" INSERT INTO ecommerce.tax_rates (tax_class, country, name, rate) VALUES ('x', 'NL', 'Tax', 1)",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)"
		" SELECT 2, id, 1 FROM generate_series(1001, 2000) AS id",
	.call = "ecommerce.add_to_cart(2, 9)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.set_promotion_limit(1, NULL);"
		" SELECT ecommerce.set_cart_coupons(2, '{TEN}'); SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.set_promotion_limit(1, 0)"},
	{.beginning = "BEGIN; " FILL_CART "; SELECT ecommerce.place_order(2, shipping_address => 'Here');" FILL_CART ";"
		" DO $$ BEGIN EXECUTE 'ALTER SEQUENCE ecommerce.orders_id_seq RESTART WITH '"
		" || (SELECT coalesce(max(id), 1) FROM ecommerce.orders); END $$",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; " FILL_CART "; UPDATE ecommerce.order_events SET delivered_at = NULL, failed_at = NULL,"
		" failure = NULL; DO $$ BEGIN EXECUTE 'ALTER SEQUENCE ecommerce.order_events_id_seq RESTART WITH '"
		" || (SELECT coalesce(max(id), 1) FROM ecommerce.order_events); END $$",
	.call = "ecommerce.place_order(2)"},
	{.beginning = "BEGIN; DROP INDEX ecommerce.order_events_undelivered_idx;"
		" ALTER TABLE ecommerce.order_events DISABLE TRIGGER USER;"
		" UPDATE ecommerce.order_events SET id = 1, delivered_at = NULL, failed_at = NULL, failure = NULL",
	.call = "ecommerce.release_order_events('{1}')"},
	{.prepared = FILL_CART, .beginning = BEGIN_SNAPSHOT,
		.meanwhile = "SELECT ecommerce.place_order(2, 'newer ' || count(*), shipping_address => 'Here')"
		" FROM ecommerce.orders WHERE customer_id = 2",
	.call = "ecommerce.place_order(2, (SELECT 'newer ' || count(*) FROM ecommerce.orders"
		" WHERE customer_id = 2))"},
	{.prepared = FILL_CART, .beginning = BEGIN_SNAPSHOT,
		.meanwhile = "SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.add_to_cart(2, 9)"},
	{.prepared = FILL_CART, .beginning = BEGIN_SNAPSHOT,
		.meanwhile = "SELECT ecommerce.place_order(2, shipping_address => 'Here')",
	.call = "ecommerce.place_order(2, shipping_address => 'Here')"},
	{.beginning = BEGIN_SNAPSHOT,
	.meanwhile = "UPDATE ecommerce.stock_levels SET quantity = quantity"}
};

static PGconn *conn;
static PGconn *elsewhere;
static PGresult *functions;		/* schema, name, sets?, argument names, types, skip */
static int *successes;			/* of each function */
static uint64_t state;
static const char *allowed;

static struct
{
	char		name[80];
	int			count;
}			outcomes[MAX_OUTCOMES];

static void
fail(const char *message)
{
	fprintf(stderr, "client: %s\n", message);
	exit(2);
}

/* SplitMix64. */
static uint64_t
next_random(void)
{
	uint64_t	z = (state += 0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
	return z ^ (z >> 31);
}

static int
below(int limit)
{
	return next_random() % limit;
}

static bool
percent(int chance)
{
	return below(100) < chance;
}

static void
append_bytes(Text *text, const char *bytes, int length)
{
	if (length > MAX_TEXT - 1 - text->length)
		length = MAX_TEXT - 1 - text->length;
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

static void
append(Text *text, const char *format,...)
{
	char		piece[4096];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	append_bytes(text, piece, strlen(piece));
}

static void
append_quoted(Text *text, const char *value)
{
	append_bytes(text, "'", 1);
	for (; *value; value++)
	{
		append_bytes(text, value, 1);
		if (*value == '\'')
			append_bytes(text, "'", 1);
	}
	append_bytes(text, "'", 1);
}

static const char *
random_bytes(void)
{
	static char bytes[64];
	int			length = below(sizeof(bytes));

	for (int i = 0; i < length; i++)
		bytes[i] = percent(50) ? 1 + below(255) : 'a' + below(26);
	bytes[length] = '\0';
	return bytes;
}

/* A value of the table for this name or type, or NULL if there is none. */
static const char *
choose_value(const Values *table, int size, const char *name, Oid type)
{
	const Values *found[4];
	int			nfound = 0;
	int			nvalues = 0;

	for (int i = 0; i < size; i++)
		if (table[i].argument ? strcmp(table[i].argument, name) == 0 : table[i].type == type)
			found[nfound++] = &table[i];
	if (nfound == 0)
		return NULL;
	found[0] = found[below(nfound)];
	while (nvalues < 16 && found[0]->values[nvalues])
		nvalues++;
	return found[0]->values[below(nvalues)];
}

/* The server calls a version of jsonb that it does not know an internal error. */
static bool
has_binary(Oid type)
{
	return type != JSONB && type != TEXTARRAY && type != INT4ARRAY && type != TIMESTAMPTZ;
}

/* The binary form of a value, which need not be that of its type. */
static void
make_binary(Parameter *parameter, const char *value)
{
	int64_t		number = strtoll(value, NULL, 10);
	uint32_t	words[7] = {htonl(1), htonl(0), htonl(INT8), htonl(1), htonl(1),
	htonl(8), htonl(0)};
	uint16_t	digits[5] = {htons(1), htons(0), htons(0), htons(2), htons(number)};
	uint32_t	high = htonl((uint64_t) number >> 32);
	uint32_t	low = htonl(number);
	char	   *data = parameter->data;

	switch (parameter->type)
	{
		case BOOL:
			data[0] = *value == 't';
			parameter->length = 1;
			break;
		case INT4:
			memcpy(data, &low, 4);
			parameter->length = 4;
			break;
		case INT8:
			memcpy(data, &high, 4);
			memcpy(data + 4, &low, 4);
			parameter->length = 8;
			break;
		case NUMERIC:
			memcpy(data, digits, sizeof(digits));
			parameter->length = sizeof(digits);
			break;
		case INT8ARRAY:
			memcpy(data, words, 24);
			memcpy(data + 24, &high, 4);
			memcpy(data + 28, &low, 4);
			parameter->length = 32;
			break;
		default:
			parameter->length = strlen(value) < 256 ? strlen(value) : 256;
			memcpy(data, value, parameter->length);
	}
	parameter->value = data;
	parameter->format = 1;
}

/* The server answers a value that is too short with 08P01. */
static void
damage(Parameter *parameter, Text *expected)
{
	for (int n = below(4); n > 0; n--)
		if (parameter->length > 0)
			parameter->data[below(parameter->length)] = (char) (percent(50) ? below(256) : 255);
	if (percent(30))
		parameter->length = below(parameter->length + 8);
	append(expected, "08P01,");
}

static void
append_argument(Text *call, const char *name, Oid type, bool good,
				Parameter *parameters, int *nparameters, Text *expected)
{
	const char *value = choose_value(good_values, lengthof(good_values), name, 0);

	if (!good && percent(15))
	{
		/* Of a set in the wrong place, two rows where one fits, no such schema. */
		append(expected, "0A000,21000,3F000,");
		append(call, "%s", pick(wrong_values));
		return;
	}
	if (!good && percent(60))
		value = choose_value(extreme_values, lengthof(extreme_values), name, type);
	if (!good && percent(5))
		value = random_bytes();
	if (value == NULL || percent(3))
		append(call, "NULL");
	else if (*value == '=')
		append(call, "%s", value + 1);
	else if (*nparameters >= 0 && *nparameters < MAX_PARAMETERS && percent(50))
	{
		Parameter  *parameter = &parameters[(*nparameters)++];

		parameter->type = good || percent(80) ? type : pick(((Oid[])
															  {0, BOOL, INT4, INT8, TEXT, NUMERIC, INT8ARRAY}));
		parameter->format = 0;
		snprintf(parameter->data, sizeof(parameter->data), "%s", value);
		parameter->value = percent(2) ? NULL : parameter->data;
		if (parameter->value && percent(50) &&
			has_binary(parameter->type ? parameter->type : type))
		{
			make_binary(parameter, value);
			if (!good)
				damage(parameter, expected);
		}
		append(call, "$%d", *nparameters);
	}
	else
	{
		append_quoted(call, value);
		if (percent(30))
			append(call, "::%s", type == INT8 ? "bigint" : type == INT4 ? "integer" :
				   type == TEXT ? "text" : type == NUMERIC ? "numeric" :
				   type == BOOL ? "boolean" : type == JSONB ? "jsonb" : type == TIMESTAMPTZ ? "timestamptz" :
				   type == TEXTARRAY ? "text[]" : type == INT4ARRAY ? "integer[]" : "bigint[]");
	}
}

/* A call of the function, as an expression. */
static void
append_call(Text *call, int function, Parameter *parameters, int *nparameters,
			Text *expected)
{
	char		names[512];
	char		types[128];
	char	   *name_end = names;
	char	   *type_end = types;
	bool		good = percent(75);
	bool		named = percent(50);
	bool		first = true;
	char	   *name;

	snprintf(names, sizeof(names), "%s", PQgetvalue(functions, function, 3));
	snprintf(types, sizeof(types), "%s", PQgetvalue(functions, function, 4));
	append(call, "%s.%s(", PQgetvalue(functions, function, 0), PQgetvalue(functions, function, 1));
	while ((name = strsep(&name_end, " ")) && *name)
	{
		Oid			type = atoi(strsep(&type_end, " "));

		if ((named && percent(15)) || (!good && percent(3)))
			continue;
		append(call, "%s", first ? "" : ", ");
		first = false;
		if (named)
			append(call, "%s => ", good || !percent(3) ? name : "user_id");
		append_argument(call, name, type, good, parameters, nparameters, expected);
	}
	if (!good && percent(3))
	{
		append(call, ", %s", pick(wrong_values));
		append(expected, "0A000,21000,3F000,");
	}
	append(call, ")");
}

/* "SQLSTATE CODE", where the code is that of the DETAIL. */
static const char *
outcome_of(PGresult *result)
{
	static char name[80];
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	char		code[64] = "-";

	if (PQresultStatus(result) != PGRES_FATAL_ERROR)
		return "00000 -";
	if (detail)
		sscanf(detail, "{\"code\": \"%63[a-z_]\"", code);
	snprintf(name, sizeof(name), "%s %s", sqlstate ? sqlstate : "-----", code);
	return name;
}

/* Reads all there is to an answer, and returns its error or its last result. */
static PGresult *
get_result(void)
{
	PGresult   *last = NULL;
	PGresult   *result;

	while ((result = PQgetResult(conn)))
	{
		char	   *row;

		while (PQresultStatus(result) == PGRES_COPY_OUT && PQgetCopyData(conn, &row, 0) > 0)
			PQfreemem(row);
		PQclear(last);
		last = result;
	}
	return last;
}

static void
run(PGconn *connection, const char *sql)
{
	PGresult   *result = PQexec(connection, sql);

	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
	{
		fprintf(stderr, "client: %s: %s", sql, PQerrorMessage(connection));
		exit(2);
	}
	PQclear(result);
}

/* Sends the statement, and returns how it ended. */
static PGresult *
execute(const Text *statement, const Parameter *parameters, int nparameters)
{
	Oid			types[MAX_PARAMETERS];
	const char *values[MAX_PARAMETERS];
	int			lengths[MAX_PARAMETERS];
	int			formats[MAX_PARAMETERS];

	for (int i = 0; i < nparameters; i++)
	{
		types[i] = parameters[i].type;
		values[i] = parameters[i].value;
		lengths[i] = parameters[i].length;
		formats[i] = parameters[i].format;
	}
	if (nparameters < 0 ? !PQsendQuery(conn, statement->data)
		: !PQsendQueryParams(conn, statement->data, nparameters, types, values, lengths,
							 formats, below(2)))
		fail(PQerrorMessage(conn));
	return get_result();
}

static void
count_outcome(const char *name)
{
	int			i = 0;

	while (outcomes[i].count > 0 && strcmp(outcomes[i].name, name) != 0)
		if (++i == MAX_OUTCOMES)
			fail("there are too many outcomes");
	snprintf(outcomes[i].name, sizeof(outcomes[i].name), "%s", name);
	outcomes[i].count++;
}

static bool
is_expected(const char *outcome, const Text *expected)
{
	char		sqlstate[7];

	snprintf(sqlstate, sizeof(sqlstate), "%.5s,", outcome);
	return strncmp(outcome, "00", 2) == 0 || strncmp(outcome, "22", 2) == 0 ||
		strncmp(outcome, "23", 2) == 0 || strncmp(outcome, "42", 2) == 0 ||
		strncmp(outcome, "54", 2) == 0 || strstr(allowed, sqlstate) ||
		strstr(expected->data, sqlstate);
}

/* A time-out that the call has asked for may end this statement too. */
static void
end_transaction(const char *statement, const Text *expected)
{
	PGresult   *result = PQexec(conn, statement);

	if (PQresultStatus(result) == PGRES_FATAL_ERROR && !is_expected(outcome_of(result), expected))
		printf("unexpected %s: %s\n", outcome_of(result), statement);
	PQclear(result);
	for (int i = 0; PQtransactionStatus(conn) != PQTRANS_IDLE && i < 100; i++)
		PQclear(PQexec(conn, "ROLLBACK"));
	if (PQtransactionStatus(conn) != PQTRANS_IDLE)
		fail("the transaction does not end");
}

/* Which of the functions a scene calls; -1 for none of them. */
static int
function_called(const char *call)
{
	for (int i = 0; i < PQntuples(functions); i++)
	{
		char		name[256];
		int			length = snprintf(name, sizeof(name), "%s.%s(", PQgetvalue(functions, i, 0),
									  PQgetvalue(functions, i, 1));

		if (strncmp(call, name, length) == 0)
			return i;
	}
	return -1;
}

static void
make_call(void)
{
	static Text beginning,
				call,
				statement,
				expected;
	static Parameter parameters[MAX_PARAMETERS];
	const Scene *scene = percent(5) ? &pick(scenes) : NULL;
	const Condition *condition = &pick(beginnings);
	const Condition *setting = percent(30) ? &pick(settings) : NULL;
	const char *role = scene ? "clerk" : pick(roles);
	int			function;
	int			nparameters = percent(50) ? 0 : -1;
	int			form;
	PGresult   *result;
	const char *outcome;

	beginning.length = call.length = statement.length = expected.length = 0;
	do
		function = below(PQntuples(functions));
	while (percent(atoi(PQgetvalue(functions, function, 5))));
	if (strcmp(PQgetvalue(functions, function, 0), "ecommerce_api") == 0 && percent(50))
		role = "shopper";
	append(&beginning, "%s", scene ? scene->beginning : condition->sql);
	append(&expected, "%s,", condition->expected);
	if (setting && !scene)
	{
		append(&beginning, "; SET LOCAL %s", setting->sql);
		append(&expected, "%s,", setting->expected);
	}
	append(&beginning, "; SET LOCAL ROLE %s; SELECT set_config('request.jwt.claims', %s, true)",
		   scene && scene->call && strstr(scene->call, "migrate") ? "shop" : role,
		   percent(75) ? pick(tokens) : pick(claims));
	form = below(*PQgetvalue(functions, function, 2) == 't' ? STATEMENTS_FOR_SETS :
				 nparameters < 0 ? (int) lengthof(statements) : STATEMENTS_WITH_PARAMETERS);
	if (scene && scene->call)
	{
		append(&call, "%s", scene->call);
		function = function_called(scene->call);
	}
	else
		append_call(&call, function, parameters, &nparameters, &expected);
	append(&statement, statements[form], call.data);

	if (scene && scene->prepared)
		run(elsewhere, scene->prepared);
	result = PQexec(conn, beginning.data);
	if (PQresultStatus(result) == PGRES_FATAL_ERROR)
	{
		const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

		if (scene && strstr(scene->beginning, "1/0"))
			append(&expected, "25P02,");
		else if (sqlstate && setting && strcmp(setting->expected, sqlstate) == 0)
		{
			PQclear(result);
			end_transaction("ROLLBACK", &expected);
			return;
		}
		else
		{
			fprintf(stderr, "client: %s: %s", beginning.data, PQerrorMessage(conn));
			exit(2);
		}
	}
	PQclear(result);
	if (scene && scene->meanwhile)
		run(elsewhere, scene->meanwhile);

	result = execute(&statement, parameters, nparameters);
	outcome = outcome_of(result);
	count_outcome(outcome);
	if (strncmp(outcome, "00000", 5) == 0 && function >= 0)
		successes[function]++;
	if (!is_expected(outcome, &expected) || PQstatus(conn) != CONNECTION_OK)
		printf("unexpected %s: %s after %s: %s", outcome, statement.data, beginning.data,
			   PQresultErrorMessage(result));
	if (PQstatus(conn) != CONNECTION_OK)
		fail("lost the connection");
	PQclear(result);
	if (strstr(condition->sql, "SAVEPOINT") && !scene)
		PQclear(PQexec(conn, "ROLLBACK TO s"));
	end_transaction(scene || percent(5) ? "ROLLBACK" : "COMMIT", &expected);
}

static void
look(const char *audit)
{
	PGresult   *result = PQexec(elsewhere, audit);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail(PQerrorMessage(elsewhere));
	for (int i = 0; i < PQntuples(result); i++)
		printf("violation %s\n", PQgetvalue(result, i, 0));
	PQclear(result);
}

static void
ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

static PGconn *
connect_to_server(void)
{
	PGconn	   *connection = PQconnectdb("");

	if (PQstatus(connection) != CONNECTION_OK)
		fail(PQerrorMessage(connection));
	PQsetNoticeReceiver(connection, ignore_notice, NULL);
	return connection;
}

int
main(int argc, char **argv)
{
	int			calls = 0;

	if (argc != 6)
		fail("usage: client SEED CALLS ALLOWED UPKEEP AUDIT");
	state = strtoull(argv[1], NULL, 10);
	allowed = argv[3];
	conn = connect_to_server();
	elsewhere = connect_to_server();
	functions = PQexec(conn,
					   "SELECT pronamespace::regnamespace, proname, proretset,"
					   " array_to_string(proargnames[1:pronargs], ' '), proargtypes,"
					   " CASE WHEN proname ~ '^(migra|set_owner|grant|revoke|erase|order_integ)' THEN 70 ELSE 0 END"
					   "  FROM pg_proc"
					   " WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)"
					   "   AND prorettype <> 'trigger'::regtype"
					   " ORDER BY 1, 2");
	if (PQntuples(functions) == 0)
		fail("there are no functions");
	successes = calloc(PQntuples(functions), sizeof(int));

	while (calls < atoi(argv[2]))
	{
		if (calls % UPKEEP_INTERVAL == 0)
			run(elsewhere, argv[4]);
		make_call();
		if (++calls % AUDIT_INTERVAL == 0)
			look(argv[5]);
	}
	look(argv[5]);
	printf("calls %d\n", calls);
	for (int i = 0; outcomes[i].count > 0; i++)
		printf("outcome %s %d\n", outcomes[i].name, outcomes[i].count);
	for (int i = 0; i < PQntuples(functions); i++)
		printf("success %s.%s %d\n", PQgetvalue(functions, i, 0),
			   PQgetvalue(functions, i, 1), successes[i]);
	PQfinish(conn);
	PQfinish(elsewhere);
	return 0;
}
