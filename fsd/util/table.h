/* SPDX-License-Identifier: MIT */
/*
 * table - an intrusive hash table: it grows and shrinks with what is in it
 *
 * The hash is keyed with chance, so nobody can choose keys that meet.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Embedded in what it belongs to, which container_of() finds again. */
struct table_item {
	struct table_item *next;
	uint64_t hash;
};

/* All zeros: an empty one. It owns nothing once it is empty. */
struct table {
	struct table_item **slots;
	size_t n_slots, n_items;
};

uint64_t table_hash(const void *bytes, size_t size);

/* Return: 0 or -ENOMEM. Whether its equal is there already is for the caller to look up. */
int table_insert(struct table *table, struct table_item *item, uint64_t hash);
void table_remove(struct table *table, struct table_item *item);

/* The first with @hash and the one after @item with its hash, or NULL: compare the keys. */
struct table_item *table_find(const struct table *table, uint64_t hash);
struct table_item *table_next(const struct table_item *item);
