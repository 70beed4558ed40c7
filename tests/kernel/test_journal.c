/* What a real journald gets to read. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dead_fixture.h"
#include "harness/harness.h"
#include "hold_fixture.h"
#include "model/event.h"

static char story[64 * 1024]; /* "EVENT PRIORITY APP MESSAGE\n" for each entry of ours */

static const char *field(const json_t *entry, const char *name)
{
	const char *value = json_string_value(json_object_get(entry, name));

	return value ? value : "-";
}

static void check_entry(const json_t *entry, const char *run_id)
{
	const char *event = field(entry, "CI_JANITOR_EVENT");
	const char *id = field(entry, "MESSAGE_ID");

	/* journald knew whom it came from. */
	CU_ASSERT(strcmp(field(entry, "_COMM"), "-") != 0);
	if (run_id && !strcmp(field(entry, "CI_JANITOR_APP"), "shop"))
		CHECK_TEXT(field(entry, "CI_JANITOR_RUN_ID"), run_id);
	for (int i = 0; i < EVENT_COUNT; i++)
		if (!strcmp(event_of((enum event)i)->name, event)) {
			CHECK_TEXT(id, event_of((enum event)i)->message_id);
			return;
		}
	CHECK_TEXT(event, "-");
}

static void read_story(const char *path, const char *run_id)
{
	FILE *stream = fopen(path, "re");
	size_t length = 0;
	json_t *entry;

	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	story[0] = '\0';
	while ((entry = json_loadf(stream, JSON_DISABLE_EOF_CHECK, NULL))) {
		if (!strcmp(field(entry, "SYSLOG_IDENTIFIER"), "ci-janitor")) {
			check_entry(entry, run_id);
			length += (size_t)snprintf(
				story + length, sizeof(story) - length, "%s %s %s %s\n",
				field(entry, "CI_JANITOR_EVENT"), field(entry, "PRIORITY"),
				field(entry, "CI_JANITOR_APP"), field(entry, "MESSAGE"));
		}
		json_decref(entry);
		CU_ASSERT_FATAL(length < sizeof(story));
	}
	fclose(stream);
}

static void check_story(const char *piece)
{
	if (!strstr(story, piece))
		printf("\nmissing: %s\nin:\n%s", piece, story);
	CU_ASSERT_PTR_NOT_NULL(strstr(story, piece));
}

static void start_job(struct process *ret, const char *dir, const char *script)
{
	char path[600];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/job", dir);
	stream = fopen(path, "we");
	CU_ASSERT_FATAL(stream && fputs(script, stream) >= 0 && fclose(stream) == 0);
	process_start(ret,
		      "exec unshare -m --propagation private " SOURCE_DIR
		      "/tests/kernel/journald.sh %s %s/journal",
		      path, dir);
}

static void end_job(struct process *process, const char *dir, const char *run_id)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char path[600];

	CHECK_NUMBER(process_wait(process, COMMAND_TIMEOUT_MS, &result), 0);
	if (result.status)
		printf("\n%s%s", result.output, result.errors);
	snprintf(path, sizeof(path), "%s/journal", dir);
	read_story(path, run_id);
}

static void a_sweep_tells_each_apps_story(void)
{
	struct scripted_engine *engine = dead_engine(1000);
	const char *dir = temp_dir(), *files = temp_dir();
	char script[2048];
	struct process job;
	struct record record;

	dead_run(dir, scripted_host(engine), &record);
	snprintf(script, sizeof(script), "service %s --lock-dir %s -H %s sweep\n", PROGRAM, dir,
		 scripted_host(engine));
	start_job(&job, files, script);
	dead_engine_removes(engine);
	end_job(&job, files, record.run_id);
	check_story("reap-begun 6 shop shop: removing what is left of it\n"
		    "object-removed 6 shop shop: removed volume shop_data "
		    "(com.docker.compose.project=shop)\n"
		    "app-reaped 6 shop shop: reaped: 1 object removed");
	check_story("swept 6 - 1 lock: 0 live, 1 reaped (1 object), 0 left");
	scripted_stop(engine);
}

