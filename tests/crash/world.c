#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"
#include "kernel/process.h"
#include "lock/app_lock.h"
#include "lock/record_file.h"
#include "model/app.h"

#define LABEL(app) "{\"com.docker.stack.namespace\":\"" app "\"}"
#define GONE_MS 30000

static const char *const neighbours[] = { "shop_two", "other" };
static const char *const others[] = { "shop_two", "other", "foreign", "protected" };

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static void lockfile_of(const struct world *world, const char *app, char *path, size_t size)
{
	struct app_hash hash = app_hash_of(app);
	char name[APP_LOCKFILE_NAME_SIZE];

	snprintf(path, size, "%s/%s", world->locks, app_lockfile_name(&hash, name));
}

/* Held by this very process, which never opens it again: that would drop the companion lock. */
static int hold(const struct world *world, const char *app)
{
	struct record record = { .known = true, .pid = getpid(), .phase = RUN_PHASE_RUNNING };
	struct flock companion = { .l_type = F_WRLCK, .l_len = 1 };
	char path[256], text[RECORD_FILE_SIZE];
	size_t length;
	int fd;

	lockfile_of(world, app, path, sizeof(path));
	snprintf(record.app, sizeof(record.app), "%s", app);
	snprintf(record.stack, sizeof(record.stack), "%s", app);
	snprintf(record.holder, sizeof(record.holder), "neighbour");
	process_random_id(record.run_id);
	length = record_format(&record, text);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	must(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fcntl(fd, F_SETLK, &companion) == 0 &&
		     write(fd, text, length) == (ssize_t)length,
	     path);
	return fd;
}

void world_start(struct world *world, const char *folder, const char *group)
{
	char path[256];

	memset(world, 0, sizeof(*world));
	snprintf(world->folder, sizeof(world->folder), "%s", folder);
	snprintf(world->group, sizeof(world->group), "%s", group);
	snprintf(world->locks, sizeof(world->locks), "%s/locks", folder);
	snprintf(world->scratch, sizeof(world->scratch), "%s/scratch", folder);
	snprintf(world->socket, sizeof(world->socket), "%s/docker.sock", folder);
	snprintf(world->host, sizeof(world->host), "unix://%s", world->socket);
	snprintf(world->config, sizeof(world->config), "%s/config", folder);
	must(mkdir(folder, 0755) == 0 && mkdir(world->locks, 0755) == 0 &&
		     mkdir(world->scratch, 0755) == 0,
	     folder);
	lockfile_of(world, APP, world->lockfile, sizeof(world->lockfile));
	must(setenv("CRASH_GROUP", group, 1) == 0, "setenv");
	snprintf(path, sizeof(path), "%s/machine-id", folder);
	write_file(path, "0123456789abcdef0123456789abcdef\n");
	must(mount(path, "/etc/machine-id", NULL, MS_BIND, NULL) == 0, "/etc/machine-id");
	world->engine = stand_in_start(folder);
	for (size_t i = 0; i < 2; i++)
		world->neighbours[i] = hold(world, neighbours[i]);
}

/* A round in which something is waited for must end some time. */
void world_configure(const struct world *world, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "[run]\nkill_grace = 5s\nteardown_timeout = 20s\nscratch_dir = %s\n"
		 "[reap]\ntimeout = 20s\n%s",
		 world->scratch, more);
	write_file(world->config, text);
}

/* Our descendants, orphans included, are all children in the end. True: there are none. */
static bool wait_for_children(int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) >= 0) {
		if (pid == 0 && now_ms() >= deadline)
			return false;
		if (pid == 0)
			usleep(500);
	}
	return true;
}

/* The init of a pid namespace can signal all of it at once, and is spared. */
static void kill_children(void)
{
	(void)kill(-1, SIGKILL);
	must(wait_for_children(GONE_MS), "a killed process does not go");
}

