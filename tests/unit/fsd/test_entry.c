/* SPDX-License-Identifier: MIT */
/* test_entry - entries, their links and paths, and what the indexes find */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "main.h"
#include "service/entry.h"
#include "service/lineage.h"
#include "tree/node.h"

#define N_MANY 100000

static struct entry root, bus, one, two;

static void make(struct entry *entry, const char *name, const char *location,
		 struct entry *parent)
{
	ck_assert_int_eq(entry_init(entry, ENTRY_SERVICE, 0, name, location), 0);
	ck_assert_int_eq(entry_attach(entry, parent, &service_plane), 0);
}

static void set_up(void)
{
	ck_assert_int_eq(entry_init(&root, ENTRY_ROOT, 0, "Root", ""), 0);
	make(&bus, "Bus", "", &root);
	make(&one, "Dev", "0", &bus);
	make(&two, "Dev", "1f,2", &bus);
}

static void set(struct entry *entry, const char *key, json_t *value)
{
	ck_assert_int_eq(entry_set_property(entry, key, value), 0);
	json_decref(value);
}

/* The caller's list, as "100000101 100000102". */
static const char *ids(struct entry **found)
{
	static char text[256];
	char *to = text;

	ck_assert_ptr_nonnull(found);
	*to = '\0';
	for (struct entry **at = found; *at; at++)
		to += sprintf(to, "%s%llx", at == found ? "" : " ",
			      (unsigned long long)(*at)->id);
	free(found);
	return text;
}

static size_t count(const char *text)
{
	struct entry **found = entries_with_key(text);
	size_t n = 0;

	while (found[n])
		n++;
	free(found);
	return n;
}

/* Planes */

START_TEST(planes_have_names_that_begin_upper_case)
{
	struct plane *plane = NULL;

	ck_assert_ptr_eq(plane_find("IOService", 9), &service_plane);
	ck_assert_ptr_null(plane_find("IOServiceX", 8));
	ck_assert_int_eq(plane_new("IOService", &plane), -EEXIST);
	ck_assert_int_eq(plane_new("", &plane), -EINVAL);
	ck_assert_int_eq(plane_new("power", &plane), -EINVAL);
	ck_assert_int_eq(plane_new("IO/Power", &plane), -EINVAL);
	ck_assert_int_eq(plane_new("A23456789012345678901234567890123", &plane), -EINVAL);
	ck_assert_int_eq(plane_new("A2345678901234567890123456789012", &plane), 0);
	ck_assert_ptr_eq(plane_find(plane->name, 32), plane);
	planes_free();
	ck_assert_ptr_null(plane_find("A2345678901234567890123456789012", 32));
	ck_assert_ptr_eq(planes.next, &service_plane.planes);
}
END_TEST

START_TEST(a_plane_has_links_of_its_own)
{
	struct plane *power = NULL;
	char *path;

	ck_assert_int_eq(plane_new("IOPower", &power), 0);
	ck_assert_ptr_null(entry_path(&bus, power));
	ck_assert_int_eq(entry_attach(&one, &root, power), 0);
	ck_assert_int_eq(entry_attach(&bus, &one, power), 0);	/* no cycle: it is another plane */
	path = entry_path(&bus, power);
	ck_assert_str_eq(path, "IOPower:/Dev@0/Bus");
	ck_assert_ptr_eq(entry_from_path(path), &bus);
	ck_assert_ptr_null(entry_from_path("IOPower:/Bus"));
	ck_assert_ptr_eq(entry_parent(&bus, power), &one);
	ck_assert_ptr_eq(entry_parent(&bus, &service_plane), &root);
	ck_assert_int_eq(entry_detach(&bus, &one, power), 0);
	ck_assert_int_eq(entry_detach(&bus, &one, power), -ENOENT);
	free(path);
}
END_TEST

/* Ids and names */

