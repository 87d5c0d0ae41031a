/* SPDX-License-Identifier: MIT */
/* Entries: what they are and have, and what one may ask of them; without fsd. */
#include "plain_tree.h"

#include <errno.h>

#include "handle.h"
#include "registry_entry.h"

static io_service_t service;

static void set_up(void)
{
	new_tree();
	make_entry("IOService/Dev@0");
	set_file("IOService/Dev@0", "class", "MyDev\n");
	set_file("IOService/Dev@0", "classes",
		 "MyDev\nBase\nIOService\nIORegistryEntry\nOSObject\n");
	set_file("IOService/Dev@0", "retain", "5\n");
	set_file("IOService/Dev@0", "state", "registered matched active\n");
	set_file("IOService/Dev@0", "busy", "2\n");
	set_file("IOService/Dev@0", "busy_time", "5000000007\n");
	set_file("IOService/Dev@0", "quiet", "0\n");
	set_file("IOService/Dev@0", "props", "{\"a\":1,\"a/b\":\"x\"}\n");
	set_file("IOService/Dev@0", "clone", "");
	set_file("IOService/Dev@0", "ctl", "");
	put_text(in_tree("busy"), "3\n");
	put_text(in_tree("quiet"), "0\n");
	make_directory(in_tree("class/MyDev"));
	ck_assert_int_eq(symlink("../../id/0x100000101", in_tree("class/MyDev/0x100000101")), 0);
	service = entry_at("IOService:/Dev@0");
}

static void tear_down(void)
{
	IOObjectRelease(service);
	remove_tree();
}

static void set_property(const char *key, const char *text)
{
	put_text(in_tree("IOService/Dev@0/prop/%s", key), text);
}

/* --- class */

START_TEST(a_class_and_what_it_is_derived_from)
{
	io_name_t name;
	char *text;

	ck_assert_int_eq(IOObjectGetClass(service, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "MyDev");
	ck_assert_int_eq(IOObjectGetClass(service, NULL), kIOReturnBadArgument);
	ck_assert(IOObjectConformsTo(service, "MyDev"));
	ck_assert(IOObjectConformsTo(service, "Base"));
	ck_assert(IOObjectConformsTo(service, "OSObject"));
	ck_assert(!IOObjectConformsTo(service, "Bas"));
	ck_assert(!IOObjectConformsTo(service, "Base\nIOService"));
	ck_assert(!IOObjectConformsTo(service, ""));
	ck_assert(!IOObjectConformsTo(service, NULL));
	text = IOObjectCopySuperclassForClass("MyDev");
	ck_assert_str_eq(text, "Base");
	free(text);
	ck_assert_ptr_null(IOObjectCopySuperclassForClass("Nope"));
	ck_assert_ptr_null(IOObjectCopySuperclassForClass("../id"));
	ck_assert_ptr_null(IOObjectCopySuperclassForClass(NULL));
	ck_assert_ptr_null(IOObjectCopyBundleIdentifierForClass("MyDev"));
	set_property("CFBundleIdentifier", "\"org.example.dev\"\n");
	text = IOObjectCopyBundleIdentifierForClass("MyDev");
	ck_assert_str_eq(text, "org.example.dev");
	free(text);
}
END_TEST

START_TEST(a_property_may_say_another_class)
{
	char *text;

	set_property("IOClassNameOverride", "\"Other\"\n");
	text = IOObjectCopyClass(service);
	ck_assert_str_eq(text, "Other");
	free(text);
	ck_assert(IOObjectConformsTo(service, "Other"));
	ck_assert(IOObjectConformsTo(service, "MyDev"));
	set_property("IOClassNameOverride", "17\n");
	text = IOObjectCopyClass(service);
	ck_assert_str_eq(text, "MyDev");
	free(text);
}
END_TEST

START_TEST(iterators_have_a_class_too)
{
	io_iterator_t iterator;
	io_name_t name;

	ck_assert_int_eq(IORegistryEntryGetChildIterator(service, kIOServicePlane, &iterator),
			 kIOReturnSuccess);
	ck_assert_int_eq(IOObjectGetClass(iterator, name), kIOReturnSuccess);
	ck_assert_str_eq(name, "IOUserIterator");
	ck_assert(IOObjectConformsTo(iterator, "OSIterator"));
	ck_assert(!IOObjectConformsTo(iterator, "IOService"));
	ck_assert_uint_eq(IOObjectGetKernelRetainCount(iterator), 0);
	ck_assert_uint_eq(IOObjectGetKernelRetainCount(service), 5);
	IOObjectRelease(iterator);
}
END_TEST

START_TEST(what_is_gone_is_known_by_what_was_said_of_it)
{
	struct handle *gone = registry_open_gone(tree, 0x123, "IOService/Bus/Was%2FHere@1f,2",
						 "Ghost");
	io_service_t object;
	uint64_t id, state, time = 5;
	uint32_t busy;
	io_name_t text;
	io_string_t path;

	ck_assert_ptr_nonnull(gone);
	object = handle_publish(gone);
	ck_assert_int_eq(IORegistryEntryGetRegistryEntryID(object, &id), kIOReturnSuccess);
	ck_assert_uint_eq(id, 0x123);
	ck_assert_int_eq(IORegistryEntryGetName(object, text), kIOReturnSuccess);
	ck_assert_str_eq(text, "Was/Here");
	ck_assert_int_eq(IORegistryEntryGetLocationInPlane(object, NULL, text), kIOReturnSuccess);
	ck_assert_str_eq(text, "1f,2");
	ck_assert_int_eq(IOObjectGetClass(object, text), kIOReturnSuccess);
	ck_assert_str_eq(text, "Ghost");
	ck_assert(IOObjectConformsTo(object, "Ghost"));
	ck_assert(!IOObjectConformsTo(object, "IOService"));
	ck_assert_int_eq(IOServiceGetBusyStateAndTime(object, &state, &busy, &time),
			 kIOReturnSuccess);
	ck_assert_uint_eq(state, kIOServiceInactiveState);
	ck_assert_uint_eq(busy, 0);
	ck_assert_uint_eq(time, 0);
	ck_assert_int_eq(IORegistryEntryGetPath(object, kIOServicePlane, path),
			 kIOReturnBadArgument);
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(object, "a", NULL, 0));
	IOObjectRelease(object);
}
END_TEST

