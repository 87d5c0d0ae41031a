/* SPDX-License-Identifier: MIT */
/*
 * test_user_client - user clients: dispatch, life, results, memory and rights, without fsd
 *
 * With a mount they are in tests/integration/driver_library.bats.
 */
#include "driver.h"

#include <sys/mman.h>
#include <sys/xattr.h>

static struct driver_mount mount;
static char said[512];		/* what was called, in its order */

static void note(const char *word)
{
	strncat(said, word, sizeof(said) - strlen(said) - 1);
	strncat(said, " ", sizeof(said) - strlen(said) - 1);
}

#define assert_said(words) do { ck_assert_str_eq(said, words); *said = '\0'; } while (0)

static struct IOUserClientMethods methods;
static struct IOUserClientClass client_class;
static struct IOServiceMethods service_methods;
static struct IOServiceClass service_class;
static IOService *service;

static void set_up(void)
{
	*said = '\0';
	methods = (struct IOUserClientMethods){ 0 };
	service_methods = (struct IOServiceMethods){ 0 };
	client_class = (struct IOUserClientClass){ .className = "TestClient", .methods = &methods,
						   .properties = kIOUserClientProperties2022 };
	service_class = (struct IOServiceClass){ .className = "Svc:Base",
						 .methods = &service_methods,
						 .userClientClass = &client_class };
	new_driver_mount(&mount);
	service = new_service(&mount, &service_class);
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
}

static void tear_down(void)
{
	OSSafeReleaseNULL(service);
	remove_driver_mount(&mount);
}

static IOUserClient *opened(void)
{
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':7,%s}", OPENER),
		    kIOReturnSuccess);
	return service_find_connection(service, 1)->client;
}

/* A method call by connection 1. */
static const char *called(const char *format, ...)
{
	static char words[60000];
	va_list list;

	va_start(list, format);
	vsnprintf(words, sizeof(words), format, list);
	va_end(list);
	return asked(service, "{'op':'call','id':2,'conn':1,%s}", words);
}

/* --- tables */

static IOReturn count_call(void *target, void *reference, IOExternalMethodArguments *arguments)
{
	(void)target;
	(void)arguments;
	if (reference)
		++*(int *)reference;
	return kIOReturnSuccess;
}

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

#define ANY kIOUserClientVariableStructureSize

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
	ck_assert_uint_eq(a->version, kIOExternalMethodArgumentsCurrentVersion);
	ck_assert_uint_eq(a->selector, selector);
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

/* --- life */

static bool note_init(IOUserClient *client, task_t task, void *token, UInt32 type)
{
	note("initWithTask");
	ck_assert_ptr_eq(task, token);
	ck_assert_uint_eq(type, 7);
	return IOUserClient_initWithTask(client, task, token, type);
}

static bool note_start(IOUserClient *client, IOService *provider)
{
	note("start");
	ck_assert_ptr_eq(provider, service);
	return IOUserClient_start(client, provider);
}

static void note_stop(IOUserClient *client, IOService *provider)
{
	note("stop");
	ck_assert_ptr_nonnull(IOUserClient_getTask(client));
	IOUserClient_stop(client, provider);
}

static bool note_will(IOUserClient *client, IOService *provider, IOOptionBits options)
{
	note("willTerminate");
	return IOUserClient_willTerminate(client, provider, options);
}

static bool note_did(IOUserClient *client, IOService *provider, IOOptionBits options, bool *defer)
{
	note("didTerminate");
	return IOUserClient_didTerminate(client, provider, options, defer);
}

static void note_free(IOUserClient *client)
{
	note("free");
	ck_assert_ptr_null(IOUserClient_getProvider(client));
	IOUserClient_free(client);
}

/* As most drivers do. */
static IOReturn note_close(IOUserClient *client)
{
	note("clientClose");
	IOUserClient_terminate(client, 0);
	return kIOReturnSuccess;
}

static IOReturn note_died(IOUserClient *client)
{
	IOReturn result = IOUserClient_clientDied(client);

	note(result == kIOReturnNotReady ? "again" : "clientDied");
	return result;
}

static void note_all(void)
{
	methods.initWithTask = note_init;
	methods.start = note_start;
	methods.stop = note_stop;
	methods.willTerminate = note_will;
	methods.didTerminate = note_did;
	methods.free = note_free;
	methods.clientClose = note_close;
	methods.clientDied = note_died;
}

START_TEST(from_open_to_close_functions_are_called_in_this_order)
{
	IOUserClient *client;

	note_all();
	client = opened();
	assert_said("initWithTask start ");
	ck_assert(!IOUserClient_isInactive(client));
	ck_assert_ptr_eq(IOUserClient_getProvider(client), service);
	ck_assert_ptr_null(IOUserClient_getService(client));
	asked(service, "{'op':'close','conn':1,'died':false}");
	assert_said("clientClose willTerminate didTerminate stop free ");
	ck_assert_ptr_null(service->connections);
}
END_TEST

