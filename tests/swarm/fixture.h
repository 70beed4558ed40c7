/*
 * A private engine with a swarm for this test program (tests/fixture/engine.sh), and the words in
 * which the stories on it are told. The engine starts with the first suite and ends with the
 * program, however that ends. The environment leads the docker command and ci-janitor to it, and
 * ci-janitor to a lock directory of the test's own.
 */
#ifndef SWARM_FIXTURE_H
#define SWARM_FIXTURE_H

#include <stdbool.h>

#include "harness/command.h"

#define JANITOR BUILD_DIR "/ci-janitor"
#define STACK_DEPLOY "docker stack deploy --resolve-image never -c"

/* Suite set-up: the engine runs, and holds nothing. 0, or -1 with the reason on stderr. */
int swarm_set_up(void);
/* Instead of a set-up: all is about the engine in that folder, which the caller has started. */
void swarm_adopt(const char *dir, const char *image_id);
/* Suite tear-down: whatever the suite left is removed, by docker. */
int swarm_tear_down(void);

/* A temporary folder on a file system of its own kind, as lock directories mostly are: beside the
 * other layers' many short locks on theirs it can't always be told whose a lock is. Aborts like
 * temp_dir. */
const char *swarm_temp_dir(void);

/* For the begin of a test: a fresh, empty lock directory, in the environment as well. */
const char *swarm_new_lock_dir(void);
/* The path of the app's lockfile, as ci-janitor states it. Static storage. */
const char *swarm_lockfile(const char *app);
/* Number of lockfiles in the current lock directory. */
int swarm_lockfiles(void);

/* The test image's ID, by which services must name it. */
const char *swarm_image(void);

/* A stack file with a service of that manner (tests/fixture/app.c) on an overlay network, with a
 * volume, a secret and a config. The path lives as long as the program. */
const char *swarm_stack_file(const char *manner);

/* From here on all is about another engine, started for the test with ENVIRONMENT ("" or
 * "ENGINE_DATA_SIZE=64m"), until swarm_back_to_first ends it. 0, or -1 with the reason on stderr.
 */
int swarm_second_engine(const char *environment);
void swarm_back_to_first(void);
/* The second joins the first's new swarm as a worker. */
int swarm_make_worker(void);

/* The engine leaves its swarm, if any, and makes a new one. */
int swarm_anew(void);

/* `engine.sh VERB`: "kill-engine", "start-engine", ... Returns its status. */
int swarm_engine(const char *verb);

/* The names of all objects that begin with prefix: sorted lines "KIND NAME"; a task's container
 * goes by "SERVICE.SLOT". The engine's own networks are left out. The caller frees it. */
char *swarm_objects(const char *prefix);

/* Starts `ci-janitor run OPTIONS APP -- CMD`, where CMD deploys the stack file as stack and sleeps;
 * returns once a container of the stack runs. false: it didn't come to that. */
bool swarm_run(struct process *ret, const char *app, const char *stack, const char *options,
	       const char *stack_file);

/* swarm_run with stack = app and no options, then SIGKILL to the run. */
bool swarm_dead_run(const char *app, const char *manner);

/* Starts a run of the app whose command does `what` and then sleeps, and kills it once `what` is
 * done. */
bool swarm_dead_run_of(const char *app, const char *options, const char *what);

/* Waits until a container of the stack runs, at most a minute. */
bool swarm_wait_for_container(const char *stack);

/* Waits until the process has written that line, at most a minute. */
bool swarm_wait_for_line(struct process *process, const char *line);

/* Is the text one of the lines of text? */
bool has_line(const char *text, const char *line);

/* Fails the test with what is there, unless no object's name begins with prefix. */
#define CHECK_NOTHING_LEFT(prefix) swarm_check_objects(prefix, "", __FILE__, __LINE__)
#define CHECK_OBJECTS(prefix, expected) swarm_check_objects(prefix, expected, __FILE__, __LINE__)
void swarm_check_objects(const char *prefix, const char *expected, const char *file, unsigned line);

#define CHECK_STATUS(result, expected) swarm_check_status(result, expected, __FILE__, __LINE__)
/* Shows the command's output when the status isn't what was expected. */
void swarm_check_status(const struct command_result *result, int expected, const char *file,
			unsigned line);

#endif
