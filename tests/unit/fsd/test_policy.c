/* SPDX-License-Identifier: MIT */
/* test_policy - the rules as text, and what they decide */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "control/policy_text.h"
#include "libqueue/json_text.h"
#include "util/cleanup.h"
#include "util/failure.h"

static struct policy *parse(const char *text)
{
	struct policy *policy = NULL;
	char *problem = NULL;
	int r = policy_parse(text, &policy, &problem);

	ck_assert_msg(r == 0, "%s: %d, %s", text, r, problem);
	return policy;
}

static void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}

#define _policy_ _cleanup_(policy_freep) struct policy

static json_t *parse_json(const char *text)
{
	json_t *value = NULL;

	ck_assert_int_eq(json_text_parse(text, strlen(text), &value, NULL, 0), 0);
	return value;
}

/* Privileges */

static const char two_users[] =
	"{\"console\": [{\"uid\": 501, \"onConsole\": true, \"session\": 100, \"securePid\": 77},"
	" {\"uid\": 502, \"onConsole\": false, \"session\": 101}]}";

#define NONE UINT32_MAX
#define UNSEEN(match) "{\"foreground\": [{\"match\": {" match "}, \"allow\": false}]}"

static const struct {
	const char *policy;
	struct identity who;
	const char *name;
	IOReturn result;
} privileges[] = {
	{ two_users, { .uid = 0, .pid = 1, .session = NONE }, "root", kIOReturnSuccess },
	{ two_users, { .uid = 501, .pid = 1 }, "root", kIOReturnNotPrivileged },
	{ two_users, { .uid = 502, .pid = 1 }, "local", kIOReturnSuccess },
	{ two_users, { .uid = 503, .pid = 1 }, "local", kIOReturnNotPrivileged },
	{ two_users, { .uid = 0, .pid = 1 }, "local", kIOReturnNotPrivileged },
	{ two_users, { .uid = 501, .pid = 1 }, "console", kIOReturnSuccess },
	{ two_users, { .uid = 502, .pid = 1 }, "console", kIOReturnNotPrivileged },
	{ two_users, { .uid = 0, .session = 100 }, "consolesession", kIOReturnSuccess },
	{ two_users, { .uid = 501, .session = 101 }, "consolesession", kIOReturnNotPrivileged },
	{ "{}", { .uid = 501, .session = 100 }, "consolesession", kIOReturnNotPrivileged },
	{ two_users, { .uid = 501, .pid = 77 }, "secureprocess", kIOReturnSuccess },
	{ two_users, { .uid = 501, .pid = 78 }, "secureprocess", kIOReturnNotPrivileged },
	{ two_users, { .uid = 502, .pid = 77 }, "secureprocess", kIOReturnNotPrivileged },
	{ two_users, { .uid = 503, .pid = 1 }, "foreground", kIOReturnSuccess },
	{ two_users, { .uid = 0, .frozen = true }, "foreground", kIOReturnNotPrivileged },
	{ "{\"foreground\": [{\"match\": {\"uid\": 0}, \"allow\": false}]}",
	  { .uid = 0, .pid = 1 }, "foreground", kIOReturnNotPrivileged },
	{ "{\"foreground\": [{\"match\": {\"uid\": 7}, \"allow\": true},"
	  " {\"match\": {}, \"allow\": false}]}",
	  { .uid = 7, .pid = 1 }, "foreground", kIOReturnSuccess },
	{ "{\"foreground\": [{\"match\": {\"uid\": 7}, \"allow\": true}]}",
	  { .uid = 7, .frozen = true }, "foreground", kIOReturnNotPrivileged },
	/* Who cannot be seen gets by no rule that refuses, and is let by none that lets others. */
	{ UNSEEN("\"comm\": \"x*\""), { .uid = 7 }, "foreground", kIOReturnNotPrivileged },
	{ UNSEEN("\"exe\": \"/x\""), { .uid = 7 }, "foreground", kIOReturnNotPrivileged },
	{ UNSEEN("\"gid\": 5"), { .uid = 7 }, "foreground", kIOReturnNotPrivileged },
	{ UNSEEN("\"gid\": 5"), { .uid = 7, .pid = 1, .n_groups = IDENTITY_MAX_GROUPS },
	  "foreground", kIOReturnNotPrivileged },
	{ UNSEEN("\"uid\": 8, \"gid\": 5"), { .uid = 7 }, "foreground", kIOReturnSuccess },
	{ UNSEEN("\"gid\": 5"), { .uid = 7, .pid = 1, .n_groups = 1 }, "foreground",
	  kIOReturnSuccess },
	{ UNSEEN("\"comm\": \"x*\""), { .uid = 7, .pid = 1, .comm = "y" }, "foreground",
	  kIOReturnSuccess },
	{ "{\"foreground\": [{\"match\": {\"comm\": \"*\"}, \"allow\": true},"
	  " {\"match\": {}, \"allow\": false}]}",
	  { .uid = 7 }, "foreground", kIOReturnNotPrivileged },
	{ "{}", { .uid = 7 }, "foreground", kIOReturnSuccess },
	{ two_users, { .uid = 0, .pid = 1 }, "wheel", kIOReturnUnsupported },
	{ two_users, { .uid = 0 }, "", kIOReturnUnsupported },
	/* Nobody has a session that nobody has. */
	{ "{\"console\": [{\"uid\": 1, \"onConsole\": true}]}",
	  { .uid = 1, .session = NONE }, "consolesession", kIOReturnNotPrivileged },
	{ "{\"console\": [{\"uid\": 1, \"onConsole\": true, \"session\": 4294967295}]}",
	  { .uid = 1, .session = NONE }, "consolesession", kIOReturnNotPrivileged },
	/* Without a secure process any is. */
	{ "{\"console\": [{\"uid\": 1, \"onConsole\": true}]}",
	  { .uid = 1, .pid = 9 }, "secureprocess", kIOReturnSuccess },
	{ "{\"console\": [{\"uid\": 1, \"onConsole\": true, \"securePid\": 9}]}",
	  { .uid = 1, .pid = 0 }, "secureprocess", kIOReturnNotPrivileged },
	/* Capabilities. */
	{ "{}", { .capabilities = 1 }, "cap:chown", kIOReturnSuccess },
	{ "{}", { .capabilities = ~1ull }, "cap:chown", kIOReturnNotPrivileged },
	{ "{}", { .capabilities = 1ull << 21 }, "cap:sys_admin", kIOReturnSuccess },
	{ "{}", { .capabilities = ~(1ull << 21) }, "cap:sys_admin", kIOReturnNotPrivileged },
	{ "{}", { .capabilities = 1ull << 40 }, "cap:checkpoint_restore", kIOReturnSuccess },
	{ "{}", { .capabilities = 1ull << 31 }, "cap:setfcap", kIOReturnSuccess },
	{ "{}", { .capabilities = ~0ull }, "cap:", kIOReturnUnsupported },
	{ "{}", { .capabilities = ~0ull }, "cap:everything", kIOReturnUnsupported },
	{ "{}", { .capabilities = ~0ull }, "sys_admin", kIOReturnUnsupported },
};

