/* SPDX-License-Identifier: MIT */
/* test_config - what a configuration may say, and where it is wrong */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "control/config.h"
#include "control/locate.h"

static const char *const good[] = {
	"{}",
	"{\"queues\": []}",
	"{\"queues\": [{\"name\": \"q\"}]}",
	"{\"queues\": [{\"name\": \"q\", \"capacity\": 1, \"max_entry\": 4294967295, \"mode\": \"0660\","
	" \"owner\": \"root\", \"group\": \"0\", \"persist\": true}]}",
	"{\"services\": [{\"name\": \"S\", \"queues\": [{\"name\": \"q\"}],"
	" \"services\": [{\"name\": \"S\"}]}]}",
	"{\"streams\": []}",
	"{\"streams\": [{\"name\": \"s\"}]}",
	"{\"streams\": [{\"name\": \"s\", \"driver\": \"source\", \"rate\": 0.001}, {\"name\": \"t\","
	" \"driver\": \"sink\", \"rate\": 1000000}, {\"name\": \"u\", \"driver\": \"sink\"}]}",
	"{\"streams\": [{\"name\": \"s\", \"direction\": \"inout\", \"buffers\": 1024, \"size\": 0,"
	" \"control_size\": 4294967295, \"queue_length\": 65536, \"linger\": 4294967295,"
	" \"mode\": \"0660\", \"owner\": \"0\", \"group\": \"root\", \"persist\": false}]}",
	"{\"streams\": [{\"name\": \"s\", \"direction\": \"input\", \"buffers\": 0, \"size\": 4294967295,"
	" \"control_size\": 0, \"queue_length\": 0, \"linger\": 0}]}",
	"{\"services\": [{\"name\": \"S\", \"streams\": [{\"name\": \"s\", \"direction\": \"output\"}]}]}",
	" {\n} ",
};

START_TEST(a_good_document_is_accepted)
{
	struct config *config = NULL;
	char *problem = NULL;

	ck_assert_int_eq(config_parse(good[_i], &config, &problem), 0);
	ck_assert_ptr_null(problem);
	config_free(config);
}
END_TEST

