/* SPDX-License-Identifier: MIT */
/*
 * driver_client - a user client: its object
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "driver_client.h"
#include "json_text.h"

static void client_free(void *object)
{
	IOUserClient *client = object;

	if (CLIENT_OVERRIDES(client, free))
		client->client_class->methods->free(client);
	IOUserClient_free(client);
	OSObject_release(client->task);
	json_decref(client->properties);
	free(client->reference);
}

static const OSMetaClass client_base = {
	.name = "IOUserClient",
	.size = sizeof(IOUserClient),
	.free = client_free,
};

/* Properties that the class says; {} for none. */
static json_t *class_properties(const struct IOUserClientClass *class)
{
	json_t *properties = NULL;

	if (!class->properties)
		return json_object();
	if (json_text_parse(class->properties, strlen(class->properties), &properties, NULL, 0) < 0)
		return NULL;
	if (json_is_object(properties))
		return properties;
	json_decref(properties);
	return NULL;
}

IOUserClient *IOUserClient_alloc(const struct IOUserClientClass *userClientClass)
{
	IOUserClient *client = userClientClass ? object_new(&client_base) : NULL;

	if (!client)
		return NULL;
	client->client_class = userClientClass;
	client->meta = client_base;
	if (userClientClass->className) {
		client->meta.name = userClientClass->className;
		client->meta.super = &client_base;
	}
	client->object.meta = &client->meta;
	client->properties = class_properties(userClientClass);
	if (userClientClass->referenceSize > 0)
		client->reference = calloc(1, userClientClass->referenceSize);
	if (!client->properties || (userClientClass->referenceSize > 0 && !client->reference))
		OSSafeReleaseNULL(client);
	return client;
}

bool IOUserClient_init(IOUserClient *client)
{
	if (!client)
		return false;
	client->is_initialised = true;
	return true;
}

bool IOUserClient_initWithProperties(IOUserClient *client, json_t *properties)
{
	if (!client || (properties && json_object_update(client->properties, properties) < 0))
		return false;
	return IOUserClient_init(client);
}

bool IOUserClient_initWithTask(IOUserClient *client, task_t owningTask, void *securityToken,
			       UInt32 type)
{
	(void)owningTask;
	(void)securityToken;
	(void)type;
	return IOUserClient_init(client);
}

bool IOUserClient_initWithTaskAndProperties(IOUserClient *client, task_t owningTask,
					    void *securityToken, UInt32 type, json_t *properties)
{
	return IOUserClient_initWithProperties(client, properties) &&
	       CLIENT_CALL(client, initWithTask)(client, owningTask, securityToken, type);
}

bool IOUserClient_attach(IOUserClient *client, IOService *provider)
{
	if (!client || !provider || provider->is_ended)
		return false;
	client->service = provider;
	return true;
}

void IOUserClient_free(IOUserClient *client)
{
	if (!client)
		return;
	client_free_handed(client);
	client_free_copied(client);
}

void *IOUserClient_getReference(const IOUserClient *client)
{
	return client ? client->reference : NULL;
}

const OSMetaClass *IOUserClient_getMetaClass(const IOUserClient *client)
{
	return client ? OSObject_getMetaClass(client) : &client_base;
}

IOService *IOUserClient_getProvider(const IOUserClient *client)
{
	return client ? client->service : NULL;
}

task_t IOUserClient_getTask(const IOUserClient *client)
{
	return client ? client->task : NULL;
}

json_t *IOUserClient_copyProperty(const IOUserClient *client, const char *key)
{
	return client && key ? json_deep_copy(json_object_get(client->properties, key)) : NULL;
}

bool IOUserClient_isInactive(const IOUserClient *client)
{
	return !client || client->is_inactive;
}

/* --- opening: what newUserClient() of the base class does, step by step */

static IOReturn client_open(IOUserClient *client, IOService *service, task_t task, void *token,
			    UInt32 type, json_t *properties)
{
	OSObject_retain(task);
	client->task = task;
	if (!CLIENT_CALL(client, initWithTaskAndProperties)(client, task, token, type, properties))
		return kIOReturnBadArgument;
	if (!IOUserClient_attach(client, service))
		return kIOReturnUnsupported;
	client->is_started = CLIENT_CALL(client, start)(client, service);
	if (client->is_started)
		return kIOReturnSuccess;
	client->service = NULL;
	return kIOReturnUnsupported;
}

IOReturn IOService_newUserClientOfClass(IOService *service,
					const struct IOUserClientClass *userClientClass,
					task_t owningTask, void *securityID, UInt32 type,
					json_t *properties, IOUserClient **handler)
{
	IOUserClient *client;
	IOReturn result;

	if (!service || !userClientClass || !handler)
		return kIOReturnBadArgument;
	if (properties)		/* an open has none to bring */
		return kIOReturnUnsupported;
	client = IOUserClient_alloc(userClientClass);
	if (!client)
		return kIOReturnNoMemory;
	result = client_open(client, service, owningTask, securityID, type, properties);
	if (result == kIOReturnSuccess)
		*handler = client;
	else
		OSObject_release(client);
	return result;
}

IOReturn IOService_newUserClient(IOService *service, task_t owningTask, void *securityID,
				 UInt32 type, json_t *properties, IOUserClient **handler)
{
	if (!service || !service->service_class->userClientClass)
		return kIOReturnUnsupported;
	return IOService_newUserClientOfClass(service, service->service_class->userClientClass,
					      owningTask, securityID, type, properties, handler);
}

/* --- what a class with a modern table has to say of itself */

IOReturn client_check_2022(const IOUserClient *client)
{
	static const char *const locking[] = {
		kIOUserClientDefaultLockingKey, kIOUserClientDefaultLockingSetPropertiesKey,
		kIOUserClientDefaultLockingSingleThreadExternalMethodKey,
	};
	const json_t *value = json_object_get(client->properties, kIOUserClientEntitlementsKey);

	if (!client->client_class->dispatch2022)
		return kIOReturnSuccess;
	/* Who holds the one that is named, fsd has found out. */
	if (!json_is_false(value) && !json_is_string(value))
		return kIOReturnNotPrivileged;
	for (size_t i = 0; i < sizeof(locking) / sizeof(locking[0]); i++)
		if (!json_object_get(client->properties, locking[i]))
			return kIOReturnError;
	return kIOReturnSuccess;
}
