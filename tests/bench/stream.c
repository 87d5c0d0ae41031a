/* SPDX-License-Identifier: MIT */
/*
 * stream WHAT SIZE COUNT MOUNT - pass COUNT frames of SIZE bytes from a driver to its client, two
 * processes with libqueue at both ends, by a stream in MOUNT
 *
 * WHAT is one of these. Of each frame one word is written by the one side and read by the other.
 *
 *	oneway		both sides look again and again; frames a second
 *	roundtrip	likewise, one buffer that is given back at once; nanoseconds
 *	sleep		each side looks for a moment, then notifies the other and sleeps; frames a
 *			second
 *	whole		likewise, and all of each frame is written and read
 *	wake		from when a frame is passed to when the client, which sleeps, has it;
 *			microseconds
 *	read		the client reads io, a megabyte at a time; bytes a second
 *	cat		likewise, as much at a time as cat(1) does
 *	write		the client writes io, a frame at a time; bytes a second
 */
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>

#include <IOKit/stream/IOStream.h>
#include <IOKit/stream/IOStreamLib.h>

#include "frame.h"

#define MEGABYTE	(1u << 20)
#define CAT_SIZE	(128u << 10)
#define NAME		"bench"
#define LINGER		200e-6	/* seconds: more than it takes to wake the other side */

static const char *mount;
static char path[512];

static void must(const char *what, IOReturn result)
{
	if (result == kIOReturnSuccess)
		return;
	fprintf(stderr, "stream: %s: 0x%08x\n", what, (unsigned)result);
	exit(1);
}

/* So that each side finds several: else it is chance how many, and with it how fast it is. */
static void keep_distance(void)
{
	for (int i = 0; i < 64; i++)
		relax();
}

/* --- the driver */

static unsigned long n_passed;
static bool is_closed;

static IOReturn agree(IOStream *stream)
{
	return stream ? kIOReturnSuccess : kIOReturnError;
}

static void closed(IOStream *stream, task_t client, IOOptionBits options)
{
	(void)stream;
	(void)client;
	(void)options;
	is_closed = true;
}

/* The last that came back is passed first: it is in the cache. */
static UInt32 idle[N_BUFFERS], n_idle;

static void take_back(IOStream *stream)
{
	IOStreamBufferQueueEntry entry;

	while (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess)
		idle[n_idle++] = entry.bufferID;
}

/* Return: whether there was a buffer, and a frame. */
static bool pass_one(IOStream *stream)
{
	IOStreamBuffer *buffer;

	take_back(stream);
	if (n_idle == 0 || n_passed == n_frames)
		return false;
	buffer = IOStream_getBufferWithID(stream, idle[--n_idle]);
	fill_frame(IOStreamBuffer_getDataBytes(buffer), n_passed++);
	must("enqueue", IOStream_enqueueOutputBuffer(stream, buffer, 0, frame_size, 0, 0));
	return true;
}

static void passed_back(IOStream *stream, UInt32 token)
{
	(void)token;
	while (pass_one(stream))
		must("notify", IOStream_sendOutputNotification(stream));
}

static void play_all(IOStream *stream, UInt32 token)
{
	static unsigned long n_played;
	IOStreamBufferQueueEntry entry;

	(void)token;
	while (IOStream_dequeueInputEntry(stream, &entry) == kIOReturnSuccess) {
		IOStreamBuffer *buffer = IOStream_getBufferWithID(stream, entry.bufferID);

		check_frame(IOStreamBuffer_getDataBytes(buffer), n_played++);
		IOStream_enqueueOutputBuffer(stream, buffer, 0, frame_size, 0, 0);
	}
	IOStream_sendOutputNotification(stream);
}

static void serve_once(IOStream *stream)
{
	struct pollfd ready = { .fd = IOStream_getDescriptor(stream), .events = POLLIN };

	poll(&ready, 1, -1);
	IOStream_dispatch(stream);
}

static void wait_for_start(IOStream *stream)
{
	while (IOStream_getStreamState(stream) != kIOStreamStateRunning)
		serve_once(stream);
	while (n_idle < IOStream_getBufferCount(stream)) {
		idle[n_idle] = n_idle;
		n_idle++;
	}
}

static void wait_for_close(IOStream *stream)
{
	while (!is_closed)
		serve_once(stream);
	OSObject_release(stream);
}

static IOStream *publish(const struct IOStreamClass *class, IOStreamMode mode, int n_buffers)
{
	IOStream *stream = IOStream_withBuffers(class, NULL, 0, mode, 0, NULL);

	for (int i = 0; i < n_buffers; i++)
		IOStream_addBuffer(stream, IOStreamBuffer_withCapacity(frame_size, 0));
	must("publish", IOStream_publish(stream, mount, NAME));
	meet();
	return stream;
}

/* One that is not called, but looks by itself. */
static const struct IOStreamMethods awake_methods = {
	.startStream = agree, .stopStream = agree, .handleClose = closed };
static const struct IOStreamClass awake_class = { .methods = &awake_methods };

