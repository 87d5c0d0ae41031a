/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "service/stream_pace.h"
#include "util/clock.h"

#define NS 1000000000.0

static void on_time(struct timer *timer);

/* To the moment when the next step is due, or just after it. */
static void wait(struct stream_pace *pace)
{
	double due = (double)(pace->n_told + pace->step) / pace->rate * NS;
	double left = due - (double)(clock_ns() - pace->start);

	timer_start(&pace->timer, left > 0 ? (uint64_t)(left / 1000000) + 1 : 1, on_time);
}

static void on_time(struct timer *timer)
{
	struct stream_pace *pace = container_of(timer, struct stream_pace, timer);
	double n = (double)(clock_ns() - pace->start) / NS * pace->rate;
	uint64_t due = (uint64_t)n - (uint64_t)n % pace->step - pace->n_told;

	pace->n_told += due;
	wait(pace);		/* first: what is due may stop it */
	if (due > 0)
		pace->due(pace->stream, due);
}

int stream_pace_add(struct stream *stream, const struct stream_builtin *builtin, size_t size,
		    double rate, void (*due)(struct stream *stream, uint64_t n))
{
	struct stream_pace *pace;

	if (stream->builtin || stream->provider)
		return -EBUSY;
	pace = calloc(1, size);
	if (!pace)
		return -ENOMEM;
	*pace = (struct stream_pace){ .stream = stream, .rate = rate, .due = due };
	stream->builtin_state = pace;
	stream->builtin = builtin;
	return 0;
}

void stream_pace_start(struct stream *stream, uint32_t step)
{
	struct stream_pace *pace = stream->builtin_state;

	pace->start = clock_ns();
	pace->n_told = 0;
	pace->step = step;
	wait(pace);
}

void stream_pace_halt(struct stream *stream)
{
	struct stream_pace *pace = stream->builtin_state;

	timer_stop(&pace->timer);
}

void stream_pace_free(struct stream *stream)
{
	stream_pace_halt(stream);
	free(stream->builtin_state);
}
