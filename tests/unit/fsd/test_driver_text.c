/* SPDX-License-Identifier: MIT */
/* test_driver_text - what fsd asks a driver and what it answers, in JSON and in words */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "control/driver_text.h"
#include "util/failure.h"

static void printed(const struct request *request, const char *json, const char *words)
{
	char *text = request_print(request, false);

	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, json);
	free(text);
	text = request_print(request, true);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, words);
	free(text);
}

START_TEST(opens)
{
	struct identity who = { .pid = 1014, .comm = "bash" };
	struct request request = { REQUEST_OPEN, .id = 1, .connection = 1, .who = &who };
	json_t *entitlements = json_pack("{s:b}", "org.example.e", 1);

	printed(&request, "{\"op\":\"open\",\"id\":1,\"conn\":1,\"type\":0,\"uid\":0,\"gid\":0,"
		"\"pid\":1014,\"comm\":\"bash\"}",
		"op=open id=1 conn=1 type=0 uid=0 gid=0 pid=1014 comm=bash");
	who = (struct identity){ .uid = 4294967294, .gid = 5,
				 .comm = "a b\xff\xc3\xa9\xed\xa0\x80\xf4" };
	who.exe = strdup("/bin/\"x\xc3");
	request.type = UINT32_MAX;
	request.entitlements = entitlements;
	printed(&request,
		"{\"op\":\"open\",\"id\":1,\"conn\":1,\"type\":4294967295,\"uid\":4294967294,"
		"\"gid\":5,\"pid\":0,"
		"\"comm\":\"a b\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
		"\"exe\":\"/bin/\\\"x\xef\xbf\xbd\",\"ents\":{\"org.example.e\":true}}",
		"op=open id=1 conn=1 type=4294967295 uid=4294967294 gid=5 pid=0 "
		"comm=a%20b%EF%BF%BD%C3%A9%EF%BF%BD%EF%BF%BD%EF%BF%BD%EF%BF%BD "
		"exe=%2Fbin%2F%22x%EF%BF%BD ents=%7B%22org.example.e%22%3Atrue%7D");
	free(who.exe);
	json_decref(entitlements);
}
END_TEST

START_TEST(calls)
{
	struct identity who = { .uid = 1000, .pid = 77 };
	struct call call = { .selector = 1, .si = { 10, 32768 }, .n_si = 2, .n_so = 1 };
	struct request request = { REQUEST_CALL, .id = 2, .connection = 1, .call = &call };

	printed(&request,
		"{\"op\":\"call\",\"id\":2,\"conn\":1,\"sel\":1,\"si\":[10,32768],\"so\":1,\"sos\":0}",
		"op=call id=2 conn=1 sel=1 si=10,32768 so=1 sos=0");
	call = (struct call){ .selector = 2, .output_size = 5, .input = strdup("hello"),
			      .input_size = 5 };
	printed(&request,
		"{\"op\":\"call\",\"id\":2,\"conn\":1,\"sel\":2,\"si\":[],\"so\":0,\"sos\":5,"
		"\"sib\":\"aGVsbG8=\"}", "op=call id=2 conn=1 sel=2 si= so=0 sos=5 sib=hello");
	memcpy(call.input, "\0 %\xff=", 5);
	call.variable = call.async = true;
	call.reference = UINT64_MAX;
	request.who = &who;
	printed(&request,
		"{\"op\":\"call\",\"id\":2,\"conn\":1,\"sel\":2,\"si\":[],\"so\":0,\"sos\":\"var\","
		"\"sib\":\"ACAl/z0=\",\"async\":18446744073709551615,\"uid\":1000,\"pid\":77}",
		"op=call id=2 conn=1 sel=2 si= so=0 sos=var sib=%00%20%25%FF%3D "
		"async=18446744073709551615 uid=1000 pid=77");
	request = (struct request){ REQUEST_CALL, .id = 2, .connection = 1, .call = &call,
				    .background = true };
	call_deinit(&call);
	call = (struct call){ .selector = 3 };
	printed(&request,
		"{\"op\":\"call\",\"id\":2,\"conn\":1,\"sel\":3,\"si\":[],\"so\":0,\"sos\":0,"
		"\"background\":true}", "op=call id=2 conn=1 sel=3 si= so=0 sos=0 background=true");
	request.background = false;
	call_deinit(&call);
	/* What the driver sees of too many. */
	call.n_so = 99;
	request.who = NULL;
	printed(&request,
		"{\"op\":\"call\",\"id\":2,\"conn\":1,\"sel\":0,\"si\":[],\"so\":16,\"sos\":0}",
		"op=call id=2 conn=1 sel=0 si= so=16 sos=0");
}
END_TEST

