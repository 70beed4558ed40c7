/*
 * A swarm's manager that has nothing but leases, more than the real one can bear here, and answers
 * as Docker 20.10 does. A write takes so many microseconds, one at a time, as to a real disk.
 *
 *	bench-simulated_leases SOCKET MICROSECONDS
 *		prints "ready"; ends with its stdin, and then prints for each kind of request
 *		KIND COUNT BYTES-IN BYTES-OUT
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/http_server.h"

#define MOST 200000 /* are created in its life */
#define BUCKETS 262144
#define NAME_SIZE 64
#define LEASE_PREFIX "ci-janitor-lease-"
#define TIMES                                                                                      \
	"\"CreatedAt\":\"2026-01-01T00:00:00.123456789Z\",\"UpdatedAt\":\"2026-01-01T00:00:00."    \
	"123456789Z\","
#define DATA ",\"Data\":\"LQ==\"}"

struct config {
	char name[NAME_SIZE], *spec; /* the JSON that came, which is the JSON that goes */
	uint64_t version;	     /* 0: it is gone */
	struct config *next;	     /* of the same bucket */
};

enum kind { PING, INFO, CREATE, LOOK, LIST, UPDATE, REMOVE, OTHER, KINDS };

static const char *const kind_names[KINDS] = { "ping", "info",	 "create", "look",
					       "list", "update", "remove", "other" };

struct reply {
	const char *status;
	char *body; /* malloc'd; NULL: empty */
	size_t length;
};

static struct {
	long count, bytes_in, bytes_out;
} totals[KINDS];

/* By name through the buckets, by id through their place, which is never used again. */
static struct config configs[MOST], *buckets[BUCKETS];
static size_t config_count;
static uint64_t last_version = 10;
static long write_us;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, disk = PTHREAD_MUTEX_INITIALIZER;

static struct reply message(const char *status, const char *text)
{
	struct reply reply = { .status = status };

	reply.length = (size_t)asprintf(&reply.body, "{\"message\":\"%s\"}\n", text);
	return reply;
}

static struct reply plain(const char *text)
{
	return (struct reply){ "200 OK", strdup(text), strlen(text) };
}

static struct reply not_found(void)
{
	return message("404 Not Found", "rpc error: code = NotFound desc = config not found");
}

static struct config **bucket_of(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return &buckets[hash % BUCKETS];
}

static struct config *find_name(const char *name)
{
	struct config *config = *bucket_of(name);

	while (config && (!config->version || strcmp(config->name, name) != 0))
		config = config->next;
	return config;
}

static struct config *find_id(const char *path)
{
	size_t place;

	return sscanf(path, "/configs/lease%20zu", &place) == 1 && place < config_count &&
			       configs[place].version
		       ? &configs[place]
		       : NULL;
}

/* The engine keeps the data, which an update doesn't name. */
static void put(struct config *config, const char *spec)
{
	size_t length = strlen(spec);

	free(config->spec);
	if (strstr(spec, "\"Data\":") ||
	    asprintf(&config->spec, "%.*s" DATA, (int)length - 1, spec) < 0)
		config->spec = strdup(spec);
	config->version = ++last_version;
}

static struct reply create(const char *spec)
{
	const char *at = strstr(spec, "\"Name\":\"");
	struct config *config = &configs[config_count];
	struct reply reply = { .status = "201 Created" };
	char name[NAME_SIZE];

	if (!at || sscanf(at, "\"Name\":\"%63[^\"]", name) != 1)
		return message("400 Bad Request", "invalid config name");
	if (find_name(name))
		return message("409 Conflict",
			       "rpc error: code = AlreadyExists desc = config already exists");
	if (config_count == MOST)
		return message("500 Internal Server Error", "not simulated: so many creates");
	memcpy(config->name, name, sizeof(name));
	config->next = *bucket_of(name);
	*bucket_of(name) = config;
	put(config, spec);
	reply.length = (size_t)asprintf(&reply.body, "{\"ID\":\"lease%020zu\"}\n", config_count++);
	return reply;
}

static struct reply update(const struct http_request *request)
{
	struct config *config = find_id(request->path);
	const char *version = strstr(request->path, "?version=");

	if (!config)
		return not_found();
	if (!version || strtoull(version + strlen("?version="), NULL, 10) != config->version)
		return message("500 Internal Server Error",
			       "rpc error: code = Unknown desc = update out of sequence");
	put(config, request->body);
	return (struct reply){ .status = "200 OK" };
}

static struct reply drop(const struct http_request *request)
{
	struct config *config = find_id(request->path);

