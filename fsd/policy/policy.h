/* SPDX-License-Identifier: MIT */
/*
 * policy - who may do what, as pure functions of who asks and of the rules
 *
 * The rules are those of userclient 3.9; control/policy_text.h reads them. A
 * decision is an IOReturn: kIOReturnSuccess, or the exact code to refuse with.
 */
#pragma once

#include <IOKit/IOReturn.h>
#include <jansson.h>

#include "util/identity.h"

struct console_user {
	uid_t uid;
	char *name;		/* owned, or NULL */
	bool on_console;
	uint32_t session;	/* UINT32_MAX: none */
	pid_t secure_pid;	/* 0: none */
};

/* Who a rule is for; what is not given is anybody's. */
struct subject {
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
	char *exe;		/* owned, or NULL; a pattern of fnmatch(3), '*' is without '/' */
	char *comm;		/* owned, or NULL; a pattern */
};

/* Whether one is in the foreground, as far as that is not the kernel's to say. */
struct foreground_rule { struct subject who; bool allow; };
struct publish_rule { struct subject who; char *under; };	/* a plane path, or NULL */
struct grant_rule { struct subject who; json_t *grant; };	/* an object */
/* What opens of, or writes to, services of a class need. */
struct class_rule {
	char *class;		/* a pattern of fnmatch(3) */
	char *require;		/* a privilege's name, or NULL */
	bool allow;		/* without `require`: yes or no */
	char **keys;		/* NULL-ended: of properties; NULL: all */
};
/* As userclient 2.3 numbers them; its traps are no calls here, but writes to files of a stream. */
enum call_kind { CALL_ANY = 0, CALL_METHOD = 1, CALL_ASYNC = 2 };
struct filter_rule {
	char *class;		/* a pattern of fnmatch(3) */
	struct subject who;
	enum call_kind kind;
	uint32_t *selectors;	/* owned; NULL: all */
	size_t n_selectors;
	IOReturn code;		/* the answer; Success: the call goes on */
};

struct policy {
	struct console_user *console;	size_t n_console;
	struct foreground_rule *foreground; size_t n_foreground;
	struct publish_rule *publish;	size_t n_publish;
	struct grant_rule *grants;	size_t n_grants;
	struct class_rule *open;	size_t n_open;
	struct class_rule *set;		size_t n_set;
	struct filter_rule *filter;	size_t n_filter;
	json_t *document;		/* owned: the same rules and users as an object */
};

void policy_free(struct policy *policy);
void console_free(struct console_user *users, size_t n);

/* By name (userclient 3.6, 3.9 R3, "cap:NAME"). Return: Success, NotPrivileged, Unsupported. */
IOReturn policy_has_privilege(const struct policy *policy, const struct identity *who,
			      const char *name);

/*
 * All entitlements that rules grant to @who, the first rule's word before the others', and
 * all of them before @own (of the executable's attribute, or NULL). Return: a new object,
 * or NULL: no memory.
 */
json_t *policy_entitlements(const struct policy *policy, const struct identity *who,
			    const json_t *own);
/* It is there and true. */
bool entitlement_is_granted(const json_t *entitlements, const char *name);

/* @path: the parent's, "IOService:/Bus". Root and @daemon_uid may always. Success, NotPermitted. */
IOReturn policy_may_publish(const struct policy *policy, const struct identity *who,
			    const char *path, uid_t daemon_uid);

/*
 * @lineage: a service's classes, NULL-ended. The first rule with a class among them decides;
 * without one it is allowed. Success; NotPermitted where a rule says no; NotPrivileged where the
 * privilege is lacking.
 */
IOReturn policy_may_open(const struct policy *policy, const struct identity *who,
			 char *const *lineage);
IOReturn policy_may_set(const struct policy *policy, const struct identity *who,
			char *const *lineage, const char *key);

/*
 * The filter of calls (userclient 2.3). @who: who opened the connection. The first rule that is
 * for the call decides; without one it goes on. Return: the rule's code.
 */
IOReturn policy_may_call(const struct policy *policy, const struct identity *who,
			 char *const *lineage, uint32_t selector, bool async);
