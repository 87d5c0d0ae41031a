/* SPDX-License-Identifier: MIT */
/*
 * frame - what is done to a frame that is passed, by stream.c and its peer alike
 *
 * One word of it is written by the one side and read by the other; or all of it, if so wanted.
 */
#pragma once

#include <stdbool.h>

#include "bench.h"

#define N_BUFFERS	8
#define PAUSE_US	500	/* between frames, for the client to fall asleep */

static size_t frame_size;
static unsigned long n_frames;
static bool is_whole;

/* The first word is its number, or the time. */
static void fill_frame(void *data, unsigned long n)
{
	if (is_whole)
		memset(data, (int)(n & 0x7f), frame_size);
	*(unsigned long *)data = n;
}

static void check_frame(const void *data, unsigned long n)
{
	const unsigned long *words = (const unsigned long *)data;
	unsigned long wanted = (n & 0x7f) * 0x0101010101010101ul, others = 0;

	if (is_whole)
		for (size_t i = 1; i < frame_size / sizeof(*words); i++)
			others |= words[i] ^ wanted;
	if (words[0] == n && others == 0)
		return;
	fprintf(stderr, "bench: frame %lu came in the place of %lu\n", words[0], n);
	exit(1);
}

/* --- the time that a frame was sent */

__attribute__((unused))
static void stamp_frame(void *data)
{
	*(double *)data = now();
}

static double *late;		/* seconds, of each frame */

__attribute__((unused))
static void note_stamp(const void *data, unsigned long n)
{
	if (!late)
		late = (double *)calloc(n_frames, sizeof(*late));
	if (!late)
		fail("calloc");
	late[n] = now() - *(const double *)data;
}

/* Microseconds. */
__attribute__((unused))
static void print_stamps(void)
{
	printf("%.3f\n", median(late, n_frames) * 1e6);
}
