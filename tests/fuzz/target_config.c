/* A configuration file: what is accepted is within the bounds that the settings promise. */
#include <string.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "fuzz/fuzz.h"
#include "model/app.h"
#include "reap/files.h"

static int parse(struct settings *settings, const uint8_t *data, size_t size, struct error *err)
{
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "r");
	int result;

	REQUIRE(stream);
	result = config_parse(settings, stream, "fuzz.conf", err);
	(void)fclose(stream);
	return result;
}

static void require_numbers(const struct settings *settings)
{
	REQUIRE(settings->jobs >= 1 && settings->jobs <= 64);
	REQUIRE(settings->connect_timeout_ms > 0 && settings->read_timeout_ms > 0 &&
		settings->write_timeout_ms > 0);
	REQUIRE(settings->app_timeout_ms > 0 && settings->hook_timeout_ms > 0 &&
		settings->teardown_timeout_ms > 0 && settings->warn_age_ms > 0);
	REQUIRE(settings->orphan_min_age_ms >= 0 && settings->kill_grace_ms >= 0 &&
		settings->keep_max_ms >= 0);
	REQUIRE(settings_reap_limit_ms(settings) >= settings->app_timeout_ms);
}

static void require_texts(const struct settings *settings)
{
	REQUIRE(settings->lock_dir[0] == '/' && settings->scratch_dir[0] == '/');
	REQUIRE(!settings->metrics || settings->metrics[0] == '/');
	REQUIRE(!settings->lock_group || settings->lock_group[0]);
	REQUIRE(!settings->engine_host || settings->engine_host[0]);
	REQUIRE(strchr(settings->protect_label, '=') > settings->protect_label);
	REQUIRE(settings->app_labels.count > 0);
	REQUIRE(!settings->hook_before.count || settings->hook_before.words[0][0] == '/');
	REQUIRE(!settings->hook_after.count || settings->hook_after.words[0][0] == '/');
}

/* A name of an app that comes back from a template is one that its file would have. */
static void require_templates(const struct settings *settings)
{
	for (size_t i = 0; i < settings->app_files.count; i++) {
		const char *template = settings->app_files.words[i];
		const char *last = strrchr(template, '/');
		char app[APP_NAME_MAX + 1];

		REQUIRE(template[0] == '/' && strstr(last, "{app}") && !strpbrk(last, "*?["));
		REQUIRE(!strstr(template, "/../") && !strstr(template, "//"));
		if (files_app_of(template, last + 1, app, sizeof(app)))
			REQUIRE(app_name_is_valid(app));
	}
}

static void require_names(const struct settings *settings)
{
	char stack[APP_NAME_MAX + 1];

	settings_stack_name(settings, "shop.example.com", stack, sizeof(stack));
	REQUIRE(app_name_is_valid(stack));
	for (size_t i = 0; i < settings->app_protect.count; i++) {
		const char *name = settings->app_protect.words[i];

		if (app_name_is_valid(name))
			REQUIRE(settings_protect_name(settings, name));
	}
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP(settings_release) struct settings settings;
	struct error err = { .kind = ERROR_NONE };

	settings_init(&settings);
	if (!size)
		return;
	if (parse(&settings, data, size, &err) < 0) {
		REQUIRE(err.kind == ERROR_CONFIG && err.message[0]);
		return;
	}
	/* A file may be read again over what it gave. */
	for (int i = 0; i < 2; i++) {
		require_numbers(&settings);
		require_texts(&settings);
		require_templates(&settings);
		require_names(&settings);
		if (i == 0)
			REQUIRE(parse(&settings, data, size, &err) == 0);
	}
}
FUZZ_TARGET(config, run)
