/* doctor, on what lies around the locks: small and shared directories, containers, other users'
 * processes, the timer, the engine's swarm. In mount namespaces, on the real things. */
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"
#include "harness/scripted_engine.h"
#include "run_fixture.h"

#define PRIVATE "unshare -m --propagation private sh -euc "
#define DOCTOR PROGRAM " --lock-dir %s -H unix:///nonexistent/socket doctor "

static bool says(const struct command_result *result, const char *text)
{
	if (strstr(result->output, text))
		return true;
	printf("\nmissing: %s\nin:\n%s%s", text, result->output, result->errors);
	return false;
}

static void small_directories(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result, PRIVATE "'mount -t tmpfs -o size=100k,mode=1777 none %s; " DOCTOR "'",
		    dir, dir);
	CU_ASSERT(says(&result, "more lockfiles; without room no run starts"));
	CU_ASSERT(says(&result, "-> use a private directory ([lock] dir) on a larger"));
	CU_ASSERT(says(&result, "ok       exclusion: "));
	/* Full, and full of files. */
	run_command(&result,
		    PRIVATE "'mount -t tmpfs -o size=100k,mode=1777 none %s; "
			    "head -c 200k /dev/zero >%s/junk || :; " DOCTOR "'",
		    dir, dir, dir);
	CU_ASSERT(says(&result, "has room for 0 more lockfiles"));
	CU_ASSERT(says(&result, "problem  exclusion: "));
	CU_ASSERT(says(&result, "No space left on device"));
	run_command(&result,
		    PRIVATE "'mount -t tmpfs -o nr_inodes=3,mode=1777 none %s; " DOCTOR "'", dir,
		    dir);
	CU_ASSERT(says(&result, "has room for 2 more lockfiles"));
}

static void strangers_hard_links(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result,
		    PRIVATE "'mount -t tmpfs -o mode=1777 none %s; echo 0 >/%s/off; "
			    "mount --bind %s/off /proc/sys/fs/protected_hardlinks; " DOCTOR "'",
		    dir, dir, dir, dir);
	CU_ASSERT(says(&result, "anybody may put hard links of other users' files into"));
	/* Nobody may, in one that is root's alone. */
	run_command(&result,
		    PRIVATE "'mount -t tmpfs -o mode=0755 none %s; echo 0 >/%s/off; "
			    "mount --bind %s/off /proc/sys/fs/protected_hardlinks; " DOCTOR "'",
		    dir, dir, dir, dir);
	CU_ASSERT(says(&result, "ok       lock-dir: "));
	CU_ASSERT_PTR_NULL(strstr(result.output, "hard links"));
}

static void in_a_container(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result,
		    PRIVATE "'mount -t tmpfs none /run; echo >/run/.containerenv; " DOCTOR "'",
		    dir);
	CU_ASSERT(says(&result, "is its own: a lock in it means nothing to the host"));
	CU_ASSERT(says(&result, "bind-mount the host's lock directory to the same path"));
	run_command(&result,
		    PRIVATE "'mount -t tmpfs none /run; echo >/run/.containerenv; "
			    "mount -t tmpfs -o mode=0755 none %s; " DOCTOR "'",
		    dir, dir);
	CU_ASSERT(says(&result, "ok       lock-dir: this is a container, and "));
}

static void on_overlayfs(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result,
		    PRIVATE "'mount -t tmpfs none %s; cd %s; mkdir l u w o; mount -t overlay -o "
			    "lowerdir=l,upperdir=u,workdir=w none o; " PROGRAM
			    " --lock-dir %s/o -H unix:///nonexistent/socket doctor'",
		    dir, dir, dir);
	CU_ASSERT(says(&result, "warning  lock-dir: on overlayfs a lock taken below the overlay"));
}

/* An ordinary user's, where /proc hides other users' processes. */
static void with_hidepid(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result,
		    "chown 12345:12345 %s; unshare -m -p -f --propagation private sh -c "
		    "'mount -t proc -o hidepid=2 proc /proc; setpriv --reuid=12345 --regid=12345 "
		    "--clear-groups " DOCTOR "; true'",
		    dir, dir);
	CU_ASSERT(says(&result, "warning  privileges: uid 12345, without "));
	CU_ASSERT(says(&result, "warning  proc: other users' processes can't be seen in /proc"));
}

