/* SPDX-License-Identifier: MIT */
/*
 * test_driver_service - services of a driver: files, documents, the exclusive open, and serving,
 * without fsd
 */
#include "driver.h"

#include <poll.h>
#include <pthread.h>

#include "driver_methods.h"

static struct driver_mount mount;
static struct IOServiceMethods service_methods;
static struct IOUserClientMethods methods;
static struct IOUserClientClass client_class;
static struct IOServiceClass service_class;
static IOService *service;
static int n_starts, n_stops;

static void set_up(void)
{
	methods = (struct IOUserClientMethods){ 0 };
	service_methods = (struct IOServiceMethods){ 0 };
	client_class = (struct IOUserClientClass){ .className = "TestClient", .methods = &methods };
	service_class = (struct IOServiceClass){ .className = "Svc:Base",
						 .methods = &service_methods,
						 .userClientClass = &client_class };
	n_starts = n_stops = 0;
	new_driver_mount(&mount);
	service = new_service(&mount, &service_class);
}

static void tear_down(void)
{
	OSSafeReleaseNULL(service);
	remove_driver_mount(&mount);
}

/* --- the object */

START_TEST(a_service_is_named_after_its_class_and_has_its_bytes)
{
	static const struct IOServiceClass plain = { .referenceSize = 16 };
	IOService *other = IOService_withClass(&plain);

	ck_assert_str_eq(IOService_getName(other), "IOService");
	ck_assert_str_eq(IOService_getLocation(other), "");
	ck_assert_ptr_nonnull(IOService_getReference(other));
	ck_assert_ptr_null(IOService_getDirectory(other));
	ck_assert_ptr_null(IOService_getProvider(other));
	ck_assert_ptr_null(IOService_getReference(service));
	ck_assert_str_eq(OSMetaClass_getClassName(OSObject_getMetaClass(service)), "Svc");
	ck_assert_ptr_eq(OSObject_metaCast(service, "IOService"), service);
	ck_assert_ptr_null(OSObject_metaCast(other, "Svc"));
	ck_assert_ptr_null(IOService_withClass(NULL));
	OSObject_release(other);
}
END_TEST

START_TEST(a_name_is_given_before_it_is_attached)
{
	ck_assert_str_eq(IOService_getName(service), "Svc");
	ck_assert_str_eq(IOService_getLocation(service), "1,2");
	ck_assert_str_eq(IOService_getDirectory(service), in_service(&mount, ""));
	ck_assert(!IOService_setName(service, "Other"));
	ck_assert(!IOService_setLocation(service, "3"));
	ck_assert(!IOService_setName(NULL, "Other"));
	ck_assert_str_eq(IOService_getName(NULL), "");
	ck_assert_str_eq(IOService_getLocation(NULL), "");
	ck_assert_ptr_null(IOService_getDirectory(NULL));
	ck_assert_ptr_null(IOService_getProvider(NULL));
}
END_TEST

