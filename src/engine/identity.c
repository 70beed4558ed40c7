#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "address_internal.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/engine.h"

/* The directory's real name, and the socket's: also while no engine has made it. */
static char *real_path(const char *path)
{
	char *real = realpath(path, NULL);
	CLEANUP_FREE char *directory = NULL;
	CLEANUP_FREE char *real_directory = NULL;
	const char *name = strrchr(path, '/') + 1;

	if (real)
		return real;
	directory = xstrndup(path, (size_t)(name - path));
	real_directory = realpath(directory, NULL);
	if (!real_directory)
		return xstrdup(path);
	return xasprintf("%s%s%s", real_directory, strcmp(real_directory, "/") ? "/" : "", name);
}

/* /var/run is /run, also in a container where it is a directory of its own. */
static char *socket_address(const char *path)
{
	CLEANUP_FREE char *real = real_path(path);
	const char *short_path = strncmp(real, "/var/run/", 9) ? real : real + strlen("/var");

	if (strlen(real) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return xasprintf("unix://%s", path);
	return xasprintf("unix://%s", short_path);
}

/* HOST:PORT, of which HOST is the same in capitals. */
static char *tcp_address(const char *base_url)
{
	char *text = xasprintf("tcp://%s", strstr(base_url, "://") + 3);

	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return text;
}

/* A record's line carries neither other characters nor more. */
static bool fits_record(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == ';')
			return false;
	return strlen(text) <= ENGINE_ADDRESS_MAX;
}

/* Device and inode may come again, and then not with the same time. */
static void identify_socket(const char *path, char *ret, size_t size)
{
	struct stat status;

	if (stat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return;
	(void)snprintf(ret, size, "%llx:%llx:%llx.%lx", (unsigned long long)status.st_dev,
		       (unsigned long long)status.st_ino, (unsigned long long)status.st_mtim.tv_sec,
		       (unsigned long)status.st_mtim.tv_nsec);
}

int engine_identify(const char *host, struct engine_identity *ret, struct error *err)
{
	CLEANUP(address_release) struct address address = { 0 };
	struct engine_identity identity = { .address = "" };
	CLEANUP_FREE char *text = NULL;

	if (address_parse(host, &address, err) < 0)
		return -1;
	text = address.socket_path ? socket_address(address.socket_path)
				   : tcp_address(address.base_url);
	if (fits_record(text))
		(void)snprintf(identity.address, sizeof(identity.address), "%s", text);
	if (address.socket_path)
		identify_socket(address.socket_path, identity.socket, sizeof(identity.socket));
	*ret = identity;
	return 0;
}

bool engine_is_same(const struct engine_identity *a, const struct engine_identity *b)
{
	if (!a->address[0] || !b->address[0] || !strcmp(a->address, b->address))
		return true;
	return a->socket[0] && !strcmp(a->socket, b->socket);
}