static void the_timers(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result,
		    PRIVATE "'mount -t tmpfs none /run; "
			    "printf \"[orphans]\\napp_pattern = pr-*\\n\" >/run/conf; " DOCTOR
			    "-c /run/conf || :; mkdir -p /run/systemd/system; " DOCTOR
			    "-c /run/conf'",
		    dir, dir);
	CU_ASSERT(says(&result, "warning  timer: systemd doesn't run here: nothing is known to"));
	/* Nor does it, but it has been there: no timer is active. */
	CU_ASSERT(says(&result, "warning  timer: ci-janitor.timer is not active"));
	CU_ASSERT(says(&result, "warning  timer: ci-janitor-boot.timer is not active"));
}

static void doctor_of(struct command_result *ret, struct scripted_engine *engine,
		      const char *settings)
{
	const char *dir = temp_dir();

	run_command(ret,
		    "printf '%s' >%s/conf && " PROGRAM " --lock-dir %s -c %s/conf -H %s doctor",
		    settings, dir, dir, dir, scripted_host(engine));
}

static void the_swarm(void)
{
	static const struct {
		const char *info, *settings, *says;
	} rows[] = {
		{ "\"active\",\"ControlAvailable\":true", "", "ok       swarm: this node is a" },
		{ "\"active\",\"ControlAvailable\":true,\"Nodes\":2", "",
		  "warning  swarm: nobody looks for what dead apps have on its other" },
		{ "\"inactive\"", "", "ok       swarm: no swarm (inactive)" },
		{ "\"locked\"", "",
		  "problem  swarm: this node can't speak for its swarm (locked)" },
		{ "\"locked\"", "[engine]\\nswarm = ignore\\n",
		  "ok       swarm: swarm objects don't count" },
		{ "\"locked\"", "[lock]\\ncluster = yes\\n", "problem  leases: leases can't be" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		struct scripted_engine *engine = scripted_start();
		char info[300];

		scripted_empty(engine);
		scripted_answer(engine, "GET /_ping", "200 OK", "Api-Version: 1.41\r\n", "OK");
		snprintf(info, sizeof(info),
			 "{\"Swarm\":{\"LocalNodeState\":%s,\"NodeID\":\"n1\"}}", rows[i].info);
		scripted_json(engine, "GET /v1.41/info", "200 OK", info);
		doctor_of(&result, engine, rows[i].settings);
		CU_ASSERT(says(&result, rows[i].says));
		scripted_stop(engine);
	}
}

/* One lease that says less than it must. */
static void leases(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *engine = scripted_start();

	scripted_empty(engine);
	scripted_json(engine, "GET /v1.41/info", "200 OK",
		      "{\"Swarm\":{\"LocalNodeState\":\"active\",\"ControlAvailable\":true}}");
	scripted_json(engine, "GET /v1.41/configs", "200 OK",
		      "[{\"ID\":\"abc\",\"Version\":{\"Index\":1},\"Spec\":{\"Name\":"
		      "\"ci-janitor-lease-0123456789abcdef0123456789abcdef\","
		      "\"Labels\":{\"ci-janitor.lease\":\"held\"}}}]");
	doctor_of(&result, engine, "");
	CU_ASSERT(says(&result, "problem  leases: 1 apps have leases in this swarm, which this"));
	doctor_of(&result, engine, "[lock]\\ncluster = yes\\n");
	CU_ASSERT(says(&result, "warning  leases: 1 of them can't be read"));
	CU_ASSERT(says(&result, "ok       leases: 1 in the swarm, 0 of this host"));
	scripted_stop(engine);
}

static const struct test tests[] = {
	{ "small directories", small_directories },
	{ "hard links by strangers", strangers_hard_links },
	{ "in a container", in_a_container },
	{ "on overlayfs", on_overlayfs },
	{ "where other users' processes are hidden", with_hidepid },
	{ "the timers", the_timers },
	{ "the swarm", the_swarm },
	{ "leases", leases },
	{ NULL, NULL },
};
TEST_SUITE(doctor_places, tests)
