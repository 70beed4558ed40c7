/* doctor: is this machine fit for ci-janitor, and is anything odd about its locks? */
#include "base/cleanup.h"
#include "doctor_internal.h"

static struct {
	const char *active_runs;
} given;

const struct option_spec doctor_options_table[] = {
	{ "active-runs", 0, OPTION_TEXT, &given.active_runs, "FILE",
	  "the runs that the CI server says are alive: an app, holder or run id a line; - for "
	  "standard input",
	  0, 0, NULL },
	OPTIONS_END,
};

static void check_all(struct context *context, struct finding_list *findings)
{
	struct lock_dir dir;

	doctor_check_config(context, findings);
	doctor_check_privileges(findings);
	if (doctor_check_lock_dir(context, &dir, findings)) {
		doctor_check_exclusion(&dir, findings);
		doctor_check_locks(context, &dir, given.active_runs, findings);
		lock_dir_close(&dir);
	}
	doctor_check_engine(context, findings);
	doctor_check_timer(context, findings);
}

int command_doctor(struct context *context, char **operands)
{
	CLEANUP(finding_list_release) struct finding_list findings = { 0 };
	struct error err = { .kind = ERROR_NONE };

	(void)operands;
	doctor_check_guards(&findings);
	if (capabilities_drop(CAPABILITIES_REAP, &err) < 0)
		return command_fail(&err);
	check_all(context, &findings);
	if (report_findings(&context->report, &findings, &err) < 0 ||
	    report_finish(&context->report, &err) < 0)
		return command_fail(&err);
	return finding_count(&findings, FINDING_PROBLEM) ? 1 : 0;
}
