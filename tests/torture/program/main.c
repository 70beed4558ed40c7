/*
 * The program itself, with its supervisors, engine children, commands and janitors killed, stopped
 * and continued at any moment.
 *
 *	torture-program --program PATH --command PATH [--seconds N] [--seed N] [--looks | --crowd]
 *
 * The oracle is the engine (engine.h). Afterwards all are killed, and one `ci-janitor sweep` must
 * leave neither an object nor a lockfile. Exit status 0, or 3 after a violation.
 *
 * --looks: nobody is killed; one run of an app comes after the other with --if-held=fail, beside
 * looks and sweeps, and none may be told that the lock is held.
 * --crowd: nobody is killed, many runs wait for each other, and each of them gets its turn.
 */
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../library/random.h"
#include "engine.h"
#include "harness/command.h"
#include "victims.h"

#define STATUS_VIOLATION 3
#define SLOTS_USED 12
#define ARGUMENTS_MAX 24
#define STATUS_HELD 75
#define END_MS 120000
/* A machine on which this process gets no processor for so long may hold a look up at the wrong
 * moment for longer than a run's patience. */
#define HELD_UP_MS 100
/* On a slow machine the time is prolonged until something has happened. */
#define PROLONGED 8
#define ENOUGH 10
#define ENOUGH_LOOKS 50

struct process_slot {
	pid_t pid;
	bool runs; /* `run`, which never may be told "held" with --looks */
	int64_t started;
};

struct driver {
	const char *program, *command;
	const char *dir; /* holds the socket, and the lock directory */
	char locks[128], socket[128], host[160];
	uint64_t seed, random;
	struct victims victims;
	int64_t seconds, began, held_up;
	bool looks, crowd;
	struct engine_memory *memory; /* the engine's too */
	pid_t engine;
	struct process_slot slots[SLOTS_USED];
	long runs, sweeps, looked, waited_busy, not_judged;
};

/* A command line: words, ended by NULL. */
struct words {
	const char *items[ARGUMENTS_MAX];
	size_t count;
};

static void add(struct words *words, const char *word)
{
	words->items[words->count++] = word;
}

static pid_t start(const struct words *words)
{
	pid_t pid = fork();
	int null;

	if (pid < 0) {
		perror("torture: fork");
		exit(EXIT_FAILURE);
	}
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    (!getenv("TORTURE_VERBOSE") && dup2(null, STDERR_FILENO) < 0))
		_exit(127);
	execv(words->items[0], (char *const *)(uintptr_t)words->items);
	_exit(127);
}

static void begin(const struct driver *driver, struct words *words)
{
	*words = (struct words){ .count = 0 };
	add(words, driver->program);
	add(words, "--lock-dir");
	add(words, driver->locks);
	add(words, "--host");
	add(words, driver->host);
}

static const char *app_name(int app)
{
	static const char *const names[ENGINE_APPS] = { "app-0", "app-1", "app-2" };

	return names[app];
}

static pid_t start_run(struct driver *driver, int app, bool if_free)
{
	struct words words;

	begin(driver, &words);
	add(&words, "run");
	if (if_free)
		add(&words, "--if-held=fail");
	if (random_below(&driver->random, 3) == 0)
		add(&words, "--no-teardown");
	add(&words, app_name(app));
	add(&words, "--");
	add(&words, driver->command);
	add(&words, driver->socket);
	add(&words, app_name(app) + strlen("app-"));
	driver->runs++;
	return start(&words);
}

static pid_t start_look(struct driver *driver)
{
	static const char *const looks[] = { "list", "status", "doctor" };
	struct words words;

	begin(driver, &words);
	add(&words, looks[random_below(&driver->random, 3)]);
	if (!strcmp(words.items[words.count - 1], "status"))
		add(&words, app_name((int)random_below(&driver->random, ENGINE_APPS)));
	driver->looked++;
	return start(&words);
}

static pid_t start_sweep(struct driver *driver)
{
	struct words words;

	begin(driver, &words);
	if (random_below(&driver->random, 4)) {
		add(&words, "sweep");
	} else {
		add(&words, "reap");
		add(&words, app_name((int)random_below(&driver->random, ENGINE_APPS)));
	}
	driver->sweeps++;
	return start(&words);
}