START_TEST(ids_begin_with_the_root_and_go_up)
{
	static struct entry later;

	ck_assert_uint_eq(root.id, ENTRY_FIRST_ID);
	ck_assert_uint_eq(two.id, ENTRY_FIRST_ID + 3);
	ck_assert_uint_eq(entry_last_id(), two.id);
	entry_ids_above(0x200000000);
	entry_ids_above(5);
	make(&later, "later", "", &root);
	ck_assert_uint_eq(later.id, 0x200000001);
	entry_deinit(&later);
	ck_assert_ptr_null(entry_by_id(0x200000001));
	make(&later, "later", "", &root);
	ck_assert_uint_eq(later.id, 0x200000002);	/* never used again */
}
END_TEST

START_TEST(a_given_id_has_its_place)
{
	static const uint64_t given[] = { 50, 10, 30, 20, 60, 40, 0x300000000, 1 };
	static struct entry array[8];
	struct entry *entry;
	uint64_t last = 0;

	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(entry_init(&array[i], ENTRY_SERVICE, given[i], "x", ""), 0);
	list_for_each(entry, &entries, all) {
		ck_assert_uint_gt(entry->id, last);
		last = entry->id;
	}
	ck_assert_uint_eq(last, 0x300000000);
	ck_assert_uint_eq(entry_last_id(), last);
	ck_assert_ptr_eq(entry_by_id(30), &array[2]);
	ck_assert_str_eq(ids(entries_with_name("x")), "1 a 14 1e 28 32 3c 300000000");
	ck_assert_int_eq(entry_init(&root, ENTRY_SERVICE, 30, "again", ""), -EINVAL);
}
END_TEST

START_TEST(a_name_is_text_of_up_to_127_bytes)
{
	char name[129];
	struct entry entry;

	memset(name, 'x', sizeof(name));
	name[128] = '\0';
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, name, ""), -ENAMETOOLONG);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "x", name), -ENAMETOOLONG);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "", ""), -EINVAL);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "\xff", ""), -EINVAL);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "\xc3", ""), -EINVAL);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "\xed\xa0\x80", ""), -EINVAL);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "\xf0\x9f\x92", ""), -EINVAL);
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, "x", "\xff"), -EINVAL);
	ck_assert_int_eq(entry_init(&entry, ENTRY_ROOT, 0, "Root", ""),
			 -EINVAL);	/* a second */
	ck_assert_uint_eq(entry_last_id(), two.id);
	name[127] = '\0';
	ck_assert_int_eq(entry_init(&entry, ENTRY_SERVICE, 0, name, name), 0);
	entry_deinit(&entry);
}
END_TEST

/* Classes */

static const struct {
	const char *classes, *lineage;	/* NULL: refused */
	int error;
} lineages[] = {
	{ "IOService", "IOService:IORegistryEntry:OSObject" },
	{ "Dev", "Dev:IOService:IORegistryEntry:OSObject" },
	{ "Dev:Base", "Dev:Base:IOService:IORegistryEntry:OSObject" },
	{ "Dev:Base:IOService", "Dev:Base:IOService:IORegistryEntry:OSObject" },
	{ "Dev:IOService:IORegistryEntry:OSObject", "Dev:IOService:IORegistryEntry:OSObject" },
	{ "", NULL, -EINVAL },
	{ ":", NULL, -EINVAL },
	{ "Dev:", NULL, -EINVAL },
	{ ":Dev", NULL, -EINVAL },
	{ "Dev::Base", NULL, -EINVAL },
	{ "Dev:Dev", NULL, -EINVAL },
	{ "Dev/x", NULL, -EINVAL },
	{ "..", NULL, -EINVAL },
	{ "Dev\n", NULL, -EINVAL },
	{ "IOService:Dev", NULL, -EINVAL },
	{ "Dev:OSObject", NULL, -EINVAL },
	{ "Dev:IORegistryEntry", NULL, -EINVAL },
	{ "OSObject:IORegistryEntry:IOService", NULL, -EINVAL },
};

