/* What each command keeps of root's capabilities, as the kernel shows it in /proc/PID/status while
 * the command is held up: by an engine that never answers, or by a full pipe as its standard
 * output. */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "process_support.h"
#include "run_fixture.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define REAP_BITS (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE))
#define LOOK_BITS (BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYS_PTRACE))
#define STUBBORN "--kill-grace 1m -- sh -c 'trap \"\" TERM; while :; do sleep 1; done'"

static const struct {
	const char *command;
	uint64_t kept;
} rows[] = {
	{ "path shop", 0 },
	{ "--json status shop", LOOK_BITS },
	{ "--json list", LOOK_BITS },
	{ "list --resources", LOOK_BITS },
	{ "--json sweep", REAP_BITS },
	{ "reap other", REAP_BITS },
	{ "--json doctor", REAP_BITS },
	{ "release shop --wait 1m", REAP_BITS },
};

static uint64_t bits_of(pid_t pid, const char *name)
{
	char path[64], *status;
	uint64_t bits;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = read_text(path);
	bits = status ? status_bits(status, name) : UINT64_MAX;
	free(status);
	return bits;
}

/* Once dropped, a capability never comes back: what is seen once is so to the end. */
struct wanted {
	pid_t pid;
	uint64_t kept;
};

static bool has_only(void *data)
{
	const struct wanted *wanted = data;

	return bits_of(wanted->pid, "CapEff") == wanted->kept &&
	       bits_of(wanted->pid, "CapPrm") == wanted->kept &&
	       bits_of(wanted->pid, "CapInh") == 0 && bits_of(wanted->pid, "CapBnd") == 0 &&
	       bits_of(wanted->pid, "CapAmb") == 0 && bits_of(wanted->pid, "NoNewPrivs") == 1;
}

static int full_pipe(const char *dir)
{
	char path[512], bytes[4096] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/full", dir);
	CHECK_NUMBER(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	return fd;
}

static void check_row(size_t row, const char *dir)
{
	struct wanted wanted = { .kept = rows[row].kept };
	struct process process;

	process_start(&process, "exec " PROGRAM " --lock-dir %s -H unix://%s/engine %s >%s/full",
		      dir, dir, rows[row].command, dir);
	wanted.pid = process.pid;
	if (!wait_until(has_only, &wanted, SOON_MS)) {
		fprintf(stderr, "\n%s: CapEff %llx CapPrm %llx CapBnd %llx\n", rows[row].command,
			(unsigned long long)bits_of(wanted.pid, "CapEff"),
			(unsigned long long)bits_of(wanted.pid, "CapPrm"),
			(unsigned long long)bits_of(wanted.pid, "CapBnd"));
		CU_FAIL("not dropped");
	}
	process_kill(&process);
}

static bool has_child(void *data)
{
	return child_of(*(pid_t *)data) > 0;
}

/* Its own effective set only: CMD gets all that the caller had. */
static void check_run(const char *dir, struct process *run)
{
	struct record record;
	pid_t command;

	CU_ASSERT_TRUE(wait_until(has_child, &run->pid, SOON_MS));
	command = child_of(run->pid);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT_TRUE(wait_for_mark(command, record.run_id));
	CHECK_NUMBER(bits_of(run->pid, "CapEff"), REAP_BITS & own_status_bits("CapEff"));
	CHECK_NUMBER(bits_of(run->pid, "CapPrm"), own_status_bits("CapPrm"));
	CHECK_NUMBER(bits_of(command, "CapEff"), own_status_bits("CapEff"));
	CHECK_NUMBER(bits_of(command, "CapPrm"), own_status_bits("CapPrm"));
	CHECK_NUMBER(bits_of(command, "CapBnd"), own_status_bits("CapBnd"));
}

static void test_commands(void)
{
	const char *dir = temp_dir();
	int engine = listening_socket(dir, "engine"), full = full_pipe(dir);
	struct process run;

	process_start(&run, RUN "shop " STUBBORN, dir);
	CU_ASSERT_TRUE(wait_for_phase(dir, "shop", RUN_PHASE_RUNNING));
	check_run(dir, &run);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i, dir);
	process_kill(&run);
	lockfile_drop_cgroup(dir, "shop");
	close(full);
	close(engine);
}

static const struct test tests[] = {
	{ "of root's, each command keeps its own only", test_commands },
	{ NULL, NULL },
};
TEST_SUITE(command_capabilities, tests)
