/* SPDX-License-Identifier: MIT */
/*
 * node - a directory of the mount: rows that its kind has, and children
 *
 * A kind of directory is a struct node_def: a table of rows (files, FIFOs,
 * links) that all nodes of the kind show. Only directories are nodes; a file
 * is a pair (node, row), and costs nothing until it is open.
 *
 * A node's id is never used again, and an inode number is made of the id and
 * the row. So a number that the kernel remembers of something removed finds
 * nothing, and there are no look-up counts to keep.
 */
#pragma once

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "tree/file.h"

#define NODE_NAME_MAX	255

struct names;
struct session_kind;

struct attributes {
	uid_t uid;
	gid_t gid;
	mode_t mode;		/* permission bits */
};

/* A row: one name in every node of a kind. */
struct row {
	const char *name;
	mode_t mode;				/* type and permission bits */
	const struct file_ops *ops;		/* a regular file's */

	/* An attribute file (tree/attribute.h). */
	int (*show)(struct node *node, FILE *out);
	int (*store)(struct node *node, const char *text, size_t size);

	/* A number that is another one after each change: for those that poll the value. NULL: none. */
	uint64_t (*version)(const struct node *node);

	/* A session or a document (files/session.h). */
	const struct session_kind *session;
	/* A symbolic link: where to, as text of the caller's. */
	char *(*target)(struct node *node);
	/* ftruncate(2) on a regular file. NULL: only what a shell's > does, and to no effect. */
	int (*resize)(struct node *node, uint64_t size);
	/* A regular file that is a link to its memory where tree_memory_is_linked. */
	bool memory;
	/* Not in every node of the kind, now. NULL: in each, always. */
	bool (*is_there)(const struct node *node);
	/* st_size; NULL: 0. */
	uint64_t (*size)(struct node *node);
};

/* Of a kind that has none. */
extern const struct row node_no_rows[];

struct node_def {
	const struct row *rows;		/* ended by a row without a name */
	const char *const *reserved;		/* names nobody may make; NULL-ended, or NULL */
	/* The node is no directory but this file or link; then rows are other forms of it. */
	const struct row *leaf;

	/*
	 * A name that is neither a row's nor a child's: make the node for it, with
	 * node_new_passing() where it can be made again; that is asked for again at each
	 * look-up, and goes when it is not there any more. NULL: there are no more.
	 * Return: 0 or -ENOENT, -ENOMEM.
	 */
	int  (*find)(struct node *node, const char *name, struct node **ret);
	/* A child that find() made: its name stands for something else by now. NULL: never. */
	bool (*is_stale)(const struct node *child);
	/* More names to list than rows and children. Return: 0 or -ENOMEM. */
	int  (*list)(struct node *node, struct names *names);
	/* Make a regular file, as open(2) with O_CREAT. NULL: -EPERM. */
	int  (*create)(struct node *node, const char *name, mode_t mode,
		       const struct caller *caller, struct node **ret);
	/* unlink(2). NULL: -EPERM. */
	int  (*unlink)(struct node *node, const char *name, const struct caller *caller);

	/* NULL: -EPERM. The caller's umask is in @mode already. */
	int  (*make)(struct node *node, const char *name, mode_t mode, const struct caller *caller);
	/* Remove @child, a directory. */
	int  (*remove)(struct node *node, struct node *child, const struct caller *caller);
	/* Attributes of a row, or of the node (@row NULL), are @attributes from now on. */
	int  (*set_attributes)(struct node *node, const struct row *row,
			       const struct attributes *attributes);
	/* As they are to be seen at the moment. NULL: as they are kept. */
	struct attributes (*attributes)(const struct node *node, const struct row *row);
	/* The last reference is gone. */
	void (*free)(struct node *node);
};

struct node {
	uint64_t id;
	unsigned n_refs;
	char *name;			/* owned */
	struct node *parent;		/* borrowed; NULL for the root and what was removed */
	const struct node_def *def;
	void *object;			/* def's */
	struct node *lender;		/* counted: whose object it is; NULL: its own */

	struct attributes own;
	struct attributes files;	/* the rows' default: uid, gid; mode: 0, or S_IFREG | bits */
	struct attributes *rows;	/* owned: one each, or NULL while all are the default */
	struct timespec made;
	bool is_removed;		/* and still held: in that index */
	bool fixed;			/* it stands in its parent as long as that is there */
	uint64_t number;		/* def's: what its name stands for */

