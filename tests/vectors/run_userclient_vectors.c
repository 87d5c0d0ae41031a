/* SPDX-License-Identifier: MIT */
/*
 * run_userclient_vectors <LINE - a line of userclient_vectors.jsonl, said through libqueue
 *
 * The driver is in this process, behind the mount of FSD_MOUNT, which is new. Prints the list of
 * what the operations gave; userclient.py, which runs this, knows what is wanted.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <IOKit/IOConnect.h>
#include <IOKit/IOKitLib.h>

#include "vector_driver.h"

#define MAX_TYPES	16
#define ROOM_OUTPUT	(2u << 20)
#define QUIET_MS	150		/* nothing more is to come after so long */

static const char *mount;
static io_service_t service;
static io_connect_t connections[2];
static unsigned n_connections, n_closed;
static mach_vm_address_t maps[MAX_TYPES];
static IONotificationPortRef port;

struct family {
	const char *prefix;
	void (*prepare)(json_t *given);
	json_t *(*run)(const char *operation, json_t *words);
};

static json_t *name_of(IOReturn result)
{
	const char *name = IOReturnName(result);

	return name ? json_string(name) : json_sprintf("0x%08x", (unsigned)result);
}

static unsigned number(const json_t *words, const char *key)
{
	return (unsigned)json_integer_value(json_object_get(words, key));
}

static const char *text(const json_t *words, const char *key)
{
	return json_string_value(json_object_get(words, key));
}

static bool is(const char *one, const char *other)
{
	return strcmp(one, other) == 0;
}

/* The service, and a connection */

static void find_service(json_t *given)
{
	driver_start(given);
	service = IOServiceGetMatchingService(0, IOServiceMatching("Vector"));
	if (!service)
		errx(1, "no service of the class Vector");
}

static void connect_to(json_t *given)
{
	find_service(given);
	n_connections = json_is_true(json_object_get(given, "shared")) ? 2 : 1;
	for (unsigned i = 0; i < n_connections; i++) {
		IOReturn result = IOServiceOpen(service, mach_task_self(), 0, &connections[i]);

		if (result != kIOReturnSuccess)
			errx(1, "open: %s", IOReturnText(result));
	}
	/* So that it can be closed twice. */
	if (n_connections == 1)
		IOConnectAddRef(connections[0]);
}

/* Calls */

static uint64_t wide(const json_t *words, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(words, key));
}

static IOReturn call_with(const json_t *words, void *output, size_t *room)
{
	uint64_t scalars[32] = { 0 }, outputs[32], reference[16] = { 0 };
	uint32_t n_outputs = number(words, "so"), n_words = 3;
	uint32_t selector = (uint32_t)wide(words, "sel");
	size_t size = number(words, "sis");
	const json_t *count = json_object_get(words, "refcnt");
	mach_port_t wake = MACH_PORT_NULL;
	void *input = calloc(1, size + 1);
	IOReturn result;

	if (!json_is_false(json_object_get(words, "port")))
		wake = IONotificationPortGetMachPort(port);
	if (count)
		n_words = (uint32_t)json_integer_value(count);
	if (json_is_true(json_object_get(words, "async")))
		result = IOConnectCallAsyncMethod(connections[0], selector, wake, reference,
						  n_words,
						  scalars, number(words, "si"), size ? input : NULL,
						  size, outputs, &n_outputs, output, room);
	else
		result = IOConnectCallMethod(connections[0], selector, scalars, number(words, "si"),
					     size ? input : NULL, size, outputs, &n_outputs, output,
					     room);
	free(input);
	return result;
}

static json_t *run_call(const char *operation, json_t *words)
{
	static char output[ROOM_OUTPUT];
	void *variable = NULL;
	bool is_variable = json_is_string(json_object_get(words, "sos"));
	size_t room = is_variable ? kIOConnectMethodVarOutputSize : wide(words, "sos");
	unsigned before = driver_calls();
	IOReturn result;

	(void)operation;
	if (!port)
		port = IONotificationPortCreate(0);
	result = call_with(words, is_variable ? (void *)&variable : output, &room);
	free(variable);
	if (driver_calls() > before)
		return json_pack("{sb}", "called", true);
	return json_pack("{sb so}", "called", false, "rc", name_of(result));
}

