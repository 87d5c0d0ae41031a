/* SPDX-License-Identifier: MIT */
/* test_json_text - words of 64 bits in and out, what is refused and where, values in a stream */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "libqueue/json_text.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static json_t *parse(const char *text)
{
	char problem[256] = "";
	json_t *value = NULL;
	int r = json_text_parse(text, strlen(text), &value, problem, sizeof(problem));

	ck_assert_msg(r == 0, "%s: %d, %s", text, r, problem);
	return value;
}

static const struct {
	const char *text, *printed;
} printed[] = {
	{ "0", "0" },
	{ "-0", "0" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "9223372036854775808", "9223372036854775808" },
	{ "9999999999999999999", "9999999999999999999" },
	{ "10000000000000000000", "10000000000000000000" },
	{ "18446744073709551615", "18446744073709551615" },
	{ "-1", "18446744073709551615" },
	{ "-9223372036854775808", "9223372036854775808" },
	{ " [ 18446744073709551615 , -1 ]\n", "[18446744073709551615,18446744073709551615]" },
	{ "{\"18446744073709551615\": -2}", "{\"18446744073709551615\":18446744073709551614}" },
	{ "\"-1 18446744073709551615\"", "\"-1 18446744073709551615\"" },
	{ "\"\\\\\\\"-1\"", "\"\\\\\\\"-1\"" },
	{ "[\"\\\\\",-1,\"-1\"]", "[\"\\\\\",18446744073709551615,\"-1\"]" },
	{ "[-1.5,-1e3,2.5]", "[-1.5,-1000.0,2.5]" },
	{ "18446744073709551615.0", "1.8446744073709552e19" },
	{ "true", "true" },
	{ "null", "null" },
	{ "{\"b\":1,\"a\":[{}]}", "{\"b\":1,\"a\":[{}]}" },
	{ "\"\303\274\"", "\"\303\274\"" },
};

START_TEST(what_is_parsed_is_printed)
{
	json_auto_t *value = parse(printed[_i].text);
	char *text = json_text_print(value, true);

	ck_assert_str_eq(text, printed[_i].printed);
	free(text);
}
END_TEST

START_TEST(a_word_is_held_by_its_bits)
{
	json_auto_t *value = parse("18446744073709551615");

	ck_assert(json_integer_value(value) == -1);
}
END_TEST

START_TEST(a_text_for_people_has_blanks)
{
	json_auto_t *value = parse("{\"a\":[-1,2]}");
	char *text = json_text_print(value, false);

	ck_assert_str_eq(text, "{\"a\": [18446744073709551615, 2]}");
	free(text);
}
END_TEST

/* The text ends at the array's end, not at a NUL: NULs may be in it. */
#define BAD(text, where, what) { text, sizeof(text) - 1, where, what }

static const struct {
	const char *text;
	size_t size;
	const char *where, *what;
} bad[] = {
	BAD("", "1:1:", "end of file"),
	BAD("  \n ", "2:1:", "end of file"),
	BAD("{", "1:1:", ""),
	BAD("{}x", "1:3:", "end of file"),
	BAD("{} {}", "1:4:", "end of file"),
	BAD("[1,]", "1:4:", ""),
	BAD("18446744073709551616", "1:20:", "big"),
	BAD("-9223372036854775809", "1:20:", "big"),
	BAD("99999999999999999999999", "1:23:", "big"),
	BAD("1e999", "1:5:", "overflow"),
	BAD("018446744073709551615", "1:1:", ""),
	BAD("1\0", "1:2:", "NUL"),
	BAD("\"\0\"", "1:2:", "NUL"),
	BAD("\"\\u0000\"", "1:8:", "u0000"),
	BAD("\"\377\"", "1:", "decode byte"),
	BAD("\"\303\"", "1:", "decode byte"),
	BAD("{\"a\": 1, \"a\": 1}", "1:12:", "uplicate"),
	BAD("{\"\303\274\": tru}", "1:9:", ""),
	/* Literals that are longer or shorter for jansson. */
	BAD("[9223372036854775808 x", "1:22:", ""),
	BAD("[18446744073709551615 x", "1:23:", ""),
	BAD("[18446744073709551615,\n9223372036854775808,\n18446744073709551615 x", "3:22:", ""),
	BAD("[18446744073709551615 18446744073709551615]", "1:42:", "expected"),
};

