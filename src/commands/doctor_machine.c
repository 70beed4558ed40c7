/* doctor: what lies outside the lock directory. */
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/config.h"
#include "doctor_internal.h"
#include "kernel/child.h"
#include "run/guards.h"

#define TIMER "ci-janitor.timer"
#define BOOT_TIMER "ci-janitor-boot.timer"

void doctor_check_guards(struct finding_list *findings)
{
	struct guard guards[GUARD_COUNT];

	guards_probe(guards);
	for (size_t i = 0; i < ARRAY_SIZE(guards); i++) {
		const struct guard *guard = &guards[i];

		finding_add(findings, guard->in_force ? FINDING_OK : FINDING_WARNING, "guard", NULL,
			    "%s is %s: %s%s%s%s", guard->name,
			    guard->in_force ? "in force" : "missing", guard->meaning,
			    guard->reason[0] ? " (" : "", guard->reason,
			    guard->reason[0] ? ")" : "");
	}
}

void doctor_check_config(const struct context *context, struct finding_list *findings)
{
	if (context->config_error.kind != ERROR_NONE)
		finding_add(findings, FINDING_PROBLEM, "config",
			    "correct it: no other command runs until then; what follows holds for "
			    "the defaults",
			    "%s", context->config_error.message);
	else if (context->config)
		finding_add(findings, FINDING_OK, "config", NULL, "%s is valid", context->config);
	else if (access(CONFIG_DEFAULT_FILE, F_OK) == 0)
		finding_add(findings, FINDING_OK, "config", NULL, CONFIG_DEFAULT_FILE " is valid");
	else
		finding_add(findings, FINDING_OK, "config", NULL,
			    "there is no " CONFIG_DEFAULT_FILE ": the defaults hold");
}

void doctor_check_privileges(struct finding_list *findings)
{
	char missing[128];

	if (!capabilities_missing(CAPABILITIES_REAP, missing, sizeof(missing)))
		finding_add(findings, FINDING_OK, "privileges", NULL,
			    "uid %u, with all capabilities that sweep and reap use",
			    (unsigned)geteuid());
	else
		finding_add(findings, FINDING_WARNING, "privileges",
			    "run it as root, or see to it that all jobs run as this user",
			    "uid %u, without %s: other users' lockfiles and processes can't be "
			    "dealt with",
			    (unsigned)geteuid(), missing);
	if (access("/proc/1/stat", F_OK) < 0)
		finding_add(findings, FINDING_WARNING, "proc",
			    "mount /proc without hidepid, or with gid= for this user",
			    "other users' processes can't be seen in /proc: what still runs of a "
			    "dead run may be missed where there is no cgroup");
}

static bool is_active(const char *unit)
{
	CLEANUP_FREE char *name = xstrdup(unit);
	char program[] = "systemctl", quiet[] = "--quiet", verb[] = "is-active";
	char *argv[] = { program, quiet, verb, name, NULL };
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	bool was_exec;
	int status;

	setup.argv = argv;
	return child_spawn(&setup, &child, &was_exec, NULL) == 0 &&
	       child_wait(&child, true, &status) == 1 && status == 0;
}

static void check_boot_timer(struct finding_list *findings)
{
	if (is_active(BOOT_TIMER))
		finding_add(findings, FINDING_OK, "timer", NULL, BOOT_TIMER " is active");
	else
		finding_add(findings, FINDING_WARNING, "timer",
			    "systemctl enable --now " BOOT_TIMER
			    ", unless something else calls `ci-janitor sweep --orphans`",
			    BOOT_TIMER " is not active: what [orphans] app_pattern is for may stay "
				       "after a reboot");
}

void doctor_check_timer(const struct context *context, struct finding_list *findings)
{
	bool systemd = access("/run/systemd/system", F_OK) == 0;

	if (!systemd)
		finding_add(findings, FINDING_WARNING, "timer",
			    "let cron, or the CI server before each run, call `ci-janitor sweep`",
			    "systemd doesn't run here: nothing is known to sweep this machine");
	else if (is_active(TIMER))
		finding_add(findings, FINDING_OK, "timer", NULL, TIMER " is active");
	else
		finding_add(findings, FINDING_WARNING, "timer",
			    "systemctl enable --now " TIMER
			    ", unless something else calls `ci-janitor sweep`",
			    TIMER " is not active: what dead runs leave may stay for ever");
	if (systemd && context->settings.orphan_pattern.count)
		check_boot_timer(findings);
}

static void check_swarm(const struct settings *settings, const struct engine_facts *facts,
			struct finding_list *findings)
{
	if (settings->swarm == SWARM_USE_IGNORE) {
		finding_add(findings, FINDING_OK, "swarm", NULL,
			    "swarm objects don't count ([engine] swarm = ignore)");
		return;
	}
	switch (facts->role) {
	case SWARM_MANAGER:
		finding_add(findings, FINDING_OK, "swarm", NULL, "this node is a manager");
		if (facts->nodes > 1 && !settings->engine_image)
			finding_add(findings, FINDING_WARNING, "swarm",
				    "[engine] image, which `make image` makes",
				    "nobody looks for what dead apps have on its other nodes: "
				    "their volumes stay there");
		break;
	case SWARM_NONE:
		finding_add(findings, FINDING_OK, "swarm", NULL,
			    "no swarm (%s): containers, volumes and networks only",
			    facts->swarm_state);
		break;
	case SWARM_UNKNOWN:
	case SWARM_OTHER:
		finding_add(findings, FINDING_PROBLEM, "swarm",
			    "run ci-janitor on a manager, unlock the swarm, or leave it; [engine] "
			    "swarm = "
			    "ignore where only Compose is used",
			    "this node can't speak for its swarm (%s): nothing is reaped",
			    facts->swarm_state);
		break;
	}
}

void doctor_check_engine(const struct context *context, struct finding_list *findings)
{
	struct engine_connection connection = { .settings = &context->settings,
						.wants_nodes = true,
						.wake_fd = -1 };
	const struct engine_facts *facts;
	struct engine_port port;
	struct error err = { .kind = ERROR_NONE };

	if (engine_connect(&connection, context->settings.connect_timeout_ms, &port, &err) < 0) {
		finding_add(findings, FINDING_PROBLEM, "engine",
			    "start the engine, or name it by --host, DOCKER_HOST or [engine] host; "
			    "its socket's group may use it",
			    "%s", err.message);
		return;
	}
	facts = engine_get_facts(connection.engine);
	finding_add(findings, FINDING_OK, "engine", NULL, "%s, API %s", facts->server,
		    facts->api_version);
	check_swarm(&context->settings, facts, findings);
	if (context->settings.cluster || facts->role == SWARM_MANAGER)
		doctor_check_leases(context, &port, findings);
	engine_disconnect(&connection);
}
