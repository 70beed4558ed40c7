#include <string.h>

#include "keys_internal.h"
#include "model/settings.h"

#define BLANKS " \t"

/* Keys that may be repeated: each adds one word, and an empty value none. */
static bool add_word(const char *value, void *field)
{
	if (*value)
		word_list_append(field, value, strlen(value));
	return true;
}

bool config_parse_link(const struct config_rule *rule, const char *value, void *field)
{
	size_t length = strcspn(value, "=/");

	(void)rule;
	if (*value && (value[length] != '=' || value[length + 1] != '/' || value[0] == '.' ||
		       length == 0 || strpbrk(value, BLANKS)))
		return false;
	return add_word(value, field);
}

/* The variables that fencing and scripts go by are not to be had. */
bool config_parse_assignment(const struct config_rule *rule, const char *value, void *field)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	size_t length = strcspn(value, "=");

	(void)rule;
	if (*value &&
	    (value[length] != '=' || !strspn(value, letters) ||
	     strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789") !=
		     length ||
	     !strncmp(value, "CI_JANITOR_", 11) || !strncmp(value, "CI_APP", 6)))
		return false;
	return add_word(value, field);
}
