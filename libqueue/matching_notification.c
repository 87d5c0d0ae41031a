/* SPDX-License-Identifier: MIT */
/*
 * matching_notification - an iterator that has more later, and says so
 *
 *	            IOIteratorNext() finds nothing
 *	unarmed ────────────────────────────────────► armed: the session is watched
 *	   ▲                                            │
 *	   └────────────────────────────────────────────┘
 *	     a line comes: the callback is called, once
 *
 * While it is unarmed, lines stay in the session until somebody asks. The session gives
 * the oldest first and the program wants the newest, so lines are put on a stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cleanup.h"
#include "iterator.h"
#include "json_text.h"
#include "matching.h"
#include "mount.h"
#include "notify.h"
#include "registry_entry.h"
#include "session_lines.h"

#define MAX_WAITING	1024	/* services that wait; what was there at first, besides */

/* What a line says of a service. */
struct news {
	uint64_t id;
	char *path;		/* owned; in the mount */
	char *class_name;	/* owned */
};

struct matching_notification {
	struct iterator iterator;
	struct notify_watch watch;
	struct session_lines lines;
	IOServiceMatchingCallback callback;
	void *refcon;
	io_iterator_t number;		/* what the program calls it */
	bool of_ends;			/* it tells of services that terminate */
	bool armed;
	struct news *news;		/* owned: a stack */
	size_t n_news, room;
};

static void news_free(struct news *news)
{
	free(news->path);
	free(news->class_name);
}

/* "IOService:/a" without its colon, the caller's. */
static char *path_in_mount(const char *plane_path)
{
	char *path = strdup(plane_path);
	char *colon = path ? strchr(path, ':') : NULL;

	if (colon)
		memmove(colon, colon + 1, strlen(colon));
	return path;
}

