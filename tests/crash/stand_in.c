#include "stand_in.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/http_server.h"
#include "stand_in_internal.h"

struct stand_in {
	pthread_mutex_t mutex;
	pthread_cond_t idle;
	struct objects objects;
	struct sockaddr_un address;
	int listener;
	int removal_ms;
	int creation_ms;
	unsigned connections; /* whose requests are not all carried out */
	unsigned creations;
	struct late_request *late; /* that wait for their time */
};

struct connection {
	struct stand_in *engine;
	int fd;
};

struct late_request {
	const struct http_request *request;
	int64_t due;
	bool done;
	int status;
	char *body;
	struct late_request *next;
};

static void must(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

static void pause_ms(int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&time, NULL);
}

static const char *reason_of(int status)
{
	switch (status) {
	case 400:
		return "rpc error: code = InvalidArgument desc = secret is in use by the service";
	case 403:
		return "error while removing network: it has active endpoints";
	case 404:
		return "not found";
	case 500:
		return "rpc error: code = Unknown desc = update out of sequence";
	default:
		return "in use";
	}
}

static char *error_body(int status)
{
	char *text;

	if (asprintf(&text, "{\"message\":\"%s\"}", reason_of(status)) < 0)
		abort();
	return text;
}

static int create(struct stand_in *engine, const char *kind, const char *body, char **ret)
{
	json_t *order = json_loads(body, 0, NULL), *labels = json_object_get(order, "Labels");
	const char *name = json_string_value(json_object_get(order, "Name"));
	const char *owner = json_string_value(json_object_get(order, "Owner"));
	const char *id = NULL;

	/* A lease; all that the worlds' jobs make says whose it is. */
	if (name && !owner && objects_has_config(&engine->objects, name)) {
		json_decref(order);
		*ret = error_body(409);
		return 409;
	}
	if (name)
		id = objects_create(&engine->objects, kind, name, owner ? owner : STAND_IN_LEASES,
				    labels);
	if (id && asprintf(ret, "{\"Id\":\"%s\"}", id) < 0)
		abort();
	json_decref(order);
	if (id)
		return 201;
	*ret = error_body(500);
	return 500;
}

static int change(struct stand_in *engine, const struct http_request *request, char *id, char **ret)
{
	const char *version = strstr(request->path, "/update?version=");
	json_t *order = version ? json_loads(request->body, 0, NULL) : NULL;
	int status = 404;

	id[strcspn(id, "/")] = '\0';
	if (order)
		status = objects_update(&engine->objects, id,
					(unsigned)strtoul(version + 16, NULL, 10),
					json_object_get(order, "Labels"));
	json_decref(order);
	*ret = status == 200 ? strdup("") : error_body(status);
	return status;
}

/* Carries the request out and returns the status and the body, which the caller frees. */
static int execute(struct stand_in *engine, const struct http_request *request, char **ret)
{
	char kind[32] = "", id[128] = "";
	int status = 404;

	if (sscanf(request->path, "/v1.41/%31[a-z]/%127[^?]", kind, id) >= 1) {
		if (!strcmp(request->method, "GET") && !strcmp(kind, "volumes") && *id) {
			*ret = objects_one_json(&engine->objects, kind, id);
			return *ret ? 200 : (*ret = error_body(404), 404);
		}
		if (!strcmp(kind, "configs") && strchr(id, '/'))
			return change(engine, request, id, ret);
		if (!strcmp(request->method, "GET")) {
			*ret = objects_json(&engine->objects, kind);
			return 200;
		}
		if (!strcmp(request->method, "POST"))
			return create(engine, kind, request->body, ret);
		if (!strcmp(request->method, "DELETE"))
			status = objects_remove(&engine->objects, kind, id);
	}
	*ret = status == 204 ? strdup("") : error_body(status);
	return status;
}

static bool answer(int fd, int status, const char *headers, const char *body)
{
	char line[32];

	snprintf(line, sizeof(line), "%d Status", status);
	return http_send_reply(fd, line, headers, body, strlen(body)) > 0;
}

static void carry_out(struct stand_in *engine, struct late_request *late)
{
	late->status = execute(engine, late->request, &late->body);
	late->done = true;
}

/* However late a thread wakes up on a busy machine, nobody sees an engine later than it is to be.
 */
static void carry_out_due(struct stand_in *engine)
{
	struct late_request **at = &engine->late;

	while (*at) {
		struct late_request *late = *at;

		if (now_ms() < late->due) {
			at = &late->next;
			continue;
		}
		*at = late->next;
		carry_out(engine, late);
	}
}

/* With the mutex, which others get meanwhile. */
static int execute_late(struct stand_in *engine, const struct http_request *request, int delay_ms,
			char **ret_body)
{
	struct late_request late = { .request = request, .due = now_ms() + delay_ms };
	struct late_request **at = &engine->late;

	while (*at)
		at = &(*at)->next;
	*at = &late;
	while (!late.done) {
		int64_t rest = late.due - now_ms();

		pthread_mutex_unlock(&engine->mutex);
		pause_ms(rest > 0 ? (int)rest : 0);
		pthread_mutex_lock(&engine->mutex);
		carry_out_due(engine);
	}
	*ret_body = late.body;
	return late.status;
}

