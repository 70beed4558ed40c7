#include "kernel/marked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/process.h"
#include "marked_internal.h"

static const char marker[] = MARKER_VARIABLE "=";

/* More pids than this handed out during a look: another whole pass is cheaper. */
#define MAX_NEWCOMERS 4096
#define MAX_ROUNDS 200

struct wanted {
	const char *run_id;
	size_t index; /* in the caller's arrays */
};

struct pass {
	struct wanted *wanted; /* owned, sorted by run id */
	size_t wanted_count;
	size_t *counts;
	int proc_fd;
	struct environment environment;
	pid_t own_pid;
	bool (*spare)(pid_t pid, const void *data); /* NULL: nobody is spared */
	const void *spare_data;
	pid_t denied_pid; /* the last one that could not be signalled, 0: none */
	int denied_errno;
	uint64_t unread; /* the youngest one in an exec that takes long: its start time, 0: none */
	int unknown_errno; /* of the last one that could not be looked into, 0: none */
};

static void release_pass(struct pass *pass)
{
	free(pass->wanted);
	cleanup_close(&pass->proc_fd);
	environment_release(&pass->environment);
}

static int by_run_id(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->run_id, ((const struct wanted *)b)->run_id);
}

/* The first of the wanted with this run id, or NULL. */
static struct wanted *find_wanted(const struct pass *pass, const char *run_id)
{
	const struct wanted key = { .run_id = run_id };
	struct wanted *found =
		bsearch(&key, pass->wanted, pass->wanted_count, sizeof(key), by_run_id);

	while (found && found > pass->wanted && !by_run_id(found - 1, found))
		found--;
	return found;
}

/* One that is gone by now was nobody. */
static void note_unread(struct pass *pass, pid_t pid)
{
	uint64_t started;

	if (process_start_time(pid, &started) == 0 && started > pass->unread)
		pass->unread = started;
}

/* The wanted run whose marker the process carries now, or NULL. */
static struct wanted *find_marker(struct pass *pass, pid_t pid)
{
	const struct environment *environment = &pass->environment;
	const char *entry, *end;
	struct wanted *found = NULL;

	switch (environment_read(&pass->environment, pass->proc_fd, pid)) {
	case 0:
		break;
	case 1:
		note_unread(pass, pid);
		return NULL;
	default:
		pass->unknown_errno = errno;
		return NULL;
	}
	if (!environment->length)
		return NULL;
	end = environment->data + environment->length;
	for (entry = environment->data; !found && entry < end;) {
		entry = memmem(entry, (size_t)(end - entry), marker, sizeof(marker) - 1);
		if (!entry)
			break;
		/* Only as an entry of its own, not inside of another value. */
		if (entry == environment->data || !entry[-1])
			found = find_wanted(pass, entry + sizeof(marker) - 1);
		entry += sizeof(marker) - 1;
	}
	return found;
}

static void count_run(const struct pass *pass, const struct wanted *found)
{
	const struct wanted *end = pass->wanted + pass->wanted_count;

	for (const struct wanted *same = found; same < end && !by_run_id(same, found); same++)
		pass->counts[same->index]++;
}

static void note_denied(struct pass *pass, pid_t pid, int errnum)
{
	pass->denied_pid = pid;
	pass->denied_errno = errnum;
}

static void look_at(struct pass *pass, pid_t pid)
{
	CLEANUP_CLOSE int pidfd = -1;
	const struct wanted *found;
	int errnum;

	if (pid == pass->own_pid || !find_marker(pass, pid))
		return;
	pidfd = process_open_handle(pid);
	errnum = errno;
	/* Read again: if the number changed hands before the pidfd was opened, this is the new
	 * owner's environment; if after, the signal finds nobody. */
	found = find_marker(pass, pid);
	if (!found || (pidfd >= 0 && process_has_ended(pidfd)))
		return;
	/* The number of a thread that isn't its process's first. */
	if (pidfd < 0 && (errnum == EINVAL || errnum == ENOENT))
		return;
	if (pass->spare && pass->spare(pid, pass->spare_data))
		return;
	count_run(pass, found);
	if (pidfd < 0)
		note_denied(pass, pid, errnum);
	else if (process_signal(pidfd, SIGKILL) && errno != ESRCH)
		note_denied(pass, pid, errno);
}

