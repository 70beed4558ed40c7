/* One search for deleted lockfiles, round by round (deleted_lock.c). */
#ifndef LOCK_DELETED_SEARCH_INTERNAL_H
#define LOCK_DELETED_SEARCH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "kernel/proc_locks.h"
#include "lock/deleted_lock.h"

/* What is known of a candidate. */
struct deleted_finding {
	bool explained;
	bool listed;	    /* the directory has it, by a name that is none of a lockfile */
	bool other_devices; /* held by a file with the number on another device: ours may be, too */
};

struct deleted_search {
	const struct lock_dir *dir;
	bool blind; /* candidates may be missing */
	struct proc_lock_list candidates;
	struct deleted_finding *findings; /* of each candidate */
	size_t unexplained;
	struct deleted_lock_list found;
};

/* Takes those for candidates that may be of the directory, and looks which of them it accounts for.
 */
int deleted_search_begin(struct deleted_search *search, const struct app_lock *own,
			 struct error *err);
/* Looks for those that are not explained: in each noted process once, then in all. Adds to found.
 */
int deleted_search_look(struct deleted_search *search, struct error *err);
void deleted_search_release(struct deleted_search *search);

/* The inode needs no more looking for; it does again. */
void deleted_search_explain(struct deleted_search *search, ino_t inode);
void deleted_search_unexplain(struct deleted_search *search, ino_t inode);

#endif
