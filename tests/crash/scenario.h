/* What is interrupted, and what must hold afterwards. */
#ifndef CRASH_SCENARIO_H
#define CRASH_SCENARIO_H

#include "trace.h"
#include "world.h"

enum scenario {
	SCENARIO_SWEEP,	     /* of a dead app */
	SCENARIO_REAP,	     /* of the same by name */
	SCENARIO_RUN,	     /* a whole run that deploys */
	SCENARIO_RUN_FRESH,  /* the same over a dead predecessor */
	SCENARIO_LATE_SWEEP, /* removals are late; then a new run makes the volume again */
	SCENARIO_LATE_FRESH,
	SCENARIO_NAMESPACE, /* a run with --pid-namespace */
	SCENARIO_HOOKS,	    /* sweep, with a hook before and one after it */
	SCENARIO_ORPHANS,   /* sweep --orphans, after a reboot */
	SCENARIO_LEASE,	    /* sweep that takes a lease over of which no lockfile tells */
	SCENARIO_LEASE_RUN, /* run over such a lease */
	SCENARIO_COUNT,
};

struct scenario_traits {
	const char *name;
	bool dead;   /* there is a dead predecessor */
	bool is_run; /* what is interrupted is `run`, else `sweep` or `reap` */
	bool late;
	/* What the job leaves behind. One that only one kind of evidence leads to shows whether the
	 * lack of that evidence is taken for the lack of processes. */
	const char *stragglers;
	bool brief; /* in the sample only the kills, and no middle places */
	bool leases;
};
extern const struct scenario_traits scenarios[SCENARIO_COUNT];

/* program: the ci-janitor that is interrupted; the clean sweep is always the real one's. Returns
 * whether the fault came; what is wrong is in world->problems. ret_status: of the interrupted
 * command, as waitpid gives it. calls: NULL, or where its calls are appended. */
bool scenario_play(struct world *world, enum scenario scenario, const char *program,
		   const struct trace_fault *fault, int *ret_status, struct trace_calls *calls);

/* A run of the program gets the signal, and a sweep comes at once, while the engine has not yet
 * carried out what the job has asked for: what it creates then must be found, or have its lockfile.
 */
void scenario_cut_off(struct world *world, const char *program, int signal_number);

#endif
