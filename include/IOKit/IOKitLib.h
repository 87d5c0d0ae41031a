/* SPDX-License-Identifier: MIT */
/*
 * IOKitLib - a program's side of the registry: find services, look at them, be
 * told of them
 *
 * A mount of fsd is the registry. Which one is meant where a function takes a main
 * port: 0 (kIOMainPortDefault) is the mount that the environment names as
 * FSD_MOUNT, or else the first one of root or of the caller in
 * /proc/self/mountinfo; a descriptor of the root of a mount is that one. Objects
 * remember theirs.
 *
 * Documents	Where Core Foundation stood, jansson stands: a json_t * is what a
 *		dictionary, an array or a value was, and text is a const char *.
 *		Numbers are the bits of 64-bit words: a json_t shows 2^64 - 1 as -1.
 * Objects	An io_object_t is a descriptor that can be polled where its kind says
 *		so. IOObjectRelease() gives it back, never close(). What a function
 *		hands out is a reference of the caller's. Two handles may be of one
 *		entry: IOObjectIsEqualTo() tells.
 * Results	Every result that a function can give is listed with it. A handle that
 *		is none, or of the wrong kind, is kIOReturnBadArgument or nothing. What
 *		can come from any that looks into the mount, and is not listed each
 *		time: kIOReturnNoMemory; kIOReturnNoResources without descriptors;
 *		kIOReturnNotPrivileged where a file's mode forbids it;
 *		kIOReturnNotFound or MACH_SEND_INVALID_DEST for an entry that is gone;
 *		kIOReturnIOError and kIOReturnError where fsd is.
 * Threads	Any thread, any time, as long as the caller has a reference. No
 *		function starts a thread. None is async-signal-safe.
 * Forks	The child of a program with one thread may go on with what its parent
 *		has, and shares its sessions. Of one with more, it may only exec().
 */
#pragma once

#include <jansson.h>

#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>

IOKIT_BEGIN_DECLS

/* The default mount. */
#define kIOMainPortDefault	((mach_port_t)0)
#define kIOMasterPortDefault	((mach_port_t)0)

/*
 * A main port of the default mount, to be given back with IOObjectRelease(). The first
 * argument is not looked at. Stand for IOMainPort() and IOMasterPort().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL; kIOReturnNoDevice when
 * there is no mount; kIOReturnNoMemory.
 */
kern_return_t IOMainPort(mach_port_t bootstrapPort, mach_port_t *mainPort);
kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t *mainPort);

/* Objects */

/*
 * A reference more, or less; with the last one goes the handle, and the session of
 * a connection, iterator or notification. Stand for IOObjectRetain() and
 * IOObjectRelease().
 *
 * Return: kIOReturnSuccess, or kIOReturnBadArgument for what is no handle.
 */
kern_return_t IOObjectRetain(io_object_t object);
kern_return_t IOObjectRelease(io_object_t object);

/*
 * How many references the program has to this handle; 0 for what is none. Stands
 * for IOObjectGetUserRetainCount().
 */
uint32_t IOObjectGetUserRetainCount(io_object_t object);

IOKIT_END_DECLS
