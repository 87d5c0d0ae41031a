/* SPDX-License-Identifier: MIT */
/*
 * IOUserClient - the driver's object behind one connection of a client
 *
 * A driver describes its user clients by a struct IOUserClientClass: functions that it
 * overrides, and tables of methods. From open to close they are called so:
 *
 *	initWithTask, start, (externalMethod, clientMemoryForType,
 *	registerNotificationPort, connectClient, setProperties)*, clientClose, or clientDied
 *	which calls clientClose; then willTerminate, didTerminate, stop, free
 *
 * When the service is terminated first, it goes on at willTerminate. clientClose is called
 * once; of a user client that serves several connections (newUserClient() gave it
 * again, and it has the property IOUserClientSharedInstance) once for each.
 *
 * A class with a table of dispatch entries and without a function of its own needs nothing
 * more: its calls go by the table, with the user client as the target and reference NULL. fsd
 * knows the table (`methods`), and checks calls by it before the driver sees them.
 *
 * Threads	All these are called by the thread that serves the service, one at a time. What
 *		sends may be called from any thread; so may what asks a task. The rest is for
 *		the serving thread.
 * Ownership	What a function hands out through a pointer, or has Copy in its name, is a
 *		reference of the receiver's.
 */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include <IOKit/IOMessage.h>
#include <IOKit/IOService.h>
#include <IOKit/OSAction.h>
#include <IOKit/OSData.h>
#include <IOKit/OSMessageNotification.h>

IOKIT_BEGIN_DECLS

/* A struct of any size, in a table; in DriverKit's tables: any completion, too. */
#define kIOUCVariableStructureSize	0xffffffffu
#define kIOUserClientVariableStructureSize	kIOUCVariableStructureSize

/* Versions of the arguments; see the structs. */
#define kIOExternalMethodArgumentsCurrentVersion	2
#define kIOUserClientMethodArgumentsCurrentVersion	2

/* Of IOUserClient_sendAsyncResult64WithOptions(). */
enum {
	kIOUserNotifyOptionCanDrop = 0x1	/* rather refuse than queue without end */
};
#define kIOUserNotifyMaxMessageSize	64	/* bytes that a message to interested ones has */

/* Low bits of word 0 of a reference; the rest is the port. */
enum {
	kIOUCAsync0Flags = 3,
	kIOUCAsync64Flag = 1,
	kIOUCAsyncErrorLoggedFlag = 2
};

/* Of descriptors in the oldest style: how arguments are passed. */
enum {
	kIOUCTypeMask		= 0xf,
	kIOUCScalarIScalarO	= 0,
	kIOUCScalarIStructO	= 2,
	kIOUCStructIStructO	= 3,
	kIOUCScalarIStructI	= 4,
	kIOUCForegroundOnly	= 0x10
};

/* Of CopyClientMemoryForType(). */
enum {
	kIOUserClientMemoryReadOnly = 0x1
};

/* Of IOUserClient_CreateMemoryDescriptorFromClient(). */
enum {
	kIOMemoryDirectionIn		= 0x1,	/* the driver writes */
	kIOMemoryDirectionOut		= 0x2,	/* the driver reads */
	kIOMemoryDirectionInOut		= 0x3,
	kIOMemoryDisableCopyOnWrite	= 0x10
};

/* Privileges: IOUserClient_clientHasPrivilege(). */
#define kIOClientPrivilegeAdministrator		"root"
#define kIOClientPrivilegeLocalUser		"local"
#define kIOClientPrivilegeForeground		"foreground"
#define kIOClientPrivilegeConsoleUser		"console"
#define kIOClientPrivilegeSecureConsoleProcess	"secureprocess"
#define kIOClientPrivilegeConsoleSession	"consolesession"

/* The name of a dispatch queue: IOService_SetDispatchQueue(). */
#define IOUserClientQueueNameExternalMethod	"IOUserClientQueueExternalMethod"

