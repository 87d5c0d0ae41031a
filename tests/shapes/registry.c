/* SPDX-License-Identifier: MIT */
/*
 * registry COMMAND ARG... - the registry as programs look at it; registry_client.bats runs it
 *
 * What a call results in, where it is not success, is printed by its name, and the
 * program ends with 1.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <IOKit/IOKitLib.h>
#include <IOKit/IOMessage.h>

static void check(kern_return_t result)
{
	if (result == kIOReturnSuccess)
		return;
	printf("%s\n", IOReturnName(result) ? IOReturnName(result) : "?");
	exit(EXIT_FAILURE);
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!value) {
		fprintf(stderr, "no JSON: %s\n", text);
		exit(2);
	}
	return value;
}

static io_registry_entry_t open_entry(const char *path)
{
	io_registry_entry_t entry = IORegistryEntryCopyFromPath(kIOMainPortDefault, path);

	if (!entry) {
		printf("none\n");
		exit(EXIT_FAILURE);
	}
	return entry;
}

static unsigned n_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void print_path(io_object_t object)
{
	char *path = IORegistryEntryCopyPath(object, kIOServicePlane);

	printf("%s\n", path ? path : "-");
	free(path);
}

static void print_all(io_iterator_t iterator)
{
	io_object_t object;

	while ((object = IOIteratorNext(iterator))) {
		print_path(object);
		IOObjectRelease(object);
	}
}

/* path PATH PLANE: how it is written there */
static void path(char **arguments)
{
	char *text = IORegistryEntryCopyPath(open_entry(arguments[0]), arguments[1]);

	printf("%s\n", text ? text : "-");
	free(text);
}

/* services DICTIONARY */
static void services(char **arguments)
{
	io_iterator_t iterator;

	check(IOServiceGetMatchingServices(kIOMainPortDefault, parse(arguments[0]), &iterator));
	print_all(iterator);
	IOIteratorReset(iterator);
	if (iterator && !IOIteratorNext(iterator))
		printf("reset gives nothing\n");
	IOObjectRelease(iterator);
}

/* service CLASS */
static void service(char **arguments)
{
	io_service_t found = IOServiceGetMatchingService(kIOMainPortDefault,
							 IOServiceMatching(arguments[0]));

	print_path(found);
	IOObjectRelease(found);
}

/* matches PATH DICTIONARY */
static void matches(char **arguments)
{
	json_t *dictionary = parse(arguments[1]);
	boolean_t answer;

	check(IOServiceMatchPropertyTable(open_entry(arguments[0]), dictionary, &answer));
	printf("%d %zu\n", answer, dictionary->refcount);
	json_decref(dictionary);
}

/* walk PLANE OPTIONS [PATH] */
static void walk(char **arguments)
{
	IOOptionBits options = (IOOptionBits)strtoul(arguments[1], NULL, 0);
	io_iterator_t iterator;

	if (arguments[2])
		check(IORegistryEntryCreateIterator(open_entry(arguments[2]), arguments[0], options,
						    &iterator));
	else
		check(IORegistryCreateIterator(kIOMainPortDefault, arguments[0], options,
					       &iterator));
	print_all(iterator);
}

/* count DICTIONARY: how many match, and how many descriptors that took at most */
static void count(char **arguments)
{
	unsigned n = 0, most = 0;
	io_iterator_t iterator;
	io_object_t object;

	check(IOServiceGetMatchingServices(kIOMainPortDefault, parse(arguments[0]), &iterator));
	while ((object = IOIteratorNext(iterator))) {
		unsigned now = n_open();

		most = now > most ? now : most;
		IOObjectRelease(object);
		n++;
	}
	printf("%u %s\n", n, most < 16 ? "few" : "many");
}

