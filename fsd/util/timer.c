/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/timerfd.h>

#include "util/clock.h"
#include "util/timer.h"

static struct list timers = LIST_INIT(timers);
static struct source source = { .fd = -1 };

static uint64_t now_ms(void)
{
	return clock_ns() / 1000000;
}

static struct timer *next_timer(void)
{
	return list_is_empty(&timers) ? NULL : container_of(timers.next, struct timer, link);
}

static void arm(void)
{
	struct timer *next = next_timer();
	struct itimerspec when = { 0 };

	if (next) {
		when.it_value.tv_sec = (time_t)(next->due / 1000);
		when.it_value.tv_nsec = (long)(next->due % 1000 * 1000000 + 1);	/* 0 would disarm */
	}
	timerfd_settime(source.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_time(struct source *self, uint32_t events)
{
	uint64_t n;
	struct timer *timer;

	(void)events;
	if (read(self->fd, &n, sizeof(n)) < 0)
		return;
	while ((timer = next_timer()) && timer->due <= now_ms()) {
		list_remove(&timer->link);
		timer->expired(timer);
	}
	arm();
}

int timers_init(struct loop *loop)
{
	source = SOURCE_INIT(on_time);
	source.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return source.fd < 0 ? -errno : loop_watch(loop, &source, EPOLLIN);
}

void timers_deinit(struct loop *loop)
{
	if (source.fd >= 0)
		loop_unwatch(loop, &source);
	source.fd = close_fd(source.fd);
}

void timer_start(struct timer *timer, uint64_t milliseconds, void (*expired)(struct timer *timer))
{
	struct list *after = timers.previous;

	timer_stop(timer);
	timer->due = now_ms() + milliseconds;
	timer->expired = expired;
	list_init(&timer->link);
	/* Most are due last. */
	while (after != &timers && container_of(after, struct timer, link)->due > timer->due)
		after = after->previous;
	list_append(after->next, &timer->link);
	if (next_timer() == timer)
		arm();
}

void timer_stop(struct timer *timer)
{
	bool was_next = next_timer() == timer;

	if (!timer->link.next)
		return;
	list_remove(&timer->link);
	if (was_next)
		arm();
}
