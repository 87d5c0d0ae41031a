/* SPDX-License-Identifier: MIT */
/*
 * both_sides - a queue that this process has open at both ends, and entries that are text
 */
#pragma once

#include <IOKit/IODataQueueClient.h>

#include "main.h"
#include "directory.h"

static struct directory directory;
static IODataQueueMemory *producer, *consumer;

static inline void open_sides(void)
{
	new_directory(&directory, 4096, 1024);
	producer = IODataQueueOpen(directory.path, kIODataQueueProducer);
	consumer = IODataQueueOpen(directory.path, kIODataQueueConsumer);
	ck_assert_ptr_nonnull(producer);
	ck_assert_ptr_nonnull(consumer);
}

static inline void close_sides(void)
{
	IODataQueueClose(producer);
	IODataQueueClose(consumer);
	remove_directory(&directory);
}

static inline IOReturn try_put_text(const char *text)
{
	char copy[1024];

	strcpy(copy, text);
	return IODataQueueEnqueue(producer, copy, (UInt32)strlen(copy));
}

static inline void put_text(const char *text)
{
	ck_assert_int_eq(try_put_text(text), kIOReturnSuccess);
}

static inline void fill_up(void)
{
	char bytes[1016] = { 0 };

	while (IODataQueueEnqueue(producer, bytes, sizeof(bytes)) == kIOReturnSuccess)
		;
}

static inline void check_next(const char *text)
{
	char bytes[1024];
	UInt32 size = sizeof(bytes);

	ck_assert_int_eq(IODataQueueDequeue(consumer, bytes, &size), kIOReturnSuccess);
	ck_assert_uint_eq(size, strlen(text));
	ck_assert_mem_eq(bytes, text, size);
}
