/*
 * Runs two commands in turn, COUNT times each, and prints what each run took, one per line:
 * "a|b WALL-ns CPU-us PEAK-KiB STATUS". Their output goes nowhere.
 *
 *	bench-pair COUNT COMMAND-A [ARG...] --- COMMAND-B [ARG...]
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static long long cpu_us(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL +
	       usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

static void run(char which, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	long long began;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	began = now_ns();
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) ||
	    wait4(pid, &status, 0, &usage) != pid) {
		perror(argv[0]);
		exit(1);
	}
	printf("%c %lld %lld %ld %d\n", which, now_ns() - began, cpu_us(&usage), usage.ru_maxrss,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	posix_spawn_file_actions_destroy(&actions);
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0, second = 2;

	while (second < argc && strcmp(argv[second], "---") != 0)
		second++;
	if (count < 1 || second + 1 >= argc || second == 2)
		return 64;
	argv[second++] = NULL;
	for (int i = 0; i < count; i++) {
		run('a', argv + 2);
		run('b', argv + second);
	}
	return 0;
}
