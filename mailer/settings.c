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

bool
read_settings(Settings *settings)
{
	const char *url = read_text("SMTP_URL");
	const char *tls = read_text("SMTP_TLS");
	const char *from = read_text("MAIL_FROM");
	const char *name = read_text("MAIL_FROM_NAME");
	const char *password = read_text("SMTP_PASSWORD");

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
