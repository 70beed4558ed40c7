#include "harness/harness.h"
#include "run/phase.h"

struct row {
	enum run_phase phase;
	enum run_event event;
	enum run_action action;
};

/* What must happen; each pair that isn't here must be ignored. */
static const struct row rows[] = {
	{ RUN_PHASE_WAITING, RUN_EVENT_STOP, RUN_ACTION_LEAVE },
	{ RUN_PHASE_WAITING, RUN_EVENT_HURRY, RUN_ACTION_LEAVE },
	{ RUN_PHASE_WAITING, RUN_EVENT_QUIT, RUN_ACTION_LEAVE },
	{ RUN_PHASE_WAITING, RUN_EVENT_SIGNAL, RUN_ACTION_SUSPEND },
	{ RUN_PHASE_WAITING, RUN_EVENT_CHILD, RUN_ACTION_CONFIRM },
	{ RUN_PHASE_WAITING, RUN_EVENT_LIMIT, RUN_ACTION_LOOK },
	{ RUN_PHASE_WAITING, RUN_EVENT_TICK, RUN_ACTION_LOOK },

	{ RUN_PHASE_FRESH_START, RUN_EVENT_STOP, RUN_ACTION_END_FRESH },
	{ RUN_PHASE_FRESH_START, RUN_EVENT_HURRY, RUN_ACTION_KILL_FRESH },
	{ RUN_PHASE_FRESH_START, RUN_EVENT_QUIT, RUN_ACTION_END_FRESH },
	{ RUN_PHASE_FRESH_START, RUN_EVENT_SIGNAL, RUN_ACTION_SUSPEND },
	{ RUN_PHASE_FRESH_START, RUN_EVENT_CHILD, RUN_ACTION_JUDGE_FRESH },
	{ RUN_PHASE_FRESH_START, RUN_EVENT_LIMIT, RUN_ACTION_KILL_FRESH },

	{ RUN_PHASE_RUNNING, RUN_EVENT_STOP, RUN_ACTION_STOP },
	{ RUN_PHASE_RUNNING, RUN_EVENT_HURRY, RUN_ACTION_STOP },
	{ RUN_PHASE_RUNNING, RUN_EVENT_QUIT, RUN_ACTION_PASS_ON },
	{ RUN_PHASE_RUNNING, RUN_EVENT_SIGNAL, RUN_ACTION_PASS_ON },
	{ RUN_PHASE_RUNNING, RUN_EVENT_CHILD, RUN_ACTION_TEARDOWN },
	{ RUN_PHASE_RUNNING, RUN_EVENT_DEADLINE, RUN_ACTION_STOP },
	{ RUN_PHASE_RUNNING, RUN_EVENT_TICK, RUN_ACTION_WATCH },
	{ RUN_PHASE_RUNNING, RUN_EVENT_LOCKFILE, RUN_ACTION_CHECK },
	{ RUN_PHASE_RUNNING, RUN_EVENT_LEASE_LATE, RUN_ACTION_STOP },
	{ RUN_PHASE_RUNNING, RUN_EVENT_LEASE_OVER, RUN_ACTION_STOP },

	{ RUN_PHASE_STOPPING, RUN_EVENT_HURRY, RUN_ACTION_KILL },
	{ RUN_PHASE_STOPPING, RUN_EVENT_QUIT, RUN_ACTION_PASS_ON },
	{ RUN_PHASE_STOPPING, RUN_EVENT_SIGNAL, RUN_ACTION_PASS_ON },
	{ RUN_PHASE_STOPPING, RUN_EVENT_CHILD, RUN_ACTION_TEARDOWN },
	{ RUN_PHASE_STOPPING, RUN_EVENT_LIMIT, RUN_ACTION_KILL },
	{ RUN_PHASE_STOPPING, RUN_EVENT_LOCKFILE, RUN_ACTION_CHECK },
	{ RUN_PHASE_STOPPING, RUN_EVENT_LEASE_OVER, RUN_ACTION_KILL },

	{ RUN_PHASE_TEARDOWN, RUN_EVENT_CHILD, RUN_ACTION_RELEASE },
	{ RUN_PHASE_TEARDOWN, RUN_EVENT_LIMIT, RUN_ACTION_END_TEARDOWN },
};

static enum run_action wanted(enum run_phase phase, enum run_event event)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].phase == phase && rows[i].event == event)
			return rows[i].action;
	return RUN_ACTION_NONE;
}

static void every_pair(void)
{
	for (int phase = 0; phase < RUN_PHASE_COUNT; phase++)
		for (int event = 0; event < RUN_EVENT_COUNT; event++)
			CHECK_NUMBER(run_phase_action((enum run_phase)phase, (enum run_event)event),
				     wanted((enum run_phase)phase, (enum run_event)event));
}

/* A stop is begun once, and a teardown is interrupted by no signal. */
static void no_signal_does_it_twice(void)
{
	static const enum run_event signals[] = { RUN_EVENT_STOP, RUN_EVENT_HURRY, RUN_EVENT_QUIT,
						  RUN_EVENT_SIGNAL, RUN_EVENT_DEADLINE };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		CU_ASSERT(run_phase_action(RUN_PHASE_STOPPING, signals[i]) != RUN_ACTION_STOP);
		CHECK_NUMBER(run_phase_action(RUN_PHASE_TEARDOWN, signals[i]), RUN_ACTION_NONE);
	}
}

/* CMD's end is never missed, and every phase with a child reacts to its end. */
static void no_child_is_forgotten(void)
{
	for (int phase = RUN_PHASE_WAITING; phase < RUN_PHASE_RELEASED; phase++)
		CU_ASSERT(run_phase_action((enum run_phase)phase, RUN_EVENT_CHILD) !=
			  RUN_ACTION_NONE);
}

static struct test tests[] = {
	{ "every phase and event", every_pair },
	{ "no signal stops twice or interrupts a teardown", no_signal_does_it_twice },
	{ "a child's end is acted on in every phase", no_child_is_forgotten },
	{ NULL, NULL },
};
TEST_SUITE(phase, tests);
