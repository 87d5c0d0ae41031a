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
#define NODE_MAX_ROWS	63

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

	/* A symbolic link: where to, as text of the caller's. */
	char *(*target)(struct node *node);
	/* A regular file that is a link to its memory where tree_memory_is_linked. */
	bool memory;
	/* st_size; NULL: 0. */
	uint64_t (*size)(struct node *node);
};

struct node_def {
	const struct row *rows;		/* ended by a row without a name */
	const char *const *reserved;		/* names nobody may make; NULL-ended, or NULL */

	/* NULL: -EPERM. The caller's umask is in @mode already. */
	int  (*make)(struct node *node, const char *name, mode_t mode, const struct caller *caller);
	/* Remove @child. */
	int  (*remove)(struct node *node, struct node *child);
	/* Attributes of a row, or of the node (@row NULL), are @attributes from now on. */
	int  (*set_attributes)(struct node *node, const struct row *row,
			       const struct attributes *attributes);
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

	struct attributes own;
	struct attributes files;	/* the rows' default: uid, gid; mode: 0, or S_IFREG | bits */
	struct attributes *rows;	/* owned: one each, or NULL while all are the default */
	struct timespec made;
	bool fixed;			/* it stands in its parent as long as that is there */

	struct list children, siblings;
	unsigned n_children;

	struct list parked;		/* fuse/parked.c's: requests that wait */
	struct list pollers;		/* open files that somebody polls */
};

/* In this mount `memory` rows are symbolic links. Set once, before it is used. */
extern bool tree_memory_is_linked;

/* Called with each changed node; fuse/ sets it. */
extern void (*tree_on_change)(struct node *node);

/*
 * A new node with a new id, below @parent unless that is NULL; the tree holds a
 * reference until node_remove(). @id 0: the next one.
 * Return: 0, -ENOMEM, -EEXIST; -ENAMETOOLONG and -EINVAL as node_name_check().
 */
int node_new(struct node *parent, const char *name, uint64_t id, const struct node_def *def,
	     const struct attributes *own, struct node **ret);

/* Take it out of the tree: nobody finds it any more. It has no children. */
void node_remove(struct node *node);

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

/* Inode numbers: 1 is the root directory. */
uint64_t node_inode(const struct node *node, const struct row *row);

/* One that stands for the same file, but which the kernel takes for another's. */
uint64_t node_other_inode(const struct node *node, const struct row *row);

/* Return: the node, or NULL when it is gone; *@ret_row NULL for a directory. */
struct node *node_by_inode(uint64_t inode, const struct row **ret_row);

/* Ids handed out from now on are above @id, and above the last in any case. */
void node_ids_above(uint64_t id);
uint64_t node_last_id(void);
