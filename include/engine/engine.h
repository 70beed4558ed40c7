/*
 * The engine: Docker Engine API over a unix socket or TCP (with TLS), many requests at once over a
 * few kept-alive connections, one event loop in engine_wait. API facts: docs.docker.com/engine/api
 * and reaping.md, "The engine's behaviour to build on".
 *
 * Nothing here retries: every request gets exactly one answer, classified (model/engine_answer.h).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/engine_answer.h"
#include "model/node_job.h"
#include "model/resource.h"

struct engine;

/* An address that begins so goes on with the name of one of Docker's contexts. */
#define ENGINE_CONTEXT "context:"

struct engine_options {
	const char *host; /* unix:///path, tcp://host:port, context:NAME; NULL: Docker's current
			     context, else unix:///var/run/docker.sock */
	int64_t connect_timeout_ms;
	int64_t read_timeout_ms;  /* list requests */
	int64_t write_timeout_ms; /* remove requests */
	int64_t open_timeout_ms;  /* all of engine_open; 0: only the limits above */
	int connections;	  /* requests under way at most; those that hang don't count */
	size_t max_body;	  /* bytes of one answer at most; 0: 256 MiB */
	bool wants_nodes;	  /* find out of how many nodes the swarm is */
	bool role_can_wait;	  /* what only a long answer tells isn't asked for yet */
	int wake_fd;		  /* engine_wait returns early when it becomes readable; -1: none */
};

struct engine_facts {
	char server[64];      /* the Server: header, e.g. "Docker/28.2.2 (linux)" */
	char api_version[16]; /* what is spoken: the smaller of the engine's newest and ours */
	enum swarm_role role;
	char node_id[32];     /* in a swarm, with wants_nodes: this engine's node */
	int64_t nodes;	      /* ... and of how many nodes the swarm is; 0: not known */
	bool is_local;	      /* it is reached by a socket of this machine */
	char swarm_state[32]; /* LocalNodeState as stated: "active", "inactive", "locked", ... */
};

#define ENGINE_ADDRESS_MAX 160

/* Which engine an address means, to be kept in a record and compared later, perhaps by another
 * program, user or container. */
struct engine_identity {
	char address[ENGINE_ADDRESS_MAX + 1]; /* normalised; empty: none that a record can hold */
	char socket[64]; /* the socket's inode, by whatever path; empty: not a socket, or none there
			  */
};

/* host as in engine_options. Nothing is connected to. -1 as engine_open would fail. */
int engine_identify(const char *host, struct engine_identity *ret, struct error *err);
/* By address or by inode. What has no address may be any. */
bool engine_is_same(const struct engine_identity *a, const struct engine_identity *b);

/*
 * Connects, negotiates the version and finds out the swarm role. DOCKER_TLS_VERIFY and
 * DOCKER_CERT_PATH are honoured for tcp://. ERROR_UNREACHABLE with the precise reason when the
 * socket is missing, refuses, denies (ERROR_PERMISSION), hangs, or what answers is not Docker.
 */
int engine_open(struct engine **ret, const struct engine_options *options, struct error *err);

/* Abandons what is still under way. A removal that was sent may still be executed. */
void engine_close(struct engine *engine);

const struct engine_facts *engine_get_facts(const struct engine *engine);

/* Queues a listing of a kind. filter: NULL or a server-side narrowing, which is ignored
 * where the engine can't do it (tasks): the caller compares exactly again. The filter is copied. -1
 * with *err only for broken arguments (ERROR_BUG): failures come as answers. */
int engine_list(struct engine *engine, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err);

/* Queues the removal of one object by its id (containers with force=1&v=1; volumes by
 * name and without force). A volume that states when it was created is looked at right before: is
 * it still the same one? The engine has no removal on condition. */
int engine_remove(struct engine *engine, const struct resource *resource, uint64_t cookie,
		  struct error *err);

/* Queues the making of a config by its name, with its labels. ENGINE_IN_USE: the name is taken. */
int engine_create_config(struct engine *engine, const struct resource *config, uint64_t cookie,
			 struct error *err);

/* Queues the change of a config's labels, by its id, if its version is still this one: else
 * ENGINE_NOT_NOW ("out of sequence"), or ENGINE_ALREADY_GONE. */
int engine_update_config(struct engine *engine, const struct resource *config, uint64_t cookie,
			 struct error *err);

/* Queues the start of a node job; the answer lists its service. */
int engine_start_job(struct engine *engine, const struct node_job *job, uint64_t cookie,
		     struct error *err);

/* Queues a look at what a node job's task reports: ENGINE_DONE with what is on its node,
 * ENGINE_NOT_NOW while that is not whole, ENGINE_REFUSED with the task's own words. */
int engine_read_report(struct engine *engine, const char *task, uint64_t cookie, struct error *err);

/* Queues a fresh look at the swarm role; the answer is ENGINE_DONE with an empty list, and
 * engine_get_facts is up to date. */
int engine_refresh_role(struct engine *engine, uint64_t cookie, struct error *err);
/* The same, and asks which node it is in any case. */
int engine_ask_node(struct engine *engine, uint64_t cookie, struct error *err);

/* Runs the loop until one answer is there, timeout_ms has passed (-1: no limit), or wake_fd is
 * readable; an answer that is there goes first. Without anything under way it sleeps. 1: *ret is
 * the caller's; 0: no answer yet; -1 with *err. */
int engine_wait(struct engine *engine, int timeout_ms, struct engine_answer *ret,
		struct error *err);

#endif
