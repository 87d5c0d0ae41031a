/* SPDX-License-Identifier: MIT */
/*
 * OSAction - a handler: a function, what it belongs to, and where it runs
 *
 * Threads	Any thread, any time, as long as the caller has a reference.
 */
#pragma once

#include <IOKit/IODispatchQueue.h>

IOKIT_BEGIN_DECLS

typedef struct OSAction OSAction;

/* @target is that of the action; in the place of a method of it. */
typedef void (*OSActionFunction)(void *target, OSAction *action);

/*
 * A new action: @function is to be called with @target (any pointer, lent as long
 * as the action can be called), on @queue; NULL is the queue of whatever calls it.
 * @referenceSize bytes, all 0, are kept with it for the caller. Stands for the
 * CreateAction...() that is generated for each handler, and OSAction::Create().
 *
 * Return: kIOReturnSuccess and a reference of the caller's in *@action,
 * kIOReturnBadArgument for @function or @action NULL, or kIOReturnNoMemory.
 */
kern_return_t OSAction_Create(void *target, OSActionFunction function, size_t referenceSize,
			      IODispatchQueue *queue, OSAction **action);

/*
 * The caller's own bytes, aligned for anything; NULL for NULL or when there are
 * none. Stands for OSAction::GetReference().
 */
void *OSAction_GetReference(OSAction *action);

/* What it belongs to; NULL for NULL. New. */
void *OSAction_GetTarget(OSAction *action);

IOKIT_END_DECLS
