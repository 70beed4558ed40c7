/*
 * An engine that does what it is told, on a unix socket in a temporary folder: for what a real one
 * can't be made to do on demand. One thread accepts, one per connection answers. The newest step
 * whose `request` is a prefix of the request line ("GET /v1.41/networks") is played; /_ping
 * answers as a Docker 28 swarm manager of API 1.41 until a step says otherwise; anything else
 * gets the engine's 404.
 */
#ifndef ENGINE_SCRIPTED_ENGINE_H
#define ENGINE_SCRIPTED_ENGINE_H

#include <stddef.h>

enum scripted_end {
	SCRIPTED_KEEP,	  /* waits for the next request */
	SCRIPTED_HANG_UP, /* after the answer, or instead of one */
	SCRIPTED_HANG,	  /* stays silent until the end */
	SCRIPTED_DRIP,	  /* the answer goes out byte by byte, one every 10 ms */
};

struct scripted_engine;

#define SCRIPTED_UNTIL_OPENED (-2) /* as delay_ms: until scripted_open */

struct scripted_engine *scripted_start(void);
/* Hangs up everywhere, joins all threads, removes the socket. */
void scripted_stop(struct scripted_engine *engine);
/* "unix:///tmp/.../docker.sock" */
const char *scripted_host(const struct scripted_engine *engine);

/* answer: the raw bytes, headers and all, copied; NULL: none. */
void scripted_raw(struct scripted_engine *engine, const char *request, const char *answer,
		  size_t length, int delay_ms, enum scripted_end end);
void scripted_open(struct scripted_engine *engine);
/* A whole answer with Content-Length. headers: more lines, each with \r\n; may be "". */
void scripted_answer(struct scripted_engine *engine, const char *request, const char *status,
		     const char *headers, const char *body);
/* The same as JSON. */
void scripted_json(struct scripted_engine *engine, const char *request, const char *status,
		   const char *body);

/* Empty listings for everything: an engine that has nothing. */
void scripted_empty(struct scripted_engine *engine);

struct scripted_counts {
	int connections;
	int requests;
	int removals;	  /* those with DELETE */
	int most_at_once; /* requests being answered at the same moment */
};
struct scripted_counts scripted_counts(struct scripted_engine *engine);
/* The last request line seen, without "HTTP/1.1"; into buffer, which it returns. */
const char *scripted_last_request(struct scripted_engine *engine, char *buffer, size_t size);
/* Did every request carry "Host: docker"? */
int scripted_host_was_docker(struct scripted_engine *engine);

#endif
