/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/loop.h"

struct loop {
	int epoll_fd;
	bool stopped;
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

int loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		struct epoll_event event;
		/* One at a time: a handler may free the source of the next. */
		int n = epoll_wait(loop->epoll_fd, &event, 1, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 1) {
			struct source *source = event.data.ptr;

			source->ready(source, event.events);
		}
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
