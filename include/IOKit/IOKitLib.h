/* SPDX-License-Identifier: MIT */
/*
 * IOKitLib - a program's side of the registry: find services, look at them, be
 * told of them
 *
 * A mount of fsd is the registry. Which one is meant where a function takes a main
 * port: 0 (kIOMainPortDefault) is the mount that the environment names as
 * FSD_MOUNT, or else the first one of root or of the caller in
 * /proc/self/mountinfo; a descriptor of the root of a mount is that one. Objects
 * remember theirs.
 *
 * Documents	Where Core Foundation stood, jansson stands: a json_t * is what a
 *		dictionary, an array or a value was, and text is a const char *.
 *		Numbers are the bits of 64-bit words: a json_t shows 2^64 - 1 as -1.
 * Objects	An io_object_t is a descriptor that can be polled where its kind says
 *		so. IOObjectRelease() gives it back, never close(). What a function
 *		hands out is a reference of the caller's. Two handles may be of one
 *		entry: IOObjectIsEqualTo() tells.
 * Results	Every result that a function can give is listed with it. A handle that
 *		is none, or of the wrong kind, is kIOReturnBadArgument or nothing. What
 *		can come from any that looks into the mount, and is not listed each
 *		time: kIOReturnNoMemory; kIOReturnNoResources without descriptors;
 *		kIOReturnNotPrivileged where a file's mode forbids it;
 *		kIOReturnNotFound for an entry that is gone; MACH_SEND_INVALID_DEST
 *		while fsd is (entries are good again when it is).
 * Threads	Any thread, any time, as long as the caller has a reference. No
 *		function starts a thread. None is async-signal-safe.
 * Forks	The child of a program with one thread may go on with what its parent
 *		has, and shares its sessions. Of one with more, it may only exec().
 */
#pragma once

#include <jansson.h>

#include <IOKit/IOConnect.h>
#include <IOKit/IODispatchQueue.h>
#include <IOKit/IOKitKeys.h>
#include <IOKit/IOReturn.h>
#include <IOKit/IOTypes.h>
#include <IOKit/OSMessageNotification.h>

IOKIT_BEGIN_DECLS

/* The default mount. */
#define kIOMainPortDefault	((mach_port_t)0)
#define kIOMasterPortDefault	((mach_port_t)0)

/* Allocators are not looked at: all that is handed out is malloc()'s, or a json_t. */
#ifndef kCFAllocatorDefault
#define kCFAllocatorDefault	NULL
#endif

/* Options of iterators and searches. */
enum {
	kIORegistryIterateRecursively	= 0x1,	/* enter each entry */
	kIORegistryIterateParents	= 0x2	/* upwards instead of downwards */
};

/*
 * A main port of the default mount, to be given back with IOObjectRelease(). The first
 * argument is not looked at. Stand for IOMainPort() and IOMasterPort().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for NULL; kIOReturnNoDevice when
 * there is no mount; kIOReturnNoMemory.
 */
kern_return_t IOMainPort(mach_port_t bootstrapPort, mach_port_t *mainPort);
kern_return_t IOMasterPort(mach_port_t bootstrapPort, mach_port_t *mainPort);

/* Objects */

/*
 * A reference more, or less; with the last one goes the handle, and the session of
 * a connection, iterator or notification. Stand for IOObjectRetain() and
 * IOObjectRelease().
 *
 * Return: kIOReturnSuccess, or kIOReturnBadArgument for what is no handle.
 */
kern_return_t IOObjectRetain(io_object_t object);
kern_return_t IOObjectRelease(io_object_t object);

/*
 * Are both handles of the same entry of the registry, or one and the same object? Stands
 * for IOObjectIsEqualTo(). Return: 1 or 0; 0 also when one is no handle.
 */
boolean_t IOObjectIsEqualTo(io_object_t object, io_object_t anObject);

/*
 * How many references the program has to this handle. Stands for
 * IOObjectGetUserRetainCount(). Return: the number; 0 for what is no handle.
 */
uint32_t IOObjectGetUserRetainCount(io_object_t object);

/*
 * How many references there are to the entry in the registry, as its file `retain`
 * says. Stands for IOObjectGetKernelRetainCount(). Return: the number; 0 for what is
 * no handle of an entry, or when the entry is gone.
 */
uint32_t IOObjectGetKernelRetainCount(io_object_t object);

