/*
 * The configuration: INI files -> settings, strictly. An unknown section or key, a duplicate, a bad
 * value or an over-long line is ERROR_CONFIG with "FILE:LINE: key: reason".
 *
 * A key that is given replaces what was there, lists included. A failed call may have replaced
 * some values already: *settings stays the caller's to release, and is of no other use.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdio.h>

#include "base/error.h"
#include "model/settings.h"

#define CONFIG_DEFAULT_FILE "/etc/ci-janitor/ci-janitor.conf"
#define CONFIG_DEFAULT_DROP_INS "/etc/ci-janitor/conf.d"

#define CONFIG_LINE_MAX 196
#define CONFIG_FILE_MAX 65536

/*
 * Reads onto *settings (already initialised). path NULL: the default file if it is there, then the
 * drop-ins in name order (later files override). path given: only that file, which must be there.
 * A file must be regular, owned by root or the caller, and not writable by others.
 */
int config_load(struct settings *settings, const char *path, struct error *err);

/* config_load's way with the default paths, for any two paths: neither needs to be there. */
int config_load_with_drop_ins(struct settings *settings, const char *file, const char *directory,
			      struct error *err);

/* Parses one stream; name is for messages. For config_load and tests. */
int config_parse(struct settings *settings, FILE *stream, const char *name, struct error *err);

/* Walks the table of keys: for tests and documentation. Returns NULL past the end. */
struct config_key {
	const char *section;
	const char *key;
};
const struct config_key *config_key_at(unsigned index);

#endif
