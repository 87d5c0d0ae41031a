/* SPDX-License-Identifier: MIT */
/*
 * connection WHAT [ARGUMENT...] - one thing that a connection does, with the driver `Testing` of
 * drivers.py; ends with 0 if it does it
 */
#include "checks.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <IOKit/IODataQueueClient.h>

enum { ECHO, SCALARS, GATHER, TICKS, FAIL, EARLY, POKE, HANG, ENTITLED };

/* --- opening */

/* The driver's own code, whatever it is, and not one for an errno. */
static void codes(char **arguments)
{
	static const IOReturn wanted[] = {
		kIOReturnNoResources, kIOReturnExclusiveAccess, kIOReturnBusy, kIOReturnInvalid,
		kIOReturnNoSpace, kIOReturnNotFound, kIOReturnOffline, (IOReturn)0xe0001234,
		(IOReturn)0xe3ff8001, 0x1234, 0xc016,
	};
	io_service_t service = find_test();
	io_connect_t connect = 77;

	(void)arguments;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		gives(wanted[i],
		      IOServiceOpen(service, mach_task_self(), (uint32_t)wanted[i], &connect));
		check(connect == 77);
	}
	gives(kIOReturnSuccess, IOServiceOpen(service, mach_task_self(), 5, &connect));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const uint64_t code = (uint32_t)wanted[i];

		gives(wanted[i], IOConnectCallScalarMethod(connect, FAIL, &code, 1, NULL, NULL));
	}
	IOObjectRelease(service);
	gives(kIOReturnSuccess, IOServiceClose(connect));
}

/* What IOServiceOpen() says of the service of a class: open CLASS RESULT */
static void refused(char **arguments)
{
	io_service_t service = IOServiceGetMatchingService(kIOMainPortDefault,
							   IOServiceMatching(arguments[0]));
	io_connect_t connect = IO_OBJECT_NULL;
	IOReturn result;

	check(service != IO_OBJECT_NULL);
	result = IOServiceOpen(service, mach_task_self(), 0, &connect);
	if (strcmp(name_of(result), arguments[1]) != 0) {
		fprintf(stderr, "%s, not %s\n", name_of(result), arguments[1]);
		exit(EXIT_FAILURE);
	}
}

/* The service is found, and is gone when it is opened: a file `gone` says so. */
static void gone(char **arguments)
{
	io_service_t service = find_test();
	io_connect_t connect = 77;
	IOReturn result;

	(void)arguments;
	say_ready();
	while (access("gone", F_OK) != 0)
		usleep(10000);
	result = IOServiceOpen(service, mach_task_self(), 0, &connect);
	if (result != kIOReturnNotFound)
		gives(MACH_SEND_INVALID_DEST, result);
	check(connect == 77);
}

/* A root entry, a port, an iterator: no services. */
static void no_service(char **arguments)
{
	io_registry_entry_t root = IORegistryGetRootEntry(kIOMainPortDefault);
	io_connect_t connect = IO_OBJECT_NULL;
	io_iterator_t iterator;
	mach_port_t port;

	(void)arguments;
	gives(kIOReturnBadArgument, IOServiceOpen(root, mach_task_self(), 0, &connect));
	gives(kIOReturnSuccess, IORegistryEntryGetChildIterator(root, "IOService", &iterator));
	gives(kIOReturnBadArgument, IOServiceOpen(iterator, mach_task_self(), 0, &connect));
	gives(kIOReturnSuccess, IOMainPort(0, &port));
	gives(kIOReturnBadArgument, IOServiceOpen(port, mach_task_self(), 0, &connect));
	check(connect == IO_OBJECT_NULL);
}

/* Closed, or died; the test looks at what the driver heard. */
static void close_twice(char **arguments)
{
	io_connect_t connect = open_test();

	(void)arguments;
	gives(kIOReturnSuccess, IOConnectAddRef(connect));
	gives(kIOReturnSuccess, IOServiceClose(connect));
	gives(kIOReturnSuccess, IOServiceClose(connect));
	gives(kIOReturnSuccess, IOServiceClose(connect));
	gives(kIOReturnBadArgument, IOServiceClose(999));
}