static void drive_awake(int n_buffers, void (*hold_on)(void))
{
	IOStream *stream = publish(&awake_class, kIOStreamModeOutput, n_buffers);

	wait_for_start(stream);
	while (n_passed < n_frames)
		if (!pass_one(stream))
			hold_on();
	wait_for_close(stream);
}

static void drive_one(void) { drive_awake(1, relax); }
static void drive_many(void) { drive_awake(N_BUFFERS, keep_distance); }

/* Return: whether there was anything soon. */
static bool pass_soon(IOStream *stream)
{
	double end = now() + LINGER;

	do {
		if (pass_one(stream))
			return true;
		keep_distance();
	} while (now() < end);
	return false;
}

/* A notification that was not collected costs nothing to repeat. */
static void drive_lingering(void)
{
	IOStream *stream = publish(&awake_class, kIOStreamModeOutput, N_BUFFERS);

	wait_for_start(stream);
	while (n_passed < n_frames) {
		if (pass_soon(stream))
			must("notify", IOStream_sendOutputNotification(stream));
		else
			serve_once(stream);
	}
	wait_for_close(stream);
}

static void drive_seldom(void)
{
	IOStream *stream = publish(&awake_class, kIOStreamModeOutput, 1);
	IOStreamBuffer *buffer = IOStream_getBufferWithID(stream, 0);
	IOStreamBufferQueueEntry entry;

	wait_for_start(stream);
	for (unsigned long i = 0; i < n_frames; i++) {
		usleep(PAUSE_US);
		while (i > 0 && IOStream_dequeueInputEntry(stream, &entry) != kIOReturnSuccess)
			relax();
		stamp_frame(IOStreamBuffer_getDataBytes(buffer));
		must("enqueue", IOStream_enqueueOutputBuffer(stream, buffer, 0, frame_size, 0, 0));
		must("notify", IOStream_sendOutputNotification(stream));
	}
	wait_for_close(stream);
}

/* Called when fsd gave back what was read. */
static void drive_called(void)
{
	static const struct IOStreamMethods methods = {
		.startStream = agree, .stopStream = agree, .handleClose = closed,
		.inputCallback = passed_back };
	static const struct IOStreamClass class = { .methods = &methods };
	IOStream *stream = publish(&class, kIOStreamModeOutput, N_BUFFERS);

	wait_for_start(stream);
	passed_back(stream, 0);
	wait_for_close(stream);
}

static void drive_player(void)
{
	static const struct IOStreamMethods methods = {
		.startStream = agree, .stopStream = agree, .handleClose = closed,
		.inputCallback = play_all };
	static const struct IOStreamClass class = { .methods = &methods };

	wait_for_close(publish(&class, kIOStreamModeInput, N_BUFFERS));
}

/* --- the client */

static unsigned long n_received;

static IOStreamRef start_stream(void)
{
	IOStreamRef stream;

	must("create", IOStreamCreateWithPath(path, &stream));
	must("open", (*stream)->Open(stream, 0));
	return stream;
}

static void end_stream(IOStreamRef stream)
{
	(*stream)->Close(stream);
	(*stream)->Release(stream);
}

static void (*note)(const void *data, unsigned long n) = check_frame;

/* Return: whether there was one. It goes back. */
static bool receive_next(IOStreamRef stream)
{
	IOStreamBufferQueueEntry entry;
	IOReturn r = (*stream)->DequeueOutputEntry(stream, &entry);

	if (r == kIOReturnUnderrun)
		return false;
	must("dequeue", r);
	note((*stream)->GetDataBuffer(stream, entry.bufferID), n_received++);
	must("give back", (*stream)->EnqueueInputBuffer(stream, entry.bufferID, 0, 0, 0, 0));
	return true;
}

static double receive_awake(void (*hold_on)(void))
{
	IOStreamRef stream = start_stream();
	double started, took;

	must("start", (*stream)->StartStream(stream));
	started = now();
	while (n_received < n_frames)
		if (!receive_next(stream))
			hold_on();
	took = now() - started;
	end_stream(stream);
	return took;
}

static double receive_one(void) { return receive_awake(relax); }
static double receive_many(void) { return receive_awake(keep_distance); }

/* Return: whether there was anything soon. */
static bool receive_soon(IOStreamRef stream)
{
	double end = now() + LINGER;

	do {
		if (receive_next(stream))
			return true;
		keep_distance();
	} while (now() < end);
	return false;
}

static void receive_all(IOStreamRef stream, void *context)
{
	(void)context;
	while (n_received < n_frames && receive_next(stream))
		;
}

static void sleep_until_notified(IOStreamRef stream)
{
	struct pollfd ready = { .fd = (*stream)->GetOutputPort(stream), .events = POLLIN };

	poll(&ready, 1, -1);
	IOStreamDispatch(stream);
}

/* Half of the buffers have gone back, and the driver has not taken them. */
static bool driver_is_late(IOStreamRef stream)
{
	volatile const IOStreamBufferQueue *queue = (*stream)->GetInputQueue(stream);
	UInt32 n = queue->entryCount;

	return (queue->headIndex + n - queue->tailIndex) % n >= N_BUFFERS / 2;
}