/* Who asks stands behind all else. */
#define JSON_ASKS	",\"uid\":1000,\"gid\":5,\"pid\":77}"
#define WORDS_ASK	" uid=1000 gid=5 pid=77"

START_TEST(the_other_requests)
{
	json_t *properties = json_pack("{s:s}", "a", "b c");
	struct request request = { .id = 3, .connection = 4, .type = 5, .reference = 6, .other = 7,
				   .options = 8, .died = true, .properties = properties,
				   .asks = { 1000, 5, 77 } };
	static const struct {
		enum request_op op;
		const char *json, *words;
	} cases[] = {
		{ REQUEST_MEMORY, "{\"op\":\"mem\",\"id\":3,\"conn\":4,\"type\":5" JSON_ASKS,
		  "op=mem id=3 conn=4 type=5" WORDS_ASK },
		{ REQUEST_PORT, "{\"op\":\"port\",\"id\":3,\"conn\":4,\"type\":5,\"ref\":6" JSON_ASKS,
		  "op=port id=3 conn=4 type=5 ref=6" WORDS_ASK },
		{ REQUEST_ADD_CLIENT, "{\"op\":\"addclient\",\"id\":3,\"conn\":4,\"to\":7" JSON_ASKS,
		  "op=addclient id=3 conn=4 to=7" WORDS_ASK },
		{ REQUEST_SET_PROPERTIES,
		  "{\"op\":\"setprops\",\"id\":3,\"conn\":4,\"props\":{\"a\":\"b c\"}" JSON_ASKS,
		  "op=setprops id=3 conn=4 props=%7B%22a%22%3A%22b%20c%22%7D" WORDS_ASK },
		{ REQUEST_PROBE, "{\"op\":\"probe\",\"id\":3,\"options\":8" JSON_ASKS,
		  "op=probe id=3 options=8" WORDS_ASK },
		{ REQUEST_SEIZE, "{\"op\":\"seize\",\"id\":3,\"conn\":4,\"by\":7" JSON_ASKS,
		  "op=seize id=3 conn=4 by=7" WORDS_ASK },
		{ REQUEST_UNPORT, "{\"op\":\"unport\",\"conn\":4,\"type\":5}",
		  "op=unport conn=4 type=5" },
		{ REQUEST_CLOSE, "{\"op\":\"close\",\"conn\":4,\"died\":true}",
		  "op=close conn=4 died=true" },
		{ REQUEST_CANCEL, "{\"op\":\"cancel\",\"cancel\":7}", "op=cancel cancel=7" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request.op = cases[i].op;
		printed(&request, cases[i].json, cases[i].words);
	}
	request.connection = 0;
	request.op = REQUEST_SET_PROPERTIES;
	printed(&request,
		"{\"op\":\"setprops\",\"id\":3,\"conn\":null,\"props\":{\"a\":\"b c\"}" JSON_ASKS,
		"op=setprops id=3 conn=null props=%7B%22a%22%3A%22b%20c%22%7D" WORDS_ASK);
	request = (struct request){ REQUEST_CLOSE, .connection = 1 };
	printed(&request, "{\"op\":\"close\",\"conn\":1,\"died\":false}",
		"op=close conn=1 died=false");
	json_decref(properties);
}
END_TEST

static struct driver_line parse(const char *text, bool words)
{
	struct driver_line line;
	int r = driver_line_parse(text, strlen(text), words, &line);
	struct failure why;

	failure_take(&why);
	ck_assert_msg(r == 0, "%s: %s", text, why.message);
	return line;
}

/* What is read without jansson is what jansson reads. */
START_TEST(an_answer_of_numbers_is_the_same_in_any_form)
{
	static const char *const forms[] = {
		"{\"id\":8,\"rc\":3758097090,\"so\":[0,18446744073709551615]}",
		" {\"so\" : [ 0 , 18446744073709551615 ] , \"rc\" : 3758097090 ,\t\"id\" : 8 }\n",
		"{\"id\":8,\"rc\":3758097090,\"so\":[0,18446744073709551615],\"by\":0}",
		"{\"id\":8,\"rc\":-536870206,\"so\":[0,-1]}",
		"{\"id\":\"8\",\"rc\":\"kIOReturnBadArgument\",\"so\":[\"0x0\",-1]}",
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct driver_line line = parse(forms[i], false);

		ck_assert(line.kind == LINE_ANSWER && line.id == 8);
		ck_assert_int_eq(line.reply.code, kIOReturnBadArgument);
		ck_assert_uint_eq(line.reply.n_so, 2);
		ck_assert(line.reply.so[0] == 0 && line.reply.so[1] == UINT64_MAX);
		driver_line_deinit(&line);
	}
}
END_TEST

/* The same in both forms, so each is looked at once. */
#define for_both(line, json, words)							\
	for (int i_ = 0; i_ < 2 && ((line) = parse(i_ ? (words) : (json), i_), true);	\
	     i_++, driver_line_deinit(&(line)))

START_TEST(answers)
{
	struct driver_line line;

	for_both(line, "{\"id\":8,\"rc\":0,\"so\":[327680,-1]}\n",
		 "id=8 rc=0 so=327680,18446744073709551615\n") {
		ck_assert_int_eq(line.kind, LINE_ANSWER);
		ck_assert_uint_eq(line.id, 8);
		ck_assert_int_eq(line.reply.code, kIOReturnSuccess);
		ck_assert_uint_eq(line.reply.n_so, 2);
		ck_assert(line.reply.so[0] == 327680 && line.reply.so[1] == UINT64_MAX);
		ck_assert(!line.reply.has_output && !line.buffer);
	}
	for_both(line, "{\"id\":8,\"rc\":0,\"sob\":\"AGEl\"}", "  id=8  rc=0x0\tsob=%00a%25 ") {
		ck_assert(line.reply.has_output && line.reply.output_size == 3);
		ck_assert_mem_eq(line.reply.output, "\0a%", 3);
	}
	for_both(line, "{\"id\":8,\"rc\":0,\"sob\":\"\",\"so\":[]}", "id=8 rc=0 sob= so=") {
		ck_assert(line.reply.has_output && line.reply.output_size == 0);
		ck_assert_uint_eq(line.reply.n_so, 0);
	}
	for_both(line, "{\"id\":8,\"rc\":0,\"buf\":\"a b\",\"ro\":true}",
		 "id=8 rc=0 buf=a%20b ro=true") {
		ck_assert_str_eq(line.buffer, "a b");
		ck_assert(line.read_only);
	}
	for_both(line, "{\"id\":1,\"rc\":0,\"so\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,5,6]}",
		 "id=1 rc=0 so=0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,5,6") {
		ck_assert_uint_eq(line.reply.n_so, 17);
		ck_assert_uint_eq(line.reply.so[15], 5);
	}
}
END_TEST

START_TEST(codes_by_number_and_name)
{
	struct driver_line line;

	for_both(line, "{\"id\":1,\"rc\":3758097112}", "id=1 rc=3758097112")
		ck_assert_int_eq(line.reply.code, kIOReturnNotReady);
	for_both(line, "{\"id\":1,\"rc\":-536870184}", "id=1 rc=0xe00002d8")
		ck_assert_int_eq(line.reply.code, kIOReturnNotReady);
	for_both(line, "{\"id\":1,\"rc\":\"kIOReturnNotReady\"}", "id=1 rc=kIOReturnNotReady")
		ck_assert_int_eq(line.reply.code, kIOReturnNotReady);
	for_both(line, "{\"id\":1,\"rc\":\"kIOReturnSuccess\"}", "id=1 rc=MIG_ARRAY_TOO_LARGE")
		ck_assert_int_eq(line.reply.code, i_ ? MIG_ARRAY_TOO_LARGE : kIOReturnSuccess);
	for_both(line, "{\"id\":1,\"rc\":\"kIOReturnError\"}", "id=1 rc=kIOReturnNotFound")
		ck_assert_int_eq(line.reply.code, i_ ? kIOReturnNotFound : kIOReturnError);
}
END_TEST

START_TEST(an_answer_may_repeat_its_request)
{
	struct driver_line line;

	for_both(line,
		 "{\"op\":\"call\",\"id\":2,\"conn\":1,\"sel\":1,\"si\":[1],\"so\":1,\"sos\":0,"
		 "\"sib\":\"!\",\"async\":7,\"uid\":0,\"pid\":1,\"rc\":0}",
		 "op=call id=2 conn=1 sel=1 si=1 sos=0 sib=%00 async=7 uid=0 pid=1 rc=0") {
		ck_assert_int_eq(line.kind, LINE_ANSWER);
		ck_assert_uint_eq(line.id, 2);
		ck_assert_uint_eq(line.reply.n_so, 0);
	}
	line = parse("{\"op\":\"open\",\"id\":1,\"conn\":1,\"type\":0,\"uid\":0,\"gid\":0,\"pid\":1014,"
		     "\"comm\":\"bash\",\"exe\":\"/x\",\"ents\":{},\"rc\":0}", false);
	driver_line_deinit(&line);
	line = parse("{\"op\":\"call\",\"id\":2,\"so\":[4],\"rc\":0}", false);
	ck_assert(line.reply.n_so == 1 && line.reply.so[0] == 4);
	driver_line_deinit(&line);
}
END_TEST

START_TEST(what_a_driver_says_unasked)
{
	struct driver_line line;

	for_both(line, "{\"async\":77,\"conn\":1,\"rc\":0,\"args\":[1,5],\"candrop\":true}",
		 "async=77 conn=1 rc=0 args=1,5 candrop=true") {
		ck_assert_int_eq(line.kind, LINE_COMPLETION);
		ck_assert(line.reference == 77 && line.connection == 1 && line.can_drop);
		ck_assert(line.n_arguments == 2 && line.arguments[1] == 5);
	}
	for_both(line, "{\"notify\":7,\"conn\":1,\"data\":{\"poked\":true}}",
		 "notify=7 conn=1 data=%7B%22poked%22%3Atrue%7D") {
		ck_assert_int_eq(line.kind, LINE_NOTIFY);
		ck_assert(line.type == 7 && json_is_true(json_object_get(line.data, "poked")));
	}
	for_both(line, "{\"message\":\"0xe0000100\",\"arg\":5}", "message=0xe0000100 arg=5") {
		ck_assert_int_eq(line.kind, LINE_MESSAGE);
		ck_assert_uint_eq(line.message, 0xe0000100);
		ck_assert_int_eq(json_integer_value(line.data), 5);
	}
	for_both(line, "{\"message\":1}", "message=1")
		ck_assert_ptr_null(line.data);
	for_both(line, "{\"kill\":3,\"rc\":\"kIOReturnOffline\"}", "kill=3 rc=kIOReturnOffline") {
		ck_assert_int_eq(line.kind, LINE_KILL);
		ck_assert(line.connection == 3 && line.reply.code == kIOReturnOffline);
	}
	for_both(line, "format text\n", "format json") {
		ck_assert_int_eq(line.kind, LINE_FORMAT);
		ck_assert_int_eq(line.text, !i_);
	}
	for_both(line,
		 "{\"async\":1,\"conn\":1,\"rc\":0,\"args\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}",
		 "async=1 conn=1 rc=0 args=0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0")
		ck_assert_uint_eq(line.n_arguments, 17);
}
END_TEST

static void refused(const char *text, size_t size, bool words, const char *word)
{
	struct driver_line line;
	struct failure why;

	ck_assert_msg(driver_line_parse(text, size, words, &line) == -EINVAL, "%s", text);
	failure_take(&why);
	ck_assert_msg(why.error == -EINVAL && strstr(why.message, word), "%s: %s", text,
		      why.message);
}

START_TEST(wrong_lines_of_json)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "driver" }, { "[]", "object" }, { "{}", "\"id\" (an answer)" },
		{ "{\"rc\":0}", "\"id\" (an answer)" }, { "{\"id\":1}", "\"rc\" is missing" },
		{ "{\"id\":1,\"rc\":0,\"sb\":\"\"}",
		  "unknown key \"sb\"; known are id, rc, so, sob, buf, ro" },
		{ "{\"id\":1,\"rc\":0,\"so\":7}", "\"so\"" },
		{ "{\"id\":1,\"rc\":null}", "\"rc\"" },
		{ "{\"id\":1,\"rc\":4294967296}", "\"rc\"" },
		{ "{\"id\":1,\"rc\":-2147483649}", "\"rc\"" },
		{ "{\"id\":1,\"rc\":\"kIOReturnFine\"}", "\"rc\"" },
		{ "{\"id\":1.5,\"rc\":0}", "\"id\"" },
		{ "{\"id\":1,\"rc\":0,\"sob\":\"a\"}", "\"sob\"" },
		{ "{\"id\":1,\"rc\":0,\"sob\":1}", "\"sob\"" },
		{ "{\"id\":1,\"rc\":0,\"buf\":\"\"}", "\"buf\"" },
		{ "{\"id\":1,\"rc\":0,\"ro\":0}", "\"ro\"" },
		{ "{\"async\":1,\"rc\":0}", "\"conn\" is missing" },
		{ "{\"async\":1,\"conn\":1,\"rc\":0,\"op\":\"call\"}", "\"op\"" },
		{ "{\"notify\":1,\"data\":1}", "\"conn\" is missing" },
		{ "{\"notify\":4294967296,\"conn\":1}", "\"notify\"" },
		{ "{\"message\":-1}", "\"message\"" }, { "{\"kill\":1}", "\"rc\" is missing" },
		{ "{\"kill\":1,\"rc\":0,\"message\":1}", "unknown key \"kill\"" },
		{ "format xml", "driver" }, { "id=8 rc=0", "driver" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, strlen(cases[i].text), false, cases[i].word);
}
END_TEST

