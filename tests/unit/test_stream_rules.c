/* SPDX-License-Identifier: MIT */
/*
 * test_stream_rules - what may be done to a stream when, cell by cell
 */
#include <errno.h>

#include "main.h"
#include "libqueue/stream_rules.h"

/* Codes as letters, so that the table below can be read beside that of the manual. */
static IOReturn code_of(char letter)
{
	switch (letter) {
	case '+': return kIOReturnSuccess;
	case 'o': return kIOReturnNotOpen;
	case 'd': return kIOReturnNoDevice;
	case 'x': return kIOReturnExclusiveAccess;
	case 'b': return kIOReturnBusy;
	case 'r': return kIOReturnNotReady;
	case 's': return kIOReturnStillOpen;
	}
	ck_abort_msg("%c", letter);
	return kIOReturnError;
}

/* closed stopped running suspended draining dead; draining in the modes input, output, inout */
static const struct {
	enum stream_operation operation;
	const char *input, *output, *inout;
} table[] = {
	{ STREAM_OPEN,		 "+xxxxd", "+xxxxd", "+xxxxd" },
	{ STREAM_CLOSE,		 "o+++++", "o+++++", "o+++++" },
	{ STREAM_START,		 "o+++bd", "o+++bd", "o+++bd" },
	{ STREAM_SUSPEND,	 "or++bd", "or++bd", "or++bd" },
	{ STREAM_STOP,		 "o++++d", "o++++d", "o++++d" },
	{ STREAM_DRAIN,		 "o++++d", "o++++d", "o++++d" },
	{ STREAM_SET_MODE,	 "++bbbd", "++bbbd", "++bbbd" },
	{ STREAM_ENQUEUE_OUTPUT, "or+r+d", "or+rrd", "or+rrd" },
	{ STREAM_DEQUEUE_OUTPUT, "or+++d", "or+++d", "or+++d" },
	{ STREAM_ENQUEUE_INPUT,	 "or++rd", "or+++d", "or++rd" },
	{ STREAM_DEQUEUE_INPUT,	 "or+r+d", "or+r+d", "or+r+d" },
	{ STREAM_NOTIFY,	 "o++++d", "o++++d", "o++++d" },
	{ STREAM_MAP,		 "o++++d", "o++++d", "o++++d" },
	{ STREAM_ADD_BUFFER,	 "+++++d", "+++++d", "+++++d" },
	{ STREAM_CHANGE,	 "+ssssd", "+ssssd", "+ssssd" },
};

START_TEST(each_cell_is_as_documented)
{
	uint32_t seen = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum stream_operation operation = table[i].operation;

		seen |= 1u << operation;
		for (uint32_t state = 0; state < N_STREAM_STATES; state++) {
			ck_assert_int_eq(stream_allows(operation, state, kIOStreamModeInput),
					  code_of(table[i].input[state]));
			ck_assert_int_eq(stream_allows(operation, state, kIOStreamModeOutput),
					  code_of(table[i].output[state]));
			ck_assert_int_eq(stream_allows(operation, state, kIOStreamModeInputOutput),
					  code_of(table[i].inout[state]));
		}
	}
	ck_assert_uint_eq(seen, (1u << N_STREAM_OPERATIONS) - 1);
}
END_TEST

START_TEST(a_state_that_is_none_is_an_internal_error)
{
	for (enum stream_operation operation = 0; operation < N_STREAM_OPERATIONS; operation++)
		for (uint32_t state = N_STREAM_STATES; state <= STREAM_STATE_MASK; state++)
			for (IOStreamMode mode = 0; mode < 4; mode++)
				ck_assert_int_eq(stream_allows(operation, state, mode),
						  kIOReturnInternalError);
}
END_TEST

