/* SPDX-License-Identifier: MIT */
/* What a connection says to fsd and hears from it, and base64, without a mount. */
#include "main.h"

#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "connection_text.h"

/* @text with ' for " is the line that @call becomes. */
static void check_line(const struct method_call *call, const char *text)
{
	char out[512], wanted[512];
	size_t n;

	strcpy(wanted, text);
	for (char *at = wanted; *at; at++)
		if (*at == '\'')
			*at = '"';
	ck_assert_uint_le(call_room(call), sizeof(out));
	n = call_print(call, out);
	ck_assert_uint_le(n, call_room(call));
	ck_assert_uint_eq(n, strlen(wanted));
	ck_assert_mem_eq(out, wanted, n);
}

static int parse(const char *text, struct method_answer *ret)
{
	char copy[512];
	size_t n = strlen(text);

	memcpy(copy, text, n);
	for (size_t i = 0; i < n; i++)
		if (copy[i] == '\'')
			copy[i] = '"';
	return answer_parse(copy, n, ret);
}

START_TEST(a_call_is_one_line)
{
	const uint64_t scalars[] = { 10, 32768 };

	check_line(&(struct method_call){ .selector = 7 }, "{'sel':7}\n");
	check_line(&(struct method_call){ .selector = 4, .scalars = scalars, .n_scalars = 2,
					  .n_scalars_wanted = 1 },
		   "{'sel':4,'si':[10,32768],'so':1}\n");
	check_line(&(struct method_call){ .bytes = "hello", .n_bytes = 5, .n_bytes_wanted = 5,
					  .reference = 9 },
		   "{'sel':0,'sib':'aGVsbG8=','sos':5,'async':9}\n");
	check_line(&(struct method_call){ .n_bytes_wanted = ANY_SIZE }, "{'sel':0,'sos':'var'}\n");
}
END_TEST

START_TEST(words_of_all_64_bits_are_whole)
{
	uint64_t scalars[SCALARS_MAX];
	struct method_call call = {
		.selector = UINT32_MAX, .scalars = scalars, .n_scalars = SCALARS_MAX,
		.n_scalars_wanted = SCALARS_MAX, .n_bytes_wanted = SIZE_MAX - 1,
		.reference = UINT64_MAX,
	};
	char out[1024];

	for (unsigned i = 0; i < SCALARS_MAX; i++)
		scalars[i] = UINT64_MAX - i;
	ck_assert_uint_le(call_room(&call), sizeof(out));
	ck_assert_uint_le(call_print(&call, out), call_room(&call));
	ck_assert_ptr_nonnull(strstr(out, "\"sel\":4294967295,\"si\":[18446744073709551615,"));
}
END_TEST

START_TEST(an_answer_has_a_result_and_what_it_brings)
{
	struct method_answer answer;

	ck_assert_int_eq(parse("{'rc':0,'name':'kIOReturnSuccess','so':[327680]}\n", &answer), 0);
	ck_assert_uint_eq(answer.result, 0);
	ck_assert_uint_eq(answer.n_scalars, 1);
	ck_assert_uint_eq(answer.scalars[0], 327680);
	ck_assert_ptr_null(answer.bytes);

	ck_assert_int_eq(parse("{'rc':3758097090,'name':'kIOReturnBadArgument'}\n", &answer), 0);
	ck_assert_uint_eq(answer.result, 0xe00002c2);
	ck_assert_uint_eq(answer.n_scalars, 0);

	ck_assert_int_eq(parse(" { 'sob' : 'aGk=' , 'so' : [ ] , 'rc' : 0 } ", &answer), 0);
	ck_assert_uint_eq(answer.n_bytes, 4);

	ck_assert_int_eq(parse("{'ref':18446744073709551615,'rc':5,'args':[1,2,3]}", &answer), 0);
	ck_assert_uint_eq(answer.reference, UINT64_MAX);
	ck_assert_uint_eq(answer.n_scalars, 3);
	ck_assert_uint_eq(answer.scalars[2], 3);
}
END_TEST

START_TEST(what_is_no_answer_is_refused)
{
	static const char *const lines[] = {
		"", "{", "{}", "null", "{'rc':}", "{'rc':-1}", "{'rc':4294967296}", "{'rc':0",
		"{'rc':0}}", "{'rc':0} x", "{'rc':0,}", "{'rc' 0}", "{rc:0}", "{'name':'x'}",
		"{'rc':0,'so':[1,]}", "{'rc':0,'so':[", "{'rc':0,'so':['1']}", "{'rc':0,'so':1}",
		"{'rc':0,'so':[18446744073709551616]}", "{'rc':0,'x':{}}", "{'rc':0,'sob':'",
		"{'rc':0,'so':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", "{'rc':0,'sob':'\\",
	};
	struct method_answer answer;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(parse(lines[i], &answer) < 0, "%s", lines[i]);
	ck_assert_int_lt(answer_parse("{\"rc\":0}\0", 9, &answer), 0);
}
END_TEST

START_TEST(every_prefix_of_an_answer_is_refused)
{
	const char line[] =
		"{\"ref\":1,\"rc\":0,\"name\":\"a\\\"b\",\"so\":[1,22],\"sob\":\"aGk=\"}";
	struct method_answer answer;

	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		char *piece = malloc(n + 1);	/* to its last byte, for the sanitizer */

		memcpy(piece, line, n);
		ck_assert_int_lt(answer_parse(piece, n, &answer), 0);
		free(piece);
	}
	ck_assert_int_eq(answer_parse(line, sizeof(line) - 1, &answer), 0);
}
END_TEST

START_TEST(base64_goes_there_and_back)
{
	uint8_t bytes[256], back[256];
	char text[400];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		size_t length = (size_t)(base64_put(text, bytes, n) - text);

		ck_assert_uint_eq(length, base64_length(n));
		ck_assert_uint_eq(base64_size(text, length), n);
		ck_assert_int_eq(base64_take(text, length, back), 0);
		ck_assert_mem_eq(back, bytes, n);
	}
}
END_TEST

START_TEST(what_is_no_base64_is_refused)
{
	static const char *const texts[] = {
		"a", "ab", "abc", "abcde", "====", "a===", "ab=c", "ab.=", "a-_b", "aGk=aGk=",
		"aGl=", "aG==", "aGk\n", "\xff\xff\xff\xff",
	};
	char out[16];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(base64_take(texts[i], strlen(texts[i]), out) < 0, "%s", texts[i]);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_call_is_one_line);
	tcase_add_test(tests, words_of_all_64_bits_are_whole);
	tcase_add_test(tests, an_answer_has_a_result_and_what_it_brings);
	tcase_add_test(tests, what_is_no_answer_is_refused);
	tcase_add_test(tests, every_prefix_of_an_answer_is_refused);
	tcase_add_test(tests, base64_goes_there_and_back);
	tcase_add_test(tests, what_is_no_base64_is_refused);
}
