#include "address_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "docker_context_internal.h"
#include "engine/engine.h"

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

/* Where DOCKER_TLS_VERIFY says that they are; malloced. */
static char *stated_tls_folder(struct error *err)
{
	const char *stated = getenv("DOCKER_CERT_PATH");
	const char *home = getenv("HOME");

	if (stated && *stated)
		return xstrdup(stated);
	if (home && *home)
		return file_in(home, ".docker");
	(void)error_set(err, ERROR_CONFIG,
			"unable to find the TLS files: DOCKER_TLS_VERIFY is set, "
			"but neither DOCKER_CERT_PATH nor HOME is");
	return NULL;
}

static int find_tls_files(const char *directory, struct address *ret, struct error *err)
{
	ret->ca_file = file_in(directory, "ca.pem");
	if (access(ret->ca_file, R_OK) < 0)
		return error_set_errno(err, ERROR_CONFIG, errno,
				       "unable to read " SHOWN ", which TLS to the engine needs",
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

/* folder: with TLS files, NULL: no TLS. */
static int parse_tcp(const char *host, const char *folder, struct address *ret, struct error *err)
{
	CLEANUP_FREE char *authority = NULL;

	if (parse_authority(host, folder ? "2376" : "2375", &authority, err) < 0)
		return -1;
	ret->base_url = xasprintf("%s://%s", folder ? "https" : "http", authority);
	return folder ? find_tls_files(folder, ret, err) : 0;
}

static int parse_stated_tcp(const char *host, struct address *ret, struct error *err)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY");
	CLEANUP_FREE char *folder = NULL;

	if (verify && *verify) {
		folder = stated_tls_folder(err);
		if (!folder)
			return -1;
	}
	return parse_tcp(host, folder, ret, err);
}

static int parse_stated(const char *host, struct address *ret, struct error *err)
{
	ret->text = xstrndup(host, 200);
	if (!strncmp(host, "unix://", 7))
		return parse_socket(host, ret, err);
	if (!strncmp(host, "tcp://", 6))
		return parse_stated_tcp(host, ret, err);
	return error_set(err, ERROR_CONFIG,
			 "unable to use the engine's address " SHOWN
			 ": only unix:///PATH and tcp://HOST:PORT are supported "
			 "(see DOCKER_HOST, --host and engine.host)",
			 host);
}

static int parse_context(const char *name, struct address *ret, struct error *err)
{
	CLEANUP_FREE char *host = NULL;
	CLEANUP_FREE char *tls = NULL;

	if (docker_context_find(name, &host, &tls, err) < 0)
		return -1;
	if (!host)
		return parse_stated(DEFAULT_HOST, ret, err);
	ret->text = xstrndup(host, 200);
	return strncmp(host, "tcp://", 6) ? parse_socket(host, ret, err)
					  : parse_tcp(host, tls, ret, err);
}

static int parse_current(struct address *ret, struct error *err)
{
	CLEANUP_FREE char *name = NULL;

	if (docker_context_current(&name, err) < 0)
		return -1;
	return parse_context(name ? name : "default", ret, err);
}

int address_parse(const char *host, struct address *ret, struct error *err)
{
	CLEANUP(address_release) struct address address = { 0 };
	int result;

	if (!host)
		result = parse_current(&address, err);
	else if (!strncmp(host, ENGINE_CONTEXT, strlen(ENGINE_CONTEXT)))
		result = parse_context(host + strlen(ENGINE_CONTEXT), &address, err);
	else
		result = parse_stated(host, &address, err);
	if (result < 0)
		return -1;
	*ret = address;
	address = (struct address){ 0 };
	return 0;
}
