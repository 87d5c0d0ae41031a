/* SPDX-License-Identifier: MIT */
/*
 * driver_queue MOUNT/IOService - a service whose clients find an IODataQueue as memory type 0
 *
 *	cc driver_queue.c $(pkg-config --cflags --libs libqueue)
 *
 * Selector 0, `produce`, takes a count, enqueues as many words, and answers how many fitted. A
 * client maps memory type 0 and dequeues, with port 0 as its notification: none stands between.
 */
#include <err.h>

#include <IOKit/IOUserClient.h>

static IOReturn produce(void *client, void *unused, IOExternalMethodArguments *arguments)
{
	IODataQueue **queue = IOService_getReference(IOUserClient_getProvider(client));
	uint64_t n = 0;

	(void)unused;
	while (n < arguments->scalarInput[0] && IODataQueue_enqueue(*queue, &n, sizeof(n)))
		n++;
	arguments->scalarOutput[0] = n;
	return kIOReturnSuccess;
}

static bool start(IOService *service, IOService *provider)
{
	IODataQueue **queue = IOService_getReference(service);

	(void)provider;
	*queue = IODataQueue_withCapacity(65536);
	return *queue && IOService_publishDataQueue(service, *queue, "0") == kIOReturnSuccess &&
	       IOService_bindMemory(service, 0, "queues/0/data", 0) == kIOReturnSuccess &&
	       IOService_bindPort(service, 0, "queues/0/notify") == kIOReturnSuccess &&
	       IOService_registerService(service, 0) == kIOReturnSuccess;
}

static const IOExternalMethodDispatch2022 table[] = { { produce, 1, 0, 1, 0, 0, NULL } };
static const struct IOUserClientClass client_class = {
	.className = "QueueUserClient", .properties = kIOUserClientProperties2022,
	.dispatch2022 = table, .dispatchCount = 1,
	.selectorNames = (const char *const[]){ "produce" },
};
static const struct IOServiceMethods methods = { .start = start };
static const struct IOServiceClass class = {
	"QueueDriver", sizeof(IODataQueue *), &methods, &client_class
};

int main(int argc, char **argv)
{
	IOService *service = IOService_withClass(&class);
	IOReturn r;

	if (argc != 2)
		errx(2, "usage: driver_queue MOUNT/IOService");
	if ((r = IOService_attachAt(service, argv[1])) || (r = IOService_serve(service)))
		errx(1, "%s: %s", argv[1], IOReturnText(r));
	return IOService_run(service) != kIOReturnNotAttached;	/* until it is terminated */
}