/* --- properties */

START_TEST(a_property_is_a_new_reference)
{
	json_t *value;

	set_property("n", "18446744073709551615\n");
	value = IORegistryEntryCreateCFProperty(service, "n", kCFAllocatorDefault, 0);
	ck_assert(json_is_integer(value));
	ck_assert_uint_eq((uint64_t)json_integer_value(value), UINT64_MAX);
	ck_assert_uint_eq(value->refcount, 1);
	json_decref(value);
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(service, "none", NULL, 0));
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(service, NULL, NULL, 0));
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(0, "n", NULL, 0));
	set_property("bad", "{");
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(service, "bad", NULL, 0));
}
END_TEST

START_TEST(a_key_that_cannot_be_a_file_is_found)
{
	json_t *value = IORegistryEntryCreateCFProperty(service, "a/b", NULL, 0);

	ck_assert_str_eq(json_string_value(value), "x");
	json_decref(value);
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(service, "../class", NULL, 0));
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(service, "..", NULL, 0));
	ck_assert_ptr_null(IORegistryEntryCreateCFProperty(service, "", NULL, 0));
}
END_TEST

START_TEST(all_properties_and_their_keys)
{
	json_t *all = NULL, *keys;

	ck_assert_int_eq(IORegistryEntryCreateCFProperties(service, &all, NULL, 0),
			 kIOReturnSuccess);
	ck_assert_uint_eq(json_object_size(all), 2);
	json_decref(all);
	keys = IORegistryEntryCreateCFProperty(service, kIORegistryEntryPropertyKeysKey, NULL, 0);
	ck_assert_uint_eq(json_array_size(keys), 2);
	json_decref(keys);
	ck_assert_int_eq(IORegistryEntryCreateCFProperties(service, NULL, NULL, 0),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryCreateCFProperties(0, &all, NULL, 0),
			 kIOReturnBadArgument);
	set_file("IOService/Dev@0", "props", "[]\n");
	ck_assert_int_eq(IORegistryEntryCreateCFProperties(service, &all, NULL, 0),
			 kIOReturnIOError);
}
END_TEST

START_TEST(a_key_that_begins_as_a_form_does_is_written_with_one_more)
{
	json_t *value = json_true(), *keys;

	set_file("IOService/Dev@0", "props", "");
	ck_assert_int_eq(IORegistryEntrySetCFProperty(service, "$data", value), kIOReturnSuccess);
	ck_assert_str_eq(text_in(in_tree("IOService/Dev@0/props")), "{\"$$data\":true}\n");
	set_file("IOService/Dev@0", "props", "{\"$$a/b\":true}\n");
	ck_assert(json_is_true(IORegistryEntryCreateCFProperty(service, "$a/b", NULL, 0)));
	keys = IORegistryEntryCreateCFProperty(service, kIORegistryEntryPropertyKeysKey, NULL, 0);
	ck_assert_str_eq(json_string_value(json_array_get(keys, 0)), "$a/b");
	json_decref(keys);
	set_property("$c", "false\n");
	ck_assert(json_is_false(IORegistryEntryCreateCFProperty(service, "$c", NULL, 0)));
}
END_TEST