START_TEST(a_privilege_is_had_or_not)
{
	_policy_ *policy = parse(privileges[_i].policy);

	ck_assert_int_eq(policy_has_privilege(policy, &privileges[_i].who, privileges[_i].name),
			 privileges[_i].result);
}
END_TEST

/* Who a rule is for */

static char tool[] = "/usr/bin/tool", other[] = "/usr/bin/sub/tool";

static const struct {
	const char *match;
	struct identity who;
	bool is_for;
} matches[] = {
	{ "{}", { .uid = 1 }, true },
	{ "{\"uid\": 1}", { .uid = 1 }, true },
	{ "{\"uid\": 1}", { .uid = 2 }, false },
	{ "{\"user\": \"root\"}", { .uid = 0 }, true },
	{ "{\"user\": \"root\"}", { .uid = 1 }, false },
	{ "{\"user\": \"1\"}", { .uid = 1 }, true },
	{ "{\"gid\": 5}", { .gid = 5 }, true },
	{ "{\"gid\": 5}", { .gid = 6, .groups = { 4, 5 }, .n_groups = 2 }, true },
	{ "{\"gid\": 5}", { .gid = 6, .groups = { 4, 5 }, .n_groups = 1 }, false },
	{ "{\"group\": \"root\"}", { .gid = 0 }, true },
	{ "{\"group\": \"root\"}", { .gid = 1 }, false },
	{ "{\"exe\": \"/usr/bin/tool\"}", { .exe = tool }, true },
	{ "{\"exe\": \"/usr/bin/tool\"}", { .exe = other }, false },
	{ "{\"exe\": \"/usr/bin/*\"}", { .exe = tool }, true },
	{ "{\"exe\": \"/usr/bin/*\"}", { .exe = other }, false },
	{ "{\"exe\": \"/*\"}", { .exe = NULL }, false },
	{ "{\"comm\": \"to?l\"}", { .pid = 1, .comm = "tool" }, true },
	{ "{\"comm\": \"to?l\"}", { .pid = 1, .comm = "tol" }, false },
	{ "{\"comm\": \"*\"}", { .pid = 1, .comm = "" }, true },
	{ "{\"comm\": \"*\"}", { .pid = 0, .comm = "" }, false },
	{ "{\"uid\": 1, \"exe\": \"/usr/bin/tool\"}", { .uid = 1, .exe = tool }, true },
	{ "{\"uid\": 1, \"exe\": \"/usr/bin/tool\"}", { .uid = 2, .exe = tool }, false },
	{ "{\"uid\": 1, \"exe\": \"/usr/bin/tool\"}", { .uid = 1, .exe = other }, false },
};

