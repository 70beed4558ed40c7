#include "run_arguments_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/terminal.h"
#include "kernel/child.h"

#define CONFLICT_STATUS 75

const char *const if_held_words[] = { "wait", "fail", "skip", NULL };

struct run_arguments run_arguments = {
	.if_held = IF_HELD_WAIT,
	.conflict_status = CONFLICT_STATUS,
	.wait_ms = -1,
	.deadline_ms = -1,
	.kill_grace_ms = -1,
	.teardown_timeout_ms = -1,
};

void own_command_add(struct own_command *own, const char *argument)
{
	if (own->count + 1 >= OWN_ARGUMENTS_MAX)
		abort();
	/* exec's argv is not const for reasons of history only. */
	own->argv[own->count++] = (char *)(uintptr_t)argument;
	own->argv[own->count] = NULL;
}

void own_command_add_option(struct own_command *own, const char *option, const char *value)
{
	if (!value)
		return;
	own_command_add(own, option);
	own_command_add(own, value);
}

/* Docker's context may be another one by the time of the teardown: a socket that it led to is
 * named. TLS files go only with the context's name. */
static const char *host_of(const struct own_command *own)
{
	const char *host = own->context->settings.engine_host;

	if ((!host || !strncmp(host, ENGINE_CONTEXT, strlen(ENGINE_CONTEXT))) &&
	    !strncmp(own->engine->address, "unix://", 7))
		return own->engine->address;
	return host;
}

void own_command_begin(struct own_command *own, const char *command)
{
	const struct context *context = own->context;

	own->count = 0;
	own_command_add(own, "ci-janitor");
	own_command_add_option(own, "--config", context->config);
	own_command_add_option(own, "--lock-dir", context->settings.lock_dir);
	own_command_add_option(own, "--host", host_of(own));
	if (context->report.quiet)
		own_command_add(own, "--quiet");
	if (context->report.verbose)
		own_command_add(own, "--verbose");
	if (global_options.color)
		own_command_add_option(own, "--color",
				       global_options.color == TERMINAL_COLOR_ALWAYS ? "always"
										     : "never");
	own_command_add(own, command);
}

static void add_number(struct own_command *own, const char *option, char text[24], int64_t number)
{
	(void)snprintf(text, 24, "%" PRId64, number);
	own_command_add_option(own, option, text);
}

static void add_lease(struct own_command *own, const struct run_engine_work *work)
{
	/* The configuration may be another by now, and the run goes by this one. */
	add_number(own, "--lease-term", own->lease_term, own->context->settings.cluster_term_ms);
	own_command_add_option(own, "--run-id", work->record->run_id);
	own_command_add_option(own, "--holder", work->record->holder);
	if (work->lock_fd < 0) {
		own_command_add_option(own, "--cgroup",
				       work->record->cgroup[0] ? work->record->cgroup : NULL);
		return;
	}
	add_number(own, "--wait-limit", own->wait_limit, work->wait_limit);
	add_number(own, "--janitor-limit", own->janitor_limit, work->janitor_limit);
}

static char **engine_argv(void *data, const struct run_engine_work *work)
{
	struct own_command *own = data;

	own_command_begin(own, work->lock_fd < 0 ? "keep-lease" : "reap-held");
	if (own->context->settings.cluster)
		add_lease(own, work);
	if (work->lock_fd >= 0) {
		add_number(own, "--fd", own->fd, work->lock_fd);
		own_command_add_option(own, "--mode", work->mode);
		if (work->created)
			own_command_add(own, "--created");
		if (run_arguments.no_fresh)
			own_command_add(own, "--no-fresh");
	}
	own_command_add_option(own, "--stack", own->stack);
	own_command_add(own, own->app);
	return own->argv;
}

void run_sweep_first(struct own_command *own)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct error err = { .kind = ERROR_NONE };
	struct child child = CHILD_NONE;
	bool exec_failed;
	int status = 0;

	log_group_begin("ci-janitor: sweep of the other apps");
	own_command_begin(own, "sweep");
	setup.argv = own->argv;
	setup.exec_path = "/proc/self/exe";
	setup.restore_capabilities = true;
	setup.stdout_fd = STDERR_FILENO;
	setup.death_signal = SIGTERM;
	if (child_spawn(&setup, &child, &exec_failed, &err) < 0)
		log_warning("unable to sweep first: %s", err.message);
	else if (child_wait(&child, true, &status) < 0 || status != 0)
		log_warning("the sweep of the other apps was not complete");
	log_group_end();
}

