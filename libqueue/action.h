/* SPDX-License-Identifier: MIT */
/*
 * action - a handler: a function, what it belongs to, and where it runs
 */
#pragma once

#include <IOKit/OSAction.h>

#include "object.h"

struct OSAction {
	OSObject object;
	void *target;			/* borrowed */
	OSActionFunction function;
	IODispatchQueue *queue;		/* owned; NULL: the caller's */
	void *reference;		/* owned */
};

static inline void action_call(OSAction *action)
{
	action->function(action->target, action);
}
