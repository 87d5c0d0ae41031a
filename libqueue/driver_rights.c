/* SPDX-License-Identifier: MIT */
/*
 * driver_rights - what a client's process may: privileges by name, and entitlements
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "cleanup.h"
#include "driver_client.h"
#include "driver_task.h"
#include "json_text.h"
#include "mount.h"

#define ENTITLEMENTS_XATTR	"trusted.fsd.entitlements"
#define ADMINISTRATOR		"com.apple.developer.driverkit.administrator"
#define N_XATTR			65536u		/* the most that an attribute can have */

/* The users at the console, an array; NULL for no such. */
static json_t *console_users(task_t task)
{
	_cleanup_(freep) char *path = NULL, *text = NULL;
	json_t *users = NULL;
	size_t size;

	path = text_print("%s/console", task->mount);
	if (!path || file_read(AT_FDCWD, path, &text, &size) < 0 ||
	    json_text_parse(text, size, &users, NULL, 0) < 0)
		return NULL;
	return users;
}

/* The first user of whom it is true; borrowed. */
static json_t *find_user(const json_t *users, bool (*is_it)(const json_t *user, task_t task),
			 task_t task)
{
	json_t *user;
	size_t i;

	json_array_foreach(users, i, user)
		if (is_it(user, task))
			return user;
	return NULL;
}

static bool is_the_tasks(const json_t *user, task_t task)
{
	uint64_t uid;

	return json_text_word(json_object_get(user, "uid"), &uid) == 0 && uid == task->uid;
}

static bool is_on_console(const json_t *user, task_t task)
{
	(void)task;
	return json_is_true(json_object_get(user, "onConsole"));
}

static bool is_root(task_t task, UInt32 pid)
{
	(void)pid;
	return task->uid == 0;
}

static bool is_local(task_t task, UInt32 pid)
{
	json_auto_t *users = console_users(task);

	(void)pid;
	return find_user(users, is_the_tasks, task);
}

/* As in the original it is about who calls, not about the task. Who is frozen makes no calls. */
static bool is_foreground(task_t task, UInt32 pid)
{
	(void)task;
	(void)pid;
	return !call_is_background;
}

static bool is_console_user(task_t task, UInt32 pid)
{
	json_auto_t *users = console_users(task);
	const json_t *user = find_user(users, is_the_tasks, task);

	(void)pid;
	return user && is_on_console(user, task);
}

static bool is_secure_process(task_t task, UInt32 pid)
{
	json_auto_t *users = console_users(task);
	const json_t *user = find_user(users, is_the_tasks, task);
	uint64_t secure;

	if (!user || !is_on_console(user, task))
		return false;
	return json_text_word(json_object_get(user, "securePid"), &secure) < 0 || secure == pid;
}

/* The audit session of a process, as text. */
static bool is_console_session(task_t task, UInt32 pid)
{
	json_auto_t *users = console_users(task);
	const json_t *user = find_user(users, is_on_console, task);
	_cleanup_(freep) char *text = NULL;
	uint64_t session;
	char path[40];

	(void)pid;
	snprintf(path, sizeof(path), "/proc/%d/sessionid", (int)task->pid);
	return json_text_word(json_object_get(user, "session"), &session) == 0 &&
	       file_read(AT_FDCWD, path, &text, NULL) == 0 &&
	       strtoull(text, NULL, 10) == session && task_is_alive(task);
}

static const struct privilege {
	const char *name;
	bool (*has)(task_t task, UInt32 pid);
} privileges[] = {
	{ kIOClientPrivilegeAdministrator,		is_root },
	{ kIOClientPrivilegeLocalUser,			is_local },
	{ kIOClientPrivilegeForeground,			is_foreground },
	{ kIOClientPrivilegeConsoleUser,		is_console_user },
	{ kIOClientPrivilegeSecureConsoleProcess,	is_secure_process },
	{ kIOClientPrivilegeConsoleSession,		is_console_session },
};

/* By number, from 0 on. */
static const char *const capabilities[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
	"setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
	"wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
};

