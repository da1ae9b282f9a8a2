/*-------------------------------------------------------------------------
 *
 * address.h
 *		Makes of a customer's e-mail address what an SMTP server is given.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_ADDRESS_H
#define MAILER_ADDRESS_H

#include <stdbool.h>

/*
 * Returns the address with its domain in ASCII (xn--...), which is the caller's
 * to free, or NULL if it cannot be put into a command or a header.  Whether
 * there is such a mailbox, and whether it may be spelled so, is for the server
 * to judge.
 */
extern char *smtp_address(const char *text);

/* Whether it takes a server with SMTPUTF8 (RFC 6531): letters beyond ASCII. */
extern bool needs_smtputf8(const char *address);

#endif							/* MAILER_ADDRESS_H */