/* The first slots are for looks and sweeps, the others for runs. */
static void fill_slot(struct driver *driver, int slot)
{
	struct process_slot *at = &driver->slots[slot];
	bool one_each = driver->looks && slot >= SLOTS_USED - ENGINE_APPS;

	at->started = now_ms();
	at->runs = driver->looks ? one_each : slot >= 4;
	if (at->runs && one_each)
		at->pid = start_run(driver, slot - (SLOTS_USED - ENGINE_APPS), true);
	else if (at->runs)
		at->pid = start_run(driver, (int)random_below(&driver->random, ENGINE_APPS),
				    !driver->crowd && random_below(&driver->random, 4) == 0);
	else if (slot == 0 || (driver->looks && slot < 3))
		at->pid = start_look(driver);
	else if (slot < 4)
		at->pid = start_sweep(driver);
	else
		at->pid = 0;
}

/* A bug shows as a signal that nobody sent, or as the status that says so. */
static void judge_end(struct driver *driver, const struct process_slot *slot, int status)
{
	struct oracle *oracle = driver->memory->oracle;

	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		oracle_blame(oracle, VIOLATION_FAILED, "process %d died of signal %d",
			     (int)slot->pid, WTERMSIG(status));
	if (!WIFEXITED(status))
		return;
	driver->waited_busy += slot->runs && WEXITSTATUS(status) == STATUS_HELD;
	if (!(driver->looks || driver->crowd) || !slot->runs)
		return;
	if (driver->looks && WEXITSTATUS(status) == STATUS_HELD && driver->held_up >= slot->started)
		driver->not_judged++;
	else if (driver->looks && WEXITSTATUS(status) == STATUS_HELD)
		oracle_blame(oracle, VIOLATION_LOOK, "run %d was told that a free lock is held",
			     (int)slot->pid);
	else if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)
		oracle_blame(oracle, VIOLATION_FAILED, "run %d ended with %d", (int)slot->pid,
			     WEXITSTATUS(status));
}

static void replace_ended(struct driver *driver)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == driver->engine) {
			fprintf(stderr, "torture: the engine has ended\n");
			exit(EXIT_FAILURE);
		}
		for (int i = 0; i < SLOTS_USED; i++) {
			if (driver->slots[i].pid != pid)
				continue;
			judge_end(driver, &driver->slots[i], status);
			fill_slot(driver, i);
		}
	}
}

static bool is_enough(const struct driver *driver)
{
	const struct engine_memory *memory = driver->memory;

	if (memory->commands <= ENOUGH)
		return false;
	if (driver->looks)
		return driver->looked > ENOUGH_LOOKS && driver->sweeps > ENOUGH;
	return driver->crowd || (memory->removed > ENOUGH && driver->victims.kills > ENOUGH &&
				 driver->victims.stops > ENOUGH);
}

static bool goes_on(const struct driver *driver, int64_t now)
{
	int64_t limit = driver->seconds * 1000;

	return now - driver->began < (is_enough(driver) ? limit : limit * PROLONGED);
}

static void torture(struct driver *driver)
{
	int64_t now = now_ms(), before;

	for (int i = 0; i < SLOTS_USED; i++)
		fill_slot(driver, i);
	while (goes_on(driver, now) && !oracle_violations(driver->memory->oracle)) {
		before = now;
		usleep(random_below(&driver->random, 20000));
		now = now_ms();
		if (now - before >= HELD_UP_MS)
			driver->held_up = now;
		replace_ended(driver);
		victims_continue(&driver->victims, now);
		if (!driver->looks && !driver->crowd)
			victims_hurt(&driver->victims);
	}
}

