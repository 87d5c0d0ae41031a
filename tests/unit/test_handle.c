/* SPDX-License-Identifier: MIT */
/* Handles: numbers, references, and what is none; and which mount is meant. */
#include "main.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <IOKit/IOKitLib.h>

#include "handle.h"
#include "mount.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static io_object_t new_handle(uint64_t id)
{
	struct handle *handle = handle_new(sizeof(*handle), HANDLE_ENTRY,
					   fd_above_standard(eventfd(0, EFD_CLOEXEC)));
	io_object_t object;

	ck_assert_ptr_nonnull(handle);
	handle->id = id;
	handle->mount = strdup("/mnt");
	object = handle_publish(handle);
	ck_assert_int_gt(object, 0);
	return object;
}

START_TEST(a_handle_is_an_open_descriptor_until_the_last_reference_goes)
{
	io_object_t object = new_handle(1);

	ck_assert(is_open(object));
	ck_assert_uint_eq(IOObjectGetUserRetainCount(object), 1);
	ck_assert_int_eq(IOObjectRetain(object), kIOReturnSuccess);
	ck_assert_uint_eq(IOObjectGetUserRetainCount(object), 2);
	ck_assert_int_eq(IOObjectRelease(object), kIOReturnSuccess);
	ck_assert(is_open(object));
	ck_assert_int_eq(IOObjectRelease(object), kIOReturnSuccess);
	ck_assert(!is_open(object));
	ck_assert_int_eq(IOObjectRelease(object), kIOReturnBadArgument);
}
END_TEST

START_TEST(what_is_no_handle_is_refused)
{
	int plain = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const io_object_t wrong[] = { IO_OBJECT_NULL, -1, INT32_MIN, INT32_MAX, plain, plain + 1 };
	io_object_t object = new_handle(1);
	io_name_t name;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (wrong[i] == object)
			continue;
		ck_assert_int_eq(IOObjectRetain(wrong[i]), kIOReturnBadArgument);
		ck_assert_int_eq(IOObjectRelease(wrong[i]), kIOReturnBadArgument);
		ck_assert_uint_eq(IOObjectGetUserRetainCount(wrong[i]), 0);
		ck_assert_uint_eq(IOObjectGetKernelRetainCount(wrong[i]), 0);
		ck_assert_int_eq(IOObjectGetClass(wrong[i], name), kIOReturnBadArgument);
		ck_assert_ptr_null(IOObjectCopyClass(wrong[i]));
		ck_assert(!IOObjectConformsTo(wrong[i], "OSObject"));
		ck_assert(!IOObjectIsEqualTo(wrong[i], object));
		ck_assert(!IOObjectIsEqualTo(wrong[i], wrong[i]));
		ck_assert_int_eq(IOIteratorNext(wrong[i]), IO_OBJECT_NULL);
		ck_assert(!IOIteratorIsValid(wrong[i]));
		IOIteratorReset(wrong[i]);
	}
	ck_assert_int_eq(IOIteratorNext(object), IO_OBJECT_NULL);
	ck_assert(is_open(plain));
}
END_TEST

START_TEST(handles_of_one_entry_are_equal)
{
	io_object_t one = new_handle(7), same = new_handle(7), other = new_handle(8);

	ck_assert_int_ne(one, same);
	ck_assert(IOObjectIsEqualTo(one, one));
	ck_assert(IOObjectIsEqualTo(one, same));
	ck_assert(!IOObjectIsEqualTo(one, other));
}
END_TEST

START_TEST(a_call_keeps_what_is_released_meanwhile)
{
	io_object_t object = new_handle(1);
	struct handle *handle = handle_get(object, HANDLE_ANY);

	ck_assert_ptr_nonnull(handle);
	ck_assert(handle_is_used(handle));
	IOObjectRelease(object);
	ck_assert(!handle_is_used(handle));
	ck_assert_ptr_null(handle_get(object, HANDLE_ANY));
	ck_assert(is_open(object));
	handle_put(handle);
	ck_assert(!is_open(object));
}
END_TEST

START_TEST(a_handle_that_was_closed_gives_its_number_to_the_next)
{
	io_object_t closed = new_handle(1), next;

	close(closed);
	next = new_handle(2);
	ck_assert_int_eq(next, closed);
	ck_assert_uint_eq(IOObjectGetUserRetainCount(next), 1);
	IOObjectRelease(next);
	ck_assert(!is_open(next));
}
END_TEST

