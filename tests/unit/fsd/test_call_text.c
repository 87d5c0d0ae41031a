/* SPDX-License-Identifier: MIT */
/* test_call_text - method calls, their replies and completions as text */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "control/call_text.h"
#include "util/failure.h"

static struct call parse(const char *text)
{
	struct call call;
	int r = call_parse(text, strlen(text), &call);
	struct failure why;

	failure_take(&why);
	ck_assert_msg(r == 0, "%s: %s", text, why.message);
	return call;
}

static void printed(char *text, const char *expected)
{
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(a_call_of_scalars)
{
	struct call call = parse("{\"sel\":1,\"si\":[10,32768],\"so\":1}\n");

	ck_assert_uint_eq(call.selector, 1);
	ck_assert_uint_eq(call.n_si, 2);
	ck_assert(call.si[0] == 10 && call.si[1] == 32768);
	ck_assert_uint_eq(call.n_so, 1);
	ck_assert(!call.input && call.input_size == 0 && call.output_size == 0);
	ck_assert(!call.variable && !call.async && !call.hex);
	call_deinit(&call);
}
END_TEST

/* What is read without jansson is what jansson reads, and what is not its own it leaves alone. */
START_TEST(a_call_of_numbers_is_the_same_in_any_form)
{
	static const char *const forms[] = {
		"{\"sel\":7,\"si\":[0,18446744073709551615],\"so\":3,\"sos\":64}",
		" { \"sel\" : 7 , \"si\" : [ 0 , 18446744073709551615 ] , \"so\" : 3 , \"sos\" : 64 }\n",
		"{\"sos\":64,\"so\":3,\"si\":[0,18446744073709551615],\"sel\":7,\"hex\":false}",
		"{\"\\u0073el\":7,\"si\":[0,-1],\"so\":3,\"sos\":64}",
		"{\"sel\":\"7\",\"si\":[\"0\",-1],\"so\":3,\"sos\":\"0x40\"}",
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct call call = parse(forms[i]);

		ck_assert_uint_eq(call.selector, 7);
		ck_assert_uint_eq(call.n_si, 2);
		ck_assert(call.si[0] == 0 && call.si[1] == UINT64_MAX);
		ck_assert(call.n_so == 3 && call.output_size == 64);
		call_deinit(&call);
	}
}
END_TEST

START_TEST(scalars_are_words_of_64_bits)
{
	struct call call = parse("{\"sel\":\"0x2\",\"si\":[18446744073709551615,-1,\"0x8000000000000000\","
				 "\"7\"],\"hex\":true}");

	ck_assert_uint_eq(call.selector, 2);
	ck_assert(call.si[0] == UINT64_MAX && call.si[1] == UINT64_MAX);
	ck_assert(call.si[2] == 1ull << 63 && call.si[3] == 7);
	ck_assert(call.hex);
	call_deinit(&call);
}
END_TEST

START_TEST(the_three_forms_of_input)
{
	struct call call = parse("{\"sel\":2,\"sib\":\"aGVsbG8=\",\"sos\":5}");

	ck_assert_uint_eq(call.input_size, 5);
	ck_assert_mem_eq(call.input, "hello", 5);
	ck_assert_uint_eq(call.output_size, 5);
	call_deinit(&call);
	call = parse("{\"sel\":2,\"sihex\":\"00fFA0\",\"sos\":\"var\"}");
	ck_assert_uint_eq(call.input_size, 3);
	ck_assert_mem_eq(call.input, "\x00\xff\xa0", 3);
	ck_assert(call.variable && call.output_size == 0);
	call_deinit(&call);
	call = parse("{\"sel\":2,\"sit\":\"h\\u00e9\",\"async\":77}");
	ck_assert_uint_eq(call.input_size, 3);
	ck_assert_mem_eq(call.input, "h\xc3\xa9", 3);
	ck_assert(call.async && call.reference == 77);
	call_deinit(&call);
	call = parse("{\"sel\":2,\"sit\":\"\"}");
	ck_assert(!call.input && call.input_size == 0);
	call_deinit(&call);
}
END_TEST

START_TEST(too_many_scalars_are_counted)
{
	struct call call = parse("{\"sel\":2,\"si\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16],\"so\":17,"
				 "\"sos\":4294967296}");

	ck_assert_uint_eq(call.n_si, 17);
	ck_assert_uint_eq(call.si[15], 15);
	ck_assert_uint_eq(call.n_so, 17);
	ck_assert_uint_eq(call.output_size, 1ull << 32);
	call_deinit(&call);
}
END_TEST

START_TEST(what_is_no_request)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "call" }, { "7", "object" }, { "{}", "\"sel\" is missing" },
		{ "{\"sel\":1,\"in\":[]}", "unknown key \"in\"; known are sel, si, so" },
		{ "{\"sel\":-1}", "\"sel\"" }, { "{\"sel\":4294967296}", "\"sel\"" },
		{ "{\"sel\":\"mul\"}", "\"sel\"" }, { "{\"sel\":1.0}", "\"sel\"" },
		{ "{\"sel\":1,\"si\":7}", "\"si\"" }, { "{\"sel\":1,\"si\":[true]}", "\"si\"" },
		{ "{\"sel\":1,\"si\":[18446744073709551616]}", "call: " },
		{ "{\"sel\":1,\"so\":[1]}", "\"so\"" },
		{ "{\"sel\":1,\"sos\":\"any\"}", "\"sos\"" },
		{ "{\"sel\":1,\"sib\":\"aGVsbG8\"}", "\"sib\"" },
		{ "{\"sel\":1,\"sib\":[]}", "\"sib\"" },
		{ "{\"sel\":1,\"sihex\":\"0\"}", "\"sihex\"" },
		{ "{\"sel\":1,\"sihex\":\"0g\"}", "\"sihex\"" },
		{ "{\"sel\":1,\"sit\":1}", "\"sit\"" },
		{ "{\"sel\":1,\"sit\":\"a\",\"sihex\":\"00\"}", "only one of" },
		{ "{\"sel\":1,\"async\":null}", "\"async\"" },
		{ "{\"sel\":1,\"hex\":1}", "\"hex\"" },
		{ "{\"sel\":01}", "call: " }, { "{\"sel\":1}x", "call: " },
		{ "{\"sel\":1,}", "call: " },
		{ "{\"sel\":1 \"so\":1}", "call: " }, { "{\"sel\":1,\"si\":[1,]}", "call: " },
		{ "{\"sel\":1,\"so\":}", "call: " }, { "{\"sel\":1", "call: " },
		{ "{\"sel", "call: " },
		{ "{\"sel\":1,\"sel\":1}", "call: " },
		{ "{\"sel\":1,\"sit\":\"\\u0000\"}", "call: " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call;
		struct failure why;

		ck_assert_msg(call_parse(cases[i].text, strlen(cases[i].text), &call) == -EINVAL,
			      "%s",
			      cases[i].text);
		failure_take(&why);
		ck_assert_msg(strstr(why.message, cases[i].word), "%s: %s", cases[i].text,
			      why.message);
	}
}
END_TEST