START_TEST(a_lineage_ends_with_the_base_classes)
{
	char lineage[256] = "";

	ck_assert_int_eq(entry_set_class(&one, "Before"), 0);
	ck_assert_int_eq(entry_set_class(&one, lineages[_i].classes), lineages[_i].error);
	for (char **name = one.lineage; *name; name++)
		sprintf(lineage + strlen(lineage), "%s%s", *lineage ? ":" : "", *name);
	ck_assert_str_eq(lineage, lineages[_i].lineage ? lineages[_i].lineage :
			 "Before:IOService:IORegistryEntry:OSObject");
	ck_assert_uint_eq(entries_count_class("Before"), lineages[_i].lineage ? 0 : 1);
	ck_assert_uint_eq(entries_count_class("Base"), entry_is_a(&one, "Base"));
	ck_assert_uint_eq(entries_count_class("IOService"), 3);
}
END_TEST

START_TEST(long_lineages_are_refused)
{
	char text[4096] = "C0";

	for (int i = 1; i < LINEAGE_MAX; i++)
		sprintf(text + strlen(text), ":C%d", i);
	ck_assert_int_eq(entry_set_class(&one, text), 0);
	strcat(text, ":X");
	ck_assert_int_eq(entry_set_class(&one, text), -ENAMETOOLONG);
	memset(text, 'x', 128);
	text[128] = '\0';
	ck_assert_int_eq(entry_set_class(&one, text), -ENAMETOOLONG);
	text[127] = '\0';
	ck_assert_int_eq(entry_set_class(&one, text), 0);
	ck_assert_str_eq(entry_class(&one), text);
}
END_TEST

START_TEST(a_root_is_no_service)
{
	ck_assert_str_eq(entry_class(&root), "IORegistryEntry");
	ck_assert(entry_is_a(&root, "OSObject"));
	ck_assert(!entry_is_a(&root, "IOService"));
}
END_TEST

START_TEST(classes_are_found_by_each_of_the_lineage)
{
	entry_set_class(&two, "Dev:Base");
	entry_set_class(&one, "Base");
	ck_assert_str_eq(ids(entries_with_class("Base")), "100000102 100000103");
	ck_assert_str_eq(ids(entries_with_class("Dev")), "100000103");
	ck_assert_str_eq(ids(entries_with_class("Other")), "");
}
END_TEST

static void append(void *user, const char *name)
{
	strcat(strcat(user, name), " ");
}

START_TEST(each_key_is_told_once)
{
	char classes[256] = "", names[256] = "";

	entry_set_class(&one, "Dev");
	entry_set_class(&two, "Dev");
	entries_each_class(append, classes);
	entries_each_name(append, names);
	ck_assert_str_eq(classes, "IORegistryEntry OSObject IOService Dev ");
	ck_assert_str_eq(names, "Root Bus Dev ");
	entry_deinit(&one);
	entry_deinit(&two);
	*classes = *names = '\0';
	entries_each_class(append, classes);
	entries_each_name(append, names);
	ck_assert_str_eq(classes, "IORegistryEntry OSObject IOService ");
	ck_assert_str_eq(names, "Root Bus ");
}
END_TEST

/* Properties */

START_TEST(properties_are_found_by_value_and_by_key)
{
	json_auto_t *value = json_integer(7), *text = json_string("A1");
	json_auto_t *data = json_pack("{ss}", "$data", "QTEA");
	json_auto_t *less = json_pack("{ss}", "$data", "QTE=");

	set(&one, "n", json_integer(7));
	set(&two, "n", json_integer(8));
	ck_assert_str_eq(ids(entries_with_property("n", value)), "100000102");
	ck_assert_str_eq(ids(entries_with_key("n")), "100000102 100000103");
	set(&one, "n", json_integer(8));
	ck_assert_str_eq(ids(entries_with_property("n", value)), "");
	ck_assert_uint_eq(entries_count_property("n", value), 0);
	set(&one, "n", json_string("A1"));
	set(&two, "n", json_incref(data));
	ck_assert_str_eq(ids(entries_with_property("n", text)), "100000102 100000103");
	ck_assert_str_eq(ids(entries_with_property("n", data)), "100000102 100000103");
	ck_assert_str_eq(ids(entries_with_property("n", less)),
			 "100000102");	/* not the other data */
	set(&one, "n", NULL);
	ck_assert_str_eq(ids(entries_with_key("n")), "100000103");
	ck_assert_str_eq(ids(entries_with_property("n", text)), "100000103");
	entry_deinit(&two);
	ck_assert_uint_eq(entries_count_key("n"), 0);
	ck_assert_uint_eq(entries_count_property("n", text), 0);
}
END_TEST

