/* SPDX-License-Identifier: MIT */
/*
 * stream_driver SERVICE NAME MODE BUFFERS [LENGTH] - a driver that does what it is told
 *
 * Each line of standard input is something that drivers do; the result is printed as
 * "WORD: RESULT", and so is what its class is asked: "asked start". Areas are of 4096 and 64 bytes;
 * the data area of buffer N is full of 'a' + N at first, and its control area begins with a
 * header. After `refuse CODE`, it refuses what it is asked next.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>
#include <IOKit/IOUserClient.h>
#include <IOKit/stream/IOStream.h>

#define MOST_BUFFERS	16

static IOStream *stream;
static IOStreamBuffer *made[MOST_BUFFERS];
static IOReturn refusal;

static IOReturn asked(const char *what)
{
	IOReturn result = refusal;

	printf("asked %s\n", what);
	refusal = kIOReturnSuccess;
	return result;
}

static IOReturn start(IOStream *of) { (void)of; return asked("start"); }
static IOReturn stop(IOStream *of) { (void)of; return asked("stop"); }
static IOReturn suspend(IOStream *of) { (void)of; return asked("suspend"); }

static IOReturn set_mode(IOStream *of, IOStreamMode mode)
{
	char text[32];

	snprintf(text, sizeof(text), "mode %u", mode);
	return mode == kIOStreamModeInputOutput ? IOStream_setStreamMode(of, mode) : asked(text);
}

static bool handle_open(IOStream *of, task_t client, IOOptionBits options, void *argument)
{
	char text[64];

	snprintf(text, sizeof(text), "open %d %u", IOTaskGetPID(client), IOTaskGetUID(client));
	return IOStream_handleOpen(of, client, options, argument) &&
	       asked(text) == kIOReturnSuccess;
}

static void handle_close(IOStream *of, task_t client, IOOptionBits options)
{
	(void)of, (void)client, (void)options;
	puts("asked close");
}

static void called(IOStream *of, UInt32 token)
{
	(void)of;
	printf("async %u\n", token);
}

static void called_sync(IOStream *of, UInt32 token)
{
	(void)of;
	printf("sync %u\n", token);
}

static void terminated(IOStream *of)
{
	(void)of;
	puts("terminated");
}

static const struct IOStreamMethods methods = {
	start, stop, suspend, set_mode, handle_open, handle_close, called, called_sync, terminated,
	NULL
};
static const struct IOStreamClass class = {
	.className = "TestStream:IOStream", .methods = &methods,
};

/* --- what it is told; N is the number behind the word */

static IOStreamBuffer *new_buffer(unsigned data, unsigned control, char fill)
{
	IOStreamBuffer *buffer = IOStreamBuffer_withCapacity(data, control);
	IOStreamControlHeader header = { .version = kIOStreamControlVersion };

	if (!buffer)
		errx(1, "no memory");
	memset(IOStreamBuffer_getDataBytes(buffer), fill, data);
	if (control >= sizeof(header))
		memcpy(IOStreamBuffer_getControlBytes(buffer), &header, sizeof(header));
	return buffer;
}

static IOReturn add(unsigned size, unsigned control)
{
	IOStreamBuffer *buffer = new_buffer(size, control, 'z');
	IOReturn result = IOStream_addBuffer(stream, buffer);

	OSObject_release(buffer);
	return result;
}

static IOReturn take(void)
{
	IOStreamBufferQueueEntry entry;
	IOReturn result = IOStream_dequeueInputEntry(stream, &entry);
	const char *data;

	if (result != kIOReturnSuccess)
		return result;
	data = IOStreamBuffer_getDataBytes(IOStream_getBufferWithID(stream, entry.bufferID));
	printf("took %u %u %.*s\n", entry.bufferID, entry.dataLength,
	       entry.dataLength < 32 ? (int)entry.dataLength : 32, data + entry.dataOffset);
	return result;
}

