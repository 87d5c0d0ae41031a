/* SPDX-License-Identifier: MIT */
#include <err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <IOKit/IOUserClient.h>

#include "vector_driver.h"

#define MAX_TABLE	32
#define MAX_TYPES	4
#define ROOM_BUFFER	4096
#define MAX_CLIENTS	2

static struct {
	const json_t *given;
	IOService *service;
	IODispatchQueue *queue;		/* serves it */
	IOUserClient *clients[MAX_CLIENTS];	/* as they were initialised; ours */
	unsigned n_clients;
	bool owner_closes;
	IOMemoryDescriptor *memory[MAX_TYPES];
	atomic_uint calls, closes;
} driver;

static IOExternalMethodDispatch2022 table_2022[MAX_TABLE];
static IOExternalMethodDispatch table_classic[MAX_TABLE];
static IOUserClientMethodDispatch table_driverkit[MAX_TABLE];
static IOExternalMethod descriptor;

static struct IOUserClientMethods client_methods;
static struct IOUserClientClass client_class = {
	.className = "VectorUserClient",
	.methods = &client_methods,
};
static struct IOServiceMethods service_methods;
static struct IOServiceClass service_class = {
	.className = "Vector",
	.methods = &service_methods,
	.userClientClass = &client_class,
};

unsigned driver_calls(void)
{
	return driver.calls;
}

unsigned driver_closes(void)
{
	return driver.closes;
}

static const json_t *given(const char *key)
{
	return json_object_get(driver.given, key);
}

static bool given_word(const char *key, const char *word)
{
	const char *text = json_string_value(given(key));

	return text && strcmp(text, word) == 0;
}

/* Methods */

static IOReturn called(void *target, void *reference, IOExternalMethodArguments *arguments)
{
	(void)target;
	(void)reference;
	driver.calls++;
	if (arguments->structureVariableOutputData)
		*arguments->structureVariableOutputData = OSData_withBytes("output", 6);
	return kIOReturnSuccess;
}

static kern_return_t called_by_driverkit(void *target, void *reference,
					 IOUserClientMethodArguments *arguments)
{
	(void)target;
	(void)reference;
	(void)arguments;
	driver.calls++;
	return kIOReturnSuccess;
}

static IOReturn called_by_index(void *object, void *p1, void *p2, void *p3, void *p4, void *p5,
				void *p6)
{
	(void)object, (void)p1, (void)p2, (void)p3, (void)p4, (void)p5, (void)p6;
	driver.calls++;
	return kIOReturnSuccess;
}

/* A count or size in a line: "*" is any. */
static uint32_t size_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? kIOUCVariableStructureSize :
				       (uint32_t)json_integer_value(value);
}

static bool has_function(const json_t *method)
{
	return !json_is_false(json_object_get(method, "fn"));
}

#define CHECKS(method)								\
	.checkScalarInputCount = size_of((method), "csi"),			\
	.checkStructureInputSize = size_of((method), "csis"),			\
	.checkScalarOutputCount = size_of((method), "cso"),			\
	.checkStructureOutputSize = size_of((method), "csos")

static void make_entry(size_t i, const json_t *method)
{
	table_2022[i] = (IOExternalMethodDispatch2022){
		.function = has_function(method) ? called : NULL,
		CHECKS(method),
		.allowAsync = json_is_true(json_object_get(method, "allowAsync")),
		.checkEntitlement = json_string_value(json_object_get(method, "ent")),
	};
	table_classic[i] = (IOExternalMethodDispatch){
		.function = has_function(method) ? called : NULL,
		CHECKS(method),
	};
	table_driverkit[i] = (IOUserClientMethodDispatch){
		.function = has_function(method) ? called_by_driverkit : NULL,
		.checkCompletionExists = size_of(method, "completion"),
		CHECKS(method),
	};
}

/* Of no table at all. */
static IOReturn dispatch_without_table(IOUserClient *client, uint32_t selector,
				       IOExternalMethodArguments *arguments,
				       IOExternalMethodDispatch *dispatch, void *target,
				       void *reference)
{
	(void)dispatch;
	(void)target;
	return IOUserClient_dispatchExternalMethod(client, selector, arguments, NULL, 0, client,
						   reference);
}

