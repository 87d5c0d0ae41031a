/* SPDX-License-Identifier: MIT */
/*
 * test_user_client_calls - method calls of user clients: tables, arguments, answers, without fsd
 */
#include "user_client.h"

/* --- tables */

static const IOExternalMethodDispatch2022 table[] = {
	{ count_call, 2, 8, 1, 4, 0, NULL },
	{ count_call, kIOUCVariableStructureSize, kIOUCVariableStructureSize,
	  kIOUCVariableStructureSize, kIOUCVariableStructureSize, 1, "may.call" },
	{ NULL, 0, 0, 0, 0, 0, NULL },
	{ count_call, 0, 0, 0, 0, 0, "may.not" },
};

static IOReturn dispatched(uint32_t selector, IOExternalMethodArguments arguments)
{
	int n = 0;
	IOUserClient *client = IOUserClient_alloc(&client_class);
	IOReturn result = IOUserClient_dispatchExternalMethod(client, selector, &arguments, table,
							      4, client, &n);

	ck_assert_int_eq(n, result == kIOReturnSuccess);
	OSObject_release(client);
	return result;
}

static IOExternalMethodArguments with(uint32_t si, uint32_t sis, uint32_t so, uint32_t sos)
{
	return (IOExternalMethodArguments){ .scalarInputCount = si, .structureInputSize = sis,
					    .scalarOutputCount = so, .structureOutputSize = sos };
}

START_TEST(the_modern_table_is_checked_for_equality)
{
	ck_assert_int_eq(dispatched(0, with(2, 8, 1, 4)), kIOReturnSuccess);
	ck_assert_int_eq(dispatched(0, with(3, 8, 1, 4)), kIOReturnBadArgument);
	ck_assert_int_eq(dispatched(0, with(2, 7, 1, 4)), kIOReturnBadArgument);
	ck_assert_int_eq(dispatched(0, with(2, 8, 0, 4)), kIOReturnBadArgument);
	ck_assert_int_eq(dispatched(0, with(2, 8, 1, 5)), kIOReturnBadArgument);
	ck_assert_int_eq(dispatched(4, with(2, 8, 1, 4)), kIOReturnBadArgument);
	ck_assert_int_eq(dispatched(UINT32_MAX, with(2, 8, 1, 4)), kIOReturnBadArgument);
}
END_TEST

START_TEST(the_modern_table_allows_asynchronous_calls_or_not)
{
	IOExternalMethodArguments arguments = with(2, 8, 1, 4);

	arguments.asyncWakePort = 4;
	ck_assert_int_eq(dispatched(0, arguments), kIOReturnBadArgument);
	/* The entitlement comes after that, and the function last. */
	ck_assert_int_eq(dispatched(1, arguments), kIOReturnNotPrivileged);
	ck_assert_int_eq(dispatched(2, with(0, 0, 0, 0)), kIOReturnNoCompletion);
	ck_assert_int_eq(IOUserClient_dispatchExternalMethod(NULL, 0, NULL, table, 4, NULL, NULL),
			 kIOReturnBadArgument);
}
END_TEST

START_TEST(no_table_is_an_error)
{
	IOUserClient *client = IOUserClient_alloc(&client_class);
	IOExternalMethodArguments arguments = { 0 };

	ck_assert_int_eq(IOUserClient_dispatchExternalMethod(client, 0, &arguments, NULL, 0, NULL,
							     NULL),
			 kIOReturnError);
	OSObject_release(client);
}
END_TEST

START_TEST(an_entitlement_counts_with_the_value_true_of_who_calls)
{
	client_class.dispatch2022 = table;
	client_class.dispatchCount = 4;
	opened();
	assert_code(called("'sel':1,'si':[],'so':0,'sos':0"), kIOReturnSuccess);
	assert_code(asked(service, "{'op':'call','id':3,'conn':1,'sel':3,'si':[],'so':0,'sos':0}"),
		    kIOReturnNotPrivileged);
	/* Another process than the opener: nothing is known of it. */
	assert_code(asked(service, "{'op':'call','id':4,'conn':1,'sel':1,'si':[],'so':0,'sos':0,"
			  "'uid':1000,'pid':1}"), kIOReturnNotPrivileged);
}
END_TEST

