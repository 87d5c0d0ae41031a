/* SPDX-License-Identifier: MIT */
/*
 * driver_copy - copies of a client's memory
 *
 * Linux shares no memory of a process that did not offer it; so the driver gets a memory file
 * with a copy, and what it wrote there is copied back. The kernel lets it who could debug the
 * client. That it is still the same process is looked at before and after: what was read from
 * another one is not given to anybody.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"
#include "driver_client.h"
#include "driver_task.h"
#include "memory_descriptor.h"

#define SEGMENTS_MAX	32u
#define COPY_MAX	(1ull << 30)	/* bytes of all segments */

/* The file mapped, for as long as it is copied. */
struct view {
	char *bytes;
	size_t size;
};

static void view_close(struct view *view)
{
	if (view->bytes)
		munmap(view->bytes, view->size);
}

static int view_open(int fd, size_t size, struct view *ret)
{
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (bytes == MAP_FAILED)
		return -errno;
	*ret = (struct view){ .bytes = bytes, .size = size };
	return 0;
}

/* Return: how many bytes the segments have; 0: none, or too many. */
static uint64_t size_of(const IOAddressSegment *segments, uint32_t n)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (segments[i].length > COPY_MAX - size)
			return 0;
		size += segments[i].length;
	}
	return size;
}

typedef ssize_t (*transfer_function)(pid_t pid, const struct iovec *local, unsigned long n_local,
				     const struct iovec *remote, unsigned long n_remote,
				     unsigned long flags);

/* Between @view and the segments, all of it. Return: 0 or a negative errno. */
static int copy(pid_t pid, transfer_function transfer, struct view *view,
		const IOAddressSegment *segments, uint32_t n)
{
	struct iovec remote[SEGMENTS_MAX];
	struct iovec local = { .iov_base = view->bytes, .iov_len = view->size };
	ssize_t done;

	for (uint32_t i = 0; i < n; i++)
		remote[i] = (struct iovec){ .iov_base = (void *)(uintptr_t)segments[i].address,
					    .iov_len = segments[i].length };
	done = transfer(pid, &local, 1, remote, n, 0);
	if (done < 0)
		return -errno;
	return (size_t)done == view->size ? 0 : -EFAULT;
}

static IOReturn copy_result(int r)
{
	switch (r) {
	case 0:
		return kIOReturnSuccess;
	case -ESRCH:
		return kIOReturnNotReady;
	case -EPERM:
		return kIOReturnNotPermitted;
	case -ENOMEM:
		return kIOReturnNoMemory;
	default:
		return kIOReturnVMError;
	}
}

static IOReturn read_client(task_t task, struct view *view, const IOAddressSegment *segments,
			    uint32_t n)
{
	int r;

	if (!task_is_alive(task))
		return kIOReturnNotReady;
	r = copy(task->pid, process_vm_readv, view, segments, n);
	return task_is_alive(task) ? copy_result(r) : kIOReturnNotReady;
}

static void free_copied(struct copied *copied)
{
	OSObject_release(copied->memory);
	free(copied->segments);
	free(copied);
}

void client_free_copied(IOUserClient *client)
{
	while (client->copied) {
		struct copied *copied = client->copied;

		client->copied = copied->next;
		free_copied(copied);
	}
}

/* Only who writes has to be remembered. */
static IOReturn remember(IOUserClient *client, IOMemoryDescriptor *memory,
			 const IOAddressSegment *segments, uint32_t n)
{
	struct copied *copied = calloc(1, sizeof(*copied));

	if (!copied)
		return kIOReturnNoMemory;
	copied->segments = calloc(n, sizeof(*segments));
	if (!copied->segments) {
		free(copied);
		return kIOReturnNoMemory;
	}
	memcpy(copied->segments, segments, n * sizeof(*segments));
	copied->n_segments = n;
	OSObject_retain(memory);
	copied->memory = memory;
	copied->next = client->copied;
	client->copied = copied;
	return kIOReturnSuccess;
}

/* With kIOMemoryDirectionIn alone the bytes are read as well: what the driver leaves is to stay. */
static IOReturn make_copy(IOUserClient *client, uint64_t options, const IOAddressSegment *segments,
			  uint32_t n, IOMemoryDescriptor **ret)
{
	_cleanup_(view_close) struct view view = { 0 };
	_cleanup_(closep) int fd = memfd_create("client", MFD_CLOEXEC);
	uint64_t size = size_of(segments, n);
	IOMemoryDescriptor *memory;
	IOReturn result;

	if (size == 0 || fd < 0 || ftruncate(fd, (off_t)size) < 0 || view_open(fd, size, &view) < 0)
		return kIOReturnNoMemory;
	result = read_client(client->task, &view, segments, n);
	if (result != kIOReturnSuccess)
		return result;
	memory = memory_descriptor_new(fd, size);
	if (!memory)
		return kIOReturnNoMemory;
	if (options & kIOMemoryDirectionIn)
		result = remember(client, memory, segments, n);
	if (result == kIOReturnSuccess)
		*ret = memory;
	else
		OSObject_release(memory);
	return result;
}

kern_return_t IOUserClient_CreateMemoryDescriptorFromClient(IOUserClient *client, uint64_t options,
							    uint32_t segmentsCount,
							    const IOAddressSegment segments[],
							    IOMemoryDescriptor **memory)
{
	if (!client || !segments || !memory || segmentsCount == 0 || segmentsCount > SEGMENTS_MAX ||
	    !(options & kIOMemoryDirectionInOut))
		return kIOReturnBadArgument;
	if (!client->task)
		return kIOReturnNotReady;
	return make_copy(client, options, segments, segmentsCount, memory);
}

static IOReturn write_back(IOUserClient *client, struct copied *copied)
{
	_cleanup_(view_close) struct view view = { 0 };
	int r = view_open(IOMemoryDescriptor_getDescriptor(copied->memory),
			  IOMemoryDescriptor_getLength(copied->memory), &view);

	if (r < 0)
		return copy_result(r);
	if (!client->task || !task_is_alive(client->task))
		return kIOReturnNotReady;
	return copy_result(copy(client->task->pid, process_vm_writev, &view, copied->segments,
				copied->n_segments));
}

kern_return_t IOUserClient_writeMemoryToClient(IOUserClient *client, IOMemoryDescriptor *memory)
{
	struct copied *copied = client ? client->copied : NULL;

	while (copied && copied->memory != memory)
		copied = copied->next;
	return copied ? write_back(client, copied) : kIOReturnBadArgument;
}

/* A call is over: what it had no longer has references is not written any more. */
void client_write_back(IOUserClient *client)
{
	struct copied **link = &client->copied;

	while (*link) {
		struct copied *copied = *link;

		if (!copied->is_written)
			write_back(client, copied);
		copied->is_written = true;
		if (OSObject_getRetainCount(copied->memory) > 1) {
			link = &copied->next;
			continue;
		}
		*link = copied->next;
		free_copied(copied);
	}
}
