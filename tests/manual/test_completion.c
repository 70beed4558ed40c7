/* What bash, zsh and fish offer, against the command table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "commands/command.h"
#include "harness/command.h"
#include "harness/harness.h"

#define SCRIPTS SOURCE_DIR "/packaging/completions"
#define HELPERS SOURCE_DIR "/tests/manual"
#define SORTED " | LC_ALL=C sort -u"

/* How to ask for what is offered at the end of the words, one candidate on a line. */
static const struct {
	const char *name;
	const char *format; /* of the words */
} shells[] = {
	{ "bash", "bash " HELPERS "/complete.bash %s" SORTED },
	{ "zsh", "zsh -f " HELPERS "/complete.zsh '%s'" SORTED },
	{ "fish",
	  "fish -N -c \"source " SCRIPTS "/ci-janitor.fish; complete -C '%s'\" | cut -f 1" SORTED },
};
#define SHELL_COUNT (sizeof(shells) / sizeof(shells[0]))

#define WORDS_MAX 200

struct words {
	const char *items[WORDS_MAX];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add(struct words *words, const char *prefix, const char *word)
{
	static char storage[64 * 1024];
	static size_t used;
	int length = snprintf(storage + used, sizeof(storage) - used, "%s%s", prefix, word);

	if (words->count == WORDS_MAX || (size_t)length + 1 >= sizeof(storage) - used)
		abort();
	words->items[words->count++] = storage + used;
	used += (size_t)length + 1;
}

static void check(size_t shell, const char *line, struct words *expected)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char command[2048], text[8192] = "", what[512];

	qsort(expected->items, expected->count, sizeof(expected->items[0]), compare);
	for (size_t i = 0; i < expected->count; i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "%s\n", expected->items[i]);
	}
	/* bash is given the words; an empty one at the end stands for itself. */
	if (shell == 0)
		snprintf(what, sizeof(what), "%s%s", line,
			 line[strlen(line) - 1] == ' ' ? "''" : "");
	else
		snprintf(what, sizeof(what), "%s", line);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), shells[shell].format, what);
#pragma GCC diagnostic pop
	run_command(&result, "%s", command);
	snprintf(what, sizeof(what), "%s at \"%s\"", shells[shell].name, line);
	check_text(result.output, text, what, __FILE__, __LINE__);
	CHECK_TEXT(result.errors, "");
}

static void add_options(struct words *words, const struct option_spec *table)
{
	for (; table->name; table++)
		add(words, "--", table->name);
}

static const struct command *visible_command(size_t *index)
{
	const struct command *command = command_at((*index)++);

	while (command && command->hidden)
		command = command_at((*index)++);
	return command;
}

static void commands(void)
{
	for (size_t shell = 0; shell < SHELL_COUNT; shell++) {
		struct words expected = { .count = 0 };
		const struct command *command;
		size_t index = 0;

		while ((command = visible_command(&index)))
			add(&expected, "", command->name);
		check(shell, "ci-janitor ", &expected);
		check(shell, "ci-janitor --quiet --lock-dir /tmp ", &expected);
	}
}

static void options(void)
{
	for (size_t shell = 0; shell < SHELL_COUNT; shell++) {
		const struct command *command;
		size_t index = 0;

		while ((command = visible_command(&index))) {
			struct words expected = { .count = 0 };
			char line[128];

			add_options(&expected, command->options);
			add_options(&expected, global_option_table);
			snprintf(line, sizeof(line), "ci-janitor %s --", command->name);
			check(shell, line, &expected);
		}
	}
}

static void check_choices(size_t shell, const char *before, const struct option_spec *table)
{
	for (; table->name; table++) {
		struct words expected = { .count = 0 };
		char line[128];

		if (table->type != OPTION_CHOICE)
			continue;
		for (size_t i = 0; table->choices[i]; i++)
			add(&expected, "", table->choices[i]);
		snprintf(line, sizeof(line), "ci-janitor %s --%s ", before, table->name);
		check(shell, line, &expected);
	}
}

static void choices(void)
{
	for (size_t shell = 0; shell < SHELL_COUNT; shell++) {
		const struct command *command;
		size_t index = 0;

		check_choices(shell, "", global_option_table);
		while ((command = visible_command(&index)))
			check_choices(shell, command->name, command->options);
	}
}

static void make_lockfile(const char *app)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(
		run_command(&result, "ci-janitor run --no-fresh --no-teardown %s -- true", app), 0);
}

/* `list` also knows whoever holds a deleted lockfile next to this one: other tests' runs. A name
 * that they don't have. */
static void live_names(void)
{
	make_lockfile("my-completed-app");
	make_lockfile("blog");
	for (size_t shell = 0; shell < SHELL_COUNT; shell++) {
		const struct command *command;
		size_t index = 0;

		while ((command = visible_command(&index))) {
			struct words expected = { .count = 0 };
			char line[128];

			if (strncmp(command->operands + (command->operands[0] == '['), "APP", 3) !=
			    0)
				continue;
			add(&expected, "", "my-completed-app");
			snprintf(line, sizeof(line), "ci-janitor %s my", command->name);
			check(shell, line, &expected);
		}
	}
}

static int set_up(void)
{
	const char *path = getenv("PATH");
	const char *home = temp_dir(), *locks = temp_dir();
	char text[4096];

	snprintf(text, sizeof(text), "%s:%s", BUILD_DIR, path ? path : "/bin");
	setenv("PATH", text, 1);
	snprintf(text, sizeof(text), "%s/none.conf", home);
	fclose(fopen(text, "we"));
	setenv("CI_JANITOR_CONFIG", text, 1);
	setenv("CI_JANITOR_LOCK_DIR", locks, 1);
	setenv("TEST_COMPLETIONS", SCRIPTS, 1);
	/* fish keeps what it has learned in there. */
	setenv("HOME", home, 1);
	setenv("XDG_CONFIG_HOME", home, 1);
	setenv("XDG_DATA_HOME", home, 1);
	setenv("TERM", "dumb", 1);
	return 0;
}

static const struct test tests[] = {
	{ "commands", commands },
	{ "options", options },
	{ "what an option may be", choices },
	{ "live names of apps", live_names },
	{ NULL, NULL },
};
TEST_SUITE_WITH(completion, tests, set_up, NULL)
