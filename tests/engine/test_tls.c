/* tcp:// with TLS, against openssl's s_server with files as answers. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine_fixture.h"

#define PING                                                                                       \
	"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nSwarm: inactive\r\nServer: Docker/28.5.2\r\n"     \
	"Content-Length: 2\r\nConnection: close\r\n\r\nOK"
#define NETWORKS                                                                                   \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"               \
	"Connection: close\r\n\r\n[]\n"

/* One CA; the server's certificate for 127.0.0.1 and the client's, both signed by it. */
static const char make_certificates[] =
	"set -e; exec 2>/dev/null; key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';"
	"openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=ca -days 2;"
	"sign() { openssl req -new $key -keyout $1 -out request -subj /CN=$2;"
	" openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
	" -extfile extensions -out $3; };"
	"echo subjectAltName=IP:127.0.0.1 >extensions;"
	"sign server.key server server.pem; sign key.pem client cert.pem";

static struct {
	char folder[64];
	pid_t server;
	int output; /* of the server; few bytes follow the first line, so nobody reads on */
	char host[64];
} tls;

static int in_folder(const char *command)
{
	char line[2048];

	snprintf(line, sizeof(line), "cd %s && { %s; }", tls.folder, command);
	return system(line);
}

static int write_file(const char *name, const char *content)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tls.folder, name);
	file = fopen(path, "we");
	if (!file)
		return -1;
	fputs(content, file);
	return fclose(file);
}

/* "ACCEPT 127.0.0.1:41231" among openssl's first lines. */
static int read_port(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char lines[1024] = "";
	const char *accept = NULL;
	size_t length = 0;
	int port = 0;

	while (!(accept && strchr(accept, '\n'))) {
		ssize_t got = poll(&ready, 1, 5000) > 0
				      ? read(fd, lines + length, sizeof(lines) - 1 - length)
				      : -1;

		if (got <= 0)
			return -1;
		length += (size_t)got;
		accept = strstr(lines, "ACCEPT ");
	}
	if (sscanf(accept, "ACCEPT 127.0.0.1:%d", &port) != 1)
		return -1;
	snprintf(tls.host, sizeof(tls.host), "tcp://127.0.0.1:%d", port);
	return 0;
}

static int start_server(void)
{
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		return -1;
	tls.server = fork();
	if (tls.server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* even if a test crashes */
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		if (chdir(tls.folder) == 0)
			execlp("openssl", "openssl", "s_server", "-HTTP", "-accept", "127.0.0.1:0",
			       "-cert", "server.pem", "-key", "server.key", "-CAfile", "ca.pem",
			       "-Verify", "1", "-verify_return_error", NULL);
		_exit(127);
	}
	close(out[1]);
	tls.output = out[0];
	return read_port(tls.output);
}

static int tear_down(void)
{
	int status;

	unsetenv("DOCKER_TLS_VERIFY");
	unsetenv("DOCKER_CERT_PATH");
	if (tls.server > 0) {
		kill(tls.server, SIGKILL);
		waitpid(tls.server, &status, 0);
		close(tls.output);
	}
	return in_folder("rm -r -- \"$PWD\"");
}

static int make_files(void)
{
	if (in_folder(make_certificates) != 0 ||
	    in_folder("mkdir v1.41 empty && cp ca.pem empty") != 0)
		return -1;
	return write_file("_ping", PING) || write_file("v1.41/networks", NETWORKS) ? -1 : 0;
}

static int set_up(void)
{
	snprintf(tls.folder, sizeof(tls.folder), "/tmp/ci-janitor-tls.XXXXXX");
	if (!mkdtemp(tls.folder))
		return -1;
	if (make_files() == 0 && start_server() == 0)
		return 0;
	(void)tear_down();
	return -1;
}

static void use_certificates(const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", tls.folder, folder);
	setenv("DOCKER_TLS_VERIFY", "1", 1);
	setenv("DOCKER_CERT_PATH", path, 1);
}

static void test_mutual_tls(void)
{
	struct engine_options options = fixture_options(tls.host);
	struct engine_answer answer = { 0 };
	struct engine *engine = NULL;
	struct error err = { 0 };

	use_certificates("");
	CHECK_NUMBER(engine_open(&engine, &options, &err), 0);
	CHECK_TEXT(err.message, "");
	if (!engine)
		return;
	CHECK_TEXT(engine_get_facts(engine)->api_version, "1.41");
	CHECK_NUMBER(engine_list(engine, RESOURCE_NETWORK, NULL, 1, NULL), 0);
	CHECK_NUMBER(engine_wait(engine, 10 * 1000, &answer, &err), 1);
	CHECK_NUMBER(answer.outcome, ENGINE_DONE);
	CHECK_TEXT(answer.error.message, "");
	resource_list_release(&answer.list);
	engine_close(engine);
}

static void test_default_certificate_path(void)
{
	const char *home = getenv("HOME");
	char *saved = home ? strdup(home) : NULL;
	struct error err;

	use_certificates("");
	unsetenv("DOCKER_CERT_PATH");
	setenv("HOME", tls.folder, 1);
	CHECK_NUMBER(fixture_open_fails(tls.host, &err), ERROR_CONFIG);
	CHECK_CONTAINS(err.message, "/.docker/ca.pem");
	if (saved)
		setenv("HOME", saved, 1);
	else
		unsetenv("HOME");
	free(saved);
}

static void test_tls_failures(void)
{
	struct error err;

	use_certificates("empty"); /* the CA, but no client certificate */
	CHECK_NUMBER(fixture_open_fails(tls.host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "certificate required");

	CHECK_NUMBER(in_folder("mkdir other && openssl req -x509 -newkey ec -pkeyopt "
			       "ec_paramgen_curve:P-256 -nodes -keyout other/key.pem -out "
			       "other/ca.pem -subj /CN=other -days 2 2>/dev/null"),
		     0);
	use_certificates("other"); /* a CA that did not sign the server's certificate */
	CHECK_NUMBER(fixture_open_fails(tls.host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "no TLS connection to tcp://127.0.0.1:");
	CHECK_CONTAINS(err.message, "certificate");

	use_certificates("v1.41");
	CHECK_NUMBER(fixture_open_fails(tls.host, &err), ERROR_CONFIG);
	CHECK_CONTAINS(err.message, "v1.41/ca.pem, which TLS to the engine needs");
}

static void test_plain_to_tls(void)
{
	struct error err;

	setenv("DOCKER_TLS_VERIFY", "", 1); /* empty: off, as for the docker command */
	CHECK_NUMBER(fixture_open_fails(tls.host, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, tls.host);
}

static void test_tcp_nobody(void)
{
	struct error err;

	unsetenv("DOCKER_TLS_VERIFY");
	CHECK_NUMBER(fixture_open_fails("tcp://127.0.0.1:1", &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "nobody listens at tcp://127.0.0.1:1");
	CHECK_NUMBER(fixture_open_fails("tcp://[::1]:1", &err), ERROR_UNREACHABLE);
	CHECK_NUMBER(fixture_open_fails("tcp://no-such-host.invalid:1", &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "no-such-host.invalid");
}

static struct test tests[] = {
	{ "both sides show a certificate", test_mutual_tls },
	{ "without DOCKER_CERT_PATH: ~/.docker", test_default_certificate_path },
	{ "no client certificate, a foreign CA, no CA", test_tls_failures },
	{ "plain HTTP to a TLS port", test_plain_to_tls },
	{ "nobody listens on tcp", test_tcp_nobody },
	{ NULL, NULL },
};
TEST_SUITE_WITH(engine_tls, tests, set_up, tear_down)
