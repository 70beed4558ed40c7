/* What the tests of `hold` and `release` share. */
#ifndef KERNEL_HOLD_FIXTURE_H
#define KERNEL_HOLD_FIXTURE_H

#include "kernel/run_fixture.h"

/* Stands for the CI's agent: sleeps. */
void hold_agent(struct process *ret);

/* Makes the scripts `hold` and `release` in the folder of that name: the commands with this lock
 * directory, and without an engine. Returns the folder. */
const char *hold_script(const char *dir);

/* Does a process hold the lock that the record names? */
bool hold_is_running(const char *dir, const char *app);

/* Starts a hold that is tied to this process, and reads its record. */
void hold_start(const char *dir, const char *app, const char *options, struct record *ret);

#endif
