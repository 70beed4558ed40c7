#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/library.h"
#include "json_internal.h"

#define SCHEMA "ci-janitor/1"

static LIBRARY_FUNCTION(json_object);
static LIBRARY_FUNCTION(json_array);
static LIBRARY_FUNCTION(json_string);
static LIBRARY_FUNCTION(json_integer);
static LIBRARY_FUNCTION(json_true);
static LIBRARY_FUNCTION(json_false);
static LIBRARY_FUNCTION(json_null);
static LIBRARY_FUNCTION(json_object_set_new);
static LIBRARY_FUNCTION(json_array_append_new);
static LIBRARY_FUNCTION(json_dumps);
static LIBRARY_FUNCTION(json_delete);

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(json_object),
	LIBRARY_SYMBOL(json_array),
	LIBRARY_SYMBOL(json_string),
	LIBRARY_SYMBOL(json_integer),
	LIBRARY_SYMBOL(json_true),
	LIBRARY_SYMBOL(json_false),
	LIBRARY_SYMBOL(json_null),
	LIBRARY_SYMBOL(json_object_set_new),
	LIBRARY_SYMBOL(json_array_append_new),
	LIBRARY_SYMBOL(json_dumps),
	LIBRARY_SYMBOL(json_delete),
};

static int load(struct error *err)
{
	static bool loaded;

	if (!loaded && library_load("libjansson.so.4", symbols, ARRAY_SIZE(symbols), err) < 0)
		return -1;
	loaded = true;
	return 0;
}

json_t *json_document(const char *type, struct error *err)
{
	json_t *document;

	if (load(err) < 0)
		return NULL;
	document = json_new_object();
	json_put_text(document, "schema", SCHEMA);
	json_put_text(document, "type", type);
	return document;
}

/* jansson refuses only invalid UTF-8, which doesn't get this far, and a lack of memory. */
static json_t *need(json_t *value)
{
	if (!value)
		abort();
	return value;
}

json_t *json_new_object(void)
{
	return need(sym_json_object());
}

void json_put_object(json_t *object, const char *key, json_t *value)
{
	if (sym_json_object_set_new(object, key, value) < 0)
		abort();
}

void json_append_object(json_t *array, json_t *value)
{
	if (sym_json_array_append_new(array, value) < 0)
		abort();
}

/* The bytes of the UTF-8 sequence that the text starts with; 0 when it is not a valid one (RFC
 * 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t sequence_length(const unsigned char *text)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (text[0] < 0x80)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (text[0] == 0xe0)
		low = 0xa0;
	else if (text[0] == 0xed)
		high = 0x9f;
	else if (text[0] == 0xf0)
		low = 0x90;
	else if (text[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++) {
		if (text[i] < low || text[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

static void append_valid(struct text *out, const char *text)
{
	while (*text) {
		size_t length = sequence_length((const unsigned char *)text);

		if (length)
			text_append_bytes(out, text, length);
		else
			text_append(out, "\xef\xbf\xbd"); /* U+FFFD replaces one byte */
		text += length ? length : 1;
	}
}

void json_put_text(json_t *object, const char *key, const char *text)
{
	CLEANUP_TEXT struct text valid = { 0 };

	if (!text || !*text) {
		json_put_object(object, key, sym_json_null());
		return;
	}
	append_valid(&valid, text);
	json_put_object(object, key, need(sym_json_string(text_get(&valid))));
}

void json_put_number(json_t *object, const char *key, int64_t number)
{
	json_put_object(object, key, need(sym_json_integer(number)));
}

void json_append_number(json_t *array, int64_t number)
{
	json_append_object(array, need(sym_json_integer(number)));
}

void json_put_flag(json_t *object, const char *key, bool flag)
{
	json_put_object(object, key, flag ? sym_json_true() : sym_json_false());
}

void json_put_second(json_t *object, const char *key, int64_t second)
{
	char buffer[32];

	json_put_text(object, key,
		      second > 0 ? clock_format(second, buffer, sizeof(buffer)) : NULL);
}

json_t *json_put_array(json_t *object, const char *key)
{
	json_t *array = need(sym_json_array());

	json_put_object(object, key, array);
	return array;
}

void json_finish(json_t *document, struct text *out)
{
	/* ENSURE_ASCII: C1 controls such as U+009B drive terminals, and are valid UTF-8. */
	CLEANUP_FREE char *line = sym_json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII);

	sym_json_delete(document);
	if (!line)
		abort();
	for (const char *c = line; *c; c++)
		if (*c == 0x7f) /* the one control character that jansson lets through */
			text_append(out, "\\u007f");
		else if (text_opens_command(line, c)) /* within a string, since '#' is */
			text_append(out, "\\u005b");
		else
			text_append_bytes(out, c, 1);
	text_append(out, "\n");
}
