/* SPDX-License-Identifier: MIT */
/* A C++ program that calls the library: a forgotten extern "C" would compile. */
#include <cstdio>
#include <cstring>

#include <IOKit/IODataQueueClient.h>

static int check(int n, bool good, const char *name)
{
	std::printf("%s %d - %s\n", good ? "ok" : "not ok", n, name);
	return !good;
}

int main()
{
	int failed = 0;

	std::puts("1..2");
	failed += check(1, !IODataQueueDataAvailable(nullptr) &&
			   IODataQueueEnqueue(nullptr, nullptr, 0) == kIOReturnBadArgument,
			"a C++ program calls the queue's functions");
	failed += check(2, !std::strcmp(IOReturnName(kIOReturnUnderrun), "kIOReturnUnderrun"),
			"a C++ program calls the results' functions");
	return failed;
}