START_TEST(who_dies_is_told_of_once_and_closed)
{
	IOUserClient *client;

	note_all();
	client = opened();
	OSObject_retain(client);
	*said = '\0';
	asked(service, "{'op':'close','conn':1,'died':true}");
	assert_said("clientClose clientDied willTerminate didTerminate stop ");
	ck_assert_int_eq(note_died(client), kIOReturnNotReady);
	ck_assert_int_eq(IOUserClient_clientDied(NULL), kIOReturnBadArgument);
	ck_assert(IOUserClient_isInactive(client));
	ck_assert_ptr_null(IOUserClient_getTask(client));
	OSObject_release(client);
	assert_said("again free ");
}
END_TEST

static IOReturn same_client(IOService *from, task_t task, void *token, UInt32 type,
			    json_t *properties, IOUserClient **handler)
{
	if (!from->connections)
		return IOService_newUserClient(from, task, token, type, properties, handler);
	OSObject_retain(from->connections->client);
	*handler = from->connections->client;
	return kIOReturnSuccess;
}

static IOReturn only_note_close(IOUserClient *client)
{
	(void)client;
	note("clientClose");
	return kIOReturnSuccess;
}

START_TEST(a_shared_user_client_is_told_of_each_close_and_ends_with_the_last)
{
	note_all();
	methods.clientClose = only_note_close;
	service_methods.newUserClient = same_client;
	client_class.properties = "{\"IOUserClientSharedInstance\": true}";
	opened();
	assert_code(asked(service, "{'op':'open','id':1,'conn':2,'type':7,%s}", OPENER),
		    kIOReturnSuccess);
	assert_said("initWithTask start ");
	asked(service, "{'op':'close','conn':1,'died':false}");
	asked(service, "{'op':'close','conn':1,'died':false}");
	assert_said("clientClose clientClose ");
	service_drained(service);
	asked(service, "{'op':'close','conn':2,'died':true}");
	assert_said("clientClose clientDied ");
	service_drained(service);
	assert_said("willTerminate didTerminate stop free ");
}
END_TEST

START_TEST(a_driver_that_terminates_a_client_ends_its_connection)
{
	IOUserClient *client;

	note_all();
	client = opened();
	OSObject_retain(client);
	*said = '\0';
	ck_assert(IOUserClient_terminate(client, 0));
	heard(&mount.session, "{'kill':1,'rc':0}\n");
	assert_said("willTerminate didTerminate stop ");
	ck_assert(!IOUserClient_terminate(client, 0));
	ck_assert(!IOUserClient_terminate(NULL, 0));
	assert_code(called("'sel':0"), kIOReturnNotAttached);
	OSObject_release(client);
}
END_TEST

static IOReturn end_myself(void *target, void *reference, IOExternalMethodArguments *arguments)
{
	(void)reference;
	(void)arguments;
	ck_assert(IOUserClient_terminate(target, 0));
	note("returns");
	return kIOReturnSuccess;
}

START_TEST(a_client_that_is_terminated_by_its_own_call_ends_after_it)
{
	static const IOExternalMethodDispatch2022 ending[] = { { end_myself, 0, 0, 0, 0, 0,
								 NULL } };

	note_all();
	client_class.dispatch2022 = ending;
	client_class.dispatchCount = 1;
	opened();
	*said = '\0';
	assert_code(called("'sel':0"), kIOReturnSuccess);
	assert_said("returns willTerminate didTerminate stop free ");
}
END_TEST

START_TEST(a_service_that_goes_stops_its_clients_and_closes_none)
{
	note_all();
	opened();
	*said = '\0';
	OSSafeReleaseNULL(service);
	assert_said("willTerminate didTerminate stop free ");
}
END_TEST

static bool say_no_to_init(IOUserClient *client, task_t task, void *token, UInt32 type)
{
	(void)client, (void)task, (void)token, (void)type;
	return false;
}

static bool say_no_to_start(IOUserClient *client, IOService *provider)
{
	(void)client, (void)provider;
	return false;
}

static IOReturn no_handler(IOService *from, task_t task, void *token, UInt32 type,
			   json_t *properties, IOUserClient **handler)
{
	(void)from, (void)task, (void)token, (void)type, (void)properties, (void)handler;
	return kIOReturnSuccess;
}

START_TEST(an_open_that_is_refused_leaves_nothing)
{
	methods.initWithTask = say_no_to_init;
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0}"), kIOReturnBadArgument);
	methods.initWithTask = NULL;
	methods.start = say_no_to_start;
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0}"), kIOReturnUnsupported);
	service_class.userClientClass = NULL;
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0}"), kIOReturnUnsupported);
	service_methods.newUserClient = no_handler;
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0}"), kIOReturnError);
	ck_assert_ptr_null(service->connections);
}
END_TEST

START_TEST(a_modern_class_says_its_entitlement_and_its_locking)
{
	static const IOExternalMethodDispatch2022 one[] = { { count_call, 0, 0, 0, 0, 0, NULL } };
	static const struct {
		const char *properties;
		IOReturn result;
	} cases[] = {
		{ NULL, kIOReturnNotPrivileged },
		{ "{\"IOUserClientEntitlements\": true}", kIOReturnNotPrivileged },
		{ "{\"IOUserClientEntitlements\": false}", kIOReturnError },
		{ "{\"IOUserClientEntitlements\": \"x\", \"IOUserClientDefaultLocking\": true}",
		  kIOReturnError },
		{ kIOUserClientProperties2022, kIOReturnSuccess },
	};

	note_all();
	client_class.dispatch2022 = one;
	client_class.dispatchCount = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		client_class.properties = cases[i].properties;
		*said = '\0';
		assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':7,%s}", OPENER),
			    cases[i].result);
		if (cases[i].result != kIOReturnSuccess)
			assert_said("initWithTask start clientClose willTerminate didTerminate "
				    "stop free ");
	}
}
END_TEST