START_TEST(a_key_and_its_value_are_told_apart)
{
	json_auto_t *value = json_string("b=c"), *other = json_string("c");

	set(&one, "a", json_incref(value));
	set(&one, "a=b", json_incref(other));
	ck_assert_uint_eq(entries_count_property("a", value), 1);
	set(&one, "a", NULL);
	ck_assert_uint_eq(entries_count_property("a=b", other), 1);
}
END_TEST

START_TEST(user_properties_lie_over_the_table)
{
	json_auto_t *table = json_integer(1), *user = json_integer(2), *all = NULL;

	set(&one, "a", json_integer(1));
	set(&one, "b", json_integer(1));
	set(&one, "IOUserServiceProperties", json_pack("{si, si}", "b", 2, "c", 2));
	ck_assert(json_equal(entry_property(&one, "a"), table));
	ck_assert(json_equal(entry_property(&one, "b"), user));
	ck_assert(json_equal(entry_property(&one, "c"), user));
	ck_assert_ptr_null(entry_property(&one, "IOUserServiceProperties"));
	ck_assert_uint_eq(entries_count_property("b", table), 0);
	ck_assert_uint_eq(entries_count_property("b", user), 1);
	ck_assert_uint_eq(entries_count_key("IOUserServiceProperties"), 0);
	ck_assert_uint_eq(count("c"), 1);
	all = entry_all_properties(&one);
	ck_assert_uint_eq(json_object_size(all), 3);

	/* What is below is not seen, but kept. */
	set(&one, "b", json_integer(3));
	ck_assert_uint_eq(entries_count_property("b", user), 1);
	set(&one, "b", NULL);
	ck_assert_uint_eq(entries_count_property("b", user), 1);
	set(&one, "b", json_integer(1));
	set(&one, "IOUserServiceProperties", NULL);
	ck_assert_uint_eq(entries_count_property("b", table), 1);
	ck_assert_uint_eq(entries_count_property("b", user), 0);
	ck_assert_uint_eq(count("c"), 0);
}
END_TEST

START_TEST(user_properties_that_are_no_dictionary_are_a_property)
{
	set(&one, "IOUserServiceProperties", json_pack("{ss}", "$data", "QTE="));
	ck_assert_ptr_nonnull(entry_property(&one, "IOUserServiceProperties"));
	ck_assert_ptr_null(entry_property(&one, "$data"));
	ck_assert_uint_eq(entries_count_key("IOUserServiceProperties"), 1);
	set(&one, "IOUserServiceProperties", json_pack("{ss}", "a", "b"));
	ck_assert_uint_eq(entries_count_key("IOUserServiceProperties"), 0);
	ck_assert_uint_eq(entries_count_key("a"), 1);
	set(&one, "IOUserServiceProperties", json_integer(1));
	ck_assert_uint_eq(entries_count_key("IOUserServiceProperties"), 1);
	ck_assert_uint_eq(entries_count_key("a"), 0);
}
END_TEST

START_TEST(keys_are_those_of_a_dictionary)
{
	json_auto_t *value = json_true();

	ck_assert_int_eq(entry_set_property(&one, "$data", value), -EINVAL);
	ck_assert_int_eq(entry_set_property(&one, "$", value), -EINVAL);
	ck_assert_int_eq(entry_set_property(&one, "\xff", value), -EINVAL);
	ck_assert_int_eq(entry_set_property(&one, "$$data", value), 0);
	ck_assert_int_eq(entry_set_property(&one, "", value), 0);
	ck_assert_uint_eq(json_object_size(one.properties), 2);
}
END_TEST

