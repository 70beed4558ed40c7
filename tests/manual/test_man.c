/* The manual pages against the command table, the table of keys and the sample configuration; and
 * mandoc's opinion of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "config/config.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "model/event.h"

#define PAGES SOURCE_DIR "/packaging/man"

static char *read_text(const char *path)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *text;

	CHECK_NUMBER(run_command(&result, "cat '%s'", path), 0);
	text = result.output;
	result.output = NULL;
	return text;
}

/* What stands under the heading, to the next one of its kind or a higher one. Owned by the caller.
 */
static char *part_of(const char *page, const char *heading)
{
	char line[128];
	const char *begin, *end, *other;

	snprintf(line, sizeof(line), "\n%s\n", heading);
	begin = strstr(page, line);
	if (!begin)
		return strdup("");
	begin += strlen(line) - 1;
	end = strstr(begin, "\n.Sh ");
	other = strncmp(heading, ".Ss", 3) ? NULL : strstr(begin, "\n.Ss ");
	if (!end || (other && other < end))
		end = other;
	return end ? strndup(begin, (size_t)(end - begin) + 1) : strdup(begin);
}

static bool has_line(const char *text, const char *line)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	return strstr(text, whole);
}

static size_t count_lines(const char *text, const char *begin)
{
	char whole[64];
	size_t count = 0;

	snprintf(whole, sizeof(whole), "\n%s", begin);
	for (const char *at = text; (at = strstr(at, whole)); at++)
		count++;
	return count;
}

static void format_option(const struct option_spec *option, char *line, size_t size)
{
	size_t length = (size_t)snprintf(line, size, ".It Fl ");

	if (option->letter)
		length +=
			(size_t)snprintf(line + length, size - length, "%c , Fl ", option->letter);
	length += (size_t)snprintf(line + length, size - length, "-%s", option->name);
	if (option->type != OPTION_CHOICE && option->value)
		snprintf(line + length, size - length, " Ar %s", option->value);
	for (size_t i = 0; option->type == OPTION_CHOICE && option->choices[i]; i++)
		length += (size_t)snprintf(line + length, size - length, "%s%s", i ? " | " : " Cm ",
					   option->choices[i]);
}

static void check_options(const char *where, const char *part, const struct option_spec *table)
{
	size_t count = 0;

	for (; table->name; table++, count++) {
		char line[160];

		format_option(table, line, sizeof(line));
		if (!has_line(part, line)) {
			fprintf(stderr, "\nci-janitor.1, %s: no line \"%s\"\n", where, line);
			CU_FAIL("an option is not in the manual");
		}
	}
	/* None that is no more. */
	check_number((long long)count_lines(part, ".It Fl "), (long long)count, where, __FILE__,
		     __LINE__);
}

static void commands_and_options(void)
{
	char *page = read_text(PAGES "/ci-janitor.1"), *part;
	char *commands = part_of(page, ".Sh COMMANDS");
	const struct command *command;
	size_t visible = 0;

	part = part_of(page, ".Sh GLOBAL OPTIONS");
	check_options("global options", part, global_option_table);
	free(part);
	for (size_t i = 0; (command = command_at(i)); i++) {
		char heading[64];

		if (command->hidden)
			continue;
		visible++;
		snprintf(heading, sizeof(heading), ".Ss %s", command->name);
		part = part_of(page, heading);
		check_options(command->name, part, command->options);
		snprintf(heading, sizeof(heading), ".Cm %s", command->name);
		CU_ASSERT(has_line(part, heading));
		free(part);
	}
	CHECK_NUMBER(count_lines(commands, ".Ss "), visible);
	free(commands);
	free(page);
}

/* "#KEY = VALUE" of the sample under its section is ".It Cm KEY No = VALUE" in the manual. */
static void keys_and_defaults(void)
{
	char *page = read_text(PAGES "/ci-janitor.conf.5");
	char *sample = read_text(SOURCE_DIR "/conf/ci-janitor.conf");
	const struct config_key *key;
	unsigned count = 0;

	for (; (key = config_key_at(count)); count++) {
		char heading[64], begin[64], line[256];
		const char *section, *found;
		char *part;

		snprintf(heading, sizeof(heading), "\n[%s]\n", key->section);
		section = strstr(sample, heading);
		snprintf(begin, sizeof(begin), "\n#%s =", key->key);
		found = section ? strstr(section, begin) : NULL;
		CU_ASSERT_FATAL(found != NULL);
		found += strlen(begin);
		snprintf(line, sizeof(line), ".It Cm %s No =%.*s", key->key,
			 (int)strcspn(found, "\n"), found);
		snprintf(heading, sizeof(heading), ".Ss Section %s", key->section);
		part = part_of(page, heading);
		if (!has_line(part, line)) {
			fprintf(stderr, "\nci-janitor.conf.5, [%s]: no line \"%s\"\n", key->section,
				line);
			CU_FAIL("a key is not in the manual");
		}
		free(part);
	}
	CHECK_NUMBER(count_lines(page, ".It Cm "), count);
	free(sample);
	free(page);
}

/* Each event is ".It Li NAME MESSAGE_ID". */
static void events_and_their_ids(void)
{
	char *page = read_text(PAGES "/ci-janitor.1"), *part = part_of(page, ".Sh JOURNAL");

	for (int i = 0; i < EVENT_COUNT; i++) {
		const struct log_event *event = event_of((enum event)i);
		char line[160];

		CHECK_NUMBER(strlen(event->message_id), 32);
		CHECK_NUMBER(strspn(event->message_id, "0123456789abcdef"), 32);
		for (int k = 0; k < i; k++)
			CU_ASSERT(strcmp(event->message_id, event_of((enum event)k)->message_id));
		snprintf(line, sizeof(line), ".It Li %s %s", event->name, event->message_id);
		if (!has_line(part, line))
			fprintf(stderr, "\nci-janitor.1, JOURNAL: no line \"%s\"\n", line);
		CU_ASSERT(has_line(part, line));
	}
	CHECK_NUMBER(count_lines(part, ".It Li "), EVENT_COUNT);
	free(part);
	free(page);
}

/* Which other manuals there are is the machine's matter. */
static void lint(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "mandoc -Tlint -Wstyle " PAGES "/* 2>&1 | grep -v -e 'referenced manual "
		    "not found' -e 'outdated mandoc.db'");
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(run_command(&result, "mandoc -Tutf8 " PAGES "/* | grep -c -w ci-janitor"), 0);
	CU_ASSERT(atoi(result.output) > 10);
}

static const struct test tests[] = {
	{ "ci-janitor(1): commands and options", commands_and_options },
	{ "ci-janitor.conf(5): keys and defaults", keys_and_defaults },
	{ "ci-janitor(1): events and their ids", events_and_their_ids },
	{ "mandoc finds nothing", lint },
	{ NULL, NULL },
};
TEST_SUITE(man, tests)
