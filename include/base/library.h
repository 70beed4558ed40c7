/*
 * Libraries that a hot path doesn't need are loaded at first use, so that a sweep which finds
 * nothing dead maps neither an HTTP nor a JSON library. A room that owns such a library keeps one
 * table of the functions it uses:
 *
 *	static LIBRARY_FUNCTION(json_loads);	// declares sym_json_loads, a pointer to it
 *	static const struct library_symbol symbols[] = { LIBRARY_SYMBOL(json_loads) };
 *	library_load("libjansson.so.4", symbols, ARRAY_SIZE(symbols), err);
 *
 * A static program (make image) has them linked in: nothing is left to be loaded then. Another one
 * (src/front.c) has only some: what needs the others is done by the whole program in its place.
 */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct library_symbol {
	const char *name;
	void **address; /* filled by library_load */
#ifdef LIBRARIES_LINKED
	void *function;
#endif
};

#define LIBRARY_FUNCTION(name) __typeof__(name) *sym_##name
#ifdef LIBRARIES_LINKED
#define LIBRARY_SYMBOL(function)                                                                   \
	{                                                                                          \
#function, (void **)&sym_##function, (void *)(function)                            \
	}
#else
#define LIBRARY_SYMBOL(function)                                                                   \
	{                                                                                          \
#function, (void **)&sym_##function                                                \
	}
#endif

/* Before main does anything for a command: argv is the program's, in its first order; all: may any
 * library be asked for? The front program executes the whole one then, and returns only when that
 * fails. */
int library_prepare(char **argv, bool all, struct error *err);

/* Loads the library by its soname and fills the table. The library stays mapped for the life of
 * the process. Fails with ERROR_SYSTEM naming the library and what is missing. */
int library_load(const char *soname, const struct library_symbol *symbols, size_t count,
		 struct error *err);

#endif
