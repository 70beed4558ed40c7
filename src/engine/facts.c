#include "facts_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "json_internal.h"

#define API_MAJOR "1."
#define OLDEST_MINOR 24 /* before it, errors are plain text and swarm is missing */
#define NEWEST_MINOR 50 /* newest tested */

int facts_not_docker(const struct reply *reply, const char *address, struct error *err)
{
	/* Go's own answer to plain HTTP on a TLS port. */
	if (reply->status == 400 && strstr(text_get(&reply->body), "HTTPS server"))
		return error_set(err, ERROR_UNREACHABLE,
				 "unable to reach the engine: %s wants TLS: set "
				 "DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH",
				 address);
	return error_set(err, ERROR_UNREACHABLE,
			 "unable to reach the engine: what answers at %s is not Docker "
			 "(HTTP %ld, %s, server \"%s\", no valid Api-Version header)",
			 address, reply->status,
			 *reply->headers.content_type ? reply->headers.content_type
						      : "no content type",
			 reply->headers.server);
}

static int choose_version(const struct reply *reply, const char *address, char *ret, size_t size,
			  struct error *err)
{
	const char *stated = reply->headers.api_version;
	int64_t minor;

	if (strncmp(stated, API_MAJOR, strlen(API_MAJOR)) != 0 ||
	    parse_number(stated + strlen(API_MAJOR), 0, 9999, &minor, NULL) < 0)
		return facts_not_docker(reply, address, err);
	if (minor < OLDEST_MINOR)
		return error_set(
			err, ERROR_UNREACHABLE,
			"unable to use the engine at %s: its API %s is older than " API_MAJOR "%d",
			address, stated, OLDEST_MINOR);
	(void)snprintf(ret, size, API_MAJOR "%d", minor < NEWEST_MINOR ? (int)minor : NEWEST_MINOR);
	return 0;
}

static enum swarm_role role_of(const char *state, bool is_manager)
{
	if (!strcmp(state, "inactive"))
		return SWARM_NONE;
	return !strcmp(state, "active") && is_manager ? SWARM_MANAGER : SWARM_OTHER;
}

/* "inactive", "active/manager", "active/worker", "pending", "locked", "error" */
static void take_swarm_header(const char *swarm, struct engine_facts *facts)
{
	size_t length = strcspn(swarm, "/");

	(void)snprintf(facts->swarm_state, sizeof(facts->swarm_state), "%.*s", (int)length, swarm);
	facts->role = role_of(facts->swarm_state, !strcmp(swarm + length, "/manager"));
}

bool facts_has_no_swarm_ever(const struct engine_facts *facts)
{
	return !strncmp(facts->server, "Libpod/", strlen("Libpod/"));
}

int facts_from_ping(const struct reply *reply, const char *address, struct engine_facts *ret,
		    bool *ret_role_known, struct error *err)
{
	struct engine_facts facts = { 0 };

	if (choose_version(reply, address, facts.api_version, sizeof(facts.api_version), err) < 0)
		return -1;
	(void)snprintf(facts.server, sizeof(facts.server), "%s", reply->headers.server);
	*ret_role_known = true;
	if (facts_has_no_swarm_ever(&facts))
		take_swarm_header("inactive", &facts);
	else if (*reply->headers.swarm)
		take_swarm_header(reply->headers.swarm, &facts);
	else
		*ret_role_known = false;
	*ret = facts;
	return 0;
}

static void take_nodes(const json_t *swarm, struct engine_facts *facts)
{
	const json_t *nodes = sym_json_object_get(swarm, "Nodes");
	const char *id = json_plain_text(sym_json_object_get(swarm, "NodeID"));

	facts->nodes = json_is_integer(nodes) ? sym_json_integer_value(nodes) : 0;
	(void)snprintf(facts->node_id, sizeof(facts->node_id), "%s", id ? id : "");
}

int facts_from_info(const char *bytes, size_t length, struct engine_facts *facts, struct error *err)
{
	CLEANUP_JSON json_t *info = json_parse(bytes, length, err);
	const json_t *swarm = info ? sym_json_object_get(info, "Swarm") : NULL;
	const char *state =
		json_plain_text(swarm ? sym_json_object_get(swarm, "LocalNodeState") : NULL);

	if (!info)
		return -1;
	if (!state || !*state)
		return error_set(err, ERROR_ENGINE, "/info does not tell the state of the swarm");
	(void)snprintf(facts->swarm_state, sizeof(facts->swarm_state), "%s", state);
	take_nodes(swarm, facts);
	facts->role = role_of(state, json_is_true(sym_json_object_get(swarm, "ControlAvailable")));
	return 0;
}
