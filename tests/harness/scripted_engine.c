#include "harness/scripted_engine.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/http_server.h"

#define MAX_STEPS 32
#define MAX_CONNECTIONS 256

struct step {
	char *request;
	char *answer;
	size_t length;
	int delay_ms;
	enum scripted_end end;
};

struct connection {
	struct scripted_engine *engine;
	int fd;
	pthread_t thread;
};

struct scripted_engine {
	pthread_mutex_t mutex;
	char folder[64];
	char path[80];
	char host[96];
	int listener;
	pthread_t thread;
	struct step steps[MAX_STEPS];
	int step_count;
	struct connection connections[MAX_CONNECTIONS];
	struct scripted_counts counts;
	int at_once;
	int foreign_host;
	char last_request[1024];
	int stop_pipe[2]; /* closed at the write end: everybody stops */
	int gate_pipe[2]; /* likewise: what waits for scripted_open goes on */
};

static void must(int condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

/* Waits for the delay or the stop; 0 when it was the stop. */
static int pause_for(struct scripted_engine *engine, int ms)
{
	bool gate = ms == SCRIPTED_UNTIL_OPENED;
	struct pollfd fds[2] = { { .fd = engine->stop_pipe[0], .events = POLLIN },
				 { .fd = engine->gate_pipe[0], .events = POLLIN } };

	return poll(fds, gate ? 2 : 1, gate ? -1 : ms) == 0 || !fds[0].revents;
}

static int wait_for_input(struct scripted_engine *engine, int fd)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
				 { .fd = engine->stop_pipe[0], .events = POLLIN } };

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

/* Reads up to the blank line; 0 when the peer or the test has ended. */
static int read_request(struct connection *connection, char *buffer, size_t size)
{
	size_t length = 0;

	while (length < size - 1) {
		ssize_t got;

		if (!wait_for_input(connection->engine, connection->fd))
			return 0;
		got = recv(connection->fd, buffer + length, size - 1 - length, 0);
		if (got <= 0)
			return 0;
		length += (size_t)got;
		buffer[length] = '\0';
		if (strstr(buffer, "\r\n\r\n"))
			return 1;
	}
	return 0;
}

static const struct step *find_step(const struct scripted_engine *engine, const char *request)
{
	for (int i = engine->step_count - 1; i >= 0; i--)
		if (!strncmp(request, engine->steps[i].request, strlen(engine->steps[i].request)))
			return &engine->steps[i];
	abort(); /* the first step fits everything */
}

static struct step note_request(struct scripted_engine *engine, const char *request)
{
	struct step step;

	pthread_mutex_lock(&engine->mutex);
	engine->counts.requests++;
	engine->counts.removals += !strncmp(request, "DELETE ", 7);
	engine->at_once++;
	if (engine->at_once > engine->counts.most_at_once)
		engine->counts.most_at_once = engine->at_once;
	if (!strstr(request, "\r\nHost: docker\r\n"))
		engine->foreign_host = 1;
	snprintf(engine->last_request, sizeof(engine->last_request), "%.*s",
		 (int)strcspn(request, "\r"), request);
	step = *find_step(engine, request);
	pthread_mutex_unlock(&engine->mutex);
	return step;
}

/* Returns whether the connection goes on. */
static int play(struct connection *connection, const struct step *step)
{
	int goes_on = pause_for(connection->engine, step->delay_ms);

	pthread_mutex_lock(&connection->engine->mutex);
	connection->engine->at_once--;
	pthread_mutex_unlock(&connection->engine->mutex);
	for (size_t done = 0; goes_on && done < step->length;) {
		size_t rest = step->end == SCRIPTED_DRIP ? 1 : step->length - done;
		ssize_t sent = send(connection->fd, step->answer + done, rest, MSG_NOSIGNAL);

		if (sent <= 0)
			return 0;
		done += (size_t)sent;
		if (step->end == SCRIPTED_DRIP)
			goes_on = pause_for(connection->engine, 10);
	}
	if (goes_on && step->end == SCRIPTED_HANG)
		(void)pause_for(connection->engine, -1);
	return goes_on && step->end == SCRIPTED_KEEP;
}

static void *serve(void *argument)
{
	struct connection *connection = argument;
	char request[16384];

	while (read_request(connection, request, sizeof(request))) {
		struct step step = note_request(connection->engine, request);

		if (!play(connection, &step))
			break;
	}
	(void)shutdown(connection->fd, SHUT_RDWR);
	return NULL;
}

static void *accept_all(void *argument)
{
	struct scripted_engine *engine = argument;

	while (wait_for_input(engine, engine->listener)) {
		struct connection *connection = &engine->connections[engine->counts.connections];
		int fd = accept4(engine->listener, NULL, NULL, SOCK_CLOEXEC);

		must(fd >= 0 && engine->counts.connections < MAX_CONNECTIONS, "accept");
		connection->engine = engine;
		connection->fd = fd;
		/* Before it can answer: the answer is what a test waits for. */
		pthread_mutex_lock(&engine->mutex);
		engine->counts.connections++;
		pthread_mutex_unlock(&engine->mutex);
		must(pthread_create(&connection->thread, NULL, serve, connection) == 0, "thread");
	}
	return NULL;
}

