/*
 * compose.c
 *		Composes the confirmations whose fields come from standard input.
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
	Confirmation confirmation = {.nlines = atoi(field())};
	Line	   *lines = calloc(confirmation.nlines + 1, sizeof(Line));
	Charge	   *charges;
	Sender		sender;
	char	   *message;
	size_t		length;

	confirmation.ncharges = atoi(field());
	charges = calloc(confirmation.ncharges + 1, sizeof(Charge));
	assert(lines != NULL && charges != NULL);
	sender.address = field();
	sender.name = field();
	confirmation.event_id = field();
	confirmation.event_time = field();
	confirmation.order_id = field();
	confirmation.order_number = field();
	confirmation.order_date = field();
	confirmation.order_amount = field();
	confirmation.currency = field();
	confirmation.shipping_address = field();
	confirmation.cancelled = *field() != '\0';
	confirmation.name = field();
	confirmation.recipient = field();
	for (int i = 0; i < confirmation.nlines; i++)
	{
		lines[i].name = field();
		lines[i].quantity = field();
		lines[i].unit_price = field();
		lines[i].line_amount = field();
	}
	for (int i = 0; i < confirmation.ncharges; i++)
	{
		charges[i].name = field();
		charges[i].amount = field();
		charges[i].is_included = *field() != '\0';
	}
	confirmation.lines = lines;
	confirmation.charges = charges;

	message = compose_message(&confirmation, &sender, 0, &length);
	printf("%zu\n", length);
	fwrite(message, 1, length, stdout);
	free(message);
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
