/* SPDX-License-Identifier: MIT */
/*
 * Each thing that a client's stream asks the system for is refused once: memory, descriptors,
 * mappings. The functions say so, nothing is left over, and the next try is as good as the first.
 *
 * The linker gives the functions below in place of the C library's (--wrap), also of those that it
 * has for programs that are compiled with checks of arguments.
 */
#include "plain_stream.h"

#include <errno.h>
#include <sys/epoll.h>

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *text);
__attribute__((format(printf, 2, 0)))
int __real_vasprintf(char **ret, const char *format, va_list arguments);
__attribute__((format(printf, 2, 0)))
int __wrap_vasprintf(char **ret, const char *format, va_list arguments);
__attribute__((format(printf, 3, 0)))
int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list arguments);
int __wrap___openat64_2(int at, const char *path, int flags);
int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
void *__real_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);

static long n_left;		/* up to the one that is refused; below 0: it was */
static bool armed;

static bool fails(int error)
{
	if (!armed || n_left-- != 0)
		return false;
	errno = error;
	return true;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails(ENOMEM) ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = fails(ENOMEM) ? NULL : malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

int __wrap_vasprintf(char **ret, const char *format, va_list arguments)
{
	return fails(ENOMEM) ? -1 : __real_vasprintf(ret, format, arguments);
}

int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list arguments)
{
	(void)flag;
	return __wrap_vasprintf(ret, format, arguments);
}

int __wrap_openat64(int at, const char *path, int flags, ...)
{
	return fails(EMFILE) ? -1 : __real_openat64(at, path, flags);
}

int __wrap___openat64_2(int at, const char *path, int flags)
{
	return __wrap_openat64(at, path, flags);
}

void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return fails(ENOMEM) ? MAP_FAILED : __real_mmap64(at, size, protection, flags, fd, offset);
}

/* Never granted: a mapping is good wherever it is. */
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	(void)old;
	(void)old_size;
	(void)size;
	(void)flags;
	errno = ENOMEM;
	return MAP_FAILED;
}

int __wrap_epoll_create1(int flags)
{
	return fails(EMFILE) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	if (what == EPOLL_CTL_ADD && fails(ENOSPC))
		return -1;
	return __real_epoll_ctl(epoll, what, fd, event);
}

/* --- */

static struct plain_stream stream;
static IOStreamRef ref;
static unsigned n_fds, n_maps;

static void make(void)
{
	new_stream(&stream);
	n_fds = n_open();
	n_maps = n_mappings(&stream);
}

static void clean(void)
{
	remove_stream(&stream);
}

static void assert_nothing_left(void)
{
	ck_assert_uint_eq(n_open(), n_fds);
	ck_assert_uint_eq(n_mappings(&stream), n_maps);
}

static bool is_refusal(IOReturn result)
{
	return result == kIOReturnNoMemory || result == kIOReturnNoResources ||
	       result == kIOReturnNoSpace;
}

/* @try is successful when nothing is refused any more. Return: how many things it asked for. */
static long each_fails(IOReturn (*try)(void))
{
	IOReturn result;
	long n = -1;

	do {
		n_left = ++n;
		armed = true;
		result = try();
		armed = false;
		ck_assert_msg(result == kIOReturnSuccess || is_refusal(result), "%ld: %s", n,
			      IOReturnName(result));
	} while (n_left < 0);
	ck_assert_int_eq(result, kIOReturnSuccess);
	return n;
}

static IOReturn try_create(void)
{
	IOStreamRef made = NULL;
	IOReturn result = IOStreamCreateWithPath(stream.path, &made);

	armed = false;
	if (result == kIOReturnSuccess)
		(*made)->Release(made);
	else
		ck_assert_ptr_null(made);
	assert_nothing_left();
	return result;
}

START_TEST(a_stream_that_cannot_be_had_leaves_nothing)
{
	ck_assert_int_ge(each_fails(try_create), 4);
}
END_TEST