START_TEST(replies)
{
	struct reply reply = { .so = { 327680, UINT64_MAX }, .n_so = 1 };

	printed(reply_print(&reply, false),
		"{\"rc\":0,\"name\":\"kIOReturnSuccess\",\"so\":[327680]}");
	printed(reply_print(&reply, true),
		"{\"rc\":0,\"name\":\"kIOReturnSuccess\",\"so\":[\"0x50000\"]}");
	reply.n_so = 2;
	printed(reply_print(&reply, false),
		"{\"rc\":0,\"name\":\"kIOReturnSuccess\",\"so\":[327680,18446744073709551615]}");
	reply.code = kIOReturnBadArgument;
	printed(reply_print(&reply, false),
		"{\"rc\":3758097090,\"name\":\"kIOReturnBadArgument\"}");
	reply.code = 0x77;
	printed(reply_print(&reply, false), "{\"rc\":119,\"name\":\"0x00000077\"}");
	reply = (struct reply){ .output = strdup("hello"), .output_size = 5, .has_output = true };
	printed(reply_print(&reply, false),
		"{\"rc\":0,\"name\":\"kIOReturnSuccess\",\"sob\":\"aGVsbG8=\"}");
	reply_deinit(&reply);
	printed(reply_print(&reply, false), "{\"rc\":0,\"name\":\"kIOReturnSuccess\"}");
	reply.has_output = true;
	printed(reply_print(&reply, false),
		"{\"rc\":0,\"name\":\"kIOReturnSuccess\",\"sob\":\"\"}");
	reply = (struct reply){ .n_so = UINT64_MAX };
	printed(reply_print(&reply, false), "{\"rc\":0,\"name\":\"kIOReturnSuccess\","
		"\"so\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}");
}
END_TEST

