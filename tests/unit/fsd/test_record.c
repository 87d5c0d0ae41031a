/* SPDX-License-Identifier: MIT */
/* test_record - what a restart needs to know, as text and back */
#include <errno.h>
#include <string.h>

#include "main.h"
#include "store/record.h"

static struct record make_queue(void)
{
	struct record record = {
		.kind = RECORD_QUEUE,
		.parent = 2,
		.name = strdup("n\xff\n%"),
		.own = { 1, 2, 0750 },
		.files = { 3, 4, S_IFREG | 0660 },
		.rows = calloc(1, sizeof(struct record_row)),
		.n_rows = 1,
		.persist = true,
		.capacity = 1ull << 40,
		.max_entry = UINT32_MAX,
		.max_entry_is_set = true,
		.holders = { { 77, 123456789012 }, { 0, 0 } },
	};

	record.rows[0] = (struct record_row){ strdup("data"), { 5, 6, 0600 } };
	return record;
}

START_TEST(a_queue_comes_back_as_it_was)
{
	struct record record = make_queue(), back;
	char *text = record_to_text(&record);

	ck_assert_int_eq(record_from_text(text, &back), 0);
	ck_assert_int_eq(back.kind, RECORD_QUEUE);
	ck_assert_uint_eq(back.parent, 2);
	ck_assert_str_eq(back.name, "n\xff\n%");
	ck_assert_mem_eq(&back.own, &record.own, sizeof(back.own));
	ck_assert_mem_eq(&back.files, &record.files, sizeof(back.files));
	ck_assert_uint_eq(back.n_rows, 1);
	ck_assert_str_eq(back.rows[0].name, "data");
	ck_assert_uint_eq(back.rows[0].attributes.mode, 0600);
	ck_assert(back.persist && back.max_entry_is_set);
	ck_assert_uint_eq(back.capacity, 1ull << 40);
	ck_assert_uint_eq(back.max_entry, UINT32_MAX);
	ck_assert_int_eq(back.holders[SIDE_PRODUCER].pid, 77);
	ck_assert_uint_eq(back.holders[SIDE_PRODUCER].start_time, 123456789012);
	ck_assert_int_eq(back.holders[SIDE_CONSUMER].pid, 0);
	record_deinit(&back);
	record_deinit(&record);
	free(text);
}
END_TEST

START_TEST(a_service_has_no_queue_in_its_text)
{
	struct record record = { .kind = RECORD_SERVICE, .parent = 1, .name = strdup("S") }, back;
	char *text = record_to_text(&record);

	ck_assert_ptr_null(strstr(text, "capacity"));
	ck_assert_int_eq(record_from_text(text, &back), 0);
	ck_assert_int_eq(back.kind, RECORD_SERVICE);
	record_deinit(&back);
	record_deinit(&record);
	free(text);
}
END_TEST

START_TEST(a_stream_brings_its_details_and_no_queue)
{
	struct record record = { .kind = RECORD_STREAM, .parent = 3, .name = strdup("camera"),
				 .persist = true, .details = json_pack("{s:[i,i]}", "buffers", 1, 2) };
	struct record back;
	char *text = record_to_text(&record);

	ck_assert_ptr_null(strstr(text, "capacity"));
	ck_assert_int_eq(record_from_text(text, &back), 0);
	ck_assert_int_eq(back.kind, RECORD_STREAM);
	ck_assert_uint_eq(back.parent, 3);
	ck_assert_str_eq(back.name, "camera");
	ck_assert(back.persist);
	ck_assert(json_equal(back.details, record.details));
	record_deinit(&back);
	record_deinit(&record);
	free(text);
}
END_TEST

/* A good text with one piece of it changed. */
static const struct {
	const char *what, *with;
} damages[] = {
	{ "\"format\": 1", "\"format\": 2" },
	{ "\"queue\",", "\"cow\"," },
	{ "\"parent\": 2", "\"parent\": \"2\"" },
	{ "%25", "%" },
	{ "\"persist\"", "\"persists\"" },
	{ "\"capacity\"", "\"format\"" },
	{ "\"rows\": {", "\"rows\": [" },
	{ "}", "" },
};

START_TEST(a_damaged_text_is_refused_and_nothing_leaks)
{
	struct record record = make_queue(), back = { .parent = 99 };
	char *text = record_to_text(&record), *at = strstr(text, damages[_i].what);
	char *changed;

	ck_assert_ptr_nonnull(at);
	ck_assert_int_ge(asprintf(&changed, "%.*s%s%s", (int)(at - text), text, damages[_i].with,
				  at + strlen(damages[_i].what)), 0);
	ck_assert_int_eq(record_from_text(changed, &back), -EBADMSG);
	ck_assert_uint_eq(back.parent, 99);
	free(changed);
	free(text);
	record_deinit(&record);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_queue_comes_back_as_it_was);
	tcase_add_test(tests, a_service_has_no_queue_in_its_text);
	tcase_add_test(tests, a_stream_brings_its_details_and_no_queue);
	tcase_add_loop_test(tests, a_damaged_text_is_refused_and_nothing_leaks, 0,
			    (int)ARRAY_SIZE(damages));
}