START_TEST(an_open_has_no_properties_to_bring)
{
	json_auto_t *properties = json_object();
	IOUserClient *client = NULL;

	ck_assert_int_eq(IOService_newUserClient(service, NULL, NULL, 0, properties, &client),
			 kIOReturnUnsupported);
	ck_assert_ptr_null(client);
}
END_TEST

/* --- the object */

START_TEST(a_user_client_has_its_class_its_bytes_and_properties)
{
	json_auto_t *more = json_pack("{s:i}", "Own", 5);
	json_auto_t *value = NULL, *creator = NULL;
	IOUserClient *client;

	client_class.referenceSize = 40;
	client = opened();
	ck_assert_str_eq(OSMetaClass_getClassName(IOUserClient_getMetaClass(client)), "TestClient");
	ck_assert_ptr_eq(OSObject_metaCast(client, "IOUserClient"), client);
	ck_assert_str_eq(OSMetaClass_getClassName(IOUserClient_getMetaClass(NULL)), "IOUserClient");
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(((char *)IOUserClient_getReference(client))[i], 0);
	ck_assert(IOUserClient_init(client));
	ck_assert(IOUserClient_initWithProperties(client, more));
	value = IOUserClient_copyProperty(client, "Own");
	ck_assert_int_eq(json_integer_value(value), 5);
	creator = IOUserClient_copyProperty(client, "IOUserClientCreator");
	ck_assert_str_eq(json_string_value(creator), "pid 4000000, tool");
	ck_assert_ptr_null(IOUserClient_copyProperty(client, "Nothing"));
	ck_assert(!IOUserClient_init(NULL));
	ck_assert(!IOUserClient_initWithTaskAndProperties(NULL, NULL, NULL, 0, NULL));
	ck_assert(!IOUserClient_attach(client, NULL));
	ck_assert_ptr_null(IOUserClient_getReference(NULL));
	ck_assert_ptr_null(IOUserClient_alloc(NULL));
	client_class.properties = "[]";
	ck_assert_ptr_null(IOUserClient_alloc(&client_class));
}
END_TEST

START_TEST(the_base_class_says_no)
{
	IOUserClient *client = opened();

	ck_assert_int_eq(IOUserClient_clientClose(client), kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_registerNotificationPort(client, 4, 0, 0),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_registerNotificationPort64(client, 4, 0, 0),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_getNotificationSemaphore(client, 0, NULL),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_connectClient(client, client), kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_clientMemoryForType(client, 0, NULL, NULL),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_CopyClientMemoryForType(client, 0, NULL, NULL),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_message(client, 0, NULL, NULL), kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_setProperties(client, NULL), kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'mem','id':2,'conn':1,'type':0}"), kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'port','id':2,'conn':1,'type':0,'ref':1}"),
		    kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'addclient','id':2,'conn':1,'to':1}"),
		    kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':{}}"),
		    kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'seize','id':2,'conn':1,'by':2}"), kIOReturnUnsupported);
}
END_TEST

static IOReturn note_connect(IOUserClient *client, IOUserClient *other)
{
	note(client == other ? "itself" : "other");
	return kIOReturnSuccess;
}

static IOReturn note_properties(IOUserClient *client, json_t *properties)
{
	(void)client;
	note(json_object_get(properties, "A") ? "A" : "other");
	return kIOReturnSuccess;
}

static IOReturn note_message(IOUserClient *client, UInt32 type, const void *provider,
			     void *argument)
{
	(void)client, (void)argument;
	ck_assert_ptr_eq(provider, service);
	note(type == kIOMessageServiceIsRequestingClose ? "close!" : "other");
	return kIOReturnBusy;
}

START_TEST(a_client_is_connected_to_another_one_of_the_service)
{
	methods.connectClient = note_connect;
	opened();
	assert_code(asked(service, "{'op':'open','id':1,'conn':2,'type':7,%s}", OPENER),
		    kIOReturnSuccess);
	assert_code(asked(service, "{'op':'addclient','id':2,'conn':1,'to':2}"), kIOReturnSuccess);
	assert_code(asked(service, "{'op':'addclient','id':2,'conn':1,'to':3}"),
		    kIOReturnBadArgument);
	assert_said("other ");
}
END_TEST

START_TEST(properties_that_a_class_does_not_list_are_not_set)
{
	methods.setProperties = note_properties;
	client_class.properties = "{\"IORegistryEntryAllowableSetProperties\": [\"A\"]}";
	opened();
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':{'A':1}}"),
		    kIOReturnSuccess);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':{'A':1,'B':1}}"),
		    kIOReturnBadArgument);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':[]}"),
		    kIOReturnNotPermitted);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':5}"),
		    kIOReturnNotPermitted);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':{'$data':''}}"),
		    kIOReturnNotPermitted);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':9,'props':{}}"),
		    kIOReturnNotAttached);
	assert_said("A ");
}
END_TEST