/* Links */

START_TEST(the_first_parent_is_the_parent)
{
	char *path;

	ck_assert_int_eq(entry_attach(&one, &root, &service_plane), 0);
	ck_assert_int_eq(entry_attach(&one, &root, &service_plane), -EEXIST);
	ck_assert_ptr_eq(entry_parent(&one, &service_plane), &bus);
	ck_assert_ptr_eq(entry_from_path("IOService:/Dev@0"), &one);
	ck_assert_int_eq(entry_detach(&one, &bus, &service_plane), 0);
	ck_assert_ptr_eq(entry_parent(&one, &service_plane), &root);
	path = entry_path(&one, &service_plane);
	ck_assert_str_eq(path, "IOService:/Dev@0");
	free(path);
}
END_TEST

START_TEST(nothing_is_above_itself)
{
	ck_assert_int_eq(entry_attach(&bus, &bus, &service_plane), -ELOOP);
	ck_assert_int_eq(entry_attach(&bus, &one, &service_plane), -ELOOP);
	ck_assert_int_eq(entry_attach(&root, &one, &service_plane), -ELOOP);
	ck_assert_int_eq(entry_attach(&two, &one, &service_plane), 0);
	ck_assert_int_eq(entry_attach(&one, &two, &service_plane), -ELOOP);
}
END_TEST

START_TEST(many_ways_up_are_walked_once)
{
	static struct entry pair[64][2];

	for (int i = 0; i < 64; i++)
		for (int side = 0; side < 2; side++) {
			make(&pair[i][side], "x", "", i ? &pair[i - 1][0] : &root);
			if (i)
				ck_assert_int_eq(entry_attach(&pair[i][side], &pair[i - 1][1],
							      &service_plane), 0);
		}
	ck_assert_int_eq(entry_attach(&bus, &pair[63][0], &service_plane), 0);
	ck_assert_int_eq(entry_attach(&pair[0][0], &two, &service_plane), -ELOOP);
}
END_TEST

START_TEST(what_is_removed_leaves_no_links)
{
	entry_deinit(&bus);
	ck_assert(list_is_empty(&root.children));
	ck_assert(list_is_empty(&one.parents));
	ck_assert_ptr_null(entry_path(&one, &service_plane));
	ck_assert_ptr_null(entry_from_path("IOService:/Bus"));
	entry_deinit(&root);
	ck_assert_ptr_null(entry_from_path("IOService:/"));
}
END_TEST

START_TEST(what_is_retired_is_found_no_more)
{
	json_auto_t *value = json_true();

	set(&one, "a", json_true());
	entry_retire(&one);
	entry_retire(&one);
	ck_assert_int_eq(entry_set_property(&one, "b", value), 0);
	ck_assert_int_eq(entry_set_class(&one, "Dev"), 0);
	ck_assert_int_eq(entry_attach(&one, &bus, &service_plane), -ENODEV);
	ck_assert_int_eq(entry_attach(&two, &one, &service_plane), -ENODEV);
	ck_assert_ptr_null(entry_by_id(one.id));
	ck_assert_ptr_eq(entry_from_path("IOService:/Bus/Dev"), &two);
	ck_assert_uint_eq(entries_count_key("a") + entries_count_key("b"), 0);
	ck_assert_uint_eq(entries_count_class("Dev"), 0);
	ck_assert_uint_eq(entries_count_name("Dev"), 1);
	ck_assert_str_eq(one.name, "Dev");
	ck_assert_ptr_nonnull(entry_property(&one, "b"));
	ck_assert(entry_is_a(&one, "Dev"));
	entry_deinit(&one);
}
END_TEST

/* Paths */

