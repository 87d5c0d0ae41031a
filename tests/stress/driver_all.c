/* SPDX-License-Identifier: MIT */
/*
 * driver_all MOUNT [persist] [shared] [thread] - a driver that does what drivers can, when its
 * clients ask for it
 *
 * Prints what it is called for. One user client class; its selectors are those of the table below.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <IOKit/IOUserClient.h>

struct own {
	OSAsyncReference64 reference;
	mach_port_t ports[4];
};

static IOMemoryDescriptor *page, *rom;
static IOService *service;
static bool is_shared;

static struct own *own_of(void *client)
{
	return IOUserClient_getReference(client);
}

static IOReturn add(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)client, (void)unused;
	a->scalarOutput[0] = a->scalarInput[0] + a->scalarInput[1];
	return kIOReturnSuccess;
}

/* Either half may be in line or not. */
static IOReturn echo(void *client, void *unused, IOExternalMethodArguments *a)
{
	size_t n = a->structureInputDescriptor
			   ? IOMemoryDescriptor_getLength(a->structureInputDescriptor)
			   : a->structureInputSize;
	size_t room = a->structureOutputDescriptor ? a->structureOutputDescriptorSize :
						     a->structureOutputSize;
	char *bytes = malloc(n + 1);
	ssize_t done = 0;

	(void)client, (void)unused;
	if (a->structureInputDescriptor)
		done = pread(IOMemoryDescriptor_getDescriptor(a->structureInputDescriptor), bytes,
			     n, 0);
	else if (n > 0)
		memcpy(bytes, a->structureInput, n);
	n = n < room || a->structureVariableOutputData ? n : room;
	if (a->structureVariableOutputData)
		*a->structureVariableOutputData = OSData_withBytes(bytes, n);
	else if (a->structureOutputDescriptor)
		done |= pwrite(IOMemoryDescriptor_getDescriptor(a->structureOutputDescriptor),
			       bytes, n, 0);
	else
		memcpy(a->structureOutput, bytes, n);
	if (a->structureOutputDescriptor)
		a->structureOutputDescriptorSize = (uint32_t)n;
	else
		a->structureOutputSize = (uint32_t)n;
	free(bytes);
	return done < 0 ? kIOReturnVMError : kIOReturnSuccess;
}

static IOReturn keep(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)unused;
	memcpy(own_of(client)->reference, a->asyncReference, sizeof(OSAsyncReference64));
	return kIOReturnSuccess;
}

/* So many results, each with its number. Answers how many were refused, and the last refusal. */
static IOReturn complete(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)unused;
	for (uint64_t i = 1; i <= a->scalarInput[0]; i++) {
		IOReturn r = IOUserClient_sendAsyncResult64WithOptions(
			own_of(client)->reference, 0, &i, 1, (IOOptionBits)a->scalarInput[1]);

		if (r != kIOReturnSuccess) {
			a->scalarOutput[0]++;
			a->scalarOutput[1] = (UInt32)r;
		}
	}
	return kIOReturnSuccess;
}

static IOReturn release(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)unused, (void)a;
	return IOUserClient_releaseAsyncReference64(own_of(client)->reference);
}

static IOReturn notify(void *client, void *unused, IOExternalMethodArguments *a)
{
	json_t *data = json_pack("{s:I}", "word", (json_int_t)a->scalarInput[1]);
	IOReturn r = IOUserClient_sendNotification(own_of(client)->ports[a->scalarInput[0] & 3],
						   data);

	(void)unused;
	json_decref(data);
	return r;
}

static IOReturn guarded(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)client, (void)unused, (void)a;
	return kIOReturnSuccess;
}

static IOReturn seize(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)unused;
	return IOService_open(service, client, (IOOptionBits)a->scalarInput[0], NULL) ?
	       kIOReturnSuccess : kIOReturnExclusiveAccess;
}

/* Turns the client's bytes into capitals, where they are. */
static IOReturn capitals(void *client, void *unused, IOExternalMethodArguments *a)
{
	IOAddressSegment segment = { a->scalarInput[0], a->scalarInput[1] };
	IOMemoryDescriptor *memory;
	IOReturn r = IOUserClient_CreateMemoryDescriptorFromClient(client, kIOMemoryDirectionInOut,
								   1, &segment, &memory);
	char *bytes;

	(void)unused;
	if (r != kIOReturnSuccess)
		return r;
	bytes = mmap(NULL, segment.length, PROT_READ | PROT_WRITE, MAP_SHARED,
		     IOMemoryDescriptor_getDescriptor(memory), 0);
	for (uint64_t i = 0; bytes != MAP_FAILED && i < segment.length; i++)
		bytes[i] = (char)(bytes[i] & ~0x20);
	OSObject_release(memory);
	return kIOReturnSuccess;
}

