#include "http_handle_internal.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define MAX_HEADER_BYTES (64 * 1024)

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
	struct http_exchange *exchange = user;
	struct reply_headers *headers = &exchange->reply.headers;

	headers->bytes += size * count;
	if (headers->bytes > MAX_HEADER_BYTES) {
		exchange->reply.transport = TRANSPORT_TOO_BIG;
		return 0;
	}
	if (!reply_headers_take(headers, line, size * count)) {
		exchange->reply.transport = TRANSPORT_NOT_HTTP;
		return 0;
	}
	return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
	struct http_exchange *exchange = user;
	struct text *body = &exchange->reply.body;

	if (size * count > exchange->max_body - body->length) {
		exchange->reply.transport = TRANSPORT_TOO_BIG;
		return 0;
	}
	text_append_bytes(body, bytes, size * count);
	return size * count;
}

/* Every URL is ours and redirects are off; this is the second wall. */
static CURLcode allow_http_only(CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	CURLcode code = sym_curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");

	/* One without TLS (packaging/image) knows no https. */
	if (code == CURLE_UNSUPPORTED_PROTOCOL)
		code = sym_curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http");
	return code == CURLE_UNKNOWN_OPTION ? CURLE_OK : code; /* a runtime older than its header */
#else
	return sym_curl_easy_setopt(handle, CURLOPT_PROTOCOLS,
				    (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static CURLcode set_texts(CURL *handle, const struct address *address,
			  const struct http_exchange *exchange)
{
	CLEANUP_FREE char *url = xasprintf("%s%s", address->base_url, exchange->path);
	const struct {
		CURLoption option;
		const char *value;
	} options[] = {
		{ CURLOPT_URL, url },
		{ CURLOPT_UNIX_SOCKET_PATH, address->socket_path },
		{ CURLOPT_CAINFO, address->ca_file },
		{ CURLOPT_SSLCERT, address->cert_file },
		{ CURLOPT_SSLKEY, address->key_file },
		{ CURLOPT_POSTFIELDS, exchange->body },
		{ CURLOPT_CUSTOMREQUEST, exchange->removal ? "DELETE" : NULL },
		{ CURLOPT_USERAGENT, "ci-janitor/" CI_JANITOR_VERSION },
		/* No http_proxy from the environment. */
		{ CURLOPT_PROXY, "" },
		{ CURLOPT_NOPROXY, "*" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		CURLcode code = options[i].value ? sym_curl_easy_setopt(handle, options[i].option,
									options[i].value)
						 : CURLE_OK;

		if (code != CURLE_OK)
			return code;
	}
	return CURLE_OK;
}

static CURLcode set_numbers(CURL *handle, const struct http_exchange *exchange,
			    int64_t connect_timeout_ms)
{
	const struct {
		CURLoption option;
		long value;
	} options[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_FRESH_CONNECT, exchange->fresh },
		{ CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms },
		{ CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms },
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		CURLcode code = sym_curl_easy_setopt(handle, options[i].option, options[i].value);

		if (code != CURLE_OK)
			return code;
	}
	return allow_http_only(handle);
}

/* libcurl takes the list for good; one serves all. */
static CURLcode set_content_type(CURL *handle, const struct http_exchange *exchange)
{
	static struct curl_slist *json;

	if (!exchange->body)
		return CURLE_OK;
	if (!json)
		json = sym_curl_slist_append(NULL, "Content-Type: application/json");
	return json ? sym_curl_easy_setopt(handle, CURLOPT_HTTPHEADER, json) : CURLE_OUT_OF_MEMORY;
}

static CURLcode set_callbacks(CURL *handle, struct http_exchange *exchange)
{
	CURLcode code = sym_curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);

	if (code == CURLE_OK)
		code = sym_curl_easy_setopt(handle, CURLOPT_HEADERDATA, exchange);
	if (code == CURLE_OK)
		code = sym_curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
	if (code == CURLE_OK)
		code = sym_curl_easy_setopt(handle, CURLOPT_WRITEDATA, exchange);
	if (code == CURLE_OK)
		code = sym_curl_easy_setopt(handle, CURLOPT_PRIVATE, exchange);
	_Static_assert(sizeof(exchange->reply.detail) >= CURL_ERROR_SIZE, "libcurl writes so much");
	if (code == CURLE_OK)
		code = sym_curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, exchange->reply.detail);
	return code;
}

CURL *http_handle_new(const struct address *address, struct http_exchange *exchange,
		      int64_t connect_timeout_ms, struct error *err)
{
	CURL *handle = sym_curl_easy_init();
	CURLcode code = handle ? set_texts(handle, address, exchange) : CURLE_OUT_OF_MEMORY;

	if (code == CURLE_OK)
		code = set_numbers(handle, exchange, connect_timeout_ms);
	if (code == CURLE_OK)
		code = set_content_type(handle, exchange);
	if (code == CURLE_OK)
		code = set_callbacks(handle, exchange);
	if (code == CURLE_OK)
		return handle;
	sym_curl_easy_cleanup(handle);
	(void)error_set(err, ERROR_SYSTEM, "unable to start a request: %s",
			sym_curl_easy_strerror(code));
	return NULL;
}

static enum transport transport_of(CURLcode result)
{
	switch ((int)result) {
	case CURLE_OK:
		return TRANSPORT_WHOLE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return TRANSPORT_NO_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return TRANSPORT_TIMEOUT;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return TRANSPORT_HUNG_UP;
	case CURLE_UNSUPPORTED_PROTOCOL: /* "HTTP/0.9 when not allowed": any banner */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		return TRANSPORT_NOT_HTTP;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_PEER_FAILED_VERIFICATION:
		return TRANSPORT_TLS;
	default:
		return TRANSPORT_OTHER;
	}
}

struct http_exchange *http_handle_finish(CURL *handle, CURLcode result)
{
	char *user = NULL;
	struct http_exchange *exchange;
	struct reply *reply;
	long sent = 0;
	long os_errno = 0;

	(void)sym_curl_easy_getinfo(handle, CURLINFO_PRIVATE, &user);
	exchange = (struct http_exchange *)(void *)user;
	reply = &exchange->reply;
	(void)sym_curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
	(void)sym_curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &os_errno);
	(void)sym_curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply->status);
	reply->sent = sent > 0;
	if (reply->transport == TRANSPORT_WHOLE)
		reply->transport = transport_of(result);
	if (reply->transport == TRANSPORT_NO_CONNECT)
		reply->sys_errno = (int)os_errno;
	if (!*reply->detail)
		(void)snprintf(reply->detail, sizeof(reply->detail), "%s",
			       sym_curl_easy_strerror(result));
	return exchange;
}
