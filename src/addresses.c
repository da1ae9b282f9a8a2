/*-------------------------------------------------------------------------
 *
 * addresses.c
 *		Where orders go.
 *
 * An address is a JSON object with the fields of an Address in Stripe's API, and
 * name, phone and email of what it calls shipping and billing details.
 *
 * https://docs.stripe.com/api/charges/object#charge_object-billing_details
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "addresses.h"
#include "arguments.h"
#include "jsonb_writer.h"
#include "texts.h"

#define ADDRESS_MAX_LENGTH	10000
#define FIELD_MAX_LENGTH	500

#define ADDRESS_FIELDS \
	"name, phone, email, company, line1, line2, city, state, postal_code, country"

/* The fields as written on a parcel; those with a space follow on. */
static const struct
{
	const char *separator;
	const char *field;
}			label[] = {
	{", ", "name"},
	{", ", "company"},
	{", ", "line1"},
	{", ", "line2"},
	{", ", "postal_code"},
	{" ", "city"},
	{", ", "state"},
	{", ", "country"}
};

/* Finds what is none of ours, or not a short text.  The domain has the same. */
static Statement select_bad_field = {
	.query =
	"SELECT key FROM jsonb_each($1)"
	" WHERE jsonb_typeof(value) <> 'string'"
	"    OR key <> ALL (string_to_array('" ADDRESS_FIELDS "', ', '))"
	"    OR length(value #>> '{}') > " CppAsString2(FIELD_MAX_LENGTH)
	"    OR key = 'country' AND value #>> '{}' !~ '^[A-Z]{2}$'"
	" LIMIT 1",
	.result = SPI_OK_SELECT,
	PARAMETERS(JSONBOID)
};

void
check_address(Datum address, const char *argument)
{
	NullableDatum values[] = {not_null(address)};

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(address)) ||
		execute(&select_bad_field, values, CALLERS_SNAPSHOT) > 0)
		refuse_argument(argument,
						"an object with " ADDRESS_FIELDS ", each a text of at most "
						CppAsString2(FIELD_MAX_LENGTH)
						" characters, country two capital letters");
}

void
check_address_argument(const NullableDatum *address, const char *argument)
{
	if (!address->isnull)
		check_address(address->value, argument);
}

NullableDatum
parse_address(Datum value, const char *argument)
{
	char	   *string = TextDatumGetCString(value);

	if (is_blank(value) || length_of(value) > ADDRESS_MAX_LENGTH)
		refuse_argument(argument,
						"1 to " CppAsString2(ADDRESS_MAX_LENGTH)
						" characters that are not all blank");
	if (string[strspn(string, " \t\n\r")] != '{')
		return NULL_VALUE;
	return not_null(DirectFunctionCall1(jsonb_in, CStringGetDatum(string)));
}

NullableDatum
address_field(NullableDatum address, const char *name)
{
	NullableDatum field;

	if (address.isnull)
		return NULL_VALUE;
	field = jsonb_field(address.value, name);
	return field.isnull || is_blank(field.value) ? NULL_VALUE : field;
}

NullableDatum
address_text(NullableDatum address)
{
	StringInfoData lines;
	Datum		result;

	initStringInfo(&lines);
	for (size_t i = 0; i < lengthof(label); i++)
	{
		NullableDatum field = address_field(address, label[i].field);

		if (!field.isnull)
			appendStringInfo(&lines, "%s%s",
							 lines.len > 0 ? label[i].separator : "",
							 TextDatumGetCString(field.value));
	}
	result = CStringGetTextDatum(lines.data);
	return lines.len > 0 ? not_null(result) : NULL_VALUE;
}
