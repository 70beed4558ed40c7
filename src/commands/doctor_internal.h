/* The parts of `doctor`: each adds its findings, one line per check. */
#ifndef COMMANDS_DOCTOR_INTERNAL_H
#define COMMANDS_DOCTOR_INTERNAL_H

#include "commands_internal.h"
#include "model/finding.h"

/* doctor_machine.c */
/* To be asked first, with the capabilities of `run`. */
void doctor_check_guards(struct finding_list *findings);
void doctor_check_config(const struct context *context, struct finding_list *findings);
/* With the capabilities of `sweep`. */
void doctor_check_privileges(struct finding_list *findings);
void doctor_check_timer(const struct context *context, struct finding_list *findings);
void doctor_check_engine(const struct context *context, struct finding_list *findings);

/* doctor_leases.c */
void doctor_check_leases(const struct context *context, const struct engine_port *port,
			 struct finding_list *findings);

/* doctor_lock_dir.c: true when the directory is open in *ret, for the caller to close. */
bool doctor_check_lock_dir(const struct context *context, struct lock_dir *ret,
			   struct finding_list *findings);
/* Two real processes exclude each other in it, and the lock of a killed one is free. */
void doctor_check_exclusion(const struct lock_dir *dir, struct finding_list *findings);

/* doctor_locks.c: what is odd about the locks. active_runs: NULL, or a file ("-": standard input)
 * with the runs that the CI server says are alive. */
void doctor_check_locks(const struct context *context, const struct lock_dir *dir,
			const char *active_runs, struct finding_list *findings);

/* doctor_runs.c: the CI server's word on which runs are alive, against the held locks. */
void doctor_check_active_runs(const char *path, const struct lock_view *views, size_t count,
			      struct finding_list *findings);

#endif
