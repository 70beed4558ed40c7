#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"
#include "syscalls.h"

#define REAL_PROGRAM BUILD_DIR "/ci-janitor"
#define DEPLOY BUILD_DIR "/crash-deploy"
#define ROUND_MS 60000
#define LATE_MS 100
#define ARGUMENTS_MAX 32

const struct scenario_traits scenarios[SCENARIO_COUNT] = {
	[SCENARIO_SWEEP] = { "sweep", true, false, false, "group", false },
	[SCENARIO_REAP] = { "reap", true, false, false, "marked", false },
	[SCENARIO_RUN] = { "run", false, true, false, "group marked", false },
	[SCENARIO_RUN_FRESH] = { "run over a dead one", true, true, false, "group marked", false },
	[SCENARIO_LATE_SWEEP] = { "sweep, late engine", true, false, true, "", false },
	[SCENARIO_LATE_FRESH] = { "run over a dead one, late engine", true, true, true, "", false },
	[SCENARIO_NAMESPACE] = { "run, PID namespace", false, true, false, "group marked", true },
	[SCENARIO_HOOKS] = { "sweep with hooks", true, false, false, "group", true },
	[SCENARIO_ORPHANS] = { "sweep of orphans", true, false, false, "group", true },
	[SCENARIO_LEASE] = { "sweep, a lease", true, false, false, "", true, true },
	[SCENARIO_LEASE_RUN] = { "run, a lease", true, true, false, "group", true, true },
};

static const struct trace_fault no_fault = { .what = TRACE_NOTHING };

struct arguments {
	char *items[ARGUMENTS_MAX];
	size_t count;
};

static void add(struct arguments *arguments, const char *text)
{
	if (arguments->count + 1 == ARGUMENTS_MAX)
		abort();
	arguments->items[arguments->count++] = (char *)(uintptr_t)text;
	arguments->items[arguments->count] = NULL;
}

static void begin(struct arguments *arguments, const struct world *world, const char *program)
{
	arguments->count = 0;
	add(arguments, program);
	add(arguments, "--config");
	add(arguments, world->config);
	add(arguments, "--lock-dir");
	add(arguments, world->locks);
	add(arguments, "--host");
	add(arguments, world->host);
}

static void add_run(struct arguments *arguments, const struct world *world, const char *option,
		    const char *how)
{
	add(arguments, "run");
	add(arguments, APP);
	add(arguments, "--scratch");
	if (option)
		add(arguments, option);
	add(arguments, "--");
	add(arguments, DEPLOY);
	add(arguments, world->socket);
	add(arguments, APP);
	add(arguments, world->folder);
	add(arguments, how);
}

static bool is_deployed(void *data)
{
	const struct world *world = data;
	char path[256];

	snprintf(path, sizeof(path), "%s/deployed", world->folder);
	return access(path, F_OK) == 0;
}

static pid_t start(const struct arguments *arguments)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null_fd, STDOUT_FILENO);
		(void)dup2(null_fd, STDERR_FILENO);
		(void)execv(arguments->items[0], arguments->items);
		_exit(99);
	}
	if (pid < 0)
		abort();
	return pid;
}

