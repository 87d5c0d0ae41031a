/* SPDX-License-Identifier: MIT */
/*
 * IOTypes - the names of the original's types
 *
 * A port is a file descriptor here, and so is a handle. MACH_PORT_NULL is 0, as in
 * the original, so the library never hands out descriptor 0 as either.
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
typedef int		boolean_t;

typedef int32_t		kern_return_t;
typedef kern_return_t	IOReturn;
typedef uint32_t	IOOptionBits;
typedef uint64_t	IOByteCount;

typedef int		mach_port_t;
#define MACH_PORT_NULL	0

/*
 * Handles: descriptors of something in a mount, good in the process that got them.
 * IOObjectRelease() gives them back, not close(). IO_OBJECT_NULL stands for nothing.
 */
typedef mach_port_t	io_object_t;
typedef io_object_t	io_connect_t;
typedef io_object_t	io_enumerator_t;
typedef io_object_t	io_iterator_t;
typedef io_object_t	io_notification_t;
typedef io_object_t	io_registry_entry_t;
typedef io_object_t	io_service_t;
#define IO_OBJECT_NULL	((io_object_t)0)

/* A task is a process, and the only one that can be named is the caller. */
typedef mach_port_t	task_port_t;
#define mach_task_self()	((task_port_t)0x7fffff01)

/* Where and how large a map is. */
typedef uintptr_t	vm_address_t;
typedef uintptr_t	vm_size_t;
typedef uint64_t	mach_vm_address_t;
typedef uint64_t	mach_vm_size_t;

/* Options of a map. What the cache is to do is known to the kernel, and not asked for. */
enum {
	kIOMapAnywhere = 0x1,		/* at any address */
	kIOMapCacheMask = 0xf00,
	kIOMapDefaultCache = 0x000,
	kIOMapInhibitCache = 0x100,
	kIOMapWriteThruCache = 0x200,
	kIOMapCopybackCache = 0x300,
	kIOMapWriteCombineCache = 0x400,
	kIOMapReadOnly = 0x1000		/* the driver's to say; a client's is ignored */
};

/* So long; where one is waited for. */
typedef struct mach_timespec {
	unsigned int tv_sec;
	int tv_nsec;
} mach_timespec_t;

/* Texts, with their NUL. */
typedef char		io_name_t[128];
typedef char		io_string_t[512];
typedef char		io_string_inband_t[4096];
typedef char		io_struct_inband_t[4096];
typedef uint64_t	io_user_scalar_t;
typedef uint64_t	io_user_reference_t;
