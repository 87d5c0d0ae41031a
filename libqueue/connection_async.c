/* SPDX-License-Identifier: MIT */
/*
 * connection_async - calls that are completed later
 *
 * A wake is one session of `async` for one notification port. It is a handle of
 * its own, since a completion may be under way while its connection goes. What a
 * completion says of the call is a token, which stands for the words of a reference. Nobody
 * says when the last completion came, so a reference stays as long as the wake; calls with
 * equal ones share it, and most programs have few.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>

#include "cleanup.h"
#include "connection_call.h"
#include "lines.h"
#include "mount.h"
#include "notify.h"

#define REFERENCE_MAX	((uint32_t)kOSAsyncRef64Count)
#define TOKEN_WAKE	32	/* above: which wake; below: which reference, from 1 on */

struct reference {
	uint64_t words[kOSAsyncRef64Count];
	uint32_t number;
	uint32_t n_calls;		/* that were not refused */
};

struct async_wake {
	struct handle handle;		/* first; its descriptor is the session */
	struct async_wake *next;
	io_object_t number;		/* the connection's reference */
	uint64_t number_of_wake;
	struct notify_watch watch;
	struct lines lines;		/* of whoever runs the watch */

	pthread_mutex_t lock;		/* of what follows */
	void *tree;			/* references by their words */
	struct reference **references;	/* by number; NULL: free */
	uint32_t n_references, room;
};

/* --- references */

static int compare_references(const void *a, const void *b)
{
	return memcmp(((const struct reference *)a)->words, ((const struct reference *)b)->words,
		      sizeof(((const struct reference *)a)->words));
}

/* A free number. With the lock. Return: it, or 0 without memory. */
static uint32_t new_number(struct async_wake *wake)
{
	uint32_t room = wake->room ? 2 * wake->room : 16;
	struct reference **larger;

	if (wake->n_references + 1 < wake->room)
		return ++wake->n_references;
	if (room <= wake->room)
		return 0;
	larger = realloc(wake->references, room * sizeof(struct reference *));
	if (!larger)
		return 0;
	wake->references = larger;
	wake->room = room;
	return ++wake->n_references;
}

/* With the lock. Return: it, or NULL without memory. */
static struct reference *add_reference(struct async_wake *wake, const struct reference *wanted)
{
	_cleanup_(freep) struct reference *reference = malloc(sizeof(*reference));
	struct reference *added;

	if (!reference)
		return NULL;
	*reference = *wanted;
	reference->number = new_number(wake);
	if (reference->number == 0)
		return NULL;
	wake->references[reference->number] = NULL;
	if (!tsearch(reference, &wake->tree, compare_references))
		return NULL;
	wake->references[reference->number] = reference;
	added = reference;
	reference = NULL;
	return added;
}

/* The token for @words. Return: 0 without memory. */
static uint64_t take_reference(struct async_wake *wake, const uint64_t *words, uint32_t n)
{
	struct reference wanted = { .n_calls = 0 }, *reference;
	struct reference *const *found;
	with_lock(&wake->lock);

	for (uint32_t i = kIOAsyncCalloutFuncIndex; i < n; i++)
		wanted.words[i] = words[i];
	found = tfind(&wanted, &wake->tree, compare_references);
	reference = found ? *found : add_reference(wake, &wanted);
	if (!reference)
		return 0;
	reference->n_calls++;
	return wake->number_of_wake << TOKEN_WAKE | reference->number;
}

/* The call was refused: it has no completion. */
static void give_reference(struct async_wake *wake, uint64_t token)
{
	uint32_t number = (uint32_t)token;
	struct reference *reference;
	with_lock(&wake->lock);

	reference = wake->references[number];
	if (--reference->n_calls > 0)
		return;
	tdelete(reference, &wake->tree, compare_references);
	wake->references[number] = NULL;
	if (number == wake->n_references)
		wake->n_references--;
	free(reference);
}

