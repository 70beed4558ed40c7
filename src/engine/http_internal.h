/* HTTP exchanges with one address over kept-alive connections, many at once. The only user of
 * libcurl. Knows nothing of Docker. */
#ifndef ENGINE_HTTP_INTERNAL_H
#define ENGINE_HTTP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address_internal.h"
#include "base/error.h"
#include "reply_internal.h"

struct http;

/* One exchange, owned by the caller; it must stay in place while it is under way. */
struct http_exchange {
	bool removal;	    /* DELETE instead of GET */
	const char *body;   /* JSON to POST, the caller's; NULL: none */
	const char *path;   /* "/v1.41/networks": percent-escaped, the caller's */
	bool fresh;	    /* over a connection made for it */
	int64_t timeout_ms; /* from http_start to the last byte */
	void *user;	    /* the caller's, handed back by http_take_finished through it */
	struct reply reply; /* the caller's to release */
	size_t max_body;    /* set by http_start */
	void *handle;	    /* libcurl's, while under way */
};

struct http_options {
	int64_t connect_timeout_ms;
	int connections; /* kept alive at most */
	size_t max_body; /* bytes of one answer */
};

int http_open(struct http **ret, const struct address *address, const struct http_options *options,
	      struct error *err);
/* Exchanges must have been cancelled or have finished. */
void http_close(struct http *http);

int http_start(struct http *http, struct http_exchange *exchange, struct error *err);
/* Drops an exchange that is under way, and its connection; nothing happens for another one. */
void http_cancel(struct http *http, struct http_exchange *exchange);

/* Moves all exchanges on without waiting. */
int http_perform(struct http *http, struct error *err);
/* An exchange that has finished since, its reply filled; NULL when there is none (left). */
struct http_exchange *http_take_finished(struct http *http);
/* Sleeps until something can be moved on, timeout_ms have passed, or wake_fd (-1: none) is
 * readable, which *ret_woken tells. */
int http_sleep(struct http *http, int timeout_ms, int wake_fd, bool *ret_woken, struct error *err);

/* Percent-escapes a text for use in a path or query; malloced. */
char *http_escape(const char *text);

#endif
