/* What a sweep or reap did to one app, and to all: data for reports and exit statuses. */
#ifndef MODEL_RESULT_H
#define MODEL_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/app.h"
#include "model/record.h"
#include "model/resource.h"

/* What became of one object. */
enum action_outcome {
	ACTION_PLANNED, /* dry run: a real run would remove it */
	ACTION_REMOVED,
	ACTION_ALREADY_GONE,
	ACTION_KEPT,   /* protected or ambiguous: `reason` says why, and nothing was sent */
	ACTION_FAILED, /* `reason` says what the engine answered; the lockfile stays */
};

/* One object of the app, and why it was judged the app's. Texts are owned. */
struct action {
	enum resource_kind kind;
	enum action_outcome outcome;
	char *id;
	char *name;
	char *rule;   /* "com.docker.stack.namespace=shop" */
	char *reason; /* NULL when there is nothing to add */
};

enum app_outcome {
	APP_REAPED,    /* verified: nothing is left, the lockfile is gone (or kept for its run) */
	APP_PLANNED,   /* dry run */
	APP_LIVE,      /* held by a live run: left alone */
	APP_REAPING,   /* another janitor is at it: left alone */
	APP_KEPT,      /* dead, and kept until kept_until: left alone */
	APP_PROTECTED, /* on the [app] protect list: left alone */
	APP_LEFT,      /* something could not be removed or known: the lockfile stays */
};

struct app_result {
	struct app_hash hash;
	char app[APP_NAME_MAX + 1];	/* empty while no source names it */
	char run_id[RUN_ID_LENGTH + 1]; /* the dead run's; empty when it isn't known */
	enum app_outcome outcome;
	struct action *actions;
	size_t action_count;
	size_t action_capacity;
	size_t killed;	    /* processes of the dead run that were still alive */
	size_t scratch;	    /* scratch directories that were removed */
	int64_t kept_until; /* wall-clock second, with APP_KEPT */
	int64_t took_ms;
	bool orphan;	      /* nobody's lockfile stood for it */
	bool matched_nothing; /* reaped, but the engine had no object of this app */
	struct error error;   /* why, with APP_LEFT */
};

struct sweep_result {
	size_t locks; /* lockfiles seen */
	size_t live;
	size_t deleted;	 /* of the live ones, those whose lockfile somebody has deleted */
	size_t leased;	 /* of the live ones, those that another host has by its lease */
	size_t reaped;	 /* in a dry run, what would be; so with removed */
	size_t left;	 /* dead, and still there */
	size_t unusable; /* lockfiles that were refused or could not be examined */
	size_t ignored;	 /* entries of the lock directory that are no lockfiles */
	size_t removed;	 /* engine objects */
	size_t killed;
	int64_t took_ms;
	bool engine_unreachable;
	bool interrupted;
	struct error lease_error;  /* why leases could not be looked at */
	struct error orphan_error; /* why orphans could not be looked for */
	bool dry_run;
};

const char *action_outcome_name(enum action_outcome outcome); /* "planned", "removed", ... */
const char *app_outcome_name(enum app_outcome outcome);

/* Appends an action; texts are copied, rule and reason may be NULL. */
struct action *app_result_add(struct app_result *result, enum resource_kind kind, const char *id,
			      const char *name, const char *rule);
void action_set_outcome(struct action *action, enum action_outcome outcome, const char *reason);
void app_result_copy(const struct app_result *from, struct app_result *ret);
void app_result_release(struct app_result *result);
/* The app's name, or "#<hash>" in buffer while no source names it. */
const char *app_result_label(const struct app_result *result, char *buffer, size_t size);

#endif
