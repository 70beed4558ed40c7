#include "actors.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/child.h"
#include "lock/app_lock.h"
#include "lock/lock_dir.h"
#include "lock/lock_look.h"

#define HANDED_LEFT 1 /* exit status of a child that reaped and could not forget */

/* One turn with one app. */
struct turn {
	struct actor *actor;
	struct lock_dir dir;
	struct app_hash hash;
	int app;
	struct record record;
	struct app_lock lock;
	uint64_t mark;
};

/* Between the run and the child that it hands its lock to. */
struct handover {
	_Atomic uint64_t mark;
	atomic_bool left;
};

static bool one_in(struct turn *turn, unsigned n)
{
	return random_below(&turn->actor->random, n) == 0;
}

/* Mostly nothing, so that the rate is high; now and then long enough for the others. */
static void dawdle(struct turn *turn)
{
	if (one_in(turn, 8))
		usleep(random_below(&turn->actor->random, 150));
	else if (one_in(turn, 4))
		sched_yield();
}

static void failed(struct turn *turn, const char *what, const struct error *err)
{
	oracle_blame(turn->actor->oracle, VIOLATION_FAILED, "%s: %s", what,
		     err->message[0] ? err->message : "not what had to come");
}

static void turn_begin(struct turn *turn, struct actor *actor, int app)
{
	static uid_t uid;
	static struct lock_trust trust = { .uids = &uid, .uid_count = 1, .group = (gid_t)-1 };
	struct error err = { .kind = ERROR_NONE };

	uid = geteuid();
	*turn = (struct turn){
		.actor = actor,
		.app = app,
		.lock = APP_LOCK_NONE,
		.record = { .known = true, .phase = RUN_PHASE_RUNNING, .pid = getpid() },
	};
	(void)snprintf(turn->record.app, sizeof(turn->record.app), "app-%d", app);
	turn->hash = app_hash_of(turn->record.app);
	if (lock_dir_open(&turn->dir, actor->dir, &trust, &err) < 0) {
		failed(turn, "open the directory", &err);
		_exit(EXIT_FAILURE);
	}
}

static void leave(struct turn *turn)
{
	oracle_leave(turn->actor->oracle, turn->mark, turn->app, turn->lock.fd);
}

static void forget(struct turn *turn)
{
	struct error err = { .kind = ERROR_NONE };

	leave(turn);
	if (app_lock_forget(&turn->dir, &turn->lock, &err) != LOCK_FREE)
		failed(turn, "forget", &err);
	turn->actor->oracle->forgets++;
}

static void release(struct turn *turn)
{
	leave(turn);
	app_lock_release(&turn->lock);
}

/* own: 0, or the token of the run whose objects are all there. False: not everything was removed.
 */
static bool remove_objects(struct turn *turn, unsigned own)
{
	bool removed = false;

	for (int i = 0; i < OBJECTS; i++) {
		if (i == OBJECTS / 2)
			dawdle(turn);
		if (i == OBJECTS - 1 && turn->actor->leaks)
			break;
		removed |= oracle_remove_object(turn->actor->oracle, turn->mark, turn->app, i, own);
		/* An engine that refuses. */
		if (i < OBJECTS - 1 && one_in(turn, 100))
			return false;
	}
	turn->actor->oracle->reaps += removed;
	return true;
}

static int wait_for_lock(void *data)
{
	return app_lock_wait_blocking(*(const int *)data);
}

/* As the run waits, by a helper; now and then it is told to stop meanwhile. */
static bool wait_with_helper(struct turn *turn)
{
	struct error err = { .kind = ERROR_NONE };
	struct child child = CHILD_NONE;
	int status = 0;

	if (child_fork(wait_for_lock, &turn->lock.fd, &child, &err) < 0) {
		failed(turn, "fork", &err);
		return false;
	}
	if (one_in(turn, 4)) {
		dawdle(turn);
		child_kill(&child);
		return false;
	}
	return child_wait(&child, true, &status) == 1 && status == 0;
}

