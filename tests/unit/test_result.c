/* SPDX-License-Identifier: MIT */
/* test_result - codes, errnos and texts */
#include <errno.h>
#include <stddef.h>

#include <IOKit/IOReturn.h>

#include "main.h"

#define ROW(number, code, error) { number, code, #code, error }

static const struct {
	uint32_t number;
	IOReturn code;
	const char *name;
	int error;
} codes[] = {
	ROW(0x00000000, kIOReturnSuccess, 0),
	ROW(0xe0000001, kIOReturnInvalid, EIO),
	ROW(0xe00002bc, kIOReturnError, EIO),
	ROW(0xe00002bd, kIOReturnNoMemory, ENOMEM),
	ROW(0xe00002be, kIOReturnNoResources, ENOMEM),
	ROW(0xe00002bf, kIOReturnIPCError, EIO),
	ROW(0xe00002c0, kIOReturnNoDevice, ENXIO),
	ROW(0xe00002c1, kIOReturnNotPrivileged, EACCES),
	ROW(0xe00002c2, kIOReturnBadArgument, EINVAL),
	ROW(0xe00002c3, kIOReturnLockedRead, EACCES),
	ROW(0xe00002c4, kIOReturnLockedWrite, EACCES),
	ROW(0xe00002c5, kIOReturnExclusiveAccess, EBUSY),
	ROW(0xe00002c6, kIOReturnBadMessageID, EBADMSG),
	ROW(0xe00002c7, kIOReturnUnsupported, EOPNOTSUPP),
	ROW(0xe00002c8, kIOReturnVMError, EFAULT),
	ROW(0xe00002c9, kIOReturnInternalError, EIO),
	ROW(0xe00002ca, kIOReturnIOError, EIO),
	ROW(0xe00002cc, kIOReturnCannotLock, ENOLCK),
	ROW(0xe00002cd, kIOReturnNotOpen, EBADFD),
	ROW(0xe00002ce, kIOReturnNotReadable, EACCES),
	ROW(0xe00002cf, kIOReturnNotWritable, EROFS),
	ROW(0xe00002d0, kIOReturnNotAligned, EINVAL),
	ROW(0xe00002d1, kIOReturnBadMedia, EMEDIUMTYPE),
	ROW(0xe00002d2, kIOReturnStillOpen, EBUSY),
	ROW(0xe00002d3, kIOReturnRLDError, ENOEXEC),
	ROW(0xe00002d4, kIOReturnDMAError, EIO),
	ROW(0xe00002d5, kIOReturnBusy, EBUSY),
	ROW(0xe00002d6, kIOReturnTimeout, ETIMEDOUT),
	ROW(0xe00002d7, kIOReturnOffline, ENODEV),
	ROW(0xe00002d8, kIOReturnNotReady, EAGAIN),
	ROW(0xe00002d9, kIOReturnNotAttached, ENODEV),
	ROW(0xe00002da, kIOReturnNoChannels, EIO),
	ROW(0xe00002db, kIOReturnNoSpace, ENOSPC),
	ROW(0xe00002dd, kIOReturnPortExists, EEXIST),
	ROW(0xe00002de, kIOReturnCannotWire, ENOMEM),
	ROW(0xe00002df, kIOReturnNoInterrupt, EIO),
	ROW(0xe00002e0, kIOReturnNoFrames, EIO),
	ROW(0xe00002e1, kIOReturnMessageTooLarge, EMSGSIZE),
	ROW(0xe00002e2, kIOReturnNotPermitted, EPERM),
	ROW(0xe00002e3, kIOReturnNoPower, ESHUTDOWN),
	ROW(0xe00002e4, kIOReturnNoMedia, ENOMEDIUM),
	ROW(0xe00002e5, kIOReturnUnformattedMedia, EMEDIUMTYPE),
	ROW(0xe00002e6, kIOReturnUnsupportedMode, EOPNOTSUPP),
	ROW(0xe00002e7, kIOReturnUnderrun, ENODATA),
	ROW(0xe00002e8, kIOReturnOverrun, EOVERFLOW),
	ROW(0xe00002e9, kIOReturnDeviceError, EREMOTEIO),
	ROW(0xe00002ea, kIOReturnNoCompletion, EINVAL),
	ROW(0xe00002eb, kIOReturnAborted, ECANCELED),
	ROW(0xe00002ec, kIOReturnNoBandwidth, EIO),
	ROW(0xe00002ed, kIOReturnNotResponding, ETIMEDOUT),
	ROW(0xe00002ee, kIOReturnIsoTooOld, EIO),
	ROW(0xe00002ef, kIOReturnIsoTooNew, EIO),
	ROW(0xe00002f0, kIOReturnNotFound, ENOENT),
	ROW(0xfffffecd, MIG_ARRAY_TOO_LARGE, E2BIG),
	ROW(0x10000003, MACH_SEND_INVALID_DEST, ENODEV),
	ROW(0x10000004, MACH_SEND_TIMED_OUT, EAGAIN),
	ROW(0x1000000d, MACH_SEND_NO_BUFFER, ENOBUFS),
	ROW(0x10004009, MACH_RCV_PORT_DIED, ENODEV),
};

