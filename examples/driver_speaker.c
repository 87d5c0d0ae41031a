/* SPDX-License-Identifier: MIT */
/*
 * driver_speaker MOUNT [NAME] - an input stream: what is written to it, to standard output, paced
 *
 *	cc driver_speaker.c $(pkg-config --cflags --libs libqueue)
 * then	cat FILE >MOUNT/streams/speaker/io	a buffer of 512 bytes each 10 ms
 */
#include <err.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <IOKit/stream/IOStream.h>
#include <IOKit/stream/IOStreamLib.h>

enum { N_BUFFERS = 4, SIZE = 512, RATE = 100 };
static bool is_late = true;	/* nothing came at the last tick */

static IOReturn agree(IOStream *stream) { return stream ? kIOReturnSuccess : kIOReturnError; }
static IOReturn stop(IOStream *stream) { is_late = true; return agree(stream); }

/* What is filled waits in the queue until it is its turn: so a drain ends with the last one. */
static void tick(IOStream *stream)
{
	IOStreamBufferQueueEntry entry;

	if (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess) {
		IOStreamBuffer *buffer = IOStream_getBufferWithID(stream, entry.bufferID);
		const char *data = IOStreamBuffer_getDataBytes(buffer);

		if (write(STDOUT_FILENO, data + entry.dataOffset, entry.dataLength) < 0)
			err(1, "standard output");
		IOStream_enqueueOutputBuffer(stream, buffer, 0, SIZE, 0, 0);	/* to be filled */
		IOStream_sendOutputNotification(stream);
		is_late = false;
	} else if (!is_late && IOStream_getStreamState(stream) == kIOStreamStateRunning) {
		IOStream_reportDrop(stream, 1);		/* one, however long the silence */
		is_late = true;
	}
}

int main(int argc, char **argv)
{
	const struct IOStreamMethods methods = { agree, stop, agree };
	const struct IOStreamClass class = { .className = "Speaker:IOStream", .methods = &methods };
	const struct itimerspec each = { { 0, 1000000000 / RATE }, { 0, 1 } };
	IOStream *stream = IOStream_withBuffers(&class, NULL, 0, kIOStreamModeInput, 0, NULL);
	UInt64 n;

	for (int i = 0; i < N_BUFFERS; i++)
		IOStream_addBuffer(stream, IOStreamBuffer_withCapacity(SIZE, 0));
	if (argc < 2 || IOStream_publish(stream, argv[1], argc > 2 ? argv[2] : "speaker"))
		errx(1, "no stream of that name can be made there; usage: driver_speaker MOUNT [NAME]");
	struct pollfd ready[] = { { IOStream_getDescriptor(stream), POLLIN, 0 },
				  { timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), POLLIN, 0 } };
	timerfd_settime(ready[1].fd, 0, &each, NULL);
	while (IOStream_dispatch(stream) != kIOReturnNotAttached && poll(ready, 2, -1) > 0)
		if (read(ready[1].fd, &n, sizeof(n)) > 0)
			tick(stream);
}