/* Opens */

static json_t *run_open(const char *operation, json_t *words)
{
	IOReturn result;

	(void)operation;
	if (json_is_true(json_object_get(words, "propertiesArg")))
		result = driver_new_client_with_properties();
	else
		result = IOServiceOpen(service, mach_task_self(), 0, &connections[0]);
	return json_pack("{so}", "rc", name_of(result));
}

/* It may be that the class is refused before there is anything to open. */
static json_t *given_of_open;

static void prepare_open(json_t *given)
{
	given_of_open = given;
}

static json_t *start_and_open(const char *operation, json_t *words)
{
	IOReturn result = driver_start(given_of_open);

	(void)words;
	if (result != kIOReturnSuccess)
		return json_pack("{so}", "rc", name_of(result));
	service = IOServiceGetMatchingService(0, IOServiceMatching("Vector"));
	return run_open(operation, given_of_open);
}

/* Life */

static void wait_until_quiet(void)
{
	unsigned before;

	do {
		before = driver_closes();
		usleep(QUIET_MS * 1000);
	} while (driver_closes() != before);
}

static IOReturn close_next(void)
{
	unsigned i = n_connections == 1 ? 0 : n_closed++ % n_connections;

	return IOServiceClose(connections[i]);
}

static void die(void)
{
	while (IOConnectRelease(connections[0]) == kIOReturnSuccess)
		;
}

static IOReturn map(const json_t *words)
{
	unsigned type = number(words, "type") % MAX_TYPES;
	mach_vm_size_t size = 0;

	return IOConnectMapMemory64(connections[0], type, mach_task_self(), &maps[type], &size,
				    kIOMapAnywhere | number(words, "flags"));
}

/* Where nothing was mapped, the address is one that nothing is at. */
static IOReturn unmap(const json_t *words)
{
	unsigned type = number(words, "type") % MAX_TYPES;
	mach_vm_address_t address = maps[type] ? maps[type] : 4096;

	return IOConnectUnmapMemory64(connections[0], type, mach_task_self(), address);
}

/* read(2) tells, and does no harm. */
static bool is_writable(mach_vm_address_t address)
{
	int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	bool is = read(zeros, (void *)(uintptr_t)address, 1) == 1;

	close(zeros);
	return is;
}

static IOReturn get_service(void)
{
	io_service_t found = IO_OBJECT_NULL;

	return IOConnectGetService(connections[0], &found);
}

static IOReturn add_client(const json_t *words)
{
	io_connect_t other = IO_OBJECT_NULL;

	if (is(text(words, "to"), "service"))
		return IOConnectAddClient(connections[0], service);
	if (IOServiceOpen(service, mach_task_self(), 0, &other) != kIOReturnSuccess)
		errx(1, "no second connection");
	return IOConnectAddClient(connections[0], other);
}

static IOReturn set_port(void)
{
	port = IONotificationPortCreate(0);
	return IOConnectSetNotificationPort(connections[0], 0, IONotificationPortGetMachPort(port),
					    0);
}

static json_t *run_life_with_result(const char *operation, json_t *words)
{
	if (is(operation, "IOServiceClose"))
		return name_of(close_next());
	if (is(operation, "clientDied")) {
		wait_until_quiet();
		return name_of(driver_client_died());
	}
	if (is(operation, "call"))
		return name_of(IOConnectCallScalarMethod(connections[0], 0, NULL, 0, NULL, NULL));
	if (is(operation, "mapMemory"))
		return name_of(map(words));
	if (is(operation, "unmapMemory"))
		return name_of(unmap(words));
	if (is(operation, "getService"))
		return name_of(get_service());
	if (is(operation, "setNotificationPort"))
		return name_of(set_port());
	if (is(operation, "addClient"))
		return name_of(add_client(words));
	if (is(operation, "getNotificationSemaphore"))
		return name_of(driver_semaphore());
	if (is(operation, "setProperties"))
		return name_of(IOConnectSetCFProperties(connections[0],
							json_object_get(words, "value")));
	if (is(operation, "sendAsync"))
		return name_of(driver_send_without_port(number(words, "nargs")));
	return NULL;
}