START_TEST(scalars_of_a_line)
{
	struct call call;

	ck_assert_int_eq(scalars_parse(" 6 7\t0x8 010\n", 13, &call), 0);
	ck_assert_uint_eq(call.n_si, 4);
	ck_assert(call.si[0] == 6 && call.si[1] == 7 && call.si[2] == 8 && call.si[3] == 8);
	ck_assert_int_eq(scalars_parse("18446744073709551615", 20, &call), 0);
	ck_assert_uint_eq(call.si[0], UINT64_MAX);
	ck_assert_int_eq(scalars_parse(" \n", 2, &call), 0);
	ck_assert_uint_eq(call.n_si, 0);
	ck_assert_int_eq(scalars_parse("", 0, &call), 0);
	ck_assert_int_eq(scalars_parse("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", 41, &call), 0);
	ck_assert_uint_eq(call.n_si, 17);
	ck_assert_uint_eq(call.si[15], 16);
	/* Not past the end, where the text goes on. */
	ck_assert_int_eq(scalars_parse("123", 2, &call), 0);
	ck_assert_uint_eq(call.si[0], 12);
}
END_TEST

START_TEST(what_is_no_scalar)
{
	static const char *const cases[] = { "-1", "+1", "1,2", "x", "0x", "08", "1e3", "0xg",
					     "\"1\"",
		"18446744073709551616", "0000000000000000000000000000000000000001", "1\v2", "\v1" };
	struct call call;
	struct failure why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(scalars_parse(cases[i], strlen(cases[i]), &call) == -EINVAL, "%s",
			      cases[i]);
		failure_take(&why);
		ck_assert_ptr_nonnull(strstr(why.message, "6 7 0x8"));
	}
	ck_assert_int_eq(scalars_parse("1\0002", 3, &call), -EINVAL);
}
END_TEST

START_TEST(scalars_and_completions_are_printed)
{
	struct reply reply = { .so = { 1, UINT64_MAX, 3 } };
	const uint64_t arguments[] = { 1, 5 };

	printed(scalars_print(&reply), "");
	reply.n_so = 1;
	printed(scalars_print(&reply), "1");
	reply.n_so = 3;
	printed(scalars_print(&reply), "1 18446744073709551615 3");
	printed(completion_print(77, kIOReturnSuccess, arguments, 2),
		"{\"ref\":77,\"rc\":0,\"args\":[1,5]}");
	printed(completion_print(UINT64_MAX, kIOReturnAborted, NULL, 0),
		"{\"ref\":18446744073709551615,\"rc\":3758097131,\"args\":[]}");
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_call_of_scalars);
	tcase_add_test(tests, a_call_of_numbers_is_the_same_in_any_form);
	tcase_add_test(tests, scalars_are_words_of_64_bits);
	tcase_add_test(tests, the_three_forms_of_input);
	tcase_add_test(tests, too_many_scalars_are_counted);
	tcase_add_test(tests, what_is_no_request);
	tcase_add_test(tests, replies);
	tcase_add_test(tests, scalars_of_a_line);
	tcase_add_test(tests, what_is_no_scalar);
	tcase_add_test(tests, scalars_and_completions_are_printed);
}
