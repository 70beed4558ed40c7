#include "reap/lease_judge.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static bool is_seen(const struct lease_sighting *sighting, const struct lease *lease)
{
	return sighting->version && sighting->version == lease->version &&
	       !strcmp(sighting->id, lease->id);
}

void lease_sighting_note(struct lease_sighting *sighting, const struct lease *lease, int64_t now)
{
	if (is_seen(sighting, lease))
		return;
	*sighting = (struct lease_sighting){ .version = lease->version, .since = now };
	memcpy(sighting->id, lease->id, sizeof(sighting->id));
}

static bool is_same(const char *a, const char *b)
{
	return *a && !strcmp(a, b);
}

/* Machine ids get cloned with the machines, host names at times as well; a swarm's node doesn't. */
bool lease_is_of_a_clone(const struct lease_holder *by, const struct lease_holder *self)
{
	return is_same(by->machine, self->machine) && by->node[0] && self->node[0] &&
	       strcmp(by->node, self->node) != 0;
}

static bool is_our_machine(const struct lease_holder *by, const struct lease_holder *self)
{
	return is_same(by->machine, self->machine) && is_same(by->host, self->host) &&
	       !lease_is_of_a_clone(by, self);
}

/* That two clones run at the same time looks like one that was booted anew, but for the node. */
static bool was_booted_anew(const struct lease_holder *by, const struct lease_holder *self)
{
	return is_our_machine(by, self) && is_same(by->node, self->node) && by->boot[0] &&
	       self->boot[0] && strcmp(by->boot, self->boot) != 0;
}

static bool was_watched(const struct lease *lease, const struct lease_sighting *seen, int64_t now)
{
	return is_seen(seen, lease) && now - seen->since >= lease->by.term_ms;
}

enum lease_verdict lease_judge(const struct lease *lease, const struct lease_holder *self,
			       const struct lease_sighting *seen, int64_t now, bool lock_is_free,
			       char *reason, size_t size)
{
	const struct lease_holder *by = &lease->by;
	char term[32];

	if (lease->state == LEASE_RELEASED)
		return LEASE_FREE;
	if (lease->state == LEASE_UNREADABLE) {
		(void)snprintf(reason, size, "what it says can't be read");
		return LEASE_ALIVE;
	}
	if (is_same(by->run_id, self->run_id) && is_our_machine(by, self))
		return LEASE_OURS;
	(void)format_duration(by->term_ms, term, sizeof(term));
	if (was_booted_anew(by, self)) {
		(void)snprintf(reason, size, "%s was booted anew", by->host);
		return LEASE_DEAD;
	}
	/* One directory, one kernel: there the lock tells, and whoever has the lease took it first.
	 */
	if (is_our_machine(by, self) && is_same(by->boot, self->boot) &&
	    is_same(by->directory, self->directory)) {
		(void)snprintf(reason, size, "its lock is %s", lock_is_free ? "free" : "held");
		return lock_is_free ? LEASE_DEAD : LEASE_ALIVE;
	}
	if (was_watched(lease, seen, now)) {
		(void)snprintf(reason, size, "it was not renewed for %s", term);
		return LEASE_DEAD;
	}
	(void)snprintf(reason, size, "it was not watched for its term of %s yet", term);
	return LEASE_ALIVE;
}