static const struct {
	const char *path;
	const struct entry *entry;
} paths[] = {
	{ "IOService:/", &root },
	{ "IOService:/Bus", &bus },
	{ "IOService:/Bus/Dev", &one },			/* the first of two */
	{ "IOService:/Bus/Dev@0", &one },
	{ "IOService:/Bus/Dev@0,0", &one },
	{ "IOService:/Bus/Dev@", &one },
	{ "IOService:/Bus/Dev@1f,2", &two },
	{ "IOService:/Bus/Dev@01F:2,0", &two },
	{ "IOService:/Bus/@1f,2", &two },
	{ "IOService:/%42us", &bus },
	{ "IOService:/Bus/Dev@%31f,2", &two },
	{ "IOService:/Bus@0", NULL },
	{ "IOService:/Bus/Dev@1f", NULL },
	{ "IOService:/Bus/Dev@1f,2x", NULL },
	{ "IOService:/Bus/Dev@2", NULL },
	{ "IOService:/Bus/", NULL },
	{ "IOService://Bus", NULL },
	{ "IOService:/Bus/Dev@0/x", NULL },
	{ "IOService:/Bu", NULL },
	{ "IOService:/Bus%", NULL },
	{ "IOService:/Bus%00", NULL },
	{ "IOService:/Bus%4", NULL },
	{ "IOService:", NULL },
	{ "IOService:Bus", NULL },
	{ "IOService", NULL },
	{ "IOPower:/Bus", NULL },
	{ "/Bus", NULL },
	{ ":/", NULL },
	{ "", NULL },
};

START_TEST(a_path_is_looked_up_component_by_component)
{
	ck_assert_msg(entry_from_path(paths[_i].path) == paths[_i].entry, "%s", paths[_i].path);
}
END_TEST

static const struct {
	const char *name, *location, *component;
} components[] = {
	{ "Dev", "", "Dev" },
	{ "Dev", "1f,2", "Dev@1f,2" },
	{ "a/b", "", "a%2Fb" },
	{ "100%", "50%/2", "100%25@50%25%2F2" },
	{ ".", "", "%2E" },
	{ "..", "", "%2E." },
	{ ".a.b", ".c", "%2Ea.b@.c" },
	{ "a\tb\x7f", "\n", "a%09b%7F@%0A" },
	{ "a@b", "c@d", "a%40b@c@d" },
	{ "\xc3\xbc", "", "\xc3\xbc" },
	{ "\xe2\x82\xac\xf0\x9f\x92\xa1", "", "\xe2\x82\xac\xf0\x9f\x92\xa1" },
	{ "%41", "", "%2541" },
};

START_TEST(a_component_is_escaped_and_found_again)
{
	static struct entry entry;
	char *component, *path, expected[64] = "IOService:/";

	make(&entry, components[_i].name, components[_i].location, &root);
	component = entry_component(&entry);
	path = entry_path(&entry, &service_plane);
	ck_assert_str_eq(component, components[_i].component);
	ck_assert_str_eq(path, strcat(expected, component));
	ck_assert_ptr_eq(entry_from_path(path), &entry);
	free(component);
	free(path);
}
END_TEST

static const struct {
	const char *alias;
	const struct entry *entry;
} aliases[] = {
	{ "dev", &two }, { "bus", &bus }, { "dev/x", NULL }, { "bus/Dev", &one },
	{ "bus/@1f,2", &two }, { "again", &two }, { "again/x", NULL }, { "bytes", &two },
	{ "padded", &bus }, { "self", NULL }, { "text", NULL }, { "nothing", NULL },
	{ "number", NULL }, { "", NULL }, { "root", &root }, { "root/Bus", &bus }, { "dev/", NULL },
	{ "dev:", NULL }, { "de", NULL }, { "$two", NULL }, { "$$two", NULL }, { "/dev", NULL },
};

static char alias_name[] = "aliases";
static struct node of_root = { .name = alias_name };
static struct node of_other = { .name = alias_name, .own.uid = 1 };

