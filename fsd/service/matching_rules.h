/* SPDX-License-Identifier: MIT */
/*
 * matching_rules - what matching.c and its table of keys share
 *
 * A dictionary is read once, into rules: a row of the table and the value in a form
 * that is quick to test.
 */
#pragma once

#include "service/matching.h"
#include "util/table.h"

#define N_MATCHING_KEYS 14

struct rule {
	const struct matching_key *key;
	json_t *value;			/* owned, as the row's read() made it, or NULL */
	struct matching *nested;	/* owned, or NULL */
	uint64_t resolved_in;		/* the run that `target` is of */
	const struct entry *target;
};

struct matching {
	struct rule rules[N_MATCHING_KEYS];
	size_t n_rules;
	struct matching *above;		/* owned: IOParentMatch, or NULL */
};

/* Asking the same rules of one entry or many, while nothing changes. */
struct run {
	uint64_t number;
	struct table answers;
	struct answer *last;		/* owned, and by `before` the others */
};

/* Entries that an index offers. */
struct offer {
	struct entry **entries;
	size_t n, n_taken;
};

/* A row: a key of matching dictionaries. */
struct matching_key {
	const char *name;
	/* Return: 1 and a rule, 0 when such a value is ignored, -ENOMEM. */
	int (*read)(const json_t *value, struct rule *rule);
	bool (*passes)(struct run *run, const struct entry *entry, struct rule *rule);
	/* How many entries the index offers at most, and which. NULL: there is no index. */
	size_t (*count)(const struct rule *rule);
	int (*offer)(const struct rule *rule, struct offer *offer);
};

extern const struct matching_key matching_keys[N_MATCHING_KEYS];

/* A dictionary as a client writes it, not data or a set. */
bool matching_is_dictionary(const json_t *value);

/* @more (NULL: no memory) is the offer's now. Return: 0 or -ENOMEM. */
int offer_take(struct offer *offer, struct entry **more);

/* @entry passes, IOParentMatch included. The answer is kept in the run. */
bool matching_run_passes(struct run *run, const struct entry *entry, struct matching *matching);
