#include <cap-ng.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/capabilities.h"
#include "kernel/child.h"
#include "process_support.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define REAP_BITS (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE))
#define LOOK_BITS (BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYS_PTRACE))

struct row {
	enum capability_profile profile;
	uint64_t kept;
};

static const struct row dropping[] = {
	{ CAPABILITIES_NONE, 0 },
	{ CAPABILITIES_LOOK, LOOK_BITS },
	{ CAPABILITIES_REAP, REAP_BITS },
};

static void expect_dropped_to(uint64_t kept)
{
	EXPECT(own_status_bits("CapEff") == kept);
	EXPECT(own_status_bits("CapPrm") == kept);
	EXPECT(own_status_bits("CapInh") == 0);
	EXPECT(own_status_bits("CapAmb") == 0);
	EXPECT(own_status_bits("NoNewPrivs") == 1);
}

/* By capset(2), so that the test doesn't lean on the library under test. */
static void have_only(uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)permitted, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(permitted >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	EXPECT(!syscall(SYS_capset, &header, data));
}

static void drop_as_root(void *data)
{
	const struct row *row = data;
	struct error err = { 0 };

	have_only(own_status_bits("CapPrm"), BIT(CAP_CHOWN) | BIT(CAP_KILL));
	EXPECT(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	EXPECT(!capabilities_drop(row->profile, &err));
	expect_dropped_to(row->kept);
	EXPECT(own_status_bits("CapBnd") == 0);
	/* Once more, with nothing left to drop, and never upwards. */
	EXPECT(!capabilities_drop(row->profile, &err));
	expect_dropped_to(row->kept);
	EXPECT(!capabilities_drop(CAPABILITIES_NONE, &err));
	expect_dropped_to(0);
	EXPECT(!capabilities_drop(CAPABILITIES_REAP, &err));
	expect_dropped_to(0);
}

static void test_as_root(void)
{
	for (size_t i = 0; i < sizeof(dropping) / sizeof(dropping[0]); i++) {
		struct row row = dropping[i];

		CU_ASSERT_TRUE(holds_in_child(drop_as_root, &row));
	}
}

/* What the caller never had is not asked for; without SETPCAP the bounding set stays. */
static void drop_with_some(void *data)
{
	uint64_t bounding = own_status_bits("CapBnd");

	(void)data;
	have_only(BIT(CAP_KILL) | BIT(CAP_CHOWN), 0);
	EXPECT(!capabilities_drop(CAPABILITIES_REAP, NULL));
	expect_dropped_to(BIT(CAP_KILL));
	EXPECT(own_status_bits("CapBnd") == bounding);
}

static void test_with_some(void)
{
	CU_ASSERT_TRUE(holds_in_child(drop_with_some, NULL));
}

static void drop_as_nobody(void *data)
{
	uint64_t bounding = own_status_bits("CapBnd");
	const struct row *row = data;

	become_nobody();
	EXPECT(!capabilities_drop(row->profile, NULL));
	expect_dropped_to(0);
	EXPECT(own_status_bits("CapBnd") == bounding);
}

static void run_as_nobody(void *data)
{
	(void)data;
	become_nobody();
	EXPECT(!capabilities_drop(CAPABILITIES_RUN, NULL));
	EXPECT(own_status_bits("CapPrm") == 0);
	EXPECT(own_status_bits("NoNewPrivs") == 0);
	EXPECT(!capabilities_restore());
}

static void test_as_an_ordinary_user(void)
{
	for (size_t i = 0; i < sizeof(dropping) / sizeof(dropping[0]); i++) {
		struct row row = dropping[i];

		CU_ASSERT_TRUE(holds_in_child(drop_as_nobody, &row));
	}
	CU_ASSERT_TRUE(holds_in_child(run_as_nobody, NULL));
}

static void enter_user_namespace(void)
{
	become_nobody();
	EXPECT(!unshare(CLONE_NEWUSER));
	EXPECT(own_status_bits("CapEff") != 0);
}

static void drop_in_user_namespace(void *data)
{
	const struct row *row = data;

	enter_user_namespace();
	EXPECT(!capabilities_drop(row->profile, NULL));
	expect_dropped_to(row->kept);
	EXPECT(own_status_bits("CapBnd") == 0);
}

static void test_in_user_namespace(void)
{
	for (size_t i = 0; i < sizeof(dropping) / sizeof(dropping[0]); i++) {
		struct row row = dropping[i];

		CU_ASSERT_TRUE(holds_in_child(drop_in_user_namespace, &row));
	}
}

struct sets {
	uint64_t effective, permitted, inheritable, bounding, ambient;
};

static struct sets sets_in(const char *status)
{
	return (struct sets){
		status_bits(status, "CapEff"), status_bits(status, "CapPrm"),
		status_bits(status, "CapInh"), status_bits(status, "CapBnd"),
		status_bits(status, "CapAmb"),
	};
}

static struct sets own_sets(void)
{
	char *status = read_text("/proc/self/status");
	struct sets sets = sets_in(status);

	free(status);
	return sets;
}

static void expect_equal(struct sets actual, struct sets expected)
{
	EXPECT(actual.effective == expected.effective);
	EXPECT(actual.permitted == expected.permitted);
	EXPECT(actual.inheritable == expected.inheritable);
	EXPECT(actual.bounding == expected.bounding);
	EXPECT(actual.ambient == expected.ambient);
}

/* What `cat /proc/self/status` sees when it is started with what we have. */
static struct sets sets_of_command(bool restore)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	int pipe_fds[2], status;
	bool exec_failed;
	struct sets sets;
	char *text;

	EXPECT(!pipe2(pipe_fds, O_CLOEXEC));
	setup.argv = WORDS("cat", "/proc/self/status");
	setup.stdout_fd = pipe_fds[1];
	setup.restore_capabilities = restore;
	EXPECT(!child_spawn(&setup, &child, &exec_failed, NULL));
	close(pipe_fds[1]);
	text = read_text_fd(pipe_fds[0]);
	close(pipe_fds[0]);
	EXPECT(child_wait(&child, true, &status) == 1 && status == 0);
	sets = sets_in(text);
	free(text);
	return sets;
}