START_TEST(a_service_is_attached_once_and_in_a_mount)
{
	IOService *other = IOService_withClass(&service_class);

	ck_assert_int_eq(IOService_attachAt(service, in_plane(&mount)), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_attachAt(NULL, in_plane(&mount)), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_attachAt(other, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_attachAt(other, mount.path), kIOReturnUnsupported);
	ck_assert_int_eq(IOService_attachAt(other, "/none/IOService"), kIOReturnNotFound);
	/* A directory that gets none of fsd's files is removed again. */
	ck_assert_int_eq(IOService_attachAt(other, in_plane(&mount)), kIOReturnNotFound);
	ck_assert_ptr_null(IOService_getDirectory(other));
	ck_assert(!IOService_attach(other, NULL));
	ck_assert(!IOService_attach(other, other));
	ck_assert(!IOService_attach(other, service));
	OSObject_release(other);
}
END_TEST

START_TEST(a_service_below_another_one_keeps_it)
{
	IOService *below = IOService_withClass(&service_class);
	char path[160];

	IOService_setName(below, ".a/b%\n");
	snprintf(path, sizeof(path), "%s/%%2Ea%%2Fb%%25%%0A", in_service(&mount, ""));
	ck_assert_int_eq(mkdir(path, 0700), 0);
	strcat(path, "/state");
	make_text(path, "registered matched active\n", 0600);
	ck_assert(IOService_attach(below, service));
	ck_assert_ptr_eq(IOService_getProvider(below), service);
	ck_assert_uint_eq(OSObject_getRetainCount(service), 2);
	OSObject_release(below);
	ck_assert_uint_eq(OSObject_getRetainCount(service), 1);
}
END_TEST

/* --- its files */

START_TEST(state_and_numbers_are_read_from_files)
{
	ck_assert_uint_eq(IOService_getRegistryEntryID(service), 0x100000107);
	ck_assert_uint_eq(IOService_getBusyState(service), 3);
	ck_assert_uint_eq(IOService_getState(service), 0);
	ck_assert(!IOService_isInactive(service));
	ck_assert_int_eq(unlink(in_service(&mount, "state")), 0);
	make_text(in_service(&mount, "state"), "registered matched active\n", 0600);
	ck_assert_uint_eq(IOService_getState(service),
			  kIOServiceRegisteredState | kIOServiceMatchedState);
	ck_assert_int_eq(unlink(in_service(&mount, "state")), 0);
	ck_assert(IOService_isInactive(service));
	ck_assert(IOService_isInactive(NULL));
	ck_assert_uint_eq(IOService_getRegistryEntryID(NULL), 0);
	ck_assert_uint_eq(IOService_getBusyState(NULL), 0);
}
END_TEST

START_TEST(properties_are_files)
{
	json_auto_t *count = IOService_copyProperty(service, "Count");
	json_auto_t *table = json_pack("{s:i,s:b}", "A", 1, "B", 1);
	uint64_t word;

	ck_assert_int_eq(json_text_word(count, &word), 0);
	ck_assert_uint_eq(word, UINT64_MAX);
	ck_assert_ptr_null(IOService_copyProperty(service, "None"));
	ck_assert_ptr_null(IOService_copyProperty(service, "../id"));
	ck_assert_ptr_null(IOService_copyProperty(NULL, "Count"));
	ck_assert(IOService_setProperty(service, "Count", count));
	ck_assert_str_eq(text_of(in_service(&mount, "props")), "{'Count': 18446744073709551615}");
	ck_assert(!IOService_setProperty(service, "Count", NULL));
	ck_assert(!IOService_setPropertyTable(service, count));
	ck_assert_int_eq(truncate(in_service(&mount, "props"), 0), 0);
	ck_assert(IOService_setPropertyTable(service, table));
	ck_assert_str_eq(text_of(in_service(&mount, "props")), "{'A': 1, 'B': true}");
	ck_assert(IOService_removeProperty(service, "Count"));
	ck_assert(!IOService_removeProperty(service, "Count"));
	ck_assert(!IOService_removeProperty(service, NULL));
}
END_TEST

static const char *ctl(void)
{
	static char text[512];

	snprintf(text, sizeof(text), "%.511s", text_of(in_service(&mount, "ctl")));
	ck_assert_int_eq(truncate(in_service(&mount, "ctl"), 0), 0);
	return text;
}

START_TEST(what_a_service_does_is_said_to_fsd)
{
	ck_assert_int_eq(IOService_persist(service), kIOReturnSuccess);
	ck_assert_str_eq(ctl(), "persist\n");
	ck_assert_int_eq(IOService_adjustBusy(service, 1), kIOReturnSuccess);
	ck_assert_str_eq(ctl(), "busy +1\n");
	ck_assert_int_eq(IOService_adjustBusy(service, -2), kIOReturnSuccess);
	ck_assert_str_eq(ctl(), "busy -1\n");
	ck_assert_int_eq(IOService_adjustBusy(service, 1024), kIOReturnBadArgument);
	ck_assert(IOService_terminate(service, 0));
	ck_assert_str_eq(ctl(), "terminate\n");
	ck_assert(!IOService_terminate(NULL, 0));
	ck_assert_int_eq(unlink(in_service(&mount, "ctl")), 0);
	ck_assert(!IOService_terminate(service, 0));
	ck_assert_int_eq(IOService_persist(service), kIOReturnNotFound);
	ck_assert_int_eq(IOService_persist(NULL), kIOReturnBadArgument);
}
END_TEST

/* --- the document */

static IOReturn do_nothing(void *target, void *reference, IOExternalMethodArguments *arguments)
{
	(void)target, (void)reference, (void)arguments;
	return kIOReturnSuccess;
}

static const IOExternalMethodDispatch2022 modern[] = {
	{ do_nothing, 2, 0, 1, kIOUCVariableStructureSize, 1, "org.example" },
	{ NULL, 0, 0, 0, 0, 0, NULL },
};
static const char *const names[] = { "mul", NULL };

/* With ' for "; "" where it cannot be made. */
static const char *document(void)
{
	static char text[4096];
	json_auto_t *value = driver_methods(service);
	char *printed = value ? json_text_print(value, true) : NULL;

	snprintf(text, sizeof(text), "%s", printed ? printed : "");
	free(printed);
	for (char *at = text; *at; at++)
		if (*at == '"')
			*at = '\'';
	return text;
}

START_TEST(a_modern_table_is_said_in_full)
{
	client_class.dispatch2022 = modern;
	client_class.dispatchCount = 2;
	client_class.selectorNames = names;
	ck_assert_str_eq(document(),
			 "{'open':'ask','kind':'2022','methods':["
			 "{'si':2,'sis':0,'so':1,'sos':'*','allowAsync':true,'ent':'org.example','"
			 "name':'mul'},"
			 "{'si':0,'sis':0,'so':0,'sos':0,'allowAsync':false,'fn':false}],"
			 "'userClientClass':'TestClient','getService':false}");
}
END_TEST

static IOReturn own_function(IOUserClient *client, uint32_t selector,
			     IOExternalMethodArguments *arguments,
			     IOExternalMethodDispatch *dispatch, void *target, void *reference)
{
	(void)client, (void)selector, (void)arguments, (void)dispatch, (void)target,
		(void)reference;
	return kIOReturnSuccess;
}

static IOService *own_service(IOUserClient *client)
{
	return IOUserClient_getProvider(client);
}

static IOExternalMethod *no_descriptor(IOUserClient *client, UInt32 index)
{
	(void)client, (void)index;
	return NULL;
}

START_TEST(what_is_checked_goes_by_what_the_class_has)
{
	static const IOExternalMethodDispatch classic[] = { { do_nothing, 0, 0, 0, 0 } };
	static const IOUserClientMethodDispatch kit[] = { { NULL, kIOUCVariableStructureSize, 0, 0,
							    0, 0 } };

	ck_assert_str_eq(
		document(),
		"{'open':'ask','kind':'legacy','methods':[],'userClientClass':'TestClient',"
		"'getService':false}");
	methods.externalMethod = own_function;
	methods.getService = own_service;
	ck_assert_str_eq(document(),
			 "{'open':'ask','kind':'any','methods':[],'userClientClass':'TestClient'}");
	client_class.dispatch = classic;
	client_class.dispatchCount = 1;
	ck_assert_ptr_nonnull(
		strstr(document(), "'kind':'classic','methods':[{'si':0,'sis':0,'so':0,'sos':0}]"));
	methods.getExternalMethodForIndex = no_descriptor;
	ck_assert_ptr_nonnull(strstr(document(), "'kind':'any'"));
	methods = (struct IOUserClientMethods){ 0 };
	client_class.dispatch = NULL;
	client_class.methodDispatch = kit;
	ck_assert_ptr_nonnull(strstr(document(),
				     "'kind':'driverkit','methods':[{'si':0,'sis':0,'so':0,'sos':0,"
				     "'completion':'*','fn':false}]"));
	service_class.userClientClass = NULL;
	ck_assert_str_eq(document(), "{'open':'ask','kind':'any','methods':[]}");
}
END_TEST

START_TEST(properties_of_the_class_that_fsd_knows_are_said)
{
	client_class.className = NULL;
	client_class.properties =
		"{\"IOUserClientEntitlements\": false, \"IOUserClientSharedInstance\": 5,"
		" \"IOUserClientDefaultLocking\": true, \"IOUserClientPrivilege\": \"root\","
		" \"IOUserClientDefaultLockingSingleThreadExternalMethod\": true,"
		" \"IOUserClientDefaultLockingSetProperties\": false, \"IOUserClientTimeout\": 50, "
		"\"Own\": 1}";
	ck_assert_str_eq(document(),
		"{'open':'ask','kind':'legacy','methods':[],'getService':false,"
		"'IOUserClientEntitlements':false,"
		"'privilege':'root','timeout_ms':50,'shared':true,"
		"'locking':{'default':true,'setprops':false,'single':true}}");
	client_class.properties = "{";
	ck_assert_str_eq(document(), "");
	client_class.properties = "[]";
	ck_assert_str_eq(document(), "");
	ck_assert_int_eq(IOService_registerService(service, 0), kIOReturnBadArgument);
}
END_TEST

START_TEST(memory_and_ports_are_bound_before_it_is_registered)
{
	ck_assert_int_eq(IOService_bindMemory(service, 0, "page", 0), kIOReturnSuccess);
	ck_assert_int_eq(IOService_bindMemory(service, 0, "other", kIOMapReadOnly),
			 kIOReturnSuccess);
	ck_assert_int_eq(IOService_bindMemory(service, 2, "queues/0/data", 0), kIOReturnSuccess);
	ck_assert_int_eq(IOService_bindPort(service, 1, "queues/0/notify"), kIOReturnSuccess);
	ck_assert_int_eq(IOService_bindPort(service, 1, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_bindMemory(service, 1, "", 0), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_bindMemory(NULL, 1, "page", 0), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_bindPort(NULL, 1, "page"), kIOReturnBadArgument);
	ck_assert_str_eq(document(),
		"{'open':'ask','kind':'legacy','methods':[],'userClientClass':'TestClient',"
		"'getService':false,'memory':{'2':'queues/0/data','0':{'buf':'other','ro':true}},"
		"'ports':{'1':'queues/0/notify'}}");

	ck_assert_int_eq(IOService_registerService(service, 0), kIOReturnSuccess);
	ck_assert_str_eq(ctl(), "register\n");
	ck_assert_ptr_nonnull(strstr(text_of(in_service(&mount, "methods")), "queues/0/notify"));
	ck_assert_int_eq(IOService_bindMemory(service, 5, "page", 0), kIOReturnBadArgument);
	/* Again: what was said stays said. */
	ck_assert_int_eq(truncate(in_service(&mount, "methods"), 0), 0);
	ck_assert_int_eq(IOService_registerService(service, 0), kIOReturnSuccess);
	ck_assert_str_eq(text_of(in_service(&mount, "methods")), "");
	ck_assert_int_eq(IOService_registerService(NULL, 0), kIOReturnBadArgument);
}
END_TEST

/* --- memory */

START_TEST(a_buffer_is_a_file_of_its_length)
{
	IOMemoryDescriptor *memory, *again;
	struct stat st;

	ck_assert_int_eq(IOService_createBuffer(service, "page", 5000, &memory), kIOReturnSuccess);
	ck_assert_int_eq(stat(in_service(&mount, "buf/page"), &st), 0);
	ck_assert_int_eq(st.st_size, 5000);
	ck_assert_int_eq(pwrite(IOMemoryDescriptor_getDescriptor(memory), "x", 1, 0), 1);
	ck_assert_int_eq(IOService_createBuffer(service, "page", 5000, &again), kIOReturnSuccess);
	ck_assert_str_eq(text_of(in_service(&mount, "buf/page")), "x");
	ck_assert_int_eq(IOService_createBuffer(service, "a/b", 10, &again), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_createBuffer(service, "..", 10, &again), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_createBuffer(service, "p", 0, &again), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_createBuffer(service, "p", 10, NULL), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_createBuffer(NULL, "p", 10, &again), kIOReturnBadArgument);
	OSObject_release(memory);
	OSObject_release(again);
}
END_TEST

START_TEST(a_queue_is_published_where_queues_are)
{
	IODataQueue *queue = IODataQueue_withCapacity(64);

	/* A plain directory is no place for queues. */
	ck_assert_int_eq(IOService_publishDataQueue(service, queue, "0"), kIOReturnUnsupported);
	ck_assert_int_eq(IOService_publishDataQueue(service, queue, ".."), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_publishDataQueue(service, NULL, "0"), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_publishDataQueue(NULL, queue, "0"), kIOReturnBadArgument);
	OSObject_release(queue);
}
END_TEST

/* --- the exclusive open */

static IOReturn agreed;

static IOReturn answer_close(IOUserClient *client, UInt32 type, const void *provider,
			     void *argument)
{
	(void)argument;
	ck_assert_uint_eq(type, kIOMessageServiceIsRequestingClose);
	ck_assert_ptr_eq(provider, service);
	if (agreed == kIOReturnSuccess)
		IOService_close(service, client, 0);
	return agreed;
}

START_TEST(a_service_has_one_owner)
{
	IOUserClient *one = IOUserClient_alloc(&client_class),
		     *two = IOUserClient_alloc(&client_class);

	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	ck_assert(!IOService_isOpen(service, NULL));
	ck_assert(IOService_open(service, one, 0, NULL));
	heard(&mount.session, "{'message':3758096641,'arg':0}\n");
	ck_assert(IOService_isOpen(service, NULL));
	ck_assert(IOService_isOpen(service, one));
	ck_assert(!IOService_isOpen(service, two));
	ck_assert(!IOService_open(service, one, 0, NULL));
	ck_assert(!IOService_open(service, two, 0, NULL));
	heard(&mount.session, "{'message':3758096641,'arg':0}\n{'message':3758096641,'arg':0}\n");
	IOService_close(service, two, 0);
	ck_assert(IOService_isOpen(service, one));
	IOService_close(service, one, 0);
	heard(&mount.session, "{'message':3758096656,'arg':0}\n");
	ck_assert(!IOService_isOpen(service, NULL));
	ck_assert(!IOService_open(NULL, one, 0, NULL));
	ck_assert(!IOService_open(service, NULL, 0, NULL));
	ck_assert(!IOService_isOpen(NULL, one));
	OSObject_release(one);
	OSObject_release(two);
}
END_TEST

START_TEST(an_owner_that_agrees_and_closes_is_succeeded)
{
	IOUserClient *one, *two;

	methods.message = answer_close;
	one = IOUserClient_alloc(&client_class);
	two = IOUserClient_alloc(&client_class);
	ck_assert(IOService_handleOpen(service, one, 0, NULL));
	agreed = kIOReturnBusy;
	ck_assert(!IOService_handleOpen(service, two, kIOServiceSeize, NULL));
	ck_assert(IOService_handleIsOpen(service, one));
	agreed = kIOReturnSuccess;
	ck_assert(IOService_handleOpen(service, two, kIOServiceSeize, NULL));
	ck_assert(IOService_handleIsOpen(service, two));
	IOService_handleClose(service, two, 0);
	ck_assert(!IOService_handleIsOpen(service, NULL));
	ck_assert(!IOService_handleOpen(NULL, two, 0, NULL));
	OSObject_release(one);
	OSObject_release(two);
}
END_TEST

START_TEST(an_owner_that_goes_has_closed)
{
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':7,%s}", OPENER),
		    kIOReturnSuccess);
	ck_assert(IOService_open(service, service_find_connection(service, 1)->client, 0, NULL));
	asked(service, "{'op':'close','conn':1,'died':true}");
	ck_assert(!IOService_isOpen(service, NULL));
}
END_TEST

START_TEST(the_base_class_says_no)
{
	IOUserClient *client = NULL;

	ck_assert_int_eq(IOService_setProperties(service, NULL), kIOReturnUnsupported);
	ck_assert_int_eq(IOService_requestProbe(service, 0), kIOReturnUnsupported);
	ck_assert_int_eq(IOService_message(service, 0, NULL, NULL), kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'setprops','id':1,'conn':null,'props':{}}"),
		    kIOReturnUnsupported);
	assert_code(asked(service, "{'op':'probe','id':1,'options':1}"), kIOReturnUnsupported);
	ck_assert_int_eq(IOService_newUserClientOfClass(service, NULL, NULL, NULL, 0, NULL,
							&client),
			 kIOReturnBadArgument);
	ck_assert_int_eq(IOService_newUserClient(NULL, NULL, NULL, 0, NULL, &client),
			 kIOReturnUnsupported);
	ck_assert_int_eq(IOService_newUserClient(service, NULL, NULL, 0, NULL, &client),
			 kIOReturnSuccess);
	OSObject_release(client);
}
END_TEST

