/* SPDX-License-Identifier: MIT */
/*
 * test_matching - which services a dictionary means: each key, and random
 * dictionaries with and without the indexes
 */
#include <string.h>

#include "main.h"
#include "service/matching.h"
#include "service/property.h"

#define READY (ENTRY_REGISTERED | ENTRY_MATCHED | ENTRY_FIRST_PUBLISHED | ENTRY_FIRST_MATCHED)
#define N_MANY 100000

static struct entry root, hub, first, second, driver, hidden, gone, resources, client;

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

	ck_assert_msg(value, "%s: %s", text, error.text);
	return value;
}

static void set(struct entry *entry, const char *key, const char *text)
{
	json_auto_t *value = parse(text), *canonical = NULL;

	ck_assert_int_eq(property_canonical(value, &canonical), 0);
	ck_assert_int_eq(entry_set_property(entry, key, canonical), 0);
}

static void make(struct entry *entry, const char *name, const char *location, const char *classes,
		 struct entry *parent)
{
	ck_assert_int_eq(entry_init(entry, ENTRY_SERVICE, 0, name, location), 0);
	ck_assert_int_eq(entry_set_class(entry, classes), 0);
	ck_assert_int_eq(entry_attach(entry, parent, &service_plane), 0);
	entry->state = READY;
}

/* In the order of ids; each is named below by its letter. */
static const struct {
	char letter;
	const struct entry *entry;
} letters[] = {
	{ 'h', &hub }, { '1', &first }, { '2', &second }, { 'd', &driver }, { 'r', &resources },
};

static void set_up(void)
{
	ck_assert_int_eq(entry_init(&root, ENTRY_ROOT, 0, "Root", ""), 0);
	make(&hub, "Hub", "", "TestHub", &root);
	make(&first, "Port", "0", "TestPort:PortBase", &hub);
	make(&second, "Port", "2c,1", "TestPort:PortBase", &hub);
	make(&driver, "Driver", "", "TestDriver", &first);
	make(&hidden, "Port", "9", "TestPort:PortBase", &hub);
	make(&gone, "Port", "a", "TestPort:PortBase", &hub);
	make(&resources, "IOResources", "", "IOResources", &root);
	ck_assert_int_eq(entry_init(&client, ENTRY_CLIENT, 0, "Client", ""), 0);
	ck_assert_int_eq(entry_attach(&client, &second, &service_plane), 0);
	hidden.state = 0;
	gone.state |= ENTRY_INACTIVE;
	set(&hub, "speed", "12");
	set(&first, "code", "513");
	set(&first, "serial", "\"B7\"");
	set(&first, "bytes", "{\"$hex\": \"423700\"}");
	set(&first, "list", "[\"x\", 1]");
	set(&first, "set", "{\"$set\": [2, 1]}");
	set(&first, "on", "true");
	set(&first, "BSD Name", "\"disk3\"");
	set(&first, "$$odd", "1");
	set(&second, "code", "514");
	set(&second, "BSD Unit", "4");
	set(&second, "IOUserServiceProperties", "{\"code\": 600, \"user\": true}");
	set(&driver, "IOMatchCategory", "\"IODefaultMatchCategory\"");
	set(&resources, "IOKit", "true");
	set(&resources, "IOBSD", "true");
	set(&resources, "IOResourceMatched", "[\"IOKit\"]");
}

static char letter_of(const struct entry *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (letters[i].entry == entry)
			return letters[i].letter;
	return '?';
}

static const char *find(const char *text, uint32_t state)
{
	static char found[32];
	json_auto_t *dictionary = parse(text);
	struct entry **array = matching_find(dictionary, state);
	size_t n = 0;

	ck_assert_ptr_nonnull(array);
	for (; array[n]; n++)
		found[n] = letter_of(array[n]);
	found[n] = '\0';
	free(array);
	return found;
}

