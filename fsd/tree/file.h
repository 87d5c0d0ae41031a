/* SPDX-License-Identifier: MIT */
/*
 * file - what an open file in the mount can do
 *
 * One struct file per open(2). An operation returns a count or 0, or a negative
 * errno; it never sleeps and never answers the kernel: fuse/ does, exactly once.
 *
 * -EAGAIN from read and write means "not now": the request is then parked (or
 * refused, with O_NONBLOCK) and the call repeated after node_changed().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/list.h"

struct node;
struct row;

/* Who asks, from the kernel's request. @pid is a thread's id; 0: not visible here. */
struct caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* A file whose mappings reach shared memory, not the daemon (fuse/passthrough.h). */
struct backing {
	int32_t id;		/* the kernel's; 0: none */
	unsigned n_open;
};

struct file {
	const struct row *row;
	struct node *node;		/* counted */
	int flags;			/* of open(2) */
	void *state;			/* the operations'; freed by release */

	struct list open_files;		/* link: all that are open */
	struct list pollers;		/* link: node->pollers, while poll_handle is set */
	void *poll_handle;		/* owned by fuse/ */
};

/*
 * Bytes of one request. A larger read or write is cut into pieces by the kernel,
 * the first as large as it can be; that is less by what the caller's buffer lacks
 * at the start of its first page. So one that is not above FILE_MAX_WHOLE is no
 * piece of a larger one.
 */
#define FILE_MAX_TRANSFER	(1u << 20)
#define FILE_MAX_WHOLE		(FILE_MAX_TRANSFER - 4096)

/* An operation may be NULL: what happens then is beside it. */
struct file_ops {
	/* Several may block in it at once, of one open file or of many. */
	bool stream;

	/* NULL: opens. */
	int     (*open)(struct file *file, const struct caller *caller);
	/* NULL: -EOPNOTSUPP. */
	ssize_t (*read)(struct file *file, void *buffer, size_t size, off_t at);
	ssize_t (*write)(struct file *file, const void *data, size_t size);
	/* POLLIN, POLLOUT. NULL: both, always. */
	short   (*poll)(struct file *file);
	/*
	 * Somebody waits in read, write or poll: see to it that node_changed()
	 * is called. Return: 0, 1 when the call would succeed now, or an errno
	 * for those who wait. Must be there if read, write or poll say "not now".
	 */
	int     (*wait)(struct file *file);
	void    (*release)(struct file *file);

	/* Memory files only: the record to keep, and the file behind, to close. */
	struct backing *(*backing)(struct file *file);
	int     (*backing_open)(struct file *file);
};
