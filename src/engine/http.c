#include "http_internal.h"

#include <limits.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "curl_internal.h"
#include "http_handle_internal.h"

struct http {
	CURLM *multi;
	const struct address *address;
	struct http_options options;
};

int http_open(struct http **ret, const struct address *address, const struct http_options *options,
	      struct error *err)
{
	struct http *http;

	if (curl_load(err) < 0)
		return -1;
	http = xcalloc(1, sizeof(*http));
	http->address = address;
	http->options = *options;
	http->multi = sym_curl_multi_init();
	if (!http->multi) {
		free(http);
		return error_set(err, ERROR_SYSTEM, "unable to initialise libcurl");
	}
	(void)sym_curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)options->connections);
	*ret = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	(void)sym_curl_multi_cleanup(http->multi);
	free(http);
}

int http_start(struct http *http, struct http_exchange *exchange, struct error *err)
{
	CURLMcode code;

	exchange->max_body = http->options.max_body;
	exchange->reply.timeout_ms = exchange->timeout_ms;
	exchange->handle =
		http_handle_new(http->address, exchange, http->options.connect_timeout_ms, err);
	if (!exchange->handle)
		return -1;
	code = sym_curl_multi_add_handle(http->multi, exchange->handle);
	if (code == CURLM_OK)
		return 0;
	sym_curl_easy_cleanup(exchange->handle);
	exchange->handle = NULL;
	return error_set(err, ERROR_SYSTEM, "unable to start a request: %s",
			 sym_curl_multi_strerror(code));
}

void http_cancel(struct http *http, struct http_exchange *exchange)
{
	if (!exchange->handle)
		return;
	(void)sym_curl_multi_remove_handle(http->multi, exchange->handle);
	sym_curl_easy_cleanup(exchange->handle);
	exchange->handle = NULL;
}

int http_perform(struct http *http, struct error *err)
{
	int running;
	CURLMcode code = sym_curl_multi_perform(http->multi, &running);

	if (code != CURLM_OK)
		return error_set(err, ERROR_SYSTEM, "unable to talk to the engine: %s",
				 sym_curl_multi_strerror(code));
	return 0;
}

struct http_exchange *http_take_finished(struct http *http)
{
	int left;
	CURLMsg *message;

	while ((message = sym_curl_multi_info_read(http->multi, &left))) {
		struct http_exchange *exchange;

		if (message->msg != CURLMSG_DONE)
			continue;
		exchange = http_handle_finish(message->easy_handle, message->data.result);
		http_cancel(http, exchange);
		return exchange;
	}
	return NULL;
}

int http_sleep(struct http *http, int timeout_ms, int wake_fd, bool *ret_woken, struct error *err)
{
	struct curl_waitfd wake = { .fd = wake_fd, .events = CURL_WAIT_POLLIN };
	CURLMcode code;

	if (timeout_ms < 0)
		timeout_ms = INT_MAX;
	code = sym_curl_multi_poll(http->multi, &wake, wake_fd >= 0 ? 1 : 0, timeout_ms, NULL);
	if (code != CURLM_OK)
		return error_set(err, ERROR_SYSTEM, "unable to wait for the engine: %s",
				 sym_curl_multi_strerror(code));
	*ret_woken = wake.revents != 0;
	return 0;
}

char *http_escape(const char *text)
{
	/* libcurl's memory is its own: with another allocator free() would not fit. */
	char *escaped = sym_curl_easy_escape(NULL, text, 0);
	char *copy = escaped ? xstrdup(escaped) : NULL;

	sym_curl_free(escaped);
	return copy;
}