/* --- serving */

static bool note_start(IOService *started, IOService *provider)
{
	ck_assert_ptr_null(provider);
	ck_assert_ptr_eq(started, service);
	return ++n_starts > 1;
}

static void note_stop(IOService *stopped, IOService *provider)
{
	(void)provider;
	ck_assert_ptr_eq(stopped, service);
	n_stops++;
}

START_TEST(a_service_is_served_when_its_start_says_so)
{
	service_methods.start = note_start;
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnNotReady);
	ck_assert_int_eq(IOService_run(service), kIOReturnNotReady);
	ck_assert_int_eq(IOService_run(NULL), kIOReturnNotReady);
	ck_assert_int_eq(IOService_dispatch(NULL), kIOReturnNotReady);
	ck_assert_int_eq(IOService_messageClients(service, 1, NULL), kIOReturnNotReady);
	ck_assert_int_eq(IOService_serve(service), kIOReturnNotReady);
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	ck_assert_int_eq(IOService_serve(service), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_serve(NULL), kIOReturnBadArgument);
}
END_TEST

START_TEST(messages_are_told_with_their_argument)
{
	json_auto_t *argument = json_string("x");

	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	ck_assert_int_eq(IOService_messageClients(service, kIOMessageServiceIsSuspended, argument),
			 0);
	heard(&mount.session, "{'message':3758096416,'arg':'x'}\n");
	ck_assert_int_eq(IOService_messageClients(service, 5, NULL), 0);
	heard(&mount.session, "{'message':5}\n");
	ck_assert_int_eq(IOService_messageClients(NULL, 5, NULL), kIOReturnBadArgument);
}
END_TEST

