/*-------------------------------------------------------------------------
 *
 * profile.c
 *		A user's own name, e-mail address and addresses.
 *
 * Who may log in as whom is not decided here: an e-mail address is as true as
 * the user, or the login service that calls, says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "access.h"
#include "addresses.h"
#include "arguments.h"
#include "errors.h"
#include "jsonb_writer.h"
#include "texts.h"
#include "users.h"

#define NAME_MAX_LENGTH		500
#define EMAIL_MAX_LENGTH	320 /* RFC 5321, 4.5.3.1: 64, @ and 255 */
#define ADDRESS_MAX_LENGTH	10000

#define PROFILE_COLUMNS \
	" id::bigint, name::text, email::text, shipping_address::text," \
	" address::jsonb, created_at::timestamptz"

#define PROFILE_NCOLUMNS	6

typedef union Profile
{
	struct
	{
		NullableDatum id;
		NullableDatum name;
		NullableDatum email;
		NullableDatum shipping_address;
		NullableDatum address;
		NullableDatum created_at;
	};
	NullableDatum columns[PROFILE_NCOLUMNS];
} Profile;

#define SELECT_PROFILE \
	"SELECT" PROFILE_COLUMNS " FROM ecommerce.users WHERE id = $1"

static Statement select_profile = {
	.query = SELECT_PROFILE,
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement lock_profile_no_key_update = {
	.query = SELECT_PROFILE " FOR NO KEY UPDATE",
	.result = SPI_OK_SELECT,
	PARAMETERS(INT8OID)
};

static Statement update_profile = {
	.query =
	"UPDATE ecommerce.users"
	"   SET name = $2, email = $3, shipping_address = $4, address = $5"
	" WHERE id = $1 RETURNING" PROFILE_COLUMNS,
	.result = SPI_OK_UPDATE_RETURNING,
	PARAMETERS(INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID)
};

/* As the trigger cuts it, null when that leaves nothing, and as the table checks it. */
static Statement cut_email = {
	.query =
	"SELECT email, email LIKE '%_@_%'"
	"              AND length(email) <= " CppAsString2(EMAIL_MAX_LENGTH)
	"  FROM substring($1, '" NOT_BLANK_REGEX "(?:.*" NOT_BLANK_REGEX ")?') AS email",
	.result = SPI_OK_SELECT,
	PARAMETERS(TEXTOID)
};

/* In stored order: by length, then by bytes. */
static const char *const profile_keys[] = {
	"id", "name", "email", "address", "created_at", "shipping_address"
};

PG_FUNCTION_INFO_V1(profile_json);
PG_FUNCTION_INFO_V1(api_profile_json);
PG_FUNCTION_INFO_V1(set_profile);
PG_FUNCTION_INFO_V1(api_set_profile);

static Document *show_profile(DocumentFormat format, int64 user_id);
static Document *change_profile(DocumentFormat format, int64 user_id,
								const NullableDatum *arguments);
static void read_profile(Profile *profile, Statement *statement,
						 int64 user_id, Visibility visibility);
static void apply_arguments(Profile *profile, const NullableDatum *arguments);
static NullableDatum email_argument(NullableDatum argument);
static void write_profile(Profile *profile);
pg_noreturn static void refuse_taken_email(void);
static Document *profile_document(const Profile *profile,
								  DocumentFormat format,
								  MemoryContext context);

static const RowNumber emails = {
	.indexes = {"users_email_key"},
	.refuse = refuse_taken_email
};

Datum
profile_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(show_profile(answer_format(fcinfo),
								   bigint_argument(&fcinfo->args[0], "user_id")));
}

Datum
api_profile_json(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(show_profile(answer_format(fcinfo), require_claimed_user()));
}

Datum
set_profile(PG_FUNCTION_ARGS)
{
	int64		user_id = bigint_argument(&fcinfo->args[0], "user_id");

	PG_RETURN_POINTER(change_profile(answer_format(fcinfo), user_id,
									 &fcinfo->args[1]));
}

Datum
api_set_profile(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(change_profile(answer_format(fcinfo), require_claimed_user(),
									 fcinfo->args));
}

