/*-------------------------------------------------------------------------
 *
 * settings.c
 *		What the environment says.
 *
 *-------------------------------------------------------------------------
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "encoding.h"
#include "report.h"

const char	settings_help[] =
"The environment says which database (PGHOST, PGSERVICE and so on) and:\n"
"  SMTP_URL        server: smtp://host:587 or smtps://host:465\n"
"  SMTP_USER       login, if the server wants one\n"
"  SMTP_PASSWORD   its password\n"
"  SMTP_TLS        required (default), or off for a relay on this machine\n"
"  SMTP_CA_FILE    certificates to trust, instead of the system's\n"
"  SMTP_TIMEOUT    seconds that sending a message may take (default 120)\n"
"  MAIL_FROM       address of the sender\n"
"  MAIL_FROM_NAME  name of the shop\n"
"  MAIL_EVENTS     what to tell customers of: names of events, with spaces\n"
"                  between them (default order_placed)\n"
"  MAIL_COPY       address that gets a copy of each message\n"
"  MAIL_TEXTS      function of the shop's, schema.name(jsonb), that returns\n"
"                  subject, text and html of an event\n"
"  MAIL_LEASE      seconds for which an event is this mailer's (default 300)\n"
"  MAIL_POLL       seconds between looks into an empty outbox (default 5)\n";

/* The variable's value; NULL if it is not set, or empty. */
static const char *
read_text(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

static bool
read_seconds(const char *name, int otherwise, int *seconds)
{
	const char *value = read_text(name);
	char	   *end;
	long		number;

	*seconds = otherwise;
	if (value == NULL)
		return true;
	number = strtol(value, &end, 10);
	if (*end != '\0' || number < 1 || number > 43200)
	{
		report("%s must be a number of seconds from 1 to 43200", name);
		return false;
	}
	*seconds = number;
	return true;
}

/* Names that a query can have as they are. */
static bool
is_qualified_name(const char *name)
{
	const char *characters = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t		schema = strspn(name, characters);
	size_t		function;

	if (schema == 0 || schema > 63 || name[schema] != '.')
		return false;
	function = strspn(name + schema + 1, characters);
	return function > 0 && function <= 63 &&
		name[schema + 1 + function] == '\0';
}

/* Takes the variable apart, for good. */
static bool
read_events(Settings *settings)
{
	const char *value = read_text("MAIL_EVENTS");
	char	   *names = copy(value == NULL ? "order_placed" : value);

	settings->nevents = 0;
	for (char *name = strtok(names, " ,\n"); name != NULL;
		 name = strtok(NULL, " ,\n"))
	{
		if (settings->nevents == MOST_NAMES)
		{
			report("MAIL_EVENTS must have at most %d names", MOST_NAMES);
			return false;
		}
		if (settings->texts == NULL && !can_tell_of(name))
		{
			report("MAIL_EVENTS: there are no words for %s, so it needs MAIL_TEXTS",
				   name);
			return false;
		}
		settings->events[settings->nevents++] = name;
	}
	if (settings->nevents == 0)
		report("MAIL_EVENTS must have a name");
	return settings->nevents > 0;
}

bool
read_settings(Settings *settings)
{
	const char *url = read_text("SMTP_URL");
	const char *tls = read_text("SMTP_TLS");
	const char *from = read_text("MAIL_FROM");
	const char *name = read_text("MAIL_FROM_NAME");
	const char *password = read_text("SMTP_PASSWORD");
	const char *copies = read_text("MAIL_COPY");

	if (url == NULL ||
		(strncmp(url, "smtp://", 7) != 0 && strncmp(url, "smtps://", 8) != 0))
	{
		report("SMTP_URL must begin with smtp:// or smtps://");
		return false;
	}
	/* What is below sees to it that a login is encrypted. */
	if (strchr(url, '@') != NULL)
	{
		report("a login belongs in SMTP_USER, not in SMTP_URL");
		return false;
	}
	if (tls != NULL && strcmp(tls, "required") != 0 && strcmp(tls, "off") != 0)
	{
		report("SMTP_TLS must be required or off");
		return false;
	}
	settings->sender.address = from == NULL ? NULL : smtp_address(from);
	if (settings->sender.address == NULL ||
		needs_smtputf8(settings->sender.address))
	{
		report("MAIL_FROM must be an e-mail address, before the @ in ASCII");
		return false;
	}
	settings->copy = copies == NULL ? NULL : smtp_address(copies);
	if (copies != NULL && settings->copy == NULL)
	{
		report("MAIL_COPY must be an e-mail address");
		return false;
	}
	settings->texts = read_text("MAIL_TEXTS");
	if (settings->texts != NULL && !is_qualified_name(settings->texts))
	{
		report("MAIL_TEXTS must be schema.function, in small letters, digits and _");
		return false;
	}
	if (!read_events(settings))
		return false;
	if (!read_seconds("SMTP_TIMEOUT", 120, &settings->smtp_timeout) ||
		!read_seconds("MAIL_LEASE", 300, &settings->lease) ||
		!read_seconds("MAIL_POLL", 5, &settings->poll))
		return false;

	settings->smtp_url = url;
	settings->smtp_tls = tls == NULL || strcmp(tls, "off") != 0;
	settings->smtp_user = read_text("SMTP_USER");
	settings->smtp_password = password == NULL ? "" : password;
	settings->smtp_ca_file = read_text("SMTP_CA_FILE");
	settings->sender.name = name == NULL ? "" : name;

	if (settings->smtp_user != NULL && !settings->smtp_tls &&
		strncmp(url, "smtp://", 7) == 0)
	{
		report("a login needs TLS: take away SMTP_TLS or SMTP_USER");
		return false;
	}
	/* Otherwise there would never be time enough left to begin to send. */
	if (settings->lease < settings->smtp_timeout + 2)
	{
		report("MAIL_LEASE must be longer than SMTP_TIMEOUT by 2 or more");
		return false;
	}
	return true;
}