static IOReturn end_me(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)unused, (void)a;
	IOUserClient_terminate(client, 0);
	return kIOReturnSuccess;
}

static IOReturn privilege(void *client, void *unused, IOExternalMethodArguments *a)
{
	char name[64];

	(void)unused;
	snprintf(name, sizeof(name), "%.*s", (int)a->structureInputSize,
		 (const char *)a->structureInput);
	a->scalarOutput[0] = (UInt32)IOUserClient_clientHasPrivilege(IOUserClient_getTask(client),
								     name);
	return kIOReturnSuccess;
}

static IOReturn message(void *client, void *unused, IOExternalMethodArguments *a)
{
	json_t *argument = json_integer((json_int_t)a->scalarInput[1]);
	IOReturn r = IOService_messageClients(service, (UInt32)a->scalarInput[0], argument);

	(void)client, (void)unused;
	json_decref(argument);
	return r;
}

static IOReturn busy(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)client, (void)unused;
	return IOService_adjustBusy(service, (SInt32)a->scalarInput[0]);
}

static IOReturn who(void *client, void *unused, IOExternalMethodArguments *a)
{
	task_t task = IOUserClient_getTask(client);

	(void)unused;
	a->scalarOutput[0] = IOTaskGetUID(task);
	a->scalarOutput[1] = (uint64_t)IOTaskGetPID(task);
	return kIOReturnSuccess;
}

static IOReturn end_all(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)client, (void)unused, (void)a;
	return IOService_terminate(service, 0) ? kIOReturnSuccess : kIOReturnError;
}

static IOReturn export(void *client, void *unused, IOExternalMethodArguments *a)
{
	(void)unused;
	OSObject_retain(service);
	return IOUserClient_exportObjectToClient(client, NULL, service, &a->scalarOutput[0]);
}

#define ANY kIOUCVariableStructureSize

static const IOExternalMethodDispatch2022 table[] = {
	{ add,		2, 0, 1, 0, 0, NULL },
	{ echo,		0, ANY, 0, ANY, 0, NULL },
	{ keep,		0, 0, 0, 0, 1, NULL },
	{ complete,	2, 0, 2, 0, 0, NULL },
	{ release,	0, 0, 0, 0, 0, NULL },
	{ notify,	2, 0, 0, 0, 0, NULL },
	{ guarded,	0, 0, 0, 0, 0, "org.example.guarded" },
	{ seize,	1, 0, 0, 0, 0, NULL },
	{ capitals,	2, 0, 0, 0, 0, NULL },
	{ end_me,	0, 0, 0, 0, 0, NULL },
	{ privilege,	0, ANY, 1, 0, 0, NULL },
	{ message,	2, 0, 0, 0, 0, NULL },
	{ busy,		1, 0, 0, 0, 0, NULL },
	{ who,		0, 0, 2, 0, 0, NULL },
	{ end_all,	0, 0, 0, 0, 0, NULL },
	{ export,	0, 0, 1, 0, 0, NULL },
};

/* --- what is called beside methods */

static bool init_with_task(IOUserClient *client, task_t task, void *token, UInt32 type)
{
	printf("initWithTask %u\n", type);
	return type != 13 && IOUserClient_initWithTask(client, task, token, type);
}

static bool start(IOUserClient *client, IOService *provider)
{
	puts("start");
	return IOUserClient_start(client, provider);
}

static void stop(IOUserClient *client, IOService *provider)
{
	puts("stop");
	IOUserClient_stop(client, provider);
}

static IOReturn client_close(IOUserClient *client)
{
	puts("clientClose");
	if (!is_shared)
		IOUserClient_terminate(client, 0);
	return kIOReturnSuccess;
}

static IOReturn client_died(IOUserClient *client)
{
	puts("clientDied");
	return IOUserClient_clientDied(client);
}

static void free_client(IOUserClient *client)
{
	puts("free");
	IOUserClient_free(client);
}

static IOReturn register_port(IOUserClient *client, mach_port_t port, UInt32 type, UInt32 refCon)
{
	mach_port_t *own = &own_of(client)->ports[type & 3];

	printf("port %u %s\n", type, port == MACH_PORT_NULL ? "none" : "given");
	(void)refCon;
	if (type > 3)
		return kIOReturnBadArgument;
	IOUserClient_releaseNotificationPort(*own);
	*own = port;
	return kIOReturnSuccess;
}

static IOReturn memory_for_type(IOUserClient *client, UInt32 type, IOOptionBits *options,
				IOMemoryDescriptor **memory)
{
	(void)client;
	if (type != 5 && type != 6)
		return kIOReturnBadArgument;
	*memory = type == 5 ? page : rom;
	*options = type == 5 ? 0 : kIOMapReadOnly;
	OSObject_retain(*memory);
	return kIOReturnSuccess;
}

