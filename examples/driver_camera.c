/* SPDX-License-Identifier: MIT */
/*
 * driver_camera MOUNT [NAME] - an output stream: 30 frames a second, each 4096 times a letter
 *
 *	cc driver_camera.c $(pkg-config --cflags --libs libqueue)
 * then	cat MOUNT/streams/camera/io
 */
#include <err.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <IOKit/stream/IOStream.h>
#include <IOKit/stream/IOStreamLib.h>

enum { N_BUFFERS = 3, SIZE = 4096, RATE = 30 };
static UInt32 n_frames;		/* since the start */

static IOReturn agree(IOStream *stream) { return stream ? kIOReturnSuccess : kIOReturnError; }
static IOReturn stop(IOStream *stream) { n_frames = 0; return agree(stream); }

static void tick(IOStream *stream)
{
	IOStreamBuffer *buffer = IOStream_getBufferWithID(stream, n_frames % N_BUFFERS);
	IOStreamControlHeader header = { .sequence = n_frames, .version = kIOStreamControlVersion };
	IOStreamBufferQueueEntry entry;

	if (IOStream_getStreamState(stream) != kIOStreamStateRunning)
		return;
	while (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess) { /* it is ours */ }
	if (IOStreamBuffer_getClientReferenceCount(buffer) == 0) {
		memset(IOStreamBuffer_getDataBytes(buffer), 'a' + (int)n_frames++ % 26, SIZE);
		memcpy(IOStreamBuffer_getControlBytes(buffer), &header, sizeof(header));
		IOStream_enqueueOutputBuffer(stream, buffer, 0, SIZE, 0, sizeof(header));
		IOStream_sendOutputNotification(stream);
	} else {
		IOStream_reportDrop(stream, 1);
	}
}

int main(int argc, char **argv)
{
	const struct IOStreamMethods methods = { agree, stop, agree };
	const struct IOStreamClass class = { .className = "Camera:IOStream", .methods = &methods };
	const struct itimerspec each = { { 0, 1000000000 / RATE }, { 0, 1 } };
	IOStream *stream = IOStream_withBuffers(&class, NULL, 0, kIOStreamModeOutput, 0, NULL);
	UInt64 n;

	for (int i = 0; i < N_BUFFERS; i++)
		IOStream_addBuffer(stream, IOStreamBuffer_withCapacity(SIZE, 64));
	if (argc < 2 || IOStream_publish(stream, argv[1], argc > 2 ? argv[2] : "camera"))
		errx(1, "no stream of that name can be made there; usage: driver_camera MOUNT [NAME]");
	struct pollfd ready[] = { { IOStream_getDescriptor(stream), POLLIN, 0 },
				  { timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), POLLIN, 0 } };
	timerfd_settime(ready[1].fd, 0, &each, NULL);
	while (IOStream_dispatch(stream) != kIOReturnNotAttached && poll(ready, 2, -1) > 0)
		if (read(ready[1].fd, &n, sizeof(n)) > 0)
			tick(stream);
}
