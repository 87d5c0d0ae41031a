/* SPDX-License-Identifier: MIT */
/*
 * client - what the programs of this folder have in common
 *
 * Each has the calls of a client that was written for the original, in their order; the
 * drivers that they talk to are in drivers.py. What a call gives is printed, and
 * tests/integration/iokit_shapes.bats knows what that is to be.
 */
#pragma once

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <IOKit/IOKitLib.h>
#include <IOKit/IOConnect.h>

/* "kIOReturnSuccess", or the number of a code that has no name. */
static inline const char *name_of(IOReturn result)
{
	static char number[16];
	const char *name = IOReturnName(result);

	if (name)
		return name;
	snprintf(number, sizeof(number), "0x%08x", (unsigned)result);
	return number;
}

static inline void say(const char *what, IOReturn result)
{
	printf("%s: %s\n", what, name_of(result));
}

static inline void must(const char *what, IOReturn result)
{
	if (result == kIOReturnSuccess)
		return;
	fprintf(stderr, "%s: %s\n", what, name_of(result));
	exit(EXIT_FAILURE);
}

/* A connection to the one service of a class. */
static inline io_connect_t open_class(const char *class_name, uint32_t type)
{
	io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault,
							   IOServiceMatching(class_name));
	io_connect_t connect = IO_OBJECT_NULL;

	if (service == IO_OBJECT_NULL) {
		fprintf(stderr, "no service of class %s\n", class_name);
		exit(EXIT_FAILURE);
	}
	must("IOServiceOpen", IOServiceOpen(service, mach_task_self(), type, &connect));
	IOObjectRelease(service);
	return connect;
}
