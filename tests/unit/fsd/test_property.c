/* SPDX-License-Identifier: MIT */
/* test_property - values of properties: their one form, and when they are equal */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "service/property.h"
#include "util/cleanup.h"
#include "util/failure.h"

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	ck_assert_msg(value, "%s: %s", text, error.text);
	return value;
}

/* The canonical form of @text. */
static json_t *value_of(const char *text)
{
	json_auto_t *value = parse(text);
	json_t *canonical = NULL;

	ck_assert_msg(property_canonical(value, &canonical) == 0, "%s", text);
	return canonical;
}

static bool are_equal(const char *one, const char *other)
{
	json_auto_t *a = value_of(one), *b = value_of(other);

	ck_assert(property_equals(a, b) == property_equals(b, a));
	return property_equals(a, b);
}

static const struct {
	const char *bytes, *text;
} known[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/" },
};

START_TEST(base64_has_the_standard_alphabet_with_padding)
{
	_cleanup_(freep) char *text = base64_encode(known[_i].bytes, strlen(known[_i].bytes));
	_cleanup_(freep) unsigned char *bytes = NULL;
	size_t size;

	ck_assert_str_eq(text, known[_i].text);
	ck_assert_int_eq(base64_decode(text, strlen(text), &bytes, &size), 0);
	ck_assert_uint_eq(size, strlen(known[_i].bytes));
	ck_assert_mem_eq(bytes, known[_i].bytes, size);
}
END_TEST

static const char *const not_base64[] = {
	"A", "AA", "AAA", "=", "====", "A===", "AA=A", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zg==Zg==",
	"Zm9-", "Zm9_", "AAAAA===",
};

START_TEST(other_text_is_no_base64)
{
	unsigned char *bytes = NULL;
	size_t size;

	ck_assert_int_eq(base64_decode(not_base64[_i], strlen(not_base64[_i]), &bytes, &size),
			 -EINVAL);
}
END_TEST

static const struct {
	const char *from, *to;
} forms[] = {
	{ "\"text\"", "\"text\"" },
	{ "true", "true" },
	{ "false", "false" },
	{ "4660", "4660" },
	{ "{\"$num\": 4660, \"bits\": 8}", "52" },
	{ "{\"bits\": 16, \"$num\": -1}", "65535" },
	{ "{\"$num\": -1, \"bits\": 64}", "-1" },
	{ "{\"$num\": \"0xffffffffffffffff\"}", "-1" },
	{ "{\"$num\": \"12\"}", "12" },
	{ "{\"$data\": \"QTE=\"}", "{\"$data\": \"QTE=\"}" },
	{ "{\"$data\": \"\"}", "{\"$data\": \"\"}" },
	{ "{\"$hex\": \"00fF\"}", "{\"$data\": \"AP8=\"}" },
	{ "{\"$hex\": \"\"}", "{\"$data\": \"\"}" },
	{ "[1, {\"$hex\": \"41\"}]", "[1, {\"$data\": \"QQ==\"}]" },
	{ "{}", "{}" },
	{ "{\"a\": {\"$num\": 1}}", "{\"a\": 1}" },
	{ "{\"$$data\": \"x\"}", "{\"$$data\": \"x\"}" },
	{ "{\"$set\": [2, 1, 2]}", "{\"$set\": [1, 2]}" },
	{ "{\"$set\": [[2], [1], [2]]}", "{\"$set\": [[1], [2]]}" },
	{ "{\"$set\": []}", "{\"$set\": []}" },
};

START_TEST(each_value_has_one_form)
{
	json_auto_t *value = value_of(forms[_i].from), *expected = parse(forms[_i].to);
	json_auto_t *again = NULL;

	ck_assert_msg(json_equal(value, expected), "%s", forms[_i].from);
	ck_assert_int_eq(property_canonical(value, &again), 0);
	ck_assert(json_equal(value, again));
}
END_TEST

