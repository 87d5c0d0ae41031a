/* SPDX-License-Identifier: MIT */
/*
 * notify - notification ports: one descriptor for what many sessions have to tell
 *
 * A port is an epoll instance. A watch is a session's descriptor in it. Whoever
 * dispatches the port (the program, or a dispatch queue) runs what the watches
 * stand for; one watch never runs twice at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <IOKit/IOKitLib.h>

#include "handle.h"

/* Part of what it watches for, and 0 before. All is notify.c's. */
struct notify_watch {
	struct notify_watch *next;
	struct IONotificationPort *port;	/* retained */
	uint64_t id;				/* never used again; 0: not watching */
	int fd;					/* borrowed */
	struct handle *handle;			/* borrowed: its free() ends the watch */
	void (*ready)(struct handle *handle);
};

/*
 * Have @ready called with @handle by whoever dispatches @port, once after each
 * notify_enable(), when @fd is readable (or hung up). The handle is kept from going while it
 * runs; it asks notify_may_call() before each function of the program's.
 * Return: 0, or a negative errno and nothing to end.
 */
int notify_begin(struct notify_watch *watch, struct IONotificationPort *port, int fd,
		 struct handle *handle, void (*ready)(struct handle *handle));
void notify_enable(struct notify_watch *watch);

/* Neither the handle was released, nor the port destroyed. */
bool notify_may_call(struct notify_watch *watch);

/* For the free() of the handle. Harmless when not watching. */
void notify_end(struct notify_watch *watch);

/*
 * The port with the descriptor @port, of IONotificationPortGetMachPort() or
 * IOCreateReceivePort(). Return: a reference, for OSObject_release(), or NULL.
 */
struct IONotificationPort *notify_find(mach_port_t port);

/* The mount of its main port. Return: as mount_of_port(). */
IOReturn notify_mount(struct IONotificationPort *port, char **ret);