START_TEST(a_rule_is_for_whom_it_names)
{
	char text[256];
	json_auto_t *entitlements = NULL;
	_policy_ *policy = NULL;

	snprintf(text, sizeof(text),
		 "{\"entitlements\": [{\"match\": %s, \"grant\": {\"e\": true}}]}",
		 matches[_i].match);
	policy = parse(text);
	entitlements = policy_entitlements(policy, &matches[_i].who, NULL);
	ck_assert_int_eq(entitlement_is_granted(entitlements, "e"), matches[_i].is_for);
}
END_TEST

START_TEST(a_rule_for_publishing_names_whom_it_is_for_as_well)
{
	_policy_ *policy = parse("{\"publish\": [{\"uid\": 7}, {\"gid\": 5, \"under\":"
				 " \"IOService:/Bus\"}, {\"uid\": 8, \"under\": \"IOService:/\"}]}");
	const struct identity seven = { .uid = 7 }, five = { .uid = 9, .gid = 5 },
		eight = { .uid = 8 };

	ck_assert_int_eq(policy_may_publish(policy, &seven, "IOService:/x", 1), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &five, "IOService:/Bus", 1), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &five, "IOService:/Bus/a", 1),
			 kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &five, "IOService:/Bus2", 1),
			 kIOReturnNotPermitted);
	ck_assert_int_eq(policy_may_publish(policy, &five, "IOService:/", 1),
			 kIOReturnNotPermitted);
	ck_assert_int_eq(policy_may_publish(policy, &five, "Other:/Bus", 1), kIOReturnNotPermitted);
	ck_assert_int_eq(policy_may_publish(policy, &eight, "IOService:/", 1), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &eight, "IOService:/a/b", 1), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &eight, "IOServices:/a", 1),
			 kIOReturnNotPermitted);
}
END_TEST

START_TEST(root_and_the_owner_of_the_daemon_publish_without_a_rule)
{
	_policy_ *policy = parse("{}");

	ck_assert_int_eq(policy_may_publish(policy, &(struct identity){ .uid = 0 }, "IOService:/",
					    9),
			 kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &(struct identity){ .uid = 9 }, "IOService:/",
					    9),
			 kIOReturnSuccess);
	ck_assert_int_eq(policy_may_publish(policy, &(struct identity){ .uid = 8 }, "IOService:/",
					    9),
			 kIOReturnNotPermitted);
}
END_TEST

/* Entitlements */

