#include <string.h>

#include "../../src/engine/resource_json_internal.h"
#include "harness/harness.h"

static struct resource_list parsed(enum resource_kind kind, const char *json)
{
	struct resource_list list = { 0 };
	struct error err = { 0 };

	CHECK_NUMBER(resource_json_parse(kind, json, strlen(json), &list, &err), 0);
	CHECK_TEXT(err.message, "");
	return list;
}

static void check_one(enum resource_kind kind, const char *json, const struct resource *expected,
		      const char *label)
{
	struct resource_list list = parsed(kind, json);

	CHECK_NUMBER(list.count, 1);
	if (list.count == 1) {
		const struct resource *item = &list.items[0];

		CHECK_NUMBER(item->kind, kind);
		CHECK_TEXT(item->id, expected->id);
		CHECK_TEXT(item->name, expected->name);
		CHECK_TEXT(item->created, expected->created);
		CHECK_TEXT(item->driver, expected->driver);
		CHECK_TEXT(item->state, expected->state);
		CHECK_TEXT(item->service_id, expected->service_id);
		CHECK_NUMBER(item->malformed, expected->malformed);
		CHECK_TEXT(resource_label(item, "k"), label);
	}
	resource_list_release(&list);
}

#define T(text) ((char[]){ text })

static void test_each_kind(void)
{
	static const char spec[] = "[{\"ID\":\"i\",\"CreatedAt\":\"c\",\"Version\":{\"Index\":1},"
				   "\"Spec\":{\"Name\":\"n\",\"Labels\":{\"k\":\"v\"}}}]";
	struct resource plain = { .id = T("i"), .name = T("n"), .created = T("c") };
	struct resource driven = {
		.id = T("i"), .name = T("n"), .created = T("c"), .driver = T("d")
	};
	struct resource volume = {
		.id = T("n"), .name = T("n"), .created = T("c"), .driver = T("d")
	};
	struct resource task = {
		.id = T("i"), .created = T("c"), .state = T("running"), .service_id = T("s")
	};
	struct resource container = { .id = T("i"),
				      .name = T("n"),
				      .created = T("17"),
				      .state = T("exited"),
				      .service_id = T("s") };

	check_one(RESOURCE_SERVICE, spec, &plain, "v");
	check_one(RESOURCE_SECRET, spec, &plain, "v");
	check_one(RESOURCE_CONFIG, spec, &plain, "v");
	check_one(RESOURCE_NETWORK,
		  "[{\"Id\":\"i\",\"Name\":\"n\",\"Created\":\"c\",\"Driver\":\"d\","
		  "\"Labels\":{\"k\":\"v\"}}]",
		  &driven, "v");
	check_one(RESOURCE_VOLUME,
		  "{\"Volumes\":[{\"Name\":\"n\",\"CreatedAt\":\"c\",\"Driver\":\"d\","
		  "\"Labels\":{\"k\":\"v\"}}],\"Warnings\":null}",
		  &volume, "v");
	check_one(RESOURCE_TASK,
		  "[{\"ID\":\"i\",\"CreatedAt\":\"c\",\"Labels\":{\"k\":\"other\"},"
		  "\"ServiceID\":\"s\",\"Status\":{\"State\":\"running\"},"
		  "\"Spec\":{\"ContainerSpec\":{\"Labels\":{\"k\":\"v\"}}}}]",
		  &task, "v");
	check_one(RESOURCE_CONTAINER,
		  "[{\"Id\":\"i\",\"Names\":[\"/web/alias\",\"/n\"],\"Created\":17,"
		  "\"State\":\"exited\",\"Labels\":{\"k\":\"v\","
		  "\"com.docker.swarm.service.id\":\"s\"}}]",
		  &container, "v");
}

/* Labels null or absent are no labels; a task of a network attachment has none. */
static void test_absent_labels(void)
{
	struct resource plain = { .id = T("i"), .name = T("n") };
	struct resource task = { .id = T("i"), .state = T("new") };

	check_one(RESOURCE_SECRET, "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\",\"Labels\":null}}]",
		  &plain, NULL);
	check_one(RESOURCE_SECRET, "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\"}}]", &plain, NULL);
	check_one(RESOURCE_TASK,
		  "[{\"ID\":\"i\",\"Status\":{\"State\":\"new\"},"
		  "\"Spec\":{\"NetworkAttachmentSpec\":{}}}]",
		  &task, NULL);
}

