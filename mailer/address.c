/*-------------------------------------------------------------------------
 *
 * address.c
 *		Makes of a customer's e-mail address what an SMTP server is given.
 *
 *-------------------------------------------------------------------------
 */
#include "address.h"

#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "report.h"

static bool is_framed(const char *text);
static bool is_ascii(const char *text);
static char *join(const char *local_part, int length, const char *domain);

char *
smtp_address(const char *text)
{
	/* There may be another one in a quoted local part. */
	const char *at = strrchr(text, '@');
	char	   *domain = NULL;
	char	   *address;
	int			result;

	if (at == NULL || at == text || at[1] == '\0' || !is_clean(text) ||
		!is_framed(text))
		return NULL;

	/* One in ASCII is left alone: it need not be a name. */
	if (is_ascii(at + 1))
		return join(text, at - text, at + 1);

	/* Mapped as browsers do (UTS #46), and checked (RFC 5891). */
	result = idn2_lookup_u8((const uint8_t *) at + 1, (uint8_t **) &domain,
							IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (result == IDN2_MALLOC)
		out_of_memory();
	if (result != IDN2_OK)
		return NULL;
	address = join(text, at - text, domain);
	idn2_free(domain);
	return address;
}

bool
needs_smtputf8(const char *address)
{
	return !is_ascii(address);
}

/*
 * Between < and >, as it is in a command and in a header, an address ends at the
 * first > that is not quoted.
 */
static bool
is_framed(const char *text)
{
	bool		quoted = false;

	for (; *text != '\0'; text++)
	{
		if (*text == '"')
			quoted = !quoted;
		else if (quoted && *text == '\\' && text[1] != '\0')
			text++;
		else if (!quoted && (*text == '<' || *text == '>'))
			return false;
	}
	return !quoted;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text >= 0x80)
			return false;
	}
	return true;
}

static char *
join(const char *local_part, int length, const char *domain)
{
	size_t		size = length + strlen(domain) + 2;
	char	   *address = malloc(size);

	if (address == NULL)
		out_of_memory();
	snprintf(address, size, "%.*s@%s", length, local_part, domain);
	return address;
}
