/* SPDX-License-Identifier: MIT */
/*
 * As in config.c: first all of the document is held against the tables of keys,
 * then rules are made of it, which only a lack of memory can stop.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "control/checker.h"
#include "control/fields.h"
#include "control/policy_text.h"
#include "libqueue/json_text.h"
#include "util/cleanup.h"
#include "util/failure.h"

/* Values */

static const char *check_id(json_t *value)
{
	return is_between(value, 0, (json_int_t)UINT32_MAX - 1) ?
		NULL : "must be an id, a number from 0 to 4294967294";
}

static const char *check_session(json_t *value)
{
	return is_between(value, 0, UINT32_MAX) ?
		NULL : "must be an audit session, a number from 0 to 4294967295";
}

static const char *check_pid(json_t *value)
{
	return is_between(value, 1, INT_MAX) ? NULL : "must be a process, a number above 0";
}

static const char *check_text(json_t *value)
{
	return json_string_length(value) > 0 ? NULL : "must be a string, and not empty";
}

static const char *check_exe(json_t *value)
{
	const char *text = json_string_value(value);

	return text && *text == '/' ? NULL : "must be a path that begins with '/', as a string";
}

static const char *check_plane_path(json_t *value)
{
	const char *text = json_string_value(value);
	const char *colon = text ? strchr(text, ':') : NULL;

	return colon && colon > text && colon[1] == '/' ?
		NULL : "must be a path in a plane, as a string like \"IOService:/Bus\"";
}

static const char *check_privilege(json_t *value)
{
	static const struct policy no_policy;
	static const struct identity nobody;
	const char *name = json_string_value(value);

	return name && policy_has_privilege(&no_policy, &nobody, name) != kIOReturnUnsupported ?
		NULL : "must be root, local, console, consolesession, secureprocess, foreground, "
		       "or a capability like cap:sys_admin";
}

static const char *check_grant(json_t *value)
{
	return json_is_object(value) ?
		NULL : "must be an object of entitlements, like {\"org.example.open\": true}";
}

/* A list, not empty, of what @is_item is true of; @what is said of another. */
static const char *check_list(json_t *value, bool (*is_item)(const json_t *item), const char *what)
{
	size_t i;
	json_t *item;

	if (json_array_size(value) == 0)
		return what;
	json_array_foreach(value, i, item)
		if (!is_item(item))
			return what;
	return NULL;
}

static bool is_name(const json_t *item)
{
	return json_string_length(item) > 0;
}

static const char *check_names(json_t *value)
{
	return check_list(value, is_name, "must be a list of names, and not empty");
}

static bool is_selector(const json_t *item)
{
	return is_between(item, 0, UINT32_MAX);
}

static const char *check_selectors(json_t *value)
{
	return check_list(value, is_selector, "must be a list of selectors, numbers from 0 to "
			  "4294967295, and not empty");
}

/* Without one, and of what is none: CALL_ANY. */
static enum call_kind kind_of(const json_t *value)
{
	const char *name = json_string_value(value);

	if (name && strcmp(name, "method") == 0)
		return CALL_METHOD;
	return name && strcmp(name, "async") == 0 ? CALL_ASYNC : CALL_ANY;
}

static const char *check_kind(json_t *value)
{
	return kind_of(value) != CALL_ANY ? NULL : "must be \"method\" or \"async\"";
}

static const char *check_code(json_t *value)
{
	IOReturn code;

	return field_code(&code, "rc", value) == 0 && code != kIOReturnSuccess ?
		NULL : "must be a code other than 0, by number or by name, "
		       "like \"kIOReturnNotPermitted\"";
}

static const char *check_subject(json_t *object)
{
	if (json_object_get(object, "uid") && json_object_get(object, "user"))
		return "\"uid\" and \"user\" are for the same: give one of them";
	if (json_object_get(object, "gid") && json_object_get(object, "group"))
		return "\"gid\" and \"group\" are for the same: give one of them";
	return NULL;
}

static const char *check_class_rule(json_t *object)
{
	return !json_object_get(object, "require") != !json_object_get(object, "allow") ?
		NULL : "a rule must have \"require\" or \"allow\", and not both";
}

static const char *check_filter_rule(json_t *object)
{
	return !json_object_get(object, "rc") || !json_is_true(json_object_get(object, "allow")) ?
		NULL : "a rule has \"rc\" or \"allow\": true, and not both";
}

/* Keys */

#define SUBJECT_KEYS			\
	{ "uid",   check_id },		\
	{ "user",  check_owner },	\
	{ "gid",   check_id },		\
	{ "group", check_group },	\
	{ "exe",   check_exe },		\
	{ "comm",  check_text }

static const struct key match_keys[] = {
	SUBJECT_KEYS,
	{ NULL, check_subject },
};

static const struct key user_keys[] = {
	{ "uid",       check_id, .required = true },
	{ "user",      check_text },
	{ "onConsole", check_bool },
	{ "session",   check_session },
	{ "securePid", check_pid },
	{ .name = NULL },
};

