/*
 * CI systems that understand more than lines. Sources: "Workflow commands for GitHub Actions" in
 * GitHub's documentation (Gitea and Forgejo follow it and set the same variable), "Custom
 * collapsible sections" in GitLab's.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "log_internal.h"

#define SECTION "ci_janitor"

static bool is_true(const char *variable)
{
	const char *value = getenv(variable);

	return value && !strcmp(value, "true");
}

/* Whoever sends the output of a CI's step to a file wants lines in it. */
enum log_reader log_reader_find(void)
{
	struct stat status;

	if (log_stream_is_journal(STDERR_FILENO))
		return LOG_READER_JOURNAL;
	if (fstat(STDERR_FILENO, &status) < 0 || S_ISREG(status.st_mode))
		return LOG_READER_PEOPLE;
	if (is_true("GITHUB_ACTIONS"))
		return LOG_READER_GITHUB;
	return is_true("GITLAB_CI") ? LOG_READER_GITLAB : LOG_READER_PEOPLE;
}

/* In a workflow command's text '%' begins an escape. Line ends were escaped before. */
static void append_command_text(struct text *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '%')
			text_append(out, "%25");
		else
			text_append_bytes(out, text, 1);
	}
}

void log_reader_annotate(const struct log_entry *entry, struct text *out)
{
	text_appendf(out, "::%s title=ci-janitor::",
		     entry->level == LOG_LEVEL_ERROR ? "error" : "warning");
	append_command_text(out, entry->message);
}

void log_reader_open_group(enum log_reader reader, const char *title, struct text *out)
{
	if (reader == LOG_READER_GITHUB) {
		text_append(out, "::group::");
		append_command_text(out, title);
		text_append(out, "\n");
	} else if (reader == LOG_READER_GITLAB) {
		text_appendf(out, "\033[0Ksection_start:%lld:" SECTION "\r\033[0K",
			     (long long)clock_wall_seconds());
		text_append(out, title);
		text_append(out, "\n");
	}
}

void log_reader_close_group(enum log_reader reader, struct text *out)
{
	if (reader == LOG_READER_GITHUB)
		text_append(out, "::endgroup::\n");
	else if (reader == LOG_READER_GITLAB)
		text_appendf(out, "\033[0Ksection_end:%lld:" SECTION "\r\033[0K\n",
			     (long long)clock_wall_seconds());
}
