/* The terminal that a run may be a job of. */
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run_internal.h"

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

void terminal_look(struct run *run)
{
	CLEANUP_CLOSE int fd = open_terminal();

	run->has_terminal = fd >= 0;
	run->has_settings = fd >= 0 && tcgetattr(fd, &run->settings) == 0;
}

/* A shell does this for a job that a signal has ended; we end by exit, with a status. */
void terminal_restore(const struct run *run)
{
	CLEANUP_CLOSE int fd = run->has_settings ? open_terminal() : -1;
	struct termios now;

	/* In the background they are the foreground job's. SIGTTOU is blocked. */
	if (fd < 0 || tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &now) < 0 ||
	    (now.c_lflag == run->settings.c_lflag && now.c_iflag == run->settings.c_iflag &&
	     now.c_oflag == run->settings.c_oflag))
		return;
	(void)tcsetattr(fd, TCSADRAIN, &run->settings);
}