static IOExternalMethod *method_for_index(IOUserClient *client, UInt32 index)
{
	(void)client;
	return index == 0 && !json_is_null(given("method")) ? &descriptor : NULL;
}

static IOOptionBits legacy_type(const char *name)
{
	static const struct {
		const char *name;
		IOOptionBits type;
	} types[] = {
		{ "ScalarIScalarO", kIOUCScalarIScalarO },
		{ "ScalarIStructO", kIOUCScalarIStructO },
		{ "StructIStructO", kIOUCStructIStructO },
		{ "ScalarIStructI", kIOUCScalarIStructI },
	};

	for (size_t i = 0; name && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	return kIOUCTypeMask;
}

static void make_descriptor(void)
{
	const json_t *method = given("method");

	descriptor = (IOExternalMethod){
		.object = &driver,
		.func = called_by_index,
		.flags = legacy_type(json_string_value(json_object_get(method, "type"))),
		.count0 = size_of(method, "c0"),
		.count1 = size_of(method, "c1"),
	};
	if (json_is_true(json_object_get(method, "foreground")))
		descriptor.flags |= kIOUCForegroundOnly;
	client_methods.getExternalMethodForIndex = method_for_index;
}

static void make_table(void)
{
	const json_t *table = given("table");

	for (size_t i = 0; i < json_array_size(table) && i < MAX_TABLE; i++)
		make_entry(i, json_array_get(table, i));
	client_class.dispatchCount = (UInt32)json_array_size(table);
	if (given_word("kind", "legacy"))
		make_descriptor();
	else if (given_word("kind", "2022") && !json_is_array(table))
		client_methods.externalMethod = dispatch_without_table;
	else if (given_word("kind", "2022"))
		client_class.dispatch2022 = table_2022;
	else if (given_word("kind", "classic"))
		client_class.dispatch = table_classic;
	else if (given_word("kind", "driverkit"))
		client_class.methodDispatch = table_driverkit;
}

/* One method without arguments, where a line is about something else. */
static void make_one_method(void)
{
	bool is_2022 = given_word("userClientClass", "uc2022");

	make_entry(0, NULL);
	client_class.dispatchCount = 1;
	client_class.dispatch2022 = is_2022 ? table_2022 : NULL;
	client_class.dispatch = is_2022 ? NULL : table_classic;
}

/* User clients */

static bool init_with_task(IOUserClient *client, task_t task, void *token, UInt32 type)
{
	if (json_is_false(given("initWithTask")))
		return false;
	if (driver.n_clients < MAX_CLIENTS) {
		OSObject_retain(client);
		driver.clients[driver.n_clients++] = client;
	}
	return IOUserClient_initWithTask(client, task, token, type);
}

static bool do_not_start(IOUserClient *client, IOService *provider)
{
	(void)client;
	(void)provider;
	return false;
}

static IOReturn client_close(IOUserClient *client)
{
	const char *code = json_string_value(given("clientClose"));

	driver.closes++;
	if (code && strcmp(code, "kIOReturnUnsupported") == 0)
		return IOUserClient_clientClose(client);
	return kIOReturnSuccess;
}

static IOReturn memory_for_type(IOUserClient *client, UInt32 type, IOOptionBits *options,
				IOMemoryDescriptor **memory)
{
	char key[16];
	const char *rights;

	snprintf(key, sizeof(key), "%u", type);
	rights = json_string_value(json_object_get(given("memory"), key));
	if (!rights || type >= MAX_TYPES)
		return IOUserClient_clientMemoryForType(client, type, options, memory);
	if (strcmp(rights, "ro") == 0)
		*options |= kIOMapReadOnly;
	OSObject_retain(driver.memory[type]);
	*memory = driver.memory[type];
	return kIOReturnSuccess;
}

/* The one request there is: another one wants the service. */
static IOReturn message(IOUserClient *client, UInt32 type, const void *provider, void *argument)
{
	(void)provider;
	(void)argument;
	if (type != kIOMessageServiceIsRequestingClose || !driver.owner_closes)
		return kIOReturnBusy;
	IOService_close(driver.service, client, 0);
	return kIOReturnSuccess;
}

static IOReturn take_properties(IOUserClient *client, json_t *properties)
{
	(void)client;
	(void)properties;
	return kIOReturnSuccess;
}

/* attach() says no where there is no provider. */
static IOReturn new_client_unattached(IOService *service, task_t task, void *token, UInt32 type,
				      json_t *properties, IOUserClient **handler)
{
	IOUserClient *client = IOUserClient_alloc(&client_class);
	bool attached;

	(void)service;
	(void)handler;
	attached = client &&
		   IOUserClient_initWithTaskAndProperties(client, task, token, type, properties) &&
		   IOUserClient_attach(client, NULL);
	OSObject_release(client);
	return attached ? kIOReturnInternalError : kIOReturnUnsupported;
}

/* The same one for all. */
static IOReturn new_client_shared(IOService *service, task_t task, void *token, UInt32 type,
				  json_t *properties, IOUserClient **handler)
{
	if (driver.n_clients == 0)
		return IOService_newUserClient(service, task, token, type, properties, handler);
	OSObject_retain(driver.clients[0]);
	*handler = driver.clients[0];
	return kIOReturnSuccess;
}

static void set(json_t *object, const char *key, const json_t *value)
{
	if (value)
		json_object_set(object, key, (json_t *)(uintptr_t)value);
}

/* The class's properties, as text that lives as long. */
static const char *properties_of_class(void)
{
	json_t *object = json_object();
	char *text;
	const char *key;
	json_t *value;

	set(object, kIOUserClientEntitlementsKey, given("entitlement"));
	set(object, "IORegistryEntryAllowableSetProperties", given("allow"));
	set(object, kIOUserClientSharedInstanceKey, given("shared"));
	json_object_foreach((json_t *)(uintptr_t)given("locking"), key, value)
		set(object, key, value);
	text = json_object_size(object) ? json_dumps(object, 0) : NULL;
	json_decref(object);
	if (text)
		return text;
	/* A line about dispatch takes it that its class can be opened. */
	return given("kind") ? kIOUserClientProperties2022 : NULL;
}

static void make_client_class(void)
{
	client_methods.initWithTask = init_with_task;
	client_methods.clientClose = client_close;
	client_methods.message = message;
	if (json_is_false(given("start")))
		client_methods.start = do_not_start;
	if (given("memory"))
		client_methods.clientMemoryForType = memory_for_type;
	if (json_is_true(given("accepts")))
		client_methods.setProperties = take_properties;
	if (given("kind"))
		make_table();
	else
		make_one_method();
	client_class.properties = properties_of_class();
}

/* What the line says of the class by its name. */
static void make_service_class(void)
{
	if (json_is_null(given("userClientClass")) || given_word("userClientClass", "plain"))
		service_class.userClientClass = NULL;
	if (given_word("userClientClass", "missing"))
		client_class.referenceSize = SIZE_MAX / 2;
	if (json_is_false(given("attach")))
		service_methods.newUserClient = new_client_unattached;
	if (json_is_true(given("shared")))
		service_methods.newUserClient = new_client_shared;
}

/* The service */

/* Where memory is linked, what is read-only has to be said before it is asked for. */
static bool is_bound(const json_t *rights)
{
	const char *mode = getenv("FSD_TEST_MEMORY");

	return mode && strcmp(mode, "link") == 0 && strcmp(json_string_value(rights), "ro") == 0;
}

static void make_memory(void)
{
	const char *type;
	json_t *rights;

	json_object_foreach((json_t *)(uintptr_t)given("memory"), type, rights) {
		IOMemoryDescriptor **memory = &driver.memory[atoi(type) % MAX_TYPES];

		if (IOService_createBuffer(driver.service, type, ROOM_BUFFER, memory) !=
		    kIOReturnSuccess)
			errx(1, "no buffer of type %s", type);
		if (is_bound(rights) &&
		    IOService_bindMemory(driver.service, (UInt32)atoi(type), type,
					 kIOMapReadOnly) !=
		    kIOReturnSuccess)
			errx(1, "type %s is not bound", type);
	}
}

static void must(const char *what, IOReturn result)
{
	if (result != kIOReturnSuccess)
		errx(1, "%s: %s", what, IOReturnText(result));
}

IOReturn driver_start(const json_t *line_given)
{
	char plane[4096];

	driver.given = line_given;
	make_client_class();
	make_service_class();
	driver.service = IOService_withClass(&service_class);
	snprintf(plane, sizeof(plane), "%s/IOService", getenv("FSD_MOUNT"));
	must("attach", IOService_attachAt(driver.service, plane));
	make_memory();
	must("serve", IOService_serve(driver.service));
	must("queue", IODispatchQueue_Create("vector", 0, 0, &driver.queue));
	must("set the queue", IOService_SetDispatchQueue(driver.service, kIOServiceDefaultQueueName,
							 driver.queue));
	return IOService_registerService(driver.service, 0);
}

IOReturn driver_terminate(void)
{
	return IOService_terminate(driver.service, 0) ? kIOReturnSuccess : kIOReturnError;
}

IOReturn driver_set_properties(const json_t *properties)
{
	return IOService_setPropertyTable(driver.service, properties) ? kIOReturnSuccess :
									kIOReturnError;
}

/* What is for the thread that serves is asked of it. */
struct asked {
	void (*ask)(struct asked *asked);
	int client;
	IOOptionBits options;
	IOReturn result;
	bool yes;
};

static void ask(void *refcon)
{
	struct asked *asked = refcon;

	asked->ask(asked);
}

static IOUserClient *client_of(const struct asked *asked)
{
	return asked->client < 0 ? NULL : driver.clients[asked->client % MAX_CLIENTS];
}

static void ask_died(struct asked *asked)
{
	asked->result = IOUserClient_clientDied(client_of(asked));
}

static void ask_open(struct asked *asked)
{
	asked->yes = IOService_open(driver.service, client_of(asked), asked->options, NULL);
}

static void ask_close(struct asked *asked)
{
	IOService_close(driver.service, client_of(asked), 0);
}

static void ask_is_open(struct asked *asked)
{
	asked->yes = IOService_isOpen(driver.service, client_of(asked));
}

IOReturn driver_client_died(void)
{
	struct asked asked = { .ask = ask_died };

	IODispatchQueue_DispatchSync(driver.queue, ask, &asked);
	return asked.result;
}

bool driver_exclusive_open(int client, bool seize, bool owner_closes)
{
	struct asked asked = { .ask = ask_open, .client = client,
			       .options = seize ? kIOServiceSeize : 0 };

	driver.owner_closes = owner_closes;
	IODispatchQueue_DispatchSync(driver.queue, ask, &asked);
	return asked.yes;
}

void driver_exclusive_close(int client)
{
	struct asked asked = { .ask = ask_close, .client = client };

	IODispatchQueue_DispatchSync(driver.queue, ask, &asked);
}

bool driver_exclusive_is_open(int client)
{
	struct asked asked = { .ask = ask_is_open, .client = client };

	IODispatchQueue_DispatchSync(driver.queue, ask, &asked);
	return asked.yes;
}

static void get_semaphore(void *result)
{
	semaphore_t semaphore;

	*(IOReturn *)result = IOUserClient_getNotificationSemaphore(driver.clients[0], 0, &semaphore);
}

IOReturn driver_semaphore(void)
{
	IOReturn result = kIOReturnError;

	IODispatchQueue_DispatchSync(driver.queue, get_semaphore, &result);
	return result;
}

IOReturn driver_new_client_with_properties(void)
{
	json_t *properties = json_object();
	IOUserClient *client = NULL;
	IOReturn result = IOService_newUserClient(driver.service, NULL, NULL, 0, properties,
						  &client);

	OSObject_release(client);
	json_decref(properties);
	return result;
}

IOReturn driver_send_without_port(unsigned n_arguments)
{
	OSAsyncReference64 reference = { 0 };
	io_user_reference_t *arguments = calloc(n_arguments + 1, sizeof(*arguments));
	IOReturn result = IOUserClient_sendAsyncResult64(reference, kIOReturnSuccess, arguments,
							 n_arguments);

	free(arguments);
	return result;
}