/*
 * Properties of a class that fsd has to know; see struct IOUserClientClass. One with a table
 * dispatch2022 must have the first, false or an entitlement's name, and the three of locking;
 * else each open is kIOReturnNotPrivileged, or kIOReturnError.
 */
#define kIOUserClientEntitlementsKey		"IOUserClientEntitlements"
#define kIOUserClientSharedInstanceKey		"IOUserClientSharedInstance"
#define kIOUserClientDefaultLockingKey		"IOUserClientDefaultLocking"
#define kIOUserClientDefaultLockingSetPropertiesKey	"IOUserClientDefaultLockingSetProperties"
#define kIOUserClientDefaultLockingSingleThreadExternalMethodKey \
	"IOUserClientDefaultLockingSingleThreadExternalMethod"
/* These four: anybody may open it, and it is locked as others are. New. */
#define kIOUserClientProperties2022 \
	"{\"IOUserClientEntitlements\": false, \"IOUserClientDefaultLocking\": true," \
	" \"IOUserClientDefaultLockingSetProperties\": false," \
	" \"IOUserClientDefaultLockingSingleThreadExternalMethod\": false}"
#define kIOUserClientPrivilegeKey		"IOUserClientPrivilege"		/* new */
#define kIOUserClientTimeoutKey			"IOUserClientTimeout"		/* new; ms */

typedef UInt32		OSAsyncReference[kOSAsyncRefCount];
typedef mach_port_t	semaphore_t;

/* Part of the client's memory. */
typedef struct IOAddressSegment {
	uint64_t address;
	uint64_t length;		/* bytes */
} IOAddressSegment;

/* A token for "secureprocess". */
typedef struct IOUCProcessToken {
	task_t token;
	UInt32 pid;
} IOUCProcessToken;

/* --- a call, as the driver sees it: the modern and the classic table */

/*
 * Counts and sizes of outputs are what the client has room for; what the driver leaves there is
 * what the client gets. All outputs are 0 before the call. A struct of more than 4096 bytes
 * has a descriptor, and then no pointer and the size 0; read and write it by
 * pread(2), pwrite(2) or mmap(2) on IOMemoryDescriptor_getDescriptor().
 */
typedef struct IOExternalMethodArguments {
	uint32_t version;
	uint32_t selector;
	mach_port_t asyncWakePort;		/* MACH_PORT_NULL: a synchronous call */
	io_user_reference_t *asyncReference;	/* its word 0 leads to the client; copy all */
	uint32_t asyncReferenceCount;
	const uint64_t *scalarInput;
	uint32_t scalarInputCount;
	const void *structureInput;
	uint32_t structureInputSize;
	IOMemoryDescriptor *structureInputDescriptor;
	uint64_t *scalarOutput;
	uint32_t scalarOutputCount;
	void *structureOutput;
	uint32_t structureOutputSize;
	IOMemoryDescriptor *structureOutputDescriptor;
	uint32_t structureOutputDescriptorSize;
	uint32_t __reservedA;
	OSData **structureVariableOutputData;	/* not NULL: give it an object, of any size */
	uint32_t __reserved[30];
} IOExternalMethodArguments;

typedef IOReturn (*IOExternalMethodAction)(void *target, void *reference,
					   IOExternalMethodArguments *arguments);

typedef struct IOExternalMethodDispatch {
	IOExternalMethodAction function;
	uint32_t checkScalarInputCount;
	uint32_t checkStructureInputSize;
	uint32_t checkScalarOutputCount;
	uint32_t checkStructureOutputSize;
} IOExternalMethodDispatch;

typedef struct IOExternalMethodDispatch2022 {
	IOExternalMethodAction function;
	uint32_t checkScalarInputCount;
	uint32_t checkStructureInputSize;
	uint32_t checkScalarOutputCount;
	uint32_t checkStructureOutputSize;
	uint8_t allowAsync;
	const char *checkEntitlement;
} IOExternalMethodDispatch2022;

