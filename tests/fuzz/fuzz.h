/*
 * Fuzz targets: each is a function of any bytes that must neither crash nor break what it requires.
 *
 *	static void run(const uint8_t *data, size_t size) { ... REQUIRE(count <= 64); }
 *	FUZZ_TARGET(config, run)
 *
 * `make fuzz FUZZ=config` links one target with libFuzzer; check-fuzz links all, and plays the
 * corpora to them. README.md tells more.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void (*fuzz_function)(const uint8_t *data, size_t size);

void fuzz_register(const char *name, fuzz_function function);
/* NULL past the last one. */
const char *fuzz_target_name(size_t index);
fuzz_function fuzz_target_function(size_t index);

#define FUZZ_TARGET(name, function)                                                                \
	__attribute__((constructor)) static void register_##name(void)                             \
	{                                                                                          \
		fuzz_register(#name, function);                                                    \
	}

/* Aborts: libFuzzer keeps the input then, and check-fuzz names its file. */
#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The bytes as a text; it ends at the first NUL. The caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Takes a line, without its end, as an owned text; the rest when there is no other. */
char *fuzz_line(const uint8_t **data, size_t *size);

#endif
