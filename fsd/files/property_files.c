/* SPDX-License-Identifier: MIT */
/*
 * Properties: `props` as one document, `prop/KEY` one by one. Who owns a service
 * stores what he writes; what others write, the policy allows or the driver is
 * asked (userclient 4.2). A connection's are always the driver's to take. What is
 * no dictionary, only a driver can make something of.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "files/asking.h"
#include "files/files.h"
#include "service/property.h"
#include "util/escape.h"
#include "util/failure.h"

#define ALLOWED_KEYS "IORegistryEntryAllowableSetProperties"

/* Who opened the file for writing, and a write that waits for the driver. */
struct setter {
	struct identity who;
	struct asking asking;
	json_t *properties;		/* owned; NULL: none waits */
};

static struct entry *entry_of(const struct session *session)
{
	return session_node_object(session);
}

/* Of `prop/KEY` its directory has the entry; the leaf itself has it, too. */
static struct service *service_of(struct entry *entry)
{
	return entry->kind == ENTRY_CLIENT ? container_of(entry, struct client, entry)->service :
		service_of_entry(entry);
}

static int setter_open(struct session *session, const struct caller *caller)
{
	struct setter *setter;
	int r;

	if ((session->file->flags & O_ACCMODE) == O_RDONLY)
		return 0;
	setter = calloc(1, sizeof(*setter));
	if (!setter)
		return -ENOMEM;
	r = identity_read(caller->pid, caller->uid, caller->gid, &setter->who);
	if (r < 0)
		free(setter);
	else
		session->object = setter;
	return r;
}

static void stop_setting(struct session *session)
{
	struct setter *setter = session->object;

	if (!setter || !setter->properties)
		return;
	asking_stop(&setter->asking);
	json_decref(steal(setter->properties));
}

static void setter_close(struct session *session)
{
	struct setter *setter = session->object;

	stop_setting(session);
	if (setter)
		identity_deinit(&setter->who);
	free(setter);
}

static int setting_result(struct session *session)
{
	struct setter *setter = session->object;
	int r = asking_result(&setter->asking);

	if (r != FILE_WAIT_ALWAYS)
		stop_setting(session);
	return r;
}

static bool is_listed(const json_t *list, const char *key)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), key) == 0)
			return true;
	return false;
}

/* By the entry's own list, if it has one. */
static IOReturn check_list(const struct entry *entry, const json_t *properties)
{
	const json_t *list = entry_property(entry, ALLOWED_KEYS);
	const char *key;
	json_t *value;

	if (!list)
		return kIOReturnSuccess;
	if (!json_is_array(list) || !property_is_dictionary(properties))
		return kIOReturnNotPermitted;
	json_object_foreach((json_t *)(uintptr_t)properties, key, value)
		if (!is_listed(list, key))
			return kIOReturnBadArgument;
	return kIOReturnSuccess;
}

static IOReturn may_set(const struct service *service, const json_t *properties,
			const struct identity *who)
{
	const struct policy *policy = service->registry->policy;
	IOReturn code = kIOReturnSuccess;
	const char *key;
	json_t *value;

	if (!property_is_dictionary(properties))	/* of no key: rules for all keys count */
		return policy_may_set(policy, who, service->entry.lineage, "");
	json_object_foreach((json_t *)(uintptr_t)properties, key, value)
		if (code == kIOReturnSuccess)
			code = policy_may_set(policy, who, service->entry.lineage, key);
	return code;
}

/* FILE_WAIT_ALWAYS, and the driver is asked; or an errno. */
static int ask_driver(struct session *session, struct service *service, json_t *properties)
{
	struct entry *entry = entry_of(session);
	struct client *client = entry->kind == ENTRY_CLIENT ?
		container_of(entry, struct client, entry) : NULL;
	struct setter *setter = session->object;
	int r = client ? client_check(client) : 0;

	if (r < 0)
		return r;
	if (!service->driver)
		return failure_code((uint32_t)(service_may_get_driver(service) ? kIOReturnNotReady
								: kIOReturnUnsupported));
	setter->properties = json_incref(properties);
	setter->asking = (struct asking){ 0 };
	setter->asking.question.request = (struct request){ .op = REQUEST_SET_PROPERTIES,
		.connection = client ? client->number : 0, .properties = setter->properties,
		.asker = session->uid, .asks = identity_credentials(&setter->who) };
	setter->asking.question.lock = client && service->methods && service->methods->lock_setprops ?
		LOCKED_WRITE : LOCKED_NOT;
	r = asking_start(&setter->asking, service, client, &session->file->own);
	if (r != FILE_WAIT_ALWAYS)
		stop_setting(session);
	return r;
}