/*
 * The class of @object, or its property IOClassNameOverride, if that is text. An entry
 * that is gone has the class that it had. Stand for IOObjectGetClass() and
 * IOObjectCopyClass(), which gives the caller's text, for free(), or NULL.
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for what is no handle, for a port, for
 * NULL, and where the class is no longer known.
 */
kern_return_t IOObjectGetClass(io_object_t object, io_name_t className);
char *IOObjectCopyClass(io_object_t object);

/*
 * What @classname is derived from; it is known as long as the default mount has an
 * entry of that class. Stands for IOObjectCopySuperclassForClass().
 *
 * Return: the caller's text, for free(); NULL for a class without one, or that is not
 * known, and for NULL.
 */
char *IOObjectCopySuperclassForClass(const char *classname);

/*
 * The property CFBundleIdentifier of an entry of the class @classname, in the default
 * mount: there are no bundles. Stands for IOObjectCopyBundleIdentifierForClass().
 *
 * Return: the caller's text, for free(), or NULL.
 */
char *IOObjectCopyBundleIdentifierForClass(const char *classname);

/*
 * Is the class of @object @className, or derived from it? Or is that its
 * IOClassNameOverride? Stands for IOObjectConformsTo(). Return: 1, or 0, also when
 * anything fails.
 */
boolean_t IOObjectConformsTo(io_object_t object, const char *className);

/* Iterators */

/*
 * The next object, a reference of the caller's. What is gone since the iterator was
 * made is left out. An iterator of IOServiceAddMatchingNotification() that has no more
 * is armed by this call. Stands for IOIteratorNext().
 *
 * Return: the object; IO_OBJECT_NULL at the end, for what is no iterator, and without
 * memory or descriptors.
 */
io_object_t IOIteratorNext(io_iterator_t iterator);

/*
 * Start again, with what there is now; services that matched, as they were found, and
 * notifications not at all. Stands for IOIteratorReset().
 */
void IOIteratorReset(io_iterator_t iterator);

/*
 * May IOIteratorNext() be believed that there is no more? Iterators go over what they
 * saw at one moment, so a change of the registry leaves them valid; that of a
 * notification is valid until its mount's fsd ends. Stands for IOIteratorIsValid().
 * Return: 1 or 0; 0 for what is no iterator.
 */
boolean_t IOIteratorIsValid(io_iterator_t iterator);

/* Matching dictionaries */

/*
 * New dictionaries, references of the caller's, that functions below consume: of a
 * class and what is derived from it; of a name; of an entry's number; of a BSD name;
 * of a path in the plane IODeviceTree. @mainPort and @options are not looked at.
 * Stand for the functions of the same names. Return: NULL for NULL, text that is not
 * UTF-8, or without memory.
 */
json_t *IOServiceMatching(const char *name);
json_t *IOServiceNameMatching(const char *name);
json_t *IORegistryEntryIDMatching(uint64_t entryID);
json_t *IOBSDNameMatching(mach_port_t mainPort, uint32_t options, const char *bsdName);
json_t *IOOpenFirmwarePathMatching(mach_port_t mainPort, uint32_t options, const char *path);

/*
 * A service that matches, a reference of the caller's. Consumes a reference to @matching.
 * Stands for IOServiceGetMatchingService(). Return: the service, or IO_OBJECT_NULL:
 * there is none, or something failed.
 */
io_service_t IOServiceGetMatchingService(mach_port_t mainPort, json_t *matching);

/*
 * An iterator over all services that match now. Consumes a reference to @matching, also
 * on failure. Stands for IOServiceGetMatchingServices().
 *
 * Return:
 *	kIOReturnSuccess	*@existing is the caller's; or IO_OBJECT_NULL when
 *				there is none
 *	kIOReturnBadArgument	@matching is no object, or @existing is NULL
 *	kIOReturnUnsupported	@matching cannot be written as text
 *	kIOReturnMessageTooLarge  or that is more than 4 MiB
 *	kIOReturnNotPrivileged	@mainPort is no mount's
 *	kIOReturnNoDevice	there is no mount
 */
kern_return_t IOServiceGetMatchingServices(mach_port_t mainPort, json_t *matching,
					   io_iterator_t *existing);

/*
 * Does @service match? Does not consume @matching. Stands for
 * IOServiceMatchPropertyTable().
 *
 * Return: kIOReturnSuccess and the answer in *@matches; kIOReturnBadArgument when
 * @service is no service, @matching is no object, or @matches is NULL;
 * kIOReturnUnsupported also when @service is a connection; and as above.
 */
