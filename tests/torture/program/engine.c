#include "engine_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/command.h"

void engine_die(const char *what)
{
	fprintf(stderr, "torture engine: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

struct connection *engine_find_connection(struct engine *engine, unsigned serial)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (engine->connections[i].fd >= 0 && engine->connections[i].serial == serial)
			return &engine->connections[i];
	return NULL;
}

void engine_answer(struct connection *connection, const char *text)
{
	/* Who doesn't read is dead. */
	if (connection)
		(void)!send(connection->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void hang_up(struct connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
}

/* Everything that is complete in the buffer. */
static void digest(struct engine *engine, struct connection *connection)
{
	char *end;

	for (;;) {
		bool command = connection->app != NOBODY || !strncmp(connection->buffer, "RUN ", 4);
		size_t used;

		end = strstr(connection->buffer, command ? "\n" : "\r\n\r\n");
		if (!end)
			return;
		if (command)
			engine_take_line(engine, connection, connection->buffer);
		else
			engine_take_request(engine, connection, connection->buffer);
		used = (size_t)(end - connection->buffer) + (command ? 1 : 4);
		connection->length -= used;
		memmove(connection->buffer, connection->buffer + used, connection->length + 1);
	}
}

/* Takes in what is there. What a command had sent before it died is carried out, too. */
static void read_all(struct connection *connection)
{
	ssize_t got;

	while (connection->length < sizeof(connection->buffer) - 1) {
		got = recv(connection->fd, connection->buffer + connection->length,
			   sizeof(connection->buffer) - 1 - connection->length, MSG_DONTWAIT);
		if (got <= 0)
			break;
		connection->length += (size_t)got;
	}
	connection->buffer[connection->length] = '\0';
}

static bool is_closed(const struct connection *connection)
{
	struct pollfd hang = { .fd = connection->fd, .events = 0 };

	return poll(&hang, 1, 0) > 0;
}

void engine_serve(struct engine *engine, bool commands)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &engine->connections[i];
		bool closed;

		if (connection->fd < 0 || (connection->app != NOBODY) != commands)
			continue;
		closed = is_closed(connection);
		read_all(connection);
		/* A command that died before it was heard has done nothing. */
		if (!closed || commands || strncmp(connection->buffer, "RUN ", 4) != 0)
			digest(engine, connection);
		if (closed)
			hang_up(connection);
	}
}

static void take_new(struct engine *engine)
{
	int fd;

	while ((fd = accept4(engine->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		size_t i = 0;

		while (i < CONNECTIONS_MAX && engine->connections[i].fd >= 0)
			i++;
		if (i == CONNECTIONS_MAX)
			engine_die("too many connections");
		engine->connections[i] = (struct connection){ .fd = fd,
							      .serial = ++engine->last_serial,
							      .app = NOBODY };
	}
}

static int64_t carry_out_late(struct engine *engine)
{
	int64_t now = now_ms(), next = now + 1000;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct late *late = &engine->lates[i];

		if (!late->due)
			continue;
		if (late->due > now) {
			next = late->due < next ? late->due : next;
			continue;
		}
		late->due = 0;
		engine_carry_out(engine, engine_find_connection(engine, late->sender), late->kind,
				 late->id);
	}
	return next - now;
}

static void wait_for_input(struct engine *engine, int64_t timeout_ms)
{
	struct pollfd fds[CONNECTIONS_MAX + 1];
	nfds_t count = 0;

	fds[count++] = (struct pollfd){ .fd = engine->listener, .events = POLLIN };
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (engine->connections[i].fd >= 0)
			fds[count++] = (struct pollfd){ .fd = engine->connections[i].fd,
							.events = POLLIN };
	(void)poll(fds, count, (int)timeout_ms);
}

static void __attribute__((noreturn)) live(struct engine *engine)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		wait_for_input(engine, carry_out_late(engine));
		take_new(engine);
		engine_serve(engine, true);
		engine_serve(engine, false);
	}
}

pid_t torture_engine_start(const char *path, struct engine_memory *memory, uint64_t seed)
{
	static struct engine engine;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pid_t pid;

	engine.memory = memory;
	engine.random = seed;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		engine.connections[i].fd = -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	engine.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (engine.listener < 0 ||
	    bind(engine.listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(engine.listener, 512))
		engine_die("listen");
	pid = fork();
	if (pid == 0)
		live(&engine);
	if (pid < 0)
		engine_die("fork");
	close(engine.listener);
	return pid;
}