/* -1 with errno when the directory can't be read to its end. */
static int look_at_all(struct pass *pass)
{
	int fd = openat(pass->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int errnum;

	if (!dir) {
		cleanup_close(&fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			look_at(pass, (pid_t)pid);
	}
	errnum = errno;
	(void)closedir(dir);
	errno = errnum;
	return errnum ? -1 : 0;
}

/* The number that was handed out last in our pid namespace: the end of /proc/loadavg. */
static int read_last_pid(int proc_fd, pid_t *ret)
{
	char text[256];
	const char *last;
	long pid;

	if (file_read_at(proc_fd, "loadavg", text, sizeof(text)) < 0)
		return -1;
	last = strrchr(text, ' ');
	pid = last ? strtol(last, NULL, 10) : 0;
	if (pid <= 0) {
		errno = EPROTO;
		return -1;
	}
	*ret = (pid_t)pid;
	return 0;
}

/* Numbers wrap round, so a process may have forked into one that the pass had gone by, and ended
 * before the pass came to it. What was handed out meanwhile is looked at until nothing new comes.
 */
static int look_at_newcomers(struct pass *pass, pid_t seen)
{
	for (int round = 0; round < MAX_ROUNDS; round++) {
		pid_t last;

		if (read_last_pid(pass->proc_fd, &last))
			return -1;
		if (last == seen)
			return 0;
		if (last < seen || last - seen > MAX_NEWCOMERS) {
			if (look_at_all(pass))
				return -1;
		} else {
			for (pid_t pid = seen + 1; pid <= last; pid++)
				look_at(pass, pid);
		}
		seen = last;
	}
	errno = EAGAIN;
	return -1;
}

static int look(struct pass *pass)
{
	pid_t seen;

	pass->own_pid = getpid();
	pass->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pass->proc_fd < 0 || read_last_pid(pass->proc_fd, &seen) || look_at_all(pass))
		return -1;
	if (look_at_newcomers(pass, seen))
		return -1;
	errno = pass->unknown_errno;
	return pass->unknown_errno ? -1 : 0;
}

int marked_kill(const char *const *run_ids, size_t count, size_t *ret_counts, uint64_t *ret_unread,
		struct error *err)
{
	return marked_kill_others(run_ids, count, NULL, NULL, ret_counts, ret_unread, err);
}

bool marked_leaves_doubt(uint64_t unread, uint64_t began)
{
	return unread && unread >= began;
}

bool marked_carries(pid_t pid, const char *run_id)
{
	CLEANUP(release_pass) struct pass pass = { .proc_fd = -1, .wanted_count = 1 };

	pass.wanted = xcalloc(1, sizeof(*pass.wanted));
	pass.wanted[0].run_id = run_id;
	pass.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return pass.proc_fd >= 0 && find_marker(&pass, pid);
}

int marked_kill_others(const char *const *run_ids, size_t count,
		       bool (*spare)(pid_t pid, const void *data), const void *data,
		       size_t *ret_counts, uint64_t *ret_unread, struct error *err)
{
	CLEANUP(release_pass)
	struct pass pass = {
		.proc_fd = -1,
		.spare = spare,
		.spare_data = data,
	};
	CLEANUP_FREE size_t *counts = xcalloc(count + 1, sizeof(*counts));

	pass.counts = counts;
	pass.wanted = xcalloc(count + 1, sizeof(*pass.wanted));
	pass.wanted_count = count;
	for (size_t i = 0; i < count; i++)
		pass.wanted[i] = (struct wanted){ .run_id = run_ids[i], .index = i };
	qsort(pass.wanted, count, sizeof(*pass.wanted), by_run_id);
	if (look(&pass))
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to look through /proc");
	if (count)
		memcpy(ret_counts, counts, count * sizeof(*counts));
	*ret_unread = pass.unread;
	if (pass.denied_pid)
		(void)error_set_errno(err, ERROR_SYSTEM, pass.denied_errno,
				      "unable to kill process %d of a run", (int)pass.denied_pid);
	return 0;
}