START_TEST(entitlements_are_those_of_all_rules_and_of_the_executable)
{
	_policy_ *policy = parse("{\"entitlements\": ["
		"{\"match\": {\"uid\": 1}, \"grant\": {\"a\": true, \"b\": false}},"
		"{\"match\": {\"uid\": 2}, \"grant\": {\"z\": true}},"
		"{\"match\": {}, \"grant\": {\"b\": true, \"c\": 7}}]}");
	json_auto_t *own = parse_json("{\"a\": false, \"d\": true}");
	json_auto_t *all = policy_entitlements(policy, &(struct identity){ .uid = 1 }, own);
	json_auto_t *expected = parse_json("{\"a\": true, \"b\": false, \"c\": 7, \"d\": true}");

	ck_assert(json_equal(all, expected));
	ck_assert(entitlement_is_granted(all, "a"));
	ck_assert(!entitlement_is_granted(all, "b"));
	ck_assert(!entitlement_is_granted(all, "c"));	/* 7 is not true */
	ck_assert(entitlement_is_granted(all, "d"));
	ck_assert(!entitlement_is_granted(all, "z"));
	ck_assert_uint_eq(json_object_size(own), 2);
	ck_assert_uint_eq(json_object_size(policy->grants[0].grant), 2);
}
END_TEST

START_TEST(an_attribute_that_is_no_object_grants_nothing)
{
	_policy_ *policy = parse("{}");
	json_auto_t *own = parse_json("[\"a\"]");
	json_auto_t *all = policy_entitlements(policy, &(struct identity){ .uid = 1 }, own);

	ck_assert_uint_eq(json_object_size(all), 0);
	ck_assert(!entitlement_is_granted(NULL, "a"));
}
END_TEST

/* Opening and setting */

static const char classes[] =
	"{\"open\": [{\"class\": \"Guarded*\", \"require\": \"root\"},"
	" {\"class\": \"Shut\", \"allow\": false}, {\"class\": \"*\", \"allow\": true}],"
	" \"set\": [{\"class\": \"*\", \"keys\": [\"IODebug\", \"x\"], \"require\": \"root\"},"
	" {\"class\": \"Shut\", \"allow\": false}]}";

static char *plain[] = { (char[]){ "Plain" }, (char[]){ "IOService" }, NULL };
static char *derived[] = { (char[]){ "Derived" }, (char[]){ "GuardedBase" }, NULL };
static char *shut[] = { (char[]){ "Shut" }, (char[]){ "IOService" }, NULL };
static char *known[] = { (char[]){ "Known" }, NULL };

START_TEST(the_first_rule_of_a_class_decides_on_opens)
{
	const struct identity root = { .uid = 0 }, user = { .uid = 1 };
	_policy_ *policy = parse(classes);
	_policy_ *none = parse("{}");

	ck_assert_int_eq(policy_may_open(policy, &user, plain), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_open(policy, &root, derived), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_open(policy, &user, derived), kIOReturnNotPrivileged);
	ck_assert_int_eq(policy_may_open(policy, &user, shut), kIOReturnNotPermitted);
	ck_assert_int_eq(policy_may_open(policy, &root, shut), kIOReturnNotPermitted);
	ck_assert_int_eq(policy_may_open(none, &user, shut), kIOReturnSuccess);
}
END_TEST

START_TEST(rules_on_setting_may_be_for_some_keys)
{
	const struct identity root = { .uid = 0 }, user = { .uid = 1 };
	_policy_ *policy = parse(classes);

	ck_assert_int_eq(policy_may_set(policy, &user, plain, "other"), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_set(policy, &user, plain, "x"), kIOReturnNotPrivileged);
	ck_assert_int_eq(policy_may_set(policy, &root, plain, "IODebug"), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_set(policy, &root, shut, "IODebug"), kIOReturnSuccess);
	ck_assert_int_eq(policy_may_set(policy, &root, shut, "other"), kIOReturnNotPermitted);
}
END_TEST

/* The filter of calls */

