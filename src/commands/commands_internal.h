/* What the command files give to the table. */
#ifndef COMMANDS_INTERNAL_H
#define COMMANDS_INTERNAL_H

#include "commands/command.h"
#include "engine/engine.h"
#include "lock/lock_look.h"
#include "lock/lock_look.h"
#include "model/lock_view.h"
#include "model/metrics.h"
#include "model/record.h"
#include "reap/sweep.h"

extern const struct option_spec no_options_table[];
extern const struct option_spec list_options_table[];
extern const struct option_spec sweep_options_table[];
extern const struct option_spec reap_options_table[];
extern const struct option_spec doctor_options_table[];
extern const struct option_spec reap_held_options_table[];
extern const struct option_spec keep_lease_options_table[];
extern const struct option_spec run_options_table[];
extern const struct option_spec hold_options_table[];
extern const struct option_spec held_options_table[];
extern const struct option_spec release_options_table[];

/* Each returns the exit status; operands are NULL-terminated. */
int command_sweep(struct context *context, char **operands);
int command_reap(struct context *context, char **operands);
int command_reap_held(struct context *context, char **operands);
int command_keep_lease(struct context *context, char **operands);
int command_reap_node(struct context *context, char **operands);
int command_run(struct context *context, char **operands);
int command_hold(struct context *context, char **operands);
int command_held(struct context *context, char **operands);
int command_release(struct context *context, char **operands);
int command_list(struct context *context, char **operands);
int command_status(struct context *context, char **operands);
int command_doctor(struct context *context, char **operands);
int command_path(struct context *context, char **operands);

/* engine_port.c: the engine as sweep_options.connect wants it. */
struct engine_connection {
	const struct settings *settings;
	int jobs;
	int wake_fd;
	bool is_meant; /* somebody named it for just this: what a record says is no matter */
	bool wants_nodes;
	bool role_can_wait;
	struct engine *engine; /* NULL until it was needed */
	struct error error;    /* why the engine could not be used */
	enum { IDENTITY_NOT_ASKED, IDENTITY_KNOWN, IDENTITY_UNKNOWN } has_identity;
	struct engine_identity identity;
};
int engine_connect(void *connection, int64_t timeout_ms, struct engine_port *ret,
		   struct error *err);
/* As sweep_options.check_engine wants it. */
int engine_check(void *connection, const struct record *record, struct error *err);
/* Makes the record state the engine. */
void engine_describe(struct engine_connection *connection, struct record *record);
void engine_disconnect(struct engine_connection *connection);

/* janitor.c: one sweep or reap as the commands share it. */
struct janitor {
	struct context *context;
	struct engine_connection connection;
	struct sweep_options options;
	struct record orphan_record;
	struct lease_holder lease;
	char *hook_engine;
	struct error report_error; /* the first output that failed */
	int wake_fd;
	int64_t began_ms;
	int64_t progress_at;	 /* when the status line is renewed */
	bool show_live;		 /* and what was without work */
	struct metrics *metrics; /* NULL: nobody asks for them */
};
/* jobs and timeout_ms: negative for the settings' and for none. */
int janitor_init(struct janitor *janitor, struct context *context, int64_t jobs, int64_t timeout_ms,
		 bool dry_run, struct error *err);
/* With [lock] cluster, readies the options for leases: those of a run when run_id and holder are
 * its, else (NULL) a janitor's. */
void janitor_want_leases(struct janitor *janitor, const struct lock_dir *dir, const char *run_id,
			 const char *holder);
/* Reports the whole; returns the exit status. */
int janitor_finish(struct janitor *janitor, const struct sweep_result *result);
void janitor_release(struct janitor *janitor);
/* What janitor_init puts into the options, for those who put something before it. data: the
 * janitor.
 */
void janitor_log_hook(void *data, const struct app_result *result, const char *hook,
		      const char *line);
void janitor_show_progress(void *data, size_t done, size_t total, const struct app_result *in_hand);
/* A holder whose lockfile somebody deleted is alive, and the lock on a later lockfile proves
 * nothing. 0: there is none; -1: ERROR_HELD naming it, or it can't be known. wake_fd as for
 * lock_find_lasting_deleted_holder. */
int janitor_check_deleted_holder(const struct lock_dir *dir, const struct reap_target *target,
				 int wake_fd, struct error *err);

/* locks.c */
/* Adds a view, not looked at yet, for each lockfile. */
int locks_collect(const struct lock_dir *dir, struct lock_view_list *list, struct error *err);
/* lock_look_all, and those that are kept say so. */
void locks_look(const struct context *context, const struct lock_dir *dir,
		struct lock_view_list *list, struct error *ret_problem);

/* sweep_metrics.c: completes the metrics that the results were added to, and writes the file. */
void sweep_write_metrics(const struct context *context, const struct lock_dir *dir,
			 struct metrics *metrics, int64_t took_ms, int status);
/* Readies the options for orphans; ERROR_CONFIG when no app can be one. */
int janitor_want_orphans(struct janitor *janitor, struct error *err);

/* Was the program told to end? */
bool janitor_is_told(const struct janitor *janitor);

/* resources.c: what the engine has of the apps that the views show. */
struct resources {
	struct app_result *results; /* owned, in no order */
	size_t count;
};
/* Asks the engine and joins each view with its result. What can't be known is said in the results.
 * Returns the exit status. */
int resources_look(struct context *context, const struct lock_dir *dir, struct lock_view *views,
		   size_t count, struct resources *ret);
/* Appends a view for each orphan. Returns the exit status. */
int resources_find_orphans(struct context *context, const struct lock_dir *dir,
			   struct lock_view_list *list);
void resources_release(struct resources *resources);

/* lease_self.c: this process as the holder of leases, app and stack aside. run_id, holder: NULL for
 * new ones. */
void lease_self(const struct context *context, const struct lock_dir *dir, const char *run_id,
		const char *holder, struct lease_holder *ret);

/* keep_lease.c: as sweep_options.on_lease_renewed; to standard output, for the run. */
void lease_tell_renewed(void *data, int64_t sent_at);

/* holder.c */
void holder_host(char *ret, size_t size);
/* "github:<run id>:<attempt>" and the like from the CI's variables, else user@host:pid. In a CI
 * the pid is not used. Owned. */
char *holder_id(pid_t pid);
/* The CI job's address, or NULL. Owned. */
char *holder_job_url(void);
/* This process as a janitor's record of the app. */
void holder_record(const char *app, struct record *ret);

#endif
