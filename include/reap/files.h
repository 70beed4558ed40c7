/*
 * An app's files by configured templates (reaping.md, rule 4): globs in the directories, the app's
 * name in the last part. The way to a file is walked directory by directory through descriptors. No
 * symbolic link is followed, and nothing is removed from a directory that others could write to.
 */
#ifndef REAP_FILES_H
#define REAP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lock/lock_dir.h"

/* One file that a template names. Texts are good during the call. */
struct app_file {
	const char *path;
	const char *reason; /* why it can't be removed; NULL: it can */
	int64_t changed;    /* seconds since 1970 */
};

/* Calls function for each file of the app that is there. A template whose directories are not
 * there names none. 0, or -1 with *err: what is there can't be known. */
int files_each(const char *template, const char *app, const struct lock_trust *trust,
	       void (*function)(void *data, const struct app_file *file), void *data,
	       struct error *err);

/* Removes one that files_each found, under the same conditions. 1: removed; 0: it was gone; -1. */
int files_remove(const char *path, const struct lock_trust *trust, struct error *err);

/* Whose file it is by the template: the app's name into ret; false: nobody's. */
bool files_app_of(const char *template, const char *file_name, char *ret, size_t size);

#endif
