/*-------------------------------------------------------------------------
 *
 * main.c
 *		ecommerce-mailer: tells customers by mail of their orders, at least once.
 *
 * An event is acknowledged when the SMTP server has accepted its message, and
 * not before, so no crash of anything loses one.  One whose message can never be
 * delivered is marked as failed, for staff to see to.  What can happen is that a
 * message is sent again: when the program is killed, or cut off from either
 * server, between the two.  Both messages then have the same Message-ID.
 *
 * Events in hand are this mailer's until their lease ends.  Sending begins
 * only if the lease lasts longer than sending may take, so that no other
 * mailer sends the same at the same time.
 *
 *-------------------------------------------------------------------------
 */
#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "encoding.h"
#include "events.h"
#include "message.h"
#include "report.h"
#include "settings.h"
#include "smtp.h"
#include "wait.h"

#define MOST_IN_HAND 20
#define NEVER LLONG_MAX

/* In a row, with --once: one alone may be the message's fault. */
#define MOST_SEND_FAILURES 3

/*
 * In a row: from then on the sender is refused, not this message or that, and
 * no event is marked as failed.
 */
#define MOST_REFUSALS 10

/* libcurl looks at its clock about once a second. */
#define TIMER_TOLERANCE 1000

typedef struct Event
{
	char	   *id;
	char	   *order_id;
	char	   *recipient;
	char	   *message;
	size_t		length;
	long long	lease_end;
	long long	due;			/* when to send it, or send it again */
	int			failures;
} Event;

typedef struct Mailer
{
	Settings	settings;
	bool		once;			/* try everything once, and end */
	bool		left_any;		/* something was not sent */
	bool		given_up;		/* and nothing more is tried */
	int			nevents;
	Event		events[MOST_IN_HAND];
	int			next_name;		/* of an event to take */
	long long	take_due;		/* when to take more */
	int			take_failures;
	long long	lease_end;		/* of what is being taken */
	long long	send_due;		/* when to speak to the SMTP server again */
	int			send_failures;	/* in a row, of the server, not of a message */
	int			refusals;		/* since it last accepted one */
} Mailer;

static void run(Mailer *mailer);
static void take(Mailer *mailer, int most);
static int	take_of_each_name(Mailer *mailer, int most);
static void receive(const Notice *notice, const char *json, void *data);
static bool word(Mailer *mailer, const Notice *notice, const char *json,
				 Texts *texts);
static Event *next_to_send(Mailer *mailer);
static void deliver(Mailer *mailer, Event *event);
static void send_copy(Mailer *mailer, const Event *event);
static void refused(Mailer *mailer, Event *event, const char *reason);
static void unreachable(Mailer *mailer, Event *event, const char *reason);
static void pause_sending(Mailer *mailer);
static void conclude(Mailer *mailer, const char *event_id,
					 const char *order_id, const char *what, bool failed);
static void leave(Mailer *mailer, Event *event, const char *reason);
static void forget(Mailer *mailer, Event *event);

