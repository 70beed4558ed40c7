#include <stdio.h>

#include "commands_internal.h"

/* Removals under way at once, of all apps: more are not faster on the engine. */
#define CONNECTIONS_MIN 4

static int port_list(void *engine, enum resource_kind kind, const struct list_filter *filter,
		     uint64_t cookie, struct error *err)
{
	return engine_list(engine, kind, filter, cookie, err);
}

static int port_remove(void *engine, const struct resource *resource, uint64_t cookie,
		       struct error *err)
{
	return engine_remove(engine, resource, cookie, err);
}

static int port_create_config(void *engine, const struct resource *config, uint64_t cookie,
			      struct error *err)
{
	return engine_create_config(engine, config, cookie, err);
}

static int port_update_config(void *engine, const struct resource *config, uint64_t cookie,
			      struct error *err)
{
	return engine_update_config(engine, config, cookie, err);
}

static int port_start_job(void *engine, const struct node_job *job, uint64_t cookie,
			  struct error *err)
{
	return engine_start_job(engine, job, cookie, err);
}

static int port_read_report(void *engine, const char *task, uint64_t cookie, struct error *err)
{
	return engine_read_report(engine, task, cookie, err);
}

static int64_t port_nodes(void *engine)
{
	return engine_get_facts(engine)->nodes;
}

static const char *port_node_id(void *engine)
{
	return engine_get_facts(engine)->node_id;
}

static const char *port_host_node(void *engine)
{
	const struct engine_facts *facts = engine_get_facts(engine);

	return facts->is_local ? facts->node_id : "";
}

static int port_ask_node(void *engine, uint64_t cookie, struct error *err)
{
	return engine_ask_node(engine, cookie, err);
}

static int port_refresh_role(void *engine, uint64_t cookie, struct error *err)
{
	return engine_refresh_role(engine, cookie, err);
}

static int port_wait(void *engine, int timeout_ms, struct engine_answer *ret, struct error *err)
{
	return engine_wait(engine, timeout_ms, ret, err);
}

static enum swarm_role port_role(void *engine)
{
	return engine_get_facts(engine)->role;
}

static const char *port_swarm_state(void *engine)
{
	return engine_get_facts(engine)->swarm_state;
}

int engine_connect(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err)
{
	struct engine_connection *connection = data;
	const struct settings *settings = connection->settings;
	struct engine_options options = {
		.host = settings->engine_host,
		.connect_timeout_ms = settings->connect_timeout_ms,
		.read_timeout_ms = settings->read_timeout_ms,
		.write_timeout_ms = settings->write_timeout_ms,
		.open_timeout_ms = timeout_ms,
		.connections =
			connection->jobs > CONNECTIONS_MIN ? connection->jobs : CONNECTIONS_MIN,
		.wake_fd = connection->wake_fd,
		.wants_nodes = connection->wants_nodes ||
			       (settings->engine_image && !connection->role_can_wait),
		.role_can_wait = connection->role_can_wait,
	};

	if (engine_open(&connection->engine, &options, &connection->error) < 0) {
		connection->engine = NULL;
		if (err)
			*err = connection->error;
		return -1;
	}
	*ret = (struct engine_port){
		.engine = connection->engine,
		.list = port_list,
		.remove = port_remove,
		.create_config = port_create_config,
		.update_config = port_update_config,
		.start_job = port_start_job,
		.read_report = port_read_report,
		.nodes = port_nodes,
		.node_id = port_node_id,
		.host_node = port_host_node,
		.ask_node = port_ask_node,
		.refresh_role = port_refresh_role,
		.wait = port_wait,
		.role = port_role,
		.swarm_state = port_swarm_state,
	};
	return 0;
}

static bool identify(struct engine_connection *connection)
{
	if (connection->has_identity == IDENTITY_NOT_ASKED)
		connection->has_identity = engine_identify(connection->settings->engine_host,
							   &connection->identity, NULL)
						   ? IDENTITY_UNKNOWN
						   : IDENTITY_KNOWN;
	return connection->has_identity == IDENTITY_KNOWN;
}

void engine_describe(struct engine_connection *connection, struct record *record)
{
	if (!identify(connection))
		return;
	(void)snprintf(record->engine, sizeof(record->engine), "%s", connection->identity.address);
	(void)snprintf(record->engine_socket, sizeof(record->engine_socket), "%s",
		       connection->identity.socket);
}

int engine_check(void *data, const struct record *record, struct error *err)
{
	struct engine_connection *connection = data;
	struct engine_identity stated = { .address = "" };

	/* An address that can't be made out fails with its reason when it is connected to. */
	if (connection->is_meant || !record->known || !record->engine[0] || !identify(connection))
		return 0;
	(void)snprintf(stated.address, sizeof(stated.address), "%s", record->engine);
	(void)snprintf(stated.socket, sizeof(stated.socket), "%s", record->engine_socket);
	if (engine_is_same(&stated, &connection->identity))
		return 0;
	return error_set(err, ERROR_ENGINE,
			 "unable to judge it by the engine at %s: its run used the one at %s "
			 "(ci-janitor --host URL reap names the one to ask)",
			 connection->identity.address, record->engine);
}

void engine_disconnect(struct engine_connection *connection)
{
	if (connection->engine)
		engine_close(connection->engine);
	connection->engine = NULL;
}