static const struct {
	const char *dictionary, *found;
} cases[] = {
	/* Unknown keys, keys for drivers, no key at all */
	{ "{}", "h12dr" },
	{ "{\"colour\": null}", "h12dr" },
	{ "{\"IOMatchCategory\": \"x\", \"IOProbeScore\": 1, \"IOClass\": \"y\"}", "h12dr" },
	{ "[]", "" },
	{ "\"Hub\"", "" },
	/* Class */
	{ "{\"IOProviderClass\": \"TestPort\"}", "12" },
	{ "{\"IOProviderClass\": \"PortBase\"}", "12" },
	{ "{\"IOProviderClass\": \"IOService\"}", "h12dr" },
	{ "{\"IOProviderClass\": \"OSObject\"}", "h12dr" },
	{ "{\"IOProviderClass\": \"Port\"}", "" },
	{ "{\"IOProviderClass\": \"\"}", "" },
	{ "{\"IOProviderClass\": 7}", "h12dr" },
	{ "{\"IOProviderClass\": \"TestHub\", \"colour\": \"red\"}", "h" },
	/* Name */
	{ "{\"IONameMatch\": \"Port\"}", "12" },
	{ "{\"IONameMatch\": \"port\"}", "" },
	{ "{\"IONameMatch\": [\"none\", \"Hub\", \"Driver\", \"Hub\"]}", "hd" },
	{ "{\"IONameMatch\": {\"$set\": [\"Driver\", \"Hub\"]}}", "hd" },
	{ "{\"IONameMatch\": {\"Port\": 1, \"Hub\": 2}}", "h12" },
	{ "{\"IONameMatch\": {\"$data\": \"SHVi\"}}", "" },
	{ "{\"IONameMatch\": 7}", "" },
	{ "{\"IONameMatch\": []}", "" },
	{ "{\"IONameMatch\": \"Hub\", \"IOProviderClass\": \"TestPort\"}", "" },
	/* Location */
	{ "{\"IOLocationMatch\": \"2c,1\"}", "2" },
	{ "{\"IOLocationMatch\": \"2C,1\"}", "" },
	{ "{\"IOLocationMatch\": \"\"}", "" },
	{ "{\"IOLocationMatch\": 7}", "h12dr" },
	{ "{\"IOLocationMatch\": {\"IONameMatch\": \"Hub\"}}", "12" },
	{ "{\"IOLocationMatch\": {\"IOLocationMatch\": \"0\"}}", "d" },
	/* Properties */
	{ "{\"IOPropertyMatch\": {\"code\": 513}}", "1" },
	{ "{\"IOPropertyMatch\": {\"code\": {\"$num\": 513, \"bits\": 16}}}", "1" },
	{ "{\"IOPropertyMatch\": {\"code\": 513, \"serial\": \"B7\"}}", "1" },
	{ "{\"IOPropertyMatch\": {\"code\": 513, \"serial\": \"B8\"}}", "" },
	{ "{\"IOPropertyMatch\": {\"code\": 514}}", "" },	/* 600 lies over it */
	{ "{\"IOPropertyMatch\": {\"code\": 600, \"user\": true}}", "2" },
	{ "{\"IOPropertyMatch\": [{\"code\": 1}, {\"code\": 600}, {\"code\": 513}]}", "12" },
	{ "{\"IOPropertyMatch\": {\"$set\": [{\"code\": 600}, {\"on\": true}]}}", "12" },
	{ "{\"IOPropertyMatch\": [{\"code\": null}, {\"code\": 513}, {\"on\": true}]}", "1" },
	{ "{\"IOPropertyMatch\": {}}", "h12dr" },
	{ "{\"IOPropertyMatch\": []}", "" },
	{ "{\"IOPropertyMatch\": [7, {}]}", "h12dr" },
	{ "{\"IOPropertyMatch\": 7}", "" },
	{ "{\"IOPropertyMatch\": {\"code\": null}}", "" },
	{ "{\"IOPropertyMatch\": {\"serial\": {\"$hex\": \"4237\"}}}", "1" },
	{ "{\"IOPropertyMatch\": {\"serial\": {\"$data\": \"QjcA\"}}}", "1" },
	{ "{\"IOPropertyMatch\": {\"bytes\": \"B7\"}}", "1" },
	{ "{\"IOPropertyMatch\": {\"bytes\": {\"$hex\": \"4237\"}}}", "" },
	{ "{\"IOPropertyMatch\": {\"on\": 1}}", "" },
	{ "{\"IOPropertyMatch\": {\"list\": [\"x\", 1]}}", "1" },
	{ "{\"IOPropertyMatch\": {\"list\": [1, \"x\"]}}", "" },
	{ "{\"IOPropertyMatch\": {\"set\": {\"$set\": [1, 2]}}}", "1" },
	{ "{\"IOPropertyMatch\": {\"$$odd\": 1}}", "1" },
	{ "{\"IOPropertyMatch\": {\"IOUserServiceProperties\": {}}}", "" },
	{ "{\"IOPropertyExistsMatch\": \"code\"}", "12" },
	{ "{\"IOPropertyExistsMatch\": \"user\"}", "2" },
	{ "{\"IOPropertyExistsMatch\": \"$odd\"}", "1" },
	{ "{\"IOPropertyExistsMatch\": [\"speed\", \"serial\"]}", "h1" },
	{ "{\"IOPropertyExistsMatch\": [\"speed\", \"$odd\"]}", "h1" },
	{ "{\"IOPropertyExistsMatch\": {\"$set\": [\"speed\"]}}", "h" },
	{ "{\"IOPropertyExistsMatch\": []}", "" },
	{ "{\"IOPropertyExistsMatch\": 7}", "" },
	{ "{\"BSD Name\": \"disk3\"}", "1" },
	{ "{\"BSD Name\": null}", "" },
	{ "{\"BSD Unit\": 4}", "2" },
	{ "{\"BSD Unit\": 4, \"BSD Name\": \"disk3\"}", "" },
	{ "{\"BSD Major\": 1}", "" },
	{ "{\"BSD Minor\": [1]}", "" },
	/* Path */
	{ "{\"IOPathMatch\": \"IOService:/Hub/Port@2c,1\"}", "2" },
	{ "{\"IOPathMatch\": \"IOService:/Hub/Port@02C,1:0\"}", "2" },
	{ "{\"IOPathMatch\": \"IOService:/Hub/Port\"}", "1" },
	{ "{\"IOPathMatch\": \"IOService:/Hub/@2c,1\"}", "2" },
	{ "{\"IOPathMatch\": \"IOService:/Hub/Port@0/Driver\"}", "d" },
	{ "{\"IOPathMatch\": \"IOService:/Hub/Port@9\"}", "" },
	{ "{\"IOPathMatch\": \"IOService:/\"}", "" },
	{ "{\"IOPathMatch\": \"/Hub\"}", "" },
	{ "{\"IOPathMatch\": \"Hub\"}", "" },
	{ "{\"IOPathMatch\": \"\"}", "" },
	/* Id */
	{ "{\"IORegistryEntryID\": 4294967554}", "1" },		/* 0x100000102 */
	{ "{\"IORegistryEntryID\": \"0x100000102\"}", "1" },
	{ "{\"IORegistryEntryID\": 4294967557}", "" },		/* hidden */
	{ "{\"IORegistryEntryID\": 4294967558}", "" },		/* gone */
	{ "{\"IORegistryEntryID\": 4294967552}", "" },		/* the root */
	{ "{\"IORegistryEntryID\": 1}", "" },
	{ "{\"IORegistryEntryID\": \"Hub\"}", "h12dr" },
	/* Above */
	{ "{\"IONameMatch\": \"Driver\", \"IOParentMatch\": {\"IOProviderClass\": \"TestPort\"}}",
	  "d" },
	{ "{\"IONameMatch\": \"Driver\", \"IOParentMatch\": {\"IOProviderClass\": \"TestHub\"}}",
	  "d" },
	{ "{\"IOParentMatch\": {\"IOPropertyMatch\": {\"speed\": 12}}}", "12d" },
	{ "{\"IONameMatch\": \"Hub\", \"IOParentMatch\": {\"IONameMatch\": \"Hub\"}}", "" },
	{ "{\"IOParentMatch\": {\"IOPropertyMatch\": {\"code\": 513},"
	  " \"IOParentMatch\": {\"IONameMatch\": \"Hub\"}}}", "d" },
	{ "{\"IOParentMatch\": {\"IONameMatch\": \"Hub\","
	  " \"IOParentMatch\": {\"IOPropertyMatch\": {\"code\": 513}}}}", "" },
	{ "{\"IOParentMatch\": {\"IOPathMatch\": \"IOService:/Hub\"}}", "12d" },
	{ "{\"IOParentMatch\": {\"IOPathMatch\": \"IOService:/\"}}", "h12dr" },
	{ "{\"IOParentMatch\": {\"IOMatchedServiceCountMatch\": 1}}", "d" },
	{ "{\"IOParentMatch\": 7}", "h12dr" },
	{ "{\"IOParentMatch\": {\"$set\": []}}", "h12dr" },
	/* Drivers that match */
	{ "{\"IOMatchedServiceCountMatch\": 1}", "1" },
	{ "{\"IOMatchedServiceCountMatch\": 0, \"IOProviderClass\": \"PortBase\"}", "2" },
	{ "{\"IOMatchedServiceCountMatch\": 2}", "" },
	/* Resources */
	{ "{\"IOProviderClass\": \"IOResources\", \"IOResourceMatch\": \"IOKit\"}", "r" },
	{ "{\"IOProviderClass\": \"IOResources\", \"IOResourceMatch\": [\"IOKit\", \"IOBSD\"]}",
	  "r" },
	{ "{\"IOProviderClass\": \"IOResources\", \"IOResourceMatch\": [\"IOKit\", \"other\"]}",
	  "" },
	{ "{\"IOResourceMatch\": \"IOKit\"}", "r" },
	{ "{\"IOResourceMatch\": \"code\"}", "" },
	{ "{\"IOResourceMatched\": \"IOKit\"}", "r" },
	{ "{\"IOResourceMatched\": \"IOBSD\"}", "" },
};