START_TEST(states_and_modes_have_names)
{
	static const char *const states[] = {
		"closed", "stopped", "running", "suspended", "draining", "dead",
	};

	for (uint32_t i = 0; i < 6; i++)
		ck_assert_str_eq(stream_state_name(i), states[i]);
	ck_assert_ptr_null(stream_state_name(6));
	ck_assert_ptr_null(stream_state_name(UINT32_MAX));
	ck_assert_str_eq(stream_mode_name(kIOStreamModeInput), "input");
	ck_assert_str_eq(stream_mode_name(kIOStreamModeOutput), "output");
	ck_assert_str_eq(stream_mode_name(kIOStreamModeInputOutput), "inout");
	ck_assert_ptr_null(stream_mode_name(3));
	ck_assert_ptr_null(stream_mode_name(UINT32_MAX));
}
END_TEST

START_TEST(each_code_has_the_errno_of_a_streams_files)
{
	static const struct {
		IOReturn code;
		int error;
	} errnos[] = {
		{ kIOReturnSuccess, 0 },
		{ kIOReturnError, EIO },
		{ kIOReturnNoMemory, ENOMEM },
		{ kIOReturnNoResources, ENOBUFS },
		{ kIOReturnNoDevice, ENODEV },
		{ kIOReturnBadArgument, EINVAL },
		{ kIOReturnExclusiveAccess, EBUSY },
		{ kIOReturnUnsupported, EOPNOTSUPP },
		{ kIOReturnInternalError, EPROTO },
		{ kIOReturnNotOpen, ENXIO },
		{ kIOReturnStillOpen, EBUSY },
		{ kIOReturnBusy, EBUSY },
		{ kIOReturnNotReady, EBADFD },
		{ kIOReturnNotAttached, ENOTCONN },
		{ kIOReturnNoSpace, ENOSPC },
		{ kIOReturnNotPermitted, EPERM },
		{ kIOReturnUnderrun, EAGAIN },
		{ kIOReturnOverrun, EAGAIN },
		{ kIOReturnAborted, ECANCELED },
		{ kIOReturnNotFound, ENOENT },
	};

	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		ck_assert_msg(stream_errno(errnos[i].code) == errnos[i].error, "%08x: %d",
			      errnos[i].code, stream_errno(errnos[i].code));
}
END_TEST

/* @offset and @length, of data in an area of @size, and likewise of control. */
static bool fits(uint32_t offset, uint32_t length, uint64_t size)
{
	IOStreamBufferQueueEntry data = { .dataOffset = offset, .dataLength = length };
	IOStreamBufferQueueEntry control = { .controlOffset = offset, .controlLength = length };
	bool result = stream_entry_fits(&data, size, 0);

	ck_assert_int_eq(stream_entry_fits(&control, 0, size), result);
	return result;
}

START_TEST(an_entry_is_within_its_areas_without_a_sum)
{
	ck_assert(fits(0, 0, 0));
	ck_assert(!fits(1, 0, 0));
	ck_assert(!fits(0, 1, 0));
	ck_assert(fits(0, 100, 100));
	ck_assert(fits(100, 0, 100));
	ck_assert(fits(40, 60, 100));
	ck_assert(!fits(40, 61, 100));
	ck_assert(!fits(101, 0, 100));
	ck_assert(!fits(UINT32_MAX, 2, 100));
	ck_assert(!fits(2, UINT32_MAX, 100));
	ck_assert(!fits(50, UINT32_MAX - 49, 100));
	ck_assert(fits(UINT32_MAX, 0, UINT32_MAX));
	ck_assert(!fits(UINT32_MAX, 1, UINT32_MAX));
	ck_assert(fits(UINT32_MAX, UINT32_MAX, UINT64_MAX));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, each_cell_is_as_documented);
	tcase_add_test(tests, a_state_that_is_none_is_an_internal_error);
	tcase_add_test(tests, states_and_modes_have_names);
	tcase_add_test(tests, each_code_has_the_errno_of_a_streams_files);
	tcase_add_test(tests, an_entry_is_within_its_areas_without_a_sum);
}
