/* The engine's objects, and the oracle's judgement of who makes and removes them. */
#include <stdio.h>
#include <string.h>

#include "../library/random.h"
#include "engine_internal.h"
#include "harness/command.h"

#define PF_EXITING 0x4 /* of the kernel's include/linux/sched.h */

static void answer_http(struct connection *connection, const char *status, const char *body)
{
	char text[32768];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %s\r\nApi-Version: 1.41\r\nSwarm: inactive\r\nServer: Docker/28.5.2 "
		 "(linux)\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		 status, strlen(body), body);
	engine_answer(connection, text);
}

static void object_id(const struct object *object, char *ret, size_t size)
{
	/* Volumes have only names, which come again. */
	if (object->kind == 'v')
		snprintf(ret, size, "app-%d_data", object->app);
	else
		snprintf(ret, size, "%c%u", object->kind, object->number);
}

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
	engine_serve(engine, true);
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
	engine_answer(connection, "ok\n");
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
		engine_answer(connection, "ok\n");
		return;
	}
	engine_die("too many objects");
}

void engine_take_line(struct engine *engine, struct connection *connection, const char *line)
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

static size_t describe(const struct object *object, char *buffer, size_t size)
{
	char kind = object->kind, id[64];

	object_id(object, id, sizeof(id));
	return (size_t)snprintf(
		buffer, size,
		"{\"%s\":\"%s\",\"Names\":[\"/%s\"],\"%s\":\"%s\",\"State\":\"running\","
		"\"Driver\":\"%s\",\"%s\":%s%u%s,"
		"\"Labels\":{\"ci-janitor.app\":\"app-%d\"}}",
		kind == 'v' ? "Ignored" : "Id", id, id, kind == 'c' ? "Ignored" : "Name", id,
		kind == 'v' ? "local" : "bridge", kind == 'v' ? "CreatedAt" : "Created",
		kind == 'c' ? "" : "\"at-", object->number, kind == 'c' ? "" : "\"", object->app);
}

static void list(struct engine *engine, struct connection *connection, char kind)
{
	char body[16384] = "", whole[sizeof(body) + 32];
	size_t length = 0;

	engine_serve(engine, true);
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		const struct object *object = &engine->objects[i];

		if (object->kind != kind)
			continue;
		if (length)
			body[length++] = ',';
		length += describe(object, body + length, sizeof(body) - length);
		if (length >= sizeof(body) - 1)
			engine_die("a listing is too long");
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

static void inspect(struct engine *engine, struct connection *connection, char kind, const char *id)
{
	const struct object *object;
	char body[1024];

	engine_serve(engine, true);
	object = find_object(engine, kind, id);
	if (!object) {
		answer_http(connection, "404 Not Found", "{\"message\":\"no such object\"}");
		return;
	}
	(void)describe(object, body, sizeof(body));
	answer_http(connection, "200 OK", body);
}

void engine_carry_out(struct engine *engine, struct connection *connection, char kind,
		      const char *id)
{
	const struct connection *maker;
	struct object *object;

	engine_serve(engine, true);
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
	maker = engine_find_connection(engine, object->maker);
	if (is_alive(maker))
		oracle_blame(engine->memory->oracle, VIOLATION_REMOVED,
			     "%s of app-%d, whose command %d is alive", id, object->app,
			     maker->pid);
	object->kind = 0;
	engine->memory->objects--;
	engine->memory->removed++;
	engine_answer(connection, "HTTP/1.1 204 No Content\r\n\r\n");
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
	engine_die("too many late removals");
}

void engine_take_request(struct engine *engine, struct connection *connection, const char *request)
{
	char what[128], id[128];

	if (!strncmp(request, "GET /_ping ", 11)) {
		answer_http(connection, "200 OK", "OK");
	} else if (sscanf(request, "GET /v1.41/volumes/%127[^? ]", id) == 1) {
		inspect(engine, connection, 'v', id);
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
			engine_carry_out(engine, connection, what[0], id);
	} else {
		answer_http(connection, "400 Bad Request", "{\"message\":\"what?\"}");
	}
}
