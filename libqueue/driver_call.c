/* SPDX-License-Identifier: MIT */
/*
 * driver_call - a method call, from the request to the answer
 *
 * A struct of more than 4096 bytes is given to the driver as a memory file, and a struct output
 * of more than that is taken from one. What comes from the request has been checked by fsd, and is
 * not believed all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base64.h"
#include "cleanup.h"
#include "driver_call.h"
#include "driver_port.h"
#include "driver_task.h"
#include "json_text.h"
#include "memory_descriptor.h"

#define SCALARS_MAX	16u
#define INLINE_MAX	4096u			/* bytes of a struct that is not out of line */
#define OUTPUT_MAX	(JSON_TEXT_MAX / 4 * 3 - 4096)	/* bytes that an answer has room for */

/* All that the request says, and what it is turned into. */
struct call {
	uint32_t selector;
	uint64_t input[SCALARS_MAX], output[SCALARS_MAX];
	uint32_t n_input, n_output;
	void *bytes;				/* owned; NULL: no struct input */
	size_t n_bytes;
	uint64_t room;				/* bytes for struct output */
	bool is_variable;			/* any number of them */
	bool is_async;
	struct driver_port port;		/* of an asynchronous call */

	void *out;				/* owned: @room bytes, where they are inline */
	IOMemoryDescriptor *input_file, *output_file;	/* owned */
};

static void call_deinit(struct call *call)
{
	free(call->bytes);
	free(call->out);
	OSObject_release(call->input_file);
	OSObject_release(call->output_file);
}

/* --- from the request */

static int take_word(const json_t *request, const char *key, uint64_t max, uint64_t *ret)
{
	const json_t *value = json_object_get(request, key);

	*ret = 0;
	if (!value)
		return 0;
	return json_text_word(value, ret) < 0 || *ret > max ? -EINVAL : 0;
}

static int take_scalars(const json_t *array, struct call *call)
{
	size_t n = json_array_size(array);

	if (n > SCALARS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (json_text_word(json_array_get(array, i), &call->input[i]) < 0)
			return -EINVAL;
	call->n_input = (uint32_t)n;
	return 0;
}

static int take_bytes(const json_t *value, struct call *call)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);

	if (!value)
		return 0;
	call->n_bytes = text ? base64_size(text, length) : SIZE_MAX;
	if (call->n_bytes > JSON_TEXT_MAX)
		return -EINVAL;
	call->bytes = malloc(call->n_bytes + 1);
	if (!call->bytes)
		return -ENOMEM;
	return base64_take(text, length, call->bytes);
}

static int take_room(const json_t *request, struct call *call)
{
	const json_t *value = json_object_get(request, "sos");
	const char *text = json_string_value(value);

	call->is_variable = text && strcmp(text, "var") == 0;
	return call->is_variable ? 0 : take_word(request, "sos", UINT32_MAX, &call->room);
}

static int take_request(const json_t *request, struct call *call)
{
	uint64_t selector, n_output;
	int r;

	if (take_word(request, "sel", UINT32_MAX, &selector) < 0 ||
	    take_word(request, "so", SCALARS_MAX, &n_output) < 0 ||
	    take_scalars(json_object_get(request, "si"), call) < 0 || take_room(request, call) < 0)
		return -EINVAL;
	call->selector = (uint32_t)selector;
	call->n_output = (uint32_t)n_output;
	call->is_async = json_object_get(request, "async");
	r = take_word(request, "async", UINT64_MAX, &call->port.reference);
	return r < 0 ? r : take_bytes(json_object_get(request, "sib"), call);
}

