/* SPDX-License-Identifier: MIT */
/*
 * The hot path: a line written to `call`, and one read. A description of `call` runs one
 * call at a time, so each thread takes one from the idle ones, or opens another.
 * An idle one is taken with an exchange, so there is no lock and no list.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base64.h"
#include "cleanup.h"
#include "connection_call.h"
#include "json_text.h"
#include "mount.h"

#define ROOM_LINE	8192u			/* what costs no allocation: 4 KiB of struct */
#define MAX_LINE	(2 * JSON_TEXT_MAX)	/* of an answer; fsd has limits of its own */
#define MAX_OUTPUT	UINT32_MAX

/* --- descriptors of `call` */

void connection_end_calls(struct connection *connection)
{
	for (int i = 0; i < N_IDLE_CALLS; i++)
		close_fd(atomic_exchange(&connection->idle_calls[i], -1));
}

/* Return: a descriptor of the caller's, or a negative errno. */
static int take_call(struct connection *connection)
{
	pid_t pid = getpid();

	/* A child has its parent's: two would ask on one description. */
	if (atomic_load_explicit(&connection->calls_pid, memory_order_relaxed) != pid) {
		connection_end_calls(connection);
		atomic_store(&connection->calls_pid, pid);
	}
	for (int i = 0; i < N_IDLE_CALLS; i++) {
		int fd = atomic_exchange(&connection->idle_calls[i], -1);

		if (fd >= 0)
			return fd;
	}
	return file_open(connection->directory, "call", O_RDWR);
}

static void give_call(struct connection *connection, int fd)
{
	for (int i = 0; i < N_IDLE_CALLS; i++) {
		int none = -1;

		if (atomic_compare_exchange_strong(&connection->idle_calls[i], &none, fd))
			return;
	}
	close(fd);
}

/* --- one call */

/* A line: in @small, or in @large where that is not enough. */
struct line {
	char small[ROOM_LINE];
	char *large;		/* owned, or NULL */
	size_t room, size;
};

static void line_free(struct line *line)
{
	free(line->large);
}

static char *line_text(struct line *line)
{
	return line->large ? line->large : line->small;
}

