/* One libcurl handle: options in, reply out. */
#ifndef ENGINE_HTTP_HANDLE_INTERNAL_H
#define ENGINE_HTTP_HANDLE_INTERNAL_H

#include "curl_internal.h"
#include "http_internal.h"

/* NULL with *err (ERROR_SYSTEM). */
CURL *http_handle_new(const struct address *address, struct http_exchange *exchange,
		      int64_t connect_timeout_ms, struct error *err);

/* Fills the reply of the handle's exchange, which it returns. */
struct http_exchange *http_handle_finish(CURL *handle, CURLcode result);

#endif
