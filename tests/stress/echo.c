/* SPDX-License-Identifier: MIT */
/*
 * echo futex|port THERE BACK - send back in the queue BACK what comes in THERE
 *
 * It waits with IODataQueueWaitForAvailableData(), or with poll(2) on a port.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <IOKit/IODataQueueClient.h>

int main(int argc, char **argv)
{
	IODataQueueMemory *there, *back;
	struct pollfd poll_port = { .events = POLLIN };
	unsigned char entry[4096];
	int polls = argc == 4 && strcmp(argv[1], "port") == 0;

	if (argc != 4)
		return 2;
	there = IODataQueueOpen(argv[2], kIODataQueueConsumer);
	back = IODataQueueOpen(argv[3], kIODataQueueProducer);
	poll_port.fd = IODataQueueAllocateNotificationPort();
	if (!there || !back || poll_port.fd == MACH_PORT_NULL) {
		perror("echo");
		return 1;
	}
	if (polls && IODataQueueSetNotificationPort(there, poll_port.fd) != kIOReturnSuccess)
		return 1;
	for (;;) {
		UInt32 size = sizeof(entry);
		IOReturn r = IODataQueueDequeue(there, entry, &size);

		if (r == kIOReturnSuccess)
			r = IODataQueueEnqueue(back, entry, size);
		else if (r == kIOReturnUnderrun && polls)
			r = poll(&poll_port, 1, -1) == 1 ? kIOReturnSuccess : kIOReturnError;
		else if (r == kIOReturnUnderrun)
			r = IODataQueueWaitForAvailableData(there, poll_port.fd);
		if (r != kIOReturnSuccess) {
			fprintf(stderr, "echo: 0x%x\n", (unsigned)r);
			return 1;
		}
	}
}
