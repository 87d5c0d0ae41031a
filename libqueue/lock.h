/* SPDX-License-Identifier: MIT */
/*
 * lock - a mutex that is held until the end of a block
 */
#pragma once

#include <pthread.h>

#include "cleanup.h"

static inline void unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

#define with_lock(mutex) \
	_cleanup_(unlockp) pthread_mutex_t *locked_ = (mutex); \
	pthread_mutex_lock(locked_)
