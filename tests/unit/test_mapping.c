/* SPDX-License-Identifier: MIT */
/* test_mapping - two files, mapped with the rights of a role */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "main.h"
#include "memory.h"

static int file_of(off_t size)
{
	int fd = memfd_create("queue", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	return fd;
}

static const struct sizes {
	off_t data, consumer;
	int result;
} sizes[] = {
	{ 8192, 4096, 0 },
	{ 12288, 8192, 0 },
	{ 8191, 4096, -EIO },
	{ 4096, 4096, -EIO },
	{ 0, 4096, -EIO },
	{ 8192, 4095, -EIO },
	{ 8192, 0, -EIO },
};

START_TEST(short_files_are_refused)
{
	struct mapping mapping = MAPPING_NULL;
	int data = file_of(sizes[_i].data), consumer = file_of(sizes[_i].consumer);

	ck_assert_int_eq(mapping_open(data, consumer, ROLE_CONSUMER, &mapping), sizes[_i].result);
	ck_assert(!mapping.data == (sizes[_i].result < 0));
	mapping_close(&mapping);
}
END_TEST

START_TEST(a_descriptor_that_is_none_is_an_errno)
{
	struct mapping mapping = MAPPING_NULL;

	ck_assert_int_eq(mapping_open(-1, file_of(4096), ROLE_OBSERVER, &mapping), -EBADF);
	ck_assert_int_eq(mapping_open(file_of(8192), -1, ROLE_OBSERVER, &mapping), -EBADF);
	ck_assert_ptr_null(mapping.data);
}
END_TEST

START_TEST(a_file_that_is_open_for_reading_cannot_be_written)
{
	struct mapping mapping = MAPPING_NULL;
	char path[64];
	int data = file_of(8192), read_only;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", data);
	read_only = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(read_only, 0);
	ck_assert_int_eq(mapping_open(read_only, file_of(4096), ROLE_PRODUCER, &mapping), -EACCES);
	ck_assert_int_eq(mapping_open(read_only, file_of(4096), ROLE_CONSUMER, &mapping), 0);
	mapping_close(&mapping);
}
END_TEST

START_TEST(both_processes_see_the_same_bytes_after_the_descriptors_are_closed)
{
	struct mapping one, two;
	int data = file_of(8192), consumer = file_of(4096);

	ck_assert_int_eq(mapping_open(data, consumer, ROLE_PRODUCER, &one), 0);
	ck_assert_int_eq(mapping_open(data, consumer, ROLE_CONSUMER, &two), 0);
	close(data);
	close(consumer);

	one.data->tail = 16;
	two.consumer->head = 8;
	ck_assert_uint_eq(two.data->tail, 16);
	ck_assert_uint_eq(one.consumer->head, 8);
	mapping_close(&one);
	mapping_close(&one);
	ck_assert_uint_eq(two.data->tail, 16);
	mapping_close(&two);
}
END_TEST

/* Each would be a fault; which file is the other side's depends on the role. */
static void write_foreign_word(enum role role)
{
	struct mapping mapping;

	ck_assert_int_eq(mapping_open(file_of(8192), file_of(4096), role, &mapping), 0);
	if (role != ROLE_CONSUMER)
		*(volatile uint64_t *)&mapping.consumer->head = 8;
	*(volatile uint64_t *)&mapping.data->tail = 8;
}

START_TEST(a_producer_cannot_write_the_consumers_page)
{
	write_foreign_word(ROLE_PRODUCER);
}
END_TEST

START_TEST(a_consumer_cannot_write_the_producers_page)
{
	write_foreign_word(ROLE_CONSUMER);
}
END_TEST

START_TEST(an_observer_can_write_nothing)
{
	write_foreign_word(ROLE_OBSERVER);
}
END_TEST

START_TEST(a_creator_can_write_both)
{
	write_foreign_word(ROLE_CREATOR);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, short_files_are_refused, 0,
			    (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_test(tests, a_descriptor_that_is_none_is_an_errno);
	tcase_add_test(tests, a_file_that_is_open_for_reading_cannot_be_written);
	tcase_add_test(tests, both_processes_see_the_same_bytes_after_the_descriptors_are_closed);
	tcase_add_test_raise_signal(tests, a_producer_cannot_write_the_consumers_page, SIGSEGV);
	tcase_add_test_raise_signal(tests, a_consumer_cannot_write_the_producers_page, SIGSEGV);
	tcase_add_test_raise_signal(tests, an_observer_can_write_nothing, SIGSEGV);
	tcase_add_test(tests, a_creator_can_write_both);
}