START_TEST(the_classic_table_checks_sizes_and_functions_alone)
{
	static const IOExternalMethodDispatch classic[] = {
		{ count_call, 1, 0, 0, 0 }, { NULL, 0, 0, 0, 0 },
	};

	client_class.dispatch = classic;
	client_class.dispatchCount = 2;
	opened();
	assert_code(called("'sel':0,'si':[5],'async':1"), kIOReturnSuccess);
	assert_code(called("'sel':0,'si':[]"), kIOReturnBadArgument);
	assert_code(called("'sel':1,'si':[]"), kIOReturnNoCompletion);
	/* Out of range: the oldest style, of which there is nothing. */
	assert_code(called("'sel':2,'si':[]"), kIOReturnUnsupported);
	assert_code(called("'sel':2,'sos':5000"), kIOReturnIPCError);
}
END_TEST

/* --- DriverKit */

static OSAction *kept;
static uint64_t kit_size;

static kern_return_t kit_call(void *target, void *reference, IOUserClientMethodArguments *arguments)
{
	(void)reference;
	ck_assert_str_eq(OSMetaClass_getClassName(OSObject_getMetaClass(target)), "TestClient");
	if (arguments->completion) {
		OSObject_retain(arguments->completion);
		kept = arguments->completion;
	}
	for (uint32_t i = 0; i < arguments->scalarOutputCount; i++)
		arguments->scalarOutput[i] = arguments->scalarInput[i] + 1;
	kit_size = arguments->structureInput
			   ? OSData_getLength(arguments->structureInput)
			   : IOMemoryDescriptor_getLength(arguments->structureInputDescriptor);
	if (arguments->structureInput)
		arguments->structureOutput =
			OSData_withBytes(OSData_getBytesNoCopy(arguments->structureInput),
					 OSData_getLength(arguments->structureInput));
	return kIOReturnSuccess;
}

static const IOUserClientMethodDispatch kit_table[] = {
	{ kit_call, 0, 2, 0, 2, 0 },
	{ kit_call, 1, 0, ANY, 0, ANY },
	{ kit_call, ANY, 0, ANY, 0, ANY },
	{ NULL, ANY, ANY, ANY, ANY, ANY },
};

static void use_kit_table(void)
{
	client_class.methodDispatch = kit_table;
	client_class.dispatchCount = 4;
	opened();
}

START_TEST(a_driverkit_table_asks_for_a_completion_or_none)
{
	use_kit_table();
	ck_assert_str_eq(called("'sel':0,'si':[1,41],'so':2,'sos':0"),
			 "{'so':[2,42],'id':2,'rc':0}");
	assert_code(called("'sel':0,'si':[1,41],'so':2,'async':9"), kIOReturnBadArgument);
	assert_code(called("'sel':1,'si':[],'sib':''"), kIOReturnBadArgument);
	assert_code(called("'sel':3"), kIOReturnNoCompletion);
	assert_code(called("'sel':4"), kIOReturnUnsupported);
}
END_TEST

START_TEST(driverkit_gets_structs_as_objects_or_descriptors)
{
	char large[5500];

	use_kit_table();
	ck_assert_str_eq(called("'sel':2,'sib':'aGVsbG8=','sos':5"),
			 "{'sob':'aGVsbG8=','id':2,'rc':0}");
	/* More than the client has room for. */
	assert_code(called("'sel':2,'sib':'aGVsbG8=','sos':4"), kIOReturnBadArgument);
	ck_assert_str_eq(called("'sel':2,'sib':'aGVsbG8=','sos':'var'"),
			 "{'sob':'aGVsbG8=','id':2,'rc':0}");
	/* Nothing was given. */
	assert_code(called("'sel':2,'sos':'var'"), kIOReturnUnderrun);

	memset(large, 'A', sizeof(large));
	large[5464] = '\0';
	assert_code(called("'sel':2,'sib':'%s'", large), kIOReturnSuccess);
	ck_assert_uint_eq(kit_size, 4098);
	/* An object and a descriptor at once. */
	assert_code(called("'sel':2,'sib':'aGVsbG8=','sos':5000"), kIOReturnError);
}
END_TEST

static void ignore_action(void *target, OSAction *action)
{
	(void)target;
	(void)action;
}

