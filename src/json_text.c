/*-------------------------------------------------------------------------
 *
 * json_text.c
 *		JSON values as text, to the byte as jsonb's output function writes them.
 *
 * The server's own functions write a string byte by byte, and a number into
 * memory of its own first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "json_text.h"

static bool is_plain(unsigned char byte);
static void append_escaped(StringInfo text, unsigned char byte);

void
append_json_integer(StringInfo text, int64 value)
{
	enlargeStringInfo(text, MAXINT8LEN + 1);
	text->len += pg_lltoa(value, text->data + text->len);
}

void
append_json_numeric(StringInfo text, struct varlena *numeric)
{
	char	   *number = DatumGetCString(DirectFunctionCall1(numeric_out,
															 PointerGetDatum(numeric)));

	appendStringInfoString(text, number);
	pfree(number);
}

/* Between bytes that are escaped, it is copied as it is. */
void
append_json_string(StringInfo text, const char *string, int length)
{
	int			copied = 0;

	appendStringInfoCharMacro(text, '"');
	for (int i = 0; i < length; i++)
	{
		if (is_plain(string[i]))
			continue;
		appendBinaryStringInfo(text, string + copied, i - copied);
		append_escaped(text, string[i]);
		copied = i + 1;
	}
	appendBinaryStringInfo(text, string + copied, length - copied);
	appendStringInfoCharMacro(text, '"');
}

/* A byte of a longer character is, too. */
static bool
is_plain(unsigned char byte)
{
	return byte >= ' ' && byte != '"' && byte != '\\';
}

static void
append_escaped(StringInfo text, unsigned char byte)
{
	switch (byte)
	{
		case '"':
			appendStringInfoString(text, "\\\"");
			break;
		case '\\':
			appendStringInfoString(text, "\\\\");
			break;
		case '\b':
			appendStringInfoString(text, "\\b");
			break;
		case '\f':
			appendStringInfoString(text, "\\f");
			break;
		case '\n':
			appendStringInfoString(text, "\\n");
			break;
		case '\r':
			appendStringInfoString(text, "\\r");
			break;
		case '\t':
			appendStringInfoString(text, "\\t");
			break;
		default:
			appendStringInfo(text, "\\u%04x", byte);
	}
}