static void release(char **arguments)
{
	io_connect_t connect = open_test();

	(void)arguments;
	gives(kIOReturnSuccess, IOConnectAddRef(connect));
	gives(kIOReturnSuccess, IOConnectRelease(connect));
	gives(kIOReturnSuccess, IOConnectRelease(connect));
	gives(kIOReturnBadArgument, IOConnectRelease(connect));
}

static void service(char **arguments)
{
	io_connect_t connect = open_test(), other = open_test();
	io_service_t expected = find_test(), got = IO_OBJECT_NULL;
	uint64_t id = 0;

	(void)arguments;
	gives(kIOReturnSuccess, IOConnectGetService(connect, &got));
	check(IOObjectIsEqualTo(got, expected));
	gives(kIOReturnSuccess, IORegistryEntryGetRegistryEntryID(connect, &id));
	check(id > 0x100000100 && !IOObjectIsEqualTo(connect, other));
	gives(kIOReturnSuccess, IOConnectAddClient(connect, other));
	gives(kIOReturnBadArgument, IOConnectAddClient(connect, got));
}

static void properties(char **arguments)
{
	io_connect_t connect = open_test();
	json_t *value = json_pack("{s:i}", "a", 1), *code = json_integer(kIOReturnNoSpace);
	json_t *list = json_array();

	(void)arguments;
	gives(kIOReturnSuccess, IOConnectSetCFProperties(connect, value));
	gives(kIOReturnSuccess, IOConnectSetCFProperty(connect, "b", value));
	json_integer_set(code, (uint32_t)kIOReturnNoSpace);
	gives(kIOReturnNoSpace, IOConnectSetCFProperty(connect, "Refused", code));
	/* What is no dictionary is for the driver, too. */
	json_array_append_new(list, json_string("listed"));
	gives(kIOReturnSuccess, IOConnectSetCFProperties(connect, list));
	json_decref(value);
	json_decref(code);
	json_decref(list);
}

/* --- calls */

static void echo(io_connect_t connect, size_t size)
{
	unsigned char *in = malloc(size + 1), *out = malloc(size + 2);
	size_t n = size;

	for (size_t i = 0; i < size; i++)
		in[i] = (unsigned char)(i * 7 + i / 251);
	out[size] = 0x5a;
	gives(kIOReturnSuccess, IOConnectCallStructMethod(connect, ECHO, in, size, out, &n));
	check(n == size && memcmp(in, out, size) == 0 && out[size] == 0x5a);
	free(in);
	free(out);
}

static void sizes(char **arguments)
{
	static const size_t tried[] = {
		0, 1, 2, 3, 4095, 4096, 4097, 6000, 12287, 65536, 100000, 1 << 20,
		3145728 - 4096,
	};
	io_connect_t connect = open_test();
	size_t n;
	void *large = calloc(1, 16 << 20);

	(void)arguments;
	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
		echo(connect, tried[i]);
	/* More than a document may have. */
	for (size_t size = 3145728; size <= 16 << 20; size *= 2) {
		n = 4;
		gives(kIOReturnMessageTooLarge,
		      IOConnectCallStructMethod(connect, ECHO, large, size, large, &n));
		check(n == 4);
	}
	echo(connect, 5);
	free(large);
}

