#include "swarm/fixture.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"

#define ENGINE_SCRIPT SOURCE_DIR "/tests/fixture/engine.sh"
#define MEMORY_FOLDER "/dev/shm"
#define ENGINE_START_MS 120000
#define TEAR_DOWN_MS 60000

static char engine_dir[512];
static char files_dir[sizeof(engine_dir) + 16];
static char image[128];
static pid_t owner;
static struct {
	char dir[sizeof(engine_dir)];
	char image[sizeof(image)];
} first;

static void stop_engine(void)
{
	struct command_result result = { 0 };

	if (getpid() != owner)
		return;
	if (run_command(&result, "%s stop '%s'", ENGINE_SCRIPT, engine_dir))
		fprintf(stderr, "%s", result.errors);
	command_result_release(&result);
}

static void write_file(const char *name, const char *content)
{
	char path[sizeof(files_dir) + 80];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", files_dir, name);
	file = fopen(path, "we");
	if (!file || fputs(content, file) < 0 || fclose(file)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

const char *swarm_stack_file(const char *manner)
{
	static char paths[8][sizeof(files_dir) + 80];
	static unsigned next;
	char *path = paths[next++ % 8];
	char content[sizeof(files_dir) * 3 + 1024];
	char name[64];

	/* An engine that was killed leaves vxlan interfaces behind, over which its next start
	 * stumbles
	 * ("file exists"): the stacks of the tests that kill it have no overlay. */
	const char *network =
		strcmp(manner, "polite") ? "driver: overlay" : "external: true, name: host";

	snprintf(content, sizeof(content),
		 "version: '3.8'\n"
		 "services:\n"
		 "  web:\n"
		 "    image: %s\n"
		 "    command: [%s]\n"
		 "    networks: [back]\n"
		 "    volumes: ['data:/data']\n"
		 "    secrets: [token]\n"
		 "    configs: [settings]\n"
		 "networks: { back: { %s } }\n"
		 "volumes: { data: {} }\n"
		 "secrets: { token: { file: %s/secret } }\n"
		 "configs: { settings: { file: %s/secret } }\n",
		 image, manner, network, files_dir, files_dir);
	snprintf(name, sizeof(name), "%s.yml", manner);
	write_file(name, content);
	snprintf(path, sizeof(paths[0]), "%s/%s", files_dir, name);
	return path;
}

static void lead_to_engine(void)
{
	char host[sizeof(engine_dir) + 32];

	snprintf(host, sizeof(host), "unix://%s/docker.sock", engine_dir);
	setenv("DOCKER_HOST", host, 1);
}

/* What the machine or its CI say must not reach the programs under test. */
static void prepare_environment(void)
{
	char value[sizeof(files_dir) + 64];

	unsetenv("DOCKER_CONTEXT");
	unsetenv("DOCKER_TLS_VERIFY");
	unsetenv("DOCKER_API_VERSION");
	unsetenv("COMPOSE_PROJECT_NAME");
	lead_to_engine();
	if (mkdir(files_dir, 0700)) {
		perror(files_dir);
		exit(EXIT_FAILURE);
	}
	snprintf(value, sizeof(value), "%s/empty.conf", files_dir);
	setenv("CI_JANITOR_CONFIG", value, 1);
	write_file("empty.conf", "");
	write_file("secret", "hush\n");
}

static void explain(void)
{
	struct command_result result = { 0 };
	char *objects = swarm_objects("");

	run_command(&result,
		    "cd \"$CI_JANITOR_LOCK_DIR\" && ls -l && tail -n +1 ci-app-*.lock\n"
		    "docker ps -a; tail -n 30 '%s/dockerd.log'",
		    engine_dir);
	printf("    on the engine:\n%s    locks, containers, the engine's log:\n%s%s", objects,
	       result.output, result.errors);
	command_result_release(&result);
	free(objects);
}

static int start_engine(void)
{
	struct command_result result = { 0 };
	int status;

	/* All in the engine's folder: engine.sh removes it even when this program is killed. */
	snprintf(engine_dir, sizeof(engine_dir), "%s", temp_dir());
	snprintf(files_dir, sizeof(files_dir), "%s/files", engine_dir);
	owner = getpid();
	atexit(stop_engine);
	harness_explain_with(explain);
	status = run_command_with(&result, NULL, ENGINE_START_MS,
				  "ENGINE_OWNER=%d %s start '%s' && %s import-image '%s'", getpid(),
				  ENGINE_SCRIPT, engine_dir, ENGINE_SCRIPT, engine_dir);
	if (status)
		fprintf(stderr, "unable to start an engine: %s\n", result.errors);
	else
		prepare_environment();
	snprintf(image, sizeof(image), "%.*s", (int)strcspn(result.output, "\n"), result.output);
	command_result_release(&result);
	return status ? -1 : 0;
}

void swarm_adopt(const char *dir, const char *image_id)
{
	snprintf(engine_dir, sizeof(engine_dir), "%s", dir);
	snprintf(files_dir, sizeof(files_dir), "%s/files", dir);
	snprintf(image, sizeof(image), "%s", image_id);
	prepare_environment();
}

int swarm_set_up(void)
{
	static bool started;

	if (!started && start_engine())
		return -1;
	started = true;
	return 0;
}

int swarm_second_engine(const char *environment)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	memcpy(first.dir, engine_dir, sizeof(engine_dir));
	memcpy(first.image, image, sizeof(image));
	snprintf(engine_dir, sizeof(engine_dir), "%s", temp_dir());
	lead_to_engine();
	if (run_command_with(&result, NULL, ENGINE_START_MS,
			     "ENGINE_OWNER=%d %s %s start '%s' && %s import-image '%s'", getpid(),
			     environment, ENGINE_SCRIPT, engine_dir, ENGINE_SCRIPT, engine_dir)) {
		fprintf(stderr, "unable to start a second engine: %s\n", result.errors);
		swarm_back_to_first();
		return -1;
	}
	snprintf(image, sizeof(image), "%.*s", (int)strcspn(result.output, "\n"), result.output);
	return 0;
}

void swarm_back_to_first(void)
{
	stop_engine();
	memcpy(engine_dir, first.dir, sizeof(engine_dir));
	memcpy(image, first.image, sizeof(image));
	lead_to_engine();
}

int swarm_make_worker(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	if (run_command(&result, "%s join-as-worker '%s' '%s'", ENGINE_SCRIPT, engine_dir,
			first.dir))
		fprintf(stderr, "unable to join: %s\n", result.errors);
	return result.status;
}

/* Between the two the engine is started anew: the end of leaving (Docker 20.10) may come after the
 * new beginning, and then no overlay network can be made any more. */
int swarm_anew(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "docker swarm leave --force");
	if (swarm_engine("stop-engine") || swarm_engine("boot-engine"))
		return -1;
	return run_command(&result, "docker swarm init --advertise-addr 127.0.0.1"
				    " --listen-addr 127.0.0.1:2377");
}

