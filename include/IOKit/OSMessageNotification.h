/* SPDX-License-Identifier: MIT */
/*
 * OSMessageNotification - the numbers of asynchronous calls and notifications
 *
 * A program that makes an asynchronous call says with it what is to be called when it
 * is complete: up to eight words, a reference.
 */
#pragma once

#include <IOKit/IOTypes.h>

/* Words of a reference. */
enum {
	kIOAsyncReservedIndex = 0,	/* the transport's */
	kIOAsyncReservedCount,
	kIOAsyncCalloutFuncIndex = kIOAsyncReservedCount,	/* the function */
	kIOAsyncCalloutRefconIndex,				/* its first argument */
	kIOAsyncCalloutCount,
	kOSAsyncRefCount = 8,
	kOSAsyncRef64Count = 8
};

#define kMaxAsyncArgs		16	/* words that a completion brings, at most */
#define kOSAsyncRef64Size	(kOSAsyncRef64Count * (int)sizeof(io_user_reference_t))

typedef io_user_reference_t	OSAsyncReference64[kOSAsyncRef64Count];

/* Kinds of messages. */
enum {
	kOSNotificationMessageID = 53,
	kOSAsyncCompleteMessageID = 57
};
