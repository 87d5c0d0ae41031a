/* SPDX-License-Identifier: MIT */
/* lmutracker N - reads two sensors N times; busy means once more */
#include "client.h"

#include <unistd.h>

int main(int argc, char **argv)
{
	io_service_t service = IOServiceGetMatchingService(kIOMasterPortDefault,
							   IOServiceMatching("AppleLMUController"));
	int n = argc > 1 ? atoi(argv[1]) : 1;
	io_connect_t port = 0;
	kern_return_t result;

	if (!service) {
		fprintf(stderr, "failed to find ambient light sensors\n");
		return EXIT_FAILURE;
	}
	result = IOServiceOpen(service, mach_task_self(), 0, &port);
	IOObjectRelease(service);
	must("IOServiceOpen", result);
	while (n > 0) {
		uint64_t values[2];
		uint32_t outputs = 2;

		result = IOConnectCallMethod(port, 0, NULL, 0, NULL, 0, values, &outputs, NULL, 0);
		if (result == kIOReturnSuccess) {
			printf("%8" PRIu64 " %8" PRIu64 "\n", values[0], values[1]);
			n--;
		} else if (result == kIOReturnBusy) {
			usleep(1000);
		} else {
			must("read", result);
		}
	}
	return EXIT_SUCCESS;
}
