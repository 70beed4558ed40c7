#include <string.h>

#include "commands/options.h"

#define WORD_MAX 40

static size_t least(size_t a, size_t b, size_t c)
{
	size_t smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Levenshtein's distance, row by row. */
static size_t edit_distance(const char *from, const char *to)
{
	size_t row[WORD_MAX + 1], length = strlen(to);

	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (size_t i = 0; from[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t above = row[j + 1];

			row[j + 1] = least(above + 1, row[j] + 1, diagonal + (from[i] != to[j]));
			diagonal = above;
		}
	}
	return row[length];
}

const char *nearest_word(const char *word, const char *(*next)(const void *data, size_t index),
			 const void *data)
{
	const char *nearest = NULL, *candidate;
	size_t best = 3;

	if (strlen(word) > WORD_MAX)
		return NULL;
	for (size_t i = 0; (candidate = next(data, i)); i++) {
		size_t distance;

		if (strlen(candidate) > WORD_MAX)
			continue;
		distance = edit_distance(word, candidate);
		if (distance < best && distance < strlen(candidate)) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}
