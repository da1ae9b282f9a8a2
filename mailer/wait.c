/*-------------------------------------------------------------------------
 *
 * wait.c
 *		Time, and the signals that end the program.
 *
 * A signal puts a byte into a pipe that nobody empties, so it also ends a wait
 * that begins after it.
 *
 *-------------------------------------------------------------------------
 */
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FIRST_BACK_OFF 1000
#define MOST_DOUBLINGS 6

static int	stop_pipe[2] = {-1, -1};
static volatile sig_atomic_t stop = false;

static void
request_stop(int signal)
{
	int			saved_errno = errno;

	(void) signal;
	stop = true;
	/* If it fails the pipe is full, which does as well. */
	(void) !write(stop_pipe[1], "", 1);
	errno = saved_errno;
}

void
stop_on_signals(void)
{
	struct sigaction action = {
		.sa_handler = request_stop,
		.sa_flags = SA_RESTART
	};

	if (pipe(stop_pipe) != 0 ||
		fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK) != 0)
	{
		perror("pipe");
		exit(EXIT_FAILURE);
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	/* A connection that is lost is an error where it is used. */
	signal(SIGPIPE, SIG_IGN);
}

bool
stop_requested(void)
{
	return stop;
}

long long
current_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void
wait_until(long long time)
{
	wait_readable(-1, time, true);
}

bool
wait_readable(int descriptor, long long deadline, bool until_stop)
{
	struct pollfd polled[] = {
		{.fd = descriptor,.events = POLLIN},
		{.fd = until_stop ? stop_pipe[0] : -1,.events = POLLIN}
	};

	for (;;)
	{
		long long	left = deadline - current_time();

		if (left <= 0)
			return false;
		if (poll(polled, 2, left > INT_MAX ? INT_MAX : left) > 0)
			return polled[1].revents == 0;
	}
}

/*
 * At random, so that mailers that failed together do not come back together.
 */
long long
back_off(int failures)
{
	long long	most = FIRST_BACK_OFF;

	for (int i = 0; i < failures && i < MOST_DOUBLINGS; i++)
		most *= 2;
	return most / 2 + random() % (most / 2);
}