START_TEST(a_completion_is_sent_through_its_action)
{
	const uint64_t words[16] = { 1, UINT64_MAX };
	IOUserClient *client;
	OSAction *other;

	use_kit_table();
	client = service_find_connection(service, 1)->client;
	assert_code(called("'sel':1,'async':77,'sib':'aGVsbG8=','sos':5"), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_AsyncCompletion(client, kept, kIOReturnBusy, words, 2),
			 kIOReturnSuccess);
	heard(&mount.session, "{'async':77,'conn':1,'rc':3758097109,"
			      "'args':[1,18446744073709551615],'candrop':false}\n");
	ck_assert_int_eq(IOUserClient_AsyncCompletion(client, kept, 0, words, 17),
			 kIOReturnMessageTooLarge);
	ck_assert_int_eq(IOUserClient_AsyncCompletion(client, NULL, 0, words, 1),
			 kIOReturnBadArgument);
	ck_assert_int_eq(OSAction_Create(client, ignore_action, 0, NULL, &other), 0);
	ck_assert_int_eq(IOUserClient_AsyncCompletion(client, other, 0, words, 1),
			 kIOReturnBadArgument);
	OSObject_release(other);
	OSSafeReleaseNULL(kept);
}
END_TEST

static kern_return_t own_method(IOUserClient *client, uint64_t selector,
				IOUserClientMethodArguments *arguments,
				const IOUserClientMethodDispatch *dispatch, void *target,
				void *reference)
{
	OSAction *action = NULL;

	(void)dispatch;
	(void)target;
	(void)reference;
	if (selector == 0)
		return IOUserClient_ExternalMethod(client, selector, arguments, &kit_table[2],
						   client, NULL);
	ck_assert_int_eq(IOUserClient_CreateActionKernelCompletion(client, 24, &action),
			 arguments->completion ? kIOReturnSuccess : kIOReturnNotReady);
	ck_assert_int_eq(OSAction_GetReference(action) != NULL, arguments->completion != NULL);
	kept = action;
	return kIOReturnSuccess;
}

START_TEST(an_action_is_made_for_the_call_that_is_being_made)
{
	IOUserClient *client;

	methods.ExternalMethod = own_method;
	client = opened();
	assert_code(called("'sel':0"), kIOReturnSuccess);
	assert_code(called("'sel':1"), kIOReturnSuccess);
	assert_code(called("'sel':1,'async':5"), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_AsyncCompletion(client, kept, 0, NULL, 0), kIOReturnSuccess);
	heard(&mount.session, "{'async':5,'conn':1,'rc':0,'args':[],'candrop':false}\n");
	asked(service, "{'op':'close','conn':1,'died':false}");
	ck_assert_int_eq(IOUserClient_CreateActionKernelCompletion(NULL, 0, &kept),
			 kIOReturnBadArgument);
	OSSafeReleaseNULL(kept);
}
END_TEST

/* --- the oldest style */

static int object;
static void *passed[6];

static IOReturn legacy_call(void *target, void *p1, void *p2, void *p3, void *p4, void *p5,
			    void *p6)
{
	void *all[] = { p1, p2, p3, p4, p5, p6 };

	ck_assert_ptr_eq(target, &object);
	memcpy(passed, all, sizeof(all));
	return kIOReturnSuccess;
}

static IOReturn legacy_sum(void *target, void *p1, void *p2, void *p3, void *p4, void *p5, void *p6)
{
	legacy_call(target, p1, p2, p3, p4, p5, p6);
	*(UInt32 *)p3 = (UInt32)(uintptr_t)p1 + (UInt32)(uintptr_t)p2;
	return kIOReturnSuccess;
}

static IOReturn legacy_fill(void *target, void *p1, void *p2, void *p3, void *p4, void *p5,
			    void *p6)
{
	legacy_call(target, p1, p2, p3, p4, p5, p6);
	memcpy(p2, "four", 4);
	*(IOByteCount *)p3 = 4;
	return kIOReturnSuccess;
}

static IOReturn legacy_async(void *target, OSAsyncReference reference, void *p1, void *p2, void *p3,
			     void *p4, void *p5, void *p6)
{
	void *args[] = { p1 };

	(void)target, (void)p2, (void)p3, (void)p4, (void)p5, (void)p6;
	return IOUserClient_sendAsyncResult(reference, kIOReturnSuccess, args, 1);
}

static IOExternalMethod descriptors[] = {
	{ &object, legacy_sum, kIOUCScalarIScalarO, 2, 1 },
	{ &object, legacy_fill, kIOUCScalarIStructO, 1, kIOUCVariableStructureSize },
	{ &object, legacy_call, kIOUCStructIStructO, 5, kIOUCVariableStructureSize },
	{ &object, legacy_call, kIOUCScalarIStructI, 1, 5 },
	{ &object, legacy_call, 1, 0, 0 },
	{ NULL, legacy_call, 0, 0, 0 },
	{ &object, legacy_call, kIOUCScalarIScalarO, 4, 3 },
	{ &object, legacy_call, kIOUCScalarIScalarO | kIOUCForegroundOnly, 0, 0 },
};
static IOExternalAsyncMethod async_descriptor = { &object, legacy_async, kIOUCScalarIScalarO, 1,
						  0 };