/* --- the same in DriverKit */

typedef struct IOUserClientMethodArguments {
	uint64_t version;
	uint64_t selector;
	OSAction *completion;			/* NULL: a synchronous call. Retain it to keep it */
	const uint64_t *scalarInput;
	uint32_t scalarInputCount;
	OSData *structureInput;
	IOMemoryDescriptor *structureInputDescriptor;
	uint64_t *scalarOutput;
	uint32_t scalarOutputCount;
	OSData *structureOutput;		/* the driver sets it, with its reference */
	IOMemoryDescriptor *structureOutputDescriptor;
	uint64_t structureOutputMaximumSize;	/* 0xffffffff: any */
	uint64_t __reserved[30];
} IOUserClientMethodArguments;

typedef kern_return_t (*IOUserClientMethodFunction)(void *target, void *reference,
						    IOUserClientMethodArguments *arguments);

typedef struct IOUserClientMethodDispatch {
	IOUserClientMethodFunction function;
	uint32_t checkCompletionExists;		/* 0: none; 0xffffffff: either; else there is one */
	uint32_t checkScalarInputCount;
	uint32_t checkStructureInputSize;
	uint32_t checkScalarOutputCount;
	uint32_t checkStructureOutputSize;
} IOUserClientMethodDispatch;

/* --- and in the oldest style: at most six arguments, scalars of 32 bits */

typedef IOReturn (*IOMethod)(void *object, void *p1, void *p2, void *p3, void *p4, void *p5,
			     void *p6);
typedef IOReturn (*IOAsyncMethod)(void *object, OSAsyncReference asyncRef, void *p1, void *p2,
				  void *p3, void *p4, void *p5, void *p6);
typedef IOMethod IOTrap;

typedef struct IOExternalMethod {
	void *object;			/* NULL: as if there were no such method */
	IOMethod func;
	IOOptionBits flags;
	IOByteCount count0;
	IOByteCount count1;
} IOExternalMethod;

typedef struct IOExternalAsyncMethod {
	void *object;
	IOAsyncMethod func;
	IOOptionBits flags;
	IOByteCount count0;
	IOByteCount count1;
} IOExternalAsyncMethod;

typedef struct IOExternalTrap {
	void *object;
	IOTrap func;
} IOExternalTrap;

/* --- what a driver overrides */

/*
 * NULL is what the base class does: IOUserClient_NAME(), which an override may call, too. Of two
 * forms of one member the longer is called, and its base calls the other.
 */
struct IOUserClientMethods {
	bool (*initWithTask)(IOUserClient *client, task_t owningTask, void *securityToken,
			     UInt32 type);
	bool (*initWithTaskAndProperties)(IOUserClient *client, task_t owningTask,
					  void *securityToken, UInt32 type, json_t *properties);
	bool (*start)(IOUserClient *client, IOService *provider);
	void (*stop)(IOUserClient *client, IOService *provider);
	bool (*willTerminate)(IOUserClient *client, IOService *provider, IOOptionBits options);
	bool (*didTerminate)(IOUserClient *client, IOService *provider, IOOptionBits options,
			     bool *defer);
	void (*free)(IOUserClient *client);

	IOReturn (*clientClose)(IOUserClient *client);
	IOReturn (*clientDied)(IOUserClient *client);
	/*
	 * Not called. Where there is one, clients get by IOConnectGetService() the service that
	 * they opened; else kIOReturnUnsupported.
	 */
	IOService *(*getService)(IOUserClient *client);