	if (!config)
		return not_found();
	config->version = 0;
	return (struct reply){ .status = "204 No Content" };
}

static void describe(FILE *out, const struct config *config)
{
	fprintf(out,
		"{\"ID\":\"lease%020zu\",\"Version\":{\"Index\":%" PRIu64 "}," TIMES "\"Spec\":%s}",
		(size_t)(config - configs), config->version, config->spec);
}

/* All, or the one that the filter names. */
static struct reply list(const char *filter)
{
	char name[NAME_SIZE];
	struct config *named;
	struct reply reply = { .status = "200 OK" };
	FILE *out = open_memstream(&reply.body, &reply.length);
	const char *comma = "";

	snprintf(name, sizeof(name), "%.*s", (int)strlen(LEASE_PREFIX) + 32, filter ? filter : "");
	named = find_name(name);
	fputs("[", out);
	if (named)
		describe(out, named);
	for (size_t i = 0; !filter && i < config_count; i++) {
		if (!configs[i].version)
			continue;
		fputs(comma, out);
		describe(out, &configs[i]);
		comma = ",";
	}
	fputs("]\n", out);
	fclose(out);
	return reply;
}

static enum kind kind_of(const struct http_request *request)
{
	const char *path = request->path;

	if (!strcmp(path, "/_ping"))
		return PING;
	if (!strcmp(path, "/info"))
		return INFO;
	if (strncmp(path, "/configs", strlen("/configs")) != 0)
		return OTHER;
	if (!strcmp(request->method, "DELETE"))
		return REMOVE;
	if (!strcmp(request->method, "POST"))
		return strcmp(path, "/configs/create") != 0 ? UPDATE : CREATE;
	return strstr(path, LEASE_PREFIX) ? LOOK : LIST;
}

static void write_to_disk(void)
{
	struct timespec takes = { write_us / 1000000, write_us % 1000000 * 1000 };

	pthread_mutex_lock(&disk);
	if (write_us)
		nanosleep(&takes, NULL);
	pthread_mutex_unlock(&disk);
}

static struct reply act(enum kind kind, const struct http_request *request)
{
	switch (kind) {
	case PING:
		return plain("OK");
	case INFO:
		return plain("{\"Swarm\":{\"NodeID\":\"nodesimulated\",\"LocalNodeState\":"
			     "\"active\",\"ControlAvailable\":true,\"Nodes\":1}}\n");
	case CREATE:
		return create(request->body);
	case LOOK:
	case LIST:
		return list(strstr(request->path, LEASE_PREFIX));
	case UPDATE:
		return update(request);
	case REMOVE:
		return drop(request);
	case OTHER:
	case KINDS:
	default:
		return plain(strstr(request->path, "/volumes") ? "{\"Volumes\":[]}\n" : "[]\n");
	}
}

static bool serve_one(int fd, const struct http_request *whole)
{
	struct http_request request = *whole;
	struct reply reply;
	enum kind kind;
	size_t sent;

	/* Behind "/v1.41". */
	if (!strncmp(request.path, "/v", 2) && strchr(request.path + 1, '/'))
		request.path = strchr(request.path + 1, '/');
	kind = kind_of(&request);
	if (kind == CREATE || kind == UPDATE || kind == REMOVE)
		write_to_disk();
	pthread_mutex_lock(&mutex);
	reply = act(kind, &request);
	pthread_mutex_unlock(&mutex);
	sent = http_send_reply(fd, reply.status,
			       "Api-Version: 1.41\r\nDocker-Experimental: false\r\n"
			       "Ostype: linux\r\nServer: Docker/20.10.24 (linux)\r\n"
			       "Swarm: active/manager\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
			       reply.body, reply.length);
	free(reply.body);
	pthread_mutex_lock(&mutex);
	totals[kind].count++;
	totals[kind].bytes_in += (long)request.length;
	totals[kind].bytes_out += (long)sent;
	pthread_mutex_unlock(&mutex);
	return sent > 0;
}

static void print_totals(void)
{
	pthread_mutex_lock(&mutex);
	for (int kind = 0; kind < KINDS; kind++)
		printf("%s %ld %ld %ld\n", kind_names[kind], totals[kind].count,
		       totals[kind].bytes_in, totals[kind].bytes_out);
}

int main(int argc, char **argv)
{
	int status;

	if (argc != 3)
		return 64;
	write_us = strtol(argv[2], NULL, 10);
	status = http_serve(argv[1], serve_one);
	print_totals();
	return status;
}
