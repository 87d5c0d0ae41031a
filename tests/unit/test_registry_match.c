/* SPDX-License-Identifier: MIT */
/* Matching dictionaries: what they say, and who frees them; without fsd. */
#include "plain_tree.h"

static void set_up(void)
{
	new_tree();
}

static void tear_down(void)
{
	remove_tree();
}

/* @dictionary, a new reference, has the one key with that value. */
static void expect_one(json_t *dictionary, const char *key, json_t *value)
{
	json_t *wanted = json_pack("{s:o}", key, value);

	ck_assert_ptr_nonnull(dictionary);
	ck_assert(json_equal(dictionary, wanted));
	ck_assert_uint_eq(dictionary->refcount, 1);
	json_decref(wanted);
	json_decref(dictionary);
}

START_TEST(dictionaries_are_what_they_say)
{
	expect_one(IOServiceMatching("A"), "IOProviderClass", json_string("A"));
	expect_one(IOServiceNameMatching("n"), "IONameMatch", json_string("n"));
	expect_one(IORegistryEntryIDMatching(0x100000101), "IORegistryEntryID",
		   json_integer(0x100000101));
	expect_one(IOBSDNameMatching(0, 0, "disk0"), "BSD Name", json_string("disk0"));
	expect_one(IOOpenFirmwarePathMatching(0, 0, "/cpus"), "IOPathMatch",
		   json_string("IODeviceTree:/cpus"));
}
END_TEST

START_TEST(there_is_no_dictionary_of_nothing)
{
	ck_assert_ptr_null(IOServiceMatching(NULL));
	ck_assert_ptr_null(IOServiceNameMatching(NULL));
	ck_assert_ptr_null(IOBSDNameMatching(0, 0, NULL));
	ck_assert_ptr_null(IOOpenFirmwarePathMatching(0, 0, NULL));
	ck_assert_ptr_null(IOServiceMatching("\xff"));
}
END_TEST

static json_t *large(void)
{
	char *text = malloc((4u << 20) + 1);
	json_t *dictionary;

	memset(text, 'x', 4u << 20);
	text[4u << 20] = '\0';
	dictionary = IOServiceMatching(text);
	free(text);
	return dictionary;
}

/* The file is missing, too. */
START_TEST(a_reference_is_consumed_whatever_happens)
{
	json_t *wrong[] = { IOServiceMatching("A"), json_array(), large() };
	const IOReturn results[] = {
		kIOReturnNotFound, kIOReturnBadArgument, kIOReturnMessageTooLarge,
	};
	io_iterator_t iterator;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_ptr_nonnull(wrong[i]);
		json_incref(wrong[i]);
		json_incref(wrong[i]);
		ck_assert_int_eq(IOServiceGetMatchingServices(kIOMainPortDefault, wrong[i],
							      &iterator), results[i]);
		ck_assert_uint_eq(wrong[i]->refcount, 2);
		ck_assert_int_eq(IOServiceGetMatchingService(kIOMainPortDefault, wrong[i]),
				 IO_OBJECT_NULL);
		ck_assert_uint_eq(wrong[i]->refcount, 1);
		ck_assert_int_eq(IOServiceGetMatchingServices(-1, wrong[i], NULL),
				 kIOReturnBadArgument);
	}
	ck_assert_int_eq(IOServiceGetMatchingServices(kIOMainPortDefault, NULL, &iterator),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOServiceGetMatchingService(kIOMainPortDefault, NULL), IO_OBJECT_NULL);
}
END_TEST

START_TEST(what_cannot_be_written_is_unsupported)
{
	json_t *inside = json_object(), *outside = json_object();
	io_iterator_t iterator;

	/* Each is in the other. */
	ck_assert_int_eq(json_object_set(outside, "in", inside), 0);
	ck_assert_int_eq(json_object_set(inside, "out", outside), 0);
	json_incref(outside);
	ck_assert_int_eq(IOServiceGetMatchingServices(kIOMainPortDefault, outside, &iterator),
			 kIOReturnUnsupported);
	json_object_clear(inside);
	json_decref(inside);
	json_decref(outside);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, dictionaries_are_what_they_say);
	tcase_add_test(tests, there_is_no_dictionary_of_nothing);
	tcase_add_test(tests, a_reference_is_consumed_whatever_happens);
	tcase_add_test(tests, what_cannot_be_written_is_unsupported);
}
