/* SPDX-License-Identifier: MIT */
/*
 * mapping - the two files of a queue in our address space
 *
 * A role's own file is mapped for writing and the other's for reading only, so
 * the peer's words cannot be damaged from here, nor ours from there.
 */
#pragma once

#include "layout.h"

enum role {
	ROLE_OBSERVER,		/* both files read-only */
	ROLE_PRODUCER,		/* writes `data` */
	ROLE_CONSUMER,		/* writes `consumer` */
	ROLE_CREATOR,		/* writes both: fsd, to format and reset; tests */
};

struct mapping {
	struct queue_data *data;
	struct queue_consumer *consumer;
	size_t n_data;			/* bytes mapped; 0: not a mapping of ours */
	size_t n_consumer;
};

#define MAPPING_NULL ((struct mapping){ 0 })

/*
 * Map both files with the rights of @role, as far as the queue goes; for a
 * producer or a consumer with all pages present (MAP_POPULATE). The descriptors
 * stay the caller's and may be closed at once.
 * Return: 0, -EIO when a file is shorter than its format demands (a page and a
 * ring for `data`, a page for `consumer`), or the errno of fstat or mmap;
 * *@ret is then untouched.
 */
int mapping_open(int data_fd, int consumer_fd, enum role role, struct mapping *ret);

/* Unmap. Harmless on MAPPING_NULL and when called again. */
void mapping_close(struct mapping *mapping);