/* A memory file of @size bytes, the first @n_bytes of them @bytes; NULL: no memory. */
static IOMemoryDescriptor *make_file(const void *bytes, size_t n_bytes, uint64_t size)
{
	_cleanup_(closep) int fd = memfd_create("struct", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return NULL;
	if (n_bytes > 0 && pwrite(fd, bytes, n_bytes, 0) != (ssize_t)n_bytes)
		return NULL;
	return memory_descriptor_new(fd, size);
}

static int make_files(struct call *call)
{
	if (call->n_bytes > INLINE_MAX) {
		call->input_file = make_file(call->bytes, call->n_bytes, call->n_bytes);
		if (!call->input_file)
			return -ENOMEM;
	}
	if (call->room > INLINE_MAX) {
		call->output_file = make_file(NULL, 0, call->room);
		return call->output_file ? 0 : -ENOMEM;
	}
	call->out = calloc(1, call->room + 1);
	return call->out ? 0 : -ENOMEM;
}

/* --- to the answer */

static IOReturn put_scalars(const struct call *call, uint32_t n, json_t *answer)
{
	json_t *array;

	if (n > call->n_output)
		return kIOReturnBadArgument;
	if (n == 0)
		return kIOReturnSuccess;
	array = json_array();
	for (uint32_t i = 0; array && i < n; i++)
		json_array_append_new(array, json_integer((json_int_t)call->output[i]));
	if (json_array_size(array) < n || json_object_set(answer, "so", array) < 0) {
		json_decref(array);
		return kIOReturnNoMemory;
	}
	json_decref(array);
	return kIOReturnSuccess;
}

static IOReturn put_bytes(const void *bytes, size_t size, json_t *answer)
{
	_cleanup_(freep) char *text = NULL;
	json_t *value;

	if (size > OUTPUT_MAX)
		return kIOReturnMessageTooLarge;
	text = malloc(base64_length(size) + 1);
	if (!text)
		return kIOReturnNoMemory;
	base64_put(text, bytes, size);
	value = json_stringn(text, base64_length(size));
	return json_object_set_new(answer, "sob", value) < 0 ? kIOReturnNoMemory : kIOReturnSuccess;
}

/* What the driver may have written into the memory file. */
static IOReturn put_file(const struct call *call, uint64_t size, json_t *answer)
{
	_cleanup_(freep) char *bytes = NULL;
	ssize_t n;

	if (size > call->room)
		return kIOReturnBadArgument;
	if (size > OUTPUT_MAX)
		return kIOReturnMessageTooLarge;
	bytes = calloc(1, size + 1);
	if (!bytes)
		return kIOReturnNoMemory;
	/* A driver that made the file shorter leaves 0 in the rest. */
	n = pread(IOMemoryDescriptor_getDescriptor(call->output_file), bytes, size, 0);
	return n < 0 ? kIOReturnVMError : put_bytes(bytes, size, answer);
}

static IOReturn put_inline(const struct call *call, uint64_t size, json_t *answer)
{
	if (size > call->room)
		return kIOReturnBadArgument;
	return size > 0 ? put_bytes(call->out, size, answer) : kIOReturnSuccess;
}

/* Struct output of the variable form: an object, or nothing was supplied. */
static IOReturn put_data(const OSData *data, json_t *answer)
{
	if (!data)
		return kIOReturnUnderrun;
	return put_bytes(OSData_getBytesNoCopy(data), OSData_getLength(data), answer);
}

/* --- the two forms of arguments */

static IOReturn call_external(IOUserClient *client, struct call *call, mach_port_t port,
			      json_t *answer)
{
	OSAsyncReference64 reference = { (UInt32)port, call->port.reference };
	IOExternalMethodArguments arguments = {
		.version = kIOExternalMethodArgumentsCurrentVersion,
		.selector = call->selector,
		.asyncWakePort = port,
		.asyncReference = port != MACH_PORT_NULL ? reference : NULL,
		.asyncReferenceCount = port != MACH_PORT_NULL ? kOSAsyncRef64Count : 0,
		.scalarInput = call->input,
		.scalarInputCount = call->n_input,
		.structureInput = call->input_file ? NULL : call->bytes,
		.structureInputSize = call->input_file ? 0 : (uint32_t)call->n_bytes,
		.structureInputDescriptor = call->input_file,
		.scalarOutput = call->output,
		.scalarOutputCount = call->n_output,
		.structureOutput = call->output_file ? NULL : call->out,
		.structureOutputSize = call->output_file ? 0 : (uint32_t)call->room,
		.structureOutputDescriptor = call->output_file,
		.structureOutputDescriptorSize = call->output_file ? (uint32_t)call->room : 0,
	};
	OSData *data = NULL;
	IOReturn result;

	if (call->is_variable)
		arguments.structureVariableOutputData = &data;
	result = client_external_method(client, call->selector, &arguments);
	if (result == kIOReturnSuccess)
		result = put_scalars(call, arguments.scalarOutputCount, answer);
	if (result == kIOReturnSuccess && call->is_variable)
		result = put_data(data, answer);
	else if (result == kIOReturnSuccess && call->output_file)
		result = put_file(call, arguments.structureOutputDescriptorSize, answer);
	else if (result == kIOReturnSuccess)
		result = put_inline(call, arguments.structureOutputSize, answer);
	OSObject_release(data);
	return result;
}

/* Either the driver gave an object, or it wrote into the descriptor; not both. */
static IOReturn put_driverkit(const struct call *call, const IOUserClientMethodArguments *arguments,
			      json_t *answer)
{
	const OSData *data = arguments->structureOutput;

	if (call->is_variable)
		return put_data(data, answer);
	if (call->output_file && data)
		return kIOReturnError;
	if (call->output_file)
		return put_file(call, call->room, answer);
	if (OSData_getLength(data) > call->room)
		return kIOReturnBadArgument;
	return data ? put_data(data, answer) : kIOReturnSuccess;
}

static IOReturn call_driverkit(IOUserClient *client, struct call *call, OSAction *completion,
			       json_t *answer)
{
	IOUserClientMethodArguments arguments = {
		.version = kIOUserClientMethodArgumentsCurrentVersion,
		.selector = call->selector,
		.completion = completion,
		.scalarInput = call->input,
		.scalarInputCount = call->n_input,
		.structureInputDescriptor = call->input_file,
		.scalarOutput = call->output,
		.scalarOutputCount = call->n_output,
		.structureOutputDescriptor = call->output_file,
		.structureOutputMaximumSize = call->is_variable ? UINT32_MAX : call->room,
	};
	OSData *input = NULL;
	IOReturn result;

	if (call->bytes && !call->input_file) {
		input = OSData_withBytes(call->bytes, call->n_bytes);
		if (!input)
			return kIOReturnNoMemory;
	}
	arguments.structureInput = input;
	result = client_driverkit_method(client, call->selector, &arguments);
	if (result == kIOReturnSuccess)
		result = put_scalars(call, arguments.scalarOutputCount, answer);
	if (result == kIOReturnSuccess)
		result = put_driverkit(call, &arguments, answer);
	OSObject_release(arguments.structureOutput);
	OSObject_release(input);
	return result;
}

/* The completion is the call's; a driver that goes on with it has a reference of its own. */
static IOReturn make_driverkit(IOUserClient *client, struct call *call, json_t *answer)
{
	OSAction *completion = NULL;
	IOReturn result = kIOReturnSuccess;

	if (call->is_async)
		result = IOUserClient_CreateActionKernelCompletion(client, 0, &completion);
	if (result == kIOReturnSuccess)
		result = call_driverkit(client, call, completion, answer);
	OSObject_release(completion);
	return result;
}

/* A call that fails has no completion: its port is given back here. */
static IOReturn make_external(IOUserClient *client, struct call *call, json_t *answer)
{
	mach_port_t port = MACH_PORT_NULL;
	IOReturn result;

	if (call->is_async) {
		port = driver_port_new(&call->port);
		if (port == MACH_PORT_NULL)
			return kIOReturnNoMemory;
	}
	result = call_external(client, call, port, answer);
	if (result != kIOReturnSuccess)
		driver_port_release(port);
	return result;
}

static IOReturn make(IOUserClient *client, struct call *call, json_t *answer)
{
	IOReturn result;

	if (client->is_inactive)
		return kIOReturnNotAttached;
	client->call = call->is_async ? &call->port : NULL;
	result = client_is_driverkit(client) ? make_driverkit(client, call, answer) :
					       make_external(client, call, answer);
	client->call = NULL;
	client_write_back(client);
	if (result != kIOReturnSuccess) {
		json_object_del(answer, "so");
		json_object_del(answer, "sob");
	}
	return result;
}

/* Where a queue is set for calls, they exclude what else it runs. */
struct turn {
	IOUserClient *client;
	struct call *call;
	json_t *answer;
	task_t task;
	bool is_background;
	IOReturn result;
};

static void take_turn(void *refcon)
{
	struct turn *turn = refcon;
	task_t before = task_of_request;	/* on another thread, where there is a queue */
	bool was_background = call_is_background;

	task_of_request = turn->task;
	call_is_background = turn->is_background;
	turn->result = make(turn->client, turn->call, turn->answer);
	task_of_request = before;
	call_is_background = was_background;
}

IOReturn driver_call(IOService *service, struct connection *connection, const json_t *request,
		     json_t *answer)
{
	_cleanup_(call_deinit) struct call call = {
		.port = { .service = service, .connection = connection->number },
	};
	struct turn turn = { .client = connection->client, .call = &call, .answer = answer,
			     .task = task_of_request };
	int r = take_request(request, &call);

	if (r == 0)
		r = make_files(&call);
	if (r < 0)
		return IOReturnFromErrno(-r);
	turn.is_background = json_is_true(json_object_get(request, "background"));
	if (service->call_queue)
		IODispatchQueue_DispatchSync(service->call_queue, take_turn, &turn);
	else
		take_turn(&turn);
	return turn.result;
}
