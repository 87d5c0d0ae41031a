/* SPDX-License-Identifier: MIT */
/*
 * A dictionary is read once, into rules: a row of the table below and the value in
 * a form that is quick to test. Then each entry is tested, those that the cheapest
 * index offers or all.
 *
 * A rule about other entries (above, or at a path) may be asked from many entries with
 * the same answer. Within one run, answers are kept, so that no registry and no
 * dictionary makes it look at an entry twice for the same rules.
 */
#include <errno.h>
#include <string.h>

#include "service/index.h"
#include "service/matching.h"
#include "service/property.h"
#include "util/failure.h"

#define N_KEYS		14
#define MAX_ANSWERS	(1u << 20)	/* that are kept in a run; without, it is only slower */

struct rule {
	const struct key *key;
	json_t *value;			/* owned, as the row's read() made it, or NULL */
	struct matching *nested;	/* owned, or NULL */
	uint64_t resolved_in;		/* the run that `target` is of */
	const struct entry *target;
};

struct matching {
	struct rule rules[N_KEYS];
	size_t n_rules;
	struct matching *above;		/* owned: IOParentMatch, or NULL */
};

/* Asking the same rules of one entry or many, while nothing changes. */
struct run {
	uint64_t number;
	struct table answers;
	struct answer *last;		/* owned, and by `before` the others */
};

struct answer {
	struct table_item by_both;
	const struct entry *entry;
	const struct matching *matching;
	bool passes;
	struct answer *before;
	struct answer *way;		/* the one that gets the same answer */
};

/* Entries that an index offers. */
struct offer {
	struct entry **entries;
	size_t n, n_taken;
};

/* A row: a key of matching dictionaries. */
struct key {
	const char *name;
	/* Return: 1 and a rule, 0 when such a value is ignored, -ENOMEM. */
	int (*read)(const json_t *value, struct rule *rule);
	bool (*passes)(struct run *run, const struct entry *entry, struct rule *rule);
	/* How many entries the index offers at most, and which. NULL: there is no index. */
	size_t (*count)(const struct rule *rule);
	int (*offer)(const struct rule *rule, struct offer *offer);
};

static bool passes_whole(struct run *run, const struct entry *entry, struct matching *matching);

/* Reading values */

static int rule_value(struct rule *rule, json_t *value)
{
	rule->value = value;
	return value ? 1 : -ENOMEM;
}

/* Canonical, or null, which equals nothing. Return: the caller's reference, or NULL: no memory. */
static json_t *canonical_or_null(const json_t *value)
{
	struct failure forgotten;
	json_t *result = NULL;
	int r = property_canonical(value, &result);

	if (r != -EINVAL)
		return result;
	failure_take(&forgotten);
	return json_null();
}

static int read_value(const json_t *value, struct rule *rule)
{
	return rule_value(rule, canonical_or_null(value));
}

static int read_string(const json_t *value, struct rule *rule)
{
	return json_is_string(value) ? rule_value(rule, json_string(json_string_value(value))) : 0;
}

/* In each form that a number may have in a property, or as text. */
static int read_number(const json_t *value, struct rule *rule)
{
	json_auto_t *wrapped = NULL, *number = NULL;

	if (json_is_string(value)) {
		wrapped = json_pack("{ss}", "$num", json_string_value(value));
		if (!wrapped)
			return -ENOMEM;
	}
	number = canonical_or_null(wrapped ? wrapped : value);
	if (!number)
		return -ENOMEM;
	return json_is_integer(number) ? rule_value(rule, steal(number)) : 0;
}

/* What an array, or a set as it is written, has in it; borrowed, or NULL. */
static json_t *members(const json_t *value)
{
	json_t *set = json_object_get(value, "$set");

	if (json_is_array(value))
		return json_incref((json_t *)(uintptr_t)value);
	return json_is_array(set) && json_object_size(value) == 1 ? json_incref(set) : NULL;
}

/* What is written "$$x" is "$x"; "$x" is part of another form. */
static const char *plain_key(const char *key)
{
	if (*key != '$')
		return key;
	return key[1] == '$' ? key + 1 : NULL;
}

