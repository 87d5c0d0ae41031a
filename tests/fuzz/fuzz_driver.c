/* SPDX-License-Identifier: MIT */
/*
 * fuzz_driver - any lines as what fsd asks of a driver, or of a stream's: what the program's
 * functions are given can be used, and each line that comes back is one that fsd can read
 *
 * The first byte says which of `kinds` is asked. The first line is what `console` has, too. A
 * connection 1 is there at first.
 */
#include <errno.h>
#include <sys/socket.h>

#include <IOKit/IOBufferMemoryDescriptor.h>
#include <IOKit/IOUserClient.h>
#include <IOKit/stream/IOStream.h>

#include "libqueue/driver_client.h"
#include "libqueue/json_text.h"
#include "libqueue/lines.h"
#include "libqueue/stream_driver.h"
#include "libqueue/stream_layout.h"
#include "mount.h"

#define OPENED	"{\"op\":\"open\",\"id\":0,\"conn\":1,\"uid\":1000,\"gid\":100,\"pid\":1," \
		"\"comm\":\"tool\",\"ents\":{\"may.call\":true}}\n"
#define ANY	kIOUserClientVariableStructureSize

static volatile uint64_t sum;		/* of all that was given: each byte is read */
static mach_port_t port_of_client;

static void read_bytes(const void *bytes, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		sum += ((const uint8_t *)bytes)[i];
}

static void read_memory(IOMemoryDescriptor *memory)
{
	if (memory)
		read_bytes(IOBufferMemoryDescriptor_getBytesNoCopy(memory),
			   IOMemoryDescriptor_getLength(memory));
}

/* Who calls, and what he may. */
static void look_at_task(task_t task)
{
	static const char *const privileges[] = {
		kIOClientPrivilegeAdministrator, kIOClientPrivilegeLocalUser,
		kIOClientPrivilegeForeground, kIOClientPrivilegeConsoleUser,
		kIOClientPrivilegeConsoleSession, "cap:sys_admin",
	};

	read_bytes(IOTaskGetName(task), strlen(IOTaskGetName(task)));
	read_bytes(IOTaskGetPath(task), strlen(IOTaskGetPath(task)));
	for (size_t i = 0; i < sizeof(privileges) / sizeof(privileges[0]); i++)
		IOUserClient_clientHasPrivilege(task, privileges[i]);
	json_decref(IOUserClient_copyClientEntitlement(task, "may.call"));
}

/* --- methods of user clients */

/* A call is completed at once, or its reference is given back, or it goes with its connection. */
static void complete(uint32_t selector, io_user_reference_t *reference)
{
	io_user_reference_t words[] = { 1, UINT64_MAX };

	if (selector & 1)
		IOUserClient_sendAsyncResult64(reference, kIOReturnSuccess, words, 2);
	if (selector & 2)
		IOUserClient_releaseAsyncReference64(reference);
}

static IOReturn method(void *target, void *reference, IOExternalMethodArguments *arguments)
{
	(void)target;
	(void)reference;
	CHECK(arguments->scalarInputCount <= 16 && arguments->scalarOutputCount <= 16);
	read_bytes(arguments->scalarInput, 8 * arguments->scalarInputCount);
	read_bytes(arguments->structureInput, arguments->structureInputSize);
	read_memory(arguments->structureInputDescriptor);
	memset(arguments->scalarOutput, 0xff, 8 * arguments->scalarOutputCount);
	if (arguments->structureOutput)
		memset(arguments->structureOutput, 1, arguments->structureOutputSize);
	if (arguments->structureVariableOutputData)
		*arguments->structureVariableOutputData = OSData_withBytes("any", 3);
	if (arguments->asyncReference)
		complete(arguments->selector, arguments->asyncReference);
	look_at_task(NULL);
	return arguments->selector & 4 ? kIOReturnNoSpace : kIOReturnSuccess;
}

static IOReturn any_method(IOUserClient *client, uint32_t selector,
			   IOExternalMethodArguments *arguments, IOExternalMethodDispatch *dispatch,
			   void *target, void *reference)
{
	(void)selector;
	(void)dispatch;
	(void)target;
	return method(client, reference, arguments);
}

