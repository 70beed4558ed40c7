#include "victims.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../library/random.h"
#include "harness/command.h"

void victims_init(struct victims *ret, uint64_t seed, pid_t spared)
{
	*ret = (struct victims){ .random = ~seed, .spared = spared };
	for (int i = 0; i < STOPPED_MAX; i++)
		ret->stopped[i].pidfd = -1;
}

pid_t victims_child(struct victims *victims, pid_t parent)
{
	pid_t found = 0;
	unsigned seen = 0;
	char path[64];
	FILE *children;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &pid) == 1)
		if (pid != victims->spared && random_below(&victims->random, ++seen) == 0)
			found = pid;
	if (children)
		fclose(children);
	return found;
}

static pid_t parent_of(pid_t pid)
{
	char path[32];
	int parent = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = fopen(path, "re");
	if (stat && fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = 0;
	if (stat)
		fclose(stat);
	return parent;
}

/* One of our children (an orphan, maybe), or of theirs, as a descriptor; -1: nobody. Looked at
 * again once it is open, so that nothing but a process of the torture can be hit. */
static int open_victim(struct victims *victims)
{
	pid_t parent = getpid(), pid = victims_child(victims, parent);
	int pidfd;

	while (pid > 0 && random_below(&victims->random, 2)) {
		pid_t child = victims_child(victims, pid);

		if (child <= 0)
			break;
		parent = pid;
		pid = child;
	}
	pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd >= 0 && parent_of(pid) == parent &&
	    (parent == getpid() || parent_of(parent) == getpid()))
		return pidfd;
	if (pidfd >= 0)
		close(pidfd);
	return -1;
}

static void send_to(int pidfd, int signal)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

void victims_hurt(struct victims *victims)
{
	bool stop = random_below(&victims->random, 3) == 0;
	int pidfd = open_victim(victims);

	for (int i = 0; pidfd >= 0 && stop && i < STOPPED_MAX; i++) {
		struct stopped *stopped = &victims->stopped[i];

		if (stopped->pidfd >= 0)
			continue;
		stopped->pidfd = pidfd;
		stopped->until = now_ms() + random_below(&victims->random, 60);
		send_to(pidfd, SIGSTOP);
		victims->stops++;
		return;
	}
	if (pidfd < 0)
		return;
	send_to(pidfd, SIGKILL);
	victims->kills++;
	close(pidfd);
}

void victims_continue(struct victims *victims, int64_t now)
{
	for (int i = 0; i < STOPPED_MAX; i++) {
		if (victims->stopped[i].pidfd < 0 || victims->stopped[i].until > now)
			continue;
		send_to(victims->stopped[i].pidfd, SIGCONT);
		close(victims->stopped[i].pidfd);
		victims->stopped[i].pidfd = -1;
	}
}
