/*-------------------------------------------------------------------------
 *
 * texts.c
 *		What a message says, if the shop has no words of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "report.h"

#define INCLUDED " (included)"

#define NAME_CELL "<td dir=\"auto\" style=\"padding: 0.3em 1em 0.3em 0\">"
#define CELL "<td style=\"padding: 0.3em 1em 0.3em 0; text-align: right\">"

/* How much of the order a message shows. */
typedef enum Shown
{
	WHOLE_ORDER,
	LINES_ONLY,
	NOTHING
} Shown;

/*
 * Sentences are: before, the amount if there is one, of, the order's number
 * and date, after.
 */
typedef struct Wording
{
	const char *event;
	const char *subject;
	const char *before;
	const char *of;				/* NULL: the sentence has no amount */
	const char *after;
	Shown		shown;
} Wording;

static const Wording wordings[] = {
	{"order_placed", "Your order", "thank you for your order ",
	NULL, ".", WHOLE_ORDER},
	{"order_paid", "Payment for your order",
		"we have received your payment for your order ",
	NULL, ".", NOTHING},
	{"order_shipped", "Shipping of your order", "your order ",
	NULL, " is on its way.", WHOLE_ORDER},
	{"order_delivered", "Delivery of your order", "your order ",
	NULL, " has been delivered.", NOTHING},
	{"order_cancelled", "Cancellation of your order", "your order ",
	NULL, " has been cancelled.", WHOLE_ORDER},
	{"order_returned", "Return of your order", "your order ",
	NULL, " has come back to us.", NOTHING},
	{"order_items_returned", "Return of items of your order",
		"we have received these items of your order ",
	NULL, ":", LINES_ONLY},
	{"order_refunded", "Refund for your order", "we have refunded ",
	" for your order ", ".", NOTHING}
};

/* The same event before anything was sent. */
static const Wording items_cancelled = {
	"order_items_returned", "Cancellation of items of your order",
	"these items of your order ", NULL, " have been cancelled:", LINES_ONLY
};

/* What is known of where the parcel is. */
typedef struct Tracking
{
	const char *label;
	const char *value;
} Tracking;

#define NTRACKING	3

static const Wording *wording_of(const Notice *notice);
static char *compose_subject(const Notice *notice, const Wording *wording,
							 const char *shop);
static char *compose_text(const Notice *notice, const Wording *wording,
						  const char *shop);
static void write_lines_as_text(FILE *out, const Notice *notice);
static void write_charges_as_text(FILE *out, const Notice *notice);
static char *compose_html(const Notice *notice, const Wording *wording,
						  const char *shop);
static void write_table(FILE *out, const Notice *notice, Shown shown);
static bool is_cancelled_since(const Notice *notice);
static Tracking tracking_of(const Notice *notice, int number);

bool
can_tell_of(const char *event)
{
	for (size_t i = 0; i < sizeof(wordings) / sizeof(wordings[0]); i++)
		if (strcmp(event, wordings[i].event) == 0)
			return true;
	return false;
}

Texts
compose_texts(const Notice *notice, const char *shop)
{
	const Wording *wording = wording_of(notice);

	return (Texts)
	{
		.subject = compose_subject(notice, wording, shop),
			.text = compose_text(notice, wording, shop),
			.html = compose_html(notice, wording, shop)
	};
}

void
free_texts(Texts *texts)
{
	free(texts->subject);
	free(texts->text);
	free(texts->html);
}

static const Wording *
wording_of(const Notice *notice)
{
	const Wording *wording = wordings;

	if (notice->not_sent && strcmp(notice->event, items_cancelled.event) == 0)
		return &items_cancelled;
	while (strcmp(notice->event, wording->event) != 0)
		wording++;
	return wording;
}

static char *
compose_subject(const Notice *notice, const Wording *wording,
				const char *shop)
{
	char	   *subject;
	size_t		length;
	FILE	   *out = open_memory(&subject, &length);

	fprintf(out, "%s ", wording->subject);
	write_plain(out, notice->order_number, " ");
	if (!is_blank(shop))
	{
		fputs(" at ", out);
		write_plain(out, shop, " ");
	}
	close_memory(out);
	return subject;
}

static char *
compose_text(const Notice *notice, const Wording *wording, const char *shop)
{
	char	   *text;
	size_t		length;
	FILE	   *out = open_memory(&text, &length);

	fputs("Hello", out);
	if (!is_blank(notice->name))
	{
		fputs(" ", out);
		write_plain(out, notice->name, " ");
	}
	fprintf(out, ",\n\n%s", wording->before);
	if (wording->of != NULL)
		fprintf(out, "%s %s%s", notice->amount, notice->currency, wording->of);
	write_plain(out, notice->order_number, " ");
	fprintf(out, " of %s%s\n", notice->order_date, wording->after);
	if (is_cancelled_since(notice))
		fputs("It has been cancelled since.\n", out);
	for (int i = 0; i < NTRACKING; i++)
	{
		Tracking	tracking = tracking_of(notice, i);

		if (is_blank(tracking.value))
			continue;
		fprintf(out, "%s: ", tracking.label);
		write_plain(out, tracking.value, " ");
		fputs("\n", out);
	}
	fputs("\n", out);

	if (wording->shown != NOTHING)
		write_lines_as_text(out, notice);
	if (wording->shown == WHOLE_ORDER)
		write_charges_as_text(out, notice);
	write_plain(out, shop, " ");
	fputs("\n", out);
	close_memory(out);
	return text;
}