static void what_is_left_is_an_error(void)
{
	const char *dir = temp_dir(), *files = temp_dir();
	char script[2048], host[600];
	struct process job;
	struct record record;

	snprintf(host, sizeof(host), "unix://%s/none", dir);
	dead_run(dir, host, &record);
	snprintf(script, sizeof(script),
		 "service %s --lock-dir %s -q -H unix://%s/none sweep || [ $? = 69 ]\n"
		 "service %s --lock-dir %s --json -H unix://%s/none sweep || [ $? = 69 ]\n",
		 PROGRAM, dir, dir, PROGRAM, dir, dir);
	start_job(&job, files, script);
	end_job(&job, files, record.run_id);
	check_story("app-left 3 shop shop: left: 0 objects removed");
	check_story("- 3 - unable to reach the engine");
	/* JSON stays what it is. */
	CHECK_NUMBER(count_of(story, "app-left "), 1);
	lockfile_drop_cgroup(dir, "shop");
}

static void runs_and_holds(void)
{
	const char *dir = temp_dir(), *files = temp_dir(), *scripts = hold_script(dir);
	char script[2048];
	struct process job;

	snprintf(script, sizeof(script),
		 "service %s --lock-dir %s run --no-fresh --no-teardown shop --holder me "
		 "--deadline 1s "
		 "-- sleep 600 || [ $? = 142 ]\n"
		 "%s/hold --holder you --pid $$ stall\n"
		 "%s/release --holder you stall\n"
		 "%s/hold --holder you --pid $$ --log %s/log site\n"
		 "%s/release --holder you site\n",
		 PROGRAM, dir, scripts, scripts, scripts, files, scripts);
	start_job(&job, files, script);
	end_job(&job, files, NULL);
	check_story("run-held 6 shop shop is held by me\n"
		    "run-stopped 4 shop the deadline of shop has passed: stopping\n"
		    "run-ended 6 shop the run of shop has ended with status 142\n");
	check_story("run-held 6 stall stall is held by you\n"
		    "run-stopped 6 stall stall is released: signal 15 from process ");
	check_story("run-ended 6 stall the run of stall has ended with status 143\n");
	/* What has a file of its own is not the journal's. */
	CU_ASSERT_PTR_NULL(strstr(story, "site"));
}

/* A journald that neither answers nor is there: its stream reads priorities off the lines. */
static void without_its_socket(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *files = temp_dir();
	int fd = lockfile_hold(dir, "shop");

	CHECK_NUMBER(
		run_command(
			&result,
			"unshare -m --propagation private sh -c 'mount -t tmpfs none /run; "
			"python3 -c \"import os, socket; a, b = socket.socketpair(); "
			"s = os.fstat(b.fileno()); os.dup2(b.fileno(), 2); "
			"os.environ[\\\"JOURNAL_STREAM\\\"] = f\\\"{s.st_dev}:{s.st_ino}\\\"; "
			"os.spawnv(os.P_WAIT, \\\"%s\\\", [\\\"ci-janitor\\\", "
			"\\\"--lock-dir=%s\\\", "
			"\\\"reap\\\", \\\"shop\\\"]); b.close(); print(a.recv(9999).decode())\" "
			">%s/out' && cat %s/out",
			PROGRAM, dir, files, files),
		0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "<3>unable to reap shop: held by "));
	CU_ASSERT_PTR_NULL(strstr(result.output, "ci-janitor:"));
	close(fd);
}

/* More messages than the queues of sockets hold that nobody reads; no lock is touched. */
static const char *many_messages(const char *dir)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	static char command[1024];

	run_command(&result, "printf '[app]\\nprotect = *\\n' >%s/conf", dir);
	snprintf(command, sizeof(command),
		 "%s --lock-dir %s --config %s/conf reap $(seq -f app%%g 1000)", PROGRAM, dir, dir);
	return command;
}

