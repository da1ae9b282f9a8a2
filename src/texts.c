/*-------------------------------------------------------------------------
 *
 * texts.c
 *		What a text is to a person: its length, and whether it is blank.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/fmgrprotos.h"

#include "arguments.h"
#include "texts.h"

#define BLANK_RANGE(first, last)	{0x##first, 0x##last},

static const struct
{
	pg_wchar	first;
	pg_wchar	last;
}			blank_ranges[] = {BLANK_CHARACTERS(BLANK_RANGE)};

static bool is_blank_character(pg_wchar character);

bool
is_blank(Datum value)
{
	text	   *string = DatumGetTextPP(value);
	int			length = VARSIZE_ANY_EXHDR(string);
	char	   *utf8 = pg_server_to_any(VARDATA_ANY(string), length, PG_UTF8);
	const char *end = utf8 + (utf8 == VARDATA_ANY(string) ? length : (int) strlen(utf8));

	for (const char *c = utf8; c < end; c += pg_utf_mblen((const unsigned char *) c))
		if (!is_blank_character(utf8_to_unicode((const unsigned char *) c)))
			return false;
	return true;
}

int
length_of(Datum value)
{
	text	   *string = DatumGetTextPP(value);

	return pg_mbstrlen_with_len(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
}

void
check_text_argument(const NullableDatum *argument, const char *name,
					int max_length)
{
	if (!argument->isnull && (is_blank(argument->value) ||
							  length_of(argument->value) > max_length))
		refuse_argument(name, psprintf("1 to %d characters that are not all blank",
									   max_length));
}

bool
texts_are_equal(NullableDatum a, NullableDatum b)
{
	if (a.isnull || b.isnull)
		return a.isnull == b.isnull;
	return DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID,
												a.value, b.value));
}

bool
contains_text(const List *texts, NullableDatum value)
{
	ListCell   *cell;

	foreach(cell, texts)
	{
		if (texts_are_equal(*(const NullableDatum *) lfirst(cell), value))
			return true;
	}
	return false;
}

NullableDatum
upper_case(Datum value)
{
	text	   *copy = DatumGetTextPCopy(value);
	char	   *bytes = VARDATA(copy);
	NullableDatum result = {.isnull = false};

	for (int i = 0; i < (int) (VARSIZE(copy) - VARHDRSZ); i++)
		if (bytes[i] >= 'a' && bytes[i] <= 'z')
			bytes[i] += 'A' - 'a';
	result.value = PointerGetDatum(copy);
	return result;
}

static bool
is_blank_character(pg_wchar character)
{
	for (size_t i = 0; i < lengthof(blank_ranges); i++)
		if (character <= blank_ranges[i].last)
			return character >= blank_ranges[i].first;
	return false;
}
