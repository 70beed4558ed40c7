#include "json_internal.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"

LIBRARY_FUNCTION(json_loadb);
LIBRARY_FUNCTION(json_delete);
LIBRARY_FUNCTION(json_dumps);
LIBRARY_FUNCTION(json_pack);
LIBRARY_FUNCTION(json_array);
LIBRARY_FUNCTION(json_string);
LIBRARY_FUNCTION(json_array_append_new);
LIBRARY_FUNCTION(json_object_get);
LIBRARY_FUNCTION(json_object_set_new);
LIBRARY_FUNCTION(json_object_iter);
LIBRARY_FUNCTION(json_object_iter_next);
LIBRARY_FUNCTION(json_object_iter_key);
LIBRARY_FUNCTION(json_object_iter_value);
LIBRARY_FUNCTION(json_array_size);
LIBRARY_FUNCTION(json_array_get);
LIBRARY_FUNCTION(json_string_value);
LIBRARY_FUNCTION(json_string_length);
LIBRARY_FUNCTION(json_integer_value);

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(json_loadb),
	LIBRARY_SYMBOL(json_delete),
	LIBRARY_SYMBOL(json_dumps),
	LIBRARY_SYMBOL(json_pack),
	LIBRARY_SYMBOL(json_array),
	LIBRARY_SYMBOL(json_string),
	LIBRARY_SYMBOL(json_array_append_new),
	LIBRARY_SYMBOL(json_object_get),
	LIBRARY_SYMBOL(json_object_set_new),
	LIBRARY_SYMBOL(json_object_iter),
	LIBRARY_SYMBOL(json_object_iter_next),
	LIBRARY_SYMBOL(json_object_iter_key),
	LIBRARY_SYMBOL(json_object_iter_value),
	LIBRARY_SYMBOL(json_array_size),
	LIBRARY_SYMBOL(json_array_get),
	LIBRARY_SYMBOL(json_string_value),
	LIBRARY_SYMBOL(json_string_length),
	LIBRARY_SYMBOL(json_integer_value),
};

int json_load_library(struct error *err)
{
	static bool loaded;

	if (loaded)
		return 0;
	if (library_load("libjansson.so.4", symbols, ARRAY_SIZE(symbols), err) < 0)
		return -1;
	loaded = true;
	return 0;
}

json_t *json_parse(const char *bytes, size_t length, struct error *err)
{
	json_error_t why;
	json_t *document;

	if (json_load_library(err) < 0)
		return NULL;
	/* A label may hold \u0000: one such object must not make every listing fail. */
	document = sym_json_loadb(bytes ? bytes : "", length, JSON_ALLOW_NUL, &why);
	if (!document)
		(void)error_set(err, ERROR_ENGINE, "broken JSON at byte %d: %.100s", why.position,
				why.text);
	return document;
}

void json_release(json_t **document)
{
	if (*document)
		sym_json_delete(*document);
}

const char *json_plain_text(const json_t *value)
{
	const char *text = json_is_string(value) ? sym_json_string_value(value) : NULL;

	return text && strlen(text) == sym_json_string_length(value) ? text : NULL;
}

static json_t *name_array(const struct list_filter *filter)
{
	json_t *names = sym_json_array();

	for (size_t i = 0; names && i < filter->name_count; i++)
		if (sym_json_array_append_new(names, sym_json_string(filter->names[i]))) {
			json_release(&names);
			return NULL;
		}
	return names;
}

/* jansson's pack takes NULL for a member that is to be left out ('*'). */
char *json_list_filter(const struct list_filter *filter)
{
	CLEANUP_FREE char *label = !filter->key	   ? NULL
				   : filter->value ? xasprintf("%s=%s", filter->key, filter->value)
						   : xstrdup(filter->key);
	json_t *labels = label ? sym_json_pack("[s]", label) : NULL;
	json_t *names = filter->name_count ? name_array(filter) : NULL;
	json_t *services = filter->service ? sym_json_pack("[s]", filter->service) : NULL;
	CLEANUP_JSON json_t *document = NULL;

	if ((label && !labels) || (filter->name_count && !names) ||
	    (filter->service && !services)) {
		json_release(&labels);
		json_release(&names);
		json_release(&services);
		return NULL;
	}
	document = sym_json_pack("{s:o*,s:o*,s:o*}", "label", labels, "name", names, "service",
				 services);
	return document ? sym_json_dumps(document, JSON_COMPACT) : NULL;
}

/* The engine wants at least a byte of data. */
char *json_config(const struct resource *config, bool born)
{
	CLEANUP_JSON json_t *document = NULL;
	json_t *labels = sym_json_pack("{}");

	for (size_t i = 0; labels && i < config->label_count; i++)
		if (sym_json_object_set_new(labels, config->labels[i].key,
					    sym_json_string(config->labels[i].value))) {
			json_release(&labels);
			return NULL;
		}
	document = sym_json_pack("{s:s,s:o,s:s*}", "Name", config->name, "Labels", labels, "Data",
				 born ? "LQ==" : NULL);
	return document ? sym_json_dumps(document, JSON_COMPACT) : NULL;
}

bool json_error_message(const char *bytes, size_t length, char *ret, size_t size)
{
	CLEANUP_JSON json_t *body = json_parse(bytes, length, NULL);
	const char *message = json_plain_text(body ? sym_json_object_get(body, "message") : NULL);

	if (!message || !*message)
		return false;
	(void)snprintf(ret, size, "%s", message);
	return true;
}
