/* Locks as a table, and one lock as a word, for people. */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/parse.h"
#include "report_internal.h"

#define DOUBT                                                                                      \
	"as seen from this PID namespace: what is dead here may be held by a program outside of "  \
	"it that is no ci-janitor\n"

enum column { APP, STATE, HOLDER, PID, PHASE, SINCE, AGE, COLUMN_COUNT };

static const char *const headings[COLUMN_COUNT] = { "APP",   "STATE", "HOLDER", "PID",
						    "PHASE", "SINCE", "AGE" };

struct row {
	struct text cells[COLUMN_COUNT];
};

/* Terminal columns: the cells are escaped, so what is not a UTF-8 continuation byte is one. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void append_label(struct text *out, const struct lock_view *view)
{
	if (view->record.known && view->record.app[0])
		text_append_escaped(out, view->record.app);
	else
		text_appendf(out, "#%.8s\u2026", view->hash.hex);
}

/* The kernel's word for it is better than the record's. */
static pid_t pid_of(const struct lock_view *view)
{
	if (view->pid > 0)
		return view->pid;
	return view->run_ended || view->elsewhere ? 0 : view->record.pid;
}

/* An age in full is noise: of days the hours are told, of hours the minutes. */
static void append_age(struct text *out, int64_t since)
{
	int64_t seconds = clock_wall_seconds() - since;
	char buffer[32];

	if (seconds < 0)
		seconds = 0;
	if (seconds >= 86400)
		seconds -= seconds % 3600;
	else if (seconds >= 3600)
		seconds -= seconds % 60;
	text_append(out, format_duration(seconds * 1000, buffer, sizeof(buffer)));
}

static void append_since(struct text *out, int64_t since)
{
	char buffer[32];

	text_append(out, clock_format(since, buffer, sizeof(buffer)));
}

static void fill_row(struct row *row, const struct lock_view *view)
{
	const struct record *record = &view->record;

	append_label(&row->cells[APP], view);
	text_append(&row->cells[STATE], lock_view_state_name(view->state));
	if (view->state == LOCK_VIEW_KEPT) {
		text_append(&row->cells[STATE], " until ");
		append_since(&row->cells[STATE], view->kept_until);
	}
	text_append_escaped(&row->cells[HOLDER], record->holder);
	if (pid_of(view) > 0)
		text_appendf(&row->cells[PID], "%d", (int)pid_of(view));
	if (record->phase != RUN_PHASE_UNKNOWN)
		text_append(&row->cells[PHASE], run_phase_name(record->phase));
	if (record->since > 0) {
		append_since(&row->cells[SINCE], record->since);
		append_age(&row->cells[AGE], record->since);
	}
	for (int column = 0; column < COLUMN_COUNT; column++)
		if (!row->cells[column].length)
			text_append(&row->cells[column], "-");
}

static void append_row(struct text *out, const struct row *row, const size_t *widths)
{
	for (int column = 0; column < COLUMN_COUNT; column++) {
		const char *cell = text_get(&row->cells[column]);
		size_t padding = widths[column] - width_of(cell) + 2;

		text_append(out, cell);
		if (column < COLUMN_COUNT - 1)
			text_appendf(out, "%*s", (int)padding, "");
	}
	text_append(out, "\n");
}

static void append_table(struct text *out, const struct row *rows, size_t count)
{
	size_t widths[COLUMN_COUNT] = { 0 };

	for (size_t i = 0; i < count; i++)
		for (int column = 0; column < COLUMN_COUNT; column++) {
			size_t width = width_of(text_get(&rows[i].cells[column]));

			if (width > widths[column])
				widths[column] = width;
		}
	for (size_t i = 0; i < count; i++)
		append_row(out, &rows[i], widths);
}

static void append_pids(struct text *out, const struct lock_view *view)
{
	size_t shown = view->holder_count < LOCK_VIEW_HOLDERS_MAX ? view->holder_count
								  : LOCK_VIEW_HOLDERS_MAX;

	text_appendf(out, "pid%s", view->holder_count > 1 ? "s" : "");
	for (size_t i = 0; i < shown; i++)
		text_appendf(out, " %d", (int)view->holders[i]);
	if (!view->holder_count)
		text_appendf(out, " %d", (int)view->pid);
	if (view->holder_count > shown)
		text_appendf(out, " and %zu more", view->holder_count - shown);
}