/* What came back has no price of a unit: the order's discounts are in it. */
static void
write_lines_as_text(FILE *out, const Notice *notice)
{
	for (int i = 0; i < notice->nlines; i++)
	{
		const Line *line = &notice->lines[i];

		write_plain(out, line->name, " ");
		if (*line->unit_price == '\0')
			fprintf(out, "\n    quantity %s, ", line->quantity);
		else
			fprintf(out, "\n    %s x %s = ", line->quantity, line->unit_price);
		fprintf(out, "%s %s\n\n", line->line_amount, notice->currency);
	}
}

static void
write_charges_as_text(FILE *out, const Notice *notice)
{
	for (int i = 0; i < notice->ncharges; i++)
	{
		const Charge *charge = &notice->charges[i];

		write_plain(out, charge->name, " ");
		fprintf(out, ": %s %s%s\n", charge->amount, notice->currency,
				charge->is_included ? INCLUDED : "");
	}
	fprintf(out, "%sTotal: %s %s\n\nShipping address:\n",
			notice->ncharges > 0 ? "\n" : "",
			notice->order_amount, notice->currency);
	write_plain(out, notice->shipping_address, "\n");
	fputs("\n\n", out);
}

static char *
compose_html(const Notice *notice, const Wording *wording, const char *shop)
{
	char	   *html;
	size_t		length;
	FILE	   *out = open_memory(&html, &length);

	fprintf(out,
			"<!DOCTYPE html>\n"
			"<html lang=\"en\">\n"
			"<head><meta charset=\"utf-8\"><title>%s ", wording->subject);
	write_html(out, notice->order_number, " ");
	fputs("</title>\n"
		  "</head>\n"
		  "<body>\n"
		  "<p>Hello", out);
	if (!is_blank(notice->name))
	{
		fputs(" <bdi>", out);
		write_html(out, notice->name, " ");
		fputs("</bdi>", out);
	}
	fprintf(out, ",</p>\n<p>%s", wording->before);
	if (wording->of != NULL)
		fprintf(out, "%s %s%s", notice->amount, notice->currency, wording->of);
	fputs("<bdi>", out);
	write_html(out, notice->order_number, " ");
	fprintf(out, "</bdi> of %s%s%s</p>\n", notice->order_date, wording->after,
			is_cancelled_since(notice) ? " It has been cancelled since." : "");
	for (int i = 0; i < NTRACKING; i++)
	{
		Tracking	tracking = tracking_of(notice, i);

		if (is_blank(tracking.value))
			continue;
		fprintf(out, "<p>%s: <bdi>", tracking.label);
		write_html(out, tracking.value, " ");
		fputs("</bdi></p>\n", out);
	}

	if (wording->shown != NOTHING)
		write_table(out, notice, wording->shown);
	if (wording->shown == WHOLE_ORDER)
	{
		fputs("<p>Shipping address:</p>\n"
			  "<p dir=\"auto\">", out);
		write_html(out, notice->shipping_address, "<br>\n");
		fputs("</p>\n", out);
	}
	fputs("<p dir=\"auto\">", out);
	write_html(out, shop, " ");
	fputs("</p>\n</body>\n</html>\n", out);
	close_memory(out);
	return html;
}

static void
write_table(FILE *out, const Notice *notice, Shown shown)
{
	fputs("<table style=\"border-collapse: collapse\">\n", out);
	for (int i = 0; i < notice->nlines; i++)
	{
		const Line *line = &notice->lines[i];
		const char *times = *line->unit_price == '\0' ? "" : " x ";

		fputs("<tr>" NAME_CELL "<b>", out);
		write_html(out, line->name, " ");
		fprintf(out, "</b></td>\n" CELL "%s%s%s</td>\n" CELL "%s %s</td></tr>\n",
				line->quantity, times, line->unit_price, line->line_amount,
				notice->currency);
	}
	for (int i = 0; shown == WHOLE_ORDER && i < notice->ncharges; i++)
	{
		const Charge *charge = &notice->charges[i];

		fputs("<tr>" NAME_CELL, out);
		write_html(out, charge->name, " ");
		fprintf(out, "</td><td></td>\n" CELL "%s %s%s</td></tr>\n",
				charge->amount, notice->currency,
				charge->is_included ? INCLUDED : "");
	}
	if (shown == WHOLE_ORDER)
		fprintf(out,
				"<tr><td><b>Total</b></td><td></td>\n"
				CELL "<b>%s %s</b></td></tr>\n",
				notice->order_amount, notice->currency);
	fputs("</table>\n", out);
}

static bool
is_cancelled_since(const Notice *notice)
{
	return notice->cancelled && strcmp(notice->event, "order_placed") == 0;
}

static Tracking
tracking_of(const Notice *notice, int number)
{
	const Tracking trackings[NTRACKING] = {
		{"Carrier", notice->carrier},
		{"Tracking number", notice->tracking_number},
		{"Tracking", notice->tracking_url}
	};

	return trackings[number];
}