	struct list children, siblings;
	unsigned n_children;		/* in the list */
	unsigned n_directories;		/* of them */
	struct list passing;		/* of all that may be forgotten and made again */

	struct waits waits;
};

/* Names of a listing, collected. */
struct names {
	struct name {
		char *name;
		mode_t type;
	} *names;
	size_t n, room;
};

/* Return: 0 or -ENOMEM. */
int names_add(struct names *names, const char *name, mode_t type);
size_t names_size(const struct names *names);	/* bytes that they keep */
void names_free(struct names *names);

/* In this mount `memory` rows are symbolic links. Set once, before it is used. */
extern bool tree_memory_is_linked;

/* Called with what has changed; fuse/ sets it. */
extern void (*tree_on_change)(struct waits *waits);

/*
 * A new node with a new id, below @parent unless that is NULL; the tree holds a
 * reference until node_remove(). @id 0: the next one.
 * Return: 0, -ENOMEM, -EEXIST; -ENAMETOOLONG and -EINVAL as node_name_check().
 */
int node_new(struct node *parent, const char *name, uint64_t id, const struct node_def *def,
	     const struct attributes *own, struct node **ret);

/*
 * One that stands for something else and may be forgotten when there are many: it
 * is not listed, and node_def.find makes it again. One that is there already is given.
 */
int node_new_passing(struct node *parent, const char *name, const struct node_def *def,
		     const struct attributes *own, struct node **ret);

/* Such a one as a part of @parent, with @number. */
int node_new_leaf(struct node *parent, const char *name, const struct node_def *def,
		  const struct attributes *own, uint64_t number, struct node **ret);

/* As node_new(): a part of @parent that is there as long as that. */
int node_new_part(struct node *parent, const char *name, uint64_t id, const struct node_def *def,
		  const struct attributes *own, struct node **ret);

/* Another name, a number that is free there. Nobody has the old one any more. */
void node_rename(struct node *node, unsigned number);

/* Take it out of the tree: nobody finds it any more. It has no children but passing ones. */
void node_remove(struct node *node);
/* And all below it. */
void node_remove_all(struct node *node);

/* @node is a part of @whole: it has the same object, and keeps it. Harmless when done before. */
void node_lend(struct node *node, struct node *whole);

struct node *node_ref(struct node *node);
struct node *node_unref(struct node *node);

/* What a name is: 1 to 255 bytes, no slash, not "." or "..". */
int node_name_check(const char *name);

/* A name that is a row's or reserved: nobody may make it. */
bool node_name_is_taken(const struct node *node, const char *name);

struct node *node_find(const struct node *parent, const char *name);
struct node *node_by_id(uint64_t id);
const struct row *node_row(const struct node *node, const char *name);
unsigned node_n_rows(const struct node *node);

/* What stat(2) says; @row NULL: of the directory. */
void node_stat(struct node *node, const struct row *row, struct stat *ret);
struct attributes node_attributes(const struct node *node, const struct row *row);

/* A directory that may be read may be searched: chmod 0640 gives 0750. */
mode_t node_directory_mode(mode_t mode);

/* Keep them in the node: the common part of set_attributes. Return: 0, -ENOMEM. */
int node_keep_attributes(struct node *node, const struct row *row,
			 const struct attributes *attributes);

/* "IOService/IOResources/queues/q", the caller's, or NULL: no memory, or removed. */
char *node_path(const struct node *node);

/* Something that a parked request or a poll may wait for has happened. */
void node_changed(struct node *node);
void waits_changed(struct waits *waits);
static inline struct waits *file_waits(struct file *file)
{
	return file->row->ops->own_waits ? &file->own : &file->node->waits;
}

/* Inode numbers: 1 is the root directory. */
uint64_t node_inode(const struct node *node, const struct row *row);

/* One that stands for the same file, but which the kernel takes for another's. */
uint64_t node_other_inode(const struct node *node, const struct row *row);

/* Return: the node, or NULL when it is gone; *@ret_row NULL for a directory. */
struct node *node_by_inode(uint64_t inode, const struct row **ret_row);
/* One that was removed, and that somebody has open: to tell what it is, and no more. */
struct node *node_removed_by_inode(uint64_t inode, const struct row **ret_row);

/* Ids handed out from now on are above @id, and above the last in any case. */
void node_ids_above(uint64_t id);
uint64_t node_last_id(void);