kern_return_t IOServiceMatchPropertyTable(io_service_t service, json_t *matching,
					  boolean_t *matches);

/* Notification ports */

typedef struct IONotificationPort *IONotificationPortRef;
typedef struct mach_msg_header mach_msg_header_t;	/* there are none */

/* @iterator has services that came. */
typedef void (*IOServiceMatchingCallback)(void *refcon, io_iterator_t iterator);

/*
 * @service said @messageType (IOKit/IOMessage.h). @messageArgument is a word, or points to
 * up to 64 bytes that are good during the call: the text of a driver's message
 * that is no number.
 */
typedef void (*IOServiceInterestCallback)(void *refcon, io_service_t service,
					  uint32_t messageType, void *messageArgument);

/*
 * A port, for notifications from the mount of @mainPort. Its callbacks are called in
 * IONotificationPortDispatch(), or on a dispatch queue. Stands for
 * IONotificationPortCreate(). Return: the port, or NULL: @mainPort is no mount's, or
 * no memory or descriptors.
 */
IONotificationPortRef IONotificationPortCreate(mach_port_t mainPort);

/*
 * End @notify. No callback of it begins any more, but one may be running in another
 * thread; callbacks may call this. Objects that were made with it stay, and are to be
 * released. NULL is allowed. Stands for IONotificationPortDestroy().
 */
void IONotificationPortDestroy(IONotificationPortRef notify);

/*
 * The port's descriptor: poll it; it is readable when IONotificationPortDispatch() has
 * something to call. It is the port's: do not read or close it. Stand for
 * IONotificationPortGetMachPort() and IONotificationPortGetRunLoopSource(), for a run
 * loop is one that polls. Return: the descriptor, or MACH_PORT_NULL for NULL.
 */
mach_port_t IONotificationPortGetMachPort(IONotificationPortRef notify);
mach_port_t IONotificationPortGetRunLoopSource(IONotificationPortRef notify);

/*
 * Have @queue call the callbacks from now on, or, with NULL, nobody but the program. The
 * port keeps a reference. This is all that has a thread call them, and it is the
 * queue's. Stands for IONotificationPortSetDispatchQueue().
 */
void IONotificationPortSetDispatchQueue(IONotificationPortRef notify, IODispatchQueue *queue);

/*
 * Linux has no importance that goes with a message. Stands for
 * IONotificationPortSetImportanceReceiver(). Return: kIOReturnUnsupported;
 * kIOReturnBadArgument for NULL.
 */
kern_return_t IONotificationPortSetImportanceReceiver(IONotificationPortRef notify);

/*
 * Call the callbacks of what came to the port with the descriptor @port, and do not
 * wait for more. Callbacks of one notification never run at the same time. New; it is
 * what a run loop did. Return: how many notifications had something; 0 for what is no
 * port.
 */
UInt32 IONotificationPortDispatch(mach_port_t port);

/*
 * The same with the port itself, @reference. The first two arguments are not looked at,
 * for nothing is received. Stands for IODispatchCalloutFromMessage().
 */
void IODispatchCalloutFromMessage(void *unused, mach_msg_header_t *message, void *reference);

/*
 * A port without an IONotificationPortRef, for asynchronous calls: a handle, to be
 * given back with IOObjectRelease(). @msgType is kOSNotificationMessageID or
 * kOSAsyncCompleteMessageID, and both are good for all. Stands for IOCreateReceivePort().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument for another type, or NULL;
 * kIOReturnNoResources, kIOReturnNoMemory.
 */
kern_return_t IOCreateReceivePort(uint32_t msgType, mach_port_t *recvPort);

/*
 * Be told of services that match, by an iterator that has, at first, those that are there.
 * @notificationType (IOKit/IOKitKeys.h) says when a service counts. The iterator is not
 * armed: once IOIteratorNext() found it empty, the next service has @callback called,
 * once, and it is to be emptied again. It gives the newest first; at most 1024 wait, and
 * more that come are lost. Of one that terminated, what it was can still be asked: number,
 * class, name. IOObjectRelease() of the iterator ends it. When fsd ends, it
 * is called once more, and IOIteratorIsValid() says 0. Consumes a reference to @matching,
 * also on failure. Stands for IOServiceAddMatchingNotification().
 *
 * Return:
 *	kIOReturnSuccess	*@notification is the caller's
 *	kIOReturnBadArgument	a NULL, or @matching is no object
 *	kIOReturnUnsupported	there is no such type, or @matching cannot be
 *				written as text
 *	kIOReturnMessageTooLarge  or that is more than 4 MiB
 *	kIOReturnNoDevice	there is no mount
 */
