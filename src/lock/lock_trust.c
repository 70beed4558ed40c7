#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/parse.h"
#include "lock/lock_dir.h"
#include "model/settings.h"

/* (uid_t)-1 means "no change" to chown(2) and "none" to us. */
#define LAST_ID (INT64_C(0xffffffff) - 1)

static int resolve_user(const char *word, uid_t *ret, struct error *err)
{
	const struct passwd *entry;
	int64_t number;

	if (parse_number(word, 0, LAST_ID, &number, NULL) == 0) {
		*ret = (uid_t)number;
		return 0;
	}
	entry = getpwnam(word);
	if (!entry)
		return error_set(err, ERROR_CONFIG,
				 "unable to resolve trusted owner %s: no such user", word);
	*ret = entry->pw_uid;
	return 0;
}

static int resolve_group(const char *word, gid_t *ret, struct error *err)
{
	const struct group *entry;
	int64_t number;

	if (parse_number(word, 0, LAST_ID, &number, NULL) == 0) {
		*ret = (gid_t)number;
		return 0;
	}
	entry = getgrnam(word);
	if (!entry)
		return error_set(err, ERROR_CONFIG,
				 "unable to resolve lock group %s: no such group", word);
	*ret = entry->gr_gid;
	return 0;
}

int lock_trust_init(struct lock_trust *ret, const struct settings *settings, struct error *err)
{
	const struct word_list *owners = &settings->trusted_owners;
	struct lock_trust trust = { .group = (gid_t)-1 };

	trust.uids = xcalloc(owners->count + 2, sizeof(*trust.uids));
	trust.uids[trust.uid_count++] = 0;
	trust.uids[trust.uid_count++] = geteuid();
	for (size_t i = 0; i < owners->count; i++)
		if (resolve_user(owners->words[i], &trust.uids[trust.uid_count++], err) < 0)
			goto fail;
	if (settings->lock_group && resolve_group(settings->lock_group, &trust.group, err) < 0)
		goto fail;
	*ret = trust;
	return 0;
fail:
	lock_trust_release(&trust);
	return -1;
}

void lock_trust_release(struct lock_trust *trust)
{
	free(trust->uids);
	*trust = (struct lock_trust){ .group = (gid_t)-1 };
}

bool lock_trust_uid(const struct lock_trust *trust, uid_t uid)
{
	for (size_t i = 0; i < trust->uid_count; i++)
		if (trust->uids[i] == uid)
			return true;
	return false;
}