START_TEST(wrong_lines_of_words)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "\"id\" (an answer)" }, { "{\"id\":8,\"rc\":0}", "KEY=VALUE" },
		{ "id", "KEY=VALUE" }, { "=8", "KEY=VALUE" }, { "Id=8", "unknown key" },
		{ "abcdefghijklmnopqrst=8", "unknown key" },
		{ "id=8 rc=0 x=1", "unknown key \"x\"" },
		{ "id=8 id=8 rc=0", "\"id\" is there twice" }, { "id=8 rc=%3", "\"rc\"" },
		{ "id=8 rc=%zz", "\"rc\"" }, { "id=8 rc=0 buf=%ff", "\"buf\"" },
		{ "id=8 rc=0 buf=a%00b", "\"buf\"" }, { "id=8 rc=0 buf=", "\"buf\"" },
		{ "id=8 rc=0 so=1,", "\"so\"" }, { "id=8 rc=0 so=1,,2", "\"so\"" },
		{ "id=8 rc=0 so=a", "\"so\"" }, { "id=8 rc=0 ro=yes", "\"ro\"" },
		{ "id= rc=0", "\"id\"" }, { "id=-8 rc=0", "\"id\"" },
		{ "message=1 arg=%7B", "\"arg\"" },
		{ "format text json", "KEY=VALUE" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i].text, strlen(cases[i].text), true, cases[i].word);
	refused("id\0=8 rc=0", 10, true, "unknown key");
	refused("id=8\0 rc=0", 10, true, "\"id\"");
}
END_TEST

START_TEST(too_long_a_line)
{
	size_t size = (4u << 20) + 1;
	char *text = malloc(size);
	struct driver_line line;

	memset(text, ' ', size);
	ck_assert_int_eq(driver_line_parse(text, size, true, &line), -EMSGSIZE);
	ck_assert_int_eq(driver_line_parse(text, size, false, &line), -EMSGSIZE);
	memcpy(text, "id=8 rc=0", 9);
	ck_assert_int_eq(driver_line_parse(text, size - 1, true, &line), 0);
	driver_line_deinit(&line);
	free(text);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, opens);
	tcase_add_test(tests, calls);
	tcase_add_test(tests, the_other_requests);
	tcase_add_test(tests, an_answer_of_numbers_is_the_same_in_any_form);
	tcase_add_test(tests, answers);
	tcase_add_test(tests, codes_by_number_and_name);
	tcase_add_test(tests, an_answer_may_repeat_its_request);
	tcase_add_test(tests, what_a_driver_says_unasked);
	tcase_add_test(tests, wrong_lines_of_json);
	tcase_add_test(tests, wrong_lines_of_words);
	tcase_add_test(tests, too_long_a_line);
}