static void less_output(char **arguments)
{
	io_connect_t connect = open_test();
	const uint64_t in[] = { 1, UINT64_MAX, 3 };
	uint64_t out[16];
	uint32_t n = 16;
	char bytes[100];
	size_t size = sizeof(bytes);
	void *made = NULL;

	(void)arguments;
	gives(kIOReturnSuccess, IOConnectCallScalarMethod(connect, SCALARS, in, 3, out, &n));
	check(n == 3 && memcmp(in, out, sizeof(in)) == 0);
	n = 2;
	gives(kIOReturnSuccess, IOConnectCallScalarMethod(connect, SCALARS, in, 3, out, &n));
	check(n == 2);
	gives(kIOReturnSuccess, IOConnectCallStructMethod(connect, ECHO, "abc", 3, bytes, &size));
	check(size == 3);
	size = kIOConnectMethodVarOutputSize;
	gives(kIOReturnSuccess, IOConnectCallStructMethod(connect, ECHO, "abcd", 4, &made, &size));
	check(size == 4 && memcmp(made, "abcd", 4) == 0);
	free(made);
	gives(kIOReturnNotPrivileged,
	      IOConnectCallScalarMethod(connect, ENTITLED, NULL, 0, NULL, NULL));
	gives(kIOReturnBadArgument, IOConnectCallScalarMethod(connect, 9, NULL, 0, NULL, NULL));
}

#define N_THREADS	16u

static io_connect_t shared_connect;

static void *gather(void *unused)
{
	const uint64_t n = N_THREADS;
	uint64_t place;
	uint32_t one = 1;

	(void)unused;
	for (int i = 0; i < 20; i++) {
		gives(kIOReturnSuccess,
		      IOConnectCallScalarMethod(shared_connect, GATHER, &n, 1, &place, &one));
		check(place < N_THREADS);
	}
	return NULL;
}

/* The driver answers when all of them have asked. */
static void parallel(char **arguments)
{
	pthread_t threads[N_THREADS];

	(void)arguments;
	shared_connect = open_test();
	for (unsigned i = 0; i < N_THREADS; i++)
		check(pthread_create(&threads[i], NULL, gather, NULL) == 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	gives(kIOReturnSuccess, IOServiceClose(shared_connect));
}

static void ignore(int number)
{
	(void)number;
}

/* Signals, with handlers that do not restart anything, end no call. */
static void signals(char **arguments)
{
	struct sigaction action = { .sa_handler = ignore };
	struct itimerval often = { { 0, 500 }, { 0, 500 } };
	io_connect_t connect = open_test();

	(void)arguments;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 1000; i++)
		echo(connect, (size_t)i);
	for (int i = 0; i < 50; i++) {
		io_connect_t other = open_test();

		gives(kIOReturnSuccess, IOServiceClose(other));
	}
}

/* A child goes on with the connection of its parent, at the same time. */
static void forks(char **arguments)
{
	io_connect_t connect = open_test();
	int status;
	pid_t pid;

	(void)arguments;
	echo(connect, 10);
	pid = fork();
	for (int i = 0; i < 300; i++)
		echo(connect, pid == 0 ? 100 : 200);
	if (pid == 0)
		_exit(0);
	check(waitpid(pid, &status, 0) == pid && status == 0);
	echo(connect, 10);
}

/* --- the end of a service: hang RESULT [MAPPED] */

static void hang(char **arguments)
{
	io_connect_t connect = open_test();
	mach_vm_address_t address;
	IOReturn result;

	if (arguments[1])
		gives(kIOReturnSuccess, IOConnectMapMemory64(connect, 1, mach_task_self(), &address,
							     NULL, kIOMapAnywhere));
	say_ready();
	result = IOConnectCallScalarMethod(connect, HANG, NULL, 0, NULL, NULL);
	printf("%s\n", name_of(result));
	if (strcmp(name_of(result), arguments[0]) != 0)
		exit(EXIT_FAILURE);
	gives(arguments[1] ? kIOReturnBadArgument : MACH_SEND_INVALID_DEST,
	      IOConnectCallScalarMethod(connect, ECHO, NULL, 0, NULL, NULL));
	if (arguments[1]) {
		check(memcmp(word(address), "fixed", 5) == 0);
		gives(kIOReturnSuccess,
		      IOConnectUnmapMemory64(connect, 1, mach_task_self(), address));
		gives(MACH_SEND_INVALID_DEST,
		      IOConnectCallScalarMethod(connect, ECHO, NULL, 0, NULL, NULL));
	}
	gives(kIOReturnSuccess, IOServiceClose(connect));
	gives(kIOReturnSuccess, IOServiceClose(connect));
}

