/* SPDX-License-Identifier: MIT */
/*
 * driver_legacy - calls in the oldest style: a descriptor says how six arguments are filled
 *
 *	type			before the call			arguments
 *	ScalarIScalarO		count0, count1 scalars		inputs, pointers to outputs
 *	ScalarIStructO		count0 scalars, count1 bytes	inputs, output, pointer to its size
 *	StructIStructO		count0, count1 bytes		input, output, size, pointer to size
 *	ScalarIStructI		count0 scalars, count1 bytes	inputs, input, its size
 *
 * Scalars have 32 bits. What no longer fits into six arguments is left out, as is what has a
 * declared size of 0 where there are two structs. A size may be any.
 */
#include "driver_client.h"

#define N_ARGUMENTS	6u

/* A descriptor of either kind, and the arguments that it asks for. */
struct legacy {
	void *target;
	IOMethod function;		/* of these two one is NULL */
	IOAsyncMethod async_function;
	IOOptionBits flags;
	IOByteCount count0, count1;

	void *argument[N_ARGUMENTS];
	unsigned n;
	UInt32 scalars[N_ARGUMENTS];	/* outputs */
	IOByteCount size;		/* of the struct output; the function may lower it */
};

static bool fits(uint64_t given, IOByteCount declared)
{
	return declared == kIOUCVariableStructureSize || given == declared;
}

static void add(struct legacy *call, void *argument)
{
	if (call->n < N_ARGUMENTS)
		call->argument[call->n++] = argument;
}

static void add_word(struct legacy *call, uint64_t word)
{
	add(call, (void *)(uintptr_t)word);
}

static void add_inputs(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	for (uint32_t i = 0; i < arguments->scalarInputCount; i++)
		add_word(call, (UInt32)arguments->scalarInput[i]);
}

static void *input_of(const IOExternalMethodArguments *arguments)
{
	return (void *)(uintptr_t)arguments->structureInput;
}

static bool fill_scalar_scalar(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	uint32_t n_out = arguments->scalarOutputCount;

	if (arguments->scalarInputCount != call->count0 || n_out != call->count1 ||
	    arguments->scalarInputCount + n_out > N_ARGUMENTS)
		return false;
	add_inputs(call, arguments);
	for (uint32_t i = 0; i < n_out; i++)
		add(call, &call->scalars[i]);
	return true;
}

static bool fill_scalar_struct(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	if (arguments->scalarInputCount != call->count0 || call->count0 >= N_ARGUMENTS ||
	    !fits(arguments->structureOutputSize, call->count1))
		return false;
	add_inputs(call, arguments);
	add(call, arguments->structureOutput);
	add(call, &call->size);
	return true;
}

static bool fill_struct_struct(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	if (!fits(arguments->structureInputSize, call->count0) ||
	    !fits(arguments->structureOutputSize, call->count1))
		return false;
	if (call->count0)
		add(call, input_of(arguments));
	if (call->count1)
		add(call, arguments->structureOutput);
	if (call->count0)
		add_word(call, arguments->structureInputSize);
	if (call->count1)
		add(call, &call->size);
	return true;
}

static bool fill_scalar_input(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	if (arguments->scalarInputCount != call->count0 || call->count0 >= N_ARGUMENTS ||
	    !fits(arguments->structureInputSize, call->count1))
		return false;
	add_inputs(call, arguments);
	add(call, input_of(arguments));
	add_word(call, arguments->structureInputSize);
	return true;
}

static bool fill(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	call->size = arguments->structureOutputSize;
	switch (call->flags & kIOUCTypeMask) {
	case kIOUCScalarIScalarO:
		return fill_scalar_scalar(call, arguments);
	case kIOUCScalarIStructO:
		return fill_scalar_struct(call, arguments);
	case kIOUCStructIStructO:
		return fill_struct_struct(call, arguments);
	case kIOUCScalarIStructI:
		return fill_scalar_input(call, arguments);
	default:
		return false;
	}
}

static bool look_up(IOUserClient *client, uint32_t selector, struct legacy *ret)
{
	const IOExternalMethod *method;

	method = CLIENT_CALL(client, getTargetAndMethodForIndex)(client, &ret->target, selector);
	if (!method || !ret->target)
		return false;
	ret->function = method->func;
	ret->flags = method->flags;
	ret->count0 = method->count0;
	ret->count1 = method->count1;
	return method->func;
}