static const char filters[] =
	"{\"filter\": ["
	" {\"class\": \"Shut\", \"match\": {\"uid\": 7}, \"allow\": true},"
	" {\"class\": \"Shut\", \"selectors\": [4, 4294967295], \"allow\": true},"
	" {\"class\": \"Shut\", \"selectors\": [5], \"rc\": \"kIOReturnBusy\"},"
	" {\"class\": \"Shut\", \"kind\": \"async\", \"rc\": 3758097084},"
	" {\"class\": \"Shut\", \"allow\": false},"
	" {\"class\": \"Guarded*\", \"match\": {\"exe\": \"/usr/bin/tool\"}, \"kind\": \"method\","
	"  \"selectors\": [0, 2], \"rc\": \"0xe00002d8\"},"
	" {\"class\": \"Known\", \"match\": {\"comm\": \"*\"}, \"allow\": true},"
	" {\"class\": \"Known\", \"allow\": false}]}";

static const struct {
	struct identity who;
	char **lineage;
	uint32_t selector;
	bool async;
	IOReturn result;
} calls[] = {
	{ { .uid = 1 }, plain, 0, false, kIOReturnSuccess },
	{ { .uid = 7 }, shut, 5, false, kIOReturnSuccess },
	{ { .uid = 7 }, shut, 0, true, kIOReturnSuccess },
	{ { .uid = 1 }, shut, 4, false, kIOReturnSuccess },
	{ { .uid = 1 }, shut, 4, true, kIOReturnSuccess },
	{ { .uid = 1 }, shut, UINT32_MAX, false, kIOReturnSuccess },
	{ { .uid = 1 }, shut, 5, false, kIOReturnBusy },
	{ { .uid = 0 }, shut, 5, true, kIOReturnBusy },
	{ { .uid = 1 }, shut, 6, true, kIOReturnError },
	{ { .uid = 1 }, shut, 6, false, kIOReturnNotPermitted },
	{ { .uid = 0 }, shut, 0, false, kIOReturnNotPermitted },
	{ { .exe = tool }, derived, 0, false, kIOReturnNotReady },
	{ { .exe = tool }, derived, 2, false, kIOReturnNotReady },
	{ { .exe = tool }, derived, 1, false, kIOReturnSuccess },
	{ { .exe = tool }, derived, 0, true, kIOReturnSuccess },
	{ { .exe = other }, derived, 0, false, kIOReturnSuccess },
	{ { .exe = NULL }, derived, 0, false, kIOReturnNotReady },	/* it may be the tool */
	{ { .exe = NULL }, derived, 1, false, kIOReturnSuccess },
	{ { .exe = tool }, plain, 0, false, kIOReturnSuccess },
	{ { .uid = 7 }, known, 0, false, kIOReturnNotPermitted },
	{ { .comm = "x", .pid = 1 }, known, 0, false, kIOReturnSuccess },
};

START_TEST(the_first_rule_that_is_for_a_call_decides_on_it)
{
	_policy_ *policy = parse(filters);
	_policy_ *none = parse("{\"filter\": []}");

	ck_assert_uint_eq(policy->n_filter, 8);
	ck_assert_int_eq(policy_may_call(policy, &calls[_i].who, calls[_i].lineage,
					 calls[_i].selector, calls[_i].async), calls[_i].result);
	/* Who has no filter is not asked: one test of a pointer. */
	ck_assert_ptr_null(none->filter);
	ck_assert_int_eq(policy_may_call(none, &calls[_i].who, calls[_i].lineage,
					 calls[_i].selector, calls[_i].async), kIOReturnSuccess);
}
END_TEST

/* The text */