START_TEST(without_a_list_the_driver_takes_what_is_no_dictionary)
{
	methods.setProperties = note_properties;
	opened();
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':[]}"),
		    kIOReturnSuccess);
	assert_code(asked(service, "{'op':'setprops','id':2,'conn':1,'props':'words'}"),
		    kIOReturnSuccess);
	assert_said("other other ");
}
END_TEST

START_TEST(an_owner_is_asked_to_close)
{
	methods.message = note_message;
	opened();
	assert_code(asked(service, "{'op':'seize','id':2,'conn':1,'by':2}"), kIOReturnBusy);
	assert_said("close! ");
}
END_TEST

/* --- asynchronous results */

static OSAsyncReference64 reference;
static mach_port_t wake_port;

static IOReturn keep_reference(void *target, void *unused, IOExternalMethodArguments *a)
{
	(void)target, (void)unused;
	if (!a->asyncReference)
		return kIOReturnBadArgument;
	memcpy(reference, a->asyncReference, sizeof(reference));
	wake_port = a->asyncWakePort;
	return a->scalarInputCount ? kIOReturnBusy : kIOReturnSuccess;
}

static void use_async(void)
{
	static const IOExternalMethodDispatch2022 async_table[] = {
		{ keep_reference, ANY, 0, 0, 0, 1, NULL },
	};

	client_class.dispatch2022 = async_table;
	client_class.dispatchCount = 1;
	opened();
}

START_TEST(results_are_sent_as_often_as_wanted)
{
	uint64_t args[17] = { 1, 2, 3 };

	use_async();
	assert_code(called("'sel':0,'async':77"), kIOReturnSuccess);
	ck_assert_int_eq(wake_port & kIOUCAsync0Flags, 0);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(reference, kIOReturnSuccess, args, 3), 0);
	heard(&mount.session, "{'async':77,'conn':1,'rc':0,'args':[1,2,3],'candrop':false}\n");
	ck_assert_int_eq(IOUserClient_sendAsyncResult64WithOptions(reference, kIOReturnAborted,
								   NULL, 0,
								   kIOUserNotifyOptionCanDrop),
			 0);
	heard(&mount.session, "{'async':77,'conn':1,'rc':3758097131,'args':[],'candrop':true}\n");
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(reference, 0, args, 17),
			 kIOReturnMessageTooLarge);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(reference, 0, NULL, 1),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(NULL, 0, NULL, 0), kIOReturnBadArgument);
}
END_TEST

START_TEST(a_reference_without_a_port_sends_nothing)
{
	OSAsyncReference64 none = { 3, 4, 5 };
	uint64_t args[1] = { 1 };

	use_async();
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(none, 0, args, 1), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(none, 0, args, 17), kIOReturnSuccess);
}
END_TEST

START_TEST(a_reference_that_was_released_leads_nowhere)
{
	use_async();
	assert_code(called("'sel':0,'async':77"), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_releaseAsyncReference64(reference), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_releaseAsyncReference64(reference), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(reference, 0, NULL, 0),
			 MACH_SEND_INVALID_DEST);
	/* A call that fails has no completion. */
	assert_code(called("'sel':0,'si':[1],'async':77"), kIOReturnBusy);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(reference, 0, NULL, 0),
			 MACH_SEND_INVALID_DEST);
	/* And none comes to a connection that is gone. */
	assert_code(called("'sel':0,'async':77"), kIOReturnSuccess);
	asked(service, "{'op':'close','conn':1,'died':false}");
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(reference, 0, NULL, 0),
			 MACH_SEND_INVALID_DEST);
}
END_TEST

START_TEST(a_reference_is_filled_in_and_keeps_its_flags)
{
	OSAsyncReference64 wide = { kIOUCAsyncErrorLoggedFlag };
	OSAsyncReference narrow = { 0 };
	task_t task;
	void *args[] = { (void *)6 };

	use_async();
	task = service_find_connection(service, 1)->client->task;
	assert_code(called("'sel':0,'async':78"), kIOReturnSuccess);
	IOUserClient_setAsyncReference64(wide, wake_port, 11, 12);
	ck_assert_uint_eq(wide[0], (uint64_t)wake_port | kIOUCAsyncErrorLoggedFlag);
	ck_assert_uint_eq(wide[1], 11);
	ck_assert_uint_eq(wide[2], 12);
	IOUserClient_setAsyncReference64WithTask(wide, wake_port, 11, 12, task);
	ck_assert_uint_eq(wide[0] & kIOUCAsync0Flags, kIOUCAsync0Flags);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(wide, 0, NULL, 0), kIOReturnSuccess);
	heard(&mount.session, "{'async':78,'conn':1,'rc':0,'args':[],'candrop':false}\n");
	IOUserClient_setAsyncReference(narrow, wake_port, NULL, NULL);
	ck_assert_int_eq(IOUserClient_sendAsyncResult(narrow, 0, args, 1), kIOReturnSuccess);
	heard(&mount.session, "{'async':78,'conn':1,'rc':0,'args':[6],'candrop':false}\n");
	ck_assert_int_eq(IOUserClient_sendAsyncResult(narrow, 0, args, 17),
			 kIOReturnMessageTooLarge);
	IOUserClient_setAsyncReference64(NULL, 0, 0, 0);
}
END_TEST