/* Who is awake does not hear all of them; that is none of ours. */
static void notify_driver(IOStreamRef stream)
{
	IOReturn r = (*stream)->SendInputNotification(stream, 0);

	if (r != kIOReturnNoResources)
		must("notify", r);
}

/* So long that it must be asleep? Then it is told, once. @late_since: seconds; 0: it was not. */
static void wake_driver(IOStreamRef stream, double *late_since)
{
	if (!driver_is_late(stream)) {
		*late_since = 0;
	} else if (*late_since == 0) {
		*late_since = now();
	} else if (now() - *late_since > LINGER) {
		notify_driver(stream);
		*late_since = now() + 1;
	}
}

static double receive_lingering(void)
{
	IOStreamRef stream = start_stream();
	double started, took, late_since = 0;

	(*stream)->SetOutputCallback(stream, receive_all, NULL);
	must("start", (*stream)->StartStream(stream));
	started = now();
	while (n_received < n_frames) {
		if (receive_soon(stream)) {
			wake_driver(stream, &late_since);
			continue;
		}
		notify_driver(stream);
		sleep_until_notified(stream);
	}
	took = now() - started;
	end_stream(stream);
	return took;
}

static double receive_woken(void)
{
	IOStreamRef stream = start_stream();

	note = note_stamp;
	(*stream)->SetOutputCallback(stream, receive_all, NULL);
	must("start", (*stream)->StartStream(stream));
	while (n_received < n_frames)
		sleep_until_notified(stream);
	end_stream(stream);
	return 0;
}

static int open_io(int flags)
{
	char io[sizeof(path) + 3];
	int fd;

	snprintf(io, sizeof(io), "%s/io", path);
	fd = open(io, flags);
	if (fd < 0)
		fail(io);
	return fd;
}

/* The kernel passes on 256 pages at once, and no more. */
static alignas(4096) unsigned char bytes[MEGABYTE];

/* Frames are as long as a read or as several. */
static double read_io(size_t at_once)
{
	int fd = open_io(O_RDONLY);
	uint64_t done = 0;
	double started = now();

	while (done < (uint64_t)n_frames * frame_size) {
		ssize_t n = read(fd, bytes, at_once);

		if (n <= 0)
			fail("read");
		if (done % frame_size == 0)
			check_frame(bytes, done / frame_size);
		done += (uint64_t)n;
	}
	started = now() - started;
	close(fd);
	return started;
}

static double read_megabytes(void) { return read_io(MEGABYTE); }
static double read_as_cat(void) { return read_io(CAT_SIZE); }

static double write_frames(void)
{
	int fd = open_io(O_WRONLY);
	double started = now();

	for (unsigned long i = 0; i < n_frames; i++) {
		fill_frame(bytes, i);
		if (write(fd, bytes, frame_size) != (ssize_t)frame_size)
			fail("write");
	}
	started = now() - started;
	close(fd);
	return started;
}

/* --- what the words mean */

static const struct measure {
	const char *name;
	void (*drive)(void);
	double (*client)(void);		/* seconds */
	enum { FRAMES, NANOSECONDS, STAMPS, BYTES } printed;
} measures[] = {
	{ "oneway", drive_many, receive_many, FRAMES },
	{ "roundtrip", drive_one, receive_one, NANOSECONDS },
	{ "sleep", drive_lingering, receive_lingering, FRAMES },
	{ "whole", drive_lingering, receive_lingering, FRAMES },
	{ "wake", drive_seldom, receive_woken, STAMPS },
	{ "read", drive_called, read_megabytes, BYTES },
	{ "cat", drive_called, read_as_cat, BYTES },
	{ "write", drive_player, write_frames, BYTES },
};

static void drive(void *arg)
{
	const struct measure *measure = arg;

	measure->drive();
}

static void be_client(void *arg)
{
	const struct measure *measure = arg;
	double took;

	meet();
	took = measure->client();
	if (measure->printed == STAMPS)
		print_stamps();
	else if (measure->printed == NANOSECONDS)
		printf("%.2f\n", took / (double)n_frames * 1e9);
	else
		printf("%.0f\n", (double)n_frames / took *
				 (measure->printed == BYTES ? (double)frame_size : 1));
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: stream WHAT SIZE COUNT MOUNT\n");
		return 2;
	}
	frame_size = strtoul(argv[2], NULL, 10);
	n_frames = strtoul(argv[3], NULL, 10);
	mount = argv[4];
	is_whole = strcmp(argv[1], "whole") == 0;
	snprintf(path, sizeof(path), "%s/streams/" NAME, mount);

	for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
		struct measure measure = measures[i];

		if (strcmp(argv[1], measure.name) == 0) {
			run_pair(drive, be_client, &measure);
			return 0;
		}
	}
	fprintf(stderr, "stream: no such measure: %s\n", argv[1]);
	return 2;
}
