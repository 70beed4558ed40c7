#include "base/cleanup.h"
#include "doctor_internal.h"
#include "leases_internal.h"
#include "reap/lease_client.h"
#include "reap/lease_judge.h"

#define CHECK "leases"

static void count_leases(const struct leases *leases, const struct lease_holder *self,
			 size_t *ret_ours, size_t *ret_unreadable)
{
	*ret_ours = *ret_unreadable = 0;
	for (size_t i = 0; i < leases->count; i++) {
		*ret_unreadable += leases->items[i].state == LEASE_UNREADABLE;
		*ret_ours += lease_is_local(&leases->items[i], self);
	}
}

static void report_unreadable(size_t count, struct finding_list *findings)
{
	if (count)
		finding_add(findings, FINDING_WARNING, CHECK,
			    "look at `docker config ls --filter label=" LEASE_LABEL
			    "`: is another version of ci-janitor in use?",
			    "%zu of them can't be read: their apps are left alone", count);
}

static void report_clones(const struct leases *leases, const struct lease_holder *self,
			  struct finding_list *findings)
{
	for (size_t i = 0; i < leases->count; i++) {
		const struct lease_holder *by = &leases->items[i].by;

		if (!lease_is_of_a_clone(by, self))
			continue;
		finding_add(findings, FINDING_WARNING, CHECK,
			    "remove /etc/machine-id on one of them, then "
			    "systemd-machine-id-setup(1)",
			    "another node of the swarm, %s, has this machine's id: one was cloned",
			    by->host);
		return;
	}
}

void doctor_check_leases(const struct context *context, const struct engine_port *port,
			 struct finding_list *findings)
{
	CLEANUP(leases_release) struct leases leases = { 0 };
	const struct settings *settings = &context->settings;
	struct error err = { .kind = ERROR_NONE };
	struct lease_holder self;
	size_t ours, unreadable;
	struct lock_dir dir;

	if (leases_read(port->engine, port, settings->read_timeout_ms, &leases, &err) < 0) {
		finding_add(findings, FINDING_PROBLEM, CHECK,
			    "let it reach an active manager ([engine] host)", "%s", err.message);
		return;
	}
	if (!settings->cluster) {
		if (leases.count)
			finding_add(findings, FINDING_PROBLEM, CHECK,
				    "say [lock] cluster = yes on every host that shares the swarm",
				    "%zu apps have leases in this swarm, which this host doesn't "
				    "heed",
				    leases.count);
		return;
	}
	if (lock_dir_open(&dir, settings->lock_dir, &context->trust, NULL) < 0)
		return;
	lease_self(context, &dir, NULL, NULL, &self);
	lease_holder_take_node(&self, port);
	lock_dir_close(&dir);
	if (!self.machine[0])
		finding_add(findings, FINDING_WARNING, CHECK, "see systemd-machine-id-setup(1)",
			    "this machine has no id: leases of its own dead runs are waited out");
	count_leases(&leases, &self, &ours, &unreadable);
	report_unreadable(unreadable, findings);
	report_clones(&leases, &self, findings);
	finding_add(findings, FINDING_OK, CHECK, NULL, "%zu in the swarm, %zu of this host",
		    leases.count, ours);
}