static void show(void)
{
	IOStreamBufferQueue *queue = IOStream_getOutputQueue(stream);

	printf("state %u mode %u buffers %u entries %u references",
	       IOStream_getStreamState(stream), IOStream_getStreamMode(stream),
	       IOStream_getBufferCount(stream), queue ? queue->entryCount : 0);
	for (unsigned id = 0; id < IOStream_getBufferCount(stream); id++)
		printf(" %d", IOStreamBuffer_getClientReferenceCount(
				IOStream_getBufferWithID(stream, id)));
	printf(" gap %d\n", IOStream_isDiscontinuous(stream));
}

static bool port_is_ready(void)
{
	struct pollfd ready = { IOStream_getOutputPort(stream), POLLIN, 0 };

	return poll(&ready, 1, 0) > 0;
}

static IOReturn give(unsigned id, unsigned length)
{
	return IOStream_enqueueOutputBuffer(stream, IOStream_getBufferWithID(stream, id), 0, length,
					    0, 0);
}

static IOReturn obey(const char *word, unsigned n, unsigned m)
{
	if (strcmp(word, "give") == 0)
		return give(n, m);
	if (strcmp(word, "take") == 0)
		return take();
	if (strcmp(word, "notify") == 0)
		return IOStream_sendOutputNotification(stream);
	if (strcmp(word, "drop") == 0)
		return IOStream_reportDrop(stream, n);
	if (strcmp(word, "add") == 0)
		return add(n, m);
	if (strcmp(word, "remove") == 0)
		return IOStream_removeBufferWithID(stream, n);
	if (strcmp(word, "remove_all") == 0)
		return IOStream_removeAllBuffers(stream);
	if (strcmp(word, "create_queues") == 0)
		return IOStream_createQueues(stream, n, 0);
	if (strcmp(word, "destroy_queues") == 0)
		return IOStream_destroyQueues(stream);
	if (strcmp(word, "mode") == 0)
		return IOStream_changeStreamMode(stream, n);
	if (strcmp(word, "refuse") == 0)
		refusal = iokit_common_return(n);
	else if (strcmp(word, "show") == 0)
		show();
	else if (strcmp(word, "port") == 0)
		puts(port_is_ready() ? "not collected" : "collected");
	else
		return kIOReturnInvalid;
	return kIOReturnSuccess;
}

/* Return: false at the end. */
static bool obey_line(FILE *lines)
{
	char line[128], word[32];
	unsigned n = 0, m = 0;

	if (!fgets(line, sizeof(line), lines) || sscanf(line, "%31s %i %i", word, (int *)&n,
							(int *)&m) < 1)
		return false;
	printf("%s: %s\n", word, IOReturnName(obey(word, n, m)) + strlen("kIOReturn"));
	return true;
}

static void serve(void)
{
	struct pollfd ready[] = { { IOStream_getDescriptor(stream), POLLIN, 0 },
				  { STDIN_FILENO, POLLIN, 0 } };

	while (IOStream_dispatch(stream) != kIOReturnNotAttached && poll(ready, 2, -1) > 0)
		if (ready[1].revents && !obey_line(stdin))
			break;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	json_t *properties = json_pack("{s:s}", "Model", "Test");
	IOReturn result;

	if (argc < 5 || n > MOST_BUFFERS)
		errx(2, "usage: stream_driver SERVICE NAME MODE BUFFERS [LENGTH]");
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned i = 0; i < n; i++)
		made[i] = new_buffer(4096, 64, (char)('a' + i));
	stream = IOStream_withBuffers(&class, made, n, (IOStreamMode)atoi(argv[3]),
				      argc > 5 ? (IOItemCount)atoi(argv[5]) : 0, properties);
	json_decref(properties);
	result = IOStream_publish(stream, argv[1], argv[2]);
	printf("publish: %s\n", IOReturnName(result) + strlen("kIOReturn"));
	if (result == kIOReturnSuccess)
		serve();
	OSObject_release(stream);
	for (unsigned i = 0; i < n; i++)
		OSObject_release(made[i]);
	return result != kIOReturnSuccess;
}
