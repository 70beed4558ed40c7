/* Options as tables: one table per command drives getopt_long and --help. */
#ifndef COMMANDS_OPTIONS_H
#define COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum option_type {
	OPTION_FLAG,	 /* target: bool */
	OPTION_TEXT,	 /* const char *, not empty */
	OPTION_APP,	 /* const char *, by the grammar of app names */
	OPTION_HOST,	 /* const char *, an engine's address */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_NUMBER,	 /* int64_t from min to max */
	OPTION_CHOICE,	 /* int: the index in choices */
};

struct option_spec {
	const char *name;
	char letter; /* '\0': none */
	enum option_type type;
	void *target;
	const char *value; /* how help names the value; NULL for a flag */
	const char *help;
	int64_t min, max;
	const char *const *choices; /* NULL-terminated */
};

#define OPTIONS_END                                                                                \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Parses argv from argv[1] by both tables (the second may be NULL) into their targets. Options may
 * follow operands, which are moved behind them, unless stop_at_operand. Returns the index of the
 * first operand, or -1 with *err (ERROR_USAGE). */
int options_parse(const struct option_spec *own, const struct option_spec *shared, int argc,
		  char **argv, bool stop_at_operand, struct error *err);

void options_help(FILE *out, const struct option_spec *table);

/* The candidate that was probably meant, or NULL. next(data, i) is the i-th one, NULL past the end.
 */
const char *nearest_word(const char *word, const char *(*next)(const void *data, size_t index),
			 const void *data);

#endif
