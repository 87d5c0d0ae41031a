/* SPDX-License-Identifier: MIT */
/*
 * driver_calc MOUNT [CLASS] - a service that calculates, for one client at a time
 *
 *	cc driver_calc.c $(pkg-config --cflags --libs libqueue)
 *
 * and, with its name and the numbers of a call, from a shell:
 *
 *	exec 5<>MOUNT/IOService/Calculator/clone; read -r n <&5
 *	exec 6<>MOUNT/IOService/Calculator/clients/$n/m/multiply; echo 10 32768 >&6; cat <&6
 */
#include <err.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IOUserClient.h>

struct pair {
	uint64_t one, two;
};

/* The service is for one user client at a time: who called `open` first. */
static IOReturn open_it(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	IOService *service = IOUserClient_getProvider(client);

	(void)unused;
	(void)arguments;
	if (!IOService_isOpen(service, client) && !IOService_open(service, client, 0, NULL))
		return kIOReturnExclusiveAccess;
	return kIOReturnSuccess;
}

static IOReturn close_it(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	IOService *service = IOUserClient_getProvider(client);

	(void)unused;
	(void)arguments;
	if (!IOService_isOpen(service, client))
		return kIOReturnNotOpen;
	IOService_close(service, client, 0);
	return kIOReturnSuccess;
}

static bool has_opened(void *client)
{
	return IOService_isOpen(IOUserClient_getProvider(client), client);
}

static IOReturn print(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	const struct pair *pair = arguments->structureInput;

	(void)unused;
	if (!has_opened(client))
		return kIOReturnNotOpen;
	printf("%llu: %llu %llu\n", (unsigned long long)arguments->scalarInput[0],
	       (unsigned long long)pair->one, (unsigned long long)pair->two);
	return kIOReturnSuccess;
}

static IOReturn make_pair(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	struct pair *pair = arguments->structureOutput;

	(void)unused;
	if (!has_opened(client))
		return kIOReturnNotOpen;
	*pair = (struct pair){ arguments->scalarInput[0], arguments->scalarInput[1] };
	return kIOReturnSuccess;
}

static IOReturn multiply(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	(void)client;
	(void)unused;
	arguments->scalarOutput[0] = arguments->scalarInput[0] * arguments->scalarInput[1];
	return kIOReturnSuccess;
}

static IOReturn echo(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	(void)unused;
	if (!has_opened(client))
		return kIOReturnNotOpen;
	memcpy(arguments->structureOutput, arguments->structureInput, sizeof(struct pair));
	return kIOReturnSuccess;
}

/* By selector: scalars and bytes in, scalars and bytes out. fsd checks before we see a call. */
static const IOExternalMethodDispatch2022 table[] = {
	{ open_it,	0, 0,			0, 0,			0, NULL },
	{ close_it,	0, 0,			0, 0,			0, NULL },
	{ print,	1, sizeof(struct pair),	0, 0,			0, NULL },
	{ make_pair,	2, 0,			0, sizeof(struct pair),	0, NULL },
	{ multiply,	2, 0,			1, 0,			0, NULL },
	{ echo,		0, sizeof(struct pair),	0, sizeof(struct pair),	0, NULL },
};
static const char *const names[] = { "open", "close", "print", "pair", "multiply", "echo" };

/* Who closes, or dies, has closed the service, too: the library sees to it. */
static IOReturn client_close(IOUserClient *client)
{
	IOUserClient_terminate(client, 0);
	return kIOReturnSuccess;
}

static const struct IOUserClientMethods client_methods = { .clientClose = client_close };
static const struct IOUserClientClass client_class = {
	.className = "CalculatorUserClient",
	.methods = &client_methods,
	.properties = kIOUserClientProperties2022,
	.dispatch2022 = table,
	.dispatchCount = sizeof(table) / sizeof(table[0]),
	.selectorNames = names,
};

static void must(IOReturn result, const char *what)
{
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", what, IOReturnText(result));
}

int main(int argc, char **argv)
{
	struct IOServiceClass class = { .userClientClass = &client_class };
	char plane[4096];
	IOService *service;

	if (argc != 2 && argc != 3)
		errx(2, "usage: driver_calc MOUNT [CLASS]");
	snprintf(plane, sizeof(plane), "%s/IOService", argv[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);

	class.className = argc == 3 ? argv[2] : "Calculator";
	service = IOService_withClass(&class);
	must(IOService_attachAt(service, plane), plane);
	must(IOService_serve(service), IOService_getDirectory(service));
	must(IOService_registerService(service, 0), IOService_getDirectory(service));
	puts("registered");
	IOService_run(service);		/* until it is terminated */
	OSObject_release(service);
	return 0;
}
