/* An app whose run has died, with a container and a volume on each of two nodes, and what sweeps
 * make of it. */
#ifndef NODES_DEAD_APP_H
#define NODES_DEAD_APP_H

#include "nodes/fixture.h"

#define SWEEP_MS 120000

/* A suite's set-up: the nodes, and ci-janitor's image on both. */
int dead_app_set_up(void);

void must_run(const char *command);

/* On both nodes: a container, and a volume. $APP; $NETWORK: an overlay of its own, or "host"
 * (Docker 20.10 loses overlays of nodes that were paused or killed). */
#define DEPLOY                                                                                     \
	"[ $NETWORK = host ] ||"                                                                   \
	" docker network create -d overlay --label $own $NETWORK >/dev/null\n"                     \
	"docker service create -q --no-resolve-image --name ${APP}_web --mode global"              \
	" --label $own --container-label $own --network $NETWORK"                                  \
	" --mount type=volume,source=${APP}_data,target=/data,volume-label=$own"                   \
	" $APP_IMAGE $MANNER >/dev/null\n"
void name_app(const char *app, const char *manner, const char *network);
/* "shop"; its manner is tests/fixture/app.c's. */
bool deploy_and_die(const char *manner, const char *network);

/* Sweeps; NULL: whatever it says. */
void sweep_says(int status, const char *part);
/* ... and nothing is left on either node, of the app or of jobs. */
void sweep_to_the_end(void);
/* Starts one, and returns when its job's task is on node 2. */
void sweep_until_job(struct process *sweep);

/* For wait_until: nothing of jobs is left; nothing on node 2 that begins with data. */
bool has_no_job(void *data);
bool has_left(void *data);
void check_gone_from_node_2(const char *prefix);

#endif
