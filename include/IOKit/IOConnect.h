/* SPDX-License-Identifier: MIT */
/*
 * IOConnect - a program's connection to a service: calls, memory, notifications
 *
 * A connection is a descriptor that can be polled: POLLHUP when it is dead, because the
 * service was terminated, its driver went, or fsd did. Give it to poll() and to the
 * functions here and of IOKitLib.h, never to close(), read() or write().
 *
 * Results	Every result that a function can give is listed with it. What any of them
 *		gives is not repeated: kIOReturnBadArgument for a handle that is no
 *		connection; MACH_SEND_INVALID_DEST for one that is dead, or
 *		kIOReturnBadArgument while memory of it is mapped; kIOReturnNoMemory;
 *		kIOReturnNoResources without descriptors; kIOReturnIPCError for an
 *		answer that is none.
 * The driver's	"The driver's code" is any other; also kIOReturnAborted, when it ended during
 *		the call, and kIOReturnTimeout, where it has a limit.
 * Threads	Any thread, any time, as long as the caller has a reference. Calls of several
 *		threads run in parallel. What one thread closes, a call of another is
 *		done with first. No function starts a thread. None is async-signal-safe.
 *		A signal does not end a call.
 * Forks	As in IOKitLib.h: the child of a program with one thread may go on, and shares the
 *		connection: an IOServiceClose() of either is one of both. Maps are
 *		shared memory in both; queues are the parent's alone.
 * Ownership	What a call fills is the caller's. Maps are the connection's, and go with it.
 * Units	Sizes are bytes. Scalars are words of 64 bits.
 */
#pragma once

#include <jansson.h>

#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>
#include <IOKit/OSMessageNotification.h>

IOKIT_BEGIN_DECLS

/* The size of output that may be as large as the driver likes. */
#define kIOConnectMethodVarOutputSize	((size_t)-3)

/* Opening and closing */

/*
 * Open a connection of a driver's own kind @type to @service. @owningTask is
 * mach_task_self(). The driver may take its time to say yes or no. *@connect is the caller's,
 * for IOServiceClose(); it is untouched when this fails. Stands for IOServiceOpen().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@service is no service, @owningTask not the caller's, @connect
 *				is NULL, or the driver refused to initialise the connection
 *	kIOReturnNotPermitted	forbidden by policy
 *	kIOReturnNotPrivileged	the caller lacks the privilege or the entitlement, or the file's
 *				mode forbids it
 *	kIOReturnUnsupported	the service has no driver, or none that takes connections; or it
 *				is a connection
 *	kIOReturnNotReady	its driver is to come back, and is not there yet
 *	kIOReturnExclusiveAccess, and others: the driver's code
 *	MACH_SEND_INVALID_DEST, kIOReturnNotFound  the service was terminated
 *	kIOReturnError		what was opened is no connection
 */
kern_return_t IOServiceOpen(io_service_t service, task_port_t owningTask, uint32_t type,
			    io_connect_t *connect);

/*
 * Close @connect: its driver is told, once; maps and notifications end; calls under way end
 * with kIOReturnAborted. One reference goes, and the handle with the last. A
 * second time is no error, as long as no other handle has got the number. Stands for
 * IOServiceClose().
 *
 * Return: kIOReturnSuccess, also for a dead connection; kIOReturnBadArgument for what never
 * was a connection.
 */
kern_return_t IOServiceClose(io_connect_t connect);

/*
 * A reference more, or less. When the last goes without IOServiceClose(), the driver is
 * told that its client died. Stand for IOConnectAddRef() and IOConnectRelease().
 *
 * Return: kIOReturnSuccess or kIOReturnBadArgument.
 */
kern_return_t IOConnectAddRef(io_connect_t connect);
kern_return_t IOConnectRelease(io_connect_t connect);

/*
 * The service that @connect was opened on: a reference of the caller's, for
 * IOObjectRelease(). Stands for IOConnectGetService().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument also for @service NULL; kIOReturnUnsupported,
 * the driver has none to give: its class has no getService().
 */
kern_return_t IOConnectGetService(io_connect_t connect, io_service_t *service);

