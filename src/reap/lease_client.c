#include "reap/lease_client.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define BACKOFF_FIRST_MS 25
#define BACKOFF_MAX_MS 1000

void lease_client_init(struct lease_client *client, const struct app_hash *hash,
		       const struct lease_holder *self, enum lease_state state, bool create)
{
	*client = (struct lease_client){
		.wanted = { .hash = *hash, .state = state, .by = *self },
		.step = create ? LEASE_STEP_CREATE : LEASE_STEP_LOOK,
	};
}

static void go_on(struct lease_client *client, enum lease_step step)
{
	client->step = step;
	client->not_before = 0;
}

/* Looks again, later each time. */
static void retry(struct lease_client *client, enum lease_step step)
{
	client->backoff_ms = client->backoff_ms ? client->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (client->backoff_ms > BACKOFF_MAX_MS)
		client->backoff_ms = BACKOFF_MAX_MS;
	client->step = step;
	client->not_before = clock_boot_ms() + client->backoff_ms;
}

static void end(struct lease_client *client, enum lease_status status)
{
	client->status = status;
	client->step = LEASE_STEP_END;
}

static int look(const struct lease_client *client, const struct engine_port *port, uint64_t cookie,
		struct error *err)
{
	char name[LEASE_NAME_SIZE];
	const char *names[] = { lease_name(&client->wanted.hash, name) };
	struct list_filter filter = { .names = names, .name_count = 1 };

	return port->list(port->engine, RESOURCE_CONFIG, &filter, cookie, err);
}

static int write_it(const struct lease_client *client, const struct engine_port *port,
		    uint64_t cookie, struct error *err)
{
	struct lease lease = client->wanted;
	struct resource config;
	int result;

	if (client->release_sent || client->step == LEASE_STEP_PROVE)
		lease.state = LEASE_RELEASED;
	memcpy(lease.id, client->found.id, sizeof(lease.id));
	lease.version = client->found.version;
	lease_write(&lease, &config);
	if (client->step == LEASE_STEP_CREATE || client->step == LEASE_STEP_PROVE)
		result = port->create_config(port->engine, &config, cookie, err);
	else if (client->step == LEASE_STEP_WRITE)
		result = port->update_config(port->engine, &config, cookie, err);
	else
		result = port->remove(port->engine, &config, cookie, err);
	resource_release(&config);
	return result;
}

static int send(const struct lease_client *client, const struct engine_port *port, uint64_t cookie,
		struct error *err)
{
	if (client->step == LEASE_STEP_LOOK)
		return look(client, port, cookie, err);
	if (client->step == LEASE_STEP_NODE)
		return port->ask_node(port->engine, cookie, err);
	return write_it(client, port, cookie, err);
}

void lease_holder_take_node(struct lease_holder *holder, const struct engine_port *port)
{
	(void)snprintf(holder->node, sizeof(holder->node), "%s", port->host_node(port->engine));
}

int lease_client_step(struct lease_client *client, const struct engine_port *port, uint64_t cookie,
		      struct error *err)
{
	if (lease_client_due(client) != 0)
		return 0;
	if (client->step == LEASE_STEP_REST)
		go_on(client, LEASE_STEP_LOOK);
	client->release_sent = client->releasing && client->step == LEASE_STEP_WRITE;
	client->sent_at = clock_boot_ms();
	lease_holder_take_node(&client->wanted.by, port);
	if (send(client, port, cookie, err) < 0)
		return -1;
	client->asked = true;
	return 0;
}

static void rest(struct lease_client *client)
{
	client->step = LEASE_STEP_REST;
	client->not_before = client->renewed_at + lease_renew_after(client->wanted.by.term_ms);
}

/* Acknowledged: it is held from the moment at which the request was sent. */
static void written(struct lease_client *client)
{
	if (client->releasing) {
		go_on(client, client->release_sent ? LEASE_STEP_REMOVE : LEASE_STEP_LOOK);
		return;
	}
	client->status = LEASE_STATUS_HELD;
	client->replaced = client->found.version;
	client->renewed_at = client->sent_at;
	client->backoff_ms = 0;
	rest(client);
}

/* Managers answer from their memory. The leader's engine, started anew after a crash, has not heard
 * of its last writes, and is asked by the others for as long as they take it for the leader: 10 to
 * 20 seconds. Only a write waits for what came before. */
static bool is_outdated(const struct lease_client *client)
{
	return client->status == LEASE_STATUS_HELD && client->found.version <= client->replaced;
}

static void found_none(struct lease_client *client)
{
	if (client->releasing)
		end(client, LEASE_STATUS_GONE);
	else if (client->status == LEASE_STATUS_HELD || client->renew_only)
		go_on(client, LEASE_STEP_PROVE);
	else if (client->look_only)
		end(client, LEASE_STATUS_CLEAR);
	else if (client->must_exist)
		end(client, LEASE_STATUS_NONE);
	else
		go_on(client, LEASE_STEP_CREATE);
}

static bool may_take(const struct lease_client *client, enum lease_verdict verdict)
{
	if (client->renew_only)
		return false;
	return verdict == LEASE_DEAD || (client->from && client->found.state != LEASE_UNREADABLE &&
					 !strcmp(client->from, client->found.by.host));
}

