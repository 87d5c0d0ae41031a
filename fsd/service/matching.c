/* SPDX-License-Identifier: MIT */
/*
 * A dictionary becomes rules (matching_keys.c); then each entry is tested, those
 * that the cheapest index offers or all.
 *
 * A rule about other entries (above, or at a path) may be asked from many entries with
 * the same answer. Within one run, answers are kept, so that no registry and no
 * dictionary makes it look at an entry twice for the same rules.
 */
#include <errno.h>

#include "service/index.h"
#include "service/matching_rules.h"

#define MAX_ANSWERS (1u << 20)	/* that are kept in a run; beyond, it is only slower */

struct answer {
	struct table_item by_both;
	const struct entry *entry;
	const struct matching *matching;
	bool passes;
	struct answer *before;
	struct answer *way;		/* the one that gets the same answer */
};

/* Reading a dictionary */

struct matching *matching_free(struct matching *matching)
{
	while (matching) {
		struct matching *above = matching->above;

		for (size_t i = 0; i < matching->n_rules; i++) {
			json_decref(matching->rules[i].value);
			matching_free(matching->rules[i].nested);
		}
		free(matching);
		matching = above;
	}
	return NULL;
}

static void matching_freep(struct matching **matching)
{
	matching_free(*matching);
}

static int read_rules(const json_t *dictionary, struct matching *matching)
{
	for (size_t i = 0; i < N_MATCHING_KEYS; i++) {
		const json_t *value = json_object_get(dictionary, matching_keys[i].name);
		struct rule *rule = &matching->rules[matching->n_rules];
		int r;

		rule->key = &matching_keys[i];
		r = value ? matching_keys[i].read(value, rule) : 0;
		if (r < 0)
			return r;
		matching->n_rules += (size_t)r;
	}
	return 0;
}

int matching_new(const json_t *dictionary, struct matching **ret)
{
	const json_t *above = json_object_get(dictionary, "IOParentMatch");
	_cleanup_(matching_freep) struct matching *matching = NULL;
	int r;

	if (!json_is_object(dictionary))
		return -EINVAL;
	matching = calloc(1, sizeof(*matching));
	if (!matching)
		return -ENOMEM;
	r = read_rules(dictionary, matching);
	if (r == 0 && matching_is_dictionary(above))
		r = matching_new(above, &matching->above);
	if (r == 0)
		*ret = steal(matching);
	return r;
}

/* Asking */

static void run_begin(struct run *run)
{
	static uint64_t n_runs;

	*run = (struct run){ .number = ++n_runs };
}

static void run_end(struct run *run)
{
	while (run->last) {
		struct answer *answer = run->last;

		run->last = answer->before;
		table_remove(&run->answers, &answer->by_both);
		free(answer);
	}
}

static uint64_t hash_both(const struct entry *entry, const struct matching *matching)
{
	uintptr_t both[2] = { (uintptr_t)entry, (uintptr_t)matching };

	return table_hash(both, sizeof(both));
}

static struct answer *find_answer(const struct run *run, const struct entry *entry,
				  const struct matching *matching)
{
	struct table_item *item = table_find(&run->answers, hash_both(entry, matching));

	for (; item; item = table_next(item)) {
		struct answer *answer = container_of(item, struct answer, by_both);

		if (answer->entry == entry && answer->matching == matching)
			return answer;
	}
	return NULL;
}

/* Keep one. That there is no memory does not matter: it is asked again. */
static struct answer *new_answer(struct run *run, const struct entry *entry,
				 const struct matching *matching)
{
	struct answer *answer;

	if (run->answers.n_items >= MAX_ANSWERS)
		return NULL;
	answer = calloc(1, sizeof(*answer));
	if (!answer || table_insert(&run->answers, &answer->by_both, hash_both(entry, matching)) < 0) {
		free(answer);
		return NULL;
	}
	answer->entry = entry;
	answer->matching = matching;
	answer->before = run->last;
	run->last = answer;
	return answer;
}

static bool passes_rules(struct run *run, const struct entry *entry, struct matching *matching)
{
	for (size_t i = 0; i < matching->n_rules; i++)
		if (!matching->rules[i].key->passes(run, entry, &matching->rules[i]))
			return false;
	return true;
}