START_TEST(no_handle_is_a_standard_descriptor)
{
	int standard[3];
	io_object_t object;

	for (int fd = 0; fd < 3; fd++) {
		standard[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
	object = new_handle(1);
	for (int fd = 0; fd < 3; fd++)
		dup2(standard[fd], fd);
	ck_assert_int_gt(object, 2);
	ck_assert_int_eq(fcntl(object, F_GETFD), FD_CLOEXEC);
}
END_TEST

static void *retain_and_release(void *argument)
{
	io_object_t object = *(io_object_t *)argument;

	for (int i = 0; i < 20000; i++) {
		IOObjectRetain(object);
		IOObjectIsEqualTo(object, object);
		IOObjectRelease(object);
	}
	return NULL;
}

START_TEST(threads_may_share_a_handle)
{
	io_object_t object = new_handle(1);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, retain_and_release, &object), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(IOObjectGetUserRetainCount(object), 1);
	IOObjectRelease(object);
	ck_assert(!is_open(object));
}
END_TEST

/* --- which mount */

static char directory[] = "/tmp/mount-XXXXXX";

static void make_mount(const char *version)
{
	char path[64];
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	if (!version)
		return;
	snprintf(path, sizeof(path), "%s/version", directory);
	file = fopen(path, "w");
	fputs(version, file);
	fclose(file);
}

static void remove_mount(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/version", directory);
	unlink(path);
	rmdir(directory);
}

START_TEST(the_default_mount_is_that_of_the_environment)
{
	char *mount;
	mach_port_t port;

	make_mount("fsd 0.1\n");
	setenv("FSD_MOUNT", directory, 1);
	ck_assert_int_eq(mount_of_port(kIOMainPortDefault, &mount), kIOReturnSuccess);
	ck_assert_str_eq(mount, directory);
	free(mount);
	ck_assert_int_eq(IOMainPort(MACH_PORT_NULL, &port), kIOReturnSuccess);
	ck_assert_int_eq(mount_of_port(port, &mount), kIOReturnSuccess);
	ck_assert_str_eq(mount, directory);
	free(mount);
	ck_assert_int_eq(IOObjectRelease(port), kIOReturnSuccess);
	ck_assert_int_eq(IOMasterPort(MACH_PORT_NULL, &port), kIOReturnSuccess);
	IOObjectRelease(port);
	ck_assert_int_eq(IOMainPort(MACH_PORT_NULL, NULL), kIOReturnBadArgument);
	remove_mount();
}
END_TEST

START_TEST(a_mount_that_is_not_there_is_no_device)
{
	mach_port_t port;
	char *mount;

	setenv("FSD_MOUNT", "/nowhere", 1);
	ck_assert_int_eq(mount_of_port(kIOMainPortDefault, &mount), kIOReturnNoDevice);
	ck_assert_int_eq(IOMainPort(MACH_PORT_NULL, &port), kIOReturnNoDevice);
	ck_assert_int_eq(IORegistryGetRootEntry(kIOMainPortDefault), IO_OBJECT_NULL);
}
END_TEST

START_TEST(a_port_of_something_else_is_not_privileged)
{
	io_iterator_t iterator = 5;
	char *mount;
	int plain;

	make_mount("something else\n");
	plain = open(directory, O_PATH | O_CLOEXEC);
	ck_assert_int_eq(mount_of_port(plain, &mount), kIOReturnNotPrivileged);
	ck_assert_int_eq(mount_of_port(-1, &mount), kIOReturnNotPrivileged);
	ck_assert_int_eq(mount_of_port(4000, &mount), kIOReturnNotPrivileged);
	ck_assert_int_eq(IOServiceGetMatchingServices(plain, IOServiceMatching("A"), &iterator),
			 kIOReturnNotPrivileged);
	ck_assert_ptr_null(IONotificationPortCreate(plain));
	close(plain);
	remove_mount();
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_handle_is_an_open_descriptor_until_the_last_reference_goes);
	tcase_add_test(tests, what_is_no_handle_is_refused);
	tcase_add_test(tests, handles_of_one_entry_are_equal);
	tcase_add_test(tests, a_call_keeps_what_is_released_meanwhile);
	tcase_add_test(tests, a_handle_that_was_closed_gives_its_number_to_the_next);
	tcase_add_test(tests, no_handle_is_a_standard_descriptor);
	tcase_add_test(tests, threads_may_share_a_handle);
	tcase_add_test(tests, the_default_mount_is_that_of_the_environment);
	tcase_add_test(tests, a_mount_that_is_not_there_is_no_device);
	tcase_add_test(tests, a_port_of_something_else_is_not_privileged);
}
