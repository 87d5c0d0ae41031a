/* SPDX-License-Identifier: MIT */
/*
 * driver_calc MOUNT/IOService - a service that calculates, and echoes bytes for one client
 *
 *	cc driver_calc.c $(pkg-config --cflags --libs libqueue)
 */
#include <err.h>
#include <string.h>

#include <IOKit/IOUserClient.h>

static IOReturn open_it(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	(void)unused, (void)arguments;
	return IOService_open(IOUserClient_getProvider(client), client, 0, NULL) ?
	       kIOReturnSuccess : kIOReturnExclusiveAccess;
}

static IOReturn multiply(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	(void)client, (void)unused;
	arguments->scalarOutput[0] = arguments->scalarInput[0] * arguments->scalarInput[1];
	return kIOReturnSuccess;
}

static IOReturn echo(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	(void)unused;
	if (!IOService_isOpen(IOUserClient_getProvider(client), client))
		return kIOReturnNotOpen;
	memcpy(arguments->structureOutput, arguments->structureInput, 16);
	return kIOReturnSuccess;
}

/* By selector: scalars and bytes in, scalars and bytes out. fsd checks before we see a call. */
static const IOExternalMethodDispatch2022 table[] = {
	{ open_it, 0, 0, 0, 0, 0, NULL },
	{ multiply, 2, 0, 1, 0, 0, NULL },
	{ echo, 0, 16, 0, 16, 0, NULL },
};
static const struct IOUserClientClass client_class = {
	.className = "CalculatorUserClient", .properties = kIOUserClientProperties2022,
	.dispatch2022 = table, .dispatchCount = sizeof(table) / sizeof(table[0]),
	.selectorNames = (const char *const[]){ "open", "multiply", "echo" },
};
static const struct IOServiceClass class = { "Calculator", 0, NULL, &client_class };

int main(int argc, char **argv)
{
	IOService *service = IOService_withClass(&class);
	IOReturn r;

	if (argc != 2)
		errx(2, "usage: driver_calc MOUNT/IOService");
	if ((r = IOService_attachAt(service, argv[1])) || (r = IOService_serve(service)) ||
	    (r = IOService_registerService(service, 0)))
		errx(1, "%s: %s", argv[1], IOReturnText(r));
	return IOService_run(service) != kIOReturnNotAttached;	/* until it is terminated */
}