/*
 * Tell the driver of @connect about another connection, of any service. Stands for
 * IOConnectAddClient().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument also when @client is no connection, or, but for
 * root, another user's; kIOReturnUnsupported, and others: the driver's code. A driver of libqueue
 * gives kIOReturnBadArgument for another service's, which may be another process's.
 */
kern_return_t IOConnectAddClient(io_connect_t connect, io_connect_t client);

/*
 * Set properties of the connection, or one. The driver sees them and stores what it
 * wants; what @properties are, an object or another value, is for it to judge. The caller
 * keeps its reference to the document. Stand for IOConnectSetCFProperties() and
 * IOConnectSetCFProperty().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	NULL, or a key that is not among those that may be set
 *	kIOReturnNotPermitted	by policy; or no dictionary, where keys are listed
 *	kIOReturnMessageTooLarge  more than 4 MiB as text
 *	kIOReturnUnsupported, and others: the driver's code
 */
kern_return_t IOConnectSetCFProperties(io_connect_t connect, json_t *properties);
kern_return_t IOConnectSetCFProperty(io_connect_t connect, const char *name, json_t *property);

/* Calls */

/*
 * Call method @selector with @inputCnt scalars and @inputStructCnt bytes. *@outputCnt
 * and *@outputStructCnt say what there is room for, and become what came; either may be
 * NULL with the buffer, for none. Input and output may be one buffer.
 *
 * With *@outputStructCnt kIOConnectMethodVarOutputSize, @outputStruct is a void **: it becomes
 * the output in memory of its own, which the caller gives up with free().
 *
 * How large a struct is does not matter up to 3 MiB less 4 KiB. More than 16 scalars of output are
 * 16. On any result but kIOReturnSuccess, outputs and counts are as they were. Stands for
 * IOConnectCallMethod(), IOConnectCallScalarMethod() and IOConnectCallStructMethod().
 *
 * Return:
 *	kIOReturnSuccess
 *	MIG_ARRAY_TOO_LARGE	more than 16 scalars of input; the driver sees no call
 *	kIOReturnBadArgument	a buffer is NULL that has a size; there is no such method; or it
 *				takes other counts or sizes
 *	kIOReturnIPCError	room for more than 4 GiB - 1
 *	kIOReturnMessageTooLarge  input that is too large for fsd
 *	kIOReturnNotPrivileged	the method wants an entitlement of the caller
 *	kIOReturnNoCompletion	the driver has no function there
 *	kIOReturnUnderrun	a method with output of any size gave none
 *	others: the driver's code, or that of the policy's filter
 */
kern_return_t IOConnectCallMethod(mach_port_t connection, uint32_t selector,
				  const uint64_t *input, uint32_t inputCnt,
				  const void *inputStruct, size_t inputStructCnt,
				  uint64_t *output, uint32_t *outputCnt,
				  void *outputStruct, size_t *outputStructCnt);
kern_return_t IOConnectCallScalarMethod(mach_port_t connection, uint32_t selector,
					const uint64_t *input, uint32_t inputCnt,
					uint64_t *output, uint32_t *outputCnt);
kern_return_t IOConnectCallStructMethod(mach_port_t connection, uint32_t selector,
					const void *inputStruct, size_t inputStructCnt,
					void *outputStruct, size_t *outputStructCnt);

/*
 * What a completion is given to, by how many words it brings: none, one, two, more. Words
 * are in the place of pointers. By whoever dispatches the notification port.
 */
typedef void (*IOAsyncCallback0)(void *refcon, IOReturn result);
typedef void (*IOAsyncCallback1)(void *refcon, IOReturn result, void *arg0);
typedef void (*IOAsyncCallback2)(void *refcon, IOReturn result, void *arg0, void *arg1);
typedef void (*IOAsyncCallback)(void *refcon, IOReturn result, void **args, uint32_t numArgs);

