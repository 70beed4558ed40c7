#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../library/random.h"
#include "harness/command.h"

#define CONNECTIONS_MAX 512
#define OBJECTS_MAX 1024
#define NOBODY (-1)
#define PF_EXITING 0x4 /* of the kernel's include/linux/sched.h */

struct connection {
	int fd; /* -1: free */
	unsigned serial;
	int app; /* of a command; NOBODY: HTTP */
	int pid;
	char buffer[8192];
	size_t length;
};

struct object {
	char kind; /* 'c', 'n', 'v'; 0: free */
	int app;
	unsigned number;
	unsigned maker; /* serial of the command's connection */
};

struct late {
	int64_t due; /* 0: free */
	char kind;
	char id[128];
	unsigned sender;
};

struct engine {
	struct engine_memory *memory;
	uint64_t random;
	int listener;
	unsigned last_serial, last_number;
	struct connection connections[CONNECTIONS_MAX];
	struct object objects[OBJECTS_MAX];
	struct late lates[CONNECTIONS_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "torture engine: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static struct connection *find_connection(struct engine *engine, unsigned serial)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (engine->connections[i].fd >= 0 && engine->connections[i].serial == serial)
			return &engine->connections[i];
	return NULL;
}

static void answer(struct connection *connection, const char *text)
{
	/* Who doesn't read is dead. */
	if (connection)
		(void)!send(connection->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void answer_http(struct connection *connection, const char *status, const char *body)
{
	char text[32768];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %s\r\nApi-Version: 1.41\r\nSwarm: inactive\r\nServer: Docker/28.5.2 "
		 "(linux)\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		 status, strlen(body), body);
	answer(connection, text);
}

static void object_id(const struct object *object, char *ret, size_t size)
{
	/* Volumes have only names, which come again. */
	if (object->kind == 'v')
		snprintf(ret, size, "app-%d_data", object->app);
	else
		snprintf(ret, size, "%c%u", object->kind, object->number);
}

static void serve(struct engine *engine, bool commands);

/* One that is past its last instruction may have its descriptors still. */
static bool is_exiting(int pid)
{
	char path[32], text[512] = "", *rest;
	unsigned flags = PF_EXITING;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "re");
	if (stat && fgets(text, sizeof(text), stat) && (rest = strrchr(text, ')')))
		(void)sscanf(rest, ") %*c %*d %*d %*d %*d %*d %u", &flags);
	if (stat)
		fclose(stat);
	return flags & PF_EXITING;
}

static bool is_alive(const struct connection *command)
{
	return command && command->fd >= 0 && !is_exiting(command->pid);
}

static void hello(struct engine *engine, struct connection *connection, int app, int pid)
{
	serve(engine, true);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (engine->connections[i].fd >= 0 && engine->connections[i].app == app &&
		    is_alive(&engine->connections[i]))
			oracle_blame(engine->memory->oracle, VIOLATION_TWO_HOLDERS,
				     "command %d of app-%d starts, and command %d is alive", pid,
				     app, engine->connections[i].pid);
	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (engine->objects[i].kind && engine->objects[i].app == app)
			oracle_blame(engine->memory->oracle, VIOLATION_LEAK,
				     "command %d starts, and object %c%u of app-%d is there", pid,
				     engine->objects[i].kind, engine->objects[i].number, app);
	connection->app = app;
	connection->pid = pid;
	engine->memory->commands++;
	answer(connection, "ok\n");
}

static void make(struct engine *engine, struct connection *connection, char kind)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		struct object *object = &engine->objects[i];

		if (object->kind)
			continue;
		*object = (struct object){ kind, connection->app, ++engine->last_number,
					   connection->serial };
		engine->memory->objects++;
		engine->memory->made++;
		answer(connection, "ok\n");
		return;
	}
	die("too many objects");
}

static void take_line(struct engine *engine, struct connection *connection, const char *line)
{
	int app, pid;
	char kind;

	if (sscanf(line, COMMAND_HELLO, &app, &pid) == 2)
		hello(engine, connection, app, pid);
	else if (sscanf(line, COMMAND_MAKE, &kind) == 1)
		make(engine, connection, kind);
	else
		oracle_blame(engine->memory->oracle, VIOLATION_UNLINKED,
			     "app-%d's, under command %d", connection->app, connection->pid);
}

