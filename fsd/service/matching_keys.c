/* SPDX-License-Identifier: MIT */
/*
 * The keys of a matching dictionary, a row each: how its value is read, how an
 * entry is tested, and which entries an index offers. The table is at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/matching_rules.h"
#include "service/property.h"
#include "util/failure.h"

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
bool matching_is_dictionary(const json_t *value)
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

	if (!matching_is_dictionary(value))
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
		return provider && matching_run_passes(run, provider, rule->nested);
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
	_cleanup_(freep) char *key = *name == '$' ? text_print("$%s", name) : strdup(name);

	return key ? entry_property(entry, key) : NULL;
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
	const char *path = json_string_value(rule->value);

	if (!entry_may_end(entry, path))
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

int offer_take(struct offer *offer, struct entry **more)
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

const struct matching_key matching_keys[N_MATCHING_KEYS] = {
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
