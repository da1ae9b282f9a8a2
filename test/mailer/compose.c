/*
 * compose.c
 *		Composes the messages whose fields come from standard input.
 *
 * compose				writes each message with its length in a line before it
 * compose ADDRESS...	writes a line for each: what the SMTP server is given, if anything
 *
 * The fields end with a NUL each and are in the order of the calls of field() below.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../mailer/address.h"
#include "../../mailer/message.h"

static char input[1 << 24];
static char *next = input;

static char *
field(void)
{
	char	   *field = next;

	next += strlen(field) + 1;
	return field;
}

static void
compose(void)
{
	Notice		notice = {.nlines = atoi(field())};
	Line	   *lines = calloc(notice.nlines + 1, sizeof(Line));
	Charge	   *charges;
	Sender		sender;
	Texts		texts;
	char	   *message;
	size_t		length;

	notice.ncharges = atoi(field());
	charges = calloc(notice.ncharges + 1, sizeof(Charge));
	assert(lines != NULL && charges != NULL);
	sender.address = field();
	sender.name = field();
	notice.event = field();
	notice.event_id = field();
	notice.event_time = field();
	notice.order_id = field();
	notice.order_number = field();
	notice.order_date = field();
	notice.order_amount = field();
	notice.currency = field();
	notice.shipping_address = field();
	notice.cancelled = *field() != '\0';
	notice.not_sent = *field() != '\0';
	notice.amount = field();
	notice.carrier = field();
	notice.tracking_number = field();
	notice.tracking_url = field();
	notice.name = field();
	notice.recipient = field();
	for (int i = 0; i < notice.nlines; i++)
	{
		lines[i].name = field();
		lines[i].quantity = field();
		lines[i].unit_price = field();
		lines[i].line_amount = field();
	}
	for (int i = 0; i < notice.ncharges; i++)
	{
		charges[i].name = field();
		charges[i].amount = field();
		charges[i].is_included = *field() != '\0';
	}
	notice.lines = lines;
	notice.charges = charges;

	texts = compose_texts(&notice, sender.name);
	message = compose_message(&notice, &texts, &sender, 0, &length);
	printf("%zu\n", length);
	fwrite(message, 1, length, stdout);
	free(message);
	free_texts(&texts);
	free(lines);
	free(charges);
}

int
main(int argc, char **argv)
{
	size_t		length;

	for (int i = 1; i < argc; i++)
	{
		char	   *address = smtp_address(argv[i]);

		printf("%s%s\n", address == NULL ? "" : address,
			   address != NULL && needs_smtputf8(address) ? " SMTPUTF8" : "");
		free(address);
	}
	if (argc > 1)
		return 0;

	length = fread(input, 1, sizeof(input) - 1, stdin);
	while (next < input + length)
		compose();
	return 0;
}