static void list(struct engine *engine, struct connection *connection, char kind)
{
	char body[16384] = "", whole[sizeof(body) + 32], id[64];
	size_t length = 0;

	serve(engine, true);
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		const struct object *object = &engine->objects[i];

		if (object->kind != kind)
			continue;
		object_id(object, id, sizeof(id));
		length += (size_t)snprintf(
			body + length, sizeof(body) - length,
			"%s{\"%s\":\"%s\",\"Names\":[\"/%s\"],\"%s\":\"%s\",\"State\":\"running\","
			"\"Driver\":\"%s\",\"%s\":%s%u%s,"
			"\"Labels\":{\"ci-janitor.app\":\"app-%d\"}}",
			length ? "," : "", kind == 'v' ? "Ignored" : "Id", id, id,
			kind == 'c' ? "Ignored" : "Name", id, kind == 'v' ? "local" : "bridge",
			kind == 'v' ? "CreatedAt" : "Created", kind == 'c' ? "" : "\"at-",
			object->number, kind == 'c' ? "" : "\"", object->app);
		if (length >= sizeof(body))
			die("a listing is too long");
	}
	snprintf(whole, sizeof(whole), "%s%s%s", kind == 'v' ? "{\"Volumes\":[" : "[", body,
		 kind == 'v' ? "]}" : "]");
	answer_http(connection, "200 OK", whole);
}

static bool app_has(const struct engine *engine, int app, char kind)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (engine->objects[i].kind == kind && engine->objects[i].app == app)
			return true;
	return false;
}

static struct object *find_object(struct engine *engine, char kind, const char *id)
{
	char text[64];

	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		if (engine->objects[i].kind != kind)
			continue;
		object_id(&engine->objects[i], text, sizeof(text));
		if (!strcmp(text, id))
			return &engine->objects[i];
	}
	return NULL;
}

static void carry_out(struct engine *engine, struct connection *connection, char kind,
		      const char *id)
{
	const struct connection *maker;
	struct object *object;

	serve(engine, true);
	object = find_object(engine, kind, id);
	if (!object) {
		answer_http(connection, "404 Not Found", "{\"message\":\"no such object\"}");
		return;
	}
	if (kind != 'c' && app_has(engine, object->app, 'c')) {
		answer_http(connection, kind == 'v' ? "409 Conflict" : "403 Forbidden",
			    "{\"message\":\"it has active endpoints\"}");
		return;
	}
	maker = find_connection(engine, object->maker);
	if (is_alive(maker))
		oracle_blame(engine->memory->oracle, VIOLATION_REMOVED,
			     "%s of app-%d, whose command %d is alive", id, object->app,
			     maker->pid);
	object->kind = 0;
	engine->memory->objects--;
	engine->memory->removed++;
	answer(connection, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void delay(struct engine *engine, const struct connection *connection, char kind,
		  const char *id)
{
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct late *late = &engine->lates[i];

		if (late->due)
			continue;
		*late = (struct late){ .due = now_ms() + 1 + random_below(&engine->random, LATE_MS),
				       .kind = kind,
				       .sender = connection->serial };
		snprintf(late->id, sizeof(late->id), "%s", id);
		engine->memory->late++;
		return;
	}
	die("too many late removals");
}

static void take_request(struct engine *engine, struct connection *connection, const char *request)
{
	char what[128], id[128];

	if (!strncmp(request, "GET /_ping ", 11)) {
		answer_http(connection, "200 OK", "OK");
	} else if (sscanf(request, "GET /v1.41/%127[a-z]", what) == 1) {
		if (strcmp(what, "containers") && strcmp(what, "networks") &&
		    strcmp(what, "volumes"))
			answer_http(connection, "404 Not Found",
				    "{\"message\":\"page not found\"}");
		else
			list(engine, connection, what[0]);
	} else if (sscanf(request, "DELETE /v1.41/%127[a-z]/%127[^? ]", what, id) == 2) {
		if (random_below(&engine->random, 6) == 0)
			delay(engine, connection, what[0], id);
		else
			carry_out(engine, connection, what[0], id);
	} else {
		answer_http(connection, "400 Bad Request", "{\"message\":\"what?\"}");
	}
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
			take_line(engine, connection, connection->buffer);
		else
			take_request(engine, connection, connection->buffer);
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

/* Commands first: one that is dead when a janitor asks has done all that it will ever do. */
static void serve(struct engine *engine, bool commands)
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
			die("too many connections");
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
		carry_out(engine, find_connection(engine, late->sender), late->kind, late->id);
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
		serve(engine, true);
		serve(engine, false);
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
		die("listen");
	pid = fork();
	if (pid == 0)
		live(&engine);
	if (pid < 0)
		die("fork");
	close(engine.listener);
	return pid;
}
