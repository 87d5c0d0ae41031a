/* SPDX-License-Identifier: MIT */
/*
 * mapping - the two files of a queue in our address space
 *
 * A fresh page costs a fault of some microseconds at its first touch, so the
 * pages are made present here rather than in the middle of an enqueue.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapping.h"

/*
 * Bytes of the file `data` that its header speaks of. Who may write the file may
 * make it as large as he likes: no more of it is mapped than the queue needs.
 * What the header says is checked when a ring attaches.
 */
static size_t data_size(int fd)
{
	uint64_t queue_size = 0;

	if (pread(fd, &queue_size, sizeof(queue_size), offsetof(struct queue_data, queue_size)) !=
	    (ssize_t)sizeof(queue_size) || queue_size < QUEUE_PAGE || queue_size > INT64_MAX)
		queue_size = QUEUE_PAGE;
	return QUEUE_PAGE + (size_t)queue_size;
}

/*
 * Map at most @n_most bytes of a file that has at least @n_least.
 * Return: the memory, or a negative errno in *@ret_error and NULL.
 */
static void *map_file(int fd, size_t n_least, size_t n_most, int protection, int flags,
		      size_t *ret_n, int *ret_error)
{
	struct stat st;
	void *memory;
	size_t n;

	if (fstat(fd, &st) < 0) {
		*ret_error = -errno;
		return NULL;
	}
	if (st.st_size < 0 || (uint64_t)st.st_size < n_least) {
		*ret_error = -EIO;
		return NULL;
	}

	n = (uint64_t)st.st_size < n_most ? (size_t)st.st_size : n_most;
	memory = mmap(NULL, n, protection, MAP_SHARED | flags, fd, 0);
	if (memory == MAP_FAILED) {
		*ret_error = -errno;
		return NULL;
	}

	*ret_n = n;
	return memory;
}

int mapping_open(int data_fd, int consumer_fd, enum role role, struct mapping *ret)
{
	bool writes_data = role == ROLE_PRODUCER || role == ROLE_CREATOR;
	bool writes_consumer = role == ROLE_CONSUMER || role == ROLE_CREATOR;
	/* Who only looks, or is fsd, touches few of them. */
	bool hurries = role == ROLE_PRODUCER || role == ROLE_CONSUMER;
	int flags = hurries ? MAP_POPULATE : 0;
	struct mapping mapping = MAPPING_NULL;
	int r;

	mapping.data = map_file(data_fd, 2 * (size_t)QUEUE_PAGE, data_size(data_fd),
				writes_data ? PROT_READ | PROT_WRITE : PROT_READ, flags,
				&mapping.n_data, &r);
	if (!mapping.data)
		return r;

	mapping.consumer = map_file(consumer_fd, QUEUE_PAGE, QUEUE_PAGE,
				    writes_consumer ? PROT_READ | PROT_WRITE : PROT_READ, flags,
				    &mapping.n_consumer, &r);
	if (!mapping.consumer) {
		mapping_close(&mapping);
		return r;
	}

	*ret = mapping;
	return 0;
}

void mapping_close(struct mapping *mapping)
{
	if (mapping->n_data)
		munmap(mapping->data, mapping->n_data);
	if (mapping->n_consumer)
		munmap(mapping->consumer, mapping->n_consumer);
	*mapping = MAPPING_NULL;
}
