/* jansson, loaded at first use, as far as writing needs it. Memory that runs out ends the program,
 * as in base/memory.h. */
#ifndef REPORT_JSON_INTERNAL_H
#define REPORT_JSON_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* A document with its schema and type; NULL with *err where there is no jansson. */
json_t *json_document(const char *type, struct error *err);
json_t *json_new_object(void); /* only while a document is there */

/* Adds to the object. Hostile texts are made valid UTF-8; NULL and "" become null. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_number(json_t *object, const char *key, int64_t number);
void json_put_flag(json_t *object, const char *key, bool flag);
/* An RFC 3339 time; null for 0. */
void json_put_second(json_t *object, const char *key, int64_t second);
/* Adds an empty array, which belongs to the object. */
json_t *json_put_array(json_t *object, const char *key);
/* Gives value away to the container. */
void json_put_object(json_t *object, const char *key, json_t *value);
void json_append_object(json_t *array, json_t *value);
void json_append_number(json_t *array, int64_t number);

/* Appends the document as one line of plain ASCII, and frees it. */
void json_finish(json_t *document, struct text *out);

#endif
