/* What the fixture's header says to check with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
			return true;
	return false;
}

void swarm_check_objects(const char *prefix, const char *expected, const char *file, unsigned line)
{
	char what[256];
	char *objects = swarm_objects(prefix);

	snprintf(what, sizeof(what), "objects of %s", *prefix ? prefix : "all");
	check_text(objects, expected, what, file, line);
	free(objects);
}

void swarm_check_status(const struct command_result *result, int expected, const char *file,
			unsigned line)
{
	check_number(result->status, expected, "exit status", file, line);
	if (result->status != expected)
		fprintf(stderr, "\nstdout: %s\nstderr: %s\n", result->output, result->errors);
}
