/* SPDX-License-Identifier: MIT */
/*
 * store - the state directory: backing files, and what a restart needs
 *
 *	STATE/
 *	|-- lock		held by the fsd that uses it
 *	|-- fsd.json		the daemon: where it was mounted, its generation
 *	`-- <id>/		a service or a queue
 *	    |-- record.json	see record.h
 *	    |-- data		a queue's memory (docs/ring.md)
 *	    |-- consumer
 *	    `-- buffer-<name>	a service's buffer
 *
 * Each change is put in place by a rename: a crash leaves the state before or
 * after it. Names with a suffix are a change under way; the next start sweeps
 * them, and finishes what was in place by half.
 */
#pragma once

#include <sys/statvfs.h>

#include "libqueue/layout.h"
#include "store/record.h"

struct store;

/* The first page of `data` or the page of `consumer`, to be written whole. */
union page {
	alignas(QUEUE_PAGE) unsigned char bytes[QUEUE_PAGE];
	struct queue_consumer consumer;
};

/*
 * Open (or make) the state directory @path and lock it. It must be ours: made
 * by fsd or empty, owned by our user, and nobody else may write to it. What is
 * wrong is logged.
 * Return: 0, -EBUSY when another fsd uses it, -EPERM when it is not ours,
 * -EBADMSG when it is damaged, or the errno that stopped us.
 */
int store_open(const char *path, struct store **ret);

/* Let go of it; what is in it stays. */
struct store *store_close(struct store *store);

/* No object is in it. */
bool store_is_empty(struct store *store);

/* Remove the directory's own files, and the directory if store_open() made it. */
void store_destroy(struct store *store);

const char *store_path(const struct store *store);	/* absolute */
bool store_is_on_tmpfs(const struct store *store);
int store_statvfs(const struct store *store, struct statvfs *ret);

/* In link mode other users must be able to pass through it to their queues. */
int store_let_others_in(struct store *store, bool may_enter);

/* The generation of this start, one more than that of the last; saved with @mountpoint. */
uint32_t store_generation(const struct store *store);
int store_save_daemon(struct store *store, const char *mountpoint);

/*
 * Ids of the registry that may have been used, none above this; 0: none yet. One that is
 * used is kept with some to spare: after a restart ids go on behind all of them.
 */
uint64_t store_ids(const struct store *store);
int store_use_id(struct store *store, uint64_t id);

/*
 * Tell the programs that are attached to queues of another mount to come: its
 * generation. Call it before the mount is made, which is what wakes them.
 */
void store_announce(struct store *store);

/* The highest id of an object, 0 where there is none. */
uint64_t store_last_id(struct store *store);

/*
 * Call @adopt for each record, services before queues, lower ids first; with NULL
 * for one that cannot be read: its id is taken all the same.
 */
typedef void store_adopt(void *user, uint64_t id, const struct record *record);
int store_each(struct store *store, store_adopt *adopt, void *user);

/*
 * Keep a new object: its record and, for a queue, memory of @geometry with all
 * its bytes reserved, in files of the attributes @memory. Return: 0, -ENOSPC,
 * -ENOMEM, or what stopped us; then nothing is left of it.
 */
int store_add(struct store *store, uint64_t id, const struct record *record,
	      const struct geometry *geometry, const struct attributes memory[N_SIDES]);
int store_save(struct store *store, uint64_t id, const struct record *record);
void store_remove(struct store *store, uint64_t id);

/* "data", "consumer" */
const char *store_memory_name(enum side side);

/* Open a memory file. Return: a descriptor, -EIO where there is no file of ours, or an errno. */
int store_open_memory(struct store *store, uint64_t id, enum side side, int flags);

/* In place of what is no file of ours: one of @size bytes, all 0. */
int store_remake_memory(struct store *store, uint64_t id, enum side side, uint64_t size,
			const struct attributes *attributes);
char *store_memory_path(struct store *store, uint64_t id, enum side side);

/* Put a new `data` in place of the old, @page and a ring of @geometry, and @record with it. */
int store_replace_data(struct store *store, uint64_t id, const struct record *record,
		       const union page *page, const struct geometry *geometry,
		       const struct attributes *attributes);

/* Who may open them: of a memory file, or (@name NULL) of the object's directory. */
int store_set_attributes(struct store *store, uint64_t id, const char *name,
			 const struct attributes *attributes);

/* Who may pass through the object's folder, by name. Return: 0 or an errno. */
int store_let_into_object(struct store *store, uint64_t id, mode_t mode);

/*
 * Buffers: files of the object @id. A @name is at most 200 bytes once it is escaped.
 * Return: 0, or what stopped us; store_open_buffer() a descriptor.
 */
int store_add_buffer(struct store *store, uint64_t id, const char *name,
		     const struct attributes *attributes);
int store_open_buffer(struct store *store, uint64_t id, const char *name, int flags);
int store_set_buffer_attributes(struct store *store, uint64_t id, const char *name,
				const struct attributes *attributes);
void store_remove_buffer(struct store *store, uint64_t id, const char *name);
char *store_buffer_path(struct store *store, uint64_t id, const char *name);
/* Each that is there, with what fstat(2) says of it. */
int store_each_buffer(struct store *store, uint64_t id,
		      int (*found)(void *user, const char *name, const struct attributes *attributes),
		      void *user);