static bool is_ready(void)
{
	struct pollfd ready = { .fd = IOService_getDescriptor(service), .events = POLLIN };

	return poll(&ready, 1, 20000) == 1;
}

START_TEST(requests_are_served_whole_lines_at_a_time)
{
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	ck_assert_int_eq(IOService_getDescriptor(NULL), -1);
	say(&mount.session, "{'op':'open','id':1,'conn':1,'type':0}\n{'op':'call',");
	ck_assert(is_ready());
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnSuccess);
	heard(&mount.session, "{'id':1,'rc':0}\n");
	say(&mount.session, "'id':2,'conn':1,'sel':0}\n");
	ck_assert(is_ready());
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnSuccess);
	heard(&mount.session, "{'id':2,'rc':3758097095}\n");
}
END_TEST

static void *run_it(void *unused)
{
	(void)unused;
	ck_assert_int_eq(IOService_run(service), kIOReturnNotAttached);
	return NULL;
}

/* From now on a read gives an end of file, or, of a file that is for writing, an error. */
static void session_becomes(int flags)
{
	int fd = open("/dev/null", flags | O_CLOEXEC);

	ck_assert_int_eq(dup2(fd, service->session.fd), service->session.fd);
	close(fd);
}

START_TEST(a_service_that_is_terminated_is_stopped_once)
{
	service_methods.stop = note_stop;
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0}"), kIOReturnSuccess);
	session_becomes(O_RDWR);
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnNotAttached);
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnNotAttached);
	ck_assert_int_eq(IOService_run(service), kIOReturnNotAttached);
	ck_assert_int_eq(n_stops, 1);
	ck_assert_ptr_null(service->connections);
}
END_TEST

