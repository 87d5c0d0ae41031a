/* SPDX-License-Identifier: MIT */
/*
 * stream_driver_serve - what fsd asks: a function each; and input notifications
 *
 * A request is answered once the class's function has returned. What belongs to the answer is done
 * with the lock, so that other threads' passing and taking comes before it or after it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "driver_task.h"
#include "mount.h"
#include "stream_driver.h"

#define LINE_SIZE	64	/* of what fsd says: longer ones are none of its */
#define MOST_CALLS	64	/* until there is a look at requests */

/* --- requests. Return: the answer. */

static task_t new_task(const IOStream *stream, const char *rest)
{
	json_auto_t *opener = NULL;
	unsigned uid;
	int pid;

	if (sscanf(rest, "%d %u", &pid, &uid) != 2)
		return NULL;
	opener = json_pack("{s:i, s:I}", "pid", pid, "uid", (json_int_t)uid);
	return opener ? task_new(opener, stream->mount) : NULL;
}

static IOReturn do_open(IOStream *stream, const char *rest)
{
	task_t client = new_task(stream, rest);
	int r;

	if (!client)
		return kIOReturnNoMemory;
	stream_driver_halt(stream);
	stream_lock(stream);
	r = stream_driver_refresh_buffers(stream, true);
	stream_unlock(stream);
	if (r == 0 && STREAM_CALL(stream, handleOpen)(stream, client, 0, NULL)) {
		stream->client = client;
		return kIOReturnSuccess;
	}
	OSObject_release(client);
	return r < 0 ? stream_driver_file_result(stream, r) : kIOReturnExclusiveAccess;
}

static IOReturn do_start(IOStream *stream, const char *rest)
{
	IOReturn result = STREAM_CALL(stream, startStream)(stream);

	(void)rest;
	if (result == kIOReturnSuccess)
		stream->is_started = true;
	return result;
}

static IOReturn do_suspend(IOStream *stream, const char *rest)
{
	(void)rest;
	return STREAM_CALL(stream, suspendStream)(stream);
}

static IOReturn do_stop(IOStream *stream, const char *rest)
{
	IOReturn result = STREAM_CALL(stream, stopStream)(stream);

	(void)rest;
	if (result == kIOReturnSuccess)
		stream->is_started = false;
	return result;
}

static IOReturn do_mode(IOStream *stream, const char *rest)
{
	for (IOStreamMode mode = 0; mode <= kIOStreamModeInputOutput; mode++)
		if (strcmp(stream_mode_name(mode), rest) == 0)
			return STREAM_CALL(stream, setStreamMode)(stream, mode);
	return kIOReturnBadArgument;
}

static IOReturn do_close(IOStream *stream, const char *rest)
{
	(void)rest;
	stream_driver_halt(stream);
	return kIOReturnSuccess;
}

/* --- what is done with the lock: before the answer, and after it */

static void post(IOStream *stream)
{
	if (IOStream_getStreamMode(stream) == kIOStreamModeInput)
		stream_driver_post_buffers(stream);
}

static void note_gap(IOStream *stream)
{
	if (stream_driver_attach(stream) == 0)
		stream->end.gap = true;
}

/* Now there are rings; where that fails it is tried again when one is needed. */
static void look(IOStream *stream)
{
	stream_driver_attach(stream);
	stream_driver_reset_references(stream);
}

static const struct request {
	const char *word;
	IOReturn (*ask)(IOStream *stream, const char *rest);
	void (*before)(IOStream *stream), (*after)(IOStream *stream);
	bool is_not_answered;
} requests[] = {
	{ "open", do_open, NULL, look, false },
	{ "start", do_start, post, NULL, false },
	{ "resume", do_start, note_gap, NULL, false },
	{ "suspend", do_suspend, NULL, NULL, false },
	{ "stop", do_stop, NULL, stream_driver_reset_references, false },
	{ "mode", do_mode, NULL, NULL, false },
	{ "close", do_close, NULL, NULL, true },
};

