#include "hold_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/process.h"

pid_t tie_default_pid(void)
{
	pid_t parent = 0;

	return getppid() > 0 && process_parent(getppid(), &parent) == 0 ? parent : 0;
}

/* Process 1 ends with the machine, or with the container: whoever wants that says so. */
static int default_pid(pid_t *ret, struct error *err)
{
	pid_t pid = tie_default_pid();

	if (pid == 0)
		return error_set(err, ERROR_USAGE,
				 "unable to tell what to hold for: the caller's parent can't be "
				 "seen from here; say --pid PID");
	if (pid == 1)
		return error_set(err, ERROR_USAGE,
				 "unable to tell what to hold for: the caller's parent is process "
				 "1, whose end says nothing about the job's; say --pid PID");
	*ret = pid;
	return 0;
}

int tie_refuse(pid_t pid, struct error *err)
{
	/* EPERM: of a container's filter that doesn't know the call. */
	const char *takes = errno == ENOSYS || errno == EPERM
				    ? " (it takes Linux 5.3, and a container that allows pidfds)"
				    : "";

	return error_set_errno(err, ERROR_SYSTEM, errno, "unable to watch process %d%s", (int)pid,
			       takes);
}

static int open_process(pid_t pid, int *ret, struct error *err)
{
	int pidfd = process_open(pid);

	if (pidfd < 0 && errno == ESRCH)
		return error_set(err, ERROR_USAGE, "unable to hold for process %d: there is none",
				 (int)pid);
	/* The number of a thread that isn't its process's first. */
	if (pidfd < 0 && (errno == EINVAL || errno == ENOENT))
		return error_set(err, ERROR_USAGE,
				 "unable to hold for process %d: it is only a thread", (int)pid);
	if (pidfd < 0)
		return tie_refuse(pid, err);
	*ret = pidfd;
	return 0;
}

/* In clock ticks since boot, as /proc/PID/stat has it. Our own start time would not do: it is that
 * of the fork, and the shell that became us may have started since then what is meant. */
static uint64_t now_in_ticks(void)
{
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * per_second +
	       (uint64_t)now.tv_nsec * per_second / UINT64_C(1000000000);
}

static int check_age(pid_t pid, uint64_t limit, struct error *err)
{
	uint64_t start_time;

	if (process_start_time(pid, &start_time) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to learn since when process %d runs", (int)pid);
	if (start_time > limit)
		return error_set(err, ERROR_USAGE,
				 "unable to hold for process %d: it is younger than this call, so "
				 "the one that was meant has ended",
				 (int)pid);
	return 0;
}

static void read_name(pid_t pid, char *ret, size_t size)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (file_read_at(AT_FDCWD, path, ret, size) < 0)
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

int tie_open(pid_t asked, struct tie *ret, struct error *err)
{
	CLEANUP_CLOSE int pidfd = -1;
	uint64_t called = now_in_ticks();
	pid_t pid = asked;

	if (pid == getpid())
		return error_set(err, ERROR_USAGE, "unable to hold for process %d: it is this one",
				 (int)pid);
	if (pid == 0 && default_pid(&pid, err) < 0)
		return -1;
	if (open_process(pid, &pidfd, err) < 0 || check_age(pid, called, err) < 0)
		return -1;
	read_name(pid, ret->name, sizeof(ret->name));
	/* Only now is all that was read known to be of the process behind the pidfd. */
	if (process_has_ended(pidfd) || (asked == 0 && tie_default_pid() != pid))
		return error_set(err, ERROR_USAGE, "unable to hold for process %d: it has ended",
				 (int)pid);
	ret->pid = pid;
	ret->pidfd = pidfd;
	pidfd = -1;
	return 0;
}

void tie_close(struct tie *tie)
{
	cleanup_close(&tie->pidfd);
	tie->pidfd = -1;
}
