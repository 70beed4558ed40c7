#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Without exit handlers: they might allocate, and in a forked child they are the parent's. */
__attribute__((noreturn)) static void die(void)
{
	static const char message[] = "ci-janitor: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)ignored;
	_exit(70);
}

void *xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);

	if (!memory)
		die();
	return memory;
}

char *xstrdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die();
	return copy;
}

char *xstrndup(const char *text, size_t length)
{
	char *copy = strndup(text, length);

	if (!copy)
		die();
	return copy;
}

char *xasprintf(const char *format, ...)
{
	char *text;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		die();
	return text;
}

void *xgrow(void *array, size_t *capacity, size_t needed, size_t element_size)
{
	size_t wanted = *capacity > SIZE_MAX / 2 ? needed : *capacity * 2;

	if (needed <= *capacity)
		return array;
	if (wanted < needed)
		wanted = needed;
	if (wanted < 8)
		wanted = 8;
	array = reallocarray(array, wanted, element_size);
	if (!array)
		die();
	*capacity = wanted;
	return array;
}
