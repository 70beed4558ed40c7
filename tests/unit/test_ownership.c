/* Which object belongs to which app, as a table: the one place where being wrong deletes alive. */
#include "reap/ownership.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "harness/harness.h"

#define DEAD 0	    /* shop, stack shop_main */
#define DEAD_TWO 1  /* foo.bar, stack foo_bar */
#define DEAD_LONG 2 /* names that begin with another app's and '_' */

static struct owner_list owners;
static struct settings settings;

static void add(const char *app, const char *stack, size_t job)
{
	struct owner *owner = owner_list_append(&owners);

	owner->hash = app_hash_of(app);
	snprintf(owner->app, sizeof(owner->app), "%s", app);
	owner_add_stack(owner, stack);
	owner->job = job;
}

static struct resource stack_of_another;

static int set_up(void)
{
	settings_init(&settings);
	word_list_append(&settings.app_protect, "shop_prod*", strlen("shop_prod*"));
	word_list_append(&settings.app_protect, "shop.dom.*", strlen("shop.dom.*"));
	word_list_append(&settings.protect, "*_precious", strlen("*_precious"));
	add("shop", "shop_main", DEAD);
	add("foo.bar", "foo_bar", DEAD_TWO);
	add("alive", "alive_stack", OWNER_NOBODY);
	add("squatter", "shop-x", OWNER_NOBODY);
	add("shop-x", "", DEAD);
	add("shop_live", "", OWNER_NOBODY);
	add("alive_pr", "", DEAD_LONG);
	add("foreign_pr", "", DEAD_LONG);
	add("going_too", "", DEAD_LONG);
	add("going", "", OWNER_NOBODY);
	owners.items[owners.count - 1].reaping = true;
	/* Its record is lost: only the hash tells of it. */
	add("shop_lost", "", OWNER_NOBODY);
	owners.items[owners.count - 1].app[0] = '\0';
	resource_add_label(&stack_of_another, "com.docker.stack.namespace", "shop_2");
	resource_add_label(&stack_of_another, "ci-janitor.app", "foreign");
	resource_add_label(&stack_of_another, "com.example", "shop_token");
	owner_list_add_stated(&owners, &stack_of_another, &settings);
	owner_list_sort(&owners);
	return 0;
}

static int tear_down(void)
{
	owner_list_release(&owners);
	resource_release(&stack_of_another);
	settings_release(&settings);
	return 0;
}

#define STACK "com.docker.stack.namespace"
#define COMPOSE "com.docker.compose.project"
#define APP "ci-janitor.app"

struct row {
	const char *what;
	enum resource_kind kind;
	const char *name;
	const char *labels[6]; /* key, value, ... */
	bool malformed;
	enum ownership expected;
	size_t job;
};

