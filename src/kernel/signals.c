#include "kernel/signals.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"

/* The kernel queues a blocked signal even when it is ignored, so that it would come out of the
 * signalfd: what nohup or a shell's `&` had ignored must be neither blocked nor watched. */
static void leave_out_ignored(sigset_t *set)
{
	static const int kept[] = { SIGHUP, SIGINT, SIGQUIT };

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		struct sigaction action;

		if (!sigaction(kept[i], NULL, &action) && action.sa_handler == SIG_IGN)
			(void)sigdelset(set, kept[i]);
	}
}

static int block_and_watch(const sigset_t *set, sigset_t *ret_before, struct error *err)
{
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to watch signals");
	(void)sigprocmask(SIG_BLOCK, set, ret_before);
	return fd;
}

int signals_take_over(struct signal_state *ret_before, struct error *err)
{
	static const int synchronous[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT
	};
	const struct sigaction as_default = { .sa_handler = SIG_DFL };
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct signal_state before;
	sigset_t set;
	int fd;

	(void)sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(synchronous); i++)
		(void)sigdelset(&set, synchronous[i]);
	leave_out_ignored(&set);
	fd = block_and_watch(&set, &before.mask, err);
	if (fd < 0)
		return -1;
	(void)sigaction(SIGCHLD, &as_default, &before.sigchld);
	(void)sigaction(SIGPIPE, &ignored, &before.sigpipe);
	*ret_before = before;
	return fd;
}

void signals_give_back(const struct signal_state *before)
{
	(void)sigaction(SIGCHLD, &before->sigchld, NULL);
	(void)sigaction(SIGPIPE, &before->sigpipe, NULL);
	(void)sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

int signals_watch_termination(struct error *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	leave_out_ignored(&set);
	return block_and_watch(&set, NULL, err);
}
