/*
 * An engine that has only sizes: so many apps of ten objects each, nothing running. A removal takes
 * so many microseconds, one at a time, as the real engine's write to its disk does. For what would
 * take hours to make on a real one.
 *
 *	bench-simulated SOCKET APPS MICROSECONDS
 *		prints "ready"; ends with its stdin, and then prints
 *		REQUESTS LISTINGS REMOVALS BYTES
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/http_server.h"

#define LABEL "com.docker.stack.namespace"

#define SWARM                                                                                      \
	"{\"ID\":\"", "\",\"CreatedAt\":\"2026-01-01T00:00:00Z\",\"Spec\":{\"Name\":\"", "\"", "}}"

static const struct kind {
	const char *path;
	int per_app;
	const char *parts[4]; /* before the id, the name and the labels; the end */
} kinds[] = {
	{ "services", 1, { SWARM } },
	{ "networks", 2, { "{\"Id\":\"", "\",\"Name\":\"", "\",\"Driver\":\"overlay\"", "}" } },
	{ "volumes",
	  2,
	  { "{\"Mountpoint\":\"", "\",\"Name\":\"",
	    "\",\"CreatedAt\":\"2026-01-01T00:00:00Z\",\"Driver\":\"local\"", "}" } },
	{ "secrets", 3, { SWARM } },
	{ "configs", 2, { SWARM } },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static long apps, removal_us, requests, listings, removals, bytes;
static bool *gone[KINDS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, disk = PTHREAD_MUTEX_INITIALIZER;

static bool answer(int fd, const char *status, const char *body, size_t length)
{
	pthread_mutex_lock(&mutex);
	requests++;
	bytes += (long)length;
	pthread_mutex_unlock(&mutex);
	return http_send_reply(fd, status,
			       "Api-Version: 1.41\r\nSwarm: active/manager\r\n"
			       "Server: Docker/simulated\r\n",
			       body, length) > 0;
}

/* The filters that the janitor uses on labels: a key, or a key and an app. */
static bool is_wanted(const char *query, const char *app)
{
	const char *value;

	if (!strstr(query, "filters="))
		return true;
	value = strstr(query, LABEL "%3D");
	if (value)
		return !strncmp(value + strlen(LABEL "%3D"), app, strlen(app));
	return strstr(query, LABEL) != NULL;
}

static void name_it(size_t kind, long i, char app[32], char name[64])
{
	snprintf(app, 32, "app-%06ld", i / kinds[kind].per_app);
	snprintf(name, 64, "%s_%c%ld", app, kinds[kind].path[0], i);
}

static void describe(FILE *out, size_t kind, const char *app, const char *name)
{
	const char *const *parts = kinds[kind].parts;

	fprintf(out, "%s%s%s%s%s,\"Labels\":{\"" LABEL "\":\"%s\"}%s", parts[0], name, parts[1],
		name, parts[2], app, parts[3]);
}

static bool list(int fd, size_t kind, const char *query)
{
	bool volumes = !strcmp(kinds[kind].path, "volumes"), sent;
	size_t length = 0;
	char *body = NULL;
	FILE *out = open_memstream(&body, &length);
	const char *comma = "";

	fputs(volumes ? "{\"Volumes\":[" : "[", out);
	for (long i = 0; i < apps * kinds[kind].per_app; i++) {
		char app[32], name[64];

		name_it(kind, i, app, name);
		if (gone[kind][i] || !is_wanted(query, app))
			continue;
		fputs(comma, out);
		describe(out, kind, app, name);
		comma = ",";
	}
	fputs(volumes ? "]}" : "]", out);
	fclose(out);
	pthread_mutex_lock(&mutex);
	listings++;
	pthread_mutex_unlock(&mutex);
	sent = answer(fd, "200 OK", body, length);
	free(body);
	return sent;
}

/* The object's index, -1: there is none. */
static long find(size_t kind, const char *id)
{
	const char *number = strrchr(id, '_');
	long i = number ? strtol(number + 2, NULL, 10) : -1;

	return i >= 0 && i < apps * kinds[kind].per_app && !gone[kind][i] ? i : -1;
}

static bool answer_unknown(int fd)
{
	static const char text[] = "{\"message\":\"no such object\"}";

	return answer(fd, "404 Not Found", text, strlen(text));
}

static bool show(int fd, size_t kind, const char *id)
{
	long i = find(kind, id);
	size_t length = 0;
	char *body = NULL, app[32], name[64];
	FILE *out;
	bool sent;

	if (i < 0)
		return answer_unknown(fd);
	out = open_memstream(&body, &length);
	name_it(kind, i, app, name);
	describe(out, kind, app, name);
	fclose(out);
	sent = answer(fd, "200 OK", body, length);
	free(body);
	return sent;
}

static bool drop(int fd, size_t kind, const char *id)
{
	struct timespec takes = { removal_us / 1000000, removal_us % 1000000 * 1000 };
	long i = find(kind, id);

	if (i < 0)
		return answer_unknown(fd);
	pthread_mutex_lock(&disk);
	if (removal_us)
		nanosleep(&takes, NULL);
	gone[kind][i] = true;
	removals++;
	pthread_mutex_unlock(&disk);
	return answer(fd, "204 No Content", "", 0);
}

static bool serve_one(int fd, const struct http_request *request)
{
	const char *path = request->path;

	if (!strcmp(path, "/_ping"))
		return answer(fd, "200 OK", "OK", 2);
	path += strcspn(path + 1, "/") + 2; /* behind "/v1.41/" */
	for (size_t kind = 0; kind < KINDS; kind++) {
		size_t length = strlen(kinds[kind].path);

		if (strncmp(path, kinds[kind].path, length) != 0)
			continue;
		if (!strcmp(request->method, "DELETE"))
			return drop(fd, kind, path + length + 1);
		return path[length] == '/' ? show(fd, kind, path + length + 1)
					   : list(fd, kind, path + length);
	}
	return answer(fd, "200 OK", "[]", 2); /* tasks, containers */
}

int main(int argc, char **argv)
{
	int status;

	if (argc != 4)
		return 64;
	apps = strtol(argv[2], NULL, 10);
	removal_us = strtol(argv[3], NULL, 10);
	for (size_t kind = 0; kind < KINDS; kind++)
		gone[kind] = calloc((size_t)(apps * kinds[kind].per_app) + 1, sizeof(bool));
	status = http_serve(argv[1], serve_one);
	printf("%ld %ld %ld %ld\n", requests, listings, removals, bytes);
	return status;
}
