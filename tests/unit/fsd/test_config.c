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