static json_t *run_life(const char *operation, json_t *words)
{
	json_t *result = run_life_with_result(operation, words);

	if (result)
		return result;
	wait_until_quiet();
	if (is(operation, "count"))
		return json_pack("{si}", "clientClose", (int)driver_closes());
	if (is(operation, "writable"))
		return json_boolean(is_writable(maps[number(words, "type") % MAX_TYPES]));
	if (is(operation, "die"))
		die();
	else if (is(operation, "terminate"))
		driver_terminate();
	else
		errx(1, "operation %s", operation);
	wait_until_quiet();
	return json_null();
}

/* Exclusive open */

static void connect_both(json_t *given)
{
	find_service(given);
	for (unsigned i = 0; i < 2; i++)
		if (IOServiceOpen(service, mach_task_self(), 0,
				  &connections[i]) != kIOReturnSuccess)
			errx(1, "client %u cannot open", i);
}

/* "A" is the first; null is anybody. */
static int client_of(const json_t *words)
{
	const char *name = text(words, "client");

	return name ? *name - 'A' : -1;
}

static json_t *run_exclusive(const char *operation, json_t *words)
{
	bool seize = json_is_true(json_object_get(words, "seize"));

	if (is(operation, "open"))
		return json_boolean(driver_exclusive_open(client_of(words), seize,
				json_is_true(json_object_get(words, "ownerCloses"))));
	if (is(operation, "isOpen"))
		return json_boolean(driver_exclusive_is_open(client_of(words)));
	if (is(operation, "close")) {
		driver_exclusive_close(client_of(words));
	} else {
		driver_terminate();
		wait_until_quiet();
	}
	return json_null();
}

/* Matching, paths: the registry was made before; entries are said by their real IDs */

static void nothing_to_prepare(json_t *given)
{
	(void)given;
}

static json_t *id_of(io_registry_entry_t entry)
{
	uint64_t id;

	if (!entry || IORegistryEntryGetRegistryEntryID(entry, &id) != kIOReturnSuccess)
		return json_null();
	return json_integer((json_int_t)id);
}

static json_t *matching(json_t *dictionary)
{
	json_t *found = json_array();
	io_iterator_t services = IO_OBJECT_NULL;
	io_service_t next;

	IOServiceGetMatchingServices(0, json_incref(dictionary), &services);
	while (services && (next = IOIteratorNext(services))) {
		json_array_append_new(found, id_of(next));
		IOObjectRelease(next);
	}
	return found;
}

static json_t *path_of(uint64_t id)
{
	io_service_t entry = IOServiceGetMatchingService(0, IORegistryEntryIDMatching(id));
	io_string_t path;
	IOReturn result = IORegistryEntryGetPath(entry, kIOServicePlane, path);

	return result == kIOReturnSuccess ? json_string(path) : name_of(result);
}

static json_t *run_registry(const char *operation, json_t *words)
{
	if (is(operation, "getMatching"))
		return matching(json_object_get(words, "dict"));
	if (is(operation, "fromPath"))
		return id_of(IORegistryEntryFromPath(0, text(words, "path")));
	return path_of(wide(words, "id"));
}

/* Notifications */

static io_iterator_t iterator;
static unsigned n_messages;

static void count_message(void *refcon, io_iterator_t which)
{
	(void)refcon;
	(void)which;
	n_messages++;
}

static void write_file(const char *name, const char *file, const char *content)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/IOService/%s/%s", mount, name, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, content, strlen(content)) < 0)
		err(1, "%s", path);
	close(fd);
}

static void publish(const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/IOService/%s", mount, name);
	if (mkdir(path, 0755) == 0)
		write_file(name, "class", "Vector\n");
	write_file(name, "ctl", "register\n");
}

static void prepare_notify(json_t *given)
{
	json_t *existing = json_object_get(given, "existing");

	for (size_t i = 0; i < json_array_size(existing); i++)
		publish(json_string_value(json_array_get(existing, i)));
	port = IONotificationPortCreate(0);
}