static bool is_owner(const struct service *service, uid_t uid)
{
	return uid == 0 || uid == service->node->own.uid;
}

static int store(struct service *service, json_t *properties)
{
	if (!property_is_dictionary(properties))
		return failure(-EINVAL, "properties are written as an object, as {\"key\":\"value\"}");
	return service_set_properties(service, properties);
}

/* @properties: canonical, and maybe no dictionary. */
static int set_properties(struct session *session, json_t *properties)
{
	const struct setter *setter = session->object;
	struct entry *entry = entry_of(session);
	struct service *service = service_of(entry);
	IOReturn code;

	if (!service || (entry->state & ENTRY_INACTIVE))
		return -ENODEV;
	if (entry->kind != ENTRY_CLIENT && is_owner(service, setter->who.uid))
		return store(service, properties);
	code = may_set(service, properties, &setter->who);
	if (code == kIOReturnSuccess)
		code = check_list(entry, properties);
	if (code != kIOReturnSuccess)
		return failure_code((uint32_t)code);
	return ask_driver(session, service, properties);
}

static int parse_canonical(const char *text, size_t size, json_t **ret)
{
	json_auto_t *value = NULL;
	char problem[200];
	int r = json_text_parse(text, size, &value, problem, sizeof(problem));

	if (r == -EINVAL)
		return failure(r, "no JSON: %s", problem);
	return r < 0 ? r : property_canonical(value, ret);
}

static int show_value(const json_t *value, FILE *out)
{
	_cleanup_(freep) char *text = value ? json_text_print(value, false) : NULL;

	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	return 0;
}

/* props */

static int props_unit(struct session *session, char *text, size_t size,
		      const struct caller *caller)
{
	json_auto_t *properties = NULL;
	int r;

	(void)caller;		/* it is who opened the file */
	if (!text)
		return setting_result(session);
	r = parse_canonical(text, size, &properties);
	return r < 0 ? r : set_properties(session, properties);
}

static int props_show(struct session *session, FILE *out)
{
	json_auto_t *all = entry_all_properties(entry_of(session));

	return show_value(all, out);
}

const struct session_kind props_document = {
	.units = UNITS_JSON, .unit = props_unit, .show = props_show,
	.open = setter_open, .abandon = stop_setting, .close = setter_close,
};

/* prop/KEY */

/* A property may have any name: a key that begins with '$' has one more in front. */
static char *key_of_name(const char *name)
{
	_cleanup_(freep) char *plain = unescape_name(name);

	return plain ? text_print("%s%s", *plain == '$' ? "$" : "", plain) : NULL;
}

/* A whole number as JSON has it, whether there is room for it or not. */
static bool is_number(const char *text, size_t size)
{
	size_t sign = size > 1 && text[0] == '-', n = strspn(text + sign, "0123456789");

	return n > 0 && sign + n == size && (n == 1 || text[sign] != '0');
}

/* JSON, or words that are a string: what is no object, list, string, number or boolean. */
static int parse_value(const char *text, size_t size, json_t **ret)
{
	json_auto_t *value = NULL;

	while (size && strchr(" \t\r\n", text[size - 1]) && text[size - 1])
		size--;
	if (strchr("{[\"", text[strspn(text, " \t\r\n")]) || is_number(text, size) ||
	    (json_text_parse(text, size, &value, NULL, 0) == 0 &&
	     (json_is_integer(value) || json_is_boolean(value))))
		return parse_canonical(text, size, ret);
	if (memchr(text, '\0', size))
		return failure(-EINVAL, "a NUL in text; bytes are {\"$data\":\"BASE64\"}");
	*ret = json_stringn(text, size);
	return *ret ? 0 : failure(-EINVAL, "text must be UTF-8; other bytes are {\"$data\":\"BASE64\"}");
}