static void check_run(void)
{
	struct sets before = own_sets(), during = before;
	struct sets command_before = sets_of_command(false);

	during.effective &= REAP_BITS;
	EXPECT(!capabilities_drop(CAPABILITIES_RUN, NULL));
	expect_equal(own_sets(), during);
	EXPECT(own_status_bits("NoNewPrivs") == 0);
	/* A second drop doesn't forget what the first one found. */
	EXPECT(!capabilities_drop(CAPABILITIES_RUN, NULL));
	expect_equal(sets_of_command(true), command_before);
	expect_equal(own_sets(), during);
	EXPECT(!capabilities_restore());
	expect_equal(own_sets(), before);
}

static void run_as_root(void *data)
{
	(void)data;
	check_run();
}

/* A service with AmbientCapabilities=: the command must get them too. */
static void run_with_ambient(void *data)
{
	const uint64_t some = BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_KILL);

	(void)data;
	EXPECT(!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	become_nobody();
	have_only(some, some);
	EXPECT(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
	EXPECT(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	check_run();
}

static void run_in_user_namespace(void *data)
{
	(void)data;
	enter_user_namespace();
	check_run();
}

static void test_run_gives_back(void)
{
	CU_ASSERT_TRUE(holds_in_child(run_as_root, NULL));
	CU_ASSERT_TRUE(holds_in_child(run_with_ambient, NULL));
	CU_ASSERT_TRUE(holds_in_child(run_in_user_namespace, NULL));
}

static void restore_without_drop(void *data)
{
	struct sets before = own_sets();

	(void)data;
	EXPECT(!capabilities_restore());
	expect_equal(own_sets(), before);
}

static void test_restore_without_drop(void)
{
	CU_ASSERT_TRUE(holds_in_child(restore_without_drop, NULL));
}

static const struct test tests[] = {
	{ "as root: exactly the profile is left", test_as_root },
	{ "with some capabilities only", test_with_some },
	{ "as an ordinary user: nothing to drop", test_as_an_ordinary_user },
	{ "as the owner of a user namespace", test_in_user_namespace },
	{ "run: the command gets what the caller had", test_run_gives_back },
	{ "restore without a drop", test_restore_without_drop },
	{ NULL, NULL },
};
TEST_SUITE(capabilities, tests)
