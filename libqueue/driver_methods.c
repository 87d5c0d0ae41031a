/* SPDX-License-Identifier: MIT */
/*
 * driver_methods - what a driver says to fsd in `methods`
 *
 * A table that all calls go by is said in full, and fsd makes its checks. Where the driver has
 * a function of its own and no table, or descriptors that are asked for one by one, it says that
 * nothing is to be checked, and the functions of driver_dispatch and driver_legacy do it.
 */
#include <string.h>

#include "driver_methods.h"
#include "json_text.h"

/* A count or a size. */
static json_t *count(uint32_t declared)
{
	return declared == kIOUCVariableStructureSize ? json_string("*") : json_integer(declared);
}

static json_t *entry(uint32_t scalar_input, uint32_t structure_input, uint32_t scalar_output,
		     uint32_t structure_output)
{
	return json_pack("{s:o,s:o,s:o,s:o}", "si", count(scalar_input), "sis",
			 count(structure_input), "so", count(scalar_output), "sos",
			 count(structure_output));
}

static json_t *entry_2022(const struct IOUserClientClass *class, UInt32 i)
{
	const IOExternalMethodDispatch2022 *e = &class->dispatch2022[i];
	json_t *object = entry(e->checkScalarInputCount, e->checkStructureInputSize,
			       e->checkScalarOutputCount, e->checkStructureOutputSize);

	json_object_set_new(object, "allowAsync", json_boolean(e->allowAsync));
	if (e->checkEntitlement)
		json_object_set_new(object, "ent", json_string(e->checkEntitlement));
	return object;
}

static json_t *entry_classic(const struct IOUserClientClass *class, UInt32 i)
{
	const IOExternalMethodDispatch *e = &class->dispatch[i];

	return entry(e->checkScalarInputCount, e->checkStructureInputSize,
		     e->checkScalarOutputCount, e->checkStructureOutputSize);
}

static json_t *entry_driverkit(const struct IOUserClientClass *class, UInt32 i)
{
	const IOUserClientMethodDispatch *e = &class->methodDispatch[i];
	json_t *object = entry(e->checkScalarInputCount, e->checkStructureInputSize,
			       e->checkScalarOutputCount, e->checkStructureOutputSize);

	json_object_set_new(object, "completion", count(e->checkCompletionExists));
	return object;
}

static bool has_function(const struct IOUserClientClass *class, UInt32 i)
{
	if (class->dispatch2022)
		return class->dispatch2022[i].function;
	if (class->methodDispatch)
		return class->methodDispatch[i].function;
	return class->dispatch[i].function;
}

/* A driver's own function may do what an entry has no function for. */
static bool has_own_function(const struct IOUserClientClass *class)
{
	return class->methods && (class->methods->externalMethod || class->methods->ExternalMethod);
}

static json_t *table(const struct IOUserClientClass *class,
		     json_t *(*entry_of)(const struct IOUserClientClass *class, UInt32 i))
{
	json_t *methods = json_array();

	for (UInt32 i = 0; i < class->dispatchCount; i++) {
		json_t *object = entry_of(class, i);

		if (class->selectorNames && class->selectorNames[i])
			json_object_set_new(object, "name", json_string(class->selectorNames[i]));
		if (!has_function(class, i) && !has_own_function(class))
			json_object_set_new(object, "fn", json_false());
		json_array_append_new(methods, object);
	}
	return methods;
}

static bool has_descriptors(const struct IOUserClientClass *class)
{
	const struct IOUserClientMethods *m = class->methods;

	return m && (m->getExternalMethodForIndex || m->getExternalAsyncMethodForIndex ||
		     m->getTargetAndMethodForIndex || m->getAsyncTargetAndMethodForIndex);
}

static void put_table(json_t *document, const char *kind, json_t *methods)
{
	json_object_set_new(document, "kind", json_string(kind));
	json_object_set_new(document, "methods", methods);
}

