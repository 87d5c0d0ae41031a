/* SPDX-License-Identifier: MIT */
/*
 * test_user_client_memory - memory that user clients lend and borrow, and rights, without fsd
 */
#include "user_client.h"

#include <sys/mman.h>
#include <sys/xattr.h>

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

static bool init_with_entitlement(IOUserClient *client, task_t owner, void *token, UInt32 type)
{
	json_auto_t *own = IOUserClient_copyClientEntitlement(NULL, "may.call");

	return json_is_true(own) && IOUserClient_initWithTask(client, owner, token, type);
}

START_TEST(who_opens_is_the_caller_until_the_open_is_answered)
{
	methods.initWithTask = init_with_entitlement;
	opened();
	ck_assert_ptr_null(IOUserClient_copyClientEntitlements(NULL));
}
END_TEST

/* Who asks, as each function may see it. */
static IOReturn look(void)
{
	json_auto_t *own = IOUserClient_copyClientEntitlement(NULL, "may.call");
	task_t task = IOTaskGetCurrent();
	char text[64];

	snprintf(text, sizeof(text), "%d/%d/%d%s", (int)IOTaskGetUID(task), (int)IOTaskGetGID(task),
		 (int)IOTaskGetPID(task), json_is_true(own) ? "+" : "");
	note(text);
	return IOUserClient_clientHasPrivilege(task, kIOClientPrivilegeAdministrator);
}

static IOReturn look_at_call(IOUserClient *client, uint32_t selector,
			     IOExternalMethodArguments *arguments,
			     IOExternalMethodDispatch *dispatch, void *target, void *reference)
{
	(void)client, (void)selector, (void)arguments, (void)dispatch, (void)target, (void)reference;
	return look();
}

static IOReturn look_at_memory(IOUserClient *client, UInt32 type, IOOptionBits *options,
			       IOMemoryDescriptor **memory)
{
	(void)client, (void)type, (void)options, (void)memory;
	look();
	return kIOReturnUnsupported;
}

static IOReturn look_at_port(IOUserClient *client, mach_port_t port, UInt32 type, UInt32 refCon)
{
	(void)client, (void)port, (void)type, (void)refCon;
	return look();
}

static IOReturn look_at_client(IOUserClient *client, IOUserClient *other)
{
	(void)client, (void)other;
	return look();
}

static IOReturn look_at_properties(IOUserClient *client, json_t *properties)
{
	(void)client, (void)properties;
	return look();
}

static IOReturn look_at_message(IOUserClient *client, UInt32 type, const void *provider,
				void *argument)
{
	(void)client, (void)type, (void)provider, (void)argument;
	return look();
}

static IOReturn look_at_close(IOUserClient *client)
{
	(void)client;
	return look();
}

static IOReturn look_at_service(IOService *self, json_t *properties)
{
	(void)self, (void)properties;
	return look();
}

static IOReturn look_at_probe(IOService *self, IOOptionBits options)
{
	(void)self, (void)options;
	return look();
}

#define US	"'uid':501,'gid':5"

