/* SPDX-License-Identifier: MIT */
/*
 * stream WHAT STREAM [ARGUMENT...] - one thing that a client of a stream does, in the calls of
 * those that were written for the original; ends with 0 if it does it. STREAM is the stream's
 * directory.
 */
#include "checks.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <IOKit/stream/IOStreamLib.h>

#define ROUNDS	300

static IOStreamRef stream;
static unsigned n_frames, n_calls;

/* Until the shell has made a file. */
static void await(const char *file)
{
	while (access(file, F_OK) != 0)
		usleep(2000);
}

static void open_it(void)
{
	gives(kIOReturnSuccess, (*stream)->Open(stream, 0));
}

static void start(void)
{
	gives(kIOReturnSuccess, (*stream)->StartStream(stream));
}

static IOReturn take(IOStreamBufferQueueEntry *entry)
{
	return (*stream)->DequeueOutputEntry(stream, entry);
}

static void give_back(UInt32 id)
{
	gives(kIOReturnSuccess, (*stream)->EnqueueInputBuffer(stream, id, 0, 0, 0, 0));
	gives(kIOReturnSuccess, (*stream)->SendInputNotification(stream, 0xaa));
}

/* Poll, as a program with a loop of its own. Return: whether there was something. */
static bool wait_for_call(int ms)
{
	struct pollfd ready = { .fd = (*stream)->GetRunLoopSource(stream), .events = POLLIN };

	return poll(&ready, 1, ms) == 1 && IOStreamDispatch(stream) == 1;
}

static void count_call(IOStreamRef called, void *context)
{
	check(called == stream);
	(void)context;
	n_calls++;
}

/* The next frame, waited for. */
static void next_frame(IOStreamBufferQueueEntry *entry)
{
	IOReturn result;

	while ((result = take(entry)) == kIOReturnUnderrun)
		check(wait_for_call(20000));
	gives(kIOReturnSuccess, result);
}

static void print_frame(const IOStreamBufferQueueEntry *entry)
{
	const char *data = (*stream)->GetDataBuffer(stream, entry->bufferID);

	fwrite(data + entry->dataOffset, 1, entry->dataLength, stdout);
	fflush(stdout);
}

/* --- capture */

static pthread_mutex_t streaming_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t frame_came = PTHREAD_COND_INITIALIZER;
static bool is_streaming;

/* The sample's: until there is no more. */
static void on_output(IOStreamRef called, void *context)
{
	IOStreamBufferQueueEntry entry;

	check(called == stream && context == &n_frames);
	pthread_mutex_lock(&streaming_lock);
	while (is_streaming && take(&entry) == kIOReturnSuccess) {
		print_frame(&entry);
		give_back(entry.bufferID);
		n_frames++;
		pthread_cond_signal(&frame_came);
	}
	pthread_mutex_unlock(&streaming_lock);
}

/* Until so many came, and the callback does not run any more. */
static void stream_frames(unsigned n)
{
	pthread_mutex_lock(&streaming_lock);
	n_frames = 0;
	is_streaming = true;
	pthread_mutex_unlock(&streaming_lock);
	start();
	pthread_mutex_lock(&streaming_lock);
	while (n_frames < n)
		pthread_cond_wait(&frame_came, &streaming_lock);
	is_streaming = false;
	pthread_mutex_unlock(&streaming_lock);
	gives(kIOReturnSuccess, (*stream)->StopStream(stream));
}

/*
 * capture STREAM FRAMES SESSIONS: all in the order of the sample's client, whose callback and run
 * loop are there before it opens, and from one session to the next
 */
static void capture(char **arguments)
{
	IODispatchQueue *queue = NULL;

	gives(kIOReturnSuccess, IODispatchQueue_Create("capture", 0, 0, &queue));
	gives(kIOReturnSuccess, (*stream)->SetOutputCallback(stream, on_output, &n_frames));
	gives(kIOReturnSuccess, (*stream)->AddToRunLoop(stream, queue));
	for (int i = 0; i < atoi(arguments[1]); i++) {
		open_it();
		check((*stream)->GetMode(stream) == kIOStreamModeOutput);
		check((*stream)->GetBufferCount(stream) > 0);
		stream_frames((unsigned)atoi(arguments[0]));
		gives(kIOReturnSuccess, (*stream)->Close(stream));
	}
	gives(kIOReturnSuccess, (*stream)->SetOutputCallback(stream, NULL, NULL));
	gives(kIOReturnSuccess, (*stream)->RemoveFromRunLoop(stream, queue));
	OSObject_release(queue);
}