int
main(int argc, char **argv)
{
	Mailer		mailer = {.once = false};

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
	{
		printf("Usage: ecommerce-mailer [--once | --help | --version]\n"
			   "Tells customers by mail what happens to their orders, until it is\n"
			   "told to stop with SIGTERM or SIGINT.\n\n"
			   "  --once          try what there is once, and end\n"
			   "  --help          show a summary, and end\n"
			   "  --version       show the version, and end\n\n"
			   "%s\n"
			   "The exit status is:\n"
			   "  0               stopped, or with --once nothing is left\n"
			   "  1               with --once something is left, or memory has run out\n"
			   "  2               a wrong argument or setting\n", settings_help);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
	{
		printf("ecommerce-mailer %s\n", VERSION);
		return 0;
	}
	mailer.once = argc == 2 && strcmp(argv[1], "--once") == 0;
	if (argc > 1 && !mailer.once)
	{
		report("unknown argument; try --help");
		return 2;
	}
	if (!read_settings(&mailer.settings))
		return 2;

	/*
	 * A wait for a connection has an end, unless the environment says
	 * otherwise.
	 */
	setenv("PGCONNECT_TIMEOUT", "10", false);
	srandom(time(NULL) ^ getpid() << 16);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	stop_on_signals();

	run(&mailer);

	/* It was stopped before it knew that there is no more. */
	if (mailer.take_due != NEVER)
		mailer.left_any = true;
	while (mailer.nevents > 0)
		leave(&mailer, &mailer.events[0], "nothing more is tried");
	hang_up();
	disconnect();
	curl_global_cleanup();
	return mailer.once && mailer.left_any ? 1 : 0;
}

static void
run(Mailer *mailer)
{
	while (!stop_requested() && !mailer->given_up)
	{
		long long	now = current_time();
		Event	   *event = next_to_send(mailer);
		long long	wake = event == NULL ? mailer->take_due : event->due;

		/* A server that does not take one message takes no more of them. */
		int			room = mailer->send_failures > 0 ? 1 : MOST_IN_HAND;

		if (event != NULL && event->due <= now)
			deliver(mailer, event);
		else if (mailer->nevents < room && mailer->take_due <= now)
			take(mailer, room - mailer->nevents);
		else if (mailer->once)
			break;
		else
		{
			if (mailer->nevents < room && mailer->take_due < wake)
				wake = mailer->take_due;
			/* The server has better uses for a connection. */
			hang_up();
			wait_until(wake);
		}
	}
}

/* Takes events into the hand, and decides when to look for more. */
static void
take(Mailer *mailer, int most)
{
	int			taken;

	/* An order that is too large or too slow takes no others with it. */
	if (mailer->take_failures > 0)
		most = 1;
	taken = take_of_each_name(mailer, most);

	mailer->take_due = current_time();
	if (taken < 0)
		mailer->take_due += back_off(mailer->take_failures++);
	else
		mailer->take_failures = 0;
	if (taken >= 0 && taken < most)
		mailer->take_due += mailer->settings.poll * 1000LL;
	if (mailer->once && taken < most)
		mailer->take_due = taken < 0 && most > 1 ? 0 : NEVER;
	if (taken < 0)
		mailer->left_any = true;
}

/*
 * The next time begins with the name at which this time ended, so that none
 * with a backlog keeps the others waiting.  Returns how many were taken, or -1
 * if the database has failed.
 */
static int
take_of_each_name(Mailer *mailer, int most)
{
	const Settings *settings = &mailer->settings;
	int			taken = 0;

	for (int i = 0; i < settings->nevents && taken < most; i++)
	{
		const char *name = settings->events[mailer->next_name];
		int			n;

		/* Counted from before the database counts. */
		mailer->lease_end = current_time() + settings->lease * 1000LL;
		n = take_events(name, most - taken, settings->lease, receive, mailer);
		mailer->next_name = (mailer->next_name + 1) % settings->nevents;
		if (n < 0)
			return -1;
		taken += n;
	}
	return taken;
}

static void
receive(const Notice *notice, const char *json, void *data)
{
	Mailer	   *mailer = data;
	Event	   *event = &mailer->events[mailer->nevents];
	Notice		addressed = *notice;
	Texts		texts;
	char	   *recipient;

	if (mailer->given_up)
		return;

	recipient = smtp_address(notice->recipient);
	if (recipient == NULL)
	{
		conclude(mailer, notice->event_id, notice->order_id,
				 *notice->recipient == '\0' ? "no e-mail address" :
				 "unusable e-mail address", true);
		return;
	}
	if (!word(mailer, notice, json, &texts))
	{
		free(recipient);
		return;
	}
	addressed.recipient = recipient;

	mailer->nevents++;
	event->id = copy(notice->event_id);
	event->order_id = copy(notice->order_id);
	event->recipient = recipient;
	event->message = compose_message(&addressed, &texts,
									 &mailer->settings.sender,
									 time(NULL), &event->length);
	event->lease_end = mailer->lease_end;
	event->due = mailer->send_due;
	event->failures = 0;
	free_texts(&texts);
}

/*
 * Returns false if there is nothing to send: the shop has no words for the
 * event, or its function fails, when others still get their mail.
 */
static bool
word(Mailer *mailer, const Notice *notice, const char *json, Texts *texts)
{
	const Settings *settings = &mailer->settings;
	int			nmessages;

	if (settings->texts == NULL)
	{
		*texts = compose_texts(notice, settings->sender.name);
		return true;
	}
	nmessages = word_event(settings->texts, json, texts);
	if (nmessages == 0)
		conclude(mailer, notice->event_id, notice->order_id, "not mailed", false);
	if (nmessages < 0)
	{
		report("event %s of order %s: %s fails, left", notice->event_id,
			   notice->order_id, settings->texts);
		mailer->left_any = true;
	}
	return nmessages > 0;
}

/*
 * The event that is due first, if any, among those whose lease lasts long
 * enough.  Of several at random: one that takes all the time is among those
 * that come back together, and must not be the first of them each time.
 */
static Event *
next_to_send(Mailer *mailer)
{
	long long	needed =
	mailer->settings.smtp_timeout * 1000LL + TIMER_TOLERANCE;
	long long	now = current_time();
	Event	   *next = NULL;
	int			first;

	for (int i = mailer->nevents - 1; i >= 0; i--)
	{
		Event	   *event = &mailer->events[i];
		long long	start = event->due > now ? event->due : now;

		if (start + needed > event->lease_end)
			leave(mailer, event, "no time is left");
	}
	first = random() % MOST_IN_HAND;
	for (int i = 0; i < mailer->nevents; i++)
	{
		Event	   *event = &mailer->events[(first + i) % mailer->nevents];

		if (next == NULL || event->due < next->due)
			next = event;
	}
	return next;
}

static void
deliver(Mailer *mailer, Event *event)
{
	const char *reason;
	Outcome		outcome = send_message(&mailer->settings, event->recipient,
									   event->message, event->length, &reason);

	if (outcome == ACCEPTED)
		mailer->refusals = 0;
	if (outcome != UNREACHABLE && mailer->refusals < MOST_REFUSALS)
		mailer->send_failures = 0;
	switch (outcome)
	{
		case ACCEPTED:
			conclude(mailer, event->id, event->order_id, "sent", false);
			send_copy(mailer, event);
			forget(mailer, event);
			break;
		case REFUSED:
			refused(mailer, event, reason);
			break;
		case DEFERRED:
			event->due = current_time() + back_off(event->failures++);
			if (mailer->once)
				leave(mailer, event, reason);
			else
				report("event %s of order %s: %s, will try again",
					   event->id, event->order_id, reason);
			break;
		case UNREACHABLE:
			/* A late answer must not be taken for one to the next message. */
			hang_up();
			if (!stop_requested())
				unreachable(mailer, event, reason);
			break;
	}
}

/*
 * The customer's message is accounted for, so one that fails keeps nobody
 * waiting, and is not tried again.
 */
static void
send_copy(Mailer *mailer, const Event *event)
{
	const Settings *settings = &mailer->settings;
	const char *reason;

	if (settings->copy != NULL &&
		send_message(settings, settings->copy, event->message, event->length,
					 &reason) != ACCEPTED)
		report("event %s of order %s: no copy for the shop, %s", event->id,
			   event->order_id, reason);
}

static void
refused(Mailer *mailer, Event *event, const char *reason)
{
	if (++mailer->refusals < MOST_REFUSALS)
	{
		conclude(mailer, event->id, event->order_id, reason, true);
		forget(mailer, event);
		return;
	}
	leave(mailer, event, reason);
	report("%d messages in a row were refused", mailer->refusals);
	pause_sending(mailer);
}

/*
 * The failure may also be the message's fault, so others go first afterwards.
 */
static void
unreachable(Mailer *mailer, Event *event, const char *reason)
{
	pause_sending(mailer);
	if (mailer->once)
	{
		leave(mailer, event, reason);
		return;
	}
	report("event %s of order %s: %s, will try again",
		   event->id, event->order_id, reason);
	event->due = mailer->send_due + 1;
}

/* With --once the server gets a few more chances instead, and no pause. */
static void
pause_sending(Mailer *mailer)
{
	mailer->send_failures++;
	if (mailer->once)
	{
		mailer->given_up = mailer->send_failures >= MOST_SEND_FAILURES;
		return;
	}
	report("the server gets a pause");
	mailer->send_due = current_time() + back_off(mailer->send_failures - 1);
	for (int i = 0; i < mailer->nevents; i++)
	{
		if (mailer->events[i].due < mailer->send_due)
			mailer->events[i].due = mailer->send_due;
	}
}

/*
 * The message was sent, or is not to be, or, if that failed, never can be.  Nothing else is
 * done until the database knows, as long as the program may run, and one more
 * attempt when it may not.
 */
static void
conclude(Mailer *mailer, const char *event_id, const char *order_id,
		 const char *what, bool failed)
{
	int			marked;

	if (failed)
		mailer->left_any = true;
	for (int failures = 0;; failures++)
	{
		marked = failed ? fail_event(event_id, what) :
			acknowledge_event(event_id);
		if (marked >= 0)
			break;
		if (failures > 0 && (mailer->once || stop_requested()))
		{
			report("event %s of order %s: %s, not acknowledged, comes back",
				   event_id, order_id, what);
			mailer->left_any = true;
			mailer->given_up = true;
			return;
		}
		wait_until(current_time() + back_off(failures));
	}
	report("event %s of order %s: %s%s%s", event_id, order_id, what,
		   failed ? ", given up" : "",
		   marked == 0 ? ", as another mailer did" : "");
}

/* It comes back when its lease ends, to whoever takes it then. */
static void
leave(Mailer *mailer, Event *event, const char *reason)
{
	report("event %s of order %s: %s, left", event->id, event->order_id,
		   reason);
	mailer->left_any = true;
	forget(mailer, event);
}

static void
forget(Mailer *mailer, Event *event)
{
	Event	   *end = &mailer->events[mailer->nevents--];

	free(event->id);
	free(event->order_id);
	free(event->recipient);
	free(event->message);
	memmove(event, event + 1, (char *) end - (char *) (event + 1));
}