static void test_malformed_is_listed_and_marked(void)
{
	static const struct {
		enum resource_kind kind;
		const char *json;
	} cases[] = {
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\"}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":[]}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":{\"Labels\":{}}}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"\"}}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":{\"Name\":1}}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\",\"Labels\":[]}}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\",\"Labels\":\"\"}}]" },
		{ RESOURCE_SERVICE,
		  "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\",\"Labels\":{\"k\":1}}}]" },
		{ RESOURCE_SERVICE,
		  "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\\u0000x\",\"Labels\":{}}}]" },
		{ RESOURCE_SERVICE,
		  "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\",\"Labels\":{\"k\":\"v\\u0000x\"}}}]" },
		{ RESOURCE_NETWORK, "[{\"Id\":\"i\",\"Name\":\"n\"}]" },
		{ RESOURCE_NETWORK, "[{\"Id\":\"i\",\"Name\":\"n\",\"Driver\":{}}]" },
		{ RESOURCE_VOLUME, "{\"Volumes\":[{\"Name\":\"i\"}]}" },
		{ RESOURCE_VOLUME,
		  "{\"Volumes\":[{\"Name\":\"i\",\"Driver\":\"local\",\"CreatedAt\":5}]}" },
		{ RESOURCE_CONTAINER, "[{\"Id\":\"i\"}]" },
		{ RESOURCE_CONTAINER, "[{\"Id\":\"i\",\"Names\":[]}]" },
		{ RESOURCE_CONTAINER, "[{\"Id\":\"i\",\"Names\":[\"/\"]}]" },
		{ RESOURCE_CONTAINER, "[{\"Id\":\"i\",\"Names\":[7]}]" },
		{ RESOURCE_CONTAINER, "[{\"Id\":\"i\",\"Names\":\"/n\"}]" },
		{ RESOURCE_TASK, "[{\"ID\":\"i\"}]" },
		{ RESOURCE_TASK, "[{\"ID\":\"i\",\"Spec\":{}}]" },
		{ RESOURCE_TASK, "[{\"ID\":\"i\",\"Status\":{\"State\":\"new\"},\"Spec\":{"
				 "\"ContainerSpec\":7}}]" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resource_list list = parsed(cases[i].kind, cases[i].json);

		CHECK_NUMBER(list.count, 1);
		CU_ASSERT(list.count == 1 && list.items[0].malformed);
		CHECK_TEXT(list.count == 1 ? list.items[0].id : NULL, "i");
		resource_list_release(&list);
	}
}

static void test_failures_leave_the_list(void)
{
	static const struct {
		enum resource_kind kind;
		const char *json;
	} cases[] = {
		{ RESOURCE_SERVICE, "" },
		{ RESOURCE_SERVICE, "[" },
		{ RESOURCE_SERVICE, "{}" },
		{ RESOURCE_SERVICE, "null" },
		{ RESOURCE_SERVICE, "\"text\"" },
		{ RESOURCE_SERVICE, "[] trailing" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"i\",\"Spec\":{\"Name\":\"n\"}},{}]" },
		{ RESOURCE_SERVICE, "[null]" },
		{ RESOURCE_SERVICE, "[[]]" },
		{ RESOURCE_SERVICE, "[{\"ID\":5}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"\"}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"..\"}]" },
		{ RESOURCE_SERVICE, "[{\"ID\":\"a\\u0000b\"}]" },
		{ RESOURCE_SERVICE, "[{\"Id\":\"wrong case\"}]" },
		{ RESOURCE_SERVICE, "[\"\xff\"]" },
		{ RESOURCE_VOLUME, "[]" },
		{ RESOURCE_VOLUME, "{}" },
		{ RESOURCE_VOLUME, "{\"Volumes\":{}}" },
		{ RESOURCE_VOLUME, "{\"message\":\"oops\"}" },
	};
	struct resource_list list = { .count = 42 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = { 0 };

		CHECK_NUMBER(resource_json_parse(cases[i].kind, cases[i].json,
						 strlen(cases[i].json), &list, &err),
			     -1);
		CHECK_NUMBER(err.kind, ERROR_ENGINE);
		CU_ASSERT(*err.message != '\0');
	}
	CHECK_NUMBER(list.count, 42);
	CU_ASSERT_PTR_NULL(list.items);
}

static void test_empty(void)
{
	CHECK_NUMBER(parsed(RESOURCE_SERVICE, "[]").count, 0);
	CHECK_NUMBER(parsed(RESOURCE_VOLUME, "{\"Volumes\":[]}").count, 0);
	CHECK_NUMBER(parsed(RESOURCE_VOLUME, "{\"Volumes\":null,\"Warnings\":null}").count, 0);
}

static void test_deep_nesting(void)
{
	struct resource_list list = { 0 };
	char json[200 * 1000];

	memset(json, '[', sizeof(json));
	CHECK_NUMBER(resource_json_parse(RESOURCE_SERVICE, json, sizeof(json), &list, NULL), -1);
}

static struct test tests[] = {
	{ "each kind's texts and labels", test_each_kind },
	{ "absent labels are no labels", test_absent_labels },
	{ "malformed metadata is listed and marked", test_malformed_is_listed_and_marked },
	{ "failures leave the list untouched", test_failures_leave_the_list },
	{ "empty lists", test_empty },
	{ "200,000 open brackets", test_deep_nesting },
	{ NULL, NULL },
};
TEST_SUITE(engine_json, tests)
