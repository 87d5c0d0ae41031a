/* SPDX-License-Identifier: MIT */
/*
 * shared_queue - queues in this process, with entries and ports, and nothing left over
 */
#pragma once

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOSharedDataQueue.h>

#include "main.h"
#include "directory.h"
#include "leftovers.h"

#define N_FDS_AT_MOST	64u

static unsigned n_open_at_first;

static inline void set_up(void)
{
	n_open_at_first = n_open();
}

/* Whatever a test did, it released. */
static inline void tear_down(void)
{
	ck_assert_uint_eq(n_open(), n_open_at_first);
}

static inline IODataQueue *plain(IOSharedDataQueue *queue)
{
	return (IODataQueue *)(void *)queue;
}

static inline IOSharedDataQueue *new_queue(UInt32 size)
{
	IOSharedDataQueue *queue = IOSharedDataQueue_withCapacity(size);

	ck_assert_ptr_nonnull(queue);
	return queue;
}

static inline Boolean put(IOSharedDataQueue *queue, const char *text)
{
	char copy[64];

	strcpy(copy, text);
	return IOSharedDataQueue_enqueue(queue, copy, (UInt32)strlen(copy));
}

static inline void check_next(IOSharedDataQueue *queue, const char *text)
{
	char bytes[64];
	UInt32 size = sizeof(bytes);

	ck_assert(IOSharedDataQueue_dequeue(queue, bytes, &size));
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_mem_eq(bytes, text, size);
}

static inline bool is_readable(mach_port_t port)
{
	struct pollfd poller = { .fd = port, .events = POLLIN };

	return poll(&poller, 1, 0) == 1 && (poller.revents & POLLIN);
}

/*
 * An empty queue leaves its port unreadable, once it was found empty. (Any mount that
 * comes or goes meanwhile makes ports readable, and the queue is looked at again.)
 */
static inline void expect_quiet(IOSharedDataQueue *queue, mach_port_t port)
{
	const struct timespec end = in_ms(20000);
	UInt32 size = 0;

	do {
		ck_assert(!is_over(&end));
		ck_assert(!IOSharedDataQueue_dequeue(queue, &size, &size));
	} while (is_readable(port));
}

static inline mach_port_t new_port(void)
{
	mach_port_t port = IODataQueueAllocateNotificationPort();

	ck_assert_int_ne(port, MACH_PORT_NULL);
	return port;
}
