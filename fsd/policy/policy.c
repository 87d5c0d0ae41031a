/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "policy/policy.h"
#include "util/cleanup.h"

/* By their numbers in the kernel's mask. */
static const char *const capability_names[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid",
	"setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast",
	"net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio",
	"sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write",
	"audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm",
	"block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
};

/* No pattern is for all; any other needs a text: without one it is @unseen's to say. */
static bool matches(const char *pattern, const char *text, int flags, bool unseen)
{
	return !pattern || (text ? fnmatch(pattern, text, flags) == 0 : unseen);
}

static bool has_unseen_groups(const struct identity *who)
{
	return who->pid == 0 || who->n_groups == IDENTITY_MAX_GROUPS;
}

/*
 * What cannot be seen of somebody matches where the rule @refuses, and nowhere else: nobody
 * gains by hiding.
 */
static bool is_subject(const struct subject *subject, const struct identity *who, bool refuses)
{
	const char *comm = who->pid > 0 ? who->comm : NULL;

	return (!subject->has_uid || subject->uid == who->uid) &&
	       (!subject->has_gid || identity_has_group(who, subject->gid) ||
		(refuses && has_unseen_groups(who))) &&
	       matches(subject->exe, who->exe, FNM_PATHNAME, refuses) &&
	       matches(subject->comm, comm, 0, refuses);
}

/* Privileges */

static bool is_root(const struct policy *policy, const struct identity *who)
{
	(void)policy;
	return who->uid == 0;
}

static bool is_local(const struct policy *policy, const struct identity *who)
{
	for (size_t i = 0; i < policy->n_console; i++)
		if (policy->console[i].uid == who->uid)
			return true;
	return false;
}

static bool is_on_console(const struct policy *policy, const struct identity *who)
{
	for (size_t i = 0; i < policy->n_console; i++)
		if (policy->console[i].on_console && policy->console[i].uid == who->uid)
			return true;
	return false;
}

static bool is_in_console_session(const struct policy *policy, const struct identity *who)
{
	if (who->session == UINT32_MAX)
		return false;
	for (size_t i = 0; i < policy->n_console; i++)
		if (policy->console[i].on_console && policy->console[i].session == who->session)
			return true;
	return false;
}

static bool is_secure_process(const struct policy *policy, const struct identity *who)
{
	for (size_t i = 0; i < policy->n_console; i++) {
		const struct console_user *user = &policy->console[i];

		if (user->on_console && user->uid == who->uid &&
		    (user->secure_pid == 0 || user->secure_pid == who->pid))
			return true;
	}
	return false;
}

static bool is_in_foreground(const struct policy *policy, const struct identity *who)
{
	if (who->frozen)
		return false;
	for (size_t i = 0; i < policy->n_foreground; i++)
		if (is_subject(&policy->foreground[i].who, who, !policy->foreground[i].allow))
			return policy->foreground[i].allow;
	return true;
}

static const struct privilege {
	const char *name;
	bool (*has)(const struct policy *policy, const struct identity *who);
} privileges[] = {
	{ "root",           is_root },
	{ "local",          is_local },
	{ "console",        is_on_console },
	{ "consolesession", is_in_console_session },
	{ "secureprocess",  is_secure_process },
	{ "foreground",     is_in_foreground },
};

static IOReturn has_if(bool has)
{
	return has ? kIOReturnSuccess : kIOReturnNotPrivileged;
}

IOReturn policy_has_privilege(const struct policy *policy, const struct identity *who,
			      const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(privileges); i++)
		if (strcmp(name, privileges[i].name) == 0)
			return has_if(privileges[i].has(policy, who));
	if (strncmp(name, "cap:", 4) != 0)
		return kIOReturnUnsupported;
	for (size_t i = 0; i < ARRAY_SIZE(capability_names); i++)
		if (strcmp(name + 4, capability_names[i]) == 0)
			return has_if(who->capabilities >> i & 1);
	return kIOReturnUnsupported;
}

/* Entitlements */

json_t *policy_entitlements(const struct policy *policy, const struct identity *who,
			    const json_t *own)
{
	json_t *all = json_object();
	json_auto_t *copy = own ? json_deep_copy(own) : NULL;
	int r = all && (!own || copy) ? 0 : -1;

	for (size_t i = 0; r == 0 && i < policy->n_grants; i++)
		if (is_subject(&policy->grants[i].who, who, false))
			r = json_object_update_missing(all, policy->grants[i].grant);
	if (r == 0 && json_is_object(copy))
		r = json_object_update_missing(all, copy);
	if (r == 0)
		return all;
	json_decref(all);
	return NULL;
}

bool entitlement_is_granted(const json_t *entitlements, const char *name)
{
	return json_is_true(json_object_get(entitlements, name));
}