/*
 * The same, and the driver completes it later, as often as it likes. @wakePort is that of
 * an IONotificationPort (IONotificationPortGetMachPort); whoever dispatches
 * that calls reference[kIOAsyncCalloutFuncIndex], one of the types above, with
 * reference[kIOAsyncCalloutRefconIndex] first. The words are copied. Results and outputs are those
 * of the start: on any but kIOReturnSuccess, there will be no completion. Nor is there one
 * after IOServiceClose().
 *
 * MACH_PORT_NULL makes a synchronous call of it. Without reference words (@reference NULL and
 * @referenceCnt 0), or without a function, completions are dropped. References that are equal
 * take memory once, until the connection goes. Stand for IOConnectCallAsyncMethod(),
 * IOConnectCallAsyncScalarMethod() and IOConnectCallAsyncStructMethod().
 *
 * Return: as above, and
 *	MIG_ARRAY_TOO_LARGE	more than 8 words
 *	kIOReturnBadArgument	no words, and @reference not NULL, or the reverse; @wakePort is
 *				not an IONotificationPort's; the method is not asynchronous
 *	kIOReturnIPCError	also for kIOConnectMethodVarOutputSize
 */
kern_return_t IOConnectCallAsyncMethod(mach_port_t connection, uint32_t selector,
				       mach_port_t wakePort,
				       uint64_t *reference, uint32_t referenceCnt,
				       const uint64_t *input, uint32_t inputCnt,
				       const void *inputStruct, size_t inputStructCnt,
				       uint64_t *output, uint32_t *outputCnt,
				       void *outputStruct, size_t *outputStructCnt);
kern_return_t IOConnectCallAsyncScalarMethod(mach_port_t connection, uint32_t selector,
					     mach_port_t wakePort,
					     uint64_t *reference, uint32_t referenceCnt,
					     const uint64_t *input, uint32_t inputCnt,
					     uint64_t *output, uint32_t *outputCnt);
kern_return_t IOConnectCallAsyncStructMethod(mach_port_t connection, uint32_t selector,
					     mach_port_t wakePort,
					     uint64_t *reference, uint32_t referenceCnt,
					     const void *inputStruct, size_t inputStructCnt,
					     void *outputStruct, size_t *outputStructCnt);

/*
 * Traps are calls without the kernel's checks, and between two processes there are none: use
 * IOConnectCallScalarMethod(). But a stream's user client has two of one argument, by
 * IOConnectTrap1(): kIOStreamTrapEnqueueInput notifies the stream's driver, with the low 32 bits of
 * @p1 as the token; kIOStreamTrapEnqueueInputSync does, and returns when the driver is done.
 * Neither passes a buffer. Stand for IOConnectTrap0() to IOConnectTrap6().
 *
 * Return:
 *	kIOReturnUnsupported	there is no such trap
 *	kIOReturnBadArgument	@connect is no connection
 * and for a stream's
 *	kIOReturnSuccess
 *	kIOReturnNotOpen	this connection has not opened it by kIOStreamMethodOpen
 *	kIOReturnNoDevice	the driver is gone
 *	kIOReturnAborted	of the second: it was stopped, or the driver ended, meanwhile
 */
kern_return_t IOConnectTrap0(io_connect_t connect, uint32_t index);
kern_return_t IOConnectTrap1(io_connect_t connect, uint32_t index, uintptr_t p1);
kern_return_t IOConnectTrap2(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2);
kern_return_t IOConnectTrap3(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
			     uintptr_t p3);
kern_return_t IOConnectTrap4(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
			     uintptr_t p3, uintptr_t p4);
kern_return_t IOConnectTrap5(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
			     uintptr_t p3, uintptr_t p4, uintptr_t p5);
kern_return_t IOConnectTrap6(io_connect_t connect, uint32_t index, uintptr_t p1, uintptr_t p2,
			     uintptr_t p3, uintptr_t p4, uintptr_t p5, uintptr_t p6);

/* Memory */

/*
 * Map the driver's memory of kind @memoryType, all of it, shared. *@ofSize becomes its size, and
 * is not looked at before; *@atAddress its address, and without kIOMapAnywhere it is where to
 * map: page-aligned, with nothing there yet. It can be written unless the driver said
 * otherwise. Only kIOMapAnywhere of @options has an effect. It is there until
 * IOConnectUnmapMemory() or IOServiceClose(), also after the service was terminated.
 * @intoTask is mach_task_self(). Each call makes a map of its own.
 *
 * Memory that is a queue of the service: *@atAddress is an IODataQueueMemory *, as
 * IODataQueueOpen() gives it, in the role of consumer, or where that is taken of producer;
 * *@ofSize is its capacity; @options are not looked at; a connection that maps it again
 * gets the same. IOConnectUnmapMemory() closes it, not IODataQueueClose(). It has a
 * port at once if IOConnectSetNotificationPort() has set one. Stands for
 * IOConnectMapMemory() and IOConnectMapMemory64().
 *
 * In link mode (fsd(8)) memory is a plain file: there the library keeps to what the
 * service's `methods` says of it, nothing but the file's mode holds others back, and another user
 * cannot map for writing what only its owner may write. What the driver says is read-only only
 * when it is asked is mapped for writing there, where the file's mode allows it.
 *
 * Return: kIOReturnSuccess, or kIOReturnBadArgument, whatever the reason.
 */
