/* SPDX-License-Identifier: MIT */
/*
 * driver_async - results of asynchronous calls, and notifications, on their way to a client
 *
 * Word 0 of a reference is the number of a port (driver_port.h) with two flags; which call it is,
 * is known by the port. So the other words are the driver's to keep or to change.
 */
#include <errno.h>
#include <stdlib.h>

#include "action.h"
#include "driver_client.h"
#include "driver_port.h"

static IOReturn send_result(int r)
{
	switch (r) {
	case 0:
		return kIOReturnSuccess;
	case -EAGAIN:
		return MACH_SEND_TIMED_OUT;
	case -EMSGSIZE:
		return kIOReturnMessageTooLarge;
	case -ENOMEM:
		return MACH_SEND_NO_BUFFER;
	case -ENODEV:
	case -ENOENT:
	case -ENOTCONN:
	case -ECONNABORTED:
		return MACH_SEND_INVALID_DEST;
	default:
		return IOReturnFromErrno(-r);
	}
}

/* @line is given up; NULL: no memory. */
static IOReturn send_line(IOService *service, json_t *line)
{
	int r = line ? session_write(&service->session, line) : -ENOMEM;

	json_decref(line);
	return send_result(r);
}

static json_t *words(const uint64_t *word, UInt32 n)
{
	json_t *array = json_array();

	for (UInt32 i = 0; array && i < n; i++)
		if (json_array_append_new(array, json_integer((json_int_t)word[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static IOReturn send_completion(mach_port_t number, IOReturn result, const uint64_t *args,
				UInt32 n, bool can_drop)
{
	struct driver_port port;
	IOReturn sent;

	if (number == MACH_PORT_NULL)
		return kIOReturnSuccess;
	if (n > kMaxAsyncArgs)
		return kIOReturnMessageTooLarge;
	if (n > 0 && !args)
		return kIOReturnBadArgument;
	if (!driver_port_get(number, &port))
		return MACH_SEND_INVALID_DEST;
	sent = send_line(port.service,
			 json_pack("{s:I,s:I,s:I,s:o,s:b}", "async", (json_int_t)port.reference,
				   "conn", (json_int_t)port.connection,
				   "rc", (json_int_t)(UInt32)result, "args", words(args, n),
				   "candrop", can_drop));
	OSObject_release(port.service);
	return sent;
}

static mach_port_t port_of(uint64_t word)
{
	return (mach_port_t)(UInt32)(word & ~(uint64_t)kIOUCAsync0Flags);
}

IOReturn IOUserClient_sendAsyncResult64WithOptions(OSAsyncReference64 reference, IOReturn result,
						   io_user_reference_t args[], UInt32 numArgs,
						   IOOptionBits options)
{
	if (!reference)
		return kIOReturnBadArgument;
	return send_completion(port_of(reference[kIOAsyncReservedIndex]), result, args, numArgs,
			       options & kIOUserNotifyOptionCanDrop);
}

IOReturn IOUserClient_sendAsyncResult64(OSAsyncReference64 reference, IOReturn result,
					io_user_reference_t args[], UInt32 numArgs)
{
	return IOUserClient_sendAsyncResult64WithOptions(reference, result, args, numArgs, 0);
}

IOReturn IOUserClient_sendAsyncResult(OSAsyncReference reference, IOReturn result, void *args[],
				      UInt32 numArgs)
{
	uint64_t wide[kMaxAsyncArgs];

	if (!reference)
		return kIOReturnBadArgument;
	if (numArgs > kMaxAsyncArgs)
		return kIOReturnMessageTooLarge;
	for (UInt32 i = 0; args && i < numArgs; i++)
		wide[i] = (uintptr_t)args[i];
	return send_completion(port_of(reference[kIOAsyncReservedIndex]), result,
			       args ? wide : NULL, numArgs, false);
}

void IOUserClient_setAsyncReference(OSAsyncReference asyncRef, mach_port_t wakePort, void *callback,
				    void *refcon)
{
	if (!asyncRef)
		return;
	asyncRef[kIOAsyncReservedIndex] = (UInt32)wakePort |
					  (asyncRef[kIOAsyncReservedIndex] & kIOUCAsync0Flags);
	asyncRef[kIOAsyncCalloutFuncIndex] = (UInt32)(uintptr_t)callback;
	asyncRef[kIOAsyncCalloutRefconIndex] = (UInt32)(uintptr_t)refcon;
}

void IOUserClient_setAsyncReference64(OSAsyncReference64 asyncRef, mach_port_t wakePort,
				      uint64_t callback, io_user_reference_t refcon)
{
	if (!asyncRef)
		return;
	asyncRef[kIOAsyncReservedIndex] = (UInt32)wakePort |
					  (asyncRef[kIOAsyncReservedIndex] & kIOUCAsync0Flags);
	asyncRef[kIOAsyncCalloutFuncIndex] = callback;
	asyncRef[kIOAsyncCalloutRefconIndex] = refcon;
}

void IOUserClient_setAsyncReference64WithTask(OSAsyncReference64 asyncRef, mach_port_t wakePort,
					      uint64_t callback, io_user_reference_t refcon,
					      task_t task)
{
	IOUserClient_setAsyncReference64(asyncRef, wakePort, callback, refcon);
	if (asyncRef && task)
		asyncRef[kIOAsyncReservedIndex] |= kIOUCAsync64Flag;
}

IOReturn IOUserClient_releaseAsyncReference64(OSAsyncReference64 reference)
{
	if (reference)
		driver_port_release(port_of(reference[kIOAsyncReservedIndex]));
	return kIOReturnSuccess;
}

IOReturn IOUserClient_releaseNotificationPort(mach_port_t port)
{
	driver_port_release(port);
	return kIOReturnSuccess;
}

IOReturn IOUserClient_sendNotification(mach_port_t number, const json_t *data)
{
	struct driver_port port;
	IOReturn sent;

	if (!data)
		return kIOReturnBadArgument;
	if (!driver_port_get(number, &port))
		return MACH_SEND_INVALID_DEST;
	sent = !port.is_notification ? MACH_SEND_INVALID_DEST :
	       send_line(port.service,
			 json_pack("{s:I,s:I,s:o}", "notify", (json_int_t)port.type, "conn",
				   (json_int_t)port.connection, "data", json_deep_copy(data)));
	OSObject_release(port.service);
	return sent;
}

/* --- DriverKit: an action that has the port */

struct completion {
	OSAction action;
	mach_port_t port;	/* owned */
};

static void completion_free(void *object)
{
	struct completion *completion = object;

	driver_port_release(completion->port);
	free(completion->action.reference);
	OSObject_release(completion->action.queue);
}

static const OSMetaClass completion_class = {
	.name = "OSAction",
	.size = sizeof(struct completion),
	.free = completion_free,
};

kern_return_t IOUserClient_CreateActionKernelCompletion(IOUserClient *client, size_t referenceSize,
							OSAction **action)
{
	struct completion *completion;

	if (!client || !action)
		return kIOReturnBadArgument;
	if (!client->call)
		return kIOReturnNotReady;
	completion = object_new(&completion_class);
	if (!completion)
		return kIOReturnNoMemory;
	completion->action.target = client;
	completion->action.reference = referenceSize > 0 ? calloc(1, referenceSize) : NULL;
	completion->port = driver_port_new(client->call);
	if (completion->port == MACH_PORT_NULL ||
	    (referenceSize > 0 && !completion->action.reference)) {
		OSObject_release(completion);
		return kIOReturnNoMemory;
	}
	*action = &completion->action;
	return kIOReturnSuccess;
}

kern_return_t IOUserClient_AsyncCompletion(IOUserClient *client, OSAction *action, IOReturn status,
					   const uint64_t *asyncData, uint32_t asyncDataCount)
{
	const struct completion *completion = (const void *)action;

	if (!client || !action || OSObject_getMetaClass(action) != &completion_class)
		return kIOReturnBadArgument;
	return send_completion(completion->port, status, asyncData, asyncDataCount, false);
}
