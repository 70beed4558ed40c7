#include "node_job_internal.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "json_internal.h"

#define SOCKET "/var/run/docker.sock"
#define STOP_GRACE_NS 1000000000

static json_t *arguments_json(const struct word_list *arguments)
{
	json_t *array = sym_json_array();

	for (size_t i = 0; array && i < arguments->count; i++)
		if (sym_json_array_append_new(array, sym_json_string(arguments->words[i]))) {
			json_release(&array);
			return NULL;
		}
	return array;
}

static json_t *container_json(const struct node_job *job)
{
	return sym_json_pack("{s:s,s:[s,s,s,s],s:o,s:{s:s},s:b,s:[s],s:I,s:[{s:s,s:s,s:s}]}",
			     "Image", job->image, "Command", "/ci-janitor", "-H", "unix://" SOCKET,
			     "reap-node", "Args", arguments_json(job->arguments), "Labels",
			     NODE_JOB_LABEL, job->ordered, "ReadOnly", 1, "CapabilityDrop", "ALL",
			     "StopGracePeriod", (json_int_t)STOP_GRACE_NS, "Mounts", "Type", "bind",
			     "Source", SOCKET, "Target", SOCKET);
}

/* A global service, not a global job: the engine neither stops the tasks of a job's service that is
 * removed nor removes their containers (20.10). It restarts nothing. Its logs must be there to be
 * read, whatever the node's engine does with others'. The host's network spares the time of making
 * one. */
char *node_job_json(const struct node_job *job)
{
	CLEANUP_FREE char *constraint = xasprintf("node.id!=%s", job->not_on);
	CLEANUP_JSON json_t *document = sym_json_pack(
		"{s:s,s:{s:s},s:{s:{}},s:{s:o,s:{s:[s]},s:[{s:s}],s:{s:s},s:{s:s}}}", "Name",
		job->name, "Labels", NODE_JOB_LABEL, job->apps, "Mode", "Global", "TaskTemplate",
		"ContainerSpec", container_json(job), "Placement", "Constraints", constraint,
		"Networks", "Target", "host", "RestartPolicy", "Condition", "none", "LogDriver",
		"Name", "json-file");

	return document ? sym_json_dumps(document, JSON_COMPACT) : NULL;
}

int node_job_parse_created(const char *bytes, size_t length, struct resource_list *ret,
			   struct error *err)
{
	CLEANUP_JSON json_t *body = json_parse(bytes, length, err);
	const char *id = json_plain_text(body ? sym_json_object_get(body, "ID") : NULL);

	if (!body)
		return -1;
	if (!id || !*id)
		return error_set(err, ERROR_ENGINE, "the engine does not name the new service");
	resource_list_append(ret, RESOURCE_SERVICE)->id = xstrdup(id);
	return 0;
}
