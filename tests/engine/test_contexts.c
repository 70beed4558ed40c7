/* Docker's contexts, in a folder as the docker command makes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/engine/address_internal.h"
#include "engine/engine_fixture.h"
#include "harness/command.h"

/* printf %s ci | sha256sum */
#define CI_FOLDER "1b158839f8aa339e89bb50b1603e90ec68e0fd5565fe10a7cb32729fddf7070a"
#define META "contexts/meta/" CI_FOLDER "/meta.json"
#define DEFAULT_SOCKET "/var/run/docker.sock"

static const char *folder;

static int set_up(void)
{
	folder = temp_dir();
	unsetenv("DOCKER_TLS_VERIFY");
	return setenv("DOCKER_CONFIG", folder, 1);
}

static int tear_down(void)
{
	return unsetenv("DOCKER_CONFIG");
}

static void put(const char *path, const char *content)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, content, 5000, "mkdir -p \"$(dirname '%s/%s')\" && cat >'%s/%s'",
			 folder, path, folder, path);
	CHECK_NUMBER(result.status, 0);
}

static void put_context(const char *host, const char *more)
{
	char meta[512];

	snprintf(meta, sizeof(meta),
		 "{\"Name\":\"ci\",\"Metadata\":{},\"Endpoints\":{\"docker\":{\"Host\":\"%s\"%s}}}",
		 host, more);
	put(META, meta);
}

static void check_socket(const char *host, const char *expected)
{
	struct address address = { 0 };
	struct error err = { 0 };

	CHECK_NUMBER(address_parse(host, &address, &err), 0);
	CHECK_TEXT(err.message, "");
	CHECK_TEXT(address.socket_path, expected);
	address_release(&address);
}

static void check_refused(const char *host, const char *part)
{
	struct address address = { 0 };
	struct error err = { 0 };

	CHECK_NUMBER(address_parse(host, &address, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_CONFIG);
	CHECK_CONTAINS(err.message, part);
	CU_ASSERT_PTR_NULL(address.base_url);
}

static void test_current(void)
{
	put_context("unix:///run/user/1000/docker.sock", ",\"SkipTLSVerify\":false");
	check_socket(NULL, DEFAULT_SOCKET);
	put("config.json", "{\"auths\":{}}");
	check_socket(NULL, DEFAULT_SOCKET);
	put("config.json", "{\"currentContext\":\"\"}");
	check_socket(NULL, DEFAULT_SOCKET);
	put("config.json", "{\"currentContext\":\"default\"}");
	check_socket(NULL, DEFAULT_SOCKET);
	put("config.json", "{\"currentContext\":\"ci\"}");
	check_socket(NULL, "/run/user/1000/docker.sock");
	check_socket("context:default", DEFAULT_SOCKET);
	check_socket("context:ci", "/run/user/1000/docker.sock");
	check_socket("unix:///x", "/x");
}

static void test_refused(void)
{
	char config[512], meta[512];

	snprintf(config, sizeof(config), "%s/config.json", folder);
	snprintf(meta, sizeof(meta), "%s/" META, folder);
	put("config.json", "{\"currentContext\":\"gone\"}");
	check_refused(NULL, "context gone: there is none of that name in /");
	check_refused("context:../../ci", "there is none of that name");
	put("config.json", "{\"currentContext\":");
	check_refused(NULL, "config.json is not JSON");
	put("config.json", "{\"currentContext\":\"ci\"}");
	put_context("ssh://ci@host", "");
	check_refused(NULL,
		      "its address ssh://ci@host is neither unix:///PATH nor tcp://HOST:PORT");
	put_context("tcp://host:2376", ",\"SkipTLSVerify\":true");
	check_refused(NULL, "leaves out the verification of TLS");
	put(META, "{\"Name\":\"another\",\"Endpoints\":{\"docker\":{\"Host\":\"unix:///x\"}}}");
	check_refused(NULL, "states no address");
	put(META, "[]");
	check_refused(NULL, "states no address");
	put(META, "{");
	check_refused(NULL, "meta.json is not JSON");
	put_context("unix:///x", "");
	CHECK_NUMBER(geteuid(), 0);
	CHECK_NUMBER(chown(config, 65534, 65534), 0);
	check_refused(NULL, "belongs to another user");
	CHECK_NUMBER(chown(config, 0, 0), 0);
	CHECK_NUMBER(chown(meta, 65534, 65534), 0);
	check_refused("context:ci", "belongs to another user");
	CHECK_NUMBER(chown(meta, 0, 0), 0);
	check_socket(NULL, "/x");
}

static void test_tls_files(void)
{
	struct address address = { 0 };
	struct error err = { 0 };

	put_context("tcp://host", "");
	CHECK_NUMBER(address_parse("context:ci", &address, &err), 0);
	CHECK_TEXT(address.base_url, "http://host:2375");
	address_release(&address);
	put("contexts/tls/" CI_FOLDER "/docker/ca.pem", "certificate");
	CHECK_NUMBER(address_parse("context:ci", &address, &err), 0);
	CHECK_TEXT(address.base_url, "https://host:2376");
	CHECK_CONTAINS(address.ca_file, "contexts/tls/" CI_FOLDER "/docker/ca.pem");
	CU_ASSERT_PTR_NULL(address.cert_file);
	address_release(&address);
}

/* From the environment to the engine, by the program itself. */
static void test_by_the_program(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *script = scripted_start();
	int pings;

	put_context(scripted_host(script), "");
	put("config.json", "{}");
	put("empty.conf", "[reap]\ntimeout = 300ms\n");
	run_command(&result,
		    "mkdir -p %s/locks; DOCKER_CONTEXT=ci CI_JANITOR_CONFIG=%s/empty.conf"
		    " %s/ci-janitor --lock-dir %s/locks reap shop",
		    folder, folder, BUILD_DIR, folder);
	pings = scripted_counts(script).requests;
	CU_ASSERT_TRUE(pings > 0);
	run_command(&result,
		    "DOCKER_CONTEXT=ci DOCKER_HOST=unix:///nowhere CI_JANITOR_CONFIG=%s/empty.conf"
		    " %s/ci-janitor --lock-dir %s/locks reap shop",
		    folder, BUILD_DIR, folder);
	CHECK_NUMBER(result.status, 69);
	CHECK_CONTAINS(result.errors, "unix:///nowhere");
	CHECK_NUMBER(scripted_counts(script).requests, pings);
	scripted_stop(script);
}

static struct test tests[] = {
	{ "the current context", test_current },
	{ "contexts that can't be used", test_refused },
	{ "a context's TLS files", test_tls_files },
	{ "DOCKER_CONTEXT, and DOCKER_HOST before it", test_by_the_program },
	{ NULL, NULL },
};
TEST_SUITE_WITH(engine_contexts, tests, set_up, tear_down)
