/* The engine room against a scripted engine. */
#ifndef ENGINE_ENGINE_FIXTURE_H
#define ENGINE_ENGINE_FIXTURE_H

#include "engine/engine.h"
#include "harness/scripted_engine.h"
#include "harness/harness.h"

/* No test that isn't about time must fail for the lack of it. */
#define FIXTURE_TIMEOUT_MS 60000
/* Of requests to an engine that doesn't answer. */
#define IMPATIENT_MS 300

struct engine_options fixture_options(const char *host);
/* With IMPATIENT_MS. */
struct engine_options fixture_impatient_options(const char *host);

/* A scripted engine and an engine connected to it; aborts when that fails. */
struct fixture {
	struct scripted_engine *script;
	struct engine *engine;
	struct engine_answer answer; /* of the last request */
};

struct fixture fixture_open(void);
struct fixture fixture_open_impatient(void);
struct fixture fixture_open_with(struct engine_options options);
void fixture_close(struct fixture *fixture);
#define CLEANUP_FIXTURE __attribute__((cleanup(fixture_close)))

/* Ask and wait; the answer is in fixture->answer (released by the next one). */
enum engine_outcome fixture_list(struct fixture *fixture, enum resource_kind kind);
enum engine_outcome fixture_remove(struct fixture *fixture, enum resource_kind kind,
				   const char *id);
enum engine_outcome fixture_wait(struct fixture *fixture);

/* engine_open, which has to fail; the error's kind, and its message in err. */
enum error_kind fixture_open_fails(const char *host, struct error *err);
enum error_kind fixture_open_fails_with(const struct engine_options *options, struct error *err);

#define CHECK_CONTAINS(text, part) check_contains(text, part, #text, __FILE__, __LINE__)
void check_contains(const char *text, const char *part, const char *what, const char *file,
		    unsigned line);

#endif
