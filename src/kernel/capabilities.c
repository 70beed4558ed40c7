#include "kernel/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/library.h"

static LIBRARY_FUNCTION(capng_apply);
static LIBRARY_FUNCTION(capng_capability_to_name);
static LIBRARY_FUNCTION(capng_clear);
static LIBRARY_FUNCTION(capng_get_caps_process);
static LIBRARY_FUNCTION(capng_have_capability);
static LIBRARY_FUNCTION(capng_update);

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(capng_apply),	       LIBRARY_SYMBOL(capng_capability_to_name),
	LIBRARY_SYMBOL(capng_clear),	       LIBRARY_SYMBOL(capng_get_caps_process),
	LIBRARY_SYMBOL(capng_have_capability), LIBRARY_SYMBOL(capng_update),
};

#define BIT(capability) (UINT64_C(1) << (capability))

static const uint64_t kept_by_profile[] = {
	[CAPABILITIES_NONE] = 0,
	[CAPABILITIES_LOOK] = BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_SYS_PTRACE),
	[CAPABILITIES_REAP] = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE),
	[CAPABILITIES_RUN] = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE),
};

/* As capget(2) gave them before the RUN drop: libcap-ng allocates, so it can't be asked between
 * fork and exec. */
static struct __user_cap_data_struct before_drop[_LINUX_CAPABILITY_U32S_3];
static bool is_dropped;

static int read_raw(struct __user_cap_data_struct ret[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return (int)syscall(SYS_capget, &header, ret);
}

static bool is_kept(enum capability_profile profile, unsigned capability)
{
	return capability < 64 && (kept_by_profile[profile] & BIT(capability));
}

/* Is one of the set outside of the profile? With CAPABILITIES_NONE: is the set not empty? */
static bool has_beyond(capng_type_t set, enum capability_profile profile)
{
	for (unsigned capability = 0; sym_capng_capability_to_name(capability); capability++)
		if (!is_kept(profile, capability) && sym_capng_have_capability(set, capability))
			return true;
	return false;
}

static void restrict_set(capng_type_t set, enum capability_profile profile)
{
	for (unsigned capability = 0; sym_capng_capability_to_name(capability); capability++)
		if (!is_kept(profile, capability) && sym_capng_have_capability(set, capability))
			(void)sym_capng_update(CAPNG_DROP, set, capability);
}

/* For the profiles of short-lived commands; `run`, which must start quickly, goes without. */
static int load(struct error *err)
{
	static bool loaded;

	loaded = loaded || library_load("libcap-ng.so.0", symbols, ARRAY_SIZE(symbols), err) == 0;
	return loaded ? 0 : -1;
}

static int read_back(struct error *err)
{
	if (sym_capng_get_caps_process())
		return error_set(err, ERROR_PERMISSION, "unable to read the capabilities");
	return 0;
}

/* By the bare system calls: loading libcap-ng, which reads /proc, would cost every run. */
static int drop_effective(enum capability_profile profile, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3];
	uint64_t kept = kept_by_profile[profile];

	if (!is_dropped && read_raw(before_drop))
		return error_set_errno(err, ERROR_PERMISSION, errno,
				       "unable to read the capabilities");
	is_dropped = true;
	memcpy(now, before_drop, sizeof(now));
	now[0].effective &= (uint32_t)kept;
	now[1].effective &= (uint32_t)(kept >> 32);
	if (syscall(SYS_capset, &header, now) || read_raw(now))
		return error_set_errno(err, ERROR_PERMISSION, errno, "unable to drop capabilities");
	if (now[0].effective & ~(uint32_t)kept || now[1].effective & ~(uint32_t)(kept >> 32))
		return error_set(err, ERROR_PERMISSION,
				 "unable to drop capabilities: some are still effective");
	return 0;
}

static bool have_beyond(enum capability_profile profile)
{
	return has_beyond(CAPNG_EFFECTIVE, profile) || has_beyond(CAPNG_PERMITTED, profile) ||
	       has_beyond(CAPNG_INHERITABLE, CAPABILITIES_NONE) ||
	       has_beyond(CAPNG_AMBIENT, CAPABILITIES_NONE);
}

/* The kernel takes what leaves the permitted or inheritable set out of the ambient one. A service
 * that was started with no more than the profile may be forbidden capset(2). */
static int drop_all(enum capability_profile profile, bool bounding, struct error *err)
{
	bool beyond = have_beyond(profile);

	restrict_set(CAPNG_EFFECTIVE, profile);
	restrict_set(CAPNG_PERMITTED, profile);
	restrict_set(CAPNG_INHERITABLE, CAPABILITIES_NONE);
	if (bounding) {
		sym_capng_clear(CAPNG_SELECT_BOUNDS);
		if (sym_capng_apply(CAPNG_SELECT_BOUNDS))
			return error_set(err, ERROR_PERMISSION,
					 "unable to empty the capability bounding set");
	}
	if (beyond && sym_capng_apply(CAPNG_SELECT_CAPS))
		return error_set(err, ERROR_PERMISSION, "unable to drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_set_errno(err, ERROR_PERMISSION, errno,
				       "unable to give up gaining privileges");
	return 0;
}

static int verify_all(enum capability_profile profile, bool bounding, struct error *err)
{
	if (read_back(err))
		return -1;
	if (have_beyond(profile) || (bounding && has_beyond(CAPNG_BOUNDING_SET, CAPABILITIES_NONE)))
		return error_set(err, ERROR_PERMISSION,
				 "unable to drop capabilities: some are still there");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return error_set(err, ERROR_PERMISSION,
				 "unable to give up gaining privileges: no_new_privs is not set");
	return 0;
}

int capabilities_drop(enum capability_profile profile, struct error *err)
{
	bool bounding;

	if (profile == CAPABILITIES_RUN)
		return drop_effective(profile, err);
	/* After RUN's drop, what empties the bounding set is only permitted. */
	if (capabilities_restore() < 0)
		return error_set_errno(err, ERROR_PERMISSION, errno, "unable to drop capabilities");
	if (load(err) < 0 || read_back(err))
		return -1;
	bounding = sym_capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	if (drop_all(profile, bounding, err))
		return -1;
	return verify_all(profile, bounding, err);
}

bool capabilities_missing(enum capability_profile profile, char *ret, size_t size)
{
	size_t length = 0;

	ret[0] = '\0';
	if (load(NULL) < 0 || sym_capng_get_caps_process())
		return false;
	for (unsigned capability = 0; sym_capng_capability_to_name(capability); capability++) {
		if (!is_kept(profile, capability) ||
		    sym_capng_have_capability(CAPNG_EFFECTIVE, capability) || length >= size)
			continue;
		length += (size_t)snprintf(ret + length, size - length, "%s%s", length ? ", " : "",
					   sym_capng_capability_to_name(capability));
	}
	return length > 0;
}

int capabilities_restore(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	if (!is_dropped)
		return 0;
	return (int)syscall(SYS_capset, &header, before_drop);
}

int capabilities_give_up(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	uint32_t any = 0;

	if (read_raw(sets))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		any |= sets[i].effective | sets[i].permitted | sets[i].inheritable;
		sets[i] = (struct __user_cap_data_struct){ 0 };
	}
	return any ? (int)syscall(SYS_capset, &header, sets) : 0;
}

void capabilities_drop_again(void)
{
	/* What was possible once for this process is possible again. */
	if (is_dropped)
		(void)capabilities_drop(CAPABILITIES_RUN, NULL);
}