static Document *
show_profile(DocumentFormat format, int64 user_id)
{
	Access		access;
	Profile		profile;
	Document   *document;

	begin_access(&access, user_id);
	read_profile(&profile, &select_profile, user_id, CALLERS_SNAPSHOT);
	document = profile_document(&profile, format, access.result_context);
	end_access(&access);
	return document;
}

/* Placements of the user's do not wait for it. */
static Document *
change_profile(DocumentFormat format, int64 user_id,
			   const NullableDatum *arguments)
{
	Access		access;
	Profile		profile;
	Document   *document;

	begin_access(&access, user_id);
	read_profile(&profile, &lock_profile_no_key_update, user_id,
				 FRESH_SNAPSHOT);
	apply_arguments(&profile, arguments);
	write_profile(&profile);
	document = profile_document(&profile, format, access.result_context);
	end_access(&access);
	return document;
}

static void
read_profile(Profile *profile, Statement *statement, int64 user_id,
			 Visibility visibility)
{
	NullableDatum values[] = {bigint_value(user_id)};

	if (execute(statement, values, visibility) == 0)
		refuse_unknown_user(user_id);
	read_row(SPI_tuptable, 0, profile->columns, lengthof(profile->columns));
}

/*
 * The four arguments behind the user.  What is null stays as it is; a blank text
 * and an empty address take away what was there, except the name.
 */
static void
apply_arguments(Profile *profile, const NullableDatum *arguments)
{
	NullableDatum name = arguments[0];
	NullableDatum email = arguments[1];
	NullableDatum shipping_address = arguments[2];
	NullableDatum address = arguments[3];

	if (!name.isnull)
	{
		check_text_argument(&name, "name", NAME_MAX_LENGTH);
		profile->name = name;
	}
	if (!email.isnull)
		profile->email = email_argument(email);
	if (!shipping_address.isnull)
	{
		if (length_of(shipping_address.value) > ADDRESS_MAX_LENGTH)
			refuse_argument("shipping_address", "at most "
							CppAsString2(ADDRESS_MAX_LENGTH) " characters");
		profile->shipping_address = is_blank(shipping_address.value) ?
			NULL_VALUE : shipping_address;
	}
	if (!address.isnull)
	{
		check_address(address.value, "address");
		profile->address = JB_ROOT_COUNT(DatumGetJsonbP(address.value)) == 0 ?
			NULL_VALUE : address;
	}
}

static NullableDatum
email_argument(NullableDatum argument)
{
	NullableDatum row[2];

	require_written(execute(&cut_email, &argument, FRESH_SNAPSHOT), 1);
	read_row(SPI_tuptable, 0, row, lengthof(row));
	if (!row[0].isnull && !DatumGetBool(row[1].value))
		refuse_argument("email", "an e-mail address of at most "
						CppAsString2(EMAIL_MAX_LENGTH) " characters, or blank for none");
	return row[0];
}

/*
 * Whether the address is another user's is for the unique index to say, which
 * waits for whoever is about to take it.
 */
static void
write_profile(Profile *profile)
{
	NullableDatum values[] = {
		profile->id,
		profile->name,
		profile->email,
		profile->shipping_address,
		profile->address
	};

	require_written(execute_insert(&update_profile, values, &emails), 1);
	read_row(SPI_tuptable, 0, profile->columns, lengthof(profile->columns));
}

static void
refuse_taken_email(void)
{
	ereport(ERROR,
			errcode(ERRCODE_CONFLICT),
			errmsg("email address is taken"),
			errdetail_internal("{\"code\": \"email_taken\"}"),
			errhint("Log in with this address, or give another one."));
}

static Document *
profile_document(const Profile *profile, DocumentFormat format,
				 MemoryContext context)
{
	JsonbWriter writer;

	document_begin(&writer, format, context);
	jsonb_open_object(&writer, jsonb_shape(profile_keys, lengthof(profile_keys)));
	jsonb_put_int8(&writer, profile->id);
	jsonb_put_text(&writer, profile->name);
	jsonb_put_text(&writer, profile->email);
	jsonb_put_jsonb(&writer, profile->address);
	jsonb_put_timestamptz(&writer, profile->created_at);
	jsonb_put_text(&writer, profile->shipping_address);
	jsonb_close_object(&writer);
	return document_finish(&writer);
}
