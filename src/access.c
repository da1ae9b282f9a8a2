/*-------------------------------------------------------------------------
 *
 * access.c
 *		Who may act for whom, and as whom the queries run.
 *
 * Whoever has the privilege REFERENCES on ecommerce.orders acts for any user: the
 * owner of the tables, and the roles that the owner trusts, called staff here.
 * It is a mark that allows no writing past the functions.  Anyone else acts only
 * for the user that the request's JSON web token names, which PostgREST puts into
 * the setting request.jwt.claims.  Events are also delivered by whoever has the
 * mark on ecommerce.order_events.
 *
 * Once that is decided, the fixed queries run as the owner of the tables, the
 * way the server runs its own foreign-key checks (ri_triggers.c): no shopper
 * needs a privilege on a table, nothing runs as the superuser who installed
 * the extension, and a trigger on a table runs as the table's owner.  Unless the
 * owner has the caller's rights anyway, this is a security-restricted operation,
 * so that such code leaves nothing behind in the caller's session: no temporary
 * table that a later query of the caller's takes for another, no cursor, no
 * prepared statement, no deferred trigger.  That is how logical replication
 * applies changes (usercontext.c).  Pinning search_path keeps the caller's
 * schemas out of what such a trigger does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/async.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "access.h"
#include "errors.h"
#include "jsonb_writer.h"
#include "tables.h"
#include "texts.h"

/* A longer name of a person is none. */
#define PERSON_MAX_LENGTH	255

PG_FUNCTION_INFO_V1(current_user_id);

static bool is_staff(Oid orders);
static bool may_deliver(void);
pg_noreturn static void refuse_role(void);
static void become_owner(Access *access, Oid orders);
static NullableDatum claim(const char *name);
static bool claimed_user_id(int64 *user_id);
static int64 parse_user_id(const char *digits);

Datum
current_user_id(PG_FUNCTION_ARGS)
{
	int64		user_id;

	if (!claimed_user_id(&user_id))
		PG_RETURN_NULL();
	PG_RETURN_INT64(user_id);
}

void
begin_access(Access *access, int64 user_id)
{
	Oid			orders = orders_table();

	if (!is_staff(orders) && require_claimed_user() != user_id)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("cannot act for another user"),
				errdetail_internal("{\"code\": \"other_user\", \"user_id\": " INT64_FORMAT "}",
								   user_id),
				errhint("Use the id of the user of the token, or a role that acts for any user."));
	become_owner(access, orders);
}

void
begin_staff_access(Access *access)
{
	Oid			orders = orders_table();

	if (!is_staff(orders))
		refuse_role();
	become_owner(access, orders);
}

void
begin_delivery_access(Access *access)
{
	Oid			orders = orders_table();

	if (!is_staff(orders) && !may_deliver())
		refuse_role();
	become_owner(access, orders);
}

static void
become_owner(Access *access, Oid orders)
{
	Oid			owner = table_owner(orders);
	int			context;

	require_current_tables(orders);
	access->result_context = CurrentMemoryContext;
	SPI_connect();
	GetUserIdAndSecContext(&access->caller, &access->caller_context);
	context = access->caller_context | SECURITY_LOCAL_USERID_CHANGE |
		SECURITY_NOFORCE_RLS;
	if (!has_privs_of_role(owner, access->caller))
		context |= SECURITY_RESTRICTED_OPERATION;
	SetUserIdAndSecContext(owner, context);
	access->guc_nest_level = pin_search_path();
}

int
pin_search_path(void)
{
	int			nest_level = NewGUCNestLevel();

	pin_setting("search_path", "pg_catalog, pg_temp");
	return nest_level;
}

void
pin_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
end_access(Access *access)
{
	unpin_search_path(access->guc_nest_level);
	SetUserIdAndSecContext(access->caller, access->caller_context);
	SPI_finish();
}

/*
 * As after an error: what a trigger of the owner's has SET meanwhile goes too,
 * and does not become the caller's setting.
 */
void
unpin_search_path(int nest_level)
{
	AtEOXact_GUC(false, nest_level);
}

void
notify_postgrest(void)
{
	Async_Notify("pgrst", "reload schema");
}

void
answer_created(void)
{
	const char *method = GetConfigOption("request.method", true, false);

	if (method != NULL && method[0] != '\0')
		(void) set_config_option("response.status", "201", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
}

static bool
is_staff(Oid orders)
{
	return pg_class_aclcheck(orders, GetUserId(), ACL_REFERENCES) == ACLCHECK_OK;
}

static bool
may_deliver(void)
{
	Oid			events = events_table();

	return OidIsValid(events) &&
		pg_class_aclcheck(events, GetUserId(), ACL_REFERENCES) == ACLCHECK_OK;
}

static void
refuse_role(void)
{
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("role may not do this"),
			errdetail_internal("{\"code\": \"not_staff\"}"),
			errhint("Use a role that acts for any user, or for events one that delivers them."));
}

int64
require_claimed_user(void)
{
	int64		user_id;

	if (!claimed_user_id(&user_id))
		ereport(ERROR,
				errcode(ERRCODE_NO_IDENTITY),
				errmsg("request names no user"),
				errdetail_internal("{\"code\": \"no_identity\"}"),
				errhint("Send a token whose claims contain \"user_id\" (setting request.jwt.claims), or use a role that acts for any user."));
	return user_id;
}

NullableDatum
claimed_person(void)
{
	NullableDatum person = claim("sub");

	if (!person.isnull && length_of(person.value) > PERSON_MAX_LENGTH)
		return NULL_VALUE;
	return person;
}

/*
 * A field of request.jwt.claims as text; null when there are no claims, or none
 * of that name.  Claims that are not JSON are an error of class 22.
 */
static NullableDatum
claim(const char *name)
{
	const char *claims = GetConfigOption("request.jwt.claims", true, false);

	if (claims == NULL || claims[0] == '\0')
		return NULL_VALUE;
	return jsonb_field(DirectFunctionCall1(jsonb_in, CStringGetDatum(claims)),
					   name);
}

/*
 * The claim "user_id", a number or a string of digits; false when there is none.
 * One that is not a bigint is an error of class 22.  The value is not in the
 * message, as it would be in that of int8in().
 */
static bool
claimed_user_id(int64 *user_id)
{
	NullableDatum field = claim("user_id");

	if (field.isnull)
		return false;
	*user_id = parse_user_id(TextDatumGetCString(field.value));
	return true;
}

static int64
parse_user_id(const char *digits)
{
	char	   *end;
	int64		user_id;

	errno = 0;
	user_id = strtoll(digits, &end, 10);
	while (end > digits && isspace((unsigned char) *end))
		end++;
	if (end == digits || *end != '\0')
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("user of the request is not an integer"),
				errdetail_internal("{\"code\": \"malformed_identity\"}"),
				errhint("Send a token whose \"user_id\" is the id of a user."));
	if (errno == ERANGE)
		ereport(ERROR,
				errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("user of the request is out of range"),
				errdetail_internal("{\"code\": \"malformed_identity\"}"),
				errhint("Send a token whose \"user_id\" is the id of a user."));
	return user_id;
}