START_TEST(a_key_means_what_it_says)
{
	ck_assert_msg(strcmp(find(cases[_i].dictionary, ENTRY_MATCHED), cases[_i].found) == 0,
		      "%s: %s", cases[_i].dictionary, find(cases[_i].dictionary, ENTRY_MATCHED));
}
END_TEST

START_TEST(an_ancestor_of_an_ancestor_is_above_it)
{
	static struct entry low, middle, high;

	make(&high, "A", "", "IOService", &root);
	make(&middle, "M", "", "IOService", &high);
	make(&low, "M", "", "IOService", &middle);
	ck_assert_str_eq(find("{\"IONameMatch\": \"M\", \"IOParentMatch\":"
			      " {\"IONameMatch\": \"M\", \"IOParentMatch\": {\"IONameMatch\": \"A\"}}}",
			      0), "?");
	ck_assert_str_eq(find("{\"IOParentMatch\": {\"IOParentMatch\": {\"IONameMatch\": \"M\"}}}",
			      0), "");
}
END_TEST

START_TEST(all_bits_of_the_state_are_needed)
{
	first.state = ENTRY_REGISTERED;
	second.state = ENTRY_REGISTERED | ENTRY_MATCHED;
	ck_assert_str_eq(find("{\"IONameMatch\": \"Port\"}", ENTRY_REGISTERED), "12");
	ck_assert_str_eq(find("{\"IONameMatch\": \"Port\"}", ENTRY_REGISTERED | ENTRY_MATCHED),
			 "2");
	ck_assert_str_eq(find("{\"IONameMatch\": \"Port\"}", ENTRY_FIRST_MATCHED), "");
	ck_assert_str_eq(find("{\"IONameMatch\": \"Port\"}", 0),
			 "12?");	/* hidden too, not gone */
}
END_TEST

