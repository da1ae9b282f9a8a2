/*-------------------------------------------------------------------------
 *
 * message.c
 *		Composes e-mail messages.
 *
 * RFC 5322 and MIME (RFC 2045 to 2047), all of it ASCII with short lines, so
 * that every SMTP server can take it: texts are UTF-8 in quoted-printable.  Only
 * a recipient whose address is not ASCII is named in UTF-8 (RFC 6532), to a
 * server that can.
 *
 *-------------------------------------------------------------------------
 */
#include "message.h"

#include <stdio.h>
#include <string.h>

#include "encoding.h"

/* Quoted-printable has nothing of the kind (RFC 2045, 6.7). */
#define BOUNDARY "=_alternative"

static void write_headers(FILE *out, const Notice *notice,
						  const char *subject, const Sender *sender,
						  time_t date);
static void write_mailbox(FILE *out, const char *header, const char *name,
						  const char *address);
static void write_part(FILE *out, const char *type, const char *body);

char *
compose_message(const Notice *notice, const Texts *texts,
				const Sender *sender, time_t date, size_t *length)
{
	char	   *message;
	FILE	   *out = open_memory(&message, length);

	write_headers(out, notice, texts->subject, sender, date);
	write_part(out, "text/plain", texts->text);
	if (texts->html != NULL)
		write_part(out, "text/html", texts->html);
	fputs("--" BOUNDARY "--\r\n", out);
	close_memory(out);
	return message;
}

static void
write_headers(FILE *out, const Notice *notice, const char *subject,
			  const Sender *sender, time_t date)
{
	char		formatted[64];

	/* The locale is "C", as the program has not set another. */
	strftime(formatted, sizeof(formatted), "%a, %d %b %Y %H:%M:%S +0000",
			 gmtime(&date));
	fprintf(out, "Date: %s\r\n", formatted);
	write_mailbox(out, "From: ", sender->name, sender->address);
	write_mailbox(out, "To: ", notice->name, notice->recipient);
	write_phrase(out, subject, fprintf(out, "Subject: "));
	fprintf(out, "\r\nMessage-ID: <ecommerce.order-event.%s.%s%s>\r\n",
			notice->event_id, notice->event_time,
			strrchr(sender->address, '@'));
	/* Asks programs of people on holiday not to answer (RFC 3834). */
	fputs("Auto-Submitted: auto-generated\r\n"
		  "MIME-Version: 1.0\r\n"
		  "Content-Type: multipart/alternative; boundary=\"" BOUNDARY "\"\r\n"
		  "\r\n", out);
}

static void
write_mailbox(FILE *out, const char *header, const char *name,
			  const char *address)
{
	fputs(header, out);
	if (!is_blank(name))
	{
		write_phrase(out, name, strlen(header));
		fputs("\r\n ", out);
	}
	fprintf(out, "<%s>\r\n", address);
}

static void
write_part(FILE *out, const char *type, const char *body)
{
	fprintf(out,
			"--" BOUNDARY "\r\n"
			"Content-Type: %s; charset=utf-8\r\n"
			"Content-Transfer-Encoding: quoted-printable\r\n"
			"\r\n", type);
	write_quoted_printable(out, body);
	fputs("\r\n", out);
}
