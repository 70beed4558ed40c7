/*
 * Scratch directories: <base>/<hash>.<run id>, private to one run. Under the app's lock every entry
 * that begins with its hash is a dead run's (or our own), whatever became of its record.
 */
#ifndef LOCK_SCRATCH_H
#define LOCK_SCRATCH_H

#include <stdint.h>

#include "lock/lock_dir.h"
#include "model/app.h"
#include "model/settings.h"

/* Makes the run's directory, 0700, with a symbolic link for each "NAME=TARGET". *ret_path is
 * absolute and the caller's. Nothing is left of a failed call. */
int scratch_create(const char *base, const struct lock_trust *trust, const struct app_hash *hash,
		   const char *run_id, const struct word_list *links, char **ret_path,
		   struct error *err);

#define SCRATCH_ANY_AGE INT64_MAX

/* Removes the app's scratch directories that were last changed before that wall-clock second: only
 * by the holder of its lock. Adds how many went to *count. Entries of untrusted owners are somebody
 * else's and stay; no base directory: nothing to do. Fails when one could not be removed, with the
 * others gone. */
int scratch_remove(const char *base, const struct lock_trust *trust, const struct app_hash *hash,
		   int64_t before, int64_t deadline, size_t *count, struct error *err);

/* Calls function for each directory that scratch_remove would remove of some app. 0, or -1 with
 * *err. */
int scratch_each(const char *base, const struct lock_trust *trust, int64_t before,
		 void (*function)(const struct app_hash *hash, void *data), void *data,
		 struct error *err);

#endif
