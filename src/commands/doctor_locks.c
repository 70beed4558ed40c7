/* doctor: what is odd about the locks, by looks that take none. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "doctor_internal.h"

#define CHECK "locks"

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

/* The lock outlived its run: processes that inherited it have it now. */
static void check_holder(const struct lock_view *view, struct finding_list *findings)
{
	if (!view->run_ended)
		return;
	finding_add(findings, FINDING_WARNING, CHECK,
		    "the lock keeps the app alive: end that process, and the next sweep reaps the "
		    "app",
		    "the lock of %s is held by pid %d, but its recorded holder (pid %d) is gone",
		    name_of(view), (int)view->pid, (int)view->record.pid);
}

static void check_deleted(const struct lock_view *view, struct finding_list *findings)
{
	if (!view->deleted)
		return;
	finding_add(findings, FINDING_PROBLEM, CHECK,
		    "find out who removes lockfiles, and end that run: another one of the app "
		    "doesn't wait for it",
		    "the lockfile of %s was removed while pid %d holds it", name_of(view),
		    (int)view->pid);
}

static void check_view(const struct context *context, const struct lock_view *view,
		       struct finding_list *findings)
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
	check_holder(view, findings);
	check_deleted(view, findings);
}

static void count_states(const struct lock_view_list *list, struct finding_list *findings)
{
	size_t counts[LOCK_VIEW_UNKNOWN + 1] = { 0 };

	for (size_t i = 0; i < list->count; i++)
		counts[list->items[i].state]++;
	finding_add(findings, FINDING_OK, CHECK, NULL,
		    "%zu held, %zu dead (for the next sweep), %zu kept, %zu being reaped, %zu "
		    "unknown",
		    counts[LOCK_VIEW_HELD], counts[LOCK_VIEW_DEAD], counts[LOCK_VIEW_KEPT],
		    counts[LOCK_VIEW_REAPING], counts[LOCK_VIEW_UNKNOWN]);
}

void doctor_check_locks(const struct context *context, const struct lock_dir *dir,
			const char *active_runs, struct finding_list *findings)
{
	CLEANUP(lock_view_list_release) struct lock_view_list list = { 0 };
	struct error err = { .kind = ERROR_NONE };

	if (locks_collect(dir, &list, &err) < 0) {
		finding_add(findings, FINDING_PROBLEM, CHECK, NULL, "%s", err.message);
		return;
	}
	locks_look(context, dir, &list, &err);
	if (err.kind != ERROR_NONE)
		finding_add(findings, FINDING_WARNING, CHECK,
			    "run doctor as root, on the host, with /proc mounted",
			    "not every lock can be seen: %s", err.message);
	count_states(&list, findings);
	for (size_t i = 0; i < list.count; i++)
		check_view(context, &list.items[i], findings);
	if (active_runs)
		doctor_check_active_runs(active_runs, list.items, list.count, findings);
}
