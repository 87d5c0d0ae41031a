/* SPDX-License-Identifier: MIT */
/*
 * IOCFPlugIn - interfaces of services, as plug-ins gave them
 *
 * There are no bundles here: what a plug-in brought is in this library, and there is one
 * type, that of streams (IOKit/stream/IOStreamLib.h). What stood in Core Foundation is here as
 * far as a program that asks for an interface needs it: a CFUUIDRef points to the 16 bytes.
 *
 * An interface is a pointer to a pointer to a table of functions, each of which takes the former
 * first. All interfaces of one object share its references.
 *
 * Threads	Any thread, any time, as long as the caller has a reference.
 * Forks	As in IOKit/IOKitLib.h.
 */
#pragma once

#include <IOKit/IOKitLib.h>

IOKIT_BEGIN_DECLS

typedef struct CFUUIDBytes {
	UInt8 byte0, byte1, byte2, byte3, byte4, byte5, byte6, byte7;
	UInt8 byte8, byte9, byte10, byte11, byte12, byte13, byte14, byte15;
} CFUUIDBytes;
typedef const CFUUIDBytes *CFUUIDRef;

/* The bytes of @uuid, which is not NULL. Stands for CFUUIDGetUUIDBytes(). */
static inline CFUUIDBytes CFUUIDGetUUIDBytes(CFUUIDRef uuid)
{
	return *uuid;
}

typedef SInt32 HRESULT;
typedef UInt32 ULONG;
typedef void *LPVOID;
typedef CFUUIDBytes REFIID;

#define S_OK		((HRESULT)0)
#define E_NOINTERFACE	((HRESULT)0x80000004u)
#define E_POINTER	((HRESULT)0x80000005u)

/*
 * What each interface begins with:
 *
 * QueryInterface	*@ppv is another interface of the same object, with a reference of its
 *			own. Return: S_OK; E_NOINTERFACE and NULL: the object has none such;
 *			E_POINTER for NULL.
 * AddRef, Release	a reference more or less. Return: how many there are then.
 */
#define IUNKNOWN_C_GUTS \
	void *_reserved; \
	HRESULT (*QueryInterface)(void *thisPointer, REFIID iid, LPVOID *ppv); \
	ULONG (*AddRef)(void *thisPointer); \
	ULONG (*Release)(void *thisPointer)

/*
 * The interface that IOCreatePlugInInterfaceForService() gives. Its object was probed and started
 * by then, so these three are there for who calls them all the same:
 *
 * Probe	*@order is 0. Return: kIOReturnSuccess; kIOReturnBadArgument for NULL.
 * Start, Stop	Return: kIOReturnSuccess. Stop does not close anything.
 */
typedef struct IOCFPlugInInterface {
	IUNKNOWN_C_GUTS;
	UInt16 version, revision;
	IOReturn (*Probe)(void *thisPointer, json_t *propertyTable, io_service_t service,
			  SInt32 *order);
	IOReturn (*Start)(void *thisPointer, json_t *propertyTable, io_service_t service);
	IOReturn (*Stop)(void *thisPointer);
} IOCFPlugInInterface;

extern const CFUUIDBytes kIOUnknownIDBytes, kIOCFPlugInInterfaceIDBytes;

/* 00000000-0000-0000-C000-000000000046: any interface */
#define IUnknownUUID		((CFUUIDRef)&kIOUnknownIDBytes)
/* C244E858-109C-11D4-91D4-0050E4C6426F */
#define kIOCFPlugInInterfaceID	((CFUUIDRef)&kIOCFPlugInInterfaceIDBytes)

/*
 * An interface of @service; *@theInterface is the caller's, for IODestroyPlugInInterface().
 * @theScore may be NULL, and is 0. The object does not keep @service. Stands for
 * IOCreatePlugInInterfaceForService().
 *
 * Return:
 *	kIOReturnSuccess
 *	kIOReturnBadArgument	a NULL, or @service is no entry of the registry
 *	kIOReturnUnsupported	@service is not of that type: @pluginType is not
 *				kIOStreamLibTypeID, or the class is not IOStream or derived from it
 *	kIOReturnNoResources	@interfaceType is neither kIOCFPlugInInterfaceID nor
 *				IUnknownUUID; or no descriptors
 *	kIOReturnNotFound	the stream is not there any more
 *	kIOReturnNoMemory; MACH_SEND_INVALID_DEST while fsd is not running
 */
kern_return_t IOCreatePlugInInterfaceForService(io_service_t service, CFUUIDRef pluginType,
						CFUUIDRef interfaceType,
						IOCFPlugInInterface ***theInterface,
						SInt32 *theScore);

/*
 * Give back the reference. The object lives on as long as another interface of it does. Stands
 * for IODestroyPlugInInterface(). Return: kIOReturnSuccess; kIOReturnBadArgument for NULL.
 */
kern_return_t IODestroyPlugInInterface(IOCFPlugInInterface **interface);

IOKIT_END_DECLS