static IOExternalTrap trap = { &object, legacy_call };

static IOExternalMethod *by_index(IOUserClient *client, UInt32 index)
{
	(void)client;
	return index < 8 ? &descriptors[index] : NULL;
}

static IOExternalAsyncMethod *async_by_index(IOUserClient *client, UInt32 index)
{
	(void)client;
	return index == 0 ? &async_descriptor : NULL;
}

static IOExternalTrap *trap_by_index(IOUserClient *client, UInt32 index)
{
	(void)client;
	return index == 0 ? &trap : NULL;
}

static void use_descriptors(void)
{
	methods.getExternalMethodForIndex = by_index;
	methods.getExternalAsyncMethodForIndex = async_by_index;
	methods.getExternalTrapForIndex = trap_by_index;
	opened();
}

START_TEST(descriptors_fill_six_arguments_each_type_in_its_way)
{
	use_descriptors();
	/* Scalars have 32 bits. */
	ck_assert_str_eq(called("'sel':0,'si':[4294967300,38],'so':1"),
			 "{'so':[42],'id':2,'rc':0}");
	ck_assert_str_eq(called("'sel':1,'si':[9],'sos':6"), "{'sob':'Zm91cg==','id':2,'rc':0}");
	ck_assert_ptr_eq(passed[0], (void *)9);
	assert_code(called("'sel':2,'sib':'aGVsbG8=','sos':6"), kIOReturnSuccess);
	ck_assert_ptr_eq(passed[2], (void *)5);
	ck_assert_ptr_null(passed[4]);
	assert_code(called("'sel':3,'si':[9],'sib':'aGVsbG8='"), kIOReturnSuccess);
	ck_assert_ptr_eq(passed[0], (void *)9);
	ck_assert_ptr_eq(passed[2], (void *)5);
}
END_TEST

START_TEST(descriptors_are_checked)
{
	use_descriptors();
	assert_code(called("'sel':0,'si':[1],'so':1"), kIOReturnBadArgument);
	assert_code(called("'sel':0,'si':[1,2],'so':2"), kIOReturnBadArgument);
	assert_code(called("'sel':1,'si':[]"), kIOReturnBadArgument);
	assert_code(called("'sel':2,'sib':'aGVs'"), kIOReturnBadArgument);
	assert_code(called("'sel':3,'si':[9],'sib':'aGVs'"), kIOReturnBadArgument);
	assert_code(called("'sel':4"), kIOReturnBadArgument);
	assert_code(called("'sel':5"), kIOReturnUnsupported);
	assert_code(called("'sel':6,'si':[1,2,3,4],'so':3"), kIOReturnBadArgument);
	assert_code(called("'sel':7"), kIOReturnSuccess);
	assert_code(called("'sel':8"), kIOReturnUnsupported);
	assert_code(called("'sel':0,'si':[1,2],'so':1,'sos':4097"), kIOReturnIPCError);
}
END_TEST

/* fsd says of each call who is not. */
START_TEST(a_descriptor_may_be_for_callers_in_the_foreground)
{
	use_descriptors();
	assert_code(called("'sel':7,'background':true"), kIOReturnNotPermitted);
	assert_code(called("'sel':7,'background':true,'uid':0,'pid':1"), kIOReturnNotPermitted);
	assert_code(called("'sel':0,'si':[1,2],'so':1,'background':true"), kIOReturnSuccess);
	assert_code(called("'sel':7,'background':false"), kIOReturnSuccess);
	assert_code(called("'sel':7"), kIOReturnSuccess);
}
END_TEST

START_TEST(an_asynchronous_call_goes_by_the_descriptors_for_these)
{
	use_descriptors();
	assert_code(called("'sel':0,'si':[5],'async':8"), kIOReturnSuccess);
	heard(&mount.session, "{'async':8,'conn':1,'rc':0,'args':[5],'candrop':false}\n");
	assert_code(called("'sel':1,'si':[5],'async':8"), kIOReturnUnsupported);
}
END_TEST

