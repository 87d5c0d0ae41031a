/* SPDX-License-Identifier: MIT */
/*
 * bell - our end of a queue's FIFO: to hear it, to ring it, or both
 *
 * It is opened from the opener's thread and only when there is need: as long as
 * it is open the mount is busy. It is open for reading and writing, so it never
 * hangs up on us and rings without a listener are no error.
 */
#pragma once

#include "util/loop.h"
#include "util/opener.h"

struct bell {
	struct source source;
	struct opening *opening;	/* under way, or NULL */
	int error;			/* why it cannot be opened, or 0 */
	bool ring_is_due;		/* as soon as it is open */
	struct loop *loop;		/* borrowed */
	void (*changed)(struct bell *bell);	/* rung, or open, or found not to be openable */
};

void bell_init(struct bell *bell, struct loop *loop, void (*changed)(struct bell *bell));

/* Close it. */
void bell_deinit(struct bell *bell);

/* Return: 1 when it is open, 0 when it is being opened, or why it cannot be. */
int bell_open(struct bell *bell, struct opener *opener, const char *path);

/* Hear it from now on, or no more. Only while it is open. */
int bell_listen(struct bell *bell, bool listen);

/* One byte, now or once it is open. That it is full is as good. */
void bell_ring(struct bell *bell, struct opener *opener, const char *path);

/* A ring is still to come; `changed` tells when it was. */
bool bell_is_due(const struct bell *bell);