/* show PATH */
static void show(char **arguments)
{
	io_registry_entry_t entry = open_entry(arguments[0]);
	io_name_t name, location = "", class;
	uint64_t id, state = 0;
	uint32_t busy = 0;

	check(IORegistryEntryGetName(entry, name));
	check(IORegistryEntryGetRegistryEntryID(entry, &id));
	check(IOObjectGetClass(entry, class));
	if (IORegistryEntryGetLocationInPlane(entry, NULL, location) != kIOReturnSuccess)
		strcpy(location, "-");
	IOServiceGetBusyStateAndTime(entry, &state, &busy, NULL);
	printf("%s %s %s 0x%" PRIx64 " state 0x%" PRIx64 " busy %u%s%s\n", name, location, class,
	       id, state, busy, IOObjectGetKernelRetainCount(entry) > 0 ? " retained" : "",
	       IOObjectConformsTo(entry, kIOServiceClass) ? " service" : "");
}

/* time PATH: nanoseconds of being busy */
static void busy_time(char **arguments)
{
	uint64_t time;

	check(IOServiceGetBusyStateAndTime(open_entry(arguments[0]), NULL, NULL, &time));
	printf("%" PRIu64 "\n", time);
}

/* super CLASS */
static void super(char **arguments)
{
	char *name = IOObjectCopySuperclassForClass(arguments[0]);

	printf("%s\n", name ? name : "-");
	free(name);
}

/* property PATH KEY */
static void property(char **arguments)
{
	json_t *value = IORegistryEntryCreateCFProperty(open_entry(arguments[0]), arguments[1],
							kCFAllocatorDefault, 0);
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	printf("%s\n", text ? text : "-");
	free(text);
	json_decref(value);
}

