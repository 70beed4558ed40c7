#include "dead_fixture.h"

#include <signal.h>

#include "harness/harness.h"

#define VOLUMES "GET /v1.41/volumes"
#define VOLUME                                                                                     \
	"{\"Name\": \"shop_data\", \"Driver\": \"local\", \"Labels\": "                            \
	"{\"com.docker.compose.project\": \"shop\"}, \"CreatedAt\": \"2026-01-01T00:00:00Z\"}"

void dead_run(const char *dir, const char *host, struct record *ret_record)
{
	struct process run;

	process_start(&run, RUN "-H %s shop -- sleep 600", dir, host);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_RUNNING));
	if (ret_record)
		lockfile_record(dir, "shop", ret_record);
	kill(run.pid, SIGKILL);
	process_wait(&run, SOON_MS, NULL);
	/* A child that is just being started has the lock until its exec. */
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
}

struct scripted_engine *dead_engine(int removal_ms)
{
	struct scripted_engine *engine = scripted_start();

	scripted_empty(engine);
	scripted_json(engine, VOLUMES, "200 OK", "{\"Volumes\": [" VOLUME "]}");
	/* It is looked at once more before it goes. */
	scripted_json(engine, VOLUMES "/shop_data", "200 OK", VOLUME);
	scripted_raw(engine, "DELETE /v1.41/volumes/shop_data", "HTTP/1.1 204 No Content\r\n\r\n",
		     27, removal_ms, SCRIPTED_KEEP);
	return engine;
}

static bool removal_was_asked(void *engine)
{
	return scripted_counts(engine).removals > 0;
}

void dead_engine_removes(struct scripted_engine *engine)
{
	CU_ASSERT(wait_until(removal_was_asked, engine, SOON_MS));
	scripted_json(engine, VOLUMES, "200 OK", "{\"Volumes\": []}");
}
