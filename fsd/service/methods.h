/* SPDX-License-Identifier: MIT */
/*
 * methods - what a driver says of its clients in `methods`, and the checks of a call by it
 */
#pragma once

#include <IOKit/IOReturn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCALARS_MAX	16u		/* in, and out */
#define INLINE_MAX	4096u		/* bytes of a struct that is not out of line */
#define ANY_COUNT	UINT32_MAX	/* "*": kIOUCVariableStructureSize */

/* The generations of dispatch tables; they differ in what is checked, and in which order. */
enum method_kind {
	METHODS_2022,		/* the one of §5.6, and the default */
	METHODS_CLASSIC,
	METHODS_DRIVERKIT,
	METHODS_LEGACY,		/* descriptors: type, two counts */
	METHODS_UNCHECKED,	/* the driver looks at all calls itself */
};

enum legacy_type { SCALAR_I_SCALAR_O = 0, SCALAR_I_STRUCT_O = 2, STRUCT_I_STRUCT_O = 3,
		   SCALAR_I_STRUCT_I = 4 };

struct method {
	char *name;			/* owned, or NULL */
	uint32_t si, sis, so, sos;	/* counts and bytes, or ANY_COUNT; legacy: two of them */
	bool allow_async;		/* a legacy one: in the asynchronous table, too */
	uint32_t completion;		/* DriverKit: 0 none, ANY_COUNT either, else required */
	char *entitlement;		/* owned, or NULL */
	bool no_function;		/* listed, but not callable */
	uint32_t type;			/* legacy: of enum legacy_type, or what the driver wrote */
	bool foreground;		/* legacy: for callers in the foreground only */
	bool absent;			/* legacy: no descriptor at this index */
};

/* A memory type or a port, and what of the service stands behind it. */
struct binding {
	uint32_t type;
	char *target;			/* owned: "BUFFER", "queues/NAME/data", ".../notify" */
	bool read_only;
};

enum entitlement_rule { ENTITLEMENT_ABSENT, ENTITLEMENT_NONE_NEEDED, ENTITLEMENT_NAMED };

struct methods {
	enum method_kind kind;
	bool has_table;			/* "methods" was there, if only as [] */
	struct method *table;
	size_t n_table;
	struct binding *memory, *ports;
	size_t n_memory, n_ports;
	bool ask;			/* the driver decides each open */
	char *privilege;		/* owned, or NULL */
	enum entitlement_rule entitlement_rule;
	char *entitlement;		/* owned: of ENTITLEMENT_NAMED */
	bool lock_default, lock_single, lock_setprops;	/* defaults: true, false, false */
	uint64_t timeout_ms;		/* 0: none */
	bool shared;
	char *client_class;		/* owned, or NULL: "IOUserClient" */
	bool get_service;		/* default: true; for libraries to look at */
};

struct methods *methods_free(struct methods *methods);

/* Decimal without leading zeros, or hexadecimal with 0x, below 2^32. Return: whether it is that. */
bool methods_number(const char *text, uint32_t *ret);

/* By any number or, of those in the table, by name. @methods may be NULL. */
bool methods_find(const struct methods *methods, const char *text, uint32_t *ret_selector);
const struct binding *methods_memory(const struct methods *methods, uint32_t type);
const struct binding *methods_port(const struct methods *methods, uint32_t type);

/* A call as the checks see it. */
struct call_shape {
	uint32_t selector;
	uint64_t si, so;	/* scalars given and asked for */
	uint64_t sis;		/* bytes of struct input */
	uint64_t sos;		/* bytes of room for struct output; 0 where @variable */
	bool variable;		/* struct output of any size */
	bool async;
	bool gpu_denied;	/* the caller is not in the foreground */
	/* Of the calling process. */
	bool (*has_entitlement)(const void *user, const char *name);
	const void *user;
};

/*
 * The checks of userclient 2.1, 2.3 and 2.4, in their order; @methods NULL: the base class.
 * Return: Success when the driver shall see the call, or the code for the client, and
 * where there is more to say, failure().
 */
IOReturn methods_check(const struct methods *methods, const struct call_shape *shape);
