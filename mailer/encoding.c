/*-------------------------------------------------------------------------
 *
 * encoding.c
 *		Writes text of any content into the places of a message.
 *
 * Every writer takes its text apart with next_character(), which is the gate:
 * what comes out of it is well-formed UTF-8 and holds no control character but
 * "\n".  On top of that, a header is left unencoded only if all of it is
 * letters, digits and a few harmless signs.
 *
 *-------------------------------------------------------------------------
 */
#include "encoding.h"

#include <string.h>

#include "../src/blank_characters.h"
#include "report.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/*
 * Lines with encoded words are shorter (RFC 2047, 2), as are encoded bodies.
 */
#define LINE_LENGTH 76

/* More characters of a name than this are of no use in a header. */
#define PHRASE_LENGTH 120

#define WORD_BEGIN "=?UTF-8?Q?"
#define WORD_END "?="

#define BLANK_RANGE(first, last)	{0x##first, 0x##last},

static const struct
{
	unsigned	first;
	unsigned	last;
}			blank_ranges[] = {BLANK_CHARACTERS(BLANK_RANGE)};

/* One character of UTF-8, terminated. */
typedef char Character[5];

/*
 * How many bytes the well-formed character takes that text begins with, or 0
 * if there is none.  Never reads beyond the terminator.
 */
static int
decode(const char *text, unsigned *code)
{
	static const unsigned minimum[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = text[0];
	int			length;

	length = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 :
		first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
	*code = length == 1 ? first : first & (0x7F >> length);
	for (int i = 1; i < length; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3F);
	}
	if (length == 0 || *code < minimum[length] || *code > 0x10FFFF ||
		(*code >= 0xD800 && *code <= 0xDFFF))
		return 0;
	return length;
}

/* Controls of the text or, worse, of the direction in which it is read. */
static bool
is_control(unsigned code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) ||
		(code >= 0x202A && code <= 0x202E) ||
		(code >= 0x2066 && code <= 0x2069);
}

static bool
is_blank_character(unsigned code)
{
	for (size_t i = 0; i < sizeof(blank_ranges) / sizeof(blank_ranges[0]); i++)
		if (code <= blank_ranges[i].last)
			return code >= blank_ranges[i].first;
	return false;
}

static bool
is_line_break(unsigned code)
{
	return code == '\n' || code == '\r' || code == 0x85 ||
		code == 0x2028 || code == 0x2029;
}

static void
put(Character character, const char *bytes, size_t length)
{
	memcpy(character, bytes, length);
	character[length] = '\0';
}

/*
 * Reads the character that text begins with and returns where the next one
 * begins, or NULL at the end.  Line breaks of any kind are "\n", other
 * controls a space, and what is not UTF-8 is U+FFFD, the replacement
 * character.
 */
static const char *
next_character(const char *text, Character character)
{
	unsigned	code;
	int			length = decode(text, &code);
	const char *next = &text[length > 0 ? length : 1];

	if (*text == '\0')
		return NULL;
	if (strncmp(text, "\r\n", 2) == 0)
		next = &text[2];

	if (length == 0)
		put(character, "\xEF\xBF\xBD", 3);
	else if (is_line_break(code))
		put(character, "\n", 1);
	else if (is_control(code))
		put(character, " ", 1);
	else
		put(character, text, length);
	return next;
}

void
write_plain(FILE *out, const char *text, const char *line_break)
{
	Character	character;

	while ((text = next_character(text, character)) != NULL)
		fputs(*character == '\n' ? line_break : character, out);
}

void
write_html(FILE *out, const char *text, const char *line_break)
{
	Character	character;

	while ((text = next_character(text, character)) != NULL)
	{
		switch (*character)
		{
			case '&':
				fputs("&amp;", out);
				break;
			case '<':
				fputs("&lt;", out);
				break;
			case '>':
				fputs("&gt;", out);
				break;
			case '"':
				fputs("&quot;", out);
				break;
			case '\n':
				fputs(line_break, out);
				break;
			default:
				fputs(character, out);
		}
	}
}

/*
 * Whether a header can hold the text unencoded, on a line taken up to a
 * column.
 */
static bool
is_plain_phrase(const char *text, int column)
{
	size_t		length = strlen(text);

	return column + length <= LINE_LENGTH &&
		strspn(text, LETTERS DIGITS "'+-_ ") == length &&
		*text != ' ' && (length == 0 || text[length - 1] != ' ') &&
		strstr(text, "  ") == NULL;
}

int
write_phrase(FILE *out, const char *text, int column)
{
	Character	character;

	if (is_plain_phrase(text, column))
	{
		fputs(text, out);
		return column + strlen(text);
	}

	column += fprintf(out, WORD_BEGIN);
	for (int n = 0; (text = next_character(text, character)) != NULL; n++)
	{
		bool		literal;
		bool		space;
		int			width;

		if (n == PHRASE_LENGTH)
			put(character, "\xE2\x80\xA6", 3);	/* an ellipsis */
		literal = strchr(LETTERS DIGITS, *character) != NULL;
		space = *character == ' ' || *character == '\n';

		/* A character is never split between two words (RFC 2047, 5). */
		width = literal || space ? 1 : 3 * (int) strlen(character);
		if (column + width + (int) strlen(WORD_END) > LINE_LENGTH)
			column = fprintf(out, WORD_END "\r\n " WORD_BEGIN) -
				strlen(WORD_END "\r\n");
		column += width;

		if (literal)
			fputs(character, out);
		else if (space)
			fputc('_', out);
		else
			for (const char *byte = character; *byte != '\0'; byte++)
				fprintf(out, "=%02X", (unsigned char) *byte);
		if (n == PHRASE_LENGTH)
			break;
	}
	return column + fprintf(out, WORD_END);
}

void
write_quoted_printable(FILE *out, const char *body)
{
	int			column = 0;

	for (; *body != '\0'; body++)
	{
		unsigned char byte = *body;
		bool		literal;
		int			width;

		if (byte == '\n')
		{
			fputs("\r\n", out);
			column = 0;
			continue;
		}

		/* A space at the end of a line would not survive. */
		if (byte == ' ')
			literal = body[1] != '\n' && body[1] != '\0';
		else
			literal = byte > ' ' && byte < 0x7F && byte != '=';

		width = literal ? 1 : 3;
		if (column + width >= LINE_LENGTH)
		{
			fputs("=\r\n", out);
			column = 0;
		}
		column += width;
		if (literal)
			fputc(byte, out);
		else
			fprintf(out, "=%02X", byte);
	}
}

bool
is_blank(const char *text)
{
	while (*text != '\0')
	{
		unsigned	code;
		int			length = decode(text, &code);

		if (length == 0 || !is_blank_character(code))
			return false;
		text += length;
	}
	return true;
}

bool
is_clean(const char *text)
{
	while (*text != '\0')
	{
		unsigned	code;
		int			length = decode(text, &code);

		if (length == 0 || is_control(code) || is_line_break(code))
			return false;
		text += length;
	}
	return true;
}

FILE *
open_memory(char **memory, size_t *length)
{
	FILE	   *out = open_memstream(memory, length);

	if (out == NULL)
		out_of_memory();
	return out;
}

void
close_memory(FILE *out)
{
	bool		failed = ferror(out);

	if (fclose(out) != 0 || failed)
		out_of_memory();
}

char *
copy(const char *text)
{
	char	   *copied = strdup(text);

	if (copied == NULL)
		out_of_memory();
	return copied;
}
