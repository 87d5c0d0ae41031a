/* SPDX-License-Identifier: MIT */
/*
 * IOStreamUserClient - a client's connection to a stream
 *
 * fsd is it. A stream has an entry in the registry, and opening that entry's `clone` makes a user
 * client with the methods, traps, memory types and port types of IOKit/stream/IOStreamShared.h;
 * what it asks of the driver comes as calls of struct IOStreamMethods (IOKit/stream/IOStream.h).
 * So there is nothing for a driver to make or to override, and this header declares no functions.
 */
#pragma once

#include <IOKit/stream/IOStreamShared.h>

/* The name of its class, and of the class of a stream's entry. */
#define kIOStreamUserClientClassName	"IOStreamUserClient"
#define kIOStreamClassName		"IOStream"
