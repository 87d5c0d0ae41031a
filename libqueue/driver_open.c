/* SPDX-License-Identifier: MIT */
/*
 * driver_open - open() and close() of a service by objects of this process: one owner at a time
 */
#include "driver_client.h"

static void tell(IOService *service, UInt32 message, IOOptionBits options)
{
	json_auto_t *argument = json_integer(options);

	IOService_messageClients(service, message, argument);
}

/* Ask the owner to close. Return: whether it agreed. */
static bool request_close(IOService *service, IOOptionBits options)
{
	void *owner = OSObject_metaCast(service->owner, "IOUserClient");
	IOReturn result;

	if (owner) {
		IOUserClient *client = owner;

		result = CLIENT_CALL(client, message)(client, kIOMessageServiceIsRequestingClose,
						      service, &options);
	} else {
		IOService *other = OSObject_metaCast(service->owner, "IOService");

		if (!other)
			return false;
		result = SERVICE_CALL(other, message)(other, kIOMessageServiceIsRequestingClose,
						      service, &options);
	}
	return result == kIOReturnSuccess;
}

bool IOService_handleOpen(IOService *service, const void *forClient, IOOptionBits options,
			  void *argument)
{
	(void)argument;
	if (!service || !forClient)
		return false;
	if (service->owner && (options & kIOServiceSeize) && service->owner != forClient &&
	    !request_close(service, options))
		return false;
	if (service->owner)
		return false;
	OSObject_retain(forClient);
	service->owner = forClient;
	return true;
}

void IOService_handleClose(IOService *service, const void *forClient, IOOptionBits options)
{
	(void)options;
	if (!service || !forClient || service->owner != forClient)
		return;
	service->owner = NULL;
	OSObject_release(forClient);
}

bool IOService_handleIsOpen(const IOService *service, const void *forClient)
{
	if (!service)
		return false;
	return forClient ? service->owner == forClient : service->owner != NULL;
}

bool IOService_open(IOService *service, const void *forClient, IOOptionBits options, void *argument)
{
	if (!service || !forClient)
		return false;
	tell(service, kIOMessageServiceIsAttemptingOpen, options);
	return !service->is_ended &&
	       SERVICE_CALL(service, handleOpen)(service, forClient, options, argument);
}

void IOService_close(IOService *service, const void *forClient, IOOptionBits options)
{
	if (!service || !forClient || !IOService_isOpen(service, forClient))
		return;
	SERVICE_CALL(service, handleClose)(service, forClient, options);
	tell(service, kIOMessageServiceWasClosed, options);
}

bool IOService_isOpen(const IOService *service, const void *forClient)
{
	return service && SERVICE_CALL(service, handleIsOpen)(service, forClient);
}
