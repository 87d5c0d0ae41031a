/* SPDX-License-Identifier: MIT */
/*
 * driver_dispatch - a call held against its entry in a table, and made
 *
 * Sizes are compared for equality, where a table does not say "any". The tables differ in
 * what else they check, and in which order.
 */
#include <stddef.h>

#include "driver_client.h"
#include "driver_task.h"

/* What all tables declare, in their order, and what a call brings. */
struct counts {
	uint64_t scalar_input, structure_input, scalar_output, structure_output;
};

static bool fits(uint64_t given, uint32_t declared)
{
	return declared == kIOUCVariableStructureSize || given == declared;
}

static bool all_fit(const struct counts *given, uint32_t scalar_input, uint32_t structure_input,
		    uint32_t scalar_output, uint32_t structure_output)
{
	return fits(given->scalar_input, scalar_input) &&
	       fits(given->structure_input, structure_input) &&
	       fits(given->scalar_output, scalar_output) &&
	       fits(given->structure_output, structure_output);
}

static struct counts counts_of(const IOExternalMethodArguments *arguments)
{
	return (struct counts){
		.scalar_input = arguments->scalarInputCount,
		.structure_input = arguments->structureInputDescriptor ?
			IOMemoryDescriptor_getLength(arguments->structureInputDescriptor) :
			arguments->structureInputSize,
		.scalar_output = arguments->scalarOutputCount,
		.structure_output = arguments->structureOutputDescriptor ?
			arguments->structureOutputDescriptorSize : arguments->structureOutputSize,
	};
}

/* Of the process that makes this call, which need not be the one that opened the connection. */
static bool caller_has_entitlement(const IOUserClient *client, const char *entitlement)
{
	task_t task = task_of_request ? task_of_request : client->task;

	return task && json_is_true(json_object_get(task->entitlements, entitlement));
}

IOReturn IOUserClient_dispatchExternalMethod(IOUserClient *client, uint32_t selector,
					     IOExternalMethodArguments *arguments,
					     const IOExternalMethodDispatch2022 dispatchArray[],
					     size_t dispatchArrayCount, void *target,
					     void *reference)
{
	const IOExternalMethodDispatch2022 *entry;
	struct counts given;

	if (!client || !arguments)
		return kIOReturnBadArgument;
	if (!dispatchArray)
		return kIOReturnError;
	if (selector >= dispatchArrayCount)
		return kIOReturnBadArgument;
	entry = &dispatchArray[selector];
	given = counts_of(arguments);
	if (!all_fit(&given, entry->checkScalarInputCount, entry->checkStructureInputSize,
		     entry->checkScalarOutputCount, entry->checkStructureOutputSize))
		return kIOReturnBadArgument;
	if (arguments->asyncWakePort != MACH_PORT_NULL && !entry->allowAsync)
		return kIOReturnBadArgument;
	if (entry->checkEntitlement && !caller_has_entitlement(client, entry->checkEntitlement))
		return kIOReturnNotPrivileged;
	if (!entry->function)
		return kIOReturnNoCompletion;
	return entry->function(target, reference, arguments);
}

/* Without an entry it is the oldest style: driver_legacy.c. */
IOReturn IOUserClient_externalMethod(IOUserClient *client, uint32_t selector,
				     IOExternalMethodArguments *arguments,
				     IOExternalMethodDispatch *dispatch, void *target,
				     void *reference)
{
	struct counts given;

	if (!client || !arguments)
		return kIOReturnBadArgument;
	if (!dispatch)
		return client_legacy_method(client, selector, arguments);
	given = counts_of(arguments);
	if (!all_fit(&given, dispatch->checkScalarInputCount, dispatch->checkStructureInputSize,
		     dispatch->checkScalarOutputCount, dispatch->checkStructureOutputSize))
		return kIOReturnBadArgument;
	if (!dispatch->function)
		return kIOReturnNoCompletion;
	return dispatch->function(target, reference, arguments);
}

static bool completion_fits(const OSAction *completion, uint32_t declared)
{
	return declared == kIOUserClientVariableStructureSize ||
	       (completion != NULL) == (declared != 0);
}

kern_return_t IOUserClient_ExternalMethod(IOUserClient *client, uint64_t selector,
					  IOUserClientMethodArguments *arguments,
					  const IOUserClientMethodDispatch *dispatch, void *target,
					  void *reference)
{
	struct counts given;

	(void)selector;
	if (!client || !arguments)
		return kIOReturnBadArgument;
	if (!dispatch)
		return kIOReturnUnsupported;
	given = (struct counts){
		.scalar_input = arguments->scalarInputCount,
		.structure_input = arguments->structureInputDescriptor ?
			IOMemoryDescriptor_getLength(arguments->structureInputDescriptor) :
			OSData_getLength(arguments->structureInput),
		.scalar_output = arguments->scalarOutputCount,
		.structure_output = arguments->structureOutputMaximumSize,
	};
	if (!completion_fits(arguments->completion, dispatch->checkCompletionExists) ||
	    !all_fit(&given, dispatch->checkScalarInputCount, dispatch->checkStructureInputSize,
		     dispatch->checkScalarOutputCount, dispatch->checkStructureOutputSize))
		return kIOReturnBadArgument;
	if (!dispatch->function)
		return kIOReturnNoCompletion;
	return dispatch->function(target, reference, arguments);
}

/* --- by the class's table */

static IOReturn call_classic(IOUserClient *client, uint32_t selector,
			     IOExternalMethodArguments *arguments)
{
	const struct IOUserClientClass *class = client->client_class;
	IOExternalMethodDispatch entry, *chosen = NULL;

	if (class->dispatch && selector < class->dispatchCount) {
		entry = class->dispatch[selector];
		chosen = &entry;
	}
	return IOUserClient_externalMethod(client, selector, arguments, chosen, client, NULL);
}

IOReturn client_external_method(IOUserClient *client, uint32_t selector,
				IOExternalMethodArguments *arguments)
{
	const struct IOUserClientClass *class = client->client_class;

	if (CLIENT_OVERRIDES(client, externalMethod))
		return class->methods->externalMethod(client, selector, arguments, NULL, NULL,
						      NULL);
	if (class->dispatch2022)
		return IOUserClient_dispatchExternalMethod(client, selector, arguments,
							   class->dispatch2022,
							   class->dispatchCount, client, NULL);
	return call_classic(client, selector, arguments);
}

bool client_is_driverkit(const IOUserClient *client)
{
	return CLIENT_OVERRIDES(client, ExternalMethod) || client->client_class->methodDispatch;
}

kern_return_t client_driverkit_method(IOUserClient *client, uint64_t selector,
				      IOUserClientMethodArguments *arguments)
{
	const struct IOUserClientClass *class = client->client_class;
	const IOUserClientMethodDispatch *entry = NULL;

	if (CLIENT_OVERRIDES(client, ExternalMethod))
		return class->methods->ExternalMethod(client, selector, arguments, NULL, NULL,
						      NULL);
	if (selector < class->dispatchCount)
		entry = &class->methodDispatch[selector];
	return IOUserClient_ExternalMethod(client, selector, arguments, entry, client, NULL);
}
