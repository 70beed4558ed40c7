/* doctor: what is odd about the locks, by looks that take none. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "doctor_internal.h"
#include "kernel/proc_locks.h"
#include "kernel/process.h"
#include "lock/deleted_lock.h"
#include "lock/lock_look.h"

#define CHECK "locks"

struct looks {
	const struct lock_dir *dir;
	struct proc_lock_list locks;
	bool have_locks;
	struct lock_view *views;
	size_t count;
	size_t capacity;
};

static int look(const struct app_hash *hash, void *data)
{
	struct looks *looks = data;

	looks->views =
		xgrow(looks->views, &looks->capacity, looks->count + 1, sizeof(*looks->views));
	lock_look(looks->dir, hash, looks->have_locks ? &looks->locks : NULL,
		  &looks->views[looks->count]);
	/* It may have been removed meanwhile. */
	looks->count += looks->views[looks->count].state != LOCK_VIEW_FREE;
	return 0;
}

static void looks_release(struct looks *looks)
{
	proc_locks_release(&looks->locks);
	free(looks->views);
}

static const char *name_of(const struct lock_view *view)
{
	return view->record.known && view->record.app[0] ? view->record.app : view->hash.hex;
}

static void check_age(const struct lock_view *view, int64_t warn_age_ms,
		      struct finding_list *findings)
{
	int64_t age_ms = (clock_wall_seconds() - view->record.since) * 1000;
	char age[32];

	if (!view->record.known || view->record.since <= 0 || age_ms <= warn_age_ms)
		return;
	finding_add(findings, FINDING_WARNING, CHECK,
		    "see whether that job still does anything; `ci-janitor reap --force APP` ends "
		    "it",
		    "%s has been held for %s by %s (pid %d)", name_of(view),
		    format_duration(age_ms, age, sizeof(age)),
		    view->record.holder[0] ? view->record.holder : "an unnamed holder",
		    (int)view->pid);
}

/* Does one of the process's numbers, in its own PID namespaces, match? The record states the
 * holder's own view of it. */
static bool is_process(pid_t pid, pid_t stated)
{
	char path[32], text[4096], *line, *end;

	if (pid == stated)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return true; /* it can't be known */
	line = strstr(text, "\nNSpid:");
	if (!line)
		return true;
	line += strlen("\nNSpid:");
	end = line + strcspn(line, "\n");
	while (line < end) {
		if (strtol(line, &line, 10) == stated)
			return true;
		line += strspn(line, "\t ");
	}
	return false;
}

static void check_holder(const struct lock_view *view, const char *boot_id,
			 struct finding_list *findings)
{
	const struct record *record = &view->record;

	if (!record->known || record->pid <= 0 || view->pid <= 0 ||
	    strcmp(record->boot_id, boot_id) != 0 || is_process(view->pid, record->pid))
		return;
	finding_add(findings, FINDING_WARNING, CHECK,
		    "a process that inherited the lock keeps the app alive: end it, and the next "
		    "sweep reaps the app",
		    "the lock of %s is held by pid %d, which isn't its recorded holder (pid %d)",
		    name_of(view), (int)view->pid, (int)record->pid);
}

static void check_view(const struct context *context, const struct lock_view *view,
		       const char *boot_id, struct finding_list *findings)
{
	char name[APP_LOCKFILE_NAME_SIZE];

	if (view->state == LOCK_VIEW_UNKNOWN)
		finding_add(findings, FINDING_PROBLEM, CHECK,
			    "look who put it there, and remove it by hand when it is nobody's",
			    "%s: %s", app_lockfile_name(&view->hash, name), view->error.message);
	if (view->stated_app[0])
		finding_add(findings, FINDING_WARNING, CHECK,
			    "a sweep goes by the file's name and reaps nothing of that app",
			    "%s: its record names %s, which is another lockfile's app",
			    app_lockfile_name(&view->hash, name), view->stated_app);
	if (view->state != LOCK_VIEW_HELD)
		return;
	check_age(view, context->settings.warn_age_ms, findings);
	check_holder(view, boot_id, findings);
}

static void check_deleted(const struct lock_dir *dir, struct finding_list *findings)
{
	CLEANUP(deleted_locks_release) struct deleted_lock_list list = { 0 };
	struct error err = { .kind = ERROR_NONE };

	if (deleted_locks_find(dir, NULL, &list, &err) < 0) {
		finding_add(findings, FINDING_WARNING, CHECK, NULL,
			    "it can't be known whether live lockfiles were removed: %s",
			    err.message);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct deleted_lock *lock = &list.items[i];

		finding_add(findings, FINDING_PROBLEM, CHECK,
			    "find out who removes lockfiles, and end that run: a second one of the "
			    "app would not wait for it",
			    "the lockfile of %s was removed while pid %d holds it",
			    lock->record.known && lock->record.app[0] ? lock->record.app
								      : lock->hash.hex,
			    (int)lock->pid);
	}
	if (list.unknown)
		finding_add(findings, FINDING_WARNING, CHECK, "run doctor as root, on the host",
			    "%zu held locks can't be assigned to a lockfile: %s", list.unknown,
			    list.unknown_error.message);
}

static void count_states(const struct looks *looks, struct finding_list *findings)
{
	size_t counts[LOCK_VIEW_UNKNOWN + 1] = { 0 };

	for (size_t i = 0; i < looks->count; i++)
		counts[looks->views[i].state]++;
	finding_add(findings, FINDING_OK, CHECK, NULL,
		    "%zu held, %zu dead (for the next sweep), %zu kept, %zu being reaped, %zu "
		    "unknown",
		    counts[LOCK_VIEW_HELD], counts[LOCK_VIEW_DEAD], counts[LOCK_VIEW_KEPT],
		    counts[LOCK_VIEW_REAPING], counts[LOCK_VIEW_UNKNOWN]);
}

void doctor_check_locks(const struct context *context, const struct lock_dir *dir,
			const char *active_runs, struct finding_list *findings)
{
	CLEANUP(looks_release) struct looks looks = { .dir = dir };
	struct error err = { .kind = ERROR_NONE };
	char boot_id[BOOT_ID_SIZE] = "";

	looks.have_locks = proc_locks_read_twice(&looks.locks, &err) == 0;
	if (!looks.have_locks)
		finding_add(findings, FINDING_WARNING, CHECK, "mount /proc",
			    "locks of other programs are not seen: %s", err.message);
	if (lock_dir_each(dir, look, &looks, &err) < 0) {
		finding_add(findings, FINDING_PROBLEM, CHECK, NULL, "%s", err.message);
		return;
	}
	(void)process_boot_id(boot_id);
	count_states(&looks, findings);
	for (size_t i = 0; i < looks.count; i++)
		check_view(context, &looks.views[i], boot_id, findings);
	check_deleted(dir, findings);
	if (active_runs)
		doctor_check_active_runs(active_runs, looks.views, looks.count, findings);
}