static int push(struct matching_notification *notification, const json_t *line)
{
	struct news news = { .id = line_word(line, "id") };

	if (news.id == 0)
		return 0;	/* "armed", "lost" */
	if (notification->n_news == notification->room) {
		size_t room = 2 * notification->room + 16;
		struct news *larger = realloc(notification->news, room * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		notification->news = larger;
		notification->room = room;
	}
	news.path = path_in_mount(line_text(line, "path"));
	news.class_name = strdup(line_text(line, "class"));
	if (!news.path || !news.class_name) {
		news_free(&news);
		return -ENOMEM;
	}
	notification->news[notification->n_news++] = news;
	return 0;
}

/* Take what came. Those that there is no room for are lost. */
static void take_lines(struct matching_notification *notification)
{
	json_t *line;

	while (session_lines_next(&notification->lines, &line) == 0) {
		if (notification->n_news < MAX_WAITING)
			push(notification, line);
		json_decref(line);
	}
}

/* What is there at first: all lines up to the one that says "armed". */
static int take_first(struct matching_notification *notification)
{
	bool is_armed = false;
	int r = 0;

	while (r == 0 && !is_armed) {
		json_auto_t *line = NULL;

		r = session_lines_next(&notification->lines, &line);
		if (r == -EAGAIN) {
			session_lines_wait(&notification->lines);
			r = 0;
		} else if (r == 0) {
			is_armed = json_is_true(json_object_get(line, "armed"));
			r = push(notification, line);
		}
	}
	return r == -ENODATA ? -ENODEV : r;
}

/* The service, when it is still the same one there; or, of its end, what it was. */
static struct handle *open_news(const struct matching_notification *notification,
				const struct news *news)
{
	const char *mount = notification->iterator.handle.mount;
	struct handle *entry;

	if (registry_open(mount, news->path, &entry) == 0) {
		if (entry->id == news->id)
			return entry;
		handle_put(entry);
	}
	return notification->of_ends ?
		registry_open_gone(mount, news->id, news->path, news->class_name) : NULL;
}

static struct handle *notification_next(struct iterator *iterator)
{
	struct matching_notification *notification = (struct matching_notification *)iterator;

	take_lines(notification);
	while (notification->n_news > 0) {
		struct news news = notification->news[--notification->n_news];
		struct handle *entry = open_news(notification, &news);

		news_free(&news);
		if (entry)
			return entry;
	}
	if (!notification->lines.ended && !notification->armed) {
		notification->armed = true;
		notify_enable(&notification->watch);
	}
	return NULL;
}

static bool notification_is_valid(struct iterator *iterator)
{
	return !((struct matching_notification *)iterator)->lines.ended;
}

static void notification_free(struct iterator *iterator)
{
	struct matching_notification *notification = (struct matching_notification *)iterator;

	notify_end(&notification->watch);
	session_lines_free(&notification->lines);
	while (notification->n_news > 0)
		news_free(&notification->news[--notification->n_news]);
	free(notification->news);
}

static const struct iterator_kind notification_kind = {
	.lineage = "IOServiceUserNotification:IOUserNotification:OSIterator:OSObject",
	.size = sizeof(struct matching_notification),
	.next = notification_next,
	.is_valid = notification_is_valid,
	.free = notification_free,
};

/* The session has something to read. Return: whether the program is to be told. */
static bool disarm(struct matching_notification *notification)
{
	bool tells;

	pthread_mutex_lock(&notification->iterator.lock);
	take_lines(notification);
	tells = notification->armed && (notification->n_news > 0 || notification->lines.ended);
	if (tells)
		notification->armed = false;
	else if (notification->armed)
		notify_enable(&notification->watch);
	pthread_mutex_unlock(&notification->iterator.lock);
	return tells;
}

static void ready(struct handle *handle)
{
	struct matching_notification *notification = (struct matching_notification *)handle;

	if (disarm(notification) && notify_may_call(&notification->watch))
		notification->callback(notification->refcon, notification->number);
}

/* Making one */

static int write_wish(int fd, const char *type, const char *dictionary)
{
	_cleanup_(freep) char *line = text_print("{\"type\":\"%s\",\"match\":%s}\n", type, dictionary);

	return line ? stream_write(fd, line, strlen(line)) : -ENOMEM;
}

/* The session, told what is wanted. Return: it, or a negative errno. */
static int open_session(const char *mount, const char *type, const char *dictionary)
{
	_cleanup_(closep) int fd = mount_open(mount, "watch", O_RDWR | O_NONBLOCK);
	int r = fd < 0 ? fd : write_wish(fd, type, dictionary);

	return r < 0 ? r : steal_fd(&fd);
}

static int fill(struct matching_notification *notification, IONotificationPortRef port)
{
	int fd = notification->iterator.handle.fd;

	notification->lines.fd = fd;
	notification->number = fd;
	return notify_begin(&notification->watch, port, fd, &notification->iterator.handle, ready);
}

static IOReturn add(IONotificationPortRef port, const char *type, const char *dictionary,
		    const struct matching_notification *wanted, io_iterator_t *ret)
{
	_cleanup_(freep) char *mount = NULL;
	struct matching_notification *notification;
	IOReturn result = notify_mount(port, &mount);
	int fd, r;

	if (result != kIOReturnSuccess)
		return result;
	fd = open_session(mount, type, dictionary);
	if (fd < 0)
		return mount_result(mount, fd);
	notification = iterator_new(&notification_kind, fd, mount);
	if (!notification)
		return kIOReturnNoMemory;
	notification->callback = wanted->callback;
	notification->refcon = wanted->refcon;
	notification->of_ends = wanted->of_ends;
	r = fill(notification, port);
	if (r == 0)
		r = take_first(notification);
	if (r < 0) {
		handle_put(&notification->iterator.handle);
		return mount_result(mount, r);
	}
	*ret = handle_publish(&notification->iterator.handle);
	return *ret ? kIOReturnSuccess : kIOReturnNoMemory;
}

static bool is_type(const char *type)
{
	static const char *const types[] = {
		kIOPublishNotification, kIOFirstPublishNotification, kIOMatchedNotification,
		kIOFirstMatchNotification, kIOTerminatedNotification,
		kIOWillTerminateNotification,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

kern_return_t IOServiceAddMatchingNotification(IONotificationPortRef port, const char *type,
					       json_t *matching,
					       IOServiceMatchingCallback callback, void *refCon,
					       io_iterator_t *ret)
{
	struct matching_notification wanted = { .callback = callback, .refcon = refCon };
	_cleanup_(freep) char *dictionary = NULL;
	IOReturn result = kIOReturnBadArgument;

	if (port && type && callback && ret)
		result = matching_print(matching, &dictionary);
	json_decref(matching);
	if (result != kIOReturnSuccess)
		return result;
	if (!is_type(type))
		return kIOReturnUnsupported;
	wanted.of_ends = strcmp(type, kIOTerminatedNotification) == 0 ||
			 strcmp(type, kIOWillTerminateNotification) == 0;
	return add(port, type, dictionary, &wanted, ret);
}
