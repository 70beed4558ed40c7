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
		.refresh_role = port_refresh_role,
		.wait = port_wait,
		.role = port_role,
		.swarm_state = port_swarm_state,
	};
	return 0;
}

void engine_disconnect(struct engine_connection *connection)
{
	if (connection->engine)
		engine_close(connection->engine);
	connection->engine = NULL;
}
