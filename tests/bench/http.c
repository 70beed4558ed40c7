/*
 * A bare client: the engine's floor. Reads requests from a file, one a line, and fires them over so
 * many connections; an empty line waits until all before it are answered.
 *
 *	bench-http SOCKET CONNECTIONS FILE	lines: METHOD PATH [BODY]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINES_MAX 200000
#define STATUS_REFUSED 2

static const char *socket_path;
static char *lines[LINES_MAX];
static size_t next, end;
static int refused;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *take(void)
{
	const char *line = NULL;

	pthread_mutex_lock(&mutex);
	if (next < end)
		line = lines[next++];
	pthread_mutex_unlock(&mutex);
	return line;
}

static int connect_engine(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	perror(socket_path);
	exit(1);
}

/* Up to the end of the body: Content-Length, or none. Returns the status. */
static int read_answer(int fd)
{
	char buffer[65536] = "";
	size_t length = 0, wanted = 0;
	char *body, *header;

	while (!wanted || length < wanted) {
		ssize_t got = read(fd, buffer + length, sizeof(buffer) - 1 - length);

		if (got <= 0)
			return 0;
		length += (size_t)got;
		buffer[length] = '\0';
		body = strstr(buffer, "\r\n\r\n");
		if (!body || wanted)
			continue;
		header = strcasestr(buffer, "\r\nContent-Length:");
		wanted = (size_t)(body + 4 - buffer);
		if (header && header < body)
			wanted += strtoul(header + 17, NULL, 10);
	}
	return atoi(buffer + 9);
}

static void fire(int fd, const char *line)
{
	char method[16] = "", path[1024] = "", *request;
	int used = 0, length, status;
	const char *body;

	if (sscanf(line, "%15s %1023s%n", method, path, &used) != 2)
		exit(64);
	body = line[used] ? line + used + 1 : "";
	length = asprintf(&request,
			  "%s %s HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
			  "Content-Length: %zu\r\n\r\n%s",
			  method, path, strlen(body), body);
	if (length < 0 || write(fd, request, (size_t)length) != length)
		exit(1);
	free(request);
	status = read_answer(fd);
	if (status / 100 == 2 || status == 404)
		return;
	fprintf(stderr, "%d for %s %s\n", status, method, path);
	refused = STATUS_REFUSED;
}

static void *work(void *unused)
{
	int fd = connect_engine();
	const char *line;

	while ((line = take()))
		fire(fd, line);
	close(fd);
	return unused;
}

static void fire_all(size_t connections)
{
	pthread_t threads[64];

	for (size_t i = 0; i < connections; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			exit(1);
	for (size_t i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	size_t connections = argc == 4 ? strtoul(argv[2], NULL, 10) : 0, count = 0, size = 0;
	FILE *file = argc == 4 ? fopen(argv[3], "re") : NULL;
	char *line = NULL;

	if (!file || connections < 1 || connections > 64)
		return 64;
	socket_path = argv[1];
	while (count < LINES_MAX && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		lines[count++] = strdup(line);
	}
	free(line);
	fclose(file);
	while (end < count) {
		next = end;
		while (end < count && *lines[end])
			end++;
		fire_all(connections);
		end++;
	}
	return refused;
}