static void make_aliases(struct entry *entry, struct node *node)
{
	make(entry, "aliases", "", &root);
	entry->node = node;
	set(entry, "dev", json_string("/Bus/Dev@01f:2"));
	set(entry, "bus", json_string("/Bus"));
	set(entry, "again", json_string("bus/Dev@1f,2"));
	set(entry, "bytes", json_pack("{s:s}", "$data", "L0J1cy9EZXZAMWYsMg=="));
	set(entry, "padded", json_pack("{s:s}", "$data", "L0J1cwA="));
	set(entry, "self", json_string("self"));
	set(entry, "text", json_string("Mark 2"));
	set(entry, "nothing", json_string(""));
	set(entry, "number", json_integer(1));
	set(entry, "root", json_string("/"));
	set(entry, "$$two", json_string("/Bus/Dev@1f,2"));
}

START_TEST(an_alias_stands_for_a_path)
{
	static struct entry entry;
	char path[64] = "IOService:";

	strcat(path, aliases[_i].alias);
	ck_assert_ptr_null(entry_from_path(path));
	make_aliases(&entry, &of_root);
	ck_assert_msg(entry_from_path(path) == aliases[_i].entry, "%s", path);
	of_root.own.uid = 1;
	ck_assert_ptr_null(entry_from_path(path));
}
END_TEST

static void expect_by_alias(const struct entry *entry, const char *expected)
{
	char *path = entry_path_by_alias(entry, &service_plane);

	ck_assert_pstr_eq(path, expected);
	if (path)
		ck_assert_ptr_eq(entry_from_path(path), entry);
	free(path);
	path = entry_path(entry, &service_plane);
	ck_assert_ptr_eq(entry_from_path(path), entry);
	ck_assert_ptr_nonnull(strstr(path, ":/"));
	free(path);
}

START_TEST(a_path_is_also_written_by_an_alias)
{
	static struct entry entry, below;

	make(&below, "Part", "", &two);
	expect_by_alias(&two, NULL);
	make_aliases(&entry, &of_other);
	expect_by_alias(&two, NULL);
	entry.node = &of_root;
	expect_by_alias(&two, "IOService:dev");
	expect_by_alias(&below, "IOService:dev/Part");
	expect_by_alias(&one, "IOService:bus/Dev@0");
	expect_by_alias(&bus, "IOService:bus");
	expect_by_alias(&root, "IOService:root");
	expect_by_alias(&entry, NULL);
	set(&entry, "d", json_string("/Bus/@1f,2"));
	set(&entry, "b", json_string("/Bus"));
	expect_by_alias(&below, "IOService:d/Part");
	expect_by_alias(&one, "IOService:b/Dev@0");
	ck_assert_int_eq(entry_detach(&two, &bus, &service_plane), 0);
	ck_assert_ptr_null(entry_path_by_alias(&below, &service_plane));
}
END_TEST

START_TEST(the_roots_path_is_a_slash)
{
	char *path = entry_path(&root, &service_plane);

	ck_assert_str_eq(path, "IOService:/");
	free(path);
}
END_TEST

static const struct {
	const char *one, *other;
	bool equal;
} locations[] = {
	{ "0", "0", true }, { "0", "", true }, { "1f,2", "1F:02", true }, { "1,0,0", "1", true },
	{ "1,,2", "1,0,2", true }, { "1,2", "1", false }, { "1,2", "2,1", false },
	{ "1", "10", false },
	{ "11112222333344445555", "11112222333344445556", false },
	{ "0000000000000000000000011112222333344445555", "11112222333344445555", true },
	{ "usb", "usb", true }, { "usb", "pci", false }, { "usb", "USB", false },
	{ "1x", "1", false },
};

START_TEST(locations_are_lists_of_numbers)
{
	ck_assert(entry_location_equals(locations[_i].one, locations[_i].other) ==
		  locations[_i].equal);
	ck_assert(entry_location_equals(locations[_i].other, locations[_i].one) ==
		  locations[_i].equal);
}
END_TEST

/* Many */

