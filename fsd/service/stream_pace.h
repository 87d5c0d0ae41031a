/* SPDX-License-Identifier: MIT */
/*
 * stream_pace - the clock of a driver inside fsd: so many frames a second
 */
#pragma once

#include "service/stream.h"

/* What the state of such a driver begins with: stream.builtin_state leads to it. */
struct stream_pace {
	struct timer timer;
	struct stream *stream;		/* borrowed */
	double rate;			/* frames a second */
	uint64_t start;			/* ns, CLOCK_MONOTONIC */
	uint64_t n_told;		/* frames that were due since the start */
	uint32_t step;			/* frames that are due together */
	void (*due)(struct stream *stream, uint64_t n);
};

#define STREAM_MAX_RATE 1000000.0

/* @builtin drives it, with a state of @size bytes. Return: 0, -EBUSY, -ENOMEM. */
int stream_pace_add(struct stream *stream, const struct stream_builtin *builtin, size_t size,
		    double rate, void (*due)(struct stream *stream, uint64_t n));

/* From now on, and the first @step frames after as much time as they take. */
void stream_pace_start(struct stream *stream, uint32_t step);
void stream_pace_halt(struct stream *stream);
void stream_pace_free(struct stream *stream);

/* Drivers inside fsd, of a stream that has none. Return: 0, -EBUSY, -ENOMEM. */
int stream_add_source(struct stream *stream, double rate);
int stream_add_sink(struct stream *stream, double rate);
