#include "swarm/lease_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

void lease_hosts(void)
{
	lease_hosts_for(TERM_TEXT);
}

void lease_hosts_for(const char *term)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *play = swarm_temp_dir();
	char command[1024];

	swarm_new_lock_dir();
	setenv("PLAY", play, 1);
	run_command(&result,
		    "set -e; for h in a b; do mkdir $PLAY/$h; printf '[lock]\\ndir = %%s\\n"
		    "cluster = yes\\ncluster_term = %s\\n[run]\\nkill_grace = 1s\\n'"
		    " $PLAY/$h >$PLAY/$h.conf; done",
		    term);
	CHECK_STATUS(&result, 0);
	(void)unsetenv("CI_JANITOR_LOCK_DIR");
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "A", "B", "A2" };
		char host = i == 1 ? 'b' : 'a';

		(void)snprintf(command, sizeof(command),
			       SOURCE_DIR "/tests/fixture/as-host.sh host-%c boot-%s " JANITOR
					  " -c %s/%c.conf",
			       host, names[i], play, host);
		(void)setenv(names[i], command, 1);
	}
	(void)snprintf(command, sizeof(command), "%s/a", play);
	(void)setenv("A_LOCKS", command, 1);
	(void)snprintf(command, sizeof(command), "%s/b", play);
	(void)setenv("B_LOCKS", command, 1);
}

#define LEASES "docker config ls -q --filter label=ci-janitor.lease"

char *lease_labels(const char *app)
{
	struct command_result result = { 0 };
	char *labels;

	run_command(&result,
		    "name=ci-janitor-lease-$(printf %%s %s | sha256sum | cut -c1-32)\n"
		    "docker config inspect $name --format "
		    "'{{range $k, $v := .Spec.Labels}}{{$k}}={{$v}}{{\"\\n\"}}{{end}}' 2>/dev/null",
		    app);
	labels = result.output;
	result.output = NULL;
	command_result_release(&result);
	return labels;
}

int lease_count(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, LEASES " | wc -l");
	return atoi(result.output);
}

int64_t lease_version(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "docker config inspect $(" LEASES ") --format '{{.Version.Index}}'");
	return atoll(result.output);
}

static bool is_newer(void *version)
{
	return lease_version() > *(int64_t *)version;
}

bool lease_is_renewed(void)
{
	int64_t version = lease_version();

	return wait_until(is_newer, &version, 60000);
}

struct search {
	pid_t run, keeper;
};

static bool find_keeper(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct search *search = data;

	run_command(&result, "pgrep -f 'keep-lease.*shop' -P %d", (int)search->run);
	search->keeper = (pid_t)atoi(result.output);
	return search->keeper > 0;
}

pid_t lease_keeper(const struct process *run)
{
	struct search search = { .run = run->pid };

	CU_ASSERT_TRUE(wait_until(find_keeper, &search, 60000));
	return search.keeper;
}

int lease_keeper_signal(pid_t keeper, int signal)
{
	return keeper > 0 ? kill(keeper, signal) : -1;
}
