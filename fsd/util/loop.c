/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/loop.h"

#define SECOND 1000000000	/* nanoseconds */

struct loop {
	int epoll_fd;
	bool stopped;
	uint64_t tidy_at;	/* 0: nothing was done since the last time */
	uint64_t pause;		/* at least so long before the next time */
};

int loop_new(struct loop **ret)
{
	_cleanup_(freep) struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	*ret = steal(loop);
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (loop)
		close_fd(loop->epoll_fd);
	free(loop);
	return NULL;
}

int loop_watch(struct loop *loop, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (source->watched)
		return 0;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->watched = true;
	return 0;
}

void loop_unwatch(struct loop *loop, struct source *source)
{
	if (source->watched)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->watched = false;
}

/*
 * malloc() keeps what was freed below anything that is in use, and so the most that there
 * ever was. A second after something was done it goes back to the kernel, or later where
 * there is so much that this would take a hundredth of the time; who is idle is not woken.
 *
 * Return: how many milliseconds that is from now; -1: nothing was done.
 */
static int tidy(struct loop *loop)
{
#ifdef HAVE_MALLOC_TRIM
	uint64_t now;

	if (loop->tidy_at == 0)
		return -1;
	now = clock_ns();
	if (now < loop->tidy_at)
		return (int)((loop->tidy_at - now) / 1000000) + 1;
	malloc_trim(0);
	loop->pause = 100 * (clock_ns() - now);
	loop->tidy_at = 0;
#else
	(void)loop;
#endif
	return -1;
}

/* Something was done. */
static void untidy(struct loop *loop)
{
	if (loop->tidy_at == 0)
		loop->tidy_at = clock_ns() + (loop->pause > SECOND ? loop->pause : SECOND);
}

int loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		struct epoll_event event;
		/* One at a time: a handler may free the source of the next. */
		int n = epoll_wait(loop->epoll_fd, &event, 1, tidy(loop));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 1) {
			struct source *source = event.data.ptr;

			source->ready(source, event.events);
			untidy(loop);
		}
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
