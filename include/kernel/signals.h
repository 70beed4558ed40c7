/* Signals as events: everything blocked and read from a signalfd; the state that the program was
 * started with is kept, so that a child can be given it back. */
#ifndef KERNEL_SIGNALS_H
#define KERNEL_SIGNALS_H

#include <signal.h>
#include <sys/signalfd.h>

#include "base/error.h"

struct signal_state {
	sigset_t mask;		      /* as inherited */
	struct sigaction sigchld;     /* disposition as inherited: SIG_IGN or SIG_DFL */
	struct sigaction sigpipe;
};

/* Remembers mask and dispositions, sets SIGCHLD to default and SIGPIPE to ignored, blocks every
 * catchable signal but the synchronous ones (SEGV, BUS, FPE, ILL, TRAP, SYS, ABRT), and returns a
 * close-on-exec, non-blocking signalfd for the blocked ones; -1 with *err. A SIGHUP, SIGINT or
 * SIGQUIT that was inherited as ignored stays so, unblocked, as nohup and `&` want it. */
int signals_take_over(struct signal_state *ret_before, struct error *err);

/* In a forked child before exec: the state as it was. Async-signal-safe. */
void signals_give_back(const struct signal_state *before);

/* Only SIGTERM, SIGINT and SIGHUP blocked and in a signalfd (an ignored SIGHUP/SIGINT stays
 * ignored, as nohup wants it): for sweep and reap, which end between requests. -1 with *err. */
int signals_watch_termination(struct error *err);

#endif
