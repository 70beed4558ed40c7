#include "keys_internal.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "model/lease.h"

#define BLANKS " \t"
#define A_PROGRAM "an absolute path and arguments, split at blanks"
#define A_DURATION "a duration like 90s or 1h30m, at least 1ms"

static void set_text(char **field, const char *value)
{
	free(*field);
	*field = value ? xstrdup(value) : NULL;
}

static bool parse_path(const struct config_rule *rule, const char *value, void *field)
{
	(void)rule;
	if (value[0] != '/' || strpbrk(value, BLANKS))
		return false;
	set_text(field, value);
	return true;
}

/* Empty: not set, which is the default of the keys that are read by this. */
static bool parse_optional_word(const struct config_rule *rule, const char *value, void *field)
{
	(void)rule;
	if (strpbrk(value, BLANKS "#"))
		return false;
	set_text(field, *value ? value : NULL);
	return true;
}

static bool parse_optional_file(const struct config_rule *rule, const char *value, void *field)
{
	if (*value && (value[0] != '/' || value[strlen(value) - 1] == '/'))
		return false;
	return parse_optional_word(rule, value, field);
}

static bool parse_host(const struct config_rule *rule, const char *value, void *field)
{
	if (*value && strncmp(value, "unix:///", 8) != 0 && strncmp(value, "tcp://", 6) != 0)
		return false;
	return parse_optional_word(rule, value, field);
}

static bool parse_label(const struct config_rule *rule, const char *value, void *field)
{
	const char *equals = strchr(value, '=');

	(void)rule;
	if (!equals || equals == value || strpbrk(value, BLANKS))
		return false;
	set_text(field, value);
	return true;
}

/* A word that starts with '#' is a comment in the wrong place. */
static bool parse_words(const struct config_rule *rule, const char *value, void *field)
{
	CLEANUP(word_list_release) struct word_list words = { 0 };
	struct word_list *list = field;
	struct word_list old = *list;

	for (const char *word = value + strspn(value, BLANKS); *word;) {
		size_t length = strcspn(word, BLANKS);

		if (*word == '#')
			return false;
		word_list_append(&words, word, length);
		word += length;
		word += strspn(word, BLANKS);
	}
	if ((int64_t)words.count < rule->min)
		return false;
	*list = words;
	words = old;
	return true;
}

static bool parse_span(const struct config_rule *rule, const char *value, void *field)
{
	int64_t ms;

	if (parse_duration(value, &ms, NULL) < 0 || ms < rule->min)
		return false;
	*(int64_t *)field = ms;
	return true;
}

static bool parse_yes(const struct config_rule *rule, const char *value, void *field)
{
	(void)rule;
	return parse_bool(value, field, NULL) == 0;
}

/* What every host can be expected to keep to. */
static bool parse_term(const struct config_rule *rule, const char *value, void *field)
{
	int64_t ms;

	(void)rule;
	if (parse_duration(value, &ms, NULL) < 0 || ms < LEASE_TERM_MIN_MS ||
	    ms > LEASE_TERM_MAX_MS)
		return false;
	*(int64_t *)field = ms;
	return true;
}

static bool parse_count(const struct config_rule *rule, const char *value, void *field)
{
	return parse_number(value, rule->min, rule->max, field, NULL) == 0;
}

static bool parse_stack_name(const struct config_rule *rule, const char *value, void *field)
{
	enum stack_name_rule *stack_name = field;

	(void)rule;
	if (!strcmp(value, "{app}"))
		*stack_name = STACK_NAME_APP;
	else if (!strcmp(value, "dots-to-underscores"))
		*stack_name = STACK_NAME_DOTS_TO_UNDERSCORES;
	else if (!strcmp(value, "co-op-cloud"))
		*stack_name = STACK_NAME_CO_OP_CLOUD;
	else
		return false;
	return true;
}

/* Takes the words only when each of them is right. */
static bool parse_checked_words(const struct config_rule *rule, const char *value, void *field,
				bool (*is_right)(const char *word))
{
	CLEANUP(word_list_release) struct word_list words = { 0 };
	struct word_list *list = field, old = *list;

	if (!parse_words(rule, value, &words))
		return false;
	for (size_t i = 0; i < words.count; i++)
		if (!is_right(words.words[i]))
			return false;
	*list = words;
	words = old;
	return true;
}

