/* jansson, loaded at first use, and careful looks into what it parsed. */
#ifndef ENGINE_JSON_INTERNAL_H
#define ENGINE_JSON_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/library.h"
#include "model/engine_answer.h"

extern LIBRARY_FUNCTION(json_loadb);
extern LIBRARY_FUNCTION(json_delete);
extern LIBRARY_FUNCTION(json_dumps);
extern LIBRARY_FUNCTION(json_pack);
extern LIBRARY_FUNCTION(json_array);
extern LIBRARY_FUNCTION(json_string);
extern LIBRARY_FUNCTION(json_array_append_new);
extern LIBRARY_FUNCTION(json_object_get);
extern LIBRARY_FUNCTION(json_object_set_new);
extern LIBRARY_FUNCTION(json_object_iter);
extern LIBRARY_FUNCTION(json_object_iter_next);
extern LIBRARY_FUNCTION(json_object_iter_key);
extern LIBRARY_FUNCTION(json_object_iter_value);
extern LIBRARY_FUNCTION(json_array_size);
extern LIBRARY_FUNCTION(json_array_get);
extern LIBRARY_FUNCTION(json_string_value);
extern LIBRARY_FUNCTION(json_string_length);
extern LIBRARY_FUNCTION(json_integer_value);

int json_load_library(struct error *err);

/* The parsed document (an object or an array), NULL with ERROR_ENGINE. */
json_t *json_parse(const char *bytes, size_t length, struct error *err);

/* json_decref is inline in the header and would link against the library. */
void json_release(json_t **document);
#define CLEANUP_JSON __attribute__((cleanup(json_release)))

/* The text, NULL when it is no text or holds a NUL, which would cut it short for its readers. */
const char *json_plain_text(const json_t *value);

/* {"label":["key=value"],"name":["a","b"]} for a query, malloced; NULL when the texts are not valid
 * UTF-8. */
char *json_list_filter(const struct list_filter *filter);

/* The body that makes the config from its name and labels, or (not born) changes its labels;
 * malloced; NULL when the texts are not valid UTF-8. */
char *json_config(const struct resource *config, bool born);

/* Copies the "message" of the engine's error body; false when there is none. */
bool json_error_message(const char *bytes, size_t length, char *ret, size_t size);

#endif
