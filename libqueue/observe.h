/* SPDX-License-Identifier: MIT */
/*
 * observe - a queue as it looks from outside, while others use it
 *
 * Needs no role, writes nothing, and always returns: what moves too quickly is
 * reported as well as it can be.
 */
#pragma once

#include "trust.h"

struct ring_status {
	uint64_t entries;
	uint64_t used;			/* bytes between head and tail */
	uint64_t free;			/* largest payload that fits now */
	uint64_t enqueued, dequeued, overruns;
	uint32_t data_notifications, space_notifications;
	bool corrupt;
};

/*
 * Look at the queue as it stands; @geometry is what it must be. Entries are
 * walked as long as they are few and hold still, else counted by the counters'
 * difference.
 */
void ring_observe(const struct mapping *memory, const struct geometry *geometry,
		  struct ring_status *ret);

/*
 * The entry that stood at *@ret_head a moment ago.
 * Return: 0, -ENODATA when none stood there long enough, or -EIO.
 */
int observe_next(const struct mapping *memory, const struct geometry *geometry,
		 struct found *ret, uint64_t *ret_head);