static void put_methods(json_t *document, const struct IOUserClientClass *class)
{
	if (class->dispatch2022)
		put_table(document, "2022", table(class, entry_2022));
	else if (class->methodDispatch)
		put_table(document, "driverkit", table(class, entry_driverkit));
	else if (has_descriptors(class) || (has_own_function(class) && !class->dispatch))
		put_table(document, "any", json_array());
	else if (class->dispatch)
		put_table(document, "classic", table(class, entry_classic));
	else
		put_table(document, "legacy", json_array());	/* the base class: no descriptors */
}

/* --- properties that fsd has to know */

static const struct known {
	const char *property, *group, *key;	/* @group: the object that it is in, or NULL */
	bool if_present;			/* whatever its value is */
} known[] = {
	{ kIOUserClientEntitlementsKey,	NULL, "IOUserClientEntitlements", false },
	{ kIOUserClientPrivilegeKey,	NULL, "privilege", false },
	{ kIOUserClientTimeoutKey,	NULL, "timeout_ms", false },
	{ kIOUserClientSharedInstanceKey, NULL, "shared", true },
	{ kIOUserClientDefaultLockingKey, "locking", "default", false },
	{ kIOUserClientDefaultLockingSetPropertiesKey, "locking", "setprops", false },
	{ kIOUserClientDefaultLockingSingleThreadExternalMethodKey, "locking", "single", false },
};

static json_t *group_of(json_t *document, const char *group)
{
	if (!group)
		return document;
	if (!json_object_get(document, group))
		json_object_set_new(document, group, json_object());
	return json_object_get(document, group);
}

/* What else it may be is no entitlement, and refused at each open. */
static bool is_useful(const struct known *row, const json_t *value)
{
	return strcmp(row->property, kIOUserClientEntitlementsKey) != 0 ||
	       json_is_string(value) || json_is_false(value);
}

static void put_known(json_t *document, const json_t *properties)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		json_t *value = json_object_get(properties, known[i].property);
		json_t *group;

		if (!value || !is_useful(&known[i], value))
			continue;
		group = group_of(document, known[i].group);
		if (known[i].if_present)
			json_object_set_new(group, known[i].key, json_true());
		else
			json_object_set(group, known[i].key, value);
	}
}

/* Return: false for properties that are no object. */
static bool put_properties(json_t *document, const char *text)
{
	json_auto_t *properties = NULL;

	if (!text)
		return true;
	if (json_text_parse(text, strlen(text), &properties, NULL, 0) < 0 ||
	    !json_is_object(properties))
		return false;
	put_known(document, properties);
	return true;
}

/* --- memory and ports */

static json_t *binding_value(const struct binding *binding)
{
	if (!binding->read_only)
		return json_string(binding->target);
	return json_pack("{s:s,s:b}", "buf", binding->target, "ro", 1);
}

static void put_bindings(json_t *document, const char *key, const struct binding *bindings)
{
	json_t *object = bindings ? json_object() : NULL;
	char type[16];

	for (; bindings; bindings = bindings->next) {
		snprintf(type, sizeof(type), "%u", bindings->type);
		/* The list begins with the latest. */
		if (!json_object_get(object, type))
			json_object_set_new(object, type, binding_value(bindings));
	}
	if (object)
		json_object_set_new(document, key, object);
}

json_t *driver_methods(const IOService *service)
{
	const struct IOUserClientClass *class = service->service_class->userClientClass;
	json_t *document = json_pack("{s:s}", "open", "ask");

	if (!document)
		return NULL;
	if (class) {
		put_methods(document, class);
		if (class->className)
			json_object_set_new(document, "userClientClass",
					    json_string(class->className));
		if (!class->methods || !class->methods->getService)
			json_object_set_new(document, "getService", json_false());
	} else {
		put_table(document, "any", json_array());
	}
	if (class && !put_properties(document, class->properties)) {
		json_decref(document);
		return NULL;
	}
	put_bindings(document, "memory", service->memory);
	put_bindings(document, "ports", service->ports);
	return document;
}