static json_t *next_name(void)
{
	io_service_t next = IOIteratorNext(iterator);
	io_name_t name;

	if (!next)
		return json_null();
	if (IORegistryEntryGetName(next, name) != kIOReturnSuccess)
		errx(1, "a service without a name");
	IOObjectRelease(next);
	return json_string(name);
}

static json_t *messages(void)
{
	mach_port_t fd = IONotificationPortGetMachPort(port);
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (poll(&wait, 1, QUIET_MS) == 1)
		IONotificationPortDispatch(fd);
	return json_integer(n_messages);
}

static json_t *drain(void)
{
	unsigned n = 0;
	io_service_t next;

	while ((next = IOIteratorNext(iterator))) {
		IOObjectRelease(next);
		n++;
	}
	return json_integer(n);
}

static json_t *run_notify(const char *operation, json_t *words)
{
	if (is(operation, "add"))
		return name_of(IOServiceAddMatchingNotification(port, text(words, "type"),
								IOServiceMatching("Vector"),
								count_message, NULL, &iterator));
	if (is(operation, "next"))
		return next_name();
	if (is(operation, "messages"))
		return messages();
	if (is(operation, "drainCount"))
		return drain();
	if (!is(operation, "event"))
		errx(1, "operation %s", operation);
	publish(text(words, "service"));
	for (unsigned n = number(words, "n"); n > 1; n--)
		publish(text(words, "service"));
	return json_null();
}

/* Interest, properties */

static void no_message(void *refcon, io_service_t from, uint32_t type, void *argument)
{
	(void)refcon;
	(void)from;
	(void)type;
	(void)argument;
}

static void prepare_interest(json_t *given)
{
	find_service(given);
	port = IONotificationPortCreate(0);
	if (json_is_true(json_object_get(given, "inactive"))) {
		driver_terminate();
		wait_until_quiet();
	}
}

static json_t *run_interest(const char *operation, json_t *words)
{
	io_object_t notification = IO_OBJECT_NULL;

	(void)operation;
	return name_of(IOServiceAddInterestNotification(port, service, text(words, "type"),
							no_message,
							NULL, &notification));
}

static void prepare_property(json_t *given)
{
	find_service(given);
	if (driver_set_properties(json_object_get(given, "props")) != kIOReturnSuccess)
		errx(1, "properties");
}

static json_t *run_property(const char *operation, json_t *words)
{
	char bytes[4096];
	uint32_t size = number(words, "room");
	IOReturn result = IORegistryEntryGetProperty(service, text(words, "key"), bytes, &size);

	(void)operation;
	return result == kIOReturnSuccess ? json_pack("{si}", "len", (int)size) : name_of(result);
}

static const struct family families[] = {
	{ "d2022-", connect_to, run_call },
	{ "classic-", connect_to, run_call },
	{ "driverkit-", connect_to, run_call },
	{ "base-", connect_to, run_call },
	{ "legacy-", connect_to, run_call },
	{ "open-", prepare_open, start_and_open },
	{ "excl-", connect_both, run_exclusive },
	{ "life-", connect_to, run_life },
	{ "match-", nothing_to_prepare, run_registry },
	{ "path-", nothing_to_prepare, run_registry },
	{ "notify-", prepare_notify, run_notify },
	{ "interest-", prepare_interest, run_interest },
	{ "property-", prepare_property, run_property },
};

static const struct family *family_of(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (strncmp(name, families[i].prefix, strlen(families[i].prefix)) == 0)
			return &families[i];
	errx(1, "no family for %s", name);
}

static json_t *line;	/* the driver's thread reads it to the end: it is not freed */

int main(void)
{
	json_t *results = json_array(), *operations;
	const struct family *family;

	line = json_loadf(stdin, 0, NULL);
	operations = json_object_get(line, "ops");
	mount = getenv("FSD_MOUNT");
	if (!line || !mount)
		errx(1, "a line on standard input, and FSD_MOUNT, are wanted");
	family = family_of(text(line, "name"));
	family->prepare(json_object_get(line, "given"));
	for (size_t i = 0; i < json_array_size(operations); i++) {
		json_t *operation = json_array_get(operations, i);

		json_array_append_new(results, family->run(text(operation, "op"), operation));
	}
	json_dumpf(results, stdout, JSON_COMPACT);
	json_decref(results);
	return 0;
}