static const struct {
	const char *text, *where;	/* "LINE:COLUMN:" and a word of what is wrong */
	const char *what;
} bad[] = {
	{ "", "1:0:", "expected" },
	{ "{", "1:1:", "" },
	{ "[]", "1:1:", "object" },
	{ "{} x", "1:4:", "" },
	{ "{\"queues\": [],\n \"queues\": []}", "2:9:", "uplicate" },
	{ "{\n  \"queue\": []}", "2:3:", "unknown key \"queue\"" },
	{ "{\"queues\": {}}", "1:12:", "list" },
	{ "{\"queues\": [{\"name\": \"a\"},\n 7]}", "2:2:", "object" },
	{ "{\"queues\": [ {} ]}", "1:14:", "\"name\" is missing" },
	{ "{\"queues\": [{\"nam\": \"q\"}]}", "1:14:", "unknown key \"nam\"" },
	{ "{\"queues\": [{\"name\": 7}]}", "1:22:", "name" },
	{ "{\"queues\": [{\"name\": \"a/b\"}]}", "1:22:", "name" },
	{ "{\"queues\": [{\"name\": \"\"}]}", "1:22:", "name" },
	{ "{\"queues\": [{\"name\": \"..\"}]}", "1:22:", "name" },
	{ "{\"queues\": [{\"name\": \"q\", \"capacity\": 0}]}", "1:39:", "capacity" },
	{ "{\"queues\": [{\"name\": \"q\", \"capacity\": -8}]}", "1:39:", "capacity" },
	{ "{\"queues\": [{\"name\": \"q\", \"capacity\": 1.5}]}", "1:39:", "capacity" },
	{ "{\"queues\": [{\"name\": \"q\", \"capacity\": \"8\"}]}", "1:39:", "capacity" },
	{ "{\"queues\": [{\"name\": \"q\", \"capacity\": 99999999999999999999}]}", "1:", "big" },
	{ "{\"queues\": [{\"name\": \"q\", \"mode\": 432}]}", "1:35:", "octal" },
	{ "{\"queues\": [{\"name\": \"q\", \"mode\": \"0888\"}]}", "1:35:", "octal" },
	{ "{\"queues\": [{\"name\": \"q\", \"mode\": \"7777\"}]}", "1:35:", "octal" },
	{ "{\"queues\": [{\"name\": \"q\", \"mode\": \"rw\"}]}", "1:35:", "octal" },
	{ "{\"queues\": [{\"name\": \"q\", \"owner\": \"no such user\"}]}", "1:36:", "user" },
	{ "{\"queues\": [{\"name\": \"q\", \"owner\": 0}]}", "1:36:", "user" },
	{ "{\"queues\": [{\"name\": \"q\", \"group\": \"no such group\"}]}", "1:36:", "group" },
	{ "{\"queues\": [{\"name\": \"q\", \"persist\": \"yes\"}]}", "1:38:", "true or false" },
	{ "{\"queues\": [{\"name\": \"q\", \"color\": 1}]}", "1:27:", "unknown key \"color\"" },
	{ "{\"queues\": [{\"name\": \"q\"},\n\n{\"name\": \"q\"}]}", "3:1:", "twice" },
	{ "{\"services\": [{\"name\": \"S\", \"capacity\": 8}]}", "1:29:", "unknown key" },
	{ "{\"services\": [{\"name\": \"S\",\n\"queues\": [{\"name\": \"\\\"]}\", \"x\": 1}]}]}",
	  "2:29:", "unknown key \"x\"" },
	{ "{\"streams\": [{\"name\": \"s\", \"direction\": \"out\"}]}", "1:41:", "input" },
	{ "{\"streams\": [{\"name\": \"s\", \"direction\": 1}]}", "1:41:", "input" },
	{ "{\"streams\": [{\"name\": \"s\", \"direction\": null}]}", "1:41:", "input" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"camera\"}]}", "1:38:", "source" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": true}]}", "1:38:", "source" },
	{ "{\"streams\": [{\"name\": \"s\", \"buffers\": -1}]}", "1:39:", "0 to 1024" },
	{ "{\"streams\": [{\"name\": \"s\", \"buffers\": 1025}]}", "1:39:", "0 to 1024" },
	{ "{\"streams\": [{\"name\": \"s\", \"buffers\": 2.0}]}", "1:39:", "0 to 1024" },
	{ "{\"streams\": [{\"name\": \"s\", \"buffers\": \"3\"}]}", "1:39:", "0 to 1024" },
	{ "{\"streams\": [{\"name\": \"s\", \"size\": -1}]}", "1:36:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"size\": 4294967296}]}", "1:36:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"size\": 1.5}]}", "1:36:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"size\": \"8\"}]}", "1:36:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"control_size\": -1}]}", "1:44:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"control_size\": 4294967296}]}", "1:44:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"control_size\": []}]}", "1:44:", "32 bits" },
	{ "{\"streams\": [{\"name\": \"s\", \"queue_length\": -1}]}", "1:44:", "0 to 65536" },
	{ "{\"streams\": [{\"name\": \"s\", \"queue_length\": 65537}]}", "1:44:", "0 to 65536" },
	{ "{\"streams\": [{\"name\": \"s\", \"queue_length\": \"8\"}]}", "1:44:", "0 to 65536" },
	{ "{\"streams\": [{\"name\": \"s\", \"linger\": -1}]}", "1:38:", "milliseconds" },
	{ "{\"streams\": [{\"name\": \"s\", \"linger\": 4294967296}]}", "1:38:", "milliseconds" },
	{ "{\"streams\": [{\"name\": \"s\", \"linger\": \"1s\"}]}", "1:38:", "milliseconds" },
	{ "{\"streams\": [{\"name\": \"s\", \"mode\": \"output\"}]}", "1:36:", "octal" },
	{ "{\"streams\": [{\"name\": \"s\", \"mode\": \"0999\"}]}", "1:36:", "octal" },
	{ "{\"streams\": [{\"name\": \"s\", \"owner\": 0}]}", "1:37:", "user" },
	{ "{\"streams\": [{\"name\": \"s\", \"group\": \"no such group\"}]}", "1:37:", "group" },
	{ "{\"streams\": [{\"name\": \"s\", \"persist\": 1}]}", "1:39:", "true or false" },
	{ "{\"streams\": [{\"name\": \"s\", \"capacity\": 8}]}",
	  "1:28:", "unknown key \"capacity\"" },
	{ "{\"streams\": [{\"name\": \"s\", \"max_entry\": 8}]}",
	  "1:28:", "unknown key \"max_entry\"" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"sink\", \"rate\": 0}]}",
	  "1:54:", "0.001 to 1000000" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"sink\", \"rate\": 0.0009}]}",
	  "1:54:", "0.001 to 1000000" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"sink\", \"rate\": 1000001}]}",
	  "1:54:", "0.001 to 1000000" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"sink\", \"rate\": \"30\"}]}",
	  "1:54:", "0.001 to 1000000" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"sink\", \"rate\": null}]}",
	  "1:54:", "0.001 to 1000000" },
	{ "{\"streams\": {}}", "1:13:", "list" },
	{ "{\"streams\": [ 7 ]}", "1:15:", "object" },
	{ "{\"streams\": [{}]}", "1:14:", "\"name\" is missing" },
	{ "{\"streams\": [{\"name\": \"a/b\"}]}", "1:23:", "name" },
	{ "{\"streams\": [{\"name\": \"s\"},\n {\"name\": \"s\"}]}", "2:2:", "twice" },
	{ "{\"streams\": [{\"name\": \"s\", \"rate\": 30}]}",
	  "1:14:", "\"rate\" is that of a \"driver\"" },
	{ "{\"streams\": [{\"name\": \"s\", \"driver\": \"sink\", \"direction\": \"input\"}]}",
	  "1:14:", "leave it out" },
	{ "{\"streams\": [{\"name\": \"s\", \"size\": 0, \"control_size\": 0}]}",
	  "1:14:", "both 0" },
	{ "{\"services\": [{\"name\": \"S\",\n \"streams\": [{\"name\": \"s\",\n \"colour\": 1}]}]}",
	  "3:2:", "unknown key \"colour\"" },
};