/* --- notification ports */

static mach_port_t port;

static IOReturn keep_port(IOUserClient *client, mach_port_t given, UInt32 type, UInt32 refCon)
{
	(void)client;
	ck_assert_uint_eq(type, 3);
	note(given == MACH_PORT_NULL ? "none" : refCon == 9 ? "port" : "other");
	if (given == MACH_PORT_NULL)
		IOUserClient_releaseNotificationPort(port);
	port = given;
	return kIOReturnSuccess;
}

START_TEST(a_notification_goes_to_the_port_until_it_is_released)
{
	json_auto_t *data = json_pack("{s:b}", "poked", 1);
	mach_port_t before;

	methods.registerNotificationPort = keep_port;
	opened();
	assert_code(asked(service, "{'op':'port','id':2,'conn':1,'type':3,'ref':4294967305}"),
		    kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_sendNotification(port, data), kIOReturnSuccess);
	heard(&mount.session, "{'notify':3,'conn':1,'data':{'poked':true}}\n");
	ck_assert_int_eq(IOUserClient_sendNotification(port, NULL), kIOReturnBadArgument);
	before = port;
	ck_assert_str_eq(asked(service, "{'op':'unport','conn':1,'type':3}"), "");
	ck_assert_int_eq(IOUserClient_sendNotification(before, data), MACH_SEND_INVALID_DEST);
	ck_assert_int_eq(IOUserClient_releaseNotificationPort(MACH_PORT_NULL), kIOReturnSuccess);
	assert_said("port none ");
}
END_TEST

/* --- memory */

static IOMemoryDescriptor *lent;
static IOOptionBits lent_options;

static IOReturn lend(IOUserClient *client, UInt32 type, IOOptionBits *options,
		     IOMemoryDescriptor **memory)
{
	(void)client;
	if (type > 0)
		return kIOReturnBadArgument;
	OSObject_retain(lent);
	*memory = lent;
	*options = lent_options;
	return kIOReturnSuccess;
}

static kern_return_t lend_kit(IOUserClient *client, uint64_t type, uint64_t *options,
			      IOMemoryDescriptor **memory)
{
	(void)client, (void)type;
	OSObject_retain(lent);
	*memory = lent;
	*options = kIOUserClientMemoryReadOnly;
	return kIOReturnSuccess;
}

START_TEST(a_buffer_is_handed_out_by_its_name)
{
	IOUserClient *client;

	methods.clientMemoryForType = lend;
	client = opened();
	ck_assert_int_eq(IOService_createBuffer(service, "page", 4096, &lent), kIOReturnSuccess);
	ck_assert_uint_eq(IOMemoryDescriptor_getLength(lent), 4096);
	ck_assert_str_eq(asked(service, "{'op':'mem','id':2,'conn':1,'type':0}"),
			 "{'buf':'page','ro':false,'id':2,'rc':0}");
	lent_options = kIOMapReadOnly;
	ck_assert_str_eq(asked(service, "{'op':'mem','id':2,'conn':1,'type':0}"),
			 "{'buf':'page','ro':true,'id':2,'rc':0}");
	lent_options = 0;
	assert_code(asked(service, "{'op':'mem','id':2,'conn':1,'type':1}"), kIOReturnBadArgument);

	ck_assert_ptr_eq(IOUserClient_removeMappingForDescriptor(client, lent), lent);
	OSObject_release(lent);
	ck_assert_ptr_null(IOUserClient_removeMappingForDescriptor(client, lent));
	ck_assert_ptr_null(IOUserClient_removeMappingForDescriptor(NULL, lent));
	OSSafeReleaseNULL(lent);
}
END_TEST

START_TEST(memory_that_is_not_the_services_is_not_handed_out)
{
	IODataQueue *queue = IODataQueue_withCapacity(64);

	methods.clientMemoryForType = lend;
	opened();
	lent = IODataQueue_getMemoryDescriptor(queue);
	assert_code(asked(service, "{'op':'mem','id':2,'conn':1,'type':0}"), kIOReturnNotFound);
	OSSafeReleaseNULL(lent);
	assert_code(asked(service, "{'op':'mem','id':2,'conn':1,'type':0}"), kIOReturnError);
	OSObject_release(queue);
}
END_TEST

START_TEST(driverkit_hands_out_memory_in_its_own_way)
{
	methods.CopyClientMemoryForType = lend_kit;
	opened();
	ck_assert_int_eq(IOService_createBuffer(service, "page", 4096, &lent), kIOReturnSuccess);
	ck_assert_str_eq(asked(service, "{'op':'mem','id':2,'conn':1,'type':0}"),
			 "{'buf':'page','ro':true,'id':2,'rc':0}");
	OSSafeReleaseNULL(lent);
}
END_TEST

