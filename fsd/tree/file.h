/* SPDX-License-Identifier: MIT */
/*
 * file - what an open file in the mount can do
 *
 * One struct file per open(2). An operation returns a count or 0, or a negative
 * errno; it never sleeps and never answers the kernel: fuse/ does, exactly once.
 *
 * FILE_WAIT means "not now", and so does -EAGAIN from the read and write of a file with a
 * wait operation.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "util/list.h"

struct node;
struct row;

/*
 * What an operation says that cannot be done yet, and is no errno. The request is parked and the
 * call repeated after waits_changed(). FILE_WAIT: with O_NONBLOCK it is refused instead.
 */
#define FILE_WAIT		(-512)
#define FILE_WAIT_ALWAYS	(-513)

/* Requests that wait for the same thing, and polls. */
struct waits {
	struct list parked;		/* fuse/parked.c's */
	struct list pollers;		/* open files that somebody polls */
	bool is_retried, changed;	/* fuse/parked.c's: it goes through them; they changed meanwhile */
};

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

	struct waits own;		/* what it waits on, if its ops say so; or the node's */
	struct list open_files;		/* link: all that are open */
	struct list pollers;		/* link: waits.pollers, while poll_handle is set */
	void *poll_handle;		/* owned by fuse/ */
	bool as_link;			/* only to say where it leads */
	bool is_open;			/* its open has begun: it will be released */
	bool is_backed;			/* it has part in row->ops->backing */
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
	/* Several may block in it at once: no position, and no lock on it. */
	bool stream;
	/* Writers may have to wait: each who looks it up gets an inode of his own. */
	bool apart;
	/* What one open file waits for does not concern another. */
	bool own_waits;

	/* NULL: opens. FILE_WAIT_ALWAYS: called again after a change, with file->state as it was left. */
	int     (*open)(struct file *file, const struct caller *caller);
	/* NULL: -EOPNOTSUPP. */
	ssize_t (*read)(struct file *file, void *buffer, size_t size, off_t at);
	ssize_t (*write)(struct file *file, const void *data, size_t size, off_t at,
			 const struct caller *caller);
	/* Who waited in write is gone. NULL: nothing is to be done. Return: bytes that were. */
	size_t  (*interrupted)(struct file *file);
	/* Somebody closed a descriptor of it. NULL: fine. */
	int     (*flush)(struct file *file);
	/* POLLIN, POLLOUT, POLLHUP. NULL: the first two, always. */
	short   (*poll)(struct file *file);
	/*
	 * Somebody waits in read, write or poll: see to it that there is a
	 * change. Return: 0, 1 when the call would succeed now, or an errno
	 * for those who wait. NULL: the change comes by itself.
	 */
	int     (*wait)(struct file *file);
	void    (*release)(struct file *file);

	/* Memory files only: the record to keep, and the file behind, to close. */
	struct backing *(*backing)(struct file *file);
	int     (*backing_open)(struct file *file);
	/* st_size of an open file; NULL: its row's. */
	uint64_t (*size)(struct file *file);
	/* Where the link leads that stands for it where memory is linked: the caller's text, or NULL. */
	char   *(*link)(struct file *file);
};

/* A read at @at of what has the @n bytes at @bytes. Return: how many were copied. */
static inline ssize_t file_copy(void *buffer, size_t size, off_t at, const void *bytes, size_t n)
{
	if ((uint64_t)at >= n)
		return 0;
	if (size > n - (size_t)at)
		size = n - (size_t)at;
	memcpy(buffer, (const char *)bytes + at, size);
	return (ssize_t)size;
}

static inline void waits_init(struct waits *waits)
{
	list_init(&waits->parked);
	list_init(&waits->pollers);
	waits->is_retried = waits->changed = false;
}
