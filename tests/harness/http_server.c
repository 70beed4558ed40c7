#include "harness/http_server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH_FIELD "\r\nContent-Length:"
#define REQUEST_SIZE 65536

int http_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, 128) == 0)
		return fd;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

/* Of the head and the body; 0: the head isn't all there yet. */
static size_t whole_length(const char *text, const char **ret_body)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *stated = strcasestr(text, LENGTH_FIELD);

	if (!end)
		return 0;
	*ret_body = end + 4;
	return (size_t)(*ret_body - text) +
	       (stated && stated < end ? strtoul(stated + strlen(LENGTH_FIELD), NULL, 10) : 0);
}

bool http_read_request(int fd, char *buffer, size_t size, struct http_request *ret)
{
	size_t length = 0, whole = 0;
	char *path, *end;

	while (!whole || length < whole) {
		ssize_t got =
			length + 1 < size ? recv(fd, buffer + length, size - length - 1, 0) : -1;

		if (got <= 0)
			return false;
		length += (size_t)got;
		buffer[length] = '\0';
		whole = whole_length(buffer, &ret->body);
	}
	path = strchr(buffer, ' ');
	end = path ? strchr(path + 1, ' ') : NULL;
	if (!end)
		return false;
	*path++ = *end = '\0';
	ret->method = buffer;
	ret->path = path;
	ret->length = whole;
	return true;
}

size_t http_send_reply(int fd, const char *status, const char *headers, const char *body,
		       size_t length)
{
	char head[1024], about_body[128] = "";
	struct iovec parts[2] = { { head, 0 }, { (char *)(uintptr_t)body, length } };
	struct msghdr data = { .msg_iov = parts, .msg_iovlen = 2 };
	size_t done = 0, whole;

	/* A length isn't allowed with it (RFC 9110, 8.6). */
	if (strncmp(status, "204", 3) != 0)
		snprintf(about_body, sizeof(about_body),
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n", length);
	parts[0].iov_len = (size_t)snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%s%s\r\n", status,
					    headers, about_body);
	for (whole = parts[0].iov_len + length; done < whole;) {
		ssize_t sent = sendmsg(fd, &data, MSG_NOSIGNAL);

		if (sent <= 0)
			return 0;
		done += (size_t)sent;
		for (int i = 0; i < 2; i++) {
			size_t took =
				(size_t)sent < parts[i].iov_len ? (size_t)sent : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + took;
			parts[i].iov_len -= took;
			sent -= (ssize_t)took;
		}
	}
	return whole;
}

struct connection {
	int fd;
	bool (*answer)(int fd, const struct http_request *request);
};

static void *serve(void *argument)
{
	struct connection *connection = argument;
	struct http_request request;
	char buffer[REQUEST_SIZE];

	while (http_read_request(connection->fd, buffer, sizeof(buffer), &request) &&
	       connection->answer(connection->fd, &request))
		;
	close(connection->fd);
	free(connection);
	return NULL;
}

int http_serve(const char *path, bool (*answer)(int fd, const struct http_request *request))
{
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				 { .fd = http_listen(path), .events = POLLIN } };

	if (fds[1].fd < 0) {
		perror(path);
		return EXIT_FAILURE;
	}
	printf("ready\n");
	fflush(stdout);
	while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
		struct connection *connection = malloc(sizeof(*connection));
		pthread_t thread;

		if (!connection)
			return EXIT_FAILURE;
		*connection = (struct connection){ accept(fds[1].fd, NULL, NULL), answer };
		if (connection->fd < 0 || pthread_create(&thread, NULL, serve, connection))
			return EXIT_FAILURE;
		pthread_detach(thread);
	}
	return EXIT_SUCCESS;
}
