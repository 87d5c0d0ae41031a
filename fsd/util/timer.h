/* SPDX-License-Identifier: MIT */
/*
 * timer - call a function of the loop's after some time, once
 */
#pragma once

#include "util/list.h"
#include "util/loop.h"

struct timer {
	struct list link;		/* all that run, the next first */
	uint64_t due;			/* CLOCK_MONOTONIC, milliseconds */
	void (*expired)(struct timer *timer);
};

/* Before the first timer, and at the end. Return: 0 or an errno. */
int timers_init(struct loop *loop);
void timers_deinit(struct loop *loop);

/* Start it, or start it anew. */
void timer_start(struct timer *timer, uint64_t milliseconds, void (*expired)(struct timer *timer));
/* Harmless for one that does not run; a zeroed timer does not. */
void timer_stop(struct timer *timer);
