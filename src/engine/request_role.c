/* Which role the engine has in a swarm: a ping, /info where that doesn't tell, and "no swarm"
 * twice. */
#include <stdlib.h>

#include "base/memory.h"
#include "facts_internal.h"
#include "request_internal.h"

struct request *request_role_new(bool wants_nodes, bool role_can_wait)
{
	struct request *request =
		request_new(REQUEST_ROLE, 0, xstrdup("reach the engine"), xstrdup("/_ping"));

	request->wants_nodes = wants_nodes;
	request->role_can_wait = role_can_wait;
	return request;
}

static enum engine_outcome finish_info(struct request *request)
{
	const struct text *body = &request->exchange.reply.body;
	struct error *err = &request->answer.error;

	if (facts_from_info(text_get(body), body->length, &request->facts, err) == 0)
		return ENGINE_DONE;
	(void)error_add_context(err, "unable to find out the engine's swarm role");
	return ENGINE_REFUSED;
}

static void ask_info(struct request *request)
{
	free(request->path);
	request->path = xasprintf("/v%s/info", request->facts.api_version);
	request->wants_info = true;
}

/* An engine that shuts down leaves its swarm first and then says "inactive", over connections that
 * it has, for as long as its containers take to stop. It closes its listener before that: over a
 * connection made after such an answer it doesn't answer any more. So no swarm is believed only
 * when it is said again over a new one. Returns false when it has to be. */
static bool is_confirmed(struct request *request)
{
	if (request->answer.outcome != ENGINE_DONE || request->facts.role != SWARM_NONE ||
	    request->confirms || facts_has_no_swarm_ever(&request->facts))
		return true;
	free(request->path);
	request->path = xstrdup("/_ping");
	request->wants_info = false;
	request->confirms = request->exchange.fresh = true;
	return false;
}

/* Returns false when /info is needed. */
static bool finish_ping(struct request *request, const char *address)
{
	struct engine_answer *answer = &request->answer;
	bool role_known;

	answer->outcome = ENGINE_DONE;
	if (facts_from_ping(&request->exchange.reply, address, &request->facts, &role_known,
			    &answer->error) < 0) {
		answer->outcome = ENGINE_REFUSED;
		return true;
	}
	role_known &= !request->wants_nodes || request->facts.role == SWARM_NONE;
	if (role_known || request->role_can_wait)
		return true;
	ask_info(request);
	return false;
}

/* A proxy before the engine may let /_ping pass, which told the role, and not /info. */
static bool does_without_info(const struct request *request)
{
	return request->wants_info && request->facts.role != SWARM_UNKNOWN &&
	       request->answer.outcome == ENGINE_REFUSED;
}

bool request_role_finish(struct request *request, const char *address)
{
	struct engine_answer *answer = &request->answer;
	const struct reply *reply = &request->exchange.reply;
	bool finished = true;

	if (answer->outcome == ENGINE_DONE && request->wants_info)
		answer->outcome = finish_info(request);
	else if (answer->outcome == ENGINE_DONE)
		finished = finish_ping(request, address);
	else if (!request->wants_info && reply->transport == TRANSPORT_WHOLE &&
		 !*reply->headers.api_version)
		(void)facts_not_docker(reply, address, &answer->error);
	if (does_without_info(request)) {
		answer->outcome = ENGINE_DONE;
		answer->error = (struct error){ .kind = ERROR_NONE };
	}
	return finished && is_confirmed(request);
}
