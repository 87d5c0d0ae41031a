/* SPDX-License-Identifier: MIT */
/*
 * source - a source, two handlers that count, and a queue that the test runs
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IODataQueueDispatchSource.h>

#include "main.h"
#include "directory.h"
#include "mounts.h"

#define BYTES	200u		/* as of ten entries of 16 bytes of the original's */

static IODispatchQueue *queue;
static IODataQueueDispatchSource *source;
static OSAction *available, *serviced;
static int n_available, n_serviced, n_completed;
static void (*in_handler)(void);	/* what DataAvailable does, or nothing */
static void (*in_serviced)(void);

static inline void on_available(void *target, OSAction *action)
{
	(void)target;
	(void)action;
	__atomic_fetch_add(&n_available, 1, __ATOMIC_ACQ_REL);
	if (in_handler)
		in_handler();
}

static inline void on_serviced(void *target, OSAction *action)
{
	(void)target;
	(void)action;
	__atomic_fetch_add(&n_serviced, 1, __ATOMIC_ACQ_REL);
	if (in_serviced)
		in_serviced();
}

static inline void on_completion(void *refcon)
{
	(void)refcon;
	store_release(&n_completed, n_completed + 1);
}

static inline void set_up(void)
{
	leave_mounts();
	ck_assert_int_eq(IODispatchQueue_Create("test", kIODispatchQueueCallerRuns, 0, &queue),
			 kIOReturnSuccess);
	ck_assert_int_eq(IODataQueueDispatchSource_Create(BYTES, queue, &source),
			 kIOReturnSuccess);
	ck_assert_int_eq(OSAction_Create(NULL, on_available, 0, NULL, &available),
			 kIOReturnSuccess);
	ck_assert_int_eq(OSAction_Create(NULL, on_serviced, 0, NULL, &serviced),
			 kIOReturnSuccess);
	in_handler = NULL;
	in_serviced = NULL;
}

/* A handler that runs still has its action. */
static inline void expect_last(const OSAction *action)
{
	struct timespec end = in_ms(20000);

	while (OSObject_getRetainCount(action) > 1 && !is_over(&end))
		usleep(100);
	ck_assert_uint_eq(OSObject_getRetainCount(action), 1);
}

static inline void tear_down(void)
{
	OSSafeReleaseNULL(source);
	OSSafeReleaseNULL(queue);
	expect_last(available);
	expect_last(serviced);
	OSSafeReleaseNULL(available);
	OSSafeReleaseNULL(serviced);
}

/* Run what there is to run until there is nothing for a while. */
static inline void run(void)
{
	struct pollfd ready = { .fd = IODispatchQueue_GetDescriptor(queue), .events = POLLIN };

	while (poll(&ready, 1, 20) == 1)
		IODispatchQueue_Dispatch(queue);
}

static inline void expect_called(int n)
{
	n_available = 0;
	run();
	ck_assert_int_eq(n_available, n);
}

static inline void expect_serviced(int n)
{
	n_serviced = 0;
	run();
	ck_assert_int_eq(n_serviced, n);
}

static inline void write_text(void *refcon, void *data, size_t size)
{
	memcpy(data, refcon, size);
}

static inline IOReturn put(const char *text)
{
	return IODataQueueDispatchSource_Enqueue(source, (uint32_t)strlen(text), write_text,
						 (void *)(uintptr_t)text);
}

static inline IOReturn put_16(void)
{
	return put("0123456789abcdef");
}

static char seen[BYTES];
static size_t n_seen;

static inline void read_text(void *refcon, const void *data, size_t size)
{
	(void)refcon;
	ck_assert_uint_lt(size, sizeof(seen));
	memcpy(seen, data, size);
	seen[size] = '\0';
	n_seen = size;
}

static inline IOReturn get(void)
{
	return IODataQueueDispatchSource_Dequeue(source, read_text, NULL);
}

static inline void expect_next(const char *text)
{
	ck_assert_int_eq(get(), kIOReturnSuccess);
	ck_assert_uint_eq(n_seen, strlen(text));
	ck_assert_str_eq(seen, text);
}

static inline void drain(void)
{
	while (get() == kIOReturnSuccess)
		;
}

static inline void take_one(void)
{
	get();
}

static inline int fill_up(void)
{
	int n = 0;

	while (put_16() == kIOReturnSuccess)
		n++;
	return n;
}

static inline void handle_available(void)
{
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataAvailableHandler(source, available),
			 kIOReturnSuccess);
}

static inline void handle_serviced(void)
{
	ck_assert_int_eq(IODataQueueDispatchSource_SetDataServicedHandler(source, serviced),
			 kIOReturnSuccess);
}