static bool wait_for_holder(struct turn *turn)
{
	struct error err = { .kind = ERROR_NONE };
	bool ours = one_in(turn, 4) ? wait_with_helper(turn)
				    : app_lock_wait_blocking(turn->lock.fd) == 0;
	int result;

	if (!ours) {
		app_lock_release(&turn->lock);
		return false;
	}
	turn->actor->oracle->waits++;
	result = app_lock_confirm(&turn->dir, &turn->lock, LOCK_ROLE_RUN, &err);
	if (result < 0)
		failed(turn, "confirm", &err);
	return result == LOCK_FREE;
}

static bool acquire(struct turn *turn, bool *ret_created)
{
	struct error err = { .kind = ERROR_NONE };
	int result = app_lock_try(&turn->dir, &turn->hash, LOCK_ROLE_RUN, &turn->record,
				  &turn->lock, ret_created, &err);

	if (result < 0)
		failed(turn, "acquire", &err);
	if (result == LOCK_HELD && one_in(turn, 2))
		return wait_for_holder(turn);
	if (result == LOCK_HELD)
		app_lock_release(&turn->lock);
	return result == LOCK_FREE;
}

/* The child of a teardown: takes the lock over, and finishes although its run may die. */
static int __attribute__((noreturn))
reap_held(struct turn *turn, struct handover *handover, unsigned own)
{
	struct oracle *oracle = turn->actor->oracle;
	struct error err = { .kind = ERROR_NONE };
	uint64_t from = turn->mark;
	unsigned token = oracle_join(oracle, -1);
	int result = app_lock_adopt(&turn->dir, &turn->hash, turn->lock.fd, &turn->lock, &err);
	bool all;

	if (result != LOCK_FREE)
		failed(turn, "adopt", &err);
	turn->mark = oracle_hand_over(oracle, from, token, turn->app);
	handover->mark = turn->mark;
	all = remove_objects(turn, own);
	handover->left = true;
	if (all)
		forget(turn);
	else
		release(turn);
	oracle_part(oracle, token);
	_exit(all ? 0 : HANDED_LEFT);
}

/* The child is dead and had not let go: the lock is still ours through our own descriptor. */
static void take_back(struct turn *turn, const struct handover *handover)
{
	uint64_t theirs = turn->actor->oracle->apps[turn->app].mark;

	if (theirs == turn->mark || handover->left)
		return;
	/* Killed between the two stores of its handing over. */
	if (!handover->mark && oracle_is_doomed(turn->actor->oracle, theirs))
		turn->mark = theirs;
	else
		turn->mark = oracle_hand_over(turn->actor->oracle, handover->mark,
					      turn->actor->token, turn->app);
}

static void tear_down_by_child(struct turn *turn)
{
	struct handover *handover = turn->actor->handover;
	int status = 0;
	pid_t pid;

	handover->mark = 0;
	handover->left = false;
	pid = fork();
	if (pid == 0)
		reap_held(turn, handover, turn->actor->token);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (pid > 0)
		take_back(turn, handover);
	if (!handover->left)
		leave(turn);
	app_lock_release(&turn->lock);
}

static void run_turn(struct actor *actor)
{
	struct error err = { .kind = ERROR_NONE };
	struct turn turn;
	bool created = false;

	turn_begin(&turn, actor, (int)random_below(&actor->random, APPS));
	if (!acquire(&turn, &created)) {
		lock_dir_close(&turn.dir);
		return;
	}
	turn.mark = oracle_enter(actor->oracle, actor->token, turn.app);
	actor->oracle->runs++;
	if (created && oracle_has_objects(actor->oracle, turn.app))
		oracle_blame(actor->oracle, VIOLATION_LEAK,
			     "app %d had objects and no lockfile when process %d came", turn.app,
			     (int)getpid());
	if (!created && !remove_objects(&turn, 0)) {
		release(&turn);
		lock_dir_close(&turn.dir);
		return;
	}
	if (!created && app_lock_write_record(&turn.lock, &turn.record, &err) < 0)
		failed(&turn, "write the record", &err);
	for (int i = 0; i < OBJECTS; i++)
		oracle_create_object(actor->oracle, actor->token, turn.app, i);
	dawdle(&turn);
	if (one_in(&turn, 16))
		tear_down_by_child(&turn);
	else if (!one_in(&turn, 4) && remove_objects(&turn, actor->token))
		forget(&turn);
	else
		release(&turn);
	lock_dir_close(&turn.dir);
}

