/*
 * The lock directory: opened anew for each pass, vetted, and from then on only used through its
 * descriptor (lock-protocol.md, "Directory" and the threat table).
 */
#ifndef LOCK_LOCK_DIR_H
#define LOCK_LOCK_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "model/app.h"

/* Who may own lockfiles, as numbers; made once from the settings' names. */
struct lock_trust {
	uid_t *uids; /* owned: root, the caller, and the configured ones */
	size_t uid_count;
	gid_t group; /* of lockfiles with mode 0660; (gid_t)-1: none */
};

/* Begins the names of files in it that are ours and no lockfiles. */
#define LOCK_DIR_OWN_FILE ".ci-janitor-"

struct settings;
int lock_trust_init(struct lock_trust *ret, const struct settings *settings, struct error *err);
void lock_trust_release(struct lock_trust *trust);
bool lock_trust_uid(const struct lock_trust *trust, uid_t uid);

struct lock_dir {
	int fd; /* O_DIRECTORY, close-on-exec */
	dev_t device;
	bool other_devices;	 /* /proc/locks may name another device than stat(2) does (btrfs,
				    overlayfs) */
	const char *file_system; /* its name; static */
	char *path;		 /* for messages */
	const struct lock_trust *trust;
};

/* Opens and vets: a real directory of a trusted owner, sticky or not writable by others, on a local
 * file system whose flock is known to exclude. Fails with ERROR_LOCK and the reason. */
int lock_dir_open(struct lock_dir *ret, const char *path, const struct lock_trust *trust,
		  struct error *err);
void lock_dir_close(struct lock_dir *dir);

/* Does the path still name the open directory? -1 with ERROR_LOCK when it was moved away, mounted
 * over or replaced: whoever comes now locks elsewhere, and what is free in here proves nothing. */
int lock_dir_check(const struct lock_dir *dir, struct error *err);

/* Calls function for every entry that has a lockfile's name, streamed. A callback that returns
 * non-zero ends the walk with that value. Returns 0, the callback's value, or -1 with *err. */
int lock_dir_each(const struct lock_dir *dir,
		  int (*function)(const struct app_hash *hash, void *data), void *data,
		  struct error *err);
/* The same, with the number of entries that are none. */
int lock_dir_each_counted(const struct lock_dir *dir,
			  int (*function)(const struct app_hash *hash, void *data), void *data,
			  size_t *ret_ignored, struct error *err);

#endif