START_TEST(one_entry_passes_whatever_its_state_and_kind)
{
	json_auto_t *ports = parse("{\"IOProviderClass\": \"PortBase\"}");
	json_auto_t *below = parse("{\"IOParentMatch\": {\"IOProviderClass\": \"PortBase\"}}");
	struct matching *matching = NULL;

	ck_assert(matching_passes(&hidden, ports));
	ck_assert(matching_passes(&gone, ports));
	ck_assert(!matching_passes(&client, ports));
	ck_assert(matching_passes(&client, below));
	ck_assert(!matching_passes(&root, below));
	ck_assert(!matching_passes(&first, NULL));
	ck_assert_int_eq(matching_new(below, &matching), 0);
	ck_assert(matching_accepts(matching, &client));
	ck_assert(!matching_accepts(matching, &first));
	matching_free(matching);
}
END_TEST

START_TEST(what_is_asked_again_sees_what_changed)
{
	json_auto_t *path = parse("{\"IOPathMatch\": \"IOService:/Hub/Port\"}");
	struct matching *matching = NULL;

	ck_assert_int_eq(matching_new(path, &matching), 0);
	ck_assert(!matching_accepts(matching, &second));
	entry_detach(&first, &hub, &service_plane);
	ck_assert(matching_accepts(matching, &second));
	ck_assert(!matching_accepts(matching, &first));
	matching_free(matching);
	set(&resources, "IOResourceMatched", "\"IOBSD\"");
	ck_assert_str_eq(find("{\"IOResourceMatched\": \"IOBSD\"}", 0), "r");
}
END_TEST