/* Room for @room bytes; what is in it stays. */
static int line_grow(struct line *line, size_t room)
{
	char *larger;

	if (room <= line->room)
		return 0;
	larger = realloc(line->large, room);
	if (!larger)
		return -ENOMEM;
	if (!line->large)
		memcpy(larger, line->small, line->size);
	line->large = larger;
	line->room = room;
	return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* Up to its newline. Return: 0 or a negative errno; -ENODEV at the end of the session. */
static int read_line(int fd, struct line *line)
{
	line->size = 0;
	do {
		ssize_t n;

		if (line->size == line->room) {
			if (line->room > MAX_LINE || line_grow(line, 2 * line->room) < 0)
				return -ENOMEM;
		}
		n = read(fd, line_text(line) + line->size, line->room - line->size);
		if (n == 0)
			return -ENODEV;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			line->size += (size_t)n;
	} while (line->size == 0 || line_text(line)[line->size - 1] != '\n');
	return 0;
}

static int ask(int fd, const struct method_call *call, struct line *line)
{
	int r = line_grow(line, call_room(call));

	if (r < 0)
		return r;
	line->size = call_print(call, line_text(line));
	r = write_all(fd, line_text(line), line->size);
	return r < 0 ? r : read_line(fd, line);
}

/* The line that answers @call. A signal does not end this. */
static int exchange(struct connection *connection, const struct method_call *call,
		    struct line *line)
{
	int fd = take_call(connection), r;

	if (fd < 0)
		return fd;
	r = ask(fd, call, line);
	if (r < 0)
		close(fd);	/* who knows what it would answer next */
	else
		give_call(connection, fd);
	return r;
}

/* --- what came */

/* Into memory of its own. */
static IOReturn deliver_any(const struct method_answer *answer, size_t size,
			    const struct method_output *output)
{
	_cleanup_(freep) void *bytes = NULL;

	if (!answer->bytes)
		return kIOReturnUnderrun;
	bytes = malloc(size > 0 ? size : 1);
	if (!bytes)
		return kIOReturnNoMemory;
	if (base64_take(answer->bytes, answer->n_bytes, bytes) < 0)
		return kIOReturnIPCError;
	*(void **)output->bytes = bytes;
	bytes = NULL;
	*output->n_bytes = size;
	return kIOReturnSuccess;
}

static IOReturn deliver_bytes(const struct method_call *call, const struct method_answer *answer,
			      const struct method_output *output)
{
	size_t size = base64_size(answer->bytes, answer->n_bytes);

	if (size == SIZE_MAX)
		return kIOReturnIPCError;
	if (call->n_bytes_wanted == ANY_SIZE)
		return deliver_any(answer, size, output);
	if (size > call->n_bytes_wanted)
		return kIOReturnIPCError;
	if (size > 0 && base64_take(answer->bytes, answer->n_bytes, output->bytes) < 0)
		return kIOReturnIPCError;
	if (output->n_bytes)
		*output->n_bytes = size;
	return kIOReturnSuccess;
}

static IOReturn deliver(const struct method_call *call, const struct method_answer *answer,
			const struct method_output *output)
{
	IOReturn result;

	if (answer->result != 0)
		return (IOReturn)answer->result;
	if (answer->n_scalars > call->n_scalars_wanted)
		return kIOReturnIPCError;
	result = deliver_bytes(call, answer, output);
	if (result != kIOReturnSuccess)
		return result;
	for (uint32_t i = 0; i < answer->n_scalars; i++)
		output->scalars[i] = answer->scalars[i];
	if (output->n_scalars)
		*output->n_scalars = answer->n_scalars;
	return kIOReturnSuccess;
}

/* @r says why there is no answer. */
static IOReturn exchange_result(struct connection *connection, int r)
{
	switch (r) {
	case -ENODEV:
	case -ENOENT:
	case -ENOTCONN:
	case -ECONNABORTED:
		return connection_dead_result(connection);
	case -ENOMEM:
		return kIOReturnNoMemory;
	case -EMSGSIZE:
		return kIOReturnMessageTooLarge;
	case -EINVAL:
	case -EIO:
		return kIOReturnIPCError;
	default:
		return connection_result(connection, r);
	}
}

/* The kernel writes a line in parts, and of a part too many fsd cannot say why. */
static bool is_too_large(const struct method_call *call)
{
	return call->n_bytes > JSON_TEXT_MAX || call_room(call) > JSON_TEXT_MAX;
}

IOReturn method_run(struct connection *connection, const struct method_call *input,
		    const struct method_output *output)
{
	_cleanup_(line_free) struct line line;
	struct method_answer answer;
	int r;

	line.large = NULL;
	line.room = ROOM_LINE;
	line.size = 0;
	if (atomic_load_explicit(&connection->closed, memory_order_relaxed))
		return connection_dead_result(connection);
	if (is_too_large(input))
		return kIOReturnMessageTooLarge;
	r = exchange(connection, input, &line);
	if (r < 0)
		return exchange_result(connection, r);
	if (answer_parse(line_text(&line), line.size, &answer) < 0)
		return kIOReturnIPCError;
	return deliver(input, &answer, output);
}

/* --- the documented functions */

static IOReturn check_output(struct method_call *input, const struct method_output *output)
{
	uint32_t n_scalars = output->n_scalars ? *output->n_scalars : 0;
	size_t n_bytes = output->n_bytes ? *output->n_bytes : 0;

	if ((n_scalars > 0 && !output->scalars) || (n_bytes > 0 && !output->bytes))
		return kIOReturnBadArgument;
	input->n_scalars_wanted = n_scalars < SCALARS_MAX ? n_scalars : SCALARS_MAX;
	input->n_bytes_wanted = n_bytes;
	if (n_bytes == kIOConnectMethodVarOutputSize && input->reference == 0)
		input->n_bytes_wanted = ANY_SIZE;
	else if (n_bytes > MAX_OUTPUT)
		return kIOReturnIPCError;
	return kIOReturnSuccess;
}

IOReturn method_check(struct method_call *input, const struct method_output *output)
{
	if (input->n_scalars > SCALARS_MAX)
		return MIG_ARRAY_TOO_LARGE;
	if ((input->n_scalars > 0 && !input->scalars) || (input->n_bytes > 0 && !input->bytes))
		return kIOReturnBadArgument;
	return check_output(input, output);
}

kern_return_t IOConnectCallMethod(mach_port_t connect, uint32_t selector,
				  const uint64_t *input, uint32_t inputCnt,
				  const void *inputStruct, size_t inputStructCnt,
				  uint64_t *output, uint32_t *outputCnt,
				  void *outputStruct, size_t *outputStructCnt)
{
	const struct method_output out = { output, outputCnt, outputStruct, outputStructCnt };
	struct method_call call = {
		.selector = selector,
		.scalars = input, .n_scalars = inputCnt,
		.bytes = inputStruct, .n_bytes = inputStructCnt,
	};
	struct connection *connection = connection_get(connect);
	IOReturn result;

	if (!connection)
		return kIOReturnBadArgument;
	result = method_check(&call, &out);
	if (result == kIOReturnSuccess)
		result = method_run(connection, &call, &out);
	handle_put(&connection->handle);
	return result;
}

kern_return_t IOConnectCallScalarMethod(mach_port_t connect, uint32_t selector,
					const uint64_t *input, uint32_t inputCnt,
					uint64_t *output, uint32_t *outputCnt)
{
	return IOConnectCallMethod(connect, selector, input, inputCnt, NULL, 0,
				   output, outputCnt, NULL, NULL);
}

kern_return_t IOConnectCallStructMethod(mach_port_t connect, uint32_t selector,
					const void *inputStruct, size_t inputStructCnt,
					void *outputStruct, size_t *outputStructCnt)
{
	return IOConnectCallMethod(connect, selector, NULL, 0, inputStruct, inputStructCnt,
				   NULL, NULL, outputStruct, outputStructCnt);
}
