/* SPDX-License-Identifier: MIT */
/*
 * loop - one thread, one epoll: descriptors that become ready call a function
 *
 * A handler never sleeps. It may add and remove any source, its own included.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop;

/* Embedded in what it belongs to, which container_of() finds again. */
struct source {
	int fd;					/* the owner's; -1: none */
	void (*ready)(struct source *source, uint32_t events);
	bool watched;
};

#define SOURCE_INIT(handler) ((struct source){ .fd = -1, .ready = (handler) })

int loop_new(struct loop **ret);
struct loop *loop_free(struct loop *loop);

/* Return: 0 or the errno of epoll_ctl(2). Both are harmless when done already. */
int loop_watch(struct loop *loop, struct source *source, uint32_t events);
void loop_unwatch(struct loop *loop, struct source *source);

/* Run handlers until loop_stop(). Return: 0 or the errno of epoll_wait(2). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
