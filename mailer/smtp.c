/*-------------------------------------------------------------------------
 *
 * smtp.c
 *		Hands messages to the SMTP server.
 *
 * libcurl speaks the protocol: STARTTLS, login, doubling of leading dots.
 * Whether a message was accepted is nothing but its answer after the message:
 * a connection that ends before counts as not accepted, and the message is
 * sent again, with the same Message-ID.
 *
 *-------------------------------------------------------------------------
 */
#include "smtp.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "address.h"
#include "report.h"
#include "wait.h"

typedef struct Upload
{
	const char *next;
	size_t		left;
	bool		begun;
} Upload;

/* What was seen of the conversation. */
typedef struct Conversation
{
	bool		offers_smtputf8;
	bool		is_ending;		/* QUIT was said, and libcurl reads on */
	bool		about_sender;	/* the last command named the sender */
	char		reply[32];		/* the last one: code, status (RFC 3463) */
} Conversation;

static CURL *connection = NULL;
static Conversation conversation;

static CURL *open_connection(const Settings *settings);
static size_t read_upload(char *buffer, size_t size, size_t nitems,
						  void *data);
static int	abort_upload(void *data, curl_off_t download_total,
						 curl_off_t download_now, curl_off_t upload_total,
						 curl_off_t upload_now);
static int	observe(CURL *curl, curl_infotype type, char *data, size_t size,
					void *user);
static CURLcode learn_extensions(CURL *curl);
static Outcome classify(CURLcode error, long reply, bool begun);

Outcome
send_message(const Settings *settings, const char *recipient,
			 const char *message, size_t length, const char **reason)
{
	static char described[128];
	struct curl_slist *recipients = curl_slist_append(NULL, recipient);
	Upload		upload = {.next = message,.left = length};
	CURLcode	error = CURLE_OK;
	long		reply = 0;

	if (connection == NULL)
		connection = open_connection(settings);
	if (recipients == NULL || connection == NULL)
		out_of_memory();

	curl_easy_setopt(connection, CURLOPT_XFERINFODATA, &upload);
	if (needs_smtputf8(recipient))
	{
		error = learn_extensions(connection);
		if (error == CURLE_OK && !conversation.offers_smtputf8)
		{
			curl_slist_free_all(recipients);
			*reason = "the server does not offer SMTPUTF8";
			return REFUSED;
		}
	}
	if (error == CURLE_OK)
	{
		curl_easy_setopt(connection, CURLOPT_MAIL_RCPT, recipients);
		curl_easy_setopt(connection, CURLOPT_READDATA, &upload);
		curl_easy_setopt(connection, CURLOPT_INFILESIZE_LARGE,
						 (curl_off_t) length);
		error = curl_easy_perform(connection);
		curl_easy_setopt(connection, CURLOPT_MAIL_RCPT, NULL);
	}
	curl_easy_getinfo(connection, CURLINFO_RESPONSE_CODE, &reply);
	curl_slist_free_all(recipients);

	if (error != CURLE_OK && reply >= 400)
		snprintf(described, sizeof(described), "SMTP reply %s",
				 conversation.reply);
	else
		snprintf(described, sizeof(described), "%s",
				 curl_easy_strerror(error));
	*reason = described;
	return classify(error, reply, upload.begun);
}

void
hang_up(void)
{
	curl_socket_t descriptor;

	/*
	 * libcurl says QUIT and waits for the answer, which does not matter.  It
	 * finds the connection ended instead.
	 */
	if (curl_easy_getinfo(connection, CURLINFO_ACTIVESOCKET,
						  &descriptor) == CURLE_OK &&
		descriptor != CURL_SOCKET_BAD)
		shutdown(descriptor, SHUT_RD);
	curl_easy_cleanup(connection);
	connection = NULL;
}

