/* doctor --active-runs: locks that are held for runs which the CI server has forgotten, and runs of
 * the CI server that hold nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "doctor_internal.h"

#define CHECK "active-runs"
#define BLANKS " \t\r\n"

struct runs {
	char **words; /* owned; sorted once they are complete */
	bool *used;
	size_t count;
	size_t capacity;
};

static void runs_release(struct runs *runs)
{
	for (size_t i = 0; i < runs->count; i++)
		free(runs->words[i]);
	free(runs->words);
	free(runs->used);
}

static void close_stream(FILE **stream)
{
	if (*stream && *stream != stdin)
		(void)fclose(*stream);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A word a line; empty lines and those that begin with '#' don't count. */
static int read_runs(const char *path, struct runs *runs, struct error *err)
{
	CLEANUP(close_stream) FILE *stream = strcmp(path, "-") ? fopen(path, "re") : stdin;
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;

	if (!stream)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open %s", path);
	errno = 0;
	while (getline(&line, &size, stream) >= 0) {
		char *word = line + strspn(line, BLANKS);
		size_t length = strlen(word);

		while (length && strchr(BLANKS, word[length - 1]))
			length--;
		if (!length || *word == '#')
			continue;
		runs->words =
			xgrow(runs->words, &runs->capacity, runs->count + 1, sizeof(*runs->words));
		runs->words[runs->count++] = xstrndup(word, length);
	}
	if (ferror(stream))
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to read %s", path);
	if (runs->count)
		qsort(runs->words, runs->count, sizeof(*runs->words), compare);
	runs->used = xcalloc(runs->count + 1, sizeof(*runs->used));
	return 0;
}

/* Marks the words that are the text; a server may name a run twice. */
static bool use(struct runs *runs, const char *text)
{
	char **found = NULL;
	size_t i;

	if (text[0] && runs->count)
		found = bsearch(&text, runs->words, runs->count, sizeof(*runs->words), compare);
	if (!found)
		return false;
	for (i = (size_t)(found - runs->words); i > 0 && !strcmp(runs->words[i - 1], text); i--)
		continue;
	for (; i < runs->count && !strcmp(runs->words[i], text); i++)
		runs->used[i] = true;
	return true;
}

static void check_lock(struct runs *runs, const struct lock_view *view,
		       struct finding_list *findings)
{
	const struct record *record = &view->record;
	bool by_app = use(runs, record->app);
	bool by_holder = use(runs, record->holder);
	bool by_run = use(runs, record->run_id);

	if (by_app || by_holder || by_run)
		return;
	finding_add(findings, FINDING_PROBLEM, CHECK,
		    "its job is over for the CI server: see what keeps it, then `ci-janitor reap "
		    "--force APP`",
		    "%s is held by %s (pid %d), which is not among the active runs",
		    record->app[0] ? record->app : view->hash.hex,
		    record->holder[0] ? record->holder : "an unnamed holder", (int)view->pid);
}

void doctor_check_active_runs(const char *path, const struct lock_view *views, size_t count,
			      struct finding_list *findings)
{
	CLEANUP(runs_release) struct runs runs = { 0 };
	struct error err = { .kind = ERROR_NONE };

	if (read_runs(path, &runs, &err) < 0) {
		finding_add(findings, FINDING_PROBLEM, CHECK, NULL, "%s", err.message);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (views[i].state == LOCK_VIEW_HELD)
			check_lock(&runs, &views[i], findings);
	for (size_t i = 0; i < runs.count; i++)
		if (!runs.used[i])
			finding_add(findings, FINDING_WARNING, CHECK,
				    "it doesn't run under ci-janitor, or has not begun, or on "
				    "another machine",
				    "the active run %s holds no lock here", runs.words[i]);
	finding_add(findings, FINDING_OK, CHECK, NULL, "%zu active runs compared", runs.count);
}