START_TEST(a_mistake_is_told_with_its_place)
{
	char problem[256] = "";
	json_t *value = NULL;

	ck_assert_int_eq(json_text_parse(bad[_i].text, bad[_i].size, &value, problem,
					 sizeof(problem)), -EINVAL);
	ck_assert_ptr_null(value);
	ck_assert_msg(strncmp(problem, bad[_i].where, strlen(bad[_i].where)) == 0 &&
		      strstr(problem, bad[_i].what), "%s is said to be '%s'", bad[_i].text,
		      problem);
	ck_assert_msg(!strstr(problem, "-1"), "'%s' has a literal of nobody's", problem);
	ck_assert_int_eq(json_text_parse(bad[_i].text, bad[_i].size, &value, NULL, 0), -EINVAL);
}
END_TEST

/* @depth lists in each other. Return: of json_text_parse(). */
static int parse_nested(size_t depth, char *problem, size_t room)
{
	char *text = malloc(2 * depth);
	json_t *value = NULL;
	int r;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	r = json_text_parse(text, 2 * depth, &value, problem, room);
	json_decref(value);
	free(text);
	return r;
}

START_TEST(nesting_has_an_end)
{
	char problem[256] = "";

	ck_assert_int_eq(parse_nested(512, problem, sizeof(problem)), 0);
	ck_assert_int_eq(parse_nested(513, problem, sizeof(problem)), -EINVAL);
	ck_assert_str_eq(problem, "1:513: nested deeper than 512");
	ck_assert_int_eq(parse_nested(JSON_TEXT_MAX / 2, problem, sizeof(problem)), -EINVAL);
}
END_TEST

START_TEST(brackets_in_strings_and_closed_ones_do_not_nest)
{
	char text[4096], *at = text;
	json_t *value;

	*at++ = '[';
	for (int i = 0; i < 600; i++)
		at = stpcpy(at, "[],");
	at = stpcpy(at, "\"");
	for (int i = 0; i < 600; i++)
		at = stpcpy(at, "{");
	stpcpy(at, "\"]");
	value = parse(text);
	ck_assert_uint_eq(json_array_size(value), 601);
	json_decref(value);
}
END_TEST

