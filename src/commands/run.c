#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands_internal.h"
#include "kernel/child.h"
#include "run/supervisor.h"

#define CONFLICT_STATUS 75
#define ARGUMENTS_MAX 24

/* In the order of enum if_held. */
static const char *const if_held_words[] = { "wait", "fail", "skip", NULL };

static struct {
	int if_held;
	int64_t conflict_status;
	int64_t wait_ms, deadline_ms, kill_grace_ms, teardown_timeout_ms;
	const char *holder, *stack;
	bool sweep, no_fresh, no_teardown;
} given = {
	.if_held = IF_HELD_WAIT,
	.conflict_status = CONFLICT_STATUS,
	.wait_ms = -1,
	.deadline_ms = -1,
	.kill_grace_ms = -1,
	.teardown_timeout_ms = -1,
};

const struct option_spec run_options_table[] = {
	{ "if-held", 0, OPTION_CHOICE, &given.if_held, "WHAT",
	  "while another run holds APP: wait (default), fail or skip", 0, 0, if_held_words },
	{ "wait", 0, OPTION_DURATION, &given.wait_ms, "D", "wait for another run at most D", 0, 0,
	  NULL },
	{ "deadline", 0, OPTION_DURATION, &given.deadline_ms, "D", "stop CMD after D", 0, 0, NULL },
	{ "kill-grace", 0, OPTION_DURATION, &given.kill_grace_ms, "D",
	  "between asking CMD to stop and killing it", 0, 0, NULL },
	{ "teardown-timeout", 0, OPTION_DURATION, &given.teardown_timeout_ms, "D",
	  "leave to the next sweep what is there after D", 0, 0, NULL },
	{ "holder", 0, OPTION_TEXT, &given.holder, "ID", "who runs this, for others to read", 0, 0,
	  NULL },
	{ "stack", 0, OPTION_APP, &given.stack, "NAME", "APP's stack, where it isn't named APP", 0,
	  0, NULL },
	{ "sweep", 0, OPTION_FLAG, &given.sweep, NULL, "sweep the other apps first", 0, 0, NULL },
	{ "no-fresh", 0, OPTION_FLAG, &given.no_fresh, NULL, "keep what an earlier run of APP left",
	  0, 0, NULL },
	{ "no-teardown", 0, OPTION_FLAG, &given.no_teardown, NULL,
	  "leave everything to the next sweep", 0, 0, NULL },
	{ "conflict-exit-code", 'E', OPTION_NUMBER, &given.conflict_status, "N",
	  "the exit status when APP is held (default 75)", 0, 255, NULL },
	OPTIONS_END,
};

/* A command line of this executable with the global options of this call. */
struct own_command {
	const struct context *context;
	const char *app;
	const char *stack;
	char fd[16];
	size_t count;
	char *argv[ARGUMENTS_MAX];
};

static void add(struct own_command *own, const char *argument)
{
	/* exec's argv is not const for reasons of history only. */
	own->argv[own->count++] = (char *)(uintptr_t)argument;
	own->argv[own->count] = NULL;
}

static void add_option(struct own_command *own, const char *option, const char *value)
{
	if (!value)
		return;
	add(own, option);
	add(own, value);
}

static void begin(struct own_command *own)
{
	const struct context *context = own->context;

	own->count = 0;
	add(own, "ci-janitor");
	add_option(own, "--config", context->config);
	add_option(own, "--lock-dir", context->settings.lock_dir);
	add_option(own, "--host", context->settings.engine_host);
	if (context->report.quiet)
		add(own, "--quiet");
	if (context->report.verbose)
		add(own, "--verbose");
}

static char **engine_argv(void *data, const char *mode, int lock_fd, bool created)
{
	struct own_command *own = data;

	begin(own);
	add(own, "reap-held");
	(void)snprintf(own->fd, sizeof(own->fd), "%d", lock_fd);
	add_option(own, "--fd", own->fd);
	add_option(own, "--mode", mode);
	if (created)
		add(own, "--created");
	add_option(own, "--stack", own->stack);
	add(own, own->app);
	return own->argv;
}

/* The cold janitor. Whatever it can't do is no reason not to run. */
static void sweep_first(struct own_command *own)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct error err = { .kind = ERROR_NONE };
	struct child child = CHILD_NONE;
	bool exec_failed;
	int status = 0;

	begin(own);
	add(own, "sweep");
	setup.argv = own->argv;
	setup.exec_path = "/proc/self/exe";
	setup.restore_capabilities = true;
	setup.stdout_fd = STDERR_FILENO;
	setup.death_signal = SIGTERM;
	if (child_spawn(&setup, &child, &exec_failed, &err) < 0) {
		log_warning("unable to sweep first: %s", err.message);
		return;
	}
	if (child_wait(&child, true, &status) < 0 || status != 0)
		log_warning("the sweep of the other apps was not complete");
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
	return value < 0 ? otherwise : value;
}

static int check_holder(struct error *err)
{
	size_t length = given.holder ? strlen(given.holder) : 0;

	if (length > RECORD_TEXT_MAX)
		return error_set(err, ERROR_USAGE, "--holder: longer than %d bytes",
				 RECORD_TEXT_MAX);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)given.holder[i] < ' ' || given.holder[i] == 0x7f)
			return error_set(err, ERROR_USAGE,
					 "--holder: control characters have no place in it");
	return 0;
}

int command_run(struct context *context, char **operands)
{
	const struct settings *settings = &context->settings;
	CLEANUP_FREE char *holder = given.holder ? xstrdup(given.holder) : holder_id();
	CLEANUP_FREE char *job_url = holder_job_url();
	struct error err = { .kind = ERROR_NONE };
	struct own_command own = { .context = context, .app = operands[0] };
	char stack[APP_NAME_MAX + 1];
	struct run_options options = {
		.app = operands[0],
		.command = operands + 1,
		.stack = stack,
		.holder = holder,
		.job_url = job_url,
		.if_held = (enum if_held)given.if_held,
		.conflict_status = (int)given.conflict_status,
		.wait_ms = or_default(given.wait_ms, CLOCK_NEVER),
		.janitor_wait_ms = settings->app_timeout_ms,
		.deadline_ms = or_default(given.deadline_ms, CLOCK_NEVER),
		.kill_grace_ms = or_default(given.kill_grace_ms, settings->kill_grace_ms),
		.teardown_timeout_ms =
			or_default(given.teardown_timeout_ms, settings->teardown_timeout_ms),
		.fresh = !given.no_fresh,
		.teardown = !given.no_teardown,
		.lock_dir = settings->lock_dir,
		.trust = &context->trust,
		.engine_argv = engine_argv,
		.engine_argv_data = &own,
	};

	if (command_check_app(context, operands[0], &err) < 0 || check_holder(&err) < 0)
		return command_fail(&err);
	if (given.stack)
		(void)snprintf(stack, sizeof(stack), "%s", given.stack);
	else
		settings_stack_name(settings, operands[0], stack, sizeof(stack));
	own.stack = stack;
	if (given.sweep)
		sweep_first(&own);
	return supervisor_run(&options);
}
