/* SPDX-License-Identifier: MIT */
/*
 * driver_base - what the base classes do where a driver overrides nothing: mostly, say no
 */
#include "driver_client.h"

bool IOUserClient_start(IOUserClient *client, IOService *provider)
{
	(void)client;
	(void)provider;
	return true;
}

void IOUserClient_stop(IOUserClient *client, IOService *provider)
{
	(void)client;
	(void)provider;
}

bool IOUserClient_willTerminate(IOUserClient *client, IOService *provider, IOOptionBits options)
{
	(void)client;
	(void)provider;
	(void)options;
	return true;
}

bool IOUserClient_didTerminate(IOUserClient *client, IOService *provider, IOOptionBits options,
			       bool *defer)
{
	(void)client;
	(void)provider;
	(void)options;
	(void)defer;
	return true;
}

IOReturn IOUserClient_clientClose(IOUserClient *client)
{
	(void)client;
	return kIOReturnUnsupported;
}

IOService *IOUserClient_getService(IOUserClient *client)
{
	(void)client;
	return NULL;
}

IOReturn IOUserClient_registerNotificationPort(IOUserClient *client, mach_port_t port, UInt32 type,
					       UInt32 refCon)
{
	(void)client;
	(void)port;
	(void)type;
	(void)refCon;
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_registerNotificationPort64(IOUserClient *client, mach_port_t port,
						 UInt32 type, io_user_reference_t refCon)
{
	if (!client)
		return kIOReturnBadArgument;
	return CLIENT_CALL(client, registerNotificationPort)(client, port, type, (UInt32)refCon);
}

IOReturn IOUserClient_getNotificationSemaphore(IOUserClient *client, UInt32 type,
					       semaphore_t *semaphore)
{
	(void)client;
	(void)type;
	(void)semaphore;
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_connectClient(IOUserClient *client, IOUserClient *other)
{
	(void)client;
	(void)other;
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_clientMemoryForType(IOUserClient *client, UInt32 type, IOOptionBits *options,
					  IOMemoryDescriptor **memory)
{
	(void)client;
	(void)type;
	(void)options;
	(void)memory;
	return kIOReturnUnsupported;
}

kern_return_t IOUserClient_CopyClientMemoryForType(IOUserClient *client, uint64_t type,
						   uint64_t *options, IOMemoryDescriptor **memory)
{
	(void)client;
	(void)type;
	(void)options;
	(void)memory;
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_message(IOUserClient *client, UInt32 type, const void *provider,
			      void *argument)
{
	(void)client;
	(void)type;
	(void)provider;
	(void)argument;
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_setProperties(IOUserClient *client, json_t *properties)
{
	(void)client;
	(void)properties;
	return kIOReturnUnsupported;
}

IOReturn IOService_setProperties(IOService *service, json_t *properties)
{
	(void)service;
	(void)properties;
	return kIOReturnUnsupported;
}

IOReturn IOService_requestProbe(IOService *service, IOOptionBits options)
{
	(void)service;
	(void)options;
	return kIOReturnUnsupported;
}

IOReturn IOService_message(IOService *service, UInt32 type, const void *provider, void *argument)
{
	(void)service;
	(void)type;
	(void)provider;
	(void)argument;
	return kIOReturnUnsupported;
}