static int add_name(json_t *names, const char *name)
{
	return name && json_object_set_new(names, name, json_true()) < 0 ? -ENOMEM : 0;
}

static int add_names(json_t *names, const json_t *value)
{
	json_auto_t *array = members(value);
	json_t *object = (json_t *)(uintptr_t)value, *item;
	const char *key;
	size_t i;
	int r = 0;

	if (json_is_string(value))
		return add_name(names, json_string_value(value));
	json_array_foreach(array, i, item)
		r = r < 0 ? r : add_name(names, json_string_value(item));
	if (!array)
		json_object_foreach(object, key, item)
			r = r < 0 ? r : add_name(names, plain_key(key));
	return r;
}

/* A string, some in an array or a set, or a dictionary's keys: as the keys of an object. */
static int read_names(const json_t *value, struct rule *rule)
{
	json_auto_t *names = json_object();

	if (!names || add_names(names, value) < 0)
		return -ENOMEM;
	return rule_value(rule, steal(names));
}

static int add_dictionary(json_t *array, const json_t *value)
{
	json_auto_t *dictionary = canonical_or_null(value);

	if (!dictionary)
		return -ENOMEM;
	if (!property_is_dictionary(dictionary))
		return 0;
	return json_array_append(array, dictionary) < 0 ? -ENOMEM : 0;
}

/* A dictionary, or some in an array or a set: as an array. */
static int read_dictionaries(const json_t *value, struct rule *rule)
{
	json_auto_t *from = members(value), *array = json_array();
	json_t *item;
	size_t i;
	int r = 0;

	if (!array)
		return -ENOMEM;
	json_array_foreach(from, i, item)
		r = r < 0 ? r : add_dictionary(array, item);
	if (!from)
		r = add_dictionary(array, value);
	return r < 0 ? r : rule_value(rule, steal(array));
}

/* As it is written. What is in it is not looked at. */
static bool is_dictionary(const json_t *value)
{
	json_t *object = (json_t *)(uintptr_t)value, *item;
	const char *key;

	json_object_foreach(object, key, item)
		if (!plain_key(key))
			return false;
	return json_is_object(value);
}

static int read_location(const json_t *value, struct rule *rule)
{
	int r;

	if (!is_dictionary(value))
		return read_string(value, rule);
	r = matching_new(value, &rule->nested);
	return r < 0 ? r : 1;
}

/* Tests */

static bool passes_class(struct run *run, const struct entry *entry, struct rule *rule)
{
	(void)run;
	return entry_is_a(entry, json_string_value(rule->value));
}

static bool passes_name(struct run *run, const struct entry *entry, struct rule *rule)
{
	(void)run;
	return json_object_get(rule->value, entry->name);
}

static bool passes_location(struct run *run, const struct entry *entry, struct rule *rule)
{
	const struct entry *provider = entry_parent(entry, &service_plane);

	if (rule->nested)
		return provider && passes_whole(run, provider, rule->nested);
	return *entry->location && strcmp(entry->location, json_string_value(rule->value)) == 0;
}

static bool has_properties(const struct entry *entry, json_t *dictionary)
{
	const char *key;
	json_t *value;

	json_object_foreach(dictionary, key, value)
		if (!property_equals(entry_property(entry, key), value))
			return false;
	return true;
}

static bool passes_properties(struct run *run, const struct entry *entry, struct rule *rule)
{
	json_t *dictionary;
	size_t i;

	(void)run;
	json_array_foreach(rule->value, i, dictionary)
		if (has_properties(entry, dictionary))
			return true;
	return false;
}

/* A property by its name as such: in a table, one that begins with '$' has one more. */
static json_t *property_named(const struct entry *entry, const char *name)
{
	_cleanup_(freep) char *key = NULL;

	if (*name != '$')
		return entry_property(entry, name);
	return asprintf(&key, "$%s", name) < 0 ? NULL : entry_property(entry, key);
}

static bool passes_exists(struct run *run, const struct entry *entry, struct rule *rule)
{
	const char *name;
	json_t *value;

	(void)run;
	json_object_foreach(rule->value, name, value)
		if (property_named(entry, name))
			return true;
	return false;
}