START_TEST(the_documents_example_is_accepted)
{
	_policy_ *policy = parse(
		"{\"console\":[{\"uid\":1000,\"user\":\"user1\",\"onConsole\":true,\"session\":3}],\n"
		" \"publish\":[{\"uid\":0},{\"group\":\"root\",\"under\":\"IOService:/Bus\"}],\n"
		" \"entitlements\":[{\"match\":{\"uid\":1000,\"exe\":\"/usr/bin/tool\"},"
		"\"grant\":{\"org.example.open\":true}}],\n"
		" \"open\":[{\"class\":\"Guarded*\",\"require\":\"root\"},"
		"{\"class\":\"*\",\"allow\":true}],\n"
		" \"set\":[{\"class\":\"*\",\"keys\":[\"IODebug\"],\"require\":\"root\"}]}");

	ck_assert_str_eq(policy->console[0].name, "user1");
	ck_assert_uint_eq(policy->console[0].session, 3);
	ck_assert_uint_eq(policy->n_publish, 2);
	ck_assert_uint_eq(policy->n_grants, 1);
	ck_assert_uint_eq(policy->n_open, 2);
	ck_assert_str_eq(policy->set[0].keys[0], "IODebug");
	ck_assert_uint_eq(json_object_size(policy->document), 5);
}
END_TEST

