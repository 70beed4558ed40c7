/* What the tests of `ci-janitor run` share: the built program, lockfiles, waiting for output. */
#ifndef KERNEL_RUN_FIXTURE_H
#define KERNEL_RUN_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "harness/command.h"
#include "model/record.h"

#define PROGRAM BUILD_DIR "/ci-janitor"
/* No engine is contacted. The format's first argument is the lock directory. */
#define RUN "exec " PROGRAM " --lock-dir %s run --no-fresh --no-teardown "
/* The same, of a run that means the engine at that socket in the directory, which is the second
 * argument as well. */
#define RUN_WITH_ENGINE(name)                                                                      \
	"exec " PROGRAM " --lock-dir %s -H unix://%s/" name " run --no-fresh --no-teardown "
#define SOON_MS 60000

/* The program where ordinary users reach it, too: a clone may be in root's own folder. */
const char *program_for_all(void);
/* A lock directory for everybody. */
const char *open_dir(void);

/* For a mount namespace of one's own in a container without such devices. */
#define NEED_LOOP_DEVICES "{ test -e /dev/loop-control || mount -t devtmpfs none /dev; }"

/* The path of the app's lockfile, in a buffer that lives until the next call. */
const char *lockfile_path(const char *dir, const char *app);
bool lockfile_exists(const char *dir, const char *app);

/* Takes flock on the app's lockfile (made if need be) as another program would. */
int lockfile_hold(const char *dir, const char *app);
/* Adds (F_WRLCK) or drops (F_UNLCK) the companion lock on byte 0 (a run) or 1 (a janitor). */
void lockfile_companion(int fd, off_t byte, short type);
/* Can the lock be had right now? Takes it for that moment. */
bool lockfile_is_free(const char *dir, const char *app);
void lockfile_record(const char *dir, const char *app, struct record *ret);
/* Somebody listens at DIR/NAME: as an engine, one that never answers. */
int listening_socket(const char *dir, const char *name);
/* The next connection to it, -1 when none comes. */
int accept_soon(int fd);
/* Removes the cgroup that a killed run has left to the next sweep. */
void lockfile_drop_cgroup(const char *dir, const char *app);

/* Waits until what the process wrote to stdout or stderr contains the text. */
bool wait_for_output(const struct process *process, const char *text);
bool wait_for_errors(const struct process *process, const char *text);
bool wait_for_file(const char *path);
bool wait_for_free_lock(const char *dir, const char *app);
bool wait_for_phase(const char *dir, const char *app, enum run_phase phase);
/* Waits until the process carries the run's mark: from its exec on. */
bool wait_for_mark(pid_t pid, const char *run_id);
/* Waits until no such process is there, or only its zombie. */
bool wait_for_end(pid_t pid);
/* The number in the "pid NUMBER." that the process writes, perhaps after others have written more
 * to the same output. Fails the test, and is 0, when there is none. */
pid_t noted_pid(const struct process *process);
/* A child of the process, 0 when it has none. */
pid_t child_of(pid_t pid);

/* strace -e inject=CALL:delay_enter=LONG_DELAY_US holds a process at a call until end_delay, which
 * kills its strace (run with -D). */
#define LONG_DELAY_US "600000000"
void end_delay(pid_t pid);

/* The number after the prefix in the text, -1 when it isn't there. */
long number_after(const char *text, const char *prefix);
size_t count_of(const char *text, const char *piece);

#endif
