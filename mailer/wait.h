/*-------------------------------------------------------------------------
 *
 * wait.h
 *		Time, and the signals that end the program.
 *
 * Times are milliseconds of a clock that nobody sets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef MAILER_WAIT_H
#define MAILER_WAIT_H

#include <stdbool.h>

/* From now on SIGTERM and SIGINT are requests to stop, which stay. */
extern void stop_on_signals(void);
extern bool stop_requested(void);

extern long long current_time(void);

/* Returns early when the program is to stop. */
extern void wait_until(long long time);

/*
 * Waits for a descriptor to become readable and returns whether it has: false
 * at the deadline or, if a stop shall end it, when the program is to stop.
 */
extern bool wait_readable(int descriptor, long long deadline, bool until_stop);

/* How long to wait after so many failures in a row: about a minute at most. */
extern long long back_off(int failures);

#endif							/* MAILER_WAIT_H */