static kern_return_t driverkit_method(IOUserClient *client, uint64_t selector,
				      IOUserClientMethodArguments *arguments,
				      const IOUserClientMethodDispatch *dispatch, void *target,
				      void *reference)
{
	OSData *data = arguments->structureInput;

	(void)dispatch;
	(void)target;
	(void)reference;
	CHECK(arguments->scalarInputCount <= 16 && arguments->scalarOutputCount <= 16);
	read_bytes(arguments->scalarInput, 8 * arguments->scalarInputCount);
	read_bytes(data ? OSData_getBytesNoCopy(data) : NULL, data ? OSData_getLength(data) : 0);
	read_memory(arguments->structureInputDescriptor);
	memset(arguments->scalarOutput, 0xff, 8 * arguments->scalarOutputCount);
	if (selector & 8)
		arguments->structureOutput = OSData_withBytes("any", 3);
	if (arguments->completion && selector & 1)
		IOUserClient_AsyncCompletion(client, arguments->completion, kIOReturnSuccess,
					     arguments->scalarInput, 1);
	return selector & 4 ? kIOReturnNoSpace : kIOReturnSuccess;
}

static IOReturn take_port(IOUserClient *client, mach_port_t port, UInt32 type,
			  io_user_reference_t reference)
{
	json_t *news = json_integer(type);

	(void)client;
	(void)reference;
	IOUserClient_releaseNotificationPort(port_of_client);
	port_of_client = port;
	if (port != MACH_PORT_NULL)
		IOUserClient_sendNotification(port, news);
	json_decref(news);
	return kIOReturnSuccess;
}

static IOReturn take_client(IOUserClient *client, IOUserClient *other)
{
	CHECK(client && other);
	return kIOReturnSuccess;
}

static IOReturn take_client_properties(IOUserClient *client, json_t *properties)
{
	char *text = json_text_print(properties, true);

	(void)client;
	free(text);
	return kIOReturnSuccess;
}

static IOReturn take_properties(IOService *service, json_t *properties)
{
	(void)service;
	return take_client_properties(NULL, properties);
}

static bool begin(IOUserClient *client, IOService *provider)
{
	look_at_task(NULL);
	return IOUserClient_start(client, provider);
}

static const struct IOUserClientMethods with_table = {
	.start = begin, .registerNotificationPort64 = take_port, .connectClient = take_client,
	.setProperties = take_client_properties,
};
static const struct IOUserClientMethods with_function = {
	.externalMethod = any_method, .registerNotificationPort64 = take_port,
};
static const struct IOUserClientMethods with_driverkit = { .ExternalMethod = driverkit_method };

static const IOExternalMethodDispatch2022 table[] = {
	{ method, ANY, ANY, ANY, ANY, true, NULL },
	{ method, 1, 0, 1, 0, true, "may.call" },
	{ method, 0, 4, 0, 8, false, "may.not" },
};

static const struct IOUserClientClass client_classes[] = {
	{ .className = "Table", .methods = &with_table, .dispatch2022 = table, .dispatchCount = 3,
	  .properties = kIOUserClientProperties2022 },
	{ .className = "Function", .methods = &with_function,
	  .properties = "{\"IORegistryEntryAllowableSetProperties\": [\"may\"]}" },
	{ .className = "DriverKit", .methods = &with_driverkit },
};
static const struct IOServiceMethods service_methods = { .setProperties = take_properties };
static const struct IOServiceClass service_classes[] = {
	{ .className = "Svc", .methods = &service_methods, .userClientClass = &client_classes[0] },
	{ .className = "Svc", .methods = &service_methods, .userClientClass = &client_classes[1] },
	{ .className = "Svc", .userClientClass = &client_classes[2] },
};

/* --- fsd */

/* The end of a session that is fsd's, which says all it has to say. */
static int say(int *theirs, const char *first, const char *text, size_t n)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(write(pair[1], first, strlen(first)) == (ssize_t)strlen(first));
	CHECK(write(pair[1], text, n) == (ssize_t)n && shutdown(pair[1], SHUT_WR) == 0);
	*theirs = pair[0];
	return pair[1];
}