START_TEST(a_service_is_exported_by_its_id)
{
	IOUserClient *client = opened();
	uint64_t id = 1;

	OSObject_retain(service);
	ck_assert_int_eq(IOUserClient_exportObjectToClient(client, NULL, service, &id),
			 kIOReturnSuccess);
	ck_assert_uint_eq(id, 0x100000107);
	OSObject_retain(client);
	ck_assert_int_eq(IOUserClient_exportObjectToClient(client, NULL, client, &id),
			 kIOReturnSuccess);
	ck_assert_uint_eq(id, 0);
}
END_TEST

/* --- the client's memory */

static IOUserClient *opened_by_us(void)
{
	assert_code(asked(service,
			  "{'op':'open','id':1,'conn':1,'type':0,'uid':0,'pid':%d,'comm':'x'}",
			  (int)getpid()),
		    kIOReturnSuccess);
	return service_find_connection(service, 1)->client;
}

START_TEST(a_clients_memory_is_copied_and_copied_back)
{
	IOUserClient *client = opened_by_us();
	char one[] = "one", two[] = "two", *view;
	const IOAddressSegment parts[] = { { (uintptr_t)one, 3 }, { (uintptr_t)two, 3 } };
	IOMemoryDescriptor *memory = NULL;

	ck_assert_int_eq(IOUserClient_CreateMemoryDescriptorFromClient(client,
								       kIOMemoryDirectionInOut, 2,
								       parts, &memory),
			 0);
	ck_assert_uint_eq(IOMemoryDescriptor_getLength(memory), 6);
	view = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED,
		    IOMemoryDescriptor_getDescriptor(memory), 0);
	ck_assert_int_eq(memcmp(view, "onetwo", 6), 0);
	memcpy(view, "abcdef", 6);
	ck_assert_int_eq(IOUserClient_writeMemoryToClient(client, memory), kIOReturnSuccess);
	ck_assert_str_eq(one, "abc");
	ck_assert_str_eq(two, "def");
	/* At the end of the call, too. */
	memcpy(view, "ghi", 3);
	client_write_back(client);
	ck_assert_str_eq(one, "ghi");
	munmap(view, 6);
	OSObject_release(memory);
}
END_TEST

START_TEST(a_clients_memory_that_cannot_be_had_is_refused)
{
	IOUserClient *client = opened_by_us();
	IOAddressSegment part = { 0, 10 }, many[33] = { { 0, 1 } };
	IOMemoryDescriptor *memory = NULL;

#define create(...) IOUserClient_CreateMemoryDescriptorFromClient(__VA_ARGS__, &memory)
	ck_assert_int_eq(create(client, kIOMemoryDirectionOut, 1, &part), kIOReturnVMError);
	ck_assert_int_eq(create(client, 0, 1, &part), kIOReturnBadArgument);
	ck_assert_int_eq(create(client, kIOMemoryDirectionOut, 0, &part), kIOReturnBadArgument);
	ck_assert_int_eq(create(client, kIOMemoryDirectionOut, 33, many), kIOReturnBadArgument);
	ck_assert_int_eq(create(NULL, kIOMemoryDirectionOut, 1, &part), kIOReturnBadArgument);
	part.length = 1ull << 40;
	ck_assert_int_eq(create(client, kIOMemoryDirectionOut, 1, &part), kIOReturnNoMemory);
	ck_assert_int_eq(IOUserClient_writeMemoryToClient(client, NULL), kIOReturnBadArgument);
	part = (IOAddressSegment){ (uintptr_t)&part, 8 };
	client->task->unique_id++;	/* another process has its pid now */
	ck_assert_int_eq(create(client, kIOMemoryDirectionOut, 1, &part), kIOReturnNotReady);
	ck_assert_ptr_null(memory);
}
END_TEST

/* --- rights */

static task_t task_with(int uid, int pid)
{
	json_auto_t *request = json_pack("{s:i,s:i,s:i,s:s,s:s,s:{s:b,s:s}}", "uid", uid, "gid", 5,
					 "pid", pid, "comm", "tool", "exe", "/bin/tool", "ents",
					 "yes", 1, "text", "true");
	task_t task = task_new(request, mount.path);

	ck_assert_ptr_nonnull(task);
	return task;
}

static IOReturn privilege(int uid, const char *name)
{
	task_t task = task_with(uid, (int)getpid());
	IOReturn result = IOUserClient_clientHasPrivilege(task, name);

	OSObject_release(task);
	return result;
}

START_TEST(privileges_go_by_the_users_at_the_console)
{
	ck_assert_int_eq(privilege(0, kIOClientPrivilegeAdministrator), kIOReturnSuccess);
	ck_assert_int_eq(privilege(501, kIOClientPrivilegeAdministrator), kIOReturnNotPrivileged);
	ck_assert_int_eq(privilege(501, kIOClientPrivilegeLocalUser), kIOReturnSuccess);
	ck_assert_int_eq(privilege(502, kIOClientPrivilegeLocalUser), kIOReturnSuccess);
	ck_assert_int_eq(privilege(0, kIOClientPrivilegeLocalUser), kIOReturnNotPrivileged);
	ck_assert_int_eq(privilege(501, kIOClientPrivilegeConsoleUser), kIOReturnSuccess);
	ck_assert_int_eq(privilege(502, kIOClientPrivilegeConsoleUser), kIOReturnNotPrivileged);
	ck_assert_int_eq(privilege(501, kIOClientPrivilegeForeground), kIOReturnSuccess);
	ck_assert_int_eq(privilege(501, kIOClientPrivilegeConsoleSession), kIOReturnNotPrivileged);
	ck_assert_int_eq(privilege(501, "cap:dance"), kIOReturnUnsupported);
	ck_assert_int_eq(privilege(501, "emperor"), kIOReturnUnsupported);
	ck_assert_int_eq(privilege(501, NULL), kIOReturnUnsupported);
	ck_assert_int_eq(IOUserClient_clientHasPrivilege(NULL, "root"), kIOReturnNotPrivileged);
}
END_TEST