static void *call_hang(void *unused)
{
	(void)unused;
	gives(kIOReturnAborted,
	      IOConnectCallScalarMethod(shared_connect, HANG, NULL, 0, NULL, NULL));
	return NULL;
}

static void *close_it(void *unused)
{
	(void)unused;
	usleep(100000);
	gives(kIOReturnSuccess, IOServiceClose(shared_connect));
	return NULL;
}

static void close_during_call(char **arguments)
{
	pthread_t thread;

	(void)arguments;
	shared_connect = open_test();
	check(pthread_create(&thread, NULL, close_it, NULL) == 0);
	call_hang(NULL);
	pthread_join(thread, NULL);
}

/* Waits to be killed. */
static void stay(char **arguments)
{
	open_test();
	(void)arguments;
	say_ready();
	pause();
}

/* --- completions */

struct seen {
	unsigned n;
	uint64_t words[16];
	uint32_t n_words;
};

static void completed(void *refcon, IOReturn result, void **words, uint32_t n)
{
	struct seen *seen = refcon;

	check((unsigned)result == seen->n && n == seen->n_words);
	for (uint32_t i = 0; i < n; i++)
		check((uintptr_t)words[i] == seen->n + i);
	__atomic_store_n(&seen->n, seen->n + 1, __ATOMIC_RELEASE);
}

static void completed_none(void *refcon, IOReturn result)
{
	completed(refcon, result, NULL, 0);
}

static void completed_one(void *refcon, IOReturn result, void *a)
{
	completed(refcon, result, (void *[]){ a }, 1);
}

static void completed_two(void *refcon, IOReturn result, void *a, void *b)
{
	completed(refcon, result, (void *[]){ a, b }, 2);
}

static void wait_for(mach_port_t port, const unsigned *n, unsigned wanted)
{
	struct pollfd readable = { .fd = port, .events = POLLIN };

	while (*n < wanted) {
		check(poll(&readable, 1, 20000) == 1);
		IONotificationPortDispatch(port);
	}
}

static void set_reference(uint64_t reference[kOSAsyncRef64Count], uintptr_t function, void *refcon)
{
	memset(reference, 0, kOSAsyncRef64Size);
	reference[kIOAsyncCalloutFuncIndex] = function;
	reference[kIOAsyncCalloutRefconIndex] = (uintptr_t)refcon;
}

static void completions(char **arguments)
{
	static const uintptr_t functions[] = {
		(uintptr_t)completed_none, (uintptr_t)completed_one, (uintptr_t)completed_two,
		(uintptr_t)completed,
	};
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	mach_port_t wake = IONotificationPortGetMachPort(port);
	io_connect_t connect = open_test();
	uint64_t reference[kOSAsyncRef64Count];

	(void)arguments;
	for (uint32_t n = 0; n <= 16; n++) {
		struct seen seen = { .n_words = n };
		const uint64_t in[] = { 100, n };

		set_reference(reference, functions[n < 3 ? n : 3], &seen);
		gives(kIOReturnSuccess,
		      IOConnectCallAsyncScalarMethod(connect, TICKS, wake, reference,
						     kOSAsyncRef64Count, in, 2, NULL, NULL));
		wait_for(wake, &seen.n, 100);
	}
	gives(kIOReturnSuccess, IOServiceClose(connect));
	IONotificationPortDestroy(port);
}

static void early(void *refcon, IOReturn result, void *five)
{
	check(result == kIOReturnSuccess && five == word(5));
	++*(unsigned *)refcon;
}

/* The completion comes before the answer; or the answer is no. */
static void early_completion(char **arguments)
{
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	mach_port_t wake = IONotificationPortGetMachPort(port);
	io_connect_t connect = open_test();
	uint64_t reference[kOSAsyncRef64Count], code = (uint32_t)kIOReturnBusy;
	unsigned n = 0;

	(void)arguments;
	set_reference(reference, (uintptr_t)early, &n);
	gives(kIOReturnBusy,
	      IOConnectCallAsyncScalarMethod(connect, EARLY, wake, reference, 3, &code, 1, NULL,
					     NULL));
	IONotificationPortDispatch(wake);
	check(n == 0);
	code = 0;
	gives(kIOReturnSuccess, IOConnectCallAsyncScalarMethod(connect, EARLY, wake, reference, 3,
							       &code, 1, NULL, NULL));
	wait_for(wake, &n, 1);
	check(n == 1);
	gives(kIOReturnSuccess, IOServiceClose(connect));
	IONotificationPortDestroy(port);
}