kern_return_t IOConnectMapMemory64(io_connect_t connect, uint32_t memoryType,
				   task_port_t intoTask, mach_vm_address_t *atAddress,
				   mach_vm_size_t *ofSize, IOOptionBits options);
kern_return_t IOConnectMapMemory(io_connect_t connect, uint32_t memoryType,
				 task_port_t intoTask, vm_address_t *atAddress,
				 vm_size_t *ofSize, IOOptionBits options);

/*
 * End a map that IOConnectMapMemory() made at @atAddress. Stands for IOConnectUnmapMemory() and
 * IOConnectUnmapMemory64().
 *
 * Return: kIOReturnSuccess, also when the connection is dead; kIOReturnBadArgument when no map
 * of @memoryType is there, or @fromTask is not mach_task_self(); kIOReturnUnsupported, and
 * others: no such map is there, and the driver was asked for that memory and refused it.
 */
kern_return_t IOConnectUnmapMemory64(io_connect_t connect, uint32_t memoryType,
				     task_port_t fromTask, mach_vm_address_t atAddress);
kern_return_t IOConnectUnmapMemory(io_connect_t connect, uint32_t memoryType,
				   task_port_t fromTask, vm_address_t atAddress);

/* Notifications */

/*
 * Have @port told of what the driver signals by the kind @type. The last port that was set
 * for a kind is the one; MACH_PORT_NULL takes it away, of which the driver is told and not asked:
 * that succeeds. @reference is handed on to the callback, not to the driver. Stands for
 * IOConnectSetNotificationPort().
 *
 * Where the kind is bound to a queue of the service, @port is an
 * IODataQueueAllocateNotificationPort(), and is set on the queue's attachment, now or once
 * IOConnectMapMemory() makes it.
 *
 * The output port of a stream is told of its driver's notifications: a document is the number of
 * those since the last. Nothing is told to its input port, by which the client tells the driver.
 *
 * Else the driver sends documents. @port is an IONotificationPort's: they go to the
 * callback that IOConnectSetNotificationCallback() set. Or it is any epoll instance, such as
 * IODataQueueAllocateNotificationPort() makes: it becomes readable when there are some for
 * IOConnectCopyNotification(), which is then called until there are none.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@port is of neither kind
 *	kIOReturnUnsupported, and others: the driver's code
 */
kern_return_t IOConnectSetNotificationPort(io_connect_t connect, uint32_t type, mach_port_t port,
					   uintptr_t reference);

/* @message lives during the call; json_incref() keeps it. */
typedef void (*IOConnectNotificationCallback)(void *refcon, io_connect_t connect, uint32_t type,
					      uintptr_t reference, json_t *message);

/*
 * What is called with each document of kind @type, by whoever dispatches the
 * IONotificationPort that is set for the kind, now or later; NULL: nothing, and documents are
 * dropped. New; it stands for what a program did with the message itself.
 *
 * Return: kIOReturnSuccess.
 */
kern_return_t IOConnectSetNotificationCallback(io_connect_t connect, uint32_t type,
					       IOConnectNotificationCallback callback,
					       void *refcon);

/*
 * The next document of kind @type, in the order in which they were sent: a reference of the
 * caller's. Does not wait. New; it stands for mach_msg() with the port.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnUnderrun	there is none now
 *	kIOReturnBadArgument	@message is NULL; no port is set for the kind, or an
 *				IONotificationPort's, or it is bound to a queue
 */
kern_return_t IOConnectCopyNotification(io_connect_t connect, uint32_t type, json_t **message);

IOKIT_END_DECLS
