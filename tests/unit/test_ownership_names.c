/* Whose an object is where two apps could have named it so. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "harness/harness.h"
#include "reap/ownership.h"

#define STACK "com.docker.stack.namespace"
#define APP "ci-janitor.app"

/* What abra cuts after 45 characters may be two apps' stack: a dead one's goes, one that a live app
 * may have made stays. */
static void test_cut_stack_names(void)
{
	static const char stack[] = "shop_a-very-long-branch-name_ci2_example_org_";
	static const char *const apps[] = {
		"shop.a-very-long-branch-name.ci2.example.org.one",
		"shop.a-very-long-branch-name.ci2.example.org.two",
	};
	CLEANUP(settings_release) struct settings co_op;
	CLEANUP(owner_list_release) struct owner_list list = { 0 };
	char cut[APP_NAME_MAX + 1], id[] = "id", name[APP_NAME_MAX];
	struct resource secret = { .kind = RESOURCE_SECRET, .id = id, .name = name };
	struct ownership_verdict verdict;

	settings_init(&co_op);
	co_op.stack_name = STACK_NAME_CO_OP_CLOUD;
	for (size_t i = 0; i < 2; i++) {
		struct owner *owner = owner_list_append(&list);

		settings_stack_name(&co_op, apps[i], cut, sizeof(cut));
		CHECK_TEXT(cut, stack);
		owner->hash = app_hash_of(apps[i]);
		owner_add_stack(owner, cut);
		owner->job = 7;
	}
	owner_list_sort(&list);
	snprintf(name, sizeof(name), "%s_password_v1", stack);
	ownership_judge(&secret, &list, &co_op, &verdict);
	CHECK_NUMBER(verdict.what, OWNERSHIP_OURS);
	CHECK_NUMBER(verdict.job, 7);
	list.items[1].job = OWNER_NOBODY;
	ownership_judge(&secret, &list, &co_op, &verdict);
	CHECK_NUMBER(verdict.what, OWNERSHIP_KEPT);
	settings_stack_name(&co_op, "shop.example.org", cut, sizeof(cut));
	CHECK_TEXT(cut, "shop_example_org");
}

/* `list --resources` looks at live apps, too: they have what nobody else could claim, and what a
 * dead one shares with them is kept as ever. */
static void test_looks_at_the_living(void)
{
	CLEANUP(owner_list_release) struct owner_list list = { 0 };
	static const char *const apps[] = { "live", "dead" };
	CLEANUP(settings_release) struct settings settings;
	struct resource secret = { .kind = RESOURCE_SECRET };
	struct ownership_verdict verdict;

	settings_init(&settings);
	for (size_t i = 0; i < 2; i++) {
		struct owner *owner = owner_list_append(&list);

		owner->hash = app_hash_of(apps[i]);
		owner->job = i;
		owner->live = i == 0;
	}
	owner_list_sort(&list);
	secret.id = strdup("id");
	secret.name = strdup("x");
	resource_add_label(&secret, STACK, "live");
	ownership_judge(&secret, &list, &settings, &verdict);
	CHECK_NUMBER(verdict.what, OWNERSHIP_OURS);
	CHECK_NUMBER(verdict.job, 0);
	resource_add_label(&secret, APP, "dead");
	ownership_judge(&secret, &list, &settings, &verdict);
	CHECK_NUMBER(verdict.what, OWNERSHIP_KEPT);
	CHECK_NUMBER(verdict.job, 1);
	resource_release(&secret);
}

static const struct test tests[] = {
	{ "stack names cut after 45 characters", test_cut_stack_names },
	{ "a look at live apps", test_looks_at_the_living },
	{ NULL, NULL },
};
TEST_SUITE(ownership_names, tests)
