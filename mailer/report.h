/*-------------------------------------------------------------------------
 *
 * report.h
 *		Tells the operator, on standard error.
 *
 * Reports hold ids of events and orders and codes of servers, never a name, an
 * address or what an SMTP server replied, which likes to repeat the address:
 * logs are kept longer and read by more people than the shop's tables, and
 * erasing a customer does not reach them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_REPORT_H
#define MAILER_REPORT_H

/* Writes one line, whatever line breaks there are in it. */
extern void report(const char *format,...)
			__attribute__((format(printf, 1, 2)));

/*
 * Nothing is lost when the program ends: what was not acknowledged comes
 * back.
 */
extern void out_of_memory(void) __attribute__((noreturn));

#endif							/* MAILER_REPORT_H */
