/* SPDX-License-Identifier: MIT */
/*
 * test_user_client - user clients: life, results and notifications, without fsd
 *
 * With a mount they are in tests/integration/driver_library.bats.
 */
#include "user_client.h"

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
	OSAsyncReference narrow = { 3 };
	uint64_t args[1] = { 1 };

	use_async();
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(none, 0, args, 1), kIOReturnSuccess);
	ck_assert_int_eq(IOUserClient_sendAsyncResult64(none, 0, args, 17), kIOReturnSuccess);
	/* This one has to widen them first, and looks how many they are. */
	ck_assert_int_eq(IOUserClient_sendAsyncResult(narrow, 0, NULL, 17),
			 kIOReturnMessageTooLarge);
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

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
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
}
