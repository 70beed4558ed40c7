/*
 * journald's own protocol ("Native Journal Protocol" on systemd.io): a datagram of FIELD=value
 * lines. Spoken here and not through libsystemd: values without line ends need no more of it than
 * this, it works in a static program, and a run stays small.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "log_internal.h"

#define SOCKET "/run/systemd/journal/socket"
#define TAKEN_ROUNDS 50

static bool hangs;

/* systemd.exec(5), $JOURNAL_STREAM. It is inherited by those whose stderr is something else. */
bool log_stream_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat status;

	if (!stream || fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	(void)snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)status.st_dev,
		       (unsigned long long)status.st_ino);
	return !strcmp(stream, ours);
}

/* As syslog(3) counts. */
int log_journal_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return 3;
	case LOG_LEVEL_WARNING:
		return 4;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_DEBUG:
		break;
	}
	return 7;
}

static void append_field(struct text *datagram, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	text_append(datagram, name);
	text_append(datagram, "=");
	text_append_escaped(datagram, value);
	text_append(datagram, "\n");
}

static void append_entry(const struct log_entry *entry, struct text *datagram)
{
	text_appendf(datagram, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=ci-janitor\n",
		     entry->message, log_journal_priority(entry->level));
	append_field(datagram, "CI_JANITOR_APP", entry->app);
	append_field(datagram, "CI_JANITOR_RUN_ID", entry->run_id);
	if (!entry->event)
		return;
	append_field(datagram, "CI_JANITOR_EVENT", entry->event->name);
	append_field(datagram, "MESSAGE_ID", entry->event->message_id);
}

/* journald finds out about the sender (unit, command line) when it reads the first message, and
 * remembers it; of a sender that has ended by then it can't. */
static void wait_until_known(int fd)
{
	static pid_t known;
	int left = 0;

	if (known == getpid())
		return;
	known = getpid();
	for (int i = 0; i < TAKEN_ROUNDS && ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0; i++)
		clock_sleep_ms(1);
}

int log_journal_send(const struct log_entry *entry)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	const struct timeval patience = { .tv_sec = LOG_PATIENCE_MS / 1000 };
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CLEANUP_TEXT struct text datagram = { 0 };
	ssize_t sent;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -1;
	append_entry(entry, &datagram);
	do
		sent = sendto(fd, datagram.data, datagram.length,
			      hangs ? MSG_NOSIGNAL | MSG_DONTWAIT : MSG_NOSIGNAL,
			      (const struct sockaddr *)&address, sizeof(address));
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		hangs |= errno == EAGAIN;
		return -1;
	}
	wait_until_known(fd);
	return 0;
}

/* The stream is shared with other processes: neither its flags nor its timeout are ours to set. */
int log_stream_write(int fd, const void *bytes, size_t count, int patience_ms)
{
	struct pollfd stream = { .fd = fd, .events = POLLOUT };
	const char *at = bytes;

	while (count > 0) {
		ssize_t sent = send(fd, at, count, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			at += sent;
			count -= (size_t)sent;
		} else if (errno == EAGAIN && !hangs) {
			hangs = poll(&stream, 1, patience_ms) == 0;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}
