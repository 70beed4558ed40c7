/*
 * What the runs of the torture run: tells the engine that it lives, by a connection that the kernel
 * closes when it doesn't any more, makes objects, works, and looks whether its lockfile stays.
 *
 *	torture-command SOCKET APP-NUMBER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

static void ask(int fd, const char *line)
{
	char reply[3];

	if (write(fd, line, strlen(line)) != (ssize_t)strlen(line) ||
	    recv(fd, reply, sizeof(reply), MSG_WAITALL) != sizeof(reply))
		_exit(99);
}

static ino_t lockfile(void)
{
	const char *path = getenv("CI_APP_LOCK");
	struct stat status;

	return path && !stat(path, &status) ? status.st_ino : 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timespec now;
	ino_t held = lockfile();
	char line[64];

	if (argc != 3)
		return 64;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return 98;
	snprintf(line, sizeof(line), COMMAND_HELLO, atoi(argv[2]), (int)getpid());
	ask(fd, line);
	clock_gettime(CLOCK_MONOTONIC, &now);
	srandom((unsigned)now.tv_nsec ^ (unsigned)getpid());
	for (const char *kind = random() % 4 ? "vnc" : "v"; *kind; kind++) {
		snprintf(line, sizeof(line), COMMAND_MAKE, *kind);
		ask(fd, line);
		usleep((useconds_t)(random() % 4000));
	}
	usleep((useconds_t)(random() % 20000));
	if (!held || lockfile() != held)
		ask(fd, COMMAND_LOST);
	return random() % 8 == 0 ? 3 : 0;
}
