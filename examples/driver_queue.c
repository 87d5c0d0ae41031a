/* SPDX-License-Identifier: MIT */
/*
 * driver_queue MOUNT - a service that queues what its clients want: memory type 0 of a connection
 * is an IODataQueue, and port 0 its notification
 *
 *	cc driver_queue.c $(pkg-config --cflags --libs libqueue)
 *
 * Selector 0, `produce`, takes a count and enqueues as many words, 0 and up; it answers how many
 * fitted. A client maps memory type 0 and dequeues: no process stands between.
 */
#include <err.h>
#include <stdio.h>

#include <IOKit/IOUserClient.h>

#define CAPACITY	65536

static IODataQueue *queue_of(IOUserClient *client)
{
	IODataQueue **own = IOService_getReference(IOUserClient_getProvider(client));

	return *own;
}

static IOReturn produce(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	uint64_t n = 0;

	(void)unused;
	while (n < arguments->scalarInput[0] &&
	       IODataQueue_enqueue(queue_of(client), &n, sizeof(n)))
		n++;
	arguments->scalarOutput[0] = n;
	return kIOReturnSuccess;
}

static bool start(IOService *service, IOService *provider)
{
	IODataQueue **queue = IOService_getReference(service);

	(void)provider;
	*queue = IODataQueue_withCapacity(CAPACITY);
	return *queue && IOService_publishDataQueue(service, *queue, "0") == kIOReturnSuccess &&
	       IOService_bindMemory(service, 0, "queues/0/data", 0) == kIOReturnSuccess &&
	       IOService_bindPort(service, 0, "queues/0/notify") == kIOReturnSuccess &&
	       IOService_registerService(service, 0) == kIOReturnSuccess;
}

static void free_service(IOService *service)
{
	OSObject_release(*(IODataQueue **)IOService_getReference(service));
}

static const IOExternalMethodDispatch2022 table[] = {
	{ produce, 1, 0, 1, 0, 0, NULL },
};
static const char *const names[] = { "produce" };

static const struct IOUserClientClass client_class = {
	.className = "QueueUserClient",
	.properties = kIOUserClientProperties2022,
	.dispatch2022 = table,
	.dispatchCount = 1,
	.selectorNames = names,
};
static const struct IOServiceMethods methods = { .start = start, .free = free_service };
static const struct IOServiceClass class = {
	.className = "QueueDriver",
	.referenceSize = sizeof(IODataQueue *),
	.methods = &methods,
	.userClientClass = &client_class,
};

int main(int argc, char **argv)
{
	IOService *service = IOService_withClass(&class);
	char plane[4096];
	IOReturn result;

	if (argc != 2)
		errx(2, "usage: driver_queue MOUNT");
	snprintf(plane, sizeof(plane), "%s/IOService", argv[1]);
	result = IOService_attachAt(service, plane);
	if (result == kIOReturnSuccess)
		result = IOService_serve(service);	/* calls start() */
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", plane, IOReturnText(result));
	puts("registered");
	fflush(stdout);
	IOService_run(service);
	OSObject_release(service);
	return 0;
}
