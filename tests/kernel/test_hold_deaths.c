/* `hold` and what it leaves behind, one of them killed on the way from the first to the second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "hold_fixture.h"

/* The entry of a process's nth such call is where it dies. */
struct fault {
	const char *follow; /* "": `hold` itself, "-f": whoever makes it first */
	const char *call;
	int number;
};

static const struct fault faults[] = {
	{ "", "pidfd_open", 1 },   { "", "socketpair", 1 }, { "", "pipe2", 1 },
	{ "", "signalfd4", 1 },	   { "", "/^p?poll$", 2 },  { "", "recvfrom", 1 },
	{ "", "write", 1 },	   { "", "sendto", 1 },	    { "-f", "setsid", 1 },
	{ "-f", "/^dup[23]$", 1 }, { "-f", "chdir", 1 },    { "-f", "signalfd4", 1 },
	{ "-f", "flock", 1 },	   { "-f", "linkat", 1 },   { "-f", "pwrite64", 1 },
	{ "-f", "pwrite64", 2 },   { "-f", "sendto", 1 },   { "-f", "/^dup[23]$", 4 },
};

/* Whoever is told of a hold has one. Of whom nobody was told holds nothing. */
static void killed_at(const struct fault *fault)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process hold;
	struct record record;
	int status;

	/* The leak sanitizer can't work where strace does. */
	process_start(
		&hold,
		"ASAN_OPTIONS=detect_leaks=0 exec strace -D -qq %s -o %s/trace -e 'trace=%s' -e "
		"'inject=%s:signal=KILL:when=%d' %s --lock-dir %s hold --no-fresh "
		"--no-teardown --log %s/log --pid %d shop",
		fault->follow, dir, fault->call, fault->call, fault->number, PROGRAM, dir, dir,
		(int)getpid());
	status = process_wait(&hold, SOON_MS, &result);
	if (status == 0)
		CHECK_NUMBER(strlen(result.output), 33);
	else
		CHECK_NUMBER(status, 128 + SIGKILL);
	/* The fault happens, perhaps to a holder whose `hold` has ended well. */
	CHECK_NUMBER(run_command(&result,
				 "for i in $(seq 400); do grep -q 'killed by SIGKILL' %s/trace && "
				 "exit 0; sleep 0.05; done; exit 1",
				 dir),
		     0);
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	lockfile_record(dir, "shop", &record);
	if (record.pid > 0)
		CU_ASSERT(wait_for_end(record.pid));
}

static void killed_in_the_handover(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		unsigned before = CU_get_number_of_failures();

		killed_at(&faults[i]);
		if (CU_get_number_of_failures() != before)
			printf("\n    %s %s %d\n", faults[i].follow, faults[i].call,
			       faults[i].number);
	}
}

static const struct test tests[] = {
	{ "killed at each call on the way", killed_in_the_handover },
	{ NULL, NULL },
};
TEST_SUITE(hold_deaths, tests)
