/* SPDX-License-Identifier: MIT */
/*
 * IOService - a driver's service in a mount
 *
 * A driver makes a service, attaches it below a provider, serves it, registers it,
 * and runs:
 *
 *	service = IOService_withClass(&class);
 *	IOService_attachAt(service, "mnt/IOService");		mkdir
 *	IOService_serve(service);				calls start() of the class
 *	IOService_registerService(service, 0);			unless start() did
 *	IOService_run(service);					until it is terminated
 *
 * Its clients open it, and get user clients (IOKit/IOUserClient.h). When this
 * process ends, the service is terminated, unless IOService_persist() was asked for.
 * When fsd is started anew, the service is there again and is served again; its
 * clients have to open it again.
 *
 * Threads	What the class's functions are called by is one thread at a time: that
 *		which calls IOService_dispatch() or IOService_run(), or the dispatch
 *		queue's. Everything here may be called from there. From other threads:
 *		properties, messages, states, buffers, busy counts, termination. What
 *		says "before it is registered" is for the thread that makes the service.
 * Forks	A child must not use its parent's services; it may release them.
 * Results	Where a file of the mount refuses, the result is what fsd says (err/PID),
 *		and errno is set.
 * Values	Properties are json_t of jansson, whole numbers of 64 bits; data are
 *		{"$data": BASE64}. What a function hands out is a new reference, what is
 *		passed stays the caller's.
 */
#pragma once

#include <jansson.h>

#include <IOKit/IODataQueue.h>
#include <IOKit/IODispatchQueue.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/IOMemoryDescriptor.h>
#include <IOKit/IOReturn.h>
#include <IOKit/OSObject.h>

IOKIT_BEGIN_DECLS

typedef struct IOService IOService;
typedef struct IOUserClient IOUserClient;

/* Who uses a user client: what fsd knew of the process when it opened it. */
typedef struct IOTask *task_t;

/* The name of the queue that serves all; the other is IOUserClientQueueNameExternalMethod. */
#define kIOServiceDefaultQueueName	"Default"

/* Options of open(), registerService() and terminate(). */
enum {
	kIOServiceSeize		= 0x1,
	kIOServiceRequired	= 0x1,
	kIOServiceSynchronous	= 0x2,
	kIOServiceTerminate	= 0x4
};

/*
 * What a driver overrides. NULL is what the base class does: the function
 * IOService_NAME(), which an override may call, too.
 */
struct IOServiceMethods {
	/* Served for the first time: make queues and buffers, register. false: not served. */
	bool (*start)(IOService *service, IOService *provider);
	/* Terminated; its clients are stopped already. */
	void (*stop)(IOService *service, IOService *provider);
	/* The last reference is gone; the memory of getReference() goes after this. */
	void (*free)(IOService *service);

	IOReturn (*newUserClient)(IOService *service, task_t owningTask, void *securityID,
				  UInt32 type, json_t *properties, IOUserClient **handler);
	/*
	 * A client wants to set properties of the service; it is up to the driver which. They may
	 * be no object, but any value, where the service does not list what may be set.
	 */
	IOReturn (*setProperties)(IOService *service, json_t *properties);
	IOReturn (*requestProbe)(IOService *service, IOOptionBits options);
	/* A message: kIOMessageServiceIsRequestingClose of another one's open() with seize. */
	IOReturn (*message)(IOService *service, UInt32 type, const void *provider, void *argument);

	bool (*handleOpen)(IOService *service, const void *forClient, IOOptionBits options,
			   void *argument);
	void (*handleClose)(IOService *service, const void *forClient, IOOptionBits options);
	bool (*handleIsOpen)(const IOService *service, const void *forClient);
};

struct IOUserClientClass;

/* In the place of a class declaration. It must live as long as its services. */
struct IOServiceClass {
	const char *className;		/* "Class" or "Class:Base:...", down to IOService */
	size_t referenceSize;		/* bytes of IOService_getReference() */
	const struct IOServiceMethods *methods;	/* NULL: the base's */
	/* Of all its clients. NULL: there are none, or newUserClient() knows. */
	const struct IOUserClientClass *userClientClass;
};

/* --- making one */

/*
 * A new service of @serviceClass, which is nowhere yet, and named after the class. Stands for
 * `new Class` and IOService::init(). Return: a reference of the caller's; NULL for
 * NULL or without memory or descriptors.
 */
IOService *IOService_withClass(const struct IOServiceClass *serviceClass);

/* Its own bytes, all 0 at first; NULL for none. New; in the place of members of a derived class. */
void *IOService_getReference(const IOService *service);

/*
 * The name, and the location, which may be "". Before it is attached. Copied. Stand for
 * IORegistryEntry::setName() and setLocation(); false without memory, for NULL, or too late.
 */
bool IOService_setName(IOService *service, const char *name);
bool IOService_setLocation(IOService *service, const char *location);

/* They; "" for none. Stand for IORegistryEntry::getName() and getLocation(). */
const char *IOService_getName(const IOService *service);
const char *IOService_getLocation(const IOService *service);

