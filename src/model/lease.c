#include "model/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"

#define TERM_LABEL LEASE_LABEL ".term"

static const char *const states[] = {
	[LEASE_UNREADABLE] = "unreadable", [LEASE_HELD] = "held",
	[LEASE_REAPING] = "reaping",	   [LEASE_ORPHAN] = "orphan",
	[LEASE_RELEASED] = "released",
};

/* "ci-janitor.host" is also what other objects that ci-janitor makes carry. */
static const struct {
	const char *key;
	size_t offset, size;
} texts[] = {
#define TEXT(key, member)                                                                          \
	{                                                                                          \
		key, offsetof(struct lease_holder, member),                                        \
			sizeof(((struct lease_holder *)0)->member)                                 \
	}
	TEXT(LEASE_LABEL ".app", app),
	TEXT(LEASE_LABEL ".stack", stack),
	TEXT("ci-janitor.host", host),
	TEXT(LEASE_LABEL ".machine", machine),
	TEXT(LEASE_LABEL ".node", node),
	TEXT(LEASE_LABEL ".boot", boot),
	TEXT(LEASE_LABEL ".directory", directory),
	TEXT(LEASE_LABEL ".run", run_id),
	TEXT(LEASE_LABEL ".holder", holder),
#undef TEXT
};

const char *lease_state_name(enum lease_state state)
{
	return states[state];
}

const char *lease_name(const struct app_hash *hash, char buffer[LEASE_NAME_SIZE])
{
	(void)snprintf(buffer, LEASE_NAME_SIZE, LEASE_NAME_PREFIX "%s", hash->hex);
	return buffer;
}

static bool read_hash(const char *name, struct app_hash *ret)
{
	size_t prefix = strlen(LEASE_NAME_PREFIX);

	if (!name || strncmp(name, LEASE_NAME_PREFIX, prefix) != 0 ||
	    strlen(name) != prefix + APP_HASH_LENGTH ||
	    strspn(name + prefix, "0123456789abcdef") != APP_HASH_LENGTH)
		return false;
	memcpy(ret->hex, name + prefix, APP_HASH_LENGTH + 1);
	return true;
}

static bool read_texts(const struct resource *config, struct lease_holder *by)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = resource_label(config, texts[i].key);

		if (!text || strlen(text) >= texts[i].size)
			return false;
		memcpy((char *)by + texts[i].offset, text, strlen(text) + 1);
	}
	return true;
}

static bool read_holder(const struct resource *config, const struct app_hash *hash,
			struct lease_holder *by)
{
	const char *term = resource_label(config, TERM_LABEL);
	struct app_hash stated;

	if (!read_texts(config, by) || !term || parse_duration(term, &by->term_ms, NULL) < 0 ||
	    by->term_ms < LEASE_TERM_MIN_MS || by->term_ms > LEASE_TERM_MAX_MS || !by->run_id[0] ||
	    (by->stack[0] && !app_name_is_valid(by->stack)))
		return false;
	if (!by->app[0])
		return true;
	stated = app_hash_of(by->app);
	return app_name_is_valid(by->app) && app_hash_equal(&stated, hash);
}

static enum lease_state read_state(const char *word)
{
	for (size_t i = LEASE_HELD; i < ARRAY_SIZE(states); i++)
		if (!strcmp(states[i], word))
			return (enum lease_state)i;
	return LEASE_UNREADABLE;
}

/* As the engine makes them; it is written into a line of a file. */
static bool is_id(const char *id)
{
	size_t length = id ? strlen(id) : 0;

	return length && length < LEASE_ID_SIZE &&
	       strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") == length;
}

bool lease_read(const struct resource *config, struct lease *ret)
{
	const char *state = resource_label(config, LEASE_LABEL);
	struct lease lease = { .state = LEASE_UNREADABLE, .version = config->version };

	if (config->kind != RESOURCE_CONFIG || !read_hash(config->name, &lease.hash) ||
	    !is_id(config->id))
		return false;
	memcpy(lease.id, config->id, strlen(config->id) + 1);
	if (!config->malformed && config->version && state &&
	    read_holder(config, &lease.hash, &lease.by)) {
		lease.state = read_state(state);
	}
	if (lease.state == LEASE_UNREADABLE)
		lease.by = (struct lease_holder){ .term_ms = 0 };
	*ret = lease;
	return true;
}

void lease_describe(const struct lease *lease, char *ret, size_t size)
{
	const struct lease_holder *by = &lease->by;

	if (lease->state == LEASE_UNREADABLE)
		(void)snprintf(ret, size, "somebody whose lease can't be read");
	else
		(void)snprintf(ret, size, "%s on host %s",
			       by->holder[0] ? by->holder : "an unnamed holder", by->host);
}

/* JSON takes valid UTF-8 only, and a holder's name may be any bytes. */
static void add_text(struct resource *config, const char *key, const char *text)
{
	char plain[RECORD_TEXT_MAX + 1];
	size_t length = strnlen(text, sizeof(plain) - 1);

	for (size_t i = 0; i < length; i++)
		plain[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	plain[length] = '\0';
	resource_add_label(config, key, plain);
}

void lease_write(const struct lease *lease, struct resource *ret)
{
	char name[LEASE_NAME_SIZE], term[32];

	*ret = (struct resource){
		.kind = RESOURCE_CONFIG,
		.id = xstrdup(lease->id),
		.name = xstrdup(lease_name(&lease->hash, name)),
		.version = lease->version,
	};
	resource_add_label(ret, LEASE_LABEL, states[lease->state]);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		add_text(ret, texts[i].key, (const char *)&lease->by + texts[i].offset);
	(void)snprintf(term, sizeof(term), "%" PRId64 "ms", lease->by.term_ms);
	resource_add_label(ret, TERM_LABEL, term);
}

int64_t lease_renew_after(int64_t term_ms)
{
	return term_ms / 3;
}

int64_t lease_stop_after(int64_t term_ms)
{
	return term_ms * 2 / 3;
}

int64_t lease_kill_after(int64_t term_ms)
{
	return term_ms * 5 / 6;
}
