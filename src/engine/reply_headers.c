#include "reply_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

void reply_release(struct reply *reply)
{
	text_release(&reply->body);
	*reply = (struct reply){ 0 };
}

static void take_value(const char *value, size_t length, char *ret, size_t size)
{
	while (length && strchr(" \t", *value)) {
		value++;
		length--;
	}
	while (length && strchr(" \t\r\n", value[length - 1]))
		length--;
	if (!*ret && !memchr(value, '\0', length))
		(void)snprintf(ret, size, "%.*s", (int)length, value);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* libcurl 8 takes the first three digits of a longer number for the status. */
static bool has_status(const char *line, size_t length)
{
	const char *end = line + length, *code = memchr(line, ' ', length);

	while (code && code < end && *code == ' ')
		code++;
	if (!code || end - code < 3 || !is_digit(code[0]) || !is_digit(code[1]) ||
	    !is_digit(code[2]))
		return false;
	return end - code == 3 || code[3] == ' ' || code[3] == '\r' || code[3] == '\n';
}

bool reply_headers_take(struct reply_headers *headers, const char *line, size_t length)
{
	const struct {
		const char *name;
		char *value;
		size_t size;
	} known[] = {
		{ "content-type", headers->content_type, sizeof(headers->content_type) },
		{ "server", headers->server, sizeof(headers->server) },
		{ "api-version", headers->api_version, sizeof(headers->api_version) },
		{ "swarm", headers->swarm, sizeof(headers->swarm) },
	};
	const char *colon;

	if (length >= 5 && !memcmp(line, "HTTP/", 5)) {
		*headers = (struct reply_headers){ .bytes = headers->bytes };
		return has_status(line, length);
	}
	colon = memchr(line, ':', length);
	for (size_t i = 0; colon && i < ARRAY_SIZE(known); i++) {
		size_t name_length = strlen(known[i].name);

		if ((size_t)(colon - line) == name_length &&
		    !strncasecmp(line, known[i].name, name_length))
			take_value(colon + 1, length - name_length - 1, known[i].value,
				   known[i].size);
	}
	return true;
}

bool reply_is_json(const struct reply *reply)
{
	static const char type[] = "application/json";
	const char *after = reply->headers.content_type + strlen(type);

	return !strncasecmp(reply->headers.content_type, type, strlen(type)) &&
	       (!*after || *after == ';' || *after == ' ');
}
