/* The table of keys, and how a value of each is read. */
#ifndef CONFIG_KEYS_INTERNAL_H
#define CONFIG_KEYS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define CONFIG_REPEATED (-1)

struct config_rule {
	struct config_key name;
	/* Reads a value into the settings' field; false leaves the field as it was. */
	bool (*parse)(const struct config_rule *rule, const char *value, void *field);
	size_t offset;	   /* of the field */
	int64_t min;	   /* numbers: the range; durations: milliseconds; lists: words */
	int64_t max;	   /* numbers; CONFIG_REPEATED: a list, to which each line adds a word */
	const char *right; /* what would be right: ends `"VALUE" is not ...` */
};

/* An absolute path, globs in its directories, and {app} once, in its last part. */
bool config_is_file_template(const char *word);

/* keys_repeated.c: a link, and a variable, of a scratch directory. */
bool config_parse_link(const struct config_rule *rule, const char *value, void *field);
bool config_parse_assignment(const struct config_rule *rule, const char *value, void *field);

extern const struct config_rule config_rules[];
extern const size_t config_rule_count;

bool config_section_is_known(const char *section, size_t length);
/* NULL: there is no such key. */
const struct config_rule *config_rule_find(const char *section, const char *key);

#endif