START_TEST(who_asks_is_the_current_task_whatever_it_asks)
{
	static const char *const questions[] = {
		"'op':'call','conn':1,'sel':0,'si':[],'so':0,'sos':0", "'op':'mem','conn':1,'type':0",
		"'op':'port','conn':1,'type':1,'ref':0", "'op':'addclient','conn':1,'to':1",
		"'op':'setprops','conn':1,'props':{}", "'op':'seize','conn':1,'by':2",
	};
	char ours[64];

	methods = (struct IOUserClientMethods){
		.externalMethod = look_at_call, .clientMemoryForType = look_at_memory,
		.registerNotificationPort = look_at_port, .connectClient = look_at_client,
		.setProperties = look_at_properties, .message = look_at_message,
		.clientClose = look_at_close,
	};
	service_methods.setProperties = look_at_service;
	service_methods.requestProbe = look_at_probe;
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':0," US ",'pid':%d,'ents':"
			  "{'may.call':true}}", (int)getpid()), kIOReturnSuccess);
	snprintf(ours, sizeof(ours), "501/5/%d+ ", (int)getpid());
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		asked(service, "{%s,'id':2}", questions[i]);
		assert_said(ours);
		asked(service, "{%s,'id':2," US ",'pid':%d}", questions[i], (int)getpid());
		assert_said(ours);
		/* Another process, and this one as another user. */
		asked(service, "{%s,'id':2,'uid':0,'gid':7,'pid':1}", questions[i]);
		assert_said("0/7/1 ");
		asked(service, "{%s,'id':2,'uid':502,'gid':5,'pid':%d}", questions[i], (int)getpid());
		ck_assert_ptr_null(strchr(said, '+'));
		*said = '\0';
	}
	/* Of whom fsd sees the ids alone: another group is another. */
	asked(service, "{'op':'open','id':4,'conn':3,'type':0," US ",'pid':0,'ents':{'may.call':true}}");
	asked(service, "{'op':'mem','conn':3,'id':5,'type':0," US ",'pid':0}");
	asked(service, "{'op':'mem','conn':3,'id':5,'type':0,'uid':501,'gid':6,'pid':0}");
	asked(service, "{'op':'call','conn':3,'id':5,'sel':0,'si':[],'so':0,'sos':0,'uid':501,'pid':0}");
	assert_said("501/5/0+ 501/6/0 501/-1/0 ");
	assert_code(asked(service, "{'op':'setprops','id':3,'conn':null,'props':{}," US ",'pid':1}"),
		    kIOReturnNotPrivileged);
	assert_code(asked(service, "{'op':'probe','id':3,'options':0,'uid':0,'gid':0,'pid':1}"),
		    kIOReturnSuccess);
	assert_said("501/5/1 0/0/1 ");
	asked(service, "{'op':'close','conn':1,'died':false}");
	assert_said("-1/-1/0 ");
	ck_assert_ptr_null(IOTaskGetCurrent());
}
END_TEST

static IOReturn one_for_all(IOService *from, task_t task, void *token, UInt32 type,
			    json_t *properties, IOUserClient **handler)
{
	if (!from->connections)
		return IOService_newUserClient(from, task, token, type, properties, handler);
	*handler = from->connections->client;
	OSObject_retain(*handler);
	return kIOReturnSuccess;
}

START_TEST(who_asks_by_a_shared_user_client_is_who_opened_that_connection)
{
	methods.externalMethod = look_at_call;
	service_methods.newUserClient = one_for_all;
	asked(service, "{'op':'open','id':1,'conn':1,'type':0,'uid':0,'gid':0,'pid':2,'ents':"
	      "{'may.call':true}}");
	asked(service, "{'op':'open','id':2,'conn':2,'type':0," US ",'pid':3}");
	for (int number = 1; number <= 2; number++)
		asked(service, "{'op':'call','id':3,'conn':%d,'sel':0,'si':[],'so':0,'sos':0}", number);
	assert_said("0/0/2+ 501/5/3 ");
	asked(service, "{'op':'close','conn':1,'died':false}");
	asked(service, "{'op':'call','id':4,'conn':2,'sel':0,'si':[],'so':0,'sos':0}");
	assert_said("501/5/3 ");
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
	tcase_add_test(tests, who_opens_is_the_caller_until_the_open_is_answered);
	tcase_add_test(tests, who_asks_is_the_current_task_whatever_it_asks);
	tcase_add_test(tests, who_asks_by_a_shared_user_client_is_who_opened_that_connection);
	tcase_add_test(tests, entitlements_of_a_file_are_in_an_attribute);
	tcase_add_test(tests, driverkit_names_who_opened_it);
	tcase_add_test(tests, a_task_is_what_fsd_said_of_it);
	tcase_add_test(tests, data_are_a_copy);
}
