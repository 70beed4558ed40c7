#include "reply_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "json_internal.h"

#define MESSAGE_MAX 300 /* of the engine's own words */

/* reaping.md, "Answers". A NULL phrase fits every message. */
static const struct rule {
	long status;
	const char *phrase;
	enum engine_outcome outcome;
} rules[] = {
	{ 409, NULL, ENGINE_IN_USE },
	{ 400, "in use", ENGINE_IN_USE },
	{ 400, "FailedPrecondition", ENGINE_IN_USE },
	{ 403, "active endpoints", ENGINE_IN_USE },
	{ 500, "not found", ENGINE_NOT_NOW }, /* an overlay whose other half is still there */
	{ 500, "leader", ENGINE_NOT_NOW },
	{ 500, "DeadlineExceeded", ENGINE_NOT_NOW },
	{ 500, "deadline exceeded", ENGINE_NOT_NOW },
	{ 500, "out of sequence", ENGINE_NOT_NOW },
	{ 503, NULL, ENGINE_NOT_NOW },
	/* A proxy before the engine lost it; whether it had passed the request on is unknown. */
	{ 502, NULL, ENGINE_NO_ANSWER },
	{ 504, NULL, ENGINE_NO_ANSWER },
};

static void describe_no_connect(const struct reply *reply, const char *address, char *ret,
				size_t size)
{
	const char *path = strncmp(address, "unix://", 7) ? NULL : address + 7;
	struct stat status;

	switch (reply->sys_errno) {
	case ENOENT:
		(void)snprintf(ret, size,
			       "there is no socket at %s: is Docker installed and running?",
			       address);
		break;
	case ECONNREFUSED:
		if (path && stat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
			(void)snprintf(ret, size, "%s is not a socket", address);
		else
			(void)snprintf(ret, size, "nobody listens at %s: is Docker running?",
				       address);
		break;
	case EACCES:
	case EPERM:
		(void)snprintf(ret, size,
			       "permission denied at %s: run as root, or as a member of the "
			       "socket's group (usually docker)",
			       address);
		break;
	default:
		/* A full backlog: libcurl takes connect's EAGAIN for progress, so no errno is left.
		 */
		if (path && !reply->sys_errno)
			(void)snprintf(ret, size,
				       "%s takes no connection: it hangs or is overloaded",
				       address);
		else
			(void)snprintf(ret, size, "no connection to %s: %s", address,
				       reply->sys_errno ? strerror(reply->sys_errno)
							: reply->detail);
	}
}

static void describe_transport(const struct reply *reply, const char *address, char *ret,
			       size_t size)
{
	char limit[32];

	switch (reply->transport) {
	case TRANSPORT_NO_CONNECT:
		describe_no_connect(reply, address, ret, size);
		break;
	case TRANSPORT_TIMEOUT:
		format_duration(reply->timeout_ms, limit, sizeof(limit));
		if (reply->sent)
			(void)snprintf(ret, size,
				       "no whole answer from %s within %s: it hangs or is "
				       "overloaded",
				       address, limit);
		else
			(void)snprintf(ret, size, "no connection to %s: %s", address,
				       reply->detail);
		break;
	case TRANSPORT_HUNG_UP:
		(void)snprintf(ret, size, "%s hung up before %s (%s)", address,
			       reply->sent ? "its answer was whole" : "the request was sent",
			       reply->detail);
		break;
	case TRANSPORT_NOT_HTTP:
		(void)snprintf(ret, size, "what answers at %s is not Docker: it doesn't speak HTTP",
			       address);
		break;
	case TRANSPORT_TLS:
		(void)snprintf(ret, size, "no TLS connection to %s: %s", address, reply->detail);
		break;
	case TRANSPORT_TOO_BIG:
		(void)snprintf(ret, size, "the answer from %s is too big to be read", address);
		break;
	case TRANSPORT_WHOLE:
	case TRANSPORT_OTHER:
	default:
		(void)snprintf(ret, size, "%s: %s", address, reply->detail);
	}
}

bool request_type_writes(enum request_type type)
{
	return type == REQUEST_REMOVE || type == REQUEST_CREATE || type == REQUEST_UPDATE ||
	       type == REQUEST_JOB;
}

static enum engine_outcome classify_transport(const struct reply *reply, enum request_type type,
					      enum error_kind *ret_kind)
{
	bool maybe_done = request_type_writes(type) && reply->sent;

	*ret_kind = ERROR_UNREACHABLE;
	if (reply->transport == TRANSPORT_NO_CONNECT &&
	    (reply->sys_errno == EACCES || reply->sys_errno == EPERM)) {
		*ret_kind = ERROR_PERMISSION;
		return ENGINE_REFUSED;
	}
	if (reply->transport == TRANSPORT_TOO_BIG || reply->transport == TRANSPORT_NOT_HTTP)
		*ret_kind = ERROR_ENGINE;
	if (maybe_done)
		return ENGINE_NO_ANSWER;
	switch (reply->transport) {
	case TRANSPORT_NOT_HTTP:
	case TRANSPORT_TLS:
	case TRANSPORT_TOO_BIG:
	case TRANSPORT_OTHER:
		return ENGINE_REFUSED;
	case TRANSPORT_WHOLE:
	case TRANSPORT_NO_CONNECT:
	case TRANSPORT_TIMEOUT:
	case TRANSPORT_HUNG_UP:
	default:
		return ENGINE_NOT_NOW;
	}
}

/* The engine's message; plain text as very old engines and Go's own server send it; or nothing. */
static bool take_message(const struct reply *reply, char *ret, size_t size)
{
	const char *body = text_get(&reply->body);
	size_t length;

	if (reply_is_json(reply))
		return json_error_message(body, reply->body.length, ret, size);
	if (strncasecmp(reply->headers.content_type, "text/plain", 10))
		return false;
	length = strcspn(body, "\r\n");
	(void)snprintf(ret, size, "%.*s", (int)(length < size ? length : size), body);
	return *ret;
}

static bool is_success(const struct reply *reply, enum request_type type)
{
	if (request_type_writes(type))
		return reply->status >= 200 && reply->status < 300;
	return reply->status == 200;
}

/* The engine's own "no such volume" is proof; a router's "page not found" or a proxy's is not. */
static bool says_gone(const struct reply *reply, const char *message)
{
	return reply->status == 404 && reply_is_json(reply) && *message &&
	       !strcasestr(message, "page not found");
}

static enum engine_outcome classify_status(const struct reply *reply, enum request_type type,
					   const char *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].status != reply->status ||
		    (rules[i].phrase && !strcasestr(message, rules[i].phrase)))
			continue;
		if (rules[i].outcome == ENGINE_NO_ANSWER && !request_type_writes(type))
			return ENGINE_NOT_NOW;
		return rules[i].outcome;
	}
	return ENGINE_REFUSED;
}

enum engine_outcome reply_classify(const struct reply *reply, enum request_type type,
				   const char *action, const char *address, struct error *err)
{
	char message[MESSAGE_MAX] = "";
	enum error_kind kind;
	enum engine_outcome outcome;

	if (reply->transport != TRANSPORT_WHOLE) {
		outcome = classify_transport(reply, type, &kind);
		describe_transport(reply, address, message, sizeof(message));
		(void)error_set(err, kind, "unable to %s: %s", action, message);
		err->sys_errno = reply->sys_errno;
		return outcome;
	}
	if (is_success(reply, type))
		return ENGINE_DONE;
	if (!take_message(reply, message, sizeof(message)))
		message[0] = '\0';
	if ((type == REQUEST_REMOVE || type == REQUEST_UPDATE) && says_gone(reply, message))
		return ENGINE_ALREADY_GONE;
	(void)error_set(err, ERROR_ENGINE, "unable to %s: %s%sHTTP %ld%s", action, message,
			*message ? " (" : "", reply->status, *message ? ")" : "");
	return classify_status(reply, type, message);
}