/* Return: false for a token that is none of this wake. */
static bool find_reference(struct async_wake *wake, uint64_t token, struct reference *ret)
{
	uint32_t number = (uint32_t)token;
	with_lock(&wake->lock);

	if (token >> TOKEN_WAKE != wake->number_of_wake || number == 0 ||
	    number > wake->n_references || !wake->references[number])
		return false;
	*ret = *wake->references[number];
	return true;
}

/* --- completions */

static void call_out(const struct reference *reference, const struct method_answer *answer)
{
	uintptr_t function = (uintptr_t)reference->words[kIOAsyncCalloutFuncIndex];
	void *refcon = (void *)(uintptr_t)reference->words[kIOAsyncCalloutRefconIndex];
	IOReturn result = (IOReturn)answer->result;
	void *arguments[SCALARS_MAX];

	for (uint32_t i = 0; i < answer->n_scalars; i++)
		arguments[i] = (void *)(uintptr_t)answer->scalars[i];
	switch (answer->n_scalars) {
	case 0:
		((IOAsyncCallback0)function)(refcon, result);
		break;
	case 1:
		((IOAsyncCallback1)function)(refcon, result, arguments[0]);
		break;
	case 2:
		((IOAsyncCallback2)function)(refcon, result, arguments[0], arguments[1]);
		break;
	default:
		((IOAsyncCallback)function)(refcon, result, arguments, answer->n_scalars);
	}
}

static void complete(struct async_wake *wake, const char *line, size_t size)
{
	struct reference reference;
	struct method_answer answer;

	if (answer_parse(line, size, &answer) == 0 &&
	    find_reference(wake, answer.reference, &reference) &&
	    reference.words[kIOAsyncCalloutFuncIndex] != 0)
		call_out(&reference, &answer);
}

static void wake_ready(struct handle *handle)
{
	struct async_wake *wake = (struct async_wake *)handle;
	int r = lines_read(&wake->lines, handle->fd);
	const char *line;
	size_t size;

	while (notify_may_call(&wake->watch) && (line = lines_next(&wake->lines, &size)))
		complete(wake, line, size);
	/* At the end of the session there is nothing to wait for. */
	if (r == 1 || r == -EAGAIN || r == -ENOMEM)
		notify_enable(&wake->watch);
}

/* --- wakes */

static void wake_free(struct handle *handle)
{
	struct async_wake *wake = (struct async_wake *)handle;

	notify_end(&wake->watch);
	lines_free(&wake->lines);
	tdestroy(wake->tree, free);
	free(wake->references);
	pthread_mutex_destroy(&wake->lock);
}

/* A wake that nobody has yet. Return: 0 or a negative errno. */
static int wake_new(struct connection *connection, struct async_wake **ret)
{
	int fd = file_open(connection->directory, "async", O_RDONLY | O_NONBLOCK);
	struct async_wake *wake;

	if (fd < 0)
		return fd;
	wake = handle_new(sizeof(*wake), HANDLE_NOTIFICATION, fd);
	if (!wake)
		return -ENOMEM;
	pthread_mutex_init(&wake->lock, NULL);
	wake->handle.free = wake_free;
	*ret = wake;
	return 0;
}

/* The program's and the connection's are two. With the connection's lock. */
static int wake_publish(struct connection *connection, struct async_wake *wake,
			struct IONotificationPort *port)
{
	int r;

	handle_ref(&wake->handle);
	wake->number = handle_publish(&wake->handle);
	if (wake->number == IO_OBJECT_NULL)
		return -ENOMEM;
	wake->number_of_wake = ++connection->n_wakes;
	r = notify_begin(&wake->watch, port, wake->handle.fd, &wake->handle, wake_ready);
	if (r < 0) {
		IOObjectRelease(wake->number);
		return r;
	}
	notify_enable(&wake->watch);
	wake->next = connection->wakes;
	connection->wakes = wake;
	return 0;
}

static int wake_make(struct connection *connection, struct IONotificationPort *port,
		     struct async_wake **ret)
{
	int r = wake_new(connection, ret);

	if (r < 0)
		return r;
	r = wake_publish(connection, *ret, port);
	if (r < 0)
		handle_put(&(*ret)->handle);
	return r;
}

