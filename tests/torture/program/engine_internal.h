/* What the engine's two halves share: connections (engine.c), and what is asked over them. */
#ifndef TORTURE_ENGINE_INTERNAL_H
#define TORTURE_ENGINE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

#define CONNECTIONS_MAX 512
#define OBJECTS_MAX 1024
#define NOBODY (-1)

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

_Noreturn void engine_die(const char *what);
/* NULL: it is closed. */
struct connection *engine_find_connection(struct engine *engine, unsigned serial);
/* To NULL: to nobody. */
void engine_answer(struct connection *connection, const char *text);
/* Hears all commands, or all others. Commands first: one that is dead when a janitor asks has done
 * all that it will ever do. */
void engine_serve(struct engine *engine, bool commands);

/* A command's line, and anybody's request. */
void engine_take_line(struct engine *engine, struct connection *connection, const char *line);
void engine_take_request(struct engine *engine, struct connection *connection, const char *request);
/* A removal. */
void engine_carry_out(struct engine *engine, struct connection *connection, char kind,
		      const char *id);

#endif