START_TEST(descriptors_come_with_their_target)
{
	void *target = NULL;
	IOUserClient *client;

	use_descriptors();
	client = service_find_connection(service, 1)->client;
	ck_assert_ptr_eq(IOUserClient_getTargetAndMethodForIndex(client, &target, 0),
			 &descriptors[0]);
	ck_assert_ptr_eq(target, &object);
	target = NULL;
	ck_assert_ptr_eq(IOUserClient_getAsyncTargetAndMethodForIndex(client, &target, 0),
			 &async_descriptor);
	ck_assert_ptr_eq(target, &object);
	target = NULL;
	ck_assert_ptr_eq(IOUserClient_getTargetAndTrapForIndex(client, &target, 0), &trap);
	ck_assert_ptr_eq(target, &object);
	ck_assert_ptr_null(IOUserClient_getTargetAndMethodForIndex(client, &target, 8));
	ck_assert_ptr_null(IOUserClient_getTargetAndTrapForIndex(NULL, &target, 0));
	ck_assert_ptr_null(IOUserClient_getExternalMethodForIndex(client, 0));
	ck_assert_ptr_null(IOUserClient_getExternalAsyncMethodForIndex(client, 0));
	ck_assert_ptr_null(IOUserClient_getExternalTrapForIndex(client, 0));
}
END_TEST

/* --- arguments and answers */

static uint32_t lower;		/* to how many outputs are lowered, or raised */

static IOReturn echo(IOUserClient *client, uint32_t selector, IOExternalMethodArguments *a,
		     IOExternalMethodDispatch *dispatch, void *target, void *reference)
{
	(void)client, (void)dispatch, (void)target, (void)reference;
	ck_assert_uint_eq(a->version, 2);
	ck_assert_uint_eq(a->selector, selector);
	/* One of the two, and all output is 0 at first. */
	ck_assert(!a->structureInputDescriptor ||
		  (!a->structureInput && a->structureInputSize == 0));
	ck_assert(!a->structureOutputDescriptor ||
		  (!a->structureOutput && a->structureOutputSize == 0));
	for (uint32_t i = 0; i < a->scalarOutputCount; i++)
		ck_assert_uint_eq(a->scalarOutput[i], 0);
	if (selector == 1)
		return kIOReturnBusy;
	if (selector == 2)
		a->scalarOutputCount = lower;
	if (selector == 3)
		a->structureOutputSize = lower;
	if (selector == 4)
		a->structureOutputDescriptorSize = lower;
	for (uint32_t i = 0; i < a->scalarOutputCount && i < 16; i++)
		a->scalarOutput[i] = i < a->scalarInputCount ? a->scalarInput[i] : 7;
	if (a->structureInputDescriptor && a->structureOutputDescriptor) {
		char c;

		ck_assert_int_eq(pread(IOMemoryDescriptor_getDescriptor(
					       a->structureInputDescriptor),
				       &c, 1, 3),
				 1);
		ck_assert_int_eq(pwrite(IOMemoryDescriptor_getDescriptor(
						a->structureOutputDescriptor),
					"xyz", 3, 0),
				 3);
	} else if (a->structureVariableOutputData) {
		*a->structureVariableOutputData = a->structureInput ?
			OSData_withBytes(a->structureInput, a->structureInputSize) : NULL;
	} else if (a->structureInput && a->structureOutput) {
		memcpy(a->structureOutput, a->structureInput,
		       a->structureInputSize < a->structureOutputSize ? a->structureInputSize
								      : a->structureOutputSize);
	}
	return kIOReturnSuccess;
}

START_TEST(a_call_brings_words_and_bytes_there_and_back)
{
	methods.externalMethod = echo;
	opened();
	ck_assert_str_eq(
		asked(service,
		      "{'op':'call','id':2,'conn':1,'sel':0,"
		      "'si':[18446744073709551615,'0x10'],'so':3,'sos':8,'sib':'aGVsbG8='}"),
		"{'so':[18446744073709551615,16,7],'sob':'aGVsbG8AAAA=','id':2,'rc':0}");
	/* Whatever is left there on failure is not delivered. */
	ck_assert_str_eq(called("'sel':1,'si':[1],'so':1,'sos':4"), "{'id':2,'rc':3758097109}");
}
END_TEST

START_TEST(a_driver_may_lower_counts_and_not_raise_them)
{
	methods.externalMethod = echo;
	opened();
	lower = 1;
	ck_assert_str_eq(called("'sel':2,'si':[3],'so':2"), "{'so':[3],'id':2,'rc':0}");
	ck_assert_str_eq(called("'sel':3,'sos':4,'sib':'aGVsbG8='"),
			 "{'sob':'aA==','id':2,'rc':0}");
	lower = 3;
	assert_code(called("'sel':2,'si':[3],'so':2"), kIOReturnBadArgument);
	lower = 5;
	assert_code(called("'sel':3,'sos':4"), kIOReturnBadArgument);
	lower = 5001;
	assert_code(called("'sel':4,'sos':5000"), kIOReturnBadArgument);
}
END_TEST

