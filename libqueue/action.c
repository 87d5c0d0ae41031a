/* SPDX-License-Identifier: MIT */
/*
 * action - a handler: a function, what it belongs to, and where it runs
 */
#include <stdlib.h>

#include "action.h"

static void action_free(void *object)
{
	OSAction *action = object;

	free(action->reference);
	OSObject_release(action->queue);
}

static const OSMetaClass action_class = {
	.name = "OSAction",
	.size = sizeof(OSAction),
	.free = action_free,
};

kern_return_t OSAction_Create(void *target, OSActionFunction function, size_t referenceSize,
			      IODispatchQueue *queue, OSAction **ret)
{
	OSAction *action;

	if (!function || !ret)
		return kIOReturnBadArgument;

	action = object_new(&action_class);
	if (!action)
		return kIOReturnNoMemory;
	if (referenceSize > 0) {
		action->reference = calloc(1, referenceSize);
		if (!action->reference) {
			OSObject_release(action);
			return kIOReturnNoMemory;
		}
	}

	action->target = target;
	action->function = function;
	OSObject_retain(queue);
	action->queue = queue;
	*ret = action;
	return kIOReturnSuccess;
}

void *OSAction_GetReference(OSAction *action)
{
	return action ? action->reference : NULL;
}

void *OSAction_GetTarget(OSAction *action)
{
	return action ? action->target : NULL;
}
