/* SPDX-License-Identifier: MIT */
/*
 * driver_registry - a service in the registry: served, registered, terminated; its properties and
 * state
 *
 * All by files of its directory: what they do is fsd's business.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "atomic.h"
#include "cleanup.h"
#include "driver_client.h"
#include "driver_methods.h"
#include "json_text.h"
#include "mount.h"

#define BUSY_MAX	1023

IOReturn IOService_serve(IOService *service)
{
	const struct IOServiceMethods *methods = service ? service->service_class->methods : NULL;
	int r;

	if (!service || !service->directory || service->is_served)
		return kIOReturnBadArgument;
	r = service_connect(service);
	if (r < 0)
		return service_result(service, r);
	service->is_served = true;
	if (!methods || !methods->start || methods->start(service, service->provider))
		return kIOReturnSuccess;
	session_close(&service->session);
	service->is_served = false;
	return kIOReturnNotReady;
}

static int write_value(IOService *service, const char *file, const json_t *value)
{
	_cleanup_(freep) char *text = json_text_print(value, false);

	return text ? service_write(service, file, text) : -ENOMEM;
}

/* Return: 0, -EINVAL, or what fsd said. */
static int write_methods(IOService *service)
{
	json_auto_t *document = driver_methods(service);

	return document ? write_value(service, "methods", document) : -EINVAL;
}

IOReturn IOService_registerService(IOService *service, IOOptionBits options)
{
	int r = 0;

	(void)options;
	if (!service || !service->directory)
		return kIOReturnBadArgument;
	if (!service->is_registered)
		r = write_methods(service);
	if (r == 0)
		r = service_write(service, "ctl", "register\n");
	if (r == 0)
		service->is_registered = true;
	return service_result(service, r);
}

IOReturn IOService_persist(IOService *service)
{
	if (!service || !service->directory)
		return kIOReturnBadArgument;
	return service_result(service, service_write(service, "ctl", "persist\n"));
}

bool IOService_terminate(IOService *service, IOOptionBits options)
{
	(void)options;
	return service && service->directory && service_write(service, "ctl", "terminate\n") == 0;
}

IOReturn IOService_adjustBusy(IOService *service, SInt32 delta)
{
	const char *word = delta < 0 ? "busy -1\n" : "busy +1\n";
	int r = 0;

	if (!service || !service->directory || delta > BUSY_MAX || delta < -BUSY_MAX)
		return kIOReturnBadArgument;
	for (SInt32 left = delta < 0 ? -delta : delta; left > 0 && r == 0; left--)
		r = service_write(service, "ctl", word);
	return service_result(service, r);
}

/* --- state */

/* A number in one of its files; 0 where there is none. */
static uint64_t read_number(const IOService *service, const char *file)
{
	_cleanup_(freep) char *text = NULL;

	if (!service || service_read(service, file, &text) < 0)
		return 0;
	return strtoull(text, NULL, 0);
}

uint64_t IOService_getRegistryEntryID(const IOService *service)
{
	return read_number(service, "id");
}

UInt32 IOService_getBusyState(const IOService *service)
{
	return (UInt32)read_number(service, "busy");
}

/* "[!]registered [!]matched active|inactive" */
IOOptionBits IOService_getState(const IOService *service)
{
	_cleanup_(freep) char *text = NULL;
	IOOptionBits state = 0;
	char *rest = NULL;

	if (!service || service_read(service, "state", &text) < 0)
		return kIOServiceInactiveState;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (strcmp(word, "registered") == 0)
			state |= kIOServiceRegisteredState;
		else if (strcmp(word, "matched") == 0)
			state |= kIOServiceMatchedState;
		else if (strcmp(word, "inactive") == 0)
			state |= kIOServiceInactiveState;
	}
	return state;
}

bool IOService_isInactive(const IOService *service)
{
	return IOService_getState(service) & kIOServiceInactiveState;
}

/* --- properties: a file each, and one for all */

/* What could not be a file of that directory is no key here. */
static char *property_file(const char *key)
{
	return key && *key && !strchr(key, '/') ? text_print("prop/%s", key) : NULL;
}

json_t *IOService_copyProperty(const IOService *service, const char *key)
{
	_cleanup_(freep) char *file = property_file(key), *path = NULL, *text = NULL;
	json_t *value = NULL;
	size_t size;

	path = service && file ? service_path(service, file) : NULL;
	if (!path || file_read(AT_FDCWD, path, &text, &size) < 0 ||
	    json_text_parse(text, size, &value, NULL, 0) < 0)
		return NULL;
	return value;
}

bool IOService_setPropertyTable(IOService *service, const json_t *properties)
{
	return service && json_is_object(properties) &&
	       write_value(service, "props", properties) == 0;
}

bool IOService_setProperty(IOService *service, const char *key, const json_t *value)
{
	json_auto_t *table = service && key && value ? json_object() : NULL;

	return table && json_object_set_new(table, key, json_deep_copy(value)) == 0 &&
	       IOService_setPropertyTable(service, table);
}

bool IOService_removeProperty(IOService *service, const char *key)
{
	_cleanup_(freep) char *file = property_file(key);
	_cleanup_(freep) char *path = service && file ? service_path(service, file) : NULL;

	return path && unlink(path) == 0;
}

/* --- who is interested; who may use it */

IOReturn IOService_messageClients(IOService *service, UInt32 type, const json_t *argument)
{
	json_auto_t *line = json_pack("{s:I,s:O*}", "message", (json_int_t)type, "arg", argument);
	int r;

	if (!service || !line)
		return service ? kIOReturnNoMemory : kIOReturnBadArgument;
	r = session_write(&service->session, line);
	return r == -ENOTCONN ? kIOReturnNotReady : service_result(service, r);
}

IOReturn IOService_setAuthorizationID(IOService *service, uint64_t authorizationID)
{
	if (!service)
		return kIOReturnBadArgument;
	__atomic_store_n(&service->authorization_id, authorizationID, __ATOMIC_RELAXED);
	return kIOReturnSuccess;
}

uint64_t IOService_getAuthorizationID(const IOService *service)
{
	return service ? __atomic_load_n(&service->authorization_id, __ATOMIC_RELAXED) : 0;
}
