#include "commands/options.h"

#include <getopt.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "model/app.h"

#define LONG_ONLY 256 /* above every letter */
#define OPTIONS_MAX 48
#define HELP_COLUMN 31

struct option_set {
	const struct option_spec *specs[OPTIONS_MAX];
	struct option long_options[OPTIONS_MAX + 1];
	char letters[2 + OPTIONS_MAX * 2 + 1];
	size_t count;
};

static void add_table(struct option_set *set, const struct option_spec *table)
{
	for (; table && table->name && set->count < OPTIONS_MAX; table++) {
		set->long_options[set->count] = (struct option){
			.name = table->name,
			.has_arg = table->value ? required_argument : no_argument,
			.val = LONG_ONLY + (int)set->count,
		};
		set->specs[set->count++] = table;
	}
}

static void set_letters(struct option_set *set, bool stop_at_operand)
{
	char *end = set->letters;

	if (stop_at_operand)
		*end++ = '+';
	*end++ = ':';
	for (size_t i = 0; i < set->count; i++) {
		if (!set->specs[i]->letter)
			continue;
		*end++ = set->specs[i]->letter;
		if (set->specs[i]->value)
			*end++ = ':';
	}
	*end = '\0';
}

static const struct option_spec *find_spec(const struct option_set *set, int value)
{
	if (value >= LONG_ONLY)
		return set->specs[value - LONG_ONLY];
	for (size_t i = 0; i < set->count; i++)
		if (value && set->specs[i]->letter == value)
			return set->specs[i];
	return NULL;
}

static int find_choice(const char *const *choices, const char *value)
{
	for (int i = 0; choices[i]; i++)
		if (!strcmp(choices[i], value))
			return i;
	return -1;
}

static int refuse(const struct option_spec *spec, const char *value, const char *wanted,
		  struct error *err)
{
	return error_set(err, ERROR_USAGE, "--%s %s: not %s", spec->name, value, wanted);
}

static int refuse_choice(const struct option_spec *spec, const char *value, struct error *err)
{
	CLEANUP_TEXT struct text wanted = { 0 };

	for (size_t i = 0; spec->choices[i]; i++)
		text_appendf(&wanted, "%s%s", i ? ", " : "one of ", spec->choices[i]);
	return refuse(spec, value, text_get(&wanted), err);
}

static int set_number(const struct option_spec *spec, const char *value, struct error *err)
{
	char wanted[80];

	if (parse_number(value, spec->min, spec->max, spec->target, NULL) == 0)
		return 0;
	(void)snprintf(wanted, sizeof(wanted), "a number from %lld to %lld", (long long)spec->min,
		       (long long)spec->max);
	return refuse(spec, value, wanted, err);
}

static int set_text(const struct option_spec *spec, const char *value, struct error *err)
{
	if (spec->type == OPTION_APP && !app_name_is_valid(value))
		return refuse(spec, value,
			      "1 to 128 of the characters A-Z a-z 0-9 . _ -, the first a letter "
			      "or digit",
			      err);
	if (spec->type == OPTION_HOST && strncmp(value, "unix:///", 8) != 0 &&
	    strncmp(value, "tcp://", 6) != 0)
		return refuse(spec, value, "unix:///PATH or tcp://HOST:PORT", err);
	if (!*value)
		return error_set(err, ERROR_USAGE, "--%s: the value is empty", spec->name);
	*(const char **)spec->target = value;
	return 0;
}

static int apply(const struct option_spec *spec, const char *value, struct error *err)
{
	int choice;

	switch (spec->type) {
	case OPTION_FLAG:
		*(bool *)spec->target = true;
		return 0;
	case OPTION_TEXT:
	case OPTION_APP:
	case OPTION_HOST:
		return set_text(spec, value, err);
	case OPTION_DURATION:
		if (parse_duration(value, spec->target, NULL) == 0)
			return 0;
		return refuse(spec, value, "a duration like 90, 90s, 15m or 1h30m", err);
	case OPTION_NUMBER:
		return set_number(spec, value, err);
	case OPTION_CHOICE:
		choice = find_choice(spec->choices, value);
		if (choice < 0)
			return refuse_choice(spec, value, err);
		*(int *)spec->target = choice;
		return 0;
	}
	return error_set(err, ERROR_BUG, "--%s: unknown type of option", spec->name);
}

static const char *next_option(const void *data, size_t index)
{
	const struct option_set *set = data;

	return index < set->count ? set->specs[index]->name : NULL;
}

static int refuse_unknown(const struct option_set *set, const char *argument, struct error *err)
{
	CLEANUP_FREE char *name = NULL;
	const char *nearest;
	size_t matches = 0;

	if (optopt)
		return error_set(err, ERROR_USAGE, "unknown option -%c", optopt);
	name = xstrndup(argument + 2, strcspn(argument + 2, "="));
	for (size_t i = 0; i < set->count; i++)
		matches += !strncmp(set->specs[i]->name, name, strlen(name));
	if (matches > 1)
		return error_set(err, ERROR_USAGE, "ambiguous option --%s", name);
	nearest = nearest_word(name, next_option, set);
	if (nearest)
		return error_set(err, ERROR_USAGE, "unknown option --%s: did you mean --%s?", name,
				 nearest);
	return error_set(err, ERROR_USAGE, "unknown option --%s", name);
}

int options_parse(const struct option_spec *own, const struct option_spec *shared, int argc,
		  char **argv, bool stop_at_operand, struct error *err)
{
	struct option_set set = { .count = 0 };
	const struct option_spec *spec;
	int value;

	add_table(&set, own);
	add_table(&set, shared);
	set_letters(&set, stop_at_operand);
	opterr = 0;
	optind = 0; /* begins anew, with glibc and musl */
	while ((value = getopt_long(argc, argv, set.letters, set.long_options, NULL)) != -1) {
		spec = find_spec(&set, value == '?' || value == ':' ? optopt : value);
		if (!spec)
			return refuse_unknown(&set, argv[optind - 1], err);
		if (value == ':')
			return error_set(err, ERROR_USAGE, "--%s: a value is missing: %s",
					 spec->name, spec->value);
		if (value == '?')
			return error_set(err, ERROR_USAGE, "--%s takes no value", spec->name);
		if (apply(spec, optarg, err) < 0)
			return -1;
	}
	return optind;
}

/* " VALUE"; of a choice all that may be said: " auto|always|never". */
static void name_value(const struct option_spec *option, char *ret, size_t size)
{
	size_t length = 0;

	ret[0] = '\0';
	if (option->type != OPTION_CHOICE) {
		if (option->value)
			(void)snprintf(ret, size, " %s", option->value);
		return;
	}
	for (size_t i = 0; option->choices[i] && length < size; i++)
		length += (size_t)snprintf(ret + length, size - length, "%c%s", i ? '|' : ' ',
					   option->choices[i]);
}

/* The completions of packaging/completions go by this layout: at least two blanks before the text.
 */
void options_help(FILE *out, const struct option_spec *table)
{
	for (; table->name; table++) {
		char left[80], value[48], letter[8] = "    ";

		name_value(table, value, sizeof(value));

		if (table->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", table->letter);
		(void)snprintf(left, sizeof(left), "  %s--%s%s", letter, table->name, value);
		(void)fprintf(out, "%-*s  %s\n", HELP_COLUMN, left, table->help);
	}
}