START_TEST(a_search_looks_below_and_above)
{
	io_registry_entry_t root = IORegistryGetRootEntry(kIOMainPortDefault);
	json_t *value;

	make_entry("IOService/Dev@0/Leaf");
	put_text(in_tree("IOService/Dev@0/Leaf/prop/below"), "true\n");
	put_text(in_tree("IOService/prop/above"), "false\n");
	value = IORegistryEntrySearchCFProperty(root, kIOServicePlane, "below", NULL,
						kIORegistryIterateRecursively);
	ck_assert(json_is_true(value));
	value = IORegistryEntrySearchCFProperty(service, kIOServicePlane, "above", NULL,
						kIORegistryIterateRecursively |
						kIORegistryIterateParents);
	ck_assert(json_is_false(value));
	ck_assert_ptr_null(IORegistryEntrySearchCFProperty(root, kIOServicePlane, "below", NULL,
							   0));
	ck_assert_ptr_null(IORegistryEntrySearchCFProperty(service, kIOServicePlane, "above", NULL,
							   kIORegistryIterateRecursively));
	IOObjectRelease(root);
}
END_TEST

static void expect_bytes(const char *text, const void *bytes, uint32_t n)
{
	io_struct_inband_t buffer;
	uint32_t size = sizeof(buffer);

	set_property("value", text);
	memset(buffer, 0x55, sizeof(buffer));
	ck_assert_int_eq(IORegistryEntryGetProperty(service, "value", buffer, &size),
			 kIOReturnSuccess);
	ck_assert_uint_eq(size, n);
	ck_assert_mem_eq(buffer, bytes, n);
	ck_assert_int_eq(buffer[n], 0x55);
	size = n - 1;
	memset(buffer, 0x55, sizeof(buffer));
	ck_assert_int_eq(IORegistryEntryGetProperty(service, "value", buffer, &size),
			 kIOReturnIPCError);
	ck_assert_int_eq(buffer[0], 0x55);
}

START_TEST(a_property_as_bytes)
{
	const uint32_t word = 4660;
	const uint64_t large = 1ull << 40;

	expect_bytes("\"text\"\n", "text", 5);
	expect_bytes("true\n", "Yes", 4);
	expect_bytes("false\n", "No", 3);
	expect_bytes("4660\n", &word, 4);
	expect_bytes("1099511627776\n", &large, 8);
	expect_bytes("{\"$data\":\"AAEC\"}\n", "\0\1\2", 3);
}
END_TEST

START_TEST(what_is_no_bytes_is_refused)
{
	static const char *const wrong[] = {
		"[1]", "{}", "{\"$set\":[]}", "{\"$data\":\"!\"}", "{\"$data\":1}",
		"{\"$data\":\"AAEC\",\"x\":1}",
	};
	char buffer[16];
	uint32_t size = sizeof(buffer);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		set_property("value", wrong[i]);
		ck_assert_int_eq(IORegistryEntryGetProperty(service, "value", buffer, &size),
				 kIOReturnBadArgument);
	}
	ck_assert_int_eq(IORegistryEntryGetProperty(service, "none", buffer, &size),
			 kIOReturnNoResources);
	ck_assert_int_eq(IORegistryEntryGetProperty(0, "value", buffer, &size),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetProperty(service, NULL, buffer, &size),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetProperty(service, "value", NULL, &size),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntryGetProperty(service, "value", buffer, NULL),
			 kIOReturnBadArgument);
}
END_TEST