START_TEST(a_hundred_thousand_are_made_found_and_removed)
{
	struct entry *many = calloc(N_MANY, sizeof(*many)), **found;
	char name[32];

	for (int i = 0; i < N_MANY; i++) {
		sprintf(name, "dev%d", i);
		make(&many[i], name, "", &bus);
		ck_assert_int_eq(entry_set_class(&many[i], "Many"), 0);
		set(&many[i], "number", json_integer(i));
		set(&many[i], "same", json_true());
	}
	ck_assert_uint_eq(entries_count_class("Many"), N_MANY);
	for (int i = 0; i < N_MANY; i++) {
		json_auto_t *number = json_integer(i);

		found = entries_with_property("number", number);
		ck_assert_ptr_eq(found[0], &many[i]);
		ck_assert_ptr_null(found[1]);
		free(found);
		ck_assert_ptr_eq(entry_by_id(many[i].id), &many[i]);
	}
	found = entries_with_class("Many");
	for (int i = 0; i < N_MANY; i++)
		ck_assert_ptr_eq(found[i], &many[i]);
	free(found);

	/* Last first, from the middle on, then the rest: no order is slow. */
	for (int i = N_MANY / 2; i-- > 0;)
		entry_deinit(&many[i]);
	for (int i = N_MANY / 2; i < N_MANY; i++)
		entry_deinit(&many[i]);
	ck_assert_uint_eq(entries_count_class("Many"), 0);
	ck_assert_uint_eq(entries_count_key("same"), 0);
	free(many);
}
END_TEST

START_TEST(properties_may_come_in_any_order)
{
	struct entry *many = calloc(N_MANY, sizeof(*many)), **found;

	for (int i = 0; i < N_MANY; i++)
		make(&many[i], "x", "", &bus);
	for (int i = N_MANY; i-- > 0;)
		set(&many[i], "same", json_true());
	found = entries_with_key("same");
	for (int i = 0; i < N_MANY; i++)
		ck_assert_ptr_eq(found[i], &many[i]);
	free(found);
	for (int i = 0; i < N_MANY; i++)
		entry_deinit(&many[i]);
	free(many);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_test(tests, planes_have_names_that_begin_upper_case);
	tcase_add_test(tests, a_plane_has_links_of_its_own);
	tcase_add_test(tests, ids_begin_with_the_root_and_go_up);
	tcase_add_test(tests, a_given_id_has_its_place);
	tcase_add_test(tests, a_name_is_text_of_up_to_127_bytes);
	tcase_add_loop_test(tests, a_lineage_ends_with_the_base_classes, 0, ARRAY_SIZE(lineages));
	tcase_add_test(tests, long_lineages_are_refused);
	tcase_add_test(tests, a_root_is_no_service);
	tcase_add_test(tests, classes_are_found_by_each_of_the_lineage);
	tcase_add_test(tests, each_key_is_told_once);
	tcase_add_test(tests, properties_are_found_by_value_and_by_key);
	tcase_add_test(tests, a_key_and_its_value_are_told_apart);
	tcase_add_test(tests, user_properties_lie_over_the_table);
	tcase_add_test(tests, user_properties_that_are_no_dictionary_are_a_property);
	tcase_add_test(tests, keys_are_those_of_a_dictionary);
	tcase_add_test(tests, the_first_parent_is_the_parent);
	tcase_add_test(tests, nothing_is_above_itself);
	tcase_add_test(tests, many_ways_up_are_walked_once);
	tcase_add_test(tests, what_is_removed_leaves_no_links);
	tcase_add_test(tests, what_is_retired_is_found_no_more);
	tcase_add_loop_test(tests, a_path_is_looked_up_component_by_component, 0,
			    ARRAY_SIZE(paths));
	tcase_add_loop_test(tests, a_component_is_escaped_and_found_again, 0,
			    ARRAY_SIZE(components));
	tcase_add_loop_test(tests, an_alias_stands_for_a_path, 0, ARRAY_SIZE(aliases));
	tcase_add_test(tests, a_path_is_also_written_by_an_alias);
	tcase_add_test(tests, the_roots_path_is_a_slash);
	tcase_add_loop_test(tests, locations_are_lists_of_numbers, 0, ARRAY_SIZE(locations));
	tcase_add_test(tests, a_hundred_thousand_are_made_found_and_removed);
	tcase_add_test(tests, properties_may_come_in_any_order);
}