static void settle(IOStream *stream, const struct request *request, IOReturn result)
{
	bool is_good = result == kIOReturnSuccess;
	char line[32];

	stream_lock(stream);
	if (is_good && request->before)
		request->before(stream);
	snprintf(line, sizeof(line), is_good ? "0\n" : "0x%08x\n", (unsigned)result);
	/* Where that fails, fsd is gone. */
	stream_driver_tell(stream, line);
	if (is_good && request->after)
		request->after(stream);
	stream_unlock(stream);
}

static void do_request(IOStream *stream, char *line)
{
	const char *rest = line + strcspn(line, " ");
	size_t size = (size_t)(rest - line);
	IOReturn result;

	rest += *rest == ' ';
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const struct request *request = &requests[i];

		if (strlen(request->word) != size || strncmp(request->word, line, size) != 0)
			continue;
		result = request->ask(stream, rest);
		if (!request->is_not_answered)
			settle(stream, request, result);
		return;
	}
	/* Of a later fsd's. */
	settle(stream, &(struct request){ .word = "" }, kIOReturnUnsupported);
}

/* --- input notifications */

static void acknowledge(IOStream *stream)
{
	stream_lock(stream);
	if (stream->ack_fd >= 0)
		stream_write(stream->ack_fd, "1\n", 2);
	stream_unlock(stream);
}

static void do_call(IOStream *stream, char *line)
{
	char kind[8];
	unsigned token;

	if (sscanf(line, "%7s %u", kind, &token) != 2)
		return;
	if (strcmp(kind, "async") == 0) {
		STREAM_CALL(stream, inputCallback)(stream, token);
	} else if (strcmp(kind, "sync") == 0) {
		STREAM_CALL(stream, inputSyncCallback)(stream, token);
		acknowledge(stream);
	}
}

/* --- both */

/* Return: 1; 0: there is none; -ENODATA at the end; a negative errno. */
static int next_line(struct stream_lines *from, char line[LINE_SIZE])
{
	const char *text;
	size_t size;
	int r;

	while (!(text = lines_next(&from->lines, &size))) {
		r = lines_read(&from->lines, from->fd);
		if (r <= 0)
			return r == -EAGAIN ? 0 : r == 0 ? -ENODATA : r;
	}
	if (size >= LINE_SIZE)
		size = LINE_SIZE - 1;
	memcpy(line, text, size);
	line[size] = '\0';
	return 1;
}

bool stream_driver_has_line(const IOStream *stream)
{
	return lines_have_one(&stream->calls.lines) || lines_have_one(&stream->control.lines);
}

/*
 * What the client said before it asked for something comes before that; but one that never stops
 * saying something does not keep others from asking.
 */
static int next_of_both(IOStream *stream, char line[LINE_SIZE], bool *is_call)
{
	bool is_requests_turn = stream->n_calls >= MOST_CALLS;
	int r = next_line(is_requests_turn ? &stream->control : &stream->calls, line);

	*is_call = !is_requests_turn;
	if (r == 0) {
		r = next_line(is_requests_turn ? &stream->calls : &stream->control, line);
		*is_call = is_requests_turn;
	}
	stream->n_calls = *is_call && !is_requests_turn ? stream->n_calls + 1 : 0;
	return r;
}

int stream_driver_serve_one(IOStream *stream)
{
	char line[LINE_SIZE];
	bool is_call;
	int r = next_of_both(stream, line, &is_call);

	if (r <= 0)
		return r;
	stream->depth++;
	if (is_call)
		do_call(stream, line);
	else
		do_request(stream, line);
	stream->depth--;
	return 1;
}

void stream_driver_halt(IOStream *stream)
{
	stream->depth++;
	if (stream->is_started)
		STREAM_CALL(stream, stopStream)(stream);
	stream->is_started = false;
	if (stream->client)
		STREAM_CALL(stream, handleClose)(stream, stream->client, 0);
	OSSafeReleaseNULL(stream->client);
	stream->depth--;
	stream_lock(stream);
	stream_driver_reset_references(stream);
	stream_driver_drop_queues(stream);
	stream_unlock(stream);
}
