/* `ci-janitor run` where the kernel, or a container's filter, lacks the newer calls, where there is
 * no cgroup, and for whoever may little. Each works, or says what it can't do. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/refuse.h"
#include "kernel/process.h"
#include "process_support.h"
#include "run/guards.h"
#include "run_fixture.h"

/* Everything newer than Linux 5.0 that is used somewhere on a run's way. */
static const struct refused_call newer[] = {
	{ .call = SYS_pidfd_open, .errnum = ENOSYS },
	{ .call = SYS_pidfd_send_signal, .errnum = ENOSYS },
	{ .call = SYS_clone3, .errnum = ENOSYS },
	{ .call = SYS_close_range, .errnum = ENOSYS },
	{ .call = SYS_openat2, .errnum = ENOSYS },
	{ .call = SYS_faccessat2, .errnum = ENOSYS },
	{ .call = SYS_statx, .errnum = ENOSYS },
	{ .call = SYS_getrandom, .errnum = ENOSYS },
	{ .call = SYS_inotify_init1, .errnum = ENOSYS },
};
#define NEWER_COUNT (sizeof(newer) / sizeof(newer[0]))

/* A mount namespace in which no cgroup is to be had. */
#define WITHOUT_CGROUP                                                                             \
	"exec unshare --mount sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"' sh "
#define WITHOUT_ADMIN "exec setpriv --bounding-set -sys_admin "
#define AS_NOBODY "exec setpriv --reuid 65534 --regid 65534 --clear-groups "
#define RUN_HERE "%s --lock-dir %s run --no-fresh --no-teardown "

static const struct circumstance {
	const char *prefix;
	const struct refused_call *refused;
	size_t count;
	bool has_cgroup;
} circumstances[] = {
	{ "exec ", newer, NEWER_COUNT, true }, { WITHOUT_CGROUP, newer, NEWER_COUNT, false },
	{ WITHOUT_CGROUP, NULL, 0, false },    { WITHOUT_ADMIN, NULL, 0, true },
	{ AS_NOBODY, NULL, 0, false },	       { AS_NOBODY, newer, NEWER_COUNT, false },
};

/* Statuses, a stop that reaches CMD once, no daemon left behind, the lock free. */
static void lives_through(const struct circumstance *circumstance)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *prefix = circumstance->prefix;
	const char *program = program_for_all(), *dir = open_dir();
	struct process process;

	commands_refuse(circumstance->refused, circumstance->count);
	CHECK_NUMBER(
		run_command(&result, "%s" RUN_HERE "shop -- sh -c 'exit 9'", prefix, program, dir),
		9);
	CHECK_NUMBER(
		run_command(&result, "%s" RUN_HERE "shop -- /nonexistent", prefix, program, dir),
		127);
	CHECK_NUMBER(run_command(&result,
				 "%s" RUN_HERE
				 "shop -- sh -c 'env -i setsid sleep 600 & setsid sleep 600 &"
				 " echo pid $!.'",
				 prefix, program, dir),
		     0);
	CHECK_NUMBER(kill((pid_t)number_after(result.output, "pid "), 0), -1);
	process_start(&process,
		      "%s" RUN_HERE "shop -- sh -c 'trap \"echo got; exit\" TERM; echo ready;"
		      " while :; do sleep 0.02; done'",
		      prefix, program, dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 143);
	CHECK_NUMBER(count_of(result.output, "got"), 1);
	CHECK_NUMBER(run_command(&result,
				 "%s" RUN_HERE "--deadline 200ms --kill-grace 100ms shop -- sh -c"
				 " 'trap \"\" TERM; while :; do sleep 0.02; done'",
				 prefix, program, dir),
		     142);
	commands_refuse(NULL, 0);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static void every_circumstance(void)
{
	size_t count = geteuid() == 0 ? sizeof(circumstances) / sizeof(circumstances[0]) : 1;

	for (size_t i = 0; i < count; i++)
		lives_through(&circumstances[i]);
}