START_TEST(the_secure_process_is_the_one_that_the_console_names)
{
	task_t task = task_with(501, (int)getpid());
	IOUCProcessToken token = { .token = task, .pid = 77 };

	ck_assert_int_eq(IOUserClient_clientHasPrivilege(&token, "secureprocess"),
			 kIOReturnSuccess);
	token.pid = 78;
	ck_assert_int_eq(IOUserClient_clientHasPrivilege(&token, "secureprocess"),
			 kIOReturnNotPrivileged);
	ck_assert_int_eq(IOUserClient_clientHasPrivilege(NULL, "secureprocess"),
			 kIOReturnNotPrivileged);
	OSObject_release(task);
}
END_TEST

START_TEST(a_capability_is_one_that_the_process_has_now)
{
	task_t task = task_with(0, (int)getpid());
	bool root = geteuid() == 0;

	ck_assert_int_eq(IOUserClient_clientHasPrivilege(task, "cap:setuid"),
			 root ? kIOReturnSuccess : kIOReturnNotPrivileged);
	task->unique_id++;
	ck_assert_int_eq(IOUserClient_clientHasPrivilege(task, "cap:setuid"),
			 kIOReturnNotPrivileged);
	OSObject_release(task);
}
END_TEST

START_TEST(a_service_is_authorized_for_one_process)
{
	task_t task = task_with(501, (int)getpid());

	ck_assert_int_eq(IOUserClient_clientHasAuthorization(task, service), kIOReturnNotPermitted);
	ck_assert_int_eq(IOService_setAuthorizationID(service, IOTaskGetUniqueID(task)),
			 kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_clientHasAuthorization(task, service), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_clientHasAuthorization(NULL, service), kIOReturnNotPermitted);
	ck_assert_uint_eq(IOService_getAuthorizationID(service), IOTaskGetUniqueID(task));
	OSObject_release(task);
}
END_TEST

START_TEST(entitlements_are_a_tasks_own)
{
	task_t task = task_with(501, 1);
	json_auto_t *all = IOUserClient_copyClientEntitlements(task);
	json_auto_t *one = IOUserClient_copyClientEntitlement(task, "yes");

	ck_assert_uint_eq(json_object_size(all), 2);
	ck_assert(json_is_true(one));
	ck_assert_ptr_null(IOUserClient_copyClientEntitlement(task, "no"));
	ck_assert_ptr_null(IOUserClient_copyClientEntitlement(task, NULL));
	ck_assert_ptr_null(IOUserClient_copyClientEntitlement(NULL, "yes"));
	ck_assert_ptr_null(IOUserClient_copyClientEntitlements(NULL));
	OSObject_release(task);
}
END_TEST

START_TEST(entitlements_of_a_file_are_in_an_attribute)
{
	static const char text[] = "{\"org.example\": true}";
	json_auto_t *all = NULL, *one = NULL;
	const char *path = in_service(&mount, "id");

	ck_assert_ptr_null(IOUserClient_copyClientEntitlementsVnode(-1, NULL));
	ck_assert_ptr_null(IOUserClient_copyClientEntitlementsVnode(-1, path));
	if (setxattr(path, "trusted.fsd.entitlements", text, strlen(text), 0) < 0)
		return;		/* root alone can */
	all = IOUserClient_copyClientEntitlementsVnode(-1, path);
	ck_assert_uint_eq(json_object_size(all), 1);
	one = IOUserClient_copyClientEntitlementVnode(-1, path, "org.example");
	ck_assert(json_is_true(one));
	ck_assert_ptr_null(IOUserClient_copyClientEntitlementVnode(-1, path, "org.other"));
	ck_assert_int_eq(setxattr(path, "trusted.fsd.entitlements", "[1]", 3, 0), 0);
	ck_assert_ptr_null(IOUserClient_copyClientEntitlementsVnode(-1, path));
}
END_TEST

START_TEST(driverkit_names_who_opened_it)
{
	IOUserClient *client = opened_by_us();
	json_auto_t *all = NULL;

	ck_assert_int_eq(IOUserClient_CopyClientEntitlements(client, &all), kIOReturnSuccess);
	ck_assert(
		json_is_true(json_object_get(all, "com.apple.developer.driverkit.administrator")));
	ck_assert_ptr_nonnull(json_object_get(all, "IOUserClientCreator"));
	ck_assert_int_eq(IOUserClient_CopyClientEntitlements(client, NULL), kIOReturnBadArgument);
	OSObject_retain(client);
	asked(service, "{'op':'close','conn':1,'died':false}");
	ck_assert_int_eq(IOUserClient_CopyClientEntitlements(client, &all), kIOReturnNotReady);
	OSObject_release(client);
}
END_TEST