/* Two ports hear of their own calls only; a receive port and a dispatch queue do as well. */
static void ports(char **arguments)
{
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	IONotificationPortRef queued = IONotificationPortCreate(kIOMainPortDefault);
	IODispatchQueue *queue = NULL;
	struct seen seen[3] = { { .n_words = 3 }, { .n_words = 3 }, { .n_words = 3 } };
	const uint64_t in[] = { 5, 3 };
	mach_port_t wake[3];
	io_connect_t connect = open_test();

	(void)arguments;
	gives(kIOReturnSuccess, IODispatchQueue_Create("completions", 0, 0, &queue));
	IONotificationPortSetDispatchQueue(queued, queue);
	wake[0] = IONotificationPortGetMachPort(port);
	gives(kIOReturnSuccess, IOCreateReceivePort(kOSAsyncCompleteMessageID, &wake[1]));
	wake[2] = IONotificationPortGetMachPort(queued);
	for (int i = 0; i < 3; i++) {
		uint64_t reference[kOSAsyncRef64Count];

		set_reference(reference, (uintptr_t)completed, &seen[i]);
		gives(kIOReturnSuccess,
		      IOConnectCallAsyncScalarMethod(connect, TICKS, wake[i], reference,
						     kOSAsyncRef64Count, in, 2, NULL, NULL));
	}
	wait_for(wake[1], &seen[1].n, 5);
	wait_for(wake[0], &seen[0].n, 5);
	while (__atomic_load_n(&seen[2].n, __ATOMIC_ACQUIRE) < 5)
		usleep(1000);
	check(seen[0].n == 5 && seen[1].n == 5);
	gives(kIOReturnSuccess, IOServiceClose(connect));
	IOObjectRelease(wake[1]);
	IONotificationPortDestroy(queued);
	IONotificationPortDestroy(port);
	OSObject_release(queue);
}

static void count(void *refcon, IOReturn result)
{
	(void)result;
	__atomic_fetch_add((unsigned *)refcon, 1, __ATOMIC_RELAXED);
}

/* Completions are under way in another thread while connections go. */
static void close_during_completions(char **arguments)
{
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	uint64_t reference[kOSAsyncRef64Count], in[] = { 50, 0 };
	IODispatchQueue *queue = NULL;
	static unsigned n_seen;
	io_connect_t connect;

	gives(kIOReturnSuccess, IODispatchQueue_Create("completions", 0, 0, &queue));
	IONotificationPortSetDispatchQueue(port, queue);
	set_reference(reference, (uintptr_t)count, &n_seen);
	for (int i = 0; i < atoi(arguments[0]); i++) {
		connect = open_test();
		gives(kIOReturnSuccess,
		      IOConnectCallAsyncScalarMethod(connect, TICKS,
						     IONotificationPortGetMachPort(port), reference,
						     kOSAsyncRef64Count, in, 2, NULL, NULL));
		usleep((useconds_t)(i % 10) * 300);
		/* Of the first, one is waited for. */
		while (i == 0 && __atomic_load_n(&n_seen, __ATOMIC_RELAXED) == 0)
			usleep(1000);
		gives(kIOReturnSuccess,
		      i % 2 ? IOServiceClose(connect) : IOConnectRelease(connect));
	}
	IONotificationPortDestroy(port);
	OSObject_release(queue);
}

/* --- memory */

static void *map(io_connect_t connect, uint32_t type, mach_vm_size_t wanted)
{
	mach_vm_address_t address = 0;
	mach_vm_size_t size = 0;

	gives(kIOReturnSuccess,
	      IOConnectMapMemory64(connect, type, mach_task_self(), &address, &size,
				   kIOMapAnywhere));
	check(size >= wanted);
	return word(address);
}