/* An answer, a completion, or news for a port. */
static void check_line(const char *line, size_t n)
{
	json_auto_t *object = NULL;
	uint64_t result;

	CHECK(json_text_parse(line, n, &object, NULL, 0) == 0 && json_is_object(object));
	CHECK(json_array_size(json_object_get(object, "so")) <= 16);
	if (!json_object_get(object, "id"))
		return;
	CHECK(json_text_word(json_object_get(object, "rc"), &result) == 0 && result <= UINT32_MAX);
	CHECK(result == 0 || (!json_object_get(object, "so") && !json_object_get(object, "sob")));
}

static void hear(int fd, bool is_json)
{
	struct lines lines = { 0 };
	const char *line;
	size_t n;

	while (lines_read(&lines, fd) == 1) {
		while ((line = lines_next(&lines, &n))) {
			if (is_json)
				check_line(line, n);
			else
				CHECK(n == 1 ? *line == '0' : n == 10 && line[1] == 'x');
		}
	}
	CHECK(lines.at == lines.size);
	lines_free(&lines);
	close(fd);
}

/* --- a driver of each kind */

static void ask_service(uint8_t kind, const char *text, size_t n)
{
	IOService *service = IOService_withClass(&service_classes[kind]);
	int fd;

	CHECK(service);
	service->directory = strdup(in_mount("IOService/Svc"));
	service->mount = strdup(mount_path);
	service->is_served = true;
	fd = say(&service->session.fd, OPENED, text, n);
	while (IOService_dispatch(service) == kIOReturnSuccess)
		;
	CHECK(!service->connections && service->depth == 0);
	IOUserClient_releaseNotificationPort(port_of_client);
	port_of_client = MACH_PORT_NULL;
	OSObject_release(service);
	hear(fd, true);
}

static bool is_opened;

static bool open_stream(IOStream *stream, task_t client, IOOptionBits options, void *argument)
{
	(void)stream;
	(void)options;
	(void)argument;
	CHECK(!is_opened);
	look_at_task(client);
	is_opened = IOTaskGetUID(client) != 13;
	return is_opened;
}

static void close_stream(IOStream *stream, task_t client, IOOptionBits options)
{
	(void)stream;
	(void)options;
	CHECK(is_opened && client);
	is_opened = false;
}

static IOReturn as_it_is(IOStream *stream)
{
	(void)stream;
	return kIOReturnSuccess;
}

static IOReturn any_mode(IOStream *stream, IOStreamMode mode)
{
	(void)stream;
	return mode == kIOStreamModeInput ? kIOReturnSuccess : kIOReturnUnsupported;
}

static void ask_stream(const char *text, size_t n)
{
	static const struct IOStreamMethods methods = {
		.startStream = as_it_is, .stopStream = as_it_is, .suspendStream = as_it_is,
		.setStreamMode = any_mode, .handleOpen = open_stream, .handleClose = close_stream,
	};
	static const struct IOStreamClass class = { .className = "Stream", .methods = &methods };
	static struct stream_board board;	/* of a stream that nobody has open */
	IOStream *stream = IOStream_withBuffers(&class, NULL, 0, kIOStreamModeOutput, 0, NULL);
	int control, calls;

	CHECK(stream);
	is_opened = false;
	stream->directory = strdup(in_mount("IOService/Svc/streams/none"));
	stream->mount = strdup(mount_path);
	stream->board = &board;
	control = say(&stream->control.fd, "", text, n);
	calls = say(&stream->calls.fd, "", text, n);
	while (IOStream_dispatch(stream) == kIOReturnSuccess)
		;
	CHECK(!is_opened && !stream->client);
	OSObject_release(stream);
	hear(control, false);
	close(calls);
}

static void put_console(const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n);

	put_file("console", text, end ? (size_t)(end - text) : n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	uint8_t kind = take_byte(&input) % 4;
	const char *text = (const char *)input.bytes;

	make_mount();
	put_console(text, input.n);
	if (kind < 3)
		ask_service(kind, text, input.n);
	else
		ask_stream(text, input.n);
	return 0;
}
