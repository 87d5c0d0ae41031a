/* SPDX-License-Identifier: MIT */
/* test_util - numbers, escapes, lists, the loop, the opener, processes, guards */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "main.h"
#include "util/escape.h"
#include "util/guard.h"
#include "util/list.h"
#include "util/loop.h"
#include "util/number.h"
#include "util/opener.h"
#include "util/process.h"

static const struct {
	const char *text;
	int result;
	uint64_t value;
} numbers[] = {
	{ "0", 0, 0 },
	{ "65536\n", 0, 65536 },
	{ "007", 0, 7 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -EINVAL, 0 },
	{ "99999999999999999999999", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "\n", -EINVAL, 0 },
	{ "-5", -EINVAL, 0 },
	{ "+5", -EINVAL, 0 },
	{ " 5", -EINVAL, 0 },
	{ "5 ", -EINVAL, 0 },
	{ "5\n\n", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "4K", -EINVAL, 0 },
	{ "abc", -EINVAL, 0 },
};

START_TEST(a_number_is_digits_and_at_most_one_newline)
{
	uint64_t value = 0;

	ck_assert_int_eq(number_parse(numbers[_i].text, strlen(numbers[_i].text), &value),
			 numbers[_i].result);
	ck_assert_uint_eq(value, numbers[_i].value);
}
END_TEST

START_TEST(a_number_ends_where_its_text_ends)
{
	uint64_t value;

	ck_assert_int_eq(number_parse("123", 2, &value), 0);
	ck_assert_uint_eq(value, 12);
	ck_assert_int_eq(number_parse("1\0002", 3, &value), -EINVAL);
}
END_TEST

START_TEST(all_bytes_come_back_from_an_escape)
{
	char bytes[256];
	char *text, *back;

	for (int i = 1; i < 256; i++)
		bytes[i - 1] = (char)i;
	bytes[255] = '\0';
	text = escape(bytes);
	for (const char *c = text; *c; c++)
		ck_assert(*c > ' ' && *c < 127);
	back = unescape(text);
	ck_assert_str_eq(back, bytes);
	free(text);
	free(back);
}
END_TEST

static const char *const no_escapes[] = { "%", "%4", "%zz", "%00", "a%2", "%-1" };

START_TEST(what_is_no_escape_is_refused)
{
	ck_assert_ptr_null(unescape(no_escapes[_i]));
}
END_TEST

struct item {
	int value;
	struct list link;
};

START_TEST(a_list_keeps_its_order_and_may_lose_the_item_it_is_at)
{
	struct list head = LIST_INIT(head);
	struct item items[5], *item;
	int sum = 0;

	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		list_append(&head, &items[i].link);
	}
	list_for_each(item, &head, link) {
		sum = 10 * sum + item->value;
		if (item->value % 2 == 0)
			list_remove(&item->link);
	}
	ck_assert_int_eq(sum, 1234);
	list_remove(&items[0].link);	/* again: no harm */
	ck_assert_ptr_eq(head.next, &items[1].link);
	ck_assert_ptr_eq(head.previous, &items[3].link);
}
END_TEST

static struct loop *loop;
static int n_ready;

static void on_ready(struct source *source, uint32_t events)
{
	(void)events;
	n_ready++;
	loop_unwatch(loop, source);
	loop_stop(loop);
}

START_TEST(a_ready_source_is_called_and_may_leave)
{
	struct source source = SOURCE_INIT(on_ready);
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(loop_new(&loop), 0);
	source.fd = ends[0];
	ck_assert_int_eq(loop_watch(loop, &source, EPOLLIN), 0);
	ck_assert_int_eq(loop_watch(loop, &source, EPOLLIN), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(n_ready, 1);
	ck_assert(!source.watched);
	loop_free(loop);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static int opened = -1;

static void on_opened(void *user, int fd)
{
	opened = fd;
	*(struct opening **)user = NULL;
	loop_stop(loop);
}

static void open_and_run(const char *path, int flags)
{
	struct opener *opener = NULL;
	struct opening *opening = NULL;

	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(opener_new(loop, "/proc", &opener), 0);
	ck_assert_int_eq(opener_start(opener, path, flags, on_opened, &opening, &opening), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_ptr_null(opening);
	opener_free(opener);
	loop_free(loop);
}

START_TEST(the_opener_opens_below_its_root)
{
	open_and_run("self/status", O_RDONLY);
	ck_assert_int_ge(opened, 0);
	close(opened);
}
END_TEST

START_TEST(the_opener_tells_why_it_could_not)
{
	open_and_run("no/such/file", O_RDONLY);
	ck_assert_int_eq(opened, -ENOENT);
}
END_TEST

START_TEST(an_opening_given_up_is_told_to_nobody)
{
	struct opener *opener = NULL;
	struct opening *first = NULL, *second = NULL;

	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(opener_new(loop, "/proc", &opener), 0);
	ck_assert_int_eq(opener_start(opener, "self/stat", O_RDONLY, on_opened, &first, &first), 0);
	opening_cancel(first);
	ck_assert_int_eq(opener_start(opener, "no", O_RDONLY, on_opened, &second, &second), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(opened, -ENOENT);
	ck_assert_ptr_nonnull(first);
	opener_free(opener);
	loop_free(loop);
}
END_TEST

START_TEST(a_process_is_told_by_its_pid_and_start)
{
	uint64_t start = process_start_time(getpid());

	ck_assert_int_eq(process_of_thread(getpid()), getpid());
	ck_assert_uint_gt(start, 0);
	ck_assert_uint_eq(process_start_time(getpid()), start);
	ck_assert_uint_eq(process_start_time(0), 0);
	ck_assert_uint_eq(process_start_time(-1), 0);
	ck_assert_int_eq(process_of_thread(0), 0);
	ck_assert(process_has_thread(getpid(), getpid()));
	ck_assert(!process_has_thread(getpid(), getppid()));
	ck_assert(!process_has_thread(getpid(), 0) && !process_has_thread(0, getpid()));
}
END_TEST

START_TEST(a_page_that_its_file_lost_reads_as_zeros)
{
	volatile unsigned char *memory;
	struct guard guard;
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne((void *)(uintptr_t)memory, MAP_FAILED);
	ck_assert_int_eq(guard_install(), 0);
	guard_add(&guard, (void *)(uintptr_t)memory, 8192);
	memory[4096] = 7;
	ck_assert(!guard.lost);

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_eq(memory[4096], 0);
	ck_assert(guard.lost);
	memory[5000] = 1;	/* nobody else sees it, and it does no harm */
	guard_remove(&guard);
	munmap((void *)(uintptr_t)memory, 8192);
	close(fd);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, a_number_is_digits_and_at_most_one_newline, 0,
			    (int)ARRAY_SIZE(numbers));
	tcase_add_test(tests, a_number_ends_where_its_text_ends);
	tcase_add_test(tests, all_bytes_come_back_from_an_escape);
	tcase_add_loop_test(tests, what_is_no_escape_is_refused, 0, (int)ARRAY_SIZE(no_escapes));
	tcase_add_test(tests, a_list_keeps_its_order_and_may_lose_the_item_it_is_at);
	tcase_add_test(tests, a_ready_source_is_called_and_may_leave);
	tcase_add_test(tests, the_opener_opens_below_its_root);
	tcase_add_test(tests, the_opener_tells_why_it_could_not);
	tcase_add_test(tests, an_opening_given_up_is_told_to_nobody);
	tcase_add_test(tests, a_process_is_told_by_its_pid_and_start);
	tcase_add_test(tests, a_page_that_its_file_lost_reads_as_zeros);
}
