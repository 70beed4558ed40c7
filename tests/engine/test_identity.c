/* Which engine an address means: the same one by all its names, and no other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/engine_fixture.h"
#include "harness/command.h"

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

static struct engine_identity identity_of(const char *before, const char *after)
{
	struct engine_identity identity = { .address = "?" };
	struct error err = { 0 };
	char host[600];

	snprintf(host, sizeof(host), "%s%s", before, after);
	CHECK_NUMBER(engine_identify(host, &identity, &err), 0);
	CHECK_TEXT(err.message, "");
	return identity;
}

static struct engine_identity socket_in_folder(const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return identity_of("unix://", path);
}

static void make_socket(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
	(void)unlink(address.sun_path);
	CHECK_NUMBER(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

static void check_same(const struct engine_identity *a, const struct engine_identity *b, bool same)
{
	CHECK_NUMBER(engine_is_same(a, b), same);
	CHECK_NUMBER(engine_is_same(b, a), same);
}

static void test_addresses(void)
{
	struct engine_identity standard, identity;

	CHECK_NUMBER(engine_identify(NULL, &standard, NULL), 0);
	CHECK_TEXT(standard.address, "unix:///run/docker.sock");
	identity = identity_of("unix:///var/run//../run/./", "docker.sock");
	CHECK_TEXT(identity.address, standard.address);
	identity = identity_of("unix:///nowhere/", "docker.sock");
	CHECK_TEXT(identity.address, "unix:///nowhere/docker.sock");
	check_same(&identity, &standard, false);
	identity = identity_of("tcp://CI.Example.org", "");
	CHECK_TEXT(identity.address, "tcp://ci.example.org:2375");
	identity = identity_of("tcp://[fe80::A]", ":1");
	CHECK_TEXT(identity.address, "tcp://[fe80::a]:1");
	CHECK_TEXT(identity.socket, "");
	CHECK_NUMBER(engine_identify("ssh://host", &identity, NULL), -1);
}

/* What a record can't say is left out, and may be any engine. */
static void test_not_to_be_recorded(void)
{
	struct engine_identity odd = identity_of("unix:///x/", "a;b"), other;
	char name[300];

	CHECK_TEXT(odd.address, "");
	odd = identity_of("unix:///x/", "a\nb");
	CHECK_TEXT(odd.address, "");
	memset(name, 'h', 250);
	name[250] = '\0';
	odd = identity_of("tcp://", name);
	CHECK_TEXT(odd.address, "");
	other = identity_of("tcp://", "other");
	check_same(&odd, &other, true);
}

/* Under another name, as in a container that the socket is mounted into. */
static void test_same_socket(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct engine_identity here, link, mounted, anew;
	char path[600];

	make_socket("a.sock");
	here = socket_in_folder("a.sock");
	CU_ASSERT_TRUE(here.socket[0] != '\0');
	run_command(&result, "cd %s && ln -s a.sock l.sock && ln a.sock b.sock && ln -s . d",
		    folder);
	CHECK_NUMBER(result.status, 0);
	link = socket_in_folder("d/l.sock");
	CHECK_TEXT(link.address, here.address);
	mounted = socket_in_folder("b.sock");
	CHECK_TEXT(strrchr(mounted.address, '/'), "/b.sock");
	CHECK_TEXT(mounted.socket, here.socket);
	check_same(&mounted, &here, true);

	/* Another engine's, whose inode may even be the same number again. */
	snprintf(path, sizeof(path), "%s/b.sock", folder);
	CHECK_NUMBER(unlink(path), 0);
	usleep(20000);
	make_socket("b.sock");
	anew = socket_in_folder("b.sock");
	check_same(&anew, &here, false);
	/* The same address is the same engine, started anew. */
	make_socket("a.sock");
	anew = socket_in_folder("a.sock");
	CU_ASSERT_TRUE(strcmp(anew.socket, here.socket) != 0);
	check_same(&anew, &here, true);
}

static struct test tests[] = {
	{ "one form for each address", test_addresses },
	{ "an address that a record can't hold", test_not_to_be_recorded },
	{ "one socket under two names, two under one", test_same_socket },
	{ NULL, NULL },
};
TEST_SUITE_WITH(engine_identity, tests, set_up, tear_down)
