#include "torture_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *option_from(const char *variable, const char *option, const char *otherwise)
{
	static char text[2][128];
	static int next;
	const char *value = getenv(variable);

	if (!value || !*value)
		return otherwise;
	next = !next;
	snprintf(text[next], sizeof(text[next]), "%s %s", option, value);
	return text[next];
}

long number_before(const char *text, const char *suffix)
{
	const char *end = strstr(text, suffix);
	const char *begin = end;

	while (begin && begin > text && begin[-1] >= '0' && begin[-1] <= '9')
		begin--;
	return begin && begin < end ? strtol(begin, NULL, 10) : -1;
}