/* Empties the cgroup of what ci-janitor made below it, and says whether there was anything. */
static bool clear_groups(const struct world *world)
{
	char path[512];
	struct dirent *entry;
	bool any = false;
	DIR *dir;

	if (!*world->group)
		return false;
	snprintf(path, sizeof(path), "%s/ci-janitor", world->group);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		any = true;
		(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	if (!dir)
		return false;
	closedir(dir);
	(void)rmdir(path);
	return any;
}

/* The same for what runs made for themselves in the scratch directory. */
static bool clear_scratch(const struct world *world)
{
	DIR *dir = opendir(world->scratch);
	struct dirent *entry;
	bool any = false;

	must(dir != NULL, world->scratch);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		any = true;
		(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
	return any;
}

void world_reboot(struct world *world)
{
	kill_children();
	(void)clear_groups(world);
	(void)clear_scratch(world);
	(void)unlink(world->lockfile);
}

static void add_others(struct stand_in *engine)
{
	static const char *const kinds[] = { "secrets", "configs", "networks", "volumes",
					     "services" };

	stand_in_add(engine, "secrets", "shop_two_key_v1", "shop_two", "{}");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		stand_in_add(engine, kinds[i], "other_thing", "other", LABEL("other"));
	stand_in_add(engine, "volumes", "data", "foreign", "{}");
	stand_in_add(engine, "networks", "bridge", "foreign", "{}");
	stand_in_add(engine, "networks", "foreign", "foreign", "{}");
	stand_in_add(engine, "containers", "foreign", "foreign", "{}");
	stand_in_add(engine, "secrets", "foreign_key_v1", "foreign", "{}");
	stand_in_add(engine, "volumes", "shop_precious", "protected",
		     "{\"com.docker.stack.namespace\":\"shop\","
		     "\"ci-janitor.protect\":\"true\"}");
}

void world_reset(struct world *world)
{
	char path[256];

	world_reboot(world);
	world_configure(world, "");
	snprintf(path, sizeof(path), "%s/deployed", world->folder);
	(void)unlink(path);
	stand_in_set_late(world->engine, 0, 0);
	stand_in_clear(world->engine);
	add_others(world->engine);
	for (size_t i = 0; i < 4; i++)
		stand_in_list(world->engine, others[i], world->alive[i], sizeof(world->alive[i]));
	world->problems[0] = '\0';
	world->problems_length = 0;
}

void world_problem(struct world *world, const char *format, ...)
{
	size_t left = sizeof(world->problems) - world->problems_length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(world->problems + world->problems_length, left, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length + 3 > left)
		return;
	world->problems_length += (size_t)length;
	memcpy(world->problems + world->problems_length, "; ", 3);
	world->problems_length += 2;
}

bool world_has_lockfile(const struct world *world)
{
	return access(world->lockfile, F_OK) == 0;
}

static bool is_unlocked(void *data)
{
	const struct world *world = data;
	int fd = open(world->lockfile, O_RDWR | O_CLOEXEC);
	bool result = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;

	if (fd >= 0)
		(void)close(fd);
	return result;
}

void world_wait_unlocked(const struct world *world)
{
	must(wait_until(is_unlocked, (void *)(uintptr_t)world, GONE_MS),
	     "the lock is not given up");
}

const char *world_objects(const struct world *world, char *buffer, size_t size)
{
	stand_in_list(world->engine, APP, buffer, size);
	return buffer;
}

void world_check_alive(struct world *world)
{
	char now[1024], path[256];
	struct stat held, named;

	for (size_t i = 0; i < 4; i++) {
		stand_in_list(world->engine, others[i], now, sizeof(now));
		if (strcmp(now, world->alive[i]) != 0)
			world_problem(world, "of %s only \"%s\" is left", others[i], now);
	}
	for (size_t i = 0; i < 2; i++) {
		lockfile_of(world, neighbours[i], path, sizeof(path));
		if (fstat(world->neighbours[i], &held) || stat(path, &named) ||
		    held.st_ino != named.st_ino)
			world_problem(world, "the lockfile of %s, which lives, is gone",
				      neighbours[i]);
	}
}

static bool has_lease(const struct world *world)
{
	char leases[256];

	stand_in_list(world->engine, STAND_IN_LEASES, leases, sizeof(leases));
	return *leases;
}

void world_check_not_forgotten(struct world *world)
{
	char objects[1024];

	if (world_has_lockfile(world) || has_lease(world))
		return;
	if (*world_objects(world, objects, sizeof(objects)))
		world_problem(world, "forgotten: %s", objects);
	if (!wait_for_children(world->denied ? 0 : GONE_MS) && !world->denied)
		world_problem(world, "forgotten: processes");
	if (clear_groups(world) && !world->denied)
		world_problem(world, "forgotten: a cgroup");
	if (clear_scratch(world))
		world_problem(world, "forgotten: a scratch directory");
}

/* What is in the lock directory besides the neighbours' lockfiles, and what sweeps have seen of
 * leases. */
static void check_lock_dir(struct world *world, const char *when)
{
	DIR *dir = opendir(world->locks);
	struct dirent *entry;
	char seen[32];
	int count = 0;

	must(dir != NULL, world->locks);
	snprintf(seen, sizeof(seen), LOCK_DIR_OWN_FILE "leases.%u", (unsigned)geteuid());
	while ((entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			 strcmp(entry->d_name, seen) != 0;
	closedir(dir);
	if (count != 2)
		world_problem(world, "%s: %d files in the lock directory", when, count - 2);
}

void world_check_clean(struct world *world, const char *when)
{
	char objects[1024];

	if (*world_objects(world, objects, sizeof(objects)))
		world_problem(world, "%s, left: %s", when, objects);
	if (has_lease(world))
		world_problem(world, "%s, left: a lease", when);
	check_lock_dir(world, when);
	if (!wait_for_children(world->denied ? 0 : GONE_MS) && !world->denied)
		world_problem(world, "%s, left: processes", when);
	if (clear_groups(world) && !world->denied)
		world_problem(world, "%s, left: a cgroup", when);
	if (clear_scratch(world))
		world_problem(world, "%s, left: a scratch directory", when);
}