/* Another process has the same bytes; what may not be written cannot be. */
static void maps(char **arguments)
{
	io_connect_t connect = open_test();
	volatile char *shared = map(connect, 0, 8192), *late;
	const char *fixed = map(connect, 1, 4096);
	mach_vm_address_t address = 0;
	int status;
	pid_t pid;

	(void)arguments;
	check(memcmp(fixed, "fixed", 5) == 0);
	pid = fork();
	if (pid == 0) {
		volatile char *same = map(open_test(), 0, 8192);

		while (same[0] != 'x')
			usleep(100);
		same[1] = 'y';
		_exit(0);
	}
	shared[0] = 'x';
	check(waitpid(pid, &status, 0) == pid && status == 0 && shared[1] == 'y');
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)(uintptr_t)fixed = 'x';
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));

	/* A type that the driver is asked for. */
	late = map(connect, 20, 12288);
	late[12287] = 'z';
	gives(kIOReturnBadArgument,
	      IOConnectMapMemory64(connect, 21, mach_task_self(), &address, NULL, kIOMapAnywhere));
	/* Of what is not mapped the driver's refusal is told; where it has it, the map is wrong. */
	gives(kIOReturnNotFound, IOConnectUnmapMemory64(connect, 21, mach_task_self(), 4096));
	gives(kIOReturnBadArgument, IOConnectUnmapMemory64(connect, 20, mach_task_self(), 4096));
	gives(kIOReturnBadArgument, IOConnectUnmapMemory64(connect, 1, mach_task_self(), 4096));
	gives(kIOReturnBadArgument, IOConnectUnmapMemory64(connect, 2, mach_task_self(), 4096));
	gives(kIOReturnSuccess, IOServiceClose(connect));
	gives(kIOReturnBadArgument, IOConnectUnmapMemory64(connect, 21, mach_task_self(), 4096));
}

/* Open, map, unmap, close; nothing is left over. */
static void many(char **arguments)
{
	int n = atoi(arguments[0]), first = dup(0), last;

	for (int i = 0; i < n; i++) {
		io_connect_t connect = open_test();
		void *address = map(connect, 0, 8192);

		if (i % 2 == 0)
			gives(kIOReturnSuccess, IOConnectUnmapMemory64(connect, 0, mach_task_self(),
								       (uintptr_t)address));
		echo(connect, 3);
		gives(kIOReturnSuccess, IOServiceClose(connect));
	}
	last = dup(0);
	check(last == first + 1);
}

/* --- queues */

static void queue_map(char **arguments)
{
	io_connect_t connect = open_test();
	mach_port_t port = IODataQueueAllocateNotificationPort();
	IODataQueueMemory *queue;
	UInt32 n, total = 0;
	char entry[64];

	gives(kIOReturnSuccess, IOConnectSetNotificationPort(connect, 2, port, 0));
	queue = map(connect, 2, 65536);
	check(map(connect, 2, 65536) == queue);
	say_ready();
	while (total < (UInt32)atoi(arguments[0])) {
		gives(kIOReturnSuccess, IODataQueueWaitForAvailableData(queue, port));
		for (n = sizeof(entry); IODataQueueDequeue(queue, entry, &n) == kIOReturnSuccess;
		     n = sizeof(entry))
			total++;
	}
	gives(kIOReturnSuccess,
	      IOConnectUnmapMemory64(connect, 2, mach_task_self(), (uintptr_t)queue));
	gives(kIOReturnSuccess,
	      IOConnectUnmapMemory64(connect, 2, mach_task_self(), (uintptr_t)queue));
	gives(kIOReturnSuccess, IOServiceClose(connect));
	close(port);
}

/* --- notifications */

static void poked(void *refcon, io_connect_t connect, uint32_t type, uintptr_t reference,
		  json_t *message)
{
	unsigned *n = refcon;

	check(connect == shared_connect && type == 7 && reference == 99);
	check(json_integer_value(json_object_get(message, "poked")) == (json_int_t)*n);
	++*n;
}

