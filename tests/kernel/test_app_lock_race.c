/* Many processes that acquire, probe, forget and are killed: never two holders at once. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"

#define PROCESSES 6
#define KILLS_MAX 100000
#define RACE_MS 1500
#define RACE_MAX_MS 60000 /* on a machine with much else to do */

struct shared {
	/* The holder's pid. A killed holder leaves its own, so that a number of a process that is
	 * not known to have been killed is the violation. */
	_Atomic pid_t holder;
	_Atomic pid_t killed[KILLS_MAX];
	atomic_int kills;
	atomic_int turns[2]; /* as a run, as a janitor */
	atomic_int forgets;
	atomic_int violations;
	atomic_int errors;
};

static bool was_killed(struct shared *shared, pid_t pid)
{
	int kills = shared->kills;

	for (int i = 0; i < kills; i++)
		if (shared->killed[i] == pid)
			return true;
	return false;
}

static void enter(struct shared *shared)
{
	pid_t before = atomic_exchange(&shared->holder, getpid());

	if (before && !was_killed(shared, before))
		shared->violations++;
}

static void leave(struct shared *shared)
{
	if (atomic_exchange(&shared->holder, 0) != getpid())
		shared->violations++;
}

static void take_turn(struct lock_fixture *fixture, struct shared *shared, bool janitor,
		      unsigned *seed)
{
	struct app_lock lock = APP_LOCK_NONE;
	bool created = false;
	int result = janitor ? app_lock_probe(&fixture->dir, &fixture->hash, &lock, NULL)
			     : app_lock_try(&fixture->dir, &fixture->hash, LOCK_ROLE_RUN,
					    &fixture->record, &lock, &created, NULL);

	if (result < 0)
		shared->errors++;
	if (result != LOCK_FREE) {
		app_lock_release(&lock);
		return;
	}
	enter(shared);
	shared->turns[janitor]++;
	if (rand_r(seed) % 4 == 0)
		usleep((useconds_t)(rand_r(seed) % 200));
	leave(shared);
	if (rand_r(seed) % 3 == 0) {
		app_lock_release(&lock);
		return;
	}
	if (app_lock_forget(&fixture->dir, &lock, NULL) != LOCK_FREE)
		shared->errors++;
	else
		shared->forgets++;
}

static pid_t start(struct lock_fixture *fixture, struct shared *shared, int number)
{
	unsigned seed;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed = (unsigned)getpid();
	for (;;)
		take_turn(fixture, shared, number % 3 == 0, &seed);
}

/* The number is noted first: the kernel frees the lock before anyone can be told. */
static void kill_one(struct shared *shared, pid_t pid)
{
	shared->killed[shared->kills] = pid;
	shared->kills++;
	CHECK_NUMBER(kill(pid, SIGKILL), 0);
	CHECK_NUMBER(waitpid(pid, NULL, 0), pid);
}

/* Has enough happened to say anything? */
static bool is_enough(const struct shared *shared)
{
	return shared->turns[0] > 100 && shared->turns[1] > 10 && shared->forgets > 100 &&
	       shared->kills > 50;
}

static void test_race(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t began = now_ms();
	struct app_lock lock = APP_LOCK_NONE;
	pid_t pids[PROCESSES];
	unsigned seed = 1;
	bool created;

	CU_ASSERT_FATAL(shared != MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++)
		pids[i] = start(&fixture, shared, i);
	while (now_ms() < began + RACE_MS ||
	       (!is_enough(shared) && shared->kills < KILLS_MAX - PROCESSES &&
		now_ms() < began + RACE_MAX_MS)) {
		int victim = rand_r(&seed) % PROCESSES;

		usleep((useconds_t)(rand_r(&seed) % 3000));
		kill_one(shared, pids[victim]);
		pids[victim] = start(&fixture, shared, victim);
	}
	for (int i = 0; i < PROCESSES; i++)
		kill_one(shared, pids[i]);
	CHECK_NUMBER(shared->violations, 0);
	CHECK_NUMBER(shared->errors, 0);
	CU_ASSERT_TRUE(is_enough(shared));
	/* Whatever was killed where: the next one gets it. */
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CHECK_NUMBER(app_lock_forget(&fixture.dir, &lock, NULL), LOCK_FREE);
	munmap(shared, sizeof(*shared));
	fixture_close(&fixture);
}

static const struct test tests[] = {
	{ "one holder at a time, whoever is killed", test_race },
	{ NULL, NULL },
};
TEST_SUITE(app_lock_race, tests)