static IOReturn connect_client(IOUserClient *client, IOUserClient *other)
{
	puts(client == other ? "connectClient itself" : "connectClient");
	return kIOReturnSuccess;
}

static IOReturn set_properties(IOUserClient *client, json_t *properties)
{
	(void)client;
	printf("client setProperties %zu\n", json_object_size(properties));
	return kIOReturnSuccess;
}

static IOReturn close_for_another(IOUserClient *client, UInt32 type, const void *provider,
				  void *argument)
{
	(void)provider, (void)argument;
	printf("message 0x%x\n", type);
	IOService_close(service, client, 0);
	return kIOReturnSuccess;
}

static const struct IOUserClientMethods client_methods = {
	.initWithTask = init_with_task, .start = start, .stop = stop, .free = free_client,
	.clientClose = client_close, .clientDied = client_died,
	.registerNotificationPort = register_port, .clientMemoryForType = memory_for_type,
	.connectClient = connect_client, .setProperties = set_properties,
	.message = close_for_another,
};
static struct IOUserClientClass client_class = {
	.className = "AllUserClient",
	.referenceSize = sizeof(struct own),
	.methods = &client_methods,
	.properties = kIOUserClientProperties2022,
	.dispatch2022 = table,
	.dispatchCount = sizeof(table) / sizeof(table[0]),
};

static IOReturn set_service_properties(IOService *self, json_t *properties)
{
	const char *key;
	json_t *value;

	json_object_foreach(properties, key, value)
		printf("setProperties %s %d\n", key, IOService_setProperty(self, key, value));
	printf("asked by %d %s\n", (int)IOTaskGetUID(IOTaskGetCurrent()),
	       IOReturnName(IOUserClient_clientHasPrivilege(IOTaskGetCurrent(),
							    kIOClientPrivilegeAdministrator)));
	return kIOReturnSuccess;
}

static IOReturn probe(IOService *self, IOOptionBits options)
{
	(void)self;
	printf("probe %u\n", options);
	return kIOReturnSuccess;
}

static void stop_service(IOService *self, IOService *provider)
{
	(void)self, (void)provider;
	puts("service stop");
}

static const struct IOServiceMethods methods = {
	.setProperties = set_service_properties, .requestProbe = probe, .stop = stop_service,
};
static const struct IOServiceClass class = {
	.className = "All:Base", .methods = &methods, .userClientClass = &client_class,
};

static void must(const char *what, IOReturn result)
{
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", what, IOReturnName(result));
}

/* A service that persisted is registered, and has what it had. */
static void prepare(char **options)
{
	for (; *options; options++) {
		if (strcmp(*options, "persist") == 0)
			must("persist", IOService_persist(service));
		is_shared = is_shared || strcmp(*options, "shared") == 0;
	}
	if (is_shared)
		client_class.properties =
			"{\"IOUserClientEntitlements\": false,"
			" \"IOUserClientDefaultLocking\": true,"
			" \"IOUserClientDefaultLockingSetProperties\": false,"
			" \"IOUserClientDefaultLockingSingleThreadExternalMethod\": false,"
			" \"IOUserClientSharedInstance\": true}";
	must("page", IOService_createBuffer(service, "page", 4096, &page));
	must("rom", IOService_createBuffer(service, "rom", 4096, &rom));
	if (!(IOService_getState(service) & kIOServiceRegisteredState)) {
		must("bind", IOService_bindMemory(service, 0, "page", 0));
		must("bind", IOService_bindMemory(service, 1, "rom", kIOMapReadOnly));
	}
	if (pwrite(IOMemoryDescriptor_getDescriptor(rom), "read-only", 9, 0) != 9)
		err(1, "rom");
}

static void serve_by_thread(void)
{
	IODispatchQueue *queue;

	must("queue", IODispatchQueue_Create("all", 0, 0, &queue));
	must("set", IOService_SetDispatchQueue(service, kIOServiceDefaultQueueName, queue));
	while (!IOService_isInactive(service))
		usleep(10000);
	OSObject_release(queue);
}

int main(int argc, char **argv)
{
	char plane[4096];
	bool by_thread = argc > 2 && strcmp(argv[argc - 1], "thread") == 0;

	if (argc < 2)
		errx(2, "usage: driver_all MOUNT [persist] [shared] [thread]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(plane, sizeof(plane), "%s/IOService", argv[1]);
	service = IOService_withClass(&class);
	must("attach", IOService_attachAt(service, plane));
	prepare(argv + 2);
	must("serve", IOService_serve(service));
	must("register", IOService_registerService(service, 0));
	puts("registered");
	if (by_thread)
		serve_by_thread();
	else
		printf("run: %s\n", IOReturnName(IOService_run(service)));
	OSObject_release(page);
	OSObject_release(rom);
	OSObject_release(service);
	return 0;
}