static const char *const wrong[] = {
	"null", "1.5", "1e3", "[null]", "{\"a\": null}", "{\"$foo\": 1}", "{\"$\": 1}",
	"{\"$data\": 1}", "{\"$data\": \"x\"}", "{\"$data\": \"\", \"a\": 1}",
	"{\"a\": 1, \"$hex\": \"00\"}", "{\"$hex\": \"0\"}", "{\"$hex\": \"0g\"}", "{\"$hex\": 1}",
	"{\"$hex\": \"\\u0000\\u0000\"}",
	"{\"$set\": 1}", "{\"$set\": {}}", "{\"$set\": [null]}", "{\"$num\": \"x\"}",
	"{\"$num\": 1, \"bits\": 0}", "{\"$num\": 1, \"bits\": 65}",
	"{\"$num\": 1, \"bits\": \"8\"}",
	"{\"$num\": 1, \"bits\": 8, \"c\": 1}", "{\"$num\": 1, \"c\": 8}",
	"{\"bits\": 1, \"$num\": true}",
	"{\"$num\": \"0x10000000000000000\"}", "{\"$num\": \"-1\"}", "{\"$num\": \"\"}",
	"\"a\\u0000b\"",
	"{\"$set\": [{\"$set\": [{\"$set\": [{\"$set\": [{\"$set\": []}]}]}]}]}",
};

START_TEST(what_is_no_value_is_refused_with_a_word_why)
{
	json_auto_t *value = parse(wrong[_i]);
	json_t *canonical = NULL;
	struct failure why;

	ck_assert_msg(property_canonical(value, &canonical) == -EINVAL, "%s", wrong[_i]);
	failure_take(&why);
	ck_assert_int_eq(why.error, -EINVAL);
	ck_assert_uint_gt(strlen(why.message), 0);
}
END_TEST

START_TEST(nesting_has_an_end)
{
	json_t *value = json_array(), *canonical = NULL;

	for (int i = 0; i < 511; i++)
		value = json_pack("[o]", value);
	ck_assert_int_eq(property_canonical(value, &canonical), 0);
	json_decref(canonical);
	value = json_pack("[o]", value);
	ck_assert_int_eq(property_canonical(value, &canonical), -EINVAL);
	json_decref(value);
}
END_TEST

static const char *const equal[][2] = {
	{ "1", "{\"$num\": 1, \"bits\": 8}" },
	{ "-1", "{\"$num\": \"18446744073709551615\"}" },
	{ "\"A1\"", "{\"$data\": \"QTE=\"}" },		/* the bytes */
	{ "\"A1\"", "{\"$data\": \"QTEA\"}" },		/* and a NUL */
	{ "\"\"", "{\"$data\": \"\"}" },
	{ "\"\"", "{\"$data\": \"AA==\"}" },
	{ "{\"$set\": [1, 2, \"x\"]}", "{\"$set\": [\"x\", 2, 1]}" },
	{ "{\"$set\": [\"A1\", \"b\"]}", "{\"$set\": [\"b\", {\"$data\": \"QTE=\"}]}" },
	{ "[\"A1\"]", "[{\"$data\": \"QTE=\"}]" },
	{ "{\"a\": 1, \"b\": [2]}", "{\"b\": [2], \"a\": 1}" },
	{ "{\"a\": \"A1\"}", "{\"a\": {\"$data\": \"QTE=\"}}" },
};

START_TEST(these_are_equal)
{
	ck_assert(are_equal(equal[_i][0], equal[_i][1]));
}
END_TEST

static const char *const different[][2] = {
	{ "1", "true" }, { "0", "false" }, { "true", "false" }, { "1", "\"1\"" }, { "1", "2" },
	{ "\"A1\"", "\"a1\"" },
	{ "\"A1\"", "{\"$data\": \"QTEAAA==\"}" },	/* two NULs */
	{ "\"A1\"", "{\"$data\": \"QTEx\"}" },
	{ "{\"$data\": \"QTE=\"}", "{\"$data\": \"QTEA\"}" },
	{ "[1, 2]", "[2, 1]" }, { "[1]", "[1, 1]" }, { "[1]", "{\"$set\": [1]}" },
	{ "{\"$set\": [1]}", "{\"$set\": [1, 2]}" }, { "{\"$set\": []}", "{}" }, { "[]", "{}" },
	{ "{\"$data\": \"\"}", "{}" }, { "{\"$data\": \"\"}", "{\"$set\": []}" },
	{ "{\"a\": 1}", "{\"a\": 1, \"b\": 2}" }, { "{\"a\": 1}", "{\"b\": 1}" },
	{ "{\"$$data\": \"\"}", "{\"$data\": \"\"}" },
};

