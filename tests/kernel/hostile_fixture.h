/*
 * A world-writable sticky lock directory, an engine that has nothing, unprivileged attackers that
 * are processes of their own, and the kernel's protections of such directories switched on and off.
 */
#ifndef KERNEL_HOSTILE_FIXTURE_H
#define KERNEL_HOSTILE_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "harness/command.h"
#include "harness/scripted_engine.h"

struct hostile {
	const char *dir;  /* root's, mode 1777 */
	char victim[300]; /* root's file beside it, mode 0600, on the same file system */
	struct scripted_engine *engine;
	struct command_result result; /* of the last command */
};

struct hostile hostile_open(void);
/* Stops the engine; sees that the victim is what it was. */
void hostile_close(struct hostile *hostile);

/* `ci-janitor --lock-dir DIR ... ARGUMENTS`; the exit status. */
int hostile_run(struct hostile *hostile, const char *arguments, ...)
	__attribute__((format(printf, 2, 3)));
/* Is the text in what the last command wrote to either stream? In the failure list if not. */
void hostile_says(const struct hostile *hostile, const char *text, ...)
	__attribute__((format(printf, 2, 3)));

/* A lockfile of a run that died, described. */
void plant_dead(const struct hostile *hostile, const char *app);
/* A sweep with this status reaps the dead app, whatever else stands in the directory. */
void check_reaped(struct hostile *hostile, int status, const char *app);

/* Runs function(data) as the user, without groups or capabilities, to its end; it must succeed. */
void as_user(uid_t uid, void (*function)(void *data), void *data);
/* The same beside the test until attacker_stop. */
pid_t attacker_start(uid_t uid, void (*function)(void *data), void *data);
void attacker_stop(pid_t pid);

/*
 * The machine's fs.protected_*. A guard process sets them, and puts them back when it is told to or
 * when the test is gone, however it went. It holds a lock meanwhile, so that two copies of the
 * tests take turns. false: they can't be set.
 */
struct protections {
	int regular, fifos, hardlinks, symlinks;
};
bool protections_set(const struct protections *protections);
void protections_restore(void);

#endif
