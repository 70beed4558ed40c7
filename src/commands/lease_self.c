#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "commands_internal.h"
#include "kernel/process.h"

/* machine-id(5) asks not to let the id itself out. */
static void machine_hash(char ret[APP_HASH_LENGTH + 1])
{
	CLEANUP_FREE char *salted = NULL;
	struct app_hash hash;
	char id[64];

	ret[0] = '\0';
	if (file_read_at(AT_FDCWD, "/etc/machine-id", id, sizeof(id)) < 32)
		return;
	id[strcspn(id, "\n")] = '\0';
	salted = xasprintf("ci-janitor lease of machine %s", id);
	hash = app_hash_of(salted);
	memcpy(ret, hash.hex, sizeof(hash.hex));
}

void lease_self(const struct context *context, const struct lock_dir *dir, const char *run_id,
		const char *holder, struct lease_holder *ret)
{
	CLEANUP_FREE char *id = holder ? NULL : holder_id(getpid());
	struct stat status;

	*ret = (struct lease_holder){ .term_ms = context->settings.cluster_term_ms };
	holder_host(ret->host, sizeof(ret->host));
	machine_hash(ret->machine);
	(void)process_boot_id(ret->boot);
	if (fstat(dir->fd, &status) == 0)
		(void)snprintf(ret->directory, sizeof(ret->directory), "%llx:%llx",
			       (unsigned long long)status.st_dev,
			       (unsigned long long)status.st_ino);
	if (run_id)
		(void)snprintf(ret->run_id, sizeof(ret->run_id), "%s", run_id);
	else
		process_random_id(ret->run_id);
	(void)snprintf(ret->holder, sizeof(ret->holder), "%s", holder ? holder : id);
}