static const struct {
	const char *text, *where, *what;
} bad[] = {
	{ "", "1:1:", "end of file" },
	{ "[]", "1:1:", "object" },
	{ "7", "1:1:", "object" },
	{ "{} x", "1:4:", "" },
	{ "{\"open\": [],\n \"open\": []}", "2:7:", "uplicate" },
	{ "{\n  \"opens\": []}", "2:3:", "unknown key \"opens\"" },
	{ "{\"open\": {}}", "1:10:", "list" },
	{ "{\"console\": [7]}", "1:14:", "object" },
	{ "{\"console\": [{}]}", "1:14:", "\"uid\" is missing" },
	{ "{\"console\": [{\"uid\": \"0\"}]}", "1:22:", "id" },
	{ "{\"console\": [{\"uid\": -1}]}", "1:22:", "id" },
	{ "{\"console\": [{\"uid\": 18446744073709551615}]}", "1:22:", "id" },
	{ "{\"console\": [{\"uid\": 4294967295}]}", "1:22:", "id" },
	{ "{\"console\": [{\"uid\": 1.0}]}", "1:22:", "id" },
	{ "{\"console\": [{\"uid\": 1, \"onConsole\": 1}]}", "1:38:", "true or false" },
	{ "{\"console\": [{\"uid\": 1, \"session\": 4294967296}]}", "1:36:", "session" },
	{ "{\"console\": [{\"uid\": 1, \"securePid\": 0}]}", "1:38:", "process" },
	{ "{\"console\": [{\"uid\": 1, \"securePid\": 2147483648}]}", "1:38:", "process" },
	{ "{\"console\": [{\"uid\": 1, \"user\": \"\"}]}", "1:33:", "string" },
	{ "{\"publish\": [{\"user\": \"no such user\"}]}", "1:23:", "user" },
	{ "{\"publish\": [{\"group\": \"no such group\"}]}", "1:24:", "group" },
	{ "{\"publish\": [{\"user\": 0}]}", "1:23:", "user" },
	{ "{\"publish\": [{\"uid\": 0, \"user\": \"root\"}]}", "1:14:", "one of them" },
	{ "{\"publish\": [{\"gid\": 0, \"group\": \"root\"}]}", "1:14:", "one of them" },
	{ "{\"publish\": [{\"under\": \"/Bus\"}]}", "1:24:", "plane" },
	{ "{\"publish\": [{\"under\": \"IOService\"}]}", "1:24:", "plane" },
	{ "{\"publish\": [{\"under\": \":/\"}]}", "1:24:", "plane" },
	{ "{\"publish\": [{\"exe\": \"tool\"}]}", "1:22:", "path" },
	{ "{\"publish\": [{\"comm\": \"\"}]}", "1:23:", "string" },
	{ "{\"publish\": [{\"match\": {}}]}", "1:15:", "unknown key" },
	{ "{\"entitlements\": [{\"grant\": {}}]}", "1:19:", "\"match\" is missing" },
	{ "{\"entitlements\": [{\"match\": {}}]}", "1:19:", "\"grant\" is missing" },
	{ "{\"entitlements\": [{\"match\": [], \"grant\": {}}]}", "1:29:", "object" },
	{ "{\"entitlements\": [{\"match\": {}, \"grant\": []}]}", "1:42:", "entitlements" },
	{ "{\"entitlements\": [{\"match\": {\"uid\": 1, \"user\": \"root\"}, \"grant\": {}}]}",
	  "1:29:", "one of them" },
	{ "{\"entitlements\": [{\"match\": {\"pid\": 1}, \"grant\": {}}]}", "1:30:",
	  "unknown key" },
	{ "{\"foreground\": [{\"match\": {}}]}", "1:17:", "\"allow\" is missing" },
	{ "{\"open\": [{\"allow\": true}]}", "1:11:", "\"class\" is missing" },
	{ "{\"open\": [{\"class\": \"*\"}]}", "1:11:", "\"require\" or \"allow\"" },
	{ "{\"open\": [{\"class\": \"*\", \"allow\": true, \"require\": \"root\"}]}", "1:11:",
	  "not both" },
	{ "{\"open\": [{\"class\": \"*\", \"require\": \"wheel\"}]}", "1:37:", "local" },
	{ "{\"open\": [{\"class\": \"*\", \"require\": \"cap:all\"}]}", "1:37:", "cap:sys_admin" },
	{ "{\"open\": [{\"class\": \"\", \"allow\": true}]}", "1:21:", "empty" },
	{ "{\"open\": [{\"class\": \"*\", \"keys\": [\"a\"], \"allow\": true}]}", "1:26:",
	  "unknown key" },
	{ "{\"set\": [{\"class\": \"*\", \"keys\": [], \"allow\": true}]}", "1:33:", "names" },
	{ "{\"set\": [{\"class\": \"*\", \"keys\": \"a\", \"allow\": true}]}", "1:33:", "names" },
	{ "{\"set\": [{\"class\": \"*\", \"keys\": [7], \"allow\": true}]}", "1:33:", "names" },
	{ "{\"filter\": {}}", "1:12:", "list" },
	{ "{\"filter\": [{}]}", "1:13:", "\"class\" is missing" },
	{ "{\"filter\": [{\"class\": \"*\",\n \"require\": \"root\"}]}", "2:2:", "unknown key" },
	{ "{\"filter\": [{\"class\": \"*\", \"uid\": 1}]}", "1:28:", "unknown key" },
	{ "{\"filter\": [{\"class\": \"*\", \"match\": 1}]}", "1:37:", "object" },
	{ "{\"filter\": [{\"class\": \"*\", \"match\": {\"pid\": 1}}]}", "1:38:", "unknown key" },
	{ "{\"filter\": [{\"class\": \"*\", \"kind\": \"trap\"}]}", "1:36:", "\"async\"" },
	{ "{\"filter\": [{\"class\": \"*\", \"kind\": 1}]}", "1:36:", "\"async\"" },
	{ "{\"filter\": [{\"class\": \"*\", \"selectors\": []}]}", "1:41:", "selectors" },
	{ "{\"filter\": [{\"class\": \"*\", \"selectors\": 1}]}", "1:41:", "selectors" },
	{ "{\"filter\": [{\"class\": \"*\", \"selectors\": [1, -1]}]}", "1:41:", "selectors" },
	{ "{\"filter\": [{\"class\": \"*\", \"selectors\": [4294967296]}]}", "1:41:", "selectors" },
	{ "{\"filter\": [{\"class\": \"*\", \"selectors\": [\"add\"]}]}", "1:41:", "selectors" },
	{ "{\"filter\": [{\"class\": \"*\", \"rc\": 0}]}", "1:34:", "other than 0" },
	{ "{\"filter\": [{\"class\": \"*\", \"rc\": \"kIOReturnSuccess\"}]}", "1:34:", "other than 0" },
	{ "{\"filter\": [{\"class\": \"*\", \"rc\": \"EPERM\"}]}", "1:34:", "name" },
	{ "{\"filter\": [{\"class\": \"*\", \"rc\": 4294967296}]}", "1:34:", "number" },
	{ "{\"filter\": [{\"class\": \"*\", \"allow\": 0}]}", "1:37:", "true or false" },
	{ "{\"filter\": [{\"class\": \"*\", \"allow\": true, \"rc\": 5}]}", "1:13:", "not both" },
};

