/* SPDX-License-Identifier: MIT */
/*
 * Two hash tables: of buckets by key, and of links by bucket and entry. A link
 * hangs in its bucket and on its entry.
 *
 * Links are appended to a bucket. As ids grow it is in their order by itself,
 * most of the time; where it is not, what is found is sorted when it is asked for.
 */
#include <errno.h>
#include <string.h>

#include "service/index.h"
#include "util/table.h"

struct bucket {
	struct table_item by_key;
	struct list of_kind;
	struct list links;		/* link.of_bucket */
	size_t n_links;
	bool unsorted;
	enum index kind;
	size_t size;
	char key[];			/* @size bytes and a NUL */
};

struct link {
	struct table_item by_both;
	struct bucket *bucket;
	struct entry *entry;
	struct list of_bucket, of_entry;
};

static struct table buckets, links;
static struct list kinds[N_INDEXES] = {
	LIST_INIT(kinds[0]), LIST_INIT(kinds[1]), LIST_INIT(kinds[2]), LIST_INIT(kinds[3]),
};

static uint64_t hash_key(struct index_key key)
{
	return table_hash(key.bytes, key.size) + key.kind;
}

static struct bucket *find_bucket(struct index_key key)
{
	struct table_item *item = table_find(&buckets, hash_key(key));

	for (; item; item = table_next(item)) {
		struct bucket *bucket = container_of(item, struct bucket, by_key);

		if (bucket->kind == key.kind && bucket->size == key.size &&
		    memcmp(bucket->key, key.bytes, key.size) == 0)
			return bucket;
	}
	return NULL;
}

static struct bucket *new_bucket(struct index_key key)
{
	struct bucket *bucket = calloc(1, sizeof(*bucket) + key.size + 1);

	if (!bucket)
		return NULL;
	if (table_insert(&buckets, &bucket->by_key, hash_key(key)) < 0) {
		free(bucket);
		return NULL;
	}
	bucket->kind = key.kind;
	bucket->size = key.size;
	memcpy(bucket->key, key.bytes, key.size);
	list_init(&bucket->links);
	list_append(&kinds[key.kind], &bucket->of_kind);
	return bucket;
}

static void free_if_empty(struct bucket *bucket)
{
	if (bucket->n_links > 0)
		return;
	table_remove(&buckets, &bucket->by_key);
	list_remove(&bucket->of_kind);
	free(bucket);
}

static uint64_t hash_both(const struct bucket *bucket, const struct entry *entry)
{
	uintptr_t both[2] = { (uintptr_t)bucket, (uintptr_t)entry };

	return table_hash(both, sizeof(both));
}

static struct link *find_link(const struct bucket *bucket, const struct entry *entry)
{
	struct table_item *item = table_find(&links, hash_both(bucket, entry));

	for (; item; item = table_next(item)) {
		struct link *link = container_of(item, struct link, by_both);

		if (link->bucket == bucket && link->entry == entry)
			return link;
	}
	return NULL;
}

static struct entry *last_of(const struct bucket *bucket)
{
	return container_of(bucket->links.previous, struct link, of_bucket)->entry;
}

static int new_link(struct bucket *bucket, struct entry *entry)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	if (table_insert(&links, &link->by_both, hash_both(bucket, entry)) < 0) {
		free(link);
		return -ENOMEM;
	}
	link->bucket = bucket;
	link->entry = entry;
	if (bucket->n_links > 0 && last_of(bucket)->id > entry->id)
		bucket->unsorted = true;
	list_append(&bucket->links, &link->of_bucket);
	list_append(&entry->keys, &link->of_entry);
	bucket->n_links++;
	return 0;
}

static void free_link(struct link *link)
{
	table_remove(&links, &link->by_both);
	list_remove(&link->of_bucket);
	list_remove(&link->of_entry);
	link->bucket->n_links--;
	free_if_empty(link->bucket);
	free(link);
}

int index_add(struct entry *entry, struct index_key key)
{
	struct bucket *bucket = find_bucket(key);
	int r;

	if (bucket && find_link(bucket, entry))
		return 0;
	if (!bucket)
		bucket = new_bucket(key);
	if (!bucket)
		return -ENOMEM;
	r = new_link(bucket, entry);
	if (r < 0)
		free_if_empty(bucket);
	return r;
}

void index_remove(struct entry *entry, struct index_key key)
{
	struct bucket *bucket = find_bucket(key);
	struct link *link = bucket ? find_link(bucket, entry) : NULL;

	if (link)
		free_link(link);
}

void index_remove_all(struct entry *entry)
{
	struct link *link;

	list_for_each(link, &entry->keys, of_entry)
		free_link(link);
}

size_t index_count(struct index_key key)
{
	const struct bucket *bucket = find_bucket(key);

	return bucket ? bucket->n_links : 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct entry *one = *(struct entry *const *)a, *other = *(struct entry *const *)b;

	return (one->id > other->id) - (one->id < other->id);
}

void entries_sort(struct entry **array, size_t n)
{
	qsort(array, n, sizeof(*array), compare_ids);
}

struct entry **index_find(struct index_key key)
{
	struct bucket *bucket = find_bucket(key);
	struct entry **array = calloc(bucket ? bucket->n_links + 1 : 1, sizeof(struct entry *));
	const struct link *link;
	size_t n = 0;

	if (!array || !bucket)
		return array;
	list_for_each(link, &bucket->links, of_bucket)
		array[n++] = link->entry;
	if (bucket->unsorted)
		entries_sort(array, n);
	return array;
}

void index_each(enum index kind, void (*found)(void *user, const char *key), void *user)
{
	const struct bucket *bucket;

	list_for_each(bucket, &kinds[kind], of_kind)
		found(user, bucket->key);
}