/*
 * Make the service below a provider: a directory of the mount, $M/IOService for the root.
 * Where there is one of that name already that is served by nobody (it persisted), this
 * object becomes that service. New; it stands for attach() to a provider that matching found.
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	NULL, attached already, or a name that no service has
 *	kIOReturnNotPrivileged, kIOReturnNotPermitted	nothing may be made there
 *	kIOReturnNotAttached	the provider is inactive
 *	kIOReturnNotFound	there is no such directory
 *	kIOReturnUnsupported	it is not of a mount's service plane
 *	or what IOReturnFromErrno() says
 */
IOReturn IOService_attachAt(IOService *service, const char *directory);

/* The same below a service of this process, which is retained. Stands for IOService::attach(). */
bool IOService_attach(IOService *service, IOService *provider);

/* What it was attached to, borrowed; NULL for a directory. Stands for IOService::getProvider(). */
IOService *IOService_getProvider(const IOService *service);

/* Its directory in the mount, as long as the object lives; NULL before it is attached. New. */
const char *IOService_getDirectory(const IOService *service);

/*
 * Become its driver: from now on requests come here. Calls start() of the class. New; it
 * stands for the driver's start() when matching chose it.
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument, not attached or served already;
 * kIOReturnExclusiveAccess, another process serves it; kIOReturnNotReady, start() said
 * no; or what fsd says.
 */
IOReturn IOService_serve(IOService *service);

/*
 * Say in `methods` what the clients may do, where that was not said before, and register:
 * from now on it can be matched and opened. @options are ignored. Stands for
 * IOService::registerService(), which has no result.
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument, not attached, or properties of the user
 * client's class that are wrong; kIOReturnNotAttached, terminated; or what fsd says.
 */
IOReturn IOService_registerService(IOService *service, IOOptionBits options);

/*
 * When this process ends, stay registered, without a driver, until one serves it again. That finds
 * buffers by IOService_createBuffer(), and queues, which cannot be published again, by
 * IODataQueueOpen(). New. Return: as IOService_adjustBusy().
 */
IOReturn IOService_persist(IOService *service);

/*
 * Terminate it with all below it. Its user clients are stopped, and IOService_run() returns,
 * when fsd says so. @options are ignored. Stands for IOService::terminate().
 * Return: whether fsd took it.
 */
bool IOService_terminate(IOService *service, IOOptionBits options);

/* --- what it is and has; any thread */

/* Its entry's ID; 0 when there is none. Stands for IORegistryEntry::getRegistryEntryID(). */
uint64_t IOService_getRegistryEntryID(const IOService *service);

/* Bits kIOService...State of IOKitLib.h; inactive when it is not found. Stands for getState(). */
IOOptionBits IOService_getState(const IOService *service);

/* Of them, the first. Stands for IOService::isInactive(). */
bool IOService_isInactive(const IOService *service);

/* 0 when it cannot be found. Stands for IOService::getBusyState(). */
UInt32 IOService_getBusyState(const IOService *service);

/*
 * Add @delta to the busy count, or take back what was added; the rest fsd takes back when the
 * driver goes. Stands for IOService::adjustBusy(), which has no result.
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL, not attached, a count above 1023,
 * or less than was added; kIOReturnNotAttached, terminated; or what fsd says.
 */
IOReturn IOService_adjustBusy(IOService *service, SInt32 delta);

/* A property, a new reference; NULL for none. Stands for IORegistryEntry::copyProperty(). */
json_t *IOService_copyProperty(const IOService *service, const char *key);

/*
 * Set a property, or several, or remove one. The process's user has to be the service's owner: for
 * others it is a request to the driver (setProperties()), who would wait for itself. Stand for
 * IORegistryEntry::setProperty(), setPropertyTable(), removeProperty(). Any thread.
 * Return: whether fsd took it.
 */
bool IOService_setProperty(IOService *service, const char *key, const json_t *value);
bool IOService_setPropertyTable(IOService *service, const json_t *properties);
bool IOService_removeProperty(IOService *service, const char *key);

/*
 * Tell all who are interested (`events`). @argument: a value, or NULL. Stands for
 * IOService::messageClients(). Return: kIOReturnSuccess, kIOReturnNotReady while it is not
 * served, or what fsd says.
 */
IOReturn IOService_messageClients(IOService *service, UInt32 type, const json_t *argument);

/* --- exclusive open, by objects of this process; the thread that serves */

/*
 * open(): whether @forClient, any object, is the owner from now on; it is retained until it
 * closes. All who are interested are told (kIOMessageServiceIsAttemptingOpen,
 * kIOMessageServiceWasClosed). With kIOServiceSeize the owner, where it is a user client or a
 * service, gets kIOMessageServiceIsRequestingClose; it succeeds when that answers
 * kIOReturnSuccess and has closed. An owner that goes has closed. This is not the owner that a
 * client becomes by itself (the file `owner`). Stand for IOService::open(), close(), isOpen();
 * and for handleOpen() and its like.
 */
