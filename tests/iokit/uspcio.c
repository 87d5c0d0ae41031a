/* SPDX-License-Identifier: MIT */
/*
 * uspcio NAME - tries the services of a name until one opens, and takes to pieces what the
 * others say
 */
#include "client.h"

/* Of mach/error.h */
#define err_get_system(error)	((error) >> 26 & 0x3f)
#define err_get_sub(error)	((error) >> 14 & 0xfff)
#define err_get_code(error)	((error) & 0x3fff)

static void print_error(const char *what, kern_return_t error)
{
	printf("%s: system %#x, subsystem %#x, code %#x, %s\n", what, err_get_system(error),
	       err_get_sub(error), err_get_code(error), name_of(error));
}

int main(int argc, char **argv)
{
	io_connect_t connect = IO_OBJECT_NULL;
	io_iterator_t iterator;
	io_service_t service;
	uint64_t version = 0;
	uint32_t n = 1;

	must("IOServiceGetMatchingServices",
	     IOServiceGetMatchingServices(kIOMainPortDefault,
					  IOServiceNameMatching(argc > 1 ? argv[1] : "USPCIO"),
					  &iterator));
	while (connect == IO_OBJECT_NULL && (service = IOIteratorNext(iterator))) {
		kern_return_t result = IOServiceOpen(service, mach_task_self(), 0, &connect);
		io_name_t location;

		must("location", IORegistryEntryGetLocationInPlane(service, NULL, location));
		print_error(location, result);
		IOObjectRelease(service);
	}
	IOObjectRelease(iterator);
	if (connect == IO_OBJECT_NULL) {
		printf("none could be opened\n");
		return EXIT_FAILURE;
	}
	must("version", IOConnectCallScalarMethod(connect, 0, NULL, 0, &version, &n));
	printf("version %#" PRIx64 "\n", version);
	return EXIT_SUCCESS;
}