START_TEST(properties_are_set_as_one_document)
{
	json_t *value = json_integer(-1), *table = json_pack("{s:s}", "k", "v");

	set_file("IOService/Dev@0", "props", "");
	ck_assert_int_eq(IORegistryEntrySetCFProperty(service, "mask", value), kIOReturnSuccess);
	ck_assert_str_eq(text_in(in_tree("IOService/Dev@0/props")),
			 "{\"mask\":18446744073709551615}\n");
	set_file("IOService/Dev@0", "props", "");
	ck_assert_int_eq(IORegistryEntrySetCFProperties(service, table), kIOReturnSuccess);
	ck_assert_str_eq(text_in(in_tree("IOService/Dev@0/props")), "{\"k\":\"v\"}\n");
	ck_assert_uint_eq(value->refcount, 1);
	ck_assert_uint_eq(table->refcount, 1);
	ck_assert_int_eq(IORegistryEntrySetCFProperties(service, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntrySetCFProperties(0, table), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntrySetCFProperty(service, NULL, value), kIOReturnBadArgument);
	ck_assert_int_eq(IORegistryEntrySetCFProperty(service, "k", NULL), kIOReturnBadArgument);
	json_decref(value);
	json_decref(table);
}
END_TEST

START_TEST(more_properties_than_may_be_are_too_large)
{
	char *text = calloc(1, (4u << 20) + 1);
	json_t *value;

	memset(text, 'x', 4u << 20);
	value = json_string(text);
	ck_assert_int_eq(IORegistryEntrySetCFProperty(service, "k", value),
			 kIOReturnMessageTooLarge);
	json_decref(value);
	free(text);
}
END_TEST

START_TEST(the_exact_code_of_a_refusal_is_fsds)
{
	json_t *table = json_object();
	char pid[32];

	unlink(in_tree("IOService/Dev@0/props"));
	ck_assert_int_eq(symlink("props", in_tree("IOService/Dev@0/props")), 0);
	/* ELOOP has no code. */
	ck_assert_int_eq(IORegistryEntrySetCFProperties(service, table), kIOReturnError);
	unlink(in_tree("IOService/Dev@0/props"));
	snprintf(pid, sizeof(pid), "err/%d", (int)getpid());
	ck_assert_int_eq(IORegistryEntrySetCFProperties(service, table), kIOReturnNotFound);
	/* A code of another errno is of something else. */
	put_text(in_tree("%s", pid), "0xe00002c1 kIOReturnNotPrivileged\nsaid so\n");
	ck_assert_int_eq(IORegistryEntrySetCFProperties(service, table), kIOReturnNotFound);
	make_directory(in_tree("IOService/Dev@0/props"));
	put_text(in_tree("%s", pid), "0x0000c015 Unix errno 21\n");
	ck_assert_int_eq(IORegistryEntrySetCFProperties(service, table), 0xc015);
	json_decref(table);
}
END_TEST

/* --- how it stands */

START_TEST(a_state_is_a_set_of_bits)
{
	static const struct {
		const char *text;
		uint64_t state;
	} states[] = {
		{ "registered matched active\n", 0x1e },
		{ "registered !matched active\n", 0x0a },
		{ "!registered !matched active\n", 0 },
		{ "!registered !matched inactive\n", 1 },
	};
	uint64_t state, time = 5;
	uint32_t busy;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		set_file("IOService/Dev@0", "state", states[i].text);
		ck_assert_int_eq(IOServiceGetState(service, &state), kIOReturnSuccess);
		ck_assert_uint_eq(state, states[i].state);
	}
	set_file("IOService/Dev@0", "state", "registered matched active\n");
	ck_assert_int_eq(IOServiceGetBusyStateAndTime(service, &state, &busy, &time),
			 kIOReturnSuccess);
	ck_assert_uint_eq(state, 0x1e);
	ck_assert_uint_eq(busy, 2);
	ck_assert_uint_eq(time, 5000000007);
	ck_assert_int_eq(IOServiceGetBusyStateAndTime(service, NULL, NULL, NULL),
			 kIOReturnSuccess);
}
END_TEST

START_TEST(a_service_and_the_registry_are_busy_or_quiet)
{
	mach_timespec_t soon = { .tv_nsec = 1000 }, wrong = { .tv_nsec = 1000000000 };
	uint32_t busy = 7;

	ck_assert_int_eq(IOServiceGetBusyState(service, &busy), kIOReturnSuccess);
	ck_assert_uint_eq(busy, 2);
	ck_assert_int_eq(IOKitGetBusyState(kIOMainPortDefault, &busy), kIOReturnSuccess);
	ck_assert_uint_eq(busy, 3);
	ck_assert_int_eq(IOServiceWaitQuiet(service, NULL), kIOReturnSuccess);
	ck_assert_int_eq(IOServiceWaitQuiet(service, &soon), kIOReturnSuccess);
	ck_assert_int_eq(IOKitWaitQuiet(kIOMainPortDefault, &soon), kIOReturnSuccess);
	ck_assert_int_eq(IOServiceWaitQuiet(service, &wrong), kIOReturnBadArgument);
	ck_assert_int_eq(IOKitWaitQuiet(kIOMainPortDefault, &wrong), kIOReturnBadArgument);
}
END_TEST