START_TEST(large_structs_go_by_descriptors)
{
	char large[5600];

	methods.externalMethod = echo;
	opened();
	memset(large, 'A', sizeof(large));
	large[5464] = '\0';		/* 4098 bytes of 0 */
	lower = 3;
	ck_assert_str_eq(called("'sel':4,'sib':'%s','sos':4097", large),
			 "{'sob':'eHl6','id':2,'rc':0}");
	/* 4096 bytes of both are no descriptors yet: these echo as they are. */
	lower = 5;
	strcpy(large + 5460, "AA==");
	ck_assert_str_eq(called("'sel':3,'sib':'%s','sos':4096", large),
			 "{'sob':'AAAAAAA=','id':2,'rc':0}");
	lower = 4096;
	ck_assert_uint_eq(strlen(called("'sel':3,'sib':'%s','sos':4096", large)),
			  strlen("{'sob':'','id':2,'rc':0}") + 5464);
	/* As much as that has no place in an answer. */
	lower = UINT32_MAX;
	assert_code(called("'sel':4,'sib':'%s','sos':4294967295", large), kIOReturnMessageTooLarge);
}
END_TEST

START_TEST(output_of_any_size_is_an_object)
{
	methods.externalMethod = echo;
	opened();
	ck_assert_str_eq(called("'sel':0,'sib':'aGVsbG8=','sos':'var'"),
			 "{'sob':'aGVsbG8=','id':2,'rc':0}");
	assert_code(called("'sel':0,'sos':'var'"), kIOReturnUnderrun);
}
END_TEST

START_TEST(requests_that_are_none_are_refused_and_harm_nobody)
{
	static const char *const calls[] = {
		"'sel':-1", "'sel':4294967296", "'sel':0,'si':['x']", "'sel':0,'so':17",
		"'sel':0,'si':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "'sel':0,'sib':'a'",
		"'sel':0,'sib':'a!=='", "'sel':0,'sib':7", "'sel':0,'sos':-1", "'sel':0,'sos':{}",
	};

	methods.externalMethod = echo;
	opened();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		assert_code(called("%s", calls[i]), kIOReturnBadArgument);
	assert_code(asked(service, "{'op':'call','id':2,'conn':2,'sel':0}"), kIOReturnNotAttached);
	assert_code(asked(service, "{'op':'dance','id':2,'conn':1}"), kIOReturnUnsupported);
	ck_assert_str_eq(asked(service, "{'op':'close','conn':9,'died':true}"), "");
	ck_assert_str_eq(asked(service, "{'op':'cancel','cancel':4}"), "");
	ck_assert_str_eq(asked(service, "{'id':4}"), "");
	ck_assert_str_eq(asked(service, "[]"), "");
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_modern_table_is_checked_for_equality);
	tcase_add_test(tests, the_modern_table_allows_asynchronous_calls_or_not);
	tcase_add_test(tests, no_table_is_an_error);
	tcase_add_test(tests, an_entitlement_counts_with_the_value_true_of_who_calls);
	tcase_add_test(tests, the_classic_table_checks_sizes_and_functions_alone);
	tcase_add_test(tests, a_driverkit_table_asks_for_a_completion_or_none);
	tcase_add_test(tests, driverkit_gets_structs_as_objects_or_descriptors);
	tcase_add_test(tests, a_completion_is_sent_through_its_action);
	tcase_add_test(tests, an_action_is_made_for_the_call_that_is_being_made);
	tcase_add_test(tests, descriptors_fill_six_arguments_each_type_in_its_way);
	tcase_add_test(tests, descriptors_are_checked);
	tcase_add_test(tests, a_descriptor_may_be_for_callers_in_the_foreground);
	tcase_add_test(tests, an_asynchronous_call_goes_by_the_descriptors_for_these);
	tcase_add_test(tests, descriptors_come_with_their_target);
	tcase_add_test(tests, a_call_brings_words_and_bytes_there_and_back);
	tcase_add_test(tests, a_driver_may_lower_counts_and_not_raise_them);
	tcase_add_test(tests, large_structs_go_by_descriptors);
	tcase_add_test(tests, output_of_any_size_is_an_object);
	tcase_add_test(tests, requests_that_are_none_are_refused_and_harm_nobody);
}
