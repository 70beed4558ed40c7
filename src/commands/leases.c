/* What list, status and doctor show of leases ([lock] cluster). */
#include "leases_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "reap/lease_client.h"
#include "reap/lease_judge.h"

int leases_read(void *engine, const struct engine_port *port, int64_t timeout_ms,
		struct leases *ret, struct error *err)
{
	struct list_filter filter = { .key = LEASE_LABEL };
	int64_t deadline = clock_deadline(timeout_ms);
	struct engine_answer answer;
	int got;

	if (port->role(engine) != SWARM_MANAGER)
		return error_set(err, ERROR_UNREACHABLE,
				 "leases can't be seen: this node is no active swarm manager (%s)",
				 port->swarm_state(engine));
	if (port->list(engine, RESOURCE_CONFIG, &filter, 0, err) < 0)
		return -1;
	while ((got = port->wait(engine, clock_left(deadline), &answer, err)) == 0)
		if (clock_left(deadline) == 0)
			return error_set(err, ERROR_UNREACHABLE, "leases can't be seen: no answer");
	if (got < 0)
		return -1;
	if (answer.outcome != ENGINE_DONE) {
		*err = answer.error;
		return error_add_context(err, "leases can't be seen");
	}
	*ret = (struct leases){ .items = xcalloc(answer.list.count + 1, sizeof(*ret->items)) };
	for (size_t i = 0; i < answer.list.count; i++)
		ret->count += lease_read(&answer.list.items[i], &ret->items[ret->count]);
	resource_list_release(&answer.list);
	return 0;
}

void leases_release(struct leases *leases)
{
	free(leases->items);
	*leases = (struct leases){ 0 };
}

static struct lock_view *find_view(const struct lock_view_list *list, const struct app_hash *hash)
{
	for (size_t i = 0; i < list->count; i++)
		if (app_hash_equal(&list->items[i].hash, hash))
			return &list->items[i];
	return NULL;
}

bool lease_is_local(const struct lease *lease, const struct lease_holder *self)
{
	return !strcmp(lease->by.machine, self->machine) && !strcmp(lease->by.host, self->host) &&
	       !strcmp(lease->by.directory, self->directory) &&
	       !strcmp(lease->by.boot, self->boot) && !lease_is_of_a_clone(&lease->by, self);
}

/* Whose record is shown: of an app that another host has, that one's. */
static void show_holder(struct lock_view *view, const struct lease *lease)
{
	view->record = (struct record){ .known = true };
	memcpy(view->record.app, lease->by.app, sizeof(view->record.app));
	memcpy(view->record.stack, lease->by.stack, sizeof(view->record.stack));
	memcpy(view->record.run_id, lease->by.run_id, sizeof(view->record.run_id));
	memcpy(view->record.holder, lease->by.holder, sizeof(view->record.holder));
	memcpy(view->record.host, lease->by.host, sizeof(view->record.host));
}

static void join(struct lock_view_list *list, const struct lease *lease,
		 const struct lease_holder *self, bool all)
{
	struct lock_view *view = find_view(list, &lease->hash);

	if (lease->state == LEASE_RELEASED || (!view && !all))
		return;
	if (!view) {
		lock_view_list_add(list, &lease->hash);
		view = &list->items[list->count - 1];
		view->state = LOCK_VIEW_FREE;
	}
	view->lease = *lease;
	/* Of this host, the lock tells; a lease without a lockfile is a dead run's. */
	if (lease_is_local(lease, self)) {
		if (view->state == LOCK_VIEW_FREE) {
			show_holder(view, lease);
			view->state = LOCK_VIEW_DEAD;
		}
	} else if (view->state != LOCK_VIEW_HELD && view->state != LOCK_VIEW_REAPING) {
		show_holder(view, lease);
		view->state = LOCK_VIEW_LEASED;
	}
}

int leases_join(const struct context *context, const struct lock_dir *dir,
		struct lock_view_list *list, bool all, struct error *err)
{
	CLEANUP(leases_release) struct leases leases = { 0 };
	struct engine_connection connection = { .settings = &context->settings,
						.wants_nodes = true,
						.wake_fd = -1 };
	struct lease_holder self;
	struct engine_port port;
	int result;

	if (!context->settings.cluster)
		return 0;
	if (engine_connect(&connection, context->settings.read_timeout_ms, &port, err) < 0)
		return -1;
	result = leases_read(port.engine, &port, context->settings.read_timeout_ms, &leases, err);
	lease_self(context, dir, NULL, NULL, &self);
	lease_holder_take_node(&self, &port);
	engine_disconnect(&connection);
	for (size_t i = 0; i < leases.count; i++)
		join(list, &leases.items[i], &self, all);
	return result;
}