START_TEST(a_task_is_what_fsd_said_of_it)
{
	task_t task = task_with(501, (int)getpid()), gone = task_with(501, 4194304);

	ck_assert_int_eq(IOTaskGetPID(task), getpid());
	ck_assert_uint_eq(IOTaskGetUID(task), 501);
	ck_assert_uint_eq(IOTaskGetGID(task), 5);
	ck_assert_str_eq(IOTaskGetName(task), "tool");
	ck_assert_str_eq(IOTaskGetPath(task), "/bin/tool");
	ck_assert_uint_ne(IOTaskGetUniqueID(task), 0);
	ck_assert_uint_eq(IOTaskGetUniqueID(gone), 0);
	ck_assert_int_eq(IOTaskGetPID(NULL), 0);
	ck_assert_uint_eq(IOTaskGetUID(NULL), (uid_t)-1);
	ck_assert_uint_eq(IOTaskGetGID(NULL), (gid_t)-1);
	ck_assert_str_eq(IOTaskGetName(NULL), "");
	ck_assert_str_eq(IOTaskGetPath(NULL), "");
	ck_assert_uint_eq(IOTaskGetUniqueID(NULL), 0);
	OSObject_release(task);
	OSObject_release(gone);
}
END_TEST

START_TEST(data_are_a_copy)
{
	char bytes[] = "bytes";
	OSData *data = OSData_withBytes(bytes, 5), *empty = OSData_withBytes(NULL, 0);

	bytes[0] = 'x';
	ck_assert_uint_eq(OSData_getLength(data), 5);
	ck_assert_int_eq(memcmp(OSData_getBytesNoCopy(data), "bytes", 5), 0);
	ck_assert_uint_eq(OSData_getLength(empty), 0);
	ck_assert_ptr_null(OSData_getBytesNoCopy(NULL));
	ck_assert_uint_eq(OSData_getLength(NULL), 0);
	ck_assert_ptr_null(OSData_withBytes(NULL, 1));
	OSObject_release(data);
	OSObject_release(empty);
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
	tcase_add_test(tests, from_open_to_close_functions_are_called_in_this_order);
	tcase_add_test(tests, who_dies_is_told_of_once_and_closed);
	tcase_add_test(tests, a_shared_user_client_is_told_of_each_close_and_ends_with_the_last);
	tcase_add_test(tests, a_driver_that_terminates_a_client_ends_its_connection);
	tcase_add_test(tests, a_client_that_is_terminated_by_its_own_call_ends_after_it);
	tcase_add_test(tests, a_service_that_goes_stops_its_clients_and_closes_none);
	tcase_add_test(tests, an_open_that_is_refused_leaves_nothing);
	tcase_add_test(tests, a_modern_class_says_its_entitlement_and_its_locking);
	tcase_add_test(tests, an_open_has_no_properties_to_bring);
	tcase_add_test(tests, a_user_client_has_its_class_its_bytes_and_properties);
	tcase_add_test(tests, the_base_class_says_no);
	tcase_add_test(tests, a_client_is_connected_to_another_one_of_the_service);
	tcase_add_test(tests, properties_that_a_class_does_not_list_are_not_set);
	tcase_add_test(tests, without_a_list_the_driver_takes_what_is_no_dictionary);
	tcase_add_test(tests, an_owner_is_asked_to_close);
	tcase_add_test(tests, results_are_sent_as_often_as_wanted);
	tcase_add_test(tests, a_reference_without_a_port_sends_nothing);
	tcase_add_test(tests, a_reference_that_was_released_leads_nowhere);
	tcase_add_test(tests, a_reference_is_filled_in_and_keeps_its_flags);
	tcase_add_test(tests, a_notification_goes_to_the_port_until_it_is_released);
	tcase_add_test(tests, a_buffer_is_handed_out_by_its_name);
	tcase_add_test(tests, memory_that_is_not_the_services_is_not_handed_out);
	tcase_add_test(tests, driverkit_hands_out_memory_in_its_own_way);
	tcase_add_test(tests, a_service_is_exported_by_its_id);
	tcase_add_test(tests, a_clients_memory_is_copied_and_copied_back);
	tcase_add_test(tests, a_clients_memory_that_cannot_be_had_is_refused);
	tcase_add_test(tests, privileges_go_by_the_users_at_the_console);
	tcase_add_test(tests, the_secure_process_is_the_one_that_the_console_names);
	tcase_add_test(tests, a_capability_is_one_that_the_process_has_now);
	tcase_add_test(tests, a_service_is_authorized_for_one_process);
	tcase_add_test(tests, entitlements_are_a_tasks_own);
	tcase_add_test(tests, entitlements_of_a_file_are_in_an_attribute);
	tcase_add_test(tests, driverkit_names_who_opened_it);
	tcase_add_test(tests, a_task_is_what_fsd_said_of_it);
	tcase_add_test(tests, data_are_a_copy);
}
