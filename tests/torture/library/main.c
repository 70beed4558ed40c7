/*
 * Many runs and janitors on few apps, each of them killed, stopped and continued at any moment.
 *
 *	torture-library [--seconds N] [--acquisitions N] [--seed N] [--leak]
 *
 * Ends after the time, or the acquisitions, or the first violation; then everybody is killed, and
 *one clean sweep must leave nothing. Exit status 0, or 3 when the oracle has found a violation. The
 * lock directory is a new one under TMPDIR.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors.h"
#include "harness/command.h"

#define STATUS_VIOLATION 3
#define JANITORS 3
#define STOPPED_MAX 3
#define NO_PROGRESS_MS 20000

struct stopped {
	int pidfd; /* -1: none */
	int64_t until;
};

struct driver {
	struct oracle *oracle;
	const char *dir;
	uint64_t seed, random;
	int64_t seconds;
	long acquisitions; /* 0: any number */
	bool leaks;
	int64_t began;
	pid_t actors[ACTORS];
	struct stopped stopped[STOPPED_MAX];
	long kills, stops;
};

static enum actor_kind kind_of(int slot)
{
	if (slot == 0)
		return ACTOR_LOOKER;
	return slot <= JANITORS ? ACTOR_JANITOR : ACTOR_RUN;
}

static void start_actor(struct driver *driver, int slot)
{
	struct actor actor = {
		.oracle = driver->oracle,
		.kind = kind_of(slot),
		.dir = driver->dir,
		.leaks = driver->leaks,
	};

	driver->oracle->slots[slot].token = 0;
	driver->actors[slot] = fork();
	if (driver->actors[slot] < 0) {
		perror("torture: fork");
		exit(EXIT_FAILURE);
	}
	if (driver->actors[slot] > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	actor.token = oracle_join(driver->oracle, slot);
	actor.random = driver->seed * 0x100000001b3U + actor.token;
	actor_live(&actor);
}

/* A descriptor of the process in the slot, which is surely the one with the token; -1: none. */
static int open_victim(struct driver *driver, int slot, unsigned *ret_token)
{
	struct slot *at = &driver->oracle->slots[slot];
	unsigned token = at->token;
	int pidfd;

	if (token == 0 || token == JOINING || driver->oracle->doomed[token])
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, at->pid, 0);
	if (pidfd >= 0 && at->token == token) {
		*ret_token = token;
		return pidfd;
	}
	if (pidfd >= 0)
		close(pidfd);
	return -1;
}

static void send_to(int pidfd, int signal)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Doomed first: the kernel frees the lock before anyone can be told. */
static void kill_one(struct driver *driver, int slot)
{
	unsigned token;
	int pidfd = open_victim(driver, slot, &token);

	if (pidfd < 0)
		return;
	driver->oracle->doomed[token] = true;
	send_to(pidfd, SIGKILL);
	close(pidfd);
	driver->kills++;
}

static void stop_one(struct driver *driver, int slot)
{
	unsigned token;

	for (int i = 0; i < STOPPED_MAX; i++) {
		struct stopped *stopped = &driver->stopped[i];

		if (stopped->pidfd >= 0)
			continue;
		stopped->pidfd = open_victim(driver, slot, &token);
		if (stopped->pidfd < 0)
			return;
		stopped->until = now_ms() + random_below(&driver->random, 12);
		send_to(stopped->pidfd, SIGSTOP);
		driver->stops++;
		return;
	}
}

static void continue_due(struct driver *driver, int64_t now)
{
	for (int i = 0; i < STOPPED_MAX; i++) {
		struct stopped *stopped = &driver->stopped[i];

		if (stopped->pidfd < 0 || stopped->until > now)
			continue;
		send_to(stopped->pidfd, SIGCONT);
		close(stopped->pidfd);
		stopped->pidfd = -1;
	}
}

static void replace_dead(struct driver *driver)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < ACTORS; i++)
			if (driver->actors[i] == pid)
				start_actor(driver, i);
}

static long acquired(const struct driver *driver)
{
	return driver->oracle->runs + driver->oracle->janitors;
}