struct scripted_engine *scripted_start(void)
{
	struct scripted_engine *engine = calloc(1, sizeof(*engine));

	must(engine != NULL, "calloc");
	pthread_mutex_init(&engine->mutex, NULL);
	snprintf(engine->folder, sizeof(engine->folder), "/tmp/ci-janitor-engine.XXXXXX");
	must(mkdtemp(engine->folder) != NULL, "mkdtemp");
	snprintf(engine->path, sizeof(engine->path), "%s/docker.sock", engine->folder);
	snprintf(engine->host, sizeof(engine->host), "unix://%s", engine->path);
	must(pipe2(engine->stop_pipe, O_CLOEXEC) == 0 && pipe2(engine->gate_pipe, O_CLOEXEC) == 0,
	     "pipe2");
	engine->listener = http_listen(engine->path);
	must(engine->listener >= 0, "listen");
	scripted_json(engine, "", "404 Not Found", "{\"message\":\"page not found\"}");
	scripted_answer(engine, "GET /_ping ", "200 OK",
			"Api-Version: 1.41\r\nSwarm: active/manager\r\n"
			"Server: Docker/28.5.2 (linux)\r\n",
			"OK");
	must(pthread_create(&engine->thread, NULL, accept_all, engine) == 0, "thread");
	return engine;
}

void scripted_stop(struct scripted_engine *engine)
{
	close(engine->stop_pipe[1]);
	pthread_join(engine->thread, NULL);
	for (int i = 0; i < engine->counts.connections; i++) {
		pthread_join(engine->connections[i].thread, NULL);
		close(engine->connections[i].fd);
	}
	for (int i = 0; i < engine->step_count; i++) {
		free(engine->steps[i].request);
		free(engine->steps[i].answer);
	}
	close(engine->stop_pipe[0]);
	close(engine->gate_pipe[0]);
	if (engine->gate_pipe[1] >= 0)
		close(engine->gate_pipe[1]);
	close(engine->listener);
	unlink(engine->path);
	rmdir(engine->folder);
	pthread_mutex_destroy(&engine->mutex);
	free(engine);
}

void scripted_open(struct scripted_engine *engine)
{
	close(engine->gate_pipe[1]);
	engine->gate_pipe[1] = -1;
}

const char *scripted_host(const struct scripted_engine *engine)
{
	return engine->host;
}

void scripted_raw(struct scripted_engine *engine, const char *request, const char *answer,
		  size_t length, int delay_ms, enum scripted_end end)
{
	struct step step = { .length = length, .delay_ms = delay_ms, .end = end };

	step.request = strdup(request);
	step.answer = malloc(length + 1);
	must(step.request && step.answer, "malloc");
	if (length)
		memcpy(step.answer, answer, length);
	pthread_mutex_lock(&engine->mutex);
	must(engine->step_count < MAX_STEPS, "too many steps");
	engine->steps[engine->step_count++] = step;
	pthread_mutex_unlock(&engine->mutex);
}

void scripted_answer(struct scripted_engine *engine, const char *request, const char *status,
		     const char *headers, const char *body)
{
	char *answer;
	int length = asprintf(&answer, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
			      headers, strlen(body), body);

	must(length >= 0, "asprintf");
	scripted_raw(engine, request, answer, (size_t)length, 0, SCRIPTED_KEEP);
	free(answer);
}

void scripted_json(struct scripted_engine *engine, const char *request, const char *status,
		   const char *body)
{
	scripted_answer(engine, request, status, "Content-Type: application/json\r\n", body);
}

void scripted_empty(struct scripted_engine *engine)
{
	static const char *const lists[] = { "services", "tasks",   "containers",
					     "networks", "secrets", "configs" };
	char request[64];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(request, sizeof(request), "GET /v1.41/%s", lists[i]);
		scripted_json(engine, request, "200 OK", "[]");
	}
	scripted_json(engine, "GET /v1.41/volumes", "200 OK", "{\"Volumes\":[]}");
}

struct scripted_counts scripted_counts(struct scripted_engine *engine)
{
	struct scripted_counts counts;

	pthread_mutex_lock(&engine->mutex);
	counts = engine->counts;
	pthread_mutex_unlock(&engine->mutex);
	return counts;
}

const char *scripted_last_request(struct scripted_engine *engine, char *buffer, size_t size)
{
	char *end;

	pthread_mutex_lock(&engine->mutex);
	snprintf(buffer, size, "%s", engine->last_request);
	pthread_mutex_unlock(&engine->mutex);
	end = strstr(buffer, " HTTP/1.1");
	if (end)
		*end = '\0';
	return buffer;
}

int scripted_host_was_docker(struct scripted_engine *engine)
{
	int was;

	pthread_mutex_lock(&engine->mutex);
	was = !engine->foreign_host;
	pthread_mutex_unlock(&engine->mutex);
	return was;
}