	/*
	 * A port of MACH_PORT_NULL: no longer. The driver gives the port back by
	 * releaseNotificationPort(). @refCon is 0: a client's library keeps what the client said.
	 */
	IOReturn (*registerNotificationPort)(IOUserClient *client, mach_port_t port, UInt32 type,
					     UInt32 refCon);
	IOReturn (*registerNotificationPort64)(IOUserClient *client, mach_port_t port, UInt32 type,
					       io_user_reference_t refCon);
	IOReturn (*getNotificationSemaphore)(IOUserClient *client, UInt32 type,
					     semaphore_t *semaphore);
	IOReturn (*connectClient)(IOUserClient *client, IOUserClient *other);
	/*
	 * A reference to memory that the service has: a buffer, or a queue that is published
	 * there.
	 */
	IOReturn (*clientMemoryForType)(IOUserClient *client, UInt32 type, IOOptionBits *options,
					IOMemoryDescriptor **memory);
	/* kIOMessageServiceIsRequestingClose: another client wants to open() the service. */
	IOReturn (*message)(IOUserClient *client, UInt32 type, const void *provider,
			    void *argument);
	/* An object, where the class lists what may be set; else any value a client chose. */
	IOReturn (*setProperties)(IOUserClient *client, json_t *properties);

	IOReturn (*externalMethod)(IOUserClient *client, uint32_t selector,
				   IOExternalMethodArguments *arguments,
				   IOExternalMethodDispatch *dispatch, void *target,
				   void *reference);
	IOExternalMethod *(*getExternalMethodForIndex)(IOUserClient *client, UInt32 index);
	IOExternalAsyncMethod *(*getExternalAsyncMethodForIndex)(IOUserClient *client,
								 UInt32 index);
	IOExternalMethod *(*getTargetAndMethodForIndex)(IOUserClient *client, void **target,
							UInt32 index);
	IOExternalAsyncMethod *(*getAsyncTargetAndMethodForIndex)(IOUserClient *client,
								  void **target, UInt32 index);
	IOExternalTrap *(*getExternalTrapForIndex)(IOUserClient *client, UInt32 index);
	IOExternalTrap *(*getTargetAndTrapForIndex)(IOUserClient *client, void **target,
						    UInt32 index);

	/* DriverKit. Where there is one, it is called in the place of the one above. */
	kern_return_t (*ExternalMethod)(IOUserClient *client, uint64_t selector,
					IOUserClientMethodArguments *arguments,
					const IOUserClientMethodDispatch *dispatch, void *target,
					void *reference);
	kern_return_t (*CopyClientMemoryForType)(IOUserClient *client, uint64_t type,
						 uint64_t *options, IOMemoryDescriptor **memory);
};

/*
 * In the place of a class declaration. It must live as long as its user clients, and as the
 * services that it is the userClientClass of. Of the tables there is one at most.
 */
struct IOUserClientClass {
	const char *className;
	size_t referenceSize;			/* bytes of IOUserClient_getReference() */
	const struct IOUserClientMethods *methods;	/* NULL: the base's */
	const IOExternalMethodDispatch2022 *dispatch2022;
	const IOExternalMethodDispatch *dispatch;
	const IOUserClientMethodDispatch *methodDispatch;
	UInt32 dispatchCount;			/* entries of the table */
	const char *const *selectorNames;	/* NULL; or as many, for `m/NAME`, or NULL */
	const char *properties;			/* NULL; or properties of each of them, as JSON */
};

/* --- making one: for an override of newUserClient() */

/* A user client of no connection yet. Stands for `new Class`. Return: a reference, or NULL. */
IOUserClient *IOUserClient_alloc(const struct IOUserClientClass *userClientClass);

/*
 * Initialise it, with properties that are kept; once is enough, and again does no harm.
 * initWithTask() ignores its arguments. Stand for IOUserClient::init() and initWithTask(), both
 * forms.
 * Return: false without memory, for NULL, or for properties that are no object.
 */
bool IOUserClient_init(IOUserClient *client);
bool IOUserClient_initWithProperties(IOUserClient *client, json_t *properties);
bool IOUserClient_initWithTask(IOUserClient *client, task_t owningTask, void *securityToken,
			       UInt32 type);