/* The agent's death is told by PDEATHSIG alone. */
static void the_parents_death_without_pidfds(void)
{
	const char *dir = temp_dir();
	struct process agent;
	char file[512];

	snprintf(file, sizeof(file), "%s/got", dir);
	commands_refuse(newer, NEWER_COUNT);
	process_start(&agent,
		      RUN_HERE "shop -- sh -c 'trap \"touch %s; exit\" TERM; echo ready;"
			       " while :; do sleep 0.02; done' & wait",
		      PROGRAM, dir, file);
	commands_refuse(NULL, 0);
	CU_ASSERT(wait_for_output(&agent, "ready"));
	kill(agent.pid, SIGKILL);
	CU_ASSERT(wait_for_file(file));
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	process_kill(&agent);
}

/* The first process of a PID namespace has no parent to compare with; an old kernel has PID
 * namespaces, too. */
static void a_pid_namespace_on_an_old_kernel(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	commands_refuse(newer, NEWER_COUNT);
	CHECK_NUMBER(run_command(&result, "exec " RUN_HERE "--pid-namespace shop -- sh -c 'exit 5'",
				 PROGRAM, temp_dir()),
		     5);
	commands_refuse(NULL, 0);
}

/* The handle that stands in for a pidfd never becomes another process's. */
static void handles(void *data)
{
	pid_t pid;
	int handle;

	(void)data;
	EXPECT(refuse_calls(newer, 2) == 0);
	EXPECT(process_open_handle(0x3fffffff) == -1 && errno == ESRCH);
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	handle = process_open_handle(pid);
	EXPECT(handle >= 0);
	EXPECT(!process_has_ended(handle));
	EXPECT(process_signal(handle, 0) == 0);
	EXPECT(process_signal(handle, SIGKILL) == 0);
	EXPECT(ends_soon(pid));
	EXPECT(process_has_ended(handle));
	EXPECT(process_signal(handle, SIGKILL) == -1 && errno == ESRCH);
}

static void handles_without_pidfds(void)
{
	CU_ASSERT(holds_in_child(handles, NULL));
}

static const struct guard *find(const struct guard *guards, const char *name)
{
	for (size_t i = 0; i < GUARD_COUNT; i++)
		if (!strcmp(guards[i].name, name))
			return &guards[i];
	return NULL;
}

static void guards_refused(void *data)
{
	static const char *const names[] = { "pidfd", "clone3", "inotify", "openat2" };
	struct guard guards[GUARD_COUNT];

	(void)data;
	EXPECT(refuse_calls(newer, NEWER_COUNT) == 0);
	guards_probe(guards);
	for (size_t i = 0; i < 4; i++) {
		const struct guard *guard = find(guards, names[i]);

		EXPECT(guard && !guard->in_force && guard->reason[0] && guard->meaning[0]);
	}
	EXPECT(strstr(find(guards, "pidfd")->meaning, "hold and release are refused") != NULL);
	EXPECT(find(guards, "pdeathsig")->in_force && find(guards, "subreaper")->in_force);
}

static void guards_here(void)
{
	struct guard guards[GUARD_COUNT];
	size_t before = count_open_fds();

	guards_probe(guards);
	CHECK_NUMBER(count_open_fds(), before);
	for (size_t i = 0; i < GUARD_COUNT; i++)
		CU_ASSERT(guards[i].name && guards[i].meaning && guards[i].meaning[0]);
	CU_ASSERT(find(guards, "pidfd")->in_force);
	CU_ASSERT(find(guards, "marker")->in_force);
	CU_ASSERT(holds_in_child(guards_refused, NULL));
}

static struct test tests[] = {
	{ "no newer calls, no cgroup, no CAP_SYS_ADMIN, an ordinary user", every_circumstance },
	{ "the parent's death without pidfds", the_parents_death_without_pidfds },
	{ "a PID namespace on an old kernel", a_pid_namespace_on_an_old_kernel },
	{ "handles where pidfds are missing", handles_without_pidfds },
	{ "which guards are in force", guards_here },
	{ NULL, NULL },
};
TEST_SUITE(run_old_kernel, tests);