START_TEST(a_document_has_a_largest_size)
{
	char *text = malloc(JSON_TEXT_MAX + 1);
	json_t *value = NULL;

	memset(text, ' ', JSON_TEXT_MAX + 1);
	text[0] = '7';
	ck_assert_int_eq(json_text_parse(text, JSON_TEXT_MAX + 1, &value, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(json_text_parse(text, JSON_TEXT_MAX, &value, NULL, 0), 0);
	json_decref(value);
	free(text);
}
END_TEST

START_TEST(a_small_room_for_the_problem_is_kept_to)
{
	char problem[8] = "xxxxxxx";
	json_t *value;

	ck_assert_int_eq(json_text_parse("{", 1, &value, problem, 6), -EINVAL);
	ck_assert_uint_eq(strlen(problem), 5);
	ck_assert_int_eq(problem[6], 'x');
}
END_TEST

static const struct {
	const char *text;
	int r;
	uint64_t word;
} words[] = {
	{ "0", 0, 0 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "-1", 0, UINT64_MAX },
	{ "\"0x0\"", 0, 0 },
	{ "\"0xffffFFFFffffFFFF\"", 0, UINT64_MAX },
	{ "\"0x00000000000000000000001\"", 0, 1 },
	{ "\"18446744073709551615\"", 0, UINT64_MAX },
	{ "\"007\"", 0, 7 },
	{ "1.0", -EINVAL, 0 },
	{ "true", -EINVAL, 0 },
	{ "null", -EINVAL, 0 },
	{ "[1]", -EINVAL, 0 },
	{ "\"\"", -EINVAL, 0 },
	{ "\"0x\"", -EINVAL, 0 },
	{ "\"0xg\"", -EINVAL, 0 },
	{ "\"0x10000000000000000\"", -EINVAL, 0 },
	{ "\"18446744073709551616\"", -EINVAL, 0 },
	{ "\"-1\"", -EINVAL, 0 },
	{ "\"+1\"", -EINVAL, 0 },
	{ "\" 1\"", -EINVAL, 0 },
	{ "\"1\\n\"", -EINVAL, 0 },
	{ "\"a\"", -EINVAL, 0 },
};

START_TEST(a_word_is_a_number_or_its_text)
{
	json_auto_t *value = parse(words[_i].text);
	uint64_t word = 0;

	ck_assert_int_eq(json_text_word(value, &word), words[_i].r);
	ck_assert_uint_eq(word, words[_i].word);
}
END_TEST

START_TEST(no_value_is_no_word)
{
	uint64_t word;

	ck_assert_int_eq(json_text_word(NULL, &word), -EINVAL);
}
END_TEST

static const struct {
	const char *text;
	size_t first;		/* bytes of the first value; 0: it goes on */
} streams[] = {
	{ "", 0 },
	{ "  \n", 0 },
	{ "{}", 2 },
	{ "{}{}", 2 },
	{ " \n[1, 2] 3", 8 },
	{ "{\"a\": [\"}\", \"]\\\"}\"]} 7", 20 },
	{ "{\"a\": [}", 0 },
	{ "\"a\"", 3 },
	{ "\"a b\\\"c\\\\\"x", 10 },
	{ "\"a", 0 },
	{ "12", 0 },
	{ "12 ", 3 },
	{ "12\n3", 3 },
	{ "  true\r\n", 7 },
	{ "-1.5e3\t", 7 },
	{ "] ", 2 },		/* no value, but the stream goes on behind it */
	{ "}x{ ", 4 },
};

START_TEST(a_stream_is_cut_into_values)
{
	struct json_scan scan = { 0 };

	ck_assert_uint_eq(json_scan(&scan, streams[_i].text, strlen(streams[_i].text)),
			  streams[_i].first);
	if (streams[_i].first > 0)
		ck_assert(!scan.started && scan.depth == 0 && !scan.in_word && !scan.in_string);
}
END_TEST

START_TEST(a_stream_is_cut_alike_byte_by_byte)
{
	const char *text = streams[_i].text;
	struct json_scan scan = { 0 };
	size_t n = strlen(text), end = 0;

	for (size_t i = 0; i < n && end == 0; i++)
		if (json_scan(&scan, text + i, 1) > 0)
			end = i + 1;
	ck_assert_uint_eq(end, streams[_i].first);
}
END_TEST

START_TEST(blanks_alone_are_not_the_start_of_a_value)
{
	struct json_scan scan = { 0 };

	json_scan(&scan, " \t\r\n", 4);
	ck_assert(!scan.started);
	json_scan(&scan, " {", 2);
	ck_assert(scan.started);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, what_is_parsed_is_printed, 0, (int)ARRAY_SIZE(printed));
	tcase_add_test(tests, a_word_is_held_by_its_bits);
	tcase_add_test(tests, a_text_for_people_has_blanks);
	tcase_add_loop_test(tests, a_mistake_is_told_with_its_place, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tests, nesting_has_an_end);
	tcase_add_test(tests, brackets_in_strings_and_closed_ones_do_not_nest);
	tcase_add_test(tests, a_document_has_a_largest_size);
	tcase_add_test(tests, a_small_room_for_the_problem_is_kept_to);
	tcase_add_loop_test(tests, a_word_is_a_number_or_its_text, 0, (int)ARRAY_SIZE(words));
	tcase_add_test(tests, no_value_is_no_word);
	tcase_add_loop_test(tests, a_stream_is_cut_into_values, 0, (int)ARRAY_SIZE(streams));
	tcase_add_loop_test(tests, a_stream_is_cut_alike_byte_by_byte, 0,
			    (int)ARRAY_SIZE(streams));
	tcase_add_test(tests, blanks_alone_are_not_the_start_of_a_value);
}