START_TEST(a_mistake_is_told_with_its_place)
{
	struct policy *policy = NULL;
	char *problem = NULL;

	ck_assert_int_eq(policy_parse(bad[_i].text, &policy, &problem), -EINVAL);
	ck_assert_ptr_null(policy);
	ck_assert_msg(strncmp(problem, bad[_i].where, strlen(bad[_i].where)) == 0 &&
		      strstr(problem, bad[_i].what), "%s is said to be '%s'", bad[_i].text,
		      problem);
	free(problem);
}
END_TEST

/* `console` */

START_TEST(the_users_on_the_console_are_replaced)
{
	static const char text[] = "[{\"uid\":1,\"user\":\"a\",\"onConsole\":true,\"session\":3,"
		"\"securePid\":9},{\"uid\":2,\"onConsole\":false}]";
	_policy_ *policy = parse(two_users);
	json_auto_t *users = parse_json(text);
	json_auto_t *shown = NULL;
	char *printed;

	ck_assert_int_eq(policy_set_console(policy, users), 0);
	ck_assert_uint_eq(policy->n_console, 2);
	ck_assert_uint_eq(policy->console[0].uid, 1);
	shown = policy_console(policy);
	printed = json_text_print(shown, true);
	ck_assert_str_eq(printed, text);
	free(printed);
	ck_assert(json_equal(json_object_get(policy->document, "console"), users));
}
END_TEST

START_TEST(the_console_may_be_empty)
{
	_policy_ *policy = parse(two_users);
	json_auto_t *users = json_array();
	json_auto_t *shown = NULL;

	ck_assert_int_eq(policy_set_console(policy, users), 0);
	shown = policy_console(policy);
	ck_assert(json_equal(shown, users));
}
END_TEST

static const struct {
	const char *text, *message;
} bad_users[] = {
	{ "{}", "\"console\" must be a list" },
	{ "[{\"uid\": 1}, 7]", "item 2: must be an object" },
	{ "[{\"uid\": 1}, {}]", "item 2: \"uid\" is missing" },
	{ "[{\"uid\": 1, \"pid\": 2}]", "item 1: unknown key \"pid\"" },
	{ "[{\"uid\": 1, \"onConsole\": 2}]", "item 1: \"onConsole\" must be true or false" },
};

START_TEST(bad_users_are_refused_and_those_before_stay)
{
	_policy_ *policy = parse(two_users);
	json_auto_t *users = parse_json(bad_users[_i].text);
	struct failure said;

	ck_assert_int_eq(policy_set_console(policy, users), -EINVAL);
	failure_take(&said);
	ck_assert_int_eq(said.error, -EINVAL);
	ck_assert_str_eq(said.message, bad_users[_i].message);
	ck_assert_uint_eq(policy->n_console, 2);
	ck_assert_uint_eq(policy->console[0].uid, 501);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, a_privilege_is_had_or_not, 0, (int)ARRAY_SIZE(privileges));
	tcase_add_loop_test(tests, a_rule_is_for_whom_it_names, 0, (int)ARRAY_SIZE(matches));
	tcase_add_test(tests, a_rule_for_publishing_names_whom_it_is_for_as_well);
	tcase_add_test(tests, root_and_the_owner_of_the_daemon_publish_without_a_rule);
	tcase_add_test(tests, entitlements_are_those_of_all_rules_and_of_the_executable);
	tcase_add_test(tests, an_attribute_that_is_no_object_grants_nothing);
	tcase_add_test(tests, the_first_rule_of_a_class_decides_on_opens);
	tcase_add_test(tests, rules_on_setting_may_be_for_some_keys);
	tcase_add_loop_test(tests, the_first_rule_that_is_for_a_call_decides_on_it, 0,
			    (int)ARRAY_SIZE(calls));
	tcase_add_test(tests, the_documents_example_is_accepted);
	tcase_add_loop_test(tests, a_mistake_is_told_with_its_place, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tests, the_users_on_the_console_are_replaced);
	tcase_add_test(tests, the_console_may_be_empty);
	tcase_add_loop_test(tests, bad_users_are_refused_and_those_before_stay, 0,
			    (int)ARRAY_SIZE(bad_users));
}
