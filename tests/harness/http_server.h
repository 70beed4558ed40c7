/*
 * The least of an HTTP/1.1 server (RFC 9112) for the engines that tests and benches play: blocking
 * sockets of the Unix domain, bodies of a stated length, no pipelining, as curl asks for none.
 */
#ifndef HARNESS_HTTP_SERVER_H
#define HARNESS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct http_request {
	const char *method;
	const char *path; /* with the query */
	const char *body;
	size_t length; /* of the whole request as it came */
};

/* A listening socket at the path, close-on-exec; -1 with errno set. */
int http_listen(const char *path);

/* One whole request, told in the buffer; false: the peer has hung up, or its request doesn't fit.
 */
bool http_read_request(int fd, char *buffer, size_t size, struct http_request *ret);

/* status: "404 Not Found"; headers: whole lines, besides those about the body. The bytes sent, 0:
 * the peer has hung up. */
size_t http_send_reply(int fd, const char *status, const char *headers, const char *body,
		       size_t length);

/* Prints "ready" and serves each connection in a thread of its own, until the standard input ends.
 * false: the request is the connection's last. Returns the program's exit status. */
int http_serve(const char *path, bool (*answer)(int fd, const struct http_request *request));

#endif