static CURL *
open_connection(const Settings *settings)
{
	CURL	   *curl = curl_easy_init();

	if (curl == NULL)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, settings->smtp_url);
	curl_easy_setopt(curl, CURLOPT_USE_SSL,
					 settings->smtp_tls ? (long) CURLUSESSL_ALL :
					 (long) CURLUSESSL_NONE);
	if (settings->smtp_ca_file != NULL)
	{
		curl_easy_setopt(curl, CURLOPT_CAINFO, settings->smtp_ca_file);
		/* Or the system's would be trusted as well. */
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (settings->smtp_user != NULL)
	{
		curl_easy_setopt(curl, CURLOPT_USERNAME, settings->smtp_user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD,
						 settings->smtp_password);
	}
	curl_easy_setopt(curl, CURLOPT_MAIL_FROM, settings->sender.address);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	/* Nothing else tells of single commands and replies. */
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, observe);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, abort_upload);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long) settings->smtp_timeout);
	curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT,
					 (long) settings->smtp_timeout);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	return curl;
}

static size_t
read_upload(char *buffer, size_t size, size_t nitems, void *data)
{
	Upload	   *upload = data;
	size_t		length = size * nitems;

	if (length > upload->left)
		length = upload->left;
	memcpy(buffer, upload->next, length);
	upload->next += length;
	upload->left -= length;
	upload->begun = true;
	return length;
}

/* Called about once a second while the server is waited for. */
static int
abort_upload(void *data, curl_off_t download_total, curl_off_t download_now,
			 curl_off_t upload_total, curl_off_t upload_now)
{
	const Upload *upload = data;

	(void) download_total;
	(void) download_now;
	(void) upload_total;
	(void) upload_now;
	return stop_requested() && !upload->begun;
}

/*
 * What the server offers may change with TLS, before which EHLO is said as well.
 * Of a reply only digits are kept.
 */
static int
observe(CURL *curl, curl_infotype type, char *data, size_t size, void *user)
{
	char		line[32];
	unsigned	code,
				class,
				subject,
				detail;
	char		mark;
	int			found;

	(void) curl;
	(void) user;
	snprintf(line, sizeof(line), "%.*s", (int) size, data);
	if (type == CURLINFO_HEADER_OUT)
	{
		conversation.is_ending = strncmp(line, "QUIT", 4) == 0;
		if (!conversation.is_ending)
			conversation.about_sender = strncmp(line, "MAIL ", 5) == 0;
		if (strncmp(line, "EHLO ", 5) == 0)
			conversation.offers_smtputf8 = false;
	}
	if (type != CURLINFO_HEADER_IN || conversation.is_ending)
		return 0;

	found = sscanf(line, "%3u%c%1u.%3u.%3u", &code, &mark, &class, &subject,
				   &detail);
	if (found == 5)
		snprintf(conversation.reply, sizeof(conversation.reply),
				 "%03u %u.%u.%u", code, class, subject, detail);
	else if (found > 0)
		snprintf(conversation.reply, sizeof(conversation.reply), "%03u",
				 code);
	if (strncmp(line, "250", 3) == 0 &&
		strncasecmp(line + 4, "SMTPUTF8", strlen("SMTPUTF8")) == 0)
		conversation.offers_smtputf8 = true;
	return 0;
}

/* Connects, if need be, and does nothing, so that the server says what it can. */
static CURLcode
learn_extensions(CURL *curl)
{
	CURLcode	error;

	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
	curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	error = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);
	curl_easy_setopt(curl, CURLOPT_NOBODY, 0L);
	curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	return error;
}

/*
 * A reply is about this message if it came to the message itself or, which is
 * what CURLE_SEND_ERROR with a reply means, to its sender or recipient.
 * Others (to the greeting or the login, or 421) and silence are about the
 * server; and so is that it does not take the sender, whose messages are all
 * the same to it, unless this one is too large (552).
 */
static Outcome
classify(CURLcode error, long reply, bool begun)
{
	bool		about_message = begun || error == CURLE_SEND_ERROR;

	if (error == CURLE_OK)
		return ACCEPTED;
	if (conversation.about_sender && reply >= 500 && reply != 552)
		return UNREACHABLE;
	if (about_message && reply >= 500 && reply != 530)
		return REFUSED;
	if (about_message && reply >= 400 && reply != 421 && reply != 530)
		return DEFERRED;
	return UNREACHABLE;
}
