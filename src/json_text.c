/*-------------------------------------------------------------------------
 *
 * json_text.c
 *		JSON values as text, just as jsonb's output function writes them.
 *
 * The server's own functions look at a string byte by byte, and write a number
 * into memory of its own first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "json_text.h"
#include "numeric_format.h"

/* Sign, digits in front of the point, point, decimals, and what is cut off. */
#define SHORT_NUMERIC_MAX_LENGTH \
	(1 + (NUMERIC_SHORT_WEIGHT_MASK + 1) * NUMERIC_BASE_DECIMALS + \
	 1 + (NUMERIC_SHORT_SCALE_MASK >> NUMERIC_SHORT_SCALE_SHIFT) + \
	 NUMERIC_BASE_DECIMALS)

/* A word of which every byte is this one. */
#define EVERY_BYTE(byte)		(~UINT64CONST(0) / 0xFF * (byte))

static char *write_short_numeric(char *target, const char *numeric,
								 int length);
static int	digit_of(const char *digits, int ndigits, int number);
static char *write_first_digit(char *target, int digit);
static void write_digit(char *target, int digit);
static int	plain_length(const char *string, int length);
static bool all_are_plain(const char *string);
static bool is_plain(unsigned char byte);
static void append_escaped(StringInfo buffer, unsigned char byte);

void
append_json_integer(StringInfo buffer, int64 value)
{
	enlargeStringInfo(buffer, MAXINT8LEN + 1);
	buffer->len += pg_lltoa(value, buffer->data + buffer->len);
}

void
append_json_numeric(StringInfo buffer, struct varlena *numeric)
{
	const char *data = VARDATA_ANY(numeric);
	uint16		header;
	char	   *target;

	memcpy(&header, data, sizeof(header));
	if ((header & NUMERIC_FORMAT_MASK) == NUMERIC_SHORT_FORMAT)
	{
		enlargeStringInfo(buffer, SHORT_NUMERIC_MAX_LENGTH);
		target = write_short_numeric(buffer->data + buffer->len, data,
									 VARSIZE_ANY_EXHDR(numeric));
		buffer->len = target - buffer->data;
	}
	else
	{
		target = DatumGetCString(DirectFunctionCall1(numeric_out,
													 PointerGetDatum(numeric)));
		appendStringInfoString(buffer, target);
		pfree(target);
	}
}

/* Returns the end; it may have written behind that, too. */
static char *
write_short_numeric(char *target, const char *numeric, int length)
{
	const char *digits = numeric + sizeof(uint16);
	int			ndigits = length / sizeof(int16) - 1;
	uint16		header;
	int			weight;
	int			scale;

	memcpy(&header, numeric, sizeof(header));
	weight = header & NUMERIC_SHORT_WEIGHT_MASK;
	if (header & NUMERIC_SHORT_WEIGHT_SIGN)
		weight |= ~NUMERIC_SHORT_WEIGHT_MASK;
	scale = (header & NUMERIC_SHORT_SCALE_MASK) >> NUMERIC_SHORT_SCALE_SHIFT;

	if (header & NUMERIC_SHORT_NEGATIVE)
		*target++ = '-';
	target = write_first_digit(target,
							   digit_of(digits, ndigits, Min(weight, 0)));
	for (int i = 1; i <= weight; i++)
	{
		write_digit(target, digit_of(digits, ndigits, i));
		target += NUMERIC_BASE_DECIMALS;
	}
	if (scale == 0)
		return target;
	*target++ = '.';
	for (int i = 0; i < scale; i += NUMERIC_BASE_DECIMALS)
		write_digit(target + i, digit_of(digits, ndigits, ++weight));
	return target + scale;
}

/* The digits need not be aligned, and there are only those that are not 0. */
static int
digit_of(const char *digits, int ndigits, int number)
{
	int16		digit;

	if (number < 0 || number >= ndigits)
		return 0;
	memcpy(&digit, digits + number * sizeof(digit), sizeof(digit));
	return digit;
}

/* Without zeros in front. */
static char *
write_first_digit(char *target, int digit)
{
	int			zeros = (digit < 1000) + (digit < 100) + (digit < 10);
	char		decimals[2 * NUMERIC_BASE_DECIMALS] = {0};

	write_digit(decimals, digit);
	memcpy(target, decimals + zeros, NUMERIC_BASE_DECIMALS);
	return target + NUMERIC_BASE_DECIMALS - zeros;
}

static void
write_digit(char *target, int digit)
{
	target[0] = '0' + digit / 1000;
	target[1] = '0' + digit / 100 % 10;
	target[2] = '0' + digit / 10 % 10;
	target[3] = '0' + digit % 10;
}

/* What is in between of bytes that are escaped is copied as it is. */
void
append_json_string(StringInfo buffer, const char *string, int length)
{
	int			done = 0;

	appendStringInfoCharMacro(buffer, '"');
	for (;;)
	{
		int			plain = plain_length(string + done, length - done);

		appendBinaryStringInfo(buffer, string + done, plain);
		done += plain;
		if (done == length)
			break;
		append_escaped(buffer, string[done++]);
	}
	appendStringInfoCharMacro(buffer, '"');
}

static int
plain_length(const char *string, int length)
{
	int			i = 0;

	while (i + (int) sizeof(uint64) <= length && all_are_plain(string + i))
		i += sizeof(uint64);
	while (i < length && is_plain(string[i]))
		i++;
	return i;
}

/*
 * Eight bytes at a time.  Subtracting 1 sets the highest bit of a byte that has
 * not got it only if the byte was 0, or if one below it was, and has borrowed;
 * and so for a blank.
 */
static bool
all_are_plain(const char *string)
{
	uint64		bytes;
	uint64		quotes;
	uint64		backslashes;

	memcpy(&bytes, string, sizeof(bytes));
	quotes = bytes ^ EVERY_BYTE('"');
	backslashes = bytes ^ EVERY_BYTE('\\');
	return ((((bytes - EVERY_BYTE(' ')) & ~bytes) |
			 ((quotes - EVERY_BYTE(1)) & ~quotes) |
			 ((backslashes - EVERY_BYTE(1)) & ~backslashes)) &
			EVERY_BYTE(0x80)) == 0;
}

/* So is every byte of a character beyond ASCII. */
static bool
is_plain(unsigned char byte)
{
	return byte >= ' ' && byte != '"' && byte != '\\';
}

static void
append_escaped(StringInfo buffer, unsigned char byte)
{
	switch (byte)
	{
		case '"':
			appendStringInfoString(buffer, "\\\"");
			break;
		case '\\':
			appendStringInfoString(buffer, "\\\\");
			break;
		case '\b':
			appendStringInfoString(buffer, "\\b");
			break;
		case '\f':
			appendStringInfoString(buffer, "\\f");
			break;
		case '\n':
			appendStringInfoString(buffer, "\\n");
			break;
		case '\r':
			appendStringInfoString(buffer, "\\r");
			break;
		case '\t':
			appendStringInfoString(buffer, "\\t");
			break;
		default:
			appendStringInfo(buffer, "\\u%04x", byte);
	}
}