/* An app that is dead by its lease doesn't become a mere candidate by a look for orphans. */
static void take_over(struct lease_client *client)
{
	client->taken_over = true;
	client->inherited |= client->found.state != LEASE_ORPHAN;
	if (client->inherited && client->wanted.state == LEASE_ORPHAN)
		client->wanted.state = LEASE_REAPING;
	client->status = LEASE_STATUS_PENDING;
	go_on(client, LEASE_STEP_WRITE);
}

/* Without its node, what this machine has left before it was booted can't be told from a clone's.
 */
static bool asks_node(struct lease_client *client)
{
	const struct lease_holder *self = &client->wanted.by;

	if (client->asked_node || self->node[0] || !self->machine[0] ||
	    strcmp(self->machine, client->found.by.machine) != 0)
		return false;
	client->asked_node = true;
	go_on(client, LEASE_STEP_NODE);
	return true;
}

static void found_others(struct lease_client *client, enum lease_verdict verdict)
{
	bool may = may_take(client, verdict);

	/* Whose it is now is not ours to release. */
	if (client->releasing) {
		end(client, LEASE_STATUS_GONE);
	} else if (client->status == LEASE_STATUS_HELD) {
		end(client, LEASE_STATUS_LOST);
	} else if (!may && asks_node(client)) {
		return;
	} else if (client->look_only) {
		end(client, may ? LEASE_STATUS_CLEAR : LEASE_STATUS_BUSY);
	} else if (may) {
		take_over(client);
	} else {
		client->status = LEASE_STATUS_BUSY;
		retry(client, LEASE_STEP_LOOK);
	}
}

/* A released one that we held is somebody else's work by now, or a late release of our own. */
static void found_released(struct lease_client *client)
{
	if (client->status == LEASE_STATUS_HELD && !client->releasing)
		end(client, LEASE_STATUS_LOST);
	else if (client->look_only)
		end(client, LEASE_STATUS_CLEAR);
	else if (client->must_exist && !client->releasing)
		end(client, LEASE_STATUS_NONE);
	else
		go_on(client, LEASE_STEP_REMOVE);
}

static void looked(struct lease_client *client, const struct resource_list *list)
{
	const struct resource *config = NULL;
	char name[LEASE_NAME_SIZE];
	int64_t now = clock_boot_ms();
	enum lease_verdict verdict;

	(void)lease_name(&client->wanted.hash, name);
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].name && !strcmp(list->items[i].name, name))
			config = &list->items[i];
	if (!config || !lease_read(config, &client->found)) {
		found_none(client);
		return;
	}
	if (is_outdated(client)) {
		retry(client, LEASE_STEP_LOOK);
		return;
	}
	lease_sighting_note(&client->seen, &client->found, now);
	verdict = lease_judge(&client->found, &client->wanted.by, &client->seen, now, true,
			      client->reason, sizeof(client->reason));
	if (verdict == LEASE_FREE)
		found_released(client);
	else if (verdict == LEASE_OURS && client->look_only)
		end(client, LEASE_STATUS_CLEAR);
	else if (verdict == LEASE_OURS)
		go_on(client, LEASE_STEP_WRITE);
	else
		found_others(client, verdict);
}

static void removed(struct lease_client *client)
{
	if (client->releasing)
		end(client, LEASE_STATUS_GONE);
	else
		go_on(client, LEASE_STEP_CREATE);
}

/* Ours is gone. The released one is for anybody to remove: the run's own teardown, or a sweep. */
static void proved(struct lease_client *client)
{
	end(client, client->status == LEASE_STATUS_HELD ? LEASE_STATUS_LOST : LEASE_STATUS_NONE);
}

/* A name that is taken was to be expected; and without our node we go by the time. */
static bool is_no_failure(enum lease_step step, enum engine_outcome outcome)
{
	return step == LEASE_STEP_NODE || (step == LEASE_STEP_CREATE && outcome == ENGINE_IN_USE);
}

static void look_now(struct lease_client *client)
{
	client->error = (struct error){ .kind = ERROR_NONE };
	go_on(client, LEASE_STEP_LOOK);
}

void lease_client_answer(struct lease_client *client, const struct engine_answer *answer)
{
	enum lease_step step = client->step;
	bool done = answer->outcome == ENGINE_DONE;

	client->asked = false;
	client->error = answer->error;
	if (step == LEASE_STEP_LOOK && done)
		looked(client, &answer->list);
	else if ((step == LEASE_STEP_CREATE || step == LEASE_STEP_WRITE) && done)
		written(client);
	else if (step == LEASE_STEP_REMOVE && (done || answer->outcome == ENGINE_ALREADY_GONE))
		removed(client);
	else if (step == LEASE_STEP_PROVE && done)
		proved(client);
	else if (is_no_failure(step, answer->outcome))
		look_now(client);
	else if (answer->outcome == ENGINE_REFUSED && client->status == LEASE_STATUS_PENDING)
		end(client, LEASE_STATUS_FAILED);
	else
		retry(client, LEASE_STEP_LOOK);
}

int64_t lease_client_due(const struct lease_client *client)
{
	int64_t now;

	if (client->asked || client->step == LEASE_STEP_END)
		return -1;
	now = clock_boot_ms();
	return client->not_before > now ? client->not_before - now : 0;
}

bool lease_client_is_valid(const struct lease_client *client)
{
	return client->status == LEASE_STATUS_HELD &&
	       clock_boot_ms() < client->renewed_at + lease_stop_after(client->wanted.by.term_ms);
}

void lease_client_release(struct lease_client *client)
{
	client->releasing = true;
	if (!client->asked)
		go_on(client, LEASE_STEP_LOOK);
}