/* The connection's wake for @port, with a reference. Return: 0 or a negative errno. */
static int wake_for(struct connection *connection, struct IONotificationPort *port,
		    struct async_wake **ret)
{
	struct async_wake *wake;
	int r = 0;
	with_lock(&connection->lock);

	for (wake = connection->wakes; wake && wake->watch.port != port; wake = wake->next)
		;
	if (!wake)
		r = atomic_load(&connection->closed) ? -ENODEV :
		    wake_make(connection, port, &wake);
	if (r == 0) {
		handle_ref(&wake->handle);
		*ret = wake;
	}
	return r;
}

void connection_end_wakes(struct connection *connection)
{
	struct async_wake *wake, *next;

	pthread_mutex_lock(&connection->lock);
	wake = connection->wakes;
	connection->wakes = NULL;
	pthread_mutex_unlock(&connection->lock);
	for (; wake; wake = next) {
		next = wake->next;
		IOObjectRelease(wake->number);
		handle_put(&wake->handle);
	}
}

/* --- the documented functions */

/* The reference is taken before the call: a completion may come before its answer. */
static IOReturn run_async(struct connection *connection, struct IONotificationPort *port,
			  const uint64_t *words, uint32_t n_words, struct method_call *input,
			  const struct method_output *output)
{
	struct async_wake *wake = NULL;
	IOReturn result;
	int r = wake_for(connection, port, &wake);

	if (r < 0)
		return connection_result(connection, r);
	input->reference = take_reference(wake, words, n_words);
	result = input->reference == 0 ? kIOReturnNoMemory : method_run(connection, input, output);
	if (result != kIOReturnSuccess && input->reference != 0)
		give_reference(wake, input->reference);
	handle_put(&wake->handle);
	return result;
}

static IOReturn call_async(struct connection *connection, mach_port_t wake_port,
			   const uint64_t *words, uint32_t n_words, struct method_call *input,
			   const struct method_output *output)
{
	struct IONotificationPort *port;
	IOReturn result = method_check(input, output);

	if (result != kIOReturnSuccess)
		return result;
	if (wake_port == MACH_PORT_NULL) {
		input->reference = 0;
		return method_run(connection, input, output);
	}
	port = notify_find(wake_port);
	if (!port)
		return kIOReturnBadArgument;
	result = run_async(connection, port, words, n_words, input, output);
	OSObject_release(port);
	return result;
}

kern_return_t IOConnectCallAsyncMethod(mach_port_t connect, uint32_t selector,
				       mach_port_t wakePort,
				       uint64_t *reference, uint32_t referenceCnt,
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
		.reference = UINT64_MAX,	/* it has one; which is to be seen */
	};
	struct connection *connection = connection_get(connect);
	IOReturn result;

	if (!connection)
		return kIOReturnBadArgument;
	if (referenceCnt > REFERENCE_MAX)
		result = MIG_ARRAY_TOO_LARGE;
	else if (!reference != (referenceCnt == 0))
		result = kIOReturnBadArgument;
	else
		result = call_async(connection, wakePort, reference, referenceCnt, &call, &out);
	handle_put(&connection->handle);
	return result;
}

kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connect, uint32_t selector,
					     mach_port_t wakePort,
					     uint64_t *reference, uint32_t referenceCnt,
					     const uint64_t *input, uint32_t inputCnt,
					     uint64_t *output, uint32_t *outputCnt)
{
	return IOConnectCallAsyncMethod(connect, selector, wakePort, reference, referenceCnt,
					input, inputCnt, NULL, 0, output, outputCnt, NULL, NULL);
}

kern_return_t IOConnectCallAsyncStructMethod(mach_port_t connect, uint32_t selector,
					     mach_port_t wakePort,
					     uint64_t *reference, uint32_t referenceCnt,
					     const void *inputStruct, size_t inputStructCnt,
					     void *outputStruct, size_t *outputStructCnt)
{
	return IOConnectCallAsyncMethod(connect, selector, wakePort, reference, referenceCnt,
					NULL, 0, inputStruct, inputStructCnt, NULL, NULL,
					outputStruct, outputStructCnt);
}
