/*-------------------------------------------------------------------------
 *
 * settings.h
 *		What the environment says.
 *
 * The database is libpq's own to find, by PGHOST, PGSERVICE and so on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_SETTINGS_H
#define MAILER_SETTINGS_H

#include <stdbool.h>

#include "message.h"

/* More names of events are not of any use. */
#define MOST_NAMES 20

typedef struct Settings
{
	const char *smtp_url;
	const char *smtp_user;		/* NULL: no login */
	const char *smtp_password;	/* "" if there is none */
	const char *smtp_ca_file;	/* NULL: the system's authorities */
	bool		smtp_tls;		/* false: for a relay on the same machine */
	int			smtp_timeout;	/* seconds for one message */
	int			lease;			/* seconds an event is ours */
	int			poll;			/* seconds before another look at the outbox */
	Sender		sender;
	const char *copy;			/* address of the shop's copies; NULL: none */
	const char *texts;			/* function of the shop's; NULL: our texts */
	int			nevents;
	const char *events[MOST_NAMES]; /* to take */
} Settings;

/* Returns false, having said why, if the program cannot work with them. */
extern bool read_settings(Settings *settings);

/* What --help prints of them. */
extern const char settings_help[];

#endif							/* MAILER_SETTINGS_H */