bool IOUserClient_initWithTaskAndProperties(IOUserClient *client, task_t owningTask,
					    void *securityToken, UInt32 type, json_t *properties);

/* Put it below @provider. Stands for attach(). Return: false for NULL, or when it is terminated. */
bool IOUserClient_attach(IOUserClient *client, IOService *provider);

/* true; nothing; true; true. Stand for start(), stop(), willTerminate() and didTerminate(). */
bool IOUserClient_start(IOUserClient *client, IOService *provider);
void IOUserClient_stop(IOUserClient *client, IOService *provider);
bool IOUserClient_willTerminate(IOUserClient *client, IOService *provider, IOOptionBits options);
bool IOUserClient_didTerminate(IOUserClient *client, IOService *provider, IOOptionBits options,
			       bool *defer);

/* Give up memory that was handed out; also done with the last reference. Stands for free(). */
void IOUserClient_free(IOUserClient *client);

/* --- what it is and has */

/* Its own bytes, all 0 at first; NULL for none. New; in the place of members of a derived class. */
void *IOUserClient_getReference(const IOUserClient *client);

/* The class, named as struct IOUserClientClass says. Stands for getMetaClass(). */
const OSMetaClass *IOUserClient_getMetaClass(const IOUserClient *client);

/* The service that it is below, borrowed; NULL before and after. Stands for getProvider(). */
IOService *IOUserClient_getProvider(const IOUserClient *client);

/* Who opened it, borrowed; NULL before initWithTask() and after stop(). New. */
task_t IOUserClient_getTask(const IOUserClient *client);

/* A property of its own, a new reference, or NULL. Stands for copyProperty(). */
json_t *IOUserClient_copyProperty(const IOUserClient *client, const char *key);

/* Closed, or terminated. Stands for isInactive(). */
bool IOUserClient_isInactive(const IOUserClient *client);

/*
 * End its connections: the client's calls fail from now on. It is stopped when what is being
 * called returns. Stands for terminate(). Return: whether it was active.
 */
bool IOUserClient_terminate(IOUserClient *client, IOOptionBits options);

/* --- what the base class does */

/*
 * kIOReturnUnsupported: what is to be done on close only the driver knows. Stands for
 * clientClose().
 */
IOReturn IOUserClient_clientClose(IOUserClient *client);

/*
 * Call clientClose(), once. Stands for clientDied(). Return: its result; kIOReturnNotReady when it
 * is closed already and not shared.
 */
IOReturn IOUserClient_clientDied(IOUserClient *client);

/* NULL. Stands for getService(). */
IOService *IOUserClient_getService(IOUserClient *client);

/*
 * kIOReturnUnsupported; the second calls the first with 32 bits of @refCon. Stand for both forms.
 */
IOReturn IOUserClient_registerNotificationPort(IOUserClient *client, mach_port_t port, UInt32 type,
					       UInt32 refCon);
IOReturn IOUserClient_registerNotificationPort64(IOUserClient *client, mach_port_t port,
						 UInt32 type, io_user_reference_t refCon);

/* kIOReturnUnsupported, all that follow. Stand for the members of these names. */
IOReturn IOUserClient_getNotificationSemaphore(IOUserClient *client, UInt32 type,
					       semaphore_t *semaphore);
IOReturn IOUserClient_connectClient(IOUserClient *client, IOUserClient *other);
IOReturn IOUserClient_clientMemoryForType(IOUserClient *client, UInt32 type, IOOptionBits *options,
					  IOMemoryDescriptor **memory);
IOReturn IOUserClient_message(IOUserClient *client, UInt32 type, const void *provider,
			      void *argument);
IOReturn IOUserClient_setProperties(IOUserClient *client, json_t *properties);
kern_return_t IOUserClient_CopyClientMemoryForType(IOUserClient *client, uint64_t type,
						   uint64_t *options, IOMemoryDescriptor **memory);

