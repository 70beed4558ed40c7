#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"

#define WORKERS_PER_CPU 8 /* a round mostly waits */

struct work {
	struct point *points;
	size_t count;
	const char *program;
	size_t *next; /* shared */
	struct trace_call *calls;
	size_t max_calls;
	size_t *ret_calls; /* shared */
	enum scenario scenario;
};

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	_exit(2);
}

void *workers_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	return memory;
}

static void play(struct world *world, const struct work *work)
{
	for (;;) {
		size_t number = __atomic_fetch_add(work->next, 1, __ATOMIC_RELAXED);
		struct point *point;

		if (number >= work->count)
			return;
		point = &work->points[number];
		if (point->cut_off)
			scenario_cut_off(world, work->program, point->cut_off);
		else
			point->hit = scenario_play(world, point->scenario, work->program,
						   &point->fault, &point->status, NULL);
		snprintf(point->problems, sizeof(point->problems), "%.799s", world->problems);
	}
}

static void count_calls(struct world *world, const struct work *work)
{
	static const struct trace_fault none = { .what = TRACE_NOTHING };
	struct trace_calls calls = { 0 };
	int status;

	(void)scenario_play(world, work->scenario, BUILD_DIR "/ci-janitor", &none, &status, &calls);
	if (world->problems_length)
		fprintf(stderr, "without any fault: %s\n", world->problems);
	else if (calls.count <= work->max_calls)
		memcpy(work->calls, calls.items,
		       (*work->ret_calls = calls.count) * sizeof(*calls.items));
	free(calls.items);
}

/* A cgroup of the worker's own, below ours; empty: no cgroup v2 hierarchy to be written here. */
static void make_group(char *path, size_t size, int number)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char text[4096] = "", *own;
	struct statfs info;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "/proc/self/cgroup");
	close(fd);
	own = strstr(text, "0::/");
	path[0] = '\0';
	if (!own)
		return;
	own[strcspn(own, "\n")] = '\0';
	for (size_t i = 0; i < 2; i++) {
		if (statfs(mounts[i], &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		snprintf(path, size, "%s%s/ci-crash-%d-%d", mounts[i], own[4] ? own + 3 : "",
			 (int)getpid(), number);
		if (mkdir(path, 0755) == 0)
			return;
		path[0] = '\0';
	}
}

static void enter_group(const char *group)
{
	char path[512];
	int fd;

	if (!*group)
		return;
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, "0", 1) == 1, path);
	close(fd);
}

static void be_worker(const struct work *work, const char *folder, const char *group)
{
	struct world world;
	char path[256];

	must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		     mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 &&
		     mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0,
	     "mount");
	enter_group(group);
	snprintf(path, sizeof(path), "%s/world", folder);
	world_start(&world, path, group);
	if (work->calls)
		count_calls(&world, work);
	else
		play(&world, work);
	_exit(0);
}

static int remove_if_group(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)at;
	if (type == FTW_DP)
		(void)rmdir(path);
	return 0;
}

/* The group, and those that a round which was cut off has made below it. */
static void remove_groups(const char *group)
{
	for (int i = 0; *group && i < 1000 && access(group, F_OK) == 0; i++) {
		(void)nftw(group, remove_if_group, 8, FTW_DEPTH | FTW_PHYS);
		(void)poll(NULL, 0, 1);
	}
}

static volatile sig_atomic_t told_to_end;

static void note_end(int signal_number)
{
	(void)signal_number;
	told_to_end = 1;
}

/* Between the test and the worker: a process enters a new pid namespace only by a fork. It ends
 * when the test does, and takes the worker and its cgroup along. */
static void hold_worker(const struct work *work, const char *folder, int number)
{
	struct sigaction action = { .sa_handler = note_end };
	char group[256];
	int status = -1;
	pid_t pid;

	must(sigaction(SIGTERM, &action, NULL) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0,
	     "prctl");
	make_group(group, sizeof(group), number);
	must(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0, "unshare");
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		be_worker(work, folder, group);
	while (waitpid(pid, &status, told_to_end ? 0 : WNOHANG) <= 0) {
		if (told_to_end)
			(void)kill(pid, SIGKILL);
		else
			(void)poll(NULL, 0, 50);
	}
	remove_groups(group);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static bool run(const struct work *work, int workers)
{
	static const char *folder;
	bool well = true;
	int status;

	if (!folder)
		folder = temp_dir();
	fflush(NULL);
	for (int i = 0; i < workers; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0)
			hold_worker(work, folder, i);
	}
	for (int i = 0; i < workers; i++)
		well &= wait(&status) > 0 && status == 0;
	return well;
}

bool workers_play(struct point *points, size_t count, const char *program)
{
	size_t *next = workers_alloc(sizeof(*next));
	struct work work = { .points = points, .count = count, .program = program, .next = next };
	int workers = (int)sysconf(_SC_NPROCESSORS_ONLN) * WORKERS_PER_CPU;
	bool well = run(&work, workers < (int)count ? workers : (int)count);

	munmap(next, sizeof(*next));
	return well;
}

size_t workers_count_calls(enum scenario scenario, struct trace_call *calls, size_t max)
{
	size_t *count = workers_alloc(sizeof(*count)), result;
	struct work work = {
		.calls = calls, .max_calls = max, .ret_calls = count, .scenario = scenario
	};
	bool well = run(&work, 1);

	result = well ? *count : 0;
	munmap(count, sizeof(*count));
	return result;
}
