/* SPDX-License-Identifier: MIT */
/*
 * call CLIENT DRIVER COUNT MOUNT - how many method calls a second a client gets answered
 *
 * A child makes a service in MOUNT and drives it; the parent opens it and calls COUNT times,
 * two numbers in, their product out. CLIENT and DRIVER are each `file` (read(2) and
 * write(2) on the files of the mount, with the text made by hand) or `library`. CLIENT
 * `threads` is `file` from a thread that is not the process's first. Prints calls a second.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/stat.h>

#include <IOKit/IOConnect.h>
#include <IOKit/IOKitLib.h>
#include <IOKit/IOUserClient.h>

#include "bench.h"

#define CLASS		"BenchMultiplier"
#define METHODS		"{\"methods\": [{\"name\": \"multiply\", \"si\": 2, \"so\": 1}]}\n"

static const char *mount;
static unsigned long n_calls;

static const char *in_service(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/IOService/" CLASS "%s%s", mount, *name ? "/" : "", name);
	return path;
}

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

static void must_write(int fd, const char *text, size_t size)
{
	if (write(fd, text, size) != (ssize_t)size)
		fail("write");
}

static void put(const char *name, const char *text)
{
	int fd = must_open(in_service(name), O_WRONLY);

	must_write(fd, text, strlen(text));
	close(fd);
}

/* Return: bytes of a line, of which @line has room and gets an end; 0: no more. */
static size_t read_line(int fd, char *line, size_t room)
{
	ssize_t n = read(fd, line, room - 1);

	if (n < 0)
		fail("read");
	line[n] = '\0';
	return (size_t)n;
}

/* The numbers that follow @key in @text. */
static uint64_t number_after(const char *text, const char *key, uint64_t *ret_second)
{
	const char *at = strstr(text, key);
	char *end;
	uint64_t value;

	if (!at) {
		errno = EPROTO;
		fail(text);
	}
	value = strtoull(at + strlen(key), &end, 10);
	if (ret_second)
		*ret_second = strtoull(end + 1, NULL, 10);
	return value;
}

/* The driver: files */

static void answer(int fd, const char *request)
{
	uint64_t id = number_after(request, "\"id\":", NULL), a, b;
	char text[128];

	a = number_after(request, "\"si\":[", &b);
	must_write(fd, text, (size_t)snprintf(text, sizeof(text),
		"{\"id\":%" PRIu64 ",\"rc\":0,\"so\":[%" PRIu64 "]}\n", id, a * b));
}

static void drive_files(void)
{
	char line[4096];
	int fd;

	if (mkdir(in_service(""), 0755) < 0)
		fail(in_service(""));
	put("class", CLASS "\n");
	put("methods", METHODS);
	fd = must_open(in_service("driver"), O_RDWR);
	put("ctl", "register\n");
	meet();
	while (read_line(fd, line, sizeof(line)) > 0 && strstr(line, "\"call\""))
		answer(fd, line);
}

/* The driver: the library */

static IOReturn multiply(void *target, void *reference, IOExternalMethodArguments *arguments)
{
	(void)target;
	(void)reference;
	arguments->scalarOutput[0] = arguments->scalarInput[0] * arguments->scalarInput[1];
	return kIOReturnSuccess;
}

static IOReturn closed(IOUserClient *client)
{
	IOService_terminate(IOUserClient_getProvider(client), 0);
	return kIOReturnSuccess;
}

static const IOExternalMethodDispatch2022 dispatch[] = {
	{ .function = multiply, .checkScalarInputCount = 2, .checkScalarOutputCount = 1 },
};
static const struct IOUserClientMethods client_methods = { .clientClose = closed };
static const struct IOUserClientClass client_class = {
	.className = CLASS "Client", .methods = &client_methods,
	.dispatch2022 = dispatch, .dispatchCount = 1, .properties = kIOUserClientProperties2022,
};
static const struct IOServiceClass service_class = {
	.className = CLASS, .userClientClass = &client_class,
};

static void must(const char *what, IOReturn result)
{
	if (result == kIOReturnSuccess)
		return;
	fprintf(stderr, "bench: %s: 0x%08x\n", what, (unsigned)result);
	exit(1);
}

static void drive_by_library(void)
{
	IOService *service = IOService_withClass(&service_class);
	char plane[512];

	snprintf(plane, sizeof(plane), "%s/IOService", mount);
	must("attach", IOService_attachAt(service, plane));
	must("serve", IOService_serve(service));
	must("register", IOService_registerService(service, 0));
	meet();
	IOService_run(service);
	OSObject_release(service);
}

/* The client: files */

static void call_file(int fd)
{
	double start = now();

	for (unsigned long i = 0; i < n_calls; i++) {
		char text[256];

		must_write(fd, text, (size_t)snprintf(text, sizeof(text),
			"{\"sel\":0,\"si\":[%lu,3],\"so\":1}\n", i));
		if (read_line(fd, text, sizeof(text)) == 0 ||
		    number_after(text, "\"so\":[", NULL) != i * 3)
			fail(text);
	}
	printf("%f\n", (double)n_calls / (now() - start));
}

static void client_of_files(void)
{
	int session, fd;
	char number[32], path[128];

	meet();
	session = must_open(in_service("clone"), O_RDWR);
	if (read_line(session, number, sizeof(number)) == 0)
		fail("clone");
	snprintf(path, sizeof(path), "clients/%d/call", atoi(number));
	fd = must_open(in_service(path), O_RDWR);
	call_file(fd);
	close(fd);
	close(session);
}

static void *thread(void *arg)
{
	(void)arg;
	client_of_files();
	return NULL;
}

static void client_with_threads(void)
{
	pthread_t other;

	if (pthread_create(&other, NULL, thread, NULL) != 0)
		fail("thread");
	pthread_join(other, NULL);
}

/* The client: the library */

static void client_of_library(void)
{
	io_service_t service;
	io_connect_t connect;
	double start;

	meet();
	service = IOServiceGetMatchingService(kIOMainPortDefault, IOServiceMatching(CLASS));
	must("open", IOServiceOpen(service, mach_task_self(), 0, &connect));
	start = now();
	for (unsigned long i = 0; i < n_calls; i++) {
		uint64_t in[] = { i, 3 }, out = 0;
		uint32_t n = 1;

		must("call", IOConnectCallScalarMethod(connect, 0, in, 2, &out, &n));
		if (out != i * 3)
			fail("product");
	}
	printf("%f\n", (double)n_calls / (now() - start));
	IOServiceClose(connect);
}

/* What the words mean */

static const struct {
	const char *name;
	void (*client)(void), (*drive)(void);
} kinds[] = {
	{ "file", client_of_files, drive_files },
	{ "threads", client_with_threads, drive_files },
	{ "library", client_of_library, drive_by_library },
};
static size_t client_kind, driver_kind;

static size_t kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return i;
	errno = EINVAL;
	fail(name);
}

static void drive(void *arg)
{
	(void)arg;
	kinds[driver_kind].drive();
}

static void call(void *arg)
{
	(void)arg;
	kinds[client_kind].client();
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	client_kind = kind_of(argv[1]);
	driver_kind = kind_of(argv[2]);
	n_calls = strtoul(argv[3], NULL, 0);
	mount = argv[4];
	setenv("FSD_MOUNT", mount, 1);
	run_pair(drive, call, NULL);
	return 0;
}
