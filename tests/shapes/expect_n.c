/* SPDX-License-Identifier: MIT */
/*
 * expect_n - a known number of completions for each command
 *
 *	expect_n ask COMMANDS COMPLETIONS SECONDS	wait until all have come; again
 *	expect_n answer COMMANDS COMPLETIONS		as many as a command asks for
 *
 * Mostly two, sometimes more than the queue has room for.
 */
#include <err.h>
#include <string.h>
#include <unistd.h>

#include "shape.h"

#define MANY	200u

static IODataQueueMemory *commands, *completions;
static mach_port_t port;

static void submit(uint32_t n)
{
	shape_check(IODataQueueEnqueue(commands, &n, sizeof(n)), "submit");
}

/* The size is set before the first of all, and never again. */
static void collect(struct stream *stream, uint32_t n)
{
	static uint64_t data[FIXED_SIZE / 8];
	static UInt32 size = sizeof(data);
	uint32_t got = 0;

	while (got < n) {
		stream->n_waits++;
		shape_check(IODataQueueWaitForAvailableData(completions, port), "wait");
		while (IODataQueueDequeue(completions, data, &size) == kIOReturnSuccess) {
			if (size != FIXED_SIZE)
				errx(1, "a completion of %u bytes", size);
			stream_take(stream, data, size);
			got++;
		}
	}
	if (got != n)
		errx(1, "%u completions instead of %u", got, n);
}

static int ask(const char *seconds)
{
	struct stream stream = { 0 };
	struct rhythm rhythm;
	struct phase phase;
	uint32_t n_commands = 0;

	rhythm_begin(&rhythm, seconds, (uint64_t)getpid());
	while (rhythm_next(&rhythm, &phase)) {
		uint32_t n = ++n_commands % 20 == 0 ? MANY : 2;

		submit(n);
		collect(&stream, n);
	}
	submit(0);
	collect(&stream, 1);
	return stream_close(&stream);
}

static void complete(uint64_t number, uint32_t flags)
{
	uint64_t entry[FIXED_SIZE / 8];
	IOReturn r;

	entry_make(entry, number, FIXED_SIZE, flags, 0);
	while ((r = IODataQueueEnqueue(completions, entry, FIXED_SIZE)) == kIOReturnOverrun)
		shape_check(IODataQueueWaitForSpace(completions, FIXED_SIZE), "wait for space");
	shape_check(r, "complete");
	shape_progress();
}

static int answer(void)
{
	uint64_t number = 0;
	uint32_t n;

	do {
		UInt32 size = sizeof(n);

		shape_check(IODataQueueWaitForAvailableData(commands, port), "wait");
		shape_check(IODataQueueDequeue(commands, &n, &size), "a command");
		for (uint32_t i = 0; i < n; i++) {
			/* Now and then the second one comes late. */
			if (i == 1 && number % 16 == 1)
				shape_sleep(100000);
			complete(number++, 0);
		}
	} while (n > 0);
	complete(number, ENTRY_LAST);
	return 0;
}

int main(int argc, char **argv)
{
	bool asks = argc == 5 && strcmp(argv[1], "ask") == 0;
	int status;

	if (!asks && !(argc == 4 && strcmp(argv[1], "answer") == 0))
		errx(2, "usage: expect_n ask|answer COMMANDS COMPLETIONS [SECONDS]");
	shape_begin();
	commands = shape_open(argv[2], asks ? kIODataQueueProducer : kIODataQueueConsumer);
	completions = shape_open(argv[3], asks ? kIODataQueueConsumer : kIODataQueueProducer);
	port = shape_port(asks ? completions : commands);

	status = asks ? ask(argv[4]) : answer();
	IODataQueueClose(completions);
	IODataQueueClose(commands);
	close(port);
	return status;
}
