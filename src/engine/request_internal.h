/* One request to the engine, from the caller's words to its answer. */
#ifndef ENGINE_REQUEST_INTERNAL_H
#define ENGINE_REQUEST_INTERNAL_H

#include "engine/engine.h"
#include "http_internal.h"

struct request {
	struct request *next; /* in one of the engine's queues */
	enum request_type type;
	enum resource_kind kind;
	char *action; /* "remove volume shop_data", for errors */
	char *path;
	char *body;	    /* NULL: none */
	bool wants_nodes;   /* REQUEST_ROLE: in a swarm /info is asked for in any case */
	bool role_can_wait; /* REQUEST_ROLE: /info is not asked for */
	bool wants_info;    /* REQUEST_ROLE: the ping is done, /info is next or under way */
	bool confirms;	    /* REQUEST_ROLE: "no swarm" was said once already */
	bool examines; /* REQUEST_REMOVE: it is only looked at yet, and ought to be `expected` */
	struct resource expected;
	int64_t started_ms;
	struct engine_facts facts; /* REQUEST_ROLE: found out so far */
	struct http_exchange exchange;
	struct engine_answer answer;
};

/* NULL with ERROR_BUG for broken arguments. */
struct request *request_list_new(enum resource_kind kind, const struct list_filter *filter,
				 const char *api_version, struct error *err);
struct request *request_remove_new(const struct resource *resource, const char *api_version,
				   struct error *err);
struct request *request_create_new(const struct resource *config, const char *api_version,
				   struct error *err);
struct request *request_update_new(const struct resource *config, const char *api_version,
				   struct error *err);
struct request *request_job_new(const struct node_job *job, const char *api_version,
				struct error *err);
struct request *request_report_new(const char *task, const char *api_version, struct error *err);
struct request *request_role_new(bool wants_nodes, bool role_can_wait)
	__attribute__((returns_nonnull));
/* Of what the above have in common; takes action and path. */
struct request *request_new(enum request_type type, enum resource_kind kind, char *action,
			    char *path) __attribute__((returns_nonnull));
void request_free(struct request *request);

/* Fills the request's answer from its reply. false: there is more to ask, and the request is to be
 * started again. */
bool request_finish(struct request *request, const char *address);
/* request_role.c: the same of a REQUEST_ROLE, whose answer has its first outcome by now. */
bool request_role_finish(struct request *request, const char *address);

#endif
