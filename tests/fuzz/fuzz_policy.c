/* SPDX-License-Identifier: MIT */
/*
 * fuzz_policy - any text as a policy, and what it decides; behind a NUL, as a program's own
 * entitlements (its extended attribute)
 */
#include "fuzz.h"
#include "control/policy_text.h"
#include "libqueue/json_text.h"

/* What is wrong is told with its place. */
static void check_problem(const char *problem)
{
	unsigned line, column;
	int n = 0;

	CHECK(problem && sscanf(problem, "%u:%u: %n", &line, &column, &n) == 2 && n > 0 &&
	      problem[n] && line >= 1 && column >= 1);
}

static bool is_decision(IOReturn result)
{
	return result == kIOReturnSuccess || result == kIOReturnNotPermitted ||
	       result == kIOReturnNotPrivileged;
}

/* Without a filter all calls go on. */
static void check_filter(const struct policy *policy, const struct identity *who,
			 char *const *lineage)
{
	for (uint32_t selector = 0; selector < 4; selector++) {
		IOReturn call = policy_may_call(policy, who, lineage, selector, false);
		IOReturn async = policy_may_call(policy, who, lineage, selector, true);

		CHECK(policy->filter || (call == kIOReturnSuccess && async == kIOReturnSuccess));
	}
	CHECK(!policy->filter == (policy->n_filter == 0));
}

/* Of a program that has @own entitlements, which may be any value. The policy's come first. */
static void check_entitlements(const struct policy *policy, const struct identity *who,
			       const json_t *own)
{
	json_auto_t *granted = policy_entitlements(policy, who, NULL);
	json_auto_t *all = policy_entitlements(policy, who, own);
	const char *name;
	json_t *value;

	CHECK(json_is_object(all));
	json_object_foreach(all, name, value)
		CHECK(json_equal(value, json_object_get(granted, name)) ||
		      (!json_object_get(granted, name) &&
		       json_equal(value, json_object_get(own, name))));
	json_object_foreach(granted, name, value)
		CHECK(json_equal(value, json_object_get(all, name)));
	if (json_is_object(own))
		json_object_foreach((json_t *)(uintptr_t)own, name, value)
			CHECK(json_object_get(all, name));
}

static void decide(const struct policy *policy, const struct identity *who, const json_t *own)
{
	static char derived[] = "Guarded", base[] = "IOService";
	char *lineage[] = { derived, base, NULL };
	json_t *entitlements = policy_entitlements(policy, who, own);
	IOReturn publish = policy_may_publish(policy, who, "IOService:/Bus", 1);

	check_entitlements(policy, who, own);
	CHECK(json_is_object(entitlements));
	entitlement_is_granted(entitlements, "org.example.open");
	json_decref(entitlements);
	CHECK(publish == kIOReturnSuccess || (publish == kIOReturnNotPermitted && who->uid > 1));
	CHECK(is_decision(policy_may_open(policy, who, lineage)));
	CHECK(is_decision(policy_may_set(policy, who, lineage, "IODebug")));
	check_filter(policy, who, lineage);
	CHECK(is_decision(policy_has_privilege(policy, who, "secureprocess")));
	CHECK(is_decision(policy_has_privilege(policy, who, "foreground")));
	CHECK(policy_has_privilege(policy, who, "wheel") == kIOReturnUnsupported);
}

/* A text of ours makes the same policy. */
static void check_again(const struct policy *policy)
{
	char *text = json_text_print(policy->document, false), *problem = NULL;
	struct policy *other = NULL;

	CHECK(text && policy_parse(text, &other, &problem) == 0);
	CHECK(json_equal(policy->document, other->document));
	CHECK(policy->n_console == other->n_console && policy->n_publish == other->n_publish &&
	      policy->n_grants == other->n_grants && policy->n_open == other->n_open &&
	      policy->n_set == other->n_set && policy->n_foreground == other->n_foreground &&
	      policy->n_filter == other->n_filter);
	policy_free(other);
	free(text);
}

/* What `console` shows can be written to it. */
static void check_console(struct policy *policy)
{
	json_t *shown = policy_console(policy), *again;

	CHECK(shown && policy_set_console(policy, shown) == 0);
	again = policy_console(policy);
	CHECK(json_equal(shown, again));
	json_decref(shown);
	json_decref(again);
}

/* What stands behind the policy's end; NULL: no JSON, or nothing. */
static json_t *attribute_of(const char *text, size_t n)
{
	const char *end = memchr(text, '\0', n);
	json_t *value = NULL;

	if (end && json_text_parse(end + 1, n - 1 - (size_t)(end - text), &value, NULL, 0) < 0)
		return NULL;
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static char exe[] = "/usr/bin/tool";
	const struct identity root = { .pid = 1, .session = UINT32_MAX };
	const struct identity user = { .uid = 1000, .gid = 1000, .groups = { 5 }, .n_groups = 1,
				       .pid = 77, .comm = "tool", .exe = exe, .session = 3 };
	struct policy *policy = NULL;
	char *text = malloc(n + 1), *problem = NULL;
	json_t *own;
	int r;

	CHECK(text);
	memcpy(text, bytes, n);
	text[n] = '\0';
	r = policy_parse(text, &policy, &problem);
	CHECK(r == 0 || r == -EINVAL);
	if (r == 0) {
		CHECK(!problem);
		own = attribute_of(text, n);
		decide(policy, &root, own);
		decide(policy, &user, own);
		json_decref(own);
		check_again(policy);
		check_console(policy);
	} else {
		check_problem(problem);
	}
	policy_free(policy);
	free(problem);
	free(text);
	return 0;
}
