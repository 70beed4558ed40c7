#include "model/app.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <sha2.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define PREFIX "ci-app-"
#define SUFFIX ".lock"

int app_name_check(const char *name, struct error *err)
{
	size_t length = strnlen(name, APP_NAME_MAX + 1);

	if (!length)
		return error_set(err, ERROR_USAGE, "an app's name can't be empty");
	if (length > APP_NAME_MAX)
		return error_set(err, ERROR_USAGE, "an app's name has at most %d characters",
				 APP_NAME_MAX);
	if (!strspn(name, ALPHANUMERIC))
		return error_set(err, ERROR_USAGE,
				 "\"%s\" is no app's name: it must begin with a letter or digit",
				 name);
	if (strspn(name, ALPHANUMERIC "._-") != length)
		return error_set(err, ERROR_USAGE,
				 "\"%s\" is no app's name: only letters, digits, '.', '_' and '-' "
				 "may be in it",
				 name);
	return 0;
}

bool app_name_is_valid(const char *name)
{
	return app_name_check(name, NULL) == 0;
}

struct app_hash app_hash_of(const char *name)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct app_hash hash = { "" };
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)name, strlen(name));
	SHA256Final(digest, &context);
	for (size_t i = 0; i < APP_HASH_LENGTH; i++)
		hash.hex[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
	return hash;
}

bool app_hash_equal(const struct app_hash *a, const struct app_hash *b)
{
	return !strcmp(a->hex, b->hex);
}

int app_hash_compare(const void *a, const void *b)
{
	return strcmp(((const struct app_hash *)a)->hex, ((const struct app_hash *)b)->hex);
}

const char *app_lockfile_name(const struct app_hash *hash, char buffer[APP_LOCKFILE_NAME_SIZE])
{
	(void)snprintf(buffer, APP_LOCKFILE_NAME_SIZE, PREFIX "%s" SUFFIX, hash->hex);
	return buffer;
}

bool app_hash_from_lockfile_name(const char *file_name, struct app_hash *ret)
{
	const char *hex = file_name + strlen(PREFIX);

	if (strncmp(file_name, PREFIX, strlen(PREFIX)) != 0 ||
	    strspn(hex, "0123456789abcdef") != APP_HASH_LENGTH ||
	    strcmp(hex + APP_HASH_LENGTH, SUFFIX) != 0)
		return false;
	memcpy(ret->hex, hex, APP_HASH_LENGTH);
	ret->hex[APP_HASH_LENGTH] = '\0';
	return true;
}

void app_name_dots_to_underscores(const char *name, char ret[APP_NAME_MAX + 1])
{
	(void)snprintf(ret, APP_NAME_MAX + 1, "%s", name);
	for (char *c = ret; *c; c++)
		if (*c == '.')
			*c = '_';
}
