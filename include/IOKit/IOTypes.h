/* SPDX-License-Identifier: MIT */
/*
 * IOTypes - the names of the original's types
 *
 * A port is a file descriptor here. MACH_PORT_NULL is 0, as in the original, so
 * the library never hands out descriptor 0 as a port.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Around declarations of functions: C names, and visible in the library. */
#ifdef __cplusplus
#define IOKIT_BEGIN_DECLS	_Pragma("GCC visibility push(default)") extern "C" {
#define IOKIT_END_DECLS		} _Pragma("GCC visibility pop")
#else
#define IOKIT_BEGIN_DECLS	_Pragma("GCC visibility push(default)")
#define IOKIT_END_DECLS		_Pragma("GCC visibility pop")
#endif

typedef uint8_t		UInt8;
typedef uint16_t	UInt16;
typedef uint32_t	UInt32;
typedef uint64_t	UInt64;
typedef int8_t		SInt8;
typedef int16_t		SInt16;
typedef int32_t		SInt32;
typedef int64_t		SInt64;
typedef unsigned char	Boolean;

typedef int32_t		kern_return_t;
typedef kern_return_t	IOReturn;
typedef uint32_t	IOOptionBits;
typedef uint64_t	IOByteCount;

typedef int		mach_port_t;
#define MACH_PORT_NULL	0