const char *swarm_image(void)
{
	return image;
}

const char *swarm_temp_dir(void)
{
	const char *before = getenv("TMPDIR"), *dir;
	char *saved = before ? strdup(before) : NULL;

	if (access(MEMORY_FOLDER, W_OK) == 0)
		setenv("TMPDIR", MEMORY_FOLDER, 1);
	dir = temp_dir();
	if (saved)
		setenv("TMPDIR", saved, 1);
	else
		unsetenv("TMPDIR");
	free(saved);
	return dir;
}

const char *swarm_new_lock_dir(void)
{
	static char path[sizeof(files_dir) + 16];
	static const char *folder;
	static unsigned number;

	if (!folder)
		folder = swarm_temp_dir();
	snprintf(path, sizeof(path), "%s/locks%u", folder, number++);
	if (mkdir(path, 0700)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	setenv("CI_JANITOR_LOCK_DIR", path, 1);
	return path;
}

const char *swarm_lockfile(const char *app)
{
	static char path[PATH_MAX];
	struct command_result result = { 0 };

	run_command(&result, JANITOR " path '%s'", app);
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(result.output, "\n"), result.output);
	command_result_release(&result);
	return path;
}

int swarm_lockfiles(void)
{
	char pattern[PATH_MAX];
	glob_t found = { 0 };
	int count;

	snprintf(pattern, sizeof(pattern), "%s/ci-app-*.lock", getenv("CI_JANITOR_LOCK_DIR"));
	count = glob(pattern, 0, NULL, &found) ? 0 : (int)found.gl_pathc;
	globfree(&found);
	return count;
}

int swarm_engine(const char *verb)
{
	struct command_result result = { 0 };
	int status = run_command_with(&result, NULL, ENGINE_START_MS, "%s %s '%s'", ENGINE_SCRIPT,
				      verb, engine_dir);

	if (status)
		fprintf(stderr, "engine.sh %s: %s\n", verb, result.errors);
	command_result_release(&result);
	return status;
}

char *swarm_objects(const char *prefix)
{
	struct command_result result = { 0 };
	char *objects;

	/* A failed listing must not look like an empty one. */
	run_command(&result,
		    "set -e\n"
		    "swarm=$(docker info --format '{{.Swarm.LocalNodeState}}')\n"
		    "all=$(if [ $swarm != inactive ]; then\n"
		    "docker service ls --format 'service {{.Name}}'\n"
		    "docker secret ls --format 'secret {{.Name}}'\n"
		    "docker config ls --format 'config {{.Name}}'; fi\n"
		    "docker ps -a --format 'container {{.Names}}' |\n"
		    "	sed 's/^\\(.*\\.[0-9][0-9]*\\)\\.[a-z0-9]*$/\\1/'\n"
		    "docker network ls --format 'network {{.Name}}'\n"
		    "docker volume ls --format 'volume {{.Name}}')\n"
		    "printf '%%s\\n' \"$all\" | LC_ALL=C sort | awk -v prefix='%s' '\n"
		    "	/^network (bridge|host|none|ingress|docker_gwbridge)$/ { next }\n"
		    "	NF && index($2, prefix) == 1'",
		    prefix);
	if (result.status == 0)
		objects = strdup(result.output);
	else if (asprintf(&objects, "the listing ended with %d: %s", result.status, result.errors) <
		 0)
		abort();
	command_result_release(&result);
	return objects;
}

static bool is_swept_clean(void *data)
{
	struct command_result result = { 0 };
	char *objects;
	bool clean;

	(void)data;
	run_command(&result, "docker service ls -q | xargs -r docker service rm\n"
			     "docker ps -aq | xargs -r docker rm -fv\n"
			     "docker secret ls -q | xargs -r docker secret rm\n"
			     "docker config ls -q | xargs -r docker config rm\n"
			     "docker network prune -f\n"
			     "docker volume ls -q | xargs -r docker volume rm\n");
	command_result_release(&result);
	objects = swarm_objects("");
	clean = !*objects;
	free(objects);
	return clean;
}

int swarm_tear_down(void)
{
	if (wait_until(is_swept_clean, NULL, TEAR_DOWN_MS))
		return 0;
	explain();
	return -1;
}