static int prop_unit(struct session *session, char *text, size_t size, const struct caller *caller)
{
	_cleanup_(freep) char *key = key_of_name(session->file->node->name);
	json_auto_t *value = NULL, *properties = json_object();
	int r;

	(void)caller;
	if (!text)
		return setting_result(session);
	if (!key || !properties)
		return -ENOMEM;
	r = parse_value(text, size, &value);
	if (r == 0 && json_object_set(properties, key, value) < 0)
		r = failure(-EINVAL, "a property's name must be UTF-8");
	return r < 0 ? r : set_properties(session, properties);
}

static int prop_show(struct session *session, FILE *out)
{
	_cleanup_(freep) char *key = key_of_name(session->file->node->name);
	const json_t *value = key ? entry_property(entry_of(session), key) : NULL;

	return value ? show_value(value, out) : 0;
}

/* A name that was made for a property which did not come to be is none. */
static void prop_close(struct session *session)
{
	struct node *node = session->file->node;
	_cleanup_(freep) char *key = key_of_name(node->name);

	setter_close(session);
	node->number = 0;
	if (node->parent && key && !entry_property(entry_of(session), key))
		node_remove(node);
}

const struct session_kind prop_document = {
	.units = UNITS_VALUE, .unit = prop_unit, .show = prop_show,
	.open = setter_open, .abandon = stop_setting, .close = prop_close,
};

static const struct row prop_row = DOCUMENT("", 0666, prop_document);
static const struct node_def prop_leaf = { .rows = node_no_rows, .leaf = &prop_row };

/* @is_new: it is made, and not written yet; the leaf's number says so. */
static int new_leaf(struct node *node, const char *name, bool is_new, struct node **ret)
{
	struct attributes own = node->own;

	own.mode = 0666;
	return node_new_leaf(node, name, &prop_leaf, &own, is_new, ret);
}

static int props_find(struct node *node, const char *name, struct node **ret)
{
	_cleanup_(freep) char *key = key_of_name(name);
	const struct node *leaf = node_find(node, name);
	bool is_there = key && entry_property(node->object, key);

	if (!key)
		return -ENOMEM;
	return is_there || (leaf && leaf->number) ? new_leaf(node, name, !is_there, ret) : -ENOENT;
}

static int props_list(struct node *node, struct names *names)
{
	json_auto_t *all = entry_all_properties(node->object);
	const char *key;
	json_t *value;
	int r = all ? 0 : -ENOMEM;

	json_object_foreach(all, key, value) {
		_cleanup_(freep) char *name = escape_name(key[0] == '$' ? key + 1 : key);

		if (r == 0)
			r = name && strlen(name) <= NODE_NAME_MAX ?
				names_add(names, name, S_IFREG) : name ? 0 : -ENOMEM;
	}
	return r;
}

/* The property is there once it is written. */
static int props_create(struct node *node, const char *name, mode_t mode,
			const struct caller *caller, struct node **ret)
{
	(void)mode;
	(void)caller;
	return new_leaf(node, name, true, ret);
}

static int props_unlink(struct node *node, const char *name, const struct caller *caller)
{
	_cleanup_(freep) char *key = key_of_name(name);
	struct entry *entry = node->object;
	struct service *service = service_of(entry);
	struct node *leaf = node_find(node, name);
	int r;

	if (!key)
		return -ENOMEM;
	if (!entry_property(entry, key))
		return -ENOENT;
	if (entry->kind == ENTRY_CLIENT || !service || !is_owner(service, caller->uid))
		return -EPERM;
	r = service_remove_property(service, key);
	if (r == 0 && leaf)
		node_remove(leaf);
	return r;
}

const struct node_def props_dir = {
	.rows = node_no_rows, .find = props_find, .list = props_list,
	.create = props_create, .unlink = props_unlink,
};