START_TEST(a_wait_for_quiet_ends_in_time)
{
	mach_timespec_t soon = { .tv_nsec = 30000000 };
	int other;

	unlink(in_tree("IOService/Dev@0/quiet"));
	ck_assert_int_eq(mkfifo(in_tree("IOService/Dev@0/quiet"), 0600), 0);
	other = open(in_tree("IOService/Dev@0/quiet"), O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(IOServiceWaitQuiet(service, &soon), kIOReturnTimeout);
	close(other);
}
END_TEST

START_TEST(functions_of_services_take_no_root_and_nothing_else)
{
	io_registry_entry_t root = IORegistryGetRootEntry(kIOMainPortDefault);
	const io_service_t wrong[] = { root, 0, -1 };
	mach_timespec_t soon = { .tv_nsec = 1000 };
	json_t *dictionary = json_object();
	uint64_t state;
	uint32_t busy;
	boolean_t matches;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		busy = 5;
		state = 5;
		ck_assert_int_eq(IOServiceGetBusyState(wrong[i], &busy), kIOReturnBadArgument);
		ck_assert_uint_eq(busy, 0);
		ck_assert_int_eq(IOServiceGetState(wrong[i], &state), kIOReturnBadArgument);
		ck_assert_uint_eq(state, 0);
		ck_assert_int_eq(IOServiceGetBusyStateAndTime(wrong[i], &state, &busy, &state),
				 kIOReturnBadArgument);
		ck_assert_int_eq(IOServiceWaitQuiet(wrong[i], &soon), kIOReturnBadArgument);
		ck_assert_int_eq(IOServiceRequestProbe(wrong[i], 0), kIOReturnBadArgument);
		ck_assert_int_eq(IOServiceAuthorize(wrong[i], 0), kIOReturnBadArgument);
		ck_assert_int_eq(IOServiceOpenAsFileDescriptor(wrong[i], O_RDWR), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_int_eq(IOServiceMatchPropertyTable(wrong[i], dictionary, &matches),
				 kIOReturnBadArgument);
	}
	ck_assert_uint_eq(dictionary->refcount, 1);
	ck_assert_int_eq(IOServiceMatchPropertyTable(service, NULL, &matches),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceMatchPropertyTable(service, dictionary, NULL),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceGetBusyState(service, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceGetState(service, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOKitGetBusyState(0, NULL), kIOReturnBadArgument);
	json_decref(dictionary);
	IOObjectRelease(root);
}
END_TEST

START_TEST(a_probe_is_a_word_to_the_driver)
{
	ck_assert_int_eq(IOServiceRequestProbe(service, 4294967295u), kIOReturnSuccess);
	ck_assert_str_eq(text_in(in_tree("IOService/Dev@0/ctl")), "probe 4294967295\n");
}
END_TEST

START_TEST(a_service_may_be_opened_as_a_descriptor)
{
	int fd = IOServiceOpenAsFileDescriptor(service, O_RDWR | O_CREAT | O_TRUNC);

	ck_assert_int_gt(fd, 2);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	ck_assert_int_eq(IOServiceAuthorize(service, 0), kIOReturnSuccess);
	unlink(in_tree("IOService/Dev@0/clone"));
	ck_assert_int_eq(IOServiceAuthorize(service, 0), kIOReturnNotPermitted);
	ck_assert_int_eq(IOServiceOpenAsFileDescriptor(service, O_RDWR), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_class_and_what_it_is_derived_from);
	tcase_add_test(tests, a_property_may_say_another_class);
	tcase_add_test(tests, iterators_have_a_class_too);
	tcase_add_test(tests, what_is_gone_is_known_by_what_was_said_of_it);
	tcase_add_test(tests, a_property_is_a_new_reference);
	tcase_add_test(tests, a_key_that_cannot_be_a_file_is_found);
	tcase_add_test(tests, all_properties_and_their_keys);
	tcase_add_test(tests, a_key_that_begins_as_a_form_does_is_written_with_one_more);
	tcase_add_test(tests, a_search_looks_below_and_above);
	tcase_add_test(tests, a_property_as_bytes);
	tcase_add_test(tests, what_is_no_bytes_is_refused);
	tcase_add_test(tests, properties_are_set_as_one_document);
	tcase_add_test(tests, more_properties_than_may_be_are_too_large);
	tcase_add_test(tests, the_exact_code_of_a_refusal_is_fsds);
	tcase_add_test(tests, a_state_is_a_set_of_bits);
	tcase_add_test(tests, a_service_and_the_registry_are_busy_or_quiet);
	tcase_add_test(tests, a_wait_for_quiet_ends_in_time);
	tcase_add_test(tests, functions_of_services_take_no_root_and_nothing_else);
	tcase_add_test(tests, a_probe_is_a_word_to_the_driver);
	tcase_add_test(tests, a_service_may_be_opened_as_a_descriptor);
}
