/* The engine's listings as resources. No I/O: tests and fuzzers call it with any bytes. */
#ifndef ENGINE_RESOURCE_JSON_INTERNAL_H
#define ENGINE_RESOURCE_JSON_INTERNAL_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "model/resource.h"

/* Parses the body of a listing of that kind. An entry whose name, labels or other texts are
 * missing or distorted is listed as malformed; one without a usable id makes the whole list fail
 * (ERROR_ENGINE), since what can't be named can't be verified as gone either. On failure *ret
 * is untouched. */
int resource_json_parse(enum resource_kind kind, const char *bytes, size_t length,
			struct resource_list *ret, struct error *err);

/* The same of one object by itself, whose kind *ret says. */
int resource_json_parse_one(struct resource *ret, const char *bytes, size_t length,
			    struct error *err);

/* Adds the labels of a jansson object, null or NULL: none. What isn't text marks the resource as
 * malformed. */
void resource_json_take_labels(json_t *labels, struct resource *resource);

#endif