/*
 * One of @entry and those above it passes, above that one there is one for its own
 * IOParentMatch, and so on. Upward once: what was passed by is not tried for the next.
 */
static bool is_in_line(struct run *run, const struct entry *entry, struct matching *matching)
{
	struct answer *way = NULL;
	bool passes = false;

	for (; entry && matching; entry = entry_parent(entry, &service_plane)) {
		struct answer *answer = find_answer(run, entry, matching);

		if (answer) {
			passes = answer->passes;
			break;
		}
		answer = new_answer(run, entry, matching);
		if (answer) {
			answer->way = way;
			way = answer;
		}
		if (passes_rules(run, entry, matching)) {
			matching = matching->above;
			passes = !matching;
		}
	}
	for (; way; way = way->way)
		way->passes = passes;
	return passes;
}

static bool passes_all(struct run *run, const struct entry *entry, struct matching *matching)
{
	return passes_rules(run, entry, matching) &&
		(!matching->above ||
		 is_in_line(run, entry_parent(entry, &service_plane), matching->above));
}

bool matching_run_passes(struct run *run, const struct entry *entry, struct matching *matching)
{
	struct answer *answer = find_answer(run, entry, matching);
	bool passes;

	if (answer)
		return answer->passes;
	passes = passes_all(run, entry, matching);
	answer = new_answer(run, entry, matching);
	if (answer)
		answer->passes = passes;
	return passes;
}

bool matching_accepts(struct matching *matching, const struct entry *entry)
{
	struct run run;
	bool passes;

	run_begin(&run);
	passes = passes_all(&run, entry, matching);
	run_end(&run);
	return passes;
}

bool matching_passes(const struct entry *entry, const json_t *dictionary)
{
	_cleanup_(matching_freep) struct matching *matching = NULL;

	return matching_new(dictionary, &matching) == 0 && matching_accepts(matching, entry);
}

/* Finding */

/* The rule whose index offers the fewest; NULL: all entries are to be looked at. */
static const struct rule *cheapest(const struct matching *matching)
{
	const struct rule *best = NULL;
	size_t fewest = SIZE_MAX;

	for (size_t i = 0; i < matching->n_rules; i++) {
		const struct rule *rule = &matching->rules[i];
		size_t n = rule->key->count ? rule->key->count(rule) : SIZE_MAX;

		if (n < fewest) {
			best = rule;
			fewest = n;
		}
	}
	return best;
}

static int offer_all(struct offer *offer)
{
	struct entry *entry, **array;
	size_t n = 0;

	list_for_each(entry, &entries, all)
		n++;
	array = calloc(n + 1, sizeof(struct entry *));
	if (!array)
		return -ENOMEM;
	n = 0;
	list_for_each(entry, &entries, all)
		array[n++] = entry;
	return offer_take(offer, array);
}

/* Those of @offer that pass, each once. */
static void keep_passing(struct offer *offer, struct matching *matching, uint32_t state)
{
	struct entry **to = offer->entries, *last = NULL;
	struct run run;

	run_begin(&run);
	for (size_t i = 0; i < offer->n; i++) {
		struct entry *entry = offer->entries[i];

		if (entry != last && entry->kind == ENTRY_SERVICE &&
		    (entry->state & (state | ENTRY_INACTIVE)) == state &&
		    passes_all(&run, entry, matching))
			*to++ = entry;
		last = entry;
	}
	*to = NULL;
	run_end(&run);
}

static struct entry **find(struct matching *matching, uint32_t state)
{
	const struct rule *rule = cheapest(matching);
	struct offer offer = { .entries = calloc(1, sizeof(struct entry *)) };
	int r = offer.entries ? 0 : -ENOMEM;

	if (r == 0)
		r = rule ? rule->key->offer(rule, &offer) : offer_all(&offer);
	if (r < 0) {
		free(offer.entries);
		return NULL;
	}
	if (offer.n_taken > 1)
		entries_sort(offer.entries, offer.n);
	keep_passing(&offer, matching, state);
	return offer.entries;
}

struct entry **matching_find(const json_t *dictionary, uint32_t state)
{
	_cleanup_(matching_freep) struct matching *matching = NULL;
	int r = matching_new(dictionary, &matching);

	if (r == -EINVAL)
		return calloc(1, sizeof(struct entry *));
	return r < 0 ? NULL : find(matching, state);
}