static int n_closed;

static IOReturn count_close(IOUserClient *client)
{
	(void)client;
	n_closed++;
	return kIOReturnSuccess;
}

START_TEST(a_session_that_is_lost_is_opened_again)
{
	methods.clientClose = count_close;
	n_closed = 0;
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0}"), kIOReturnSuccess);

	session_becomes(O_WRONLY);
	close_terminal(&mount.session);
	ck_assert_int_eq(unlink(in_service(&mount, "driver")), 0);
	ck_assert_int_eq(unlink(in_service(&mount, "../../version")), 0);
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnNotReady);
	ck_assert_int_eq(n_closed, 1);
	ck_assert(is_ready());
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnNotReady);

	make_text(in_service(&mount, "../../version"), "fsd 1\n", 0600);
	make_terminal(&mount.session, in_service(&mount, "driver"));
	ck_assert(is_ready());
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnSuccess);
	say(&mount.session, "{'op':'probe','id':3,'options':0}\n");
	ck_assert(is_ready());
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnSuccess);
	heard(&mount.session, "{'id':3,'rc':3758097095}\n");
}
END_TEST

START_TEST(a_mount_that_is_back_without_the_service_ends_it)
{
	pthread_t thread;

	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	ck_assert_int_eq(unlink(in_service(&mount, "driver")), 0);
	ck_assert_int_eq(unlink(in_service(&mount, "../../version")), 0);
	session_becomes(O_WRONLY);
	ck_assert_int_eq(IOService_dispatch(service), kIOReturnNotReady);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_it, NULL), 0);
	make_text(in_service(&mount, "../../version"), "fsd 1\n", 0600);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

