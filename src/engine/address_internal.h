/* Where the engine is: DOCKER_HOST's grammar, and the TLS files that go with tcp://. */
#ifndef ENGINE_ADDRESS_INTERNAL_H
#define ENGINE_ADDRESS_INTERNAL_H

#include "base/error.h"

/* All texts are owned. */
struct address {
	char *text;	   /* as given, for messages */
	char *socket_path; /* NULL for tcp:// */
	char *base_url;	   /* what the path of a request is appended to */
	char *ca_file;	   /* NULL without TLS */
	char *cert_file;   /* NULL: no client certificate */
	char *key_file;
};

/* host: unix:///path, tcp://host[:port], context:NAME; NULL: Docker's current context, which is the
 * default socket where there is none. DOCKER_TLS_VERIFY and
 * DOCKER_CERT_PATH are read for tcp://. ERROR_CONFIG names what is wrong. */
int address_parse(const char *host, struct address *ret, struct error *err);
void address_release(struct address *address);

#endif