kern_return_t IOServiceAddMatchingNotification(IONotificationPortRef notifyPort,
					       const char *notificationType, json_t *matching,
					       IOServiceMatchingCallback callback, void *refCon,
					       io_iterator_t *notification);

/*
 * Be told what happens to @service, of @interestType (IOKit/IOKitKeys.h): @callback is
 * called for each message. IOObjectRelease() of *@notification ends it. The callback
 * gets the number @service as it is here, of which the notification keeps a reference.
 * Stands for IOServiceAddInterestNotification().
 *
 * Return:
 *	kIOReturnSuccess	*@notification is the caller's
 *	kIOReturnBadArgument	a NULL, or @service is no service
 *	kIOReturnUnsupported	there is no such interest, or @service is inactive, or a
 *				connection
 */
kern_return_t IOServiceAddInterestNotification(IONotificationPortRef notifyPort,
					       io_service_t service, const char *interestType,
					       IOServiceInterestCallback callback, void *refCon,
					       io_object_t *notification);

/* Services */

/*
 * The busy count of @service, or of the whole registry; 0 on failure. Stand for
 * IOServiceGetBusyState() and IOKitGetBusyState().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument when @service is no service, or for
 * NULL.
 */
kern_return_t IOServiceGetBusyState(io_service_t service, uint32_t *busyState);
kern_return_t IOKitGetBusyState(mach_port_t mainPort, uint32_t *busyState);

/*
 * The state of @service, a set of kIOServiceInactiveState and its like; 0 on failure.
 * Stands for IOServiceGetState(). Return: as above; a service that is gone is inactive.
 */
kern_return_t IOServiceGetState(io_service_t service, uint64_t *state);

enum {
	kIOServiceInactiveState		= 0x01,
	kIOServiceRegisteredState	= 0x02,
	kIOServiceMatchedState		= 0x04,
	kIOServiceFirstPublishState	= 0x08,
	kIOServiceFirstMatchState	= 0x10
};

/*
 * State and busy count, and the nanoseconds of its being busy since fsd was started; 0 when it
 * is gone, and on failure. Each may be NULL. Stands for IOServiceGetBusyStateAndTime().
 * Return: as above.
 */
kern_return_t IOServiceGetBusyStateAndTime(io_service_t service, uint64_t *state,
					   uint32_t *busyState, uint64_t *accumulatedBusyTime);

/*
 * Wait until @service, or the whole registry, is not busy; for @waitTime at most, which may be
 * NULL: without end. A signal does not end the wait. Stand for IOServiceWaitQuiet()
 * and IOKitWaitQuiet().
 *
 * Return: kIOReturnSuccess; kIOReturnTimeout; kIOReturnBadArgument when @service is no
 * service, or @waitTime is no time.
 */
kern_return_t IOServiceWaitQuiet(io_service_t service, mach_timespec_t *waitTime);
kern_return_t IOKitWaitQuiet(mach_port_t mainPort, mach_timespec_t *waitTime);

/*
 * Have the driver of @service look for what is new. Stands for IOServiceRequestProbe().
 * Return: what the driver says; kIOReturnUnsupported when it does not, or there is none, or
 * @service is a connection; kIOReturnBadArgument when it is no service.
 */
kern_return_t IOServiceRequestProbe(io_service_t service, uint32_t options);

/*
 * May the caller open @service? There is nobody to be asked: the mode of its file
 * `clone` says so, and at IOServiceOpen() the policy. Stands for IOServiceAuthorize().
 * Return: kIOReturnSuccess; kIOReturnNotPermitted; kIOReturnBadArgument when @service is no
 * service, or a connection of this process.
 */
kern_return_t IOServiceAuthorize(io_service_t service, uint32_t options);

/*
 * A connection to @service as a plain descriptor, for close(): its file `clone`, opened
 * with the flags of open(2) @oflag. Stands for IOServiceOpenAsFileDescriptor(). Return: the
 * descriptor, or -1 and errno; EINVAL when @service is no service, or a connection of this
 * process.
 */
