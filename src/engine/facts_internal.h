/* Version and swarm role from the engine's own words. No I/O. */
#ifndef ENGINE_FACTS_INTERNAL_H
#define ENGINE_FACTS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"
#include "reply_internal.h"

/* From /_ping's headers. *ret_role_known false: only /info tells the role. -1 with
 * ERROR_UNREACHABLE, worded for people, when this is no Docker engine or one too old. */
int facts_from_ping(const struct reply *reply, const char *address, struct engine_facts *ret,
		    bool *ret_role_known, struct error *err);

/* Podman: it knows no swarm at all. */
bool facts_has_no_swarm_ever(const struct engine_facts *facts);

/* What to say of an answer to /_ping without a usable Api-Version header. Returns -1. */
int facts_not_docker(const struct reply *reply, const char *address, struct error *err);

/* The role from the body of /info. */
int facts_from_info(const char *bytes, size_t length, struct engine_facts *facts,
		    struct error *err);

#endif
