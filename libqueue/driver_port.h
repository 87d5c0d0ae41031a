/* SPDX-License-Identifier: MIT */
/*
 * driver_port - the way back to a client: of an asynchronous call, or of a notification port
 *
 * A number stands for it, so that a driver that keeps one too long, or gives it back twice, reaches
 * nobody. Its low two bits are 0, for a reference's flags; and it is larger than any descriptor,
 * so that nothing happens when it is taken for one.
 */
#pragma once

#include <IOKit/IOUserClient.h>

struct driver_port {
	IOService *service;	/* borrowed; retained in what driver_port_get() gives */
	uint64_t connection;
	uint64_t reference;	/* of a call */
	bool is_notification;
	UInt32 type;		/* of a notification port */
};

/* Return: its number, or MACH_PORT_NULL without memory. */
mach_port_t driver_port_new(const struct driver_port *port);

/* Return: whether there is one of this number; the caller releases @ret->service. */
bool driver_port_get(mach_port_t number, struct driver_port *ret);

/* Forget it; there may be none. */
void driver_port_release(mach_port_t number);

/* All that lead to a connection of @service. */
void driver_ports_release(const IOService *service, uint64_t connection);