/* The last component is compared first: mostly it says that the path need not be looked up. */
static bool passes_path(struct run *run, const struct entry *entry, struct rule *rule)
{
	const char *path = json_string_value(rule->value), *last = strrchr(path, '/');

	if (!last || (last[1] && !entry_is_component(entry, last + 1, strlen(last + 1))))
		return false;
	if (rule->resolved_in != run->number) {
		rule->target = entry_from_path(path);
		rule->resolved_in = run->number;
	}
	return rule->target == entry;
}

static bool passes_id(struct run *run, const struct entry *entry, struct rule *rule)
{
	(void)run;
	return (uint64_t)json_integer_value(rule->value) == entry->id;
}

static bool passes_count(struct run *run, const struct entry *entry, struct rule *rule)
{
	const struct entry_link *link;
	uint64_t n = 0;

	(void)run;
	list_for_each(link, &entry->children, of_parent)
		n += link->plane == &service_plane && !(link->child->state & ENTRY_INACTIVE) &&
			entry_property(link->child, "IOMatchCategory");
	return (uint64_t)json_integer_value(rule->value) == n;
}

static bool passes_property(struct run *run, const struct entry *entry, struct rule *rule)
{
	(void)run;
	return property_equals(entry_property(entry, rule->key->name), rule->value);
}

static bool passes_resources(struct run *run, const struct entry *entry, struct rule *rule)
{
	const char *name;
	json_t *value;

	(void)run;
	json_object_foreach(rule->value, name, value)
		if (!property_named(entry, name))
			return false;
	return entry_is_a(entry, "IOResources");
}

/* Is a string in @value, an array or set of them, or one itself? */
static bool names_one(const json_t *value, const char *name)
{
	const json_t *set = property_set(value), *item;
	size_t i;

	if (json_is_string(value))
		return strcmp(json_string_value(value), name) == 0;
	json_array_foreach(set ? set : value, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
			return true;
	return false;
}

static bool passes_matched(struct run *run, const struct entry *entry, struct rule *rule)
{
	const json_t *matched = entry_property(entry, "IOResourceMatched");
	const char *name;
	json_t *value;

	(void)run;
	json_object_foreach(rule->value, name, value)
		if (!names_one(matched, name))
			return false;
	return entry_is_a(entry, "IOResources");
}

/* Indexes */

static size_t add_counts(size_t one, size_t other)
{
	return one > SIZE_MAX - other ? SIZE_MAX : one + other;
}

/* @entries, or no memory with NULL, are the offer's now. */
static int offer_take(struct offer *offer, struct entry **more)
{
	struct entry **both;
	size_t n = 0;

	if (!more)
		return -ENOMEM;
	while (more[n])
		n++;
	both = realloc(offer->entries, (offer->n + n + 1) * sizeof(struct entry *));
	if (both) {
		memcpy(both + offer->n, more, (n + 1) * sizeof(struct entry *));
		offer->entries = both;
		offer->n += n;
		offer->n_taken++;
	}
	free(more);
	return both ? 0 : -ENOMEM;
}

static int offer_one(struct offer *offer, struct entry *entry)
{
	struct entry **array = calloc(2, sizeof(struct entry *));

	if (array)
		array[0] = entry;
	return offer_take(offer, array);
}

static size_t count_one(const struct rule *rule)
{
	(void)rule;
	return 1;
}

static int offer_id(const struct rule *rule, struct offer *offer)
{
	return offer_one(offer, entry_by_id((uint64_t)json_integer_value(rule->value)));
}

static int offer_path(const struct rule *rule, struct offer *offer)
{
	return offer_one(offer, entry_from_path(json_string_value(rule->value)));
}

static size_t count_class(const struct rule *rule)
{
	return entries_count_class(json_string_value(rule->value));
}

static int offer_class(const struct rule *rule, struct offer *offer)
{
	return offer_take(offer, entries_with_class(json_string_value(rule->value)));
}

static size_t count_names(const struct rule *rule)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(rule->value, name, value)
		n = add_counts(n, entries_count_name(name));
	return n;
}