static bool parse_swarm(const struct config_rule *rule, const char *value, void *field)
{
	enum swarm_use *use = field;

	(void)rule;
	if (!strcmp(value, "auto"))
		*use = SWARM_USE_AUTO;
	else if (!strcmp(value, "ignore"))
		*use = SWARM_USE_IGNORE;
	else
		return false;
	return true;
}

static bool parse_ci_log(const struct config_rule *rule, const char *value, void *field)
{
	enum ci_log *ci_log = field;

	(void)rule;
	if (!strcmp(value, "auto"))
		*ci_log = CI_LOG_AUTO;
	else if (!strcmp(value, "plain"))
		*ci_log = CI_LOG_PLAIN;
	else
		return false;
	return true;
}

/* Networks are not among them: one without a label is an external one. */
static bool is_prefix_kind(const char *word)
{
	return !strcmp(word, "secret") || !strcmp(word, "config") || !strcmp(word, "volume");
}

static bool parse_prefix_kinds(const struct config_rule *rule, const char *value, void *field)
{
	return parse_checked_words(rule, value, field, is_prefix_kind);
}

static bool parse_file_templates(const struct config_rule *rule, const char *value, void *field)
{
	return parse_checked_words(rule, value, field, config_is_file_template);
}

static bool parse_hook(const struct config_rule *rule, const char *value, void *field)
{
	return (!*value || *value == '/') && parse_words(rule, value, field);
}

static bool parse_hook_failure(const struct config_rule *rule, const char *value, void *field)
{
	enum hook_failure *failure = field;

	(void)rule;
	if (!strcmp(value, "keep"))
		*failure = HOOK_FAILURE_KEEP;
	else if (!strcmp(value, "ignore"))
		*failure = HOOK_FAILURE_IGNORE;
	else
		return false;
	return true;
}

#define FIELD(name) offsetof(struct settings, name)