START_TEST(numbers_names_and_errnos_are_those_of_the_original)
{
	ck_assert_uint_eq((uint32_t)codes[_i].code, codes[_i].number);
	ck_assert_str_eq(IOReturnName(codes[_i].code), codes[_i].name);
	ck_assert_int_eq(IOReturnToErrno(codes[_i].code), codes[_i].error);
	ck_assert_str_ne(IOReturnText(codes[_i].code), IOReturnText(12345));
}
END_TEST

START_TEST(a_driver_may_have_codes_of_its_own)
{
	ck_assert_uint_eq((uint32_t)iokit_vendor_specific_err(5), 0xe3ff8005);
	ck_assert_uint_eq((uint32_t)iokit_family_err(1, 0x3fff), 0xe0007fff);
	ck_assert_ptr_null(IOReturnName(iokit_vendor_specific_err(5)));
	ck_assert_int_eq(IOReturnToErrno(iokit_vendor_specific_err(5)), EIO);
}
END_TEST

START_TEST(an_errno_leads_to_one_of_its_codes)
{
	static const struct {
		int error;
		IOReturn code;
	} errors[] = {
		{ 0, kIOReturnSuccess }, { EACCES, kIOReturnNotPrivileged },
		{ EPERM, kIOReturnNotPermitted }, { EINVAL, kIOReturnBadArgument },
		{ EBUSY, kIOReturnExclusiveAccess }, { EOPNOTSUPP, kIOReturnUnsupported },
		{ ENOENT, kIOReturnNotFound }, { ENODEV, MACH_SEND_INVALID_DEST },
		{ ENXIO, kIOReturnNoDevice }, { EAGAIN, kIOReturnNotReady },
		{ EBADFD, kIOReturnNotOpen }, { ENOMEM, kIOReturnNoMemory },
		{ ETIMEDOUT, kIOReturnTimeout }, { EMSGSIZE, kIOReturnMessageTooLarge },
		{ ECANCELED, kIOReturnAborted }, { ENODATA, kIOReturnUnderrun },
		{ EOVERFLOW, kIOReturnOverrun }, { E2BIG, MIG_ARRAY_TOO_LARGE },
		{ EIO, kIOReturnIOError }, { EPIPE, kIOReturnError },
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		ck_assert_int_eq(IOReturnFromErrno(errors[i].error), errors[i].code);
}
END_TEST

START_TEST(an_errno_may_travel_as_a_code)
{
	ck_assert_int_eq(IOReturnToErrno(0xc000 + EPIPE), EPIPE);
	ck_assert_int_eq(IOReturnToErrno(0xc000), EIO);
	ck_assert_int_eq(IOReturnToErrno(12345), EIO);
	ck_assert_ptr_null(IOReturnName(12345));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, numbers_names_and_errnos_are_those_of_the_original, 0,
			    (int)(sizeof(codes) / sizeof(codes[0])));
	tcase_add_test(tests, a_driver_may_have_codes_of_its_own);
	tcase_add_test(tests, an_errno_leads_to_one_of_its_codes);
	tcase_add_test(tests, an_errno_may_travel_as_a_code);
}
