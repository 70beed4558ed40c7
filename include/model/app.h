/*
 * The name of an app, its hash and its lockfile's name (lock-protocol.md).
 *
 * Name: 1-128 characters of [A-Za-z0-9._-], the first one alphanumeric. Hash: the first 32 hex
 * digits of SHA-256 over the name. The lockfile's name is the authority; everything else that
 * names an app is joined to it by hash.
 */
#ifndef MODEL_APP_H
#define MODEL_APP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define APP_NAME_MAX 128
#define APP_HASH_LENGTH 32
#define APP_LOCKFILE_NAME_SIZE (sizeof("ci-app-.lock") + APP_HASH_LENGTH)

struct app_hash {
	char hex[APP_HASH_LENGTH + 1]; /* lower case, NUL-terminated */
};

/* Does the name follow the grammar? */
bool app_name_is_valid(const char *name);

/* As app_name_is_valid, with the reason in *err (ERROR_USAGE). */
int app_name_check(const char *name, struct error *err);

struct app_hash app_hash_of(const char *name);
bool app_hash_equal(const struct app_hash *a, const struct app_hash *b);
/* For qsort and bsearch. */
int app_hash_compare(const void *a, const void *b);

/* "ci-app-<hash>.lock" into buffer, which it returns. */
const char *app_lockfile_name(const struct app_hash *hash, char buffer[APP_LOCKFILE_NAME_SIZE]);

/* The hash in a lockfile's name; false when the name is not exactly such a name. */
bool app_hash_from_lockfile_name(const char *file_name, struct app_hash *ret);

/* The name with every '.' as '_' (Co-op Cloud's convention for stack names). */
void app_name_dots_to_underscores(const char *name, char ret[APP_NAME_MAX + 1]);

#endif