/* Publishing */

/* @path is @under or below it; "IOService:/" is what all of that plane is below. */
static bool is_under(const char *path, const char *under)
{
	size_t n = strlen(under);

	while (n > 0 && under[n - 1] == '/')
		n--;
	return strncmp(path, under, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

IOReturn policy_may_publish(const struct policy *policy, const struct identity *who,
			    const char *path, uid_t daemon_uid)
{
	if (who->uid == 0 || who->uid == daemon_uid)
		return kIOReturnSuccess;
	for (size_t i = 0; i < policy->n_publish; i++) {
		const struct publish_rule *rule = &policy->publish[i];

		if (is_subject(&rule->who, who, false) &&
		    (!rule->under || is_under(path, rule->under)))
			return kIOReturnSuccess;
	}
	return kIOReturnNotPermitted;
}

/* Opening and setting */

static bool is_one_of(const char *pattern, char *const *lineage)
{
	for (; *lineage; lineage++)
		if (fnmatch(pattern, *lineage, 0) == 0)
			return true;
	return false;
}

static bool has_key(const struct class_rule *rule, const char *key)
{
	if (!rule->keys)
		return true;
	for (char **at = rule->keys; *at; at++)
		if (strcmp(*at, key) == 0)
			return true;
	return false;
}

static IOReturn decide(const struct class_rule *rule, const struct policy *policy,
		       const struct identity *who)
{
	if (rule->require)
		return has_if(policy_has_privilege(policy, who, rule->require) ==
			      kIOReturnSuccess);
	return rule->allow ? kIOReturnSuccess : kIOReturnNotPermitted;
}

IOReturn policy_may_open(const struct policy *policy, const struct identity *who,
			 char *const *lineage)
{
	for (size_t i = 0; i < policy->n_open; i++)
		if (is_one_of(policy->open[i].class, lineage))
			return decide(&policy->open[i], policy, who);
	return kIOReturnSuccess;
}

IOReturn policy_may_set(const struct policy *policy, const struct identity *who,
			char *const *lineage, const char *key)
{
	for (size_t i = 0; i < policy->n_set; i++)
		if (is_one_of(policy->set[i].class, lineage) && has_key(&policy->set[i], key))
			return decide(&policy->set[i], policy, who);
	return kIOReturnSuccess;
}

/* Calling */

static bool has_selector(const struct filter_rule *rule, uint32_t selector)
{
	if (!rule->selectors)
		return true;
	for (size_t i = 0; i < rule->n_selectors; i++)
		if (rule->selectors[i] == selector)
			return true;
	return false;
}

/* Numbers first, patterns last: they cost more. */
IOReturn policy_may_call(const struct policy *policy, const struct identity *who,
			 char *const *lineage, uint32_t selector, bool async)
{
	enum call_kind kind = async ? CALL_ASYNC : CALL_METHOD;

	for (size_t i = 0; i < policy->n_filter; i++) {
		const struct filter_rule *rule = &policy->filter[i];

		if ((rule->kind == CALL_ANY || rule->kind == kind) &&
		    has_selector(rule, selector) &&
		    is_subject(&rule->who, who, rule->code != kIOReturnSuccess) &&
		    is_one_of(rule->class, lineage))
			return rule->code;
	}
	return kIOReturnSuccess;
}

/* The end */

static void subject_deinit(struct subject *subject)
{
	free(subject->exe);
	free(subject->comm);
}

static void free_class_rules(struct class_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(rules[i].class);
		free(rules[i].require);
		for (char **key = rules[i].keys; key && *key; key++)
			free(*key);
		free(rules[i].keys);
	}
	free(rules);
}

static void free_subject_rules(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_foreground; i++)
		subject_deinit(&policy->foreground[i].who);
	for (size_t i = 0; i < policy->n_publish; i++) {
		subject_deinit(&policy->publish[i].who);
		free(policy->publish[i].under);
	}
	for (size_t i = 0; i < policy->n_grants; i++) {
		subject_deinit(&policy->grants[i].who);
		json_decref(policy->grants[i].grant);
	}
	for (size_t i = 0; i < policy->n_filter; i++) {
		subject_deinit(&policy->filter[i].who);
		free(policy->filter[i].class);
		free(policy->filter[i].selectors);
	}
	free(policy->foreground);
	free(policy->publish);
	free(policy->grants);
	free(policy->filter);
}

void console_free(struct console_user *users, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(users[i].name);
	free(users);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	console_free(policy->console, policy->n_console);
	free_subject_rules(policy);
	free_class_rules(policy->open, policy->n_open);
	free_class_rules(policy->set, policy->n_set);
	json_decref(policy->document);
	free(policy);
}