/* NULL, these three. Stand for the members of these names. */
IOExternalMethod *IOUserClient_getExternalMethodForIndex(IOUserClient *client, UInt32 index);
IOExternalAsyncMethod *IOUserClient_getExternalAsyncMethodForIndex(IOUserClient *client,
								   UInt32 index);
IOExternalTrap *IOUserClient_getExternalTrapForIndex(IOUserClient *client, UInt32 index);

/*
 * Those, asked of the driver, and where they have an object, it is *@target. Stand for the
 * members.
 */
IOExternalMethod *IOUserClient_getTargetAndMethodForIndex(IOUserClient *client, void **target,
							  UInt32 index);
IOExternalAsyncMethod *IOUserClient_getAsyncTargetAndMethodForIndex(IOUserClient *client,
								    void **target, UInt32 index);
IOExternalTrap *IOUserClient_getTargetAndTrapForIndex(IOUserClient *client, void **target,
						      UInt32 index);

/* --- method calls */

/*
 * Check the call by @dispatch and make it; without one, by the driver's descriptors of the oldest
 * style. @target and @reference are passed on. Stands for externalMethod() of the base class.
 *
 * Return: what the function returned; kIOReturnBadArgument, a count or size that is not as
 * declared; kIOReturnNoCompletion, an entry without a function; without an entry:
 * kIOReturnIPCError, a struct of more than 4096 bytes; kIOReturnUnsupported, no descriptor.
 */
IOReturn IOUserClient_externalMethod(IOUserClient *client, uint32_t selector,
				     IOExternalMethodArguments *arguments,
				     IOExternalMethodDispatch *dispatch, void *target,
				     void *reference);

/*
 * Check the call by entry @selector of @dispatchArray and make it. Stands for
 * dispatchExternalMethod().
 *
 * Return: what the function returned; kIOReturnError, @dispatchArray is NULL;
 * kIOReturnBadArgument, no such entry, a count or size that is not as declared, or asynchronous
 * where that is not allowed; kIOReturnNotPrivileged, the calling process lacks the entitlement;
 * kIOReturnNoCompletion, no function.
 */
IOReturn IOUserClient_dispatchExternalMethod(IOUserClient *client, uint32_t selector,
					     IOExternalMethodArguments *arguments,
					     const IOExternalMethodDispatch2022 dispatchArray[],
					     size_t dispatchArrayCount, void *target,
					     void *reference);

/*
 * The same for DriverKit: check by @dispatch and call. Stands for IOUserClient::ExternalMethod().
 * Return: what the function returned; kIOReturnUnsupported for @dispatch NULL;
 * kIOReturnBadArgument; kIOReturnNoCompletion.
 */
kern_return_t IOUserClient_ExternalMethod(IOUserClient *client, uint64_t selector,
					  IOUserClientMethodArguments *arguments,
					  const IOUserClientMethodDispatch *dispatch, void *target,
					  void *reference);

/* --- asynchronous results; any thread */

/*
 * Fill in a reference: the port (that of the call, asyncWakePort), the function and its first
 * argument. Word 0 keeps its flags; with a @task it says that the client has 64 bits. The words 1
 * and 2 are the driver's to keep: what the client called with is kept with the port. Stand for
 * setAsyncReference() and setAsyncReference64(), both forms.
 */
void IOUserClient_setAsyncReference(OSAsyncReference asyncRef, mach_port_t wakePort, void *callback,
				    void *refcon);
void IOUserClient_setAsyncReference64(OSAsyncReference64 asyncRef, mach_port_t wakePort,
				      uint64_t callback, io_user_reference_t refcon);
void IOUserClient_setAsyncReference64WithTask(OSAsyncReference64 asyncRef, mach_port_t wakePort,
					      uint64_t callback, io_user_reference_t refcon,
					      task_t task);

