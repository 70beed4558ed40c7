/*
 * Allocation that never returns NULL. ci-janitor is short-lived or tiny; when memory runs out
 * there is nothing better to do than to die at once: the kernel drops the locks, the lockfiles
 * stay, and the next sweep goes on (lock-protocol.md, invariant 5).
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull));
char *xstrndup(const char *text, size_t length) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Makes room for at least `needed` elements in a growing array; *capacity is in elements. */
void *xgrow(void *array, size_t *capacity, size_t needed, size_t element_size);

#endif
