/* SPDX-License-Identifier: MIT */
/*
 * Chains from a power of two of slots, about one item each. The hash is
 * SipHash-1-3.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "util/table.h"

#define MIN_SLOTS 16

/* The hash */

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
	sip->a += sip->b;
	sip->c += sip->d;
	sip->b = rotate(sip->b, 13) ^ sip->a;
	sip->d = rotate(sip->d, 16) ^ sip->c;
	sip->a = rotate(sip->a, 32);
	sip->c += sip->b;
	sip->a += sip->d;
	sip->b = rotate(sip->b, 17) ^ sip->c;
	sip->d = rotate(sip->d, 21) ^ sip->a;
	sip->c = rotate(sip->c, 32);
}

static void sip_word(struct sip *sip, uint64_t word)
{
	sip->d ^= word;
	sip_round(sip);
	sip->a ^= word;
}

/* Two words of chance. Should there be none, the time is better than nothing. */
static const uint64_t *hash_key(void)
{
	static uint64_t key[2];

	if (key[0] == 0 && getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key)) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		key[0] = (uint64_t)now.tv_nsec | 1;
		key[1] = (uint64_t)now.tv_sec;
	}
	return key;
}

uint64_t table_hash(const void *bytes, size_t size)
{
	const uint64_t *key = hash_key();
	const unsigned char *at = bytes;
	struct sip sip = {
		.a = key[0] ^ 0x736f6d6570736575, .b = key[1] ^ 0x646f72616e646f6d,
		.c = key[0] ^ 0x6c7967656e657261, .d = key[1] ^ 0x7465646279746573,
	};
	uint64_t word = 0;
	size_t n = size;

	for (; n >= sizeof(word); n -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sip_word(&sip, word);
	}
	word = 0;
	if (n > 0)
		memcpy(&word, at, n);
	sip_word(&sip, word | (uint64_t)size << 56);
	sip.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&sip);
	return sip.a ^ sip.b ^ sip.c ^ sip.d;
}

/* The table */

static struct table_item **slot_of(const struct table *table, uint64_t hash)
{
	return &table->slots[hash & (table->n_slots - 1)];
}

static int resize(struct table *table, size_t n_slots)
{
	struct table larger = { .n_slots = n_slots };

	larger.slots = calloc(n_slots, sizeof(struct table_item *));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_slots; i++)
		for (struct table_item *item = table->slots[i], *next; item; item = next) {
			struct table_item **slot = slot_of(&larger, item->hash);

			next = item->next;
			item->next = *slot;
			*slot = item;
		}
	larger.n_items = table->n_items;
	free(table->slots);
	*table = larger;
	return 0;
}

int table_insert(struct table *table, struct table_item *item, uint64_t hash)
{
	struct table_item **slot;

	if (!table->slots && resize(table, MIN_SLOTS) < 0)
		return -ENOMEM;
	/* Without memory for more slots it goes on, only slower. */
	if (table->n_items >= table->n_slots)
		resize(table, 2 * table->n_slots);
	slot = slot_of(table, hash);
	item->hash = hash;
	item->next = *slot;
	*slot = item;
	table->n_items++;
	return 0;
}

void table_remove(struct table *table, struct table_item *item)
{
	struct table_item **at = slot_of(table, item->hash);

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	if (--table->n_items == 0) {
		free(table->slots);
		*table = (struct table){ 0 };
	} else if (table->n_slots > MIN_SLOTS && table->n_items < table->n_slots / 8) {
		resize(table, table->n_slots / 2);
	}
}

static struct table_item *with_hash(struct table_item *item, uint64_t hash)
{
	while (item && item->hash != hash)
		item = item->next;
	return item;
}

struct table_item *table_find(const struct table *table, uint64_t hash)
{
	return table->slots ? with_hash(*slot_of(table, hash), hash) : NULL;
}

struct table_item *table_next(const struct table_item *item)
{
	return with_hash(item->next, item->hash);
}
