/* What `hold` leaves behind: a run without a command, in a session of its own. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "run_arguments_internal.h"

#define JOURNAL "/run/systemd/journal/stdout"

static const char *const held_if_held_words[] = { "wait", "fail", NULL };

static struct {
	int64_t tied_fd;
	const char *log;
} given = { .tied_fd = -1 };

/* clang-format off */
const struct option_spec held_options_table[] = {
	{ "tied-fd", 0, OPTION_NUMBER, &given.tied_fd, "N", "the pidfd of what is held for", 3,
	  1 << 20, NULL },
	{ "log", 0, OPTION_TEXT, &given.log, "FILE", "append messages to FILE", 0, 0, NULL },
	{ "if-held", 0, OPTION_CHOICE, &run_arguments.if_held, "WHAT", "wait or fail", 0, 0,
	  held_if_held_words },
	RUN_OPTION("deadline", 0, DURATION, deadline_ms, "D", "hold for at most D"),
	RUN_SHARED_OPTIONS,
	OPTIONS_END,
};
/* clang-format on */

/* A descriptor that the caller let us inherit would keep its lock, its pipe, its terminal busy. */
static void close_others(int kept)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (fd > STDERR_FILENO && fd != kept && fd != dirfd(dir))
			(void)close(fd);
	}
	if (dir)
		(void)closedir(dir);
}

/* Standard output is the socket to `hold`: it goes to a number of its own. */
static int take_handover(struct error *err)
{
	CLEANUP_CLOSE int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (null_fd < 0 || fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(null_fd, STDOUT_FILENO) < 0 ||
	    fcntl((int)given.tied_fd, F_SETFD, FD_CLOEXEC) < 0 || chdir("/") < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to detach");
	return fd;
}

/* A stream to journald, as systemd-cat(1) has it: seven lines (identifier, unit, priority, level
 * prefix, forward to syslog, to kmsg, to the console), then messages. -1 where there is none. */
static int open_journal(void)
{
	static const char header[] = "ci-janitor\n\n6\n1\n0\n0\n0\n";
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL };
	struct timeval patience = { .tv_sec = 1 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A journal that hangs costs messages, and doesn't hold up the teardown. */
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    send(fd, header, sizeof(header) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(header) - 1)
		return fd;
	(void)close(fd);
	return -1;
}

/* As systemd sets it: by this the log knows its stream (systemd.exec(5)). */
static char *name_stream(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return NULL;
	return xasprintf("%llu:%llu", (unsigned long long)status.st_dev,
			 (unsigned long long)status.st_ino);
}

static int open_log(char **ret_stream, struct error *err)
{
	int fd;

	if (given.log) {
		fd = open(given.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
		if (fd < 0)
			return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open %s",
					       given.log);
		return fd;
	}
	fd = open_journal();
	if (fd >= 0)
		*ret_stream = name_stream(fd);
	else
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open the null device");
	return fd;
}

int command_held(struct context *context, char **operands)
{
	CLEANUP(run_prepared_release) struct run_prepared run = { .holder = NULL };
	CLEANUP_FREE char *log_stream = NULL;
	struct run_hold hold = { .tied_fd = (int)given.tied_fd };
	struct error err = { .kind = ERROR_NONE };
	struct stat status;

	if (given.tied_fd < 0 || fstat(STDOUT_FILENO, &status) < 0 || !S_ISSOCK(status.st_mode)) {
		(void)error_set(&err, ERROR_USAGE, "held: only `hold` starts it");
		return command_fail(&err);
	}
	close_others(hold.tied_fd);
	hold.log_fd = open_log(&log_stream, &err);
	hold.log_stream = log_stream;
	if (hold.log_fd < 0)
		return command_fail(&err);
	hold.handover_fd = take_handover(&err);
	if (hold.handover_fd < 0 || run_prepare(&run, context, operands[0], 0, &err) < 0)
		return command_fail(&err);
	run.options.hold = &hold;
	return supervisor_run(&run.options);
}