/*
 * Send one result of an asynchronous call to its client, as often as wanted. After a call that
 * returned kIOReturnSuccess, until its reference is released. Stand for sendAsyncResult(),
 * sendAsyncResult64() and sendAsyncResult64WithOptions().
 *
 * Return: kIOReturnSuccess, also for a reference without a port, when nothing is sent;
 * kIOReturnMessageTooLarge, more than 16 @args; kIOReturnBadArgument, NULL;
 * MACH_SEND_INVALID_DEST, the connection or the reference is gone; MACH_SEND_TIMED_OUT, the
 * client's queue is at its limit (with kIOUserNotifyOptionCanDrop only); MACH_SEND_NO_BUFFER, no
 * memory.
 */
IOReturn IOUserClient_sendAsyncResult(OSAsyncReference reference, IOReturn result, void *args[],
				      UInt32 numArgs);
IOReturn IOUserClient_sendAsyncResult64(OSAsyncReference64 reference, IOReturn result,
					io_user_reference_t args[], UInt32 numArgs);
IOReturn IOUserClient_sendAsyncResult64WithOptions(OSAsyncReference64 reference, IOReturn result,
						   io_user_reference_t args[], UInt32 numArgs,
						   IOOptionBits options);

/*
 * No more results for this call. Once for each asynchronous call that returned kIOReturnSuccess;
 * what is left goes with the connection. Stands for releaseAsyncReference64().
 * Return: kIOReturnSuccess.
 */
IOReturn IOUserClient_releaseAsyncReference64(OSAsyncReference64 reference);

/* The same of a port that registerNotificationPort() was given; MACH_PORT_NULL is allowed. */
IOReturn IOUserClient_releaseNotificationPort(mach_port_t port);

/*
 * Send @data, any value, to who reads the port. New; it stands for a message to the port.
 * Return: kIOReturnSuccess; MACH_SEND_INVALID_DEST, released, or nobody has it open;
 * kIOReturnBadArgument, @data is NULL; or what fsd says.
 */
IOReturn IOUserClient_sendNotification(mach_port_t port, const json_t *data);

/*
 * DriverKit: the same through the action that ExternalMethod() got. Stands for AsyncCompletion().
 */
kern_return_t IOUserClient_AsyncCompletion(IOUserClient *client, OSAction *action, IOReturn status,
					   const uint64_t *asyncData, uint32_t asyncDataCount);

/*
 * An action for the asynchronous call that is being made, with @referenceSize bytes of the
 * caller's own; ExternalMethod() is given one. When its last reference goes, no more results are
 * sent. Stands for CreateActionKernelCompletion().
 * Return: kIOReturnSuccess; kIOReturnBadArgument, NULL; kIOReturnNotReady, no asynchronous call
 * is being made; kIOReturnNoMemory.
 */
kern_return_t IOUserClient_CreateActionKernelCompletion(IOUserClient *client, size_t referenceSize,
							OSAction **action);

/* --- memory */

/*
 * Take @memory out of what was handed to the client, so that the driver is asked anew for its type;
 * what is mapped stays mapped. Stands for removeMappingForDescriptor(). Return: @memory with a
 * reference, or NULL when it was not handed out.
 */
IOMemoryDescriptor *IOUserClient_removeMappingForDescriptor(IOUserClient *client,
							    IOMemoryDescriptor *memory);

/*
 * What the client can find an object by: the registry entry ID of a service, for
 * IORegistryEntryIDMatching(); 0 for others. Takes the caller's reference to @object.
 * Stands for exportObjectToClient(). Return: kIOReturnSuccess.
 */
IOReturn IOUserClient_exportObjectToClient(IOUserClient *client, task_t task, void *object,
					   uint64_t *clientObject);

