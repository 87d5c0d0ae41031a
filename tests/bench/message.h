/* SPDX-License-Identifier: MIT */
/*
 * message - what goes through a ring, and the two loops that are the same for
 * every ring: retry until it goes, and look at what came
 *
 * The first and the last 16 bytes of a message are written by who sends it and
 * compared by who gets it, so that nobody can skip the payload. In pieces of 16
 * bytes: a copy in larger pieces than the stores before it would have to wait
 * for them, in some rings more than in others.
 */
#pragma once

#include <stdbool.h>

#include "bench.h"

typedef uint64_t piece __attribute__((vector_size(16)));

struct message {
	piece pieces[4];
};

bench_inline void mark_message(piece *pieces, size_t n_pieces, uint64_t i)
{
	piece mark = { i, ~i };

	pieces[0] = pieces[n_pieces - 1] = mark;
}

bench_inline void check_message(const piece *pieces, size_t n_pieces, uint64_t i)
{
	const piece *last = &pieces[n_pieces - 1];

	if (pieces[0][0] != i || (*last)[0] != i || (*last)[1] != ~i) {
		fprintf(stderr, "bench: message %llu is not what was sent\n",
			(unsigned long long)i);
		_exit(1);
	}
}

/* One message, or false: full, or empty. */
typedef bool send_message(void *end, const struct message *message);
typedef bool receive_message(void *end, struct message *message);

bench_inline void send_all(send_message *send, void *end, unsigned long count)
{
	struct message message;

	memset(&message, 0, sizeof(message));
	meet();
	for (unsigned long i = 0; i < count; i++) {
		mark_message(message.pieces, 4, i);
		while (!send(end, &message))
			relax();
	}
}

/* Return: messages a second. */
bench_inline double receive_all(receive_message *receive, void *end, unsigned long count)
{
	struct message message;
	double started;

	meet();
	started = now();
	for (unsigned long i = 0; i < count; i++) {
		while (!receive(end, &message))
			relax();
		check_message(message.pieces, 4, i);
	}
	return (double)count / (now() - started);
}