static int offer_names(const struct rule *rule, struct offer *offer)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach(rule->value, name, value)
		r = r < 0 ? r : offer_take(offer, entries_with_name(name));
	return r;
}

static size_t count_value(const char *key, const json_t *value)
{
	return property_is_scalar(value) ? entries_count_property(key, value) : entries_count_key(key);
}

static int offer_value(const char *key, const json_t *value, struct offer *offer)
{
	return offer_take(offer, property_is_scalar(value) ?
			  entries_with_property(key, value) : entries_with_key(key));
}

/* The key of @dictionary that the fewest have; NULL when it is empty. */
static const char *rarest(json_t *dictionary, size_t *ret_count)
{
	const char *key, *best = NULL;
	json_t *value;

	*ret_count = SIZE_MAX;
	json_object_foreach(dictionary, key, value) {
		size_t n = count_value(key, value);

		if (!best || n < *ret_count) {
			best = key;
			*ret_count = n;
		}
	}
	return best;
}

static size_t count_properties(const struct rule *rule)
{
	json_t *dictionary;
	size_t i, n = 0, count;

	json_array_foreach(rule->value, i, dictionary) {
		rarest(dictionary, &count);
		n = add_counts(n, count);
	}
	return n;
}

static int offer_properties(const struct rule *rule, struct offer *offer)
{
	json_t *dictionary;
	size_t i, count;
	int r = 0;

	json_array_foreach(rule->value, i, dictionary) {
		const char *key = rarest(dictionary, &count);

		r = r < 0 ? r : offer_value(key, json_object_get(dictionary, key), offer);
	}
	return r;
}

static size_t count_property(const struct rule *rule)
{
	return count_value(rule->key->name, rule->value);
}

static int offer_property(const struct rule *rule, struct offer *offer)
{
	return offer_value(rule->key->name, rule->value, offer);
}

/* Names that begin with '$' are not looked for: they may be many all the same. */
static size_t count_exists(const struct rule *rule)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(rule->value, name, value)
		n = *name == '$' ? SIZE_MAX : add_counts(n, entries_count_key(name));
	return n;
}

static int offer_exists(const struct rule *rule, struct offer *offer)
{
	const char *name;
	json_t *value;
	int r = 0;

	json_object_foreach(rule->value, name, value)
		r = r < 0 ? r : offer_take(offer, entries_with_key(name));
	return r;
}

/* The table */

static const struct key keys[N_KEYS] = {
	{ "IOProviderClass",       read_string,  passes_class,     count_class,    offer_class },
	{ "IONameMatch",           read_names,   passes_name,      count_names,    offer_names },
	{ "IOLocationMatch",       read_location, passes_location },
	{ "IOPathMatch",           read_string,  passes_path,      count_one,      offer_path },
	{ "IORegistryEntryID",     read_number,  passes_id,        count_one,      offer_id },
	{ "IOPropertyExistsMatch", read_names,   passes_exists,    count_exists,   offer_exists },
	{ "BSD Name",              read_value,   passes_property,  count_property, offer_property },
	{ "BSD Major",             read_value,   passes_property,  count_property, offer_property },
	{ "BSD Minor",             read_value,   passes_property,  count_property, offer_property },
	{ "BSD Unit",              read_value,   passes_property,  count_property, offer_property },
	{ "IOPropertyMatch",       read_dictionaries, passes_properties, count_properties,
	  offer_properties },
	{ "IOResourceMatch",       read_names,   passes_resources },
	{ "IOResourceMatched",     read_names,   passes_matched },
	{ "IOMatchedServiceCountMatch", read_number, passes_count },
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
	for (size_t i = 0; i < N_KEYS; i++) {
		const json_t *value = json_object_get(dictionary, keys[i].name);
		struct rule *rule = &matching->rules[matching->n_rules];
		int r;

		rule->key = &keys[i];
		r = value ? keys[i].read(value, rule) : 0;
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
	if (r == 0 && is_dictionary(above))
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

static bool passes_whole(struct run *run, const struct entry *entry, struct matching *matching)
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