/* Random ones */

static const char *const names[] = { "A", "B", "C", "IOResources" };
static const char *const classes[] = { "IOService", "K", "L:K", "M:L:K", "IOResources" };
static const char *const properties[] = { "p", "q", "BSD Name", "IOMatchCategory", "$$x" };
static const char *const values[] = {
	"1", "2", "true", "\"s\"", "{\"$hex\": \"73\"}", "{\"$hex\": \"7300\"}", "\"\"",
	"{\"$hex\": \"00\"}", "[1]", "{\"$set\": [1, 2]}", "{\"$set\": [2, 1]}", "{}", "\"A\"",
};

#define PICK(array) ((array)[(size_t)rand() % ARRAY_SIZE(array)])

static json_t *random_value(void)
{
	return parse(PICK(values));
}

static json_t *random_dictionary(int n)
{
	json_t *dictionary = json_object();

	for (; n > 0; n--)
		json_object_set_new(dictionary, PICK(properties), random_value());
	return dictionary;
}

static json_t *some(json_t *(*make_one)(void))
{
	json_t *array = json_array();
	int kind = rand() % 5;

	if (kind < 2) {
		json_decref(array);
		return make_one();
	}
	for (int n = rand() % 4; n > 0; n--)
		json_array_append_new(array, make_one());
	return kind == 2 ? json_pack("{so}", "$set", array) : array;
}

static json_t *random_name(void)
{
	return json_string(PICK(names));
}

static json_t *random_key(void)
{
	const char *key = PICK(properties);

	return json_string(*key == '$' ? key + 1 : key);
}

static json_t *random_alternative(void)
{
	return rand() % 16 ? random_dictionary(rand() % 3) : json_integer(1);
}

static json_t *random_matching(int depth);

static void add_random_key(json_t *dictionary, int depth)
{
	static const char *const numbers[] = { "4294967554", "\"0x100000110\"", "0", "1", "2" };
	static const char *const paths[] = {
		"\"IOService:/A\"", "\"IOService:/B@1\"", "\"IOService:/A/B\"", "\"IOService:/\"",
		"\"x\"",
	};

	switch (rand() % 11) {
	case 0:
		json_object_set_new(dictionary, "IOProviderClass", json_string(
			(const char *[]){ "IOService", "K", "L", "M", "IOResources" }[rand() % 5]));
		break;
	case 1:
		json_object_set_new(dictionary, "IONameMatch", some(random_name));
		break;
	case 2:
	case 3:
		json_object_set_new(dictionary, "IOPropertyMatch", some(random_alternative));
		break;
	case 4:
		json_object_set_new(dictionary, "IOPropertyExistsMatch", some(random_key));
		break;
	case 5:
		json_object_set_new(dictionary, "BSD Name", random_value());
		break;
	case 6:
		json_object_set_new(dictionary, rand() % 2 ? "IOParentMatch" : "IOLocationMatch",
				    depth ? random_matching(depth - 1) : json_string("1"));
		break;
	case 7:
		json_object_set_new(dictionary, "IOPathMatch", parse(PICK(paths)));
		break;
	case 8:
		json_object_set_new(dictionary, "IOMatchedServiceCountMatch", parse(PICK(numbers)));
		break;
	case 9:
		json_object_set_new(dictionary, "IORegistryEntryID", parse(PICK(numbers)));
		break;
	default:
		json_object_set_new(dictionary, "IOResourceMatch", some(random_key));
	}
}

static json_t *random_matching(int depth)
{
	json_t *dictionary = json_object();

	for (int n = rand() % 4; n > 0; n--)
		add_random_key(dictionary, depth);
	return dictionary;
}