static const struct row rows[] = {
	{ "stack label",
	  RESOURCE_SERVICE,
	  "shop_web",
	  { STACK, "shop" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "compose label",
	  RESOURCE_CONTAINER,
	  "c",
	  { COMPOSE, "shop" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "own label", RESOURCE_SECRET, "s", { APP, "shop" }, false, OWNERSHIP_OURS, DEAD },
	{ "recorded stack",
	  RESOURCE_SERVICE,
	  "s",
	  { STACK, "shop_main" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "dots as underscores",
	  RESOURCE_SECRET,
	  "s",
	  { STACK, "foo_bar" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD_TWO },
	{ "a stack of another name, labelled by hand",
	  RESOURCE_SERVICE,
	  "s",
	  { STACK, "anything", APP, "shop" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "no label", RESOURCE_SERVICE, "shop_web", { NULL }, false, OWNERSHIP_NONE, 0 },
	{ "neighbour _2",
	  RESOURCE_SERVICE,
	  "shop_2_web",
	  { STACK, "shop_2" },
	  false,
	  OWNERSHIP_NONE,
	  0 },
	{ "neighbour -2",
	  RESOURCE_SERVICE,
	  "shop-2_web",
	  { STACK, "shop-2" },
	  false,
	  OWNERSHIP_NONE,
	  0 },
	{ "upper case", RESOURCE_SERVICE, "s", { STACK, "Shop" }, false, OWNERSHIP_NONE, 0 },
	{ "longer", RESOURCE_SERVICE, "s", { STACK, "shopping" }, false, OWNERSHIP_NONE, 0 },
	{ "shorter", RESOURCE_SERVICE, "s", { STACK, "sho" }, false, OWNERSHIP_NONE, 0 },
	{ "a space more", RESOURCE_SERVICE, "s", { STACK, "shop " }, false, OWNERSHIP_NONE, 0 },
	{ "empty value", RESOURCE_SERVICE, "s", { STACK, "" }, false, OWNERSHIP_NONE, 0 },
	{ "foreign key", RESOURCE_SERVICE, "s", { "app", "shop" }, false, OWNERSHIP_NONE, 0 },
	{ "key in another case",
	  RESOURCE_SERVICE,
	  "s",
	  { "CI-JANITOR.APP", "shop" },
	  false,
	  OWNERSHIP_NONE,
	  0 },
	{ "a live app's", RESOURCE_SERVICE, "s", { STACK, "alive" }, false, OWNERSHIP_NONE, 0 },
	{ "a live app's stack",
	  RESOURCE_VOLUME,
	  "s",
	  { STACK, "alive_stack" },
	  false,
	  OWNERSHIP_NONE,
	  0 },
	{ "claimed by a live app too",
	  RESOURCE_VOLUME,
	  "s",
	  { STACK, "shop", APP, "alive" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "likewise, the other way round",
	  RESOURCE_VOLUME,
	  "s",
	  { APP, "alive", STACK, "shop" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "a live app deploys under a dead app's name",
	  RESOURCE_SERVICE,
	  "s",
	  { STACK, "shop-x" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "protect label",
	  RESOURCE_VOLUME,
	  "v",
	  { STACK, "shop", "ci-janitor.protect", "true" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "protect label of another value",
	  RESOURCE_SECRET,
	  "v",
	  { STACK, "shop", "ci-janitor.protect", "false" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "protect glob",
	  RESOURCE_SECRET,
	  "shop_precious",
	  { STACK, "shop" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "the engine's network",
	  RESOURCE_NETWORK,
	  "ingress",
	  { STACK, "shop" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "the engine's bridge",
	  RESOURCE_NETWORK,
	  "docker_gwbridge",
	  { STACK, "shop" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "its network",
	  RESOURCE_NETWORK,
	  "shop_net",
	  { STACK, "shop" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "malformed", RESOURCE_SERVICE, "s", { STACK, "shop" }, true, OWNERSHIP_DOUBTFUL, DEAD },
};

#define UNLABELLED(what, name, expected, job)                                                      \
	{                                                                                          \
		what " (unlabelled)", RESOURCE_SECRET, name, { NULL }, false, expected, job        \
	}

static const struct row prefix_rows[] = {
	UNLABELLED("its secret", "shop_token_v1", OWNERSHIP_OURS, DEAD),
	UNLABELLED("of its recorded stack", "shop_main_token", OWNERSHIP_OURS, DEAD),
	UNLABELLED("dots as underscores", "foo_bar_token", OWNERSHIP_OURS, DEAD_TWO),
	UNLABELLED("with its dots", "foo.bar_token", OWNERSHIP_OURS, DEAD_TWO),
	UNLABELLED("nothing after the name", "shop", OWNERSHIP_NONE, 0),
	UNLABELLED("nothing after the '_'", "shop_", OWNERSHIP_NONE, 0),
	UNLABELLED("two '_'", "shop__", OWNERSHIP_OURS, DEAD),
	UNLABELLED("nothing before the '_'", "_shop", OWNERSHIP_NONE, 0),
	UNLABELLED("upper case", "Shop_token", OWNERSHIP_NONE, 0),
	UNLABELLED("longer", "shopping_token", OWNERSHIP_NONE, 0),
	UNLABELLED("inside", "my_shop_token", OWNERSHIP_NONE, 0),
	UNLABELLED("neighbour -2", "shop-2_token", OWNERSHIP_NONE, 0),
	UNLABELLED("neighbour _2, which a label names", "shop_2_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a label that isn't one of an app's", "shop_token_x", OWNERSHIP_OURS, DEAD),
	UNLABELLED("a live neighbour's", "shop_live_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a neighbour's whose record is lost", "shop_lost_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a protected neighbour's", "shop_prod_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a protected domain's", "shop_dom_org_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a live app's", "alive_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a live app's stack's", "alive_stack_token", OWNERSHIP_NONE, 0),
	UNLABELLED("alive's or alive_pr's", "alive_pr_token", OWNERSHIP_KEPT, DEAD_LONG),
	UNLABELLED("foreign's or foreign_pr's", "foreign_pr_token", OWNERSHIP_KEPT, DEAD_LONG),
	UNLABELLED("both are dead", "going_too_token", OWNERSHIP_OURS, DEAD_LONG),
	UNLABELLED("another janitor's", "going_token", OWNERSHIP_NONE, 0),
	UNLABELLED("a live app's stack is named so too", "shop-x_token", OWNERSHIP_KEPT, DEAD),
	UNLABELLED("protected by a glob", "shop_precious", OWNERSHIP_KEPT, DEAD),
	{ "config", RESOURCE_CONFIG, "shop_conf", { NULL }, false, OWNERSHIP_OURS, DEAD },
	{ "volume", RESOURCE_VOLUME, "shop_data", { NULL }, false, OWNERSHIP_NONE, 0 },
	{ "external network", RESOURCE_NETWORK, "shop_net", { NULL }, false, OWNERSHIP_NONE, 0 },
	{ "service", RESOURCE_SERVICE, "shop_web", { NULL }, false, OWNERSHIP_NONE, 0 },
	{ "container", RESOURCE_CONTAINER, "shop_web", { NULL }, false, OWNERSHIP_NONE, 0 },
	{ "other labels",
	  RESOURCE_SECRET,
	  "shop_token",
	  { "com.example", "x" },
	  false,
	  OWNERSHIP_OURS,
	  DEAD },
	{ "a label of an unknown app",
	  RESOURCE_SECRET,
	  "shop_token",
	  { APP, "unknown" },
	  false,
	  OWNERSHIP_NONE,
	  0 },
	{ "an empty label", RESOURCE_SECRET, "shop_token", { APP, "" }, false, OWNERSHIP_NONE, 0 },
	{ "protect label",
	  RESOURCE_SECRET,
	  "shop_token",
	  { "ci-janitor.protect", "true" },
	  false,
	  OWNERSHIP_KEPT,
	  DEAD },
	{ "a label may be missing",
	  RESOURCE_SECRET,
	  "shop_token",
	  { NULL },
	  true,
	  OWNERSHIP_KEPT,
	  DEAD },
};

static void judge(const struct row *row, const char *driver)
{
	struct resource resource = { .kind = row->kind, .malformed = row->malformed };
	struct ownership_verdict verdict;
	char actual[64], expected[64];

	resource.id = strdup("id");
	resource.name = strdup(row->name);
	resource.driver = driver ? strdup(driver) : NULL;
	for (size_t i = 0; i + 1 < 6 && row->labels[i]; i += 2)
		resource_add_label(&resource, row->labels[i], row->labels[i + 1]);
	ownership_judge(&resource, &owners, &settings, &verdict);
	snprintf(expected, sizeof(expected), "%.50s: %d", row->what, row->expected);
	snprintf(actual, sizeof(actual), "%.50s: %d", row->what, verdict.what);
	CHECK_TEXT(actual, expected);
	if (row->expected != OWNERSHIP_NONE)
		CHECK_NUMBER(verdict.job, row->job);
	CHECK_NUMBER(verdict.reason[0] != '\0',
		     row->expected == OWNERSHIP_KEPT || row->expected == OWNERSHIP_DOUBTFUL);
	resource_release(&resource);
}

static void test_table(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		judge(&rows[i], "local");
}

static void test_prefixes(void)
{
	for (size_t i = 0; i < sizeof(prefix_rows) / sizeof(prefix_rows[0]); i++)
		judge(&prefix_rows[i], "local");
}

/* Whoever reads that it was kept must learn between whom he is to decide. */
static void test_both_are_named(void)
{
	char id[] = "id", name[] = "alive_pr_token";
	struct resource secret = { .kind = RESOURCE_SECRET, .id = id, .name = name };
	struct ownership_verdict verdict;

	ownership_judge(&secret, &owners, &settings, &verdict);
	CHECK_TEXT(verdict.reason,
		   "it has no label, and by its name could be alive_pr's or alive's");
	CHECK_TEXT(verdict.rule, "name begins with alive_pr_");
	CHECK_TEXT(verdict.name, "alive_pr");
}

static void test_volume_drivers(void)
{
	struct row row = { "volume", RESOURCE_VOLUME, "v", { STACK, "shop" },
			   false,    OWNERSHIP_OURS,  DEAD };

	judge(&row, "local");
	row.expected = OWNERSHIP_KEPT;
	judge(&row, "nfs");
	judge(&row, NULL);
}

static const struct test tests[] = {
	{ "labels, stacks, neighbours, claims of the living, protection", test_table },
	{ "unlabelled secrets and configs by their names' beginning", test_prefixes },
	{ "an ambiguous object names both apps", test_both_are_named },
	{ "volumes of other drivers are kept", test_volume_drivers },
	{ NULL, NULL },
};
TEST_SUITE_WITH(ownership, tests, set_up, tear_down);
