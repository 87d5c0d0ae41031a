/* SPDX-License-Identifier: MIT */
/*
 * driver - a mount as plain files with one service in it, and requests to its driver without fsd
 *
 * JSON is written with ' in the place of ".
 */
#pragma once

#include "plain_mount.h"

#include <IOKit/IOUserClient.h>

#include "driver_client.h"
#include "driver_requests.h"
#include "driver_task.h"
#include "json_text.h"

#define OPENER	"'uid':1000,'gid':100,'pid':4000000,'comm':'tool','exe':'/usr/bin/tool'," \
		"'ents':{'may.call':true,'may.not':'true'}"

struct driver_mount {
	char path[32];
	struct terminal session;
};

/* Where a file of the service, or of the mount, is. */
static inline const char *in_service(const struct driver_mount *mount, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/IOService/Svc@1,2%s%s", mount->path, *name ? "/" : "",
		 name);
	return path;
}

static inline const char *in_plane(const struct driver_mount *mount)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/IOService", mount->path);
	return path;
}

static inline void new_driver_mount(struct driver_mount *mount)
{
	static const char *const folders[] = { "", "buf", "queues", "prop" };
	char path[64];

	strcpy(mount->path, "/tmp/driver-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(mount->path));
	ck_assert_int_eq(mkdir(in_plane(mount), 0700), 0);
	snprintf(path, sizeof(path), "%s/version", mount->path);
	make_text(path, "fsd 1\n", 0600);
	snprintf(path, sizeof(path), "%s/console", mount->path);
	make_text(path, "[{\"uid\":501,\"onConsole\":true,\"securePid\":77},"
			"{\"uid\":502,\"onConsole\":false}]\n", 0600);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		ck_assert_int_eq(mkdir(in_service(mount, folders[i]), 0700), 0);
	make_text(in_service(mount, "state"), "!registered !matched active\n", 0600);
	make_text(in_service(mount, "id"), "0x100000107\n", 0600);
	make_text(in_service(mount, "busy"), "3\n", 0600);
	make_text(in_service(mount, "ctl"), "", 0600);
	make_text(in_service(mount, "methods"), "", 0600);
	make_text(in_service(mount, "props"), "", 0600);
	make_text(in_service(mount, "prop/Count"), "18446744073709551615\n", 0600);
	make_terminal(&mount->session, in_service(mount, "driver"));
}

static inline void remove_driver_mount(struct driver_mount *mount)
{
	close_terminal(&mount->session);
	remove_all(mount->path);
}

/* A service that is attached; the caller's. */
static inline IOService *new_service(const struct driver_mount *mount,
				     const struct IOServiceClass *class)
{
	IOService *service = IOService_withClass(class);

	ck_assert_ptr_nonnull(service);
	ck_assert(IOService_setName(service, "Svc"));
	ck_assert(IOService_setLocation(service, "1,2"));
	ck_assert_int_eq(IOService_attachAt(service, in_plane(mount)), kIOReturnSuccess);
	return service;
}

/* Whatever a file has, with ' for ". */
static inline const char *text_of(const char *path)
{
	char *text = text_in(path);

	for (char *at = text; *at; at++)
		if (*at == '"')
			*at = '\'';
	return text;
}

/* What is asked, and the answer; "" for none. */
__attribute__((format(printf, 2, 3)))
static inline const char *asked(IOService *service, const char *format, ...)
{
	static char line[70000];
	json_auto_t *request = NULL, *answer = NULL;
	char *text;
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	for (char *at = line; *at; at++)
		if (*at == '\'')
			*at = '"';
	ck_assert_int_eq(json_text_parse(line, strlen(line), &request, NULL, 0), 0);
	answer = driver_serve(service, request);
	if (!answer)
		return "";
	text = json_text_print(answer, true);
	snprintf(line, sizeof(line), "%s", text);
	free(text);
	for (char *at = line; *at; at++)
		if (*at == '"')
			*at = '\'';
	return line;
}

/* The answer's code. */
static inline IOReturn code_of(const char *answer)
{
	const char *rc = strstr(answer, "'rc':");

	ck_assert_msg(rc != NULL, "no code in \"%s\"", answer);
	return (IOReturn)(uint32_t)strtoul(rc + 5, NULL, 10);
}

#define assert_code(answer, code)                                                                  \
	ck_assert_str_eq(IOReturnName(code_of(answer)), IOReturnName(code))
