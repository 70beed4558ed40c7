/* What a run costs while it does nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "process_support.h"
#include "run_fixture.h"

#define PRIVATE_MAX_KIB 1536
#define IDLE_MS 5000

static long number_in(pid_t pid, const char *file, const char *name)
{
	char path[64];
	char *text;
	long number;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	text = read_text(path);
	number = text ? number_after(text, name) : -1;
	free(text);
	return number;
}

static long switches(pid_t pid)
{
	return number_in(pid, "status", "\nvoluntary_ctxt_switches:") +
	       number_in(pid, "status", "nonvoluntary_ctxt_switches:");
}

static long private_kib(pid_t pid)
{
	return number_in(pid, "smaps_rollup", "Private_Clean:") +
	       number_in(pid, "smaps_rollup", "Private_Dirty:");
}

/* It watches signals, its child, its parent and its lockfile, and sleeps through all of it. */
static void look_at(struct process *process, const char *what)
{
	long before, after = -1, kib;

	/* One wake-up, a second after CMD's start: the watch on the lockfile. */
	for (int i = 0; i < 5; i++) {
		before = after;
		usleep(1800000);
		after = switches(process->pid);
		if (after == before)
			break;
	}
	before = after;
	usleep(IDLE_MS * 1000);
	after = switches(process->pid);
	kib = private_kib(process->pid);
	printf("(%s: %ld switches in %d s, %ld KiB private) ", what, after - before, IDLE_MS / 1000,
	       kib);
	CHECK_NUMBER(after - before, 0);
#ifndef __SANITIZE_ADDRESS__
	CU_ASSERT(kib > 0 && kib <= PRIVATE_MAX_KIB);
#endif
}

static void while_the_command_runs(void)
{
	const char *dir = temp_dir();
	struct process process;

	process_start(&process, RUN "--deadline 1h shop -- sh -c 'echo ready; exec sleep 600'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	look_at(&process, "running");
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 143);
}

/* The kernel wakes whoever waits for the lock; nobody asks again and again. */
static void while_it_waits(void)
{
	const char *dir = temp_dir();
	struct process holder, waiter;

	process_start(&holder, RUN "shop -- sh -c 'echo ready; exec sleep 600'", dir);
	CU_ASSERT(wait_for_output(&holder, "ready"));
	process_start(&waiter, RUN "shop -- true", dir);
	CU_ASSERT(wait_for_errors(&waiter, "waiting for"));
	look_at(&waiter, "waiting");
	kill(holder.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&holder, SOON_MS, NULL), 143);
	CHECK_NUMBER(process_wait(&waiter, SOON_MS, NULL), 0);
}

static struct test tests[] = {
	{ "while the command runs", while_the_command_runs },
	{ "while it waits", while_it_waits },
	{ NULL, NULL },
};
TEST_SUITE(run_idle, tests);
