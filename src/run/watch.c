/*
 * A live run's lockfile that somebody deletes or renames: the lock is still held, and protects
 * nothing, since the next run makes a new file. Nothing can be mended from here (a lockfile is
 * never renamed or linked again); so it is said loudly. No cost while nothing happens.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "model/event.h"
#include "run_internal.h"

void watch_begin(struct run *run)
{
	char path[48];

	run->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (run->watch_fd < 0) {
		log_debug("unable to watch the lockfile: inotify is not to be had");
		return;
	}
	/* The inode itself, whatever the path names by now. A changed link count is IN_ATTRIB. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", run->lock.fd);
	if (inotify_add_watch(run->watch_fd, path, IN_ATTRIB | IN_MOVE_SELF) < 0) {
		log_debug("unable to watch the lockfile: inotify_add_watch fails");
		watch_end(run);
		return;
	}
	/* It may have happened before. */
	watch_look(run);
}

void watch_look(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };
	char events[1024];

	while (read(run->watch_fd, events, sizeof(events)) > 0)
		;
	switch (app_lock_check(&run->dir, &run->lock, &err)) {
	case LOCK_FREE:
		return;
	case LOCK_GONE:
	case LOCK_REPLACED:
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_LOCK_DELETED),
			  "the lockfile of %s was removed, renamed or replaced while this run is "
			  "alive: the lock is held, but another run or a janitor may begin with "
			  "%s now. Whatever cleans up %s must leave ci-app-*.lock alone",
			  run->options->app, run->options->app, run->dir.path);
		break;
	default:
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_LOCK_DELETED),
			  "%s: the lock of this run may protect nothing any more", err.message);
		break;
	}
	watch_end(run);
}

void watch_end(struct run *run)
{
	cleanup_close(&run->watch_fd);
	run->watch_fd = -1;
}
