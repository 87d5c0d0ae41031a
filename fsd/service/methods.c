/* SPDX-License-Identifier: MIT */
/*
 * The checks only compare: what a call brings with what its method says. Each
 * kind of table is a function of its own, so that its order can be read from it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/methods.h"
#include "util/failure.h"

/* Scalars of a call in the legacy form; its functions took no more arguments. */
#define LEGACY_SCALARS_MAX 6

static void bindings_free(struct binding *bindings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(bindings[i].target);
	free(bindings);
}

struct methods *methods_free(struct methods *methods)
{
	if (!methods)
		return NULL;
	for (size_t i = 0; i < methods->n_table; i++) {
		free(methods->table[i].name);
		free(methods->table[i].entitlement);
	}
	free(methods->table);
	bindings_free(methods->memory, methods->n_memory);
	bindings_free(methods->ports, methods->n_ports);
	free(methods->privilege);
	free(methods->entitlement);
	free(methods->client_class);
	free(methods);
	return NULL;
}

bool methods_number(const char *text, uint32_t *ret)
{
	bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = is_hex ? text + 2 : text;
	const char *allowed = is_hex ? "0123456789abcdefABCDEF" : "0123456789";
	unsigned long long value;

	if (!*digits || digits[strspn(digits, allowed)])
		return false;
	if (!is_hex && digits[0] == '0' && digits[1])
		return false;
	errno = 0;
	value = strtoull(digits, NULL, is_hex ? 16 : 10);
	if (errno || value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

bool methods_find(const struct methods *methods, const char *text, uint32_t *ret_selector)
{
	if (methods_number(text, ret_selector))
		return true;
	for (size_t i = 0; methods && i < methods->n_table; i++) {
		const char *name = methods->table[i].name;

		if (name && strcmp(name, text) == 0) {
			*ret_selector = (uint32_t)i;
			return true;
		}
	}
	return false;
}

static const struct binding *find_binding(const struct binding *bindings, size_t n, uint32_t type)
{
	for (size_t i = 0; i < n; i++)
		if (bindings[i].type == type)
			return &bindings[i];
	return NULL;
}

const struct binding *methods_memory(const struct methods *methods, uint32_t type)
{
	return methods ? find_binding(methods->memory, methods->n_memory, type) : NULL;
}

const struct binding *methods_port(const struct methods *methods, uint32_t type)
{
	return methods ? find_binding(methods->ports, methods->n_ports, type) : NULL;
}

/* Of a count that is given, and of a size that may be declared as any. */
static bool fits(uint64_t given, uint32_t declared)
{
	return declared == ANY_COUNT || given == declared;
}

/* What the transport refuses before any table is looked at. */
static IOReturn check_limits(const struct call_shape *shape)
{
	if (shape->si > SCALARS_MAX)
		return MIG_ARRAY_TOO_LARGE;
	if (shape->sis > UINT32_MAX || shape->sos > UINT32_MAX)
		return kIOReturnIPCError;
	if (shape->variable && shape->async)
		return kIOReturnIPCError;
	return kIOReturnSuccess;
}

static bool is_out_of_line(const struct call_shape *shape)
{
	return shape->sis > INLINE_MAX || (!shape->variable && shape->sos > INLINE_MAX);
}

/* A class that has no table, and what a table passes on that does not know the selector. */
static IOReturn check_base_class(const struct call_shape *shape)
{
	return is_out_of_line(shape) ? kIOReturnIPCError : kIOReturnUnsupported;
}

/* NULL: out of range. */
static const struct method *find_method(const struct methods *methods, uint32_t selector)
{
	if (selector < methods->n_table)
		return &methods->table[selector];
	failure(-EINVAL, "there are %zu methods, from 0 on", methods->n_table);
	return NULL;
}

/* A count as `methods` has it. */
static const char *declared(uint32_t count, char text[static 12])
{
	snprintf(text, 12, "%" PRIu32, count);
	return count == ANY_COUNT ? "*" : text;
}

static bool sizes_fit(const struct method *method, const struct call_shape *shape, uint64_t sos)
{
	char si[12], sis[12], so[12], bytes[12];

	if (fits(shape->si, method->si) && fits(shape->sis, method->sis) &&
	    fits(shape->so, method->so) && fits(sos, method->sos))
		return true;
	failure(-EINVAL, "the method has si=%s sis=%s so=%s sos=%s, the call si=%" PRIu64
		" sis=%" PRIu64 " so=%" PRIu64 " sos=%" PRIu64, declared(method->si, si),
		declared(method->sis, sis), declared(method->so, so), declared(method->sos, bytes),
		shape->si, shape->sis, shape->so, sos);
	return false;
}

static IOReturn check_2022(const struct methods *methods, const struct call_shape *shape)
{
	const struct method *method = find_method(methods, shape->selector);

	if (!methods->has_table)
		return kIOReturnError;
	if (!method || !sizes_fit(method, shape, shape->variable ? 0 : shape->sos))
		return kIOReturnBadArgument;
	if (shape->async && !method->allow_async)
		return kIOReturnBadArgument;
	if (method->entitlement && !shape->has_entitlement(shape->user, method->entitlement)) {
		failure(-EACCES, "this needs the entitlement '%s'", method->entitlement);
		return kIOReturnNotPrivileged;
	}
	return method->no_function ? kIOReturnNoCompletion : kIOReturnSuccess;
}

static IOReturn check_classic(const struct methods *methods, const struct call_shape *shape)
{
	const struct method *method = find_method(methods, shape->selector);

	if (!method)
		return check_base_class(shape);
	if (!sizes_fit(method, shape, shape->variable ? 0 : shape->sos))
		return kIOReturnBadArgument;
	return method->no_function ? kIOReturnNoCompletion : kIOReturnSuccess;
}

static IOReturn check_driverkit(const struct methods *methods, const struct call_shape *shape)
{
	const struct method *method = find_method(methods, shape->selector);

	if (!method)
		return check_base_class(shape);
	if (method->completion != ANY_COUNT && shape->async != (method->completion != 0))
		return kIOReturnBadArgument;
	/* Its field is the client's maximum, which has no end in the variable form. */
	if (!sizes_fit(method, shape, shape->variable ? ANY_COUNT : shape->sos))
		return kIOReturnBadArgument;
	return method->no_function ? kIOReturnNoCompletion : kIOReturnSuccess;
}

/* The two counts of a descriptor; the others of a call are not looked at. */
static bool legacy_counts_fit(const struct method *method, const struct call_shape *shape)
{
	uint64_t sos = shape->variable ? 0 : shape->sos;
	bool scalars_fit = method->si <= LEGACY_SCALARS_MAX && shape->si == method->si;

	switch (method->type) {
	case SCALAR_I_SCALAR_O:
		return (uint64_t)method->si + method->so <= LEGACY_SCALARS_MAX && scalars_fit &&
		       shape->so == method->so;
	case SCALAR_I_STRUCT_O:
		return scalars_fit && fits(sos, method->sos);
	case STRUCT_I_STRUCT_O:
		return fits(shape->sis, method->sis) && fits(sos, method->sos);
	case SCALAR_I_STRUCT_I:
		return scalars_fit && fits(shape->sis, method->sis);
	default:
		return false;
	}
}

static IOReturn check_legacy(const struct methods *methods, const struct call_shape *shape)
{
	const struct method *method = find_method(methods, shape->selector);

	if (is_out_of_line(shape))
		return kIOReturnIPCError;
	if (!method || method->absent || (shape->async && !method->allow_async))
		return kIOReturnUnsupported;
	if (method->foreground && shape->gpu_denied)
		return kIOReturnNotPermitted;
	return legacy_counts_fit(method, shape) ? kIOReturnSuccess : kIOReturnBadArgument;
}

IOReturn methods_check(const struct methods *methods, const struct call_shape *shape)
{
	struct call_shape seen = *shape;
	IOReturn code = check_limits(shape);

	if (code != kIOReturnSuccess)
		return code;
	if (seen.so > SCALARS_MAX)
		seen.so = SCALARS_MAX;
	if (!methods)
		return check_base_class(&seen);
	switch (methods->kind) {
	case METHODS_2022:
		return check_2022(methods, &seen);
	case METHODS_CLASSIC:
		return check_classic(methods, &seen);
	case METHODS_DRIVERKIT:
		return check_driverkit(methods, &seen);
	case METHODS_LEGACY:
		return check_legacy(methods, &seen);
	case METHODS_UNCHECKED:
		break;
	}
	return kIOReturnSuccess;
}
