#include "run_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/cgroup.h"
#include "kernel/marked.h"
#include "lock/app_lock.h"
#include "model/app.h"

static void must(bool worked, const char *what)
{
	if (worked)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

const char *program_for_all(void)
{
	static char path[512];
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir;

	if (path[0])
		return path;
	dir = temp_dir();
	must(chmod(dir, 0755) == 0 && !run_command(&result, "cp " PROGRAM " %s", dir), "cp");
	snprintf(path, sizeof(path), "%s/ci-janitor", dir);
	return path;
}

const char *open_dir(void)
{
	const char *dir = temp_dir();

	must(chmod(dir, 01777) == 0, dir);
	return dir;
}

const char *lockfile_path(const char *dir, const char *app)
{
	static char path[512];
	struct app_hash hash = app_hash_of(app);
	char name[APP_LOCKFILE_NAME_SIZE];

	snprintf(path, sizeof(path), "%s/%s", dir, app_lockfile_name(&hash, name));
	return path;
}

bool lockfile_exists(const char *dir, const char *app)
{
	return access(lockfile_path(dir, app), F_OK) == 0;
}

int lockfile_hold(const char *dir, const char *app)
{
	int fd = open(lockfile_path(dir, app), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	/* A killed run's child has the lock until its exec; a look has it for a moment. */
	for (int64_t end = now_ms() + SOON_MS;
	     fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && now_ms() < end;)
		usleep(5000);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		perror("lockfile_hold");
		exit(EXIT_FAILURE);
	}
	return fd;
}

void lockfile_companion(int fd, off_t byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (fcntl(fd, F_SETLK, &lock) < 0) {
		perror("lockfile_companion");
		exit(EXIT_FAILURE);
	}
}

bool lockfile_is_free(const char *dir, const char *app)
{
	int fd = open(lockfile_path(dir, app), O_RDWR | O_CLOEXEC);
	bool result = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;

	if (fd >= 0)
		close(fd);
	return result;
}

void lockfile_record(const char *dir, const char *app, struct record *ret)
{
	struct app_hash hash = app_hash_of(app);
	int fd = open(lockfile_path(dir, app), O_RDONLY | O_CLOEXEC);

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return;
	app_lock_read_record(fd, &hash, ret);
	close(fd);
}

int listening_socket(const char *dir, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64)) {
		perror("listening_socket");
		exit(EXIT_FAILURE);
	}
	return fd;
}

int accept_soon(int fd)
{
	struct pollfd listening = { .fd = fd, .events = POLLIN };

	return poll(&listening, 1, SOON_MS) == 1 ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
}

void lockfile_drop_cgroup(const char *dir, const char *app)
{
	struct record record;

	lockfile_record(dir, app, &record);
	if (record.cgroup[0])
		(void)cgroup_remove(record.cgroup, record.run_id, NULL);
}

struct expected_text {
	const struct process *process;
	const char *text;
	char *(*read)(const struct process *process);
};

static bool has_text(void *data)
{
	const struct expected_text *expected = data;
	char *text = expected->read(expected->process);
	bool result = strstr(text, expected->text);

	free(text);
	return result;
}

bool wait_for_output(const struct process *process, const char *text)
{
	struct expected_text expected = { process, text, process_output };

	return wait_until(has_text, &expected, SOON_MS);
}

bool wait_for_errors(const struct process *process, const char *text)
{
	struct expected_text expected = { process, text, process_errors };

	return wait_until(has_text, &expected, SOON_MS);
}

static bool file_exists(void *data)
{
	return access(data, F_OK) == 0;
}

bool wait_for_file(const char *path)
{
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", path);
	return wait_until(file_exists, copy, SOON_MS);
}

struct expected_lock {
	const char *dir;
	const char *app;
	enum run_phase phase;
};

static bool is_free(void *data)
{
	const struct expected_lock *expected = data;

	return lockfile_is_free(expected->dir, expected->app);
}

bool wait_for_free_lock(const char *dir, const char *app)
{
	struct expected_lock expected = { .dir = dir, .app = app };

	return wait_until(is_free, &expected, SOON_MS);
}

static bool has_phase(void *data)
{
	const struct expected_lock *expected = data;
	struct record record;

	lockfile_record(expected->dir, expected->app, &record);
	return record.known && record.phase == expected->phase;
}

bool wait_for_phase(const char *dir, const char *app, enum run_phase phase)
{
	struct expected_lock expected = { .dir = dir, .app = app, .phase = phase };

	return wait_until(has_phase, &expected, SOON_MS);
}

struct expected_mark {
	pid_t pid;
	const char *run_id;
};

static bool has_mark(void *data)
{
	const struct expected_mark *expected = data;

	return marked_carries(expected->pid, expected->run_id);
}

bool wait_for_mark(pid_t pid, const char *run_id)
{
	struct expected_mark expected = { .pid = pid, .run_id = run_id };

	return wait_until(has_mark, &expected, SOON_MS);
}

static bool has_ended(void *data)
{
	char path[64], state = 'Z';
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)*(pid_t *)data);
	stat = fopen(path, "re");
	if (!stat)
		return true;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(stat);
	return state == 'Z' || state == 'X';
}

bool wait_for_end(pid_t pid)
{
	return pid > 0 && wait_until(has_ended, &pid, SOON_MS);
}

struct expected_pid {
	const struct process *process;
	pid_t pid;
};

static bool has_pid(void *data)
{
	struct expected_pid *expected = data;
	char *output = process_output(expected->process), *at = strstr(output, "pid ");
	int pid = 0;
	char dot = 0;

	if (at && sscanf(at, "pid %d%c", &pid, &dot) == 2 && dot == '.')
		expected->pid = pid;
	free(output);
	return expected->pid > 1;
}

pid_t noted_pid(const struct process *process)
{
	struct expected_pid expected = { .process = process };

	CU_ASSERT(wait_until(has_pid, &expected, SOON_MS));
	return expected.pid;
}

void end_delay(pid_t pid)
{
	char path[64], line[128];
	int tracer = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		(void)sscanf(line, "TracerPid: %d", &tracer);
	if (status)
		fclose(status);
	CU_ASSERT(tracer > 0);
	if (tracer > 0)
		CHECK_NUMBER(kill(tracer, SIGKILL), 0);
}

pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *children;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	children = fopen(path, "re");
	if (!children || fscanf(children, "%d", &child) != 1)
		child = 0;
	if (children)
		fclose(children);
	return child;
}

long number_after(const char *text, const char *prefix)
{
	const char *found = strstr(text, prefix);

	return found ? strtol(found + strlen(prefix), NULL, 10) : -1;
}

size_t count_of(const char *text, const char *piece)
{
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, piece)); at += strlen(piece))
		count++;
	return count;
}
