/* SPDX-License-Identifier: MIT */
/*
 * index - which entries have a key: a class, a name, a property, a value of one
 *
 * Each key that some entry has is a bucket of links to these entries. Putting
 * an entry in and taking it out costs the same whatever else is there. It does
 * not know what keys mean; entry.c keeps it true.
 */
#pragma once

#include "service/entry.h"

enum index { INDEX_CLASS, INDEX_NAME, INDEX_KEY, INDEX_VALUE, N_INDEXES };

/* Bytes, and of what kind. */
struct index_key {
	enum index kind;
	const void *bytes;
	size_t size;
};

/* Also when it is there already. Return: 0 or -ENOMEM. */
int index_add(struct entry *entry, struct index_key key);
/* Harmless when it is not there. */
void index_remove(struct entry *entry, struct index_key key);
void index_remove_all(struct entry *entry);

size_t index_count(struct index_key key);
/* Those with @key, in the order of ids: NULL-ended, the caller's array; NULL: no memory. */
struct entry **index_find(struct index_key key);

/* Each key of a kind; its bytes end with a NUL. */
void index_each(enum index kind, void (*found)(void *user, const char *key), void *user);

/* Into the order of ids. */
void entries_sort(struct entry **array, size_t n);
