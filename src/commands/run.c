#include <unistd.h>

#include "base/cleanup.h"
#include "run_arguments_internal.h"

const struct option_spec run_options_table[] = {
	{ "if-held", 0, OPTION_CHOICE, &run_arguments.if_held, "WHAT",
	  "what to do while another run holds APP (default: wait)", 0, 0, if_held_words },
	RUN_OPTION("deadline", 0, DURATION, deadline_ms, "D", "stop CMD after D"),
	RUN_OPTION("kill-grace", 0, DURATION, kill_grace_ms, "D",
		   "between asking CMD to stop and killing it"),
	RUN_OPTION("keep-on-failure", 0, DURATION, keep_ms, "D",
		   "when CMD fails, keep what it made for D"),
	RUN_OPTION("pid-namespace", 0, FLAG, pid_namespace, NULL,
		   "run CMD in a PID namespace, which ends with this run"),
	RUN_OPTION("hold-lock", 0, FLAG, hold_lock, NULL,
		   "every process that CMD starts holds the lock as well"),
	RUN_SHARED_OPTIONS,
	OPTIONS_END,
};

int command_run(struct context *context, char **operands)
{
	CLEANUP(run_prepared_release) struct run_prepared run;
	const struct run_parent parent = run_parent_remember();
	struct error err = { .kind = ERROR_NONE };

	if (run_prepare(&run, context, operands[0], getpid(), &err) < 0)
		return command_fail(&err);
	run.options.command = operands + 1;
	run.options.parent = parent;
	if (run_arguments.sweep)
		run_sweep_first(&run.own);
	return supervisor_run(&run.options);
}
