/* A text buffer that grows. Always NUL-terminated once something was appended. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* owned; NULL while empty */
	size_t length;
	size_t capacity;
};

void text_release(struct text *text);
void text_append(struct text *text, const char *piece);
void text_append_bytes(struct text *text, const void *bytes, size_t count);
void text_appendf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends hostile text so that it can't drive a terminal or fake a line: control characters,
 * DEL and bytes that are not valid UTF-8 come out as \xNN, a backslash as \\.
 * So does a bracket that opens a command (text_opens_command). */
void text_append_escaped(struct text *text, const char *piece);

/* Is the byte at `at` the bracket of "##[" or "##vso["? Wherever those stand in a line, the runners
 * of GitHub Actions and the agents of Azure Pipelines may take what follows for a command. */
bool text_opens_command(const char *text, const char *at);

/* What stands in the buffer, "" when empty. Owned by the buffer. */
const char *text_get(const struct text *text);

#define CLEANUP_TEXT __attribute__((cleanup(text_release)))

#endif
