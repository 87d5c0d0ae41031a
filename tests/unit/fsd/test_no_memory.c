/* SPDX-License-Identifier: MIT */
/*
 * test_no_memory - each allocation fails once: what could not be done leaves
 * everything as it was
 *
 * The linker gives the functions below in place of the C library's (--wrap).
 */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "service/entry.h"
#include "service/matching.h"
#include "service/property.h"
#include "tree/node.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

static long n_left = -1;	/* allocations up to the one that fails; below 0: none fails */

static bool fails(void)
{
	return n_left >= 0 && n_left-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strndup(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	char *copy = __wrap_malloc(length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

static struct entry root, entry, other;

static void set_up(void)
{
	json_set_alloc_funcs(__wrap_malloc, free);
	ck_assert_int_eq(entry_init(&root, ENTRY_ROOT, 0, "Root", ""), 0);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "Entry", ""), 0);
	ck_assert_int_eq(entry_attach(&entry, &root, &service_plane), 0);
}

static bool has(struct entry **found)
{
	bool is_there = false;

	ck_assert_ptr_nonnull(found);
	for (struct entry **at = found; *at; at++)
		is_there |= *at == &entry;
	free(found);
	return is_there;
}

static const char *const keys[] = { "p", "q", "r", "s", "IOUserServiceProperties" };
static const char *const classes[] = { "A", "B", "C", "IOService" };

/* What the entry is, as text; the indexes say the same. */
static char *description(void)
{
	json_auto_t *all = entry_all_properties(&entry), *lineage = json_array();
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(all, keys[i]);

		ck_assert(has(entries_with_key(keys[i])) == !!value);
		if (property_is_scalar(value))
			ck_assert(has(entries_with_property(keys[i], value)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		ck_assert(has(entries_with_class(classes[i])) == entry_is_a(&entry, classes[i]));
	for (char **name = entry.lineage; *name; name++)
		json_array_append_new(lineage, json_string(*name));
	json_object_set(all, "lineage", lineage);
	text = json_dumps(all, JSON_SORT_KEYS);
	ck_assert_ptr_nonnull(text);
	return text;
}

/* One after another, each with each of its allocations failing. */
static const struct {
	const char *key;	/* NULL: @value is a class */
	const char *value;	/* NULL: remove */
} changes[] = {
	{ NULL, "A:B" },
	{ NULL, "B:C" },
	{ "p", "\"one\"" },
	{ "p", "2" },
	{ "IOUserServiceProperties", "{\"p\": 5, \"q\": \"q\", \"r\": {\"$data\": \"QTEA\"}}" },
	{ "p", "\"one\"" },
	{ "IOUserServiceProperties", "{\"q\": \"z\", \"s\": [1]}" },
	{ "IOUserServiceProperties", "{\"$data\": \"\"}" },
	{ "IOUserServiceProperties", NULL },
	{ "p", NULL },
};

static int change(size_t i, json_t *value)
{
	return changes[i].key ? entry_set_property(&entry, changes[i].key, value) :
		entry_set_class(&entry, changes[i].value);
}

/* Return: it needs no more than @n allocations. */
static bool try_change(size_t i, long n)
{
	json_auto_t *value = NULL;
	char *before = description(), *after;
	bool is_enough;
	int r;

	if (changes[i].key && changes[i].value)
		value = json_loads(changes[i].value, JSON_DECODE_ANY, NULL);
	n_left = n;
	r = change(i, value);
	is_enough = n_left >= 0;
	n_left = -1;
	after = description();
	ck_assert_int_eq(r, r < 0 ? -ENOMEM : 0);
	if (r < 0)
		ck_assert_str_eq(before, after);
	free(before);
	free(after);
	return is_enough;
}

START_TEST(a_change_is_whole_or_none)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		long n = 0;

		while (!try_change(i, n))
			n++;
		ck_assert_int_gt(n, 0);
	}
}
END_TEST

START_TEST(an_entry_is_made_whole_or_not_at_all)
{
	bool is_enough = false;

	for (long n = 0; !is_enough; n++) {
		size_t n_services = entries_count_class("IOService");
		int r;

		n_left = n;
		r = entry_init(&other, ENTRY_SERVICE, 0, "Other", "1");
		is_enough = n_left >= 0;
		n_left = -1;
		ck_assert_int_eq(r, r < 0 ? -ENOMEM : 0);
		ck_assert_uint_eq(entries_count_name("Other"), r == 0);
		ck_assert_uint_eq(entries_count_class("IOService"), n_services + (r == 0));
		ck_assert(entries.previous == (r < 0 ? &entry.all : &other.all));
		if (r == 0)
			entry_deinit(&other);
	}
}
END_TEST

START_TEST(a_link_is_made_or_not)
{
	ck_assert_int_eq(entry_init(&other, ENTRY_SERVICE, 0, "Other", "1"), 0);
	/* The link, and its name. */
	for (long n = 0; n < 2; n++) {
		n_left = n;
		ck_assert_int_eq(entry_attach(&other, &entry, &service_plane), -ENOMEM);
		ck_assert(list_is_empty(&entry.children));
		ck_assert_ptr_null(entry_find_link(&entry, &service_plane, "Other@1"));
	}
	n_left = -1;
	ck_assert_int_eq(entry_attach(&other, &entry, &service_plane), 0);
	ck_assert_ptr_nonnull(entry_find_link(&entry, &service_plane, "Other@1"));
	for (long n = 0; n < 4; n++) {
		n_left = n;
		free(entry_path(&entry, &service_plane));
	}
	n_left = -1;
}
END_TEST

START_TEST(an_alias_is_read_and_written_or_not)
{
	static char name[] = "aliases";
	struct node node = { .name = name };
	json_auto_t *bytes = json_pack("{s:s}", "$data", "L0VudHJ5");	/* "/Entry" */
	bool is_enough = false;

	ck_assert_int_eq(entry_init(&other, ENTRY_SERVICE, 0, name, ""), 0);
	other.node = &node;
	ck_assert_int_eq(entry_attach(&other, entry_root(), &service_plane), 0);
	ck_assert_int_eq(entry_set_property(&other, "e", bytes), 0);
	for (long n = 0; !is_enough; n++) {
		const struct entry *found;
		char *path;

		n_left = n;
		found = entry_from_path("IOService:e");
		path = entry_path_by_alias(&entry, &service_plane);
		is_enough = n_left >= 0;
		n_left = -1;
		ck_assert(!found || found == &entry);
		ck_assert(!path || strcmp(path, "IOService:e") == 0);
		ck_assert(!is_enough || (found && path));
		free(path);
	}
}
END_TEST

static const char *const dictionaries[] = {
	"{\"IONameMatch\": [\"x\", \"Entry\"], \"IOPathMatch\": \"IOService:/Entry\"}",
	"{\"IOPropertyMatch\": [{\"p\": 1}, {\"q\": {\"$hex\": \"41\"}}], \"BSD Name\": \"x\"}",
	"{\"IOParentMatch\": {\"IOProviderClass\": \"OSObject\"}, \"IOLocationMatch\": {}}",
	"{\"IORegistryEntryID\": \"0x100000101\", \"IOPropertyExistsMatch\": {\"$set\": [\"p\"]}}",
	"{}",
};

/* Each answer is right, or none; only values that cannot be compared are taken for different. */
START_TEST(a_search_finds_or_says_that_it_could_not)
{
	json_auto_t *dictionary = json_loads(dictionaries[_i], 0, NULL);
	bool is_enough = false;

	for (long n = 0; !is_enough; n++) {
		struct entry **found;

		n_left = n;
		found = matching_find(dictionary, 0);
		is_enough = n_left >= 0;
		n_left = -1;
		ck_assert(found || !is_enough);
		free(found);
	}
}
END_TEST

START_TEST(a_value_is_made_canonical_or_not)
{
	json_auto_t *value = json_loads("{\"a\": [{\"$hex\": \"00ff\"}, {\"$num\": 1}],"
					" \"b\": {\"$set\": [[1], 2, \"x\"]}}", 0, NULL);
	bool is_enough = false;

	for (long n = 0; !is_enough; n++) {
		json_t *canonical = NULL;
		int r;

		n_left = n;
		r = property_canonical(value, &canonical);
		is_enough = n_left >= 0;
		n_left = -1;
		ck_assert_int_eq(r, is_enough ? 0 : -ENOMEM);
		json_decref(canonical);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_test(tests, a_change_is_whole_or_none);
	tcase_add_test(tests, an_entry_is_made_whole_or_not_at_all);
	tcase_add_test(tests, a_link_is_made_or_not);
	tcase_add_test(tests, an_alias_is_read_and_written_or_not);
	tcase_add_loop_test(tests, a_search_finds_or_says_that_it_could_not, 0,
			    ARRAY_SIZE(dictionaries));
	tcase_add_test(tests, a_value_is_made_canonical_or_not);
}