static const struct key foreground_keys[] = {
	{ "match", .members = match_keys, .required = true },
	{ "allow", check_bool, .required = true },
	{ .name = NULL },
};

static const struct key publish_keys[] = {
	SUBJECT_KEYS,
	{ "under", check_plane_path },
	{ NULL, check_subject },
};

static const struct key grant_keys[] = {
	{ "match", .members = match_keys, .required = true },
	{ "grant", check_grant, .required = true },
	{ .name = NULL },
};

static const struct key open_keys[] = {
	{ "class",   check_text, .required = true },
	{ "require", check_privilege },
	{ "allow",   check_bool },
	{ NULL, check_class_rule },
};

static const struct key set_keys[] = {
	{ "class",   check_text, .required = true },
	{ "keys",    check_names },
	{ "require", check_privilege },
	{ "allow",   check_bool },
	{ NULL, check_class_rule },
};

static const struct key filter_keys[] = {
	{ "class",     check_text, .required = true },
	{ "match",     .members = match_keys },
	{ "kind",      check_kind },
	{ "selectors", check_selectors },
	{ "rc",        check_code },
	{ "allow",     check_bool },
	{ NULL, check_filter_rule },
};

static const struct key root_keys[] = {
	{ "console",      .items = user_keys },
	{ "foreground",   .items = foreground_keys },
	{ "publish",      .items = publish_keys },
	{ "entitlements", .items = grant_keys },
	{ "open",         .items = open_keys },
	{ "set",          .items = set_keys },
	{ "filter",       .items = filter_keys },
	{ .name = NULL },
};

/* Making: of objects that are checked. Return: 0 or -ENOMEM. */

typedef int make_function(const json_t *item, void *ret);

/*
 * An array of @size bytes for each item, NULL for none. With an *error already set, nothing is
 * made. What is made is counted in *@ret_n also when it is not complete, so that it can be freed.
 */
static void *make_list(const json_t *list, size_t size, make_function *make, size_t *ret_n,
		       int *error)
{
	size_t n = json_array_size(list);
	char *all;

	*ret_n = 0;
	if (n == 0 || *error < 0)
		return NULL;
	all = calloc(n, size);
	if (!all)
		*error = -ENOMEM;
	while (*error == 0 && *ret_n < n) {
		size_t i = (*ret_n)++;

		*error = make(json_array_get(list, i), all + i * size);
	}
	return all;
}

