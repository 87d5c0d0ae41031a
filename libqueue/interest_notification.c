/* SPDX-License-Identifier: MIT */
/*
 * interest_notification - what happens to one service, message by message
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base64.h"
#include "cleanup.h"
#include "mount.h"
#include "json_text.h"
#include "notify.h"
#include "registry_entry.h"
#include "session_lines.h"

#define MAX_ARGUMENT	64

struct interest_notification {
	struct handle handle;
	struct notify_watch watch;
	struct session_lines lines;
	IOServiceInterestCallback callback;
	void *refcon;
	io_service_t service;		/* a reference of the program's */
	const char *interest;		/* static */
};

static const char *const interests[] = {
	kIOGeneralInterest, kIOBusyInterest, kIOAppPowerStateInterest,
	kIOPriorityPowerStateInterest, kIOConsoleSecurityInterest,
};

/* A message's argument: a word, or bytes. */
struct argument {
	void *value;		/* what the callback gets */
	char bytes[MAX_ARGUMENT];
};

static void take_data(struct argument *argument, const char *text)
{
	size_t length = strlen(text), n = base64_size(text, length);
	_cleanup_(freep) char *bytes = n == SIZE_MAX ? NULL : malloc(n + 1);

	if (bytes && base64_take(text, length, bytes) == 0)
		memcpy(argument->bytes, bytes, n < MAX_ARGUMENT ? n : MAX_ARGUMENT);
}

/* Text, and what else there is as text, is cut. */
static void take_bytes(struct argument *argument, const json_t *value)
{
	const json_t *data = json_object_get(value, "$data");
	_cleanup_(freep) char *printed = NULL;
	const char *text = json_string_value(value);

	argument->value = argument->bytes;
	if (json_is_string(data)) {
		take_data(argument, json_string_value(data));
		return;
	}
	if (!text)
		text = printed = json_text_print(value, true);
	if (text)
		memcpy(argument->bytes, text, strnlen(text, MAX_ARGUMENT - 1));
}

static void take_argument(struct argument *argument, const json_t *value)
{
	*argument = (struct argument){ 0 };
	if (json_is_integer(value))
		argument->value = (void *)(uintptr_t)json_integer_value(value);
	else if (json_is_boolean(value))
		argument->value = (void *)(uintptr_t)json_is_true(value);
	else if (value && !json_is_null(value))
		take_bytes(argument, value);
}

static void tell(struct interest_notification *notification, const json_t *line)
{
	struct argument argument;

	if (strcmp(line_text(line, "interest"), notification->interest) != 0 ||
	    !notify_may_call(&notification->watch))
		return;
	take_argument(&argument, json_object_get(line, "arg"));
	notification->callback(notification->refcon, notification->service,
			       (uint32_t)line_word(line, "message"), argument.value);
}

static void ready(struct handle *handle)
{
	struct interest_notification *notification = (struct interest_notification *)handle;
	json_t *line;

	while (session_lines_next(&notification->lines, &line) == 0) {
		tell(notification, line);
		json_decref(line);
	}
	/* The end of the session is that of the service: it said so before. */
	if (!notification->lines.ended)
		notify_enable(&notification->watch);
}

static void notification_free(struct handle *handle)
{
	struct interest_notification *notification = (struct interest_notification *)handle;

	notify_end(&notification->watch);
	session_lines_free(&notification->lines);
	IOObjectRelease(notification->service);
}

static const char *find_interest(const char *name)
{
	for (size_t i = 0; i < sizeof(interests) / sizeof(interests[0]); i++)
		if (strcmp(interests[i], name) == 0)
			return interests[i];
	return NULL;
}

/* With the descriptor of the session. Return: 0 or a negative errno. */
static int fill(struct interest_notification *notification, IONotificationPortRef port,
		const struct interest_notification *wanted)
{
	int fd = notification->handle.fd;

	notification->handle.lineage =
		"IOServiceMessageUserNotification:IOUserNotification:OSIterator:OSObject";
	notification->handle.free = notification_free;
	notification->lines.fd = fd;
	notification->callback = wanted->callback;
	notification->refcon = wanted->refcon;
	notification->interest = wanted->interest;
	if (IOObjectRetain(wanted->service) != kIOReturnSuccess)
		return -EINVAL;
	notification->service = wanted->service;
	return notify_begin(&notification->watch, port, fd, &notification->handle, ready);
}

/* Nothing is told before the program can know what it is. */
static IOReturn publish(struct interest_notification *notification, io_object_t *ret)
{
	_cleanup_(handle_putp) struct handle *handle = handle_ref(&notification->handle);

	*ret = handle_publish(handle);
	if (*ret)
		notify_enable(&notification->watch);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

static IOReturn add(IONotificationPortRef port, struct handle *service,
		    const struct interest_notification *wanted, io_object_t *ret)
{
	struct interest_notification *notification;
	int fd = registry_file(service, "events", O_RDONLY | O_NONBLOCK), r;

	if (fd == -ENOENT || fd == -ENODEV)
		return kIOReturnUnsupported;
	if (fd < 0)
		return mount_result(service->mount, fd);
	notification = handle_new(sizeof(*notification), HANDLE_NOTIFICATION, fd);
	if (!notification)
		return kIOReturnNoMemory;
	r = fill(notification, port, wanted);
	if (r < 0) {
		handle_put(&notification->handle);
		return mount_result(NULL, r);
	}
	return publish(notification, ret);
}

kern_return_t IOServiceAddInterestNotification(IONotificationPortRef port, io_service_t object,
					       const char *interestType,
					       IOServiceInterestCallback callback, void *refCon,
					       io_object_t *ret)
{
	_cleanup_(handle_putp) struct handle *service = registry_get_service(object);
	struct interest_notification wanted = {
		.callback = callback,
		.refcon = refCon,
		.service = object,
	};

	if (!port || !service || !interestType || !callback || !ret)
		return kIOReturnBadArgument;
	wanted.interest = find_interest(interestType);
	return wanted.interest ? add(port, service, &wanted, ret) : kIOReturnUnsupported;
}