static bool look_up_async(IOUserClient *client, uint32_t selector, struct legacy *ret)
{
	const IOExternalAsyncMethod *method;

	method = CLIENT_CALL(client, getAsyncTargetAndMethodForIndex)(client, &ret->target,
								      selector);
	if (!method || !ret->target)
		return false;
	ret->async_function = method->func;
	ret->flags = method->flags;
	ret->count0 = method->count0;
	ret->count1 = method->count1;
	return method->func;
}

static IOReturn make(struct legacy *call, const IOExternalMethodArguments *arguments)
{
	OSAsyncReference reference = { 0 };
	void **a = call->argument;

	if (call->function)
		return call->function(call->target, a[0], a[1], a[2], a[3], a[4], a[5]);
	for (uint32_t i = 0; i < arguments->asyncReferenceCount && i < kOSAsyncRefCount; i++)
		reference[i] = (UInt32)arguments->asyncReference[i];
	return call->async_function(call->target, reference, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* The function may have lowered the size, not raised it. */
static void take_outputs(const struct legacy *call, IOExternalMethodArguments *arguments)
{
	bool scalars = (call->flags & kIOUCTypeMask) == kIOUCScalarIScalarO;

	for (uint32_t i = 0; scalars && i < arguments->scalarOutputCount; i++)
		arguments->scalarOutput[i] = call->scalars[i];
	if (call->size < arguments->structureOutputSize)
		arguments->structureOutputSize = (uint32_t)call->size;
}

static bool is_in_foreground(const IOUserClient *client)
{
	return IOUserClient_clientHasPrivilege(client->task, kIOClientPrivilegeForeground) ==
	       kIOReturnSuccess;
}

IOReturn client_legacy_method(IOUserClient *client, uint32_t selector,
			      IOExternalMethodArguments *arguments)
{
	bool is_async = arguments->asyncWakePort != MACH_PORT_NULL;
	struct legacy call = { 0 };
	IOReturn result;

	if (arguments->structureInputDescriptor || arguments->structureOutputDescriptor)
		return kIOReturnIPCError;
	if (!(is_async ? look_up_async : look_up)(client, selector, &call))
		return kIOReturnUnsupported;
	if ((call.flags & kIOUCForegroundOnly) && !is_in_foreground(client))
		return kIOReturnNotPermitted;
	if (!fill(&call, arguments))
		return kIOReturnBadArgument;
	result = make(&call, arguments);
	if (result == kIOReturnSuccess)
		take_outputs(&call, arguments);
	return result;
}

/* --- descriptors, where a driver has none; and with their object as the target */

IOExternalMethod *IOUserClient_getExternalMethodForIndex(IOUserClient *client, UInt32 index)
{
	(void)client;
	(void)index;
	return NULL;
}

IOExternalAsyncMethod *IOUserClient_getExternalAsyncMethodForIndex(IOUserClient *client,
								   UInt32 index)
{
	(void)client;
	(void)index;
	return NULL;
}

IOExternalTrap *IOUserClient_getExternalTrapForIndex(IOUserClient *client, UInt32 index)
{
	(void)client;
	(void)index;
	return NULL;
}

IOExternalMethod *IOUserClient_getTargetAndMethodForIndex(IOUserClient *client, void **target,
							  UInt32 index)
{
	IOExternalMethod *method;

	if (!client || !target)
		return NULL;
	method = CLIENT_CALL(client, getExternalMethodForIndex)(client, index);
	if (method)
		*target = method->object;
	return method;
}

IOExternalAsyncMethod *IOUserClient_getAsyncTargetAndMethodForIndex(IOUserClient *client,
								    void **target, UInt32 index)
{
	IOExternalAsyncMethod *method;

	if (!client || !target)
		return NULL;
	method = CLIENT_CALL(client, getExternalAsyncMethodForIndex)(client, index);
	if (method)
		*target = method->object;
	return method;
}

IOExternalTrap *IOUserClient_getTargetAndTrapForIndex(IOUserClient *client, void **target,
						      UInt32 index)
{
	IOExternalTrap *trap;

	if (!client || !target)
		return NULL;
	trap = CLIENT_CALL(client, getExternalTrapForIndex)(client, index);
	if (trap)
		*target = trap->object;
	return trap;
}