static IOReturn try_open(void)
{
	IOReturn result = (*ref)->Open(ref, 0);

	armed = false;
	if (result == kIOReturnSuccess)
		ck_assert_int_eq((*ref)->Close(ref), kIOReturnSuccess);
	else
		ck_assert_int_eq((*ref)->Close(ref), kIOReturnNotOpen);
	assert_nothing_left();
	return result;
}

START_TEST(an_open_that_fails_leaves_nothing)
{
	ck_assert_int_eq(IOStreamCreateWithPath(stream.path, &ref), kIOReturnSuccess);
	n_fds++;
	/* Seven files and six areas, each a path and a descriptor, and most a mapping. */
	ck_assert_int_ge(each_fails(try_open), 30);
	(*ref)->Release(ref);
}
END_TEST

static IOReturn try_start(void)
{
	IOReturn result = (*ref)->StartStream(ref);

	armed = false;
	assert_nothing_left();
	/* What was mapped is there, of the session of before or of now. */
	memset((*ref)->GetDataBuffer(ref, 0), 1, DATA_SIZE);
	memset((*ref)->GetControlBuffer(ref, 2), 1, CONTROL_SIZE);
	return result;
}

START_TEST(an_open_after_a_restart_may_fail_until_it_does_not)
{
	IOStreamBufferQueueEntry entry;

	ref = open_stream(&stream);
	n_fds = n_open();
	n_maps = n_mappings(&stream);
	restart(&stream);
	ck_assert_int_ge(each_fails(try_start), 30);
	set_state(&stream.rings, STREAM_RUNNING);
	ck_assert_int_eq(send_frame(&stream, 0, 1), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->DequeueOutputEntry(ref, &entry), kIOReturnSuccess);
	ck_assert_int_eq((*ref)->EnqueueInputBuffer(ref, 0, 0, 0, 0, 0), kIOReturnSuccess);
	ck_assert_int_eq(stream_end_take(&stream.rings.end, &entry), kIOReturnSuccess);
	(*ref)->Release(ref);
}
END_TEST

static IOReturn try_take(void)
{
	IOStreamBufferQueueEntry entry = { .bufferID = 77 };
	IOReturn result = (*ref)->DequeueOutputEntry(ref, &entry);

	armed = false;
	ck_assert_uint_eq(entry.bufferID, result == kIOReturnSuccess ? N_BUFFERS : 77);
	return result;
}

START_TEST(a_frame_whose_buffer_cannot_be_mapped_comes_later)
{
	ref = open_stream(&stream);
	set_state(&stream.rings, STREAM_RUNNING);
	make_buffer(&stream, N_BUFFERS);
	store_release(&stream.rings.board->n_buffers, N_BUFFERS + 1);
	know_buffers(&stream.rings, N_BUFFERS + 1, AREA);
	ck_assert_int_eq(send_frame(&stream, N_BUFFERS, 1), kIOReturnSuccess);
	ck_assert_int_ge(each_fails(try_take), 6);
	ck_assert_uint_eq(stream.rings.tally->sides[STREAM_CLIENT].errors, 0);
	(*ref)->Release(ref);
}
END_TEST

START_TEST(a_queue_that_cannot_watch_is_not_added)
{
	IODispatchQueue *queue = NULL;

	ref = open_stream(&stream);
	ck_assert_int_eq(IODispatchQueue_Create("stream", kIODispatchQueueCallerRuns, 0, &queue),
			 kIOReturnSuccess);
	n_left = 0;
	armed = true;
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, queue), kIOReturnError);
	ck_assert_int_eq((*ref)->AddToRunLoop(ref, queue), kIOReturnSuccess);
	armed = false;
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 2);
	(*ref)->Release(ref);
	ck_assert_uint_eq(OSObject_getRetainCount(queue), 1);
	OSObject_release(queue);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, make, clean);
	tcase_add_test(tests, a_stream_that_cannot_be_had_leaves_nothing);
	tcase_add_test(tests, an_open_that_fails_leaves_nothing);
	tcase_add_test(tests, an_open_after_a_restart_may_fail_until_it_does_not);
	tcase_add_test(tests, a_frame_whose_buffer_cannot_be_mapped_comes_later);
	tcase_add_test(tests, a_queue_that_cannot_watch_is_not_added);
}
