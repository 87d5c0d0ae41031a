/* SPDX-License-Identifier: MIT */
/*
 * user_client - a service on plain files with a class of user clients, one to be opened
 */
#pragma once

#include "driver.h"

#define ANY	kIOUserClientVariableStructureSize

static struct driver_mount mount;
static char said[512];		/* what was called, in its order */

static inline void note(const char *word)
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

static inline IOUserClient *opened(void)
{
	assert_code(asked(service, "{'op':'open','id':1,'conn':1,'type':7,%s}", OPENER),
		    kIOReturnSuccess);
	return service_find_connection(service, 1)->client;
}

/* A method call by connection 1. */
__attribute__((format(printf, 1, 2)))
static inline const char *called(const char *format, ...)
{
	static char words[60000];
	va_list list;

	va_start(list, format);
	vsnprintf(words, sizeof(words), format, list);
	va_end(list);
	return asked(service, "{'op':'call','id':2,'conn':1,%s}", words);
}

static inline IOReturn count_call(void *target, void *reference,
				  IOExternalMethodArguments *arguments)
{
	(void)target;
	(void)arguments;
	if (reference)
		++*(int *)reference;
	return kIOReturnSuccess;
}