/* properties PATH */
static void properties(char **arguments)
{
	json_t *table;

	check(IORegistryEntryCreateCFProperties(open_entry(arguments[0]), &table,
						kCFAllocatorDefault, 0));
	json_dumpf(table, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	printf("\n");
	json_decref(table);
}

/* set PATH KEY JSON */
static void set(char **arguments)
{
	json_t *value = parse(arguments[2]);

	check(IORegistryEntrySetCFProperty(open_entry(arguments[0]), arguments[1], value));
	printf("set\n");
	json_decref(value);
}

/* search PATH KEY OPTIONS */
static void search(char **arguments)
{
	json_t *value = IORegistryEntrySearchCFProperty(open_entry(arguments[0]), kIOServicePlane,
							arguments[1], kCFAllocatorDefault,
							(IOOptionBits)atoi(arguments[2]));

	if (value)
		json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
	printf("%s\n", value ? "" : "-");
	json_decref(value);
}

/* probe PATH OPTIONS */
static void probe(char **arguments)
{
	check(IOServiceRequestProbe(open_entry(arguments[0]), (uint32_t)atoi(arguments[1])));
	printf("probed\n");
}

/* quiet PATH|all MS */
static void quiet(char **arguments)
{
	int ms = atoi(arguments[1]);
	mach_timespec_t limit = { .tv_sec = (unsigned)ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	uint32_t busy;

	if (strcmp(arguments[0], "all") == 0) {
		check(IOKitGetBusyState(kIOMainPortDefault, &busy));
		check(IOKitWaitQuiet(kIOMainPortDefault, &limit));
	} else {
		check(IOServiceWaitQuiet(open_entry(arguments[0]), &limit));
	}
	printf("quiet\n");
}

/* authorize PATH */
static void authorize(char **arguments)
{
	check(IOServiceAuthorize(open_entry(arguments[0]), 1));
	printf("may\n");
}

/* descriptor PATH: what the session says */
static void descriptor(char **arguments)
{
	int fd = IOServiceOpenAsFileDescriptor(open_entry(arguments[0]), O_RDWR);
	char text[64];
	ssize_t n;

	if (fd < 0) {
		perror("open");
		exit(EXIT_FAILURE);
	}
	n = read(fd, text, sizeof(text));
	printf("%.*s", n > 0 ? (int)n : 0, text);
	close(fd);
}

/* Notifications: lines as they come, until so many did. */

static int n_left;

static void say_service(io_service_t found)
{
	io_name_t name = "?", class = "?";
	uint64_t id;

	IORegistryEntryGetName(found, name);
	IOObjectGetClass(found, class);
	IORegistryEntryGetRegistryEntryID(found, &id);
	printf("%s %s 0x%" PRIx64 "\n", name, class, id);
}

static void drain(void *refcon, io_iterator_t iterator)
{
	io_service_t found;

	printf("%s\n", (const char *)refcon);
	while ((found = IOIteratorNext(iterator))) {
		say_service(found);
		IOObjectRelease(found);
		n_left--;
	}
	if (!IOIteratorIsValid(iterator)) {
		printf("invalid\n");
		n_left = 0;
	}
	fflush(stdout);
}

static void run_loop(IONotificationPortRef port)
{
	struct pollfd poll_fd = {
		.fd = IONotificationPortGetRunLoopSource(port),
		.events = POLLIN,
	};

	while (n_left > 0) {
		poll(&poll_fd, 1, -1);
		IODispatchCalloutFromMessage(NULL, NULL, port);
	}
}

/* watch TYPE DICTIONARY COUNT */
static void watch(char **arguments)
{
	static char called[] = "called", first[] = "first";
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	io_iterator_t iterator;

	n_left = atoi(arguments[2]);
	check(IOServiceAddMatchingNotification(port, arguments[0], parse(arguments[1]), drain,
					       called, &iterator));
	drain(first, iterator);
	run_loop(port);
	IOObjectRelease(iterator);
	IONotificationPortDestroy(port);
}

static void hear(void *refcon, io_service_t about, uint32_t message, void *argument)
{
	(void)refcon;
	say_service(about);
	printf("0x%x ", message);
	if ((uintptr_t)argument > 4096)
		printf("%s\n", (const char *)argument);
	else
		printf("%" PRIuPTR "\n", (uintptr_t)argument);
	fflush(stdout);
	n_left--;
}

/* interest PATH INTEREST COUNT */
static void interest(char **arguments)
{
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	io_object_t notification;

	n_left = atoi(arguments[2]);
	check(IOServiceAddInterestNotification(port, open_entry(arguments[0]), arguments[1], hear,
					       NULL, &notification));
	printf("ready\n");
	fflush(stdout);
	run_loop(port);
	IOObjectRelease(notification);
	IONotificationPortDestroy(port);
}

/* hold PATH: say what it is at each line of the input */
static void hold(char **arguments)
{
	io_registry_entry_t entry = open_entry(arguments[0]);
	char line[64];

	say_service(entry);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t state;

		say_service(entry);
		check(IOServiceGetState(entry, &state));
		printf("0x%" PRIx64 "\n", state);
		fflush(stdout);
	}
}

static const struct {
	const char *name;
	int n_arguments;	/* at least */
	void (*run)(char **arguments);
} commands[] = {
	{ "authorize", 1, authorize },
	{ "count", 1, count },
	{ "descriptor", 1, descriptor },
	{ "hold", 1, hold },
	{ "interest", 3, interest },
	{ "matches", 2, matches },
	{ "path", 2, path },
	{ "probe", 2, probe },
	{ "properties", 1, properties },
	{ "property", 2, property },
	{ "quiet", 2, quiet },
	{ "search", 3, search },
	{ "service", 1, service },
	{ "services", 1, services },
	{ "set", 3, set },
	{ "show", 1, show },
	{ "time", 1, busy_time },
	{ "super", 1, super },
	{ "walk", 2, walk },
	{ "watch", 3, watch },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0 && argc - 2 >= commands[i].n_arguments) {
			commands[i].run(argv + 2);
			return EXIT_SUCCESS;
		}
	}
	fprintf(stderr, "usage: registry COMMAND ARG...\n");
	return 2;
}