START_TEST(a_dispatch_queue_serves)
{
	IODispatchQueue *queue, *calls;

	ck_assert_int_eq(IODispatchQueue_Create("service", 0, 0, &queue), kIOReturnSuccess);
	ck_assert_int_eq(IODispatchQueue_Create("calls", kIODispatchQueueCallerRuns, 0, &calls), 0);
	ck_assert_int_eq(IOService_SetDispatchQueue(service, kIOServiceDefaultQueueName, queue),
			 kIOReturnNotReady);
	ck_assert_int_eq(IOService_serve(service), kIOReturnSuccess);
	ck_assert_int_eq(IOService_SetDispatchQueue(service, "Other", queue), kIOReturnBadArgument);
	ck_assert_int_eq(IOService_SetDispatchQueue(service, IOUserClientQueueNameExternalMethod,
						    calls),
			 0);
	ck_assert_int_eq(IOService_SetDispatchQueue(service, IOUserClientQueueNameExternalMethod,
						    calls),
			 kIOReturnBusy);
	ck_assert_int_eq(IOService_SetDispatchQueue(service, kIOServiceDefaultQueueName, queue), 0);
	ck_assert_int_eq(IOService_SetDispatchQueue(service, kIOServiceDefaultQueueName, queue),
			 kIOReturnBusy);
	ck_assert_int_eq(IOService_run(service), kIOReturnBusy);
	say(&mount.session, "{'op':'open','id':1,'conn':1,'type':0}\n");
	heard(&mount.session, "{'id':1,'rc':0}\n");
	say(&mount.session, "{'op':'call','id':2,'conn':1,'sel':0}\n");
	heard(&mount.session, "{'id':2,'rc':3758097095}\n");
	OSSafeReleaseNULL(service);
	OSObject_release(queue);
	OSObject_release(calls);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_service_is_named_after_its_class_and_has_its_bytes);
	tcase_add_test(tests, a_name_is_given_before_it_is_attached);
	tcase_add_test(tests, a_service_is_attached_once_and_in_a_mount);
	tcase_add_test(tests, a_service_below_another_one_keeps_it);
	tcase_add_test(tests, state_and_numbers_are_read_from_files);
	tcase_add_test(tests, properties_are_files);
	tcase_add_test(tests, what_a_service_does_is_said_to_fsd);
	tcase_add_test(tests, a_modern_table_is_said_in_full);
	tcase_add_test(tests, what_is_checked_goes_by_what_the_class_has);
	tcase_add_test(tests, properties_of_the_class_that_fsd_knows_are_said);
	tcase_add_test(tests, memory_and_ports_are_bound_before_it_is_registered);
	tcase_add_test(tests, a_buffer_is_a_file_of_its_length);
	tcase_add_test(tests, a_queue_is_published_where_queues_are);
	tcase_add_test(tests, a_service_has_one_owner);
	tcase_add_test(tests, an_owner_that_agrees_and_closes_is_succeeded);
	tcase_add_test(tests, an_owner_that_goes_has_closed);
	tcase_add_test(tests, the_base_class_says_no);
	tcase_add_test(tests, a_service_is_served_when_its_start_says_so);
	tcase_add_test(tests, messages_are_told_with_their_argument);
	tcase_add_test(tests, requests_are_served_whole_lines_at_a_time);
	tcase_add_test(tests, a_service_that_is_terminated_is_stopped_once);
	tcase_add_test(tests, a_session_that_is_lost_is_opened_again);
	tcase_add_test(tests, a_mount_that_is_back_without_the_service_ends_it);
	tcase_add_test(tests, a_dispatch_queue_serves);
}