/* A run that deploys and is killed in the middle of its job. */
static void leave_a_dead_one(struct world *world)
{
	struct arguments arguments;
	char path[256];
	pid_t pid;

	begin(&arguments, world, REAL_PROGRAM);
	add_run(&arguments, world, "--no-fresh", "leave");
	pid = start(&arguments);
	if (!wait_until(is_deployed, world, ROUND_MS)) {
		fprintf(stderr, "the predecessor did not deploy\n");
		abort();
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/deployed", world->folder);
	(void)unlink(path);
	stand_in_settle(world->engine);
}

static bool ended_well(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A whole command without faults, which must end with 0. */
static void run_whole(struct world *world, const struct arguments *arguments, const char *what)
{
	struct trace_result result;

	trace_run(arguments->items, &no_fault, ROUND_MS, &result, NULL);
	if (result.timed_out || !ended_well(result.status))
		world_problem(world, "%s ended with %#x: %s", what, (unsigned)result.status,
			      result.output);
	trace_result_release(&result);
}

static bool may_end_with(int status)
{
	static const int allowed[] = { 0, 1, 69, 70, 73, 77, 78, 126, 127 };

	for (size_t i = 0; WIFEXITED(status) && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (WEXITSTATUS(status) == allowed[i])
			return true;
	return false;
}

/* The loader and the C library end the process themselves when memory or a futex fails them, and
 * ci-janitor where it gets no random bytes; what is left then is as after a kill. */
static bool may_die(const struct trace_result *result)
{
	return WIFSIGNALED(result->status) &&
	       (result->syscall == SYS_futex || result->syscall == SYS_getrandom ||
		syscall_is_of_memory(result->syscall));
}

/* The failed call may be the very one that would have told. */
static bool could_tell(const struct trace_result *result)
{
	return result->syscall != SYS_write && result->syscall != SYS_writev;
}

/* What was killed was to become the command, and the run ends as it did. */
static bool is_command(const struct trace_result *result)
{
	return WIFEXITED(result->status) && WEXITSTATUS(result->status) == 128 + SIGKILL;
}

/* Of a long output, the end. */
static const char *tail(const char *output)
{
	size_t length = strlen(output);

	return length > 300 ? output + length - 300 : output;
}

static void check_outcome(struct world *world, enum scenario scenario,
			  const struct trace_fault *fault, const struct trace_result *result)
{
	bool killed = fault->what == TRACE_KILL && result->hit;

	if (result->timed_out) {
		world_problem(world, "it did not end: %s", tail(result->output));
	} else if (ended_well(result->status)) {
		world_check_clean(world, "status 0");
		if (scenarios[scenario].is_run && !is_deployed(world))
			world_problem(world, "status 0, but the command did not run");
	} else if (!(killed && fault->process == 0) && !may_die(result)) {
		if (!may_end_with(result->status) && !(killed && is_command(result)))
			world_problem(world, "it ended with %#x: %s", (unsigned)result->status,
				      tail(result->output));
		if (!*result->output && could_tell(result) && !(killed && is_command(result)))
			world_problem(world, "it ended with %#x and no word",
				      (unsigned)result->status);
	}
}

/* The next run makes a volume by the name of the dead one's: a removal that was sent before must
 * not hit it. */
static void play_late_end(struct world *world)
{
	struct arguments arguments;

	begin(&arguments, world, REAL_PROGRAM);
	add_run(&arguments, world, NULL, "again");
	run_whole(world, &arguments, "the next run");
}

static void add_sweep(struct arguments *arguments, enum scenario scenario)
{
	add(arguments, "sweep");
	if (scenario == SCENARIO_ORPHANS)
		add(arguments, "--orphans");
}

static void interrupted(struct arguments *arguments, const struct world *world,
			enum scenario scenario, const char *program)
{
	begin(arguments, world, program);
	if (scenarios[scenario].is_run) {
		add_run(arguments, world, scenario == SCENARIO_NAMESPACE ? "--pid-namespace" : NULL,
			"end");
	} else if (scenario == SCENARIO_REAP) {
		add(arguments, "reap");
		add(arguments, APP);
	} else {
		add_sweep(arguments, scenario);
	}
}

static bool is_deploying(void *data)
{
	const struct world *world = data;

	return stand_in_creations(world->engine) > 0;
}

void scenario_cut_off(struct world *world, const char *program, int signal_number)
{
	struct arguments arguments;
	int status = 0;
	pid_t pid;

	world_reset(world);
	stand_in_set_late(world->engine, 0, LATE_MS);
	begin(&arguments, world, program);
	add_run(&arguments, world, "--no-fresh", "begin");
	pid = start(&arguments);
	if (!wait_until(is_deploying, world, ROUND_MS))
		abort();
	(void)kill(pid, signal_number);
	(void)waitpid(pid, &status, 0);
	if (signal_number != SIGKILL && status != (128 + signal_number) << 8)
		world_problem(world, "the run ended with %#x", (unsigned)status);
	begin(&arguments, world, REAL_PROGRAM);
	add(&arguments, "sweep");
	run_whole(world, &arguments, "the sweep");
	stand_in_settle(world->engine);
	world_check_alive(world);
	world_check_not_forgotten(world);
	run_whole(world, &arguments, "the clean sweep");
	world_check_clean(world, "after the clean sweep");
}

bool scenario_play(struct world *world, enum scenario scenario, const char *program,
		   const struct trace_fault *fault, int *ret_status, struct trace_calls *calls)
{
	struct arguments arguments;
	struct trace_result result;
	bool hit;

	world_reset(world);
	if (setenv("CRASH_STRAGGLERS", scenarios[scenario].stragglers, 1) != 0)
		abort();
	if (scenario == SCENARIO_HOOKS)
		world_configure(world, "before = /bin/true\nafter = /bin/true\n");
	if (scenario == SCENARIO_ORPHANS)
		world_configure(world, "[orphans]\napp_pattern = shop\n");
	if (scenarios[scenario].leases)
		world_configure(world, "[lock]\ncluster = yes\n");
	if (scenarios[scenario].dead)
		leave_a_dead_one(world);
	if (scenario == SCENARIO_ORPHANS || scenarios[scenario].leases)
		world_reboot(world);
	world->denied = fault->what == TRACE_FAIL && fault->errnum == EACCES;
	stand_in_set_late(world->engine, scenarios[scenario].late ? LATE_MS : 0, 0);
	interrupted(&arguments, world, scenario, program);
	trace_run(arguments.items, fault, ROUND_MS, &result, calls);
	/* What the interrupted one has sent stays late, what comes after it is carried out at once.
	 */
	stand_in_set_late(world->engine, 0, 0);
	if (scenarios[scenario].late) {
		play_late_end(world);
	} else {
		stand_in_settle(world->engine);
		world_check_alive(world);
		/* An orphan has no lockfile until it is found. */
		if (scenario != SCENARIO_ORPHANS)
			world_check_not_forgotten(world);
		check_outcome(world, scenario, fault, &result);
	}
	world_wait_unlocked(world);
	begin(&arguments, world, REAL_PROGRAM);
	add_sweep(&arguments, scenario);
	run_whole(world, &arguments, "the clean sweep");
	world_check_alive(world);
	world_check_clean(world, "after the clean sweep");
	hit = result.hit;
	*ret_status = result.status;
	if (world->problems_length)
		world_problem(world, "[%s; %s]", syscall_name(result.syscall), tail(result.output));
	trace_result_release(&result);
	return hit;
}
