/* Docker's contexts: engines by name, as `docker context` keeps them in $DOCKER_CONFIG or ~/.docker
 * (config.json, contexts/meta, contexts/tls). */
#ifndef ENGINE_DOCKER_CONTEXT_INTERNAL_H
#define ENGINE_DOCKER_CONTEXT_INTERNAL_H

#include "base/error.h"

/* The current context's name, malloced; NULL in *ret: there is none. ERROR_CONFIG when that can't
 * be told, so that another engine isn't taken for it. */
int docker_context_current(char **ret, struct error *err);

/* The context's address, and its folder with TLS files (NULL: none); both malloced. NULL in
 * *ret_host: the context is "default". */
int docker_context_find(const char *name, char **ret_host, char **ret_tls, struct error *err);

#endif