int IOServiceOpenAsFileDescriptor(io_service_t service, int oflag);

/* The registry */

/*
 * The root of all planes. Stands for IORegistryGetRootEntry(). Return: a reference of
 * the caller's, or IO_OBJECT_NULL: no such mount.
 */
io_registry_entry_t IORegistryGetRootEntry(mach_port_t mainPort);

/*
 * The entry at @path, "PLANE:/name@location/...": of each component the name, or the
 * location, or both; locations are compared as lists of hexadecimal numbers. Instead of its
 * slash a path may begin with an alias, "PLANE:disk/...", see fsd(5). The first takes up
 * to 511 bytes. Stand for IORegistryEntryFromPath() and IORegistryEntryCopyFromPath().
 * Return: a reference of the caller's, or IO_OBJECT_NULL.
 */
io_registry_entry_t IORegistryEntryFromPath(mach_port_t mainPort, const char *path);
io_registry_entry_t IORegistryEntryCopyFromPath(mach_port_t mainPort, const char *path);

/*
 * The path of @entry in @plane, as those two take it. What stands for a name in it is
 * what it is called in the mount: bytes like '/' are written as %2F. Where there is an alias
 * it begins with that, and is no path of a file then. The copy is the caller's, for free().
 * Stand for IORegistryEntryGetPath() and IORegistryEntryCopyPath().
 *
 * Return: kIOReturnSuccess; kIOReturnBadArgument when @entry is no entry, or is not in the
 * plane, or its path is longer than 511 bytes, and for NULL. The other: NULL then, and
 * for more than 16383 bytes.
 */
kern_return_t IORegistryEntryGetPath(io_registry_entry_t entry, const char *plane,
				     io_string_t path);
char *IORegistryEntryCopyPath(io_registry_entry_t entry, const char *plane);

/*
 * The name of @entry, cut to 127 bytes. Names are the same in all planes. Stand for
 * IORegistryEntryGetName() and IORegistryEntryGetNameInPlane(). Return:
 * kIOReturnSuccess; kIOReturnBadArgument for what is no entry, and for @name NULL.
 */
kern_return_t IORegistryEntryGetName(io_registry_entry_t entry, io_name_t name);
kern_return_t IORegistryEntryGetNameInPlane(io_registry_entry_t entry, const char *plane,
					    io_name_t name);

/*
 * The location of @entry, the same in all planes. Stands for
 * IORegistryEntryGetLocationInPlane(). Return: as above; kIOReturnNotFound when it has
 * none.
 */
kern_return_t IORegistryEntryGetLocationInPlane(io_registry_entry_t entry, const char *plane,
						io_name_t location);

/*
 * The number of @entry, which no other entry ever gets; 0 on failure. Stands for
 * IORegistryEntryGetRegistryEntryID(). Return: kIOReturnSuccess or kIOReturnBadArgument.
 */
kern_return_t IORegistryEntryGetRegistryEntryID(io_registry_entry_t entry, uint64_t *entryID);

/*
 * Has @entry a parent in @plane? Stands for IORegistryEntryInPlane(). Return: 1 or 0, also
 * when anything fails.
 */
boolean_t IORegistryEntryInPlane(io_registry_entry_t entry, const char *plane);

/*
 * An iterator over the children, or the parents, of @entry in @plane; over nothing where
 * there is no such plane. Stand for IORegistryEntryGetChildIterator() and
 * IORegistryEntryGetParentIterator(). Return: kIOReturnSuccess, and *@iterator is the
 * caller's; kIOReturnBadArgument for what is no entry, and for NULL.
 */
kern_return_t IORegistryEntryGetChildIterator(io_registry_entry_t entry, const char *plane,
					      io_iterator_t *iterator);
kern_return_t IORegistryEntryGetParentIterator(io_registry_entry_t entry, const char *plane,
					       io_iterator_t *iterator);

/*
 * The first of them, a reference of the caller's. Stand for
 * IORegistryEntryGetChildEntry() and IORegistryEntryGetParentEntry(). Return: as above;
 * kIOReturnNoDevice, and *@child IO_OBJECT_NULL, when there is none.
 */
kern_return_t IORegistryEntryGetChildEntry(io_registry_entry_t entry, const char *plane,
					   io_registry_entry_t *child);