static bool has_capability(task_t task, unsigned number)
{
	_cleanup_(freep) char *text = NULL;
	const char *line;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)task->pid);
	if (file_read(AT_FDCWD, path, &text, NULL) < 0 || !task_is_alive(task))
		return false;
	line = strstr(text, "\nCapEff:");
	return line && strtoull(line + strlen("\nCapEff:"), NULL, 16) >> number & 1;
}

static IOReturn granted(bool has)
{
	return has ? kIOReturnSuccess : kIOReturnNotPrivileged;
}

static IOReturn check_capability(task_t task, const char *name)
{
	for (unsigned i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		if (strcmp(capabilities[i], name) == 0)
			return granted(task && has_capability(task, i));
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_clientHasPrivilege(void *securityToken, const char *privilegeName)
{
	const char *name = privilegeName ? privilegeName : "";
	bool is_process = strcmp(name, kIOClientPrivilegeSecureConsoleProcess) == 0;
	IOUCProcessToken *process = is_process ? securityToken : NULL;
	task_t task = is_process ? (process ? process->token : NULL) : securityToken;

	if (strncmp(name, "cap:", 4) == 0)
		return check_capability(task, name + 4);
	for (size_t i = 0; i < sizeof(privileges) / sizeof(privileges[0]); i++)
		if (strcmp(privileges[i].name, name) == 0)
			return granted(task && privileges[i].has(task, process ? process->pid : 0));
	return kIOReturnUnsupported;
}

IOReturn IOUserClient_clientHasAuthorization(task_t task, IOService *service)
{
	uint64_t id = IOService_getAuthorizationID(service);

	return id && id == IOTaskGetUniqueID(task) ? kIOReturnSuccess : kIOReturnNotPermitted;
}

json_t *IOUserClient_copyClientEntitlements(task_t task)
{
	task = task ? task : task_of_request;
	return task ? json_deep_copy(task->entitlements) : NULL;
}

json_t *IOUserClient_copyClientEntitlement(task_t task, const char *entitlement)
{
	task = task ? task : task_of_request;
	if (!task || !entitlement)
		return NULL;
	return json_deep_copy(json_object_get(task->entitlements, entitlement));
}

json_t *IOUserClient_copyClientEntitlementsVnode(int fd, const char *path)
{
	_cleanup_(freep) char *text = malloc(N_XATTR);
	json_t *entitlements = NULL;
	ssize_t n = -1;

	if (!text)
		return NULL;
	if (fd >= 0)
		n = fgetxattr(fd, ENTITLEMENTS_XATTR, text, N_XATTR);
	else if (path)
		n = getxattr(path, ENTITLEMENTS_XATTR, text, N_XATTR);
	if (n < 0 || json_text_parse(text, (size_t)n, &entitlements, NULL, 0) < 0)
		return NULL;
	if (!json_is_object(entitlements)) {
		json_decref(entitlements);
		return NULL;
	}
	return entitlements;
}

json_t *IOUserClient_copyClientEntitlementVnode(int fd, const char *path, const char *entitlement)
{
	json_auto_t *all = IOUserClient_copyClientEntitlementsVnode(fd, path);

	return entitlement ? json_incref(json_object_get(all, entitlement)) : NULL;
}

kern_return_t IOUserClient_CopyClientEntitlements(IOUserClient *client, json_t **entitlements)
{
	json_t *all, *creator;

	if (!client || !entitlements)
		return kIOReturnBadArgument;
	if (!client->task)
		return kIOReturnNotReady;
	all = json_deep_copy(client->task->entitlements);
	creator = json_object_get(client->properties, "IOUserClientCreator");
	if (!all || (creator && json_object_set(all, "IOUserClientCreator", creator) < 0) ||
	    (client->task->uid == 0 &&
	     json_object_set_new(all, ADMINISTRATOR, json_true()) < 0)) {
		json_decref(all);
		return kIOReturnNoMemory;
	}
	*entitlements = all;
	return kIOReturnSuccess;
}
