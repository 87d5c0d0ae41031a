/* SPDX-License-Identifier: MIT */
/*
 * driver_camera MOUNT [RATE] - an output stream: RATE frames a second, of 4096 times a letter
 *
 *	cc driver_camera.c $(pkg-config --cflags --libs libqueue)
 *
 * To be seen by `cat MOUNT/streams/camera/io`. In the place of MOUNT may be a service's directory.
 */
#include <err.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <IOKit/stream/IOStream.h>

enum { N_BUFFERS = 3, SIZE = 4096 };
static IOStreamBuffer *buffers[N_BUFFERS];
static UInt64 n_frames, rate = 30;
static int timer;

static IOReturn set_timer(long ns)
{
	struct itimerspec each = { { ns / 1000000000, ns % 1000000000 }, { 0, ns > 0 } };
	return timerfd_settime(timer, 0, &each, NULL) ? kIOReturnDeviceError : kIOReturnSuccess;
}
static IOReturn start(IOStream *stream) { return stream ? set_timer(1000000000L / (long)rate) : 0; }
static IOReturn suspend(IOStream *stream) { return stream ? set_timer(0) : 0; }
static IOReturn stop(IOStream *stream) { n_frames = 0; return suspend(stream); }

static void tick(IOStream *stream)
{
	IOStreamBuffer *buffer = buffers[n_frames % N_BUFFERS];
	IOStreamBufferQueueEntry entry;

	while (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess) { /* it came back */ }
	if (IOStreamBuffer_getClientReferenceCount(buffer) > 0) {	/* but this one did not */
		IOStream_reportDrop(stream, 1);
		return;
	}
	memset(IOStreamBuffer_getDataBytes(buffer), 'a' + (int)(n_frames % 26), SIZE);
	*(IOStreamControlHeader *)IOStreamBuffer_getControlBytes(buffer) = (IOStreamControlHeader){
		.sequence = n_frames, .version = kIOStreamControlVersion };
	if (IOStream_enqueueOutputBuffer(stream, buffer, 0, SIZE, 0, 64) == kIOReturnSuccess)
		n_frames++;
	IOStream_sendOutputNotification(stream);
}

int main(int argc, char **argv)
{
	const struct IOStreamMethods methods = { start, stop, suspend };
	struct IOStreamClass class = { .className = "Camera:IOStream", .methods = &methods };
	IOReturn r;
