/* What `run` and `hold` share: their options, and the command lines of this executable that their
 * supervisor starts. */
#ifndef COMMANDS_RUN_ARGUMENTS_INTERNAL_H
#define COMMANDS_RUN_ARGUMENTS_INTERNAL_H

#include "commands_internal.h"
#include "run/supervisor.h"

/* As given on the command line; durations are negative when they were not. */
struct run_arguments {
	int if_held;
	int64_t conflict_status;
	int64_t wait_ms, deadline_ms, kill_grace_ms, teardown_timeout_ms;
	const char *holder, *stack;
	bool sweep, no_fresh, no_teardown;
	int64_t keep_ms; /* 0: nothing is kept */
	bool scratch, pid_namespace, hold_lock;
};
extern struct run_arguments run_arguments;

/* In the order of enum if_held. */
extern const char *const if_held_words[];

/* Rows of the option tables of both. */
/* clang-format off */
#define RUN_OPTION(name, letter, type, member, value, help) \
	{ name, letter, OPTION_##type, &run_arguments.member, value, help, 0, 255, NULL }
#define RUN_SHARED_OPTIONS \
	RUN_OPTION("wait", 0, DURATION, wait_ms, "D", "wait for another run at most D"), \
	RUN_OPTION("teardown-timeout", 0, DURATION, teardown_timeout_ms, "D", \
		   "leave to the next sweep what is there after D"), \
	RUN_OPTION("holder", 0, TEXT, holder, "ID", "who runs this, for others to read"), \
	RUN_OPTION("stack", 0, APP, stack, "NAME", "APP's stack, where it isn't named APP"), \
	RUN_OPTION("scratch", 0, FLAG, scratch, NULL, \
		   "make a private directory, $CI_JANITOR_SCRATCH, removed afterwards"), \
	RUN_OPTION("sweep", 0, FLAG, sweep, NULL, "sweep the other apps first"), \
	RUN_OPTION("no-fresh", 0, FLAG, no_fresh, NULL, "keep what an earlier run of APP left"), \
	RUN_OPTION("no-teardown", 0, FLAG, no_teardown, NULL, \
		   "leave everything to the next sweep"), \
	RUN_OPTION("conflict-exit-code", 'E', NUMBER, conflict_status, "N", \
		   "the exit status when APP is held (default 75)")
/* clang-format on */

#define OWN_ARGUMENTS_MAX 48

/* A command line of this executable with the global options of this call. */
struct own_command {
	const struct context *context;
	const char *app;
	const char *stack;
	const struct engine_identity *engine; /* what the record says */
	char fd[24], lease_term[24], wait_limit[24], janitor_limit[24];
	size_t count;
	char *argv[OWN_ARGUMENTS_MAX];
};

void own_command_begin(struct own_command *own, const char *command);
void own_command_add(struct own_command *own, const char *argument);
/* Nothing for a NULL value. */
void own_command_add_option(struct own_command *own, const char *option, const char *value);

/* All that the supervisor wants, but the command. */
struct run_prepared {
	struct own_command own;
	struct run_options options;
	char stack[APP_NAME_MAX + 1];
	struct engine_identity engine;
	char *holder, *job_url; /* owned */
};

/* Checks the arguments and fills *ret, which is to be released even after a failure. pid: as
 * holder_id takes it. */
int run_prepare(struct run_prepared *ret, const struct context *context, const char *app, pid_t pid,
		struct error *err);
int run_check_holder(const char *holder, struct error *err);
void run_prepared_release(struct run_prepared *prepared);

/* The cold janitor. Whatever it can't do is no reason not to run. */
void run_sweep_first(struct own_command *own);

#endif