static bool serve_one(struct stand_in *engine, int fd, const struct http_request *request)
{
	char *body = NULL;
	int status, delay_ms = 0;
	bool goes_on;

	if (!strcmp(request->path, "/_ping"))
		return answer(fd, 200,
			      "Api-Version: 1.41\r\nSwarm: active/manager\r\n"
			      "Server: Docker/28.5.2 (linux)\r\n",
			      "OK");
	if (!strcmp(request->path, "/v1.41/info"))
		return answer(fd, 200, "",
			      "{\"Swarm\":{\"LocalNodeState\":\"active\","
			      "\"ControlAvailable\":true,\"NodeID\":\"one\",\"Nodes\":1}}");
	pthread_mutex_lock(&engine->mutex);
	carry_out_due(engine);
	if (!strcmp(request->method, "DELETE"))
		delay_ms = engine->removal_ms;
	if (!strcmp(request->method, "POST")) {
		delay_ms = engine->creation_ms;
		engine->creations++;
	}
	status = delay_ms ? execute_late(engine, request, delay_ms, &body)
			  : execute(engine, request, &body);
	pthread_mutex_unlock(&engine->mutex);
	goes_on = answer(fd, status, "", body);
	free(body);
	return goes_on;
}

static void *serve(void *argument)
{
	struct connection *connection = argument;
	struct stand_in *engine = connection->engine;
	struct http_request request;
	char buffer[8192];

	while (http_read_request(connection->fd, buffer, sizeof(buffer), &request) &&
	       serve_one(engine, connection->fd, &request))
		;
	close(connection->fd);
	free(connection);
	pthread_mutex_lock(&engine->mutex);
	if (--engine->connections == 0)
		pthread_cond_broadcast(&engine->idle);
	pthread_mutex_unlock(&engine->mutex);
	return NULL;
}

static void start_thread(void *(*function)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	must(pthread_attr_init(&attributes) == 0 &&
		     pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
		     pthread_attr_setstacksize(&attributes, 256 * 1024) == 0 &&
		     pthread_create(&thread, &attributes, function, argument) == 0,
	     "thread");
	pthread_attr_destroy(&attributes);
}

static void *accept_all(void *argument)
{
	struct stand_in *engine = argument;

	for (;;) {
		struct connection *connection = malloc(sizeof(*connection));

		must(connection != NULL, "malloc");
		connection->engine = engine;
		connection->fd = accept4(engine->listener, NULL, NULL, SOCK_CLOEXEC);
		must(connection->fd >= 0, "accept");
		pthread_mutex_lock(&engine->mutex);
		engine->connections++;
		pthread_mutex_unlock(&engine->mutex);
		start_thread(serve, connection);
	}
	return NULL;
}

struct stand_in *stand_in_start(const char *folder)
{
	struct stand_in *engine = calloc(1, sizeof(*engine));
	struct sockaddr_un *address = &engine->address;
	sigset_t all, before;

	must(engine != NULL, "calloc");
	pthread_mutex_init(&engine->mutex, NULL);
	pthread_cond_init(&engine->idle, NULL);
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/docker.sock", folder);
	engine->listener = http_listen(address->sun_path);
	must(engine->listener >= 0, "listen");
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	start_thread(accept_all, engine);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return engine;
}

void stand_in_clear(struct stand_in *engine)
{
	stand_in_settle(engine);
	pthread_mutex_lock(&engine->mutex);
	objects_clear(&engine->objects);
	engine->creations = 0;
	pthread_mutex_unlock(&engine->mutex);
}

void stand_in_set_late(struct stand_in *engine, int removal_ms, int creation_ms)
{
	pthread_mutex_lock(&engine->mutex);
	engine->removal_ms = removal_ms;
	engine->creation_ms = creation_ms;
	pthread_mutex_unlock(&engine->mutex);
}

/* What was sent may still stand in a socket, or the connection in the listener's queue: connections
 * are accepted in turn, so one of our own comes after all of them. */
void stand_in_settle(struct stand_in *engine)
{
	static const char ping[] = "GET /_ping HTTP/1.1\r\n\r\n";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[512];

	must(fd >= 0 &&
		     connect(fd, (struct sockaddr *)&engine->address, sizeof(engine->address)) ==
			     0 &&
		     send(fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL) == sizeof(ping) - 1 &&
		     recv(fd, answer, sizeof(answer), 0) > 0,
	     "ping");
	close(fd);
	pthread_mutex_lock(&engine->mutex);
	while (engine->connections)
		pthread_cond_wait(&engine->idle, &engine->mutex);
	pthread_mutex_unlock(&engine->mutex);
}

void stand_in_add(struct stand_in *engine, const char *kind, const char *name, const char *owner,
		  const char *labels)
{
	json_t *object = json_loads(labels, 0, NULL);

	pthread_mutex_lock(&engine->mutex);
	must(object && objects_create(&engine->objects, kind, name, owner, object), "create");
	pthread_mutex_unlock(&engine->mutex);
	json_decref(object);
}

void stand_in_list(struct stand_in *engine, const char *owner, char *buffer, size_t size)
{
	pthread_mutex_lock(&engine->mutex);
	objects_of(&engine->objects, owner, buffer, size);
	pthread_mutex_unlock(&engine->mutex);
}

unsigned stand_in_creations(struct stand_in *engine)
{
	unsigned creations;

	pthread_mutex_lock(&engine->mutex);
	creations = engine->creations;
	pthread_mutex_unlock(&engine->mutex);
	return creations;
}