START_TEST(these_are_not_equal)
{
	ck_assert(!are_equal(different[_i][0], different[_i][1]));
}
END_TEST

START_TEST(nothing_equals_nothing)
{
	json_auto_t *one = json_integer(1);

	ck_assert(!property_equals(NULL, NULL));
	ck_assert(!property_equals(one, NULL));
	ck_assert(!property_equals(NULL, one));
}
END_TEST

START_TEST(equal_scalars_have_equal_keys)
{
	json_auto_t *one = value_of(equal[_i][0]), *other = value_of(equal[_i][1]);
	_cleanup_(freep) char *key = NULL, *other_key = NULL;
	size_t size = 0, other_size = 0;

	key = property_key(one, &size);
	other_key = property_key(other, &other_size);
	ck_assert(property_is_scalar(one) == !!key);
	ck_assert_uint_eq(size, other_size);
	if (key)
		ck_assert_mem_eq(key, other_key, size);
}
END_TEST

START_TEST(a_long_text_has_a_short_key)
{
	char bytes[1001] = "";
	_cleanup_(freep) char *text = NULL, *key = NULL, *other_key = NULL;
	size_t size, other_size;

	memset(bytes, 'x', 1000);
	text = base64_encode(bytes, 1001);
	json_auto_t *string = json_string(bytes), *data = json_pack("{ss}", "$data", text);
	key = property_key(string, &size);
	other_key = property_key(data, &other_size);
	ck_assert_uint_lt(size, 100);
	ck_assert_uint_eq(size, other_size);
	ck_assert_mem_eq(key, other_key, size);
	ck_assert(property_equals(string, data));
}
END_TEST

START_TEST(kinds_are_told_apart)
{
	json_auto_t *dictionary = value_of("{\"$$set\": 1}"), *set = value_of("{\"$set\": [1]}");
	json_auto_t *data = value_of("{\"$hex\": \"4100\"}");
	_cleanup_(freep) unsigned char *bytes = NULL;
	size_t size;

	ck_assert(property_is_dictionary(dictionary) && !property_is_scalar(dictionary));
	ck_assert(!property_is_dictionary(set) && !property_is_scalar(set));
	ck_assert(!property_is_dictionary(data) && property_is_scalar(data));
	ck_assert(!property_is_dictionary(NULL) && !property_is_scalar(NULL));
	ck_assert_uint_eq(json_array_size(property_set(set)), 1);
	ck_assert_ptr_null(property_set(dictionary));
	bytes = property_data(data, &size);
	ck_assert_uint_eq(size, 2);
	ck_assert_mem_eq(bytes, "A", 2);
	ck_assert_ptr_null(property_data(set, &size));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, base64_has_the_standard_alphabet_with_padding, 0,
			    ARRAY_SIZE(known));
	tcase_add_loop_test(tests, other_text_is_no_base64, 0, ARRAY_SIZE(not_base64));
	tcase_add_loop_test(tests, each_value_has_one_form, 0, ARRAY_SIZE(forms));
	tcase_add_loop_test(tests, what_is_no_value_is_refused_with_a_word_why, 0,
			    ARRAY_SIZE(wrong));
	tcase_add_test(tests, nesting_has_an_end);
	tcase_add_loop_test(tests, these_are_equal, 0, ARRAY_SIZE(equal));
	tcase_add_loop_test(tests, these_are_not_equal, 0, ARRAY_SIZE(different));
	tcase_add_test(tests, nothing_equals_nothing);
	tcase_add_loop_test(tests, equal_scalars_have_equal_keys, 0, 6);
	tcase_add_test(tests, a_long_text_has_a_short_key);
	tcase_add_test(tests, kinds_are_told_apart);
}
