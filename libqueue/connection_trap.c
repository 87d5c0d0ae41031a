/* SPDX-License-Identifier: MIT */
/*
 * connection_trap - traps: a stream's user client has two, which notify its driver
 *
 * A connection that has the stream open has a link `port/1` to its input/notify; beside that
 * is notify_sync.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <IOKit/stream/IOStreamShared.h>

#include "cleanup.h"
#include "connection.h"
#include "mount.h"

static IOReturn no_trap(io_connect_t connect)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	return connection ? kIOReturnUnsupported : kIOReturnBadArgument;
}

static bool is_stream(struct connection *connection)
{
	_cleanup_(freep) char *class = NULL;

	return file_read_line(connection->directory, "class", &class) == 0 &&
	       strcmp(class, "IOStreamUserClient") == 0;
}

/* Where the link leads, or what fsd says instead. Return: a descriptor or a negative errno. */
static int open_notify(struct connection *connection, bool sync)
{
	char target[PATH_MAX - 32], file[PATH_MAX];
	ssize_t n = readlinkat(connection->directory, "port/1", target, sizeof(target));

	if (n < 0 || n == sizeof(target))
		return file_open(connection->directory, "port/1", O_RDONLY);
	snprintf(file, sizeof(file), "port/%.*s%s", (int)n, target, sync ? "_sync" : "");
	return file_open(connection->directory, file, O_WRONLY);
}

static IOReturn notify_stream(struct connection *connection, uint32_t trap, uint32_t token)
{
	_cleanup_(closep) int fd = -1;
	char text[16];
	int n = snprintf(text, sizeof(text), "%" PRIu32 "\n", token);

	if (trap != kIOStreamTrapEnqueueInput && trap != kIOStreamTrapEnqueueInputSync)
		return kIOReturnUnsupported;
	fd = open_notify(connection, trap == kIOStreamTrapEnqueueInputSync);
	if (fd < 0)
		return connection_result(connection, fd);
	return write(fd, text, (size_t)n) == n ? kIOReturnSuccess :
	       connection_result(connection, -errno);
}

#define UNUSED	__attribute__((unused))

kern_return_t IOConnectTrap0(io_connect_t connect, UNUSED uint32_t index)
{
	return no_trap(connect);
}

kern_return_t IOConnectTrap1(io_connect_t connect, uint32_t index, uintptr_t p1)
{
	_cleanup_(handle_putp) struct connection *connection = connection_get(connect);

	if (!connection)
		return kIOReturnBadArgument;
	if (connection_is_dead(connection))
		return connection_dead_result(connection);
	return is_stream(connection) ? notify_stream(connection, index, (uint32_t)p1) :
				       kIOReturnUnsupported;
}

kern_return_t IOConnectTrap2(io_connect_t connect, UNUSED uint32_t index, UNUSED uintptr_t p1,
			     UNUSED uintptr_t p2)
{
	return no_trap(connect);
}

kern_return_t IOConnectTrap3(io_connect_t connect, UNUSED uint32_t index, UNUSED uintptr_t p1,
			     UNUSED uintptr_t p2, UNUSED uintptr_t p3)
{
	return no_trap(connect);
}

kern_return_t IOConnectTrap4(io_connect_t connect, UNUSED uint32_t index, UNUSED uintptr_t p1,
			     UNUSED uintptr_t p2, UNUSED uintptr_t p3, UNUSED uintptr_t p4)
{
	return no_trap(connect);
}

kern_return_t IOConnectTrap5(io_connect_t connect, UNUSED uint32_t index, UNUSED uintptr_t p1,
			     UNUSED uintptr_t p2, UNUSED uintptr_t p3, UNUSED uintptr_t p4,
			     UNUSED uintptr_t p5)
{
	return no_trap(connect);
}

kern_return_t IOConnectTrap6(io_connect_t connect, UNUSED uint32_t index, UNUSED uintptr_t p1,
			     UNUSED uintptr_t p2, UNUSED uintptr_t p3, UNUSED uintptr_t p4,
			     UNUSED uintptr_t p5, UNUSED uintptr_t p6)
{
	return no_trap(connect);
}
