/*-------------------------------------------------------------------------
 *
 * encoding.h
 *		Writes text of any content into the places of a message.
 *
 * None of these trusts its text.  Whatever it holds, control characters, line
 * breaks, controls of writing direction, bytes that are not UTF-8, none of
 * them reaches a message as it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_ENCODING_H
#define MAILER_ENCODING_H

#include <stdbool.h>
#include <stdio.h>

/* A line break of the text is written as line_break. */
extern void write_plain(FILE *out, const char *text, const char *line_break);
extern void write_html(FILE *out, const char *text, const char *line_break);

/*
 * Writes text into a header (RFC 2047) and returns the column after it; column
 * is how much of the line is taken already.  A long text is cut.
 */
extern int	write_phrase(FILE *out, const char *text, int column);

/* Writes the body of a part: lines that end in \n, as RFC 2045 has them. */
extern void write_quoted_printable(FILE *out, const char *body);

/* Whether nothing of the text shows. */
extern bool is_blank(const char *text);

/* Whether the text is UTF-8, without controls and line breaks. */
extern bool is_clean(const char *text);

/* A stream whose content is found in *memory when it is closed. */
extern FILE *open_memory(char **memory, size_t *length);

/* Half a message is never sent: ends the program if there was no memory. */
extern void close_memory(FILE *out);

/* A copy that is the caller's to free. */
extern char *copy(const char *text);

#endif							/* MAILER_ENCODING_H */
