/* SPDX-License-Identifier: MIT */
/*
 * iterator - what IOIteratorNext() and its sisters are called on
 */
#pragma once

#include <pthread.h>

#include "handle.h"

struct iterator;

/* Called with the iterator's lock held. */
struct iterator_kind {
	const char *lineage;
	size_t size;				/* of the kind's own struct */
	/* The next one, not published; NULL at the end. */
	struct handle *(*next)(struct iterator *iterator);
	void (*reset)(struct iterator *iterator);		/* NULL: cannot */
	bool (*is_valid)(struct iterator *iterator);		/* NULL: always */
	/* Gives up what the kind's own struct owns. */
	void (*free)(struct iterator *iterator);
};

/* The first member of each kind's own struct. */
struct iterator {
	struct handle handle;
	pthread_mutex_t lock;
	const struct iterator_kind *kind;
};

/* It owns @fd, also when this fails; for -EBADF it gets one of nothing. NULL: no memory. */
void *iterator_new(const struct iterator_kind *kind, int fd, const char *mount);

/* A list of names, one after the other, each with its NUL. */
struct names {
	char *text;		/* owned */
	size_t size, room;
	size_t at;		/* of the next one */
};

/* Return: 0 or -ENOMEM. */
int names_add(struct names *names, const char *name);
/* Return: it, good until the next names_add(); NULL at the end. */
const char *names_next(struct names *names);
void names_free(struct names *names);