static int copy_text(const json_t *value, char **ret)
{
	const char *text = json_string_value(value);

	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

static int copy_member(const json_t *object, const char *key, char **ret)
{
	return copy_text(json_object_get(object, key), ret);
}

static int make_subject(const json_t *match, struct subject *ret)
{
	const json_t *uid = json_object_get(match, "uid"), *gid = json_object_get(match, "gid");
	const char *user = json_string_value(json_object_get(match, "user"));
	const char *group = json_string_value(json_object_get(match, "group"));
	int r;

	ret->has_uid = uid || user;
	ret->has_gid = gid || group;
	/* Who is not there any more since the check is nobody, not anybody. */
	ret->uid = uid ? (uid_t)json_integer_value(uid) : (uid_t)-1;
	ret->gid = gid ? (gid_t)json_integer_value(gid) : (gid_t)-1;
	if (user)
		parse_owner(user, &ret->uid);
	if (group)
		parse_group(group, &ret->gid);
	r = copy_member(match, "exe", &ret->exe);
	return r < 0 ? r : copy_member(match, "comm", &ret->comm);
}

static int make_user(const json_t *item, void *ret)
{
	const json_t *session = json_object_get(item, "session");
	struct console_user *user = ret;

	user->uid = (uid_t)json_integer_value(json_object_get(item, "uid"));
	user->on_console = json_is_true(json_object_get(item, "onConsole"));
	user->session = session ? (uint32_t)json_integer_value(session) : UINT32_MAX;
	user->secure_pid = (pid_t)json_integer_value(json_object_get(item, "securePid"));
	return copy_member(item, "user", &user->name);
}

static int make_foreground(const json_t *item, void *ret)
{
	struct foreground_rule *rule = ret;

	rule->allow = json_is_true(json_object_get(item, "allow"));
	return make_subject(json_object_get(item, "match"), &rule->who);
}

static int make_publish(const json_t *item, void *ret)
{
	struct publish_rule *rule = ret;
	int r = make_subject(item, &rule->who);

	return r < 0 ? r : copy_member(item, "under", &rule->under);
}

static int make_grant(const json_t *item, void *ret)
{
	struct grant_rule *rule = ret;

	rule->grant = json_incref(json_object_get(item, "grant"));
	return make_subject(json_object_get(item, "match"), &rule->who);
}

static int make_keys(const json_t *list, char ***ret)
{
	size_t n = json_array_size(list);
	int r = 0;

	if (n == 0)
		return 0;
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = copy_text(json_array_get(list, i), &(*ret)[i]);
	return r;
}

static int make_class_rule(const json_t *item, void *ret)
{
	struct class_rule *rule = ret;
	int r = copy_member(item, "class", &rule->class);

	if (r == 0)
		r = copy_member(item, "require", &rule->require);
	if (r == 0)
		r = make_keys(json_object_get(item, "keys"), &rule->keys);
	rule->allow = json_is_true(json_object_get(item, "allow"));
	return r;
}

static int make_selector(const json_t *item, void *ret)
{
	*(uint32_t *)ret = (uint32_t)json_integer_value(item);
	return 0;
}

static int make_filter(const json_t *item, void *ret)
{
	const json_t *code = json_object_get(item, "rc");
	struct filter_rule *rule = ret;
	int r = copy_member(item, "class", &rule->class);

	rule->kind = kind_of(json_object_get(item, "kind"));
	rule->selectors = make_list(json_object_get(item, "selectors"), sizeof(*rule->selectors),
				    make_selector, &rule->n_selectors, &r);
	if (r == 0)
		r = make_subject(json_object_get(item, "match"), &rule->who);
	if (json_is_true(json_object_get(item, "allow")))
		rule->code = kIOReturnSuccess;
	else if (!code || field_code(&rule->code, "rc", code) < 0)
		rule->code = kIOReturnNotPermitted;
	return r;
}

#define MAKE_LIST(name, make, array, error)						\
	make_list(json_object_get(policy->document, (name)), sizeof(*policy->array), (make),	\
		  &policy->n_##array, (error))

static int make_rules(struct policy *policy)
{
	int error = 0;

	policy->console = MAKE_LIST("console", make_user, console, &error);
	policy->foreground = MAKE_LIST("foreground", make_foreground, foreground, &error);
	policy->publish = MAKE_LIST("publish", make_publish, publish, &error);
	policy->grants = MAKE_LIST("entitlements", make_grant, grants, &error);
	policy->open = MAKE_LIST("open", make_class_rule, open, &error);
	policy->set = MAKE_LIST("set", make_class_rule, set, &error);
	policy->filter = MAKE_LIST("filter", make_filter, filter, &error);
	return error;
}

static void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}

static int parse_document(const char *text, json_t **ret, char **ret_problem)
{
	char problem[256] = "";
	int r = json_text_parse(text, strlen(text), ret, problem, sizeof(problem));

	if (r == 0 || r == -ENOMEM)
		return r;
	*ret_problem = strdup(r == -EMSGSIZE ? "1:1: longer than 4 MiB" : problem);
	return *ret_problem ? -EINVAL : -ENOMEM;
}

int policy_parse(const char *text, struct policy **ret, char **ret_problem)
{
	struct checker checker = { .text = text, .problem = ret_problem };
	_cleanup_(policy_freep) struct policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy)
		return -ENOMEM;
	r = parse_document(text, &policy->document, ret_problem);
	if (r == 0)
		r = check_object(&checker, policy->document, root_keys);
	if (r == 0)
		r = make_rules(policy);
	if (r == 0)
		*ret = steal(policy);
	return r;
}

/* The users on the console */

/* Return: 0, -ENOMEM, or -EINVAL, said by failure(). */
static int check_users(json_t *users)
{
	_cleanup_(freep) char *problem = NULL;
	struct checker checker = { .problem = &problem };
	int r = check_items(&checker, "console", users, user_keys);

	return r == -EINVAL ? failure(r, "%s", problem) : r;
}

int policy_set_console(struct policy *policy, const json_t *users)
{
	json_auto_t *copy = json_deep_copy(users);
	struct console_user *console;
	size_t n;
	int r = copy ? check_users(copy) : -ENOMEM;

	if (r < 0)
		return r;
	console = make_list(copy, sizeof(*console), make_user, &n, &r);
	if (r == 0 && policy->document && json_object_set(policy->document, "console", copy) < 0)
		r = -ENOMEM;
	if (r < 0) {
		console_free(console, n);
		return r;
	}
	console_free(policy->console, policy->n_console);
	policy->console = console;
	policy->n_console = n;
	return 0;
}

/* A new reference, or NULL. */
static json_t *user_to_json(const struct console_user *user)
{
	json_auto_t *object = json_object();
	int r = json_object_set_new(object, "uid", json_integer(user->uid));

	if (r == 0 && user->name)
		r = json_object_set_new(object, "user", json_string(user->name));
	if (r == 0)
		r = json_object_set_new(object, "onConsole", json_boolean(user->on_console));
	if (r == 0 && user->session != UINT32_MAX)
		r = json_object_set_new(object, "session", json_integer(user->session));
	if (r == 0 && user->secure_pid > 0)
		r = json_object_set_new(object, "securePid", json_integer(user->secure_pid));
	return r == 0 ? steal(object) : NULL;
}

json_t *policy_console(const struct policy *policy)
{
	json_auto_t *all = json_array();

	for (size_t i = 0; i < policy->n_console; i++)
		if (json_array_append_new(all, user_to_json(&policy->console[i])) < 0)
			return NULL;
	return steal(all);
}
