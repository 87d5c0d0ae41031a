/* SPDX-License-Identifier: MIT */
/*
 * fuzz_registry - any text as properties, as a matching dictionary, as a lineage and as a path
 *
 * A small registry stands there. What a dictionary finds through the indexes is what it
 * finds by a walk; a canonical value is canonical; what is refused changes nothing; a path that
 * is written leads to its entry, whatever the text is an alias for.
 */
#include "service/matching.h"
#include "service/property.h"
#include "text.h"
#include "tree/node.h"

#define N_ENTRIES 4

static struct entry root, entries_below[N_ENTRIES];

static void set(struct entry *entry, const char *key, const char *text)
{
	json_auto_t *value = NULL;

	CHECK(json_text_parse(text, strlen(text), &value, NULL, 0) == 0);
	CHECK(entry_set_property(entry, key, value) == 0);
}

/* Bus, Bus/Dev@0 and Bus/Dev@1f,2 of a class of their own, and aliases beside. */
static void make_registry(void)
{
	static char name[] = "aliases";
	static struct node node = { .name = name };
	static const char *const names[N_ENTRIES] = { "Bus", "Dev", "Dev", name };
	static const char *const places[N_ENTRIES] = { "", "0", "1f,2", "" };

	CHECK(entry_init(&root, ENTRY_ROOT, 0, "Root", "") == 0);
	for (int i = 0; i < N_ENTRIES; i++) {
		struct entry *entry = &entries_below[i];

		CHECK(entry_init(entry, ENTRY_SERVICE, 0, names[i], places[i]) == 0);
		CHECK(entry_attach(entry, i == 1 || i == 2 ? &entries_below[0] : &root,
				   &service_plane) == 0);
		entry->state = ENTRY_REGISTERED | ENTRY_MATCHED;
		set(entry, "number", i % 2 ? "7" : "{\"$num\":7,\"bits\":8}");
	}
	CHECK(entry_set_class(&entries_below[1], "SampleDev:BaseDev") == 0);
	set(&entries_below[1], "text", "\"A1\"");
	set(&entries_below[2], "text", "{\"$data\":\"QTEA\"}");
	set(&entries_below[3], "IOUserServiceProperties", "{\"text\":\"merged\"}");
	entries_below[3].node = &node;
	set(&entries_below[3], "dev", "\"bus/Dev@1f,2\"");
	set(&entries_below[3], "bus", "{\"$data\":\"L0J1cwA=\"}");
}

static bool is_among(struct entry *const *found, const struct entry *entry)
{
	for (; *found; found++)
		if (*found == entry)
			return true;
	return false;
}

static void check_matching(const json_t *dictionary)
{
	struct entry **found = matching_find(dictionary, ENTRY_MATCHED);

	CHECK(found);
	for (int i = 0; i < N_ENTRIES; i++)
		CHECK(is_among(found, &entries_below[i]) ==
		      matching_passes(&entries_below[i], dictionary));
	free(found);
}

static void check_property(const json_t *value)
{
	json_auto_t *canonical = NULL, *again = NULL;

	if (property_canonical(value, &canonical) < 0)
		return;
	CHECK(property_canonical(canonical, &again) == 0);
	CHECK(json_equal(canonical, again) && property_equals(canonical, again));
	CHECK(entry_set_property(&entries_below[3], "fuzzed", canonical) == 0);
	CHECK(property_equals(entry_property(&entries_below[3], "fuzzed"), canonical));
	CHECK(entry_set_property(&entries_below[3], "fuzzed", NULL) == 0);
}

static void check_alias(const char *text)
{
	json_auto_t *value = json_string(text);

	if (!value)
		return;		/* no UTF-8 */
	CHECK(entry_set_property(&entries_below[3], "b", value) == 0);
	for (int i = 0; i < N_ENTRIES; i++) {
		char *path = entry_path_by_alias(&entries_below[i], &service_plane);

		CHECK(path || i == 3);
		CHECK(!path || entry_from_path(path) == &entries_below[i]);
		free(path);
	}
	CHECK(entry_set_property(&entries_below[3], "b", NULL) == 0);
}

static void check_words(const char *text)
{
	struct entry *found = entry_from_path(text);

	CHECK(!found || found == &root || (found >= entries_below &&
					   found < entries_below + N_ENTRIES));
	if (entry_set_class(&entries_below[3], text) < 0)
		CHECK(entry_is_a(&entries_below[3], "IOService"));
	CHECK(entry_set_class(&entries_below[3], "IOService") == 0);
	CHECK(entry_location_equals(text, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	json_auto_t *value = NULL;
	char *text;

	if (!root.name)
		make_registry();
	text = strndup((const char *)bytes, n);
	CHECK(text);
	check_words(text);
	check_alias(text);
	if (json_text_parse((const char *)bytes, n, &value, NULL, 0) == 0) {
		check_property(value);
		if (json_is_object(value))
			check_matching(value);
	}
	free(text);
	return 0;
}
