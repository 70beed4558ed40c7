/* Everything that the configuration file can say. Defaults here, meanings in conf/ci-janitor.conf.
 */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A list of words, owned. */
struct word_list {
	char **words;
	size_t count;
};

/* What to do about swarm objects. */
enum swarm_use {
	SWARM_USE_AUTO,	  /* they count wherever the node is in a swarm */
	SWARM_USE_IGNORE, /* no app has any: they are neither listed nor removed */
};

enum stack_name_rule {
	STACK_NAME_APP,
	STACK_NAME_DOTS_TO_UNDERSCORES,
	STACK_NAME_CO_OP_CLOUD, /* likewise, cut after STACK_NAME_CUT characters, as abra does */
};
/* Recalled from abra (StackName, in its pkg/app/app.go), which leaves room for secrets in the
 * engine's 64 characters; not compared with its source. An app whose stack is called otherwise, as
 * by STACK_NAME in its .env file, says so: `run --stack`. */
#define STACK_NAME_CUT 45

enum hook_failure {
	HOOK_FAILURE_KEEP, /* the app stays for the next sweep */
	HOOK_FAILURE_IGNORE,
};

/* What lines look like in the output of a CI system's step. */
enum ci_log { CI_LOG_AUTO, CI_LOG_PLAIN };

struct settings {
	/* [lock] */
	char *lock_dir;
	struct word_list trusted_owners; /* user names or numbers besides root and the caller */
	char *lock_group;		 /* NULL: lockfiles are 0600; else 0660 and this group */
	bool cluster; /* each app has a lease in the swarm as well (model/lease.h) */
	int64_t cluster_term_ms;
	/* [engine] */
	char *engine_host; /* NULL: the built-in default */
	enum swarm_use swarm;
	char *engine_image; /* of ci-janitor, on the swarm's nodes; NULL: they are left alone */
	int64_t connect_timeout_ms;
	int64_t read_timeout_ms;
	int64_t write_timeout_ms;
	/* [app] */
	struct word_list app_labels;  /* label keys whose value names the app or its stack */
	struct word_list app_protect; /* globs of app names that are never run or reaped */
	enum stack_name_rule stack_name;
	struct word_list app_files;    /* templates of paths: globs, and {app} in the last part */
	struct word_list prefix_kinds; /* kinds whose unlabelled objects belong by name prefix */
	/* [reap] */
	int64_t jobs;		  /* apps worked on at once */
	int64_t app_timeout_ms;	  /* one app's whole reap */
	char *protect_label;	  /* "key=value": an object that carries it is never removed */
	struct word_list protect; /* globs of object names that are never removed */
	struct word_list volume_drivers; /* volumes of other drivers are never removed */
	struct word_list hook_before;	 /* a program and its arguments; empty: none */
	struct word_list hook_after;
	int64_t hook_timeout_ms;
	enum hook_failure hook_failure;
	/* [orphans] */
	struct word_list orphan_pattern; /* globs of app names; empty: none is looked for */
	int64_t orphan_min_age_ms;
	/* [run] */
	int64_t kill_grace_ms;
	int64_t teardown_timeout_ms;
	int64_t keep_max_ms; /* the longest --keep-on-failure */
	char *scratch_dir;
	struct word_list scratch_links; /* NAME=TARGET */
	struct word_list scratch_env;	/* NAME=VALUE, {scratch} in it being the directory */
	/* [report] */
	char *metrics; /* file that sweep writes metrics to; NULL: none */
	enum ci_log ci_log;
	int64_t warn_age_ms; /* doctor points at locks that are held for longer */
};

void settings_init(struct settings *settings); /* the defaults */
void settings_release(struct settings *settings);

void word_list_release(struct word_list *list);
void word_list_append(struct word_list *list, const char *word, size_t length);
/* Does fnmatch(3) match any of the globs? */
bool word_list_matches(const struct word_list *globs, const char *text);
bool word_list_contains(const struct word_list *list, const char *word);

/* How long a janitor may take with one app, hooks included. */
int64_t settings_reap_limit_ms(const struct settings *settings);

/* The app's stack name by the configured rule. */
void settings_stack_name(const struct settings *settings, const char *app, char *ret, size_t size);

/* Is it the name of an app on [app] protect, or may it be such an app's stack? */
bool settings_protect_name(const struct settings *settings, const char *name);

#endif