/*
 * A copy of up to 32 parts of the client's memory, one behind the other. With
 * kIOMemoryDirectionOut it has their bytes; with kIOMemoryDirectionIn what the driver wrote there
 * is in the client's memory when the method call returns, or after
 * IOUserClient_writeMemoryToClient(). Stands for CreateMemoryDescriptorFromClient().
 *
 * Return: kIOReturnSuccess and a reference; kIOReturnBadArgument, NULL, no or too many segments,
 * or no direction; kIOReturnNoMemory, no memory, or no bytes or more than 1 GiB in all;
 * kIOReturnNotReady, the client is gone; kIOReturnNotPermitted, the driver's process may not (it
 * needs the rights of a debugger); kIOReturnVMError, no such memory.
 */
kern_return_t IOUserClient_CreateMemoryDescriptorFromClient(IOUserClient *client, uint64_t options,
							    uint32_t segmentsCount,
							    const IOAddressSegment segments[],
							    IOMemoryDescriptor **memory);

/*
 * Write back now what the driver changed in such a copy. New. Return: likewise; BadArgument for
 * others.
 */
kern_return_t IOUserClient_writeMemoryToClient(IOUserClient *client, IOMemoryDescriptor *memory);

/* --- rights; any thread */

/*
 * Has the task (@securityToken; for "secureprocess" an IOUCProcessToken) the privilege?
 * "cap:NAME" asks for a capability. "foreground" is not about the task but about who makes the
 * call that is served, where no table of the class checks it; else everybody has it. Stands for
 * clientHasPrivilege().
 * Return: kIOReturnSuccess, kIOReturnNotPrivileged, or kIOReturnUnsupported for a name that is
 * not known.
 */
IOReturn IOUserClient_clientHasPrivilege(void *securityToken, const char *privilegeName);

/* Stands for clientHasAuthorization(). Return: kIOReturnSuccess or kIOReturnNotPermitted. */
IOReturn IOUserClient_clientHasAuthorization(task_t task, IOService *service);

/*
 * Entitlements of a task, NULL: of IOTaskGetCurrent(). One, or all.
 * Stand for copyClientEntitlement() and copyClientEntitlements().
 * Return: a new reference, or NULL: no such one, or no task.
 */
json_t *IOUserClient_copyClientEntitlement(task_t task, const char *entitlement);
json_t *IOUserClient_copyClientEntitlements(task_t task);

/*
 * The same of an executable: an open file, or a path (@fd -1). Root alone can see them. Stand for
 * copyClientEntitlementVnode() and copyClientEntitlementsVnode().
 */
json_t *IOUserClient_copyClientEntitlementVnode(int fd, const char *path, const char *entitlement);
json_t *IOUserClient_copyClientEntitlementsVnode(int fd, const char *path);

/*
 * DriverKit: all of the opener's, and com.apple.developer.driverkit.administrator for uid 0, and
 * IOUserClientCreator. Stands for CopyClientEntitlements(). Return: kIOReturnSuccess;
 * kIOReturnBadArgument; kIOReturnNotReady, after stop(); kIOReturnNoMemory.
 */
kern_return_t IOUserClient_CopyClientEntitlements(IOUserClient *client, json_t **entitlements);

/*
 * Who asks what this thread serves: opens, calls, maps memory, registers a port, connects clients,
 * sets properties, wants a probe, or the service that another one has open. That is the task that
 * opened the connection where it is that process; another one has IDs, and no name, path and
 * entitlements. Borrowed, until what was called returns; NULL: nobody, as in clientClose() and
 * stop(), and on other threads. Stands for current_task().
 */
task_t IOTaskGetCurrent(void);

/*
 * What fsd knew of a task; 0, -1 for the IDs, or "" for NULL. Text as long as the task. New; for
 * proc_pid() and its like.
 */
pid_t IOTaskGetPID(task_t task);
uid_t IOTaskGetUID(task_t task);
gid_t IOTaskGetGID(task_t task);
const char *IOTaskGetName(task_t task);
const char *IOTaskGetPath(task_t task);

/* A number that no other process has had since boot; 0 when it could not be seen. */
uint64_t IOTaskGetUniqueID(task_t task);

IOKIT_END_DECLS
