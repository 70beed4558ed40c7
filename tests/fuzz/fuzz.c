#include "fuzz/fuzz.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define TARGETS_MAX 32

static struct target {
	const char *name;
	fuzz_function function;
} targets[TARGETS_MAX];
static size_t target_count;

void fuzz_register(const char *name, fuzz_function function)
{
	REQUIRE(target_count < TARGETS_MAX);
	targets[target_count++] = (struct target){ name, function };
}

const char *fuzz_target_name(size_t index)
{
	return index < target_count ? targets[index].name : NULL;
}

fuzz_function fuzz_target_function(size_t index)
{
	return targets[index].function;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	return size ? xstrndup((const char *)data, size) : xstrdup("");
}

char *fuzz_line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
	size_t length = end ? (size_t)(end - *data) : *size;
	char *line = fuzz_text(*data, length);

	if (end)
		length++;
	*data += length;
	*size -= length;
	return line;
}