/* Having probed: reaps what the dead one left. */
static void reap(struct turn *turn)
{
	turn->mark = oracle_enter(turn->actor->oracle, turn->actor->token, turn->app);
	turn->actor->oracle->janitors++;
	if (remove_objects(turn, 0))
		forget(turn);
	else
		release(turn);
}

static int probe(struct turn *turn)
{
	struct error err = { .kind = ERROR_NONE };
	int result = app_lock_probe(&turn->dir, &turn->hash, &turn->lock, &err);

	if (result < 0)
		failed(turn, "probe", &err);
	if (result == LOCK_FREE)
		reap(turn);
	return result;
}

static void janitor_turn(struct actor *actor)
{
	struct turn turn;

	turn_begin(&turn, actor, (int)random_below(&actor->random, APPS));
	if (probe(&turn) != LOCK_FREE && one_in(&turn, 2))
		usleep(random_below(&actor->random, 200));
	lock_dir_close(&turn.dir);
}

/* Is it so that the holder with the mark holds, as the look says? */
static void judge_look(struct turn *turn, const struct lock_view *view, uint64_t mark)
{
	if (view->state == LOCK_VIEW_HELD || view->state == LOCK_VIEW_REAPING)
		return;
	oracle_blame(turn->actor->oracle, VIOLATION_LOOK,
		     "app %d is shown as %s, and process %d holds it", turn->app,
		     lock_view_state_name(view->state),
		     (int)turn->actor->oracle->pids[mark_token(mark)]);
}

static void looker_turn(struct actor *actor)
{
	struct proc_lock_list none = { .items = NULL };
	struct lock_view view;
	struct turn turn;
	uint64_t before;

	turn_begin(&turn, actor, (int)random_below(&actor->random, APPS));
	before = actor->oracle->apps[turn.app].mark;
	lock_look(&turn.dir, &turn.hash, &none, &view);
	/* Only what held all the time can be wrong; marks are never used twice. */
	if (before && actor->oracle->apps[turn.app].mark == before &&
	    !oracle_is_doomed(actor->oracle, before))
		judge_look(&turn, &view, before);
	actor->oracle->looks++;
	lock_dir_close(&turn.dir);
	usleep(random_below(&actor->random, 300));
}

/* This process's and its children's alone: an orphan of an earlier one has another. */
static struct handover *new_handover(void)
{
	void *memory = mmap(NULL, sizeof(struct handover), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	perror("torture: mmap");
	_exit(EXIT_FAILURE);
}

void actor_live(struct actor *actor)
{
	static void (*const turns[])(struct actor * actor) = {
		[ACTOR_RUN] = run_turn,
		[ACTOR_JANITOR] = janitor_turn,
		[ACTOR_LOOKER] = looker_turn,
	};

	actor->handover = new_handover();
	for (;;)
		turns[actor->kind](actor);
}

void actor_sweep_clean(struct actor *actor)
{
	struct turn turn;
	int result = LOCK_FREE;

	for (int app = 0; app < APPS; app++) {
		/* Stand-in engines refuse now and then. */
		do {
			turn_begin(&turn, actor, app);
			result = probe(&turn);
			lock_dir_close(&turn.dir);
		} while (result == LOCK_FREE);
		if (result != LOCK_GONE)
			oracle_blame(actor->oracle, VIOLATION_FAILED,
				     "app %d is held, and nobody is left", app);
		if (oracle_has_objects(actor->oracle, app))
			oracle_blame(actor->oracle, VIOLATION_LEAK,
				     "app %d has objects and no lockfile at the end", app);
	}
}
