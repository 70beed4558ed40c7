#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "harness/harness.h"
#include "kernel/child.h"
#include "kernel/marked.h"
#include "kernel/run_fixture.h"
#include "mark_support.h"

#define SLEEP "exec sleep 1000"
#define STUBBORN "trap '' TERM HUP INT; while :; do sleep 99; done"

IN_CHILD(daemons_of_a_run)
{
	struct mark mark, other;
	size_t fds = count_open_fds();
	pid_t pids[3], others;

	make_mark(&mark);
	make_mark(&other);
	EXPECT(kill_pass(mark.id) == 0);
	pids[0] = start_daemon(SLEEP, mark.environment);
	pids[1] = start_daemon(STUBBORN, mark.environment);
	pids[2] = start_daemon("sleep 1000 & exec sleep 1000", mark.environment);
	others = start_daemon(SLEEP, other.environment);
	EXPECT(kill_pass(mark.id) >= 3);
	kill_all_marked(mark.id);
	for (size_t i = 0; i < 3; i++)
		EXPECT(ends_soon(pids[i]));
	EXPECT(!kill(others, 0));
	EXPECT(kill_pass(other.id) == 1);
	EXPECT(ends_soon(others));
	EXPECT(count_open_fds() == fds);
}

IN_CHILD(two_hundred_runs)
{
	enum { COUNT = 200, LIVE = 5 };
	static struct mark marks[COUNT];
	const char *ids[COUNT];
	size_t counts[COUNT];
	uint64_t unread;
	pid_t pids[LIVE];

	for (size_t i = 0; i < COUNT; i++) {
		make_mark(&marks[i]);
		ids[i] = marks[i].id;
	}
	for (size_t i = 0; i < LIVE; i++)
		pids[i] = start_daemon(SLEEP, marks[i * 40].environment);
	EXPECT(!marked_kill(ids, COUNT, counts, &unread, NULL));
	for (size_t i = 0; i < COUNT; i++)
		EXPECT(counts[i] == (i % 40 == 0));
	for (size_t i = 0; i < LIVE; i++)
		EXPECT(ends_soon(pids[i]));
	EXPECT(!marked_kill(ids, COUNT, counts, &unread, NULL));
	for (size_t i = 0; i < COUNT; i++)
		EXPECT(counts[i] == 0);
	EXPECT(!marked_kill(NULL, 0, NULL, &unread, NULL));
}

/* The same id twice must not make one of the two look proved. */
IN_CHILD(an_id_given_twice)
{
	struct mark mark;
	const char *ids[3];
	size_t counts[3];
	uint64_t unread;
	pid_t pid;

	make_mark(&mark);
	ids[0] = ids[2] = mark.id;
	ids[1] = "another";
	pid = start_daemon(SLEEP, mark.environment);
	EXPECT(!marked_kill(ids, 3, counts, &unread, NULL));
	EXPECT(counts[0] == 1 && counts[1] == 0 && counts[2] == 1);
	EXPECT(ends_soon(pid));
}

/* The marker counts as a whole entry only. */
IN_CHILD(look_alikes)
{
	struct mark mark;
	char inside[128], longer[128], shorter[128], prefixed[128];
	char *rows[] = { inside, longer, shorter, prefixed };

	make_mark(&mark);
	snprintf(inside, sizeof(inside), "X=%s", mark.entry);
	snprintf(longer, sizeof(longer), "%s0", mark.entry);
	snprintf(shorter, sizeof(shorter), "%s", mark.entry);
	shorter[strlen(shorter) - 1] = '\0';
	snprintf(prefixed, sizeof(prefixed), "MY_%s", mark.entry);
	for (size_t i = 0; i < 4; i++) {
		char *environment[] = { search_path, rows[i], NULL };
		pid_t pid = start_daemon(SLEEP, environment);

		EXPECT(kill_pass(mark.id) == 0);
		EXPECT(!kill(pid, SIGKILL));
		EXPECT(ends_soon(pid));
	}
}

static void start_with_marker_at(size_t place, size_t count)
{
	char **environment = calloc(count + 1, sizeof(*environment));
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	bool exec_failed;
	struct mark mark;
	int status;

	make_mark(&mark);
	for (size_t i = 0; i < count; i++) {
		environment[i] = malloc(100001);
		memset(environment[i], 'x', 100000);
		environment[i][100000] = '\0';
	}
	environment[place] = mark.entry;
	setup.argv = WORDS("sleep", "1000");
	setup.envp = environment;
	setup.death_signal = SIGKILL;
	EXPECT(!child_spawn(&setup, &child, &exec_failed, NULL));
	EXPECT(wait_for_mark(child.pid, mark.id)); /* its exec has begun, and may not be done */
	EXPECT(kill_pass(mark.id) == 1);
	EXPECT(child_wait(&child, true, &status) == 1);
}