bool IOService_open(IOService *service, const void *forClient, IOOptionBits options,
		    void *argument);
void IOService_close(IOService *service, const void *forClient, IOOptionBits options);
bool IOService_isOpen(const IOService *service, const void *forClient);
bool IOService_handleOpen(IOService *service, const void *forClient, IOOptionBits options,
			  void *argument);
void IOService_handleClose(IOService *service, const void *forClient, IOOptionBits options);
bool IOService_handleIsOpen(const IOService *service, const void *forClient);

/* --- what the base class does */

/*
 * A user client of the class's userClientClass, with initWithTask(), attach() and start().
 * Stands for IOService::newUserClient().
 *
 * Return: kIOReturnSuccess and a reference in *@handler; kIOReturnUnsupported, there is no
 * class, or attach() or start() said no; kIOReturnBadArgument, initWithTask() said no;
 * kIOReturnNoMemory.
 */
IOReturn IOService_newUserClient(IOService *service, task_t owningTask, void *securityID,
				 UInt32 type, json_t *properties, IOUserClient **handler);

/* The same of any class: for an override that has several. New. */
IOReturn IOService_newUserClientOfClass(IOService *service,
					const struct IOUserClientClass *userClientClass,
					task_t owningTask, void *securityID, UInt32 type,
					json_t *properties, IOUserClient **handler);

/* kIOReturnUnsupported, all three. Stand for IOService::setProperties() and its like. */
IOReturn IOService_setProperties(IOService *service, json_t *properties);
IOReturn IOService_requestProbe(IOService *service, IOOptionBits options);
IOReturn IOService_message(IOService *service, UInt32 type, const void *provider, void *argument);

/* --- memory and queues */

/*
 * Make buf/@name of @length bytes, which can be mapped by this process and, where a user client
 * hands it out, by its clients. A buffer of that name and length that is there already
 * is taken as it is. New; it stands for IOBufferMemoryDescriptor::withOptions().
 *
 * Return: kIOReturnSuccess and a reference in *@descriptor; kIOReturnBadArgument for NULL, a
 * length of 0, a name that no file has, or not attached; kIOReturnNoSpace; or what fsd says.
 */
IOReturn IOService_createBuffer(IOService *service, const char *name, IOByteCount length,
				IOMemoryDescriptor **descriptor);

/*
 * IODataQueue_publish() into the service's queues. Its memory descriptor can then be
 * handed out by clientMemoryForType(). New. Return: as IODataQueue_publish();
 * kIOReturnBadArgument also when the service is not attached.
 */
IOReturn IOService_publishDataQueue(IOService *service, IODataQueue *queue, const char *name);

/*
 * Memory type @type of every client is @target: the name of a buffer, or "queues/NAME/data". With
 * kIOMapReadOnly clients may not write. And port @type is "queues/NAME/notify". Clients reach
 * these without the driver. Before it is registered. New; for what clientMemoryForType() and
 * registerNotificationPort() would always answer.
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL or when registered; kIOReturnNoMemory.
 */
IOReturn IOService_bindMemory(IOService *service, UInt32 type, const char *target,
			      IOOptionBits options);
IOReturn IOService_bindPort(IOService *service, UInt32 type, const char *target);

/* --- serving */

/*
 * A descriptor that can be polled: readable when IOService_dispatch() has something to do. It is
 * the service's, and the same when fsd is started anew. -1 for NULL. New.
 */
int IOService_getDescriptor(const IOService *service);

/*
 * Serve what there is, and do not wait for more. New. Return: kIOReturnSuccess;
 * kIOReturnNotAttached, the service is terminated; kIOReturnNotReady, it was never
 * served, or fsd is gone, for the time being; kIOReturnBusy, it is being served: a function
 * of the class is the caller.
 */
IOReturn IOService_dispatch(IOService *service);

/*
 * Serve until the service is terminated. New. Return: kIOReturnNotAttached, terminated;
 * kIOReturnNotReady, never served; kIOReturnBusy, a dispatch queue does it.
 */
IOReturn IOService_run(IOService *service);

/*
 * Have @queue serve it: kIOServiceDefaultQueueName all; IOUserClientQueueNameExternalMethod
 * method calls only, which then exclude what else that queue runs. After IOService_serve();
 * once for each name. Stands for IOService::SetDispatchQueue().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL or another name; kIOReturnNotReady,
 * not served; kIOReturnBusy, a queue does; kIOReturnNoResources.
 */
kern_return_t IOService_SetDispatchQueue(IOService *service, const char *name,
					 IODispatchQueue *queue);

/* --- authorization */

/*
 * The unique ID of the process (IOTaskGetUniqueID()) that may use this service; 0 at first:
 * none. Stand for IOService::setAuthorizationID() and getAuthorizationID(). Any thread.
 * Return: kIOReturnSuccess, or kIOReturnBadArgument for NULL.
 */
IOReturn IOService_setAuthorizationID(IOService *service, uint64_t authorizationID);
uint64_t IOService_getAuthorizationID(const IOService *service);

IOKIT_END_DECLS
