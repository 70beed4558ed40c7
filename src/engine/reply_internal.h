/* What came of one HTTP exchange, as data, and what it means. No I/O: tests and fuzzers call it. */
#ifndef ENGINE_REPLY_INTERNAL_H
#define ENGINE_REPLY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "model/engine_answer.h"

enum transport {
	TRANSPORT_WHOLE,      /* a whole HTTP answer */
	TRANSPORT_NO_CONNECT, /* see sys_errno */
	TRANSPORT_TIMEOUT,
	TRANSPORT_HUNG_UP,
	TRANSPORT_NOT_HTTP,
	TRANSPORT_TLS,
	TRANSPORT_TOO_BIG,
	TRANSPORT_OTHER,
};

/* Header values are cut to their arrays. */
struct reply_headers {
	size_t bytes; /* of all header lines so far */
	char content_type[64];
	char server[64];
	char api_version[16];
	char swarm[32];
};

struct reply {
	enum transport transport;
	bool sent;	    /* at least a byte of the request left us */
	int sys_errno;	    /* of TRANSPORT_NO_CONNECT */
	char detail[256];   /* the library's words for a transport failure */
	int64_t timeout_ms; /* the limit that TRANSPORT_TIMEOUT ran into */
	long status;
	struct reply_headers headers;
	struct text body;
};

enum request_type {
	REQUEST_LIST,
	REQUEST_REMOVE,
	REQUEST_CREATE,
	REQUEST_UPDATE,
	REQUEST_JOB,
	REQUEST_REPORT,
	REQUEST_ROLE
};

/* Does it change something, so that without an answer it may still be carried out? */
bool request_type_writes(enum request_type type);

void reply_release(struct reply *reply);

/* Takes one header line as it came, NUL-terminated or not; the first of a name counts, and a new
 * status line starts over. false: a status line without a status of three digits. */
bool reply_headers_take(struct reply_headers *headers, const char *line, size_t length);

/* Media type is application/json. */
bool reply_is_json(const struct reply *reply);

/* The class of the answer. action: "list services", for the error's "unable to ACTION: reason";
 * *err is set unless ENGINE_DONE or ENGINE_ALREADY_GONE. ENGINE_DONE speaks of the status only. */
enum engine_outcome reply_classify(const struct reply *reply, enum request_type type,
				   const char *action, const char *address, struct error *err);

#endif