static int deaf_socket(const char *dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	CU_ASSERT_FATAL(bind(fd, (const struct sockaddr *)&address, (socklen_t)sizeof(address)) ==
			0);
	return fd;
}

static void check_received(int fd, const char *expected)
{
	char text[64 * 1024] = "";

	CU_ASSERT(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
}

/* It is waited for once, and neither for each message nor for ever. */
static void nobody_reads(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *journal = temp_dir();
	int datagrams = deaf_socket(journal), streams = listening_socket(journal, "stdout");
	int stream;

	CHECK_NUMBER(
		run_command(
			&result,
			"unshare -m --propagation private sh -c 'mount -t tmpfs none /run && "
			"mkdir -p /run/systemd/journal && "
			"mount --bind %s /run/systemd/journal && exec systemd-cat sh -c \"$1\"' "
			"sh 'JOURNAL_STREAM=$(stat -Lc %%d:%%i /proc/self/fd/2) exec %s'",
			journal, many_messages(dir)),
		77);
	stream = accept_soon(streams);
	check_received(datagrams, "MESSAGE=app1 is protected by the configuration");
	check_received(stream, "\n<3>app");
	close(stream);
	close(streams);
	close(datagrams);
}

/* Its standard output is a stream of the journal's, of which Python does the rest with the end a.
 */
static int list_to_stream(struct command_result *result, const char *rest)
{
	return run_command(
		result,
		"python3 -c 'import os, socket, subprocess, sys; a, b = socket.socketpair(); "
		"s = os.fstat(b.fileno()); "
		"os.environ[\"JOURNAL_STREAM\"] = f\"{s.st_dev}:{s.st_ino}\"; "
		"child = subprocess.Popen([\"sh\", \"-c\", sys.argv[1]], stdout=b); b.close(); %s; "
		"sys.exit(child.wait())' 'exec %s --lock-dir %s --json list $(seq -f app%%g 2000)'",
		rest, PROGRAM, temp_dir());
}

/* What is meant for programs is not lost in silence. */
static void nobody_reads_json(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(list_to_stream(&result, "child.wait()"), 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(result.errors, "unable to write the output to the journal: "));
}

/* More at once than the stream holds. */
static void somebody_reads_json(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(list_to_stream(&result, "sys.stdout.write(a.makefile().read())"), 0);
	CHECK_TEXT(result.errors, "");
	CHECK_NUMBER(count_of(result.output, "\"app\":\"app"), 2000);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "}\n"));
}

static void a_journald_that_is_stopped(void)
{
	const char *files = temp_dir();
	char script[2048];
	struct process job;

	snprintf(script, sizeof(script),
		 "kill -STOP $journald\n"
		 "service %s || status=$?\n"
		 "kill -CONT $journald\n"
		 "[ \"$status\" = 77 ]\n"
		 "journalctl --sync\n"
		 "journalctl --directory=/run/log/journal -o cat | grep -qx 'app1 is protected "
		 ".*'\n",
		 many_messages(files));
	start_job(&job, files, script);
	CHECK_NUMBER(process_wait(&job, COMMAND_TIMEOUT_MS, NULL), 0);
}

static const struct test tests[] = {
	{ "a sweep tells each app's story", a_sweep_tells_each_apps_story },
	{ "what is left is an error", what_is_left_is_an_error },
	{ "runs and holds", runs_and_holds },
	{ "without its socket", without_its_socket },
	{ "nobody reads", nobody_reads },
	{ "nobody reads JSON", nobody_reads_json },
	{ "somebody reads JSON", somebody_reads_json },
	{ "a journald that is stopped", a_journald_that_is_stopped },
	{ NULL, NULL },
};
TEST_SUITE(journal, tests)