static void append_lease(struct text *out, const struct lease *lease)
{
	char term[32];

	if (lease->state == LEASE_UNREADABLE) {
		text_append(out, "it has a lease that can't be read, and is left alone");
		return;
	}
	text_append(out, lease->state == LEASE_HELD ? "a run on host " : "a janitor on host ");
	text_append_escaped(out, lease->by.host);
	text_appendf(out, " has its lease, with a term of %s",
		     format_duration(lease->by.term_ms, term, sizeof(term)));
}

/* What a row has no column for; false: nothing. */
static bool append_note(struct text *out, const struct lock_view *view)
{
	if (view->state == LOCK_VIEW_UNKNOWN) {
		text_append_escaped(out, view->error.message);
	} else if (view->state == LOCK_VIEW_LEASED) {
		append_lease(out, &view->lease);
	} else if (view->deleted) {
		text_append(out, "somebody has deleted the lockfile; the lock is still held, by ");
		append_pids(out, view);
	} else if (view->elsewhere) {
		text_append(out, "held by a process of another PID namespace");
	} else if (view->run_ended) {
		text_append(out, "the run that the record names has ended; the lock is still held");
		if (view->holder_count || view->pid > 0) {
			text_append(out, ", by ");
			append_pids(out, view);
		}
	} else if (view->holder_count > 1) {
		text_append(out, "the lock is shared by ");
		append_pids(out, view);
	} else {
		return false;
	}
	return true;
}

static void append_notes(struct text *out, const struct lock_view *views, size_t count)
{
	bool doubtful = false;

	for (size_t i = 0; i < count; i++) {
		CLEANUP_TEXT struct text note = { 0 };

		doubtful |= views[i].doubtful;
		if (!append_note(&note, &views[i]))
			continue;
		append_label(out, &views[i]);
		text_append(out, ": ");
		text_append(out, text_get(&note));
		text_append(out, "\n");
	}
	if (doubtful)
		text_append(out, DOUBT);
}

static void append_resources(struct text *out, const struct lock_view *views, size_t count)
{
	char buffer[APP_HASH_LENGTH + 2];

	for (size_t i = 0; i < count; i++) {
		const struct app_result *resources = views[i].resources;

		if (resources)
			text_resources(app_result_label(resources, buffer, sizeof(buffer)),
				       resources, out);
	}
}

void text_list(const char *lock_dir, const struct lock_view *views, size_t count, struct text *out)
{
	CLEANUP_FREE struct row *rows = xcalloc(count + 1, sizeof(*rows));

	if (!count) {
		text_append(out, "no locks in ");
		text_append_escaped(out, lock_dir);
		text_append(out, "\n");
		return;
	}
	for (int column = 0; column < COLUMN_COUNT; column++)
		text_append(&rows[0].cells[column], headings[column]);
	for (size_t i = 0; i < count; i++)
		fill_row(&rows[i + 1], &views[i]);
	append_table(out, rows, count + 1);
	append_notes(out, views, count);
	append_resources(out, views, count);
	for (size_t i = 0; i <= count; i++)
		for (int column = 0; column < COLUMN_COUNT; column++)
			text_release(&rows[i].cells[column]);
}

/* "held HOLDER (pid 42, running, since 2026-01-31T12:00:00Z)", and a line with what is unusual. */
void text_status(const struct lock_view *view, struct text *out)
{
	const struct record *record = &view->record;
	const char *separator = " (";
	CLEANUP_TEXT struct text note = { 0 };

	text_append(out, lock_view_state_name(view->state));
	if (view->state == LOCK_VIEW_UNKNOWN) {
		text_append(out, ": ");
		text_append_escaped(out, view->error.message);
	}
	if (record->holder[0]) {
		text_append(out, " ");
		text_append_escaped(out, record->holder);
	}
	if (pid_of(view) > 0) {
		text_appendf(out, "%spid %d", separator, (int)pid_of(view));
		separator = ", ";
	}
	if (record->phase != RUN_PHASE_UNKNOWN) {
		text_appendf(out, "%s%s", separator, run_phase_name(record->phase));
		separator = ", ";
	}
	if (view->state == LOCK_VIEW_KEPT) {
		text_appendf(out, "%suntil ", separator);
		append_since(out, view->kept_until);
		separator = ", ";
	}
	if (record->since > 0) {
		text_appendf(out, "%ssince ", separator);
		append_since(out, record->since);
		separator = ", ";
	}
	text_append(out, *separator == ',' ? ")\n" : "\n");
	if (view->state != LOCK_VIEW_UNKNOWN && append_note(&note, view)) {
		text_append(out, text_get(&note));
		text_append(out, "\n");
	}
	if (view->doubtful)
		text_append(out, DOUBT);
}
