#include "address_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"

#define DEFAULT_HOST "unix:///var/run/docker.sock"
#define SHOWN "%.200s" /* of an address in a message */

void address_release(struct address *address)
{
	free(address->text);
	free(address->socket_path);
	free(address->base_url);
	free(address->ca_file);
	free(address->cert_file);
	free(address->key_file);
	*address = (struct address){ 0 };
}

static int parse_socket(const char *host, struct address *ret, struct error *err)
{
	const char *path = host + strlen("unix://");

	if (*path != '/')
		return error_set(err, ERROR_CONFIG,
				 "unable to use the engine's address " SHOWN
				 ": the socket's path must be absolute, as in " DEFAULT_HOST,
				 host);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return error_set(err, ERROR_CONFIG,
				 "unable to use the engine's address " SHOWN
				 ": a socket's path has at most %zu bytes",
				 host, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	ret->socket_path = xstrdup(path);
	ret->base_url = xstrdup("http://docker");
	return 0;
}

static int bad_tcp(const char *host, struct error *err)
{
	return error_set(err, ERROR_CONFIG,
			 "unable to use the engine's address " SHOWN
			 ": it must read tcp://HOST:PORT, as in tcp://192.0.2.1:2376",
			 host);
}

/* HOST, HOST:PORT, [IPv6] or [IPv6]:PORT, and nothing that could change a URL's meaning. */
static int parse_authority(const char *host, const char *default_port, char **ret,
			   struct error *err)
{
	const char *name = host + strlen("tcp://");
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789.-_");
	const char *port;
	int64_t number;

	if (*name == '[') {
		length = 1 + strspn(name + 1, "0123456789abcdefABCDEF:.");
		if (length == 1 || name[length++] != ']')
			return bad_tcp(host, err);
	}
	port = name + length;
	if (!length || (*port && *port != ':'))
		return bad_tcp(host, err);
	if (*port && parse_number(port + 1, 1, 65535, &number, NULL) < 0)
		return bad_tcp(host, err);
	*ret = *port ? xstrdup(name) : xasprintf("%s:%s", name, default_port);
	return 0;
}

static char *file_in(const char *directory, const char *name)
{
	return xasprintf("%s/%s", directory, name);
}

static int find_tls_files(struct address *ret, struct error *err)
{
	const char *stated = getenv("DOCKER_CERT_PATH");
	const char *home = getenv("HOME");
	CLEANUP_FREE char *directory = NULL;

	if (stated && *stated)
		directory = xstrdup(stated);
	else if (home && *home)
		directory = file_in(home, ".docker");
	else
		return error_set(err, ERROR_CONFIG,
				 "unable to find the TLS files: DOCKER_TLS_VERIFY is set, "
				 "but neither DOCKER_CERT_PATH nor HOME is");
	ret->ca_file = file_in(directory, "ca.pem");
	if (access(ret->ca_file, R_OK) < 0)
		return error_set_errno(err, ERROR_CONFIG, errno,
				       "unable to read " SHOWN " (DOCKER_TLS_VERIFY is set)",
				       ret->ca_file);
	ret->cert_file = file_in(directory, "cert.pem");
	if (access(ret->cert_file, F_OK) < 0) {
		free(ret->cert_file);
		ret->cert_file = NULL;
		return 0;
	}
	ret->key_file = file_in(directory, "key.pem");
	return 0;
}

static int parse_tcp(const char *host, struct address *ret, struct error *err)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY");
	bool tls = verify && *verify;
	CLEANUP_FREE char *authority = NULL;

	if (parse_authority(host, tls ? "2376" : "2375", &authority, err) < 0)
		return -1;
	ret->base_url = xasprintf("%s://%s", tls ? "https" : "http", authority);
	return tls ? find_tls_files(ret, err) : 0;
}

int address_parse(const char *host, struct address *ret, struct error *err)
{
	CLEANUP(address_release) struct address address = { 0 };
	int result;

	if (!host)
		host = DEFAULT_HOST;
	address.text = xstrndup(host, 200);
	if (!strncmp(host, "unix://", 7))
		result = parse_socket(host, &address, err);
	else if (!strncmp(host, "tcp://", 6))
		result = parse_tcp(host, &address, err);
	else
		result = error_set(err, ERROR_CONFIG,
				   "unable to use the engine's address " SHOWN
				   ": only unix:///PATH and tcp://HOST:PORT are supported "
				   "(see DOCKER_HOST, --host and engine.host)",
				   host);
	if (result < 0)
		return -1;
	*ret = address;
	address = (struct address){ 0 };
	return 0;
}
