/* SPDX-License-Identifier: MIT */
/* test_result - codes, errnos and texts */
#include <errno.h>
#include <stddef.h>

#include <IOKit/IOReturn.h>

#include "main.h"

static const IOReturn codes[] = {
	kIOReturnSuccess, kIOReturnInvalid, kIOReturnError, kIOReturnNoMemory,
	kIOReturnNoResources, kIOReturnIPCError, kIOReturnNoDevice, kIOReturnNotPrivileged,
	kIOReturnBadArgument, kIOReturnLockedRead, kIOReturnLockedWrite,
	kIOReturnExclusiveAccess, kIOReturnBadMessageID, kIOReturnUnsupported,
	kIOReturnVMError, kIOReturnInternalError, kIOReturnIOError, kIOReturnCannotLock,
	kIOReturnNotOpen, kIOReturnNotReadable, kIOReturnNotWritable, kIOReturnNotAligned,
	kIOReturnBadMedia, kIOReturnStillOpen, kIOReturnRLDError, kIOReturnDMAError,
	kIOReturnBusy, kIOReturnTimeout, kIOReturnOffline, kIOReturnNotReady,
	kIOReturnNotAttached, kIOReturnNoChannels, kIOReturnNoSpace, kIOReturnPortExists,
	kIOReturnCannotWire, kIOReturnNoInterrupt, kIOReturnNoFrames,
	kIOReturnMessageTooLarge, kIOReturnNotPermitted, kIOReturnNoPower, kIOReturnNoMedia,
	kIOReturnUnformattedMedia, kIOReturnUnsupportedMode, kIOReturnUnderrun,
	kIOReturnOverrun, kIOReturnDeviceError, kIOReturnNoCompletion, kIOReturnAborted,
	kIOReturnNoBandwidth, kIOReturnNotResponding, kIOReturnIsoTooOld, kIOReturnIsoTooNew,
	kIOReturnNotFound, MIG_ARRAY_TOO_LARGE, MACH_SEND_INVALID_DEST, MACH_SEND_TIMED_OUT,
	MACH_SEND_NO_BUFFER, MACH_RCV_PORT_DIED,
};

START_TEST(every_code_has_a_name_a_text_and_an_errno)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		ck_assert_ptr_nonnull(IOReturnName(codes[i]));
		ck_assert_str_ne(IOReturnText(codes[i]), IOReturnText(12345));
		ck_assert((IOReturnToErrno(codes[i]) == 0) == (codes[i] == kIOReturnSuccess));
	}
}
END_TEST

static const struct fixed {
	uint32_t number;
	IOReturn code;
	const char *name;
	int error;
} fixed[] = {
	{ 0,		kIOReturnSuccess,	  "kIOReturnSuccess",		0 },
	{ 0xe00002bc,	kIOReturnError,		  "kIOReturnError",		EIO },
	{ 0xe00002c2,	kIOReturnBadArgument,	  "kIOReturnBadArgument",	EINVAL },
	{ 0xe00002c5,	kIOReturnExclusiveAccess, "kIOReturnExclusiveAccess",	EBUSY },
	{ 0xe00002d6,	kIOReturnTimeout,	  "kIOReturnTimeout",		ETIMEDOUT },
	{ 0xe00002db,	kIOReturnNoSpace,	  "kIOReturnNoSpace",		ENOSPC },
	{ 0xe00002e1,	kIOReturnMessageTooLarge, "kIOReturnMessageTooLarge",	EMSGSIZE },
	{ 0xe00002e7,	kIOReturnUnderrun,	  "kIOReturnUnderrun",		ENODATA },
	{ 0xe00002e8,	kIOReturnOverrun,	  "kIOReturnOverrun",		EOVERFLOW },
	{ 0xe00002f0,	kIOReturnNotFound,	  "kIOReturnNotFound",		ENOENT },
	{ 0xfffffecd,	MIG_ARRAY_TOO_LARGE,	  "MIG_ARRAY_TOO_LARGE",	E2BIG },
	{ 0x10000003,	MACH_SEND_INVALID_DEST,	  "MACH_SEND_INVALID_DEST",	ENODEV },
};

START_TEST(numbers_and_names_are_those_of_the_original)
{
	ck_assert_uint_eq((uint32_t)fixed[_i].code, fixed[_i].number);
	ck_assert_str_eq(IOReturnName(fixed[_i].code), fixed[_i].name);
	ck_assert_int_eq(IOReturnToErrno(fixed[_i].code), fixed[_i].error);
}
END_TEST

START_TEST(an_errno_leads_to_a_code_that_leads_back)
{
	static const int errors[] = {
		0, EACCES, EPERM, EINVAL, EBUSY, EOPNOTSUPP, ENOENT, ENODEV, ENXIO, EAGAIN, EBADFD,
		ENOMEM, ETIMEDOUT, EMSGSIZE, ECANCELED, ENODATA, EOVERFLOW, E2BIG, EIO,
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		ck_assert_int_eq(IOReturnToErrno(IOReturnFromErrno(errors[i])), errors[i]);
	ck_assert_int_eq(IOReturnFromErrno(EIO), kIOReturnIOError);
	ck_assert_int_eq(IOReturnFromErrno(EPIPE), kIOReturnError);
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
	tcase_add_test(tests, every_code_has_a_name_a_text_and_an_errno);
	tcase_add_loop_test(tests, numbers_and_names_are_those_of_the_original, 0,
			    (int)(sizeof(fixed) / sizeof(fixed[0])));
	tcase_add_test(tests, an_errno_leads_to_a_code_that_leads_back);
	tcase_add_test(tests, an_errno_may_travel_as_a_code);
}