const struct config_rule config_rules[] = {
	{ { "lock", "dir" }, parse_path, FIELD(lock_dir), 0, 0, "an absolute path without blanks" },
	{ { "lock", "trusted_owners" },
	  parse_words,
	  FIELD(trusted_owners),
	  0,
	  0,
	  "a list of user names or numbers" },
	{ { "lock", "group" },
	  parse_optional_word,
	  FIELD(lock_group),
	  0,
	  0,
	  "a group's name or number" },
	{ { "lock", "cluster" }, parse_yes, FIELD(cluster), 0, 0, "yes or no" },
	{ { "lock", "cluster_term" },
	  parse_term,
	  FIELD(cluster_term_ms),
	  0,
	  0,
	  "a duration from 5s to 1h" },
	{ { "engine", "host" },
	  parse_host,
	  FIELD(engine_host),
	  0,
	  0,
	  "an address like unix:///var/run/docker.sock or tcp://HOST:PORT" },
	{ { "engine", "swarm" }, parse_swarm, FIELD(swarm), 0, 0, "auto or ignore" },
	{ { "engine", "image" },
	  parse_optional_word,
	  FIELD(engine_image),
	  0,
	  0,
	  "an image's name or ID" },
	{ { "engine", "connect_timeout" },
	  parse_span,
	  FIELD(connect_timeout_ms),
	  1,
	  0,
	  A_DURATION },
	{ { "engine", "read_timeout" }, parse_span, FIELD(read_timeout_ms), 1, 0, A_DURATION },
	{ { "engine", "write_timeout" }, parse_span, FIELD(write_timeout_ms), 1, 0, A_DURATION },
	{ { "app", "labels" },
	  parse_words,
	  FIELD(app_labels),
	  1,
	  0,
	  "a list of label keys, at least one" },
	{ { "app", "protect" }, parse_words, FIELD(app_protect), 0, 0, "a list of globs" },
	{ { "app", "stack_name" },
	  parse_stack_name,
	  FIELD(stack_name),
	  0,
	  0,
	  "{app}, dots-to-underscores or co-op-cloud" },
	{ { "app", "files" },
	  parse_file_templates,
	  FIELD(app_files),
	  0,
	  0,
	  "a list of absolute paths with {app} once, in their last part, and globs only before "
	  "it" },
	{ { "app", "prefix_kinds" },
	  parse_prefix_kinds,
	  FIELD(prefix_kinds),
	  0,
	  0,
	  "a list of secret, config and volume" },
	{ { "reap", "jobs" }, parse_count, FIELD(jobs), 1, 64, "a number from 1 to 64" },
	{ { "reap", "timeout" }, parse_span, FIELD(app_timeout_ms), 1, 0, A_DURATION },
	{ { "reap", "protect_label" },
	  parse_label,
	  FIELD(protect_label),
	  0,
	  0,
	  "a label like ci-janitor.protect=true" },
	{ { "reap", "protect" }, parse_words, FIELD(protect), 0, 0, "a list of globs" },
	{ { "reap", "volume_drivers" },
	  parse_words,
	  FIELD(volume_drivers),
	  0,
	  0,
	  "a list of driver names" },
	{ { "reap", "before" }, parse_hook, FIELD(hook_before), 0, 0, A_PROGRAM },
	{ { "reap", "after" }, parse_hook, FIELD(hook_after), 0, 0, A_PROGRAM },
	{ { "reap", "hook_timeout" }, parse_span, FIELD(hook_timeout_ms), 1, 0, A_DURATION },
	{ { "reap", "hook_failure" },
	  parse_hook_failure,
	  FIELD(hook_failure),
	  0,
	  0,
	  "keep or ignore" },
	{ { "orphans", "app_pattern" },
	  parse_words,
	  FIELD(orphan_pattern),
	  0,
	  0,
	  "a list of globs" },
	{ { "orphans", "min_age" },
	  parse_span,
	  FIELD(orphan_min_age_ms),
	  0,
	  0,
	  "a duration like 90s or 1h30m" },
	{ { "run", "kill_grace" },
	  parse_span,
	  FIELD(kill_grace_ms),
	  0,
	  0,
	  "a duration like 90s or 1h30m" },
	{ { "run", "teardown_timeout" }, parse_span, FIELD(teardown_timeout_ms), 1, 0, A_DURATION },
	{ { "run", "keep_max" },
	  parse_span,
	  FIELD(keep_max_ms),
	  0,
	  0,
	  "a duration like 90s or 1h30m" },
	{ { "run", "scratch_dir" },
	  parse_path,
	  FIELD(scratch_dir),
	  0,
	  0,
	  "an absolute path without blanks" },
	{ { "run", "scratch_link" },
	  config_parse_link,
	  FIELD(scratch_links),
	  0,
	  CONFIG_REPEATED,
	  "NAME=TARGET, a name without / and an absolute path" },
	{ { "run", "scratch_env" },
	  config_parse_assignment,
	  FIELD(scratch_env),
	  0,
	  CONFIG_REPEATED,
	  "NAME=VALUE, a variable that is not ci-janitor's own" },
	{ { "report", "metrics" },
	  parse_optional_file,
	  FIELD(metrics),
	  0,
	  0,
	  "an absolute path of a file, without blanks" },
	{ { "report", "ci_log" }, parse_ci_log, FIELD(ci_log), 0, 0, "auto or plain" },
	{ { "report", "warn_age" }, parse_span, FIELD(warn_age_ms), 1, 0, A_DURATION },
};
const size_t config_rule_count = ARRAY_SIZE(config_rules);

bool config_section_is_known(const char *section, size_t length)
{
	for (size_t i = 0; i < config_rule_count; i++) {
		const char *known = config_rules[i].name.section;

		if (strlen(known) == length && !memcmp(known, section, length))
			return true;
	}
	return false;
}

const struct config_rule *config_rule_find(const char *section, const char *key)
{
	for (size_t i = 0; i < config_rule_count; i++)
		if (!strcmp(config_rules[i].name.section, section) &&
		    !strcmp(config_rules[i].name.key, key))
			return &config_rules[i];
	return NULL;
}

const struct config_key *config_key_at(unsigned index)
{
	return index < config_rule_count ? &config_rules[index].name : NULL;
}