static void poke(io_connect_t connect, uint64_t number)
{
	const uint64_t in[] = { 7, number };

	gives(kIOReturnSuccess, IOConnectCallScalarMethod(connect, POKE, in, 2, NULL, NULL));
}

static void notifications(char **arguments)
{
	IONotificationPortRef port = IONotificationPortCreate(kIOMainPortDefault);
	mach_port_t wake = IONotificationPortGetMachPort(port);
	mach_port_t lent = IODataQueueAllocateNotificationPort();
	struct pollfd readable = { .fd = lent, .events = POLLIN };
	json_t *message;
	unsigned n = 0;

	(void)arguments;
	shared_connect = open_test();
	gives(kIOReturnError, IOConnectSetNotificationPort(shared_connect, 8, wake, 0));
	IOConnectSetNotificationCallback(shared_connect, 7, poked, &n);
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(shared_connect, 7, wake, 99));
	for (unsigned i = 0; i < 100; i++)
		poke(shared_connect, i);
	wait_for(wake, &n, 100);

	/* The last port that was set is the one. */
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(shared_connect, 7, lent, 99));
	poke(shared_connect, 100);
	check(poll(&readable, 1, 20000) == 1);
	gives(kIOReturnSuccess, IOConnectCopyNotification(shared_connect, 7, &message));
	check(json_integer_value(json_object_get(message, "poked")) == 100);
	json_decref(message);
	gives(kIOReturnUnderrun, IOConnectCopyNotification(shared_connect, 7, &message));
	IONotificationPortDispatch(wake);
	check(n == 100);
	gives(kIOReturnSuccess, IOConnectSetNotificationPort(shared_connect, 7, MACH_PORT_NULL, 0));
	gives(kIOReturnSuccess, IOServiceClose(shared_connect));
	IONotificationPortDestroy(port);
	close(lent);
}

/* How long a call of two scalars takes: time N */
static void time_calls(char **arguments)
{
	io_connect_t connect = open_test();
	const uint64_t in[] = { 10, 32768 };
	int n = atoi(arguments[0]);
	struct timespec begin, end;
	uint64_t out;
	uint32_t one;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < n; i++) {
		one = 1;
		gives(kIOReturnSuccess,
		      IOConnectCallScalarMethod(connect, SCALARS, in, 2, &out, &one));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.1f us a call\n", ((double)(end.tv_sec - begin.tv_sec) * 1e9 +
				    (double)(end.tv_nsec - begin.tv_nsec)) / n / 1e3);
}

static const struct {
	const char *name;
	void (*run)(char **arguments);
	int n_arguments;
} all[] = {
	{ "codes", codes, 0 },
	{ "refused", refused, 2 },
	{ "gone", gone, 0 },
	{ "no_service", no_service, 0 },
	{ "close_twice", close_twice, 0 },
	{ "release", release, 0 },
	{ "service", service, 0 },
	{ "properties", properties, 0 },
	{ "sizes", sizes, 0 },
	{ "less_output", less_output, 0 },
	{ "parallel", parallel, 0 },
	{ "signals", signals, 0 },
	{ "forks", forks, 0 },
	{ "hang", hang, 1 },
	{ "close_during_call", close_during_call, 0 },
	{ "stay", stay, 0 },
	{ "completions", completions, 0 },
	{ "early_completion", early_completion, 0 },
	{ "ports", ports, 0 },
	{ "close_during_completions", close_during_completions, 1 },
	{ "maps", maps, 0 },
	{ "many", many, 1 },
	{ "queue_map", queue_map, 1 },
	{ "notifications", notifications, 0 },
	{ "time", time_calls, 1 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, argv[1]) == 0 && argc - 2 >= all[i].n_arguments) {
			all[i].run(argv + 2);
			return EXIT_SUCCESS;
		}
	fprintf(stderr, "usage: connection WHAT [ARGUMENT...]\n");
	return EXIT_FAILURE;
}
