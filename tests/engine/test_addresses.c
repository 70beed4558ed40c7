/* Addresses behind which there is no engine, or none for us. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine_fixture.h"

static void test_malformed_address(void)
{
	static const struct {
		const char *host;
		const char *part;
	} cases[] = {
		{ "ssh://root@host", "ssh://root@host: only unix:///PATH and tcp://HOST:PORT" },
		{ "npipe:////./pipe/docker_engine", "only unix:///PATH" },
		{ "/var/run/docker.sock", "only unix:///PATH" },
		{ "", "only unix:///PATH" },
		{ "unix://docker.sock", "must be absolute" },
		{ "unix://", "must be absolute" },
		{ "tcp://", "must read tcp://HOST:PORT" },
		{ "tcp://:2375", "must read tcp://HOST:PORT" },
		{ "tcp://host:0", "must read tcp://HOST:PORT" },
		{ "tcp://host:65536", "must read tcp://HOST:PORT" },
		{ "tcp://host:2375/prefix", "must read tcp://HOST:PORT" },
		{ "tcp://user@host:2375", "must read tcp://HOST:PORT" },
		{ "tcp://[]:2375", "must read tcp://HOST:PORT" },
		{ "tcp://[::1:2375", "must read tcp://HOST:PORT" },
		{ "tcp://a b:1", "must read tcp://HOST:PORT" },
	};
	char longest[300] = "unix:///";
	struct error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_NUMBER(fixture_open_fails(cases[i].host, &err), ERROR_CONFIG);
		CHECK_CONTAINS(err.message, cases[i].part);
	}
	memset(longest + 8, 'x', 200);
	CHECK_NUMBER(fixture_open_fails(longest, &err), ERROR_CONFIG);
	CHECK_CONTAINS(err.message, "has at most 107 bytes");
}

static void test_nobody_there(void)
{
	char folder[] = "/tmp/ci-janitor-engine.XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char host[128];
	struct error err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", folder);
	snprintf(host, sizeof(host), "unix://%s", address.sun_path);
	CHECK_NUMBER(fixture_open_fails(host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "there is no socket at unix:///tmp/");
	CHECK_NUMBER(err.sys_errno, ENOENT);

	CHECK_NUMBER(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_NUMBER(fixture_open_fails(host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "nobody listens at unix:///tmp/");
	CHECK_NUMBER(err.sys_errno, ECONNREFUSED);
	unlink(address.sun_path);
	close(fd);

	close(open(address.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK_NUMBER(fixture_open_fails(host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "is not a socket");
	unlink(address.sun_path);
	rmdir(folder);
}

/* Somebody listens, but the backlog is full: nothing was sent, and the error is not errno's. */
static void test_full_backlog(void)
{
	char folder[] = "/tmp/ci-janitor-engine.XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char host[128];
	struct error err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", folder);
	snprintf(host, sizeof(host), "unix://%s", address.sun_path);
	CHECK_NUMBER(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_NUMBER(listen(listener, 0), 0);
	CHECK_NUMBER(connect(first, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_NUMBER(fixture_open_fails(host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "takes no connection: it hangs or is overloaded");
	close(first);
	close(listener);
	unlink(address.sun_path);
	rmdir(folder);
}

/* In the child: status 0 when the refusal reads as it should. */
static int denied_as_nobody(const char *host)
{
	struct engine_options options = fixture_options(host);
	struct engine *engine;
	struct error err = { 0 };

	if (setresuid(65534, 65534, 65534) < 0)
		return 2;
	if (engine_open(&engine, &options, &err) == 0)
		return 3;
	if (err.kind != ERROR_PERMISSION || !strstr(err.message, "permission denied at unix://"))
		return 4;
	return strstr(err.message, "usually docker") ? 0 : 5;
}

static void test_permission(void)
{
	struct scripted_engine *script = scripted_start();
	const char *path = scripted_host(script) + strlen("unix://");
	int status = -1;
	pid_t child;

	CHECK_NUMBER(geteuid(), 0);
	CHECK_NUMBER(chmod(path, 0600), 0);
	child = fork();
	if (child == 0)
		_exit(denied_as_nobody(scripted_host(script)));
	CHECK_NUMBER(waitpid(child, &status, 0), child);
	CHECK_NUMBER(status, 0);
	scripted_stop(script);
}

static struct test tests[] = {
	{ "a malformed address is refused, naming it", test_malformed_address },
	{ "socket missing, not listening, not a socket", test_nobody_there },
	{ "the listener's backlog is full", test_full_backlog },
	{ "the socket denies another user", test_permission },
	{ NULL, NULL },
};
TEST_SUITE(engine_addresses, tests)