START_TEST(a_mistake_is_told_with_its_place)
{
	struct config *config = NULL;
	char *problem = NULL;

	ck_assert_int_eq(config_parse(bad[_i].text, &config, &problem), -EINVAL);
	ck_assert_ptr_null(config);
	ck_assert_msg(strncmp(problem, bad[_i].where, strlen(bad[_i].where)) == 0 &&
		      strstr(problem, bad[_i].what), "%s is said to be '%s'", bad[_i].text,
		      problem);
	free(problem);
}
END_TEST

START_TEST(services_may_not_be_nested_without_end)
{
	struct config *config = NULL;
	char *problem = NULL, *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	fputc('{', out);
	for (int i = 0; i < 500; i++)
		fputs("\"services\": [{\"name\": \"S\", ", out);
	fputs("\"mode\": \"0755\"", out);
	for (int i = 0; i < 500; i++)
		fputs("}]", out);
	fputc('}', out);
	fclose(out);
	ck_assert_int_eq(config_parse(text, &config, &problem), -EINVAL);
	ck_assert_ptr_nonnull(strstr(problem, "too deep"));
	free(problem);
	free(text);
}
END_TEST

START_TEST(a_value_is_located_behind_anything)
{
	const char *text = "{\"a\": [1, \"x,]}\\\"\", {\"b\": null}],\n \"c\" : {\"d\":\t[]}}";
	struct place place = locate(text, (size_t[]){ 1, 0 }, 2, 0);

	ck_assert_uint_eq(place.line, 2);
	ck_assert_uint_eq(place.column, 14);
	place = locate(text, (size_t[]){ 0, 2, 0 }, 3, 1);
	ck_assert_uint_eq(place.line, 1);
	ck_assert_uint_eq(place.column, 22);
	place = locate(text, NULL, 0, 0);
	ck_assert_uint_eq(place.column, 1);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, a_good_document_is_accepted, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tests, a_mistake_is_told_with_its_place, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tests, services_may_not_be_nested_without_end);
	tcase_add_test(tests, a_value_is_located_behind_anything);
}