static void random_entry(struct entry *entry, struct entry *parents, size_t n_parents)
{
	make(entry, PICK(names), rand() % 2 ? "1" : "", PICK(classes),
	     n_parents && rand() % 4 ? &parents[(size_t)rand() % n_parents] : &root);
	if (n_parents && rand() % 4 == 0)
		entry_attach(entry, &parents[(size_t)rand() % n_parents], &service_plane);
	for (int n = rand() % 4; n > 0; n--)
		set(entry, PICK(properties), PICK(values));
	if (rand() % 4 == 0) {
		json_auto_t *user = random_dictionary(2), *canonical = NULL;

		ck_assert_int_eq(property_canonical(user, &canonical), 0);
		ck_assert_int_eq(entry_set_property(entry, "IOUserServiceProperties", canonical),
				 0);
	}
	if (rand() % 4 == 0)
		entry->state = (uint32_t)rand() & 0x1f;
}

static void change(struct entry *entry)
{
	static const char *const keys[] = { "p", "q", "IOUserServiceProperties", "BSD Name" };

	if (rand() % 2)
		set(entry, PICK(keys), PICK(values));
	else
		ck_assert_int_eq(entry_set_property(entry, PICK(keys), NULL), 0);
	if (rand() % 4 == 0)
		ck_assert_int_eq(entry_set_class(entry, PICK(classes)), 0);
}

static void compare(const json_t *dictionary, uint32_t state)
{
	struct entry **found = matching_find(dictionary, state), **at = found;
	char *text = json_dumps(dictionary, 0);
	struct entry *entry;

	list_for_each(entry, &entries, all) {
		bool visible = entry->kind == ENTRY_SERVICE && !(entry->state & ENTRY_INACTIVE) &&
			(entry->state & state) == state;

		if (visible && matching_passes(entry, dictionary))
			ck_assert_msg(*at++ == entry, "%s", text);
	}
	ck_assert_msg(!*at, "%s", text);
	free(text);
	free(found);
}

START_TEST(the_indexes_change_no_answer)
{
	static struct entry random[60];

	srand((unsigned)_i);
	for (size_t i = 0; i < ARRAY_SIZE(random); i++)
		random_entry(&random[i], random, i);
	for (int i = 0; i < 200; i++) {
		json_auto_t *dictionary = random_matching(3);

		compare(dictionary, i % 2 ? ENTRY_MATCHED : 0);
		change(&random[rand() % 60]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(random); i++)
		entry_deinit(&random[i]);
}
END_TEST

/* Dictionaries that would take long, were each service's way up looked at anew. */
static const char *const slow[] = {
	"{\"IOProviderClass\": \"Many\", \"IOParentMatch\": {\"IOMatchedServiceCountMatch\": 5}}",
	"{\"IOLocationMatch\": {\"IOMatchedServiceCountMatch\": 5}}",
	"{\"IOParentMatch\": {\"IOPathMatch\": \"IOService:/Hub/Last\"}}",
	"{\"IOPathMatch\": \"IOService:/Hub/Last\"}",
	"{\"IOPropertyMatch\": {\"number\": 99999, \"same\": true}}",
};

START_TEST(many_services_are_no_trouble)
{
	struct entry *many = calloc(N_MANY, sizeof(*many));

	for (int i = 0; i < N_MANY; i++) {
		make(&many[i], i < N_MANY - 1 ? "One" : "Last", "", "Many", &hub);
		ck_assert_int_eq(entry_set_property(&many[i], "same", json_true()), 0);
	}
	set(&many[N_MANY - 1], "number", "99999");
	ck_assert_str_eq(find(slow[0], 0), "");
	ck_assert_str_eq(find(slow[1], 0), "");
	ck_assert_str_eq(find(slow[2], 0), "");
	ck_assert_str_eq(find(slow[3], 0), "?");
	for (int i = 0; i < N_MANY; i++)	/* by the index: each costs nothing */
		ck_assert_str_eq(find(slow[4], 0), "?");
	for (int i = 0; i < N_MANY; i++)
		entry_deinit(&many[i]);
	free(many);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_loop_test(tests, a_key_means_what_it_says, 0, ARRAY_SIZE(cases));
	tcase_add_test(tests, an_ancestor_of_an_ancestor_is_above_it);
	tcase_add_test(tests, all_bits_of_the_state_are_needed);
	tcase_add_test(tests, one_entry_passes_whatever_its_state_and_kind);
	tcase_add_test(tests, what_is_asked_again_sees_what_changed);
	tcase_add_loop_test(tests, the_indexes_change_no_answer, 0, 20);
	tcase_add_test(tests, many_services_are_no_trouble);
}