/* frames STREAM N: the same by polling; what the control area says, too */
static void frames(char **arguments)
{
	IOStreamBufferQueueEntry entry;

	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	say_ready();
	for (int i = 0; i < atoi(arguments[0]); i++) {
		const IOStreamControlHeader *header;

		next_frame(&entry);
		header = (*stream)->GetControlBuffer(stream, entry.bufferID);
		printf("%u %u %u %u\n", entry.bufferID, entry.dataLength, entry.controlLength,
		       header ? header->flags : 0);
		print_frame(&entry);
		give_back(entry.bufferID);
	}
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* one_call STREAM: three notifications, and one call */
static void one_call(char **arguments)
{
	IOStreamBufferQueueEntry entry;

	(void)arguments;
	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	say_ready();
	await("sent");
	check(wait_for_call(20000));
	check(!wait_for_call(0));
	check(n_calls == 1);
	for (int i = 0; i < 3; i++)
		gives(kIOReturnSuccess, take(&entry));
	gives(kIOReturnUnderrun, take(&entry));
}

/* --- playback */

/* play STREAM TEXT...: into the free buffers that come, then drained */
static void play(char **arguments)
{
	IOStreamBufferQueueEntry entry;

	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	check((*stream)->GetMode(stream) == kIOStreamModeInput);
	start();
	say_ready();
	for (; *arguments; arguments++) {
		size_t size = strlen(*arguments);

		next_frame(&entry);
		check(entry.dataOffset == 0 && size <= entry.dataLength);
		memcpy((*stream)->GetDataBuffer(stream, entry.bufferID), *arguments, size);
		gives(kIOReturnSuccess,
		      (*stream)->EnqueueInputBuffer(stream, entry.bufferID, 0, size, 0, 0));
		gives(kIOReturnSuccess, (*stream)->SendInputNotification(stream, 1));
	}
	gives(kIOReturnSuccess, IOStreamDrain(stream));
	while (IOStreamGetState(stream) == kIOStreamStateDraining)
		usleep(1000);
	check(IOStreamGetState(stream) == kIOStreamStateStopped);
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* --- results */

/* exclusive STREAM: by this reference, by another, and after a close at once */
static void exclusive(char **arguments)
{
	IOStreamRef other = NULL;

	gives(kIOReturnSuccess, IOStreamCreateWithPath(arguments[-1], &other));
	for (int i = 0; i < ROUNDS; i++) {
		open_it();
		gives(kIOReturnExclusiveAccess, (*stream)->Open(stream, 0));
		gives(kIOReturnExclusiveAccess, (*other)->Open(other, 0));
		gives(kIOReturnNotOpen, (*other)->StartStream(other));
		gives(kIOReturnNotOpen, (*other)->Close(other));
		gives(kIOReturnSuccess, (*stream)->Close(stream));
		check(IOStreamGetState(stream) == kIOStreamStateClosed);
		gives(kIOReturnSuccess, (*other)->Open(other, kIOStreamOptionOpenExclusive));
		gives(kIOReturnExclusiveAccess, (*stream)->Open(stream, 0));
		gives(kIOReturnSuccess, (*other)->Close(other));
	}
	gives(kIOReturnBadArgument, (*stream)->Open(stream, 1));
	gives(kIOReturnUnsupported, (*stream)->Open(stream, kIOStreamOptionOpenShared));
	(*other)->Release(other);
}

/* states STREAM: of a stream with buffers, whose modes are input and output */
static void states(char **arguments)
{
	IOStreamBufferQueueEntry entry;

	(void)arguments;
	gives(kIOReturnSuccess, (*stream)->SetMode(stream, kIOStreamModeInput));
	gives(kIOReturnSuccess, (*stream)->SetMode(stream, kIOStreamModeOutput));
	gives(kIOReturnUnsupported, (*stream)->SetMode(stream, kIOStreamModeInputOutput));
	gives(kIOReturnBadArgument, (*stream)->SetMode(stream, 3));
	open_it();
	gives(kIOReturnNotReady, (*stream)->SuspendStream(stream));
	gives(kIOReturnNotReady, take(&entry));
	gives(kIOReturnNotReady, (*stream)->EnqueueInputBuffer(stream, 0, 0, 0, 0, 0));
	gives(kIOReturnSuccess, (*stream)->StopStream(stream));
	gives(kIOReturnSuccess, IOStreamDrain(stream));
	gives(kIOReturnSuccess, (*stream)->SetMode(stream, kIOStreamModeInput));
	gives(kIOReturnSuccess, (*stream)->SetMode(stream, kIOStreamModeOutput));
	start();
	start();
	check(IOStreamGetState(stream) == kIOStreamStateRunning);
	gives(kIOReturnBusy, (*stream)->SetMode(stream, kIOStreamModeInput));
	gives(kIOReturnSuccess, (*stream)->SetMode(stream, kIOStreamModeOutput));
	gives(kIOReturnUnderrun, take(&entry));
	gives(kIOReturnBusy, (*stream)->EnqueueInputBuffer(stream, 0, 0, 0, 0, 0));
	gives(kIOReturnSuccess, (*stream)->SuspendStream(stream));
	gives(kIOReturnSuccess, (*stream)->SuspendStream(stream));
	gives(kIOReturnUnderrun, take(&entry));
	check(IOStreamGetState(stream) == kIOStreamStateSuspended);
	start();
	gives(kIOReturnSuccess, (*stream)->SendInputNotification(stream, 1));
	gives(kIOReturnSuccess, (*stream)->StopStream(stream));
	gives(kIOReturnSuccess, (*stream)->Close(stream));
	gives(kIOReturnNotOpen, (*stream)->StopStream(stream));
}

/* gives STREAM CALL RESULT, of a stream that is opened for it, unless the call is Open */
static void result_of(char **arguments)
{
	IOReturn result;

	if (strcmp(arguments[0], "Open") == 0) {
		result = (*stream)->Open(stream, 0);
	} else {
		open_it();
		result = strcmp(arguments[0], "SetMode") == 0 ?
			(*stream)->SetMode(stream, kIOStreamModeInput) :
			(*stream)->StartStream(stream);
	}
	if (strcmp(name_of(result), arguments[1]) != 0) {
		fprintf(stderr, "%s, not %s\n", name_of(result), arguments[1]);
		exit(EXIT_FAILURE);
	}
}

/* created STREAM RESULT: of IOStreamCreateWithPath() */
static void created(char **arguments)
{
	IOStreamRef made = NULL;
	IOReturn result = IOStreamCreateWithPath(arguments[-1], &made);

	check(!made || result == kIOReturnSuccess);
	if (strcmp(name_of(result), arguments[0]) != 0) {
		fprintf(stderr, "%s, not %s\n", name_of(result), arguments[0]);
		exit(EXIT_FAILURE);
	}
}

/* sync STREAM: a notification that the driver has heard when the call returns */
static void sync_call(char **arguments)
{
	(void)arguments;
	open_it();
	say_ready();
	gives(kIOReturnSuccess, (*stream)->SendInputSyncNotification(stream, 7));
	check(access("heard", F_OK) == 0);
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* many STREAM: notifications that nobody reads */
static void many(char **arguments)
{
	(void)arguments;
	open_it();
	for (int i = 0; i < 1024; i++)
		gives(kIOReturnSuccess, (*stream)->SendInputNotification(stream, 1));
	gives(kIOReturnNoResources, (*stream)->SendInputNotification(stream, 1));
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* --- what happens meanwhile */

/* dead STREAM: the driver goes */
static void dead(char **arguments)
{
	IOStreamBufferQueueEntry entry;

	(void)arguments;
	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	say_ready();
	check(wait_for_call(20000));
	check(n_calls == 1);
	check(!wait_for_call(100));
	gives(kIOReturnNoDevice, take(&entry));
	gives(kIOReturnNoDevice, (*stream)->EnqueueInputBuffer(stream, 0, 0, 0, 0, 0));
	gives(kIOReturnNoDevice, (*stream)->StartStream(stream));
	gives(kIOReturnNoDevice, (*stream)->SetMode(stream, kIOStreamModeInput));
	gives(kIOReturnNoDevice, (*stream)->SendInputNotification(stream, 1));
	gives(kIOReturnNoDevice, (*stream)->GetBufferInfo(stream, 0, NULL, NULL, NULL, NULL));
	gives(kIOReturnNoDevice, (*stream)->Open(stream, 0));
	check(IOStreamGetState(stream) == kIOStreamStateDead);
	gives(kIOReturnSuccess, (*stream)->Close(stream));
	/* It waits for another driver. */
	open_it();
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* added STREAM: a buffer that comes while it is open */
static void added(char **arguments)
{
	UInt32 n = (*stream)->GetBufferCount(stream);
	IOStreamBufferQueueEntry entry;

	(void)arguments;
	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	check(!(*stream)->GetDataBuffer(stream, n));
	say_ready();
	next_frame(&entry);
	check(entry.bufferID == n && (*stream)->GetBufferCount(stream) == n + 1);
	print_frame(&entry);
	give_back(n);
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* drained STREAM: the driver's last frames, and the end when there are no more */
static void drained(char **arguments)
{
	IOStreamBufferQueueEntry entry;

	(void)arguments;
	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	say_ready();
	await("sent");
	gives(kIOReturnSuccess, IOStreamDrain(stream));
	check(IOStreamGetState(stream) == kIOStreamStateDraining);
	gives(kIOReturnBusy, (*stream)->StartStream(stream));
	gives(kIOReturnBusy, (*stream)->SuspendStream(stream));
	for (int i = 0; i < 2; i++) {
		gives(kIOReturnSuccess, take(&entry));
		print_frame(&entry);
	}
	gives(kIOReturnUnderrun, take(&entry));
	check(IOStreamGetState(stream) == kIOStreamStateStopped);
	gives(kIOReturnNotReady, take(&entry));
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* restarted STREAM: fsd is killed, and started again */
static void restarted(char **arguments)
{
	IOStreamBufferQueueEntry entry;
	void *data;

	(void)arguments;
	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	data = (*stream)->GetDataBuffer(stream, 0);
	say_ready();
	next_frame(&entry);
	strcpy(data, "kept");

	/* It is told once that there is no more to be told. */
	n_calls = 0;
	check(wait_for_call(20000));
	check(n_calls == 1 && !wait_for_call(100));
	gives(kIOReturnUnderrun, take(&entry));
	gives(MACH_SEND_INVALID_DEST, (*stream)->StopStream(stream));
	gives(MACH_SEND_INVALID_DEST, (*stream)->SendInputNotification(stream, 1));
	puts("down");
	fflush(stdout);

	await("up");
	gives(kIOReturnNotOpen, take(&entry));
	gives(kIOReturnNotOpen, (*stream)->EnqueueInputBuffer(stream, 0, 0, 0, 0, 0));
	start();
	check((*stream)->GetDataBuffer(stream, 0) == data);
	check(strcmp(data, "kept") == 0);
	puts("again");
	fflush(stdout);
	next_frame(&entry);
	print_frame(&entry);
	give_back(entry.bufferID);
	gives(kIOReturnSuccess, (*stream)->Close(stream));
	open_it();
	gives(kIOReturnSuccess, (*stream)->Close(stream));
}

/* forked STREAM: the parent goes, and the child has the session */
static void forked(char **arguments)
{
	IOStreamBufferQueueEntry entry;
	pid_t child;
	int status;

	(void)arguments;
	(*stream)->SetOutputCallback(stream, count_call, NULL);
	open_it();
	start();
	child = fork();
	check(child >= 0);
	if (child > 0) {
		gives(kIOReturnSuccess, (*stream)->Close(stream));
		check(IOStreamGetState(stream) == kIOStreamStateRunning);
		say_ready();
		check(waitpid(child, &status, 0) == child);
		check(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		return;
	}
	/* Of the parent's close the child hears nothing. */
	check(IOStreamDispatch(stream) == 0);
	await("closed");
	check(wait_for_call(20000));
	gives(kIOReturnSuccess, take(&entry));
	print_frame(&entry);
	give_back(entry.bufferID);
	gives(kIOReturnSuccess, (*stream)->Close(stream));
	check(IOStreamGetState(stream) == kIOStreamStateClosed);
	exit(EXIT_SUCCESS);
}

/* held STREAM: open and started, until it is killed */
static void held(char **arguments)
{
	(void)arguments;
	open_it();
	start();
	say_ready();
	pause();
}

/* --- the service of a stream */

/* plugged SERVICE N: an interface by the plug-in of a service, IOService:/cam0/stream0 */
static void plugged(char **arguments)
{
	io_service_t service = IORegistryEntryFromPath(kIOMainPortDefault, arguments[-1]);
	IOCFPlugInInterface **plugin = NULL;
	SInt32 score = 77;

	check(service != IO_OBJECT_NULL);
	check(IOObjectConformsTo(service, "IOStream"));
	gives(kIOReturnSuccess,
	      IOCreatePlugInInterfaceForService(service, kIOStreamLibTypeID, kIOCFPlugInInterfaceID,
						&plugin, &score));
	IOObjectRelease(service);
	check((*plugin)->QueryInterface(plugin, CFUUIDGetUUIDBytes(kIOStreamInterfaceID_v1),
					(LPVOID *)&stream) == S_OK);
	gives(kIOReturnSuccess, IODestroyPlugInInterface(plugin));
	capture(arguments);
}

static const struct {
	const char *what;
	void (*run)(char **arguments);		/* behind STREAM */
	bool by_path;
} things[] = {
	{ "capture", capture, true }, { "frames", frames, true }, { "one_call", one_call, true },
	{ "play", play, true }, { "exclusive", exclusive, true }, { "states", states, true },
	{ "gives", result_of, true }, { "created", created, false }, { "sync", sync_call, true },
	{ "many", many, true }, { "dead", dead, true }, { "added", added, true },
	{ "drained", drained, true }, { "restarted", restarted, true }, { "forked", forked, true },
	{ "held", held, true }, { "plugged", plugged, false },
};

int main(int argc, char **argv)
{
	check(argc > 2);
	for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
		if (strcmp(things[i].what, argv[1]) != 0)
			continue;
		if (things[i].by_path)
			gives(kIOReturnSuccess, IOStreamCreateWithPath(argv[2], &stream));
		things[i].run(argv + 3);
		if (stream)
			(*stream)->Release(stream);
		return 0;
	}
	fprintf(stderr, "there is no %s\n", argv[1]);
	return 1;
}