kern_return_t IORegistryEntryGetParentEntry(io_registry_entry_t entry, const char *plane,
					    io_registry_entry_t *parent);

/*
 * An iterator over what is below the root, or below @entry, in @plane: its children, or,
 * with kIORegistryIterateRecursively, all, each before what is below it; with
 * kIORegistryIterateParents, what is above instead. What is in two places is given twice
 * and entered once. It looks into an entry when it gets there. Stand for
 * IORegistryCreateIterator() and IORegistryEntryCreateIterator().
 *
 * Return:
 *	kIOReturnSuccess	*@iterator is the caller's
 *	kIOReturnBadArgument	there is no such plane, @entry is no entry, or NULL
 *	kIOReturnNotPrivileged, kIOReturnNoDevice	@mainPort is no mount's; there
 *				is no mount
 */
kern_return_t IORegistryCreateIterator(mach_port_t mainPort, const char *plane,
				       IOOptionBits options, io_iterator_t *iterator);
kern_return_t IORegistryEntryCreateIterator(io_registry_entry_t entry, const char *plane,
					    IOOptionBits options, io_iterator_t *iterator);

/*
 * Go on with what is below (or above) the entry that was given last; and back to where
 * that was. Stand for IORegistryIteratorEnterEntry() and IORegistryIteratorExitEntry().
 * Return: kIOReturnSuccess; kIOReturnBadArgument for what is no iterator of the
 * registry; kIOReturnNoDevice for an exit at the top, and for an enter before the first entry.
 */
kern_return_t IORegistryIteratorEnterEntry(io_iterator_t iterator);
kern_return_t IORegistryIteratorExitEntry(io_iterator_t iterator);

/* Properties. Data, sets and numbers with a width are objects with one key: docs/registry.md. */

/*
 * All properties of @entry at this moment: a new object, the caller's reference.
 * @allocator and @options are not looked at. Stands for
 * IORegistryEntryCreateCFProperties(). Return: kIOReturnSuccess; kIOReturnBadArgument
 * for what is no entry, and for NULL.
 */
kern_return_t IORegistryEntryCreateCFProperties(io_registry_entry_t entry, json_t **properties,
						const void *allocator, IOOptionBits options);

/*
 * One property: a new reference. The key "IORegistryEntryPropertyKeys" gives the list of
 * all keys. Stands for IORegistryEntryCreateCFProperty(). Return: NULL where there is none,
 * or something failed.
 */
json_t *IORegistryEntryCreateCFProperty(io_registry_entry_t entry, const char *key,
					const void *allocator, IOOptionBits options);

/*
 * The same; with kIORegistryIterateRecursively of the first that has it, of @entry and
 * then what is below it in @plane, or, with kIORegistryIterateParents, above it. Stands
 * for IORegistryEntrySearchCFProperty().
 */
json_t *IORegistryEntrySearchCFProperty(io_registry_entry_t entry, const char *plane,
					const char *key, const void *allocator,
					IOOptionBits options);

/*
 * A property as bytes: data as they are; text with its NUL; "Yes" or "No" with NUL; a
 * number in 4 bytes, or in 8 if it is too large. *@size is the bytes at @buffer, and
 * becomes those of the property. Stands for IORegistryEntryGetProperty().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	@entry is no entry; the property is a list, a set or
 *				an object; or NULL
 *	kIOReturnNoResources	there is no such property
 *	kIOReturnIPCError	it is larger than *@size; nothing is copied
 */
kern_return_t IORegistryEntryGetProperty(io_registry_entry_t entry, const char *propertyName,
					 char *buffer, uint32_t *size);

/*
 * Ask @entry to take properties: an object, or what else its driver understands; or one of
 * them. Its driver says what becomes of it. Does not consume @properties, or @value. Stand
 * for IORegistryEntrySetCFProperties() and IORegistryEntrySetCFProperty().
 *
 * Return: what the driver says, or
 *	kIOReturnBadArgument	@entry is no entry, a NULL, or a key that is not allowed
 *	kIOReturnUnsupported	it takes none
 *	kIOReturnNotPermitted	the policy forbids it
 *	kIOReturnMessageTooLarge  more than 4 MiB
 */
kern_return_t IORegistryEntrySetCFProperties(io_registry_entry_t entry, json_t *properties);
kern_return_t IORegistryEntrySetCFProperty(io_registry_entry_t entry, const char *propertyName,
					   json_t *property);

IOKIT_END_DECLS
