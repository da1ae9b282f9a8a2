/*-------------------------------------------------------------------------
 *
 * message.c
 *		Composes the confirmation of an order as an e-mail message.
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
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "report.h"

/* Quoted-printable has nothing of the kind (RFC 2045, 6.7). */
#define BOUNDARY "=_alternative"

/* A line that is longer is folded before a further phrase. */
#define ROOM_FOR_MORE 40

#define INCLUDED " (included)"

#define NAME_CELL "<td dir=\"auto\" style=\"padding: 0.3em 1em 0.3em 0\">"
#define CELL "<td style=\"padding: 0.3em 1em 0.3em 0; text-align: right\">"

static void write_headers(FILE *out, const Confirmation *confirmation,
						  const Sender *sender, time_t date);
static void write_mailbox(FILE *out, const char *header, const char *name,
						  const char *address);
static void write_part(FILE *out, const char *type, const char *body);
static char *compose_text(const Confirmation *confirmation,
						  const Sender *sender);
static char *compose_html(const Confirmation *confirmation,
						  const Sender *sender);
static FILE *open_memory(char **memory, size_t *length);
static void close_memory(FILE *out);

char *
compose_message(const Confirmation *confirmation, const Sender *sender,
				time_t date, size_t *length)
{
	char	   *message;
	char	   *text = compose_text(confirmation, sender);
	char	   *html = compose_html(confirmation, sender);
	FILE	   *out = open_memory(&message, length);

	write_headers(out, confirmation, sender, date);
	write_part(out, "text/plain", text);
	write_part(out, "text/html", html);
	fputs("--" BOUNDARY "--\r\n", out);
	close_memory(out);
	free(text);
	free(html);
	return message;
}

static void
write_headers(FILE *out, const Confirmation *confirmation,
			  const Sender *sender, time_t date)
{
	char		formatted[64];
	int			column;

	/* The locale is "C", as the program has not set another. */
	strftime(formatted, sizeof(formatted), "%a, %d %b %Y %H:%M:%S +0000",
			 gmtime(&date));
	fprintf(out, "Date: %s\r\n", formatted);
	write_mailbox(out, "From: ", sender->name, sender->address);
	write_mailbox(out, "To: ", confirmation->name, confirmation->recipient);

	column = fprintf(out, "Subject: Your order ");
	column = write_phrase(out, confirmation->order_number, column);
	if (!is_blank(sender->name))
	{
		/* A number may have filled the line. */
		if (column > ROOM_FOR_MORE)
			column = fprintf(out, "\r\n") - strlen("\r\n");
		column += fprintf(out, " at ");
		write_phrase(out, sender->name, column);
	}
	fputs("\r\n", out);

	fprintf(out, "Message-ID: <ecommerce.order-event.%s.%s%s>\r\n",
			confirmation->event_id, confirmation->event_time,
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

static char *
compose_text(const Confirmation *confirmation, const Sender *sender)
{
	char	   *text;
	size_t		length;
	FILE	   *out = open_memory(&text, &length);

	fputs("Hello", out);
	if (!is_blank(confirmation->name))
	{
		fputs(" ", out);
		write_plain(out, confirmation->name, " ");
	}
	fputs(",\n\nthank you for your order ", out);
	write_plain(out, confirmation->order_number, " ");
	fprintf(out, " of %s.\n", confirmation->order_date);
	if (confirmation->cancelled)
		fputs("It has been cancelled since.\n", out);
	fputs("\n", out);

	for (int i = 0; i < confirmation->nlines; i++)
	{
		const Line *line = &confirmation->lines[i];

		write_plain(out, line->name, " ");
		fprintf(out, "\n    %s x %s = %s %s\n\n", line->quantity,
				line->unit_price, line->line_amount, confirmation->currency);
	}
	for (int i = 0; i < confirmation->ncharges; i++)
	{
		const Charge *charge = &confirmation->charges[i];

		write_plain(out, charge->name, " ");
		fprintf(out, ": %s %s%s\n", charge->amount, confirmation->currency,
				charge->is_included ? INCLUDED : "");
	}
	fprintf(out, "%sTotal: %s %s\n\nShipping address:\n",
			confirmation->ncharges > 0 ? "\n" : "",
			confirmation->order_amount, confirmation->currency);
	write_plain(out, confirmation->shipping_address, "\n");
	fputs("\n\n", out);
	write_plain(out, sender->name, " ");
	fputs("\n", out);
	close_memory(out);
	return text;
}

static char *
compose_html(const Confirmation *confirmation, const Sender *sender)
{
	char	   *html;
	size_t		length;
	FILE	   *out = open_memory(&html, &length);

	fputs("<!DOCTYPE html>\n"
		  "<html lang=\"en\">\n"
		  "<head><meta charset=\"utf-8\"><title>Your order ", out);
	write_html(out, confirmation->order_number, " ");
	fputs("</title>\n"
		  "</head>\n"
		  "<body>\n"
		  "<p>Hello", out);
	if (!is_blank(confirmation->name))
	{
		fputs(" <bdi>", out);
		write_html(out, confirmation->name, " ");
		fputs("</bdi>", out);
	}
	fputs(",</p>\n<p>thank you for your order <bdi>", out);
	write_html(out, confirmation->order_number, " ");
	fprintf(out, "</bdi> of %s.%s</p>\n", confirmation->order_date,
			confirmation->cancelled ? " It has been cancelled since." : "");

	fputs("<table style=\"border-collapse: collapse\">\n", out);
	for (int i = 0; i < confirmation->nlines; i++)
	{
		const Line *line = &confirmation->lines[i];

		fputs("<tr>" NAME_CELL "<b>", out);
		write_html(out, line->name, " ");
		fprintf(out, "</b></td>\n" CELL "%s x %s</td>\n" CELL "%s %s</td></tr>\n",
				line->quantity, line->unit_price, line->line_amount,
				confirmation->currency);
	}
	for (int i = 0; i < confirmation->ncharges; i++)
	{
		const Charge *charge = &confirmation->charges[i];

		fputs("<tr>" NAME_CELL, out);
		write_html(out, charge->name, " ");
		fprintf(out, "</td><td></td>\n" CELL "%s %s%s</td></tr>\n",
				charge->amount, confirmation->currency,
				charge->is_included ? INCLUDED : "");
	}
	fprintf(out,
			"<tr><td><b>Total</b></td><td></td>\n"
			CELL "<b>%s %s</b></td></tr>\n"
			"</table>\n"
			"<p>Shipping address:</p>\n"
			"<p dir=\"auto\">",
			confirmation->order_amount, confirmation->currency);
	write_html(out, confirmation->shipping_address, "<br>\n");
	fputs("</p>\n<p dir=\"auto\">", out);
	write_html(out, sender->name, " ");
	fputs("</p>\n</body>\n</html>\n", out);
	close_memory(out);
	return html;
}

/* A stream whose content is found in *memory when it is closed. */
static FILE *
open_memory(char **memory, size_t *length)
{
	FILE	   *out = open_memstream(memory, length);

	if (out == NULL)
		out_of_memory();
	return out;
}

/* Half a message is never sent. */
static void
close_memory(FILE *out)
{
	bool		failed = ferror(out);

	if (fclose(out) != 0 || failed)
		out_of_memory();
}