static bool is_over(const struct driver *driver, int64_t now)
{
	return oracle_violations(driver->oracle) > 0 ||
	       (driver->seconds && now - driver->began >= driver->seconds * 1000) ||
	       (driver->acquisitions && acquired(driver) >= driver->acquisitions);
}

/* Mostly one of ours: those that they started are few, and short-lived. */
static int any_slot(struct driver *driver)
{
	unsigned below = random_below(&driver->random, 3) == 0 ? SLOTS : ACTORS;

	return (int)random_below(&driver->random, below);
}

static void torture(struct driver *driver)
{
	long last = 0;
	int64_t now = now_ms(), progress = now;

	for (int i = 0; i < ACTORS; i++)
		start_actor(driver, i);
	while (!is_over(driver, now)) {
		usleep(random_below(&driver->random, 3000));
		replace_dead(driver);
		now = now_ms();
		continue_due(driver, now);
		if (random_below(&driver->random, 3) == 0)
			stop_one(driver, any_slot(driver));
		else
			kill_one(driver, any_slot(driver));
		if (acquired(driver) > last)
			progress = now;
		else if (now - progress > NO_PROGRESS_MS)
			oracle_blame(driver->oracle, VIOLATION_FAILED, "nobody gets on any more");
		last = acquired(driver);
	}
}

/* Actors first; whoever they had started finishes, or dies with them. */
static void end_all(struct driver *driver)
{
	for (int i = 0; i < ACTORS; i++) {
		unsigned token = driver->oracle->slots[i].token;

		if (token != JOINING)
			driver->oracle->doomed[token] = true;
		kill(driver->actors[i], SIGKILL);
	}
	continue_due(driver, INT64_MAX);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void check_empty(struct driver *driver)
{
	DIR *stream = opendir(driver->dir);
	const struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			oracle_blame(driver->oracle, VIOLATION_LEAK, "%s is left at the end",
				     entry->d_name);
	if (stream)
		closedir(stream);
}

static void print_result(const struct driver *driver, int64_t took_ms)
{
	const struct oracle *oracle = driver->oracle;
	int violations = oracle_violations(oracle);

	printf("library: seed %llu, %.1f s: %ld acquisitions (%ld by runs, %ld by janitors), %ld "
	       "after "
	       "a wait, %ld reaps, %ld lockfiles forgotten, %ld looks; %ld kills, %ld stops; "
	       "%d violations",
	       (unsigned long long)driver->seed, (double)took_ms / 1000, acquired(driver),
	       oracle->runs, oracle->janitors, oracle->waits, oracle->reaps, oracle->forgets,
	       oracle->looks, driver->kills, driver->stops, violations);
	oracle_print_violations(oracle, driver->began);
}

static void parse(struct driver *driver, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "acquisitions", required_argument, NULL, 'a' },
		{ "seed", required_argument, NULL, 'r' },
		{ "leak", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			driver->seconds = strtol(optarg, NULL, 10);
		else if (option == 'a')
			driver->acquisitions = (long)strtod(optarg, NULL);
		else if (option == 'r')
			driver->seed = strtoull(optarg, NULL, 10);
		else if (option == 'l')
			driver->leaks = true;
		else
			exit(64);
	}
	if (!driver->seconds && !driver->acquisitions)
		driver->seconds = 10;
}

int main(int argc, char **argv)
{
	struct driver driver = { .seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000 };
	struct actor sweeper = { .kind = ACTOR_JANITOR };
	int64_t took;

	parse(&driver, argc, argv);
	driver.random = driver.seed;
	driver.oracle = oracle_new();
	driver.dir = temp_dir();
	for (int i = 0; i < STOPPED_MAX; i++)
		driver.stopped[i].pidfd = -1;
	/* What an actor had started comes to us when it is killed. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	driver.began = now_ms();
	torture(&driver);
	took = now_ms() - driver.began;
	end_all(&driver);
	sweeper.oracle = driver.oracle;
	sweeper.dir = driver.dir;
	sweeper.token = oracle_join(driver.oracle, 0);
	if (!oracle_violations(driver.oracle)) {
		actor_sweep_clean(&sweeper);
		check_empty(&driver);
	}
	print_result(&driver, took);
	return oracle_violations(driver.oracle) ? STATUS_VIOLATION : EXIT_SUCCESS;
}
