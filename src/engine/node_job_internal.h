/* A node job on its way to the swarm, and what its tasks say. No I/O: tests and fuzzers call it. */
#ifndef ENGINE_NODE_JOB_INTERNAL_H
#define ENGINE_NODE_JOB_INTERNAL_H

#include "base/error.h"
#include "model/engine_answer.h"
#include "model/node_job.h"
#include "model/resource.h"

/* The body that makes its service, malloced; NULL when the texts are not valid UTF-8. */
char *node_job_json(const struct node_job *job);

/* What the engine's answer to it says: the new service. */
int node_job_parse_created(const char *bytes, size_t length, struct resource_list *ret,
			   struct error *err);

/* The log of a task, as the engine frames it. ENGINE_DONE: the report is whole, and what the node
 * has is in *ret; ENGINE_NOT_NOW: more is to come; ENGINE_REFUSED: with *err, the task's own words.
 */
enum engine_outcome node_report_parse(const char *bytes, size_t length, struct resource_list *ret,
				      struct error *err);

#endif