IN_CHILD(large_environments)
{
	start_with_marker_at(0, 18);
	start_with_marker_at(9, 18);
	start_with_marker_at(17, 18);
	start_with_marker_at(0, 1);
}

IN_CHILD(a_zombie_does_not_count)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	struct mark mark;
	bool exec_failed;
	int status;

	make_mark(&mark);
	setup.argv = WORDS("sleep", "1000");
	setup.envp = mark.environment;
	EXPECT(!child_spawn(&setup, &child, &exec_failed, NULL));
	EXPECT(wait_for_mark(child.pid, mark.id)); /* its exec has begun, and may not be done */
	EXPECT(kill_pass(mark.id) == 1);
	EXPECT(ends_soon(child.pid));
	EXPECT(kill_pass(mark.id) == 0);
	EXPECT(child_wait(&child, true, &status) == 1);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void janitor_with_the_mark(void *data)
{
	const struct mark *mark = data;
	pid_t pid;

	wear(mark);
	pid = start_daemon(SLEEP, mark->environment);
	EXPECT(kill_pass(mark->id) == 1);
	EXPECT(ends_soon(pid));
	EXPECT(kill_pass(mark->id) == 0);
}

IN_CHILD(never_ourselves)
{
	struct mark mark;

	make_mark(&mark);
	EXPECT(holds_in_child(janitor_with_the_mark, &mark));
}

static void as_nobody(void *data)
{
	struct mark *marks = data;
	const char *ids[] = { marks[0].id, marks[1].id };
	struct error err = { 0 };
	size_t counts[2];
	uint64_t unread;
	pid_t pid;

	become_nobody();
	pid = start_daemon(SLEEP, marks[1].environment);
	EXPECT(!marked_kill(ids, 2, counts, &unread, &err));
	EXPECT(counts[0] == 0 && counts[1] == 1 && err.kind == ERROR_NONE);
	EXPECT(ends_soon(pid));
}

IN_CHILD(ordinary_users_see_their_own)
{
	struct mark marks[2];
	pid_t pid;

	make_mark(&marks[0]);
	make_mark(&marks[1]);
	pid = start_daemon(SLEEP, marks[0].environment);
	EXPECT(holds_in_child(as_nobody, marks));
	EXPECT(!kill(pid, 0));
	EXPECT(kill_pass(marks[0].id) == 1);
	EXPECT(ends_soon(pid));
}

/* Looking into is allowed, signalling is not. */
static void without_kill(void *data)
{
	const uint32_t bits = 1U << CAP_SYS_PTRACE | 1U << CAP_DAC_READ_SEARCH;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { bits, bits, 0 } };
	const struct mark *mark = data;
	const char *ids[] = { mark->id };
	struct error err = { 0 };
	uint64_t unread;
	size_t count;

	EXPECT(!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	become_nobody();
	EXPECT(!syscall(SYS_capset, &header, sets));
	EXPECT(!marked_kill(ids, 1, &count, &unread, &err));
	EXPECT(count == 1);
	EXPECT(err.kind == ERROR_PERMISSION && err.sys_errno == EPERM);
	EXPECT(strstr(err.message, "unable to kill process ") == err.message);
}

IN_CHILD(found_but_not_permitted)
{
	struct mark mark;
	pid_t pid;

	make_mark(&mark);
	pid = start_daemon(SLEEP, mark.environment);
	EXPECT(holds_in_child(without_kill, &mark));
	EXPECT(!kill(pid, 0));
	EXPECT(kill_pass(mark.id) == 1);
	EXPECT(ends_soon(pid));
}

static const struct test tests[] = {
	{ "daemons of a run", test_daemons_of_a_run },
	{ "two hundred runs in one pass", test_two_hundred_runs },
	{ "an id given twice", test_an_id_given_twice },
	{ "look-alikes are left alone", test_look_alikes },
	{ "large environments", test_large_environments },
	{ "a zombie doesn't count", test_a_zombie_does_not_count },
	{ "never ourselves", test_never_ourselves },
	{ "ordinary users see their own", test_ordinary_users_see_their_own },
	{ "found, but not permitted", test_found_but_not_permitted },
	{ NULL, NULL },
};
TEST_SUITE(marked, tests)