static int64_t or_default(int64_t value, int64_t otherwise)
{
	return value < 0 ? otherwise : value;
}

int run_check_holder(const char *holder, struct error *err)
{
	size_t length = holder ? strlen(holder) : 0;

	if (length > RECORD_TEXT_MAX)
		return error_set(err, ERROR_USAGE, "--holder: longer than %d bytes",
				 RECORD_TEXT_MAX);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)holder[i] < ' ' || holder[i] == 0x7f)
			return error_set(err, ERROR_USAGE,
					 "--holder: control characters have no place in it");
	return 0;
}

static int check_keep(const struct settings *settings, struct error *err)
{
	char given[32], most[32];

	if (run_arguments.keep_ms <= settings->keep_max_ms)
		return 0;
	return error_set(err, ERROR_USAGE, "--keep-on-failure %s: more than [run] keep_max, %s",
			 format_duration(run_arguments.keep_ms, given, sizeof(given)),
			 format_duration(settings->keep_max_ms, most, sizeof(most)));
}

static void fill_options(struct run_prepared *prepared, const struct context *context,
			 const char *app)
{
	const struct settings *settings = &context->settings;
	const struct run_arguments *given = &run_arguments;

	prepared->options = (struct run_options){
		.app = app,
		.stack = prepared->stack,
		.holder = prepared->holder,
		.job_url = prepared->job_url,
		.engine = prepared->engine.address,
		.engine_socket = prepared->engine.socket,
		.if_held = (enum if_held)given->if_held,
		.conflict_status = (int)given->conflict_status,
		.wait_ms = or_default(given->wait_ms, CLOCK_NEVER),
		.janitor_wait_ms = settings_reap_limit_ms(settings),
		.deadline_ms = or_default(given->deadline_ms, CLOCK_NEVER),
		.kill_grace_ms = or_default(given->kill_grace_ms, settings->kill_grace_ms),
		.teardown_timeout_ms =
			or_default(given->teardown_timeout_ms, settings->teardown_timeout_ms),
		.fresh = !given->no_fresh,
		.teardown = !given->no_teardown,
		.keep_ms = given->keep_ms,
		.pid_namespace = given->pid_namespace,
		.hold_lock = given->hold_lock,
		.scratch_dir = given->scratch ? settings->scratch_dir : NULL,
		.scratch_links = &settings->scratch_links,
		.scratch_env = &settings->scratch_env,
		.lease_term_ms = settings->cluster ? settings->cluster_term_ms : 0,
		.lock_dir = settings->lock_dir,
		.trust = &context->trust,
		.engine_argv = engine_argv,
		.engine_argv_data = &prepared->own,
	};
}

int run_prepare(struct run_prepared *ret, const struct context *context, const char *app, pid_t pid,
		struct error *err)
{
	const char *holder = run_arguments.holder;

	*ret = (struct run_prepared){
		.own = { .context = context,
			 .app = app,
			 .stack = ret->stack,
			 .engine = &ret->engine },
		.holder = holder ? xstrdup(holder) : holder_id(pid),
		.job_url = holder_job_url(),
	};
	if (command_check_app(context, app, err) < 0 || run_check_holder(holder, err) < 0 ||
	    check_keep(&context->settings, err) < 0)
		return -1;
	if (run_arguments.stack)
		(void)snprintf(ret->stack, sizeof(ret->stack), "%s", run_arguments.stack);
	else
		settings_stack_name(&context->settings, app, ret->stack, sizeof(ret->stack));
	/* What fails here fails with its reason when the engine is needed, if it is. */
	(void)engine_identify(context->settings.engine_host, &ret->engine, NULL);
	fill_options(ret, context, app);
	return 0;
}

void run_prepared_release(struct run_prepared *prepared)
{
	free(prepared->holder);
	free(prepared->job_url);
}