/* Kills those that we have started, and waits for what they had started. */
static void end_all(struct driver *driver)
{
	int64_t end = now_ms() + END_MS;

	for (int i = 0; i < SLOTS_USED; i++)
		if (driver->slots[i].pid > 0)
			kill(driver->slots[i].pid, SIGKILL);
	victims_continue(&driver->victims, INT64_MAX);
	while (victims_child(&driver->victims, getpid()) > 0 && now_ms() < end) {
		(void)waitpid(-1, NULL, WNOHANG);
		usleep(1000);
	}
	if (now_ms() >= end)
		oracle_blame(driver->memory->oracle, VIOLATION_FAILED, "somebody does not end");
}

static void sweep_clean(struct driver *driver)
{
	struct oracle *oracle = driver->memory->oracle;
	const struct dirent *entry;
	struct words words;
	int status = 0;
	DIR *stream;
	pid_t pid;

	begin(driver, &words);
	add(&words, "sweep");
	pid = start(&words);
	(void)waitpid(pid, &status, 0);
	if (status)
		oracle_blame(oracle, VIOLATION_FAILED, "the clean sweep ended with %#x", status);
	if (driver->memory->objects)
		oracle_blame(oracle, VIOLATION_LEAK, "%d objects are left at the end",
			     driver->memory->objects);
	stream = opendir(driver->locks);
	while (stream && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			oracle_blame(oracle, VIOLATION_LEAK, "%s is left at the end",
				     entry->d_name);
	if (stream)
		closedir(stream);
}

static void print_result(const struct driver *driver, int64_t took_ms)
{
	const struct oracle *oracle = driver->memory->oracle;

	printf("program: seed %llu, %.1f s: %ld runs, %ld commands started, %ld told \"held\" (%ld "
	       "on a machine that was too busy to judge), %ld sweeps, %ld looks, %ld objects made, "
	       "%ld removed, %ld removals late; %ld kills, "
	       "%ld stops; %d violations",
	       (unsigned long long)driver->seed, (double)took_ms / 1000, driver->runs,
	       driver->memory->commands, driver->waited_busy, driver->not_judged, driver->sweeps,
	       driver->looked, driver->memory->made, driver->memory->removed, driver->memory->late,
	       driver->victims.kills, driver->victims.stops, oracle_violations(oracle));
	oracle_print_violations(oracle, driver->began);
}

static void parse(struct driver *driver, int argc, char **argv)
{
	static const struct option options[] = {
		{ "program", required_argument, NULL, 'p' },
		{ "command", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{ "looks", no_argument, NULL, 'l' },
		{ "crowd", no_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			driver->program = optarg;
		else if (option == 'c')
			driver->command = optarg;
		else if (option == 's')
			driver->seconds = strtol(optarg, NULL, 10);
		else if (option == 'r')
			driver->seed = strtoull(optarg, NULL, 10);
		else if (option == 'l')
			driver->looks = true;
		else if (option == 'w')
			driver->crowd = true;
		else
			exit(64);
	}
	if (!driver->program || !driver->command)
		exit(64);
}

static struct engine_memory *new_memory(void)
{
	void *memory = mmap(NULL, sizeof(struct engine_memory), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	perror("torture: mmap");
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	static struct driver driver;
	int64_t took;

	driver.seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
	driver.seconds = 15;
	parse(&driver, argc, argv);
	driver.random = driver.seed;
	driver.dir = temp_dir();
	snprintf(driver.locks, sizeof(driver.locks), "%s", temp_dir());
	snprintf(driver.socket, sizeof(driver.socket), "%s/docker.sock", driver.dir);
	snprintf(driver.host, sizeof(driver.host), "unix://%s", driver.socket);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	driver.memory = new_memory();
	driver.memory->oracle = oracle_new();
	driver.engine = torture_engine_start(driver.socket, driver.memory, driver.seed);
	victims_init(&driver.victims, driver.seed, driver.engine);
	driver.began = now_ms();
	torture(&driver);
	took = now_ms() - driver.began;
	end_all(&driver);
	if (!oracle_violations(driver.memory->oracle))
		sweep_clean(&driver);
	kill(driver.engine, SIGKILL);
	(void)waitpid(driver.engine, NULL, 0);
	print_result(&driver, took);
	return oracle_violations(driver.memory->oracle) ? STATUS_VIOLATION : EXIT_SUCCESS;
}
