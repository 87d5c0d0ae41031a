/* SPDX-License-Identifier: MIT */
/*
 * seat - who holds a role of a queue
 *
 *	          take                  release
 *	FREE -------------> PROGRAM ---------------> FREE
 *	 |  \  join                leave               ^
 *	 |   +------------> FSD ---------------------->|
 *	 | start: the record names a living process    |
 *	 +----------------> ADOPTED -------------------+  it ended
 *	                       `-- take, the same process --> PROGRAM
 *
 * FREE		nobody, as far as we know: with links to the memory a program
 *		holds a role by a lock on the file, and only the lock tells
 * PROGRAM	an open file of a program's; `holder` is in the record
 * FSD		our own agent, for those who have `enqueue` or `dequeue` open
 * ADOPTED	`holder` had it before we were restarted; its pidfd is watched
 */
#pragma once

#include <stdio.h>

#include "store/record.h"
#include "util/loop.h"

struct queue;

enum seat_state { SEAT_FREE, SEAT_PROGRAM, SEAT_FSD, SEAT_ADOPTED };

struct seat {
	enum seat_state state;
	enum side side;
	struct queue *queue;		/* borrowed: it holds us */
	struct holder holder;		/* PROGRAM, ADOPTED */
	struct source ended;		/* ADOPTED: a pidfd */
};

void seat_init(struct seat *seat, struct queue *queue, enum side side);
void seat_deinit(struct seat *seat);

/* An open file of @caller's takes it. Return: 0, -EBUSY, or why it could not be recorded. */
int seat_take(struct seat *seat, const struct caller *caller);

/* That file is closed. */
void seat_release(struct seat *seat);

/*
 * Our agent takes it. Return: a descriptor of the side's own file, open for
 * reading and writing (and locked, where locks hold roles), or -EBUSY, or why not.
 */
int seat_join(struct seat *seat);
void seat_leave(struct seat *seat);

/* Give it to the process that had it, if that still lives. */
void seat_adopt(struct seat *seat, const struct holder *holder);

bool seat_is_held(struct seat *seat);

/* "none", "fsd", a pid, or "held". */
void seat_show(struct seat *seat, FILE *out);
